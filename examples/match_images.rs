//! Where does one picture lie in another? Keypoints of both are matched, and the homography is found on which most matches agree.
//!
//! `cargo run --release --example match_images -- A B` writes `target/matches.png`: both pictures side by side, the matches that agree as lines, and
//! the outline of A in B. Without pictures it takes one of a cat, and makes the second one itself: turned, smaller, darker and noisy; then it
//! compares the homography found with the true one, and fails if they differ. `-- --help` shows the options.

#[path = "common/run.rs"]
mod run;

use clap::Parser;
use ndarray::{Array2, Array3, Axis, s};
use rand::RngExt;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;
use wengert::init::seeded;
use wengert::vision::features::{
    FoundHomography, Homography, Keypoint, MatchOptions, RansacOptions, Sift, Surf, find_homography, match_descriptors,
};
use wengert::vision::image::{distinct_colors, draw_line, draw_polygon, read_image, to_gray, to_rgb, write_image};

/// Matches two pictures of the same thing.
#[derive(Parser)]
struct Options {
    /// A PNG, JPEG or PNM picture, and one in which it is looked for
    #[arg(num_args = 2, value_names = ["A", "B"])]
    pictures: Vec<PathBuf>,
    /// Finds keypoints by SURF, not SIFT
    #[arg(long)]
    surf: bool,
    /// How much nearer than the second nearest descriptor the nearest must be
    #[arg(long, default_value_t = 0.75)]
    ratio: f64,
    /// Pixels by which a match may miss the homography
    #[arg(long, default_value_t = 3.0)]
    threshold: f64,
    /// Seed of the samples, and of the noise
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the picture is written
    #[arg(long, default_value = "target/matches.png")]
    out: PathBuf,
}

/// The pixels by which corners may miss in the picture that is made here.
const MISS: f64 = 1.0;

/// The view of a picture through a homography, by linear interpolation, with less light and noise.
fn seen(picture: &Array3<u8>, h: &Homography, seed: u64) -> Array3<u8> {
    let (mut rng, back) = (seeded(seed), h.inverse().expect("it turns and shrinks"));
    let (_, height, width) = picture.dim();
    Array3::from_shape_fn(picture.dim(), |(c, y, x)| {
        let [u, v] = back.apply([x as f64, y as f64]);
        let light = if u < 0.0 || v < 0.0 || u > (width - 1) as f64 || v > (height - 1) as f64 {
            0.0
        } else {
            let (i, j) = ((v as usize).min(height - 2), (u as usize).min(width - 2));
            let (dv, du) = (v - i as f64, u - j as f64);
            let row = |i: usize| (1.0 - du) * f64::from(picture[[c, i, j]]) + du * f64::from(picture[[c, i, j + 1]]);
            0.8 * ((1.0 - dv) * row(i) + dv * row(i + 1))
        };
        let noise: f64 = (0..12).map(|_| rng.random_range(-0.5..0.5)).sum(); // about normal, of variance 1
        (light + 10.0 + 4.0 * noise).round().clamp(0.0, 255.0) as u8
    })
}

/// Turned by 25 degrees about its middle, and 0.8 times as large; a little in perspective.
fn made(picture: &Array3<u8>) -> Homography {
    let (_, height, width) = picture.dim();
    let (x, y) = (width as f64 / 2.0, height as f64 / 2.0);
    let (sin, cos) = (25f64.to_radians().sin() * 0.8, 25f64.to_radians().cos() * 0.8);
    Homography([[cos, -sin, x - cos * x + sin * y], [sin, cos, y - sin * x - cos * y], [1e-4, 0.0, 1.0]])
}

fn gray(picture: &Array3<u8>) -> Array2<u8> {
    to_gray(picture).index_axis_move(Axis(0), 0)
}

/// Both pictures side by side, matches that agree as lines, and the outline of the first in the second.
fn drawn(a: &Array3<u8>, b: &Array3<u8>, pairs: &[([f64; 2], [f64; 2])], found: Option<&FoundHomography>) -> Array3<u8> {
    let [a, b] = [a, b].map(to_rgb);
    let ((_, ha, wa), (_, hb, wb)) = (a.dim(), b.dim());
    let mut image = Array3::zeros((3, ha.max(hb), wa + wb));
    image.slice_mut(s![.., ..ha, ..wa]).assign(&a);
    image.slice_mut(s![.., ..hb, wa..]).assign(&b);
    let Some(found) = found else { return image };
    let beside = |[x, y]: [f64; 2]| [x + wa as f64, y];
    let colors = distinct_colors(pairs.len(), 1);
    for ((from, to), color) in pairs.iter().zip(colors).zip(&found.inliers).filter(|(_, inlier)| **inlier).map(|(pair, _)| pair) {
        draw_line(&mut image, *from, beside(*to), color, 1);
    }
    let corners = corners(&a).map(|corner| found.homography.apply(corner));
    // A corner near the horizon may lie anywhere.
    if corners.iter().flatten().all(|c| c.abs() < 1e5) {
        draw_polygon(&mut image, &corners.map(beside), [255, 255, 0], 3);
    }
    image
}

fn corners(picture: &Array3<u8>) -> [[f64; 2]; 4] {
    let (_, height, width) = picture.dim();
    let (x, y) = ((width - 1) as f64, (height - 1) as f64);
    [[0.0, 0.0], [x, 0.0], [x, y], [0.0, y]]
}

fn match_pictures(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    if let Some(folder) = options.out.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let (a, b, truth) = match &options.pictures[..] {
        [a, b] => (read_image(a)?, read_image(b)?, None),
        _ => {
            let a = to_rgb(&read_image(concat!(env!("CARGO_MANIFEST_DIR"), "/data/cat.png"))?);
            let truth = made(&a);
            let b = seen(&a, &truth, options.seed);
            (a, b, Some(truth))
        }
    };
    let start = Instant::now();
    let find = |picture: &Array3<u8>| -> (Vec<Keypoint>, Array2<f32>) {
        let picture = gray(picture);
        if options.surf { Surf::new().detect_and_compute(picture.view()) } else { Sift::new().detect_and_compute(picture.view()) }
    };
    let ((keys_a, descriptors_a), (keys_b, descriptors_b)) = (find(&a), find(&b));
    let described = start.elapsed();
    let how = MatchOptions { max_ratio: options.ratio, ..Default::default() };
    let matches = match_descriptors(descriptors_a.view(), descriptors_b.view(), how);
    let place = |k: &Keypoint| [k.x, k.y].map(f64::from);
    let pairs: Vec<_> = matches.iter().map(|m| (place(&keys_a[m.first]), place(&keys_b[m.second]))).collect();
    let (from, to): (Vec<_>, Vec<_>) = pairs.iter().copied().unzip();
    println!("keypoints: {} and {} in {:.0} ms; {} matches", keys_a.len(), keys_b.len(), described.as_secs_f64() * 1e3, matches.len());
    let ransac = RansacOptions { threshold: options.threshold, seed: options.seed, ..Default::default() };
    let found = find_homography(&from, &to, ransac);
    write_image(&options.out, &drawn(&a, &b, &pairs, found.as_ref().ok()))?;
    let found = found?;
    println!("{} of them agree on a homography, after {} samples", found.count(), found.trials);
    found.homography.0.iter().for_each(|row| println!("  {:12.6} {:12.6} {:12.6}", row[0], row[1], row[2]));
    println!("{} shows them", options.out.display());
    let Some(truth) = truth else { return Ok(ExitCode::SUCCESS) };
    let miss = corners(&a).map(|c| {
        let ([x, y], [u, v]) = (truth.apply(c), found.homography.apply(c));
        (x - u).hypot(y - v)
    });
    let worst = miss.into_iter().fold(0.0, f64::max); // leaves out NaN
    println!("the corners of the first picture are found to {worst:.2} pixels (allowed: {MISS})");
    Ok(if miss.iter().all(|m| *m <= MISS) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn main() -> ExitCode {
    let options = Options::parse();
    run::on_all_threads("match_images", || match_pictures(&options))
}
