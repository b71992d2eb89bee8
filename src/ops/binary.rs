//! Elementwise functions of two arguments, with broadcasting: powers, hypot, xlogy, logaddexp, maximum, minimum, comparisons.

use crate::array::error::ShapeError;
use crate::array::scalar::{Real, Scalar};
use crate::array::shape::Shape;
use crate::array::simd::Simd;
use crate::array::view::View;
use crate::kernels::elementwise::{Cost, Elementwise, apply};
use crate::ops::map::{Binary, Zip, same_shape};
use crate::tape::op::{Cotangents, Fused, Op, Vjp};
use crate::tape::var::{Operand, Var};

// ---------------------------------------------------------------------------------------------------------------- pow

/// `a^b`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pow;

impl Binary for Pow {
    const NAME: &'static str = "pow";
    const GRAD_NAME: &'static str = "pow_grad";
    #[inline(always)]
    fn f<R: Real>(self, a: R, b: R) -> R {
        a.pow(b)
    }
    #[inline(always)]
    fn da<R: Real>(self, a: R, b: R) -> R {
        // a^0 is constant, also at 0, where 0 * 0^-1 would be NaN: the derivatives of whole powers end in zeros. The same holds where the
        // negative powers of a that higher derivatives compute are beyond the type. The branch that is not chosen stays finite, so no NaN
        // leaks from it.
        let (zero, one, cube) = (b.lit(0.0), b.lit(1.0), a * a * a);
        let (sixth, infinity) = (cube * cube, b.lit(f64::INFINITY));
        let within = infinity.gt(one / (sixth * sixth));
        let none = b.equal(zero) * (one - within);
        // There b = 0, so the value is 0, and `b * by_b` has the right derivatives: 1/a by b, and 0 by a.
        let inverse = (one / a).detach();
        let by_b = infinity.gt(inverse.abs()).select(inverse, zero);
        none.select(b * by_b, none.select(zero, b) * a.pow(none.select(one, b) - one))
    }
    #[inline(always)]
    fn db<R: Real>(self, a: R, b: R) -> R {
        // 0^b is 0 for all b > 0, so its derivative is 0, while ln 0 is -inf. At b = 0, where 0^b is 1, PyTorch gives 0 too.
        let flat = a.equal(a.lit(0.0)) * b.ge(b.lit(0.0));
        let a = flat.select(a.lit(1.0), a); // 1^b ln 1 = 0, and so are all its derivatives
        a.pow(b) * a.ln()
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// a^b, elementwise. A constant base is written `x.number(2.0).pow(x)`; for a constant exponent `powf` is cheaper. Derivatives: b
    /// a^(b-1) (0 for b = 0), and a^b ln a (0 for a = 0 and b >= 0). For whole b, the derivatives by a are right to any order, at a <= 0
    /// too. Shape: that of a and b, broadcast.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (a, b) = (tape.leaf([2.0, -3.0]), tape.constant([4.0, 3.0]));
    /// assert_eq!(a.pow(b).to_vec(), [16.0, -27.0]);
    /// assert_eq!(tape.grad(a.pow(b), &[a])[0].unwrap().to_vec(), [32.0, 27.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn pow(self, b: impl Operand<'t, T>) -> Self {
        let (a, b) = self.broadcast_with(b.to_var(self.tape), "pow");
        a.record2(Zip(Pow), b)
    }
}

// -------------------------------------------------------------------------------------------------------------- hypot

/// `sqrt(a^2 + b^2)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Hypot;

impl Hypot {
    /// x over the distance of (a, b), and 0 at the origin: the subgradient of least norm, as that of `vector_norm`.
    #[inline(always)]
    fn share<R: Real>(x: R, a: R, b: R) -> R {
        let (zero, r) = (x.lit(0.0), a.hypot(b));
        let origin = r.equal(zero);
        // The branch that is not chosen is divided by 1, so that its derivatives are finite.
        origin.select(zero, x / origin.select(x.lit(1.0), r))
    }
}

impl Binary for Hypot {
    const NAME: &'static str = "hypot";
    const GRAD_NAME: &'static str = "hypot_grad";
    #[inline(always)]
    fn f<R: Real>(self, a: R, b: R) -> R {
        a.hypot(b)
    }
    #[inline(always)]
    fn da<R: Real>(self, a: R, b: R) -> R {
        Hypot::share(a, a, b)
    }
    #[inline(always)]
    fn db<R: Real>(self, a: R, b: R) -> R {
        Hypot::share(b, a, b)
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// sqrt(a^2 + b^2), elementwise; the squares neither overflow nor vanish. Derivatives: a/y and b/y, 0 at the origin. Shape: that of a
    /// and b, broadcast.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let a = tape.leaf([3.0, -5.0]);
    /// let y = a.hypot(tape.constant([4.0, 12.0]));
    /// assert_eq!(y.to_vec(), [5.0, 13.0]);
    /// assert_eq!(tape.grad(y, &[a])[0].unwrap().to_vec(), [3.0 / 5.0, -5.0 / 13.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn hypot(self, b: impl Operand<'t, T>) -> Self {
        let (a, b) = self.broadcast_with(b.to_var(self.tape), "hypot");
        a.record2(Zip(Hypot), b)
    }
}

// -------------------------------------------------------------------------------------------------------------- xlogy

/// `a ln b`, and 0 where a is 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Xlogy;

impl Binary for Xlogy {
    const NAME: &'static str = "xlogy";
    const GRAD_NAME: &'static str = "xlogy_grad";
    #[inline(always)]
    fn f<R: Real>(self, a: R, b: R) -> R {
        let nothing = a.equal(a.lit(0.0)) * b.equal(b); // false if b is NaN
        nothing.select(a.lit(0.0), a * b.ln())
    }
    #[inline(always)]
    fn da<R: Real>(self, a: R, b: R) -> R {
        // Where the factor is 0, take ln 1 = 0 instead, so that no derivative of ln 0 leaks.
        let nothing = a.equal(a.lit(0.0)) * b.lit(0.0).ge(b);
        nothing.select(b.lit(1.0), b).ln()
    }
    #[inline(always)]
    fn db<R: Real>(self, a: R, b: R) -> R {
        a / b
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// a ln b, and 0 where a = 0 unless b is NaN, elementwise. Derivatives: ln b (0 where a = 0 and b <= 0), and a/b. Shape: that of a and
    /// b, broadcast.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (a, b) = (tape.constant([0.0, 8.0]), tape.leaf([2.0, 1.0]));
    /// assert_eq!(a.xlogy(0.0).to_vec(), [0.0, -f64::INFINITY]);
    /// assert_eq!(tape.grad(a.xlogy(b), &[b])[0].unwrap().to_vec(), [0.0, 8.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn xlogy(self, b: impl Operand<'t, T>) -> Self {
        let (a, b) = self.broadcast_with(b.to_var(self.tape), "xlogy");
        a.record2(Zip(Xlogy), b)
    }
}

// ---------------------------------------------------------------------------------------------------------- logaddexp

/// `ln(e^a + e^b)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LogAddExp;

impl Binary for LogAddExp {
    const NAME: &'static str = "logaddexp";
    const GRAD_NAME: &'static str = "logaddexp_grad";
    #[inline(always)]
    fn f<R: Real>(self, a: R, b: R) -> R {
        // Equal infinities are a case of their own, since their difference is NaN.
        a.equal(b).select(a + a.lit(std::f64::consts::LN_2), a.max(b) + (-(a - b).abs()).softplus())
    }
    #[inline(always)]
    fn da<R: Real>(self, a: R, b: R) -> R {
        (a - b).sigmoid()
    }
    #[inline(always)]
    fn db<R: Real>(self, a: R, b: R) -> R {
        (b - a).sigmoid()
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// ln(e^a + e^b), without overflow, elementwise. Derivatives: sigmoid(a - b) and sigmoid(b - a) (NaN for two infinities of one sign).
    /// Shape: that of a and b, broadcast.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (a, b) = (tape.leaf([1000.0, 0.0]), tape.leaf(1000.0));
    /// let y = a.logaddexp(b);
    /// assert_eq!(y.to_vec(), [1000.0 + 2_f64.ln(), 1000.0]);
    /// assert_eq!(tape.grad(y, &[a])[0].unwrap().to_vec(), [0.5, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn logaddexp(self, b: impl Operand<'t, T>) -> Self {
        let (a, b) = self.broadcast_with(b.to_var(self.tape), "logaddexp");
        a.record2(Zip(LogAddExp), b)
    }
}

// ------------------------------------------------------------------------------------------------- maximum and minimum

/// `max(a, b)`, NaN if either is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Maximum;

impl Binary for Maximum {
    const NAME: &'static str = "maximum";
    const GRAD_NAME: &'static str = "maximum_grad";
    const CHOOSES: bool = true;
    const COST: Cost = Cost::Cheap;
    #[inline(always)]
    fn f<R: Real>(self, a: R, b: R) -> R {
        a.max(b)
    }
    #[inline(always)]
    fn da<R: Real>(self, a: R, b: R) -> R {
        a.lit(1.0) - (b.gt(a) + b.ge(a)) * a.lit(0.5)
    }
    #[inline(always)]
    fn db<R: Real>(self, a: R, b: R) -> R {
        a.lit(1.0) - (a.gt(b) + a.ge(b)) * a.lit(0.5)
    }
}

/// `min(a, b)`, NaN if either is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Minimum;

impl Binary for Minimum {
    const NAME: &'static str = "minimum";
    const GRAD_NAME: &'static str = "minimum_grad";
    const CHOOSES: bool = true;
    const COST: Cost = Cost::Cheap;
    #[inline(always)]
    fn f<R: Real>(self, a: R, b: R) -> R {
        -(-a).max(-b)
    }
    #[inline(always)]
    fn da<R: Real>(self, a: R, b: R) -> R {
        a.lit(1.0) - (a.gt(b) + a.ge(b)) * a.lit(0.5)
    }
    #[inline(always)]
    fn db<R: Real>(self, a: R, b: R) -> R {
        a.lit(1.0) - (b.gt(a) + b.ge(a)) * a.lit(0.5)
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The larger of two, elementwise; NaN if either is. Derivative: 1 for the larger, 1/2 each where they are equal, and 1 each where
    /// either is NaN. Shape: that of a and b, broadcast.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let a = tape.leaf([1.0, 2.0, 3.0]);
    /// assert_eq!(a.maximum(2.0).to_vec(), [2.0, 2.0, 3.0]);
    /// assert_eq!(tape.grad(a.maximum(2.0), &[a])[0].unwrap().to_vec(), [0.0, 0.5, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn maximum(self, b: impl Operand<'t, T>) -> Self {
        let (a, b) = self.broadcast_with(b.to_var(self.tape), "maximum");
        a.record2(Zip(Maximum), b)
    }
    /// The smaller of two, elementwise; NaN if either is. Derivative: 1 for the smaller, 1/2 each where they are equal, and 1 each where
    /// either is NaN. Shape: that of a and b, broadcast.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (a, b) = (tape.leaf([[1.0], [5.0]]), tape.leaf([4.0, 6.0]));
    /// assert_eq!(a.minimum(b).to_vec(), [1.0, 1.0, 4.0, 5.0]);
    /// assert_eq!(tape.grad(a.minimum(b), &[b])[0].unwrap().to_vec(), [1.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn minimum(self, b: impl Operand<'t, T>) -> Self {
        let (a, b) = self.broadcast_with(b.to_var(self.tape), "minimum");
        a.record2(Zip(Minimum), b)
    }
}

// -------------------------------------------------------------------------------------------------------- comparisons

/// 1 where a relation holds, else 0. It is piecewise constant, so no gradient flows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Compare {
    Greater,
    GreaterEqual,
    Equal,
}

impl<T: Scalar> Elementwise<T, 2> for Compare {
    #[inline(always)]
    fn at<S: Simd>(self, [a, b]: [T; 2]) -> T {
        let yes = match self {
            Compare::Greater => a > b,
            Compare::GreaterEqual => a >= b,
            Compare::Equal => a == b,
        };
        if yes { T::ONE } else { T::ZERO }
    }
}

impl<T: Scalar> Op<T> for Compare {
    fn name(&self) -> &'static str {
        match self {
            Compare::Greater => "gt",
            Compare::GreaterEqual => "ge",
            Compare::Equal => "equal",
        }
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        same_shape(x)
    }
    fn fused(&self) -> Option<&dyn Fused<T>> {
        Some(self)
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        apply(*self, [x[0], x[1]], y);
    }
    fn vjp<'t>(&self, _: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        Cotangents::none()
    }
}

impl<T: Scalar> Fused<T> for Compare {
    fn elementwise(&self) -> Option<Cost> {
        Some(Cost::Cheap)
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    #[track_caller]
    fn compare(self, relation: Compare, b: Var<'t, T>) -> Self {
        let (a, b) = self.broadcast_with(b, Op::<T>::name(&relation));
        a.record2(relation, b)
    }
    /// 1 where a > b, else 0: a mask for `where_cond`, without a gradient. NaN is not larger than anything. Shape: that of a and b,
    /// broadcast.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let a = tape.leaf([1.0, 2.0, f64::NAN]);
    /// assert_eq!(a.gt(1.0).to_vec(), [0.0, 1.0, 0.0]);
    /// assert!(tape.grad(a.gt(1.0), &[a])[0].is_none());
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn gt(self, b: impl Operand<'t, T>) -> Self {
        self.compare(Compare::Greater, b.to_var(self.tape))
    }
    /// 1 where a >= b, else 0. Gradient, shape and panics are those of [`Var::gt`].
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let i = tape.constant([0.0, 1.0, 2.0]);
    /// assert_eq!(i.unsqueeze(1).ge(i).to_vec(), [1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0]);
    /// ```
    #[track_caller]
    pub fn ge(self, b: impl Operand<'t, T>) -> Self {
        self.compare(Compare::GreaterEqual, b.to_var(self.tape))
    }
    /// 1 where a < b, else 0. Gradient, shape and panics are those of [`Var::gt`].
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([-2.0, 0.0, 3.0]);
    /// let y = x * x.lt(0.0); // the mask is a constant factor
    /// assert_eq!(tape.grad(y, &[x])[0].unwrap().to_vec(), [1.0, 0.0, 0.0]);
    /// ```
    #[track_caller]
    pub fn lt(self, b: impl Operand<'t, T>) -> Self {
        b.to_var(self.tape).compare(Compare::Greater, self)
    }
    /// 1 where a <= b, else 0. Gradient, shape and panics are those of [`Var::gt`].
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([-2.0, 0.5, 3.0]);
    /// assert_eq!((x.ge(0.0) * x.le(1.0)).to_vec(), [0.0, 1.0, 0.0]); // a product of masks is "and"
    /// ```
    #[track_caller]
    pub fn le(self, b: impl Operand<'t, T>) -> Self {
        b.to_var(self.tape).compare(Compare::GreaterEqual, self)
    }
    /// 1 where a = b, else 0. Gradient, shape and panics are those of [`Var::gt`]. PyTorch's `torch.eq`, not its `torch.equal`, which
    /// answers for whole arrays.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let classes = tape.constant([[2.0], [0.0]]);
    /// assert_eq!(classes.equal(tape.constant([0.0, 1.0, 2.0])).to_vec(), [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]); // one-hot rows
    /// ```
    #[track_caller]
    pub fn equal(self, b: impl Operand<'t, T>) -> Self {
        self.compare(Compare::Equal, b.to_var(self.tape))
    }
    /// 1 where a and b differ, else 0; a NaN differs from itself. Gradient, shape and panics are those of [`Var::gt`]. PyTorch's
    /// `torch.ne`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([1.0, f64::NAN]);
    /// assert_eq!(x.not_equal(x).to_vec(), [0.0, 1.0]);
    /// ```
    #[track_caller]
    pub fn not_equal(self, b: impl Operand<'t, T>) -> Self {
        self.number(1.0) - self.equal(b)
    }
}

#[cfg(test)]
mod rows;
