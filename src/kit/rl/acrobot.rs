//! Acrobot-v1: two links swing up, moved by the joint between them alone.

use super::environment::{check_state, drawn};
use super::{Environment, Episode, Step};
use std::f64::consts::{FRAC_PI_2, PI};

/// gymnasium's `Acrobot-v1`: two links hang from a fixed joint; the joint between them is turned by -1 (action 0), 0 (1) or 1 Nm (2) until the
/// free end is higher above the fixed joint than one link is long.
///
/// The state is the angle of the first link (rad, 0 hangs down), that of the second relative to the first, and their speeds (rad/s, at most
/// 4 pi and 9 pi); observed are cosine and sine of both angles, and the speeds. A step lasts 0.2 s (one step of the classical Runge-Kutta
/// method) and earns -1, the one that reaches the goal 0; then the episode is terminated. It is truncated after 500 steps. At first, all four
/// numbers are drawn between -0.1 and 0.1.
///
/// ```
/// use wengert::rl::{Acrobot, Environment};
/// let mut env = Acrobot::new();
/// assert_eq!(env.reset(1).len(), 6);
/// assert_eq!(env.step(2).reward, -1.0);
/// env.set_state([3.0, 0.0, 0.0, 0.0]); // nearly upright
/// let step = env.step(1);
/// assert!(step.terminated && step.reward == 0.0);
/// ```
///
/// Source: R. S. Sutton, "Generalization in reinforcement learning: successful examples using sparse coarse coding" (1996), with the equations
/// of R. S. Sutton, A. G. Barto, "Reinforcement learning: an introduction", section 11.3 of the first edition.
#[derive(Clone, Debug, PartialEq)]
pub struct Acrobot {
    state: [f64; 4],
    episode: Episode,
}

impl Default for Acrobot {
    fn default() -> Self {
        Acrobot::new()
    }
}

impl Acrobot {
    /// With the limit of 500 steps.
    pub fn new() -> Acrobot {
        Acrobot { state: [0.0; 4], episode: Episode::new(Some(500)) }
    }
    /// With another limit of steps, or `None`.
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    pub fn max_episode_steps(self, limit: Option<u64>) -> Acrobot {
        Acrobot { episode: Episode::new(limit), ..self }
    }
    /// The two angles (rad) and their speeds (rad/s).
    pub fn state(&self) -> [f64; 4] {
        self.state
    }
    /// Goes on from this state, and gives the observation. Begins an episode unless one is running.
    ///
    /// # Panics
    /// If a number is not finite, or too large for `f32`.
    #[track_caller]
    pub fn set_state(&mut self, state: [f64; 4]) -> Vec<f32> {
        check_state("Acrobot", &state);
        self.state = state;
        self.episode.begin_unless_running();
        self.observation()
    }
    fn observation(&self) -> Vec<f32> {
        let [first, second, speed, other] = self.state;
        [first.cos(), first.sin(), second.cos(), second.sin(), speed, other].map(|x| x as f32).into()
    }
}

/// How the state changes: the derivative by time.
fn change([first, second, speed, other]: [f64; 4], torque: f64) -> [f64; 4] {
    // Masses, lengths and moments of inertia are 1, the centers of mass in the middle.
    const GRAVITY: f64 = 9.8;
    const CENTER: f64 = 0.5;
    let (sin, cos) = second.sin_cos();
    let d1 = CENTER * CENTER + (1.0 + CENTER * CENTER + 2.0 * CENTER * cos) + 1.0 + 1.0;
    let d2 = (CENTER * CENTER + CENTER * cos) + 1.0;
    let phi2 = CENTER * GRAVITY * (first + second - FRAC_PI_2).cos();
    let phi1 =
        -CENTER * (other * other) * sin - 2.0 * CENTER * other * speed * sin + (CENTER + 1.0) * GRAVITY * (first - FRAC_PI_2).cos() + phi2;
    let second = (torque + d2 / d1 * phi1 - CENTER * (speed * speed) * sin - phi2) / (CENTER * CENTER + 1.0 - (d2 * d2) / d1);
    [speed, other, -(d2 * second + phi1) / d1, second]
}

/// One step of the classical Runge-Kutta method.
fn runge_kutta(state: [f64; 4], time: f64, change: impl Fn([f64; 4]) -> [f64; 4]) -> [f64; 4] {
    let along = |k: [f64; 4], time: f64| std::array::from_fn(|i| state[i] + time * k[i]);
    let k1 = change(state);
    let k2 = change(along(k1, time / 2.0));
    let k3 = change(along(k2, time / 2.0));
    let k4 = change(along(k3, time));
    std::array::from_fn(|i| state[i] + time / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]))
}

/// The same angle from -pi to pi.
fn wrapped(angle: f64) -> f64 {
    let turns = if angle > PI {
        ((angle - PI) / (2.0 * PI)).ceil()
    } else if angle < -PI {
        ((angle + PI) / (2.0 * PI)).floor()
    } else {
        return angle;
    };
    angle - 2.0 * PI * turns
}

impl Environment for Acrobot {
    type Element = f32;
    fn observation_shape(&self) -> Vec<usize> {
        vec![6]
    }
    fn num_actions(&self) -> usize {
        3
    }
    fn reset(&mut self, seed: u64) -> Vec<f32> {
        self.state = drawn(-0.1, 0.1, seed);
        self.episode.begin();
        self.observation()
    }
    #[track_caller]
    fn step(&mut self, action: usize) -> Step {
        self.episode.check("Acrobot", action, 3);
        let torque = action as f64 - 1.0;
        let [first, second, speed, other] = runge_kutta(self.state, 0.2, |state| change(state, torque));
        let (most, most_other) = (4.0 * PI, 9.0 * PI);
        self.state = [wrapped(first), wrapped(second), speed.clamp(-most, most), other.clamp(-most_other, most_other)];
        let terminated = -self.state[0].cos() - (self.state[1] + self.state[0]).cos() > 1.0;
        let truncated = self.episode.count(terminated);
        Step { observation: self.observation(), reward: if terminated { 0.0 } else { -1.0 }, terminated, truncated }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn angles_wrap() {
        assert_eq!([PI, -PI, 0.5].map(wrapped), [PI, -PI, 0.5]);
        for (angle, same) in [(PI + 0.1, 0.1 - PI), (-PI - 0.1, PI - 0.1), (5.0 * PI + 0.25, 0.25 - PI), (-7.0 * PI - 0.25, PI - 0.25)] {
            assert!((wrapped(angle) - same).abs() < 1e-12, "{angle}");
        }
        assert!(wrapped(1e300).is_finite()); // and it comes to an end
    }
}
