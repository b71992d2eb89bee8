//! How are x^y and sqrt(x² + y²) computed?
//!
//! x^y = e^(y ln x), where an error of ln x is multiplied by up to 104 in `f32` and 745 in `f64`. With s = (m - 1) / (m + 1), ln x is
//! k ln 2 + 2s + s³ R(s²).
//!
//! For `f32` all is done in `f64`: short polynomials for 2^-36 of ln x and 2^-32 of the exponential leave an almost correctly rounded
//! result, and nothing is subnormal on the way. For `f64`, ln x is needed in two parts to some 2^-65: R(s²) is 2/3 + s² Q(s²),
//! of which all but Q is computed in pairs of numbers. The coefficients are minimax fits (Remez exchange at 50 digits).

use super::exp::{Exp, exp_unscaled};
use super::float::{Float, clamp, fast_two_sum, fma, poly, select, two_prod};
use crate::array::simd::Simd;
use core::f64::consts::{LN_2, LOG2_E};

/// The functions of a type.
pub trait Pow: Float {
    /// x^y for a positive finite x, and no NaN for any y but NaN.
    fn positive_pow<S: Simd>(self, y: Self) -> Self;
    /// sqrt(x² + y²) for finite numbers.
    fn finite_hypot<S: Simd>(self, y: Self) -> Self;
}

impl Pow for f32 {
    #[inline(always)]
    fn positive_pow<S: Simd>(self, y: f32) -> f32 {
        // An infinite exponent overflows or underflows as 10^12 does, and its product is a number.
        let bounded = select(y.abs() > 1e12, 1e12f32.copysign(y), y);
        let product = f64::from(bounded) * short_ln::<S>(f64::from(self));
        short_exp::<S>(clamp(product, -110.0, 90.0)) as f32
    }
    #[inline(always)]
    fn finite_hypot<S: Simd>(self, y: f32) -> f32 {
        // The squares neither overflow nor vanish.
        let (x, y) = (f64::from(self), f64::from(y));
        fma::<S, _>(x, x, y * y).sqrt() as f32
    }
}

/// ln x for a positive finite `f32`.
#[inline(always)]
fn short_ln<S: Simd>(x: f64) -> f64 {
    let (m, biased) = x.split();
    let f = m - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let r = poly!(S, z;
        0.6666666564467536,
        0.400003353872056,
        0.28537294986203654,
        0.23582426950331137,
    );
    fma::<S, _>(f64::exponent(biased), LN_2, fma::<S, _>(s * z, r, 2.0 * s))
}

/// e^x for |x| < 700, to the digits of an `f32`.
#[inline(always)]
fn short_exp<S: Simd>(x: f64) -> f64 {
    const MAGIC: f64 = f64::MAGIC + f64::BIAS;
    let shifted = fma::<S, _>(x, LOG2_E, MAGIC);
    let r = fma::<S, _>(shifted - MAGIC, -LN_2, x);
    let q = poly!(S, r;
        0.5000000046415993,
        0.16666666816936637,
        0.041666354658385814,
        0.008333273091837196,
        0.001394100851671748,
        0.0001991414488377063,
    );
    fma::<S, _>(r * r, q, 1.0 + r) * f64::power_of_two(shifted.to_bits())
}

impl Pow for f64 {
    #[inline(always)]
    fn positive_pow<S: Simd>(self, y: f64) -> f64 {
        let (log, log_low) = ln_pair::<S>(self);
        // An exponent beyond 2^66 overflows or underflows as 2^66 does, but its product is finite.
        let bounded = clamp(y, -7.4e19, 7.4e19);
        let (product, product_error) = two_prod::<S, _>(bounded, log);
        let tail = fma::<S, _>(bounded, log_low, product_error);
        let argument = clamp(product, f64::EXP.0, f64::EXP.1);
        let (t, power) = exp_unscaled::<S, _>(argument, select(argument == product, tail, 0.0));
        (1.0 + t).scale(power)
    }
    #[inline(always)]
    fn finite_hypot<S: Simd>(self, y: f64) -> f64 {
        // Scaled by a power of two so that the squares neither overflow nor vanish.
        let (ax, ay) = (self.abs(), y.abs());
        let larger = select(ax > ay, ax, ay);
        let (huge, tiny) = (larger > 1e150, larger < 1e-140);
        // 2^-600, 2^600.
        const DOWN: f64 = f64::from_bits(0x1a70_0000_0000_0000);
        const UP: f64 = f64::from_bits(0x6570_0000_0000_0000);
        let scale = select(huge, DOWN, select(tiny, UP, 1.0));
        let back = select(huge, UP, select(tiny, DOWN, 1.0));
        let (sx, sy) = (ax * scale, ay * scale);
        fma::<S, _>(sx, sx, sy * sy).sqrt() * back
    }
}

/// ln x for a positive finite x, in two parts.
#[inline(always)]
fn ln_pair<S: Simd>(x: f64) -> (f64, f64) {
    const TWO_THIRDS: f64 = 2.0 / 3.0;
    const TWO_THIRDS_TAIL: f64 = 3.700743415417188e-17;

    let (m, k) = x.split_exponent();
    // s + s_low = f / d, the second part from the remainder of the first.
    let f = m - 1.0;
    let (d, d_low) = fast_two_sum(1.0, m);
    let inverse = 1.0 / d;
    let s = f * inverse;
    let (sd, sd_low) = two_prod::<S, _>(s, d);
    let s_low = (((f - sd) - sd_low) - s * d_low) * inverse;
    // z = s², c = s³, u = s³ (2/3 + s² Q).
    let (z, z_error) = two_prod::<S, _>(s, s);
    let z_low = fma::<S, _>(2.0 * s, s_low, z_error);
    let q = poly!(S, z;
        0.3999999999999998,
        0.28571428571445123,
        0.22222222217533605,
        0.18181818870664748,
        0.1538455684710597,
        0.1333631833979839,
        0.11674799770062984,
        0.11989169650784023,
    );
    let (p, p_error) = fast_two_sum(TWO_THIRDS, z * q);
    let p_low = p_error + TWO_THIRDS_TAIL;
    let (c, c_error) = two_prod::<S, _>(z, s);
    let c_low = fma::<S, _>(z, s_low, fma::<S, _>(z_low, s, c_error));
    let (u, u_error) = two_prod::<S, _>(c, p);
    let u_low = fma::<S, _>(c, p_low, fma::<S, _>(c_low, p, u_error));
    // From the largest term to the smallest.
    let (a, a_low) = fast_two_sum(k * f64::LN2_HI, 2.0 * s);
    let (b, b_low) = fast_two_sum(a, u);
    let low = fma::<S, _>(k, f64::LN2_LO, fma::<S, _>(2.0, s_low, u_low));
    fast_two_sum(b, b_low + (a_low + low))
}

/// Whether a non-negative number is an integer: rounding to one leaves it as it is.
#[inline(always)]
fn is_integer<T: Float>(a: T) -> bool {
    (a >= T::WHOLE) | ((a + T::WHOLE) - T::WHOLE == a)
}

/// x^y with the special cases of IEEE 754: x^0 = 1^y = 1 even for NaN, NaN for a negative x with
/// a y that is no integer. At most 0.51 ULP in f32, 0.95 in f64 (1.02 without FMA).
#[inline(always)]
pub fn pow<S: Simd, T: Pow>(x: T, y: T) -> T {
    let (zero, one) = (T::lit(0.0), T::lit(1.0));
    let (ax, ay) = (x.abs(), y.abs());
    let z = ax.positive_pow::<S>(y);
    // Zero, infinity and NaN.
    let z = select(ax == zero, select(y < zero, T::INFINITY, zero), z);
    let z = select(ax == T::INFINITY, select(y < zero, zero, T::INFINITY), z);
    let z = select(x.is_nan() | y.is_nan(), T::NAN, z);
    // The sign of x, and what it may be raised to.
    let integer = is_integer(ay);
    let odd = integer & !is_integer(T::lit(0.5) * ay);
    let z = z.copysign(select(odd, x, one));
    let invalid = (x < zero) & (ax < T::INFINITY) & !integer;
    let z = select(invalid, T::NAN, z);
    select((y == zero) | (x == one), one, z)
}

/// sqrt(x² + y²), whose squares neither overflow nor vanish; infinite if either is, even beside a NaN.
/// At most 0.51 ULP in f32, 1.17 in f64.
#[inline(always)]
pub fn hypot<S: Simd, T: Pow>(x: T, y: T) -> T {
    let infinite = (x.abs() == T::INFINITY) | (y.abs() == T::INFINITY);
    select(infinite, T::INFINITY, x.finite_hypot::<S>(y))
}
