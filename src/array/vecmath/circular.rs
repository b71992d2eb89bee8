//! How are sin, cos and tan computed, and up to which argument?
//!
//! x = k pi/2 + r with |r| <= pi/4, by subtracting k times pi/2 in parts (Cody and Waite) that are so short that their products
//! with k are exact. Then sin and cos of r are polynomials, and the last two bits of k say which of them is the answer and with
//! which sign. The coefficients are a minimax fit (Remez exchange at 50 digits).
//!
//! For `f32` this is done in `f64`, where it takes no compensation: three parts, of which the first two have 25 bits, leave r right
//! to the last bit of an `f32` whatever cancels. For `f64` there are four parts, the first three of 29 bits, and every rounding error on
//! the way is kept, as the tail of r.
//!
//! Beyond the bound of the type the products are no longer exact and the results are worthless: a reduction for all of `f64`
//! needs table look-ups. A kernel looks at its slice first and takes `std`'s functions for all of it otherwise (`Simd::LIBM`).

use super::float::{Float, fast_two_sum, fma, poly, select, two_sum};
use crate::array::simd::Simd;
use core::f64::consts::FRAC_2_PI;

/// The functions and constants of a type.
pub trait Circular: Float {
    /// The largest |x| for which [`sin`], [`cos`] and [`tan`] are accurate: 2^28 or 2^24.
    #[cfg(test)]
    const BOUND: Self;
    /// The functions of the standard library.
    const STD_SIN: fn(Self) -> Self;
    const STD_COS: fn(Self) -> Self;
    const STD_TAN: fn(Self) -> Self;
    /// sin r, cos r and the number of quarter turns (its last two bits) by which x differs from r.
    fn sin_cos<S: Simd>(self) -> (f64, f64, u64);
}

impl Circular for f32 {
    #[cfg(test)]
    const BOUND: f32 = 268_435_456.0;
    const STD_SIN: fn(f32) -> f32 = f32::sin;
    const STD_COS: fn(f32) -> f32 = f32::cos;
    const STD_TAN: fn(f32) -> f32 = f32::tan;
    #[inline(always)]
    fn sin_cos<S: Simd>(self) -> (f64, f64, u64) {
        const PI_2_A: f64 = f64::from_bits(0x3ff9_21fb_5000_0000);
        const PI_2_B: f64 = f64::from_bits(0x3e51_10b4_6000_0000);
        const PI_2_C: f64 = 6.123233995736766e-17;

        let x = f64::from(self);
        // The rounded multiple is in the lowest bits.
        let shifted = fma::<S, _>(x, FRAC_2_PI, f64::MAGIC);
        let k = shifted - f64::MAGIC;
        let r = fma::<S, _>(k, -PI_2_B, fma::<S, _>(k, -PI_2_A, x));
        let r = fma::<S, _>(k, -PI_2_C, r);
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
        let sin = fma::<S, _>(z * r, sin, r);
        let cos = fma::<S, _>(z * z, cos, fma::<S, _>(z, -0.5, 1.0));
        (sin, cos, shifted.to_bits())
    }
}

impl Circular for f64 {
    #[cfg(test)]
    const BOUND: f64 = 16_777_216.0;
    const STD_SIN: fn(f64) -> f64 = f64::sin;
    const STD_COS: fn(f64) -> f64 = f64::cos;
    const STD_TAN: fn(f64) -> f64 = f64::tan;
    #[inline(always)]
    fn sin_cos<S: Simd>(self) -> (f64, f64, u64) {
        const PI_2_A: f64 = f64::from_bits(0x3ff9_21fb_5400_0000);
        const PI_2_B: f64 = f64::from_bits(0x3e11_0b46_1100_0000);
        const PI_2_C: f64 = f64::from_bits(0x3c44_c4c6_6200_0000);
        const PI_2_D: f64 = 3.5215598651832e-27;

        // The rounded multiple is in the lowest bits.
        let shifted = fma::<S, _>(self, FRAC_2_PI, f64::MAGIC);
        let k = shifted - f64::MAGIC;
        let (r, error_b) = two_sum(fma::<S, _>(k, -PI_2_A, self), k * -PI_2_B);
        let (r, error_c) = two_sum(r, k * -PI_2_C);
        let tail = fma::<S, _>(k, -PI_2_D, error_b + error_c);
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
        let sin = r + fma::<S, _>(z * r, sin, fma::<S, _>(-half, tail, tail));
        let (one, error) = fast_two_sum(1.0, -half);
        let cos = one + (error + fma::<S, _>(z * z, cos, -r * tail));
        (sin, cos, shifted.to_bits())
    }
}

/// The value for a number of quarter turns: `sin` or `cos`, negated in the second half turn.
#[inline(always)]
fn turn<T: Float>(sin: f64, cos: f64, quarters: u64) -> T {
    let y = select(quarters & 1 == 0, sin, cos);
    T::lit(f64::from_bits(y.to_bits() ^ ((quarters & 2) << 62)))
}

/// sin x for |x| within the bound. At most 0.51 ULP in f32, 0.78 in f64 (0.79 without FMA).
#[inline(always)]
pub fn sin<S: Simd, T: Circular>(x: T) -> T {
    if S::LIBM {
        return T::STD_SIN(x);
    }
    let (sin, cos, quarters) = x.sin_cos::<S>();
    // Only zero differs: it loses its sign in the reduction.
    select(x == T::lit(0.0), x, turn(sin, cos, quarters))
}

/// cos x for |x| within the bound. At most 0.51 ULP in f32, 0.78 in f64 (0.79 without FMA).
#[inline(always)]
pub fn cos<S: Simd, T: Circular>(x: T) -> T {
    if S::LIBM {
        return T::STD_COS(x);
    }
    let (sin, cos, quarters) = x.sin_cos::<S>();
    turn(sin, cos, quarters.wrapping_add(1))
}

/// tan x for |x| within the bound, as sin / cos or -cos / sin. At most 0.51 ULP in f32, 2.09 in f64 (2.23 without FMA).
#[inline(always)]
pub fn tan<S: Simd, T: Circular>(x: T) -> T {
    if S::LIBM {
        return T::STD_TAN(x);
    }
    let (sin, cos, quarters) = x.sin_cos::<S>();
    let odd = quarters & 1 != 0;
    let y = select(odd, -cos, sin) / select(odd, sin, cos);
    select(x == T::lit(0.0), x, T::lit(y))
}
