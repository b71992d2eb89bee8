//! How are the hyperbolic functions and their inverses computed?
//!
//! On |x| from e^x - 1 and ln(1 + x), which keep their relative accuracy around zero; the sign is
//! put back at the end, so that -0 stays -0.

use super::exp::{Halves, exp_shifted, expm1_shifted, halves};
use super::log::log1p;
use super::{Simd, fma, select};
use core::f64::consts::LN_2;

/// tanh x as n / d with n = (h - 1) c + (h + 1) u and d = (h + 1) c + (h - 1) u, where h = 2^k and c = u coth u of [`Halves`] of |x|.
/// A number s near the quotient is split off it, so that the rounding errors of n and d weigh little: s + (n - s d) / d. With
/// s = k / 4, at most 1, the factors of c and u in n - s d are exact. At most 1.82 ULP.
#[inline(always)]
pub fn tanh<S: Simd>(x: f64) -> f64 {
    // tanh is 1 to the last bit from 19.06 on.
    let a = x.abs();
    let Halves { k, u, square: z, power } = halves::<S>(select(a > 20.0, 20.0, a), 1023.0);
    let h = f64::from_bits(power << 52);
    let s = 0.25 * k;
    let s = select(s < 1.0, s, 1.0);
    let (rest, more) = (1.0 - s, 1.0 + s);
    let (p, q) = (fma::<S>(rest, h, -more), fma::<S>(rest, h, more));
    let series = poly!(S, z;
        0.33333333333333204,
        -0.022222222221610227,
        0.0021164020226221124,
        -0.0002116339379659536,
        2.1187106625481663e-05,
    );
    // c in two parts for d, whose error weighs more.
    let (w, c) = (z * series, fma::<S>(z, series, 1.0));
    let top = fma::<S>(p, c, q * u);
    let bottom = fma::<S>(h + 1.0, w, fma::<S>(h - 1.0, u, h + 1.0));
    (s + top / bottom).copysign(x)
}

/// |x| up to where sinh and cosh have overflowed.
#[inline(always)]
fn magnitude(x: f64) -> f64 {
    let a = x.abs();
    select(a > 710.5, 710.5, a)
}

/// sinh x as (t + t / (t + 1)) / 2 with t = e^|x| - 1. At most 1.98 ULP.
#[inline(always)]
pub fn sinh<S: Simd>(x: f64) -> f64 {
    // A quarter of t stays finite where sinh is.
    let quarter = expm1_shifted::<S>(magnitude(x), 2);
    let y = 2.0 * quarter + quarter / (2.0 * quarter + 0.5);
    let a = x.abs();
    select(a < 1e-9, a, y).copysign(x)
}

/// cosh x as (e + 1 / e) / 2 with e = e^|x|. At most 1.25 ULP, 1.28 without FMA.
#[inline(always)]
pub fn cosh<S: Simd>(x: f64) -> f64 {
    let quarter = exp_shifted::<S>(magnitude(x), 2);
    2.0 * quarter + 0.125 / quarter
}

/// From here on 1 vanishes beside x², and ln(1 + x) is ln x.
const LARGE: f64 = 1e18;

/// asinh x as log1p(|x| + x² / (1 + sqrt(1 + x²))). At most 1.53 ULP.
#[inline(always)]
pub fn asinh<S: Simd>(x: f64) -> f64 {
    let a = x.abs();
    let large = a > LARGE;
    let square = a * a;
    let t = a + square / (1.0 + (1.0 + square).sqrt());
    let y = log1p::<S>(select(large, a, t)) + select(large, LN_2, 0.0);
    y.copysign(x)
}

/// acosh x as log1p(t + sqrt(2t + t²)) with t = x - 1; NaN below 1. At most 2.14 ULP.
#[inline(always)]
pub fn acosh<S: Simd>(x: f64) -> f64 {
    let large = x > LARGE;
    let t = x - 1.0;
    let sum = t + fma::<S>(t, t, 2.0 * t).sqrt();
    let y = log1p::<S>(select(large, x, sum)) + select(large, LN_2, 0.0);
    select(x < 1.0, f64::NAN, y)
}

/// atanh x as log1p(2|x| / (1 - |x|)) / 2; ±inf at ±1, NaN beyond. At most 1.89 ULP.
#[inline(always)]
pub fn atanh<S: Simd>(x: f64) -> f64 {
    let a = x.abs();
    (0.5 * log1p::<S>(2.0 * a / (1.0 - a))).copysign(x)
}
