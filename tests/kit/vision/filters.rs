//! Blurs and pyramids, beside values of OpenCV 5.

use crate::kit::helpers::refusal;
use approx::assert_abs_diff_eq;
use ndarray::{Array2, ArrayD, IxDyn, array};
use wengert::vision::{from_laplacian_pyramid, gaussian_blur, gaussian_kernel1d, gaussian_pyramid, laplacian_pyramid, pyr_down, pyr_up};
use wengert::{Options, Tape, check_grads};

fn image() -> Array2<f64> {
    Array2::from_shape_fn((5, 7), |(y, x)| ((7 * y + x).pow(2) % 23) as f64)
}

/// `cv2.GaussianBlur(x, (5, 3), 1.3, sigmaY=0.7, borderType=BORDER_REFLECT_101)`, which names the columns first.
#[test]
fn blurs_as_opencv() {
    let tape = Tape::new();
    let y = gaussian_blur(tape.constant(image()), [3, 5], [0.7, 1.3]).to_array();
    let row = [5.755026989889, 6.334862830801, 7.669668019069, 8.531045886252, 8.55395611184, 7.846984980128, 7.614782735981];
    row.iter().enumerate().for_each(|(x, expected)| assert_abs_diff_eq!(y[[0, x]], expected, epsilon = 1e-11));
    assert_abs_diff_eq!(y[[4, 6]], 9.035288226073, epsilon = 1e-11);
    assert_abs_diff_eq!(y[[3, 2]], 4.838673627245, epsilon = 1e-11);
}

/// `cv2.pyrDown` and `cv2.pyrUp`.
#[test]
fn pyramids_as_opencv() {
    let tape = Tape::new();
    let down =
        array![[7.921875, 8.875, 8.2734375, 7.78125], [9.1484375, 7.71875, 7.6171875, 9.7734375], [5.59375, 5.375, 7.9296875, 9.859375]];
    assert_abs_diff_eq!(pyr_down(tape.constant(image())).to_array(), down.into_dyn(), epsilon = 1e-12);
    let up = array![
        [1.875, 3.0, 4.78125, 5.625, 6.25, 7.375, 8.40625, 8.75],
        [3.5, 5.5, 8.3125, 8.75, 8.25, 8.25, 8.4375, 8.5],
        [6.78125, 9.8125, 13.609375, 12.875, 10.484375, 9.3125, 8.890625, 8.75],
        [10.125, 12.75, 15.375, 12.75, 9.1875, 9.0, 10.125, 10.5],
        [12.65625, 14.4375, 15.375, 11.0625, 6.890625, 8.25, 11.34375, 12.375],
        [13.5, 15.0, 15.375, 10.5, 6.125, 8.0, 11.75, 13.0]
    ];
    let small = image().slice_move(ndarray::s![..3, ..4]);
    assert_abs_diff_eq!(pyr_up(tape.constant(&small), [6, 8]).to_array(), up.clone().into_dyn(), epsilon = 1e-12);
    let odd = pyr_up(tape.constant(&small), [5, 7]).to_array();
    assert_abs_diff_eq!(odd, up.slice_move(ndarray::s![..5, ..7]).into_dyn(), epsilon = 1e-12);
}

/// Channels and batches are blurred one by one, and the small images add up to the large one.
#[test]
fn batches_and_levels() {
    let tape = Tape::<f64>::new();
    let x = ArrayD::from_shape_fn(IxDyn(&[2, 3, 13, 10]), |i| ((i[0] * 5 + i[1] * 3 + i[2] * i[3]) % 7) as f64);
    let batch = tape.constant(&x);
    let one = tape.constant(x.slice(ndarray::s![1, 2, .., ..]));
    let whole = gaussian_blur(batch, [5, 3], [1.0, 0.5]).to_array();
    assert_eq!(whole.slice(ndarray::s![1, 2, .., ..]).into_dyn(), gaussian_blur(one, [5, 3], [1.0, 0.5]).to_array());
    let pyramid = laplacian_pyramid(batch, 2);
    assert_eq!(pyramid.iter().map(|y| y.shape().to_vec()).collect::<Vec<_>>(), [[2, 3, 13, 10], [2, 3, 7, 5], [2, 3, 4, 3]]);
    assert_abs_diff_eq!(from_laplacian_pyramid(&pyramid).to_array(), x, epsilon = 1e-12);
}

#[test]
fn derivatives() {
    let x = image().mapv(|v| v / 23.0).into_dyn();
    let check = |f: &dyn for<'t> Fn(wengert::Var<'t, f64>) -> wengert::Var<'t, f64>| {
        let report = check_grads(|x| f(x[0]).exp(), std::slice::from_ref(&x), Options::default());
        assert!(report.is_ok(), "{report:?}");
    };
    check(&|x| gaussian_blur(x, [3, 5], [0.7, 1.3]));
    check(&pyr_down);
    check(&|x| pyr_up(x, [9, 14]));
    check(&|x| gaussian_pyramid(x, 1)[1]);
    check(&|x| laplacian_pyramid(x, 1)[0]);
}

#[test]
fn kernels() {
    assert_eq!(gaussian_kernel1d(1, 0.1), [1.0]);
    assert_eq!(gaussian_kernel1d(2, 1e-200), [0.5, 0.5]);
    let wide = gaussian_kernel1d(9, 1e200);
    wide.iter().for_each(|w| assert_abs_diff_eq!(*w, 1.0 / 9.0, epsilon = 1e-15));
}

#[test]
fn refusals() {
    let blur = |shape: [usize; 2], size, sigma| {
        refusal(move || {
            let tape = Tape::<f64>::new();
            gaussian_blur(tape.constant(Array2::zeros(shape)), size, sigma);
        })
    };
    for (text, says) in [
        (blur([5, 5], [3, 4], [1.0; 2]), "kernel_size is [3, 4]"),
        (blur([5, 5], [3, 3], [1.0, 0.0]), "sigma is 0"),
        (blur([5, 5], [3, 3], [f64::NAN, 1.0]), "sigma is NaN"),
        (blur([5, 2], [3, 5], [1.0; 2]), "a kernel of 3 x 5 for images of 5 x 2"),
        (blur([5, 0], [3, 1], [1.0; 2]), "images of 5 x 0"),
        (blur([3, 3], [(1 << 42) + 1, 1], [1.0; 2]), "a kernel of 4398046511105 x 1 for images of 3 x 3"),
        (refusal(|| drop(gaussian_kernel1d(0, 1.0))), "size is 0"),
        (refusal(|| drop(gaussian_kernel1d(1 << 42, 1.0))), "gaussian_kernel1d: an array of shape [4398046511104] is too large"),
        (refusal(|| drop(gaussian_kernel1d(usize::MAX, 1.0))), "too large"),
        (refusal(|| drop(gaussian_pyramid(Tape::<f32>::new().constant(Array2::zeros((9, 4))), 2))), "pyr_down"),
        (refusal(|| pyr_up(Tape::<f32>::new().constant(Array2::zeros((3, 3))), [6, 7]).shape()), "an image of 3 x 3 to 6 x 7"),
        (refusal(|| from_laplacian_pyramid::<f32>(&[]).shape()), "without levels"),
    ] {
        assert!(text.contains(says) && text.contains("hint: ") && text.contains("filters.rs"), "{text}");
    }
}
