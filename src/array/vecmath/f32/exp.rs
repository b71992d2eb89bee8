//! How is e^x computed, and what is built directly on it?
//!
//! All of them reduce x = k ln 2 + r with |r| <= ln 2 / 2, take a polynomial in r and put 2^k
//! back by writing it into exponent bits. k is rounded by adding a constant so large that the
//! integer lands in the low bits of the sum, which costs no conversion and no rounding
//! instruction. The coefficients are a weighted minimax fit (Remez exchange at 50 digits).

use super::{LN2_HI, LN2_LO, Simd, fast_two_sum, fma, select};
use core::f32::consts::{LN_2, LOG2_E};

/// 1.5 * 2^23: a sum with it has its units in the lowest bit.
const MAGIC: f32 = 12_582_912.0;

/// x = k ln 2 + high - low, kept apart because the rounded difference loses the last bits. The low
/// nine bits of `power` hold k + bias.
struct Reduced {
    high: f32,
    low: f32,
    power: u32,
}

/// Reduces x for |k + bias| < 2^8. A NaN stays in `high`.
#[inline(always)]
fn reduce<S: Simd>(x: f32, bias: f32) -> Reduced {
    let shifted = fma::<S>(x, LOG2_E, MAGIC + bias);
    let k = shifted - (MAGIC + bias);
    let high = fma::<S>(k, -LN2_HI, x);
    let low = k * LN2_LO;
    Reduced { high, low, power: shifted.to_bits() }
}

/// e^r - 1 - high with r = high - low, |r| <= ln 2 / 2: the series to 2^-32 of e^r - 1.
#[inline(always)]
fn tail_series<S: Simd>(high: f32, low: f32) -> f32 {
    let r = high - low;
    let q = poly!(S, r;
        0.5,
        0.16666667,
        0.041666355,
        0.008333273,
        0.0013941008,
        0.00019914145,
    );
    fma::<S>(r * r, q, -low)
}

/// The bias with which [`scale`] expects its power.
const SCALE_BIAS: f32 = 254.0;

/// p * 2^k, in two factors, so that results among the subnormals are rounded once and those
/// beyond the largest number become infinite by themselves.
#[inline(always)]
pub(super) fn scale(p: f32, power: u32) -> f32 {
    let half = power >> 1;
    let first = f32::from_bits(half << 23);
    let second = f32::from_bits(power.wrapping_sub(half) << 23);
    p * first * second
}

/// e^(x + tail) as 2^k (1 + t), for |x| < 170 and a tail far below 1: (t, k for [`scale`]). Apart,
/// so that a factor can be multiplied in with one rounding, and before a result becomes subnormal.
#[inline(always)]
pub(super) fn exp_unscaled<S: Simd>(x: f32, tail: f32) -> (f32, u32) {
    let Reduced { high, low, power } = reduce::<S>(x, SCALE_BIAS);
    (high + tail_series::<S>(high, low - tail), power)
}

/// x held within the range where e^x is neither 0 nor infinite, and a little beyond.
#[inline(always)]
pub(super) fn clamp(x: f32, low: f32, high: f32) -> f32 {
    let x = select(x > high, high, x);
    select(x < low, low, x)
}

/// e^x, by a polynomial on the reduced argument. At most 0.87 ULP, 0.88 without FMA.
#[inline(always)]
pub fn exp<S: Simd>(x: f32) -> f32 {
    let Reduced { high, low, power } = reduce::<S>(clamp(x, -104.0, 89.0), SCALE_BIAS);
    scale(1.0 + (high + tail_series::<S>(high, low)), power)
}

/// 2^x, by a polynomial on the exactly reduced argument. At most 0.84 ULP, 1.08 without FMA.
#[inline(always)]
pub fn exp2<S: Simd>(x: f32) -> f32 {
    let x = clamp(x, -151.0, 129.0);
    let shifted = x + (MAGIC + SCALE_BIAS);
    let r = x - (shifted - (MAGIC + SCALE_BIAS));
    let q = poly!(S, r;
        0.2402265,
        0.05550411,
        0.009618037,
        0.0013333448,
        0.00015466941,
        1.5311984e-05,
    );
    scale(fma::<S>(r, fma::<S>(r, q, LN_2), 1.0), shifted.to_bits())
}

/// e^x * 2^-j for -80 < x < 89.5 and j in 0..=2, where neither factor leaves the normal range.
#[inline(always)]
pub(super) fn exp_shifted<S: Simd>(x: f32, j: i32) -> f32 {
    let Reduced { high, low, power } = reduce::<S>(x, (127 - j) as f32);
    let p = 1.0 + (high + tail_series::<S>(high, low));
    p * f32::from_bits(power << 23)
}

/// (e^x - 1) * 2^-j for -80 < x < 89.5 and j in 0..=2.
///
/// With h = 2^(k-j) it is (h - 2^-j) + h (e^r - 1), where the larger two terms are added with
/// their rounding error kept: they cancel in part for k = 1.
#[inline(always)]
pub(super) fn expm1_shifted<S: Simd>(x: f32, j: i32) -> f32 {
    let Reduced { high, low, power } = reduce::<S>(x, (127 - j) as f32);
    let h = f32::from_bits(power << 23);
    let one = select(j == 0, 1.0, select(j == 1, 0.5, 0.25));
    let (sum, error) = fast_two_sum(h - one, h * high);
    sum + fma::<S>(h, tail_series::<S>(high, low), error)
}

/// e^x - 1, by the series of e^r - 1 and an exact sum with 2^k - 1. At most 1.05 ULP.
#[inline(always)]
pub fn expm1<S: Simd>(x: f32) -> f32 {
    // 2^(k-1) is what stays finite up to the overflow of the result.
    let y = 2.0 * expm1_shifted::<S>(clamp(x, -20.0, 89.0), 1);
    // Below 2^-25 the result is x, -0 and subnormals included.
    select(x.abs() < 2.9802322e-8, x, y)
}

/// x in halves of ln 2: x = k ln 2 / 2 + u with |u| <= ln 2 / 4. Then e^2x is 2^k (c + u) / (c - u) with c = u coth u, whose series in u²
/// is short: for quotients of exponentials, which take a division anyway.
pub(super) struct Halves {
    pub k: f32,
    pub u: f32,
    pub square: f32,
    /// Its low bits hold k + bias.
    pub power: u32,
}

/// Reduces x for |k + bias| in the range of [`reduce`]. A NaN stays in all parts.
#[inline(always)]
pub(super) fn halves<S: Simd>(x: f32, bias: f32) -> Halves {
    let shifted = fma::<S>(x, 2.0 * LOG2_E, MAGIC + bias);
    let k = shifted - (MAGIC + bias);
    let u = fma::<S>(k, -0.5 * LN2_LO, fma::<S>(k, -0.5 * LN2_HI, x));
    Halves { k, u, square: u * u, power: shifted.to_bits() }
}

/// 1 / (1 + e^-x) as 2^k a / (2^k a + b) with a / b = e^x 2^-k: all terms are positive, so that both ends keep their relative
/// accuracy. a and b are 0.8 (c + u) and 0.8 (c - u) of [`Halves`], between 0.5 and 1, where they are rounded to a finer unit.
/// At most 1.69 ULP, 1.97 without FMA.
#[inline(always)]
pub fn sigmoid<S: Simd>(x: f32) -> f32 {
    // 2^k is kept among the normal numbers by a factor that is taken back at the end.
    const DOWN: f32 = 1.0 / 4_294_967_296.0;
    let Halves { u, square: z, power, .. } = halves::<S>(0.5 * clamp(x, -104.0, 40.0), 127.0 + 32.0);
    let c = fma::<S>(z, poly!(S, z; 0.266666, -0.017707165), 0.8);
    // b from the rounded a: their common error matters little.
    let a = fma::<S>(u, 0.8, c);
    let b = fma::<S>(u, -1.6, a);
    let a = f32::from_bits(power << 23) * a;
    a / fma::<S>(a, DOWN, b) * DOWN
}
