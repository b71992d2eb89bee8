//! What tests of several modules need: directories for files, inputs of layers, texts of panics, numbers of threads, and comparisons of
//! optimizers with PyTorch.

#[path = "../../src/kit/io/testing.rs"]
mod testing;

pub(crate) use testing::Directory;

use ndarray::{ArrayD, IxDyn};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use wengert::optim::Optimizer;
use wengert::{Grads, Param, Tape};

/// An array with the numbers `f(0), f(1), ..`.
pub fn filled(shape: &[usize], f: impl Fn(f64) -> f64) -> ArrayD<f64> {
    let n = shape.iter().product::<usize>();
    ArrayD::from_shape_vec(IxDyn(shape), (0..n).map(|i| f(i as f64)).collect()).unwrap()
}
/// What layers are given.
pub fn x(shape: &[usize]) -> ArrayD<f64> {
    filled(shape, |i| (i * 0.37).sin() + 0.2)
}

/// The text of the panic of a call that must be refused.
pub fn refusal<R>(call: impl FnOnce() -> R) -> String {
    let Err(panic) = catch_unwind(AssertUnwindSafe(call)) else { panic!("must be refused") };
    *panic.downcast::<String>().expect("a text")
}

/// Runs it in a pool of so many threads.
pub fn on_threads<R: Send>(threads: usize, run: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads").install(run)
}

/// These bytes as a gzip file.
pub fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Twenty steps on `sum((w - c)^2 / 2 + sin w)`. Compares the parameter with PyTorch's (2.x, f64) after steps 1, 2, 3 and 20.
pub fn follows_pytorch(mut optimizer: impl Optimizer<f64>, expected: [[f64; 4]; 4]) {
    training_follows_pytorch(|w, grads| optimizer.step(std::slice::from_ref(w), &grads), expected);
}

/// The same with any update.
pub fn training_follows_pytorch(mut update: impl FnMut(&Param<f64>, Grads<f64>), expected: [[f64; 4]; 4]) {
    let w = Param::<f64>::new("w", [[0.5, -1.25], [2.0, 0.01]]);
    let mut tape = Tape::new();
    let mut expected = [1, 2, 3, 20].iter().zip(expected);
    for step in 1..=20 {
        let (x, c) = (tape.param(&w), tape.constant([[1.0, 0.5], [-0.75, 3.0]]));
        let loss = ((x - c).square() * 0.5).sum() + x.sin().sum();
        let grads = tape.backward(loss);
        tape.reset();
        update(&w, grads);
        if [1, 2, 3, 20].contains(&step) {
            let (_, e) = expected.next().unwrap();
            for (w, e) in w.to_array().iter().zip(e) {
                assert!((w - e).abs() < 1e-12, "step {step}: {w} but PyTorch has {e}");
            }
        }
    }
}

/// A large parameter, which is divided into several tasks, changes by the same bits as a small one with the same numbers, for any number of
/// threads.
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
        assert!(on_threads(threads, || run(n)) == large, "{threads} threads");
    }
}
