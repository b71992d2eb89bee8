//! How are the sums of a tile kept? As rows of a few vectors, each in a register: what tiles do with one row stands here, compiled once for a
//! number of vectors, whatever the tile's number of rows.

#![allow(clippy::needless_range_loop)] // by index: iterators over arrays are many times the code, in each of the instances

use crate::array::simd::{Element, Simd, Vector};

/// Neighbouring vectors.
pub(super) type Row<S, T, const VECTORS: usize> = [<T as Element>::Vector<S>; VECTORS];

#[inline(always)]
pub(super) fn zeros<S: Simd, T: Element, const VECTORS: usize>() -> Row<S, T, VECTORS> {
    [T::Vector::<S>::zero(); VECTORS]
}

/// The mask of the last of these vectors, which together have `columns` elements.
#[inline(always)]
pub(super) fn edge<S: Simd, T: Element, const VECTORS: usize>(columns: usize) -> <T::Vector<S> as Vector<T>>::Mask {
    T::Vector::<S>::mask(columns - (VECTORS - 1) * T::Vector::<S>::LANES)
}

/// The vectors from `from` on.
///
/// # Safety
/// They must be there.
#[inline(always)]
pub(super) unsafe fn load<S: Simd, T: Element, const VECTORS: usize>(from: *const T) -> Row<S, T, VECTORS> {
    let mut row = zeros::<S, T, VECTORS>();
    for v in 0..VECTORS {
        // SAFETY: the caller's.
        row[v] = unsafe { Vector::load(from.wrapping_add(v * T::Vector::<S>::LANES)) };
    }
    row
}

/// As [`load`], of the last vector only what the mask shows, with zeros beside it.
///
/// # Safety
/// As [`load`].
#[inline(always)]
pub(super) unsafe fn load_edge<S: Simd, T: Element, const VECTORS: usize>(
    from: *const T,
    mask: <T::Vector<S> as Vector<T>>::Mask,
) -> Row<S, T, VECTORS> {
    let mut row = zeros::<S, T, VECTORS>();
    for v in 0..VECTORS {
        let from = from.wrapping_add(v * T::Vector::<S>::LANES);
        // SAFETY: the caller's.
        row[v] = unsafe { if v == VECTORS - 1 { Vector::load_masked(from, mask) } else { Vector::load(from) } };
    }
    row
}

/// `sums += row * factor`
#[inline(always)]
pub(super) fn add<S: Simd, T: Element, const VECTORS: usize>(sums: &mut Row<S, T, VECTORS>, row: &Row<S, T, VECTORS>, factor: T) {
    let factor = T::Vector::<S>::splat(factor);
    for v in 0..VECTORS {
        sums[v] = row[v].mul_add(factor, sums[v]);
    }
}

/// Puts sums at `to`, or with `add` adds them to what is there.
///
/// # Safety
/// There must be room.
#[inline(always)]
pub(super) unsafe fn put<S: Simd, T: Element, const VECTORS: usize>(sums: &Row<S, T, VECTORS>, to: *mut T, add: bool) {
    for v in 0..VECTORS {
        let to = to.wrapping_add(v * T::Vector::<S>::LANES);
        // SAFETY: the caller's.
        unsafe { if add { sums[v].add(Vector::load(to)) } else { sums[v] }.store(to) };
    }
}

/// As [`put`], of the last vector only what the mask shows.
///
/// # Safety
/// As [`put`].
#[inline(always)]
pub(super) unsafe fn put_edge<S: Simd, T: Element, const VECTORS: usize>(
    sums: &Row<S, T, VECTORS>,
    to: *mut T,
    add: bool,
    mask: <T::Vector<S> as Vector<T>>::Mask,
) {
    for v in 0..VECTORS {
        let to = to.wrapping_add(v * T::Vector::<S>::LANES);
        // SAFETY: the caller's, and the mask hides what is beyond the edge.
        unsafe {
            if v == VECTORS - 1 {
                if add { sums[v].add(Vector::load_masked(to, mask)) } else { sums[v] }.store_masked(to, mask);
            } else {
                if add { sums[v].add(Vector::load(to)) } else { sums[v] }.store(to);
            }
        }
    }
}
