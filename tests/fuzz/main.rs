//! Differential fuzzing: random graphs, run by the library and by a plain evaluation beside it.
//!
//! * Graphs of arrays far from kinks: values against the plain evaluation, `check_grads` to second order, f32 against f64.
//! * Graphs of arrays with NaN, infinities, -0, and huge and tiny numbers among the inputs: values against the plain evaluation.
//! * Graphs of numbers, with such numbers or without: values, and gradients against a reverse sweep in plain Rust.
//! * Of every graph, that `backward` and `grad` give the same bits, and a second run the same bits as the first.
//!
//! Seeds are fixed. `WENGERT_FUZZ=N` runs N graphs of each kind (and prints how many: `-- --nocapture`).

mod graph;
mod numbers;
mod reference;

use graph::{Graph, Kind};
use ndarray::ArrayD;
use wengert::{Options, Scalar, Tape, Var, check_grads};

/// How many graphs of each kind are run.
fn count(default: u64) -> u64 {
    std::env::var("WENGERT_FUZZ").ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

fn leaves<'t, T: Scalar>(tape: &'t Tape<T>, inputs: &[ArrayD<f64>]) -> Vec<Var<'t, T>> {
    inputs.iter().map(|x| tape.leaf(x.mapv(T::from_f64))).collect()
}

/// The same number, NaN being equal to NaN, and with the same sign if it is 0.
fn same_bits(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
}

/// Within `tolerance` of `scale`; NaN is equal to NaN, and an infinity to itself.
fn close(a: f64, b: f64, tolerance: f64, scale: f64) -> bool {
    a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= tolerance * scale
}

fn compare(what: &str, a: &ArrayD<f64>, b: &ArrayD<f64>, tolerance: f64, scale: f64) -> Result<(), String> {
    if a.shape() != b.shape() {
        return Err(format!("{what}: shapes {:?} and {:?}", a.shape(), b.shape()));
    }
    match a.iter().zip(b).position(|(&a, &b)| !close(a, b, tolerance, scale)) {
        None => Ok(()),
        Some(i) => Err(format!("{what}: element {i} is {:e} and {:e}", a.iter().nth(i).unwrap(), b.iter().nth(i).unwrap())),
    }
}

struct Outcome {
    /// The value of every node.
    values: Vec<ArrayD<f64>>,
    gradients: Vec<Option<ArrayD<f64>>>,
}

/// Values and gradients of a graph; both sweeps must agree to the bit.
fn run<T: Scalar>(graph: &Graph) -> Result<Outcome, String> {
    let tape = Tape::<T>::new();
    let x = leaves(&tape, &graph.inputs);
    let nodes = graph.nodes(&x);
    let y = graph::output(&nodes);
    let wide = |v: Var<'_, T>| v.to_array().mapv(T::to_f64);
    let kept: Vec<_> = tape.grad(y, &x).into_iter().map(|g| g.map(wide)).collect();
    let swept = if y.is_tracked() { Some(tape.backward(y)) } else { None };
    for (i, (x, kept)) in x.iter().zip(&kept).enumerate() {
        let swept = swept.as_ref().and_then(|s| s.wrt(*x)).map(|g| g.mapv(T::to_f64));
        let equal = match (kept, &swept) {
            (Some(a), Some(b)) => a.shape() == b.shape() && a.iter().zip(b).all(|(&a, &b)| same_bits(a, b)),
            (a, b) => a.is_none() && b.is_none(),
        };
        if !equal {
            return Err(format!("by input {i}, `grad` gives {kept:?} and `backward` {swept:?}"));
        }
    }
    Ok(Outcome { values: nodes.into_iter().map(wide).collect(), gradients: kept })
}

/// A second run on the same tape, after a reset, gives the same bits.
fn same_again(graph: &Graph) -> Result<(), String> {
    let mut tape = Tape::<f64>::new();
    let mut once = || {
        let grads: Vec<Vec<u64>> = {
            let x = leaves(&tape, &graph.inputs);
            let y = graph::output(&graph.nodes(&x));
            let grads = tape.grad(y, &x).into_iter().flatten();
            grads.map(|g| g.to_vec().into_iter().map(f64::to_bits).collect()).collect()
        };
        tape.reset();
        grads
    };
    if once() == once() { Ok(()) } else { Err("a second run after `reset` gives other bits".into()) }
}

/// The largest finite number of a graph, at least 1.
fn scale<'a>(arrays: impl IntoIterator<Item = &'a ArrayD<f64>>) -> f64 {
    arrays.into_iter().flat_map(|a| a.iter()).filter(|x| x.is_finite()).fold(1.0, |m: f64, x| m.max(x.abs()))
}

/// Each node against the plain evaluation of its step on the values that the library itself has found, so that errors do not grow
/// from step to step.
fn values_agree(graph: &Graph, found: &Outcome) -> Result<(), String> {
    for (i, step) in graph.steps.iter().enumerate() {
        let node = i + graph.inputs.len();
        let (a, b) = (&found.values[node], &reference::value(step, &|a| found.values[a].clone()));
        if a.shape() != b.shape() {
            return Err(format!("node {node}: shapes {:?} and {:?}", a.shape(), b.shape()));
        }
        // A sum is as exact as its largest term, and there are at most 150 of them.
        let terms = step.largest_term(&found.values);
        for (k, (&a, &b)) in a.iter().zip(b).enumerate() {
            let sign = !step.signs_zero() || a != 0.0 || a.is_sign_negative() == b.is_sign_negative();
            // Where a sum of finite terms overflows, it depends on their order what comes out.
            if !a.is_finite() && !b.is_finite() && terms > 1e290 {
                continue;
            }
            if !close(a, b, 8e-15, b.abs().max(terms).max(f64::MIN_POSITIVE)) || !sign {
                return Err(format!("node {node}: element {k} is {a:e}, expected {b:e}"));
            }
        }
    }
    Ok(())
}

fn smooth(seed: u64) -> Result<usize, String> {
    let graph = Graph::random(seed, Kind::Smooth);
    let fail = |e: String| format!("seed {seed}: {e}\n{graph}");
    let wide = run::<f64>(&graph).map_err(fail)?;
    values_agree(&graph, &wide).map_err(fail)?;
    same_again(&graph).map_err(fail)?;
    let _ = check_grads(|x| graph::output(&graph.nodes(x)), &graph.inputs, Options::default()).map_err(|e| fail(e.to_string()))?;
    let narrow = run::<f32>(&graph).map_err(fail)?;
    let size = scale(&wide.values);
    for (i, (a, b)) in narrow.values.iter().zip(&wide.values).enumerate() {
        compare(&format!("node {i} in f32 and f64"), a, b, 1e-4, size).map_err(fail)?;
    }
    let size = size * scale(wide.gradients.iter().flatten());
    for (i, pair) in narrow.gradients.iter().zip(&wide.gradients).enumerate() {
        match pair {
            (Some(a), Some(b)) => compare(&format!("gradient by input {i} in f32 and f64"), a, b, 1e-4, size).map_err(fail)?,
            (a, b) if a.is_none() && b.is_none() => {}
            _ => return Err(fail(format!("input {i} has a gradient in one type only"))),
        }
    }
    Ok(graph.steps.len())
}

fn wild(seed: u64) -> Result<usize, String> {
    let graph = Graph::random(seed, Kind::Wild);
    let fail = |e: String| format!("seed {seed}: {e}\n{graph}");
    let found = run::<f64>(&graph).map_err(fail)?;
    values_agree(&graph, &found).map_err(fail)?;
    same_again(&graph).map_err(fail)?;
    run::<f32>(&graph).map_err(fail)?;
    Ok(graph.steps.len())
}

/// Runs seeds, and reports the first few that fail together.
fn seeds(what: &str, count: u64, one: impl Fn(u64) -> Result<usize, String>) {
    let (mut steps, mut wrong) = (0, Vec::new());
    for seed in 0..count {
        match one(seed) {
            Ok(n) => steps += n,
            Err(e) => wrong.push(e),
        }
    }
    println!("{what}: {count} graphs of {steps} ops, {} of them wrong", wrong.len());
    wrong.sort_by_key(String::len); // the simplest first
    assert!(wrong.is_empty(), "{} of {count} {what} are wrong:\n{}", wrong.len(), wrong[..wrong.len().min(3)].join("\n"));
}

#[test]
fn smooth_graphs_agree_with_differences_and_f32_with_f64() {
    seeds("smooth graphs", count(400), smooth);
}

#[test]
fn graphs_of_special_values_agree_with_plain_evaluation() {
    seeds("graphs of special values", count(600), wild);
}

#[test]
fn graphs_of_numbers_agree_with_a_plain_reverse_sweep() {
    seeds("graphs of numbers", count(2000), numbers::check);
}
