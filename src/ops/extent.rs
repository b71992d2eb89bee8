//! Ops that reorder, repeat or take a part of an array: flip, roll, repeat, chunk and split, triangles, diagonals, windows.

use crate::array::error::ShapeError;
use crate::array::layout::Layout;
use crate::array::memory::room;
use crate::array::scalar::Scalar;
use crate::array::shape::{MOST, Shape, Sizes, Strides};
use crate::array::view::View;
use crate::kernels::strided::{Nest, copy, scatter};
use crate::ops::join::concat;
use crate::ops::reduction::AxisList;
use crate::ops::slice::{Run, Slice};
use crate::tape::op::{Cotangents, Op, Vjp};
use crate::tape::var::{Var, refuse};

// -------------------------------------------------------------------------------------------------- reordered and repeated

impl<'t, T: Scalar> Var<'t, T> {
    /// A view with the elements in reverse order along some axes. Derivative: the cotangent, reversed likewise. Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    /// assert_eq!(x.flip(-1).to_vec(), [3.0, 2.0, 1.0, 6.0, 5.0, 4.0]);
    /// assert_eq!(x.flip([0, 1]).to_vec(), [6.0, 5.0, 4.0, 3.0, 2.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, or one is named twice.
    #[track_caller]
    pub fn flip(self, axes: impl AxisList) -> Self {
        let (shape, axes) = (self.shape(), self.axes("flip", axes));
        let run = |a: usize| match axes.has(a) && shape[a] > 0 {
            true => Run { start: shape[a] - 1, step: -1, len: shape[a] },
            false => Run { start: 0, step: 1, len: shape[a] },
        };
        self.record(Slice((0..shape.len()).map(run).collect()))
    }
    /// Shifts the elements along some axes; those that leave at the end come in again at the beginning. With one shift and no axes, the
    /// elements are shifted in row-major order. Derivative: the cotangent, shifted back. Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// assert_eq!(tape.leaf([1.0, 2.0, 3.0, 4.0]).roll(&[1], &[0]).to_vec(), [4.0, 1.0, 2.0, 3.0]);
    /// let x = tape.leaf([[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(x.roll(&[-1], &[]).to_vec(), [2.0, 3.0, 4.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, or the numbers of axes and shifts differ.
    #[track_caller]
    pub fn roll(self, shifts: &[isize], axes: &[isize]) -> Self {
        let shape = self.shape();
        if axes.is_empty() && shifts.len() == 1 {
            return self.reshape_to([shape.numel()].into()).roll(shifts, &[0]).reshape_to(shape);
        }
        if shifts.is_empty() || shifts.len() != axes.len() {
            let e = ShapeError::new(format!("{} shifts {shifts:?} for {} axes {axes:?}", shifts.len(), axes.len()));
            refuse(e.hint("name an axis for each shift, or none for one shift of all elements"), "roll", [shape]);
        }
        let mut y = self;
        for (&shift, &axis) in shifts.iter().zip(axes) {
            let n = shape[self.axis("roll", axis)];
            let shift = if n == 0 { 0 } else { shift.rem_euclid(n as isize) as usize };
            if shift > 0 {
                y = concat(&[y.narrow(axis, n - shift, shift), y.narrow(axis, 0, n - shift)], axis);
            }
        }
        y
    }
    /// Repeats the array `times[i]` times along axis i. If `times` has more entries than there are axes, the first ones make new axes in
    /// front. Derivative: the sum over the repeats. Shapes: `[n, m]` to `[times[0] n, times[1] m]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([1.0, 2.0]);
    /// let y = x.repeat(&[3, 2]);
    /// assert_eq!(y.shape(), [3, 4]);
    /// assert_eq!(y.narrow(0, 0, 1).to_vec(), [1.0, 2.0, 1.0, 2.0]);
    /// assert_eq!(tape.grad(y, &[x])[0].unwrap().to_vec(), [6.0, 6.0]);
    /// ```
    ///
    /// # Panics
    /// If there are fewer entries than axes, one is negative, or the result is larger than an array can be.
    #[track_caller]
    pub fn repeat(self, times: impl Sizes) -> Self {
        let (shape, times) = (self.shape(), self.shape_of("repeat", times));
        let Some(skip) = times.len().checked_sub(shape.len()) else {
            let e = ShapeError::new(format!("{times} has fewer entries than shape {shape} axes"));
            refuse(e.hint("say for each axis how often; `tile` takes 1 for those that are not named"), "repeat", [shape]);
        };
        // Split each axis into two, and broadcast the outer one.
        let size = |a: usize| if a < skip { 1 } else { shape[a - skip] };
        let pairs = |times: &dyn Fn(usize) -> usize| {
            (0..2 * skip + 2 * shape.len()).map(|i| if i % 2 == 0 { times(i / 2) } else { size(i / 2) }).collect()
        };
        let repeated: Shape = (0..times.len()).map(|a| times[a].saturating_mul(size(a))).collect();
        self.check_size("repeat", &repeated);
        self.reshape_to(pairs(&|_| 1)).broadcast_to_shape(pairs(&|a| times[a])).reshape_to(repeated)
    }
    /// [`Var::repeat`], where leading axes that are not named stay as they are.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[1.0], [2.0]]);
    /// assert_eq!(x.tile(&[2]).to_vec(), [1.0, 1.0, 2.0, 2.0]); // the last axis, as `repeat(&[1, 2])`
    /// ```
    ///
    /// # Panics
    /// If an entry is negative, or the result is larger than an array can be.
    #[track_caller]
    pub fn tile(self, times: impl Sizes) -> Self {
        let times = self.shape_of("tile", times);
        let ones = std::iter::repeat_n(1, self.ndim().saturating_sub(times.len()));
        self.repeat(ones.chain(times.iter().copied()).collect::<Shape>())
    }

    // ------------------------------------------------------------------------------------------------------------ parts

    /// Views of parts of `size` elements along an axis; the last may be smaller. Derivative: each cotangent, in the place of its part.
    /// Shapes: `[.., n, ..]` to several `[.., size, ..]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([1.0, 2.0, 3.0, 4.0, 5.0]);
    /// let parts = x.split(2, 0);
    /// assert_eq!((parts.len(), parts[1].to_vec(), parts[2].to_vec()), (3, vec![3.0, 4.0], vec![5.0]));
    /// assert_eq!(tape.grad(parts[2], &[x])[0].unwrap().to_vec(), [0.0, 0.0, 0.0, 0.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, or `size` is 0 and the axis is not.
    #[track_caller]
    pub fn split(self, size: usize, axis: isize) -> Vec<Self> {
        let n = self.shape()[self.axis("split", axis)];
        if size == 0 && n > 0 {
            let e = ShapeError::new(format!("axis {axis} of size {n} is not split into parts of no elements"));
            refuse(e.hint("parts need at least one element"), "split", [self.shape()]);
        }
        let count = n.div_ceil(size.max(1)).max(1);
        let mut parts = self.list_of_parts("split", count);
        // A loop: a closure would hide the caller's line. An empty axis has one part.
        for start in (0..n.max(1)).step_by(size.max(1)) {
            parts.push(self.narrow(axis, start, size.min(n - start)));
        }
        parts
    }
    /// Views of parts of these sizes along an axis. Derivative: as [`Var::split`]. Shapes: `[.., n, ..]` to one `[.., sizes[i], ..]` for
    /// each size. In PyTorch: `torch.split` with a list.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let parts = tape.leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).split_with_sizes(&[1, 2], -1);
    /// assert_eq!((parts[0].to_vec(), parts[1].to_vec()), (vec![1.0, 4.0], vec![2.0, 3.0, 5.0, 6.0]));
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, a size is negative, or the sizes do not add up to its own.
    #[track_caller]
    pub fn split_with_sizes(self, sizes: impl Sizes, axis: isize) -> Vec<Self> {
        let (n, sizes) = (self.shape()[self.axis("split_with_sizes", axis)], self.shape_of("split_with_sizes", sizes));
        if sizes.iter().try_fold(0usize, |sum, &size| sum.checked_add(size)) != Some(n) {
            let e = ShapeError::new(format!("the sizes {sizes} do not add up to {n}, the size of axis {axis}"));
            refuse(e.hint("for parts of equal size see `split`"), "split_with_sizes", [self.shape()]);
        }
        let (mut parts, mut start) = (self.list_of_parts("split_with_sizes", sizes.len()), 0);
        for &size in sizes.iter() {
            parts.push(self.narrow(axis, start, size));
            start += size;
        }
        parts
    }
    /// Views of at most `count` parts along an axis. All have the same size, except that the last may be smaller. Derivative: as
    /// [`Var::split`]. Shapes: `[.., n, ..]` to at most `count` times `[.., ceil(n / count), ..]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let parts = tape.leaf([1.0, 2.0, 3.0, 4.0, 5.0]).chunk(4, 0);
    /// assert_eq!(parts.iter().map(|p| p.numel()).collect::<Vec<_>>(), [2, 2, 1]); // parts of ceil(5 / 4): there is no fourth
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, or `count` is 0.
    #[track_caller]
    pub fn chunk(self, count: usize, axis: isize) -> Vec<Self> {
        let n = self.shape()[self.axis("chunk", axis)];
        if count == 0 {
            refuse(ShapeError::new("there is no array in 0 parts").hint("ask for at least one"), "chunk", [self.shape()]);
        }
        if n > 0 {
            return self.split(n.div_ceil(count), axis);
        }
        let mut parts = self.list_of_parts("chunk", count);
        parts.resize(count, self.narrow(axis, 0, 0));
        parts
    }
    /// Exactly `N` views of equal parts along an axis, to be taken apart at once. Derivative: as [`Var::split`]. Shapes: `[.., N n, ..]` to N
    /// times `[.., n, ..]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f32>::new();
    /// let gates = tape.leaf([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]);
    /// let [i, f] = gates.chunks(1);
    /// assert_eq!((i.shape().to_vec(), f.to_vec()), (vec![2, 2], vec![3.0, 4.0, 7.0, 8.0]));
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, or N does not divide its size.
    #[track_caller]
    pub fn chunks<const N: usize>(self, axis: isize) -> [Self; N] {
        let n = self.shape()[self.axis("chunks", axis)];
        if N == 0 || !n.is_multiple_of(N) {
            let e = ShapeError::new(format!("axis {axis} of size {n} is not cut into {N} equal parts"));
            refuse(e.hint("`chunk` gives a list whose last part may be smaller"), "chunks", [self.shape()]);
        }
        let mut parts = [self; N];
        for (i, part) in parts.iter_mut().enumerate() {
            *part = self.narrow(axis, i * (n / N), n / N);
        }
        parts
    }
    /// Views of the slices along an axis, without that axis: the rows of a matrix for axis 0, the steps of a sequence `[batch, time, features]` for
    /// axis 1. PyTorch's `unbind`; the inverse of [`stack`](crate::stack). Derivative: as [`Var::split`]. Shapes: `[n, m]`
    /// to n times `[m]` for axis 0.
    ///
    /// ```
    /// let tape = wengert::Tape::<f32>::new();
    /// let x = tape.leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    /// let columns: Vec<Vec<f32>> = x.unbind(-1).into_iter().map(|column| column.to_vec()).collect();
    /// assert_eq!(columns, [[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn unbind(self, axis: isize) -> Vec<Self> {
        let (shape, at) = (self.shape(), self.axis("unbind", axis));
        let mut parts = self.list_of_parts("unbind", shape[at]);
        for i in 0..shape[at] {
            parts.push(self.narrow(axis, i, 1).reshape_to(shape.remove(at)));
        }
        parts
    }
    /// An empty list with room for `count` parts. Refuses more than `MOST`.
    #[track_caller]
    fn list_of_parts(self, op: &'static str, count: usize) -> Vec<Self> {
        if count > MOST {
            let e = ShapeError::new(format!("{count} parts")).hint(format!("at most {MOST} are possible: ask for larger ones"));
            refuse(e, op, [self.shape()]);
        }
        self.or_refuse(op, room(count))
    }
}

// --------------------------------------------------------------------------------------------------------- triangles

/// Matrices (the last two axes) with zeros on one side of a diagonal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Triangle {
    upper: bool,
    diagonal: isize,
}

impl<T: Scalar> Op<T> for Triangle {
    fn name(&self) -> &'static str {
        if self.upper { "triu" } else { "tril" }
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        match x[0].len() {
            0 | 1 => Err(ShapeError::new(format!("a matrix is needed, not shape {}", x[0])).hint("at least two axes")),
            _ => Ok(x[0].clone()),
        }
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        copy(x[0], y);
        let [.., rows, columns] = x[0].shape()[..] else { return };
        for (i, y) in y.chunks_exact_mut(columns.max(1)).enumerate() {
            // The sum saturates: a diagonal beyond all elements has the same effect wherever it lies.
            let diagonal = ((i % rows) as isize).saturating_add(self.diagonal);
            let before = |column: isize| column.clamp(0, columns as isize) as usize;
            let zeros = if self.upper { &mut y[..before(diagonal)] } else { &mut y[before(diagonal.saturating_add(1))..] };
            zeros.fill(T::ZERO);
        }
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|_| cx.g.record(*self))
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// Matrices (the last two axes) with zeros above a diagonal. Diagonal 0 is the main one; positive ones lie above it. Derivative: the
    /// cotangent, with the same zeros. Shape: that of x, `[.., rows, columns]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    /// assert_eq!(x.tril(0).to_vec(), [1.0, 0.0, 0.0, 4.0, 5.0, 0.0]);
    /// assert_eq!(tape.grad(x.tril(-1), &[x])[0].unwrap().to_vec(), [0.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If there are fewer than two axes.
    #[track_caller]
    pub fn tril(self, diagonal: isize) -> Self {
        self.record(Triangle { upper: false, diagonal })
    }
    /// Matrices (the last two axes) with zeros below a diagonal. Diagonal 0 is the main one; positive ones lie above it. Derivative: the
    /// cotangent, with the same zeros. Shape: that of x, `[.., rows, columns]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    /// assert_eq!(x.triu(1).to_vec(), [0.0, 2.0, 3.0, 0.0, 0.0, 6.0]);
    /// ```
    ///
    /// # Panics
    /// If there are fewer than two axes.
    #[track_caller]
    pub fn triu(self, diagonal: isize) -> Self {
        self.record(Triangle { upper: true, diagonal })
    }
}

// --------------------------------------------------------------------------------------- diagonal and its adjoint

/// A diagonal of the matrices along the axes `rows` and `columns`, moved to the right by `offset`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Diagonal {
    rows: usize,
    columns: usize,
    offset: isize,
}

/// Puts the last axis on a diagonal of zeros: the adjoint of [`Diagonal`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OnDiagonal {
    shape: Shape,
    at: Diagonal,
}

impl Diagonal {
    /// Resolves the axes in a shape.
    fn new(shape: &Shape, offset: isize, rows: isize, columns: isize) -> Result<Diagonal, ShapeError> {
        let (rows_at, columns_at) = (shape.axis(rows)?, shape.axis(columns)?);
        if rows_at == columns_at {
            return Err(ShapeError::new(format!("axes {rows} and {columns} are the same")).hint("a diagonal runs along two axes"));
        }
        Ok(Diagonal { rows: rows_at, columns: columns_at, offset })
    }
    fn of(&self, shape: &Shape) -> Shape {
        let (rows, columns) = (shape[self.rows] as isize, shape[self.columns] as isize);
        let len = (rows + self.offset.min(0)).min(columns - self.offset.max(0)).max(0);
        self.others(shape.len()).map(|a| shape[a]).chain([len as usize]).collect()
    }
    fn others(&self, rank: usize) -> impl Iterator<Item = usize> {
        let (rows, columns) = (self.rows, self.columns);
        (0..rank).filter(move |&a| a != rows && a != columns)
    }
    /// The strides along the other axes and the diagonal.
    fn strides(&self, strides: &[isize]) -> Strides {
        let (down, right) = (strides[self.rows], strides[self.columns]);
        self.others(strides.len()).map(|a| strides[a]).chain([down + right]).collect()
    }
    /// The position of the first element of a diagonal that is not empty.
    fn start(&self, strides: &[isize]) -> isize {
        self.offset.max(0) * strides[self.columns] - self.offset.min(0) * strides[self.rows]
    }
}

impl<T: Scalar> Op<T> for Diagonal {
    fn name(&self) -> &'static str {
        "diagonal"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(self.of(x[0]))
    }
    fn alias(&self, x: &Layout, y: &Shape) -> Option<(Strides, isize)> {
        let strides = self.strides(x.strides());
        // The start of an empty diagonal may lie outside.
        Some((strides, if y.numel() == 0 { 0 } else { self.start(x.strides()) }))
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        copy(x[0], y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|_| cx.g.record(OnDiagonal { shape: cx.x(0).shape(), at: *self }))
    }
}

impl<T: Scalar> Op<T> for OnDiagonal {
    fn name(&self) -> &'static str {
        "diag_embed"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        match self.at.of(&self.shape) {
            wanted if wanted == *x[0] => Ok(self.shape.clone()),
            wanted => Err(ShapeError::new(format!("the diagonal of shape {} has shape {wanted}", self.shape)).hint("see `diagonal`")),
        }
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        y.fill(T::ZERO);
        let natural = self.shape.strides();
        if x[0].shape().numel() > 0 {
            scatter(x[0], y, self.at.start(&natural), &self.at.strides(&natural));
        }
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|_| cx.g.record(self.at))
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// A view of the diagonals of the matrices along two axes, as a new last axis; a positive `offset` moves them to the right, a negative
    /// one down. Derivative: the cotangent, on the diagonal of zeros. Shapes: `[.., n, m]` to `[.., k]`; for
    /// `offset` 0, k = min(n, m).
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    /// assert_eq!(x.diagonal(0, 0, 1).to_vec(), [1.0, 5.0]);
    /// assert_eq!(x.diagonal(1, -2, -1).to_vec(), [2.0, 6.0]);
    /// assert_eq!(tape.grad(x.diagonal(-1, 0, 1), &[x])[0].unwrap().to_vec(), [0.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If there are no such axes, or both are the same.
    #[track_caller]
    pub fn diagonal(self, offset: isize, rows: isize, columns: isize) -> Self {
        match Diagonal::new(&self.shape(), offset, rows, columns) {
            Ok(at) => self.record(at),
            Err(e) => refuse(e, "diagonal", [self.shape()]),
        }
    }
    /// Puts the last axis on the diagonals of square matrices of zeros. `rows` and `columns` are the axes of the matrices in the result; a
    /// positive `offset` moves the diagonals to the right, a negative one down. The adjoint of [`Var::diagonal`]. Derivative: the diagonals
    /// of the cotangent. Shapes: `[.., n]` to `[.., m, m]`, m = n + |offset|.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([1.0, 2.0]);
    /// assert_eq!(x.diag_embed(0, -2, -1).to_vec(), [1.0, 0.0, 0.0, 2.0]);
    /// assert_eq!(x.diag_embed(1, -2, -1).to_vec(), [0.0, 1.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If the array has no axis, there are no such positions, or both are the same.
    #[track_caller]
    pub fn diag_embed(self, offset: isize, rows: isize, columns: isize) -> Self {
        let shape = self.shape();
        let Some((&n, others)) = shape.split_last() else {
            refuse(ShapeError::new("a number has no axis to put on a diagonal").hint("see `unsqueeze`"), "diag_embed", [shape]);
        };
        let size = n.saturating_add(offset.unsigned_abs());
        let at = match Diagonal::new(&shape.insert(0, 1), offset, rows, columns) {
            Ok(at) => at,
            Err(e) => refuse(e, "diag_embed", [shape]),
        };
        let mut others = others.iter();
        let full = (0..=shape.len()).map(|a| if a == at.rows || a == at.columns { size } else { *others.next().expect("the others") });
        let full: Shape = full.collect();
        self.check_size("diag_embed", &full);
        self.record(OnDiagonal { shape: full, at })
    }
    /// The sum of the main diagonal of a matrix. Derivative: 1 on the diagonal, else 0. Shapes: `[n, m]` to `[]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(x.trace().item(), 5.0);
    /// assert_eq!(tape.grad(x.trace(), &[x])[0].unwrap().to_vec(), [1.0, 0.0, 0.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If it is not a matrix.
    #[track_caller]
    pub fn trace(self) -> Self {
        if self.ndim() != 2 {
            let e = ShapeError::new(format!("a matrix is needed, not shape {}", self.shape()));
            refuse(e.hint("for a batch, sum the last axis of `diagonal`"), "trace", [self.shape()]);
        }
        self.diagonal(0, 0, 1).sum()
    }
}

// ------------------------------------------------------------------------------------------- windows and their adjoint

/// Windows along an axis, as a new last axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Windows {
    axis: usize,
    size: usize,
    step: usize,
}

/// Adds up windows where they lie in an axis of size `n`: the adjoint of [`Windows`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct OverlapAdd {
    windows: Windows,
    n: usize,
}

impl Windows {
    fn strides(&self, strides: &[isize]) -> Strides {
        let mut all: Strides = strides.into();
        all[self.axis] = all[self.axis].saturating_mul(self.step as isize);
        all.push(strides[self.axis]);
        all
    }
}

impl<T: Scalar> Op<T> for Windows {
    fn name(&self) -> &'static str {
        "unfold"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        let n = x[0][self.axis];
        if self.size > n {
            return Err(ShapeError::new(format!("windows of {} do not fit axis {} of size {n}", self.size, self.axis))
                .hint("pad the axis first, or take smaller ones"));
        }
        let windows = (n - self.size) / self.step + 1;
        Ok(x[0].with(self.axis, windows).insert(x[0].len(), self.size))
    }
    fn alias(&self, x: &Layout, _: &Shape) -> Option<(Strides, isize)> {
        Some((self.strides(x.strides()), 0))
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        copy(x[0], y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|_| cx.g.record(OverlapAdd { windows: *self, n: cx.x(0).shape()[self.axis] }))
    }
}

impl<T: Scalar> Op<T> for OverlapAdd {
    fn name(&self) -> &'static str {
        "overlap_add"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        let whole = x[0].remove(x[0].len() - 1).with(self.windows.axis, self.n);
        match Op::<T>::shape(&self.windows, &[&whole])? {
            windows if windows == *x[0] => Ok(whole),
            windows => Err(ShapeError::new(format!("the windows of shape {whole} have shape {windows}")).hint("see `unfold`")),
        }
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        y.fill(T::ZERO);
        let (x, shape) = (x[0], x[0].shape());
        if shape.numel() == 0 {
            return;
        }
        let strides = self.windows.strides(&shape.remove(shape.len() - 1).with(self.windows.axis, self.n).strides());
        let nest = Nest::new(shape, [x.strides(), &strides], |_| true);
        nest.each(0..nest.rows(), [x.offset as isize, 0], |[from, to]| {
            for i in 0..nest.row as isize {
                y[(to + i * nest.step[1]) as usize] += x.data[(from + i * nest.step[0]) as usize];
            }
        });
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|_| cx.g.record(self.windows))
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// A view of the windows of `size` elements along an axis, as a new last axis. Each begins `step` elements after the one before. This
    /// is PyTorch's `Tensor.unfold`. Derivative: the cotangents of the windows, added up where the windows lie. Shapes: `[.., n, ..]` to
    /// `[.., (n - size) / step + 1, .., size]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([1.0, 2.0, 3.0, 4.0]);
    /// assert_eq!(x.unfold(0, 2, 1).to_vec(), [1.0, 2.0, 2.0, 3.0, 3.0, 4.0]);
    /// assert_eq!(tape.grad(x.unfold(0, 2, 1), &[x])[0].unwrap().to_vec(), [1.0, 2.0, 2.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, it has fewer elements, or `step` is 0.
    #[track_caller]
    pub fn unfold(self, axis: isize, size: usize, step: usize) -> Self {
        let (x, axis) = self.with_axis("unfold", axis);
        if step == 0 {
            refuse(ShapeError::new("windows that do not move never end").hint("`step` is at least 1"), "unfold", [self.shape()]);
        }
        // Every step beyond the end gives a single window; a larger one might overflow the stride.
        let step = step.min(x.shape()[axis].saturating_add(1));
        let y = x.record(Windows { axis, size, step });
        // A number has one window, and no other axis.
        if self.ndim() == 0 { y.reshape_to([size].into()) } else { y }
    }
}

#[cfg(test)]
pub(crate) mod rows;
