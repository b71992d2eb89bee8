//! Do means and variances keep their digits beside outliers, in groups of equal numbers and at the ends of the type?

use crate::{NormOptions, Tape, Var};

/// An outlier first, and numbers around 0 behind it.
fn outlier(n: usize, first: f32, size: f32) -> Vec<f32> {
    let noise = (0..n).map(|i| ((i * 7919 + 13) % 1013) as f32 / 506.0 - 1.0);
    let mut x: Vec<f32> = noise.map(|x| x * size).collect();
    x[0] = first;
    x
}

/// Everything that computes means and variances: of groups that lie together, of one group, of columns, and of channels with one and with several
/// elements. The array is n x k, and all its columns are equal; each result is that of the first column.
fn ways<'t>(x: &'t [f32], tape: &'t Tape<f32>) -> Vec<(&'static str, Vec<f32>)> {
    let (n, k) = (x.len(), 3);
    let column = tape.leaf(x.to_vec());
    let columns = column.unsqueeze(1).broadcast_to([n, k]).contiguous();
    let rows = columns.t().contiguous();
    let options = NormOptions { eps: 0.0, ..Default::default() };
    let first_row = |v: Var<'t, f32>| v.narrow(0, 0, 1).to_vec();
    let gradient = |v: Var<'t, f32>| tape.grad(v.var(.., 0.0, false), &[v])[0].expect("reached").to_vec();
    vec![
        ("layer norm", first_row(rows.standardize(1, 0.0))),
        ("one group", column.standardize(0, 0.0).to_vec()),
        ("columns", first_row(columns.standardize(0, 0.0).t().contiguous())),
        ("batch norm of columns", first_row(columns.batch_norm_train(None, options).t().contiguous())),
        ("batch norm", rows.unsqueeze(0).batch_norm_train(None, options).to_vec()[..n].to_vec()),
        ("variance", vec![column.var(0, 0.0, false).item()]),
        ("variance of rows", rows.var(1, 0.0, false).to_vec()[..1].to_vec()),
        ("variance of columns", columns.var(0, 0.0, false).to_vec()[..1].to_vec()),
        ("gradient of the variance", gradient(column)),
    ]
}

#[test]
fn a_first_element_that_is_an_outlier_costs_no_digits() {
    for (n, first, size) in [(1024, 1e4, 1.7), (1024, -1e6, 1.0), (1 << 16, 1e7, 0.0)] {
        let x = outlier(n, first, size);
        let exact: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
        let mean = exact.iter().sum::<f64>() / n as f64;
        let variance = exact.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64;
        for (way, found) in ways(&x, &Tape::new()) {
            // Deviations beside the first one: the deviation by which all are divided has the rounding of a sum of squares, as variances do.
            let deviations = found.len() == n;
            // Each addition to the first one rounds by half a unit in its last place: all n of a column do, else those of a lane.
            let rounding = 6e-8 / if way.ends_with("columns") { 1.0 } else { 32.0 };
            for (i, &y) in found.iter().enumerate() {
                let (found, right, bound) = match deviations {
                    true => (f64::from(y) / f64::from(found[0]), (exact[i] - mean) / (exact[0] - mean), rounding),
                    false => (f64::from(y), variance, 1e-4 * variance),
                };
                assert!((found - right).abs() <= bound + 1e-5 * right.abs(), "{way} of {n}, {first}: {found} at {i}, not {right}");
            }
        }
    }
}

#[test]
fn equal_numbers_have_variance_0_to_the_bit() {
    for x in [0.1, 1e4 + 0.3, 1e30, -3e38] {
        for (way, found) in ways(&[x; 3001], &Tape::new()).into_iter().filter(|(way, _)| way.contains("variance")) {
            assert!(found.iter().all(|&y| y == 0.0), "{way} of {x}: {found:?}");
        }
    }
}

#[test]
fn outliers_give_the_same_bits_at_any_number_of_threads() {
    let bits = || {
        let x = outlier(100_000, 1e7, 1.0);
        let all = ways(&x, &Tape::new()).into_iter().flat_map(|(_, y)| y);
        all.map(f32::to_bits).collect::<Vec<u32>>()
    };
    let at = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads").install(bits);
    let one = at(1);
    assert!(one == at(2) && one == at(3));
}

#[test]
fn groups_of_zeros_and_groups_at_the_ends_of_the_type_have_their_deviations() {
    // Zeros, equal numbers, equal ones whose squares vanish, squares beyond both ends, distances that are small beside the numbers, what is
    // not finite.
    const ABOVE: f32 = f32::from_bits(1e-15_f32.to_bits() + 2);
    const KINDS: [[f32; 2]; 8] =
        [[0.0; 2], [3.0; 2], [1e-30; 2], [1e-30, 3e-30], [-2e30, 2e30], [1e-15, ABOVE], [f32::NAN, 0.0], [f32::INFINITY, 0.0]];
    let n = 8 * 1000;
    let tape = Tape::<f32>::new();
    let x = tape.leaf((0..n).flat_map(|i| KINDS[i % 8]).collect::<Vec<f32>>()).reshape_to([n, 2].into());
    let small = (ABOVE - 1e-15) / 2.0;
    let right = [0.0, 0.0, 0.0, 1e-30, 2e30, small, f32::NAN, f32::NAN];
    for (way, y) in [("rows", x.std(1, 0.0, false)), ("columns", x.t().contiguous().std(0, 0.0, false))] {
        for (i, y) in y.to_vec().into_iter().enumerate() {
            let right = right[i % 8];
            let near = y == right || (y / right - 1.0).abs() < 1e-6 || y.is_nan() && right.is_nan();
            assert!(near, "{way}: {y}, not {right}, of {:?}", KINDS[i % 8]);
        }
    }
}
