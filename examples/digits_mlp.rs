//! Trains a network on real handwritten digits, and checks it on digits that it has not seen.
//!
//! `cargo run --release --example digits_mlp` (add `-- --help` for its options). The digits (1,797 images of 8x8 pixels) are part of the
//! library. A fixed fifth of them is held back; the program fails if fewer than 97 % of those are recognised.

mod common;

use clap::Parser;
use ndarray::{Array2, Axis, s};
use rand::seq::SliceRandom;
use std::process::ExitCode;
use std::time::Instant;
use wengert::data::Digits;
use wengert::metrics::{ConfusionMatrix, accuracy, predictions};
use wengert::optim::Adam;
use wengert::progress::Progress;
use wengert::{Param, Tape, Var, data, init};

/// The least share of the held-back digits that must be recognised.
const REQUIRED: f64 = 0.97;

/// Trains a 64-128-64-10 network with relu on handwritten digits, by Adam.
#[derive(Parser)]
struct Options {
    /// Seed of the initial weights and of the order of the images
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How often all training images are seen
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    epochs: u32,
    /// Images in a mini-batch
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..))]
    batch: u32,
    /// Learning rate at the start; it falls to a tenth
    #[arg(long, default_value_t = 2e-3)]
    lr: f64,
}

/// Layers of weights [out, in] and biases [out]; relu between them.
struct Mlp {
    params: Vec<Param>,
}

impl Mlp {
    fn new(sizes: &[usize], seed: u64) -> Mlp {
        let rng = &mut init::seeded(seed);
        let layer = |(i, n): (usize, &[usize])| {
            let w = Param::new(format!("layer{i}.weight"), init::he_normal((n[1], n[0]), rng));
            [w, Param::new(format!("layer{i}.bias"), vec![0.0; n[1]])]
        };
        Mlp { params: sizes.windows(2).enumerate().flat_map(layer).collect() }
    }
    /// Ten logits a row.
    fn forward<'t>(&self, mut x: Var<'t>) -> Var<'t> {
        for (i, layer) in self.params.chunks_exact(2).enumerate() {
            let x_in = if i == 0 { x } else { x.relu() };
            x = x_in.linear(x.tape().param(&layer[0]), x.tape().param(&layer[1]));
        }
        x
    }
    fn predict(&self, tape: &Tape, images: &Array2<f32>) -> Vec<usize> {
        predictions(tape.no_grad(|| self.forward(tape.constant(images))))
    }
}

/// Trains the network; gives the loss of each epoch.
fn train(mlp: &Mlp, train: &Digits, test: &Digits, options: &Options) -> Vec<f32> {
    let mut optimizer = Adam::new(options.lr);
    let mut tape = Tape::new();
    let mut order: Vec<usize> = (0..train.len()).collect();
    let rng = &mut init::seeded(options.seed.wrapping_add(1));
    let batch = (options.batch as usize).min(train.len());
    // One array and one list for all batches.
    let (mut images, mut labels) = (Array2::zeros((batch, 64)), Vec::with_capacity(batch));
    let mut losses = Vec::new();
    let mut bar = Progress::new("training", options.epochs as usize);
    bar.println("epoch   loss     held back");
    for epoch in 1..=options.epochs {
        let done = f64::from(epoch - 1) / f64::from(options.epochs);
        optimizer.set_lr(options.lr * 0.1f64.powf(done));
        order.shuffle(rng);
        let mut sum = 0.0;
        for rows in order.chunks(batch) {
            labels.clear();
            labels.extend(rows.iter().map(|&i| train.labels[i]));
            for (to, &from) in images.axis_iter_mut(Axis(0)).zip(rows) {
                train.images.row(from).assign_to(to);
            }
            let x = tape.constant(images.slice(s![..rows.len(), ..]));
            let loss = mlp.forward(x).cross_entropy(&labels);
            sum += loss.item() * rows.len() as f32;
            let grads = tape.backward(loss);
            tape.reset();
            optimizer.step(&mlp.params, &grads);
            tape.recycle(grads);
        }
        losses.push(sum / train.len() as f32);
        let share = accuracy(tape.no_grad(|| mlp.forward(tape.constant(&test.images))), &test.labels);
        tape.reset();
        let loss = losses[losses.len() - 1];
        bar.println(format!("{epoch:>5}   {loss:.5}   {:>6.2} %", 100.0 * share));
        bar.step(train.len(), &[("loss", loss.into()), ("held back", share)]);
    }
    losses
}

fn main() -> ExitCode {
    let options = Options::parse();
    if !(options.lr > 0.0 && options.lr.is_finite()) {
        eprintln!("digits_mlp: --lr must be above 0, not {}", options.lr);
        return ExitCode::from(2);
    }
    let (seen, held_back) = data::digits().split();
    println!("Handwritten digits of 8x8 pixels: {} to train on, {} held back.", seen.len(), held_back.len());
    println!("Network 64-128-64-10, relu, Adam, mini-batches of {}; seed {}.\n", options.batch, options.seed);

    let mlp = Mlp::new(&[64, 128, 64, 10], options.seed);
    let start = Instant::now();
    let losses = train(&mlp, &seen, &held_back, &options);
    println!("\ntrained in {:.2} s\n\n{}", start.elapsed().as_secs_f64(), common::curve("loss", &losses, "epochs"));

    let predicted = mlp.predict(&Tape::new(), &held_back.images);
    let mut confusion = ConfusionMatrix::new(10);
    confusion.update(&predicted, &held_back.labels);
    println!("{confusion}\n");
    let share = confusion.accuracy();
    println!("{:.2} % of the held-back digits are recognised (at least {} % are required)", 100.0 * share, 100.0 * REQUIRED);
    if share < REQUIRED {
        eprintln!("digits_mlp: that is too few; try more --epochs");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
