//! Where does chance come from? A seed, and how often it was asked.

use crate::init::seeded_by;
use rand::rngs::Xoshiro256PlusPlus;
use std::sync::atomic::{AtomicU64, Ordering};

/// A source of random numbers whose whole state is two numbers, so that a training run can be resumed to the same bits: each call of
/// [`Generator::draw`] gives a fresh generator, which depends on the seed and on how many were given before.
///
/// ```
/// use rand::RngExt;
/// use wengert::nn::Generator;
/// let generator = Generator::new(7);
/// let first: f64 = generator.draw().random();
/// assert_ne!(generator.draw().random::<f64>(), first);
/// generator.set_state([7, 0]);
/// assert_eq!(generator.draw().random::<f64>(), first);
/// ```
#[derive(Debug)]
pub struct Generator {
    seed: AtomicU64,
    calls: AtomicU64,
}

impl Generator {
    /// A source that depends on the seed alone.
    pub fn new(seed: u64) -> Generator {
        Generator { seed: seed.into(), calls: 0.into() }
    }
    /// The next generator.
    pub fn draw(&self) -> Xoshiro256PlusPlus {
        let calls = self.calls.fetch_add(1, Ordering::Relaxed);
        seeded_by([self.seed.load(Ordering::Relaxed), calls])
    }
    /// The seed, and how many generators were given.
    pub fn state(&self) -> [u64; 2] {
        [self.seed.load(Ordering::Relaxed), self.calls.load(Ordering::Relaxed)]
    }
    /// Goes on from such a state.
    pub fn set_state(&self, [seed, calls]: [u64; 2]) {
        self.seed.store(seed, Ordering::Relaxed);
        self.calls.store(calls, Ordering::Relaxed);
    }
}
