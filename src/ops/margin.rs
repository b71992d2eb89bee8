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
    /// The mean hinge loss of distances x between pairs that are alike (t = 1) or not (t = -1): x, or max(0, 1 - x). Derivative by x: 1/n
    /// for alike pairs, -1/n for unlike pairs nearer than 1, 0 beyond; none for the target. Shapes: x and target have one shape; the result
    /// is `[]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (x, t) = (tape.leaf([0.5, 0.25, 3.0, 2.25]), tape.constant([1.0, -1.0, -1.0, 1.0]));
    /// assert_eq!(x.hinge_embedding_loss(t).item(), 0.875); // the mean of 0.5, 0.75, 0 and 2.25
    /// assert_eq!(tape.grad(x.hinge_embedding_loss(t), &[x])[0].unwrap().to_vec(), [0.25, -0.25, 0.0, 0.25]);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn hinge_embedding_loss(self, target: impl Operand<'t, T>) -> Self {
        self.hinge_embedding_loss_with(target, HingeEmbeddingOptions::default())
    }
    /// The hinge loss of distances x between pairs that are alike (t = 1) or not (t = -1): x, or max(0, margin - x). Derivative: 1 for
    /// alike pairs, -1 for unlike pairs that are nearer than the margin; none for the target. Shapes: x and target have one shape; the
    /// result has it too without a reduction, else it is `[]`.
    ///
    /// ```
    /// use wengert::{HingeEmbeddingOptions, Reduction, Tape};
    /// let tape = Tape::<f64>::new();
    /// let (x, t) = (tape.leaf([1.5, 1.5]), tape.constant([1.0, -1.0]));
    /// let options = HingeEmbeddingOptions { margin: 2.0, reduction: Reduction::None };
    /// assert_eq!(x.hinge_embedding_loss_with(t, options).to_vec(), [1.5, 0.5]);
    /// ```
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
    /// The mean ranking loss: mean(max(0, -t (x - other))), where t is 1 if x should rank higher, -1 if lower. Derivatives, where the loss
    /// is not 0: -t / n by x, t / n by the other. Shapes: all three have one shape; the result is `[]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (x, other, t) = (tape.leaf([2.0, 1.0]), tape.leaf([1.0, 3.0]), tape.constant([1.0, 1.0]));
    /// let loss = x.margin_ranking_loss(other, t);
    /// assert_eq!(loss.item(), 1.0); // the mean of 0 and 2
    /// assert_eq!(tape.grad(loss, &[other])[0].unwrap().to_vec(), [0.0, 0.5]);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn margin_ranking_loss(self, other: impl Operand<'t, T>, target: impl Operand<'t, T>) -> Self {
        self.margin_ranking_loss_with(other, target, MarginRankingOptions::default())
    }
    /// The ranking loss max(0, margin - t (x - other)), where t is 1 if x should rank higher, -1 if lower. Derivatives, where the loss is
    /// not 0: -t by x, t by the other. Shapes: all three have one shape; the result has it too without a reduction, else it is `[]`.
    ///
    /// ```
    /// use wengert::{MarginRankingOptions, Reduction, Tape};
    /// let tape = Tape::<f64>::new();
    /// let (x, other, t) = (tape.leaf([2.0, 1.0]), tape.leaf([1.75, 1.0]), tape.constant([1.0, -1.0]));
    /// let options = MarginRankingOptions { margin: 0.5, reduction: Reduction::None };
    /// assert_eq!(x.margin_ranking_loss_with(other, t, options).to_vec(), [0.25, 0.5]);
    /// ```
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
    /// The mean logistic loss: mean(ln(1 + e^(-t x))), for targets 1 and -1. Derivative by x: -t sigmoid(-t x) / n. Shapes: x and target
    /// have one shape; the result is `[]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (x, t) = (tape.leaf([0.0, 0.0]), tape.constant([1.0, -1.0]));
    /// assert!((x.soft_margin_loss(t).item() - std::f64::consts::LN_2).abs() < 1e-15);
    /// assert_eq!(tape.grad(x.soft_margin_loss(t), &[x])[0].unwrap().to_vec(), [-0.25, 0.25]);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn soft_margin_loss(self, target: impl Operand<'t, T>) -> Self {
        self.soft_margin_loss_with(target, Reduction::Mean)
    }
    /// The logistic loss ln(1 + e^(-t x)), for targets 1 and -1, with any reduction; large powers do not overflow. Derivative of each by x:
    /// -t sigmoid(-t x). Shapes: x and target have one shape; the result has it too without a reduction, else it is `[]`.
    ///
    /// ```
    /// use wengert::{Reduction, Tape};
    /// let tape = Tape::<f64>::new();
    /// let (x, t) = (tape.leaf([-800.0, -1000.0]), tape.constant([1.0, -1.0]));
    /// assert_eq!(x.soft_margin_loss_with(t, Reduction::None).to_vec(), [800.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn soft_margin_loss_with(self, target: impl Operand<'t, T>, reduction: Reduction) -> Self {
        let t = target_of(self, target, "soft_margin_loss");
        reduction.of((-(t * self)).softplus_with(1.0, INF))
    }
    /// The mean triplet loss of anchors (this array), positives and negatives, which are vectors along the last axis: mean(max(0, |a - p| -
    /// |a - n| + 1)). Derivatives of each term that is not 0: with u = (a - p) / |a - p| and v = (a - n) / |a - n|, they are u - v by the
    /// anchor, -u by the positive, and v by the negative. Shapes: three times `[.., n]` to `[]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (a, p, n) = (tape.leaf([[0.0, 0.0]]), tape.leaf([[3.0, 4.0]]), tape.leaf([[0.0, 4.5]]));
    /// assert!((a.triplet_margin_loss(p, n).item() - 1.5).abs() < 1e-5); // 5 - 4.5 + 1; 1e-6 is added to differences
    /// ```
    ///
    /// # Panics
    /// If the shapes differ, or the arrays have no axis.
    #[track_caller]
    pub fn triplet_margin_loss(self, positive: impl Operand<'t, T>, negative: impl Operand<'t, T>) -> Self {
        self.triplet_margin_loss_with(positive, negative, TripletMarginOptions::default())
    }
    /// The triplet loss max(0, d(a, p) - d(a, n) + margin) of anchors (this array), positives and negatives, where d is
    /// [`Var::pairwise_distance`]. (V. Balntas et al., "Learning shallow convolutional feature descriptors with triplet losses", 2016.)
    /// Derivatives where it is not 0: those of the distances. Shapes: three times `[.., n]` to `[..]` without a reduction, else to `[]`.
    ///
    /// ```
    /// use wengert::{Tape, TripletMarginOptions};
    /// let tape = Tape::<f64>::new();
    /// let (a, p, n) = (tape.leaf([0.0, 0.0]), tape.leaf([3.0, 4.0]), tape.leaf([0.0, 8.0]));
    /// let options = TripletMarginOptions { margin: 2.0, eps: 0.0, ..Default::default() };
    /// assert_eq!(a.triplet_margin_loss_with(p, n, options).item(), 0.0); // 5 - 8 + 2 is below 0
    /// let swapped = TripletMarginOptions { swap: true, ..options }; // n is nearer to p than to a
    /// assert_eq!(a.triplet_margin_loss_with(p, n, swapped).item(), 2.0); // 5 - 5 + 2
    /// ```
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
