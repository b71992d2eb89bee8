//! How are sin, cos and tan computed, and up to which argument?
//!
//! x = k pi/2 + r + tail with |r| <= pi/4, by subtracting k times pi/2 in four parts (Cody and
//! Waite): the first three have 29 bits, so that their products with k are exact, and every
//! rounding error on the way is kept. Then sin and cos of r are polynomials, and the last two bits
//! of k say which of them is the answer and with which sign. The coefficients are a minimax fit
//! (Remez exchange at 50 digits).
//!
//! Beyond `SIN_BOUND` the products are no longer exact and the results are worthless: a reduction
//! for all of `f64` needs table look-ups. A kernel looks at its slice first and takes
//! `std`'s functions for all of it otherwise (`Simd::LIBM`).

use super::{Simd, fast_two_sum, fma, select, two_sum};
use core::f64::consts::FRAC_2_PI;

#[cfg(test)]
/// The largest |x| for which [`sin`], [`cos`] and [`tan`] are accurate: 2^24.
pub const SIN_BOUND: f64 = 16_777_216.0;

/// sin r, cos r and the number of quarter turns (its last two bits) by which x differs from r.
#[inline(always)]
fn sin_cos<S: Simd>(x: f64) -> (f64, f64, u64) {
    const PI_2_A: f64 = f64::from_bits(0x3ff9_21fb_5400_0000);
    const PI_2_B: f64 = f64::from_bits(0x3e11_0b46_1100_0000);
    const PI_2_C: f64 = f64::from_bits(0x3c44_c4c6_6200_0000);
    const PI_2_D: f64 = 3.5215598651832e-27;
    // 1.5 * 2^52: the sum has the rounded multiple in its lowest bits.
    const MAGIC: f64 = 6_755_399_441_055_744.0;

    let shifted = fma::<S>(x, FRAC_2_PI, MAGIC);
    let k = shifted - MAGIC;
    let (r, error_b) = two_sum(fma::<S>(k, -PI_2_A, x), k * -PI_2_B);
    let (r, error_c) = two_sum(r, k * -PI_2_C);
    let tail = fma::<S>(k, -PI_2_D, error_b + error_c);
    let (r, tail) = fast_two_sum(r, tail);

    let z = r * r;
    let sin = poly!(S, z;
        -0.16666666666666632,
        0.008333333333322415,
        -0.00019841269829808076,
        2.755731369200332e-06,
        -2.505075812781825e-08,
        1.5896796344833824e-10,
    );
    let cos = poly!(S, z;
        0.0416666666666666,
        -0.0013888888888874125,
        2.480158728948247e-05,
        -2.7557314352414356e-07,
        2.0875723284110145e-09,
        -1.1359648352953772e-11,
    );
    // The tail enters with the first terms of the derivatives, 1 - r²/2 and -r.
    let half = 0.5 * z;
    let sin = r + fma::<S>(z * r, sin, fma::<S>(-half, tail, tail));
    let (one, error) = fast_two_sum(1.0, -half);
    let cos = one + (error + fma::<S>(z * z, cos, -r * tail));
    (sin, cos, shifted.to_bits())
}

/// The value for a number of quarter turns: `sin` or `cos`, negated in the second half turn.
#[inline(always)]
fn turn(sin: f64, cos: f64, quarters: u64) -> f64 {
    let y = select(quarters & 1 == 0, sin, cos);
    f64::from_bits(y.to_bits() ^ ((quarters & 2) << 62))
}

/// sin x for |x| <= `SIN_BOUND`. At most 0.78 ULP, 0.79 without FMA.
#[inline(always)]
pub fn sin<S: Simd>(x: f64) -> f64 {
    let (sin, cos, quarters) = sin_cos::<S>(x);
    // Only zero differs: it loses its sign in the reduction.
    select(x == 0.0, x, turn(sin, cos, quarters))
}

/// cos x for |x| <= `SIN_BOUND`. At most 0.78 ULP, 0.79 without FMA.
#[inline(always)]
pub fn cos<S: Simd>(x: f64) -> f64 {
    let (sin, cos, quarters) = sin_cos::<S>(x);
    turn(sin, cos, quarters.wrapping_add(1))
}

/// tan x for |x| <= `SIN_BOUND`, as sin / cos or -cos / sin. At most 2.09 ULP, 2.23 without FMA.
#[inline(always)]
pub fn tan<S: Simd>(x: f64) -> f64 {
    let (sin, cos, quarters) = sin_cos::<S>(x);
    let odd = quarters & 1 != 0;
    let y = select(odd, -cos, sin) / select(odd, sin, cos);
    select(x == 0.0, x, y)
}
