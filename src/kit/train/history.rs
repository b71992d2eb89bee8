//! What happened? Losses, metrics and learning rates, epoch by epoch.

use crate::optim::Goal;

/// The numbers of each epoch: `loss`, the metric by its name (`accuracy`), of the held-back examples `val_loss` and `val_accuracy`, `lr` (the
/// rate of the epoch's last batch) and `seconds`.
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
    /// What there are numbers of, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(name, _)| name.as_str())
    }
    /// A number for each epoch, such as a series of `plot::Curves` takes.
    pub fn get(&self, name: &str) -> Option<&[f64]> {
        self.columns.iter().find(|(n, _)| n == name).map(|(_, column)| column.as_slice())
    }
    /// That of the last epoch.
    pub fn last(&self, name: &str) -> Option<f64> {
        self.get(name)?.last().copied()
    }
    /// The epoch (from 0) with the best number, the first of several, and the number; what is not a number is never best.
    pub fn best(&self, name: &str, goal: Goal) -> Option<(usize, f64)> {
        let numbers = self.get(name)?.iter().copied().enumerate();
        numbers.filter(|(_, x)| !x.is_nan()).reduce(|best, next| if goal.is_better(next.1, best.1) { next } else { best })
    }
}
