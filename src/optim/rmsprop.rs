//! RMSProp.

use super::{FirstOrder, Memory, Rule, check};
use crate::{Grads, Param, Scalar, UpdateRule};

/// The options of [`RmsProp`], by PyTorch's names and with its defaults.
///
/// ```
/// use wengert::optim::{RmsProp, RmsPropOptions};
/// let optimizer: RmsProp = RmsProp::with(RmsPropOptions { lr: 1e-3, momentum: 0.9, centered: true, ..Default::default() });
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsPropOptions {
    /// The learning rate; default 0.01.
    pub lr: f64,
    /// How much of the running mean of g^2 each step keeps; default 0.99.
    pub alpha: f64,
    /// What keeps the denominator from zero; default 1e-8.
    pub eps: f64,
    /// The weight of the penalty `|w|^2 / 2` on the loss; default 0.
    pub weight_decay: f64,
    /// The share of the last step's direction that is kept; default 0.
    pub momentum: f64,
    /// Divides by the running standard deviation of g, in place of the root of the mean square; default no.
    pub centered: bool,
}

impl Default for RmsPropOptions {
    fn default() -> Self {
        RmsPropOptions { lr: 1e-2, alpha: 0.99, eps: 1e-8, weight_decay: 0.0, momentum: 0.0, centered: false }
    }
}

/// RMSProp: each element's gradient is divided by the root of the running mean of its square.
///
/// ```text
/// g = gradient + weight_decay w
/// v = alpha v + (1 - alpha) g^2
/// m = alpha m + (1 - alpha) g           (centered; else m = 0)
/// d = g / (sqrt(v - m^2) + eps)
/// b = momentum b + d                    (without momentum, b = d)
/// w = w - lr b
/// ```
///
/// Sources: T. Tieleman, G. Hinton, "Lecture 6.5: RMSProp" (Coursera: Neural networks for machine learning, 2012); A. Graves, "Generating
/// sequences with recurrent neural networks" (2013), for the centered form.
pub type RmsProp<T = f32> = FirstOrder<RmsPropOptions, T>;

impl Rule for RmsPropOptions {
    fn check(&self) {
        let RmsPropOptions { lr, alpha, eps, weight_decay, momentum, .. } = *self;
        check(lr >= 0.0, "lr must be at least 0", lr);
        check((0.0..=1.0).contains(&alpha), "alpha must be from 0 to 1", alpha);
        check(eps >= 0.0, "eps must be at least 0", eps);
        check(weight_decay >= 0.0, "weight_decay must be at least 0", weight_decay);
        check(momentum >= 0.0, "momentum must be at least 0", momentum);
    }
    fn lr(&self) -> f64 {
        self.lr
    }
    fn set_lr(&mut self, lr: f64) {
        self.lr = lr;
    }
    fn momentum(&self) -> Option<f64> {
        (self.momentum > 0.0).then_some(self.momentum)
    }
    fn set_momentum(&mut self, momentum: f64) {
        self.momentum = momentum;
    }
    fn arrays(&self) -> Vec<(&'static str, f64)> {
        let mut names = vec![("square_avg", 0.0)];
        names.extend(self.centered.then_some(("grad_avg", 0.0)));
        names.extend((self.momentum > 0.0).then_some(("momentum_buffer", 0.0)));
        names
    }
    fn step<T: Scalar>(&self, param: &Param<T>, grads: &Grads<T>, memory: &mut Memory<T>) {
        let numbers = [self.lr, self.alpha, 1.0 - self.alpha, self.eps, self.weight_decay, self.momentum];
        let [lr, keep, fresh, eps, decay, momentum] = numbers.map(T::from_f64);
        let step = Step { lr, keep, fresh, eps, decay, momentum };
        match &mut memory.arrays[..] {
            [v] => param.update_by(grads, step, [v]),
            [v, m] if self.centered => param.update_by(grads, Centered(step), [v, m]),
            [v, b] => param.update_by(grads, step, [v, b]),
            [v, m, b] => param.update_by(grads, Centered(step), [v, m, b]),
            _ => unreachable!("as many arrays as it named"),
        }
    }
}

/// The numbers of one step.
#[derive(Clone, Copy)]
struct Step<T> {
    lr: T,
    /// alpha, 1 - alpha.
    keep: T,
    fresh: T,
    eps: T,
    decay: T,
    momentum: T,
}

impl<T: Scalar> Step<T> {
    /// d, from the new v and m (0 where it is not centered).
    #[inline(always)]
    fn direction(self, g: T, v: T, m: T) -> T {
        g / ((v - m * m).sqrt() + self.eps)
    }
    /// The new v.
    #[inline(always)]
    fn mean_square(self, g: T, v: T) -> T {
        self.keep * v + self.fresh * (g * g)
    }
}

impl<T: Scalar> UpdateRule<T, 1> for Step<T> {
    #[inline(always)]
    fn at(self, w: T, g: T, [v]: [T; 1]) -> (T, [T; 1]) {
        let g = g + self.decay * w;
        let v = self.mean_square(g, v);
        (w - self.lr * self.direction(g, v, T::ZERO), [v])
    }
}

/// With momentum.
impl<T: Scalar> UpdateRule<T, 2> for Step<T> {
    #[inline(always)]
    fn at(self, w: T, g: T, [v, b]: [T; 2]) -> (T, [T; 2]) {
        let g = g + self.decay * w;
        let v = self.mean_square(g, v);
        let b = self.momentum * b + self.direction(g, v, T::ZERO);
        (w - self.lr * b, [v, b])
    }
}

/// The centered form.
#[derive(Clone, Copy)]
struct Centered<T>(Step<T>);

impl<T: Scalar> UpdateRule<T, 2> for Centered<T> {
    #[inline(always)]
    fn at(self, w: T, g: T, [v, m]: [T; 2]) -> (T, [T; 2]) {
        let g = g + self.0.decay * w;
        let (v, m) = (self.0.mean_square(g, v), m + self.0.fresh * (g - m));
        (w - self.0.lr * self.0.direction(g, v, m), [v, m])
    }
}

/// With momentum.
impl<T: Scalar> UpdateRule<T, 3> for Centered<T> {
    #[inline(always)]
    fn at(self, w: T, g: T, [v, m, b]: [T; 3]) -> (T, [T; 3]) {
        let g = g + self.0.decay * w;
        let (v, m) = (self.0.mean_square(g, v), m + self.0.fresh * (g - m));
        let b = self.0.momentum * b + self.0.direction(g, v, m);
        (w - self.0.lr * b, [v, m, b])
    }
}
