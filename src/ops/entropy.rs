//! Losses of predictions that are probabilities, or logits of probabilities: binary cross entropy and the Kullback-Leibler divergence.

use crate::array::error::ShapeError;
use crate::array::scalar::{Real, Scalar};
use crate::array::shape::Shape;
use crate::ops::loss::{Reduction, target_of};
use crate::ops::map::{Binary, Zip};
use crate::tape::var::{Operand, Var, refuse};

const INF: f64 = f64::INFINITY;

// ------------------------------------------------------------------------------------------------- binary_cross_entropy

/// `-(t ln x + (1 - t) ln(1 - x))`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bce;

impl Binary for Bce {
    const NAME: &'static str = "binary_cross_entropy";
    const GRAD_NAME: &'static str = "binary_cross_entropy_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R, t: R) -> R {
        let low = x.lit(-100.0);
        (t - t.lit(1.0)) * (-x).log1p().max(low) - t * x.ln().max(low)
    }
    #[inline(always)]
    fn da<R: Real>(self, x: R, t: R) -> R {
        (x - t) / (x * (x.lit(1.0) - x)).max(x.lit(1e-12))
    }
    #[inline(always)]
    fn db<R: Real>(self, x: R, _: R) -> R {
        (-x).log1p() - x.ln()
    }
}

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

/// The options of [`Var::binary_cross_entropy_with`].
#[derive(Clone, Copy, Debug, Default)]
pub struct BceOptions<'t, T: Scalar> {
    /// Multiplies the loss of each element; broadcasts.
    pub weight: Option<Var<'t, T>>,
    /// How the losses of the elements are combined.
    pub reduction: Reduction,
}

/// The options of [`Var::bce_with_logits_with`].
#[derive(Clone, Copy, Debug, Default)]
pub struct BceWithLogitsOptions<'t, T: Scalar> {
    /// Multiplies the loss of each element; broadcasts.
    pub weight: Option<Var<'t, T>>,
    /// Multiplies the loss of each positive target, to balance classes; broadcasts.
    pub pos_weight: Option<Var<'t, T>>,
    /// How the losses of the elements are combined.
    pub reduction: Reduction,
}

/// Refuses weights that do not fit before anything is recorded.
#[track_caller]
fn check_weights<T: Scalar, const N: usize>(shape: &Shape, weights: [Option<Var<'_, T>>; N], op: &'static str) {
    for w in weights.into_iter().flatten() {
        let w = w.shape();
        if shape.broadcast(&w).is_none_or(|s| s != *shape) {
            let e = ShapeError::new("a weight must broadcast to the prediction's shape").hint("`unsqueeze` it where sizes differ");
            refuse(e, op, [shape.clone(), w]);
        }
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The mean binary cross entropy of probabilities x with targets t in \[0, 1\]: -mean(t ln x + (1 - t) ln(1 - x)). Each logarithm is at
    /// least -100. NaN for x outside \[0, 1\]. Derivatives: (x - t) / (x (1 - x)) / n by x, (ln(1 - x) - ln x) / n by t. For logits,
    /// [`Var::bce_with_logits`] is more accurate. Shapes: x and t of one shape to `[]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([0.5, 0.5]);
    /// let loss = x.binary_cross_entropy(tape.constant([1.0, 0.0]));
    /// assert!((loss.item() - 2_f64.ln()).abs() < 1e-15);
    /// assert_eq!(tape.grad(loss, &[x])[0].unwrap().to_vec(), [-1.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn binary_cross_entropy(self, target: impl Operand<'t, T>) -> Self {
        self.binary_cross_entropy_with(target, BceOptions::default())
    }
    /// The binary cross entropy of probabilities, with a weight and any reduction: -w (t ln x + (1 - t) ln(1 - x)) for each element.
    /// Derivative by x: w (x - t) / (x (1 - x)), divided by n for the mean. Shapes: x and t of one shape to `[]`, or to that shape without
    /// a reduction.
    ///
    /// ```
    /// use wengert::{BceOptions, Reduction, Tape};
    /// let tape = Tape::<f64>::new();
    /// let (x, t) = (tape.leaf([0.0, 1.0]), tape.constant([1.0, 0.0])); // both as wrong as can be
    /// let options = BceOptions { weight: Some(tape.constant([1.0, 0.5])), reduction: Reduction::None };
    /// assert_eq!(x.binary_cross_entropy_with(t, options).to_vec(), [100.0, 50.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ, or the weight does not broadcast to them.
    #[track_caller]
    pub fn binary_cross_entropy_with(self, target: impl Operand<'t, T>, options: BceOptions<'t, T>) -> Self {
        check_weights(&self.shape(), [options.weight], Bce::NAME);
        let t = target_of(self, target, Bce::NAME);
        let loss = self.record2(Zip(Bce), t);
        options.reduction.of(options.weight.map_or(loss, |w| loss * w))
    }
    /// The mean binary cross entropy of logits x with targets t in \[0, 1\], computed without overflow: mean(ln(1 + e^x) - x t).
    /// Derivatives: (sigmoid(x) - t) / n by x, -x / n by t. Shapes: x and t of one shape to `[]`. (PyTorch's
    /// `F.binary_cross_entropy_with_logits`.)
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([0.0, -1000.0]);
    /// let loss = x.bce_with_logits(tape.constant([0.0, 1.0]));
    /// assert!((loss.item() - (2_f64.ln() + 1000.0) / 2.0).abs() < 1e-12);
    /// assert_eq!(tape.grad(loss, &[x])[0].unwrap().to_vec(), [0.25, -0.5]);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn bce_with_logits(self, target: impl Operand<'t, T>) -> Self {
        self.bce_with_logits_with(target, BceWithLogitsOptions::default())
    }
    /// The binary cross entropy of logits, with weights and any reduction: w (-p t ln sigmoid(x) - (1 - t) ln(1 - sigmoid(x))), where w is
    /// `weight` and p is `pos_weight`. Derivative by x: w ((1 - t) s - p t (1 - s)), s = sigmoid(x), divided by n for the mean. Shapes:
    /// those of [`Var::binary_cross_entropy_with`].
    ///
    /// ```
    /// use wengert::{BceWithLogitsOptions, Tape};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf([0.0, 0.0]);
    /// let options = BceWithLogitsOptions { pos_weight: Some(tape.constant(3.0)), ..Default::default() };
    /// let loss = x.bce_with_logits_with(tape.constant([1.0, 0.0]), options);
    /// assert_eq!(tape.grad(loss, &[x])[0].unwrap().to_vec(), [-0.75, 0.25]); // -3/2 and 1/2, divided by 2
    /// ```
    ///
    /// # Panics
    /// If the shapes differ, or a weight does not broadcast to them.
    #[track_caller]
    pub fn bce_with_logits_with(self, target: impl Operand<'t, T>, options: BceWithLogitsOptions<'t, T>) -> Self {
        let BceWithLogitsOptions { weight, pos_weight, reduction } = options;
        check_weights(&self.shape(), [weight, pos_weight], BceWithLogits::NAME);
        let t = target_of(self, target, BceWithLogits::NAME);
        let mut loss = self.record2(Zip(BceWithLogits), t);
        if let Some(p) = pos_weight {
            loss += (p - self.number(1.0)) * t * (-self).softplus_with(1.0, INF);
        }
        reduction.of(weight.map_or(loss, |w| loss * w))
    }
}

// ---------------------------------------------------------------------------------------------------------------- kl_div

/// `t (ln t - x)`, or `e^t (t - x)` with `log_target`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct KlDiv {
    log_target: bool,
}

impl Binary for KlDiv {
    const NAME: &'static str = "kl_div";
    const GRAD_NAME: &'static str = "kl_div_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R, t: R) -> R {
        if self.log_target {
            let none = t.equal(t.lit(-INF));
            return none.select(t.lit(0.0), t.exp() * (t - x));
        }
        let none = t.equal(t.lit(0.0));
        none.select(t.lit(0.0), t * (none.select(t.lit(1.0), t).ln() - x))
    }
    #[inline(always)]
    fn da<R: Real>(self, _: R, t: R) -> R {
        -(if self.log_target { t.exp() } else { t })
    }
    #[inline(always)]
    fn db<R: Real>(self, x: R, t: R) -> R {
        if !self.log_target {
            return t.ln() + t.lit(1.0) - x;
        }
        // For a probability of 0, value and derivative are 0, whatever was predicted. The branch that is not chosen is finite.
        let (none, zero) = (t.equal(t.lit(-INF)), t.lit(0.0));
        none.select(zero, t.exp()) * (none.select(zero, t) - none.select(zero, x) + t.lit(1.0))
    }
}

/// The options of [`Var::kl_div_with`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct KlDivOptions {
    /// If true, the target too is given as logarithms of probabilities.
    pub log_target: bool,
    /// How the terms are combined. [`Reduction::BatchMean`] gives the divergence itself, averaged over the first axis.
    pub reduction: Reduction,
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The Kullback-Leibler divergence of target probabilities t from predictions x, which are logarithms of probabilities: mean(t (ln t -
    /// x)) over all elements, as is PyTorch's default. Derivatives: -t / n by x; (ln t + 1 - x) / n by t, -inf where t is 0. Shapes: x and
    /// t of one shape to `[]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([0.5_f64.ln(), 0.5_f64.ln()]);
    /// let loss = x.kl_div(tape.constant([1.0, 0.0]));
    /// assert!((loss.item() - 2_f64.ln() / 2.0).abs() < 1e-15);
    /// assert_eq!(tape.grad(loss, &[x])[0].unwrap().to_vec(), [-0.5, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn kl_div(self, target: impl Operand<'t, T>) -> Self {
        self.kl_div_with(target, KlDivOptions::default())
    }
    /// The terms t (ln t - x) of the Kullback-Leibler divergence, with any reduction; a term is 0 where t is 0. With `log_target`, t is the
    /// logarithm: e^t (t - x). Derivatives, before the reduction: -t by x and ln t + 1 - x by t; with `log_target`, -e^t and e^t (t + 1 -
    /// x). Shapes: x and t of one shape to `[]`, or to that shape without a reduction.
    ///
    /// ```
    /// use wengert::{KlDivOptions, Reduction, Tape};
    /// let tape = Tape::<f64>::new();
    /// let (x, t) = (tape.leaf([[0.5_f64.ln(), 0.5_f64.ln()]]), tape.constant([[0.0, -f64::INFINITY]]));
    /// let options = KlDivOptions { log_target: true, reduction: Reduction::BatchMean };
    /// assert!((x.kl_div_with(t, options).item() - 2_f64.ln()).abs() < 1e-15);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn kl_div_with(self, target: impl Operand<'t, T>, options: KlDivOptions) -> Self {
        let t = target_of(self, target, KlDiv::NAME);
        options.reduction.of(self.record2(Zip(KlDiv { log_target: options.log_target }), t))
    }
}

#[cfg(test)]
mod rows {
    use super::*;
    use crate::ops::samples::*;

    const NAN: f64 = f64::NAN;
    const NONE: Reduction = Reduction::None;

    impl Sampled for Bce {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = binary(Bce, [0.1, 0.9], [0.0, 1.0], |x, t| x.zip(Bce, t));
            let inputs = || [within(0.1, 0.9, &[3, 5]), within(0.0, 1.0, &[3, 5]), positive(&[5])];
            rows.extend([
                grad([within(0.1, 0.9, &[3, 5]), within(0.0, 1.0, &[3, 5])], |v| v[0].binary_cross_entropy(v[1])),
                grad(inputs(), |v| v[0].binary_cross_entropy_with(v[1], BceOptions { weight: Some(v[2]), reduction: NONE })),
                equals(
                    [any(&[3, 5]), within(0.0, 1.0, &[3, 5])],
                    |v| v[0].sigmoid().binary_cross_entropy(v[1]),
                    |v| v[0].bce_with_logits(v[1]),
                ),
                refuses([any(&[3]), any(&[1])], |v| v[0].binary_cross_entropy(v[1]), &["binary_cross_entropy of [3] and [1]", "hint: "]),
                refuses(
                    [any(&[3]), any(&[2])],
                    |v| v[0].binary_cross_entropy_with(v[0], BceOptions { weight: Some(v[1]), ..Default::default() }),
                    &["binary_cross_entropy of [3] and [2]", "a weight", "hint: "],
                ),
            ]);
            rows.extend(points2(
                |x, t| x.zip(Bce, t),
                &[
                    (0.5, 1.0, std::f64::consts::LN_2, -2.0, 0.0),
                    (1.0, 1.0, 0.0, 0.0, -INF),
                    (0.0, 0.0, 0.0, 0.0, INF),
                    (0.0, 1.0, 100.0, -1e12, INF),
                    (1.0, 0.0, 100.0, 1e12, -INF),
                    (NAN, 0.0, NAN, NAN, NAN),
                ],
            ));
            rows.push(value(
                [of(&[2], [-0.5, 1.5]), of(&[2], [0.0, 1.0])],
                |v| v[0].zip(Bce, v[1]).detach() + v[0].zip(Bce, v[0].detach()).detach() + v[0] + v[1],
                &[NAN, NAN],
                [&[1.0; 2], &[1.0; 2]],
            ));
            rows
        }
    }

    impl Sampled for BceWithLogits {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = binary(BceWithLogits, [-2.0, 2.0], [0.0, 1.0], |x, t| x.zip(BceWithLogits, t));
            let probability = || within(0.0, 1.0, &[3, 5]);
            rows.extend([
                grad([any(&[3, 5]), probability()], |v| v[0].bce_with_logits(v[1])),
                grad([any(&[3, 5]), probability(), positive(&[3, 1]), positive(&[5])], |v| {
                    v[0].bce_with_logits_with(v[1], BceWithLogitsOptions { weight: Some(v[2]), pos_weight: Some(v[3]), reduction: NONE })
                }),
                equals(
                    [any(&[3, 5]), probability()],
                    |v| v[0].bce_with_logits(v[1]),
                    |v| {
                        let (p, one) = (v[0].sigmoid(), v[0].number(1.0));
                        -(v[1] * p.ln() + (one - v[1]) * (one - p).ln()).mean()
                    },
                ),
                equals(
                    [any(&[3, 5]), probability(), positive(&[5])],
                    |v| v[0].bce_with_logits_with(v[1], BceWithLogitsOptions { pos_weight: Some(v[2]), ..Default::default() }),
                    |v| {
                        let (p, one) = (v[0].sigmoid(), v[0].number(1.0));
                        -(v[2] * v[1] * p.ln() + (one - v[1]) * (one - p).ln()).mean()
                    },
                ),
                refuses([any(&[3]), any(&[1, 3])], |v| v[0].bce_with_logits(v[1]), &["bce_with_logits of [3] and [1, 3]", "hint: "]),
                refuses([any(&[3])], |v| v[0].bce_with_logits(T::ONE), &["bce_with_logits of [3] and []", "hint: "]),
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

    impl Sampled for KlDiv {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let (plain, logs) = (KlDiv { log_target: false }, KlDiv { log_target: true });
            let mut rows = binary(plain, [0.1, 1.9], [0.2, 2.0], move |x, t| x.zip(plain, t));
            rows.extend(binary(logs, [-2.0, 2.0], [-2.0, 2.0], move |x, t| x.zip(logs, t)));
            rows.extend([
                grad([any(&[3, 5]), positive(&[3, 5])], |v| v[0].kl_div(v[1])),
                equals(
                    [any(&[3, 5]), any(&[3, 5])],
                    |v| v[0].kl_div_with(v[1], KlDivOptions { log_target: true, reduction: Reduction::BatchMean }),
                    |v| v[0].kl_div_with(v[1].exp(), KlDivOptions { reduction: Reduction::Sum, ..Default::default() }) / v[0].number(3.0),
                ),
                value(
                    [of(&[2], [-1.0, -INF]), of(&[2], [1.0, 0.0])],
                    move |v| v[0].zip(plain, v[1]),
                    &[1.0, 0.0],
                    [&[-1.0, 0.0], &[2.0, NAN]],
                ),
                // Probabilities of 0, as logarithms.
                value([of(&[2], [-1.0, -INF]), of(&[2], [-INF; 2])], move |v| v[0].zip(logs, v[1]), &[0.0; 2], [&[0.0; 2], &[0.0; 2]]),
                refuses([any(&[3]), any(&[1])], |v| v[0].kl_div(v[1]), &["kl_div of [3] and [1]", "hint: "]),
            ]);
            rows
        }
    }
}
