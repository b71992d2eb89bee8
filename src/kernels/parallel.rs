//! How is work divided between threads? Every thread's work is handed out here: nothing else in the crate names the thread pool, so that one
//! file shows that no part is empty or overlaps another.
//!
//! Where an output has at least two parts of a size from which a thread of its own pays, [`parts`] and [`tasks`] divide it by sizes alone,
//! never by the number of threads; so do halves that are run by [`join`]. Matrix products alone ask for the number of threads ([`threads`],
//! [`cut`]): a product is divided by rows and columns of its output only, never along the sum, and each element is added up in one order
//! wherever the cuts lie. So no division of a product changes a bit.
//!
//! The closures of [`parts`] and [`tasks`] come as `&dyn`, so that the thread pool's machinery is compiled once for each number type and not
//! once for each kernel.

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
