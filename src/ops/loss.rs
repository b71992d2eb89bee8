//! Losses: an elementwise function of prediction and target, and its mean. (Cross entropy of classes is in `softmax.rs`.)

use crate::error::ShapeError;
use crate::ops::map::{Binary, Zip};
use crate::scalar::{Real, Scalar};
use crate::var::{Operand, Var, refuse};

/// A target of another shape would broadcast silently and give a loss that means nothing.
#[track_caller]
fn same<'t, T: Scalar>(x: Var<'t, T>, t: Var<'t, T>, op: &'static str) {
    if x.shape() != t.shape() {
        let e =
            ShapeError::new("prediction and target must have one shape").hint("`reshape` or `unsqueeze` the target; it is not broadcast");
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
        x.softplus() - x * t
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

#[cfg(test)]
mod rows {
    use super::*;
    use crate::ops::samples::*;

    const INF: f64 = f64::INFINITY;
    const NAN: f64 = f64::NAN;

    impl Sampled for SquaredError {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = binary(SquaredError, [-2.0, 2.0], [-2.0, 2.0], |a, b| a.zip(SquaredError, b));
            rows.extend([
                grad([any(&[3, 5]), any(&[3, 5])], |v| v[0].mse_loss(v[1])),
                grad([any(&[])], |v| v[0].mse_loss(v[0] * v[0])),
                equals([any(&[3, 5]), any(&[3, 5])], |v| v[0].mse_loss(v[1]), |v| (v[0] - v[1]).square().mean()),
                value([of(&[2], [1.0, 4.0]), of(&[2], [2.0, 2.0])], |v| v[0].mse_loss(v[1]), &[2.5], [&[-1.0, 2.0], &[1.0, -2.0]]),
                value([of(&[0], []), of(&[0], [])], |v| v[0].mse_loss(v[1]), &[NAN], [&[], &[]]),
                refuses([any(&[3]), any(&[3, 1])], |v| v[0].mse_loss(v[1]), &["mse_loss of [3] and [3, 1]", "one shape", "hint: "]),
            ]);
            rows
        }
    }

    impl Sampled for BceWithLogits {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = binary(BceWithLogits, [-2.0, 2.0], [0.0, 1.0], |x, t| x.zip(BceWithLogits, t));
            rows.extend([
                grad([any(&[3, 5]), within(0.0, 1.0, &[3, 5])], |v| v[0].bce_with_logits(v[1])),
                equals(
                    [any(&[3, 5]), within(0.0, 1.0, &[3, 5])],
                    |v| v[0].bce_with_logits(v[1]),
                    |v| {
                        let (p, one) = (v[0].sigmoid(), v[0].number(1.0));
                        -(v[1] * p.ln() + (one - v[1]) * (one - p).ln()).mean()
                    },
                ),
                refuses([any(&[3]), any(&[1, 3])], |v| v[0].bce_with_logits(v[1]), &["bce_with_logits of [3] and [1, 3]", "hint: "]),
            ]);
            rows.extend(points2(
                |x, t| x.zip(BceWithLogits, t),
                &[
                    (0.0, 0.5, std::f64::consts::LN_2, 0.0, 0.0),
                    (1e3, 1.0, 0.0, 0.0, -1e3),
                    (1e3, 0.0, 1e3, 1.0, -1e3),
                    (-1e3, 0.0, 0.0, 0.0, 1e3),
                    (-1e3, 1.0, 1e3, -1.0, 1e3),
                    (INF, 0.0, NAN, 1.0, -INF),
                    (NAN, 0.0, NAN, NAN, NAN),
                ],
            ));
            rows
        }
    }
}
