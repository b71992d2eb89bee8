//! Weights of classes, for losses over pixels of which most belong to few classes.

use crate::refusal::{elements, require};
use crate::{Indices, Scalar};
use ndarray::{Array2, ArrayView2};

/// How often each class occurs in each image: counts `[images, classes]` of labels `[images, ..]`, such as the classes of pixels
/// `[images, height, width]`. Labels equal to `ignored` are not counted.
///
/// # Panics
/// If the labels have no axis, or one of them is not a class.
#[track_caller]
pub fn class_counts(labels: impl Into<Indices>, classes: usize, ignored: Option<i64>) -> Array2<u64> {
    let labels = labels.into();
    require(!labels.shape().is_empty(), || "class_counts: one label alone", "give labels [images, height, width]");
    let (images, values) = (labels.shape()[0], labels.values());
    elements::<u64>("class_counts: [images, classes]", &[images, classes]);
    let mut counts = Array2::zeros((images, classes));
    let pixels = values.len() / images.max(1);
    for (at, &label) in values.iter().enumerate().filter(|(_, l)| Some(**l) != ignored) {
        let class = usize::try_from(label).ok().filter(|&c| c < classes);
        let message = || format!("class_counts: label {label} of image {} is not one of {classes} classes", at / pixels);
        require(class.is_some(), message, "classes are numbered from 0; name the label that does not count");
        counts[[at / pixels, class.unwrap_or(0)]] += 1;
    }
    counts
}

/// One weight for each class, from counts `[images, classes]` (see [`class_counts`]): rare classes weigh more. For the weights of
/// [`CrossEntropyOptions`](crate::CrossEntropyOptions).
///
/// ```text
/// weight(c) = median of all frequencies / frequency(c)
/// frequency(c) = pixels of class c / pixels of all images in which class c occurs
/// ```
///
/// A class that does not occur has no frequency, and the weight 1. With one row, the sum over all images, the frequencies are those in the whole set.
///
/// ```
/// use wengert::data::{class_counts, median_frequency_weights};
/// let labels = wengert::ndarray::array![[0u8, 0, 0, 1], [0, 0, 2, 2]]; // two images of four pixels
/// let weights: Vec<f64> = median_frequency_weights(class_counts(&labels, 4, None).view());
/// // Frequencies: 5/8, 1/4, 2/4; the median is 1/2.
/// assert_eq!(weights, [0.8, 2.0, 1.0, 1.0]);
/// ```
///
/// Source: D. Eigen, R. Fergus, "Predicting depth, surface normals and semantic labels with a common multi-scale convolutional architecture" (2015).
pub fn median_frequency_weights<T: Scalar>(counts: ArrayView2<'_, u64>) -> Vec<T> {
    let frequency = |class: usize| {
        let rows = counts.outer_iter().filter(|row| row[class] > 0);
        let (found, all) =
            rows.fold((0.0, 0.0), |(found, all), row| (found + row[class] as f64, all + row.iter().map(|&n| n as f64).sum::<f64>()));
        (found > 0.0).then(|| found / all)
    };
    let frequencies: Vec<Option<f64>> = (0..counts.ncols()).map(frequency).collect();
    let mut sorted: Vec<f64> = frequencies.iter().flatten().copied().collect();
    sorted.sort_by(f64::total_cmp);
    let middle = |i: usize| sorted.get(i).copied().unwrap_or(f64::NAN);
    let median = (middle(sorted.len().saturating_sub(1) / 2) + middle(sorted.len() / 2)) / 2.0;
    frequencies.into_iter().map(|f| T::from_f64(f.map_or(1.0, |f| median / f))).collect()
}
