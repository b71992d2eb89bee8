//! Softmax and log-softmax, each in a few passes over memory. Their loss is in `cross_entropy.rs`.

use crate::array::error::ShapeError;
use crate::array::scalar::Scalar;
use crate::array::shape::Shape;
use crate::array::view::View;
use crate::kernels::softmax as kernel;
use crate::tape::op::erase::Listed;
use crate::tape::op::{Cotangents, Op, Vjp};
use crate::tape::var::Var;

impl<'t, T: Scalar> Var<'t, T> {
    /// Applies an op that works along the last axis along another axis.
    #[track_caller]
    fn along<O: Op<T> + PartialEq + Listed>(self, name: &'static str, axis: isize, op: O) -> Self {
        let shape = self.shape();
        if shape.is_empty() && [0, -1].contains(&axis) {
            return self.reshape_to([1].into()).record(op).reshape_to(shape);
        }
        let axis = self.axis(name, axis) as isize;
        self.transpose(axis, -1).record(op).transpose(axis, -1)
    }
}

// ------------------------------------------------------------------------------------------------------------- softmax

/// `e^x / sum(e^x)` along the last axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Softmax;

/// As [`Softmax`], but -inf marks an element that is absent: a row of only such elements gives 0, not NaN.
///
/// Two ops without attributes instead of one with a flag: ops without attributes are recorded through a static reference, and need no entry
/// in the table of ops.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct MaskedSoftmax;

/// The reverse rule of both.
fn rule<'t, T: Scalar>(cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
    let (g, y) = (cx.g, cx.y());
    cx.each(|_| (g - g.times(y).sum_axes(-1, true)).times(y))
}

impl<T: Scalar> Op<T> for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(x[0].clone())
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        kernel::softmax(x[0], false, y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        rule(cx)
    }
}

impl<T: Scalar> Op<T> for MaskedSoftmax {
    fn name(&self) -> &'static str {
        "masked_softmax"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(x[0].clone())
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        kernel::softmax(x[0], true, y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        rule(cx)
    }
}

// --------------------------------------------------------------------------------------------------------- log_softmax

/// `x - ln(sum(e^x))` along the last axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LogSoftmax;

impl<T: Scalar> Op<T> for LogSoftmax {
    fn name(&self) -> &'static str {
        "log_softmax"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(x[0].clone())
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        kernel::log_softmax(x[0], y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        let (g, y) = (cx.g, cx.y());
        cx.each(|_| g - g.sum_axes(-1, true).times(y.exp()))
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// e^x / sum(e^x) along an axis: numbers between 0 and 1 whose sum is 1. The result is 0 where x is -inf, and NaN where all elements
    /// are. Derivative: y_i (delta_ij - y_j). Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let y = tape.leaf([0.3, 2.9, 4.0]).softmax(-1);
    /// assert!((y.sum().item() - 1.0).abs() < 1e-15);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn softmax(self, axis: isize) -> Self {
        self.along("softmax", axis, Softmax)
    }
    /// ln(softmax(x)) along an axis, accurate also where softmax is near 0. Derivative: delta_ij - softmax(x)_j. Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[0.0, 1000.0]]);
    /// assert_eq!(x.log_softmax(-1).to_vec(), [-1000.0, 0.0]);
    /// assert_eq!(tape.grad(x.log_softmax(-1), &[x])[0].unwrap().to_vec(), [1.0, -1.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn log_softmax(self, axis: isize) -> Self {
        self.along("log_softmax", axis, LogSoftmax)
    }
}

#[cfg(test)]
mod rows {
    use super::*;
    use crate::ops::samples::*;

    const INF: f64 = f64::INFINITY;
    const NAN: f64 = f64::NAN;

    #[track_caller]
    fn along_axes<T: Scalar>(f: impl for<'t> Fn(Var<'t, T>, isize) -> Var<'t, T> + 'static) -> Vec<Row<T>> {
        // A single type for all functions, so that the code below is compiled only once.
        let f: &'static dyn for<'t> Fn(Var<'t, T>, isize) -> Var<'t, T> = Box::leak(Box::new(f));
        here([
            grad([any(&[])], move |v| f(v[0], 0)),
            grad([any(&[1])], move |v| f(v[0], 0)),
            grad([any(&[7])], move |v| f(v[0], -1)),
            grad([any(&[3, 5])], move |v| f(v[0], 0)),
            grad([any(&[3, 5])], move |v| f(v[0], 1)),
            grad([any(&[3, 17])], move |v| f(v[0].broadcast_to([2, 3, 17]), -1)),
            grad([any(&[2, 3, 4])], move |v| f(v[0], 1)),
            grad([any(&[2, 3, 4])], move |v| f(v[0].permute(&[2, 0, 1]), 0)),
            grad([any(&[0, 3])], move |v| f(v[0], 1)),
            grad([any(&[3, 0])], move |v| f(v[0], 1)),
            grad([any(&[5])], move |v| f(v[0] * v[0], 0) * v[0]),
            grad([any(&[5])], move |v| v[0].tape().grad_with(f(v[0], 0), v[0], &[v[0]])[0].expect("depends on x")),
            refuses([any(&[2, 3])], move |v| f(v[0], 2), &["softmax of [2, 3]", "axis 2 is out of range", "hint: "]),
        ])
    }

    impl Sampled for Softmax {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = along_axes(|x, axis| x.softmax(axis));
            rows.extend([
                equals([any(&[3, 5])], |v| v[0].softmax(1), |v| v[0].exp() / v[0].exp().sum_axes(1, true)),
                equals([any(&[3, 5])], |v| v[0].softmax(0), |v| v[0].log_softmax(0).exp()),
                value([of(&[2], [1e3, 1e3])], |v| v[0].softmax(0), &[0.5, 0.5], [&[0.0, 0.0]]),
                value([of(&[2], [-INF, 3.0])], |v| v[0].softmax(0), &[0.0, 1.0], [&[0.0, 0.0]]),
                value([of(&[2], [-INF, -INF])], |v| v[0].softmax(0), &[NAN, NAN], [&[NAN, NAN]]),
                value([of(&[2], [INF, 0.0])], |v| v[0].softmax(0), &[NAN, NAN], [&[NAN, NAN]]),
                value([of(&[2], [NAN, 0.0])], |v| v[0].softmax(0), &[NAN, NAN], [&[NAN, NAN]]),
            ]);
            rows
        }
    }

    impl Sampled for MaskedSoftmax {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = vec![
                grad([any(&[5])], |v| v[0].record(MaskedSoftmax) * v[0]),
                grad([any(&[3, 5])], |v| v[0].record(MaskedSoftmax)),
                grad([any(&[3, 17])], |v| v[0].broadcast_to([2, 3, 17]).record(MaskedSoftmax)),
                grad([any(&[0, 3])], |v| v[0].record(MaskedSoftmax)),
                grad([any(&[3, 0])], |v| v[0].record(MaskedSoftmax)),
                // Equal to the plain softmax, except for rows of -inf.
                equals([any(&[3, 5])], |v| v[0].record(MaskedSoftmax), |v| v[0].softmax(-1)),
                value([of(&[2], [-INF, 3.0])], |v| v[0].record(MaskedSoftmax), &[0.0, 1.0], [&[0.0, 0.0]]),
                value([of(&[2], [-INF, -INF])], |v| v[0].record(MaskedSoftmax), &[0.0, 0.0], [&[0.0, 0.0]]),
                value([of(&[2], [INF, 0.0])], |v| v[0].record(MaskedSoftmax), &[NAN, NAN], [&[NAN, NAN]]),
                value([of(&[2], [NAN, -INF])], |v| v[0].record(MaskedSoftmax), &[NAN, NAN], [&[NAN, NAN]]),
            ];
            rows.extend(crate::ops::attention::rows::rows());
            rows
        }
    }

    impl Sampled for LogSoftmax {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = along_axes(|x, axis| x.log_softmax(axis));
            rows.extend([
                equals([any(&[3, 5])], |v| v[0].log_softmax(1), |v| v[0] - v[0].exp().sum_axes(1, true).ln()),
                equals([any(&[3, 5])], |v| v[0].log_softmax(0), |v| v[0] - v[0].logsumexp(0, true)),
                value([of(&[2], [0.0, -1e3])], |v| v[0].log_softmax(0), &[0.0, -1e3], [&[-1.0, 1.0]]),
                value([of(&[2], [-INF, 3.0])], |v| v[0].log_softmax(0), &[-INF, 0.0], [&[1.0, -1.0]]),
                value([of(&[2], [NAN, 0.0])], |v| v[0].log_softmax(0), &[NAN, NAN], [&[NAN, NAN]]),
            ]);
            rows
        }
    }
}
