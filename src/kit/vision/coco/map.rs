//! Mean average precision over any number of images, as pycocotools computes it.

use super::matching::{Detection, Object, Pair, THRESHOLDS, Verdict};
use super::summary::Summary;
use crate::Scalar;
use crate::refusal::require;
use crate::vision::nms::descending;
use ndarray::ArrayView2;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// The values of the recall at which the precision is averaged: 0, 0.01, .., 1.
const RECALLS: usize = 101;

/// Ranges of areas: all, small, medium, large.
const AREAS: [[f64; 2]; 4] = [[0.0, 1e10], [0.0, 1024.0], [1024.0, 9216.0], [9216.0, 1e10]];

/// At most so many detections count in each image and category.
const MOST: [usize; 3] = [1, 10, 100];

/// What was found in an image: one box, score and label for each detection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Detections {
    /// `[x, y, width, height]`, in pixels. See [`from_corners`].
    pub boxes: Vec<[f64; 4]>,
    /// The larger, the surer. Their order alone counts.
    pub scores: Vec<f64>,
    /// The categories.
    pub labels: Vec<usize>,
}

/// What is in an image: one box and label for each object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Objects {
    /// `[x, y, width, height]`, in pixels. See [`from_corners`].
    pub boxes: Vec<[f64; 4]>,
    /// The categories.
    pub labels: Vec<usize>,
    /// The areas, which tell small objects from large ones (COCO: those of the outlines, not of the boxes). Empty: those of the boxes.
    pub areas: Vec<f64>,
    /// Whether a box holds a crowd that nobody counted: what is found inside it is neither right nor wrong. Empty: there are none.
    pub crowd: Vec<bool>,
}

/// Turns boxes `[n, 4]` of `x1, y1, x2, y2`, as detectors give them, into COCO's `x, y, width, height`.
///
/// ```
/// use wengert::ndarray::array;
/// assert_eq!(wengert::vision::coco::from_corners(array![[1.0, 2.0, 4.0, 6.0]].view()), [[1.0, 2.0, 3.0, 4.0]]);
/// ```
///
/// # Panics
/// If there are not four columns.
#[track_caller]
pub fn from_corners<T: Scalar>(boxes: ArrayView2<'_, T>) -> Vec<[f64; 4]> {
    let message = || format!("from_corners: boxes have a shape [n, 4], not {:?}", boxes.shape());
    require(boxes.ncols() == 4, message, "a row holds x1, y1, x2, y2");
    let convert = |i: usize| {
        let [x1, y1, x2, y2] = [0, 1, 2, 3].map(|j| boxes[[i, j]].to_f64());
        [x1, y1, x2 - x1, y2 - y1]
    };
    (0..boxes.nrows()).map(convert).collect()
}

/// The objects and the detections of one category in one image.
#[derive(Clone, Debug, Default)]
struct InImage {
    objects: Vec<Object>,
    /// By score, the largest first.
    detections: Vec<Detection>,
}

/// Mean average precision (mAP) and recall over images: COCO's measure of detectors. All numbers are those of `pycocotools`.
///
/// In each image, each category and at each of ten thresholds of the overlap (intersection over union: 0.5, 0.55, .., 0.95), detections choose objects in the
/// order of their scores, each the free object that it overlaps most. What finds none is a false alarm. Over all images, again in the order of the scores, this
/// gives a curve of precision over recall. It is made to fall (each precision is the largest of those at the same or a larger recall), and its mean at the
/// recalls 0, 0.01, .., 1 is the average precision.
///
/// Crowds, and objects whose area is outside of the range that is measured, do not count, and neither does what finds them.
///
/// Equal scores keep their order: that of the images, and that in the image. Two orders may thus give two numbers; pycocotools sorts images by their ids.
///
/// Source: T.-Y. Lin, M. Maire, S. Belongie and others, "Microsoft COCO: common objects in context" (2014), and the COCO API.
#[derive(Clone, Debug, Default)]
pub struct MeanAveragePrecision {
    images: usize,
    categories: BTreeMap<usize, Vec<InImage>>,
}

impl MeanAveragePrecision {
    /// Of no images yet.
    pub fn new() -> MeanAveragePrecision {
        MeanAveragePrecision::default()
    }

    /// The number of images.
    pub fn images(&self) -> usize {
        self.images
    }

    /// Forgets all images.
    pub fn reset(&mut self) {
        *self = MeanAveragePrecision::new();
    }

    /// Adds an image: what was found in it, and what is there. Either may be empty. If it panics, nothing is added.
    ///
    /// # Panics
    /// If lengths differ, or a number is not finite, or a width, height or area is negative.
    #[track_caller]
    pub fn update(&mut self, detections: &Detections, objects: &Objects) {
        let image = self.images;
        check_detections(image, detections);
        check_objects(image, objects);
        let mut found: BTreeMap<usize, InImage> = BTreeMap::new();
        for (i, (&bbox, &label)) in objects.boxes.iter().zip(&objects.labels).enumerate() {
            let area = objects.areas.get(i).copied().unwrap_or(bbox[2] * bbox[3]);
            let crowd = objects.crowd.get(i).copied().unwrap_or(false);
            found.entry(label).or_default().objects.push(Object { bbox, area, crowd });
        }
        for ((&bbox, &score), &label) in detections.boxes.iter().zip(&detections.scores).zip(&detections.labels) {
            found.entry(label).or_default().detections.push(Detection { bbox, score });
        }
        for (label, mut one) in found {
            one.detections.sort_by(|a, b| descending(a.score, b.score));
            one.detections.truncate(MOST[2]);
            self.categories.entry(label).or_default().push(one);
        }
        self.images += 1;
    }

    /// The numbers for all images so far.
    pub fn compute(&self) -> Summary {
        let curves: Vec<(usize, Category)> = self.categories.par_iter().map(|(&label, images)| (label, Category::new(images))).collect();
        let precision = |area: usize, thresholds: std::ops::Range<usize>| {
            let categories = curves.iter().filter_map(|(_, c)| c.precision[area].as_ref());
            mean(categories.flat_map(|at| at[thresholds.clone()].iter().copied()))
        };
        let recall = |area: usize, most: usize| {
            let categories = curves.iter().filter_map(|(_, c)| c.recall[area].as_ref());
            mean(categories.flat_map(|at| at[most]))
        };
        let all = 0..THRESHOLDS;
        Summary {
            ap: precision(0, all.clone()),
            ap50: precision(0, 0..1),
            ap75: precision(0, 5..6),
            ap_small: precision(1, all.clone()),
            ap_medium: precision(2, all.clone()),
            ap_large: precision(3, all),
            ar1: recall(0, 0),
            ar10: recall(0, 1),
            ar100: recall(0, 2),
            ar_small: recall(1, 2),
            ar_medium: recall(2, 2),
            ar_large: recall(3, 2),
            by_category: curves.iter().map(|(label, c)| (*label, mean(c.precision[0].iter().flatten().copied()))).collect(),
        }
    }
}

/// The numbers of one category at each threshold; `None` for ranges of areas without an object that counts.
struct Category {
    /// For each range of areas: the mean precision.
    precision: [Option<[f64; THRESHOLDS]>; 4],
    /// For each range of areas and each of [`MOST`]: the largest recall.
    recall: [Option<[[f64; THRESHOLDS]; 3]>; 4],
}

impl Category {
    fn new(images: &[InImage]) -> Category {
        let pairs: Vec<Pair> = images.iter().map(|i| Pair::new(&i.objects, &i.detections)).collect();
        // All detections by their score, each with its place in its image. One order serves all areas and thresholds.
        let mut order: Vec<(f64, usize, usize)> = Vec::new();
        for (i, image) in images.iter().enumerate() {
            order.extend(image.detections.iter().enumerate().map(|(place, d)| (d.score, i, place)));
        }
        order.sort_by(|a, b| descending(a.0, b.0));
        let mut category = Category { precision: [None; 4], recall: [None; 4] };
        for (a, areas) in AREAS.into_iter().enumerate() {
            let objects: usize = pairs.iter().map(|p| p.objects(areas)).sum();
            if objects == 0 {
                continue;
            }
            let verdicts: Vec<Vec<[Verdict; THRESHOLDS]>> = pairs.iter().map(|p| p.verdicts(areas)).collect();
            let verdicts: Vec<([Verdict; THRESHOLDS], usize)> = order.iter().map(|&(_, i, place)| (verdicts[i][place], place)).collect();
            let found = |t: usize, most: usize| verdicts.iter().filter(|(v, place)| v[t] == Verdict::Right && *place < most).count();
            category.precision[a] = Some(std::array::from_fn(|t| average(&curve(verdicts.iter().map(|(v, _)| v[t]), objects))));
            category.recall[a] = Some(MOST.map(|most| std::array::from_fn(|t| found(t, most) as f64 / objects as f64)));
        }
        category
    }
}

/// Recall and precision after each detection that counts.
fn curve(verdicts: impl Iterator<Item = Verdict>, objects: usize) -> Vec<(f64, f64)> {
    let (mut right, mut wrong) = (0.0, 0.0);
    let step = |verdict| {
        match verdict {
            Verdict::Right => right += 1.0,
            Verdict::Wrong => wrong += 1.0,
            Verdict::Ignored => return None,
        }
        // As pycocotools: the smallest difference to 1 is added, so that a quotient 1/1 is a little below 1.
        Some((right / objects as f64, right / (wrong + right + f64::EPSILON)))
    };
    verdicts.filter_map(step).collect()
}

/// The mean of the precision at each of [`RECALLS`], after it was made to fall. 0 beyond the largest recall.
fn average(curve: &[(f64, f64)]) -> f64 {
    let mut sum = 0.0;
    let mut best: f64 = 0.0;
    let mut rest = curve;
    for i in (0..RECALLS).rev() {
        let wanted = i as f64 * 0.01;
        while let Some((&(recall, precision), before)) = rest.split_last() {
            if recall < wanted {
                break;
            }
            best = best.max(precision);
            rest = before;
        }
        sum += best;
    }
    sum / RECALLS as f64
}

/// -1 if there are no numbers.
fn mean(numbers: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = numbers.fold((0.0, 0.0), |(sum, n), x| (sum + x, n + 1.0));
    if n == 0.0 { -1.0 } else { sum / n }
}

impl Detections {
    /// Panics unless there is one score and one label for each box.
    #[track_caller]
    pub(super) fn check_lengths(&self, image: &str) {
        let n = self.boxes.len();
        let message = || format!("Detections: {image} has {n} boxes, {} scores and {} labels", self.scores.len(), self.labels.len());
        require(self.scores.len() == n && self.labels.len() == n, message, "give one score and one label for each box");
    }
}

#[track_caller]
fn check_detections(image: usize, d: &Detections) {
    d.check_lengths(&format!("image {image}"));
    check_boxes(image, "detected box", &d.boxes);
    if let Some(i) = d.scores.iter().position(|s| !s.is_finite()) {
        require(
            false,
            || format!("MeanAveragePrecision: score {i} of image {image} is {}", d.scores[i]),
            "are the weights of the detector still finite?",
        );
    }
}

#[track_caller]
fn check_objects(image: usize, o: &Objects) {
    let n = o.boxes.len();
    require(
        o.labels.len() == n && [0, n].contains(&o.areas.len()) && [0, n].contains(&o.crowd.len()),
        || {
            let (labels, areas, crowd) = (o.labels.len(), o.areas.len(), o.crowd.len());
            format!("Objects: image {image} has {n} boxes, {labels} labels, {areas} areas and {crowd} marks of crowds")
        },
        "give one label for each box, and one area and mark of a crowd or none at all",
    );
    check_boxes(image, "object's box", &o.boxes);
    if let Some(i) = o.areas.iter().position(|a| !(a.is_finite() && *a >= 0.0)) {
        let message = || format!("MeanAveragePrecision: area {i} of image {image} is {}", o.areas[i]);
        require(false, message, "areas are finite numbers and at least 0");
    }
}

#[track_caller]
fn check_boxes(image: usize, what: &str, boxes: &[[f64; 4]]) {
    if let Some(i) = boxes.iter().position(|b| !(b.iter().all(|x| x.is_finite()) && b[2] >= 0.0 && b[3] >= 0.0)) {
        let message = || format!("MeanAveragePrecision: {what} {i} of image {image} is {:?}", boxes[i]);
        require(false, message, "a box is [x, y, width, height]; `coco::from_corners` makes it from two corners");
    }
}
