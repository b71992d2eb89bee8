//! Pooling: what lies in the windows over planes of up to three axes, and what is made of it. Planes (one for each image and channel)
//! are independent of one another and shared out between threads.

mod pairs;
mod rows;
mod slide;
#[cfg(test)]
mod tests;

use crate::kernels::parallel;
use crate::kernels::simd::dispatch;
use crate::memory::{lack, or_panic};
use crate::scalar::Scalar;
use pairs::Pairs;
use rows::{Fold, Largest, Spread};
use slide::Slides;
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
        let all = first..kernel.min((n + padding).div_ceil(dilation));
        let mut taps = SmallVec::new();
        or_panic(taps.try_reserve(all.len()).map_err(|_| lack(all.len(), size_of::<Tap>())));
        taps.extend(all.filter_map(tap));
        taps
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

/// The windows that divide an axis among them, one after the other: as [`Window::span`] has them, without its divisions.
struct Shares {
    /// The quotient and the remainder of the next window's beginning, and by how much they grow.
    start: (usize, usize),
    step: (usize, usize),
    count: usize,
}

impl Shares {
    /// From window `first` on, of `m` over an axis of size `n`.
    fn new(n: usize, m: usize, first: usize) -> Self {
        let part = |n: usize| (n / m, n % m);
        Shares { start: part(first * n), step: part(n), count: m }
    }
}

impl Iterator for Shares {
    type Item = Range<usize>;
    #[inline(always)]
    fn next(&mut self) -> Option<Range<usize>> {
        let (start, _) = self.start;
        let (mut end, mut rest) = (start + self.step.0, self.start.1 + self.step.1);
        if rest >= self.count {
            (end, rest) = (end + 1, rest - self.count);
        }
        self.start = (end, rest);
        Some(start..end + usize::from(rest > 0))
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
    /// How many elements a window has along an axis at most.
    fn longest(&self, axis: usize) -> usize {
        match self.windows[axis] {
            Window::Sliding { kernel, .. } => kernel.min(self.input[axis]),
            Window::Adaptive(_) => self.input[axis].div_ceil(self.output[axis].max(1)) + 1,
        }
    }
    #[inline(always)]
    fn span(&self, axis: usize, i: usize) -> Span {
        self.windows[axis].span(i, self.input[axis], self.output[axis])
    }
    /// The first element of a window that lies in the plane, if there is one.
    #[cold]
    fn first(&self, row: usize, column: usize) -> Option<usize> {
        let (a, b) = (row / self.output[1], row % self.output[1]);
        let [a, b, c] = [self.span(0, a).next()?, self.span(1, b).next()?, self.span(2, column).next()?];
        Some((a * self.input[1] + b) * self.input[2] + c)
    }
    /// Calls `f` with the planes of `y`, which have `len` elements each, a few planes at a time, and the number of the first.
    /// (Where `y` is empty nothing is called: then not even the tables are made, which would be as long as the caller's sizes.)
    fn share<T: Send>(&self, y: &mut [T], len: usize, f: &(dyn Fn(usize, &mut [T]) + Sync)) {
        parallel::parts(y, GRAIN.div_ceil(self.work()) * len, &|first, y| f(first / len, y));
    }
}

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
        let larger = |a: T, b: T| if b > a || b.is_nan() { b } else { a };
        dispatch(Fold { planes, taps: &taps, x: planes.inputs(first, x), y, start: -T::INFINITY, f: larger });
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
            dispatch(Largest { planes, taps: &taps, x, f: |to, at: Option<usize>| y[to] = at.map_or(-1, |at| at as i64) });
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
            dispatch(Largest { planes, taps: &taps, x, f: |to, at: Option<usize>| y[to] = at.map_or(T::ZERO, |at| v[at]) });
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
            let add = |to, at| {
                if let Some(at) = at {
                    y[at] += g[to];
                }
            };
            dispatch(Largest { planes, taps: &taps, x, f: add });
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
    ///
    /// (As a float: what lies in the padding counts, so that the number may be larger than any array.)
    fn weight<T: Scalar>(self, count: f64) -> T {
        T::from_f64(match self {
            Divisor::Fixed(d) => 1.0 / d,
            Divisor::Inside | Divisor::Padded => 1.0 / count,
        })
    }
}

impl Planes {
    /// By what the sum over the windows of row `row` is multiplied: calls `f` with each range of outputs that have the same weight.
    fn weights<T: Scalar>(&self, divisor: Divisor, row: usize, mut f: impl FnMut(Range<usize>, T)) {
        let columns = self.output[2];
        let padded = match divisor {
            Divisor::Fixed(_) => return f(0..columns, divisor.weight(0.0)),
            Divisor::Padded => true,
            Divisor::Inside => false,
        };
        let size = |axis: usize, i: usize| self.windows[axis].size(i, self.input[axis], self.output[axis], padded);
        let beside = size(0, row / self.output[1]) as f64 * size(1, row % self.output[1]) as f64;
        if let Window::Adaptive(_) = self.windows[2] {
            let shares = Shares::new(self.input[2], columns, 0);
            return shares.take(columns).enumerate().for_each(|(i, share)| f(i..i + 1, divisor.weight(beside * share.len() as f64)));
        }
        let mut start = 0;
        while start < columns {
            let width = size(2, start);
            let end = (start + 1..columns).find(|&i| size(2, i) != width).unwrap_or(columns);
            f(start..end, divisor.weight(beside * width as f64));
            start = end;
        }
    }
}

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
        dispatch(Fold { planes, taps: &taps, x: planes.inputs(first, x), y, start: T::ZERO, f: |a: T, b: T| a + b });
        let (rows, columns) = (planes.output[0] * planes.output[1], planes.output[2]);
        for (row, y) in y.chunks_mut(columns).enumerate() {
            planes.weights(divisor, row % rows, |outputs, w| y[outputs].iter_mut().for_each(|y| *y *= w));
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
