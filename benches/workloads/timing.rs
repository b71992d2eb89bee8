//! How long does a step take?

use std::time::Instant;

/// The times of a step in microseconds, from the least: after three to warm up, at least five and until `seconds` are over.
pub fn times(seconds: f64, mut step: impl FnMut()) -> Vec<f64> {
    for _ in 0..3 {
        step();
    }
    let (start, mut times) = (Instant::now(), Vec::with_capacity(1 << 20));
    while times.len() < 5 || start.elapsed().as_secs_f64() < seconds {
        let before = Instant::now();
        step();
        times.push(before.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_unstable_by(f64::total_cmp);
    times
}
