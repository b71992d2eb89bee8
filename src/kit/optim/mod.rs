//! Optimizers, schedules and clipping, with PyTorch's names, defaults and results.
//!
//! | file | contents |
//! |---|---|
//! | `first_order.rs` | what first-order rules share: groups of parameters, memory, states |
//! | `sgd.rs`, `adam.rs`, `adagrad.rs`, `rmsprop.rs` | the rules |
//! | `lbfgs.rs`, `line_search.rs` | L-BFGS and its line search |
//! | `scheduler.rs`, `schedules.rs`, `one_cycle.rs`, `plateau.rs` | how learning rates change during training |
//! | `clip.rs` | gradient clipping |
//! | `bounds.rs` | limits for options, gradients and squares |
//! | `handover.rs` | which rates hold after a scheduler and an optimizer were loaded, in either order |
//! | `reader.rs` | reads states and collects all errors |
//!
//! An optimizer reads gradients ([`Grads`]) and writes parameters ([`Param`]) in one pass over each parameter. After its first step it
//! allocates nothing. [`Grads::accumulate`] adds the gradients of several backward passes. Only the public API of this crate is used: your
//! own rule can be a [`Rule`], which gets groups, schedules and states, or just a loop in [`Param::update`].
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
mod handover;
mod lbfgs;
mod line_search;
mod one_cycle;
mod plateau;
mod reader;
mod rmsprop;
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

/// What schedules change: the learning rates of an optimizer, and its momentum. Each parameter group has its own; the first group has the
/// parameters that are in no other group.
pub trait Rates {
    /// The learning rate of each group.
    fn lrs(&self) -> Vec<f64>;
    /// Sets the learning rate of each group from the next step on.
    ///
    /// # Panics
    /// If there is not one rate for each group, or one is negative or not finite.
    #[track_caller]
    fn set_lrs(&mut self, lrs: &[f64]);
    /// The learning rate of the first group.
    fn lr(&self) -> f64 {
        self.lrs()[0]
    }
    /// Sets the learning rate of all groups, from the next step on.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[track_caller]
    fn set_lr(&mut self, lr: f64) {
        self.set_lrs(&vec![lr; self.lrs().len()]);
    }
    /// The momentum of each group (for Adam the first beta); `None` if there is none.
    fn momentums(&self) -> Vec<Option<f64>>;
    /// Sets the momentum of each group from the next step on.
    ///
    /// # Panics
    /// If there is not one number for each group, a group has no momentum, or a number is out of range.
    #[track_caller]
    fn set_momentums(&mut self, momentums: &[f64]);
    /// Where a [`Scheduler`] leaves rates for the next step, if the optimizer supports it. Then schedule and optimizer can be loaded in
    /// either order.
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
    /// Updates each parameter that has a gradient and is not frozen. The others, and what is remembered about them, do not change.
    #[track_caller]
    fn step(&mut self, params: &[Param<T>], grads: &Grads<T>);
    /// What the optimizer remembers about these parameters, by their names
    /// ([`Module::named_parameters`](crate::nn::Module::named_parameters)), and the options that schedules change. The arrays have
    /// PyTorch's names (`fc.weight.exp_avg`, together with `fc.weight.step` and `param_groups.0.lr`). The files are not interchangeable
    /// with PyTorch's, which number the parameters.
    ///
    /// # Panics
    /// If it has changed parameters that are not among these (no run could resume without them), or two have the same name.
    #[track_caller]
    fn state(&self, params: &[(String, Param<T>)]) -> State;
    /// Continues from such a state: the next steps give the same bits as without the break. Options other than rates and momentum are not
    /// included: make the optimizer with the same options.
    ///
    /// # Errors
    /// If entries are missing or unknown, or shapes, types or ranges are wrong. The error lists all of these, and nothing is changed.
    fn load_state(&mut self, params: &[(String, Param<T>)], state: &State) -> Result<(), StateError>;
}
