//! How is a convolution of stride 1 computed along vectors of neighbouring places? For large images and few channels.
//!
//! In the padded image, the border after a row is the one before the next, so the places of all rows are neighbours. A tile is
//! a few target channels times some vectors of places. A product is an unaligned load, at a distance that is the same for all
//! places, times a weight. The places between the rows are computed too, and not used.

use super::pass::Pass;
use super::tile::{Shared, Tile, machine};
use crate::array::scalar::Scalar;
use crate::array::simd::{Kernel, Simd, Vector, dispatch};
use crate::kernels::{parallel, scratch};
use std::ops::Range;

/// Rows and vectors of a tile with 32 registers, and with 16.
const WIDE: (usize, usize) = (8, 3);
const NARROW: (usize, usize) = (4, 2);

/// The largest number of places of a task, and the least number of tasks.
const PLACES: usize = 4096;
const TASKS: usize = 8;

pub(super) fn run<T: Scalar>(pass: &Pass, x: &[T], w: &[T], bias: Option<&[T]>, y: &mut [T]) {
    let (lanes, wide) = machine::<T>();
    let (rows, vectors) = if wide { WIDE } else { NARROW };
    let (depth, bands) = (pass.depth(), pass.targets.div_ceil(rows));
    // An image is divided into strips of whole tiles.
    let (images, tiles) = (pass.batch * pass.groups, pass.flat_places().div_ceil(vectors * lanes));
    let strips = pass.flat_places().div_ceil(PLACES).max(TASKS.div_ceil(images)).min(tiles);
    let (from, size) = (pass.sources * pass.source(), pass.targets * pass.target());
    let to = Shared(y.as_mut_ptr());
    scratch::tables(depth, |offsets| {
        pass.offsets(offsets);
        packed(pass, w, rows, |packed| {
            let strip = |padded: &[T], t: usize, strip: usize| {
                let group = t % pass.groups;
                let places = strip * tiles / strips * vectors * lanes..(strip + 1) * tiles / strips * vectors * lanes;
                let w = &packed[group * bands * depth * rows..][..bands * depth * rows];
                let bias = bias.map(|b| &b[group * pass.targets..][..pass.targets]);
                scratch::with(bands * rows * places.len(), |sums| {
                    dispatch(Strip { offsets, padded: &padded[places.start..], w, places: places.len(), sums: &mut *sums });
                    let y = Shared(to.at(t * size));
                    dispatch(Put { pass, sums, places: &places, bias, y: &y });
                });
            };
            if strips == 1 {
                // Each image is padded by the task that needs it, and stays in its cache.
                parallel::tasks(images, pass.is_large(), &|t| {
                    scratch::with(pass.padded(), |padded| {
                        pass.pad(&x[t * from..][..from], padded);
                        strip(padded, t, 0);
                    });
                });
            } else {
                scratch::with(images * pass.padded(), |room| {
                    pass.pad_all(x, room);
                    let room = &*room;
                    parallel::tasks(images * strips, pass.is_large(), &|t| {
                        strip(&room[t / strips * pass.padded()..], t / strips, t % strips)
                    });
                });
            }
        });
    });
}

/// Calls `f` with the weights as `[group][band][product][row]`, zero beyond the last target channel.
fn packed<T: Scalar>(pass: &Pass, w: &[T], rows: usize, f: impl FnOnce(&[T])) {
    let (depth, bands) = (pass.depth(), pass.targets.div_ceil(rows));
    let (w_target, w_group) = pass.w_strides();
    scratch::tables(depth, |weights| {
        pass.weights(weights);
        scratch::with(pass.groups * bands * depth * rows, |packed: &mut [T]| {
            for (i, block) in packed.chunks_exact_mut(depth * rows).enumerate() {
                for r in 0..rows {
                    let target = i % bands * rows + r;
                    let to = block[r..].iter_mut().step_by(rows);
                    if target < pass.targets {
                        let w = &w[i / bands * w_group + target * w_target..];
                        to.zip(&*weights).for_each(|(to, &at)| *to = w[at as usize]);
                    } else {
                        to.for_each(|to| *to = T::ZERO);
                    }
                }
            }
            f(packed);
        });
    });
}

/// Some places of all target channels of one image and group: `sums[target][place]`.
struct Strip<'a, T> {
    offsets: &'a [u32],
    padded: &'a [T],
    w: &'a [T],
    places: usize,
    sums: &'a mut [T],
}

impl<T: Scalar> Kernel for Strip<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        if const { S::REGISTERS >= 32 } {
            self.tiles::<S, { WIDE.0 }, { WIDE.1 }>();
        } else {
            self.tiles::<S, { NARROW.0 }, { NARROW.1 }>();
        }
    }
}

impl<T: Scalar> Strip<'_, T> {
    #[inline(always)]
    fn tiles<S: Simd, const ROWS: usize, const VECTORS: usize>(self) {
        let Strip { offsets: table, padded, w, places, sums } = self;
        let band = table.len() * ROWS;
        for place in (0..places).step_by(VECTORS * T::Vector::<S>::LANES) {
            for b in 0..sums.len() / (ROWS * places) {
                let mut rows = [w.as_ptr(); ROWS];
                for (r, row) in rows.iter_mut().enumerate() {
                    *row = row.wrapping_add(b * band + r);
                }
                let to = sums.as_mut_ptr().wrapping_add(b * ROWS * places + place);
                let vectors = padded.as_ptr().wrapping_add(place);
                let tile = Tile { table, step: ROWS, rows, vectors, to, to_step: places, valid: ROWS, add: false };
                // SAFETY: a band has ROWS weights for each product, the padded image reaches a whole tile beyond its last
                // place, and the sums have whole tiles.
                unsafe { tile.run::<S, VECTORS, false>() };
            }
        }
    }
}

/// Copies the sums at places that are elements of the target, and adds the bias.
struct Put<'a, T> {
    pass: &'a Pass,
    sums: &'a [T],
    places: &'a Range<usize>,
    bias: Option<&'a [T]>,
    y: &'a Shared<T>,
}

impl<T: Scalar> Kernel for Put<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Put { pass, sums, places, bias, y } = self;
        let lanes = T::Vector::<S>::LANES;
        for (target, sums) in sums.chunks_exact(places.len()).enumerate().take(pass.targets) {
            let bias = T::Vector::<S>::splat(bias.map_or(T::ZERO, |bias| bias[target]));
            pass.rows(|row| {
                let first = row.start;
                let row = row.within(first, places);
                if row.len > 0 {
                    // SAFETY: these places of these channels are written by this task alone.
                    let to = unsafe { std::slice::from_raw_parts_mut(y.at(target * pass.target() + row.element), row.len) };
                    let from = &sums[row.start - places.start..][..row.len];
                    for at in (0..row.len).step_by(lanes) {
                        T::Vector::<S>::read(&from[at..]).add(bias).write(&mut to[at..]);
                    }
                }
            });
        }
    }
}
