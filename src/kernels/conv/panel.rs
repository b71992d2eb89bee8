//! Convolution along vectors of target channels: for small images, many channels, and any stride.
//!
//! A tile is a few places, which may lie in different rows and images, times some vectors of channels. A product is a number of the
//! padded source, at a distance that is the same for all places, times a vector of weights. A task packs the weights of its panel
//! of channels, block by block, sums into memory of its own as `[place][channel]`, and turns that into the target's order.

use super::pass::Pass;
use super::tile::{Shared, Tile, machine, panels, transpose};
use crate::kernels::simd::{Kernel, Simd, Vector, dispatch};
use crate::kernels::{parallel, scratch};
use crate::scalar::Scalar;

/// Products of a block: with 64 channels, 32 KiB of packed weights.
const DEPTH: usize = 128;
/// Places that a task has at most.
const PLACES: usize = 1024;
/// Tasks that there are at least, so that threads get equal shares, if each has so many places: it packs weights for them.
const TASKS: usize = 8;
const WORTH: usize = 64;

/// Vectors of a panel: see [`Task::run`].
fn most(wide: bool) -> usize {
    if wide { 4 } else { 2 }
}

/// Runs passes over one source.
pub(super) fn run<T: Scalar>(passes: &[Pass], x: &[T], w: &[T], bias: Option<&[T]>, y: &mut [T]) {
    let (lanes, wide) = machine::<T>();
    let first = &passes[0];
    let (panels, vectors) = panels(first.targets, lanes, most(wide));
    let (from, padded) = (first.sources * first.source(), first.padded());
    let images = first.batch;
    // Shares of the batch, as equal as possible. The first phase has the most places.
    let places = images * first.places();
    let shares = TASKS.div_ceil(panels * first.groups).min(places / WORTH).max(places.div_ceil(PLACES)).min(images);
    let large = passes.iter().any(Pass::is_large);
    scratch::with(images * first.groups * padded, |room: &mut [T]| {
        parallel::parts(room, if large { padded } else { room.len() }, &|start, room| {
            for (i, to) in room.chunks_exact_mut(padded).enumerate() {
                first.pad(&x[(start / padded + i) * from..][..from], to);
            }
        });
        let (room, to) = (&*room, Shared(y.as_mut_ptr()));
        parallel::tasks(shares * first.groups * panels, large, &|t| {
            let (share, group, panel) = (t / (first.groups * panels), t / panels % first.groups, t % panels);
            let (begin, end) = (share * images / shares, (share + 1) * images / shares);
            for pass in passes {
                let places = (end - begin) * pass.places();
                let depth = pass.depth();
                scratch::tables(2 * depth + places, |tables| {
                    let (offsets, tables) = tables.split_at_mut(depth);
                    let (weights, starts) = tables.split_at_mut(depth);
                    pass.offsets(offsets);
                    pass.weights(weights);
                    for (i, starts) in starts.chunks_exact_mut(pass.places()).enumerate() {
                        pass.starts(starts);
                        let image = ((begin + i) * pass.groups + group) * padded;
                        starts.iter_mut().for_each(|s| *s += image as u32);
                    }
                    let width = vectors * lanes;
                    scratch::with(DEPTH * width + places * width, |sums: &mut [T]| {
                        let (packed, sums) = sums.split_at_mut(DEPTH * width);
                        let channels = (panel * width, width.min(pass.targets - panel * width));
                        let task = Task { pass, offsets, weights, starts, padded: room, w, bias, group, channels, vectors };
                        dispatch(Run { task, packed, sums, to: &to, begin });
                    });
                });
            }
        });
    });
}

struct Task<'a, T> {
    pass: &'a Pass,
    offsets: &'a [u32],
    weights: &'a [u32],
    starts: &'a [u32],
    padded: &'a [T],
    w: &'a [T],
    bias: Option<&'a [T]>,
    group: usize,
    /// The first target channel and how many.
    channels: (usize, usize),
    vectors: usize,
}

struct Run<'a, T> {
    task: Task<'a, T>,
    packed: &'a mut [T],
    sums: &'a mut [T],
    to: &'a Shared<T>,
    /// The first image.
    begin: usize,
}

impl<T: Scalar> Kernel for Run<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Run { task, packed, sums, to, begin } = self;
        let width = task.vectors * T::Vector::<S>::LANES;
        for first in (0..task.offsets.len()).step_by(DEPTH) {
            let block = first..(first + DEPTH).min(task.offsets.len());
            task.pack(width, block.clone(), packed);
            let (table, add) = (&task.offsets[block], first > 0);
            if S::REGISTERS >= 32 {
                match task.vectors {
                    4 => task.tiles::<S, 6, 4>(table, packed, sums, add),
                    3 => task.tiles::<S, 8, 3>(table, packed, sums, add),
                    2 => task.tiles::<S, 8, 2>(table, packed, sums, add),
                    _ => task.tiles::<S, 8, 1>(table, packed, sums, add),
                }
            } else {
                match task.vectors {
                    2 => task.tiles::<S, 4, 2>(table, packed, sums, add),
                    _ => task.tiles::<S, 4, 1>(table, packed, sums, add),
                }
            }
        }
        if task.offsets.is_empty() {
            sums.fill(T::ZERO);
        }
        task.put::<S>(width, sums, to, begin);
    }
}

impl<T: Scalar> Task<'_, T> {
    /// Weights of a block of products as `[product][channel]`, zero beyond the last channel.
    #[inline(always)]
    fn pack(&self, width: usize, block: std::ops::Range<usize>, to: &mut [T]) {
        let (w_target, w_group) = self.pass.w_strides();
        let weights = &self.weights[block];
        for j in 0..width {
            let to = to[j..].iter_mut().step_by(width);
            if j < self.channels.1 {
                let w = &self.w[self.group * w_group + (self.channels.0 + j) * w_target..];
                to.zip(weights).for_each(|(to, &at)| *to = w[at as usize]);
            } else {
                to.take(weights.len()).for_each(|to| *to = T::ZERO);
            }
        }
    }

    #[inline(always)]
    fn tiles<S: Simd, const ROWS: usize, const VECTORS: usize>(&self, table: &[u32], packed: &[T], sums: &mut [T], add: bool) {
        let width = VECTORS * T::Vector::<S>::LANES;
        for (i, starts) in self.starts.chunks(ROWS).enumerate() {
            // The last tile repeats its last place.
            let start = |r: usize| starts[r.min(starts.len() - 1)] as usize;
            let rows: [_; ROWS] = std::array::from_fn(|r| self.padded.as_ptr().wrapping_add(start(r)));
            let to = sums.as_mut_ptr().wrapping_add(i * ROWS * width);
            let tile = Tile { table, step: width, rows, vectors: packed.as_ptr(), to, to_step: width, valid: starts.len(), add };
            // SAFETY: each place reaches all its products within the padded images; a block of weights has whole rows, and
            // the sums have one for each place.
            unsafe { tile.run::<S, VECTORS, true>() };
        }
    }

    /// The sums, in the target's order.
    #[inline(always)]
    fn put<S: Simd>(&self, width: usize, sums: &[T], to: &Shared<T>, begin: usize) {
        let (pass, (first, channels)) = (self.pass, self.channels);
        let (places, target) = (pass.places(), pass.target());
        let bias = self.bias.map(|b| b[self.group * pass.targets + first..][..channels].as_ptr());
        for (i, sums) in sums.chunks_exact(places * width).enumerate() {
            let y = to.at((((begin + i) * pass.groups + self.group) * pass.targets + first) * target);
            if pass.is_whole() {
                // SAFETY: sums and target have so many places and channels; this task alone writes these channels of these images.
                unsafe { transpose::<S, T, false>((places, channels), (sums.as_ptr(), width), (y, target), bias) };
                continue;
            }
            for j in 0..channels {
                // SAFETY: as above.
                let shift = bias.map_or(T::ZERO, |b| unsafe { *b.wrapping_add(j) });
                pass.rows(|place, _, element, n, skip| {
                    for l in 0..n {
                        // SAFETY: as above.
                        unsafe { *y.wrapping_add(j * target + element + l * skip) = sums[(place + l) * width + j] + shift };
                    }
                });
            }
        }
    }
}
