//! Convolution layers, each pass beside the same as patches and a matrix product, in GFLOP/s: `cargo bench --bench conv -- B G`.
//!
//! The least of many times, in f32 on two threads. The gradients of the fallback find the patches already laid out.

use std::time::{Duration, Instant};
use wengert::{Conv2dOptions, Padding, Param, Tape, Var};

struct Layer {
    name: &'static str,
    batch: usize,
    channels: usize,
    filters: usize,
    size: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
}

#[rustfmt::skip]
const LAYERS: [(&str, [usize; 7]); 15] = [
    ("A", [100, 1, 30, 28, 5, 1, 0]),
    ("B", [100, 16, 16, 28, 3, 1, 1]),
    ("C", [100, 32, 32, 14, 3, 1, 2]),
    ("D", [100, 64, 64, 8, 3, 1, 1]),
    ("E", [32, 16, 16, 32, 3, 1, 1]),
    ("F", [32, 64, 64, 8, 3, 1, 1]),
    ("G", [16, 64, 64, 32, 3, 1, 1]),
    ("H", [16, 256, 256, 8, 3, 1, 1]),
    ("I", [16, 128, 256, 16, 3, 2, 1]),
    ("J", [16, 512, 512, 4, 3, 1, 1]),
    ("K", [4, 64, 64, 64, 7, 1, 3]),
    ("L", [4, 64, 64, 8, 7, 1, 3]),
    ("M", [16, 64, 64, 16, 5, 1, 2]),
    ("N", [16, 64, 64, 16, 4, 1, 1]),
    ("O", [16, 128, 128, 16, 3, 1, 1]),
];

/// How long each measurement goes on.
const LIMIT: Duration = Duration::from_millis(500);

/// Numbers between -0.5 and 0.5.
fn numbers(name: &str, shape: &[usize]) -> Param<f32> {
    let mut state = 1u32;
    let next = || {
        state = state.wrapping_mul(1664525).wrapping_add(1013904223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    Param::new(name, ndarray::ArrayD::from_shape_simple_fn(shape, next))
}

impl Layer {
    fn options(&self) -> Conv2dOptions {
        let padding = Padding::Zeros([self.padding; 2]);
        Conv2dOptions { stride: [self.stride; 2], padding, ..Default::default() }
    }
    fn output(&self) -> usize {
        (self.size + 2 * self.padding - self.kernel) / self.stride + 1
    }
    /// Floating-point operations of each pass.
    fn work(&self) -> f64 {
        let [places, depth] = [self.output().pow(2), self.channels * self.kernel.pow(2)];
        2.0 * (self.batch * self.filters * places * depth) as f64
    }
    fn conv<'t>(&self, x: Var<'t>, w: Var<'t>) -> Var<'t> {
        x.conv2d(w, None, self.options())
    }
    fn by_patches<'t>(&self, x: Var<'t>, w: Var<'t>) -> Var<'t> {
        let (size, filters) = (self.output() as isize, self.filters as isize);
        let columns = x.im2col([self.kernel; 2], self.options());
        w.reshape([filters, -1]).matmul(columns).reshape([self.batch as isize, filters, size, size])
    }

    /// GFLOP/s of the output, the gradient by the input and that by the weights.
    fn measure(&self, f: impl for<'t> Fn(Var<'t>, Var<'t>) -> Var<'t>) -> [f64; 3] {
        let x = numbers("x", &[self.batch, self.channels, self.size, self.size]);
        let w = numbers("w", &[self.filters, self.channels, self.kernel, self.kernel]);
        let g = numbers("g", &[self.batch, self.filters, self.output(), self.output()]);
        let mut tape = Tape::<f32>::new();
        let mut least = [f64::INFINITY; 3];
        for (pass, least) in least.iter_mut().enumerate() {
            let start = Instant::now();
            while start.elapsed() < LIMIT {
                let [x, w] = [&x, &w].map(|p| tape.param(p));
                let g = tape.no_grad(|| tape.param(&g));
                let before = Instant::now();
                let y = f(x, w);
                let recorded = Instant::now();
                if pass > 0 {
                    let _ = tape.grad_with(y, g, &[[x, w][pass - 1]]);
                }
                let time = if pass > 0 { recorded.elapsed() } else { recorded - before };
                *least = least.min(time.as_secs_f64());
                tape.reset();
            }
        }
        least.map(|seconds| self.work() / seconds / 1e9)
    }
}

fn main() {
    let only: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    // Inside the pool, as a training step should be.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("threads can be started");
    pool.install(|| {
        println!("GFLOP/s            output       by input      by weight     (in brackets: as patches and a product)");
        for (name, [batch, channels, filters, size, kernel, stride, padding]) in LAYERS {
            let layer = Layer { name, batch, channels, filters, size, kernel, stride, padding };
            if !only.is_empty() && !only.iter().any(|o| o == layer.name) {
                continue;
            }
            let (direct, patches) = (layer.measure(|x, w| layer.conv(x, w)), layer.measure(|x, w| layer.by_patches(x, w)));
            print!("{name} ({filters:>3} of {channels:>3})");
            for (a, b) in direct.iter().zip(patches) {
                print!("   {a:>5.0} ({b:>4.0})");
            }
            println!();
        }
    });
}
