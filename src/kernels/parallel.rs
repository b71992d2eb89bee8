//! How is work divided between threads? Only this file uses the thread pool, so it alone shows that no part is empty and no two overlap.
//!
//! [`parts`], [`pieces`], [`tasks`] and the halves that are run by [`join`] depend on sizes alone, never on the number of threads, so that the
//! bits do not either. Matrix products alone ask for the number of threads ([`threads`], [`cut`]): a product is divided by rows and columns of
//! its output only, never along the sum, and the order of each sum does not depend on the division.
//!
//! Closures are passed as `&dyn`, so that the code of the thread pool is compiled once for a number type and not for each kernel.

use rayon::prelude::*;

/// Calls `f` with each part of `y` and the index of its first element: on several threads if there are at least two parts of `each`
/// elements. Where parts begin depends on sizes alone, never on the number of threads.
#[cfg_attr(test, track_caller)]
pub(crate) fn parts<T: Send>(y: &mut [T], each: usize, f: &(dyn Fn(usize, &mut [T]) + Sync)) {
    if y.len() < each.saturating_mul(2) || y.len() < 2 {
        return f(0, y);
    }
    divided();
    y.par_chunks_mut(each.max(1)).enumerate().for_each(|(i, y)| f(i * each.max(1), y));
}

/// Calls `f` with each piece of `size` elements of `y` and its index: on several threads, each with parts of `each` elements, as [`parts`] does.
#[cfg_attr(test, track_caller)]
pub(crate) fn pieces<T: Send>(y: &mut [T], size: usize, each: usize, f: &(dyn Fn(usize, &mut [T]) + Sync)) {
    parts(y, each, &|first, y| {
        for (i, y) in y.chunks_exact_mut(size).enumerate() {
            f(first / size + i, y);
        }
    });
}

/// Calls `f` with each number below `count`: on several threads if that is `worth` it.
#[cfg_attr(test, track_caller)]
pub(crate) fn tasks(count: usize, worth: bool, f: &(dyn Fn(usize) + Sync)) {
    if count <= 1 || !worth {
        return (0..count).for_each(f);
    }
    divided();
    (0..count).into_par_iter().with_max_len(1).for_each(f);
}

/// Runs both, on two threads if another one is free.
#[cfg_attr(test, track_caller)]
pub(crate) fn join(a: impl FnOnce() + Send, b: impl FnOnce() + Send) {
    divided();
    rayon::join(a, b);
}

/// On how many threads `work` is worth dividing, if one of its own pays from `each` on: at least 1, and at most as many as the pool has.
pub(crate) fn threads(work: usize, each: usize) -> usize {
    match work / each {
        0 | 1 => 1,
        parts => parts.min(rayon::current_num_threads()),
    }
}

/// Halves `pieces` (at least two) and `threads` (at least two). Gives how many pieces and how many threads the first half has; the second
/// has the rest. Neither half is without a piece, however many more threads there are, or without a thread.
pub(crate) fn cut(pieces: usize, threads: usize) -> (usize, usize) {
    debug_assert!(pieces >= 2 && threads >= 2, "{pieces} pieces for {threads} threads");
    let left = threads / 2;
    // Below: left / threads is at most a half, so that something remains for the second half.
    let share = (pieces as u128 * left as u128 / threads as u128) as usize;
    (share.max(1), left)
}

/// Called where work is divided. Here it is nothing; the tests have one of their own, which notes the place, so that a place that no test
/// reaches is found.
#[cfg(not(test))]
#[inline(always)]
fn divided() {}
#[cfg(test)]
use tests::divided;
#[cfg(test)]
mod tests;
