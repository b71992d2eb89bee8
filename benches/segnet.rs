//! A training step of SegNet-Basic, in seconds: `cargo bench --bench segnet`, and beside PyTorch's `python benches/segnet.py`.
//!
//! The least of several, in f32 on rayon's threads (`RAYON_NUM_THREADS`): forward, cross entropy with weights of classes, backward, SGD with
//! momentum. With `--json`, a line of JSON for each size.

use std::time::Instant;
use wengert::nn::{Forward, Module, SegNet};
use wengert::optim::{Sgd, SgdOptions};
use wengert::{CrossEntropyOptions, Indices, Tape, init};

const CLASSES: usize = 11;

/// Batch, height and width.
const SIZES: [[usize; 3]; 2] = [[4, 64, 64], [2, 96, 128]];

fn step_time([batch, height, width]: [usize; 3], steps: usize) -> f64 {
    let net = SegNet::<f32>::basic(3, CLASSES, &mut init::seeded(1));
    let mut optimizer = Sgd::with(SgdOptions { lr: 0.01, momentum: 0.9, ..Default::default() });
    let x = init::uniform::<f32, _>(&[batch, 3, height, width][..], -0.5, 0.5, &mut init::seeded(2));
    let labels = Indices::new(&[batch, height, width], (0..batch * height * width).map(|i| (i / 16 % CLASSES) as i64));
    let (parameters, mut tape, mut least) = (net.parameters(), Tape::new(), f64::INFINITY);
    for _ in 0..steps {
        let before = Instant::now();
        let weight = Some(tape.constant([1.0; CLASSES]));
        let loss = net.forward(tape.constant(&x)).cross_entropy_with(&labels, CrossEntropyOptions { weight, ..Default::default() });
        let grads = tape.backward(loss);
        tape.reset();
        optimizer.step(&parameters, &grads);
        tape.recycle(grads);
        least = least.min(before.elapsed().as_secs_f64());
    }
    least
}

fn main() {
    let json = std::env::args().any(|a| a == "--json");
    // Inside the pool, as a training step should be.
    let pool = rayon::ThreadPoolBuilder::new().build().expect("threads can be started");
    pool.install(|| {
        for size in SIZES {
            let seconds = step_time(size, 8);
            match json {
                true => println!("{{\"size\": {size:?}, \"seconds\": {seconds}}}"),
                false => println!("SegNet-Basic, batch, height, width {size:?}: {seconds:.3} s a step"),
            }
        }
    });
}
