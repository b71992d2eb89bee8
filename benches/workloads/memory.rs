//! How much memory does a step take?

use crate::models::{WORKLOADS, Workload};
use std::process::Command;
use wengert::Scalar;

/// Prints, for each of the named workloads (or all), the peak of the resident memory in three steps over what the process had before
/// the model. Each is measured in a process of its own. Linux only: the figures come from /proc.
pub fn print(names: &[String]) -> std::io::Result<()> {
    let names: Vec<&str> =
        if names.is_empty() { WORKLOADS.iter().map(|(n, _)| *n).collect() } else { names.iter().map(String::as_str).collect() };
    if let [name] = names[..] {
        return if name == "elementwise_f64" { one::<f64>(name) } else { one::<f32>(name) };
    }
    println!("| workload | peak of the process, MiB | peak of the tape's values, MiB | parameters, MiB |\n|---|---|---|---|");
    let threads = rayon::current_num_threads().to_string();
    for name in names {
        Command::new(std::env::current_exe()?).args(["--memory", "--only", name, "--threads", &threads]).status()?;
    }
    Ok(())
}

fn one<T: Scalar>(name: &str) -> std::io::Result<()> {
    let (_, size) = WORKLOADS.into_iter().find(|(n, _)| *n == name).expect("a known workload");
    let before = kibibytes("VmRSS")?;
    let mut workload = Workload::<T>::new(name, size);
    for _ in 0..3 {
        workload.step(|_, _| ());
    }
    let tape = workload.tape.stats().peak_bytes as f64 / (1 << 20) as f64;
    let params = workload.params.iter().map(|p| p.with(size_of_val)).sum::<usize>() as f64 / (1 << 20) as f64;
    println!("| `{name}` | {:.1} | {tape:.1} | {params:.1} |", (kibibytes("VmHWM")? - before) / 1024.0);
    Ok(())
}

/// A figure of this process that the kernel keeps.
fn kibibytes(key: &str) -> std::io::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|l| l.starts_with(key)).and_then(|l| l.split_whitespace().nth(1)?.parse().ok());
    line.ok_or_else(|| std::io::Error::other(format!("no {key} in /proc/self/status")))
}
