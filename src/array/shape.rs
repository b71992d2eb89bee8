//! How large is an array along each axis? NumPy's rules of broadcasting, on small inline vectors.

use smallvec::{SmallVec, smallvec};
use std::fmt;
use std::ops::Deref;

/// A list of axes or sizes that lives on the stack up to six entries.
pub(crate) type Small<A> = SmallVec<[A; 6]>;

/// Elements of the largest array that is computed or stored: offsets into one are kept in 32 bits.
pub(crate) const MOST: usize = u32::MAX as usize - 1;

/// The sizes of an array's axes; dereferences to `[usize]`.
#[derive(PartialEq, Eq, Hash, Default)]
pub struct Shape(Small<usize>);

impl Clone for Shape {
    /// A copy of the slice: `SmallVec`'s own clone goes element by element.
    #[inline]
    fn clone(&self) -> Self {
        Shape(SmallVec::from_slice(&self.0))
    }
}

impl Shape {
    /// The shape of a number: no axes, one element.
    pub fn scalar() -> Shape {
        Shape(SmallVec::new())
    }
    /// The number of elements; `usize::MAX` if there are more than can be counted.
    #[inline]
    pub fn numel(&self) -> usize {
        self.iter().fold(1, |product, &n| product.saturating_mul(n))
    }
    /// The number of elements, if it can be counted: also the product of sizes beside a 0 must not overflow.
    pub(crate) fn checked_numel(&self) -> Option<usize> {
        self.iter().filter(|&&n| n != 0).try_fold(1usize, |product, &n| product.checked_mul(n)).filter(|&n| n <= isize::MAX as usize)
    }
    /// This shape with the size of one axis changed.
    pub fn with(&self, axis: usize, size: usize) -> Shape {
        let mut s = self.clone();
        s.0[axis] = size;
        s
    }
    /// This shape with an axis put in.
    pub fn insert(&self, axis: usize, size: usize) -> Shape {
        let mut s = self.clone();
        s.0.insert(axis, size);
        s
    }
    /// This shape without one axis.
    pub fn remove(&self, axis: usize) -> Shape {
        let mut s = self.clone();
        s.0.remove(axis);
        s
    }
    /// The shape that two shapes broadcast to, if they fit: sizes are compared from the last axis on, and 1 stretches.
    pub fn broadcast(&self, other: &Shape) -> Option<Shape> {
        let (long, short) = if self.len() >= other.len() { (self, other) } else { (other, self) };
        let mut out = long.clone();
        let skip = long.len() - short.len();
        for (o, &s) in out.0[skip..].iter_mut().zip(short.iter()) {
            match (*o, s) {
                (a, b) if a == b => {}
                (1, b) => *o = b,
                (_, 1) => {}
                _ => return None,
            }
        }
        Some(out)
    }
    /// Strides of a contiguous array of this shape, in elements, last axis fastest.
    pub fn strides(&self) -> Strides {
        let mut strides: Strides = smallvec![0; self.len()];
        let mut step = 1usize;
        for (s, &n) in strides.iter_mut().zip(self.iter()).rev() {
            *s = step as isize;
            step = step.saturating_mul(n);
        }
        strides
    }
}

impl Deref for Shape {
    type Target = [usize];
    #[inline]
    fn deref(&self) -> &[usize] {
        &self.0
    }
}
impl From<&[usize]> for Shape {
    fn from(dims: &[usize]) -> Shape {
        Shape(SmallVec::from_slice(dims))
    }
}
impl<const N: usize> From<[usize; N]> for Shape {
    fn from(dims: [usize; N]) -> Shape {
        Shape(SmallVec::from_slice(&dims))
    }
}
impl From<Small<usize>> for Shape {
    fn from(dims: Small<usize>) -> Shape {
        Shape(dims)
    }
}
impl FromIterator<usize> for Shape {
    fn from_iter<I: IntoIterator<Item = usize>>(dims: I) -> Shape {
        Shape(dims.into_iter().collect())
    }
}
impl PartialEq<[usize]> for Shape {
    fn eq(&self, other: &[usize]) -> bool {
        **self == *other
    }
}
impl<const N: usize> PartialEq<[usize; N]> for Shape {
    fn eq(&self, other: &[usize; N]) -> bool {
        **self == other[..]
    }
}
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &**self)
    }
}
impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &**self)
    }
}

/// Steps from one element to the next along each axis, in elements; 0 repeats, negative goes backwards.
pub type Strides = SmallVec<[isize; 6]>;

/// A size among `usize`s that is to be worked out, where an `isize` would be -1: `x.reshape([batch, INFER])`.
pub const INFER: usize = usize::MAX;

/// A size as a caller writes it: `usize`, `isize`, or a plain number.
pub trait Size: Copy {
    /// The same as `isize`; -1 for [`INFER`], and `isize::MAX` for what is larger.
    fn to_isize(self) -> isize;
}
impl Size for isize {
    fn to_isize(self) -> isize {
        self
    }
}
impl Size for usize {
    fn to_isize(self) -> isize {
        if self == INFER { -1 } else { isize::try_from(self).unwrap_or(isize::MAX) }
    }
}
/// (What the compiler takes a plain number for, where several types are possible.)
impl Size for i32 {
    fn to_isize(self) -> isize {
        self as isize
    }
}

/// Sizes of axes as a caller writes them: one size, or an array, slice or `Vec` of them, of type `usize` or `isize`, or a [`Shape`].
///
/// ```
/// use wengert::{INFER, Tape};
/// let tape = Tape::<f32>::new();
/// let x = tape.leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
/// let rows = x.shape()[0];
/// for y in [x.reshape([2, -1]), x.reshape([rows, 3]), x.reshape([rows, INFER]), x.reshape(-1).reshape(x.shape())] {
///     assert_eq!(y.shape(), [2, 3]);
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` says no sizes",
    note = "sizes are `usize` or `isize`: `[2, 3]`, `[rows, columns]`, `&x.shape()`, `-1`; among `usize`s `INFER` stands for -1, and `()` for no axes"
)]
pub trait Sizes {
    /// The sizes as `isize`.
    fn to_sizes(&self) -> SmallVec<[isize; 6]>;
}
impl<S: Size> Sizes for [S] {
    fn to_sizes(&self) -> SmallVec<[isize; 6]> {
        self.iter().map(|n| n.to_isize()).collect()
    }
}
impl Sizes for usize {
    fn to_sizes(&self) -> SmallVec<[isize; 6]> {
        [*self].to_sizes()
    }
}
impl Sizes for isize {
    fn to_sizes(&self) -> SmallVec<[isize; 6]> {
        [*self].to_sizes()
    }
}
impl Sizes for i32 {
    fn to_sizes(&self) -> SmallVec<[isize; 6]> {
        [*self].to_sizes()
    }
}
impl<S: Size, const N: usize> Sizes for [S; N] {
    fn to_sizes(&self) -> SmallVec<[isize; 6]> {
        self[..].to_sizes()
    }
}
impl<S: Size> Sizes for Vec<S> {
    fn to_sizes(&self) -> SmallVec<[isize; 6]> {
        self[..].to_sizes()
    }
}
impl Sizes for Shape {
    fn to_sizes(&self) -> SmallVec<[isize; 6]> {
        self[..].to_sizes()
    }
}
impl<S: Sizes + ?Sized> Sizes for &S {
    fn to_sizes(&self) -> SmallVec<[isize; 6]> {
        (**self).to_sizes()
    }
}
/// No axes: the shape of a number.
impl Sizes for () {
    fn to_sizes(&self) -> SmallVec<[isize; 6]> {
        SmallVec::new()
    }
}

/// A number for each of `N` axes, as a caller writes it: `[3, 5]`, or `3` for all.
pub trait PerAxis<const N: usize> {
    /// One number for each axis.
    fn per_axis(self) -> [usize; N];
}
impl<const N: usize> PerAxis<N> for usize {
    fn per_axis(self) -> [usize; N] {
        [self; N]
    }
}
impl<const N: usize> PerAxis<N> for [usize; N] {
    fn per_axis(self) -> [usize; N] {
        self
    }
}
