//! How are sums of a few weighted elements computed? Along one axis with fixed weights, and over planes with weights that are an array themselves.

use crate::array::error::ShapeError;
use crate::array::memory::{filled, room};
use crate::array::scalar::Scalar;
use crate::kernels::parallel;

/// Elements read from which a thread of its own pays.
const GRAIN: usize = 16 * 1024;

// ---------------------------------------------------------------------------------------------------------- one axis

/// A sparse matrix by rows: row `i` has `weights[k]` in column `columns[k]` for the `k` in `starts[i]..starts[i + 1]`.
#[derive(PartialEq)]
pub(crate) struct SparseRows {
    starts: Vec<usize>,
    columns: Vec<usize>,
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
    /// Adds a row.
    pub fn push(&mut self, row: impl IntoIterator<Item = (usize, f64)>) {
        for (column, weight) in row {
            self.columns.push(column);
            self.weights.push(weight);
        }
        self.starts.push(self.columns.len());
    }
    /// The number of rows.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }
    fn row(&self, i: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let range = self.starts[i]..self.starts[i + 1];
        self.columns[range.clone()].iter().copied().zip(self.weights[range].iter().copied())
    }
    /// Whether this is the identity.
    pub fn is_identity(&self) -> bool {
        (0..self.len()).all(|i| self.row(i).eq([(i, 1.0)]))
    }
    /// The transpose, which has `n` rows.
    pub fn transpose(&self, n: usize) -> Result<SparseRows, ShapeError> {
        let mut starts = filled(n + 1, 0)?;
        self.columns.iter().for_each(|&c| starts[c + 1] += 1);
        (0..n).for_each(|i| starts[i + 1] += starts[i]);
        let (mut columns, mut weights) = (filled(self.columns.len(), 0)?, filled(self.weights.len(), 0.0)?);
        let mut next = room(n)?;
        next.extend_from_slice(&starts[..n]);
        for i in 0..self.len() {
            for (c, w) in self.row(i) {
                (columns[next[c]], weights[next[c]]) = (i, w);
                next[c] += 1;
            }
        }
        Ok(SparseRows { starts, columns, weights })
    }
    /// The products with the matrices in `x`, each of `n` rows and `inner` columns: as many matrices of [`SparseRows::len`] rows in `y`.
    pub fn times<T: Scalar>(&self, x: &[T], n: usize, inner: usize, y: &mut [T]) {
        let m = self.len();
        if y.is_empty() {
            return;
        }
        let taps = self.columns.len().div_ceil(m).max(1);
        let each = GRAIN.div_ceil(taps * inner) * inner;
        parallel::parts(y, each, &|first, y| {
            // Line by line of `y`; if lines are single numbers, many at a time.
            let (mut line, mut rest) = (first / inner, y);
            while !rest.is_empty() {
                let (outer, i) = (line / m, line % m);
                let x = &x[outer * n * inner..][..n * inner];
                let lines = if inner == 1 { (m - i).min(rest.len()) } else { 1 };
                let (y, after) = rest.split_at_mut(lines * inner);
                if inner == 1 {
                    self.dot(x, i, y);
                } else {
                    y.fill(T::ZERO);
                    for (c, w) in self.row(i) {
                        let w = T::from_f64(w);
                        y.iter_mut().zip(&x[c * inner..]).for_each(|(y, &x)| *y += x * w);
                    }
                }
                (line, rest) = (line + lines, after);
            }
        });
    }
    /// The products of rows `first`, `first + 1`, .. with the vector `x`.
    fn dot<T: Scalar>(&self, x: &[T], first: usize, y: &mut [T]) {
        let mut start = self.starts[first];
        for (y, &end) in y.iter_mut().zip(&self.starts[first + 1..]) {
            let taps = self.columns[start..end].iter().zip(&self.weights[start..end]);
            *y = taps.fold(T::ZERO, |sum, (&c, &w)| sum + x[c] * T::from_f64(w));
            start = end;
        }
    }
}

// ------------------------------------------------------------------------------------------------- planes, own weights

/// The sizes of weighted sums: in images of `channels` planes of `size` elements, each of `outputs` outputs is the sum of `taps` elements.
pub(crate) struct TapSizes {
    pub channels: usize,
    pub size: usize,
    pub outputs: usize,
    pub taps: usize,
}

impl TapSizes {
    /// Calls `f` with the parts of `y`, and the index of the first unit of each. A unit is `len` elements, which take `work` multiply-adds.
    fn share<T: Send>(&self, y: &mut [T], len: usize, work: usize, f: &(dyn Fn(usize, &mut [T]) + Sync)) {
        if !y.is_empty() {
            parallel::parts(y, GRAIN.div_ceil(work.max(1)) * len, &|first, y| f(first / len, y));
        }
    }
    /// The number of taps of all outputs of an image.
    fn all_taps(&self) -> usize {
        self.outputs * self.taps
    }
}

/// `y[n, c, o]`: the sum over k of `w[n, o, k] * x[n, c, index[n, o, k]]`. A negative index is no tap.
pub(crate) fn tap_sum<T: Scalar>(s: &TapSizes, index: &[i64], w: &[T], x: &[T], y: &mut [T]) {
    s.share(y, s.outputs, s.all_taps(), &|first, y| {
        for (plane, y) in y.chunks_mut(s.outputs).enumerate() {
            let image = (first + plane) / s.channels;
            let x = &x[(first + plane) * s.size..][..s.size];
            let (index, w) = (&index[image * s.all_taps()..], &w[image * s.all_taps()..]);
            for (y, (index, w)) in y.iter_mut().zip(index.chunks(s.taps).zip(w.chunks(s.taps))) {
                let taps = index.iter().zip(w).filter(|(i, _)| **i >= 0);
                // From 0, and not by `sum`, which gives -0 for nothing.
                *y = taps.fold(T::ZERO, |sum, (&i, &w)| sum + w * x[i as usize]);
            }
        }
    });
}

/// By x: `x[n, c, index[n, o, k]] += w[n, o, k] * y[n, c, o]`.
pub(crate) fn tap_scatter<T: Scalar>(s: &TapSizes, index: &[i64], y: &[T], w: &[T], x: &mut [T]) {
    s.share(x, s.size, s.all_taps(), &|first, x| {
        x.fill(T::ZERO);
        for (plane, x) in x.chunks_mut(s.size).enumerate() {
            let image = (first + plane) / s.channels;
            let y = &y[(first + plane) * s.outputs..][..s.outputs];
            let (index, w) = (&index[image * s.all_taps()..], &w[image * s.all_taps()..]);
            for (&y, (index, w)) in y.iter().zip(index.chunks(s.taps).zip(w.chunks(s.taps))) {
                for (&i, &w) in index.iter().zip(w).filter(|(i, _)| **i >= 0) {
                    x[i as usize] += w * y;
                }
            }
        }
    });
}

/// By w: `w[n, o, k]` is the sum over c of `y[n, c, o] * x[n, c, index[n, o, k]]`.
pub(crate) fn tap_weights<T: Scalar>(s: &TapSizes, index: &[i64], y: &[T], x: &[T], w: &mut [T]) {
    s.share(w, s.taps, s.taps * s.channels, &|first, w| {
        for (output, w) in w.chunks_mut(s.taps).enumerate() {
            let (image, o) = ((first + output) / s.outputs, (first + output) % s.outputs);
            let (x, y) = (&x[image * s.channels * s.size..], &y[image * s.channels * s.outputs..]);
            for (w, &i) in w.iter_mut().zip(&index[(first + output) * s.taps..]) {
                let channel = |c: usize| y[c * s.outputs + o] * x[c * s.size + i as usize];
                *w = if i < 0 { T::ZERO } else { (0..s.channels).map(channel).fold(T::ZERO, |sum, term| sum + term) };
            }
        }
    });
}
