//! Regions of maps as small maps of one size, by sums of weighted pixels: roi_align, and the position-sensitive ps_roi_align and ps_roi_pool.
//!
//! Each is a product of the map with a sparse matrix of constants, so its derivative is the product with the transpose. The weights of a bin are
//! those of its rows times those of its columns.

use super::boxes::region_list;
use crate::refusal::{elements, has_room, require};
use crate::{Scalar, Source, SparseMatrix, Var};
use rayon::prelude::*;
use std::ops::Range;

/// The largest `sampling_ratio` that is taken.
const MOST_SAMPLES: usize = 1 << 12;

/// How [`roi_align`] samples; torchvision's defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RoiAlignOptions {
    /// What coordinates of regions are multiplied by to get those of the map: 1/16 for a map of stride 16.
    pub spatial_scale: f64,
    /// Samples along each side of a bin. Without it (torchvision's -1) as many as the bin's side has pixels, rounded up.
    pub sampling_ratio: Option<usize>,
    /// Whether the center of pixel (0, 0) lies at (0.5, 0.5), as it should: regions are then shifted by -0.5. Otherwise (older models) it lies at (0, 0), and
    /// regions are at least one pixel wide and high.
    pub aligned: bool,
}

impl Default for RoiAlignOptions {
    fn default() -> Self {
        RoiAlignOptions { spatial_scale: 1.0, sampling_ratio: None, aligned: false }
    }
}

/// Regions of a map `[n, c, h, w]` as maps of one size: `[k, c, rows, columns]`. A region is divided into bins, and the value of a bin is the mean of
/// samples, regularly spaced in it and interpolated linearly. `rois` has shape `[k, 5]`: the number of the image in the batch, x1, y1, x2, y2.
///
/// The regions are constants. By the map: each cotangent goes to the pixels that were read, times their weights. Beyond the map's edges by
/// more than a pixel, samples are 0. A region without samples gives 0: one that is empty or upside down with `aligned` and no `sampling_ratio`. (With a
/// `sampling_ratio` an inverted region is sampled backwards, and without `aligned` each region is a pixel large at least.)
///
/// ```
/// use wengert::vision::{RoiAlignOptions, roi_align};
/// let tape = wengert::Tape::<f64>::new();
/// let map = tape.leaf([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]).reshape([1, 1, 3, 3]);
/// let options = RoiAlignOptions { aligned: true, ..Default::default() };
/// let y = roi_align(map, [[0.0, 0.0, 0.0, 3.0, 3.0]], [1, 1], options);
/// assert!((y.item() - 4.0).abs() < 1e-12); // the mean of nine samples, at the centers of the pixels
/// ```
///
/// Source: K. He, G. Gkioxari, P. Dollár, R. Girshick, "Mask R-CNN" (2017).
///
/// # Panics
/// If the map does not have four axes or has no pixels, the regions do not have shape `[k, 5]`, are not finite or name an image that is not there,
/// the output is empty, `sampling_ratio` is 0 or above 4096, or the result is too large for memory.
#[track_caller]
pub fn roi_align<'t, T: Scalar>(input: Var<'t, T>, rois: impl Source<T>, output_size: [usize; 2], options: RoiAlignOptions) -> Var<'t, T> {
    let regions = Regions::new("roi_align", input, rois, output_size);
    let samples = options.sampling_ratio;
    check_samples("roi_align", samples);
    regions.sum(1, |roi, axis| {
        let offset = if options.aligned { 0.5 } else { 0.0 };
        let [start, end] = roi.side::<T>(axis, options.spatial_scale).map(|x| rounded::<T>(x - offset));
        let size = if options.aligned { end - start } else { (end - start).max(1.0) };
        sampled::<T>(start, size, output_size[axis], samples, regions.size[axis])
    })
}

/// [`roi_align`] of a map that has channels of its own for each bin: of `[n, c rows columns, h, w]` to `[k, c, rows, columns]`, where bin (i, j) of channel
/// m reads the input's channel (m rows + i) columns + j. Regions are shifted by -0.5, as with `aligned`.
///
/// A bin without samples (of an empty or inverted region, without a `sampling_ratio`) is 0, as in [`roi_align`]; in torchvision some of these are NaN (0/0).
///
/// ```
/// let tape = wengert::Tape::<f64>::new();
/// let map = tape.leaf([1.0, 2.0, 3.0, 4.0]).reshape([1, 4, 1, 1]); // one channel for each of 2 x 2 bins
/// let y = wengert::vision::ps_roi_align(map, [[0.0, 0.0, 0.0, 1.0, 1.0]], [2, 2], 1.0, Some(1));
/// assert_eq!(y.to_vec(), [1.0, 2.0, 3.0, 4.0]);
/// ```
///
/// Source: J. Dai, Y. Li, K. He, J. Sun, "R-FCN" (2016), with samples as in roi_align.
///
/// # Panics
/// As [`roi_align`], and if the channels are no multiple of the bins.
#[track_caller]
pub fn ps_roi_align<'t, T: Scalar>(
    input: Var<'t, T>,
    rois: impl Source<T>,
    output_size: [usize; 2],
    spatial_scale: f64,
    sampling_ratio: Option<usize>,
) -> Var<'t, T> {
    let regions = Regions::new("ps_roi_align", input, rois, output_size);
    check_samples("ps_roi_align", sampling_ratio);
    regions.sum(regions.bins_in_channels(), |roi, axis| {
        let [start, end] = roi.side::<T>(axis, spatial_scale).map(|x| rounded::<T>(x - 0.5));
        sampled::<T>(start, end - start, output_size[axis], sampling_ratio, regions.size[axis])
    })
}

/// The mean of the whole pixels of each bin, of a map that has channels of its own for each bin: shapes as [`ps_roi_align`]. Corners are rounded to
/// whole pixels, and bins outwards. An empty bin is 0.
///
/// As in torchvision, a bin never reaches the map's last row and column.
///
/// Source: J. Dai, Y. Li, K. He, J. Sun, "R-FCN" (2016).
///
/// # Panics
/// As [`ps_roi_align`].
#[track_caller]
pub fn ps_roi_pool<'t, T: Scalar>(input: Var<'t, T>, rois: impl Source<T>, output_size: [usize; 2], spatial_scale: f64) -> Var<'t, T> {
    let regions = Regions::new("ps_roi_pool", input, rois, output_size);
    regions.sum(regions.bins_in_channels(), |roi, axis| {
        let [start, end] = roi.side::<T>(axis, spatial_scale).map(f64::round);
        let taps = |pixels: Range<usize>| {
            let weight = 1.0 / pixels.len() as f64;
            pixels.map(|pixel| (pixel, weight)).collect()
        };
        whole_pixels::<T>(start, end - start, output_size[axis], regions.size[axis] - 1).into_iter().map(taps).collect()
    })
}

#[track_caller]
fn check_samples(what: &str, samples: Option<usize>) {
    let message = || format!("{what}: a sampling_ratio of {}", samples.unwrap_or(0));
    require(samples.is_none_or(|n| (1..=MOST_SAMPLES).contains(&n)), message, "2 is usual; `None` chooses it by the size of the region");
}

/// A pixel's index along an axis and its weight.
type Tap = (usize, f64);

/// The number in the precision of the arrays. What decides how many pixels a bin has is computed in it, as torchvision does: 29 / 7 * 7 is 29 in f64, and
/// a bit less in f32.
fn rounded<T: Scalar>(x: f64) -> f64 {
    T::from_f64(x).to_f64()
}

/// The pixels of each bin along an axis, where bins divide `size` (1 at least) from the whole pixel `start` on, are rounded outwards, and end at
/// pixel `end` of the map.
pub(super) fn whole_pixels<T: Scalar>(start: f64, size: f64, bins: usize, end: usize) -> Vec<Range<usize>> {
    let bin = rounded::<T>(size.max(1.0) / bins as f64);
    let edge = |i: usize| rounded::<T>(i as f64 * bin);
    let place = |x: f64| (x + start).clamp(0.0, end as f64) as usize;
    (0..bins).map(|i| place(edge(i).floor())..place(edge(i + 1).ceil())).collect()
}

/// The pixels that each bin reads along an axis of `n` pixels, where bins divide `size` from `start` on.
fn sampled<T: Scalar>(start: f64, size: f64, bins: usize, samples: Option<usize>, n: usize) -> Vec<Vec<Tap>> {
    let bin = rounded::<T>(rounded::<T>(size) / bins as f64);
    let samples = samples.map_or(bin.ceil(), |n| n as f64);
    let step = bin / samples;
    let last = (n - 1) as f64;
    let taps = |i: usize| {
        let start = start + i as f64 * bin;
        let mut taps: Vec<Tap> = Vec::new();
        if !step.is_finite() || samples < 1.0 {
            return taps;
        }
        // Only those that may lie on the map, since a region may be far larger, and one more on either side, for rounding.
        let [a, b] = [-1.0, n as f64].map(|edge| ((edge - start) / step - 0.5).clamp(-1.0, samples));
        let (first, beyond) = if step == 0.0 { (0.0, samples) } else { ((a.min(b) - 1.0).max(0.0).floor(), (a.max(b) + 2.0).min(samples)) };
        for k in first as usize..beyond as usize {
            let at = start + (k as f64 + 0.5) * step;
            if at < -1.0 || at > n as f64 {
                continue;
            }
            let at = at.clamp(0.0, last);
            let (low, part) = (at as usize, at.fract());
            for (pixel, weight) in [(low, (1.0 - part) / samples), (low + 1, part / samples)] {
                match taps.iter_mut().rev().take(2).find(|tap| tap.0 == pixel) {
                    Some(tap) => tap.1 += weight,
                    None if weight == 0.0 => {}
                    None => taps.push((pixel, weight)),
                }
            }
        }
        taps
    };
    (0..bins).map(taps).collect()
}

/// A region: the number of its image, and its corners.
pub(super) struct Roi {
    pub image: usize,
    corners: [f64; 4],
}

impl Roi {
    /// Where it begins and ends, along the height (axis 0) or the width of a map of this scale.
    pub fn side<T: Scalar>(&self, axis: usize, scale: f64) -> [f64; 2] {
        let [x1, y1, x2, y2] = self.corners;
        let ends = if axis == 0 { [y1, y2] } else { [x1, x2] };
        ends.map(|x| rounded::<T>(x * rounded::<T>(scale)))
    }
}

/// A map, and its regions that shall become maps of one size.
pub(super) struct Regions<'t, T: Scalar> {
    /// The function that reads them, for its refusals.
    what: &'static str,
    input: Var<'t, T>,
    /// Images and channels.
    pub outer: [usize; 2],
    /// Height and width.
    pub size: [usize; 2],
    pub rois: Vec<Roi>,
    pub output: [usize; 2],
}

impl<'t, T: Scalar> Regions<'t, T> {
    #[track_caller]
    pub fn new(what: &'static str, input: Var<'t, T>, rois: impl Source<T>, output: [usize; 2]) -> Self {
        let shape = input.shape();
        let message = || format!("{what}: a map has a shape [images, channels, height, width], not {shape}");
        require(shape.len() == 4 && shape[2] > 0 && shape[3] > 0, message, "only images and channels may be none");
        let [images, channels] = [shape[0], shape[1]];
        let rois: Vec<[f64; 5]> = region_list(what, rois).iter().map(|roi| roi.map(|x| x.to_f64())).collect();
        let wrong = rois.iter().position(|r| {
            let is_image = r[0] >= 0.0 && r[0].fract() == 0.0 && r[0] < images as f64;
            !is_image || r.iter().any(|x| !x.is_finite())
        });
        let message = || format!("{what}: region {} is {:?}, of {images} images", wrong.unwrap_or(0), rois[wrong.unwrap_or(0)]);
        require(wrong.is_none(), message, "a region is the number of its image, from 0 on, and four finite numbers x1, y1, x2, y2");
        require(output[0] > 0 && output[1] > 0, || format!("{what}: regions of {output:?} bins"), "7 by 7 is usual");
        elements::<[f64; 2]>(what, &[rois.len(), channels, output[0], output[1]]);
        let rois = rois.iter().map(|r| Roi { image: r[0] as usize, corners: [r[1], r[2], r[3], r[4]] }).collect();
        Regions { what, input, outer: [images, channels], size: [shape[2], shape[3]], rois, output }
    }
    /// The number of bins, which divides the channels.
    #[track_caller]
    fn bins_in_channels(&self) -> usize {
        let bins = self.output[0] * self.output[1];
        let message = || format!("{}: {} channels for {:?} bins", self.what, self.outer[1], self.output);
        require(self.outer[1].is_multiple_of(bins), message, "there is a channel for each bin, or several");
        bins
    }
    /// For each bin the sum over the pixels that `taps` gives for its row (axis 0) and its column, times both weights. The channels fall into `groups`: 1, or one for each bin.
    #[track_caller]
    fn sum(&self, groups: usize, taps: impl Fn(&Roi, usize) -> Vec<Vec<Tap>> + Sync) -> Var<'t, T> {
        let ([images, channels], [height, width], [rows, columns]) = (self.outer, self.size, self.output);
        // For each region and axis, what its bins read; then a row of the matrix for each bin.
        let taps: Vec<[Vec<Vec<Tap>>; 2]> = self.rois.par_iter().map(|roi| [taps(roi, 0), taps(roi, 1)]).collect();
        let count =
            |taps: &[Vec<Vec<Tap>>; 2]| taps.each_ref().map(|axis| axis.iter().map(Vec::len).sum::<usize>()).iter().product::<usize>();
        let total = taps.iter().map(count).fold(0, usize::saturating_add);
        require(
            has_room::<[u64; 6]>(total), // places and weights, by rows and by columns
            || format!("{}: there is no memory for {total} weights of pixels, of {} regions", self.what, self.rois.len()),
            "a `sampling_ratio`, such as 2, bounds the pixels of a bin",
        );
        let (mut pixels, mut weights) = (vec![0; total], vec![0.0; total]);
        let (mut places, mut parts) = (&mut pixels[..], &mut weights[..]);
        let mut jobs = Vec::with_capacity(self.rois.len());
        for (roi, taps) in self.rois.iter().zip(&taps) {
            let n = count(taps);
            jobs.push((roi, taps, places.split_off_mut(..n).expect("counted"), parts.split_off_mut(..n).expect("counted")));
        }
        jobs.into_par_iter().for_each(|(roi, [of_rows, of_columns], places, parts)| {
            let mut to = places.iter_mut().zip(parts);
            for (i, of_row) in of_rows.iter().enumerate() {
                for (j, of_column) in of_columns.iter().enumerate() {
                    let group = if groups == 1 { 0 } else { i * columns + j };
                    let plane = (roi.image * groups + group) * height;
                    for &(y, a) in of_row {
                        for (&(x, b), (place, part)) in of_column.iter().zip(&mut to) {
                            (*place, *part) = ((plane + y) * width + x, a * b);
                        }
                    }
                }
            }
        });
        let ends = taps.iter().flat_map(|[of_rows, of_columns]| of_rows.iter().flat_map(|r| of_columns.iter().map(|c| r.len() * c.len())));
        let ends = ends.scan(0, |end, count| {
            *end += count;
            Some(*end)
        });
        let starts = std::iter::once(0).chain(ends).collect();
        let bins = self.rois.len() * rows * columns;
        let matrix = SparseMatrix::from_csr([bins, images * groups * height * width], starts, pixels, weights);

        // Channels last, so that the numbers of a pixel lie together.
        let [n, c, g, h, w] = [images, channels / groups, groups, height, width].map(|n| n as isize);
        let last = self.input.reshape([n, c, g, h, w]).permute(&[0, 2, 3, 4, 1]).reshape([n * g * h * w, c]);
        let sums = matrix.matmul(last);
        sums.reshape([self.rois.len() as isize, rows as isize, columns as isize, c]).permute(&[0, 3, 1, 2])
    }
}
