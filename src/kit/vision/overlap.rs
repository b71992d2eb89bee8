//! The overlap of two boxes as plain numbers; [`iou`](super::iou) has it on the tape.

use crate::Scalar;
use ndarray::Array2;
use rayon::prelude::*;

pub(super) fn area<T: Scalar>([x1, y1, x2, y2]: [T; 4]) -> T {
    (x2 - x1) * (y2 - y1)
}

/// Intersection over union of two boxes with these areas; NaN if a corner is, and of two empty boxes.
pub(super) fn iou<T: Scalar>(a: [T; 4], area_a: T, b: [T; 4], area_b: T) -> T {
    let width = larger(smaller(a[2], b[2]) - larger(a[0], b[0]), T::ZERO);
    let height = larger(smaller(a[3], b[3]) - larger(a[1], b[1]), T::ZERO);
    let intersection = width * height;
    intersection / (area_a + area_b - intersection)
}

/// The IoU of all pairs of boxes `[n, 4]` and `[m, 4]`: `[n, m]`.
pub(crate) fn all_pairs<T: Scalar>(boxes1: &Array2<T>, boxes2: &Array2<T>) -> Array2<T> {
    let corners = |boxes: &Array2<T>| boxes.rows().into_iter().map(|b| [b[0], b[1], b[2], b[3]]).collect::<Vec<_>>();
    let (a, b) = (corners(boxes1), corners(boxes2));
    let areas: Vec<T> = b.iter().map(|&b| area(b)).collect();
    let mut all = vec![T::ZERO; a.len() * b.len()];
    all.par_chunks_mut(b.len().max(1)).zip(&a).for_each(|(row, &a)| {
        let own = area(a);
        row.iter_mut().zip(&b).zip(&areas).for_each(|((to, &b), &area)| *to = iou(a, own, b, area));
    });
    Array2::from_shape_vec([a.len(), b.len()], all).expect("a number for each pair")
}

fn larger<T: Scalar>(a: T, b: T) -> T {
    if a > b { a } else { b }
}
fn smaller<T: Scalar>(a: T, b: T) -> T {
    if a < b { a } else { b }
}
