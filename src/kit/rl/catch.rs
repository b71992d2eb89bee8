//! Catch: a paddle catches balls, seen as pixels.

use super::{Environment, Episode, Step};
use crate::init::seeded;
use rand::RngExt;

/// A game of 84 x 84 pixels: a ball falls and drifts sideways, and the paddle at the bottom moves left (0), not at all (1) or right (2) to
/// catch it.
///
/// Observed is the picture, `[84, 84]` bytes: black (0) with a white (255) ball of 4 x 4 pixels and a gray (128) paddle of 14 x 3. In a step
/// the ball falls by 3 pixels, and drifts by -3 to 3, always the same until it rebounds from a wall; the paddle moves by 3. At first, the
/// places of both and the drift are drawn. The step in which the ball reaches the paddle's height ends the episode, which is never
/// truncated; it earns 1 if ball and paddle touch, and -1 if not. All others earn 0.
///
/// One picture does not show the drift: an agent needs at least two ([`FrameStack`](super::FrameStack)).
///
/// ```
/// use wengert::rl::{Catch, Environment};
/// let mut game = Catch::new();
/// let picture = game.reset(1);
/// assert_eq!(picture.iter().filter(|pixel| **pixel == 255).count(), 16);
/// let last = loop {
///     let (ball, paddle) = (game.ball()[0] + 2, game.paddle() + 7);
///     let step = game.step(if ball < paddle { 0 } else if ball == paddle { 1 } else { 2 });
///     if step.is_last() {
///         break step;
///     }
/// };
/// assert_eq!(last.reward, 1.0); // whoever follows the ball catches it
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Catch {
    ball: [i32; 2],
    drift: i32,
    paddle: i32,
    episode: Episode,
}

impl Default for Catch {
    fn default() -> Self {
        Catch::new()
    }
}

impl Catch {
    /// Height and width of the picture, in pixels.
    pub const SIZE: usize = 84;
    /// Height and width of the ball.
    pub const BALL: usize = 4;
    /// Height and width of the paddle.
    pub const PADDLE: [usize; 2] = [3, 14];
    /// The paddle's uppermost row.
    pub const LINE: usize = Self::SIZE - Self::PADDLE[0];

    /// The game.
    pub fn new() -> Catch {
        Catch { ball: [0; 2], drift: 0, paddle: 0, episode: Episode::new(None) }
    }
    /// The ball's left column and upper row.
    pub fn ball(&self) -> [usize; 2] {
        self.ball.map(|x| x as usize)
    }
    /// The paddle's left column.
    pub fn paddle(&self) -> usize {
        self.paddle as usize
    }
    fn picture(&self) -> Vec<u8> {
        let mut pixels = vec![0; Self::SIZE * Self::SIZE];
        let mut fill = |column: usize, row: usize, [height, width]: [usize; 2], gray: u8| {
            for line in pixels.chunks_exact_mut(Self::SIZE).skip(row).take(height) {
                line[column..column + width].fill(gray);
            }
        };
        fill(self.paddle(), Self::LINE, Self::PADDLE, 128);
        let [column, row] = self.ball();
        fill(column, row, [Self::BALL; 2], 255);
        pixels
    }
}

/// The last column at which something of this width is inside.
const fn last_column(width: usize) -> i32 {
    (Catch::SIZE - width) as i32
}

impl Environment for Catch {
    type Element = u8;
    fn observation_shape(&self) -> Vec<usize> {
        vec![Self::SIZE; 2]
    }
    fn num_actions(&self) -> usize {
        3
    }
    fn reset(&mut self, seed: u64) -> Vec<u8> {
        let mut rng = seeded(seed);
        self.ball = [rng.random_range(0..=last_column(Self::BALL)), 0];
        self.drift = rng.random_range(-3..=3);
        self.paddle = rng.random_range(0..=last_column(Self::PADDLE[1]));
        self.episode.begin();
        self.picture()
    }
    #[track_caller]
    fn step(&mut self, action: usize) -> Step<u8> {
        const SPEED: i32 = 3;
        self.episode.check("Catch", action, 3);
        self.paddle = (self.paddle + SPEED * (action as i32 - 1)).clamp(0, last_column(Self::PADDLE[1]));
        let (wall, column) = (last_column(Self::BALL), self.ball[0] + self.drift);
        let rebounded = column.clamp(0, wall) * 2 - column;
        if rebounded != column {
            self.drift = -self.drift;
        }
        self.ball = [rebounded, self.ball[1] + SPEED];
        let terminated = self.ball[1] + Self::BALL as i32 > Self::LINE as i32;
        let caught = (self.paddle - Self::BALL as i32 + 1..self.paddle + Self::PADDLE[1] as i32).contains(&self.ball[0]);
        let reward = if !terminated {
            0.0
        } else if caught {
            1.0
        } else {
            -1.0
        };
        let truncated = self.episode.count(terminated);
        Step { observation: self.picture(), reward, terminated, truncated }
    }
}
