//! Circular and hyperbolic functions and their inverses. The hyperbolic tangent is in `activation.rs`.

use crate::array::scalar::{Real, Scalar};
use crate::ops::map::{Binary, Map, Unary, Zip};
use crate::tape::var::{Operand, Var};
use std::f64::consts::PI;

/// Up to here the vectorised sine, cosine and tangent are accurate in both types.
const SIN_BOUND: f64 = 16_777_216.0;

/// 1 - x^2. Near the ends the difference cancels, and the product is accurate. At the ends the cotangent is infinite: the product's rule
/// would multiply it by 1 - x = 0, which gives NaN; the difference's rule multiplies it by -2x.
#[inline(always)]
fn one_minus_square<R: Real>(x: R) -> R {
    let one = x.lit(1.0);
    x.abs().equal(one).select(one - x * x, (one - x) * (one + x))
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
    /// The sine, of radians, elementwise. Derivative: cos(x). Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf(std::f64::consts::FRAC_PI_6);
    /// assert!((x.sin().item() - 0.5).abs() < 1e-15);
    /// ```
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
    /// The cosine, of radians, elementwise. Derivative: -sin(x). Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf(std::f64::consts::FRAC_PI_6);
    /// assert!((tape.grad(x.cos(), &[x])[0].unwrap().item() + 0.5).abs() < 1e-15);
    /// ```
    #[track_caller]
    pub fn cos(self) -> Self {
        self.record(Map(Cos))
    }
}

// -------------------------------------------------------------------------------------------------------------- tan

/// `tan(x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tan;

impl Unary for Tan {
    const NAME: &'static str = "tan";
    const GRAD_NAME: &'static str = "tan_grad";
    const BOUND: f64 = SIN_BOUND;
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x.tan()
    }
    #[inline(always)]
    fn df<R: Real>(self, _: R, y: R) -> R {
        y.lit(1.0) + y * y
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The tangent, of radians, elementwise. Derivative: 1 + y^2. Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf(std::f64::consts::FRAC_PI_4);
    /// assert!((x.tan().item() - 1.0).abs() < 1e-15);
    /// assert!((tape.grad(x.tan(), &[x])[0].unwrap().item() - 2.0).abs() < 1e-14);
    /// ```
    #[track_caller]
    pub fn tan(self) -> Self {
        self.record(Map(Tan))
    }
}

// ------------------------------------------------------------------------------------------------------------- asin

/// `asin(x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Asin;

impl Unary for Asin {
    const NAME: &'static str = "asin";
    const GRAD_NAME: &'static str = "asin_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x.asin()
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        x.lit(1.0) / one_minus_square(x).sqrt()
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The angle in [-pi/2, pi/2] whose sine is x, NaN outside [-1, 1], elementwise. Derivative: 1/sqrt(1 - x^2), +inf at the ends. Shape:
    /// that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf(0.6);
    /// assert!((x.asin().sin().item() - 0.6).abs() < 1e-15);
    /// assert!((tape.grad(x.asin(), &[x])[0].unwrap().item() - 1.25).abs() < 1e-15);
    /// ```
    #[track_caller]
    pub fn asin(self) -> Self {
        self.record(Map(Asin))
    }
}

// ------------------------------------------------------------------------------------------------------------- acos

/// `acos(x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Acos;

impl Unary for Acos {
    const NAME: &'static str = "acos";
    const GRAD_NAME: &'static str = "acos_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x.acos()
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        x.lit(-1.0) / one_minus_square(x).sqrt()
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The angle in [0, pi] whose cosine is x, NaN outside [-1, 1], elementwise. Derivative: -1/sqrt(1 - x^2), -inf at the ends. Shape:
    /// that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let y = tape.leaf([-1.0, 0.5, 1.0]).acos() / std::f64::consts::PI;
    /// assert!((y - tape.constant([1.0, 1.0 / 3.0, 0.0])).abs().max().item() < 1e-15);
    /// ```
    #[track_caller]
    pub fn acos(self) -> Self {
        self.record(Map(Acos))
    }
}

// ------------------------------------------------------------------------------------------------------------- atan

/// `atan(x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Atan;

impl Unary for Atan {
    const NAME: &'static str = "atan";
    const GRAD_NAME: &'static str = "atan_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x.atan()
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        x.lit(1.0) / (x * x + x.lit(1.0))
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The angle in [-pi/2, pi/2] whose tangent is x, elementwise. Derivative: 1/(1 + x^2). Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([1.0, f64::INFINITY]);
    /// assert!((x.atan() - tape.constant([0.25, 0.5]) * std::f64::consts::PI).abs().max().item() < 1e-15);
    /// assert_eq!(tape.grad(x.atan(), &[x])[0].unwrap().to_vec(), [0.5, 0.0]);
    /// ```
    #[track_caller]
    pub fn atan(self) -> Self {
        self.record(Map(Atan))
    }
}

// ---------------------------------------------------------------------------------------------------------- sinc

/// `sin(pi x) / (pi x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sinc;

impl Sinc {
    /// pi x, or x itself where pi x overflows. At such sizes the phase is meaningless, and the quotient is near 0.
    #[inline(always)]
    fn angle<R: Real>(x: R) -> R {
        let t = x * x.lit(PI);
        t.abs().equal(t.lit(f64::INFINITY)).select(x, t)
    }
}

impl Unary for Sinc {
    const NAME: &'static str = "sinc";
    const GRAD_NAME: &'static str = "sinc_grad";
    /// pi x stays within `SIN_BOUND`, since 4 > pi.
    const BOUND: f64 = SIN_BOUND / 4.0;
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        let t = Sinc::angle(x);
        t.equal(t.lit(0.0)).select(t.lit(1.0), t.sin() / t)
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        // (-1)^k 2k / (2k + 1)!, from k = 1 on. Near 0 the difference of cosine and quotient cancels; its series does not.
        const SERIES: [f64; 10] = [
            -1.0 / 3.0,
            1.0 / 30.0,
            -1.0 / 840.0,
            1.0 / 45_360.0,
            -1.0 / 3_991_680.0,
            1.0 / 518_918_400.0,
            -1.0 / 93_405_312_000.0,
            1.0 / 22_230_464_256_000.0,
            -1.0 / 6_758_061_133_824_000.0,
            1.0 / 2_554_547_108_585_472_000.0,
        ];
        let t = Sinc::angle(x);
        let near = t.lit(1.0).gt(t.abs());
        // Each formula only gets arguments in its own range, so that no derivative of the other leaks a NaN.
        let (small, large) = (near.select(t, t.lit(0.0)), near.select(t.lit(1.0), t));
        let series = SERIES.iter().rev().fold(t.lit(0.0), |sum, &c| sum * (small * small) + t.lit(c));
        near.select(series * small, (large.cos() - large.sin() / large) / large) * t.lit(PI)
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// sin(pi x)/(pi x), 1 at 0, elementwise. Derivative: (cos(pi x) - y)/x, 0 at 0; derivatives of any order are right there too. Shape:
    /// that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([0.0, 0.5, 1.0]);
    /// assert!((x.sinc() - tape.constant([1.0, std::f64::consts::FRAC_2_PI, 0.0])).abs().max().item() < 1e-15);
    /// ```
    #[track_caller]
    pub fn sinc(self) -> Self {
        self.record(Map(Sinc))
    }
}

// ---------------------------------------------------------------------------------------------------------------- atan2

/// `atan2(a, b)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Atan2;

impl Atan2 {
    /// x / (a^2 + b^2), without squares that overflow or vanish, and 0 at the origin.
    #[inline(always)]
    fn over_square<R: Real>(x: R, a: R, b: R) -> R {
        // At the origin, take the distance of another point, whose derivatives are finite; so the derivatives of the result 0 are 0 too.
        let origin = a.equal(a.lit(0.0)) * b.equal(b.lit(0.0));
        let r = a.hypot(origin.select(b.lit(1.0), b));
        origin.select(x.lit(0.0), x / r / r)
    }
}

impl Binary for Atan2 {
    const NAME: &'static str = "atan2";
    const GRAD_NAME: &'static str = "atan2_grad";
    #[inline(always)]
    fn f<R: Real>(self, a: R, b: R) -> R {
        a.atan2(b)
    }
    #[inline(always)]
    fn da<R: Real>(self, a: R, b: R) -> R {
        Atan2::over_square(b, a, b)
    }
    #[inline(always)]
    fn db<R: Real>(self, a: R, b: R) -> R {
        Atan2::over_square(-a, a, b)
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The angle, in [-pi, pi], of the point whose ordinate is this array and whose abscissa is `b`, elementwise. The quadrant and the
    /// signs of zeros count. Derivatives: b/(a^2 + b^2) and -a/(a^2 + b^2), 0 at the origin. Shape: that to which both broadcast.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let a = tape.leaf([1.0, 0.0, -1.0]);
    /// let y = a.atan2(-1.0) / std::f64::consts::PI;
    /// assert!((y - tape.constant([0.75, 1.0, -0.75])).abs().max().item() < 1e-15);
    /// let slope = tape.grad(a.atan2(-1.0), &[a])[0].unwrap();
    /// assert!((slope - tape.constant([-0.5, -1.0, -0.5])).abs().max().item() < 1e-15);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn atan2(self, b: impl Operand<'t, T>) -> Self {
        let (a, b) = self.broadcast_with(b.to_var(self.tape), "atan2");
        a.record2(Zip(Atan2), b)
    }
}

// ------------------------------------------------------------------------------------------------------------- sinh

/// `sinh(x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sinh;

impl Unary for Sinh {
    const NAME: &'static str = "sinh";
    const GRAD_NAME: &'static str = "sinh_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x.sinh()
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        x.cosh()
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The hyperbolic sine, elementwise. Derivative: cosh(x). Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// assert!((tape.leaf(std::f64::consts::LN_2).sinh().item() - 0.75).abs() < 1e-15);
    /// ```
    #[track_caller]
    pub fn sinh(self) -> Self {
        self.record(Map(Sinh))
    }
}

// ------------------------------------------------------------------------------------------------------------- cosh

/// `cosh(x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cosh;

impl Unary for Cosh {
    const NAME: &'static str = "cosh";
    const GRAD_NAME: &'static str = "cosh_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x.cosh()
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        x.sinh()
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The hyperbolic cosine, elementwise. Derivative: sinh(x). Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([std::f64::consts::LN_2, -std::f64::consts::LN_2]);
    /// assert!((x.cosh() - 1.25).abs().max().item() < 1e-15);
    /// assert!((tape.grad(x.cosh(), &[x])[0].unwrap() - tape.constant([0.75, -0.75])).abs().max().item() < 1e-15);
    /// ```
    #[track_caller]
    pub fn cosh(self) -> Self {
        self.record(Map(Cosh))
    }
}

// ------------------------------------------------------------------------------------------------------------ asinh

/// `asinh(x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Asinh;

impl Unary for Asinh {
    const NAME: &'static str = "asinh";
    const GRAD_NAME: &'static str = "asinh_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x.asinh()
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        x.lit(1.0) / x.hypot(x.lit(1.0))
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The number whose hyperbolic sine is x, elementwise. Derivative: 1/sqrt(x^2 + 1). Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf(0.75);
    /// assert!((x.asinh().item() - std::f64::consts::LN_2).abs() < 1e-15);
    /// assert!((tape.grad(x.asinh(), &[x])[0].unwrap().item() - 0.8).abs() < 1e-15);
    /// ```
    #[track_caller]
    pub fn asinh(self) -> Self {
        self.record(Map(Asinh))
    }
}

// ------------------------------------------------------------------------------------------------------------ acosh

/// `acosh(x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Acosh;

impl Unary for Acosh {
    const NAME: &'static str = "acosh";
    const GRAD_NAME: &'static str = "acosh_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x.acosh()
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        let one = x.lit(1.0);
        one / (x - one).sqrt() / (x + one).sqrt()
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The number >= 0 whose hyperbolic cosine is x, NaN below 1, elementwise. Derivative: 1/sqrt(x^2 - 1), +inf at 1. Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([1.25, 0.5]);
    /// assert!((x.acosh().to_vec()[0] - std::f64::consts::LN_2).abs() < 1e-15);
    /// assert!(x.acosh().to_vec()[1].is_nan());
    /// ```
    #[track_caller]
    pub fn acosh(self) -> Self {
        self.record(Map(Acosh))
    }
}

// ------------------------------------------------------------------------------------------------------------ atanh

/// `atanh(x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Atanh;

impl Unary for Atanh {
    const NAME: &'static str = "atanh";
    const GRAD_NAME: &'static str = "atanh_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x.atanh()
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        x.lit(1.0) / one_minus_square(x)
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The number whose hyperbolic tangent is x, infinite at -1 and 1, NaN outside them, elementwise. Derivative: 1/(1 - x^2). Shape: that
    /// of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf(0.6);
    /// assert!((x.atanh().item() - std::f64::consts::LN_2).abs() < 1e-15);
    /// assert!((tape.grad(x.atanh(), &[x])[0].unwrap().item() - 1.5625).abs() < 1e-14);
    /// ```
    #[track_caller]
    pub fn atanh(self) -> Self {
        self.record(Map(Atanh))
    }
}

#[cfg(test)]
mod rows;
