//! The tape and its sweep, from outside: long chains, bits at any number of threads, orders of derivative, parameters, listings.

use crate::random::Random;
use ndarray::{Array2, ArrayD};
use wengert::{
    Binary, Cotangents, Grads, Indices, Op, Param, Real, Scalar, Shape, ShapeError, Tape, Unary, Var, View, Vjp, at, concat, stack,
};

/// Seeded numbers between -1 and 1.
fn numbers<T: Scalar>(shape: &[usize], seed: u64) -> ArrayD<T> {
    let mut random = Random(seed);
    ArrayD::from_shape_simple_fn(shape, || random.number())
}

fn close(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-12 * (1.0 + b.abs()), "{a} is not {b}");
}

// -------------------------------------------------------------------------------------------------------- long chains

#[test]
fn a_chain_of_a_million_nodes_differentiates_on_a_small_stack() {
    let work = || {
        let mut tape = Tape::<f64>::new();
        let run = |tape: &Tape<f64>, kept: bool| {
            let x = tape.leaf(1.0);
            let y = (0..500_000).fold(x, |y, _| y * 0.5 + x);
            assert!(tape.stats().nodes > 1_000_000);
            if kept {
                return tape.grad(y, &[x])[0].expect("y depends on x").item();
            }
            *tape.backward(y).wrt(x).expect("y depends on x").first().expect("one element")
        };
        let plain = run(&tape, false);
        assert_eq!(plain, 2.0, "1 + 1/2 + 1/4 + ..");
        tape.reset();
        assert_eq!(run(&tape, true), plain);
        tape.reset();
        // Adding up a million contributions to one node, and a kept gradient of a kept gradient.
        let x = tape.leaf(0.5);
        let y = (0..200_000).fold(x, |y, _| y + x * x);
        let dy = tape.grad(y, &[x])[0].expect("y depends on x");
        close(dy.item(), 200_001.0);
        close(tape.grad(dy, &[x])[0].expect("dy depends on x").item(), 400_000.0);
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(work).expect("a thread can be started").join().expect("it differentiates");
}

// --------------------------------------------------------------------------------------------------------------- bits

/// Three steps of a network whose maps, products and sums are all large enough to be split, as bits.
fn training_bits<T: Scalar>() -> Vec<u64> {
    let sizes = [300, 400, 200];
    let layer = |n: usize, m: usize| [Param::new("w", numbers::<T>(&[m, n], 1)), Param::new("b", numbers::<T>(&[m], 2))];
    let layers = [layer(sizes[0], sizes[1]), layer(sizes[1], sizes[2])];
    let (x, targets) = (numbers::<T>(&[256, sizes[0]], 3), Indices::from((0..256).map(|i| i % 200).collect::<Vec<usize>>()));
    let mut tape = Tape::<T>::new();
    let mut bits = Vec::new();
    for _ in 0..3 {
        let [w, v] = &layers;
        let h = tape.constant(&x).linear(tape.param(&w[0]), tape.param(&w[1])).tanh();
        let z = h.linear(tape.param(&v[0]), tape.param(&v[1]));
        let more = (h.exp() * h.sigmoid()).sum() + h.sum_axes(0, false).square().mean() + h.t().matmul(z).amax(1, false).sum();
        let loss = z.cross_entropy(&targets) + more * T::from_f64(1e-4) + z.softmax(-1).logsumexp(0, false).sum();
        bits.push(loss.item().to_f64().to_bits());
        let grads = tape.backward(loss);
        tape.reset();
        for p in layers.iter().flatten() {
            p.update(&grads, |w, g| w.iter_mut().zip(g).for_each(|(w, g)| *w = *w - T::from_f64(0.01) * *g));
            bits.extend(p.with(|w| w.iter().map(|w| w.to_f64().to_bits()).collect::<Vec<u64>>()));
        }
        tape.recycle(grads);
    }
    bits
}

fn same_bits<T: Scalar>() {
    let at = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads").install(training_bits::<T>);
    let one = at(1);
    assert!(one.iter().all(|&b| f64::from_bits(b).is_finite()));
    assert!(one == at(2), "two threads give other bits than one");
    assert!(one == at(3), "three threads give other bits than one");
    assert!(one == training_bits::<T>(), "the global pool gives other bits");
}

#[test]
fn the_same_bits_at_any_number_of_threads() {
    same_bits::<f32>();
    same_bits::<f64>();
}

#[test]
fn large_sums_and_products_have_the_same_bits_at_any_number_of_threads() {
    fn bits() -> Vec<u32> {
        let tape = Tape::<f32>::new();
        let x = tape.constant(numbers(&[1000, 1013], 5));
        let y = tape.constant(numbers(&[1013, 77], 6));
        let all =
            [x.sum().to_vec(), x.mean_axes(0, false).to_vec(), x.sum_axes(1, false).to_vec(), x.matmul(y).to_vec(), x.t().sum().to_vec()];
        let more = [x.matmul(y.slice(&at![.., 0])).to_vec(), x.t().matmul(x).to_vec(), x.logsumexp(.., false).to_vec()];
        all.iter().chain(&more).flatten().map(|v| v.to_bits()).collect()
    }
    let at = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads").install(bits);
    let one = at(1);
    assert!(one == at(2) && one == at(3));
}

// -------------------------------------------------------------------------------------------------------------- sweeps

fn first<T: Scalar>(grads: &Grads<T>, x: Var<'_, T>) -> Vec<T> {
    grads.wrt(x).expect("used").iter().copied().collect()
}

#[test]
fn a_reset_tape_starts_again() {
    let mut tape = Tape::<f32>::new();
    for i in 0..5 {
        let x = tape.leaf(vec![i as f32; 10 + 1000 * i]);
        let y = (x * x).sum();
        let grads = tape.backward(y);
        assert!(first(&grads, x).iter().all(|&g| g == 2.0 * i as f32));
        assert_eq!((tape.stats().nodes, grads.len()), (3, 1), "what the sweep made is gone");
        tape.recycle(grads);
        tape.reset();
        assert_eq!((tape.stats().nodes, tape.stats().live_bytes), (0, 0));
        assert_eq!(tape.to_string(), "");
    }
}

#[test]
fn backward_can_be_repeated_and_leaves_values_alone() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(numbers(&[40, 50], 1));
    let h = x.tanh();
    let (a, b) = ((h * x).sum(), h.exp().mean());
    let nodes = tape.stats().nodes;
    let (ga, gb) = (first(&tape.backward(a), x), first(&tape.backward(b), x));
    assert_eq!((first(&tape.backward(a), x), first(&tape.backward(b), x)), (ga.clone(), gb.clone()));
    assert_eq!(tape.stats().nodes, nodes);
    let sum = first(&tape.backward(a + b), x);
    assert!(sum.iter().zip(ga.iter().zip(&gb)).all(|(s, (a, b))| (s - (a + b)).abs() < 1e-14));
    assert!(h.to_vec().iter().zip(x.to_vec()).all(|(h, x)| (h - x.tanh()).abs() < 1e-15));
}

#[test]
fn gradients_of_intermediates_and_of_unused_inputs() {
    let tape = Tape::<f64>::new();
    let (x, unused) = (tape.leaf([1.0, 2.0]), tape.leaf(5.0));
    let h = x * 3.0;
    let y = (h * h + x).sum();
    let after = tape.leaf(1.0);
    let side = x.exp();
    let grads = tape.grad(y, &[h, x, unused, after, side, y]);
    let values: Vec<Option<Vec<f64>>> = grads.iter().map(|g| g.map(Var::to_vec)).collect();
    assert_eq!(values[..2], [Some(vec![6.0, 12.0]), Some(vec![19.0, 37.0])]);
    assert_eq!(values[2..5], [None, None, None], "an input that y does not depend on has no gradient, not a zero");
    assert_eq!(values[5], Some(vec![1.0]));
    let all = tape.backward(y);
    assert!(all.wrt(unused).is_none() && all.wrt(after).is_none() && all.len() == 1);
    assert_eq!(tape.grad(x, &[]).len(), 0);
    // The same input asked for twice.
    let twice = tape.grad(y, &[x, x]);
    assert_eq!(twice[0].map(Var::to_vec), twice[1].map(Var::to_vec));
}

#[test]
fn inputs_used_many_times_and_several_outputs() {
    for n in [1usize, 3, 5000] {
        let tape = Tape::<f64>::new();
        let x = tape.leaf(numbers(&[n], 9));
        let uses: Vec<Var<'_, f64>> = (1..=9).map(|k| x * k as f64).collect();
        let y: Var<'_, f64> = uses.iter().copied().sum();
        assert!(first(&tape.backward((y + x + x).sum()), x).iter().all(|g| *g == 47.0));
        // x + x, x * x, and a node that is both inputs of the next, again and again.
        let z = (0..10).fold(x, |z, _| z + z).sum();
        assert!(first(&tape.backward(z), x).iter().all(|g| *g == 1024.0));
        // Cotangents that are handed on unchanged must not be added to in place.
        let (a, b) = (x + 1.0, x - 1.0);
        let w = ((a + b) + a + (b - a)).sum();
        let grads = tape.grad(w, &[a, b, x]);
        let value = |i: usize| grads[i].expect("used").to_vec()[n - 1];
        assert_eq!((value(0), value(1), value(2)), (1.0, 2.0, 3.0));
        assert!(first(&tape.backward(w), x).iter().all(|g| *g == 3.0));
        // Several outputs at once: the gradient of their sum; and each alone by its cotangent.
        let (p, q) = (x.square(), x.exp());
        let (sum, one) = (first(&tape.backward(p.sum() + q.sum()), x), first(&tape.backward(p.sum()), x));
        let other = tape.grad_with(q, q.ones_like(), &[x])[0].expect("used").to_vec();
        assert!((0..n).all(|i| (sum[i] - one[i] - other[i]).abs() < 1e-14));
    }
}

#[test]
fn detach_and_no_grad_cut_the_path() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf([3.0, 4.0]);
    let d = x.detach();
    assert_eq!(first(&tape.backward((x * d).sum()), x), [3.0, 4.0]);
    assert!(!d.is_tracked() && x.is_tracked() && (x + d).is_tracked());
    let cut = tape.no_grad(|| x * x);
    assert_eq!(first(&tape.backward((x * cut).sum()), x), [9.0, 16.0]);
    assert!(tape.grad(cut, &[x])[0].is_none() && tape.grad(d.sum(), &[x])[0].is_none());
    // What was computed without a gradient may itself be asked for.
    assert_eq!(tape.grad(x * cut, &[cut])[0].map(Var::to_vec), Some(vec![3.0, 4.0]));
    // Nested, and over at the end even if the closure panics.
    tape.no_grad(|| tape.no_grad(|| assert!(!(x * x).is_tracked())));
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| tape.no_grad(|| std::panic::resume_unwind(Box::new(())))));
    assert!(panic.is_err() && (x * x).is_tracked());
    assert!(!tape.constant(1.0).is_tracked() && !tape.no_grad(|| tape.leaf(1.0)).is_tracked());
}

#[test]
fn backward_with_takes_a_cotangent() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf([[1.0, 2.0], [3.0, 4.0]]);
    let y = x.square();
    let v = tape.constant([[1.0, 0.0], [-1.0, 0.5]]);
    assert_eq!(first(&tape.backward_with(y, v), x), [2.0, 0.0, -6.0, 4.0]);
    assert_eq!(tape.grad_with(y, v, &[x])[0].map(Var::to_vec), Some(vec![2.0, 0.0, -6.0, 4.0]));
    // The cotangent may depend on x itself: its own path is not followed in this sweep, but it is in the next.
    let g = tape.grad_with(y, x, &[x])[0].expect("used");
    assert_eq!(g.to_vec(), [2.0, 8.0, 18.0, 32.0]);
    assert_eq!(tape.grad(g, &[x])[0].map(Var::to_vec), Some(vec![4.0, 8.0, 12.0, 16.0]));
    // A leaf is its own output.
    assert_eq!(first(&tape.backward_with(x, v), x), [1.0, 0.0, -1.0, 0.5]);
}

// --------------------------------------------------------------------------------------------------------- high orders

fn derivatives(x: f64, orders: usize, f: impl for<'t> Fn(Var<'t, f64>) -> Var<'t, f64>) -> Vec<f64> {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(x);
    let mut y = f(x);
    (0..orders)
        .map(|_| {
            y = tape.grad(y, &[x])[0].expect("it depends on x");
            y.item()
        })
        .collect()
}

#[test]
fn higher_derivatives_of_polynomials_and_tanh() {
    let x = 0.7_f64;
    for (d, exact) in derivatives(x, 4, |x| x * x * x * x - x * 2.0 * x * x + x).iter().zip([
        4.0 * x.powi(3) - 6.0 * x * x + 1.0,
        12.0 * x * x - 12.0 * x,
        24.0 * x - 12.0,
        24.0,
    ]) {
        close(*d, exact);
    }
    let (t, s) = (x.tanh(), 1.0 - x.tanh() * x.tanh());
    let exact = [s, -2.0 * t * s, (6.0 * t * t - 2.0) * s, (16.0 * t - 24.0 * t.powi(3)) * s];
    for (d, exact) in derivatives(x, 4, |x| x.tanh()).iter().zip(exact) {
        close(*d, exact);
    }
    let s = 1.0 / (1.0 + (-x).exp());
    let (d1, c) = (s * (1.0 - s), 1.0 - 2.0 * s);
    // softplus' = sigmoid.
    for (d, exact) in derivatives(x, 4, |x| x.softplus()).iter().zip([s, d1, d1 * c, d1 * (c * c - 2.0 * d1)]) {
        close(*d, exact);
    }
    assert!(derivatives(x, 5, |x| x.exp()).iter().all(|d| (d - x.exp()).abs() < 1e-14));
    for (d, exact) in derivatives(x, 3, |x| x.sin() / x).iter().zip([
        (x * x.cos() - x.sin()) / x.powi(2),
        -x.sin() / x - 2.0 * x.cos() / x.powi(2) + 2.0 * x.sin() / x.powi(3),
        -x.cos() / x + 3.0 * x.sin() / x.powi(2) + 6.0 * x.cos() / x.powi(3) - 6.0 * x.sin() / x.powi(4),
    ]) {
        assert!((d - exact).abs() < 1e-11, "{d} is not {exact}");
    }
}

/// A loss through every kind of op: product, map, softmax, views, reductions, gather, concat.
fn everything<'t>(x: Var<'t, f64>, w: Var<'t, f64>) -> Var<'t, f64> {
    let h = x.linear(w, w.sum_axes(1, false)).tanh();
    let parts = concat(&[h.slice(&at![.., ..2]), h.t().reshape([3, 4]).narrow(1, 1, 3)], 1);
    let p = parts.softmax(0) * parts.log_softmax(1) + stack(&[h, h.exp()], 0).mean_axes(0, false).sum_to([3, 1]);
    let chosen = p.gather(1, [[0usize, 4], [3, 3], [1, 2]]).matmul(p.index_select(0, [2usize, 0]));
    let normed = chosen / (chosen.square().sum_axes(-1, true) + 1.0).sqrt();
    normed.logsumexp(.., false) + h.cross_entropy([0usize, 3, 1]) + p.amax(1, false).powf(2.0).sum() + normed.softplus().mean()
}

#[test]
fn second_order_through_everything() {
    let tape = Tape::<f64>::new();
    let (x0, w0, v) = (numbers::<f64>(&[3, 5], 1), numbers::<f64>(&[4, 5], 2), numbers::<f64>(&[4, 5], 3));
    let (x, w) = (tape.leaf(&x0), tape.leaf(&w0));
    let gradient = tape.grad(everything(x, w), &[w])[0].expect("used");
    let along = (gradient * tape.constant(&v)).sum();
    let kept = tape.grad(along, &[w, x]);
    let hv = kept[0].expect("used").to_array();
    let thrown = tape.backward(along);
    let same = |a: &ArrayD<f64>, x: Var<'_, f64>| thrown.wrt(x).expect("used").iter().zip(a).all(|(a, b)| (a - b).abs() < 1e-13);
    assert!(same(&hv, w) && same(&kept[1].expect("used").to_array(), x), "backward gives what grad gives");
    // Against central differences of the gradient.
    let h = 1e-5;
    let slope = |step: f64| {
        let tape = Tape::<f64>::new();
        let (x, w) = (tape.leaf(&x0), tape.leaf(&w0 + &(&v * step)));
        tape.backward(everything(x, w)).wrt(w).expect("used").to_owned()
    };
    let numeric = (slope(h) - slope(-h)) / (2.0 * h);
    for (a, b) in hv.iter().zip(&numeric) {
        assert!((a - b).abs() < 1e-7 * (1.0 + b.abs()), "{a} is not {b}");
    }
}

// ------------------------------------------------------------------------------------------------------------ listings

#[test]
fn a_listing_has_one_readable_line_a_node() {
    let mut tape = Tape::<f32>::new();
    let (w, line) = (Param::<f32>::new("w", [[1.0, 2.0], [3.0, 4.0]]), line!());
    let (x, c) = (tape.leaf([1.0, -1.0]), tape.constant(2.0));
    let y = x.matmul(tape.param(&w)).tanh();
    let z = (y * c).sum();
    let expected = [
        ("%0 = leaf()", "f32 [2]", 1),
        ("%1 = constant()", "f32 []", 1),
        ("%2 = param()", "f32 [2, 2]", 2),
        ("%3 = reshape(%0)", "f32 [1, 2]", 2),
        ("%4 = matmul(%3, %2)", "f32 [1, 2]", 2),
        ("%5 = reshape(%4)", "f32 [2]", 2),
        ("%6 = tanh(%5)", "f32 [2]", 2),
        ("%7 = broadcast_to(%1)", "f32 [2]", 3),
        ("%8 = mul(%6, %7)", "f32 [2]", 3),
        ("%9 = sum(%8)", "f32 []", 3),
    ]
    .map(|(node, kind, below)| format!("{node:<36} {kind:<18} tests/engine.rs:{}\n", line + below));
    assert_eq!(tape.to_string(), expected.concat());
    assert_eq!(format!("{tape:?}"), expected.concat());
    assert_eq!(format!("{z:?}\n"), expected[9]);
    assert_eq!(format!("{y:?}\n"), expected[6]);
    assert_eq!((format!("{c}"), format!("{x}")), ("2".to_string(), "[1, -1]".to_string()));
    // Nodes that a sweep keeps have the line of the node that they differentiate.
    tape.grad(z, &[x]);
    let listing = tape.to_string();
    let of_tanh = listing.lines().find(|l| l.contains("tanh_grad(")).expect("kept");
    assert!(of_tanh.ends_with(&format!("tests/engine.rs:{}", line + 2)), "{of_tanh}");
    assert!(listing.lines().all(|l| l.contains(" tests/engine.rs:")), "{listing}");
    assert_eq!(format!("{w:?}"), "Param(w: f32 [2, 2])");
    tape.reset();
}

#[test]
fn values_come_back_as_numbers_slices_views_and_arrays() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    let t = x.t();
    assert_eq!(t.to_array(), ndarray::array![[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]].into_dyn());
    assert_eq!(t.value().as_slice(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    assert_eq!((t.value().view()[[2, 1]], x.value().view()[[1, 2]]), (6.0, 6.0));
    assert_eq!((x.slice(&at![1, 1]).item(), tape.leaf([[[7.0]]]).item()), (5.0, 7.0));
    assert_eq!((x.shape(), x.ndim(), x.numel(), x.size(-1)), (Shape::from([2, 3]), 2, 6, 3));
    let array = Array2::from_shape_fn((3, 2), |(i, j)| (10 * i + j) as f64);
    assert_eq!(tape.constant(array.t()).to_array(), array.t().to_owned().into_dyn(), "a transposed array goes in as it looks");
    assert_eq!(tape.constant(array.slice(ndarray::s![..;2, 1])).to_vec(), [1.0, 21.0]);
    let repeated = tape.leaf([1.0, 2.0]).broadcast_to([2, 2]);
    assert_eq!(repeated.value().as_slice(), [1.0, 2.0, 1.0, 2.0]);
}

#[test]
fn arrays_without_elements_pass_through() {
    let tape = Tape::<f32>::new();
    let x = tape.leaf(ndarray::Array2::<f32>::zeros((0, 3)));
    let w = tape.leaf(numbers(&[3, 4], 1));
    let y = (x.matmul(w).tanh() + 1.0) * 2.0;
    assert_eq!((y.shape(), y.to_vec().len(), y.to_array().shape()), (Shape::from([0, 4]), 0, &[0, 4][..]));
    assert!(y.value().as_slice().is_empty() && y.value().view().is_empty());
    let loss = y.sum() + concat(&[y, y], 0).t().reshape([-1, 4, 2]).sum() + x.softmax(-1).sum() + x.slice(&at![.., 1..; 2]).exp().sum();
    assert_eq!(loss.item(), 0.0);
    let grads = tape.backward(loss);
    assert_eq!(grads.wrt(x).expect("used").shape(), [0, 3]);
    assert_eq!(first(&grads, w), [0.0; 12], "w is used, by no rows: its gradient is zero, and there is one");
    let inner = tape.leaf(ndarray::Array2::<f32>::zeros((2, 0))).matmul(tape.leaf(ndarray::Array2::<f32>::zeros((0, 2))));
    assert_eq!(inner.to_vec(), [0.0; 4]);
}

// ------------------------------------------------------------------------------------------------------- ops of one's own

/// y = a x + b x^2 of two inputs of one shape, `a` an attribute.
#[derive(Debug, PartialEq)]
struct Blend(f64);

impl<T: Scalar> Op<T> for Blend {
    fn name(&self) -> &'static str {
        "blend"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        if x[0] == x[1] { Ok(x[0].clone()) } else { Err(ShapeError::new("x and b must have one shape")) }
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        for (y, (x, b)) in y.iter_mut().zip(x[0].iter().zip(x[1].iter())) {
            *y = T::from_f64(self.0) * x + b * x * x;
        }
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        let (g, x, b) = (cx.g, cx.x(0), cx.x(1));
        cx.each(|i| if i == 0 { g * (b * x * T::from_f64(2.0) + T::from_f64(self.0)) } else { g * x * x })
    }
}

fn an_op_of_ones_own<T: Scalar>() {
    let c = T::from_f64;
    let tape = Tape::<T>::new();
    let (x, b) = (tape.leaf([c(1.0), c(2.0)]), tape.leaf([c(0.5), c(-1.0)]));
    let y = tape.apply(Blend(3.0), &[x, b]);
    assert_eq!(y.to_vec(), [c(3.5), c(2.0)]);
    assert_ne!(tape.apply(Blend(4.0), &[x, b]).to_vec(), y.to_vec(), "an attribute is part of the op");
    let g = tape.grad(y, &[x, b]);
    assert_eq!(g[0].map(Var::to_vec), Some(vec![c(4.0), c(-1.0)]));
    assert_eq!(g[1].map(Var::to_vec), Some(vec![c(1.0), c(4.0)]));
    let second = tape.grad(g[0].expect("used"), &[x, b]);
    assert_eq!(second[0].map(Var::to_vec), Some(vec![c(1.0), c(-2.0)]));
    assert_eq!(second[1].map(Var::to_vec), Some(vec![c(2.0), c(4.0)]));
    // Strided inputs.
    let m = tape.leaf([[c(1.0), c(2.0)], [c(3.0), c(4.0)]]);
    assert_eq!(tape.apply(Blend(0.0), &[m.t(), m]).to_vec(), [c(1.0), c(18.0), c(12.0), c(64.0)]);
    assert!(format!("{y:?}").starts_with("%2 = blend(%0, %1) "));
}

/// y = x e^x
#[derive(Clone, Copy, Debug, PartialEq)]
struct XExp;
impl Unary for XExp {
    const NAME: &'static str = "xexp";
    const GRAD_NAME: &'static str = "xexp_grad";
    fn f<R: Real>(self, x: R) -> R {
        x * x.exp()
    }
    fn df<R: Real>(self, x: R, y: R) -> R {
        y + x.exp()
    }
}

/// z = a b^2
#[derive(Clone, Copy, Debug, PartialEq)]
struct TimesSquare;
impl Binary for TimesSquare {
    const NAME: &'static str = "times_square";
    const GRAD_NAME: &'static str = "times_square_grad";
    fn f<R: Real>(self, a: R, b: R) -> R {
        a * b * b
    }
    fn da<R: Real>(self, _: R, b: R) -> R {
        b * b
    }
    fn db<R: Real>(self, a: R, b: R) -> R {
        a * b * a.lit(2.0)
    }
}

#[test]
fn ops_of_ones_own() {
    an_op_of_ones_own::<f32>();
    an_op_of_ones_own::<f64>();
    let x = 0.4_f64;
    for (k, d) in derivatives(x, 4, |x| x.map(XExp)).iter().enumerate() {
        close(*d, (x + k as f64 + 1.0) * x.exp());
    }
    for (d, exact) in derivatives(x, 3, |x| x.zip(TimesSquare, x)).iter().zip([3.0 * x * x, 6.0 * x, 6.0]) {
        close(*d, exact);
    }
    let tape = Tape::<f32>::new();
    let (a, b) = (tape.leaf([[1.0], [2.0]]), tape.leaf([3.0, 4.0, 5.0]));
    let y = a.zip(TimesSquare, b).map(XExp);
    assert_eq!(y.shape(), [2, 3]);
}

// ---------------------------------------------------------------------------------------------------------- parameters

#[test]
fn parameters_are_shared_until_they_are_changed() {
    for n in [3, 5000] {
        let w = Param::<f64>::new("w", vec![1.0; n]);
        let address = w.with(|v| v.as_ptr() as usize);
        let mut tape = Tape::<f64>::new();
        let v = tape.param(&w);
        assert_eq!(format!("{:?}", tape.param(&w)), format!("{v:?}"), "asked for twice, it is one node");
        if n > 1024 {
            assert_eq!(v.value().as_slice().as_ptr() as usize, address, "no copy of a large array");
        }
        let grads = tape.backward((v * v).sum());
        // Changed while it lies on the tape: the tape keeps its values.
        w.update(&grads, |w, g| w.iter_mut().zip(g).for_each(|(w, g)| *w += g));
        assert!(v.to_vec().iter().all(|&x| x == 1.0) && w.to_array().iter().all(|&x| x == 3.0));
        assert!(first_of(&tape.backward((v * v).sum()), &w).iter().all(|&g| g == 2.0));
        let stale =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| tape.param(&w).to_vec())).expect_err("one tape sees one value");
        let text = stale.downcast::<String>().unwrap();
        assert!(text.starts_with(&format!("param of [{n}]: parameter w was changed since this tape recorded it")), "{text}");
        assert!(text.contains("\n  at tests/engine.rs:") && text.contains("\n  hint: call `tape.reset()`"), "{text}");
        tape.reset();
        let v = tape.param(&w);
        assert!(v.to_vec().iter().all(|&x| x == 3.0));
        tape.reset();
        // Changed after a reset: in place.
        let address = w.with(|v| v.as_ptr() as usize);
        w.update(&grads, |w, g| w.iter_mut().zip(g).for_each(|(w, g)| *w -= g));
        assert_eq!(w.with(|v| v.as_ptr() as usize), address);
        assert!(w.clone().is(&w) && w.clone().to_array().iter().all(|&x| x == 1.0));
        assert!(!Param::<f64>::new("w", vec![1.0; n]).is(&w));
        tape.recycle(grads);
    }
}

fn first_of<T: Scalar>(grads: &Grads<T>, p: &Param<T>) -> Vec<T> {
    grads.get(p).expect("used").iter().copied().collect()
}

#[test]
fn a_parameter_that_is_not_used_has_no_gradient() {
    let (a, b) = (Param::<f32>::new("a", [1.0, 2.0]), Param::<f32>::new("b", [3.0]));
    let tape = Tape::new();
    let (x, _) = (tape.param(&a), tape.param(&b));
    let mut grads = tape.backward(x.square().sum());
    assert!(grads.get(&b).is_none() && grads.slice(&b).is_none() && grads.len() == 1 && !grads.is_empty());
    b.update(&grads, |_, _| panic!("there is no gradient to update by"));
    grads.slices_mut().for_each(|(p, g)| {
        assert!(p.is(&a));
        g.iter_mut().for_each(|g| *g *= 0.5);
    });
    assert_eq!(first_of(&grads, &a), [1.0, 2.0]);
    assert_eq!(format!("{grads:?}"), r#"{"a": [2]}"#);
    assert_eq!(tape.no_grad(|| tape.param(&b)).to_vec(), [3.0]);
}

#[test]
fn what_may_cross_threads() {
    fn send<X: Send>() {}
    fn sync<X: Sync>() {}
    send::<Param<f32>>();
    sync::<Param<f64>>();
    send::<Tape<f32>>();
    send::<Tape<f64>>();
    send::<Grads<f32>>();
    sync::<Grads<f32>>();
    send::<Indices>();
    sync::<ShapeError>();
    assert_eq!(size_of::<Var<'_, f32>>(), 16);
    // One parameter, a tape a thread.
    let w = Param::<f64>::new("w", vec![2.0; 3000]);
    let sums: Vec<f64> = std::thread::scope(|s| {
        let work = |k: f64| {
            let w = w.clone();
            move || {
                let tape = Tape::new();
                let grads = tape.backward((tape.param(&w) * k).square().sum());
                grads.slice(&w).expect("used").iter().sum()
            }
        };
        [1.0, 2.0, 3.0].map(|k| s.spawn(work(k))).map(|t| t.join().expect("it computes")).to_vec()
    });
    assert_eq!(sums, [12_000.0, 48_000.0, 108_000.0]);
}

// ----------------------------------------------------------------------------------------------------- more than three inputs

#[test]
fn an_op_of_seventy_inputs() {
    for rows in [1usize, 40] {
        let tape = Tape::<f64>::new();
        let xs: Vec<Var<'_, f64>> = (0..70).map(|i| tape.leaf(numbers(&[rows, 1 + i % 3], i as u64))).collect();
        let unused = tape.leaf(1.0);
        let y = concat(&xs, 1);
        assert_eq!(y.shape(), [rows, (0..70).map(|i| 1 + i % 3).sum()]);
        let loss = (y * y * y).sum();
        let second = tape.grad(loss, &xs);
        let grads = tape.backward(loss);
        assert!(grads.len() == 70 && grads.wrt(unused).is_none());
        for (x, kept) in xs.iter().zip(&second) {
            for ((g, k), x) in first(&grads, *x).iter().zip(kept.expect("used").to_vec()).zip(x.to_vec()) {
                close(*g, 3.0 * x * x);
                close(k, 3.0 * x * x);
            }
        }
        // Of a few of the inputs only, beyond the 64th too; and to second order.
        for i in [0, 2, 63, 64, 69] {
            let g = tape.grad(loss, &[xs[i]])[0].expect("used");
            let h = tape.grad(g, &[xs[i]])[0].expect("used").to_vec();
            h.iter().zip(xs[i].to_vec()).for_each(|(h, x)| close(*h, 6.0 * x));
        }
        // One input many times.
        let many = concat(&[xs[2]; 66], 0);
        assert!(first(&tape.backward(many.sum()), xs[2]).iter().all(|&g| g == 66.0));
        assert_eq!(stack(&[xs[0], xs[3], xs[6], xs[9], xs[12]], 1).shape(), [rows, 5, 1]);
    }
}

#[test]
fn a_sum_that_was_handed_to_a_rule_does_not_change_under_its_views() {
    let tape = Tape::<f64>::new();
    let (a, x) = (tape.leaf(2.0), tape.leaf([1.0, 2.0, 3.0]));
    let z = a * a;
    let y = a + x.sum();
    let loss = y * y + z;
    let grads = tape.backward(loss);
    assert_eq!(grads.wrt(x).expect("used").as_slice(), Some(&[16.0; 3][..])); // 2 y
    assert_eq!(grads.wrt(a).expect("used").first(), Some(&20.0)); // 2 y + 2 a
}

#[test]
fn large_arrays_that_come_twice_into_one_op_are_released_once() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(vec![3.0; 2000]);
    let twice = concat(&[x, x], 0);
    assert_eq!(tape.backward(twice.square().sum()).wrt(x).expect("used").as_slice(), Some(&[12.0; 2000][..]));
    let c = tape.constant(vec![0.5; 4000]);
    assert_eq!(tape.backward_with(twice, c).wrt(x).expect("used").as_slice(), Some(&[1.0; 2000][..]));
    assert_eq!(c.to_vec(), vec![0.5; 4000]);
    let a = tape.leaf(vec![1.0; 4000]);
    let grads = tape.backward((a + twice).square().sum());
    assert_eq!(grads.wrt(a).expect("used").as_slice(), Some(&[8.0; 4000][..]));
    assert_eq!(grads.wrt(x).expect("used").as_slice(), Some(&[16.0; 2000][..]));
}

#[test]
fn no_grad_ends_also_when_it_returns_a_borrowed_value() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf([3.0]);
    drop(tape.no_grad(|| x.value()));
    assert_eq!(tape.backward((x * x).sum()).wrt(x).expect("tracked").first(), Some(&6.0));
}

/// A sweep whose nodes are thrown away runs rules over plain numbers; one whose nodes are kept records them. The bits are the same.
fn numbers_take_both_ways<T: Scalar>() {
    let mut random = Random(7);
    let mut draw = |n: usize| random.below(n);
    for graph in 0..200 {
        let tape = Tape::<T>::new();
        let leaves = [0.7, -1.3, 2.1].map(|x| tape.leaf(T::from_f64(x)));
        let mut values = leaves.to_vec();
        for _ in 0..3 + draw(25) {
            let (a, b) = (values[draw(values.len())], values[draw(values.len())]);
            let y = match draw(14) {
                0 => a + b,
                1 => a - b,
                2 => a * b,
                3 => a / b,
                4 => -a,
                5 => a.tanh(),
                6 => (a * T::from_f64(0.1)).exp(),
                7 => a.maximum(b),
                8 => a.square(),
                9 => a.sigmoid(),
                10 => a.relu(),
                // Not by numbers alone: the sweep changes its way in between.
                11 => stack(&[a, b], 0).sum(),
                12 => a.unsqueeze(0).broadcast_to([3]).mean(),
                _ => a.clamp(-1.0, 1.0),
            };
            values.push(y);
        }
        let y = values.iter().rev().take(3).copied().sum::<Var<T>>();
        let kept = tape.grad(y, &leaves);
        let thrown = tape.backward(y);
        for (leaf, kept) in leaves.iter().zip(kept) {
            // Which NaN an operation gives is not defined.
            let bits = |g: T| if g.is_nan() { None } else { Some(g.to_f64().to_bits()) };
            let thrown = thrown.wrt(*leaf).map(|g| bits(*g.first().expect("one element")));
            assert_eq!(thrown, kept.map(|g| bits(g.item())), "graph {graph}\n{tape}");
        }
    }
}

#[test]
fn numbers_take_both_ways_to_the_same_bits() {
    numbers_take_both_ways::<f32>();
    numbers_take_both_ways::<f64>();
}

/// Cotangents that lie within a larger buffer, or among the small ones, are added from where they begin.
#[test]
fn a_part_of_an_array_is_added_to_an_array_of_its_own() {
    for n in [2000, 10] {
        let tape = Tape::<f64>::new();
        let (x, w) = (tape.leaf(vec![1.0; n]), tape.constant(vec![3.0; n]));
        let k = tape.constant((0..2000 + n).map(|i| i as f64).collect::<Vec<_>>());
        let c = concat(&[tape.constant(vec![0.5; 2000]), x], 0);
        let m = x * w;
        let loss = (c * k).sum() + m.sum();
        let grads = tape.backward(loss);
        let expected: Vec<f64> = (0..n).map(|i| (2000 + i) as f64 + 3.0).collect();
        assert_eq!(grads.wrt(x).expect("used").iter().copied().collect::<Vec<_>>(), expected);
        assert_eq!(tape.grad(loss, &[x])[0].expect("used").to_vec(), expected);
    }
    // Both from leaves, so that the part comes from a buffer that holds the other leaf's cotangent too.
    let tape = Tape::<f64>::new();
    let (a, x) = (tape.leaf(vec![1.0; 2000]), tape.leaf(vec![1.0; 2000]));
    let k = tape.constant((0..4000).map(f64::from).collect::<Vec<_>>());
    let m = x * tape.constant(vec![3.0; 2000]);
    let c = concat(&[a, x], 0);
    let grads = tape.backward((c * k).sum() + m.sum());
    assert_eq!(
        grads.wrt(x).expect("used").iter().copied().collect::<Vec<_>>(),
        (0..2000).map(|i| f64::from(2000 + i) + 3.0).collect::<Vec<_>>()
    );
}

/// Under `no_grad` the results carry no gradient, but a derivative of a derivative is whole.
#[test]
fn a_second_derivative_under_no_grad() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf([0.5, 1.0]);
    let d = tape.grad(x.sin(), &[x])[0].expect("used");
    let second = tape.no_grad(|| tape.grad(d, &[x]))[0].expect("used");
    close(second.to_vec()[0], -0.5f64.sin());
    assert!(!second.is_tracked() && tape.grad(second, &[x])[0].is_none());
    let total = d.sum();
    let grads = tape.no_grad(|| tape.backward(total));
    close(grads.wrt(x).expect("used")[[1]], -1.0f64.sin());
}

/// `2 a + 3 b + 2 c`, whose rule returns one cotangent twice, with another between.
#[derive(Debug, PartialEq)]
struct Weighted;

impl Op<f64> for Weighted {
    fn name(&self) -> &'static str {
        "weighted"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(x[0].clone())
    }
    fn forward(&self, x: &[View<'_, f64>], y: &mut [f64]) {
        let [a, b, c] = [0, 1, 2].map(|k| x[k].to_slice());
        for (i, y) in y.iter_mut().enumerate() {
            *y = 2.0 * a[i] + 3.0 * b[i] + 2.0 * c[i];
        }
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, f64>) -> Cotangents<'t, f64> {
        let (two, three) = (cx.g * 2.0, cx.g * 3.0);
        cx.each(|i| if i == 1 { three } else { two })
    }
}

#[test]
fn a_rule_may_return_one_cotangent_twice() {
    for n in [3, 2000, 20_000] {
        let tape = Tape::<f64>::new();
        let (x, z) = (tape.leaf(vec![1.0; n]), tape.leaf(vec![1.0; n]));
        let y = tape.apply(Weighted, &[x, x, z]);
        let grads = tape.backward(y.sum());
        for (leaf, slope) in [(x, 5.0), (z, 2.0)] {
            assert!(grads.wrt(leaf).expect("used").iter().all(|&g| g == slope), "{n}");
        }
    }
}

/// Of many inputs, none of which has a derivative.
#[derive(Debug, PartialEq)]
struct Count;

impl Op<f64> for Count {
    fn name(&self) -> &'static str {
        "count"
    }
    fn shape(&self, _: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(Shape::scalar())
    }
    fn forward(&self, x: &[View<'_, f64>], y: &mut [f64]) {
        y[0] = x.len() as f64;
    }
    fn vjp<'t>(&self, _: &Vjp<'t, '_, f64>) -> Cotangents<'t, f64> {
        Cotangents::none()
    }
}

#[test]
fn a_rule_of_many_inputs_may_return_nothing() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(2.0);
    let y = tape.apply(Count, &[x; 5]) * x;
    assert_eq!(tape.backward(y).wrt(x).expect("used").first(), Some(&5.0));
}

/// The bits of an element do not depend on its neighbours, though far arguments of `sin` are computed otherwise.
#[test]
fn a_large_argument_leaves_its_neighbours_alone() {
    let tape = Tape::<f32>::new();
    let near: Vec<f32> = (0..20_000).map(|i| i as f32 * 0.37).collect();
    let mut far = near.clone();
    far[777] = 3e9;
    let (a, b) = (tape.leaf(near).sin().to_vec(), tape.leaf(far).sin().to_vec());
    assert!((0..20_000).all(|i| i == 777 || a[i].to_bits() == b[i].to_bits()));
    assert!((b[777] - 3e9f32.sin()).abs() < 1e-6);
}

/// An op whose rule runs a sweep that throws its nodes away, before it returns the cotangent that it was given.
#[derive(Debug, PartialEq)]
struct SweepsAside;
impl Op<f64> for SweepsAside {
    fn name(&self) -> &'static str {
        "sweeps_aside"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(x[0].clone())
    }
    fn forward(&self, x: &[View<'_, f64>], y: &mut [f64]) {
        y.iter_mut().zip(x[0].iter()).for_each(|(y, x)| *y = x);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, f64>) -> Cotangents<'t, f64> {
        let _ = cx.g.tape().backward_with(cx.x(0), cx.g);
        // Still within a sweep whose nodes are thrown away.
        assert!(!(cx.g * cx.x(0)).is_tracked());
        cx.each(|_| cx.g)
    }
}

/// The sweep inside has no say in who owns the cotangents of the one around it.
#[test]
fn a_sweep_inside_a_rule_that_throws_its_nodes_away() {
    for n in [1, 3, 2_000, 40_000] {
        let tape = Tape::<f64>::new();
        let x = tape.leaf(vec![1.0; n]);
        let y = x * 2.0;
        let once = tape.apply(SweepsAside, &[y]);
        assert_eq!(tape.backward((once * 3.0).sum()).wrt(x).expect("reached")[n - 1], 6.0);
        // One cotangent for two nodes: that of the sum.
        let twice = (tape.apply(SweepsAside, &[y]) + y) * 3.0;
        assert_eq!(tape.backward((twice + y).sum()).wrt(x).expect("reached")[n - 1], 14.0);
        let thrice = tape.apply(SweepsAside, &[tape.apply(SweepsAside, &[y + once])]);
        assert_eq!(tape.backward(thrice.sum()).wrt(x).expect("reached")[n - 1], 4.0);
    }
}

/// An op whose rule sweeps itself, and returns what it found (a sum that a sweep has made) for both inputs.
#[derive(Debug, PartialEq)]
struct SweepsItself;
impl Op<f64> for SweepsItself {
    fn name(&self) -> &'static str {
        "sweeps_itself"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(x[0].clone())
    }
    fn forward(&self, x: &[View<'_, f64>], y: &mut [f64]) {
        for ((y, a), b) in y.iter_mut().zip(x[0].iter()).zip(x[1].iter()) {
            *y = a * b;
        }
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, f64>) -> Cotangents<'t, f64> {
        // Not the derivative of a b: what counts is that both inputs get it, and it alone.
        let a = cx.x(0);
        let found = cx.g.tape().grad(a * a, &[a])[0].expect("a * a depends on a");
        cx.each(|_| found)
    }
}

#[test]
fn a_sum_that_a_rule_returns_twice_is_added_to_for_one_input_alone() {
    for n in [1, 3] {
        let tape = Tape::<f64>::new();
        let shape: &[usize] = if n == 1 { &[] } else { &[3] };
        let leaf = |x: f64| tape.leaf(ArrayD::from_elem(shape, x));
        let (a, b) = (leaf(5.0), leaf(7.0));
        // The rule runs first, then 3 is added for a.
        let more = a * 3.0;
        let y = tape.apply(SweepsItself, &[a, b]) + more;
        let grads = tape.backward(y.sum());
        let of = |v| grads.wrt(v).expect("reached").iter().copied().collect::<Vec<f64>>();
        assert_eq!((of(a), of(b)), (vec![13.0; n], vec![10.0; n]));
    }
}

/// What fails leaves nothing behind, no room in the arena either.
#[derive(Debug, PartialEq)]
struct Fails;
impl Op<f64> for Fails {
    fn name(&self) -> &'static str {
        "fails"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(x[0].clone())
    }
    fn forward(&self, _: &[View<'_, f64>], _: &mut [f64]) {
        panic!("as it was told")
    }
    fn vjp<'t>(&self, _: &Vjp<'t, '_, f64>) -> Cotangents<'t, f64> {
        Cotangents::none()
    }
}

#[test]
fn an_op_that_fails_leaves_the_tape_as_it_was() {
    for n in [1, 100, 5_000] {
        let tape = Tape::<f64>::new();
        let x = tape.leaf(vec![1.0; n]);
        let before = (tape.stats().nodes, tape.stats().live_bytes);
        let e = tape.try_apply(Fails, &[x]).expect_err("it fails");
        assert!(e.to_string().contains("its `forward` panicked: as it was told"), "{e}");
        assert_eq!((tape.stats().nodes, tape.stats().live_bytes), before);
    }
}

#[test]
fn a_parameter_under_no_grad_is_a_constant_whether_it_was_used_before_or_not() {
    let (tape, p) = (Tape::<f64>::new(), Param::new("p", [2.0, 3.0]));
    let constant = || tape.no_grad(|| tape.param(&p));
    assert!(!constant().is_tracked());
    let used = tape.param(&p);
    assert!(used.is_tracked() && !constant().is_tracked());
    assert_eq!(tape.param(&p).node(), used.node(), "one leaf for all uses");
    let grads = tape.backward((used * constant()).sum());
    assert_eq!(grads.get(&p).expect("used").as_slice(), Some(&[2.0, 3.0][..]));
}

/// `a sin(b)`, of numbers of any size.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Wave;
impl wengert::Binary for Wave {
    const NAME: &'static str = "wave";
    const GRAD_NAME: &'static str = "wave_grad";
    const BOUND: f64 = 16_777_216.0;
    fn f<R: wengert::Real>(self, a: R, b: R) -> R {
        a * b.sin()
    }
    fn da<R: wengert::Real>(self, _: R, b: R) -> R {
        b.sin()
    }
    fn db<R: wengert::Real>(self, a: R, b: R) -> R {
        a * b.cos()
    }
}

#[test]
fn functions_of_two_large_numbers_are_right_within_their_bound_and_beyond() {
    let large = [0.5, 1e10, 3e15, -2e7];
    let tape = Tape::<f64>::new();
    let (a, b) = (tape.leaf([2.0; 4]), tape.leaf(large));
    let y = a.zip(Wave, b);
    let slopes = tape.grad(y, &[a, b]).into_iter().map(|g| g.expect("depends on both").to_vec()).collect::<Vec<_>>();
    let close = |x: f64, y: f64| assert!((x - y).abs() < 1e-14, "{x} and {y}");
    for (i, x) in large.into_iter().enumerate() {
        close(y.to_vec()[i], 2.0 * x.sin());
        close(slopes[0][i], x.sin());
        close(slopes[1][i], 2.0 * x.cos());
        let (a, b) = (tape.leaf(2.0), tape.leaf(x));
        let grads = tape.backward(a.zip(Wave, b));
        close(grads.wrt(b).expect("depends on b").first().copied().expect("a number"), 2.0 * x.cos());
    }
}

#[test]
fn a_rule_that_sweeps_finds_its_gradient_under_no_grad_too() {
    for n in [1, 3] {
        let tape = Tape::<f64>::new();
        let shape: &[usize] = if n == 1 { &[] } else { &[3] };
        let (a, b) = (tape.leaf(ArrayD::from_elem(shape, 5.0)), tape.leaf(ArrayD::from_elem(shape, 7.0)));
        let y = tape.apply(SweepsItself, &[a, b]).sum();
        let grads = tape.no_grad(|| tape.backward(y));
        assert!(grads.wrt(a).expect("reached").iter().chain(grads.wrt(b).expect("reached")).all(|&g| g == 10.0));
        // By `grad` too, whose nodes stay: they are cut, and lead to no leaf.
        let dy = tape.no_grad(|| tape.grad(y, &[a, b]));
        for g in dy.into_iter().flatten() {
            assert!(g.to_vec() == vec![10.0; n] && !g.is_tracked());
            assert!(tape.grad(g.sum(), &[a])[0].is_none(), "it was found under `no_grad`");
        }
        assert!((a * b).is_tracked());
    }
}

/// An op whose rule panics after it has recorded something.
#[derive(Debug, PartialEq)]
struct FailsLate;
impl Op<f64> for FailsLate {
    fn name(&self) -> &'static str {
        "fails_late"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(x[0].clone())
    }
    fn forward(&self, x: &[View<'_, f64>], y: &mut [f64]) {
        y.iter_mut().zip(x[0].iter()).for_each(|(y, x)| *y = x);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, f64>) -> Cotangents<'t, f64> {
        let _ = cx.g * 2.0;
        panic!("no derivative");
    }
}

#[test]
fn a_sweep_that_fails_leaves_no_nodes() {
    let mut tape = Tape::<f64>::new();
    {
        let x = tape.leaf([1.0, 2.0]);
        let y = tape.apply(FailsLate, &[x * 3.0]).sum();
        let seed = tape.constant(1.0);
        let nodes = tape.nodes().len();
        let sweeps: [&dyn Fn(); 2] = [&|| drop(tape.backward_with(y, seed)), &|| drop(tape.grad_with(y, seed, &[x]))];
        for (more, sweep) in sweeps.into_iter().enumerate() {
            let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(sweep)).expect_err("the rule panics");
            let text = panic.downcast_ref::<String>().expect("a text");
            assert!(text.starts_with("fails_late of [2]") && text.contains("no derivative"), "{text}");
            assert_eq!(tape.nodes().len(), nodes + more);
            assert!((x * x).is_tracked(), "no switch is left on");
        }
    }
    tape.reset();
}
