//! Dropout: sets numbers to 0 at random.

use super::{Forward, Generator, Mode, Module, Visitor};
use crate::refusal::require;
use crate::{Scalar, Var};
use ndarray::{ArrayViewD, IxDyn};
use rand::{Rng, RngExt};
use std::sync::Mutex;

/// In training, each number becomes 0 with probability p, and the others are multiplied by 1/(1 - p), which keeps their mean. In evaluation
/// it does nothing. PyTorch's `Dropout`.
///
/// The choice depends only on the seed and on how often the layer was used.
///
/// ```
/// use wengert::nn::{Dropout, Forward, Module};
/// let (tape, dropout) = (wengert::Tape::<f32>::new(), Dropout::new(0.5, &mut wengert::init::seeded(1)));
/// let y = dropout.forward(tape.constant([1.0; 100])).to_vec();
/// assert!(y.iter().all(|&y| y == 0.0 || y == 2.0));
/// dropout.eval();
/// assert_eq!(dropout.forward(tape.constant([1.0; 3])).to_vec(), [1.0; 3]);
/// ```
///
/// Source: N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting" (2014).
#[derive(Debug)]
pub struct Dropout<T: Scalar = f32> {
    p: f64,
    generator: Generator,
    mode: Mode,
    /// The mask of the last step: 1 for numbers that were kept, else 0. The memory is reused, so that steps do not allocate.
    mask: Mutex<Vec<T>>,
}

impl<T: Scalar> Dropout<T> {
    /// Sets each number to 0 with this probability; the seed is drawn from `rng`.
    ///
    /// # Panics
    /// If the probability is not between 0 and 1.
    #[track_caller]
    pub fn new(p: f64, rng: &mut impl Rng) -> Self {
        let message = || format!("Dropout: the probability must be from 0 to 1, not {p}");
        require((0.0..=1.0).contains(&p), message, "it is the probability of being left out; 0.2 to 0.5 are usual");
        Dropout { p, generator: Generator::new(rng.random()), mode: Mode::default(), mask: Mutex::default() }
    }
}

impl<T: Scalar> Forward<T> for Dropout<T> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        if !self.mode.trains_on(x.tape(), "Dropout") || self.p == 0.0 {
            return x;
        }
        let factor = if self.p < 1.0 { T::from_f64(1.0 / (1.0 - self.p)) } else { T::ZERO };
        let below = (self.p * (u64::from(u32::MAX) + 1) as f64) as u64;
        let mut rng = self.generator.draw();
        let shape = x.shape();
        let mut memory = self.mask.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        memory.clear();
        memory.extend((0..x.numel()).map(|_| if u64::from(rng.random::<u32>()) < below { T::ZERO } else { T::ONE }));
        let mask = x.tape().constant(ArrayViewD::from_shape(IxDyn(&shape), &memory).expect("as many as numbers"));
        drop(memory); // before code that runs on all threads, one of which may come here again
        // A choice and not a product, so that infinite numbers become 0 too.
        mask.where_cond(x * factor, T::ZERO)
    }
}

impl<T: Scalar> Module<T> for Dropout<T> {
    fn visit(&self, v: &mut Visitor<'_, T>) {
        v.mode(&self.mode).generator("generator", &self.generator);
    }
}
