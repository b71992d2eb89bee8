//! Which numbers can be differentiated? `f32` and `f64` ([`Scalar`]), and the arithmetic that formulas are written in ([`Real`]).

use crate::array::simd::{Element, Simd};
use crate::array::source::Source;
use crate::array::vecmath::VecMath;
use std::fmt::{Debug, Display};
use std::iter::Sum;
use std::marker::PhantomData;
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub};

/// The element type of a tape: `f32` or `f64` (sealed).
pub trait Scalar:
    Element
    + Source<Self>
    + VecMath
    + Copy
    + Default
    + PartialEq
    + PartialOrd
    + Debug
    + Display
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + MulAssign
    + Sum
    + 'static
{
    /// `"f32"` or `"f64"`.
    const NAME: &'static str;
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// +inf.
    const INFINITY: Self;
    /// Not a number.
    const NAN: Self;
    /// The nearest value of this type.
    fn from_f64(x: f64) -> Self;
    /// The same value, exactly.
    fn to_f64(self) -> f64;
    /// Whether this is not a number.
    fn is_nan(self) -> bool {
        self.to_f64().is_nan()
    }
    /// The same numbers, of the type that they are known to be: so that generic code can call functions that are not, which are compiled in
    /// this crate, once, and not again in every crate that uses them.
    #[doc(hidden)]
    fn known(x: &[Self]) -> Known<&[f32], &[f64]>;
    /// The same, to be changed.
    #[doc(hidden)]
    fn known_mut(x: &mut [Self]) -> Known<&mut [f32], &mut [f64]>;
}

/// What is of one number type or the other.
#[doc(hidden)]
pub enum Known<A, B> {
    /// Of `f32`.
    F32(A),
    /// Of `f64`.
    F64(B),
}

impl Scalar for f32 {
    const NAME: &'static str = "f32";
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;
    const INFINITY: f32 = f32::INFINITY;
    const NAN: f32 = f32::NAN;
    fn from_f64(x: f64) -> f32 {
        x as f32
    }
    fn to_f64(self) -> f64 {
        self as f64
    }
    #[inline(always)]
    fn known(x: &[f32]) -> Known<&[f32], &[f64]> {
        Known::F32(x)
    }
    #[inline(always)]
    fn known_mut(x: &mut [f32]) -> Known<&mut [f32], &mut [f64]> {
        Known::F32(x)
    }
}

impl Scalar for f64 {
    const NAME: &'static str = "f64";
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;
    const INFINITY: f64 = f64::INFINITY;
    const NAN: f64 = f64::NAN;
    fn from_f64(x: f64) -> f64 {
        x
    }
    fn to_f64(self) -> f64 {
        self
    }
    #[inline(always)]
    fn known(x: &[f64]) -> Known<&[f32], &[f64]> {
        Known::F64(x)
    }
    #[inline(always)]
    fn known_mut(x: &mut [f64]) -> Known<&mut [f32], &mut [f64]> {
        Known::F64(x)
    }
}

/// The arithmetic of elementwise formulas: implemented by plain numbers inside a kernel and by [`Var`](crate::Var).
///
/// A formula written once over `R: Real` therefore serves as the kernel of a fused pass and, where a further derivative is asked for,
/// as a graph of primitives. Comparisons give masks of 0 and 1 whose derivative is zero.
pub trait Real: Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self> {
    /// The constant `c` (for a `Var`: on the same tape).
    fn lit(self, c: f64) -> Self;
    /// `e^x`.
    fn exp(self) -> Self;
    /// `2^x`.
    fn exp2(self) -> Self;
    /// `e^x - 1`, accurate near 0.
    fn expm1(self) -> Self;
    /// Natural logarithm.
    fn ln(self) -> Self;
    /// `ln(1 + x)`, accurate near 0.
    fn log1p(self) -> Self;
    /// Logarithm to base 2.
    fn log2(self) -> Self;
    /// Logarithm to base 10.
    fn log10(self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// Sine.
    fn sin(self) -> Self;
    /// Cosine.
    fn cos(self) -> Self;
    /// Tangent.
    fn tan(self) -> Self;
    /// Inverse sine.
    fn asin(self) -> Self;
    /// Inverse cosine.
    fn acos(self) -> Self;
    /// Inverse tangent.
    fn atan(self) -> Self;
    /// The angle of the point (x, y) = (other, self).
    fn atan2(self, other: Self) -> Self;
    /// Hyperbolic sine.
    fn sinh(self) -> Self;
    /// Hyperbolic cosine.
    fn cosh(self) -> Self;
    /// Hyperbolic tangent.
    fn tanh(self) -> Self;
    /// Inverse hyperbolic sine.
    fn asinh(self) -> Self;
    /// Inverse hyperbolic cosine.
    fn acosh(self) -> Self;
    /// Inverse hyperbolic tangent.
    fn atanh(self) -> Self;
    /// `1 / (1 + e^-x)`.
    fn sigmoid(self) -> Self;
    /// `ln(1 + e^x)`, without overflow.
    fn softplus(self) -> Self;
    /// The error function.
    fn erf(self) -> Self;
    /// `1 - erf(x)`, accurate where it is small.
    fn erfc(self) -> Self;
    /// `x^p`, as C's `pow` has it.
    fn pow(self, p: Self) -> Self;
    /// `sqrt(x^2 + y^2)`, without overflow.
    fn hypot(self, other: Self) -> Self;
    /// What a division to a whole quotient leaves, with the sign of self.
    fn fmod(self, other: Self) -> Self;
    /// The largest whole number that is not above.
    fn floor(self) -> Self;
    /// The smallest whole number that is not below.
    fn ceil(self) -> Self;
    /// The whole part.
    fn trunc(self) -> Self;
    /// The nearest whole number, the even one of two.
    fn round(self) -> Self;
    /// Absolute value.
    fn abs(self) -> Self;
    /// -1, 0 or 1 (0 for NaN).
    fn sign(self) -> Self;
    /// 1 where `self > other`, else 0.
    fn gt(self, other: Self) -> Self;
    /// 1 where `self >= other`, else 0.
    fn ge(self, other: Self) -> Self;
    /// 1 where `self == other`, else 0.
    fn equal(self, other: Self) -> Self;
    /// `a` where this mask is not 0, else `b`; what is not chosen cannot leak a NaN.
    fn select(self, a: Self, b: Self) -> Self;
    /// The same number, of which no derivative is taken.
    fn detach(self) -> Self;
    /// `x * x`.
    fn square(self) -> Self {
        self * self
    }
    /// The larger of two numbers; NaN if either is.
    fn max(self, other: Self) -> Self {
        self.gt(other).select(self, other.ge(self).select(other, self + other))
    }
}

/// A plain number inside a kernel that is compiled for the instruction set `S`.
#[derive(Clone, Copy)]
pub struct Num<T, S>(pub T, PhantomData<S>);

impl<T: Scalar, S: Simd> Num<T, S> {
    /// Wraps a number.
    #[inline(always)]
    pub fn new(x: T) -> Self {
        Num(x, PhantomData)
    }
    #[inline(always)]
    fn mask(yes: bool) -> Self {
        Num::new(if yes { T::ONE } else { T::ZERO })
    }
}

impl<T: Scalar, S: Simd> Add for Num<T, S> {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Num::new(self.0 + other.0)
    }
}
impl<T: Scalar, S: Simd> Sub for Num<T, S> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Num::new(self.0 - other.0)
    }
}
impl<T: Scalar, S: Simd> Mul for Num<T, S> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Num::new(self.0 * other.0)
    }
}
impl<T: Scalar, S: Simd> Div for Num<T, S> {
    type Output = Self;
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        Num::new(self.0 / other.0)
    }
}
impl<T: Scalar, S: Simd> Neg for Num<T, S> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Num::new(-self.0)
    }
}

impl<T: Scalar, S: Simd> Real for Num<T, S> {
    #[inline(always)]
    fn lit(self, c: f64) -> Self {
        Num::new(T::from_f64(c))
    }
    #[inline(always)]
    fn exp(self) -> Self {
        Num::new(VecMath::exp::<S>(self.0))
    }
    #[inline(always)]
    fn exp2(self) -> Self {
        Num::new(VecMath::exp2::<S>(self.0))
    }
    #[inline(always)]
    fn expm1(self) -> Self {
        Num::new(VecMath::expm1::<S>(self.0))
    }
    #[inline(always)]
    fn ln(self) -> Self {
        Num::new(VecMath::ln::<S>(self.0))
    }
    #[inline(always)]
    fn log1p(self) -> Self {
        Num::new(VecMath::log1p::<S>(self.0))
    }
    #[inline(always)]
    fn log2(self) -> Self {
        Num::new(VecMath::log2::<S>(self.0))
    }
    #[inline(always)]
    fn log10(self) -> Self {
        Num::new(VecMath::log10::<S>(self.0))
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Num::new(VecMath::sqrt(self.0))
    }
    #[inline(always)]
    fn sin(self) -> Self {
        Num::new(VecMath::sin::<S>(self.0))
    }
    #[inline(always)]
    fn cos(self) -> Self {
        Num::new(VecMath::cos::<S>(self.0))
    }
    #[inline(always)]
    fn tan(self) -> Self {
        Num::new(VecMath::tan::<S>(self.0))
    }
    #[inline(always)]
    fn asin(self) -> Self {
        Num::new(VecMath::asin::<S>(self.0))
    }
    #[inline(always)]
    fn acos(self) -> Self {
        Num::new(VecMath::acos::<S>(self.0))
    }
    #[inline(always)]
    fn atan(self) -> Self {
        Num::new(VecMath::atan::<S>(self.0))
    }
    #[inline(always)]
    fn atan2(self, other: Self) -> Self {
        Num::new(VecMath::atan2::<S>(self.0, other.0))
    }
    #[inline(always)]
    fn sinh(self) -> Self {
        Num::new(VecMath::sinh::<S>(self.0))
    }
    #[inline(always)]
    fn cosh(self) -> Self {
        Num::new(VecMath::cosh::<S>(self.0))
    }
    #[inline(always)]
    fn tanh(self) -> Self {
        Num::new(VecMath::tanh::<S>(self.0))
    }
    #[inline(always)]
    fn asinh(self) -> Self {
        Num::new(VecMath::asinh::<S>(self.0))
    }
    #[inline(always)]
    fn acosh(self) -> Self {
        Num::new(VecMath::acosh::<S>(self.0))
    }
    #[inline(always)]
    fn atanh(self) -> Self {
        Num::new(VecMath::atanh::<S>(self.0))
    }
    #[inline(always)]
    fn sigmoid(self) -> Self {
        Num::new(VecMath::sigmoid::<S>(self.0))
    }
    #[inline(always)]
    fn softplus(self) -> Self {
        Num::new(VecMath::softplus::<S>(self.0))
    }
    #[inline(always)]
    fn erf(self) -> Self {
        Num::new(VecMath::erf::<S>(self.0))
    }
    #[inline(always)]
    fn erfc(self) -> Self {
        Num::new(VecMath::erfc::<S>(self.0))
    }
    #[inline(always)]
    fn pow(self, p: Self) -> Self {
        Num::new(VecMath::pow::<S>(self.0, p.0))
    }
    #[inline(always)]
    fn hypot(self, other: Self) -> Self {
        Num::new(VecMath::hypot::<S>(self.0, other.0))
    }
    #[inline(always)]
    fn fmod(self, other: Self) -> Self {
        Num::new(VecMath::fmod(self.0, other.0))
    }
    #[inline(always)]
    fn floor(self) -> Self {
        Num::new(VecMath::floor(self.0))
    }
    #[inline(always)]
    fn ceil(self) -> Self {
        Num::new(VecMath::ceil(self.0))
    }
    #[inline(always)]
    fn trunc(self) -> Self {
        Num::new(VecMath::trunc(self.0))
    }
    #[inline(always)]
    fn round(self) -> Self {
        Num::new(VecMath::round(self.0))
    }
    #[inline(always)]
    fn abs(self) -> Self {
        Num::new(VecMath::abs(self.0))
    }
    #[inline(always)]
    fn sign(self) -> Self {
        Num::new(if self.0 > T::ZERO {
            T::ONE
        } else if self.0 < T::ZERO {
            -T::ONE
        } else {
            T::ZERO
        })
    }
    #[inline(always)]
    fn gt(self, other: Self) -> Self {
        Num::mask(self.0 > other.0)
    }
    #[inline(always)]
    fn ge(self, other: Self) -> Self {
        Num::mask(self.0 >= other.0)
    }
    #[inline(always)]
    fn equal(self, other: Self) -> Self {
        Num::mask(self.0 == other.0)
    }
    #[inline(always)]
    fn detach(self) -> Self {
        self
    }
    #[inline(always)]
    fn select(self, a: Self, b: Self) -> Self {
        if self.0 != T::ZERO { a } else { b }
    }
}
