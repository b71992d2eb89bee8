//! Is what `docs/kinks.md` says true? The columns "wengert" of its tables are computed anew, row by row. `WENGERT_BLESS=1 cargo test -p
//! wengert-tests --test main kinks` writes them; without the variable a number that differs fails.

use ndarray::ArrayD;
use std::fmt::Write;
use wengert::{
    AttentionOptions, BceOptions, BceWithLogitsOptions, GridSampleOptions, GridSamplePadding, HuberOptions, KlDivOptions,
    MarginRankingOptions, MaxUnpoolOptions, Reduction, Tape, TripletMarginOptions, Var,
};

type Inputs<'a, 't> = &'a [Var<'t, f64>];
type Function = for<'a, 't> fn(Inputs<'a, 't>) -> Var<'t, f64>;

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

struct Row {
    op: &'static str,
    at: &'static str,
    inputs: Vec<ArrayD<f64>>,
    f: Function,
    /// The order of the derivatives that the row shows.
    order: usize,
}

impl Row {
    fn second(self) -> Row {
        Row { order: 2, ..self }
    }
}

/// A row whose inputs are vectors.
fn row<const N: usize>(op: &'static str, at: &'static str, inputs: [&[f64]; N], f: Function) -> Row {
    Row { op, at, inputs: inputs.map(|x| ndarray::arr1(x).into_dyn()).into(), f, order: 1 }
}
/// A row whose inputs are matrices of two columns.
fn matrices<const N: usize>(op: &'static str, at: &'static str, inputs: [&[f64]; N], f: Function) -> Row {
    let matrix = |x: &[f64]| ArrayD::from_shape_vec(vec![x.len() / 2, 2], x.to_vec()).expect("of two columns");
    Row { op, at, inputs: inputs.map(matrix).into(), f, order: 1 }
}

/// A row whose inputs are arrays of one shape.
fn shaped<const N: usize>(op: &'static str, at: &'static str, shape: &[usize], inputs: [&[f64]; N], f: Function) -> Row {
    let array = |x: &[f64]| ArrayD::from_shape_vec(shape, x.to_vec()).expect("as many as the shape says");
    Row { op, at, inputs: inputs.map(array).into(), f, order: 1 }
}

/// Each element times its number, counted from 1.
fn counted(y: Var<'_, f64>) -> Var<'_, f64> {
    y * y.tape().constant((1..=y.numel()).map(|i| i as f64).collect::<Vec<_>>())
}
fn sum(reduction: Reduction) -> KlDivOptions {
    KlDivOptions { reduction, ..Default::default() }
}

fn first() -> Vec<Row> {
    vec![
        row("abs", "0, -0", [&[0.0, -0.0]], |v| v[0].abs()),
        row("relu", "0", [&[0.0]], |v| v[0].relu()),
        row("relu6", "0, 6", [&[0.0, 6.0]], |v| v[0].relu6()),
        row("hardtanh", "-1, 1", [&[-1.0, 1.0]], |v| v[0].hardtanh(-1.0, 1.0)),
        row("leaky_relu", "0", [&[0.0]], |v| v[0].leaky_relu(0.01)),
        row("prelu", "0, weight 0.25", [&[0.0], &[0.25]], |v| v[0].prelu(v[1])),
        row("elu", "0, alpha 2", [&[0.0]], |v| v[0].elu(2.0)),
        row("hardsigmoid", "-3, 3", [&[-3.0, 3.0]], |v| v[0].hardsigmoid()),
        row("hardshrink", "-0.5, 0.5", [&[-0.5, 0.5]], |v| v[0].hardshrink(0.5)),
        row("softshrink", "-0.5, 0.5", [&[-0.5, 0.5]], |v| v[0].softshrink(0.5)),
        row("threshold", "1, threshold 1", [&[1.0]], |v| v[0].threshold(1.0, 0.0)),
        row("gelu", "1, -2", [&[1.0, -2.0]], |v| v[0].gelu()),
        row("silu", "inf, -inf", [&[INF, -INF]], |v| v[0].silu()),
        row("gelu", "inf, -inf", [&[INF, -INF]], |v| v[0].gelu()),
        row("sqrt", "0", [&[0.0]], |v| v[0].sqrt()),
        row("floor", "1", [&[1.0]], |v| v[0].floor()),
        row("ceil", "1", [&[1.0]], |v| v[0].ceil()),
        row("trunc", "1", [&[1.0]], |v| v[0].trunc()),
        row("round", "0.5", [&[0.5]], |v| v[0].round()),
        row("sign", "0", [&[0.0]], |v| v[0].sign()),
        row("gt", "0 > 0", [&[0.0], &[0.0]], |v| v[0].gt(v[1])),
        row("detach", "1", [&[1.0]], |v| v[0].detach()),
        row("remainder", "(7, 3)", [&[7.0], &[3.0]], |v| v[0].remainder(v[1])),
        row("remainder", "(-7, 3)", [&[-7.0], &[3.0]], |v| v[0].remainder(v[1])),
        row("fmod", "(-7, 3)", [&[-7.0], &[3.0]], |v| v[0].fmod(v[1])),
        row("powi", "-2, power 3", [&[-2.0]], |v| v[0].powi(3)),
        row("powf", "0, power 1", [&[0.0]], |v| v[0].powf(1.0)),
        row("pow", "array 0 ^ array 2", [&[0.0], &[2.0]], |v| v[0].pow(v[1])),
        row("pow", "array 0 ^ number 0", [&[0.0]], |v| v[0].pow(0.0)),
        row("pow", "array 0 ^ array 0", [&[0.0], &[0.0]], |v| v[0].pow(v[1])),
        row("pow", "array 0 ^ array -1", [&[0.0], &[-1.0]], |v| v[0].pow(v[1])),
        row("xlogy", "(0, -1)", [&[0.0], &[-1.0]], |v| v[0].xlogy(v[1])),
        row("atan2", "(0, 0)", [&[0.0], &[0.0]], |v| v[0].atan2(v[1])),
        row("hypot", "(0, 0)", [&[0.0], &[0.0]], |v| v[0].hypot(v[1])),
        row("hypot", "(3, 0), (1e200, 1e200)", [&[3.0, 1e200], &[0.0, 1e200]], |v| v[0].hypot(v[1])),
        row("sinc", "1e-9, 1e-4, 0.01", [&[1e-9, 1e-4, 0.01]], |v| v[0].sinc()),
        row("maximum", "equal", [&[1.0], &[1.0]], |v| v[0].maximum(v[1])),
        row("maximum", "of 0 and the number 0", [&[0.0]], |v| v[0].maximum(0.0)),
        row("minimum", "equal", [&[1.0], &[1.0]], |v| v[0].minimum(v[1])),
        row("maximum", "(nan, 1)", [&[NAN], &[1.0]], |v| v[0].maximum(v[1])),
        row("clamp", "at both bounds", [&[-1.0, 1.0]], |v| v[0].clamp(-1.0, 1.0)),
        row("clamp", "numbers, equal bounds", [&[1.0]], |v| v[0].clamp(1.0, 1.0)),
        row("clamp", "0 and inf, bounds 0 and inf", [&[0.0, INF]], |v| v[0].clamp(0.0, INF)),
        row("clamp", "arrays: x equals min", [&[0.0], &[0.0], &[1.0]], |v| v[0].clamp_within(v[1], v[2])),
        row("clamp", "arrays: x below min equals max", [&[0.0], &[1.0], &[1.0]], |v| v[0].clamp_within(v[1], v[2])),
        row("clamp", "arrays: all three equal", [&[1.0], &[1.0], &[1.0]], |v| v[0].clamp_within(v[1], v[2])),
        row("logaddexp", "(inf, inf)", [&[INF], &[INF]], |v| v[0].logaddexp(v[1])),
        row("logaddexp", "(inf, 0), (-inf, 0)", [&[INF, -INF], &[0.0, 0.0]], |v| v[0].logaddexp(v[1])),
        row("where_cond", "(1, nan), the first chosen", [&[1.0], &[NAN]], |v| v[0].ones_like().where_cond(v[0], v[1])),
        row("relu", "-1, its root taken", [&[-1.0]], |v| v[0].relu().sqrt()),
        row("clamp", "-1, the root taken of its clamp to 0 and 1", [&[-1.0]], |v| v[0].clamp(0.0, 1.0).sqrt()),
        row("max", "3 3 1", [&[3.0, 3.0, 1.0]], |v| v[0].max()),
        row("min", "1 1 3", [&[1.0, 1.0, 3.0]], |v| v[0].min()),
        row("amax", "3 3 1, along an axis", [&[3.0, 3.0, 1.0]], |v| v[0].amax(0, false)),
        row("sort", "1 1 2, the first", [&[1.0, 1.0, 2.0]], |v| v[0].sort(0, false).0.narrow(0, 0, 1)),
        row("topk", "3 3 1, k = 1", [&[3.0, 3.0, 1.0]], |v| v[0].topk(1, 0, true).0),
        row("max_with_indices", "tie of 2 of 3", [&[3.0, 3.0, 1.0]], |v| v[0].max_with_indices(0, false).0),
        row("min_with_indices", "tie of 2 of 3", [&[1.0, 1.0, 3.0]], |v| v[0].min_with_indices(0, false).0),
        row("median", "tie 1 1 2", [&[1.0, 1.0, 2.0]], |v| v[0].median()),
        row("median", "even 1 2 3 4", [&[1.0, 2.0, 3.0, 4.0]], |v| v[0].median()),
        row("kthvalue", "1 1 1, k = 2", [&[1.0, 1.0, 1.0]], |v| v[0].kthvalue(2, 0, false).0),
        row("prod", "0 2 3", [&[0.0, 2.0, 3.0]], |v| v[0].prod()),
        row("prod", "0 0 3", [&[0.0, 0.0, 3.0]], |v| v[0].prod()),
        row("cumprod", "2 0 3", [&[2.0, 0.0, 3.0]], |v| v[0].cumprod(0)),
        row("logsumexp", "all -inf", [&[-INF, -INF]], |v| v[0].logsumexp(0, false)),
        row("logcumsumexp", "-inf 0 1", [&[-INF, 0.0, 1.0]], |v| counted(v[0].logcumsumexp(0))),
        row("logcumsumexp", "all -inf", [&[-INF, -INF]], |v| counted(v[0].logcumsumexp(0))),
        row("std", "equal elements", [&[2.0, 2.0, 2.0]], |v| v[0].std(0, 1.0, false)),
        row("vector_norm", "0 0, order 2", [&[0.0, 0.0]], |v| v[0].vector_norm(2.0, 0, false)),
        row("vector_norm", "0 0, order 1", [&[0.0, 0.0]], |v| v[0].vector_norm(1.0, 0, false)),
        row("vector_norm", "0 0, order 3", [&[0.0, 0.0]], |v| v[0].vector_norm(3.0, 0, false)),
        row("vector_norm", "0 0, order 0.5", [&[0.0, 0.0]], |v| v[0].vector_norm(0.5, 0, false)),
        row("vector_norm", "0 0, order inf", [&[0.0, 0.0]], |v| v[0].vector_norm(INF, 0, false)),
        row("vector_norm", "0 0, order -inf", [&[0.0, 0.0]], |v| v[0].vector_norm(-INF, 0, false)),
        row("vector_norm", "3 -3 1, order inf", [&[3.0, -3.0, 1.0]], |v| v[0].vector_norm(INF, 0, false)),
        row("vector_norm", "0 1, order 1.5", [&[0.0, 1.0]], |v| v[0].vector_norm(1.5, 0, false)),
        row("vector_norm", "0 1, order 1", [&[0.0, 1.0]], |v| v[0].vector_norm(1.0, 0, false)),
        row("normalize", "0 0", [&[0.0, 0.0]], |v| counted(v[0].normalize(0))),
        row("cosine_similarity", "0 0 with 1 0", [&[0.0, 0.0], &[1.0, 0.0]], |v| v[0].cosine_similarity(v[1], 0)),
        matrices("cdist", "coinciding points", [&[1.0, 2.0], &[1.0, 2.0]], |v| v[0].cdist(v[1], 2.0)),
        row("scatter", "two values for one place", [&[5.0, 6.0, 7.0], &[1.0, 2.0, 3.0]], |v| counted(v[0].scatter(0, [1, 1, 2], v[1]))),
        row("index_copy", "two values for one place", [&[5.0, 6.0, 7.0], &[1.0, 2.0, 3.0]], |v| {
            counted(v[0].index_copy(0, [1, 1, 2], v[1]))
        }),
        row("max_unpool1d", "two values for one place", [&[1.0, 2.0, 3.0]], |v| {
            let y = v[0].unsqueeze(0).max_unpool1d([[4, 4, 4]], [2], MaxUnpoolOptions::default());
            y * 10.0
        }),
        shaped("max_pool2d", "four equal", &[1, 2, 2], [&[5.0; 4]], |v| v[0].max_pool2d([2, 2], Default::default())),
        row("max_pool1d", "nan nan 0", [&[NAN, NAN, 0.0]], |v| v[0].unsqueeze(0).max_pool1d([3], Default::default())),
        shaped("grid_sample", "a position at the border", &[1, 1, 1, 2], [&[1.0, 0.0]], |v| {
            let image = v[0].tape().constant([[1.0, 3.0]]).reshape([1, 1, 1, 2]);
            let padding_mode = GridSamplePadding::Border;
            image.grid_sample(v[0], GridSampleOptions { padding_mode, align_corners: true, ..Default::default() })
        }),
        row("embedding", "rows 0, 1, 0 of 1 2; padding row 0", [&[1.0, 2.0]], |v| v[0].unsqueeze(-1).embedding([0, 1, 0], Some(0))),
        matrices("det", "1 2; 2 4", [&[1.0, 2.0, 2.0, 4.0]], |v| v[0].det()),
        matrices("nuclear_norm", "1 0; 0 0", [&[1.0, 0.0, 0.0, 0.0]], |v| v[0].nuclear_norm()),
        matrices("cholesky", "2 0.9; 0.5 1, asymmetric", [&[2.0, 0.9, 0.5, 1.0]], |v| {
            v[0].cholesky(false) * v[0].tape().constant([[1.0, 2.0], [3.0, 4.0]])
        }),
        row("max_pool1d", "1 nan 0", [&[1.0, NAN, 0.0]], |v| v[0].unsqueeze(0).max_pool1d([3], Default::default())),
        row("l1_loss", "equal; and apart", [&[1.0, 2.0], &[1.0, 1.0]], |v| v[0].l1_loss(v[1])),
        row("binary_cross_entropy", "p = t = 0; p = t = 1", [&[0.0, 1.0], &[0.0, 1.0]], |v| {
            v[0].binary_cross_entropy_with(v[1], BceOptions { reduction: Reduction::Sum, weight: None })
        }),
        row("bce_with_logits", "0 1000 -1000, t = 1", [&[0.0, 1000.0, -1000.0], &[1.0, 1.0, 1.0]], |v| {
            v[0].bce_with_logits_with(v[1], BceWithLogitsOptions::default())
        }),
        row("kl_div", "target 0", [&[-1.0, -2.0], &[0.0, 0.5]], |v| v[0].kl_div_with(v[1], sum(Reduction::Mean))),
        Row {
            op: "scaled_dot_product_attention",
            at: "a bias of -inf for all keys",
            order: 1,
            inputs: [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]].map(|x| ArrayD::from_shape_vec(vec![2, 1], x.to_vec()).unwrap()).into(),
            f: |v| {
                let bias = v[0].tape().constant([-INF, -INF]);
                v[0].scaled_dot_product_attention(v[1], v[2], AttentionOptions { bias: Some(bias), ..Default::default() })
            },
        },
        row("margin_ranking_loss", "at the margin", [&[1.0], &[1.0]], |v| {
            v[0].margin_ranking_loss_with(v[1], v[0].ones_like(), MarginRankingOptions::default())
        }),
        row("hinge_embedding_loss", "at the margin", [&[1.0]], |v| v[0].hinge_embedding_loss(-v[0].ones_like())),
        row("triplet_margin_loss", "at the margin", [&[0.0], &[2.0], &[3.0]], |v| {
            v[0].triplet_margin_loss_with(v[1], v[2], TripletMarginOptions { eps: 0.0, ..Default::default() })
        }),
    ]
}

fn second() -> Vec<Row> {
    let rows = vec![
        row("abs", "0", [&[0.0]], |v| v[0].abs()),
        row("relu", "0", [&[0.0]], |v| v[0].relu()),
        row("elu", "0", [&[0.0]], |v| v[0].elu(1.0)),
        row("elu", "0, alpha 2", [&[0.0]], |v| v[0].elu(2.0)),
        row("celu", "0, alpha 4", [&[0.0]], |v| v[0].celu(4.0)),
        row("selu", "0", [&[0.0]], |v| v[0].selu()),
        row("hardsigmoid", "-3, 3", [&[-3.0, 3.0]], |v| v[0].hardsigmoid()),
        row("softplus", "19, 20, 20.5, 30", [&[19.0, 20.0, 20.5, 30.0]], |v| v[0].softplus()),
        row("softsign", "0", [&[0.0]], |v| v[0].softsign()),
        row("huber_loss", "where parabola and line meet", [&[1.0], &[0.0]], |v| {
            v[0].huber_loss_with(v[1], HuberOptions { delta: 1.0, reduction: Reduction::Sum })
        }),
        row("smooth_l1_loss", "where parabola and line meet", [&[1.0], &[0.0]], |v| v[0].smooth_l1_loss(v[1])),
        row("powf", "0, power 1", [&[0.0]], |v| v[0].powf(1.0)),
        row("powf", "0, power 2", [&[0.0]], |v| v[0].powf(2.0)),
        row("prelu", "0", [&[0.0], &[0.25]], |v| v[0].prelu(v[1])),
        row("pow", "array 0 ^ number 1", [&[0.0]], |v| v[0].pow(1.0)),
        row("pow", "array 0 ^ array 1", [&[0.0], &[1.0]], |v| v[0].pow(v[1])),
        row("pow", "array 0 ^ array 2", [&[0.0], &[2.0]], |v| v[0].pow(v[1])),
        row("sinc", "0", [&[0.0]], |v| v[0].sinc()),
        row("atanh", "1, -1", [&[1.0, -1.0]], |v| v[0].atanh()),
        row("vector_norm", "0 1, order 0.5", [&[0.0, 1.0]], |v| v[0].vector_norm(0.5, 0, false)),
        row("vector_norm", "0 1, order 1.5", [&[0.0, 1.0]], |v| v[0].vector_norm(1.5, 0, false)),
        matrices("det", "zeros, 2 by 2", [&[0.0; 4]], |v| v[0].det()),
        row("binary_cross_entropy", "p = 0, t = 1", [&[0.0], &[1.0]], |v| {
            v[0].binary_cross_entropy_with(v[1], BceOptions { reduction: Reduction::Sum, weight: None })
        }),
    ];
    rows.into_iter().map(Row::second).collect()
}

/// Where a cotangent of 0 meets an infinite slope, value or NaN.
fn zeros() -> Vec<Row> {
    let rows = || {
        [
            row("sqrt", "0", [&[0.0]], |v| v[0].gt(0.0).where_cond(v[0].sqrt(), 0.0)),
            row("ln", "0", [&[0.0]], |v| v[0].gt(0.0).where_cond(v[0].ln(), 0.0)),
            row("recip", "0", [&[0.0]], |v| v[0].gt(0.0).where_cond(v[0].recip(), 0.0)),
            row("powf", "0, power 1/2", [&[0.0]], |v| v[0].gt(0.0).where_cond(v[0].powf(0.5), 0.0)),
            row("pow", "array 0 ^ array 1/2", [&[0.0], &[0.5]], |v| v[0].gt(0.0).where_cond(v[0].pow(v[1]), 0.0)),
            row("asin", "1", [&[1.0]], |v| v[0].lt(1.0).where_cond(v[0].asin(), 0.0)),
            row("acosh", "1", [&[1.0]], |v| v[0].gt(1.0).where_cond(v[0].acosh(), 0.0)),
            row("exp", "1000", [&[1000.0]], |v| v[0].lt(100.0).where_cond(v[0].exp(), 0.0)),
            row("x / y", "(1, 0)", [&[1.0], &[0.0]], |v| v[1].gt(0.0).where_cond(v[0] / v[1], 0.0)),
            row("x ln x", "0", [&[0.0]], |v| v[0].gt(0.0).where_cond(v[0] * v[0].ln(), 0.0)),
            row("vector_norm", "inf 1, order 2", [&[INF, 1.0]], |v| {
                let norm = v[0].vector_norm(2.0, 0, false);
                norm.lt(INF).where_cond(norm, 0.0)
            }),
            row("softmax", "-inf -inf", [&[-INF, -INF]], |v| v[0].ge(0.0).where_cond(v[0].softmax(0), 0.0)),
            row("matmul", "(inf 1) times (0; 1)", [&[INF, 1.0], &[0.0, 1.0]], |v| {
                let product = v[0].dot(v[1]);
                product.gt(0.0).where_cond(product, 0.0)
            }),
            row("sqrt", "0, not masked", [&[0.0]], |v| v[0].sqrt()),
            row("sqrt times sqrt", "0, not masked", [&[0.0]], |v| v[0].sqrt() * v[0].sqrt()),
            row("sqrt of a square", "0, not masked", [&[0.0]], |v| (v[0] * v[0]).sqrt()),
        ]
    };
    rows().into_iter().chain(rows().map(Row::second)).collect()
}

/// The points at which further engines were measured.
fn engines() -> Vec<Row> {
    vec![
        row("abs", "0", [&[0.0]], |v| v[0].abs()),
        row("abs", "0, second", [&[0.0]], |v| v[0].abs()).second(),
        row("relu", "0", [&[0.0]], |v| v[0].relu()),
        row("relu", "0, second", [&[0.0]], |v| v[0].relu()).second(),
        row("maximum", "of 0 and the number 0", [&[0.0]], |v| v[0].maximum(0.0)),
        row("maximum", "x = y", [&[1.0], &[1.0]], |v| v[0].maximum(v[1])),
        row("clamp", "to [0, 1], at 0 and 1", [&[0.0, 1.0]], |v| v[0].clamp(0.0, 1.0)),
        row("sqrt", "0", [&[0.0]], |v| v[0].sqrt()),
        row("x^2.0", "0", [&[0.0]], |v| v[0].powf(2.0)),
        row("x^2.0", "0, second", [&[0.0]], |v| v[0].powf(2.0)).second(),
        row("x^1.0", "0", [&[0.0]], |v| v[0].powf(1.0)),
        row("x^1.0", "0, second", [&[0.0]], |v| v[0].powf(1.0)).second(),
        row("x^0.0", "0", [&[0.0]], |v| v[0].powf(0.0)),
        row("x^y by y", "(0, 2)", [&[2.0]], |v| (v[0] * 0.0).detach().pow(v[0])),
        row("max", "3 3 1", [&[3.0, 3.0, 1.0]], |v| v[0].max()),
        row("min", "1 1 2", [&[1.0, 1.0, 2.0]], |v| v[0].min()),
        row("sort", "1 1 2, the first", [&[1.0, 1.0, 2.0]], |v| v[0].sort(0, false).0.narrow(0, 0, 1)),
        row("prod", "0 2 3", [&[0.0, 2.0, 3.0]], |v| v[0].prod()),
        row("prod", "0 0 3", [&[0.0, 0.0, 3.0]], |v| v[0].prod()),
        row("cumprod", "2 0 3, summed", [&[2.0, 0.0, 3.0]], |v| v[0].cumprod(0)),
        row("2-norm", "0", [&[0.0]], |v| v[0].vector_norm(2.0, 0, false)),
        row("atan2", "(0, 0)", [&[0.0], &[0.0]], |v| v[0].atan2(v[1])),
        row("where(x > 0, sqrt(x), 0)", "0", [&[0.0]], |v| v[0].gt(0.0).where_cond(v[0].sqrt(), 0.0)),
        row("round", "0.5", [&[0.5]], |v| v[0].round()),
        row("floor", "1", [&[1.0]], |v| v[0].floor()),
        row("sign", "0", [&[0.0]], |v| v[0].sign()),
        row("mod", "(7, 3)", [&[7.0], &[3.0]], |v| v[0].remainder(v[1])),
        shaped("max pooling, 2 x 2", "four equal", &[1, 2, 2], [&[5.0; 4]], |v| v[0].max_pool2d([2, 2], Default::default())),
        row("log_softmax", "-inf 0, the second", [&[-INF, 0.0]], |v| v[0].log_softmax(0).narrow(0, 1, 1)),
    ]
}

/// Six digits.
fn show(x: f64) -> String {
    let x: f64 = format!("{x:.5e}").parse().expect("a number");
    match x.abs() {
        _ if x.is_nan() => "nan".into(),
        0.0 => "0".into(),
        size if (1e-4..1e6).contains(&size) || size == INF => x.to_string(),
        _ => format!("{x:e}"),
    }
}

/// What a row gives: the derivatives of the sum, of its order, by each input; `none` where no gradient flows to any.
fn derivatives(row: &Row) -> String {
    let tape = Tape::<f64>::new();
    let x: Vec<_> = row.inputs.iter().map(|x| tape.leaf(x.clone())).collect();
    let mut gradients = tape.grad((row.f)(&x).sum(), &x);
    if gradients.iter().all(Option::is_none) {
        return "none".into();
    }
    for _ in 1..row.order {
        let sum = gradients.into_iter().flatten().map(|g| g.sum()).reduce(|a, b| a + b);
        gradients = sum.map_or(vec![None; x.len()], |sum| tape.grad(sum, &x));
    }
    let numbers = |(g, x): (Option<Var<'_, f64>>, &Var<'_, f64>)| {
        let g = g.map_or(vec![0.0; x.numel()], |g| g.to_vec());
        g.into_iter().map(show).collect::<Vec<_>>().join(" ")
    };
    gradients.into_iter().zip(&x).map(numbers).collect::<Vec<_>>().join("; ")
}

/// The cells of a row of a table.
fn cells(line: &str) -> Vec<&str> {
    line.trim().trim_matches('|').split('|').map(str::trim).collect()
}

/// A table with all its columns "wengert" computed: one, or one for each order. `rows` are those of its section.
struct Table<'a> {
    rows: Vec<&'a Row>,
    /// The places of the columns, by order.
    columns: Vec<usize>,
    /// What is wrong with the text.
    wrong: Vec<String>,
}

impl Table<'_> {
    /// The line as it should be.
    fn line(&mut self, line: &str) -> String {
        let mut cells: Vec<String> = cells(line).into_iter().map(String::from).collect();
        let key = (cells[0].trim_matches('`').to_string(), cells[1].clone());
        for (k, &column) in self.columns.iter().enumerate() {
            let is_it = |row: &&Row| row.op == key.0 && row.at == key.1 && (self.columns.len() == 1 || row.order == k + 1);
            let found = self.rows.iter().position(is_it);
            let Some(i) = found else {
                self.wrong.push(format!("not computed: {line}"));
                continue;
            };
            let value = derivatives(self.rows.remove(i));
            if cells[column] != value {
                self.wrong.push(format!("{value}, not {}: {line}", cells[column]));
                cells[column] = value;
            }
        }
        format!("| {} |", cells.join(" | "))
    }
}

/// The text as it should be, and what is wrong with it.
fn written_anew(text: &str) -> (String, Vec<String>) {
    let sections = [
        ("First derivatives", first()),
        ("Second derivatives, where the first ones agree", second()),
        ("A cotangent of 0 stays 0", zeros()),
        ("Further engines", engines()),
    ];
    let (mut new, mut wrong) = (String::new(), Vec::new());
    let mut table = Table { rows: Vec::new(), columns: Vec::new(), wrong: Vec::new() };
    let unused =
        |table: &mut Table<'_>| table.rows.drain(..).map(|row| format!("no line: | `{}` | {} |", row.op, row.at)).collect::<Vec<_>>();
    let mut seen = 0;
    for line in text.lines() {
        let line = if let Some(heading) = line.strip_prefix("## ") {
            wrong.append(&mut table.wrong);
            wrong.extend(unused(&mut table));
            let rows = sections.iter().find(|(name, _)| *name == heading);
            seen += usize::from(rows.is_some());
            table.rows = rows.map_or(Vec::new(), |(_, rows)| rows.iter().collect());
            table.columns.clear();
            line.to_string()
        } else if line.starts_with("| op |") {
            table.columns = (0..).zip(cells(line)).filter(|(_, name)| name.starts_with("wengert")).map(|(i, _)| i).collect();
            line.to_string()
        } else if line.starts_with("| `") && !table.columns.is_empty() {
            table.line(line)
        } else {
            line.to_string()
        };
        writeln!(new, "{line}").expect("a string takes all");
    }
    wrong.append(&mut table.wrong);
    wrong.extend(unused(&mut table));
    if seen != sections.len() {
        wrong.push(format!("{seen} of {} sections", sections.len()));
    }
    (new, wrong)
}

#[test]
fn the_tables_are_true() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/kinks.md");
    let text = std::fs::read_to_string(path).expect("the page is there");
    let (new, wrong) = written_anew(&text);
    if std::env::var_os("WENGERT_BLESS").is_some() {
        std::fs::write(path, &new).expect("the page can be written");
        // What the page lacks, it lacks still.
        let (again, wrong) = written_anew(&new);
        assert!(wrong.is_empty() && again == new, "{}", wrong.join("\n"));
        return;
    }
    assert!(wrong.is_empty(), "WENGERT_BLESS=1 writes what the code gives:\n{}", wrong.join("\n"));
    assert!(new == text, "WENGERT_BLESS=1 writes the lines of tables with one space beside each cell");
}
