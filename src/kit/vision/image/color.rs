//! Conversions: bytes and floating point, color and gray.

use crate::refusal::require;
use crate::{Scalar, Var};
use ndarray::{Array, Array3, ArrayBase, ArrayView3, Axis, Data, Dimension, s};

/// Bytes as numbers from 0 to 1: x / 255. torchvision: `to_dtype(scale=True)`, and `to_tensor`, which turns axes too.
///
/// ```
/// use wengert::ndarray::arr1;
/// use wengert::vision::image::{to_float, to_u8};
/// let x = to_float::<f64, _, _>(&arr1(&[0u8, 51, 255]));
/// assert_eq!(x, arr1(&[0.0, 0.2, 1.0]));
/// assert_eq!(to_u8(&x), arr1(&[0, 51, 255]));
/// ```
pub fn to_float<T: Scalar, S: Data<Elem = u8>, D: Dimension>(image: &ArrayBase<S, D>) -> Array<T, D> {
    image.mapv(|x| T::from_f64(f64::from(x) / 255.0))
}

/// Numbers from 0 to 1 as bytes: 255 x, rounded to the nearest whole number (half away from 0). What is below 0 or above 1 becomes 0 or 255,
/// and NaN becomes 0. torchvision's `save_image` rounds so too.
pub fn to_u8<T: Scalar, S: Data<Elem = T>, D: Dimension>(image: &ArrayBase<S, D>) -> Array<u8, D> {
    image.mapv(|x| (x.to_f64() * 255.0).round() as u8) // `as` clamps
}

/// An image of bytes in gray, `[1, height, width]`: 0.299 R + 0.587 G + 0.114 B of 3 channels, rounded. Of 4 channels, and of 2, the last is
/// opacity, and is dropped.
///
/// ```
/// use wengert::ndarray::arr3;
/// use wengert::vision::image::{to_gray, to_rgb};
/// let orange = arr3(&[[[255u8]], [[165]], [[0]]]);
/// assert_eq!(to_gray(&orange), arr3(&[[[173]]])); // 76.245 + 96.855
/// assert_eq!(to_rgb(&to_gray(&orange)), arr3(&[[[173]], [[173]], [[173]]]));
/// ```
///
/// # Panics
/// If the image does not have 1 to 4 channels.
#[track_caller]
pub fn to_gray<S: Data<Elem = u8>>(image: &ArrayBase<S, ndarray::Ix3>) -> Array3<u8> {
    let color = without_alpha("to_gray", image.view());
    match color.dim().0 {
        1 => color.to_owned(),
        _ => color.map_axis(Axis(0), |p| luma([p[0], p[1], p[2]])).insert_axis(Axis(0)),
    }
}

/// An image of bytes with 3 channels, red, green and blue. Gray is repeated. Of 4 channels, and of 2, the last is opacity, and is dropped.
///
/// # Panics
/// If the image does not have 1 to 4 channels.
#[track_caller]
pub fn to_rgb<S: Data<Elem = u8>>(image: &ArrayBase<S, ndarray::Ix3>) -> Array3<u8> {
    let color = without_alpha("to_rgb", image.view());
    let (_, height, width) = color.dim();
    color.broadcast((3, height, width)).expect("1 or 3 channels").to_owned()
}

#[track_caller]
fn without_alpha<'a>(name: &str, image: ArrayView3<'a, u8>) -> ArrayView3<'a, u8> {
    let channels = image.dim().0;
    let message = || format!("{name}: an image has a shape [channels, height, width] with 1 to 4 channels, not {:?}", image.shape());
    require((1..=4).contains(&channels), message, "of [height, width] make [1, height, width] by `insert_axis(Axis(0))`");
    image.slice_move(s![..channels - 1 + channels % 2, .., ..])
}

/// The brightness of a color, rounded.
pub(super) fn luma(rgb: [u8; 3]) -> u8 {
    let [r, g, b] = rgb.map(u32::from);
    ((299 * r + 587 * g + 114 * b + 500) / 1000) as u8
}

/// A color image in gray: 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601). Derivative: those weights. Shapes: `[.., 3, height, width]` to
/// `[.., 1, height, width]`. torchvision: `rgb_to_grayscale` (whose first weight is 0.2989).
///
/// ```
/// let tape = wengert::Tape::<f64>::new();
/// let color = tape.leaf([[[1.0]], [[0.5]], [[0.0]]]);
/// let gray = wengert::vision::image::rgb_to_grayscale(color);
/// assert_eq!((&*gray.shape(), gray.item()), (&[1, 1, 1][..], 0.5925));
/// assert_eq!(tape.grad(gray.sum(), &[color])[0].unwrap().to_vec(), [0.299, 0.587, 0.114]);
/// ```
///
/// # Panics
/// If the third axis from the end does not have 3 channels.
#[track_caller]
pub fn rgb_to_grayscale<'t, T: Scalar>(image: Var<'t, T>) -> Var<'t, T> {
    let shape = image.shape();
    let fits = shape.len() >= 3 && shape[shape.len() - 3] == 3;
    require(
        fits,
        || format!("rgb_to_grayscale: a shape [.., 3, height, width] is needed, not {shape}"),
        "the channels stand before the rows",
    );
    let weights = [0.299, 0.587, 0.114].map(T::from_f64);
    let weights = image.tape().constant(&weights[..]).reshape([3, 1, 1]);
    (image * weights).sum_axes([-3], true)
}
