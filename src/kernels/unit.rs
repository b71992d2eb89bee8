//! In which unit are squares summed up? In 1, if the sum is well within the type. Otherwise all numbers are first multiplied by a power of two
//! near the reciprocal of the largest, which rounds nothing: the result is right wherever it can be represented.
//!
//! Sums are computed in the unit 1 first and then checked: in the common case that costs one comparison a sum.

use crate::array::scalar::Scalar;

/// The first for `f32`, the second for `f64`.
#[inline(always)]
pub(super) fn by_type<T: Scalar, C>(single: C, double: C) -> C {
    if size_of::<T>() == size_of::<f32>() { single } else { double }
}

/// Whether a sum of squares (or of other powers) has lost nothing at the ends of the type. It is finite, so no square was too large. And it is
/// large beside the smallest normal number (1.2e-38 and 2.2e-308): each square that fell below that lost less than the smallest subnormal
/// number, 1e-45 or 5e-324. That is 1e-15 of the bound of `f32` and less than 1e-33 of that of `f64`: millions of squares lose less than the
/// sum's own rounding.
#[inline(always)]
pub(crate) fn is_safe<T: Scalar>(sum: T) -> bool {
    let least = T::from_f64(by_type::<T, _>(1e-30, 1e-290));
    sum >= least && sum < T::INFINITY
}

/// Whether a mean square v is so far from the ends of the type that v^(5/2) and its reciprocal are within it: the second derivative of x / sqrt(v)
/// is made of those. (1e14^2.5 = 1e35 of 3e38, and 1e120^2.5 = 1e300 of 1.8e308.)
pub(crate) fn is_moderate<T: Scalar>(square: T) -> bool {
    let bound = by_type::<T, _>(1e14, 1e120);
    square >= T::from_f64(1.0 / bound) && square <= T::from_f64(bound)
}

/// The factor, a power of two near 1 / x, that brings a number x between 1/2 and 2, or as near to that as its bounds let it; 1 for 0 and for
/// what is not finite. The bounds keep the factor a normal number (at least 2^-126 or 2^-1020), and leave room above it (2^120 or 2^1000): the
/// square of what a subnormal number becomes is then within the type.
pub(crate) fn unit<T: Scalar>(largest: T) -> T {
    let x = largest.to_f64().abs();
    if x == 0.0 || !x.is_finite() {
        return T::ONE;
    }
    let (low, high) = by_type::<T, _>((-126, 120), (-1020, 1000));
    let exponent = (-x.log2().floor() as i32).clamp(low, high);
    T::from_f64(2.0_f64.powi(exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_powers_of_two_that_bring_numbers_near_one() {
        for x in [1.0, 3.0, 0.75, 1e30, 1e-30, 1e300, 1e-300, f64::MAX, f64::MIN_POSITIVE, 5e-324] {
            let u = unit(x);
            assert_eq!(u.to_bits() << 12, 0, "{x}: {u} is no power of two");
            assert!((0.5..=2.0).contains(&(x * u)) || x > 1e307 && x * u < 16.0 || x < 1e-301, "{x}: {u}");
        }
        assert_eq!([0.0, f64::INFINITY, f64::NAN].map(unit), [1.0; 3]);
        assert!((0.5..=2.0).contains(&(1e38_f32 * unit(1e38_f32))) && unit(1e-45_f32).is_finite());
    }
}
