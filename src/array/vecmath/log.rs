//! How is ln x computed, and what is built directly on it?
//!
//! x = 2^k m with m between sqrt(1/2) and sqrt 2, then with f = m - 1 ln m is f - f²/2 plus a small
//! last term, and only that rests on a polynomial (a minimax fit, Remez exchange at 50 digits).
//!
//! In `f32` the last term is f³ P(f). In `f64` it is s (f²/2 + R(s²)) with s = f / (2 + f), as
//! ln m = ln((1 + s) / (1 - s)); there the fit is of (ln((1 + s) / (1 - s)) / s - 2) / s² (the
//! arrangement is that of FreeBSD's `e_log.c`).

use super::exp::{Exp, exp};
use super::float::{Float, fast_two_sum, fma, poly, select, two_sum};
use crate::array::simd::Simd;

/// The constants of a type.
pub trait Log: Exp {
    /// How many bits are cut off the first part of ln(1 + f).
    const CUT: u32;
    /// 1 / ln 2 in two parts, the first (12 bits, 21 bits) short enough for its product with that part to be exact.
    const LOG2_E: (Self, Self);
    /// 1 / ln 10, likewise.
    const LOG10_E: (Self, Self);
    /// log10 2 in two parts, the first (16 bits, 42 bits) short enough for k times it to be exact.
    const LOG10_2: (Self, Self);
    /// ln(1 + f) - f + f²/2 and f²/2, for f between sqrt(1/2) - 1 and sqrt 2 - 1.
    fn log_series<S: Simd>(f: Self) -> (Self, Self);
    /// (ln((1 + s) / (1 - s)) / s - 2) / s², of s² for 0 <= s <= 1/3.
    fn log1p_series<S: Simd>(square: Self) -> Self;
}

impl Log for f32 {
    const CUT: u32 = 12;
    const LOG2_E: (f32, f32) = (1.4423828, 0.0003122284);
    const LOG10_E: (f32, f32) = (0.4342041, 9.038034e-05);
    const LOG10_2: (f32, f32) = (0.3010254, 4.605039e-06);
    #[inline(always)]
    fn log_series<S: Simd>(f: f32) -> (f32, f32) {
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
    #[inline(always)]
    fn log1p_series<S: Simd>(square: f32) -> f32 {
        poly!(S, square;
            0.66666675,
            0.39998877,
            0.28616896,
            0.21427523,
            0.24301492,
        )
    }
}

impl Log for f64 {
    const CUT: u32 = 32;
    const LOG2_E: (f64, f64) = (1.4426946640014648, 3.768874985636099e-07);
    const LOG10_E: (f64, f64) = (0.4342944622039795, 1.9699272335463627e-08);
    const LOG10_2: (f64, f64) = (0.30102999566395283, 2.8363394551044964e-14);
    #[inline(always)]
    fn log_series<S: Simd>(f: f64) -> (f64, f64) {
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
    #[inline(always)]
    fn log1p_series<S: Simd>(square: f64) -> f64 {
        poly!(S, square;
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
        )
    }
}

/// The logarithm `y` of x with the special cases put in: -inf at zero, NaN below, infinity and
/// NaN as they are.
#[inline(always)]
fn special<T: Float>(x: T, y: T) -> T {
    let zero = T::lit(0.0);
    let y = select(x < T::INFINITY, y, x);
    let outside = select(x < zero, T::NAN, -T::INFINITY);
    select(x <= zero, outside, y)
}

/// ln x. At most 0.81 ULP in f32, 0.77 in f64.
#[inline(always)]
pub fn ln<S: Simd, T: Log>(x: T) -> T {
    let (m, k) = x.split_exponent();
    let f = m - T::lit(1.0);
    let (rest, half_square) = T::log_series::<S>(f);
    let (sum, error) = fast_two_sum(k * T::LN2_HI, f);
    special(x, sum + (error + (fma::<S, _>(k, T::LN2_LO, rest) - half_square)))
}

/// ln(1 + x), from the exact sum 1 + x in two parts. At most 0.79 ULP in f32, 0.81 in f64.
#[inline(always)]
pub fn log1p<S: Simd, T: Log>(x: T) -> T {
    let one = T::lit(1.0);
    let (u, error) = two_sum(one, x);
    let (m, biased) = u.split();
    let k = T::exponent(biased);
    // The largest k has no error left to scale.
    let inverse = T::two_over_power(biased);
    // 1 + f = 2^-k (1 + x); f_low is what rounding f leaves over. Where k = 0, f is x itself.
    let (f, f_low) = two_sum(m - one, T::lit(0.5) * error * inverse);
    let (rest, half_square) = T::log_series::<S>(f);
    let (sum, error) = fast_two_sum(k * T::LN2_HI, f);
    // f_low / (1 + f), where one digit of the quotient is enough.
    let correction = f_low * fma::<S, _>(f, f, one - f);
    let y = sum + (error + (fma::<S, _>(k, T::LN2_LO, rest + correction) - half_square));
    let y = select(x < T::INFINITY, y, x);
    let y = select(x.abs() < T::TINY, x, y);
    let outside = select(x < -one, T::NAN, -T::INFINITY);
    select(x <= -one, outside, y)
}

/// ln(1 + f) in two parts, the first of at most 12 or 21 bits.
#[inline(always)]
fn ln_parts<S: Simd, T: Log>(f: T) -> (T, T) {
    let (rest, half_square) = T::log_series::<S>(f);
    let high = (f - half_square).cut(T::CUT);
    (high, ((f - high) - half_square) + rest)
}

/// log2 x, ln m times 1 / ln 2 in two parts each; exact at powers of two. At most 0.75 ULP in f32, 0.78 in f64 (0.79 without FMA).
#[inline(always)]
pub fn log2<S: Simd, T: Log>(x: T) -> T {
    let (m, k) = x.split_exponent();
    let (high, low) = ln_parts::<S, _>(m - T::lit(1.0));
    let (sum, error) = fast_two_sum(k, high * T::LOG2_E.0);
    special(x, sum + (error + fma::<S, _>(low, T::LOG2_E.0, (low + high) * T::LOG2_E.1)))
}

/// log10 x, likewise with 1 / ln 10 and log10 2. At most 0.70 ULP in f32, 0.68 in f64.
#[inline(always)]
pub fn log10<S: Simd, T: Log>(x: T) -> T {
    let (m, k) = x.split_exponent();
    let (high, low) = ln_parts::<S, _>(m - T::lit(1.0));
    let (sum, error) = fast_two_sum(k * T::LOG10_2.0, high * T::LOG10_E.0);
    let low = fma::<S, _>(low, T::LOG10_E.0, fma::<S, _>(low + high, T::LOG10_E.1, k * T::LOG10_2.1));
    special(x, sum + (error + low))
}

/// ln(1 + f) for 0 <= f <= 1: there the series in s = f / (2 + f) reaches far enough without taking powers of two apart,
/// with more terms.
#[inline(always)]
fn ln1p_unit<S: Simd, T: Log>(f: T) -> T {
    let s = f / (T::lit(2.0) + f);
    let z = s * s;
    let r = z * T::log1p_series::<S>(z);
    let half_square = T::lit(0.5) * f * f;
    f - (half_square - s * (half_square + r))
}

/// ln(1 + e^x) as max(x, 0) + ln(1 + e^-|x|), which neither overflows nor loses the left tail.
/// At most 1.82 ULP in f32, 1.79 in f64.
#[inline(always)]
pub fn softplus<S: Simd, T: Log>(x: T) -> T {
    // Written so that a NaN passes.
    let zero = T::lit(0.0);
    select(x <= zero, zero, x) + ln1p_unit::<S, _>(exp::<S, _>(-x.abs()))
}
