//! How is a group normalized whose elements lie together? With sums in lanes, while it is in the cache.

use super::moments::is_outlier;
use super::{Standard, view};
use crate::array::layout::{Axes, Layout};
use crate::array::scalar::Scalar;
use crate::array::simd::LoopKernel;
use crate::kernels::lanes::sums;
use crate::kernels::unit::is_safe;

/// The sum of `f` of the elements of slices of one length.
#[inline(always)]
fn sum<T: Scalar, const N: usize>(x: [&[T]; N], f: impl Fn([T; N]) -> [T; 1]) -> T {
    let [sum] = sums::<T, N, 1, 32>(x, f);
    sum
}

/// The sum of the deviations from `m`.
#[inline(always)]
fn deviations<T: Scalar>(x: &[T], m: T) -> T {
    sum([x], |[x]| [x - m])
}

/// The sum of the squared deviations from `m`.
#[inline(always)]
fn squared_deviations<T: Scalar>(x: &[T], m: T) -> T {
    sum([x], |[x]| [(x - m) * (x - m)])
}

/// The mean of a group, from the deviations from its first element.
#[inline(always)]
fn mean_of<T: Scalar>(x: &[T]) -> T {
    x[0] + deviations(x, x[0]) / T::from_f64(x.len() as f64)
}

/// The mean of a group.
pub struct GroupMean<'a, T>(pub &'a [T]);
impl<T: Scalar> LoopKernel for GroupMean<'_, T> {
    type Out = T;
    #[inline(always)]
    fn run(self) -> T {
        mean_of(self.0)
    }
}

impl Standard {
    /// Mean and reciprocal standard deviation of a group.
    #[inline(always)]
    fn of_group<T: Scalar>(self, x: &[T]) -> (T, T) {
        let n = T::from_f64(x.len() as f64);
        let mut mean = if self.center { mean_of(x) } else { T::ZERO };
        let mut squares = squared_deviations(x, mean);
        if self.center && is_outlier(x[0], mean, squares, n) {
            // Twice, as in `moments`.
            for _ in 0..2 {
                mean += deviations(x, mean) / n;
            }
            squares = squared_deviations(x, mean);
        }
        let variance = squares / n + T::from_f64(self.eps);
        if is_safe(variance) { (mean, T::ONE / variance.sqrt()) } else { self.of_far_group(x) }
    }
    /// As [`Standard::of_group`], for a group whose squares are not within the type.
    #[cold]
    #[inline(never)]
    fn of_far_group<T: Scalar>(self, x: &[T]) -> (T, T) {
        let all = Layout::contiguous([x.len()].into());
        let (mut mean, mut scale) = ([T::ZERO], [T::ZERO]);
        Standard { axes: Axes::all(1), ..self }.stats(view(x, &all), &mut mean, &mut scale);
        (mean[0], scale[0])
    }
}

/// The standardized elements of a group.
pub struct Group<'a, T> {
    pub of: Standard,
    pub x: &'a [T],
    pub y: &'a mut [T],
}
impl<T: Scalar> LoopKernel for Group<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        let (mean, scale) = self.of.of_group(self.x);
        for (y, &x) in self.y.iter_mut().zip(self.x) {
            *y = (x - mean) * scale;
        }
    }
}

/// The gradient of a group.
pub struct GroupBack<'a, T> {
    pub of: Standard,
    pub g: &'a [T],
    pub x: &'a [T],
    pub y: &'a mut [T],
}
impl<T: Scalar> LoopKernel for GroupBack<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        let (g, x) = (self.g, self.x);
        let n = T::from_f64(x.len() as f64);
        let (mean, scale) = self.of.of_group(x);
        let a = if self.of.center { sum([g], |[g]| [g]) / n } else { T::ZERO };
        let q = sum([g, x], |[g, x]| [g * ((x - mean) * scale)]) / n;
        for ((y, &g), &x) in self.y.iter_mut().zip(g).zip(x) {
            *y = scale * (g - a - (x - mean) * scale * q);
        }
    }
}
