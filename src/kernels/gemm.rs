//! How are matrices multiplied?
//!
//! `c = a · b`, or `c += a · b`, for strided `a` and `b` and a row-major `c`, in `f32` and `f64`, on all threads of the
//! current rayon pool if the product is large.
//!
//! # How
//! All the arithmetic is in [`tile`]: a few rows of `a` times a few vectors of columns of `b`, with one accumulator for
//! each element of the result in a register. It runs over
//!
//! 1. blocks of at most [`DEPTH_BYTES`] of the inner dimension k, so that the rows of `a` stay in the first-level cache;
//! 2. in each, blocks of columns, so that the block of `b` stays in the second-level cache;
//! 3. in each, bands of [`band`] rows, the rows of `a` being reused for all columns of the block;
//! 4. in each, groups of up to [`MAX_VECTORS`] vectors.
//!
//! A tile of 8 x 3 vectors needs 24 accumulators, three vectors of `b` and one broadcast element of `a`: 28 of the 32
//! registers of AVX-512 or NEON, and 11 loads for 24 multiply-adds, where a core can do two of each in a cycle. With 16
//! registers it is 4 x 3: 12 + 3 + 1. Eight rows divide the usual powers of two; three vectors are enough accumulators
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

mod pack;
mod tile;
mod vector;

use super::simd::{Element, Kernel, MAX_LANES, Simd, Vector, dispatch};
use pack::{Scratch, pack};
use tile::{Place, Turn, tile_of};

/// Depth of a block, in bytes of one row of `a`: 8 rows of 2 KiB are a third of a first-level cache of 48 KiB.
const DEPTH_BYTES: usize = 2048;
/// Size of a block of `b`: half a second-level cache of 1 MiB.
const BLOCK_BYTES: usize = 512 * 1024;
/// Columns of a tile, in vectors.
const MAX_VECTORS: usize = 3;
/// Rows of the largest tile.
const MAX_ROWS: usize = 8;
/// Packing `b` pays only if it is read by more rows than this.
const PACK_ROWS: usize = 100000;
/// The transpose is computed if there are at most so many columns..
const NARROW: usize = 16;
/// ..and this many times more rows.
const TALL: usize = 3;
/// A thread must have this many multiply-adds to do to be worth waking.
const WORK_PER_THREAD: usize = 80 * 1024;
/// The same for a matrix times a vector, which waits for memory.
const VECTOR_WORK_PER_THREAD: usize = 32 * 1024;

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
        // SAFETY: `first` lies between `low` and `high`, which lie within the data.
        Operand { at: unsafe { self.data.as_ptr().offset(first) }, row: self.row_stride, col: self.col_stride }
    }
}

/// A matrix whose bounds have been checked. With a single row or column, the stride that is never used may be anything.
#[derive(Clone, Copy)]
struct Operand<T> {
    at: *const T,
    row: isize,
    col: isize,
}

impl<T> Operand<T> {
    /// The address of element (i, j).
    #[inline(always)]
    fn at(&self, i: usize, j: usize) -> *const T {
        self.at.wrapping_offset(i as isize * self.row + j as isize * self.col)
    }

    #[inline(always)]
    fn from(self, i: usize, j: usize) -> Self {
        Operand { at: self.at(i, j), ..self }
    }

    fn transposed(self) -> Self {
        Operand { at: self.at, row: self.col, col: self.row }
    }
}

/// `c` (m x n, row-major) `= a` (m x k) `· b` (k x n), or `c += a · b` to accumulate.
///
/// # Panics
/// If `c` does not have m * n elements, or if `a` or `b` reaches outside its data.
#[track_caller]
pub fn gemm<T: Element>(m: usize, k: usize, n: usize, a: Mat<'_, T>, b: Mat<'_, T>, c: &mut [T], accumulate: bool) {
    assert_eq!(m.checked_mul(n), Some(c.len()), "gemm: the result is {m} x {n}");
    if c.is_empty() || k == 0 {
        return if !accumulate { c.fill(T::default()) };
    }
    let (a, b) = (a.checked(m, k, 0), b.checked(k, n, 0));
    Product { m, k, n, a, b, c: c.as_mut_ptr(), c_row: n, c_col: 1, accumulate }.run_parallel();
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
        return if !accumulate { c.fill(T::default()) };
    }
    let product = |p: usize, c: &mut [T]| {
        let (shift_a, shift_b) = shifts(p);
        let (a, b) = (a.checked(m, k, shift_a), b.checked(k, n, shift_b));
        Product { m, k, n, a, b, c: c.as_mut_ptr(), c_row: n, c_col: 1, accumulate }
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
    if threads <= 1 {
        return c.chunks_exact_mut(size).enumerate().for_each(|(p, c)| run(first + p, c));
    }
    let left = threads / 2;
    let middle = c.len() / size * left / threads;
    let (c0, c1) = c.split_at_mut(middle * size);
    rayon::join(|| share(left, first, size, c0, run), || share(threads - left, first + middle, size, c1, run));
}

/// How many threads are worth using.
fn threads(work: usize, work_per_thread: usize) -> usize {
    match work / work_per_thread {
        0 | 1 => 1,
        parts => parts.min(rayon::current_num_threads()),
    }
}

/// A product whose bounds have been checked, or a part of one. No dimension is zero.
#[derive(Clone, Copy)]
struct Product<T> {
    m: usize,
    k: usize,
    n: usize,
    a: Operand<T>,
    b: Operand<T>,
    c: *mut T,
    c_row: usize,
    c_col: usize,
    accumulate: bool,
}

// SAFETY: the operands are only read while they are borrowed, and the parts of a product are disjoint in `c`.
unsafe impl<T: Element> Send for Product<T> {}

impl<T: Element> Product<T> {
    fn run_parallel(self) {
        // A result of few columns would leave lanes of the vectors empty: compute its transpose.
        if self.n <= NARROW && self.m > TALL * self.n {
            let Product { m, n, a, b, c_row, c_col, .. } = self;
            let (a, b) = (b.transposed(), a.transposed());
            return Product { m: n, n: m, a, b, c_row: c_col, c_col: c_row, ..self }.run_parallel();
        }
        let least = if self.m == 1 { VECTOR_WORK_PER_THREAD } else { WORK_PER_THREAD };
        self.divide(threads((self.m * self.n).saturating_mul(self.k), least));
    }

    /// Halves the dimension that has more tiles, down to one part for each thread.
    fn divide(self, threads: usize) {
        let (bands, vectors) = (self.m.div_ceil(MAX_ROWS), self.n.div_ceil(MAX_LANES));
        if threads <= 1 || bands.max(vectors) == 1 {
            return dispatch(self);
        }
        let left = threads / 2;
        let (first, second) = if bands > vectors {
            let middle = bands * left / threads * MAX_ROWS;
            // SAFETY: row `middle` is within `c`.
            let c = unsafe { self.c.add(middle * self.c_row) };
            (Product { m: middle, ..self }, Product { m: self.m - middle, a: self.a.from(middle, 0), c, ..self })
        } else {
            let middle = vectors * left / threads * MAX_LANES;
            // SAFETY: column `middle` is within `c`.
            let c = unsafe { self.c.add(middle * self.c_col) };
            (Product { n: middle, ..self }, Product { n: self.n - middle, b: self.b.from(0, middle), c, ..self })
        };
        rayon::join(move || first.divide(left), move || second.divide(threads - left));
    }
}

/// Divides `total` into blocks of at most `most`, as equal as possible: returns the size of all but the last.
#[inline(always)]
fn even(total: usize, most: usize) -> usize {
    total.div_ceil(total.div_ceil(most))
}

/// The rows of the next tile, of those that remain.
#[inline(always)]
fn band<S: Simd>(remaining: usize) -> usize {
    match remaining {
        8.. if S::REGISTERS >= 32 => 8,
        4.. => 4,
        2.. => 2,
        _ => 1,
    }
}

/// The vectors of the next tile, of those that remain: two and two rather than three and one.
#[inline(always)]
fn group(remaining: usize) -> usize {
    if remaining == MAX_VECTORS + 1 { 2 } else { remaining.min(MAX_VECTORS) }
}

impl<T: Element> Kernel for Product<T> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        // SAFETY: the product has been checked; a single row of the result is contiguous.
        unsafe {
            if self.m == 1 && self.b.col == 1 {
                vector::rows::<S, T>(self);
            } else if self.m == 1 && self.b.row == 1 && self.a.col == 1 {
                vector::columns::<S, T>(self);
            } else {
                self.tiles::<S>();
            }
        }
    }
}

impl<T: Element> Product<T> {
    /// # Safety
    /// The product must have been checked.
    #[inline(always)]
    unsafe fn tiles<S: Simd>(self) {
        let Product { m, k, n, a, b, c, c_row, c_col, accumulate } = self;
        let lanes = T::Vector::<S>::LANES;
        let depth = even(k, DEPTH_BYTES / size_of::<T>());
        let vectors = n.div_ceil(lanes);
        let width = even(vectors, BLOCK_BYTES / (depth * lanes * size_of::<T>())) * lanes;
        let pack_b = (b.col != 1 && n > 1) || m > PACK_ROWS;
        let mut scratch = pack_b.then(Scratch::take);
        let packed = scratch.as_mut().map_or(std::ptr::null_mut(), Scratch::block);
        let mut turn = (c_col != 1).then(Turn::new);

        for p in (0..k).step_by(depth) {
            let depth = depth.min(k - p);
            let add = accumulate || p > 0;
            for j in (0..n).step_by(width) {
                let width = width.min(n - j);
                let vectors = width.div_ceil(lanes);
                if pack_b {
                    // SAFETY: the block lies within b, and the scratch has room for it.
                    unsafe { pack::<S, T>(depth, width, b.from(p, j), packed) };
                }
                let mut i = 0;
                while i < m {
                    let rows = band::<S>(m - i);
                    let a = a.from(i, p);
                    let mut v = 0;
                    while v < vectors {
                        let w = group(vectors - v);
                        let b = if pack_b {
                            let at = packed.wrapping_add(v * lanes * depth).cast_const();
                            Operand { at, row: (w * lanes) as isize, col: 1 }
                        } else {
                            b.from(p, j + v * lanes)
                        };
                        let columns = (w * lanes).min(width - v * lanes);
                        let c = c.wrapping_add(i * c_row + (j + v * lanes) * c_col);
                        // SAFETY: a has rows x depth elements at this place, b has depth x columns, and both c and the
                        // turning table have rows x columns.
                        unsafe {
                            if let Some(turn) = &mut turn {
                                let (c_row, table) = (Turn::<T>::ROW, turn.as_mut_ptr());
                                tile_of::<S, T>(rows, w, Place { depth, columns, a, b, c: table, c_row, add: false });
                                turn.put::<S>(rows, columns, c, c_col, add);
                            } else {
                                tile_of::<S, T>(rows, w, Place { depth, columns, a, b, c, c_row, add });
                            }
                        }
                        v += w;
                    }
                    i += rows;
                }
            }
        }
    }
}
