//! Ops that reduce axes: sum, mean, prod, the largest and smallest element, logsumexp.

use crate::array::error::ShapeError;
use crate::array::layout::Axes;
use crate::array::scalar::Scalar;
use crate::array::shape::Shape;
use crate::array::view::View;
use crate::kernels::reduce::{self, reduce};
use crate::ops::softmax::MaskedSoftmax;
use crate::tape::op::{Cotangents, Fused, Op, Vjp};
use crate::tape::var::{Var, refuse};
use smallvec::SmallVec;

/// The axes of a reduction: one axis, a list of axes, or `..` for all. Negative axes count from the end. An empty list reduces nothing,
/// whereas in PyTorch it means all axes. A number has no axis, but 0 and -1 are allowed for it.
pub trait AxisList {
    /// The axes as a set.
    fn resolve(&self, shape: &Shape) -> Result<Axes, ShapeError>;
}
impl AxisList for isize {
    fn resolve(&self, shape: &Shape) -> Result<Axes, ShapeError> {
        [*self][..].resolve(shape)
    }
}
impl AxisList for [isize] {
    fn resolve(&self, shape: &Shape) -> Result<Axes, ShapeError> {
        let of_number = shape.is_empty() && self.iter().all(|axis| [0, -1].contains(axis));
        if of_number { Ok(Axes::default()) } else { Axes::new(shape, self) }
    }
}
impl<const N: usize> AxisList for [isize; N] {
    fn resolve(&self, shape: &Shape) -> Result<Axes, ShapeError> {
        self[..].resolve(shape)
    }
}
impl AxisList for Axes {
    fn resolve(&self, _: &Shape) -> Result<Axes, ShapeError> {
        Ok(*self)
    }
}
impl AxisList for std::ops::RangeFull {
    fn resolve(&self, shape: &Shape) -> Result<Axes, ShapeError> {
        Ok(Axes::all(shape.len()))
    }
}
impl<A: AxisList + ?Sized> AxisList for &A {
    fn resolve(&self, shape: &Shape) -> Result<Axes, ShapeError> {
        (**self).resolve(shape)
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    #[track_caller]
    pub(crate) fn axes(self, op: &'static str, axes: impl AxisList) -> Axes {
        let shape = self.shape();
        match axes.resolve(&shape) {
            Ok(axes) => axes,
            Err(e) => refuse(e, op, [shape]),
        }
    }
    /// A reduced array, broadcast back to the shape that it was reduced from.
    #[track_caller]
    pub(crate) fn spread(self, axes: Axes, keepdim: bool, shape: &Shape) -> Self {
        // A number broadcasts to any shape.
        let y = if keepdim || self.ndim() == 0 { self } else { self.reshape_to(axes.reduce(shape, true)) };
        y.broadcast_to_shape(shape.clone())
    }
}

// ------------------------------------------------------------------------------------------------------- sum and mean

/// The sum over axes, or the mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ReduceSum {
    axes: Axes,
    keepdim: bool,
    mean: bool,
}

impl ReduceSum {
    /// What the sum is divided by, for an input of this shape.
    fn divisor(&self, x: &Shape) -> f64 {
        if self.mean { self.axes.count(x) as f64 } else { 1.0 }
    }
}

impl<T: Scalar> Op<T> for ReduceSum {
    fn name(&self) -> &'static str {
        if self.mean { "mean" } else { "sum" }
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(self.axes.reduce(x[0], self.keepdim))
    }
    fn fused(&self) -> Option<&dyn Fused<T>> {
        Some(self)
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        reduce(x[0], self.axes, y, reduce::Sum);
        if self.mean {
            let n = T::from_f64(self.divisor(x[0].shape()));
            y.iter_mut().for_each(|y| *y = *y / n);
        }
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|_| {
            let shape = cx.x(0).shape();
            let each = if self.mean { cx.g * cx.g.number(1.0 / self.divisor(&shape)) } else { cx.g };
            each.spread(self.axes, self.keepdim, &shape)
        })
    }
}

impl<T: Scalar> Fused<T> for ReduceSum {
    fn total(&self, x: &Shape) -> Option<f64> {
        (self.axes.count(x) == x.numel()).then_some(self.divisor(x))
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The sum of all elements; 0 if there are none. Derivative: 1 for each. Shapes: any to `[]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(x.sum().item(), 10.0);
    /// assert_eq!(tape.grad(x.sum(), &[x])[0].unwrap().to_vec(), [1.0; 4]);
    /// ```
    #[track_caller]
    pub fn sum(self) -> Self {
        self.sum_axes(.., false)
    }
    /// The sum over some axes. They disappear from the shape, or stay with size 1 if `keepdim` is true. Derivative: 1 for each. Shapes:
    /// `[m, n]` over axis 1 to `[m]`, or `[m, 1]` with `keepdim`. PyTorch: `sum` with `dim`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(x.sum_axes(0, false).to_vec(), [4.0, 6.0]);
    /// assert_eq!(x.sum_axes(-1, true).shape(), [2, 1]);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, or one is named twice.
    #[track_caller]
    pub fn sum_axes(self, axes: impl AxisList, keepdim: bool) -> Self {
        let axes = self.axes("sum", axes);
        self.record(ReduceSum { axes, keepdim, mean: false })
    }
    /// The mean of all elements; NaN if there are none. Derivative: 1/n for each. Shapes: any to `[]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([1.0, 2.0, 3.0, 6.0]);
    /// assert_eq!(x.mean().item(), 3.0);
    /// assert_eq!(tape.grad(x.mean(), &[x])[0].unwrap().to_vec(), [0.25; 4]);
    /// ```
    #[track_caller]
    pub fn mean(self) -> Self {
        self.mean_axes(.., false)
    }
    /// The mean over some axes; NaN if they have no elements. Derivative: 1/n for each. Shapes: as [`Var::sum_axes`]. PyTorch: `mean` with
    /// `dim`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[[1.0, 3.0], [5.0, 7.0]]]);
    /// assert_eq!(x.mean_axes(1, false).to_vec(), [3.0, 5.0]);
    /// assert_eq!(x.mean_axes([0, -1], false).to_vec(), [2.0, 6.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, or one is named twice.
    #[track_caller]
    pub fn mean_axes(self, axes: impl AxisList, keepdim: bool) -> Self {
        let axes = self.axes("mean", axes);
        self.record(ReduceSum { axes, keepdim, mean: true })
    }
}

// --------------------------------------------------------------------------------------------------------------- prod

/// The product along an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ReduceProd {
    axis: usize,
    keepdim: bool,
}

impl<T: Scalar> Op<T> for ReduceProd {
    fn name(&self) -> &'static str {
        "prod"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(Axes::of([self.axis]).reduce(x[0], self.keepdim))
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        reduce(x[0], Axes::of([self.axis]), y, reduce::Prod);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        let x = cx.x(0);
        // y / x would be 0/0 where a factor is 0. Instead, take the product of the elements before each factor times that of the elements
        // after it.
        cx.each(|_| {
            let others = x.products_before(self.axis, false) * x.products_before(self.axis, true);
            cx.g.spread(Axes::of([self.axis]), self.keepdim, &x.shape()) * others
        })
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The product of all elements; 1 if there are none. Derivative: for each element the product of the others, also where some are 0.
    /// Shapes: any to `[]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([2.0, 0.0, 5.0]);
    /// assert_eq!(x.prod().item(), 0.0);
    /// assert_eq!(tape.grad(x.prod(), &[x])[0].unwrap().to_vec(), [0.0, 10.0, 0.0]);
    /// ```
    #[track_caller]
    pub fn prod(self) -> Self {
        self.reshape_to([self.numel()].into()).record(ReduceProd { axis: 0, keepdim: false })
    }
    /// The product over some axes; 1 if they have no elements. Derivative: for each element the product of the others, also where some
    /// are 0. Shapes: as [`Var::sum_axes`]. PyTorch: `prod` with `dim`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[2.0, 3.0], [4.0, 5.0]]);
    /// assert_eq!(x.prod_axes(0, false).to_vec(), [8.0, 15.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, or one is named twice.
    #[track_caller]
    pub fn prod_axes(self, axes: impl AxisList, keepdim: bool) -> Self {
        let axes = self.axes("prod", axes);
        let mut y = self;
        // From the last axis to the first, so that the indices of the remaining axes do not change.
        for axis in (0..self.ndim()).rev().filter(|&axis| axes.has(axis)) {
            y = y.record(ReduceProd { axis, keepdim });
        }
        y
    }
}

// ------------------------------------------------------------------------------------------------------ amax and amin

fn not_empty(axes: Axes, shape: &Shape) -> Result<(), ShapeError> {
    match axes.count(shape) {
        0 => Err(ShapeError::new(format!("there is no largest or smallest of no elements (shape {shape})"))
            .hint("an axis that is reduced must not have size 0")),
        _ => Ok(()),
    }
}

/// The largest element over axes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ReduceMax {
    axes: Axes,
    keepdim: bool,
}

impl<T: Scalar> Op<T> for ReduceMax {
    fn name(&self) -> &'static str {
        "amax"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        not_empty(self.axes, x[0])?;
        Ok(self.axes.reduce(x[0], self.keepdim))
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        reduce(x[0], self.axes, y, reduce::Max);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        let (x, y) = (cx.x(0), cx.y());
        cx.each(|_| {
            let shape = x.shape();
            let spread = |v: Var<'t, T>| v.spread(self.axes, self.keepdim, &shape);
            let (largest, zero) = (spread(y), y.number(0.0));
            let ties = x.equal(largest);
            let share = spread(cx.g.over(ties.record(ReduceSum { axes: self.axes, keepdim: self.keepdim, mean: false })));
            // No gradient flows to smaller elements, not even an infinite cotangent times 0.
            largest.gt(x).where_cond(zero, share * ties)
        })
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The largest of all elements; NaN if one is NaN. Derivative: 1 for it; several that are equal share it (PyTorch's `amax`). Shapes:
    /// any to `[]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([1.0, 3.0, 3.0]);
    /// assert_eq!(x.max().item(), 3.0);
    /// assert_eq!(tape.grad(x.max(), &[x])[0].unwrap().to_vec(), [0.0, 0.5, 0.5]);
    /// ```
    ///
    /// # Panics
    /// If there are no elements.
    #[track_caller]
    pub fn max(self) -> Self {
        self.amax(.., false)
    }
    /// The largest element over some axes. Derivative: 1 for it; several that are equal share it. [`Var::max_with_indices`] also returns
    /// indices, and sends the derivative to one element alone. [`Var::maximum`] compares two arrays. Shapes: as [`Var::sum_axes`].
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 4.0], [7.0, 4.0]]);
    /// assert_eq!(x.amax(0, false).to_vec(), [7.0, 4.0]);
    /// assert_eq!(tape.grad(x.amax(0, false), &[x])[0].unwrap().to_vec(), [0.0, 0.5, 1.0, 0.5]);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, one is named twice, or one has size 0.
    #[track_caller]
    pub fn amax(self, axes: impl AxisList, keepdim: bool) -> Self {
        let axes = self.axes("amax", axes);
        self.record(ReduceMax { axes, keepdim })
    }
    /// The smallest of all elements; NaN if one is NaN. Derivative: 1 for it; several that are equal share it (PyTorch's `amin`). Shapes:
    /// any to `[]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([4.0, -1.0, 2.0]);
    /// assert_eq!(x.min().item(), -1.0);
    /// assert!(tape.leaf([4.0, f64::NAN, 2.0]).min().item().is_nan());
    /// ```
    ///
    /// # Panics
    /// If there are no elements.
    #[track_caller]
    pub fn min(self) -> Self {
        self.amin(.., false)
    }
    /// The smallest element over some axes: `-amax(-x)`. Derivative: 1 for it; several that are equal share it. Shapes: as
    /// [`Var::sum_axes`].
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 4.0], [7.0, 2.0]]);
    /// assert_eq!(x.amin(-1, true).shape(), [2, 1]);
    /// assert_eq!(x.amin(-1, true).to_vec(), [1.0, 2.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, one is named twice, or one has size 0.
    #[track_caller]
    pub fn amin(self, axes: impl AxisList, keepdim: bool) -> Self {
        let axes = self.axes("amin", axes);
        if let Err(e) = not_empty(axes, &self.shape()) {
            refuse(e, "amin", [self.shape()]);
        }
        -(-self).record(ReduceMax { axes, keepdim })
    }
}

// ---------------------------------------------------------------------------------------------------------- logsumexp

/// `ln(sum(e^x))` over the last axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LogSumExp;

impl<T: Scalar> Op<T> for LogSumExp {
    fn name(&self) -> &'static str {
        "logsumexp"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(x[0].remove(x[0].len() - 1))
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        crate::kernels::softmax::logsumexp(x[0], y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        // Not e^(x - y): if x is large, the rounding of y loses the logarithm of the number of equal elements. Where all are -inf, each
        // share is 0.
        cx.each(|_| cx.g.unsqueeze(-1).times(cx.x(0).record(MaskedSoftmax)))
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// ln(sum(e^x)) over some axes, without overflow; -inf if there are no elements. Derivative: softmax(x), and 0 where all elements are
    /// -inf. Shapes: as [`Var::sum_axes`].
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([1000.0, 1000.0]);
    /// assert!((x.logsumexp(0, false).item() - 1000.0 - std::f64::consts::LN_2).abs() < 1e-12);
    /// assert_eq!(tape.grad(x.logsumexp(0, false), &[x])[0].unwrap().to_vec(), [0.5, 0.5]);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, or one is named twice.
    #[track_caller]
    pub fn logsumexp(self, axes: impl AxisList, keepdim: bool) -> Self {
        let (axes, shape) = (self.axes("logsumexp", axes), self.shape());
        let order: SmallVec<[isize; 6]> =
            (0..shape.len()).filter(|&a| !axes.has(a)).chain((0..shape.len()).filter(|&a| axes.has(a))).map(|a| a as isize).collect();
        let reduced = axes.reduce(&shape, false);
        let rows = reduced.insert(reduced.len(), axes.count(&shape));
        let y = self.permute(&order).reshape_to(rows).contiguous().record(LogSumExp);
        if keepdim { y.reshape_to(axes.reduce(&shape, true)) } else { y }
    }
}

#[cfg(test)]
mod rows {
    use super::*;
    use crate::ops::samples::*;

    const INF: f64 = f64::INFINITY;
    const NAN: f64 = f64::NAN;

    type Reduce<T> = dyn for<'t> Fn(Var<'t, T>, &[isize], bool) -> Var<'t, T>;

    /// The rows of a reduction. Each squares the result, so that second derivatives are not zero.
    #[track_caller]
    fn reduction<T: Scalar>(f: impl for<'t> Fn(Var<'t, T>, &[isize], bool) -> Var<'t, T> + 'static) -> Vec<Row<T>> {
        // A single type for all functions, so that the code below is compiled only once.
        let f: &'static Reduce<T> = Box::leak(Box::new(f));
        here([
            grad([any(&[7])], move |v| f(v[0], &[0], false).square()),
            grad([any(&[37])], move |v| f(v[0], &[-1], true).square()),
            grad([any(&[3, 5])], move |v| f(v[0], &[0], false).square()),
            grad([any(&[3, 5])], move |v| f(v[0], &[-1], true).square()),
            grad([any(&[3, 5])], move |v| f(v[0].square(), &[0, 1], false).square()),
            grad([any(&[2, 3, 4])], move |v| f(v[0], &[0, 2], false).square()),
            grad([any(&[2, 3, 4])], move |v| f(v[0], &[1], true).square()),
            grad([any(&[2, 1, 3])], move |v| f(v[0], &[1], false).square()),
            grad([any(&[3, 0])], move |v| f(v[0], &[0], false).square()),
            grad([any(&[2, 3, 4])], move |v| f(v[0].permute(&[2, 0, 1]), &[0, -1], false).square()),
            grad([any(&[5, 4])], move |v| f(v[0].slice(&crate::at![..; -2, 1..]), &[0], false).square()),
            grad([any(&[5])], move |v| f(v[0] * v[0], &[0], false) * v[0]),
            refuses([any(&[2, 3])], move |v| f(v[0], &[2], false), &["of [2, 3]", "axis 2 is out of range", "hint: "]),
            refuses([any(&[2, 3])], move |v| f(v[0], &[1, -1], false), &["of [2, 3]", "named twice"]),
        ])
    }

    type ReduceOver<T> = dyn for<'t> Fn(Var<'t, T>, &[isize]) -> Var<'t, T>;

    /// The rows of a reduction over no axes.
    #[track_caller]
    fn of_no_axes<T: Scalar>(f: impl for<'t> Fn(Var<'t, T>, &[isize]) -> Var<'t, T> + 'static) -> Vec<Row<T>> {
        let f: &'static ReduceOver<T> = Box::leak(Box::new(f));
        here([
            grad([any(&[])], move |v| f(v[0], &[]).square()),
            grad([any(&[])], move |v| f(v[0], &[0]).square()),
            grad([any(&[2, 3])], move |v| f(v[0], &[]).square()),
        ])
    }

    impl Sampled for ReduceSum {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = reduction(|x, axes, keep| x.sum_axes(axes, keep));
            rows.extend(of_no_axes(|x, axes| x.sum_axes(axes, false)));
            rows.extend([
                grad([any(&[3])], |v| v[0].broadcast_to([4, 3]).sum_axes(0, false).square()),
                value([of(&[0], [])], |v| v[0].sum(), &[0.0], [&[]]),
                value([of(&[2, 0], [])], |v| v[0].sum_axes(1, false), &[0.0, 0.0], [&[]]),
                value([of(&[3], [1.0, INF, -INF])], |v| v[0].sum(), &[NAN], [&[1.0; 3]]),
                value([of(&[2, 2], [1.0, 2.0, 3.0, 4.0])], |v| v[0].sum_axes(.., true), &[10.0], [&[1.0; 4]]),
                value([of(&[2, 2], [1.0, 2.0, 3.0, 4.0])], |v| v[0].sum_axes(&[][..], true), &[1.0, 2.0, 3.0, 4.0], [&[1.0; 4]]),
                value([of(&[], [2.0])], |v| v[0].sum_axes([0], true), &[2.0], [&[1.0]]),
            ]);
            rows.extend(reduction(|x, axes, keep| x.mean_axes(axes, keep)));
            rows.extend(of_no_axes(|x, axes| x.mean_axes(axes, true)));
            rows.extend([
                value([of(&[0], [])], |v| v[0].mean(), &[NAN], [&[]]),
                value([of(&[4], [1.0, 2.0, 3.0, 6.0])], |v| v[0].mean(), &[3.0], [&[0.25; 4]]),
                value([of(&[2], [1.0, NAN])], |v| v[0].mean(), &[NAN], [&[0.5; 2]]),
                equals([any(&[3, 4])], |v| v[0].square().mean_axes(0, false), |v| v[0].square().sum_axes(0, false) / v[0].number(3.0)),
            ]);
            rows
        }
    }

    impl Sampled for ReduceProd {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = reduction(|x, axes, keep| x.prod_axes(axes, keep));
            rows.extend([
                grad([any(&[5])], |v| v[0].prod()),
                grad([any(&[2, 3])], |v| v[0].t().prod() * v[0].sum()),
                // Zeros: none, one, two of them, and all.
                grad([of(&[4], [1.5, 0.0, -2.0, 0.5])], |v| v[0].prod()),
                grad([of(&[4], [1.5, 0.0, 0.0, 0.5])], |v| v[0].prod()),
                grad([of(&[2, 3], [0.0, 2.0, 3.0, 0.0, 0.0, -1.5])], |v| v[0].prod_axes(-1, false).exp()),
                grad([of(&[2, 3], [0.0, 2.0, 3.0, 0.0, 0.0, -1.5])], |v| v[0].prod_axes([0, 1], true)),
                value([of(&[3], [2.0, 0.0, 5.0])], |v| v[0].prod(), &[0.0], [&[0.0, 10.0, 0.0]]),
                value([of(&[3], [0.0, 0.0, 5.0])], |v| v[0].prod(), &[0.0], [&[0.0, 0.0, 0.0]]),
                value([of(&[2], [0.0, 5.0])], |v| v[0].prod().square() + v[0].prod(), &[0.0], [&[5.0, 0.0]]),
                value([of(&[], [-3.0])], |v| v[0].prod_axes(-1, true).prod(), &[-3.0], [&[1.0]]),
                value([of(&[0], [])], |v| v[0].prod(), &[1.0], [&[]]),
                value([of(&[2, 0], [])], |v| v[0].prod_axes(1, false), &[1.0, 1.0], [&[]]),
                value([of(&[2], [INF, NAN])], |v| v[0].prod(), &[NAN], [&[NAN, INF]]),
            ]);
            rows
        }
    }

    impl Sampled for ReduceMax {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = reduction(|x, axes, keep| x.amax(axes, keep));
            rows.extend(reduction(|x, axes, keep| x.amin(axes, keep)));
            rows.extend(of_no_axes(|x, axes| x.amax(axes, false)));
            let ties = || of(&[2, 3], [1.0, 3.0, 3.0, -2.0, -5.0, -2.0]);
            rows.extend([
                value([ties()], |v| v[0].amax(1, false), &[3.0, -2.0], [&[0.0, 0.5, 0.5, 0.5, 0.0, 0.5]]),
                value([ties()], |v| v[0].max(), &[3.0], [&[0.0, 0.5, 0.5, 0.0, 0.0, 0.0]]),
                value([ties()], |v| v[0].amin(0, false), &[-2.0, -5.0, -2.0], [&[0.0, 0.0, 0.0, 1.0, 1.0, 1.0]]),
                value([of(&[4], [2.0; 4])], |v| v[0].min(), &[2.0], [&[0.25; 4]]),
                value([of(&[3], [0.0, -1.0, -2.0])], |v| v[0].max().sqrt(), &[0.0], [&[INF, 0.0, 0.0]]),
                value([of(&[2], [0.0, -0.0])], |v| v[0].max(), &[0.0], [&[0.5, 0.5]]),
                value([of(&[3], [-INF; 3])], |v| v[0].max(), &[-INF], [&[1.0 / 3.0; 3]]),
                value([of(&[3], [1.0, INF, -INF])], |v| v[0].max(), &[INF], [&[0.0, 1.0, 0.0]]),
                // Nothing equals NaN, so the share is 0/0, as in PyTorch's amax.
                value([of(&[2], [1.0, NAN])], |v| v[0].max(), &[NAN], [&[NAN, NAN]]),
                value([of(&[2], [NAN, 1.0])], |v| v[0].min(), &[NAN], [&[NAN, NAN]]),
                refuses([any(&[0])], |v| v[0].max(), &["amax of [0]", "no largest", "hint: "]),
                refuses([any(&[2, 0])], |v| v[0].amax(1, false), &["amax of [2, 0]", "hint: "]),
            ]);
            rows
        }
    }

    impl Sampled for LogSumExp {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = reduction(|x, axes, keep| x.logsumexp(axes, keep));
            rows.extend(of_no_axes(|x, axes| x.logsumexp(axes, false)));
            rows.extend([
                grad([any(&[2, 300])], |v| v[0].logsumexp(-1, false)),
                equals([any(&[3, 5])], |v| v[0].logsumexp(1, false), |v| v[0].exp().sum_axes(1, false).ln()),
                equals([any(&[3, 5])], |v| v[0].logsumexp(.., false), |v| v[0].exp().sum().ln()),
                value([of(&[2], [0.0, 0.0])], |v| v[0].logsumexp(0, true), &[std::f64::consts::LN_2], [&[0.5, 0.5]]),
                value([of(&[2], [1000.0, -1000.0])], |v| v[0].logsumexp(0, false), &[1000.0], [&[1.0, 0.0]]),
                value([of(&[2], [-1000.0, -2000.0])], |v| v[0].logsumexp(0, true), &[-1000.0], [&[1.0, 0.0]]),
                value([of(&[3], [-INF; 3])], |v| v[0].logsumexp(0, false), &[-INF], [&[0.0; 3]]),
                value([of(&[2], [-INF, 1.5])], |v| v[0].logsumexp(0, false), &[1.5], [&[0.0, 1.0]]),
                value([of(&[2], [INF, 0.0])], |v| v[0].logsumexp(0, false), &[INF], [&[NAN, NAN]]),
                // Equal numbers so large that adding ln 2 to them changes no digit.
                value([of(&[2], [1e30, 1e30])], |v| v[0].logsumexp(0, false), &[1e30], [&[0.5, 0.5]]),
                value([of(&[2], [-1e38, -1e38])], |v| v[0].logsumexp(0, false), &[-1e38], [&[0.5, 0.5]]),
                value([of(&[2], [NAN, 0.0])], |v| v[0].logsumexp(0, false), &[NAN], [&[NAN, NAN]]),
                value([of(&[2, 0], [])], |v| v[0].logsumexp(1, false), &[-INF, -INF], [&[]]),
            ]);
            rows
        }
    }
}
