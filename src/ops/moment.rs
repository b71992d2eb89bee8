//! Variance and standard deviation.

use crate::array::attribute::Attribute;
use crate::array::error::ShapeError;
use crate::array::layout::Axes;
use crate::array::scalar::Scalar;
use crate::array::shape::Shape;
use crate::array::view::View;
use crate::kernels::norm;
use crate::ops::reduction::AxisList;
use crate::tape::op::{Cotangents, Op, Vjp};
use crate::tape::var::Var;

/// The sum over axes of the squared distances from the mean, divided by the number of elements minus a correction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Variance {
    axes: Axes,
    correction: Attribute,
    keepdim: bool,
}

impl Variance {
    /// A correction larger than the number of elements gives the divisor 0, not a negative one, as in PyTorch. The result is then NaN or
    /// infinity, which is noticed; a negative variance might not be.
    fn divisor(&self, shape: &Shape) -> f64 {
        (self.axes.count(shape) as f64 - self.correction.0).max(0.0)
    }
}

impl<T: Scalar> Op<T> for Variance {
    fn name(&self) -> &'static str {
        "var"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        if self.correction.0.is_nan() {
            return Err(
                ShapeError::new("the correction is not a number").hint("1 is the unbiased estimate, 0 the variance of these numbers")
            );
        }
        Ok(self.axes.reduce(x[0], self.keepdim))
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        norm::variance(x[0], self.axes, self.divisor(x[0].shape()), false, y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        let x = cx.x(0);
        let shape = x.shape();
        cx.each(|_| {
            let g = cx.g.times(cx.g.number(2.0 / self.divisor(&shape)));
            g.spread(self.axes, self.keepdim, &shape).times(x.record(Center(self.axes)))
        })
    }
}

/// The distances from the mean over axes. This is a linear map, and its own adjoint.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Center(pub Axes);

impl<T: Scalar> Op<T> for Center {
    fn name(&self) -> &'static str {
        "center"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(x[0].clone())
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        norm::center(x[0], self.0, y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|_| cx.g.record(*self))
    }
}

/// The square root of a variance. It is an op of its own because the variance may overflow or vanish where its root does not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Deviation(Variance);

impl<T: Scalar> Op<T> for Deviation {
    fn name(&self) -> &'static str {
        "std"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        Op::<T>::shape(&self.0, x)
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        norm::variance(x[0], self.0.axes, self.0.divisor(x[0].shape()), true, y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        let (x, y, Variance { axes, keepdim, .. }) = (cx.x(0), cx.y(), self.0);
        let shape = x.shape();
        cx.each(|_| {
            // Where all elements are equal, no gradient flows. The branch that is not chosen stays finite, and so do its derivatives.
            let (flat, zero, one) = (y.equal(T::ZERO), y.number(0.0), y.number(1.0));
            let share = flat.where_cond(zero, cx.g.times(y.number(1.0 / self.0.divisor(&shape))));
            let spread = |v: Var<'t, T>| v.spread(axes, keepdim, &shape);
            spread(share).times(x.record(Center(axes)) / spread(flat.where_cond(one, y)))
        })
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The variance over axes: the sum of (x - mean)^2, divided by n - `correction`. Correction 1 gives the unbiased estimate from a
    /// sample, 0 the variance of these numbers themselves. Derivative: 2 (x - mean) / (n - correction). For equal numbers variance and
    /// derivative are exactly 0. Squares that overflow or vanish on the way do no harm; only the result itself may overflow. Shapes:
    /// `[m, n]` over axis 1 to `[m]`, or `[m, 1]` with `keepdim`.
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
        self.record(Variance { axes, correction: Attribute(correction), keepdim })
    }
    /// The standard deviation over axes: the square root of [`Var::var`]. Derivative: (x - mean) / ((n - correction) std), and 0 where all
    /// elements are equal. It is right also where the variance itself overflows or vanishes. Shapes: `[m, n]` over axis 1 to `[m]`, or
    /// `[m, 1]` with `keepdim`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 3.0], [5.0, 5.0]]);
    /// let y = x.std(-1, 0.0, false);
    /// assert_eq!(y.to_vec(), [1.0, 0.0]);
    /// assert_eq!(tape.grad(y, &[x])[0].unwrap().to_vec(), [-0.5, 0.5, 0.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, or one is named twice.
    #[track_caller]
    pub fn std(self, axes: impl AxisList, correction: f64, keepdim: bool) -> Self {
        let axes = self.axes("std", axes);
        self.record(Deviation(Variance { axes, correction: Attribute(correction), keepdim }))
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
                equals(
                    [any(&shape)],
                    |v| v[0].var(1, 1.0, false),
                    |v| (v[0] - v[0].mean_axes(1, true)).square().sum_axes(1, false) / v[0].number(3.0),
                ),
                value([of(&[3], [1.0, 2.0, 6.0])], |v| v[0].var(.., 0.0, false), &[14.0 * third], [&[-4.0 * third, -2.0 * third, 2.0]]),
                // A large offset costs no digits.
                value([of(&[3], [65536.0, 65537.0, 65538.0])], |v| v[0].var(.., 1.0, false), &[1.0], [&[-1.0, 0.0, 1.0]]),
                value([of(&[1], [2.0])], |v| v[0].var(0, 1.0, false), &[NAN], [&[NAN]]),
                value([of(&[0], [])], |v| v[0].var(0, 0.0, false), &[NAN], [&[]]),
                value([of(&[2, 0], [])], |v| v[0].var(0, 0.0, false), &[], [&[]]),
                refuses([any(&[2, 3])], |v| v[0].var(2, 1.0, false), &["var of [2, 3]", "axis 2 is out of range", "hint: "]),
            ]
        }
    }

    impl Sampled for Deviation {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            vec![
                grad([any(&[3, 5])], |v| v[0].std(1, 1.0, false)),
                grad([any(&[2, 3, 2])], |v| v[0].std([0, 2], 0.0, true).square()),
                grad([any(&[4])], |v| v[0].broadcast_to([3, 4]).std([0, 1], 1.0, false)),
                equals(
                    [any(&[3, 4])],
                    |v| v[0].std(0, 0.0, false),
                    |v| (v[0] - v[0].mean_axes(0, true)).square().mean_axes(0, false).sqrt(),
                ),
                value([of(&[3], [2.0; 3])], |v| v[0].std(0, 1.0, false), &[0.0], [&[0.0; 3]]),
                value([of(&[1], [2.0])], |v| v[0].std(0, 1.0, false), &[NAN], [&[NAN]]),
                value([of(&[2], [1.0, NAN])], |v| v[0].std(0, 1.0, false), &[NAN], [&[NAN, NAN]]),
                value([of(&[0], [])], |v| v[0].std(0, 0.0, false), &[NAN], [&[]]),
                refuses([any(&[2, 3])], |v| v[0].std([1, -1], 1.0, false), &["std of [2, 3]", "named twice"]),
            ]
        }
    }

    impl Sampled for Center {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let op = |axes: &[usize]| Center(Axes::of(axes.iter().copied()));
            vec![
                grad([any(&[7])], move |v| v[0].record(op(&[0])).square()),
                grad([any(&[3, 5])], move |v| v[0].record(op(&[0])).square()),
                grad([any(&[2, 3, 4])], move |v| v[0].permute(&[2, 0, 1]).record(op(&[0, 2])).square()),
                grad([any(&[0, 3])], move |v| v[0].record(op(&[0]))),
                equals([any(&[3, 4])], move |v| v[0].record(op(&[1])), |v| v[0] - v[0].mean_axes(1, true)),
                adjoint(any(&[2, 3]), any(&[2, 3]), move |u| u.record(op(&[1])), move |v| v.record(op(&[1]))),
                value([of(&[3], [0.1; 3])], move |v| v[0].record(op(&[0])), &[0.0; 3], [&[0.0; 3]]),
            ]
        }
    }
}
