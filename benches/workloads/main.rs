//! Times whole training steps: forward, backward, parameter update.
//!
//! `cargo bench --bench workloads -- [--json] [--only NAME,..] [--seconds S] [--threads N]`
//!
//! With `--json` each workload prints one line, `{"workload": name, "min_us": x, "median_us": y}`; without it a table. The steps have
//! the same maths as those of the scripts that time other libraries: data and weights are seeded, targets are prepared outside the
//! step, networks are in f32.

mod networks;

use networks::{DeepConv, Network, ResNet, SimpleConv};
use std::hint::black_box;
use std::time::Instant;
use wengert::optim::{Adam, Optimizer, Sgd};
use wengert::{Indices, Param, Tape, Var};

struct Options {
    json: bool,
    only: Vec<String>,
    seconds: f64,
    threads: usize,
}

/// Times one workload and prints its line.
type Run = fn(&str, &Options);

const WORKLOADS: [(&str, Run); 11] = [
    ("scalar_chain", |n, o| scalar_chain(n, o)),
    ("xor_mlp", |n, o| xor_mlp(n, o)),
    ("hvp", |n, o| hvp(n, o)),
    ("mlp", |n, o| mlp(n, o, Sgd::new(0.01))),
    ("mlp_adam", |n, o| mlp(n, o, Adam::new(1e-3))),
    ("elementwise_f32", |n, o| elementwise_f32(n, o)),
    ("elementwise_f64", |n, o| elementwise_f64(n, o)),
    ("simple_conv", |n, o| network(n, o, SimpleConv::new, [100, 1, 28, 28])),
    ("deep_conv", |n, o| network(n, o, DeepConv::new, [100, 1, 28, 28])),
    ("resnet20", |n, o| network(n, o, |r| ResNet::new(r, &[16, 32, 64], 3), [32, 3, 32, 32])),
    ("resnet18", |n, o| network(n, o, |r| ResNet::new(r, &[64, 128, 256, 512], 2), [16, 3, 32, 32])),
];

fn main() {
    let options = options();
    for name in &options.only {
        if !WORKLOADS.iter().any(|(n, _)| n == name) {
            eprintln!("no workload {name}: there are {}", WORKLOADS.map(|(n, _)| n).join(", "));
            std::process::exit(2);
        }
    }
    if !options.json {
        println!("{:<18} {:>12} {:>12}   (us a step, {} threads)", "workload", "least", "median", options.threads);
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads).build().expect("threads can be started");
    pool.install(|| {
        for (name, run) in WORKLOADS {
            if options.only.is_empty() || options.only.iter().any(|n| n == name) {
                run(name, &options);
            }
        }
    });
}

fn options() -> Options {
    let mut options = Options { json: false, only: Vec::new(), seconds: 1.0, threads: 2 };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().unwrap_or_else(|| usage(&format!("{arg} needs a value")));
        match arg.as_str() {
            "--json" => options.json = true,
            "--only" => options.only = value().split(',').filter(|n| !n.is_empty()).map(String::from).collect(),
            "--seconds" => options.seconds = value().parse().unwrap_or_else(|_| usage("--seconds needs a number")),
            "--threads" => options.threads = value().parse().unwrap_or_else(|_| usage("--threads needs a whole number")),
            "--bench" => {} // cargo says so
            other => usage(&format!("unknown argument {other}")),
        }
    }
    options
}

fn usage(problem: &str) -> ! {
    eprintln!("{problem}\nusage: workloads [--json] [--only NAME,..] [--seconds S] [--threads N]");
    std::process::exit(2);
}

/// Runs a step again and again and prints the least and the median time.
fn measure(name: &str, options: &Options, mut step: impl FnMut()) {
    for _ in 0..3 {
        step();
    }
    let (start, mut times) = (Instant::now(), Vec::with_capacity(1 << 20));
    while times.len() < 5 || start.elapsed().as_secs_f64() < options.seconds {
        let step_start = Instant::now();
        step();
        times.push(step_start.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_unstable_by(f64::total_cmp);
    let (least, median) = (times[0], times[times.len() / 2]);
    if options.json {
        println!("{{\"workload\": \"{name}\", \"min_us\": {least:.3}, \"median_us\": {median:.3}}}");
    } else {
        println!("{name:<18} {least:>12.2} {median:>12.2}   {} steps", times.len());
    }
}

// --------------------------------------------------------------------------------------------------------- workloads

/// 1000 times `y = tanh(y * x + x)`: value and gradient.
fn scalar_chain(name: &str, options: &Options) {
    let mut tape = Tape::<f32>::new();
    measure(name, options, || {
        let x = tape.leaf(0.5);
        let mut y = x;
        for _ in 0..1000 {
            y = (y * x + x).tanh();
        }
        let grads = tape.backward(y);
        black_box((y.item(), grads.wrt(x).expect("y depends on x").first()));
        tape.recycle(grads);
        tape.reset();
    });
}

/// 2-8-1, tanh, batch 4, mean binary cross entropy with logits, SGD.
fn xor_mlp(name: &str, options: &Options) {
    let mut random = Random::new(1);
    let layers = random.layers(&[2, 8, 1]);
    let params = params(&layers);
    let (xs, ts) = ([[0.0f32, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [[0.0f32], [1.0], [1.0], [0.0]]);
    let mut optimizer = Sgd::new(0.01);
    let mut tape = Tape::<f32>::new();
    measure(name, options, || {
        let (x, t) = (tape.constant(xs), tape.constant(ts));
        let h = layers[0].of(&tape, x).tanh();
        let loss = layers[1].of(&tape, h).bce_with_logits(t);
        black_box(loss.item());
        let grads = tape.backward(loss);
        tape.reset();
        optimizer.step(&params, &grads);
        tape.recycle(grads);
    });
}

/// The Hessian of a 64-64-10 tanh network's mean cross entropy (batch 32), times a vector.
fn hvp(name: &str, options: &Options) {
    let mut random = Random::new(2);
    let layers = random.layers(&[64, 64, 10]);
    let directions = params(&layers).iter().map(|p| random.normal(p.shape())).collect::<Vec<_>>();
    let (x, t) = (random.normal(&[32, 64]), random.classes(32));
    let mut tape = Tape::<f32>::new();
    measure(name, options, || {
        let h = layers[0].of(&tape, data(&tape, &x)).tanh();
        let loss = layers[1].of(&tape, h).cross_entropy(&t);
        let params = [&layers[0].w, &layers[0].b, &layers[1].w, &layers[1].b].map(|p| tape.param(p));
        let gradient = tape.grad(loss, &params);
        let along = gradient.iter().zip(&directions).map(|(g, v)| (g.expect("used") * data(&tape, v)).sum());
        let products = tape.backward(along.sum::<Var<'_, f32>>());
        black_box(products.slice(&layers[0].w).expect("used")[0]);
        tape.recycle(products);
        tape.reset();
    });
}

/// 784-256-128-10, relu, batch 128, mean cross entropy.
fn mlp(name: &str, options: &Options, mut optimizer: impl Optimizer<f32>) {
    let mut random = Random::new(3);
    let layers = random.layers(&[784, 256, 128, 10]);
    let params = params(&layers);
    let (x, t) = (random.normal(&[128, 784]), random.classes(128));
    let mut tape = Tape::<f32>::new();
    measure(name, options, || {
        let h = layers[0].of(&tape, data(&tape, &x)).relu();
        let h = layers[1].of(&tape, h).relu();
        let loss = layers[2].of(&tape, h).cross_entropy(&t);
        black_box(loss.item());
        let grads = tape.backward(loss);
        tape.reset();
        optimizer.step(&params, &grads);
        tape.recycle(grads);
    });
}

/// A convolutional network on a batch of images, mean cross entropy, SGD.
fn network<N: Network>(name: &str, options: &Options, new: impl FnOnce(&mut Random) -> N, shape: [usize; 4]) {
    let mut random = Random::new(5);
    let mut network = new(&mut random);
    let params = network.params();
    let (x, t) = (random.normal(&shape), random.classes(shape[0]));
    let (mut optimizer, mut tape) = (Sgd::new(0.01), Tape::<f32>::new());
    measure(name, options, || {
        let loss = network.logits(&tape, data(&tape, &x)).cross_entropy(&t);
        black_box(loss.item());
        let grads = tape.backward(loss);
        tape.reset();
        optimizer.step(&params, &grads);
        tape.recycle(grads);
    });
}

/// sum(sigmoid(x) * tanh(x) + exp(-x * x)) over a million elements: value and gradient.
macro_rules! elementwise {
    ($name:ident, $T:ty) => {
        fn $name(name: &str, options: &Options) {
            let mut random = Random::new(4);
            let x: Vec<$T> = (0..1_000_000).map(|_| random.gauss() as $T).collect();
            let x = Param::<$T>::new("x", x);
            let mut tape = Tape::<$T>::new();
            measure(name, options, || {
                let v = tape.param(&x);
                let y = (v.sigmoid() * v.tanh() + (-v * v).exp()).sum();
                let grads = tape.backward(y);
                black_box((y.item(), grads.slice(&x).expect("used")[0]));
                tape.recycle(grads);
                tape.reset();
            });
        }
    };
}
elementwise!(elementwise_f32, f32);
elementwise!(elementwise_f64, f64);

// ---------------------------------------------------------------------------------------------------------- the parts

/// An array that lies outside the tape, on it without a copy and without a gradient.
fn data<'t>(tape: &'t Tape<f32>, array: &Param<f32>) -> Var<'t, f32> {
    tape.no_grad(|| tape.param(array))
}

struct Layer {
    w: Param<f32>,
    b: Param<f32>,
}

fn params(layers: &[Layer]) -> Vec<Param<f32>> {
    layers.iter().flat_map(|l| [l.w.clone(), l.b.clone()]).collect()
}

impl Layer {
    fn of<'t>(&self, tape: &'t Tape<f32>, x: Var<'t, f32>) -> Var<'t, f32> {
        x.linear(tape.param(&self.w), tape.param(&self.b))
    }
}

/// A small seeded generator (splitmix64): the bench shall not depend on how another crate draws its numbers.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Random {
        Random(seed)
    }
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    /// In (0, 1).
    fn unit(&mut self) -> f64 {
        ((self.bits() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }
    fn gauss(&mut self) -> f64 {
        (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }
    fn array(&mut self, shape: &[usize], mut draw: impl FnMut(&mut Random) -> f64) -> Param<f32> {
        Param::new("", ndarray::ArrayD::from_shape_simple_fn(shape, || draw(self) as f32))
    }
    fn normal(&mut self, shape: &[usize]) -> Param<f32> {
        self.array(shape, Random::gauss)
    }
    fn classes(&mut self, n: usize) -> Indices {
        Indices::from((0..n).map(|_| (self.bits() % 10) as i64).collect::<Vec<i64>>())
    }
    /// Fully connected layers, with the usual uniform start.
    fn layers(&mut self, sizes: &[usize]) -> Vec<Layer> {
        let layer = |s: &[usize]| {
            let bound = 1.0 / (s[0] as f64).sqrt();
            let draw = |r: &mut Random| bound * (2.0 * r.unit() - 1.0);
            Layer { w: self.array(&[s[1], s[0]], draw), b: self.array(&[s[1]], draw) }
        };
        sizes.windows(2).map(layer).collect()
    }
}
