//! How are sums of a few weighted elements of planes computed, with weights that are an array themselves? (`sparse.rs` has fixed weights.)

use crate::array::scalar::Scalar;
use crate::kernels::parallel;

/// Elements read from which a thread of its own pays.
const GRAIN: usize = 16 * 1024;

/// The sizes of weighted sums: in images of `channels` planes of `size` elements, each of `outputs` outputs is the sum of `taps` elements.
pub(crate) struct TapSizes {
    pub channels: usize,
    pub size: usize,
    pub outputs: usize,
    pub taps: usize,
}

impl TapSizes {
    /// Calls `f` with the parts of `y`, and the index of the first unit of each. A unit is `len` elements, which take `work` multiply-adds.
    fn share<T: Send>(&self, y: &mut [T], len: usize, work: usize, f: &(dyn Fn(usize, &mut [T]) + Sync)) {
        if !y.is_empty() {
            parallel::parts(y, GRAIN.div_ceil(work.max(1)) * len, &|first, y| f(first / len, y));
        }
    }
    /// The number of taps of all outputs of an image.
    fn all_taps(&self) -> usize {
        self.outputs * self.taps
    }
}

/// `y[n, c, o]`: the sum over k of `w[n, o, k] * x[n, c, index[n, o, k]]`. A negative index is no tap.
pub(crate) fn tap_sum<T: Scalar>(s: &TapSizes, index: &[i64], w: &[T], x: &[T], y: &mut [T]) {
    s.share(y, s.outputs, s.all_taps(), &|first, y| {
        for (plane, y) in y.chunks_mut(s.outputs).enumerate() {
            let image = (first + plane) / s.channels;
            let x = &x[(first + plane) * s.size..][..s.size];
            let (index, w) = (&index[image * s.all_taps()..], &w[image * s.all_taps()..]);
            for (y, (index, w)) in y.iter_mut().zip(index.chunks(s.taps).zip(w.chunks(s.taps))) {
                let taps = index.iter().zip(w).filter(|(i, _)| **i >= 0);
                // From 0, and not by `sum`, which gives -0 for nothing.
                *y = taps.fold(T::ZERO, |sum, (&i, &w)| sum + w * x[i as usize]);
            }
        }
    });
}

/// By x: `x[n, c, index[n, o, k]] += w[n, o, k] * y[n, c, o]`.
pub(crate) fn tap_scatter<T: Scalar>(s: &TapSizes, index: &[i64], y: &[T], w: &[T], x: &mut [T]) {
    s.share(x, s.size, s.all_taps(), &|first, x| {
        x.fill(T::ZERO);
        for (plane, x) in x.chunks_mut(s.size).enumerate() {
            let image = (first + plane) / s.channels;
            let y = &y[(first + plane) * s.outputs..][..s.outputs];
            let (index, w) = (&index[image * s.all_taps()..], &w[image * s.all_taps()..]);
            for (&y, (index, w)) in y.iter().zip(index.chunks(s.taps).zip(w.chunks(s.taps))) {
                for (&i, &w) in index.iter().zip(w).filter(|(i, _)| **i >= 0) {
                    x[i as usize] += w * y;
                }
            }
        }
    });
}

/// By w: `w[n, o, k]` is the sum over c of `y[n, c, o] * x[n, c, index[n, o, k]]`.
pub(crate) fn tap_weights<T: Scalar>(s: &TapSizes, index: &[i64], y: &[T], x: &[T], w: &mut [T]) {
    s.share(w, s.taps, s.taps * s.channels, &|first, w| {
        for (output, w) in w.chunks_mut(s.taps).enumerate() {
            let (image, o) = ((first + output) / s.outputs, (first + output) % s.outputs);
            let (x, y) = (&x[image * s.channels * s.size..], &y[image * s.channels * s.outputs..]);
            for (w, &i) in w.iter_mut().zip(&index[(first + output) * s.taps..]) {
                let channel = |c: usize| y[c * s.outputs + o] * x[c * s.size + i as usize];
                *w = if i < 0 { T::ZERO } else { (0..s.channels).map(channel).fold(T::ZERO, |sum, term| sum + term) };
            }
        }
    });
}
