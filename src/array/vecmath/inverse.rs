//! How are the inverse circular functions computed?
//!
//! Each on |x| with an identity that brings the argument below a half, or below tan(pi/8), and an
//! odd polynomial there (minimax fits, Remez exchange at 50 digits). What the identity adds, such
//! as pi/2, goes in with its own rounding error.

use super::float::{Float, fast_two_sum, fma, poly, select};
use crate::array::simd::Simd;
use core::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};

/// The constants of a type.
pub trait Inverse: Float {
    /// pi/2 less its rounded value.
    const FRAC_PI_2_TAIL: Self;
    const TAN_PI_8: Self;
    /// Where the sum of two numbers may overflow, and where their products with tan(pi/8) may be subnormal without the factor `UP`.
    const HUGE: Self;
    const SMALL: Self;
    const UP: Self;
    /// (asin(s) / s - 1) / s², of s² for 0 <= s <= 1/2.
    fn asin_series<S: Simd>(square: Self) -> Self;
    /// (atan(t) / t - 1) / t², of t² for 0 <= t <= tan(pi/8).
    fn atan_series<S: Simd>(square: Self) -> Self;
}

impl Inverse for f32 {
    const FRAC_PI_2_TAIL: f32 = -4.371139e-08;
    const TAN_PI_8: f32 = 0.41421357;
    const HUGE: f32 = 1e38;
    const SMALL: f32 = 1e-30;
    const UP: f32 = 1_073_741_824.0; // 2^30
    #[inline(always)]
    fn asin_series<S: Simd>(square: f32) -> f32 {
        poly!(S, square;
            0.1666666,
            0.07500512,
            0.044515472,
            0.0318198,
            0.014393878,
            0.03757805,
        )
    }
    #[inline(always)]
    fn atan_series<S: Simd>(square: f32) -> f32 {
        poly!(S, square;
            -0.33333316,
            0.19998483,
            -0.1424374,
            0.10595148,
            -0.06081176,
        )
    }
}

impl Inverse for f64 {
    const FRAC_PI_2_TAIL: f64 = 6.123233995736766e-17;
    const TAN_PI_8: f64 = 0.41421356237309503;
    const HUGE: f64 = 1e308;
    const SMALL: f64 = 1e-290;
    const UP: f64 = 1_267_650_600_228_229_401_496_703_205_376.0; // 2^100
    #[inline(always)]
    fn asin_series<S: Simd>(square: f64) -> f64 {
        poly!(S, square;
            0.16666666666666763,
            0.07499999999970096,
            0.044642857175287425,
            0.030381942675235522,
            0.02237221590665149,
            0.01735159549456751,
            0.013981018516266078,
            0.011397293831449152,
            0.01078931368250108,
            0.003672223468646246,
            0.021790531999350864,
            -0.02111652902005037,
            0.03270202768114354,
        )
    }
    #[inline(always)]
    fn atan_series<S: Simd>(square: f64) -> f64 {
        poly!(S, square;
            -0.333333333333332,
            0.19999999999953666,
            -0.142857142802042,
            0.1111111078381887,
            -0.09090897767123325,
            0.07692060361662106,
            -0.066631054480623,
            0.05847897311223643,
            -0.05039330406686045,
            0.03806494367888644,
            -0.017907331605574915,
        )
    }
}

/// (s, rest, small) with asin s = s + rest, where s is |x| up to a half and otherwise
/// sqrt((1 - |x|) / 2), whose arcsine is half of pi/2 - asin |x|.
#[inline(always)]
fn asin_half<S: Simd, T: Inverse>(a: T) -> (T, T, bool) {
    let half = T::lit(0.5);
    let small = a < half;
    let z = select(small, a * a, half - half * a);
    let s = select(small, a, z.sqrt());
    (s, s * (z * T::asin_series::<S>(z)), small)
}

/// asin x, directly up to a half and as pi/2 - 2 asin(sqrt((1 - x) / 2)) above; NaN beyond ±1.
/// At most 1.14 ULP in f32, 1.11 in f64.
#[inline(always)]
pub fn asin<S: Simd, T: Inverse>(x: T) -> T {
    let (s, rest, small) = asin_half::<S, _>(x.abs());
    let (high, error) = fast_two_sum(T::lit(FRAC_PI_2), T::lit(-2.0) * s);
    let large = high + (error + (T::FRAC_PI_2_TAIL - T::lit(2.0) * rest));
    select(small, s + rest, large).copysign(x)
}

/// acos x as pi/2 - asin x up to a half, and 2 asin(sqrt((1 - |x|) / 2)), or pi less that, above.
/// At most 1.10 ULP in f32, 1.11 in f64.
#[inline(always)]
pub fn acos<S: Simd, T: Inverse>(x: T) -> T {
    let (zero, one, two) = (T::lit(0.0), T::lit(1.0), T::lit(2.0));
    let (s, rest, small) = asin_half::<S, _>(x.abs());
    // base - scale (s + rest), with the sign of x in the scale.
    let negative = x < zero;
    let scale = select(small, one, two) * select(small == negative, one, -one);
    let base = select(small, T::lit(FRAC_PI_2), select(negative, T::lit(PI), zero));
    let base_tail = select(small, T::FRAC_PI_2_TAIL, select(negative, two * T::FRAC_PI_2_TAIL, zero));
    let (high, error) = fast_two_sum(base, scale * s);
    high + (error + fma::<S, _>(scale, rest, base_tail))
}

/// atan(y / x) for y, x >= 0, not both zero or infinite: the quotient is t, (t - 1) / (t + 1) or -1 / t,
/// whichever is below tan(pi/8), made with a single division.
#[inline(always)]
fn atan_quotient<S: Simd, T: Inverse>(y: T, x: T) -> (T, T) {
    let zero = T::lit(0.0);
    let low = y <= T::TAN_PI_8 * x;
    let high = x <= T::TAN_PI_8 * y;
    let numerator = select(low, y, select(high, -x, y - x));
    let denominator = select(low, x, select(high, y, y + x));
    let t = numerator / denominator;
    let z = t * t;
    let rest = t * z * T::atan_series::<S>(z);
    let base = select(low, zero, select(high, T::lit(FRAC_PI_2), T::lit(FRAC_PI_4)));
    let base_tail = select(low, zero, select(high, T::FRAC_PI_2_TAIL, T::lit(0.5) * T::FRAC_PI_2_TAIL));
    let (sum, error) = fast_two_sum(base, t);
    (sum, error + (rest + base_tail))
}

/// atan x. At most 1.83 ULP in f32, 1.80 in f64.
#[inline(always)]
pub fn atan<S: Simd, T: Inverse>(x: T) -> T {
    let (angle, tail) = atan_quotient::<S, _>(x.abs(), T::lit(1.0));
    (angle + tail).copysign(x)
}

/// atan2(y, x), the angle of (x, y): atan(|y| / |x|), or pi less that where x has the minus sign, with
/// the sign of y. At most 1.88 ULP in f32, 1.89 in f64.
#[inline(always)]
pub fn atan2<S: Simd, T: Inverse>(y: T, x: T) -> T {
    let (zero, one) = (T::lit(0.0), T::lit(1.0));
    let (ay, ax) = (y.abs(), x.abs());
    // Two infinities count as equal, two zeros as 0 / 1. Neither may y + x overflow, nor the
    // comparisons with tan(pi/8) be made among subnormals: hence a factor.
    let infinite = select(ay == ax, ay, zero) == T::INFINITY;
    let origin = ay + ax == zero;
    let larger = select(ay > ax, ay, ax);
    let scale = select(larger > T::HUGE, T::lit(0.25), select(larger < T::SMALL, T::UP, one));
    let ay = select(infinite, one, ay * scale);
    let ax = select(infinite, one, select(origin, one, ax * scale));
    let (angle, tail) = atan_quotient::<S, _>(ay, ax);
    let behind = x.is_sign_negative();
    let (high, error) = fast_two_sum(select(behind, T::lit(PI), zero), select(behind, -angle, angle));
    let low = select(behind, T::lit(2.0) * T::FRAC_PI_2_TAIL - tail, tail);
    (high + (error + low)).copysign(y)
}
