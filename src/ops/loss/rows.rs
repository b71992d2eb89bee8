//! The sample rows of `loss.rs`.

use super::*;
use crate::ops::margin::{HingeEmbeddingOptions, MarginRankingOptions, TripletMarginOptions};
use crate::ops::samples::*;

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;
const NONE: Reduction = Reduction::None;

impl Sampled for SquaredError {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        let mut rows = binary(SquaredError, [-2.0, 2.0], [-2.0, 2.0], |a, b| a.zip(SquaredError, b));
        let signs = |shape| of(shape, [1.0, -1.0, 1.0, 1.0, -1.0, -1.0]);
        rows.extend([
            grad([any(&[3, 5]), any(&[3, 5])], |v| v[0].mse_loss(v[1])),
            grad([any(&[])], |v| v[0].mse_loss(v[0] * v[0])),
            grad([any(&[2, 3]), any(&[2, 3])], |v| v[0].mse_loss_with(v[1], NONE)),
            equals([any(&[3, 5]), any(&[3, 5])], |v| v[0].mse_loss(v[1]), |v| (v[0] - v[1]).square().mean()),
            equals(
                [any(&[3, 5]), any(&[3, 5])],
                |v| v[0].mse_loss_with(v[1], Reduction::BatchMean),
                |v| (v[0] - v[1]).square().sum() / v[0].number(3.0),
            ),
            value([of(&[2], [1.0, 4.0]), of(&[2], [2.0, 2.0])], |v| v[0].mse_loss(v[1]), &[2.5], [&[-1.0, 2.0], &[1.0, -2.0]]),
            value([of(&[0], []), of(&[0], [])], |v| v[0].mse_loss(v[1]), &[NAN], [&[], &[]]),
            refuses([any(&[3]), any(&[3, 1])], |v| v[0].mse_loss(v[1]), &["mse_loss of [3] and [3, 1]", "one shape", "hint: "]),
        ]);
        rows.extend(composed([
            grad([any(&[3, 5]), within(-1.8, 2.1, &[3, 5])], |v| v[0].l1_loss(v[1])),
            value(
                [of(&[3], [1.0, 4.0, 2.0]), of(&[3], [2.0, 2.0, 2.0])],
                |v| v[0].l1_loss_with(v[1], Reduction::Sum),
                &[3.0],
                [&[-1.0, 1.0, 0.0], &[1.0, -1.0, 0.0]],
            ),
            refuses([any(&[3])], |v| v[0].l1_loss(T::ONE), &["l1_loss of [3] and []", "one shape", "hint: "]),
            grad([any(&[2, 3]), any(&[2, 3]), positive(&[2, 3])], |v| v[0].gaussian_nll_loss(v[1], v[2])),
            grad([any(&[2, 3]), any(&[2, 3]), positive(&[2])], |v| {
                v[0].gaussian_nll_loss_with(v[1], v[2], GaussianNllOptions { full: true, reduction: NONE, ..Default::default() })
            }),
            grad([any(&[2, 3]), any(&[2, 3]), positive(&[2, 1])], |v| v[0].gaussian_nll_loss(v[1], v[2])),
            grad([any(&[4]), any(&[4])], |v| v[0].gaussian_nll_loss(v[1], T::from_f64(0.7))),
            // A variance that was raised keeps its derivative.
            value(
                [of(&[1], [2.0]), of(&[1], [1.0]), of(&[1], [0.25])],
                |v| v[0].gaussian_nll_loss_with(v[1], v[2], GaussianNllOptions { eps: 1.0, ..Default::default() }),
                &[0.5],
                [&[1.0], &[-1.0], &[0.0]],
            ),
            refuses(
                [any(&[2, 3]), any(&[2, 3]), positive(&[3])],
                |v| v[0].gaussian_nll_loss(v[1], v[2]),
                &["gaussian_nll_loss of [2, 3] and [3]", "the variance"],
            ),
            refuses(
                [any(&[2]), any(&[2])],
                |v| v[0].gaussian_nll_loss(v[1], -v[0].exp()),
                &["gaussian_nll_loss", "a variance is negative"],
            ),
            refuses([any(&[2, 3]), any(&[3])], |v| v[0].gaussian_nll_loss(v[1], T::ONE), &["gaussian_nll_loss of [2, 3] and [3]"]),
            grad([any(&[6])], move |v| v[0].hinge_embedding_loss(v[0].tape().constant([1.0, -1.0, 1.0, 1.0, -1.0, -1.0].map(T::from_f64)))),
            value(
                [of(&[6], [0.5, 0.5, -3.0, 2.0, 1.0, 2.0])],
                move |v| {
                    let t = v[0].tape().constant([1.0, -1.0, 1.0, 1.0, -1.0, -1.0].map(T::from_f64));
                    v[0].hinge_embedding_loss_with(t, HingeEmbeddingOptions { reduction: NONE, margin: 1.0 })
                },
                &[0.5, 0.5, -3.0, 2.0, 0.0, 0.0],
                [&[1.0, -1.0, 1.0, 1.0, 0.0, 0.0]],
            ),
            refuses([any(&[2]), any(&[3])], |v| v[0].hinge_embedding_loss(v[1]), &["hinge_embedding_loss of [2] and [3]", "hint: "]),
            grad([any(&[6]), within(-1.7, 1.9, &[6]), signs(&[6])], |v| v[0].margin_ranking_loss(v[1], v[2])),
            value(
                [of(&[3], [1.0, 5.0, 2.5]), of(&[3], [2.0, 2.0, 2.0])],
                |v| v[0].margin_ranking_loss_with(v[1], v[0].ones_like(), MarginRankingOptions { margin: 0.5, reduction: NONE }),
                &[1.5, 0.0, 0.0],
                [&[-1.0, 0.0, 0.0], &[1.0, 0.0, 0.0]],
            ),
            refuses(
                [any(&[2]), any(&[2]), any(&[3])],
                |v| v[0].margin_ranking_loss(v[1], v[2]),
                &["margin_ranking_loss of [2] and [3]", "one shape"],
            ),
            refuses([any(&[2]), any(&[3]), any(&[2])], |v| v[0].margin_ranking_loss(v[1], v[2]), &["margin_ranking_loss of [2] and [3]"]),
            grad([any(&[2, 3]), signs(&[2, 3])], |v| v[0].soft_margin_loss(v[1])),
            value(
                [of(&[3], [0.0, 1e3, -1e3]), of(&[3], [1.0, 1.0, 1.0])],
                |v| v[0].soft_margin_loss_with(v[1], NONE),
                &[std::f64::consts::LN_2, 0.0, 1e3],
                [&[-0.5, 0.0, -1.0], &[0.0, 0.0, 1e3]],
            ),
            refuses([any(&[2]), any(&[1])], |v| v[0].soft_margin_loss(v[1]), &["soft_margin_loss of [2] and [1]", "hint: "]),
            grad([any(&[2, 4]), any(&[2, 4]), any(&[2, 4])], |v| v[0].triplet_margin_loss(v[1], v[2])),
            grad([any(&[2, 4]), any(&[2, 4]), any(&[2, 4])], |v| {
                let options = TripletMarginOptions { margin: 5.0, p: 3.0, swap: true, reduction: NONE, ..Default::default() };
                v[0].triplet_margin_loss_with(v[1], v[2], options)
            }),
            grad([any(&[4]), any(&[4])], |v| v[0].triplet_margin_loss(v[1], v[0] * v[1])),
            refuses(
                [any(&[2, 3]), any(&[2, 3]), any(&[2, 4])],
                |v| v[0].triplet_margin_loss(v[1], v[2]),
                &["triplet_margin_loss of [2, 3] and [2, 4]", "one shape"],
            ),
            refuses(
                [any(&[2, 3])],
                |v| v[0].triplet_margin_loss_with(v[0], v[0], TripletMarginOptions { margin: -1.0, ..Default::default() }),
                &["triplet_margin_loss of [2, 3]", "above 0, not -1"],
            ),
            refuses([any(&[])], |v| v[0].triplet_margin_loss(v[0], v[0]), &["triplet_margin_loss of []", "vectors"]),
        ]));
        rows
    }
}

impl Sampled for Huber {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        let mut rows = unary(Huber::new(0.9, 1.0), -2.0, 2.0, |d| d.record(Map(Huber::new(0.9, 1.0))));
        rows.extend([
            grad([any(&[3, 5]), within(-1.8, 2.1, &[3, 5])], |v| v[0].huber_loss(v[1])),
            grad([any(&[3, 5]), within(-1.8, 2.1, &[3, 5])], |v| {
                v[0].smooth_l1_loss_with(v[1], SmoothL1Options { beta: 0.4, reduction: NONE })
            }),
            equals([any(&[7]), any(&[7])], |v| v[0].smooth_l1_loss(v[1]), |v| v[0].huber_loss(v[1])),
            refuses([any(&[3]), any(&[3, 1])], |v| v[0].huber_loss(v[1]), &["huber_loss of [3] and [3, 1]", "one shape", "hint: "]),
            refuses([any(&[3]), any(&[1])], |v| v[0].smooth_l1_loss(v[1]), &["smooth_l1_loss of [3] and [1]", "hint: "]),
            refuses(
                [any(&[3])],
                |v| v[0].huber_loss_with(v[0], HuberOptions { delta: 0.0, ..Default::default() }),
                &["huber_loss of [3]", "above 0, not 0"],
            ),
            refuses(
                [any(&[3])],
                |v| v[0].smooth_l1_loss_with(v[0], SmoothL1Options { beta: -1.0, ..Default::default() }),
                &["smooth_l1_loss of [3]", "negative", "-1"],
            ),
        ]);
        rows.extend(composed([equals(
            [any(&[7]), within(-1.8, 2.1, &[7])],
            |v| v[0].smooth_l1_loss_with(v[1], SmoothL1Options { beta: 0.0, ..Default::default() }),
            |v| v[0].l1_loss(v[1]),
        )]));
        rows.extend(points(
            |d| d.record(Map(Huber::new(2.0, 1.0))),
            &[
                (0.0, 0.0, 0.0),
                (1.0, 0.5, 1.0),
                (2.0, 2.0, 2.0),
                (-2.0, 2.0, -2.0),
                (-5.0, 8.0, -2.0),
                (INF, INF, 2.0),
                (-INF, INF, -2.0),
                (NAN, NAN, NAN),
            ],
        ));
        rows
    }
}

impl Sampled for PoissonNll {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        let logs = PoissonNll { log_input: true, full: true, eps: Attribute(0.0) };
        let numbers = PoissonNll { log_input: false, full: true, eps: Attribute(1e-3) };
        let mut rows = binary(logs, [-2.0, 2.0], [0.2, 4.0], move |x, t| x.zip(logs, t));
        rows.extend(binary(numbers, [0.3, 2.5], [0.2, 4.0], move |x, t| x.zip(numbers, t)));
        rows.extend([
            grad([any(&[3, 5]), positive(&[3, 5])], |v| v[0].poisson_nll_loss(v[1])),
            equals([any(&[7]), positive(&[7])], |v| v[0].poisson_nll_loss(v[1]), |v| (v[0].exp() - v[1] * v[0]).mean()),
            // Counts of 0, and the logarithm 0 of an expected count: Stirling's formula is not used.
            value([of(&[2], [0.0, 0.0]), of(&[2], [0.0, 1.0])], move |v| v[0].zip(logs, v[1]), &[1.0, 1.0], [&[1.0, 0.0], &[0.0, 0.0]]),
            refuses([any(&[3]), any(&[1])], |v| v[0].poisson_nll_loss(v[1]), &["poisson_nll_loss of [3] and [1]", "hint: "]),
        ]);
        rows
    }
}
