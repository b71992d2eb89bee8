//! The agent: deep Q-learning.

use super::target::Follower;
use super::{Batch, Element, Environment, Epsilon, ReplayMemory, Step, double_td_target, td_target};
use crate::io::{State, StateError, Values};
use crate::nn::{Evaluation, Forward, Generator};
use crate::optim::{Adam, Optimizer, clip_grad_norm};
use crate::refusal::{elements, require};
use crate::{HuberOptions, Indices, Param, Reduction, Tape, Var};
use ndarray::{ArrayD, IxDyn, arr1};
use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;

/// The options of [`Dqn`]. Names as in Stable-Baselines3, where it has one; defaults for small networks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DqnOptions {
    /// What a reward in the next step is worth now; default 0.99.
    pub gamma: f64,
    /// Transitions in a gradient step; default 64.
    pub batch_size: usize,
    /// Learning starts when the memory holds so many transitions; default 1000.
    pub learning_starts: usize,
    /// Learning comes every so many steps; default 1.
    pub train_freq: u64,
    /// It then takes so many gradient steps; default 1.
    pub gradient_steps: u64,
    /// How the target network follows the online network; default a copy every 500 gradient steps.
    pub target_update: TargetUpdate,
    /// Double Q-learning ([`double_td_target`]); default true.
    pub double: bool,
    /// The loss of a prediction; default [`TdLoss::Huber`].
    pub loss: TdLoss,
    /// Gradients are scaled so that their norm is at most this; default 10.
    pub max_grad_norm: f64,
    /// The share of actions that are drawn at random, by the step; default from 1 to 0.05 in 10,000 steps.
    pub epsilon: Epsilon,
}

impl Default for DqnOptions {
    fn default() -> Self {
        DqnOptions {
            gamma: 0.99,
            batch_size: 64,
            learning_starts: 1000,
            train_freq: 1,
            gradient_steps: 1,
            target_update: TargetUpdate::Every(500),
            double: true,
            loss: TdLoss::Huber,
            max_grad_norm: 10.0,
            epsilon: Epsilon::linear(1.0, 0.05, 10_000),
        }
    }
}

/// How a target network follows the online network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TargetUpdate {
    /// It becomes a copy every so many gradient steps.
    Every(u64),
    /// It moves by this share of the way in each gradient step ([`soft_update`](super::soft_update)).
    Soft(f64),
}

/// The loss of a prediction's error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TdLoss {
    /// [`Var::huber_loss`]: a square near 0, a line from 1 on.
    Huber,
    /// [`Var::mse_loss`]: the square.
    Mse,
}

/// What one call of [`Dqn::learn`] did, as means over its gradient steps.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Learned {
    /// The loss.
    pub loss: f64,
    /// The value of the actions that were done, as the online network predicts it. If it grows without end, learning diverges.
    pub q: f64,
    /// The norm of the gradient, before it is clipped.
    pub grad_norm: f64,
}

/// Deep Q-learning. A network tells for each action what can be earned if it is done now; it learns from a memory of what happened, toward
/// targets that a slower copy of it makes.
///
/// ```
/// use wengert::nn::Mlp;
/// use wengert::optim::Adam;
/// use wengert::rl::{CartPole, Dqn, DqnOptions, Environment, ReplayMemory, evaluate};
///
/// let mut env = CartPole::new();
/// let memory = ReplayMemory::new(10_000, &env.observation_shape());
/// let options = DqnOptions { learning_starts: 100, ..Default::default() };
/// let mut agent = Dqn::new(|rng| Mlp::new(&[4, 32, 2]).build(rng), memory, options, 1).optimizer(Adam::new(1e-3));
/// for episode in 0..10 {
///     let mut observation = env.reset(episode);
///     loop {
///         let action = agent.act(&observation);
///         let step = env.step(action);
///         agent.observe(&observation, action, &step);
///         agent.learn();
///         if step.is_last() {
///             break;
///         }
///         observation = step.observation;
///     }
/// }
/// let returns = evaluate(&mut env, 1000..1010, |observation| agent.greedy(observation));
/// assert!(returns.iter().all(|r| *r >= 8.0));
/// ```
///
/// With the same seed, and environments reset with the same seeds, it does and learns the same, with any number of threads.
///
/// Sources: V. Mnih and others, "Human-level control through deep reinforcement learning" (2015); [`double_td_target`], [`ReplayMemory`] and
/// [`DuelingHead`](super::DuelingHead) name theirs.
pub struct Dqn<M: Forward, E: Element = f32> {
    online: M,
    target: M,
    parameters: Vec<Param>,
    follower: Follower,
    memory: ReplayMemory<E>,
    optimizer: Box<dyn Optimizer>,
    options: DqnOptions,
    num_actions: usize,
    generator: Generator,
    steps: u64,
    gradient_steps: u64,
    tape: Tape,
    batch: Batch,
}

impl<M: Forward, E: Element> Dqn<M, E> {
    /// An agent with this memory, which may hold what was recorded before. `network` makes the online network, and the target network, which
    /// becomes a copy: from `[n, ..]`, n observations of the memory's shape, to `[n, actions]`. The optimizer is Adam with a learning rate of
    /// 0.001.
    ///
    /// # Panics
    /// If the network does not take such observations or gives another shape, the memory holds an action that the network does not value, an
    /// option is out of range, or there is no memory for a batch.
    #[track_caller]
    pub fn new(
        mut network: impl FnMut(&mut Xoshiro256PlusPlus) -> M,
        memory: ReplayMemory<E>,
        options: DqnOptions,
        seed: u64,
    ) -> Dqn<M, E> {
        check(&options, &memory);
        let generator = Generator::new(seed);
        let (online, target) = (network(&mut generator.draw()), network(&mut generator.draw()));
        let follower = Follower::new(&target, &online);
        follower.follow(1.0);
        target.eval();
        let observation = [&[1], memory.observation_shape()].concat();
        let q = online.predict(ArrayD::zeros(IxDyn(&observation)));
        let fits = q.ndim() == 2 && q.shape()[0] == 1 && q.shape()[1] > 0;
        let message = || format!("Dqn: the network makes {:?} of one observation {observation:?}", q.shape());
        require(
            fits,
            message,
            "it has to make [n, actions] of n observations: `Flatten`, and a last layer with one output for each action",
        );
        let (num_actions, largest) = (q.shape()[1], memory.largest_action().unwrap_or(0));
        let message = || format!("Dqn: the memory holds action {largest}, and the network values {num_actions} actions");
        require(
            largest < num_actions,
            message,
            "actions are counted from 0: give the last layer one output for each action of the environment",
        );
        Dqn {
            num_actions,
            parameters: online.parameters(),
            follower,
            online,
            target,
            memory,
            optimizer: Box::new(Adam::new(1e-3)),
            options,
            generator,
            steps: 0,
            gradient_steps: 0,
            tape: Tape::new(),
            batch: Batch::default(),
        }
    }
    /// Uses another optimizer.
    #[must_use]
    pub fn optimizer(self, optimizer: impl Optimizer + 'static) -> Dqn<M, E> {
        Dqn { optimizer: Box::new(optimizer), ..self }
    }
    /// The network that acts and learns: `wengert::io::save(path, &agent.online().state())` writes its weights.
    pub fn online(&self) -> &M {
        &self.online
    }
    /// The network that makes the targets.
    pub fn target(&self) -> &M {
        &self.target
    }
    /// What it remembers.
    pub fn memory(&self) -> &ReplayMemory<E> {
        &self.memory
    }
    /// The number of actions.
    pub fn num_actions(&self) -> usize {
        self.num_actions
    }
    /// The number of steps that it observed.
    pub fn steps(&self) -> u64 {
        self.steps
    }
    /// The number of gradient steps that it took.
    pub fn gradient_steps(&self) -> u64 {
        self.gradient_steps
    }
    /// The share of actions that are drawn at random by now.
    pub fn epsilon(&self) -> f64 {
        self.options.epsilon.at(self.steps)
    }
    /// The value of each action, as the online network predicts it.
    ///
    /// # Panics
    /// If the observation has another size than the memory's.
    #[track_caller]
    pub fn q_values(&self, observation: &[E]) -> Vec<f32> {
        let shape = self.memory.observation_shape();
        let message = || format!("Dqn: an observation of {} elements", observation.len());
        require(observation.len() == shape.iter().product::<usize>(), message, &format!("here observations have shape {shape:?}"));
        let numbers = observation.iter().map(|x| x.to_f32()).collect();
        let one = ArrayD::from_shape_vec([&[1], shape].concat(), numbers).expect("as many as the shape says");
        self.online.predict(one).into_iter().collect()
    }
    /// The action of the largest value, the first of several that are equal.
    ///
    /// # Panics
    /// As [`Dqn::q_values`].
    #[track_caller]
    pub fn greedy(&self, observation: &[E]) -> usize {
        let q = self.q_values(observation);
        (1..q.len()).fold(0, |best, i| if q[i] > q[best] { i } else { best })
    }
    /// What to do while learning: with probability [`Dqn::epsilon`] any action, else the [greedy](Dqn::greedy) one.
    ///
    /// # Panics
    /// As [`Dqn::q_values`].
    #[track_caller]
    pub fn act(&mut self, observation: &[E]) -> usize {
        let mut rng = self.generator.draw();
        match rng.random::<f64>() < self.epsilon() {
            true => rng.random_range(0..self.num_actions),
            false => self.greedy(observation),
        }
    }
    /// Remembers a step: what was observed before it, what was done, and what came of it.
    ///
    /// # Panics
    /// If there is no such action, or [`ReplayMemory::push`] refuses an observation or the reward.
    #[track_caller]
    pub fn observe(&mut self, observation: &[E], action: usize, step: &Step<E>) {
        let message = || format!("Dqn::observe: there is no action {action}");
        require(action < self.num_actions, message, &format!("the network values {} actions, counted from 0", self.num_actions));
        self.memory.push(observation, action, step.reward, &step.observation, step.terminated);
        self.steps += 1;
    }
    /// Learns if it is time to (`train_freq`, `learning_starts`). To be called after each [`Dqn::observe`].
    ///
    /// # Panics
    /// If the loss or a gradient is not finite: learning has diverged.
    #[track_caller]
    pub fn learn(&mut self) -> Option<Learned> {
        let enough = self.memory.len() >= self.options.learning_starts.max(self.options.batch_size);
        if !enough || !self.steps.is_multiple_of(self.options.train_freq) {
            return None;
        }
        let (n, mut sum) = (self.options.gradient_steps, Learned::default());
        for _ in 0..n {
            let Learned { loss, q, grad_norm } = self.gradient_step();
            sum = Learned { loss: sum.loss + loss / n as f64, q: sum.q + q / n as f64, grad_norm: sum.grad_norm + grad_norm / n as f64 };
        }
        Some(sum)
    }
    #[track_caller]
    fn gradient_step(&mut self) -> Learned {
        let Dqn { online, target, memory, options, batch, tape, .. } = self;
        memory.sample(options.batch_size, &mut self.generator.draw(), batch);
        let shape = [&[batch.len()], memory.observation_shape()].concat();
        let y = tape.no_grad(|| {
            // The online network too: its statistics are those of the observations alone, and it chooses without noise.
            let _as_before = Evaluation::begin();
            let next = tape.constant(&batch.next_observations).reshape(&*shape);
            let (reward, terminated, next_q) = (tape.constant(&batch.rewards), tape.constant(&batch.terminated), target.forward(next));
            match options.double {
                true => double_td_target(reward, terminated, next_q, online.forward(next), options.gamma),
                false => td_target(reward, terminated, next_q, options.gamma),
            }
        });
        let q = online.forward(tape.constant(&batch.observations).reshape(&*shape));
        let q = q.gather(1, Indices::new(&[batch.len(), 1], batch.actions.iter().copied())).squeeze(1);
        let loss = (options.loss.each(q, y) * tape.constant(&batch.weights)).mean();
        let (errors, mean) = ((q - y).to_vec(), q.mean().item());
        let loss_value = loss.item();
        let mut grads = tape.backward(loss);
        tape.reset();
        let grad_norm = clip_grad_norm(&mut grads, options.max_grad_norm);
        require(
            loss_value.is_finite() && grad_norm.is_finite(),
            || format!("Dqn::learn: the loss is {loss_value}, the norm of its gradient {grad_norm}: learning has diverged"),
            "try a lower learning rate, rewards near 1, a target network that follows more slowly, or TdLoss::Huber",
        );
        self.optimizer.step(&self.parameters, &grads);
        tape.recycle(grads);
        memory.update_priorities(&batch.places, &errors);
        self.gradient_steps += 1;
        match options.target_update {
            TargetUpdate::Every(n) if self.gradient_steps.is_multiple_of(n) => self.follower.follow(1.0),
            TargetUpdate::Every(_) => {}
            TargetUpdate::Soft(tau) => self.follower.follow(tau),
        }
        Learned { loss: loss_value.into(), q: mean.into(), grad_norm }
    }
    /// Acts and learns for one episode, and gives the sum of its rewards. The environment is reset with this seed.
    ///
    /// # Panics
    /// As [`Dqn::act`], [`Dqn::observe`] and [`Dqn::learn`].
    #[track_caller]
    pub fn run_episode(&mut self, env: &mut impl Environment<Element = E>, seed: u64) -> f64 {
        let (mut observation, mut sum) = (env.reset(seed), 0.0);
        loop {
            let action = self.act(&observation);
            let step = env.step(action);
            self.observe(&observation, action, &step);
            self.learn();
            sum += step.reward;
            if step.is_last() {
                return sum;
            }
            observation = step.observation;
        }
    }
    /// All that it learned: both networks, what the optimizer remembers, counters and the random generator. What is missing is the memory, which
    /// may be large: who goes on from a state collects a new one first.
    #[track_caller]
    pub fn state(&self) -> State {
        let mut state = State::new();
        state.insert_part("online", self.online.state());
        state.insert_part("target", self.target.state());
        state.insert_part("optimizer", self.optimizer.state(&self.online.named_parameters()));
        let [seed, calls] = self.generator.state();
        state.insert("counters", arr1(&[self.steps, self.gradient_steps, seed, calls]).into_dyn());
        state
    }
    /// Goes on from such a state.
    ///
    /// # Errors
    /// If entries are missing, or have other shapes or types, as those of another network or optimizer. Nothing is changed then.
    pub fn load_state(&mut self, state: &State) -> Result<(), StateError> {
        let counters = match state.get("counters") {
            Some(Values::U64(a)) if a.shape() == [4] => [a[0], a[1], a[2], a[3]],
            Some(other) => {
                let found = format!("{} of shape {:?}", other.type_name(), other.shape());
                return Err(StateError::Type { name: "counters".into(), found, expected: "four whole numbers (uint64)" });
            }
            None => return Err(StateError::Missing { name: "counters".into() }),
        };
        let networks = [&self.online, &self.target];
        let before = networks.map(|network| network.state());
        let loaded = (self.online.load_state(&state.part("online")))
            .and_then(|()| self.target.load_state(&state.part("target")))
            .and_then(|()| self.optimizer.load_state(&self.online.named_parameters(), &state.part("optimizer")));
        if loaded.is_err() {
            networks.iter().zip(&before).for_each(|(network, state)| network.load_state(state).expect("its own state"));
            return loaded;
        }
        [self.steps, self.gradient_steps] = [counters[0], counters[1]];
        self.generator.set_state([counters[2], counters[3]]);
        Ok(())
    }
}

impl TdLoss {
    /// The loss of each prediction.
    fn each<'t>(self, q: Var<'t>, y: Var<'t>) -> Var<'t> {
        match self {
            TdLoss::Huber => q.huber_loss_with(y, HuberOptions { reduction: Reduction::None, ..Default::default() }),
            TdLoss::Mse => q.mse_loss_with(y, Reduction::None),
        }
    }
}

/// The sums of rewards that a policy earns in episodes of an environment, one for each seed.
///
/// # Panics
/// If the policy gives an action that there is not ([`Environment::step`]).
#[track_caller]
pub fn evaluate<N: Environment>(
    env: &mut N,
    seeds: impl IntoIterator<Item = u64>,
    mut policy: impl FnMut(&[N::Element]) -> usize,
) -> Vec<f64> {
    let mut returns = Vec::new();
    for seed in seeds {
        let (mut observation, mut sum) = (env.reset(seed), 0.0);
        loop {
            let step = env.step(policy(&observation));
            sum += step.reward;
            if step.is_last() {
                break;
            }
            observation = step.observation;
        }
        returns.push(sum);
    }
    returns
}

#[track_caller]
fn check<E: Element>(options: &DqnOptions, memory: &ReplayMemory<E>) {
    let capacity = memory.capacity();
    let DqnOptions { gamma, batch_size, learning_starts, train_freq, gradient_steps, target_update, max_grad_norm, .. } = *options;
    let message = || format!("Dqn: gamma is {gamma}");
    require((0.0..=1.0).contains(&gamma), message, "from 0 to 1: 0.99 is usual");
    let message = || format!("Dqn: train_freq is {train_freq}, gradient_steps {gradient_steps}, batch_size {batch_size}");
    require(train_freq > 0 && gradient_steps > 0 && batch_size > 0, message, "all are at least 1");
    let message =
        || format!("Dqn: learning starts at {learning_starts} transitions, with batches of {batch_size}; there is room for {capacity}");
    require(learning_starts.max(batch_size) <= capacity, message, "it would never start: give the memory more room");
    elements::<f32>("Dqn: a batch", &[&[batch_size], memory.observation_shape()].concat());
    let message = || format!("Dqn: max_grad_norm is {max_grad_norm}");
    require(max_grad_norm > 0.0, message, "10 is usual; `f64::INFINITY` cuts nothing");
    let follows = match target_update {
        TargetUpdate::Every(n) => n > 0,
        TargetUpdate::Soft(tau) => tau > 0.0 && tau <= 1.0,
    };
    let message = || format!("Dqn: target_update is {target_update:?}");
    require(follows, message, "every 1 or more gradient steps, or a share above 0 and at most 1");
}
