//! Addition, subtraction, multiplication, division and negation, with broadcasting, and the operators for them.

use crate::error::ShapeError;
use crate::kernels::elementwise::{AddValues, Elementwise, apply};
use crate::kernels::simd::Simd;
use crate::layout::Shape;
use crate::op::{Cotangents, Op, View, Vjp};
use crate::ops::map::same_shape;
use crate::scalar::Scalar;
use crate::var::{Operand, Var};
use std::ops;

// ---------------------------------------------------------------------------------------------------------------- add

/// `a + b`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Add;

impl<T: Scalar> Op<T> for Add {
    fn name(&self) -> &'static str {
        "add"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        same_shape(x)
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        apply(AddValues, [x[0], x[1]], y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|_| cx.g)
    }
}

// ---------------------------------------------------------------------------------------------------------------- sub

/// `a - b`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sub;

impl<T: Scalar> Elementwise<T, 2> for Sub {
    #[inline(always)]
    fn at<S: Simd>(self, [a, b]: [T; 2]) -> T {
        a - b
    }
}

impl<T: Scalar> Op<T> for Sub {
    fn name(&self) -> &'static str {
        "sub"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        same_shape(x)
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        apply(*self, [x[0], x[1]], y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|i| if i == 0 { cx.g } else { -cx.g })
    }
}

// ---------------------------------------------------------------------------------------------------------------- mul

/// `a * b`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Mul;

impl<T: Scalar> Elementwise<T, 2> for Mul {
    #[inline(always)]
    fn at<S: Simd>(self, [a, b]: [T; 2]) -> T {
        a * b
    }
}

impl<T: Scalar> Op<T> for Mul {
    fn name(&self) -> &'static str {
        "mul"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        same_shape(x)
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        apply(*self, [x[0], x[1]], y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|i| cx.g * cx.x(1 - i))
    }
}

// ---------------------------------------------------------------------------------------------------------------- div

/// `a / b`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Div;

impl<T: Scalar> Elementwise<T, 2> for Div {
    #[inline(always)]
    fn at<S: Simd>(self, [a, b]: [T; 2]) -> T {
        a / b
    }
}

impl<T: Scalar> Op<T> for Div {
    fn name(&self) -> &'static str {
        "div"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        same_shape(x)
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        apply(*self, [x[0], x[1]], y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        let ga = cx.g / cx.x(1);
        // d(a/b)/db = -(a/b)/b: through y, which is at hand.
        cx.each(|i| if i == 0 { ga } else { -(ga * cx.y()) })
    }
}

// ---------------------------------------------------------------------------------------------------------------- neg

/// `-x`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Neg;

impl<T: Scalar> Elementwise<T, 1> for Neg {
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
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        apply(*self, [x[0]], y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|_| -cx.g)
    }
}

// ---------------------------------------------------------------------------------------------------------- operators

#[track_caller]
fn add<'t, T: Scalar>(a: Var<'t, T>, b: Var<'t, T>) -> Var<'t, T> {
    let (a, b) = a.broadcast_with(b, "add");
    a.record2(Add, b)
}
#[track_caller]
fn sub<'t, T: Scalar>(a: Var<'t, T>, b: Var<'t, T>) -> Var<'t, T> {
    let (a, b) = a.broadcast_with(b, "sub");
    a.record2(Sub, b)
}
#[track_caller]
fn mul<'t, T: Scalar>(a: Var<'t, T>, b: Var<'t, T>) -> Var<'t, T> {
    let (a, b) = a.broadcast_with(b, "mul");
    a.record2(Mul, b)
}
#[track_caller]
fn div<'t, T: Scalar>(a: Var<'t, T>, b: Var<'t, T>) -> Var<'t, T> {
    let (a, b) = a.broadcast_with(b, "div");
    a.record2(Div, b)
}

// A macro, because the orphan rules ask for `number op Var` once for each type of number. The calls name the functions above
// directly: through a function pointer the caller's line would be lost.
macro_rules! operator {
    ($trait:ident, $method:ident, $($number:ty),*) => {
        impl<'t, T: Scalar, B: Operand<'t, T>> ops::$trait<B> for Var<'t, T> {
            type Output = Var<'t, T>;
            #[track_caller]
            fn $method(self, b: B) -> Var<'t, T> {
                $method(self, b.to_var(self.tape))
            }
        }
        impl<'t, T: Scalar, B: Operand<'t, T>> ops::$trait<B> for &Var<'t, T> {
            type Output = Var<'t, T>;
            #[track_caller]
            fn $method(self, b: B) -> Var<'t, T> {
                $method(*self, b.to_var(self.tape))
            }
        }
        $(
            impl<'t> ops::$trait<Var<'t, $number>> for $number {
                type Output = Var<'t, $number>;
                #[track_caller]
                fn $method(self, b: Var<'t, $number>) -> Var<'t, $number> {
                    $method(b.tape.number(self), b)
                }
            }
            impl<'t> ops::$trait<&Var<'t, $number>> for $number {
                type Output = Var<'t, $number>;
                #[track_caller]
                fn $method(self, b: &Var<'t, $number>) -> Var<'t, $number> {
                    $method(b.tape.number(self), *b)
                }
            }
        )*
    };
}
operator!(Add, add, f32, f64);
operator!(Sub, sub, f32, f64);
operator!(Mul, mul, f32, f64);
operator!(Div, div, f32, f64);

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

/// The sum of any number of values; 0 of none cannot be made, since there is no tape to put it on.
///
/// # Panics
/// If the iterator is empty.
impl<'t, T: Scalar> std::iter::Sum for Var<'t, T> {
    #[track_caller]
    fn sum<I: Iterator<Item = Self>>(values: I) -> Self {
        values.reduce(|a, b| a + b).expect("the sum of no Vars has no tape to lie on")
    }
}
