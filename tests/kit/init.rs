//! Initial values: their spread, and that a seed gives the same numbers everywhere.

use ndarray::Array2;
use wengert::init::{he_normal, he_normal_fan_out, he_uniform, orthogonal, seeded, uniform, xavier_normal, xavier_uniform};

fn mean_and_std(x: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let n = x.clone().count() as f64;
    let mean = x.clone().sum::<f64>() / n;
    (mean, (x.map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt())
}

#[test]
fn spreads_are_as_their_formulas_say() {
    let rng = &mut seeded(1);
    let (out, inn) = (200, 300);
    let expected = [(2.0 / (out + inn) as f64).sqrt(), (2.0 / inn as f64).sqrt(), (2.0 / out as f64).sqrt()];
    let draws: [(Array2<f64>, f64, bool); 5] = [
        (xavier_uniform((out, inn), rng), expected[0], true),
        (xavier_normal((out, inn), rng), expected[0], false),
        (he_uniform((out, inn), rng), expected[1], true),
        (he_normal((out, inn), rng), expected[1], false),
        (he_normal_fan_out((out, inn), rng), expected[2], false),
    ];
    for (x, std, bounded) in draws {
        let (mean, found) = mean_and_std(x.iter().copied());
        assert!(mean.abs() < 4.0 * std / 60_000f64.sqrt(), "{mean}");
        assert!((found / std - 1.0).abs() < 0.01, "{found} {std}");
        let widest = x.iter().fold(0.0, |a: f64, x| a.max(x.abs()));
        assert_eq!(widest <= std * 3f64.sqrt(), bounded);
    }
}
#[test]
fn same_seed_same_numbers() {
    // Fixed values: they must not change between machines or versions.
    let x: ndarray::Array1<f64> = uniform(3, 0.0, 1.0, &mut seeded(42));
    assert_eq!(x.to_vec(), PINNED);
    let [a, b]: [Array2<f32>; 2] = [(); 2].map(|()| he_normal((3, 5), &mut seeded(9)));
    assert_eq!(a, b);
    let c: Array2<f64> = he_normal((3, 5), &mut seeded(9));
    assert_eq!(a, c.mapv(|x| x as f32));
}
#[test]
fn orthogonal_weights_keep_lengths() {
    for (shape, outer) in [(&[4, 2, 3][..], true), (&[6, 2, 2], false), (&[5, 5], true), (&[1, 7], true)] {
        let w: ndarray::ArrayD<f64> = orthogonal(shape, 3.0, &mut seeded(2));
        let w = w.into_shape_with_order((shape[0], shape[1..].iter().product::<usize>())).unwrap();
        let gram = if outer { w.dot(&w.t()) } else { w.t().dot(&w) };
        for ((i, j), &g) in gram.indexed_iter() {
            assert!((g - if i == j { 9.0 } else { 0.0 }).abs() < 1e-12, "{shape:?} {i} {j}: {g}");
        }
    }
    let none: Array2<f32> = orthogonal((0, 3), 1.0, &mut seeded(1));
    assert_eq!(none.dim(), (0, 3));
}
const PINNED: [f64; 3] = [0.8143051451229099, 0.3188210400616611, 0.9838941681774888];
#[test]
#[should_panic(expected = "he_normal: a weight has a shape [out, in, ..], not [4]")]
fn a_bias_has_no_fans() {
    he_normal::<f32, _>(4, &mut seeded(0));
}
