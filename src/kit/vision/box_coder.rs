//! Boxes relative to other boxes: what a detector predicts.

use super::boxes::columns;
use crate::refusal::require;
use crate::{Scalar, Var, stack};

/// Turns boxes into four numbers relative to reference boxes (anchors, proposals) and back: for a box with center (x, y) and sizes (w, h), and a
/// reference with (a, b) and (u, v), they are ((x - a)/u, (y - b)/v, ln(w/u), ln(h/v)), each times a weight. Torchvision's `BoxCoder`.
///
/// ```
/// use wengert::vision::BoxCoder;
/// let tape = wengert::Tape::<f64>::new();
/// let (boxes, anchors) = (tape.constant([[12.0, 8.0, 32.0, 28.0]]), tape.constant([[10.0, 10.0, 20.0, 20.0]]));
/// let coder = BoxCoder::new([10.0, 10.0, 5.0, 5.0]);
/// let codes = coder.encode(boxes, anchors);
/// assert_eq!(codes.to_vec()[..2], [7.0, 3.0]);
/// let decoded = coder.decode(codes, anchors).to_vec();
/// assert!(decoded.iter().zip([12.0, 8.0, 32.0, 28.0]).all(|(a, b)| (a - b).abs() < 1e-12));
/// ```
///
/// Source: R. Girshick et al., "Rich feature hierarchies for accurate object detection and semantic segmentation" (2014), appendix C.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoxCoder {
    /// What the codes of x, y, width and height are multiplied by.
    pub weights: [f64; 4],
    /// The largest logarithm of a factor of sizes that is decoded, so that no prediction overflows: ln(1000/16) by default.
    pub bbox_xform_clip: f64,
}

impl BoxCoder {
    /// A coder with these weights: 1 for anchors, and (10, 10, 5, 5) for proposals, are usual.
    pub fn new(weights: [f64; 4]) -> BoxCoder {
        BoxCoder { weights, bbox_xform_clip: (1000.0_f64 / 16.0).ln() }
    }
    /// The codes of boxes `[n, 4]` relative to references of the same shape. Differentiable in both. A box or reference without area gives
    /// infinite codes or NaN.
    ///
    /// # Panics
    /// If the shapes are not both `[n, 4]`.
    #[track_caller]
    pub fn encode<'t, T: Scalar>(&self, boxes: Var<'t, T>, references: Var<'t, T>) -> Var<'t, T> {
        let (b, r) = (boxes.shape(), references.shape());
        let message = || format!("BoxCoder::encode: boxes and references have one shape [n, 4], not {b} and {r}");
        require(b == r && b.len() == 2 && b[1] == 4, message, "each box has a reference of its own");
        let [x, y, w, h] = center(columns("BoxCoder", boxes));
        let [a, b, u, v] = center(columns("BoxCoder", references));
        let codes = [(x - a) / u, (y - b) / v, (w / u).ln(), (h / v).ln()];
        stack(&[0, 1, 2, 3].map(|i| codes[i] * x.number(self.weights[i])), -1)
    }
    /// The boxes of codes `[n, 4]` relative to references `[n, 4]`. With codes `[n, 4 k]` (as many as classes) they have shape `[n, k, 4]`. Differentiable in
    /// both; a factor of sizes that is cut at the largest has no derivative.
    ///
    /// # Panics
    /// If the references do not have shape `[n, 4]`, or the codes shape `[n, 4 k]`.
    #[track_caller]
    pub fn decode<'t, T: Scalar>(&self, codes: Var<'t, T>, references: Var<'t, T>) -> Var<'t, T> {
        let (c, r) = (codes.shape(), references.shape());
        let message = || format!("BoxCoder::decode: codes [n, 4 k] and references [n, 4] are needed, not {c} and {r}");
        let fits = c.len() == 2 && r.len() == 2 && c[0] == r[0] && r[1] == 4 && c[1].is_multiple_of(4);
        require(fits, message, "each row of codes has a reference of its own");
        let [n, k] = [c[0] as isize, (c[1] / 4) as isize];
        let codes = if c[1] == 4 { codes } else { codes.reshape([n, k, 4]) };
        let references = if c[1] == 4 { references } else { references.unsqueeze(1) };
        let columns_of_codes = columns("BoxCoder", codes);
        let [dx, dy, dw, dh] = [0, 1, 2, 3].map(|i| columns_of_codes[i] / codes.number(self.weights[i]));
        let [a, b, u, v] = center(columns("BoxCoder", references));
        let (x, y) = (dx * u + a, dy * v + b);
        let size = |log: Var<'t, T>, of| log.clamp(f64::NEG_INFINITY, self.bbox_xform_clip).exp() * of;
        let half = codes.number(0.5);
        let (w, h) = (size(dw, u) * half, size(dh, v) * half);
        stack(&[x - w, y - h, x + w, y + h], -1)
    }
}

/// Centers and sizes of boxes by their corners.
fn center<T: Scalar>([x1, y1, x2, y2]: [Var<'_, T>; 4]) -> [Var<'_, T>; 4] {
    let half = x1.number(0.5);
    let (w, h) = (x2 - x1, y2 - y1);
    [x1 + half * w, y1 + half * h, w, h]
}
