//! Matrix products: matmul of vectors, matrices and batches, products for one kind of shape each, and the affine map `linear`.

use crate::array::error::ShapeError;
use crate::array::layout::Axes;
use crate::array::scalar::Scalar;
use crate::array::shape::Shape;
use crate::array::view::View;
use crate::kernels::gemm::{Mat, gemm, gemm_batched};
use crate::tape::op::{Cotangents, Op, Vjp};
use crate::tape::var::{Operand, Var, refuse};

/// The last two axes of a view as a matrix: the first matrix of a batch.
fn matrix<'a, T: Scalar>(x: View<'a, T>) -> Mat<'a, T> {
    let n = x.shape().len();
    Mat { data: x.data, offset: x.offset, row_stride: x.strides()[n - 2], col_stride: x.strides()[n - 1] }
}

// -------------------------------------------------------------------------------------------------------------- matmul

/// `a b` for matrices, or for two batches of the same shape.
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
        // Shapes: [m, n] [k, n]^T = [m, k], and [m, k]^T [m, n] = [k, n].
        cx.each(|i| if i == 0 { g.record2(MatMul, b.transpose(-2, -1)) } else { a.transpose(-2, -1).record2(MatMul, g) })
    }
}

fn inner_differs(k: usize, l: usize) -> ShapeError {
    let e = ShapeError::new(format!("the last axis of the first ({k}) must equal the last but one of the second ({l})"));
    e.hint("a product of [.., m, k] and [.., k, n] is [.., m, n]; `t()` transposes")
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The matrix product, like `matmul` in NumPy and PyTorch. A vector on the left counts as a row, a vector on the right as a column;
    /// that axis disappears from the result. Further axes are a batch and broadcast. Derivatives: g b^T and a^T g. Shapes: `[.., m, k]` and
    /// `[.., k, n]` to `[.., m, n]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let a = tape.leaf([[1.0, 2.0], [3.0, 4.0]]);
    /// let x = tape.leaf([1.0, -1.0]);
    /// assert_eq!(a.matmul(x).to_vec(), [-1.0, -1.0]);
    /// ```
    ///
    /// # Panics
    /// If an array has no axis, the inner sizes differ, or the batches do not broadcast.
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
            let y = a.unsqueeze(0).matmul(b);
            return y.squeeze(if n == 1 { 0 } else { -2 });
        }
        if n == 1 {
            return a.matmul(b.unsqueeze(-1)).squeeze(-1);
        }
        if n == 2 {
            // One matrix for the whole batch: the rows of all matrices of a are the rows of one tall matrix.
            let rows: usize = sa[..m - 1].iter().product();
            let y = a.reshape_to([rows, k].into()).record2(MatMul, b);
            return y.reshape_to(sa.with(m - 1, sb[1]));
        }
        let batch = |s: &Shape| Shape::from(&s[..s.len() - 2]);
        let Some(shape) = batch(&sa).broadcast(&batch(&sb)) else {
            let e = ShapeError::new(format!("the batches {} and {} do not broadcast", batch(&sa), batch(&sb)))
                .hint("axes before the last two are a batch; their sizes must be equal, or one of them 1");
            refuse(e, "matmul", [sa, sb]);
        };
        let spread = |s: &Shape| shape.iter().chain(&s[s.len() - 2..]).copied().collect::<Shape>();
        a.broadcast_to_shape(spread(&sa)).record2(MatMul, b.broadcast_to_shape(spread(&sb)))
    }
}

// ------------------------------------------------------------------------------------- products of one kind of shape

/// The factors of [`Var::addmm`] and [`Var::baddbmm`].
///
/// ```
/// use wengert::{AddmmOptions, Tape};
/// let tape = Tape::<f64>::new();
/// let (c, a) = (tape.leaf([[1.0]]), tape.leaf([[3.0]]));
/// assert_eq!(c.addmm(a, a, AddmmOptions { alpha: 0.5, ..Default::default() }).item(), 5.5);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AddmmOptions {
    /// The factor of the array that is added to; 1 by default. If it is 0, the array is ignored, even where it is NaN.
    pub beta: f64,
    /// The factor of the product; 1 by default.
    pub alpha: f64,
}

impl Default for AddmmOptions {
    fn default() -> Self {
        AddmmOptions { beta: 1.0, alpha: 1.0 }
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The sum of the products of the elements of two vectors. Derivatives: g b and g a. Shapes: `[k]` and `[k]` to `[]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (a, b) = (tape.leaf([1.0, 2.0]), tape.leaf([3.0, 4.0]));
    /// assert_eq!(a.dot(b).item(), 11.0);
    /// assert_eq!(tape.grad(a.dot(b), &[a])[0].unwrap().to_vec(), [3.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// If they are not two vectors of the same length.
    #[track_caller]
    pub fn dot(self, other: impl Operand<'t, T>) -> Self {
        self.product("dot", other.to_var(self.tape), ["k"], ["k"])
    }
    /// A matrix times a vector. Derivatives: the outer product of g and b, and a^T g. Shapes: `[m, k]` and `[k]` to `[m]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (a, b) = (tape.leaf([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), tape.leaf([10.0, 1.0]));
    /// assert_eq!(a.mv(b).to_vec(), [12.0, 34.0, 56.0]);
    /// assert_eq!(tape.grad(a.mv(b), &[b])[0].unwrap().to_vec(), [9.0, 12.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes are different from these.
    #[track_caller]
    pub fn mv(self, other: impl Operand<'t, T>) -> Self {
        self.product("mv", other.to_var(self.tape), ["m", "k"], ["k"])
    }
    /// A matrix times a matrix. Derivatives: g b^T and a^T g. Shapes: `[m, k]` and `[k, n]` to `[m, n]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (a, b) = (tape.leaf([[1.0, 2.0], [3.0, 4.0]]), tape.leaf([[0.0, 1.0], [1.0, 0.0]]));
    /// assert_eq!(a.mm(b).to_vec(), [2.0, 1.0, 4.0, 3.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes are different from these.
    #[track_caller]
    pub fn mm(self, other: impl Operand<'t, T>) -> Self {
        self.product("mm", other.to_var(self.tape), ["m", "k"], ["k", "n"])
    }
    /// A batch of matrix products, without broadcasting. Derivatives: g b^T and a^T g, for each. Shapes: `[b, m, k]` and `[b, k, n]` to
    /// `[b, m, n]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (a, b) = (tape.leaf([[[1.0, 2.0]], [[3.0, 4.0]]]), tape.leaf([[[1.0], [1.0]], [[10.0], [1.0]]]));
    /// assert_eq!(a.bmm(b).shape(), [2, 1, 1]);
    /// assert_eq!(a.bmm(b).to_vec(), [3.0, 34.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes are different from these.
    #[track_caller]
    pub fn bmm(self, other: impl Operand<'t, T>) -> Self {
        self.product("bmm", other.to_var(self.tape), ["b", "m", "k"], ["b", "k", "n"])
    }
    /// [`Var::matmul`], after a check that sizes with the same name are equal.
    #[track_caller]
    fn product<const M: usize, const N: usize>(self, op: &'static str, other: Self, a: [&str; M], b: [&str; N]) -> Self {
        let (sa, sb) = (self.shape(), other.shape());
        let equal = |i: usize| (0..N).all(|j| a[i] != b[j] || sa[i] == sb[j]);
        if sa.len() != M || sb.len() != N || !(0..M).all(equal) {
            let shape = |names: &[&str]| format!("[{}]", names.join(", "));
            let e = ShapeError::new(format!("needs shapes {} and {}", shape(&a), shape(&b)));
            refuse(e.hint("`matmul` takes vectors, matrices and batches, and broadcasts"), op, [sa, sb]);
        }
        self.matmul(other)
    }
    /// Every element of a vector times every element of another. Derivatives: g b and g^T a. Shapes: `[m]` and `[n]` to `[m, n]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let y = tape.leaf([1.0, 2.0]).outer(tape.leaf([3.0, 4.0, 5.0]));
    /// assert_eq!(y.shape(), [2, 3]);
    /// assert_eq!(y.to_vec(), [3.0, 4.0, 5.0, 6.0, 8.0, 10.0]);
    /// ```
    ///
    /// # Panics
    /// If one is not a vector.
    #[track_caller]
    pub fn outer(self, other: impl Operand<'t, T>) -> Self {
        let other = other.to_var(self.tape);
        if self.ndim() != 1 || other.ndim() != 1 {
            let e = ShapeError::new("needs two vectors").hint("`unsqueeze` and `*` multiply arrays of any shape in this way");
            refuse(e, "outer", [self.shape(), other.shape()]);
        }
        self.unsqueeze(1) * other
    }
    /// `beta` times this array, plus `alpha` times the product of two matrices. Derivatives: beta g, alpha g b^T and alpha a^T g. Shapes:
    /// `[m, n]` (or what broadcasts to it), `[m, k]` and `[k, n]` to `[m, n]`.
    ///
    /// ```
    /// use wengert::{AddmmOptions, Tape};
    /// let tape = Tape::<f64>::new();
    /// let (c, a, b) = (tape.leaf([10.0, 20.0]), tape.leaf([[1.0, 2.0]]), tape.leaf([[3.0, 4.0], [5.0, 6.0]]));
    /// let y = c.addmm(a, b, AddmmOptions { beta: 0.5, ..Default::default() });
    /// assert_eq!(y.to_vec(), [18.0, 26.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes are different from these.
    #[track_caller]
    pub fn addmm(self, a: impl Operand<'t, T>, b: impl Operand<'t, T>, options: AddmmOptions) -> Self {
        self.plus("addmm", a.to_var(self.tape).mm(b), options)
    }
    /// As [`Var::addmm`], for a batch. Shapes: `[b, m, n]` (or what broadcasts to it), `[b, m, k]` and `[b, k, n]` to `[b, m, n]`.
    ///
    /// ```
    /// use wengert::{AddmmOptions, Tape};
    /// let tape = Tape::<f64>::new();
    /// let (c, a, b) = (tape.leaf(100.0), tape.leaf([[[2.0]], [[3.0]]]), tape.leaf([[[5.0]], [[7.0]]]));
    /// let y = c.baddbmm(a, b, AddmmOptions { alpha: -1.0, ..Default::default() });
    /// assert_eq!(y.to_vec(), [90.0, 79.0]);
    /// assert_eq!(tape.grad(y, &[c])[0].unwrap().item(), 2.0);
    /// ```
    ///
    /// # Panics
    /// If the shapes are different from these.
    #[track_caller]
    pub fn baddbmm(self, a: impl Operand<'t, T>, b: impl Operand<'t, T>, options: AddmmOptions) -> Self {
        self.plus("baddbmm", a.to_var(self.tape).bmm(b), options)
    }
    #[track_caller]
    fn plus(self, op: &'static str, product: Self, AddmmOptions { beta, alpha }: AddmmOptions) -> Self {
        let (shape, to) = (self.shape(), product.shape());
        if shape.broadcast(&to).as_ref() != Some(&to) {
            let e = ShapeError::new(format!("shape {shape} does not broadcast to that of the product, {to}"));
            refuse(e.hint("sizes are compared from the last axis; each must be equal, or 1 in the array"), op, [shape, to]);
        }
        let product = if alpha == 1.0 { product } else { product * T::from_f64(alpha) };
        match beta {
            0.0 => product,
            1.0 => self + product,
            _ => self * T::from_f64(beta) + product,
        }
    }
}

// -------------------------------------------------------------------------------------------------------------- linear

/// `x w^T + b` for `x [n, in]`, `w [out, in]`, `b [out]`: every row starts as the bias, and the product is added to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct FullyConnected;

impl<T: Scalar> Op<T> for FullyConnected {
    fn name(&self) -> &'static str {
        "linear"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        linear_shape(x[0], x[1], x[2])
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

fn linear_shape(x: &Shape, w: &Shape, b: &Shape) -> Result<Shape, ShapeError> {
    let fits = x.len() == 2 && w.len() == 2 && b.len() == 1;
    if !fits || x[1] != w[1] || w[0] != b[0] {
        let (which, hint) = match () {
            _ if !fits => (String::new(), "the weight lies as in PyTorch, output features first"),
            _ if x[1] != w[1] => (
                format!(": the input has {} features, the weight takes {}", x[1], w[1]),
                "a layer's `in_features` is the last size of its input; the weight is [out_features, in_features]",
            ),
            _ => (format!(": the weight makes {} features, the bias has {}", w[0], b[0]), "one bias for each output feature"),
        };
        return Err(ShapeError::new(format!("needs input [.., in], weight [out, in] and bias [out]{which}")).hint(hint));
    }
    Ok([x[0], w[0]].into())
}

/// The sum over the first of two axes: the cotangent of a bias. It is an op of its own because it has no attribute that would have to be
/// stored.
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
    /// The affine map `x w^T + b` along the last axis. The weight has the same shape as in PyTorch, `[out, in]`. Derivatives: g w, g^T x,
    /// and the sum of g over the batch. Without a bias, use `x.matmul(w.t())`. Shapes: `[.., in]`, `[out, in]` and `[out]` to `[.., out]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (w, b) = (tape.leaf([[3.0, 4.0], [5.0, 6.0], [0.0, 1.0]]), tape.leaf([0.0, 0.0, 10.0]));
    /// let y = tape.leaf([[1.0, 2.0], [1.0, 0.0]]).linear(w, b);
    /// assert_eq!(y.to_vec(), [11.0, 17.0, 12.0, 3.0, 5.0, 10.0]);
    /// assert_eq!(tape.grad(y, &[b])[0].unwrap().to_vec(), [2.0; 3]);
    /// ```
    ///
    /// # Panics
    /// If the shapes are not `[.., in]`, `[out, in]`, `[out]`.
    #[track_caller]
    pub fn linear(self, weight: impl Operand<'t, T>, bias: impl Operand<'t, T>) -> Self {
        let (w, b) = (weight.to_var(self.tape), bias.to_var(self.tape));
        let shape = self.shape();
        if shape.len() == 2 {
            return self.record3(FullyConnected, w, b);
        }
        let Some((&inputs, batch)) = shape.split_last() else {
            let e = linear_shape(&shape, &w.shape(), &b.shape()).expect_err("a number has no features");
            refuse(e, "linear", [shape, w.shape(), b.shape()]);
        };
        if let Err(e) = linear_shape(&[inputs, inputs].into(), &w.shape(), &b.shape()) {
            refuse(e, "linear", [shape, w.shape(), b.shape()]);
        }
        let rows: usize = batch.iter().product();
        let y = self.reshape_to([rows, inputs].into()).record3(FullyConnected, w, b);
        y.reshape_to(shape.with(shape.len() - 1, y.shape()[1]))
    }
    /// The bilinear map of the last axes of two arrays: `y[o] = x^T w[o] z + b[o]`. Derivatives: the sum of `g[o] w[o] z` by x, the sum of
    /// `g[o] w[o]^T x` by z, `g[o] x z^T` by `w[o]`, and g by the bias. Shapes: `[.., in1]`, `[.., in2]`, `[out, in1, in2]` and `[out]` to
    /// `[.., out]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (x, z) = (tape.leaf([1.0, 2.0]), tape.leaf([3.0, 4.0]));
    /// let w = tape.leaf([[[1.0, 0.0], [0.0, 10.0]]]); // one output
    /// assert_eq!(x.bilinear(z, w, Some(tape.leaf([0.5]))).to_vec(), [83.5]); // 1 * 3 + 10 * 2 * 4 + 0.5
    /// ```
    ///
    /// # Panics
    /// If the shapes are not `[.., in1]` and `[.., in2]` with equal leading axes, `[out, in1, in2]`, and `[out]`.
    #[track_caller]
    pub fn bilinear(self, other: impl Operand<'t, T>, weight: impl Operand<'t, T>, bias: Option<Self>) -> Self {
        let (s, o, w) = (self.shape(), other.shape(), weight.shape());
        let fits = match (&*s, &*o, &*w) {
            ([rows @ .., m], [others @ .., n], [out, i, j]) => {
                rows == others && (m, n) == (i, j) && bias.is_none_or(|b| b.shape() == [*out])
            }
            _ => false,
        };
        if !fits {
            let e = ShapeError::new("the arrays, the weight and the bias do not fit")
                .hint("shapes are [.., in1], [.., in2], [out, in1, in2] and [out]");
            refuse(e, "bilinear", [s, o, w]);
        }
        let (out, m, n) = (w[0], w[1], w[2]);
        let batch = &s[..s.len() - 1];
        let rows: usize = batch.iter().product();
        let (other, weight) = (other.to_var(self.tape), weight.to_var(self.tape));
        let by_first = self.reshape_to([rows, m].into()).matmul(weight.permute(&[1, 0, 2]).reshape_to([m, out * n].into()));
        let y = (by_first.reshape_to([rows, out, n].into()) * other.reshape_to([rows, 1, n].into())).sum_axes(-1, false);
        let y = bias.map_or(y, |b| y + b);
        y.reshape_to(batch.iter().copied().chain([out]).collect())
    }
}

#[cfg(test)]
mod rows;
