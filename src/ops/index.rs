//! Choosing elements by index: gather and scatter, index_select and its relatives, each with its adjoint.

use crate::array::error::ShapeError;
use crate::array::memory::{filled, list};
use crate::array::scalar::Scalar;
use crate::array::shape::{Shape, Strides};
use crate::array::view::View;
use crate::kernels::strided::{Nest, gather};
pub(crate) use crate::ops::indices::Indices;
use crate::ops::slice::{Run, Slice};
use crate::tape::op::{Cotangents, Op, Vjp};
use crate::tape::var::{Operand, Var, refuse};

// ------------------------------------------------------------------------------------------------ gather and scatter_add

/// `y[i][j] = x[index[i][j]][j]` (for axis 0).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Gather {
    axis: usize,
    index: Indices,
}

/// `y[index[i][j]][j] += x[i][j]` (for axis 0), where y starts as zeros of a given shape: the adjoint of [`Gather`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ScatterAdd {
    axis: usize,
    index: Indices,
    shape: Shape,
}

fn check_gather(full: &Shape, axis: usize, index: &Indices) -> Result<(), ShapeError> {
    let small = index.shape();
    if small.numel() > 0 && (small.len() != full.len() || (0..full.len()).any(|a| a != axis && small[a] > full[a])) {
        return Err(ShapeError::new(format!("indices of shape {small} do not fit shape {full} along axis {axis}"))
            .hint("they need as many axes, none longer but the one that is indexed"));
    }
    index.check(full[axis], "index")
}

/// For each index, in order, calls `f` with its position, the offset of the element that it names (in an array with `strides`), and the
/// offset of its own element (in an array with strides `own`).
fn each_index(index: &Indices, axis: usize, [strides, own]: [&[isize]; 2], mut f: impl FnMut(usize, isize, isize)) {
    if index.values.is_empty() {
        return;
    }
    let beside: Strides = (0..strides.len()).map(|a| if a == axis { 0 } else { strides[a] }).collect();
    let nest = Nest::new(&index.shape, [&beside, own], |_| true);
    let mut at = 0;
    nest.each(0..nest.rows(), [0, 0], |[base, own]| {
        for i in 0..nest.row as isize {
            f(at, base + i * nest.step[0] + index.values[at] as isize * strides[axis], own + i * nest.step[1]);
            at += 1;
        }
    });
}

impl<T: Scalar> Op<T> for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        check_gather(x[0], self.axis, &self.index)?;
        Ok(self.index.shape.clone())
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        let (data, offset, strides) = (x[0].data, x[0].offset as isize, x[0].strides());
        each_index(&self.index, self.axis, [strides, strides], |i, at, _| y[i] = data[(offset + at) as usize]);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        let shape = cx.x(0).shape();
        cx.each(|_| cx.g.record(ScatterAdd { axis: self.axis, index: self.index.clone(), shape: shape.clone() }))
    }
}

impl<T: Scalar> Op<T> for ScatterAdd {
    fn name(&self) -> &'static str {
        "scatter_add"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        check_gather(&self.shape, self.axis, &self.index)?;
        if x[0] != self.index.shape() {
            let e = ShapeError::new(format!("indices of shape {} need values of that shape", self.index.shape));
            return Err(e.hint("`scatter_add` takes more values than indices, and not fewer"));
        }
        Ok(self.shape.clone())
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        y.fill(T::ZERO);
        let (data, offset) = (x[0].data, x[0].offset as isize);
        each_index(&self.index, self.axis, [&self.shape.strides(), x[0].strides()], |_, at, from| {
            y[at as usize] += data[(offset + from) as usize];
        });
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|_| cx.g.record(Gather { axis: self.axis, index: self.index.clone() }))
    }
}

/// As in PyTorch, a single number among indices or values counts as an array of one element.
fn one_axis_at_least(shape: &Shape) -> Shape {
    if shape.is_empty() { [1].into() } else { shape.clone() }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// Takes elements along an axis by index: `y[i][j] = x[index[i][j]][j]` for axis 0. Derivative: [`Var::scatter_add`] into zeros. Shape:
    /// that of the indices.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    /// let y = x.gather(-1, [[2, 0], [1, 1]]);
    /// assert_eq!(y.to_vec(), [3.0, 1.0, 5.0, 5.0]);
    /// assert_eq!(tape.grad(y, &[x])[0].unwrap().to_vec(), [1.0, 0.0, 1.0, 0.0, 2.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, the indices have another number of axes or are larger along another axis, or one is out of range.
    #[track_caller]
    pub fn gather(self, axis: isize, index: impl Into<Indices>) -> Self {
        let ((x, axis), index) = (self.with_axis("gather", axis), index.into());
        let rows = index.reshape(one_axis_at_least(&index.shape));
        x.record(Gather { axis, index: rows }).reshape_to(index.shape)
    }
    /// [`Var::gather`], after indices and array are broadcast to each other along all axes but this one. The results of [`Var::argmax`] and
    /// [`Var::argsort`] fit as indices. Negative indices count from the end. Shape: that of the indices, broadcast.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[5.0, 2.0, 3.0], [4.0, 6.0, 1.0]]);
    /// assert_eq!(x.take_along_dim(1, [[-1]]).to_vec(), [3.0, 1.0]);
    /// assert_eq!(x.take_along_dim(1, x.argsort(1, false)).to_vec(), [2.0, 3.0, 5.0, 1.0, 4.0, 6.0]);
    /// ```
    ///
    /// # Panics
    /// As [`Var::gather`], and if indices and array do not broadcast.
    #[track_caller]
    pub fn take_along_dim(self, axis: isize, index: impl Into<Indices>) -> Self {
        let ((x, axis), index) = (self.with_axis("take_along_dim", axis), index.into());
        let (shape, rows) = (x.shape(), one_axis_at_least(&index.shape));
        let beside = if rows.len() == shape.len() { shape.with(axis, 1).broadcast(&rows.with(axis, 1)) } else { None };
        let Some(beside) = beside else {
            let e = ShapeError::new(format!(
                "indices of shape {} do not broadcast with shape {shape} along the axes other than {axis}",
                index.shape
            ));
            refuse(e.hint("they need as many axes, of equal sizes or 1"), "take_along_dim", [shape]);
        };
        let index =
            index.counted_from_end(shape[axis]).and_then(|index| index.reshape(rows.clone()).broadcast_to(&beside.with(axis, rows[axis])));
        let index = self.or_refuse("take_along_dim", index);
        x.broadcast_to_shape(beside.with(axis, shape[axis])).record(Gather { axis, index })
    }
    /// Adds values at indices along an axis: `y = x; y[index[i][j]][j] += values[i][j]` for axis 0. If an index occurs twice, both values
    /// are added. Derivative: the cotangent for x, and its [`Var::gather`] for the values. Values that lie beyond the indices are not used.
    /// Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (x, values) = (tape.leaf([1.0, 1.0, 1.0]), tape.leaf([10.0, 20.0, 30.0]));
    /// let y = x.scatter_add(0, [2, 2], values);
    /// assert_eq!(y.to_vec(), [1.0, 1.0, 31.0]);
    /// assert_eq!(tape.grad(y * y, &[values])[0].unwrap().to_vec(), [62.0, 62.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// As [`Var::gather`], and if there are fewer values than indices along an axis.
    #[track_caller]
    pub fn scatter_add(self, axis: isize, index: impl Into<Indices>, values: impl Operand<'t, T>) -> Self {
        let ((x, axis), index) = (self.with_axis("scatter_add", axis), index.into());
        let (index, values) = (index.reshape(one_axis_at_least(&index.shape)), values.to_var(self.tape));
        if index.values.is_empty() && values.shape() != *index.shape() {
            self.or_refuse("scatter_add", index.check(x.shape()[axis], "index"));
            return self; // as in PyTorch, an empty array of indices fits values of any shape
        }
        let values = values.fit_to(&index, "scatter_add");
        (x + values.record(ScatterAdd { axis, index, shape: x.shape() })).reshape_to(self.shape())
    }
    /// The array, with values put at indices along an axis: `y = x; y[index[i][j]][j] = values[i][j]` for axis 0. Values that lie beyond
    /// the indices are not used; a single number is put at all of them. If an index occurs twice, the last value counts. Derivative: the
    /// cotangent goes to the value that is in the result. Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (x, values) = (tape.leaf([1.0, 2.0, 3.0]), tape.leaf([10.0, 20.0]));
    /// assert_eq!(x.scatter(0, [0, 2], 9.0).to_vec(), [9.0, 2.0, 9.0]);
    /// let y = x.scatter(0, [1, 1], values);
    /// assert_eq!(y.to_vec(), [1.0, 20.0, 3.0]);
    /// assert_eq!(tape.grad(y, &[values])[0].unwrap().to_vec(), [0.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// As [`Var::scatter_add`].
    #[track_caller]
    pub fn scatter(self, axis: isize, index: impl Into<Indices>, values: impl Operand<'t, T>) -> Self {
        let ((x, axis), index) = (self.with_axis("scatter", axis), index.into());
        let (shape, values) = (x.shape(), values.to_var(self.tape));
        let index = index.reshape(one_axis_at_least(&index.shape));
        if let Err(e) = check_gather(&shape, axis, &index) {
            refuse(e, "scatter", [shape]);
        }
        if index.values.is_empty() {
            return self;
        }
        let values = if values.ndim() == 0 { values.broadcast_to_shape(index.shape.clone()) } else { values.fit_to(&index, "scatter") };
        let mut from = self.nothing("scatter");
        let own = index.shape.strides();
        each_index(&index, axis, [&shape.strides(), &own], |_, at, own| from[at as usize] = own as i64);
        x.replaced("scatter", from, values).reshape_to(self.shape())
    }
    /// The part of an array of values that the indices use.
    #[track_caller]
    fn fit_to(self, index: &Indices, op: &'static str) -> Self {
        let (shape, wanted) = (one_axis_at_least(&self.shape()), index.shape());
        if shape.len() != wanted.len() || shape.iter().zip(wanted.iter()).any(|(n, m)| n < m) {
            let e = ShapeError::new(format!("values of shape {} do not fill indices of shape {wanted}", self.shape()));
            refuse(e.hint("values need as many axes as indices, none shorter"), op, [self.shape()]);
        }
        let runs = wanted.iter().map(|&len| Run { start: 0, step: 1, len }).collect();
        let values = self.reshape_to(shape.clone());
        if shape == *wanted { values } else { values.record(Slice(runs)) }
    }
    /// The list that [`Var::replaced`] takes, with nothing replaced yet.
    #[track_caller]
    fn nothing(self, op: &'static str) -> Vec<i64> {
        let shape = self.shape();
        self.or_refuse(op, shape.check_size().and_then(|()| filled(shape.numel(), NOTHING)))
    }
    /// The array with some elements replaced. For each element, `from` is the index of the value that replaces it, or [`NOTHING`].
    #[track_caller]
    pub(crate) fn replaced(self, op: &'static str, from: Vec<i64>, values: Self) -> Self {
        let mask = list(from.iter().map(|&i| if i == NOTHING { T::ZERO } else { T::ONE }));
        let mask = self.tape.constant(self.or_refuse(op, mask)).reshape_to(self.shape());
        let from: Vec<i64> = from.into_iter().map(|i| i.max(0)).collect();
        let chosen = values.reshape_to([values.numel()].into()).index_select(0, from);
        mask.where_cond(chosen.reshape_to(self.shape()), self)
    }
}

/// In the list that [`Var::replaced`] takes: this element is not replaced.
pub(crate) const NOTHING: i64 = -1;

// --------------------------------------------------------------------------------------------- index_select and index_add

/// Whole slices along an axis, by index.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct IndexSelect {
    axis: usize,
    index: Indices,
}

/// Adds slices at indices along an axis of zeros: the adjoint of [`IndexSelect`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct IndexAdd {
    axis: usize,
    index: Indices,
    size: usize,
}

fn check_select(axis_size: usize, index: &Indices) -> Result<(), ShapeError> {
    if index.shape().len() > 1 {
        return Err(ShapeError::new(format!("a list of indices is needed, not shape {}", index.shape()))
            .hint("for an index for each element see `gather`"));
    }
    index.check(axis_size, "index")
}

/// Walks over the rows of slices along an axis, in two arrays that differ only in the size of that axis. For each pair of indices in
/// `slices` (one for each array), `f` gets the places where a row begins.
fn each_slice(
    shape: &Shape,
    axis: usize,
    strides: [&[isize]; 2],
    offset: isize,
    slices: impl Iterator<Item = [usize; 2]> + Clone,
    mut f: impl FnMut(&Nest<2>, [isize; 2]),
) {
    if shape.numel() == 0 {
        return;
    }
    let outer = Nest::new(shape, strides, |a| a < axis);
    let inner = Nest::new(shape, strides, |a| a > axis);
    outer.each(0..outer.rows(), [offset, 0], |base| {
        for o in 0..outer.row as isize {
            for slice in slices.clone() {
                let start = [0, 1].map(|k| base[k] + o * outer.step[k] + slice[k] as isize * strides[k][axis]);
                inner.each(0..inner.rows(), start, |at| f(&inner, at));
            }
        }
    });
}

impl<T: Scalar> Op<T> for IndexSelect {
    fn name(&self) -> &'static str {
        "index_select"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        check_select(x[0][self.axis], &self.index)?;
        Ok(x[0].with(self.axis, self.index.values.len()))
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        let (x, axis) = (x[0], self.axis);
        let shape = x.shape().with(axis, self.index.values.len());
        let slices = self.index.values.iter().enumerate().map(|(k, &i)| [i as usize, k]);
        each_slice(&shape, axis, [x.strides(), &shape.strides()], x.offset as isize, slices, |row, [from, to]| {
            gather(x.data, from, row.step[0], &mut y[to as usize..][..row.row]);
        });
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        let size = cx.x(0).shape()[self.axis];
        cx.each(|_| cx.g.record(IndexAdd { axis: self.axis, index: self.index.clone(), size }))
    }
}

impl<T: Scalar> Op<T> for IndexAdd {
    fn name(&self) -> &'static str {
        "index_add"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        check_select(self.size, &self.index)?;
        if x[0][self.axis] != self.index.values.len() {
            let e = ShapeError::new(format!("{} indices need as many slices along axis {}", self.index.values.len(), self.axis));
            return Err(e.hint("each index names the place of one slice"));
        }
        Ok(x[0].with(self.axis, self.size))
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        y.fill(T::ZERO);
        let (x, axis) = (x[0], self.axis);
        let strides = x.shape().with(axis, self.size).strides();
        let slices = self.index.values.iter().enumerate().map(|(k, &i)| [k, i as usize]);
        each_slice(x.shape(), axis, [x.strides(), &strides], x.offset as isize, slices, |row, [from, to]| {
            for (i, y) in y[to as usize..][..row.row].iter_mut().enumerate() {
                *y += x.data[(from + i as isize * row.step[0]) as usize];
            }
        });
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|_| cx.g.record(IndexSelect { axis: self.axis, index: self.index.clone() }))
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// Takes whole slices along an axis by index; an index may occur more than once. Derivative: the cotangents of the slices, added up.
    /// Shapes: `[.., n, ..]` and k indices to `[.., k, ..]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    /// let y = x.index_select(-1, [2, 0, 2]);
    /// assert_eq!(y.to_vec(), [3.0, 1.0, 3.0, 6.0, 4.0, 6.0]);
    /// assert_eq!(tape.grad(y, &[x])[0].unwrap().to_vec(), [1.0, 0.0, 2.0, 1.0, 0.0, 2.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, or an index is out of range.
    #[track_caller]
    pub fn index_select(self, axis: isize, index: impl Into<Indices>) -> Self {
        let ((x, axis), index) = (self.with_axis("index_select", axis), index.into());
        if self.ndim() == 0 && index.values.len() != 1 {
            let e = ShapeError::new(format!("{} indices for the one element of a number", index.values.len()));
            refuse(e.hint("give one, or see `unsqueeze`"), "index_select", [self.shape()]);
        }
        let y = x.record(IndexSelect { axis, index });
        if self.ndim() == 0 { y.reshape_to(Shape::scalar()) } else { y }
    }
    /// Adds `alpha` times whole slices at indices along an axis: `y = x; y[index[i]] += alpha * source[i]` for axis 0. If an index occurs
    /// twice, both slices are added. Derivative: the cotangent for x, and `alpha` times its [`Var::index_select`] for the source. Shapes:
    /// `[.., n, ..]`, k indices and a source `[.., k, ..]` to `[.., n, ..]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (x, source) = (tape.leaf([[1.0, 2.0], [3.0, 4.0]]), tape.leaf([[10.0, 20.0], [10.0, 20.0]]));
    /// let y = x.index_add(0, [1, 1], source, 0.5);
    /// assert_eq!(y.to_vec(), [1.0, 2.0, 13.0, 24.0]);
    /// assert_eq!(tape.grad(y, &[source])[0].unwrap().to_vec(), [0.5; 4]);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, an index is out of range, or the source differs from the array along another axis.
    #[track_caller]
    pub fn index_add(self, axis: isize, index: impl Into<Indices>, source: impl Operand<'t, T>, alpha: f64) -> Self {
        let (x, axis, index, source) = self.with_slices("index_add", axis, index.into(), source.to_var(self.tape));
        let source = if alpha == 1.0 { source } else { source * source.number(alpha) };
        (x + source.record(IndexAdd { axis, index, size: x.shape()[axis] })).reshape_to(self.shape())
    }
    /// The array, with whole slices put at indices along an axis: `y = x; y[index[i]] = source[i]` for axis 0. If an index occurs twice,
    /// the last slice counts. Derivative: the cotangent goes to the slice that is in the result. Shapes: those of [`Var::index_add`].
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    /// let y = x.index_copy(1, [2], tape.leaf([[30.0], [60.0]]));
    /// assert_eq!(y.to_vec(), [1.0, 2.0, 30.0, 4.0, 5.0, 60.0]);
    /// assert_eq!(tape.grad(y, &[x])[0].unwrap().to_vec(), [1.0, 1.0, 0.0, 1.0, 1.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// As [`Var::index_add`].
    #[track_caller]
    pub fn index_copy(self, axis: isize, index: impl Into<Indices>, source: impl Operand<'t, T>) -> Self {
        let (x, axis, index, source) = self.with_slices("index_copy", axis, index.into(), source.to_var(self.tape));
        if let Err(e) = index.check(x.shape()[axis], "index") {
            refuse(e, "index_copy", [self.shape(), source.shape()]);
        }
        x.replaced_slices("index_copy", axis, &index, source).reshape_to(self.shape())
    }
    /// The array, with a single number put everywhere in the slices at these indices along an axis. Derivative: the cotangent, with 0 in
    /// those slices; for the number, the sum of the cotangent over them. Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (x, c) = (tape.leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), tape.leaf(9.0));
    /// let y = x.index_fill(-1, [0, 2], c);
    /// assert_eq!(y.to_vec(), [9.0, 2.0, 9.0, 9.0, 5.0, 9.0]);
    /// assert_eq!(tape.grad(y, &[c])[0].unwrap().item(), 4.0);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, an index is out of range, or `value` is not a single number.
    #[track_caller]
    pub fn index_fill(self, axis: isize, index: impl Into<Indices>, value: impl Operand<'t, T>) -> Self {
        let ((x, axis), index, value) = (self.with_axis("index_fill", axis), index.into(), value.to_var(self.tape));
        let shape = x.shape();
        if let Err(e) = check_select(shape[axis], &index) {
            refuse(e, "index_fill", [shape]);
        }
        if value.ndim() != 0 {
            let e = ShapeError::new(format!("one number is needed to fill with, not shape {}", value.shape()));
            refuse(e.hint("for an array of values see `index_copy`"), "index_fill", [shape, value.shape()]);
        }
        let source = value.broadcast_to_shape(shape.with(axis, index.values.len()));
        x.replaced_slices("index_fill", axis, &index, source).reshape_to(self.shape())
    }
    /// The checked arguments of an op on slices: array and source with at least one axis, the axis, and the list of indices.
    #[track_caller]
    fn with_slices(self, op: &'static str, axis: isize, index: Indices, source: Self) -> (Self, usize, Indices, Self) {
        let ((x, axis), index) = (self.with_axis(op, axis), index.reshape(one_axis_at_least(&index.shape)));
        let (shape, given) = (x.shape(), source.shape());
        let wanted = shape.with(axis, index.shape[0]);
        if index.shape.len() > 1 || one_axis_at_least(&given) != wanted {
            let e = ShapeError::new(format!("{} indices along axis {axis} need slices of shape {wanted}, not {given}", index.values.len()));
            refuse(
                e.hint("the source has the array's shape, but as many slices as there are indices in a list"),
                op,
                [self.shape(), given],
            );
        }
        (x, axis, index, source.reshape_to(wanted))
    }
    #[track_caller]
    fn replaced_slices(self, op: &'static str, axis: usize, index: &Indices, source: Self) -> Self {
        let (shape, part) = (self.shape(), source.shape());
        self.check_size(op, &part);
        let mut from = self.nothing(op);
        let slices = index.values.iter().enumerate().map(|(k, &i)| [i as usize, k]);
        each_slice(&part, axis, [&shape.strides(), &part.strides()], 0, slices, |row, [to, own]| {
            from[to as usize..][..row.row].iter_mut().zip(own as i64..).for_each(|(from, own)| *from = own);
        });
        if part.numel() == 0 { self } else { self.replaced(op, from, source) }
    }
}

#[cfg(test)]
mod rows;
