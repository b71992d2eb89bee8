//! How are elements sorted? Line by line along an axis, each element with its position, so that equal elements keep their order.

use crate::array::error::ShapeError;
use crate::array::memory::{filled, or_panic, room};
use crate::array::scalar::Scalar;
use crate::array::shape::Shape;
use crate::kernels::parallel;
use std::cmp::Ordering;

/// Elements from which a thread of its own pays.
const GRAIN: usize = 4 * 1024;

/// An element and its position in its line.
pub(crate) type Entry<T> = (T, i64);

/// Smaller first, NaN last.
fn by_value<T: Scalar>(a: T, b: T) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// Smaller first, NaN last, equal elements by position.
pub(crate) fn ascending<T: Scalar>(a: &Entry<T>, b: &Entry<T>) -> Ordering {
    by_value(a.0, b.0).then(a.1.cmp(&b.1))
}

/// Larger first, NaN before all, equal elements by position.
pub(crate) fn descending<T: Scalar>(a: &Entry<T>, b: &Entry<T>) -> Ordering {
    by_value(b.0, a.0).then(a.1.cmp(&b.1))
}

/// Chooses `k` elements of each line along an axis: `choose` moves them to the front. Returns their positions, as an array with `k` elements
/// along that axis.
pub(crate) fn choose<T: Scalar>(
    x: &[T],
    shape: &Shape,
    axis: usize,
    k: usize,
    choose: &(dyn Fn(&mut [Entry<T>]) + Sync),
) -> Result<Vec<i64>, ShapeError> {
    let (n, inner): (usize, usize) = (shape[axis], shape[axis + 1..].iter().product());
    let mut y = filled(shape.with(axis, k).numel(), 0)?;
    if y.is_empty() {
        return Ok(y);
    }
    let block = k * inner;
    parallel::parts(&mut y, GRAIN.div_ceil(n * inner) * block, &|first, y| {
        let mut line: Vec<Entry<T>> = or_panic(room(n));
        for (o, y) in y.chunks_exact_mut(block).enumerate() {
            let x = &x[(first / block + o) * n * inner..][..n * inner];
            for i in 0..inner {
                line.clear();
                line.extend(x[i..].iter().step_by(inner).zip(0..).map(|(&x, at)| (x, at)));
                choose(&mut line);
                y[i..].iter_mut().step_by(inner).zip(&line).for_each(|(y, &(_, at))| *y = at);
            }
        }
    });
    Ok(y)
}

/// Moves the first `k` elements of an order to the front, sorted.
pub(crate) fn first<T: Scalar>(line: &mut [Entry<T>], k: usize, order: fn(&Entry<T>, &Entry<T>) -> Ordering) {
    if k < line.len() {
        line.select_nth_unstable_by(k, order);
    }
    line[..k].sort_unstable_by(order);
}
