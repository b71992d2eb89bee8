//! The agent: targets, determinism, states, and what it refuses.

use super::refuses;
use crate::kit::helpers::{Directory, on_threads, x};
use wengert::nn::{BatchNorm1d, Dropout, Forward, Linear, Mlp, Module, Relu, Sequential};
use wengert::optim::{Adam, Sgd};
use wengert::prelude::*;
use wengert::rl::*;
use wengert::{Options, check_grads, init, io};

fn net(rng: &mut (impl wengert::rand::Rng + Sized)) -> Sequential {
    Mlp::new(&[4, 16, 2]).build(rng)
}
fn options() -> DqnOptions {
    DqnOptions { batch_size: 16, learning_starts: 50, target_update: TargetUpdate::Every(20), ..Default::default() }
}
fn agent(options: DqnOptions, seed: u64) -> Dqn<Sequential> {
    Dqn::new(net, ReplayMemory::new(500, &[4]), options, seed)
}
/// Trains it for so many steps at least.
fn trained(mut agent: Dqn<Sequential>, steps: u64) -> Dqn<Sequential> {
    let mut env = CartPole::new();
    for episode in 0.. {
        if agent.steps() >= steps {
            break;
        }
        agent.run_episode(&mut env, episode);
    }
    agent
}

/// One state, one action, a reward of 1 in each step. If the episode is cut off there is more to come, and the value is 1 / (1 - gamma); if the task
/// ends, it is 1.
#[test]
fn truncated_is_not_terminated() {
    for (terminated, value) in [(false, 2.0), (true, 1.0)] {
        let options = DqnOptions { gamma: 0.5, batch_size: 4, learning_starts: 4, target_update: TargetUpdate::Soft(0.1), ..options() };
        let one = |rng: &mut _| -> Sequential { Mlp::new(&[1, 8, 1]).build(rng) };
        let mut agent = Dqn::new(one, ReplayMemory::<f32>::new(10, &[1]), options, 1).optimizer(Adam::new(0.02));
        for _ in 0..400 {
            let step = Step { observation: vec![1.0], reward: 1.0, terminated, truncated: !terminated };
            agent.observe(&[1.0], 0, &step);
            agent.learn();
        }
        let q = agent.q_values(&[1.0])[0];
        assert!((q - value).abs() < 0.02, "terminated {terminated}: {q} in place of {value}");
    }
}

#[test]
fn targets_by_hand() {
    let tape = Tape::<f64>::new();
    let (reward, terminated) = (tape.constant([1.0, -2.0, 0.5]), tape.constant([0.0, 0.0, 1.0]));
    let next = tape.leaf([[3.0, 5.0, 1.0], [0.0, -1.0, -2.0], [9.0, 9.0, 9.0]]);
    let online = tape.leaf([[2.0, 1.0, 0.0], [0.1, 0.1, 0.3], [0.0, 1.0, 0.0]]);
    let plain = td_target(reward, terminated, next, 0.9);
    assert_eq!(plain.to_vec(), [1.0 + 0.9 * 5.0, -2.0, 0.5]);
    let double = double_td_target(reward, terminated, next, online, 0.9);
    assert_eq!(double.to_vec(), [1.0 + 0.9 * 3.0, -2.0 + 0.9 * -2.0, 0.5]);
    assert!(!plain.is_tracked() && !double.is_tracked()); // nothing is learned through them
    refuses("td_target: reward [3]", || {
        td_target(reward, terminated, tape.constant([1.0, 2.0, 3.0]), 0.9);
    });
    refuses("double_td_target: reward [3]", || {
        double_td_target(reward, terminated, next, tape.constant([[1.0; 2]; 3]), 0.9);
    });
}

/// One gradient step is the one that is written out here: drawn by priorities, weighted, clipped.
#[test]
fn a_gradient_step_by_hand() {
    for (double, loss) in [(true, TdLoss::Huber), (false, TdLoss::Mse)] {
        let memory = || ReplayMemory::<f32>::new(64, &[4]).prioritized(PriorityOptions::default());
        let options = DqnOptions { batch_size: 8, learning_starts: 30, double, loss, max_grad_norm: 0.1, ..options() };
        let mut agent = Dqn::new(net, memory(), options, 9).optimizer(Sgd::new(0.5));
        let mut env = CartPole::new();
        let mut seen = env.reset(1);
        for i in 0..30 {
            let step = env.step(i % 2);
            agent.observe(&seen, i % 2, &step);
            seen = if step.is_last() { env.reset(2) } else { step.observation };
        }
        // The agent draws one generator for each network, and then one for each batch.
        let generator = wengert::nn::Generator::new(9);
        generator.set_state([9, 2]);
        let (mut held, mut batch) = (agent.memory().clone(), Batch::default());
        held.sample(8, &mut generator.draw(), &mut batch);
        let by_hand = net(&mut init::seeded(0));
        by_hand.load_state(&agent.online().state()).unwrap();
        let tape = Tape::new();
        let (x, next) = (tape.constant(&batch.observations).reshape([8, 4]), tape.constant(&batch.next_observations).reshape([8, 4]));
        let (next_target, next_online) = (agent.target().forward(next).to_vec(), by_hand.forward(next).to_vec());
        let y: Vec<f32> = (0..8)
            .map(|i| {
                let chosen = if double { &next_online } else { &next_target };
                let best = usize::from(chosen[2 * i + 1] > chosen[2 * i]);
                batch.rewards[i] + 0.99 * (1.0 - batch.terminated[i]) * next_target[2 * i + best]
            })
            .collect();
        let actions: Vec<[i64; 1]> = batch.actions.iter().map(|a| [*a]).collect();
        let q = by_hand.forward(x).gather(1, wengert::Indices::new(&[8, 1], actions.concat())).squeeze(1);
        let d = q - tape.constant(&y);
        let each = match loss {
            TdLoss::Huber => d.abs().le(1.0).where_cond(d.square() * 0.5, d.abs() - 0.5),
            TdLoss::Mse => d.square(),
        };
        let mean = (each * tape.constant(&batch.weights)).mean();
        let grads = tape.backward(mean);
        let norm = by_hand.parameters().iter().flat_map(|p| grads.get(p).unwrap().to_owned()).map(|g| g * g).sum::<f32>().sqrt();

        let learned = agent.learn().expect("it is time");
        assert!((learned.loss - f64::from(mean.item())).abs() < 1e-5 && (learned.grad_norm - f64::from(norm)).abs() < 1e-4);
        assert!((learned.q - f64::from(q.mean().item())).abs() < 1e-5);
        for (p, after) in by_hand.parameters().iter().zip(agent.online().parameters()) {
            let expected = p.to_array() - &(grads.get(p).unwrap().to_owned() * (0.5 * 0.1 / norm));
            assert!(expected.iter().zip(&after.to_array()).all(|(a, b)| (a - b).abs() < 1e-5), "{double} {loss:?}");
        }
    }
}

#[test]
fn the_target_network_follows() {
    let same = |agent: &Dqn<Sequential>| agent.online().state() == agent.target().state();
    let mut agent = agent(options(), 1);
    assert!(same(&agent));
    let mut env = CartPole::new();
    let mut seen = env.reset(1);
    for i in 0..200 {
        let step = env.step(i % 2);
        agent.observe(&seen, i % 2, &step);
        let learned = agent.learn();
        assert_eq!(learned.is_some(), i >= 49, "step {i}");
        assert_eq!(same(&agent), agent.gradient_steps().is_multiple_of(20), "step {i}");
        seen = if step.is_last() { env.reset(i as u64) } else { step.observation };
    }
    assert_eq!((agent.steps(), agent.gradient_steps(), agent.memory().len()), (200, 151, 200));

    let rng = &mut init::seeded(1);
    let [a, b]: [Linear<f64>; 2] = std::array::from_fn(|_| Linear::new(2, 2, rng));
    let [before, online] = [&a, &b].map(|net| net.weight.to_array());
    soft_update(&a, &b, 0.25);
    assert!((a.weight.to_array() - (before * 0.75 + &online * 0.25)).iter().all(|d| d.abs() < 1e-15));
    refuses("soft_update: a tau of 1.5", || soft_update(&a, &b, 1.5));
    refuses("soft_update: the networks differ", || soft_update(&a, &a, 0.5));
    refuses("soft_update: the networks differ", || soft_update(&a, &Linear::new(2, 3, &mut init::seeded(1)), 0.5));
}

#[test]
fn how_often_it_learns() {
    let agent = trained(agent(DqnOptions { train_freq: 4, gradient_steps: 2, ..options() }, 1), 200);
    let times = agent.steps() / 4 - 12; // the first at step 52
    assert_eq!(agent.gradient_steps(), 2 * times);
}

/// The same seeds give the same bits, on any number of threads; other seeds do not.
#[test]
fn the_same_seed_learns_the_same() {
    let weights = |seed, priorities: bool| {
        let memory = ReplayMemory::new(500, &[4]);
        let memory = if priorities { memory.prioritized(PriorityOptions::default()) } else { memory };
        trained(Dqn::new(net, memory, options(), seed), 300).state()
    };
    for priorities in [false, true] {
        let first = weights(1, priorities);
        assert!(first != weights(2, priorities));
        for threads in [1, 2, 3, 8, 32] {
            assert!(on_threads(threads, || weights(1, priorities)) == first, "{threads} threads");
        }
    }
}

#[test]
fn exploring() {
    let seen = [0.1, 0.2, -0.3, 0.4];
    let mut always = agent(DqnOptions { epsilon: Epsilon::constant(1.0), ..options() }, 1);
    let ones = (0..1000).filter(|_| always.act(&seen) == 1).count();
    assert!((430..570).contains(&ones), "{ones}");
    let mut never = agent(DqnOptions { epsilon: Epsilon::constant(0.0), ..options() }, 1);
    let (q, greedy) = (never.q_values(&seen), never.greedy(&seen));
    assert_eq!((greedy, never.num_actions()), (usize::from(q[1] > q[0]), 2));
    assert!((0..100).all(|_| never.act(&seen) == greedy));
    let mut falling = agent(DqnOptions { epsilon: Epsilon::linear(0.8, 0.2, 10), ..options() }, 1);
    let step = Step { observation: seen.to_vec(), reward: 0.0, terminated: false, truncated: false };
    (0..5).for_each(|_| falling.observe(&seen, 0, &step));
    assert_eq!(falling.epsilon(), 0.5);
}

/// With its state, another agent goes on where it was; what it reads from a file too.
#[test]
fn states() {
    let first = trained(agent(options(), 1), 200);
    let directory = Directory::new("dqn");
    let path = directory.file("agent.safetensors");
    io::save(&path, &first.state()).unwrap();
    let mut second = agent(options(), 2);
    second.load_state(&io::load(&path).unwrap()).unwrap();
    assert!(second.state() == first.state());
    assert_eq!((second.steps(), second.gradient_steps()), (first.steps(), first.gradient_steps()));
    // The weights alone suffice to act.
    let weights = directory.file("weights.safetensors");
    io::save(&weights, &first.online().state()).unwrap();
    let alone = net(&mut init::seeded(7));
    io::load_into(&weights, &alone).unwrap();
    assert_eq!(alone.predict([[0.1, 0.2, 0.3, 0.4]]).into_iter().collect::<Vec<_>>(), first.q_values(&[0.1, 0.2, 0.3, 0.4]));

    // What does not fit changes nothing.
    let mut other = Dqn::new(|rng| Mlp::new(&[4, 8, 2]).build(rng), ReplayMemory::<f32>::new(500, &[4]), options(), 3);
    let before = other.state();
    assert!(other.load_state(&first.state()).is_err());
    let mut half = first.state();
    half.insert_part("online", other.online().state());
    half.insert_part("target", first.target().state());
    assert!(other.load_state(&half).is_err() && other.load_state(&io::State::new()).is_err());
    assert!(other.state() == before);
}

/// Values are predicted in evaluation mode, and the target network is always in it.
#[test]
fn dropout_is_for_learning() {
    let noisy = |rng: &mut _| -> Sequential {
        Sequential::new().push(Linear::new(4, 16, rng)).push(Dropout::new(0.5, rng)).push(Linear::new(16, 2, rng))
    };
    let agent = trained(Dqn::new(noisy, ReplayMemory::new(500, &[4]), options(), 1), 100);
    let seen = [0.1, 0.2, -0.3, 0.4];
    assert_eq!(agent.q_values(&seen), agent.q_values(&seen));
    let tape = Tape::new();
    let twice = [0; 2].map(|_| agent.target().forward(tape.constant([seen])).to_vec());
    assert_eq!(twice[0], twice[1]);
}

/// Values of what comes next are predicted in evaluation mode too: only the observations move running statistics, and they do so once.
#[test]
fn what_comes_next_moves_no_statistics() {
    let network = |rng: &mut _| -> Sequential { Sequential::new().push(BatchNorm1d::new(1)).push(Linear::new(1, 2, rng)) };
    let options = DqnOptions { batch_size: 8, learning_starts: 8, double: true, ..options() };
    let mut agent = Dqn::new(network, ReplayMemory::<f32>::new(8, &[1]), options, 1).optimizer(Sgd::new(0.0));
    let alone = network(&mut init::seeded(1));
    for i in 0..8 {
        let step = Step { observation: vec![100.0 + i as f32], reward: 0.0, terminated: false, truncated: false };
        agent.observe(&[i as f32], 0, &step);
    }
    // The agent draws one generator for each network, and then one for each batch.
    let generator = wengert::nn::Generator::new(1);
    generator.set_state([1, 2]);
    let (mut held, mut batch) = (agent.memory().clone(), Batch::default());
    held.sample(8, &mut generator.draw(), &mut batch);
    alone.load_state(&agent.online().state()).unwrap();
    alone.forward(Tape::new().constant(&batch.observations).reshape([8, 1]));
    agent.learn().expect("it is time");
    let statistics = |net: &Sequential| net.named_buffers().into_iter().map(|(name, p)| (name, p.to_array())).collect::<Vec<_>>();
    assert_eq!(statistics(agent.online()), statistics(&alone));
}

/// A memory that was filled elsewhere is learned from, if it holds no other actions.
#[test]
fn what_was_recorded() {
    let recorded = |last: usize| {
        let mut memory = ReplayMemory::<f32>::new(100, &[4]);
        (0..60).for_each(|i| memory.push(&[i as f32; 4], if i == 40 { last } else { i % 2 }, 1.0, &[i as f32 + 1.0; 4], false));
        memory
    };
    let mut agent = Dqn::new(net, recorded(1), options(), 1);
    assert!(agent.learn().is_some());
    refuses("Dqn: the memory holds action 7, and the network values 2 actions", || drop(Dqn::new(net, recorded(7), options(), 1)));
}

#[test]
fn the_dueling_head() {
    let head = DuelingHead::<f64>::new(3, 4, 2, &mut init::seeded(1));
    let x = x(&[5, 3]);
    let tape = Tape::new();
    let on_tape = tape.constant(&x);
    let (q, value) = (head.forward(on_tape), head.value.forward(on_tape));
    assert_eq!(q.shape(), [5, 2]);
    // On average over actions, it is the state's value.
    assert!((q.mean_axes(1, true) - value).abs().max().item() < 1e-15);
    let _ = check_grads(|x| head.forward(x[0]).square().sum(), &[x], Options::default()).unwrap();
    let names: Vec<String> = head.named_parameters().into_iter().map(|(name, _)| name).collect();
    assert_eq!((names.len(), &*names[0], &*names[4]), (8, "value.0.weight", "advantage.0.weight"));
}

/// A gradient step goes down the slope of the loss that it reports: that is measured by moving each weight a little to either side.
#[test]
fn losses_are_differentiated_right() {
    let recorded = || {
        let (mut memory, x) = (ReplayMemory::<f32>::new(32, &[4]), |i: usize| [0, 1, 2, 3].map(|k| (1.5 * (4 * i + k) as f32).sin()));
        (0..32).for_each(|i| memory.push(&x(i), i % 2, i as f64 / 10.0 - 1.0, &x(i + 1), i % 5 == 0)); // errors below 1 and above
        memory
    };
    for loss in [TdLoss::Huber, TdLoss::Mse] {
        let options = DqnOptions { batch_size: 16, learning_starts: 16, double: false, max_grad_norm: f64::INFINITY, loss, ..options() };
        let agent = || Dqn::new(|rng| Linear::new(4, 2, rng), recorded(), options, 3).optimizer(Sgd::new(1.0));
        let mut stepped = agent();
        stepped.learn().expect("it is time");
        for (k, (before, after)) in agent().online().parameters().iter().zip(stepped.online().parameters()).enumerate() {
            let slope = before.to_array() - after.to_array();
            for (i, slope) in slope.iter().enumerate() {
                let [low, high] = [-1e-2, 1e-2].map(|by| {
                    let mut moved = agent();
                    moved.online().parameters()[k].with_mut(|values| values[i] += by);
                    moved.learn().expect("it is time").loss
                });
                let measured = (high - low) / 2e-2;
                assert!((measured - f64::from(*slope)).abs() < 1e-3, "{loss:?}, {k}, {i}: {measured} but {slope}");
            }
        }
    }
}

/// It learns: after a few thousand steps the pole stays up far longer than by chance (about 20 steps).
#[test]
fn it_learns_to_balance() {
    let options = DqnOptions {
        batch_size: 32,
        learning_starts: 200,
        target_update: TargetUpdate::Soft(0.02),
        epsilon: Epsilon::linear(1.0, 0.05, 1000),
        ..options()
    };
    let duel =
        |rng: &mut _| -> Sequential { Sequential::new().push(Linear::new(4, 32, rng)).push(Relu).push(DuelingHead::new(32, 16, 2, rng)) };
    let memory = ReplayMemory::new(5000, &[4]).prioritized(PriorityOptions { beta_steps: 2500, ..Default::default() });
    let mut agent = Dqn::new(duel, memory, options, 1).optimizer(Adam::new(2e-3));
    let mut env = CartPole::new();
    for episode in 0.. {
        agent.run_episode(&mut env, episode);
        if agent.steps() >= 2500 {
            break;
        }
    }
    let returns = evaluate(&mut env, 900..910, |seen| agent.greedy(seen));
    let mean = returns.iter().sum::<f64>() / 10.0;
    assert!(mean > 80.0, "{mean}");
}

#[test]
fn what_is_refused() {
    let with = |options: DqnOptions| agent(options, 1);
    refuses("Dqn: gamma is 1.5", || drop(with(DqnOptions { gamma: 1.5, ..options() })));
    refuses("Dqn: train_freq is 0", || drop(with(DqnOptions { train_freq: 0, ..options() })));
    refuses("batch_size 0", || drop(with(DqnOptions { batch_size: 0, ..options() })));
    refuses("learning starts at 501 transitions", || drop(with(DqnOptions { learning_starts: 501, ..options() })));
    let roomy = || ReplayMemory::<f32>::new(usize::MAX, &[4]);
    for batch_size in [1 << 31, usize::MAX] {
        refuses("Dqn: a batch: an array of shape", || drop(Dqn::new(net, roomy(), DqnOptions { batch_size, ..options() }, 1)));
    }
    refuses("Dqn: max_grad_norm is NaN", || drop(with(DqnOptions { max_grad_norm: f64::NAN, ..options() })));
    for target_update in [TargetUpdate::Every(0), TargetUpdate::Soft(0.0), TargetUpdate::Soft(f64::NAN)] {
        refuses("Dqn: target_update is", || drop(with(DqnOptions { target_update, ..options() })));
    }
    refuses("Dqn: the network makes [1, 2, 4] of one observation [1, 2, 4]", || {
        drop(Dqn::new(|rng| Linear::new(4, 4, rng), ReplayMemory::<f32>::new(500, &[2, 4]), options(), 1));
    });
    let mut agent = agent(options(), 1);
    refuses("Dqn: an observation of 3 elements", || drop(agent.q_values(&[0.0; 3])));
    let step = Step { observation: vec![0.0; 4], reward: 0.0, terminated: false, truncated: false };
    refuses("Dqn::observe: there is no action 2", || agent.observe(&[0.0; 4], 2, &step));
    refuses("an observation of 3 elements", || agent.observe(&[0.0; 3], 1, &step));
    for i in 0..50 {
        let far = Step { observation: vec![1e30; 4], reward: f64::from(f32::MAX), terminated: i % 2 == 0, truncated: false };
        agent.observe(&[-1e30, 1e30, 1e30, 1e30], 0, &far);
    }
    refuses("learning has diverged", || {
        agent.learn();
    });
    for (from, to) in [(-0.1, 0.5), (0.5, 1.1), (f64::NAN, 0.0)] {
        refuses("Epsilon: from", || assert_eq!(Epsilon::linear(from, to, 10).at(0), 0.0));
        refuses("Epsilon: from", || assert_eq!(Epsilon::exponential(from, to, 10.0).at(0), 0.0));
    }
    refuses("Epsilon::linear: in 0 steps", || assert_eq!(Epsilon::linear(1.0, 0.0, 0).at(0), 0.0));
    refuses("Epsilon::exponential: in 0 steps", || assert_eq!(Epsilon::exponential(1.0, 0.0, 0.0).at(0), 0.0));
}
