//! Fits a curve through noisy points, and draws it.
//!
//! `cargo run --release --example regression` (add `-- --help` for its options).

use clap::Parser;
use ndarray::Array2;
use std::path::PathBuf;
use std::process::ExitCode;
use wengert::data::{Examples, Loader};
use wengert::metrics::Mean;
use wengert::nn::{Forward, Mlp, Module, Tanh};
use wengert::optim::{Adam, CosineAnnealingLr, Scheduler};
use wengert::plot::Curves;
use wengert::{Tape, init};

/// Fits a network with one input and one output to 200 noisy points of sin(3x) + x/2.
#[derive(Parser)]
struct Options {
    /// Seed of the points, the first weights and the order
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How often all points are seen
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    epochs: u64,
    /// Spread of the noise
    #[arg(long, default_value_t = 0.1)]
    noise: f64,
    /// Where the picture goes
    #[arg(long, default_value = "target/examples-output/regression.svg")]
    plot: PathBuf,
}

/// What the points are drawn from.
fn curve(x: f64) -> f64 {
    (3.0 * x).sin() + 0.5 * x
}

fn column(values: impl IntoIterator<Item = f64>) -> Array2<f64> {
    let values: Vec<f64> = values.into_iter().collect();
    Array2::from_shape_vec((values.len(), 1), values).expect("one column")
}

fn main() -> ExitCode {
    let options = Options::parse();
    if !(options.noise >= 0.0 && options.noise.is_finite()) {
        eprintln!("regression: --noise must be at least 0, not {}", options.noise);
        return ExitCode::from(2);
    }
    let rng = &mut init::seeded(options.seed);
    let x: ndarray::Array1<f64> = init::uniform(200, -2.0, 2.0, rng);
    let noise: ndarray::Array1<f64> = init::normal(200, 0.0, options.noise, rng);
    let y = x.iter().zip(&noise).map(|(&x, noise)| curve(x) + noise);
    let points = Examples::new(column(x.iter().copied()), column(y).into_dyn());

    let model = Mlp::new(&[1, 32, 32, 1]).activation(Tanh).build::<f64>(rng);
    let loader = Loader::new(points.clone(), 50).shuffle(options.seed);
    let mut optimizer = Adam::new(1e-2);
    let mut schedule = Scheduler::new(&mut optimizer, CosineAnnealingLr::new(options.epochs));
    let (params, mut tape) = (model.parameters(), Tape::new());
    for epoch in 0..options.epochs {
        let mut mean = Mean::new();
        for batch in loader.epoch(epoch) {
            let loss = model.forward(tape.constant(&batch.x)).mse_loss(tape.constant(&batch.y));
            let grads = tape.backward(loss);
            mean.add(loss.item(), batch.len());
            tape.reset();
            optimizer.step(&params, &grads);
            tape.recycle(grads);
        }
        schedule.step(&mut optimizer);
        if (epoch + 1) % (options.epochs / 10).max(1) == 0 {
            println!("epoch {:>4}   mean squared error {:.5}", epoch + 1, mean.value());
        }
    }

    let places = || (-100..=100).map(|i| f64::from(i) / 50.0);
    let fitted = tape.no_grad(|| model.forward(tape.constant(column(places())))).to_vec();
    let error = places().zip(&fitted).map(|(x, y)| (y - curve(x)).powi(2)).sum::<f64>() / fitted.len() as f64;
    println!("\nroot mean squared distance from sin(3x) + x/2 between -2 and 2: {:.4} (the noise: {})", error.sqrt(), options.noise);
    let pairs = |x: Vec<f64>, y: Vec<f64>| x.into_iter().zip(y).collect::<Vec<_>>();
    let picture = Curves::new("A curve through noisy points", "x", "y")
        .scatter("points", &pairs(x.to_vec(), points.y.iter().copied().collect()))
        .points("sin(3x) + x/2", &places().map(|x| (x, curve(x))).collect::<Vec<_>>())
        .points("network", &pairs(places().collect(), fitted));
    let saved = options.plot.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(|e| e.to_string());
    if let Err(e) = saved.and_then(|()| picture.draw().save(&options.plot).map_err(|e| e.to_string())) {
        eprintln!("regression: {}: {e}", options.plot.display());
        return ExitCode::from(2);
    }
    println!("drawn in {}", options.plot.display());
    ExitCode::SUCCESS
}
