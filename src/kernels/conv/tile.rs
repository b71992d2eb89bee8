//! The arithmetic of the direct kernels: a block of sums in registers, and the transposition of matrices.

use crate::array::simd::{Element, Kernel, MAX_LANES, Simd, Vector, dispatch, prefetch_line};
use std::marker::PhantomData;

/// What a tile multiplies: `sums[r][v] += row(r, k) * vectors(k)[v]`, over k.
///
/// Of the two operands, one lies at distances that a table names, and the other advances evenly. With `TABLE_ON_ROWS` the number of row r for
/// product k is at `rows[r] + table[k]` and the vectors are at `vectors + k * step`; else the numbers are at `rows[r] + k * step` and the
/// vectors at `vectors + table[k]`.
#[derive(Clone, Copy)]
pub(super) struct Tile<'a, T, const ROWS: usize> {
    pub table: &'a [u32],
    pub step: usize,
    pub rows: [*const T; ROWS],
    pub vectors: *const T,
    /// Row r of the sums is stored at `to + r * to_step`, of so many rows.
    pub to: *mut T,
    pub to_step: usize,
    pub valid: usize,
    /// Whether the sums are added to what is there.
    pub add: bool,
}

impl<T: Element, const ROWS: usize> Tile<'_, T, ROWS> {
    /// # Safety
    /// All that is read, and `valid` rows of `VECTORS` whole vectors at `to`, must be there.
    #[inline(always)]
    pub unsafe fn run<S: Simd, const VECTORS: usize, const TABLE_ON_ROWS: bool>(self) {
        let lanes = T::Vector::<S>::LANES;
        let mut sums = [[T::Vector::<S>::zero(); VECTORS]; ROWS];
        for (k, &at) in self.table.iter().enumerate() {
            let (by_row, by_vector) = if TABLE_ON_ROWS { (at as usize, k * self.step) } else { (k * self.step, at as usize) };
            let mut vectors = [T::Vector::<S>::zero(); VECTORS];
            for (v, vector) in vectors.iter_mut().enumerate() {
                // SAFETY: the caller's.
                *vector = unsafe { Vector::load(self.vectors.wrapping_add(by_vector + v * lanes)) };
            }
            for (sums, row) in sums.iter_mut().zip(self.rows) {
                // SAFETY: the caller's.
                let factor = T::Vector::<S>::splat(unsafe { *row.wrapping_add(by_row) });
                for (sum, vector) in sums.iter_mut().zip(vectors) {
                    *sum = vector.mul_add(factor, *sum);
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            if r < self.valid {
                for (v, &sum) in sums.iter().enumerate() {
                    let to = self.to.wrapping_add(r * self.to_step + v * lanes);
                    // SAFETY: the caller's.
                    unsafe { if self.add { sum.add(Vector::load(to)) } else { sum }.store(to) };
                }
            }
        }
    }
}

/// What is added to each number that [`transpose`] writes.
#[derive(Clone, Copy)]
pub(super) enum Plus<'a, T> {
    Nothing,
    /// A number for each row of the result.
    Rows(&'a [T]),
    /// What is there.
    There,
}

/// How far ahead rows are asked for: as many as a block has are more than a processor recognises as streams.
const AHEAD: usize = 32;

/// `to[j][i] = from[i][j]` plus something, for `rows` x `cols` numbers whose rows are so far apart; with `WHOLE`, the rows of the result are
/// filled up with zeros to whole vectors.
///
/// # Safety
/// The numbers must be there, and there must be room for the result.
#[inline(always)]
pub(super) unsafe fn transpose<S: Simd, T: Element, const WHOLE: bool>(
    (rows, cols): (usize, usize),
    (from, from_step): (*const T, usize),
    (to, to_step): (*mut T, usize),
    plus: Plus<'_, T>,
) {
    let lanes = T::Vector::<S>::LANES;
    for i in (0..rows).step_by(lanes) {
        let height = lanes.min(rows - i);
        let high = T::Vector::<S>::mask(height);
        for j in (0..cols).step_by(lanes) {
            let width = lanes.min(cols - j);
            let wide = T::Vector::<S>::mask(width);
            let mut block = [T::Vector::<S>::zero(); MAX_LANES];
            // SAFETY: the caller's; masks hide what is beyond the edges.
            unsafe {
                for (r, row) in block.iter_mut().enumerate().take(height) {
                    let from = from.wrapping_add((i + r) * from_step + j);
                    prefetch_line(from.wrapping_add(AHEAD));
                    *row = if width == lanes { Vector::load(from) } else { Vector::load_masked(from, wide) };
                }
                T::Vector::<S>::transpose(&mut block);
                for (c, &column) in block.iter().enumerate().take(width) {
                    let to = to.wrapping_add((j + c) * to_step + i);
                    let column = match plus {
                        Plus::Nothing => column,
                        Plus::Rows(numbers) => column.add(T::Vector::<S>::splat(numbers[j + c])),
                        Plus::There => column.add(Vector::load_masked(to, high)),
                    };
                    if WHOLE || height == lanes { column.store(to) } else { column.store_masked(to, high) }
                }
            }
        }
    }
}

/// Memory that tasks share, each of which writes places of its own.
pub(super) struct Shared<T>(pub *mut T);

// SAFETY: see above; every use says which places it writes.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// The place of element `i`.
    pub fn at(&self, i: usize) -> *mut T {
        self.0.wrapping_add(i)
    }
}

/// Lanes of a vector, and whether there are 32 registers: layouts depend on them.
pub(super) fn machine<T: Element>() -> (usize, bool) {
    struct Ask<T>(PhantomData<T>);
    impl<T: Element> Kernel for Ask<T> {
        type Out = (usize, bool);
        #[inline(always)]
        fn run<S: Simd>(self, _: S) -> (usize, bool) {
            (T::Vector::<S>::LANES, S::REGISTERS >= 32)
        }
    }
    dispatch(Ask::<T>(PhantomData))
}

/// `total` targets in panels of as many vectors each, at most `most`: how many panels, and how many vectors.
pub(super) fn panels(total: usize, lanes: usize, most: usize) -> (usize, usize) {
    let vectors = total.div_ceil(lanes);
    let panels = vectors.div_ceil(most);
    (panels, vectors.div_ceil(panels))
}
