//! Changes learning rates over time: a [`Schedule`] gives the rate at each time, a [`Scheduler`] counts the time and sets the rates.

use super::bounds::MOST;
use super::handover::Numbers;
use super::reader::Reader;
use super::{Handover, Rates};
use crate::io::{State, StateError};
use crate::refusal::require;
use ndarray::ArrayD;
use std::fmt;
use std::panic::Location;

/// A learning rate as a function of time. Time is counted in calls of [`Scheduler::step`] (epochs or batches, as you like).
///
/// A closure is a schedule, too. It returns a factor of the initial rate (PyTorch's `LambdaLR`):
///
/// ```
/// use wengert::optim::{Rates, Scheduler, Sgd};
/// let mut optimizer: Sgd = Sgd::new(0.5);
/// let mut scheduler = Scheduler::new(&mut optimizer, |epoch| 1.0 / (1 + epoch) as f64);
/// scheduler.step(&mut optimizer);
/// assert_eq!(optimizer.lr(), 0.25);
/// ```
pub trait Schedule: Send {
    /// The learning rate at this time (0 before the first step of the scheduler), for a group whose rate was `base` when the scheduler was
    /// made. Groups count from 0.
    fn lr(&self, time: u64, base: f64, group: usize) -> f64;
    /// The momentum at this time, if the schedule changes it.
    fn momentum(&self, _time: u64) -> Option<f64> {
        None
    }
    /// True if it ever changes the momentum.
    fn changes_momentum(&self) -> bool {
        self.momentum(0).is_some()
    }
    /// Panics if an option makes no sense, or does not fit this number of parameter groups.
    #[track_caller]
    fn check(&self, _groups: usize) {}
}

impl<F: Fn(u64) -> f64 + Send> Schedule for F {
    fn lr(&self, time: u64, base: f64, _: usize) -> f64 {
        base * self(time)
    }
}

/// Sets the learning rates of an optimizer by a [`Schedule`]. Each parameter group starts from the rate that it has when the scheduler is
/// made.
///
/// ```
/// use wengert::optim::{Rates, Scheduler, Sgd, StepLr};
/// let mut optimizer: Sgd = Sgd::new(0.1);
/// let mut scheduler = Scheduler::new(&mut optimizer, StepLr { step_size: 2, gamma: 0.5 });
/// let mut rates = Vec::new();
/// for _epoch in 0..5 {
///     rates.push(optimizer.lr()); // train an epoch here
///     scheduler.step(&mut optimizer);
/// }
/// assert_eq!(rates, [0.1, 0.1, 0.05, 0.05, 0.025]);
/// ```
///
/// Rates are functions of time, not of the rate before. A rate that `set_lr` sets holds until the next step only.
pub struct Scheduler {
    schedule: Box<dyn Schedule>,
    time: u64,
    base_lrs: Vec<f64>,
    /// Memory for the numbers of one step, so that a step allocates nothing.
    numbers: Vec<f64>,
    handover: Option<Handover>,
    /// Where it was made. During a training run a callback steps it, whose line would not help.
    made: &'static Location<'static>,
}

impl Scheduler {
    /// Takes the optimizer's rates as initial rates, and sets the rates of time 0. If the optimizer's state was just loaded, the rates of
    /// time 0 are set only at its next step, and not at all if the scheduler's state is loaded before that. If it is not loaded, rates that
    /// a schedule had already reduced are reduced again.
    ///
    /// # Panics
    /// If an option of the schedule makes no sense, or the schedule ever changes the momentum and the optimizer has none.
    #[track_caller]
    pub fn new(optimizer: &mut dyn Rates, schedule: impl Schedule + 'static) -> Scheduler {
        let base_lrs = optimizer.lrs();
        schedule.check(base_lrs.len());
        if let Some(group) = optimizer.momentums().iter().position(|m| m.is_none() && schedule.changes_momentum()) {
            require(
                false,
                || format!("Scheduler: the schedule changes the momentum, but parameter group {group} works without momentum"),
                "make the optimizer with momentum above 0, or the schedule with `cycle_momentum: false`",
            );
        }
        let handover = optimizer.handover().cloned();
        let mut scheduler =
            Scheduler { schedule: Box::new(schedule), time: 0, base_lrs, numbers: Vec::new(), handover, made: Location::caller() };
        match scheduler.handover.as_ref().filter(|handover| handover.is_loaded()) {
            Some(handover) => handover.leave(Some(scheduler.present())),
            None => scheduler.set(optimizer),
        }
        scheduler
    }
    /// Advances by one unit of time (an epoch or a batch) and sets the new rates. Call it after the optimizer's steps.
    ///
    /// # Panics
    /// If the number of the optimizer's parameter groups has changed, if the optimizer has no momentum but the schedule changes it, or if
    /// the schedule (a closure) returns a rate that is negative or not finite.
    #[track_caller]
    pub fn step(&mut self, optimizer: &mut dyn Rates) {
        self.time = self.time.saturating_add(1);
        self.set(optimizer);
    }
    /// The number of steps so far.
    pub fn time(&self) -> u64 {
        self.time
    }
    #[track_caller]
    fn set(&mut self, optimizer: &mut dyn Rates) {
        self.numbers.clear();
        self.numbers.extend(self.base_lrs.iter().enumerate().map(|(group, &base)| self.schedule.lr(self.time, base, group)));
        if let Some((group, lr)) = self.numbers.iter().enumerate().find(|(_, lr)| !(0.0..=MOST).contains(*lr)) {
            let message = || {
                let (time, made) = (self.time, self.made);
                format!("Scheduler: the schedule gives the rate {lr:?} at time {time} (parameter group {group}; made at {made})")
            };
            require(
                false,
                message,
                "rates are finite (also as f32) and at least 0; a closure gives a factor on the first rate at each time",
            );
        }
        optimizer.set_lrs(&self.numbers);
        if let Some(momentum) = self.schedule.momentum(self.time) {
            self.numbers.fill(momentum);
            optimizer.set_momentums(&self.numbers);
        }
    }
    /// The numbers of the current time.
    fn present(&self) -> Numbers {
        let lrs = self.base_lrs.iter().enumerate().map(|(group, &base)| self.schedule.lr(self.time, base, group)).collect();
        Numbers { lrs, momentum: self.schedule.momentum(self.time) }
    }
    /// The number of steps so far, and the initial rates. The current rates are part of the optimizer's state.
    pub fn state(&self) -> State {
        let mut state = State::new();
        state.insert("last_epoch", self.time);
        state.insert("base_lrs", ArrayD::from_shape_vec(vec![self.base_lrs.len()], self.base_lrs.clone()).expect("as many as there are"));
        state
    }
    /// Continues from such a state. Make the scheduler with the same schedule. The optimizer's state may be loaded before or after this,
    /// also before the scheduler is made: then the rates are those of the optimizer's state. If it is not loaded at all, the optimizer's
    /// next step uses the rates of the schedule.
    ///
    /// # Errors
    /// If entries are missing or unknown, if rates (those in the state, or those that the schedule computes from them) are negative or not
    /// finite, or if the number of parameter groups differs. The error lists all of these, and nothing is changed.
    pub fn load_state(&mut self, state: &State) -> Result<(), StateError> {
        let mut reader = Reader::new(state);
        let time = reader.whole("last_epoch".into());
        let base_lrs = reader.array::<f64>("base_lrs".into(), &[self.base_lrs.len()]);
        reader.finish()?;
        if let Some(lr) = base_lrs.iter().find(|lr| !(0.0..=MOST).contains(*lr)) {
            return Err(StateError::Type {
                name: "base_lrs".into(),
                found: lr.to_string(),
                expected: "finite numbers that are at least 0",
            });
        }
        let groups = self.handover.as_ref().map_or(base_lrs.len(), Handover::groups);
        if groups != base_lrs.len() {
            return Err(StateError::Shape { name: "base_lrs".into(), found: vec![base_lrs.len()], expected: vec![groups] });
        }
        let rate = |(group, &base): (usize, &f64)| self.schedule.lr(time, base, group);
        if let Some(lr) = base_lrs.iter().enumerate().map(rate).find(|lr| !(0.0..=MOST).contains(lr)) {
            let found = format!("such that the schedule's rate at time {time} is {lr}");
            return Err(StateError::Type { name: "base_lrs".into(), found, expected: "rates that are finite and at least 0" });
        }
        (self.time, self.base_lrs) = (time, base_lrs);
        if let Some(handover) = &self.handover {
            handover.leave(if handover.is_loaded() { None } else { Some(self.present()) });
        }
        Ok(())
    }
}

impl fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scheduler").field("time", &self.time).field("base_lrs", &self.base_lrs).finish_non_exhaustive()
    }
}
