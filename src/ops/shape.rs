//! Ops that rearrange arrays. Most are views that only change strides (broadcast, reshape, permute); each stands next to its adjoint.

use crate::array::error::ShapeError;
use crate::array::layout::{Axes, Layout};
use crate::array::scalar::Scalar;
use crate::array::shape::{Shape, Sizes, Small, Strides};
use crate::array::view::View;
use crate::kernels::reduce::{Sum, reduce};
use crate::kernels::strided::copy;
use crate::ops::reduction::AxisList;
use crate::tape::op::{Cotangents, Op, Vjp};
use crate::tape::var::{Var, refuse};
use smallvec::SmallVec;

// ---------------------------------------------------------------------------------------------------------------- contiguous

/// A copy of the array in row-major order.
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

impl<'t, T: Scalar> Var<'t, T> {
    /// The same elements in row-major order: this array if it already is, else a copy.
    #[track_caller]
    pub(crate) fn contiguous(self) -> Self {
        if self.tape.read().layout(self.id).is_contiguous() {
            return self;
        }
        self.record(Contiguous)
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
    /// The same value, through which no gradient flows. Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf(3.0);
    /// let y = x * x.detach();
    /// assert_eq!(tape.grad(y, &[x])[0].unwrap().item(), 3.0); // not 6
    /// ```
    #[track_caller]
    pub fn detach(self) -> Self {
        let _restore = self.tape.cut(); // no closure, which would hide the caller's line
        self.record(Detach)
    }
}

// ------------------------------------------------------------------------------------------- broadcast_to and its adjoint

/// The array, repeated along axes of size 1 and along new leading axes; a view.
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
        cx.each(|_| cx.g.sum_to_shape(cx.x(0).shape()))
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
            _ => Err(ShapeError::new(format!("shape {} does not broadcast to {}", self.0, x[0]))
                .hint("the sum goes over the axes along which that shape would be repeated to this one")),
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
    /// This array, repeated to a larger shape by NumPy's rules; a view. Derivative: the sum over the repeated axes. Shapes: `[n]` to
    /// `[m, n]`, `[1, n]` to `[m, n]`, and the like.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[1.0], [2.0]]);
    /// assert_eq!(x.broadcast_to(&[2, 3]).to_vec(), [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]);
    /// assert_eq!(tape.grad(x.broadcast_to(&[2, 3]), &[x])[0].unwrap().to_vec(), [3.0, 3.0]);
    /// ```
    ///
    /// # Panics
    /// If this array does not broadcast to the shape.
    #[track_caller]
    pub fn broadcast_to(self, shape: impl Sizes) -> Self {
        self.broadcast_to_shape(self.shape_of("broadcast_to", shape))
    }
    /// [`Var::broadcast_to`], where -1 keeps the size of an axis. Derivative: the sum over the repeated axes. Shapes: `[m, 1]` with
    /// `[k, -1, n]` to `[k, m, n]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[1.0], [2.0]]);
    /// assert_eq!(x.expand(&[4, -1, 3]).shape(), [4, 2, 3]);
    /// ```
    ///
    /// # Panics
    /// If this array does not broadcast to the shape, or -1 stands for an axis that the array does not have.
    #[track_caller]
    pub fn expand(self, sizes: impl Sizes) -> Self {
        let (shape, sizes) = (self.shape(), sizes.to_sizes());
        let skip = sizes.len().saturating_sub(shape.len());
        if let Some(axis) = sizes.iter().enumerate().position(|(a, &n)| n < -1 || n == -1 && a < skip) {
            let e = ShapeError::new(format!("size {} of axis {axis} in {sizes:?} stands for no size of shape {shape}", sizes[axis]));
            refuse(e.hint("-1 keeps the size of an axis that is already there"), "expand", [shape]);
        }
        if sizes.len() < shape.len() {
            let e = ShapeError::new(format!("{sizes:?} has fewer axes than shape {shape}"));
            refuse(e.hint("new axes come first, and none can be removed"), "expand", [shape]);
        }
        let wanted = sizes.iter().enumerate().map(|(a, &n)| if n == -1 { shape[a - skip] } else { n as usize });
        self.broadcast_to_shape(wanted.collect())
    }
    #[track_caller]
    pub(crate) fn broadcast_to_shape(self, shape: Shape) -> Self {
        if self.shape() == shape { self } else { self.record(BroadcastTo(shape)) }
    }
    /// The sum over the axes along which `shape` would be repeated to give the shape of this array. Derivative: a broadcast. Shapes:
    /// `[m, n]` to `[n]`, `[1, n]`, `[m, 1]` or `[]`, and the like. PyTorch: `sum_to_size`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(x.sum_to([2]).to_vec(), [4.0, 6.0]);
    /// assert_eq!(x.sum_to([2, 1]).to_vec(), [3.0, 7.0]);
    /// ```
    ///
    /// # Panics
    /// If `shape` does not broadcast to the shape of this array.
    #[track_caller]
    pub fn sum_to(self, shape: impl Sizes) -> Self {
        self.sum_to_shape(self.shape_of("sum_to", shape))
    }
    #[track_caller]
    pub(crate) fn sum_to_shape(self, shape: Shape) -> Self {
        if self.shape() == shape { self } else { self.record(SumTo(shape)) }
    }
}

// ------------------------------------------------------------------------------------------------------------- reshape

/// The same elements in row-major order with another shape; a view if the strides allow it.
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
    /// The same elements in row-major order with another shape. One size may be -1 ([`INFER`](crate::INFER) among `usize`s): it is computed from the others. The result is a view if
    /// the strides allow it. Derivative: the cotangent, reshaped back. Shapes: `[m, n]` with `[-1]` to `[m n]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let y = tape.leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).reshape(&[3, -1]);
    /// assert_eq!(y.shape(), [3, 2]);
    /// assert_eq!(y.to_vec(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    /// ```
    ///
    /// # Panics
    /// If the numbers of elements differ.
    #[track_caller]
    pub fn reshape(self, shape: impl Sizes) -> Self {
        let sizes = self.sizes("reshape", &shape.to_sizes(), self.numel());
        self.reshape_to(Shape::from(sizes))
    }
    /// The sizes, where one that is -1 is computed so that their product is `total`.
    #[track_caller]
    fn sizes(self, op: &'static str, sizes: &[isize], total: usize) -> Small<usize> {
        let known = sizes.iter().filter(|&&n| n >= 0).fold(1usize, |product, &n| product.saturating_mul(n as usize));
        let unknown = sizes.iter().filter(|&&n| n < 0).count();
        if unknown > 1 || sizes.iter().any(|&n| n < -1) || unknown == 1 && (known == 0 || !total.is_multiple_of(known)) {
            let e = ShapeError::new(format!("{total} elements of shape {} cannot have shape {sizes:?}", self.shape()))
                .hint("at most one size may be -1, and the others must divide the number of elements");
            refuse(e, op, [self.shape()]);
        }
        sizes.iter().map(|&n| if n < 0 { total / known } else { n as usize }).collect()
    }
    #[track_caller]
    pub(crate) fn reshape_to(self, shape: Shape) -> Self {
        if self.shape() == shape { self } else { self.record(Reshape(shape)) }
    }
    /// Merges the axes from `start` to `end`, both included, into one. Derivative: the cotangent, reshaped back. Shapes: `[k, m, n]` from 1
    /// to 2 to `[k, m n]`. A number becomes `[1]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[[1.0, 2.0], [3.0, 4.0]]]);
    /// assert_eq!(x.flatten(1, -1).shape(), [1, 4]);
    /// assert_eq!(x.flatten(0, 1).shape(), [2, 2]);
    /// ```
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
            refuse(ShapeError::new(format!("axis {start} comes after axis {end}")).hint("exchange them"), "flatten", [shape]);
        }
        let merged: usize = shape[a..=b].iter().product();
        self.reshape_to(shape[..a].iter().copied().chain([merged]).chain(shape[b + 1..].iter().copied()).collect())
    }
    /// Splits one axis into several; one of the sizes may be -1, which is computed. The inverse of [`Var::flatten`]. Derivative: the
    /// cotangent, reshaped back. Shapes: `[k, m n]` at axis 1 to `[k, m, n]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]]);
    /// assert_eq!(x.unflatten(-1, &[2, -1]).shape(), [1, 2, 3]);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, or the product of the sizes is not the size of the axis.
    #[track_caller]
    pub fn unflatten(self, axis: isize, sizes: impl Sizes) -> Self {
        let (shape, axis) = (self.shape(), self.axis("unflatten", axis));
        let sizes = self.sizes("unflatten", &sizes.to_sizes(), shape[axis]);
        if sizes.iter().fold(1usize, |product, &n| product.saturating_mul(n)) != shape[axis] {
            let e = ShapeError::new(format!("axis {axis} of size {} is not {sizes:?}", shape[axis]));
            refuse(e.hint("the sizes multiply to that of the axis; one may be -1, which is computed"), "unflatten", [shape]);
        }
        self.reshape_to(shape[..axis].iter().copied().chain(sizes).chain(shape[axis + 1..].iter().copied()).collect())
    }
    /// Removes axes of size 1 (`..` removes all of them). As in PyTorch, an axis of another size stays. Derivative: the cotangent, reshaped
    /// back. Shapes: `[1, n, 1]` at axis -1 to `[1, n]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[[1.0], [2.0]]]);
    /// assert_eq!(x.squeeze(-1).shape(), [1, 2]);
    /// assert_eq!(x.squeeze(1).shape(), [1, 2, 1]); // of size 2, so it stays
    /// assert_eq!(x.squeeze(..).shape(), [2]);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, or one is named twice.
    #[track_caller]
    pub fn squeeze(self, axes: impl AxisList) -> Self {
        let (shape, axes) = (self.shape(), self.axes("squeeze", axes));
        self.reshape_to((0..shape.len()).filter(|&a| shape[a] != 1 || !axes.has(a)).map(|a| shape[a]).collect())
    }
    /// Inserts a new axis of size 1 at this position of the result; negative positions count from its end. Derivative: the cotangent,
    /// reshaped back. Shapes: `[m, n]` at 1 to `[m, 1, n]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([1.0, 2.0]);
    /// assert_eq!(x.unsqueeze(0).shape(), [1, 2]);
    /// assert_eq!((x.unsqueeze(-1) + x).to_vec(), [2.0, 3.0, 3.0, 4.0]); // every sum of two
    /// ```
    ///
    /// # Panics
    /// If the position is out of range.
    #[track_caller]
    pub fn unsqueeze(self, axis: isize) -> Self {
        let shape = self.shape();
        // The position is one in the result, which has one more axis.
        match shape.insert(0, 1).axis(axis) {
            Ok(axis) => self.reshape_to(shape.insert(axis, 1)),
            Err(e) => refuse(e, "unsqueeze", [shape]),
        }
    }
}

// ------------------------------------------------------------------------------------------------------------- permute

/// The axes in another order; a view. Axis `i` of the result is axis `self.0[i]` of the input.
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

/// Exchanges the last two axes; a view. It is an op of its own because it is common in products, and has no attribute that would have to be
/// stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Transpose;

impl<T: Scalar> Op<T> for Transpose {
    fn name(&self) -> &'static str {
        "transpose"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        let n = x[0].len();
        if n < 2 {
            return Err(ShapeError::new(format!("a matrix is needed, not shape {}", x[0])).hint("`unsqueeze` adds an axis"));
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
    /// The axes in another order: axis `i` of the result is axis `axes[i]` of this array; a view. Derivative: the inverse permutation.
    /// Shapes: `[k, m, n]` with `[2, 0, 1]` to `[n, k, m]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let y = tape.leaf([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]).permute(&[-1, 0, 1]);
    /// assert_eq!(y.shape(), [3, 1, 2]);
    /// assert_eq!(y.to_vec(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    /// ```
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
    /// Moves some axes to given places in the result; the others keep their order. A view. Derivative: the inverse. Shapes: `[k, m, n]`
    /// from 0 to -1 gives `[m, n, k]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]);
    /// assert_eq!(x.movedim(&[0], &[-1]).shape(), [2, 3, 1]);
    /// assert_eq!(x.movedim(&[2, 0], &[0, 1]).shape(), [3, 1, 2]);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis or place, one is named twice, or the numbers of axes and places differ.
    #[track_caller]
    pub fn movedim(self, axes: &[isize], places: &[isize]) -> Self {
        let shape = self.shape();
        for list in [axes, places] {
            if let Err(e) = Axes::new(&shape, list) {
                refuse(e, "movedim", [shape]);
            }
        }
        if axes.len() != places.len() {
            let e = ShapeError::new(format!("{} axes {axes:?} for {} places {places:?}", axes.len(), places.len()));
            refuse(e.hint("name a place for each axis"), "movedim", [shape]);
        }
        let at = |axis: isize| shape.axis(axis).expect("checked above");
        let mut others = (0..shape.len()).filter(|&a| axes.iter().all(|&moved| at(moved) != a));
        let order = (0..shape.len()).map(|to| match places.iter().position(|&p| at(p) == to) {
            Some(i) => at(axes[i]),
            None => others.next().expect("as many axes are left as places"),
        });
        self.record(Permute(order.collect()))
    }
    /// Exchanges two axes; a view. Derivative: the same exchange. Shapes: `[k, m, n]` with 0 and 2 to `[n, m, k]`. NumPy: `swapaxes`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let y = tape.leaf([[[1.0, 2.0], [3.0, 4.0]]]).transpose(0, -1);
    /// assert_eq!(y.shape(), [2, 2, 1]);
    /// assert_eq!(y.to_vec(), [1.0, 3.0, 2.0, 4.0]);
    /// ```
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
    /// The transpose of a matrix; vectors and numbers stay as they are. A view. Derivative: the transpose of the cotangent. Shapes:
    /// `[m, n]` to `[n, m]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let y = tape.leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).t();
    /// assert_eq!(y.to_vec(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    /// ```
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

#[cfg(test)]
mod rows;
