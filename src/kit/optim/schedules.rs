//! PyTorch's schedules, as functions of time.

use super::{Schedule, check, not_negative};
use std::f64::consts::PI;

/// The rate falls at equal intervals: `b gamma^floor(t / step_size)` for time t and initial rate b.
///
/// ```
/// use wengert::optim::StepLr;
/// assert_eq!(StepLr::new(30), StepLr { step_size: 30, gamma: 0.1 });
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct StepLr {
    /// The time between two changes.
    pub step_size: u64,
    /// The factor of each change.
    pub gamma: f64,
}

impl StepLr {
    /// A factor of 0.1 after each `step_size`.
    pub fn new(step_size: u64) -> Self {
        StepLr { step_size, gamma: 0.1 }
    }
}

impl Schedule for StepLr {
    fn lr(&self, time: u64, base: f64, _: usize) -> f64 {
        base * power(self.gamma, time / self.step_size)
    }
    fn check(&self, _: usize) {
        check(
            "StepLr",
            self.step_size > 0,
            "step_size must be at least 1",
            self.step_size,
            "the number of steps of the scheduler between two changes of the rate",
        );
        check_gamma("StepLr", self.gamma);
    }
}

/// The rate falls at given times: `b gamma^k` for initial rate b, where k is the number of milestones at or before the current time.
#[derive(Clone, Debug, PartialEq)]
pub struct MultiStepLr {
    /// The times of the changes, in any order; a time that occurs twice counts twice.
    pub milestones: Vec<u64>,
    /// The factor of each change.
    pub gamma: f64,
}

impl MultiStepLr {
    /// A factor of 0.1 at each of these times.
    pub fn new(milestones: impl Into<Vec<u64>>) -> Self {
        MultiStepLr { milestones: milestones.into(), gamma: 0.1 }
    }
}

impl Schedule for MultiStepLr {
    fn lr(&self, time: u64, base: f64, _: usize) -> f64 {
        base * power(self.gamma, self.milestones.iter().filter(|&&m| m <= time).count() as u64)
    }
    fn check(&self, _: usize) {
        check_gamma("MultiStepLr", self.gamma);
    }
}

/// The rate falls by the same factor each time: `b gamma^t` for time t and initial rate b.
#[derive(Clone, Debug, PartialEq)]
pub struct ExponentialLr {
    /// The factor.
    pub gamma: f64,
}

impl ExponentialLr {
    /// A schedule with this factor.
    pub fn new(gamma: f64) -> Self {
        ExponentialLr { gamma }
    }
}

impl Schedule for ExponentialLr {
    fn lr(&self, time: u64, base: f64, _: usize) -> f64 {
        base * power(self.gamma, time)
    }
    fn check(&self, _: usize) {
        check_gamma("ExponentialLr", self.gamma);
    }
}

/// The rate falls along half a cosine wave: `eta_min + (b - eta_min) (1 + cos(pi t / t_max)) / 2` for time t and initial rate b. After
/// `t_max` it rises again, as in PyTorch.
///
/// Source: I. Loshchilov, F. Hutter, "SGDR: stochastic gradient descent with warm restarts" (2017).
#[derive(Clone, Debug, PartialEq)]
pub struct CosineAnnealingLr {
    /// The time of the smallest rate.
    pub t_max: u64,
    /// The smallest rate.
    pub eta_min: f64,
}

impl CosineAnnealingLr {
    /// Falls to 0 at this time.
    pub fn new(t_max: u64) -> Self {
        CosineAnnealingLr { t_max, eta_min: 0.0 }
    }
}

impl Schedule for CosineAnnealingLr {
    fn lr(&self, time: u64, base: f64, _: usize) -> f64 {
        wave(base, self.eta_min, time, self.t_max)
    }
    fn check(&self, _: usize) {
        check(
            "CosineAnnealingLr",
            self.t_max > 0,
            "t_max must be at least 1",
            self.t_max,
            "the number of steps of the scheduler from the highest rate to the lowest",
        );
        not_negative("CosineAnnealingLr", "eta_min", self.eta_min, "the smallest rate: 0, or a small part of the first one");
    }
}

/// The rate falls along half a cosine wave, again and again: `eta_min + (b - eta_min) (1 + cos(pi u / v)) / 2` for initial rate b, where u
/// is the time since the last restart and v the time between restarts (first `t_0`, then each time `t_mult` times as long).
///
/// Source: I. Loshchilov, F. Hutter, "SGDR: stochastic gradient descent with warm restarts" (2017).
#[derive(Clone, Debug, PartialEq)]
pub struct CosineAnnealingWarmRestarts {
    /// The time of the first restart.
    pub t_0: u64,
    /// The factor by which each interval is longer than the one before.
    pub t_mult: u64,
    /// The smallest rate.
    pub eta_min: f64,
}

impl CosineAnnealingWarmRestarts {
    /// Falls to 0 in intervals of this length.
    pub fn new(t_0: u64) -> Self {
        CosineAnnealingWarmRestarts { t_0, t_mult: 1, eta_min: 0.0 }
    }
}

impl Schedule for CosineAnnealingWarmRestarts {
    fn lr(&self, time: u64, base: f64, _: usize) -> f64 {
        if self.t_mult == 1 {
            return wave(base, self.eta_min, time % self.t_0, self.t_0);
        }
        let (mut since, mut length) = (time, self.t_0);
        while since >= length {
            since -= length;
            length = length.saturating_mul(self.t_mult);
        }
        wave(base, self.eta_min, since, length)
    }
    fn check(&self, _: usize) {
        check(
            "CosineAnnealingWarmRestarts",
            self.t_0 > 0,
            "t_0 must be at least 1",
            self.t_0,
            "the number of steps of the scheduler before the first restart",
        );
        check(
            "CosineAnnealingWarmRestarts",
            self.t_mult > 0,
            "t_mult must be at least 1",
            self.t_mult,
            "1 for periods of one length, 2 for each twice as long as the one before",
        );
        not_negative("CosineAnnealingWarmRestarts", "eta_min", self.eta_min, "the smallest rate: 0, or a small part of the first one");
    }
}

/// The rate changes linearly and then stays: `b (start_factor + (end_factor - start_factor) min(t, total_iters) / total_iters)` for time t
/// and initial rate b. This is a warm-up; [`SequentialLr`] can put another schedule after it.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearLr {
    /// The factor at time 0.
    pub start_factor: f64,
    /// The factor at the end.
    pub end_factor: f64,
    /// The time at which the end factor is reached.
    pub total_iters: u64,
}

impl LinearLr {
    /// From a third of the rate to the whole rate within this time.
    pub fn new(total_iters: u64) -> Self {
        LinearLr { start_factor: 1.0 / 3.0, end_factor: 1.0, total_iters }
    }
}

impl Schedule for LinearLr {
    fn lr(&self, time: u64, base: f64, _: usize) -> f64 {
        let share = time.min(self.total_iters) as f64 / self.total_iters as f64;
        base * (self.start_factor + (self.end_factor - self.start_factor) * share)
    }
    fn check(&self, _: usize) {
        let LinearLr { start_factor, end_factor, total_iters } = *self;
        check(
            "LinearLr",
            start_factor > 0.0 && start_factor <= 1.0,
            "start_factor must be above 0 and at most 1",
            start_factor,
            "1/3 is usual",
        );
        check("LinearLr", (0.0..=1.0).contains(&end_factor), "end_factor must be from 0 to 1", end_factor, "1 is usual");
        check(
            "LinearLr",
            total_iters > 0,
            "total_iters must be at least 1",
            total_iters,
            "the number of steps of the scheduler in which the factor changes",
        );
    }
}

/// One schedule after another, each from its own time 0.
///
/// ```
/// use wengert::optim::{CosineAnnealingLr, LinearLr, Rates, Scheduler, SequentialLr, Sgd};
/// let mut optimizer: Sgd = Sgd::new(0.3);
/// // Five epochs of warm-up, then 95 in which the rate falls to 0.
/// let schedule = SequentialLr::new(LinearLr::new(5)).then(5, CosineAnnealingLr::new(95));
/// let mut scheduler = Scheduler::new(&mut optimizer, schedule);
/// assert!((optimizer.lr() - 0.1).abs() < 1e-12);
/// for _ in 0..5 {
///     scheduler.step(&mut optimizer);
/// }
/// assert_eq!(optimizer.lr(), 0.3);
/// ```
pub struct SequentialLr {
    /// The schedules, each with the time at which it begins.
    parts: Vec<(u64, Box<dyn Schedule>)>,
}

impl SequentialLr {
    /// Begins with this schedule.
    pub fn new(first: impl Schedule + 'static) -> Self {
        SequentialLr { parts: vec![(0, Box::new(first))] }
    }
    /// Continues with this schedule at `milestone`, a time counted from the beginning of the first schedule.
    ///
    /// # Panics
    /// If the milestone is not after the previous one.
    #[track_caller]
    pub fn then(mut self, milestone: u64, next: impl Schedule + 'static) -> Self {
        let last = self.parts.last().map_or(0, |(begin, _)| *begin);
        check(
            "SequentialLr",
            milestone > last,
            &format!("the milestone must be above {last}, the one before"),
            milestone,
            "milestones ascend from 1 on: each schedule begins after the one before",
        );
        self.parts.push((milestone, Box::new(next)));
        self
    }
    /// The current schedule, and the time since it began.
    fn at(&self, time: u64) -> (&dyn Schedule, u64) {
        let (begin, schedule) = self.parts.iter().rfind(|(begin, _)| *begin <= time).expect("the first begins at 0");
        (&**schedule, time - begin)
    }
}

impl Schedule for SequentialLr {
    fn lr(&self, time: u64, base: f64, group: usize) -> f64 {
        let (schedule, time) = self.at(time);
        schedule.lr(time, base, group)
    }
    fn momentum(&self, time: u64) -> Option<f64> {
        let (schedule, time) = self.at(time);
        schedule.momentum(time)
    }
    fn changes_momentum(&self) -> bool {
        self.parts.iter().any(|(_, schedule)| schedule.changes_momentum())
    }
    fn check(&self, groups: usize) {
        for (_, schedule) in &self.parts {
            schedule.check(groups);
        }
    }
}

fn wave(high: f64, low: f64, time: u64, half: u64) -> f64 {
    low + (high - low) * (1.0 + (PI * time as f64 / half as f64).cos()) / 2.0
}

fn power(x: f64, n: u64) -> f64 {
    i32::try_from(n).map_or_else(|_| x.powf(n as f64), |n| x.powi(n))
}

#[track_caller]
fn check_gamma(who: &str, gamma: f64) {
    not_negative(who, "gamma", gamma, "the factor on the rate: 0.1 to 0.99 are usual, and 1 changes nothing");
}
