//! Trains the book's convolutional networks on MNIST: SimpleConvNet, or with `--deep` DeepConvNet.
//!
//! `cargo run --release --example mnist_cnn -- --data DIR` (add `--help` for its options); DIR holds the four IDX files, gzipped or not.

#[path = "common/run.rs"]
mod run;

use clap::Parser;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;
use wengert::data::{Augment, Loader, mnist};
use wengert::metrics::{ConfusionMatrix, predictions};
use wengert::nn::{Conv2d, DeepConvNet, Forward, SimpleConvNet};
use wengert::optim::{Adam, AdamOptions, OneCycleLr, Scheduler};
use wengert::plot::{Curves, confusion, feature_maps, filters};
use wengert::train::{Bar, Fit, LogLine, PerBatch};
use wengert::{Tape, init};

/// Trains the book's SimpleConvNet, or DeepConvNet, on MNIST.
#[derive(Parser)]
struct Options {
    /// Directory of the four IDX files
    #[arg(long)]
    data: PathBuf,
    /// DeepConvNet: six convolutions and dropout, instead of one convolution
    #[arg(long)]
    deep: bool,
    /// Seed of the first weights, the order of the images, their shifts and dropout
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How often all training images are seen [default: 12, or with --deep 30]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    epochs: Option<u32>,
    /// Images in a mini-batch
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    batch: u32,
    /// Learning rate at its highest
    #[arg(long, default_value_t = 2e-3)]
    lr: f64,
    /// The least share of the test images that must be recognised [default: 0.975, or with --deep 0.985]
    #[arg(long)]
    require: Option<f64>,
    /// Directory for pictures: curves, confusion matrix, filters and what they make of an image
    #[arg(long)]
    plots: Option<PathBuf>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    run::on_all_threads("mnist_cnn", || run(&options))
}

fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let rng = &mut init::seeded(options.seed);
    if options.deep {
        let net = DeepConvNet::new(rng);
        train("DeepConvNet", &net, &net.convs()[0], options)
    } else {
        let net = SimpleConvNet::new(rng);
        train("SimpleConvNet", &net, net.conv1(), options)
    }
}

/// Trains a network, whose first layer is looked at afterwards.
fn train(name: &str, model: &dyn Forward, first: &Conv2d, options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let (seen, test) = mnist(&options.data)?;
    let epochs = u64::from(options.epochs.unwrap_or(if options.deep { 30 } else { 12 }));
    let require = options.require.unwrap_or(if options.deep { 0.985 } else { 0.975 });
    println!("{name} on {} images, {} to test it; {epochs} epochs, seed {}.\n", seen.len(), test.len(), options.seed);
    println!("{}\n", model.summary(&[1, 1, 28, 28]));

    let augment = Augment::new(options.seed).shift(2);
    let loader = Loader::new(seen, options.batch as usize).shuffle(options.seed).augment(augment);
    let mut optimizer = Adam::with(AdamOptions { lr: options.lr, weight_decay: 0.05, decoupled_weight_decay: true, ..Default::default() });
    let schedule = Scheduler::new(&mut optimizer, OneCycleLr::new(options.lr, epochs * loader.len() as u64));
    let start = Instant::now();
    let history = Fit::new(model, &mut optimizer)
        .epochs(epochs)
        .validate(&test)
        .callback(PerBatch(schedule))
        .callback(Bar::new())
        .callback(LogLine::stdout())
        .run(&loader)?;
    println!("\ntrained in {:.1} s\n", start.elapsed().as_secs_f64());

    let (mut matrix, mut tape) = (ConfusionMatrix::new(10), Tape::new());
    for batch in Loader::new(test.clone(), 250).epoch(0) {
        matrix.update(&tape.no_grad(|| predictions(model.forward(tape.constant(&batch.x)))), &batch.y);
        tape.reset();
    }
    println!("{matrix}\n");

    if let Some(directory) = &options.plots {
        std::fs::create_dir_all(directory)?;
        let series = |name| history.get(name).expect("of each epoch");
        Curves::new(format!("{name}: loss"), "epoch", "cross entropy")
            .series("training", series("loss"))
            .series("test", series("val_loss"))
            .log_scale()
            .draw()
            .save(directory.join("loss.svg"))?;
        Curves::new(format!("{name}: accuracy"), "epoch", "share recognised")
            .series("training", series("accuracy"))
            .series("test", series("val_accuracy"))
            .draw()
            .save(directory.join("accuracy.svg"))?;
        confusion(&format!("{name} on test images"), &matrix).save(directory.join("confusion.svg"))?;
        filters(&format!("{name}: filters of the first layer"), first.weight.to_array()).save(directory.join("filters.svg"))?;
        let maps = first.forward(tape.constant(test.first(1).x)).relu();
        feature_maps(&format!("{name}: what the filters make of a {}", test.y[0]), maps.to_array()).save(directory.join("features.svg"))?;
        println!("pictures are in {}", directory.display());
    }
    println!("{:.2} % of the test images are recognised (at least {:.1} % are required)", 100.0 * matrix.accuracy(), 100.0 * require);
    if matrix.accuracy() < require {
        eprintln!("mnist_cnn: that is too few; try more --epochs");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}
