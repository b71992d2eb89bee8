//! How is an array correlated with weights along one axis? As sums over neighbouring rows, a few rows of a few vectors at a time; each sum runs over
//! the weights in order, so that its bits do not depend on where it lies.

use super::registers::{Mask, add, edge, load, put, zeros};
use crate::array::scalar::Scalar;
use crate::array::simd::{Kernel, Simd, Vector, dispatch};
use crate::kernels::parallel;

/// Products from which a thread of its own pays.
const GRAIN: usize = 128 * 1024;

/// For `x` of shape [outer, n, inner] and K weights, at most n: `y[o, i] = sum over k of w[k] x[o, i + k]`, of shape [outer, n - K + 1, inner].
pub(crate) fn correlate<T: Scalar>(x: &[T], w: &[T], n: usize, inner: usize, y: &mut [T]) {
    if y.is_empty() {
        return;
    }
    let each = GRAIN.div_ceil(w.len().max(1).saturating_mul(inner)) * inner;
    parallel::parts(y, each, &|first, y| dispatch(Rows { x, w, n, inner, first: first / inner, y }));
}

/// Some rows of `y`, each of `inner` elements, from row `first` on.
struct Rows<'a, T> {
    x: &'a [T],
    w: &'a [T],
    n: usize,
    inner: usize,
    first: usize,
    y: &'a mut [T],
}

impl<T: Scalar> Kernel for Rows<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Rows { x, w, n, inner, mut first, y } = self;
        let (m, mut rest) = (n + 1 - w.len(), y);
        while !rest.is_empty() {
            let (outer, row) = (first / m, first % m);
            let rows = (m - row).min(rest.len() / inner);
            let (part, after) = rest.split_at_mut(rows * inner);
            let x = &x[(outer * n + row) * inner..][..(rows + w.len() - 1) * inner];
            // Short rows are taken as one long one: the distance to the next weight's element is the same everywhere.
            match inner >= 2 * T::Vector::<S>::LANES {
                true => lines::<S, T>(x, w, inner, part),
                false => across::<S, T, 1, 8>(x, w, inner, part.len(), part),
            }
            (first, rest) = (first + rows, after);
        }
    }
}

/// Long rows, four at a time, so that each element of `x` is loaded once for four sums.
#[inline(always)]
fn lines<S: Simd, T: Scalar>(x: &[T], w: &[T], inner: usize, y: &mut [T]) {
    let mut blocks = y.chunks_exact_mut(4 * inner);
    let mut row = 0;
    for y in &mut blocks {
        across::<S, T, 4, 2>(&x[row * inner..], w, inner, inner, y);
        row += 4;
    }
    for y in blocks.into_remainder().chunks_exact_mut(inner) {
        across::<S, T, 1, 8>(&x[row * inner..], w, inner, inner, y);
        row += 1;
    }
}

/// The first `len` elements of `ROWS` rows of `y`.
#[inline(always)]
fn across<S: Simd, T: Scalar, const ROWS: usize, const VECTORS: usize>(x: &[T], w: &[T], inner: usize, len: usize, y: &mut [T]) {
    let lanes = T::Vector::<S>::LANES;
    // What the tiles read and write.
    assert!(y.len() >= (ROWS - 1) * inner + len && x.len() >= (w.len() + ROWS - 2) * inner + len);
    let mut at = 0;
    while at + VECTORS * lanes <= len {
        // SAFETY: all vectors lie before `len`.
        unsafe { tile::<S, T, ROWS, VECTORS>(x[at..].as_ptr(), w, inner, y[at..].as_mut_ptr(), None) };
        at += VECTORS * lanes;
    }
    while at < len {
        let mask = edge::<S, T, 1>(lanes.min(len - at));
        // SAFETY: the mask ends at `len`.
        unsafe { tile::<S, T, ROWS, 1>(x[at..].as_ptr(), w, inner, y[at..].as_mut_ptr(), Some(mask)) };
        at += lanes;
    }
}

/// `ROWS` rows of neighbouring vectors.
///
/// # Safety
/// They must be there, in `y` and, with the rows of all weights, in `x`; at an edge, what the mask selects of the last vector.
#[inline(always)]
unsafe fn tile<S: Simd, T: Scalar, const ROWS: usize, const VECTORS: usize>(
    x: *const T,
    w: &[T],
    inner: usize,
    y: *mut T,
    edge: Option<Mask<S, T>>,
) {
    let mut sums = [zeros::<S, T, VECTORS>(); ROWS];
    for row in 0..w.len() + ROWS - 1 {
        // SAFETY: the caller's.
        let x = unsafe { load::<S, T, VECTORS>(x.add(row * inner), edge) };
        for (j, sums) in sums.iter_mut().enumerate() {
            if let Some(&w) = w.get(row.wrapping_sub(j)) {
                add::<S, T, VECTORS>(sums, &x, w);
            }
        }
    }
    for (j, sums) in sums.iter().enumerate() {
        // SAFETY: the caller's.
        unsafe { put::<S, T, VECTORS>(sums, y.add(j * inner), false, edge) };
    }
}
