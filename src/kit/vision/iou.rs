//! Intersection over union: of all pairs of boxes, with its generalized, distance and complete forms, and the losses made of them.

use super::boxes::columns;
use crate::refusal::require;
use crate::{Reduction, Scalar, Var};
use std::f64::consts::PI;

/// Keeps the divisors of losses, and of the distance, from 0.
const EPS: f64 = 1e-7;

/// What the measures are made of, for pairs of boxes.
struct Pairs<'t, T: Scalar> {
    a: [Var<'t, T>; 4],
    b: [Var<'t, T>; 4],
    intersection: Var<'t, T>,
    union: Var<'t, T>,
}

impl<'t, T: Scalar> Pairs<'t, T> {
    #[track_caller]
    fn new(what: &str, a: Var<'t, T>, b: Var<'t, T>) -> Self {
        let (a, b) = (columns(what, a), columns(what, b));
        let area = |[x1, y1, x2, y2]: [Var<'t, T>; 4]| (x2 - x1) * (y2 - y1);
        let width = (a[2].minimum(b[2]) - a[0].maximum(b[0])).clamp(0.0, f64::INFINITY);
        let height = (a[3].minimum(b[3]) - a[1].maximum(b[1])).clamp(0.0, f64::INFINITY);
        let intersection = width * height;
        Pairs { a, b, intersection, union: area(a) + area(b) - intersection }
    }
    /// All pairs of boxes `[n, 4]` and `[m, 4]`: arrays of shape `[n, m]`.
    #[track_caller]
    fn all(what: &str, a: Var<'t, T>, b: Var<'t, T>) -> Self {
        let (x, y) = (a.shape(), b.shape());
        let message = || format!("{what}: two lists of boxes have shapes [n, 4] and [m, 4], not {x} and {y}");
        require(x.len() == 2 && y.len() == 2 && x[1] == 4 && y[1] == 4, message, "no boxes are an array of shape [0, 4]");
        Self::new(what, a.unsqueeze(1), b.unsqueeze(0))
    }
    /// Each box with its own partner: arrays of shape `[..]`.
    #[track_caller]
    fn each(what: &str, a: Var<'t, T>, b: Var<'t, T>) -> Self {
        let (x, y) = (a.shape(), b.shape());
        let message = || format!("{what}: boxes and their targets have one shape [.., 4], not {x} and {y}");
        require(x == y && x.last() == Some(&4), message, "each box has a target of its own");
        Self::new(what, a, b)
    }
    fn iou(&self, eps: f64) -> Var<'t, T> {
        self.intersection / if eps == 0.0 { self.union } else { self.union + self.union.number(eps) }
    }
    /// Width and height of the smallest box that holds both.
    fn hull(&self) -> [Var<'t, T>; 2] {
        [0, 1].map(|i| (self.a[i + 2].maximum(self.b[i + 2]) - self.a[i].minimum(self.b[i])).clamp(0.0, f64::INFINITY))
    }
    /// The part of the hull that is in neither box.
    fn waste(&self, eps: f64) -> Var<'t, T> {
        let [width, height] = self.hull();
        let area = width * height;
        (area - self.union) / if eps == 0.0 { area } else { area + area.number(eps) }
    }
    /// The squared distance of the centers, as a part of the hull's squared diagonal.
    fn distance(&self) -> Var<'t, T> {
        let [width, height] = self.hull();
        let half = width.number(0.5);
        let [dx, dy] = [0, 1].map(|i| (self.a[i] + self.a[i + 2] - self.b[i] - self.b[i + 2]) * half);
        (dx.square() + dy.square()) / (width.square() + height.square() + width.number(EPS))
    }
    /// How much the shapes differ. The weight is held constant, as in the paper.
    fn aspect(&self, iou: Var<'t, T>) -> Var<'t, T> {
        let angle = |[x1, y1, x2, y2]: [Var<'t, T>; 4]| ((x2 - x1) / (y2 - y1)).atan();
        let v = (angle(self.a) - angle(self.b)).square() * iou.number(4.0 / (PI * PI));
        let weight = (v / (iou.number(1.0 + EPS) - iou + v)).detach();
        weight * v
    }
}

/// Intersection over union of all pairs of boxes `[n, 4]` and `[m, 4]`: `[n, m]`. Differentiable in both. Where boxes do not overlap the derivative
/// is 0, see [`generalized_box_iou`]. Of two empty boxes it is NaN (0/0).
///
/// ```
/// use wengert::vision::box_iou;
/// let tape = wengert::Tape::<f64>::new();
/// let a = tape.leaf([[0.0, 0.0, 2.0, 2.0]]);
/// let b = tape.constant([[1.0, 0.0, 3.0, 2.0], [5.0, 5.0, 6.0, 6.0]]);
/// let iou = box_iou(a, b);
/// assert!((iou.to_array()[[0, 0]] - 1.0 / 3.0).abs() < 1e-12 && iou.to_array()[[0, 1]] == 0.0);
/// ```
///
/// # Panics
/// If the boxes do not have such shapes.
#[track_caller]
pub fn box_iou<'t, T: Scalar>(boxes1: Var<'t, T>, boxes2: Var<'t, T>) -> Var<'t, T> {
    Pairs::all("box_iou", boxes1, boxes2).iou(0.0)
}

/// Generalized IoU of all pairs: IoU minus the part of the smallest enclosing box that is in neither, so from -1 to 1. It has a derivative where boxes do not overlap.
/// Shapes as [`box_iou`].
///
/// Source: H. Rezatofighi et al., "Generalized intersection over union" (2019).
///
/// # Panics
/// If the boxes do not have such shapes.
#[track_caller]
pub fn generalized_box_iou<'t, T: Scalar>(boxes1: Var<'t, T>, boxes2: Var<'t, T>) -> Var<'t, T> {
    let pairs = Pairs::all("generalized_box_iou", boxes1, boxes2);
    pairs.iou(0.0) - pairs.waste(0.0)
}

/// Distance IoU of all pairs: IoU minus (distance of the centers / diagonal of the smallest enclosing box)^2. Shapes as [`box_iou`].
///
/// Source: Z. Zheng et al., "Distance-IoU loss" (2020).
///
/// # Panics
/// If the boxes do not have such shapes.
#[track_caller]
pub fn distance_box_iou<'t, T: Scalar>(boxes1: Var<'t, T>, boxes2: Var<'t, T>) -> Var<'t, T> {
    let pairs = Pairs::all("distance_box_iou", boxes1, boxes2);
    pairs.iou(0.0) - pairs.distance()
}

/// Complete IoU of all pairs: [`distance_box_iou`] minus a v, where v = 4/pi^2 (atan(w1/h1) - atan(w2/h2))^2 compares the shapes, and its
/// weight a = v/(1 - IoU + v) is held constant in the derivative. Shapes as [`box_iou`]. For an empty box, whose shape is 0/0, it is NaN.
///
/// Source: Z. Zheng et al., "Distance-IoU loss" (2020).
///
/// # Panics
/// If the boxes do not have such shapes.
#[track_caller]
pub fn complete_box_iou<'t, T: Scalar>(boxes1: Var<'t, T>, boxes2: Var<'t, T>) -> Var<'t, T> {
    let pairs = Pairs::all("complete_box_iou", boxes1, boxes2);
    let iou = pairs.iou(0.0);
    iou - pairs.distance() - pairs.aspect(iou)
}

/// 1 - generalized IoU of boxes `[.., 4]`, each with its own target: see [`generalized_box_iou`]. (Divisors get 1e-7 more.) Shape: `[..]`, or
/// `[]` if it is reduced. Of no boxes even the mean is 0, as in torchvision: an image without objects spoils no step.
///
/// ```
/// use wengert::{Reduction, vision::generalized_box_iou_loss};
/// let tape = wengert::Tape::<f64>::new();
/// let (boxes, targets) = (tape.leaf([[0.0, 0.0, 1.0, 1.0]]), tape.constant([[2.0, 0.0, 3.0, 1.0]]));
/// let loss = generalized_box_iou_loss(boxes, targets, Reduction::Sum);
/// assert!((loss.item() - 4.0 / 3.0).abs() < 1e-6); // a third of the enclosing box is in neither
/// assert!(tape.grad(loss, &[boxes])[0].unwrap().to_vec()[2] < 0.0); // x2 shall grow
/// ```
///
/// # Panics
/// If the two do not have the same shape `[.., 4]`.
#[track_caller]
pub fn generalized_box_iou_loss<'t, T: Scalar>(boxes: Var<'t, T>, targets: Var<'t, T>, reduction: Reduction) -> Var<'t, T> {
    let pairs = Pairs::each("generalized_box_iou_loss", boxes, targets);
    reduce(pairs.iou(EPS) - pairs.waste(EPS), reduction)
}

/// 1 - distance IoU of boxes, each with its own target: see [`distance_box_iou`], [`generalized_box_iou_loss`].
///
/// # Panics
/// If the two do not have the same shape `[.., 4]`.
#[track_caller]
pub fn distance_box_iou_loss<'t, T: Scalar>(boxes: Var<'t, T>, targets: Var<'t, T>, reduction: Reduction) -> Var<'t, T> {
    let pairs = Pairs::each("distance_box_iou_loss", boxes, targets);
    reduce(pairs.iou(EPS) - pairs.distance(), reduction)
}

/// 1 - complete IoU of boxes, each with its own target: see [`complete_box_iou`], [`generalized_box_iou_loss`].
///
/// # Panics
/// If the two do not have the same shape `[.., 4]`.
#[track_caller]
pub fn complete_box_iou_loss<'t, T: Scalar>(boxes: Var<'t, T>, targets: Var<'t, T>, reduction: Reduction) -> Var<'t, T> {
    let pairs = Pairs::each("complete_box_iou_loss", boxes, targets);
    let iou = pairs.iou(EPS);
    reduce(iou - pairs.distance() - pairs.aspect(iou), reduction)
}

/// The losses that belong to these measures.
#[track_caller]
fn reduce<T: Scalar>(measure: Var<'_, T>, reduction: Reduction) -> Var<'_, T> {
    let none = measure.shape().contains(&0) && reduction == Reduction::Mean;
    (if none { Reduction::Sum } else { reduction }).of(measure.number(1.0) - measure)
}
