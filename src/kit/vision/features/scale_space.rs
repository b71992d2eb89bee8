//! The scale space of SIFT: octaves of ever more blurred images, each half as large as the one before.
//!
//! An octave's first image is extended once, by mirrored pixels, as far as all of its blurs together reach. A symmetric kernel keeps a mirrored
//! border mirrored, so each blur then takes only pixels that are there, and gives what mirroring before each blur would.

use crate::refusal::elements;
use crate::vision::filters::gaussian_kernel1d;
use crate::{Tape, Var};
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

/// The blur that a camera's image is assumed to have.
const CAMERA_SIGMA: f64 = 0.5;
/// Nothing is looked for within so many pixels of an octave's edge.
pub(super) const BORDER: usize = 5;

/// What defines a scale space.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scales {
    /// The layers of an octave in which extrema are looked for.
    pub layers: usize,
    /// The blur of an octave's first image, in its pixels.
    pub sigma: f64,
}

/// One blurred image of an octave: its pixels lie in an array with a border.
#[derive(Clone, Copy)]
pub(super) struct Blurred<'a> {
    values: &'a [f32],
    /// The length of a row of the array, and the width of the border.
    stride: usize,
    margin: usize,
}

impl<'a> Blurred<'a> {
    /// `len` pixels of a row, from column `x` on.
    pub fn row(&self, y: usize, x: usize, len: usize) -> &'a [f32] {
        &self.values[(y + self.margin) * self.stride + x + self.margin..][..len]
    }
    pub fn at(&self, y: usize, x: usize) -> f32 {
        self.values[(y + self.margin) * self.stride + x + self.margin]
    }
}

/// An octave: blurred images of one size, whose pixels lie 2^index / 2 pixels of the original image apart.
pub(super) struct Octave<'a> {
    pub index: usize,
    pub height: usize,
    pub width: usize,
    /// `layers + 3` images; the blur doubles from the first one to that of number `layers`.
    pub blurred: Vec<Blurred<'a>>,
}

impl Octave<'_> {
    /// The distance of its pixels in pixels of the original image.
    pub fn step(&self) -> f32 {
        0.5 * (self.index as f32).exp2()
    }
}

impl Scales {
    /// The octaves that are large enough for an extremum.
    pub fn octaves(&self, [height, width]: [usize; 2]) -> usize {
        let least = 2 * BORDER + 1;
        (0..).take_while(|o| (2 * height.min(width)) >> o >= least).count()
    }
    /// Calls `f` with each octave of an image, on several threads; the results are in the order of the octaves. Refuses an image that is too large
    /// to be doubled.
    #[track_caller]
    pub fn each_octave<R: Send>(&self, image: ArrayView2<u8>, f: impl Fn(&Octave) -> R + Sync) -> Vec<R> {
        let (height, width) = image.dim();
        let count = self.octaves([height, width]);
        let mut results = Vec::with_capacity(count);
        if count > 0 {
            let kernels = self.kernels();
            let margin = kernels.iter().map(|k| k.len() / 2).sum();
            let first = kernel(2.0 * CAMERA_SIGMA, self.sigma);
            let border: usize = margin + first.len() / 2;
            elements::<f32>("Sift: the doubled image", &[height, width].map(|n| n.saturating_add(border).saturating_mul(2)));
            let base = doubled(image, border);
            let space = ScaleSpace { layers: self.layers, kernels, margin, count, f };
            space.octaves_from(0, [2 * height, 2 * width], base, Some(&first), &mut results);
        }
        results
    }
    /// The kernels between the images of an octave.
    fn kernels(&self) -> Vec<Vec<f32>> {
        let sigma = |i: usize| self.sigma * (i as f64 / self.layers as f64).exp2();
        (1..self.layers + 3).map(|i| kernel(sigma(i - 1), sigma(i))).collect()
    }
}

/// What all octaves of an image share.
struct ScaleSpace<F> {
    layers: usize,
    /// The kernels between the images of an octave, and how far they reach together.
    kernels: Vec<Vec<f32>>,
    margin: usize,
    /// The number of octaves.
    count: usize,
    f: F,
}

impl<F> ScaleSpace<F> {
    /// The octaves from `index` on. `base` is the first image of the next octave with its border, or what becomes it by the kernel `first`.
    fn octaves_from<R: Send>(
        &self,
        index: usize,
        [height, width]: [usize; 2],
        base: Array2<f32>,
        first: Option<&[f32]>,
        results: &mut Vec<R>,
    ) where
        F: Fn(&Octave) -> R + Sync,
    {
        let tape = Tape::new();
        let mut images = vec![tape.constant(&base)];
        drop(base);
        if let Some(first) = first {
            images[0] = blur(images[0], first);
        }
        for kernel in &self.kernels {
            images.push(blur(images[images.len() - 1], kernel));
        }
        let values: Vec<_> = images.into_iter().map(Var::value).collect();
        let blurred = values.iter().map(|v| {
            let stride = v.view().shape()[1];
            Blurred { values: v.as_slice(), stride, margin: (stride - width) / 2 }
        });
        let octave = Octave { index, height, width, blurred: blurred.collect() };
        if index + 1 == self.count {
            return results.push((self.f)(&octave));
        }
        let half = [height / 2, width / 2];
        let next = halved(&octave.blurred[self.layers], half, self.margin);
        let mut rest = Vec::new();
        let (result, ()) = rayon::join(|| (self.f)(&octave), || self.octaves_from(index + 1, half, next, None, &mut rest));
        results.push(result);
        results.append(&mut rest);
    }
}

/// The kernel that raises a blur from one sigma to another. It reaches over 4 sigma.
fn kernel(from: f64, to: f64) -> Vec<f32> {
    // A blur that the image has already cannot be taken away: then it stays nearly as it is.
    let sigma = (to * to - from * from).max(0.01).sqrt();
    let size = (8.0 * sigma + 1.0).round() as usize | 1;
    gaussian_kernel1d(size, sigma).into_iter().map(|w| w as f32).collect()
}

fn blur<'t>(image: Var<'t, f32>, kernel: &[f32]) -> Var<'t, f32> {
    let kernel = image.tape().constant(kernel);
    image.correlate1d(kernel, 1).correlate1d(kernel, 0)
}

/// The place in a list of `n` of which place `at - margin` is the mirror image; the ends are not repeated.
fn mirror(at: usize, margin: usize, n: usize) -> usize {
    let period = 2 * (n as isize - 1).max(1);
    let at = (at as isize - margin as isize).rem_euclid(period);
    at.min(period - at) as usize
}

/// An image with a border of mirrored pixels; `row` writes one of its rows.
fn bordered([height, width]: [usize; 2], margin: usize, row: impl Fn(usize, &mut [f32]) + Sync) -> Array2<f32> {
    let mut image = Array2::zeros((height + 2 * margin, width + 2 * margin));
    let rows: &mut [f32] = image.as_slice_mut().expect("it was just made");
    rows.par_chunks_mut(width + 2 * margin).enumerate().with_min_len(16).for_each(|(y, to)| {
        row(mirror(y, margin, height), &mut to[margin..margin + width]);
        for x in 0..margin {
            to[x] = to[margin + mirror(x, margin, width)];
            let x = margin + width + x;
            to[x] = to[margin + mirror(x, margin, width)];
        }
    });
    image
}

/// An image of twice the size, by linear interpolation between pixel centers: pixel i of it lies at i / 2 - 1 / 4. (The weights are 3/4 and 1/4
/// everywhere, so that all pixels are equally blurred.)
fn doubled(image: ArrayView2<u8>, margin: usize) -> Array2<f32> {
    let (height, width) = image.dim();
    let image = image.as_standard_layout();
    let pixels = image.as_slice().expect("it is in standard layout");
    // The nearer and the farther pixel.
    let places = |at: usize, n: usize| (at / 2, if at.is_multiple_of(2) { (at / 2).saturating_sub(1) } else { (at / 2 + 1).min(n - 1) });
    bordered([2 * height, 2 * width], margin, |y, to| {
        let (near, far) = places(y, height);
        let [near, far] = [near, far].map(|y| &pixels[y * width..][..width]);
        let mix = |x: usize| 0.75 * f32::from(near[x]) + 0.25 * f32::from(far[x]);
        let mut before = mix(0);
        for (x, to) in to.as_chunks_mut::<2>().0.iter_mut().enumerate() {
            let here = mix(x);
            to[0] = 0.75 * here + 0.25 * before;
            to[1] = 0.75 * here + 0.25 * mix((x + 1).min(width - 1));
            before = here;
        }
    })
}

/// Each second pixel.
fn halved(image: &Blurred, [height, width]: [usize; 2], margin: usize) -> Array2<f32> {
    bordered([height, width], margin, |y, to| {
        let from = image.row(2 * y, 0, 2 * width - 1);
        to.iter_mut().zip(from.iter().step_by(2)).for_each(|(to, from)| *to = *from);
    })
}
