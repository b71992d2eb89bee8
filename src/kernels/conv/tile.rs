//! What do the direct kernels have in common? Their arithmetic, a tile of sums in registers, and the transposition of matrices.

#![allow(clippy::needless_range_loop)] // as in `registers`

use crate::array::scalar::Scalar;
use crate::array::simd::{Element, Kernel, MAX_LANES, Simd, Vector, dispatch, prefetch_line};
use crate::kernels::registers;
use std::marker::PhantomData;

/// What a tile multiplies: `sums[r][v] += row(r, k) * vectors(k)[v]`, over k.
///
/// One of the operands is at distances that a table lists, and the other one advances evenly. With `TABLE_ON_ROWS` the number of row r for
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
        let mut sums = [registers::zeros::<S, T, VECTORS>(); ROWS];
        for k in 0..self.table.len() {
            let at = self.table[k] as usize;
            let (by_row, by_vector) = if TABLE_ON_ROWS { (at, k * self.step) } else { (k * self.step, at) };
            // SAFETY: the caller's.
            let vectors = unsafe { registers::load::<S, T, VECTORS>(self.vectors.wrapping_add(by_vector), None) };
            for r in 0..ROWS {
                // SAFETY: the caller's.
                registers::add::<S, T, VECTORS>(&mut sums[r], &vectors, unsafe { *self.rows[r].wrapping_add(by_row) });
            }
        }
        for r in 0..ROWS {
            if r < self.valid {
                // SAFETY: the caller's.
                unsafe { registers::put::<S, T, VECTORS>(&sums[r], self.to.wrapping_add(r * self.to_step), self.add, None) };
            }
        }
    }
}

/// The rows of a tile, at these places from `base` on. Where there are fewer places than rows, the last one is repeated.
#[inline(always)]
pub(super) fn rows<T, const ROWS: usize>(base: *const T, places: &[u32]) -> [*const T; ROWS] {
    let mut rows = [base; ROWS];
    for r in 0..ROWS {
        rows[r] = base.wrapping_add(places[r.min(places.len() - 1)] as usize);
    }
    rows
}

/// What is added to each number that [`transpose`] writes.
#[derive(Clone, Copy)]
pub(super) enum Plus<'a, T> {
    Nothing,
    /// A number for each row of the result.
    Rows(&'a [T]),
    /// The number that it replaces.
    Replaced,
}

/// How many elements ahead rows are prefetched.
const AHEAD: usize = 32;

/// `to[j][i] = from[i][j]` plus something, for `rows` x `cols` numbers. Rows are `from_step` and `to_step` apart. With `WHOLE`, the rows of the
/// result are filled up with zeros to whole vectors.
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
                        Plus::Replaced => column.add(Vector::load_masked(to, high)),
                    };
                    if WHOLE || height == lanes { column.store(to) } else { column.store_masked(to, high) }
                }
            }
        }
    }
}

/// Zeros what follows the first `whole` elements of each row.
pub(super) fn clear_beyond<T: Element>(to: &mut [T], width: usize, whole: usize) {
    for row in to.chunks_exact_mut(width) {
        row[whole..].fill(T::default());
    }
}

/// Writes the transpose of `rows` x `cols` sums, whose rows are `from.1` apart, plus something: element (i, j) to `to + j * step + i`.
pub(super) struct Transpose<'a, T> {
    pub from: (&'a [T], usize),
    pub to: *mut T,
    pub rows: usize,
    pub cols: usize,
    pub step: usize,
    pub plus: Plus<'a, T>,
}

impl<T: Element> Kernel for Transpose<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Transpose { from: (from, width), to, rows, cols, step, plus } = self;
        assert!(from.len() >= rows * width && cols <= width);
        // SAFETY: the sums are there; the caller vouches for the places of the result, which it alone writes.
        unsafe { transpose::<S, T, false>((rows, cols), (from.as_ptr(), width), (to, step), plus) };
    }
}

/// Adds the sums of all shares, `size` numbers each, to those of the first one, in order.
pub(super) fn add_shares<T: Scalar>(sums: &mut [T], size: usize) -> &mut [T] {
    let (all, rest) = sums.split_at_mut(size);
    for more in rest.chunks_exact(size) {
        all.iter_mut().zip(more).for_each(|(a, b)| *a += *b);
    }
    all
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

/// The lanes of a vector, and whether there are 32 registers: layouts depend on both.
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

/// Divides `total` targets into panels of the same number of vectors, at most `most`. Returns the numbers of panels and of vectors.
pub(super) fn panels(total: usize, lanes: usize, most: usize) -> (usize, usize) {
    let vectors = total.div_ceil(lanes);
    let panels = vectors.div_ceil(most);
    (panels, vectors.div_ceil(panels))
}

/// The largest number of vectors of a panel: six rows of four, or four rows of two, leave registers for the operands.
pub(super) fn most_vectors(wide: bool) -> usize {
    if wide { 4 } else { 2 }
}

/// Code that is compiled for tiles of several sizes.
pub(super) trait Tiles {
    /// Must be `#[inline(always)]`.
    fn tiles<S: Simd, const ROWS: usize, const VECTORS: usize>(self);
}

/// Runs code with tiles of `vectors` vectors, at most [`most_vectors`], and as many rows as there are registers for.
#[inline(always)]
pub(super) fn tiles_of<S: Simd>(vectors: usize, code: impl Tiles) {
    if const { S::REGISTERS >= 32 } {
        match vectors {
            4 => code.tiles::<S, 6, 4>(),
            3 => code.tiles::<S, 8, 3>(),
            2 => code.tiles::<S, 8, 2>(),
            _ => code.tiles::<S, 8, 1>(),
        }
    } else {
        match vectors {
            2 => code.tiles::<S, 4, 2>(),
            _ => code.tiles::<S, 4, 1>(),
        }
    }
}
