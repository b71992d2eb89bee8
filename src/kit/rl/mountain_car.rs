//! MountainCar-v0: a weak car swings itself out of a valley.

use super::environment::{check_state, drawn};
use super::{Environment, Episode, Step};

/// gymnasium's `MountainCar-v0`: a car in a valley is pushed left (0), not at all (1) or right (2). It is too weak to climb the right hill at
/// once, and has to swing.
///
/// Observed are the place (-1.2 .. 0.6; the valley's floor is at -pi/6) and the speed (at most 0.07 a step). Each step earns -1. The episode
/// is terminated when the place is 0.5 or more and the car does not move left, and truncated after 200 steps. At first, the place is drawn
/// between -0.6 and -0.4, and the car rests. At the left end it is stopped.
///
/// ```text
/// speed = speed + 0.001 (action - 1) - 0.0025 cos(3 place)
/// place = place + speed
/// ```
///
/// ```
/// use wengert::rl::{Environment, MountainCar};
/// let mut env = MountainCar::new();
/// env.reset(3);
/// let right = (0..200).map(|_| env.step(2)).last().unwrap();
/// assert!(right.truncated && !right.terminated); // full throttle is not enough
/// ```
///
/// Source: A. W. Moore, "Efficient memory-based learning for robot control" (1990).
#[derive(Clone, Debug, PartialEq)]
pub struct MountainCar {
    state: [f64; 2],
    episode: Episode,
}

impl Default for MountainCar {
    fn default() -> Self {
        MountainCar::new()
    }
}

impl MountainCar {
    /// Where the goal begins.
    pub const GOAL: f64 = 0.5;
    /// The places at both ends.
    pub const ENDS: [f64; 2] = [-1.2, 0.6];

    /// With the limit of 200 steps.
    pub fn new() -> MountainCar {
        MountainCar { state: [0.0; 2], episode: Episode::new(Some(200)) }
    }
    /// With another limit of steps, or `None`.
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    pub fn max_episode_steps(self, limit: Option<u64>) -> MountainCar {
        MountainCar { episode: Episode::new(limit), ..self }
    }
    /// Place and speed.
    pub fn state(&self) -> [f64; 2] {
        self.state
    }
    /// Goes on from this state, and gives the observation. Begins an episode unless one is running.
    ///
    /// # Panics
    /// If a number is not finite, or too large for `f32`.
    #[track_caller]
    pub fn set_state(&mut self, state: [f64; 2]) -> Vec<f32> {
        check_state("MountainCar", &state);
        self.state = state;
        self.episode.begin_unless_running();
        self.observation()
    }
    fn observation(&self) -> Vec<f32> {
        self.state.iter().map(|x| *x as f32).collect()
    }
}

impl Environment for MountainCar {
    type Element = f32;
    fn observation_shape(&self) -> Vec<usize> {
        vec![2]
    }
    fn num_actions(&self) -> usize {
        3
    }
    fn reset(&mut self, seed: u64) -> Vec<f32> {
        let [place] = drawn(-0.6, -0.4, seed);
        self.state = [place, 0.0];
        self.episode.begin();
        self.observation()
    }
    #[track_caller]
    fn step(&mut self, action: usize) -> Step {
        const FASTEST: f64 = 0.07;
        self.episode.check("MountainCar", action, 3);
        let [place, speed] = self.state;
        let speed = (speed + ((action as f64 - 1.0) * 0.001 - 0.0025 * (3.0 * place).cos())).clamp(-FASTEST, FASTEST);
        let place = (place + speed).clamp(Self::ENDS[0], Self::ENDS[1]);
        self.state = [place, if place == Self::ENDS[0] { speed.max(0.0) } else { speed }];
        let terminated = place >= Self::GOAL && self.state[1] >= 0.0;
        let truncated = self.episode.count(terminated);
        Step { observation: self.observation(), reward: -1.0, terminated, truncated }
    }
}
