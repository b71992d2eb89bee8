//! Tests of derivatives up to the fourth order where functions have kinks, bounds and zeros, and at the ends of a type. Every row that
//! states the value at a number shows where its op is special. There, at some usual numbers and far out, each further derivative is
//! computed by [`Tape::grad`] of [`Tape::grad`].

use super::harness::{each, leaves, weighted};
use super::{Claim, Function, Row};
use crate::array::scalar::Scalar;
use crate::tape::Tape;
use crate::tape::var::Var;
use ndarray::ArrayD;
use std::cell::RefCell;
use std::collections::HashSet;

/// The highest order of derivatives.
const ORDER: usize = 4;
/// The distance to both sides at which a derivative is compared.
const STEP: f64 = 1e-3;
/// Numbers at which every function of numbers is tested, in addition to its own special ones.
const USUAL: [f64; 8] = [0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 2.0, -3.0];

/// A function's value and its derivatives in a direction, at the distance `at` from a point in that direction.
fn along<T: Scalar>(f: &Function<T>, point: &[f64], direction: &[f64], at: f64) -> [f64; ORDER + 1] {
    let tape = Tape::<T>::new();
    let t = tape.leaf(T::from_f64(at));
    // An input that does not move must not be differentiated: 0 times its derivative may be NaN.
    let moved = |(&x, &u): (&f64, &f64)| {
        let x = tape.constant(T::from_f64(x));
        if u == 0.0 { x } else { x + t * T::from_f64(u) }
    };
    let moved: Vec<_> = point.iter().zip(direction).map(moved).collect();
    let mut y = Some(f(&moved).sum());
    std::array::from_fn(|_| {
        let now = y;
        y = now.and_then(|y| tape.grad(y, &[t])[0]);
        now.map_or(0.0, |y: Var<'_, T>| y.item().to_f64())
    })
}

/// True where an op has derivatives by convention that differ from those next to the point.
fn is_convention(name: &str, point: &[f64]) -> bool {
    match name {
        "Xlogy" => point == [0.0, 0.0],                                            // 0, like 0 ln b
        "Pow" => point[0] == 0.0 && point[0].is_sign_negative() && point[1] < 0.0, // infinite, with a sign that changes with b
        "Bce" => point[0] == 0.0 || point[0] == 1.0,                               // x (1 - x) is raised to 1e-12
        _ => false,
    }
}

/// Checks the derivatives at a point against those one step to the left and one to the right (NaN: outside the domain). Each must lie
/// between them, or be infinite if they grow without bound. If a derivative jumps or grows at the point, the higher ones do not exist
/// there; they still must not be NaN.
fn check(f: &Function<f64>, point: &[f64], direction: &[f64]) -> Result<(), String> {
    let at = along(f, point, direction, 0.0);
    let far = [-STEP, STEP].map(|t| along(f, point, direction, t));
    let near = [-0.1 * STEP, 0.1 * STEP].map(|t| along(f, point, direction, t));
    let several = direction.iter().filter(|u| **u != 0.0).count() > 1;
    if at[0].is_nan() || far.iter().all(|d| d[0].is_nan()) {
        return Ok(());
    }
    for k in 1..=ORDER {
        let sides = || (0..2).filter(|&i| !far[i][0].is_nan()).map(|i| (near[i][k], far[i][k]));
        let error = || format!("order {k} at {point:?} along {direction:?}: {at:?}, beside it {far:?}");
        // In several directions at once there are sums of infinities, which cannot be compared.
        if several && at[..k].iter().any(|d| d.is_infinite()) {
            return Ok(());
        }
        if at[k].is_nan() {
            return Err(error());
        }
        if sides().any(|(_, far)| far == at[k]) {
            continue;
        }
        // Where an input is 0, a function may have derivatives along each axis and others along both.
        if several && point.contains(&0.0) {
            continue;
        }
        if sides().any(|(near, far)| near.abs() > 3.0 * far.abs() && near.abs() > 10.0) {
            let expected = at[k].is_finite() || sides().any(|(near, _)| near * at[k] > 0.0);
            if !expected {
                return Err(error());
            }
            continue;
        }
        let low = sides().fold(f64::INFINITY, |low, (_, d)| low.min(d));
        let high = sides().fold(-f64::INFINITY, |high, (_, d)| high.max(d));
        let room = 0.02 * (1.0 + low.abs().max(high.abs()));
        if !(low - room..=high + room).contains(&at[k]) {
            return Err(error());
        }
        if high - low > 0.1 * (1.0 + low.abs().max(high.abs())) {
            let nan = at[k..].iter().any(|d| d.is_nan());
            return if nan { Err(error()) } else { Ok(()) };
        }
    }
    Ok(())
}

/// True for rows that state the value of a function of numbers.
fn is_of_numbers<T: Scalar>(row: &Row<T>) -> bool {
    matches!(row.claim, Claim::Value(..)) && row.inputs.iter().all(|x| x.ndim() == 0)
}

/// The points at which a function of numbers is tested: its own, and the usual ones if that was not yet done.
fn points(inputs: &[ArrayD<f64>], usual_too: bool) -> Vec<Vec<f64>> {
    let own: Vec<f64> = inputs.iter().map(|x| x.sum()).collect();
    let usual = match inputs.len() {
        _ if !usual_too => Vec::new(),
        1 => USUAL.iter().map(|&x| vec![x]).collect(),
        2 => USUAL.iter().flat_map(|&a| USUAL.map(|b| vec![a, b])).collect(),
        _ => Vec::new(),
    };
    let far = own.iter().any(|x| !x.is_finite() || (x.abs() < 10.0 * STEP && *x != 0.0));
    usual.into_iter().chain((!far).then_some(own)).collect()
}

fn directions(n: usize) -> &'static [&'static [f64]] {
    if n == 1 { &[&[1.0]] } else { &[&[1.0, 0.0], &[0.0, 1.0], &[1.0, 0.5]] }
}

#[test]
fn derivatives_at_special_points_are_right_to_fourth_order() {
    let done = RefCell::new(HashSet::new());
    each::<f64>(|name, row| {
        if is_of_numbers(row) {
            let usual_too = done.borrow_mut().insert((name, row.at.line()));
            for point in points(&row.inputs, usual_too).into_iter().filter(|point| !is_convention(name, point)) {
                directions(point.len()).iter().try_for_each(|u| check(&row.f, &point, u))?;
            }
        }
        Ok(())
    });
}

/// Where value and gradient are finite, no higher derivative is NaN.
fn no_further_derivative_is_nan<T: Scalar>() {
    each::<T>(|_, row| {
        let Claim::Value(y, gradients) = &row.claim else { return Ok(()) };
        let known = y.iter().chain(gradients.iter().flatten().flatten());
        if !known.chain(row.inputs.iter().flatten()).all(|x| T::from_f64(*x).to_f64().is_finite()) {
            return Ok(());
        }
        let tape = Tape::<T>::new();
        let x = leaves(&tape, &row.inputs);
        let mut root = Some((row.f)(&x));
        for k in 1..=ORDER {
            let Some(y) = root else { return Ok(()) };
            let gradients: Vec<Var<'_, T>> = tape.grad(weighted(y), &x).into_iter().flatten().collect();
            if gradients.iter().any(|g| g.to_vec().into_iter().any(Scalar::is_nan)) {
                let all: Vec<_> = gradients.iter().map(|g| g.to_vec()).collect();
                return Err(format!("derivatives of order {k}: {all:?}"));
            }
            // Derivatives at very small numbers can grow beyond the type.
            if gradients.iter().any(|g| g.to_vec().iter().any(|g| g.to_f64().abs() > 1e12)) {
                return Ok(());
            }
            root = gradients.into_iter().map(weighted).reduce(|a, b| a + b);
        }
        Ok(())
    });
}

#[test]
fn no_further_derivative_is_nan_in_f64() {
    no_further_derivative_is_nan::<f64>();
}
#[test]
fn no_further_derivative_is_nan_in_f32() {
    no_further_derivative_is_nan::<f32>();
}

/// Far out, powers and exponentials inside a function overflow. Value, slope and second derivative must equal those in the wider type;
/// there, at the ends of the wider type, they must not be NaN.
/// the ends of its own gives no NaN either.
#[test]
fn functions_of_one_number_are_right_far_out() {
    let wide: Vec<_> = crate::ops::all_samples::<f64>().into_iter().flat_map(|(_, rows)| rows).collect();
    let next = std::cell::Cell::new(0);
    each::<f32>(|name, narrow| {
        let wide = &wide[next.replace(next.get() + 1)];
        if !is_of_numbers(narrow) || narrow.inputs.len() != 1 {
            return Ok(());
        }
        for x in [1e3, 1e10, 1e20, 1e30, f64::from(f32::MAX)].into_iter().flat_map(|x| [x, -x]).map(|x| f64::from(x as f32)) {
            let (a, b) = (along(&narrow.f, &[x], &[1.0], 0.0), along(&wide.f, &[x], &[1.0], 0.0));
            if b[0].is_nan() {
                continue;
            }
            // sin(pi x) has the error of the rounded product pi x.
            let room = if name == "Sinc" { 1e-3 } else { 1e-30 };
            for k in 0..3 {
                let expected = f64::from(b[k] as f32);
                // (With a NaN this comparison is false.)
                let close = a[k] == expected || (a[k] - expected).abs() <= 1e-5 * expected.abs() + room;
                if !close {
                    return Err(format!("order {k} at {x:e}: {:e} in f32, {:e} in f64", a[k], b[k]));
                }
            }
        }
        for x in [1e200, 1e300, f64::MAX].into_iter().flat_map(|x| [x, -x]) {
            let y = along(&wide.f, &[x], &[1.0], 0.0);
            if !y[0].is_nan() && y[..3].iter().any(|y| y.is_nan()) {
                return Err(format!("at {x:e}: {y:?}"));
            }
        }
        Ok(())
    });
}
