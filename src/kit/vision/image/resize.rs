//! Resizes images, with or without antialiasing.

use crate::refusal::{elements, require};
use crate::{InterpolateMode, InterpolateOptions, Scalar, SparseMatrix, Var};

/// How [`resize`] computes pixels. The defaults are those of torchvision.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResizeOptions {
    /// How to interpolate; [`InterpolateMode::Linear`] along both axes is bilinear.
    pub mode: InterpolateMode,
    /// If true, pixels of an image that gets smaller are weighted means of all pixels that they cover. For `Linear` and `Bicubic`; the other
    /// modes ignore it.
    pub antialias: bool,
}

impl Default for ResizeOptions {
    fn default() -> Self {
        ResizeOptions { mode: InterpolateMode::Linear, antialias: true }
    }
}

/// Images in another size: `[.., h, w]` to `[.., height, width]`. Linear in the image. Derivative: each cotangent, with the same weights, goes
/// to the pixels that its pixel was made of. torchvision: `resize`; PyTorch: `F.interpolate(antialias=True)`.
///
/// With antialiasing it is a product with a sparse matrix on either side. Along an axis that gets smaller by the factor s, pixel i of the result has
/// the weights f((j + 1/2 - c) / s), divided by their sum, of the pixels j, where c = s (i + 1/2), and f is the triangle max(0, 1 - |x|)
/// or for `Bicubic` Keys' cubic with a = -1/2. Along an axis that does not get smaller, the same with f((j + 1/2 - c)).
///
/// ```
/// use wengert::vision::image::{ResizeOptions, resize};
/// let tape = wengert::Tape::<f64>::new();
/// let image = tape.leaf([[0.0, 0.0, 8.0, 8.0]]);
/// let smooth = resize(image, [1, 2], ResizeOptions::default()).to_vec();
/// assert!((smooth[0] - 8.0 / 7.0).abs() < 1e-12 && (smooth[1] - 48.0 / 7.0).abs() < 1e-12);
/// let sharp = ResizeOptions { antialias: false, ..Default::default() };
/// assert_eq!(resize(image, [1, 2], sharp).to_vec(), [0.0, 8.0]);
/// ```
///
/// # Panics
/// If the image has less than two axes or no pixels, a new size is 0, or the result would be too large for memory.
#[track_caller]
pub fn resize<'t, T: Scalar>(image: Var<'t, T>, size: [usize; 2], options: ResizeOptions) -> Var<'t, T> {
    let shape = image.shape();
    let [height, width] = size;
    let fits = shape.len() >= 2 && shape[shape.len() - 2..].iter().chain(&size).all(|&n| n > 0);
    let message = || format!("resize: images of shape {shape} to {height} x {width}");
    require(fits, message, "images are [.., height, width], and neither they nor the result are empty");
    let [ref leading @ .., h, w] = shape[..] else { unreachable!("two axes at least") };
    let result: Vec<usize> = leading.iter().copied().chain(size).collect();
    elements::<T>("resize", &result);
    let cubic = options.mode == InterpolateMode::Bicubic;
    if options.antialias && (cubic || options.mode == InterpolateMode::Linear) {
        let rows = |y: Var<'t, T>| if height == h { y } else { weights(h, height, cubic).matmul(y) };
        let columns = |y: Var<'t, T>| if width == w { y } else { weights(w, width, cubic).matmul(y.transpose(-1, -2)).transpose(-1, -2) };
        // The cheaper one first.
        return if height < h { columns(rows(image)) } else { rows(columns(image)) };
    }
    let planes = leading.iter().product::<usize>();
    let resized =
        image.reshape([planes, 1, h, w]).interpolate(InterpolateOptions { size: Some(&size), mode: options.mode, ..Default::default() });
    resized.reshape(&result[..])
}

/// For each pixel of the result along an axis, the weights of the pixels that it covers: a matrix `[to, from]`.
#[track_caller]
fn weights(from: usize, to: usize, cubic: bool) -> SparseMatrix {
    let step = from as f64 / to as f64;
    let wide = step.max(1.0);
    let (f, reach) = if cubic { (keys as fn(f64) -> f64, 2.0 * wide) } else { (triangle as fn(f64) -> f64, wide) };
    elements::<(usize, usize, f64)>("resize", &[to, (2.0 * reach + 1.0) as usize]);
    let mut entries = Vec::new();
    for i in 0..to {
        let centre = step * (i as f64 + 0.5);
        let first = (centre - reach + 0.5).max(0.0) as usize;
        let end = ((centre + reach + 0.5) as usize).min(from);
        let weight = |j: usize| f((j as f64 + 0.5 - centre) / wide);
        let sum: f64 = (first..end).map(weight).sum();
        entries.extend((first..end).map(|j| (i, j, weight(j) / sum)).filter(|entry| entry.2 != 0.0));
    }
    SparseMatrix::from_entries([to, from], entries)
}

fn triangle(x: f64) -> f64 {
    (1.0 - x.abs()).max(0.0)
}

/// Source: R. Keys, "Cubic convolution interpolation for digital image processing" (1981).
fn keys(x: f64) -> f64 {
    match x.abs() {
        x if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
        x if x < 2.0 => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
        _ => 0.0,
    }
}
