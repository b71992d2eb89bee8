//! Correlation with weights along one axis, of which blurs and pyramids are made.

use crate::array::error::ShapeError;
use crate::array::scalar::Scalar;
use crate::array::shape::Shape;
use crate::array::view::View;
use crate::kernels::correlate::correlate;
use crate::ops::join::concat;
use crate::tape::op::{Cotangents, Op, Vjp};
use crate::tape::var::{Operand, Var};

/// `y[i] = sum over k of w[k] x[i + k]` along an axis, where all of the weights lie on the array. Its arguments are contiguous.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Correlate1d {
    axis: usize,
}

impl<T: Scalar> Op<T> for Correlate1d {
    fn name(&self) -> &'static str {
        "correlate1d"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        let (n, w) = (x[0][self.axis], x[1]);
        if w.len() != 1 || w[0] == 0 {
            return Err(ShapeError::new(format!("the weights have shape {w}"))
                .hint("they are a list: a kernel for each axis is applied after another"));
        }
        if w[0] > n {
            let e = ShapeError::new(format!("{} weights for an axis of size {n}", w[0]));
            return Err(e.hint("the array is not padded: see `pad_with`"));
        }
        Ok(x[0].with(self.axis, n - w[0] + 1))
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        let shape = x[0].shape();
        correlate(&x[0].to_slice(), &x[1].to_slice(), shape[self.axis], shape[self.axis + 1..].iter().product(), y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        let (g, x, w, axis) = (cx.g, cx.x(0), cx.x(1), self.axis);
        let (taps, outputs) = (w.numel(), g.shape()[axis]);
        cx.each(|i| {
            if i == 0 {
                let mut border = vec![(0, 0); g.ndim() - axis];
                border[0] = (taps - 1, taps - 1);
                return g.pad(&border, 0.0).record2(*self, w.flip(0).contiguous());
            }
            let sums: Vec<_> = (0..taps).map(|k| (x.narrow(axis as isize, k, outputs) * g).sum().reshape([1])).collect();
            concat(&sums, 0)
        })
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The correlation with a list of weights along one axis, only where all of the weights lie on the array: `y[i] = sum over k of w[k] x[i + k]`.
    /// Derivatives: with respect to x the cotangent, padded by zeros and correlated with the weights in reverse; with respect to `w[k]` the sum of
    /// the cotangent times `x[i + k]`. Shapes: `[.., n, ..]` and `[k]` to `[.., n - k + 1, ..]`. SciPy: `ndimage.correlate1d`, which pads (here
    /// [`Var::pad_with`] does).
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 2.0, 4.0, 8.0]]);
    /// let y = x.correlate1d(tape.constant([-1.0, 1.0]), -1); // differences
    /// assert_eq!(y.to_vec(), [1.0, 2.0, 4.0]);
    /// assert_eq!(tape.grad(y, &[x])[0].unwrap().to_vec(), [-1.0, 0.0, 0.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, the weights are no list, and if there are none or more than the axis has elements.
    #[track_caller]
    pub fn correlate1d(self, weights: impl Operand<'t, T>, axis: isize) -> Self {
        let axis = self.axis("correlate1d", axis);
        self.contiguous().record2(Correlate1d { axis }, weights.to_var(self.tape).contiguous())
    }
}

#[cfg(test)]
mod rows {
    use super::*;
    use crate::ops::samples::*;

    /// The formula, along the first axis.
    fn by_hand<'t, T: Scalar>(v: &[Var<'t, T>]) -> Var<'t, T> {
        let n = v[0].shape()[0] - v[1].numel() + 1;
        let term = |k: usize| v[0].narrow(0, k, n) * v[1].narrow(0, k, 1);
        (1..v[1].numel()).fold(term(0), |sum, k| sum + term(k))
    }

    impl Sampled for Correlate1d {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            vec![
                grad([any(&[3, 7]), any(&[3])], |v| v[0].correlate1d(v[1], -1).exp()),
                grad([any(&[2, 5, 3]), any(&[2])], |v| v[0].correlate1d(v[1], 1).exp()),
                grad([any(&[5, 2]), any(&[5])], |v| v[0].correlate1d(v[1], 0).exp()),
                grad([any(&[4, 3]), any(&[2])], |v| v[0].t().correlate1d(v[1].flip(0), 1).exp()),
                grad([any(&[4]), any(&[])], |v| v[0].correlate1d(v[1].broadcast_to([2]), 0).exp()),
                grad([any(&[0, 4]), any(&[2])], |v| v[0].correlate1d(v[1], 1)),
                grad([any(&[4, 0]), any(&[2])], |v| v[0].correlate1d(v[1], 0)),
                // Blocks of rows and of vectors, and what is left beside them.
                equals([any(&[11, 85]), any(&[3])], |v| v[0].correlate1d(v[1], 0), by_hand),
                equals([any(&[6, 32]), any(&[1])], |v| v[0].correlate1d(v[1], 0), by_hand),
                equals([any(&[300]), any(&[7])], |v| v[0].correlate1d(v[1], 0), by_hand),
                equals([any(&[90, 3]), any(&[4])], |v| v[0].correlate1d(v[1], 0), by_hand),
                value(
                    [of(&[4], [1.0, 2.0, 4.0, 8.0]), of(&[2], [-1.0, 1.0])],
                    |v| v[0].correlate1d(v[1], 0),
                    &[1.0, 2.0, 4.0],
                    [&[-1.0, 0.0, 0.0, 1.0][..], &[7.0, 14.0]],
                ),
                // An infinite element reaches only the sums that it is part of.
                value(
                    [of(&[4], [f64::INFINITY, 2.0, 4.0, 8.0]), of(&[2], [1.0, 1.0])],
                    |v| v[0].correlate1d(v[1], 0).narrow(0, 1, 2),
                    &[6.0, 12.0],
                    [&[0.0, 1.0, 2.0, 1.0][..], &[6.0, 12.0]],
                ),
                refuses([any(&[3]), any(&[4])], |v| v[0].correlate1d(v[1], 0), &["correlate1d of [3] and [4]", "4 weights", "hint: "]),
                refuses([any(&[3]), any(&[1, 2])], |v| v[0].correlate1d(v[1], 0), &["correlate1d", "[1, 2]", "hint: "]),
                refuses([any(&[3]), any(&[0])], |v| v[0].correlate1d(v[1], 0), &["correlate1d", "[0]", "hint: "]),
                refuses([any(&[3]), any(&[1])], |v| v[0].correlate1d(v[1], 1), &["correlate1d of [3]"]),
                refuses([any(&[]), any(&[1])], |v| v[0].correlate1d(v[1], 0), &["correlate1d of []"]),
            ]
        }
    }
}
