//! Where do starting weights and data come from?

use super::Layer;
use wengert::{Indices, Param, Scalar};

/// A small seeded generator (splitmix64). `tests/workloads/pytorch.py` draws the same numbers in the same order.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    /// In (0, 1).
    fn unit(&mut self) -> f64 {
        ((self.bits() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }
    fn gauss(&mut self) -> f64 {
        (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }
    fn array<T: Scalar>(&mut self, shape: &[usize], draw: impl Fn(&mut Random) -> f64) -> Param<T> {
        Param::new("", ndarray::ArrayD::from_shape_simple_fn(shape, || T::from_f64(draw(self))))
    }
    /// Normally distributed numbers.
    pub fn normal<T: Scalar>(&mut self, shape: &[usize]) -> Param<T> {
        self.array(shape, Random::gauss)
    }
    /// Weights of an array of this shape, uniform within 1/sqrt(`fan_in`).
    pub fn weights<T: Scalar>(&mut self, shape: &[usize], fan_in: usize) -> Param<T> {
        let bound = 1.0 / (fan_in as f64).sqrt();
        self.array(shape, |r| bound * (2.0 * r.unit() - 1.0))
    }
    /// One of ten classes for each of `n` samples.
    pub fn classes(&mut self, n: usize) -> Indices {
        Indices::from((0..n).map(|_| (self.bits() % 10) as i64).collect::<Vec<i64>>())
    }
    /// Fully connected layers, with the usual uniform start.
    pub fn layers<T: Scalar>(&mut self, sizes: &[usize]) -> Vec<Layer<T>> {
        let layer = |s: &[usize]| Layer { w: self.weights(&[s[1], s[0]], s[0]), b: self.weights(&[s[1]], s[0]) };
        sizes.windows(2).map(layer).collect()
    }
}
