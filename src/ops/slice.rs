//! Parts of arrays: slice (a view) and its adjoint, which puts an array into a larger one; narrow and pad use them.

use crate::array::attribute::Attribute;
use crate::array::error::ShapeError;
use crate::array::layout::Layout;
use crate::array::scalar::Scalar;
use crate::array::shape::{Shape, Small, Strides};
use crate::array::view::View;
use crate::kernels::strided::{copy, scatter};
use crate::tape::op::{Cotangents, Op, Vjp};
use crate::tape::var::{Var, refuse};

// ------------------------------------------------------------------------------------------------ slice and its adjoint

/// The elements `start + i * step` of one axis, for `i < len`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Run {
    pub start: usize,
    pub step: isize,
    pub len: usize,
}

impl Run {
    /// The stride from one element to the next, for an axis with this stride. It is 0 for a single element, however large the step is.
    fn stride(&self, axis: isize) -> isize {
        if self.len > 1 { self.step * axis } else { 0 }
    }
}

/// A part of an array, with one [`Run`] for each axis; a view.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Slice(pub Small<Run>);

impl<T: Scalar> Op<T> for Slice {
    fn name(&self) -> &'static str {
        "slice"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        for (axis, (run, &n)) in self.0.iter().zip(x[0].iter()).enumerate() {
            if run.len == 0 {
                continue;
            }
            // A sum that saturates lies outside as well.
            let last = (run.len as isize - 1).saturating_mul(run.step).saturating_add(run.start as isize);
            if run.start >= n || last < 0 || last >= n as isize {
                return Err(ShapeError::new(format!("elements {} to {last} of axis {axis} lie outside its size {n}", run.start))
                    .hint(format!("it has elements 0 to {}", n as isize - 1)));
            }
        }
        Ok(self.0.iter().map(|r| r.len).collect())
    }
    fn alias(&self, x: &Layout, y: &Shape) -> Option<(Strides, isize)> {
        let strides = self.0.iter().zip(x.strides()).map(|(r, s)| r.stride(*s)).collect();
        // No element of an empty part is ever read, and its start may lie beyond the end.
        let offset = || self.0.iter().zip(x.strides()).map(|(r, s)| r.start as isize * s).sum();
        Some((strides, if y.numel() == 0 { 0 } else { offset() }))
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        copy(x[0], y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        let shape = cx.x(0).shape();
        cx.each(|_| cx.g.record(Embed { shape: shape.clone(), runs: self.0.clone(), fill: Attribute(0.0) }))
    }
}

/// Puts an array into a larger one filled with `fill`: the adjoint of [`Slice`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Embed {
    pub shape: Shape,
    pub runs: Small<Run>,
    pub fill: Attribute,
}

impl<T: Scalar> Op<T> for Embed {
    fn name(&self) -> &'static str {
        "pad"
    }
    fn shape(&self, _: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(self.shape.clone())
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        y.fill(T::from_f64(self.fill.0));
        let natural = self.shape.strides();
        if x[0].shape().numel() == 0 {
            return;
        }
        let strides: Strides = self.runs.iter().zip(&natural).map(|(r, s)| r.stride(*s)).collect();
        let offset = self.runs.iter().zip(&natural).map(|(r, s)| r.start as isize * s).sum();
        scatter(x[0], y, offset, &strides);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|_| cx.g.record(Slice(self.runs.clone())))
    }
}

/// What a slice takes of one axis. It is made from a Rust range or an index, and [`SliceInfo::step`] adds a step.
///
/// Negative positions count from the end. As in NumPy, `start..end` may reach beyond the end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SliceInfo {
    start: Option<isize>,
    end: Option<isize>,
    step: isize,
    /// True for a single index, which removes the axis.
    pub(crate) index: bool,
}

impl SliceInfo {
    /// Takes every `step`-th element; with a negative step, from the last one backwards.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([1.0, 2.0, 3.0, 4.0, 5.0]);
    /// let back = wengert::SliceInfo::from(..).step(-2);
    /// assert_eq!(x.slice(&[back]).to_vec(), [5.0, 3.0, 1.0]);
    /// ```
    pub fn step(self, step: isize) -> SliceInfo {
        SliceInfo { step, ..self }
    }
    pub(crate) fn run(self, axis: usize, n: usize) -> Result<Run, ShapeError> {
        let size = n as isize;
        let from_end = |p: isize| if p < 0 { p + size } else { p };
        if self.index {
            let i = from_end(self.start.unwrap_or(0));
            if i < 0 || i >= size {
                let e = ShapeError::new(format!("index {} is out of range for axis {axis} of size {n}", self.start.unwrap_or(0)));
                return Err(e.hint(format!("indices run from {} to {}", -size, size - 1)));
            }
            return Ok(Run { start: i as usize, step: 1, len: 1 });
        }
        if self.step == 0 {
            return Err(
                ShapeError::new(format!("the step of axis {axis} is 0")).hint("a step is at least 1, or negative to walk backwards")
            );
        }
        let (low, high) = if self.step > 0 { (0, size) } else { (-1, size - 1) };
        let clamp = |p: Option<isize>, default: isize| p.map_or(default, |p| from_end(p).clamp(low, high));
        let (first, end) = if self.step > 0 {
            (clamp(self.start, 0), clamp(self.end, size))
        } else {
            // As in ndarray, the range selects the elements, and a negative step takes them from the last to the first.
            let first = self.start.map_or(0, |p| from_end(p).clamp(0, size));
            let last = self.end.map_or(size, |p| from_end(p).clamp(0, size));
            (last - 1, first - 1)
        };
        let len = if self.step > 0 { (end - first).max(0) as usize } else { (first - end).max(0) as usize };
        let len = len.div_ceil(self.step.unsigned_abs());
        Ok(Run { start: if len == 0 { 0 } else { first as usize }, step: self.step, len })
    }
}

impl From<isize> for SliceInfo {
    fn from(i: isize) -> Self {
        SliceInfo { start: Some(i), end: None, step: 1, index: true }
    }
}
impl From<std::ops::Range<isize>> for SliceInfo {
    fn from(r: std::ops::Range<isize>) -> Self {
        SliceInfo { start: Some(r.start), end: Some(r.end), step: 1, index: false }
    }
}
impl From<std::ops::RangeFrom<isize>> for SliceInfo {
    fn from(r: std::ops::RangeFrom<isize>) -> Self {
        SliceInfo { start: Some(r.start), end: None, step: 1, index: false }
    }
}
impl From<std::ops::RangeTo<isize>> for SliceInfo {
    fn from(r: std::ops::RangeTo<isize>) -> Self {
        SliceInfo { start: None, end: Some(r.end), step: 1, index: false }
    }
}
impl From<std::ops::RangeFull> for SliceInfo {
    fn from(_: std::ops::RangeFull) -> Self {
        SliceInfo { start: None, end: None, step: 1, index: false }
    }
}

/// The argument of [`Var::slice`], in the style of ndarray's `s!`: `at![1..4; 2, .., -1]`.
///
/// There is one entry for each axis: a range, a range with `; step`, or an index, which removes the axis. Axes that are not named stay
/// whole.
///
/// ```
/// use wengert::{Tape, at};
/// let tape = Tape::<f64>::new();
/// let x = tape.leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
/// assert_eq!(x.slice(&at![-1, ..; -1]).to_vec(), [6.0, 5.0, 4.0]);
/// assert_eq!(x.slice(&at![.., 1..]).shape(), [2, 2]);
/// ```
#[macro_export]
macro_rules! at {
    (@list [$($done:expr,)*] $entry:expr; $step:expr $(, $($rest:tt)*)?) => {
        $crate::at!(@list [$($done,)* $crate::SliceInfo::from($entry).step($step),] $($($rest)*)?)
    };
    (@list [$($done:expr,)*] $entry:expr $(, $($rest:tt)*)?) => {
        $crate::at!(@list [$($done,)* $crate::SliceInfo::from($entry),] $($($rest)*)?)
    };
    (@list [$($done:expr,)*]) => { [$($done),*] };
    ($($all:tt)+) => { $crate::at!(@list [] $($all)+) };
}

impl<'t, T: Scalar> Var<'t, T> {
    /// A view of a part: see [`at!`](crate::at). Derivative: the cotangent, placed into zeros. Shapes: `[m, n]` with an index to `[n]`,
    /// with a range of k to `[k, n]`.
    ///
    /// ```
    /// use wengert::{Tape, at};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf([1.0, 2.0, 3.0, 4.0, 5.0]);
    /// let y = x.slice(&at![1..; 2]);
    /// assert_eq!(y.to_vec(), [2.0, 4.0]);
    /// assert_eq!(tape.grad(y, &[x])[0].unwrap().to_vec(), [0.0, 1.0, 0.0, 1.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If there are more entries than axes, an index is out of range, or a step is 0.
    #[track_caller]
    pub fn slice(self, parts: &[SliceInfo]) -> Self {
        let shape = self.shape();
        if parts.len() > shape.len() {
            let e = ShapeError::new(format!("{} entries for the {} axes of shape {shape}", parts.len(), shape.len()));
            refuse(e.hint("one entry an axis; axes at the end that are not named stay whole"), "slice", [shape]);
        }
        let whole = SliceInfo::from(..);
        let run = |axis: usize| parts.get(axis).copied().unwrap_or(whole).run(axis, shape[axis]);
        let runs: Small<Run> = match (0..shape.len()).map(run).collect() {
            Ok(runs) => runs,
            Err(e) => refuse(e, "slice", [shape]),
        };
        let kept = |axis: &usize| !parts.get(*axis).is_some_and(|p| p.index);
        let left: Shape = (0..shape.len()).filter(kept).map(|axis| runs[axis].len).collect();
        self.record(Slice(runs)).reshape_to(left)
    }
    /// The elements `start..start + len` of one axis; a view. Derivative: the cotangent, placed into zeros. Shapes: `[m, n]` along axis 1
    /// to `[m, len]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    /// assert_eq!(x.narrow(-1, 1, 2).to_vec(), [2.0, 3.0, 5.0, 6.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, or they lie outside it.
    #[track_caller]
    pub fn narrow(self, axis: isize, start: usize, len: usize) -> Self {
        let (shape, axis) = (self.shape(), self.axis("narrow", axis));
        let end = start.saturating_add(len);
        if end > shape[axis] {
            let e = ShapeError::new(format!("elements {start}..{end} of axis {axis} lie outside its size {}", shape[axis]));
            refuse(e.hint("the arguments are the first element and how many there are"), "narrow", [shape]);
        }
        let mut runs: Small<Run> = shape.iter().map(|&len| Run { start: 0, step: 1, len }).collect();
        runs[axis] = Run { start: if len == 0 { 0 } else { start }, step: 1, len };
        self.record(Slice(runs))
    }
    /// The array, with `(before, after)` elements of `value` added on each of the **last** axes, one pair for each axis. Derivative: the
    /// cotangent without the border. Shapes: with `(1, 2)`, `[.., n]` to `[.., n + 3]`. PyTorch: `F.pad`, whose list begins with the last
    /// axis, whereas here it ends with it. [`Var::pad_with`] pads with elements of the array.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 2.0]]);
    /// assert_eq!(x.pad(&[(1, 2)], 9.0).to_vec(), [9.0, 1.0, 2.0, 9.0, 9.0]);
    /// assert_eq!(x.pad(&[(1, 0), (0, 0)], 0.0).to_vec(), [0.0, 0.0, 1.0, 2.0]); // a row above
    /// ```
    ///
    /// # Panics
    /// If there are more pairs than axes.
    #[track_caller]
    pub fn pad(self, borders: &[(usize, usize)], value: f64) -> Self {
        let shape = self.shape();
        if borders.len() > shape.len() {
            let e = ShapeError::new(format!("{} borders for the {} axes of shape {shape}", borders.len(), shape.len()));
            refuse(e.hint("at most one pair an axis, the last axis last"), "pad", [shape]);
        }
        let skip = shape.len() - borders.len();
        let border = |axis: usize| if axis < skip { (0, 0) } else { borders[axis - skip] };
        let runs = (0..shape.len()).map(|a| Run { start: border(a).0, step: 1, len: shape[a] }).collect();
        let padded: Shape = (0..shape.len()).map(|a| border(a).0.saturating_add(shape[a]).saturating_add(border(a).1)).collect();
        self.check_size("pad", &padded);
        self.record(Embed { shape: padded, runs, fill: Attribute(value) })
    }
}

#[cfg(test)]
#[allow(clippy::reversed_empty_ranges)] // an empty slice, as NumPy has it
mod rows {
    use super::*;
    use crate::ops::samples::*;

    /// The adjoint of a slice: puts its argument into zeros.
    fn embed<'t, T: Scalar>(v: Var<'t, T>, shape: impl Into<Shape>, parts: &[SliceInfo]) -> Var<'t, T> {
        let shape: Shape = shape.into();
        let runs = parts.iter().zip(shape.iter()).enumerate().map(|(axis, (p, &n))| p.run(axis, n).expect("fits")).collect();
        v.record(Embed { shape, runs, fill: Attribute(0.0) })
    }

    impl Sampled for Slice {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = crate::ops::extent::rows::compositions();
            rows.extend([
                grad([any(&[3, 5])], |v| v[0].slice(&at![1.., ..-1]).exp()),
                grad([any(&[3, 5])], |v| v[0].slice(&at![-1, ..; 2]).exp()),
                grad([any(&[3, 5])], |v| v[0].t().slice(&at![..; -2, 1]).exp()),
                grad([any(&[7])], |v| v[0].slice(&at![1..6; -3]) * v[0].slice(&at![..2])),
                grad([any(&[7])], |v| v[0].slice(&at![..; -2]).slice(&at![..; -2]).exp()),
                grad([any(&[7])], |v| v[0].slice(&at![5..2]).exp()),
                grad([any(&[7])], |v| v[0].slice(&at![-3..100]).exp()),
                grad([any(&[3])], |v| v[0].broadcast_to([4, 3]).slice(&at![1..3, ..; -1]).exp()),
                grad([any(&[3, 5])], |v| v[0].narrow(1, 2, 3).exp() + v[0].narrow(1, 0, 3)),
                grad([any(&[3, 5])], |v| v[0].narrow(-1, 5, 0).exp()),
                value([of(&[4], [1.0, 2.0, 3.0, 4.0])], |v| v[0].slice(&at![..; -2]), &[4.0, 2.0], [&[0.0, 1.0, 0.0, 1.0]]),
                value([of(&[2, 2], [1.0, 2.0, 3.0, 4.0])], |v| v[0].slice(&at![1, 0]), &[3.0], [&[0.0, 0.0, 1.0, 0.0]]),
                adjoint(any(&[5, 7]), any(&[2, 3]), |u| u.slice(&at![1..; 2, ..6; -2]), |v| embed(v, [5, 7], &at![1..; 2, ..6; -2])),
                refuses([any(&[2, 3])], |v| v[0].slice(&at![2]), &["slice of [2, 3]", "index 2 is out of range for axis 0", "hint: "]),
                refuses([any(&[2, 3])], |v| v[0].slice(&at![.., -4]), &["slice of [2, 3]", "index -4", "hint: "]),
                refuses([any(&[3])], |v| v[0].slice(&at![.., ..]), &["slice of [3]", "2 entries for the 1 axes"]),
                refuses([any(&[3])], |v| v[0].slice(&at![..; 0]), &["slice of [3]", "step of axis 0 is 0"]),
                refuses([any(&[3])], |v| v[0].narrow(0, 2, 2), &["narrow of [3]", "2..4", "size 3"]),
            ]);
            rows
        }
    }

    impl Sampled for Embed {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            vec![
                grad([any(&[3, 5])], |v| v[0].pad(&[(1, 0), (0, 2)], 0.5).exp()),
                grad([any(&[3, 5])], |v| v[0].t().pad(&[(2, 1)], 0.0).exp()),
                grad([any(&[3])], |v| v[0].broadcast_to([2, 3]).pad(&[(0, 1), (1, 0)], -1.0).exp()),
                grad([any(&[0])], |v| v[0].pad(&[(1, 1)], 2.0).exp()),
                grad([any(&[2, 3])], |v| embed(v[0], [5, 7], &at![1..; 2, ..6; -2]).exp()),
                value([of(&[2], [1.0, 2.0])], |v| v[0].pad(&[(1, 2)], 9.0), &[9.0, 1.0, 2.0, 9.0, 9.0], [&[1.0, 1.0]]),
                value([of(&[], [1.0])], |v| v[0].pad(&[], 9.0), &[1.0], [&[1.0]]),
                value([of(&[2], [1.0, 2.0])], |v| embed(v[0], [4], &at![..; -2]), &[0.0, 2.0, 0.0, 1.0], [&[1.0, 1.0]]),
                adjoint(any(&[2, 3]), any(&[4, 4]), |u| u.pad(&[(1, 1), (0, 1)], 0.0), |v| v.slice(&at![1..3, ..3])),
                refuses([any(&[3])], |v| v[0].pad(&[(1, 1), (1, 1)], 0.0), &["pad of [3]", "2 borders for the 1 axes"]),
            ]
        }
    }
}
