//! Which numbers can be differentiated? `f32` and `f64` ([`Scalar`]), and the arithmetic that formulas are written in ([`Real`]).

use crate::array::functions::real_functions;
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

macro_rules! scalar {
    ($type:ident, $known:ident) => {
        impl Scalar for $type {
            const NAME: &'static str = stringify!($type);
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const INFINITY: Self = $type::INFINITY;
            const NAN: Self = $type::NAN;
            fn from_f64(x: f64) -> Self {
                x as $type
            }
            fn to_f64(self) -> f64 {
                self.into()
            }
            #[inline(always)]
            fn known(x: &[Self]) -> Known<&[f32], &[f64]> {
                Known::$known(x)
            }
            #[inline(always)]
            fn known_mut(x: &mut [Self]) -> Known<&mut [f32], &mut [f64]> {
                Known::$known(x)
            }
        }
    };
}
scalar!(f32, F32);
scalar!(f64, F64);

// The methods of `Real` that stand in the list.
macro_rules! declared {
    ($($of:ident { $($(#[$doc:meta])* $name:ident $(($other:ident))? $(= $std:ident)?;)* })*) => {
        $($($(#[$doc])* fn $name(self $(, $other: Self)?) -> Self;)*)*
    };
}

/// The arithmetic of elementwise formulas: implemented by plain numbers inside a kernel and by [`Var`](crate::Var).
///
/// A formula written once over `R: Real` therefore serves as the kernel of a fused pass and, where a further derivative is asked for,
/// as a graph of primitives. Comparisons give masks of 0 and 1 whose derivative is zero.
pub trait Real: Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self> {
    /// The constant `c` (for a `Var`: on the same tape).
    fn lit(self, c: f64) -> Self;
    real_functions!(declared);
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

macro_rules! operator {
    ($operator:ident, $method:ident) => {
        impl<T: Scalar, S: Simd> $operator for Num<T, S> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Num::new(self.0.$method(other.0))
            }
        }
    };
}
operator!(Add, add);
operator!(Sub, sub);
operator!(Mul, mul);
operator!(Div, div);
impl<T: Scalar, S: Simd> Neg for Num<T, S> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Num::new(-self.0)
    }
}

// The same of numbers: by `VecMath`.
macro_rules! computed {
    (
        vecmath { $($(#[$doc:meta])* $name:ident $(($other:ident))?;)* }
        std { $($(#[$std_doc:meta])* $std_name:ident $(($std_other:ident))? = $method:ident;)* }
    ) => {
        $(
            #[inline(always)]
            fn $name(self $(, $other: Self)?) -> Self {
                Num::new(VecMath::$name::<S>(self.0 $(, $other.0)?))
            }
        )*
        $(
            #[inline(always)]
            fn $std_name(self $(, $std_other: Self)?) -> Self {
                Num::new(VecMath::$std_name(self.0 $(, $std_other.0)?))
            }
        )*
    };
}

impl<T: Scalar, S: Simd> Real for Num<T, S> {
    #[inline(always)]
    fn lit(self, c: f64) -> Self {
        Num::new(T::from_f64(c))
    }
    real_functions!(computed);
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
