//! What histograms of oriented gradients are good for, in small: the examples `hog` and `hog_svm` say more.

use ndarray::{Array2, Ix2, s};
use wengert::data::digits;
use wengert::metrics::accuracy;
use wengert::optim::Adam;
use wengert::vision::hog::{HogOptions, hog};
use wengert::vision::image::{ResizeOptions, resize};
use wengert::{Indices, Param, Tape, init};

/// The best accuracy, of several weights of the regularization, that a linear machine trained on 500 digits reaches on the held-back ones.
fn accuracy_of(train: &Array2<f32>, train_labels: &[usize], test: &Array2<f32>, test_labels: &[usize]) -> f64 {
    let machine = |weight: f32| {
        let params = [Param::<f32>::new("weight", Array2::zeros((10, train.ncols()))), Param::new("bias", vec![0.0; 10])];
        let (mut optimizer, mut tape) = (Adam::new(0.05), Tape::new());
        let index = Indices::new(&[train_labels.len(), 1], train_labels.iter().map(|&label| label as i64));
        for _ in 0..60 {
            let (w, b) = (tape.param(&params[0]), tape.param(&params[1]));
            let scores = tape.constant(train).linear(w, b);
            let beyond = (scores - scores.gather(1, index.clone()) + 1.0).clamp(0.0, f64::INFINITY);
            let grads = tape.backward(beyond.square().sum_axes(1, false).mean() + w.square().sum() * weight);
            tape.reset();
            optimizer.step(&params, &grads);
            tape.recycle(grads);
        }
        let scores = tape.constant(test).linear(tape.param(&params[0]), tape.param(&params[1])).to_array();
        accuracy(scores.into_dimensionality::<Ix2>().unwrap(), test_labels)
    };
    [1e-4, 1e-3, 1e-2].map(machine).into_iter().fold(0.0, f64::max)
}

#[test]
fn digits_are_told_apart_better_than_by_pixels() {
    let (train, test) = digits().split();
    let (pixels, labels) = (train.images.slice(s![..500, ..]).to_owned(), &train.labels[..500]);
    let histograms = |pixels: &Array2<f32>| {
        let tape = Tape::new();
        let images = resize(tape.constant(pixels).reshape([-1, 8, 8]), [16, 16], ResizeOptions::default());
        let options = HogOptions { pixels_per_cell: [4, 4], cells_per_block: [2, 2], ..Default::default() };
        hog(images, &options).flatten(1, -1).to_array().into_dimensionality::<Ix2>().unwrap()
    };
    let by_pixels = accuracy_of(&pixels, labels, &test.images, &test.labels);
    let by_histograms = accuracy_of(&histograms(&pixels), labels, &histograms(&test.images), &test.labels);
    assert!(by_pixels > 0.9 && by_histograms > by_pixels, "{by_pixels} {by_histograms}");
}

/// Gradient descent finds an image whose histograms are nearer.
#[test]
fn an_image_is_found_from_its_histograms() {
    let picture =
        Array2::from_shape_fn((32, 32), |(y, x)| 0.5 + 0.3 * (0.3 * (y * y + 2 * x) as f32 / 10.0).sin() * (0.4 * x as f32).cos());
    let options = HogOptions { cells_per_block: [2, 2], ..Default::default() };
    let mut tape = Tape::new();
    let target = hog(tape.constant(picture), &options).to_array();
    let image = [Param::new("image", init::normal::<f32, _>((32, 32), 0.5, 0.1, &mut init::seeded(1)))];
    let (mut optimizer, mut distances) = (Adam::new(0.02), Vec::new());
    for _ in 0..200 {
        let distance = (hog(tape.param(&image[0]), &options) - tape.constant(&target)).square().sum();
        distances.push(distance.item());
        let grads = tape.backward(distance);
        tape.reset();
        optimizer.step(&image, &grads);
        tape.recycle(grads);
    }
    assert!(distances[199] < 0.2 * distances[0], "{} {}", distances[0], distances[199]);
}
