//! Resizing beside PyTorch 2.15.0 (`resize.safetensors`: an image, and what `F.interpolate` made of it), and integral images.

use super::reference;
use crate::kit::helpers::refusal;
use ndarray::{Array2, Array4, ArrayD, Axis, Ix3, IxDyn, s};
use rand::RngExt;
use wengert::init::seeded;
use wengert::vision::image::{ResizeOptions, box_sums, integral_image, resize};
use wengert::{InterpolateMode, Options, Tape, check_grads};

#[test]
fn as_pytorch_resizes() {
    let image = reference::<Ix3>("resize.safetensors", "image");
    for size in [[5, 4], [13, 3], [20, 10], [6, 25], [1, 1]] {
        for (name, mode) in [("bilinear", InterpolateMode::Linear), ("bicubic", InterpolateMode::Bicubic)] {
            for (kind, antialias) in [("antialias", true), ("plain", false)] {
                let name = format!("{name}.{kind}.{}x{}", size[0], size[1]);
                let expected = reference::<Ix3>("resize.safetensors", &name);
                let tape = Tape::new();
                let got = resize(tape.constant(&image), size, ResizeOptions { mode, antialias }).to_array();
                assert_eq!(got.shape(), expected.shape());
                let far = got.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                assert!(far < 1e-13, "{name}: {far:e}");
            }
        }
    }
}

#[test]
fn leading_axes_and_modes() {
    let x = Array4::from_shape_fn((2, 3, 6, 4), |(a, b, c, d)| ((a * 72 + b * 24 + c * 4 + d) as f64).sin());
    for mode in
        [InterpolateMode::Nearest, InterpolateMode::NearestExact, InterpolateMode::Linear, InterpolateMode::Bicubic, InterpolateMode::Area]
    {
        for antialias in [true, false] {
            let tape = Tape::new();
            let options = ResizeOptions { mode, antialias };
            let all = resize(tape.constant(&x), [3, 5], options).to_array();
            assert_eq!(all.shape(), [2, 3, 3, 5]);
            let plane = x.index_axis(Axis(0), 1).index_axis(Axis(0), 2).to_owned();
            let one = resize(tape.constant(plane), [3, 5], options).to_array();
            let of_all = all.index_axis(Axis(0), 1).index_axis(Axis(0), 2).to_owned();
            assert!(one.iter().zip(&of_all).all(|(a, b)| (a - b).abs() < 1e-15), "{mode:?} {antialias}");
            let none = resize(tape.constant(ArrayD::zeros(IxDyn(&[0, 3, 6, 4]))), [3, 5], options);
            assert_eq!(&*none.shape(), [0, 3, 3, 5]);
        }
    }
    // Nothing changes in the same size, and a constant image stays one.
    let tape = Tape::new();
    assert_eq!(resize(tape.constant(&x), [6, 4], ResizeOptions::default()).to_array(), x.clone().into_dyn());
    let ones = resize(tape.constant(Array2::<f64>::ones((7, 9))), [3, 20], ResizeOptions::default());
    assert!(ones.to_vec().iter().all(|v| (v - 1.0).abs() < 1e-15));
}

#[test]
fn gradients() {
    let x = Array2::from_shape_fn((5, 6), |(i, j)| (i as f64 * 1.3 + j as f64 * 0.7).sin()).into_dyn();
    for antialias in [true, false] {
        let options = ResizeOptions { mode: InterpolateMode::Bicubic, antialias };
        check_grads(|x| resize(x[0], [3, 8], options).exp(), std::slice::from_ref(&x), Options::default()).map(drop).unwrap();
    }
    let boxes = [[0, 0, 6, 5], [1, 2, 4, 3], [2, 2, 2, 4]];
    check_grads(|x| box_sums(integral_image(x[0]), &boxes).square(), &[x], Options::default()).map(drop).unwrap();
}

#[test]
fn sums_over_boxes() {
    let mut rng = seeded(2);
    let x = ndarray::Array3::from_shape_simple_fn((2, 7, 9), || rng.random::<f64>());
    let boxes: Vec<[usize; 4]> = (0..50)
        .map(|_| {
            let [x1, y1] = [rng.random_range(0..10), rng.random_range(0..8)];
            [x1, y1, rng.random_range(x1..10), rng.random_range(y1..8)]
        })
        .collect();
    let tape = Tape::new();
    let integral = integral_image(tape.constant(&x));
    let sums = box_sums(integral, &boxes).to_array();
    assert_eq!((&*integral.shape(), sums.shape()), (&[2, 8, 10][..], &[2, 50][..]));
    for (i, &[x1, y1, x2, y2]) in boxes.iter().enumerate() {
        for c in 0..2 {
            let expected = x.slice(s![c, y1..y2, x1..x2]).sum();
            assert!((sums[[c, i]] - expected).abs() < 1e-13);
        }
    }
    assert_eq!(&*box_sums(integral, &[]).shape(), [2, 0]);
    assert_eq!(&*integral_image(tape.constant(Array2::zeros((0, 3)))).shape(), [1, 4]);
}

/// Pixels that are not finite reach those that are made of them, and no others.
#[test]
fn one_pixel_is_not_finite() {
    let tape = Tape::<f32>::new();
    for bad in [f32::INFINITY, f32::NAN] {
        let mut image = Array2::from_elem((8, 8), 1.0);
        image[[0, 0]] = bad;
        for antialias in [true, false] {
            let small = resize(tape.constant(&image), [4, 4], ResizeOptions { antialias, ..Default::default() }).to_array();
            assert!(small.indexed_iter().all(|(at, x)| (*x == 1.0) == (at[0] + at[1] > 0)), "{antialias}: {small}");
            let large = resize(tape.constant(&image), [16, 8], ResizeOptions { antialias, ..Default::default() }).to_array();
            assert!(large.indexed_iter().all(|(at, x)| (*x == 1.0) == (at[1] > 0 || at[0] > 2)), "{antialias}: {large}");
        }
    }
}

#[test]
fn refusals() {
    let tape = Tape::<f32>::new();
    let x = tape.constant([[1.0, 2.0]]);
    for size in [[0, 1], [1, 0]] {
        let text = refusal(|| resize(x, size, ResizeOptions::default()));
        assert!(text.contains("resize: images of shape [1, 2] to") && text.contains("resize.rs:"), "{text}");
    }
    for size in [[usize::MAX, 2], [1 << 31, 1 << 31]] {
        assert!(refusal(|| resize(x, size, ResizeOptions::default())).contains("too large"));
    }
    assert!(refusal(|| resize(tape.constant(1.0), [1, 1], ResizeOptions::default())).contains("images of shape []"));
    assert!(refusal(|| integral_image(tape.constant([1.0]))).contains("two axes at least, not shape [1]"));
    let text = refusal(|| box_sums(integral_image(x), &[[0, 0, 1, 1], [0, 0, 3, 1]]));
    assert!(text.contains("box 1, [0, 0, 3, 1], is none of an image of 1 x 2 pixels"), "{text}");
    assert!(refusal(|| box_sums(integral_image(x), &[[1, 0, 0, 1]])).contains("box 0"));
}
