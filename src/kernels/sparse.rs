//! How is a sparse matrix multiplied by dense ones? Each row of the product is a sum of a few scaled rows.

use crate::array::error::ShapeError;
use crate::array::memory::{filled, room};
use crate::array::scalar::Scalar;
use crate::array::simd::{LoopKernel, dispatch};
use crate::kernels::parallel;

/// Multiply-adds from which a thread of its own pays.
const GRAIN: usize = 16 * 1024;

/// A sparse matrix by rows: row `i` has `weights[k]` in column `columns[k]` for the `k` in `starts[i]..starts[i + 1]`.
#[derive(PartialEq)]
pub(crate) struct SparseRows {
    starts: Vec<usize>,
    columns: Vec<u32>,
    weights: Vec<f64>,
}

impl SparseRows {
    #[cfg(test)]
    pub fn new() -> SparseRows {
        SparseRows { starts: vec![0], columns: Vec::new(), weights: Vec::new() }
    }
    /// No rows, with room for `rows` of `each` weights.
    pub fn with_room(rows: usize, each: usize) -> Result<SparseRows, ShapeError> {
        let entries = rows.saturating_mul(each);
        let mut starts = room(rows.saturating_add(1))?;
        starts.push(0);
        Ok(SparseRows { starts, columns: room(entries)?, weights: room(entries)? })
    }
    /// The rows that these lists describe, which the caller has checked.
    pub fn of(starts: Vec<usize>, columns: Vec<u32>, weights: Vec<f64>) -> SparseRows {
        SparseRows { starts, columns, weights }
    }
    /// Adds a row. (Arrays have fewer than 2^32 elements, and so does an axis.)
    pub fn push(&mut self, row: impl IntoIterator<Item = (usize, f64)>) {
        for (column, weight) in row {
            self.columns.push(column as u32);
            self.weights.push(weight);
        }
        self.starts.push(self.columns.len());
    }
    /// The number of rows.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }
    /// The number of weights.
    pub fn entries(&self) -> usize {
        self.columns.len()
    }
    /// The columns and weights of a row.
    #[inline(always)]
    pub fn row(&self, i: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let range = self.starts[i]..self.starts[i + 1];
        self.columns[range.clone()].iter().map(|c| *c as usize).zip(self.weights[range].iter().copied())
    }
    /// Whether this is the identity.
    pub fn is_identity(&self) -> bool {
        (0..self.len()).all(|i| self.row(i).eq([(i, 1.0)]))
    }
    /// The transpose, which has `n` rows.
    pub fn transpose(&self, n: usize) -> Result<SparseRows, ShapeError> {
        let mut starts = filled(n + 1, 0)?;
        self.columns.iter().for_each(|&c| starts[c as usize + 1] += 1);
        (0..n).for_each(|i| starts[i + 1] += starts[i]);
        let (mut columns, mut weights) = (filled(self.columns.len(), 0)?, filled(self.weights.len(), 0.0)?);
        let mut next = room(n)?;
        next.extend_from_slice(&starts[..n]);
        for i in 0..self.len() {
            for (c, w) in self.row(i) {
                (columns[next[c]], weights[next[c]]) = (i as u32, w);
                next[c] += 1;
            }
        }
        Ok(SparseRows { starts, columns, weights })
    }
    /// The products with the matrices in `x`, each of `n` rows and `inner` columns: as many matrices of [`SparseRows::len`] rows in `y`.
    pub fn times<T: Scalar>(&self, x: &[T], n: usize, inner: usize, y: &mut [T]) {
        if y.is_empty() {
            return;
        }
        let taps = self.columns.len().div_ceil(self.len()).max(1);
        let each = GRAIN.div_ceil(taps.saturating_mul(inner)) * inner;
        parallel::parts(y, each, &|first, y| dispatch(Times { matrix: self, x, n, inner, line: first / inner, y }));
    }
}

/// Some lines of the products, from `line` on.
struct Times<'a, T> {
    matrix: &'a SparseRows,
    x: &'a [T],
    n: usize,
    inner: usize,
    line: usize,
    y: &'a mut [T],
}

impl<T: Scalar> LoopKernel for Times<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        let Times { matrix, x, n, inner, line, y } = self;
        let m = matrix.len();
        if inner == 1 {
            return dots(matrix, x, n, line, y);
        }
        for (i, y) in y.chunks_exact_mut(inner).enumerate() {
            let (outer, row) = ((line + i) / m, (line + i) % m);
            let x = &x[outer * n * inner..][..n * inner];
            // In blocks whose sums stay in registers.
            let mut from = 0;
            while from + 64 <= inner {
                sum_block::<T, 64>(matrix, row, x, inner, from, y);
                from += 64;
            }
            while from + 8 <= inner {
                sum_block::<T, 8>(matrix, row, x, inner, from, y);
                from += 8;
            }
            while from < inner {
                sum_block::<T, 1>(matrix, row, x, inner, from, y);
                from += 1;
            }
        }
    }
}

/// `N` sums of a row, from `from` on.
#[inline(always)]
fn sum_block<T: Scalar, const N: usize>(matrix: &SparseRows, row: usize, x: &[T], inner: usize, from: usize, y: &mut [T]) {
    let mut sums = [T::ZERO; N];
    for (column, weight) in matrix.row(row) {
        let (x, weight) = (&x[column * inner + from..][..N], T::from_f64(weight));
        for (sum, &x) in sums.iter_mut().zip(x) {
            *sum += x * weight;
        }
    }
    y[from..][..N].copy_from_slice(&sums);
}

/// The products with vectors of `n` numbers, from row `line` on, where the rows of all products are counted through.
#[inline(always)]
fn dots<T: Scalar>(matrix: &SparseRows, x: &[T], n: usize, line: usize, y: &mut [T]) {
    let m = matrix.len();
    let (mut outer, mut row, mut rest) = (line / m, line % m, y);
    while !rest.is_empty() {
        let (y, after) = rest.split_at_mut(rest.len().min(m - row));
        let (x, mut start) = (&x[outer * n..][..n], matrix.starts[row]);
        for (y, &end) in y.iter_mut().zip(&matrix.starts[row + 1..]) {
            let taps = matrix.columns[start..end].iter().zip(&matrix.weights[start..end]);
            *y = taps.fold(T::ZERO, |sum, (&c, &w)| sum + x[c as usize] * T::from_f64(w));
            start = end;
        }
        (outer, row, rest) = (outer + 1, 0, after);
    }
}
