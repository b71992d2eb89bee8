//! How is a product divided: among threads, into blocks, into tiles?

use super::super::parallel::{self, cut, threads};
use super::operand::{
    BLOCK_BYTES, DEPTH_BYTES, MAX_ROWS, NARROW, Operand, PACK_ROWS, TALL, VECTOR_WORK_PER_THREAD, WORK_PER_THREAD, group,
};
use super::pack::{Scratch, pack};
use super::tile::{Place, Turn, tile_of};
use super::vector::{self, Row};
use crate::array::simd::{Element, Kernel, MAX_LANES, Simd, Vector, dispatch};

/// A product whose bounds have been checked, or a part of one. No dimension is zero.
#[derive(Clone, Copy)]
pub struct Product<T> {
    path: Path,
    pub m: usize,
    pub k: usize,
    pub n: usize,
    pub a: Operand<T>,
    pub b: Operand<T>,
    pub c: *mut T,
    c_row: usize,
    c_col: usize,
    pub accumulate: bool,
}

// SAFETY: the operands are only read while they are borrowed, and the parts of a product are disjoint in `c`.
unsafe impl<T: Element> Send for Product<T> {}

/// Which code computes a product. It is chosen for the whole product, so that a part is summed in the same order.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Path {
    Tiles,
    /// One row, times a matrix whose rows are contiguous.
    AddRows,
    /// One contiguous row, times a matrix whose columns are contiguous.
    DotColumns,
}

impl<T: Element> Product<T> {
    pub fn new((m, k, n): (usize, usize, usize), a: Operand<T>, b: Operand<T>, c: &mut [T], accumulate: bool) -> Self {
        let c = c.as_mut_ptr();
        let mut product = Product { path: Path::Tiles, m, k, n, a, b, c, c_row: n, c_col: 1, accumulate };
        // A result of few columns would leave lanes of the vectors empty: compute its transpose.
        if m > 1 && n == 1 || n <= NARROW && m > TALL * n {
            (product.m, product.n) = (n, m);
            (product.a, product.b) = (b.transposed(), a.transposed());
            (product.c_row, product.c_col) = (1, n);
        }
        if product.m == 1 && product.b.col == 1 {
            product.path = Path::AddRows;
        } else if product.m == 1 && product.b.row == 1 && product.a.col == 1 {
            product.path = Path::DotColumns;
        }
        product
    }

    /// As a row times a matrix, where m is 1.
    #[inline(always)]
    fn row(self) -> Row<T> {
        let Product { k, n, a, b, c, accumulate, .. } = self;
        Row { k, n, a, b, c, accumulate }
    }

    pub fn run_parallel(self) {
        let least = if self.m == 1 { VECTOR_WORK_PER_THREAD } else { WORK_PER_THREAD };
        self.divide(threads((self.m * self.n).saturating_mul(self.k), least));
    }

    /// Halves the dimension that has more tiles, down to one part for each thread or one tile.
    fn divide(self, threads: usize) {
        let (bands, vectors) = (self.m.div_ceil(MAX_ROWS), self.n.div_ceil(MAX_LANES));
        if threads <= 1 || bands.max(vectors) == 1 {
            return dispatch(self);
        }
        let (pieces, left) = cut(bands.max(vectors), threads);
        let (first, second) = if bands > vectors {
            let middle = pieces * MAX_ROWS;
            // SAFETY: row `middle` is within `c`.
            let c = unsafe { self.c.add(middle * self.c_row) };
            (Product { m: middle, ..self }, Product { m: self.m - middle, a: self.a.from(middle, 0), c, ..self })
        } else {
            let middle = pieces * MAX_LANES;
            // SAFETY: column `middle` is within `c`.
            let c = unsafe { self.c.add(middle * self.c_col) };
            (Product { n: middle, ..self }, Product { n: self.n - middle, b: self.b.from(0, middle), c, ..self })
        };
        parallel::join(move || first.divide(left), move || second.divide(threads - left));
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

/// `c` (m x n) `= a` (m x k) `· b` (k x n), or `c += a · b` with `add`, inside a kernel and past all division: for blocks that lie in
/// the caches. n is in whole vectors, and the rows of b and of c are contiguous.
///
/// # Safety
/// All that must be there; rows of c are `c.1` apart.
#[inline(always)]
pub unsafe fn multiply<S: Simd, T: Element>((m, k, n): (usize, usize, usize), a: Operand<T>, b: Operand<T>, c: (*mut T, usize), add: bool) {
    let lanes = T::Vector::<S>::LANES;
    let mut v = 0;
    while v < n {
        let w = group::<S>(n - v);
        let mut i = 0;
        while i < m {
            let rows = band::<S>(m - i);
            let to = c.0.wrapping_add(i * c.1 + v * lanes);
            let place = Place { depth: k, columns: w * lanes, a: a.from(i, 0), b: b.from(0, v * lanes), c: to, c_row: c.1, add };
            // SAFETY: the caller's.
            unsafe { tile_of::<S, T>(rows, w, place) };
            i += rows;
        }
        v += w;
    }
}

impl<T: Element> Kernel for Product<T> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        // SAFETY: the product has been checked; a single row of the result is contiguous.
        unsafe {
            match self.path {
                Path::Tiles => self.tiles::<S>(),
                Path::AddRows => vector::add_rows::<S, T>(self.row()),
                Path::DotColumns => vector::dot_columns::<S, T>(self.row()),
            }
        }
    }
}

impl<T: Element> Product<T> {
    /// # Safety
    /// The product must have been checked.
    #[inline(always)]
    unsafe fn tiles<S: Simd>(self) {
        let Product { m, k, n, a, b, c, c_row, c_col, accumulate, .. } = self;
        let lanes = T::Vector::<S>::LANES;
        let depth = even(k, DEPTH_BYTES / size_of::<T>());
        let vectors = n.div_ceil(lanes);
        let width = even(vectors, BLOCK_BYTES / (depth * lanes * size_of::<T>())) * lanes;
        let pack_b = (b.col != 1 && n > 1) || m > if S::REGISTERS >= 32 { PACK_ROWS } else { PACK_ROWS / 4 };
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
                        let w = group::<S>(vectors - v);
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
