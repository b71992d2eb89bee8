//! In steady state a training step makes no heap allocation: counted by the global allocator, in every thread that takes part.

use crate::allocator::count_here;
use crate::harness::among_others;
use crate::random::Random;
use std::sync::atomic::{AtomicUsize, Ordering};
use wengert::nn::{self, BatchNorm2d, Dropout, Flatten, Forward, Linear, MaxPool2d, Module, Relu, Sequential};
use wengert::optim::{Adagrad, Adam, OneCycleLr, Optimizer, RmsProp, RmsPropOptions, Scheduler, Sgd, SgdOptions};
use wengert::{Conv2dOptions, Indices, NormOptions, Padding, Param, RunningStats, Scalar, Stats, Tape, Var, init};

#[path = "../benches/workloads/models/mod.rs"]
mod models;

/// Allocations of each of 50 steps after a warm-up, and the tape's counters after the first and after the last of them. Each
/// thread of a pool of its own is counted.
fn steps<F: FnMut() -> Stats>(threads: usize, make: impl FnOnce() -> F + Send) -> (Vec<usize>, Stats, Stats) {
    let _turn = among_others();
    let counter: &'static AtomicUsize = Box::leak(Box::new(AtomicUsize::new(0)));
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .start_handler(move |_| count_here(counter))
        .build()
        .expect("threads can be started");
    pool.install(move || {
        // Which worker takes which part of a product is chance, so each of them makes its packing buffers first.
        rayon::broadcast(|_| {
            large_product::<f32>();
            large_product::<f64>();
        });
        let mut step = make();
        let mut counts = Vec::with_capacity(50);
        let warm = (0..10).map(|_| step()).last().expect("ten steps");
        for _ in 0..50 {
            let before = counter.load(Ordering::SeqCst);
            let stats = step();
            counts.push(counter.load(Ordering::SeqCst) - before);
            assert_eq!(
                (stats.peak_bytes, stats.live_bytes, stats.pool_misses),
                (warm.peak_bytes, warm.live_bytes, warm.pool_misses),
                "every step takes the same memory"
            );
        }
        (counts, warm, step())
    })
}

/// A product large enough to be packed, also when two threads share it.
fn large_product<T: Scalar>() {
    let tape = Tape::<T>::new();
    let x = tape.constant(numbers::<T>(600 * 64, 1)).reshape([600, 64]);
    x.matmul(x.t());
}

/// Seeded numbers between -1 and 1.
fn numbers<T: Scalar>(n: usize, seed: u64) -> Vec<T> {
    let mut random = Random(seed);
    (0..n).map(|_| random.number()).collect()
}

/// Fully connected layers, as weight and bias.
fn layers<T: Scalar>(sizes: &[usize]) -> Vec<[Param<T>; 2]> {
    let layer = |s: &[usize]| {
        let scale = T::from_f64(1.0 / (s[0] as f64).sqrt());
        let w = numbers::<T>(s[0] * s[1], 7).into_iter().map(|x| x * scale).collect();
        let w = ndarray::Array2::from_shape_vec((s[1], s[0]), w).expect("as many as the shape says");
        [Param::new("w", w), Param::new("b", numbers::<T>(s[1], 8))]
    };
    sizes.windows(2).map(layer).collect()
}

fn descend<T: Scalar>(tape: &mut Tape<T>, layers: &[[Param<T>; 2]], loss: impl FnOnce(&Tape<T>) -> wengert::Grads<T>) -> Stats {
    let grads = loss(tape);
    let stats = tape.stats();
    tape.reset();
    for p in layers.iter().flatten() {
        p.update(&grads, |w, g| w.iter_mut().zip(g).for_each(|(w, g)| *w = *w - T::from_f64(0.01) * *g));
    }
    tape.recycle(grads);
    stats
}

fn affine<'t, T: Scalar>(x: Var<'t, T>, [w, b]: &[Param<T>; 2]) -> Var<'t, T> {
    x.linear(x.tape().param(w), x.tape().param(b))
}

fn xor_step<T: Scalar>() -> impl FnMut() -> Stats {
    let layers = layers::<T>(&[2, 8, 1]);
    let mut tape = Tape::<T>::new();
    let (o, l) = (T::ZERO, T::ONE);
    move || {
        descend(&mut tape, &layers, |tape| {
            let (x, t) = (tape.constant([[o, o], [o, l], [l, o], [l, l]]), tape.constant([[o], [l], [l], [o]]));
            let z = affine(affine(x, &layers[0]).tanh(), &layers[1]);
            tape.backward(z.bce_with_logits(t))
        })
    }
}

fn chain_step<T: Scalar>() -> impl FnMut() -> Stats {
    let mut tape = Tape::<T>::new();
    move || {
        descend(&mut tape, &[], |tape| {
            let x = tape.leaf([T::from_f64(0.5)]);
            tape.backward((0..1000).fold(x, |y, _| (y * x + x).tanh()).sum())
        })
    }
}

fn mlp_step<T: Scalar>() -> impl FnMut() -> Stats {
    let layers = layers::<T>(&[784, 256, 128, 10]);
    let targets = Indices::from((0..32).map(|i| i % 10).collect::<Vec<usize>>());
    let x = ndarray::Array2::from_shape_vec((32, 784), numbers::<T>(32 * 784, 3)).expect("as many as the shape says");
    let mut tape = Tape::<T>::new();
    move || {
        descend(&mut tape, &layers, |tape| {
            let h = affine(tape.constant(&x), &layers[0]).relu();
            let z = affine(affine(h, &layers[1]).relu(), &layers[2]);
            tape.backward(z.cross_entropy(&targets))
        })
    }
}

/// Broadcasting, reductions, views, softmax: ops that hold attributes.
fn mixed_step<T: Scalar>() -> impl FnMut() -> Stats {
    let layers = layers::<T>(&[40, 60]);
    let mut tape = Tape::<T>::new();
    move || {
        descend(&mut tape, &layers, |tape| {
            let (w, b) = (tape.param(&layers[0][0]), tape.param(&layers[0][1]));
            let h = (w * b.unsqueeze(-1) + T::from_f64(0.5)).softmax(0);
            let part = h.slice(&wengert::at![1..50; 2, ..]).permute(&[1, 0]).reshape([-1, 5]);
            let max = part.amax(-1, true);
            let y = (part - max).exp().mean_axes(0, false).clamp(0.1, 2.0).powf(1.5);
            tape.backward(y.sum() + h.logsumexp(1, false).mean())
        })
    }
}

/// Convolutions that take each way: large images of few channels, small ones of many, a stride, depthwise, 1 x 1; one with its channels
/// normalized.
fn conv_step<T: Scalar>() -> impl FnMut() -> Stats {
    let w = |seed: u64, shape: [usize; 4]| {
        let values = numbers::<T>(shape.iter().product(), seed).into_iter().map(|x| x * T::from_f64(0.1)).collect();
        let (filters, w) = (shape[0], ndarray::Array4::from_shape_vec(shape, values).expect("as many as the shape says"));
        [Param::new("w", w.into_dyn()), Param::new("b", ndarray::ArrayD::from_elem(vec![filters], T::from_f64(0.1)))]
    };
    let norm = ["weight", "bias"].map(|name| Param::new(name, ndarray::ArrayD::from_elem(vec![16], T::ONE)));
    let layers = [w(1, [16, 3, 3, 3]), w(2, [16, 1, 3, 3]), w(3, [32, 16, 3, 3]), w(4, [40, 32, 3, 3]), w(5, [8, 40, 1, 1]), norm];
    let stats = RunningStats::new(16);
    let x = ndarray::ArrayD::from_shape_vec(vec![8, 3, 16, 16], numbers::<T>(8 * 3 * 256, 6)).expect("as many as the shape says");
    let mut tape = Tape::<T>::new();
    move || {
        descend(&mut tape, &layers, |tape| {
            let same = Conv2dOptions { padding: Padding::Same, ..Default::default() };
            let halve = Conv2dOptions { stride: [2, 2], padding: Padding::Zeros([1, 1]), ..Default::default() };
            let options = [same, Conv2dOptions { groups: 16, ..same }, halve, same, Conv2dOptions::default()];
            let mut h = tape.constant(&x);
            for (i, ([w, b], options)) in layers.iter().zip(options).enumerate() {
                h = h.conv2d(tape.param(w), tape.param(b), options);
                if i == 0 {
                    let [weight, bias] = layers[5].each_ref().map(|p| Some(tape.param(p)));
                    h = h.batch_norm_train(&stats, NormOptions { weight, bias, ..Default::default() });
                }
                h = h.relu();
            }
            tape.backward(h.square().mean())
        })
    }
}

fn nothing_allocates<F: FnMut() -> Stats>(threads: usize, make: impl FnOnce() -> F + Send) {
    let (counts, warm, last) = steps(threads, make);
    assert_eq!(counts.iter().sum::<usize>(), 0, "allocations a step at {threads} threads: {counts:?}");
    assert_eq!((last.pool_misses, last.peak_bytes), (warm.pool_misses, warm.peak_bytes));
}

#[test]
fn a_step_of_the_xor_network_allocates_nothing() {
    nothing_allocates(1, xor_step::<f32>);
    nothing_allocates(1, xor_step::<f64>);
    nothing_allocates(2, xor_step::<f32>);
}

#[test]
fn a_chain_of_scalars_allocates_nothing() {
    nothing_allocates(1, chain_step::<f64>);
    nothing_allocates(1, chain_step::<f32>);
}

#[test]
fn a_step_of_a_network_with_large_products_allocates_nothing() {
    nothing_allocates(1, mlp_step::<f32>);
    nothing_allocates(1, mlp_step::<f64>);
    nothing_allocates(2, mlp_step::<f32>);
    nothing_allocates(2, mlp_step::<f64>);
    nothing_allocates(3, mlp_step::<f32>);
}

#[test]
fn a_step_of_convolutions_allocates_nothing() {
    nothing_allocates(1, conv_step::<f32>);
    nothing_allocates(1, conv_step::<f64>);
    nothing_allocates(2, || {
        // Which worker takes which image is chance, so each of them makes its buffers first.
        rayon::broadcast(|_| conv_step::<f32>()());
        conv_step::<f32>()
    });
}

#[test]
fn views_reductions_and_broadcasts_allocate_nothing() {
    nothing_allocates(1, mixed_step::<f32>);
    nothing_allocates(2, mixed_step::<f64>);
}

/// A step by an optimizer, whose state is made in the first one. The first layer is large enough for several threads.
fn optimizer_step<T: Scalar>(mut optimizer: impl Optimizer<T>) -> impl FnMut() -> Stats {
    let params: Vec<Param<T>> = layers::<T>(&[784, 64, 10]).into_iter().flatten().collect();
    let x = ndarray::Array2::from_shape_vec((8, 784), numbers::<T>(8 * 784, 3)).expect("as many as the shape says");
    let targets = Indices::from([0, 1, 2, 3, 4, 5, 6, 7]);
    let mut tape = Tape::<T>::new();
    move || {
        let [w1, b1, w2, b2] = [0, 1, 2, 3].map(|i| tape.param(&params[i]));
        let loss = tape.constant(&x).linear(w1, b1).tanh().linear(w2, b2).cross_entropy(&targets);
        let grads = tape.backward(loss);
        let stats = tape.stats();
        tape.reset();
        optimizer.step(&params, &grads);
        tape.recycle(grads);
        stats
    }
}

#[test]
fn optimizers_allocate_nothing_after_their_first_step() {
    for threads in [1, 2] {
        nothing_allocates(threads, || optimizer_step::<f32>(Adam::new(1e-3)));
        nothing_allocates(threads, || optimizer_step::<f64>(Sgd::new(1e-2)));
        nothing_allocates(threads, || optimizer_step::<f32>(Adagrad::new(1e-2)));
        let options = RmsPropOptions { centered: true, momentum: 0.9, ..Default::default() };
        nothing_allocates(threads, || {
            optimizer_step::<f64>(RmsProp::with(options).group([&Param::new("w", [0.0])], RmsPropOptions::default()))
        });
        nothing_allocates(threads, || optimizer_step::<f32>(Sgd::with(SgdOptions { lr: 1e-2, momentum: 0.9, ..Default::default() })));
    }
}

/// A network of modules, its optimizer and the schedule of that.
fn module_step() -> impl FnMut() -> Stats {
    let rng = &mut init::seeded(1);
    let model: Sequential = Sequential::new()
        .push(nn::Conv2d::new(1, 8, [3, 3], rng))
        .push(BatchNorm2d::new(8))
        .push(Relu)
        .push(MaxPool2d::new([2, 2]))
        .push(Flatten)
        .push(Dropout::new(0.3, rng))
        .push(Linear::new(8 * 49, 10, rng));
    let mut optimizer = Adam::adamw(1e-3);
    let mut schedule = Scheduler::new(&mut optimizer, OneCycleLr::new(1e-3, 100));
    let (params, mut tape) = (model.parameters(), Tape::new());
    let x = ndarray::ArrayD::from_shape_vec(vec![4, 1, 16, 16], numbers::<f32>(4 * 256, 6)).expect("as many as the shape says");
    let targets = Indices::from([0, 1, 2, 3]);
    move || {
        let grads = tape.backward(model.forward(tape.constant(&x)).cross_entropy(&targets));
        tape.reset();
        optimizer.step(&params, &grads);
        tape.recycle(grads);
        schedule.step(&mut optimizer);
        tape.stats()
    }
}

#[test]
fn modules_allocate_nothing() {
    let (counts, ..) = steps(1, module_step);
    assert_eq!(counts.iter().sum::<usize>(), 0, "{counts:?}");
}

/// A step of one of the timed workloads.
fn workload_step<T: Scalar>(name: &str, size: usize) -> impl FnMut() -> Stats + use<T> {
    let mut workload = models::Workload::<T>::new(name, size);
    move || {
        workload.step(|_, _| ());
        workload.tape.stats()
    }
}

#[test]
fn workloads_allocate_nothing() {
    for (name, size) in models::WORKLOADS {
        let size = match name {
            "hvp" => continue, // the list of gradients that it asks for is its own: see below
            "elementwise_f32" | "elementwise_f64" => 100_000,
            "simple_conv" | "deep_conv" => 8,
            "resnet20" => 4,
            "resnet18" => 1,
            _ => size,
        };
        nothing_allocates(1, || workload_step::<f32>(name, size));
        nothing_allocates(2, || {
            // Which worker takes which task is chance, so each of them makes its buffers first.
            rayon::broadcast(|_| workload_step::<f32>(name, size)());
            workload_step::<f32>(name, size)
        });
    }
    nothing_allocates(2, || workload_step::<f64>("elementwise_f64", 100_000));
}

#[test]
fn kept_gradients_allocate_only_the_list_that_is_returned() {
    let (counts, warm, last) = steps(1, || {
        let layers = layers::<f64>(&[6, 6, 3]);
        let x = ndarray::Array2::from_shape_vec((4, 6), numbers::<f64>(24, 3)).expect("as many as the shape says");
        let targets = Indices::from([0, 1, 2, 0]);
        let mut tape = Tape::<f64>::new();
        move || {
            let params = [0, 1, 2, 3].map(|i| tape.param(&layers[i / 2][i % 2]));
            let z = affine(affine(tape.constant(&x), &layers[0]).tanh(), &layers[1]);
            let gradient = tape.grad(z.cross_entropy(&targets), &params);
            let squares: Var<'_, f64> = gradient.iter().map(|g| g.expect("used").square().sum()).sum();
            tape.recycle(tape.backward(squares));
            let stats = tape.stats();
            tape.reset();
            stats
        }
    });
    assert!(counts.iter().all(|&n| n == 1), "{counts:?}");
    assert_eq!((last.pool_misses, last.peak_bytes), (warm.pool_misses, warm.peak_bytes));
}

#[test]
fn gradient_stores_that_are_recycled_but_were_not_lent_are_not_piled_up() {
    nothing_allocates(1, || {
        let mut tape = Tape::<f64>::new();
        let p = Param::new("p", [1.0, 2.0]);
        move || {
            let grads = tape.backward(tape.param(&p).square().sum());
            tape.reset();
            tape.recycle(grads);
            tape.recycle(wengert::Grads::default());
            tape.stats()
        }
    });
}

#[test]
fn the_counter_counts() {
    let (counts, ..) = steps(1, || {
        || {
            std::hint::black_box(vec![1, 2, 3]);
            Stats::default()
        }
    });
    assert!(counts.iter().all(|&n| n == 1), "{counts:?}");
}
