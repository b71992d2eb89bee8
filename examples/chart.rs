//! Draws the measured workloads and prints their tables.
//!
//! `cargo run --release --example chart` reads docs/performance.json (microseconds a step: workload, then library), writes
//! docs/img/performance.svg and prints the two tables of README.md and docs/performance.md.

use clap::Parser;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::collections::HashMap;
use std::error::Error;
use std::path::PathBuf;

#[derive(Parser)]
struct Options {
    /// The measured figures
    #[arg(long, value_name = "FILE", default_value = "docs/performance.json")]
    from: PathBuf,
    /// The chart
    #[arg(long, value_name = "FILE", default_value = "docs/img/performance.svg")]
    to: PathBuf,
    /// What the measured machine can do at most with all its cores, in GFLOP/s of f32
    #[arg(long, value_name = "GFLOPS", default_value_t = 519.0)]
    peak: f64,
}

struct Workload {
    name: &'static str,
    what: &'static str,
    /// The ratio that we aim at.
    goal: f64,
    /// Floating-point operations of a step's products and convolutions, where they are what counts: twice the multiply-adds of
    /// outputs, gradients by weights, and gradients by inputs but for the first layer's.
    work: Option<f64>,
}

#[rustfmt::skip]
const WORKLOADS: [Workload; 11] = [
    Workload { name: "scalar_chain", what: "1,000 times y = tanh(y x + x), value and gradient (3,000 nodes)", goal: 0.5, work: None },
    Workload { name: "xor_mlp", what: "2-8-1, batch 4", goal: 14.0, work: None },
    Workload { name: "hvp", what: "Hessian times vector of a 64-64-10 network, batch 32", goal: 2.0, work: None },
    Workload { name: "mlp", what: "784-256-128-10, batch 128, SGD", goal: 1.5, work: Some(0.1289e9) },
    Workload { name: "mlp_adam", what: "the same by Adam", goal: 1.5, work: Some(0.1289e9) },
    Workload { name: "elementwise_f32", what: "sum(sigmoid(x) tanh(x) + exp(-x x)), 1,000,000 elements", goal: 1.5, work: None },
    Workload { name: "elementwise_f64", what: "the same in `f64`", goal: 1.5, work: None },
    Workload { name: "simple_conv", what: "the book's SimpleConvNet, batch 100 of 1x28x28", goal: 3.0, work: Some(0.4326e9) },
    Workload { name: "deep_conv", what: "the book's DeepConvNet, the same batch", goal: 2.0, work: Some(5.241e9) },
    Workload { name: "resnet20", what: "batch 32 of 3x32x32, batch norm in training", goal: 2.0, work: Some(7.808e9) },
    Workload { name: "resnet18", what: "batch 16 of 3x32x32", goal: 1.5, work: Some(53.26e9) },
];

const OURS: &str = "ours";
/// The peers, by their names in the file and on the page.
const PEERS: [(&str, &str); 5] =
    [("torch", "PyTorch"), ("torch-nhwc", "PyTorch, channels last"), ("jax", "JAX jit"), ("candle", "candle"), ("burn", "burn")];

/// The least times of one workload in microseconds a step.
struct Row<'a> {
    workload: &'static Workload,
    times: &'a HashMap<String, Option<f64>>,
}

impl Row<'_> {
    fn time(&self, library: &str) -> Option<f64> {
        self.times.get(library).copied().flatten()
    }
    fn ours(&self) -> Option<f64> {
        self.time(OURS)
    }
    /// The time of the fastest peer over ours.
    fn ratio(&self) -> Option<f64> {
        let fastest = PEERS.iter().filter_map(|(peer, _)| self.time(peer)).min_by(f64::total_cmp)?;
        Some(fastest / self.ours()?)
    }
    /// The part of the machine's arithmetic limit that is reached.
    fn part(&self, peak: f64) -> Option<f64> {
        Some(self.workload.work? / (self.ours()? * 1e-6) / (peak * 1e9))
    }
}

// ------------------------------------------------------------------------------------------------------------- tables

/// A number with three significant digits or all of its whole ones, in groups of three.
fn number(x: Option<f64>) -> String {
    let Some(x) = x else { return String::new() };
    let digits = format!("{x:.0}");
    match x {
        ..9.995 => format!("{x:.2}"),
        ..99.95 => format!("{x:.1}"),
        _ => {
            let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().map(|g| str::from_utf8(g).expect("digits")).collect();
            groups.join(",")
        }
    }
}

fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    println!("| {} |\n|{}", head.join(" | "), "---|".repeat(head.len()));
    rows.for_each(|row| println!("| {} |", row.join(" | ")));
    println!();
}

fn short_table(rows: &[Row<'_>]) {
    table(
        &["workload", "wengert", "PyTorch", "JAX jit", "ratio"],
        rows.iter().map(|row| {
            let torch = ["torch", "torch-nhwc"].iter().filter_map(|p| row.time(p)).min_by(f64::total_cmp);
            let what = format!("`{}`: {}", row.workload.name, row.workload.what);
            vec![what, number(row.ours()), number(torch), number(row.time("jax")), number(row.ratio())]
        }),
    );
}

fn long_table(rows: &[Row<'_>], peak: f64) {
    let peers: Vec<_> = PEERS.iter().filter(|(peer, _)| rows.iter().any(|row| row.time(peer).is_some())).collect();
    let mut head = vec!["workload", "wengert"];
    head.extend(peers.iter().map(|(_, name)| name));
    head.extend(["ratio", "goal", "GFLOP/s", "of the limit"]);
    table(
        &head,
        rows.iter().map(|row| {
            let mut cells = vec![format!("`{}`", row.workload.name), number(row.ours())];
            cells.extend(peers.iter().map(|(peer, _)| number(row.time(peer))));
            let part = row.part(peak);
            cells.extend([number(row.ratio()), format!("{}", row.workload.goal), number(part.map(|p| p * peak))]);
            cells.push(part.map_or(String::new(), |p| format!("{:.0} %", p * 100.0)));
            cells
        }),
    );
}

// -------------------------------------------------------------------------------------------------------------- chart

/// Greys and colours that can be read on white and on black: the picture has no background of its own.
const TEXT: RGBColor = RGBColor(117, 127, 138);
const FASTER: RGBColor = RGBColor(46, 139, 120);
const SLOWER: RGBColor = RGBColor(214, 116, 54);

const WIDTH: i32 = 720;
const BAR: i32 = 26;
const TOP: i32 = 44;
const LEFT: i32 = 140;
const RIGHT: i32 = 60;

fn text<'a>(size: i32, h: HPos) -> TextStyle<'a> {
    ("sans-serif", size).into_font().color(&TEXT).pos(Pos::new(h, VPos::Center))
}

/// One bar a workload on a logarithmic scale, from 1 to the ratio: to the right if ours is faster.
fn draw(rows: &[Row<'_>]) -> Result<String, Box<dyn Error>> {
    let ratios: Vec<_> = rows.iter().filter_map(|row| Some((row.workload.name, row.ratio()?))).collect();
    let ends = ratios.iter().fold((0f64, 1f64), |(low, high), (_, r)| (low.min(r.log2()), high.max(r.log2())));
    let (low, high) = (ends.0.floor(), ends.1.ceil());
    let x = |log: f64| LEFT + ((log - low) / (high - low) * f64::from(WIDTH - LEFT - RIGHT)) as i32;
    let bottom = TOP + BAR * ratios.len() as i32;

    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, (WIDTH as u32, bottom as u32 + 34)).into_drawing_area();
    area.draw(&Text::new("speed, relative to the fastest peer (log scale)", (LEFT, 16), text(19, HPos::Left)))?;
    for tick in low as i32..=high as i32 {
        let at = x(tick.into());
        let width = if tick == 0 { 2 } else { 1 };
        let line = TEXT.mix(if tick == 0 { 1.0 } else { 0.35 }).stroke_width(width);
        area.draw(&PathElement::new([(at, TOP - 8), (at, bottom + 4)], line))?;
        let label = if tick < 0 { format!("1/{}", 1 << -tick) } else { format!("{}", 1 << tick) };
        area.draw(&Text::new(label, (at, bottom + 16), text(16, HPos::Center)))?;
    }
    for (i, (name, ratio)) in ratios.iter().enumerate() {
        let (top, from, to) = (TOP + BAR * i as i32, x(0.0), x(ratio.log2()));
        let colour = if *ratio >= 1.0 { FASTER } else { SLOWER };
        area.draw(&Rectangle::new([(from.min(to), top + 4), (from.max(to), top + BAR - 4)], colour.filled()))?;
        area.draw(&Text::new(*name, (LEFT - 12, top + BAR / 2), text(18, HPos::Right)))?;
        // The figure stands at the right of the bar, where nothing else does.
        area.draw(&Text::new(format!("{ratio:.2}"), (from.max(to) + 6, top + BAR / 2), text(18, HPos::Left)))?;
    }
    area.present()?;
    drop(area);
    Ok(svg)
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let measured: HashMap<String, HashMap<String, Option<f64>>> = serde_json::from_str(&std::fs::read_to_string(&options.from)?)?;
    let row = |workload: &'static Workload| {
        let times = measured.get(workload.name).ok_or_else(|| format!("{} has no {}", options.from.display(), workload.name))?;
        Ok(Row { workload, times })
    };
    let rows = WORKLOADS.iter().map(row).collect::<Result<Vec<_>, String>>()?;
    std::fs::write(&options.to, draw(&rows)?)?;
    println!("README.md:\n");
    short_table(&rows);
    println!("docs/performance.md:\n");
    long_table(&rows, options.peak);
    Ok(())
}
