//! How is the gradient by the weights computed by Winograd's algorithm? By the transpose of the convolution, which sums over tiles.

use super::transform::{Grid, Matrix, SourceToPoints, TargetToPoints, WeightFromPoints, from_points};
use super::{Plan, Products, SPREAD, Side, TASKS, ToPoints, apart};
use crate::array::scalar::Scalar;
use crate::array::simd::{Kernel, MAX_LANES, Simd, Vector, dispatch};
use crate::kernels::conv::pass::Pass;
use crate::kernels::conv::tile::{Plus, Shared, Transpose, add_shares};
use crate::kernels::{parallel, scratch};
use std::ops::Range;

/// The tiles that a task sums over at a time.
const TILES: usize = 32;

/// The gradient by the weights.
pub(in crate::kernels::conv) fn weight_grad<T: Scalar>(pass: &Pass, x: &[T], y: &[T], w: &mut [T]) {
    let plan = &Plan::new::<T>(pass);
    match plan.tiling.taps {
        3 => weight_grad_by::<T, 3, 6>(plan, x, y, w),
        _ => weight_grad_by::<T, 4, 7>(plan, x, y, w),
    }
}

/// With pieces of `TAPS` x `TAPS` taps, and `N` x `N` points.
fn weight_grad_by<T: Scalar, const TAPS: usize, const N: usize>(plan: &Plan<'_>, x: &[T], y: &[T], w: &mut [T])
where
    SourceToPoints: Matrix<N, N>,
    TargetToPoints: Matrix<4, N>,
    WeightFromPoints: Matrix<N, TAPS>,
{
    let (pass, panels, blocks, bands) = (plan.pass, plan.panels, plan.blocks(), plan.bands());
    // Where there are few weights, tasks share the tiles as well, and their sums are added up in order.
    let shares = TASKS.div_ceil(panels * blocks * pass.groups).min(bands.div_ceil(plan.bands_of(TILES)));
    let some = plan.bands_of(TILES).min(bands.div_ceil(shares));
    let tiles = some * plan.tiling.tiles[1];
    let sizes = [
        plan.positions(some) * plan.block.max(plan.width),
        plan.points() * apart(tiles * plan.block),
        plan.points() * apart(tiles * plan.width),
        plan.weights_len(),
    ];
    let size = plan.taps() * plan.block * plan.width;
    let of = |t: usize| (t / shares / panels % blocks, t / shares % panels, t / shares / panels / blocks);
    scratch::with(pass.groups * blocks * panels * shares * size, |all: &mut [T]| {
        parallel::pieces(all, size, if pass.is_large() { size } else { all.len() }, &|t, taps| {
            let ((block, panel, group), share) = (of(t), t % shares);
            let (sources, targets) = (plan.sources(block), plan.targets(panel));
            let (begin, end) = (share * bands / shares, (share + 1) * bands / shares);
            scratch::with(sizes.iter().sum(), |room: &mut [T]| {
                let (laid, room) = room.split_at_mut(sizes[0]);
                let (seen, room) = room.split_at_mut(sizes[1]);
                let (back, sums) = room.split_at_mut(sizes[2]);
                for piece in 0..plan.pieces() {
                    for at in (begin..end).step_by(some) {
                        let bands = at..end.min(at + some);
                        let tiles = plan.tiles(&bands);
                        let (side, matrix, to) = (Side::Source(piece), SourceToPoints, &mut *seen);
                        let (all, channels, laid) = (bands.clone(), sources.clone(), &mut *laid);
                        dispatch(ToPoints::<T, _, N, N> { plan, side, matrix, x, group, bands: all, channels, laid, to });
                        let (side, matrix, to) = (Side::Target, TargetToPoints, &mut *back);
                        let (x, channels, laid) = (y, targets.clone(), &mut *laid);
                        dispatch(ToPoints::<T, _, 4, N> { plan, side, matrix, x, group, bands, channels, laid, to });
                        let (sources, targets) = (sources.len(), targets.len());
                        let (sums, add) = (&mut *sums, at > begin);
                        dispatch(Products { plan, transposed: true, tiles, sources, targets, a: seen, b: back, sums, add });
                    }
                    let (sources, targets) = (sources.clone(), targets.clone());
                    dispatch(WeightsBack::<T, TAPS, N> { plan, piece, sources, targets, sums, taps: &mut *taps });
                }
            });
        });
        let to = &Shared(w.as_mut_ptr());
        let ((w_source, w_target), w_group) = (pass.w_steps(), pass.w_strides().1);
        parallel::pieces(all, shares * size, if all.len() >= SPREAD { shares * size } else { all.len() }, &|i, all| {
            let (block, panel, group) = of(i * shares);
            let (sources, targets) = (plan.sources(block), plan.targets(panel));
            let from = (&*add_shares(all, size), plan.width);
            // No other task writes the weights of this block, panel and group.
            let to = to.at(group * w_group + sources.start * w_source + targets.start * w_target);
            let (rows, cols, plus) = (plan.taps() * sources.len(), targets.len(), Plus::Nothing);
            dispatch(Transpose { from, to, rows, cols, step: w_target, plus });
        });
    });
}

/// Brings sums at all points back to the taps of a piece, as `[source channel][tap][target channel]`.
struct WeightsBack<'a, T, const TAPS: usize, const N: usize> {
    plan: &'a Plan<'a>,
    piece: usize,
    sources: Range<usize>,
    targets: Range<usize>,
    sums: &'a [T],
    taps: &'a mut [T],
}

impl<T: Scalar, const TAPS: usize, const N: usize> Kernel for WeightsBack<'_, T, TAPS, N>
where
    WeightFromPoints: Matrix<N, TAPS>,
{
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let WeightsBack { plan, piece, sources, targets, sums, taps } = self;
        let (width, lanes) = (plan.width, T::Vector::<S>::LANES);
        let step = apart(plan.block * width);
        assert!(sums.len() >= N * N * step && taps.len() >= plan.taps() * sources.len() * width);
        let ([high, wide], [row, column]) = (plan.tiling.kernel, plan.tap(piece));
        let mut beyond = [T::ZERO; MAX_LANES];
        for c in 0..sources.len() {
            let mut v = 0;
            while v < targets.len() {
                let mut to: Grid<T, TAPS> = [[beyond.as_mut_ptr().cast_const(); TAPS]; TAPS];
                for (i, to) in to.iter_mut().enumerate() {
                    for (j, to) in to.iter_mut().enumerate() {
                        let (i, j) = (row + i, column + j);
                        if i < high && j < wide {
                            *to = taps.as_mut_ptr().wrapping_add(((c * high + i) * wide + j) * width + v);
                        }
                    }
                }
                // SAFETY: points, taps and `beyond` have whole vectors of channels.
                unsafe { from_points::<S, T, N, TAPS>(WeightFromPoints, sums.as_ptr().wrapping_add(c * width + v), step, &to, 0) };
                v += lanes;
            }
        }
    }
}
