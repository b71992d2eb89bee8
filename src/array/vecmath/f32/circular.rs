//! How are sin, cos and tan computed, and up to which argument?
//!
//! In `f64`, where x = k pi/2 + r takes no compensation: pi/2 in three parts (Cody and Waite), of
//! which the first two have 25 bits, so that their products with k are exact, leaves r right to
//! the last bit of an `f32` whatever cancels. Then sin and cos of r are short polynomials, and the
//! last two bits of k say which of them is the answer and with which sign. The coefficients are a
//! minimax fit (Remez exchange at 50 digits).
//!
//! Beyond `SIN_BOUND` the products are no longer exact and the results are worthless. A kernel
//! looks at its slice first and takes `std`'s functions for all of it otherwise (`Simd::LIBM`).

use super::super::f64::fma;
use super::{Simd, select};
use core::f64::consts::FRAC_2_PI;

#[cfg(test)]
/// The largest |x| for which [`sin`], [`cos`] and [`tan`] are accurate: 2^28.
pub const SIN_BOUND: f32 = 268_435_456.0;

/// sin r, cos r and the number of quarter turns (its last two bits) by which x differs from r.
#[inline(always)]
fn sin_cos<S: Simd>(x: f32) -> (f64, f64, u64) {
    const PI_2_A: f64 = f64::from_bits(0x3ff9_21fb_5000_0000);
    const PI_2_B: f64 = f64::from_bits(0x3e51_10b4_6000_0000);
    const PI_2_C: f64 = 6.123233995736766e-17;
    // 1.5 * 2^52: the sum has the rounded multiple in its lowest bits.
    const MAGIC: f64 = 6_755_399_441_055_744.0;

    let x = f64::from(x);
    let shifted = fma::<S>(x, FRAC_2_PI, MAGIC);
    let k = shifted - MAGIC;
    let r = fma::<S>(k, -PI_2_B, fma::<S>(k, -PI_2_A, x));
    let r = fma::<S>(k, -PI_2_C, r);
    let z = r * r;
    let sin = poly!(S, z;
        -0.16666666641608,
        0.008333329383696875,
        -0.00019839334118675083,
        2.7183045529428483e-06,
    );
    let cos = poly!(S, z;
        0.04166666662279441,
        -0.0013888883750459433,
        2.479951921687647e-05,
        -2.721017131809687e-07,
    );
    let sin = fma::<S>(z * r, sin, r);
    let cos = fma::<S>(z * z, cos, fma::<S>(z, -0.5, 1.0));
    (sin, cos, shifted.to_bits())
}

/// The value for a number of quarter turns: `sin` or `cos`, negated in the second half turn.
#[inline(always)]
fn turn(sin: f64, cos: f64, quarters: u64) -> f32 {
    let y = select(quarters & 1 == 0, sin, cos);
    f64::from_bits(y.to_bits() ^ ((quarters & 2) << 62)) as f32
}

/// sin x for |x| <= `SIN_BOUND`. At most 0.51 ULP.
#[inline(always)]
pub fn sin<S: Simd>(x: f32) -> f32 {
    let (sin, cos, quarters) = sin_cos::<S>(x);
    // Only zero differs: it loses its sign in the reduction.
    select(x == 0.0, x, turn(sin, cos, quarters))
}

/// cos x for |x| <= `SIN_BOUND`. At most 0.51 ULP.
#[inline(always)]
pub fn cos<S: Simd>(x: f32) -> f32 {
    let (sin, cos, quarters) = sin_cos::<S>(x);
    turn(sin, cos, quarters.wrapping_add(1))
}

/// tan x for |x| <= `SIN_BOUND`, as sin / cos or -cos / sin. At most 0.51 ULP.
#[inline(always)]
pub fn tan<S: Simd>(x: f32) -> f32 {
    let (sin, cos, quarters) = sin_cos::<S>(x);
    let odd = quarters & 1 != 0;
    let y = select(odd, -cos, sin) / select(odd, sin, cos);
    select(x == 0.0, x, y as f32)
}
