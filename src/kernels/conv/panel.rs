//! How is a convolution computed along vectors of target channels? For small images, many channels, and any stride.
//!
//! A tile is a few places, which may be in different rows and images, times some vectors of channels. A product is a number of the
//! padded source, at a distance that is the same for all places, times a vector of weights. A task packs the weights of its panel
//! of channels, block by block, sums into memory of its own as `[place][channel]`, and transposes the sums into the target.

use super::pass::Pass;
use super::tile::{Plus, Shared, Tile, Tiles, clear_beyond, machine, most_vectors, panels, rows, tiles_of, transpose};
use crate::array::scalar::Scalar;
use crate::array::simd::{Kernel, Simd, Vector, dispatch};
use crate::kernels::{parallel, scratch};
use std::ops::Range;

/// The products of a block: with 64 channels in f32, 32 KiB of packed weights.
const DEPTH: usize = 128;
/// The largest number of places of a task.
const PLACES: usize = 1024;
/// The least number of tasks, so that threads get equal shares, if each has `WORTH` places, for which it packs weights.
const TASKS: usize = 8;
const WORTH: usize = 64;

/// Runs passes over one source.
pub(super) fn run<T: Scalar>(passes: &[Pass], x: &[T], w: &[T], bias: Option<&[T]>, y: &mut [T]) {
    let (lanes, wide) = machine::<T>();
    let (first, to) = (&passes[0], Shared(y.as_mut_ptr()));
    let (panels, vectors) = panels(first.targets, lanes, most_vectors(wide));
    let (width, padded, images) = (vectors * lanes, first.padded(), first.batch);
    // The batch is divided into shares of some images, or of a part of one. (The first phase has the most places.)
    let places = images * first.places();
    let shares = TASKS.div_ceil(panels * first.groups).min(places / WORTH).max(places.div_ceil(PLACES));
    let (shares, parts) = if shares > images { (images, shares.div_ceil(images)) } else { (shares, 1) };
    scratch::with(images * first.groups * padded, |room: &mut [T]| {
        first.pad_all(x, room);
        let room = &*room;
        parallel::tasks(shares * parts * first.groups * panels, passes.iter().any(Pass::is_large), &|t| {
            let (t, panel) = (t / panels, t % panels);
            let (t, group) = (t / first.groups, t % first.groups);
            let (share, part) = (t / parts, t % parts);
            let batch = share * images / shares..(share + 1) * images / shares;
            let channels = (panel * width, width.min(first.targets - panel * width));
            for pass in passes {
                let (all, depth) = (pass.places(), pass.depth());
                let range = part * all / parts..(part + 1) * all / parts;
                let places = batch.len() * range.len();
                scratch::tables(2 * depth + places + all, |tables| {
                    let (offsets, tables) = tables.split_at_mut(depth);
                    let (weights, tables) = tables.split_at_mut(depth);
                    let (starts, image) = tables.split_at_mut(places);
                    pass.offsets(offsets);
                    pass.weights(weights);
                    pass.starts(image);
                    for (starts, n) in starts.chunks_exact_mut(range.len().max(1)).zip(batch.clone()) {
                        let first = ((n * pass.groups + group) * padded) as u32;
                        starts.iter_mut().zip(&image[range.clone()]).for_each(|(to, from)| *to = first + from);
                    }
                    scratch::with(DEPTH * width + places * width, |sums: &mut [T]| {
                        let (packed, sums) = sums.split_at_mut(DEPTH * width);
                        let (batch, range) = (batch.clone(), range.clone());
                        let task = Task { pass, offsets, weights, starts, padded: room, w, bias, group, channels, vectors, batch, range };
                        dispatch(Run { task, packed, sums, to: &to });
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
    /// The images, and the places of each.
    batch: Range<usize>,
    range: Range<usize>,
}

struct Run<'a, T> {
    task: Task<'a, T>,
    packed: &'a mut [T],
    sums: &'a mut [T],
    to: &'a Shared<T>,
}

impl<T: Scalar> Kernel for Run<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Run { task, packed, sums, to } = self;
        let width = task.vectors * T::Vector::<S>::LANES;
        for first in (0..task.offsets.len()).step_by(DEPTH) {
            let block = first..(first + DEPTH).min(task.offsets.len());
            task.pack::<S>(width, block.clone(), packed);
            let (table, add) = (&task.offsets[block], first > 0);
            tiles_of::<S>(task.vectors, Block { task: &task, table, packed: &*packed, sums: &mut *sums, add });
        }
        if task.offsets.is_empty() {
            sums.fill(T::ZERO);
        }
        task.put::<S>(width, sums, to);
    }
}

impl<T: Scalar> Task<'_, T> {
    /// Weights of a block of products as `[product][channel]`, zero beyond the last channel.
    #[inline(always)]
    fn pack<S: Simd>(&self, width: usize, block: Range<usize>, to: &mut [T]) {
        let (w_target, w_group) = self.pass.w_strides();
        let (weights, channels) = (&self.weights[block], self.channels.1);
        let w = &self.w[self.group * w_group + self.channels.0 * w_target..];
        let to = &mut to[..weights.len() * width];
        let whole = if weights.windows(2).all(|pair| pair[1] == pair[0] + 1) {
            // The weights of a target channel lie together.
            let from = w[weights[0] as usize..].as_ptr();
            assert!((weights[0] as usize + weights.len() - 1) + (channels - 1) * w_target < w.len());
            // SAFETY: the weights are there, and `to` has a row of whole vectors for each.
            unsafe { transpose::<S, T, true>((channels, weights.len()), (from, w_target), (to.as_mut_ptr(), width), Plus::Nothing) };
            channels.next_multiple_of(T::Vector::<S>::LANES)
        } else {
            // Those of neighbouring target channels are near each other.
            for (to, &at) in to.chunks_exact_mut(width).zip(weights) {
                copy_steps(&w[at as usize..], w_target, &mut to[..channels]);
            }
            channels
        };
        if whole < width {
            clear_beyond(to, width, whole);
        }
    }

    /// Writes the sums to the target.
    #[inline(always)]
    fn put<S: Simd>(&self, width: usize, sums: &[T], to: &Shared<T>) {
        let (pass, (first, channels)) = (self.pass, self.channels);
        let (places, target) = (self.range.len(), pass.target());
        let bias = self.bias.map(|b| &b[self.group * pass.targets + first..][..channels]);
        for (sums, n) in sums.chunks_exact((places * width).max(1)).zip(self.batch.clone()) {
            // This task alone writes these places of these channels of this image.
            let y = to.at(((n * pass.groups + self.group) * pass.targets + first) * target);
            if pass.is_whole() {
                let plus = bias.map_or(Plus::Nothing, Plus::Rows);
                let to = (y.wrapping_add(self.range.start), target);
                // SAFETY: sums and target have so many places and channels.
                unsafe { transpose::<S, T, false>((places, channels), (sums.as_ptr(), width), to, plus) };
                continue;
            }
            for j in 0..channels {
                let to = Shared(y.wrapping_add(j * target));
                self.put_apart(&sums[j..], width, bias.map_or(T::ZERO, |b| b[j]), &to);
            }
        }
    }

    /// Writes the sums of a channel, which are `step` apart, plus a number, to places of the target that are not neighbours.
    fn put_apart(&self, sums: &[T], step: usize, plus: T, to: &Shared<T>) {
        self.pass.rows(|row| {
            let first = row.place;
            let row = row.within(first, &self.range);
            for l in 0..row.len {
                let sum = sums[(row.place - self.range.start + l) * step];
                // SAFETY: this task alone writes these places of this channel.
                unsafe { *to.at(row.element + l * row.skip) = sum + plus };
            }
        });
    }
}

/// A block of products of a task.
struct Block<'a, 'task, T> {
    task: &'a Task<'task, T>,
    table: &'a [u32],
    packed: &'a [T],
    sums: &'a mut [T],
    add: bool,
}

impl<T: Scalar> Tiles for Block<'_, '_, T> {
    #[inline(always)]
    fn tiles<S: Simd, const ROWS: usize, const VECTORS: usize>(self) {
        let Block { task, table, packed, sums, add } = self;
        let width = VECTORS * T::Vector::<S>::LANES;
        for (i, starts) in task.starts.chunks(ROWS).enumerate() {
            let rows = rows::<T, ROWS>(task.padded.as_ptr(), starts);
            let to = sums.as_mut_ptr().wrapping_add(i * ROWS * width);
            let tile = Tile { table, step: width, rows, vectors: packed.as_ptr(), to, to_step: width, valid: starts.len(), add };
            // SAFETY: each place reaches all its products within the padded images; a block of weights has whole rows, and
            // the sums have one for each place.
            unsafe { tile.run::<S, VECTORS, true>() };
        }
    }
}

/// Copies elements that are `step` apart.
#[inline(always)]
fn copy_steps<T: Copy>(from: &[T], step: usize, to: &mut [T]) {
    for (to, from) in to.iter_mut().zip(from.iter().step_by(step)) {
        *to = *from;
    }
}
