//! How is ln x computed, and what is built directly on it?
//!
//! x = 2^k m with m between sqrt(1/2) and sqrt 2, then with f = m - 1 and s = f / (2 + f)
//! ln m = ln((1 + s) / (1 - s)) = f - f²/2 + s (f²/2 + R(s²)), where only the small last term
//! rests on a polynomial (the arrangement is that of FreeBSD's `e_log.c`; the coefficients are a
//! minimax fit of (ln((1 + s) / (1 - s)) / s - 2) / s², Remez exchange at 50 digits).

use super::exp::exp;
use super::{LN2_HI, LN2_LO, Simd, TWO52, fast_two_sum, fma, select, two_sum};

const SQRT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
const ONE: u64 = 0x3ff0_0000_0000_0000;
const MANTISSA: u64 = 0x000f_ffff_ffff_ffff;

/// A positive normal x as m * 2^(biased - 1023), m between sqrt(1/2) and sqrt 2.
#[inline(always)]
fn split_normal(x: f64) -> (f64, u64) {
    let bits = x.to_bits().wrapping_add(ONE - SQRT_HALF);
    (f64::from_bits((bits & MANTISSA) + SQRT_HALF), bits >> 52)
}

/// An integer below 2^52 less `bias`: written into the mantissa of 2^52, which vector units
/// without a conversion from 64-bit integers can do too.
#[inline(always)]
fn to_float(n: u64, bias: f64) -> f64 {
    f64::from_bits(n | TWO52.to_bits()) - (TWO52 + bias)
}

/// A positive finite x, subnormal or not, as (m, k) with x = 2^k m.
#[inline(always)]
pub(super) fn split_exponent(x: f64) -> (f64, f64) {
    let subnormal = x < f64::MIN_POSITIVE;
    let (m, biased) = split_normal(x * select(subnormal, 18_014_398_509_481_984.0, 1.0));
    (m, to_float(biased, 1023.0) - select(subnormal, 54.0, 0.0))
}

/// ln(1 + f) - f + f²/2 and f²/2, for f between sqrt(1/2) - 1 and sqrt 2 - 1.
#[inline(always)]
fn series<S: Simd>(f: f64) -> (f64, f64) {
    let s = f / (2.0 + f);
    let z = s * s;
    let r = z * poly!(S, z;
        0.6666666666666734,
        0.39999999999414,
        0.2857142874255603,
        0.22222198554333417,
        0.18183565381401204,
        0.1531402173961539,
        0.14796255169170197,
    );
    let half_square = 0.5 * f * f;
    (s * (half_square + r), half_square)
}

/// The logarithm `y` of x with the special cases put in: -inf at zero, NaN below, infinity and
/// NaN as they are.
#[inline(always)]
fn special(x: f64, y: f64) -> f64 {
    let y = select(x < f64::INFINITY, y, x);
    let outside = select(x < 0.0, f64::NAN, f64::NEG_INFINITY);
    select(x <= 0.0, outside, y)
}

/// ln x. At most 0.77 ULP.
#[inline(always)]
pub fn ln<S: Simd>(x: f64) -> f64 {
    let (m, k) = split_exponent(x);
    let f = m - 1.0;
    let (rest, half_square) = series::<S>(f);
    let (sum, error) = fast_two_sum(k * LN2_HI, f);
    special(x, sum + (error + (fma::<S>(k, LN2_LO, rest) - half_square)))
}

/// ln(1 + x), from the exact sum 1 + x in two parts. At most 0.81 ULP.
#[inline(always)]
pub fn log1p<S: Simd>(x: f64) -> f64 {
    let (u, error) = two_sum(1.0, x);
    let (m, biased) = split_normal(u);
    let k = to_float(biased, 1023.0);
    // 2^(1-k), and 0 for the largest k, which has no error left to scale.
    let inverse = f64::from_bits(2047u64.wrapping_sub(biased) << 52);
    // 1 + f = 2^-k (1 + x); f_low is what rounding f leaves over. Where k = 0, f is x itself.
    let (f, f_low) = two_sum(m - 1.0, 0.5 * error * inverse);
    let (rest, half_square) = series::<S>(f);
    let (sum, error) = fast_two_sum(k * LN2_HI, f);
    // f_low / (1 + f), where one digit of the quotient is enough.
    let correction = f_low * fma::<S>(f, f, 1.0 - f);
    let y = sum + (error + (fma::<S>(k, LN2_LO, rest + correction) - half_square));
    let y = select(x < f64::INFINITY, y, x);
    let y = select(x.abs() < 5.551115123125783e-17, x, y);
    let outside = select(x < -1.0, f64::NAN, f64::NEG_INFINITY);
    select(x <= -1.0, outside, y)
}

/// ln(1 + f) in two parts, the first of at most 21 bits.
#[inline(always)]
fn ln_parts<S: Simd>(f: f64) -> (f64, f64) {
    let (rest, half_square) = series::<S>(f);
    let high = f64::from_bits((f - half_square).to_bits() & 0xffff_ffff_0000_0000);
    (high, ((f - high) - half_square) + rest)
}

/// log2 x, ln m times 1 / ln 2 in two parts each; exact at powers of two. At most 0.78 ULP, 0.79 without FMA.
#[inline(always)]
pub fn log2<S: Simd>(x: f64) -> f64 {
    // 1 / ln 2 to 21 bits, so that its product with `high` is exact, and the rest.
    const HIGH: f64 = 1.4426946640014648;
    const LOW: f64 = 3.768874985636099e-07;
    let (m, k) = split_exponent(x);
    let (high, low) = ln_parts::<S>(m - 1.0);
    let (sum, error) = fast_two_sum(k, high * HIGH);
    special(x, sum + (error + fma::<S>(low, HIGH, (low + high) * LOW)))
}

/// log10 x, likewise with 1 / ln 10 and log10 2. At most 0.68 ULP.
#[inline(always)]
pub fn log10<S: Simd>(x: f64) -> f64 {
    const HIGH: f64 = 0.4342944622039795;
    const LOW: f64 = 1.9699272335463627e-08;
    // log10 2 to 42 bits: k times it is exact.
    const LOG10_2_HIGH: f64 = 0.30102999566395283;
    const LOG10_2_LOW: f64 = 2.8363394551044964e-14;
    let (m, k) = split_exponent(x);
    let (high, low) = ln_parts::<S>(m - 1.0);
    let (sum, error) = fast_two_sum(k * LOG10_2_HIGH, high * HIGH);
    let low = fma::<S>(low, HIGH, fma::<S>(low + high, LOW, k * LOG10_2_LOW));
    special(x, sum + (error + low))
}

/// ln(1 + f) for 0 <= f <= 1: there the series reaches far enough without taking powers of two apart,
/// with more terms.
#[inline(always)]
fn ln1p_unit<S: Simd>(f: f64) -> f64 {
    let s = f / (2.0 + f);
    let z = s * s;
    let r = z * poly!(S, z;
        0.6666666666666631,
        0.4000000000015735,
        0.2857142854783919,
        0.2222222397071288,
        0.1818174388821113,
        0.1538656074551987,
        0.13300962310941442,
        0.12106178889491827,
        0.08339682846243675,
        0.17019375342406018,
    );
    let half_square = 0.5 * f * f;
    f - (half_square - s * (half_square + r))
}

/// ln(1 + e^x) as max(x, 0) + ln(1 + e^-|x|), which neither overflows nor loses the left tail.
/// At most 1.79 ULP.
#[inline(always)]
pub fn softplus<S: Simd>(x: f64) -> f64 {
    // Written so that a NaN passes.
    select(x <= 0.0, 0.0, x) + ln1p_unit::<S>(exp::<S>(-x.abs()))
}
