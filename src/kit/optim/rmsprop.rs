//! RMSProp.

use super::bounds::{self, Room};
use super::{FirstOrder, Memory, PENALTY, RATE, Rule, check, not_negative};
use crate::{Grads, Param, Scalar, UpdateRule};

/// The options of [`RmsProp`], with PyTorch's names and defaults.
///
/// ```
/// use wengert::optim::{RmsProp, RmsPropOptions};
/// let optimizer: RmsProp = RmsProp::with(RmsPropOptions { lr: 1e-3, momentum: 0.9, centered: true, ..Default::default() });
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsPropOptions {
    /// The learning rate; default 0.01.
    pub lr: f64,
    /// The share that the running mean of g^2 keeps in each step; default 0.99.
    pub alpha: f64,
    /// Keeps the denominator from 0; default 1e-8. The smallest value in effect is the square root of the type's smallest normal number
    /// (about 1e-19 in `f32` and 1.5e-154 in `f64`).
    pub eps: f64,
    /// The weight of the penalty `|w|^2 / 2`, which is added to the loss; default 0.
    pub weight_decay: f64,
    /// The share of the last step's direction that is kept; default 0.
    pub momentum: f64,
    /// If true, divides by the running standard deviation of g instead of the root of the mean square; default false.
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
/// v - m^2 is taken as at least v times the type's epsilon, which is what rounding leaves of it when all gradients are equal. With 0 or
/// less, a step would be as large as `1 / eps`, or NaN. A gradient whose square overflows is replaced, in both m and v, by the largest
/// whose square does not.
///
/// Sources: T. Tieleman, G. Hinton, "Lecture 6.5: RMSProp" (Coursera: Neural networks for machine learning, 2012); A. Graves, "Generating
/// sequences with recurrent neural networks" (2013), for the centered form.
pub type RmsProp<T = f32> = FirstOrder<RmsPropOptions, T>;

impl Rule for RmsPropOptions {
    fn check(&self) {
        let RmsPropOptions { lr, alpha, eps, weight_decay, momentum, .. } = *self;
        not_negative("optimizer", "lr", lr, RATE);
        check("optimizer", (0.0..=1.0).contains(&alpha), "alpha must be from 0 to 1", alpha, "0.99 is usual");
        not_negative("optimizer", "eps", eps, "1e-8 is usual: it keeps a denominator from 0");
        not_negative("optimizer", "weight_decay", weight_decay, PENALTY);
        not_negative("optimizer", "momentum", momentum, "0.9 is usual; 0 is without momentum");
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
    fn takes_element(&self, array: &str, x: f64) -> bool {
        array != "square_avg" || x >= 0.0 || x.is_nan() // NaN if training has diverged
    }
    fn step<T: Scalar>(&self, param: &Param<T>, grads: &Grads<T>, memory: &mut Memory<T>) {
        let numbers = [self.lr, self.alpha, 1.0 - self.alpha, self.weight_decay, self.momentum];
        let [lr, keep, fresh, decay, momentum] = numbers.map(T::from_f64);
        let share = 1.0 - self.alpha.powi(i32::try_from(memory.steps).unwrap_or(i32::MAX));
        let room = Room::for_share(if self.centered { 8.0 * share } else { share }); // m^2 must not overflow either
        let step = Step { lr, keep, fresh, eps: bounds::eps(self.eps), epsilon: bounds::epsilon(), decay, momentum, room };
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
    /// The machine epsilon of the type.
    epsilon: T,
    decay: T,
    momentum: T,
    room: Room<T>,
}

impl<T: Scalar> Step<T> {
    /// g with the penalty.
    #[inline(always)]
    fn gradient(self, g: T, w: T) -> T {
        self.room.cut(g + self.decay * w)
    }
    /// d, computed from the mean square or the variance.
    #[inline(always)]
    fn direction(self, g: T, square: T) -> T {
        g / (square.sqrt() + self.eps)
    }
    /// v - m^2, but at least what rounding leaves of it when all gradients were equal.
    #[inline(always)]
    fn variance(self, v: T, m: T) -> T {
        let (variance, least) = (v - m * m, v * self.epsilon);
        if variance < least { least } else { variance }
    }
    /// The new v. Multiplied in PyTorch's order, in which the product overflows no earlier than v.
    #[inline(always)]
    fn mean_square(self, g: T, v: T) -> T {
        self.room.square(self.keep * v + self.fresh * g * g)
    }
}

impl<T: Scalar> UpdateRule<T, 1> for Step<T> {
    #[inline(always)]
    fn at(self, w: T, g: T, [v]: [T; 1]) -> (T, [T; 1]) {
        let g = self.gradient(g, w);
        let v = self.mean_square(g, v);
        (w - self.lr * self.direction(g, v), [v])
    }
}

/// With momentum.
impl<T: Scalar> UpdateRule<T, 2> for Step<T> {
    #[inline(always)]
    fn at(self, w: T, g: T, [v, b]: [T; 2]) -> (T, [T; 2]) {
        let g = self.gradient(g, w);
        let v = self.mean_square(g, v);
        let b = self.momentum * b + self.direction(g, v);
        (w - self.lr * b, [v, b])
    }
}

/// The centered form.
#[derive(Clone, Copy)]
struct Centered<T>(Step<T>);

impl<T: Scalar> UpdateRule<T, 2> for Centered<T> {
    #[inline(always)]
    fn at(self, w: T, g: T, [v, m]: [T; 2]) -> (T, [T; 2]) {
        let g = self.0.gradient(g, w);
        let (v, m) = (self.0.mean_square(g, v), m + self.0.fresh * (g - m));
        (w - self.0.lr * self.0.direction(g, self.0.variance(v, m)), [v, m])
    }
}

/// With momentum.
impl<T: Scalar> UpdateRule<T, 3> for Centered<T> {
    #[inline(always)]
    fn at(self, w: T, g: T, [v, m, b]: [T; 3]) -> (T, [T; 3]) {
        let g = self.0.gradient(g, w);
        let (v, m) = (self.0.mean_square(g, v), m + self.0.fresh * (g - m));
        let b = self.0.momentum * b + self.0.direction(g, self.0.variance(v, m));
        (w - self.0.lr * b, [v, m, b])
    }
}
