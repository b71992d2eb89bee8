//! How are matrices multiplied?
//!
//! `c = a · b`, or `c += a · b`, for strided `a` and `b` and a row-major `c`, in `f32` and `f64`, on all threads of the
//! current rayon pool if the product is large.
//!
//! # How
//! All the arithmetic is in [`tile`]: a few rows of `a` times a few vectors of columns of `b`, with one accumulator for
//! each element of the result in a register. It runs over
//!
//! 1. blocks of at most [`DEPTH_BYTES`](operand::DEPTH_BYTES) of the inner dimension k, so that the rows of `a` stay in the first-level cache;
//! 2. in each, blocks of columns, so that the block of `b` stays in the second-level cache;
//! 3. in each, bands of up to [`MAX_ROWS`](operand::MAX_ROWS) rows, the rows of `a` being reused for all columns of the block;
//! 4. in each, groups of up to [`MAX_VECTORS`](operand::MAX_VECTORS) vectors.
//!
//! A tile of 8 x 3 vectors needs 24 accumulators, three vectors of `b` and one broadcast element of `a`: 28 of the 32
//! registers of AVX-512 or NEON, and 11 loads for 24 multiply-adds, where a core can do two of each in a cycle. With 16
//! registers it is 4 x 2. Eight rows divide the usual powers of two; three vectors are enough accumulators
//! to hide the latency of the instruction (4 cycles, 2 a cycle) down to four rows.
//!
//! The tile reads `a` one element at a time, so any strides will do there. It reads vectors of `b`, whose rows must be
//! contiguous: if they are not, or if they are far apart and used often, the block of `b` is packed first, by
//! transposition in registers if its columns are contiguous.
//!
//! # Same bits at any number of threads
//! Only m and n are ever divided among threads. Every element of `c` is the sum over the blocks of k, in order, of the
//! sum over each block, in order, and the blocks of k depend on k alone. Neither the shape of the tile nor the edges of
//! the matrix change this order.

mod operand;
mod pack;
mod product;
mod tile;
mod vector;

use super::parallel::{self, cut, threads};
use crate::array::simd::{Element, dispatch};
pub(super) use operand::Operand;
use operand::WORK_PER_THREAD;
use product::Product;
pub(super) use product::multiply;

/// A strided matrix: element (i, j) is `data[offset + i * row_stride + j * col_stride]`.
///
/// Strides may be zero or negative, as in broadcast and flipped views. A transposed matrix has its strides exchanged.
#[derive(Clone, Copy, Debug)]
pub struct Mat<'a, T> {
    pub data: &'a [T],
    pub offset: usize,
    pub row_stride: isize,
    pub col_stride: isize,
}

impl<T: Element> Mat<'_, T> {
    /// The place of element (0, 0), moved by `shift`, once it is certain that all elements lie within the data.
    #[track_caller]
    fn checked(&self, rows: usize, cols: usize, shift: isize) -> Operand<T> {
        let reach = |count: usize, stride: isize| isize::try_from(count - 1).ok()?.checked_mul(stride);
        let inside = || {
            let first = isize::try_from(self.offset).ok()?.checked_add(shift)?;
            let (down, across) = (reach(rows, self.row_stride)?, reach(cols, self.col_stride)?);
            let low = first.checked_add(down.min(0))?.checked_add(across.min(0))?;
            let high = first.checked_add(down.max(0))?.checked_add(across.max(0))?;
            (low >= 0 && (high as usize) < self.data.len()).then_some(first)
        };
        let Some(first) = inside() else {
            panic!("gemm: a {rows} x {cols} matrix reaches outside its {} elements", self.data.len());
        };
        Operand {
            // It lies between `low` and `high`, which lie within the data.
            at: self.data.as_ptr().wrapping_offset(first),
            row: self.row_stride,
            col: self.col_stride,
        }
    }
}

impl<'a, T> Mat<'a, T> {
    /// A matrix whose rows of `width` elements lie one after the other.
    pub fn rows(data: &'a [T], width: usize) -> Self {
        Mat { data, offset: 0, row_stride: width as isize, col_stride: 1 }
    }
    /// A matrix whose columns of `height` elements lie one after the other.
    pub fn columns(data: &'a [T], height: usize) -> Self {
        Mat { data, offset: 0, row_stride: 1, col_stride: height as isize }
    }
}

/// The product of one [`gemm`], if there is something to multiply; else `c` is complete.
#[track_caller]
fn checked<T: Element>(m: usize, k: usize, n: usize, a: Mat<'_, T>, b: Mat<'_, T>, c: &mut [T], accumulate: bool) -> Option<Product<T>> {
    assert_eq!(m.checked_mul(n), Some(c.len()), "gemm: the result is {m} x {n}");
    if c.is_empty() || k == 0 {
        if !accumulate {
            c.fill(T::default());
        }
        return None;
    }
    let (a, b) = (a.checked(m, k, 0), b.checked(k, n, 0));
    Some(Product::new((m, k, n), a, b, c, accumulate))
}

/// `c` (m x n, row-major) `= a` (m x k) `· b` (k x n), or `c += a · b` to accumulate.
///
/// # Panics
/// If `c` does not have m * n elements, or if `a` or `b` reaches outside its data.
#[track_caller]
pub fn gemm<T: Element>(m: usize, k: usize, n: usize, a: Mat<'_, T>, b: Mat<'_, T>, c: &mut [T], accumulate: bool) {
    if let Some(product) = checked(m, k, n, a, b, c, accumulate) {
        product.run_parallel();
    }
}

/// As [`gemm`], on this thread alone: for a task among many. The bits are the same.
///
/// # Panics
/// As [`gemm`].
#[track_caller]
pub fn gemm_here<T: Element>(m: usize, k: usize, n: usize, a: Mat<'_, T>, b: Mat<'_, T>, c: &mut [T], accumulate: bool) {
    if let Some(product) = checked(m, k, n, a, b, c, accumulate) {
        dispatch(product);
    }
}

/// `batch` products of one shape: `c` is `[batch, m, n]`, contiguous, and in product p both operands are moved by
/// `shifts(p)` elements from where `a` and `b` say.
///
/// # Panics
/// As [`gemm`].
#[track_caller]
#[allow(clippy::too_many_arguments)]
pub fn gemm_batched<T: Element>(
    batch: usize,
    (m, k, n): (usize, usize, usize),
    a: Mat<'_, T>,
    b: Mat<'_, T>,
    shifts: impl Fn(usize) -> (isize, isize) + Sync,
    c: &mut [T],
    accumulate: bool,
) {
    let size = m.checked_mul(n);
    assert_eq!(size.and_then(|s| s.checked_mul(batch)), Some(c.len()), "gemm: the result is {batch} x {m} x {n}");
    if c.is_empty() || k == 0 {
        return if !accumulate {
            c.fill(T::default())
        };
    }
    let product = |p: usize, c: &mut [T]| {
        let (shift_a, shift_b) = shifts(p);
        let (a, b) = (a.checked(m, k, shift_a), b.checked(k, n, shift_b));
        Product::new((m, k, n), a, b, c, accumulate)
    };
    let work = (m * n).saturating_mul(k);
    let threads = threads(work.saturating_mul(batch), WORK_PER_THREAD);
    if threads > 1 && batch < 2 * threads {
        // Few products: each is divided among the threads, if it is large enough.
        c.chunks_exact_mut(m * n).enumerate().for_each(|(p, c)| product(p, c).run_parallel());
    } else {
        share(threads, 0, m * n, c, &|p, c| dispatch(product(p, c)));
    }
}

/// Divides the products of a batch among threads.
fn share<T: Element>(threads: usize, first: usize, size: usize, c: &mut [T], run: &(impl Fn(usize, &mut [T]) + Sync)) {
    let count = c.len() / size;
    if threads <= 1 || count <= 1 {
        return c.chunks_exact_mut(size).enumerate().for_each(|(p, c)| run(first + p, c));
    }
    let (middle, left) = cut(count, threads);
    let (c0, c1) = c.split_at_mut(middle * size);
    parallel::join(|| share(left, first, size, c0, run), || share(threads - left, first + middle, size, c1, run));
}

#[cfg(test)]
mod tests;
