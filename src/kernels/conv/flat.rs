//! Convolution of stride 1 along vectors of neighbouring places: for images that are large and channels that are few.
//!
//! In the padded image, the border after a row is the one before the next, and so the places of all rows are neighbours. A tile is
//! a few target channels times some vectors of places; a product is an unaligned load, at a distance that is the same for all
//! places, times a weight. The places between the rows are computed and thrown away.

use super::pass::Pass;
use super::tile::{Shared, Tile, machine};
use crate::kernels::simd::{Kernel, Simd, Vector, dispatch};
use crate::kernels::{parallel, scratch};
use crate::scalar::Scalar;

/// Rows and vectors of a tile with 32 registers, and with 16.
const WIDE: (usize, usize) = (8, 3);
const NARROW: (usize, usize) = (4, 2);

pub(super) fn run<T: Scalar>(pass: &Pass, x: &[T], w: &[T], bias: Option<&[T]>, y: &mut [T]) {
    let (lanes, wide) = machine::<T>();
    let (rows, vectors) = if wide { WIDE } else { NARROW };
    let depth = pass.depth();
    let bands = pass.targets.div_ceil(rows);
    let places = pass.flat_places().next_multiple_of(vectors * lanes);
    let (w_target, w_group) = pass.w_strides();
    scratch::tables(2 * depth, |tables| {
        let (offsets, weights) = tables.split_at_mut(depth);
        pass.offsets(offsets);
        pass.weights(weights);
        let (offsets, weights) = (&*offsets, &*weights);
        scratch::with(pass.groups * bands * depth * rows, |packed: &mut [T]| {
            // [group][band][product][row]
            for (i, block) in packed.chunks_exact_mut(depth * rows).enumerate() {
                let (group, band) = (i / bands, i % bands);
                for r in 0..rows {
                    let target = band * rows + r;
                    let w = &w[group * w_group + target.min(pass.targets - 1) * w_target..];
                    for (k, &at) in weights.iter().enumerate() {
                        block[k * rows + r] = if target < pass.targets { w[at as usize] } else { T::ZERO };
                    }
                }
            }
            let packed = &*packed;
            let to = Shared(y.as_mut_ptr());
            let (from, size) = (pass.sources * pass.source(), pass.targets * pass.target());
            parallel::tasks(pass.batch * pass.groups, pass.is_large(), &|t| {
                let group = t % pass.groups;
                let (x, w) = (&x[t * from..][..from], &packed[group * bands * depth * rows..][..bands * depth * rows]);
                let bias = bias.map(|b| &b[group * pass.targets..][..pass.targets]);
                // SAFETY: task t alone writes this part of y.
                let y = unsafe { std::slice::from_raw_parts_mut(to.at(t * size), size) };
                scratch::with(pass.padded(), |padded| {
                    pass.pad(x, padded);
                    scratch::with(bands * rows * places, |sums| {
                        dispatch(Image { offsets, padded, w, places, sums });
                        put(pass, sums, places, bias, y);
                    });
                });
            });
        });
    });
}

/// All places of all target channels of one image and group: `sums[target][place]`.
struct Image<'a, T> {
    offsets: &'a [u32],
    padded: &'a [T],
    w: &'a [T],
    places: usize,
    sums: &'a mut [T],
}

impl<T: Scalar> Kernel for Image<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        if S::REGISTERS >= 32 {
            self.tiles::<S, { WIDE.0 }, { WIDE.1 }>();
        } else {
            self.tiles::<S, { NARROW.0 }, { NARROW.1 }>();
        }
    }
}

impl<T: Scalar> Image<'_, T> {
    #[inline(always)]
    fn tiles<S: Simd, const ROWS: usize, const VECTORS: usize>(self) {
        let Image { offsets: table, padded, w, places, sums } = self;
        let band = table.len() * ROWS;
        for place in (0..places).step_by(VECTORS * T::Vector::<S>::LANES) {
            for b in 0..sums.len() / (ROWS * places) {
                let rows: [_; ROWS] = std::array::from_fn(|r| w.as_ptr().wrapping_add(b * band + r));
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

/// The places that are elements of the target.
fn put<T: Scalar>(pass: &Pass, sums: &[T], places: usize, bias: Option<&[T]>, y: &mut [T]) {
    for (target, y) in y.chunks_exact_mut(pass.target()).enumerate() {
        let sums = &sums[target * places..][..places];
        pass.rows(|_, at, element, n, _| {
            let (to, from) = (&mut y[element..element + n], &sums[at..at + n]);
            match bias {
                Some(bias) => to.iter_mut().zip(from).for_each(|(to, from)| *to = *from + bias[target]),
                None => to.copy_from_slice(from),
            }
        });
    }
}
