//! Graphs of numbers, against a reverse sweep in plain Rust.

use super::graph::Random;
use super::kinds::{close, same_bits};
use super::reference::{Map, Zip};
use wengert::{Scalar, Tape, Var};

#[derive(Clone, Copy, Debug)]
enum Step {
    Map(Map, usize),
    Zip(Zip, usize, usize),
}

/// From the values of all nodes, the gradient of the last node by each input (every slope times the cotangent, summed from the last use to the first), and the
/// largest finite number that was added up.
fn by_hand(values: &[f64], steps: &[Step]) -> (Vec<f64>, f64) {
    let inputs = values.len() - steps.len();
    let mut g: Vec<Option<f64>> = vec![None; values.len()];
    *g.last_mut().expect("a graph has nodes") = Some(1.0);
    let mut largest = 1.0_f64;
    for (i, step) in steps.iter().enumerate().rev() {
        let Some(own) = g[i + inputs] else { continue };
        let mut add = |a: usize, c: f64| {
            largest = if c.is_finite() { largest.max(c.abs()) } else { largest };
            g[a] = Some(g[a].map_or(c, |g| g + c));
        };
        match *step {
            Step::Map(f, a) => add(a, times(own, f.value(values[a]).1, matches!(f, Map::Relu | Map::Clamp))),
            // What is not chosen gets 0, whatever the cotangent: here, and of what chooses by its slope.
            Step::Zip(Zip::Where, a, b) => {
                let first = values[a] > values[b];
                add(a, if first { own } else { 0.0 });
                add(b, if first { 0.0 } else { own });
            }
            // Divided by b at once: 1 / b may overflow where g / b does not.
            Step::Zip(Zip::Div, a, b) => {
                let g = if own == 0.0 { 0.0 } else { own / values[b] };
                add(a, g);
                add(b, -times(g, values[a] / values[b], false));
            }
            Step::Zip(f, a, b) => {
                let (_, da, db) = f.value(values[a], values[b]);
                let chooses = matches!(f, Zip::Maximum | Zip::Minimum);
                add(a, times(own, da, chooses));
                add(b, times(own, db, chooses));
            }
        }
    }
    (g[..inputs].iter().map(|g| g.unwrap_or(0.0)).collect(), largest)
}

/// A cotangent times a slope: 0 stays 0, even beside an infinite slope.
fn times(g: f64, slope: f64, chooses: bool) -> f64 {
    if g == 0.0 || (chooses && slope == 0.0) { 0.0 } else { g * slope }
}

fn nodes<'t, T: Scalar>(x: &[Var<'t, T>], steps: &[Step]) -> Vec<Var<'t, T>> {
    let mut nodes = x.to_vec();
    for step in steps {
        nodes.push(match *step {
            Step::Map(f, a) => f.var(nodes[a]),
            Step::Zip(f, a, b) => f.var(nodes[a], nodes[b]),
        });
    }
    nodes
}

pub fn check(seed: u64) -> Result<usize, String> {
    let mut r = Random(seed.wrapping_mul(0x9E6C_63D0_876A_68DD));
    // Every other graph has special numbers.
    let wild = seed % 2 == 1;
    let inputs: Vec<f64> = (0..1 + r.below(3)).map(|_| if wild { r.special() } else { r.number() * 2.0 }).collect();
    let length = 5 + r.below(26);
    let (maps, zips) = if wild { (Map::CORE, Zip::CORE) } else { (Map::ALL, Zip::ALL) };
    let (mut steps, mut values) = (Vec::new(), inputs.clone());
    for _ in 0..40 * length {
        if steps.len() == length {
            break;
        }
        let count = values.len();
        let mut node = || if r.below(3) > 0 { count - 1 - r.below(count.min(3)) } else { r.below(count) };
        let (a, b) = (node(), node());
        let b = if r.below(6) == 0 { a } else { b };
        let step = match r.below(2) {
            0 => Step::Map(maps[r.below(maps.len())], a),
            _ => Step::Zip(zips[r.below(zips.len())], a, b),
        };
        let (smooth, value) = match step {
            Step::Map(f, a) => (f.smooth(values[a]), f.value(values[a]).0),
            Step::Zip(f, a, b) => (f.smooth(values[a], values[b]), f.value(values[a], values[b]).0),
        };
        if wild || smooth && value.abs() < 30.0 {
            steps.push(step);
            values.push(value);
        }
    }
    let listing = || format!("seed {seed}: inputs {inputs:?}, steps {steps:?}\n  values {values:?}");
    let tape = Tape::<f64>::new();
    let x: Vec<_> = inputs.iter().map(|&x| tape.leaf(x)).collect();
    let all = nodes(&x, &steps);
    let found: Vec<f64> = all.iter().map(|v| v.item()).collect();
    let (slopes, largest) = by_hand(&found, &steps);
    // Each step from the values that the library itself has found: an error does not grow from step to step.
    for (i, step) in steps.iter().enumerate() {
        // Between terms that cancel, a value is as exact as the terms.
        let (expected, terms) = match *step {
            Step::Map(f, a) => (f.value(found[a]).0, if matches!(f, Map::HardSigmoid | Map::HardSwish) { 1.0 } else { 0.0 }),
            Step::Zip(f @ Zip::LogAddExp, a, b) => (f.value(found[a], found[b]).0, found[a].abs().max(found[b].abs()).max(1.0)),
            Step::Zip(f, a, b) => (f.value(found[a], found[b]).0, 0.0),
        };
        let found = found[i + x.len()];
        if !close(found, expected, 4e-15, expected.abs().max(terms).max(f64::MIN_POSITIVE)) {
            return Err(format!("{}\n  node {} is {found:e}, expected {expected:e}", listing(), i + x.len()));
        }
    }
    let y = *all.last().expect("a graph has nodes");
    let kept: Vec<Option<f64>> = tape.grad(y, &x).into_iter().map(|g| g.map(Var::item)).collect();
    let swept = y.is_tracked().then(|| tape.backward(y));
    for (i, kept) in kept.iter().enumerate() {
        let swept = swept.as_ref().and_then(|s| s.wrt(x[i])).and_then(|g| g.first().copied());
        let equal = match (kept, swept) {
            (Some(a), Some(b)) => same_bits(*a, b),
            (a, b) => a.is_none() && b.is_none(),
        };
        if !equal {
            return Err(format!("{}\n  by input {i}, `grad` gives {kept:?} and `backward` {swept:?}", listing()));
        }
        let kept = kept.unwrap_or(0.0);
        if !close(kept, slopes[i], 1e-10, largest) {
            return Err(format!("{}\n  gradient by input {i} is {kept:e}, expected {:e}", listing(), slopes[i]));
        }
    }
    // The short way of numbers changes no bit.
    let plain = Tape::<f64>::new().fast_ways(false, usize::MAX);
    let z: Vec<_> = inputs.iter().map(|&x| plain.leaf(x)).collect();
    let other = nodes(&z, &steps);
    let swept = y.is_tracked().then(|| (tape.backward(y), plain.backward(*other.last().expect("as many nodes"))));
    let same_gradients = x.iter().zip(&z).all(|(&x, &z)| {
        let [a, b] = swept.as_ref().map_or([None; 2], |(a, b)| [a.wrt(x), b.wrt(z)].map(|g| g.and_then(|g| g.first().copied())));
        a.is_some() == b.is_some() && a.zip(b).is_none_or(|(a, b)| same_bits(a, b))
    });
    if !same_gradients || !all.iter().zip(&other).all(|(a, b)| same_bits(a.item(), b.item())) {
        return Err(format!(
            "{}
  other bits without the short way of numbers",
            listing()
        ));
    }
    // Numbers take a way of their own; as arrays of one element they must have the same values.
    let arrays: Vec<_> = inputs.iter().map(|&x| tape.leaf([x])).collect();
    for (i, (a, b)) in nodes(&arrays, &steps).iter().zip(&all).enumerate() {
        if !close(a.to_vec()[0], b.item(), 0.0, 1.0) {
            return Err(format!("{}\n  node {i} is {} as an array and {} as a number", listing(), a.to_vec()[0], b.item()));
        }
    }
    Ok(steps.len())
}
