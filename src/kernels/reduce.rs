//! How are axes reduced? Where the reduced elements lie together, row by row; elsewhere whole rows are added up.
//!
//! The order of combination depends on sizes alone, never on the number of threads: the same input gives the same bits.

use crate::array::layout::Axes;
use crate::array::scalar::Scalar;
use crate::array::simd::{LoopKernel, dispatch};
use crate::array::view::View;
use crate::kernels::parallel;
use crate::kernels::strided::Nest;

/// An associative operation, and its identity.
pub(crate) trait Reducer<T>: Copy + Sync {
    /// The result of an empty reduction.
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

/// The least number of elements of a part of a large reduction. Parts are reduced in parallel and combined in order.
const PART: usize = 16 * 1024;
/// The largest number of parts: beyond it, parts are longer.
const MAX_PARTS: usize = 256;
/// The length of a part is a multiple of this, so that it can be fed in equal pieces.
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

/// Reduces a part piece by piece, to the same bits as all at once. The length of each piece but the last is a multiple of [`LANES`].
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
    /// What all pieces are reduced to. The next piece begins a new part.
    #[inline(always)]
    pub fn take(&mut self) -> T {
        let r = self.r;
        let Accumulator { mut lanes, fed, .. } = std::mem::replace(self, Accumulator::new(r));
        if fed < LANES {
            return lanes[..fed].iter().fold(r.identity(), |a, &b| r.combine(a, b));
        }
        halved(&mut lanes, r)
    }
}

/// All lanes combined, always in the same order: the upper half into the lower, until one lane is left.
#[inline(always)]
pub(super) fn halved<T: Scalar, R: Reducer<T>, const LANES: usize>(lanes: &mut [T; LANES], r: R) -> T {
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            lanes[i] = r.combine(lanes[i], lanes[i + half]);
        }
        half /= 2;
    }
    lanes[0]
}

/// Feeds a piece to an accumulator.
struct Feed<'a, T, R>(&'a mut Accumulator<T, R>, &'a [T]);

impl<T: Scalar, R: Reducer<T>> LoopKernel for Feed<'_, T, R> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        self.0.add(self.1);
    }
}

/// Reduces a slice.
struct ReduceRow<'a, T, R> {
    x: &'a [T],
    r: R,
}

impl<T: Scalar, R: Reducer<T>> LoopKernel for ReduceRow<'_, T, R> {
    type Out = T;
    #[inline(always)]
    fn run(self) -> T {
        let ReduceRow { x, r } = self;
        if x.len() < LANES {
            return x.iter().fold(r.identity(), |a, &b| r.combine(a, b));
        }
        let mut all = Accumulator::new(r);
        all.add(x);
        all.take()
    }
}

/// Reduces a slice.
pub(crate) fn row<T: Scalar, R: Reducer<T>>(x: &[T], r: R) -> T {
    let part = part_len(x.len());
    if part == x.len() {
        return dispatch(ReduceRow { x, r });
    }
    let mut parts = [T::ZERO; MAX_PARTS];
    let n = x.len().div_ceil(part);
    parallel::parts(&mut parts[..n], 1, &|i, p| {
        for (p, x) in p.iter_mut().zip(x[i * part..].chunks(part)) {
            *p = dispatch(ReduceRow { x, r });
        }
    });
    combine(&parts[..n], r)
}

/// Combines the elements of a row into those of `acc`.
struct AddRow<'a, T, R> {
    acc: &'a mut [T],
    x: &'a [T],
    r: R,
}

impl<T: Scalar, R: Reducer<T>> LoopKernel for AddRow<'_, T, R> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        add_row(self.acc, self.x, self.r);
    }
}

#[inline(always)]
fn add_row<T: Scalar, R: Reducer<T>>(acc: &mut [T], x: &[T], r: R) {
    for (a, &b) in acc.iter_mut().zip(x) {
        *a = r.combine(*a, b);
    }
}

/// Combines all rows of `x`, each as long as `y`, into `y`.
struct AddRows<'a, T, R> {
    x: &'a [T],
    y: &'a mut [T],
    r: R,
}

impl<T: Scalar, R: Reducer<T>> LoopKernel for AddRows<'_, T, R> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        let AddRows { x, y, r } = self;
        y.fill(r.identity());
        for row in x.chunks_exact(y.len()) {
            add_row(y, row, r);
        }
    }
}

/// A [`Reducer`] of whole rows, as a trait object: the code that walks over arrays is compiled once for a number type.
pub(crate) trait RowReducer<T>: Sync {
    /// The result of an empty reduction.
    fn empty(&self) -> T;
    /// Combines two results into one.
    fn join(&self, a: T, b: T) -> T;
    /// Reduces a slice on this thread.
    fn row(&self, x: &[T]) -> T;
    /// Combines each element of `x` into that of `acc`.
    fn add(&self, acc: &mut [T], x: &[T]);
    /// Reduces the elements of a nest that begins at `start` in `x`.
    fn group(&self, x: &[T], nest: &Nest<1>, start: isize) -> T;
    /// Reduces nests that begin at `start`, `start + 1`, .., each into one element of `y`.
    fn groups(&self, x: &[T], nest: &Nest<1>, start: isize, y: &mut [T]);
}

impl<T: Scalar, R: Reducer<T>> RowReducer<T> for R {
    fn empty(&self) -> T {
        self.identity()
    }
    fn join(&self, a: T, b: T) -> T {
        self.combine(a, b)
    }
    fn row(&self, x: &[T]) -> T {
        dispatch(ReduceRow { x, r: *self })
    }
    fn add(&self, acc: &mut [T], x: &[T]) {
        dispatch(AddRow { acc, x, r: *self });
    }
    fn group(&self, x: &[T], nest: &Nest<1>, start: isize) -> T {
        let r = *self;
        let mut total = r.identity();
        let mut add = |at: isize| {
            let part = match nest.step[0] {
                1 => dispatch(ReduceRow { x: &x[at as usize..][..nest.row], r }),
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
                dispatch(AddRow { acc: y, x, r });
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
    // Small matrices whose rows are added up (the gradients of biases) skip the preparations for the general case.
    let leading = (0..x.shape().len()).filter(|&a| axes.has(a)).count();
    if let Some(x) = x.as_slice()
        && x.len() <= PART
        && (0..leading).all(|a| axes.has(a))
    {
        return dispatch(AddRows { x, y, r });
    }
    walk(x, axes, y, &r);
}

fn walk<T: Scalar>(x: View<'_, T>, axes: Axes, y: &mut [T], r: &dyn RowReducer<T>) {
    let outputs = Nest::new(x.shape(), [x.strides()], |a| !axes.has(a));
    let reduced = Nest::new(x.shape(), [x.strides()], |a| axes.has(a));
    let (start, step) = (x.offset as isize, outputs.step[0]);
    // Where the elements of neighbouring outputs lie together, whole rows are added up. Elsewhere one output is computed after the other.
    let together = step == 1 && reduced.step[0] != 1 && outputs.row > 1;
    if !together && outputs.rows() == 1 {
        let each = (PART * y.len()).div_ceil(x.layout.numel());
        return parallel::parts(y, each, &|first, y| {
            for (i, y) in y.iter_mut().enumerate() {
                *y = r.group(x.data, &reduced, start + (first + i) as isize * step);
            }
        });
    }
    let each = (PART * outputs.rows()).div_ceil(x.layout.numel()) * outputs.row;
    parallel::parts(y, each, &|first, y| {
        let mut rows = y.chunks_exact_mut(outputs.row);
        outputs.each(first / outputs.row..first / outputs.row + rows.len(), [start], |[base]| {
            let row = rows.next().expect("as many rows as the shape says");
            if together {
                return r.groups(x.data, &reduced, base, row);
            }
            for (i, y) in row.iter_mut().enumerate() {
                *y = r.group(x.data, &reduced, base + i as isize * step);
            }
        });
    });
}
