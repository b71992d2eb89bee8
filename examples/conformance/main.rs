//! Compares this library with PyTorch: values, gradients, second-order gradients and tangents of its own test samples.
//!
//! `cargo run --release --example conformance -- DIR` runs the cases of a folder (by default the copy in `tests/conformance/`) and prints
//! for each op how many agree. Exits with 1 if one differs.

mod call;
mod cases;
mod format;
mod ops;
mod panics;
mod run;

use cases::{Case, OpCases};
use clap::{Parser, ValueEnum};
use run::{Report, STAGES, Stage};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

/// Compares values, gradients, second-order gradients and tangents with PyTorch's.
#[derive(Parser)]
struct Options {
    /// Folder of cases: JSON and safetensors files as tests/conformance/FORMAT.md describes
    #[arg(default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conformance"))]
    dir: PathBuf,
    /// Run these ops only
    #[arg(long, value_delimiter = ',', value_name = "OP,...")]
    only: Vec<String>,
    /// The number type in which the library computes
    #[arg(long, value_enum, default_value = "f64")]
    dtype: Dtype,
    /// Compare up to first derivatives, up to second ones, or values and tangents; without it, all
    #[arg(long, value_enum)]
    order: Option<Order>,
    /// Print a JSON object for each op and a last one with the totals
    #[arg(long)]
    json: bool,
    /// Say why cases differ or are unsupported
    #[arg(long)]
    verbose: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Dtype {
    F64,
    F32,
}

#[derive(Clone, Copy, ValueEnum)]
enum Order {
    #[value(name = "1")]
    First,
    #[value(name = "2")]
    Second,
    Jvp,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let ops = match cases::read(&options.dir) {
        Ok(ops) => ops,
        Err(e) => {
            eprintln!("{e}");
            return ExitCode::from(2);
        }
    };
    if let Some(name) = options.only.iter().find(|name| ops.iter().all(|op| op.op != **name)) {
        eprintln!("there are no cases of `{name}` in {}", options.dir.display());
        return ExitCode::from(2);
    }
    let stages: &[Stage] = match options.order {
        None => &STAGES,
        Some(Order::First) => &STAGES[..2],
        Some(Order::Second) => &STAGES[..3],
        Some(Order::Jvp) => &[Stage::Value, Stage::Jvp],
    };
    let mut all = Totals::default();
    if !options.json {
        println!("{:<34} {:>9} {:>9} {:>9} {:>9}", "op", "value", "grad", "second", "jvp");
    }
    for op in ops.iter().filter(|op| options.only.is_empty() || options.only.contains(&op.op)) {
        let reports: Vec<Report> = op
            .cases
            .iter()
            .map(|case| match options.dtype {
                Dtype::F64 => run::run::<f64>(op, case, stages),
                Dtype::F32 => run::run::<f32>(op, case, stages),
            })
            .collect();
        let totals = Totals::of(op, &reports, stages);
        if options.json {
            print_json(op, &reports, &totals)
        } else {
            print_row(op, &reports, &totals, options.verbose)
        }
        all.add(&totals);
    }
    if options.json {
        println!("{}", all.json());
    } else {
        let [agree, differ, unsupported] = all.cases;
        println!("{agree} agree, {differ} differ, {unsupported} unsupported of {} cases", agree + differ + unsupported);
    }
    if all.cases[1] > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// How many agree.
#[derive(Default)]
struct Totals {
    /// Of each stage, those that agree and all.
    stages: [(usize, usize); 4],
    /// Cases that agree, differ, are unsupported.
    cases: [usize; 3],
}

impl Totals {
    fn of(op: &OpCases, reports: &[Report], stages: &[Stage]) -> Totals {
        let mut totals = Totals::default();
        for (case, report) in op.cases.iter().zip(reports) {
            for &stage in stages.iter().filter(|s| s.applies(case)) {
                let (agree, all) = &mut totals.stages[stage as usize];
                *agree += usize::from(report.agrees(stage));
                *all += 1;
            }
            totals.cases[if report.unsupported() { 2 } else { usize::from(report.differs()) }] += 1;
        }
        totals
    }
    fn add(&mut self, other: &Totals) {
        for (mine, other) in self.stages.iter_mut().zip(other.stages) {
            *mine = (mine.0 + other.0, mine.1 + other.1);
        }
        for (mine, other) in self.cases.iter_mut().zip(other.cases) {
            *mine += other;
        }
    }
    fn json(&self) -> serde_json::Value {
        let [agree, differ, unsupported] = self.cases;
        let mut json = json!({"agree": agree, "differ": differ, "unsupported": unsupported, "cases": self.cases.iter().sum::<usize>()});
        for stage in STAGES {
            let (agree, all) = self.stages[stage as usize];
            json[stage.name()] = json!({"agree": agree, "total": all});
        }
        json
    }
}

fn print_row(op: &OpCases, reports: &[Report], totals: &Totals, verbose: bool) {
    let [value, grad, second, jvp] = totals.stages.map(|(agree, all)| format!("{agree}/{all}"));
    println!("{:<34} {value:>9} {grad:>9} {second:>9} {jvp:>9}", op.op);
    if verbose {
        for (case, report) in op.cases.iter().zip(reports) {
            for remark in report.remarks() {
                println!("    {} {}", case.id, remark.replace('\n', "\n        "));
            }
        }
    }
}

fn print_json(op: &OpCases, reports: &[Report], totals: &Totals) {
    let mut json = totals.json();
    json["op"] = json!(op.op);
    let cases = op.cases.iter().zip(reports);
    let of_case = |(case, report): (&Case, &Report)| {
        report.remarks().into_iter().map(|remark| json!({"id": case.id, "remark": remark})).collect::<Vec<_>>()
    };
    json["remarks"] = cases.flat_map(of_case).collect();
    println!("{json}");
}
