//! Gradient clipping, compared with PyTorch's, up to the ends of the number types.

use crate::kit::helpers::training_follows_pytorch;
use wengert::optim::{Sgd, SgdOptions, clip_grad_norm, clip_grad_value};
use wengert::{Grads, Param, Scalar, Tape};

fn clipped_training_follows_pytorch(clip: fn(&mut Grads<f64>), expected: [[f64; 4]; 4]) {
    let mut optimizer = Sgd::with(SgdOptions { lr: 0.1, momentum: 0.5, ..Default::default() });
    training_follows_pytorch(
        |w, mut grads| {
            clip(&mut grads);
            optimizer.step([w], &grads);
        },
        expected,
    );
}
#[test]
fn by_norm() {
    let clip = |grads: &mut Grads<f64>| {
        clip_grad_norm(grads, 1.5);
    };
    clipped_training_follows_pytorch(
        clip,
        [
            [0.4833764548274667, -1.186836520210724, 1.8972491915556668, 0.09761444357506727],
            [0.45831464223738966, -1.0956569660661568, 1.7402087014109764, 0.22803813428421996],
            [0.42897589509896533, -0.996195504637672, 1.5518049604507498, 0.3783436999889088],
            [0.02052436111741795, -0.4128622406342027, -1.1912005435374748, 3.6136653466526565],
        ],
    );
}
#[test]
fn by_value() {
    clipped_training_follows_pytorch(
        |grads| clip_grad_value(grads, 0.75),
        [
            [0.4622417438109627, -1.175, 1.925, 0.085],
            [0.40763293844325965, -1.0625, 1.8125, 0.1975],
            [0.3477590633702689, -0.93125, 1.68125, 0.32875000000000004],
            [0.000969991020859863, -0.4149607354407155, -0.8500001430511477, 2.8600001430511477],
        ],
    );
}
fn grads_of(c: [f32; 3]) -> (Param, Param, Grads) {
    let (a, b, tape) = (Param::new("a", [1.0, 1.0]), Param::new("b", [1.0]), Tape::new());
    let loss = (tape.param(&a) * tape.constant([c[0], c[1]])).sum() + (tape.param(&b) * tape.constant([c[2]])).sum();
    let grads = tape.backward(loss);
    (a, b, grads)
}
#[test]
fn the_norm_is_that_of_all_parameters_together() {
    let (a, b, mut grads) = grads_of([2.0, -3.0, 6.0]);
    assert_eq!(clip_grad_norm(&mut grads, 7.1), 7.0);
    assert_eq!((grads.slice(&a).unwrap(), grads.slice(&b).unwrap()), (&[2.0, -3.0][..], &[6.0][..]));
    assert_eq!(clip_grad_norm(&mut grads, 3.5), 7.0);
    assert!((grads.slice(&b).unwrap()[0] - 3.0).abs() < 1e-5);
    assert!((clip_grad_norm(&mut grads, 0.0) - 3.5).abs() < 1e-5);
    assert_eq!(grads.slice(&a).unwrap(), [0.0, 0.0]);
}
#[test]
fn what_is_not_finite_is_not_hidden() {
    let (a, b, mut grads) = grads_of([f32::NAN, 1.0, f32::INFINITY]);
    clip_grad_value(&mut grads, 0.5);
    assert!(grads.slice(&a).unwrap()[0].is_nan());
    assert_eq!((grads.slice(&a).unwrap()[1], grads.slice(&b).unwrap()[0]), (0.5, 0.5));
    assert!(clip_grad_norm(&mut grads, 1.0).is_nan());
    assert!(grads.slice(&b).unwrap()[0].is_nan());
    assert_eq!(clip_grad_norm(&mut grads_of([f32::INFINITY, 0.0, 0.0]).2, 1.0), f64::INFINITY);
}
/// Gradients of this type, clipped: the returned norm, and the gradients after that.
fn clipped<T: Scalar>(values: &[f64], max_norm: f64) -> (f64, Vec<f64>) {
    let numbers: Vec<T> = values.iter().map(|x| T::from_f64(*x)).collect();
    let (w, tape) = (Param::<T>::new("w", vec![T::ZERO; values.len()]), Tape::new());
    let mut grads = tape.backward((tape.param(&w) * tape.constant(&numbers)).sum());
    let norm = clip_grad_norm(&mut grads, max_norm);
    (norm, grads.slice(&w).unwrap().iter().map(|g| g.to_f64()).collect())
}
fn near(found: f64, right: f64, precision: f64) {
    assert!((found - right).abs() <= precision * right.abs(), "{found:e} where {right:e} is right");
}
#[test]
fn numbers_near_the_ends_of_the_type_are_clipped_as_others_are() {
    for size in [1e-300, 1e-200, 1e-150, 1e-20, 1.0, 1e20, 1e150, 1e200, 3e307] {
        for max_norm in [1e-3, 1.0, 2.5, 1e100, 1e300] {
            let (norm, g) = clipped::<f64>(&[3.0 * size, -4.0 * size, 0.0], max_norm);
            near(norm, 5.0 * size, 1e-14);
            let norm = 5.0 * (size / 1e10);
            let share = if 5.0 * size > max_norm { max_norm / 1e10 / (norm + 1e-16) } else { 1.0 };
            near(g[0], 3.0 * size * share, 1e-13);
            near(g[1], -4.0 * size * share, 1e-13);
            assert_eq!(g[2], 0.0);
        }
    }
    for size in [1e-38, 1e-30, 1e-10, 1e10, 1e30, 8e37] {
        for max_norm in [1e-38, 1e-3, 1.0, 1e20] {
            let (norm, g) = clipped::<f32>(&[3.0 * size, -4.0 * size], max_norm);
            near(norm, 5.0 * size, 1e-6);
            let share = (max_norm / (5.0 * size + 1e-6)).min(1.0);
            let subnormal = f64::from(f32::from_bits(1)); // what rounding may change
            assert!((g[0] - 3.0 * size * share).abs() <= 1e-6 * g[0].abs() + subnormal, "{g:?} {size} {max_norm}");
            assert!((g[1] + 4.0 * size * share).abs() <= 1e-6 * g[1].abs() + subnormal, "{g:?} {size} {max_norm}");
        }
    }
    // The norm overflows f64.
    let (norm, g) = clipped::<f64>(&[1.5e308; 4], 1.0);
    assert_eq!((norm, &g[..]), (f64::INFINITY, &[0.5; 4][..]));
    assert_eq!(clipped::<f64>(&[1.5e308; 4], f64::INFINITY).1, [1.5e308; 4]);
    assert_eq!(clipped::<f32>(&[f64::INFINITY, 1.0], f64::INFINITY), (f64::INFINITY, vec![f64::INFINITY, 1.0]));
}
#[test]
fn no_gradients_have_norm_zero() {
    assert_eq!(clip_grad_norm(&mut Grads::<f32>::default(), 1.0), 0.0);
}
#[test]
#[should_panic(expected = "max_norm must be at least 0, not -1.0")]
fn the_largest_norm_is_not_negative() {
    clip_grad_norm(&mut Grads::<f32>::default(), -1.0);
}
