//! Are products those of three loops, with the same bits at any number of threads?

use super::{Mat, Product, gemm, gemm_batched};
use crate::array::scalar::Scalar;
use crate::array::simd::{Level, dispatch_at};

/// A small generator of random numbers (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() >> 20) as usize % n
    }

    fn numbers<T: Scalar>(&mut self, count: usize) -> Vec<T> {
        (0..count).map(|_| T::from_f64((self.next() >> 11) as f64 / (1u64 << 53) as f64 - 0.5)).collect()
    }
}

/// Random numbers in a random layout that just fits them: (data, offset, row stride, column stride).
fn matrix<T: Scalar>(random: &mut Random, rows: usize, cols: usize) -> (Vec<T>, usize, isize, isize) {
    let (height, width) = (rows.max(1) as isize, cols.max(1) as isize);
    let (mut row, mut col) = match random.below(9) {
        0 | 1 => (width, 1),
        2 | 3 => (1, height),
        4 => (0, 1),
        5 => (1, 0),
        6 => (width + 3, 1),
        7 => (2 * width, 2),
        _ => (2, 2 * height + 1),
    };
    if random.below(4) == 0 {
        row = -row;
    }
    if random.below(4) == 0 {
        col = -col;
    }
    let (down, across) = ((height - 1) * row, (width - 1) * col);
    let before = random.below(5);
    let first = before as isize - down.min(0) - across.min(0);
    let len = first + down.max(0) + across.max(0) + 1;
    (random.numbers(len as usize), first as usize, row, col)
}

fn view<T>((data, offset, row_stride, col_stride): &(Vec<T>, usize, isize, isize)) -> Mat<'_, T> {
    Mat { data, offset: *offset, row_stride: *row_stride, col_stride: *col_stride }
}

fn at<T: Scalar>(mat: Mat<'_, T>, i: usize, j: usize) -> f64 {
    mat.data[(mat.offset as isize + i as isize * mat.row_stride + j as isize * mat.col_stride) as usize].to_f64()
}

/// Compares a result with three loops in `f64`.
fn check<T: Scalar>((m, k, n): (usize, usize, usize), a: Mat<'_, T>, b: Mat<'_, T>, before: Option<&[T]>, c: &[T]) {
    let epsilon = if size_of::<T>() == size_of::<f32>() { f64::from(f32::EPSILON) } else { f64::EPSILON };
    for i in 0..m {
        for j in 0..n {
            let start = before.map_or(0.0, |c| c[i * n + j].to_f64());
            let terms = (0..k).map(|p| at(a, i, p) * at(b, p, j));
            let (exact, size) = terms.fold((start, start.abs()), |(sum, size), x| (sum + x, size + x.abs()));
            let error = (c[i * n + j].to_f64() - exact).abs();
            // The usual bound of a sum's rounding error. Not `error > bound`: a NaN must fail.
            let good = error <= epsilon * (k + 2) as f64 * size;
            assert!(good, "{m} x {k} x {n} at {i}, {j}: {} instead of {exact}", c[i * n + j].to_f64());
        }
    }
}

fn random_products<T: Scalar>(level: Option<Level>, rounds: usize) {
    // Without optimisation, vectors are slow.
    let rounds = if cfg!(debug_assertions) { rounds / 20 } else { rounds };
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for round in 0..rounds {
        let most = if round % 40 == 0 { (200, 1500, 200) } else { (71, 71, 71) };
        let (m, k, n) = (random.below(most.0), random.below(most.1), random.below(most.2));
        let (a, b) = (matrix::<T>(&mut random, m, k), matrix::<T>(&mut random, k, n));
        let accumulate = random.below(2) == 0;
        // What was in a result that is overwritten must not matter.
        let before = if accumulate { random.numbers(m * n) } else { vec![T::from_f64(f64::NAN); m * n] };
        let mut c = before.clone();
        match level {
            Some(level) if m * k * n > 0 => {
                let (a, b) = (view(&a).checked(m, k, 0), view(&b).checked(k, n, 0));
                dispatch_at(level, Product::new((m, k, n), a, b, &mut c, accumulate));
            }
            _ => gemm(m, k, n, view(&a), view(&b), &mut c, accumulate),
        }
        check((m, k, n), view(&a), view(&b), accumulate.then_some(&before), &c);
    }
}

#[test]
fn equals_three_loops_f32() {
    random_products::<f32>(None, 2000);
}

#[test]
fn equals_three_loops_f64() {
    random_products::<f64>(None, 2000);
}

#[test]
fn equals_three_loops_at_every_level() {
    for level in [Level::Plain, Level::Avx2, Level::Avx512] {
        random_products::<f32>(Some(level), 1000);
        random_products::<f64>(Some(level), 1000);
    }
}

#[test]
fn batch_equals_single_products() {
    let mut random = Random(7);
    for (batch, m, k, n) in [(1, 5, 3, 4), (7, 3, 40, 20), (300, 9, 16, 33), (3, 70, 300, 90), (5, 200, 1, 1), (4, 1, 300, 500)] {
        let (a, b) = (random.numbers::<f32>(batch * m * k), random.numbers::<f32>(k * n));
        let (a, b) = (Mat::rows(&a, k), Mat::rows(&b, n));
        let mut c = vec![f32::NAN; batch * m * n];
        // The products of `a` in reverse order; `b` is broadcast.
        gemm_batched(batch, (m, k, n), a, b, |p| (((batch - 1 - p) * m * k) as isize, 0), &mut c, false);
        for (p, c) in c.chunks_exact(m * n).enumerate() {
            let mut single = vec![0.0; m * n];
            gemm(m, k, n, Mat { offset: (batch - 1 - p) * m * k, ..a }, b, &mut single, false);
            assert_eq!(c, single);
        }
    }
}

/// The sizes are such that parts have a single row or column, or cross a block of k.
fn same_bits<T: Scalar>() {
    let mut random = Random(11);
    let sizes =
        [(9, 3000, 40), (40, 3000, 9), (17, 3000, 17), (1, 700, 900), (900, 700, 1), (100, 1100, 100), (333, 257, 131), (1000, 200, 10)];
    for (m, k, n) in sizes {
        for transposed in 0..4 {
            let (a, b) = (random.numbers::<T>(m * k), random.numbers::<T>(k * n));
            let a = if transposed & 1 > 0 { Mat::columns(&a, m) } else { Mat::rows(&a, k) };
            let b = if transposed & 2 > 0 { Mat::columns(&b, k) } else { Mat::rows(&b, n) };
            let results = [1, 2, 3].map(|threads| {
                let mut c = vec![T::from_f64(0.0); m * n];
                let mut batch = vec![T::from_f64(0.0); 2 * m * n];
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| gemm(m, k, n, a, b, &mut c, false));
                pool.install(|| gemm_batched(2, (m, k, n), a, b, |_| (0, 0), &mut batch, false));
                assert!(batch[..m * n] == c && batch[m * n..] == c, "{m} x {k} x {n}: a batch differs");
                c
            });
            assert!(results[0] == results[1] && results[0] == results[2], "{m} x {k} x {n} at 1, 2, 3 threads");
        }
    }
}

#[test]
fn same_bits_at_any_number_of_threads() {
    same_bits::<f32>();
    same_bits::<f64>();
}

#[test]
fn not_a_number_is_not_skipped() {
    for (m, k, n) in [(3, 2, 3), (20, 30, 40), (1, 50, 50), (50, 50, 1)] {
        let (mut a, b) = (vec![0.0f32; m * k], vec![f32::INFINITY; k * n]);
        let mut c = vec![0.0; m * n];
        gemm(m, k, n, Mat::rows(&a, k), Mat::rows(&b, n), &mut c, false);
        assert!(c.iter().all(|x| x.is_nan()), "zero times infinity");
        a[0] = f32::NAN;
        gemm(m, k, n, Mat::rows(&a, k), Mat::rows(&vec![0.0; k * n], n), &mut c, false);
        assert!(c[..n].iter().all(|x| x.is_nan()) && c[n..].iter().all(|&x| x == 0.0), "only the first row");
    }
}

#[test]
fn empty_dimensions() {
    let mat = |data| Mat::<f32> { data, offset: 0, row_stride: 1, col_stride: 1 };
    let mut c = [1.0; 6];
    gemm(2, 0, 3, mat(&[]), mat(&[]), &mut c, true);
    assert_eq!(c, [1.0; 6]);
    gemm(2, 0, 3, mat(&[]), mat(&[]), &mut c, false);
    assert_eq!(c, [0.0; 6]);
    gemm(0, 5, 3, mat(&[]), mat(&[]), &mut [], false);
    gemm(3, 5, 0, mat(&[]), mat(&[]), &mut [], false);
}

#[test]
fn reaching_outside_panics() {
    let data = vec![0.0f32; 12];
    let bad = |offset, row_stride, col_stride| {
        let a = Mat { data: &data, offset, row_stride, col_stride };
        let b = Mat { data: &data, offset: 0, row_stride: 0, col_stride: 1 };
        std::panic::catch_unwind(|| gemm(3, 4, 2, a, b, &mut [0.0; 6], false)).is_err()
    };
    assert!(!bad(0, 4, 1) && !bad(11, -4, -1) && !bad(3, 4, -1));
    assert!(bad(1, 4, 1) && bad(0, 5, 1) && bad(10, -4, -1) && bad(2, 4, -1) && bad(12, 0, 0));
    assert!(bad(0, isize::MAX, 1) && bad(0, isize::MIN, isize::MIN) && bad(usize::MAX, 0, 0));
    let mat = Mat::rows(&data, 4);
    assert!(std::panic::catch_unwind(|| gemm(3, 4, 2, mat, mat, &mut [0.0; 5], false)).is_err());
}
