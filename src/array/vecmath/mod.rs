//! How does a kernel evaluate `exp`, `tanh`, `ln`, ... on a whole vector at once?
//!
//! Every function here is a straight line of arithmetic: no branch, loop, table or call, only
//! selects and bit arithmetic. Inlined into a loop that is compiled for some instruction set, the
//! compiler turns that line into vector code of the set's width; called on one value, it is an
//! ordinary scalar function of low latency.
//!
//! A function is written once for `f32` and `f64`: a trait of its family holds the constants and polynomials in which the two
//! differ, and beyond them only the circular functions and `pow` do, which work in `f64` for `f32`: it buys an almost correctly
//! rounded result for less than the compensated arithmetic they would otherwise need.
//!
//! The parameter `S` says what the surrounding code is compiled for. It matters in one
//! place only: where there is no fused multiply-add instruction, `mul_add` would be a slow call
//! into libm, so a plain multiply and add takes its place (`fma` in [`float`]).
//! Everything is written to be accurate both ways; the bounds in the documentation are the
//! largest errors measured over dense sweeps, in units in the last place (ULP) of the exact
//! result, with and without FMA.
#![allow(unsafe_code)]

mod circular;
mod erf;
mod exp;
mod float;
mod hyperbolic;
mod inverse;
mod log;
mod pow;
#[cfg(test)]
mod tests;

use crate::array::functions::real_functions;
use crate::array::simd::Simd;
use circular::{cos, sin, tan};
use core::ops::Rem;
use erf::{erf, erfc};
use exp::{exp, exp2, expm1, sigmoid};
use hyperbolic::{acosh, asinh, atanh, cosh, sinh, tanh};
use inverse::{acos, asin, atan, atan2};
use log::{ln, log1p, log2, log10, softplus};
use pow::{hypot, pow};

macro_rules! declared {
    (
        vecmath { $($(#[$doc:meta])* $name:ident $(($other:ident))?;)* }
        std { $($(#[$std_doc:meta])* $std_name:ident $(($std_other:ident))? = $method:ident;)* }
    ) => {
        $($(#[$doc])* fn $name<S: Simd>(self $(, $other: Self)?) -> Self;)*
        $($(#[$std_doc])* fn $std_name(self $(, $std_other: Self)?) -> Self;)*
    };
}

// The functions of this module have the names in the list.
macro_rules! implemented {
    (
        vecmath { $($(#[$doc:meta])* $name:ident $(($other:ident))?;)* }
        std { $($(#[$std_doc:meta])* $std_name:ident $(($std_other:ident))? = $method:ident;)* }
    ) => {
        $(
            #[inline(always)]
            fn $name<S: Simd>(self $(, $other: Self)?) -> Self {
                $name::<S, Self>(self $(, $other)?)
            }
        )*
        $(
            #[inline(always)]
            fn $std_name(self $(, $std_other: Self)?) -> Self {
                Self::$method(self $(, $std_other)?)
            }
        )*
    };
}

/// The real functions of numbers, for code that is generic over `f32` and `f64`.
pub trait VecMath: Sized {
    real_functions!(declared);
}
impl VecMath for f32 {
    real_functions!(implemented);
}
impl VecMath for f64 {
    real_functions!(implemented);
}
