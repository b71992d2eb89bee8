//! Object detection: a Faster R-CNN learns to find drawn shapes, or the objects of your own images.
//!
//! `cargo run --release --example faster_rcnn` (add `--help` for its options). Without `--data` it draws disks, rectangles, triangles and rings of any color, size
//! and overlap on a noisy ground. It prints COCO's average precision on images that were never learned from, and exits with 1 if AP50 is below `--require`.

#[path = "common/run.rs"]
mod run;
#[path = "common/shapes.rs"]
mod shapes;

use clap::Parser;
use ndarray::{Array3, ArrayD, Axis};
use rand::RngExt;
use rand::seq::SliceRandom;
use rayon::prelude::*;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;
use wengert::nn::{BatchNorm2d, Conv2d, MobileNetV2, Module, Relu, Sequential};
use wengert::optim::{Adam, OneCycleLr, Scheduler, clip_grad_norm};
use wengert::prelude::*;
use wengert::vision::AnchorGenerator;
use wengert::vision::coco::{Instances, MeanAveragePrecision, Summary};
use wengert::vision::detection::{BoxTarget, FasterRcnn, FasterRcnnOptions, Frozen, ImageList, ProposalFilter, Pyramid};
use wengert::vision::image::{ImageReadMode, distinct_colors, draw_bounding_boxes, read_image_with, write_image};
use wengert::{init, io};

/// Learns to find objects in images.
#[derive(Parser)]
struct Options {
    /// How many steps are taken
    #[arg(long, default_value_t = 1500, value_parser = clap::value_parser!(u64).range(1..))]
    steps: u64,
    /// Images in a step
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    batch: u32,
    /// The largest learning rate
    #[arg(long, default_value_t = 2e-3)]
    lr: f64,
    /// Seed of weights, images and their order
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Height and width of drawn images
    #[arg(long, default_value_t = 96, value_parser = clap::value_parser!(u32).range(64..=512))]
    size: u32,
    /// Exit with 1 if AP50 on the test images is below this
    #[arg(long, default_value_t = 0.9)]
    require: f64,
    /// A directory of images with `annotations.json`, COCO's file of instances; every tenth image is for the test
    #[arg(long)]
    data: Option<PathBuf>,
    /// torchvision's MobileNetV2 as safetensors: begin with its features, for photographs
    #[arg(long)]
    weights: Option<PathBuf>,
    /// Write test images with the boxes that were found into this directory
    #[arg(long)]
    pictures: Option<PathBuf>,
    /// Write the trained weights into this file
    #[arg(long)]
    save: Option<PathBuf>,
}

/// An image and its objects.
struct Sample {
    /// `[3, height, width]`
    image: Array3<u8>,
    target: BoxTarget,
}

/// What is learned from, what is tested on, and the names of the classes from 1 on.
struct Samples {
    train: Vec<Sample>,
    test: Vec<Sample>,
    names: Vec<String>,
}

fn drawn(options: &Options) -> Samples {
    let draw = |seed: u64, count: u64| -> Vec<Sample> {
        let draw_one = |i: u64| {
            let (image, boxes, labels) = shapes::draw(options.size as usize, &mut init::seeded(seed.wrapping_add(i)));
            Sample { image, target: BoxTarget { boxes, labels } }
        };
        (0..count).into_par_iter().map(draw_one).collect()
    };
    let first = options.seed.wrapping_mul(1_000_003);
    Samples {
        train: draw(first, 2000),
        test: draw(first.wrapping_add(1_000_000), 200), // other seeds than those of any image to train on
        names: shapes::NAMES.map(String::from).to_vec(),
    }
}

fn read(directory: &Path) -> Result<Samples, Box<dyn Error>> {
    let instances = Instances::read(directory.join("annotations.json"))?;
    let objects = instances.objects();
    let class = |id: usize| instances.categories.iter().position(|c| c.id == id).expect("a category of the file") + 1; // 0 is the background
    let mut samples = Samples { train: Vec::new(), test: Vec::new(), names: instances.categories.iter().map(|c| c.name.clone()).collect() };
    for (i, of) in instances.images.iter().enumerate() {
        let image = read_image_with(directory.join(&of.file_name), ImageReadMode::Rgb)?;
        let mut target = BoxTarget::none();
        if let Some(objects) = objects.get(&of.id) {
            for (j, &[x, y, w, h]) in objects.boxes.iter().enumerate() {
                // A crowd is no object, and some files hold boxes without area.
                if !objects.crowd.get(j).copied().unwrap_or(false) && w > 0.0 && h > 0.0 {
                    target.boxes.push_row(ndarray::aview1(&[x, y, x + w, y + h].map(|x| x as f32)))?;
                    target.labels.push(class(objects.labels[j]));
                }
            }
        }
        let part = if i % 10 == 9 { &mut samples.test } else { &mut samples.train };
        part.push(Sample { image, target });
    }
    if samples.train.is_empty() || samples.test.is_empty() {
        return Err(format!("{}: ten images are needed at least, every tenth for the test", directory.display()).into());
    }
    Ok(samples)
}

/// Mean and deviation of ImageNet's colors.
const COLORS: [(f32, f32); 3] = [(0.485, 0.229), (0.456, 0.224), (0.406, 0.225)];

/// Images as the network sees them; perhaps mirrored.
fn batch<'t>(tape: &'t Tape, samples: &[&Sample], mirrored: &[bool]) -> (ImageList<'t>, Vec<BoxTarget>) {
    let of = |(sample, &mirrored): (&&Sample, &bool)| -> (ArrayD<f32>, BoxTarget) {
        let mut image = sample.image.mapv(|x| f32::from(x) / 255.0);
        for (mut plane, (mean, deviation)) in image.axis_iter_mut(Axis(0)).zip(COLORS) {
            plane.mapv_inplace(|x| (x - mean) / deviation);
        }
        let mut target = sample.target.clone();
        if mirrored {
            image.invert_axis(Axis(2));
            let width = image.shape()[2] as f32;
            target.boxes.rows_mut().into_iter().for_each(|mut b| (b[0], b[2]) = (width - b[2], width - b[0]));
        }
        (image.into_dyn(), target)
    };
    let (images, targets): (Vec<_>, Vec<_>) = samples.iter().zip(mirrored).map(of).unzip();
    (ImageList::pad(tape, &images, 32), targets)
}

fn network(options: &Options, classes: usize) -> Result<FasterRcnn, Box<dyn Error>> {
    let rng = &mut init::seeded(options.seed);
    let mut settings = FasterRcnnOptions { representation_size: 128, ..FasterRcnnOptions::default() };
    settings.rpn.sampler.batch_size_per_image = 128;
    settings.rpn.train = ProposalFilter::new(400, 150);
    settings.rpn.test = ProposalFilter::new(400, 100);
    settings.roi_heads.sampler.batch_size_per_image = 64;
    let ratios = vec![0.5, 1.0, 2.0];
    if let Some(weights) = &options.weights {
        let network = MobileNetV2::new(1000, rng);
        io::load_into(weights, &network)?;
        network.eval();
        settings.anchors = AnchorGenerator::new(vec![vec![16.0, 32.0], vec![48.0, 64.0], vec![96.0, 128.0]], ratios);
        settings.box_roi_pool.canonical_scale = 64.0;
        // Maps of strides 8, 16 and 32. The batch norms keep ImageNet's statistics: a batch has few images.
        let backbone = Frozen(Pyramid::new(network.features, &[(6, 32), (13, 96), (17, 320)], 64, rng));
        return Ok(FasterRcnn::new(backbone, classes, settings, rng));
    }
    let mut body = Sequential::new();
    for (from, to, stride) in [(3, 16, 2), (16, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1)] {
        let conv = Conv2d::new(from, to, 3, rng).stride(stride).padding(1).without_bias();
        body = body.push(Sequential::new().push(conv).push(BatchNorm2d::new(to)).push(Relu));
    }
    settings.anchors = AnchorGenerator::new(vec![vec![12.0, 18.0], vec![27.0, 40.0]], ratios);
    settings.box_roi_pool.canonical_scale = 24.0; // sides below 24 are read from the map of stride 4
    settings.box_roi_pool.canonical_level = 3;
    Ok(FasterRcnn::new(Pyramid::new(body, &[(2, 32), (4, 64)], 48, rng), classes, settings, rng))
}

fn train(model: &FasterRcnn, samples: &[Sample], options: &Options) -> Result<(), Box<dyn Error>> {
    let mut optimizer = Adam::new(options.lr);
    let mut schedule = Scheduler::new(&mut optimizer, OneCycleLr::new(options.lr, options.steps));
    let (mut tape, params, rng) = (Tape::new(), model.parameters(), &mut init::seeded(options.seed));
    let (mut order, mut means, start) = (Vec::new(), [0.0; 4], Instant::now());
    for step in 1..=options.steps {
        while order.len() < options.batch as usize {
            let mut all: Vec<usize> = (0..samples.len()).collect();
            all.shuffle(rng);
            order.extend(all);
        }
        let chosen: Vec<&Sample> = order.drain(..options.batch as usize).map(|i| &samples[i]).collect();
        let mirrored: Vec<bool> = chosen.iter().map(|_| rng.random()).collect();
        let (images, targets) = batch(&tape, &chosen, &mirrored);
        let losses = model.losses(&images, &targets)?;
        let mut grads = tape.backward(losses.total());
        let parts = [losses.objectness, losses.rpn_box_reg, losses.classifier, losses.box_reg].map(|loss| f64::from(loss.item()));
        tape.reset();
        clip_grad_norm(&mut grads, 5.0);
        optimizer.step(&params, &grads);
        schedule.step(&mut optimizer);
        tape.recycle(grads);
        means.iter_mut().zip(parts).for_each(|(mean, x)| *mean += (x - *mean) / (step as f64).min(100.0));
        if step % 100 == 0 || step == options.steps {
            let [objectness, rpn_box, classifier, boxes] = means;
            let seconds = start.elapsed().as_secs_f64();
            println!(
                "step {step:>5}  objectness {objectness:.3}  rpn boxes {rpn_box:.3}  classes {classifier:.3}  boxes {boxes:.3}  {seconds:>4.0} s"
            );
        }
    }
    Ok(())
}

/// Measures on images that were not learned from, and draws what was found in the first of them.
fn test(model: &FasterRcnn, samples: &Samples, options: &Options) -> Result<Summary, Box<dyn Error>> {
    let (mut tape, mut precision) = (Tape::new(), MeanAveragePrecision::new());
    let colors = distinct_colors(samples.names.len(), 1);
    for (i, sample) in samples.test.iter().enumerate() {
        let (images, _) = batch(&tape, &[sample], &[false]);
        let found = model.detect(&images).swap_remove(0);
        tape.reset();
        precision.update(&found.to_coco(), &sample.target.to_coco());
        if let Some(directory) = options.pictures.as_ref().filter(|_| i < 12) {
            let (mut picture, sure) = (sample.image.clone(), found.above(0.5));
            let boxes: Vec<[f64; 4]> = sure.boxes.rows().into_iter().map(|b| [0, 1, 2, 3].map(|k| f64::from(b[k]))).collect();
            let colors: Vec<[u8; 3]> = sure.labels.iter().map(|&l| colors[l - 1]).collect();
            draw_bounding_boxes(&mut picture, &boxes, &colors, 1);
            write_image(directory.join(format!("{i}.png")), &picture)?;
        }
    }
    Ok(precision.compute())
}

fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let samples = match &options.data {
        Some(directory) => read(directory)?,
        None => drawn(options),
    };
    if let Some(directory) = &options.pictures {
        fs::create_dir_all(directory)?;
    }
    if let Some(folder) = options.save.as_deref().and_then(Path::parent) {
        fs::create_dir_all(folder)?;
    }
    let objects = |samples: &[Sample]| samples.iter().map(|s| s.target.labels.len()).sum::<usize>();
    println!("{} images with {} objects to learn from", samples.train.len(), objects(&samples.train));
    println!("{} images with {} objects to test on; classes: {}", samples.test.len(), objects(&samples.test), samples.names.join(", "));
    let model = network(options, samples.names.len() + 1)?;
    println!("{} parameters\n", model.parameter_count());

    let start = Instant::now();
    train(&model, &samples.train, options)?;
    let summary = test(&model, &samples, options)?;
    println!("\n{summary}");
    println!("AP50 {:.3}, AP {:.3} ({:.0} s in all)", summary.ap50, summary.ap, start.elapsed().as_secs_f64());
    for (&label, ap) in &summary.by_category {
        println!("  {:<10} AP {ap:.3}", samples.names[label - 1]);
    }
    if let Some(file) = &options.save {
        io::save(file, &model.state())?;
    }
    if summary.ap50 < options.require {
        eprintln!("faster_rcnn: AP50 is below {}; try more --steps", options.require);
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn main() -> ExitCode {
    let options = Options::parse();
    run::on_all_threads("faster_rcnn", || run(&options))
}
