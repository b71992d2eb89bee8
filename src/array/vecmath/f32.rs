//! Which elementary functions of `f32` can a vector kernel inline, and how accurate are they?
//!
//! The same families as in [`f64`](super::f64), by the same methods with shorter polynomials.
//! Only the circular functions and `pow` work in `f64` inside, where it buys an almost correctly
//! rounded result for less than the compensated arithmetic they would otherwise need.

mod circular;
mod erf;
mod exp;
mod hyperbolic;
mod inverse;
mod log;
mod pow;

#[cfg(test)]
pub use circular::SIN_BOUND;
pub use circular::{cos, sin, tan};
pub use erf::{erf, erfc};
pub use exp::{exp, exp2, expm1, sigmoid};
pub use hyperbolic::{acosh, asinh, atanh, cosh, sinh, tanh};
pub use inverse::{acos, asin, atan, atan2};
pub use log::{ln, log1p, log2, log10, softplus};
pub use pow::{hypot, pow};

use super::select;
use crate::array::simd::Simd;

/// `a * b + c`, with one rounding where the instruction set has a fused multiply-add.
#[inline(always)]
fn fma<S: Simd>(a: f32, b: f32, c: f32) -> f32 {
    if S::FMA { a.mul_add(b, c) } else { a * b + c }
}

/// ln 2 in two parts, the first short enough (9 bits) for `n * LN2_HI` to be exact.
const LN2_HI: f32 = 355.0 / 512.0;
const LN2_LO: f32 = -0.00021219444;

/// 2^23: added to a non-negative number below it, leaves that number rounded to an integer.
const TWO23: f32 = 8_388_608.0;

/// The exact sum `a + b` as its rounded value and the rounding error (Knuth's two-sum).
#[inline(always)]
fn two_sum(a: f32, b: f32) -> (f32, f32) {
    let s = a + b;
    let t = s - a;
    (s, (a - (s - t)) + (b - t))
}

/// The exact sum `a + b` where |a| >= |b| or a = 0 (Dekker's fast two-sum).
#[inline(always)]
fn fast_two_sum(a: f32, b: f32) -> (f32, f32) {
    let s = a + b;
    (s, b - (s - a))
}

/// The exact product `a * b` as its rounded value and the rounding error.
#[inline(always)]
fn two_prod<S: Simd>(a: f32, b: f32) -> (f32, f32) {
    let p = a * b;
    if S::FMA {
        (p, a.mul_add(b, -p))
    } else {
        let (ah, al) = split(a);
        let (bh, bl) = split(b);
        (p, ((ah * bh - p) + ah * bl + al * bh) + al * bl)
    }
}

/// `a` as the sum of two halves of 12 bits whose products are exact.
#[inline(always)]
fn split(a: f32) -> (f32, f32) {
    let high = f32::from_bits(a.to_bits() & !0xfff);
    (high, a - high)
}
