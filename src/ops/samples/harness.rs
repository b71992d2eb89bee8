//! Runs the sample rows: each claim is checked in both number types, for every op in the list.

use super::{Claim, Function, Row};
use crate::array::scalar::Scalar;
use crate::kit::check::{Options, check_grads};
use crate::ops::all_samples;
use crate::tape::Tape;
use crate::tape::var::Var;
use ndarray::ArrayD;
use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a function gives in one type, as f64: its value, and its gradients if there are any.
struct Outcome {
    y: ArrayD<f64>,
    gradients: Vec<Option<ArrayD<f64>>>,
}

pub(super) fn leaves<'t, T: Scalar>(tape: &'t Tape<T>, inputs: &[ArrayD<f64>]) -> Vec<Var<'t, T>> {
    inputs.iter().map(|x| tape.leaf(x.mapv(T::from_f64))).collect()
}

fn widen<T: Scalar>(x: ArrayD<T>) -> ArrayD<f64> {
    x.mapv(Scalar::to_f64)
}

/// Runs a row's function forward and backward, by both sweeps, which must agree in every bit. The op `name` must be recorded.
fn run<T: Scalar>(name: &str, row: &Row<T>) -> Result<Outcome, String> {
    run_on(&Tape::new(), name, row)
}
fn run_on<T: Scalar>(tape: &Tape<T>, name: &str, Row { inputs, f, of_op, .. }: &Row<T>) -> Result<Outcome, String> {
    let x = leaves(tape, inputs);
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
    // The debug text of an enum is the name of its variant.
    let names = if name == "Compare" { &["Greater", "GreaterEqual", "Equal"][..] } else { &[name] };
    let has_name = |id: u32| format!("{:?}", inner.op(id)).split(|c: char| !c.is_alphanumeric()).any(|word| names.contains(&word));
    if *of_op && !(0..inner.nodes.len() as u32).any(has_name) {
        return Err("the row does not record the op".into());
    }
    drop(inner);
    Ok(Outcome { y: widen(y.to_array()), gradients })
}

/// The sum of all elements, each times a weight of its own.
pub(super) fn weighted<T: Scalar>(v: Var<'_, T>) -> Var<'_, T> {
    let weights: Vec<T> = (0..v.numel()).map(|i| T::from_f64(((i * 7 + 3) % 5) as f64 * 0.5 - 1.25)).collect();
    (v * v.tape().constant(weights).reshape_to(v.shape())).sum()
}

/// Value, gradients and second derivatives (in a fixed direction), with 0 for `None`.
fn two_orders<T: Scalar>(inputs: &[ArrayD<f64>], f: &Function<T>) -> Vec<ArrayD<f64>> {
    two_orders_on(&Tape::new(), inputs, f)
}
fn two_orders_on<T: Scalar>(tape: &Tape<T>, inputs: &[ArrayD<f64>], f: &Function<T>) -> Vec<ArrayD<f64>> {
    let x = leaves(tape, inputs);
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

/// Checks that no pair differs by more than `tolerance` times the largest finite number (or 1). NaN equals NaN.
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

/// Runs a check on every row in one type, and reports all failures together.
pub(super) fn each<T: Scalar>(check: impl Fn(&'static str, &Row<T>) -> Result<(), String>) {
    let mut wrong = Vec::new();
    for (name, rows) in all_samples::<T>() {
        for row in rows {
            // A row whose function panics fails.
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
            // Compared after rounding to the type.
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

/// The short way of numbers, and waiting: with both off, each alone, and with every elementwise op waiting, whatever its size.
fn fast_ways_change_no_bit<T: Scalar>() {
    let tapes: [fn() -> Tape<T>; 5] = [
        || Tape::new().fast_ways(false, usize::MAX),
        || Tape::new(),
        || Tape::new().fast_ways(true, usize::MAX),
        || Tape::new().fast_ways(false, 2),
        || Tape::new().fast_ways(true, 2),
    ];
    each::<T>(|name, row| {
        if matches!(row.claim, Claim::Refuses(_)) {
            return Ok(());
        }
        let all = |tape: fn() -> Tape<T>| {
            let Outcome { y, gradients } = run_on(&tape(), name, row)?;
            let orders = two_orders_on(&tape(), &row.inputs, &row.f);
            let arrays = std::iter::once(y).chain(gradients.into_iter().flatten()).chain(orders);
            // Of a NaN neither sign nor payload counts: the processor takes those of one operand or the other.
            let bits = |x: f64| if x.is_nan() { f64::NAN.to_bits() } else { x.to_bits() };
            Ok::<_, String>(arrays.map(|a| a.iter().map(|&x| bits(x)).collect()).collect::<Vec<Vec<u64>>>())
        };
        let plain = all(tapes[0])?;
        for (i, tape) in tapes.into_iter().enumerate().skip(1) {
            if all(tape)? != plain {
                return Err(format!("other bits with fast ways {i}"));
            }
        }
        Ok(())
    });
}

#[test]
fn fast_ways_change_no_bit_in_f32() {
    fast_ways_change_no_bit::<f32>();
}
#[test]
fn fast_ways_change_no_bit_in_f64() {
    fast_ways_change_no_bit::<f64>();
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
        // The reported line must be one of the row's.
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

/// The rule of a fused gradient writes out its slope and sweeps over that formula only. If the sweep went on below it, through y's own
/// node, the outer sweep would count that part a second time, and second derivatives of ops that use y would be doubled.
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

/// If cotangent and input are the same node, what reaches it as the cotangent must not be mistaken for what reaches it as the input.
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

/// Both operands of a fused op, and its cotangent, are the same node.
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
