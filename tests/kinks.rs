//! Is what `docs/kinks.md` says true? Its column "wengert" is computed anew, row by row.

use ndarray::ArrayD;
use wengert::{
    AttentionOptions, BceOptions, BceWithLogitsOptions, KlDivOptions, MarginRankingOptions, MaxUnpoolOptions, Reduction, Tape, Var,
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
}

/// A row whose inputs are vectors.
fn row<const N: usize>(op: &'static str, at: &'static str, inputs: [&[f64]; N], f: Function) -> Row {
    Row { op, at, inputs: inputs.map(|x| ndarray::arr1(x).into_dyn()).into(), f }
}
/// A row whose inputs are matrices of two columns.
fn matrices<const N: usize>(op: &'static str, at: &'static str, inputs: [&[f64]; N], f: Function) -> Row {
    let matrix = |x: &[f64]| ArrayD::from_shape_vec(vec![x.len() / 2, 2], x.to_vec()).expect("of two columns");
    Row { op, at, inputs: inputs.map(matrix).into(), f }
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
        row("hardtanh", "-1, 1", [&[-1.0, 1.0]], |v| v[0].hardtanh(-1.0, 1.0)),
        row("leaky_relu", "0", [&[0.0]], |v| v[0].leaky_relu(0.01)),
        row("gelu", "1, -2", [&[1.0, -2.0]], |v| v[0].gelu()),
        row("silu", "inf, -inf", [&[INF, -INF]], |v| v[0].silu()),
        row("gelu", "inf, -inf", [&[INF, -INF]], |v| v[0].gelu()),
        row("pow", "array 0 ^ number 0", [&[0.0]], |v| v[0].pow(0.0)),
        row("pow", "array 0 ^ array 0", [&[0.0], &[0.0]], |v| v[0].pow(v[1])),
        row("pow", "array 0 ^ array -1", [&[0.0], &[-1.0]], |v| v[0].pow(v[1])),
        row("xlogy", "(0, -1)", [&[0.0], &[-1.0]], |v| v[0].xlogy(v[1])),
        row("atan2", "(0, 0)", [&[0.0], &[0.0]], |v| v[0].atan2(v[1])),
        row("hypot", "(0, 0)", [&[0.0], &[0.0]], |v| v[0].hypot(v[1])),
        row("hypot", "(3, 0), (1e200, 1e200)", [&[3.0, 1e200], &[0.0, 1e200]], |v| v[0].hypot(v[1])),
        row("sinc", "1e-9, 1e-4, 0.01", [&[1e-9, 1e-4, 0.01]], |v| v[0].sinc()),
        row("maximum", "(nan, 1)", [&[NAN], &[1.0]], |v| v[0].maximum(v[1])),
        row("clamp", "at both bounds", [&[-1.0, 1.0]], |v| v[0].clamp(-1.0, 1.0)),
        row("clamp", "arrays: x below min equals max", [&[0.0], &[1.0], &[1.0]], |v| v[0].clamp_within(v[1], v[2])),
        row("clamp", "arrays: all three equal", [&[1.0], &[1.0], &[1.0]], |v| v[0].clamp_within(v[1], v[2])),
        row("logaddexp", "(inf, inf)", [&[INF], &[INF]], |v| v[0].logaddexp(v[1])),
        row("logaddexp", "(inf, 0), (-inf, 0)", [&[INF, -INF], &[0.0, 0.0]], |v| v[0].logaddexp(v[1])),
        row("max_with_indices", "tie of 2 of 3", [&[3.0, 3.0, 1.0]], |v| v[0].max_with_indices(0, false).0),
        row("min_with_indices", "tie of 2 of 3", [&[1.0, 1.0, 3.0]], |v| v[0].min_with_indices(0, false).0),
        row("median", "tie 1 1 2", [&[1.0, 1.0, 2.0]], |v| v[0].median()),
        row("median", "even 1 2 3 4", [&[1.0, 2.0, 3.0, 4.0]], |v| v[0].median()),
        row("kthvalue", "1 1 1, k = 2", [&[1.0, 1.0, 1.0]], |v| v[0].kthvalue(2, 0, false).0),
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
    ]
}

fn second() -> Vec<Row> {
    vec![
        row("elu", "0", [&[0.0]], |v| v[0].elu(1.0)),
        row("elu", "0, alpha 2", [&[0.0]], |v| v[0].elu(2.0)),
        row("celu", "0, alpha 4", [&[0.0]], |v| v[0].celu(4.0)),
        row("selu", "0", [&[0.0]], |v| v[0].selu()),
        row("hardsigmoid", "-3, 3", [&[-3.0, 3.0]], |v| v[0].hardsigmoid()),
        row("softplus", "19, 20, 20.5, 30", [&[19.0, 20.0, 20.5, 30.0]], |v| v[0].softplus()),
        row("softsign", "0", [&[0.0]], |v| v[0].softsign()),
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

/// What a row gives: the derivatives of the sum, of this order, by each input.
fn derivatives(row: &Row, order: usize) -> String {
    let tape = Tape::<f64>::new();
    let x: Vec<_> = row.inputs.iter().map(|x| tape.leaf(x.clone())).collect();
    let mut gradients = tape.grad((row.f)(&x).sum(), &x);
    for _ in 1..order {
        let sum = gradients.into_iter().flatten().map(|g| g.sum()).reduce(|a, b| a + b);
        gradients = sum.map_or(vec![None; x.len()], |sum| tape.grad(sum, &x));
    }
    let numbers = |(g, x): (Option<Var<'_, f64>>, &Var<'_, f64>)| {
        let g = g.map_or(vec![0.0; x.numel()], |g| g.to_vec());
        g.into_iter().map(show).collect::<Vec<_>>().join(" ")
    };
    gradients.into_iter().zip(&x).map(numbers).collect::<Vec<_>>().join("; ")
}

#[test]
fn the_tables_are_true() {
    let text = include_str!("../docs/kinks.md");
    let [_, tables @ ..] = &text.split("\n## ").collect::<Vec<_>>()[..] else { panic!("no headings") };
    let mut wrong = Vec::new();
    for (order, rows) in [(1, first()), (2, second())] {
        let mut lines: Vec<&str> = tables[order - 1].lines().filter(|line| line.starts_with("| `")).collect();
        for row in rows {
            let begin = format!("| `{}` | {} |", row.op, row.at);
            let Some(i) = lines.iter().position(|line| line.starts_with(&begin)) else {
                wrong.push(format!("no row {begin}"));
                continue;
            };
            let cells: Vec<&str> = lines.remove(i).split('|').map(str::trim).collect();
            let found = derivatives(&row, order);
            if cells[5] != found {
                wrong.push(format!("{begin} {} | {} | {found} | not {}", cells[3], cells[4], cells[5]));
            }
        }
        wrong.extend(lines.iter().map(|line| format!("not computed: {line}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
