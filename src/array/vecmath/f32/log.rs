//! How is ln x computed, and what is built directly on it?
//!
//! x = 2^k m with m between sqrt(1/2) and sqrt 2, then with f = m - 1 ln m is f - f²/2 + f³ P(f),
//! where only the small last term rests on a polynomial (a minimax fit, Remez exchange at 50
//! digits).

use super::exp::exp;
use super::{LN2_HI, LN2_LO, Simd, TWO23, fast_two_sum, fma, select, two_sum};

const SQRT_HALF: u32 = 0x3f35_04f3;
const ONE: u32 = 0x3f80_0000;
const MANTISSA: u32 = 0x007f_ffff;

/// A positive normal x as m * 2^(biased - 127), m between sqrt(1/2) and sqrt 2.
#[inline(always)]
fn split_normal(x: f32) -> (f32, u32) {
    let bits = x.to_bits().wrapping_add(ONE - SQRT_HALF);
    (f32::from_bits((bits & MANTISSA) + SQRT_HALF), bits >> 23)
}

/// An integer below 2^23 less `bias`: written into the mantissa of 2^23, which vector units
/// without a conversion from unsigned integers can do too.
#[inline(always)]
fn to_float(n: u32, bias: f32) -> f32 {
    f32::from_bits(n | TWO23.to_bits()) - (TWO23 + bias)
}

/// A positive finite x, subnormal or not, as (m, k) with x = 2^k m.
#[inline(always)]
pub(super) fn split_exponent(x: f32) -> (f32, f32) {
    let subnormal = x < f32::MIN_POSITIVE;
    let (m, biased) = split_normal(x * select(subnormal, 33_554_432.0, 1.0));
    (m, to_float(biased, 127.0) - select(subnormal, 25.0, 0.0))
}

/// ln(1 + f) - f + f²/2 and f²/2, for f between sqrt(1/2) - 1 and sqrt 2 - 1.
#[inline(always)]
fn series<S: Simd>(f: f32) -> (f32, f32) {
    let square = f * f;
    let p = poly!(S, f;
        0.3333331,
        -0.24999987,
        0.20002231,
        -0.16669251,
        0.14218561,
        -0.12384283,
        0.11873686,
        -0.11790477,
        0.06914458,
    );
    (square * f * p, 0.5 * square)
}

/// The logarithm `y` of x with the special cases put in: -inf at zero, NaN below, infinity and
/// NaN as they are.
#[inline(always)]
fn special(x: f32, y: f32) -> f32 {
    let y = select(x < f32::INFINITY, y, x);
    let outside = select(x < 0.0, f32::NAN, f32::NEG_INFINITY);
    select(x <= 0.0, outside, y)
}

/// ln x. At most 0.81 ULP.
#[inline(always)]
pub fn ln<S: Simd>(x: f32) -> f32 {
    let (m, k) = split_exponent(x);
    let f = m - 1.0;
    let (rest, half_square) = series::<S>(f);
    let (sum, error) = fast_two_sum(k * LN2_HI, f);
    special(x, sum + (error + (fma::<S>(k, LN2_LO, rest) - half_square)))
}

/// ln(1 + x), from the exact sum 1 + x in two parts. At most 0.79 ULP.
#[inline(always)]
pub fn log1p<S: Simd>(x: f32) -> f32 {
    let (u, error) = two_sum(1.0, x);
    let (m, biased) = split_normal(u);
    let k = to_float(biased, 127.0);
    // 2^(1-k), and 0 for the largest k, which has no error left to scale.
    let inverse = f32::from_bits(255u32.wrapping_sub(biased) << 23);
    // 1 + f = 2^-k (1 + x); f_low is what rounding f leaves over. Where k = 0, f is x itself.
    let (f, f_low) = two_sum(m - 1.0, 0.5 * error * inverse);
    let (rest, half_square) = series::<S>(f);
    let (sum, error) = fast_two_sum(k * LN2_HI, f);
    // f_low / (1 + f), where one digit of the quotient is enough.
    let correction = f_low * fma::<S>(f, f, 1.0 - f);
    let y = sum + (error + (fma::<S>(k, LN2_LO, rest + correction) - half_square));
    let y = select(x < f32::INFINITY, y, x);
    let y = select(x.abs() < 2.9802322e-8, x, y);
    let outside = select(x < -1.0, f32::NAN, f32::NEG_INFINITY);
    select(x <= -1.0, outside, y)
}

/// ln(1 + f) in two parts, the first of at most 12 bits.
#[inline(always)]
fn ln_parts<S: Simd>(f: f32) -> (f32, f32) {
    let (rest, half_square) = series::<S>(f);
    let high = f32::from_bits((f - half_square).to_bits() & 0xffff_f000);
    (high, ((f - high) - half_square) + rest)
}

/// log2 x, ln m times 1 / ln 2 in two parts each; exact at powers of two. At most 0.75 ULP.
#[inline(always)]
pub fn log2<S: Simd>(x: f32) -> f32 {
    // 1 / ln 2 to 12 bits, so that its product with `high` is exact, and the rest.
    const HIGH: f32 = 1.4423828;
    const LOW: f32 = 0.0003122284;
    let (m, k) = split_exponent(x);
    let (high, low) = ln_parts::<S>(m - 1.0);
    let (sum, error) = fast_two_sum(k, high * HIGH);
    special(x, sum + (error + fma::<S>(low, HIGH, (low + high) * LOW)))
}

/// log10 x, likewise with 1 / ln 10 and log10 2. At most 0.70 ULP.
#[inline(always)]
pub fn log10<S: Simd>(x: f32) -> f32 {
    const HIGH: f32 = 0.4342041;
    const LOW: f32 = 9.038034e-05;
    // log10 2 to 16 bits: k times it is exact.
    const LOG10_2_HIGH: f32 = 0.3010254;
    const LOG10_2_LOW: f32 = 4.605039e-06;
    let (m, k) = split_exponent(x);
    let (high, low) = ln_parts::<S>(m - 1.0);
    let (sum, error) = fast_two_sum(k * LOG10_2_HIGH, high * HIGH);
    let low = fma::<S>(low, HIGH, fma::<S>(low + high, LOW, k * LOG10_2_LOW));
    special(x, sum + (error + low))
}

/// ln(1 + f) for 0 <= f <= 1: there the series in s = f / (2 + f) reaches far enough without taking powers of two apart,
/// with more terms.
#[inline(always)]
fn ln1p_unit<S: Simd>(f: f32) -> f32 {
    let s = f / (2.0 + f);
    let z = s * s;
    let r = z * poly!(S, z;
        0.66666675,
        0.39998877,
        0.28616896,
        0.21427523,
        0.24301492,
    );
    let half_square = 0.5 * f * f;
    f - (half_square - s * (half_square + r))
}

/// ln(1 + e^x) as max(x, 0) + ln(1 + e^-|x|), which neither overflows nor loses the left tail.
/// At most 1.82 ULP.
#[inline(always)]
pub fn softplus<S: Simd>(x: f32) -> f32 {
    // Written so that a NaN passes.
    select(x <= 0.0, 0.0, x) + ln1p_unit::<S>(exp::<S>(-x.abs()))
}
