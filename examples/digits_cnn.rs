//! Trains a small convolutional network on the embedded handwritten digits, by the plain loop.
//!
//! `cargo run --release --example digits_cnn` (add `-- --help` for its options). A fixed fifth of the 1,797 images of 8x8 pixels is held
//! back; the program fails if fewer than 98.5 % of those are recognised.

use clap::Parser;
use std::process::ExitCode;
use std::time::Instant;
use wengert::data::{Augment, Examples, Loader, digits};
use wengert::metrics::{ConfusionMatrix, Mean, accuracy, predictions};
use wengert::nn::{BatchNorm2d, Conv2d, Dropout, Flatten, Forward, Linear, MaxPool2d, Module, Relu, Sequential};
use wengert::optim::{Adam, OneCycleLr, Scheduler};
use wengert::{Tape, init};

/// Trains a convolutional network on handwritten digits of 8x8 pixels.
#[derive(Parser)]
struct Options {
    /// Seed of the first weights, the order of the images and their shifts
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How often all training images are seen
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    epochs: u64,
    /// Images in a mini-batch
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..))]
    batch: u32,
    /// Learning rate at its highest
    #[arg(long, default_value_t = 3e-3)]
    lr: f64,
    /// The least share of the held-back digits that must be recognised
    #[arg(long, default_value_t = 0.985)]
    require: f64,
}

/// Three convolutions of 3x3; images of 8x8 become 4x4 and 2x2.
fn network(rng: &mut impl rand::Rng) -> Sequential {
    Sequential::new()
        .push(Conv2d::new(1, 32, 3, rng).padding(1))
        .push(BatchNorm2d::new(32))
        .push(Relu)
        .push(Conv2d::new(32, 32, 3, rng).padding(1))
        .push(BatchNorm2d::new(32))
        .push(Relu)
        .push(MaxPool2d::new(2))
        .push(Conv2d::new(32, 64, 3, rng).padding(1))
        .push(BatchNorm2d::new(64))
        .push(Relu)
        .push(MaxPool2d::new(2))
        .push(Flatten)
        .push(Dropout::new(0.3, rng))
        .push(Linear::new(256, 10, rng))
}

fn main() -> ExitCode {
    let options = Options::parse();
    let (seen, held_back) = digits().split();
    let (seen, held_back) = (Examples::from(seen), Examples::from(held_back));
    println!("Handwritten digits of 8x8 pixels: {} to train on, {} held back; seed {}.\n", seen.len(), held_back.len(), options.seed);

    let model = network(&mut init::seeded(options.seed));
    println!("{}\n", model.summary(&[1, 1, 8, 8]));
    let loader = Loader::new(seen, options.batch as usize).shuffle(options.seed).augment(Augment::new(options.seed).shift(1));
    let mut optimizer = Adam::adamw(options.lr);
    let mut schedule = Scheduler::new(&mut optimizer, OneCycleLr::new(options.lr, options.epochs * loader.len() as u64));
    let (params, mut tape, start) = (model.parameters(), Tape::new(), Instant::now());
    println!("epoch   loss     held back");
    for epoch in 0..options.epochs {
        let mut mean = Mean::new();
        model.train();
        for batch in loader.epoch(epoch) {
            let loss = model.forward(tape.constant(&batch.x)).cross_entropy(&batch.y);
            let grads = tape.backward(loss);
            mean.add(loss.item().into(), batch.len());
            tape.reset();
            optimizer.step(&params, &grads);
            tape.recycle(grads);
            schedule.step(&mut optimizer);
        }
        model.eval();
        let share = tape.no_grad(|| accuracy(model.forward(tape.constant(&held_back.x)), &held_back.y));
        tape.reset();
        println!("{:>5}   {:.5}   {:>6.2} %", epoch + 1, mean.value(), 100.0 * share);
    }
    println!("\ntrained in {:.2} s\n", start.elapsed().as_secs_f64());

    let mut matrix = ConfusionMatrix::new(10);
    matrix.update(&tape.no_grad(|| predictions(model.forward(tape.constant(&held_back.x)))), &held_back.y);
    println!("{matrix}\n");
    let share = matrix.accuracy();
    println!("{:.2} % of the held-back digits are recognised (at least {:.1} % are required)", 100.0 * share, 100.0 * options.require);
    if share < options.require {
        eprintln!("digits_cnn: that is too few; try more --epochs");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
