//! Times whole training steps: forward, backward, parameter update.
//!
//! `cargo bench --bench workloads -- [--json] [--only NAME,..] [--seconds S] [--threads N]`, or with `--scaling` or `--memory`
//!
//! With `--json` each workload prints one line, `{"workload": name, "min_us": x, "median_us": y}`; without it a table. The steps have
//! the same maths as those of the scripts that time other libraries: data and weights are seeded, targets are prepared outside the
//! step, networks are in f32. `--scaling` prints Markdown tables of time against threads and sizes, `--memory` the peak of the memory.

mod memory;
mod models;
mod scaling;
mod timing;

use models::{WORKLOADS, Workload};
use std::hint::black_box;
use timing::times;
use wengert::Scalar;

struct Options {
    json: bool,
    only: Vec<String>,
    seconds: f64,
    threads: usize,
    scaling: bool,
    memory: bool,
}

fn main() {
    let options = options();
    for name in &options.only {
        if !WORKLOADS.iter().any(|(n, _)| n == name) {
            eprintln!("no workload {name}: there are {}", WORKLOADS.map(|(n, _)| n).join(", "));
            std::process::exit(2);
        }
    }
    if options.scaling {
        return scaling::print(options.seconds);
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads).build().expect("threads can be started");
    if options.memory {
        return pool.install(|| memory::print(&options.only).expect("the system says how much memory is used"));
    }
    if !options.json {
        println!("{:<18} {:>12} {:>12}   (us a step, {} threads)", "workload", "least", "median", options.threads);
    }
    pool.install(|| {
        for (name, size) in WORKLOADS {
            if options.only.is_empty() || options.only.iter().any(|n| n == name) {
                match name {
                    "elementwise_f64" => measure(name, &options, Workload::<f64>::new(name, size)),
                    _ => measure(name, &options, Workload::<f32>::new(name, size)),
                }
            }
        }
    });
}

fn options() -> Options {
    let mut options = Options { json: false, only: Vec::new(), seconds: 1.0, threads: 2, scaling: false, memory: false };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().unwrap_or_else(|| usage(&format!("{arg} needs a value")));
        match arg.as_str() {
            "--json" => options.json = true,
            "--only" => options.only = value().split(',').filter(|n| !n.is_empty()).map(String::from).collect(),
            "--seconds" => options.seconds = value().parse().unwrap_or_else(|_| usage("--seconds needs a number")),
            "--threads" => options.threads = value().parse().unwrap_or_else(|_| usage("--threads needs a whole number")),
            "--scaling" => options.scaling = true,
            "--memory" => options.memory = true,
            "--bench" => {} // cargo says so
            other => usage(&format!("unknown argument {other}")),
        }
    }
    options
}

fn usage(problem: &str) -> ! {
    eprintln!("{problem}\nusage: workloads [--json] [--only NAME,..] [--seconds S] [--threads N] [--scaling | --memory]");
    std::process::exit(2);
}

/// Takes a step again and again and prints the least and the median time.
fn measure<T: Scalar>(name: &str, options: &Options, mut workload: Workload<T>) {
    let times = times(options.seconds, || workload.step(|loss, _| _ = black_box(loss)));
    let (least, median) = (times[0], times[times.len() / 2]);
    if options.json {
        println!("{{\"workload\": \"{name}\", \"min_us\": {least:.3}, \"median_us\": {median:.3}}}");
    } else {
        println!("{name:<18} {least:>12.2} {median:>12.2}   {} steps", times.len());
    }
}
