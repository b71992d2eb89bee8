//! Random generators whose state can be saved.

use crate::init::seeded_by;
use rand::rngs::Xoshiro256PlusPlus;
use std::sync::atomic::{AtomicU64, Ordering};

/// A source of random generators. Its whole state is two numbers, so a training run can be resumed with the same bits. Each call of
/// [`Generator::draw`] returns a new generator, which depends on the seed and on the number of earlier calls.
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
    /// A source that depends only on the seed.
    pub fn new(seed: u64) -> Generator {
        Generator { seed: seed.into(), calls: 0.into() }
    }
    /// The next generator.
    pub fn draw(&self) -> Xoshiro256PlusPlus {
        let calls = self.calls.fetch_add(1, Ordering::Relaxed);
        seeded_by([self.seed.load(Ordering::Relaxed), calls])
    }
    /// The seed, and the number of generators drawn so far.
    pub fn state(&self) -> [u64; 2] {
        [self.seed.load(Ordering::Relaxed), self.calls.load(Ordering::Relaxed)]
    }
    /// Continues from such a state.
    pub fn set_state(&self, [seed, calls]: [u64; 2]) {
        self.seed.store(seed, Ordering::Relaxed);
        self.calls.store(calls, Ordering::Relaxed);
    }
}
