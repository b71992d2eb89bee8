//! Pooling: what lies in the windows over planes of up to three axes, and what is made of it. Planes (one for each image and channel)
//! are independent of one another and shared out between threads.

mod pairs;
mod rows;
mod slide;
#[cfg(test)]
mod tests;
mod windows;

use crate::array::scalar::Scalar;
use crate::array::simd::dispatch;
use pairs::Pairs;
use rows::{Fold, Larger, Largest, NOWHERE, Plus, Spread};
use slide::Slides;
pub(crate) use windows::{Divisor, Planes, Window};

// ------------------------------------------------------------------------------------------------------------- maximum

/// The largest number of each window, NaN if there is one, -inf if all of it lies in the padding.
pub(crate) fn max<T: Scalar>(planes: &Planes, x: &[T], y: &mut [T]) {
    if y.is_empty() {
        return;
    }
    let (pairs, slides, taps) = (Pairs::of(planes), Slides::of(planes), planes.taps());
    planes.share(y, planes.output_len(), &|first, y| {
        if let Some(pairs) = &pairs {
            return dispatch(pairs::Max { pairs, x: planes.inputs(first, x), y });
        }
        if let Some(slides) = &slides {
            return slides.max(planes.inputs(first, x), y);
        }
        dispatch(Fold { planes, taps: &taps, x: planes.inputs(first, x), y, start: -T::INFINITY, f: Larger });
    });
}

/// Where in its plane the largest element of each window lies: the first of equals, the last NaN. -1 if all of it lies in the padding.
pub(crate) fn indices<T: Scalar>(planes: &Planes, x: &[T], y: &mut [i64]) {
    if y.is_empty() {
        return;
    }
    let taps = planes.taps();
    planes.share(y, planes.output_len(), &|first, y| {
        for (x, y) in planes.inputs(first, x).chunks(planes.input_len()).zip(y.chunks_mut(planes.output_len())) {
            let mut put = |to: usize, at: &[usize]| {
                for (y, &at) in y[to..].iter_mut().zip(at) {
                    *y = if at == NOWHERE { -1 } else { at as i64 };
                }
            };
            dispatch(Largest { planes, taps: &taps, x, f: &mut put });
        }
    });
}

/// The elements of `v` where in each window of `x` the largest lies: 0 if all of it lies in the padding.
pub(crate) fn pick<T: Scalar>(planes: &Planes, v: &[T], x: &[T], y: &mut [T]) {
    if y.is_empty() {
        return;
    }
    let (n, taps) = (planes.input_len(), planes.taps());
    planes.share(y, planes.output_len(), &|first, y| {
        let inputs = planes.inputs(first, x).chunks(n).zip(planes.inputs(first, v).chunks(n));
        for ((x, v), y) in inputs.zip(y.chunks_mut(planes.output_len())) {
            let mut put = |to: usize, at: &[usize]| {
                for (y, &at) in y[to..].iter_mut().zip(at) {
                    *y = if at == NOWHERE { T::ZERO } else { v[at] };
                }
            };
            dispatch(Largest { planes, taps: &taps, x, f: &mut put });
        }
    });
}

/// Adds each element of `g` where in its window of `x` the largest lies: the adjoint of [`pick`].
pub(crate) fn place<T: Scalar>(planes: &Planes, g: &[T], x: &[T], y: &mut [T]) {
    if y.is_empty() {
        return;
    }
    let (n, m, taps) = (planes.input_len(), planes.output_len(), planes.taps());
    let (pairs, slides) = (Pairs::of(planes), Slides::of(planes));
    planes.share(y, n, &|first, y| {
        if let Some(pairs) = &pairs {
            return dispatch(pairs::Place { pairs, g: &g[first * m..], x: planes.inputs(first, x), y });
        }
        if let Some(slides) = &slides {
            return slides.place(&g[first * m..], planes.inputs(first, x), y);
        }
        y.fill(T::ZERO);
        // No windows, no planes of `g`.
        for ((x, g), y) in x[first * n..].chunks(n).zip(g[first * m..].chunks(m.max(1))).zip(y.chunks_mut(n)) {
            let mut add = |to: usize, at: &[usize]| {
                for (&g, &at) in g[to..].iter().zip(at).filter(|(_, at)| **at != NOWHERE) {
                    y[at] += g;
                }
            };
            dispatch(Largest { planes, taps: &taps, x, f: &mut add });
        }
    });
}

// ------------------------------------------------------------------------------------------------------------- average

/// The average over each window.
pub(crate) fn average<T: Scalar>(planes: &Planes, divisor: Divisor, x: &[T], y: &mut [T]) {
    if y.is_empty() {
        return;
    }
    let (pairs, taps) = (Pairs::of(planes), planes.taps());
    planes.share(y, planes.output_len(), &|first, y| {
        if let Some(pairs) = &pairs {
            let factor = divisor.weight(pairs.count() as f64);
            return dispatch(pairs::Sum { pairs, factor, x: planes.inputs(first, x), y });
        }
        dispatch(Fold { planes, taps: &taps, x: planes.inputs(first, x), y, start: T::ZERO, f: Plus });
        let (rows, columns) = (planes.output[0] * planes.output[1], planes.output[2]);
        for (row, y) in y.chunks_mut(columns).enumerate() {
            planes.weights(divisor, row % rows, &mut |outputs, w| y[outputs].iter_mut().for_each(|y| *y *= w));
        }
    });
}

/// Adds each element of `g` with its window's weight to all of the window: the adjoint of [`average`].
pub(crate) fn spread<T: Scalar>(planes: &Planes, divisor: Divisor, g: &[T], y: &mut [T]) {
    if y.is_empty() {
        return;
    }
    let (n, m, pairs, taps) = (planes.input_len(), planes.output_len(), Pairs::of(planes), planes.taps());
    planes.share(y, n, &|first, y| {
        if let Some(pairs) = &pairs {
            let factor = divisor.weight(pairs.count() as f64);
            return dispatch(pairs::Spread { pairs, factor, g: &g[first * m..], y });
        }
        y.fill(T::ZERO);
        // No windows, no planes of `g`.
        for (g, y) in g[first * m..].chunks(m.max(1)).zip(y.chunks_mut(n)) {
            dispatch(Spread { planes, taps: &taps, divisor, g, y });
        }
    });
}
