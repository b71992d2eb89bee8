//! Softmax, log-softmax and the loss on them, each in a few passes over memory.

use crate::error::ShapeError;
use crate::kernels::softmax as kernel;
use crate::layout::Shape;
use crate::op::{Cotangents, Op, View, Vjp};
use crate::ops::Listed;
use crate::ops::indices::Indices;
use crate::scalar::Scalar;
use crate::var::Var;

impl<'t, T: Scalar> Var<'t, T> {
    /// Applies an op along the last axis to any axis.
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
        self.along("softmax", axis, Softmax)
    }
    /// ln(softmax(x)) along an axis, accurate also where softmax is near 0. Derivative: delta_ij - softmax(x)_j.
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn log_softmax(self, axis: isize) -> Self {
        self.along("log_softmax", axis, LogSoftmax)
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

#[cfg(test)]
mod rows {
    use super::*;
    use crate::ops::samples::*;

    const INF: f64 = f64::INFINITY;
    const NAN: f64 = f64::NAN;

    #[track_caller]
    fn along_axes<T: Scalar>(f: impl for<'t> Fn(Var<'t, T>, isize) -> Var<'t, T> + 'static) -> Vec<Row<T>> {
        // One function for all, so that what follows is compiled once.
        let f: &'static dyn for<'t> Fn(Var<'t, T>, isize) -> Var<'t, T> = Box::leak(Box::new(f));
        here([
            grad([any(&[])], move |v| f(v[0], 0)),
            grad([any(&[1])], move |v| f(v[0], 0)),
            grad([any(&[7])], move |v| f(v[0], -1)),
            grad([any(&[3, 5])], move |v| f(v[0], 0)),
            grad([any(&[3, 5])], move |v| f(v[0], 1)),
            grad([any(&[3, 17])], move |v| f(v[0].broadcast_to(&[2, 3, 17]), -1)),
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

    fn one_hot<T: Scalar>(like: Var<'_, T>, classes: [usize; 3]) -> Var<'_, T> {
        let width = like.shape()[1];
        let mut t = vec![T::ZERO; 3 * width];
        (0..3).for_each(|row| t[row * width + classes[row]] = T::ONE);
        like.tape().constant(t).reshape(&[3, width as isize])
    }

    impl Sampled for CrossEntropy {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            vec![
                grad([any(&[3, 5])], |v| v[0].cross_entropy([4, 0, 4])),
                grad([any(&[1, 1])], |v| v[0].cross_entropy([0])),
                grad([any(&[5, 3])], |v| v[0].t().cross_entropy([4, 0, 1]).square()),
                grad([any(&[3, 5])], |v| (v[0] * v[0]).cross_entropy([4, 0, 1]) + v[0].square().sum()),
                grad([any(&[3, 5])], |v| v[0].cross_entropy_probs(v[0].softmax(1)) + v[0].cross_entropy([1, 2, 3])),
                equals([any(&[3, 5])], |v| v[0].cross_entropy([4, 0, 1]), |v| v[0].cross_entropy_probs(one_hot(v[0], [4, 0, 1]))),
                equals(
                    [any(&[3, 5])],
                    |v| v[0].cross_entropy([4, 0, 1]),
                    |v| -(v[0].log_softmax(1) * one_hot(v[0], [4, 0, 1])).sum() / v[0].number(3.0),
                ),
                equals(
                    [any(&[3, 5])],
                    |v| v[0].cross_entropy([4, 0, 1]),
                    |v| (v[0].logsumexp(1, true) - v[0].gather(1, [[4], [0], [1]])).mean(),
                ),
                value([of(&[1, 2], [1e3, 0.0])], |v| v[0].cross_entropy([1]), &[1e3], [&[1.0, -1.0]]),
                value([of(&[1, 2], [-INF, 0.0])], |v| v[0].cross_entropy([1]), &[0.0], [&[0.0, 0.0]]),
                value([of(&[1, 2], [-INF, 0.0])], |v| v[0].cross_entropy([0]), &[INF], [&[-1.0, 1.0]]),
                value([of(&[1, 2], [NAN, 0.0])], |v| v[0].cross_entropy([0]), &[NAN], [&[NAN, NAN]]),
                value([of(&[0, 2], [])], |v| v[0].cross_entropy(Vec::<usize>::new()), &[NAN], [&[]]),
                refuses([any(&[5])], |v| v[0].cross_entropy([1]), &["cross_entropy of [5]", "[rows, classes]"]),
                refuses([any(&[2, 3])], |v| v[0].cross_entropy([1]), &["cross_entropy of [2, 3]", "2 rows", "hint: "]),
                refuses([any(&[2, 3])], |v| v[0].cross_entropy([1, 3]), &["class 3 (at position 1) is out of range", "hint: there are 3"]),
                refuses([any(&[2, 3])], |v| v[0].cross_entropy([-1, 0]), &["class -1 (at position 0) is out of range"]),
                refuses(
                    [any(&[2, 3]), any(&[2])],
                    |v| v[0].cross_entropy_probs(v[1]),
                    &["cross_entropy_probs of [2, 3] and [2]", "hint: "],
                ),
            ]
        }
    }

    impl Sampled for CrossEntropyGrad {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            vec![
                grad([any(&[3, 5])], |v| v[0].tape().grad(v[0].cross_entropy([4, 0, 4]), v)[0].expect("depends on x")),
                grad([any(&[]), any(&[3, 5])], |v| v[0].record2(CrossEntropyGrad([4, 0, 4].into()), v[1])),
                grad([any(&[5, 3])], |v| v[0].tape().grad(v[0].t().cross_entropy([4, 0, 4]).square(), v)[0].expect("depends on x")),
                equals(
                    [any(&[]), any(&[3, 5])],
                    |v| v[0].record2(CrossEntropyGrad([4, 0, 1].into()), v[1]),
                    |v| (v[1].softmax(1) - one_hot(v[1], [4, 0, 1])) * v[0] / v[0].number(3.0),
                ),
            ]
        }
    }
}
