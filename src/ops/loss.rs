//! Losses: an elementwise function of prediction and target, and its mean. (Cross entropy of classes is in `softmax.rs`.)

use crate::error::ShapeError;
use crate::ops::map::{Binary, Zip};
use crate::scalar::{Real, Scalar};
use crate::var::{Operand, Var, refuse};

/// A target of another shape would broadcast silently and give a loss that means nothing.
#[track_caller]
fn same<'t, T: Scalar>(x: Var<'t, T>, t: Var<'t, T>, op: &'static str) {
    if x.shape() != t.shape() {
        let e = ShapeError::new("prediction and target must have one shape")
            .hint("`reshape` or `unsqueeze` the target; it is not broadcast");
        refuse(e, op, [x.shape(), t.shape()]);
    }
}

// ---------------------------------------------------------------------------------------------------------------- mse

/// `(a - b)^2`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SquaredError;

impl Binary for SquaredError {
    const NAME: &'static str = "squared_error";
    const GRAD_NAME: &'static str = "squared_error_grad";
    const GRAIN: usize = 32 * 1024;
    #[inline(always)]
    fn f<R: Real>(self, a: R, b: R) -> R {
        (a - b).square()
    }
    #[inline(always)]
    fn da<R: Real>(self, a: R, b: R) -> R {
        a.lit(2.0) * (a - b)
    }
    #[inline(always)]
    fn db<R: Real>(self, a: R, b: R) -> R {
        a.lit(2.0) * (b - a)
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The mean squared error: mean((x - t)^2). Derivative: 2 (x - t) / n.
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn mse_loss(self, target: impl Operand<'t, T>) -> Self {
        let t = target.to_var(self.tape);
        same(self, t, "mse_loss");
        self.record2(Zip(SquaredError), t).mean()
    }
}

// ---------------------------------------------------------------------------------------------------- bce_with_logits

/// `-(t ln sigmoid(x) + (1 - t) ln(1 - sigmoid(x)))`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct BceWithLogits;

impl Binary for BceWithLogits {
    const NAME: &'static str = "bce_with_logits";
    const GRAD_NAME: &'static str = "bce_with_logits_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R, t: R) -> R {
        // max(x, 0) - x t + ln(1 + e^-|x|) cannot overflow.
        x.max(x.lit(0.0)) - x * t + (-x.abs()).exp().log1p()
    }
    #[inline(always)]
    fn da<R: Real>(self, x: R, t: R) -> R {
        x.sigmoid() - t
    }
    #[inline(always)]
    fn db<R: Real>(self, x: R, _: R) -> R {
        -x
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The mean binary cross entropy of logits x with targets t in \[0, 1\], computed without overflow.
    /// Derivative: (sigmoid(x) - t) / n.
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn bce_with_logits(self, target: impl Operand<'t, T>) -> Self {
        let t = target.to_var(self.tape);
        same(self, t, "bce_with_logits");
        self.record2(Zip(BceWithLogits), t).mean()
    }
}
