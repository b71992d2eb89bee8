//! Transfer learning: a network that was trained on photographs learns to tell other images apart, from few of them.
//!
//! `cargo run --release --example transfer -- --weights mobilenet_v2.safetensors` (add `--help` for its options). The weights are
//! torchvision's MobileNetV2, ImageNet-1k, as safetensors with PyTorch's names. Three heads are compared, each one layer: on raw pixels, on
//! the frozen network's features, and on the features while the network's last block is trained along.

#[path = "common/run.rs"]
mod run;

use clap::Parser;
use ndarray::{ArrayD, Axis, concatenate};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;
use wengert::data::{Examples, Loader, Normalization, digits, mnist};
use wengert::io::{self, IoError};
use wengert::nn::{Forward, Linear, MobileNetV2, Module, Visitor};
use wengert::optim::{Adam, CosineAnnealingLr, Scheduler};
use wengert::train::{Bar, Fit, PerBatch};
use wengert::{InterpolateMode, InterpolateOptions, Tape, Var, init};

/// Trains a new head on MobileNetV2's features of small grey images.
#[derive(Parser)]
struct Options {
    /// torchvision's MobileNetV2 as safetensors
    #[arg(long)]
    weights: PathBuf,
    /// JSON list of the 1,000 logits for linspace(-2, 2, 3*224*224), to check the network against PyTorch
    #[arg(long)]
    check: Option<PathBuf>,
    /// Directory of four IDX files (MNIST, Fashion-MNIST); without it, the embedded digits
    #[arg(long)]
    data: Option<PathBuf>,
    /// With --data: only so many training images, and half as many to test
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(10..))]
    images: u32,
    /// Images are enlarged to so many pixels
    #[arg(long, default_value_t = 96, value_parser = clap::value_parser!(u32).range(32..=224))]
    size: u32,
    /// Seed of the heads and of the order of images
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How often each head sees all training images
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    epochs: u32,
}

/// Blocks of MobileNetV2 that stay as they are; what comes after is the last block and the last convolution.
const FROZEN: usize = 17;

/// The end of the network with a head of its own: what is fine-tuned. It sees what the frozen blocks give.
struct Tail<'m> {
    network: &'m MobileNetV2,
    head: Linear,
}

impl Forward for Tail<'_> {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.head.forward(end(self.network, x))
    }
}
impl Module for Tail<'_> {
    fn visit(&self, v: &mut Visitor<'_>) {
        for (i, block) in self.network.features.iter().enumerate().skip(FROZEN) {
            v.module(&format!("features.{i}"), block);
        }
        v.module("head", &self.head);
    }
}

/// What the head sees, of what the frozen blocks give.
fn end<'t>(network: &MobileNetV2, x: Var<'t>) -> Var<'t> {
    network.features.iter().skip(FROZEN).fold(x, |x, block| block.forward(x)).adaptive_avg_pool2d([1, 1]).flatten(1, -1)
}

/// Grey images 0..1 as the network knows photographs: enlarged, three channels, with the mean and spread of ImageNet.
fn as_photographs<'t>(images: Var<'t>, size: usize) -> Var<'t> {
    let sizes = [size, size];
    let options = InterpolateOptions { size: Some(&sizes), mode: InterpolateMode::Linear, ..Default::default() };
    let large = images.interpolate(options).expand([-1, 3, -1, -1]);
    let tape = images.tape();
    let channels = |numbers: [f32; 3]| tape.constant(numbers).reshape([3, 1, 1]);
    (large - channels([0.485, 0.456, 0.406])) / channels([0.229, 0.224, 0.225])
}

/// What a function makes of all images, batch by batch.
fn each_batch(images: &ArrayD<f32>, f: impl for<'t> Fn(Var<'t>) -> Var<'t>) -> ArrayD<f32> {
    let mut tape = Tape::new();
    let mut parts = Vec::new();
    for batch in images.axis_chunks_iter(Axis(0), 50) {
        parts.push(tape.no_grad(|| f(tape.constant(batch)).to_array()));
        tape.reset();
    }
    concatenate(Axis(0), &parts.iter().map(|p| p.view()).collect::<Vec<_>>()).expect("parts of one shape")
}

/// Trains on examples and gives the share of the test's that are recognised.
fn train(model: &dyn Forward, seen: &Examples, test: &Examples, lr: f64, options: &Options) -> Result<f64, IoError> {
    let loader = Loader::new(seen.clone(), 50).shuffle(options.seed);
    let mut optimizer = Adam::new(lr);
    let schedule = Scheduler::new(&mut optimizer, CosineAnnealingLr::new(u64::from(options.epochs) * loader.len() as u64));
    let fit = Fit::new(model, &mut optimizer).epochs(options.epochs.into()).validate(test);
    let history = fit.callback(PerBatch(schedule)).callback(Bar::new()).run(&loader)?;
    Ok(history.last("val_accuracy").unwrap_or(f64::NAN))
}

/// The largest distance of the network's logits from those of PyTorch.
fn distance_from_pytorch(network: &MobileNetV2, logits: &Path) -> Result<f32, Box<dyn Error>> {
    let expected: Vec<f32> = serde_json::from_str(&std::fs::read_to_string(logits)?)?;
    let n = 3 * 224 * 224;
    let x: Vec<f32> = (0..n).map(|i| (-2.0 + 4.0 * f64::from(i) / f64::from(n - 1)) as f32).collect();
    let tape = Tape::new();
    let found = tape.no_grad(|| network.forward(tape.constant(x).reshape([1, 3, 224, 224]))).to_vec();
    if found.len() != expected.len() {
        return Err(format!("{}: {} logits where {} are needed", logits.display(), expected.len(), found.len()).into());
    }
    Ok(found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max))
}

fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let network = MobileNetV2::new(1000, &mut init::seeded(options.seed));
    io::load_into(&options.weights, &network)?;
    network.freeze();
    network.eval();
    if let Some(path) = &options.check {
        let distance = distance_from_pytorch(&network, path)?;
        println!("logits for linspace(-2, 2, 3*224*224): at most {distance:.1e} from PyTorch's (1e-3 are allowed)");
        if distance.is_nan() || distance > 1e-3 {
            eprintln!("transfer: that is too far: are these the weights of the logits?");
            return Ok(ExitCode::FAILURE);
        }
    }

    let (seen, test) = match &options.data {
        Some(directory) => {
            let (seen, test) = mnist(directory)?;
            let n = options.images as usize;
            (seen.first(n), test.first(n / 2))
        }
        None => {
            let (seen, test) = digits().split();
            (Examples::from(seen), Examples::from(test))
        }
    };
    println!("{} images to train on, {} to test, enlarged to {}x{}", seen.len(), test.len(), options.size, options.size);

    // The frozen blocks always give the same: each image goes through them once.
    let start = Instant::now();
    let frozen = |images: &ArrayD<f32>| {
        each_batch(images, |x| {
            network.features.iter().take(FROZEN).fold(as_photographs(x, options.size as usize), |x, block| block.forward(x))
        })
    };
    let blocks = [&seen, &test].map(|e| Examples::new(frozen(&e.x), e.y.clone()));
    println!("the frozen blocks took {:.1} s\n", start.elapsed().as_secs_f64());

    let rng = &mut init::seeded(options.seed);
    let flat = |e: &Examples| Examples::new(each_batch(&e.x, |x| x.flatten(1, -1)), e.y.clone());
    let mut pixels = [&seen, &test].map(flat);
    let normalization = Normalization::fit(&pixels[0].x);
    pixels.iter_mut().for_each(|e| normalization.apply(&mut e.x));
    let on_pixels = train(&Linear::new(pixels[0].x.shape()[1], 10, rng), &pixels[0], &pixels[1], 1e-2, options)?;
    println!("head on raw pixels:         {:>6.2} %", 100.0 * on_pixels);

    let features = [&blocks[0], &blocks[1]].map(|e| Examples::new(each_batch(&e.x, |x| end(&network, x)), e.y.clone()));
    let head = Linear::new(1280, 10, rng);
    let on_features = train(&head, &features[0], &features[1], 1e-2, options)?;
    println!("head on frozen features:    {:>6.2} %", 100.0 * on_features);

    let tail = Tail { network: &network, head };
    tail.unfreeze();
    let fine_tuned = train(&tail, &blocks[0], &blocks[1], 1e-3, options)?;
    println!("last block trained along:   {:>6.2} %   ({:.1} s in all)", 100.0 * fine_tuned, start.elapsed().as_secs_f64());
    if on_features <= on_pixels || fine_tuned <= on_features {
        eprintln!("transfer: one did not beat the one before; try more --epochs or --images");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn main() -> ExitCode {
    let options = Options::parse();
    run::on_all_threads("transfer", || run(&options))
}
