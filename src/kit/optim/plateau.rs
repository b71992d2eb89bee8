//! Reduces a learning rate when training no longer improves: [`ReduceLrOnPlateau`].

use super::reader::Reader;
use super::{Rates, check, not_negative};
use crate::io::{State, StateError};

/// Which values of a metric are better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Goal {
    /// Smaller ones, as for a loss.
    #[default]
    Min,
    /// Larger ones, as for an accuracy.
    Max,
}

impl Goal {
    /// True if one number is better than another; NaN is never better.
    pub fn is_better(self, x: f64, than: f64) -> bool {
        match self {
            Goal::Min => x < than,
            Goal::Max => x > than,
        }
    }
}

/// How much better a metric must be to count as an improvement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Threshold {
    /// Better by this share of the best value's size (PyTorch's `rel`, which only works for positive values). With 0.1 and a best value of
    /// -2, an improvement is below -2.2 for [`Goal::Min`], and above -1.8 for [`Goal::Max`]. If the best value is 0, anything better
    /// counts.
    Relative(f64),
    /// Better by this difference (PyTorch's `abs`).
    Absolute(f64),
}

/// The options of [`ReduceLrOnPlateau`], with PyTorch's names and defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReduceLrOnPlateauOptions {
    /// Which values are better; default smaller ones. (PyTorch's `mode`.)
    pub goal: Goal,
    /// The factor of the rates; default 0.1.
    pub factor: f64,
    /// The number of epochs without improvement that are tolerated; default 10.
    pub patience: u64,
    /// How much better counts as an improvement; default 1e-4 of the best value.
    pub threshold: Threshold,
    /// The number of epochs after a reduction that are not counted; default 0.
    pub cooldown: u64,
    /// No rate is reduced below this; default 0.
    pub min_lr: f64,
    /// A reduction by less than this is not made; default 1e-8.
    pub eps: f64,
}

impl Default for ReduceLrOnPlateauOptions {
    fn default() -> Self {
        ReduceLrOnPlateauOptions {
            goal: Goal::Min,
            factor: 0.1,
            patience: 10,
            threshold: Threshold::Relative(1e-4),
            cooldown: 0,
            min_lr: 0.0,
            eps: 1e-8,
        }
    }
}

/// Reduces the rate of each parameter group when a metric has not improved for some epochs.
///
/// ```
/// use wengert::optim::{Rates, ReduceLrOnPlateau, ReduceLrOnPlateauOptions, Sgd};
/// let mut optimizer: Sgd = Sgd::new(0.1);
/// let mut scheduler = ReduceLrOnPlateau::new(ReduceLrOnPlateauOptions { factor: 0.5, patience: 1, ..Default::default() });
/// for loss in [1.0, 0.5, 0.5, 0.6] {
///     scheduler.step(loss, &mut optimizer);
/// }
/// assert_eq!(optimizer.lr(), 0.05);
/// ```
///
/// A metric that is NaN is no improvement.
#[derive(Clone, Debug)]
pub struct ReduceLrOnPlateau {
    options: ReduceLrOnPlateauOptions,
    best: f64,
    bad_epochs: u64,
    cooldown: u64,
}

impl ReduceLrOnPlateau {
    /// A schedule with these options.
    ///
    /// # Panics
    /// If `factor` is not in [0, 1), or a number is negative or not finite.
    #[track_caller]
    pub fn new(options: ReduceLrOnPlateauOptions) -> Self {
        let ReduceLrOnPlateauOptions { goal, factor, threshold: Threshold::Relative(t) | Threshold::Absolute(t), min_lr, eps, .. } =
            options;
        check(
            "ReduceLrOnPlateau",
            (0.0..1.0).contains(&factor),
            "factor must be at least 0 and below 1",
            factor,
            "0.1 is usual: what the rate is multiplied by",
        );
        not_negative("ReduceLrOnPlateau", "threshold", t, "1e-4 is usual");
        not_negative("ReduceLrOnPlateau", "min_lr", min_lr, "0, or the rate below which nothing is gained");
        not_negative("ReduceLrOnPlateau", "eps", eps, "1e-8 is usual: smaller changes of a rate are not made");
        let best = if goal == Goal::Min { f64::INFINITY } else { f64::NEG_INFINITY };
        ReduceLrOnPlateau { options, best, bad_epochs: 0, cooldown: 0 }
    }
    /// Takes the metric of an epoch, and reduces the rates if it is time. Returns true if they were reduced.
    #[track_caller]
    pub fn step(&mut self, metric: f64, optimizer: &mut dyn Rates) -> bool {
        let o = self.options;
        if self.is_better(metric) {
            (self.best, self.bad_epochs) = (metric, 0);
        } else {
            self.bad_epochs = self.bad_epochs.saturating_add(1);
        }
        if self.cooldown > 0 {
            (self.cooldown, self.bad_epochs) = (self.cooldown - 1, 0);
        }
        if self.bad_epochs <= o.patience {
            return false;
        }
        (self.cooldown, self.bad_epochs) = (o.cooldown, 0);
        let old = optimizer.lrs();
        let reduced = |&lr: &f64| {
            let new = (lr * o.factor).max(o.min_lr);
            if lr - new > o.eps { new } else { lr }
        };
        let new: Vec<f64> = old.iter().map(reduced).collect();
        optimizer.set_lrs(&new);
        new != old
    }
    fn is_better(&self, metric: f64) -> bool {
        let ReduceLrOnPlateauOptions { goal, threshold, .. } = self.options;
        let sign = if goal == Goal::Min { -1.0 } else { 1.0 };
        let bar = match threshold {
            _ if self.best.is_infinite() => self.best, // there is no best value yet, so there is no distance from it
            Threshold::Relative(t) => self.best * (1.0 + sign * self.best.signum() * t),
            Threshold::Absolute(t) => self.best + sign * t,
        };
        goal.is_better(metric, bar)
    }
    /// The best metric so far; infinite before the first.
    pub fn best(&self) -> f64 {
        self.best
    }
    /// What the schedule remembers. The current rates are part of the optimizer's state.
    pub fn state(&self) -> State {
        let mut state = State::new();
        state.insert("best", self.best);
        state.insert("num_bad_epochs", self.bad_epochs);
        state.insert("cooldown_counter", self.cooldown);
        state
    }
    /// Continues from such a state. Make the schedule with the same options.
    ///
    /// # Errors
    /// If entries are missing or unknown, or of a wrong type. The error lists all of these, and nothing is changed.
    pub fn load_state(&mut self, state: &State) -> Result<(), StateError> {
        let mut reader = Reader::new(state);
        let best = reader.number("best".into(), "a number", |best| !best.is_nan());
        let [bad_epochs, cooldown] = ["num_bad_epochs", "cooldown_counter"].map(|name| reader.whole(name.into()));
        reader.finish()?;
        (self.best, self.bad_epochs, self.cooldown) = (best, bad_epochs, cooldown);
        Ok(())
    }
}
