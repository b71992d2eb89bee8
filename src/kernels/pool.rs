//! How is an array pooled? Windows over planes of up to three axes each give their maximum or their average. There is a plane for each image
//! and channel; planes are divided among threads.

mod pairs;
mod rows;
mod slide;
#[cfg(test)]
mod tests;
mod windows;

use crate::array::scalar::Scalar;
use crate::array::simd::dispatch;
use crate::kernels::parallel;
use pairs::Pairs;
use rows::{Fold, Larger, Largest, NOWHERE, Plus, Spread};
use slide::Slides;
use smallvec::SmallVec;
pub(crate) use windows::{Divisor, Planes, Window};
use windows::{GRAIN, Tap};

/// What is known of windows before their elements: the special cases that they belong to, and the taps of a row.
struct Ways<'a> {
    pairs: Option<Pairs<'a>>,
    slides: Option<Slides<'a>>,
    taps: SmallVec<[Tap; 8]>,
}

/// Calls `f` with the planes of `y`, which have `len` elements each, a few planes at a time, and the index of the first. An empty `y` calls
/// nothing, and then the taps, which may be as many as the caller's sizes, are not listed either.
fn share<T: Send>(planes: &Planes, y: &mut [T], len: usize, f: &(dyn Fn(usize, &mut [T], &Ways<'_>) + Sync)) {
    if y.is_empty() {
        return;
    }
    let ways = Ways { pairs: Pairs::of(planes), slides: Slides::of(planes), taps: planes.taps() };
    parallel::parts(y, GRAIN.div_ceil(planes.work()) * len, &|first, y| f(first / len, y, &ways));
}

// ------------------------------------------------------------------------------------------------------------- maximum

/// The largest number of each window: NaN if one is, -inf if all of the window lies in the padding.
pub(crate) fn max<T: Scalar>(planes: &Planes, x: &[T], y: &mut [T]) {
    share(planes, y, planes.output_len(), &|first, y, ways| {
        if let Some(pairs) = &ways.pairs {
            return dispatch(pairs::Max { pairs, x: planes.inputs(first, x), y });
        }
        if let Some(slides) = &ways.slides {
            return slides.max(planes.inputs(first, x), y);
        }
        dispatch(Fold { planes, taps: &ways.taps, x: planes.inputs(first, x), y, start: -T::INFINITY, f: Larger });
    });
}

/// The place in its plane of the largest element of each window: the first of equals, the last NaN. -1 if all of the window lies in the padding.
pub(crate) fn indices<T: Scalar>(planes: &Planes, x: &[T], y: &mut [i64]) {
    share(planes, y, planes.output_len(), &|first, y, ways| {
        for (x, y) in planes.inputs(first, x).chunks(planes.input_len()).zip(y.chunks_mut(planes.output_len())) {
            let mut put = |to: usize, at: &[usize]| {
                for (y, &at) in y[to..].iter_mut().zip(at) {
                    *y = if at == NOWHERE { -1 } else { at as i64 };
                }
            };
            dispatch(Largest { planes, taps: &ways.taps, x, f: &mut put });
        }
    });
}

/// The elements of `v` at the places of the largest elements of the windows of `x`: 0 if all of a window lies in the padding.
pub(crate) fn pick<T: Scalar>(planes: &Planes, v: &[T], x: &[T], y: &mut [T]) {
    let n = planes.input_len();
    share(planes, y, planes.output_len(), &|first, y, ways| {
        let inputs = planes.inputs(first, x).chunks(n).zip(planes.inputs(first, v).chunks(n));
        for ((x, v), y) in inputs.zip(y.chunks_mut(planes.output_len())) {
            let mut put = |to: usize, at: &[usize]| {
                for (y, &at) in y[to..].iter_mut().zip(at) {
                    *y = if at == NOWHERE { T::ZERO } else { v[at] };
                }
            };
            dispatch(Largest { planes, taps: &ways.taps, x, f: &mut put });
        }
    });
}

/// Adds each element of `g` at the place of the largest element of its window of `x`: the adjoint of [`pick`].
pub(crate) fn place<T: Scalar>(planes: &Planes, g: &[T], x: &[T], y: &mut [T]) {
    let (n, m) = (planes.input_len(), planes.output_len());
    share(planes, y, n, &|first, y, ways| {
        if let Some(pairs) = &ways.pairs {
            return dispatch(pairs::Place { pairs, g: &g[first * m..], x: planes.inputs(first, x), y });
        }
        if let Some(slides) = &ways.slides {
            return slides.place(&g[first * m..], planes.inputs(first, x), y);
        }
        y.fill(T::ZERO);
        // Without windows, `g` has no elements.
        for ((x, g), y) in x[first * n..].chunks(n).zip(g[first * m..].chunks(m.max(1))).zip(y.chunks_mut(n)) {
            let mut add = |to: usize, at: &[usize]| {
                for (&g, &at) in g[to..].iter().zip(at).filter(|(_, at)| **at != NOWHERE) {
                    y[at] += g;
                }
            };
            dispatch(Largest { planes, taps: &ways.taps, x, f: &mut add });
        }
    });
}

// ------------------------------------------------------------------------------------------------------------- average

/// The average over each window.
pub(crate) fn average<T: Scalar>(planes: &Planes, divisor: Divisor, x: &[T], y: &mut [T]) {
    share(planes, y, planes.output_len(), &|first, y, ways| {
        if let Some(pairs) = &ways.pairs {
            let factor = divisor.weight(pairs.count() as f64);
            return dispatch(pairs::Sum { pairs, factor, x: planes.inputs(first, x), y });
        }
        dispatch(Fold { planes, taps: &ways.taps, x: planes.inputs(first, x), y, start: T::ZERO, f: Plus });
        let (rows, columns) = (planes.output[0] * planes.output[1], planes.output[2]);
        for (row, y) in y.chunks_mut(columns).enumerate() {
            planes.weights(divisor, row % rows, &mut |outputs, w| y[outputs].iter_mut().for_each(|y| *y *= w));
        }
    });
}

/// Adds each element of `g`, times the weight of its window, to all elements of the window: the adjoint of [`average`].
pub(crate) fn spread<T: Scalar>(planes: &Planes, divisor: Divisor, g: &[T], y: &mut [T]) {
    let (n, m) = (planes.input_len(), planes.output_len());
    share(planes, y, n, &|first, y, ways| {
        if let Some(pairs) = &ways.pairs {
            let factor = divisor.weight(pairs.count() as f64);
            return dispatch(pairs::Spread { pairs, factor, g: &g[first * m..], y });
        }
        y.fill(T::ZERO);
        // Without windows, `g` has no elements.
        for (g, y) in g[first * m..].chunks(m.max(1)).zip(y.chunks_mut(n)) {
            dispatch(Spread { planes, taps: &ways.taps, divisor, g, y });
        }
    });
}
