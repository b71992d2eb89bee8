//! Draws examples by weights, for instance so that rare classes are seen as often as common ones.

use super::order;
use crate::refusal::{has_room, require};
use rand::RngExt;

/// Draws examples by weights, like PyTorch's `WeightedRandomSampler`. Pass it to [`Loader::sampler`](super::Loader::sampler).
///
/// ```
/// use wengert::data::{Examples, Loader, WeightedSampler};
/// use wengert::ndarray::Array2;
/// // 90 examples of one class, 10 of the other: each class as often as the other in what is drawn.
/// let labels: Vec<usize> = (0..100).map(|i| usize::from(i % 10 == 0)).collect();
/// let sampler = WeightedSampler::balanced(&labels, 7);
/// let loader = Loader::new(Examples::new(Array2::<f32>::zeros((100, 1)), labels), 10).sampler(sampler);
/// let ones: usize = (0..10).flat_map(|epoch| loader.epoch(epoch)).map(|batch| batch.y.iter().sum::<usize>()).sum();
/// assert!((450..550).contains(&ones)); // of 1,000
/// ```
///
/// The draws depend only on the seed and the epoch: a run that is resumed draws the same.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightedSampler {
    /// Relative to the largest weight.
    weights: Vec<f64>,
    /// The running sums of the weights.
    sums: Vec<f64>,
    samples: usize,
    replacement: bool,
    seed: u64,
}

impl WeightedSampler {
    /// Draws `samples` examples in each epoch, with replacement: each draw is example i with probability `weights[i]` over the sum of all,
    /// and an example may occur several times. The weights need not sum to 1; an example with weight 0 is never drawn.
    ///
    /// # Panics
    /// If a weight is negative or not finite, all weights are 0, `samples` is 0, or there is no memory for that many indices.
    #[track_caller]
    pub fn new(weights: &[f64], samples: usize, seed: u64) -> WeightedSampler {
        for (i, w) in weights.iter().enumerate() {
            let message = || format!("WeightedSampler: weight {w} of example {i} is not a finite number that is at least 0");
            require(*w >= 0.0 && w.is_finite(), message, "a weight says how often an example is drawn, relative to the others");
        }
        let most = weights.iter().copied().fold(0.0, f64::max);
        let message = || format!("WeightedSampler: none of {} weights is above 0", weights.len());
        require(most > 0.0, message, "give at least one example a weight");
        require(samples > 0, || "WeightedSampler: 0 samples an epoch", "as many as there are examples is usual");
        let message = || format!("WeightedSampler: no memory for the indices of {samples} samples");
        require(has_room::<usize>(samples), message, "draw fewer in each epoch, and use more epochs");
        // Relative weights neither overflow when added nor vanish when multiplied.
        let relative = |w: &f64| if *w > 0.0 { (w / most).max(f64::MIN_POSITIVE) } else { 0.0 };
        let weights: Vec<f64> = weights.iter().map(relative).collect();
        let mut sum = 0.0;
        let sums = weights.iter().map(|w| {
            sum += w;
            sum
        });
        WeightedSampler { sums: sums.collect(), weights, samples, replacement: true, seed }
    }
    /// Draws as many examples as there are labels, each with the weight 1 / (number of examples in its class). All classes that have
    /// examples are then seen equally often on average.
    ///
    /// # Panics
    /// If there are no labels.
    #[track_caller]
    pub fn balanced(labels: &[usize], seed: u64) -> WeightedSampler {
        let mut counts = std::collections::BTreeMap::new();
        labels.iter().for_each(|label| *counts.entry(label).or_insert(0) += 1);
        let weights: Vec<f64> = labels.iter().map(|label| 1.0 / f64::from(counts[label])).collect();
        WeightedSampler::new(&weights, labels.len(), seed)
    }
    /// Draws no example twice in an epoch: each draw is among those that are left, by their weights.
    ///
    /// # Panics
    /// If fewer examples have a weight above 0 than are drawn.
    #[track_caller]
    pub fn without_replacement(self) -> WeightedSampler {
        let known = self.weights.iter().filter(|w| **w > 0.0).count();
        let message = || format!("WeightedSampler: {} samples without replacement, but {known} weights above 0", self.samples);
        require(self.samples <= known, message, "draw fewer, or with replacement");
        WeightedSampler { replacement: false, ..self }
    }
    /// The number of weights.
    pub fn len(&self) -> usize {
        self.weights.len()
    }
    /// Always false: a sampler has at least one weight.
    pub fn is_empty(&self) -> bool {
        self.weights.is_empty()
    }
    /// The number of examples that are drawn in an epoch.
    pub fn samples(&self) -> usize {
        self.samples
    }
    /// The examples of an epoch, in the order in which they are drawn.
    pub fn rows(&self, epoch: u64) -> Vec<usize> {
        let mut rng = order::generator(self.seed, epoch, u64::MAX);
        if self.replacement {
            let all = self.sums[self.sums.len() - 1];
            let draw = || {
                let at = rng.random::<f64>() * all; // below `all`, except for rounding
                let last = self.sums.partition_point(|sum| *sum < all);
                self.sums.partition_point(|sum| *sum <= at).min(last)
            };
            return std::iter::repeat_with(draw).take(self.samples).collect();
        }
        // Each example gets a random waiting time with its weight as the rate; the shortest times are drawn first (P. S. Efraimidis, P. G.
        // Spirakis, "Weighted random sampling with a reservoir", 2006). The logarithms are compared, since the time for a weight of 1e-308
        // may overflow. The random number is in (0, 1], so its logarithm is finite; the time may be 0, and its logarithm -inf.
        let mut times: Vec<(f64, usize)> = Vec::new();
        for (i, w) in self.weights.iter().enumerate() {
            let time = (-(1.0 - rng.random::<f64>()).ln()).ln() - w.ln();
            if *w > 0.0 {
                times.push((time, i));
            }
        }
        times.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        times[..self.samples].iter().map(|(_, i)| *i).collect()
    }
}
