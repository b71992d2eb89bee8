//! Smooth elementwise activation functions. Each has its value, its slope and a method. Those with kinks are in `rectifier.rs`.

use crate::array::attribute::Attribute;
use crate::array::error::ShapeError;
use crate::array::scalar::{Real, Scalar};
use crate::kernels::elementwise::Cost;
use crate::ops::map::{Map, Unary};
use crate::tape::var::{Var, refuse};

/// Clamps x to `[low, high]`; NaN stays NaN. Where low > high and x is below low, the result is low.
#[inline(always)]
pub(crate) fn hold<R: Real>(x: R, low: f64, high: f64) -> R {
    let (low, high) = (x.lit(low), x.lit(high));
    low.gt(x).select(low, x.gt(high).select(high, x))
}

/// Clamps x to [-1000, 1000] where it is multiplied by a factor that is 0 in both types beyond these bounds. The clamp avoids an overflow:
/// derivatives of the product multiply x by a cotangent before they multiply by the factor.
#[inline(always)]
fn gate_part<R: Real>(x: R) -> R {
    hold(x, -1000.0, 1000.0)
}

// ------------------------------------------------------------------------------------------------------------ tanh

/// `tanh(x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tanh;

impl Unary for Tanh {
    const NAME: &'static str = "tanh";
    const GRAD_NAME: &'static str = "tanh_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x.tanh()
    }
    #[inline(always)]
    fn df<R: Real>(self, _: R, y: R) -> R {
        y.lit(1.0) - y * y
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The hyperbolic tangent (e^x - e^-x)/(e^x + e^-x), elementwise. Derivative: 1 - y^2. Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([-1000.0, 0.0, 1000.0]);
    /// let y = x.tanh();
    /// assert_eq!(y.to_vec(), [-1.0, 0.0, 1.0]);
    /// assert_eq!(tape.grad(y, &[x])[0].unwrap().to_vec(), [0.0, 1.0, 0.0]);
    /// ```
    #[track_caller]
    pub fn tanh(self) -> Self {
        self.record(Map(Tanh))
    }
}

// --------------------------------------------------------------------------------------------------------- sigmoid

/// `sigmoid(x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sigmoid;

impl Unary for Sigmoid {
    const NAME: &'static str = "sigmoid";
    const GRAD_NAME: &'static str = "sigmoid_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x.sigmoid()
    }
    #[inline(always)]
    fn df<R: Real>(self, _: R, y: R) -> R {
        y * (y.lit(1.0) - y)
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The logistic function 1/(1 + e^-x), elementwise. Derivative: y (1 - y). Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([0.0, 3_f64.ln()]);
    /// let y = x.sigmoid();
    /// assert!((y.to_array()[1] - 0.75).abs() < 1e-15);
    /// assert_eq!(tape.grad(y, &[x])[0].unwrap().to_array()[0], 0.25);
    /// ```
    #[track_caller]
    pub fn sigmoid(self) -> Self {
        self.record(Map(Sigmoid))
    }
}

// ------------------------------------------------------------------------------------------------------------ softplus

/// `ln(1 + e^(beta x)) / beta`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Softplus {
    beta: Attribute,
    threshold: Attribute,
}

impl Softplus {
    fn new(beta: f64, threshold: f64) -> Softplus {
        Softplus { beta: Attribute(beta), threshold: Attribute(threshold) }
    }
}

impl Unary for Softplus {
    const NAME: &'static str = "softplus";
    const GRAD_NAME: &'static str = "softplus_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        let bx = x * x.lit(self.beta.0);
        bx.gt(x.lit(self.threshold.0)).select(x, bx.softplus() / x.lit(self.beta.0))
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        let bx = x * x.lit(self.beta.0);
        bx.gt(x.lit(self.threshold.0)).select(x.lit(1.0), bx.sigmoid())
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// ln(1 + e^x), a smooth relu, elementwise. Above 20 it is x itself, as in PyTorch. Derivative: sigmoid(x), and 1 above 20. Shape: that
    /// of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([-1000.0, 21.0]);
    /// assert_eq!(x.softplus().to_vec(), [0.0, 21.0]);
    /// assert_eq!(tape.grad(x.softplus(), &[x])[0].unwrap().to_vec(), [0.0, 1.0]);
    /// ```
    #[track_caller]
    pub fn softplus(self) -> Self {
        self.softplus_with(1.0, 20.0)
    }
    /// ln(1 + e^(beta x)) / beta, and x itself where beta x > threshold, elementwise. Derivative: sigmoid(beta x), or 1. Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let y = tape.leaf([0.0, 3.0]).softplus_with(2.0, 5.0).to_array();
    /// assert!((y[0] - 2_f64.ln() / 2.0).abs() < 1e-15);
    /// assert_eq!(y[1], 3.0); // 2 * 3 > 5
    /// ```
    #[track_caller]
    pub fn softplus_with(self, beta: f64, threshold: f64) -> Self {
        self.record(Map(Softplus::new(beta, threshold)))
    }
}

// ------------------------------------------------------------------------------------------------------- logsigmoid

/// `ln(sigmoid(x))`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LogSigmoid;

impl Unary for LogSigmoid {
    const NAME: &'static str = "logsigmoid";
    const GRAD_NAME: &'static str = "logsigmoid_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        -(-x).softplus()
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        (-x).sigmoid()
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// ln(1/(1 + e^-x)), without overflow, elementwise. Derivative: sigmoid(-x). Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([-1000.0, 1000.0]);
    /// assert_eq!(x.logsigmoid().to_vec(), [-1000.0, 0.0]); // the logarithm of the sigmoid would be -inf
    /// assert_eq!(tape.grad(x.logsigmoid(), &[x])[0].unwrap().to_vec(), [1.0, 0.0]);
    /// ```
    #[track_caller]
    pub fn logsigmoid(self) -> Self {
        self.record(Map(LogSigmoid))
    }
}

// ------------------------------------------------------------------------------------------------------------- silu

/// `x sigmoid(x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Silu;

impl Unary for Silu {
    const NAME: &'static str = "silu";
    const GRAD_NAME: &'static str = "silu_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x * x.sigmoid()
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        let s = x.sigmoid();
        s + s * gate_part(x) * (x.lit(1.0) - s)
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// x sigmoid(x), also known as swish (Elfwing, Uchibe and Doya, 2017), elementwise. Derivative: s + s x (1 - s), s = sigmoid(x). Shape:
    /// that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([0.0, 100.0]);
    /// assert_eq!(x.silu().to_vec(), [0.0, 100.0]);
    /// assert_eq!(tape.grad(x.silu(), &[x])[0].unwrap().to_vec(), [0.5, 1.0]);
    /// ```
    #[track_caller]
    pub fn silu(self) -> Self {
        self.record(Map(Silu))
    }
}

// ------------------------------------------------------------------------------------------------------------- mish

/// `x tanh(softplus(x))`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Mish;

impl Unary for Mish {
    const NAME: &'static str = "mish";
    const GRAD_NAME: &'static str = "mish_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x * x.softplus().tanh()
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        // Clamped to where the gate is neither 0 nor 1 in both types. Higher derivatives compute 2x, which overflows before x does.
        let x = hold(x, -1000.0, 30.0);
        let t = x.softplus().tanh();
        t + x * (x.lit(1.0) - t * t) * x.sigmoid()
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// x tanh(ln(1 + e^x)) (Misra, 2019), elementwise. Derivative: t + x (1 - t^2) sigmoid(x), t = tanh(ln(1 + e^x)). Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf(0.0);
    /// assert_eq!(x.mish().item(), 0.0);
    /// assert!((tape.grad(x.mish(), &[x])[0].unwrap().item() - 0.6).abs() < 1e-15); // tanh(ln 2)
    /// ```
    #[track_caller]
    pub fn mish(self) -> Self {
        self.record(Map(Mish))
    }
}

// --------------------------------------------------------------------------------------------------------- softsign

/// `x / (1 + |x|)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Softsign;

impl Unary for Softsign {
    const NAME: &'static str = "softsign";
    const GRAD_NAME: &'static str = "softsign_grad";
    const COST: Cost = Cost::Cheap;
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x / (x.abs() + x.lit(1.0))
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        let r = x.lit(1.0) / (x.abs() + x.lit(1.0));
        r * r
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// x/(1 + |x|), elementwise. Derivative: 1/(1 + |x|)^2. Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([-3.0, 1.0]);
    /// assert_eq!(x.softsign().to_vec(), [-0.75, 0.5]);
    /// assert_eq!(tape.grad(x.softsign(), &[x])[0].unwrap().to_vec(), [0.0625, 0.25]);
    /// ```
    #[track_caller]
    pub fn softsign(self) -> Self {
        self.record(Map(Softsign))
    }
}

// ------------------------------------------------------------------------------------------------------- tanhshrink

/// `x - tanh(x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tanhshrink;

impl Unary for Tanhshrink {
    const NAME: &'static str = "tanhshrink";
    const GRAD_NAME: &'static str = "tanhshrink_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x - x.tanh()
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        let t = x.tanh();
        t * t
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// x - tanh(x), elementwise. Derivative: tanh(x)^2. Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([-1000.0, 0.0]);
    /// assert_eq!(x.tanhshrink().to_vec(), [-999.0, 0.0]);
    /// assert_eq!(tape.grad(x.tanhshrink(), &[x])[0].unwrap().to_vec(), [1.0, 0.0]);
    /// ```
    #[track_caller]
    pub fn tanhshrink(self) -> Self {
        self.record(Map(Tanhshrink))
    }
}

// ---------------------------------------------------------------------------------------------------------------- gelu

/// `x Phi(x)`, Phi the normal distribution function.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Gelu;

impl Unary for Gelu {
    const NAME: &'static str = "gelu";
    const GRAD_NAME: &'static str = "gelu_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x * normal_cdf(x)
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        let phi = normal_cdf(x);
        let x = gate_part(x);
        let density = (x * x * x.lit(-0.5)).exp() * x.lit(0.5 * std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2);
        phi + x * density
    }
}

/// Phi(x). It is computed by `erfc`, which stays accurate where Phi is small.
#[inline(always)]
fn normal_cdf<R: Real>(x: R) -> R {
    (x * x.lit(-std::f64::consts::FRAC_1_SQRT_2)).erfc() * x.lit(0.5)
}

/// `0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct GeluTanh;

const GELU_SCALE: f64 = std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2; // sqrt(2/pi)
const GELU_CUBIC: f64 = 0.044715;

/// From here on the tanh inside is 1 or -1 in both types. Without a clamp, x^2 and x^3 would overflow long before x does.
const GELU_END: f64 = 10.0;

/// tanh(sqrt(2/pi) (x + 0.044715 x^3)), and the x that it was computed from. This x is clamped to where the tanh still changes.
#[inline(always)]
fn gelu_gate<R: Real>(x: R) -> (R, R) {
    let x = hold(x, -GELU_END, GELU_END);
    (((x + x * x * x * x.lit(GELU_CUBIC)) * x.lit(GELU_SCALE)).tanh(), x)
}

impl Unary for GeluTanh {
    const NAME: &'static str = "gelu_tanh";
    const GRAD_NAME: &'static str = "gelu_tanh_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        let (t, _) = gelu_gate(x);
        x * ((t + x.lit(1.0)) * x.lit(0.5))
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        let (one, (t, x)) = (x.lit(1.0), gelu_gate(x));
        let inner = (x * x * x.lit(3.0 * GELU_CUBIC) + one) * x.lit(GELU_SCALE);
        ((t + one) + x * (one - t * t) * inner) * x.lit(0.5)
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// x Phi(x), where Phi is the standard normal distribution function, phi its density (Hendrycks and Gimpel, 2016), elementwise.
    /// Derivative: Phi(x) + x phi(x). Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([0.0, 1.0]);
    /// assert!((x.gelu().to_array()[1] - 0.841344746068543).abs() < 1e-14);
    /// assert_eq!(tape.grad(x.gelu(), &[x])[0].unwrap().to_array()[0], 0.5);
    /// ```
    #[track_caller]
    pub fn gelu(self) -> Self {
        self.record(Map(Gelu))
    }
    /// The approximation of gelu by tanh, elementwise: x (1 + t) / 2, t = tanh(u), u = sqrt(2/pi) (x + 0.044715 x^3). Derivative: (1 + t) /
    /// 2 + x (1 - t^2) u' / 2, u' = sqrt(2/pi) (1 + 0.134145 x^2). Shape: that of x. In PyTorch: `F.gelu(x, approximate="tanh")`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf(1.0);
    /// assert!((x.gelu_tanh().item() - 0.84119).abs() < 1e-5); // 0.84134 by `gelu`
    /// ```
    #[track_caller]
    pub fn gelu_tanh(self) -> Self {
        self.record(Map(GeluTanh))
    }
}

// ----------------------------------------------------------------------------------------------------------------- glu

impl<'t, T: Scalar> Var<'t, T> {
    /// The first half a of an axis times the sigmoid of its second half b (Dauphin et al., 2016): a sigmoid(b). PyTorch's default axis is
    /// the last, -1. Derivatives: s by a, and a s (1 - s) by b, s = sigmoid(b). Shapes: `[.., 2n, ..]` to `[.., n, ..]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 2.0, 0.0, 1000.0]]);
    /// assert_eq!(x.glu(-1).to_vec(), [0.5, 2.0]);
    /// assert_eq!(tape.grad(x.glu(-1), &[x])[0].unwrap().to_vec(), [0.5, 1.0, 0.25, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, or its size is odd.
    #[track_caller]
    pub fn glu(self, axis: isize) -> Self {
        let at = self.axis("glu", axis);
        let n = self.size(axis);
        if !n.is_multiple_of(2) {
            let e = ShapeError::new(format!("axis {at} has the odd size {n}")).hint("one half of the axis gates the other");
            refuse(e, "glu", [self.shape()])
        }
        let half = n / 2;
        self.narrow(axis, 0, half) * self.narrow(axis, half, half).sigmoid()
    }
}

#[cfg(test)]
mod rows {
    use super::*;
    use crate::ops::samples::*;

    const INF: f64 = f64::INFINITY;
    const NAN: f64 = f64::NAN;

    impl Sampled for Tanh {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = unary(Tanh, -2.0, 2.0, |x| x.tanh());
            rows.extend(points(
                |x| x.tanh(),
                &[(0.0, 0.0, 1.0), (1e3, 1.0, 0.0), (-1e3, -1.0, 0.0), (INF, 1.0, 0.0), (-INF, -1.0, 0.0), (NAN, NAN, NAN)],
            ));
            // 2 sigmoid(2x) - 1
            rows.push(equals(
                [any(&[3, 5])],
                |v| v[0].tanh(),
                |v| {
                    let e = (v[0] + v[0]).exp();
                    (e - e.number(1.0)) / (e + e.number(1.0))
                },
            ));
            rows
        }
    }

    impl Sampled for Sigmoid {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = unary(Sigmoid, -2.0, 2.0, |x| x.sigmoid());
            rows.extend(points(
                |x| x.sigmoid(),
                &[(0.0, 0.5, 0.25), (1e3, 1.0, 0.0), (-1e3, 0.0, 0.0), (INF, 1.0, 0.0), (-INF, 0.0, 0.0), (NAN, NAN, NAN)],
            ));
            rows.extend(glu_rows());
            rows.push(equals([any(&[3, 5])], |v| v[0].sigmoid(), |v| v[0].number(1.0) / ((-v[0]).exp() + v[0].number(1.0))));
            rows
        }
    }

    impl Sampled for Softplus {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = unary(Softplus::new(1.0, 20.0), -2.0, 2.0, |x| x.softplus());
            rows.extend(unary(Softplus::new(2.5, 20.0), -2.0, 2.0, |x| x.softplus_with(2.5, 20.0)));
            rows.extend(points(
                |x| x.softplus(),
                &[
                    (0.0, std::f64::consts::LN_2, 0.5),
                    (20.5, 20.5, 1.0),
                    (1e30, 1e30, 1.0),
                    (-1e3, 0.0, 0.0),
                    (INF, INF, 1.0),
                    (-INF, 0.0, 0.0),
                    (NAN, NAN, NAN),
                ],
            ));
            rows.push(equals([any(&[3, 5])], |v| v[0].softplus(), |v| v[0].exp().log1p()));
            rows
        }
    }

    rows! {
        LogSigmoid: LogSigmoid, -2.0, 2.0, |x| x.logsigmoid(), [
            (0.0, -std::f64::consts::LN_2, 0.5), (1e3, 0.0, 0.0), (-1e3, -1e3, 1.0), (INF, 0.0, 0.0), (-INF, -INF, 1.0), (NAN, NAN, NAN),
        ];
        Mish: Mish, -2.0, 2.0, |x| x.mish(), [
            (0.0, 0.0, 0.6), (1e3, 1e3, 1.0), (-1e3, 0.0, 0.0), (INF, INF, 1.0), (-INF, NAN, 0.0), (NAN, NAN, NAN),
        ];
        Softsign: Softsign, -2.0, 2.0, |x| x.softsign(), [
            (0.0, 0.0, 1.0), (1.0, 0.5, 0.25), (-3.0, -0.75, 0.0625), (1e30, 1.0, 0.0), (INF, NAN, 0.0), (NAN, NAN, NAN),
        ];
        Tanhshrink: Tanhshrink, -2.0, 2.0, |x| x.tanhshrink(), [
            (0.0, 0.0, 0.0), (1e3, 999.0, 1.0), (-1e3, -999.0, 1.0), (INF, INF, 1.0), (-INF, -INF, 1.0), (NAN, NAN, NAN),
        ];
    }

    impl Sampled for Silu {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = unary(Silu, -2.0, 2.0, |x| x.silu());
            rows.extend(points(|x| x.silu(), &[(0.0, 0.0, 0.5), (1e3, 1e3, 1.0), (-1e3, 0.0, 0.0), (INF, INF, 1.0), (-INF, NAN, 0.0)]));
            // silu is glu of two equal halves; then the rows of glu itself.
            rows.push(equals([any(&[3, 2])], |v| v[0].silu(), |v| crate::concat(&[v[0], v[0]], -1).glu(-1)));
            rows
        }
    }

    /// glu has no op of its own. Its rows run with those of the sigmoid.
    fn glu_rows<T: Scalar>() -> Vec<Row<T>> {
        vec![
            grad([any(&[2])], |v| v[0].glu(0)),
            grad([any(&[3, 4, 2])], |v| v[0].glu(1)),
            grad([any(&[3, 4, 2])], |v| v[0].glu(-1)),
            grad([any(&[3, 4])], |v| v[0].t().glu(-2)),
            grad([any(&[0, 4])], |v| v[0].glu(1)),
            grad([any(&[3, 0])], |v| v[0].glu(1)),
            value([of(&[4], [3.0, 8.0, 0.0, -1e4])], |v| v[0].glu(-1), &[1.5, 0.0], [&[0.5, 0.0, 0.75, 0.0]]),
            refuses([any(&[2, 3])], |v| v[0].glu(-1), &["glu of [2, 3]", "odd size 3", "hint: "]),
            refuses([any(&[])], |v| v[0].glu(0), &["glu of []"]),
            refuses([any(&[2, 3])], |v| v[0].glu(2), &["glu of [2, 3]"]),
        ]
    }

    impl Sampled for Gelu {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = unary(Gelu, -2.0, 2.0, |x| x.gelu());
            rows.extend(points(|x| x.gelu(), &[(0.0, 0.0, 0.5), (50.0, 50.0, 1.0), (-50.0, 0.0, 0.0), (INF, INF, 1.0), (NAN, NAN, NAN)]));
            rows
        }
    }

    impl Sampled for GeluTanh {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = unary(GeluTanh, -2.0, 2.0, |x| x.gelu_tanh());
            rows.extend(points(|x| x.gelu_tanh(), &[(0.0, 0.0, 0.5), (50.0, 50.0, 1.0), (-50.0, 0.0, 0.0), (NAN, NAN, NAN)]));
            rows
        }
    }
}
