//! Which elementary functions of `f64` can a vector kernel inline, and how accurate are they?
//!
//! Split by family: [`exp`] and its relatives, [`ln`] and its, the circular functions, their
//! inverses, the hyperbolic ones, the error function, and powers.

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
pub(super) fn fma<S: Simd>(a: f64, b: f64, c: f64) -> f64 {
    if S::FMA { a.mul_add(b, c) } else { a * b + c }
}

/// ln 2 in two parts, the first short enough (42 bits) for `n * LN2_HI` to be exact at |n| < 2^11.
const LN2_HI: f64 = f64::from_bits(0x3fe6_2e42_fefa_3800);
const LN2_LO: f64 = 5.497_923_018_708_371e-14;

/// 2^52: added to a non-negative number below it, leaves that number rounded to an integer.
const TWO52: f64 = 4_503_599_627_370_496.0;

/// The exact sum `a + b` as its rounded value and the rounding error (Knuth's two-sum).
#[inline(always)]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let s = a + b;
    let t = s - a;
    (s, (a - (s - t)) + (b - t))
}

/// The exact sum `a + b` where |a| >= |b| or a = 0 (Dekker's fast two-sum).
#[inline(always)]
fn fast_two_sum(a: f64, b: f64) -> (f64, f64) {
    let s = a + b;
    (s, b - (s - a))
}

/// The exact product `a * b` as its rounded value and the rounding error.
#[inline(always)]
fn two_prod<S: Simd>(a: f64, b: f64) -> (f64, f64) {
    let p = a * b;
    if S::FMA {
        (p, a.mul_add(b, -p))
    } else {
        let (ah, al) = split(a);
        let (bh, bl) = split(b);
        (p, ((ah * bh - p) + ah * bl + al * bh) + al * bl)
    }
}

/// `a` as the sum of two halves of 26 bits whose products are exact. Cutting bits off cannot
/// overflow as Veltkamp's multiplication does.
#[inline(always)]
fn split(a: f64) -> (f64, f64) {
    let high = f64::from_bits(a.to_bits() & !0x7ff_ffff);
    (high, a - high)
}
