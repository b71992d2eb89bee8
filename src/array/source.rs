//! What does a tape take as a value?

use crate::array::simd::Element;
use ndarray::{ArrayBase, Data, Dimension};

/// What a tape takes as a value: ndarray arrays and views of any dimension, slices, fixed-size arrays (nested up to four deep), `Vec`s and
/// numbers.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no value for a tape of `{T}`",
    note = "values are ndarray arrays and views, slices, `Vec`s, fixed-size arrays and numbers of the tape's own number type, by value or by reference"
)]
pub trait Source<T> {
    /// Calls `f` with shape and elements in row-major order.
    fn visit<R>(&self, f: impl FnOnce(&[usize], &[T]) -> R) -> R;
}

impl Source<f32> for f32 {
    fn visit<R>(&self, f: impl FnOnce(&[usize], &[f32]) -> R) -> R {
        f(&[], &[*self])
    }
}
impl Source<f64> for f64 {
    fn visit<R>(&self, f: impl FnOnce(&[usize], &[f64]) -> R) -> R {
        f(&[], &[*self])
    }
}
impl<T: Element> Source<T> for [T] {
    fn visit<R>(&self, f: impl FnOnce(&[usize], &[T]) -> R) -> R {
        f(&[self.len()], self)
    }
}
impl<T: Element> Source<T> for Vec<T> {
    fn visit<R>(&self, f: impl FnOnce(&[usize], &[T]) -> R) -> R {
        f(&[self.len()], self)
    }
}
impl<T: Element, const N: usize> Source<T> for [T; N] {
    fn visit<R>(&self, f: impl FnOnce(&[usize], &[T]) -> R) -> R {
        f(&[N], self)
    }
}
impl<T: Element, const M: usize, const N: usize> Source<T> for [[T; N]; M] {
    fn visit<R>(&self, f: impl FnOnce(&[usize], &[T]) -> R) -> R {
        f(&[M, N], self.as_flattened())
    }
}
impl<T: Element, const L: usize, const M: usize, const N: usize> Source<T> for [[[T; N]; M]; L] {
    fn visit<R>(&self, f: impl FnOnce(&[usize], &[T]) -> R) -> R {
        f(&[L, M, N], self.as_flattened().as_flattened())
    }
}
impl<T: Element, const K: usize, const L: usize, const M: usize, const N: usize> Source<T> for [[[[T; N]; M]; L]; K] {
    fn visit<R>(&self, f: impl FnOnce(&[usize], &[T]) -> R) -> R {
        f(&[K, L, M, N], self.as_flattened().as_flattened().as_flattened())
    }
}
impl<T: Element, S: Data<Elem = T>, D: Dimension> Source<T> for ArrayBase<S, D> {
    fn visit<R>(&self, f: impl FnOnce(&[usize], &[T]) -> R) -> R {
        match self.as_slice() {
            Some(values) => f(self.shape(), values),
            None => f(self.shape(), &self.iter().copied().collect::<Vec<T>>()),
        }
    }
}
impl<T: Element, X: Source<T> + ?Sized> Source<T> for &X {
    fn visit<R>(&self, f: impl FnOnce(&[usize], &[T]) -> R) -> R {
        (**self).visit(f)
    }
}
