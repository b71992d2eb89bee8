//! Determinants of square matrices and of batches of them: det, slogdet.

use crate::array::error::ShapeError;
use crate::array::scalar::Scalar;
use crate::array::shape::Shape;
use crate::array::view::View;
use crate::kernels::linalg as kernels;
use crate::ops::indices::Indices;
use crate::ops::join::stack;
use crate::ops::linalg::{Factored, batch, place, square};
use crate::tape::op::{Cotangents, Op, Vjp};
use crate::tape::var::Var;

/// Which part of a determinant is computed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Part {
    Value,
    Sign,
    LogAbs,
}

/// The determinant of a, its sign, or the logarithm of its absolute value, computed from the factors of a.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Det(Part);

impl<T: Scalar> Op<T> for Det {
    fn name(&self) -> &'static str {
        match self.0 {
            Part::Value => "det",
            Part::Sign => "det_sign",
            Part::LogAbs => "logabsdet",
        }
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        square(x[0])?;
        Ok(batch(x[0]))
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        let n = x[0].shape()[x[0].shape().len() - 1];
        for (p, y) in y.iter_mut().enumerate() {
            let (sign, pivots) = match n {
                // The empty product is 1.
                0 => (T::ONE, None),
                _ => {
                    let (sign, pivots) = kernels::pivots(&x[1].data[place(&x[1], p)..], n);
                    (sign, Some(pivots))
                }
            };
            let pivots = pivots.into_iter().flatten();
            let unit = |x: T| if x > T::ZERO { T::ONE } else { x / T::abs(x) };
            *y = match self.0 {
                Part::Value => pivots.fold(sign, |y, x| y * x),
                Part::Sign => pivots.fold(sign, |y, x| if x == T::ZERO { T::ZERO } else { y * unit(x) }),
                Part::LogAbs => pivots.fold(T::ZERO, |y, x| y + T::from_f64(x.to_f64().abs().ln())),
            };
        }
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        let scale = match self.0 {
            Part::Value if cx.needs(0) => cx.g * cx.y(),
            Part::LogAbs if cx.needs(0) => cx.g,
            _ => return Cotangents::none(),
        };
        // The derivatives are det(a) a^-T and a^-T (Giles 2.2.4).
        let inverse = Factored { a: cx.x(0), lu: cx.x(1) }.inverse().transpose(-2, -1);
        cx.each(|i| (i == 0).then(|| inverse * scale.unsqueeze(-1).unsqueeze(-1)))
    }
}

/// If the ratio of the smallest pivot to the largest is not above this, `det(a) a^-T` loses half of its digits.
fn tolerance<T: Scalar>() -> f64 {
    if T::NAME == "f32" { f64::from(f32::EPSILON).sqrt() } else { f64::EPSILON.sqrt() }
}

/// The determinant of one singular or nearly singular matrix, for whose derivatives `det(a) a^-T` does not serve.
///
/// Elimination with complete pivoting finds a corner `p` that is far from singular. Only small numbers `s - r p^-1 q` are left:
///
/// ```text
/// det [p q]  =  det(p) det(s - r p^-1 q)
///     [r s]
/// ```
///
/// The determinant of the rest, most often a single number, is a polynomial of its elements. It is computed without a division, so its
/// value and all its derivatives are right also at 0.
#[track_caller]
fn det_of_singular<'t, T: Scalar>(a: Var<'t, T>) -> Var<'t, T> {
    let n = a.size(-1);
    let (rows, cols, rank) = kernels::complete_pivoting(&mut a.to_vec(), n, T::from_f64(tolerance::<T>()));
    let indices = |order: &[usize]| Indices::new(&[n], order.iter().map(|&i| i as i64));
    let a = a.index_select(0, indices(&rows)).index_select(1, indices(&cols));
    let rest = n - rank;
    let small = a.narrow(0, rank, rest).narrow(1, rank, rest);
    let det = if rank == 0 {
        det_without_division(small)
    } else {
        let p = Factored::new(a.narrow(0, 0, rank).narrow(1, 0, rank), "det");
        let q = a.narrow(0, 0, rank).narrow(1, rank, rest);
        let r = a.narrow(0, rank, rest).narrow(1, 0, rank);
        p.a.record2(Det(Part::Value), p.lu) * det_without_division(small - r.matmul(p.solve(q, false)))
    };
    if odd(&rows) == odd(&cols) { det } else { -det }
}

/// True if the permutation is odd.
fn odd(order: &[usize]) -> bool {
    let inversions = (0..order.len()).map(|i| order[..i].iter().filter(|&&before| before > order[i]).count());
    inversions.sum::<usize>() % 2 == 1
}

/// The determinant of one matrix by products and sums alone, in n - 1 matrix products: R. S. Bird, "A simple division-free algorithm for
/// computing determinants" (2011).
#[track_caller]
fn det_without_division<'t, T: Scalar>(a: Var<'t, T>) -> Var<'t, T> {
    let n = a.size(-1);
    let (upper, identity) = (a.ones_where("det", n, |i, j| i < j), a.identity("det", n));
    let mut x = a;
    for _ in 1..n {
        // Keep x above the diagonal; on the diagonal, put the negative sum of the diagonal elements further down; below it, 0.
        let diagonal = (x * identity).sum_axes(1, false);
        x = (x * upper - identity * upper.matmul(diagonal)).matmul(a);
    }
    let det = x.narrow(0, 0, 1).narrow(1, 0, 1).reshape_to(Shape::scalar());
    if n.is_multiple_of(2) { -det } else { det }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The determinant of square matrices: `[.., n, n] -> [..]`. Derivative: det(a) a^-T, the matrix of cofactors. It is right to any
    /// order, for singular matrices too. (PyTorch's `torch.linalg.det`.)
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let a = tape.leaf([[1.0, 2.0], [2.0, 4.0]]);
    /// assert_eq!(a.det().item(), 0.0);
    /// assert_eq!(tape.grad(a.det(), &[a])[0].unwrap().to_vec(), [4.0, -2.0, -2.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If the matrices are not square.
    #[track_caller]
    pub fn det(self) -> Self {
        let f = Factored::new(self, "det");
        let nearly_singular = |lu: &[T], n: usize| {
            let sizes = || kernels::pivots(lu, n).1.map(|x| x.to_f64().abs());
            let (low, high) = (sizes().fold(f64::INFINITY, f64::min), sizes().fold(0.0, f64::max));
            (low <= high * tolerance::<T>()).then_some(0)
        };
        if f.find(nearly_singular).is_none() {
            return self.record2(Det(Part::Value), f.lu);
        }
        // One matrix at a time, since each has its own order of rows and columns.
        let shape = self.shape();
        let (to, n) = (batch(&shape), shape[shape.len() - 1]);
        let all = self.reshape_to([to.numel(), n, n].into());
        let mut dets = Vec::with_capacity(to.numel());
        for p in 0..to.numel() {
            let one = Factored::new(all.narrow(0, p, 1).reshape_to([n, n].into()), "det");
            dets.push(match one.find(nearly_singular) {
                Some(_) => det_of_singular(one.a),
                None => one.a.record2(Det(Part::Value), one.lu),
            });
        }
        stack(&dets, 0).reshape_to(to)
    }
    /// The sign of the determinant of square matrices, and the logarithm of its absolute value. Neither overflows nor underflows: `[.., n,
    /// n] -> [..], [..]`. For a singular matrix they are 0 and -inf. Derivative of the logarithm: a^-T; the sign has none. (PyTorch's
    /// `torch.linalg.slogdet`.)
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let a = tape.leaf([[0.0, 1e-200], [1e-200, 0.0]]);
    /// let (sign, log) = a.slogdet(); // of -1e-400, which f64 does not hold
    /// assert_eq!(sign.item(), -1.0);
    /// assert!((log.item() + 400.0 * 10_f64.ln()).abs() < 1e-9);
    /// ```
    ///
    /// # Panics
    /// If the matrices are not square.
    #[track_caller]
    pub fn slogdet(self) -> (Self, Self) {
        let f = Factored::new(self, "slogdet");
        (self.record2(Det(Part::Sign), f.lu), self.record2(Det(Part::LogAbs), f.lu))
    }
}

#[cfg(test)]
mod rows {
    use super::*;
    use crate::ops::samples::*;

    const NAN: f64 = f64::NAN;

    impl Sampled for Det {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let shapes: [&[usize]; 8] = [&[3, 3], &[1, 1], &[2, 2], &[5, 5], &[2, 3, 3], &[0, 3, 3], &[0, 0], &[2, 0, 0]];
            let mut rows = Vec::new();
            for a in shapes {
                rows.push(grad([any(a)], |v| regular(v[0]).det()));
                rows.push(grad([any(a)], |v| {
                    let (sign, log) = (-regular(v[0])).slogdet();
                    log.square() + log * sign
                }));
            }
            // Singular matrices: of rank n - 1, n - 2 and 0, with zeros on the diagonal of U, and together with regular ones in a batch.
            let singular: [(&[usize], Vec<f64>); 7] = [
                (&[1, 1], vec![0.0]),
                (&[2, 2], vec![1.0, 2.0, 2.0, 4.0]),
                (&[2, 2], vec![0.0, 1.0, 0.0, 0.0]),
                (&[3, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]),
                (&[3, 3], vec![1.0, 2.0, 3.0, 2.0, 4.0, 6.0, -1.0, -2.0, -3.0]),
                (&[4, 4], vec![0.0; 16]),
                (&[3, 2, 2], vec![1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 2.0, 4.0, 0.0, 0.0, 0.0, 1.0]),
            ];
            for (shape, a) in singular {
                rows.push(grad([of(shape, a)], |v| v[0].det() + regular(v[0]).det()));
            }
            rows.extend([
                grad([any(&[3, 3])], |v| regular(v[0]).t().det() * v[0].sum()),
                equals([any(&[2, 3, 3])], |v| regular(v[0]).slogdet().1.exp(), |v| regular(v[0]).det()),
                equals([any(&[4, 4])], |v| regular(v[0]).det(), |v| det_without_division(regular(v[0]))),
                value([of(&[2, 2], [1.0, 2.0, 3.0, 4.0])], |v| v[0].det(), &[-2.0], [&[4.0, -3.0, -2.0, 1.0]]),
                value([of(&[2, 2], [1.0, 2.0, 2.0, 4.0])], |v| v[0].det(), &[0.0], [&[4.0, -2.0, -2.0, 1.0]]),
                value([of(&[2, 2], [0.0, 1.0, 0.0, 0.0])], |v| v[0].det(), &[0.0], [&[0.0, 0.0, -1.0, 0.0]]),
                value([of(&[0, 0], [])], |v| v[0].det(), &[1.0], [&[]]),
                value([of(&[2, 2], [NAN, 2.0, 3.0, 4.0])], |v| v[0].det(), &[NAN], [&[NAN; 4]]),
                value([of(&[2, 2], [2.0, 0.0, 0.0, -3.0])], |v| v[0].slogdet().1, &[6.0_f64.ln()], [&[0.5, 0.0, 0.0, -1.0 / 3.0]]),
                constant([of(&[2, 2], [0.0, 2.0, 0.5, 0.0])], |v| v[0].slogdet().0, &[-1.0]),
                constant([of(&[2, 2], [1.0, 2.0, 2.0, 4.0])], |v| v[0].slogdet().0, &[0.0]),
                constant([of(&[2, 2], [1.0, 2.0, 2.0, 4.0])], |v| v[0].slogdet().1.detach(), &[f64::NEG_INFINITY]),
                refuses([any(&[2, 3])], |v| v[0].det(), &["det of [2, 3]", "square", "hint: "]),
                refuses([any(&[3])], |v| v[0].slogdet().1, &["slogdet of [3]", "square", "hint: "]),
            ]);
            rows
        }
    }
}
