//! Running totals along an axis: cumsum, cumprod, logcumsumexp, and the linear recurrence that gives the derivatives of the last two.

use crate::array::attribute::Attribute;
use crate::array::error::ShapeError;
use crate::array::scalar::Scalar;
use crate::array::shape::{Shape, Small};
use crate::array::view::View;
use crate::kernels::scan::{self, scan};
use crate::kernels::strided::copy;
use crate::ops::slice::{Embed, Run};
use crate::tape::op::{Cotangents, Op, Vjp};
use crate::tape::var::Var;

impl<'t, T: Scalar> Var<'t, T> {
    /// The array and the axis, for ops along an axis. A number counts as one element, as in PyTorch.
    #[track_caller]
    pub(crate) fn with_axis(self, op: &'static str, axis: isize) -> (Self, usize) {
        let x = if self.is_number_axis(axis) { self.reshape_to([1].into()) } else { self };
        (x, x.axis(op, axis))
    }
    /// Puts the array along an axis of size `n`, beginning at `start`; the other elements are `fill`.
    #[track_caller]
    fn placed(self, axis: usize, start: usize, n: usize, fill: f64) -> Self {
        let shape = self.shape();
        let mut runs: Small<Run> = shape.iter().map(|&len| Run { start: 0, step: 1, len }).collect();
        runs[axis].start = start;
        self.record(Embed { shape: shape.with(axis, n), runs, fill: Attribute(fill) })
    }
    /// For each element the one before it along an axis (after it, if `reverse`); the first is `fill`.
    #[track_caller]
    fn before(self, axis: usize, reverse: bool, fill: f64) -> Self {
        let n = self.shape()[axis];
        if n == 0 {
            return self;
        }
        self.narrow(axis as isize, usize::from(reverse), n - 1).placed(axis, usize::from(!reverse), n, fill)
    }
    /// For each element the product of all elements before it along an axis (after it, if `reverse`).
    #[track_caller]
    pub(crate) fn products_before(self, axis: usize, reverse: bool) -> Self {
        self.record(CumProd { axis, reverse }).before(axis, reverse, 1.0)
    }
}

// ------------------------------------------------------------------------------------------------------------- cumsum

/// Running sums; they begin at the last element if `reverse`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct CumSum {
    axis: usize,
    reverse: bool,
}

impl<T: Scalar> Op<T> for CumSum {
    fn name(&self) -> &'static str {
        "cumsum"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(x[0].clone())
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        copy(x[0], y);
        scan(y, x[0].shape(), self.axis, self.reverse, scan::Sum);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|_| cx.g.record(CumSum { axis: self.axis, reverse: !self.reverse }))
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The sums up to each element along an axis: `y[i] = x[0] + .. + x[i]`. Derivative: the sums of the cotangent from each element to the
    /// end. Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 2.0, 4.0], [10.0, 10.0, 10.0]]);
    /// assert_eq!(x.cumsum(-1).to_vec(), [1.0, 3.0, 7.0, 10.0, 20.0, 30.0]);
    /// assert_eq!(tape.grad(x.cumsum(-1), &[x])[0].unwrap().to_vec(), [3.0, 2.0, 1.0, 3.0, 2.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn cumsum(self, axis: isize) -> Self {
        let (x, axis) = self.with_axis("cumsum", axis);
        x.record(CumSum { axis, reverse: false }).reshape_to(self.shape())
    }
}

// --------------------------------------------------------------------------------------------------- linear recurrence

/// `y[i] = a[i] y[i-1] + b[i]`, with 0 before the first element. If `reverse`, it runs from the last element to the first.
///
/// Its rule is a recurrence in the other direction: the cotangent of `b` is `r[i] = g[i] + a[i+1] r[i+1]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Recurrence {
    axis: usize,
    reverse: bool,
}

impl<T: Scalar> Op<T> for Recurrence {
    fn name(&self) -> &'static str {
        "recurrence"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        crate::ops::map::same_shape(x)
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        copy(x[1], y);
        scan(y, x[1].shape(), self.axis, self.reverse, scan::Linear(&x[0].to_slice()));
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        let Recurrence { axis, reverse } = *self;
        let r = cx.x(0).before(axis, !reverse, 0.0).recurrence(cx.g, axis, !reverse);
        cx.each(|i| if i == 0 { r * cx.y().before(axis, reverse, 0.0) } else { r })
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// `y[i] = a[i] y[i-1] + b[i]` along an axis, with this array as `a`.
    #[track_caller]
    fn recurrence(self, b: Self, axis: usize, reverse: bool) -> Self {
        self.contiguous().record2(Recurrence { axis, reverse }, b)
    }
}

// ------------------------------------------------------------------------------------------------------------ cumprod

/// Running products; they begin at the last element if `reverse`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct CumProd {
    axis: usize,
    reverse: bool,
}

impl<T: Scalar> Op<T> for CumProd {
    fn name(&self) -> &'static str {
        "cumprod"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(x[0].clone())
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        copy(x[0], y);
        scan(y, x[0].shape(), self.axis, self.reverse, scan::Prod);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        let CumProd { axis, reverse } = *self;
        // For i >= k, y[i] is x[k] times x[..k] times x[k+1..=i]. The sum over i is a recurrence, which does not divide by x[k]: x[k] may
        // be 0.
        cx.each(|_| {
            let behind = cx.x(0).before(axis, !reverse, 0.0).recurrence(cx.g, axis, !reverse);
            behind * cx.y().before(axis, reverse, 1.0)
        })
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The products up to each element along an axis: `y[i] = x[0] * .. * x[i]`. Derivative: for `x[j]` the sum over i >= j of `g[i]` times
    /// the product of `x[0]` to `x[i]` without `x[j]`. It is computed without division, so it is right at zeros, to any order. Shape: that
    /// of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([2.0, 0.0, 5.0]);
    /// assert_eq!(x.cumprod(0).to_vec(), [2.0, 0.0, 0.0]);
    /// assert_eq!(tape.grad(x.cumprod(0), &[x])[0].unwrap().to_vec(), [1.0, 12.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn cumprod(self, axis: isize) -> Self {
        let (x, axis) = self.with_axis("cumprod", axis);
        x.record(CumProd { axis, reverse: false }).reshape_to(self.shape())
    }
}

// ------------------------------------------------------------------------------------------------------- logcumsumexp

/// `ln` of the running sums of `e^x`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LogCumSumExp(usize);

impl<T: Scalar> Op<T> for LogCumSumExp {
    fn name(&self) -> &'static str {
        "logcumsumexp"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(x[0].clone())
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        copy(x[0], y);
        scan(y, x[0].shape(), self.0, false, scan::LogAddExp);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        let (axis, x, y) = (self.0, cx.x(0), cx.y());
        let n = x.shape()[axis];
        cx.each(|_| {
            if n == 0 {
                return cx.g;
            }
            // The shares of e^x[k] in the sums from k on. y does not decrease, so no exponential is above 1. Where y is -inf, x is too, and
            // its share is e^-inf = 0, not e^(-inf + inf).
            let safe = y.equal(-T::INFINITY).where_cond(T::ZERO, y);
            let falls = (y.narrow(axis as isize, 0, n - 1) - safe.narrow(axis as isize, 1, n - 1)).exp();
            let behind = falls.placed(axis, 0, n, 0.0).recurrence(cx.g, axis, true);
            (x - safe).exp() * behind
        })
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// `ln(e^x_0 + .. + e^x_i)` for each element along an axis, without overflow. Derivative: the shares of e^x in those sums. Shape: that
    /// of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([1000.0, 0.0, 2000.0]);
    /// assert_eq!(x.logcumsumexp(0).to_vec(), [1000.0, 1000.0, 2000.0]);
    /// assert_eq!(tape.grad(x.logcumsumexp(0), &[x])[0].unwrap().to_vec(), [2.0, 0.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn logcumsumexp(self, axis: isize) -> Self {
        let (x, axis) = self.with_axis("logcumsumexp", axis);
        if x.numel() == 0 {
            return x.record(LogCumSumExp(axis)).reshape_to(self.shape());
        }
        // Subtract the largest element, so that a large common offset costs no digits (the last place of 10,000 is 0.001 in f32).
        let top = x.amax([axis as isize], true).detach();
        let top = (top * T::ZERO).equal(T::ZERO).where_cond(top, T::ZERO); // 0 where it is not finite
        ((x - top).record(LogCumSumExp(axis)) + top).reshape_to(self.shape())
    }
}

#[cfg(test)]
mod rows {
    use super::*;
    use crate::at;
    use crate::ops::samples::*;

    const INF: f64 = f64::INFINITY;
    const NAN: f64 = f64::NAN;

    type Scan<T> = dyn for<'t> Fn(Var<'t, T>, isize) -> Var<'t, T>;

    /// The rows of a function along an axis. Each squares the result, so that second derivatives are not zero.
    #[track_caller]
    fn along<T: Scalar>(f: impl for<'t> Fn(Var<'t, T>, isize) -> Var<'t, T> + 'static) -> Vec<Row<T>> {
        let f: &'static Scan<T> = Box::leak(Box::new(f));
        here([
            grad([any(&[])], move |v| f(v[0], -1).square()),
            grad([any(&[1])], move |v| f(v[0], 0).square()),
            grad([any(&[7])], move |v| f(v[0], 0).square()),
            grad([any(&[3, 4])], move |v| f(v[0], 0).square()),
            grad([any(&[3, 4])], move |v| f(v[0], -1).square()),
            grad([any(&[2, 3, 4])], move |v| f(v[0], 1).square()),
            grad([any(&[2, 3, 1])], move |v| f(v[0], 1).square()),
            grad([any(&[2, 1, 3])], move |v| f(v[0], 1).square()),
            grad([any(&[0])], move |v| f(v[0], 0).square()),
            grad([any(&[3, 0])], move |v| f(v[0], 0).square()),
            grad([any(&[0, 3])], move |v| f(v[0], 1).square()),
            grad([any(&[3, 4])], move |v| f(v[0].t(), 0).square()),
            grad([any(&[7])], move |v| f(v[0].slice(&at![..; -2]), 0).square()),
            grad([any(&[3])], move |v| f(v[0].broadcast_to([2, 3]), 0).square()),
            grad([any(&[4])], move |v| f(v[0], 0) * f(v[0], 0) * v[0]),
            refuses([any(&[5, 2])], move |v| f(v[0], 3), &["of [5, 2]", "axis 3 is out of range", "hint: "]),
            refuses([any(&[])], move |v| f(v[0], 1), &["axis 1 is out of range", "hint: "]),
        ])
    }

    impl Sampled for CumSum {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = along(|x, axis| x.cumsum(axis));
            rows.extend(along(|x, axis| {
                let (x, axis) = x.with_axis("cumsum", axis);
                x.record(CumSum { axis, reverse: true })
            }));
            rows.extend([
                value([of(&[3], [1.0, 2.0, 4.0])], |v| v[0].cumsum(0), &[1.0, 3.0, 7.0], [&[3.0, 2.0, 1.0]]),
                value([of(&[3], [1.0, INF, -INF])], |v| v[0].cumsum(0), &[1.0, INF, NAN], [&[3.0, 2.0, 1.0]]),
                adjoint(any(&[2, 3, 2]), any(&[2, 3, 2]), |u| u.cumsum(1), |v| v.record(CumSum { axis: 1, reverse: true })),
                equals([any(&[40, 3])], |v| v[0].cumsum(0).narrow(0, 39, 1).exp(), |v| v[0].sum_axes(0, true).exp()),
            ]);
            rows
        }
    }

    impl Sampled for Recurrence {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let op = |axis, reverse| Recurrence { axis, reverse };
            vec![
                grad([any(&[5]), any(&[5])], move |v| v[0].record2(op(0, false), v[1])),
                grad([any(&[5]), any(&[5])], move |v| v[0].record2(op(0, true), v[1]).square()),
                grad([any(&[2, 3, 2]), any(&[2, 3, 2])], move |v| v[0].record2(op(1, true), v[1])),
                grad([any(&[3, 2]), any(&[2, 3])], move |v| v[0].t().record2(op(1, false), v[1])),
                grad([any(&[1]), any(&[1])], move |v| v[0].record2(op(0, false), v[1]).square()),
                grad([any(&[4])], move |v| v[0].record2(op(0, false), v[0])),
                grad([any(&[0, 2]), any(&[0, 2])], move |v| v[0].record2(op(0, false), v[1])),
                value(
                    [of(&[3], [9.0, 0.0, 2.0]), of(&[3], [1.0, 3.0, 5.0])],
                    move |v| v[0].record2(op(0, false), v[1]),
                    &[1.0, 3.0, 11.0],
                    [&[0.0, 3.0, 3.0], &[1.0, 3.0, 1.0]],
                ),
                refuses([any(&[2]), any(&[3])], move |v| v[0].record2(op(0, false), v[1]), &["recurrence of [2] and [3]", "hint: "]),
            ]
        }
    }

    impl Sampled for CumProd {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = along(|x, axis| x.cumprod(axis));
            rows.extend(along(|x, axis| {
                let (x, axis) = x.with_axis("cumprod", axis);
                x.record(CumProd { axis, reverse: true })
            }));
            rows.extend([
                grad([of(&[4], [0.0, 1.5, -2.0, 0.5])], |v| v[0].cumprod(0)),
                grad([of(&[4], [1.5, 0.0, -2.0, 0.0])], |v| v[0].cumprod(0)),
                grad([of(&[2, 3], [0.0, 2.0, 3.0, 0.0, 0.0, -1.5])], |v| v[0].cumprod(1).exp()),
                value([of(&[3], [2.0, 0.0, 5.0])], |v| v[0].cumprod(0), &[2.0, 0.0, 0.0], [&[1.0, 12.0, 0.0]]),
                equals([any(&[3, 5])], |v| v[0].cumprod(1).narrow(1, 4, 1), |v| v[0].prod_axes(1, true)),
            ]);
            rows
        }
    }

    fn shares<'t, T: Scalar>(x: Var<'t, T>) -> Var<'t, T> {
        x.tape().grad(x.logcumsumexp(0), &[x])[0].expect("x is used")
    }

    impl Sampled for LogCumSumExp {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = along(|x, axis| x.logcumsumexp(axis));
            rows.extend([
                equals([any(&[3, 5])], |v| v[0].logcumsumexp(0), |v| v[0].exp().cumsum(0).ln()),
                // In f32 the last place of sums near 10,000 is 0.001; the shares of their terms must be more accurate.
                equals([of(&[4], [0.0, 0.25, -0.25, 0.125])], |v| shares(v[0] + T::from_f64(1e4)), |v| shares(v[0])),
                value([of(&[3], [1000.0, 0.0, 2000.0])], |v| v[0].logcumsumexp(0), &[1000.0, 1000.0, 2000.0], [&[2.0, 0.0, 1.0]]),
                value([of(&[3], [-1000.0, -2000.0, -3000.0])], |v| v[0].logcumsumexp(0), &[-1000.0; 3], [&[3.0, 0.0, 0.0]]),
                value([of(&[3], [-INF, -INF, 1.0])], |v| v[0].logcumsumexp(0), &[-INF, -INF, 1.0], [&[0.0, 0.0, 1.0]]),
                value([of(&[3], [1.0, -INF, 1.0])], |v| v[0].logcumsumexp(0).narrow(0, 0, 2), &[1.0, 1.0], [&[2.0, 0.0, 0.0]]),
                value([of(&[2], [0.0, INF])], |v| v[0].logcumsumexp(0).narrow(0, 1, 1), &[INF], [&[0.0, NAN]]),
                value([of(&[3], [0.0, NAN, 0.0])], |v| v[0].logcumsumexp(0), &[0.0, NAN, NAN], [&[NAN, NAN, NAN]]),
                value([of(&[3], [NAN, 0.0, 0.0])], |v| v[0].logcumsumexp(0).narrow(0, 1, 1), &[NAN], [&[NAN, NAN, NAN]]),
            ]);
            rows
        }
    }
}
