//! When does a run end, what of it is kept, and how does its learning rate change?

use super::{Callback, Run};
use crate::Scalar;
use crate::io::{IoError, State, save};
use crate::optim::{Goal, ReduceLrOnPlateau, Scheduler};
use std::path::PathBuf;

/// A number of the history, and the best one so far.
#[derive(Debug, Default)]
struct Monitor {
    name: Option<String>,
    goal: Goal,
    best: Option<f64>,
}

impl Monitor {
    fn of(name: &str, goal: Goal) -> Monitor {
        Monitor { name: Some(name.into()), goal, best: None }
    }
    /// The number of the last epoch.
    #[track_caller]
    fn value<T: Scalar>(&self, run: &Run<'_, T>) -> f64 {
        let history = &run.history;
        let Some(name) = &self.name else {
            return history.last("val_loss").or(history.last("loss")).expect("there is always a loss");
        };
        history.last(name).unwrap_or_else(|| {
            let known: Vec<&str> = history.names().collect();
            panic!("monitor: the history has no {name:?}\n  hint: it has {known:?}; the others need `validate` or `metric`")
        })
    }
    /// Whether the last epoch was the best one.
    #[track_caller]
    fn improved<T: Scalar>(&mut self, run: &Run<'_, T>) -> bool {
        let value = self.value(run);
        let improved = self.best.map_or(!value.is_nan(), |best| self.goal.is_better(value, best));
        if improved {
            self.best = Some(value);
        }
        improved
    }
}

/// Ends the run when a number has not got better for some epochs, and gives the model the weights (and buffers) of its best epoch, also
/// after a run that went on to its end or was ended by an error.
#[derive(Debug)]
pub struct EarlyStopping {
    monitor: Monitor,
    patience: usize,
    waited: usize,
    best: Option<State>,
}

impl EarlyStopping {
    /// After so many epochs in which `val_loss` (without held-back examples, `loss`) is not less than in the best epoch so far.
    ///
    /// # Panics
    /// If there are none.
    #[track_caller]
    pub fn new(patience: usize) -> EarlyStopping {
        assert!(patience > 0, "EarlyStopping: patience must be at least 1 epoch\n  hint: 3 to 10 are usual");
        EarlyStopping { monitor: Monitor::default(), patience, waited: 0, best: None }
    }
    /// Watches another number of the history, such as `val_accuracy` with [`Goal::Max`].
    pub fn monitor(mut self, name: &str, goal: Goal) -> EarlyStopping {
        self.monitor = Monitor::of(name, goal);
        self
    }
}

impl<T: Scalar> Callback<T> for EarlyStopping {
    fn epoch(&mut self, run: &mut Run<'_, T>) -> Result<(), IoError> {
        if self.monitor.improved(run) {
            self.best = Some(run.model.state());
            self.waited = 0;
        } else {
            self.waited += 1;
            run.stop |= self.waited >= self.patience;
        }
        Ok(())
    }
    fn end(&mut self, run: &mut Run<'_, T>) -> Result<(), IoError> {
        if let Some(best) = self.best.take() {
            run.model.load_state(&best).expect("a model takes back its own state");
        }
        Ok(())
    }
}

/// Saves parameters and buffers after each epoch that is the best so far; [`load_into`](crate::io::load_into) reads them back.
#[derive(Debug)]
pub struct BestCheckpoint {
    monitor: Monitor,
    path: PathBuf,
}

impl BestCheckpoint {
    /// Into this file, by the least `val_loss` (without held-back examples, `loss`).
    pub fn new(path: impl Into<PathBuf>) -> BestCheckpoint {
        BestCheckpoint { monitor: Monitor::default(), path: path.into() }
    }
    /// By another number of the history.
    pub fn monitor(mut self, name: &str, goal: Goal) -> BestCheckpoint {
        self.monitor = Monitor::of(name, goal);
        self
    }
}

impl<T: Scalar> Callback<T> for BestCheckpoint {
    fn epoch(&mut self, run: &mut Run<'_, T>) -> Result<(), IoError> {
        if self.monitor.improved(run) { save(&self.path, &run.model.state()) } else { Ok(()) }
    }
}

/// Steps a schedule of the learning rate after each epoch.
#[derive(Debug)]
pub struct PerEpoch(pub Scheduler);

impl<T: Scalar> Callback<T> for PerEpoch {
    fn epoch(&mut self, run: &mut Run<'_, T>) -> Result<(), IoError> {
        self.0.step(run.optimizer);
        Ok(())
    }
}

/// Steps a schedule of the learning rate after each batch.
#[derive(Debug)]
pub struct PerBatch(pub Scheduler);

impl<T: Scalar> Callback<T> for PerBatch {
    fn batch(&mut self, run: &mut Run<'_, T>) -> Result<(), IoError> {
        self.0.step(run.optimizer);
        Ok(())
    }
}

/// Reduces the learning rate when a number has not got better for some epochs.
#[derive(Debug)]
pub struct OnPlateau {
    monitor: Monitor,
    schedule: ReduceLrOnPlateau,
}

impl OnPlateau {
    /// By `val_loss` (without held-back examples, `loss`).
    pub fn new(schedule: ReduceLrOnPlateau) -> OnPlateau {
        OnPlateau { monitor: Monitor::default(), schedule }
    }
    /// By another number of the history; which way is better is an option of the schedule.
    pub fn monitor(mut self, name: &str) -> OnPlateau {
        self.monitor.name = Some(name.into());
        self
    }
}

impl<T: Scalar> Callback<T> for OnPlateau {
    fn epoch(&mut self, run: &mut Run<'_, T>) -> Result<(), IoError> {
        self.schedule.step(self.monitor.value(run), run.optimizer);
        Ok(())
    }
}
