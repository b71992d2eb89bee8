//! The last observations as one.

use super::{Environment, Step};
use crate::refusal::{elements, require};

/// An environment whose observations are the last `n` of another one, along a new first axis, oldest first: what moves, and where to, is seen
/// only over time. At the beginning of an episode its first observation stands in for those before it. (gymnasium's `FrameStackObservation`.)
///
/// [`ReplayMemory::stacked`](super::ReplayMemory::stacked) stores each of them once.
///
/// ```
/// use wengert::rl::{Catch, Environment, FrameStack};
/// let mut env = FrameStack::new(Catch::new(), 4);
/// assert_eq!(env.observation_shape(), [4, 84, 84]);
/// let first = env.reset(1);
/// assert_eq!(env.step(0).observation[..3 * 84 * 84], first[84 * 84..]);
/// ```
#[derive(Clone, Debug)]
pub struct FrameStack<N: Environment> {
    inner: N,
    frames: usize,
    stack: Vec<N::Element>,
}

impl<N: Environment> FrameStack<N> {
    /// The last `frames` observations of this environment.
    ///
    /// # Panics
    /// If that is none, or they are too large for memory.
    #[track_caller]
    pub fn new(inner: N, frames: usize) -> FrameStack<N> {
        require(frames > 0, || "FrameStack: a stack of 0 frames", "4 are usual, 1 changes nothing");
        elements::<N::Element>("FrameStack: a stack", &[vec![frames], inner.observation_shape()].concat());
        FrameStack { inner, frames, stack: Vec::new() }
    }
    /// The environment inside.
    pub fn inner(&self) -> &N {
        &self.inner
    }
}

impl<N: Environment> Environment for FrameStack<N> {
    type Element = N::Element;
    fn observation_shape(&self) -> Vec<usize> {
        [vec![self.frames], self.inner.observation_shape()].concat()
    }
    fn num_actions(&self) -> usize {
        self.inner.num_actions()
    }
    #[track_caller]
    fn reset(&mut self, seed: u64) -> Vec<N::Element> {
        self.stack = self.inner.reset(seed).repeat(self.frames);
        self.stack.clone()
    }
    #[track_caller]
    fn step(&mut self, action: usize) -> Step<N::Element> {
        let hint = "`reset` gives the first observation, which fills the stack, also if the environment inside was reset before";
        require(!self.stack.is_empty(), || "FrameStack: a step before the first reset", hint);
        let step = self.inner.step(action);
        self.stack.drain(..step.observation.len());
        self.stack.extend(&step.observation);
        Step { observation: self.stack.clone(), ..step }
    }
}
