//! Elementwise functions of one argument: each is its value, its slope and a method. (Activations are in `activation.rs`.)

use crate::ops::map::{Map, Unary};
use crate::scalar::{Real, Scalar};
use crate::var::Var;

/// Up to here the vectorised sine and cosine are accurate in both types.
const SIN_BOUND: f64 = 16_777_216.0;

// ------------------------------------------------------------------------------------------------------------- abs

/// `abs(x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Abs;

impl Unary for Abs {
    const NAME: &'static str = "abs";
    const GRAD_NAME: &'static str = "abs_grad";
    const GRAIN: usize = 32 * 1024;
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x.abs()
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        x.sign()
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// |x|, elementwise. Derivative: sign(x), 0 at 0.
    #[track_caller]
    pub fn abs(self) -> Self {
        self.record(Map(Abs))
    }
}

// ------------------------------------------------------------------------------------------------------------- exp

/// `exp(x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Exp;

impl Unary for Exp {
    const NAME: &'static str = "exp";
    const GRAD_NAME: &'static str = "exp_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x.exp()
    }
    #[inline(always)]
    fn df<R: Real>(self, _: R, y: R) -> R {
        y
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// E^x, elementwise. Derivative: e^x.
    #[track_caller]
    pub fn exp(self) -> Self {
        self.record(Map(Exp))
    }
}

// ----------------------------------------------------------------------------------------------------------- expm1

/// `expm1(x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Expm1;

impl Unary for Expm1 {
    const NAME: &'static str = "expm1";
    const GRAD_NAME: &'static str = "expm1_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x.expm1()
    }
    #[inline(always)]
    fn df<R: Real>(self, _: R, y: R) -> R {
        y + y.lit(1.0)
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// E^x - 1, accurate near 0, elementwise. Derivative: e^x.
    #[track_caller]
    pub fn expm1(self) -> Self {
        self.record(Map(Expm1))
    }
}

// -------------------------------------------------------------------------------------------------------------- ln

/// `ln(x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ln;

impl Unary for Ln {
    const NAME: &'static str = "ln";
    const GRAD_NAME: &'static str = "ln_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x.ln()
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        x.lit(1.0) / x
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The natural logarithm; -inf at 0, NaN below, elementwise. Derivative: 1/x.
    #[track_caller]
    pub fn ln(self) -> Self {
        self.record(Map(Ln))
    }
}

// ----------------------------------------------------------------------------------------------------------- log1p

/// `log1p(x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Log1p;

impl Unary for Log1p {
    const NAME: &'static str = "log1p";
    const GRAD_NAME: &'static str = "log1p_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x.log1p()
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        x.lit(1.0) / (x + x.lit(1.0))
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// Ln(1 + x), accurate near 0, elementwise. Derivative: 1/(1 + x).
    #[track_caller]
    pub fn log1p(self) -> Self {
        self.record(Map(Log1p))
    }
}

// ------------------------------------------------------------------------------------------------------------ sqrt

/// `sqrt(x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sqrt;

impl Unary for Sqrt {
    const NAME: &'static str = "sqrt";
    const GRAD_NAME: &'static str = "sqrt_grad";
    const GRAIN: usize = 32 * 1024;
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x.sqrt()
    }
    #[inline(always)]
    fn df<R: Real>(self, _: R, y: R) -> R {
        y.lit(0.5) / y
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The square root; NaN below 0, elementwise. Derivative: 1/(2 y), +inf at 0.
    #[track_caller]
    pub fn sqrt(self) -> Self {
        self.record(Map(Sqrt))
    }
}

// ----------------------------------------------------------------------------------------------------------- rsqrt

/// `rsqrt(x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rsqrt;

impl Unary for Rsqrt {
    const NAME: &'static str = "rsqrt";
    const GRAD_NAME: &'static str = "rsqrt_grad";
    const GRAIN: usize = 32 * 1024;
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x.lit(1.0) / x.sqrt()
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, y: R) -> R {
        x.lit(-0.5) * y / x
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// 1/sqrt(x); +inf at 0, elementwise. Derivative: -y/(2 x).
    #[track_caller]
    pub fn rsqrt(self) -> Self {
        self.record(Map(Rsqrt))
    }
}

// ----------------------------------------------------------------------------------------------------------- recip

/// `recip(x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Recip;

impl Unary for Recip {
    const NAME: &'static str = "recip";
    const GRAD_NAME: &'static str = "recip_grad";
    const GRAIN: usize = 32 * 1024;
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x.lit(1.0) / x
    }
    #[inline(always)]
    fn df<R: Real>(self, _: R, y: R) -> R {
        -(y * y)
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// 1/x, elementwise. Derivative: -y^2.
    #[track_caller]
    pub fn recip(self) -> Self {
        self.record(Map(Recip))
    }
}

// ---------------------------------------------------------------------------------------------------------- square

/// `square(x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Square;

impl Unary for Square {
    const NAME: &'static str = "square";
    const GRAD_NAME: &'static str = "square_grad";
    const GRAIN: usize = 32 * 1024;
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x * x
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        x + x
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// X^2, elementwise. Derivative: 2x.
    #[track_caller]
    pub fn square(self) -> Self {
        self.record(Map(Square))
    }
}

// ------------------------------------------------------------------------------------------------------------- sin

/// `sin(x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sin;

impl Unary for Sin {
    const NAME: &'static str = "sin";
    const GRAD_NAME: &'static str = "sin_grad";
    const BOUND: f64 = SIN_BOUND;
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x.sin()
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        x.cos()
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The sine, of radians, elementwise. Derivative: cos(x).
    #[track_caller]
    pub fn sin(self) -> Self {
        self.record(Map(Sin))
    }
}

// ------------------------------------------------------------------------------------------------------------- cos

/// `cos(x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cos;

impl Unary for Cos {
    const NAME: &'static str = "cos";
    const GRAD_NAME: &'static str = "cos_grad";
    const BOUND: f64 = SIN_BOUND;
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x.cos()
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        -x.sin()
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The cosine, of radians, elementwise. Derivative: -sin(x).
    #[track_caller]
    pub fn cos(self) -> Self {
        self.record(Map(Cos))
    }
}

// ----------------------------------------------------------------------------------------------------------------- erf

/// `erf(x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Erf;

impl Unary for Erf {
    const NAME: &'static str = "erf";
    const GRAD_NAME: &'static str = "erf_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x.erf()
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        x.lit(std::f64::consts::FRAC_2_SQRT_PI) * (-(x * x)).exp()
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The error function 2/sqrt(pi) times the integral of e^(-u^2) from 0 to x, elementwise. Derivative: 2/sqrt(pi) e^(-x^2).
    #[track_caller]
    pub fn erf(self) -> Self {
        self.record(Map(Erf))
    }
}

// ---------------------------------------------------------------------------------------------------------------- powf

/// `x^p` for a constant p.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Powf(f64);

impl Unary for Powf {
    const NAME: &'static str = "powf";
    const GRAD_NAME: &'static str = "powf_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x.pow(x.lit(self.0))
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        // x^0 is constant, also at 0, where 0 * 0^-1 would be NaN.
        if self.0 == 0.0 { x.lit(0.0) } else { x.lit(self.0) * x.pow(x.lit(self.0 - 1.0)) }
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// x^p for a constant p, as C's `pow` has it: NaN for negative x unless p is whole. Derivative: p x^(p-1), and 0 for p = 0.
    #[track_caller]
    pub fn powf(self, p: f64) -> Self {
        self.record(Map(Powf(p)))
    }
    /// x^n for a whole n. Derivative: n x^(n-1).
    #[track_caller]
    pub fn powi(self, n: i32) -> Self {
        match n {
            2 => self.square(),
            _ => self.record(Map(Powf(n.into()))),
        }
    }
}
