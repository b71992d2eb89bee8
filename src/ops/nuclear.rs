//! The nuclear norm of matrices, and the polar factor that is its gradient.

use crate::array::error::ShapeError;
use crate::array::scalar::Scalar;
use crate::array::shape::Shape;
use crate::array::view::View;
use crate::kernels::svd;
use crate::tape::op::{Cotangents, Op, Vjp};
use crate::tape::var::{Var, refuse};

/// The sum of the singular values of matrices that are not wider than high.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct NuclearNorm;

/// `U V^T` of the singular value decomposition `U S V^T` of matrices that are not wider than high. If all singular values are above 0, this
/// is the nearest matrix with orthonormal columns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Polar;

/// Rows and columns.
fn size(x: &Shape) -> Result<(usize, usize), ShapeError> {
    match **x {
        [.., m, n] if n <= m => Ok((m, n)),
        _ => Err(ShapeError::new(format!("matrices that are not wider than high are needed, not shape {x}")).hint("transpose them")),
    }
}

impl<T: Scalar> Op<T> for NuclearNorm {
    fn name(&self) -> &'static str {
        "nuclear_norm"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        size(x[0])?;
        Ok(x[0][..x[0].len() - 2].into())
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        let (m, n) = size(x[0].shape()).expect("checked");
        if m * n == 0 {
            return y.fill(T::ZERO);
        }
        let x = x[0].to_slice();
        x.chunks_exact(m * n).zip(y).for_each(|(x, y)| *y = svd::nuclear_norm(x, m, n));
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|_| cx.x(0).record(Polar) * cx.g.unsqueeze(-1).unsqueeze(-1))
    }
}

impl<T: Scalar> Op<T> for Polar {
    fn name(&self) -> &'static str {
        "polar"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        size(x[0])?;
        Ok(x[0].clone())
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        let (m, n) = size(x[0].shape()).expect("checked");
        if m * n == 0 {
            return;
        }
        let x = x[0].to_slice();
        x.chunks_exact(m * n).zip(y.chunks_exact_mut(m * n)).for_each(|(x, y)| svd::polar(x, m, n, y));
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        // x = y p with p symmetric and, where all singular values are above 0, y^T y = 1. From y^T dx - dx^T y = p w + w p follow two parts
        // of dy: y w inside the space of the columns, and (1 - y y^T) dx p^-1 outside it. Their adjoints take a cotangent g to y z with p z
        // + z p = y^T g - g^T y, and to (1 - y y^T) g p^-1.
        // Singular values of 0 stay 0. What mixes their directions with the others is added on both sides; among themselves they count as
        // constant. y^T y is the projector on the directions of the others.
        let (g, x, y) = (cx.g, cx.x(0), cx.y());
        cx.each(|_| {
            let (shape, back) = (x.shape(), y.transpose(-2, -1));
            if shape.numel() == 0 {
                return g;
            }
            let (along, others) = (back.matmul(g), back.matmul(y));
            let none = x.identity("nuclear_norm", shape[shape.len() - 1]) - others;
            // Divided by the sum of all singular values, so that sums neither overflow nor vanish. In the directions of singular values of
            // 0, p is set to 1, so that systems with p have a solution.
            let size = (x * y).sum_axes([-2, -1], true).detach();
            let size = size.equal(T::ZERO).where_cond(T::ONE, size);
            let p = back.matmul(x / size) + none;
            let within = others.matmul(along).matmul(others);
            let turned = y.matmul(lyapunov(p, within - within.transpose(-2, -1)));
            let over_p = |v: Var<'t, T>| p.solve(v.transpose(-2, -1)).transpose(-2, -1).matmul(others);
            let beside = over_p(g - y.matmul(along));
            let across = y.matmul(p.solve(others.matmul(along).matmul(none)));
            (turned + beside + across) / size
        })
    }
}

/// The z with `p z + z p = s`, for symmetric p: the solution of a linear system in the elements of z.
fn lyapunov<'t, T: Scalar>(p: Var<'t, T>, s: Var<'t, T>) -> Var<'t, T> {
    let shape = p.shape();
    let (batch, n) = (&shape[..shape.len() - 2], shape[shape.len() - 1]);
    let with = |sizes: &[usize]| batch.iter().chain(sizes).copied().collect::<Shape>();
    let unit = p.identity("nuclear_norm", n);
    // The element at row (i, j) and column (k, l) is p[i][k] where j = l, plus p[j][l] where i = k.
    let left = p.reshape_to(with(&[n, 1, n, 1])) * unit.reshape_to([1, n, 1, n].into());
    let right = p.reshape_to(with(&[1, n, 1, n])) * unit.reshape_to([n, 1, n, 1].into());
    let system = (left + right).reshape_to(with(&[n * n, n * n]));
    system.solve(s.reshape_to(with(&[n * n, 1]))).reshape_to(shape.clone())
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The nuclear norm of matrices, `[.., m, n] -> [..]`: the sum of the singular values. Derivative: U V^T of the singular value
    /// decomposition. Singular values of 0 contribute nothing to it, so for a singular matrix it is the subgradient of least norm, which
    /// does not depend on an arbitrary choice of vectors. A singular value counts as 0 if rounding can have produced it: below max(m, n)
    /// times 2.2e-16 of the largest, for `f32` too, since singular values are computed in double precision. Further derivatives take
    /// singular values of 0 as constant, and solve a system of min(m, n)^2 unknowns. PyTorch: `linalg.matrix_norm(x, "nuc")`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[3.0, 0.0], [0.0, -2.0]]);
    /// assert_eq!(x.nuclear_norm().item(), 5.0);
    /// assert_eq!(tape.grad(x.nuclear_norm(), &[x])[0].unwrap().to_vec(), [1.0, 0.0, 0.0, -1.0]);
    /// ```
    ///
    /// # Panics
    /// If there are fewer than two axes.
    #[track_caller]
    pub fn nuclear_norm(self) -> Self {
        let shape = self.shape();
        match *shape {
            [.., m, n] if n > m => self.transpose(-2, -1).contiguous().record(NuclearNorm),
            [.., _, _] => self.contiguous().record(NuclearNorm),
            _ => refuse(ShapeError::new("matrices are needed").hint("at least two axes"), "nuclear_norm", [shape]),
        }
    }
}

#[cfg(test)]
mod rows {
    use super::*;
    use crate::ops::samples::*;

    /// The matrix u v^T, scaled to length 1.
    fn rank_one(u: [f64; 2], v: [f64; 2]) -> [f64; 4] {
        let length = u[0].hypot(u[1]) * v[0].hypot(v[1]);
        [u[0] * v[0], u[0] * v[1], u[1] * v[0], u[1] * v[1]].map(|x| x / length)
    }

    impl Sampled for NuclearNorm {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            vec![
                grad([any(&[3, 3])], |v| v[0].nuclear_norm()),
                grad([any(&[4, 2])], |v| v[0].nuclear_norm()),
                grad([any(&[2, 4])], |v| v[0].nuclear_norm()),
                grad([any(&[2, 2, 2])], |v| v[0].nuclear_norm()),
                grad([any(&[1, 1])], |v| v[0].nuclear_norm().square()),
                grad([any(&[0, 2])], |v| v[0].nuclear_norm()),
                grad([any(&[0, 2, 2])], |v| v[0].nuclear_norm()),
                // For a vector the norm is its length.
                equals([any(&[5, 1])], |v| v[0].nuclear_norm(), |v| v[0].vector_norm(2.0, .., false)),
                value([of(&[2, 2], [3.0, 0.0, 0.0, -2.0])], |v| v[0].nuclear_norm(), &[5.0], [&[1.0, 0.0, 0.0, -1.0]]),
                // Rank 1: U V^T of the singular value that is not 0.
                value(
                    [of(&[2, 2], [0.6, 1.2, 0.8, 1.6])],
                    |v| v[0].nuclear_norm(),
                    &[20f64.sqrt() * 0.5],
                    [&rank_one([0.6, 0.8], [1.0, 2.0])],
                ),
                value([of(&[2, 2], [1.0, 2.0, 2.0, 4.0])], |v| v[0].nuclear_norm(), &[5.0], [&rank_one([1.0, 2.0], [1.0, 2.0])]),
                value([of(&[3, 2], [0.0, 3.0, 0.0, 0.0, 0.0, 4.0])], |v| v[0].nuclear_norm(), &[5.0], [&[0.0, 0.6, 0.0, 0.0, 0.0, 0.8]]),
                value([of(&[2, 3], [0.0, 3.0, 4.0, 0.0, 0.0, 0.0])], |v| v[0].nuclear_norm(), &[5.0], [&[0.0, 0.6, 0.8, 0.0, 0.0, 0.0]]),
                // Equal singular values need no special case.
                grad([of(&[2, 2], [0.0, 2.0, -2.0, 0.0])], |v| v[0].nuclear_norm()),
                grad([of(&[3, 3], [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0])], |v| v[0].nuclear_norm()),
                // A vector next to zeros that stay zeros: the norm is its length, to any order.
                equals([any(&[3])], |v| crate::stack(&[v[0], v[0].zeros_like()], 1).nuclear_norm(), |v| v[0].vector_norm(2.0, .., false)),
                equals(
                    [any(&[2])],
                    |v| crate::stack(&[v[0], v[0] * v[0].number(2.0)], 0).nuclear_norm(),
                    |v| v[0].vector_norm(2.0, .., false) * v[0].number(5f64.sqrt()),
                ),
                // Small compared to the largest, but not 0.
                value([of(&[2, 2], [1.0, 0.0, 0.0, 1e-9])], |v| v[0].nuclear_norm(), &[1.0 + 1e-9], [&[1.0, 0.0, 0.0, 1.0]]),
                value([of(&[2, 2], [0.0; 4])], |v| v[0].nuclear_norm(), &[0.0], [&[0.0; 4]]),
                value(
                    [of(&[2, 2], [f64::NAN, 0.0, 0.0, 1.0])],
                    |v| v[0].nuclear_norm().detach() + v[0].sum().detach() + v[0],
                    &[f64::NAN; 4],
                    [&[1.0; 4]],
                ),
                refuses([any(&[3])], |v| v[0].nuclear_norm(), &["nuclear_norm of [3]", "matrices"]),
            ]
        }
    }

    impl Sampled for Polar {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            vec![
                grad([any(&[3, 3])], |v| v[0].record(Polar)),
                grad([any(&[3, 2])], |v| v[0].record(Polar)),
                grad([any(&[2, 2, 2])], |v| v[0].record(Polar)),
                grad([any(&[0, 2, 2])], |v| v[0].record(Polar)),
                equals([any(&[4, 1])], |v| v[0].record(Polar), |v| v[0].normalize(0)),
                refuses([any(&[2, 3])], |v| v[0].record(Polar), &["polar of [2, 3]", "wider"]),
            ]
        }
    }
}
