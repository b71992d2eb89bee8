//! What is in an image and what was found in it, and what is wrong with boxes that shall be learned.

use crate::Scalar;
use crate::data;
use crate::vision::coco;
use ndarray::Array2;

/// The objects in an image, for training.
#[derive(Clone, Debug, PartialEq)]
pub struct BoxTarget<T: Scalar = f32> {
    /// `[n, 4]`: x1, y1, x2, y2 in pixels.
    pub boxes: Array2<T>,
    /// Their classes, from 1 on: 0 is the background.
    pub labels: Vec<usize>,
}

impl<T: Scalar> BoxTarget<T> {
    /// Of an image without objects.
    pub fn none() -> Self {
        BoxTarget { boxes: Array2::from_elem([0, 4], T::ZERO), labels: Vec::new() }
    }
    /// The objects as COCO's metric takes them ([`coco::MeanAveragePrecision`]).
    ///
    /// # Panics
    /// If the boxes do not have four columns.
    #[track_caller]
    pub fn to_coco(&self) -> coco::Objects {
        coco::Objects { boxes: coco::from_corners(self.boxes.view()), labels: self.labels.clone(), ..Default::default() }
    }
}

/// So that [`Loader`](data::Loader) and [`Fit`](crate::train::Fit) take them.
impl<T: Scalar> data::Target for Vec<BoxTarget<T>> {
    fn count(&self) -> usize {
        self.len()
    }
    fn of(&self, rows: &[usize]) -> Self {
        rows.iter().map(|&i| self[i].clone()).collect()
    }
}

/// What a detector found in an image, from the highest score to the lowest.
#[derive(Clone, Debug, PartialEq)]
pub struct BoxPredictions<T: Scalar = f32> {
    /// `[n, 4]`: x1, y1, x2, y2 in pixels.
    pub boxes: Array2<T>,
    /// Their classes, from 1 on.
    pub labels: Vec<usize>,
    /// Their probabilities.
    pub scores: Vec<T>,
}

impl<T: Scalar> BoxPredictions<T> {
    /// Those with at least this score.
    ///
    /// ```
    /// use wengert::ndarray::array;
    /// use wengert::vision::detection::BoxPredictions;
    /// let all = BoxPredictions { boxes: array![[0.0, 0.0, 9.0, 9.0], [1.0, 1.0, 5.0, 5.0]], labels: vec![1, 2], scores: vec![0.9, 0.2] };
    /// assert_eq!(all.above(0.5).labels, [1]);
    /// ```
    pub fn above(&self, score: f64) -> Self {
        let rows: Vec<usize> = (0..self.scores.len()).filter(|&i| self.scores[i].to_f64() >= score).collect();
        BoxPredictions {
            boxes: self.boxes.select(ndarray::Axis(0), &rows),
            labels: rows.iter().map(|&i| self.labels[i]).collect(),
            scores: rows.iter().map(|&i| self.scores[i]).collect(),
        }
    }
    /// The detections as COCO's metric takes them ([`coco::MeanAveragePrecision`]).
    ///
    /// # Panics
    /// If the boxes do not have four columns.
    #[track_caller]
    pub fn to_coco(&self) -> coco::Detections {
        let scores = self.scores.iter().map(|s| s.to_f64()).collect();
        coco::Detections { boxes: coco::from_corners(self.boxes.view()), labels: self.labels.clone(), scores }
    }
}

/// Why targets cannot be learned. Images and boxes are numbered from 0.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// There are not as many targets as images.
    #[error("{targets} targets for {images} images: an image without objects has an empty target (`BoxTarget::none`)")]
    Count {
        /// Of the batch.
        images: usize,
        /// What was given.
        targets: usize,
    },
    /// Boxes are not four numbers each, or have not one class each.
    #[error("image {image}: boxes of shape {boxes:?} with {labels} labels: they are [n, 4] with n labels")]
    Shape {
        /// The image.
        image: usize,
        /// The shape of the boxes.
        boxes: [usize; 2],
        /// The number of labels.
        labels: usize,
    },
    /// A class that the detector does not have.
    #[error("image {image}, box {index}: class {label} is not from 1 to {last} (0 is the background)")]
    Class {
        /// The image.
        image: usize,
        /// The box.
        index: usize,
        /// Its class.
        label: usize,
        /// The last class.
        last: usize,
    },
    /// A coordinate is infinite or not a number.
    #[error("image {image}, box {index}: {corners:?} are not four finite numbers")]
    NotFinite {
        /// The image.
        image: usize,
        /// The box.
        index: usize,
        /// Its corners.
        corners: [f64; 4],
    },
    /// A box is empty or upside down.
    #[error(
        "image {image}, box {index}: {corners:?} has no area: x1 < x2 and y1 < y2 are needed (COCO's files have x, y, width, height: `box_convert`)"
    )]
    NoArea {
        /// The image.
        image: usize,
        /// The box.
        index: usize,
        /// Its corners.
        corners: [f64; 4],
    },
    /// A box has no part in its image, or an area that is not finite.
    #[error(
        "image {image}, box {index}: {corners:?} lies outside of the image, which is {height} pixels high and {width} wide, or is too large"
    )]
    Outside {
        /// The image.
        image: usize,
        /// The box.
        index: usize,
        /// Its corners.
        corners: [f64; 4],
        /// The image's height.
        height: usize,
        /// The image's width.
        width: usize,
    },
}

/// Checks targets of images of these sizes `[height, width]`, for a detector with classes below `num_classes`.
pub(super) fn check_targets<T: Scalar>(sizes: &[[usize; 2]], targets: &[BoxTarget<T>], num_classes: usize) -> Result<(), TargetError> {
    if sizes.len() != targets.len() {
        return Err(TargetError::Count { images: sizes.len(), targets: targets.len() });
    }
    for (image, (BoxTarget { boxes, labels }, &[height, width])) in targets.iter().zip(sizes).enumerate() {
        if boxes.ncols() != 4 || boxes.nrows() != labels.len() {
            return Err(TargetError::Shape { image, boxes: [boxes.nrows(), boxes.ncols()], labels: labels.len() });
        }
        for (index, &label) in labels.iter().enumerate() {
            let corners = [0, 1, 2, 3].map(|i| boxes[[index, i]].to_f64());
            if label == 0 || label >= num_classes {
                return Err(TargetError::Class { image, index, label, last: num_classes - 1 });
            }
            if corners.iter().any(|x| !x.is_finite()) {
                return Err(TargetError::NotFinite { image, index, corners });
            }
            if corners[0] >= corners[2] || corners[1] >= corners[3] {
                return Err(TargetError::NoArea { image, index, corners });
            }
            let meets = corners[0] < width as f64 && corners[1] < height as f64 && corners[2] > 0.0 && corners[3] > 0.0;
            let area = (boxes[[index, 2]] - boxes[[index, 0]]) * (boxes[[index, 3]] - boxes[[index, 1]]);
            if !meets || !area.to_f64().is_finite() {
                return Err(TargetError::Outside { image, index, corners, height, width });
            }
        }
    }
    Ok(())
}
