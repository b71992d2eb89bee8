//! Tests of every op by sample rows. Each op brings its rows, in the file of its family. This file says what a row can claim; `harness.rs`
//! runs the rows.
//!
//! A row is a few inputs and a function of them, and a claim: that its derivatives agree with differences ([`grad`]), that value and
//! gradient are known numbers ([`value`], [`points`]), that another formula gives the same ([`equals`], [`adjoint`]), or that it is refused
//! with a helpful text ([`refuses`]). All rows run in f32 and in f64.

mod harness;
mod orders;

use crate::array::scalar::Scalar;
use crate::ops::arith::Arith;
use crate::ops::map::{Binary, Map, MapGrad, Unary, Zip, ZipGrad};
use crate::tape::var::Var;
use ndarray::ArrayD;
use std::panic::Location;

/// An op that has sample rows. An op without them does not compile in tests.
pub trait Sampled {
    fn rows<T: Scalar>() -> Vec<Row<T>>;
}
impl<U: Sampled> Sampled for Map<U> {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        U::rows()
    }
}
impl<U: Sampled> Sampled for MapGrad<U> {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        U::rows()
    }
}
impl<O: Sampled> Sampled for Arith<O> {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        O::rows()
    }
}
impl<B: Sampled> Sampled for Zip<B> {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        B::rows()
    }
}
impl<B: Sampled, const FIRST: bool> Sampled for ZipGrad<B, FIRST> {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        B::rows()
    }
}

type Function<T> = Box<dyn for<'t> Fn(&[Var<'t, T>]) -> Var<'t, T>>;

pub struct Row<T: Scalar> {
    /// The source line of the row.
    at: &'static Location<'static>,
    inputs: Vec<ArrayD<f64>>,
    f: Function<T>,
    claim: Claim<T>,
    /// If true, the row must record the op that it is a row of.
    of_op: bool,
}

/// What a row claims.
enum Claim<T: Scalar> {
    /// Derivatives agree with differences, and f32 agrees with f64.
    Smooth,
    /// The value, and the gradient of its sum by each input.
    Value(Vec<f64>, Vec<Option<Vec<f64>>>),
    /// Another function has the same value and the same first and second derivatives.
    Same(Function<T>),
    /// A panic whose message contains all of these.
    Refuses(Vec<&'static str>),
}

// ------------------------------------------------------------------------------------------------------------- inputs

/// An input of a row.
#[derive(Clone)]
pub(crate) enum Input {
    Range(Vec<usize>, f64, f64),
    Exact(ArrayD<f64>),
}

/// Numbers between two bounds, all different.
pub(crate) fn within(low: f64, high: f64, shape: &[usize]) -> Input {
    Input::Range(shape.to_vec(), low, high)
}
/// Numbers between -2 and 2, all different, and none near 0, where there may be a kink.
pub(crate) fn any(shape: &[usize]) -> Input {
    within(-2.0, 2.0, shape)
}
/// Numbers well above 0.
pub(crate) fn positive(shape: &[usize]) -> Input {
    within(0.3, 2.5, shape)
}
/// These numbers.
pub(crate) fn of(shape: &[usize], values: impl Into<Vec<f64>>) -> Input {
    Input::Exact(ArrayD::from_shape_vec(shape, values.into()).expect("as many values as the shape says"))
}

fn arrays(inputs: Vec<Input>) -> Vec<ArrayD<f64>> {
    let array = |(position, input)| match input {
        Input::Exact(values) => values,
        Input::Range(shape, low, high) => {
            let mut k = position as f64 * 0.37;
            ArrayD::from_shape_simple_fn(shape, || {
                // Multiples of the golden ratio keep their distance from one another.
                k += 1.0;
                let x = low + (high - low) * (k * 0.618_033_988_749_895).fract();
                let x = if x.abs() < 0.04 && low < 0.0 { x + 0.08 } else { x };
                f64::from(x as f32) // the same number in both types
            })
        }
    };
    inputs.into_iter().enumerate().map(array).collect()
}

// --------------------------------------------------------------------------------------------------------------- rows

// The closure is boxed here, so that only a few lines are compiled for each row's function.
#[track_caller]
fn row<T: Scalar>(inputs: Vec<Input>, f: Function<T>, claim: Claim<T>) -> Row<T> {
    Row { at: Location::caller(), inputs: arrays(inputs), f, claim, of_op: true }
}

/// Gives all these rows the line of the caller of the helper that made them.
#[track_caller]
pub(crate) fn here<T: Scalar>(rows: impl IntoIterator<Item = Row<T>>) -> Vec<Row<T>> {
    let at = Location::caller();
    rows.into_iter().map(|row| Row { at, ..row }).collect()
}

/// Rows of functions that are made of other ops: they need not record the op that they are rows of.
pub(crate) fn composed<T: Scalar>(rows: impl IntoIterator<Item = Row<T>>) -> Vec<Row<T>> {
    rows.into_iter().map(|row| Row { of_op: false, ..row }).collect()
}

/// Derivatives to second order agree with differences, and f32 with f64.
#[track_caller]
pub(crate) fn grad<T: Scalar, const N: usize>(inputs: [Input; N], f: impl for<'t> Fn(&[Var<'t, T>]) -> Var<'t, T> + 'static) -> Row<T> {
    row(inputs.into(), Box::new(f), Claim::Smooth)
}

/// The value, and the gradient of its sum by each input, are these numbers (NaN equals NaN).
#[track_caller]
pub(crate) fn value<T: Scalar, const N: usize>(
    inputs: [Input; N],
    f: impl for<'t> Fn(&[Var<'t, T>]) -> Var<'t, T> + 'static,
    y: &[f64],
    gradients: [&[f64]; N],
) -> Row<T> {
    row(inputs.into(), Box::new(f), Claim::Value(y.to_vec(), gradients.map(|g| Some(g.to_vec())).into()))
}

/// The value is this, and there is no gradient by any input.
#[track_caller]
pub(crate) fn constant<T: Scalar, const N: usize>(
    inputs: [Input; N],
    f: impl for<'t> Fn(&[Var<'t, T>]) -> Var<'t, T> + 'static,
    y: &[f64],
) -> Row<T> {
    row(inputs.into(), Box::new(f), Claim::Value(y.to_vec(), vec![None; N]))
}

/// Two functions have the same value and the same first and second derivatives.
#[track_caller]
pub(crate) fn equals<T: Scalar, const N: usize>(
    inputs: [Input; N],
    f: impl for<'t> Fn(&[Var<'t, T>]) -> Var<'t, T> + 'static,
    g: impl for<'t> Fn(&[Var<'t, T>]) -> Var<'t, T> + 'static,
) -> Row<T> {
    row(inputs.into(), Box::new(f), Claim::Same(Box::new(g)))
}

/// `<A u, v> = <u, B v>`: B is the adjoint of A.
#[track_caller]
pub(crate) fn adjoint<T: Scalar>(
    u: Input,
    v: Input,
    a: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T> + 'static,
    b: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T> + 'static,
) -> Row<T> {
    equals([u, v], move |x| (a(x[0]) * x[1]).sum(), move |x| (x[0] * b(x[1])).sum())
}

/// The function panics with a message that contains all of these texts and the caller's line. The tape still works afterwards.
#[track_caller]
pub(crate) fn refuses<T: Scalar, const N: usize>(
    inputs: [Input; N],
    f: impl for<'t> Fn(&[Var<'t, T>]) -> Var<'t, T> + 'static,
    texts: &[&'static str],
) -> Row<T> {
    row(inputs.into(), Box::new(f), Claim::Refuses(texts.to_vec()))
}

type One<T> = &'static dyn for<'t> Fn(Var<'t, T>) -> Var<'t, T>;
type Two<T> = &'static dyn for<'t> Fn(Var<'t, T>, Var<'t, T>) -> Var<'t, T>;

/// Makes the function live as long as the tests, so that several rows can share it. Closures that capture nothing take no memory.
fn fixed<T: Scalar>(f: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T> + 'static) -> One<T> {
    Box::leak(Box::new(f))
}
fn fixed2<T: Scalar>(f: impl for<'t> Fn(Var<'t, T>, Var<'t, T>) -> Var<'t, T> + 'static) -> Two<T> {
    Box::leak(Box::new(f))
}

/// Values and slopes of a function of one number at given points: `(x, y, dy/dx)`. Each point runs alone and in an array of all, since
/// numbers and arrays take different paths.
#[track_caller]
pub(crate) fn points<T: Scalar>(f: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T> + 'static, points: &[(f64, f64, f64)]) -> Vec<Row<T>> {
    points_of(fixed(f), points)
}
#[track_caller]
fn points_of<T: Scalar>(f: One<T>, points: &[(f64, f64, f64)]) -> Vec<Row<T>> {
    // Repeated, so that a vectorised loop has whole vectors as well as a rest.
    let (x, (y, dy)): (Vec<f64>, (Vec<f64>, Vec<f64>)) =
        points.iter().cycle().take(19 + points.len()).map(|&(x, y, dy)| (x, (y, dy))).unzip();
    let mut rows = vec![value([of(&[x.len()], x)], move |v| f(v[0]), &y, [&dy])];
    rows.extend(points.iter().map(|&(x, y, dy)| value([of(&[], [x])], move |v| f(v[0]), &[y], [&[dy]])));
    here(rows)
}

/// As [`points`], for a function of two numbers: `(a, b, y, dy/da, dy/db)`.
#[track_caller]
pub(crate) fn points2<T: Scalar>(
    f: impl for<'t> Fn(Var<'t, T>, Var<'t, T>) -> Var<'t, T> + 'static,
    points: &[(f64, f64, f64, f64, f64)],
) -> Vec<Row<T>> {
    points2_of(fixed2(f), points)
}
#[track_caller]
fn points2_of<T: Scalar>(f: Two<T>, points: &[(f64, f64, f64, f64, f64)]) -> Vec<Row<T>> {
    let all: Vec<_> = points.iter().cycle().take(19 + points.len()).collect();
    let n = all.len();
    let column = |k: fn(&(f64, f64, f64, f64, f64)) -> f64| all.iter().map(|p| k(p)).collect::<Vec<f64>>();
    let (a, b, y, da, db) = (column(|p| p.0), column(|p| p.1), column(|p| p.2), column(|p| p.3), column(|p| p.4));
    let mut rows = vec![value([of(&[n], a), of(&[n], b)], move |v| f(v[0], v[1]), &y, [&da, &db])];
    rows.extend(points.iter().map(|&(a, b, y, da, db)| value([of(&[], [a]), of(&[], [b])], move |v| f(v[0], v[1]), &[y], [&[da], &[db]])));
    here(rows)
}

/// The rows of a function of one number, on inputs between `low` and `high`.
#[track_caller]
pub(crate) fn one<T: Scalar>(low: f64, high: f64, f: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T> + 'static) -> Vec<Row<T>> {
    one_of(low, high, fixed(f))
}
#[track_caller]
fn one_of<T: Scalar>(low: f64, high: f64, f: One<T>) -> Vec<Row<T>> {
    let x = |shape: &[usize]| within(low, high, shape);
    let mut rows: Vec<Row<T>> = vec![
        grad([x(&[3, 5])], move |v| f(v[0].t())),
        grad([x(&[9])], move |v| f(v[0].slice(&crate::at![1..; 2]))),
        grad([x(&[9])], move |v| f(v[0].slice(&crate::at![..; -1]))),
        grad([x(&[3])], move |v| f(v[0].broadcast_to([2, 3]))),
        grad([x(&[5])], move |v| f(v[0]) * v[0] + f(v[0])),
        // The cotangent and the input are the same node.
        grad([x(&[7])], move |v| v[0].tape().grad_with(f(v[0]), v[0], &[v[0]])[0].unwrap_or(v[0])),
    ];
    let shapes: [&[usize]; 7] = [&[], &[1], &[37], &[3, 5], &[0, 3], &[2, 1, 2], &[1, 1]];
    rows.extend(shapes.map(|shape| grad([x(shape)], move |v| f(v[0]))));
    here(rows)
}

/// The rows of a [`Unary`] op: those of [`one`], and that the fused op equals its formula in `Var` operations.
#[track_caller]
pub(crate) fn unary<T: Scalar, U: Unary>(u: U, low: f64, high: f64, f: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T> + 'static) -> Vec<Row<T>> {
    let f = fixed(f);
    let mut rows = one_of(low, high, f);
    let x = within(low, high, &[3, 7]);
    rows.push(equals([x.clone()], move |v| f(v[0]), move |v| u.f(v[0])));
    // The fused gradient equals the slope written out, and so do its derivatives.
    rows.push(equals(
        [x],
        move |v| v[0].tape().grad(f(v[0]), v)[0].expect("depends on x"),
        move |v| u.df(v[0], u.f(v[0])).broadcast_to_shape(v[0].shape()),
    ));
    here(rows)
}

/// The rows of several [`Unary`] ops without attributes: those of [`unary`] between two bounds, and [`points`].
macro_rules! rows {
    ($($op:ident: $value:expr, $low:expr, $high:expr, |$x:ident| $f:expr, $points:expr;)*) => {
        $(impl Sampled for $op {
            fn rows<T: Scalar>() -> Vec<Row<T>> {
                let mut rows = unary($value, $low, $high, |$x| $f);
                rows.extend(points(|$x| $f, &$points));
                rows
            }
        })*
    };
}
pub(crate) use rows;

/// The rows of a function of two numbers that broadcasts, on inputs between bounds.
#[track_caller]
pub(crate) fn two<T: Scalar>(
    bounds_a: [f64; 2],
    bounds_b: [f64; 2],
    f: impl for<'t> Fn(Var<'t, T>, Var<'t, T>) -> Var<'t, T> + 'static,
) -> Vec<Row<T>> {
    two_of(bounds_a, bounds_b, fixed2(f))
}
#[track_caller]
fn two_of<T: Scalar>([low, high]: [f64; 2], [low_b, high_b]: [f64; 2], f: Two<T>) -> Vec<Row<T>> {
    let a = |shape: &[usize]| within(low, high, shape);
    let b = |shape: &[usize]| within(low_b, high_b, shape);
    let shapes: [[&[usize]; 2]; 9] = [
        [&[], &[]],
        [&[37], &[37]],
        [&[3, 5], &[3, 5]],
        [&[3, 5], &[5]],
        [&[3, 1], &[1, 4]],
        [&[], &[2, 3]],
        [&[2, 3], &[]],
        [&[0, 3], &[3]],
        [&[2, 1, 3], &[4, 1]],
    ];
    let mut rows: Vec<Row<T>> = shapes.map(|[m, n]| grad([a(m), b(n)], move |v| f(v[0], v[1]))).into();
    rows.push(grad([a(&[3, 4]), b(&[4, 3])], move |v| f(v[0].t(), v[1])));
    rows.push(grad([a(&[7]), b(&[4])], move |v| f(v[0].slice(&crate::at![..; -2]), v[1])));
    rows.push(grad([a(&[5])], move |v| f(v[0], v[0])));
    // The cotangent is an input.
    rows.push(grad([a(&[5]), b(&[5])], move |v| v[0].tape().grad_with(f(v[0], v[1]), v[0], &[v[0]])[0].unwrap_or(v[0])));
    rows.push(grad([a(&[5]), b(&[5])], move |v| v[0].tape().grad_with(f(v[0], v[1]), v[0], &[v[1]])[0].unwrap_or(v[0])));
    here(rows)
}

/// The rows of a [`Binary`] op: those of [`two`], and that the fused op equals its formula in `Var` operations.
#[track_caller]
pub(crate) fn binary<T: Scalar, B: Binary>(
    op: B,
    bounds_a: [f64; 2],
    bounds_b: [f64; 2],
    f: impl for<'t> Fn(Var<'t, T>, Var<'t, T>) -> Var<'t, T> + 'static,
) -> Vec<Row<T>> {
    let f = fixed2(f);
    let mut rows = two_of(bounds_a, bounds_b, f);
    let inputs = [within(bounds_a[0], bounds_a[1], &[3, 7]), within(bounds_b[0], bounds_b[1], &[3, 7])];
    rows.push(equals(inputs.clone(), move |v| f(v[0], v[1]), move |v| op.f(v[0], v[1])));
    for i in 0..2 {
        rows.push(equals(
            inputs.clone(),
            move |v| v[0].tape().grad(f(v[0], v[1]), v)[i].expect("depends on both"),
            move |v| {
                let slope = if i == 0 { op.da(v[0], v[1]) } else { op.db(v[0], v[1]) };
                slope.broadcast_to_shape(v[0].shape())
            },
        ));
    }
    here(rows)
}

/// Square matrices far from singular, made from small numbers.
pub(crate) fn regular<T: Scalar>(v: Var<'_, T>) -> Var<'_, T> {
    let n = v.size(-1);
    let twice: Vec<T> = (0..n * n).map(|p| T::from_f64(if p % (n + 1) == 0 { 2.0 } else { 0.0 })).collect();
    v * v.number(0.25) + v.tape().constant(twice).reshape_to([n, n].into())
}
