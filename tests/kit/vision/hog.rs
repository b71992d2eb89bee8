//! Histograms of oriented gradients: color, batches, gradients, pictures, edges. `tests/vision/hog.rs` compares more with scikit-image;
//! `hog.safetensors` is what scikit-image 0.26.0 made of an image of random bytes.

use super::reference;
use crate::kit::helpers::{on_threads, refusal};
use ndarray::{Array2, Array3, ArrayD, Axis, Ix2, Ix3, Ix5, IxDyn, arr3, stack};
use wengert::vision::hog::{BlockNorm, HogOptions, hog, hog_histogram, hog_image};
use wengert::{Options, Tape, check_grads};

const NORMS: [BlockNorm; 4] = [BlockNorm::L1, BlockNorm::L1Sqrt, BlockNorm::L2, BlockNorm::L2Hys];

fn close(a: &ArrayD<f64>, b: &ArrayD<f64>, tolerance: f64) {
    assert_eq!(a.shape(), b.shape());
    let far = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(far <= tolerance, "{far:e}");
}

/// Smooth, with all directions, and far from the edges of bins.
fn wavy(h: usize, w: usize) -> Array2<f64> {
    Array2::from_shape_fn((h, w), |(y, x)| 2.0 + (0.9 * y as f64).sin() + (0.7 * x as f64 + 0.3 * y as f64).cos())
}

#[test]
fn color_as_scikit_image() {
    let image = reference::<Ix3>("hog.safetensors", "image") / 255.0;
    let expected = reference::<Ix5>("hog.safetensors", "color").into_dyn();
    let options = HogOptions {
        orientations: 8,
        pixels_per_cell: [7, 5],
        cells_per_block: [2, 3],
        block_norm: BlockNorm::L2,
        channel_axis: Some(0),
        ..Default::default()
    };
    let tape = Tape::new();
    close(&hog(tape.constant(&image), &options).to_array(), &expected, 1e-6);
    // The same with the channels last, and in a batch.
    let last = image.view().permuted_axes([1, 2, 0]);
    close(&hog(tape.constant(last), &HogOptions { channel_axis: Some(-1), ..options }).to_array(), &expected, 1e-6);
    let two = stack(Axis(0), &[image.view(), image.view()]).unwrap();
    let both = hog(tape.constant(two), &HogOptions { channel_axis: Some(1), ..options }).to_array();
    close(&both.index_axis(Axis(0), 1).to_owned(), &expected, 1e-6);
    // One channel is gray.
    let gray = image.index_axis(Axis(0), 0).to_owned();
    let one = hog(tape.constant(gray.clone().insert_axis(Axis(2))), &HogOptions { channel_axis: Some(2), ..options });
    assert_eq!(one.to_array(), hog(tape.constant(gray), &HogOptions { channel_axis: None, ..options }).to_array());
}

#[test]
fn batches_are_their_images() {
    let (a, b) = (wavy(20, 18), wavy(18, 20).reversed_axes());
    let options = HogOptions { pixels_per_cell: [5, 6], cells_per_block: [2, 2], ..Default::default() };
    let tape = Tape::<f64>::new();
    let all = stack(Axis(0), &[a.view(), b.view()]).unwrap().insert_axis(Axis(1));
    let all = hog(tape.constant(all), &options).to_array();
    assert_eq!(all.shape(), [2, 1, 3, 2, 2, 2, 9]);
    for (i, image) in [a, b].into_iter().enumerate() {
        let one = hog(tape.constant(image), &options).to_array();
        assert_eq!(all.index_axis(Axis(0), i).index_axis(Axis(0), 0), one);
    }
}

#[test]
fn gradients() {
    for block_norm in NORMS {
        for transform_sqrt in [false, true] {
            let options = HogOptions {
                orientations: 3,
                pixels_per_cell: [4, 3],
                cells_per_block: [1, 2],
                block_norm,
                transform_sqrt,
                ..Default::default()
            };
            // Numbers that are multiplied: a sum of features would not see that norms are constant.
            check_grads(|x| hog(x[0], &options).square() * x[1], &[wavy(8, 9).into_dyn(), weights([2, 2, 1, 2, 3])], Options::default())
                .map(drop)
                .unwrap_or_else(|why| panic!("{block_norm:?} {transform_sqrt}: {why}"));
        }
    }
    let color = stack(Axis(0), &[wavy(6, 6).view(), (wavy(6, 6).reversed_axes() * 1.5).view()]).unwrap().into_dyn();
    let options = HogOptions { orientations: 3, pixels_per_cell: [3, 3], channel_axis: Some(0), ..Default::default() };
    check_grads(|x| hog_histogram(x[0], &options).square(), &[color], Options::default()).map(drop).unwrap();
}

fn weights(shape: [usize; 5]) -> ArrayD<f64> {
    let mut i = 0.0f64;
    ArrayD::from_shape_simple_fn(IxDyn(&shape), || {
        i += 1.0;
        (i * 1.7).sin()
    })
}

/// A pixel without gradient passes none, and neither value nor gradient is NaN, whatever the norm.
#[test]
fn flat_images() {
    for block_norm in NORMS {
        for value in [0.0, 0.5] {
            let options = HogOptions { block_norm, transform_sqrt: true, cells_per_block: [1, 1], ..Default::default() };
            let tape = Tape::<f64>::new();
            let mut image = Array2::from_elem((16, 16), value);
            let features = hog(tape.constant(&image), &options);
            assert!(features.to_vec().iter().all(|&v| v == 0.0));
            image[[4, 4]] = 1.0; // one cell has gradients, the others none
            let x = tape.leaf(image);
            let grads = tape.backward(hog(x, &options).sum());
            let gradient = grads.wrt(x).unwrap().to_owned();
            assert!(gradient.iter().all(|g| g.is_finite()), "{block_norm:?} {value}");
            assert_eq!(gradient[[12, 12]], 0.0);
            if value == 0.0 {
                // Through the square root of 0 nothing passes.
                assert_eq!(gradient.iter().filter(|g| **g != 0.0).count(), usize::from(gradient[[4, 4]] != 0.0), "{block_norm:?}");
            }
        }
    }
}

/// A direction on the edge of two bins belongs to the upper one; 180 degrees are 0.
#[test]
fn edges_of_bins() {
    let bin = |down: f64, across: f64, orientations| {
        let tape = Tape::<f64>::new();
        let image = Array2::from_shape_fn((3, 3), |(y, x)| (down * y as f64 + across * x as f64) / 2.0);
        let cell = HogOptions { orientations, pixels_per_cell: [3, 3], ..Default::default() };
        let votes = hog_histogram(tape.constant(image), &cell).to_vec();
        // That of the pixel in the middle; those of the border are 0 or 90 degrees.
        let border = [(0.0, across), (down, 0.0)].map(|(y, x): (f64, f64)| y.atan2(x).to_degrees().rem_euclid(180.0));
        let mut votes: Vec<_> = votes.iter().map(|v| v * 9.0).collect();
        for (angle, vote) in border.into_iter().zip([across.abs(), down.abs()]) {
            votes[(angle / (180.0 / orientations as f64)) as usize % orientations] -= 2.0 * vote;
        }
        votes.iter().position(|v| *v > 1e-9).unwrap()
    };
    for (orientations, directions) in [
        (4, [((0.0, 1.0), 0), ((1.0, 1.0), 1), ((1.0, 0.0), 2), ((1.0, -1.0), 3), ((-1.0, -1.0), 1), ((-1.0, 1.0), 3)]),
        (12, [((0.0, -1.0), 0), ((2.0, 2.0), 3), ((-1.0, 0.0), 6), ((3.0, -3.0), 9), ((1.0, 2.0), 1), ((2.0, 1.0), 4)]),
    ] {
        for ((down, across), expected) in directions {
            assert_eq!(bin(down, across, orientations), expected, "{down} {across} of {orientations}");
        }
    }
}

#[test]
fn pictures_as_scikit_image() {
    let image = reference::<Ix3>("hog.safetensors", "image").index_axis(Axis(0), 0).to_owned() / 255.0;
    for (name, orientations, cell) in [("visualized", 7, [7, 10]), ("visualized_small", 9, [3, 3])] {
        let options = HogOptions { orientations, pixels_per_cell: cell, ..Default::default() };
        let tape = Tape::<f64>::new();
        let histogram = hog_histogram(tape.constant(&image), &options).to_array().into_dimensionality::<Ix3>().unwrap();
        close(&hog_image(&histogram, cell).into_dyn(), &reference::<Ix2>("hog.safetensors", name).into_dyn(), 1e-6);
    }
    assert_eq!(hog_image(&arr3(&[[[1.0, 2.0]]]), [1, 1]), Array2::from_elem((1, 1), 3.0));
    assert_eq!(hog_image(&Array3::<f32>::zeros((0, 2, 9)), [8, 8]).dim(), (0, 16));
}

#[test]
fn same_bits_on_any_number_of_threads() {
    let image = wavy(70, 90);
    let run = || {
        let tape = Tape::<f64>::new();
        let x = tape.leaf(&image);
        let features = hog(x, &HogOptions::default());
        let grads = tape.backward(features.square().sum());
        (features.to_array(), grads.wrt(x).unwrap().to_owned())
    };
    let one = on_threads(1, run);
    assert!([2, 3, 8].into_iter().all(|threads| on_threads(threads, run) == one));
}

#[test]
fn single_precision() {
    let tape = (Tape::<f32>::new(), Tape::<f64>::new());
    let image = wavy(24, 24);
    let small = hog(tape.0.constant(image.mapv(|v| v as f32)), &HogOptions::default()).to_vec();
    let large = hog(tape.1.constant(image), &HogOptions::default()).to_vec();
    assert!(small.iter().zip(&large).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-5));
}

#[test]
fn refusals() {
    let tape = Tape::<f64>::new();
    let x = tape.constant(Array2::zeros((16, 20)));
    let check = |options: HogOptions, why: &str| {
        let text = refusal(|| hog(x, &options));
        assert!(text.contains(why) && text.contains("\n  hint: ") && text.contains("hog.rs:"), "{text}");
    };
    let default = HogOptions::default();
    check(default, "hog: an image of 2 x 2 cells is smaller than a block of 3 x 3");
    check(HogOptions { pixels_per_cell: [17, 2], ..default }, "an image of 16 x 20 pixels is smaller than a cell of 17 x 2");
    check(HogOptions { orientations: 0, ..default }, "there are no orientations");
    check(HogOptions { orientations: usize::MAX, ..default }, "too large");
    check(HogOptions { pixels_per_cell: [0, 2], ..default }, "a cell of 0 x 2 pixels");
    check(HogOptions { cells_per_block: [1, 0], ..default }, "a block has no cells");
    check(HogOptions { channel_axis: Some(0), ..default }, "an image has 3 axes at least, not shape [16, 20]");
    let negative = tape.constant(Array2::from_elem((24, 24), -0.5));
    let text = refusal(|| hog(negative, &HogOptions { transform_sqrt: true, ..default }));
    assert!(text.contains("no pixel may be negative"), "{text}");
    let color = tape.constant(Array3::zeros((3, 24, 24)));
    let text = refusal(|| hog(color, &HogOptions { channel_axis: Some(3), ..default }));
    assert!(text.contains("shape [3, 24, 24] has no axis 3"), "{text}");
    let empty = hog(tape.constant(Array3::zeros((0, 24, 24))), &default);
    assert_eq!(&*empty.shape(), [0, 1, 1, 3, 3, 9]);
    let text = refusal(|| hog_image(&Array3::<f64>::zeros((1, 1, 9)), [0, 8]));
    assert!(text.contains("hog_image: a cell of 0 x 8 pixels"), "{text}");
    let text = refusal(|| hog_image(&Array3::<f64>::zeros((1, 1, 9)), [usize::MAX, 8]));
    assert!(text.contains("too large"), "{text}");
}
