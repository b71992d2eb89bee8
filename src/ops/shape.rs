//! Ops that rearrange: views that only change strides (broadcast, reshape, permute, slice), copies that place (pad, concat), each with
//! its adjoint beside it.

use crate::error::ShapeError;
use crate::kernels::reduce::{Sum, reduce};
use crate::kernels::strided::{copy, scatter};
use crate::layout::{Axes, Layout, Shape, Small, Strides};
use crate::op::{Cotangents, Op, View, Vjp};
use crate::scalar::Scalar;
use crate::var::{Var, refuse};
use smallvec::SmallVec;

// ---------------------------------------------------------------------------------------------------------------- contiguous

/// The same array, laid out in row-major order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Contiguous;

impl<T: Scalar> Op<T> for Contiguous {
    fn name(&self) -> &'static str {
        "contiguous"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(x[0].clone())
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        copy(x[0], y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|_| cx.g)
    }
}

// -------------------------------------------------------------------------------------------------------------- detach

/// The same array, through which no gradient flows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Detach;

impl<T: Scalar> Op<T> for Detach {
    fn name(&self) -> &'static str {
        "detach"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(x[0].clone())
    }
    fn alias(&self, x: &Layout, _: &Shape) -> Option<(Strides, isize)> {
        Some((x.strides().into(), 0))
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        copy(x[0], y);
    }
    fn vjp<'t>(&self, _: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        Cotangents::none()
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The same value, through which no gradient flows.
    #[track_caller]
    pub fn detach(self) -> Self {
        // As `no_grad` does, but a closure would hide the caller's line. Nothing in between can be refused.
        let outer = self.tape.read().no_grad.replace(true);
        let y = self.record(Detach);
        self.tape.read().no_grad.set(outer);
        y
    }
}

// ------------------------------------------------------------------------------------------- broadcast_to and its adjoint

/// The array repeated along axes of size 1 and along new leading axes; a view.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BroadcastTo(Shape);

impl<T: Scalar> Op<T> for BroadcastTo {
    fn name(&self) -> &'static str {
        "broadcast_to"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        match x[0].broadcast(&self.0) {
            Some(s) if s == self.0 => Ok(s),
            _ => Err(ShapeError::new(format!("shape {} does not broadcast to {}", x[0], self.0))
                .hint("sizes are compared from the last axis; each must be equal or 1 in the array")),
        }
    }
    fn alias(&self, x: &Layout, y: &Shape) -> Option<(Strides, isize)> {
        Some((x.broadcast_strides(y), 0))
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        copy(x[0], y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|_| cx.g.sum_to(cx.x(0).shape()))
    }
}

/// The sum over the axes along which a shape was repeated: the adjoint of [`BroadcastTo`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SumTo(Shape);

impl<T: Scalar> Op<T> for SumTo {
    fn name(&self) -> &'static str {
        "sum_to"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        match self.0.broadcast(x[0]) {
            Some(s) if s == *x[0] => Ok(self.0.clone()),
            _ => Err(ShapeError::new(format!("shape {} does not broadcast to {}", self.0, x[0]))),
        }
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        let skip = x[0].shape().len() - self.0.len();
        let gone = (0..x[0].shape().len()).filter(|&i| i < skip || self.0[i - skip] != x[0].shape()[i]);
        reduce(x[0], Axes::of(gone), y, Sum);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|_| cx.g.broadcast_to_shape(cx.x(0).shape()))
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// A view of this array repeated to a larger shape, by NumPy's rules. Derivative: the sum over the repeated axes.
    ///
    /// # Panics
    /// If the shape does not broadcast to it.
    #[track_caller]
    pub fn broadcast_to(self, shape: &[usize]) -> Self {
        self.broadcast_to_shape(shape.into())
    }
    #[track_caller]
    pub(crate) fn broadcast_to_shape(self, shape: Shape) -> Self {
        if self.shape() == shape { self } else { self.record(BroadcastTo(shape)) }
    }
    /// The sum over the axes along which `shape` would be repeated to this array's. Derivative: a broadcast.
    ///
    /// # Panics
    /// If `shape` does not broadcast to this array's.
    #[track_caller]
    pub fn sum_to(self, shape: Shape) -> Self {
        if self.shape() == shape { self } else { self.record(SumTo(shape)) }
    }
}

// ------------------------------------------------------------------------------------------------------------- reshape

/// The same elements in order under another shape: a view, where strides allow it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reshape(Shape);

impl<T: Scalar> Op<T> for Reshape {
    fn name(&self) -> &'static str {
        "reshape"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        if self.0.numel() != x[0].numel() {
            return Err(ShapeError::new(format!(
                "{} elements of shape {} do not fill shape {}, which has {}",
                x[0].numel(),
                x[0],
                self.0,
                self.0.numel()
            ))
            .hint("one size may be -1 in `reshape`: it is then worked out"));
        }
        Ok(self.0.clone())
    }
    fn alias(&self, x: &Layout, y: &Shape) -> Option<(Strides, isize)> {
        x.reshape_strides(y).map(|s| (s, 0))
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        copy(x[0], y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|_| cx.g.reshape_to(cx.x(0).shape()))
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The same elements in row-major order under another shape; one size may be -1, which is worked out from the others. A view
    /// where the strides allow it. Derivative: the cotangent, reshaped back.
    ///
    /// # Panics
    /// If the number of elements differs.
    #[track_caller]
    pub fn reshape(self, shape: &[isize]) -> Self {
        let known: usize = shape.iter().filter(|&&n| n >= 0).map(|&n| n as usize).product();
        let unknown = shape.iter().filter(|&&n| n < 0).count();
        let bad = unknown > 1 || shape.iter().any(|&n| n < -1) || unknown == 1 && (known == 0 || !self.numel().is_multiple_of(known));
        if bad {
            let e = ShapeError::new(format!("{} elements of shape {} cannot have shape {shape:?}", self.numel(), self.shape()))
                .hint("at most one size may be -1, and the others must divide the number of elements");
            refuse(e, "reshape", [self.shape()]);
        }
        self.reshape_to(shape.iter().map(|&n| if n < 0 { self.numel() / known } else { n as usize }).collect())
    }
    #[track_caller]
    pub(crate) fn reshape_to(self, shape: Shape) -> Self {
        if self.shape() == shape { self } else { self.record(Reshape(shape)) }
    }
    /// The axes from `start` to `end`, both included, as one.
    ///
    /// # Panics
    /// If there is no such axis, or `start` comes after `end`.
    #[track_caller]
    pub fn flatten(self, start: isize, end: isize) -> Self {
        let shape = self.shape();
        if shape.is_empty() && [0, -1].contains(&start) && [0, -1].contains(&end) {
            return self.reshape_to([1].into());
        }
        let (a, b) = (self.axis("flatten", start), self.axis("flatten", end));
        if a > b {
            refuse(ShapeError::new(format!("axis {start} comes after axis {end}")), "flatten", [shape]);
        }
        let merged: usize = shape[a..=b].iter().product();
        self.reshape_to(shape[..a].iter().copied().chain([merged]).chain(shape[b + 1..].iter().copied()).collect())
    }
    /// Without an axis of size 1; an axis of another size stays, as in PyTorch.
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn squeeze(self, axis: isize) -> Self {
        if self.is_number_axis(axis) {
            return self;
        }
        let (shape, axis) = (self.shape(), self.axis("squeeze", axis));
        if shape[axis] == 1 { self.reshape_to(shape.remove(axis)) } else { self }
    }
    /// Without any axes of size 1.
    #[track_caller]
    pub fn squeeze_all(self) -> Self {
        self.reshape_to(self.shape().iter().copied().filter(|&n| n != 1).collect())
    }
    /// With a new axis of size 1 at this position of the result; negative positions count from its end.
    ///
    /// # Panics
    /// If the position is out of range.
    #[track_caller]
    pub fn unsqueeze(self, axis: isize) -> Self {
        let shape = self.shape();
        // The result has one axis more, and that is what the position counts in.
        match shape.insert(0, 1).axis(axis) {
            Ok(axis) => self.reshape_to(shape.insert(axis, 1)),
            Err(e) => refuse(e, "unsqueeze", [shape]),
        }
    }
}

// ------------------------------------------------------------------------------------------------------------- permute

/// Axes in another order; a view. Output axis `i` is input axis `self.0[i]`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Permute(Small<usize>);

impl<T: Scalar> Op<T> for Permute {
    fn name(&self) -> &'static str {
        "permute"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(self.0.iter().map(|&i| x[0][i]).collect())
    }
    fn alias(&self, x: &Layout, _: &Shape) -> Option<(Strides, isize)> {
        Some((self.0.iter().map(|&i| x.strides()[i]).collect(), 0))
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        copy(x[0], y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        let mut back: Small<usize> = SmallVec::from_elem(0, self.0.len());
        for (i, &axis) in self.0.iter().enumerate() {
            back[axis] = i;
        }
        cx.each(|_| cx.g.record(Permute(back.clone())))
    }
}

/// The last two axes exchanged; a view. (An op of its own, because it has no attribute to store and products ask for it often.)
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Transpose;

impl<T: Scalar> Op<T> for Transpose {
    fn name(&self) -> &'static str {
        "transpose"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        let n = x[0].len();
        if n < 2 {
            return Err(ShapeError::new(format!("a matrix is needed, not shape {}", x[0])));
        }
        Ok(x[0].with(n - 1, x[0][n - 2]).with(n - 2, x[0][n - 1]))
    }
    fn alias(&self, x: &Layout, y: &Shape) -> Option<(Strides, isize)> {
        let mut strides: Strides = x.strides().into();
        strides.swap(y.len() - 2, y.len() - 1);
        Some((strides, 0))
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        copy(x[0], y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|_| cx.g.record(Transpose))
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// A view with the axes in another order: axis `i` of the result is axis `axes[i]` of this array. Derivative: the inverse.
    ///
    /// # Panics
    /// If `axes` is not a permutation of the array's axes.
    #[track_caller]
    pub fn permute(self, axes: &[isize]) -> Self {
        let shape = self.shape();
        if let Err(e) = Axes::new(&shape, axes) {
            refuse(e, "permute", [shape]);
        }
        if axes.len() != shape.len() {
            let e = ShapeError::new(format!("{axes:?} names {} of the {} axes", axes.len(), shape.len()));
            refuse(e.hint("every axis must be named once"), "permute", [shape]);
        }
        self.record(Permute(axes.iter().map(|&a| shape.axis(a).expect("checked above")).collect()))
    }
    /// A view with two axes exchanged.
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn transpose(self, a: isize, b: isize) -> Self {
        if self.is_number_axis(a) && self.is_number_axis(b) {
            return self;
        }
        let n = self.ndim();
        let (a, b) = (self.axis("transpose", a), self.axis("transpose", b));
        if a == b {
            return self;
        }
        if a.min(b) + 2 == n && a.max(b) + 1 == n {
            return self.record(Transpose);
        }
        let mut axes: Small<usize> = (0..n).collect();
        axes.swap(a, b);
        self.record(Permute(axes))
    }
    /// The transpose of a matrix; vectors and numbers stay as they are.
    ///
    /// # Panics
    /// If the array has more than two axes.
    #[track_caller]
    pub fn t(self) -> Self {
        match self.ndim() {
            0 | 1 => self,
            2 => self.record(Transpose),
            _ => {
                let e = ShapeError::new(format!("a matrix is needed, not shape {}", self.shape()));
                refuse(e.hint("name the axes: `transpose(-2, -1)`"), "t", [self.shape()])
            }
        }
    }
}

// ------------------------------------------------------------------------------------------------------------- concat

/// Arrays one after the other along an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Concat(usize);

impl<T: Scalar> Op<T> for Concat {
    fn name(&self) -> &'static str {
        "concat"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        let axis = self.0;
        for (i, s) in x.iter().enumerate() {
            let fits = s.len() == x[0].len() && (0..s.len()).all(|a| a == axis || s[a] == x[0][a]);
            if !fits {
                return Err(ShapeError::new(format!("input {i} has shape {s}, which differs from {} beside axis {axis}", x[0]))
                    .hint("all sizes but that of the joined axis must be equal"));
            }
        }
        Ok(x[0].with(axis, x.iter().map(|s| s[axis]).sum()))
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        let total: usize = x.iter().map(|x| x.shape()[self.0]).sum();
        let strides = x[0].shape().with(self.0, total).strides();
        let mut at = 0;
        for x in x {
            scatter(*x, y, at as isize * strides[self.0], &strides);
            at += x.shape()[self.0];
        }
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        let mut at = 0;
        let mut starts: SmallVec<[(usize, usize); 16]> = SmallVec::new();
        for i in 0..cx.inputs.len() {
            let len = cx.x(i).shape()[self.0];
            starts.push((at, len));
            at += len;
        }
        cx.each(|i| cx.g.narrow(self.0 as isize, starts[i].0, starts[i].1))
    }
}

/// Arrays joined along an axis that they have; an empty vector joins with anything, as in PyTorch. Derivative: each gets its part of
/// the cotangent.
///
/// # Panics
/// If there are none, or their shapes differ beside that axis.
#[track_caller]
pub fn concat<'t, T: Scalar>(xs: &[Var<'t, T>], axis: isize) -> Var<'t, T> {
    let Some(first) = xs.first() else {
        refuse(ShapeError::new("nothing to join").hint("give at least one array"), "concat", []);
    };
    let empty = |x: &Var<'t, T>| x.shape()[..] == [0];
    if xs.iter().any(empty) && xs.iter().any(|x| x.ndim() > 1) {
        let rest: SmallVec<[Var<'t, T>; 16]> = xs.iter().copied().filter(|x| !empty(x)).collect();
        return concat(&rest, axis);
    }
    let axis = first.axis("concat", axis);
    first.tape.listed(Concat(axis), xs)
}

/// Arrays of one shape joined along a new axis.
///
/// # Panics
/// If there are none, or their shapes differ.
#[track_caller]
pub fn stack<'t, T: Scalar>(xs: &[Var<'t, T>], axis: isize) -> Var<'t, T> {
    let Some(first) = xs.first() else {
        refuse(ShapeError::new("nothing to join").hint("give at least one array"), "stack", []);
    };
    let shape = first.shape();
    if let Some((i, x)) = xs.iter().enumerate().find(|(_, x)| x.shape() != shape) {
        let e = ShapeError::new(format!("input {i} has shape {}, the first has {shape}", x.shape()));
        refuse(e.hint("all must have one shape; to join along an axis they have, use `concat`"), "stack", [shape, x.shape()]);
    }
    let mut rows: SmallVec<[Var<'t, T>; 16]> = SmallVec::with_capacity(xs.len());
    // A loop: a closure would hide the caller's line.
    for x in xs {
        rows.push(x.unsqueeze(axis));
    }
    concat(&rows, axis)
}

#[cfg(test)]
mod rows {
    use super::*;
    use crate::at;
    use crate::ops::samples::*;

    impl Sampled for Contiguous {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            vec![
                grad([any(&[3, 5])], |v| v[0].t().contiguous().square()),
                grad([any(&[2, 3, 4])], |v| v[0].permute(&[2, 0, 1]).contiguous() * v[0].permute(&[2, 0, 1])),
                grad([any(&[3])], |v| v[0].broadcast_to(&[2, 3]).contiguous().exp()),
                grad([any(&[9])], |v| v[0].slice(&at![..; -2]).contiguous().exp()),
                value([of(&[2, 2], [1.0, 2.0, 3.0, 4.0])], |v| v[0].t().contiguous(), &[1.0, 3.0, 2.0, 4.0], [&[1.0; 4]]),
            ]
        }
    }

    impl Sampled for Detach {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            vec![
                constant([of(&[2], [1.0, f64::NAN])], |v| v[0].detach(), &[1.0, f64::NAN]),
                constant([of(&[2, 2], [1.0, 2.0, 3.0, 4.0])], |v| v[0].t().detach(), &[1.0, 3.0, 2.0, 4.0]),
                value([of(&[2], [3.0, -1.0])], |v| v[0] * v[0].detach(), &[9.0, 1.0], [&[3.0, -1.0]]),
                value([of(&[0], [])], |v| v[0] * v[0].detach(), &[], [&[]]),
            ]
        }
    }

    impl Sampled for BroadcastTo {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            vec![
                grad([any(&[])], |v| v[0].broadcast_to(&[2, 3]).square()),
                grad([any(&[3])], |v| v[0].broadcast_to(&[2, 3]).exp()),
                grad([any(&[3, 1])], |v| v[0].broadcast_to(&[2, 3, 4]).exp()),
                grad([any(&[1, 1])], |v| v[0].broadcast_to(&[1, 5]).exp()),
                grad([any(&[1])], |v| v[0].broadcast_to(&[0]).exp()),
                grad([any(&[0, 1])], |v| v[0].broadcast_to(&[2, 0, 3]).exp()),
                grad([any(&[4, 3])], |v| v[0].t().broadcast_to(&[2, 3, 4]).exp()),
                grad([any(&[7])], |v| v[0].slice(&at![..; -3]).broadcast_to(&[2, 3]) * v[0].slice(&at![..3])),
                value([of(&[2], [1.0, 2.0])], |v| v[0].broadcast_to(&[2, 2]), &[1.0, 2.0, 1.0, 2.0], [&[2.0, 2.0]]),
                adjoint(any(&[3, 1]), any(&[2, 3, 4]), |u| u.broadcast_to(&[2, 3, 4]), |v| v.sum_to([3, 1].into())),
                adjoint(any(&[]), any(&[2, 3]), |u| u.broadcast_to(&[2, 3]), |v| v.sum_to([].into())),
                refuses([any(&[2])], |v| v[0].broadcast_to(&[3]), &["broadcast_to of [2]", "does not broadcast to [3]", "hint: "]),
                refuses([any(&[2, 3])], |v| v[0].broadcast_to(&[3]), &["broadcast_to of [2, 3]", "does not broadcast to [3]"]),
                refuses([any(&[3])], |v| v[0].broadcast_to(&[1]), &["broadcast_to of [3]", "does not broadcast to [1]"]),
            ]
        }
    }

    impl Sampled for SumTo {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            vec![
                grad([any(&[2, 3, 4])], |v| v[0].sum_to([3, 1].into()).square()),
                grad([any(&[2, 3])], |v| v[0].sum_to([].into()).square()),
                grad([any(&[4, 3, 2])], |v| v[0].permute(&[2, 1, 0]).sum_to([1, 4].into()).square()),
                grad([any(&[0, 3])], |v| v[0].sum_to([3].into()).square()),
                grad([any(&[3])], |v| v[0].broadcast_to(&[5, 3]).sum_to([1].into()).square()),
                value([of(&[2, 2], [1.0, 2.0, 3.0, 4.0])], |v| v[0].sum_to([2, 1].into()), &[3.0, 7.0], [&[1.0; 4]]),
                adjoint(any(&[2, 3, 4]), any(&[1, 4]), |u| u.sum_to([1, 4].into()), |v| v.broadcast_to(&[2, 3, 4])),
                refuses([any(&[2, 3])], |v| v[0].sum_to([2].into()), &["sum_to of [2, 3]", "[2] does not broadcast to [2, 3]"]),
            ]
        }
    }

    impl Sampled for Reshape {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            vec![
                grad([any(&[3, 4])], |v| v[0].reshape(&[2, -1]).exp()),
                grad([any(&[3, 4])], |v| v[0].t().reshape(&[2, 6]).exp()),
                grad([any(&[4, 6])], |v| v[0].t().reshape(&[2, 3, 4]).exp()),
                grad([any(&[3])], |v| v[0].broadcast_to(&[4, 3]).reshape(&[2, 6]).exp()),
                grad([any(&[6])], |v| v[0].reshape(&[2, 3]) * v[0].reshape(&[1, 2, 3])),
                grad([any(&[])], |v| v[0].reshape(&[1, 1]).exp()),
                grad([any(&[0, 3])], |v| v[0].reshape(&[3, 0]).exp()),
                grad([any(&[2, 3, 4])], |v| v[0].flatten(1, -1).exp()),
                grad([any(&[2, 1, 3])], |v| v[0].squeeze(1).unsqueeze(-1).squeeze_all().exp()),
                value([of(&[4], [1.0, 2.0, 3.0, 4.0])], |v| v[0].reshape(&[2, 2]).t(), &[1.0, 3.0, 2.0, 4.0], [&[1.0; 4]]),
                adjoint(any(&[4, 3]), any(&[2, 6]), |u| u.t().reshape(&[2, 6]), |v| v.reshape(&[3, 4]).t()),
                refuses([any(&[2, 3])], |v| v[0].reshape(&[4]), &["reshape of [2, 3]", "6 elements", "hint: "]),
                refuses([any(&[2, 3])], |v| v[0].reshape(&[4, -1]), &["reshape of [2, 3]", "[4, -1]", "hint: "]),
                refuses([any(&[2, 3])], |v| v[0].reshape(&[-1, -1]), &["reshape of [2, 3]", "hint: "]),
                refuses([any(&[2, 3])], |v| v[0].reshape(&[-2, 3]), &["reshape of [2, 3]", "hint: "]),
                refuses([any(&[0, 3])], |v| v[0].reshape(&[0, -1]), &["reshape of [0, 3]", "hint: "]),
                equals([any(&[])], |v| v[0].unsqueeze(0).squeeze(0).squeeze(-1).transpose(0, -1).exp(), |v| v[0].exp()),
                refuses([any(&[])], |v| v[0].transpose(0, 1), &["transpose of []", "axis 0", "hint: "]),
                refuses([any(&[2, 3])], |v| v[0].squeeze(2), &["squeeze of [2, 3]", "axis 2", "hint: "]),
                refuses([any(&[2, 3])], |v| v[0].unsqueeze(3), &["unsqueeze of [2, 3]", "hint: "]),
                refuses([any(&[2, 3])], |v| v[0].flatten(1, 0), &["flatten of [2, 3]", "axis 1 comes after axis 0"]),
            ]
        }
    }

    impl Sampled for Permute {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            vec![
                grad([any(&[2, 3, 4])], |v| v[0].permute(&[2, 0, 1]).exp()),
                grad([any(&[2, 3, 4])], |v| v[0].permute(&[1, 2, 0]).permute(&[1, 2, 0]).exp()),
                grad([any(&[2, 0, 4])], |v| v[0].permute(&[-1, 0, 1]).exp()),
                grad([any(&[2, 3, 4])], |v| v[0].transpose(0, 1).exp()),
                grad([any(&[])], |v| v[0].permute(&[]).exp()),
                grad([any(&[3, 3])], |v| v[0] * v[0].permute(&[1, 0])),
                value([of(&[2, 2], [1.0, 2.0, 3.0, 4.0])], |v| v[0].permute(&[1, 0]), &[1.0, 3.0, 2.0, 4.0], [&[1.0; 4]]),
                adjoint(any(&[2, 3, 4]), any(&[4, 2, 3]), |u| u.permute(&[2, 0, 1]), |v| v.permute(&[1, 2, 0])),
                refuses([any(&[2, 3])], |v| v[0].permute(&[0]), &["permute of [2, 3]", "[0] names 1 of the 2 axes", "hint: "]),
                refuses([any(&[2, 3])], |v| v[0].permute(&[0, 0]), &["permute of [2, 3]", "named twice"]),
                refuses([any(&[2, 3])], |v| v[0].permute(&[0, 2]), &["permute of [2, 3]", "axis 2", "hint: "]),
                refuses([any(&[2, 3])], |v| v[0].transpose(0, -3), &["transpose of [2, 3]", "axis -3", "hint: "]),
            ]
        }
    }

    impl Sampled for Transpose {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            vec![
                grad([any(&[3, 5])], |v| v[0].t().exp()),
                grad([any(&[2, 3, 4])], |v| v[0].transpose(-1, 1).exp()),
                grad([any(&[3, 0])], |v| v[0].t().exp()),
                grad([any(&[3, 3])], |v| v[0] * v[0].t() * v[0].t().t()),
                value([of(&[1, 2], [1.0, 2.0])], |v| v[0].t(), &[1.0, 2.0], [&[1.0; 2]]),
                adjoint(any(&[3, 5]), any(&[5, 3]), |u| u.t(), |v| v.t()),
                refuses([any(&[2, 3, 4])], |v| v[0].t(), &["t of [2, 3, 4]", "matrix", "hint: "]),
                refuses([any(&[2])], |v| v[0].record(Transpose), &["transpose of [2]", "matrix"]),
            ]
        }
    }

    impl Sampled for Concat {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            vec![
                grad([any(&[2, 3]), any(&[4, 3])], |v| concat(v, 0).exp()),
                grad([any(&[2, 3]), any(&[2, 0]), any(&[2, 1])], |v| concat(v, -1).exp()),
                grad([any(&[3, 2]), any(&[2, 3])], |v| concat(&[v[0].t(), v[1], v[1], v[0].t()], 0).exp()),
                grad([any(&[3]), any(&[3])], |v| stack(&[v[0], v[1], v[0] * v[1], v[1], v[0]], 1).exp()),
                grad([any(&[]), any(&[])], |v| stack(v, 0).exp()),
                grad([any(&[3])], |v| concat(v, 0).exp()),
                value(
                    [of(&[1, 2], [1.0, 2.0]), of(&[1, 2], [3.0, 4.0])],
                    |v| concat(&[v[0], v[1], v[0]], 1),
                    &[1.0, 2.0, 3.0, 4.0, 1.0, 2.0],
                    [&[2.0, 2.0], &[1.0, 1.0]],
                ),
                equals(
                    [any(&[2, 3]), any(&[2, 3])],
                    |v| stack(v, 0).square(),
                    |v| concat(&[v[0].reshape(&[1, 2, 3]), v[1].reshape(&[1, 2, 3])], 0).square(),
                ),
                equals(
                    [any(&[3]), any(&[4])],
                    |v| concat(v, 0).exp(),
                    |v| v[0].pad(&[(0, 4)], 0.0).exp() + v[1].pad(&[(3, 0)], 0.0).exp() - v[0].number(1.0),
                ),
                equals([any(&[0]), any(&[2, 3])], |v| concat(&[v[1], v[0], v[1]], 1).exp(), |v| concat(&[v[1], v[1]], -1).exp()),
                refuses([any(&[4, 0]), any(&[2, 3])], |v| concat(v, 1), &["concat of [4, 0] and [2, 3]", "input 1", "hint: "]),
                refuses([any(&[]), any(&[])], |v| concat(v, 0), &["concat of []", "axis 0", "hint: "]),
                refuses([any(&[2, 3]), any(&[2, 4])], |v| concat(v, 0), &["concat of [2, 3] and [2, 4]", "input 1", "hint: "]),
                refuses([any(&[2, 3]), any(&[3])], |v| concat(v, 0), &["concat of [2, 3] and [3]", "hint: "]),
                refuses([any(&[2, 3])], |v| concat(v, 2), &["concat of [2, 3]", "axis 2", "hint: "]),
                refuses([any(&[2]), any(&[3])], |v| stack(v, 0), &["stack of [2] and [3]", "input 1", "hint: "]),
                refuses([], |v| concat(v, 0), &["concat", "nothing to join", "hint: "]),
                refuses([], |v| stack(v, 0), &["stack", "nothing to join", "hint: "]),
            ]
        }
    }
}
