//! Stochastic gradient descent, with momentum.

use super::bounds::MOST;
use super::{FirstOrder, Memory, PENALTY, RATE, Rule, check, not_negative};
use crate::{Grads, Param, Scalar, UpdateRule};

/// The options of [`Sgd`], with PyTorch's names and defaults.
///
/// ```
/// use wengert::optim::{Sgd, SgdOptions};
/// let optimizer: Sgd = Sgd::with(SgdOptions { lr: 0.1, momentum: 0.9, nesterov: true, ..Default::default() });
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SgdOptions {
    /// The learning rate; default 0.001.
    pub lr: f64,
    /// The share of the last step's direction that is kept; default 0.
    pub momentum: f64,
    /// The share of the gradient that is left out of the direction; default 0.
    pub dampening: f64,
    /// The weight of the penalty `|w|^2 / 2`, which is added to the loss; default 0.
    pub weight_decay: f64,
    /// If true, uses Nesterov momentum, which looks one step ahead; default false.
    pub nesterov: bool,
}

impl Default for SgdOptions {
    fn default() -> Self {
        SgdOptions { lr: 1e-3, momentum: 0.0, dampening: 0.0, weight_decay: 0.0, nesterov: false }
    }
}

/// Stochastic gradient descent.
///
/// ```text
/// g = gradient + weight_decay w
/// b = g in a parameter's first step, then momentum b + (1 - dampening) g        (without momentum, b = g)
/// w = w - lr b, or with nesterov w - lr (g + momentum b)
/// ```
///
/// Sources: B. T. Polyak, "Some methods of speeding up the convergence of iteration methods" (1964), for momentum; I. Sutskever,
/// J. Martens, G. Dahl, G. Hinton, "On the importance of initialization and momentum in deep learning" (2013), for Nesterov's form.
pub type Sgd<T = f32> = FirstOrder<SgdOptions, T>;

impl Rule for SgdOptions {
    fn check(&self) {
        let SgdOptions { lr, momentum, dampening, weight_decay, nesterov } = *self;
        not_negative("optimizer", "lr", lr, RATE);
        not_negative("optimizer", "momentum", momentum, "0.9 is usual; 0 is without momentum");
        check("optimizer", dampening.abs() <= MOST, "dampening must be a finite number, also as f32", dampening, "0 is usual");
        not_negative("optimizer", "weight_decay", weight_decay, PENALTY);
        let fits = !nesterov || (momentum > 0.0 && dampening == 0.0);
        check(
            "optimizer",
            fits,
            "nesterov needs momentum above 0 and dampening 0",
            (momentum, dampening),
            "momentum 0.9 and dampening 0 are usual with it",
        );
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
        if self.momentum > 0.0 { vec![("momentum_buffer", 0.0)] } else { Vec::new() }
    }
    fn step<T: Scalar>(&self, param: &Param<T>, grads: &Grads<T>, memory: &mut Memory<T>) {
        let [lr, decay, momentum] = [self.lr, self.weight_decay, self.momentum].map(T::from_f64);
        let [b] = &mut memory.arrays[..] else {
            return param.update_by(grads, Plain { lr, decay }, []);
        };
        let (keep, share) = if memory.steps == 1 { (T::ZERO, T::ONE) } else { (momentum, T::from_f64(1.0 - self.dampening)) };
        if self.nesterov {
            param.update_by(grads, Nesterov { lr, decay, keep, share, momentum }, [b]);
        } else {
            param.update_by(grads, Momentum { lr, decay, keep, share }, [b]);
        }
    }
}

/// A step without momentum.
#[derive(Clone, Copy)]
struct Plain<T> {
    lr: T,
    decay: T,
}

impl<T: Scalar> UpdateRule<T, 0> for Plain<T> {
    #[inline(always)]
    fn at(self, w: T, g: T, _: [T; 0]) -> (T, [T; 0]) {
        (w - self.lr * (g + self.decay * w), [])
    }
}

/// A step along b. `keep` is the share of b that is kept, `share` the factor of g.
#[derive(Clone, Copy)]
struct Momentum<T> {
    lr: T,
    decay: T,
    keep: T,
    share: T,
}

impl<T: Scalar> UpdateRule<T, 1> for Momentum<T> {
    #[inline(always)]
    fn at(self, w: T, g: T, [b]: [T; 1]) -> (T, [T; 1]) {
        let b = self.keep * b + self.share * (g + self.decay * w);
        (w - self.lr * b, [b])
    }
}

/// The same with Nesterov momentum.
#[derive(Clone, Copy)]
struct Nesterov<T> {
    lr: T,
    decay: T,
    keep: T,
    share: T,
    momentum: T,
}

impl<T: Scalar> UpdateRule<T, 1> for Nesterov<T> {
    #[inline(always)]
    fn at(self, w: T, g: T, [b]: [T; 1]) -> (T, [T; 1]) {
        let g = g + self.decay * w;
        let b = self.keep * b + self.share * g;
        (w - self.lr * (g + self.momentum * b), [b])
    }
}
