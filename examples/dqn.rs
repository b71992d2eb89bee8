//! Deep Q-learning: an agent learns to balance a pole, to swing up two links, to drive a weak car out of a valley, or to catch balls that it sees
//! as pixels.
//!
//! `cargo run --release --example dqn` (add `--help` for its options). While it trains, the network is tested every few thousand steps on
//! episodes with seeds of their own, and the best is kept; what counts at the end are 100 further episodes (500 with `--pixels`), whose seeds no
//! choice has seen.

#[path = "common/run.rs"]
mod run;
#[path = "common/scenes.rs"]
mod scenes;

use clap::{Parser, ValueEnum};
use scenes::Scene;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;
use wengert::nn::{Conv2d, Flatten, Function, Linear, Mlp, Module, Relu, Sequential};
use wengert::optim::Adam;
use wengert::plot::Curves;
use wengert::rand::rngs::Xoshiro256PlusPlus;
use wengert::rl::{
    Acrobot, ActionRepeat, CartPole, Catch, Dqn, DqnOptions, Environment, Epsilon, FrameStack, MountainCar, PriorityOptions, ReplayMemory,
    TargetUpdate, evaluate,
};
use wengert::{Var, io};

/// Trains deep Q-networks.
#[derive(Parser)]
struct Options {
    /// The task
    #[arg(long, value_enum, default_value = "cartpole")]
    env: Task,
    /// Catch: a game of 84 x 84 pixels, and a convolutional network
    #[arg(long, conflicts_with = "env")]
    pixels: bool,
    /// Seed of the first weights, the episodes and all draws; with --seeds, the first of them
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// So many runs, each with another seed
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    /// A run ends with the episode that reaches so many steps [default: as the task needs]
    #[arg(long)]
    steps: Option<u64>,
    /// What nine tenths of the runs must reach: the mean return of the last 100 episodes, with --pixels the percentage of 500 balls that are
    /// caught [default: 475, acrobot -100, mountain-car -110, --pixels 95]
    #[arg(long, allow_negative_numbers = true)]
    require: Option<f64>,
    /// Directory for a picture of the returns, an animated episode and the weights
    #[arg(long)]
    plots: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Task {
    Cartpole,
    Acrobot,
    MountainCar,
}

/// How a task is learned, and when it is solved.
#[derive(Clone, Copy)]
struct Recipe {
    name: &'static str,
    options: DqnOptions,
    lr: f64,
    memory: usize,
    /// The episode that reaches so many steps is the last; how many pass between two tests.
    steps: u64,
    test_every: u64,
    /// A test is so many episodes. Training ends with one whose mean return is so high.
    test: u64,
    enough: f64,
    /// What counts: so many further episodes, the score of their mean return, and what it must reach.
    last: u64,
    score: fn(f64) -> f64,
    require: f64,
}

/// That of the pole, with which the others begin.
fn recipe() -> Recipe {
    let options = DqnOptions { target_update: TargetUpdate::Every(100), epsilon: Epsilon::linear(1.0, 0.05, 5000), ..Default::default() };
    Recipe {
        name: "CartPole-v1",
        options,
        lr: 1e-3,
        memory: 50_000,
        steps: 100_000,
        test_every: 1000,
        test: 50,
        enough: 500.0,
        last: 100,
        score: |mean| mean,
        require: 475.0,
    }
}

/// Seeds of episodes: those of training, of the tests during training, and of the last ones, which nothing was chosen by.
const TESTS: u64 = 1 << 40;
const LAST: u64 = 2 << 40;
fn training(seed: u64, episode: u64) -> u64 {
    (seed << 20).wrapping_add(episode) % TESTS
}

/// What came of a run.
struct Run {
    seed: u64,
    score: f64,
    least: f64,
    steps: u64,
    seconds: f64,
    /// Return by step: of each episode of training, and of each test.
    returns: Vec<(f64, f64)>,
    tests: Vec<(f64, f64)>,
}

type Agent<N> = Dqn<Sequential, <N as Environment>::Element>;
type Network = fn(&mut Xoshiro256PlusPlus) -> Sequential;

/// Trains a network and tests the best.
fn learn<N: Environment>(recipe: &Recipe, env: &mut N, network: Network, memory: ReplayMemory<N::Element>, seed: u64) -> (Run, Agent<N>) {
    let start = Instant::now();
    let mut agent = Dqn::new(network, memory, recipe.options, seed).optimizer(Adam::new(recipe.lr));
    let (mut returns, mut tests) = (Vec::new(), Vec::new());
    let mut best = (f64::NEG_INFINITY, agent.online().state());
    let mut next_test = recipe.test_every.min(recipe.steps);
    for episode in 0.. {
        let sum = agent.run_episode(env, training(seed, episode));
        returns.push((agent.steps() as f64, sum));
        if agent.steps() < next_test {
            continue;
        }
        next_test = (agent.steps() + recipe.test_every).min(recipe.steps);
        let tested = mean(&evaluate(env, TESTS..TESTS + recipe.test, |seen| agent.greedy(seen)));
        tests.push((agent.steps() as f64, tested));
        eprint!("\rseed {seed}, step {}: {:.2} in a test, {:.0} s  ", agent.steps(), (recipe.score)(tested), start.elapsed().as_secs_f64());
        if tested > best.0 {
            best = (tested, agent.online().state());
        }
        if tested >= recipe.enough || agent.steps() >= recipe.steps {
            break;
        }
    }
    agent.online().load_state(&best.1).expect("the same network");
    let last = evaluate(env, LAST..LAST + recipe.last, |seen| agent.greedy(seen));
    let least = last.iter().copied().fold(f64::INFINITY, f64::min);
    let run = Run {
        seed,
        score: (recipe.score)(mean(&last)),
        least,
        steps: agent.steps(),
        seconds: start.elapsed().as_secs_f64(),
        returns,
        tests,
    };
    (run, agent)
}

fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

/// All runs, their table, and the pictures of the first. `state` is what a scene shows of an environment.
fn run_seeds<N: Environment, S>(
    options: &Options,
    recipe: Recipe,
    mut env: N,
    network: Network,
    memory: impl Fn(ReplayMemory<N::Element>) -> ReplayMemory<N::Element>,
    state: impl Fn(&N) -> S,
    scene: impl Fn(&[S]) -> Scene,
) -> Result<ExitCode, Box<dyn Error>> {
    let recipe = Recipe { steps: options.steps.unwrap_or(recipe.steps), require: options.require.unwrap_or(recipe.require), ..recipe };
    if let Some(directory) = &options.plots {
        std::fs::create_dir_all(directory)?;
    }
    println!(
        "{}: {} steps or fewer, to the end of an episode; what counts is the score of {} episodes afterwards\n",
        recipe.name, recipe.steps, recipe.last
    );
    println!("seed   steps  episodes  seconds   score   least return");
    let mut runs = Vec::new();
    for seed in options.seed..options.seed.saturating_add(options.seeds) {
        let empty = ReplayMemory::new(recipe.memory, &env.observation_shape());
        let (run, agent) = learn(&recipe, &mut env, network, memory(empty), seed);
        let Run { steps, seconds, score, least, ref returns, .. } = run;
        eprint!("\r{:60}\r", "");
        println!("{seed:>4}  {steps:>6}  {:>8}  {seconds:>7.1}  {score:>6.2}  {least:>13}", returns.len());
        if let (Some(directory), true) = (&options.plots, runs.is_empty()) {
            io::save(directory.join("dqn.safetensors"), &agent.online().state())?;
            scene(&played(&mut env, |seen| agent.greedy(seen), &state)).save(&directory.join("episode.svg"))?;
        }
        runs.push(run);
    }
    if let Some(directory) = &options.plots {
        pictures(&recipe, &runs, directory)?;
        println!("\nreturns.svg, episode.svg and the weights of the first run are in {}", directory.display());
    }
    let reached = runs.iter().filter(|run| run.score >= recipe.require).count() as u64;
    let needed = (options.seeds * 9).div_ceil(10);
    println!("\n{reached} of {} reach {} ({needed} are required)", runs.len(), recipe.require);
    if reached < needed {
        eprintln!("dqn: those are too few; try more --steps");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// What is seen of the first of the last episodes, or of several if they are short.
fn played<N: Environment, S>(env: &mut N, mut policy: impl FnMut(&[N::Element]) -> usize, state: impl Fn(&N) -> S) -> Vec<S> {
    let mut states = Vec::new();
    for seed in LAST.. {
        let mut seen = env.reset(seed);
        states.push(state(env));
        loop {
            let step = env.step(policy(&seen));
            states.push(state(env));
            if step.is_last() {
                break;
            }
            seen = step.observation;
        }
        if states.len() > 70 {
            break;
        }
    }
    states
}

/// The returns of the first run, and the tests of all.
fn pictures(recipe: &Recipe, runs: &[Run], directory: &Path) -> Result<(), io::IoError> {
    let first = &runs[0];
    Curves::new(format!("{}: seed {}", recipe.name, first.seed), "step", "return")
        .scatter("episodes of training", &first.returns)
        .points(format!("tests of {} episodes", recipe.test), &first.tests)
        .draw()
        .save(directory.join("returns.svg"))?;
    if runs.len() > 1 {
        let curves = Curves::new(format!("{}: tests of {} episodes", recipe.name, recipe.test), "step", "mean return");
        let add = |curves: Curves, run: &Run| curves.points(format!("seed {}", run.seed), &run.tests);
        runs.iter().fold(curves, add).draw().save(directory.join("seeds.svg"))?;
    }
    Ok(())
}

/// The convolutional network of the first paper (V. Mnih and others, "Playing Atari with deep reinforcement learning", 2013), with half the filters
/// in the second layer and a quarter of the units in the third.
fn convolutional(rng: &mut Xoshiro256PlusPlus) -> Sequential {
    Sequential::new()
        .push(Conv2d::new(4, 16, 8, rng).stride(4))
        .push(Relu)
        .push(Conv2d::new(16, 16, 4, rng).stride(2))
        .push(Relu)
        .push(Flatten)
        .push(Linear::new(16 * 9 * 9, 64, rng))
        .push(Relu)
        .push(Linear::new(64, 3, rng))
}

/// Speeds are small numbers beside places: both come to -1..1 first.
fn of_car(rng: &mut Xoshiro256PlusPlus) -> Sequential {
    let scaled = Function::new(|x: Var| (x - x.tape().constant([-0.3, 0.0])) / x.tape().constant([0.9, 0.07]));
    Sequential::new().push(scaled).push(Mlp::new(&[2, 64, 64, 3]).build(rng))
}

fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let recipe = recipe();
    if options.pixels {
        let dqn = DqnOptions {
            gamma: 0.95,
            batch_size: 32,
            learning_starts: 2000,
            train_freq: 4,
            epsilon: Epsilon::linear(1.0, 0.05, 10_000),
            ..recipe.options
        };
        let recipe = Recipe {
            name: "Catch, 84 x 84 pixels",
            options: dqn,
            memory: 20_000,
            steps: 80_000,
            test_every: 4000,
            test: 200,
            enough: 0.98,
            last: 500,
            score: |mean| 50.0 * (1.0 + mean), // percent: a ball that is caught earns 1, another -1
            require: 95.0,
            ..recipe
        };
        let game = FrameStack::new(Catch::new(), 4);
        return run_seeds(options, recipe, game, convolutional, ReplayMemory::stacked, |game| game.inner().clone(), scenes::catch);
    }
    match options.env {
        Task::Cartpole => run_seeds(
            options,
            recipe,
            CartPole::new(),
            |rng| Mlp::new(&[4, 64, 64, 2]).build(rng),
            |memory| memory,
            CartPole::state,
            scenes::cart_pole,
        ),
        Task::Acrobot => {
            let recipe = Recipe { name: "Acrobot-v1", enough: -80.0, require: -100.0, ..recipe };
            run_seeds(
                options,
                recipe,
                Acrobot::new(),
                |rng| Mlp::new(&[6, 64, 64, 3]).build(rng),
                |memory| memory,
                Acrobot::state,
                scenes::acrobot,
            )
        }
        Task::MountainCar => {
            // The goal is rarely found by chance: actions that last find it sooner, and what is rare is drawn more often. A step of the agent is
            // six of the car.
            let dqn = DqnOptions { epsilon: Epsilon::linear(1.0, 0.05, 6000), ..recipe.options };
            let recipe =
                Recipe { name: "MountainCar-v0", options: dqn, steps: 60_000, test: 100, enough: -104.0, require: -110.0, ..recipe };
            let by_errors = |memory: ReplayMemory| memory.prioritized(PriorityOptions { beta_steps: 60_000, ..Default::default() });
            let car = ActionRepeat::new(MountainCar::new(), 6);
            run_seeds(options, recipe, car, of_car, by_errors, |car| car.inner().state(), scenes::mountain_car)
        }
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    run::on_all_threads("dqn", || run(&options))
}
