//! How is e^x computed, and what is built directly on it?
//!
//! All of them reduce x = k ln 2 + r with |r| <= ln 2 / 2, take a polynomial in r and put 2^k
//! back by writing it into exponent bits. k is rounded by adding a constant so large that the
//! integer lands in the low bits of the sum, which costs no conversion and no rounding
//! instruction. The coefficients are a weighted minimax fit (Remez exchange at 50 digits).

use super::float::{Float, clamp, fast_two_sum, fma, poly, select};
use crate::array::simd::Simd;
use core::f64::consts::{LN_2, LOG2_E};

/// The constants of a type. A range is where a function is neither 0 nor infinite (nor -1), and a little beyond.
pub trait Exp: Float {
    const EXP: (Self, Self);
    const EXP2: (Self, Self);
    const EXPM1: (Self, Self);
    const SIGMOID: (Self, Self);
    /// 2^UP keeps 2^k of the sigmoid among the normal numbers, and DOWN takes it back.
    const UP: Self;
    const DOWN: Self;
    /// (e^r - 1 - r) / r², |r| <= ln 2 / 2, to 2^-32 or 2^-61 of e^r - 1.
    fn exp_series<S: Simd>(r: Self) -> Self;
    /// (2^r - 1 - r ln 2) / r², |r| <= 1/2.
    fn exp2_series<S: Simd>(r: Self) -> Self;
    /// 0.8 (u coth u - 1) / u², of u².
    fn sigmoid_series<S: Simd>(square: Self) -> Self;
}

impl Exp for f32 {
    const EXP: (f32, f32) = (-104.0, 89.0);
    const EXP2: (f32, f32) = (-151.0, 129.0);
    const EXPM1: (f32, f32) = (-20.0, 89.0);
    const SIGMOID: (f32, f32) = (-104.0, 40.0);
    const UP: f32 = 32.0;
    const DOWN: f32 = 1.0 / 4_294_967_296.0;
    #[inline(always)]
    fn exp_series<S: Simd>(r: f32) -> f32 {
        poly!(S, r;
            0.5,
            0.16666667,
            0.041666355,
            0.008333273,
            0.0013941008,
            0.00019914145,
        )
    }
    #[inline(always)]
    fn exp2_series<S: Simd>(r: f32) -> f32 {
        poly!(S, r;
            0.2402265,
            0.05550411,
            0.009618037,
            0.0013333448,
            0.00015466941,
            1.5311984e-05,
        )
    }
    #[inline(always)]
    fn sigmoid_series<S: Simd>(square: f32) -> f32 {
        poly!(S, square; 0.266666, -0.017707165)
    }
}

impl Exp for f64 {
    const EXP: (f64, f64) = (-746.0, 710.0);
    const EXP2: (f64, f64) = (-1076.0, 1025.0);
    const EXPM1: (f64, f64) = (-50.0, 710.0);
    const SIGMOID: (f64, f64) = (-746.0, 40.0);
    const UP: f64 = 64.0;
    const DOWN: f64 = 1.0 / 18_446_744_073_709_551_616.0;
    #[inline(always)]
    fn exp_series<S: Simd>(r: f64) -> f64 {
        poly!(S, r;
            0.5,
            0.16666666666666677,
            0.0416666666666667,
            0.008333333333321617,
            0.0013888888888866863,
            0.00019841269886157578,
            2.4801587360512497e-05,
            2.7557244183020274e-06,
            2.755724279638391e-07,
            2.5109044468285306e-08,
            2.0924431880634273e-09,
        )
    }
    #[inline(always)]
    fn exp2_series<S: Simd>(r: f64) -> f64 {
        poly!(S, r;
            0.24022650695910072,
            0.05550410866482164,
            0.00961812910762849,
            0.0013333558146401909,
            0.00015403530393348034,
            1.5252733846926266e-05,
            1.321548682842492e-06,
            1.0178054630015195e-07,
            7.054889702702499e-09,
            4.4562069700939345e-10,
            2.57400754281788e-11,
        )
    }
    #[inline(always)]
    fn sigmoid_series<S: Simd>(square: f64) -> f64 {
        poly!(S, square;
            0.2666666666666656,
            -0.01777777777728816,
            0.0016931216180959305,
            -0.00016930715030697045,
            1.6949684433603024e-05,
        )
    }
}

/// x = k ln 2 + high - low, kept apart because the rounded difference loses the last bits. The low
/// bits of `power` hold k + bias.
struct Reduced<T: Float> {
    high: T,
    low: T,
    power: T::Bits,
}

/// Reduces x for k + bias that is not larger than twice the bias of the type. A NaN stays in `high`.
#[inline(always)]
fn reduce<S: Simd, T: Exp>(x: T, bias: T) -> Reduced<T> {
    let shifted = fma::<S, _>(x, T::lit(LOG2_E), T::MAGIC + bias);
    let k = shifted - (T::MAGIC + bias);
    let high = fma::<S, _>(k, -T::LN2_HI, x);
    let low = k * T::LN2_LO;
    Reduced { high, low, power: shifted.to_bits() }
}

/// e^r - 1 - high with r = high - low, |r| <= ln 2 / 2.
#[inline(always)]
fn tail_series<S: Simd, T: Exp>(high: T, low: T) -> T {
    let r = high - low;
    fma::<S, _>(r * r, T::exp_series::<S>(r), -low)
}

/// e^(x + tail) as 2^k (1 + t), for |x| < 170 or 1400 and a tail far below 1: (t, k for [`Float::scale`]). Apart,
/// so that a factor can be multiplied in with one rounding, and before a result becomes subnormal.
#[inline(always)]
pub fn exp_unscaled<S: Simd, T: Exp>(x: T, tail: T) -> (T, T::Bits) {
    let Reduced { high, low, power } = reduce::<S, T>(x, T::SCALE_BIAS);
    (high + tail_series::<S, _>(high, low - tail), power)
}

/// e^x, by a polynomial on the reduced argument. At most 0.87 ULP in f32, 0.86 in f64; without FMA 0.88 and 0.91.
#[inline(always)]
pub fn exp<S: Simd, T: Exp>(x: T) -> T {
    let Reduced { high, low, power } = reduce::<S, T>(clamp(x, T::EXP.0, T::EXP.1), T::SCALE_BIAS);
    (T::lit(1.0) + (high + tail_series::<S, _>(high, low))).scale(power)
}

/// 2^x, by a polynomial on the exactly reduced argument. At most 0.84 ULP in f32, 0.91 in f64; without FMA 1.08 and 1.17.
#[inline(always)]
pub fn exp2<S: Simd, T: Exp>(x: T) -> T {
    let x = clamp(x, T::EXP2.0, T::EXP2.1);
    let magic = T::MAGIC + T::SCALE_BIAS;
    let shifted = x + magic;
    let r = x - (shifted - magic);
    let p = fma::<S, _>(r, fma::<S, _>(r, T::exp2_series::<S>(r), T::lit(LN_2)), T::lit(1.0));
    p.scale(shifted.to_bits())
}

/// e^x * 2^-j for j in 0..=2 and x from -80 to 89.5 or -700 to 710.5, where neither factor leaves the normal range.
#[inline(always)]
pub fn exp_shifted<S: Simd, T: Exp>(x: T, j: i32) -> T {
    let Reduced { high, low, power } = reduce::<S, T>(x, T::BIAS - T::lit(f64::from(j)));
    let p = T::lit(1.0) + (high + tail_series::<S, _>(high, low));
    p * T::power_of_two(power)
}

/// (e^x - 1) * 2^-j for the same j and x.
///
/// With h = 2^(k-j) it is (h - 2^-j) + h (e^r - 1), where the larger two terms are added with
/// their rounding error kept: they cancel in part for k = 1.
#[inline(always)]
pub fn expm1_shifted<S: Simd, T: Exp>(x: T, j: i32) -> T {
    let Reduced { high, low, power } = reduce::<S, T>(x, T::BIAS - T::lit(f64::from(j)));
    let h = T::power_of_two(power);
    let one = T::lit(1.0 / f64::from(1 << j));
    let (sum, error) = fast_two_sum(h - one, h * high);
    sum + fma::<S, _>(h, tail_series::<S, _>(high, low), error)
}

/// e^x - 1, by the series of e^r - 1 and an exact sum with 2^k - 1. At most 1.05 ULP in f32, 1.16 in f64 (1.09 without FMA).
#[inline(always)]
pub fn expm1<S: Simd, T: Exp>(x: T) -> T {
    // 2^(k-1) is what stays finite up to the overflow of the result.
    let y = T::lit(2.0) * expm1_shifted::<S, _>(clamp(x, T::EXPM1.0, T::EXPM1.1), 1);
    // Below, the result is x, -0 and subnormals included.
    select(x.abs() < T::TINY, x, y)
}

/// x in halves of ln 2: x = k ln 2 / 2 + u with |u| <= ln 2 / 4. Then e^2x is 2^k (c + u) / (c - u) with c = u coth u, whose series in u²
/// is short: for quotients of exponentials, which take a division anyway.
pub struct Halves<T: Float> {
    pub k: T,
    pub u: T,
    pub square: T,
    /// Its low bits hold k + bias.
    pub power: T::Bits,
}

/// Reduces x for k + bias in the range of [`reduce`]. A NaN stays in all parts.
#[inline(always)]
pub fn halves<S: Simd, T: Exp>(x: T, bias: T) -> Halves<T> {
    let shifted = fma::<S, _>(x, T::lit(2.0 * LOG2_E), T::MAGIC + bias);
    let k = shifted - (T::MAGIC + bias);
    let half = T::lit(-0.5);
    let u = fma::<S, _>(k, half * T::LN2_LO, fma::<S, _>(k, half * T::LN2_HI, x));
    Halves { k, u, square: u * u, power: shifted.to_bits() }
}

/// 1 / (1 + e^-x) as 2^k a / (2^k a + b) with a / b = e^x 2^-k: all terms are positive, so that both ends keep their relative
/// accuracy. a and b are 0.8 (c + u) and 0.8 (c - u) of [`Halves`], between 0.5 and 1, where they are rounded to a finer unit.
/// At most 1.69 ULP in f32, 1.66 in f64; without FMA 1.97 and 1.85.
#[inline(always)]
pub fn sigmoid<S: Simd, T: Exp>(x: T) -> T {
    let x = clamp(x, T::SIGMOID.0, T::SIGMOID.1);
    let Halves { u, square, power, .. } = halves::<S, T>(T::lit(0.5) * x, T::BIAS + T::UP);
    let c = fma::<S, _>(square, T::sigmoid_series::<S>(square), T::lit(0.8));
    // b from the rounded a: their common error matters little.
    let a = fma::<S, _>(u, T::lit(0.8), c);
    let b = fma::<S, _>(u, T::lit(-1.6), a);
    let a = T::power_of_two(power) * a;
    a / fma::<S, _>(a, T::DOWN, b) * T::DOWN
}
