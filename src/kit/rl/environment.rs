//! What an environment is: what an agent observes, what it may do, and when an episode ends.

use crate::init::seeded;
use crate::refusal::require;
use rand::RngExt;

/// What observations are made of: `f32`, or `u8` for pixels, which need a quarter of the memory.
pub trait Element: Copy + PartialEq + Send + Sync + 'static {
    /// The number that a network sees. A pixel 0..255 becomes 0..1.
    fn to_f32(self) -> f32;
    /// False for infinities and NaN.
    fn is_finite(self) -> bool;
}

impl Element for f32 {
    fn to_f32(self) -> f32 {
        self
    }
    fn is_finite(self) -> bool {
        self.is_finite()
    }
}

impl Element for u8 {
    fn to_f32(self) -> f32 {
        f32::from(self) / 255.0
    }
    fn is_finite(self) -> bool {
        true
    }
}

/// What a step in an environment gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Step<E = f32> {
    /// What is seen after the step.
    pub observation: Vec<E>,
    /// What the step was worth.
    pub reward: f64,
    /// True if the task ended: nothing more can be earned from here.
    pub terminated: bool,
    /// True if the episode was cut off, as by a limit of steps: more could have been earned from here. A target still adds the value of what
    /// is seen after the step.
    pub truncated: bool,
}

impl<E> Step<E> {
    /// True if the episode is over, for whichever reason: [`Environment::reset`] comes next.
    pub fn is_last(&self) -> bool {
        self.terminated || self.truncated
    }
}

/// A task with numbered actions, by gymnasium's terms. Time goes in steps; an *episode* goes from a reset to the step that is terminated or
/// truncated.
///
/// ```
/// use wengert::rl::{CartPole, Environment};
/// let mut env = CartPole::new();
/// let (mut observation, mut sum) = (env.reset(7), 0.0);
/// loop {
///     let step = env.step(usize::from(observation[2] > 0.0)); // push to where the pole leans
///     sum += step.reward;
///     if step.is_last() {
///         break;
///     }
///     observation = step.observation;
/// }
/// assert!(sum > 20.0);
/// ```
///
/// An environment of your own names its sizes, and lets an [`Episode`] count:
///
/// ```
/// use wengert::rl::{Environment, Episode, Step};
/// /// A walk to 3, or to -3.
/// struct Walk {
///     place: i32,
///     episode: Episode,
/// }
/// impl Environment for Walk {
///     type Element = f32;
///     fn observation_shape(&self) -> Vec<usize> {
///         vec![1]
///     }
///     fn num_actions(&self) -> usize {
///         2
///     }
///     fn reset(&mut self, _seed: u64) -> Vec<f32> {
///         self.place = 0;
///         self.episode.begin();
///         vec![0.0]
///     }
///     fn step(&mut self, action: usize) -> Step {
///         self.episode.check("Walk", action, 2);
///         self.place += if action == 1 { 1 } else { -1 };
///         let terminated = self.place.abs() == 3;
///         let truncated = self.episode.count(terminated);
///         Step { observation: vec![self.place as f32], reward: if self.place == 3 { 1.0 } else { 0.0 }, terminated, truncated }
///     }
/// }
/// let mut walk = Walk { place: 0, episode: Episode::new(Some(100)) };
/// walk.reset(1);
/// assert!(!walk.step(1).terminated && !walk.step(1).terminated);
/// assert_eq!(walk.step(1), Step { observation: vec![3.0], reward: 1.0, terminated: true, truncated: false });
/// ```
pub trait Environment {
    /// What observations are made of: `f32` or `u8`.
    type Element: Element;
    /// The sizes of an observation's axes. Observations are lists of that many elements, in row-major order.
    fn observation_shape(&self) -> Vec<usize>;
    /// The number of actions, which are called 0, 1, 2, ..
    fn num_actions(&self) -> usize;
    /// Begins an episode, and gives the first observation. The same seed gives the same episode for the same actions.
    #[track_caller]
    fn reset(&mut self, seed: u64) -> Vec<Self::Element>;
    /// Acts.
    ///
    /// # Panics
    /// If there is no such action, or no episode: before the first reset, and after a step that was the last.
    #[track_caller]
    fn step(&mut self, action: usize) -> Step<Self::Element>;
}

impl<T: Environment + ?Sized> Environment for Box<T> {
    type Element = T::Element;
    fn observation_shape(&self) -> Vec<usize> {
        (**self).observation_shape()
    }
    fn num_actions(&self) -> usize {
        (**self).num_actions()
    }
    #[track_caller]
    fn reset(&mut self, seed: u64) -> Vec<T::Element> {
        (**self).reset(seed)
    }
    #[track_caller]
    fn step(&mut self, action: usize) -> Step<T::Element> {
        (**self).step(action)
    }
}

/// Where an episode stands: it refuses actions that do not exist or come out of turn, and counts steps up to a limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Episode {
    limit: Option<u64>,
    steps: u64,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    BeforeReset,
    Running,
    Over,
}

impl Episode {
    /// No episode yet. Each is truncated after so many steps, without a limit never.
    ///
    /// # Panics
    /// If the limit is 0.
    #[track_caller]
    pub fn new(limit: Option<u64>) -> Episode {
        require(limit != Some(0), || "Episode::new: a limit of 0 steps", "an episode has at least one step; `None` is no limit");
        Episode { limit, steps: 0, stage: Stage::BeforeReset }
    }
    /// Begins an episode.
    pub fn begin(&mut self) {
        (self.steps, self.stage) = (0, Stage::Running);
    }
    /// Begins an episode unless one is running.
    pub fn begin_unless_running(&mut self) {
        if self.stage != Stage::Running {
            self.begin();
        }
    }
    /// The number of steps since it began.
    pub fn steps(&self) -> u64 {
        self.steps
    }
    /// Checks what is about to be done in the environment of this name, which has `num_actions` actions.
    ///
    /// # Panics
    /// If there is no such action, or no episode.
    #[track_caller]
    pub fn check(&self, name: &str, action: usize, num_actions: usize) {
        let (stage, steps) = (self.stage, self.steps);
        require(
            stage != Stage::BeforeReset,
            || format!("{name}: a step before the first reset"),
            "`reset` begins an episode and gives what is seen first",
        );
        require(
            stage == Stage::Running,
            || format!("{name}: a step after the last of an episode, which ended after {steps}"),
            "call `reset` after a step with `terminated` or `truncated` (`Step::is_last`)",
        );
        require(
            action < num_actions,
            || format!("{name}: there is no action {action}"),
            &format!("there are {num_actions} actions, counted from 0"),
        );
    }
    /// Counts a step, and says whether it is truncated. The episode is over if it is, or if it is terminated.
    pub fn count(&mut self, terminated: bool) -> bool {
        self.steps += 1;
        let truncated = self.limit.is_some_and(|limit| self.steps >= limit);
        if terminated || truncated {
            self.stage = Stage::Over;
        }
        truncated
    }
}

/// The inner state as a caller gives it.
#[track_caller]
pub(super) fn check_state(name: &str, state: &[f64]) {
    let message = || format!("{name}: {state:?} is no state");
    require(state.iter().all(|x| (*x as f32).is_finite()), message, "all its numbers must be finite, as the f32 of an observation too");
}

/// Uniform numbers between `low` and `high`: a state at first.
pub(super) fn drawn<const N: usize>(low: f64, high: f64, seed: u64) -> [f64; N] {
    let mut rng = seeded(seed);
    std::array::from_fn(|_| low + (high - low) * rng.random::<f64>())
}
