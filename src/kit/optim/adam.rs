//! Adam and AdamW.

use super::bounds::{self, Room};
use super::{FirstOrder, Memory, PENALTY, RATE, Rule, check, not_negative};
use crate::{Grads, Param, Scalar, UpdateRule};

/// The options of [`Adam`], with PyTorch's names and defaults.
///
/// ```
/// use wengert::optim::{Adam, AdamOptions};
/// let adam: Adam = Adam::with(AdamOptions { lr: 0.01, amsgrad: true, ..Default::default() });
/// let adamw: Adam = Adam::with(AdamOptions { weight_decay: 0.1, ..AdamOptions::adamw(1e-3) });
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamOptions {
    /// The learning rate; default 0.001.
    pub lr: f64,
    /// The shares that the running means of g and g^2 keep in each step; default (0.9, 0.999).
    pub betas: (f64, f64),
    /// Keeps the denominator from 0; default 1e-8. The smallest value in effect is the square root of the type's smallest normal number
    /// (about 1e-19 in `f32` and 1.5e-154 in `f64`).
    pub eps: f64,
    /// The weight of the penalty `|w|^2 / 2`; default 0.
    pub weight_decay: f64,
    /// If true, weight decay shrinks the weights directly and does not change the gradient, which is AdamW; default false.
    pub decoupled_weight_decay: bool,
    /// If true, divides by the largest running mean of g^2 so far instead of the current one; default false.
    pub amsgrad: bool,
}

impl Default for AdamOptions {
    fn default() -> Self {
        AdamOptions { lr: 1e-3, betas: (0.9, 0.999), eps: 1e-8, weight_decay: 0.0, decoupled_weight_decay: false, amsgrad: false }
    }
}

impl AdamOptions {
    /// The defaults of PyTorch's AdamW: a `weight_decay` of 0.01, which shrinks the weights directly.
    pub fn adamw(lr: f64) -> Self {
        AdamOptions { lr, weight_decay: 0.01, decoupled_weight_decay: true, ..Default::default() }
    }
}

/// Adam: each element has its own step size, computed from the running means of its gradient and of its square.
///
/// ```text
/// g = gradient + weight_decay w            (AdamW: g = gradient, w = (1 - lr weight_decay) w)
/// m = beta1 m + (1 - beta1) g
/// v = beta2 v + (1 - beta2) g^2
/// w = w - lr m' / (sqrt(v') + eps)   with m' = m / (1 - beta1^t), v' = v / (1 - beta2^t)
/// ```
///
/// A gradient whose square overflows (in `f32` from about 6e20 on in the first step, later from 2e19) is replaced, in both m and v, by the
/// largest whose square does not. Its step still has the right size.
///
/// t counts the steps in which this parameter had a gradient. With amsgrad, v' is computed from the largest v so far. [`Adam::adamw`] is
/// AdamW.
///
/// Sources: D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization" (2015); I. Loshchilov, F. Hutter, "Decoupled weight decay
/// regularization" (2019), for AdamW; S. J. Reddi, S. Kale, S. Kumar, "On the convergence of Adam and beyond" (2018), for amsgrad.
pub type Adam<T = f32> = FirstOrder<AdamOptions, T>;

impl<T: Scalar> Adam<T> {
    /// AdamW with this learning rate and PyTorch's defaults: a `weight_decay` of 0.01, which shrinks the weights directly.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[track_caller]
    pub fn adamw(lr: f64) -> Self {
        Adam::with(AdamOptions::adamw(lr))
    }
}

impl Rule for AdamOptions {
    fn check(&self) {
        let AdamOptions { lr, betas, eps, weight_decay, .. } = *self;
        not_negative("optimizer", "lr", lr, RATE);
        check(
            "optimizer",
            (0.0..1.0).contains(&betas.0) && (0.0..1.0).contains(&betas.1),
            "betas must be at least 0 and below 1",
            betas,
            "(0.9, 0.999) is usual",
        );
        not_negative("optimizer", "eps", eps, "1e-8 is usual: it keeps a denominator from 0");
        not_negative("optimizer", "weight_decay", weight_decay, PENALTY);
    }
    fn lr(&self) -> f64 {
        self.lr
    }
    fn set_lr(&mut self, lr: f64) {
        self.lr = lr;
    }
    fn momentum(&self) -> Option<f64> {
        Some(self.betas.0)
    }
    fn takes_momentum(&self, beta1: f64) -> bool {
        (0.0..1.0).contains(&beta1)
    }
    fn set_momentum(&mut self, beta1: f64) {
        self.betas.0 = beta1;
    }
    fn arrays(&self) -> Vec<(&'static str, f64)> {
        let names = ["exp_avg", "exp_avg_sq", "max_exp_avg_sq"];
        names[..if self.amsgrad { 3 } else { 2 }].iter().map(|&name| (name, 0.0)).collect()
    }
    fn takes_element(&self, array: &str, x: f64) -> bool {
        array == "exp_avg" || x >= 0.0 || x.is_nan() // NaN if training has diverged
    }
    fn step<T: Scalar>(&self, param: &Param<T>, grads: &Grads<T>, memory: &mut Memory<T>) {
        let step = Step::new(self, memory.steps);
        match &mut memory.arrays[..] {
            [m, v, largest] => param.update_by(grads, step, [m, v, largest]),
            [m, v] => param.update_by(grads, step, [m, v]),
            _ => unreachable!("as many arrays as it named"),
        }
    }
}

/// The numbers of one step.
#[derive(Clone, Copy)]
struct Step<T> {
    /// The factor of w before the step, and the factor of w in what is added to g.
    shrink: T,
    decay: T,
    /// 1 - beta1, beta2, 1 - beta2.
    fresh_m: T,
    keep_v: T,
    fresh_v: T,
    /// lr / (1 - beta1^t), 1 / sqrt(1 - beta2^t), eps.
    size: T,
    scale: T,
    eps: T,
    room: Room<T>,
}

impl<T: Scalar> Step<T> {
    fn new(o: &AdamOptions, t: u64) -> Self {
        let t = i32::try_from(t).unwrap_or(i32::MAX);
        let (b1, b2) = o.betas;
        let (shrink, decay) = if o.decoupled_weight_decay { (1.0 - o.lr * o.weight_decay, 0.0) } else { (1.0, o.weight_decay) };
        let (size, scale) = ((o.lr / (1.0 - b1.powi(t))).min(bounds::MOST), 1.0 / (1.0 - b2.powi(t)).sqrt());
        let room = Room::for_share(1.0 - b2.powi(t));
        let [shrink, decay, fresh_m, keep_v, fresh_v, size, scale] = [shrink, decay, 1.0 - b1, b2, 1.0 - b2, size, scale].map(T::from_f64);
        Step { shrink, decay, fresh_m, keep_v, fresh_v, size, scale, eps: bounds::eps(o.eps), room }
    }
}

impl<T: Scalar> Step<T> {
    /// The w before the step (already shrunk), and the new m and v.
    #[inline(always)]
    fn means(self, w: T, g: T, m: T, v: T) -> (T, T, T) {
        let w = w * self.shrink;
        let g = self.room.cut(g + self.decay * w);
        let m = m + self.fresh_m * (g - m);
        // Multiplied in PyTorch's order, in which the product overflows no earlier than v.
        let v = self.room.square(self.keep_v * v + self.fresh_v * g * g);
        (w, m, v)
    }
}

impl<T: Scalar> UpdateRule<T, 2> for Step<T> {
    #[inline(always)]
    fn at(self, w: T, g: T, [m, v]: [T; 2]) -> (T, [T; 2]) {
        let (w, m, v) = self.means(w, g, m, v);
        (w - self.size * m / (v.sqrt() * self.scale + self.eps), [m, v])
    }
}

/// The same with amsgrad.
impl<T: Scalar> UpdateRule<T, 3> for Step<T> {
    #[inline(always)]
    fn at(self, w: T, g: T, [m, v, largest]: [T; 3]) -> (T, [T; 3]) {
        let (w, m, v) = self.means(w, g, m, v);
        let largest = if largest > v { largest } else { v };
        (w - self.size * m / (largest.sqrt() * self.scale + self.eps), [m, v, largest])
    }
}
