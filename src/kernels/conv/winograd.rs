//! How is a convolution of stride 1 computed with a quarter of the multiplications? By Winograd's minimal filtering F(4 x 4, 3 x 3) and
//! F(4 x 4, 4 x 4).
//!
//! (S. Winograd, "Arithmetic complexity of computations", 1980; A. Lavin and S. Gray, "Fast algorithms for convolutional neural networks",
//! 2016.) The target is covered by tiles of 4 x 4. The 6 x 6 elements of the source that a tile depends on, and the 3 x 3 taps, are each
//! taken to 36 points ([`transform`]); there the convolution is a product of matrices at each point, `[tile][source channel]` times
//! `[source channel][target channel]`, and the tile's 16 elements come back from the 36 sums. With 4 x 4 taps it is 7 x 7 elements and 49
//! points. The gradient by the weights is the transpose of the same: at each point `[source channel][tile]` times `[tile][target channel]`.
//!
//! A larger kernel falls into pieces of 3 x 3 or 4 x 4 taps, and their sums at the points are added before they come back: 7 x 7 taps are
//! four pieces of 4 x 4, 196 products instead of 784 for each tile, with less error than one transformation of all seven would have.
//!
//! Transformations run along vectors of channels. A task transposes its part of the source to `[position][channel]`, and transposes its results
//! into the target; of kernels up to 7 x 7 everything in between fits into its second-level cache. Kernels above 16 x 16 are computed otherwise.
//!
//! Sums are of other terms than those of the definition, so rounding errors are larger: in f32 up to 2e-6 of the largest element with
//! pieces of 3 x 3 taps and 4e-6 with 4 x 4, where the direct kernels have 7e-7 (the tests measure all). A NaN or infinity reaches all of
//! each tile that depends on it.

mod transform;
mod weight;

use super::geometry::product;
use super::pass::{Pass, Tiling};
use super::tile::{Plus, Shared, machine, panels, transpose};
use crate::array::scalar::Scalar;
use crate::array::simd::{Kernel, MAX_LANES, Simd, Vector, dispatch};
use crate::kernels::gemm::{Operand, multiply};
use crate::kernels::{parallel, scratch};
use std::ops::Range;
use transform::{Grid, Matrix, SourceToPoints, TargetFromPoints, WeightToPoints, from_points, to_points};
pub(super) use weight::weight_grad;

/// The bytes of source channels that are taken to points at a time.
const BLOCK_BYTES: usize = 128;
/// The largest number of vectors of target channels of a task.
const VECTORS: usize = 4;
/// The tiles that a task computes at a time.
const TILES: usize = 48;
/// The least number of tasks, if each has `WORTH` tiles.
const TASKS: usize = 8;
const WORTH: usize = 8;
/// The largest size of a piece of the weights at all points, in bytes, for which they are computed once for all tasks.
const RESIDENT: usize = 1024 * 1024;

/// Numbers from whose transformation on threads of their own pay.
const SPREAD: usize = 64 * 1024;

/// The distance in memory between the values at neighbouring points, `size` for each point: a power of two would put all of them into a few
/// lines of the cache.
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
        let tiling = pass.tiling().expect("two axes, neighbouring taps and stride 1");
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
    /// The number of rows of tiles with about this many tiles.
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
    /// The points of a tile.
    fn points(&self) -> usize {
        self.tiling.points().pow(2)
    }
    /// The taps of the kernel, and the pieces that they fall into.
    fn taps(&self) -> usize {
        product(self.tiling.kernel)
    }
    fn pieces(&self) -> usize {
        product(self.tiling.pieces)
    }
    /// The first tap of a piece, row and column.
    fn tap(&self, piece: usize) -> [usize; 2] {
        let across = self.tiling.pieces[1];
        [piece / across, piece % across].map(|p| p * self.tiling.taps)
    }
    /// A piece of the weights at all points, of one block and panel.
    fn weights_len(&self) -> usize {
        self.points() * apart(self.block * self.width)
    }
    /// The largest number of positions that a task lays out for this many rows of tiles.
    fn positions(&self, bands: usize) -> usize {
        let rows = bands.min(self.tiling.tiles[0]);
        let [source, target] = [self.tiling.source, self.tiling.target];
        ((4 * rows + self.tiling.taps - 1).min(source[0]) * source[1]).max(4 * rows * target[1])
    }

    /// What follows the first `done` of these bands, up to the end of its image.
    #[inline(always)]
    fn portion(&self, bands: &Range<usize>, done: usize) -> Portion {
        let [high, wide] = self.tiling.tiles;
        let at = bands.start + done;
        let image = at / high;
        let end = bands.end.min((image + 1) * high);
        Portion { image, rows: at - image * high..end - image * high, tile: done * wide }
    }
    /// The numbers that are laid out for each position: the channels of a block or panel, in whole vectors.
    fn step(&self, side: Side) -> usize {
        match side {
            Side::Source(_) => self.block,
            Side::Target => self.width,
        }
    }
    /// The number of elements of a side's array.
    fn len(&self, side: Side) -> usize {
        let Pass { batch, groups, sources, targets, .. } = *self.pass;
        match side {
            Side::Source(_) => batch * groups * sources * self.pass.source(),
            Side::Target => batch * groups * targets * self.pass.target(),
        }
    }
    /// A portion of a side's array, from a channel on.
    #[inline(always)]
    fn part<T>(
        &self,
        side: Side,
        portion: Portion,
        (group, channel): (usize, usize),
        array: *const T,
        laid: &mut [T],
        beyond: *const T,
    ) -> Part<T> {
        let (pass, tiling, step) = (self.pass, &self.tiling, self.step(side));
        let (channels, plane) = match side {
            Side::Source(_) => (pass.sources, pass.source()),
            Side::Target => (pass.targets, pass.target()),
        };
        let (rows, size, begin) = match side {
            Side::Source(piece) => {
                let ([row, column], before) = (self.tap(piece), tiling.before);
                let begin = [row as isize - before[0] as isize, column as isize - before[1] as isize];
                (tiling.source_rows(&portion.rows, row), tiling.source, begin)
            }
            Side::Target => {
                let rows = tiling.target_rows(&portion.rows);
                (rows.clone(), [rows.end, tiling.target[1]], [0; 2])
            }
        };
        let first = ((portion.image * pass.groups + group) * channels + channel) * plane + rows.start * size[1];
        let positions = rows.len() * size[1];
        assert!(laid.len() >= positions * step);
        let image = (array.wrapping_add(first), plane);
        Part { portion, image, positions, at: laid.as_mut_ptr(), beyond, first: rows.start, size, begin, step }
    }
}

/// The array whose tiles are taken to points or come back from them.
#[derive(Clone, Copy)]
enum Side {
    /// What meets this piece of the taps.
    Source(usize),
    Target,
}

impl Tiling {
    /// The rows of the source that rows of tiles depend on by a piece that begins at row `tap` of the taps, and the rows of the target that they
    /// cover.
    fn source_rows(&self, rows: &Range<usize>, tap: usize) -> Range<usize> {
        let first = (4 * rows.start + tap).saturating_sub(self.before[0]).min(self.source[0]);
        let end = (4 * rows.end + tap + self.taps - 1).saturating_sub(self.before[0]).min(self.source[0]);
        first..end.max(first)
    }
    fn target_rows(&self, rows: &Range<usize>) -> Range<usize> {
        4 * rows.start..(4 * rows.end).min(self.target[0])
    }
}

/// The convolution, or the gradient by its input.
pub(super) fn run<T: Scalar>(pass: &Pass, x: &[T], w: &[T], bias: Option<&[T]>, y: &mut [T]) {
    let plan = &Plan::new::<T>(pass);
    match plan.tiling.taps {
        3 => run_by::<T, 3, 6>(plan, x, w, bias, y),
        _ => run_by::<T, 4, 7>(plan, x, w, bias, y),
    }
}

/// With pieces of `TAPS` x `TAPS` taps, and `N` x `N` points.
fn run_by<T: Scalar, const TAPS: usize, const N: usize>(plan: &Plan<'_>, x: &[T], w: &[T], bias: Option<&[T]>, y: &mut [T])
where
    SourceToPoints: Matrix<N, N>,
    WeightToPoints: Matrix<TAPS, N>,
    TargetFromPoints: Matrix<N, 4>,
{
    let (pass, panels, blocks, size) = (plan.pass, plan.panels, plan.blocks(), plan.weights_len());
    let whole = plan.pieces() * size;
    let wanted = TASKS.div_ceil(panels * pass.groups).min(plan.bands() / plan.bands_of(WORTH));
    let shares = wanted.max(plan.bands().div_ceil(plan.bands_of(TILES)));
    let to = &Shared(y.as_mut_ptr());
    let all = pass.groups * panels * blocks * whole;
    let resident = shares > 1 && all * size_of::<T>() <= RESIDENT * plan.pieces();
    scratch::with(if resident { all } else { 0 }, |ready: &mut [T]| {
        let each = if all >= SPREAD { whole } else { all.max(1) };
        parallel::pieces(ready, whole, each, &|i, to| {
            let (sources, targets) = (plan.sources(i % blocks), plan.targets(i / blocks % panels));
            at_points::<T, TAPS, N>(plan, w, i / blocks / panels, sources, targets, to);
        });
        let ready = &*ready;
        parallel::tasks(shares * panels * pass.groups, pass.is_large(), &|t| {
            let (t, panel) = (t / panels, t % panels);
            let (group, share) = (t % pass.groups, t / pass.groups);
            let bands = share * plan.bands() / shares..(share + 1) * plan.bands() / shares;
            let tiles = plan.tiles(&bands);
            let sizes = [
                plan.positions(bands.len()) * plan.block.max(plan.width),
                plan.points() * apart(tiles * plan.block),
                plan.points() * apart(tiles * plan.width),
                if resident { 0 } else { whole },
            ];
            scratch::with(sizes.iter().sum(), |room: &mut [T]| {
                let (laid, room) = room.split_at_mut(sizes[0]);
                let (seen, room) = room.split_at_mut(sizes[1]);
                let (sums, weights) = room.split_at_mut(sizes[2]);
                for block in 0..blocks {
                    let (sources, targets) = (plan.sources(block), plan.targets(panel).len());
                    let weights: &[T] = if resident {
                        &ready[((group * panels + panel) * blocks + block) * whole..][..whole]
                    } else {
                        at_points::<T, TAPS, N>(plan, w, group, sources.clone(), plan.targets(panel), weights);
                        weights
                    };
                    for (piece, b) in weights.chunks_exact(size).enumerate() {
                        let (side, channels, bands) = (Side::Source(piece), sources.clone(), bands.clone());
                        let (matrix, laid, to) = (SourceToPoints, &mut *laid, &mut *seen);
                        dispatch(ToPoints::<T, _, N, N> { plan, side, matrix, x, group, bands, channels, laid, to });
                        let (a, sums, add) = (&*seen, &mut *sums, block + piece > 0);
                        dispatch(Products { plan, transposed: false, tiles, sources: sources.len(), targets, a, b, sums, add });
                    }
                }
                dispatch(FromPoints::<T, N> { plan, group, bands: bands.clone(), channels: plan.targets(panel), sums, laid, bias, to });
            });
        });
    });
}

/// Takes the weights of one block and panel to all points, as `[piece][point][source channel][target channel]`.
fn at_points<T: Scalar, const TAPS: usize, const N: usize>(
    plan: &Plan<'_>,
    w: &[T],
    group: usize,
    sources: Range<usize>,
    targets: Range<usize>,
    to: &mut [T],
) where
    WeightToPoints: Matrix<TAPS, N>,
{
    let size = plan.taps() * plan.block * plan.width;
    scratch::with(2 * size, |room: &mut [T]| {
        let (rows, taps) = room.split_at_mut(size);
        dispatch(Weights::<T, TAPS, N> { plan, w, group, sources, targets, rows, taps, to });
    });
}

struct Weights<'a, T, const TAPS: usize, const N: usize> {
    plan: &'a Plan<'a>,
    w: &'a [T],
    group: usize,
    sources: Range<usize>,
    targets: Range<usize>,
    rows: &'a mut [T],
    taps: &'a mut [T],
    to: &'a mut [T],
}

impl<T: Scalar, const TAPS: usize, const N: usize> Kernel for Weights<'_, T, TAPS, N>
where
    WeightToPoints: Matrix<TAPS, N>,
{
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(mut self, _: S) {
        let (lanes, width, [sources, targets]) = (T::Vector::<S>::LANES, self.plan.width, [self.sources.len(), self.targets.len()]);
        let (step, taps, size) = (apart(self.plan.block * width), self.plan.taps(), self.plan.weights_len());
        assert!(self.to.len() >= self.plan.pieces() * size && size >= N * N * step && self.taps.len() >= taps * sources * width);
        // As `[source channel][tap][target channel]`: in one go if the taps of all source channels lie together.
        let (parts, each) = if self.plan.pass.w_steps().0 == taps { (1, taps * sources) } else { (sources, taps) };
        for part in 0..parts {
            let from = self.part(part, each);
            let taps = self.taps[part * each * width..].as_mut_ptr();
            // SAFETY: `rows` has a row for each target channel, and `taps` one of `width` for each tap.
            unsafe { transpose::<S, T, true>((targets, each), from, (taps, width), Plus::Nothing) };
        }
        let zeros = [T::ZERO; MAX_LANES];
        for piece in 0..self.plan.pieces() {
            for c in 0..sources {
                for v in (0..targets).step_by(lanes) {
                    let from = self.kernel(piece, c, v, zeros.as_ptr());
                    let to = self.to[piece * size + c * width + v..].as_mut_ptr();
                    // SAFETY: taps, zeros and points have whole vectors of target channels.
                    unsafe { to_points::<S, T, TAPS, N>(WeightToPoints, &from, 0, to, step) };
                }
            }
        }
    }
}

impl<T: Scalar, const TAPS: usize, const N: usize> Weights<'_, T, TAPS, N> {
    /// The taps of a part of the source channels, `each` of every target channel: where they begin, and how far apart the target channels are.
    #[inline(always)]
    fn part(&mut self, part: usize, each: usize) -> (*const T, usize) {
        let ((w_source, w_target), w_group) = (self.plan.pass.w_steps(), self.plan.pass.w_strides().1);
        let first = self.group * w_group + self.sources.start * w_source + self.targets.start * w_target;
        let (from, targets) = (&self.w[first + part * w_source..], self.targets.len());
        assert!(from.len() > (targets - 1) * w_target + each - 1);
        if each == self.plan.taps() {
            return (from.as_ptr(), w_target);
        }
        // Copied row by row first: rows that are far apart in memory are slow to read in columns.
        for (t, row) in self.rows.chunks_exact_mut(each).enumerate().take(targets) {
            row.copy_from_slice(&from[t * w_target..][..each]);
        }
        (self.rows.as_ptr(), each)
    }
    /// The places of the taps of a piece, of source channel `c` and target channel `v`; `beyond` for those that the kernel does not have.
    #[inline(always)]
    fn kernel(&self, piece: usize, c: usize, v: usize, beyond: *const T) -> Grid<T, TAPS> {
        let ([high, wide], [row, column]) = (self.plan.tiling.kernel, self.plan.tap(piece));
        let mut at = [[beyond; TAPS]; TAPS];
        for (i, at) in at.iter_mut().enumerate() {
            for (j, at) in at.iter_mut().enumerate() {
                let (i, j) = (row + i, column + j);
                if i < high && j < wide {
                    let k = if self.plan.tiling.reversed { (high - 1 - i) * wide + wide - 1 - j } else { i * wide + j };
                    *at = self.taps.as_ptr().wrapping_add((high * wide * c + k) * self.plan.width + v);
                }
            }
        }
        at
    }
}

/// Takes some tiles of the source, or of the target's gradient, to all points, as `[point][tile][channel]`.
struct ToPoints<'a, T, M, const A: usize, const N: usize> {
    plan: &'a Plan<'a>,
    side: Side,
    matrix: M,
    x: &'a [T],
    group: usize,
    bands: Range<usize>,
    channels: Range<usize>,
    laid: &'a mut [T],
    to: &'a mut [T],
}

/// The largest number of channels of a block or panel.
const EDGE: usize = VECTORS * MAX_LANES;

impl<T: Scalar, M: Matrix<A, N>, const A: usize, const N: usize> Kernel for ToPoints<'_, T, M, A, N> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let ToPoints { plan, side, matrix, x, group, bands, channels, laid, to } = self;
        let (width, count, lanes) = (plan.step(side), channels.len(), T::Vector::<S>::LANES);
        let step = apart(plan.tiles(&bands) * width);
        let zeros = [T::ZERO; EDGE];
        assert!(to.len() >= N * N * step && width <= EDGE && x.len() == plan.len(side));
        let mut done = 0;
        while done < bands.len() {
            let part = plan.part(side, plan.portion(&bands, done), (group, channels.start), x.as_ptr(), &mut *laid, zeros.as_ptr());
            done += part.portion.rows.len();
            // SAFETY: the channels have so many rows, and there is room where they are laid out.
            unsafe { transpose::<S, T, true>((count, part.positions), part.image, (part.at, width), Plus::Nothing) };
            let mut to = to[part.portion.tile * width..].as_mut_ptr();
            for i in part.portion.rows.clone() {
                for j in 0..plan.tiling.tiles[1] {
                    let from = part.grid(i, j);
                    let mut v = 0;
                    while v < count {
                        // SAFETY: positions, zeros and points have whole vectors of channels.
                        unsafe { to_points::<S, T, A, N>(matrix, &from, v, to.wrapping_add(v), step) };
                        v += lanes;
                    }
                    to = to.wrapping_add(width);
                }
            }
        }
    }
}
/// Rows of tiles of one image, whose positions are laid out, `step` numbers for each.
struct Part<T> {
    portion: Portion,
    /// The place of the first position in the array, and the distance of its channels.
    image: (*const T, usize),
    /// The number of positions, the place where the first one is laid out, and the place that is used for those beyond the edge of the image.
    positions: usize,
    at: *mut T,
    beyond: *const T,
    /// The first row that is laid out, and the rows and columns of the image.
    first: usize,
    size: [usize; 2],
    /// The row and column at which the first tile begins.
    begin: [isize; 2],
    step: usize,
}

impl<T> Part<T> {
    /// The `A` x `A` places of tile (i, j). (A place before the first row or column wraps round to one beyond the last.)
    #[inline(always)]
    fn grid<const A: usize>(&self, i: usize, j: usize) -> Grid<T, A> {
        let (row, column) = ((4 * i).wrapping_add_signed(self.begin[0]), (4 * j).wrapping_add_signed(self.begin[1]));
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

/// At each point, a product of matrices: `[tile][source channel]` times `[source channel][target channel]`, or, with the first transposed, times
/// `[tile][target channel]`.
struct Products<'a, T> {
    plan: &'a Plan<'a>,
    transposed: bool,
    tiles: usize,
    sources: usize,
    targets: usize,
    a: &'a [T],
    b: &'a [T],
    sums: &'a mut [T],
    add: bool,
}

impl<T: Scalar> Kernel for Products<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Products { plan, transposed, tiles, sources, targets, a, b, sums, add } = self;
        let (block, width) = (plan.block, plan.width);
        let (by_tile, by_source) = (apart(tiles * width), apart(block * width));
        let (rows, depth, row, col) = if transposed { (sources, tiles, 1, block) } else { (tiles, sources, block, 1) };
        let (step_b, step_c) = if transposed { (by_tile, by_source) } else { (by_source, by_tile) };
        let step_a = apart(tiles * block);
        assert!(sources <= block && targets <= width);
        let points = plan.points();
        assert!(a.len() >= points * step_a && b.len() >= points * step_b && sums.len() >= points * step_c);
        for point in 0..points {
            let a = Operand { at: a.as_ptr().wrapping_add(point * step_a), row: row as isize, col: col as isize };
            let b = Operand { at: b.as_ptr().wrapping_add(point * step_b), row: width as isize, col: 1 };
            let c = sums.as_mut_ptr().wrapping_add(point * step_c);
            let vectors = targets.div_ceil(T::Vector::<S>::LANES);
            // SAFETY: all three are that large.
            unsafe { multiply::<S, T>((rows, depth, vectors), a, b, (c, width), add) };
        }
    }
}

/// Brings sums at all points back to the tiles of the target.
struct FromPoints<'a, T, const N: usize> {
    plan: &'a Plan<'a>,
    group: usize,
    bands: Range<usize>,
    channels: Range<usize>,
    sums: &'a [T],
    laid: &'a mut [T],
    bias: Option<&'a [T]>,
    to: &'a Shared<T>,
}

impl<T: Scalar, const N: usize> Kernel for FromPoints<'_, T, N>
where
    TargetFromPoints: Matrix<N, 4>,
{
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let FromPoints { plan, group, bands, channels, sums, laid, bias, to } = self;
        let (width, count, lanes) = (plan.width, channels.len(), T::Vector::<S>::LANES);
        let step = apart(plan.tiles(&bands) * width);
        let plus = bias.map_or(Plus::Nothing, |b| Plus::Rows(&b[group * plan.pass.targets + channels.start..][..count]));
        assert!(sums.len() >= N * N * step && width <= EDGE);
        let mut beyond = [T::ZERO; EDGE];
        let mut done = 0;
        while done < bands.len() {
            let (portion, beyond) = (plan.portion(&bands, done), beyond.as_mut_ptr());
            let part = plan.part(Side::Target, portion, (group, channels.start), to.at(0), &mut *laid, beyond);
            done += part.portion.rows.len();
            let mut from = sums[part.portion.tile * width..].as_ptr();
            for i in part.portion.rows.clone() {
                for j in 0..plan.tiling.tiles[1] {
                    let to = part.grid(i, j);
                    let mut v = 0;
                    while v < count {
                        // SAFETY: points and places have whole vectors of channels.
                        unsafe { from_points::<S, T, N, 4>(TargetFromPoints, from.wrapping_add(v), step, &to, v) };
                        v += lanes;
                    }
                    from = from.wrapping_add(width);
                }
            }
            let to = (part.image.0.cast_mut(), part.image.1);
            // SAFETY: the channels of this image have so many rows, which this task alone writes.
            unsafe { transpose::<S, T, false>((part.positions, count), (part.at, width), to, plus) };
        }
    }
}
