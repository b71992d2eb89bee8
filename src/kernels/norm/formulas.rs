//! Which elementwise functions are normalizations made of?

use crate::array::scalar::Scalar;
use crate::array::simd::Simd;
use crate::kernels::elementwise::Elementwise;

/// `x - m`
#[derive(Clone, Copy)]
pub struct Deviation;
impl<T: Scalar> Elementwise<T, 2> for Deviation {
    #[inline(always)]
    fn at<S: Simd>(self, [x, m]: [T; 2]) -> T {
        x - m
    }
}

/// `x - m` for one m.
#[derive(Clone, Copy)]
pub struct DeviationFrom<T>(pub T);
impl<T: Scalar> Elementwise<T, 1> for DeviationFrom<T> {
    #[inline(always)]
    fn at<S: Simd>(self, [x]: [T; 1]) -> T {
        x - self.0
    }
}

/// `x u - m`
#[derive(Clone, Copy)]
pub struct ScaledDeviation<T>(pub T, pub T);
impl<T: Scalar> Elementwise<T, 1> for ScaledDeviation<T> {
    #[inline(always)]
    fn at<S: Simd>(self, [x]: [T; 1]) -> T {
        x * self.0 - self.1
    }
}

/// `(x - m)^2`
#[derive(Clone, Copy)]
pub struct SquaredDeviation;
impl<T: Scalar> Elementwise<T, 2> for SquaredDeviation {
    #[inline(always)]
    fn at<S: Simd>(self, [x, m]: [T; 2]) -> T {
        (x - m) * (x - m)
    }
}

/// `(x u - m)^2`
#[derive(Clone, Copy)]
pub struct ScaledSquare<T>(pub ScaledDeviation<T>);
impl<T: Scalar> Elementwise<T, 1> for ScaledSquare<T> {
    #[inline(always)]
    fn at<S: Simd>(self, x: [T; 1]) -> T {
        let d = self.0.at::<S>(x);
        d * d
    }
}

/// `|x|`
#[derive(Clone, Copy)]
pub struct Magnitude;
impl<T: Scalar> Elementwise<T, 1> for Magnitude {
    #[inline(always)]
    fn at<S: Simd>(self, [x]: [T; 1]) -> T {
        if x < T::ZERO { -x } else { x }
    }
}

/// `g (x - m) r`
#[derive(Clone, Copy)]
pub struct WeightedDeviation;
impl<T: Scalar> Elementwise<T, 4> for WeightedDeviation {
    #[inline(always)]
    fn at<S: Simd>(self, [g, x, m, r]: [T; 4]) -> T {
        g * ((x - m) * r)
    }
}

/// `(x - m) r`
#[derive(Clone, Copy)]
pub struct Standardized;
impl<T: Scalar> Elementwise<T, 3> for Standardized {
    #[inline(always)]
    fn at<S: Simd>(self, [x, m, r]: [T; 3]) -> T {
        (x - m) * r
    }
}

/// `r (g - a - (x - m) r q)`. (In this order: the square of r may be beyond the type.)
#[derive(Clone, Copy)]
pub struct InputGrad;
impl<T: Scalar> Elementwise<T, 6> for InputGrad {
    #[inline(always)]
    fn at<S: Simd>(self, [g, x, m, r, a, q]: [T; 6]) -> T {
        r * (g - a - (x - m) * r * q)
    }
}
