//! How are x^y and sqrt(x² + y²) computed?
//!
//! x^y = e^(y ln x), where an error of ln x is multiplied by up to 745: ln x is needed in two parts
//! to some 2^-65. With s = (m - 1) / (m + 1) it is k ln 2 + 2s + s³ (2/3 + s² Q(s²)), of which all
//! but Q is computed in pairs of numbers. Q is a minimax fit (Remez exchange at 50 digits).

use super::exp::{clamp, exp_unscaled, scale};
use super::log::split_exponent;
use super::{LN2_HI, LN2_LO, Simd, TWO52, fast_two_sum, fma, select, two_prod};

/// ln x for a positive finite x, in two parts.
#[inline(always)]
fn ln_pair<S: Simd>(x: f64) -> (f64, f64) {
    const TWO_THIRDS: f64 = 2.0 / 3.0;
    const TWO_THIRDS_TAIL: f64 = 3.700743415417188e-17;

    let (m, k) = split_exponent(x);
    // s + s_low = f / d, the second part from the remainder of the first.
    let f = m - 1.0;
    let (d, d_low) = fast_two_sum(1.0, m);
    let inverse = 1.0 / d;
    let s = f * inverse;
    let (sd, sd_low) = two_prod::<S>(s, d);
    let s_low = (((f - sd) - sd_low) - s * d_low) * inverse;
    // z = s², c = s³, u = s³ (2/3 + s² Q).
    let (z, z_error) = two_prod::<S>(s, s);
    let z_low = fma::<S>(2.0 * s, s_low, z_error);
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
    let (c, c_error) = two_prod::<S>(z, s);
    let c_low = fma::<S>(z, s_low, fma::<S>(z_low, s, c_error));
    let (u, u_error) = two_prod::<S>(c, p);
    let u_low = fma::<S>(c, p_low, fma::<S>(c_low, p, u_error));
    // From the largest term to the smallest.
    let (a, a_low) = fast_two_sum(k * LN2_HI, 2.0 * s);
    let (b, b_low) = fast_two_sum(a, u);
    let low = fma::<S>(k, LN2_LO, fma::<S>(2.0, s_low, u_low));
    fast_two_sum(b, b_low + (a_low + low))
}

/// Whether a non-negative number is an integer: rounding to one leaves it as it is.
#[inline(always)]
fn is_integer(a: f64) -> bool {
    (a >= TWO52) | ((a + TWO52) - TWO52 == a)
}

/// x^y with the special cases of IEEE 754: x^0 = 1^y = 1 even for NaN, NaN for a negative x with
/// a y that is no integer. At most 0.95 ULP, 1.02 without FMA.
#[inline(always)]
pub fn pow<S: Simd>(x: f64, y: f64) -> f64 {
    let (ax, ay) = (x.abs(), y.abs());
    let (log, log_low) = ln_pair::<S>(ax);
    // An exponent beyond 2^66 overflows or underflows as 2^66 does, but its product is finite.
    let bounded = clamp(y, -7.4e19, 7.4e19);
    let (product, product_error) = two_prod::<S>(bounded, log);
    let tail = fma::<S>(bounded, log_low, product_error);
    let argument = clamp(product, -746.0, 710.0);
    let (t, power) = exp_unscaled::<S>(argument, select(argument == product, tail, 0.0));
    let z = scale(1.0 + t, power);
    // ln_pair does not know zero, infinity and NaN.
    let nothing = select(y < 0.0, f64::INFINITY, 0.0);
    let z = select(ax == 0.0, nothing, z);
    let everything = select(y < 0.0, 0.0, f64::INFINITY);
    let z = select(ax == f64::INFINITY, everything, z);
    let z = select(x.is_nan() | y.is_nan(), f64::NAN, z);
    // The sign of x, and what it may be raised to.
    let integer = is_integer(ay);
    let odd = integer & !is_integer(0.5 * ay);
    let z = z.copysign(select(odd, x, 1.0));
    let invalid = (x < 0.0) & (ax < f64::INFINITY) & !integer;
    let z = select(invalid, f64::NAN, z);
    select((y == 0.0) | (x == 1.0), 1.0, z)
}

/// sqrt(x² + y²), scaled by a power of two so that the squares neither overflow nor vanish;
/// infinite if either is, even beside a NaN. At most 1.17 ULP.
#[inline(always)]
pub fn hypot<S: Simd>(x: f64, y: f64) -> f64 {
    let (ax, ay) = (x.abs(), y.abs());
    let larger = select(ax > ay, ax, ay);
    let (huge, tiny) = (larger > 1e150, larger < 1e-140);
    // 2^-600, 2^600.
    const DOWN: f64 = f64::from_bits(0x1a70_0000_0000_0000);
    const UP: f64 = f64::from_bits(0x6570_0000_0000_0000);
    let scale = select(huge, DOWN, select(tiny, UP, 1.0));
    let back = select(huge, UP, select(tiny, DOWN, 1.0));
    let (sx, sy) = (ax * scale, ay * scale);
    let root = fma::<S>(sx, sx, sy * sy).sqrt() * back;
    select((ax == f64::INFINITY) | (ay == f64::INFINITY), f64::INFINITY, root)
}
