//! How are the hyperbolic functions and their inverses computed?
//!
//! On |x| from e^x - 1 and ln(1 + x), which keep their relative accuracy around zero; the sign is
//! put back at the end, so that -0 stays -0.

use super::exp::{Halves, exp_shifted, expm1_shifted, halves};
use super::float::{fma, poly, select};
use super::log::{Log, log1p};
use crate::array::simd::Simd;
use core::f64::consts::LN_2;

/// The constants of a type.
pub trait Hyperbolic: Log {
    /// Where tanh is 1 to the last bit (from 9.02 and 19.06 on).
    const TANH_END: Self;
    /// Where sinh and cosh have overflowed.
    const SINH_END: Self;
    /// Below this, sinh x is x.
    const SINH_TINY: Self;
    /// From here on 1 vanishes beside x², and ln(1 + x) is ln x.
    const LARGE: Self;
    /// (u coth u - 1) / u², of u².
    fn tanh_series<S: Simd>(square: Self) -> Self;
}

impl Hyperbolic for f32 {
    const TANH_END: f32 = 10.0;
    const SINH_END: f32 = 89.5;
    const SINH_TINY: f32 = 2e-5;
    const LARGE: f32 = 1e9;
    #[inline(always)]
    fn tanh_series<S: Simd>(square: f32) -> f32 {
        poly!(S, square; 0.3333325, -0.022133958)
    }
}

impl Hyperbolic for f64 {
    const TANH_END: f64 = 20.0;
    const SINH_END: f64 = 710.5;
    const SINH_TINY: f64 = 1e-9;
    const LARGE: f64 = 1e18;
    #[inline(always)]
    fn tanh_series<S: Simd>(square: f64) -> f64 {
        poly!(S, square;
            0.33333333333333204,
            -0.022222222221610227,
            0.0021164020226221124,
            -0.0002116339379659536,
            2.1187106625481663e-05,
        )
    }
}

/// tanh x as n / d with n = (h - 1) c + (h + 1) u and d = (h + 1) c + (h - 1) u, where h = 2^k and c = u coth u of [`Halves`] of |x|.
/// A number s near the quotient is split off it, so that the rounding errors of n and d weigh little: s + (n - s d) / d. With
/// s = k / 4, at most 1, the factors of c and u in n - s d are exact. At most 1.74 ULP in f32, 1.82 in f64.
#[inline(always)]
pub fn tanh<S: Simd, T: Hyperbolic>(x: T) -> T {
    let (one, a) = (T::lit(1.0), x.abs());
    let Halves { k, u, square: z, power } = halves::<S, T>(select(a > T::TANH_END, T::TANH_END, a), T::BIAS);
    let h = T::power_of_two(power);
    let s = T::lit(0.25) * k;
    let s = select(s < one, s, one);
    let (rest, more) = (one - s, one + s);
    let (p, q) = (fma::<S, _>(rest, h, -more), fma::<S, _>(rest, h, more));
    let series = T::tanh_series::<S>(z);
    // c in two parts for d, whose error weighs more.
    let (w, c) = (z * series, fma::<S, _>(z, series, one));
    let top = fma::<S, _>(p, c, q * u);
    let bottom = fma::<S, _>(h + one, w, fma::<S, _>(h - one, u, h + one));
    (s + top / bottom).copysign(x)
}

/// |x| up to where sinh and cosh have overflowed.
#[inline(always)]
fn magnitude<T: Hyperbolic>(x: T) -> T {
    let a = x.abs();
    select(a > T::SINH_END, T::SINH_END, a)
}

/// sinh x as (t + t / (t + 1)) / 2 with t = e^|x| - 1. At most 1.95 ULP in f32, 1.98 in f64.
#[inline(always)]
pub fn sinh<S: Simd, T: Hyperbolic>(x: T) -> T {
    // A quarter of t stays finite where sinh is.
    let quarter = expm1_shifted::<S, _>(magnitude(x), 2);
    let half = T::lit(2.0) * quarter;
    let y = half + quarter / (half + T::lit(0.5));
    let a = x.abs();
    select(a < T::SINH_TINY, a, y).copysign(x)
}

/// cosh x as (e + 1 / e) / 2 with e = e^|x|. At most 1.29 ULP in f32, 1.25 in f64; without FMA 1.25 and 1.28.
#[inline(always)]
pub fn cosh<S: Simd, T: Hyperbolic>(x: T) -> T {
    let quarter = exp_shifted::<S, _>(magnitude(x), 2);
    T::lit(2.0) * quarter + T::lit(0.125) / quarter
}

/// asinh x as log1p(|x| + x² / (1 + sqrt(1 + x²))). At most 1.54 ULP in f32, 1.53 in f64.
#[inline(always)]
pub fn asinh<S: Simd, T: Hyperbolic>(x: T) -> T {
    let (one, a) = (T::lit(1.0), x.abs());
    let large = a > T::LARGE;
    let square = a * a;
    let t = a + square / (one + (one + square).sqrt());
    (log1p::<S, _>(select(large, a, t)) + more(large)).copysign(x)
}

/// acosh x as log1p(t + sqrt(2t + t²)) with t = x - 1; NaN below 1. At most 1.95 ULP in f32, 2.14 in f64.
#[inline(always)]
pub fn acosh<S: Simd, T: Hyperbolic>(x: T) -> T {
    let (one, large) = (T::lit(1.0), x > T::LARGE);
    let t = x - one;
    let sum = t + fma::<S, _>(t, t, T::lit(2.0) * t).sqrt();
    let y = log1p::<S, _>(select(large, x, sum)) + more(large);
    select(x < one, T::NAN, y)
}

/// ln 2 for a large x: the difference of ln 2x and ln x.
#[inline(always)]
fn more<T: Hyperbolic>(large: bool) -> T {
    select(large, T::lit(LN_2), T::lit(0.0))
}

/// atanh x as log1p(2|x| / (1 - |x|)) / 2; ±inf at ±1, NaN beyond. At most 1.88 ULP in f32, 1.89 in f64.
#[inline(always)]
pub fn atanh<S: Simd, T: Hyperbolic>(x: T) -> T {
    let a = x.abs();
    (T::lit(0.5) * log1p::<S, _>(T::lit(2.0) * a / (T::lit(1.0) - a))).copysign(x)
}
