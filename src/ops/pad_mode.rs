//! Padding with a number or with the array's own elements. Its sample rows run with those of [`AxisMap`](crate::ops::sparse::AxisMap),
//! the op that it records.

use crate::array::error::ShapeError;
use crate::array::scalar::Scalar;
use crate::array::shape::Small;
use crate::kernels::sparse::SparseRows;
use crate::tape::var::{Var, refuse};

/// What lies beyond the edges of an array.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PadMode {
    /// This number.
    Constant(f64),
    /// The array, mirrored at its first and last elements, which are not repeated.
    Reflect,
    /// Its first and last elements, repeated.
    Replicate,
    /// The array, repeated.
    Circular,
}

impl PadMode {
    /// The size of an axis of size `n` after padding.
    fn size(self, axis: usize, n: usize, (before, after): (isize, isize)) -> Result<usize, ShapeError> {
        let wrong =
            |what: String, hint: &str| Err(ShapeError::new(format!("padding ({before}, {after}) of axis {axis}: {what}")).hint(hint));
        // In a type that holds the sum of three sizes.
        let (size, before, after) = (n as i128, before as i128, after as i128);
        // `kept` elements remain after negative padding. Only `Reflect` and `Replicate` can add elements that were taken away.
        let (to, kept) = (size + before + after, size + before.min(0) + after.min(0));
        if to < 0 || kept < 0 && matches!(self, PadMode::Constant(_)) {
            return wrong(format!("more elements are taken away than the {n} that there are"), "negative padding takes elements away");
        }
        let most = match self {
            PadMode::Constant(_) | PadMode::Replicate => i128::MAX,
            PadMode::Reflect => size - 1,
            PadMode::Circular => kept,
        };
        if n == 0 && to > 0 && !matches!(self, PadMode::Constant(_)) {
            return wrong("the axis has no elements to repeat".into(), "`PadMode::Constant` pads empty axes");
        }
        if before.max(after) > most.max(0) {
            return wrong(format!("{self:?} has only {} elements for it", most.max(0)), "pad by less, or with `PadMode::Replicate`");
        }
        // More than a usize holds; the whole shape is refused later.
        Ok(usize::try_from(to).unwrap_or(usize::MAX))
    }
    /// For each element of an axis that is padded from size `n` to size `to`, the element that it copies.
    fn elements(self, n: usize, (before, after): (isize, isize), to: usize) -> Result<SparseRows, ShapeError> {
        let (last, cut) = (n as isize - 1, before.min(0).saturating_neg());
        let kept = (n as isize).saturating_sub(cut).saturating_add(after.min(0));
        let mut rows = SparseRows::with_room(to, 1)?;
        for i in 0..to as isize {
            let at = i.saturating_sub(before);
            let at = match self {
                PadMode::Reflect if at < 0 => -at,
                PadMode::Reflect if at > last => 2 * last - at,
                PadMode::Circular => cut + (at - cut).rem_euclid(kept),
                _ => at.clamp(0, last),
            };
            rows.push([(at as usize, 1.0)]);
        }
        Ok(rows)
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// Adds `(before, after)` elements on each of the **last** axes, with one pair for each axis; negative numbers take elements away.
    /// `mode` says what the new elements are. Derivative: each element gets the sum of the cotangents of its copies. Shapes: with `(1, 2)`,
    /// `[.., n]` to `[.., n + 3]`. PyTorch: `F.pad`, whose list begins with the last axis, whereas here it ends with it.
    ///
    /// ```
    /// use wengert::{PadMode, Tape};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf([1.0, 2.0, 3.0]);
    /// assert_eq!(x.pad_with(&[(2, 1)], PadMode::Reflect).to_vec(), [3.0, 2.0, 1.0, 2.0, 3.0, 2.0]);
    /// assert_eq!(x.pad_with(&[(-1, 1)], PadMode::Replicate).to_vec(), [2.0, 3.0, 3.0]);
    /// ```
    ///
    /// # Panics
    /// If there are more pairs than axes, more elements are taken away than there are, or more are added than the mode has: `Reflect` has
    /// one fewer than the axis, `Circular` as many as are left of the axis.
    #[track_caller]
    pub fn pad_with(self, borders: &[(isize, isize)], mode: PadMode) -> Self {
        let shape = self.shape();
        if borders.len() > shape.len() {
            let e = ShapeError::new(format!("{} borders for the {} axes of shape {shape}", borders.len(), shape.len()));
            refuse(e.hint("at most one pair an axis, the last axis last"), "pad_with", [shape]);
        }
        let skip = shape.len() - borders.len();
        let mut padded = shape.clone();
        for (axis, &border) in (skip..).zip(borders) {
            padded = padded.with(axis, self.or_refuse("pad_with", mode.size(axis, shape[axis], border)));
        }
        self.check_size("pad_with", &padded);
        let mut y = self;
        if let PadMode::Constant(value) = mode {
            let cut = |i: isize| i.min(0).unsigned_abs(); // both together are at most the axis
            for (axis, &(before, after)) in (skip..).zip(borders) {
                if before < 0 || after < 0 {
                    y = y.narrow(axis as isize, cut(before), shape[axis] - cut(before) - cut(after));
                }
            }
            let added: Small<(usize, usize)> = borders.iter().map(|&(a, b)| (a.max(0) as usize, b.max(0) as usize)).collect();
            return y.pad(&added, value);
        }
        // An empty result needs no lists as long as the caller's sizes.
        if let Some(axis) = padded.iter().position(|&n| n == 0) {
            return self.narrow(axis as isize, 0, 0).reshape_to(padded);
        }
        for (axis, &border) in (skip..).zip(borders) {
            let rows = self.or_refuse("pad_with", mode.elements(shape[axis], border, padded[axis]));
            y = y.axis_map(axis, rows);
        }
        y
    }
}

#[cfg(test)]
pub(crate) mod rows {
    use super::PadMode::*;
    use super::*;
    use crate::ops::samples::*;
    use crate::ops::sparse::empty;

    /// The rows of a function without an op of its own.
    pub(crate) fn rows<T: Scalar>() -> Vec<Row<T>> {
        vec![
            grad([any(&[2, 4])], |v| v[0].pad_with(&[(3, 2)], Reflect).exp()),
            grad([any(&[2, 3, 4])], |v| v[0].pad_with(&[(1, 2), (3, -1)], Reflect).exp()),
            grad([any(&[3, 2])], |v| v[0].t().pad_with(&[(1, 0), (0, 5)], Replicate).exp()),
            grad([any(&[3, 2, 4])], |v| v[0].pad_with(&[(2, 0), (-1, 1), (-4, 5)], Replicate).exp()),
            grad([any(&[2, 3, 4])], |v| v[0].pad_with(&[(3, 1), (-2, 1)], Circular).exp()),
            grad([any(&[0, 3])], |v| v[0].pad_with(&[(1, 2)], Circular).record(empty()).exp()),
            grad([any(&[0])], |v| v[0].pad_with(&[(0, 0)], Reflect).record(empty()).exp()),
            equals(
                [any(&[2, 3, 5])],
                |v| v[0].pad_with(&[(1, -1), (-1, 2)], Constant(3.0)).pad_with(&[(1, 1)], Replicate),
                |v| v[0].narrow(1, 0, 2).narrow(2, 1, 4).pad(&[(1, 0), (0, 2)], 3.0).pad_with(&[(1, 1)], Replicate),
            ),
            value([of(&[3], [1.0, 2.0, 4.0])], |v| v[0].pad_with(&[(1, 2)], Reflect), &[2.0, 1.0, 2.0, 4.0, 2.0, 1.0], [&[2.0, 3.0, 1.0]]),
            value(
                [of(&[3], [1.0, 2.0, 4.0])],
                |v| v[0].pad_with(&[(1, 2)], Replicate),
                &[1.0, 1.0, 2.0, 4.0, 4.0, 4.0],
                [&[2.0, 1.0, 3.0]],
            ),
            value([of(&[3], [1.0, 2.0, 4.0])], |v| v[0].pad_with(&[(1, 2)], Circular), &[4.0, 1.0, 2.0, 4.0, 1.0, 2.0], [&[2.0, 2.0, 2.0]]),
            // One of the two remaining elements is repeated.
            value([of(&[3], [1.0, 2.0, 4.0])], |v| v[0].pad_with(&[(-1, 1)], Circular), &[2.0, 4.0, 2.0], [&[0.0, 2.0, 1.0]]),
            refuses([any(&[3])], |v| v[0].pad_with(&[(0, 3)], Reflect), &["pad_with of [3]", "Reflect has only 2", "hint: "]),
            refuses([any(&[3])], |v| v[0].pad_with(&[(4, 0)], Circular), &["pad_with of [3]", "Circular has only 3", "hint: "]),
            refuses([any(&[3])], |v| v[0].pad_with(&[(-2, 2)], Circular), &["pad_with of [3]", "Circular has only 1", "hint: "]),
            refuses([any(&[2, 0])], |v| v[0].pad_with(&[(1, 0)], Replicate), &["pad_with of [2, 0]", "no elements to repeat", "hint: "]),
            refuses([any(&[3])], |v| v[0].pad_with(&[(-2, -2)], Replicate), &["pad_with of [3]: padding (-2, -2) of axis 0", "hint: "]),
            refuses([any(&[3])], |v| v[0].pad_with(&[(-4, 5)], Constant(0.0)), &["pad_with of [3]: padding (-4, 5)", "hint: "]),
            refuses([any(&[3])], |v| v[0].pad_with(&[(1, 1), (1, 1)], Reflect), &["pad_with of [3]", "2 borders for the 1 axes"]),
        ]
    }
}
