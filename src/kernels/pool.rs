//! Pooling: what lies in the windows over planes of up to three axes, and what is made of it. Planes (one for each image and channel)
//! are independent of one another and shared out between threads.

use crate::kernels::parallel;
use crate::kernels::simd::{Kernel, Simd, dispatch};
use crate::scalar::Scalar;
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

impl Planes {
    /// Calls `f` with the number of each output and that of the largest element of its window.
    #[inline(always)]
    fn largest<T: Scalar>(&self, x: &[T], mut f: impl FnMut(usize, Option<usize>)) {
        let mut to = 0;
        for a in 0..self.output[0] {
            for b in 0..self.output[1] {
                for c in 0..self.output[2] {
                    let (mut best, mut at) = (-T::INFINITY, usize::MAX);
                    for i in self.span(0, a) {
                        for j in self.span(1, b) {
                            let row = (i * self.input[1] + j) * self.input[2];
                            for k in self.span(2, c) {
                                let v = x[row + k];
                                if v > best || v.is_nan() || at == usize::MAX {
                                    (best, at) = (v, row + k);
                                }
                            }
                        }
                    }
                    f(to, (at != usize::MAX).then_some(at));
                    to += 1;
                }
            }
        }
    }
}

/// The largest number of each window, NaN if there is one, -inf if all of it lies in the padding.
pub(crate) fn max<T: Scalar>(planes: &Planes, x: &[T], y: &mut [T]) {
    let taps = planes.taps();
    planes.share(y, planes.output_len(), &|first, y| {
        y.fill(-T::INFINITY);
        let larger = |a: T, b: T| if b > a || b.is_nan() { b } else { a };
        dispatch(Fold { planes, taps: &taps, x: planes.inputs(first, x), y, f: larger });
    });
}

/// Where in its plane the largest element of each window lies: the first of equals, the last NaN. -1 if all of it lies in the padding.
pub(crate) fn indices<T: Scalar>(planes: &Planes, x: &[T], y: &mut [i64]) {
    planes.share(y, planes.output_len(), &|first, y| {
        for (x, y) in planes.inputs(first, x).chunks(planes.input_len()).zip(y.chunks_mut(planes.output_len())) {
            planes.largest(x, |to, at| y[to] = at.map_or(-1, |at| at as i64));
        }
    });
}

/// The elements of `v` where in each window of `x` the largest lies: 0 if all of it lies in the padding.
pub(crate) fn pick<T: Scalar>(planes: &Planes, v: &[T], x: &[T], y: &mut [T]) {
    let n = planes.input_len();
    planes.share(y, planes.output_len(), &|first, y| {
        let inputs = planes.inputs(first, x).chunks(n).zip(planes.inputs(first, v).chunks(n));
        for ((x, v), y) in inputs.zip(y.chunks_mut(planes.output_len())) {
            planes.largest(x, |to, at| y[to] = at.map_or(T::ZERO, |at| v[at]));
        }
    });
}

/// Adds each element of `g` where in its window of `x` the largest lies: the adjoint of [`pick`].
pub(crate) fn place<T: Scalar>(planes: &Planes, g: &[T], x: &[T], y: &mut [T]) {
    let (n, m) = (planes.input_len(), planes.output_len());
    planes.share(y, n, &|first, y| {
        y.fill(T::ZERO);
        // No windows, no planes of `g`.
        for ((x, g), y) in x[first * n..].chunks(n).zip(g[first * m..].chunks(m.max(1))).zip(y.chunks_mut(n)) {
            planes.largest(x, |to, at| {
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

impl Planes {
    /// By what the sum over the windows of row `row` is multiplied: calls `f` with each range of outputs that have the same weight.
    fn weights<T: Scalar>(&self, divisor: Divisor, row: usize, mut f: impl FnMut(Range<usize>, T)) {
        let columns = self.output[2];
        let padded = match divisor {
            Divisor::Fixed(d) => return f(0..columns, T::from_f64(1.0 / d)),
            Divisor::Padded => true,
            Divisor::Inside => false,
        };
        let size = |axis: usize, i: usize| self.windows[axis].size(i, self.input[axis], self.output[axis], padded);
        let beside = size(0, row / self.output[1]) * size(1, row % self.output[1]);
        let mut start = 0;
        while start < columns {
            let width = size(2, start);
            let end = (start + 1..columns).find(|&i| size(2, i) != width).unwrap_or(columns);
            f(start..end, T::from_f64(1.0 / (beside * width) as f64));
            start = end;
        }
    }
}

/// The average over each window.
pub(crate) fn average<T: Scalar>(planes: &Planes, divisor: Divisor, x: &[T], y: &mut [T]) {
    let taps = planes.taps();
    planes.share(y, planes.output_len(), &|first, y| {
        y.fill(T::ZERO);
        dispatch(Fold { planes, taps: &taps, x: planes.inputs(first, x), y, f: |a: T, b: T| a + b });
        let (rows, columns) = (planes.output[0] * planes.output[1], planes.output[2]);
        for (row, y) in y.chunks_mut(columns).enumerate() {
            planes.weights(divisor, row % rows, |outputs, w| y[outputs].iter_mut().for_each(|y| *y *= w));
        }
    });
}

/// Adds each element of `g` with its window's weight to all of the window: the adjoint of [`average`].
pub(crate) fn spread<T: Scalar>(planes: &Planes, divisor: Divisor, g: &[T], y: &mut [T]) {
    let taps = planes.taps();
    let (n, m) = (planes.input_len(), planes.output_len());
    planes.share(y, n, &|first, y| {
        y.fill(T::ZERO);
        for (g, y) in g[first * m..].chunks(m.max(1)).zip(y.chunks_mut(n)) {
            planes.rows(|row, from| {
                let (g, y) = (&g[row * planes.output[2]..][..planes.output[2]], &mut y[from * planes.input[2]..][..planes.input[2]]);
                planes.weights(divisor, row, |outputs, w| unfold_row(planes, &taps, g, y, outputs, w));
            });
        }
    });
}

// ---------------------------------------------------------------------------------------------------------- whole rows

/// Calls `f` with each output so far and each element of its window: rows at a time, so that loops are vectorised.
struct Fold<'a, T, F> {
    planes: &'a Planes,
    taps: &'a [Tap],
    x: &'a [T],
    y: &'a mut [T],
    f: F,
}

impl<T: Scalar, F: Fn(T, T) -> T> Kernel for Fold<'_, T, F> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let (planes, f) = (self.planes, self.f);
        let (n, m) = (planes.input[2], planes.output[2]);
        for (x, y) in self.x.chunks(planes.input_len()).zip(self.y.chunks_mut(planes.output_len())) {
            planes.rows(|to, from| {
                let (x, y) = (&x[from * n..][..n], &mut y[to * m..][..m]);
                let Window::Sliding { stride, .. } = planes.windows[2] else {
                    for (i, y) in y.iter_mut().enumerate() {
                        *y = planes.span(2, i).fold(*y, |y, i| f(y, x[i]));
                    }
                    return;
                };
                for tap in self.taps {
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

/// Adds `w * g` of some outputs of a row to the elements of their windows.
fn unfold_row<T: Scalar>(planes: &Planes, taps: &[Tap], g: &[T], y: &mut [T], outputs: Range<usize>, w: T) {
    let Window::Sliding { stride, .. } = planes.windows[2] else {
        return outputs.for_each(|i| planes.span(2, i).for_each(|at| y[at] += w * g[i]));
    };
    for tap in taps {
        let (start, end) = (tap.outputs.start.max(outputs.start), tap.outputs.end.min(outputs.end));
        if start < end {
            let y = &mut y[tap.from + (start - tap.outputs.start) * stride..];
            match stride {
                1 => y.iter_mut().zip(&g[start..end]).for_each(|(y, &g)| *y += w * g),
                _ => y.chunks_mut(stride).zip(&g[start..end]).for_each(|(y, &g)| y[0] += w * g),
            }
        }
    }
}
