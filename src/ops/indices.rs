//! Arrays of indices, and masks.

use crate::array::error::ShapeError;
use crate::array::layout::Layout;
use crate::array::memory::room;
use crate::array::scalar::Scalar;
use crate::array::shape::Shape;
use crate::kernels::strided::Nest;
use crate::tape::var::{Var, refuse};
use ndarray::{ArrayBase, Data, Dimension};
use std::fmt;
use std::sync::Arc;

/// An array of integers that say which elements to take: class numbers, token numbers. Cheap to clone.
///
/// Made from slices, arrays and `Vec`s of `usize`, `i64`, `i32` or `u8`, from ndarray arrays of these, or from a [`Var`] whose values are
/// whole. The compiler refuses arrays of floating-point numbers.
#[derive(Clone)]
pub struct Indices {
    pub(super) shape: Shape,
    pub(super) values: Arc<[i64]>,
    /// Why these are no indices. The op that receives them reports it, since it knows its name and its caller.
    wrong: Option<Arc<str>>,
}

impl Indices {
    /// Integers of any shape.
    ///
    /// ```
    /// let index = wengert::Indices::new(&[1, 3], (0..6).step_by(2));
    /// assert_eq!(index.values(), [0, 2, 4]);
    /// ```
    ///
    /// # Panics
    /// If their number differs from what the shape holds.
    #[track_caller]
    pub fn new<I: Index>(shape: &[usize], values: impl IntoIterator<Item = I>) -> Indices {
        let (shape, values) = (Shape::from(shape), values.into_iter().map(|i| i.number()).collect::<Arc<[i64]>>());
        fills("Indices::new", &shape, values.len());
        Indices { shape, values, wrong: None }
    }
    /// Their shape.
    ///
    /// ```
    /// assert_eq!(wengert::Indices::from([[0, 1, 2], [3, 4, 5]]).shape(), &[2, 3]);
    /// ```
    pub fn shape(&self) -> &Shape {
        &self.shape
    }
    /// The numbers, in row-major order.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// assert_eq!(tape.leaf([[1.0, 7.0], [3.0, 2.0]]).argmax(1, false).values(), [1, 0]);
    /// ```
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
    /// The same numbers, in the same order, with another shape.
    pub(crate) fn reshape(&self, shape: Shape) -> Indices {
        assert!(shape.numel() == self.values.len() || self.wrong.is_some());
        Indices { shape, ..self.clone() }
    }
    /// Repeated to a larger shape, which the caller found by broadcasting.
    pub(crate) fn broadcast_to(&self, shape: &Shape) -> Result<Indices, ShapeError> {
        if self.shape == *shape || self.wrong.is_some() {
            return Ok(self.clone());
        }
        Ok(Indices { shape: shape.clone(), values: repeated(&self.values, &self.shape, shape)?.into(), wrong: None })
    }
    /// With negative numbers counted from the end of an axis of size `n`. Numbers outside `-n..n` are an error.
    pub(crate) fn counted_from_end(&self, n: usize) -> Result<Indices, ShapeError> {
        if let Some(wrong) = &self.wrong {
            return Err(ShapeError::new(&**wrong).hint(NOT_WHOLE));
        }
        let n = n as i64;
        if let Some(at) = self.values.iter().position(|&i| i < -n || i >= n) {
            return Err(ShapeError::new(format!("index {} (at position {at}) is out of range", self.values[at]))
                .hint(format!("there are {n}, numbered from 0, or from the end from -1")));
        }
        let values = self.values.iter().map(|&i| if i < 0 { i + n } else { i });
        Ok(Indices { values: values.collect(), ..self.clone() })
    }
    /// Checks that every number is in `0..n`.
    pub(crate) fn check(&self, n: usize, what: &str) -> Result<(), ShapeError> {
        self.check_but(None, n, what)
    }
    /// Checks that every number is in `0..n` or equal to `except`.
    pub(crate) fn check_but(&self, except: Option<i64>, n: usize, what: &str) -> Result<(), ShapeError> {
        if let Some(wrong) = &self.wrong {
            return Err(ShapeError::new(&**wrong).hint(NOT_WHOLE));
        }
        match self.values.iter().position(|&i| (i < 0 || i as u64 >= n as u64) && Some(i) != except) {
            None => Ok(()),
            Some(at) => Err(ShapeError::new(format!("{what} {} (at position {at}) is out of range", self.values[at]))
                .hint(format!("there are {n}, numbered from 0"))),
        }
    }
}

/// The elements of an array after broadcasting.
fn repeated<A: Copy>(values: &[A], from: &Shape, to: &Shape) -> Result<Vec<A>, ShapeError> {
    to.check_size()?;
    let mut out = room(to.numel())?;
    if to.numel() > 0 {
        let nest = Nest::new(to, [&Layout::contiguous(from.clone()).broadcast_strides(to)], |_| true);
        nest.each(0..nest.rows(), [0], |[at]| out.extend((0..nest.row as isize).map(|i| values[(at + i * nest.step[0]) as usize])));
    }
    Ok(out)
}

/// Refuses values whose number does not fit the shape.
#[track_caller]
fn fills(op: &'static str, shape: &Shape, count: usize) {
    let filled = shape.check_count().and_then(|()| match shape.numel() == count {
        true => Ok(()),
        false => Err(ShapeError::new(format!("{count} values do not fill it")).hint("give as many as the sizes multiply to")),
    });
    if let Err(e) = filled {
        refuse(e, op, [shape.clone()]);
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

/// Integer types that serve as indices.
pub trait Index: Copy {
    /// The number as it is stored.
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
/// Whole numbers that were computed on a tape. If one is not whole, the op that receives them refuses them.
impl<T: Scalar> From<Var<'_, T>> for Indices {
    fn from(v: Var<'_, T>) -> Indices {
        let shape = v.shape();
        let values = match v.tape().read().view(v.id).to_list() {
            Ok(values) => values,
            Err(e) => return Indices { shape, values: Arc::default(), wrong: Some(format!("indices of a Var: {}", e.message()).into()) },
        };
        let whole = |x: &T| x.to_f64().fract() == 0.0 && x.to_f64().abs() < 9e15;
        let wrong = values.iter().position(|x| !whole(x)).map(|at| {
            format!("indices must be whole numbers, but a Var of type {} holds {} (at position {at})", T::NAME, values[at].to_f64()).into()
        });
        Indices { shape, values: values.into_iter().map(|x| x.to_f64() as i64).collect(), wrong }
    }
}
const NOT_WHOLE: &str = "give integers, or round the values first";

/// Selects elements of an array: an array of truth values. Made from arrays of `bool`, or from a [`Var`] (the result of a comparison, for
/// instance), where every value but 0 is true.
#[derive(Clone, Debug, PartialEq)]
pub struct Mask {
    pub(super) shape: Shape,
    pub(super) values: Vec<bool>,
}

impl Mask {
    /// Truth values of any shape.
    ///
    /// ```
    /// let (tape, mask) = (wengert::Tape::<f64>::new(), wengert::Mask::new(&[2, 2], [true, false, false, true]));
    /// assert_eq!(tape.leaf([[1.0, 2.0], [3.0, 4.0]]).masked_select(mask).to_vec(), [1.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// If their number differs from what the shape holds.
    #[track_caller]
    pub fn new(shape: &[usize], values: impl IntoIterator<Item = bool>) -> Mask {
        let (shape, values) = (Shape::from(shape), values.into_iter().collect::<Vec<_>>());
        fills("Mask::new", &shape, values.len());
        Mask { shape, values }
    }
    /// Repeated to a larger shape, which the caller found by broadcasting.
    pub(crate) fn broadcast_to(&self, shape: &Shape) -> Result<Mask, ShapeError> {
        Ok(Mask { shape: shape.clone(), values: repeated(&self.values, &self.shape, shape)? })
    }
    /// The positions where the mask is true, in row-major order.
    pub(crate) fn positions(&self) -> Indices {
        self.values.iter().zip(0_i64..).filter(|(yes, _)| **yes).map(|(_, at)| at).collect::<Vec<_>>().into()
    }
    /// These positions as indices along each axis.
    pub(crate) fn indices(&self) -> impl Iterator<Item = Indices> {
        let (positions, strides) = (self.positions(), self.shape.strides());
        (0..self.shape.len()).map(move |axis| {
            let along = |&at: &i64| at / strides[axis] as i64 % self.shape[axis] as i64;
            positions.values.iter().map(along).collect::<Vec<_>>().into()
        })
    }
}
impl From<&Mask> for Mask {
    fn from(mask: &Mask) -> Mask {
        mask.clone()
    }
}
impl<const N: usize> From<[bool; N]> for Mask {
    fn from(v: [bool; N]) -> Mask {
        Mask { shape: [N].into(), values: v.into() }
    }
}
impl<const N: usize, const M: usize> From<[[bool; N]; M]> for Mask {
    fn from(v: [[bool; N]; M]) -> Mask {
        Mask { shape: [M, N].into(), values: v.as_flattened().into() }
    }
}
impl From<Vec<bool>> for Mask {
    fn from(v: Vec<bool>) -> Mask {
        Mask { shape: [v.len()].into(), values: v }
    }
}
impl<S: Data<Elem = bool>, D: Dimension> From<&ArrayBase<S, D>> for Mask {
    fn from(v: &ArrayBase<S, D>) -> Mask {
        Mask { shape: v.shape().into(), values: v.iter().copied().collect() }
    }
}
impl<T: Scalar> From<Var<'_, T>> for Mask {
    #[track_caller]
    fn from(v: Var<'_, T>) -> Mask {
        Mask { shape: v.shape(), values: v.elements("Mask::from").into_iter().map(|x| x != T::ZERO).collect() }
    }
}
