//! Non-maximum suppression: of boxes that overlap, the one with the best score stays.

use super::boxes::box_list;
use super::overlap::{area, iou};
use crate::refusal::require;
use crate::{Scalar, Source};
use rayon::prelude::*;
use std::cmp::Ordering;

/// So many boxes are compared with those that stay before them at once, on several threads.
const BLOCK: usize = 256;
/// Comparisons from which a thread of its own pays.
const GRAIN: usize = 32 * 1024;

/// The indices of the boxes `[n, 4]` that stay, from the highest score to the lowest: a box goes if its IoU with one that stays and has a higher
/// score (or an equal one and a lower index) is above `iou_threshold`. An IoU equal to the threshold is not above it, and that of two empty boxes
/// (0/0) is not either. NaN counts as the highest score, as in sorts; a box with a NaN overlaps none.
///
/// The result does not depend on the number of threads.
///
/// ```
/// let boxes = [[0.0, 0.0, 10.0, 10.0], [1.0, 0.0, 11.0, 10.0], [20.0, 0.0, 30.0, 10.0]];
/// assert_eq!(wengert::vision::nms(boxes, [0.6, 0.9, 0.3], 0.5), [1, 2]);
/// ```
///
/// # Panics
/// If the boxes do not have shape `[n, 4]`, or there are not as many scores.
#[track_caller]
pub fn nms<T: Scalar>(boxes: impl Source<T>, scores: impl Source<T>, iou_threshold: f64) -> Vec<usize> {
    let (boxes, scores) = boxes_and_scores("nms", boxes, scores);
    let mut kept = suppress(&boxes, by_score(&scores, (0..boxes.len()).collect()), threshold_in(iou_threshold));
    kept.shrink_to_fit();
    kept
}

/// [`nms`] within each class (or image, or level of a pyramid): boxes with different numbers in `idxs` do not suppress each other. The result goes
/// from the highest score to the lowest, and has a lower index first where scores are equal.
///
/// ```
/// let boxes = [[0.0, 0.0, 10.0, 10.0], [1.0, 0.0, 11.0, 10.0], [1.0, 1.0, 11.0, 10.0]];
/// assert_eq!(wengert::vision::batched_nms(boxes, [0.6, 0.9, 0.3], &[0, 1, 1], 0.5), [1, 0]);
/// ```
///
/// # Panics
/// If the boxes do not have shape `[n, 4]`, or there are not as many scores and numbers.
#[track_caller]
pub fn batched_nms<T: Scalar>(boxes: impl Source<T>, scores: impl Source<T>, idxs: &[usize], iou_threshold: f64) -> Vec<usize> {
    let (boxes, scores) = boxes_and_scores("batched_nms", boxes, scores);
    let message = || format!("batched_nms: {} numbers of classes for {} boxes", idxs.len(), boxes.len());
    require(idxs.len() == boxes.len(), message, "each box has one");
    let mut order = by_score(&scores, (0..boxes.len()).collect());
    order.sort_by_key(|&i| idxs[i]); // stable: within a class the order of scores
    let threshold = threshold_in(iou_threshold);
    let groups = order.chunk_by(|&a, &b| idxs[a] == idxs[b]);
    let kept = groups.flat_map(|group| suppress(&boxes, group.to_vec(), threshold)).collect();
    by_score(&scores, kept)
}

#[track_caller]
fn boxes_and_scores<T: Scalar>(what: &str, boxes: impl Source<T>, scores: impl Source<T>) -> (Vec<[T; 4]>, Vec<T>) {
    let boxes = box_list(what, boxes);
    let (shape, scores) = scores.visit(|shape, scores| (shape.to_vec(), scores.to_vec()));
    let message = || format!("{what}: scores of shape {shape:?} for {} boxes", boxes.len());
    require(shape == [boxes.len()], message, "each box has one score: an array of shape [n]");
    (boxes, scores)
}

/// The threshold in this type, rounded down: a number is above it exactly if it is above x. So overlaps in f32 are compared with
/// the threshold in f64, as torchvision does, and not with its nearest neighbor in f32.
fn threshold_in<T: Scalar>(x: f64) -> T {
    let nearest = T::from_f64(x);
    if nearest.to_f64() > x { T::from_f64((x as f32).next_down().into()) } else { nearest }
}

/// Compares from the larger to the smaller; NaN counts as largest.
pub(crate) fn descending<T: Scalar>(a: T, b: T) -> Ordering {
    b.partial_cmp(&a).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan()))
}

/// Indices from the highest score to the lowest, and of equal scores from the lowest index on.
pub(crate) fn by_score<T: Scalar>(scores: &[T], mut indices: Vec<usize>) -> Vec<usize> {
    indices.sort_unstable_by(|&a, &b| descending(scores[a], scores[b]).then(a.cmp(&b)));
    indices
}

/// Of boxes in the order of their scores, those that stay.
fn suppress<T: Scalar>(boxes: &[[T; 4]], order: Vec<usize>, threshold: T) -> Vec<usize> {
    let (mut kept, mut chosen) = (Chosen::default(), Vec::new());
    for block in order.chunks(BLOCK) {
        let free = |&i: &usize| !kept.overlaps(boxes[i], threshold);
        let free: Vec<bool> = match kept.areas.len() * block.len() {
            ..GRAIN => block.iter().map(free).collect(),
            _ => block.par_iter().with_min_len(BLOCK / 32).map(free).collect(),
        };
        // The rest of the block is compared with those of the block that stay.
        let mut new = Chosen::default();
        for (&i, _) in block.iter().zip(free).filter(|(_, free)| *free) {
            if !new.overlaps(boxes[i], threshold) {
                new.push(boxes[i]);
                kept.push(boxes[i]);
                chosen.push(i);
            }
        }
    }
    chosen
}

/// Boxes that stay, by coordinates, so that several are compared by one instruction.
#[derive(Default)]
struct Chosen<T> {
    corners: [Vec<T>; 4],
    areas: Vec<T>,
}

impl<T: Scalar> Chosen<T> {
    fn push(&mut self, corners: [T; 4]) {
        self.corners.iter_mut().zip(corners).for_each(|(all, x)| all.push(x));
        self.areas.push(area(corners));
    }
    /// Whether the IoU with one of them is above the threshold.
    fn overlaps(&self, b: [T; 4], threshold: T) -> bool {
        const LANES: usize = 16;
        let own = area(b);
        let above = |x1: T, y1: T, x2: T, y2: T, area: T| iou([x1, y1, x2, y2], area, b, own) > threshold;
        let [x1, y1, x2, y2] = self.corners.each_ref().map(|c| c.as_chunks::<LANES>());
        let areas = self.areas.as_chunks::<LANES>();
        for i in 0..areas.0.len() {
            let (x1, y1, x2, y2, areas) = (&x1.0[i], &y1.0[i], &x2.0[i], &y2.0[i], &areas.0[i]);
            let mut any = false;
            for k in 0..LANES {
                any |= above(x1[k], y1[k], x2[k], y2[k], areas[k]);
            }
            if any {
                return true;
            }
        }
        (0..areas.1.len()).any(|k| above(x1.1[k], y1.1[k], x2.1[k], y2.1[k], areas.1[k]))
    }
}
