//! Matrix products in GFLOP/s: `cargo bench --bench gemm -- [--json] [--seconds S]`; `benches/gemm.py` prints them beside PyTorch's.
//!
//! The least of many times, through the public API: recording one product on a tape, and the reset. `linear` is the product that is
//! added to what stands there already (the bias), `batched` the one of several pairs of matrices.

use std::time::Instant;
use wengert::{Param, Scalar, Tape, Var};

/// m, k, n.
const SIZES: [[usize; 3]; 9] = [
    [16, 16, 16],
    [64, 64, 64],
    [128, 784, 256],
    [100, 784, 50],
    [64, 576, 1024],
    [256, 256, 256],
    [1024, 1024, 1024],
    [1024, 1024, 1],
    [1, 1024, 1024],
];
const LINEAR: [[usize; 3]; 2] = [[128, 784, 256], [256, 256, 256]];
/// Batch, m, k, n.
const BATCHED: [[usize; 4]; 3] = [[256, 16, 16, 16], [64, 64, 64, 64], [8, 256, 256, 256]];

struct Bench {
    json: bool,
    seconds: f64,
}

/// Numbers between -0.5 and 0.5.
fn numbers<T: Scalar>(shape: &[usize]) -> Param<T> {
    let mut state = 1u32;
    let next = || {
        state = state.wrapping_mul(1664525).wrapping_add(1013904223);
        T::from_f64((state >> 8) as f64 / (1 << 24) as f64 - 0.5)
    };
    Param::new("", ndarray::ArrayD::from_shape_simple_fn(shape, next))
}

impl Bench {
    /// Measures products of these arrays, each `work` multiply-adds, and prints a line.
    fn product<T: Scalar, const N: usize>(
        &self,
        case: &str,
        size: &[usize],
        arrays: [Param<T>; N],
        f: impl for<'t> Fn([Var<'t, T>; N]) -> Var<'t, T>,
    ) {
        let flops = 2.0 * size.iter().product::<usize>() as f64;
        // Many small products between two looks at the clock.
        let times = (2e6 / flops).ceil().min(1000.0) as usize;
        let mut tape = Tape::<T>::new();
        let (start, mut least) = (Instant::now(), f64::INFINITY);
        while start.elapsed().as_secs_f64() < self.seconds {
            let before = Instant::now();
            for _ in 0..times {
                tape.no_grad(|| f(std::array::from_fn(|i| tape.param(&arrays[i]))));
                tape.reset();
            }
            least = least.min(before.elapsed().as_secs_f64() / times as f64);
        }
        let (size, gflops) = (size.iter().map(usize::to_string).collect::<Vec<_>>().join(","), flops / least / 1e9);
        let threads = rayon::current_num_threads();
        if self.json {
            println!(r#"{{"case": "{case}", "size": "{size}", "type": "{}", "threads": {threads}, "gflops": {gflops:.1}}}"#, T::NAME);
        } else {
            println!("{case:<8} {size:<16} {}  {threads} threads {gflops:>8.1} GFLOP/s", T::NAME);
        }
    }

    fn all<T: Scalar>(&self) {
        for size @ [m, k, n] in SIZES {
            self.product::<T, 2>("product", &size, [numbers(&[m, k]), numbers(&[k, n])], |[a, b]| a.matmul(b));
        }
        for size @ [m, k, n] in LINEAR {
            let arrays = [numbers(&[m, k]), numbers(&[n, k]), numbers(&[n])];
            self.product::<T, 3>("linear", &size, arrays, |[x, w, b]| x.linear(w, b));
        }
        for size @ [batch, m, k, n] in BATCHED {
            self.product::<T, 2>("batched", &size, [numbers(&[batch, m, k]), numbers(&[batch, k, n])], |[a, b]| a.matmul(b));
        }
    }
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let seconds = args.iter().position(|a| a == "--seconds").and_then(|i| args.get(i + 1)?.parse().ok());
    let bench = Bench { json: args.iter().any(|a| a == "--json"), seconds: seconds.unwrap_or(0.2) };
    for threads in [1, 2] {
        // Inside the pool, as a training step should be.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started");
        pool.install(|| {
            bench.all::<f32>();
            bench.all::<f64>();
        });
    }
}
