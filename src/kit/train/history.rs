//! The history of a run: losses, metrics and learning rates of each epoch.

use crate::optim::Goal;

/// The numbers of each epoch: `loss`, the metric by its name (such as `accuracy`), `val_loss` and `val_accuracy` for held-back examples,
/// `lr` (the rate of the epoch's last batch) and `seconds`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    columns: Vec<(String, Vec<f64>)>,
}

impl History {
    pub(super) fn push(&mut self, numbers: Vec<(String, f64)>) {
        for (name, x) in numbers {
            match self.columns.iter_mut().find(|(n, _)| *n == name) {
                Some((_, column)) => column.push(x),
                None => self.columns.push((name, vec![x])),
            }
        }
    }
    /// The number of epochs.
    pub fn epochs(&self) -> usize {
        self.columns.first().map_or(0, |(_, column)| column.len())
    }
    /// The names of the numbers, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(name, _)| name.as_str())
    }
    /// One number for each epoch, as a series of `plot::Curves` takes it.
    pub fn get(&self, name: &str) -> Option<&[f64]> {
        self.columns.iter().find(|(n, _)| n == name).map(|(_, column)| column.as_slice())
    }
    /// The number of the last epoch.
    pub fn last(&self, name: &str) -> Option<f64> {
        self.get(name)?.last().copied()
    }
    /// The epoch (from 0) with the best number, and the number; the first of several. NaN is never best.
    pub fn best(&self, name: &str, goal: Goal) -> Option<(usize, f64)> {
        let numbers = self.get(name)?.iter().copied().enumerate();
        numbers.filter(|(_, x)| !x.is_nan()).reduce(|best, next| if goal.is_better(next.1, best.1) { next } else { best })
    }
}
