//! How is an elementwise function summed up over axes (or its maximum taken)? A few hundred values at a time, in a stack buffer that stays
//! in the first-level cache: the values are never stored as an array.
//!
//! As in `reduce.rs`, the order of combination depends on sizes alone.

use crate::array::layout::{Axes, Layout};
use crate::array::scalar::Scalar;
use crate::array::view::View;
use crate::kernels::elementwise::{Elementwise, Run};
use crate::kernels::parallel;
use crate::kernels::reduce::{Reducer, RowReducer};
use crate::kernels::strided::{Nest, gather};

/// Values that are computed at a time.
const CHUNK: usize = 512;
/// Elements from which a thread of its own pays.
const PART: usize = 16 * 1024;
/// Parts of one reduction are made longer rather than more than this many.
const MAX_PARTS: usize = 256;

/// Reduces `f(x..)` over some axes into `y`, whose elements are those of the other axes in order. All operands have one shape; they may be
/// strided or broadcast.
pub(crate) fn fold<T: Scalar, F: Elementwise<T, N>, R: Reducer<T>, const N: usize>(
    f: F,
    x: [View<'_, T>; N],
    axes: Axes,
    r: R,
    y: &mut [T],
) {
    walk(&f, x, axes, &r, y);
}

/// The elements that output `i` of a reduction is made of: where they begin, and how they lie.
pub(crate) fn group<T: Scalar>(x: &View<'_, T>, axes: Axes, mut i: usize) -> (usize, Layout) {
    let (shape, strides) = (x.shape(), x.strides());
    let mut at = x.offset as isize;
    for axis in (0..shape.len()).rev().filter(|&axis| !axes.has(axis)) {
        at += (i % shape[axis]) as isize * strides[axis];
        i /= shape[axis];
    }
    let sizes = (0..shape.len()).map(|axis| if axes.has(axis) { shape[axis] } else { 1 }).collect();
    (at as usize, Layout::new(sizes, strides.into()))
}

fn walk<T: Scalar, const N: usize>(f: &dyn Run<T, N>, x: [View<'_, T>; N], axes: Axes, r: &dyn RowReducer<T>, y: &mut [T]) {
    let n = x[0].layout.numel();
    if n == 0 {
        return y.fill(r.nothing());
    }
    let (mut data, mut strides, mut start): ([&[T]; N], [&[isize]; N], _) = ([&[]; N], [&[]; N], [0; N]);
    for (k, x) in x.iter().enumerate() {
        (data[k], strides[k], start[k]) = (x.data, x.strides(), x.offset as isize);
    }
    if y.len() == 1 && x.iter().all(|x| x.layout.is_contiguous()) {
        let part = if n <= 2 * PART { n } else { PART.max(n.div_ceil(MAX_PARTS)) };
        let mut parts = [T::ZERO; MAX_PARTS];
        let parts = &mut parts[..n.div_ceil(part)];
        parallel::parts(parts, 1, &|first, parts| {
            for (i, p) in parts.iter_mut().enumerate() {
                let from = (first + i) * part;
                *p = row(f, data, moved(start, from, &[1; N]), &[1; N], part.min(n - from), r);
            }
        });
        y[0] = r.nothing();
        for &part in &*parts {
            y[0] = r.both(y[0], part);
        }
        return;
    }
    let kept = Nest::new(x[0].shape(), strides, |a| !axes.has(a));
    let gone = Nest::new(x[0].shape(), strides, |a| axes.has(a));
    let each = (PART * kept.rows()).div_ceil(n).max(1) * kept.row;
    let columns = kept.row > 1 && kept.step[0] == 1 && gone.step[0] != 1;
    // Parts are whole rows of the output, unless there is only one.
    let each = if kept.rows() == 1 { (PART * y.len()).div_ceil(n) } else { each };
    parallel::parts(y, each, &|first, y| {
        let (skip, rows) = if kept.rows() == 1 { (first, 0..1) } else { (0, first / kept.row..(first + y.len()) / kept.row) };
        let length = if kept.rows() == 1 { y.len() } else { kept.row };
        let mut outputs = y.chunks_exact_mut(length);
        kept.each(rows, start, |base| {
            let y = outputs.next().expect("as many rows as the shape says");
            if columns {
                for (c, y) in y.chunks_mut(CHUNK).enumerate() {
                    y.fill(r.nothing());
                    gone.each(0..gone.rows(), moved(base, skip + c * CHUNK, &kept.step), |base| {
                        for i in 0..gone.row {
                            chunk(f, data, moved(base, i, &gone.step), &kept.step, y.len(), &mut |values| r.add(y, values));
                        }
                    });
                }
            } else {
                for (i, y) in y.iter_mut().enumerate() {
                    *y = r.nothing();
                    gone.each(0..gone.rows(), moved(base, skip + i, &kept.step), |at| {
                        *y = r.both(*y, row(f, data, at, &gone.step, gone.row, r));
                    });
                }
            }
        });
    });
}

/// The places `i` steps further.
#[inline]
fn moved<const N: usize>(mut at: [isize; N], i: usize, step: &[isize; N]) -> [isize; N] {
    for k in 0..N {
        at[k] += i as isize * step[k];
    }
    at
}

/// The reduction of one row.
fn row<T: Scalar, const N: usize>(
    f: &dyn Run<T, N>,
    data: [&[T]; N],
    at: [isize; N],
    step: &[isize; N],
    n: usize,
    r: &dyn RowReducer<T>,
) -> T {
    let mut total = r.nothing();
    for from in (0..n).step_by(CHUNK) {
        chunk(f, data, moved(at, from, step), step, CHUNK.min(n - from), &mut |values| total = r.both(total, r.row(values)));
    }
    total
}

/// The values of a part of a row, at most [`CHUNK`] of them.
fn chunk<T: Scalar, const N: usize>(
    f: &dyn Run<T, N>,
    data: [&[T]; N],
    at: [isize; N],
    step: &[isize; N],
    n: usize,
    then: &mut dyn FnMut(&[T]),
) {
    // Clearing large buffers for a few elements would cost more than the elements.
    match n {
        ..=32 => chunk_in::<T, N, 32>(f, data, at, step, n, then),
        _ => chunk_in::<T, N, CHUNK>(f, data, at, step, n, then),
    }
}

fn chunk_in<T: Scalar, const N: usize, const CHUNK: usize>(
    f: &dyn Run<T, N>,
    data: [&[T]; N],
    at: [isize; N],
    step: &[isize; N],
    n: usize,
    then: &mut dyn FnMut(&[T]),
) {
    let mut values = [T::ZERO; CHUNK];
    let values = &mut values[..n];
    let mut x: [&[T]; N] = [&[]; N];
    if *step == [1; N] {
        for k in 0..N {
            x[k] = &data[k][at[k] as usize..][..n];
        }
        f.run(x, values);
    } else {
        let mut buffers = [[T::ZERO; CHUNK]; N];
        for (k, buffer) in buffers.iter_mut().enumerate() {
            x[k] = match step[k] {
                1 => &data[k][at[k] as usize..][..n],
                step => {
                    gather(data[k], at[k], step, &mut buffer[..n]);
                    &buffer[..n]
                }
            };
        }
        f.run(x, values);
    }
    then(values);
}
