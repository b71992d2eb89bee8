//! The gradient by the weights, by Winograd's algorithm: the transpose of the convolution, which sums over tiles.

use super::transform::{target_tile_back, weight_tile_back};
use super::{EDGE, POINTS, Plan, SPREAD, Source, TASKS, apart, grid};
use crate::array::scalar::Scalar;
use crate::array::simd::{Kernel, Simd, Vector, dispatch};
use crate::kernels::conv::pass::Pass;
use crate::kernels::conv::tile::{Plus, Shared, transpose};
use crate::kernels::gemm::{Operand, multiply};
use crate::kernels::{parallel, scratch};
use std::ops::Range;

/// Tiles that a task sums over at a time.
const TILES: usize = 32;

/// The gradient by the weights.
pub(in crate::kernels::conv) fn weight_grad<T: Scalar>(pass: &Pass, x: &[T], y: &[T], w: &mut [T]) {
    let plan = &Plan::new::<T>(pass);
    let (panels, blocks, bands) = (plan.panels, plan.blocks(), plan.bands());
    // Where there are few weights, tasks share the tiles as well, and their sums are added up in order.
    let shares = TASKS.div_ceil(panels * blocks * pass.groups).min(bands.div_ceil(plan.bands_of(TILES)));
    let some = plan.bands_of(TILES).min(bands.div_ceil(shares));
    let tiles = some * plan.tiling.tiles[1];
    let sizes = [
        plan.positions(some) * plan.block.max(plan.width),
        POINTS * apart(tiles * plan.block),
        POINTS * apart(tiles * plan.width),
        plan.weights_len(),
    ];
    let size = 9 * plan.block * plan.width;
    let of = |t: usize| (t / shares / panels % blocks, t / shares % panels, t / shares / panels / blocks);
    scratch::with(pass.groups * blocks * panels * shares * size, |all: &mut [T]| {
        parallel::parts(all, if pass.is_large() { size } else { all.len() }, &|first, all| {
            for (i, taps) in all.chunks_exact_mut(size).enumerate() {
                let t = first / size + i;
                let ((block, panel, group), share) = (of(t), t % shares);
                let end = (share + 1) * bands / shares;
                scratch::with(sizes.iter().sum(), |room: &mut [T]| {
                    let (laid, room) = room.split_at_mut(sizes[0]);
                    let (seen, room) = room.split_at_mut(sizes[1]);
                    let (back, sums) = room.split_at_mut(sizes[2]);
                    let (sources, targets) = (plan.sources(block), plan.targets(panel));
                    let begin = share * bands / shares;
                    for at in (begin..end).step_by(some) {
                        let bands = at..end.min(at + some);
                        let (sources, targets) = (sources.clone(), targets.clone());
                        dispatch(Source {
                            plan,
                            x,
                            group,
                            bands: bands.clone(),
                            channels: sources.clone(),
                            laid: &mut *laid,
                            to: &mut *seen,
                        });
                        dispatch(TargetBack {
                            plan,
                            y,
                            group,
                            bands: bands.clone(),
                            channels: targets.clone(),
                            laid: &mut *laid,
                            to: &mut *back,
                        });
                        let tiles = bands.len() * plan.tiling.tiles[1];
                        dispatch(ProductsBack { plan, tiles, sources, targets, seen, back, sums: &mut *sums, add: at > begin });
                    }
                    dispatch(WeightsBack { plan, sources, targets, sums, taps });
                });
            }
        });
        let to = &Shared(w.as_mut_ptr());
        let ((w_source, w_target), w_group) = (pass.w_steps(), pass.w_strides().1);
        parallel::parts(all, if all.len() >= SPREAD { shares * size } else { all.len() }, &|first, all| {
            for (i, taps) in all.chunks_exact_mut(shares * size).enumerate() {
                let (block, panel, group) = of(first / size + i * shares);
                let (taps, rest) = taps.split_at_mut(size);
                for more in rest.chunks_exact(size) {
                    taps.iter_mut().zip(more).for_each(|(a, b)| *a += *b);
                }
                let (sources, targets) = (plan.sources(block), plan.targets(panel));
                let to = to.at(group * w_group + sources.start * w_source + targets.start * w_target);
                dispatch(Turn { taps, rows: 9 * sources.len(), channels: targets.len(), width: plan.width, to, step: w_target });
            }
        });
    });
}

/// Takes the target's gradient in some tiles to all points, as `[point][tile][channel]`.
struct TargetBack<'a, T> {
    plan: &'a Plan<'a>,
    y: &'a [T],
    group: usize,
    bands: Range<usize>,
    channels: Range<usize>,
    laid: &'a mut [T],
    to: &'a mut [T],
}

impl<T: Scalar> Kernel for TargetBack<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let TargetBack { plan, y, group, bands, channels, laid, to } = self;
        let (tiling, width, lanes) = (&plan.tiling, plan.width, T::Vector::<S>::LANES);
        let tiles = bands.len() * tiling.tiles[1];
        let (step, size) = (apart(tiles * width), plan.pass.target());
        let zeros = [T::ZERO; EDGE];
        assert!(to.len() >= POINTS * step && width <= EDGE);
        let mut done = 0;
        while done < bands.len() {
            let portion = plan.portion(&bands, done);
            done += portion.rows.len();
            let rows = tiling.target_rows(&portion.rows);
            let columns = tiling.target[1];
            let positions = rows.len() * columns;
            assert!(laid.len() >= positions * width);
            let y = &y[plan.target_of(portion.image, group, channels.start)..][..channels.len() * size];
            let from = y.as_ptr().wrapping_add(rows.start * columns);
            // SAFETY: the channels have so many rows, and `laid` has room.
            unsafe { transpose::<S, T, true>((channels.len(), positions), (from, size), (laid.as_mut_ptr(), width), Plus::Nothing) };
            let laid = laid.as_ptr();
            for i in portion.rows.clone() {
                for j in 0..tiling.tiles[1] {
                    let place = |a: usize, b: usize| {
                        let (row, column) = (4 * i + a, 4 * j + b);
                        let inside = row < rows.end && column < columns;
                        if inside { laid.wrapping_add(((row - rows.start) * columns + column) * width) } else { zeros.as_ptr() }
                    };
                    let from = grid(place);
                    let tile = portion.tile + (i - portion.rows.start) * tiling.tiles[1] + j;
                    for v in (0..channels.len()).step_by(lanes) {
                        // SAFETY: places, zeros and points have whole vectors of channels.
                        unsafe { target_tile_back::<S, T>(&from, v, to.as_mut_ptr().wrapping_add(tile * width + v), step) };
                    }
                }
            }
        }
    }
}

/// At each point, `[source channel][tile]` times `[tile][target channel]`.
struct ProductsBack<'a, T> {
    plan: &'a Plan<'a>,
    tiles: usize,
    sources: Range<usize>,
    targets: Range<usize>,
    seen: &'a [T],
    back: &'a [T],
    sums: &'a mut [T],
    add: bool,
}

impl<T: Scalar> Kernel for ProductsBack<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let ProductsBack { plan, tiles, sources, targets, seen, back, sums, add } = self;
        let (block, width) = (plan.block, plan.width);
        let steps = [tiles * block, tiles * width, block * width].map(apart);
        assert!(sources.len() <= block && targets.len() <= width);
        assert!(seen.len() >= POINTS * steps[0] && back.len() >= POINTS * steps[1] && sums.len() >= POINTS * steps[2]);
        for point in 0..POINTS {
            let a = Operand { at: seen.as_ptr().wrapping_add(point * steps[0]), row: 1, col: block as isize };
            let b = Operand { at: back.as_ptr().wrapping_add(point * steps[1]), row: width as isize, col: 1 };
            let c = sums.as_mut_ptr().wrapping_add(point * steps[2]);
            let vectors = targets.len().div_ceil(T::Vector::<S>::LANES);
            // SAFETY: all three are that large.
            unsafe { multiply::<S, T>((sources.len(), tiles, vectors), a, b, (c, width), add) };
        }
    }
}

/// Brings sums at all points back to taps, as `[source channel][tap][target channel]`.
struct WeightsBack<'a, T> {
    plan: &'a Plan<'a>,
    sources: Range<usize>,
    targets: Range<usize>,
    sums: &'a [T],
    taps: &'a mut [T],
}

impl<T: Scalar> Kernel for WeightsBack<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let WeightsBack { plan, sources, targets, sums, taps } = self;
        let (width, lanes) = (plan.width, T::Vector::<S>::LANES);
        let step = apart(plan.block * width);
        assert!(sums.len() >= POINTS * step && taps.len() >= 9 * sources.len() * width);
        for c in 0..sources.len() {
            for v in (0..targets.len()).step_by(lanes) {
                let (from, to) = (sums.as_ptr().wrapping_add(c * width + v), taps.as_mut_ptr().wrapping_add(9 * c * width + v));
                // SAFETY: points and taps have whole vectors of channels.
                unsafe { weight_tile_back::<S, T>(from, step, to, width) };
            }
        }
    }
}

/// Writes taps into the weights of each target channel: those of its block, panel and group, which no other task writes.
struct Turn<'a, T> {
    taps: &'a [T],
    rows: usize,
    channels: usize,
    width: usize,
    to: *mut T,
    step: usize,
}

impl<T: Scalar> Kernel for Turn<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Turn { taps, rows, channels, width, to, step } = self;
        assert!(taps.len() >= rows * width && channels <= width);
        // SAFETY: the taps are there, and `to` is the first of the weights that are theirs alone.
        unsafe { transpose::<S, T, false>((rows, channels), (taps.as_ptr(), width), (to, step), Plus::Nothing) };
    }
}
