//! Anchors: the boxes at each place of a map that predictions are relative to.

use crate::Scalar;
use crate::refusal::{elements, require};
use ndarray::Array2;

/// Makes anchors for maps of an image: at each place of a map one for each size and each ratio of height to width. Torchvision's
/// `AnchorGenerator`.
///
/// ```
/// use wengert::vision::AnchorGenerator;
/// let anchors = AnchorGenerator::new(vec![vec![16.0], vec![32.0]], vec![0.5, 1.0, 2.0]);
/// let boxes = anchors.grid_anchors::<f64>([64, 64], &[[8, 8], [4, 4]]); // maps of strides 8 and 16
/// assert_eq!(boxes.shape(), [3 * (8 * 8 + 4 * 4), 4]);
/// assert_eq!(boxes.row(1).to_vec(), [-8.0, -8.0, 8.0, 8.0]); // ratio 1, around the corner of the image
/// assert_eq!(boxes.row(4).to_vec(), [0.0, -8.0, 16.0, 8.0]); // one stride to the right
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct AnchorGenerator {
    /// For each map, the roots of the anchors' areas, in pixels of the image.
    pub sizes: Vec<Vec<f64>>,
    /// For each map, the ratios of height to width.
    pub aspect_ratios: Vec<Vec<f64>>,
}

impl AnchorGenerator {
    /// Anchors of these sizes for each map, with the same ratios of height to width on all.
    ///
    /// # Panics
    /// If a size or a ratio is not a positive number.
    #[track_caller]
    pub fn new(sizes: Vec<Vec<f64>>, aspect_ratios: Vec<f64>) -> AnchorGenerator {
        let aspect_ratios = vec![aspect_ratios; sizes.len()];
        let generator = AnchorGenerator { sizes, aspect_ratios };
        generator.check();
        generator
    }
    #[track_caller]
    fn check(&self) {
        let (sizes, ratios) = (self.sizes.len(), self.aspect_ratios.len());
        let message = || format!("AnchorGenerator: sizes for {sizes} maps, but ratios for {ratios}");
        require(sizes == ratios, message, "each map has a list of sizes and a list of ratios");
        let wrong = self.sizes.iter().chain(&self.aspect_ratios).flatten().find(|x| !(**x as f32).is_normal() || **x <= 0.0);
        let message = || format!("AnchorGenerator: {} is no size or ratio", wrong.unwrap_or(&0.0));
        require(wrong.is_none(), message, "both are positive, in f32 too; sizes are in pixels of the image");
    }
    /// For each map, how many anchors there are at each place.
    pub fn num_anchors_per_location(&self) -> Vec<usize> {
        self.sizes.iter().zip(&self.aspect_ratios).map(|(sizes, ratios)| sizes.len() * ratios.len()).collect()
    }
    /// For each map, the anchors around the point (0, 0), in whole pixels (halves to the even one): for the first ratio those of all sizes, then for the
    /// second, and so on.
    ///
    /// # Panics
    /// If a size or a ratio is not a positive number, or there are not as many lists of sizes as of ratios.
    #[track_caller]
    pub fn cell_anchors<T: Scalar>(&self) -> Vec<Array2<T>> {
        self.check();
        let cell = |(sizes, ratios): (&Vec<f64>, &Vec<f64>)| {
            // In single precision, as torchvision computes them, whatever the type of the result: halves are rounded to the even pixel.
            let half = |ratio: f64, size: f64| {
                let height = (ratio as f32).sqrt();
                [(1.0 / height) * size as f32 / 2.0, height * size as f32 / 2.0].map(|x| T::from_f64(x.round_ties_even().into()))
            };
            let anchors = ratios.iter().flat_map(|&ratio| sizes.iter().map(move |&size| half(ratio, size)));
            let corners: Vec<T> = anchors.flat_map(|[w, h]| [-w, -h, w, h]).collect();
            Array2::from_shape_vec([corners.len() / 4, 4], corners).expect("four for each anchor")
        };
        let cells: Vec<Array2<T>> = self.sizes.iter().zip(&self.aspect_ratios).map(cell).collect();
        let wrong = cells.iter().position(|cell| cell.iter().any(|x| !x.to_f64().is_finite())).unwrap_or(cells.len());
        let message = || {
            format!(
                "AnchorGenerator: an anchor of the sizes {:?} and the ratios {:?} is not finite",
                self.sizes[wrong], self.aspect_ratios[wrong]
            )
        };
        require(wrong == cells.len(), message, "sizes are in pixels of the image");
        cells
    }
    /// All anchors of an image of size `[height, width]` with maps of these sizes: `[anchors, 4]`, map by map, and row by row in each. The distance of
    /// neighbors is the size of the image divided by that of the map, rounded down.
    ///
    /// # Panics
    /// If there are not as many maps as lists of sizes, a map is empty, or a size or ratio is not a positive number.
    #[track_caller]
    pub fn grid_anchors<T: Scalar>(&self, image: [usize; 2], maps: &[[usize; 2]]) -> Array2<T> {
        let cells = self.cell_anchors::<T>();
        let message = || format!("AnchorGenerator: {} maps, but sizes for {}", maps.len(), cells.len());
        require(maps.len() == cells.len(), message, "each map has a list of sizes and a list of ratios");
        let count = |([h, w], cell): (&[usize; 2], &Array2<T>)| h.saturating_mul(*w).saturating_mul(cell.nrows());
        let total = maps.iter().zip(&cells).map(count).fold(0, usize::saturating_add);
        let mut anchors = Vec::with_capacity(elements::<T>("AnchorGenerator", &[total, 4]));
        for (&[height, width], cell) in maps.iter().zip(&cells) {
            let message = || format!("AnchorGenerator: a map of size [{height}, {width}] of an image of size {image:?}");
            require(height > 0 && width > 0, message, "the image is smaller than the strides of the network: enlarge it, or pad it");
            let stride = [image[0] / height, image[1] / width];
            for y in 0..height {
                for x in 0..width {
                    let (x, y) = (T::from_f64((x * stride[1]) as f64), T::from_f64((y * stride[0]) as f64));
                    anchors.extend(cell.rows().into_iter().flat_map(|a| [x + a[0], y + a[1], x + a[2], y + a[3]]));
                }
            }
        }
        Array2::from_shape_vec([anchors.len() / 4, 4], anchors).expect("four for each anchor")
    }
}
