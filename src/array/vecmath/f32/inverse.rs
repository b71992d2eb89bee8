//! How are the inverse circular functions computed?
//!
//! Each on |x| with an identity that brings the argument below a half, or below tan(pi/8), and an
//! odd polynomial there (minimax fits, Remez exchange at 50 digits). What the identity adds, such
//! as pi/2, goes in with its own rounding error.

use super::{Simd, fast_two_sum, fma, select};
use core::f32::consts::{FRAC_PI_2, FRAC_PI_4, PI};

/// pi/2 less its rounded value.
const FRAC_PI_2_TAIL: f32 = -4.371139e-08;

/// For z = x², asin(x) / x - 1, for 0 <= x <= 1/2.
#[inline(always)]
fn asin_series<S: Simd>(z: f32) -> f32 {
    z * poly!(S, z;
        0.1666666,
        0.07500512,
        0.044515472,
        0.0318198,
        0.014393878,
        0.03757805,
    )
}

/// (s, rest, small) with asin s = s + rest, where s is |x| up to a half and otherwise
/// sqrt((1 - |x|) / 2), whose arcsine is half of pi/2 - asin |x|.
#[inline(always)]
fn asin_half<S: Simd>(a: f32) -> (f32, f32, bool) {
    let small = a < 0.5;
    let z = select(small, a * a, 0.5 - 0.5 * a);
    let s = select(small, a, z.sqrt());
    (s, s * asin_series::<S>(z), small)
}

/// asin x, directly up to a half and as pi/2 - 2 asin(sqrt((1 - x) / 2)) above; NaN beyond ±1.
/// At most 1.14 ULP.
#[inline(always)]
pub fn asin<S: Simd>(x: f32) -> f32 {
    let (s, rest, small) = asin_half::<S>(x.abs());
    let (high, error) = fast_two_sum(FRAC_PI_2, -2.0 * s);
    let large = high + (error + (FRAC_PI_2_TAIL - 2.0 * rest));
    select(small, s + rest, large).copysign(x)
}

/// acos x as pi/2 - asin x up to a half, and 2 asin(sqrt((1 - |x|) / 2)), or pi less that, above.
/// At most 1.10 ULP.
#[inline(always)]
pub fn acos<S: Simd>(x: f32) -> f32 {
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
fn atan_quotient<S: Simd>(y: f32, x: f32) -> (f32, f32) {
    const TAN_PI_8: f32 = 0.41421357;
    let low = y <= TAN_PI_8 * x;
    let high = x <= TAN_PI_8 * y;
    let numerator = select(low, y, select(high, -x, y - x));
    let denominator = select(low, x, select(high, y, y + x));
    let t = numerator / denominator;
    let z = t * t;
    let rest = t
        * z
        * poly!(S, z;
            -0.33333316,
            0.19998483,
            -0.1424374,
            0.10595148,
            -0.06081176,
        );
    let base = select(low, 0.0, select(high, FRAC_PI_2, FRAC_PI_4));
    let base_tail = select(low, 0.0, select(high, FRAC_PI_2_TAIL, 0.5 * FRAC_PI_2_TAIL));
    let (sum, error) = fast_two_sum(base, t);
    (sum, error + (rest + base_tail))
}

/// atan x. At most 1.83 ULP.
#[inline(always)]
pub fn atan<S: Simd>(x: f32) -> f32 {
    let (angle, tail) = atan_quotient::<S>(x.abs(), 1.0);
    (angle + tail).copysign(x)
}

/// atan2(y, x), the angle of (x, y): atan(|y| / |x|), or pi less that where x has the minus sign, with
/// the sign of y. At most 1.88 ULP.
#[inline(always)]
pub fn atan2<S: Simd>(y: f32, x: f32) -> f32 {
    let (ay, ax) = (y.abs(), x.abs());
    // Two infinities count as equal, two zeros as 0 / 1. Neither may y + x overflow, nor the
    // comparisons with tan(pi/8) be made among subnormals: hence a factor of 1/4 or 2^30.
    let infinite = select(ay == ax, ay, 0.0) == f32::INFINITY;
    let zero = ay + ax == 0.0;
    let larger = select(ay > ax, ay, ax);
    let scale = select(larger > 1e38, 0.25, select(larger < 1e-30, 1_073_741_824.0, 1.0));
    let ay = select(infinite, 1.0, ay * scale);
    let ax = select(infinite, 1.0, select(zero, 1.0, ax * scale));
    let (angle, tail) = atan_quotient::<S>(ay, ax);
    let behind = x.is_sign_negative();
    let (high, error) = fast_two_sum(select(behind, PI, 0.0), select(behind, -angle, angle));
    let low = select(behind, 2.0 * FRAC_PI_2_TAIL - tail, tail);
    (high + (error + low)).copysign(y)
}
