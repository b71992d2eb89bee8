//! Gradient clipping.

use super::check;
use crate::{Grads, Scalar};

/// Scales all gradients by one factor, so that their norm, taken over all of them together, is at most `max_norm`. Returns the norm before.
/// ([`torch.nn.utils.clip_grad_norm_`], the 2-norm.)
///
/// ```text
/// n = sqrt(sum of g^2 over all elements of all parameters)
/// g = g min(1, max_norm / (n + 1e-6))
/// ```
///
/// If a gradient is infinite or NaN, so is the returned norm: check it. If one is infinite, it becomes NaN and the others become 0. If one
/// is NaN, all become NaN. Squares are summed in `f64`, relative to the largest gradient where they would overflow or vanish, so gradients
/// near the limits of the type are clipped correctly. A norm that overflows `f64` is returned as infinite, although all gradients are
/// finite and are clipped. With an infinite `max_norm` nothing is changed, and the norm is returned.
///
/// ```
/// use wengert::optim::clip_grad_norm;
/// use wengert::{Param, Tape};
/// let (w, tape) = (Param::<f64>::new("w", [3.0, 4.0]), Tape::new());
/// let mut grads = tape.backward((tape.param(&w).square() * 0.5).sum());
/// assert_eq!(clip_grad_norm(&mut grads, 1.0), 5.0);
/// assert!((grads.get(&w).unwrap()[0] - 0.6).abs() < 1e-6);
/// ```
///
/// # Panics
/// If `max_norm` is negative or not a number.
///
/// Source: R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent neural networks" (2013).
///
/// [`torch.nn.utils.clip_grad_norm_`]: https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html
#[track_caller]
pub fn clip_grad_norm<T: Scalar>(grads: &mut Grads<T>, max_norm: f64) -> f64 {
    check(
        "clip_grad_norm",
        max_norm >= 0.0,
        "max_norm must be at least 0",
        max_norm,
        "1.0 is usual; `f64::INFINITY` measures the norm and cuts nothing",
    );
    let square = |g: &T| g.to_f64() * g.to_f64();
    let mut norm = grads.slices_mut().map(|(_, g)| g.iter().map(square).sum::<f64>()).sum::<f64>().sqrt();
    if !SQUARES.contains(&norm) {
        let largest = |most: f64, x: &T| if x.to_f64().abs() <= most { most } else { x.to_f64().abs() };
        let largest = grads.slices_mut().fold(0.0, |most, (_, g)| g.iter().fold(most, largest));
        if largest > 0.0 && largest.is_finite() {
            let square = |g: &T| (g.to_f64() / largest).powi(2);
            let root = grads.slices_mut().map(|(_, g)| g.iter().map(square).sum::<f64>()).sum::<f64>().sqrt();
            norm = largest * root;
            if norm > SQUARES.end && norm > max_norm {
                // Compared to such a norm 1e-6 is nothing. The norm itself may overflow; these quotients do not.
                let clip = |g: &mut T| *g = T::from_f64(g.to_f64() / largest * (max_norm / root));
                grads.slices_mut().for_each(|(_, g)| g.iter_mut().for_each(clip));
                return norm;
            }
        }
    }
    if max_norm.is_infinite() {
        return norm;
    }
    // 1e-6 is PyTorch's constant. `min` would hide a NaN.
    let factor = max_norm / (norm + 1e-6);
    if factor < 1.0 || factor.is_nan() {
        // A factor near or below the type's smallest normal number has lost digits.
        let scale = |g: &mut T| match factor >= 1e-30 || factor.is_nan() {
            true => *g *= T::from_f64(factor),
            false => *g = T::from_f64(g.to_f64() / (norm + 1e-6) * max_norm),
        };
        grads.slices_mut().for_each(|(_, g)| g.iter_mut().for_each(scale));
    }
    norm
}

/// For norms in this range, the squares are summed without scaling.
const SQUARES: std::ops::Range<f64> = 1e-140..1e140;

/// Clamps each element of all gradients to -clip_value ..= clip_value; NaN stays NaN. ([`torch.nn.utils.clip_grad_value_`].)
///
/// ```
/// use wengert::optim::clip_grad_value;
/// use wengert::{Param, Tape};
/// let (w, tape) = (Param::<f64>::new("w", [3.0, -0.5]), Tape::new());
/// let mut grads = tape.backward((tape.param(&w).square() * 0.5).sum());
/// clip_grad_value(&mut grads, 1.0);
/// assert_eq!(grads.get(&w).unwrap().as_slice().unwrap(), [1.0, -0.5]);
/// ```
///
/// # Panics
/// If `clip_value` is negative or not a number.
///
/// [`torch.nn.utils.clip_grad_value_`]: https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_value_.html
#[track_caller]
pub fn clip_grad_value<T: Scalar>(grads: &mut Grads<T>, clip_value: f64) {
    check("clip_grad_value", clip_value >= 0.0, "clip_value must be at least 0", clip_value, "1.0 is usual; `f64::INFINITY` cuts nothing");
    let most = T::from_f64(clip_value);
    let cut = |g: T| {
        if g > most {
            most
        } else if g < -most {
            -most
        } else {
            g
        }
    };
    grads.slices_mut().for_each(|(_, g)| g.iter_mut().for_each(|g| *g = cut(*g)));
}

#[cfg(test)]
mod tests {
    use super::super::first_order_tests::training_follows_pytorch;
    use super::*;
    use crate::optim::{Sgd, SgdOptions};
    use crate::{Param, Tape};

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
}
