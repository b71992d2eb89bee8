//! Padding by a number or by the array's own elements. (Its sample rows stand with [`AxisMap`](crate::ops::resample::AxisMap), the op that it
//! records.)

use crate::error::ShapeError;
use crate::kernels::resample::SparseRows;
use crate::layout::Small;
use crate::scalar::Scalar;
use crate::var::{Var, refuse};

/// What lies beyond the edges of an array.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PadMode {
    /// This number.
    Constant(f64),
    /// The array mirrored in its first and last element, which do not come twice.
    Reflect,
    /// Its first and last element.
    Replicate,
    /// The array again.
    Circular,
}

impl PadMode {
    /// The elements along an axis of size `n` that a padded one is made of.
    fn elements(self, axis: usize, n: usize, (before, after): (isize, isize)) -> Result<SparseRows, ShapeError> {
        let wrong =
            |what: String, hint: &str| Err(ShapeError::new(format!("padding ({before}, {after}) of axis {axis}: {what}")).hint(hint));
        let size = n as isize;
        let to = size.saturating_add(before).saturating_add(after);
        // What is left of the array by negative padding. Only `Reflect` and `Replicate` add elements that were taken away.
        let (cut, kept) = (before.min(0).saturating_neg(), size.saturating_add(before.min(0)).saturating_add(after.min(0)));
        if to < 0 || kept < 0 && matches!(self, PadMode::Constant(_)) {
            return wrong(format!("more elements are taken away than the {n} that there are"), "negative padding takes elements away");
        }
        let most = match self {
            PadMode::Constant(_) => return Ok(SparseRows::new()),
            PadMode::Reflect => size - 1,
            PadMode::Circular => kept,
            PadMode::Replicate => isize::MAX,
        };
        if n == 0 && to > 0 {
            return wrong("the axis has no elements to repeat".into(), "`PadMode::Constant` pads empty axes");
        }
        if before.max(after) > most.max(0) {
            return wrong(format!("{self:?} has only {} elements for it", most.max(0)), "pad by less, or with `PadMode::Replicate`");
        }
        let last = size - 1;
        let mut rows = SparseRows::new();
        for i in 0..to {
            let at = i - before;
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
    /// The array with `(before, after)` elements added on each of the **last** axes, one pair an axis; negative numbers take elements
    /// away. What the new elements are says `mode`. Derivative: to each element the cotangents of all its copies.
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
    /// If there are more pairs than axes, more elements are taken away than there are, or added than the mode has: `Reflect` one
    /// fewer than the axis, `Circular` as many as the axis (what is left of it).
    #[track_caller]
    pub fn pad_with(self, borders: &[(isize, isize)], mode: PadMode) -> Self {
        let shape = self.shape();
        if borders.len() > shape.len() {
            let e = ShapeError::new(format!("{} borders for the {} axes of shape {shape}", borders.len(), shape.len()));
            refuse(e, "pad_with", [shape]);
        }
        let skip = shape.len() - borders.len();
        let mut maps: Small<SparseRows> = Small::new();
        for (i, &border) in borders.iter().enumerate() {
            match mode.elements(skip + i, shape[skip + i], border) {
                Ok(rows) => maps.push(rows),
                Err(e) => refuse(e, "pad_with", [shape]),
            }
        }
        let mut y = self;
        if let PadMode::Constant(value) = mode {
            let cut = |i: isize| i.min(0).unsigned_abs();
            for (axis, &(before, after)) in (skip..).zip(borders) {
                if before < 0 || after < 0 {
                    y = y.narrow(axis as isize, cut(before), shape[axis] - cut(before) - cut(after));
                }
            }
            let added: Small<(usize, usize)> = borders.iter().map(|&(a, b)| (a.max(0) as usize, b.max(0) as usize)).collect();
            return y.pad(&added, value);
        }
        for (i, rows) in maps.into_iter().enumerate() {
            y = y.axis_map(skip + i, rows);
        }
        y
    }
}
