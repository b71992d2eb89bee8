//! Trains a small network on XOR, shows what it learned, and draws it.
//!
//! `cargo run --release --example xor_mlp` (add `-- --help` for its options). The network has two inputs, eight hidden units with tanh
//! and one output, whose sigmoid is the probability that the answer is 1.

mod common;

use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;
use wengert::io::IoError;
use wengert::optim::Adam;
use wengert::plot::{Curves, Regions};
use wengert::progress::Progress;
use wengert::{Param, Tape, Var, init};

const INPUTS: [[f32; 2]; 4] = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
const TARGETS: [[f32; 1]; 4] = [[0.0], [1.0], [1.0], [0.0]];

/// Trains a 2-8-1 network on XOR; prints the loss curve and the truth table, and draws the decision regions.
#[derive(Parser)]
struct Options {
    /// Seed of the initial weights: the same seed gives the same network
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of training steps (each one sees all four rows)
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    epochs: u32,
    /// Folder for xor_mlp.svg and xor_mlp_loss.svg
    #[arg(long, value_name = "DIR", default_value = "target/examples-output")]
    out: PathBuf,
}

/// The weights, which outlive the tape.
struct Mlp {
    params: [Param; 4],
}

impl Mlp {
    fn new(seed: u64) -> Mlp {
        let rng = &mut init::seeded(seed);
        let params = [
            Param::new("hidden.weight", init::xavier_uniform((8, 2), rng)), // [out, in], as in PyTorch
            Param::new("hidden.bias", [0.0; 8]),
            Param::new("output.weight", init::xavier_uniform((1, 8), rng)),
            Param::new("output.bias", [0.0; 1]),
        ];
        Mlp { params }
    }
    /// One logit a row.
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let [w1, b1, w2, b2] = self.params.each_ref().map(|p| x.tape().param(p));
        x.linear(w1, b1).tanh().linear(w2, b2)
    }
    /// The probability of 1 for each point.
    fn probabilities(&self, points: &[[f32; 2]]) -> Vec<f32> {
        let tape = Tape::new();
        let points = ndarray::Array2::from(points.to_vec());
        tape.no_grad(|| self.forward(tape.constant(&points)).sigmoid()).to_vec()
    }
}

/// Trains the network; gives the loss of each epoch.
fn train(mlp: &Mlp, epochs: u32, mut bar: Progress) -> Vec<f32> {
    let mut optimizer = Adam::new(0.05);
    let mut tape = Tape::new();
    let mut losses = Vec::with_capacity(epochs as usize);
    for epoch in 0..epochs {
        // Forward: every operation is recorded on the tape. Backward: one walk back over it.
        let loss = mlp.forward(tape.constant(INPUTS)).bce_with_logits(tape.constant(TARGETS));
        losses.push(loss.item());
        let grads = tape.backward(loss);
        // The tape is emptied before the update; its memory and that of the gradients serve the next step.
        tape.reset();
        optimizer.step(&mlp.params, &grads);
        tape.recycle(grads);
        if epoch % 50 == 49 {
            bar.step(50 * INPUTS.len(), &[("loss", losses[epoch as usize].into())]);
        }
    }
    losses
}

/// Draws what the network answers where, and how its loss fell.
fn draw(mlp: &Mlp, losses: &[f32], folder: &std::path::Path) -> Result<PathBuf, IoError> {
    let (points, labels, tape) = (ndarray::arr2(&INPUTS), TARGETS.map(|[t]| t as usize), Tape::new());
    let regions = Regions::new("What the network answers", points.view(), &labels).names(["0", "1"]).ranges(-0.5..1.5, -0.5..1.5);
    let picture = folder.join("xor_mlp.svg");
    regions.draw(|x| tape.no_grad(|| mlp.forward(tape.constant(x))).to_array()).save(&picture)?;
    let curve = Curves::new("Loss while it learns", "epoch", "binary cross entropy").series("training", losses).log_scale();
    curve.draw().save(folder.join("xor_mlp_loss.svg"))?;
    Ok(picture)
}

fn main() -> ExitCode {
    let options = Options::parse();
    let mlp = Mlp::new(options.seed);
    println!("XOR by a network of 2 inputs, 8 hidden units (tanh) and 1 output; seed {}.\n", options.seed);

    let bar = Progress::new("training, by 50 epochs", options.epochs as usize / 50);
    let start = Instant::now();
    let losses = train(&mlp, options.epochs, bar);
    let time = start.elapsed();
    println!("{}", common::curve("loss", &losses, "epochs"));
    let per_step = time.as_secs_f64() / f64::from(options.epochs) * 1e6;
    println!("{} steps in {:.1} ms ({per_step:.1} us a step)\n", options.epochs, time.as_secs_f64() * 1e3);

    println!(" x1  x2 | wanted | probability of 1 | answer");
    println!("--------+--------+------------------+--------");
    let mut right = 0;
    for (([x1, x2], [t]), p) in INPUTS.iter().zip(TARGETS).zip(mlp.probabilities(&INPUTS)) {
        let answer = if p > 0.5 { 1.0 } else { 0.0 };
        right += usize::from(answer == t);
        println!("  {x1}   {x2} |   {t}    |      {p:.5}     |   {answer}{}", if answer == t { "" } else { "  wrong" });
    }
    println!("\n{right} of 4 right");

    match draw(&mlp, &losses, &options.out) {
        Ok(path) => println!("Decision regions: {}; the loss beside it (open them in a browser)", path.display()),
        Err(e) => {
            eprintln!("xor_mlp: {e}\n  hint: name another folder with --out DIR");
            return ExitCode::FAILURE;
        }
    }
    if right < 4 {
        eprintln!("xor_mlp: XOR is not learned yet; try more --epochs or another --seed");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
