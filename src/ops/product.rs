//! Matrix products: matmul of vectors, matrices and batches, and the affine map `linear`.

use crate::error::ShapeError;
use crate::kernels::gemm::{Mat, gemm, gemm_batched};
use crate::layout::{Axes, Shape};
use crate::op::{Cotangents, Op, View, Vjp};
use crate::scalar::Scalar;
use crate::var::{Operand, Var, refuse};

/// The last two axes of a view as a matrix, in the first product of a batch.
fn matrix<'a, T: Scalar>(x: View<'a, T>) -> Mat<'a, T> {
    let n = x.shape().len();
    Mat { data: x.data, offset: x.offset, row_stride: x.strides()[n - 2], col_stride: x.strides()[n - 1] }
}

// -------------------------------------------------------------------------------------------------------------- matmul

/// `a b` of matrices, or of two batches of one shape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct MatMul;

impl<T: Scalar> Op<T> for MatMul {
    fn name(&self) -> &'static str {
        "matmul"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        let (a, b) = (x[0], x[1]);
        let n = a.len();
        if n < 2 || b.len() != n || a[..n - 2] != b[..n - 2] {
            return Err(ShapeError::new("matrices, or batches of one shape, are needed").hint("`Var::matmul` broadcasts; this op does not"));
        }
        if a[n - 1] != b[n - 2] {
            return Err(inner_differs(a[n - 1], b[n - 2]));
        }
        Ok(a.with(n - 1, b[n - 1]))
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        let (a, b) = (x[0].shape(), x[1].shape());
        let r = a.len();
        let (m, k, n) = (a[r - 2], a[r - 1], b[r - 1]);
        if r == 2 {
            return gemm(m, k, n, matrix(x[0]), matrix(x[1]), y, false);
        }
        let batch = &a[..r - 2];
        let shift = |strides: &[isize], mut p: usize| {
            let mut at = 0;
            for axis in (0..batch.len()).rev() {
                at += (p % batch[axis]) as isize * strides[axis];
                p /= batch[axis];
            }
            at
        };
        let shifts = |p| (shift(x[0].strides(), p), shift(x[1].strides(), p));
        gemm_batched(batch.iter().product(), (m, k, n), matrix(x[0]), matrix(x[1]), shifts, y, false);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        let (g, a, b) = (cx.g, cx.x(0), cx.x(1));
        // M N * (K N)^T -> M K, and (M K)^T * M N -> K N
        cx.each(|i| if i == 0 { g.record2(MatMul, b.transpose(-2, -1)) } else { a.transpose(-2, -1).record2(MatMul, g) })
    }
}

fn inner_differs(k: usize, l: usize) -> ShapeError {
    let e = ShapeError::new(format!("the last axis of the first ({k}) must equal the last but one of the second ({l})"));
    e.hint("a product of [.., m, k] and [.., k, n] is [.., m, n]; `t()` transposes")
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The matrix product, as NumPy's and PyTorch's `matmul`: `[m, k] [k, n] -> [m, n]`; a vector on the left is a row, on the right a
    /// column, and disappears from the result; further axes are a batch and broadcast. Derivatives: g b^T and a^T g.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let a = tape.leaf([[1.0, 2.0], [3.0, 4.0]]);
    /// let x = tape.leaf([1.0, -1.0]);
    /// assert_eq!(a.matmul(x).to_vec(), [-1.0, -1.0]);
    /// ```
    ///
    /// # Panics
    /// If one is a number, the inner sizes differ, or the batches do not broadcast.
    #[track_caller]
    pub fn matmul(self, other: impl Operand<'t, T>) -> Self {
        let (a, b) = (self, other.to_var(self.tape));
        let (sa, sb) = (a.shape(), b.shape());
        let (m, n) = (sa.len(), sb.len());
        if m == 2 && n == 2 {
            return a.record2(MatMul, b);
        }
        if m == 0 || n == 0 {
            let e = ShapeError::new("a number has no axis to sum over").hint("multiply by a number with `*`");
            refuse(e, "matmul", [sa, sb]);
        }
        let (k, l) = (sa[m - 1], sb[n.saturating_sub(2)]);
        if k != l {
            refuse(inner_differs(k, l), "matmul", [sa, sb]);
        }
        if m == 1 {
            return a.unsqueeze(0).matmul(b).squeeze(-2);
        }
        if n == 1 {
            return a.matmul(b.unsqueeze(-1)).squeeze(-1);
        }
        if n == 2 {
            // One matrix for the whole batch: its rows are the rows of one tall product.
            let rows: usize = sa[..m - 1].iter().product();
            let y = a.reshape_to([rows, k].into()).record2(MatMul, b);
            return y.reshape_to(sa.with(m - 1, sb[1]));
        }
        let batch = |s: &Shape| Shape::from(&s[..s.len() - 2]);
        let Some(shape) = batch(&sa).broadcast(&batch(&sb)) else {
            let e = ShapeError::new(format!("the batches {} and {} do not broadcast", batch(&sa), batch(&sb)));
            refuse(e, "matmul", [sa, sb]);
        };
        let spread = |x: Self, s: &Shape| x.broadcast_to_shape(shape.iter().chain(&s[s.len() - 2..]).copied().collect());
        spread(a, &sa).record2(MatMul, spread(b, &sb))
    }
}

// -------------------------------------------------------------------------------------------------------------- linear

/// `x w^T + b` of `x [n, in]`, `w [out, in]`, `b [out]`: the bias is laid down first and the product added to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Linear;

impl<T: Scalar> Op<T> for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        let (x, w, b) = (x[0], x[1], x[2]);
        if x.len() != 2 || w.len() != 2 || b.len() != 1 || x[1] != w[1] || w[0] != b[0] {
            return Err(ShapeError::new("needs input [.., in], weight [out, in] and bias [out]")
                .hint("the weight lies as in PyTorch, output features first"));
        }
        Ok([x[0], w[0]].into())
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        let (n, inputs, outputs) = (x[0].shape()[0], x[0].shape()[1], x[1].shape()[0]);
        if outputs > 0 {
            let (bias, step) = (x[2], x[2].strides()[0]);
            for row in y.chunks_exact_mut(outputs) {
                crate::kernels::strided::gather(bias.data, bias.offset as isize, step, row);
            }
        }
        let w = matrix(x[1]);
        gemm(n, inputs, outputs, matrix(x[0]), Mat { row_stride: w.col_stride, col_stride: w.row_stride, ..w }, y, true);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        let (g, x, w) = (cx.g, cx.x(0), cx.x(1));
        cx.each(|i| match i {
            0 => g.record2(MatMul, w),
            1 => g.t().record2(MatMul, x),
            _ => g.record(SumRows),
        })
    }
}

/// The sum over the first of two axes: what a bias receives. (An op of its own, because it has no attribute to store.)
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SumRows;

impl<T: Scalar> Op<T> for SumRows {
    fn name(&self) -> &'static str {
        "sum_rows"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(x[0].remove(0))
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        crate::kernels::reduce::reduce(x[0], Axes::of([0]), y, crate::kernels::reduce::Sum);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|_| cx.g.broadcast_to_shape(cx.x(0).shape()))
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The affine map `x w^T + b` of the last axis, with the weight as PyTorch keeps it: `[out, in]`. Derivatives: g w, g^T x, and the
    /// sum of g over the batch.
    ///
    /// # Panics
    /// If the shapes are not `[.., in]`, `[out, in]`, `[out]`.
    #[track_caller]
    pub fn linear(self, weight: impl Operand<'t, T>, bias: impl Operand<'t, T>) -> Self {
        let (w, b) = (weight.to_var(self.tape), bias.to_var(self.tape));
        let shape = self.shape();
        if shape.len() == 2 {
            return self.record3(Linear, w, b);
        }
        let Some((&inputs, batch)) = shape.split_last() else {
            refuse(ShapeError::new("needs input [.., in], weight [out, in] and bias [out]"), "linear", [shape, w.shape(), b.shape()]);
        };
        let rows: usize = batch.iter().product();
        let y = self.reshape_to([rows, inputs].into()).record3(Linear, w, b);
        y.reshape_to(shape.with(shape.len() - 1, y.shape()[1]))
    }
}
