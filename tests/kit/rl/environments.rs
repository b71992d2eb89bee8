//! Environments: seeds, limits, pictures, and what they refuse. (`tests/vision/rl.rs` compares them with gymnasium.)

use super::refuses;
use wengert::rl::{Acrobot, ActionRepeat, CartPole, Catch, Environment, Episode, FrameStack, MountainCar, Step, evaluate};

/// What is observed, and with each step its reward, and whether it was terminated or truncated.
type Played<E> = (Vec<Vec<E>>, Vec<(f64, bool, bool)>);

/// All that a seed and the actions give, until an episode ends.
fn played<N: Environment>(env: &mut N, seed: u64) -> Played<N::Element> {
    let (mut seen, mut results) = (vec![env.reset(seed)], vec![]);
    for i in 0.. {
        let Step { observation, reward, terminated, truncated } = env.step((i / 3 + seed as usize) % env.num_actions());
        seen.push(observation);
        results.push((reward, terminated, truncated));
        if terminated || truncated {
            break;
        }
    }
    (seen, results)
}

/// Checks what holds of every environment, and gives the longest of some episodes.
fn sound<N: Environment<Element: std::fmt::Debug>>(mut env: N, mut other: N) -> usize {
    let size = env.observation_shape().iter().product::<usize>();
    let mut longest = 0;
    for seed in 0..20 {
        let first = played(&mut env, seed);
        assert!(first == played(&mut other, seed), "seed {seed}: another episode");
        assert!(first.0[0] != played(&mut env, seed + 1).0[0], "seed {seed}: the same beginning as of the next");
        assert!(first.0.iter().all(|seen| seen.len() == size));
        longest = longest.max(first.1.len());
    }
    longest
}

#[test]
fn the_same_seed_gives_the_same_episode() {
    sound(CartPole::new(), CartPole::new());
    assert_eq!(sound(Acrobot::new(), Acrobot::new()), 500);
    assert_eq!(sound(MountainCar::new(), MountainCar::new()), 200);
    assert_eq!(sound(Catch::new(), Catch::new()), 26);
    sound(FrameStack::new(Catch::new(), 3), FrameStack::new(Catch::new(), 3));
    let boxed = || -> Box<dyn Environment<Element = f32>> { Box::new(CartPole::new()) };
    sound(boxed(), boxed());
}

#[test]
fn limits_of_steps() {
    let short = |limit| {
        let mut env = MountainCar::new().max_episode_steps(limit);
        env.reset(1);
        (0..1000).map(|_| env.step(1)).position(|step| step.truncated && !step.terminated)
    };
    assert_eq!((short(Some(1)), short(Some(7)), short(None)), (Some(0), Some(6), None));
    // A step can be both: the task ended, and just at the limit.
    let mut env = Acrobot::new().max_episode_steps(Some(1));
    env.reset(1);
    env.set_state([3.0, 0.0, 0.0, 0.0]);
    let step = env.step(1);
    assert!(step.terminated && step.truncated && step.is_last());
}

#[test]
fn a_state_that_is_set() {
    let mut env = CartPole::new();
    assert_eq!(env.set_state([0.5, -0.25, 0.125, 1.0]), [0.5, -0.25, 0.125, 1.0]); // begins an episode
    assert_eq!(env.state(), [0.5, -0.25, 0.125, 1.0]);
    assert!(!env.step(0).is_last());
    env.set_state([2.39, 10.0, 0.0, 0.0]);
    assert!(env.step(1).terminated); // beyond 2.4 m
    env.set_state([0.0, 0.0, 0.209, 5.0]); // begins the next
    assert!(env.step(1).terminated); // beyond 12 degrees
    let mut car = MountainCar::new();
    car.set_state([-1.19, -0.05]);
    car.step(0);
    assert_eq!(car.state(), [-1.2, 0.0]); // the wall
    car.set_state([0.49, 0.05]);
    assert!(car.step(2).terminated);
}

#[test]
fn pictures_of_catch() {
    let gray = |picture: &[u8], tone| -> Vec<(usize, usize)> {
        (0..picture.len()).filter(|i| picture[*i] == tone).map(|i| (i % Catch::SIZE, i / Catch::SIZE)).collect()
    };
    let (mut caught, mut drifts) = (0, [false; 7]);
    for seed in 0..200 {
        let mut game = Catch::new();
        let mut picture = game.reset(seed);
        let mut places = vec![game.ball()];
        let step = loop {
            let ([column, row], paddle) = (game.ball(), game.paddle());
            let ball: Vec<_> = (row..row + 4).flat_map(|y| (column..column + 4).map(move |x| (x, y))).collect();
            let below: Vec<_> = (Catch::LINE..84).flat_map(|y| (paddle..paddle + 14).map(move |x| (x, y))).collect();
            assert_eq!((gray(&picture, 255), gray(&picture, 128)), (ball, below), "seed {seed}");
            let step = game.step(seed as usize % 3);
            places.push(game.ball());
            if step.is_last() {
                break step;
            }
            assert_eq!(step.reward, 0.0);
            picture = step.observation;
        };
        let touches = game.ball()[0] < game.paddle() + 14 && game.paddle() < game.ball()[0] + 4;
        assert_eq!((step.reward, step.truncated), (if touches { 1.0 } else { -1.0 }, false));
        caught += i32::from(touches);
        let drift = |pair: &[[usize; 2]]| pair[1][0].abs_diff(pair[0][0]);
        let most = places.windows(2).map(drift).max().expect("steps");
        let turns = places.windows(2).filter(|pair| drift(pair) != most).count();
        assert!(most <= 3 && turns <= 1, "seed {seed}: {places:?}"); // it rebounds at most once
        drifts[(3 + places[1][0] as i32 - places[0][0] as i32) as usize] = true;
    }
    assert!(drifts.iter().all(|d| *d) && (10..100).contains(&caught), "{drifts:?} {caught}");
}

#[test]
fn stacks_are_the_last_pictures() {
    let (mut alone, mut stacked) = (Catch::new(), FrameStack::new(Catch::new(), 3));
    let (first, stack) = (alone.reset(5), stacked.reset(5));
    assert_eq!(stack, first.repeat(3));
    let mut pictures = vec![first.clone(), first.clone(), first];
    for i in 0..20 {
        let (step, stack) = (alone.step(i % 3), stacked.step(i % 3));
        pictures.push(step.observation);
        assert!(stack.observation == pictures[pictures.len() - 3..].concat(), "step {i}");
        assert_eq!((stack.reward, stack.terminated, stack.truncated), (step.reward, step.terminated, step.truncated));
    }
    assert_eq!(stacked.inner().ball(), alone.ball());
}

#[test]
fn actions_that_last() {
    let (mut alone, mut repeated) = (MountainCar::new(), ActionRepeat::new(MountainCar::new(), 3));
    assert_eq!(repeated.reset(4), alone.reset(4));
    for i in 0..66 {
        let step = [0; 3].map(|_| alone.step(i % 3)).into_iter().last().expect("three");
        assert_eq!(repeated.step(i % 3), Step { reward: -3.0, ..step });
    }
    let last = repeated.step(0); // 200 steps are not a multiple of three
    assert_eq!((last.reward, last.truncated, repeated.inner().state()[1] != 0.0), (-2.0, true, true));
    refuses("ActionRepeat: each action is done 0 times", || _ = ActionRepeat::new(CartPole::new(), 0));
    refuses("a step after the last of an episode", || drop(repeated.step(0)));
}

#[test]
fn returns_of_a_policy() {
    let returns = evaluate(&mut MountainCar::new(), 0..3, |_| 1);
    assert_eq!(returns, [-200.0; 3]);
    let lean = |o: &[f32]| usize::from(o[2] + o[3] > 0.0);
    assert!(evaluate(&mut CartPole::new(), 0..10, lean).iter().all(|r| *r > 100.0));
    // Full throttle in the direction of motion climbs the mountain.
    let swing = |o: &[f32]| if o[1] >= 0.0 { 2 } else { 0 };
    assert!(evaluate(&mut MountainCar::new(), 0..10, swing).iter().all(|r| *r > -140.0));
}

#[test]
fn what_is_refused() {
    let running = || {
        let mut env = CartPole::new();
        env.reset(1);
        env
    };
    refuses("CartPole: a step before the first reset", || drop(CartPole::new().step(0)));
    refuses("CartPole: there is no action 2", || drop(running().step(2)));
    refuses("Acrobot: there is no action 3", || {
        let mut env = Acrobot::new();
        env.reset(1);
        env.step(3);
    });
    refuses("CartPole: a step after the last of an episode, which ended after 1", || {
        let mut env = running();
        env.set_state([3.0, 0.0, 0.0, 0.0]);
        env.step(0);
        env.step(0);
    });
    refuses("Catch: there is no action", || {
        let mut game = FrameStack::new(Catch::new(), 2);
        game.reset(1);
        game.step(usize::MAX);
    });
    refuses("FrameStack: a step before the first reset", || drop(FrameStack::new(running(), 2).step(0)));
    refuses("CartPole: a step before the first reset", || drop(ActionRepeat::new(CartPole::new(), 2).step(0)));
    refuses("is no state", || drop(CartPole::new().set_state([0.0, f64::NAN, 0.0, 0.0])));
    for far in [1e39, -1e300] {
        refuses("is no state", || drop(CartPole::new().set_state([far, 0.0, 0.0, 0.0]))); // not finite as an observation
    }
    refuses("is no state", || drop(MountainCar::new().set_state([f64::INFINITY, 0.0])));
    refuses("a limit of 0 steps", || _ = Acrobot::new().max_episode_steps(Some(0)));
    refuses("a limit of 0 steps", || _ = Episode::new(Some(0)));
    refuses("FrameStack: a stack of 0 frames", || drop(FrameStack::new(Catch::new(), 0)));
    refuses("FrameStack: a stack: an array of shape", || drop(FrameStack::new(Catch::new(), usize::MAX)));
}
