//! When is work split between threads? Where an output has at least two parts of a size from which a thread of its own pays.
//!
//! Closures come as `&dyn`, so that the thread pool's machinery is compiled once for each number type and not once for each kernel.

use rayon::prelude::*;

/// Calls `f` with each part of `y` and the index of its first element: on several threads if there are at least two parts of `each`
/// elements. Where parts begin depends on sizes alone, never on the number of threads.
pub(crate) fn parts<T: Send>(y: &mut [T], each: usize, f: &(dyn Fn(usize, &mut [T]) + Sync)) {
    if y.len() < 2 * each {
        return f(0, y);
    }
    y.par_chunks_mut(each).enumerate().for_each(|(i, y)| f(i * each, y));
}

/// Calls `f` with each number below `count`: on several threads if that is `worth` it.
pub(crate) fn tasks(count: usize, worth: bool, f: &(dyn Fn(usize) + Sync)) {
    if count == 1 || !worth {
        return (0..count).for_each(f);
    }
    (0..count).into_par_iter().with_max_len(1).for_each(f);
}
