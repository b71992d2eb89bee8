//! Windows of any kind: loops over the outputs of a row, innermost, which are vectorised.
//!
//! What they need in between lies in arrays of a fixed length.

use super::windows::{Divisor, Planes, Shares, Span, Tap, Window};
use crate::array::scalar::Scalar;
use crate::array::simd::{Kernel, Simd};
use std::ops::Range;

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
    /// Each output, and its window in the row of inputs, where windows divide it.
    #[inline(always)]
    fn shares(&self, planes: &Planes) -> impl Iterator<Item = (usize, Range<usize>)> {
        (0..self.len).zip(Shares::new(planes.input[2], planes.output[2], self.first))
    }
}

impl Planes {
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
}

/// Folds the elements of each window with `f`, from `start` on.
pub(super) struct Fold<'a, T, F> {
    pub planes: &'a Planes,
    pub taps: &'a [Tap],
    pub x: &'a [T],
    pub y: &'a mut [T],
    pub start: T,
    pub f: F,
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
                    y.iter_mut().zip(Shares::new(n, m, 0)).for_each(|(y, share)| *y = f(*y, fold(&x[share], start, &f)));
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

/// Calls `f` with the number of each output of a plane and that of the largest element of its window, if it has any.
pub(super) struct Largest<'a, T, F> {
    pub planes: &'a Planes,
    pub taps: &'a [Tap],
    pub x: &'a [T],
    pub f: F,
}

impl<T: Scalar, F: FnMut(usize, Option<usize>)> Kernel for Largest<'_, T, F> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Largest { planes, taps, x, mut f } = self;
        // (`|` and no branch, so that it is vectorised.)
        let look = |best: &mut T, at: &mut usize, v: T, i: usize| {
            let take = (v > *best) | v.is_nan();
            *best = if take { v } else { *best };
            *at = if take { i } else { *at };
        };
        planes.chunks(|row, depths, heights, chunk| {
            let (mut best, mut at) = ([-T::INFINITY; CHUNK], [usize::MAX; CHUNK]);
            for i in depths {
                for j in heights {
                    let base = (i * planes.input[1] + j) * planes.input[2];
                    let Window::Sliding { stride, .. } = planes.windows[2] else {
                        for (c, share) in chunk.shares(planes) {
                            let (mut largest, mut place) = (best[c], at[c]);
                            share.for_each(|k| look(&mut largest, &mut place, x[base + k], base + k));
                            (best[c], at[c]) = (largest, place);
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
                let column = chunk.first + c;
                // Nothing larger than -inf: the first element is the largest, if the window has any.
                f(row * planes.output[2] + column, if at == usize::MAX { planes.first(row, column) } else { Some(at) });
            }
        });
    }
}

/// Adds each element of a plane of `g`, weighted, to its window.
pub(super) struct Spread<'a, T> {
    pub planes: &'a Planes,
    pub taps: &'a [Tap],
    pub divisor: Divisor,
    pub g: &'a [T],
    pub y: &'a mut [T],
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
                        chunk.shares(planes).for_each(|(c, share)| y[share].iter_mut().for_each(|y| *y += part[c]));
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
