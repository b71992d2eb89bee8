//! The focal loss, for many easy examples and few hard ones.

use crate::refusal::require;
use crate::{BceWithLogitsOptions, Reduction, Scalar, Var};

/// How [`sigmoid_focal_loss`] weighs; torchvision's defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FocalLossOptions {
    /// The weight of positive targets; that of negative ones is 1 - alpha. Without it (torchvision's -1) both are 1.
    pub alpha: Option<f64>,
    /// How much examples that are classified well weigh less. With 0 the loss is the cross-entropy.
    pub gamma: f64,
    /// How the losses of the elements are combined; [`Reduction::None`] by default.
    pub reduction: Reduction,
}

impl Default for FocalLossOptions {
    fn default() -> Self {
        FocalLossOptions { alpha: Some(0.25), gamma: 2.0, reduction: Reduction::None }
    }
}

/// The binary cross-entropy of sigmoid(logits) and targets of 0 and 1, of which each is multiplied by (1 - q)^gamma, where q is the probability of what is right,
/// and by alpha or 1 - alpha. Both arrays have one shape. Differentiable in the logits and in the targets, which may lie between 0 and 1.
///
/// ```
/// use wengert::vision::{FocalLossOptions, sigmoid_focal_loss};
/// let tape = wengert::Tape::<f64>::new();
/// let (logits, targets) = (tape.leaf([4.0, -4.0]), tape.constant([1.0, 1.0]));
/// let loss = sigmoid_focal_loss(logits, targets, FocalLossOptions::default()).to_vec();
/// assert!(loss[0] < 1e-5 && loss[1] > 0.9);
/// ```
///
/// Source: T.-Y. Lin et al., "Focal loss for dense object detection" (2017).
///
/// # Panics
/// If the shapes differ, or gamma is negative.
#[track_caller]
pub fn sigmoid_focal_loss<'t, T: Scalar>(logits: Var<'t, T>, targets: Var<'t, T>, options: FocalLossOptions) -> Var<'t, T> {
    let FocalLossOptions { alpha, gamma, reduction } = options;
    require(gamma >= 0.0, || format!("sigmoid_focal_loss: gamma is {gamma}"), "it is 2 in the paper, and not negative");
    let entropy = logits.bce_with_logits_with(targets, BceWithLogitsOptions { reduction: Reduction::None, ..Default::default() });
    let one = logits.number(1.0);
    // The probability of what is wrong, without the cancellation of 1 - q.
    let wrong = targets * (-logits).sigmoid() + (one - targets) * logits.sigmoid();
    let loss = entropy * wrong.powf(gamma);
    reduction.of(match alpha {
        None => loss,
        Some(alpha) => loss * (targets * logits.number(2.0 * alpha - 1.0) + logits.number(1.0 - alpha)),
    })
}
