//! Trains ResNet-20 on Fashion-MNIST, and shows what the ways around its blocks are for: without them, deeper is worse.
//!
//! `cargo run --release --example resnet -- --data DIR` (add `--help` for its options); DIR holds the four IDX files. Debian's package
//! `dataset-fashion-mnist` puts them into `/usr/share/datasets/fashion-mnist`.

#[path = "common/run.rs"]
mod run;

use clap::Parser;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;
use wengert::data::{Augment, Examples, FASHION_MNIST_CLASSES, Loader, Normalization, mnist};
use wengert::init;
use wengert::io::IoError;
use wengert::nn::{Forward, Module, ResNet};
use wengert::optim::{OneCycleLr, Scheduler, Sgd, SgdOptions};
use wengert::plot::Curves;
use wengert::train::{Bar, Fit, History, LogLine, PerBatch};

/// Trains ResNet-20 on Fashion-MNIST and compares it with networks without residual connections.
#[derive(Parser)]
struct Options {
    /// Directory of the four IDX files
    #[arg(long)]
    data: PathBuf,
    /// Seed of the first weights, the order of the images and their changes
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How often ResNet-20 sees all training images
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    epochs: u32,
    /// Images in a mini-batch
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..))]
    batch: u32,
    /// Learning rate at its highest
    #[arg(long, default_value_t = 0.2)]
    lr: f64,
    /// Only so many training images
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    images: Option<u32>,
    /// Training images of the comparison; 0 leaves it out
    #[arg(long, default_value_t = 10_000)]
    compare: usize,
    /// How often each network of the comparison sees them
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    compare_epochs: u32,
    /// The least share of the test images that must be recognised
    #[arg(long, default_value_t = 0.9)]
    require: f64,
    /// File for a picture of the losses in the comparison
    #[arg(long)]
    plot: Option<PathBuf>,
}

/// The losses of a training, and the share of the test images that are recognised after it.
fn train(model: &ResNet, seen: Arc<Examples>, test: &Examples, epochs: u64, options: &Options) -> Result<History, IoError> {
    let augment = Augment::new(options.seed).shift(2).flip();
    let loader = Loader::new(seen, options.batch as usize).shuffle(options.seed).augment(augment);
    let sgd = SgdOptions { lr: options.lr, momentum: 0.9, nesterov: true, weight_decay: 5e-4, ..Default::default() };
    let mut optimizer = Sgd::with(sgd);
    let cycle = OneCycleLr { cycle_momentum: false, ..OneCycleLr::new(options.lr, epochs * loader.len() as u64) };
    let schedule = Scheduler::new(&mut optimizer, cycle);
    Fit::new(model, &mut optimizer)
        .epochs(epochs)
        .validate(test)
        .callback(PerBatch(schedule))
        .callback(Bar::new())
        .callback(LogLine::stdout())
        .run(&loader)
}

/// The same training of a shallow and a deep network, each with and without the ways around its blocks.
fn compare(seen: &Examples, test: &Examples, options: &Options) -> Result<(), Box<dyn Error>> {
    if let Some(folder) = options.plot.as_deref().and_then(Path::parent) {
        std::fs::create_dir_all(folder)?;
    }
    let seen = Arc::new(seen.first(options.compare));
    println!("\nThe same with and without residual connections: {} images, {} epochs.\n", seen.len(), options.compare_epochs);
    let mut rows = Vec::new();
    for n in [3, 9] {
        for skips in [true, false] {
            let net = ResNet::small(1, FASHION_MNIST_CLASSES.len(), n, &mut init::seeded(options.seed));
            let net = if skips { net } else { net.without_skips() };
            let name = format!("{}-{}", if skips { "residual" } else { "plain" }, 6 * n + 2);
            println!("{name}");
            rows.push((name, train(&net, seen.clone(), test, options.compare_epochs.into(), options)?));
        }
    }
    println!("\nnetwork       last loss   test       time");
    for (name, history) in &rows {
        let last = |name| history.last(name).unwrap_or(f64::NAN);
        let seconds: f64 = history.get("seconds").unwrap_or_default().iter().sum();
        println!("{name:<11}   {:>9.4}   {:>6.2} %  {seconds:>6.1} s", last("loss"), 100.0 * last("val_accuracy"));
    }
    if let Some(path) = &options.plot {
        let curves = Curves::new("Depth with and without residual connections", "epoch", "training loss");
        let losses = |history: &History| history.get("loss").unwrap_or_default().to_vec();
        rows.iter().fold(curves, |curves, (name, history)| curves.series(name, &losses(history))).draw().save(path)?;
        println!("the losses are drawn in {}", path.display());
    }
    Ok(())
}

fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let (mut seen, mut test) = mnist(&options.data)?;
    if let Some(images) = options.images {
        seen = seen.first(images as usize);
    }
    let normalization = Normalization::fit(&seen.x);
    normalization.apply(&mut seen.x);
    normalization.apply(&mut test.x);
    let seen = Arc::new(seen);
    let model = ResNet::resnet20(1, FASHION_MNIST_CLASSES.len(), &mut init::seeded(options.seed));
    println!(
        "ResNet-20: {} parameters, {} multiply-adds an image",
        model.parameter_count(),
        model.summary(&[1, 1, 28, 28]).multiply_adds()
    );
    println!("{} images to train on, {} to test; SGD, one cycle; seed {}\n", seen.len(), test.len(), options.seed);
    let start = Instant::now();
    let history = train(&model, seen.clone(), &test, options.epochs.into(), options)?;
    let accuracy = history.last("val_accuracy").unwrap_or(f64::NAN);
    println!("\ntrained and tested in {:.1} s", start.elapsed().as_secs_f64());
    if options.compare > 0 {
        compare(&seen, &test, options)?;
    }
    println!(
        "\nResNet-20: {:.2} % of the test images are recognised (at least {:.1} % are required)",
        100.0 * accuracy,
        100.0 * options.require
    );
    if accuracy < options.require {
        eprintln!("resnet: that is too few; try more --epochs");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn main() -> ExitCode {
    let options = Options::parse();
    run::on_all_threads("resnet", || run(&options))
}
