//! Replay memories: what is drawn, how often, and what is stored.

use super::{fits, refuses};
use rand::RngExt;
use wengert::init::seeded;
use wengert::rl::{Batch, Catch, Element, Environment, FrameStack, PriorityOptions, ReplayMemory};

/// A memory of so many numbered transitions: i is seen, then i + 1, for a reward of i.
fn numbered(mut memory: ReplayMemory, n: usize) -> ReplayMemory {
    (0..n).for_each(|i| memory.push(&[i as f32], i % 5, i as f64, &[i as f32 + 1.0], i % 10 == 9));
    memory
}

/// How often each reward is drawn.
fn counts(memory: &mut ReplayMemory, n: usize, batches: usize) -> Vec<u32> {
    let (mut batch, mut rng, mut counts) = (Batch::default(), seeded(3), vec![0; 100]);
    for _ in 0..batches {
        memory.sample(n, &mut rng, &mut batch);
        batch.rewards.iter().for_each(|r| counts[*r as usize] += 1);
    }
    counts
}

#[test]
fn transitions_come_back_whole() {
    let mut memory = numbered(ReplayMemory::new(50, &[1]), 40);
    let mut batch = Batch::default();
    memory.sample(40, &mut seeded(1), &mut batch);
    assert_eq!((batch.len(), memory.len(), memory.capacity(), memory.observation_shape()), (40, 40, 50, &[1][..]));
    for k in 0..40 {
        let i = batch.rewards[k];
        assert_eq!((batch.observations[k], batch.next_observations[k], batch.actions[k]), (i, i + 1.0, i as i64 % 5));
        assert_eq!((batch.terminated[k], batch.weights[k]), (if i as i64 % 10 == 9 { 1.0 } else { 0.0 }, 1.0));
    }
    assert_eq!(memory.stored_frames(), 41); // each observation once
}

#[test]
fn the_oldest_are_replaced() {
    for capacity in [1, 2, 3, 7, 40] {
        let mut memory = numbered(ReplayMemory::new(capacity, &[1]), 100);
        assert_eq!((memory.len(), memory.stored_frames()), (capacity, capacity + 1));
        let drawn = counts(&mut memory, 1, 40 * capacity);
        assert!(drawn.iter().enumerate().all(|(i, count)| (*count > 0) == (i >= 100 - capacity)), "{capacity}: {drawn:?}");
    }
}

#[test]
fn uniform_draws() {
    fits(&counts(&mut numbered(ReplayMemory::new(100, &[1]), 100), 32, 2000), &[1.0; 100]);
}

#[test]
fn draws_by_priorities() {
    let options = PriorityOptions { alpha: 0.7, beta: 0.5, beta_steps: 10, eps: 0.01 };
    let mut memory = numbered(ReplayMemory::new(100, &[1]).prioritized(options), 100);
    // At first all are equal.
    fits(&counts(&mut memory, 32, 300), &[1.0; 100]);
    let error = |i: usize| (i * 13 % 23) as f32 * if i.is_multiple_of(2) { 0.1 } else { -0.1 };
    memory.update_priorities(&(0..100).collect::<Vec<_>>(), &(0..100).map(error).collect::<Vec<_>>());
    let weights: Vec<f64> = (0..100).map(|i| (f64::from(error(i).abs()) + 0.01).powf(0.7)).collect();
    fits(&counts(&mut memory, 32, 3000), &weights);

    // After ten batches beta is 1: the weights are in inverse proportion to the probabilities, and the largest is 1.
    let mut batch = Batch::default();
    memory.sample(32, &mut seeded(4), &mut batch);
    let least = batch.places.iter().map(|i| weights[*i]).fold(f64::INFINITY, f64::min);
    for (place, weight) in batch.places.iter().zip(&batch.weights) {
        assert!((f64::from(*weight) - least / weights[*place]).abs() < 1e-6);
    }
}

/// beta grows from draw to draw, and what is new has the largest priority that there was.
#[test]
fn weights_and_new_transitions() {
    let options = PriorityOptions { alpha: 1.0, beta: 0.5, beta_steps: 2, eps: 0.0 };
    let mut memory = numbered(ReplayMemory::new(4, &[1]).prioritized(options), 2);
    memory.update_priorities(&[0, 1], &[1.0, -4.0]);
    let mut batch = Batch::default();
    for power in [0.5, 0.75, 1.0, 1.0] {
        memory.sample(2, &mut seeded(1), &mut batch);
        let least = batch.places.iter().map(|i| [1.0f64, 4.0][*i]).fold(f64::INFINITY, f64::min);
        for (place, weight) in batch.places.iter().zip(&batch.weights) {
            assert!((f64::from(*weight) - (least / [1.0, 4.0][*place]).powf(power)).abs() < 1e-6, "{power}");
        }
    }
    memory.push(&[2.0], 0, 2.0, &[3.0], false);
    let drawn = counts(&mut memory, 1, 9000);
    fits(&drawn[..3], &[1.0, 4.0, 4.0]);
    // Errors of 0 without an eps: still something is drawn, by finite weights.
    memory.update_priorities(&[0, 1, 2], &[0.0; 3]);
    memory.sample(3, &mut seeded(1), &mut batch);
    assert!(batch.weights.iter().all(|w| (0.0..=1.0).contains(w)));
}

/// A memory that stores each picture once gives the same as one that stores stacks.
#[test]
fn stacked_memories_give_the_same() {
    let shape = [3, Catch::SIZE, Catch::SIZE];
    let (mut whole, mut shared) = (ReplayMemory::<u8>::new(60, &shape), ReplayMemory::<u8>::new(60, &shape).stacked());
    let (mut env, mut rng) = (FrameStack::new(Catch::new(), 3), seeded(1));
    for seed in 0..6 {
        let mut observation = env.reset(seed);
        // Some episodes are left before their end, and one is joined in the middle.
        for i in 0..26 - seed as usize % 3 {
            let action = rng.random_range(0..3);
            let step = env.step(action);
            if seed != 4 || i > 5 {
                whole.push(&observation, action, step.reward, &step.observation, step.terminated);
                shared.push(&observation, action, step.reward, &step.observation, step.terminated);
            }
            observation = step.observation;
        }
    }
    let (mut a, mut b) = (Batch::default(), Batch::default());
    for seed in 0..5 {
        whole.sample(50, &mut seeded(seed), &mut a);
        shared.sample(50, &mut seeded(seed), &mut b);
        assert!(a == b);
        assert!(a.observations.iter().all(|x| [0.0, 1.0, 128.0 / 255.0].contains(x)));
    }
    assert!(shared.stored_frames() <= 60 + 4 * 3, "{}", shared.stored_frames());
}

#[test]
fn a_batch_is_used_again_without_allocations() {
    let mut memory = numbered(ReplayMemory::new(50, &[1]), 50);
    let mut batch = Batch::default();
    memory.sample(20, &mut seeded(1), &mut batch);
    let places = [batch.observations.as_ptr(), batch.rewards.as_ptr(), batch.weights.as_ptr()];
    for n in [20, 3, 20] {
        memory.sample(n, &mut seeded(2), &mut batch);
        assert_eq!(batch.len(), n);
        assert_eq!([batch.observations.as_ptr(), batch.rewards.as_ptr(), batch.weights.as_ptr()], places);
    }
}

#[test]
fn what_is_refused() {
    fn memory<E: Element>() -> ReplayMemory<E> {
        ReplayMemory::new(10, &[2, 1])
    }
    let (rng, batch) = (&mut seeded(1), &mut Batch::default());
    refuses("ReplayMemory: a capacity of 0", || drop(ReplayMemory::<f32>::new(0, &[1])));
    refuses("ReplayMemory: an observation of shape [3, 0] has no elements", || drop(ReplayMemory::<f32>::new(9, &[3, 0])));
    refuses("ReplayMemory: an observation: an array of shape", || drop(ReplayMemory::<f32>::new(9, &[usize::MAX, 2])));
    refuses("an observation of 3 elements", || memory::<f32>().push(&[0.0; 3], 0, 0.0, &[0.0; 2], false));
    refuses("an observation of 1 elements", || memory::<u8>().push(&[0; 2], 0, 0.0, &[0; 1], false));
    refuses("an observation that is not finite", || memory::<f32>().push(&[0.0, f32::NAN], 0, 0.0, &[0.0; 2], false));
    refuses("a reward of NaN", || memory::<f32>().push(&[0.0; 2], 0, f64::NAN, &[0.0; 2], false));
    refuses("a reward of 1000", || memory::<f32>().push(&[0.0; 2], 0, 1e300, &[0.0; 2], false));
    refuses("there is no action 4294967296", || memory::<f32>().push(&[0.0; 2], 1 << 32, 0.0, &[0.0; 2], false));
    refuses("the stack of 2 after the step is not", || memory::<u8>().stacked().push(&[1, 2], 0, 0.0, &[1, 3], false));
    refuses("sample: 1 of 0 transitions", || memory::<f32>().sample(1, rng, batch));
    let mut two = numbered(ReplayMemory::new(9, &[1]).prioritized(PriorityOptions::default()), 2);
    refuses("sample: 3 of 2 transitions", || two.sample(3, &mut seeded(1), &mut Batch::default()));
    refuses("sample: 0 of 2 transitions", || two.sample(0, &mut seeded(1), &mut Batch::default()));
    refuses("the error NaN of place 1", || two.update_priorities(&[0, 1], &[1.0, f32::NAN]));
    refuses("there is no place 2", || two.update_priorities(&[2], &[1.0]));
    refuses("1 errors for 2 places", || two.update_priorities(&[0, 1], &[1.0]));
    refuses("it holds transitions already", || drop(two.clone().stacked()));
    refuses("it holds transitions already", || drop(two.clone().prioritized(PriorityOptions::default())));
    for wrong in [
        PriorityOptions { alpha: f64::NAN, ..Default::default() },
        PriorityOptions { alpha: 1.5, ..Default::default() },
        PriorityOptions { beta: -0.1, ..Default::default() },
        PriorityOptions { eps: f64::INFINITY, ..Default::default() },
    ] {
        refuses("ReplayMemory::prioritized: alpha", || drop(memory::<f32>().prioritized(wrong)));
    }
    refuses("SumTree: an array of shape", || drop(ReplayMemory::<f32>::new(usize::MAX, &[1]).prioritized(PriorityOptions::default())));
}
