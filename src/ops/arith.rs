//! Addition, subtraction, multiplication, division and negation, with broadcasting, and the operators for them.
//!
//! A cotangent of exactly 0 says that nothing depends on a value. It stays 0 through any slope, also an infinite one: `0 * inf` is NaN, but
//! `where_cond(x > 0, sqrt(x), 0)` is constant at and below 0. The products and quotients of rules are therefore operations of their own
//! ([`MulGrad`], [`DivGrad`], [`MulOfCotangents`]). The rule of each is made of the same three, so it holds for derivatives of any order.

use crate::array::error::ShapeError;
use crate::array::scalar::{Num, Real, Scalar};
use crate::array::shape::Shape;
use crate::array::simd::{Libm, Simd};
use crate::array::view::View;
use crate::kernels::elementwise::{Cost, Elementwise, apply, number};
use crate::ops::map::same_shape;
use crate::tape::op::erase::{Listed, NumberOp, listed};
use crate::tape::op::{Cotangents, Fused, Op, Vjp};
use crate::tape::var::{Operand, Var};
use std::fmt::Debug;
use std::ops;

/// One of the four operations: its value, and the cotangent of each operand, each written once over [`Real`].
///
/// Their rules record operations of this kind, not a gradient of their own as that of [`Zip`](crate::ops::map::Zip) does: the cotangent of a sum
/// is the cotangent itself.
pub(crate) trait Operation: Copy + Debug + PartialEq + Send + Sync + 'static {
    /// Its name.
    const NAME: &'static str;
    /// The value.
    fn f<R: Real>(self, a: R, b: R) -> R;
    /// The cotangents of a and b, where they are needed, from that of y = f(a, b).
    fn cotangents<R: Cotangent>(self, g: R, a: R, b: R, y: R, needs: [bool; 2]) -> [Option<R>; 2];
}

/// What rules compute with cotangents: products and quotients in which a cotangent of 0 stays 0.
pub(crate) trait Cotangent: Real {
    /// The cotangent times a slope.
    #[inline(always)]
    fn times(self, slope: Self) -> Self {
        MulGrad.f(self, slope)
    }
    /// The cotangent, divided by a number.
    #[inline(always)]
    fn over(self, divisor: Self) -> Self {
        DivGrad.f(self, divisor)
    }
    /// The product of two cotangents.
    #[inline(always)]
    fn times_cotangent(self, other: Self) -> Self {
        MulOfCotangents.f(self, other)
    }
}
impl<T: Scalar, S: Simd> Cotangent for Num<T, S> {}
impl<T: Scalar> Cotangent for Var<'_, T> {
    fn times(self, slope: Self) -> Self {
        Var::times(self, slope)
    }
    fn over(self, divisor: Self) -> Self {
        Var::over(self, divisor)
    }
    fn times_cotangent(self, other: Self) -> Self {
        Var::times_cotangent(self, other)
    }
}

// Methods, so that the rules of other files need no import.
impl<'t, T: Scalar> Var<'t, T> {
    /// This cotangent times a slope, and 0 where the cotangent is 0.
    #[track_caller]
    pub(crate) fn times(self, slope: Self) -> Self {
        binary(MulGrad, self, slope)
    }
    /// This cotangent, divided by a number, and 0 where the cotangent is 0.
    #[track_caller]
    pub(crate) fn over(self, divisor: Self) -> Self {
        binary(DivGrad, self, divisor)
    }
    /// The product of two cotangents, and 0 where either is 0.
    #[track_caller]
    pub(crate) fn times_cotangent(self, other: Self) -> Self {
        binary(MulOfCotangents, self, other)
    }
}

/// An [`Operation`] as an op.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Arith<O>(pub O);

/// `a + b`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Add;

impl Operation for Add {
    const NAME: &'static str = "add";
    #[inline(always)]
    fn f<R: Real>(self, a: R, b: R) -> R {
        a + b
    }
    #[inline(always)]
    fn cotangents<R: Cotangent>(self, g: R, _: R, _: R, _: R, _: [bool; 2]) -> [Option<R>; 2] {
        [Some(g), Some(g)]
    }
}

/// `a - b`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sub;

impl Operation for Sub {
    const NAME: &'static str = "sub";
    #[inline(always)]
    fn f<R: Real>(self, a: R, b: R) -> R {
        a - b
    }
    #[inline(always)]
    fn cotangents<R: Cotangent>(self, g: R, _: R, _: R, _: R, needs: [bool; 2]) -> [Option<R>; 2] {
        [Some(g), needs[1].then(|| -g)]
    }
}

/// `a * b`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Mul;

impl Operation for Mul {
    const NAME: &'static str = "mul";
    #[inline(always)]
    fn f<R: Real>(self, a: R, b: R) -> R {
        a * b
    }
    #[inline(always)]
    fn cotangents<R: Cotangent>(self, g: R, a: R, b: R, _: R, needs: [bool; 2]) -> [Option<R>; 2] {
        [needs[0].then(|| g.times(b)), needs[1].then(|| g.times(a))]
    }
}

/// `a / b`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Div;

impl Operation for Div {
    const NAME: &'static str = "div";
    #[inline(always)]
    fn f<R: Real>(self, a: R, b: R) -> R {
        a / b
    }
    /// d(a/b)/db = -(a/b)/b: through y, which is at hand.
    #[inline(always)]
    fn cotangents<R: Cotangent>(self, g: R, _: R, b: R, y: R, needs: [bool; 2]) -> [Option<R>; 2] {
        let ga = g.over(b);
        [Some(ga), needs[1].then(|| -ga.times(y))]
    }
}

/// `g * b`, and 0 where the cotangent g is 0: the gradient of a product.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct MulGrad;

impl Operation for MulGrad {
    const NAME: &'static str = "mul_grad";
    #[inline(always)]
    fn f<R: Real>(self, g: R, b: R) -> R {
        g.equal(g.lit(0.0)).select(g.lit(0.0), g * b)
    }
    /// Where g is 0 the value does not depend on b. It is linear in g there too.
    #[inline(always)]
    fn cotangents<R: Cotangent>(self, h: R, g: R, b: R, _: R, needs: [bool; 2]) -> [Option<R>; 2] {
        [needs[0].then(|| h.times(b)), needs[1].then(|| h.times_cotangent(g))]
    }
}

/// `g / b`, and 0 where the cotangent g is 0: the gradient of a quotient by its dividend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct DivGrad;

impl Operation for DivGrad {
    const NAME: &'static str = "div_grad";
    #[inline(always)]
    fn f<R: Real>(self, g: R, b: R) -> R {
        g.equal(g.lit(0.0)).select(g.lit(0.0), g / b)
    }
    /// As those of [`Div`]; and the value is 0 where g is.
    #[inline(always)]
    fn cotangents<R: Cotangent>(self, h: R, _: R, b: R, y: R, needs: [bool; 2]) -> [Option<R>; 2] {
        let hg = h.over(b);
        [Some(hg), needs[1].then(|| -hg.times_cotangent(y))]
    }
}

/// `g * h`, and 0 where one of the two cotangents is 0, even if the other is infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct MulOfCotangents;

impl Operation for MulOfCotangents {
    const NAME: &'static str = "mul_of_cotangents";
    #[inline(always)]
    fn f<R: Real>(self, g: R, h: R) -> R {
        let zero = g.lit(0.0);
        g.equal(zero).select(zero, h.equal(zero).select(zero, g * h))
    }
    #[inline(always)]
    fn cotangents<R: Cotangent>(self, k: R, g: R, h: R, _: R, needs: [bool; 2]) -> [Option<R>; 2] {
        [needs[0].then(|| k.times_cotangent(h)), needs[1].then(|| k.times_cotangent(g))]
    }
}

impl<T: Scalar, O: Operation> Elementwise<T, 2> for Arith<O> {
    const EXACT: bool = true;
    #[inline(always)]
    fn at<S: Simd>(self, [a, b]: [T; 2]) -> T {
        self.0.f(Num::<T, S>::new(a), Num::<T, S>::new(b)).0
    }
}

impl<T: Scalar, O: Operation> Op<T> for Arith<O> {
    fn name(&self) -> &'static str {
        O::NAME
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        same_shape(x)
    }
    fn fused(&self) -> Option<&dyn Fused<T>> {
        Some(self)
    }
    #[inline(always)]
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        apply(*self, [x[0], x[1]], y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        let cotangents = self.0.cotangents(cx.g, cx.x(0), cx.x(1), cx.y(), [cx.needs(0), cx.needs(1)]);
        cx.each(|i| cotangents[i])
    }
}

impl<T: Scalar, O: Operation> Fused<T> for Arith<O> {
    fn elementwise(&self) -> Option<Cost> {
        Some(Cost::Cheap)
    }
}

impl<T: Scalar, O: Operation> NumberOp<T> for Arith<O> {
    fn value(&self, a: T, b: T, c: T) -> T {
        number(*self, a, b, c)
    }
    fn cotangents(&self, g: T, a: T, b: T, y: T) -> (T, T) {
        let num = Num::<T, Libm>::new;
        let [ga, gb] = self.0.cotangents(num(g), num(a), num(b), num(y), [true; 2]);
        (ga.map_or(T::ZERO, |g| g.0), gb.map_or(T::ZERO, |g| g.0))
    }
}

/// `-x`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Neg;

impl<T: Scalar> Elementwise<T, 1> for Neg {
    const EXACT: bool = true;
    #[inline(always)]
    fn at<S: Simd>(self, [x]: [T; 1]) -> T {
        -x
    }
}

impl<T: Scalar> Op<T> for Neg {
    fn name(&self) -> &'static str {
        "neg"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(x[0].clone())
    }
    fn fused(&self) -> Option<&dyn Fused<T>> {
        Some(self)
    }
    #[inline(always)]
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        apply(*self, [x[0]], y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|_| -cx.g)
    }
}

impl<T: Scalar> Fused<T> for Neg {
    fn elementwise(&self) -> Option<Cost> {
        Some(Cost::Cheap)
    }
}

impl<T: Scalar> NumberOp<T> for Neg {
    fn value(&self, x: T, _: T, _: T) -> T {
        -x
    }
    fn cotangents(&self, g: T, _: T, _: T, _: T) -> (T, T) {
        (-g, T::ZERO)
    }
}

// ---------------------------------------------------------------------------------------------------------- operators

/// Two numbers need no broadcasting.
#[inline(always)]
#[track_caller]
pub(crate) fn binary<'t, T: Scalar, O: Operation>(_: O, a: Var<'t, T>, b: Var<'t, T>) -> Var<'t, T>
where
    Arith<O>: Listed,
{
    let op = listed::<T, Arith<O>>();
    match a.tape.numbers(op, [a, b]) {
        Some(y) => y,
        None => {
            let (a, b) = a.broadcast_with(b, O::NAME);
            a.tape.fixed_array(op, [a, b])
        }
    }
}

// A macro, because the orphan rules ask for `number op Var` once for each type of number.
macro_rules! operator {
    ($trait:ident, $method:ident, $assign:ident, $assign_method:ident, $($number:ty),*) => {
        impl<'t, T: Scalar, B: Operand<'t, T>> ops::$trait<B> for Var<'t, T> {
            type Output = Var<'t, T>;
            #[track_caller]
            fn $method(self, b: B) -> Var<'t, T> {
                binary($trait, self, b.to_var(self.tape))
            }
        }
        impl<'t, T: Scalar, B: Operand<'t, T>> ops::$trait<B> for &Var<'t, T> {
            type Output = Var<'t, T>;
            #[track_caller]
            fn $method(self, b: B) -> Var<'t, T> {
                binary($trait, *self, b.to_var(self.tape))
            }
        }
        /// (The name then stands for the new value; nothing is changed in place.)
        impl<'t, T: Scalar, B: Operand<'t, T>> ops::$assign<B> for Var<'t, T> {
            #[track_caller]
            fn $assign_method(&mut self, b: B) {
                *self = binary($trait, *self, b.to_var(self.tape));
            }
        }
        $(
            impl<'t> ops::$trait<Var<'t, $number>> for $number {
                type Output = Var<'t, $number>;
                #[track_caller]
                fn $method(self, b: Var<'t, $number>) -> Var<'t, $number> {
                    binary($trait, b.tape.number(self), b)
                }
            }
            impl<'t> ops::$trait<&Var<'t, $number>> for $number {
                type Output = Var<'t, $number>;
                #[track_caller]
                fn $method(self, b: &Var<'t, $number>) -> Var<'t, $number> {
                    binary($trait, b.tape.number(self), *b)
                }
            }
        )*
    };
}
operator!(Add, add, AddAssign, add_assign, f32, f64);
operator!(Sub, sub, SubAssign, sub_assign, f32, f64);
operator!(Mul, mul, MulAssign, mul_assign, f32, f64);
operator!(Div, div, DivAssign, div_assign, f32, f64);

impl<'t, T: Scalar> ops::Neg for Var<'t, T> {
    type Output = Var<'t, T>;
    #[track_caller]
    fn neg(self) -> Var<'t, T> {
        self.record(Neg)
    }
}
impl<'t, T: Scalar> ops::Neg for &Var<'t, T> {
    type Output = Var<'t, T>;
    #[track_caller]
    fn neg(self) -> Var<'t, T> {
        self.record(Neg)
    }
}

/// The sum of any number of values; 0 of none cannot be made, since there is no tape to put it on. The shapes broadcast.
///
/// ```
/// let tape = wengert::Tape::<f64>::new();
/// let losses = [tape.leaf(1.0), tape.leaf(2.0), tape.leaf(4.0)];
/// assert_eq!(losses.into_iter().sum::<wengert::Var<f64>>().item(), 7.0);
/// ```
///
/// # Panics
/// If the iterator is empty, or the shapes do not broadcast.
impl<'t, T: Scalar> std::iter::Sum for Var<'t, T> {
    #[track_caller]
    fn sum<I: Iterator<Item = Self>>(values: I) -> Self {
        let mut values = values;
        let mut total = values.next().expect("the sum of no Vars has no tape to lie on");
        // A loop: a closure would hide the caller's line.
        for v in values {
            total = binary(Add, total, v);
        }
        total
    }
}

#[cfg(test)]
#[allow(clippy::eq_op)] // x - x is tested
mod rows {
    use super::*;
    use crate::ops::samples::*;

    const INF: f64 = f64::INFINITY;
    const NAN: f64 = f64::NAN;
    const ANY: [f64; 2] = [-2.0, 2.0];

    impl Sampled for Add {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = two(ANY, ANY, |a, b| a + b);
            rows.extend(points2(|a, b| a + b, &[(1.5, 2.0, 3.5, 1.0, 1.0), (INF, -INF, NAN, 1.0, 1.0), (NAN, 1.0, NAN, 1.0, 1.0)]));
            rows.push(value([of(&[2], [1.0, 2.0])], |v| v[0] + v[0] + v[0], &[3.0, 6.0], [&[3.0, 3.0]]));
            rows.push(value([of(&[2], [1.0, 2.0])], |v| v[0] + v[0].number(0.5), &[1.5, 2.5], [&[1.0, 1.0]]));
            rows.push(value([of(&[2], [1.0, 2.0])], |v| v.iter().copied().sum::<Var<T>>() + v[0], &[2.0, 4.0], [&[2.0, 2.0]]));
            rows.push(refuses([any(&[2, 3]), any(&[4])], |v| v[0] + v[1], &["add of [2, 3] and [4]", "axis -1 has 3 and 4", "hint: "]));
            rows
        }
    }

    impl Sampled for Sub {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = two(ANY, ANY, |a, b| a - b);
            rows.extend(points2(|a, b| a - b, &[(1.5, 2.0, -0.5, 1.0, -1.0), (INF, INF, NAN, 1.0, -1.0)]));
            rows.push(value([of(&[2], [1.0, 2.0])], |v| v[0] - v[0], &[0.0, 0.0], [&[0.0, 0.0]]));
            rows.push(refuses([any(&[2, 3]), any(&[2])], |v| v[0] - v[1], &["sub of [2, 3] and [2]", "hint: "]));
            rows
        }
    }

    impl Sampled for Mul {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = two(ANY, ANY, |a, b| a * b);
            rows.extend(points2(
                |a, b| a * b,
                &[(1.5, 2.0, 3.0, 2.0, 1.5), (0.0, 0.0, 0.0, 0.0, 0.0), (0.0, INF, NAN, INF, 0.0), (NAN, 0.0, NAN, 0.0, NAN)],
            ));
            rows.push(value([of(&[2], [3.0, -1.0])], |v| v[0] * v[0], &[9.0, 1.0], [&[6.0, -2.0]]));
            rows.push(refuses([any(&[3]), any(&[4, 2])], |v| v[0] * v[1], &["mul of [3] and [4, 2]", "hint: "]));
            rows
        }
    }

    impl Sampled for Div {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = two([0.3, 2.5], [0.3, 2.5], |a, b| a / b);
            rows.extend(points2(
                |a, b| a / b,
                &[(1.0, 2.0, 0.5, 0.5, -0.25), (1.0, 0.0, INF, INF, -INF), (0.0, 0.0, NAN, INF, NAN), (1.0, INF, 0.0, 0.0, 0.0)],
            ));
            rows.push(value([of(&[2], [3.0, -1.0])], |v| v[0] / v[0], &[1.0, 1.0], [&[0.0, 0.0]]));
            rows.push(refuses([any(&[0]), any(&[2])], |v| v[0] / v[1], &["div of [0] and [2]", "hint: "]));
            rows
        }
    }

    impl Sampled for MulGrad {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = two(ANY, ANY, |g, b| g.times(b));
            rows.extend(points2(
                |g, b| g.times(b),
                &[
                    (1.5, 2.0, 3.0, 2.0, 1.5),
                    (0.0, INF, 0.0, INF, 0.0),
                    (-0.0, -INF, 0.0, -INF, 0.0),
                    (0.0, NAN, 0.0, NAN, 0.0),
                    (INF, 0.0, NAN, 0.0, INF),
                    (NAN, 0.0, NAN, 0.0, NAN),
                ],
            ));
            rows.push(equals([any(&[3, 5]), any(&[3, 5])], |v| v[0].times(v[1]), |v| v[0] * v[1]));
            rows.push(refuses([any(&[3]), any(&[2])], |v| v[0].times(v[1]), &["mul_grad of [3] and [2]", "hint: "]));
            rows
        }
    }

    impl Sampled for DivGrad {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = two(ANY, [0.3, 2.5], |g, b| g.over(b));
            rows.extend(points2(
                |g, b| g.over(b),
                &[
                    (1.0, 2.0, 0.5, 0.5, -0.25),
                    (0.0, 0.0, 0.0, INF, 0.0),
                    (0.0, NAN, 0.0, NAN, 0.0),
                    (1.0, 0.0, INF, INF, -INF),
                    (NAN, 1.0, NAN, 1.0, NAN),
                ],
            ));
            rows.push(equals([any(&[3, 5]), positive(&[3, 5])], |v| v[0].over(v[1]), |v| v[0] / v[1]));
            rows.push(refuses([any(&[3]), any(&[2])], |v| v[0].over(v[1]), &["div_grad of [3] and [2]", "hint: "]));
            rows
        }
    }

    impl Sampled for MulOfCotangents {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = two(ANY, ANY, |g, h| g.times_cotangent(h));
            rows.extend(points2(
                |g, h| g.times_cotangent(h),
                &[
                    (1.5, 2.0, 3.0, 2.0, 1.5),
                    (0.0, INF, 0.0, INF, 0.0),
                    (NAN, 0.0, 0.0, 0.0, NAN),
                    (0.0, 0.0, 0.0, 0.0, 0.0),
                    (NAN, 1.0, NAN, 1.0, NAN),
                ],
            ));
            rows.push(equals([any(&[3, 5]), any(&[3, 5])], |v| v[0].times_cotangent(v[1]), |v| v[0] * v[1]));
            rows.push(refuses([any(&[3]), any(&[2])], |v| v[0].times_cotangent(v[1]), &["mul_of_cotangents of [3] and [2]", "hint: "]));
            rows
        }
    }

    impl Sampled for Neg {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = one(-2.0, 2.0, |x| -x);
            rows.extend(points(|x| -x, &[(0.0, 0.0, -1.0), (2.5, -2.5, -1.0), (INF, -INF, -1.0), (NAN, NAN, -1.0)]));
            rows
        }
    }
}
