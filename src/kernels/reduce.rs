//! How are axes reduced? By rows where the reduced elements lie together, by adding rows up where they do not.
//!
//! The order of combination depends on sizes alone, never on the number of threads: the same input gives the same bits.

use crate::array::layout::Axes;
use crate::array::scalar::Scalar;
use crate::array::simd::{Kernel, Simd, dispatch};
use crate::array::view::View;
use crate::kernels::parallel;
use crate::kernels::strided::Nest;

/// How two elements become one.
pub(crate) trait Reducer<T>: Copy + Sync {
    /// What an empty reduction gives.
    fn identity(self) -> T;
    /// Must be `#[inline(always)]`.
    fn combine(self, a: T, b: T) -> T;
}

/// The sum; 0 of nothing.
#[derive(Clone, Copy)]
pub(crate) struct Sum;
/// The product; 1 of nothing.
#[derive(Clone, Copy)]
pub(crate) struct Prod;
/// The largest element; NaN if one is.
#[derive(Clone, Copy)]
pub(crate) struct Max;

impl<T: Scalar> Reducer<T> for Sum {
    fn identity(self) -> T {
        T::ZERO
    }
    #[inline(always)]
    fn combine(self, a: T, b: T) -> T {
        a + b
    }
}
impl<T: Scalar> Reducer<T> for Prod {
    fn identity(self) -> T {
        T::ONE
    }
    #[inline(always)]
    fn combine(self, a: T, b: T) -> T {
        a * b
    }
}
impl<T: Scalar> Reducer<T> for Max {
    fn identity(self) -> T {
        -T::INFINITY
    }
    #[inline(always)]
    #[allow(clippy::eq_op)] // x != x asks for NaN, without a branch
    fn combine(self, a: T, b: T) -> T {
        if b > a || b != b { b } else { a }
    }
}

/// Elements of a large reduction that make one part: parts are reduced in parallel and combined in order.
const PART: usize = 16 * 1024;
/// Parts are made longer rather than more than this many.
const MAX_PARTS: usize = 256;
/// Parts are multiples of this, so that they can be fed in equal pieces.
pub(crate) const PIECE: usize = 1024;
/// Independent accumulators, so that additions do not wait for each other.
const LANES: usize = 64;

/// How many elements each part of a reduction of `len` has, but for the last.
pub(crate) fn part_len(len: usize) -> usize {
    if len <= 2 * PART { len } else { PART.max(len.div_ceil(MAX_PARTS).next_multiple_of(PIECE)) }
}

/// Combines what parts were reduced to.
pub(crate) fn combine<T: Scalar, R: Reducer<T>>(parts: &[T], r: R) -> T {
    match parts {
        [whole] => *whole,
        _ => parts.iter().fold(r.identity(), |a, &b| r.combine(a, b)),
    }
}

/// A part that is reduced piece by piece, to the same bits as at once. Pieces, but for the last, are multiples of [`LANES`].
pub(crate) struct Accumulator<T, R> {
    lanes: [T; LANES],
    fed: usize,
    r: R,
}

impl<T: Scalar, R: Reducer<T>> Accumulator<T, R> {
    #[inline(always)]
    pub fn new(r: R) -> Self {
        Accumulator { lanes: [r.identity(); LANES], fed: 0, r }
    }
    /// Takes the next piece.
    pub fn feed(&mut self, x: &[T]) {
        dispatch(Feed(self, x));
    }
    #[inline(always)]
    fn add(&mut self, x: &[T]) {
        let (mut lanes, r) = (self.lanes, self.r);
        let chunks = x.chunks_exact(LANES);
        let rest = chunks.remainder();
        for c in chunks {
            for i in 0..LANES {
                lanes[i] = r.combine(lanes[i], c[i]);
            }
        }
        for (a, &b) in lanes.iter_mut().zip(rest) {
            *a = r.combine(*a, b);
        }
        self.lanes = lanes;
        self.fed += x.len();
    }
    /// What all pieces are reduced to; it begins anew after that.
    #[inline(always)]
    pub fn take(&mut self) -> T {
        let r = self.r;
        let Accumulator { mut lanes, fed, .. } = std::mem::replace(self, Accumulator::new(r));
        if fed < LANES {
            return lanes[..fed].iter().fold(r.identity(), |a, &b| r.combine(a, b));
        }
        let mut half = LANES / 2;
        while half > 0 {
            for i in 0..half {
                lanes[i] = r.combine(lanes[i], lanes[i + half]);
            }
            half /= 2;
        }
        lanes[0]
    }
}

struct Feed<'a, T, R>(&'a mut Accumulator<T, R>, &'a [T]);

impl<T: Scalar, R: Reducer<T>> Kernel for Feed<'_, T, R> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        self.0.add(self.1);
    }
}

struct RowKernel<'a, T, R> {
    x: &'a [T],
    r: R,
}

impl<T: Scalar, R: Reducer<T>> Kernel for RowKernel<'_, T, R> {
    type Out = T;
    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> T {
        row_of(self.x, self.r)
    }
}

// What kernels do that are plain loops knows nothing of instruction sets: here and below it stands in functions of its own, which are made once
// for a number type, and inlined into the code for each instruction set.

#[inline(always)]
fn row_of<T: Scalar, R: Reducer<T>>(x: &[T], r: R) -> T {
    if x.len() < LANES {
        return x.iter().fold(r.identity(), |a, &b| r.combine(a, b));
    }
    let mut all = Accumulator::new(r);
    all.add(x);
    all.take()
}

/// Reduces a slice.
pub(crate) fn row<T: Scalar, R: Reducer<T>>(x: &[T], r: R) -> T {
    let part = part_len(x.len());
    if part == x.len() {
        return dispatch(RowKernel { x, r });
    }
    let mut parts = [T::ZERO; MAX_PARTS];
    let n = x.len().div_ceil(part);
    parallel::parts(&mut parts[..n], 1, &|i, p| {
        for (p, x) in p.iter_mut().zip(x[i * part..].chunks(part)) {
            *p = dispatch(RowKernel { x, r });
        }
    });
    combine(&parts[..n], r)
}

struct AddRows<'a, T, R> {
    acc: &'a mut [T],
    x: &'a [T],
    r: R,
}

impl<T: Scalar, R: Reducer<T>> Kernel for AddRows<'_, T, R> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        add_row(self.acc, self.x, self.r);
    }
}

#[inline(always)]
fn add_row<T: Scalar, R: Reducer<T>>(acc: &mut [T], x: &[T], r: R) {
    for (a, &b) in acc.iter_mut().zip(x) {
        *a = r.combine(*a, b);
    }
}

struct AllRows<'a, T, R> {
    x: &'a [T],
    y: &'a mut [T],
    r: R,
}

impl<T: Scalar, R: Reducer<T>> Kernel for AllRows<'_, T, R> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        all_rows(self.x, self.y, self.r);
    }
}

#[inline(always)]
fn all_rows<T: Scalar, R: Reducer<T>>(x: &[T], y: &mut [T], r: R) {
    y.fill(r.identity());
    for row in x.chunks_exact(y.len()) {
        add_row(y, row, r);
    }
}

/// A [`Reducer`] of whole rows, its type forgotten: what walks over arrays is compiled once for a number type.
pub(crate) trait RowReducer<T>: Sync {
    /// What an empty reduction gives.
    fn nothing(&self) -> T;
    /// Two results become one.
    fn both(&self, a: T, b: T) -> T;
    /// Reduces a slice on this thread.
    fn row(&self, x: &[T]) -> T;
    /// Combines each element of `x` into that of `acc`.
    fn add(&self, acc: &mut [T], x: &[T]);
    /// Reduces the elements of a nest that begins at `start` in `x`.
    fn group(&self, x: &[T], nest: &Nest<1>, start: isize) -> T;
    /// The same of each of neighbouring nests, into one element of `y` each.
    fn groups(&self, x: &[T], nest: &Nest<1>, start: isize, y: &mut [T]);
}

impl<T: Scalar, R: Reducer<T>> RowReducer<T> for R {
    fn nothing(&self) -> T {
        self.identity()
    }
    fn both(&self, a: T, b: T) -> T {
        self.combine(a, b)
    }
    fn row(&self, x: &[T]) -> T {
        dispatch(RowKernel { x, r: *self })
    }
    fn add(&self, acc: &mut [T], x: &[T]) {
        dispatch(AddRows { acc, x, r: *self });
    }
    fn group(&self, x: &[T], nest: &Nest<1>, start: isize) -> T {
        let r = *self;
        let mut total = r.identity();
        let mut add = |at: isize| {
            let part = match nest.step[0] {
                1 => dispatch(RowKernel { x: &x[at as usize..][..nest.row], r }),
                step => (0..nest.row as isize).fold(r.identity(), |a, i| r.combine(a, x[(at + i * step) as usize])),
            };
            total = r.combine(total, part);
        };
        if nest.is_row() {
            add(start);
        } else {
            nest.each(0..nest.rows(), [start], |[at]| add(at));
        }
        total
    }
    fn groups(&self, x: &[T], nest: &Nest<1>, start: isize, y: &mut [T]) {
        let r = *self;
        y.fill(r.identity());
        nest.each(0..nest.rows(), [start], |[at]| {
            for i in 0..nest.row as isize {
                let x = &x[(at + i * nest.step[0]) as usize..][..y.len()];
                dispatch(AddRows { acc: y, x, r });
            }
        });
    }
}

/// Reduces some axes of `x` into `y`, whose elements are those of the other axes in order.
pub(crate) fn reduce<T: Scalar, R: Reducer<T>>(x: View<'_, T>, axes: Axes, y: &mut [T], r: R) {
    if let (Some(x), 1) = (x.as_slice(), y.len()) {
        y[0] = row(x, r);
        return;
    }
    if x.layout.numel() == 0 {
        return y.fill(r.identity());
    }
    // Small matrices whose rows are added up, the gradients of biases: without the preparations for the general case.
    let leading = (0..x.shape().len()).filter(|&a| axes.has(a)).count();
    if let Some(x) = x.as_slice()
        && x.len() <= PART
        && (0..leading).all(|a| axes.has(a))
    {
        return dispatch(AllRows { x, y, r });
    }
    walk(x, axes, y, &r);
}

fn walk<T: Scalar>(x: View<'_, T>, axes: Axes, y: &mut [T], r: &dyn RowReducer<T>) {
    let kept = Nest::new(x.shape(), [x.strides()], |a| !axes.has(a));
    let gone = Nest::new(x.shape(), [x.strides()], |a| axes.has(a));
    let (start, step) = (x.offset as isize, kept.step[0]);
    // The kept elements lie together: whole rows are added up. Else one output element after the other.
    let together = step == 1 && gone.step[0] != 1 && kept.row > 1;
    if !together && kept.rows() == 1 {
        let each = (PART * y.len()).div_ceil(x.layout.numel());
        return parallel::parts(y, each, &|first, y| {
            for (i, y) in y.iter_mut().enumerate() {
                *y = r.group(x.data, &gone, start + (first + i) as isize * step);
            }
        });
    }
    let each = (PART * kept.rows()).div_ceil(x.layout.numel()) * kept.row;
    parallel::parts(y, each, &|first, y| {
        let mut rows = y.chunks_exact_mut(kept.row);
        kept.each(first / kept.row..first / kept.row + rows.len(), [start], |[base]| {
            let row = rows.next().expect("as many rows as the shape says");
            if together {
                return r.groups(x.data, &gone, base, row);
            }
            for (i, y) in row.iter_mut().enumerate() {
                *y = r.group(x.data, &gone, base + i as isize * step);
            }
        });
    });
}

/// The sum of all lanes, always in the same order.
#[inline(always)]
pub(super) fn halved<T: Scalar, const LANES: usize>(acc: &mut [T; LANES]) -> T {
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            acc[i] += acc[i + half];
        }
        half /= 2;
    }
    acc[0]
}
