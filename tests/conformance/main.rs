//! Compares this library with PyTorch: values, gradients, second-order gradients and tangents of its own test samples.
//!
//! `cargo run --release --example conformance -- DIR` runs the cases of a folder (by default the copy in `tests/conformance/`) and prints
//! for each op how many agree. Exits with 1 if one differs, if a file is missing, unreadable or at odds with another, and if there is
//! nothing to run.

mod call;
mod cases;
mod compare;
mod compute;
mod contradictions;
mod format;
mod ops;
mod panics;
mod run;
mod suite;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    match suite::suite(&suite::Options::parse(), &mut std::io::stdout().lock()) {
        Ok(totals) if totals.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}
