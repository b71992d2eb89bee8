//! Does everything that divides work give the same bits at any number of threads? Random shapes, also with axes of 0, 1 and primes, at 1 to 64
//! threads. A place in the source that divides work and is not reached fails the test too.

use crate::{
    AvgPoolOptions, Conv2dOptions, Conv3dOptions, GridSampleOptions, InterpolateMode, InterpolateOptions, LpPoolOptions, MaxPoolOptions,
    NormOptions, Padding, Param, RunningStats, Scalar, SparseMatrix, Tape, TriangularOptions, UpdateRule, Var,
};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::panic::Location;
use std::path::Path;
use std::sync::{Mutex, OnceLock};

// ------------------------------------------------------------------------------------------------------ what is watched

thread_local! {
    /// Whether this thread belongs to a pool of these tests.
    static WATCHED: Cell<bool> = const { Cell::new(false) };
}
/// The file and line of each place that divided work on a watched thread.
static DIVIDED: Mutex<BTreeSet<(String, u32)>> = Mutex::new(BTreeSet::new());

/// Called where work is divided.
#[track_caller]
pub(super) fn divided() {
    if WATCHED.get() {
        let at = Location::caller();
        DIVIDED.lock().unwrap().insert((at.file().replace('\\', "/"), at.line()));
    }
}

/// Runs something on so many threads.
fn on<R: Send>(threads: usize, f: impl FnOnce() -> R + Send) -> R {
    static POOLS: [OnceLock<rayon::ThreadPool>; 65] = [const { OnceLock::new() }; 65];
    let start = || {
        let builder = rayon::ThreadPoolBuilder::new().num_threads(threads).start_handler(|_| WATCHED.set(true));
        builder.build().expect("threads can be started")
    };
    POOLS[threads].get_or_init(start).install(f)
}

// --------------------------------------------------------------------------------------------------------- what is drawn

/// Random sizes and arrays on a tape.
struct Draw<'t, T: Scalar> {
    tape: &'t Tape<T>,
    state: u64,
    /// Which of the rounds of its case this is.
    round: u64,
    leaves: Vec<Var<'t, T>>,
}

const SIZES: [usize; 20] = [0, 1, 2, 3, 5, 7, 8, 9, 13, 16, 17, 31, 32, 33, 61, 64, 97, 128, 257, 509];

impl<'t, T: Scalar> Draw<'t, T> {
    fn below(&mut self, n: usize) -> usize {
        // SplitMix64.
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) % n as u64) as usize
    }
    fn one_of<A: Copy>(&mut self, all: &[A]) -> A {
        all[self.below(all.len())]
    }
    /// A size from 1 on.
    fn size(&mut self, most: usize) -> usize {
        let fitting = SIZES.iter().filter(|&&n| (1..=most).contains(&n)).count();
        SIZES[1 + self.below(fitting)]
    }
    /// A shape of about so many elements, now and then with a 0.
    fn shape(&mut self, rank: usize, total: usize) -> Vec<usize> {
        let mut left = total / 2 + self.below(total);
        let mut shape: Vec<usize> = (1..rank)
            .map(|_| {
                let n = self.size((left / 2).clamp(1, 400));
                left /= n;
                n
            })
            .collect();
        shape.insert(self.below(rank), left.max(1));
        if self.below(16) == 0 {
            let at = self.below(rank);
            shape[at] = 0;
        }
        shape
    }
    fn array(&mut self, shape: &[usize], low: f64, high: f64) -> ndarray::ArrayD<T> {
        ndarray::ArrayD::from_shape_simple_fn(shape, || T::from_f64(low + (high - low) * self.below(1 << 20) as f64 / (1 << 20) as f64))
    }
    /// A leaf of numbers from -2 to 2, or seen as the transpose of one.
    fn leaf(&mut self, shape: &[usize]) -> Var<'t, T> {
        let n = shape.len();
        if n < 2 || self.below(3) > 0 {
            return self.plain(shape);
        }
        let (a, b) = (self.below(n), self.below(n));
        let mut swapped = shape.to_vec();
        swapped.swap(a, b);
        self.plain(&swapped).transpose(a as isize, b as isize)
    }
    fn plain(&mut self, shape: &[usize]) -> Var<'t, T> {
        let values = self.array(shape, -2.0, 2.0);
        self.leaves.push(self.tape.leaf(values));
        self.leaves[self.leaves.len() - 1]
    }
    fn axis(&mut self, x: Var<'t, T>) -> isize {
        self.below(x.shape().len()) as isize
    }
    fn axes(&mut self, x: Var<'t, T>) -> Vec<isize> {
        let rank = x.shape().len();
        let chosen = 1 + self.below((1 << rank) - 1);
        (0..rank).filter(|a| chosen >> a & 1 == 1).map(|a| a as isize).collect()
    }
}

// ------------------------------------------------------------------------------------------------------- what is computed

type Case<T> = for<'t> fn(&mut Draw<'t, T>) -> Var<'t, T>;

/// Graphs whose kernels divide work.
fn cases<T: Scalar>() -> Vec<(&'static str, Case<T>)> {
    vec![
        ("product", product),
        ("thin product", thin_product),
        ("batch of products", products),
        ("elementwise", elementwise),
        ("waiting chain", chain),
        ("reduction", reduction),
        ("reduction of a function", fold),
        ("softmax", softmax),
        ("layer norm", layer_norm),
        ("batch norm", batch_norm),
        ("scan", scan),
        ("order", order),
        ("pool", pool),
        ("convolution", conv),
        ("depthwise convolution", depthwise),
        ("correlation", correlation),
        ("patches", patches),
        ("linear algebra", linear_algebra),
        ("resampling", resampling),
        ("sparse product", sparse),
        ("copy of a view", copy_of_view),
        ("update", update),
        ("norms in units", norms_in_units),
    ]
}

fn product<'t, T: Scalar>(d: &mut Draw<'t, T>) -> Var<'t, T> {
    let (m, n) = (d.one_of(&SIZES[..18]), d.one_of(&SIZES[..18]));
    let k = if d.below(12) == 0 { 0 } else { 400_000 / (m * n).max(400) + d.below(5) };
    let (a, b) = (d.leaf(&[m, k]), d.leaf(&[k, n]));
    a.matmul(b)
}

/// Of few vectors of columns, or of few rows: where there may be fewer pieces than threads.
fn thin_product<'t, T: Scalar>(d: &mut Draw<'t, T>) -> Var<'t, T> {
    let (m, n) = (d.size(40), d.size(40));
    let k = 700 + d.below(400);
    let (x, w, b) = (d.leaf(&[m, k]), d.leaf(&[n, k]), d.leaf(&[n]));
    x.linear(w, b)
}

fn products<'t, T: Scalar>(d: &mut Draw<'t, T>) -> Var<'t, T> {
    let (batch, m, n) = (d.one_of(&SIZES[..17]), d.one_of(&SIZES[..12]), d.size(33));
    let k = 300_000 / (batch * m * n).max(300) + d.below(3);
    let (a, b) = (d.leaf(&[batch, m, k]), d.leaf(&[batch, k, n]));
    a.matmul(b)
}

fn elementwise<'t, T: Scalar>(d: &mut Draw<'t, T>) -> Var<'t, T> {
    let shape = d.shape(3, 150_000);
    let (x, y) = (d.leaf(&shape), d.leaf(&shape));
    let last = d.leaf(&shape[2..]);
    // (Also a view, whose cotangent is added to that of the whole in place.)
    x.exp() * y.transpose(0, 1).tanh().transpose(0, 1) + last * y + x.flip([0]).contiguous()
}

fn chain<'t, T: Scalar>(d: &mut Draw<'t, T>) -> Var<'t, T> {
    let n = 120_000 + d.below(150_000);
    let (x, y) = (d.plain(&[n]), d.plain(&[n]));
    let z = x.sigmoid() * y.tanh() + (-x.square()).exp();
    z * z.mean()
}

fn reduction<'t, T: Scalar>(d: &mut Draw<'t, T>) -> Var<'t, T> {
    let rank = 1 + d.below(4);
    let shape = d.shape(rank, 90_000);
    let x = d.leaf(&shape);
    let (kind, axes) = (d.below(4), d.axes(x));
    match kind {
        0 if !shape.contains(&0) => x.amax(&axes[..], false),
        1 => x.sum(),
        2 => x.mean_axes(&axes[..], true),
        _ => x.sum_axes(&axes[..], false),
    }
}

fn fold<'t, T: Scalar>(d: &mut Draw<'t, T>) -> Var<'t, T> {
    let rank = 1 + d.below(4);
    let shape = d.shape(rank, 90_000);
    let x = d.leaf(&shape);
    let axes = d.axes(x);
    match d.below(4) {
        0 => x.vector_norm(3.0, &axes[..], false),
        1 => x.vector_norm(1.0, .., false),
        2 => x.logsumexp(&axes[..], false),
        _ => x.var(&axes[..], 0.0, true),
    }
}

/// Of rows whose squares are below the type.
fn norms_in_units<'t, T: Scalar>(d: &mut Draw<'t, T>) -> Var<'t, T> {
    let shape = [4000 + d.below(2000), 3 + d.below(6)];
    let small = T::from_f64(if size_of::<T>() == size_of::<f32>() { 1e-30 } else { 1e-200 });
    (d.leaf(&shape) * small).vector_norm(2.0, -1, false)
}

fn softmax<'t, T: Scalar>(d: &mut Draw<'t, T>) -> Var<'t, T> {
    let shape = d.shape(2, 70_000);
    let x = d.leaf(&shape);
    let axis = d.axis(x);
    if d.below(2) == 0 { x.softmax(axis) } else { x.log_softmax(axis) }
}

fn layer_norm<'t, T: Scalar>(d: &mut Draw<'t, T>) -> Var<'t, T> {
    let shape = d.shape(2, 70_000);
    let x = d.leaf(&shape);
    let axes = d.axes(x);
    x.standardize(&axes[..], 1e-5)
}

fn batch_norm<'t, T: Scalar>(d: &mut Draw<'t, T>) -> Var<'t, T> {
    let shape = [12 + d.size(33), 33 + d.size(33), 4 + d.size(9), 16 + d.size(17)];
    let x = d.leaf(&shape);
    let (weight, bias) = (d.plain(&shape[1..2]), d.plain(&shape[1..2]));
    let options = NormOptions { weight: Some(weight), bias: Some(bias), ..Default::default() };
    if d.round.is_multiple_of(3) {
        // A part of what waits: computed at once, where all else of this kind waits.
        return x.contiguous().sigmoid().narrow(0, 1, shape[0] - 1).batch_norm(&RunningStats::new(shape[1]), options);
    }
    x.batch_norm_train(None, options).relu()
}

fn scan<'t, T: Scalar>(d: &mut Draw<'t, T>) -> Var<'t, T> {
    let shape = d.shape(3, 70_000);
    let x = d.leaf(&shape);
    let axis = d.axis(x);
    if d.below(2) == 0 { x.cumsum(axis) } else { x.logcumsumexp(axis) }
}

fn order<'t, T: Scalar>(d: &mut Draw<'t, T>) -> Var<'t, T> {
    let shape = d.shape(3, 40_000);
    let x = d.leaf(&shape);
    let axis = d.axis(x);
    x.sort(axis, d.below(2) == 0).0
}

fn pool<'t, T: Scalar>(d: &mut Draw<'t, T>) -> Var<'t, T> {
    let (height, width) = (3 + d.size(33), 3 + d.size(33));
    let x = [d.size(9), 80_000 / (height * width), height, width];
    let x = d.leaf(&x);
    match d.below(6) {
        0 => x.max_pool2d([2, 2], MaxPoolOptions::default()),
        1 => x.max_pool2d([3, 3], MaxPoolOptions { stride: Some([2, 2]), padding: [1, 1], ..Default::default() }),
        2 => x.max_pool2d([3, 2], MaxPoolOptions { stride: Some([1, 9]), ceil_mode: true, ..Default::default() }),
        3 => x.avg_pool2d([3, 3], AvgPoolOptions { stride: Some([2, 1]), padding: [1, 0], ..Default::default() }),
        4 => x.adaptive_avg_pool2d([3, 5]),
        _ => x.lp_pool2d(2.0, [2, 2], LpPoolOptions::default()),
    }
}

fn conv<'t, T: Scalar>(d: &mut Draw<'t, T>) -> Var<'t, T> {
    // Sizes for each of the ways that a convolution has, and random ones.
    let (batch, channels, filters, kernel, groups, stride) = match d.round % 12 {
        0 => (3, 64, 64, 3, 1, 1),
        1 => (2, 17, 37, 3, 1, 1),
        2 => (9, 3, 8, 5, 1, 1),
        3 => (1, 3, 8, 5, 1, 1),
        4 => (11, 96, 24, 1, 1, 1),
        5 => (5, 32, 12, 3, 4, 1),
        6 => (8, 32, 4, 3, 4, 2),
        7 => (7, 4, 40, 4, 2, 3),
        8 => (0, 3, 5, 3, 1, 1),
        9 => (3, 48, 80, 5, 1, 2),
        // (Enough weights that tasks share the adding up of their sums at every width of vectors.)
        10 => (3, 96, 96, 3, 1, 1),
        _ => (d.size(13), 3 * d.size(17), 3 * d.size(17), d.size(5), 3, 1 + d.below(3)),
    };
    let padding = d.below(3);
    let side = [4 + kernel + d.below(20), 4 + kernel + d.below(20)];
    let x = d.leaf(&[batch, channels, side[0], side[1]]);
    let (w, b) = (d.plain(&[filters, channels / groups, kernel, kernel]), d.plain(&[filters]));
    if d.below(5) == 0 {
        let x = x.unsqueeze(2);
        let options =
            Conv3dOptions { stride: [1, stride, stride], padding: Padding::Zeros([0, padding, padding]), groups, ..Default::default() };
        return x.conv3d(w.unsqueeze(2), b, options);
    }
    x.conv2d(w, b, Conv2dOptions { stride: [stride; 2], padding: padding.into(), groups, ..Default::default() })
}

fn depthwise<'t, T: Scalar>(d: &mut Draw<'t, T>) -> Var<'t, T> {
    let (channels, side) = (3 + d.size(33), 8 + d.below(20));
    let shape = [1 + d.below(9), channels, side, side + 1];
    let (x, w) = (d.leaf(&shape), d.plain(&[channels, 1, 3, 3]));
    x.conv2d(w, None, Conv2dOptions { padding: 1.into(), groups: channels, ..Default::default() })
}

fn correlation<'t, T: Scalar>(d: &mut Draw<'t, T>) -> Var<'t, T> {
    let (taps, axis) = (1 + d.below(30), d.below(2));
    let shape = [taps + d.below(300), taps + d.below(300)];
    let (x, w) = (d.leaf(&shape), d.plain(&[taps]));
    x.correlate1d(w, axis as isize)
}

fn patches<'t, T: Scalar>(d: &mut Draw<'t, T>) -> Var<'t, T> {
    let shape = [9 + d.below(5), 3, 30 + d.below(9), 31];
    let (x, options) = (d.leaf(&shape), Conv2dOptions::default());
    let columns = x.im2col([3, 2], options);
    columns.square().col2im([shape[2], shape[3]], [3, 2], options)
}

fn linear_algebra<'t, T: Scalar>(d: &mut Draw<'t, T>) -> Var<'t, T> {
    let n = 1 + d.size(17);
    let batch = 200_000 / (n * n * n) + d.below(3);
    let x = d.leaf(&[batch, n, n]);
    let nine_times_identity =
        d.tape.constant(ndarray::ArrayD::from_shape_fn(vec![n, n], |i| T::from_f64(if i[0] == i[1] { 9.0 } else { 0.0 })));
    let a = x.matmul(x.transpose(-1, -2)) + nine_times_identity;
    match d.below(3) {
        0 => a.solve(x),
        1 => a.det().abs().ln(),
        _ => a.cholesky(false).solve_triangular(x, TriangularOptions::default()),
    }
}

fn resampling<'t, T: Scalar>(d: &mut Draw<'t, T>) -> Var<'t, T> {
    let shape = [1 + d.size(9), 1 + d.size(9), 20 + d.size(9), 20 + d.size(9)];
    let x = d.leaf(&shape);
    if d.below(2) == 0 {
        let size = [30 + d.below(40), 30 + d.below(40)];
        return x.interpolate(InterpolateOptions { size: Some(&size), mode: InterpolateMode::Linear, ..Default::default() });
    }
    let grid = [shape[0], 40, 30 + d.below(20), 2];
    let grid = d.leaf(&grid);
    x.grid_sample(grid * T::from_f64(0.55), GridSampleOptions::default())
}

fn sparse<'t, T: Scalar>(d: &mut Draw<'t, T>) -> Var<'t, T> {
    let (m, n, c) = (d.size(509), d.size(509), d.size(97));
    let entries: Vec<_> = (0..40_000 / c).map(|_| (d.below(m), d.below(n), d.below(9) as f64 - 4.0)).collect();
    let x = d.leaf(&[n, c]);
    SparseMatrix::from_entries([m, n], entries).matmul(x)
}

fn copy_of_view<'t, T: Scalar>(d: &mut Draw<'t, T>) -> Var<'t, T> {
    let rank = 2 + d.below(3);
    let shape = d.shape(rank, 120_000);
    let x = d.plain(&shape);
    let (a, b) = (d.below(rank) as isize, d.below(rank) as isize);
    x.transpose(a, b).transpose(0, -1).contiguous() * x.number(1.5)
}

#[derive(Clone, Copy)]
struct Momentum;
impl<T: Scalar> UpdateRule<T, 1> for Momentum {
    fn at(self, w: T, g: T, [v]: [T; 1]) -> (T, [T; 1]) {
        let v = v * T::from_f64(0.9) + g;
        (w + -(v * T::from_f64(0.1)), [v])
    }
}

fn update<'t, T: Scalar>(d: &mut Draw<'t, T>) -> Var<'t, T> {
    let n = d.one_of(&[0, 1, 40_009, 100_003, 65_536]);
    let p = Param::new("p", d.array(&[n], -1.0, 1.0));
    let mut v = vec![T::ZERO; n];
    for _ in 0..2 {
        let tape = Tape::new();
        let x = tape.param(&p);
        let grads = tape.backward((x * x * x).sum());
        p.update_by(&grads, Momentum, [&mut v]);
    }
    let (w, v) = (d.tape.constant(p.to_array()), d.tape.constant(v));
    d.leaves.push(d.tape.leaf(T::ONE));
    (w + v) * d.leaves[0]
}

// ----------------------------------------------------------------------------------------------------------- what holds

/// The bits of a case's value, of its gradients, and of gradients of those.
fn bits<T: Scalar>(case: Case<T>, seed: u64, round: u64) -> Vec<u64> {
    let tape = Tape::<T>::new();
    let mut draw = Draw { tape: &tape, state: seed, round, leaves: Vec::new() };
    let y = case(&mut draw);
    let shape = y.shape().to_vec();
    let g = tape.constant(draw.array(&shape, -1.0, 1.0));
    let leaves = std::mem::take(&mut draw.leaves);
    let mut found = vec![y.to_vec()];
    // A sweep that throws its nodes away, and one that keeps them.
    let grads = tape.backward_with(y, g);
    found.extend(leaves.iter().filter_map(|&x| grads.wrt(x)).map(|g| g.iter().copied().collect()));
    let first: Vec<_> = tape.grad_with(y, g, &leaves).into_iter().flatten().collect();
    found.extend(first.iter().map(|g| g.to_vec()));
    let second = first.iter().map(|g| g.square().mean()).reduce(|a, b| a + b);
    let second = second.map(|s| tape.grad(s, &leaves)).into_iter().flatten().flatten();
    found.extend(second.map(|g| g.to_vec()));
    found.iter().flatten().map(|x| x.to_f64().to_bits()).collect()
}

fn same_bits<T: Scalar>(rounds: u64) {
    for (k, (name, case)) in cases::<T>().into_iter().enumerate() {
        for round in 0..rounds {
            let seed = (k as u64) << 32 | round;
            let one = on(1, || bits(case, seed, round));
            // Few threads are the common case; many make parts smaller than they may be.
            let many = [3 + (seed * 7 % 6) as usize, 9 + (seed * 31 % 56) as usize, 2];
            for threads in &many[..if round % 4 == 0 { 3 } else { 2 }] {
                let more = on(*threads, || bits(case, seed, round));
                let differ = || one.iter().zip(&more).position(|(a, b)| a != b);
                assert!(one == more, "{name} in {}, seed {seed}, {threads} threads: number {:?} of {}", T::NAME, differ(), one.len());
            }
        }
    }
}

/// The lines of the crate on which work is divided.
fn places(folder: &Path, found: &mut BTreeSet<(String, u32)>) {
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            places(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("parallel.rs") && !path.ends_with("tests.rs") {
            let text = std::fs::read_to_string(&path).expect("a source file");
            let root = Path::new(env!("CARGO_MANIFEST_DIR"));
            let file = path.strip_prefix(root).expect("in this crate").to_str().expect("a plain name").replace('\\', "/");
            for (i, line) in text.lines().enumerate() {
                // The kit stands on the public API, and uses rayon over things that do not depend on each other.
                let by_itself = (line.contains("rayon::join") || line.contains("par_chunks")) && !file.starts_with("src/kit/");
                assert!(!by_itself, "{file}: work is divided in parallel.rs alone");
                if ["parallel::parts(", "parallel::pieces(", "parallel::tasks(", "parallel::join("].iter().any(|call| line.contains(call)) {
                    found.insert((file.clone(), i as u32 + 1));
                }
            }
        }
    }
}

#[test]
fn the_same_bits_at_any_number_of_threads() {
    same_bits::<f32>(12);
    same_bits::<f64>(6);
    let mut expected = BTreeSet::new();
    places(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut expected);
    let reached = DIVIDED.lock().unwrap();
    let missed: Vec<_> = expected.iter().filter(|place| !reached.contains(place)).collect();
    assert!(expected.len() > 30 && missed.is_empty(), "these places divide work, and no case reached them: {missed:?}");
}

#[test]
fn no_part_is_empty() {
    for pieces in (2..200).chain([1 << 20, usize::MAX]) {
        for threads in (2..100).chain([1 << 16, usize::MAX]) {
            let (first, left) = super::cut(pieces, threads);
            assert!(0 < first && first < pieces && 0 < left && left < threads, "{pieces} pieces, {threads} threads: {first}, {left}");
        }
    }
    for (len, each) in [(0, 0), (0, 5), (1, 0), (1, 1), (2, 1), (3, 0), (7, 3), (6, 3), (5, usize::MAX)] {
        let (mut y, parts) = (vec![0; len], Mutex::new(Vec::new()));
        super::parts(&mut y, each, &|first, y| {
            y.iter_mut().enumerate().for_each(|(i, y)| *y += first + i + 1);
            parts.lock().unwrap().push(y.len());
        });
        assert_eq!(y, (1..=len).collect::<Vec<_>>(), "each element belongs to one part");
        let parts = parts.into_inner().unwrap();
        assert!(parts.len() == 1 || !parts.contains(&0), "{len} by {each}: {parts:?}");
    }
}

/// What panicked on every number of threads from three on, in the first layer that most people try.
#[test]
fn a_layer_of_few_columns_runs_on_many_threads() {
    for threads in 1..=64 {
        for (rows, inputs, outputs) in [(32, 784, 10), (16, 784, 20), (16, 784, 32)] {
            let sums = on(threads, || {
                let tape = Tape::<f64>::new();
                let ones = |shape: [usize; 2]| tape.leaf(ndarray::ArrayD::<f64>::ones(&shape[..]));
                let (x, w) = (ones([rows, inputs]), ones([outputs, inputs]));
                let y = x.linear(w, tape.leaf(vec![1.0; outputs]));
                let grads = tape.backward(y.sum());
                (y.to_vec(), grads.wrt(w).unwrap().iter().copied().collect::<Vec<_>>())
            });
            assert!(sums.0.iter().all(|&y| y == inputs as f64 + 1.0) && sums.1.iter().all(|&g| g == rows as f64), "{threads} threads");
        }
    }
}
