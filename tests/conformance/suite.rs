//! What comes of a folder of cases? All that the program prints, and whether it succeeds.

use super::cases::{self, OpCases};
use super::compute::{STAGES, Stage};
use super::contradictions::Contradictions;
use super::run::{Report, run};
use clap::{Parser, ValueEnum};
use serde_json::json;
use std::io::{self, Write};
use std::path::PathBuf;

/// Compares values, gradients, second-order gradients and tangents with PyTorch's.
#[derive(Parser)]
pub struct Options {
    /// Folder of cases: JSON and safetensors files as tests/conformance/FORMAT.md describes
    #[arg(default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/conformance"))]
    dir: PathBuf,
    /// Run these ops only
    #[arg(long, value_delimiter = ',', value_name = "OP,...")]
    only: Option<Vec<String>>,
    /// The number type in which the library computes; in f32 a case must agree in f64, and f32 with f64 up to rounding
    #[arg(long, value_enum, default_value = "f64")]
    dtype: Dtype,
    /// Compare up to first derivatives, up to second ones, or values and tangents; without it, all
    #[arg(long, value_enum)]
    order: Option<Order>,
    /// Print a JSON object for each op and a last one with the totals
    #[arg(long)]
    json: bool,
    /// Say also why cases are unsupported
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

/// How many agree.
#[derive(Default)]
pub struct Totals {
    /// Of each stage, those that agree and all.
    pub stages: [(usize, usize); 4],
    /// Cases that agree, differ, are unsupported.
    pub cases: [usize; 3],
    /// What is said of cases that differ and of those that are unsupported.
    pub differences: Vec<String>,
    pub unsupported: Vec<String>,
    /// Ids that arrays bear, but no case does: nothing is compared with them, as if their cases had been deleted.
    pub strays: Vec<String>,
}

/// Runs a folder, and prints. Success needs at least one case that agrees, and none that differs; a file that cannot be read is a case that
/// does.
///
/// # Errors
/// Where there is nothing to run, with the reason.
pub fn suite(options: &Options, to: &mut dyn Write) -> Result<Totals, String> {
    let printed = |e: io::Error| format!("the report cannot be written: {e}");
    let (mut ops, expected) = (cases::read(&options.dir)?, Contradictions::of(&options.dir)?);
    if let Some(only) = &options.only {
        if let Some(name) = only.iter().find(|name| !ops.contains_key(*name)) {
            return Err(format!("there are no cases of `{name}` in {}", options.dir.display()));
        }
        ops.retain(|name, _| only.contains(name));
    }
    let stages: &[Stage] = match options.order {
        None => &STAGES,
        Some(Order::First) => &STAGES[..2],
        Some(Order::Second) => &STAGES[..3],
        Some(Order::Jvp) => &[Stage::Value, Stage::Jvp],
    };
    if !options.json {
        writeln!(to, "{:<34} {:>9} {:>9} {:>9} {:>9}", "op", "value", "grad", "second", "jvp").map_err(printed)?;
    }
    let mut all = Totals::default();
    for (name, op) in ops {
        let totals = match op {
            Ok(op) => Totals::of(&op, stages, |case| match options.dtype {
                Dtype::F64 => run::<f64>(&op.op, case, stages, &expected),
                Dtype::F32 => run::<f32>(&op.op, case, stages, &expected),
            }),
            Err(why) => Totals { cases: [0, 1, 0], differences: vec![format!("unreadable: {why}")], ..Totals::default() },
        };
        if options.json { totals.print_json(&name, to) } else { totals.print_row(&name, options.verbose, to) }.map_err(printed)?;
        all.add(&name, totals);
    }
    let [agree, differ, unsupported] = all.cases;
    let total = agree + differ + unsupported;
    if options.json {
        let mut json = all.json();
        json["strays"] = json!(all.strays);
        writeln!(to, "{json}")
    } else {
        if !all.strays.is_empty() {
            writeln!(to, "NOT COMPARED: the arrays of {} ids, which no case has", all.strays.len()).map_err(printed)?;
        }
        writeln!(to, "{agree} agree, {differ} differ, {unsupported} unsupported of {total} cases")
    }
    .map_err(printed)?;
    Ok(all)
}

impl Totals {
    pub fn success(&self) -> bool {
        self.cases[1] == 0 && self.cases[0] > 0
    }

    fn of(op: &OpCases, stages: &[Stage], run: impl Fn(&cases::Case) -> Report) -> Totals {
        let mut totals = Totals { strays: op.strays.iter().cloned().collect(), ..Totals::default() };
        for case in &op.cases {
            let report = run(case);
            for &stage in stages.iter().filter(|s| s.applies(case)) {
                let (agree, all) = &mut totals.stages[stage as usize];
                *agree += usize::from(report.agrees(stage));
                *all += 1;
            }
            totals.cases[if report.unsupported() { 2 } else { usize::from(report.differs()) }] += 1;
            let said = if report.unsupported() { &mut totals.unsupported } else { &mut totals.differences };
            said.extend(report.remarks().into_iter().map(|remark| format!("{} {remark}", case.id)));
        }
        totals
    }
    fn add(&mut self, op: &str, other: Totals) {
        for (mine, other) in self.stages.iter_mut().zip(other.stages) {
            *mine = (mine.0 + other.0, mine.1 + other.1);
        }
        for (mine, other) in self.cases.iter_mut().zip(other.cases) {
            *mine += other;
        }
        self.differences.extend(other.differences.into_iter().map(|remark| format!("{op} {remark}")));
        self.unsupported.extend(other.unsupported.into_iter().map(|remark| format!("{op} {remark}")));
        self.strays.extend(other.strays.into_iter().map(|id| format!("{op} {id}")));
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
    fn print_json(&self, op: &str, to: &mut dyn Write) -> io::Result<()> {
        let mut json = self.json();
        json["op"] = json!(op);
        json["differences"] = json!(self.differences);
        json["reasons"] = json!(self.unsupported);
        json["strays"] = json!(self.strays);
        writeln!(to, "{json}")
    }
    /// A difference is always shown, and so are arrays that are compared with nothing.
    fn print_row(&self, op: &str, verbose: bool, to: &mut dyn Write) -> io::Result<()> {
        let [value, grad, second, jvp] = self.stages.map(|(agree, all)| format!("{agree}/{all}"));
        writeln!(to, "{op:<34} {value:>9} {grad:>9} {second:>9} {jvp:>9}")?;
        let reasons = if verbose { &self.unsupported[..] } else { &[] };
        for remark in self.differences.iter().chain(reasons) {
            writeln!(to, "    {}", remark.replace('\n', "\n        "))?;
        }
        if !self.strays.is_empty() {
            writeln!(to, "    NOT COMPARED: arrays of no case: {}", self.strays.join(", "))?;
        }
        Ok(())
    }
}
