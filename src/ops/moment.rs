//! Variance and standard deviation.

use crate::error::ShapeError;
use crate::kernels::norm;
use crate::layout::{Axes, Shape};
use crate::op::{Cotangents, Op, View, Vjp};
use crate::ops::reduction::AxisList;
use crate::scalar::Scalar;
use crate::var::Var;

/// The sum over axes of the squared distances from the mean, divided by their number less a correction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Variance {
    axes: Axes,
    correction: f64,
    keepdim: bool,
}

impl Variance {
    fn divisor(&self, shape: &Shape) -> f64 {
        self.axes.count(shape) as f64 - self.correction
    }
}

impl<T: Scalar> Op<T> for Variance {
    fn name(&self) -> &'static str {
        "var"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(self.axes.reduce(x[0], self.keepdim))
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        norm::squared_deviations(x[0], self.axes, y);
        let divisor = T::from_f64(self.divisor(x[0].shape()).max(0.0));
        y.iter_mut().for_each(|y| *y = *y / divisor);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        let x = cx.x(0);
        let shape = x.shape();
        cx.each(|_| {
            let g = cx.g * cx.g.number(2.0 / self.divisor(&shape));
            (x - x.mean_axes(self.axes, true)) * g.spread(self.axes, self.keepdim, &shape)
        })
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The variance over axes: the sum of (x - mean)^2, divided by n - `correction` (1: the unbiased estimate from a sample; 0: the
    /// variance of these numbers themselves). Derivative: 2 (x - mean) / (n - correction).
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([1.0, 2.0, 6.0]);
    /// assert_eq!(x.var(.., 1.0, false).item(), 7.0);
    /// assert_eq!(x.var(0, 0.0, true).to_vec(), [14.0 / 3.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, or one is named twice.
    #[track_caller]
    pub fn var(self, axes: impl AxisList, correction: f64, keepdim: bool) -> Self {
        let axes = self.axes("var", axes);
        self.record(Variance { axes, correction, keepdim })
    }
    /// The standard deviation over axes: the square root of [`Var::var`]. Derivative: (x - mean) / ((n - correction) std), and 0 where
    /// all elements are equal.
    ///
    /// # Panics
    /// If there is no such axis, or one is named twice.
    #[track_caller]
    pub fn std(self, axes: impl AxisList, correction: f64, keepdim: bool) -> Self {
        let axes = self.axes("std", axes);
        let var = self.record(Variance { axes, correction, keepdim });
        // The root's slope at 0 is infinite, but nothing flows through it there.
        let flat = var.equal(var.number(0.0));
        flat.where_cond(var.number(0.0), flat.where_cond(var.number(1.0), var).sqrt())
    }
}

#[cfg(test)]
mod rows {
    use super::*;
    use crate::ops::samples::*;

    const NAN: f64 = f64::NAN;

    impl Sampled for Variance {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let (shape, third) = ([3, 4], 1.0 / 3.0);
            vec![
                grad([any(&[7])], |v| v[0].var(.., 1.0, false)),
                grad([any(&[3, 5])], |v| v[0].var(0, 1.0, false)),
                grad([any(&[3, 5])], |v| v[0].var(-1, 0.5, true).square()),
                grad([any(&[2, 3, 4])], |v| v[0].var([0, 2], 0.0, false)),
                grad([any(&[2, 3, 4])], |v| v[0].permute(&[2, 0, 1]).var([0, -1], 1.0, false)),
                grad([any(&[5])], |v| v[0].var(0, -5.0, false) * v[0]),
                grad([any(&[700])], |v| v[0].var(0, 1.0, false)),
                grad([any(&[3, 5])], |v| v[0].std(1, 1.0, false)),
                grad([any(&[2, 3, 2])], |v| v[0].std([0, 2], 0.0, true).square()),
                grad([any(&[4])], |v| v[0].broadcast_to(&[3, 4]).std([0, 1], 1.0, false)),
                equals(
                    [any(&shape)],
                    |v| v[0].var(1, 1.0, false),
                    |v| (v[0] - v[0].mean_axes(1, true)).square().sum_axes(1, false) / v[0].number(3.0),
                ),
                equals(
                    [any(&shape)],
                    |v| v[0].std(0, 0.0, false),
                    |v| (v[0] - v[0].mean_axes(0, true)).square().mean_axes(0, false).sqrt(),
                ),
                value([of(&[3], [1.0, 2.0, 6.0])], |v| v[0].var(.., 0.0, false), &[14.0 * third], [&[-4.0 * third, -2.0 * third, 2.0]]),
                // One large offset costs no digits.
                value([of(&[3], [65536.0, 65537.0, 65538.0])], |v| v[0].var(.., 1.0, false), &[1.0], [&[-1.0, 0.0, 1.0]]),
                value([of(&[3], [2.0; 3])], |v| v[0].std(0, 1.0, false), &[0.0], [&[0.0; 3]]),
                value([of(&[1], [2.0])], |v| v[0].var(0, 1.0, false), &[NAN], [&[NAN]]),
                value([of(&[2], [1.0, NAN])], |v| v[0].std(0, 1.0, false), &[NAN], [&[NAN, NAN]]),
                value([of(&[0], [])], |v| v[0].var(0, 0.0, false), &[NAN], [&[]]),
                value([of(&[2, 0], [])], |v| v[0].var(0, 0.0, false), &[], [&[]]),
                refuses([any(&[2, 3])], |v| v[0].var(2, 1.0, false), &["var of [2, 3]", "axis 2 is out of range", "hint: "]),
                refuses([any(&[2, 3])], |v| v[0].std([1, -1], 1.0, false), &["std of [2, 3]", "named twice"]),
            ]
        }
    }
}
