//! AdaGrad.

use super::bounds::{self, Room};
use super::{FirstOrder, Memory, PENALTY, RATE, Rule, not_negative};
use crate::{Grads, Param, Scalar, UpdateRule};

/// The options of [`Adagrad`], with PyTorch's names and defaults.
///
/// ```
/// use wengert::optim::{Adagrad, AdagradOptions};
/// let optimizer: Adagrad = Adagrad::with(AdagradOptions { lr: 0.1, lr_decay: 0.01, ..Default::default() });
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdagradOptions {
    /// The learning rate; default 0.01.
    pub lr: f64,
    /// The learning rate in step t is `lr / (1 + (t - 1) lr_decay)`; default 0.
    pub lr_decay: f64,
    /// The weight of the penalty `|w|^2 / 2`, which is added to the loss; default 0.
    pub weight_decay: f64,
    /// The initial value of the sum of g^2; default 0.
    pub initial_accumulator_value: f64,
    /// Keeps the denominator from 0; default 1e-10. The smallest value in effect is the square root of the type's smallest normal number
    /// (about 1e-19 in `f32` and 1.5e-154 in `f64`).
    pub eps: f64,
}

impl Default for AdagradOptions {
    fn default() -> Self {
        AdagradOptions { lr: 1e-2, lr_decay: 0.0, weight_decay: 0.0, initial_accumulator_value: 0.0, eps: 1e-10 }
    }
}

/// AdaGrad: elements with frequent large gradients take small steps.
///
/// ```text
/// g = gradient + weight_decay w
/// s = s + g^2
/// w = w - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps)
/// ```
///
/// t counts the steps in which this parameter had a gradient. A gradient whose square overflows (in `f32` from about 2e19 on) is replaced
/// by the largest whose square does not.
///
/// Source: J. Duchi, E. Hazan, Y. Singer, "Adaptive subgradient methods for online learning and stochastic optimization" (2011).
pub type Adagrad<T = f32> = FirstOrder<AdagradOptions, T>;

impl Rule for AdagradOptions {
    fn check(&self) {
        let AdagradOptions { lr, lr_decay, weight_decay, initial_accumulator_value, eps } = *self;
        not_negative("optimizer", "lr", lr, RATE);
        not_negative("optimizer", "lr_decay", lr_decay, "0 leaves the rate as it is");
        not_negative("optimizer", "weight_decay", weight_decay, PENALTY);
        not_negative("optimizer", "initial_accumulator_value", initial_accumulator_value, "0 is usual");
        not_negative("optimizer", "eps", eps, "1e-10 is usual: it keeps a denominator from 0");
    }
    fn lr(&self) -> f64 {
        self.lr
    }
    fn set_lr(&mut self, lr: f64) {
        self.lr = lr;
    }
    fn arrays(&self) -> Vec<(&'static str, f64)> {
        vec![("sum", self.initial_accumulator_value)]
    }
    fn takes_element(&self, array: &str, x: f64) -> bool {
        array != "sum" || x >= 0.0 || x.is_nan() // NaN if training has diverged
    }
    fn step<T: Scalar>(&self, param: &Param<T>, grads: &Grads<T>, memory: &mut Memory<T>) {
        let lr = self.lr / (1.0 + (memory.steps - 1) as f64 * self.lr_decay);
        let [lr, decay] = [lr, self.weight_decay].map(T::from_f64);
        let (eps, room) = (bounds::eps(self.eps), Room::for_share(1.0));
        param.update_by(grads, Step { lr, decay, eps, room }, [&mut memory.arrays[0]]);
    }
}

#[derive(Clone, Copy)]
struct Step<T> {
    lr: T,
    decay: T,
    eps: T,
    room: Room<T>,
}

impl<T: Scalar> UpdateRule<T, 1> for Step<T> {
    #[inline(always)]
    fn at(self, w: T, g: T, [s]: [T; 1]) -> (T, [T; 1]) {
        let g = self.room.cut(g + self.decay * w);
        let s = self.room.square(s + g * g);
        (w - self.lr * g / (s.sqrt() + self.eps), [s])
    }
}
