//! The largest pixels of the parts of a region.

use super::roi_align::{Regions, whole_pixels};
use crate::{Scalar, Source, Var};
use rayon::prelude::*;

/// Regions of a map `[n, c, h, w]` as maps of one size `[k, c, rows, columns]`, each bin with its largest pixel; `rois` as in [`roi_align`](super::roi_align).
/// Corners times `spatial_scale` are rounded to whole pixels (halves away from 0), and the last pixel belongs to the region; bins are rounded outwards. An empty bin is 0.
///
/// Derivative: the cotangent goes to the largest pixel; of several equal ones, to the first, row by row.
///
/// ```
/// let tape = wengert::Tape::<f64>::new();
/// let map = tape.leaf([0.0, 1.0, 2.0, 3.0, 9.0, 5.0]).reshape([1, 1, 2, 3]);
/// let y = wengert::vision::roi_pool(map, [[0.0, 0.0, 0.0, 2.0, 1.0]], [1, 2], 1.0);
/// assert_eq!(y.to_vec(), [9.0, 9.0]); // the middle column is in both bins
/// ```
///
/// Source: R. Girshick, "Fast R-CNN" (2015).
///
/// # Panics
/// If the map does not have four axes or has no pixels, the regions do not have shape `[k, 5]`, are not finite or name an image that is not there,
/// the output is empty, or the result is too large for memory.
#[track_caller]
pub fn roi_pool<'t, T: Scalar>(input: Var<'t, T>, rois: impl Source<T>, output_size: [usize; 2], spatial_scale: f64) -> Var<'t, T> {
    let regions = Regions::new("roi_pool", input, rois, output_size);
    let ([_, channels], [height, width], [rows, columns]) = (regions.outer, regions.size, output_size);
    let (plane, bins) = (height * width, rows * columns);
    let x = input.to_vec();
    // Where the largest pixel of each bin lies; nowhere, if it is empty.
    let mut places: Vec<Option<usize>> = vec![None; regions.rois.len() * channels * bins];
    places.par_chunks_mut((channels * bins).max(1)).zip(&regions.rois).for_each(|(places, roi)| {
        let ranges = [0, 1].map(|axis| {
            let [start, end] = roi.side::<T>(axis, spatial_scale).map(f64::round);
            whole_pixels::<T>(start, end - start + 1.0, output_size[axis], regions.size[axis])
        });
        for (i, best) in places.iter_mut().enumerate() {
            let (channel, row, column) = (i / bins, i / columns % rows, i % columns);
            let first = (roi.image * channels + channel) * plane;
            for y in ranges[0][row].clone() {
                for at in ranges[1][column].clone().map(|x| first + y * width + x) {
                    if best.is_none_or(|best| x[at] > x[best] || (x[at].is_nan() && !x[best].is_nan())) {
                        *best = Some(at);
                    }
                }
            }
        }
    });
    let index: Vec<usize> = places.iter().map(|place| place.unwrap_or(0)).collect();
    let empty: Vec<T> = places.iter().map(|place| if place.is_none() { T::ONE } else { T::ZERO }).collect();
    let shape = [regions.rois.len(), channels, rows, columns].map(|n| n as isize);
    let largest = input.reshape([x.len() as isize]).gather(0, index);
    largest.masked_fill(input.tape().constant(empty), T::ZERO).reshape(shape)
}
