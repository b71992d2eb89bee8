//! How often an agent explores.

use crate::refusal::require;

/// The share of actions that are drawn at random, step by step.
///
/// ```
/// use wengert::rl::Epsilon;
/// let epsilon = Epsilon::linear(1.0, 0.1, 1000);
/// assert_eq!([0, 500, 1000, 5000].map(|step| epsilon.at(step)), [1.0, 0.55, 0.1, 0.1]);
/// let epsilon = Epsilon::exponential(1.0, 0.0, 100.0);
/// assert!((epsilon.at(100) - (-1.0f64).exp()).abs() < 1e-15);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epsilon {
    from: f64,
    to: f64,
    fall: Fall,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fall {
    Linear { steps: u64 },
    Exponential { steps: f64 },
}

impl Epsilon {
    /// Always the same share.
    ///
    /// # Panics
    /// If it is not from 0 to 1.
    #[track_caller]
    pub fn constant(epsilon: f64) -> Epsilon {
        Epsilon::linear(epsilon, epsilon, 1)
    }
    /// Evenly from one share to another in so many steps: `from + (to - from) min(step / steps, 1)`.
    ///
    /// # Panics
    /// If a share is not from 0 to 1, or there are no steps.
    #[track_caller]
    pub fn linear(from: f64, to: f64, steps: u64) -> Epsilon {
        require(steps > 0, || "Epsilon::linear: in 0 steps", "`Epsilon::constant` does not change");
        Epsilon { from, to, fall: Fall::Linear { steps } }.checked()
    }
    /// From one share toward another: `to + (from - to) exp(-step / steps)`.
    ///
    /// # Panics
    /// If a share is not from 0 to 1, or `steps` is not above 0.
    #[track_caller]
    pub fn exponential(from: f64, to: f64, steps: f64) -> Epsilon {
        let message = || format!("Epsilon::exponential: in {steps} steps");
        require(steps > 0.0 && steps.is_finite(), message, "after so many steps, 37 % of the way are left");
        Epsilon { from, to, fall: Fall::Exponential { steps } }.checked()
    }
    #[track_caller]
    fn checked(self) -> Epsilon {
        let fits = [self.from, self.to].iter().all(|e| (0.0..=1.0).contains(e));
        let message = || format!("Epsilon: from {} to {}", self.from, self.to);
        require(fits, message, "shares are from 0 (never at random) to 1 (always)");
        self
    }
    /// The share after so many steps.
    pub fn at(&self, step: u64) -> f64 {
        let left = match self.fall {
            Fall::Linear { steps } => 1.0 - (step as f64 / steps as f64).min(1.0),
            Fall::Exponential { steps } => (-(step as f64) / steps).exp(),
        };
        self.to + (self.from - self.to) * left
    }
}
