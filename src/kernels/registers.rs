//! How do tiles keep their sums? As rows of a few vectors, each in a register. What tiles do with one row is compiled once for a number of
//! vectors, not again for each number of rows.

#![allow(clippy::needless_range_loop)] // by index: iterators over arrays are more code in each of the instances

use crate::array::simd::{Element, Simd, Vector};

/// Neighbouring vectors.
pub(super) type Row<S, T, const VECTORS: usize> = [<T as Element>::Vector<S>; VECTORS];

/// Sums of nothing.
#[inline(always)]
pub(super) fn zeros<S: Simd, T: Element, const VECTORS: usize>() -> Row<S, T, VECTORS> {
    [T::Vector::<S>::zero(); VECTORS]
}

/// The mask of a vector of which only the first lanes are used.
pub(super) type Mask<S, T> = <<T as Element>::Vector<S> as Vector<T>>::Mask;

/// The mask of the last of these vectors, which together have `columns` elements.
#[inline(always)]
pub(super) fn edge<S: Simd, T: Element, const VECTORS: usize>(columns: usize) -> Mask<S, T> {
    T::Vector::<S>::mask(columns - (VECTORS - 1) * T::Vector::<S>::LANES)
}

/// The vectors from `from` on; at an edge, of the last one only what the mask selects, and zeros beside it.
///
/// # Safety
/// They must be there.
#[inline(always)]
pub(super) unsafe fn load<S: Simd, T: Element, const VECTORS: usize>(from: *const T, edge: Option<Mask<S, T>>) -> Row<S, T, VECTORS> {
    let mut row = zeros::<S, T, VECTORS>();
    for v in 0..VECTORS {
        let from = from.wrapping_add(v * T::Vector::<S>::LANES);
        // SAFETY: the caller's.
        row[v] = match edge {
            Some(mask) if v == VECTORS - 1 => unsafe { Vector::load_masked(from, mask) },
            _ => unsafe { Vector::load(from) },
        };
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

/// Writes sums to `to`, or with `add` adds them to what is there; at an edge, of the last vector only what the mask selects.
///
/// # Safety
/// There must be room.
#[inline(always)]
pub(super) unsafe fn put<S: Simd, T: Element, const VECTORS: usize>(
    sums: &Row<S, T, VECTORS>,
    to: *mut T,
    add: bool,
    edge: Option<Mask<S, T>>,
) {
    for v in 0..VECTORS {
        let to = to.wrapping_add(v * T::Vector::<S>::LANES);
        // SAFETY: the caller's, and the mask hides what is beyond the edge.
        unsafe {
            match edge {
                Some(mask) if v == VECTORS - 1 => {
                    if add { sums[v].add(Vector::load_masked(to, mask)) } else { sums[v] }.store_masked(to, mask)
                }
                _ => if add { sums[v].add(Vector::load(to)) } else { sums[v] }.store(to),
            }
        }
    }
}
