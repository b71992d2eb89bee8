//! How does an elementwise op come about? From its value and its slope, each written once over [`Real`].
//!
//! [`Map`] applies a [`Unary`] function. Its rule records a single node, [`MapGrad`]: `g * df(x, y)` in one pass over plain
//! numbers. Only when that is differentiated again is the same `df` written out in `Var` operations, with `x` and `y` as independent
//! inputs: what reaches `y` flows on through y's own node. [`Zip`] and [`ZipGrad`] do the same for two inputs. Where g is 0 the result is
//! 0, whatever the slope: see `arith.rs`.

use crate::array::error::ShapeError;
use crate::array::scalar::{Num, Real, Scalar};
use crate::array::shape::Shape;
use crate::array::simd::Simd;
use crate::array::view::View;
use crate::kernels::elementwise::{Cost, Elementwise, apply, number};
use crate::tape::op::erase::{EraseNumber, Given, NumberOp};
use crate::tape::op::{Cotangents, Fused, Op, Vjp};
use crate::tape::var::{Operand, Var};
use std::fmt::Debug;

/// A function of one number and its slope.
///
/// A cotangent of exactly 0 stays 0, even where the slope is infinite or NaN, in derivatives of every order: what a mask has left out
/// contributes nothing, and `df` need not care.
///
/// ```
/// use wengert::{Real, Tape, Unary};
/// /// y = x e^(x / 2). (`lit` makes a constant of the formula's own type.)
/// #[derive(Clone, Copy, Debug, PartialEq)]
/// struct XExp;
/// impl Unary for XExp {
///     const NAME: &'static str = "xexp";
///     const GRAD_NAME: &'static str = "xexp_grad";
///     fn f<R: Real>(self, x: R) -> R {
///         x * (x * x.lit(0.5)).exp()
///     }
///     fn df<R: Real>(self, x: R, y: R) -> R {
///         y * x.lit(0.5) + (x * x.lit(0.5)).exp()
///     }
/// }
/// let tape = Tape::<f64>::new();
/// let x = tape.leaf(0.5);
/// let dy = tape.grad(x.map(XExp), &[x])[0].unwrap();
/// let d2y = tape.grad(dy, &[x])[0].unwrap();
/// assert!((d2y.item() - (1.0 + 0.5 / 4.0) * 0.25_f64.exp()).abs() < 1e-12);
/// ```
pub trait Unary: Copy + Debug + PartialEq + Send + Sync + 'static {
    /// The op's name.
    const NAME: &'static str;
    /// The name of its gradient's node.
    const GRAD_NAME: &'static str;
    /// What an element costs: expensive where transcendental functions are computed.
    const COST: Cost = Cost::Expensive;
    /// The largest |x| for which the vectorised functions that `f` and `df` use are accurate: must be finite where they use [`Real::sin`] or
    /// [`Real::cos`] of x itself (2^24). Beyond it the standard library's are taken.
    const BOUND: f64 = f64::INFINITY;
    /// Whether the slope is a function of y alone, so that its node need not read x, which may be an array that was never stored.
    ///
    /// It may stay false where the slope happens to use y alone, as that of tan does: the node then reads x as well, and the bits are the same.
    /// Relu sets it, since its x is often the output of an op that waits, and would be computed a second time.
    const SLOPE_OF_Y: bool = false;
    /// Whether a slope of 0 means that the output does not depend on x there (a relu's below 0): then nothing flows to it, where 0 times an
    /// infinite cotangent would be NaN.
    const CHOOSES: bool = false;
    /// The value. (`#[inline(always)]` lets the loop around it be vectorised.)
    fn f<R: Real>(self, x: R) -> R;
    /// The derivative at x, where y = f(x).
    fn df<R: Real>(self, x: R, y: R) -> R;
}

/// A function of two numbers and its two slopes; see [`Unary`].
pub trait Binary: Copy + Debug + PartialEq + Send + Sync + 'static {
    /// The op's name.
    const NAME: &'static str;
    /// The name of its gradients' nodes.
    const GRAD_NAME: &'static str;
    /// What an element costs; see [`Unary::COST`].
    const COST: Cost = Cost::Expensive;
    /// The largest |a| and |b| for which the functions that it uses are accurate; see [`Unary::BOUND`].
    const BOUND: f64 = f64::INFINITY;
    /// Whether a slope of 0 means that the output does not depend on that input there; see [`Unary::CHOOSES`].
    const CHOOSES: bool = false;
    /// The value.
    fn f<R: Real>(self, a: R, b: R) -> R;
    /// The derivative with respect to a.
    fn da<R: Real>(self, a: R, b: R) -> R;
    /// The derivative with respect to b.
    fn db<R: Real>(self, a: R, b: R) -> R;
}

/// `y = f(x)`, elementwise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Map<U>(pub U);

/// `z = g * f'(x)`, and 0 where g is 0, elementwise, of g, x and y = f(x).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct MapGrad<U>(U);

/// What a cotangent becomes by a slope. A cotangent of 0 stays 0, also where the slope is infinite or NaN.
#[inline(always)]
pub(crate) fn times<T: Scalar>(g: T, slope: T, chooses: bool) -> T {
    if g == T::ZERO || (chooses && slope == T::ZERO) { T::ZERO } else { g * slope }
}

impl<T: Scalar, U: Unary> Elementwise<T, 1> for Map<U> {
    const COST: Cost = U::COST;
    const BOUND: f64 = U::BOUND;
    #[inline(always)]
    fn at<S: Simd>(self, [x]: [T; 1]) -> T {
        self.0.f(Num::<T, S>::new(x)).0
    }
}

impl<T: Scalar, U: Unary> Elementwise<T, 3> for MapGrad<U> {
    const COST: Cost = U::COST;
    const BOUND: f64 = U::BOUND;
    #[inline(always)]
    fn at<S: Simd>(self, [g, x, y]: [T; 3]) -> T {
        times(g, self.0.df(Num::<T, S>::new(x), Num::<T, S>::new(y)).0, U::CHOOSES)
    }
}

impl<T: Scalar, U: Unary> Op<T> for Map<U> {
    fn name(&self) -> &'static str {
        U::NAME
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
        let x = if U::SLOPE_OF_Y { cx.y() } else { cx.x(0) };
        cx.each(|_| record_number(MapGrad(self.0), [cx.g, x, cx.y()]))
    }
}

impl<T: Scalar, U: Unary> Fused<T> for Map<U> {
    fn elementwise(&self) -> Option<Cost> {
        Some(U::COST)
    }
}

impl<T: Scalar, U: Unary> NumberOp<T> for Map<U> {
    fn value(&self, x: T, b: T, c: T) -> T {
        number(*self, x, b, c)
    }
    fn cotangents(&self, g: T, x: T, _: T, y: T) -> (T, T) {
        (number(MapGrad(self.0), g, x, y), T::ZERO)
    }
}

impl<T: Scalar, U: Unary> Op<T> for MapGrad<U> {
    fn name(&self) -> &'static str {
        U::GRAD_NAME
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        same_shape(x)
    }
    fn fused(&self) -> Option<&dyn Fused<T>> {
        Some(self)
    }
    #[inline(always)]
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        apply(*self, [x[0], x[1], x[2]], y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        rule_of_slope(cx, self)
    }
}

impl<T: Scalar, U: Unary> Fused<T> for MapGrad<U> {
    fn elementwise(&self) -> Option<Cost> {
        Some(U::COST)
    }
}

impl<T: Scalar, U: Unary> NumberOp<T> for MapGrad<U> {
    fn value(&self, g: T, x: T, y: T) -> T {
        number(*self, g, x, y)
    }
}

/// `c = f(a, b)`, elementwise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Zip<B>(pub B);

/// `z = g * df/da(a, b)` (`FIRST`) or `g * df/db(a, b)`, and 0 where g is 0, elementwise, of g, a and b.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ZipGrad<B, const FIRST: bool>(B);

impl<T: Scalar, B: Binary> Elementwise<T, 2> for Zip<B> {
    const COST: Cost = B::COST;
    const BOUND: f64 = B::BOUND;
    #[inline(always)]
    fn at<S: Simd>(self, [a, b]: [T; 2]) -> T {
        self.0.f(Num::<T, S>::new(a), Num::<T, S>::new(b)).0
    }
}

impl<B: Binary, const FIRST: bool> ZipGrad<B, FIRST> {
    #[inline(always)]
    fn of<R: Real>(self, a: R, b: R) -> R {
        if FIRST { self.0.da(a, b) } else { self.0.db(a, b) }
    }
}

impl<T: Scalar, B: Binary, const FIRST: bool> Elementwise<T, 3> for ZipGrad<B, FIRST> {
    const COST: Cost = B::COST;
    const BOUND: f64 = B::BOUND;
    #[inline(always)]
    fn at<S: Simd>(self, [g, a, b]: [T; 3]) -> T {
        times(g, self.of(Num::<T, S>::new(a), Num::<T, S>::new(b)).0, B::CHOOSES)
    }
}

impl<T: Scalar, B: Binary> Op<T> for Zip<B> {
    fn name(&self) -> &'static str {
        B::NAME
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
        let (a, b) = (cx.x(0), cx.x(1));
        cx.each(|i| match i {
            0 => record_number(ZipGrad::<B, true>(self.0), [cx.g, a, b]),
            _ => record_number(ZipGrad::<B, false>(self.0), [cx.g, a, b]),
        })
    }
}

impl<T: Scalar, B: Binary> Fused<T> for Zip<B> {
    fn elementwise(&self) -> Option<Cost> {
        Some(B::COST)
    }
}

impl<T: Scalar, B: Binary> NumberOp<T> for Zip<B> {
    fn value(&self, a: T, b: T, c: T) -> T {
        number(*self, a, b, c)
    }
    fn cotangents(&self, g: T, a: T, b: T, _: T) -> (T, T) {
        (number(ZipGrad::<B, true>(self.0), g, a, b), number(ZipGrad::<B, false>(self.0), g, a, b))
    }
}

impl<T: Scalar, B: Binary, const FIRST: bool> Op<T> for ZipGrad<B, FIRST> {
    fn name(&self) -> &'static str {
        B::GRAD_NAME
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        same_shape(x)
    }
    fn fused(&self) -> Option<&dyn Fused<T>> {
        Some(self)
    }
    #[inline(always)]
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        apply(*self, [x[0], x[1], x[2]], y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        rule_of_slope(cx, self)
    }
}

impl<T: Scalar, B: Binary, const FIRST: bool> Fused<T> for ZipGrad<B, FIRST> {
    fn elementwise(&self) -> Option<Cost> {
        Some(B::COST)
    }
}

impl<T: Scalar, B: Binary, const FIRST: bool> NumberOp<T> for ZipGrad<B, FIRST> {
    fn value(&self, g: T, a: T, b: T) -> T {
        number(*self, g, a, b)
    }
}

/// The slope in a [`MapGrad`] or a [`ZipGrad`], written out.
pub(crate) trait Slope<T: Scalar> {
    fn slope<'t>(&self, x: Var<'t, T>, y: Var<'t, T>) -> Var<'t, T>;
}
impl<T: Scalar, U: Unary> Slope<T> for MapGrad<U> {
    fn slope<'t>(&self, x: Var<'t, T>, y: Var<'t, T>) -> Var<'t, T> {
        self.0.df(x, y)
    }
}
impl<T: Scalar, B: Binary, const FIRST: bool> Slope<T> for ZipGrad<B, FIRST> {
    fn slope<'t>(&self, a: Var<'t, T>, b: Var<'t, T>) -> Var<'t, T> {
        self.of(a, b)
    }
}

/// The rule of such a gradient `z = g * slope(x, y)`, of g, x and y: z is linear in g, so the cotangent of g is this op with `cx.g` in place
/// of g. For x and y the slope is written out, and swept down to where it began, only if one of the two is asked for. Where g is 0, z does
/// not depend on x and y: the sweep begins with 0 there, and all rules on its way keep that.
pub(crate) fn rule_of_slope<'t, T: Scalar>(cx: &Vjp<'t, '_, T>, op: &dyn Slope<T>) -> Cotangents<'t, T> {
    let (g, x, y) = (cx.x(0), cx.x(1), cx.x(2));
    let mut through = [None; 2];
    if cx.needs(1) || cx.needs(2) {
        through = cx.through([1, 2], cx.g.times_cotangent(g), &|| op.slope(x, y));
    }
    cx.each(|i| if i == 0 { Some(cx.tape.again(cx.id, [cx.g, x, y])) } else { through[i - 1] })
}

/// Records an op that has a short way for numbers, and need not stand in the list.
#[inline(always)]
#[track_caller]
fn record_number<'t, T: Scalar, O: NumberOp<T> + PartialEq + Copy, const N: usize>(op: O, inputs: [Var<'t, T>; N]) -> Var<'t, T> {
    let tape = inputs[0].tape;
    if const { size_of::<O>() == 0 } {
        return tape.fixed(O::FIXED_NUMBER.expect("it has no attributes"), inputs);
    }
    tape.given(Given::New(&mut Some(op)), &inputs)
}

/// The shape that all inputs have.
pub(crate) fn same_shape(x: &[&Shape]) -> Result<Shape, ShapeError> {
    match x.iter().all(|s| *s == x[0]) {
        true => Ok(x[0].clone()),
        false => Err(ShapeError::new("all inputs must have one shape")
            .hint("methods and operators broadcast; ops that are applied directly do not: see `broadcast_to`")),
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// Applies an elementwise function that implements [`Unary`] to every element. Derivative: its `df`. Shape: that of x.
    ///
    /// ```
    /// use wengert::{Real, Tape, Unary};
    /// #[derive(Clone, Copy, Debug, PartialEq)]
    /// struct Cube;
    /// impl Unary for Cube {
    ///     const NAME: &'static str = "cube";
    ///     const GRAD_NAME: &'static str = "cube_grad";
    ///     fn f<R: Real>(self, x: R) -> R {
    ///         x * x * x
    ///     }
    ///     fn df<R: Real>(self, x: R, _: R) -> R {
    ///         x.lit(3.0) * x * x
    ///     }
    /// }
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf([1.0, 2.0]);
    /// assert_eq!(x.map(Cube).to_vec(), [1.0, 8.0]);
    /// assert_eq!(tape.grad(x.map(Cube), &[x])[0].unwrap().to_vec(), [3.0, 12.0]);
    /// ```
    #[track_caller]
    pub fn map<U: Unary>(self, function: U) -> Self {
        record_number(Map(function), [self])
    }
    /// Applies an elementwise function of two numbers, which implements [`Binary`], with broadcasting. Derivatives: its `da` and `db`.
    /// Shape: that to which both broadcast.
    ///
    /// ```
    /// use wengert::{Binary, Real, Tape};
    /// /// a b^2
    /// #[derive(Clone, Copy, Debug, PartialEq)]
    /// struct TimesSquare;
    /// impl Binary for TimesSquare {
    ///     const NAME: &'static str = "times_square";
    ///     const GRAD_NAME: &'static str = "times_square_grad";
    ///     fn f<R: Real>(self, a: R, b: R) -> R {
    ///         a * b * b
    ///     }
    ///     fn da<R: Real>(self, _: R, b: R) -> R {
    ///         b * b
    ///     }
    ///     fn db<R: Real>(self, a: R, b: R) -> R {
    ///         a.lit(2.0) * a * b
    ///     }
    /// }
    /// let tape = Tape::<f64>::new();
    /// let (a, b) = (tape.leaf([1.0, 2.0]), tape.leaf(3.0));
    /// assert_eq!(a.zip(TimesSquare, b).to_vec(), [9.0, 18.0]);
    /// assert_eq!(tape.grad(a.zip(TimesSquare, b), &[b])[0].unwrap().item(), 18.0); // 2 a b, summed
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn zip<B: Binary>(self, function: B, other: impl Operand<'t, T>) -> Self {
        let (a, b) = self.broadcast_with(other.to_var(self.tape), B::NAME);
        record_number(Zip(function), [a, b])
    }
}
