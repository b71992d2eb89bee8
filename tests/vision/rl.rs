//! Environments beside gymnasium's, and the parts of a deep Q-network.

use super::format::{Arrays, close, json};
use super::suite::Part;
use ndarray::{Array1, Array2, ArrayD};
use std::path::Path;
use wengert::io::State;
use wengert::nn::{Forward, Mlp, Module, Sequential};
use wengert::rl::{Acrobot, CartPole, Environment, MountainCar, double_td_target, soft_update, td_target};
use wengert::{Indices, Reduction, SmoothL1Options, Tape, init};

/// How far apart a step from a given state may be.
const STEP: f64 = 1e-12;

pub fn run(dir: &Path) -> Result<Part, String> {
    let mut part = Part::default();
    if dir.join("index.json").is_file() {
        let index = json(&dir.join("index.json"))?;
        for name in index.as_object().into_iter().flat_map(|object| object.keys()) {
            let recorded = Recorded::read(&dir.join(format!("{name}.safetensors")))?;
            match name.as_str() {
                "CartPole-v1" => episodes::<CartPole>(&mut part, name, &recorded, 200, 1e-9),
                "Acrobot-v1" => episodes::<Acrobot>(&mut part, name, &recorded, usize::MAX, 1e-8),
                "MountainCar-v0" => episodes::<MountainCar>(&mut part, name, &recorded, usize::MAX, STEP),
                _ => part.unsupported.push(format!("{name}: there is no such environment here")),
            }
        }
    }
    if dir.join("dqn.json").is_file() {
        dqn(&mut part, dir)?;
    }
    Ok(part)
}

/// Episodes that gymnasium recorded, one after the other.
struct Recorded {
    lengths: Vec<usize>,
    states: Array2<f64>,
    observations: Array2<f64>,
    actions: Vec<i64>,
    rewards: Array1<f64>,
    terminated: Vec<i64>,
    truncated: Vec<i64>,
}

impl Recorded {
    fn read(file: &Path) -> Result<Recorded, String> {
        let arrays = Arrays::read(file)?;
        let recorded = Recorded {
            lengths: arrays.integers("lengths")?.into_iter().map(|n| n as usize).collect(),
            states: arrays.with_axes("states")?,
            observations: arrays.with_axes("observations")?,
            actions: arrays.integers("actions")?,
            rewards: arrays.with_axes("rewards")?,
            terminated: arrays.integers("terminated")?,
            truncated: arrays.integers("truncated")?,
        };
        let steps = recorded.lengths.iter().sum::<usize>();
        let of_steps = [recorded.actions.len(), recorded.rewards.len(), recorded.terminated.len(), recorded.truncated.len()];
        let of_states = [recorded.states.nrows(), recorded.observations.nrows()];
        match of_steps == [steps; 4] && of_states == [steps + recorded.lengths.len(); 2] {
            true => Ok(recorded),
            false => Err(format!("{}: {steps} steps, but {of_steps:?} and {of_states:?} rows", file.display())),
        }
    }
}

/// An environment whose inner state can be set.
trait Stateful: Environment<Element = f32> + Default {
    fn put(&mut self, state: &[f64]) -> Vec<f32>;
    fn inner(&self) -> Vec<f64>;
}
impl Stateful for CartPole {
    fn put(&mut self, state: &[f64]) -> Vec<f32> {
        self.set_state(state.try_into().expect("four numbers"))
    }
    fn inner(&self) -> Vec<f64> {
        self.state().into()
    }
}
impl Stateful for Acrobot {
    fn put(&mut self, state: &[f64]) -> Vec<f32> {
        self.set_state(state.try_into().expect("four numbers"))
    }
    fn inner(&self) -> Vec<f64> {
        self.state().into()
    }
}
impl Stateful for MountainCar {
    fn put(&mut self, state: &[f64]) -> Vec<f32> {
        self.set_state(state.try_into().expect("two numbers"))
    }
    fn inner(&self) -> Vec<f64> {
        self.state().into()
    }
}

/// Two comparisons for each episode: every step from the state that was recorded before it, and the whole episode, or its first
/// `free_steps`, from its first state alone.
fn episodes<N: Stateful>(part: &mut Part, name: &str, recorded: &Recorded, free_steps: usize, free: f64) {
    let (mut step_0, mut row_0) = (0, 0);
    let mut farthest = [0.0f64; 2];
    for (episode, &length) in recorded.lengths.iter().enumerate() {
        let states: Vec<Vec<f64>> = (row_0..=row_0 + length).map(|row| recorded.states.row(row).to_vec()).collect();
        let (mut given, mut alone) = (N::default(), N::default());
        given.reset(0);
        alone.reset(0);
        let first = given.put(&states[0]);
        alone.put(&states[0]);
        let mut every = seen(&first, recorded, row_0).map_err(|why| format!("{name}, episode {episode}, at first: {why}"));
        let mut whole = Ok(());
        for i in 0..length {
            let (at, action) = (format!("{name}, episode {episode}, step {i}"), recorded.actions[step_0 + i] as usize);
            given.put(&states[i]);
            let step = given.step(action);
            let apart = distance(&given.inner(), &states[i + 1]);
            farthest[0] = farthest[0].max(apart);
            let result = (recorded.rewards[step_0 + i], recorded.terminated[step_0 + i] == 1, recorded.truncated[step_0 + i] == 1);
            every = every.and_then(|()| match (step.reward, step.terminated, step.truncated) == result && apart <= STEP {
                true => seen(&step.observation, recorded, row_0 + i + 1).map_err(|why| format!("{at}: {why}")),
                false => Err(format!("{at}: {step:?} in place of {result:?}, the state {apart:e} away")),
            });
            if i < free_steps && whole.is_ok() {
                let step = alone.step(action);
                let apart = distance(&alone.inner(), &states[i + 1]);
                farthest[1] = farthest[1].max(apart);
                if (step.reward, step.terminated, step.truncated) != result || apart > free {
                    whole = Err(format!("{at}, of a free run: {step:?} in place of {result:?}, the state {apart:e} away"));
                }
            }
        }
        part.check(every);
        part.check(whole);
        (step_0, row_0) = (step_0 + length, row_0 + length + 1);
    }
    let [steps, whole] = farthest;
    part.notes.push(format!("{name}: steps from given states are at most {steps:.1e} apart, free runs {whole:.1e}"));
}

/// The largest distance of two numbers.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// Is it the recorded observation? One rounding to `f32` may differ.
fn seen(observation: &[f32], recorded: &Recorded, row: usize) -> Result<(), String> {
    let expected = recorded.observations.row(row);
    let same = |a: f32, b: f64| (f64::from(a) - b).abs() <= f64::from(f32::EPSILON) * b.abs().max(1e-9);
    match observation.len() == expected.len() && observation.iter().zip(&expected).all(|(a, b)| same(*a, *b)) {
        true => Ok(()),
        false => Err(format!("{observation:?} is seen in place of {expected}")),
    }
}

/// The names of the arrays of a network with a hidden layer, here and in the files.
const NAMES: [(&str, &str); 4] = [("0.weight", "w1"), ("0.bias", "b1"), ("2.weight", "w2"), ("2.bias", "b2")];

fn dqn(part: &mut Part, dir: &Path) -> Result<(), String> {
    let (arrays, options) = (Arrays::read(&dir.join("dqn.safetensors"))?, json(&dir.join("dqn.json"))?);
    let number = |name: &str| options[name].as_f64().ok_or(format!("dqn.json: there is no number {name}"));
    let (gamma, tau, beta) = (number("gamma")?, number("tau")?, number("smooth_l1_beta")?);
    let network = |name: &str| -> Result<Sequential<f64>, String> {
        let (w1, w2) = (arrays.f64(&format!("{name}.w1"))?, arrays.f64(&format!("{name}.w2"))?);
        let net = Mlp::new(&[w1.shape()[1], w1.shape()[0], w2.shape()[0]]).build(&mut init::seeded(0));
        let parts = NAMES.map(|(here, there)| Ok((here, arrays.f64(&format!("{name}.{there}"))?)));
        let state: State = parts.into_iter().collect::<Result<Vec<_>, String>>()?.into_iter().collect();
        net.load_state(&state).map_err(|why| format!("{name}: {why}"))?;
        Ok(net)
    };
    let (online, target) = (network("online")?, network("target")?);
    let mut compare = |what: &str, got: ArrayD<f64>, expected: ArrayD<f64>| part.check(close(what, &got, &expected, 1e-12, 1e-12));

    let tape = Tape::<f64>::new();
    let [s, s_next, reward, terminated] = ["s", "s_next", "reward", "terminated"].map(|name| arrays.f64(name));
    let (reward, terminated, s_next) = (tape.constant(reward?), tape.constant(terminated?), tape.constant(s_next?));
    let actions = arrays.integers("action")?;
    let values = online.forward(tape.constant(s?));
    let q = values.gather(1, Indices::new(&[actions.len(), 1], actions)).squeeze(1);
    compare("q", q.to_array(), arrays.f64("q")?);
    let (next, next_online) = (target.forward(s_next), online.forward(s_next));
    let best = |values: &[i64]| ArrayD::from_shape_vec(vec![values.len()], values.iter().map(|i| *i as f64).collect()).expect("a list");
    compare("best", best(next_online.argmax(1, false).values()), arrays.f64("best")?);

    let rules =
        [("plain", td_target(reward, terminated, next, gamma)), ("double", double_td_target(reward, terminated, next, next_online, gamma))];
    for (rule, y) in rules {
        compare(&format!("y_{rule}"), y.to_array(), arrays.f64(&format!("y_{rule}"))?);
        let smooth = SmoothL1Options { beta, reduction: Reduction::Mean };
        for (name, loss) in [("smooth_l1", q.smooth_l1_loss_with(y, smooth)), ("mse", q.mse_loss(y))] {
            let case = format!("{rule}.{name}");
            let expected = options["losses"][&case].as_f64().ok_or(format!("dqn.json: there is no loss {case}"))?;
            compare(&case, loss.to_array(), ArrayD::from_elem(vec![], expected));
            let grads = tape.backward(loss);
            for ((here, param), (_, there)) in online.named_parameters().iter().zip(NAMES) {
                let grad = grads.get(param).ok_or(format!("{case}: {here} has no gradient"))?.to_owned();
                compare(&format!("{case}.grad.{there}"), grad, arrays.f64(&format!("{case}.grad.{there}"))?);
            }
        }
    }
    soft_update(&target, &online, tau);
    let after = target.state();
    for (here, there) in NAMES {
        let found = after.get(here).expect("a name of the network").to_array();
        compare(&format!("target_after_soft_update.{there}"), found, arrays.f64(&format!("target_after_soft_update.{there}"))?);
    }
    Ok(())
}
