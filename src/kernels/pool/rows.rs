//! How are windows of any kind pooled? The innermost loops run over the outputs of a row, so that they are vectorised; intermediate values are
//! in arrays of a fixed length.

use super::windows::{Divisor, Planes, Shares, Span, Tap, Window};
use crate::array::scalar::Scalar;
use crate::array::simd::LoopKernel;
use std::ops::Range;

/// The largest number of outputs that are computed at a time.
const CHUNK: usize = 64;

/// Neighbouring outputs of a row.
struct Chunk {
    first: usize,
    len: usize,
}

impl Chunk {
    /// Those for which a tap lies in the input: their range in the chunk, and the position of the tap for the first one.
    #[inline(always)]
    fn reached(&self, tap: &Tap, stride: usize) -> Option<(Range<usize>, usize)> {
        let (start, end) = (tap.outputs.start.max(self.first), tap.outputs.end.min(self.first + self.len));
        (start < end).then(|| (start - self.first..end - self.first, tap.from + (start - tap.outputs.start) * stride))
    }
    /// Each output, and its window in the row of inputs, for adaptive windows.
    #[inline(always)]
    fn shares(&self, planes: &Planes) -> impl Iterator<Item = (usize, Range<usize>)> {
        (0..self.len).zip(Shares::new(planes.input[2], planes.output[2], self.first))
    }
}

impl Planes {
    /// The number of a row of outputs, and the planes and rows of inputs that its windows reach.
    #[inline(always)]
    fn reached(&self, plane: usize, line: usize) -> (usize, Span, Span) {
        (plane * self.output[1] + line, self.span(0, plane), self.span(1, line))
    }
}

// Loops and no closures: a closure that three kernels call is not certain to be inlined, and would be compiled for the narrowest instruction set.

/// How two numbers are combined. (A trait and no closure, for the same reason.)
pub(super) trait Join<T>: Copy {
    /// Must be `#[inline(always)]`.
    fn join(self, a: T, b: T) -> T;
}

/// The larger of two numbers, NaN if the second is.
#[derive(Clone, Copy)]
pub(super) struct Larger;
impl<T: Scalar> Join<T> for Larger {
    #[inline(always)]
    fn join(self, a: T, b: T) -> T {
        if b > a || b.is_nan() { b } else { a }
    }
}

/// The sum of two numbers.
#[derive(Clone, Copy)]
pub(super) struct Plus;
impl<T: Scalar> Join<T> for Plus {
    #[inline(always)]
    fn join(self, a: T, b: T) -> T {
        a + b
    }
}

/// Combines the elements of each window, beginning with `start`.
pub(super) struct Fold<'a, T, F> {
    pub planes: &'a Planes,
    pub taps: &'a [Tap],
    pub x: &'a [T],
    pub y: &'a mut [T],
    pub start: T,
    pub f: F,
}

impl<T: Scalar, F: Join<T>> LoopKernel for Fold<'_, T, F> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        let Fold { planes, taps, x, y, start, f } = self;
        let (n, m) = (planes.input[2], planes.output[2]);
        y.fill(start);
        for (x, y) in x.chunks(planes.input_len()).zip(y.chunks_mut(planes.output_len())) {
            for a in 0..planes.output[0] {
                for b in 0..planes.output[1] {
                    let (row, depths, heights) = planes.reached(a, b);
                    let y = &mut y[row * m..][..m];
                    for i in depths {
                        for j in heights {
                            let x = &x[(i * planes.input[1] + j) * n..][..n];
                            join_row(planes, taps, x, y, start, f);
                        }
                    }
                }
            }
        }
    }
}

/// Combines the elements of a row of inputs with the outputs whose windows they lie in.
#[inline(always)]
fn join_row<T: Scalar, F: Join<T>>(planes: &Planes, taps: &[Tap], x: &[T], y: &mut [T], start: T, f: F) {
    let Window::Sliding { stride, .. } = planes.windows[2] else {
        for (y, share) in y.iter_mut().zip(Shares::new(planes.input[2], planes.output[2], 0)) {
            *y = f.join(*y, fold(&x[share], start, f));
        }
        return;
    };
    for tap in taps {
        let (y, x) = (&mut y[tap.outputs.clone()], &x[tap.from..]);
        match stride {
            1 => {
                for (y, &x) in y.iter_mut().zip(x) {
                    *y = f.join(*y, x);
                }
            }
            2 => join_steps(y, x, 2, f),
            _ => join_steps(y, x, stride, f),
        }
    }
}

/// Combines elements of `x` that are `step` apart with those of `y`.
#[inline(always)]
fn join_steps<T: Scalar, F: Join<T>>(y: &mut [T], x: &[T], step: usize, f: F) {
    for (y, x) in y.iter_mut().zip(x.chunks(step)) {
        *y = f.join(*y, x[0]);
    }
}

/// Combines the elements of a slice, in several lanes if it is long.
#[inline(always)]
fn fold<T: Scalar, F: Join<T>>(x: &[T], start: T, f: F) -> T {
    const LANES: usize = 16;
    let (mut all, mut rest) = (start, x);
    if x.len() >= 2 * LANES {
        let mut lanes = [start; LANES];
        while let Some((x, after)) = rest.split_first_chunk::<LANES>() {
            for i in 0..LANES {
                lanes[i] = f.join(lanes[i], x[i]);
            }
            rest = after;
        }
        for lane in lanes {
            all = f.join(all, lane);
        }
    }
    for &x in rest {
        all = f.join(all, x);
    }
    all
}

/// The place of the largest element of a window without elements.
pub(super) const NOWHERE: usize = usize::MAX;

/// Finds the largest elements of the windows of a plane. Calls `f` with the index of an output, and the places in the plane of the largest
/// elements of its window and of the next ones.
pub(super) struct Largest<'a, T> {
    pub planes: &'a Planes,
    pub taps: &'a [Tap],
    pub x: &'a [T],
    pub f: &'a mut dyn FnMut(usize, &[usize]),
}

impl<T: Scalar> LoopKernel for Largest<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        let Largest { planes, taps, x, f } = self;
        let m = planes.output[2];
        for a in 0..planes.output[0] {
            for b in 0..planes.output[1] {
                let (row, depths, heights) = planes.reached(a, b);
                for first in (0..m).step_by(CHUNK) {
                    let chunk = Chunk { first, len: CHUNK.min(m - first) };
                    let (mut best, mut at) = ([-T::INFINITY; CHUNK], [NOWHERE; CHUNK]);
                    for i in depths {
                        for j in heights {
                            let base = (i * planes.input[1] + j) * planes.input[2];
                            look_in_row(planes, taps, x, base, &chunk, (&mut best, &mut at));
                        }
                    }
                    for (c, at) in at[..chunk.len].iter_mut().enumerate().filter(|(_, at)| **at == NOWHERE) {
                        // Nothing larger than -inf: the first element is the largest, if the window has any.
                        *at = planes.first(row, first + c).unwrap_or(NOWHERE);
                    }
                    f(row * m + first, &at[..chunk.len]);
                }
            }
        }
    }
}

/// Compares the row of inputs that begins at `base` in `x` with the largest elements so far of the windows of some outputs.
#[inline(always)]
fn look_in_row<T: Scalar>(
    planes: &Planes,
    taps: &[Tap],
    x: &[T],
    base: usize,
    chunk: &Chunk,
    (best, at): (&mut [T; CHUNK], &mut [usize; CHUNK]),
) {
    let Window::Sliding { stride, .. } = planes.windows[2] else {
        for (c, share) in chunk.shares(planes) {
            let (mut largest, mut place) = (best[c], at[c]);
            for k in share {
                look(&mut largest, &mut place, x[base + k], base + k);
            }
            (best[c], at[c]) = (largest, place);
        }
        return;
    };
    for tap in taps {
        let Some((reached, from)) = chunk.reached(tap, stride) else { continue };
        let (best, at, from) = (&mut best[reached.clone()], &mut at[reached], base + from);
        match stride {
            1 => {
                for (c, ((best, at), &v)) in best.iter_mut().zip(at).zip(&x[from..]).enumerate() {
                    look(best, at, v, from + c);
                }
            }
            2 => look_in_steps(best, at, x, from, 2),
            _ => look_in_steps(best, at, x, from, stride),
        }
    }
}

/// Takes number `v` and its place `i` if it is larger than the best so far, or NaN. (`|` and no branch, so that it is vectorised.)
#[inline(always)]
fn look<T: Scalar>(best: &mut T, at: &mut usize, v: T, i: usize) {
    let take = (v > *best) | v.is_nan();
    *best = if take { v } else { *best };
    *at = if take { i } else { *at };
}

/// [`look`] at elements of `x` that are `step` apart, from `from` on.
#[inline(always)]
fn look_in_steps<T: Scalar>(best: &mut [T], at: &mut [usize], x: &[T], from: usize, step: usize) {
    for (c, ((best, at), v)) in best.iter_mut().zip(at).zip(x[from..].chunks(step)).enumerate() {
        look(best, at, v[0], from + step * c);
    }
}

/// Adds each element of a plane of `g`, weighted, to all elements of its window.
pub(super) struct Spread<'a, T> {
    pub planes: &'a Planes,
    pub taps: &'a [Tap],
    pub divisor: Divisor,
    pub g: &'a [T],
    pub y: &'a mut [T],
}

impl<T: Scalar> LoopKernel for Spread<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        let Spread { planes, taps, divisor, g, y } = self;
        let m = planes.output[2];
        for a in 0..planes.output[0] {
            for b in 0..planes.output[1] {
                let (row, depths, heights) = planes.reached(a, b);
                for first in (0..m).step_by(CHUNK) {
                    let chunk = Chunk { first, len: CHUNK.min(m - first) };
                    // The elements, weighted.
                    let mut part = [T::ZERO; CHUNK];
                    part[..chunk.len].copy_from_slice(&g[row * m + first..][..chunk.len]);
                    planes.weights(divisor, row, &mut |outputs, w| {
                        let (start, end) = (outputs.start.max(first), outputs.end.min(first + chunk.len));
                        (start..end).for_each(|i| part[i - first] *= w);
                    });
                    for i in depths {
                        for j in heights {
                            let y = &mut y[(i * planes.input[1] + j) * planes.input[2]..][..planes.input[2]];
                            add_row(planes, taps, y, &part, &chunk);
                        }
                    }
                }
            }
        }
    }
}

/// Adds weighted elements to the elements of a row of inputs that lie in their windows.
#[inline(always)]
fn add_row<T: Scalar>(planes: &Planes, taps: &[Tap], y: &mut [T], part: &[T; CHUNK], chunk: &Chunk) {
    let Window::Sliding { stride, .. } = planes.windows[2] else {
        for (c, share) in chunk.shares(planes) {
            for y in &mut y[share] {
                *y += part[c];
            }
        }
        return;
    };
    for tap in taps {
        let Some((reached, from)) = chunk.reached(tap, stride) else { continue };
        match stride {
            1 => {
                for (y, &g) in y[from..].iter_mut().zip(&part[reached]) {
                    *y += g;
                }
            }
            2 => add_in_steps(&mut y[from..], &part[reached], 2),
            _ => add_in_steps(&mut y[from..], &part[reached], stride),
        }
    }
}

/// Adds the elements of `g` to elements of `y` that are `step` apart.
#[inline(always)]
fn add_in_steps<T: Scalar>(y: &mut [T], g: &[T], step: usize) {
    for (y, &g) in y.chunks_mut(step).zip(g) {
        y[0] += g;
    }
}
