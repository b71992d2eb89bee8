//! Are digits told apart more easily by histograms of oriented gradients than by their pixels? A linear support vector machine is trained on
//! either.
//!
//! `cargo run --release --example hog_svm` (add `-- --help` for its options). The embedded digits are split at random several times; the weight
//! of the regularization is chosen, for either kind of features alike, on a part of the training digits. Fails if the histograms are not
//! better in the mean.

#[path = "common/run.rs"]
mod run;

use clap::Parser;
use ndarray::{Array2, Axis};
use std::error::Error;
use std::process::ExitCode;
use wengert::data::{digits, split_rows_stratified};
use wengert::metrics::accuracy;
use wengert::optim::Adam;
use wengert::vision::hog::{HogOptions, hog};
use wengert::vision::image::{ResizeOptions, resize};
use wengert::{Indices, Param, Tape, Var};

/// Compares features of digits by a linear support vector machine.
#[derive(Parser)]
struct Options {
    /// How often the digits are split
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    splits: u64,
    /// Steps of Adam for each machine, on all training digits at once
    #[arg(long, default_value_t = 150, value_parser = clap::value_parser!(u32).range(1..))]
    steps: u32,
}

/// Weights of the regularization that are tried.
const WEIGHTS: [f32; 5] = [1e-5, 1e-4, 1e-3, 1e-2, 1e-1];

/// The histograms of the digits, enlarged to 16 x 16 pixels.
fn histograms(pixels: &Array2<f32>) -> Array2<f32> {
    let tape = Tape::new();
    let images = tape.constant(pixels).reshape([-1, 8, 8]);
    let options = HogOptions { pixels_per_cell: [4, 4], cells_per_block: [2, 2], ..Default::default() };
    let features = hog(resize(images, [16, 16], ResizeOptions::default()), &options).flatten(1, -1);
    features.to_array().into_dimensionality().expect("one row for each digit")
}

/// The mean over rows of max(0, 1 + s_j - s_label)^2, summed over the other classes j.
fn squared_hinge<'t>(scores: Var<'t>, labels: &[usize]) -> Var<'t> {
    let own = scores.gather(1, Indices::new(&[labels.len(), 1], labels.iter().copied()));
    let beyond = (scores - own + 1.0).clamp(0.0, f64::INFINITY).square().sum_axes(1, false);
    (beyond - 1.0).mean() // without the label itself
}

/// Features and the digits that they are of.
struct Part {
    features: Array2<f32>,
    labels: Vec<usize>,
}

impl Part {
    fn rows(&self, rows: &[usize]) -> Part {
        Part { features: self.features.select(Axis(0), rows), labels: rows.iter().map(|&row| self.labels[row]).collect() }
    }
}

/// The share of the test's digits that a machine recognises which was trained on the others.
fn trained(train: &Part, test: &Part, weight: f32, steps: u32) -> f64 {
    // Both kinds of features get mean 0 and one scale, so that the weights of the regularization mean the same.
    let mean = train.features.mean_axis(Axis(0)).expect("digits to train on");
    let spread = (&train.features - &mean).mapv(|x| x * x).sum_axis(Axis(1)).mean().unwrap_or(1.0).sqrt();
    let scaled = |part: &Part| (&part.features - &mean) / spread;
    let params = [Param::<f32>::new("weight", Array2::zeros((10, mean.len()))), Param::new("bias", vec![0.0; 10])];
    let scores = |tape: &'_ Tape, x| (tape.constant(x).linear(tape.param(&params[0]), tape.param(&params[1]))).to_array();
    let (mut optimizer, mut tape, x) = (Adam::new(0.1), Tape::new(), scaled(train));
    for step in 0..steps {
        optimizer.set_lr(0.1 * (1.0 - f64::from(step) / f64::from(steps)));
        let (w, b) = (tape.param(&params[0]), tape.param(&params[1]));
        let loss = squared_hinge(tape.constant(&x).linear(w, b), &train.labels) + w.square().sum() * weight;
        let grads = tape.backward(loss);
        tape.reset();
        optimizer.step(&params, &grads);
        tape.recycle(grads);
    }
    accuracy(scores(&tape, scaled(test)).into_dimensionality::<ndarray::Ix2>().expect("ten scores a row"), &test.labels)
}

/// Chooses the weight of the regularization on a fifth of the training digits, then trains on all of them.
fn tuned(train: &Part, test: &Part, seed: u64, steps: u32) -> (f64, f32) {
    let (seen, held_back) = split_rows_stratified(&train.labels, 0.2, seed);
    let (seen, held_back) = (train.rows(&seen), train.rows(&held_back));
    let tried = WEIGHTS.map(|weight| (trained(&seen, &held_back, weight, steps), weight));
    let (_, best) = tried.into_iter().rev().max_by(|a, b| a.0.total_cmp(&b.0)).expect("weights");
    (trained(train, test, best, steps), best)
}

fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let all = digits();
    let kinds = [("pixels", all.images.clone()), ("histograms", histograms(&all.images))];
    let mut means = Vec::new();
    for (name, features) in kinds {
        println!("{name}: {} features", features.ncols());
        let part = Part { features, labels: all.labels.clone() };
        let mut sum = 0.0;
        for seed in 1..=options.splits {
            let (train, test) = split_rows_stratified(&all.labels, 0.2, seed);
            let (found, weight) = tuned(&part.rows(&train), &part.rows(&test), seed, options.steps);
            println!("  split {seed}: {:.2} % (regularization {weight:e})", 100.0 * found);
            sum += found;
        }
        means.push(sum / options.splits as f64);
        println!("  mean:    {:.2} %", 100.0 * means[means.len() - 1]);
    }
    if means[1] <= means[0] {
        eprintln!("hog_svm: the histograms are not better");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn main() -> ExitCode {
    let options = Options::parse();
    run::on_all_threads("hog_svm", || run(&options))
}
