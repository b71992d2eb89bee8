//! Are the functions as accurate as their documentation says, and right at the special values?

mod hard;

use super::VecMath;
use super::circular::Circular;
use crate::array::scalar::Scalar;
use crate::array::simd::{Avx512, Plain};

/// The functions in `f64` that std does not have, or not to its usual accuracy.
mod reference {
    pub use libm::{erf, erfc};

    pub fn sigmoid(x: f64) -> f64 {
        let e = (-x.abs()).exp();
        if x < 0.0 { e / (1.0 + e) } else { 1.0 / (1.0 + e) }
    }

    // std's inverses lose digits near 1 and overflow early.
    pub fn asinh(x: f64) -> f64 {
        let (a, far) = (x.abs(), x.abs() > 1e18);
        let y = if far { a.ln() + core::f64::consts::LN_2 } else { (a + a * a / (1.0 + a.hypot(1.0))).ln_1p() };
        y.copysign(x)
    }

    pub fn acosh(x: f64) -> f64 {
        let t = x - 1.0;
        if x < 1.0 {
            f64::NAN
        } else if x > 1e18 {
            x.ln() + core::f64::consts::LN_2
        } else {
            (t + (t * t + 2.0 * t).sqrt()).ln_1p()
        }
    }

    pub fn atanh(x: f64) -> f64 {
        let a = x.abs();
        (0.5 * (2.0 * a / (1.0 - a)).ln_1p()).copysign(x)
    }

    pub fn softplus(x: f64) -> f64 {
        if x.is_nan() { x } else { x.max(0.0) + (-x.abs()).exp().ln_1p() }
    }
}

/// The error of `got` in units in the last place of an `f32` result; infinite where one of the two
/// is NaN, or where zero or infinity is missed, or zero has the wrong sign.
fn ulps32(got: f32, exact: f64) -> f64 {
    let rounded = exact as f32;
    if exact.is_nan() || got.is_nan() {
        return if exact.is_nan() && got.is_nan() { 0.0 } else { f64::INFINITY };
    }
    if exact == 0.0 || rounded.is_infinite() || got.is_infinite() {
        let beyond = rounded.is_infinite() != got.is_infinite() && exact.abs() > 3.402_823e38;
        let same = rounded == got && rounded.is_sign_negative() == got.is_sign_negative();
        return if same {
            0.0
        } else if beyond {
            1.0
        } else {
            f64::INFINITY
        };
    }
    let exponent = ((exact.abs().to_bits() >> 52) as i32 - 1023).max(-126);
    (f64::from(got) - exact).abs() / f64::from(exponent - 23).exp2()
}

/// How many `f64` lie between the two; infinite likewise.
fn ulps64(got: f64, expected: f64) -> f64 {
    if expected.is_nan() || got.is_nan() {
        return if expected.is_nan() && got.is_nan() { 0.0 } else { f64::INFINITY };
    }
    if got.is_sign_negative() != expected.is_sign_negative() {
        return f64::INFINITY;
    }
    got.to_bits().abs_diff(expected.to_bits()) as f64
}

/// That a function is within a bound of its exact value, without and with fused multiply-adds.
fn check<T: Scalar, const N: usize>(ulps: fn(T, f64) -> f64, at: [T; N], found: [T; 2], exact: f64, bound: f64) {
    for found in found {
        assert!(ulps(found, exact) <= bound, "{} at {at:?}: {found:?} for {exact:e}", T::NAME);
    }
}

const SPECIAL: [f64; 21] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -0.5,
    2.0,
    -2.0,
    3.0,
    -3.0,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    5e-324,
    -5e-324,
    1e-310,
    f64::MIN_POSITIVE,
    f64::MAX,
    f64::MIN,
    710.0,
    -746.0,
];

fn special32() -> impl Iterator<Item = f32> {
    let more = [f32::MIN_POSITIVE, f32::MAX, f32::MIN, 1e-45, -1e-45, 88.722_84, 88.73, -103.9];
    SPECIAL.into_iter().map(|x| x as f32).chain(more)
}

/// Bit patterns of all `f32`, a prime apart; fewer in an unoptimised build.
fn sweep32() -> impl Iterator<Item = f32> {
    let step = if cfg!(debug_assertions) { 19_937 } else { 997 };
    (0..=u32::MAX).step_by(step).map(f32::from_bits).chain(special32())
}

/// Numbers of the range, evenly spaced, and then of all magnitudes in it.
fn sweep64(low: f64, high: f64) -> impl Iterator<Item = f64> {
    let steps = if cfg!(debug_assertions) { 20_011 } else { 1_000_003 };
    let even = (0..steps).map(move |i| low + (high - low) * (f64::from(i) / f64::from(steps)));
    let all = (0..steps).map(move |i| f64::from_bits(u64::MAX / steps as u64 * i as u64));
    even.chain(all.filter(move |x| (low..=high).contains(x))).chain(SPECIAL)
}

/// One test per function: name, the function it is compared with, the range in which `f64` is
/// swept, the table of hard values, and the documented bounds of f32 and f64.
macro_rules! unary {
    ($($name:ident, $std:expr, $low:expr, $high:expr, $hard:ident, $bound32:expr, $bound64:expr, $std_error:expr;)+) => {$(
        #[test]
        fn $name() {
            let reference: fn(f64) -> f64 = $std;
            let trig = matches!(stringify!($name), "sin" | "cos" | "tan");
            for x in sweep32() {
                if trig && x.is_finite() && x.abs() > f32::BOUND {
                    continue;
                }
                let found = [VecMath::$name::<Plain>(x), VecMath::$name::<Avx512>(x)];
                check(ulps32, [x; 1], found, reference(f64::from(x)), $bound32 + 0.01);
            }
            let check64 = |x: f64, expected: f64, bound: f64| {
                check(ulps64, [x; 1], [VecMath::$name::<Plain>(x), VecMath::$name::<Avx512>(x)], expected, bound);
            };
            for x in sweep64($low, $high) {
                if trig && x.is_finite() && x.abs() > f64::BOUND {
                    continue;
                }
                // libm has an error of its own.
                check64(x, reference(x), $bound64 + $std_error);
            }
            for &(x, expected) in hard::$hard {
                check64(f64::from_bits(x), f64::from_bits(expected), $bound64 + 0.5);
            }
        }
    )+};
}

unary! {
    exp, f64::exp, -746.0, 710.0, EXP, 0.88, 0.91, 0.6;
    exp2, f64::exp2, -1076.0, 1025.0, EXP2, 1.08, 1.17, 0.6;
    expm1, f64::exp_m1, -50.0, 710.0, EXPM1, 1.05, 1.16, 1.0;
    ln, f64::ln, 0.0, 10.0, LN, 0.81, 0.77, 0.6;
    log2, f64::log2, 0.0, 10.0, LOG2, 0.75, 0.79, 0.6;
    log10, f64::log10, 0.0, 10.0, LOG10, 0.70, 0.68, 1.6;
    log1p, f64::ln_1p, -1.0, 10.0, LOG1P, 0.79, 0.81, 1.0;
    tanh, f64::tanh, -20.0, 20.0, TANH, 1.74, 1.82, 2.2;
    sigmoid, reference::sigmoid, -750.0, 50.0, SIGMOID, 1.97, 1.85, 2.3;
    softplus, reference::softplus, -750.0, 50.0, SOFTPLUS, 1.82, 1.79, 2.0;
    sinh, f64::sinh, -711.0, 711.0, SINH, 1.95, 1.98, 2.0;
    cosh, f64::cosh, -711.0, 711.0, COSH, 1.29, 1.28, 2.0;
    asinh, reference::asinh, -10.0, 10.0, ASINH, 1.54, 1.53, 3.0;
    acosh, reference::acosh, 1.0, 10.0, ACOSH, 1.95, 2.14, 3.0;
    atanh, reference::atanh, -1.0, 1.0, ATANH, 1.88, 1.89, 3.0;
    sin, f64::sin, -100000.0, 100000.0, SIN, 0.51, 0.79, 0.6;
    cos, f64::cos, -100000.0, 100000.0, COS, 0.51, 0.79, 0.6;
    tan, f64::tan, -100000.0, 100000.0, TAN, 0.51, 2.23, 0.7;
    asin, f64::asin, -1.0, 1.0, ASIN, 1.14, 1.11, 0.6;
    acos, f64::acos, -1.0, 1.0, ACOS, 1.10, 1.11, 0.6;
    atan, f64::atan, -10.0, 10.0, ATAN, 1.83, 1.80, 0.6;
    erf, |x| reference::erf(x), -6.0, 6.0, ERF, 1.40, 1.34, 1.0;
    erfc, |x| reference::erfc(x), -6.0, 28.0, ERFC, 3.16, 2.95, 3.0;
}

/// A reproducible stream of bit patterns (splitmix64).
fn random_bits() -> impl Iterator<Item = u64> + Clone {
    (1u64..).map(|i| {
        let z = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

/// Pairs of any bits, pairs of similar size, and all pairs of the special values.
fn pairs() -> impl Iterator<Item = (f64, f64)> {
    let unit = |bits: u64| (bits >> 11) as f64 / 9_007_199_254_740_992.0;
    let any = random_bits().zip(random_bits().skip(1_000_000)).take(200_000);
    let similar = any.clone().map(move |(a, b)| (8.0 * unit(a) - 2.0, 200.0 * unit(b) - 100.0));
    let any = any.map(|(a, b)| (f64::from_bits(a), f64::from_bits(b)));
    any.chain(similar).chain(SPECIAL.into_iter().flat_map(|x| SPECIAL.map(|y| (x, y))))
}

/// Likewise for two arguments, with the bound against libm in `f64`.
macro_rules! binary {
    ($($name:ident, $std:expr, $bound32:expr, $bound64:expr;)+) => {$(
        #[test]
        fn $name() {
            let reference: fn(f64, f64) -> f64 = $std;
            for (x, y) in pairs() {
                let found = [VecMath::$name::<Plain>(x, y), VecMath::$name::<Avx512>(x, y)];
                check(ulps64, [x, y], found, reference(x, y), $bound64);
                // Half of the bits of an f64 make an f32 of every kind.
                let narrow = |v: f64| if v.abs() < 1e3 { v as f32 } else { f32::from_bits((v.to_bits() >> 32) as u32) };
                let (x, y) = (narrow(x), narrow(y));
                let found = [VecMath::$name::<Plain>(x, y), VecMath::$name::<Avx512>(x, y)];
                check(ulps32, [x, y], found, reference(f64::from(x), f64::from(y)), $bound32);
            }
        }
    )+};
}

binary! {
    pow, f64::powf, 0.52, 1.02 + 0.6;
    atan2, f64::atan2, 1.89, 1.89 + 0.6;
    hypot, f64::hypot, 0.52, 1.17 + 0.6;
}

#[test]
fn pow_of_hard_cases() {
    for &(x, y, expected) in hard::POW {
        let (x, y, expected) = (f64::from_bits(x), f64::from_bits(y), f64::from_bits(expected));
        check(ulps64, [x, y], [VecMath::pow::<Plain>(x, y), VecMath::pow::<Avx512>(x, y)], expected, 1.5);
    }
}
