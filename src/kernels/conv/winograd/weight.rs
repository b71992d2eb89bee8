//! The gradient by the weights, by Winograd's algorithm: the transpose of the convolution, which sums over tiles.

use super::transform::{target_tile_back, weight_tile_back};
use super::{EDGE, POINTS, Part, Plan, SPREAD, Source, TASKS, apart};
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
    fn run<S: Simd>(mut self, _: S) {
        let (width, channels, lanes) = (self.plan.width, self.channels.len(), T::Vector::<S>::LANES);
        let step = apart(self.plan.tiles(&self.bands) * width);
        let zeros = [T::ZERO; EDGE];
        assert!(self.to.len() >= POINTS * step && width <= EDGE);
        let mut done = 0;
        while done < self.bands.len() {
            let part = self.part(done, &zeros);
            done += part.portion.rows.len();
            // SAFETY: the channels have so many rows, and there is room where they are laid out.
            unsafe { transpose::<S, T, true>((channels, part.positions), part.image, (part.at, width), Plus::Nothing) };
            let mut to = self.to[part.portion.tile * width..].as_mut_ptr();
            for i in part.portion.rows.clone() {
                for j in 0..self.plan.tiling.tiles[1] {
                    let from = part.grid(i, j);
                    let mut v = 0;
                    while v < channels {
                        // SAFETY: places, zeros and points have whole vectors of channels.
                        unsafe { target_tile_back::<S, T>(&from, v, to.wrapping_add(v), step) };
                        v += lanes;
                    }
                    to = to.wrapping_add(width);
                }
            }
        }
    }
}

impl<T: Scalar> TargetBack<'_, T> {
    /// What is left after `done` bands, as far as it lies in one image.
    #[inline(always)]
    fn part(&mut self, done: usize, beyond: &[T; EDGE]) -> Part<T> {
        let (plan, portion) = (self.plan, self.plan.portion(&self.bands, done));
        let rows = plan.tiling.target_rows(&portion.rows);
        let first = plan.target_of(portion.image, self.group, self.channels.start);
        let image = &self.y[first..][..self.channels.len() * plan.pass.target()];
        let size = [rows.end, plan.tiling.target[1]];
        Part::new(portion, (image.as_ptr(), plan.pass.target()), (rows, size, [0; 2]), (&mut *self.laid, plan.width), beyond.as_ptr())
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
        let steps = [apart(tiles * block), apart(tiles * width), apart(block * width)];
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
            let mut v = 0;
            while v < targets.len() {
                let (from, to) = (sums.as_ptr().wrapping_add(c * width + v), taps.as_mut_ptr().wrapping_add(9 * c * width + v));
                // SAFETY: points and taps have whole vectors of channels.
                unsafe { weight_tile_back::<S, T>(from, step, to, width) };
                v += lanes;
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
