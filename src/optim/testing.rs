//! What the tests of all optimizers share, and tests of what they share.

use super::*;
use crate::Tape;

/// Twenty steps on `sum((w - c)^2 / 2 + sin w)`; compares the parameter with PyTorch's (2.x, f64) after steps 1, 2, 3 and 20.
pub fn follows_pytorch(mut optimizer: impl Optimizer<f64>, expected: [[f64; 4]; 4]) {
    let w = Param::<f64>::new("w", [[0.5, -1.25], [2.0, 0.01]]);
    let mut tape = Tape::new();
    let mut expected = [1, 2, 3, 20].iter().zip(expected);
    for step in 1..=20 {
        let (x, c) = (tape.param(&w), tape.constant([[1.0, 0.5], [-0.75, 3.0]]));
        let loss = ((x - c).square() * 0.5).sum() + x.sin().sum();
        let grads = tape.backward(loss);
        tape.reset();
        optimizer.step(std::slice::from_ref(&w), &grads);
        tape.recycle(grads);
        if [1, 2, 3, 20].contains(&step) {
            let (_, e) = expected.next().unwrap();
            for (w, e) in w.to_array().iter().zip(e) {
                assert!((w - e).abs() < 1e-12, "step {step}: {w} but PyTorch has {e}");
            }
        }
    }
}

/// A large parameter (several tasks) changes by the same bits as a small one of the same numbers, whatever the number of threads.
pub fn large_is_as_small<O: Optimizer<f32>>(make: impl Fn() -> O + Sync + Send) {
    let n = 100_017;
    let value = |i: usize| ((i * 37 % 101) as f32 - 50.0) / 25.0;
    let run = |n: usize| {
        let w = Param::<f32>::new("w", (0..n).map(value).collect::<Vec<_>>());
        let (mut optimizer, mut tape) = (make(), Tape::new());
        for _ in 0..3 {
            let loss = (tape.param(&w).square() * 0.5).sum();
            let grads = tape.backward(loss);
            tape.reset();
            optimizer.step(std::slice::from_ref(&w), &grads);
        }
        w.with(|w| w.iter().map(|w| w.to_bits()).collect::<Vec<_>>())
    };
    let (large, small) = (run(n), run(101));
    for (i, w) in large.iter().enumerate() {
        assert_eq!(*w, small[i % 101], "element {i}");
    }
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert!(pool.install(|| run(n)) == large, "{threads} threads");
    }
}

/// State follows a parameter that comes at another place, and a parameter without a gradient stays as it is.
#[test]
fn state_belongs_to_the_parameter() {
    let new = || [Param::<f64>::new("a", [1.0]), Param::<f64>::new("b", [2.0, 3.0])];
    let run = |[a, b]: &[Param<f64>; 2], swap: bool| {
        let mut optimizer = Adam::new(0.1);
        let mut tape = Tape::new();
        for step in 0..6 {
            let mut loss = tape.param(b).square().sum();
            if step != 3 {
                loss = loss + tape.param(a).square().sum();
            }
            let grads = tape.backward(loss);
            tape.reset();
            let before = a.to_array();
            let order = if swap && step % 2 == 1 { [b.clone(), a.clone()] } else { [a.clone(), b.clone()] };
            optimizer.step(&order, &grads);
            assert_eq!(a.to_array() == before, step == 3);
        }
    };
    let (straight, swapped) = (new(), new());
    run(&straight, false);
    run(&swapped, true);
    for (p, q) in straight.iter().zip(&swapped) {
        assert_eq!(p.to_array(), q.to_array());
    }
}

#[test]
fn the_learning_rate_can_follow_a_schedule() {
    let w = Param::<f64>::new("w", [1.0]);
    let (mut optimizer, mut tape) = (Sgd::new(0.5), Tape::new());
    for lr in [0.5, 0.25] {
        optimizer.set_lr(lr);
        assert_eq!(optimizer.options().lr, lr);
        let loss = tape.param(&w).sum();
        let grads = tape.backward(loss);
        tape.reset();
        optimizer.step(std::slice::from_ref(&w), &grads);
    }
    assert_eq!(w.to_array().as_slice(), Some(&[0.25][..]));
}
