//! What does a histogram of oriented gradients still know of a picture? An image is searched by gradient descent that has the same histograms.
//!
//! `cargo run --release --example hog` writes `target/hog.png`: the picture, its histograms as lines, and the image that was found from them
//! alone. Add `-- PICTURE` for another picture, and `-- --help` for the options. Fails if the histograms of the image found are not near.

#[path = "common/run.rs"]
mod run;

use clap::Parser;
use ndarray::{Array2, Array3, Axis, Ix2, Ix3, concatenate};
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;
use wengert::optim::Adam;
use wengert::vision::hog::{HogOptions, hog, hog_histogram, hog_image};
use wengert::vision::image::{ImageReadMode, ResizeOptions, read_image_with, resize, to_float, to_u8, write_image};
use wengert::{Param, Tape, Var, init};

/// Finds an image from its histograms of oriented gradients.
#[derive(Parser)]
struct Options {
    /// A PNG, JPEG or PNM picture
    #[arg(default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/data/cat.png"))]
    picture: PathBuf,
    /// Larger pictures are made so small
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(32..=1024))]
    side: u32,
    /// Rows and columns of pixels in a cell
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(2..=16))]
    cell: u32,
    /// Steps of Adam
    #[arg(long, default_value_t = 600)]
    steps: u32,
    /// The weight of the smoothness of the image
    #[arg(long, default_value_t = 1.0)]
    smooth: f32,
    /// Seed of the noise at the start
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the three images are written, side by side
    #[arg(long, default_value = "target/hog.png")]
    to: PathBuf,
}

/// The share of the first distance between the histograms that may be left.
const LEFT: f32 = 0.15;

/// The picture in gray, from 0 to 1, its longer side no longer than so many pixels.
fn load(options: &Options) -> Result<Array2<f32>, Box<dyn Error>> {
    let gray = to_float::<f32, _, _>(&read_image_with(&options.picture, ImageReadMode::Gray)?);
    let (_, height, width) = gray.dim();
    let shrink = (options.side as f32 / height.max(width) as f32).min(1.0);
    let size = [height, width].map(|n| ((n as f32 * shrink).round() as usize).max(1));
    let tape = Tape::new();
    Ok(resize(tape.constant(gray.index_axis(Axis(0), 0)), size, ResizeOptions::default()).to_array().into_dimensionality::<Ix2>()?)
}

/// The mean squared difference of neighbors. Histograms see only every second pixel at once: without this, checkerboards come up.
fn roughness(image: Var<'_>) -> Var<'_> {
    let along = |axis: isize| {
        let n = image.size(axis);
        (image.narrow(axis, 1, n - 1) - image.narrow(axis, 0, n - 1)).square().mean()
    };
    along(0) + along(1)
}

/// An image with these features. It is the sigmoid of what is learned, so that it stays between 0 and 1.
fn invert(target: &ndarray::ArrayD<f32>, size: (usize, usize), describe: &HogOptions, options: &Options) -> (Array2<f32>, [f32; 2]) {
    let noise = init::normal::<f32, _>(size, 0.0, 0.1, &mut init::seeded(options.seed));
    let logits = [Param::new("logits", noise)];
    let (mut optimizer, mut tape, mut distances) = (Adam::new(0.1), Tape::new(), [0.0; 2]);
    for step in 0..=options.steps {
        optimizer.set_lr(0.1 * (1.0 - 0.9 * f64::from(step) / f64::from(options.steps.max(1))));
        let image = tape.param(&logits[0]).sigmoid();
        let distance = (hog(image, describe) - tape.constant(target)).square().sum() / tape.constant(target).square().sum();
        distances[1] = distance.item();
        if step == 0 {
            distances[0] = distances[1];
        }
        if step % 50 == 0 {
            println!("step {step:>4}: {:>6.2} % of the first distance", 100.0 * distances[1] / distances[0]);
        }
        if step == options.steps {
            break;
        }
        let grads = tape.backward(distance + roughness(image) * options.smooth);
        tape.reset();
        optimizer.step(&logits, &grads);
        tape.recycle(grads);
    }
    let tape = Tape::new();
    (tape.param(&logits[0]).sigmoid().to_array().into_dimensionality().expect("an image"), distances)
}

/// Stretched from 0 to 1.
fn stretched(image: &Array2<f32>) -> Array2<f32> {
    let (low, high) = image.iter().fold((f32::MAX, f32::MIN), |(l, h), &v| (l.min(v), h.max(v)));
    image.mapv(|v| if high > low { (v - low) / (high - low) } else { v })
}

fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    if let Some(folder) = options.to.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let picture = load(options)?;
    let cell = [options.cell as usize; 2];
    let describe = HogOptions { pixels_per_cell: cell, cells_per_block: [2, 2], ..Default::default() };
    let tape = Tape::new();
    let target = hog(tape.constant(&picture), &describe).to_array();
    println!("{} x {} pixels, {} features", picture.nrows(), picture.ncols(), target.len());

    let start = Instant::now();
    let (found, distances) = invert(&target, picture.dim(), &describe, options);
    println!("{:.1} s", start.elapsed().as_secs_f64());

    let histogram = hog_histogram(tape.constant(&picture), &describe).to_array().into_dimensionality::<Ix3>()?;
    let lines = hog_image(&histogram, cell);
    let mut canvas = Array2::zeros(picture.dim());
    canvas.slice_mut(ndarray::s![..lines.nrows(), ..lines.ncols()]).assign(&lines);
    let sheet = concatenate(Axis(1), &[picture.view(), stretched(&canvas).view(), stretched(&found).view()])?;
    let sheet: Array3<f32> = sheet.insert_axis(Axis(0));
    write_image(&options.to, &to_u8(&sheet))?;
    println!("wrote {}", options.to.display());
    let near = distances[1] < f32::INFINITY && distances[1] <= LEFT * distances[0]; // false for NaN, and for infinite ones
    if !near {
        eprintln!("hog: more than {} % of the distance are left; try more --steps or less --smooth", 100.0 * LEFT);
    }
    Ok(if near { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn main() -> ExitCode {
    let options = Options::parse();
    run::on_all_threads("hog", || run(&options))
}
