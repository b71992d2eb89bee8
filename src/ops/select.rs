//! Choosing between values: where_cond, masked_fill, clamp.

use crate::array::attribute::Attribute;
use crate::array::error::ShapeError;
use crate::array::scalar::{Real, Scalar};
use crate::array::shape::Shape;
use crate::array::simd::Simd;
use crate::array::view::View;
use crate::kernels::elementwise::{Cost, Elementwise, apply};
use crate::ops::map::{Map, Unary, same_shape};
use crate::tape::op::{Cotangents, Fused, Op, Vjp};
use crate::tape::var::{Operand, Var, refuse};

// ---------------------------------------------------------------------------------------------------------- where_cond

/// `a` where the condition is not 0, else `b`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Where;

impl<T: Scalar> Elementwise<T, 3> for Where {
    #[inline(always)]
    fn at<S: Simd>(self, [c, a, b]: [T; 3]) -> T {
        if c != T::ZERO { a } else { b }
    }
}

impl<T: Scalar> Op<T> for Where {
    fn name(&self) -> &'static str {
        "where_cond"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        same_shape(x)
    }
    fn fused(&self) -> Option<&dyn Fused<T>> {
        Some(self)
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        apply(*self, [x[0], x[1], x[2]], y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        let (g, c) = (cx.g, cx.x(0));
        // Where the other value was chosen, the cotangent is 0, even if g is not finite.
        cx.each(|i| match i {
            0 => None,
            1 => Some(c.record3(Where, g, g.zeros_like())),
            _ => Some(c.record3(Where, g.zeros_like(), g)),
        })
    }
}

impl<T: Scalar> Fused<T> for Where {
    fn elementwise(&self) -> Option<Cost> {
        Some(Cost::Cheap)
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// Chooses between two values, with this array as the condition: `a` where it is not 0, else `b`; all three broadcast. Derivative: each
    /// value gets the cotangent where it was chosen and 0 elsewhere; the condition gets none. A cotangent of 0 stays 0 on its way through the
    /// functions that the value came from, even where their slope is infinite or NaN. Shape: that to which all three broadcast. PyTorch:
    /// `where`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([-1.0, 0.0, 4.0]);
    /// let y = x.gt(0.0).where_cond(x.sqrt(), 0.0);
    /// assert_eq!(y.to_vec(), [0.0, 0.0, 2.0]);
    /// assert_eq!(tape.grad(y, &[x])[0].unwrap().to_vec(), [0.0, 0.0, 0.25]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn where_cond(self, a: impl Operand<'t, T>, b: impl Operand<'t, T>) -> Self {
        let (a, b) = (a.to_var(self.tape), b.to_var(self.tape));
        let (sc, sa, sb) = (self.shape(), a.shape(), b.shape());
        if [a, b].iter().any(|v| !std::ptr::eq(v.tape, self.tape)) {
            return self.record3(Where, a, b); // reports the values of another tape
        }
        match sa.broadcast(&sb).and_then(|s| s.broadcast(&sc)) {
            Some(s) => {
                let c = self.broadcast_to_shape(s.clone());
                c.record3(Where, a.broadcast_to_shape(s.clone()), b.broadcast_to_shape(s))
            }
            None => {
                let e = ShapeError::new("condition and values do not broadcast to one shape")
                    .hint("sizes are compared from the last axis; they must be equal, or one of them 1 (see `unsqueeze`)");
                refuse(e, "where_cond", [sc, sa, sb])
            }
        }
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// This array, with a single number where the mask is not 0; array and mask broadcast. Derivatives: by the array, the cotangent where
    /// it was kept; by the number, the sum of the cotangents where it was filled in. Shape: that to which array and mask broadcast.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (x, c) = (tape.leaf([[1.0, 2.0], [3.0, 4.0]]), tape.leaf(-1.0));
    /// let y = x.masked_fill(tape.constant([0.0, 1.0]), c);
    /// assert_eq!(y.to_vec(), [1.0, -1.0, 3.0, -1.0]);
    /// assert_eq!(tape.grad(y, &[c])[0].unwrap().item(), 2.0);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast, or the value is not a single number.
    #[track_caller]
    pub fn masked_fill(self, mask: Self, value: impl Operand<'t, T>) -> Self {
        let value = value.to_var(self.tape);
        if value.ndim() != 0 {
            let e = ShapeError::new("the value has axes").hint("one number fills all places; for an array of values see `where_cond`");
            refuse(e, "masked_fill", [self.shape(), mask.shape(), value.shape()])
        }
        mask.where_cond(value, self)
    }
}

// --------------------------------------------------------------------------------------------------------------- clamp

/// `min(max(x, low), high)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Clamp {
    low: Attribute,
    high: Attribute,
}

impl Unary for Clamp {
    const NAME: &'static str = "clamp";
    const GRAD_NAME: &'static str = "clamp_grad";
    const CHOOSES: bool = true;
    const COST: Cost = Cost::Cheap;
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        let low = x.max(x.lit(self.low.0));
        -((-low).max(x.lit(-self.high.0)))
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        // 0 at a bound, but an infinite x lies within an infinite bound.
        let (low, high) = (x.lit(self.low.0), x.lit(self.high.0));
        let above = if self.low.0 == f64::NEG_INFINITY { x.ge(low) } else { x.gt(low) };
        let below = if self.high.0 == f64::INFINITY { high.ge(x) } else { high.gt(x) };
        above * below
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// min(max(x, low), high), elementwise; an infinite bound has no effect. Derivative: 1 between the bounds, 0 outside and at them, like
    /// that of `hardtanh` and `relu`. Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([-2.0, 0.5, 9.0]);
    /// assert_eq!(x.clamp(-1.0, f64::INFINITY).to_vec(), [-1.0, 0.5, 9.0]);
    /// assert_eq!(tape.grad(x.clamp(-1.0, 1.0), &[x])[0].unwrap().to_vec(), [0.0, 1.0, 0.0]);
    /// ```
    #[track_caller]
    pub fn clamp(self, low: f64, high: f64) -> Self {
        self.record(Map(Clamp { low: Attribute(low), high: Attribute(high) }))
    }
    /// min(max(x, low), high), elementwise. The bounds are arrays or `None`; all broadcast. Where low > high the result is high.
    /// Derivatives: 1 for the one of the three that was taken; two that are equal share it, as in `maximum`. (A bound that is a number has no
    /// share, which is why `clamp` has 0 there.) Shape: that to which all three broadcast. PyTorch: `clamp` with tensors.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (x, high) = (tape.leaf([1.0, 5.0, 9.0]), tape.leaf(6.0));
    /// assert_eq!(x.clamp_within(None, high).to_vec(), [1.0, 5.0, 6.0]);
    /// let y = x.clamp_within(tape.leaf([2.0, 2.0, 7.0]), high);
    /// assert_eq!(y.to_vec(), [2.0, 5.0, 6.0]); // 7 is above 6
    /// assert_eq!(tape.grad(y, &[high])[0].unwrap().item(), 1.0);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn clamp_within(self, low: impl Into<Option<Self>>, high: impl Into<Option<Self>>) -> Self {
        let x = match low.into() {
            Some(low) => self.maximum(low),
            None => self,
        };
        match high.into() {
            Some(high) => x.minimum(high),
            None => x,
        }
    }
}

#[cfg(test)]
mod rows {
    use super::*;
    use crate::ops::samples::*;

    const INF: f64 = f64::INFINITY;
    const NAN: f64 = f64::NAN;

    impl Sampled for Where {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            vec![
                grad([any(&[3, 5]), any(&[3, 5])], |v| v[0].gt(v[1]).where_cond(v[0].square(), v[1].exp())),
                grad([any(&[3, 1]), any(&[4])], |v| v[0].gt(v[0].number(0.0)).where_cond(v[1] * v[1], v[0])),
                grad([any(&[5])], |v| v[0].gt(v[0].number(0.0)).where_cond(v[0], v[0] * v[0])),
                grad([any(&[0, 2])], |v| v[0].gt(v[0].number(0.0)).where_cond(v[0], v[0].exp())),
                grad([any(&[3, 2]), any(&[2, 3])], |v| v[0].t().gt(v[1]).where_cond(v[0].t(), v[1].exp())),
                grad([any(&[])], |v| v[0].gt(v[0].number(0.0)).where_cond(v[0].exp(), v[0])),
                // What was not chosen gets 0, however large the cotangent is. NaN is not 0, so it chooses the first value.
                value(
                    [of(&[3], [1.0, 0.0, NAN]), of(&[3], [1.0, NAN, 3.0]), of(&[3], [INF, 5.0, 6.0])],
                    |v| v[0].detach().where_cond(v[1], v[2]) * v[0].number(2.0) + v[0],
                    &[3.0, 10.0, NAN],
                    [&[1.0; 3], &[2.0, 0.0, 2.0], &[0.0, 2.0, 0.0]],
                ),
                value(
                    [of(&[2], [1.0, 2.0]), of(&[], [5.0])],
                    |v| v[0].number(1.0).where_cond(v[0], v[1]) / v[0].number(0.0),
                    &[INF, INF],
                    [&[INF, INF], &[0.0]],
                ),
                grad([any(&[3, 5]), any(&[5]), any(&[])], |v| v[0].masked_fill(v[1].gt(v[1].number(0.0)), v[2]).square()),
                grad([any(&[5]), any(&[3, 5])], |v| v[0].masked_fill(v[1].gt(v[1].number(0.0)), T::from_f64(0.5)).exp()),
                value(
                    [of(&[3], [1.0, NAN, 3.0]), of(&[], [5.0])],
                    |v| v[0].masked_fill(v[0].not_equal(v[0]), v[1]),
                    &[1.0, 5.0, 3.0],
                    [&[1.0, 0.0, 1.0], &[1.0]],
                ),
                refuses(
                    [any(&[2, 2]), any(&[]), any(&[1])],
                    |v| v[0].masked_fill(v[1], v[2]),
                    &["masked_fill of [2, 2] and [] and [1]", "hint: "],
                ),
                refuses(
                    [any(&[2]), any(&[3]), any(&[])],
                    |v| v[0].masked_fill(v[1], v[2]),
                    &["where_cond of [3] and [] and [2]", "hint: "],
                ),
                refuses(
                    [any(&[2]), any(&[3]), any(&[3])],
                    |v| v[0].where_cond(v[1], v[2]),
                    &["where_cond of [2] and [3] and [3]", "hint: "],
                ),
                refuses(
                    [any(&[2]), any(&[2]), any(&[3])],
                    |v| v[0].where_cond(v[1], v[2]),
                    &["where_cond of [2] and [2] and [3]", "hint: "],
                ),
            ]
        }
    }

    impl Sampled for Clamp {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = unary(Clamp { low: Attribute(-1.01), high: Attribute(0.77) }, -2.0, 2.0, |x| x.clamp(-1.01, 0.77));
            rows.extend(points(
                |x| x.clamp(-1.0, 2.0),
                &[
                    (-1.0, -1.0, 0.0),
                    (2.0, 2.0, 0.0),
                    (-1.5, -1.0, 0.0),
                    (2.5, 2.0, 0.0),
                    (0.0, 0.0, 1.0),
                    (INF, 2.0, 0.0),
                    (-INF, -1.0, 0.0),
                    (NAN, NAN, 0.0),
                ],
            ));
            // Bounds in reverse order.
            rows.extend(points(|x| x.clamp(1.0, -1.0), &[(0.0, -1.0, 0.0), (2.0, -1.0, 0.0), (-2.0, -1.0, 0.0), (NAN, NAN, 0.0)]));
            rows.extend(points(|x| x.clamp(0.0, INF), &[(-3.0, 0.0, 0.0), (0.0, 0.0, 0.0), (3.0, 3.0, 1.0), (INF, INF, 1.0)]));
            rows.extend(points(|x| x.clamp(-INF, 0.0), &[(-INF, -INF, 1.0), (-3.0, -3.0, 1.0), (0.0, 0.0, 0.0), (3.0, 0.0, 0.0)]));
            // Equal bounds.
            rows.extend(points(|x| x.clamp(1.0, 1.0), &[(0.0, 1.0, 0.0), (1.0, 1.0, 0.0), (2.0, 1.0, 0.0)]));
            rows
        }
    }
}
