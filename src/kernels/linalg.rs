//! How are linear systems solved? LU factors with partial pivoting, Cholesky factors, and substitution, of batches of row-major
//! matrices.
//!
//! All inner loops run along rows, so that they are vectorised. A batch is divided among threads from [`GRAIN`] multiply-adds a part on;
//! one matrix is not, so the bits do not depend on the number of threads.

use crate::array::scalar::Scalar;
use crate::array::simd::{LoopKernel, dispatch};
use crate::kernels::parallel;
use crate::kernels::reduce::{Sum, halved};

/// Multiply-adds from which a thread of its own pays.
const GRAIN: usize = 64 * 1024;

/// Calls `f` with each matrix of a batch and its index. A matrix has `size` elements and takes `work` multiply-adds.
fn each<T: Scalar>(y: &mut [T], size: usize, work: usize, f: &(dyn Fn(usize, &mut [T]) + Sync)) {
    if size == 0 || y.is_empty() {
        return;
    }
    let part = (GRAIN / work.max(1) + 1) * size;
    parallel::pieces(y, size, part, f);
}

/// `y -= c * x`
#[inline(always)]
fn subtract<T: Scalar>(y: &mut [T], c: T, x: &[T]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y += -(c * x);
    }
}

/// The sum of products, in 16 lanes, so that additions do not wait for each other.
#[inline(always)]
fn dot<T: Scalar>(x: &[T], y: &[T]) -> T {
    let mut lanes = [T::ZERO; 16];
    let (mut xs, mut ys) = (x.chunks_exact(16), y.chunks_exact(16));
    for (x, y) in (&mut xs).zip(&mut ys) {
        for i in 0..16 {
            lanes[i] += x[i] * y[i];
        }
    }
    let mut sum = T::ZERO;
    for (&x, &y) in xs.remainder().iter().zip(ys.remainder()) {
        sum += x * y;
    }
    sum + halved(&mut lanes, Sum)
}

/// Rows `i` and `j` of a matrix of `n` columns, `i < j`.
#[inline(always)]
pub(super) fn two_rows<T>(a: &mut [T], n: usize, i: usize, j: usize) -> (&mut [T], &mut [T]) {
    let (low, high) = a.split_at_mut(j * n);
    (&mut low[i * n..][..n], &mut high[..n])
}

// --------------------------------------------------------------------------------------------------------------- LU

/// `n n columns`, saturating: the matrices of an empty batch may have any size.
fn cube(n: usize, columns: usize) -> usize {
    n.saturating_mul(n).saturating_mul(columns)
}

/// Step k of an elimination: subtracts multiples of row k from the rows below it. The factors take the place of column k.
#[inline(always)]
fn eliminate<T: Scalar>(a: &mut [T], n: usize, k: usize) {
    let (done, rest) = a.split_at_mut((k + 1) * n);
    let row = &done[k * n..];
    for other in rest.chunks_exact_mut(n) {
        let factor = other[k] / row[k];
        other[k] = factor;
        subtract(&mut other[k + 1..], factor, &row[k + 1..]);
    }
}

/// LU factors of matrices in place. `y` is `[batch, n + 1, n]`: of each, the first n rows are the matrix, and become L (below the
/// diagonal, which is 1) and U; the last row becomes the swaps: in step k, row k was exchanged with row `y[n][k]`.
pub(crate) fn lu_factor<T: Scalar>(y: &mut [T], n: usize) {
    each(y, (n + 1) * n, cube(n, n) / 3, &|_, y| dispatch(LuFactor { y, n }));
}

struct LuFactor<'a, T> {
    y: &'a mut [T],
    n: usize,
}

impl<T: Scalar> LoopKernel for LuFactor<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        let n = self.n;
        let (a, swaps) = self.y.split_at_mut(n * n);
        for k in 0..n {
            // The largest element of the column. NaN counts as larger than any number, so that it spreads and a 0 is not chosen.
            let (mut pivot, mut largest) = (k, T::abs(a[k * n + k]));
            for i in k + 1..n {
                let size = T::abs(a[i * n + k]);
                if size > largest || size.is_nan() {
                    (pivot, largest) = (i, size);
                }
            }
            swaps[k] = T::from_f64(pivot as f64);
            if pivot != k {
                let (upper, lower) = two_rows(a, n, k, pivot);
                upper.swap_with_slice(lower);
            }
            if largest == T::ZERO {
                continue;
            }
            eliminate(a, n, k);
        }
    }
}

/// `x = a^-1 x`, or `a^-T x`, for the LU factors of `a`: `x` is `[batch, n, columns]`, and the factors of matrix p begin at `place(p)` in
/// `lu`.
pub(crate) fn lu_solve<T: Scalar>(
    lu: &[T],
    place: &(dyn Fn(usize) -> usize + Sync),
    (n, columns): (usize, usize),
    transposed: bool,
    x: &mut [T],
) {
    each(x, n * columns, cube(n, columns), &|p, x| {
        let (a, swaps) = lu[place(p)..][..(n + 1) * n].split_at(n * n);
        let t = |upper| Triangle { a, n, upper, unit: !upper, transposed };
        let swap = |x: &mut [T], k: usize| {
            let other = swaps[k].to_f64() as usize;
            if other != k {
                let (upper, lower) = two_rows(x, columns, k, other);
                upper.swap_with_slice(lower);
            }
        };
        if transposed {
            dispatch(Substitute { t: t(true), columns, x });
            dispatch(Substitute { t: t(false), columns, x });
            (0..n).rev().for_each(|k| swap(x, k));
        } else {
            (0..n).for_each(|k| swap(x, k));
            dispatch(Substitute { t: t(false), columns, x });
            dispatch(Substitute { t: t(true), columns, x });
        }
    });
}

/// The determinant from LU factors, as a sign and the pivots.
pub(crate) fn pivots<T: Scalar>(lu: &[T], n: usize) -> (T, impl Iterator<Item = T> + '_) {
    let swaps = (0..n).filter(|&k| lu[n * n + k] != T::from_f64(k as f64)).count();
    (if swaps % 2 == 0 { T::ONE } else { -T::ONE }, (0..n).map(move |k| lu[k * n + k]))
}

/// The orders of rows and columns of a square matrix in which elimination with complete pivoting takes them, and how many pivots are
/// larger than `tolerance` times the first. `a` is overwritten.
pub(crate) fn complete_pivoting<T: Scalar>(a: &mut [T], n: usize, tolerance: T) -> (Vec<usize>, Vec<usize>, usize) {
    let (mut rows, mut cols) = ((0..n).collect::<Vec<_>>(), (0..n).collect::<Vec<_>>());
    let mut first = T::ZERO;
    for k in 0..n {
        let (mut at, mut largest) = ((k, k), T::ZERO);
        for i in k..n {
            for j in k..n {
                let size = T::abs(a[i * n + j]);
                if size > largest {
                    (at, largest) = ((i, j), size);
                }
            }
        }
        if k == 0 {
            first = largest;
        }
        // Not `<=`: NaN must end it.
        let goes_on = largest > tolerance * first;
        if !goes_on {
            return (rows, cols, k);
        }
        rows.swap(k, at.0);
        cols.swap(k, at.1);
        for j in 0..n {
            a.swap(k * n + j, at.0 * n + j);
        }
        for i in 0..n {
            a.swap(i * n + k, i * n + at.1);
        }
        eliminate(a, n, k);
    }
    (rows, cols, n)
}

// --------------------------------------------------------------------------------------------------------------- triangles

/// One triangle of a row-major matrix; the other one is not read.
#[derive(Clone, Copy)]
pub(crate) struct Triangle<'a, T> {
    pub a: &'a [T],
    pub n: usize,
    pub upper: bool,
    /// Whether the diagonal counts as 1.
    pub unit: bool,
    /// Whether the transpose of this triangle is meant.
    pub transposed: bool,
}

/// `x = t^-1 x`, where the triangle of matrix p is `t(p)`: `x` is `[batch, n, columns]`.
pub(crate) fn solve_triangular<'a, T: Scalar>(t: &(dyn Fn(usize) -> Triangle<'a, T> + Sync), (n, columns): (usize, usize), x: &mut [T]) {
    each(x, n * columns, cube(n, columns) / 2, &|p, x| dispatch(Substitute { t: t(p), columns, x }));
}

struct Substitute<'a, 'x, T> {
    t: Triangle<'a, T>,
    columns: usize,
    x: &'x mut [T],
}

impl<T: Scalar> LoopKernel for Substitute<'_, '_, T> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        let Substitute { t: Triangle { a, n, upper, unit, transposed }, columns, x } = self;
        let down = upper == transposed;
        for step in 0..n {
            let i = if down { step } else { n - 1 - step };
            let solved = if down { 0..i } else { i + 1..n };
            let left = if down { i + 1..n } else { 0..i };
            let row = &a[i * n..][..n];
            if columns == 1 {
                // Along the rows of `a`: each is a sum of products, or, transposed, is subtracted from what is left.
                if !transposed {
                    x[i] += -dot(&row[solved.clone()], &x[solved]);
                }
                if !unit {
                    x[i] = x[i] / row[i];
                }
                if transposed {
                    let c = x[i];
                    subtract(&mut x[left.clone()], c, &row[left]);
                }
                continue;
            }
            let (before, rest) = x.split_at_mut(i * columns);
            let (this, after) = rest.split_at_mut(columns);
            let (known, first) = if down { (&*before, 0) } else { (&*after, i + 1) };
            for (j, other) in known.chunks_exact(columns).enumerate().map(|(j, other)| (j + first, other)) {
                subtract(this, if transposed { a[j * n + i] } else { row[j] }, other);
            }
            if !unit {
                for x in this {
                    *x = *x / row[i];
                }
            }
        }
    }
}

// --------------------------------------------------------------------------------------------------------------- Cholesky

/// The lower factors L of matrices `a = L L^T` in place, from their lower triangles; `y` is `[batch, n, n]`. Where a matrix is not
/// positive definite, the diagonal has its first number that is not positive at that pivot.
pub(crate) fn cholesky<T: Scalar>(y: &mut [T], n: usize) {
    each(y, n * n, cube(n, n) / 6, &|_, y| dispatch(Cholesky { y, n }));
}

struct Cholesky<'a, T> {
    y: &'a mut [T],
    n: usize,
}

impl<T: Scalar> LoopKernel for Cholesky<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        let n = self.n;
        for i in 0..n {
            let (done, rest) = self.y.split_at_mut(i * n);
            let row = &mut rest[..n];
            for (j, other) in done.chunks_exact(n).enumerate() {
                row[j] = (row[j] + -dot(&row[..j], &other[..j])) / other[j];
            }
            row[i] = T::sqrt(row[i] + -dot(&row[..i], &row[..i]));
            row[i + 1..].fill(T::ZERO);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers in [-1, 1], of which the diagonal is larger.
    fn matrix(batch: usize, n: usize, columns: usize, seed: u64) -> Vec<f64> {
        let mut state = seed;
        let mut number = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
        };
        (0..batch * n * columns).map(|_| number()).collect()
    }

    fn close(a: &[f64], b: &[f64], tolerance: f64) {
        assert_eq!(a.len(), b.len());
        for (i, (a, b)) in a.iter().zip(b).enumerate() {
            assert!((a - b).abs() <= tolerance, "element {i}: {a} and {b}");
        }
    }

    /// `[n, k] [k, m]`, or the first transposed.
    fn product(a: &[f64], b: &[f64], n: usize, m: usize, transposed: bool) -> Vec<f64> {
        let k = b.len() / m;
        let at = |i: usize, j: usize| if transposed { a[j * n + i] } else { a[i * k + j] };
        (0..n * m).map(|p| (0..k).map(|j| at(p / m, j) * b[j * m + p % m]).sum()).collect()
    }

    #[test]
    fn lu_solves_systems_and_their_transposes() {
        for (n, columns, batch) in [(1, 1, 1), (2, 3, 4), (5, 1, 3), (7, 7, 2), (33, 5, 3), (40, 1, 1), (3, 2, 9000)] {
            let (a, b) = (matrix(batch, n, n, 1), matrix(batch, n, columns, 2));
            let mut lu = vec![0.0; batch * (n + 1) * n];
            for (lu, a) in lu.chunks_exact_mut((n + 1) * n).zip(a.chunks_exact(n * n)) {
                lu[..n * n].copy_from_slice(a);
            }
            lu_factor(&mut lu, n);
            for transposed in [false, true] {
                let mut x = b.clone();
                lu_solve(&lu, &|p| p * (n + 1) * n, (n, columns), transposed, &mut x);
                for p in 0..batch {
                    let (a, x, b) = (&a[p * n * n..][..n * n], &x[p * n * columns..][..n * columns], &b[p * n * columns..][..n * columns]);
                    let size = x.iter().fold(1.0, |m: f64, x| m.max(x.abs()));
                    close(&product(a, x, n, columns, transposed), b, 1e-14 * size * n as f64);
                }
            }
        }
    }

    #[test]
    fn cholesky_factors_multiply_to_the_matrix() {
        for (n, batch) in [(1, 3), (2, 1), (17, 2), (40, 3), (3, 9000)] {
            let mut y = Vec::new();
            for m in matrix(batch, n, n, 3).chunks_exact(n * n) {
                let mut a: Vec<f64> = (0..n * n).map(|p| (0..n).map(|k| m[p / n * n + k] * m[p % n * n + k]).sum()).collect();
                (0..n).for_each(|i| a[i * n + i] += 0.1);
                y.extend(a);
            }
            let a = y.clone();
            cholesky(&mut y, n);
            for (l, a) in y.chunks_exact(n * n).zip(a.chunks_exact(n * n)) {
                let lt: Vec<f64> = (0..n * n).map(|p| l[p % n * n + p / n]).collect();
                close(&product(l, &lt, n, n, false), a, 1e-13 * n as f64);
                assert!((0..n * n).all(|p| p % n <= p / n || l[p] == 0.0));
            }
        }
    }

    #[test]
    fn nan_is_not_taken_for_a_singular_pivot() {
        let mut y = vec![0.0, 1.0, f64::NAN, 2.0, 0.0, 0.0];
        lu_factor(&mut y, 2);
        assert!(y[0].is_nan());
    }
}
