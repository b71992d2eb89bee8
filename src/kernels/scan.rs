//! How are running totals computed? In place along an axis; whole slices at a time, unless the axis is the last.

use crate::array::scalar::Scalar;
use crate::array::shape::Shape;
use crate::array::simd::{Kernel, Simd, dispatch};
use crate::array::vecmath::VecMath;
use crate::kernels::parallel;
use std::marker::PhantomData;

/// Elements from which a thread of its own pays.
const GRAIN: usize = 16 * 1024;

/// A kind of running total.
pub(crate) trait Step<T>: Copy + Sync {
    /// The running totals of some lines. Must be `#[inline(always)]`.
    fn run<S: Simd>(self, lines: Lines<'_, T>);
}

#[derive(Clone, Copy)]
pub(crate) struct Sum;
#[derive(Clone, Copy)]
pub(crate) struct Prod;
#[derive(Clone, Copy)]
pub(crate) struct LogAddExp;
/// `a y + x`, with a coefficient for each element.
#[derive(Clone, Copy)]
pub(crate) struct Linear<'a, T>(pub &'a [T]);

impl<T: Scalar> Step<T> for Sum {
    #[inline(always)]
    fn run<S: Simd>(self, lines: Lines<'_, T>) {
        lines.total(self);
    }
}
impl<T: Scalar> Step<T> for Prod {
    #[inline(always)]
    fn run<S: Simd>(self, lines: Lines<'_, T>) {
        lines.total(self);
    }
}
impl<T: Scalar> Step<T> for Linear<'_, T> {
    #[inline(always)]
    fn run<S: Simd>(self, lines: Lines<'_, T>) {
        lines.total(self);
    }
}
impl<T: Scalar> Step<T> for LogAddExp {
    #[inline(always)]
    fn run<S: Simd>(self, lines: Lines<'_, T>) {
        lines.total(LogAddExpBy::<S>(PhantomData));
    }
}

/// The total up to an element, from the total before it. (A trait without an instruction set, so that totals which need none are compiled once
/// for a number type, and inlined into the code for each instruction set.)
trait Next<T>: Copy {
    /// Must be `#[inline(always)]`. `at` is the element's position in the array.
    fn next(self, before: T, x: T, at: usize) -> T;
}
impl<T: Scalar> Next<T> for Sum {
    #[inline(always)]
    fn next(self, before: T, x: T, _: usize) -> T {
        before + x
    }
}
impl<T: Scalar> Next<T> for Prod {
    #[inline(always)]
    fn next(self, before: T, x: T, _: usize) -> T {
        before * x
    }
}
impl<T: Scalar> Next<T> for Linear<'_, T> {
    #[inline(always)]
    fn next(self, before: T, x: T, at: usize) -> T {
        self.0[at] * before + x
    }
}
/// [`LogAddExp`], by the functions of an instruction set.
#[derive(Clone, Copy)]
struct LogAddExpBy<S>(PhantomData<S>);
impl<T: Scalar, S: Simd> Next<T> for LogAddExpBy<S> {
    #[inline(always)]
    fn next(self, before: T, x: T, _: usize) -> T {
        let (low, high) = if x > before { (before, x) } else { (x, before) };
        // Equal infinities have no difference. NaN is passed on, whichever number it is.
        let gap = if low == high { T::ZERO } else { low - high };
        high + VecMath::log1p::<S>(VecMath::exp::<S>(gap))
    }
}

/// Lines of elements, which become their running totals.
pub(crate) struct Lines<'a, T> {
    y: &'a mut [T],
    /// The place of `y` in the whole array.
    first: usize,
    /// The length of the axis, and the number of elements for each index of it.
    n: usize,
    inner: usize,
    reverse: bool,
}

struct Scan<'a, T, F> {
    lines: Lines<'a, T>,
    f: F,
}

impl<T: Scalar, F: Step<T>> Kernel for Scan<'_, T, F> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        self.f.run::<S>(self.lines);
    }
}

impl<T: Scalar> Lines<'_, T> {
    #[inline(always)]
    fn total(self, f: impl Next<T>) {
        let Lines { y, first, n, inner, reverse } = self;
        for (o, y) in y.chunks_exact_mut(n * inner).enumerate() {
            let first = first + o * n * inner;
            if inner == 1 {
                let mut total = y[if reverse { n - 1 } else { 0 }];
                for k in 1..n {
                    let k = if reverse { n - 1 - k } else { k };
                    total = f.next(total, y[k], first + k);
                    y[k] = total;
                }
                continue;
            }
            for k in 1..n {
                let (from, to) = if reverse { (n - k, n - 1 - k) } else { (k - 1, k) };
                let (low, high) = y.split_at_mut(from.max(to) * inner);
                let (before, y) =
                    if reverse { (&high[..inner], &mut low[to * inner..]) } else { (&low[from * inner..], &mut high[..inner]) };
                for (i, (y, &before)) in y.iter_mut().zip(before).enumerate() {
                    *y = f.next(before, *y, first + to * inner + i);
                }
            }
        }
    }
}

/// Replaces the elements of `y` by their running totals along an axis, from the last one on if `reverse`.
pub(crate) fn scan<T: Scalar, F: Step<T>>(y: &mut [T], shape: &Shape, axis: usize, reverse: bool, f: F) {
    if y.is_empty() {
        return;
    }
    let (n, inner) = (shape[axis], shape[axis + 1..].iter().product());
    let each = GRAIN.div_ceil(n * inner) * n * inner;
    parallel::parts(y, each, &|first, y| dispatch(Scan { lines: Lines { y, first, n, inner, reverse }, f }));
}
