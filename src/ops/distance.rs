//! Norms of vectors, and distances, directions and similarities, which are made of norms.

use crate::array::attribute::Attribute;
use crate::array::error::ShapeError;
use crate::array::layout::Axes;
use crate::array::scalar::{Num, Real, Scalar};
use crate::array::shape::Shape;
use crate::array::simd::Simd;
use crate::array::view::View;
use crate::kernels::elementwise::{Cost, Elementwise, apply};
use crate::kernels::fold::{fold, group};
use crate::kernels::parallel;
use crate::kernels::reduce;
use crate::kernels::scratch;
use crate::kernels::unit::{is_safe, unit};
use crate::ops::map::{Slope, rule_of_slope, same_shape, times};
use crate::ops::reduction::AxisList;
use crate::tape::op::{Cotangents, Op, Vjp};
use crate::tape::var::{Operand, Var, refuse};

const INF: f64 = f64::INFINITY;
/// From this number of elements on, a thread of its own pays off for sums of powers in a unit.
const GRAIN: usize = 4 * 1024;

// ---------------------------------------------------------------------------------------------------------- vector_norm

/// `(sum |x|^p)^(1/p)` over axes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct VectorNorm {
    p: Attribute,
    axes: Axes,
    keepdim: bool,
}

/// `g * dy/dx`, and 0 where g is 0, elementwise, from g, x and the norm y of x. The order p is finite and not 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct VectorNormGrad {
    p: Attribute,
}

/// The terms of the sum or of the maximum.
#[derive(Clone, Copy)]
struct Term(f64);
impl<T: Scalar> Elementwise<T, 1> for Term {
    const COST: Cost = Cost::Expensive;
    #[inline(always)]
    fn at<S: Simd>(self, [x]: [T; 1]) -> T {
        let x = Num::<T, S>::new(x);
        let y = match self.0 {
            0.0 => x.equal(x.lit(0.0)).select(x.lit(0.0), x.lit(1.0)),
            1.0 | INF => x.abs(),
            2.0 => x * x,
            NEG_INF => -x.abs(),
            p => x.abs().pow(x.lit(p)),
        };
        y.0
    }
}
const NEG_INF: f64 = f64::NEG_INFINITY;

/// The terms of elements that are first multiplied by a unit.
#[derive(Clone, Copy)]
struct ScaledTerm<T>(Term, T);
impl<T: Scalar> Elementwise<T, 1> for ScaledTerm<T> {
    #[inline(always)]
    fn at<S: Simd>(self, [x]: [T; 1]) -> T {
        self.0.at::<S>([x * self.1])
    }
}

impl<T: Scalar> Op<T> for VectorNorm {
    fn name(&self) -> &'static str {
        "vector_norm"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        if self.p.0.is_nan() {
            return Err(ShapeError::new("p is not a number").hint("2 is the length, 1 the sum of absolute values, infinity the largest"));
        }
        let y = self.axes.reduce(x[0], self.keepdim);
        if (self.p.0 < 0.0 || self.p.0 == INF) && self.axes.count(x[0]) == 0 && y.numel() > 0 {
            return Err(ShapeError::new(format!("without elements there is no norm of order {} (shape {})", self.p.0, x[0]))
                .hint("an axis that is reduced must not have size 0 where p is negative or infinite"));
        }
        Ok(y)
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        let term = Term(self.p.0);
        if self.p.0.abs() == INF {
            fold(term, [x[0]], self.axes, reduce::Max, y);
            return if self.p.0 < 0.0 {
                y.iter_mut().for_each(|y| *y = -*y)
            };
        }
        fold(term, [x[0]], self.axes, reduce::Sum, y);
        if self.p.0 == 0.0 || self.p.0 == 1.0 {
            return;
        }
        let root = |y: &mut T| match self.p.0 {
            2.0 => *y = y.sqrt(),
            p => *y = T::from_f64(y.to_f64().powf(1.0 / p)),
        };
        if y.iter().all(|&y| is_safe(y)) {
            return y.iter_mut().for_each(root);
        }
        // Some powers overflow or vanish. Compute those rows again in a unit: that of the largest element, or for p < 0 that of the
        // smallest, whose power is the largest. The unit is 1 if that element is 0 or not finite. Then the sum was right already; rows of
        // zeros are common.
        scratch::with(y.len(), |largest| {
            fold(Term(if self.p.0 > 0.0 { INF } else { NEG_INF }), [x[0]], self.axes, reduce::Max, largest);
            let each = GRAIN.div_ceil(self.axes.count(x[0].shape()).max(1));
            parallel::parts(y, each, &|first, y| {
                for (i, y) in y.iter_mut().enumerate() {
                    let unit = unit(largest[first + i]);
                    if is_safe(*y) || unit == T::ONE {
                        root(y);
                        continue;
                    }
                    let (offset, layout) = group(&x[0], self.axes, first + i);
                    let elements = View { offset, layout: &layout, ..x[0] };
                    let mut sum = [T::ZERO];
                    fold(ScaledTerm(term, unit), [elements], self.axes, reduce::Sum, &mut sum);
                    root(&mut sum[0]);
                    *y = sum[0] / unit;
                }
            });
        });
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        if self.p.0 == 0.0 {
            return Cotangents::none(); // a count of elements, which is piecewise constant
        }
        let (x, shape) = (cx.x(0), cx.x(0).shape());
        let spread = |v: Var<'t, T>| v.spread(self.axes, self.keepdim, &shape);
        cx.each(|_| {
            let y = spread(cx.y());
            if self.p.0.abs() < INF {
                return spread(cx.g).record3(VectorNormGrad { p: self.p }, x, y);
            }
            // Largest elements that are equal share the cotangent. The others get 0, also where the cotangent is infinite.
            let ties = x.abs().equal(y);
            let share = spread(cx.g.over(ties.sum_axes(self.axes, self.keepdim))) * ties * Real::sign(x);
            ties.equal(y.equal(y)).where_cond(share, x.number(0.0))
        })
    }
}

impl VectorNormGrad {
    /// `sign(x) (|x| / y)^(p-1)`, and 0 where that has no value.
    #[inline(always)]
    fn by_x<R: Real>(self, x: R, y: R) -> R {
        let (zero, one) = (x.lit(0.0), x.lit(1.0));
        // The branch that is not chosen is computed with 1 in place of 0, so that its own derivative is finite.
        let none = y.equal(zero);
        match self.p.0 {
            1.0 => x.sign(),
            2.0 => none.select(zero, x / none.select(one, y)),
            // For whole p the power is smooth up to a sign, so its derivatives at 0 are right to any order.
            p if p > 0.0 && p.fract() == 0.0 => {
                let power = (x / none.select(one, y)).pow(x.lit(p - 1.0));
                none.select(zero, if p % 2.0 == 0.0 { power } else { x.sign() * power })
            }
            p => {
                let at_zero = x.equal(zero);
                let ratio = at_zero.select(one, x.abs()) / none.select(one, y);
                at_zero.select(zero, none.select(zero, x.sign() * ratio.pow(x.lit(p - 1.0))))
            }
        }
    }
}

impl<T: Scalar> Elementwise<T, 3> for VectorNormGrad {
    const COST: Cost = Cost::Expensive;
    #[inline(always)]
    fn at<S: Simd>(self, [g, x, y]: [T; 3]) -> T {
        times(g, self.by_x(Num::<T, S>::new(x), Num::<T, S>::new(y)).0, false)
    }
}

impl<T: Scalar> Slope<T> for VectorNormGrad {
    fn slope<'t>(&self, x: Var<'t, T>, y: Var<'t, T>) -> Var<'t, T> {
        self.by_x(x, y)
    }
}

impl<T: Scalar> Op<T> for VectorNormGrad {
    fn name(&self) -> &'static str {
        "vector_norm_grad"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        same_shape(x)
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        apply(*self, [x[0], x[1], x[2]], y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        rule_of_slope(cx, self)
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The norm of order p over axes: (sum |x|^p)^(1/p). The order may be 2 (the length of a vector), 1 (the sum of the absolute values), 0
    /// (the number of elements that are not 0), inf and -inf (the largest and the smallest absolute value), negative or fractional.
    /// Derivative: sign(x) (|x| / norm)^(p-1); 0 for the vector 0; largest elements that are equal share it. For fractional orders the
    /// derivatives at elements that are 0 are 0, to any order. Powers that overflow or vanish on the way do no harm. Shape: that of x
    /// without the axes, or with size 1 for each of them if `keepdim`. (PyTorch's `torch.linalg.vector_norm`.)
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([3.0, -4.0]);
    /// assert_eq!(x.vector_norm(2.0, .., false).item(), 5.0);
    /// assert_eq!(x.vector_norm(f64::INFINITY, 0, true).to_vec(), [4.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, one is named twice, or p is NaN, or p is negative or infinite and there are no elements.
    #[track_caller]
    pub fn vector_norm(self, p: f64, axes: impl AxisList, keepdim: bool) -> Self {
        let axes = self.axes("vector_norm", axes);
        self.record(VectorNorm { p: Attribute(p), axes, keepdim })
    }
    /// The value, but at least `low`: for divisors that must not be 0. The derivative is 1 even where the value was raised.
    #[track_caller]
    pub(crate) fn raised_to(self, low: f64) -> Self {
        self + (self.clamp(low, INF) - self).detach()
    }
}

// ------------------------------------------------------------------------------------------------- normalize, similarities

/// What [`Var::normalize_with`] divides by: by default the Euclidean norm, but at least 1e-12.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormalizeOptions {
    /// The order of the norm.
    pub p: f64,
    /// The smallest divisor.
    pub eps: f64,
}
impl Default for NormalizeOptions {
    fn default() -> Self {
        NormalizeOptions { p: 2.0, eps: 1e-12 }
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// Divides by the Euclidean norm over axes, which gives vectors of length 1: y = x / max(norm, 1e-12). Derivative: for a cotangent g,
    /// (g - y (sum g y)) / norm, and g / 1e-12 where the norm is smaller. Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[3.0, 4.0], [0.0, 0.0]]);
    /// assert_eq!(x.normalize(-1).to_vec(), [0.6, 0.8, 0.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, or one is named twice.
    #[track_caller]
    pub fn normalize(self, axes: impl AxisList) -> Self {
        self.normalize_with(axes, NormalizeOptions::default())
    }
    /// Divides by the norm of any order over axes: x / max(norm, eps). Derivative: that of the quotient, with that of [`Var::vector_norm`].
    /// Shape: that of x. (PyTorch's `F.normalize`.)
    ///
    /// ```
    /// use wengert::{NormalizeOptions, Tape};
    /// let tape = Tape::<f64>::new();
    /// let shares = tape.leaf([1.0, 3.0]).normalize_with(0, NormalizeOptions { p: 1.0, ..Default::default() });
    /// assert_eq!(shares.to_vec(), [0.25, 0.75]);
    /// ```
    ///
    /// # Panics
    /// As [`Var::vector_norm`], and if eps is NaN.
    #[track_caller]
    pub fn normalize_with(self, axes: impl AxisList, options: NormalizeOptions) -> Self {
        let axes = self.axes("normalize", axes);
        self.check_eps("normalize", options.eps);
        self / self.record(VectorNorm { p: Attribute(options.p), axes, keepdim: true }).clamp(options.eps, INF)
    }
    /// The cosine of the angle between vectors along an axis: y = sum(a b) / (|a| |b|), each length at least 1e-8. Broadcasts. Derivative
    /// by a: (b/|b| - y a/|a|) / |a|, and likewise by b. Shapes: `[.., n, ..]` and `[.., n, ..]` to `[.., ..]`, without the axis.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (a, b) = (tape.leaf([[3.0, 4.0], [0.0, -2.0]]), tape.leaf([0.0, 5.0]));
    /// let y = a.cosine_similarity(b, -1).to_array();
    /// assert!((y[0] - 0.8).abs() < 1e-15 && (y[1] + 1.0).abs() < 1e-15);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast, or there is no such axis.
    #[track_caller]
    pub fn cosine_similarity(self, other: impl Operand<'t, T>, axis: isize) -> Self {
        self.cosine_similarity_with(other, axis, 1e-8)
    }
    /// As [`Var::cosine_similarity`], with lengths of at least `eps`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let a = tape.leaf([3.0, 4.0]);
    /// let y = a.cosine_similarity_with(a, 0, 10.0); // 25 / (10 * 10)
    /// assert!((y.item() - 0.25).abs() < 1e-15);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast, there is no such axis, or eps is NaN.
    #[track_caller]
    pub fn cosine_similarity_with(self, other: impl Operand<'t, T>, axis: isize, eps: f64) -> Self {
        let (a, b) = self.broadcast_with(other.to_var(self.tape), "cosine_similarity");
        let axes = a.axes("cosine_similarity", axis);
        self.check_eps("cosine_similarity", eps);
        // Not in a closure, which would hide the caller's line.
        let norm = VectorNorm { p: Attribute(2.0), axes, keepdim: true };
        let (of_a, of_b) = (a.record(norm).raised_to(eps), b.record(norm).raised_to(eps));
        (a / of_a * (b / of_b)).sum_axes(axes, false)
    }
    /// The distance between vectors along the last axis: the norm of order p of a - b + eps. Broadcasts. A small `eps`, usually 1e-6, keeps
    /// the derivative finite where vectors coincide. Derivative: that of [`Var::vector_norm`] by a, and its negative by b. Shapes: `[..,
    /// n]` and `[.., n]` to `[..]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (a, b) = (tape.leaf([[0.0, 0.0], [3.0, 4.0]]), tape.leaf([3.0, 4.0]));
    /// assert_eq!(a.pairwise_distance(b, 2.0, 0.0).to_vec(), [5.0, 0.0]);
    /// assert_eq!(a.pairwise_distance(b, 1.0, 0.0).to_vec(), [7.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast, neither array has an axis, or p or eps is NaN.
    #[track_caller]
    pub fn pairwise_distance(self, other: impl Operand<'t, T>, p: f64, eps: f64) -> Self {
        let (a, b) = self.broadcast_with(other.to_var(self.tape), "pairwise_distance");
        let last = a.axis("pairwise_distance", -1);
        self.check_eps("pairwise_distance", eps);
        (a - b + a.number(eps)).record(VectorNorm { p: Attribute(p), axes: Axes::of([last]), keepdim: false })
    }
    /// The distance of each row of a to each row of b: `y[i][j] = |a[i] - b[j]|` in the norm of order p. Shapes: `[.., P, M]` and `[.., R,
    /// M]` to `[.., P, R]`; the leading axes broadcast. Derivative: that of [`Var::vector_norm`], 0 where two rows coincide.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (a, b) = (tape.leaf([[0.0, 0.0]]), tape.leaf([[3.0, 4.0], [0.0, 0.0]]));
    /// assert_eq!(a.cdist(b, 2.0).to_vec(), [5.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If an array has fewer than two axes, the rows differ in length, the leading axes do not broadcast, or p is negative or NaN.
    #[track_caller]
    pub fn cdist(self, other: impl Operand<'t, T>, p: f64) -> Self {
        let (s, other) = (self.shape(), other.to_var(self.tape));
        let o = other.shape();
        let wrong = match (&*s, &*o) {
            ([.., m], [.., n]) if s.len() > 1 && o.len() > 1 && m == n => None,
            ([_, .., m], [_, .., n]) if s.len() > 1 && o.len() > 1 => Some(format!("rows of {m} and of {n} numbers have no distance")),
            _ => Some("two arrays of rows are needed".to_string()),
        };
        let wrong = wrong.or_else(|| (p.is_nan() || p < 0.0).then(|| format!("there is no distance of order {p}")));
        if let Some(wrong) = wrong {
            let e = ShapeError::new(wrong).hint("shapes are [.., P, M] and [.., R, M], the order p is 0 or more");
            refuse(e, "cdist", [s, o]);
        }
        let (a, b) = (self.unsqueeze(-2), other.unsqueeze(-3));
        let (a, b) = a.broadcast_with(b, "cdist");
        if s[s.len() - 1] == 0 {
            // In zero dimensions all points coincide.
            return (a - b).sum_axes(-1, false);
        }
        (a - b).vector_norm(p, -1, false)
    }
}

#[cfg(test)]
mod rows {
    use super::*;
    use crate::ops::samples::*;

    const NAN: f64 = f64::NAN;
    const P: [f64; 10] = [1.0, 2.0, 3.0, 1.5, 0.5, -1.0, -2.1, 6.0, INF, NEG_INF];

    /// The norm as a formula.
    fn formula<T: Scalar>(x: Var<'_, T>, p: f64, axis: isize) -> Var<'_, T> {
        x.abs().powf(p).sum_axes(axis, false).powf(1.0 / p)
    }

    /// The second derivative along ones. Rows that differentiate it check the third and fourth derivatives.
    fn third<'t, T: Scalar>(y: Var<'t, T>, x: Var<'t, T>) -> Var<'t, T> {
        let first = x.tape().grad(y, &[x])[0].expect("depends on x");
        x.tape().grad(first, &[x])[0].expect("is not linear")
    }

    impl Sampled for VectorNorm {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = Vec::new();
            for p in P {
                rows.extend([
                    grad([any(&[7])], move |v| v[0].vector_norm(p, .., false)),
                    grad([any(&[3, 5])], move |v| v[0].vector_norm(p, 0, true).square()),
                    grad([any(&[2, 3, 4])], move |v| v[0].permute(&[2, 0, 1]).vector_norm(p, [0, -1], false)),
                    grad([any(&[])], move |v| v[0].vector_norm(p, 0, false)),
                ]);
            }
            for p in [1.0, 2.0, 3.0, 0.5, -1.0] {
                rows.push(equals([any(&[3, 4])], move |v| v[0].vector_norm(p, 1, false), move |v| formula(v[0], p, 1)));
            }
            let zero = || of(&[2], [0.0, 0.0]);
            for p in [1.0, 2.0, 3.0, 1.5, 0.5, INF] {
                rows.push(value([zero()], move |v| v[0].vector_norm(p, 0, false), &[0.0], [&[0.0, 0.0]]));
            }
            rows.extend([
                // At elements that are 0, powers of whole order are as smooth as anywhere.
                equals([of(&[3], [0.0, 2.0, -1.0])], |v| v[0].vector_norm(4.0, 0, false), |v| v[0].powi(4).sum().powf(0.25)),
                equals(
                    [of(&[3], [0.0, 2.0, -1.0])],
                    |v| third(v[0].vector_norm(4.0, 0, false), v[0]),
                    |v| third(v[0].powi(4).sum().powf(0.25), v[0]),
                ),
                grad([any(&[700])], |v| v[0].vector_norm(2.0, .., false)),
                grad([any(&[4])], |v| v[0].broadcast_to([3, 4]).vector_norm(3.0, 0, false)),
                grad([any(&[0, 3])], |v| v[0].vector_norm(2.0, 0, false)),
                grad([any(&[0, 3])], |v| v[0].vector_norm(-1.0, 1, false)),
                grad([any(&[5])], |v| v[0].vector_norm(2.0, 0, false) * v[0]),
                constant([of(&[4], [0.0, -2.0, NAN, 0.0])], |v| v[0].vector_norm(0.0, 0, false), &[2.0]),
                value([of(&[2], [3.0, -4.0])], |v| v[0].vector_norm(2.0, 0, false), &[5.0], [&[0.6, -0.8]]),
                value([of(&[3], [-4.0, 4.0, 1.0])], |v| v[0].vector_norm(INF, 0, false), &[4.0], [&[-0.5, 0.5, 0.0]]),
                value([of(&[3], [-4.0, 4.0, -1.0])], |v| v[0].vector_norm(NEG_INF, 0, false), &[1.0], [&[0.0, 0.0, -1.0]]),
                value([of(&[2], [0.0, 2.0])], |v| v[0].vector_norm(-1.0, 0, false), &[0.0], [&[0.0, 0.0]]),
                value([of(&[2], [NAN, 2.0])], |v| v[0].vector_norm(2.0, 0, false), &[NAN], [&[NAN, NAN]]),
                value([of(&[2], [NAN, 2.0])], |v| v[0].vector_norm(INF, 0, false), &[NAN], [&[NAN, NAN]]),
                value([of(&[2], [INF, 2.0])], |v| v[0].vector_norm(1.0, 0, false), &[INF], [&[1.0, 1.0]]),
                refuses(
                    [any(&[2, 3])],
                    |v| v[0].vector_norm(2.0, 2, false),
                    &["vector_norm of [2, 3]", "axis 2 is out of range", "hint: "],
                ),
                refuses([any(&[2, 0])], |v| v[0].vector_norm(INF, 1, false), &["vector_norm of [2, 0]", "order inf", "hint: "]),
                refuses([any(&[2])], |v| v[0].vector_norm(NAN, 0, false), &["vector_norm of [2]", "p is not a number"]),
                // Functions made of norms: normalize, cosine_similarity, distances.
                grad([any(&[3, 5])], |v| v[0].normalize(1)),
                grad([any(&[2, 3])], |v| v[0].normalize_with([0, 1], NormalizeOptions { p: 1.5, eps: 0.1 })),
                value([of(&[2, 2], [3.0, 4.0, 0.0, 0.0])], |v| v[0].normalize(-1), &[0.6, 0.8, 0.0, 0.0], [&[0.032, -0.024, 1e12, 1e12]]),
                refuses([any(&[2])], |v| v[0].normalize(1), &["normalize of [2]", "axis 1 is out of range"]),
                grad([any(&[3, 5]), any(&[3, 5])], |v| v[0].cosine_similarity(v[1], 1)),
                grad([any(&[1, 2, 3]), any(&[2, 1, 3])], |v| v[0].cosine_similarity(v[1], -2)),
                equals(
                    [any(&[5]), any(&[5])],
                    |v| v[0].cosine_similarity(v[1], 0),
                    |v| (v[0] * v[1]).sum() / (v[0].square().sum() * v[1].square().sum()).sqrt(),
                ),
                refuses([any(&[2]), any(&[3])], |v| v[0].cosine_similarity(v[1], 0), &["cosine_similarity of [2] and [3]", "hint: "]),
                grad([any(&[3, 5]), any(&[5])], |v| v[0].pairwise_distance(v[1], 3.0, 1e-6)),
                refuses([any(&[]), any(&[])], |v| v[0].pairwise_distance(v[1], 2.0, 0.0), &["pairwise_distance of []", "axis -1"]),
            ]);
            for p in [1.0, 2.0, 3.0, 1.5, INF] {
                rows.push(grad([any(&[4, 3]), within(-1.5, 2.2, &[5, 3])], move |v| v[0].cdist(v[1], p)));
                rows.push(value(
                    [of(&[1, 2], [1.0, 2.0]), of(&[2, 2], [1.0, 2.0, 1.0, 5.0])],
                    move |v| v[0].cdist(v[1], p),
                    &[0.0, 3.0],
                    [&[0.0, -1.0], &[0.0, 0.0, 0.0, 1.0]],
                ));
            }
            rows.extend([
                grad([any(&[2, 1, 3, 2]), any(&[4, 2, 2])], |v| v[0].cdist(v[1], 2.0)),
                grad([any(&[0, 4, 5]), any(&[3, 5])], |v| v[0].cdist(v[1], INF)),
                grad([any(&[2, 3])], |v| v[0].cdist(v[0].square(), 2.0)),
                refuses([any(&[3]), any(&[2, 3])], |v| v[0].cdist(v[1], 2.0), &["cdist of [3] and [2, 3]", "two arrays of rows", "hint: "]),
                refuses([any(&[2, 4]), any(&[2, 3])], |v| v[0].cdist(v[1], 2.0), &["cdist of [2, 4] and [2, 3]", "rows of 4 and of 3"]),
                refuses([any(&[2, 3]), any(&[2, 3])], |v| v[0].cdist(v[1], -1.0), &["cdist of [2, 3] and [2, 3]", "order -1"]),
            ]);
            rows.extend(composed([value([of(&[1, 0], []), of(&[2, 0], [])], |v| v[0].cdist(v[1], 2.0), &[0.0, 0.0], [&[], &[]])]));
            rows
        }
    }

    impl Sampled for VectorNormGrad {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = Vec::new();
            for p in [1.0, 2.0, 3.0, 1.5, 0.5, -1.0] {
                let op = VectorNormGrad { p: Attribute(p) };
                rows.extend([
                    grad([any(&[7]), any(&[7]), positive(&[7])], move |v| v[0].record3(op, v[1], v[2])),
                    grad([any(&[5])], move |v| {
                        v[0].tape().grad_with(v[0].vector_norm(p, 0, true), v[0].sum_axes(0, true), v)[0].expect("depends on x")
                    }),
                    equals(
                        [any(&[2, 3]), any(&[2, 3]), positive(&[2, 3])],
                        move |v| v[0].record3(op, v[1], v[2]),
                        move |v| v[0] * op.slope(v[1], v[2]),
                    ),
                ]);
            }
            rows.extend([
                // The second derivative of the length at 0 is taken as 0.
                value(
                    [of(&[2], [0.0, 0.0])],
                    |v| v[0].tape().grad(v[0].vector_norm(2.0, 0, false), v)[0].expect("depends on x"),
                    &[0.0, 0.0],
                    [&[0.0, 0.0]],
                ),
                refuses(
                    [any(&[2]), any(&[3]), any(&[2])],
                    |v| v[0].record3(VectorNormGrad { p: Attribute(2.0) }, v[1], v[2]),
                    &["one shape", "hint: "],
                ),
            ]);
            rows
        }
    }
}
