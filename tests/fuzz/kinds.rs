//! What is asked of a graph, of each kind?
//!
//! * `smooth`, graphs of arrays far from kinks: values against the plain evaluation, derivatives to second order against differences, f32
//!   against f64.
//! * `special`, graphs of arrays with NaN, infinities, -0, and huge and tiny numbers among the inputs: values against the plain evaluation.
//! * `numbers`, graphs of numbers, with such numbers or without: values, and gradients against a reverse sweep in plain Rust.
//! * `large`, graphs of arrays that kernels divide among threads.
//!
//! Of every graph of arrays, that `backward` and `grad` give the same bits, a second run the same bits as the first, a run on some
//! number of threads the same bits as on one, and a run with the short way of numbers or the waiting of elementwise ops off, or with all
//! elementwise ops waiting, the same bits as one with them.

use super::graph::{self, Graph, Step};
use super::{numbers, reference};
use ndarray::ArrayD;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;
use wengert::{Options, Scalar, Tape, Var, check_grads};

/// What a graph is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Smooth,
    Special,
    Numbers,
    Large,
}

impl Kind {
    pub const ALL: [Kind; 4] = [Kind::Smooth, Kind::Special, Kind::Numbers, Kind::Large];

    pub fn name(self) -> &'static str {
        ["smooth", "special", "numbers", "large"][self as usize]
    }
}

impl FromStr for Kind {
    type Err = String;
    fn from_str(name: &str) -> Result<Kind, String> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| format!("smooth, special, numbers or large, not `{name}`"))
    }
}

/// A graph in which nothing is wrong.
#[derive(Clone, Copy, Debug, Default)]
pub struct Checked {
    /// How many ops it has.
    pub ops: usize,
    /// Whether it was compared in f64 only, because f32 has not the range or the precision for it.
    pub beyond_f32: bool,
}

/// Checks the graph of a seed on a number of threads. `Err` says what is wrong, and shows the graph.
pub fn check(kind: Kind, seed: u64, threads: usize) -> Result<Checked, String> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(|e| e.to_string())?;
    let one = || match kind {
        Kind::Smooth => smooth(seed, threads),
        Kind::Special => special(seed, threads),
        Kind::Numbers => numbers::check(seed).map(|ops| Checked { ops, beyond_f32: false }),
        Kind::Large => large(seed, threads),
    };
    let result = catch_unwind(AssertUnwindSafe(|| pool.install(one)));
    result.unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str).or_else(|| payload.downcast_ref::<&str>().copied());
        Err(format!("a panic: {}", text.unwrap_or("without a message")))
    })
}

/// The same number, NaN being equal to NaN, and with the same sign if it is 0.
pub fn same_bits(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
}

/// Within `tolerance` of `scale`; NaN is equal to NaN, and an infinity to itself.
pub fn close(a: f64, b: f64, tolerance: f64, scale: f64) -> bool {
    a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= tolerance * scale
}

fn smooth(seed: u64, threads: usize) -> Result<Checked, String> {
    let graph = Graph::random(seed, graph::Numbers::Smooth);
    let fail = |e: String| format!("{e}\n{graph}");
    let wide = run::<f64>(&graph).map_err(fail)?;
    values_agree(&graph, &wide).map_err(fail)?;
    same_again(&graph, &wide).map_err(fail)?;
    same_on_one_thread::<f64>(&graph, threads, &wide).map_err(fail)?;
    same_without_fast_ways::<f64>(&graph, &wide).map_err(fail)?;
    let _ = check_grads(|x| graph::output(&graph.nodes(x)), &graph.inputs, Options::default()).map_err(|e| fail(e.to_string()))?;
    let beyond_f32 = !f32_agrees(&graph, &wide).map_err(fail)?;
    Ok(Checked { ops: graph.steps.len(), beyond_f32 })
}

fn special(seed: u64, threads: usize) -> Result<Checked, String> {
    let graph = Graph::random(seed, graph::Numbers::Special);
    let fail = |e: String| format!("{e}\n{graph}");
    let found = run::<f64>(&graph).map_err(fail)?;
    values_agree(&graph, &found).map_err(fail)?;
    same_again(&graph, &found).map_err(fail)?;
    same_on_one_thread::<f64>(&graph, threads, &found).map_err(fail)?;
    same_without_fast_ways::<f64>(&graph, &found).map_err(fail)?;
    run::<f32>(&graph).map_err(fail)?;
    Ok(Checked { ops: graph.steps.len(), beyond_f32: false })
}

fn large(seed: u64, threads: usize) -> Result<Checked, String> {
    let graph = Graph::random(seed, graph::Numbers::Large);
    let fail = |e: String| format!("{e}\n{graph}");
    let wide = run::<f64>(&graph).map_err(fail)?;
    same_again(&graph, &wide).map_err(fail)?;
    same_on_one_thread::<f64>(&graph, threads, &wide).map_err(fail)?;
    let narrow = run::<f32>(&graph).map_err(fail)?;
    same_on_one_thread::<f32>(&graph, threads, &narrow).map_err(fail)?;
    same_without_fast_ways::<f64>(&graph, &wide).map_err(fail)?;
    same_without_fast_ways::<f32>(&graph, &narrow).map_err(fail)?;
    Ok(Checked { ops: graph.steps.len(), beyond_f32: false })
}

fn leaves<'t, T: Scalar>(tape: &'t Tape<T>, inputs: &[ArrayD<f64>]) -> Vec<Var<'t, T>> {
    inputs.iter().map(|x| tape.leaf(x.mapv(T::from_f64))).collect()
}

fn plain<T: Scalar>(v: Var<'_, T>) -> ArrayD<f64> {
    v.to_array().mapv(T::to_f64)
}

struct Found {
    /// The value of every node.
    values: Vec<ArrayD<f64>>,
    gradients: Vec<Option<ArrayD<f64>>>,
}

/// Values and gradients of a graph; both sweeps must agree to the bit.
fn run<T: Scalar>(graph: &Graph) -> Result<Found, String> {
    run_on(&Tape::<T>::new(), graph)
}

fn run_on<T: Scalar>(tape: &Tape<T>, graph: &Graph) -> Result<Found, String> {
    let x = leaves(tape, &graph.inputs);
    let nodes = graph.nodes(&x);
    let y = graph::output(&nodes);
    let kept: Vec<_> = tape.grad(y, &x).into_iter().map(|g| g.map(plain)).collect();
    let swept = if y.is_tracked() { Some(tape.backward(y)) } else { None };
    for (i, (x, kept)) in x.iter().zip(&kept).enumerate() {
        let swept = swept.as_ref().and_then(|s| s.wrt(*x)).map(|g| g.mapv(T::to_f64));
        same(&format!("by input {i}, `grad` and `backward`"), kept.as_ref(), swept.as_ref())?;
    }
    Ok(Found { values: nodes.into_iter().map(plain).collect(), gradients: kept })
}

/// Whether two arrays have the same bits.
fn same(what: &str, a: Option<&ArrayD<f64>>, b: Option<&ArrayD<f64>>) -> Result<(), String> {
    match (a, b) {
        (None, None) => Ok(()),
        (Some(a), Some(b)) if a.shape() == b.shape() => match a.iter().zip(b).find(|(a, b)| !same_bits(**a, **b)) {
            None => Ok(()),
            Some((a, b)) => Err(format!("{what} give {a:e} and {b:e}")),
        },
        _ => Err(format!("{what} give arrays of shapes {:?} and {:?}", a.map(ArrayD::shape), b.map(ArrayD::shape))),
    }
}

fn same_bits_in_all(what: &str, a: &Found, b: &Found) -> Result<(), String> {
    for (i, (a, b)) in a.values.iter().zip(&b.values).enumerate() {
        same(&format!("node {i}: {what}"), Some(a), Some(b))?;
    }
    for (i, (a, b)) in a.gradients.iter().zip(&b.gradients).enumerate() {
        same(&format!("by input {i}: {what}"), a.as_ref(), b.as_ref())?;
    }
    Ok(())
}

/// A second run on a tape, after a reset, gives the same bits.
fn same_again(graph: &Graph, first: &Found) -> Result<(), String> {
    let mut tape = Tape::<f64>::new();
    run_on(&tape, graph)?;
    tape.reset();
    same_bits_in_all("a new tape, and one after `reset`,", first, &run_on(&tape, graph)?)
}

/// The short way of numbers and the waiting of elementwise ops change no bit: with both off, with one of them, and where all of them wait.
fn same_without_fast_ways<T: Scalar>(graph: &Graph, found: &Found) -> Result<(), String> {
    for (numbers, waits_from) in [(false, usize::MAX), (true, usize::MAX), (false, 16 * 1024), (true, 2)] {
        let other = run_on(&Tape::<T>::new().fast_ways(numbers, waits_from), graph)?;
        same_bits_in_all(&format!("fast ways ({numbers}, {waits_from}) and those of a new tape"), &other, found)?;
    }
    Ok(())
}

/// One thread gives the same bits.
fn same_on_one_thread<T: Scalar>(graph: &Graph, threads: usize, found: &Found) -> Result<(), String> {
    if threads == 1 {
        return Ok(());
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().map_err(|e| e.to_string())?;
    same_bits_in_all(&format!("one thread and {threads}"), &pool.install(|| run::<T>(graph))?, found)
}

/// Each node against the plain evaluation of its step on the values that the library itself has found, so that errors do not grow
/// from step to step.
fn values_agree(graph: &Graph, found: &Found) -> Result<(), String> {
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

/// The gradient by every node, in f64.
fn inner_gradients(graph: &Graph) -> Vec<ArrayD<f64>> {
    let tape = Tape::<f64>::new();
    let nodes = graph.nodes(&leaves(&tape, &graph.inputs));
    tape.grad(graph::output(&nodes), &nodes).into_iter().flatten().map(plain).collect()
}

/// The largest number of some arrays, at least 1. (A number that is none counts as infinite.)
fn scale<'a>(arrays: impl IntoIterator<Item = &'a ArrayD<f64>>) -> f64 {
    arrays.into_iter().flat_map(|a| a.iter()).fold(1.0, |m: f64, x| m.max(if x.is_nan() { f64::INFINITY } else { x.abs() }))
}

/// By how much the ops of a graph enlarge an error at most: the derivative of a product is that of the other factors, also where a 0 or a
/// small number among them lets none of it be seen in the product.
fn amplification(graph: &Graph, found: &Found) -> f64 {
    let product = |step: &Step| match step {
        Step::Prod(a, ..) | Step::CumProd(a, ..) => found.values[*a].iter().map(|x| x.abs().max(1.0)).product(),
        _ => 1.0,
    };
    graph.steps.iter().map(product).fold(1.0, f64::max)
}

/// Of what is compared, the part above which a difference would no longer tell anything.
const COARSE: f64 = 1e-2;

/// So many roundings of f32 may come together.
const SLACK: f64 = 16.0;

/// Compares f32 with f64. `false` if there is nothing to compare: where numbers within the graph leave the range of f32, or where the
/// roundings of f32 come to be a hundredth of the values or of the gradients.
fn f32_agrees(graph: &Graph, wide: &Found) -> Result<bool, String> {
    let (size, inner, amplified) = (scale(&wide.values), scale(&inner_gradients(graph)), amplification(graph, wide));
    let rounding = f64::from(f32::EPSILON) * amplified;
    let (roundings, gradients) = (SLACK * rounding, scale(wide.gradients.iter().flatten()));
    if size * inner * rounding > 1.0 || roundings > COARSE || roundings * inner > COARSE * gradients {
        return Ok(false);
    }
    let narrow = run::<f32>(graph)?;
    for (i, (a, b)) in narrow.values.iter().zip(&wide.values).enumerate() {
        compare(&format!("node {i} in f32 and f64"), a, b, size * roundings.max(1e-4))?;
    }
    // Where large gradients by inner nodes cancel, what is left is as exact as they are.
    let tolerance = size * (1e-4 * gradients).max(roundings * inner);
    for (i, pair) in narrow.gradients.iter().zip(&wide.gradients).enumerate() {
        match pair {
            (Some(a), Some(b)) => compare(&format!("gradient by input {i} in f32 and f64"), a, b, tolerance)?,
            (a, b) if a.is_none() && b.is_none() => {}
            _ => return Err(format!("input {i} has a gradient in one type only")),
        }
    }
    Ok(true)
}

fn compare(what: &str, a: &ArrayD<f64>, b: &ArrayD<f64>, tolerance: f64) -> Result<(), String> {
    if a.shape() != b.shape() {
        return Err(format!("{what}: shapes {:?} and {:?}", a.shape(), b.shape()));
    }
    match a.iter().zip(b).enumerate().find(|(_, (a, b))| !close(**a, **b, tolerance, 1.0)) {
        None => Ok(()),
        Some((i, (a, b))) => Err(format!("{what}: element {i} is {a:e} and {b:e}")),
    }
}
