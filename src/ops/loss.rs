//! Losses whose predictions and targets are plain numbers: an elementwise function, and its mean. Losses of probabilities are in
//! `entropy.rs`, those of classes in `cross_entropy.rs`.

use crate::array::attribute::Attribute;
use crate::array::error::ShapeError;
use crate::array::scalar::{Real, Scalar};
use crate::array::shape::Shape;
use crate::kernels::elementwise::Cost;
use crate::ops::map::{Binary, Map, Unary, Zip};
use crate::tape::var::{Operand, Var, refuse};

/// How the losses of single elements are combined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reduction {
    /// No reduction: one loss for each element.
    None,
    /// Their mean.
    #[default]
    Mean,
    /// Their sum.
    Sum,
    /// Their sum, divided by the size of the first axis. With this, [`Var::kl_div_with`] gives the mathematical divergence.
    BatchMean,
}

impl Reduction {
    /// The losses, combined in this way: what a loss of your own does at its end.
    ///
    /// ```
    /// use wengert::{Reduction, Tape};
    /// let tape = Tape::<f64>::new();
    /// let losses = tape.leaf([1.0, 2.0, 6.0]);
    /// assert_eq!((Reduction::Mean.of(losses).item(), Reduction::Sum.of(losses).item()), (3.0, 9.0));
    /// ```
    #[track_caller]
    pub fn of<T: Scalar>(self, loss: Var<'_, T>) -> Var<'_, T> {
        match self {
            Reduction::None => loss,
            Reduction::Mean => loss.mean(),
            Reduction::Sum => loss.sum(),
            Reduction::BatchMean => {
                let batch = loss.shape().first().copied().unwrap_or(1);
                loss.sum() / loss.number(batch as f64)
            }
        }
    }
}

/// The target, if it has the prediction's shape. Another shape could broadcast silently and give a meaningless loss. It is refused before
/// anything is recorded.
#[track_caller]
pub(crate) fn target_of<'t, T: Scalar>(x: Var<'t, T>, target: impl Operand<'t, T>, op: &'static str) -> Var<'t, T> {
    let (s, t) = (x.shape(), target.shape());
    if s != t {
        let e =
            ShapeError::new("prediction and target must have one shape").hint("`reshape` or `unsqueeze` the target; it is not broadcast");
        refuse(e, op, [s, t]);
    }
    target.to_var(x.tape)
}

#[track_caller]
pub(crate) fn refuse_option(wrong: bool, what: impl Into<String>, op: &'static str, shapes: [Shape; 2]) {
    if wrong {
        refuse(ShapeError::new(what).hint("the documentation of the options says what they may be"), op, shapes);
    }
}

// ---------------------------------------------------------------------------------------------------------- mse_loss, l1_loss

/// `(a - b)^2`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SquaredError;

impl Binary for SquaredError {
    const NAME: &'static str = "squared_error";
    const GRAD_NAME: &'static str = "squared_error_grad";
    const COST: Cost = Cost::Cheap;
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
    /// The mean squared error: mean((x - t)^2). Derivatives: 2 (x - t) / n by x, and the opposite by the target. Shapes: x and target have
    /// one shape; the result is `[]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (x, t) = (tape.leaf([1.0, 2.0]), tape.constant([0.0, 4.0]));
    /// assert_eq!(x.mse_loss(t).item(), 2.5);
    /// assert_eq!(tape.grad(x.mse_loss(t), &[x])[0].unwrap().to_vec(), [1.0, -2.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn mse_loss(self, target: impl Operand<'t, T>) -> Self {
        self.mse_loss_with(target, Reduction::Mean)
    }
    /// The squared error (x - t)^2, with any reduction. Derivatives of each: 2 (x - t) by x, and the opposite by the target. Shapes: x and
    /// target have one shape; the result has it too without a reduction, else it is `[]`.
    ///
    /// ```
    /// use wengert::{Reduction, Tape};
    /// let tape = Tape::<f64>::new();
    /// let (x, t) = (tape.leaf([[1.0, 2.0], [3.0, 4.0]]), tape.constant([[0.0, 2.0], [3.0, 6.0]]));
    /// assert_eq!(x.mse_loss_with(t, Reduction::None).to_vec(), [1.0, 0.0, 0.0, 4.0]);
    /// assert_eq!(x.mse_loss_with(t, Reduction::BatchMean).item(), 2.5); // a batch of two rows
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn mse_loss_with(self, target: impl Operand<'t, T>, reduction: Reduction) -> Self {
        let t = target_of(self, target, "mse_loss");
        reduction.of(self.record2(Zip(SquaredError), t))
    }
    /// The mean absolute error: mean(|x - t|). Derivatives: sign(x - t) / n by x, and the opposite by the target. Shapes: x and target have
    /// one shape; the result is `[]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (x, t) = (tape.leaf([3.0, 2.0, 5.0, 0.0]), tape.constant([3.0, 4.0, 4.0, 1.0]));
    /// assert_eq!(x.l1_loss(t).item(), 1.0);
    /// assert_eq!(tape.grad(x.l1_loss(t), &[x])[0].unwrap().to_vec(), [0.0, -0.25, 0.25, -0.25]);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn l1_loss(self, target: impl Operand<'t, T>) -> Self {
        self.l1_loss_with(target, Reduction::Mean)
    }
    /// The absolute error |x - t|, with any reduction. Derivatives of each: sign(x - t) by x, and the opposite by the target. Shapes: x and
    /// target have one shape; the result has it too without a reduction, else it is `[]`.
    ///
    /// ```
    /// use wengert::{Reduction, Tape};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf([1.0, -2.0]);
    /// assert_eq!(x.l1_loss_with(tape.constant([3.0, 0.5]), Reduction::Sum).item(), 4.5);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn l1_loss_with(self, target: impl Operand<'t, T>, reduction: Reduction) -> Self {
        let t = target_of(self, target, "l1_loss");
        reduction.of((self - t).abs())
    }
}

// ---------------------------------------------------------------------------------------------- huber_loss, smooth_l1_loss

/// For a difference d: `scale d^2 / 2` where |d| < delta, and beyond that the straight line that continues it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Huber {
    delta: Attribute,
    scale: Attribute,
}

impl Huber {
    fn new(delta: f64, scale: f64) -> Huber {
        Huber { delta: Attribute(delta), scale: Attribute(scale) }
    }
}

impl Unary for Huber {
    const NAME: &'static str = "huber";
    const GRAD_NAME: &'static str = "huber_grad";
    const COST: Cost = Cost::Cheap;
    #[inline(always)]
    fn f<R: Real>(self, d: R) -> R {
        let (size, delta) = (d.abs(), d.lit(self.delta.0));
        let line = d.lit(self.scale.0 * self.delta.0) * (size - d.lit(0.5 * self.delta.0));
        delta.gt(size).select(d.lit(0.5 * self.scale.0) * d * d, line)
    }
    #[inline(always)]
    fn df<R: Real>(self, d: R, _: R) -> R {
        d.abs().ge(d.lit(self.delta.0)).select(d.lit(self.scale.0 * self.delta.0) * d.sign(), d.lit(self.scale.0) * d)
    }
}

/// The options of [`Var::huber_loss_with`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HuberOptions {
    /// Where the parabola ends and the line begins; above 0.
    pub delta: f64,
    /// How the losses of the elements are combined.
    pub reduction: Reduction,
}
impl Default for HuberOptions {
    fn default() -> Self {
        HuberOptions { delta: 1.0, reduction: Reduction::Mean }
    }
}

/// The options of [`Var::smooth_l1_loss_with`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SmoothL1Options {
    /// Where the parabola ends and the line begins; with 0 the loss is the absolute error.
    pub beta: f64,
    /// How the losses of the elements are combined.
    pub reduction: Reduction,
}
impl Default for SmoothL1Options {
    fn default() -> Self {
        SmoothL1Options { beta: 1.0, reduction: Reduction::Mean }
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The mean Huber loss: with d = x - t, d^2 / 2 where |d| < 1, |d| - 1/2 elsewhere. Derivatives: d, clamped to -1 and 1, / n by x, and
    /// the opposite by the target. Shapes: x and target have one shape; the result is `[]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([0.5, 3.0]);
    /// let loss = x.huber_loss(tape.constant([0.0, 0.0]));
    /// assert_eq!(loss.item(), 1.3125); // the mean of 0.125 and 2.5
    /// assert_eq!(tape.grad(loss, &[x])[0].unwrap().to_vec(), [0.25, 0.5]);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn huber_loss(self, target: impl Operand<'t, T>) -> Self {
        self.huber_loss_with(target, HuberOptions::default())
    }
    /// The Huber loss: with d = x - t, d^2 / 2 where |d| < delta, delta (|d| - delta / 2) elsewhere. (P. J. Huber, "Robust estimation of a
    /// location parameter", 1964.) Derivatives of each: d, clamped to -delta and delta, by x, and the opposite by the target. Shapes: x and
    /// target have one shape; the result has it too without a reduction, else it is `[]`.
    ///
    /// ```
    /// use wengert::{HuberOptions, Reduction, Tape};
    /// let tape = Tape::<f64>::new();
    /// let (x, t) = (tape.leaf([1.0, 4.0]), tape.constant([0.0, 0.0]));
    /// let options = HuberOptions { delta: 2.0, reduction: Reduction::None };
    /// assert_eq!(x.huber_loss_with(t, options).to_vec(), [0.5, 6.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ, or delta is not above 0.
    #[track_caller]
    pub fn huber_loss_with(self, target: impl Operand<'t, T>, options: HuberOptions) -> Self {
        let HuberOptions { delta, reduction } = options;
        let wrong = delta.is_nan() || delta <= 0.0;
        refuse_option(wrong, format!("delta must be above 0, not {delta}"), "huber_loss", [self.shape(), target.shape()]);
        let t = target_of(self, target, "huber_loss");
        reduction.of((self - t).record(Map(Huber::new(delta, 1.0))))
    }
    /// The mean smooth absolute error: with d = x - t, d^2 / 2 where |d| < 1, |d| - 1/2 elsewhere. It is [`Var::huber_loss`]; the two
    /// differ in what their option means. Derivatives: d, clamped to -1 and 1, / n by x, and the opposite by the target. Shapes: x and
    /// target have one shape; the result is `[]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (x, t) = (tape.leaf([2.5, -4.0]), tape.constant([2.0, 0.0]));
    /// assert_eq!(x.smooth_l1_loss(t).item(), 1.8125); // the mean of 0.125 and 3.5
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn smooth_l1_loss(self, target: impl Operand<'t, T>) -> Self {
        self.smooth_l1_loss_with(target, SmoothL1Options::default())
    }
    /// The absolute error with a parabola around 0: with d = x - t, d^2 / (2 beta) where |d| < beta, |d| - beta / 2 elsewhere. Derivatives
    /// of each: d / beta, clamped to -1 and 1, by x, and the opposite by the target. Shapes: x and target have one shape; the result has it
    /// too without a reduction, else it is `[]`.
    ///
    /// ```
    /// use wengert::{Reduction, SmoothL1Options, Tape};
    /// let tape = Tape::<f64>::new();
    /// let (x, t) = (tape.leaf([0.25, 3.0]), tape.constant([0.0, 0.0]));
    /// let options = SmoothL1Options { beta: 0.5, reduction: Reduction::None };
    /// assert_eq!(x.smooth_l1_loss_with(t, options).to_vec(), [0.0625, 2.75]);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ, or beta is negative.
    #[track_caller]
    pub fn smooth_l1_loss_with(self, target: impl Operand<'t, T>, options: SmoothL1Options) -> Self {
        let SmoothL1Options { beta, reduction } = options;
        let wrong = beta.is_nan() || beta < 0.0;
        refuse_option(wrong, format!("beta must not be negative, but is {beta}"), "smooth_l1_loss", [self.shape(), target.shape()]);
        let d = self - target_of(self, target, "smooth_l1_loss");
        reduction.of(if beta == 0.0 { d.abs() } else { d.record(Map(Huber::new(beta, 1.0 / beta))) })
    }
}

// ------------------------------------------------------------------------------------------------------ poisson_nll_loss

/// `e^x - t x` with `log_input`, otherwise `x - t ln(x + eps)`. With `full`, plus Stirling's approximation of ln t! where t > 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PoissonNll {
    log_input: bool,
    full: bool,
    eps: Attribute,
}

impl PoissonNll {
    /// A mask of where Stirling's formula is used, and t there, 1 elsewhere.
    #[inline(always)]
    fn large<R: Real>(t: R) -> (R, R) {
        let is = t.gt(t.lit(1.0));
        (is, is.select(t, t.lit(1.0)))
    }
}

impl Binary for PoissonNll {
    const NAME: &'static str = "poisson_nll";
    const GRAD_NAME: &'static str = "poisson_nll_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R, t: R) -> R {
        let loss = if self.log_input { x.exp() - t * x } else { x - t * (x + x.lit(self.eps.0)).ln() };
        if !self.full {
            return loss;
        }
        let (is, t) = Self::large(t);
        let stirling = t * t.ln() - t + t.lit(0.5) * (t.lit(std::f64::consts::TAU) * t).ln();
        loss + is.select(stirling, t.lit(0.0))
    }
    #[inline(always)]
    fn da<R: Real>(self, x: R, t: R) -> R {
        if self.log_input { x.exp() - t } else { x.lit(1.0) - t / (x + x.lit(self.eps.0)) }
    }
    #[inline(always)]
    fn db<R: Real>(self, x: R, t: R) -> R {
        let slope = -(if self.log_input { x } else { (x + x.lit(self.eps.0)).ln() });
        if !self.full {
            return slope;
        }
        let (is, t) = Self::large(t);
        slope + is.select(t.ln() + t.lit(0.5) / t, t.lit(0.0))
    }
}

/// The options of [`Var::poisson_nll_loss_with`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PoissonNllOptions {
    /// If true, x is the logarithm of the expected count.
    pub log_input: bool,
    /// If true, ln t! is added, which does not depend on x: by Stirling's formula where t > 1.
    pub full: bool,
    /// Added to x inside the logarithm; used without `log_input` only.
    pub eps: f64,
    /// How the losses of the elements are combined.
    pub reduction: Reduction,
}
impl Default for PoissonNllOptions {
    fn default() -> Self {
        PoissonNllOptions { log_input: true, full: false, eps: 1e-8, reduction: Reduction::Mean }
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The mean negative log-likelihood of counts t under Poisson distributions with expectations e^x: mean(e^x - t x). Derivatives:
    /// (e^x - t) / n by x, -x / n by the target. Shapes: x and target have one shape; the result is `[]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (x, t) = (tape.leaf([0.0, 0.0]), tape.constant([1.0, 3.0]));
    /// assert_eq!(x.poisson_nll_loss(t).item(), 1.0);
    /// assert_eq!(tape.grad(x.poisson_nll_loss(t), &[x])[0].unwrap().to_vec(), [0.0, -1.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn poisson_nll_loss(self, target: impl Operand<'t, T>) -> Self {
        self.poisson_nll_loss_with(target, PoissonNllOptions::default())
    }
    /// The negative log-likelihood of counts t under Poisson distributions: e^x - t x, or x - t ln(x + eps) without `log_input`.
    /// Derivatives of each by x: e^x - t, or 1 - t / (x + eps). Shapes: x and target have one shape; the result has it too without a
    /// reduction, else it is `[]`.
    ///
    /// ```
    /// use wengert::{PoissonNllOptions, Reduction, Tape};
    /// let tape = Tape::<f64>::new();
    /// let (x, t) = (tape.leaf([1.0, 4.0]), tape.constant([5.0, 0.0]));
    /// let options = PoissonNllOptions { log_input: false, eps: 0.0, reduction: Reduction::None, ..Default::default() };
    /// assert_eq!(x.poisson_nll_loss_with(t, options).to_vec(), [1.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ, or eps is NaN.
    #[track_caller]
    pub fn poisson_nll_loss_with(self, target: impl Operand<'t, T>, options: PoissonNllOptions) -> Self {
        let PoissonNllOptions { log_input, full, eps, reduction } = options;
        self.check_eps("poisson_nll_loss", eps);
        let t = target_of(self, target, "poisson_nll_loss");
        reduction.of(self.record2(Zip(PoissonNll { log_input, full, eps: Attribute(eps) }), t))
    }
}

// ----------------------------------------------------------------------------------------------------- gaussian_nll_loss

/// The options of [`Var::gaussian_nll_loss_with`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GaussianNllOptions {
    /// If true, the constant ln(2 pi) / 2 is added.
    pub full: bool,
    /// The smallest variance that is used.
    pub eps: f64,
    /// How the losses of the elements are combined.
    pub reduction: Reduction,
}
impl Default for GaussianNllOptions {
    fn default() -> Self {
        GaussianNllOptions { full: false, eps: 1e-6, reduction: Reduction::Mean }
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The mean negative log-likelihood of targets t under normal distributions with expectations x and variances v:
    /// mean(ln(v) + (x - t)^2 / v) / 2. Derivatives: (x - t) / (n v) by x, the opposite by the target, and (1/v - (x - t)^2 / v^2) / (2 n)
    /// by v. Shapes: x and target have one shape, the variances one of those of [`Var::gaussian_nll_loss_with`]; the result is `[]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (x, t) = (tape.leaf([1.0, 3.0]), tape.constant([0.0, 3.0]));
    /// assert_eq!(x.gaussian_nll_loss(t, 1.0).item(), 0.25);
    /// assert_eq!(tape.grad(x.gaussian_nll_loss(t, 1.0), &[x])[0].unwrap().to_vec(), [0.5, 0.0]);
    /// ```
    ///
    /// # Panics
    /// As [`Var::gaussian_nll_loss_with`].
    #[track_caller]
    pub fn gaussian_nll_loss(self, target: impl Operand<'t, T>, variance: impl Operand<'t, T>) -> Self {
        self.gaussian_nll_loss_with(target, variance, GaussianNllOptions::default())
    }
    /// The negative log-likelihood of targets t under normal distributions with expectations x and variances v:
    /// (ln(v) + (x - t)^2 / v) / 2. The variances have the shape of x, or there is one for each row along the last axis (which is left out,
    /// or has size 1), or a single number. A variance below `eps` is raised to `eps`, but keeps its derivative. Derivatives of each: (x -
    /// t) / v by x, the opposite by the target, and (1/v - (x - t)^2 / v^2) / 2 by v. Shapes: `[.., n]`, the same, and `[.., n]`,
    /// `[.., 1]`, `[..]` or `[]`, to `[.., n]` without a reduction, else to `[]`.
    ///
    /// ```
    /// use wengert::{GaussianNllOptions, Reduction, Tape};
    /// let tape = Tape::<f64>::new();
    /// let (x, t) = (tape.leaf([[1.0, 3.0], [2.0, 2.0]]), tape.constant([[0.0, 3.0], [0.0, 2.0]]));
    /// let options = GaussianNllOptions { eps: 1.0, reduction: Reduction::None, ..Default::default() };
    /// let loss = x.gaussian_nll_loss_with(t, tape.leaf([1.0, 0.25]), options); // 0.25 is raised to 1
    /// assert_eq!(loss.to_vec(), [0.5, 0.0, 2.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit, a variance is negative, or eps is not above 0.
    #[track_caller]
    pub fn gaussian_nll_loss_with(self, target: impl Operand<'t, T>, variance: impl Operand<'t, T>, options: GaussianNllOptions) -> Self {
        let name = "gaussian_nll_loss";
        let GaussianNllOptions { full, eps, reduction } = options;
        let (s, v) = (self.shape(), variance.shape());
        let last = s.len().wrapping_sub(1);
        let shared = !s.is_empty() && (v == s.remove(last) || v == s.with(last, 1));
        let wrong = !shared && v != s && !v.is_empty();
        refuse_option(wrong, "the variance has neither the prediction's shape nor that without the last axis", name, [s.clone(), v]);
        refuse_option(eps.is_nan() || eps <= 0.0, format!("eps must be above 0, not {eps}"), name, [s.clone(), variance.shape()]);
        let t = target_of(self, target, name);
        let variance = variance.to_var(self.tape);
        let negative = variance.tape.read().view(variance.id).iter().any(|v| v < T::ZERO);
        refuse_option(negative, "a variance is negative", name, [s.clone(), variance.shape()]);
        let v = if variance.ndim() + 1 == s.len() { variance.unsqueeze(-1) } else { variance }.raised_to(eps);
        let mut loss = self.number(0.5) * (v.ln() + self.record2(Zip(SquaredError), t) / v);
        if full {
            loss += self.number(0.5 * std::f64::consts::TAU.ln());
        }
        reduction.of(loss)
    }
}

#[cfg(test)]
mod rows;
