//! Products of a sparse matrix of constants with dense arrays, whose adjoints are those with the transpose.

use crate::array::error::ShapeError;
use crate::array::memory::{filled, or_panic};
use crate::array::scalar::Scalar;
use crate::array::shape::Shape;
use crate::array::view::View;
use crate::kernels::sparse::SparseRows;
use crate::tape::op::{Cotangents, Op, Vjp};
use crate::tape::var::{Var, refuse};
use std::fmt;
use std::sync::{Arc, OnceLock};

// ------------------------------------------------------------------------------------------------------------ axis_map

/// A sparse matrix and, once it was asked for, its transpose.
struct Pair {
    rows: SparseRows,
    /// How many columns it has.
    n: usize,
    columns: OnceLock<SparseRows>,
}

impl Pair {
    fn new(rows: SparseRows, n: usize) -> Pair {
        Pair { rows, n, columns: OnceLock::new() }
    }
    /// The transpose.
    fn columns(&self) -> &SparseRows {
        self.columns.get_or_init(|| or_panic(self.rows.transpose(self.n)))
    }
}

impl PartialEq for Pair {
    fn eq(&self, other: &Pair) -> bool {
        std::ptr::eq(self, other) || (self.n == other.n && self.rows == other.rows)
    }
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.n, self.rows.len())
    }
}

/// Multiplies each of the vectors along an axis by a sparse matrix: each element of the result is a weighted sum of a few elements. The
/// adjoint is the same with the transpose.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AxisMap {
    axis: usize,
    matrix: Arc<Pair>,
    adjoint: bool,
}

impl AxisMap {
    /// The numbers of rows and columns.
    fn sizes(&self) -> (usize, usize) {
        let (m, n) = (self.matrix.rows.len(), self.matrix.n);
        if self.adjoint { (n, m) } else { (m, n) }
    }
}

impl<T: Scalar> Op<T> for AxisMap {
    fn name(&self) -> &'static str {
        "axis_map"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        let (m, n) = self.sizes();
        if x[0].get(self.axis) != Some(&n) {
            let e = ShapeError::new(format!("axis {} of shape {} does not have size {n}", self.axis, x[0]));
            return Err(e.hint("a matrix has as many columns as the axis elements"));
        }
        Ok(x[0].with(self.axis, m))
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        let matrix = if self.adjoint { self.matrix.columns() } else { &self.matrix.rows };
        let inner = x[0].shape()[self.axis + 1..].iter().product();
        matrix.times(&x[0].to_slice(), self.sizes().1, inner, y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|_| cx.g.record(AxisMap { adjoint: !self.adjoint, ..self.clone() }))
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The array with one axis replaced: element `i` of the result is the weighted sum that row `i` describes.
    #[track_caller]
    pub(crate) fn axis_map(self, axis: usize, rows: SparseRows) -> Self {
        let n = self.shape()[axis];
        if rows.len() == n && rows.is_identity() {
            return self;
        }
        self.record(AxisMap { axis, matrix: Arc::new(Pair::new(rows, n)), adjoint: false })
    }
}

// ------------------------------------------------------------------------------------------------------ sparse matrices

/// A matrix of constants, most of which are 0, in compressed sparse rows (CSR): for each row, the columns and values of its entries. It
/// multiplies arrays of either number type. Cheap to clone.
///
/// ```
/// use wengert::{SparseMatrix, Tape};
/// // A graph of three nodes: 0 - 1, 1 - 2. Each node gets the mean of its neighbors.
/// let a = SparseMatrix::from_entries([3, 3], [(0, 1, 1.0), (1, 0, 0.5), (1, 2, 0.5), (2, 1, 1.0)]);
/// let tape = Tape::<f64>::new();
/// let x = tape.leaf([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]);
/// let y = a.matmul(x);
/// assert_eq!(y.to_vec(), [2.0, 20.0, 2.0, 20.0, 2.0, 20.0]);
/// assert_eq!(tape.grad(y, &[x])[0].unwrap().to_vec(), [0.5, 0.5, 2.0, 2.0, 0.5, 0.5]);
/// ```
#[derive(Clone, PartialEq)]
pub struct SparseMatrix(Arc<Pair>);

impl SparseMatrix {
    /// A matrix of this shape `[rows, columns]` from entries (row, column, value), in any order. Entries at one place are added.
    ///
    /// # Panics
    /// If a row or column is out of range, the shape has 2^32 - 1 rows or columns or more, or there is no memory for it.
    #[track_caller]
    pub fn from_entries(shape: [usize; 2], entries: impl IntoIterator<Item = (usize, usize, f64)>) -> SparseMatrix {
        let mut entries: Vec<(usize, usize, f64)> = entries.into_iter().collect();
        entries.sort_by_key(|&(row, column, _)| (row, column)); // stable, so that sums have the given order
        entries.dedup_by(|next, kept| {
            let same = (next.0, next.1) == (kept.0, kept.1);
            kept.2 += if same { next.2 } else { 0.0 };
            same
        });
        let checked = check_shape(shape).and_then(|()| match entries.iter().find(|e| e.0 >= shape[0]) {
            None => filled(shape[0] + 1, 0),
            Some((row, ..)) => Err(ShapeError::new(format!("row {row} is out of range")).hint(numbered(shape[0]))),
        });
        let mut starts = checked.unwrap_or_else(|e| refuse(e, "SparseMatrix", [shape.into()]));
        entries.iter().for_each(|e| starts[e.0 + 1] += 1);
        (0..shape[0]).for_each(|i| starts[i + 1] += starts[i]);
        SparseMatrix::from_csr(shape, starts, entries.iter().map(|e| e.1).collect(), entries.iter().map(|e| e.2).collect())
    }
    /// A matrix of this shape `[rows, columns]` from its compressed rows: row `i` has `values[k]` in column `columns[k]`, for the `k` in
    /// `starts[i]..starts[i + 1]`. (PyTorch's `sparse_csr_tensor(starts, columns, values)`, SciPy's `csr_array((values, columns, starts))`.) A column
    /// may occur twice in a row, and then both values count.
    ///
    /// # Panics
    /// If `starts` does not have one number more than there are rows or does not rise from 0 to the number of entries, if there are not as
    /// many columns as values, if a column is out of range, or if the shape has 2^32 - 1 rows or columns or more.
    #[track_caller]
    pub fn from_csr(shape: [usize; 2], starts: Vec<usize>, columns: Vec<usize>, values: Vec<f64>) -> SparseMatrix {
        let [m, n] = shape;
        let rises = starts.first() == Some(&0) && starts.is_sorted() && starts.last() == Some(&columns.len());
        let wrong = if let Err(e) = check_shape(shape) {
            Some(e)
        } else if starts.len() - usize::from(!starts.is_empty()) != m || !rises {
            let what = format!("{} starts of rows for {m} rows and {} entries", starts.len(), columns.len());
            Some(ShapeError::new(what).hint("there is one more than rows; they rise from 0 to the number of entries"))
        } else if columns.len() != values.len() {
            let what = format!("{} columns for {} values", columns.len(), values.len());
            Some(ShapeError::new(what).hint("each entry has a column and a value"))
        } else {
            let outside = columns.iter().find(|c| **c >= n);
            outside.map(|c| ShapeError::new(format!("column {c} is out of range")).hint(numbered(n)))
        };
        if let Some(e) = wrong {
            refuse(e, "SparseMatrix", [shape.into()]);
        }
        let columns = columns.into_iter().map(|c| c as u32).collect();
        SparseMatrix(Arc::new(Pair::new(SparseRows::of(starts, columns, values), n)))
    }
    /// The numbers of rows and columns.
    ///
    /// ```
    /// assert_eq!(wengert::SparseMatrix::from_entries([2, 5], [(0, 4, 1.0)]).shape(), [2, 5]);
    /// ```
    pub fn shape(&self) -> [usize; 2] {
        [self.0.rows.len(), self.0.n]
    }
    /// The number of entries that are stored (SciPy's and PyTorch's `nnz`).
    ///
    /// ```
    /// assert_eq!(wengert::SparseMatrix::from_entries([2, 5], [(0, 4, 1.0), (0, 4, 2.0), (1, 0, 3.0)]).entries(), 2);
    /// ```
    pub fn entries(&self) -> usize {
        self.0.rows.entries()
    }
    /// The product of this matrix, `[m, n]`, with a dense array: `[n, c]` to `[m, c]`, a batch `[.., n, c]` to `[.., m, c]`, a vector `[n]` to `[m]`. Rows are vectors of `c` numbers that lie together: the product is fast where they are long. The bits do not depend on
    /// the number of threads. Derivative: the product of the transposed matrix, which is made once, with the cotangent. The matrix
    /// itself has none.
    ///
    /// Where nothing is stored, nothing is multiplied: an infinite or NaN value in a column without entries does not reach the result.
    ///
    /// ```
    /// use wengert::{SparseMatrix, Tape};
    /// let difference = SparseMatrix::from_entries([2, 3], [(0, 0, -1.0), (0, 1, 1.0), (1, 1, -1.0), (1, 2, 1.0)]);
    /// let tape = Tape::<f32>::new();
    /// assert_eq!(difference.matmul(tape.leaf([1.0, 4.0, 9.0])).to_vec(), [3.0, 5.0]);
    /// ```
    ///
    /// # Panics
    /// If the array has no axis, or its last but one (of a vector, its only one) is not as long as the matrix has columns.
    #[track_caller]
    pub fn matmul<'t, T: Scalar>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let (shape, n) = (x.shape(), self.0.n);
        let axis = shape.len().saturating_sub(2);
        if shape.get(axis) != Some(&n) {
            let e = ShapeError::new(format!("a matrix of shape {:?} needs {n} rows", self.shape()));
            refuse(e.hint("arrays have shape [n, c], batches [.., n, c], vectors [n]"), "SparseMatrix::matmul", [shape]);
        }
        x.record(AxisMap { axis, matrix: self.0.clone(), adjoint: false })
    }
}

impl fmt::Debug for SparseMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [m, n] = self.shape();
        write!(f, "SparseMatrix([{m}, {n}], {} entries)", self.entries())
    }
}

/// Columns and rows are counted in 32 bits, as the elements of arrays are.
fn check_shape(shape: [usize; 2]) -> Result<(), ShapeError> {
    match shape.iter().any(|&n| n >= u32::MAX as usize) {
        true => Err(ShapeError::new("it is too large").hint("there are fewer than 2^32 - 1 rows, and as few columns")),
        false => Ok(()),
    }
}

fn numbered(n: usize) -> String {
    format!("there are {n}, numbered from 0")
}

/// The identity on an empty axis. `axis_map` would not record it.
#[cfg(test)]
pub(crate) fn empty() -> AxisMap {
    AxisMap { axis: 0, matrix: Arc::new(Pair::new(SparseRows::new(), 0)), adjoint: false }
}

#[cfg(test)]
mod rows {
    use super::*;
    use crate::ops::samples::*;

    impl Sampled for AxisMap {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let map = || {
                let mut rows = SparseRows::new();
                rows.push([(1, 2.0), (0, -1.0)]);
                rows.push([]);
                rows.push([(1, 0.5), (3, 1.0), (1, 0.25)]);
                Arc::new(Pair::new(rows, 4))
            };
            let op = move |axis, adjoint| AxisMap { axis, matrix: map(), adjoint };
            let mut all = vec![
                grad([any(&[4])], move |v| v[0].record(op(0, false)).exp()),
                grad([any(&[2, 4])], move |v| v[0].record(op(1, false)).exp()),
                grad([any(&[4, 3])], move |v| v[0].record(op(0, false)).exp()),
                grad([any(&[3, 4])], move |v| v[0].t().record(op(0, false)).exp()),
                grad([any(&[2, 3, 2])], move |v| v[0].record(op(1, true)).exp()),
                grad([any(&[0, 4])], move |v| v[0].record(op(1, false)).exp()),
                grad([any(&[4, 0])], move |v| v[0].record(op(0, false)).exp()),
                adjoint(any(&[2, 4, 3]), any(&[2, 3, 3]), move |u| u.record(op(1, false)), move |v| v.record(op(1, true))),
                value([of(&[4], [1.0, 2.0, 3.0, 4.0])], move |v| v[0].record(op(0, false)), &[3.0, 0.0, 5.5], [&[-1.0, 2.75, 0.0, 1.0]]),
                refuses([any(&[3])], move |v| v[0].record(op(0, false)), &["axis_map of [3]", "size 4"]),
            ];
            let a = || SparseMatrix::from_entries([3, 4], [(2, 3, 1.0), (0, 1, 2.0), (2, 1, 0.5), (0, 0, -1.0), (2, 1, 0.25)]);
            let wide = |n: usize| SparseMatrix::from_entries([9, n], (0..40).map(|i| (i * 7 % 9, i * 11 % n, i as f64 / 8.0 - 2.0)));
            all.extend([
                grad([any(&[4, 3])], move |v| a().matmul(v[0]).exp()),
                grad([any(&[2, 3, 4])], move |v| a().matmul(v[0].transpose(1, 2)).exp()),
                equals([any(&[4])], move |v| a().matmul(v[0]), move |v| v[0].record(op(0, false))),
                equals([any(&[2, 4, 3])], move |v| a().matmul(v[0]), move |v| v[0].record(op(1, false))),
                // No rows, no columns, no entries.
                grad([any(&[0, 11])], |v| SparseMatrix::from_entries([3, 0], []).matmul(v[0]).exp()),
                grad([any(&[3, 11])], |v| SparseMatrix::from_entries([0, 3], []).matmul(v[0]).exp()),
                // In blocks of every width, on several threads.
                equals([any(&[50, 77])], move |v| wide(50).matmul(v[0]), move |v| dense(&wide(50), v[0]).matmul(v[0])),
                equals([any(&[200, 400])], move |v| wide(200).matmul(v[0]), move |v| dense(&wide(200), v[0]).matmul(v[0])),
                refuses([any(&[3, 4])], move |v| a().matmul(v[0]), &["SparseMatrix::matmul of [3, 4]", "[3, 4] needs 4 rows", "hint: "]),
                refuses([any(&[])], move |v| a().matmul(v[0]), &["SparseMatrix::matmul of []"]),
            ]);
            all.extend(crate::ops::resample::rows::rows());
            all.extend(crate::ops::pad_mode::rows::rows());
            all
        }
    }

    /// The same matrix with its zeros.
    fn dense<'t, T: Scalar>(a: &SparseMatrix, like: Var<'t, T>) -> Var<'t, T> {
        let [m, n] = a.shape();
        let mut all = vec![T::ZERO; m * n];
        (0..m).for_each(|i| a.0.rows.row(i).for_each(|(j, w)| all[i * n + j] += T::from_f64(w)));
        like.tape().constant(all).reshape([m as isize, n as isize])
    }

    #[test]
    fn refused() {
        let text = |f: fn() -> SparseMatrix| *std::panic::catch_unwind(f).expect_err("must be refused").downcast::<String>().unwrap();
        type Case = (fn() -> SparseMatrix, &'static str);
        let cases: [Case; 7] = [
            (|| SparseMatrix::from_entries([2, 2], [(2, 0, 1.0)]), "row 2 is out of range"),
            (|| SparseMatrix::from_entries([2, 2], [(0, 2, 1.0)]), "column 2 is out of range"),
            (|| SparseMatrix::from_entries([1 << 40, 2], []), "too large"),
            (|| SparseMatrix::from_csr([2, 2], vec![], vec![], vec![]), "0 starts of rows for 2 rows and 0 entries"),
            (|| SparseMatrix::from_csr([2, 2], vec![0, 2, 1], vec![0], vec![1.0]), "3 starts of rows for 2 rows and 1 entries"),
            (|| SparseMatrix::from_csr([0, 2], vec![0], vec![], vec![1.0]), "0 columns for 1 values"),
            (|| SparseMatrix::from_csr([usize::MAX, 2], vec![0], vec![], vec![]), "too large"),
        ];
        for (f, what) in cases {
            let text = text(f);
            assert!(text.contains(what) && text.contains("SparseMatrix of [") && text.contains("hint: "), "{text}");
        }
        assert_eq!(format!("{:?}", SparseMatrix::from_csr([0, 2], vec![0], vec![], vec![])), "SparseMatrix([0, 2], 0 entries)");
    }
}
