//! How is the gradient by the weights computed along vectors of output channels?
//!
//! y is transposed to `[position][channel]`. A tile is a few weights, each a channel of x and a tap, times some vectors of output channels, and
//! sums over positions: a number of the padded x, at a distance that depends on the position alone, times a vector of y. Any stride, and
//! few lanes are unused.
//!
//! Where there are few weights, tasks share the batch, each with weights of its own, which are added up in order; where there are many, tasks share
//! the weights, and each sees the whole batch.

use super::pass::Pass;
use super::tile::{
    Plus, Shared, Tile, Tiles, Transpose, add_shares, clear_beyond, machine, most_vectors, panels, rows, tiles_of, transpose,
};
use crate::array::scalar::Scalar;
use crate::array::simd::{Element, Kernel, Simd, Vector, dispatch};
use crate::kernels::{parallel, scratch};

/// The positions of a block: with 64 channels in f32, 32 KiB of y.
const DEPTH: usize = 128;
/// The largest size of the weights, in bytes, for which tasks share the batch; and the number of shares, each of at least a block.
const FEW: usize = 192 * 1024;
const SHARES: usize = 8;
/// The positions that such a task transposes at a time.
const POSITIONS: usize = 1024;
/// Where tasks share the weights: the weights of each output channel in a task, and the positions that are transposed for all tasks at a time.
const CHUNK: usize = 96;
const STAGE: usize = 32 * 1024;

/// Sizes that all tasks share.
struct Plan<'a, T> {
    pass: &'a Pass,
    x: &'a [T],
    y: &'a [T],
    /// The distance of each weight's input from a position, and the place of each position of an image, both in the padded x.
    offsets: &'a [u32],
    starts: &'a [u32],
    /// Output channels, in whole vectors.
    width: usize,
    vectors: usize,
}

/// Whether tasks should share the batch, not the weights.
pub(super) fn are_few<T: Element>(pass: &Pass) -> bool {
    pass.batch >= SHARES / 2 && pass.depth() * pass.targets.next_multiple_of(machine::<T>().0) * size_of::<T>() <= FEW
}

pub(super) fn run<T: Scalar>(pass: &Pass, x: &[T], y: &[T], w: &mut [T], few: bool) {
    let (lanes, wide) = machine::<T>();
    let (panels, vectors) = panels(pass.targets, lanes, most_vectors(wide));
    let width = panels * vectors * lanes;
    let (depth, positions) = (pass.depth(), pass.places());
    scratch::tables(depth + positions, |tables| {
        let (offsets, starts) = tables.split_at_mut(depth);
        pass.offsets(offsets);
        pass.starts(starts);
        let plan = Plan { pass, x, y, offsets, starts, width, vectors };
        if few { plan.share_batch(w) } else { plan.share_weights(w) }
    });
}

impl<T: Scalar> Plan<'_, T> {
    /// The number of elements of an image and group of y, and of its transpose.
    fn y_sizes(&self) -> (usize, usize) {
        (self.pass.targets * self.starts.len(), self.width * self.starts.len())
    }

    fn share_batch(&self, w: &mut [T]) {
        let pass = self.pass;
        let shares = SHARES.min(pass.batch).min((pass.batch * self.starts.len()).div_ceil(DEPTH));
        let size = self.offsets.len() * self.width;
        let some = (POSITIONS / self.starts.len()).max(1);
        // [group][share][weight][channel]
        scratch::with(pass.groups * shares * size, |sums: &mut [T]| {
            parallel::pieces(sums, size, if pass.is_large() { size } else { sums.len() }, &|t, sums| {
                let (group, share) = (t / shares, t % shares);
                let (mut begin, end) = (share * pass.batch / shares, (share + 1) * pass.batch / shares);
                let mut add = false;
                while begin < end {
                    let images = some.min(end - begin);
                    self.lay_out(images, (begin * pass.groups + group, false), &mut |laid| {
                        dispatch(Sum { plan: self, laid, weights: self.offsets, sums: &mut *sums, add });
                    });
                    (begin, add) = (begin + images, true);
                }
            });
            for (group, sums) in sums.chunks_exact_mut(shares * size).enumerate() {
                let from = (&*add_shares(sums, size), self.width);
                let (step, w_group) = pass.w_strides();
                let to = w[group * w_group..][..w_group].as_mut_ptr();
                dispatch(Transpose { from, to, rows: self.offsets.len(), cols: pass.targets, step, plus: Plus::Nothing });
            }
        });
    }

    fn share_weights(&self, w: &mut [T]) {
        let pass = self.pass;
        let chunks = self.offsets.len().div_ceil(CHUNK);
        let to = Shared(w.as_mut_ptr());
        let (w_target, w_group) = pass.w_strides();
        let some = (STAGE / self.starts.len()).clamp(1, pass.batch);
        for group in 0..pass.groups {
            for begin in (0..pass.batch).step_by(some) {
                let images = some.min(pass.batch - begin);
                let plus = if begin > 0 { Plus::Replaced } else { Plus::Nothing };
                self.lay_out(images, (begin * pass.groups + group, pass.is_large()), &mut |laid| {
                    parallel::tasks(chunks, pass.is_large(), &|t| {
                        let (begin, end) = (t * self.offsets.len() / chunks, (t + 1) * self.offsets.len() / chunks);
                        scratch::with((end - begin) * self.width, |sums: &mut [T]| {
                            let weights = &self.offsets[begin..end];
                            dispatch(Sum { plan: self, laid, weights, sums: &mut *sums, add: false });
                            // This task alone writes these weights of each output channel.
                            let to = to.at(group * w_group + begin);
                            let (from, step) = ((&*sums, self.width), w_target);
                            dispatch(Transpose { from, to, rows: end - begin, cols: pass.targets, step, plus });
                        });
                    });
                });
            }
        }
    }

    /// Calls `f` with some images of one group, padded, and their y, transposed. `first` counts images and groups; the work is done by all threads
    /// or by this one.
    fn lay_out(&self, images: usize, (first, all_threads): (usize, bool), f: &mut dyn FnMut(&Laid<'_, T>)) {
        let (pass, (y_size, t_size)) = (self.pass, self.y_sizes());
        let (positions, padded, x_size) = (self.starts.len(), pass.padded(), pass.sources * pass.source());
        scratch::tables(images * positions, |starts| {
            scratch::with(images * (padded + t_size), |room: &mut [T]| {
                let (x, y) = room.split_at_mut(images * padded);
                for (i, starts) in starts.chunks_exact_mut(positions).enumerate() {
                    starts.iter_mut().zip(self.starts).for_each(|(to, from)| *to = from + (i * padded) as u32);
                }
                let step = pass.groups;
                let each = |size: usize| if all_threads { size } else { size * images };
                parallel::pieces(x, padded, each(padded), &|i, x| pass.pad(&self.x[(first + i * step) * x_size..][..x_size], x));
                parallel::pieces(y, t_size, each(t_size), &|i, y| {
                    let from = &self.y[(first + i * step) * y_size..][..y_size];
                    dispatch(LayOut { from, to: y, positions, width: self.width });
                });
                f(&Laid { x, y, starts });
            });
        });
    }
}

/// Some images, padded; their y as `[position][channel]`; and the place of each position in x.
struct Laid<'a, T> {
    x: &'a [T],
    y: &'a [T],
    starts: &'a [u32],
}

struct LayOut<'a, T> {
    from: &'a [T],
    to: &'a mut [T],
    positions: usize,
    width: usize,
}

impl<T: Scalar> Kernel for LayOut<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let LayOut { from, to, positions, width } = self;
        let channels = from.len() / positions;
        // SAFETY: the sizes are those of the slices, and `width` is `channels` in whole vectors.
        unsafe { transpose::<S, T, true>((channels, positions), (from.as_ptr(), positions), (to.as_mut_ptr(), width), Plus::Nothing) };
        let whole = channels.next_multiple_of(T::Vector::<S>::LANES);
        if whole < width {
            clear_beyond(to, width, whole);
        }
    }
}

/// The gradient of some weights, as `[weight][channel]`.
struct Sum<'a, T> {
    plan: &'a Plan<'a, T>,
    laid: &'a Laid<'a, T>,
    weights: &'a [u32],
    sums: &'a mut [T],
    add: bool,
}

impl<T: Scalar> Kernel for Sum<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        tiles_of::<S>(self.plan.vectors, self);
    }
}

impl<T: Scalar> Tiles for Sum<'_, T> {
    #[inline(always)]
    fn tiles<S: Simd, const ROWS: usize, const VECTORS: usize>(self) {
        let Sum { plan, laid, weights, sums, add } = self;
        let width = plan.width;
        let mut panel = 0;
        while panel < width {
            let mut first = 0;
            while first < laid.starts.len() {
                let table = &laid.starts[first..(first + DEPTH).min(laid.starts.len())];
                let vectors = laid.y[first * width + panel..].as_ptr();
                for (i, weights) in weights.chunks(ROWS).enumerate() {
                    let rows = rows::<T, ROWS>(laid.x.as_ptr(), weights);
                    let to = sums[i * ROWS * width + panel..].as_mut_ptr();
                    let add = add || first > 0;
                    let tile = Tile { table, step: width, rows, vectors, to, to_step: width, valid: weights.len(), add };
                    // SAFETY: each position reaches all taps within the padded images, y has a row of `width` channels for each, and so have
                    // the sums for each weight.
                    unsafe { tile.run::<S, VECTORS, true>() };
                }
                first += DEPTH;
            }
            panel += VECTORS * T::Vector::<S>::LANES;
        }
    }
}
