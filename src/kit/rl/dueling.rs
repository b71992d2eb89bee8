//! The head of a dueling Q-network.

use crate::nn::{Forward, Mlp, Module, Sequential};
use crate::{Scalar, Var, parts};
use rand::Rng;

/// The head of a dueling Q-network: one stream tells what the state is worth, the other how much better each action is than the others on
/// average. Input `[.., features]`, output `[.., actions]`.
///
/// ```text
/// q = value + (advantage - mean over actions of advantage)
/// ```
///
/// ```
/// use wengert::nn::{Linear, Relu, Sequential};
/// use wengert::prelude::*;
/// use wengert::rl::DuelingHead;
/// let rng = &mut wengert::init::seeded(1);
/// let net: Sequential = Sequential::new().push(Linear::new(4, 32, rng)).push(Relu).push(DuelingHead::new(32, 16, 2, rng));
/// assert_eq!(net.predict([[0.1, 0.2, 0.3, 0.4]]).shape(), [1, 2]);
/// ```
///
/// Source: Z. Wang and others, "Dueling network architectures for deep reinforcement learning" (2016).
pub struct DuelingHead<T: Scalar = f32> {
    /// What the state is worth: one number.
    pub value: Sequential<T>,
    /// What each action adds: as many as there are actions.
    pub advantage: Sequential<T>,
}

impl<T: Scalar> DuelingHead<T> {
    /// Two streams with a hidden layer of this size (relu) each.
    ///
    /// # Panics
    /// If weights of these sizes are too large for memory.
    #[track_caller]
    pub fn new(features: usize, hidden: usize, actions: usize, rng: &mut impl Rng) -> DuelingHead<T> {
        // (Not by a closure, which would hide the caller's line.)
        let value = Mlp::new(&[features, hidden, 1]).build(rng);
        DuelingHead { value, advantage: Mlp::new(&[features, hidden, actions]).build(rng) }
    }
}

impl<T: Scalar> Forward<T> for DuelingHead<T> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let advantage = self.advantage.forward(x);
        self.value.forward(x) + advantage - advantage.mean_axes([-1], true)
    }
}

impl<T: Scalar> Module<T> for DuelingHead<T> {
    parts!(T: value, advantage);
}
