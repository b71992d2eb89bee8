//! A tree of sums: draws numbers by weights that change, in logarithmic time.

use crate::refusal::{elements, require};

/// Weights of `0..len`, as the leaves of a tree whose nodes hold the sums of those below. Setting a weight and finding where a sum is reached
/// take about log2(len) steps.
///
/// ```
/// use wengert::rl::SumTree;
/// let mut tree = SumTree::new(3);
/// tree.set(0, 1.0);
/// tree.set(2, 3.0);
/// assert_eq!(tree.total(), 4.0);
/// assert_eq!([0.0, 0.9, 1.0, 3.9].map(|sum| tree.find(sum)), [0, 0, 2, 2]);
/// ```
///
/// Source: T. Schaul, J. Quan, I. Antonoglou, D. Silver, "Prioritized experience replay" (2016), appendix B.2.1.
#[derive(Clone, Debug, PartialEq)]
pub struct SumTree {
    /// Node i has the children 2 i and 2 i + 1; the root is 1, the leaves are the second half.
    sums: Vec<f64>,
    len: usize,
}

impl SumTree {
    /// So many weights, all 0.
    ///
    /// # Panics
    /// If there is none, or there is no memory for that many.
    #[track_caller]
    pub fn new(len: usize) -> SumTree {
        require(len > 0, || "SumTree: a tree of 0 weights", "it has as many as there are things to draw");
        let nodes = elements::<f64>("SumTree", &[2, len.checked_next_power_of_two().unwrap_or(usize::MAX)]);
        SumTree { sums: vec![0.0; nodes], len }
    }
    /// The number of weights.
    pub fn len(&self) -> usize {
        self.len
    }
    /// Always false: a tree has at least one weight.
    pub fn is_empty(&self) -> bool {
        false
    }
    /// The sum of all weights.
    pub fn total(&self) -> f64 {
        self.sums[1]
    }
    /// The weight of `i`.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn get(&self, i: usize) -> f64 {
        self.sums[self.leaf(i)]
    }
    /// Sets the weight of `i`. Each sum is added anew, so no rounding errors pile up.
    ///
    /// # Panics
    /// If there is no `i`, or the weight is negative, infinite or NaN.
    #[track_caller]
    pub fn set(&mut self, i: usize, weight: f64) {
        let message = || format!("SumTree: the weight {weight} of {i} is not a finite number that is at least 0");
        require(weight >= 0.0 && weight.is_finite(), message, "a weight says how often it is drawn, relative to the others");
        let mut node = self.leaf(i);
        self.sums[node] = weight;
        while node > 1 {
            node /= 2;
            self.sums[node] = self.sums[2 * node] + self.sums[2 * node + 1];
        }
    }
    /// The first i for which the weights of `0..=i` sum to more than `sum`; for a `sum` of [`SumTree::total`] or more the last whose weight is
    /// above 0. It has a weight above 0 unless all are 0.
    pub fn find(&self, sum: f64) -> usize {
        let (mut node, mut rest) = (1, sum.max(0.0));
        while node < self.sums.len() / 2 {
            let (left, right) = (self.sums[2 * node], self.sums[2 * node + 1]);
            // Rounding may leave a rest for a side where nothing is.
            if rest < left || right == 0.0 {
                node *= 2;
            } else {
                rest -= left;
                node = 2 * node + 1;
            }
        }
        (node - self.sums.len() / 2).min(self.len - 1)
    }
    #[track_caller]
    fn leaf(&self, i: usize) -> usize {
        require(i < self.len, || format!("SumTree: there is no weight {i}"), &format!("there are {}, counted from 0", self.len));
        self.sums.len() / 2 + i
    }
}
