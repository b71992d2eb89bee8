//! Compares this library with scikit-image, OpenCV, mahotas, torchvision, pycocotools and gymnasium, by the values that they gave.
//!
//! `cargo run --release --example vision_reference -- DIR` runs the cases of a folder (by default the copy in `tests/vision/cases`). Exits with 1
//! if one differs, if a file is missing or unreadable, and if there is nothing to run.

mod detect;
mod format;
mod hog;
mod map;
mod rl;
mod segment;
mod sift;
mod suite;

use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;

/// Compares features, detection, segmentation and control with reference values.
#[derive(Parser)]
struct Options {
    /// The folder of the cases
    #[arg(default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/vision/cases"))]
    dir: PathBuf,
}

fn main() -> ExitCode {
    match suite::suite(&Options::parse().dir, &mut std::io::stdout().lock()) {
        Ok(sum) if sum.differ.is_empty() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}
