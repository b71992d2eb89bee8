//! Blurs and pyramids of images, differentiable with respect to the image.
//!
//! The last two axes are height and width; all others are a batch, of images or of channels.

use crate::refusal::{elements, require};
use crate::{PadMode, Scalar, Var};

/// The weights of a Gaussian at `size` whole places around its middle; their sum is 1. (`size` is odd, else the middle lies between two weights.)
///
/// ```
/// let weights = wengert::vision::gaussian_kernel1d(3, 0.5);
/// assert!((weights[1] - 0.787).abs() < 1e-3 && weights[0] == weights[2]);
/// ```
///
/// # Panics
/// If `size` is 0 or too large for memory, or sigma not above 0 or not finite.
#[track_caller]
pub fn gaussian_kernel1d(size: usize, sigma: f64) -> Vec<f64> {
    require(size > 0, || "gaussian_kernel1d: size is 0", "odd sizes such as 3 or 5 have a middle");
    require(sigma > 0.0 && sigma.is_finite(), || format!("gaussian_kernel1d: sigma is {sigma}"), "sigma is a length in pixels, above 0");
    elements::<f64>("gaussian_kernel1d", &[size]);
    let middle = (size as f64 - 1.0) / 2.0;
    // Relative to the place nearest the middle, so that a small sigma does not make all weights 0.
    let nearest = middle.fract();
    let weight = |i: usize| {
        let at = i as f64 - middle;
        // Divided twice: the square of a tiny sigma is 0.
        (-0.5 * (at * at - nearest * nearest) / sigma / sigma).exp()
    };
    let weights: Vec<f64> = (0..size).map(weight).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|w| w / sum).collect()
}

/// Blurs images by a Gaussian; beyond its edges an image is mirrored. `kernel_size` and `sigma` are those of [rows, columns], while torchvision
/// and OpenCV name the columns first: their `(5, 3)` is `[3, 5]` here. torchvision's default for sigma is `0.3 ((size - 1) / 2 - 1) + 0.8` ([`default_sigma`]). Derivative: the same blur of the cotangent, whose parts beyond the
/// edges are mirrored back. Shapes: `[.., height, width]`, unchanged.
///
/// ```
/// use wengert::vision::{default_sigma, gaussian_blur};
/// let tape = wengert::Tape::<f64>::new();
/// let x = tape.leaf([[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]);
/// let y = gaussian_blur(x, [3, 3], [default_sigma(3); 2]);
/// assert_eq!(y.shape(), [3, 3]);
/// assert!((y.to_vec()[4] - 0.2725).abs() < 1e-4);
/// ```
///
/// # Panics
/// If there are fewer than two axes, a size of the kernel is even, half of it is not less than the axis, or a sigma is not above 0.
#[track_caller]
pub fn gaussian_blur<'t, T: Scalar>(x: Var<'t, T>, kernel_size: [usize; 2], sigma: [f64; 2]) -> Var<'t, T> {
    require(kernel_size.iter().all(|n| n % 2 == 1), || format!("gaussian_blur: kernel_size is {kernel_size:?}"), "sizes are odd");
    check_image("gaussian_blur", x, kernel_size);
    let [rows, columns] = [0, 1].map(|i| gaussian_kernel1d(kernel_size[i], sigma[i]));
    separable(x, &rows, &columns)
}

/// The sigma that torchvision and OpenCV take for a kernel of this size, if none is given: `0.3 ((size - 1) / 2 - 1) + 0.8`.
///
/// ```
/// assert!((wengert::vision::default_sigma(5) - 1.1).abs() < 1e-12);
/// ```
pub fn default_sigma(kernel_size: usize) -> f64 {
    0.3 * ((kernel_size as f64 - 1.0) * 0.5 - 1.0) + 0.8
}

/// Requires images on which a kernel of this size fits.
#[track_caller]
fn check_image<T: Scalar>(name: &str, x: Var<'_, T>, [rows, columns]: [usize; 2]) {
    let shape = x.shape();
    require(shape.len() >= 2, || format!("{name}: an image of shape {shape}"), "images have the shape [.., height, width]");
    let [height, width] = [shape[shape.len() - 2], shape[shape.len() - 1]];
    require(
        rows / 2 < height && columns / 2 < width,
        || format!("{name}: a kernel of {rows} x {columns} for images of {height} x {width}"),
        "half of the kernel must be less than the image, which is mirrored at its edges",
    );
}

/// The correlation with `vertical` along axis -2 and with `horizontal` along axis -1, both of odd size, of images that are mirrored beyond their edges.
#[track_caller]
fn separable<'t, T: Scalar>(x: Var<'t, T>, vertical: &[f64], horizontal: &[f64]) -> Var<'t, T> {
    let [down, across] = [vertical.len() / 2, horizontal.len() / 2];
    let border = |n: usize| (n as isize, n as isize);
    let weights = |w: &[f64]| x.tape().constant(w.iter().map(|w| T::from_f64(*w)).collect::<Vec<_>>());
    let padded = x.pad_with(&[border(down), border(across)], PadMode::Reflect);
    padded.correlate1d(weights(vertical), -2).correlate1d(weights(horizontal), -1)
}

/// The weights of a pyramid's blur, P. J. Burt and E. H. Adelson's with a = 3/8: those of a binomial.
const BINOMIAL: [f64; 5] = [1.0 / 16.0, 4.0 / 16.0, 6.0 / 16.0, 4.0 / 16.0, 1.0 / 16.0];

/// An image of half the size: blurred by the weights (1, 4, 6, 4, 1) / 16 along both axes, and each second pixel of it. Derivative: that of its
/// parts. Shapes: `[.., height, width]` to `[.., (height + 1) / 2, (width + 1) / 2]`. OpenCV: `pyrDown`.
///
/// ```
/// let tape = wengert::Tape::<f64>::new();
/// let x = tape.leaf(wengert::ndarray::Array2::ones((5, 8)));
/// assert_eq!(wengert::vision::pyr_down(x).shape(), [3, 4]);
/// ```
///
/// # Panics
/// If there are fewer than two axes, or height or width is below 3.
#[track_caller]
pub fn pyr_down<T: Scalar>(x: Var<'_, T>) -> Var<'_, T> {
    check_image("pyr_down", x, [BINOMIAL.len(); 2]);
    let blurred = separable(x, &BINOMIAL, &BINOMIAL);
    let mut parts = vec![crate::SliceInfo::from(..); blurred.ndim()];
    let axes = parts.len();
    parts[axes - 2..].iter_mut().for_each(|p| *p = p.step(2));
    blurred.slice(&parts)
}

/// An image of twice the size: zeros between its pixels, blurred by the weights (1, 4, 6, 4, 1) / 8 along both axes, and cut to `size`, which is
/// [height, width], each twice that of x or one less. Derivative: that of its parts. Shapes: `[.., h, w]` to `[.., height, width]`. OpenCV:
/// `pyrUp`.
///
/// ```
/// let tape = wengert::Tape::<f64>::new();
/// let x = tape.leaf([[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]);
/// assert!(wengert::vision::pyr_up(x, [4, 5]).to_vec().iter().all(|y| (y - 1.0).abs() < 1e-12));
/// ```
///
/// # Panics
/// If there are fewer than two axes, or `size` is none of these or below 3.
#[track_caller]
pub fn pyr_up<T: Scalar>(x: Var<'_, T>, size: [usize; 2]) -> Var<'_, T> {
    let shape = x.shape();
    require(shape.len() >= 2, || format!("pyr_up: an image of shape {shape}"), "images have the shape [.., height, width]");
    let [height, width] = [shape[shape.len() - 2], shape[shape.len() - 1]];
    let fits = |n: usize, to: usize| to >= 3 && to.div_ceil(2) == n;
    require(
        fits(height, size[0]) && fits(width, size[1]),
        || format!("pyr_up: an image of {height} x {width} to {} x {}", size[0], size[1]),
        "each side is twice as long, or one less, and at least 3",
    );
    spread(spread(x, -2, size[0]), -1, size[1])
}

/// An axis of twice the size, of which `to` elements are kept. Before the first element lies the second, as in a mirror, and behind the last one
/// the last, as in OpenCV.
#[track_caller]
fn spread<T: Scalar>(x: Var<'_, T>, axis: isize, to: usize) -> Var<'_, T> {
    let beside = |border| if axis == -1 { vec![border] } else { vec![border, (0, 0)] };
    let padded = x.pad_with(&beside((1, 0)), PadMode::Reflect).pad_with(&beside((0, 1)), PadMode::Replicate);
    let part = |w: [f64; 3]| padded.correlate1d(x.tape().constant(w.map(T::from_f64)), axis).unsqueeze(axis);
    let both = crate::concat(&[part([0.125, 0.75, 0.125]), part([0.0, 0.5, 0.5])], axis);
    let mut shape = x.shape().to_vec();
    let at = shape.len().wrapping_add_signed(axis);
    shape[at] *= 2;
    let sizes: Vec<isize> = shape.iter().map(|n| *n as isize).collect();
    both.reshape(&sizes[..]).narrow(axis, 0, to)
}

/// An image, and then images each half as large as the one before ([`pyr_down`]): `levels` of them after the image itself. Derivative: that of its
/// parts. OpenCV: `buildPyramid`.
///
/// ```
/// let tape = wengert::Tape::<f32>::new();
/// let x = tape.leaf(wengert::ndarray::Array2::ones((20, 30)));
/// let shapes: Vec<_> = wengert::vision::gaussian_pyramid(x, 2).iter().map(|y| y.shape()).collect();
/// assert_eq!(shapes, [[20, 30], [10, 15], [5, 8]]);
/// ```
///
/// # Panics
/// As [`pyr_down`], if an image becomes too small.
#[track_caller]
pub fn gaussian_pyramid<T: Scalar>(x: Var<'_, T>, levels: usize) -> Vec<Var<'_, T>> {
    let mut pyramid = vec![x];
    for _ in 0..levels {
        pyramid.push(pyr_down(pyramid[pyramid.len() - 1]));
    }
    pyramid
}

/// What each image of a [`gaussian_pyramid`] has beside the next one, enlarged ([`pyr_up`]): `levels` differences, and the last image itself.
/// [`from_laplacian_pyramid`] adds them up again. Derivative: that of its parts. (P. J. Burt and E. H. Adelson, "The Laplacian pyramid as a compact
/// image code", 1983.)
///
/// ```
/// use wengert::vision::{from_laplacian_pyramid, laplacian_pyramid};
/// let tape = wengert::Tape::<f64>::new();
/// let x = tape.leaf(wengert::ndarray::Array2::from_shape_fn((9, 12), |(y, x)| (y * x) as f64));
/// let again = from_laplacian_pyramid(&laplacian_pyramid(x, 2));
/// assert!((again - x).abs().max().item() < 1e-12);
/// ```
///
/// # Panics
/// As [`gaussian_pyramid`].
#[track_caller]
pub fn laplacian_pyramid<T: Scalar>(x: Var<'_, T>, levels: usize) -> Vec<Var<'_, T>> {
    let mut pyramid = gaussian_pyramid(x, levels);
    for i in 0..levels {
        pyramid[i] = pyramid[i] - pyr_up(pyramid[i + 1], sides(pyramid[i]));
    }
    pyramid
}

/// The image of a [`laplacian_pyramid`]. Derivative: that of its parts.
///
/// # Panics
/// If there is no level, or one is not twice as large as the next, or one less.
#[track_caller]
pub fn from_laplacian_pyramid<'t, T: Scalar>(pyramid: &[Var<'t, T>]) -> Var<'t, T> {
    require(!pyramid.is_empty(), || "from_laplacian_pyramid: a pyramid without levels", "give what `laplacian_pyramid` returned");
    let (last, finer) = pyramid.split_last().expect("it is not empty");
    let mut image = *last;
    for level in finer.iter().rev() {
        image = *level + pyr_up(image, sides(*level));
    }
    image
}

/// Height and width.
#[track_caller]
fn sides<T: Scalar>(x: Var<'_, T>) -> [usize; 2] {
    let shape = x.shape();
    require(shape.len() >= 2, || format!("a pyramid with a level of shape {shape}"), "images have the shape [.., height, width]");
    [shape[shape.len() - 2], shape[shape.len() - 1]]
}
