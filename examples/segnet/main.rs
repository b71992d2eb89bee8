//! SegNet learns to name each pixel: on images that the program draws, or with `--data` on photographs.
//!
//! `cargo run --release --example segnet` (add `-- --help` for its options). It prints the mean intersection over union on images that were never seen, and
//! writes a picture of inputs, truth and answers.

mod drawn;
#[path = "../common/run.rs"]
mod run;

use clap::Parser;
use ndarray::{Array2, Array3, ArrayD, ArrayView2, Axis, s, stack};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;
use wengert::data::{Examples, Loader, class_counts, median_frequency_weights};
use wengert::metrics::ConfusionMatrix;
use wengert::nn::{Forward, Module, SegNet};
use wengert::optim::{Adam, OneCycleLr, Scheduler};
use wengert::train::{Bar, Fit, LogLine, PerBatch};
use wengert::vision::image::{ImageReadMode, distinct_colors, read_image, read_image_with, to_float, write_image};
use wengert::{CrossEntropyOptions, Indices, Tape, init};

/// Trains SegNet on images whose pixels have classes.
#[derive(Parser)]
struct Options {
    /// Directory with images of one size in `train/` and `val/`, and images of their classes, of the same names, in `trainannot/` and `valannot/` (CamVid's
    /// layout); without it, images are drawn
    #[arg(long)]
    data: Option<PathBuf>,
    /// With --data: the label of pixels that do not count
    #[arg(long, default_value_t = 11)]
    ignore: u8,
    /// Number of images that are drawn to train on
    #[arg(long, default_value_t = 4000, value_parser = clap::value_parser!(u32).range(1..))]
    images: u32,
    /// Height and width of the images that are drawn
    #[arg(long, default_value_t = 48, value_parser = clap::value_parser!(u32).range(16..=512))]
    size: u32,
    /// How often all training images are seen
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..))]
    epochs: u32,
    /// Images in a mini-batch
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    batch: u32,
    /// Learning rate at its highest
    #[arg(long, default_value_t = 4e-3)]
    lr: f64,
    /// Channels of each stage; SegNet-Basic has 64,64,64,64
    #[arg(long, value_delimiter = ',', default_value = "16,32,64,64")]
    channels: Vec<usize>,
    /// Seed of the images, the first weights and the order of the images
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The least mean intersection over union on images that were never seen [default: 0.9, or with --data 0]
    #[arg(long)]
    require: Option<f64>,
    /// File of the picture (PNG)
    #[arg(long, default_value = "target/segnet.png")]
    picture: PathBuf,
}

/// Images `[n, 3, height, width]` from -0.5 to 0.5, and the class of each pixel.
type Images = Examples<f32, Indices>;

fn main() -> ExitCode {
    let options = Options::parse();
    run::on_all_threads("segnet", || run(&options))
}

fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    if let Some(folder) = options.picture.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let (seen, test, names) = match &options.data {
        Some(directory) => {
            let (seen, test) = (folder(directory, "train")?, folder(directory, "val")?);
            let classes =
                [&seen, &test].iter().flat_map(|e| e.y.values()).filter(|y| **y != i64::from(options.ignore)).max().map_or(0, |y| y + 1);
            (seen, test, (0..classes).map(|c| c.to_string()).collect())
        }
        None => {
            let draw = |first: u64, n: u32| examples((0..n).map(|i| drawn::image(options.size as usize, first + u64::from(i))).collect());
            let first = options.seed << 32;
            (draw(first, options.images)?, draw(first + (1 << 31), 200)?, drawn::CLASSES.map(String::from).to_vec())
        }
    };
    let counts = class_counts(&seen.y, names.len(), Some(options.ignore.into()));
    let weights: Vec<f32> = median_frequency_weights(counts.view());
    println!("{} images of {:?} to train on, {} to test; weights of classes:", seen.len(), &seen.x.shape()[1..], test.len());
    for ((name, weight), count) in names.iter().zip(&weights).zip(counts.sum_axis(Axis(0))) {
        println!("  {name:<12} {weight:6.3}  ({count} pixels)");
    }

    let net = SegNet::with_channels(3, &options.channels, 7, names.len(), &mut init::seeded(options.seed));
    println!("SegNet with channels {:?}, {} numbers\n", options.channels, net.parameter_count());
    let loader = Loader::new(seen, options.batch as usize).shuffle(options.seed);
    let mut optimizer = Adam::new(options.lr);
    let schedule = Scheduler::new(&mut optimizer, OneCycleLr::new(options.lr, u64::from(options.epochs) * loader.len() as u64));
    let ignore_index = options.ignore.into();
    let start = Instant::now();
    Fit::with_loss(&net, &mut optimizer, |scores, classes: &Indices| {
        let weight = Some(scores.tape().constant(&weights));
        scores.cross_entropy_with(classes, CrossEntropyOptions { weight, ignore_index, ..Default::default() })
    })
    .epochs(options.epochs.into())
    .callback(PerBatch(schedule))
    .callback(Bar::new())
    .callback(LogLine::stdout())
    .run(&loader)?;
    println!("\ntrained in {:.0} s", start.elapsed().as_secs_f64());

    let mut confusion = ConfusionMatrix::with_names(names.clone()).ignoring(options.ignore.into());
    let mut tape = Tape::new();
    for batch in Loader::new(test.clone(), 20).epoch(0) {
        confusion.update_arrays(tape.no_grad(|| net.forward(tape.constant(&batch.x)).argmax(1, false)), &batch.y);
        tape.reset();
    }
    println!("\n{:<12}   IoU", "");
    for (class, name) in names.iter().enumerate() {
        println!("{name:<12} {:.4}", confusion.iou(class));
    }
    picture(&net, &test.first(6), &colors(names.len()), &options.picture)?;
    println!("\ninputs, truth and answers are in {}", options.picture.display());

    let (found, require) = (confusion.mean_iou(), options.require.unwrap_or(if options.data.is_some() { 0.0 } else { 0.9 }));
    println!("mean IoU {found:.4}, pixels {:.4} (mean IoU of at least {require} is required)", confusion.accuracy());
    if found.is_nan() || found < require {
        eprintln!("segnet: that is too little; try more --epochs");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// Arrays of all images and their classes.
fn examples(pairs: Vec<(Array3<u8>, Array2<u8>)>) -> Result<Images, Box<dyn Error>> {
    let (images, classes): (Vec<ArrayD<f32>>, Vec<Array2<u8>>) =
        pairs.into_iter().map(|(x, y)| ((to_float::<f32, _, _>(&x) - 0.5).into_dyn(), y)).unzip();
    let x = stack(Axis(0), &images.iter().map(|a| a.view()).collect::<Vec<_>>())?;
    let y = stack(Axis(0), &classes.iter().map(|a| a.view()).collect::<Vec<_>>())?;
    Ok(Examples { x, y: Indices::from(&y) })
}

/// The images in one of CamVid's folders, with the images of their classes.
fn folder(directory: &Path, name: &str) -> Result<Images, Box<dyn Error>> {
    let (images, classes) = (directory.join(name), directory.join(format!("{name}annot")));
    let entries = std::fs::read_dir(&images).map_err(|why| format!("{}: {why}", images.display()))?;
    let mut names = entries.map(|e| Ok(e?.file_name())).collect::<Result<Vec<_>, std::io::Error>>()?;
    names.sort();
    let mut pairs: Vec<(Array3<u8>, Array2<u8>)> = Vec::new();
    for name in names {
        let file = classes.join(&name);
        let (image, labels) = (read_image_with(images.join(&name), ImageReadMode::Rgb)?, read_image(&file)?);
        if labels.dim() != (1, image.dim().1, image.dim().2) {
            return Err(format!(
                "{}: shape {:?} in place of a gray image of the size of {:?}",
                file.display(),
                labels.shape(),
                image.shape()
            )
            .into());
        }
        if pairs.first().is_some_and(|(first, _)| first.dim() != image.dim()) {
            return Err(format!("{}: shape {:?} is not that of the first image", images.join(&name).display(), image.shape()).into());
        }
        pairs.push((image, labels.index_axis_move(Axis(0), 0)));
    }
    if pairs.is_empty() {
        return Err(format!("{}: no images", images.display()).into());
    }
    examples(pairs)
}

/// A color for each class, and a gray for pixels that do not count.
fn colors(classes: usize) -> Vec<[u8; 3]> {
    let few = [[232, 236, 241], [86, 160, 211], [240, 173, 78], [92, 184, 135], [201, 120, 166]];
    if classes <= few.len() { few[..classes].to_vec() } else { distinct_colors(classes, 1) }
}

/// A row for each image: the input, the true classes, and those that the network gives.
fn picture(net: &SegNet, images: &Images, colors: &[[u8; 3]], path: &Path) -> Result<(), Box<dyn Error>> {
    let tape = Tape::new();
    let found = tape.no_grad(|| net.forward(tape.constant(&images.x)).argmax(1, false));
    let (n, height, width) = (images.x.shape()[0], images.x.shape()[2], images.x.shape()[3]);
    let scale = (160 / width).max(1);
    let (high, wide, gap) = (height * scale, width * scale, 8);
    let mut sheet = Array3::from_elem((3, n * (high + gap) + gap, 3 * (wide + gap) + gap), 255u8);
    let classes = |i: &Indices| Array3::from_shape_vec((n, height, width), i.values().to_vec());
    let (truth, answer) = (classes(&images.y)?, classes(&found)?);
    let named = |classes: ArrayView2<'_, i64>| {
        let color = |c: i64| usize::try_from(c).ok().and_then(|c| colors.get(c)).copied().unwrap_or([120; 3]);
        Array3::from_shape_fn((3, height, width), |(k, y, x)| color(classes[[y, x]])[k])
    };
    for i in 0..n {
        let input = images.x.slice(s![i, .., .., ..]).mapv(|x| ((x + 0.5) * 255.0).round() as u8);
        for (column, small) in [input, named(truth.index_axis(Axis(0), i)), named(answer.index_axis(Axis(0), i))].iter().enumerate() {
            let (top, left) = (gap + i * (high + gap), gap + column * (wide + gap));
            let large = Array3::from_shape_fn((3, high, wide), |(k, y, x)| small[[k, y / scale, x / scale]]);
            sheet.slice_mut(s![.., top..top + high, left..left + wide]).assign(&large);
        }
    }
    Ok(write_image(path, &sheet)?)
}
