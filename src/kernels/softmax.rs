//! How are softmax and its relatives computed? Row by row over the last axis: the maximum first, so that no exponential overflows.

use crate::array::scalar::Scalar;
use crate::array::simd::{Kernel, Simd, dispatch};
use crate::array::vecmath::VecMath;
use crate::array::view::View;
use crate::kernels::parallel;
use crate::kernels::reduce::{Max, Sum, row};
use crate::kernels::strided::copy;

/// Elements from which a thread of its own pays.
const GRAIN: usize = 8 * 1024;

/// `x - shift`, or with `exp` `e^(x - shift)`, in place.
struct Shift<'a, T> {
    x: &'a mut [T],
    shift: T,
    exp: bool,
}

impl<T: Scalar> Kernel for Shift<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        if self.exp {
            self.x.iter_mut().for_each(|x| *x = VecMath::exp::<S>(*x - self.shift));
        } else {
            self.x.iter_mut().for_each(|x| *x = *x - self.shift);
        }
    }
}

/// The largest element, or 0 where it is infinite, so that differences from it are not NaN.
fn finite_max<T: Scalar>(x: &[T]) -> T {
    let max = row(x, Max);
    if max == T::INFINITY || max == -T::INFINITY { T::ZERO } else { max }
}

/// Copies `x` to `y` and calls `f` with each row.
fn each_row<T: Scalar>(x: View<'_, T>, y: &mut [T], f: impl Fn(&mut [T]) + Sync) {
    let n = *x.shape().last().expect("an axis to run along");
    if y.is_empty() {
        return;
    }
    copy(x, y);
    parallel::parts(y, GRAIN.div_ceil(n) * n, &|_, y| y.chunks_exact_mut(n).for_each(&f));
}

/// `e^x / sum(e^x)` along the last axis; where all of a row are -inf, 0 if `masked`, else NaN.
pub(crate) fn softmax<T: Scalar>(x: View<'_, T>, masked: bool, y: &mut [T]) {
    each_row(x, y, |y| {
        let shift = row(y, Max);
        if masked && shift == -T::INFINITY {
            return y.fill(T::ZERO);
        }
        dispatch(Shift { x: y, shift, exp: true });
        let total = row(y, Sum);
        y.iter_mut().for_each(|y| *y = *y / total);
    });
}

/// The number of exponentials that are computed at a time, on the stack.
const PART: usize = 256;

/// `ln(sum(e^x))` of a row.
fn logsumexp_row<T: Scalar>(x: &[T]) -> T {
    let (shift, rest) = shifted_logsumexp(x);
    rest + shift
}

/// A shift near the largest element of a row, and `ln(sum(e^x))` less that shift: beside a large shift, their sum would lose digits.
fn shifted_logsumexp<T: Scalar>(x: &[T]) -> (T, T) {
    let shift = finite_max(x);
    let mut total = T::ZERO;
    for x in x.chunks(PART) {
        let mut part = [T::ZERO; PART];
        let part = &mut part[..x.len()];
        part.copy_from_slice(x);
        dispatch(Shift { x: part, shift, exp: true });
        total += row(part, Sum);
    }
    (shift, ln(total))
}

/// `ln(x)`, by the function of the instruction set.
fn ln<T: Scalar>(x: T) -> T {
    struct Ln<T>(T);
    impl<T: Scalar> Kernel for Ln<T> {
        type Out = T;
        #[inline(always)]
        fn run<S: Simd>(self, _: S) -> T {
            VecMath::ln::<S>(self.0)
        }
    }
    dispatch(Ln(x))
}

/// `x - ln(sum(e^x))` along the last axis.
pub(crate) fn log_softmax<T: Scalar>(x: View<'_, T>, y: &mut [T]) {
    each_row(x, y, |y| {
        let shift = row(y, Max);
        // First the difference from the maximum, so that a small difference of large numbers stays exact.
        dispatch(Shift { x: y, shift, exp: false });
        let shift = logsumexp_row(y);
        dispatch(Shift { x: y, shift, exp: false });
    });
}

/// `ln(sum(e^x))` over the last axis.
pub(crate) fn logsumexp<T: Scalar>(x: View<'_, T>, y: &mut [T]) {
    let n = *x.shape().last().expect("an axis to run along");
    if n == 0 {
        return y.fill(-T::INFINITY);
    }
    let x = x.to_slice();
    x.chunks_exact(n).zip(y).for_each(|(x, y)| *y = logsumexp_row(x));
}

/// The loss `-ln softmax(x)[target]` of each row that is not ignored, summed in order of the rows.
pub(crate) fn cross_entropy<T: Scalar>(x: View<'_, T>, targets: &[i64], ignore: i64) -> T {
    let n = x.shape()[1];
    let x = x.to_slice();
    let kept = x.chunks_exact(n.max(1)).zip(targets).filter(|&(_, &t)| t != ignore);
    let loss = |x: &[T], t: usize| {
        let (shift, rest) = shifted_logsumexp(x);
        rest - (x[t] - shift)
    };
    kept.map(|(x, &t)| loss(x, t as usize)).fold(T::ZERO, |a, b| a + b)
}

/// `scale * (softmax(x) - onehot(target))` of each row, 0 of those that are ignored.
pub(crate) fn cross_entropy_grad<T: Scalar>(x: View<'_, T>, targets: &[i64], ignore: i64, scale: T, y: &mut [T]) {
    let n = x.shape()[1];
    softmax(x, false, y);
    for (y, &t) in y.chunks_exact_mut(n.max(1)).zip(targets) {
        if t == ignore {
            y.fill(T::ZERO);
            continue;
        }
        y[t as usize] = y[t as usize] - T::ONE;
        y.iter_mut().for_each(|y| *y *= scale);
    }
}
