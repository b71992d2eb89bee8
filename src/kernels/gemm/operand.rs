//! What are the operands of a matrix product, and into blocks of which sizes are they divided?

use crate::array::simd::Simd;

/// Depth of a block, in bytes of one row of `a`: 8 rows of 2 KiB are a third of a first-level cache of 48 KiB.
pub const DEPTH_BYTES: usize = 2048;
/// Size of a block of `b`: half a second-level cache of 1 MiB.
pub const BLOCK_BYTES: usize = 512 * 1024;
/// Columns of a tile, in vectors.
pub const MAX_VECTORS: usize = 3;
/// Rows of the largest tile.
pub const MAX_ROWS: usize = 8;
/// Packing rows of `b` that are contiguous pays only if they are read for more rows of `a` than this, with the wide tile.
/// The narrow one reads a single line of the cache from each row, and pays from a quarter of that on.
pub const PACK_ROWS: usize = 128;
/// The transpose is computed if there are at most so many columns..
pub const NARROW: usize = 16;
/// ..and this many times more rows.
pub const TALL: usize = 3;
/// A thread must have this many multiply-adds to do to be worth waking.
pub const WORK_PER_THREAD: usize = 80 * 1024;
/// The same for a matrix times a vector, which waits for memory.
pub const VECTOR_WORK_PER_THREAD: usize = 32 * 1024;

/// A matrix whose bounds have been checked. With a single row or column, the stride that is never used may be anything.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Operand<T> {
    pub at: *const T,
    pub row: isize,
    pub col: isize,
}

impl<T> Operand<T> {
    /// The address of element (i, j).
    #[inline(always)]
    pub fn at(&self, i: usize, j: usize) -> *const T {
        self.at.wrapping_offset(i as isize * self.row + j as isize * self.col)
    }

    #[inline(always)]
    pub fn from(self, i: usize, j: usize) -> Self {
        Operand { at: self.at(i, j), ..self }
    }

    pub fn transposed(self) -> Self {
        Operand { at: self.at, row: self.col, col: self.row }
    }
}

/// The vectors of the next tile, of those that remain: two and two rather than three and one.
#[inline(always)]
pub fn group<S: Simd>(remaining: usize) -> usize {
    // With 16 registers, 4 x 3 accumulators would just fit if nothing were loaded ahead, but compilers do load ahead, and
    // then keep an accumulator in memory: half the speed.
    let most = if S::REGISTERS >= 32 { MAX_VECTORS } else { 2 };
    if remaining == MAX_VECTORS + 1 { 2 } else { remaining.min(most) }
}
