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
    fn run<S: Simd>(self, _: S) {
        let Weights { plan, w, group, sources, targets, rows, taps, to } = self;
        let (lanes, width) = (T::Vector::<S>::LANES, plan.width);
        let ((w_source, w_target), w_group) = (plan.pass.w_steps(), plan.pass.w_strides().1);
        let step = apart(plan.block * width);
        assert!(to.len() >= POINTS * step && taps.len() >= 9 * sources.len() * width);
        // As `[source channel][tap][target channel]`: in one go if the taps of all source channels lie together.
        let (pieces, each) = if w_source == 9 { (1, 9 * sources.len()) } else { (sources.len(), 9) };
        for piece in 0..pieces {
            let from = &w[group * w_group + (sources.start + piece) * w_source + targets.start * w_target..];
            assert!(from.len() > (targets.len() - 1) * w_target + each - 1);
            let mut from = (from.as_ptr(), w_target);
            if each > 9 {
                // Copied row by row first: rows that are far apart in memory are slow to read in columns.
                for (t, row) in rows.chunks_exact_mut(each).enumerate().take(targets.len()) {
                    let first = group * w_group + sources.start * w_source + (targets.start + t) * w_target;
                    row.copy_from_slice(&w[first..][..each]);
                }
                from = (rows.as_ptr(), each);
            }
            let taps = taps[piece * each * width..].as_mut_ptr();
            // SAFETY: `rows` has a row for each target channel, and `taps` one of `width` for each tap.
            unsafe { transpose::<S, T, true>((targets.len(), each), from, (taps, width), Plus::Nothing) };
        }
        for c in 0..sources.len() {
            for v in (0..targets.len()).step_by(lanes) {
                let tap = |i: usize, j: usize| {
                    let k = if plan.tiling.reversed { 8 - (3 * i + j) } else { 3 * i + j };
                    taps.as_ptr().wrapping_add((9 * c + k) * width + v)
                };
                let from = [0, 1, 2].map(|i| [0, 1, 2].map(|j| tap(i, j)));
                // SAFETY: taps and points have whole vectors of target channels.
                unsafe { weight_tile::<S, T>(&from, to.as_mut_ptr().wrapping_add(c * width + v), step) };
            }
        }
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
    fn run<S: Simd>(self, _: S) {
        let Source { plan, x, group, bands, channels, laid, to } = self;
        let (tiling, block, lanes) = (&plan.tiling, plan.block, T::Vector::<S>::LANES);
        let tiles = bands.len() * tiling.tiles[1];
        let (step, size) = (apart(tiles * block), plan.pass.source());
        let zeros = [T::ZERO; EDGE];
        assert!(to.len() >= POINTS * step && block <= EDGE);
        let mut done = 0;
        while done < bands.len() {
            let portion = plan.portion(&bands, done);
            done += portion.rows.len();
            let rows = tiling.source_rows(&portion.rows);
            let [_, columns] = tiling.source;
            let positions = rows.len() * columns;
            assert!(laid.len() >= positions * block);
            let x = &x[plan.source_of(portion.image, group, channels.start)..][..channels.len() * size];
            let from = x.as_ptr().wrapping_add(rows.start * columns);
            // SAFETY: the channels have so many rows, and `laid` has room.
            unsafe { transpose::<S, T, true>((channels.len(), positions), (from, size), (laid.as_mut_ptr(), block), Plus::Nothing) };
            let laid = laid.as_ptr();
            for i in portion.rows.clone() {
                for j in 0..tiling.tiles[1] {
                    let place = |a: usize, b: usize| {
                        // Before the first row or column is beyond the last, by wrapping round.
                        let (row, column) = ((4 * i + a).wrapping_sub(tiling.before[0]), (4 * j + b).wrapping_sub(tiling.before[1]));
                        let inside = row < tiling.source[0] && column < columns;
                        if inside { laid.wrapping_add(((row - rows.start) * columns + column) * block) } else { zeros.as_ptr() }
                    };
                    let from = grid(place);
                    let tile = portion.tile + (i - portion.rows.start) * tiling.tiles[1] + j;
                    for v in (0..channels.len()).step_by(lanes) {
                        // SAFETY: positions, zeros and points have whole vectors of channels.
                        unsafe { source_tile::<S, T>(&from, v, to.as_mut_ptr().wrapping_add(tile * block + v), step) };
                    }
                }
            }
        }
    }
}

/// `A` x `A` places.
#[inline(always)]
fn grid<P: Copy, const A: usize>(place: impl Fn(usize, usize) -> P) -> [[P; A]; A] {
    let mut at = [[place(0, 0); A]; A];
    for (i, at) in at.iter_mut().enumerate() {
        for (j, at) in at.iter_mut().enumerate() {
            *at = place(i, j);
        }
    }
    at
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
        let steps = [tiles * block, block * width, tiles * width].map(apart);
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
    fn run<S: Simd>(self, _: S) {
        let Target { plan, group, bands, channels, sums, laid, bias, to } = self;
        let (tiling, width, lanes) = (&plan.tiling, plan.width, T::Vector::<S>::LANES);
        let tiles = bands.len() * tiling.tiles[1];
        let (step, size) = (apart(tiles * width), plan.pass.target());
        let plus = bias.map_or(Plus::Nothing, |b| Plus::Rows(&b[group * plan.pass.targets..][channels.clone()]));
        assert!(sums.len() >= POINTS * step && width <= EDGE);
        let mut beyond = [T::ZERO; EDGE];
        let beyond = beyond.as_mut_ptr();
        let mut done = 0;
        while done < bands.len() {
            let portion = plan.portion(&bands, done);
            done += portion.rows.len();
            let rows = tiling.target_rows(&portion.rows);
            let columns = tiling.target[1];
            assert!(laid.len() >= rows.len() * columns * width);
            let laid = laid.as_mut_ptr();
            for i in portion.rows.clone() {
                for j in 0..tiling.tiles[1] {
                    let place = |a: usize, b: usize| {
                        let (row, column) = (4 * i + a, 4 * j + b);
                        let inside = row < rows.end && column < columns;
                        if inside { laid.wrapping_add(((row - rows.start) * columns + column) * width) } else { beyond }
                    };
                    let to = grid(place);
                    let tile = portion.tile + (i - portion.rows.start) * tiling.tiles[1] + j;
                    for v in (0..channels.len()).step_by(lanes) {
                        // SAFETY: points and places have whole vectors of channels.
                        unsafe { target_tile::<S, T>(sums.as_ptr().wrapping_add(tile * width + v), step, &to, v) };
                    }
                }
            }
            let y = to.at(plan.target_of(portion.image, group, channels.start) + rows.start * columns);
            // SAFETY: the channels of this image have so many rows, which this task alone writes.
            unsafe { transpose::<S, T, false>((rows.len() * columns, channels.len()), (laid, width), (y, size), plus) };
        }
    }
}
