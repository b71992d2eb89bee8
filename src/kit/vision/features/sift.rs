//! The scale-invariant feature transform (D. G. Lowe, "Distinctive image features from scale-invariant keypoints", 2004).

use super::descriptor::{Circle, LENGTH, Votes};
use super::extrema::{Extremum, Thresholds, extrema};
use super::gradient::Gradients;
use super::keypoint::{Keypoint, check, strongest};
use super::scale_space::{Octave, Scales};
use crate::refusal::require;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

/// The scale-invariant feature transform: extrema of differences of Gaussians, their main directions, and histograms of gradients around them
/// in 4 x 4 cells of 8 directions. Values and defaults are those of D. G. Lowe's paper ("Distinctive image features from scale-invariant
/// keypoints", 2004), and the options those of OpenCV's `SIFT_create`.
///
/// The image is doubled first. Places are exact: OpenCV's default doubling puts all of them 1/4 pixel too far right and down.
///
/// ```
/// use wengert::ndarray::Array2;
/// use wengert::vision::features::Sift;
/// // A bright disk, of which the middle is found.
/// let image = Array2::from_shape_fn((64, 64), |(y, x)| if (x as f32 - 30.0).hypot(y as f32 - 33.0) < 6.0 { 200u8 } else { 50 });
/// let (keypoints, descriptors) = Sift::new().detect_and_compute(image.view());
/// assert!(keypoints.iter().any(|k| (k.x - 30.0).hypot(k.y - 33.0) < 0.5));
/// assert_eq!(descriptors.dim(), (keypoints.len(), 128));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Sift {
    features: Option<usize>,
    contrast_threshold: f32,
    edge_threshold: f32,
    scales: Scales,
}

impl Default for Sift {
    fn default() -> Self {
        Sift::new()
    }
}

impl Sift {
    /// With the paper's values: 3 layers in an octave, a contrast of 0.04, a ratio of curvatures of 10, sigma 1.6.
    pub fn new() -> Sift {
        Sift { features: None, contrast_threshold: 0.04, edge_threshold: 10.0, scales: Scales { layers: 3, sigma: 1.6 } }
    }
    /// Only so many keypoints, those with the largest response.
    pub fn features(mut self, most: usize) -> Self {
        self.features = Some(most);
        self
    }
    /// The layers of an octave in which extrema are looked for.
    ///
    /// # Panics
    /// If there are none, or more than 32.
    #[track_caller]
    pub fn octave_layers(mut self, layers: usize) -> Self {
        require((1..=32).contains(&layers), || format!("Sift: {layers} layers in an octave"), "3 are usual");
        self.scales.layers = layers;
        self
    }
    /// The least contrast of an extremum, times the number of layers, for pixels from 0 to 1.
    ///
    /// # Panics
    /// If it is negative or NaN.
    #[track_caller]
    pub fn contrast_threshold(mut self, threshold: f32) -> Self {
        require(threshold >= 0.0, || format!("Sift: a contrast of {threshold}"), "0.04 is usual; less gives more keypoints");
        self.contrast_threshold = threshold;
        self
    }
    /// The largest ratio of the two principal curvatures of an extremum: beyond it, it lies along an edge.
    ///
    /// # Panics
    /// If it is below 1, or NaN.
    #[track_caller]
    pub fn edge_threshold(mut self, threshold: f32) -> Self {
        require(threshold >= 1.0, || format!("Sift: a ratio of curvatures of {threshold}"), "10 is usual; more gives more keypoints");
        self.edge_threshold = threshold;
        self
    }
    /// The blur of the first layer of each octave, in its pixels.
    ///
    /// # Panics
    /// If it is below 0.5 or above 16.
    #[track_caller]
    pub fn sigma(mut self, sigma: f64) -> Self {
        require((0.5..=16.0).contains(&sigma), || format!("Sift: a sigma of {sigma}"), "1.6 is usual");
        self.scales.sigma = sigma;
        self
    }

    /// The keypoints of a gray image `[height, width]`, with one entry for each main direction, from small scales to large ones. An image below
    /// 6 x 6 pixels, like one without structure, has none.
    ///
    /// # Panics
    /// If the image is too large: at twice its size it has 2^32 pixels or more, or there is no memory for them.
    #[track_caller]
    pub fn detect(&self, image: ArrayView2<u8>) -> Vec<Keypoint> {
        strongest(self.scales.each_octave(image, |octave| self.in_octave(octave)).concat(), self.features)
    }
    /// The descriptors `[keypoints, 128]` of these keypoints of an image: whole numbers from 0 to 255. [`Keypoint::octave`] says where one is
    /// read, -1 for the doubled image; octaves that this image does not have are replaced by the nearest. What lies outside of the image counts
    /// nothing; without anything in it, a descriptor is 0.
    ///
    /// # Panics
    /// If a number of a keypoint is not finite, or its size not above 0, or the image is too large, as for [`Sift::detect`].
    #[track_caller]
    pub fn compute(&self, image: ArrayView2<u8>, keypoints: &[Keypoint]) -> Array2<f32> {
        check("Sift::compute", keypoints);
        let mut descriptors = Array2::zeros((keypoints.len(), LENGTH));
        let count = self.scales.octaves(image.dim().into());
        let octave_of = |k: &Keypoint| (k.octave.saturating_add(1).max(0) as usize).min(count.saturating_sub(1));
        let parts = self.scales.each_octave(image, |octave| {
            let here: Vec<usize> = (0..keypoints.len()).filter(|i| octave_of(&keypoints[*i]) == octave.index).collect();
            let described = self.describe(octave, &here.iter().map(|i| keypoints[*i]).collect::<Vec<_>>());
            (here, described)
        });
        for (indices, values) in parts {
            for (i, value) in indices.into_iter().zip(values) {
                descriptors.row_mut(i).as_slice_mut().expect("rows are contiguous").copy_from_slice(&value);
            }
        }
        descriptors
    }
    /// [`Sift::detect`] and [`Sift::compute`] in one, which blurs the image only once (twice with [`Sift::features`], whose keypoints are known
    /// only at the end).
    ///
    /// # Panics
    /// As [`Sift::detect`].
    #[track_caller]
    pub fn detect_and_compute(&self, image: ArrayView2<u8>) -> (Vec<Keypoint>, Array2<f32>) {
        if self.features.is_some() {
            let keypoints = self.detect(image);
            let descriptors = self.compute(image, &keypoints);
            return (keypoints, descriptors);
        }
        let octaves = self.scales.each_octave(image, |octave| {
            let keypoints = self.in_octave(octave);
            let descriptors = self.describe(octave, &keypoints);
            (keypoints, descriptors)
        });
        let (keypoints, descriptors): (Vec<_>, Vec<_>) = octaves.into_iter().unzip();
        let descriptors: Vec<[f32; LENGTH]> = descriptors.concat();
        let shape = (descriptors.len(), LENGTH);
        let descriptors = Array2::from_shape_vec(shape, descriptors.into_flattened()).expect("128 for each");
        (keypoints.concat(), descriptors)
    }

    fn in_octave(&self, octave: &Octave) -> Vec<Keypoint> {
        let keep = Thresholds { contrast: self.contrast_threshold * 255.0 / self.scales.layers as f32, edge: self.edge_threshold };
        let found = extrema(octave, keep);
        let directed = |gradients: &mut Gradients, e: &Extremum| {
            let sigma = self.scales.sigma as f32 * ((e.layer as f32 + e.offset[2]) / self.scales.layers as f32).exp2();
            let circle = Circle {
                image: &octave.blurred[e.layer],
                height: octave.height,
                width: octave.width,
                row: e.row as isize,
                column: e.column as isize,
                sigma,
            };
            let step = octave.step();
            let keypoint = Keypoint {
                x: (e.column as f32 + e.offset[0]) * step - 0.25,
                y: (e.row as f32 + e.offset[1]) * step - 0.25,
                size: 2.0 * sigma * step,
                angle: 0.0,
                response: e.value / 255.0,
                octave: octave.index as i32 - 1,
            };
            circle.directions(gradients).into_iter().map(move |angle| Keypoint { angle, ..keypoint })
        };
        found.par_iter().with_min_len(8).map_init(Gradients::default, |g, e| directed(g, e).collect::<Vec<_>>()).flatten_iter().collect()
    }
    /// Descriptors of an octave's keypoints.
    fn describe(&self, octave: &Octave, keypoints: &[Keypoint]) -> Vec<[f32; LENGTH]> {
        let describe = |room: &mut (Gradients, Votes), k: &Keypoint| {
            let (step, layers) = (octave.step(), self.scales.layers as f32);
            let sigma = (0.5 * k.size / step).max(0.1);
            let layer = (layers * (sigma / self.scales.sigma as f32).log2()).round().clamp(1.0, layers) as usize;
            let [row, column] = [k.y, k.x].map(|at| ((at + 0.25) / step).round().clamp(-1e9, 1e9) as isize);
            let image = &octave.blurred[layer];
            let circle = Circle { image, height: octave.height, width: octave.width, row, column, sigma };
            let mut descriptor = [0.0; LENGTH];
            circle.describe(k.angle, room, &mut descriptor);
            descriptor
        };
        keypoints.par_iter().with_min_len(4).map_init(Default::default, describe).collect()
    }
}
