//! L-BFGS: finds its directions from its last steps and the changes of the gradient.

use super::first_order::{Counts, check_count, check_names};
use super::handover::Numbers;
use super::line_search::{Place, strong_wolfe};
use super::reader::{Reader, shaped};
use super::{Handover, Rates, check, not_negative};
use crate::io::{State, StateError, Values};
use crate::refusal::require;
use crate::{Grads, Param, Scalar};
use std::collections::VecDeque;
use std::ops::Range;

/// The options of [`Lbfgs`], with PyTorch's names and defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LbfgsOptions {
    /// The length of a step; with a line search, of the first one that is tried. Default 1. The very first iteration multiplies it by
    /// `min(1, 1 / |g|_1)`.
    pub lr: f64,
    /// The largest number of iterations in one step; default 20.
    pub max_iter: usize,
    /// The largest number of evaluations in one step; `None` (the default) is 5/4 of `max_iter`, rounded down. With `max_iter` 1 that is 1,
    /// and a line search can only try its first step: give it more.
    pub max_eval: Option<usize>,
    /// A step ends when no element of the gradient is larger than this; default 1e-7.
    pub tolerance_grad: f64,
    /// A step ends when loss or parameters change by less than this; default 1e-9.
    pub tolerance_change: f64,
    /// The number of steps that are remembered; default 100.
    pub history_size: usize,
    /// If true, searches along each direction for a place that fulfils the strong Wolfe conditions; default false. (PyTorch's
    /// `line_search_fn="strong_wolfe"`.)
    pub strong_wolfe: bool,
}

impl Default for LbfgsOptions {
    fn default() -> Self {
        LbfgsOptions {
            lr: 1.0,
            max_iter: 20,
            max_eval: None,
            tolerance_grad: 1e-7,
            tolerance_change: 1e-9,
            history_size: 100,
            strong_wolfe: false,
        }
    }
}

/// L-BFGS: a quasi-Newton method for deterministic losses (whole data sets, curve fits). One step makes several iterations, for which it
/// must compute loss and gradients again. Therefore [`Lbfgs::step`] takes a closure, and this type is not an
/// [`Optimizer`](super::Optimizer).
///
/// ```
/// use wengert::optim::{Lbfgs, LbfgsOptions};
/// use wengert::{Param, Tape};
/// let x = Param::<f64>::new("x", [-1.0, 2.0]);
/// let mut optimizer = Lbfgs::with(LbfgsOptions { strong_wolfe: true, max_iter: 100, ..Default::default() });
/// let mut tape = Tape::new();
/// optimizer.step(&[x.clone()], || {
///     tape.reset();
///     let x = tape.param(&x);
///     let (a, b) = (x.narrow(0, 0, 1), x.narrow(0, 1, 1));
///     let loss = ((b - a.square()).square() * 100.0 + (1.0 - a).square()).sum(); // Rosenbrock's valley
///     let grads = tape.backward(loss);
///     (loss.item(), grads)
/// });
/// assert!(x.to_array().iter().all(|x| (x - 1.0).abs() < 1e-5));
/// ```
///
/// Directions, losses and memory are in `f64`, also for parameters in `f32`.
///
/// Source: J. Nocedal, S. J. Wright, "Numerical optimization" (2006), algorithms 7.4 and 7.5; the order of computation is that of
/// `torch.optim.LBFGS`.
#[derive(Debug)]
pub struct Lbfgs<T: Scalar = f32> {
    options: LbfgsOptions,
    params: Vec<Param<T>>,
    memory: Memory,
    handover: Handover,
}

/// What is remembered from the last iterations. Each vector holds all parameters, one after another.
#[derive(Clone, Debug, Default)]
struct Memory {
    /// For each parameter, true if it is trained: it is not frozen and has a gradient.
    trained: Vec<bool>,
    /// For each parameter, the elements that are frozen ([`Param::freeze_elements`]).
    frozen: Vec<Range<usize>>,
    iterations: u64,
    /// The last direction, and the step along it.
    direction: Vec<f64>,
    t: f64,
    grad: Vec<f64>,
    pairs: VecDeque<Pair>,
    /// The inverse of the curvature that the recursion starts from.
    scale: f64,
}

/// A step, and the change of the gradient by it.
#[derive(Clone, Debug)]
struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    /// 1 / (step . change)
    ro: f64,
}

impl<T: Scalar> Lbfgs<T> {
    /// An optimizer with this learning rate and otherwise the defaults.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[track_caller]
    pub fn new(lr: f64) -> Self {
        Lbfgs::with(LbfgsOptions { lr, ..Default::default() })
    }
    /// An optimizer with these options.
    ///
    /// # Panics
    /// If an option makes no sense.
    #[track_caller]
    pub fn with(options: LbfgsOptions) -> Self {
        let LbfgsOptions { lr, max_iter, tolerance_grad, tolerance_change, history_size, .. } = options;
        not_negative("optimizer", "lr", lr, "1 is usual, as in PyTorch");
        check("optimizer", max_iter > 0, "max_iter must be at least 1", max_iter, "20 is usual");
        check(
            "optimizer",
            options.max_eval != Some(0),
            "max_eval must be at least 1",
            options.max_eval,
            "`None` allows a quarter more than `max_iter`",
        );
        not_negative("optimizer", "tolerance_grad", tolerance_grad, "1e-7 is usual; 0 goes on to the last iteration");
        not_negative("optimizer", "tolerance_change", tolerance_change, "1e-9 is usual; 0 goes on to the last iteration");
        check("optimizer", history_size > 0, "history_size must be at least 1", history_size, "10 to 100 are usual");
        Lbfgs { options, params: Vec::new(), memory: Memory::default(), handover: Handover::default() }
    }
    /// The options.
    pub fn options(&self) -> &LbfgsOptions {
        &self.options
    }
    /// Makes up to `max_iter` iterations, and returns the loss before the step. `closure` computes loss and gradients at the current
    /// parameters. Parameters that are frozen or have no gradient when the step begins do not change, nor do the elements of
    /// [`Param::freeze_elements`]. If these differ from those in the last step, the memory is cleared, since it says nothing about the new
    /// problem.
    ///
    /// The line search never accepts a place where loss or gradient are not finite: it goes back to where they are. If they are not finite
    /// at the start, nothing is changed.
    ///
    /// # Panics
    /// If the parameters differ from those of the last step, or none of them has a gradient though not all are frozen.
    #[track_caller]
    pub fn step(&mut self, params: &[Param<T>], mut closure: impl FnMut() -> (T, Grads<T>)) -> T {
        let known = self.params.is_empty() || (params.len() == self.params.len() && params.iter().zip(&self.params).all(|(p, q)| p.is(q)));
        require(known, || "Lbfgs: the parameters, or their order, have changed since the last step", "make another optimizer");
        if let Some(Numbers { lrs, .. }) = self.handover.take() {
            not_negative("optimizer", "lr", lrs[0], "1 is usual, as in PyTorch");
            self.options.lr = lrs[0];
        }
        self.params = params.to_vec();
        let LbfgsOptions { lr, max_iter, max_eval, tolerance_grad, tolerance_change, history_size, .. } = self.options;
        let max_eval = max_eval.unwrap_or(max_iter.saturating_add(max_iter / 4));
        let (first_loss, grads) = closure();
        let mut counts = Counts::default();
        params.iter().for_each(|p| counts.add(p.is_frozen(), grads.slice(p).is_some()));
        counts.check(&grads);
        let trained: Vec<bool> = params.iter().map(|p| !p.is_frozen() && grads.slice(p).is_some()).collect();
        for (param, _) in params.iter().zip(&trained).filter(|(_, trained)| **trained) {
            param.with_mut(|_| ()); // panics here, with the caller's line, if one is in use: closures below would lose the line
        }
        let frozen: Vec<_> = params.iter().map(Param::frozen_elements).collect();
        let mut grad = flat_grad(params, &trained, &frozen, &grads);
        drop(grads);
        if self.memory.trained != trained || self.memory.frozen != frozen {
            self.memory = Memory { trained: trained.clone(), frozen: frozen.clone(), ..Memory::default() };
        }
        let mut evaluate = || {
            let (loss, grads) = closure();
            (loss, flat_grad(params, &trained, &frozen, &grads))
        };

        let mut loss = first_loss.to_f64();
        let mut evaluations = 1;
        if largest(&grad) <= tolerance_grad || !(loss.is_finite() && largest(&grad).is_finite()) {
            return first_loss;
        }
        for iteration in 1..=max_iter {
            let m = &mut self.memory;
            let norm = grad.iter().map(|g| g.abs()).sum::<f64>();
            // The same first step, but scaled so that the product of direction and gradient is finite.
            let huge = m.iterations == 0 && norm > HUGE;
            m.iterations = m.iterations.saturating_add(1);
            if m.iterations == 1 {
                let size = if huge { largest(&grad) } else { 1.0 };
                m.direction = grad.iter().map(|g| -g / size).collect();
                m.scale = 1.0;
            } else {
                m.remember(&grad, history_size);
                m.direction = m.direction_for(&grad);
            }
            m.grad.clone_from(&grad);
            let last_loss = loss;
            m.t = match m.iterations {
                1 if huge => lr / m.direction.iter().map(|d| d.abs()).sum::<f64>(),
                1 => (1.0 / norm).min(1.0) * lr,
                _ => lr,
            };
            let slope = dot(&grad, &m.direction);
            if slope > -tolerance_change {
                break;
            }

            let here: Vec<Vec<T>> = params.iter().map(|p| p.with(<[T]>::to_vec)).collect();
            if self.options.strong_wolfe {
                let direction = &m.direction;
                let place_at = |t| {
                    go(params, &frozen, &here, direction, t);
                    let (loss, grad) = evaluate();
                    let slope = dot(&grad, direction);
                    Place { t, loss: loss.to_f64(), grad, slope }
                };
                let start = Place { t: 0.0, loss, grad, slope };
                let most = max_eval.saturating_sub(evaluations);
                let (place, asked) = strong_wolfe(place_at, start, m.t, largest(direction), tolerance_change, most);
                evaluations += asked;
                (m.t, loss, grad) = (place.t, place.loss, place.grad);
                go(params, &frozen, &here, direction, m.t);
            } else {
                go(params, &frozen, &here, &m.direction, m.t);
                if iteration < max_iter {
                    let (new_loss, new_grad) = evaluate();
                    (loss, grad) = (new_loss.to_f64(), new_grad);
                    evaluations += 1;
                }
            }

            let moved = largest(&m.direction) * m.t;
            let done = largest(&grad) <= tolerance_grad || moved <= tolerance_change || (loss - last_loss).abs() < tolerance_change;
            if evaluations >= max_eval || done {
                break;
            }
        }
        first_loss
    }
    /// The memory, by the names of the parameters: the last direction and gradient, the remembered steps, and the changes of the gradient;
    /// and the learning rate. The other options are not included.
    ///
    /// # Panics
    /// If it has changed parameters that are not among these, or two have the same name.
    #[track_caller]
    pub fn state(&self, params: &[(String, Param<T>)]) -> State {
        let m = &self.memory;
        check_names(params, self.params.iter());
        let mut state = State::new();
        state.insert("param_groups.0.lr", self.lr());
        state.insert("n_iter", m.iterations);
        state.insert("history", m.pairs.len() as u64);
        state.insert("t", m.t);
        state.insert("H_diag", m.scale);
        for (i, pair) in m.pairs.iter().enumerate() {
            state.insert(format!("ro.{i}"), pair.ro);
        }
        let mut from = 0;
        for (param, &trained) in self.params.iter().zip(&m.trained).filter(|_| m.iterations > 0) {
            let name = params.iter().find(|(_, p)| p.is(param)).map_or("", |(name, _)| name);
            let part = from..from + param.shape().numel();
            from = part.end;
            state.insert(format!("{name}.trained"), u64::from(trained));
            let mut insert = |what: String, all: &[f64]| {
                state.insert(format!("{name}.{what}"), Values::of(shaped(param.shape(), &all[part.clone()])));
            };
            insert("d".into(), &m.direction);
            insert("prev_flat_grad".into(), &m.grad);
            for (i, pair) in m.pairs.iter().enumerate() {
                insert(format!("old_stps.{i}"), &pair.step);
                insert(format!("old_dirs.{i}"), &pair.change);
            }
        }
        state
    }
    /// Continues from such a state. If the optimizer has the same options as before, its next steps give the same bits as without the
    /// break. The learning rate is that of the state. The next step must have the same parameters, in this order.
    ///
    /// # Errors
    /// If entries are missing or unknown, or shapes, types or ranges are wrong. The error lists all of these, and nothing is changed.
    pub fn load_state(&mut self, params: &[(String, Param<T>)], state: &State) -> Result<(), StateError> {
        let mut reader = Reader::new(state);
        let lr = reader.rate("param_groups.0.lr".into());
        let [iterations, history] = ["n_iter", "history"].map(|name| reader.whole(name.into()));
        let [t, scale] = ["t", "H_diag"].map(|name| reader.number(name.into(), "a finite number", f64::is_finite));
        // If the count is too large, some names will be missing. It is capped, since the error need not list more names than there are
        // entries.
        let history = history.min(state.len() as u64);
        let zero = || Vec::new();
        let frozen = if iterations > 0 { params.iter().map(|(_, p)| p.frozen_elements()).collect() } else { Vec::new() };
        let mut m = Memory { trained: Vec::new(), frozen, iterations, direction: zero(), t, grad: zero(), pairs: VecDeque::new(), scale };
        for i in 0..history {
            let ro = reader.number(format!("ro.{i}"), "a finite number", f64::is_finite);
            m.pairs.push_back(Pair { step: zero(), change: zero(), ro });
        }
        for (name, param) in params.iter().filter(|_| iterations > 0) {
            m.trained.push(reader.whole(format!("{name}.trained")) > 0);
            let mut read = |what: String, all: &mut Vec<f64>| all.extend(reader.array::<f64>(format!("{name}.{what}"), param.shape()));
            read("d".into(), &mut m.direction);
            read("prev_flat_grad".into(), &mut m.grad);
            for (i, pair) in m.pairs.iter_mut().enumerate() {
                read(format!("old_stps.{i}"), &mut pair.step);
                read(format!("old_dirs.{i}"), &mut pair.change);
            }
        }
        reader.finish()?;
        self.options.lr = lr;
        self.handover.loaded();
        self.memory = m;
        self.params = if iterations > 0 { params.iter().map(|(_, p)| p.clone()).collect() } else { Vec::new() };
        Ok(())
    }
}

impl<T: Scalar> Rates for Lbfgs<T> {
    fn lrs(&self) -> Vec<f64> {
        self.handover.left().map_or_else(|| vec![self.options.lr], |left| left.lrs)
    }
    fn set_lrs(&mut self, lrs: &[f64]) {
        check_count("set_lrs", lrs.len(), 1);
        not_negative("optimizer", "lr", lrs[0], "1 is usual, as in PyTorch");
        self.handover.set();
        self.options.lr = lrs[0];
    }
    fn momentums(&self) -> Vec<Option<f64>> {
        vec![None]
    }
    fn set_momentums(&mut self, _: &[f64]) {
        let message = || "set_momentums: L-BFGS works without momentum";
        require(false, message, "make the schedule with `cycle_momentum: false`");
    }
    fn handover(&self) -> Option<&Handover> {
        Some(&self.handover)
    }
}

impl Memory {
    /// Remembers the last step and the change of the gradient, if the loss is convex along that step.
    fn remember(&mut self, grad: &[f64], history_size: usize) {
        let change: Vec<f64> = grad.iter().zip(&self.grad).map(|(new, old)| new - old).collect();
        let step: Vec<f64> = self.direction.iter().map(|d| d * self.t).collect();
        let curvature = dot(&change, &step);
        if curvature > 1e-10 {
            while self.pairs.len() >= history_size {
                // A loaded state may hold more steps than are frozen now.
                self.pairs.pop_front();
            }
            // If the squares overflow, relative to the largest change.
            let (square, most) = (dot(&change, &change), largest(&change));
            self.scale = match square.is_finite() {
                true => curvature / square,
                false => curvature / most / change.iter().map(|c| (c / most).powi(2)).sum::<f64>() / most,
            };
            self.pairs.push_back(Pair { step, change, ro: 1.0 / curvature });
        }
    }
    /// Minus the gradient, times the inverse Hessian that fits the remembered steps (the two-loop recursion).
    fn direction_for(&self, grad: &[f64]) -> Vec<f64> {
        let mut q: Vec<f64> = grad.iter().map(|g| -g).collect();
        let mut shares = vec![0.0; self.pairs.len()];
        for (pair, share) in self.pairs.iter().zip(&mut shares).rev() {
            *share = dot(&pair.step, &q) * pair.ro;
            add(&mut q, -*share, &pair.change);
        }
        q.iter_mut().for_each(|q| *q *= self.scale);
        for (pair, share) in self.pairs.iter().zip(&shares) {
            let back = dot(&pair.change, &q) * pair.ro;
            add(&mut q, share - back, &pair.step);
        }
        q
    }
}

/// If the sum of the gradient's elements is larger than this, the first direction is scaled.
const HUGE: f64 = 1e100;

/// All gradients, one after another; zeros where a parameter or an element is not trained.
fn flat_grad<T: Scalar>(params: &[Param<T>], trained: &[bool], frozen: &[Range<usize>], grads: &Grads<T>) -> Vec<f64> {
    let mut flat = Vec::with_capacity(params.iter().map(|p| p.shape().numel()).sum());
    for ((param, &trained), frozen) in params.iter().zip(trained).zip(frozen) {
        let start = flat.len();
        match grads.slice(param).filter(|_| trained) {
            Some(g) => flat.extend(g.iter().map(|g| g.to_f64())),
            None => flat.resize(flat.len() + param.shape().numel(), 0.0),
        }
        flat[start..][frozen.clone()].fill(0.0);
    }
    flat
}

/// Sets the parameters to `from + t direction`, except for the elements that are frozen.
fn go<T: Scalar>(params: &[Param<T>], frozen: &[Range<usize>], from: &[Vec<T>], direction: &[f64], t: f64) {
    let mut rest = direction;
    for ((param, frozen), from) in params.iter().zip(frozen).zip(from) {
        let (direction, others) = rest.split_at(from.len());
        rest = others;
        param.with_mut(|w| {
            for part in [0..frozen.start, frozen.end..w.len()] {
                let moved = from[part.clone()].iter().zip(&direction[part.clone()]);
                w[part].iter_mut().zip(moved).for_each(|(w, (x, d))| *w = T::from_f64(x.to_f64() + t * d));
            }
        });
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(a: &mut [f64], factor: f64, b: &[f64]) {
    a.iter_mut().zip(b).for_each(|(a, b)| *a += factor * b);
}

/// The largest absolute value; NaN if an element is NaN, so that such a gradient does not count as small.
fn largest(a: &[f64]) -> f64 {
    a.iter().fold(0.0, |most: f64, x| if most.is_nan() || x.abs() <= most { most } else { x.abs() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_number_is_the_largest() {
        assert_eq!(largest(&[1.0, -3.0, 2.0]), 3.0);
        assert!(largest(&[1.0, f64::NAN, 2.0]).is_nan() && largest(&[f64::NAN]).is_nan());
    }
}
