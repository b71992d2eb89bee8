//! Limits for options, gradients and squares.

use crate::Scalar;
use crate::refusal::require;
use std::fmt::Debug;

/// The largest value of any option: it must be finite in both number types.
pub(super) const MOST: f64 = f32::MAX as f64;

/// The hint for learning rates.
pub(super) const RATE: &str = "0.1 to 0.001 are usual for Sgd, 0.001 for Adam";
/// The hint for `weight_decay`.
pub(super) const PENALTY: &str = "0 is without a penalty; 1e-4 to 1e-2 are usual";

/// Refuses an option of `who` that makes no sense, and names the line of the caller who gave it.
#[track_caller]
pub(super) fn check(who: &str, ok: bool, what: &str, value: impl Debug, hint: &str) {
    require(ok, || format!("{who}: {what}, not {value:?}"), hint);
}

/// Refuses numbers that are negative, infinite or NaN.
#[track_caller]
pub(super) fn not_negative(who: &str, name: &str, x: f64, hint: &str) {
    require(x >= 0.0, || format!("{who}: {name} must be at least 0, not {x:?}"), hint);
    require(x <= MOST, || format!("{who}: {name} must be finite, also as f32, not {x:?}"), hint);
}

/// The eps of a denominator `sqrt(v) + eps` in type T, which may not be able to represent the given one. It must not be far below the
/// smallest root that v can have. Otherwise, where g^2 vanishes, steps would be many times the learning rate, and for a gradient of 0 they
/// would be NaN.
pub(super) fn eps<T: Scalar>(eps: f64) -> T {
    T::from_f64(eps.max(least::<T>().sqrt()))
}

/// The distance from 1 to the next number of the type.
pub(super) fn epsilon<T: Scalar>() -> T {
    T::from_f64(if size_of::<T>() == 4 { f32::EPSILON.into() } else { f64::EPSILON })
}

/// The smallest normal number of the type.
fn least<T: Scalar>() -> f64 {
    if size_of::<T>() == 4 { f32::MIN_POSITIVE.into() } else { f64::MIN_POSITIVE }
}

/// The largest number of the type.
fn largest<T: Scalar>() -> f64 {
    if size_of::<T>() == 4 { f32::MAX.into() } else { f64::MAX }
}

/// The largest gradient, and the largest running mean of squares.
#[derive(Clone, Copy)]
pub(super) struct Room<T> {
    grad: T,
    square: T,
}

impl<T: Scalar> Room<T> {
    /// For a mean that contains the share `weight` of g^2 after this step. Larger gradients are replaced by the largest that fits. Since
    /// the rules divide the gradient by the root of such a mean, the steps keep their size.
    pub fn for_share(weight: f64) -> Self {
        let largest = largest::<T>();
        // An eighth of the largest number, so that differences of gradients do not overflow.
        let grad = (largest.sqrt() / weight.max(least::<T>()).sqrt()).min(largest / 8.0);
        Room { grad: T::from_f64(grad), square: T::from_f64(largest) }
    }
    /// The gradient, clamped to what fits. Infinities become NaN, so that an overflow of the loss shows in the weights.
    #[inline(always)]
    pub fn cut(self, g: T) -> T {
        let cut = if g > self.grad { self.grad } else { g };
        let cut = if g < -self.grad { -self.grad } else { cut };
        cut + g * T::ZERO
    }
    /// A new mean of squares, clamped: if it became infinite, nothing would ever move again.
    #[inline(always)]
    pub fn square(self, v: T) -> T {
        if v > self.square { self.square } else { v }
    }
}
