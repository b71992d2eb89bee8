//! Actions that last several steps.

use super::{Environment, Step};
use crate::refusal::require;

/// An environment in which each action is done for several steps, until the episode ends: the rewards are added, and only the last observation is
/// seen. Random actions that last lead farther from where an episode begins than those that change in each step, so rare rewards are found
/// sooner, and there are fewer decisions to learn. (The paper's agents see each fourth picture.)
///
/// ```
/// use wengert::rl::{ActionRepeat, Environment, MountainCar};
/// let mut env = ActionRepeat::new(MountainCar::new(), 4);
/// env.reset(1);
/// assert_eq!(env.step(2).reward, -4.0);
/// ```
///
/// Source: V. Mnih and others, "Human-level control through deep reinforcement learning" (2015).
#[derive(Clone, Debug)]
pub struct ActionRepeat<N: Environment> {
    inner: N,
    times: usize,
}

impl<N: Environment> ActionRepeat<N> {
    /// Each action is done so many times.
    ///
    /// # Panics
    /// If that is 0.
    #[track_caller]
    pub fn new(inner: N, times: usize) -> ActionRepeat<N> {
        require(times > 0, || "ActionRepeat: each action is done 0 times", "4 are usual, 1 changes nothing");
        ActionRepeat { inner, times }
    }
    /// The environment inside.
    pub fn inner(&self) -> &N {
        &self.inner
    }
}

impl<N: Environment> Environment for ActionRepeat<N> {
    type Element = N::Element;
    fn observation_shape(&self) -> Vec<usize> {
        self.inner.observation_shape()
    }
    fn num_actions(&self) -> usize {
        self.inner.num_actions()
    }
    #[track_caller]
    fn reset(&mut self, seed: u64) -> Vec<N::Element> {
        self.inner.reset(seed)
    }
    #[track_caller]
    fn step(&mut self, action: usize) -> Step<N::Element> {
        let mut step = self.inner.step(action);
        for _ in 1..self.times {
            if step.is_last() {
                break;
            }
            let next = self.inner.step(action);
            step = Step { reward: step.reward + next.reward, ..next };
        }
        step
    }
}
