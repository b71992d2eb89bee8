//! Large elementwise ops are computed later, in blocks and together: the values, the gradients and the bits are those of small pieces,
//! which are computed at once.

use crate::random::Random;
use std::sync::atomic::{AtomicBool, Ordering};
use wengert::{Cost, Cotangents, Fused, Op, Param, Scalar, Shape, ShapeError, Tape, Var, View, Vjp, concat};

/// Numbers between -2 and 2, in thousandths.
fn numbers<T: Scalar>(random: &mut Random, n: usize) -> Vec<T> {
    (0..n).map(|_| T::from_f64(random.below(4001) as f64 / 1000.0 - 2.0)).collect()
}

/// A graph of elementwise ops, drawn by `seed`: the same for any arrays.
fn graph<'t, T: Scalar>(seed: u64, leaves: &[Var<'t, T>]) -> Var<'t, T> {
    let mut draw = Random(seed);
    let mut values = leaves.to_vec();
    for _ in 0..2 + draw.below(30) {
        let (a, b) = (values[draw.below(values.len())], values[draw.below(values.len())]);
        let n = T::from_f64(draw.below(5) as f64 / 4.0);
        values.push(match draw.below(18) {
            0 => a + b,
            1 => a - b,
            2 => a * b,
            3 => a * n,
            4 => a - n,
            5 => a.tanh(),
            6 => a.sigmoid() * b,
            7 => a.maximum(b),
            8 => a.square() * T::from_f64(0.1),
            9 => (-a * a).exp(),
            10 => a.relu(),
            11 => a / (b * b + T::ONE),
            12 => a.clamp(-1.0, 1.0),
            13 => a.sin(),
            // A view in between, and one that is not laid out in order.
            14 => (a.reshape([-1]) + b.reshape([-1])).reshape_as(a),
            15 => a.flip_twice(),
            16 => a.detach() + b,
            _ => a.gt(b) * a,
        });
    }
    values[values.len() - 1] + values[values.len() / 2]
}

/// What the graph above needs beside the crate's methods.
trait Views {
    fn reshape_as(self, other: Self) -> Self;
    fn flip_twice(self) -> Self;
}
impl<T: Scalar> Views for Var<'_, T> {
    fn reshape_as(self, other: Self) -> Self {
        let shape: Vec<isize> = other.shape().iter().map(|&n| n as isize).collect();
        self.reshape(&shape)
    }
    /// The same, by way of two views against the order of the elements.
    fn flip_twice(self) -> Self {
        self.slice(&wengert::at![..; -1]).slice(&wengert::at![..; -1])
    }
}

/// Value, gradients and second derivatives (of the gradient's square) of the graph at these numbers, as bits.
fn bits<T: Scalar>(seed: u64, inputs: &[Vec<T>]) -> Vec<Vec<Option<u64>>> {
    let tape = Tape::<T>::new();
    let leaves: Vec<_> = inputs.iter().map(|x| tape.leaf(x)).collect();
    let y = graph(seed, &leaves);
    let all = |v: Vec<T>| v.into_iter().map(|x| (!x.is_nan()).then(|| x.to_f64().to_bits())).collect::<Vec<_>>();
    let mut found = vec![];
    // Values that are read early are kept; others are computed twice.
    if seed.is_multiple_of(2) {
        found.push(all(y.to_vec()));
    }
    let grads = y.is_tracked().then(|| tape.backward(y.sum()));
    for x in &leaves {
        let g = grads.as_ref().and_then(|g| g.wrt(*x)).map_or(vec![T::ZERO; x.numel()], |g| g.iter().copied().collect());
        found.push(all(g));
    }
    let kept: Vec<_> = tape.grad(y, &leaves);
    let again = kept.iter().flatten().map(|g| g.square().sum()).reduce(|a, b| a + b);
    for (g, x) in kept.iter().zip(&leaves) {
        let second = again.and_then(|s| tape.grad(s, &[*x])[0]);
        found.push(all(second.map_or(vec![T::ZERO; x.numel()], |s| s.to_vec())));
        found.push(all(g.map_or(vec![T::ZERO; x.numel()], |g| g.to_vec())));
    }
    found.push(all(y.to_vec()));
    found
}

fn large_arrays_are_as_small_ones<T: Scalar>(graphs: u64) {
    let n = 21_357;
    for seed in 0..graphs {
        let mut draw = Random(seed + 1000);
        let inputs: Vec<Vec<T>> = (0..3).map(|_| numbers(&mut draw, n)).collect();
        let whole = bits(seed, &inputs);
        let mut pieces: Vec<Vec<Option<u64>>> = vec![vec![]; whole.len()];
        for from in (0..n).step_by(1000) {
            let part: Vec<Vec<T>> = inputs.iter().map(|x| x[from..n.min(from + 1000)].to_vec()).collect();
            // A reversed piece is not a piece of the reversed whole, but it is put right again.
            for (all, piece) in pieces.iter_mut().zip(bits(seed, &part)) {
                all.extend(piece);
            }
        }
        for (k, (a, b)) in whole.iter().zip(&pieces).enumerate() {
            assert_eq!(a.len(), b.len(), "graph {seed}, array {k}");
            if let Some(i) = (0..n).find(|&i| a[i] != b[i]) {
                panic!("graph {seed}, array {k}, element {i}: {:?} is not {:?}", a[i].map(f64::from_bits), b[i].map(f64::from_bits));
            }
        }
    }
}

#[test]
fn large_arrays_have_the_bits_of_their_pieces() {
    large_arrays_are_as_small_ones::<f32>(40);
    large_arrays_are_as_small_ones::<f64>(40);
}

#[test]
fn large_arrays_have_the_same_bits_at_any_number_of_threads() {
    let inputs: Vec<Vec<f32>> = (0..3).map(|i| numbers(&mut Random(i), 300_001)).collect();
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started");
        pool.install(|| (0..4).map(|seed| (bits(seed, &inputs), sums(seed, &inputs))).collect::<Vec<_>>())
    };
    let one = run(1);
    assert!(one == run(2) && one == run(3));
}

/// Borrowed values can be read while others are borrowed, though reading computes them.
#[test]
fn what_waits_is_computed_while_other_values_are_borrowed() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(vec![0.5; 20_000]);
    let (a, b) = (x * 2.0, x.exp());
    let (a, b) = (a.value(), b.value());
    assert_eq!((a.as_slice()[19_999], b.as_slice()[0]), (1.0, 0.5f64.exp()));
    let c = {
        drop((a, b));
        x + 1.0
    };
    let held = x.value();
    assert_eq!((c.to_vec()[7], held.as_slice()[7]), (1.5, 0.5));
}

/// More outputs in between than there is room for, arrays of two lengths in one op, and a chain that is read again and again.
#[test]
fn long_chains_and_wide_ones() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(vec![0.25; 17_000]);
    let many: Vec<_> = (0..40).map(|i| x * f64::from(i)).collect();
    let total = many.iter().copied().reduce(|a, b| a + b).expect("forty");
    assert_eq!(total.to_vec(), vec![0.25 * 780.0; 17_000]);
    let other = tape.leaf(vec![1.0; 18_000]) * 3.0;
    assert_eq!(concat(&[total, other], 0).sum().item(), 17_000.0 * 195.0 + 54_000.0);
    let mut y = x;
    for step in 1..200 {
        y += x;
        if step % 10 == 0 {
            assert_eq!(y.sum().item(), 0.25 * 17_000.0 * f64::from(step + 1));
        }
    }
    assert_eq!(tape.backward(y.sum()).wrt(x).and_then(|g| g.first().copied()), Some(200.0));
}

/// A parameter that changes after a reset does not change what was computed from it, and buffers come back: the second step takes all
/// of its own from the first.
#[test]
fn buffers_of_ops_that_waited_come_back() {
    let w = Param::<f32>::new("w", vec![0.5; 50_000]);
    let mut tape = Tape::<f32>::new();
    let mut missed = vec![];
    for _ in 0..4 {
        let v = tape.param(&w);
        let loss = ((v.tanh() * v).square() + v.relu()).mean();
        let before = tape.stats();
        let grads = tape.backward(loss);
        assert_eq!(tape.stats().nodes, before.nodes);
        tape.reset();
        assert_eq!(tape.stats().live_bytes, 0);
        w.update(&grads, |w, g| w.iter_mut().zip(g).for_each(|(w, g)| *w -= 0.1 * g));
        tape.recycle(grads);
        missed.push(tape.stats().pool_misses);
    }
    assert_eq!(missed[1], missed[3], "{missed:?}");
}

/// Sum and mean of a graph, and the same of its value as a leaf, which are computed at once.
fn sums<T: Scalar>(seed: u64, inputs: &[Vec<T>]) -> [[u64; 2]; 2] {
    let tape = Tape::<T>::new();
    let leaves: Vec<_> = inputs.iter().map(|x| tape.leaf(x)).collect();
    let y = graph(seed, &leaves);
    let waiting = [y.sum(), y.reshape([-1, 1]).mean_axes(.., true)].map(|v| v.item().to_f64().to_bits());
    let z = tape.leaf(y.to_vec());
    [waiting, [z.sum(), z.mean()].map(|v| v.item().to_f64().to_bits())]
}

/// Lengths of one part and of many, with last parts and last blocks of all kinds; beyond four million elements parts grow.
#[test]
fn sums_that_wait_have_the_bits_of_those_that_do_not() {
    for n in [16_384, 20_001, 32_768, 32_769, 49_153, 65_599, 131_072, 147_456, 300_063] {
        let [waiting, at_once] = sums(3, &[numbers::<f32>(&mut Random(n as u64), n)]);
        assert_eq!(waiting, at_once, "{n}");
        let [waiting, at_once] = sums(3, &[numbers::<f64>(&mut Random(n as u64), n)]);
        assert_eq!(waiting, at_once, "{n}");
    }
    let tape = Tape::<f32>::new();
    let x = tape.leaf(numbers::<f32>(&mut Random(1), 4_300_123));
    assert_eq!((x * 0.3).sum().item(), tape.leaf((x * 0.3).to_vec()).sum().item());
}

/// Whether the value is read before the sweep, after it, or never; twice swept; or differentiated in a way that keeps nodes.
#[test]
fn value_and_gradient_do_not_depend_on_when_they_are_read() {
    let values = numbers::<f32>(&mut Random(7), 40_000);
    let run = |order: usize| {
        let tape = Tape::<f32>::new();
        let x = tape.leaf(&values);
        let (s, t) = (x.sigmoid(), x.tanh());
        let y = (s * t + (-x * x).exp()).sum();
        let first = (order == 1).then(|| y.item());
        let gradient = match order {
            2 => tape.grad(y, &[x])[0].expect("y depends on x").to_vec(),
            _ => tape.backward(y).wrt(x).expect("y depends on x").iter().copied().collect(),
        };
        if order == 3 {
            let again: Vec<f32> = tape.backward(y).wrt(x).expect("y depends on x").iter().copied().collect();
            assert_eq!(again, gradient);
        }
        assert!(first.is_none_or(|first| first == y.item()));
        assert_eq!((s * 2.0).to_vec()[39_999], 2.0 * tape.leaf(values[39_999]).sigmoid().item());
        let second = tape.grad(tape.grad(y, &[x])[0].expect("y depends on x"), &[x])[0].expect("it bends").to_vec();
        (y.item(), gradient, second, t.to_vec())
    };
    let expected = run(0);
    assert!((1..4).all(|order| run(order) == expected));
    let mean = values.iter().map(|&x| f64::from(x)).map(|x| x.tanh() / (1.0 + (-x).exp()) + (-x * x).exp()).sum::<f64>();
    assert!((f64::from(expected.0) - mean).abs() < 1e-5 * mean.abs(), "{} is not {mean}", expected.0);
}

/// One pass computes value and gradient: of all arrays in between, none goes to memory.
#[test]
fn a_sweep_from_a_sum_keeps_nothing_but_gradients() {
    let mut tape = Tape::<f32>::new();
    let n = 100_000;
    let x = tape.leaf(vec![0.5; n]);
    let before = tape.stats().live_bytes;
    let loss = (x.sigmoid() * x.tanh() + (-x * x).exp()).mean();
    let grads = tape.backward(loss);
    let after = tape.stats();
    assert!(loss.item() > 0.0);
    assert!(after.peak_bytes < before + 4 * n + 10_000, "{after:?}");
    assert!(after.live_bytes < before + 10_000, "{after:?}");
    tape.recycle(grads);
    tape.reset();
    assert_eq!(tape.stats().live_bytes, 0);
}

/// A sum as an operand: of numbers, of arrays that wait on their own, of itself; without a gradient; of a view against the order.
#[test]
fn sums_that_wait_are_numbers_like_any_other() {
    let tape = Tape::<f64>::new();
    let n = 20_000;
    let x = tape.leaf(vec![0.5; n]);
    let e = (x * 2.0).exp();
    let soft = e / e.sum();
    assert!(soft.to_vec().iter().all(|&p| (p - 1.0 / n as f64).abs() < 1e-12));
    let loss = (soft * x).sum() * 2.0 + (x + 1.0).mean() - (x * 3.0).sum_axes(.., true);
    assert!((loss.item() - (1.0 + 1.5 - 1.5 * n as f64)).abs() < 1e-6);
    let gradient = tape.backward(loss).wrt(x).expect("used").iter().copied().collect::<Vec<_>>();
    assert!(gradient.iter().all(|&g| (g - (3.0 / n as f64 - 3.0)).abs() < 1e-9));
    let total = tape.no_grad(|| (x * 3.0).sum());
    assert!(!total.is_tracked() && total.item() == 1.5 * n as f64);
    let square = (x * x).sum();
    assert_eq!((square * square).item(), (0.25 * n as f64).powi(2));
    let table = (x.reshape([100, 200]) * 4.0).t();
    assert_eq!((table.sum().item(), table.sum_axes(0, false).sum().item()), (2.0 * n as f64, 2.0 * n as f64));
    assert_eq!(tape.backward((x * 2.0).sum().detach() + (x * 3.0).sum()).wrt(x).expect("used")[[7]], 3.0);
}

static FAILS: AtomicBool = AtomicBool::new(false);

/// An elementwise op that is told when to panic.
#[derive(Debug, PartialEq)]
struct Triple;

impl<T: Scalar> Op<T> for Triple {
    fn name(&self) -> &'static str {
        "triple"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(x[0].clone())
    }
    fn fused(&self) -> Option<&dyn Fused<T>> {
        Some(self)
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        assert!(!FAILS.load(Ordering::Relaxed), "told to");
        y.iter_mut().zip(x[0].iter()).for_each(|(y, x)| *y = x * T::from_f64(3.0));
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|_| cx.g * T::from_f64(3.0))
    }
}

impl<T: Scalar> Fused<T> for Triple {
    fn elementwise(&self) -> Option<Cost> {
        Some(Cost::Expensive)
    }
}

/// A sum that waits is one number, and no array to be added up in blocks.
#[test]
fn sums_of_sums_that_wait() {
    let values: Vec<f64> = (0..20_000).map(|i| f64::from(i % 7)).collect();
    let expected: f64 = values.iter().map(|x| 2.0 * x).sum();
    let of: [fn(Var<'_, f64>) -> Var<'_, f64>; 4] =
        [|y| y.sum().sum(), |y| y.sum_axes(.., true).sum(), |y| y.sum_axes(.., true).mean(), |y| y.sum().reshape([1, 1]).sum()];
    for sum in of {
        for read_first in [false, true] {
            let tape = Tape::<f64>::new();
            let x = tape.leaf(values.clone());
            let y = x * 2.0;
            let total = sum(y);
            if read_first {
                assert_eq!(y.to_vec()[3], 6.0);
            }
            assert_eq!(total.item(), expected);
            let swept = sum(x * 2.0);
            assert_eq!(tape.backward(swept).wrt(x).expect("used")[[19_999]], 2.0);
            assert_eq!(swept.item(), expected);
            assert_eq!(y.to_vec()[19_999], 2.0 * values[19_999]);
        }
    }
}

/// What waits waits on when the run that was to compute it panics, be it asked for by a sweep or by a reader.
#[test]
fn a_panic_in_a_run_loses_nothing() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(vec![0.5; 20_000]);
    let loss = tape.apply(Triple, &[x * x]).square().sum();
    let nodes = tape.stats().nodes;
    for _ in 0..2 {
        FAILS.store(true, Ordering::Relaxed);
        let catch = |f: &dyn Fn()| std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).is_err();
        assert!(catch(&|| drop(tape.backward(loss))) && catch(&|| _ = loss.item()));
        FAILS.store(false, Ordering::Relaxed);
        assert_eq!(tape.stats().nodes, nodes);
    }
    assert_eq!(tape.backward(loss).wrt(x).expect("used")[[19_999]], 36.0 * 0.125);
    assert_eq!(loss.item(), 9.0 * 0.0625 * 20_000.0);
}
