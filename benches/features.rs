//! SIFT, SURF and HOG of a gray picture, in milliseconds: `cargo bench --bench features -- picture.png`, and beside OpenCV and scikit-image
//! `python benches/features.py`.
//!
//! The least of many times, in f32. With `--json`, a line of JSON for each.

use std::hint::black_box;
use std::time::{Duration, Instant};
use wengert::Tape;
use wengert::ndarray::Axis;
use wengert::vision::features::{Sift, Surf};
use wengert::vision::hog::{HogOptions, hog};
use wengert::vision::image::{ImageReadMode, read_image_with, to_float};

/// The least time of calls of `f` for a second, in milliseconds.
fn least(mut f: impl FnMut()) -> f64 {
    let (start, mut least) = (Instant::now(), Duration::MAX);
    while start.elapsed() < Duration::from_secs(1) {
        let before = Instant::now();
        f();
        least = least.min(before.elapsed());
    }
    1e3 * least.as_secs_f64()
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let json = args.iter().any(|a| a == "--json");
    let files: Vec<&String> = args.iter().filter(|a| !a.starts_with("--")).collect();
    if files.is_empty() {
        eprintln!("nothing to measure: name pictures, as in `cargo bench --bench features -- picture.png`");
    }
    // From outside of the pool, each split of work costs two context switches.
    rayon::ThreadPoolBuilder::new().build().expect("threads").install(|| {
        for file in files {
            let image = read_image_with(file, ImageReadMode::Gray).expect("a picture").index_axis_move(Axis(0), 0);
            let pixels = to_float::<f32, _, _>(&image);
            let (sift, surf, mut tape) = (Sift::new(), Surf::new(), Tape::new());
            let keypoints = sift.detect(image.view()).len();
            let times = [
                ("sift", least(|| drop(black_box(sift.detect_and_compute(image.view()))))),
                ("surf", least(|| drop(black_box(surf.detect_and_compute(image.view()))))),
                (
                    "hog",
                    least(|| {
                        black_box(hog(tape.constant(&pixels), &HogOptions::default()).to_vec());
                        tape.reset();
                    }),
                ),
            ];
            for (what, ms) in times {
                match json {
                    true => println!("{{\"file\": {file:?}, \"what\": \"{what}\", \"keypoints\": {keypoints}, \"ms\": {ms}}}"),
                    false => println!("{what} of {file} ({keypoints} keypoints of SIFT): {ms:.2} ms"),
                }
            }
        }
    });
}
