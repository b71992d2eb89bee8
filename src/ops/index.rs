//! Choosing elements by number: gather and scatter_add, index_select, each with its adjoint.

use crate::error::ShapeError;
use crate::kernels::strided::Nest;
use crate::layout::{Shape, Strides};
use crate::op::{Cotangents, Op, View, Vjp};
use crate::scalar::Scalar;
use crate::var::{Operand, Var};
use ndarray::{ArrayBase, Data, Dimension};
use std::fmt;
use std::sync::Arc;

/// An array of whole numbers that say which elements to take: class numbers, token numbers. Cheap to clone.
///
/// Made from slices, arrays and `Vec`s of `usize`, `i64`, `i32`, `u8`, from ndarray arrays of these, or from a [`Var`] whose values
/// are whole. An array of floating-point numbers is refused by the compiler.
#[derive(Clone)]
pub struct Indices {
    shape: Shape,
    values: Arc<[i64]>,
    /// Why these are no indices: said by the op that they are given to, which knows its name and its caller.
    wrong: Option<Arc<str>>,
}

impl Indices {
    /// Whole numbers of any shape.
    ///
    /// # Panics
    /// If there are not as many as the shape says.
    #[track_caller]
    pub fn new(shape: &[usize], values: impl IntoIterator<Item = i64>) -> Indices {
        let (shape, values) = (Shape::from(shape), values.into_iter().collect::<Arc<[i64]>>());
        assert_eq!(shape.numel(), values.len(), "Indices::new: shape {shape} and the number of values");
        Indices { shape, values, wrong: None }
    }
    /// Their shape.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }
    /// The numbers, in row-major order.
    ///
    /// # Panics
    /// If they were made from a `Var` with a value that is not whole.
    #[track_caller]
    pub fn values(&self) -> &[i64] {
        if let Some(wrong) = &self.wrong {
            panic!("{wrong}\n  hint: {NOT_WHOLE}");
        }
        &self.values
    }
    /// The same numbers along one axis.
    fn flat(self) -> Indices {
        Indices { shape: [self.values.len()].into(), ..self }
    }
    /// That every number is one of `0..n`.
    pub(crate) fn check(&self, n: usize, what: &str) -> Result<(), ShapeError> {
        if let Some(wrong) = &self.wrong {
            return Err(ShapeError::new(&**wrong).hint(NOT_WHOLE));
        }
        match self.values.iter().position(|&i| i < 0 || i as u64 >= n as u64) {
            None => Ok(()),
            Some(at) => Err(ShapeError::new(format!("{what} {} (at position {at}) is out of range", self.values[at]))
                .hint(format!("there are {n}, numbered from 0"))),
        }
    }
}

impl PartialEq for Indices {
    fn eq(&self, other: &Indices) -> bool {
        let same = self.shape == other.shape && self.wrong == other.wrong;
        same && (Arc::ptr_eq(&self.values, &other.values) || self.values == other.values)
    }
}
impl fmt::Debug for Indices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Indices({})", self.shape)
    }
}
impl From<&Indices> for Indices {
    fn from(i: &Indices) -> Indices {
        i.clone()
    }
}

/// Types of whole numbers that serve as indices.
pub trait Index: Copy {
    /// As the number that is stored.
    fn number(self) -> i64;
}
impl Index for usize {
    fn number(self) -> i64 {
        i64::try_from(self).unwrap_or(i64::MAX)
    }
}
impl Index for i64 {
    fn number(self) -> i64 {
        self
    }
}
impl Index for i32 {
    fn number(self) -> i64 {
        self.into()
    }
}
impl Index for u8 {
    fn number(self) -> i64 {
        self.into()
    }
}
impl<I: Index> From<&[I]> for Indices {
    fn from(v: &[I]) -> Indices {
        Indices { shape: [v.len()].into(), values: v.iter().map(|i| i.number()).collect(), wrong: None }
    }
}
impl<I: Index> From<Vec<I>> for Indices {
    fn from(v: Vec<I>) -> Indices {
        v.as_slice().into()
    }
}
impl<I: Index> From<&Vec<I>> for Indices {
    fn from(v: &Vec<I>) -> Indices {
        v.as_slice().into()
    }
}
impl<I: Index, const N: usize> From<[I; N]> for Indices {
    fn from(v: [I; N]) -> Indices {
        v.as_slice().into()
    }
}
impl<I: Index, const N: usize, const M: usize> From<[[I; N]; M]> for Indices {
    fn from(v: [[I; N]; M]) -> Indices {
        Indices { shape: [M, N].into(), values: v.as_flattened().iter().map(|i| i.number()).collect(), wrong: None }
    }
}
impl<I: Index, S: Data<Elem = I>, D: Dimension> From<&ArrayBase<S, D>> for Indices {
    fn from(v: &ArrayBase<S, D>) -> Indices {
        Indices { shape: v.shape().into(), values: v.iter().map(|i| i.number()).collect(), wrong: None }
    }
}
/// Whole numbers that were computed on a tape. If one is not whole, the op that they are given to refuses them.
impl<T: Scalar> From<Var<'_, T>> for Indices {
    fn from(v: Var<'_, T>) -> Indices {
        let (shape, values) = (v.shape(), v.to_vec());
        let whole = |x: &T| x.to_f64().fract() == 0.0 && x.to_f64().abs() < 9e15;
        let wrong = values.iter().position(|x| !whole(x)).map(|at| {
            format!("indices must be whole numbers, but a Var of type {} holds {} (at position {at})", T::NAME, values[at].to_f64()).into()
        });
        Indices { shape, values: values.into_iter().map(|x| x.to_f64() as i64).collect(), wrong }
    }
}
const NOT_WHOLE: &str = "give integers, or round the values first";

// ------------------------------------------------------------------------------------------------ gather and scatter_add

/// `y[i][j] = x[index[i][j]][j]` (for axis 0).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Gather {
    axis: usize,
    index: Indices,
}

/// `y[index[i][j]][j] += x[i][j]` (for axis 0) into zeros of a shape: the adjoint of [`Gather`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ScatterAdd {
    axis: usize,
    index: Indices,
    shape: Shape,
}

fn check_gather(full: &Shape, axis: usize, index: &Indices) -> Result<(), ShapeError> {
    let small = index.shape();
    if small.numel() == 0 {
        return Ok(()); // as in PyTorch, no indices fit any shape
    }
    if small.len() != full.len() || (0..full.len()).any(|a| a != axis && small[a] > full[a]) {
        return Err(ShapeError::new(format!("indices of shape {small} do not fit shape {full} along axis {axis}"))
            .hint("they need as many axes, none longer but the one that is indexed"));
    }
    index.check(full[axis], "index")
}

/// Calls `f` with the position of each index (in order), and of the element of `strides` that it names.
fn each_index(index: &Indices, axis: usize, strides: &[isize], mut f: impl FnMut(usize, isize)) {
    let beside: Strides = (0..strides.len()).map(|a| if a == axis { 0 } else { strides[a] }).collect();
    if index.values.is_empty() {
        return;
    }
    let nest = Nest::new(&index.shape, [&beside], |_| true);
    let mut at = 0;
    nest.each(0..nest.rows(), [0], |[base]| {
        for i in 0..nest.row as isize {
            f(at, base + i * nest.step[0] + index.values[at] as isize * strides[axis]);
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
        let (data, offset) = (x[0].data, x[0].offset as isize);
        each_index(&self.index, self.axis, x[0].strides(), |i, at| y[i] = data[(offset + at) as usize]);
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
            return Err(ShapeError::new(format!("indices of shape {} need values of that shape", self.index.shape)));
        }
        Ok(self.shape.clone())
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        y.fill(T::ZERO);
        let x = x[0].to_slice();
        each_index(&self.index, self.axis, &self.shape.strides(), |i, at| y[at as usize] += x[i]);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|_| cx.g.record(Gather { axis: self.axis, index: self.index.clone() }))
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// Takes elements along an axis by number: `y[i][j] = x[index[i][j]][j]` for axis 0. Derivative: [`Var::scatter_add`] into zeros.
    ///
    /// # Panics
    /// If there is no such axis, the indices have another number of axes or a longer one beside it, or one is out of range.
    #[track_caller]
    pub fn gather(self, axis: isize, index: impl Into<Indices>) -> Self {
        let index = index.into();
        if self.is_number_axis(axis) && index.shape.len() <= 1 {
            let (shape, x) = (index.shape.clone(), self.reshape_to([1].into()));
            return x.record(Gather { axis: 0, index: index.flat() }).reshape_to(shape);
        }
        let axis = self.axis("gather", axis);
        self.record(Gather { axis, index })
    }
    /// Adds values at numbered places along an axis: `y = x; y[index[i][j]][j] += values[i][j]` for axis 0; a place that is named
    /// twice receives both. Derivative: the cotangent for x, and its [`Var::gather`] for the values.
    ///
    /// # Panics
    /// As [`Var::gather`], and if the values have another shape than the indices.
    #[track_caller]
    pub fn scatter_add(self, axis: isize, index: impl Into<Indices>, values: impl Operand<'t, T>) -> Self {
        let (index, values) = (index.into(), values.to_var(self.tape));
        if self.is_number_axis(axis) && index.shape.len() <= 1 && values.ndim() <= 1 {
            let x = self.reshape_to([1].into());
            return x.scatter_add(0, index.flat(), values.flatten(0, -1)).reshape_to(Shape::scalar());
        }
        let (axis, shape) = (self.axis("scatter_add", axis), self.shape());
        self + values.record(ScatterAdd { axis, index, shape })
    }
}

// --------------------------------------------------------------------------------------------- index_select and index_add

/// Whole slices along an axis, by number.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct IndexSelect {
    axis: usize,
    index: Indices,
}

/// Slices added up at numbered places of zeros: the adjoint of [`IndexSelect`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct IndexAdd {
    axis: usize,
    index: Indices,
    size: usize,
}

fn check_select(axis_size: usize, index: &Indices) -> Result<(), ShapeError> {
    if index.shape().len() > 1 {
        return Err(ShapeError::new(format!("a list of indices is needed, not shape {}", index.shape()))
            .hint("for an index an element see `gather`"));
    }
    index.check(axis_size, "index")
}

/// `(outer, inner)`: how many slices lie before and in each element of the axis.
fn around(shape: &Shape, axis: usize) -> (usize, usize) {
    (shape[..axis].iter().product(), shape[axis + 1..].iter().product())
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
        let ((outer, inner), n) = (around(x[0].shape(), self.axis), x[0].shape()[self.axis]);
        let x = x[0].to_slice();
        let mut to = 0;
        for o in 0..outer {
            for &i in self.index.values() {
                let from = (o * n + i as usize) * inner;
                y[to..to + inner].copy_from_slice(&x[from..from + inner]);
                to += inner;
            }
        }
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
            return Err(ShapeError::new(format!("{} indices need as many slices along axis {}", self.index.values.len(), self.axis)));
        }
        Ok(x[0].with(self.axis, self.size))
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        let (outer, inner) = around(x[0].shape(), self.axis);
        let x = x[0].to_slice();
        y.fill(T::ZERO);
        let mut from = 0;
        for o in 0..outer {
            for &i in self.index.values() {
                let to = (o * self.size + i as usize) * inner;
                y[to..to + inner].iter_mut().zip(&x[from..from + inner]).for_each(|(y, x)| *y += *x);
                from += inner;
            }
        }
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|_| cx.g.record(IndexSelect { axis: self.axis, index: self.index.clone() }))
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// Takes whole slices along an axis by number; a number may come more than once. Derivative: the slices' cotangents, added up.
    ///
    /// # Panics
    /// If there is no such axis, or an index is out of range.
    #[track_caller]
    pub fn index_select(self, axis: isize, index: impl Into<Indices>) -> Self {
        let index: Indices = index.into();
        let index = if index.shape.is_empty() { index.flat() } else { index };
        if self.is_number_axis(axis) && index.shape[..] == [1] {
            return self.reshape_to([1].into()).record(IndexSelect { axis: 0, index }).reshape_to(Shape::scalar());
        }
        let axis = self.axis("index_select", axis);
        self.record(IndexSelect { axis, index })
    }
}

#[cfg(test)]
mod rows {
    use super::*;
    use crate::ops::samples::*;

    impl Sampled for Gather {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            vec![
                grad([any(&[3, 5])], |v| v[0].gather(1, [[4, 0], [1, 1], [2, 3]]).exp()),
                grad([any(&[3, 5])], |v| v[0].gather(0, [[2, 2, 0, 1, 0], [2, 0, 1, 1, 2]]).exp()),
                grad([any(&[5, 3])], |v| v[0].t().gather(-1, [[4, 0], [1, 1], [2, 3]]).exp()),
                grad([any(&[5])], |v| v[0].gather(0, Indices::new(&[2, 0], [])).exp()),
                equals([any(&[])], |v| v[0].gather(-1, Indices::new(&[], [0])).exp(), |v| v[0].exp()),
                equals([any(&[])], |v| v[0].gather(0, [0, 0]).exp(), |v| v[0].exp().broadcast_to(&[2])),
                refuses([any(&[])], |v| v[0].gather(0, [[0]]), &["gather of []", "axis 0", "hint: "]),
                grad([any(&[7])], |v| v[0].gather(0, [6, 6, 6, 0]) * v[0].gather(0, [1, 6, 2, 0])),
                grad([any(&[3, 5])], |v| v[0].gather(1, Indices::new(&[3, 0], [])).exp()),
                grad([any(&[2, 3, 2])], |v| v[0].gather(1, Indices::new(&[2, 1, 2], [2, 0, 1, 2])).exp()),
                grad([any(&[4])], |v| v[0].broadcast_to(&[3, 4]).gather(1, [[1], [1], [3]]).exp()),
                value([of(&[3], [1.0, 2.0, 3.0])], |v| v[0].gather(0, [2, 0, 2]), &[3.0, 1.0, 3.0], [&[1.0, 0.0, 2.0]]),
                adjoint(
                    any(&[3, 4]),
                    any(&[3, 2]),
                    |u| u.gather(1, [[3, 3], [0, 1], [2, 0]]),
                    |v| v.record(ScatterAdd { axis: 1, index: [[3, 3], [0, 1], [2, 0]].into(), shape: [3, 4].into() }),
                ),
                refuses([any(&[3])], |v| v[0].gather(0, [3]), &["gather of [3]", "index 3 (at position 0) is out of range", "hint: "]),
                refuses([any(&[3])], |v| v[0].gather(0, [0, -1]), &["gather of [3]", "index -1 (at position 1)", "hint: "]),
                refuses([any(&[3, 2])], |v| v[0].gather(0, [1]), &["gather of [3, 2]", "shape [1]", "hint: "]),
                refuses([any(&[2, 2])], |v| v[0].gather(1, [[0], [0], [1]]), &["gather of [2, 2]", "[3, 1]", "hint: "]),
                refuses([any(&[2])], |v| v[0].gather(1, [0]), &["gather of [2]", "axis 1", "hint: "]),
            ]
        }
    }

    impl Sampled for ScatterAdd {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            vec![
                grad([any(&[3, 4]), any(&[3, 2])], |v| v[0].scatter_add(1, [[3, 3], [0, 1], [2, 0]], v[1]).exp()),
                grad([any(&[4]), any(&[3])], |v| v[0].scatter_add(0, [1, 1, 1], v[1]).exp()),
                grad([any(&[3, 4]), any(&[4, 2])], |v| v[0].scatter_add(0, [[0, 1, 2, 0], [0, 2, 2, 1]], v[1].t()).exp()),
                grad([any(&[2]), any(&[0])], |v| v[0].scatter_add(0, Vec::<usize>::new(), v[1]).exp()),
                grad([any(&[3])], |v| v[0].scatter_add(0, [2, 2, 0], v[0]).square()),
                value(
                    [of(&[2], [1.0, 2.0]), of(&[3], [10.0, 20.0, 40.0])],
                    |v| v[0].scatter_add(0, [1, 1, 0], v[1]),
                    &[41.0, 32.0],
                    [&[1.0; 2], &[1.0; 3]],
                ),
                refuses(
                    [any(&[2]), any(&[3])],
                    |v| v[0].scatter_add(0, [1, 1], v[1]),
                    &["scatter_add of [3]", "indices of shape [2] need values of that shape"],
                ),
                equals([any(&[3]), any(&[2, 0])], |v| v[0].scatter_add(0, Indices::new(&[2, 0], []), v[1]).exp(), |v| v[0].exp()),
                equals([any(&[]), any(&[])], |v| v[0].scatter_add(0, Indices::new(&[], [0]), v[1]).exp(), |v| (v[0] + v[1]).exp()),
                equals([any(&[]), any(&[2])], |v| v[0].scatter_add(-1, [0, 0], v[1]).exp(), |v| (v[0] + v[1].sum()).exp()),
                refuses([any(&[]), any(&[2])], |v| v[0].scatter_add(0, [0], v[1]), &["scatter_add of [2]", "[1]"]),
                refuses([any(&[2]), any(&[1])], |v| v[0].scatter_add(0, [2], v[1]), &["scatter_add of [1]", "index 2", "hint: "]),
            ]
        }
    }

    impl Sampled for IndexSelect {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            vec![
                grad([any(&[5, 3])], |v| v[0].index_select(0, [4, 0, 4]).exp()),
                grad([any(&[2, 5, 3])], |v| v[0].index_select(1, [1, 1, 0]).exp()),
                grad([any(&[5, 3])], |v| v[0].t().index_select(-1, [4, 0]).exp()),
                grad([any(&[5])], |v| v[0].index_select(0, [2, 3]) * v[0].index_select(0, [2, 2])),
                grad([any(&[5, 3])], |v| v[0].index_select(0, Vec::<u8>::new()).exp()),
                grad([any(&[5, 0])], |v| v[0].index_select(0, [1_i64]).exp()),
                value(
                    [of(&[2, 2], [1.0, 2.0, 3.0, 4.0])],
                    |v| v[0].index_select(0, [1, 1]),
                    &[3.0, 4.0, 3.0, 4.0],
                    [&[0.0, 0.0, 2.0, 2.0]],
                ),
                adjoint(
                    any(&[3, 4, 2]),
                    any(&[3, 5, 2]),
                    |u| u.index_select(1, [3, 3, 0, 1, 3]),
                    |v| v.record(IndexAdd { axis: 1, index: [3, 3, 0, 1, 3].into(), size: 4 }),
                ),
                equals([any(&[])], |v| v[0].index_select(-1, [0]).exp(), |v| v[0].exp()),
                equals([any(&[3])], |v| v[0].index_select(0, Indices::new(&[], [2])).exp(), |v| v[0].index_select(0, [2]).exp()),
                refuses([any(&[])], |v| v[0].index_select(0, [0, 0]), &["index_select of []", "hint: "]),
                refuses([any(&[])], |v| v[0].index_select(0, [1]), &["index_select of [1]", "index 1", "hint: "]),
                refuses([any(&[3])], |v| v[0].index_select(0, [3]), &["index_select of [3]", "index 3 (at position 0)", "hint: "]),
                refuses([any(&[3])], |v| v[0].index_select(0, [[1]]), &["index_select of [3]", "[1, 1]", "hint: "]),
                refuses([any(&[3])], |v| v[0].index_select(1, [0]), &["index_select of [3]", "axis 1", "hint: "]),
            ]
        }
    }

    impl Sampled for IndexAdd {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let op = |size| IndexAdd { axis: 0, index: [1, 1, 0].into(), size };
            vec![
                grad([any(&[3, 2])], move |v| v[0].record(op(4)).exp()),
                grad([any(&[2, 3])], move |v| v[0].t().record(op(2)).exp()),
                grad([any(&[3, 0])], move |v| v[0].record(op(2)).exp()),
                value([of(&[3], [1.0, 2.0, 4.0])], move |v| v[0].record(op(3)), &[4.0, 3.0, 0.0], [&[1.0; 3]]),
                refuses([any(&[3])], move |v| v[0].record(op(1)), &["index_add of [3]", "index 1", "hint: "]),
                refuses([any(&[2])], move |v| v[0].record(op(2)), &["index_add of [2]", "3 indices need as many slices"]),
            ]
        }
    }
}
