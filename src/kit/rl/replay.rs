//! Replay memories: what happened, to be learned from in random order.

use super::{Element, SumTree};
use crate::refusal::{elements, require};
use rand::{Rng, RngExt};
use std::collections::VecDeque;

/// How [`ReplayMemory::prioritized`] draws; the defaults are the paper's for proportional priorities.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PriorityOptions {
    /// How much the errors count: 0 draws uniformly, 1 in proportion; default 0.6.
    pub alpha: f64,
    /// How much of the bias of the draws the weights take away at first: 0 none, 1 all; default 0.4.
    pub beta: f64,
    /// Beta grows evenly to 1 over so many calls of [`ReplayMemory::sample`]; default 100,000.
    pub beta_steps: u64,
    /// Is added to each error, so that none is never drawn again; default 1e-6.
    pub eps: f64,
}

impl Default for PriorityOptions {
    fn default() -> Self {
        PriorityOptions { alpha: 0.6, beta: 0.4, beta_steps: 100_000, eps: 1e-6 }
    }
}

/// The last transitions, up to a capacity: what was observed, what was done, what it earned, what was observed then. When it is full, each new
/// one takes the place of the oldest.
///
/// An observation that one step ends with and the next begins with is stored once; pixels are stored as bytes (`ReplayMemory<u8>`); and each
/// picture of a stack is stored once too, if the memory is [`stacked`](ReplayMemory::stacked). So 100,000 transitions of four stacked pictures
/// of 84 x 84 pixels take 0.7 GB, in place of 22.6 GB of `f32`.
///
/// ```
/// use wengert::rl::{Batch, ReplayMemory};
/// let mut memory = ReplayMemory::<f32>::new(1000, &[2]);
/// memory.push(&[0.0, 0.5], 1, -1.0, &[0.1, 0.4], false);
/// memory.push(&[0.1, 0.4], 0, 0.0, &[0.2, 0.3], true);
/// let mut batch = Batch::default();
/// memory.sample(2, &mut wengert::init::seeded(1), &mut batch);
/// assert_eq!((batch.len(), batch.observations.len(), &batch.weights[..]), (2, 4, &[1.0, 1.0][..]));
/// ```
///
/// Sources: L.-J. Lin, "Self-improving reactive agents based on reinforcement learning, planning and teaching" (1992); T. Schaul, J. Quan, I.
/// Antonoglou, D. Silver, "Prioritized experience replay" (2016).
#[derive(Clone, Debug)]
pub struct ReplayMemory<E: Element = f32> {
    capacity: usize,
    shape: Vec<usize>,
    /// Pictures in an observation; 1 unless stacked.
    frames_each: usize,
    /// What transitions refer to, oldest first. The first is number `dropped`.
    frames: VecDeque<Box<[E]>>,
    dropped: u64,
    /// Memory of those that no transition needs any more.
    spare: Vec<Box<[E]>>,
    transitions: Vec<Transition>,
    /// Where the next one comes: once the memory is full, this is the oldest.
    next: usize,
    priorities: Option<Priorities>,
}

#[derive(Clone, Copy, Debug)]
struct Transition {
    /// The number of the frame that its observation ends with. The one after it ends the observation after the step.
    frame: u64,
    action: u32,
    reward: f32,
    terminated: bool,
}

#[derive(Clone, Debug)]
struct Priorities {
    options: PriorityOptions,
    tree: SumTree,
    /// The largest weight so far, which new transitions get.
    largest: f64,
    samples: u64,
}

impl Priorities {
    /// How much of the bias the weights take away by now.
    fn beta(&self) -> f64 {
        let PriorityOptions { beta, beta_steps, .. } = self.options;
        beta + (1.0 - beta) * (self.samples as f64 / beta_steps.max(1) as f64).min(1.0)
    }
}

/// Transitions that were drawn, each field in the same order. It may be used again and again, and then allocates nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// What was observed, one after the other.
    pub observations: Vec<f32>,
    /// What was done.
    pub actions: Vec<i64>,
    /// What it earned.
    pub rewards: Vec<f32>,
    /// What was observed then.
    pub next_observations: Vec<f32>,
    /// 1 if the task ended, else 0.
    pub terminated: Vec<f32>,
    /// What their losses are multiplied by: 1 without priorities.
    pub weights: Vec<f32>,
    /// Where they are in the memory, for [`ReplayMemory::update_priorities`].
    pub places: Vec<usize>,
}

impl Batch {
    /// The number of transitions.
    pub fn len(&self) -> usize {
        self.places.len()
    }
    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
    fn clear(&mut self) {
        self.actions.clear();
        self.places.clear();
        for list in [&mut self.observations, &mut self.rewards, &mut self.next_observations, &mut self.terminated, &mut self.weights] {
            list.clear();
        }
    }
}

impl<E: Element> ReplayMemory<E> {
    /// A memory for so many transitions with observations of this shape. What it takes grows with what it holds.
    ///
    /// # Panics
    /// If the capacity is 0, or an observation has no elements or too many.
    #[track_caller]
    pub fn new(capacity: usize, observation_shape: &[usize]) -> ReplayMemory<E> {
        require(capacity > 0, || "ReplayMemory: a capacity of 0", "10,000 to 1,000,000 are usual");
        let size = elements::<E>("ReplayMemory: an observation", observation_shape);
        let message = || format!("ReplayMemory: an observation of shape {observation_shape:?} has no elements");
        require(size > 0, message, "`env.observation_shape()` gives that of an environment");
        ReplayMemory {
            capacity,
            shape: observation_shape.into(),
            frames_each: 1,
            frames: VecDeque::new(),
            dropped: 0,
            spare: Vec::new(),
            transitions: Vec::new(),
            next: 0,
            priorities: None,
        }
    }
    /// Observations are stacks along their first axis, of which each step drops the first part and adds a last one, as those of
    /// [`FrameStack`](super::FrameStack). Each part is stored once.
    ///
    /// # Panics
    /// If it is not empty.
    #[must_use]
    #[track_caller]
    pub fn stacked(mut self) -> ReplayMemory<E> {
        require(self.is_empty(), || "ReplayMemory::stacked: it holds transitions already", "call it before the first `push`");
        self.frames_each = self.shape.first().copied().unwrap_or(1);
        self
    }
    /// Draws by priorities: transition i with probability p_i^alpha / sum of p^alpha, where p is the absolute error of its last prediction plus
    /// eps ([`ReplayMemory::update_priorities`]). New ones have the largest priority so far. The weights (n P(i))^-beta, divided by the
    /// largest of the batch, make up for it.
    ///
    /// # Panics
    /// If it is not empty, alpha or beta is not from 0 to 1, eps is negative or not finite, or there is no memory for as many priorities as
    /// the capacity says.
    #[must_use]
    #[track_caller]
    pub fn prioritized(mut self, options: PriorityOptions) -> ReplayMemory<E> {
        require(self.is_empty(), || "ReplayMemory::prioritized: it holds transitions already", "call it before the first `push`");
        let PriorityOptions { alpha, beta, eps, .. } = options;
        let fits = [alpha, beta].iter().all(|x| (0.0..=1.0).contains(x)) && eps >= 0.0 && eps.is_finite();
        let message = || format!("ReplayMemory::prioritized: alpha {alpha}, beta {beta}, eps {eps}");
        require(fits, message, "alpha and beta are from 0 to 1, eps is at least 0: 0.6, 0.4 and 1e-6 are usual");
        self.priorities = Some(Priorities { options, tree: SumTree::new(self.capacity), largest: 1.0, samples: 0 });
        self
    }
    /// The number of transitions that it holds.
    pub fn len(&self) -> usize {
        self.transitions.len()
    }
    /// True if it holds none.
    pub fn is_empty(&self) -> bool {
        self.transitions.is_empty()
    }
    /// How many it can hold.
    pub fn capacity(&self) -> usize {
        self.capacity
    }
    /// The largest number of an action that it holds.
    pub(super) fn largest_action(&self) -> Option<usize> {
        self.transitions.iter().map(|t| t.action as usize).max()
    }
    /// The sizes of an observation's axes.
    pub fn observation_shape(&self) -> &[usize] {
        &self.shape
    }
    /// The number of observations, or of parts of stacks, that it stores for its transitions.
    pub fn stored_frames(&self) -> usize {
        self.frames.len()
    }
    /// Adds a transition: what was observed, what was done, what it earned, what was observed then, and whether the task ended (not whether the
    /// episode was cut off: see [`Step`](super::Step)).
    ///
    /// # Panics
    /// If an observation has another size or is not finite, the reward is not finite, or the memory is `stacked` and the second observation is
    /// not the first moved by one.
    #[track_caller]
    pub fn push(&mut self, observation: &[E], action: usize, reward: f64, next_observation: &[E], terminated: bool) {
        let size: usize = self.shape.iter().product();
        for seen in [observation, next_observation] {
            let message = || format!("ReplayMemory::push: an observation of {} elements", seen.len());
            require(seen.len() == size, message, &format!("here observations have shape {:?}: {size} elements", self.shape));
            let message = || "ReplayMemory::push: an observation that is not finite";
            require(seen.iter().all(|x| x.is_finite()), message, "does the environment divide by 0, or has it diverged?");
        }
        let message = || format!("ReplayMemory::push: a reward of {reward}");
        require(reward.is_finite() && (reward as f32).is_finite(), message, "a reward is a finite number, best near 1");
        let number = u32::try_from(action);
        require(number.is_ok(), || format!("ReplayMemory::push: there is no action {action}"), "actions are counted from 0");
        let frame = size / self.frames_each;
        let message =
            || format!("ReplayMemory::push: the stack of {} after the step is not the one before it, moved by one", self.frames_each);
        require(
            next_observation[..size - frame] == observation[frame..],
            message,
            "`FrameStack` makes such stacks; or leave out `stacked`",
        );

        if !self.ends_with(observation) {
            observation.chunks_exact(frame).for_each(|frame| self.store(frame));
        }
        self.store(&next_observation[size - frame..]);
        let frame = self.dropped + self.frames.len() as u64 - 2;
        let transition = Transition { frame, action: number.expect("checked"), reward: reward as f32, terminated };
        let place = self.next;
        match self.transitions.get_mut(place) {
            Some(oldest) => *oldest = transition,
            None => self.transitions.push(transition),
        }
        self.next = (place + 1) % self.capacity;
        let oldest = self.transitions.get(self.next).unwrap_or(&self.transitions[0]);
        while self.dropped + self.frames_each as u64 <= oldest.frame {
            self.spare.extend(self.frames.pop_front());
            self.dropped += 1;
        }
        if let Some(p) = &mut self.priorities {
            p.tree.set(place, p.largest);
        }
    }
    /// Is this what the last step ended with? Then the next begins with it.
    fn ends_with(&self, observation: &[E]) -> bool {
        let frame = observation.len() / self.frames_each;
        let held = self.frames.len().checked_sub(self.frames_each);
        held.is_some_and(|first| self.frames.range(first..).zip(observation.chunks_exact(frame)).all(|(a, b)| **a == *b))
    }
    fn store(&mut self, frame: &[E]) {
        let mut stored = self.spare.pop().unwrap_or_else(|| frame.into());
        stored.copy_from_slice(frame);
        self.frames.push_back(stored);
    }
    /// Draws `n` transitions, independently of each other, into a batch; by priorities each from another n-th of their sum.
    ///
    /// # Panics
    /// If it holds fewer, or `n` is 0.
    #[track_caller]
    pub fn sample(&mut self, n: usize, rng: &mut impl Rng, batch: &mut Batch) {
        let held = self.len();
        require(
            (1..=held).contains(&n),
            || format!("ReplayMemory::sample: {n} of {held} transitions"),
            "draw at least one, and `push` as many before the first draw",
        );
        batch.clear();
        match &mut self.priorities {
            None => {
                batch.places.extend((0..n).map(|_| rng.random_range(0..held)));
                batch.weights.resize(n, 1.0);
            }
            Some(p) => {
                let part = p.tree.total() / n as f64;
                batch.places.extend((0..n).map(|i| p.tree.find((i as f64 + rng.random::<f64>()) * part)));
                let least = batch.places.iter().map(|place| p.tree.get(*place)).fold(f64::INFINITY, f64::min);
                let beta = p.beta();
                batch.weights.extend(batch.places.iter().map(|place| (p.tree.get(*place) / least).powf(-beta) as f32));
                p.samples += 1;
            }
        }
        for t in batch.places.iter().map(|place| self.transitions[*place]) {
            batch.actions.push(t.action.into());
            batch.rewards.push(t.reward);
            batch.terminated.push(f32::from(u8::from(t.terminated)));
            let next = (t.frame + 1 - self.dropped) as usize;
            for frame in self.frames.range(next - self.frames_each..next) {
                batch.observations.extend(frame.iter().map(|x| x.to_f32()));
            }
            for frame in self.frames.range(next + 1 - self.frames_each..=next) {
                batch.next_observations.extend(frame.iter().map(|x| x.to_f32()));
            }
        }
    }
    /// Sets the priorities of transitions that were just drawn, by the errors of what was predicted for them. Without priorities it does
    /// nothing.
    ///
    /// # Panics
    /// If there is not one error for each, one is not finite, or there is no such place.
    #[track_caller]
    pub fn update_priorities(&mut self, places: &[usize], errors: &[f32]) {
        let message = || format!("ReplayMemory::update_priorities: {} errors for {} places", errors.len(), places.len());
        require(places.len() == errors.len(), message, "one error for each transition of the batch");
        let Some(p) = &mut self.priorities else { return };
        for (&place, &error) in places.iter().zip(errors) {
            let message = || format!("ReplayMemory::update_priorities: the error {error} of place {place}");
            require(error.is_finite(), message, "has the network diverged? Try a lower learning rate, or clip gradients");
            let message = || format!("ReplayMemory::update_priorities: there is no place {place}");
            require(place < self.transitions.len(), message, "take `places` of the batch");
            let weight = (f64::from(error.abs()) + p.options.eps).powf(p.options.alpha).max(f64::MIN_POSITIVE);
            p.tree.set(place, weight);
            p.largest = p.largest.max(weight);
        }
    }
}
