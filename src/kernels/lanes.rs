//! How are terms added up that the compiler shall vectorise? In lanes, independent accumulators, so that additions do not wait for each other.

use crate::array::scalar::Scalar;
use crate::kernels::reduce::{Sum, halved};

/// The `K` sums of `f` of the elements of slices of one length.
#[inline(always)]
pub(super) fn sums<T: Scalar, const N: usize, const K: usize, const LANES: usize>(x: [&[T]; N], f: impl Fn([T; N]) -> [T; K]) -> [T; K] {
    let mut lanes = [[T::ZERO; LANES]; K];
    add(&mut lanes, x, &f);
    total(lanes)
}

/// Adds `f` of the elements of slices of one length to lanes: of element `i`, to lane `i % LANES`. (Loops of a known length are vectorised.)
#[inline(always)]
pub(super) fn add<T: Scalar, const N: usize, const K: usize, const LANES: usize>(
    lanes: &mut [[T; LANES]; K],
    x: [&[T]; N],
    f: &impl Fn([T; N]) -> [T; K],
) {
    let len = x[0].len();
    let mut from = 0;
    while from + LANES <= len {
        let mut part = [[T::ZERO; LANES]; N];
        for k in 0..N {
            part[k].copy_from_slice(&x[k][from..from + LANES]);
        }
        for lane in 0..LANES {
            let mut at = [T::ZERO; N];
            for k in 0..N {
                at[k] = part[k][lane];
            }
            let terms = f(at);
            for k in 0..K {
                lanes[k][lane] += terms[k];
            }
        }
        from += LANES;
    }
    for (lane, i) in (from..len).enumerate() {
        let mut at = [T::ZERO; N];
        for k in 0..N {
            at[k] = x[k][i];
        }
        let terms = f(at);
        for k in 0..K {
            lanes[k][lane] += terms[k];
        }
    }
}

/// The sum of the lanes of each of `K` sums.
#[inline(always)]
pub(super) fn total<T: Scalar, const K: usize, const LANES: usize>(mut lanes: [[T; LANES]; K]) -> [T; K] {
    let mut sums = [T::ZERO; K];
    for k in 0..K {
        sums[k] = halved(&mut lanes[k], Sum);
    }
    sums
}
