//! Norms: of vectors, of windows, and layers that normalize.

use wengert::{Tape, Var};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// As in PyTorch, the norm with p = inf or -inf takes absolute values.
#[test]
fn norms_of_infinite_power() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf([[1.0, -3.0, 2.0, 0.5]]);
    assert_eq!(x.lp_pool1d(INF, [2], Default::default()).to_vec(), [3.0, 2.0]);
    assert_eq!(x.lp_pool1d(-INF, [2], Default::default()).to_vec(), [1.0, 0.5]);
}
/// Rows of zeros, rows that are not finite, and rows whose powers overflow or vanish, among many rows and on several threads, for every
/// order.
#[test]
fn rows_of_zeros_and_rows_at_the_ends_of_the_type_have_their_norms() {
    const KINDS: [[f64; 2]; 7] = [[0.0, 0.0], [3.0, 4.0], [3e-200, 4e-200], [3e200, -4e200], [NAN, 1e-200], [INF, 0.0], [0.0, 5e-320]];
    let n = 7 * 2000;
    let x: Vec<f64> = (0..n).flat_map(|i| KINDS[i % 7]).collect();
    let tape = Tape::<f64>::new();
    let x = tape.leaf(x).reshape([-1, 2]);
    // For order -2 the norm is a b / sqrt(a^2 + b^2).
    for (p, right) in [(2.0, [0.0, 5.0, 5e-200, 5e200, NAN, INF, 5e-320]), (-2.0, [0.0, 2.4, 2.4e-200, 2.4e200, NAN, 0.0, 0.0])] {
        for (way, y) in [("rows", x.vector_norm(p, 1, false)), ("columns", tape.leaf(x.t().to_array()).vector_norm(p, 0, false))] {
            for (i, y) in y.to_vec().into_iter().enumerate() {
                let right = right[i % 7];
                let near = y == right || (y / right - 1.0).abs() < 1e-14 || y.is_nan() && right.is_nan();
                assert!(near, "{way} of order {p}: {y}, not {right}, of {:?}", KINDS[i % 7]);
            }
        }
    }
}
#[test]
fn large_arrays_give_what_small_ones_do() {
    // Large enough for several threads and for several chunks in a row.
    let tape = Tape::<f64>::new();
    let values: Vec<f64> = (0..60_000).map(|i| ((i * 7919) % 1013) as f64 * 0.01 - 3.0).collect();
    for (shape, axes) in
        [([100, 600], [1].as_slice()), ([600, 100], &[0]), ([2, 30_000], &[1]), ([60_000, 1], &[0]), ([1, 60_000], &[0, 1])]
    {
        let x = tape.leaf(&values).reshape(shape);
        let centred = x - x.mean_axes(axes, true);
        let pairs = [
            (x.standardize(axes, 0.1), centred / (centred.square().mean_axes(axes, true) + 0.1).sqrt()),
            (x.var(axes, 0.0, false), centred.square().mean_axes(axes, false)),
            (x.vector_norm(3.0, axes, false), x.abs().powf(3.0).sum_axes(axes, false).powf(1.0 / 3.0)),
            (x.vector_norm(INF, axes, false), x.abs().amax(axes, false)),
        ];
        for (a, b) in pairs {
            let gradient = |y: Var<'_, f64>| tape.grad((y * y).sum() + y.sum(), &[x])[0].unwrap().to_vec();
            for (a, b) in a.to_vec().iter().zip(b.to_vec()).chain(gradient(a).iter().zip(gradient(b))) {
                assert!((a - b).abs() <= 1e-11 * (1.0 + b.abs()), "{a} and {b} of {shape:?} over {axes:?}");
            }
        }
    }
}
