//! How are parameters changed? Optimizers: [`Sgd`] and [`Adam`], with PyTorch's names, defaults and results.
//!
//! An optimizer reads gradients ([`Grads`]) and writes parameters ([`Param`]) in one pass over each parameter, and allocates nothing
//! after its first step. But for the loops, vectorised and on all threads, it uses only the public API of this crate: another update rule is
//! a loop in [`Param::update`].
//!
//! ```
//! use wengert::optim::Sgd;
//! use wengert::{Param, Tape};
//!
//! let x = Param::<f64>::new("x", [-3.0, 4.0]);
//! let mut optimizer = Sgd::new(0.1);
//! let mut tape = Tape::new();
//! for _ in 0..100 {
//!     let loss = tape.param(&x).square().sum();
//!     let grads = tape.backward(loss);
//!     tape.reset(); // before the update: a tape that still holds a large parameter makes the update copy it
//!     optimizer.step([&x], &grads);
//!     tape.recycle(grads);
//! }
//! assert!(x.to_array().iter().all(|x| x.abs() < 1e-8));
//! ```

mod adam;
mod sgd;

pub use adam::{Adam, AdamOptions};
pub use sgd::{Sgd, SgdOptions};

use crate::{Grads, Param, Scalar};

/// A rule that changes parameters by their gradients.
pub trait Optimizer<T: Scalar> {
    /// One update of each parameter that has a gradient. The others are left as they are, and so is what is remembered about them.
    fn step(&mut self, params: &[Param<T>], grads: &Grads<T>);
    /// The learning rate.
    fn lr(&self) -> f64;
    /// Sets the learning rate from the next step on: a schedule calls this before each step.
    ///
    /// # Panics
    /// If it is negative or not a number.
    fn set_lr(&mut self, lr: f64);
}

/// What an optimizer remembers about each parameter. The state belongs to the parameter, not to its place in the list.
#[derive(Debug)]
struct States<T: Scalar, S> {
    list: Vec<(Param<T>, S)>,
}

impl<T: Scalar, S: Default> States<T, S> {
    fn new() -> Self {
        States { list: Vec::new() }
    }
    /// The state of the parameter which was the `guess`th one in the last step.
    fn of(&mut self, guess: usize, param: &Param<T>) -> &mut S {
        let known = match self.list.get(guess) {
            Some((p, _)) if p.is(param) => Some(guess),
            _ => self.list.iter().position(|(p, _)| p.is(param)),
        };
        let at = known.unwrap_or_else(|| {
            self.list.push((param.clone(), S::default()));
            self.list.len() - 1
        });
        &mut self.list[at].1
    }
}

/// Refuses an option that makes no sense, with the line of the caller who gave it.
#[track_caller]
fn check(ok: bool, what: &str, value: impl std::fmt::Debug) {
    assert!(ok, "optimizer: {what}, not {value:?}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tape;

    /// Twenty steps on `sum((w - c)^2 / 2 + sin w)`; compares the parameter with PyTorch's (2.x, f64) after steps 1, 2, 3 and 20.
    pub(super) fn follows_pytorch(mut optimizer: impl Optimizer<f64>, expected: [[f64; 4]; 4]) {
        let w = Param::<f64>::new("w", [[0.5, -1.25], [2.0, 0.01]]);
        let mut tape = Tape::new();
        let mut expected = [1, 2, 3, 20].iter().zip(expected);
        for step in 1..=20 {
            let (x, c) = (tape.param(&w), tape.constant([[1.0, 0.5], [-0.75, 3.0]]));
            let loss = ((x - c).square() * 0.5).sum() + x.sin().sum();
            let grads = tape.backward(loss);
            tape.reset();
            optimizer.step(std::slice::from_ref(&w), &grads);
            tape.recycle(grads);
            if [1, 2, 3, 20].contains(&step) {
                let (_, e) = expected.next().unwrap();
                for (w, e) in w.to_array().iter().zip(e) {
                    assert!((w - e).abs() < 1e-12, "step {step}: {w} but PyTorch has {e}");
                }
            }
        }
    }

    /// A large parameter (several tasks) changes by the same bits as a small one of the same numbers, whatever the number of threads.
    pub(super) fn large_is_as_small<O: Optimizer<f32>>(make: impl Fn() -> O + Sync + Send) {
        let n = 100_017;
        let value = |i: usize| ((i * 37 % 101) as f32 - 50.0) / 25.0;
        let run = |n: usize| {
            let w = Param::<f32>::new("w", (0..n).map(value).collect::<Vec<_>>());
            let (mut optimizer, mut tape) = (make(), Tape::new());
            for _ in 0..3 {
                let loss = (tape.param(&w).square() * 0.5).sum();
                let grads = tape.backward(loss);
                tape.reset();
                optimizer.step(std::slice::from_ref(&w), &grads);
            }
            w.with(|w| w.iter().map(|w| w.to_bits()).collect::<Vec<_>>())
        };
        let (large, small) = (run(n), run(101));
        for (i, w) in large.iter().enumerate() {
            assert_eq!(*w, small[i % 101], "element {i}");
        }
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert!(pool.install(|| run(n)) == large, "{threads} threads");
        }
    }

    /// State follows a parameter that comes at another place, and a parameter without a gradient stays as it is.
    #[test]
    fn state_belongs_to_the_parameter() {
        let new = || [Param::<f64>::new("a", [1.0]), Param::<f64>::new("b", [2.0, 3.0])];
        let run = |[a, b]: &[Param<f64>; 2], swap: bool| {
            let mut optimizer = Adam::new(0.1);
            let mut tape = Tape::new();
            for step in 0..6 {
                let mut loss = tape.param(b).square().sum();
                if step != 3 {
                    loss = loss + tape.param(a).square().sum();
                }
                let grads = tape.backward(loss);
                tape.reset();
                let before = a.to_array();
                let order = if swap && step % 2 == 1 { [b.clone(), a.clone()] } else { [a.clone(), b.clone()] };
                optimizer.step(&order, &grads);
                assert_eq!(a.to_array() == before, step == 3);
            }
        };
        let (straight, swapped) = (new(), new());
        run(&straight, false);
        run(&swapped, true);
        for (p, q) in straight.iter().zip(&swapped) {
            assert_eq!(p.to_array(), q.to_array());
        }
    }

    #[test]
    fn the_learning_rate_can_follow_a_schedule() {
        let w = Param::<f64>::new("w", [1.0]);
        let (mut optimizer, mut tape) = (Sgd::new(0.5), Tape::new());
        for lr in [0.5, 0.25] {
            optimizer.set_lr(lr);
            assert_eq!(optimizer.options().lr, lr);
            let loss = tape.param(&w).sum();
            let grads = tape.backward(loss);
            tape.reset();
            optimizer.step(std::slice::from_ref(&w), &grads);
        }
        assert_eq!(w.to_array().as_slice(), Some(&[0.25][..]));
    }
}
