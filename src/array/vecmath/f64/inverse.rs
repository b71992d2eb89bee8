//! How are the inverse circular functions computed?
//!
//! Each on |x| with an identity that brings the argument below a half, or below tan(pi/8), and an
//! odd polynomial there (minimax fits, Remez exchange at 50 digits). What the identity adds, such
//! as pi/2, goes in with its own rounding error.

use super::{Simd, fast_two_sum, fma, select};
use core::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};

/// pi/2 less its rounded value.
const FRAC_PI_2_TAIL: f64 = 6.123233995736766e-17;

/// For z = x², asin(x) / x - 1, for 0 <= x <= 1/2.
#[inline(always)]
fn asin_series<S: Simd>(z: f64) -> f64 {
    z * poly!(S, z;
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

/// (s, rest, small) with asin s = s + rest, where s is |x| up to a half and otherwise
/// sqrt((1 - |x|) / 2), whose arcsine is half of pi/2 - asin |x|.
#[inline(always)]
fn asin_half<S: Simd>(a: f64) -> (f64, f64, bool) {
    let small = a < 0.5;
    let z = select(small, a * a, 0.5 - 0.5 * a);
    let s = select(small, a, z.sqrt());
    (s, s * asin_series::<S>(z), small)
}

/// asin x, directly up to a half and as pi/2 - 2 asin(sqrt((1 - x) / 2)) above; NaN beyond ±1.
/// At most 1.11 ULP.
#[inline(always)]
pub fn asin<S: Simd>(x: f64) -> f64 {
    let (s, rest, small) = asin_half::<S>(x.abs());
    let (high, error) = fast_two_sum(FRAC_PI_2, -2.0 * s);
    let large = high + (error + (FRAC_PI_2_TAIL - 2.0 * rest));
    select(small, s + rest, large).copysign(x)
}

/// acos x as pi/2 - asin x up to a half, and 2 asin(sqrt((1 - |x|) / 2)), or pi less that, above.
/// At most 1.11 ULP.
#[inline(always)]
pub fn acos<S: Simd>(x: f64) -> f64 {
    let (s, rest, small) = asin_half::<S>(x.abs());
    // base - scale (s + rest), with the sign of x in the scale.
    let negative = x < 0.0;
    let scale = select(small, 1.0, 2.0) * select(small == negative, 1.0, -1.0);
    let base = select(small, FRAC_PI_2, select(negative, PI, 0.0));
    let base_tail = select(small, FRAC_PI_2_TAIL, select(negative, 2.0 * FRAC_PI_2_TAIL, 0.0));
    let (high, error) = fast_two_sum(base, scale * s);
    high + (error + fma::<S>(scale, rest, base_tail))
}

/// atan(y / x) for y, x >= 0, not both zero or infinite: the quotient is t, (t - 1) / (t + 1) or -1 / t,
/// whichever is below tan(pi/8), made with a single division.
#[inline(always)]
fn atan_quotient<S: Simd>(y: f64, x: f64) -> (f64, f64) {
    const TAN_PI_8: f64 = 0.41421356237309503;
    let low = y <= TAN_PI_8 * x;
    let high = x <= TAN_PI_8 * y;
    let numerator = select(low, y, select(high, -x, y - x));
    let denominator = select(low, x, select(high, y, y + x));
    let t = numerator / denominator;
    let z = t * t;
    let rest = t
        * z
        * poly!(S, z;
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
        );
    let base = select(low, 0.0, select(high, FRAC_PI_2, FRAC_PI_4));
    let base_tail = select(low, 0.0, select(high, FRAC_PI_2_TAIL, 0.5 * FRAC_PI_2_TAIL));
    let (sum, error) = fast_two_sum(base, t);
    (sum, error + (rest + base_tail))
}

/// atan x. At most 1.80 ULP.
#[inline(always)]
pub fn atan<S: Simd>(x: f64) -> f64 {
    let (angle, tail) = atan_quotient::<S>(x.abs(), 1.0);
    (angle + tail).copysign(x)
}

/// atan2(y, x), the angle of (x, y): atan(|y| / |x|), or pi less that where x has the minus sign, with
/// the sign of y. At most 1.89 ULP.
#[inline(always)]
pub fn atan2<S: Simd>(y: f64, x: f64) -> f64 {
    let (ay, ax) = (y.abs(), x.abs());
    // Two infinities count as equal, two zeros as 0 / 1. Neither may y + x overflow, nor the
    // comparisons with tan(pi/8) be made among subnormals: hence a factor of 1/4 or 2^100.
    let infinite = select(ay == ax, ay, 0.0) == f64::INFINITY;
    let zero = ay + ax == 0.0;
    let larger = select(ay > ax, ay, ax);
    let scale = select(larger > 1e308, 0.25, select(larger < 1e-290, 1_267_650_600_228_229_401_496_703_205_376.0, 1.0));
    let ay = select(infinite, 1.0, ay * scale);
    let ax = select(infinite, 1.0, select(zero, 1.0, ax * scale));
    let (angle, tail) = atan_quotient::<S>(ay, ax);
    let behind = x.is_sign_negative();
    let (high, error) = fast_two_sum(select(behind, PI, 0.0), select(behind, -angle, angle));
    let low = select(behind, 2.0 * FRAC_PI_2_TAIL - tail, tail);
    (high + (error + low)).copysign(y)
}
