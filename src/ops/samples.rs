//! Is every op right? Each brings sample rows, which stand in its family's file; here they are run.
//!
//! A row is a few inputs and a function of them, with what must hold: that its derivatives agree with differences ([`grad`]), that
//! value and gradient are known numbers ([`value`], [`points`]), that another formula gives the same ([`equals`], [`adjoint`]), or that it
//! is refused with a text that helps ([`refuses`]). All rows run in f32 and in f64.

use crate::check::{Options, check_grads};
use crate::ops::all_samples;
use crate::ops::arith::Arith;
use crate::ops::map::{Binary, Map, MapGrad, Unary, Zip, ZipGrad};
use crate::scalar::Scalar;
use crate::tape::Tape;
use crate::var::Var;
use ndarray::ArrayD;
use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};

/// An op that has sample rows; one without does not compile under test.
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
    /// The line on which the row stands.
    at: &'static Location<'static>,
    inputs: Vec<ArrayD<f64>>,
    f: Function<T>,
    claim: Claim<T>,
    /// Whether it must record the op in whose list it stands.
    of_op: bool,
}

/// What must hold of a row.
enum Claim<T: Scalar> {
    /// Derivatives agree with differences, and f32 with f64.
    Smooth,
    /// Value, and the gradient of its sum by each input.
    Value(Vec<f64>, Vec<Option<Vec<f64>>>),
    /// The same value and first and second derivatives as another function.
    Same(Function<T>),
    /// A panic that says all of this.
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
/// Numbers between -2 and 2, all different and none near 0, where there may be a kink.
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

// What a row is made of is boxed at once: only a few lines are then compiled anew for every function of every row.
#[track_caller]
fn row<T: Scalar>(inputs: Vec<Input>, f: Function<T>, claim: Claim<T>) -> Row<T> {
    Row { at: Location::caller(), inputs: arrays(inputs), f, claim, of_op: true }
}

/// Rows that a helper made stand where it was called, and so does the function that it was given.
#[track_caller]
pub(crate) fn here<T: Scalar>(rows: impl IntoIterator<Item = Row<T>>) -> Vec<Row<T>> {
    let at = Location::caller();
    rows.into_iter().map(|row| Row { at, ..row }).collect()
}

/// Rows of functions that are made of other ops: they need not record the op in whose list they stand.
pub(crate) fn composed<T: Scalar>(rows: impl IntoIterator<Item = Row<T>>) -> Vec<Row<T>> {
    rows.into_iter().map(|row| Row { of_op: false, ..row }).collect()
}

/// Derivatives to second order agree with differences, and f32 with f64.
#[track_caller]
pub(crate) fn grad<T: Scalar, const N: usize>(inputs: [Input; N], f: impl for<'t> Fn(&[Var<'t, T>]) -> Var<'t, T> + 'static) -> Row<T> {
    row(inputs.into(), Box::new(f), Claim::Smooth)
}

/// The value is this, and the gradient of its sum by each input this (NaN equals NaN).
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

/// The function panics with a text that holds all of these, and the caller's line; the tape goes on working.
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

/// The function lives as long as the tests do, so that its rows can share it. (Closures that capture nothing take no memory.)
fn fixed<T: Scalar>(f: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T> + 'static) -> One<T> {
    Box::leak(Box::new(f))
}
fn fixed2<T: Scalar>(f: impl for<'t> Fn(Var<'t, T>, Var<'t, T>) -> Var<'t, T> + 'static) -> Two<T> {
    Box::leak(Box::new(f))
}

/// Values and slopes of a function of one number at single points: `(x, y, dy/dx)`. Each runs alone and in an array of all, since
/// numbers and arrays take different ways.
#[track_caller]
pub(crate) fn points<T: Scalar>(f: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T> + 'static, points: &[(f64, f64, f64)]) -> Vec<Row<T>> {
    points_of(fixed(f), points)
}
#[track_caller]
fn points_of<T: Scalar>(f: One<T>, points: &[(f64, f64, f64)]) -> Vec<Row<T>> {
    // Twice over, so that a vectorised loop has whole vectors as well as a rest.
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
        grad([x(&[3])], move |v| f(v[0].broadcast_to(&[2, 3]))),
        grad([x(&[5])], move |v| f(v[0]) * v[0] + f(v[0])),
        // The cotangent and the input are one node.
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
    // The fused gradient equals the slope written out, and so do its own derivatives.
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

// ------------------------------------------------------------------------------------------------------------ harness

/// What a function gives in one type, as f64: its value, and its gradients where there are any.
struct Outcome {
    y: ArrayD<f64>,
    gradients: Vec<Option<ArrayD<f64>>>,
}

fn leaves<'t, T: Scalar>(tape: &'t Tape<T>, inputs: &[ArrayD<f64>]) -> Vec<Var<'t, T>> {
    inputs.iter().map(|x| tape.leaf(x.mapv(T::from_f64))).collect()
}

fn widen<T: Scalar>(x: ArrayD<T>) -> ArrayD<f64> {
    x.mapv(Scalar::to_f64)
}

/// Runs a row's function forward and back, by both sweeps, which must agree to the bit. `name` is an op that has to take part.
fn run<T: Scalar>(name: &str, Row { inputs, f, of_op, .. }: &Row<T>) -> Result<Outcome, String> {
    let tape = Tape::<T>::new();
    let x = leaves(&tape, inputs);
    let y = f(&x);
    let gradients: Vec<_> = tape.grad(y, &x).into_iter().map(|g| g.map(|g| widen(g.to_array()))).collect();
    if let Some(i) = (0..x.len()).find(|&i| gradients[i].as_ref().is_some_and(|g| g.shape() != inputs[i].shape())) {
        return Err(format!("gradient {i} has another shape than its input"));
    }
    if y.is_tracked() {
        let all = tape.backward(y.sum());
        for (i, g) in gradients.iter().enumerate() {
            let other = all.wrt(x[i]).map(|g| widen(g.to_owned()));
            let equal = match (&other, g) {
                (Some(a), Some(b)) => a.iter().zip(b).all(|(a, b)| a == b || a.is_nan() && b.is_nan()),
                (a, b) => a.is_none() && b.is_none(),
            };
            if !equal {
                return Err(format!("`backward` gives {other:?}, `grad` {g:?}"));
            }
        }
    }
    let inner = tape.read();
    // An enum shows its variant.
    let names = if name == "Compare" { &["Greater", "GreaterEqual", "Equal"][..] } else { &[name] };
    let has_name = |id: u32| format!("{:?}", inner.op(id)).split(|c: char| !c.is_alphanumeric()).any(|word| names.contains(&word));
    if *of_op && !(0..inner.nodes.len() as u32).any(has_name) {
        return Err("the row does not record the op".into());
    }
    drop(inner);
    Ok(Outcome { y: widen(y.to_array()), gradients })
}

/// The sum of all elements, each times a number of its own.
fn weighted<T: Scalar>(v: Var<'_, T>) -> Var<'_, T> {
    let weights: Vec<T> = (0..v.numel()).map(|i| T::from_f64(((i * 7 + 3) % 5) as f64 * 0.5 - 1.25)).collect();
    (v * v.tape().constant(weights).reshape_to(v.shape())).sum()
}

/// Value, gradients and second derivatives (along a fixed direction), with 0 for `None`.
fn two_orders<T: Scalar>(inputs: &[ArrayD<f64>], f: &Function<T>) -> Vec<ArrayD<f64>> {
    let tape = Tape::<T>::new();
    let x = leaves(&tape, inputs);
    let y = f(&x);
    let mut all = vec![widen(y.to_array())];
    let mut root = Some(y);
    for _ in 0..2 {
        let gradients = root.map_or_else(|| vec![None; x.len()], |root| tape.grad(weighted(root), &x));
        all.extend(inputs.iter().zip(&gradients).map(|(x, g)| g.map_or_else(|| ArrayD::zeros(x.raw_dim()), |g| widen(g.to_array()))));
        root = gradients.into_iter().flatten().map(weighted).reduce(|a, b| a + b);
    }
    all
}

/// That no pair differs by more than `tolerance` of the largest finite number (or of 1). NaN equals NaN.
fn agree(a: &ArrayD<f64>, b: &ArrayD<f64>, tolerance: f64) -> Result<(), String> {
    if a.shape() != b.shape() {
        return Err(format!("in shape: {:?} and {:?}", a.shape(), b.shape()));
    }
    let scale = b.iter().filter(|x| x.is_finite()).fold(1.0, |m: f64, x| m.max(x.abs()));
    let close = |a: f64, b: f64| a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= tolerance * scale;
    match a.iter().zip(b).position(|(a, b)| !close(*a, *b)) {
        None => Ok(()),
        Some(i) => Err(format!("at element {i}: {:e} and {:e}", a.iter().nth(i).unwrap_or(&0.0), b.iter().nth(i).unwrap_or(&0.0))),
    }
}

/// Runs a check on every row of a type, and reports all that fail together.
fn each<T: Scalar>(check: impl Fn(&'static str, &Row<T>) -> Result<(), String>) {
    let mut wrong = Vec::new();
    for (name, rows) in all_samples::<T>() {
        for row in rows {
            // A row whose function panics is one that fails.
            let checked = catch_unwind(AssertUnwindSafe(|| check(name, &row))).unwrap_or_else(|payload| Err(text_of(payload)));
            wrong.extend(checked.err().map(|e| format!("{name} at {}, {}, inputs {:?}: {e}", row.at, T::NAME, shapes(&row))));
        }
    }
    assert!(wrong.is_empty(), "{} rows fail:\n{}", wrong.len(), wrong.join("\n"));
}

fn shapes<T: Scalar>(row: &Row<T>) -> Vec<&[usize]> {
    row.inputs.iter().map(ArrayD::shape).collect()
}

fn text_of(payload: Box<dyn Any + Send>) -> String {
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload.downcast_ref::<&str>().map_or("a panic without a text".into(), |text| text.to_string()),
    }
}

#[test]
fn every_op_has_rows_that_run_it() {
    for (name, rows) in all_samples::<f64>() {
        let found = rows.iter().filter(|r| r.of_op && !matches!(r.claim, Claim::Refuses(_))).count();
        assert!(found > 0, "{name} has no row that runs it");
    }
}

#[test]
fn derivatives_agree_with_differences_to_second_order() {
    each::<f64>(|_, row| match row.claim {
        Claim::Smooth => check_grads(&row.f, &row.inputs, Options::default()).map(|_| ()).map_err(|e| e.to_string()),
        _ => Ok(()),
    });
}

#[test]
fn f32_agrees_with_f64() {
    let wide: Vec<_> = all_samples::<f64>().into_iter().flat_map(|(_, rows)| rows).collect();
    let next = Cell::new(0);
    each::<f32>(|name, narrow| {
        let wide = &wide[next.replace(next.get() + 1)];
        if !matches!(narrow.claim, Claim::Smooth) {
            return Ok(());
        }
        let (a, b) = (run(name, narrow)?, run(name, wide)?);
        agree(&a.y, &b.y, 1e-5).map_err(|e| format!("values in f32 and f64 differ {e}"))?;
        for (i, pair) in a.gradients.iter().zip(&b.gradients).enumerate() {
            match pair {
                (Some(a), Some(b)) => agree(a, b, 2e-5).map_err(|e| format!("gradients by input {i} in f32 and f64 differ {e}"))?,
                (a, b) if a.is_none() && b.is_none() => {}
                _ => return Err(format!("input {i} has a gradient in one type only")),
            }
        }
        Ok(())
    });
}

fn values_are_as_written<T: Scalar>(tolerance: f64) {
    each::<T>(|name, row| {
        let Claim::Value(y, gradients) = &row.claim else { return Ok(()) };
        let found = run(name, row)?;
        let compare = |found: &ArrayD<f64>, expected: &[f64]| {
            // Compared as the type stores it.
            let expected: Vec<f64> = expected.iter().map(|&x| T::from_f64(x).to_f64()).collect();
            let expected = ArrayD::from_shape_vec(found.raw_dim(), expected).map_err(|_| format!("shape is {:?}", found.shape()))?;
            agree(found, &expected, tolerance).map_err(|e| format!("found and expected differ {e}"))
        };
        compare(&found.y, y).map_err(|e| format!("value: {e}"))?;
        for (i, pair) in found.gradients.iter().zip(gradients).enumerate() {
            match pair {
                (Some(found), Some(expected)) => compare(found, expected).map_err(|e| format!("gradient by input {i}: {e}"))?,
                (None, None) => {}
                (found, expected) => return Err(format!("gradient by input {i} is {found:?}, expected {expected:?}")),
            }
        }
        Ok(())
    });
}

#[test]
fn values_are_as_written_in_f32() {
    values_are_as_written::<f32>(1e-6);
}
#[test]
fn values_are_as_written_in_f64() {
    values_are_as_written::<f64>(4e-15);
}

fn other_formulas_give_the_same<T: Scalar>(tolerance: f64) {
    each::<T>(|name, row| {
        let Claim::Same(other) = &row.claim else { return Ok(()) };
        let _ = run(name, row)?;
        let (a, b) = (two_orders(&row.inputs, &row.f), two_orders(&row.inputs, other));
        for (k, (a, b)) in a.iter().zip(&b).enumerate() {
            let n = row.inputs.len();
            let what =
                || if k == 0 { "values".into() } else { format!("derivatives of order {} by input {}", 1 + (k - 1) / n, (k - 1) % n) };
            agree(a, b, tolerance).map_err(|e| format!("{} differ {e}", what()))?;
        }
        Ok(())
    });
}

#[test]
fn other_formulas_give_the_same_in_f32() {
    other_formulas_give_the_same::<f32>(2e-5);
}
#[test]
fn other_formulas_give_the_same_in_f64() {
    other_formulas_give_the_same::<f64>(1e-13);
}

fn refusals_help_and_leave_the_tape_whole<T: Scalar>() {
    each::<T>(|_, row| {
        let Claim::Refuses(texts) = &row.claim else { return Ok(()) };
        let tape = Tape::<T>::new();
        let x = leaves(&tape, &row.inputs);
        let text = match catch_unwind(AssertUnwindSafe(|| (row.f)(&x).to_vec())) {
            Ok(y) => return Err(format!("not refused, but gives {y:?}")),
            Err(payload) => text_of(payload),
        };
        if let Some(part) = texts.iter().find(|part| !text.contains(**part)) {
            return Err(format!("the text lacks {part:?}:\n{text}"));
        }
        // The caller's line is one of the row's.
        let after = text.split(&format!("at {}:", row.at.file())).nth(1).unwrap_or_default();
        let line = after.split(':').next().and_then(|line| line.parse::<u32>().ok());
        if !line.is_some_and(|line| (row.at.line()..row.at.line() + 6).contains(&line)) {
            return Err(format!("the text does not name the caller's line:\n{text}"));
        }
        let z = tape.leaf([3.0, -1.0].map(T::from_f64));
        let expected = [6.0, -2.0].map(T::from_f64);
        let (kept, swept) = (tape.grad(z * z, &[z])[0].map(Var::to_vec), tape.backward((z * z).sum()));
        let whole = kept.is_some_and(|g| g == expected) && swept.wrt(z).is_some_and(|g| g.as_slice() == Some(&expected));
        if whole { Ok(()) } else { Err("the tape is no longer whole".into()) }
    });
}

#[test]
fn refusals_help_and_leave_the_tape_whole_in_f32() {
    refusals_help_and_leave_the_tape_whole::<f32>();
}
#[test]
fn refusals_help_and_leave_the_tape_whole_in_f64() {
    refusals_help_and_leave_the_tape_whole::<f64>();
}

// -------------------------------------------------------------------------------------------------------------- traps

/// The rule of a fused gradient writes its slope out and sweeps over that. Were the sweep to go on below it, through y's own node, the
/// sweep that called it would go there a second time, and every second derivative of an op that uses y would come out doubled.
#[test]
fn a_sweep_inside_a_rule_stops_above_its_inputs() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(0.6);
    let y = x.tanh();
    let first = tape.grad(y, &[x])[0].unwrap();
    let second = tape.grad(first, &[x])[0].unwrap();
    let third = tape.grad(second, &[x])[0].unwrap();
    let t = 0.6_f64.tanh();
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-14, "{a} and {b}");
    close(first.item(), 1.0 - t * t);
    close(second.item(), -2.0 * t * (1.0 - t * t));
    close(third.item(), (1.0 - t * t) * (6.0 * t * t - 2.0));
}

/// When cotangent and input are one node, what reaches it as the one must not be taken for what reaches it as the other.
#[test]
fn the_cotangent_may_be_the_input() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf([0.8, -1.1]);
    let z = tape.grad_with(x.softplus(), x, &[x])[0].unwrap(); // x s, where s is sigmoid(x)
    let first = tape.grad(z, &[x])[0].unwrap(); // s + x s (1 - s)
    let second = tape.grad(first, &[x])[0].unwrap(); // 2 s' + x s' (1 - 2 s), where s' is s (1 - s)
    for (i, x) in [0.8, -1.1_f64].into_iter().enumerate() {
        let s = 1.0 / (1.0 + (-x).exp());
        let slope = s * (1.0 - s);
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-14, "{a} and {b}");
        close(z.to_vec()[i], x * s);
        close(first.to_vec()[i], s + x * slope);
        close(second.to_vec()[i], 2.0 * slope + x * slope * (1.0 - 2.0 * s));
    }
    let grads = tape.backward_with(x.softplus(), x);
    assert_eq!(grads.wrt(x).unwrap().as_slice().unwrap(), z.to_vec());
}

/// Both operands of a fused op, and its cotangent, are one node.
#[test]
fn both_inputs_and_the_cotangent_may_be_one_node() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(1.3);
    let first = tape.grad_with(x.pow(x), x, &[x])[0].unwrap(); // x x^x (1 + ln x)
    let second = tape.grad(first, &[x])[0].unwrap();
    let (p, l) = (1.3_f64.powf(1.3), 1.0 + 1.3_f64.ln());
    assert!((first.item() - 1.3 * p * l).abs() < 1e-14);
    assert!((second.item() - (p * l + 1.3 * p * l * l + p)).abs() < 1e-13);
}
