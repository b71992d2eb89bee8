//! Do two arrays agree?
//!
//! In f64 ours are compared with the file's, to the tolerances of `tests/conformance/FORMAT.md`. In f32 the question is another: does the
//! same code, on the same (rounded) inputs, give what it gives in f64, up to the rounding of the terms that it sums? See [`Allowed`].

use super::cases::{Case, floats};
use super::compute::Stage;
use super::format::{Tensor, Values};

/// Compares what a stage gave with the file.
pub fn with_file(case: &Case, stage: Stage, given: &[Option<Tensor>]) -> Result<(), String> {
    let (absolute, relative) = if stage == Stage::Second { (1e-8, 1e-6) } else { (1e-9, 1e-7) };
    let keys = stage.keys(case);
    if given.len() != keys.len() {
        return Err(format!("{} arrays instead of {}", given.len(), keys.len()));
    }
    for (have, key) in given.iter().zip(keys) {
        let agree = arrays(have.as_ref(), case.arrays.get(&key), &|_, want: f64| absolute + relative * want.abs());
        agree.map_err(|e| format!("{key}: {e}"))?;
    }
    Ok(())
}

/// Compares two arrays; a derivative that is absent is zero. Numbers may differ by `tolerance` (of the element's place and the wanted
/// number), whole numbers and booleans not at all.
pub fn arrays(have: Option<&Tensor>, want: Option<&Tensor>, tolerance: &dyn Fn(usize, f64) -> f64) -> Result<(), String> {
    let (have, want) = match (have, want) {
        (None, None) => return Ok(()),
        (Some(have), Some(want)) => (have.clone(), want.clone()),
        (Some(have), None) => (have.clone(), zeros(have)),
        (None, Some(want)) => (zeros(want), want.clone()),
    };
    if have.shape != want.shape {
        return Err(format!("shape {:?} instead of {:?}", have.shape, want.shape));
    }
    let of_integers = |values: &[i64]| values.iter().map(|&i| i as f64).collect::<Vec<_>>();
    match (&have.values, &want.values) {
        (Values::Float(have), Values::Float(want)) => elements(have, want, tolerance),
        (Values::Int(have), Values::Int(want)) => elements(&of_integers(have), &of_integers(want), &|_, _| 0.0),
        (Values::Float(have), Values::Bool(want)) => {
            elements(have, &want.iter().map(|&b| f64::from(u8::from(b))).collect::<Vec<_>>(), &|_, _| 0.0)
        }
        (Values::Float(_), Values::Int(_)) => Err("floating-point numbers instead of whole ones".into()),
        _ => Err("whole numbers instead of floating-point ones or booleans".into()),
    }
}

fn zeros(like: &Tensor) -> Tensor {
    Tensor { shape: like.shape.clone(), values: Values::Float(vec![0.0; like.shape.iter().product()]) }
}

fn elements(have: &[f64], want: &[f64], tolerance: &dyn Fn(usize, f64) -> f64) -> Result<(), String> {
    // Beside an infinity a relative tolerance is infinite: nothing but itself agrees with one. Nothing but NaN agrees with NaN.
    let agree = |i: usize, have: f64, want: f64| {
        have == want || (have.is_nan() && want.is_nan()) || (want.is_finite() && (have - want).abs() <= tolerance(i, want))
    };
    let wrong: Vec<usize> = (0..want.len()).filter(|&i| !agree(i, have[i], want[i])).collect();
    match wrong.first() {
        None => Ok(()),
        Some(&i) => Err(format!("element {i} is {} instead of {} ({} of {} differ)", have[i], want[i], wrong.len(), want.len())),
    }
}

/// By how much an element of an f32 result may differ from f64 on the same inputs: some roundings ([`f32::EPSILON`]) of the size of the
/// terms that it was summed from, which is known in three parts.
///
/// * 24 of what the inputs contribute: how the result in f64 moves if its inputs, cotangents and directions each move by a rounding of
///   themselves. Of a sum of products that is the size of the products, however much of them cancels.
/// * 24 of the largest element of its array: what is formed on the way (`1 - p` of a softmax) is no smaller.
/// * 8 of the size that the array has by dimension: a gradient is made of terms of the size cotangent times output over input, a tangent
///   of direction times output over input, and so on. Where the array is less than a thousandth of that, because what is formed on the
///   way cancels (a vector of one element, divided by its own norm, has the derivative 0), 64 of it, and 1024 in second order: elements
///   may be smaller than the largest, and are divided by once and twice.
///
/// A quarter of this would do for all cases of the first two sets. The other way round, an error of 1e-4 in the largest element of an
/// array is seen in 97 of 100 arrays (`tests/conformance` counts them).
pub struct Allowed {
    /// Of each array of the stage, and each of its elements.
    sizes: Vec<Vec<f64>>,
}

/// The relative move of inputs: 8 roundings to f32.
pub const STEP: f64 = 8.0 * f32::EPSILON as f64;

impl Allowed {
    /// From what a stage gives in f64 on the rounded inputs, and near them.
    pub fn of(case: &Case, stage: Stage, given: &[Option<Tensor>], near: &[&Vec<Option<Tensor>>]) -> Allowed {
        let size = |(at, key): (usize, String)| {
            let Some(values) = given.get(at).and_then(Option::as_ref).map(floats) else { return Vec::new() };
            let (largest, dimension) = (largest(values), by_dimension(case, stage, &key));
            let cancelled = if stage == Stage::Second { 1024.0 } else { 64.0 };
            let whole = 24.0 * largest + if largest < dimension / 1024.0 { cancelled } else { 8.0 } * dimension;
            let moved = |i: usize| {
                let moves = near.iter().filter_map(|near| Some((floats(near.get(at)?.as_ref()?).get(i)? - values[i]).abs()));
                moves.filter(|x| x.is_finite()).fold(0.0, f64::max) / STEP
            };
            (0..values.len()).map(|i| f64::from(f32::EPSILON) * (whole + 24.0 * moved(i))).collect()
        };
        Allowed { sizes: stage.keys(case).into_iter().enumerate().map(size).collect() }
    }

    /// Compares what the stage gives in f32 with what it gives in f64.
    pub fn compare(&self, case: &Case, stage: Stage, narrow: &[Option<Tensor>], wide: &[Option<Tensor>]) -> Result<(), String> {
        if narrow.len() != wide.len() {
            return Err(format!("{} arrays in f32 instead of {}", narrow.len(), wide.len()));
        }
        for (at, key) in stage.keys(case).into_iter().enumerate() {
            let have = narrow[at].as_ref().map_or(&[][..], floats);
            let tolerance = |i: usize, want: f64| match self.sizes[at].get(i) {
                // Not a number of f32, which gives an infinity, or one near its largest number.
                _ if want.abs() > f64::from(f32::MAX) => {
                    let leaves = have.get(i).is_some_and(|have| have * want.signum() >= f64::from(f32::MAX / 2.0));
                    if leaves { f64::INFINITY } else { 0.0 }
                }
                Some(size) => size + f64::from(f32::MIN_POSITIVE),
                None => 0.0,
            };
            arrays(narrow[at].as_ref(), wide[at].as_ref(), &tolerance).map_err(|e| format!("{key}, in f32 beside f64: {e}"))?;
        }
        Ok(())
    }
}

/// The largest finite number, and 0 if there is none.
fn largest(values: &[f64]) -> f64 {
    values.iter().filter(|x| x.is_finite()).fold(0.0, |m, x| m.max(x.abs()))
}

/// The size that a derivative has by its dimension, where functions with a scale of their own (`exp`) count as if input and output were 1.
fn by_dimension(case: &Case, stage: Stage, key: &str) -> f64 {
    let size = |prefix: &str, key: &str| largest(case.floats(&format!("{prefix}{key}")));
    let over = |x: f64, input: &str| if size("", input) > 0.0 { x / size("", input) } else { 0.0 };
    let cotangents: f64 = case.diff_outs.iter().map(|j| size("ct", &j.to_string())).sum();
    let out = case.diff_outs.iter().map(|j| size("out", &j.to_string())).fold(0.0, f64::max);
    let gradient = |input: &str| cotangents * over(out, input).max(1.0);
    let sum = |prefix: &str, f: &dyn Fn(&str) -> f64| case.diff.iter().map(|x| size(prefix, x) * f(x)).sum();
    match stage {
        Stage::Value => 0.0,
        Stage::Grad => gradient(key.trim_start_matches("grad.")),
        Stage::Second => sum("v.", &|x| over(gradient(x), key.trim_start_matches("gg.")).max(cotangents)),
        Stage::Jvp => sum("u.", &|x| over(size("out", key.trim_start_matches("jvp")), x).max(1.0)),
    }
}
