//! How is a block of an operand copied into the order in which tiles read it?

use super::operand::{BLOCK_BYTES, Operand, group};
use crate::array::simd::{Element, MAX_LANES, Simd, Vector};
use std::cell::Cell;

/// Packs a block of `b` in groups of up to [`MAX_VECTORS`] vectors, each group contiguous, with zeros beyond the edge.
///
/// # Safety
/// `from` must have `depth` x `width` elements, and `to` must have room for them in whole vectors.
#[inline(always)]
pub unsafe fn pack<S: Simd, T: Element>(depth: usize, width: usize, from: Operand<T>, to: *mut T) {
    if from.col == 1 {
        // SAFETY: the caller's.
        return unsafe { pack_rows::<S, T>(depth, width, from, to) };
    }
    let lanes = T::Vector::<S>::LANES;
    let vectors = width.div_ceil(lanes);
    let mut v = 0;
    while v < vectors {
        let w = group::<S>(vectors - v);
        for u in 0..w {
            let columns = lanes.min(width - (v + u) * lanes);
            let from = from.from(0, (v + u) * lanes);
            let to = to.wrapping_add(v * lanes * depth + u * lanes);
            // SAFETY: the caller's.
            unsafe {
                if from.row == 1 {
                    pack_columns::<S, T>(depth, columns, from, to, w * lanes);
                } else {
                    for p in 0..depth {
                        for j in 0..lanes {
                            *to.add(p * w * lanes + j) = if j < columns { *from.at(p, j) } else { T::default() };
                        }
                    }
                }
            }
        }
        v += w;
    }
}

/// As [`pack`], where the rows are contiguous: row by row, because rows that are far apart are slow to read in pieces.
#[inline(always)]
unsafe fn pack_rows<S: Simd, T: Element>(depth: usize, width: usize, from: Operand<T>, to: *mut T) {
    let lanes = T::Vector::<S>::LANES;
    let (vectors, whole) = (width.div_ceil(lanes), width / lanes);
    let mask = T::Vector::<S>::mask(width - whole * lanes);
    for p in 0..depth {
        let row = from.at(p, 0);
        let mut v = 0;
        while v < vectors {
            let w = group::<S>(vectors - v);
            let to = to.wrapping_add((v * depth + p * w) * lanes);
            for u in 0..w {
                let from = row.wrapping_add((v + u) * lanes);
                // SAFETY: the caller's, and the mask hides what is beyond the row.
                unsafe {
                    let vector = if v + u < whole { Vector::load(from) } else { T::Vector::<S>::load_masked(from, mask) };
                    vector.store(to.add(u * lanes));
                }
            }
            v += w;
        }
    }
}

/// Packs one vector of columns that are contiguous, by transposition.
#[inline(always)]
unsafe fn pack_columns<S: Simd, T: Element>(depth: usize, columns: usize, from: Operand<T>, to: *mut T, stride: usize) {
    let lanes = T::Vector::<S>::LANES;
    for p in (0..depth).step_by(lanes) {
        let rows = lanes.min(depth - p);
        let mask = T::Vector::<S>::mask(rows);
        let mut block = [T::Vector::<S>::zero(); MAX_LANES];
        // SAFETY: the caller's.
        unsafe {
            if rows == lanes && columns == lanes {
                for (j, column) in block.iter_mut().enumerate().take(lanes) {
                    *column = Vector::load(from.at(p, j));
                }
            } else {
                for (j, column) in block.iter_mut().enumerate().take(lanes) {
                    if j < columns {
                        *column = Vector::load_masked(from.at(p, j), mask);
                    }
                }
            }
            T::Vector::<S>::transpose(&mut block);
            for (i, row) in block.iter().enumerate().take(lanes) {
                if i < rows {
                    row.store(to.add((p + i) * stride));
                }
            }
        }
    }
}

/// Memory for packing, one piece for each thread, allocated at its first use.
///
/// It is taken out of the thread-local while it is used, and no rayon task starts meanwhile: if one did, it would find
/// nothing there and allocate another piece.
pub struct Scratch(Vec<Line>);

/// A line of the cache.
#[repr(C, align(64))]
struct Line([u8; 64]);

thread_local! {
    static SCRATCH: Cell<Vec<Line>> = const { Cell::new(Vec::new()) };
}

impl Scratch {
    pub fn take() -> Self {
        let mut lines = SCRATCH.take();
        // The vector stays empty: only its memory is used, and only through pointers.
        lines.reserve_exact(BLOCK_BYTES / size_of::<Line>());
        Scratch(lines)
    }

    /// Room for a block of `b`.
    pub fn block<T>(&mut self) -> *mut T {
        self.0.as_mut_ptr().cast()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        SCRATCH.set(std::mem::take(&mut self.0));
    }
}
