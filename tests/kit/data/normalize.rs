//! Normalization of features and channels, up to the ends of the number types.

use ndarray::{Array, ArrayD, Axis, array};
use wengert::data::Normalization;
use wengert::io::{State, StateError};

#[test]
fn each_channel_of_images() {
    let mut x =
        Array::from_shape_fn((4, 2, 3, 5), |(n, c, h, w)| (c * 100) as f64 + ((n * 7 + h * 3 + w) % 11) as f64 * (c + 1) as f64).into_dyn();
    let before = x.clone();
    let normalization = Normalization::fit(&x);
    normalization.apply(&mut x);
    for x in x.axis_iter(Axis(1)) {
        let mean = x.mean().unwrap();
        assert!(mean.abs() < 1e-13 && (x.mapv(|x| x * x).mean().unwrap() - 1.0).abs() < 1e-12);
    }
    normalization.invert(&mut x);
    assert!(x.iter().zip(&before).all(|(x, y)| (x - y).abs() < 1e-11));
}
#[test]
fn a_constant_feature_is_centred() {
    let mut x = array![[0.1f32, 1.0], [0.1, 2.0], [0.1, 3.0]].into_dyn();
    let normalization = Normalization::fit(&x);
    assert_eq!(normalization.std()[0], 1.0);
    normalization.apply(&mut x);
    assert_eq!(x.index_axis(Axis(1), 0), array![0.0, 0.0, 0.0].into_dyn());
}
#[test]
fn numbers_near_the_ends_of_the_type() {
    for size in [1e-300, 1e-160, 1e-20, 1.0, 1e30, 1e160, 1e300, 8e307] {
        let x = array![[-1.0, 5.0], [1.0, 5.0], [0.5, 5.0], [-0.5, 5.0]].mapv(|x: f64| x * (size / 5.0)).into_dyn();
        let normalization = Normalization::fit(&x);
        let std = 0.625f64.sqrt();
        assert!((normalization.std()[0] / (std * size / 5.0) - 1.0).abs() < 1e-12, "{size:e}: {normalization:?}");
        assert_eq!(normalization.std()[1], 1.0);
        let mut y = x.clone();
        normalization.apply(&mut y);
        for (found, right) in y.index_axis(Axis(1), 0).iter().zip([-1.0, 1.0, 0.5, -0.5]) {
            assert!((found - right / std).abs() < 1e-12, "{size:e}: {y:?}");
        }
        assert!(y.index_axis(Axis(1), 1).iter().all(|y| *y == 0.0));
        normalization.invert(&mut y);
        assert!(y.index_axis(Axis(1), 0).iter().zip(x.index_axis(Axis(1), 0)).all(|(y, x)| (y / size - x / size).abs() < 1e-12));
    }
    for size in [1e-44, 1e-38, 1e-20, 1e20, 3e38] {
        let x = array![[-1.0f32], [1.0]].mapv(|x| x * size).into_dyn();
        let (mut y, normalization) = (x.clone(), Normalization::fit(&x));
        normalization.apply(&mut y);
        assert_eq!(y, array![[-1.0], [1.0]].into_dyn(), "{size:e}");
        normalization.invert(&mut y);
        assert_eq!(y, x, "{size:e}");
    }
    // As far apart as numbers can be.
    let x = array![[f64::MIN], [f64::MAX]].into_dyn();
    let normalization = Normalization::fit(&x);
    assert!((normalization.std()[0] / f64::MAX - 1.0).abs() < 1e-12, "{normalization:?}");
}
#[test]
fn a_mean_that_is_no_number_of_f32() {
    let x = array![[16_777_216f32], [16_777_218.0], [16_777_220.0], [16_777_222.0]].into_dyn();
    let (mut y, normalization) = (x.clone(), Normalization::fit(&x));
    assert_eq!(normalization.mean(), [16_777_219.0]); // between two numbers of f32
    normalization.apply(&mut y);
    for (y, right) in y.iter().zip([-3.0, -1.0, 1.0, 3.0]) {
        assert!((f64::from(*y) - right / 5f64.sqrt()).abs() < 1e-7, "{y} instead of {right} / sqrt(5)");
    }
    normalization.invert(&mut y);
    assert_eq!(y, x);
}
#[test]
fn a_constant_feature_of_many_examples() {
    let mut x = ArrayD::from_elem(vec![200_000, 1], 0.1);
    let normalization = Normalization::fit(&x);
    assert_eq!((normalization.mean(), normalization.std()), (&[0.1][..], &[1.0][..]));
    normalization.apply(&mut x);
    assert!(x.iter().all(|x| *x == 0.0));
}
#[test]
fn kept_in_a_state() {
    let normalization = Normalization::new([0.5, 0.25], [1.0, 2.0]);
    assert_eq!(Normalization::from_state(&normalization.state()), Ok(normalization.clone()));
    assert_eq!(Normalization::from_state(&State::new()).unwrap_err().to_string(), "`mean` is missing");
    let mut state = normalization.state();
    state.insert("std", array![1.0, -2.0].into_dyn());
    assert!(matches!(Normalization::from_state(&state), Err(StateError::Type { name, .. }) if name == "std"));
    state.insert("std", array![1.0].into_dyn());
    assert!(matches!(Normalization::from_state(&state), Err(StateError::Shape { .. })));
    let scalar = State::from_iter([("mean", 1.0), ("std", 1.0)]);
    assert!(Normalization::from_state(&scalar).is_err());
}
#[test]
#[should_panic(expected = "Normalization::apply: shape [1, 3], but 2 channels were fitted")]
fn other_channels() {
    Normalization::new([0.0, 0.0], [1.0, 1.0]).apply(&mut array![[1.0, 2.0, 3.0]].into_dyn());
}
#[test]
#[should_panic(expected = "channel 1 holds infinities or NaN")]
fn not_a_number() {
    Normalization::fit(&array![[1.0, f64::NAN]].into_dyn());
}
#[test]
#[should_panic(expected = "needs elements of shape [batch, channels, ..], not [0, 3]")]
fn nothing_to_fit() {
    Normalization::fit(&ArrayD::<f32>::zeros(vec![0, 3]));
}
#[test]
#[should_panic(expected = "not [0.0] and [0.0]")]
fn a_spread_of_nothing() {
    Normalization::new([0.0], [0.0]);
}
