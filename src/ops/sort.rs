//! Order along an axis: sort, topk, kthvalue, median, and the largest and smallest elements with their indices.
//!
//! The ops find positions in the values, and take the elements there by [`Var::gather`], whose rule sends the derivative to the elements
//! that were taken. NaN counts as the largest element; but in a line with a NaN, the smallest element and the median are NaN too. Equal
//! elements keep their order.

use crate::array::error::{ShapeError, told};
use crate::array::scalar::Scalar;
use crate::array::shape::Shape;
use crate::kernels::sort::{self, Entry, ascending, descending, first};
use crate::ops::indices::Indices;
use crate::tape::var::{Var, refuse};

/// The result of [`Var::one_of_each_line`]: the array with at least one axis, the axis, a position along it for each line, and the shape of
/// the result.
struct Chosen<'t, T: Scalar> {
    x: Var<'t, T>,
    axis: usize,
    index: Indices,
    shape: Shape,
}

impl<T: Scalar> Chosen<'_, T> {
    fn indices(&self) -> Indices {
        self.index.reshape(self.shape.clone())
    }
}

/// Brings the `k`-th smallest element of a line (from 0) to the front.
fn kth<T: Scalar>(line: &mut [Entry<T>], k: usize) {
    line.select_nth_unstable_by(k, ascending);
    line.swap(0, k);
}

/// Brings the first of the best elements to the front.
fn best<T: Scalar>(line: &mut [Entry<T>], better: impl Fn(T, T) -> bool) {
    let at = (1..line.len()).fold(0, |best, i| if better(line[i].0, line[best].0) { i } else { best });
    line.swap(0, at);
}
fn largest<T: Scalar>(line: &mut [Entry<T>]) {
    best(line, |a, b| a > b || a.is_nan() && !b.is_nan());
}
fn smallest<T: Scalar>(line: &mut [Entry<T>]) {
    best(line, |a, b| a < b || a.is_nan() && !b.is_nan());
}
/// Brings the lower of the two middle elements to the front, or a NaN if there is one.
fn middle<T: Scalar>(line: &mut [Entry<T>]) {
    match line.iter().position(|(x, _)| x.is_nan()) {
        Some(nan) => line.swap(0, nan),
        None => kth(line, (line.len() - 1) / 2),
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The positions of `k` elements of each line along an axis. `choose` brings them to the front of the line.
    #[track_caller]
    fn positions(self, op: &'static str, axis: usize, k: usize, choose: impl Fn(&mut [Entry<T>]) + Sync) -> Indices {
        let shape = self.shape();
        let positions = shape.check_size().and_then(|()| {
            let inner = self.tape.read();
            told("choose", || sort::choose(&inner.view(self.id).to_slice(), &shape, axis, k, &choose))?
        });
        Indices::new(&shape.with(axis, k), self.or_refuse(op, positions))
    }
    /// One element of each line, for functions that have no value for an empty line. The indices have the shape that is left of the array.
    #[track_caller]
    fn one_of_each_line(self, op: &'static str, axis: isize, keepdim: bool, choose: impl Fn(&mut [Entry<T>]) + Sync) -> Chosen<'t, T> {
        let (x, at) = self.with_axis(op, axis);
        let shape = x.shape();
        if shape[at] == 0 {
            let e = ShapeError::new(format!("axis {axis} of shape {shape} has no elements"));
            refuse(e.hint("an axis that is reduced must not have size 0"), op, [shape]);
        }
        let index = x.positions(op, at, 1, choose);
        let left = match (self.ndim(), keepdim) {
            (0, _) => Shape::scalar(),
            (_, true) => shape.with(at, 1),
            (_, false) => shape.remove(at),
        };
        Chosen { x, axis: at, index, shape: left }
    }
    #[track_caller]
    fn take_chosen(chosen: Chosen<'t, T>) -> (Self, Indices) {
        let y = chosen.x.gather(chosen.axis as isize, &chosen.index);
        (y.reshape_to(chosen.shape.clone()), chosen.indices())
    }

    // ------------------------------------------------------------------------------------------------------- extremes

    /// The largest element along an axis, and its position. Derivative: 1 for that element alone, the first of several that are equal.
    /// ([`Var::amax`] shares it between them.) Shapes: `[m, n]` along axis 1 to `[m]` for both, or `[m, 1]` with `keepdim`. PyTorch: `max`
    /// with `dim`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 3.0, 2.0], [6.0, 5.0, 4.0]]);
    /// let (y, at) = x.max_with_indices(1, false);
    /// assert_eq!((y.to_vec(), at.values()), (vec![3.0, 6.0], &[1, 0][..]));
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, or it has size 0.
    #[track_caller]
    pub fn max_with_indices(self, axis: isize, keepdim: bool) -> (Self, Indices) {
        Self::take_chosen(self.one_of_each_line("max_with_indices", axis, keepdim, largest))
    }
    /// The smallest element along an axis, and its position. Derivative: 1 for that element alone, the first of several that are equal.
    /// Shapes: as [`Var::max_with_indices`]. PyTorch: `min` with `dim`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([4.0, 1.0, 1.0]);
    /// let (y, at) = x.min_with_indices(0, false);
    /// assert_eq!((y.item(), at.values()), (1.0, &[1][..]));
    /// assert_eq!(tape.grad(y, &[x])[0].unwrap().to_vec(), [0.0, 1.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, or it has size 0.
    #[track_caller]
    pub fn min_with_indices(self, axis: isize, keepdim: bool) -> (Self, Indices) {
        Self::take_chosen(self.one_of_each_line("min_with_indices", axis, keepdim, smallest))
    }
    /// The position of the largest element along an axis, the first of several that are equal; NaN counts as the largest. Shapes: as
    /// [`Var::max_with_indices`]. Indices have no derivative.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// assert_eq!(tape.leaf([1.0, 7.0, 7.0]).argmax(0, false).values(), [1]);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, or it has size 0.
    #[track_caller]
    pub fn argmax(self, axis: isize, keepdim: bool) -> Indices {
        self.one_of_each_line("argmax", axis, keepdim, largest).indices()
    }
    /// The position of the smallest element along an axis, the first of several that are equal; NaN counts as the smallest. Shapes: as
    /// [`Var::max_with_indices`]. Indices have no derivative.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let at = tape.leaf([[3.0, 1.0], [2.0, f64::NAN], [0.0, 5.0]]).argmin(-1, true);
    /// assert_eq!(*at.shape(), [3, 1]);
    /// assert_eq!(at.values(), [1, 1, 0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, or it has size 0.
    #[track_caller]
    pub fn argmin(self, axis: isize, keepdim: bool) -> Indices {
        self.one_of_each_line("argmin", axis, keepdim, smallest).indices()
    }

    // --------------------------------------------------------------------------------------------- kthvalue and median

    /// The `k`-th smallest element along an axis, counted from 1, and its position. Equal elements keep their order. Derivative: 1 for that
    /// element. Shapes: as [`Var::max_with_indices`].
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (y, at) = tape.leaf([[3.0, 1.0, 2.0], [5.0, 5.0, 5.0]]).kthvalue(2, -1, false);
    /// assert_eq!((y.to_vec(), at.values()), (vec![2.0, 5.0], &[2, 1][..]));
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, or `k` is not between 1 and its size.
    #[track_caller]
    pub fn kthvalue(self, k: usize, axis: isize, keepdim: bool) -> (Self, Indices) {
        let (x, at) = self.with_axis("kthvalue", axis);
        let n = x.shape()[at];
        if k == 0 || k > n {
            let e = ShapeError::new(format!("k = {k} is out of range for axis {axis} of size {n}"));
            refuse(e.hint("the smallest is number 1"), "kthvalue", [self.shape()]);
        }
        Self::take_chosen(self.one_of_each_line("kthvalue", axis, keepdim, |line| kth(line, k - 1)))
    }
    /// The median of all elements: the lower of the two in the middle, or NaN if one is NaN. Derivative: 1 for it; several that are equal
    /// share it. Shapes: any to `[]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([4.0, 2.0, 3.0, 2.0]);
    /// assert_eq!(x.median().item(), 2.0); // of 2 and 3
    /// assert_eq!(tape.grad(x.median(), &[x])[0].unwrap().to_vec(), [0.0, 0.5, 0.0, 0.5]);
    /// ```
    ///
    /// # Panics
    /// If there are no elements.
    #[track_caller]
    pub fn median(self) -> Self {
        let x = self.reshape_to([self.numel()].into());
        let median = x.one_of_each_line("median", 0, false, middle);
        let values = x.elements("median");
        let it = values[median.index.values()[0] as usize];
        let same = |i: &i64| values[*i as usize] == it || it.is_nan() && values[*i as usize].is_nan();
        let all = x.index_select(0, (0..values.len() as i64).filter(same).collect::<Vec<_>>());
        // The maximum of equal numbers has their exact bits, which the mean might not. With NaN, the maximum cannot share the derivative;
        // the mean can.
        if it.is_nan() { all.mean() } else { all.max() }
    }
    /// The median along an axis, and its position: the lower of the two in the middle, or NaN if one is NaN. Derivative: 1 for that
    /// element. Shapes: as [`Var::max_with_indices`]. PyTorch: `median` with `dim`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (y, at) = tape.leaf([[3.0, 9.0], [1.0, 7.0], [2.0, 8.0]]).median_with_indices(0, false);
    /// assert_eq!((y.to_vec(), at.values()), (vec![2.0, 8.0], &[2, 2][..]));
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, or it has size 0.
    #[track_caller]
    pub fn median_with_indices(self, axis: isize, keepdim: bool) -> (Self, Indices) {
        Self::take_chosen(self.one_of_each_line("median_with_indices", axis, keepdim, middle))
    }

    // ----------------------------------------------------------------------------------------------------------- sort

    /// Sorts the elements along an axis, and returns the position that each came from. Equal elements keep their order. Derivative: each
    /// cotangent goes to the position its element came from. Shapes: elements and positions have that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (y, from) = tape.leaf([3.0, 1.0, 2.0]).sort(0, false);
    /// assert_eq!((y.to_vec(), from.values()), (vec![1.0, 2.0, 3.0], &[1, 2, 0][..]));
    /// ```
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn sort(self, axis: isize, descending: bool) -> (Self, Indices) {
        let (x, at) = self.with_axis("sort", axis);
        self.take_first("sort", x, at, x.shape()[at], descending)
    }
    /// The position that each element of the sorted array comes from: the indices of [`Var::sort`]. Shape: that of x. Indices have no
    /// derivative.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// assert_eq!(tape.leaf([3.0, 1.0, 3.0, 2.0]).argsort(0, true).values(), [0, 2, 3, 1]);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn argsort(self, axis: isize, descending: bool) -> Indices {
        let (x, at) = self.with_axis("argsort", axis);
        x.first_positions("argsort", at, x.shape()[at], descending).reshape(self.shape())
    }
    /// The `k` largest (or smallest) elements along an axis, sorted, and the position that each came from. Derivative: each cotangent goes
    /// to the position its element came from. Shapes: `[m, n]` along axis 1 to `[m, k]` for both.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([1.0, 5.0, 3.0]);
    /// let (y, at) = x.topk(2, 0, true);
    /// assert_eq!((y.to_vec(), at.values()), (vec![5.0, 3.0], &[1, 2][..]));
    /// assert_eq!(tape.grad(y, &[x])[0].unwrap().to_vec(), [0.0, 1.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, or it has fewer elements.
    #[track_caller]
    pub fn topk(self, k: usize, axis: isize, largest: bool) -> (Self, Indices) {
        let (x, at) = self.with_axis("topk", axis);
        let n = x.shape()[at];
        if k > n {
            let e = ShapeError::new(format!("k = {k} is out of range for axis {axis} of size {n}"));
            refuse(e.hint("there are at most as many as the axis has"), "topk", [self.shape()]);
        }
        self.take_first("topk", x, at, k, largest)
    }
    #[track_caller]
    fn first_positions(self, op: &'static str, axis: usize, k: usize, falling: bool) -> Indices {
        self.positions(op, axis, k, |line| first(line, k, if falling { descending } else { ascending }))
    }
    /// The first `k` elements of each line of `x`, which is this array with at least one axis.
    #[track_caller]
    fn take_first(self, op: &'static str, x: Self, axis: usize, k: usize, falling: bool) -> (Self, Indices) {
        let index = x.first_positions(op, axis, k, falling);
        let y = x.gather(axis as isize, &index);
        // One element of a number is a number again.
        if self.ndim() == 0 && k == 1 { (y.reshape_to(Shape::scalar()), index.reshape(Shape::scalar())) } else { (y, index) }
    }
}

#[cfg(test)]
pub(crate) mod rows {
    use super::*;
    use crate::ops::samples::*;

    const NAN: f64 = f64::NAN;

    type Pick<T> = dyn for<'t> Fn(Var<'t, T>, isize) -> Var<'t, T>;

    #[track_caller]
    fn along<T: Scalar>(f: impl for<'t> Fn(Var<'t, T>, isize) -> Var<'t, T> + 'static) -> Vec<Row<T>> {
        let f: &'static Pick<T> = Box::leak(Box::new(f));
        here([
            grad([any(&[])], move |v| f(v[0], -1).square()),
            grad([any(&[1])], move |v| f(v[0], 0).square()),
            grad([any(&[37])], move |v| f(v[0], 0).square()),
            grad([any(&[3, 4])], move |v| f(v[0], 0).square()),
            grad([any(&[2, 3, 4])], move |v| f(v[0], -2).square()),
            grad([any(&[3, 4])], move |v| f(v[0].t(), 1).square()),
            grad([any(&[0, 3])], move |v| f(v[0], 1).square()),
            grad([any(&[5])], move |v| f(v[0] * v[0], 0) * f(v[0], 0)),
            refuses([any(&[5, 2])], move |v| f(v[0], 2), &["of [5, 2]", "axis 2 is out of range", "hint: "]),
        ])
    }

    /// These ops are made of `gather`; their rows run with those of `gather`.
    pub(crate) fn order<T: Scalar>() -> Vec<Row<T>> {
        let mut rows = along(|x, axis| x.sort(axis, false).0);
        rows.extend(along(|x, axis| x.sort(axis, true).0));
        rows.extend(along(|x, axis| x.topk(1, axis, true).0));
        rows.extend(along(|x, axis| x.max_with_indices(axis, true).0));
        rows.extend(along(|x, axis| x.min_with_indices(axis, false).0));
        rows.extend(along(|x, axis| x.median_with_indices(axis, false).0));
        rows.extend(along(|x, axis| x.kthvalue(1, axis, true).0));
        let ties = || of(&[4], [2.0, 1.0, 2.0, 1.0]);
        let nan = || of(&[3], [2.0, NAN, 1.0]);
        rows.extend([
            grad([any(&[0])], |v| v[0].sort(0, false).0.square()),
            grad([any(&[3, 5])], |v| v[0].topk(3, 1, false).0.square()),
            grad([any(&[3, 5])], |v| v[0].topk(0, 0, true).0.square()),
            value([ties()], |v| v[0].max_with_indices(0, false).0, &[2.0], [&[1.0, 0.0, 0.0, 0.0]]),
            value([ties()], |v| v[0].min_with_indices(0, true).0, &[1.0], [&[0.0, 1.0, 0.0, 0.0]]),
            value([ties()], |v| v[0].median_with_indices(0, true).0, &[1.0], [&[0.0, 0.0, 0.0, 1.0]]),
            value([ties()], |v| v[0].topk(3, 0, true).0, &[2.0, 2.0, 1.0], [&[1.0, 1.0, 1.0, 0.0]]),
            value([ties()], |v| v[0].kthvalue(3, 0, false).0, &[2.0], [&[1.0, 0.0, 0.0, 0.0]]),
            value([nan()], |v| v[0].sort(0, false).0, &[1.0, 2.0, NAN], [&[1.0; 3]]),
            value([nan()], |v| v[0].sort(0, true).0, &[NAN, 2.0, 1.0], [&[1.0; 3]]),
            value([nan()], |v| v[0].min_with_indices(0, true).0, &[NAN], [&[0.0, 1.0, 0.0]]),
            value([nan()], |v| v[0].median_with_indices(0, true).0, &[NAN], [&[0.0, 1.0, 0.0]]),
            value([nan()], |v| v[0].kthvalue(2, 0, true).0, &[2.0], [&[1.0, 0.0, 0.0]]),
            refuses([any(&[3, 0])], |v| v[0].max_with_indices(1, false).0, &["max_with_indices of [3, 0]", "no elements", "hint: "]),
            refuses([any(&[3])], |v| v[0].topk(4, 0, true).0, &["topk of [3]", "k = 4", "size 3"]),
            refuses([any(&[3])], |v| v[0].kthvalue(0, 0, true).0, &["kthvalue of [3]", "k = 0", "hint: "]),
            refuses([any(&[3])], |v| v[0].kthvalue(4, 0, true).0, &["kthvalue of [3]", "k = 4", "hint: "]),
        ]);
        rows
    }

    /// The median of all elements is made of `index_select` and `amax`.
    pub(crate) fn medians<T: Scalar>() -> Vec<Row<T>> {
        vec![
            grad([any(&[])], |v| v[0].median().square()),
            grad([any(&[3, 4])], |v| v[0].t().median().square()),
            value([of(&[4], [2.0, 1.0, 2.0, 1.0])], |v| v[0].median(), &[1.0], [&[0.0, 0.5, 0.0, 0.5]]),
            value([of(&[3], [2.0, NAN, 1.0])], |v| v[0].median(), &[NAN], [&[0.0, 1.0, 0.0]]),
            refuses([any(&[0])], |v| v[0].median(), &["median of [0]", "no elements", "hint: "]),
        ]
    }
}
