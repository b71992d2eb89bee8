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
