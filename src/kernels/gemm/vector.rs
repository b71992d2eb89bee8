//! How is a row multiplied by a matrix? Every element of the matrix is used once, so the time is that of reading it in order.

#![allow(clippy::needless_range_loop)] // as in `registers`

use super::operand::Operand;
use crate::array::simd::{Element, Simd, Vector};

/// A row (of k elements) times a matrix (k x n) whose bounds have been checked.
#[derive(Clone, Copy)]
pub struct Row<T> {
    pub k: usize,
    pub n: usize,
    pub a: Operand<T>,
    pub b: Operand<T>,
    pub c: *mut T,
    pub accumulate: bool,
}

/// The rows that are added at once.
const ROWS: usize = 8;

/// A row times a matrix whose rows are contiguous: multiples of the rows are added to the result, a few at once.
///
/// # Safety
/// The product must have been checked, the rows of `b` be contiguous and the result too.
#[inline(always)]
pub unsafe fn add_rows<S: Simd, T: Element>(row: Row<T>) {
    let Row { k, n, a, b, c, accumulate } = row;
    let mut p = 0;
    while p < k {
        let add = accumulate || p > 0;
        // SAFETY: the caller's.
        unsafe {
            if k - p >= ROWS {
                add_some::<S, T, ROWS>(n, a.from(0, p), b.from(p, 0), c, add);
                p += ROWS;
            } else {
                add_some::<S, T, 1>(n, a.from(0, p), b.from(p, 0), c, add);
                p += 1;
            }
        }
    }
}

/// # Safety
/// As [`add_rows`].
#[inline(always)]
unsafe fn add_some<S: Simd, T: Element, const ROWS: usize>(n: usize, a: Operand<T>, b: Operand<T>, c: *mut T, add: bool) {
    let lanes = T::Vector::<S>::LANES;
    let mut factors = [T::Vector::<S>::zero(); ROWS];
    for i in 0..ROWS {
        // SAFETY: a has this many elements.
        factors[i] = T::Vector::<S>::splat(unsafe { *a.at(0, i) });
    }
    let whole = n / lanes * lanes;
    for j in (0..whole).step_by(lanes) {
        // SAFETY: these vectors are within b and c.
        unsafe {
            let mut sum = if add { Vector::load(c.add(j)) } else { T::Vector::<S>::zero() };
            for i in 0..ROWS {
                sum = T::Vector::<S>::load(b.at(i, j)).mul_add(factors[i], sum);
            }
            sum.store(c.add(j));
        }
    }
    if whole < n {
        let mask = T::Vector::<S>::mask(n - whole);
        // SAFETY: the mask hides what is beyond b and c.
        unsafe {
            let mut sum = if add { Vector::load_masked(c.add(whole), mask) } else { T::Vector::<S>::zero() };
            for i in 0..ROWS {
                sum = T::Vector::<S>::load_masked(b.at(i, whole), mask).mul_add(factors[i], sum);
            }
            sum.store_masked(c.add(whole), mask);
        }
    }
}

/// A row times a matrix whose columns are contiguous: one scalar product for each element of the result.
///
/// # Safety
/// The product must have been checked, m be 1, and `a` and the columns of `b` be contiguous.
#[inline(always)]
pub unsafe fn dot_columns<S: Simd, T: Element>(row: Row<T>) {
    let Row { k, n, a, b, c, accumulate } = row;
    let mut j = 0;
    while j < n {
        let columns = if n - j >= 4 { 4 } else { 1 };
        let mut sums = [T::default(); 4];
        // SAFETY: columns j.. are within b and c.
        unsafe {
            if columns == 4 {
                sums = dot::<S, T, 4>(k, a.at, b.from(0, j));
            } else {
                [sums[0]] = dot::<S, T, 1>(k, a.at, b.from(0, j));
            }
            for (i, &sum) in sums[..columns].iter().enumerate() {
                let to = c.add(j + i);
                *to = if accumulate { *to + sum } else { sum };
            }
        }
        j += columns;
    }
}

/// The scalar products of `x` with COLUMNS columns of `b`, each with two vectors of partial sums.
#[inline(always)]
unsafe fn dot<S: Simd, T: Element, const COLUMNS: usize>(k: usize, x: *const T, b: Operand<T>) -> [T; COLUMNS] {
    let lanes = T::Vector::<S>::LANES;
    let mut sums = [[T::Vector::<S>::zero(); COLUMNS]; 2];
    let mut p = 0;
    while p < k {
        for half in 0..2 {
            let rest = k.saturating_sub(p);
            // SAFETY: x and the columns of b have k elements.
            unsafe {
                if rest >= lanes {
                    let x = T::Vector::<S>::load(x.add(p));
                    for j in 0..COLUMNS {
                        sums[half][j] = T::Vector::<S>::load(b.at(p, j)).mul_add(x, sums[half][j]);
                    }
                } else if rest > 0 {
                    let mask = T::Vector::<S>::mask(rest);
                    let x = T::Vector::<S>::load_masked(x.add(p), mask);
                    for j in 0..COLUMNS {
                        sums[half][j] = T::Vector::<S>::load_masked(b.at(p, j), mask).mul_add(x, sums[half][j]);
                    }
                }
            }
            p += lanes;
        }
    }
    let mut all = [T::default(); COLUMNS];
    for j in 0..COLUMNS {
        all[j] = sums[0][j].add(sums[1][j]).sum();
    }
    all
}
