//! How are large gradients cut?

use super::check;
use crate::{Grads, Scalar};

/// Scales all gradients by one number, so that the norm of all of them together is at most `max_norm`; gives back what it was.
/// ([`torch.nn.utils.clip_grad_norm_`], the 2-norm.)
///
/// ```text
/// n = sqrt(sum of g^2 over all elements of all parameters)
/// g = g min(1, max_norm / (n + 1e-6))
/// ```
///
/// If a gradient is infinite or not a number, so is the norm: look at what is returned. The sum is taken in `f64`.
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
    check(max_norm >= 0.0, "max_norm must be at least 0", max_norm);
    let square = |g: &T| g.to_f64() * g.to_f64();
    let norm = grads.slices_mut().map(|(_, g)| g.iter().map(square).sum::<f64>()).sum::<f64>().sqrt();
    // 1e-6 is PyTorch's. `min` would hide a NaN.
    let factor = max_norm / (norm + 1e-6);
    if factor < 1.0 || factor.is_nan() {
        let factor = T::from_f64(factor);
        grads.slices_mut().for_each(|(_, g)| g.iter_mut().for_each(|g| *g *= factor));
    }
    norm
}

/// Cuts each element of all gradients to -clip_value ..= clip_value; NaN stays. ([`torch.nn.utils.clip_grad_value_`].)
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
    check(clip_value >= 0.0, "clip_value must be at least 0", clip_value);
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
