//! Convolution of 3 x 3 taps and stride 1 with a quarter of the multiplications: Winograd's minimal filtering F(4 x 4, 3 x 3).
//!
//! (S. Winograd, "Arithmetic complexity of computations", 1980; A. Lavin and S. Gray, "Fast algorithms for convolutional neural networks",
//! 2016.) The target is covered by tiles of 4 x 4. The 6 x 6 elements of the source that a tile sees, and the 3 x 3 taps, are each taken
//! to 36 points ([`transform`]); there the convolution is a product of matrices at each point, `[tile][source channel]` times
//! `[source channel][target channel]`, and the tile's 16 elements come back from the 36 sums. The gradient by the weights is the
//! transpose of the same: at each point `[source channel][tile]` times `[tile][target channel]`.
//!
//! Transformations run along vectors of channels. A task lays out what it sees of the source as `[position][channel]`, and turns what it
//! has computed into the target's order; all in between stays in its second-level cache.
//!
//! Sums are of other terms than those of the definition, so rounding errors are larger: in f32 up to 2e-6 of the largest element, where
//! the direct kernels have 7e-7 (the tests measure both). A NaN or infinity reaches the whole tiles that see it.

mod transform;
mod weight;

use super::pass::{Pass, Tiling};
use super::tile::{Plus, Shared, machine, panels, transpose};
use crate::array::scalar::Scalar;
use crate::array::simd::{Kernel, Simd, Vector, dispatch};
use crate::kernels::gemm::{Operand, multiply};
use crate::kernels::{parallel, scratch};
use std::ops::Range;
use transform::{source_tile, target_tile, weight_tile};
pub(super) use weight::weight_grad;

/// The points of a tile.
const POINTS: usize = 36;
/// Bytes of source channels that are taken to points at a time.
const BLOCK_BYTES: usize = 128;
/// Vectors of target channels of a task, at most.
const VECTORS: usize = 4;
/// Tiles that a task has at a time.
const TILES: usize = 48;
/// Tasks that there are at least, if each has so many tiles.
const TASKS: usize = 8;
const WORTH: usize = 8;
/// Bytes of weights at all points up to which they are computed once for all tasks.
const RESIDENT: usize = 640 * 1024;

/// Numbers whose transformation is worth waking threads for.
const SPREAD: usize = 64 * 1024;

/// How far apart in memory the values at neighbouring points are, `size` for each: a power of two would put all of them into a few lines
/// of the cache.
fn apart(size: usize) -> usize {
    size.next_multiple_of(16) + 16
}

/// Sizes that all tasks share.
struct Plan<'a> {
    pass: &'a Pass,
    tiling: Tiling,
    /// Source channels of a block, and target channels of a panel.
    block: usize,
    width: usize,
    panels: usize,
}

/// Rows of tiles of one image.
struct Portion {
    image: usize,
    rows: Range<usize>,
    /// The number of the first tile in the task.
    tile: usize,
}

impl<'a> Plan<'a> {
    fn new<T: Scalar>(pass: &'a Pass) -> Self {
        let tiling = pass.tiling().expect("3 x 3 taps and stride 1");
        let lanes = machine::<T>().0;
        let (panels, vectors) = panels(pass.targets, lanes, VECTORS);
        let block = (BLOCK_BYTES / size_of::<T>()).min(pass.sources.next_multiple_of(lanes));
        Plan { pass, tiling, block, width: vectors * lanes, panels }
    }
    fn blocks(&self) -> usize {
        self.pass.sources.div_ceil(self.block)
    }
    /// Rows of tiles of all images.
    fn bands(&self) -> usize {
        self.pass.batch * self.tiling.tiles[0]
    }
    /// Tiles of some bands.
    fn tiles(&self, bands: &Range<usize>) -> usize {
        bands.len() * self.tiling.tiles[1]
    }
    /// Rows of tiles that make about so many tiles.
    fn bands_of(&self, tiles: usize) -> usize {
        (tiles / self.tiling.tiles[1]).max(1)
    }
    /// The target channels of a panel.
    fn targets(&self, panel: usize) -> Range<usize> {
        panel * self.width..((panel + 1) * self.width).min(self.pass.targets)
    }
    /// The source channels of a block.
    fn sources(&self, block: usize) -> Range<usize> {
        block * self.block..((block + 1) * self.block).min(self.pass.sources)
    }
    /// Where an image's channels begin in the source, and in the target.
    fn source_of(&self, image: usize, group: usize, channel: usize) -> usize {
        ((image * self.pass.groups + group) * self.pass.sources + channel) * self.pass.source()
    }
    fn target_of(&self, image: usize, group: usize, channel: usize) -> usize {
        ((image * self.pass.groups + group) * self.pass.targets + channel) * self.pass.target()
    }
    /// Weights at all points, of one block and panel.
    fn weights_len(&self) -> usize {
        POINTS * apart(self.block * self.width)
    }
    /// Positions that a task lays out at most, for so many rows of tiles.
    fn positions(&self, bands: usize) -> usize {
        let rows = bands.min(self.tiling.tiles[0]);
        let [source, target] = [self.tiling.source, self.tiling.target];
        ((4 * rows + 2).min(source[0]) * source[1]).max(4 * rows * target[1])
    }

    /// The part of these bands, after the first `done`, that lies in one image.
    #[inline(always)]
    fn portion(&self, bands: &Range<usize>, done: usize) -> Portion {
        let [high, wide] = self.tiling.tiles;
        let at = bands.start + done;
        let image = at / high;
        let end = bands.end.min((image + 1) * high);
        Portion { image, rows: at - image * high..end - image * high, tile: done * wide }
    }
}

impl Tiling {
    /// Rows of the source that rows of tiles see, and rows of the target that they cover.
    fn source_rows(&self, rows: &Range<usize>) -> Range<usize> {
        let first = (4 * rows.start).saturating_sub(self.before[0]);
        first..(4 * rows.end + 2).saturating_sub(self.before[0]).clamp(first, self.source[0].max(first))
    }
    fn target_rows(&self, rows: &Range<usize>) -> Range<usize> {
        4 * rows.start..(4 * rows.end).min(self.target[0])
    }
}

/// The convolution, or the gradient by its input.
pub(super) fn run<T: Scalar>(pass: &Pass, x: &[T], w: &[T], bias: Option<&[T]>, y: &mut [T]) {
    let plan = &Plan::new::<T>(pass);
    let (panels, blocks, size) = (plan.panels, plan.blocks(), plan.weights_len());
    let wanted = TASKS.div_ceil(panels * pass.groups).min(plan.bands() / plan.bands_of(WORTH));
    let shares = wanted.max(plan.bands().div_ceil(plan.bands_of(TILES)));
    let to = &Shared(y.as_mut_ptr());
    let all = pass.groups * panels * blocks * size;
    let resident = shares > 1 && all * size_of::<T>() <= RESIDENT;
    scratch::with(if resident { all } else { 0 }, |ready: &mut [T]| {
        let each = if all >= SPREAD { size } else { all.max(1) };
        parallel::parts(ready, each, &|first, ready| {
            for (i, to) in ready.chunks_exact_mut(size).enumerate() {
                let i = first / size + i;
                let (sources, targets) = (plan.sources(i % blocks), plan.targets(i / blocks % panels));
                at_points(plan, w, i / blocks / panels, sources, targets, to);
            }
        });
        let ready = &*ready;
        parallel::tasks(shares * panels * pass.groups, pass.is_large(), &|t| {
            let (t, panel) = (t / panels, t % panels);
            let (group, share) = (t % pass.groups, t / pass.groups);
            let bands = share * plan.bands() / shares..(share + 1) * plan.bands() / shares;
            let tiles = bands.len() * plan.tiling.tiles[1];
            let sizes = [
                plan.positions(bands.len()) * plan.block.max(plan.width),
                POINTS * apart(tiles * plan.block),
                POINTS * apart(tiles * plan.width),
                if resident { 0 } else { size },
            ];
            scratch::with(sizes.iter().sum(), |room: &mut [T]| {
                let (laid, room) = room.split_at_mut(sizes[0]);
                let (seen, room) = room.split_at_mut(sizes[1]);
                let (sums, weights) = room.split_at_mut(sizes[2]);
                for block in 0..blocks {
                    let sources = plan.sources(block);
                    let weights: &[T] = if resident {
                        &ready[((group * panels + panel) * blocks + block) * size..][..size]
                    } else {
                        at_points(plan, w, group, sources.clone(), plan.targets(panel), weights);
                        weights
                    };
                    let task = Source { plan, x, group, bands: bands.clone(), channels: sources.clone(), laid: &mut *laid, to: &mut *seen };
                    dispatch(task);
                    dispatch(Products {
                        plan,
                        tiles,
                        depth: sources.len(),
                        targets: plan.targets(panel),
                        seen,
                        weights,
                        sums: &mut *sums,
                        add: block > 0,
                    });
                }
                dispatch(Target { plan, group, bands: bands.clone(), channels: plan.targets(panel), sums, laid, bias, to });
            });
        });
    });
}

/// Takes the weights of one block and panel to all points, as `[point][source channel][target channel]`.
fn at_points<T: Scalar>(plan: &Plan<'_>, w: &[T], group: usize, sources: Range<usize>, targets: Range<usize>, to: &mut [T]) {
    let size = 9 * plan.block * plan.width;
    scratch::with(2 * size, |room: &mut [T]| {
        let (rows, taps) = room.split_at_mut(size);
        dispatch(Weights { plan, w, group, sources, targets, rows, taps, to });
    });
}

struct Weights<'a, T> {
    plan: &'a Plan<'a>,
    w: &'a [T],
    group: usize,
    sources: Range<usize>,
    targets: Range<usize>,
    rows: &'a mut [T],
    taps: &'a mut [T],
    to: &'a mut [T],
}

impl<T: Scalar> Kernel for Weights<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(mut self, _: S) {
        let (lanes, width, [sources, targets]) = (T::Vector::<S>::LANES, self.plan.width, [self.sources.len(), self.targets.len()]);
        let step = apart(self.plan.block * width);
        assert!(self.to.len() >= POINTS * step && self.taps.len() >= 9 * sources * width);
        // As `[source channel][tap][target channel]`: in one go if the taps of all source channels lie together.
        let (pieces, each) = if self.plan.pass.w_steps().0 == 9 { (1, 9 * sources) } else { (sources, 9) };
        for piece in 0..pieces {
            let from = self.piece(piece, each);
            let taps = self.taps[piece * each * width..].as_mut_ptr();
            // SAFETY: `rows` has a row for each target channel, and `taps` one of `width` for each tap.
            unsafe { transpose::<S, T, true>((targets, each), from, (taps, width), Plus::Nothing) };
        }
        for c in 0..sources {
            for v in (0..targets).step_by(lanes) {
                let from = self.kernel(c, v);
                // SAFETY: taps and points have whole vectors of target channels.
                unsafe { weight_tile::<S, T>(&from, self.to.as_mut_ptr().wrapping_add(c * width + v), step) };
            }
        }
    }
}

impl<T: Scalar> Weights<'_, T> {
    /// The taps of a piece, `each` of every target channel: where they begin, and how far apart the target channels are.
    #[inline(always)]
    fn piece(&mut self, piece: usize, each: usize) -> (*const T, usize) {
        let ((w_source, w_target), w_group) = (self.plan.pass.w_steps(), self.plan.pass.w_strides().1);
        let first = self.group * w_group + self.sources.start * w_source + self.targets.start * w_target;
        let (from, targets) = (&self.w[first + piece * w_source..], self.targets.len());
        assert!(from.len() > (targets - 1) * w_target + each - 1);
        if each == 9 {
            return (from.as_ptr(), w_target);
        }
        // Copied row by row first: rows that are far apart in memory are slow to read in columns.
        for (t, row) in self.rows.chunks_exact_mut(each).enumerate().take(targets) {
            row.copy_from_slice(&from[t * w_target..][..each]);
        }
        (self.rows.as_ptr(), each)
    }
    /// The places of the nine taps of source channel `c` and target channel `v`.
    #[inline(always)]
    fn kernel(&self, c: usize, v: usize) -> [[*const T; 3]; 3] {
        let mut at = [[self.taps.as_ptr(); 3]; 3];
        for (i, at) in at.iter_mut().enumerate() {
            for (j, at) in at.iter_mut().enumerate() {
                let k = if self.plan.tiling.reversed { 8 - (3 * i + j) } else { 3 * i + j };
                *at = at.wrapping_add((9 * c + k) * self.plan.width + v);
            }
        }
        at
    }
}

/// Takes what some tiles see of the source to all points, as `[point][tile][channel]`.
struct Source<'a, T> {
    plan: &'a Plan<'a>,
    x: &'a [T],
    group: usize,
    bands: Range<usize>,
    channels: Range<usize>,
    laid: &'a mut [T],
    to: &'a mut [T],
}

/// Channels at most of what stands for a position beyond the edge of an image.
const EDGE: usize = VECTORS * crate::array::simd::MAX_LANES;

impl<T: Scalar> Kernel for Source<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(mut self, _: S) {
        let (block, channels, lanes) = (self.plan.block, self.channels.len(), T::Vector::<S>::LANES);
        let step = apart(self.plan.tiles(&self.bands) * block);
        let zeros = [T::ZERO; EDGE];
        assert!(self.to.len() >= POINTS * step && block <= EDGE);
        let mut done = 0;
        while done < self.bands.len() {
            let part = self.part(done, &zeros);
            done += part.portion.rows.len();
            // SAFETY: the channels have so many rows, and there is room where they are laid out.
            unsafe { transpose::<S, T, true>((channels, part.positions), part.image, (part.at, block), Plus::Nothing) };
            let mut to = self.to[part.portion.tile * block..].as_mut_ptr();
            for i in part.portion.rows.clone() {
                for j in 0..self.plan.tiling.tiles[1] {
                    let from = part.grid(i, j);
                    let mut v = 0;
                    while v < channels {
                        // SAFETY: positions, zeros and points have whole vectors of channels.
                        unsafe { source_tile::<S, T>(&from, v, to.wrapping_add(v), step) };
                        v += lanes;
                    }
                    to = to.wrapping_add(block);
                }
            }
        }
    }
}

// (What follows from sizes alone knows nothing of instruction sets: it is made once for a number type, and inlined into the code for each set.)
impl<T: Scalar> Source<'_, T> {
    /// What is left after `done` bands, as far as it lies in one image.
    #[inline(always)]
    fn part(&mut self, done: usize, beyond: &[T; EDGE]) -> Part<T> {
        let (plan, portion) = (self.plan, self.plan.portion(&self.bands, done));
        let rows = plan.tiling.source_rows(&portion.rows);
        let first = plan.source_of(portion.image, self.group, self.channels.start);
        let image = &self.x[first..][..self.channels.len() * plan.pass.source()];
        let (size, before) = (plan.tiling.source, plan.tiling.before);
        Part::new(portion, (image.as_ptr(), plan.pass.source()), (rows, size, before), (&mut *self.laid, plan.block), beyond.as_ptr())
    }
}

/// Rows of tiles of one image, whose positions are laid out, `step` numbers for each.
struct Part<T> {
    portion: Portion,
    /// Where the first position is in the image, and how far its channels are apart.
    image: (*const T, usize),
    /// How many positions there are, where the first one is laid out, and what stands for those beyond the edge of the image.
    positions: usize,
    at: *mut T,
    beyond: *const T,
    /// The first row that is laid out, and rows and columns of the image.
    first: usize,
    size: [usize; 2],
    /// How far the first tile reaches beyond the first row and column.
    before: [usize; 2],
    step: usize,
}

impl<T> Part<T> {
    #[inline(always)]
    fn new(
        portion: Portion,
        (image, channel): (*const T, usize),
        (rows, size, before): (Range<usize>, [usize; 2], [usize; 2]),
        (laid, step): (&mut [T], usize),
        beyond: *const T,
    ) -> Self {
        let positions = rows.len() * size[1];
        assert!(laid.len() >= positions * step);
        let image = (image.wrapping_add(rows.start * size[1]), channel);
        Part { portion, image, positions, at: laid.as_mut_ptr(), beyond, first: rows.start, size, before, step }
    }
    /// The `A` x `A` places that tile (i, j) sees. Before the first row or column is beyond the last, by wrapping round.
    #[inline(always)]
    fn grid<const A: usize>(&self, i: usize, j: usize) -> [[*const T; A]; A] {
        let (row, column) = ((4 * i).wrapping_sub(self.before[0]), (4 * j).wrapping_sub(self.before[1]));
        let mut at = [[self.beyond; A]; A];
        for (i, at) in at.iter_mut().enumerate() {
            for (j, at) in at.iter_mut().enumerate() {
                let (row, column) = (row.wrapping_add(i), column.wrapping_add(j));
                if row < self.size[0] && column < self.size[1] {
                    *at = self.at.cast_const().wrapping_add(((row - self.first) * self.size[1] + column) * self.step);
                }
            }
        }
        at
    }
}

/// At each point, `[tile][source channel]` times `[source channel][target channel]`.
struct Products<'a, T> {
    plan: &'a Plan<'a>,
    tiles: usize,
    depth: usize,
    targets: Range<usize>,
    seen: &'a [T],
    weights: &'a [T],
    sums: &'a mut [T],
    add: bool,
}

impl<T: Scalar> Kernel for Products<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Products { plan, tiles, depth, targets, seen, weights, sums, add } = self;
        let (block, width) = (plan.block, plan.width);
        let steps = [apart(tiles * block), apart(block * width), apart(tiles * width)];
        assert!(depth <= block && targets.len() <= width);
        assert!(seen.len() >= POINTS * steps[0] && weights.len() >= POINTS * steps[1] && sums.len() >= POINTS * steps[2]);
        for point in 0..POINTS {
            let a = Operand { at: seen.as_ptr().wrapping_add(point * steps[0]), row: block as isize, col: 1 };
            let b = Operand { at: weights.as_ptr().wrapping_add(point * steps[1]), row: width as isize, col: 1 };
            let c = sums.as_mut_ptr().wrapping_add(point * steps[2]);
            let vectors = targets.len().div_ceil(T::Vector::<S>::LANES);
            // SAFETY: all three are that large.
            unsafe { multiply::<S, T>((tiles, depth, vectors), a, b, (c, width), add) };
        }
    }
}

/// Brings sums at all points back to the places of the target.
struct Target<'a, T> {
    plan: &'a Plan<'a>,
    group: usize,
    bands: Range<usize>,
    channels: Range<usize>,
    sums: &'a [T],
    laid: &'a mut [T],
    bias: Option<&'a [T]>,
    to: &'a Shared<T>,
}

impl<T: Scalar> Kernel for Target<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(mut self, _: S) {
        let (width, channels, lanes) = (self.plan.width, self.channels.len(), T::Vector::<S>::LANES);
        let step = apart(self.plan.tiles(&self.bands) * width);
        let first = self.group * self.plan.pass.targets + self.channels.start;
        let plus = self.bias.map_or(Plus::Nothing, |b| Plus::Rows(&b[first..][..channels]));
        assert!(self.sums.len() >= POINTS * step && width <= EDGE);
        let mut beyond = [T::ZERO; EDGE];
        let mut done = 0;
        while done < self.bands.len() {
            let part = self.part(done, &mut beyond);
            done += part.portion.rows.len();
            let mut from = self.sums[part.portion.tile * width..].as_ptr();
            for i in part.portion.rows.clone() {
                for j in 0..self.plan.tiling.tiles[1] {
                    let to = part.grid(i, j);
                    let mut v = 0;
                    while v < channels {
                        // SAFETY: points and places have whole vectors of channels.
                        unsafe { target_tile::<S, T>(from.wrapping_add(v), step, &to, v) };
                        v += lanes;
                    }
                    from = from.wrapping_add(width);
                }
            }
            let to = (part.image.0.cast_mut(), part.image.1);
            // SAFETY: the channels of this image have so many rows, which this task alone writes.
            unsafe { transpose::<S, T, false>((part.positions, channels), (part.at, width), to, plus) };
        }
    }
}

impl<T: Scalar> Target<'_, T> {
    /// What is left after `done` bands, as far as it lies in one image.
    #[inline(always)]
    fn part(&mut self, done: usize, beyond: &mut [T; EDGE]) -> Part<T> {
        let (plan, portion) = (self.plan, self.plan.portion(&self.bands, done));
        let rows = plan.tiling.target_rows(&portion.rows);
        let image = self.to.at(plan.target_of(portion.image, self.group, self.channels.start)).cast_const();
        let size = [rows.end, plan.tiling.target[1]];
        Part::new(portion, (image, plan.pass.target()), (rows, size, [0; 2]), (&mut *self.laid, plan.width), beyond.as_mut_ptr())
    }
}
