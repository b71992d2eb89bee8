//! Elementwise activation functions with kinks. Each has its value, its slope and a method. The slope at a kink is PyTorch's.

use crate::array::attribute::Attribute;
use crate::array::error::ShapeError;
use crate::array::scalar::{Real, Scalar};
use crate::array::shape::Shape;
use crate::kernels::elementwise::Cost;
use crate::ops::map::{Binary, Map, Unary, Zip};
use crate::tape::var::{Var, refuse};

// ------------------------------------------------------------------------------------------------------------ relu

/// `relu(x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Relu;

impl Unary for Relu {
    const NAME: &'static str = "relu";
    const GRAD_NAME: &'static str = "relu_grad";
    const CHOOSES: bool = true;
    const SLOPE_OF_Y: bool = true;
    const COST: Cost = Cost::Cheap;
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x.max(x.lit(0.0))
    }
    #[inline(always)]
    fn df<R: Real>(self, _: R, y: R) -> R {
        y.lit(0.0).ge(y).select(y.lit(0.0), y.lit(1.0))
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// max(x, 0), elementwise. Derivative: 1 where x > 0, else 0 (also at 0). Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([-2.0, 0.0, 3.0]);
    /// assert_eq!(x.relu().to_vec(), [0.0, 0.0, 3.0]);
    /// assert_eq!(tape.grad(x.relu(), &[x])[0].unwrap().to_vec(), [0.0, 0.0, 1.0]);
    /// ```
    #[track_caller]
    pub fn relu(self) -> Self {
        self.record(Map(Relu))
    }
}

// ---------------------------------------------------------------------------------------------------------- leaky_relu

/// `x` where x > 0, else `slope * x`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LeakyRelu {
    slope: Attribute,
}

impl Unary for LeakyRelu {
    const NAME: &'static str = "leaky_relu";
    const GRAD_NAME: &'static str = "leaky_relu_grad";
    const COST: Cost = Cost::Cheap;
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x.gt(x.lit(0.0)).select(x, x * x.lit(self.slope.0))
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        x.gt(x.lit(0.0)).select(x.lit(1.0), x.lit(self.slope.0))
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// x where x > 0, else `slope * x` (PyTorch's default slope is 0.01). Derivative: 1 where x > 0, else `slope`. Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([-2.0, 3.0]);
    /// assert_eq!(x.leaky_relu(0.25).to_vec(), [-0.5, 3.0]);
    /// assert_eq!(tape.grad(x.leaky_relu(0.25), &[x])[0].unwrap().to_vec(), [0.25, 1.0]);
    /// ```
    #[track_caller]
    pub fn leaky_relu(self, slope: f64) -> Self {
        self.record(Map(LeakyRelu { slope: Attribute(slope) }))
    }
}

// --------------------------------------------------------------------------------------------------------------- prelu

/// `a` where a > 0, else `w a`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Prelu;

impl Binary for Prelu {
    const NAME: &'static str = "prelu";
    const GRAD_NAME: &'static str = "prelu_grad";
    const CHOOSES: bool = true;
    const COST: Cost = Cost::Cheap;
    #[inline(always)]
    fn f<R: Real>(self, a: R, w: R) -> R {
        a.gt(a.lit(0.0)).select(a, w * a)
    }
    #[inline(always)]
    fn da<R: Real>(self, a: R, w: R) -> R {
        a.gt(a.lit(0.0)).select(a.lit(1.0), w)
    }
    #[inline(always)]
    fn db<R: Real>(self, a: R, _: R) -> R {
        a.gt(a.lit(0.0)).select(a.lit(0.0), a)
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// x where x > 0, else w x, with one weight for all or one for each index of axis 1 (He et al., 2015). Derivatives by x: 1 where x > 0,
    /// else w; by w: 0 where x > 0, else x. Shapes: `[batch, channels, ..]` and `[channels]` or `[]`, to that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (x, w) = (tape.leaf([[1.0, -2.0], [-4.0, -8.0]]), tape.leaf([0.5, 0.25]));
    /// assert_eq!(x.prelu(w).to_vec(), [1.0, -0.5, -2.0, -2.0]);
    /// assert_eq!(tape.grad(x.prelu(w), &[w])[0].unwrap().to_vec(), [-4.0, -10.0]);
    /// ```
    ///
    /// # Panics
    /// If there are several weights, but not one for each index of axis 1.
    #[track_caller]
    pub fn prelu(self, weight: Self) -> Self {
        let (x, w) = (self.shape(), weight.shape());
        if w.len() > 1 {
            refuse(ShapeError::new("the weights have several axes").hint("give one number, or one for each channel"), "prelu", [x, w])
        }
        let channels = x.get(1).copied().unwrap_or(1);
        if w.numel() != 1 && (x.is_empty() || w.numel() != channels) {
            let e = ShapeError::new(format!("{} weights for {channels} channels", w.numel()));
            refuse(e.hint("give one weight, or one for each place of axis 1"), "prelu", [x, w])
        }
        let axis = x.len().saturating_sub(1).min(1);
        let along: Shape = (0..x.len()).map(|a| if a == axis { w.numel() } else { 1 }).collect();
        let (x, w) = self.broadcast_with(weight.reshape_to(along), "prelu");
        x.record2(Zip(Prelu), w)
    }
}

// -------------------------------------------------------------------------------------------------------------- elu

/// `scale x` where x > 0, else `scale alpha (e^(x rate) - 1)`: elu, celu and selu.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Elu {
    alpha: Attribute,
    scale: Attribute,
    rate: Attribute,
}

impl Elu {
    fn new(alpha: f64, scale: f64, rate: f64) -> Elu {
        Elu { alpha: Attribute(alpha), scale: Attribute(scale), rate: Attribute(rate) }
    }
}

impl Unary for Elu {
    const NAME: &'static str = "elu";
    const GRAD_NAME: &'static str = "elu_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        let zero = x.lit(0.0);
        let low = zero.ge(x);
        // The value that is not chosen, and its derivative, must be finite.
        let below = low.select(x, zero);
        low.select((below * x.lit(self.rate.0)).expm1() * x.lit(self.scale.0 * self.alpha.0), x * x.lit(self.scale.0))
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        let zero = x.lit(0.0);
        // Strictly below: as in PyTorch, the slope at 0 is that of the exponential, and the derivative of this slope is 0.
        let below = zero.gt(x).select(x, zero);
        zero.ge(x).select((below * x.lit(self.rate.0)).exp() * x.lit(self.scale.0 * self.alpha.0 * self.rate.0), x.lit(self.scale.0))
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// x where x > 0, else alpha (e^x - 1) (Clevert, Unterthiner and Hochreiter, 2015; PyTorch's default alpha is 1), elementwise.
    /// Derivative: 1 where x > 0, else alpha e^x. Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([3.0, -1000.0]);
    /// assert_eq!(x.elu(2.0).to_vec(), [3.0, -2.0]); // far below 0 it is -alpha
    /// ```
    #[track_caller]
    pub fn elu(self, alpha: f64) -> Self {
        self.record(Map(Elu::new(alpha, 1.0, 1.0)))
    }
    /// x where x > 0, else alpha (e^(x/alpha) - 1), whose slope is continuous (Barron, 2017; PyTorch's default alpha is 1), elementwise.
    /// Derivative: 1 where x > 0, else e^(x/alpha). Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([3.0, -4.0]);
    /// let dy = tape.grad(x.celu(4.0), &[x])[0].unwrap();
    /// assert!((dy - tape.constant([1.0, (-1f64).exp()])).abs().max().item() < 1e-15);
    /// ```
    ///
    /// # Panics
    /// If alpha is 0.
    #[track_caller]
    pub fn celu(self, alpha: f64) -> Self {
        if alpha == 0.0 {
            refuse(ShapeError::new("alpha is 0, by which x is divided").hint("for max(x, 0) there is `relu`"), "celu", [self.shape()])
        }
        self.record(Map(Elu::new(alpha, 1.0, 1.0 / alpha)))
    }
    /// elu with the two constants that keep mean 0 and variance 1 from layer to layer (Klambauer et al., 2017), elementwise: scale x where
    /// x > 0, else scale alpha (e^x - 1). Derivative: scale where x > 0, else scale alpha e^x. Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let y = tape.leaf([1.0, -1000.0]).selu();
    /// assert!((y - tape.constant([1.050_700_987_355_48, -1.758_099_340_847_38])).abs().max().item() < 1e-13);
    /// ```
    #[track_caller]
    pub fn selu(self) -> Self {
        self.record(Map(Elu::new(1.673_263_242_354_377_2, 1.050_700_987_355_480_5, 1.0)))
    }
}

// --------------------------------------------------------------------------------------------------------- hardtanh

/// `x`, clamped to two bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Hardtanh {
    low: Attribute,
    high: Attribute,
}

impl Unary for Hardtanh {
    const NAME: &'static str = "hardtanh";
    const GRAD_NAME: &'static str = "hardtanh_grad";
    const CHOOSES: bool = true;
    const COST: Cost = Cost::Cheap;
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        let (low, high) = (x.lit(self.low.0), x.lit(self.high.0));
        low.ge(x).select(low, x.ge(high).select(high, x))
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        x.gt(x.lit(self.low.0)) * x.lit(self.high.0).gt(x)
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// x clamped to two bounds (PyTorch's defaults are -1 and 1), elementwise. Derivative: 1 between the bounds, 0 outside and at
    /// them.
    ///
    /// Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([-3.0, 0.5, 4.0]);
    /// assert_eq!(x.hardtanh(-1.0, 2.0).to_vec(), [-1.0, 0.5, 2.0]);
    /// assert_eq!(tape.grad(x.hardtanh(-1.0, 2.0), &[x])[0].unwrap().to_vec(), [0.0, 1.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If low > high.
    #[track_caller]
    pub fn hardtanh(self, low: f64, high: f64) -> Self {
        if low > high {
            refuse(ShapeError::new(format!("low = {low} > high = {high}")).hint("give the lower bound first"), "hardtanh", [self.shape()])
        }
        self.record(Map(Hardtanh { low: Attribute(low), high: Attribute(high) }))
    }
    /// min(max(x, 0), 6), elementwise. Derivative: 1 where 0 < x < 6, else 0. Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([-1.0, 3.0, 8.0]);
    /// assert_eq!(x.relu6().to_vec(), [0.0, 3.0, 6.0]);
    /// ```
    #[track_caller]
    pub fn relu6(self) -> Self {
        self.hardtanh(0.0, 6.0)
    }
}

// ------------------------------------------------------------------------------------------------------ hardsigmoid

/// `x / 6 + 1/2`, clamped to 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Hardsigmoid;

impl Unary for Hardsigmoid {
    const NAME: &'static str = "hardsigmoid";
    const GRAD_NAME: &'static str = "hardsigmoid_grad";
    const CHOOSES: bool = true;
    const COST: Cost = Cost::Cheap;
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        // Written so that a NaN stays NaN.
        let (zero, six, shifted) = (x.lit(0.0), x.lit(6.0), x + x.lit(3.0));
        zero.ge(shifted).select(zero, shifted.ge(six).select(six, shifted)) / six
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        x.gt(x.lit(-3.0)) * x.lit(3.0).gt(x) * x.lit(1.0 / 6.0)
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// min(max(x/6 + 1/2, 0), 1), elementwise. Derivative: 1/6 where -3 < x < 3, else 0. Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([-4.0, 0.0, 1.5]);
    /// assert_eq!(x.hardsigmoid().to_vec(), [0.0, 0.5, 0.75]);
    /// ```
    #[track_caller]
    pub fn hardsigmoid(self) -> Self {
        self.record(Map(Hardsigmoid))
    }
}

// -------------------------------------------------------------------------------------------------------- hardswish

/// `x` times the hard sigmoid of x.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Hardswish;

impl Unary for Hardswish {
    const NAME: &'static str = "hardswish";
    const GRAD_NAME: &'static str = "hardswish_grad";
    const CHOOSES: bool = true;
    const COST: Cost = Cost::Cheap;
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x * Hardsigmoid.f(x)
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        let inner = x / x.lit(3.0) + x.lit(0.5);
        x.lit(-3.0).ge(x).select(x.lit(0.0), x.lit(3.0).gt(x).select(inner, x.lit(1.0)))
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// x min(max(x/6 + 1/2, 0), 1) (Howard et al., 2019), elementwise. Derivative: x/3 + 1/2 where -3 < x < 3, 0 below and 1 above. Shape:
    /// that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([-4.0, 1.5, 6.0]);
    /// assert_eq!(x.hardswish().to_vec(), [0.0, 1.125, 6.0]);
    /// assert_eq!(tape.grad(x.hardswish(), &[x])[0].unwrap().to_vec(), [0.0, 1.0, 1.0]);
    /// ```
    #[track_caller]
    pub fn hardswish(self) -> Self {
        self.record(Map(Hardswish))
    }
}

// ------------------------------------------------------------------------------------------------------- hardshrink

/// `x` where |x| > lambda, else 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Hardshrink {
    lambda: Attribute,
}

impl Unary for Hardshrink {
    const NAME: &'static str = "hardshrink";
    const GRAD_NAME: &'static str = "hardshrink_grad";
    const CHOOSES: bool = true;
    const COST: Cost = Cost::Cheap;
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x.lit(self.lambda.0).ge(x.abs()).select(x.lit(0.0), x)
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        x.abs().gt(x.lit(self.lambda.0))
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// x where |x| > lambda, else 0 (PyTorch's default lambda is 0.5), elementwise. Derivative: 1 where |x| > lambda, else 0. Shape: that
    /// of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([-1.0, 0.25, 2.0]);
    /// assert_eq!(x.hardshrink(0.5).to_vec(), [-1.0, 0.0, 2.0]);
    /// assert_eq!(tape.grad(x.hardshrink(0.5), &[x])[0].unwrap().to_vec(), [1.0, 0.0, 1.0]);
    /// ```
    #[track_caller]
    pub fn hardshrink(self, lambda: f64) -> Self {
        self.record(Map(Hardshrink { lambda: Attribute(lambda) }))
    }
}

// ------------------------------------------------------------------------------------------------------- softshrink

/// `x` moved towards 0 by lambda, and 0 where |x| <= lambda.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Softshrink {
    lambda: Attribute,
}

impl Unary for Softshrink {
    const NAME: &'static str = "softshrink";
    const GRAD_NAME: &'static str = "softshrink_grad";
    const CHOOSES: bool = true;
    const COST: Cost = Cost::Cheap;
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        let lambda = x.lit(self.lambda.0);
        lambda.ge(x.abs()).select(x.lit(0.0), x - lambda * x.sign())
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        x.abs().gt(x.lit(self.lambda.0))
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// x - lambda where x > lambda, x + lambda where x < -lambda, else 0 (PyTorch's default lambda is 0.5), elementwise. Derivative: 1
    /// where |x| > lambda, else 0. Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([-3.0, 0.25, 1.0]);
    /// assert_eq!(x.softshrink(0.5).to_vec(), [-2.5, 0.0, 0.5]);
    /// ```
    ///
    /// # Panics
    /// If lambda is negative.
    #[track_caller]
    pub fn softshrink(self, lambda: f64) -> Self {
        if lambda < 0.0 {
            refuse(ShapeError::new(format!("lambda = {lambda} is negative")).hint("give a distance"), "softshrink", [self.shape()])
        }
        self.record(Map(Softshrink { lambda: Attribute(lambda) }))
    }
}

// -------------------------------------------------------------------------------------------------------- threshold

/// `x` where x > threshold, else a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Threshold {
    threshold: Attribute,
    value: Attribute,
}

impl Unary for Threshold {
    const NAME: &'static str = "threshold";
    const GRAD_NAME: &'static str = "threshold_grad";
    const CHOOSES: bool = true;
    const COST: Cost = Cost::Cheap;
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x.lit(self.threshold.0).ge(x).select(x.lit(self.value.0), x)
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        x.lit(self.threshold.0).ge(x).select(x.lit(0.0), x.lit(1.0))
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// x where x > threshold, else `value`, elementwise. Derivative: 1 where x > threshold, else 0. Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([0.0, 1.5, 3.0]);
    /// assert_eq!(x.threshold(1.0, 20.0).to_vec(), [20.0, 1.5, 3.0]);
    /// assert_eq!(tape.grad(x.threshold(1.0, 20.0), &[x])[0].unwrap().to_vec(), [0.0, 1.0, 1.0]);
    /// ```
    #[track_caller]
    pub fn threshold(self, threshold: f64, value: f64) -> Self {
        self.record(Map(Threshold { threshold: Attribute(threshold), value: Attribute(value) }))
    }
}

#[cfg(test)]
mod rows;
