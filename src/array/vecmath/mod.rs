//! How does a kernel evaluate `exp`, `tanh`, `ln`, ... on a whole vector at once?
//!
//! Every function here is a straight line of arithmetic: no branch, loop, table or call, only
//! selects and bit arithmetic. Inlined into a loop that is compiled for some instruction set, the
//! compiler turns that line into vector code of the set's width; called on one value, it is an
//! ordinary scalar function of low latency.
//!
//! The first type parameter says what the surrounding code is compiled for. It matters in one
//! place only: where there is no fused multiply-add instruction, `mul_add` would be a slow call
//! into libm, so a plain multiply and add takes its place (`fma` in [`mod@f32`] and [`mod@f64`]).
//! Everything is written to be accurate both ways; the bounds in the documentation are the
//! largest errors measured over dense sweeps, in units in the last place (ULP) of the exact
//! result, with and without FMA.
#![allow(unsafe_code)]

use crate::array::simd::Simd;

// Estrin's scheme: the terms are paired, `(c0 + c1 x) + (c2 + c3 x) x² + ...`, so that the
// dependent chain grows with the logarithm of the degree where Horner's rule has it grow with the
// degree. That is what keeps a lone scalar call fast. Coefficients come lowest power first.
macro_rules! poly {
    ($S:ident, $x:expr; $($c:expr),+ $(,)?) => {{
        let x = $x;
        poly!(@level $S, x; []; $($c),+)
    }};
    (@level $S:ident, $x:ident; [$p:expr];) => { $p };
    (@level $S:ident, $x:ident; [$($p:expr),+];) => {{
        let square = $x * $x;
        poly!(@level $S, square; []; $($p),+)
    }};
    (@level $S:ident, $x:ident; [$($p:expr),*]; $a:expr) => {
        poly!(@level $S, $x; [$($p,)* $a];)
    };
    (@level $S:ident, $x:ident; [$($p:expr),*]; $a:expr, $b:expr $(, $c:expr)*) => {
        poly!(@level $S, $x; [$($p,)* fma::<$S>($b, $x, $a)]; $($c),*)
    };
}

pub mod f32;
pub mod f64;
#[cfg(test)]
mod tests;

/// `a` where `c` holds, else `b`, always as a select: both values are computed, nothing jumps.
#[inline(always)]
fn select<T>(c: bool, a: T, b: T) -> T {
    core::hint::select_unpredictable(c, a, b)
}

/// The functions of this module as methods, for code that is generic over `f32` and `f64`.
pub trait VecMath: Sized {
    /// Square root.
    fn sqrt(self) -> Self;
    /// Absolute value.
    fn abs(self) -> Self;
    /// The largest whole number that is not above.
    fn floor(self) -> Self;
    /// The smallest whole number that is not below.
    fn ceil(self) -> Self;
    /// The whole part.
    fn trunc(self) -> Self;
    /// The nearest whole number, the even one of two.
    fn round(self) -> Self;
    /// What a division to a whole quotient leaves, exactly, with the sign of self.
    fn fmod(self, other: Self) -> Self;
    /// `e^x`
    fn exp<S: Simd>(self) -> Self;
    /// `2^x`
    fn exp2<S: Simd>(self) -> Self;
    /// `e^x - 1`
    fn expm1<S: Simd>(self) -> Self;
    /// Natural logarithm.
    fn ln<S: Simd>(self) -> Self;
    /// Logarithm to base 2.
    fn log2<S: Simd>(self) -> Self;
    /// Logarithm to base 10.
    fn log10<S: Simd>(self) -> Self;
    /// `ln(1 + x)`
    fn log1p<S: Simd>(self) -> Self;
    /// Tangent.
    fn tan<S: Simd>(self) -> Self;
    /// Inverse sine.
    fn asin<S: Simd>(self) -> Self;
    /// Inverse cosine.
    fn acos<S: Simd>(self) -> Self;
    /// Inverse tangent.
    fn atan<S: Simd>(self) -> Self;
    /// Hyperbolic sine.
    fn sinh<S: Simd>(self) -> Self;
    /// Hyperbolic cosine.
    fn cosh<S: Simd>(self) -> Self;
    /// Hyperbolic tangent.
    fn tanh<S: Simd>(self) -> Self;
    /// Inverse hyperbolic sine.
    fn asinh<S: Simd>(self) -> Self;
    /// Inverse hyperbolic cosine.
    fn acosh<S: Simd>(self) -> Self;
    /// Inverse hyperbolic tangent.
    fn atanh<S: Simd>(self) -> Self;
    /// `1 / (1 + e^-x)`
    fn sigmoid<S: Simd>(self) -> Self;
    /// `ln(1 + e^x)`
    fn softplus<S: Simd>(self) -> Self;
    /// The error function.
    fn erf<S: Simd>(self) -> Self;
    /// `1 - erf(x)`
    fn erfc<S: Simd>(self) -> Self;
    /// Sine.
    fn sin<S: Simd>(self) -> Self;
    /// Cosine.
    fn cos<S: Simd>(self) -> Self;
    /// `x^y`
    fn pow<S: Simd>(self, other: Self) -> Self;
    /// The angle of the point (y, x) = (self, other).
    fn atan2<S: Simd>(self, other: Self) -> Self;
    /// `sqrt(x^2 + y^2)`
    fn hypot<S: Simd>(self, other: Self) -> Self;
}

// A macro, because the functions of the two types live in modules of one shape.
macro_rules! vecmath {
    ($type:ident, $($unary:ident)*; circular $($circular:ident)*; binary $($binary:ident)*) => {
        impl VecMath for $type {
            #[inline(always)]
            fn sqrt(self) -> Self {
                core::primitive::$type::sqrt(self)
            }
            #[inline(always)]
            fn abs(self) -> Self {
                core::primitive::$type::abs(self)
            }
            #[inline(always)]
            fn floor(self) -> Self {
                core::primitive::$type::floor(self)
            }
            #[inline(always)]
            fn ceil(self) -> Self {
                core::primitive::$type::ceil(self)
            }
            #[inline(always)]
            fn trunc(self) -> Self {
                core::primitive::$type::trunc(self)
            }
            #[inline(always)]
            fn round(self) -> Self {
                core::primitive::$type::round_ties_even(self)
            }
            #[inline(always)]
            fn fmod(self, other: Self) -> Self {
                self % other
            }
            $(
                #[inline(always)]
                fn $unary<S: Simd>(self) -> Self {
                    $type::$unary::<S>(self)
                }
            )*
            $(
                #[inline(always)]
                fn $circular<S: Simd>(self) -> Self {
                    if S::LIBM { core::primitive::$type::$circular(self) } else { $type::$circular::<S>(self) }
                }
            )*
            $(
                #[inline(always)]
                fn $binary<S: Simd>(self, other: Self) -> Self {
                    $type::$binary::<S>(self, other)
                }
            )*
        }
    };
}
vecmath!(f32, exp exp2 expm1 ln log2 log10 log1p asin acos atan sinh cosh tanh asinh acosh atanh sigmoid softplus erf erfc; circular sin cos tan; binary pow atan2 hypot);
vecmath!(f64, exp exp2 expm1 ln log2 log10 log1p asin acos atan sinh cosh tanh asinh acosh atanh sigmoid softplus erf erfc; circular sin cos tan; binary pow atan2 hypot);
