//! Looks for graphs that go wrong: random ones of all kinds, at changing numbers of threads, until the time is over.
//!
//! `cargo run --release --example fuzz -- --seconds S --seed N` begins each kind at seed N. What is wrong is printed with the line that
//! runs it again, and the program exits with 1, as it does where no graph
//! was run. `tests/fuzz/kinds.rs` says what is asked of each kind.

mod graph;
mod kinds;
mod numbers;
mod reference;

use clap::Parser;
use kinds::{Kind, check};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Runs random graphs, and looks for wrong ones.
#[derive(Parser)]
struct Options {
    /// How long new seeds are run; 60 unless given
    #[arg(long)]
    seconds: Option<f64>,
    /// The first seed; without it, one from the clock
    #[arg(long)]
    seed: Option<u64>,
    /// Run this kind only: smooth, special, numbers or large
    #[arg(long)]
    kind: Option<Kind>,
    /// Run on this number of threads only. With a seed and a kind, and no time, that one graph is run
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
}

/// Numbers of threads, one after the other: fewer than cores, as many, more; powers of two, odd and prime ones.
const THREADS: [usize; 8] = [1, 2, 3, 5, 8, 16, 33, 64];

/// What was run of a kind.
struct Tally {
    kind: Kind,
    /// The next seed.
    seed: u64,
    time: Duration,
    graphs: usize,
    ops: usize,
    beyond_f32: usize,
    wrong: usize,
}

impl Tally {
    fn run(&mut self, threads: usize) {
        let (seed, began) = (self.seed, Instant::now());
        match check(self.kind, seed, threads) {
            Ok(checked) => {
                self.ops += checked.ops;
                self.beyond_f32 += usize::from(checked.beyond_f32);
            }
            Err(what) => {
                self.wrong += 1;
                println!("WRONG --seed {seed} --kind {} --threads {threads}\n  {}", self.kind.name(), what.replace('\n', "\n  "));
            }
        }
        self.graphs += 1;
        self.seed = seed.wrapping_add(1);
        self.time += began.elapsed();
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    // Panics are reported with their graph.
    std::panic::set_hook(Box::new(|_| {}));
    let clock = || std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |t| t.as_secs());
    let first = options.seed.unwrap_or_else(clock);
    let kinds = Kind::ALL.into_iter().filter(|kind| options.kind.is_none_or(|only| only == *kind));
    let mut tallies: Vec<Tally> =
        kinds.map(|kind| Tally { kind, seed: first, time: Duration::ZERO, graphs: 0, ops: 0, beyond_f32: 0, wrong: 0 }).collect();
    let threads = |seed: u64| options.threads.map_or(THREADS[(seed % THREADS.len() as u64) as usize], usize::from);
    let one = options.seconds.is_none() && options.seed.is_some() && options.kind.is_some() && options.threads.is_some();
    if one {
        tallies[0].run(threads(first));
    } else {
        println!("seeds from {first} on");
        let began = Instant::now();
        while began.elapsed().as_secs_f64() < options.seconds.unwrap_or(60.0) {
            // As much time for each kind.
            let tally = tallies.iter_mut().min_by_key(|tally| tally.time).expect("at least one kind");
            tally.run(threads(tally.seed));
        }
    }
    for t in &tallies {
        let beyond = if t.kind == Kind::Smooth { format!(", {} of them beyond f32", t.beyond_f32) } else { String::new() };
        println!("{:>8}: {} graphs of {} ops{beyond}, {} wrong", t.kind.name(), t.graphs, t.ops, t.wrong);
    }
    if tallies.iter().all(|t| t.graphs == 0) {
        eprintln!("no graph was run: give more seconds");
        return ExitCode::FAILURE;
    }
    if tallies.iter().any(|t| t.wrong > 0) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
