//! Where do the windows of a pool lie?

use crate::array::memory::{lack, or_panic};
use crate::array::scalar::Scalar;
use smallvec::SmallVec;
use std::ops::Range;

/// Elements read from which a thread of its own pays.
pub const GRAIN: usize = 32 * 1024;

/// Where the windows along one axis lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Window {
    /// One every `stride` positions, the first at `-padding`: `kernel` positions, `dilation` apart. With `ceil` the last one may run
    /// over the end.
    Sliding { kernel: usize, stride: usize, padding: usize, dilation: usize, ceil: bool },
    /// This many windows, which divide the axis; `None`: one for each element.
    Adaptive(Option<usize>),
}

impl Window {
    /// The only window of an axis that a pool does not have.
    pub const NONE: Window = Window::Adaptive(Some(1));

    /// The positions within an axis of size `n` that window `i` of `m` covers.
    #[inline(always)]
    pub fn span(self, i: usize, n: usize, m: usize) -> Span {
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
    /// The number of positions of window `i`, with those in the padding (but not beyond it) or without.
    pub fn size(self, i: usize, n: usize, m: usize, padded: bool) -> usize {
        match self {
            Window::Sliding { kernel, stride, padding, .. } if padded => kernel.min(n + 2 * padding - i * stride),
            _ => self.span(i, n, m).count(),
        }
    }
    /// The taps of a row: for each element of a sliding window, the outputs for which it lies in the input.
    pub fn taps(self, n: usize, m: usize) -> SmallVec<[Tap; 8]> {
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
pub struct Span {
    pub start: usize,
    pub end: usize,
    pub step: usize,
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

/// The adaptive windows of an axis, one after the other: as [`Window::span`] gives them, without its divisions.
pub struct Shares {
    /// The beginning of the next window, as quotient and remainder of a division by `count`, and its increments.
    pub start: (usize, usize),
    pub step: (usize, usize),
    pub count: usize,
}

impl Shares {
    /// From window `first` on, of `m` over an axis of size `n`.
    pub fn new(n: usize, m: usize, first: usize) -> Self {
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

/// An element of the windows of a row: in that of output `outputs.start + i` it is at position `from + i * stride`.
pub struct Tap {
    pub outputs: Range<usize>,
    pub from: usize,
}

/// The sizes of planes, and the windows over them.
pub(crate) struct Planes {
    pub windows: [Window; 3],
    pub input: [usize; 3],
    pub output: [usize; 3],
}

impl Planes {
    pub fn input_len(&self) -> usize {
        self.input.iter().product()
    }
    pub fn output_len(&self) -> usize {
        self.output.iter().product()
    }
    pub fn taps(&self) -> SmallVec<[Tap; 8]> {
        self.windows[2].taps(self.input[2], self.output[2])
    }
    /// The inputs from plane `first` on.
    pub fn inputs<'a, T>(&self, first: usize, x: &'a [T]) -> &'a [T] {
        &x[first * self.input_len()..]
    }
    /// About how many elements all windows of a plane cover.
    pub fn work(&self) -> usize {
        let covered = |a: usize| match self.windows[a] {
            Window::Sliding { kernel, .. } => self.output[a].saturating_mul(kernel),
            Window::Adaptive(_) => self.input[a].max(self.output[a]),
        };
        (0..3).map(covered).fold(1, usize::saturating_mul).max(1)
    }
    /// The largest number of elements of a window along an axis.
    pub fn longest(&self, axis: usize) -> usize {
        match self.windows[axis] {
            Window::Sliding { kernel, .. } => kernel.min(self.input[axis]),
            Window::Adaptive(_) => self.input[axis].div_ceil(self.output[axis].max(1)) + 1,
        }
    }
    #[inline(always)]
    pub fn span(&self, axis: usize, i: usize) -> Span {
        self.windows[axis].span(i, self.input[axis], self.output[axis])
    }
    /// The first element of a window that lies in the plane, if there is one.
    #[cold]
    pub fn first(&self, row: usize, column: usize) -> Option<usize> {
        let (a, b) = (row / self.output[1], row % self.output[1]);
        let [a, b, c] = [self.span(0, a).next()?, self.span(1, b).next()?, self.span(2, column).next()?];
        Some((a * self.input[1] + b) * self.input[2] + c)
    }
}

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
    /// The factor of the sum over a window of `count` elements. (A float: with the padding, there may be more than an array can have.)
    pub fn weight<T: Scalar>(self, count: f64) -> T {
        T::from_f64(match self {
            Divisor::Fixed(d) => 1.0 / d,
            Divisor::Inside | Divisor::Padded => 1.0 / count,
        })
    }
}

impl Planes {
    /// The factors of the sums over the windows of row `row`: calls `f` with each range of outputs that have the same factor.
    pub fn weights<T: Scalar>(&self, divisor: Divisor, row: usize, f: &mut dyn FnMut(Range<usize>, T)) {
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
