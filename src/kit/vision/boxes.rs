//! Boxes: areas, formats, clipping, and what is checked of boxes that a caller gives.

use crate::refusal::require;
use crate::{Scalar, Source, Var, stack};

/// How four numbers describe a box. Corners and sizes are in pixels (or any other unit), x to the right and y down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoxFormat {
    /// x1, y1, x2, y2: two opposite corners. This is the format of all functions here, unless they say another.
    Xyxy,
    /// x1, y1, width, height: COCO's.
    Xywh,
    /// x and y of the center, width, height.
    Cxcywh,
}

/// The same boxes `[.., 4]` in another format. A linear function, with the derivative of one.
///
/// ```
/// use wengert::vision::{BoxFormat, box_convert};
/// let tape = wengert::Tape::<f64>::new();
/// let boxes = tape.leaf([[10.0, 20.0, 30.0, 40.0]]);
/// let corners = box_convert(boxes, BoxFormat::Xywh, BoxFormat::Xyxy);
/// assert_eq!(corners.to_vec(), [10.0, 20.0, 40.0, 60.0]);
/// assert_eq!(box_convert(corners, BoxFormat::Xyxy, BoxFormat::Cxcywh).to_vec(), [25.0, 40.0, 30.0, 40.0]);
/// ```
///
/// # Panics
/// If the last axis does not have size 4.
#[track_caller]
pub fn box_convert<'t, T: Scalar>(boxes: Var<'t, T>, from: BoxFormat, to: BoxFormat) -> Var<'t, T> {
    let [a, b, c, d] = columns("box_convert", boxes);
    if from == to {
        return boxes;
    }
    let half = boxes.number(0.5);
    let [x1, y1, x2, y2] = match from {
        BoxFormat::Xyxy => [a, b, c, d],
        BoxFormat::Xywh => [a, b, a + c, b + d],
        BoxFormat::Cxcywh => [a - half * c, b - half * d, a + half * c, b + half * d],
    };
    let columns = match to {
        BoxFormat::Xyxy => [x1, y1, x2, y2],
        BoxFormat::Xywh => [x1, y1, x2 - x1, y2 - y1],
        BoxFormat::Cxcywh => [(x1 + x2) * half, (y1 + y2) * half, x2 - x1, y2 - y1],
    };
    stack(&columns, -1)
}

/// The areas (x2 - x1)(y2 - y1) of boxes `[.., 4]`, of shape `[..]`. Of a box that is upside down in one direction, it is negative.
///
/// ```
/// let tape = wengert::Tape::<f64>::new();
/// let boxes = tape.leaf([[0.0, 0.0, 2.0, 3.0]]);
/// let area = wengert::vision::box_area(boxes);
/// assert_eq!(area.to_vec(), [6.0]);
/// assert_eq!(tape.grad(area, &[boxes])[0].unwrap().to_vec(), [-3.0, -2.0, 3.0, 2.0]);
/// ```
///
/// # Panics
/// If the last axis does not have size 4.
#[track_caller]
pub fn box_area<T: Scalar>(boxes: Var<'_, T>) -> Var<'_, T> {
    let [x1, y1, x2, y2] = columns("box_area", boxes);
    (x2 - x1) * (y2 - y1)
}

/// Boxes `[.., 4]` cut at the edges of an image of this size `[height, width]`: x is clamped to 0..=width, y to 0..=height. A coordinate that is
/// cut has no derivative.
///
/// ```
/// let tape = wengert::Tape::<f64>::new();
/// let boxes = tape.leaf([[-5.0, 3.0, 20.0, 99.0]]);
/// assert_eq!(wengert::vision::clip_boxes_to_image(boxes, [50, 10]).to_vec(), [0.0, 3.0, 10.0, 50.0]);
/// ```
///
/// # Panics
/// If the last axis does not have size 4.
#[track_caller]
pub fn clip_boxes_to_image<T: Scalar>(boxes: Var<'_, T>, [height, width]: [usize; 2]) -> Var<'_, T> {
    let [x1, y1, x2, y2] = columns("clip_boxes_to_image", boxes);
    let (height, width) = (height as f64, width as f64);
    stack(&[x1.clamp(0.0, width), y1.clamp(0.0, height), x2.clamp(0.0, width), y2.clamp(0.0, height)], -1)
}

/// The indices of the boxes `[n, 4]` whose sides are both at least `min_size` long. (A box with a NaN is not among them.)
///
/// ```
/// let keep = wengert::vision::remove_small_boxes([[0.0, 0.0, 9.0, 9.0], [0.0, 0.0, 9.0, 1.0]], 2.0);
/// assert_eq!(keep, [0]);
/// ```
///
/// # Panics
/// If the boxes do not have shape `[n, 4]`.
#[track_caller]
pub fn remove_small_boxes<T: Scalar>(boxes: impl Source<T>, min_size: f64) -> Vec<usize> {
    let boxes = box_list("remove_small_boxes", boxes);
    let min_size = T::from_f64(min_size);
    let large = |&(_, [x1, y1, x2, y2]): &(usize, &[T; 4])| *x2 - *x1 >= min_size && *y2 - *y1 >= min_size;
    boxes.iter().enumerate().filter(large).map(|(i, _)| i).collect()
}

/// The four columns of boxes `[.., 4]`.
#[track_caller]
pub(crate) fn columns<'t, T: Scalar>(what: &str, boxes: Var<'t, T>) -> [Var<'t, T>; 4] {
    let shape = boxes.shape();
    let message = || format!("{what}: boxes have a shape [.., 4], not {shape}");
    require(shape.last() == Some(&4), message, "a box is x1, y1, x2, y2; `box_convert` makes it from other formats");
    std::array::from_fn(|i| boxes.narrow(-1, i, 1).squeeze(-1))
}

/// Boxes `[n, 4]` one by one.
#[track_caller]
pub(crate) fn box_list<T: Scalar>(what: &str, boxes: impl Source<T>) -> Vec<[T; 4]> {
    // Copied out, so that a panic comes from here: in a closure the caller's line would be lost.
    let (shape, boxes) = boxes.visit(|shape, boxes| (shape.to_vec(), boxes.as_chunks().0.to_vec()));
    let message = || format!("{what}: boxes have a shape [n, 4], not {shape:?}");
    require(shape.len() == 2 && shape[1] == 4, message, "a box is x1, y1, x2, y2; no boxes are an array of shape [0, 4]");
    boxes
}

/// Regions `[k, 5]` one by one.
#[track_caller]
pub(super) fn region_list<T: Scalar>(what: &str, rois: impl Source<T>) -> Vec<[T; 5]> {
    let (shape, rois) = rois.visit(|shape, rois| (shape.to_vec(), rois.as_chunks().0.to_vec()));
    let message = || format!("{what}: regions have a shape [k, 5], not {shape:?}");
    require(shape.len() == 2 && shape[1] == 5, message, "a region is the number of its image, x1, y1, x2, y2");
    rois
}
