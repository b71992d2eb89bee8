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

/// The largest number of values that are computed at a time.
const CHUNK: usize = 512;
/// Elements from which a thread of its own pays.
const PART: usize = 16 * 1024;
/// The largest number of parts of a reduction: beyond it, parts are longer.
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

/// The elements that are reduced to output `i`: where they begin, and their layout.
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
        return y.fill(r.empty());
    }
    let (mut data, mut strides, mut start): ([&[T]; N], [&[isize]; N], _) = ([&[]; N], [&[]; N], [0; N]);
    for (k, x) in x.iter().enumerate() {
        (data[k], strides[k], start[k]) = (x.data, x.strides(), x.offset as isize);
    }
    if y.len() == 1 && x.iter().all(|x| x.layout.is_contiguous()) {
        let values = Values { f, data, step: [1; N] };
        let part = if n <= 2 * PART { n } else { PART.max(n.div_ceil(MAX_PARTS)) };
        let mut parts = [T::ZERO; MAX_PARTS];
        let parts = &mut parts[..n.div_ceil(part)];
        parallel::parts(parts, 1, &|first, parts| {
            for (i, p) in parts.iter_mut().enumerate() {
                let from = (first + i) * part;
                *p = values.reduce(moved(start, from, &values.step), part.min(n - from), r);
            }
        });
        y[0] = r.empty();
        for &part in &*parts {
            y[0] = r.join(y[0], part);
        }
        return;
    }
    let outputs = Nest::new(x[0].shape(), strides, |a| !axes.has(a));
    let reduced = Nest::new(x[0].shape(), strides, |a| axes.has(a));
    let columns = outputs.row > 1 && outputs.step[0] == 1 && reduced.step[0] != 1;
    let values = Values { f, data, step: if columns { outputs.step } else { reduced.step } };
    // Parts are whole rows of the output, unless there is only one.
    let one_row = outputs.rows() == 1;
    let each = if one_row { (PART * y.len()).div_ceil(n) } else { (PART * outputs.rows()).div_ceil(n).max(1) * outputs.row };
    parallel::parts(y, each, &|first, y| {
        let (skip, rows) = if one_row { (first, 0..1) } else { (0, first / outputs.row..(first + y.len()) / outputs.row) };
        let length = if one_row { y.len() } else { outputs.row };
        let mut y_rows = y.chunks_exact_mut(length);
        outputs.each(rows, start, |base| {
            let y = y_rows.next().expect("as many rows as the shape says");
            if columns {
                for (c, y) in y.chunks_mut(CHUNK).enumerate() {
                    y.fill(r.empty());
                    reduced.each(0..reduced.rows(), moved(base, skip + c * CHUNK, &outputs.step), |base| {
                        for i in 0..reduced.row {
                            values.compute(moved(base, i, &reduced.step), y.len(), &mut |values| r.add(y, values));
                        }
                    });
                }
            } else {
                for (i, y) in y.iter_mut().enumerate() {
                    *y = r.empty();
                    reduced.each(0..reduced.rows(), moved(base, skip + i, &outputs.step), |at| {
                        *y = r.join(*y, values.reduce(at, reduced.row, r));
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

/// The values of a function along rows of its operands: element `i` of operand `k` is at `at[k] + i * step[k]` in `data[k]`.
struct Values<'a, T, const N: usize> {
    f: &'a dyn Run<T, N>,
    data: [&'a [T]; N],
    step: [isize; N],
}

impl<T: Scalar, const N: usize> Values<'_, T, N> {
    /// Reduces the `n` values from `at` on.
    fn reduce(&self, at: [isize; N], n: usize, r: &dyn RowReducer<T>) -> T {
        let mut total = r.empty();
        for from in (0..n).step_by(CHUNK) {
            let add = &mut |values: &[T]| total = r.join(total, r.row(values));
            self.compute(moved(at, from, &self.step), CHUNK.min(n - from), add);
        }
        total
    }
    /// Calls `then` with the `n` values from `at` on, at most [`CHUNK`].
    fn compute(&self, at: [isize; N], n: usize, then: &mut dyn FnMut(&[T])) {
        // Clearing large buffers for a few elements would cost more than the elements.
        match n {
            ..=32 => self.compute_in::<32>(at, n, then),
            _ => self.compute_in::<CHUNK>(at, n, then),
        }
    }
    /// As [`Values::compute`], in buffers of a given length.
    fn compute_in<const LEN: usize>(&self, at: [isize; N], n: usize, then: &mut dyn FnMut(&[T])) {
        let (data, mut values) = (self.data, [T::ZERO; LEN]);
        let values = &mut values[..n];
        let mut x: [&[T]; N] = [&[]; N];
        if self.step == [1; N] {
            for k in 0..N {
                x[k] = &data[k][at[k] as usize..][..n];
            }
            self.f.run(x, values);
        } else {
            let mut buffers = [[T::ZERO; LEN]; N];
            for (k, buffer) in buffers.iter_mut().enumerate() {
                x[k] = match self.step[k] {
                    1 => &data[k][at[k] as usize..][..n],
                    step => {
                        gather(data[k], at[k], step, &mut buffer[..n]);
                        &buffer[..n]
                    }
                };
            }
            self.f.run(x, values);
        }
        then(values);
    }
}
