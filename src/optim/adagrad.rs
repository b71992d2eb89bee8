//! AdaGrad.

use super::{FirstOrder, Memory, Rule, check};
use crate::{Grads, Param, Scalar, UpdateRule};

/// The options of [`Adagrad`], by PyTorch's names and with its defaults.
///
/// ```
/// use wengert::optim::{Adagrad, AdagradOptions};
/// let optimizer: Adagrad = Adagrad::with(AdagradOptions { lr: 0.1, lr_decay: 0.01, ..Default::default() });
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdagradOptions {
    /// The learning rate; default 0.01.
    pub lr: f64,
    /// In step t the learning rate is `lr / (1 + (t - 1) lr_decay)`; default 0.
    pub lr_decay: f64,
    /// The weight of the penalty `|w|^2 / 2` on the loss; default 0.
    pub weight_decay: f64,
    /// What the sum of g^2 starts from; default 0.
    pub initial_accumulator_value: f64,
    /// What keeps the denominator from zero; default 1e-10.
    pub eps: f64,
}

impl Default for AdagradOptions {
    fn default() -> Self {
        AdagradOptions { lr: 1e-2, lr_decay: 0.0, weight_decay: 0.0, initial_accumulator_value: 0.0, eps: 1e-10 }
    }
}

/// AdaGrad: elements that often had large gradients take small steps.
///
/// ```text
/// g = gradient + weight_decay w
/// s = s + g^2
/// w = w - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps)
/// ```
///
/// t counts the steps in which this parameter had a gradient.
///
/// Source: J. Duchi, E. Hazan, Y. Singer, "Adaptive subgradient methods for online learning and stochastic optimization" (2011).
pub type Adagrad<T = f32> = FirstOrder<AdagradOptions, T>;

impl Rule for AdagradOptions {
    fn check(&self) {
        let AdagradOptions { lr, lr_decay, weight_decay, initial_accumulator_value, eps } = *self;
        check(lr >= 0.0, "lr must be at least 0", lr);
        check(lr_decay >= 0.0, "lr_decay must be at least 0", lr_decay);
        check(weight_decay >= 0.0, "weight_decay must be at least 0", weight_decay);
        check(initial_accumulator_value >= 0.0, "initial_accumulator_value must be at least 0", initial_accumulator_value);
        check(eps >= 0.0, "eps must be at least 0", eps);
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
    fn step<T: Scalar>(&self, param: &Param<T>, grads: &Grads<T>, memory: &mut Memory<T>) {
        let lr = self.lr / (1.0 + (memory.steps - 1) as f64 * self.lr_decay);
        let [lr, decay, eps] = [lr, self.weight_decay, self.eps].map(T::from_f64);
        param.update_by(grads, Step { lr, decay, eps }, [&mut memory.arrays[0]]);
    }
}

#[derive(Clone, Copy)]
struct Step<T> {
    lr: T,
    decay: T,
    eps: T,
}

impl<T: Scalar> UpdateRule<T, 1> for Step<T> {
    #[inline(always)]
    fn at(self, w: T, g: T, [s]: [T; 1]) -> (T, [T; 1]) {
        let g = g + self.decay * w;
        let s = s + g * g;
        (w - self.lr * g / (s.sqrt() + self.eps), [s])
    }
}
