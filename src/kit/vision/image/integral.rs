//! Integral images: sums over boxes at the cost of four numbers each.

use crate::refusal::require;
use crate::{Scalar, Var};

/// The integral image: in row y and column x the sum of all pixels above row y and left of column x. Shapes: `[.., h, w]` to
/// `[.., h + 1, w + 1]`. Derivative: each pixel gets the sum of the cotangents to its lower right. OpenCV: `integral`.
///
/// In `f32`, sums of large images are rounded: differences of them lose what the image's sum is above the box's.
///
/// ```
/// use wengert::vision::image::{box_sums, integral_image};
/// let tape = wengert::Tape::<f64>::new();
/// let image = tape.leaf([[1.0, 2.0], [3.0, 4.0]]);
/// let integral = integral_image(image);
/// assert_eq!(integral.to_vec(), [0.0, 0.0, 0.0, 0.0, 1.0, 3.0, 0.0, 4.0, 10.0]);
/// assert_eq!(box_sums(integral, &[[1, 0, 2, 2], [0, 0, 2, 2]]).to_vec(), [6.0, 10.0]);
/// ```
///
/// Source: F. C. Crow, "Summed-area tables for texture mapping" (1984).
///
/// # Panics
/// If the image has less than two axes.
#[track_caller]
pub fn integral_image<T: Scalar>(image: Var<'_, T>) -> Var<'_, T> {
    let shape = image.shape();
    require(shape.len() >= 2, || format!("integral_image: an image has two axes at least, not shape {shape}"), "`[.., height, width]`");
    image.cumsum(-2).cumsum(-1).pad(&[(1, 0), (1, 0)], 0.0)
}

/// Sums over boxes `[x1, y1, x2, y2]` of pixels (columns from x1 on and before x2, rows likewise), from an [`integral_image`]
/// `[.., h + 1, w + 1]`: one for each box, `[.., boxes]`. An empty box has the sum 0. Derivative: to the four corners of the box, with their
/// signs.
///
/// # Panics
/// If a box ends before it begins, or after the image.
#[track_caller]
pub fn box_sums<'t, T: Scalar>(integral: Var<'t, T>, boxes: &[[usize; 4]]) -> Var<'t, T> {
    let shape = integral.shape();
    let fits = shape.len() >= 2 && shape[shape.len() - 2..].iter().all(|&n| n > 0);
    require(fits, || format!("box_sums: an integral image is [.., h + 1, w + 1], not {shape}"), "`integral_image` makes it");
    let [rows, columns] = [shape[shape.len() - 2], shape[shape.len() - 1]];
    for (i, &[x1, y1, x2, y2]) in boxes.iter().enumerate() {
        require(
            x1 <= x2 && y1 <= y2 && x2 < columns && y2 < rows,
            || format!("box_sums: box {i}, [{x1}, {y1}, {x2}, {y2}], is none of an image of {} x {} pixels", rows - 1, columns - 1),
            "boxes are [x1, y1, x2, y2]: clip them to the image",
        );
    }
    let flat = integral.flatten(-2, -1);
    let at = |x: usize, y: usize| flat.index_select(-1, boxes.iter().map(|b| b[y] * columns + b[x]).collect::<Vec<_>>());
    at(2, 3) - at(0, 3) - at(2, 1) + at(0, 1)
}
