//! Elementwise functions of one argument. Each has its value, its slope and a method. Activation functions are in `activation.rs`.

use crate::array::attribute::Attribute;
use crate::array::scalar::{Real, Scalar};
use crate::kernels::elementwise::Cost;
use crate::ops::activation::hold;
use crate::ops::map::{Map, Unary};
use crate::tape::var::Var;

// ------------------------------------------------------------------------------------------------------------- abs

/// `abs(x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Abs;

impl Unary for Abs {
    const NAME: &'static str = "abs";
    const GRAD_NAME: &'static str = "abs_grad";
    const COST: Cost = Cost::Cheap;
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
    /// |x|, elementwise. Derivative: sign(x), 0 at 0. Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([-3.0, 0.0, 2.0]);
    /// assert_eq!(x.abs().to_vec(), [3.0, 0.0, 2.0]);
    /// assert_eq!(tape.grad(x.abs(), &[x])[0].unwrap().to_vec(), [-1.0, 0.0, 1.0]);
    /// ```
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
    /// e^x, elementwise. Derivative: e^x. Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([0.0, f64::NEG_INFINITY]);
    /// assert_eq!(x.exp().to_vec(), [1.0, 0.0]);
    /// assert_eq!(tape.grad(x.exp(), &[x])[0].unwrap().to_vec(), [1.0, 0.0]);
    /// ```
    #[track_caller]
    pub fn exp(self) -> Self {
        self.record(Map(Exp))
    }
}

// ------------------------------------------------------------------------------------------------------------- exp2

/// `2^x`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Exp2;

impl Unary for Exp2 {
    const NAME: &'static str = "exp2";
    const GRAD_NAME: &'static str = "exp2_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x.exp2()
    }
    #[inline(always)]
    fn df<R: Real>(self, _: R, y: R) -> R {
        y * y.lit(std::f64::consts::LN_2)
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// 2^x, elementwise. Derivative: y ln 2. Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// assert_eq!(tape.leaf([3.0, -2.0]).exp2().to_vec(), [8.0, 0.25]);
    /// ```
    #[track_caller]
    pub fn exp2(self) -> Self {
        self.record(Map(Exp2))
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
    /// e^x - 1, accurate near 0, elementwise. Derivative: e^x. Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf(1e-20);
    /// assert_eq!(x.expm1().item(), 1e-20);
    /// assert_eq!((x.exp() - 1.0).item(), 0.0);
    /// ```
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
    /// The natural logarithm; -inf at 0, NaN below, elementwise. Derivative: 1/x. Shape: that of x. PyTorch: `log`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([1.0, 0.0]);
    /// assert_eq!(x.ln().to_vec(), [0.0, f64::NEG_INFINITY]);
    /// let x = tape.leaf(4.0);
    /// assert_eq!(tape.grad(x.ln(), &[x])[0].unwrap().item(), 0.25);
    /// ```
    #[track_caller]
    pub fn ln(self) -> Self {
        self.record(Map(Ln))
    }
    /// The natural logarithm, by PyTorch's name: [`Var::ln`].
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([1.0, 0.5]);
    /// assert_eq!(x.log().to_vec(), x.ln().to_vec());
    /// ```
    #[track_caller]
    pub fn log(self) -> Self {
        self.ln()
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
    /// ln(1 + x), accurate near 0, elementwise. Derivative: 1/(1 + x). Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([1e-20, 1.0]);
    /// assert_eq!(x.log1p().to_vec()[0], 1e-20);
    /// assert_eq!(tape.grad(x.log1p(), &[x])[0].unwrap().to_vec(), [1.0, 0.5]);
    /// ```
    #[track_caller]
    pub fn log1p(self) -> Self {
        self.record(Map(Log1p))
    }
}

// ------------------------------------------------------------------------------------------------------------- log2

/// `log2(x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Log2;

impl Unary for Log2 {
    const NAME: &'static str = "log2";
    const GRAD_NAME: &'static str = "log2_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x.log2()
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        x.lit(std::f64::consts::LOG2_E) / x
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The logarithm to base 2; -inf at 0, NaN below, elementwise. Derivative: 1/(x ln 2). Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// assert_eq!(tape.leaf([8.0, 0.25]).log2().to_vec(), [3.0, -2.0]);
    /// ```
    #[track_caller]
    pub fn log2(self) -> Self {
        self.record(Map(Log2))
    }
}

// ------------------------------------------------------------------------------------------------------------ log10

/// `log10(x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Log10;

impl Unary for Log10 {
    const NAME: &'static str = "log10";
    const GRAD_NAME: &'static str = "log10_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x.log10()
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        x.lit(std::f64::consts::LOG10_E) / x
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The logarithm to base 10; -inf at 0, NaN below, elementwise. Derivative: 1/(x ln 10). Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let y = tape.leaf([1000.0, 0.01]).log10();
    /// assert!((y - tape.constant([3.0, -2.0])).abs().max().item() < 1e-15);
    /// ```
    #[track_caller]
    pub fn log10(self) -> Self {
        self.record(Map(Log10))
    }
}

// ----------------------------------------------------------------------------------------------------------- logit

/// `ln(x / (1 - x))`; with an eps, x is clamped to [eps, 1 - eps].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Logit {
    eps: Option<Attribute>,
}

impl Unary for Logit {
    const NAME: &'static str = "logit";
    const GRAD_NAME: &'static str = "logit_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        let z = match self.eps {
            // If eps is above 1/2, the bounds are in reverse order; then the lower bound is applied first.
            Some(Attribute(eps)) => hold(x, eps, 1.0 - eps),
            None => x,
        };
        (z / (z.lit(1.0) - z)).ln()
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        let (eps, outside) = self.eps.map_or((0.0, f64::NAN), |eps| (eps.0, 0.0));
        let inside = x.ge(x.lit(eps)) * x.lit(1.0 - eps).ge(x);
        // The branch that is not chosen is finite, so that its derivative times 0 is 0.
        let z = inside.select(x, x.lit(0.5));
        // A sum and not 1 / (z (1 - z)), whose derivatives at the ends would be infinity times 0.
        let one = z.lit(1.0);
        inside.select(one / z + one / (one - z), x.lit(outside))
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// ln(x/(1 - x)), the inverse of the sigmoid, elementwise. It is infinite at 0 and 1, and NaN outside. With an `eps`, x is clamped to
    /// [eps, 1 - eps]. Derivative: 1/(x (1 - x)), and 0 outside the bounds that an `eps` gives. Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([0.75, 0.0]);
    /// assert!((x.logit(Some(0.25)) / 3f64.ln() - tape.constant([1.0, -1.0])).abs().max().item() < 1e-15);
    /// assert_eq!(x.logit(None).to_vec()[1], f64::NEG_INFINITY);
    /// ```
    #[track_caller]
    pub fn logit(self, eps: Option<f64>) -> Self {
        self.record(Map(Logit { eps: eps.map(Attribute) }))
    }
}

// ------------------------------------------------------------------------------------------------------------ sqrt

/// `sqrt(x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sqrt;

impl Unary for Sqrt {
    const NAME: &'static str = "sqrt";
    const GRAD_NAME: &'static str = "sqrt_grad";
    const COST: Cost = Cost::Cheap;
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
    /// The square root; NaN below 0, elementwise. Derivative: 1/(2 y), +inf at 0 (but 0 of a cotangent of 0: see
    /// [`Var::where_cond`]). Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([4.0, 0.25]);
    /// assert_eq!(x.sqrt().to_vec(), [2.0, 0.5]);
    /// assert_eq!(tape.grad(x.sqrt(), &[x])[0].unwrap().to_vec(), [0.25, 1.0]);
    /// ```
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
    const COST: Cost = Cost::Cheap;
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
    /// 1/sqrt(x); +inf at 0, elementwise. Derivative: -y/(2 x). Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf(4.0);
    /// assert_eq!(x.rsqrt().item(), 0.5);
    /// assert_eq!(tape.grad(x.rsqrt(), &[x])[0].unwrap().item(), -0.0625);
    /// ```
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
    const COST: Cost = Cost::Cheap;
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
    /// 1/x, elementwise. Derivative: -y^2. Shape: that of x. PyTorch: `reciprocal`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([2.0, -4.0]);
    /// assert_eq!(x.recip().to_vec(), [0.5, -0.25]);
    /// assert_eq!(tape.grad(x.recip(), &[x])[0].unwrap().to_vec(), [-0.25, -0.0625]);
    /// ```
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
    const COST: Cost = Cost::Cheap;
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
    /// x^2, elementwise. Derivative: 2x. Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([-3.0, 5.0]);
    /// assert_eq!(x.square().to_vec(), [9.0, 25.0]);
    /// assert_eq!(tape.grad(x.square(), &[x])[0].unwrap().to_vec(), [-6.0, 10.0]);
    /// ```
    #[track_caller]
    pub fn square(self) -> Self {
        self.record(Map(Square))
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
    /// The error function 2/sqrt(pi) times the integral of e^(-u^2) from 0 to x, elementwise. Derivative: 2/sqrt(pi) e^(-x^2). Shape: that
    /// of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([0.0, 1.0]);
    /// assert!((x.erf() - tape.constant([0.0, 0.842_700_792_949_714_9])).abs().max().item() < 1e-15);
    /// assert_eq!(tape.grad(x.erf(), &[x])[0].unwrap().to_vec()[0], std::f64::consts::FRAC_2_SQRT_PI);
    /// ```
    #[track_caller]
    pub fn erf(self) -> Self {
        self.record(Map(Erf))
    }
}

// ------------------------------------------------------------------------------------------------------------- erfc

/// `erfc(x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Erfc;

impl Unary for Erfc {
    const NAME: &'static str = "erfc";
    const GRAD_NAME: &'static str = "erfc_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x.erfc()
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        x.lit(-std::f64::consts::FRAC_2_SQRT_PI) * (-(x * x)).exp()
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// 1 - erf(x), accurate where it is small, elementwise. Derivative: -2/sqrt(pi) e^(-x^2). Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let y = tape.leaf(10.0).erfc().item();
    /// assert!((y / 2.088_487_583_762_545e-45 - 1.0).abs() < 1e-13); // 1 - erf(10) would be 0
    /// ```
    #[track_caller]
    pub fn erfc(self) -> Self {
        self.record(Map(Erfc))
    }
}

// ---------------------------------------------------------------------------------------------------------------- powf

/// `x^p` for a constant p.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Powf {
    p: Attribute,
}

impl Unary for Powf {
    const NAME: &'static str = "powf";
    const GRAD_NAME: &'static str = "powf_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x.pow(x.lit(self.p.0))
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        // x^0 is constant, also at 0, where 0 * 0^-1 would be NaN.
        if self.p.0 == 0.0 { x.lit(0.0) } else { x.lit(self.p.0) * x.pow(x.lit(self.p.0 - 1.0)) }
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// x^p for a constant p, elementwise, like C's `pow`: NaN for negative x unless p is whole. Derivative: p x^(p-1), and 0 for p = 0.
    /// Shape: that of x. PyTorch: `pow` with a number.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([4.0, 0.25]);
    /// assert!((x.powf(1.5) - tape.constant([8.0, 0.125])).abs().max().item() < 1e-14);
    /// assert!(tape.leaf(-4.0).powf(1.5).item().is_nan());
    /// ```
    #[track_caller]
    pub fn powf(self, p: f64) -> Self {
        self.record(Map(Powf { p: Attribute(p) }))
    }
    /// x^n for a whole n, elementwise. Derivative: n x^(n-1). Shape: that of x. PyTorch: `pow` with a whole number.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([2.0, -2.0]);
    /// assert_eq!(x.powi(3).to_vec(), [8.0, -8.0]);
    /// assert_eq!(tape.grad(x.powi(3), &[x])[0].unwrap().to_vec(), [12.0, 12.0]);
    /// ```
    #[track_caller]
    pub fn powi(self, n: i32) -> Self {
        match n {
            2 => self.square(),
            _ => self.record(Map(Powf { p: Attribute(n.into()) })),
        }
    }
}

#[cfg(test)]
mod rows;
