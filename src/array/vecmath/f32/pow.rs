//! How are x^y and sqrt(x² + y²) computed?
//!
//! In `f64`. x^y = e^(y ln x), where an error of ln x is multiplied by up to 104, so that short
//! polynomials for 2^-36 of ln x and 2^-32 of the exponential leave an almost correctly rounded
//! `f32`, and nothing is subnormal on the way. With s = (m - 1) / (m + 1), ln x is
//! k ln 2 + 2s + s³ R(s²). The coefficients are minimax fits (Remez exchange at 50 digits).

use super::super::f64::fma;
use super::{Simd, TWO23, select};
use core::f64::consts::{LN_2, LOG2_E};

/// ln x for a positive finite `f32`.
#[inline(always)]
fn ln<S: Simd>(x: f64) -> f64 {
    const SQRT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
    const ONE: u64 = 0x3ff0_0000_0000_0000;
    const TWO52: f64 = 4_503_599_627_370_496.0;
    let bits = x.to_bits().wrapping_add(ONE - SQRT_HALF);
    let m = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) + SQRT_HALF);
    let k = f64::from_bits((bits >> 52) | TWO52.to_bits()) - (TWO52 + 1023.0);
    let f = m - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let r = poly!(S, z;
        0.6666666564467536,
        0.400003353872056,
        0.28537294986203654,
        0.23582426950331137,
    );
    fma::<S>(k, LN_2, fma::<S>(s * z, r, 2.0 * s))
}

/// e^x for |x| < 700.
#[inline(always)]
fn exp<S: Simd>(x: f64) -> f64 {
    // 1.5 * 2^52 + 1023: the sum has the biased power of two in its lowest bits.
    const MAGIC: f64 = 6_755_399_441_056_767.0;
    let shifted = fma::<S>(x, LOG2_E, MAGIC);
    let r = fma::<S>(shifted - MAGIC, -LN_2, x);
    let q = poly!(S, r;
        0.5000000046415993,
        0.16666666816936637,
        0.041666354658385814,
        0.008333273091837196,
        0.001394100851671748,
        0.0001991414488377063,
    );
    fma::<S>(r * r, q, 1.0 + r) * f64::from_bits(shifted.to_bits() << 52)
}

/// Whether a non-negative number is an integer: rounding to one leaves it as it is.
#[inline(always)]
fn is_integer(a: f32) -> bool {
    (a >= TWO23) | ((a + TWO23) - TWO23 == a)
}

/// x^y with the special cases of IEEE 754: x^0 = 1^y = 1 even for NaN, NaN for a negative x with
/// a y that is no integer. At most 0.51 ULP.
#[inline(always)]
pub fn pow<S: Simd>(x: f32, y: f32) -> f32 {
    let (ax, ay) = (x.abs(), y.abs());
    // An infinite exponent overflows or underflows as 10^12 does, and its product is a number.
    let bounded = select(ay > 1e12, 1e12f32.copysign(y), y);
    let product = f64::from(bounded) * ln::<S>(f64::from(ax));
    let product = select(product > 90.0, 90.0, product);
    let z = exp::<S>(select(product < -110.0, -110.0, product)) as f32;
    // ln does not know zero, infinity and NaN.
    let z = select(ax == 0.0, select(y < 0.0, f32::INFINITY, 0.0), z);
    let z = select(ax == f32::INFINITY, select(y < 0.0, 0.0, f32::INFINITY), z);
    let z = select(x.is_nan() | y.is_nan(), f32::NAN, z);
    // The sign of x, and what it may be raised to.
    let integer = is_integer(ay);
    let odd = integer & !is_integer(0.5 * ay);
    let z = z.copysign(select(odd, x, 1.0));
    let invalid = (x < 0.0) & (ax < f32::INFINITY) & !integer;
    let z = select(invalid, f32::NAN, z);
    select((y == 0.0) | (x == 1.0), 1.0, z)
}

/// sqrt(x² + y²), whose squares neither overflow nor vanish in `f64`; infinite if either is, even
/// beside a NaN. At most 0.51 ULP.
#[inline(always)]
pub fn hypot<S: Simd>(x: f32, y: f32) -> f32 {
    let (dx, dy) = (f64::from(x), f64::from(y));
    let root = fma::<S>(dx, dx, dy * dy).sqrt() as f32;
    let infinite = (x.abs() == f32::INFINITY) | (y.abs() == f32::INFINITY);
    select(infinite, f32::INFINITY, root)
}
