//! Losses that are zero from a margin on: hinge, ranking, triplets. They are formulas of other ops; their sample rows run with those of the
//! other losses, in `loss.rs`.

use crate::array::scalar::Scalar;
use crate::ops::loss::{Reduction, refuse_option, target_of};
use crate::tape::var::{Operand, Var};

const INF: f64 = f64::INFINITY;

/// The options of [`Var::hinge_embedding_loss_with`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HingeEmbeddingOptions {
    /// The distance that unlike pairs should have.
    pub margin: f64,
    /// How the losses of the elements are combined.
    pub reduction: Reduction,
}
impl Default for HingeEmbeddingOptions {
    fn default() -> Self {
        HingeEmbeddingOptions { margin: 1.0, reduction: Reduction::Mean }
    }
}

/// The options of [`Var::margin_ranking_loss_with`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MarginRankingOptions {
    /// How far one should exceed the other.
    pub margin: f64,
    /// How the losses of the elements are combined.
    pub reduction: Reduction,
}

/// The options of [`Var::triplet_margin_loss_with`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TripletMarginOptions {
    /// How much farther the negative should be than the positive; above 0.
    pub margin: f64,
    /// The order of the norm that measures distances.
    pub p: f64,
    /// Added to differences, so that the derivative is finite where vectors coincide.
    pub eps: f64,
    /// If true, the distance from the positive to the negative is used where it is smaller than that from the anchor to the negative.
    pub swap: bool,
    /// How the losses of the triplets are combined.
    pub reduction: Reduction,
}
impl Default for TripletMarginOptions {
    fn default() -> Self {
        TripletMarginOptions { margin: 1.0, p: 2.0, eps: 1e-6, swap: false, reduction: Reduction::Mean }
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The mean hinge loss of distances x between pairs that are alike (t = 1) or not (t = -1): x, or max(0, 1 - x).
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn hinge_embedding_loss(self, target: impl Operand<'t, T>) -> Self {
        self.hinge_embedding_loss_with(target, HingeEmbeddingOptions::default())
    }
    /// The hinge loss of distances x between pairs that are alike (t = 1) or not (t = -1): x, or max(0, margin - x). Derivative: 1 for
    /// alike pairs, -1 for unlike pairs up to the margin; none for the target.
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn hinge_embedding_loss_with(self, target: impl Operand<'t, T>, options: HingeEmbeddingOptions) -> Self {
        let t = target_of(self, target, "hinge_embedding_loss");
        let (zero, one) = (self.number(0.0), self.number(1.0));
        let unlike = (self.number(options.margin) - self).clamp(0.0, INF);
        options.reduction.of(t.equal(one).where_cond(zero, unlike) + t.equal(-one).where_cond(zero, self))
    }
    /// The mean ranking loss: mean(max(0, -t (x - other))), where t is 1 if x should rank higher, -1 if lower.
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn margin_ranking_loss(self, other: impl Operand<'t, T>, target: impl Operand<'t, T>) -> Self {
        self.margin_ranking_loss_with(other, target, MarginRankingOptions::default())
    }
    /// The ranking loss max(0, margin - t (x - other)), where t is 1 if x should rank higher, -1 if lower. Derivatives, where the loss is
    /// not 0: -t by x, t by the other.
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn margin_ranking_loss_with(self, other: impl Operand<'t, T>, target: impl Operand<'t, T>, options: MarginRankingOptions) -> Self {
        let name = "margin_ranking_loss";
        refuse_option(
            self.shape() != target.shape(),
            "both predictions and the target must have one shape",
            name,
            [self.shape(), target.shape()],
        );
        let (other, t) = (target_of(self, other, name), target.to_var(self.tape));
        options.reduction.of((self.number(options.margin) - t * (self - other)).clamp(0.0, INF))
    }
    /// The mean logistic loss: mean(ln(1 + e^(-t x))), for targets 1 and -1. Derivative: -t sigmoid(-t x) / n.
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn soft_margin_loss(self, target: impl Operand<'t, T>) -> Self {
        self.soft_margin_loss_with(target, Reduction::Mean)
    }
    /// The logistic loss ln(1 + e^(-t x)), for targets 1 and -1, with any reduction.
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn soft_margin_loss_with(self, target: impl Operand<'t, T>, reduction: Reduction) -> Self {
        let t = target_of(self, target, "soft_margin_loss");
        reduction.of((-(t * self)).softplus_with(1.0, INF))
    }
    /// The mean triplet loss of anchors (this array), positives and negatives, which are vectors along the last axis: mean(max(0, |a - p| -
    /// |a - n| + 1)).
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn triplet_margin_loss(self, positive: impl Operand<'t, T>, negative: impl Operand<'t, T>) -> Self {
        self.triplet_margin_loss_with(positive, negative, TripletMarginOptions::default())
    }
    /// The triplet loss max(0, d(a, p) - d(a, n) + margin) of anchors (this array), positives and negatives, where d is
    /// [`Var::pairwise_distance`]. (V. Balntas et al., "Learning shallow convolutional feature descriptors with triplet losses", 2016.)
    ///
    /// # Panics
    /// If the shapes differ, the arrays have no axis, or the margin is not above 0.
    #[track_caller]
    pub fn triplet_margin_loss_with(
        self,
        positive: impl Operand<'t, T>,
        negative: impl Operand<'t, T>,
        options: TripletMarginOptions,
    ) -> Self {
        let name = "triplet_margin_loss";
        let TripletMarginOptions { margin, p, eps, swap, reduction } = options;
        let shapes = [self.shape(), negative.shape()];
        refuse_option(margin.is_nan() || margin <= 0.0, format!("the margin must be above 0, not {margin}"), name, shapes.clone());
        refuse_option(shapes[0].is_empty(), "vectors are needed, not numbers", name, shapes.clone());
        refuse_option(shapes[0] != shapes[1], "anchor, positive and negative must have one shape", name, shapes.clone());
        let (positive, negative) = (target_of(self, positive, name), negative.to_var(self.tape));
        let near = self.pairwise_distance(positive, p, eps);
        let mut far = self.pairwise_distance(negative, p, eps);
        if swap {
            far = far.minimum(positive.pairwise_distance(negative, p, eps));
        }
        reduction.of((near - far + self.number(margin)).clamp(0.0, INF))
    }
}
