//! Triangular matrices: Cholesky factors, and systems of equations with a triangular matrix.

use crate::array::error::ShapeError;
use crate::array::scalar::Scalar;
use crate::array::shape::Shape;
use crate::array::view::View;
use crate::kernels::linalg as kernels;
use crate::kernels::linalg::Triangle;
use crate::kernels::strided::copy;
use crate::ops::linalg::{batch, element, place, square, system};
use crate::tape::op::{Cotangents, Op, Vjp};
use crate::tape::var::{Operand, Var, refuse};
use std::panic::Location;

// ----------------------------------------------------------------------------------------------------- solve_triangular

/// Which triangle [`Var::solve_triangular`] reads, and on which side of the unknowns it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TriangularOptions {
    /// True for the upper triangle, false (the default) for the lower one.
    pub upper: bool,
    /// True (the default) for `a x = b`, false for `x a = b`.
    pub left: bool,
    /// If true, the diagonal counts as 1 and is not read; false by default.
    pub unitriangular: bool,
}

impl Default for TriangularOptions {
    fn default() -> Self {
        TriangularOptions { upper: false, left: true, unitriangular: false }
    }
}

/// `t^-1 b`, where t is one triangle of a. The batch axes of a and b are equal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SolveTriangular {
    upper: bool,
    unit: bool,
}

impl<T: Scalar> Op<T> for SolveTriangular {
    fn name(&self) -> &'static str {
        "solve_triangular"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        square(x[0])?;
        Ok(x[1].clone())
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        copy(x[1], y);
        let [.., n, columns] = x[1].shape()[..] else { return };
        let strides = &x[0].strides()[x[0].strides().len() - 2..];
        let triangle = |a, transposed| Triangle { a, n, upper: self.upper != transposed, unit: self.unit, transposed };
        // Matrices that are contiguous by rows or by columns, such as transposed views, are not copied.
        let (row, col) = (n as isize, 1);
        if n <= 1 || strides == [row, col] || strides == [col, row] {
            let transposed = n > 1 && strides == [col, row];
            kernels::solve_triangular(&|p| triangle(&x[0].data[place(&x[0], p)..], transposed), (n, columns), y);
        } else {
            let a = x[0].to_slice();
            kernels::solve_triangular(&|p| triangle(&a[p * n * n..], false), (n, columns), y);
        }
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        // x = t^-1 b: with w = t^-T g, the cotangent of b is w, and that of a is the triangle of -w x^T. (Giles 2.3.1)
        let w = cx.x(0).transpose(-2, -1).record2(SolveTriangular { upper: !self.upper, ..*self }, cx.g);
        cx.each(|i| match i {
            0 => {
                let (all, skip) = (-w.matmul(cx.y().transpose(-2, -1)), isize::from(self.unit));
                if self.upper { all.triu(skip) } else { all.tril(-skip) }
            }
            _ => w,
        })
    }
}

// ----------------------------------------------------------------------------------------------------------- cholesky

/// The lower Cholesky factor L of `a = L L^T`, from the lower triangle of a.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cholesky;

impl<T: Scalar> Op<T> for Cholesky {
    fn name(&self) -> &'static str {
        "cholesky"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        square(x[0])?;
        Ok(x[0].clone())
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        copy(x[0], y);
        kernels::cholesky(y, x[0].shape()[x[0].shape().len() - 1]);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        // L^-T s L^-1 / 2, where s is symmetric with the lower triangle of L^T g: I. Murray, "Differentiation of the Cholesky
        // decomposition" (2016), equation 10.
        let l = cx.y();
        let lt = l.transpose(-2, -1);
        let product = lt.matmul(cx.g);
        let s = product.tril(0) + product.tril(-1).transpose(-2, -1);
        let solve = |s: Var<'t, T>| lt.record2(SolveTriangular { upper: true, unit: false }, s);
        // s L^-1 = (L^-T s)^T, since s is symmetric.
        cx.each(|_| solve(solve(s).transpose(-2, -1)) * T::from_f64(0.5))
    }
}

// ------------------------------------------------------------------------------------------------------------- methods

impl<'t, T: Scalar> Var<'t, T> {
    /// The solution x of `t x = b`, or of `x t = b`, where t is one triangle of this array; the rest is not read. Shapes are `[.., n, n]`
    /// and `[.., n, k]` (or `[.., k, n]`), whose batch axes broadcast. Derivatives: w = t^-T g for b, and the triangle of -w x^T for this
    /// array. PyTorch: `linalg.solve_triangular`.
    ///
    /// ```
    /// use wengert::{Tape, TriangularOptions};
    /// let tape = Tape::<f64>::new();
    /// let a = tape.leaf([[2.0, 1.0], [9.0, 1.0]]);
    /// let b = tape.leaf([[5.0], [1.0]]);
    /// let x = a.solve_triangular(b, TriangularOptions { upper: true, ..Default::default() });
    /// assert_eq!(x.to_vec(), [2.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If the matrices are not square, a diagonal has a 0, or the shapes do not fit.
    #[track_caller]
    pub fn solve_triangular(self, b: impl Operand<'t, T>, options: TriangularOptions) -> Self {
        const NAME: &str = "solve_triangular";
        let TriangularOptions { upper, left, unitriangular } = options;
        let b = b.to_var(self.tape);
        let (sa, sb) = (self.shape(), b.shape());
        if let Err(e) = square(&sa) {
            refuse(e, NAME, [sa, sb]);
        }
        if sb.len() < 2 {
            let e = ShapeError::new("the right side must be matrices").hint("`unsqueeze(-1)` makes a column of a vector");
            refuse(e, NAME, [sa, sb]);
        }
        // x t = b is t^T x^T = b^T.
        let (a, b) = if left { (self, b) } else { (self.transpose(-2, -1), b.transpose(-2, -1)) };
        let to = system(&sa, &b.shape(), NAME, [sa.clone(), sb.clone()]);
        if !unitriangular && let Some((p, k)) = diagonal(self, |x| x == T::ZERO) {
            let e = ShapeError::new(format!("matrix{} is singular: element {k} of its diagonal is 0", element(&batch(&sa), p)));
            refuse(e.hint("every element of the diagonal must differ from 0; `unitriangular` takes it as 1"), NAME, [sa, sb]);
        }
        let spread = |x: Var<'t, T>| {
            let shape = x.shape();
            to.iter().chain(&shape[shape.len() - 2..]).copied().collect::<Shape>()
        };
        let op = SolveTriangular { upper: upper == left, unit: unitriangular };
        let x = a.broadcast_to_shape(spread(a)).record2(op, b.broadcast_to_shape(spread(b)));
        if left { x } else { x.transpose(-2, -1) }
    }
    /// The Cholesky factor of symmetric positive definite matrices: the lower triangle L with `L L^T = a` or, if `upper` is true, the upper
    /// triangle U with `U^T U = a`. Only that triangle of this array is read. The derivative is shared by both triangles, as if symmetric
    /// elements changed together: L^-T s L^-1 / 2, where s is symmetric with the lower triangle of L^T g. Shapes: `[.., n, n]` to the same.
    /// PyTorch: `linalg.cholesky`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let a = tape.leaf([[4.0, 2.0], [2.0, 5.0]]);
    /// assert_eq!(a.cholesky(false).to_vec(), [2.0, 0.0, 1.0, 2.0]);
    /// assert_eq!(a.cholesky(true).to_vec(), [2.0, 1.0, 0.0, 2.0]);
    /// ```
    ///
    /// # Panics
    /// If the matrices are not square, or one is not positive definite.
    #[track_caller]
    pub fn cholesky(self, upper: bool) -> Self {
        let shape = self.shape();
        if let Err(e) = square(&shape) {
            refuse(e, "cholesky", [shape]);
        }
        let a = if upper { self.transpose(-2, -1) } else { self };
        let l = a.record(Cholesky);
        // A NaN is not positive either.
        if let Some((p, k)) = diagonal(l, |x| x.is_nan() || x <= T::ZERO) {
            let e = ShapeError::new(format!("matrix{} is not positive definite: pivot {k} is not positive", element(&batch(&shape), p)));
            let e = e.hint("x^T a x must be positive for all x but 0; adding a multiple of the identity helps where it is nearly so");
            panic!("{}", e.of("cholesky", [shape], Location::caller()));
        }
        if upper { l.transpose(-2, -1) } else { l }
    }
}

/// The first element of the diagonals that fulfils a condition, as the indices of the matrix and of the diagonal.
fn diagonal<T: Scalar>(x: Var<'_, T>, is: impl Fn(T) -> bool) -> Option<(usize, usize)> {
    let inner = x.tape.read();
    let view = inner.view(x.id);
    let shape = view.shape();
    let (n, steps) = (shape[shape.len() - 1], &view.strides()[shape.len() - 2..]);
    let at = |p: usize, k: usize| view.data[(place(&view, p) as isize + k as isize * (steps[0] + steps[1])) as usize];
    (0..batch(shape).numel()).find_map(|p| (0..n).find(|&k| is(at(p, k))).map(|k| (p, k)))
}

#[cfg(test)]
mod rows {
    use super::*;
    use crate::ops::samples::*;

    const NAN: f64 = f64::NAN;

    /// `m m^T + 1`
    fn positive_definite<T: Scalar>(m: Var<'_, T>) -> Var<'_, T> {
        m.matmul(m.transpose(-2, -1)) + m.zeros_like().matmul(m.zeros_like().transpose(-2, -1)).matrix_power(0)
    }

    impl Sampled for SolveTriangular {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let shapes: [[&[usize]; 2]; 10] = [
                [&[3, 3], &[3, 2]],
                [&[1, 1], &[1, 1]],
                [&[5, 5], &[5, 1]],
                [&[2, 3, 3], &[2, 3, 2]],
                [&[2, 3, 3], &[3, 1]],
                [&[3, 3], &[2, 3, 2]],
                [&[0, 3, 3], &[0, 3, 2]],
                [&[0, 0], &[0, 2]],
                [&[3, 3], &[3, 0]],
                [&[2, 1, 2, 2], &[3, 2, 1]],
            ];
            let mut rows = Vec::new();
            for k in 0..8 {
                let options = TriangularOptions { upper: k & 1 != 0, left: k & 2 != 0, unitriangular: k & 4 != 0 };
                for [a, b] in shapes {
                    rows.push(grad([any(a), any(b)], move |v| {
                        let b = if options.left { v[1] } else { v[1].transpose(-2, -1) };
                        regular(v[0]).solve_triangular(b, options)
                    }));
                }
                rows.push(grad([any(&[3, 3]), any(&[2, 3])], move |v| {
                    let b = if options.left { v[1].t() } else { v[1] };
                    regular(v[0]).t().solve_triangular(b, options)
                }));
                // Equal to the solution with the triangle written out.
                rows.push(equals(
                    [any(&[4, 4]), any(&[4, 4])],
                    move |v| regular(v[0]).solve_triangular(v[1], options),
                    move |v| {
                        let a = regular(v[0]);
                        let skip = isize::from(options.unitriangular);
                        let t = if options.upper { a.triu(skip) } else { a.tril(-skip) };
                        let t = if options.unitriangular { t + a.matrix_power(0) } else { t };
                        if options.left { t.solve(v[1]) } else { t.t().solve(v[1].t()).t() }
                    },
                ));
            }
            let lower = TriangularOptions::default();
            let unit = TriangularOptions { unitriangular: true, ..lower };
            rows.extend([
                grad([any(&[4, 3, 3]), any(&[3, 2])], move |v| {
                    regular(v[0].permute(&[1, 0, 2]).slice(&crate::at![.., ..; 2, ..2]))
                        .solve_triangular(v[1].slice(&crate::at![..2]), lower)
                }),
                grad([any(&[3, 3])], move |v| regular(v[0]).solve_triangular(v[0], lower)),
                // Neither the other triangle nor a diagonal that counts as 1 is read.
                value(
                    [of(&[2, 2], [2.0, NAN, 1.0, 4.0]), of(&[2, 1], [2.0, 5.0])],
                    move |v| v[0].solve_triangular(v[1], lower),
                    &[1.0, 1.0],
                    [&[-0.375, 0.0, -0.25, -0.25], &[0.375, 0.25]],
                ),
                value(
                    [of(&[2, 2], [0.0, NAN, 1.0, NAN]), of(&[2, 1], [2.0, 5.0])],
                    move |v| v[0].solve_triangular(v[1], unit),
                    &[2.0, 3.0],
                    [&[0.0, 0.0, -2.0, 0.0], &[0.0, 1.0]],
                ),
                refuses(
                    [any(&[2, 3]), any(&[2, 1])],
                    move |v| v[0].solve_triangular(v[1], lower),
                    &["solve_triangular of [2, 3] and [2, 1]", "square", "hint: "],
                ),
                refuses(
                    [any(&[3, 3]), any(&[3])],
                    move |v| v[0].solve_triangular(v[1], lower),
                    &["solve_triangular of [3, 3] and [3]", "hint: "],
                ),
                refuses(
                    [any(&[3, 3]), any(&[2, 3])],
                    move |v| v[0].solve_triangular(v[1], lower),
                    &["solve_triangular", "3 unknowns need 3 rows", "hint: "],
                ),
                refuses(
                    [any(&[2, 3, 3]), any(&[3, 3, 1])],
                    move |v| v[0].solve_triangular(v[1], unit),
                    &["solve_triangular", "the batches [2] and [3] do not broadcast"],
                ),
                refuses(
                    [of(&[2, 2, 2], [1.0, 0.0, 0.0, 1.0, 1.0, 2.0, 2.0, 0.0]), any(&[2, 1])],
                    move |v| v[0].solve_triangular(v[1], lower),
                    &["solve_triangular of [2, 2, 2] and [2, 1]", "matrix [1] of the batch is singular", "element 1", "hint: "],
                ),
            ]);
            rows
        }
    }

    impl Sampled for Cholesky {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let shapes: [&[usize]; 8] = [&[3, 3], &[1, 1], &[5, 2], &[2, 3, 3], &[1, 2, 3, 1], &[0, 3, 3], &[0, 0], &[2, 0, 0]];
            let mut rows = Vec::new();
            for a in shapes {
                rows.push(grad([any(a)], |v| positive_definite(v[0]).cholesky(false)));
                rows.push(grad([any(a)], |v| positive_definite(v[0]).cholesky(true)));
            }
            rows.extend([
                grad([any(&[3, 3])], |v| positive_definite(v[0]).t().cholesky(false) * v[0]),
                equals(
                    [any(&[2, 3, 3])],
                    |v| {
                        let l = positive_definite(v[0]).cholesky(false);
                        l.matmul(l.transpose(-2, -1))
                    },
                    |v| positive_definite(v[0]),
                ),
                equals([any(&[3, 3])], |v| positive_definite(v[0]).cholesky(true), |v| positive_definite(v[0]).cholesky(false).t()),
                // Only one triangle is read, and the gradient is shared by both.
                value([of(&[2, 2], [4.0, NAN, 2.0, 10.0])], |v| v[0].cholesky(false), &[2.0, 0.0, 1.0, 3.0], [&[1.0 / 6.0; 4]]),
                value([of(&[2, 2], [4.0, 2.0, NAN, 10.0])], |v| v[0].cholesky(true), &[2.0, 1.0, 0.0, 3.0], [&[1.0 / 6.0; 4]]),
                refuses([any(&[2, 3])], |v| v[0].cholesky(false), &["cholesky of [2, 3]", "square", "hint: "]),
                refuses(
                    [of(&[2, 2], [1.0, 2.0, 2.0, 4.0])],
                    |v| v[0].cholesky(false),
                    &["cholesky of [2, 2]", "matrix is not positive definite", "pivot 1", "hint: "],
                ),
                refuses(
                    [of(&[2, 1, 1], [1.0, -2.0])],
                    |v| v[0].cholesky(true),
                    &["cholesky of [2, 1, 1]", "matrix [1] of the batch", "pivot 0"],
                ),
                refuses([of(&[1, 1], [NAN])], |v| v[0].cholesky(false), &["cholesky of [1, 1]", "pivot 0"]),
            ]);
            rows
        }
    }
}
