//! How are parameters changed? Optimizers, schedules, clipping, with PyTorch's names, defaults and results.
//!
//! | file | the question it answers |
//! |---|---|
//! | `first_order.rs` | what do rules of one gradient a step share? groups of parameters, memory, states |
//! | `sgd.rs`, `adam.rs`, `adagrad.rs`, `rmsprop.rs` | what does each rule do? |
//! | `lbfgs.rs`, `line_search.rs` | how does L-BFGS find its direction, and how far does it go? |
//! | `scheduler.rs`, `schedules.rs`, `one_cycle.rs`, `plateau.rs` | how do learning rates change in the course of training? |
//! | `clip.rs` | how are large gradients cut? |
//! | `bounds.rs` | which numbers can an option be, and a square? |
//! | `handover.rs` | which rates hold after schedule and optimizer were loaded, in whatever order? |
//! | `reader.rs` | does a state fit? |
//! | `first_order_tests.rs`, `lbfgs_tests.rs`, `schedule_tests.rs` | does all of it do what PyTorch does, and go on from states? |
//!
//! An optimizer reads gradients ([`Grads`]) and writes parameters ([`Param`]) in one pass over each parameter, and allocates nothing
//! after its first step. For the gradients of several backward passes see [`Grads::accumulate`]. It uses only the public API of this
//! crate: a rule of your own is a [`Rule`], which gets groups, schedules and states, or just a loop in [`Param::update`].
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

mod adagrad;
mod adam;
mod bounds;
mod clip;
mod first_order;
#[cfg(test)]
mod first_order_tests;
mod handover;
mod lbfgs;
#[cfg(test)]
mod lbfgs_tests;
mod line_search;
mod one_cycle;
mod plateau;
mod reader;
mod rmsprop;
#[cfg(test)]
mod schedule_tests;
mod scheduler;
mod schedules;
mod sgd;

pub use adagrad::{Adagrad, AdagradOptions};
pub use adam::{Adam, AdamOptions};
pub use clip::{clip_grad_norm, clip_grad_value};
pub use first_order::{FirstOrder, Memory, Rule};
pub use handover::Handover;
pub use lbfgs::{Lbfgs, LbfgsOptions};
pub use one_cycle::{Anneal, OneCycleLr};
pub use plateau::{Goal, ReduceLrOnPlateau, ReduceLrOnPlateauOptions, Threshold};
pub use rmsprop::{RmsProp, RmsPropOptions};
pub use scheduler::{Schedule, Scheduler};
pub use schedules::{CosineAnnealingLr, CosineAnnealingWarmRestarts, ExponentialLr, LinearLr, MultiStepLr, SequentialLr, StepLr};
pub use sgd::{Sgd, SgdOptions};

use crate::io::{State, StateError};
use crate::{Grads, Param, Scalar};
use bounds::{PENALTY, RATE, check, not_negative};

/// What schedules change: the learning rates of an optimizer, and its momentum. There is one of each for every parameter group; the first
/// group is that of the parameters which no other group names.
pub trait Rates {
    /// The learning rate of each group.
    fn lrs(&self) -> Vec<f64>;
    /// Sets the learning rate of each group from the next step on.
    ///
    /// # Panics
    /// If there are not as many as groups, or one is negative or not finite.
    #[track_caller]
    fn set_lrs(&mut self, lrs: &[f64]);
    /// The learning rate of the first group.
    fn lr(&self) -> f64 {
        self.lrs()[0]
    }
    /// Sets one learning rate for all groups from the next step on.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[track_caller]
    fn set_lr(&mut self, lr: f64) {
        self.set_lrs(&vec![lr; self.lrs().len()]);
    }
    /// The momentum of each group (of Adam, the first beta); `None` where there is none.
    fn momentums(&self) -> Vec<Option<f64>>;
    /// Sets the momentum of each group from the next step on.
    ///
    /// # Panics
    /// If there are not as many as groups, if a group works without momentum, or if one is out of its range.
    #[track_caller]
    fn set_momentums(&mut self, momentums: &[f64]);
    /// Where a [`Scheduler`] leaves rates for the next step, if this keeps such a place: with it, schedule and optimizer can be loaded in either
    /// order.
    fn handover(&self) -> Option<&Handover> {
        None
    }
}

/// A rule that changes parameters by their gradients.
///
/// ```
/// use wengert::optim::{Adam, Optimizer, Sgd};
/// let of_choice = |name: &str| -> Box<dyn Optimizer> { if name == "adam" { Box::new(Adam::new(1e-3)) } else { Box::new(Sgd::new(0.1)) } };
/// assert_eq!(of_choice("sgd").lr(), 0.1);
/// ```
pub trait Optimizer<T: Scalar = f32>: Rates + Send {
    /// One update of each parameter that has a gradient and is not frozen. The others are left as they are, and so is what is remembered
    /// about them.
    #[track_caller]
    fn step(&mut self, params: &[Param<T>], grads: &Grads<T>);
    /// What it remembers about these parameters, by their names ([`Module::named_parameters`](crate::nn::Module::named_parameters)), and
    /// what schedules change of its options. The arrays have PyTorch's names (`fc.weight.exp_avg`, beside `fc.weight.step` and
    /// `param_groups.0.lr`), but the files are not exchangeable with PyTorch's, which number the parameters.
    ///
    /// # Panics
    /// If it has changed parameters that are not among these (a state without them could not be gone on from), or two have one name.
    #[track_caller]
    fn state(&self, params: &[(String, Param<T>)]) -> State;
    /// Goes on from such a state: the next steps give the same bits as if there had been no break. Options other than rates and momentum
    /// are not part of it: make the optimizer with those it had.
    ///
    /// # Errors
    /// If entries are missing or not known, or shapes, types or ranges are wrong: all of them are listed, and nothing is changed.
    fn load_state(&mut self, params: &[(String, Param<T>)], state: &State) -> Result<(), StateError>;
}
