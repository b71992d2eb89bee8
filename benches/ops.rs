//! Criterion benches of single ops and of small graphs: `cargo bench --bench ops -- matmul`.

use criterion::{BenchmarkId, Criterion, Throughput};
use ndarray::Array2;
use std::hint::black_box;
use wengert::{AvgPoolOptions, MaxPoolOptions, Param, Tape, Var};

/// Rows of numbers between -1 and 1.
fn numbers(rows: usize, cols: usize) -> Param<f32> {
    let mut state = 1u64;
    let next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as f32 / (1u64 << 30) as f32 - 1.0
    };
    Param::new("", Array2::from_shape_simple_fn((rows, cols), next))
}

/// Times the recording of `f` of some arrays, and the reset; the arrays lie on the tape without a copy.
fn forward<const N: usize>(
    b: &mut criterion::Bencher<'_>,
    arrays: &[Param<f32>; N],
    f: impl for<'t> Fn([Var<'t, f32>; N]) -> Var<'t, f32>,
) {
    let mut tape = Tape::new();
    b.iter(|| {
        let x = std::array::from_fn(|i| tape.no_grad(|| tape.param(&arrays[i])));
        black_box(f(x));
        tape.reset();
    });
}

/// Times forward and backward.
fn both<const N: usize>(b: &mut criterion::Bencher<'_>, arrays: &[Param<f32>; N], f: impl for<'t> Fn([Var<'t, f32>; N]) -> Var<'t, f32>) {
    let mut tape = Tape::new();
    b.iter(|| {
        let x = std::array::from_fn(|i| tape.param(&arrays[i]));
        let grads = tape.backward(f(x).sum());
        black_box(&grads);
        tape.recycle(grads);
        tape.reset();
    });
}

fn matmul(c: &mut Criterion) {
    let mut group = c.benchmark_group("matmul");
    let sizes = [(16, 16, 16), (64, 64, 64), (128, 784, 256), (100, 784, 50), (64, 576, 1024), (256, 256, 256), (1024, 1024, 1024)];
    for (m, k, n) in sizes {
        group.throughput(Throughput::Elements(2 * (m * k * n) as u64)); // "elements" a second are floating-point operations
        group.bench_function(BenchmarkId::from_parameter(format!("{m},{k},{n}")), |b| {
            forward(b, &[numbers(m, k), numbers(k, n)], |[a, b]| a.matmul(b));
        });
    }
}

fn elementwise(c: &mut Criterion) {
    let mut group = c.benchmark_group("elementwise");
    for n in [1_000, 1_000_000] {
        group.throughput(Throughput::Elements(n as u64));
        let (x, y) = (numbers(n / 100, 100), numbers(n / 100, 100));
        let (one, two) = ([x.clone()], [x, y]);
        group.bench_function(BenchmarkId::new("add", n), |b| forward(b, &two, |[x, y]| x + y));
        group.bench_function(BenchmarkId::new("add row", n), |b| forward(b, &[two[0].clone(), numbers(1, 100)], |[x, y]| x + y));
        group.bench_function(BenchmarkId::new("add transposed", n), |b| {
            forward(b, &[two[0].clone(), numbers(100, n / 100)], |[x, y]| x + y.t());
        });
        group.bench_function(BenchmarkId::new("exp", n), |b| forward(b, &one, |[x]| x.exp()));
        group.bench_function(BenchmarkId::new("tanh", n), |b| forward(b, &one, |[x]| x.tanh()));
        group.bench_function(BenchmarkId::new("relu", n), |b| forward(b, &one, |[x]| x.relu()));
        group.bench_function(BenchmarkId::new("gelu and gradient", n), |b| both(b, &one, |[x]| x.gelu()));
    }
}

fn rows(c: &mut Criterion) {
    let mut group = c.benchmark_group("rows");
    for (m, n) in [(128, 10), (1000, 1000)] {
        group.throughput(Throughput::Elements((m * n) as u64));
        let x = [numbers(m, n)];
        let id = |name: &str| BenchmarkId::new(name, format!("{m},{n}"));
        group.bench_function(id("softmax"), |b| forward(b, &x, |[x]| x.softmax(-1)));
        group.bench_function(id("log_softmax and gradient"), |b| both(b, &x, |[x]| x.log_softmax(-1)));
        group.bench_function(id("sum"), |b| forward(b, &x, |[x]| x.sum()));
        group.bench_function(id("sum of rows"), |b| forward(b, &x, |[x]| x.sum_axes(0, false)));
        group.bench_function(id("sum of columns"), |b| forward(b, &x, |[x]| x.sum_axes(1, false)));
        group.bench_function(id("amax of columns and gradient"), |b| both(b, &x, |[x]| x.amax(1, false)));
        group.bench_function(id("transpose, copied"), |b| forward(b, &x, |[x]| x.t().reshape([-1])));
    }
}

/// Pools of networks, over (batch, channels, height, width).
fn pooling(c: &mut Criterion) {
    type Pool = for<'t> fn(Var<'t, f32>) -> Var<'t, f32>;
    const STEM: MaxPoolOptions<2> = MaxPoolOptions { stride: Some([2; 2]), padding: [1; 2], dilation: [1; 2], ceil_mode: false };
    const SMOOTH: AvgPoolOptions<2> =
        AvgPoolOptions { stride: Some([2; 2]), padding: [1; 2], ceil_mode: false, count_include_pad: true, divisor_override: None };
    let pools: [(&str, Pool, [isize; 4]); 9] = [
        ("max 2x2", |x| x.max_pool2d([2; 2], Default::default()), [100, 30, 24, 24]),
        ("max 2x2", |x| x.max_pool2d([2; 2], Default::default()), [100, 64, 8, 8]),
        ("max 3x3", |x| x.max_pool2d([3; 2], Default::default()), [100, 30, 24, 24]),
        ("max 3x3, stride 2", |x| x.max_pool2d([3; 2], STEM), [8, 64, 112, 112]),
        ("average 2x2", |x| x.avg_pool2d([2; 2], Default::default()), [100, 30, 24, 24]),
        ("average 3x3, stride 2", |x| x.avg_pool2d([3; 2], SMOOTH), [8, 64, 112, 112]),
        ("average of all", |x| x.adaptive_avg_pool2d([1, 1]), [32, 64, 8, 8]),
        ("max of all", |x| x.adaptive_max_pool2d([1, 1]), [32, 64, 8, 8]),
        ("average to 7x7", |x| x.adaptive_avg_pool2d([7, 7]), [8, 512, 8, 8]),
    ];
    let mut group = c.benchmark_group("pool");
    for (name, pool, shape) in pools {
        let n: isize = shape.iter().product();
        group.throughput(Throughput::Elements(n as u64));
        let x = [numbers((n / shape[3]) as usize, shape[3] as usize)];
        let id = format!("{shape:?}").replace(' ', "");
        group.bench_function(BenchmarkId::new(name, &id), |b| forward(b, &x, |[x]| pool(x.reshape(shape))));
        group.bench_function(BenchmarkId::new(format!("{name} and gradient"), &id), |b| both(b, &x, |[x]| pool(x.reshape(shape))));
    }
}

fn graph(c: &mut Criterion) {
    let mut group = c.benchmark_group("graph");
    group.bench_function("100 scalar additions, recorded", |b| {
        let mut tape = Tape::<f64>::new();
        b.iter(|| {
            let x = tape.leaf(0.5);
            black_box((0..100).fold(x, |y, _| y + x));
            tape.reset();
        });
    });
    group.bench_function("100 scalar additions, recorded and differentiated", |b| {
        let mut tape = Tape::<f64>::new();
        b.iter(|| {
            let x = tape.leaf(0.5);
            let grads = tape.backward((0..100).fold(x, |y, _| y + x));
            tape.recycle(grads);
            tape.reset();
        });
    });
    group.bench_function("tanh to the third derivative", |b| {
        let mut tape = Tape::<f64>::new();
        b.iter(|| {
            let x = tape.leaf(0.5);
            black_box((0..3).fold(x.tanh(), |y, _| tape.grad(y, &[x])[0].expect("it depends on x")).item());
            tape.reset();
        });
    });
}

fn main() {
    // Inside the pool, as a training step should be: from outside, every join costs two context switches.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("threads can be started");
    pool.install(|| {
        let mut c = Criterion::default().configure_from_args();
        matmul(&mut c);
        elementwise(&mut c);
        rows(&mut c);
        pooling(&mut c);
        graph(&mut c);
        c.final_summary();
    });
}
