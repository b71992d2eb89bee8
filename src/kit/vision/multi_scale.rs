//! Regions of a pyramid of maps, each read from the level that fits its size.

use super::boxes::region_list;
use super::roi_align::{RoiAlignOptions, roi_align};
use crate::refusal::require;
use crate::{Scalar, Source, Var, concat};
use ndarray::Array2;

/// [`roi_align`] on several maps: a region of area a is read from level floor(`canonical_level` + log2(sqrt(a) / `canonical_scale`)), where level k has
/// stride 2^k, or from the nearest that is there. Torchvision's `MultiScaleRoIAlign`.
///
/// ```
/// use wengert::vision::MultiScaleRoiAlign;
/// let tape = wengert::Tape::<f32>::new();
/// let maps = [tape.full([1, 8, 32, 32], 1.0), tape.full([1, 8, 16, 16], 2.0)]; // strides 4 and 8
/// let pooler = MultiScaleRoiAlign { canonical_scale: 64.0, canonical_level: 3, ..MultiScaleRoiAlign::new([7, 7], Some(2)) };
/// let y = pooler.forward(&maps, [[0.0, 10.0, 10.0, 30.0, 30.0], [0.0, 0.0, 0.0, 100.0, 100.0]], [128, 128]);
/// assert_eq!(y.shape(), [2, 8, 7, 7]);
/// assert_eq!((y.to_array()[[0, 0, 3, 3]], y.to_array()[[1, 0, 3, 3]]), (1.0, 2.0));
/// ```
///
/// Source: T.-Y. Lin et al., "Feature pyramid networks for object detection" (2017), equation 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MultiScaleRoiAlign {
    /// The bins of a region.
    pub output_size: [usize; 2],
    /// Samples along each side of a bin; see [`RoiAlignOptions`].
    pub sampling_ratio: Option<usize>,
    /// The root of the area of a region that is read from `canonical_level`.
    pub canonical_scale: f64,
    /// The level, by the logarithm of its stride.
    pub canonical_level: i32,
    /// How many of the maps are read, from the largest on; `None`: all. Torchvision's detectors read four of five (`featmap_names`).
    pub maps: Option<usize>,
}

impl MultiScaleRoiAlign {
    /// With torchvision's scale 224 and level 4 (stride 16), the sizes of ImageNet.
    pub fn new(output_size: [usize; 2], sampling_ratio: Option<usize>) -> Self {
        MultiScaleRoiAlign { output_size, sampling_ratio, canonical_scale: 224.0, canonical_level: 4, maps: None }
    }
    /// The scales of maps of an image of size `[height, width]`: the powers of two nearest to height of the map / height of the image.
    ///
    /// # Panics
    /// If there are no maps, one is larger than the one before, or they become smaller by more than a factor of two for each, which is what levels are
    /// counted by. Small maps may be rounded to the same scale.
    #[track_caller]
    pub fn scales<T: Scalar>(maps: &[Var<'_, T>], image: [usize; 2]) -> Vec<f64> {
        let scale = |map: &Var<'_, T>| 2.0_f64.powf((map.size(-2) as f64 / image[0] as f64).log2().round());
        let scales: Vec<f64> = maps.iter().map(scale).collect();
        let halves = scales.windows(2).all(|s| s[1] == s[0] || s[1] == s[0] / 2.0) && scales.iter().all(|s| s.is_normal());
        let message = || {
            let sizes: Vec<_> = maps.iter().map(|m| m.shape()).collect();
            format!("MultiScaleRoiAlign: maps of shapes {sizes:?} of an image of size {image:?}")
        };
        require(halves && !maps.is_empty(), message, "each map has half the height and width of the one before, rounded up or down");
        scales
    }
    /// The number of the map, among maps of these scales, that each region `[k, 5]` is read from.
    ///
    /// # Panics
    /// If the regions do not have shape `[k, 5]`, there are no maps, or their scales rise.
    #[track_caller]
    pub fn levels<T: Scalar>(&self, rois: impl Source<T>, scales: &[f64]) -> Vec<usize> {
        let rois = region_list("MultiScaleRoiAlign", rois);
        let falls = scales.is_sorted_by(|a, b| a >= b) && scales.iter().all(|s| s.is_normal());
        require(
            !scales.is_empty() && falls,
            || format!("MultiScaleRoiAlign: maps of the scales {scales:?}"),
            "from the largest map to the smallest",
        );
        let [lowest, highest] = [scales[0], scales[scales.len() - 1]].map(|s| -s.log2());
        let level = |[_, x1, y1, x2, y2]: &[T; 5]| {
            let area = ((*x2 - *x1) * (*y2 - *y1)).to_f64().max(0.0);
            let level = f64::from(self.canonical_level) + (area.sqrt() / self.canonical_scale).log2() + 1e-6;
            (level.floor().clamp(lowest, highest) - lowest) as usize
        };
        rois.iter().map(level).collect()
    }
    /// The regions `[k, 5]` of an image of size `[height, width]` (as large as the batch is padded to) from its maps, each `[n, c, h, w]`: `[k, c, rows, columns]`.
    ///
    /// # Panics
    /// As [`roi_align`] and [`MultiScaleRoiAlign::scales`], and if the maps differ in their channels.
    #[track_caller]
    pub fn forward<'t, T: Scalar>(&self, maps: &[Var<'t, T>], rois: impl Source<T>, image: [usize; 2]) -> Var<'t, T> {
        let maps = &maps[..self.maps.map_or(maps.len(), |n| n.min(maps.len()))];
        let scales = Self::scales(maps, image);
        let rois = ndarray::arr2(&region_list("MultiScaleRoiAlign", rois));
        let levels = self.levels(&rois, &scales);
        let aligned = |level: usize, rois: &Array2<T>| {
            let options = RoiAlignOptions { spatial_scale: scales[level], sampling_ratio: self.sampling_ratio, aligned: false };
            roi_align(maps[level], rois, self.output_size, options)
        };
        if maps.len() == 1 {
            return aligned(0, &rois);
        }
        // Level by level, then back into the order of the regions.
        let mut order: Vec<usize> = (0..levels.len()).collect();
        order.sort_by_key(|&i| levels[i]);
        let of_level = |level| order.iter().copied().filter(|&i| levels[i] == level).collect::<Vec<usize>>();
        let parts: Vec<Var<'t, T>> = (0..maps.len())
            .map(|level| (level, of_level(level)))
            .filter(|(level, chosen)| *level == 0 || !chosen.is_empty())
            .map(|(level, chosen)| aligned(level, &rois.select(ndarray::Axis(0), &chosen)))
            .collect();
        let mut back = vec![0; order.len()];
        order.iter().enumerate().for_each(|(at, &i)| back[i] = at);
        concat(&parts, 0).index_select(0, back)
    }
}
