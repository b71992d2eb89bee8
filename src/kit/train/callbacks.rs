//! Callbacks that end a run, save its best model, clip gradients, or change the learning rate.

use super::{Callback, Run, find_folder};
use crate::io::{IoError, State, StateError, save};
use crate::optim::{Goal, ReduceLrOnPlateau, Scheduler, clip_grad_norm, clip_grad_value};
use crate::refusal::require;
use crate::{Grads, Scalar};
use std::panic::Location;
use std::path::PathBuf;

/// A number of the history, and the best value so far.
#[derive(Debug, Default)]
struct Monitor {
    name: Option<(String, &'static Location<'static>)>,
    goal: Goal,
    best: Option<f64>,
}

impl Monitor {
    #[track_caller]
    fn of(name: &str, goal: Goal) -> Monitor {
        Monitor { name: Some((name.into(), Location::caller())), goal, best: None }
    }
    /// The value in the last epoch.
    fn value<T: Scalar>(&self, run: &Run<'_, T>) -> f64 {
        let history = &run.history;
        let Some((name, at)) = &self.name else {
            return history.last("val_loss").or(history.last("loss")).expect("there is always a loss");
        };
        history.last(name).unwrap_or_else(|| {
            let known: Vec<&str> = history.names().collect();
            panic!("monitor: the history has no {name:?}\n  at {at}\n  hint: it has {known:?}; the others need `validate` or `metric`")
        })
    }
    /// True if the last epoch was the best one.
    fn improved<T: Scalar>(&mut self, run: &Run<'_, T>) -> bool {
        let value = self.value(run);
        let improved = self.best.map_or(!value.is_nan(), |best| self.goal.is_better(value, best));
        if improved {
            self.best = Some(value);
        }
        improved
    }
    /// The best value so far, as a state.
    fn state(&self) -> State {
        self.best.iter().map(|best| ("best", *best)).collect()
    }
    /// The best value in such a state.
    fn read(state: &State) -> Result<Option<f64>, StateError> {
        if state.get("best").is_none() {
            return Ok(None);
        }
        match state.number("best")? {
            best if best.is_nan() => Err(StateError::Type { name: "best".into(), found: best.to_string(), expected: "a number" }),
            best => Ok(Some(best)),
        }
    }
    /// Refuses a state with other entries.
    fn check(state: &State, known: impl Fn(&str) -> bool) -> Result<(), StateError> {
        let unknown = state.iter().filter(|(name, _)| !known(name));
        StateError::all(unknown.map(|(name, _)| StateError::Unexpected { name: name.into() }).collect())
    }
}

/// Ends the run when a number has not improved for some epochs. Then gives the model the weights (and buffers) of its best epoch, also if
/// the run went on to its end or was ended by an error.
#[derive(Debug)]
pub struct EarlyStopping {
    monitor: Monitor,
    patience: usize,
    waited: usize,
    best: Option<State>,
}

impl EarlyStopping {
    /// Ends the run after `patience` epochs in which `val_loss` (or `loss`, without held-back examples) is not below its best value so far.
    ///
    /// # Panics
    /// If `patience` is 0.
    #[track_caller]
    pub fn new(patience: usize) -> EarlyStopping {
        require(patience > 0, || "EarlyStopping: patience must be at least 1 epoch", "3 to 10 are usual");
        EarlyStopping { monitor: Monitor::default(), patience, waited: 0, best: None }
    }
    /// Watches another number of the history, such as `val_accuracy` with [`Goal::Max`].
    #[track_caller]
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
            self.waited = self.waited.saturating_add(1);
            run.stop |= self.waited >= self.patience;
        }
        Ok(())
    }
    fn end(&mut self, run: &mut Run<'_, T>) -> Result<(), IoError> {
        let Some(best) = &self.best else { return Ok(()) }; // kept for `state`
        // The callback's own state fits; a loaded one may belong to another model.
        run.model.load_state(best).map_err(|source| IoError::State { path: "the state of EarlyStopping".into(), source })
    }
    fn state(&self) -> State {
        let mut state = self.monitor.state();
        state.insert("waited", self.waited as u64);
        self.best.iter().for_each(|best| state.insert_part("weights", best.clone()));
        state
    }
    fn load_state(&mut self, state: &State) -> Result<(), StateError> {
        Monitor::check(state, |name| ["best", "waited"].contains(&name) || name.starts_with("weights."))?;
        let (best, waited, weights) = (Monitor::read(state)?, state.whole("waited")?, state.part("weights"));
        match (best.is_some(), weights.iter().next()) {
            (true, None) => return Err(StateError::Missing { name: "weights".into() }),
            (false, Some((name, _))) => return Err(StateError::Unexpected { name: format!("weights.{name}") }),
            _ => {}
        }
        (self.monitor.best, self.waited) = (best, usize::try_from(waited).unwrap_or(usize::MAX));
        self.best = best.is_some().then_some(weights);
        Ok(())
    }
}

/// Saves parameters and buffers after each epoch that is the best so far; [`load_into`](crate::io::load_into) reads them.
#[derive(Debug)]
pub struct BestCheckpoint {
    monitor: Monitor,
    path: PathBuf,
}

impl BestCheckpoint {
    /// Saves to this file whenever `val_loss` (or `loss`, without held-back examples) is the lowest so far.
    pub fn new(path: impl Into<PathBuf>) -> BestCheckpoint {
        BestCheckpoint { monitor: Monitor::default(), path: path.into() }
    }
    /// Watches another number of the history.
    #[track_caller]
    pub fn monitor(mut self, name: &str, goal: Goal) -> BestCheckpoint {
        self.monitor = Monitor::of(name, goal);
        self
    }
}

impl<T: Scalar> Callback<T> for BestCheckpoint {
    fn begin(&mut self, _: &mut Run<'_, T>) -> Result<(), IoError> {
        find_folder(&self.path)
    }
    fn epoch(&mut self, run: &mut Run<'_, T>) -> Result<(), IoError> {
        if self.monitor.improved(run) { save(&self.path, &run.model.state()) } else { Ok(()) }
    }
    fn state(&self) -> State {
        self.monitor.state()
    }
    fn load_state(&mut self, state: &State) -> Result<(), StateError> {
        Monitor::check(state, |name| name == "best")?;
        self.monitor.best = Monitor::read(state)?;
        Ok(())
    }
}

/// Clips the gradients of each batch to this norm, taken over all of them together: [`clip_grad_norm`].
///
/// ```
/// # use wengert::{data::{Examples, Loader}, nn::Mlp, optim::Sgd};
/// use wengert::train::{ClipNorm, Fit};
/// # let model = Mlp::new(&[2, 2]).build::<f32>(&mut wengert::init::seeded(1));
/// # let data = Examples::new(wengert::ndarray::array![[0f32, 1e6], [1.0, 0.0]], vec![0, 1]);
/// # let (mut optimizer, loader) = (Sgd::new(0.1), Loader::new(data, 2));
/// Fit::new(&model, &mut optimizer).epochs(3).callback(ClipNorm(1.0)).run(&loader)?;
/// # Ok::<(), wengert::io::IoError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ClipNorm(
    /// The largest norm.
    pub f64,
);

impl<T: Scalar> Callback<T> for ClipNorm {
    fn gradients(&mut self, grads: &mut Grads<T>) {
        clip_grad_norm(grads, self.0);
    }
}

/// Clips each element of the gradients to ± this number: [`clip_grad_value`].
#[derive(Clone, Copy, Debug)]
pub struct ClipValue(
    /// The largest absolute value.
    pub f64,
);

impl<T: Scalar> Callback<T> for ClipValue {
    fn gradients(&mut self, grads: &mut Grads<T>) {
        clip_grad_value(grads, self.0);
    }
}

/// Ends the run after a batch whose loss is not a number; the parameters are as they were before it. (Without it the run goes on with the next batch. A
/// warning says which value was the first that is not finite.)
#[derive(Clone, Copy, Debug)]
pub struct StopAtNan;

impl<T: Scalar> Callback<T> for StopAtNan {
    fn batch(&mut self, run: &mut Run<'_, T>) -> Result<(), IoError> {
        run.stop |= run.loss.is_nan();
        Ok(())
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
    fn state(&self) -> State {
        self.0.state()
    }
    fn load_state(&mut self, state: &State) -> Result<(), StateError> {
        self.0.load_state(state)
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
    fn state(&self) -> State {
        self.0.state()
    }
    fn load_state(&mut self, state: &State) -> Result<(), StateError> {
        self.0.load_state(state)
    }
}

/// Reduces the learning rate when a number has not improved for some epochs.
#[derive(Debug)]
pub struct OnPlateau {
    monitor: Monitor,
    schedule: ReduceLrOnPlateau,
}

impl OnPlateau {
    /// Watches `val_loss` (or `loss`, without held-back examples).
    pub fn new(schedule: ReduceLrOnPlateau) -> OnPlateau {
        OnPlateau { monitor: Monitor::default(), schedule }
    }
    /// Watches another number of the history. Which values are better is an option of the schedule.
    #[track_caller]
    pub fn monitor(mut self, name: &str) -> OnPlateau {
        self.monitor.name = Some((name.into(), Location::caller()));
        self
    }
}

impl<T: Scalar> Callback<T> for OnPlateau {
    fn epoch(&mut self, run: &mut Run<'_, T>) -> Result<(), IoError> {
        self.schedule.step(self.monitor.value(run), run.optimizer);
        Ok(())
    }
    fn state(&self) -> State {
        self.schedule.state()
    }
    fn load_state(&mut self, state: &State) -> Result<(), StateError> {
        self.schedule.load_state(state)
    }
}
