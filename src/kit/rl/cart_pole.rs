//! CartPole-v1: a pole on a cart is kept upright.

use super::environment::{check_state, drawn};
use super::{Environment, Episode, Step};

/// gymnasium's `CartPole-v1`: a cart on a rail is pushed left (0) or right (1) so that the pole on it does not fall.
///
/// Observed are the place of the cart (m), its speed (m/s), the angle of the pole (rad, 0 is upright) and its angular speed (rad/s). Each step
/// lasts 0.02 s (explicit Euler) and earns 1, the last too. The episode is terminated when the cart is farther than 2.4 m from the middle or
/// the pole leans by more than 12 degrees, and truncated after 500 steps. At first, all four numbers are drawn between -0.05 and 0.05.
///
/// With f the force, t the angle, w its speed, m = 0.1 kg the mass of the pole, M = 1.1 kg that of both, l = 0.5 m half the pole's length:
///
/// ```text
/// u   = (f + m l w^2 sin t) / M
/// w'  = (g sin t - u cos t) / (l (4/3 - m cos^2 t / M))
/// v'  = u - m l w' cos t / M
/// ```
///
/// ```
/// use wengert::rl::{CartPole, Environment};
/// let mut env = CartPole::new();
/// env.set_state([0.0, 0.0, 0.0, 0.0]);
/// let step = env.step(1);
/// assert_eq!((step.reward, step.terminated), (1.0, false));
/// assert!((env.state()[1] - 0.195).abs() < 1e-3 && env.state()[3] < 0.0);
/// ```
///
/// Source: A. G. Barto, R. S. Sutton, C. W. Anderson, "Neuronlike adaptive elements that can solve difficult learning control problems"
/// (1983), without friction.
#[derive(Clone, Debug, PartialEq)]
pub struct CartPole {
    state: [f64; 4],
    episode: Episode,
}

impl Default for CartPole {
    fn default() -> Self {
        CartPole::new()
    }
}

impl CartPole {
    /// The farthest place of the cart, in m.
    pub const FARTHEST: f64 = 2.4;
    /// The largest angle of the pole, in rad.
    pub const STEEPEST: f64 = 12.0 * std::f64::consts::PI / 180.0;

    /// With the limit of 500 steps.
    pub fn new() -> CartPole {
        CartPole { state: [0.0; 4], episode: Episode::new(Some(500)) }
    }
    /// With another limit of steps, or `None`.
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    pub fn max_episode_steps(self, limit: Option<u64>) -> CartPole {
        CartPole { episode: Episode::new(limit), ..self }
    }
    /// Place (m), speed (m/s), angle (rad), angular speed (rad/s).
    pub fn state(&self) -> [f64; 4] {
        self.state
    }
    /// Goes on from this state, and gives the observation. Begins an episode unless one is running.
    ///
    /// # Panics
    /// If a number is not finite, or too large for `f32`.
    #[track_caller]
    pub fn set_state(&mut self, state: [f64; 4]) -> Vec<f32> {
        check_state("CartPole", &state);
        self.state = state;
        self.episode.begin_unless_running();
        self.observation()
    }
    fn observation(&self) -> Vec<f32> {
        self.state.iter().map(|x| *x as f32).collect()
    }
}

impl Environment for CartPole {
    type Element = f32;
    fn observation_shape(&self) -> Vec<usize> {
        vec![4]
    }
    fn num_actions(&self) -> usize {
        2
    }
    fn reset(&mut self, seed: u64) -> Vec<f32> {
        self.state = drawn(-0.05, 0.05, seed);
        self.episode.begin();
        self.observation()
    }
    #[track_caller]
    fn step(&mut self, action: usize) -> Step {
        const GRAVITY: f64 = 9.8;
        const POLE: f64 = 0.1; // masses in kg
        const BOTH: f64 = 1.0 + POLE;
        const HALF: f64 = 0.5; // length in m
        const TIME: f64 = 0.02;
        self.episode.check("CartPole", action, 2);
        let [place, speed, angle, turning] = self.state;
        let force = if action == 1 { 10.0 } else { -10.0 };
        let (sin, cos) = angle.sin_cos();
        let push = (force + POLE * HALF * (turning * turning) * sin) / BOTH;
        let turn = (GRAVITY * sin - cos * push) / (HALF * (4.0 / 3.0 - POLE * (cos * cos) / BOTH));
        let acceleration = push - POLE * HALF * turn * cos / BOTH;
        self.state = [place + TIME * speed, speed + TIME * acceleration, angle + TIME * turning, turning + TIME * turn];
        let terminated = self.state[0].abs() > Self::FARTHEST || self.state[2].abs() > Self::STEEPEST;
        let truncated = self.episode.count(terminated);
        Step { observation: self.observation(), reward: 1.0, terminated, truncated }
    }
}
