//! Trains a small network on XOR, shows what it learned, and draws it.
//!
//! `cargo run --release --example xor_mlp` (add `-- --help` for its options). The network has two inputs, eight hidden units with tanh
//! and one output, whose sigmoid is the probability that the answer is 1.

mod common;

use clap::Parser;
use indicatif::ProgressBar;
use plotters::prelude::*;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;
use wengert::optim::Adam;
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
    /// Folder for xor_mlp.svg
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
fn train(mlp: &Mlp, epochs: u32, bar: &ProgressBar) -> Vec<f32> {
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
            bar.set_message(format!("loss {:.5}", losses[epoch as usize]));
            bar.inc(50);
        }
    }
    losses
}

/// Draws decision regions and loss side by side.
fn draw(mlp: &Mlp, losses: &[f32]) -> Result<String, Box<dyn Error>> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (900, 430)).into_drawing_area();
        root.fill(&WHITE)?;
        let (left, right) = root.split_horizontally(430);
        regions(mlp, &left)?;
        loss_curve(losses, &right)?;
        root.present()?;
    }
    Ok(svg)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

/// Blue where the network says 0, orange where it says 1, pale where it is not sure.
fn colour(level: u32, levels: u32) -> RGBColor {
    let (zero, white, one) = ([49.0, 103.0, 173.0], [250.0, 250.0, 248.0], [222.0, 120.0, 31.0]);
    let t = 2.0 * level as f64 / (levels - 1) as f64 - 1.0;
    let end = if t < 0.0 { zero } else { one };
    let mix = |i: usize| (white[i] + (end[i] - white[i]) * t.abs()).round() as u8;
    RGBColor(mix(0), mix(1), mix(2))
}

fn regions(mlp: &Mlp, area: &Area) -> Result<(), Box<dyn Error>> {
    const CELLS: usize = 80;
    const LEVELS: u32 = 21;
    let (low, high) = (-0.5f32, 1.5f32);
    let edge = |i: usize| low + (high - low) * i as f32 / CELLS as f32;
    let centre = |i: usize| (edge(i) + edge(i + 1)) / 2.0;
    let points: Vec<[f32; 2]> = (0..CELLS * CELLS).map(|i| [centre(i % CELLS), centre(i / CELLS)]).collect();
    let levels: Vec<u32> = mlp.probabilities(&points).iter().map(|p| (p * (LEVELS - 1) as f32).round() as u32).collect();

    let mut chart = ChartBuilder::on(area)
        .caption("what it answers: 0 blue, 1 orange", ("sans-serif", 17))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(50)
        .build_cartesian_2d(low..high, low..high)?;
    // Neighbours of one colour in a row become one cell; each reaches under the next, so that no seams show.
    let under = (high - low) / CELLS as f32 * 0.3;
    for (row, levels) in levels.chunks(CELLS).enumerate() {
        let mut start = 0;
        for run in levels.chunk_by(|a, b| a == b) {
            let end = start + run.len();
            let corners = [(edge(start), edge(row)), ((edge(end) + under).min(high), (edge(row + 1) + under).min(high))];
            chart.draw_series([Rectangle::new(corners, colour(run[0], LEVELS).filled())])?;
            start = end;
        }
    }
    chart
        .configure_mesh()
        .disable_mesh()
        .x_labels(5)
        .y_labels(5)
        .x_desc("x1")
        .y_desc("x2")
        .label_style(("sans-serif", 13))
        .axis_desc_style(("sans-serif", 14))
        .x_label_formatter(&|x| format!("{x:.1}"))
        .y_label_formatter(&|y| format!("{y:.1}"))
        .draw()?;
    for ([x, y], [t]) in INPUTS.iter().zip(TARGETS) {
        let at = (*x, *y);
        chart.draw_series([Circle::new(at, 11, WHITE.filled()), Circle::new(at, 11, BLACK.stroke_width(1))])?;
        let style = ("sans-serif", 15).into_text_style(area).pos(text_anchor());
        chart.draw_series([Text::new(format!("{t}"), at, style)])?;
    }
    Ok(())
}

fn text_anchor() -> plotters::style::text_anchor::Pos {
    use plotters::style::text_anchor::{HPos, Pos, VPos};
    Pos::new(HPos::Center, VPos::Center)
}

fn loss_curve(losses: &[f32], area: &Area) -> Result<(), Box<dyn Error>> {
    let (low, high) = losses.iter().filter(|l| **l > 0.0).fold((1.0f32, f32::MIN_POSITIVE), |(a, b), l| (a.min(*l), b.max(*l)));
    let (low, high) = (low / 1.5, high * 1.5);
    let high = high.max(low * 10.0);
    let mut chart = ChartBuilder::on(area)
        .caption("loss while it learns (log scale)", ("sans-serif", 17))
        .margin(12)
        .margin_right(24)
        .x_label_area_size(40)
        .y_label_area_size(64)
        .build_cartesian_2d(0..losses.len() as i32, (low..high).log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(BLACK.mix(0.12))
        .x_labels(6)
        .y_labels(6)
        .x_desc("epoch")
        .y_desc("binary cross entropy")
        .label_style(("sans-serif", 13))
        .axis_desc_style(("sans-serif", 14))
        .y_label_formatter(&|y| format!("{y}"))
        .draw()?;
    // A few hundred points are all that can be seen.
    let step = losses.len().div_ceil(400);
    let mut points: Vec<(i32, f32)> = losses.iter().enumerate().step_by(step).map(|(i, l)| (i as i32 + 1, l.max(low))).collect();
    points.push((losses.len() as i32, losses[losses.len() - 1].max(low)));
    let (blue, last) = (RGBColor(49, 103, 173), points[points.len() - 1]);
    chart.draw_series([PathElement::new(points, blue.stroke_width(2))])?;
    chart.draw_series([Circle::new(last, 3, blue.filled())])?;
    Ok(())
}

/// Writes a file whole or not at all: into a temporary one beside it, which then takes its name.
fn write_whole(folder: &Path, name: &str, text: &str) -> std::io::Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    let (path, draft) = (folder.join(name), folder.join(format!(".{name}.{}.tmp", std::process::id())));
    let written = std::fs::write(&draft, text).and_then(|()| std::fs::rename(&draft, &path));
    if written.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
    written.map(|()| path)
}

fn main() -> ExitCode {
    let options = Options::parse();
    let mlp = Mlp::new(options.seed);
    println!("XOR by a network of 2 inputs, 8 hidden units (tanh) and 1 output; seed {}.\n", options.seed);

    let bar = common::progress(options.epochs.into(), "training");
    let start = Instant::now();
    let losses = train(&mlp, options.epochs, &bar);
    let time = start.elapsed();
    bar.finish_and_clear();
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

    let drawn = draw(&mlp, &losses).and_then(|svg| Ok(write_whole(&options.out, "xor_mlp.svg", &svg)?));
    match drawn {
        Ok(path) => println!("Decision regions and loss: {} (open it in a browser)", path.display()),
        Err(e) => {
            eprintln!("xor_mlp: cannot write xor_mlp.svg into {}: {e}\n  hint: name another folder with --out DIR", options.out.display());
            return ExitCode::FAILURE;
        }
    }
    if right < 4 {
        eprintln!("xor_mlp: XOR is not learned yet; try more --epochs or another --seed");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
