//! Softmax, log-softmax and the loss on them, each in a few passes over memory.

use crate::error::ShapeError;
use crate::kernels::softmax as kernel;
use crate::layout::Shape;
use crate::op::{Cotangents, Op, View, Vjp};
use crate::ops::index::Indices;
use crate::scalar::Scalar;
use crate::var::Var;

impl<'t, T: Scalar> Var<'t, T> {
    /// Applies an op along the last axis to any axis.
    #[track_caller]
    fn along(self, name: &'static str, axis: isize, op: impl Fn(Self) -> Self) -> Self {
        let shape = self.shape();
        if shape.is_empty() && [0, -1].contains(&axis) {
            return op(self.reshape_to([1].into())).reshape_to(shape);
        }
        let axis = self.axis(name, axis) as isize;
        op(self.transpose(axis, -1)).transpose(axis, -1)
    }
}

// ------------------------------------------------------------------------------------------------------------- softmax

/// `e^x / sum(e^x)` along the last axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Softmax;

impl<T: Scalar> Op<T> for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(x[0].clone())
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        kernel::softmax(x[0], y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        let (g, y) = (cx.g, cx.y());
        cx.each(|_| y * (g - (g * y).sum_axes(-1, true)))
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
        cx.each(|_| g - y.exp() * g.sum_axes(-1, true))
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// e^x / sum(e^x) along an axis: numbers between 0 and 1 whose sum is 1. Derivative: y_i (delta_ij - y_j).
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
        self.along("softmax", axis, |x| x.record(Softmax))
    }
    /// ln(softmax(x)) along an axis, accurate also where softmax is near 0. Derivative: delta_ij - softmax(x)_j.
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn log_softmax(self, axis: isize) -> Self {
        self.along("log_softmax", axis, |x| x.record(LogSoftmax))
    }
}

// ------------------------------------------------------------------------------------------------------- cross_entropy

/// The mean of `-ln softmax(x)[target]` over the rows of x.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CrossEntropy(Indices);

/// `g * (softmax(x) - onehot(target)) / n`, of g and x: the gradient of [`CrossEntropy`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CrossEntropyGrad(Indices);

fn check(x: &Shape, targets: &Indices) -> Result<(), ShapeError> {
    if x.len() != 2 {
        return Err(ShapeError::new(format!("logits must have shape [rows, classes], not {x}")));
    }
    if *targets.shape() != [x[0]] {
        return Err(ShapeError::new(format!("{} rows of logits need as many targets, not shape {}", x[0], targets.shape()))
            .hint("targets are class numbers; for one-hot rows or probabilities use `cross_entropy_probs`"));
    }
    targets.check(x[1], "class")
}

impl<T: Scalar> Op<T> for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        check(x[0], &self.0)?;
        Ok(Shape::scalar())
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        let n = T::from_f64(x[0].shape()[0] as f64);
        y[0] = kernel::cross_entropy(x[0], self.0.values()) / n;
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|_| cx.g.record2(CrossEntropyGrad(self.0.clone()), cx.x(0)))
    }
}

impl<T: Scalar> Op<T> for CrossEntropyGrad {
    fn name(&self) -> &'static str {
        "cross_entropy_grad"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        check(x[1], &self.0)?;
        Ok(x[1].clone())
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        let n = T::from_f64(x[1].shape()[0] as f64);
        let g = x[0].data[x[0].offset];
        kernel::cross_entropy_grad(x[1], self.0.values(), g / n, y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        let (h, g, x) = (cx.g, cx.x(0), cx.x(1));
        cx.each(|i| {
            if i == 0 {
                let slope = g.number(1.0).record2(CrossEntropyGrad(self.0.clone()), x);
                return (h * slope).sum();
            }
            let p = x.softmax(-1);
            let n = x.shape()[0] as f64;
            p * (h - (h * p).sum_axes(-1, true)) * (g * g.number(1.0 / n))
        })
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The mean cross entropy of logits of shape `[rows, classes]` with one class number a row: -mean ln softmax(x)\[target\].
    /// Derivative: (softmax(x) - onehot(target)) / rows.
    ///
    /// ```
    /// use wengert::{Indices, Tape};
    /// let tape = Tape::<f64>::new();
    /// let logits = tape.leaf([[0.0, 0.0], [0.0, 0.0]]);
    /// let loss = logits.cross_entropy(&Indices::from([0, 1]));
    /// assert!((loss.item() - 2f64.ln()).abs() < 1e-15);
    /// assert_eq!(tape.backward(loss).wrt(logits).unwrap().as_slice().unwrap(), [-0.25, 0.25, 0.25, -0.25]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit, or a class is out of range.
    #[track_caller]
    pub fn cross_entropy(self, targets: impl Into<Indices>) -> Self {
        self.record(CrossEntropy(targets.into()))
    }
    /// The mean cross entropy of logits with rows of probabilities (one-hot or soft): -mean over rows of sum t ln softmax(x).
    ///
    /// # Panics
    /// If the shapes differ, or the logits are not `[rows, classes]`.
    #[track_caller]
    pub fn cross_entropy_probs(self, targets: impl crate::var::Operand<'t, T>) -> Self {
        let t = targets.to_var(self.tape);
        let shape = self.shape();
        if shape.len() != 2 || t.shape() != shape {
            let e = ShapeError::new("logits and probabilities must have one shape [rows, classes]")
                .hint("for class numbers use `cross_entropy`");
            crate::var::refuse(e, "cross_entropy_probs", [shape, t.shape()]);
        }
        -(t * self.log_softmax(-1)).sum_axes(-1, false).mean()
    }
}
