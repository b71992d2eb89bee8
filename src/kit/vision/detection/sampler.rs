//! Which anchors or proposals are learned from?

use crate::refusal::require;
use crate::vision::Match;
use rand::{Rng, RngExt};

/// Draws a fixed number of examples for each image, of which a fraction is positive if there are so many. Torchvision's
/// `BalancedPositiveNegativeSampler`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BalancedPositiveNegativeSampler {
    /// How many examples there are, if there are enough.
    pub batch_size_per_image: usize,
    /// How many of them are positive, at most; the negative ones fill up what is left.
    pub positive_fraction: f64,
}

impl BalancedPositiveNegativeSampler {
    /// Draws from the indices of positive and of negative examples. Each result is sorted.
    ///
    /// ```
    /// use wengert::vision::detection::BalancedPositiveNegativeSampler;
    /// let sampler = BalancedPositiveNegativeSampler { batch_size_per_image: 8, positive_fraction: 0.5 };
    /// let [positive, negative] = sampler.sample(vec![3, 7], (10..90).collect(), &mut wengert::init::seeded(1));
    /// assert_eq!((positive, negative.len()), (vec![3, 7], 6));
    /// ```
    ///
    /// # Panics
    /// If the fraction is not from 0 to 1.
    #[track_caller]
    pub fn sample(&self, positive: Vec<usize>, negative: Vec<usize>, rng: &mut impl Rng) -> [Vec<usize>; 2] {
        let fraction = self.positive_fraction;
        let message = || format!("BalancedPositiveNegativeSampler: a fraction of {fraction}");
        require((0.0..=1.0).contains(&fraction), message, "0.5 is usual for anchors, 0.25 for proposals");
        let most = (self.batch_size_per_image as f64 * fraction) as usize;
        let positive = draw(positive, most, rng);
        let rest = self.batch_size_per_image - positive.len().min(self.batch_size_per_image);
        [positive, draw(negative, rest, rng)]
    }
}

impl BalancedPositiveNegativeSampler {
    /// The same of matches: matched with an object is positive, background negative.
    #[track_caller]
    pub(super) fn sample_matches(&self, matches: &[Match], rng: &mut impl Rng) -> [Vec<usize>; 2] {
        let those = |wanted: fn(&Match) -> bool| (0..matches.len()).filter(|&i| wanted(&matches[i])).collect();
        self.sample(those(|m| m.object().is_some()), those(|m| *m == Match::BelowLow), rng)
    }
}

/// So many of them, or all, without repetition, sorted.
fn draw(mut from: Vec<usize>, count: usize, rng: &mut impl Rng) -> Vec<usize> {
    let count = count.min(from.len());
    for i in 0..count {
        let j = rng.random_range(i..from.len());
        from.swap(i, j);
    }
    from.truncate(count);
    from.sort_unstable();
    from
}
