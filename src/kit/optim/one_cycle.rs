//! A learning rate that goes up and down once, while the momentum does the opposite: [`OneCycleLr`].

use super::bounds::MOST;
use super::{Schedule, check, not_negative};
use std::f64::consts::PI;

/// The curve between two rates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Anneal {
    /// Half a cosine wave.
    #[default]
    Cos,
    /// A straight line.
    Linear,
}

/// One cycle: the rate rises from `max_lr / div_factor` to `max_lr`, then falls far below its first value. The momentum does the opposite.
/// Step it after each batch. After `total_steps - 1` steps nothing changes any more.
///
/// The optimizer's own rates are not used. The fields have PyTorch's names.
///
/// ```
/// use wengert::optim::{Anneal, OneCycleLr, Rates, Scheduler, Sgd, SgdOptions};
/// let mut optimizer: Sgd = Sgd::with(SgdOptions { momentum: 0.9, ..Default::default() });
/// let schedule = OneCycleLr { anneal_strategy: Anneal::Linear, ..OneCycleLr::new(0.1, 100) };
/// let mut scheduler = Scheduler::new(&mut optimizer, schedule);
/// assert_eq!((optimizer.lr(), optimizer.momentums()[0]), (0.004, Some(0.95)));
/// ```
///
/// Source: L. N. Smith, N. Topin, "Super-convergence: very fast training of neural networks using large learning rates" (2018).
#[derive(Clone, Debug, PartialEq)]
pub struct OneCycleLr {
    /// The largest rate: one for all parameter groups, or one for each.
    pub max_lr: Vec<f64>,
    /// The number of batches in the whole training.
    pub total_steps: u64,
    /// The share of the batches in which the rate rises; default 0.3.
    pub pct_start: f64,
    /// The curve; default half a cosine wave.
    pub anneal_strategy: Anneal,
    /// If true, the momentum (for Adam the first beta) changes too; default true.
    pub cycle_momentum: bool,
    /// The momentum where the rate is largest; default 0.85.
    pub base_momentum: f64,
    /// The momentum at the beginning and at the end; default 0.95.
    pub max_momentum: f64,
    /// The first rate is `max_lr` divided by this; default 25.
    pub div_factor: f64,
    /// The last rate is the first one divided by this; default 1e4.
    pub final_div_factor: f64,
    /// If true, the rate falls as fast as it rose, and only then from the first rate to the last; default false.
    pub three_phase: bool,
}

impl OneCycleLr {
    /// One largest rate for all parameter groups, and PyTorch's defaults.
    pub fn new(max_lr: f64, total_steps: u64) -> Self {
        OneCycleLr {
            max_lr: vec![max_lr],
            total_steps,
            pct_start: 0.3,
            anneal_strategy: Anneal::Cos,
            cycle_momentum: true,
            base_momentum: 0.85,
            max_momentum: 0.95,
            div_factor: 25.0,
            final_div_factor: 1e4,
            three_phase: false,
        }
    }
    /// The value at this time: `first` at the beginning, `peak` where the rate is largest, and `last` at the end.
    fn course(&self, time: u64, first: f64, peak: f64, last: f64) -> f64 {
        let (end, rise) = (self.total_steps as f64 - 1.0, self.pct_start * self.total_steps as f64 - 1.0);
        let phases = if self.three_phase {
            [(rise, first, peak), (2.0 * rise, peak, first), (end, first, last)]
        } else {
            [(rise, first, peak), (end, peak, last), (end, last, last)]
        };
        let (time, mut begin) = ((time as f64).min(end), 0.0);
        for (end, from, to) in phases {
            if time <= end {
                let share = if end > begin { (time - begin) / (end - begin) } else { 1.0 };
                return match self.anneal_strategy {
                    Anneal::Cos => to + (from - to) * (1.0 + (PI * share).cos()) / 2.0,
                    Anneal::Linear => from + (to - from) * share,
                };
            }
            begin = end;
        }
        last
    }
}

impl Schedule for OneCycleLr {
    fn lr(&self, time: u64, _: f64, group: usize) -> f64 {
        let max = *self.max_lr.get(group).unwrap_or(&self.max_lr[0]);
        let first = max / self.div_factor;
        self.course(time, first, max, first / self.final_div_factor)
    }
    fn momentum(&self, time: u64) -> Option<f64> {
        self.cycle_momentum.then(|| self.course(time, self.max_momentum, self.base_momentum, self.max_momentum))
    }
    fn check(&self, groups: usize) {
        let fits = self.max_lr.len() == 1 || self.max_lr.len() == groups;
        check(
            "OneCycleLr",
            fits,
            &format!("max_lr must be one number or as many as parameter groups ({groups})"),
            &self.max_lr,
            "the first is that of the parameters in no group",
        );
        for &lr in &self.max_lr {
            not_negative(
                "OneCycleLr",
                "max_lr",
                lr,
                "the rate in the middle of the cycle: a few times the one that trains well without a cycle",
            );
        }
        check(
            "OneCycleLr",
            self.total_steps > 0,
            "total_steps must be at least 1",
            self.total_steps,
            "the number of steps of the scheduler in the whole cycle: epochs times batches",
        );
        check("OneCycleLr", (0.0..=1.0).contains(&self.pct_start), "pct_start must be from 0 to 1", self.pct_start, "0.3 is usual");
        // With divisors in this range, no rate becomes infinite.
        let divides = |x: f64| (1.0 / MOST..=MOST).contains(&x);
        check(
            "OneCycleLr",
            divides(self.div_factor),
            "div_factor must be above 0 and finite, also as f32",
            self.div_factor,
            "25 is usual: the first rate is max_lr divided by it",
        );
        check(
            "OneCycleLr",
            divides(self.final_div_factor),
            "final_div_factor must be above 0 and finite, also as f32",
            self.final_div_factor,
            "1e4 is usual: the last rate is the first one divided by it",
        );
        let momentums = (self.base_momentum, self.max_momentum);
        let inside = [momentums.0, momentums.1].iter().all(|m| (0.0..1.0).contains(m));
        check("OneCycleLr", inside, "base_momentum and max_momentum must be at least 0 and below 1", momentums, "0.85 and 0.95 are usual");
        let phases = !self.three_phase || self.pct_start <= 0.5;
        check(
            "OneCycleLr",
            phases,
            "pct_start must be at most 0.5 with three_phase",
            self.pct_start,
            "the rate falls as long as it rises: 0.3 is usual",
        );
    }
}
