//! What do the direct kernels compute? Each element of a part of the target as a sum over the channels and taps of a source with a border of
//! zeros.
//!
//! The output is one [`Pass`] over x. The gradient by the input is one pass over y for each phase of the stride: the inputs that leave
//! the same remainder on division by it meet the same taps, and with stride 1 that is a single pass with the kernel reversed.

use super::geometry::{Axis, GRAIN, Geometry, product};
use crate::array::scalar::Scalar;
use crate::array::simd::{Kernel, Simd, Vector, dispatch};
use crate::kernels::parallel;
use smallvec::SmallVec;
use std::ops::Range;

/// One axis of a pass.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Elements of the source, and the zeros that are needed before and after them.
    source: usize,
    before: usize,
    after: usize,
    /// The taps that are used, and the distance of each in the padded source.
    taps: SmallVec<[(usize, usize); 8]>,
    /// All taps of the kernel.
    kernel: usize,
    /// There are `count` targets. Target j depends on the padded source from `j * step` on, and is element `first + j * skip` of the
    /// whole target, which has `target` elements.
    pub count: usize,
    pub step: usize,
    first: usize,
    skip: usize,
    target: usize,
}

impl Line {
    fn forward(a: &Axis) -> Line {
        let taps = (0..a.kernel).map(|k| (k, k * a.dilation)).collect();
        let reach = (a.output - 1) * a.stride + (a.kernel - 1) * a.dilation + 1;
        let after = reach.saturating_sub(a.before + a.input);
        Line {
            source: a.input,
            before: a.before,
            after,
            taps,
            kernel: a.kernel,
            count: a.output,
            step: a.stride,
            first: 0,
            skip: 1,
            target: a.output,
        }
    }
    /// The inputs `first`, `first + stride`, .. as sums over the outputs that met them, still without taps.
    fn backward(a: &Axis, first: usize) -> Line {
        Line {
            source: a.output,
            before: 0,
            after: 0,
            taps: SmallVec::new(),
            kernel: a.kernel,
            count: (a.input - first).div_ceil(a.stride),
            step: 1,
            first,
            skip: a.stride,
            target: a.input,
        }
    }
    /// The phases that meet a tap, in order, and whether those are all. (The time depends on the kernel, not on the stride.)
    fn phases(a: &Axis) -> (SmallVec<[Line; 4]>, bool) {
        // Input i = phase + j * stride met output j + shift by tap k, where the division comes out even.
        let distance = |k: usize| a.before as isize - (k * a.dilation) as isize;
        let shift = |phase: usize, k: usize| (distance(k) + phase as isize) / a.stride as isize;
        let mut met: SmallVec<[(usize, usize); 8]> = SmallVec::new();
        // One border serves all phases.
        let (mut before, mut after) = (0, 0);
        for k in 0..a.kernel {
            let phase = (-distance(k)).rem_euclid(a.stride as isize) as usize;
            if phase < a.input {
                met.push((phase, k));
                let last = (a.input - phase).div_ceil(a.stride) as isize - 1;
                before = before.max(-shift(phase, k));
                after = after.max(last + shift(phase, k) - (a.output as isize - 1));
            }
        }
        met.sort_unstable();
        let mut lines = SmallVec::<[Line; 4]>::new();
        for &(phase, k) in &met {
            if lines.last().is_none_or(|line| line.first != phase) {
                lines.push(Line { before: before as usize, after: after as usize, ..Line::backward(a, phase) });
            }
            let line = lines.last_mut().expect("one is there");
            line.taps.push((k, (shift(phase, k) + before) as usize));
        }
        let all = lines.len() == a.stride.min(a.input);
        (lines, all)
    }
    /// The zeros between neighbouring rows: those after one are those before the next.
    fn border(&self) -> usize {
        self.before.max(self.after)
    }
}

/// A part of the target as sums over the source.
#[derive(Clone, Debug)]
pub(super) struct Pass {
    pub lines: [Line; 3],
    pub batch: usize,
    pub groups: usize,
    /// Channels of source and target in a group.
    pub sources: usize,
    pub targets: usize,
    /// The distance in w of two source channels, and of two target channels.
    w_source: usize,
    w_target: usize,
}

/// The planes of a pass of stride 1, the tiles of 4 x 4 that cover its target, and the pieces of 3 x 3 or 4 x 4 taps that cover its kernel:
/// rows and columns of each.
#[derive(Clone, Debug)]
pub(super) struct Tiling {
    pub source: [usize; 2],
    pub target: [usize; 2],
    /// Zeros before the source.
    pub before: [usize; 2],
    pub tiles: [usize; 2],
    pub kernel: [usize; 2],
    pub pieces: [usize; 2],
    /// The taps of a piece, along each axis.
    pub taps: usize,
    /// Whether the first tap meets the last element that a target depends on.
    pub reversed: bool,
}

impl Tiling {
    /// Points of a tile along each axis.
    pub fn points(&self) -> usize {
        self.taps + 3
    }
}

/// A row of places: see [`Pass::rows`].
pub(super) struct PlaceRow {
    /// The index of the first place, and the first element of the padded source of an image that it depends on.
    pub place: usize,
    pub start: usize,
    /// The element of a channel of the target that it is, and the distance of the next ones.
    pub element: usize,
    pub skip: usize,
    pub len: usize,
}

impl PlaceRow {
    /// The part that lies in a range, where `first` is the row's beginning in what the range counts: places, or starts of stride 1.
    #[inline(always)]
    pub fn within(mut self, first: usize, range: &Range<usize>) -> PlaceRow {
        let cut = range.start.saturating_sub(first).min(self.len);
        self.len = (first + self.len).min(range.end).saturating_sub(first + cut);
        self.place += cut;
        self.start += cut;
        self.element += cut * self.skip;
        self
    }
}

/// A padded source may always have this many elements.
const LARGE: usize = 1 << 24;
/// The number of elements that a vectorised loop may read or write beyond the last one that is used.
const SLACK: usize = 64;

impl Pass {
    pub fn forward(g: &Geometry) -> Pass {
        let (all_taps, [a, b, c]) = (g.taps(), &g.axes);
        Pass {
            lines: [Line::forward(a), Line::forward(b), Line::forward(c)],
            batch: g.batch,
            groups: g.groups,
            sources: g.channels,
            targets: g.filters,
            w_source: all_taps,
            w_target: g.channels * all_taps,
        }
    }
    /// One pass for each phase of the stride that meets a tap, and whether those are all: the rest of the target is 0.
    pub fn backward(g: &Geometry) -> (SmallVec<[Pass; 8]>, bool) {
        let (all_taps, [a, b, c]) = (g.taps(), &g.axes);
        let [a, b, c] = [Line::phases(a), Line::phases(b), Line::phases(c)];
        let mut passes = SmallVec::new();
        for plane in &a.0 {
            for row in &b.0 {
                for column in &c.0 {
                    passes.push(Pass {
                        lines: [plane.clone(), row.clone(), column.clone()],
                        batch: g.batch,
                        groups: g.groups,
                        sources: g.filters,
                        targets: g.channels,
                        w_source: g.channels * all_taps,
                        w_target: all_taps,
                    });
                }
            }
        }
        (passes, a.1 && b.1 && c.1)
    }

    /// Source elements of a channel.
    pub fn source(&self) -> usize {
        self.lines.iter().map(|l| l.source).product()
    }
    /// Elements of a channel of the whole target.
    pub fn target(&self) -> usize {
        self.lines.iter().map(|l| l.target).product()
    }
    /// Elements of a channel of the target that this pass computes.
    pub fn places(&self) -> usize {
        self.lines.iter().map(|l| l.count).product()
    }
    fn taps(&self) -> usize {
        self.lines.iter().map(|l| l.taps.len()).product()
    }
    /// Products that make up one element of the target.
    pub fn depth(&self) -> usize {
        self.sources * self.taps()
    }
    /// Whether threads pay.
    pub fn is_large(&self) -> bool {
        product([self.depth(), self.targets, self.groups, self.places(), self.batch]) >= 2 * GRAIN
    }
    /// Distances in the padded source: between planes, rows and neighbours, and between channels.
    fn strides(&self) -> ([usize; 3], usize) {
        let [a, b, c] = &self.lines;
        let row = c.source + c.border();
        let plane = row.saturating_mul(b.source + b.border());
        ([plane, row, 1], plane.saturating_mul(a.source + a.border()))
    }
    /// The length of one padded image (of one group).
    pub fn padded(&self) -> usize {
        let (strides, channel) = self.strides();
        let tail = self.lines.iter().zip(strides).fold(SLACK, |sum, (l, s)| sum.saturating_add(l.border().saturating_mul(s)));
        let len = self.sources.saturating_mul(channel).saturating_add(tail);
        len.checked_next_multiple_of(16).unwrap_or(usize::MAX)
    }
    /// The places from the first to the last, where the elements of the border between the rows count as well.
    pub fn flat_places(&self) -> usize {
        let (strides, _) = self.strides();
        self.lines.iter().zip(strides).fold(1, |sum, (l, s)| sum.saturating_add((l.count - 1).saturating_mul(s)))
    }

    /// Copies all images between their zeros, on all threads where that pays.
    pub fn pad_all<T: Scalar>(&self, x: &[T], to: &mut [T]) {
        let (from, padded) = (self.sources * self.source(), self.padded());
        let each = if self.is_large() { padded } else { to.len() };
        parallel::pieces(to, padded, each, &|i, to| self.pad(&x[i * from..][..from], to));
    }
    /// Copies one image (of one group) between its zeros.
    pub fn pad<T: Scalar>(&self, x: &[T], to: &mut [T]) {
        dispatch(Pad { pass: self, x, to });
    }

    /// Calls `f` for each product of an element, in order, with its index, its distance in the padded source, and its place in the weights of the
    /// first target channel of a group.
    #[inline(always)]
    fn each_product(&self, mut f: impl FnMut(usize, usize, usize)) {
        let [a, b, c] = &self.lines;
        let ([plane, row, _], channel) = self.strides();
        let mut k = 0;
        for source in 0..self.sources {
            for &(ka, oa) in &a.taps {
                for &(kb, ob) in &b.taps {
                    for &(kc, oc) in &c.taps {
                        let tap = (ka * b.kernel + kb) * c.kernel + kc;
                        f(k, source * channel + oa * plane + ob * row + oc, source * self.w_source + tap);
                        k += 1;
                    }
                }
            }
        }
    }
    /// The distances in the padded source of all `depth` products.
    pub fn offsets(&self, to: &mut [u32]) {
        self.each_product(|k, offset, _| to[k] = offset as u32);
    }
    /// The places of all weights of the first target channel of a group.
    pub fn weights(&self, to: &mut [u32]) {
        self.each_product(|k, _, weight| to[k] = weight as u32);
    }
    /// The distance in w of two target channels, and of two groups.
    pub fn w_strides(&self) -> (usize, usize) {
        (self.w_target, self.sources * self.targets * self.lines.iter().map(|l| l.kernel).product::<usize>())
    }
    /// The distance in w of two source channels, and of two target channels.
    pub fn w_steps(&self) -> (usize, usize) {
        (self.w_source, self.w_target)
    }
    /// If this pass has two axes, neighbouring taps and stride 1.
    pub fn tiling(&self) -> Option<Tiling> {
        let [depth, rows, columns] = &self.lines;
        // One plane, which the one tap meets.
        let flat = depth.kernel == 1 && depth.source == 1 && depth.target == 1 && depth.before == 0 && depth.taps[..] == [(0, 0)];
        let reversed = rows.taps.first().is_some_and(|t| t.1 > 0);
        let whole = |l: &Line| {
            let met = |k: usize| (k, if reversed { l.kernel - 1 - k } else { k });
            l.step == 1 && l.skip == 1 && l.taps.iter().copied().eq((0..l.kernel).map(met))
        };
        let of = |f: fn(&Line) -> usize| [f(rows), f(columns)];
        (flat && whole(rows) && whole(columns)).then(|| {
            let kernel = of(|l| l.kernel);
            let (pieces_of_3, pieces_of_4) = (of(|l| l.kernel.div_ceil(3)), of(|l| l.kernel.div_ceil(4)));
            // A piece of 3 x 3 taps takes 36 products for each tile, one of 4 x 4 takes 49.
            let few = 49 * product(pieces_of_4) < 36 * product(pieces_of_3);
            let (taps, pieces) = if few { (4, pieces_of_4) } else { (3, pieces_of_3) };
            let tiles = of(|l| l.count.div_ceil(4));
            Tiling { source: of(|l| l.source), target: of(|l| l.count), before: of(|l| l.before), tiles, kernel, pieces, taps, reversed }
        })
    }
    /// The first element of the padded source of an image that each place depends on, for all `places`.
    pub fn starts(&self, to: &mut [u32]) {
        let [a, b, c] = &self.lines;
        let ([plane, row, _], _) = self.strides();
        let mut to = to.iter_mut();
        for i in 0..a.count {
            for j in 0..b.count {
                let start = i * a.step * plane + j * b.step * row;
                to.by_ref().take(c.count).enumerate().for_each(|(l, to)| *to = (start + l * c.step) as u32);
            }
        }
    }
    /// Calls `f` with each row of places.
    #[inline(always)]
    pub fn rows(&self, mut f: impl FnMut(PlaceRow)) {
        let [a, b, c] = &self.lines;
        let ([plane, row, _], _) = self.strides();
        for i in 0..a.count {
            for j in 0..b.count {
                f(PlaceRow {
                    place: (i * b.count + j) * c.count,
                    start: i * a.step * plane + j * b.step * row,
                    element: ((a.first + i * a.skip) * b.target + b.first + j * b.skip) * c.target + c.first,
                    skip: c.skip,
                    len: c.count,
                });
            }
        }
    }
    /// Whether the places of a channel are the elements of the target, in order.
    pub fn is_whole(&self) -> bool {
        self.lines.iter().all(|l| l.skip == 1)
    }
    /// Whether neighbouring places depend on neighbouring elements.
    pub fn is_dense(&self) -> bool {
        self.lines.iter().all(|l| l.step == 1)
    }
    /// Whether all places of a batch and all weights have indices of 32 bits, and the padded source, if it is large, is not mostly border.
    pub fn fits(&self) -> bool {
        let images = self.batch * self.groups;
        let (padded, weights) = (self.padded().saturating_mul(images), self.w_strides().1);
        let elements = images * (self.sources * self.source() + self.targets * self.places());
        u32::try_from(padded.max(weights)).is_ok() && padded <= LARGE.max(16 * elements)
    }
}

/// Copies an image between its zeros: see [`Pass::pad`].
///
/// Rows are short, so they are copied in whole vectors and not by calls of a copy, which would take longer than the copies. Where a vector
/// writes beyond its row, it writes zeros of the border or is overwritten by the next row; after the last one there is [`SLACK`].
struct Pad<'a, T> {
    pass: &'a Pass,
    x: &'a [T],
    to: &'a mut [T],
}

impl<T: Scalar> Kernel for Pad<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Pad { pass, x, to } = self;
        let ([a, b, c], ([plane, row, _], channel)) = (&pass.lines, pass.strides());
        let lanes = T::Vector::<S>::LANES;
        let (mut x, mut written) = (x.chunks_exact(c.source), 0);
        for source in 0..pass.sources {
            for i in a.before..a.before + a.source {
                for j in b.before..b.before + b.source {
                    let start = source * channel + i * plane + j * row + c.before;
                    for at in (written..start).step_by(lanes) {
                        T::Vector::<S>::zero().write(&mut to[at..]);
                    }
                    let x = x.next().expect("a row of each line");
                    for at in (0..x.len()).step_by(lanes) {
                        T::Vector::<S>::read(&x[at..]).write(&mut to[start + at..]);
                    }
                    written = start + x.len().next_multiple_of(lanes);
                }
            }
        }
        to[written..].fill(T::ZERO);
    }
}
