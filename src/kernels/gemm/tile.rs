//! How is one block of a matrix product computed? In registers.

use super::operand::{MAX_ROWS, MAX_VECTORS, Operand};
use crate::array::simd::{Element, MAX_LANES, Simd, Vector};
use crate::kernels::registers;

/// What one tile multiplies, and where the result goes.
#[derive(Clone, Copy)]
pub struct Place<T> {
    pub depth: usize,
    pub columns: usize,
    pub a: Operand<T>,
    pub b: Operand<T>,
    pub c: *mut T,
    pub c_row: usize,
    pub add: bool,
}

/// The tile of this many rows and vectors: at most [`MAX_ROWS`] and [`MAX_VECTORS`], and 4 and 2 with 16 registers.
///
/// # Safety
/// As [`tile`].
#[inline(always)]
pub unsafe fn tile_of<S: Simd, T: Element>(rows: usize, vectors: usize, place: Place<T>) {
    // SAFETY: the caller's.
    unsafe {
        if const { S::REGISTERS >= 32 } {
            match (rows, vectors) {
                (8, 3) => tile::<S, T, 8, 3>(place),
                (8, 2) => tile::<S, T, 8, 2>(place),
                (8, _) => tile::<S, T, 8, 1>(place),
                (4, 3) => tile::<S, T, 4, 3>(place),
                (4, 2) => tile::<S, T, 4, 2>(place),
                (4, _) => tile::<S, T, 4, 1>(place),
                (2, 3) => tile::<S, T, 2, 3>(place),
                (2, 2) => tile::<S, T, 2, 2>(place),
                (2, _) => tile::<S, T, 2, 1>(place),
                (_, 3) => tile::<S, T, 1, 3>(place),
                (_, 2) => tile::<S, T, 1, 2>(place),
                (_, _) => tile::<S, T, 1, 1>(place),
            }
        } else {
            match (rows, vectors) {
                (4, 2) => tile::<S, T, 4, 2>(place),
                (4, _) => tile::<S, T, 4, 1>(place),
                (2, 2) => tile::<S, T, 2, 2>(place),
                (2, _) => tile::<S, T, 2, 1>(place),
                (_, 2) => tile::<S, T, 1, 2>(place),
                (_, _) => tile::<S, T, 1, 1>(place),
            }
        }
    }
}

/// ROWS x VECTORS accumulators, over the depth of the block.
///
/// # Safety
/// `a` must have ROWS rows, `b` contiguous rows of `columns` elements, which need VECTORS vectors, and `c` ROWS rows of
/// `columns` elements.
#[inline(always)]
unsafe fn tile<S: Simd, T: Element, const ROWS: usize, const VECTORS: usize>(place: Place<T>) {
    if place.columns == VECTORS * T::Vector::<S>::LANES {
        // SAFETY: the caller's.
        unsafe { tile_edge::<S, T, ROWS, VECTORS, false>(place) }
    } else {
        // SAFETY: the caller's.
        unsafe { tile_edge::<S, T, ROWS, VECTORS, true>(place) }
    }
}

/// As [`tile`]. At the EDGE of the matrix the last vector is masked.
#[inline(always)]
unsafe fn tile_edge<S: Simd, T: Element, const ROWS: usize, const VECTORS: usize, const EDGE: bool>(place: Place<T>) {
    let Place { depth, columns, a, b, c, c_row, add } = place;
    let edge = if EDGE { Some(registers::edge::<S, T, VECTORS>(columns)) } else { None };
    let mut sums = [registers::zeros::<S, T, VECTORS>(); ROWS];
    let (mut a_at, mut b_at) = (a.at, b.at);
    // (`while`, and not `for`, which is twice the code in each of the tiles.)
    let mut left = depth;
    while left > 0 {
        // SAFETY: the row of b has `columns` elements, and the mask hides what is beyond.
        let row = unsafe { registers::load::<S, T, VECTORS>(b_at, edge) };
        let mut i = 0;
        while i < ROWS {
            // SAFETY: row i is within a.
            registers::add::<S, T, VECTORS>(&mut sums[i], &row, unsafe { *a_at.wrapping_offset(i as isize * a.row) });
            i += 1;
        }
        a_at = a_at.wrapping_offset(a.col);
        b_at = b_at.wrapping_offset(b.row);
        left -= 1;
    }
    let mut i = 0;
    while i < ROWS {
        let to = c.wrapping_add(i * c_row);
        // SAFETY: the row of c has `columns` elements, and the mask hides what is beyond.
        unsafe { registers::put::<S, T, VECTORS>(&sums[i], to, add, edge) };
        i += 1;
    }
}

/// The result of a tile, before it is transposed into a matrix whose columns are contiguous.
pub struct Turn<T>([[T; MAX_VECTORS * MAX_LANES]; MAX_ROWS]);

impl<T: Element> Turn<T> {
    pub const ROW: usize = MAX_VECTORS * MAX_LANES;

    pub fn new() -> Self {
        Turn([[T::default(); MAX_VECTORS * MAX_LANES]; MAX_ROWS])
    }

    pub fn as_mut_ptr(&mut self) -> *mut T {
        self.0.as_mut_ptr().cast()
    }

    /// Puts `rows` x `columns` elements into `c`, or adds them: element (i, j) belongs at `c[i + j * c_col]`.
    ///
    /// # Safety
    /// `c` must have that many rows and columns.
    #[inline(always)]
    pub unsafe fn put<S: Simd>(&self, rows: usize, columns: usize, c: *mut T, c_col: usize, add: bool) {
        let lanes = T::Vector::<S>::LANES;
        for i in (0..rows).step_by(lanes) {
            let mask = T::Vector::<S>::mask(lanes.min(rows - i));
            for j in (0..columns).step_by(lanes) {
                let mut block = [T::Vector::<S>::zero(); MAX_LANES];
                for (r, row) in block.iter_mut().enumerate().take(lanes.min(MAX_ROWS)) {
                    // SAFETY: a row of the table has room for whole vectors.
                    *row = unsafe { Vector::load(self.0[i + r].as_ptr().add(j)) };
                }
                T::Vector::<S>::transpose(&mut block);
                for (r, &column) in block.iter().enumerate().take(lanes) {
                    if j + r < columns {
                        let to = c.wrapping_add(i + (j + r) * c_col);
                        // SAFETY: the caller's, and the mask hides what is beyond the last row.
                        unsafe {
                            let column = if add { column.add(Vector::load_masked(to, mask)) } else { column };
                            column.store_masked(to, mask);
                        }
                    }
                }
            }
        }
    }
}
