//! Speeded-up robust features (H. Bay, A. Ess, T. Tuytelaars, L. Van Gool, "Speeded-up robust features (SURF)", 2008).

use super::integral::Integral;
use super::keypoint::{Keypoint, check, strongest};
use super::quadratic::Quadratic;
use crate::refusal::require;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use std::f32::consts::{PI, TAU};

/// The length of a descriptor: 4 x 4 cells of 4 sums.
const LENGTH: usize = 64;
const CELLS: usize = 4;
/// The sigma of the Gaussian that a filter stands for, by its width: the smallest is 9 pixels wide, for a sigma of 1.2.
const SIGMA_OF_WIDTH: f32 = 1.2 / 9.0;
/// What the response of the filter for the mixed derivative is multiplied by, because it is too strong beside the others.
const MIXED: f32 = 0.9;

/// The sigma of a descriptor's weights, in steps of the scale. (The paper has 3.3. Here places count in neighboring cells, too, so that outer ones
/// say more.)
const WINDOW: f32 = 4.0;

/// Speeded-up robust features: maxima of the determinant of the Hessian matrix, which box filters on an integral image approximate; the
/// direction in which Haar wavelets respond most; and the sums of their responses and absolute responses in 4 x 4 cells (H. Bay et al.,
/// "Speeded-up robust features (SURF)", 2008). Faster than [`Sift`](super::Sift), with shorter descriptors, and less reliable.
///
/// ```
/// use wengert::ndarray::Array2;
/// use wengert::vision::features::Surf;
/// let image = Array2::from_shape_fn((64, 64), |(y, x)| if (x as f32 - 30.0).hypot(y as f32 - 33.0) < 6.0 { 200u8 } else { 50 });
/// let (keypoints, descriptors) = Surf::new().detect_and_compute(image.view());
/// assert!(keypoints.iter().any(|k| (k.x - 30.0).hypot(k.y - 33.0) < 0.5));
/// assert_eq!(descriptors.dim(), (keypoints.len(), 64));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Surf {
    threshold: f32,
    octaves: usize,
    layers: usize,
    features: Option<usize>,
}

impl Default for Surf {
    fn default() -> Self {
        Surf::new()
    }
}

/// The determinants of the Hessian matrix by filters of one size, at each `2^octave`-th pixel.
struct Layer {
    /// The filter's width.
    size: usize,
    values: Array2<f32>,
}

impl Surf {
    /// With the paper's 4 octaves of 4 layers, and a threshold of 0.5.
    pub fn new() -> Surf {
        Surf { threshold: 0.5, octaves: 4, layers: 4, features: None }
    }
    /// The least determinant of the Hessian matrix, for pixels from 0 to 255.
    ///
    /// # Panics
    /// If it is negative or NaN.
    #[track_caller]
    pub fn threshold(mut self, threshold: f32) -> Self {
        require(threshold >= 0.0, || format!("Surf: a threshold of {threshold}"), "0.5 is usual; less gives more keypoints");
        self.threshold = threshold;
        self
    }
    /// The number of octaves. In each the filters grow, and their places lie apart, twice as much as in the one before.
    ///
    /// # Panics
    /// If there are none, or more than 8.
    #[track_caller]
    pub fn octaves(mut self, octaves: usize) -> Self {
        require((1..=8).contains(&octaves), || format!("Surf: {octaves} octaves"), "4 are usual");
        self.octaves = octaves;
        self
    }
    /// The filters of an octave. Maxima are looked for in all but the first and last; above 4, neighboring octaves overlap and find some keypoints
    /// twice.
    ///
    /// # Panics
    /// If there are fewer than 3, or more than 8.
    #[track_caller]
    pub fn layers(mut self, layers: usize) -> Self {
        require((3..=8).contains(&layers), || format!("Surf: {layers} layers in an octave"), "4 are usual");
        self.layers = layers;
        self
    }
    /// Only so many keypoints, those with the largest response.
    pub fn features(mut self, most: usize) -> Self {
        self.features = Some(most);
        self
    }

    /// The keypoints of a gray image `[height, width]`, from small scales to large ones. Their size is the filter's. An image smaller than the
    /// filters, like one without structure, has none.
    ///
    /// # Panics
    /// If the image is too large: it has 2^32 pixels or more, or there is no memory for their sums.
    #[track_caller]
    pub fn detect(&self, image: ArrayView2<u8>) -> Vec<Keypoint> {
        self.found(&Integral::new(image), image.dim())
    }
    /// The descriptors `[keypoints, 64]` of these keypoints of an image: each of norm 1, or 0 where the image is without structure.
    ///
    /// # Panics
    /// If a number of a keypoint is not finite, or its size not above 0, or the image is too large, as for [`Surf::detect`].
    #[track_caller]
    pub fn compute(&self, image: ArrayView2<u8>, keypoints: &[Keypoint]) -> Array2<f32> {
        check("Surf::compute", keypoints);
        described(&Integral::new(image), keypoints)
    }
    /// [`Surf::detect`] and [`Surf::compute`] in one.
    ///
    /// # Panics
    /// As [`Surf::detect`].
    #[track_caller]
    pub fn detect_and_compute(&self, image: ArrayView2<u8>) -> (Vec<Keypoint>, Array2<f32>) {
        let integral = Integral::new(image);
        let keypoints = self.found(&integral, image.dim());
        let descriptors = described(&integral, &keypoints);
        (keypoints, descriptors)
    }

    fn found(&self, image: &Integral, size: (usize, usize)) -> Vec<Keypoint> {
        let all = (0..self.octaves).flat_map(|octave| self.in_octave(image, size, octave)).collect();
        let mut keypoints = strongest(all, self.features);
        keypoints.par_iter_mut().with_min_len(8).for_each(|k| k.angle = direction(image, k));
        keypoints
    }
    fn in_octave(&self, image: &Integral, (height, width): (usize, usize), octave: usize) -> Vec<Keypoint> {
        let step = 1 << octave;
        let sizes: Vec<usize> = (1..=self.layers).map(|i| 3 * (((2 * i) << octave) + 1)).collect();
        let layers: Vec<Layer> = sizes.iter().map(|size| Layer::new(image, (height, width), step, *size)).collect();
        let find = |i: usize| {
            let [low, here, high] = [&layers[i - 1], &layers[i], &layers[i + 1]];
            // Where the largest of the three filters lies on the image.
            let border = (high.size / 2 + 1).div_ceil(step) + 1;
            let (rows, columns) = here.values.dim();
            let rows = border..rows.saturating_sub(border);
            rows.into_par_iter()
                .flat_map_iter(move |y| {
                    (border..columns.saturating_sub(border)).filter_map(move |x| self.maximum([low, here, high], y, x, step, octave))
                })
                .collect::<Vec<_>>()
        };
        (1..self.layers - 1).flat_map(find).collect()
    }
    /// The keypoint at a place of the middle layer, if it is a maximum.
    fn maximum(&self, layers: [&Layer; 3], y: usize, x: usize, step: usize, octave: usize) -> Option<Keypoint> {
        let at = |l: usize, y: usize, x: usize| layers[l].values[[y, x]];
        let value = at(1, y, x);
        if value < self.threshold {
            return None;
        }
        let around = (0..27).filter(|i| *i != 13).map(|i| at(i / 9, y + i / 3 % 3 - 1, x + i % 3 - 1));
        if around.into_iter().any(|a| a >= value) {
            return None;
        }
        let offset = Quadratic::new(|l, i, j| at(l, y + i - 1, x + j - 1)).vertex()?;
        if offset.iter().any(|o| o.abs() > 0.5) {
            return None;
        }
        let growth = (layers[2].size - layers[1].size) as f32;
        Some(Keypoint {
            x: (x as f32 + offset[0]) * step as f32,
            y: (y as f32 + offset[1]) * step as f32,
            size: layers[1].size as f32 + offset[2] * growth,
            angle: 0.0,
            response: value,
            octave: octave as i32,
        })
    }
}

impl Layer {
    /// The determinants of the Hessian matrix.
    fn new(image: &Integral, (height, width): (usize, usize), step: usize, size: usize) -> Layer {
        let mut values = Array2::zeros((height.div_ceil(step), width.div_ceil(step)));
        let (lobe, half) = ((size / 3) as isize, (size / 2) as isize);
        let area = 1.0 / (size * size) as f32;
        let columns = values.ncols();
        let row = |(i, to): (usize, &mut [f32])| {
            let y = (i * step) as isize;
            for (j, to) in to.iter_mut().enumerate() {
                let x = (j * step) as isize;
                // Three lobes side by side, of which the middle one counts -2: all of them, less three times the middle one.
                let wide = 2 * lobe - 1;
                let xx = image.sum(y - lobe + 1, x - half, wide, 3 * lobe) - 3.0 * image.sum(y - lobe + 1, x - lobe / 2, wide, lobe);
                let yy = image.sum(y - half, x - lobe + 1, 3 * lobe, wide) - 3.0 * image.sum(y - lobe / 2, x - lobe + 1, lobe, wide);
                let xy = image.sum(y - lobe, x - lobe, lobe, lobe) + image.sum(y + 1, x + 1, lobe, lobe)
                    - image.sum(y - lobe, x + 1, lobe, lobe)
                    - image.sum(y + 1, x - lobe, lobe, lobe);
                let [xx, yy, xy] = [xx * area, yy * area, xy * area * MIXED];
                *to = xx * yy - xy * xy;
            }
        };
        let all: &mut [f32] = values.as_slice_mut().expect("it was just made");
        all.par_chunks_mut(columns.max(1)).enumerate().with_min_len(16).for_each(row);
        Layer { size, values }
    }
}

/// The scale of a keypoint: the sigma of its filter.
fn scale(k: &Keypoint) -> f32 {
    k.size * SIGMA_OF_WIDTH
}

/// The direction in degrees in which the wavelets in a sixth of a turn respond most.
fn direction(image: &Integral, k: &Keypoint) -> f32 {
    let s = scale(k);
    let mut responses: Vec<(f32, [f32; 2])> = Vec::with_capacity(113);
    for (i, j) in (-6..=6).flat_map(|i| (-6..=6).map(move |j| (i as f32, j as f32))).filter(|(i, j)| i * i + j * j <= 36.0) {
        let weight = (-(i * i + j * j) / (2.0 * 2.5 * 2.5)).exp();
        let response = image.haar(k.y + i * s, k.x + j * s, 2.0 * s).map(|r| weight * r);
        responses.push((response[1].atan2(response[0]), response));
    }
    // Windows begin at each response.
    responses.sort_by(|a, b| a.0.total_cmp(&b.0));
    let n = responses.len();
    let (mut best, mut most) = ([1.0, 0.0], 0.0);
    for i in 0..n {
        let mut sum = [0.0, 0.0];
        for k in i..i + n {
            let (angle, response) = responses[k % n];
            let turned = if k < n { angle } else { angle + TAU };
            if turned - responses[i].0 >= PI / 3.0 {
                break;
            }
            sum = [sum[0] + response[0], sum[1] + response[1]];
        }
        let length = sum[0] * sum[0] + sum[1] * sum[1];
        if length > most {
            (best, most) = (sum, length);
        }
    }
    best[1].atan2(best[0]).to_degrees().rem_euclid(360.0)
}

fn described(image: &Integral, keypoints: &[Keypoint]) -> Array2<f32> {
    let mut descriptors = Array2::zeros((keypoints.len(), LENGTH));
    let all: &mut [f32] = descriptors.as_slice_mut().expect("it was just made");
    let rows = all.par_chunks_exact_mut(LENGTH).zip(keypoints).with_min_len(4);
    rows.for_each(|(to, k)| describe(image, k, to.try_into().expect("64 numbers")));
    descriptors
}

/// Sums of wavelet responses, turned by the keypoint's direction, over 24 x 24 places around 4 x 4 cells of 5 x 5; each place counts in the
/// cells beside it, in proportion to its nearness.
fn describe(image: &Integral, k: &Keypoint, to: &mut [f32; LENGTH]) {
    let s = scale(k);
    let (sin, cos) = k.angle.to_radians().sin_cos();
    for (i, j) in (0..24).flat_map(|i| (0..24).map(move |j| (i as f32 - 11.5, j as f32 - 11.5))) {
        let (y, x) = (k.y + s * (j * sin + i * cos), k.x + s * (j * cos - i * sin));
        let [right, down] = image.haar(y, x, s);
        let weight = (-(i * i + j * j) / (2.0 * WINDOW * WINDOW)).exp();
        let (along, across) = (weight * (right * cos + down * sin), weight * (down * cos - right * sin));
        // Cells are 5 steps wide; their middles are whole numbers here.
        let (row, column) = (i / 5.0 + 1.5, j / 5.0 + 1.5);
        for (r, c) in [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)] {
            let (r, c) = (row.floor() + r, column.floor() + c);
            if (0.0..CELLS as f32).contains(&r) && (0.0..CELLS as f32).contains(&c) {
                let share = (1.0 - (row - r).abs()) * (1.0 - (column - c).abs());
                let cell = &mut to[4 * (CELLS * r as usize + c as usize)..][..4];
                for (sum, response) in cell.iter_mut().zip([along, across, along.abs(), across.abs()]) {
                    *sum += share * response;
                }
            }
        }
    }
    let norm = to.iter().map(|x| x * x).sum::<f32>().sqrt();
    to.iter_mut().for_each(|x| *x /= norm.max(f32::MIN_POSITIVE));
}
