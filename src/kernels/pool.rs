//! Pooling: what lies in the windows over planes of up to three axes, and what is made of it. Planes (one for each image and channel)
//! are independent of one another and shared out between threads.

mod pairs;
#[cfg(test)]
mod tests;

use crate::kernels::parallel;
use crate::kernels::simd::{Kernel, Simd, dispatch};
use crate::scalar::Scalar;
use pairs::Pairs;
use smallvec::SmallVec;
use std::ops::Range;

/// Elements read from which a thread of its own pays.
const GRAIN: usize = 32 * 1024;

/// Where the windows along one axis lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Window {
    /// One every `stride` positions, the first at `-padding`: `kernel` positions, `dilation` apart. With `ceil` the last one may run
    /// over the end.
    Sliding { kernel: usize, stride: usize, padding: usize, dilation: usize, ceil: bool },
    /// So many, which divide the axis among them; `None` is one an element.
    Adaptive(Option<usize>),
}

impl Window {
    /// The only window of an axis that is not there.
    pub const NONE: Window = Window::Adaptive(Some(1));

    /// The positions within an axis of size `n` that window `i` of `m` covers.
    #[inline(always)]
    fn span(self, i: usize, n: usize, m: usize) -> Span {
        match self {
            Window::Sliding { kernel, stride, padding, dilation, .. } => {
                let end = (i * stride + (kernel - 1) * dilation + 1).saturating_sub(padding).min(n);
                let start = match (i * stride).checked_sub(padding) {
                    Some(start) => start,
                    // The first one that is not in the padding.
                    None => (padding - i * stride).div_ceil(dilation) * dilation + i * stride - padding,
                };
                Span { start, end, step: dilation }
            }
            Window::Adaptive(_) => Span { start: i * n / m, end: ((i + 1) * n).div_ceil(m), step: 1 },
        }
    }
    /// How many positions window `i` covers, with those in the padding (but not beyond it) or without.
    fn size(self, i: usize, n: usize, m: usize, padded: bool) -> usize {
        match self {
            Window::Sliding { kernel, stride, padding, .. } if padded => kernel.min(n + 2 * padding - i * stride),
            _ => self.span(i, n, m).count(),
        }
    }
    /// The same by the window's elements, for whole rows: where they lie for which outputs.
    fn taps(self, n: usize, m: usize) -> SmallVec<[Tap; 8]> {
        let Window::Sliding { kernel, stride, padding, dilation, .. } = self else { return SmallVec::new() };
        let tap = |k: usize| {
            let first = padding.saturating_sub(k * dilation).div_ceil(stride);
            let end = (n + padding).saturating_sub(k * dilation).div_ceil(stride).min(m);
            (first < end).then(|| Tap { outputs: first..end, from: first * stride + k * dilation - padding })
        };
        let first = padding.saturating_sub((m - 1) * stride).div_ceil(dilation);
        (first..kernel.min((n + padding).div_ceil(dilation))).filter_map(tap).collect()
    }
}

/// Positions `start`, `start + step`, .. below `end`. (The standard library's `StepBy` begins with a division.)
#[derive(Clone, Copy)]
struct Span {
    start: usize,
    end: usize,
    step: usize,
}

impl Iterator for Span {
    type Item = usize;
    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        let at = self.start;
        self.start += self.step;
        (at < self.end).then_some(at)
    }
}

/// One element of the windows of a row: output `outputs.start + i` has it at position `from + i * stride`.
struct Tap {
    outputs: Range<usize>,
    from: usize,
}

/// Windows over planes of known sizes.
pub(crate) struct Planes {
    pub windows: [Window; 3],
    pub input: [usize; 3],
    pub output: [usize; 3],
}

impl Planes {
    fn input_len(&self) -> usize {
        self.input.iter().product()
    }
    fn output_len(&self) -> usize {
        self.output.iter().product()
    }
    fn taps(&self) -> SmallVec<[Tap; 8]> {
        self.windows[2].taps(self.input[2], self.output[2])
    }
    /// The inputs from plane `first` on.
    fn inputs<'a, T>(&self, first: usize, x: &'a [T]) -> &'a [T] {
        &x[first * self.input_len()..]
    }
    /// How many elements all windows of a plane cover, roughly.
    fn work(&self) -> usize {
        let covered = |a: usize| match self.windows[a] {
            Window::Sliding { kernel, .. } => self.output[a].saturating_mul(kernel),
            Window::Adaptive(_) => self.input[a].max(self.output[a]),
        };
        (0..3).map(covered).fold(1, usize::saturating_mul).max(1)
    }
    #[inline(always)]
    fn span(&self, axis: usize, i: usize) -> Span {
        self.windows[axis].span(i, self.input[axis], self.output[axis])
    }
    /// Calls `f` with the planes of `y`, which have `len` elements each, a few planes at a time, and the number of the first.
    fn share<T: Send>(&self, y: &mut [T], len: usize, f: &(dyn Fn(usize, &mut [T]) + Sync)) {
        if !y.is_empty() {
            parallel::parts(y, GRAIN.div_ceil(self.work()) * len, &|first, y| f(first / len, y));
        }
    }
    /// Calls `f` with each row of outputs (its number) and each row of inputs (its number) that its windows reach.
    #[inline(always)]
    fn rows(&self, mut f: impl FnMut(usize, usize)) {
        for a in 0..self.output[0] {
            for b in 0..self.output[1] {
                for i in self.span(0, a) {
                    for j in self.span(1, b) {
                        f(a * self.output[1] + b, i * self.input[1] + j);
                    }
                }
            }
        }
    }
}

// ------------------------------------------------------------------------------------------------------------- maximum

/// The largest number of each window, NaN if there is one, -inf if all of it lies in the padding.
pub(crate) fn max<T: Scalar>(planes: &Planes, x: &[T], y: &mut [T]) {
    let (pairs, taps) = (Pairs::of(planes), planes.taps());
    planes.share(y, planes.output_len(), &|first, y| {
        if let Some(pairs) = &pairs {
            return dispatch(pairs::Max { pairs, x: planes.inputs(first, x), y });
        }
        let larger = |a: T, b: T| if b > a || b.is_nan() { b } else { a };
        dispatch(Fold { planes, taps: &taps, x: planes.inputs(first, x), y, start: -T::INFINITY, f: larger });
    });
}

/// Where in its plane the largest element of each window lies: the first of equals, the last NaN. -1 if all of it lies in the padding.
pub(crate) fn indices<T: Scalar>(planes: &Planes, x: &[T], y: &mut [i64]) {
    let taps = planes.taps();
    planes.share(y, planes.output_len(), &|first, y| {
        for (x, y) in planes.inputs(first, x).chunks(planes.input_len()).zip(y.chunks_mut(planes.output_len())) {
            planes.largest(&taps, x, |to, at| y[to] = at.map_or(-1, |at| at as i64));
        }
    });
}

/// The elements of `v` where in each window of `x` the largest lies: 0 if all of it lies in the padding.
pub(crate) fn pick<T: Scalar>(planes: &Planes, v: &[T], x: &[T], y: &mut [T]) {
    let (n, taps) = (planes.input_len(), planes.taps());
    planes.share(y, planes.output_len(), &|first, y| {
        let inputs = planes.inputs(first, x).chunks(n).zip(planes.inputs(first, v).chunks(n));
        for ((x, v), y) in inputs.zip(y.chunks_mut(planes.output_len())) {
            planes.largest(&taps, x, |to, at| y[to] = at.map_or(T::ZERO, |at| v[at]));
        }
    });
}

/// Adds each element of `g` where in its window of `x` the largest lies: the adjoint of [`pick`].
pub(crate) fn place<T: Scalar>(planes: &Planes, g: &[T], x: &[T], y: &mut [T]) {
    let (n, m, pairs, taps) = (planes.input_len(), planes.output_len(), Pairs::of(planes), planes.taps());
    planes.share(y, n, &|first, y| {
        if let Some(pairs) = &pairs {
            return dispatch(pairs::Place { pairs, g: &g[first * m..], x: planes.inputs(first, x), y });
        }
        y.fill(T::ZERO);
        // No windows, no planes of `g`.
        for ((x, g), y) in x[first * n..].chunks(n).zip(g[first * m..].chunks(m.max(1))).zip(y.chunks_mut(n)) {
            planes.largest(&taps, x, |to, at| {
                if let Some(at) = at {
                    y[at] += g[to];
                }
            });
        }
    });
}

// ------------------------------------------------------------------------------------------------------------- average

/// What an average divides by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Divisor {
    /// The number of elements of the window that lie in the array.
    Inside,
    /// The same and those that lie in the padding.
    Padded,
    /// Always this.
    Fixed(f64),
}

impl Divisor {
    /// By what the sum over a window is multiplied that has so many elements.
    fn weight<T: Scalar>(self, count: usize) -> T {
        T::from_f64(match self {
            Divisor::Fixed(d) => 1.0 / d,
            Divisor::Inside | Divisor::Padded => 1.0 / count as f64,
        })
    }
}

impl Planes {
    /// By what the sum over the windows of row `row` is multiplied: calls `f` with each range of outputs that have the same weight.
    fn weights<T: Scalar>(&self, divisor: Divisor, row: usize, mut f: impl FnMut(Range<usize>, T)) {
        let columns = self.output[2];
        let padded = match divisor {
            Divisor::Fixed(_) => return f(0..columns, divisor.weight(0)),
            Divisor::Padded => true,
            Divisor::Inside => false,
        };
        let size = |axis: usize, i: usize| self.windows[axis].size(i, self.input[axis], self.output[axis], padded);
        let beside = size(0, row / self.output[1]) * size(1, row % self.output[1]);
        let mut start = 0;
        while start < columns {
            let width = size(2, start);
            let end = (start + 1..columns).find(|&i| size(2, i) != width).unwrap_or(columns);
            f(start..end, divisor.weight(beside * width));
            start = end;
        }
    }
}

/// The average over each window.
pub(crate) fn average<T: Scalar>(planes: &Planes, divisor: Divisor, x: &[T], y: &mut [T]) {
    let (pairs, taps) = (Pairs::of(planes), planes.taps());
    planes.share(y, planes.output_len(), &|first, y| {
        if let Some(pairs) = &pairs {
            let factor = divisor.weight(pairs.count());
            return dispatch(pairs::Sum { pairs, factor, x: planes.inputs(first, x), y });
        }
        dispatch(Fold { planes, taps: &taps, x: planes.inputs(first, x), y, start: T::ZERO, f: |a: T, b: T| a + b });
        let (rows, columns) = (planes.output[0] * planes.output[1], planes.output[2]);
        for (row, y) in y.chunks_mut(columns).enumerate() {
            planes.weights(divisor, row % rows, |outputs, w| y[outputs].iter_mut().for_each(|y| *y *= w));
        }
    });
}

/// Adds each element of `g` with its window's weight to all of the window: the adjoint of [`average`].
pub(crate) fn spread<T: Scalar>(planes: &Planes, divisor: Divisor, g: &[T], y: &mut [T]) {
    let (n, m, pairs, taps) = (planes.input_len(), planes.output_len(), Pairs::of(planes), planes.taps());
    planes.share(y, n, &|first, y| {
        if let Some(pairs) = &pairs {
            let factor = divisor.weight(pairs.count());
            return dispatch(pairs::Spread { pairs, factor, g: &g[first * m..], y });
        }
        y.fill(T::ZERO);
        // No windows, no planes of `g`.
        for (g, y) in g[first * m..].chunks(m.max(1)).zip(y.chunks_mut(n)) {
            dispatch(Spread { planes, taps: &taps, divisor, g, y });
        }
    });
}

// ---------------------------------------------------------------------------------------------------------- whole rows

// Loops over the outputs of a row, innermost, are vectorised; what they need in between lies in arrays of this length.
const CHUNK: usize = 64;

/// Some neighbouring outputs of a row.
struct Chunk {
    first: usize,
    len: usize,
}

impl Chunk {
    /// Those of them that a tap reaches: which of the chunk, and the position that the first one has.
    #[inline(always)]
    fn reached(&self, tap: &Tap, stride: usize) -> Option<(Range<usize>, usize)> {
        let (start, end) = (tap.outputs.start.max(self.first), tap.outputs.end.min(self.first + self.len));
        (start < end).then(|| (start - self.first..end - self.first, tap.from + (start - tap.outputs.start) * stride))
    }
}

impl Planes {
    /// Calls `f` with the number of each row of outputs, the planes and rows of inputs that its windows reach, and each chunk of it.
    #[inline(always)]
    fn chunks(&self, mut f: impl FnMut(usize, Span, Span, Chunk)) {
        for a in 0..self.output[0] {
            for b in 0..self.output[1] {
                for first in (0..self.output[2]).step_by(CHUNK) {
                    let chunk = Chunk { first, len: CHUNK.min(self.output[2] - first) };
                    f(a * self.output[1] + b, self.span(0, a), self.span(1, b), chunk);
                }
            }
        }
    }
    /// Calls `f` with the number of each output of a plane and that of the largest element of its window.
    fn largest<T: Scalar>(&self, taps: &[Tap], x: &[T], f: impl FnMut(usize, Option<usize>)) {
        dispatch(Largest { planes: self, taps, x, f });
    }
}

/// Folds the elements of each window with `f`, from `start` on.
struct Fold<'a, T, F> {
    planes: &'a Planes,
    taps: &'a [Tap],
    x: &'a [T],
    y: &'a mut [T],
    start: T,
    f: F,
}

impl<T: Scalar, F: Fn(T, T) -> T> Kernel for Fold<'_, T, F> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Fold { planes, taps, x, y, start, f } = self;
        let (n, m) = (planes.input[2], planes.output[2]);
        y.fill(start);
        for (x, y) in x.chunks(planes.input_len()).zip(y.chunks_mut(planes.output_len())) {
            planes.rows(|to, from| {
                let (x, y) = (&x[from * n..][..n], &mut y[to * m..][..m]);
                let Window::Sliding { stride, .. } = planes.windows[2] else {
                    for (i, y) in y.iter_mut().enumerate() {
                        let Span { start: first, end, .. } = planes.span(2, i);
                        *y = f(*y, fold(&x[first..end], start, &f));
                    }
                    return;
                };
                for tap in taps {
                    let (y, x) = (&mut y[tap.outputs.clone()], &x[tap.from..]);
                    match stride {
                        1 => y.iter_mut().zip(x).for_each(|(y, &x)| *y = f(*y, x)),
                        2 => y.iter_mut().zip(x.chunks(2)).for_each(|(y, x)| *y = f(*y, x[0])),
                        _ => y.iter_mut().zip(x.chunks(stride)).for_each(|(y, x)| *y = f(*y, x[0])),
                    }
                }
            });
        }
    }
}

/// Folds a slice, several elements side by side if it is long.
#[inline(always)]
fn fold<T: Scalar>(x: &[T], start: T, f: &impl Fn(T, T) -> T) -> T {
    const LANES: usize = 16;
    if x.len() < 2 * LANES {
        return x.iter().fold(start, |a, &b| f(a, b));
    }
    let mut lanes = [start; LANES];
    let whole = x.chunks_exact(LANES);
    let rest = whole.remainder();
    for x in whole {
        lanes.iter_mut().zip(x).for_each(|(a, &b)| *a = f(*a, b));
    }
    lanes.iter().chain(rest).fold(start, |a, &b| f(a, b))
}

/// Finds the largest element of each window of a plane: see [`Planes::largest`].
struct Largest<'a, T, F> {
    planes: &'a Planes,
    taps: &'a [Tap],
    x: &'a [T],
    f: F,
}

impl<T: Scalar, F: FnMut(usize, Option<usize>)> Kernel for Largest<'_, T, F> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Largest { planes, taps, x, mut f } = self;
        // (`|` and no branch, so that it is vectorised.)
        let look = |best: &mut T, at: &mut usize, v: T, i: usize| {
            let take = (v > *best) | v.is_nan() | (*at == usize::MAX);
            *best = if take { v } else { *best };
            *at = if take { i } else { *at };
        };
        planes.chunks(|row, depths, heights, chunk| {
            let (mut best, mut at) = ([-T::INFINITY; CHUNK], [usize::MAX; CHUNK]);
            for i in depths {
                for j in heights {
                    let base = (i * planes.input[1] + j) * planes.input[2];
                    let Window::Sliding { stride, .. } = planes.windows[2] else {
                        for c in 0..chunk.len {
                            planes.span(2, chunk.first + c).for_each(|k| look(&mut best[c], &mut at[c], x[base + k], base + k));
                        }
                        continue;
                    };
                    for tap in taps {
                        let Some((reached, from)) = chunk.reached(tap, stride) else { continue };
                        let (best, at, from) = (&mut best[reached.clone()], &mut at[reached], base + from);
                        let pairs = best.iter_mut().zip(at).enumerate();
                        match stride {
                            1 => pairs.zip(&x[from..]).for_each(|((c, (best, at)), &v)| look(best, at, v, from + c)),
                            2 => pairs.zip(x[from..].chunks(2)).for_each(|((c, (best, at)), v)| look(best, at, v[0], from + 2 * c)),
                            s => pairs.zip(x[from..].chunks(s)).for_each(|((c, (best, at)), v)| look(best, at, v[0], from + s * c)),
                        }
                    }
                }
            }
            for (c, &at) in at[..chunk.len].iter().enumerate() {
                f(row * planes.output[2] + chunk.first + c, (at != usize::MAX).then_some(at));
            }
        });
    }
}

/// Adds each element of a plane of `g` to its window: see [`spread`].
struct Spread<'a, T> {
    planes: &'a Planes,
    taps: &'a [Tap],
    divisor: Divisor,
    g: &'a [T],
    y: &'a mut [T],
}

impl<T: Scalar> Kernel for Spread<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Spread { planes, taps, divisor, g, y } = self;
        planes.chunks(|row, depths, heights, chunk| {
            // The elements, weighted.
            let mut part = [T::ZERO; CHUNK];
            part[..chunk.len].copy_from_slice(&g[row * planes.output[2] + chunk.first..][..chunk.len]);
            planes.weights(divisor, row, |outputs, w| {
                let (start, end) = (outputs.start.max(chunk.first), outputs.end.min(chunk.first + chunk.len));
                (start..end).for_each(|i| part[i - chunk.first] *= w);
            });
            for i in depths {
                for j in heights {
                    let y = &mut y[(i * planes.input[1] + j) * planes.input[2]..][..planes.input[2]];
                    let Window::Sliding { stride, .. } = planes.windows[2] else {
                        for (c, &g) in part[..chunk.len].iter().enumerate() {
                            let Span { start, end, .. } = planes.span(2, chunk.first + c);
                            y[start..end].iter_mut().for_each(|y| *y += g);
                        }
                        continue;
                    };
                    for tap in taps {
                        let Some((reached, from)) = chunk.reached(tap, stride) else { continue };
                        match stride {
                            1 => y[from..].iter_mut().zip(&part[reached]).for_each(|(y, &g)| *y += g),
                            2 => y[from..].chunks_mut(2).zip(&part[reached]).for_each(|(y, &g)| y[0] += g),
                            _ => y[from..].chunks_mut(stride).zip(&part[reached]).for_each(|(y, &g)| y[0] += g),
                        }
                    }
                }
            }
        });
    }
}
