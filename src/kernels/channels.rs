//! How are the channels of a batch summed up, scaled and shifted? An array is rows x channels x inner elements, and each is read once.
//!
//! Sums run over tiles that stay in the first-level cache, and parts of the array are combined in order: the bits depend on sizes alone,
//! never on the number of threads. Mean and variance are computed in one reading too: the mean of each tile first, then its squared deviations
//! while it is still in the cache. The moments of tiles are merged by the formulas of T. F. Chan et al. ("Updating formulae and a pairwise
//! algorithm for computing sample variances", 1979), which lose no digits where a mean is large beside its deviation. The mean of a tile is
//! found from the deviations from its first element, so that equal numbers have exactly their value as mean and 0 as variance; and again from
//! the deviations from that mean, if the first element is an outlier.

use crate::array::scalar::Scalar;
use crate::array::simd::{LoopKernel, dispatch};
use crate::kernels::lanes;
use crate::kernels::norm::is_outlier;
use crate::kernels::parallel;
use crate::kernels::scratch;
use std::ops::Range;

/// The sizes of an array with channels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Channels {
    pub rows: usize,
    pub channels: usize,
    /// The elements of one channel in one row, which lie together.
    pub inner: usize,
}

/// Elements from which a thread of its own pays.
const GRAIN: usize = 16 * 1024;
/// About the largest number of parts: beyond it, parts are longer.
const MAX_PARTS: usize = 32;
/// The bytes of a tile: those of two arrays fit into a first-level cache.
const TILE: usize = 16 * 1024;
/// A channel of fewer inner elements than this has several rows in a tile.
const SHORT: usize = 256;

impl Channels {
    /// Axis 0 are the rows, axis 1 the channels.
    pub fn of(shape: &[usize]) -> Channels {
        Channels { rows: shape[0], channels: shape[1], inner: shape[2..].iter().product() }
    }
    /// Elements of a channel.
    pub fn count(self) -> usize {
        self.rows * self.inner
    }

    /// Computes `k` sums for each channel: `tile` adds those of a tile to `[k][channels of the part]`, and `combine` adds those of a part to the
    /// result, `[k][channels]`. Tiles and parts come in order.
    fn sum<T: Scalar>(self, k: usize, y: &mut [T], tile: &(dyn Fn(Tile, &mut [T]) + Sync), combine: &mut dyn FnMut(Part<'_, T>, &mut [T])) {
        y.fill(T::ZERO);
        let size = self.count() * self.channels;
        if size == 0 {
            return;
        }
        let parts = (size / GRAIN).clamp(1, MAX_PARTS);
        let rows = self.rows.div_ceil(parts);
        // Few rows are split by channels too.
        let channels = self.channels.div_ceil(parts.div_ceil(self.rows));
        let across = self.channels.div_ceil(channels);
        let part = |i: usize| {
            let (row, channel) = (i / across * rows, i % across * channels);
            (row..self.rows.min(row + rows), channel..self.channels.min(channel + channels))
        };
        let (width, count) = (k * channels, self.rows.div_ceil(rows) * across);
        scratch::with(count * width, |table| {
            parallel::parts(table, width, &|first, table| {
                for (i, sums) in table.chunks_exact_mut(width).enumerate() {
                    let (rows, channels) = part(first / width + i);
                    // The last part may have fewer channels.
                    let sums = &mut sums[..k * channels.len()];
                    sums.fill(T::ZERO);
                    self.tiles::<T>(rows, channels, &mut |t| tile(t, sums));
                }
            });
            for (i, sums) in table.chunks_exact(width).enumerate() {
                let (rows, channels) = part(i);
                let sums = &sums[..k * channels.len()];
                combine(Part { rows: rows.len(), channels, sums }, y);
            }
        });
    }

    /// The tiles of a part, in order.
    fn tiles<T>(self, rows: Range<usize>, channels: Range<usize>, f: &mut dyn FnMut(Tile)) {
        let room = TILE / size_of::<T>();
        let deep = SHORT.div_ceil(self.inner).min(rows.len());
        let wide = (room / (deep * self.inner)).clamp(1, channels.len());
        let deep = (room / (wide * self.inner)).clamp(deep, rows.len());
        for row in rows.clone().step_by(deep) {
            for channel in channels.clone().step_by(wide) {
                for from in (0..self.inner).step_by(room) {
                    f(Tile {
                        of: self,
                        row,
                        rows: deep.min(rows.end - row),
                        before: row - rows.start,
                        channel,
                        channels: wide.min(channels.end - channel),
                        place: channel - channels.start,
                        width: channels.len(),
                        from,
                        len: room.min(self.inner - from),
                    });
                }
            }
        }
    }
}

/// The sums of some rows and channels.
struct Part<'a, T> {
    rows: usize,
    channels: Range<usize>,
    sums: &'a [T],
}

/// Some rows of some channels, and a range of their inner elements.
#[derive(Clone, Copy)]
struct Tile {
    of: Channels,
    row: usize,
    rows: usize,
    /// The rows of the part before these.
    before: usize,
    channel: usize,
    channels: usize,
    /// The index of the first channel in the part, and the number of channels of the part.
    place: usize,
    width: usize,
    from: usize,
    len: usize,
}

impl Tile {
    /// The place of the first element of channel `c` of the tile.
    #[inline(always)]
    fn start(self, c: usize) -> usize {
        (self.row * self.of.channels + self.channel + c) * self.of.inner + self.from
    }
    /// The distance of neighbouring rows.
    #[inline(always)]
    fn step(self) -> usize {
        self.of.channels * self.of.inner
    }
    /// Sums over the elements of channel `c`.
    #[inline(always)]
    fn sums<T: Scalar, const N: usize, const K: usize>(self, x: [&[T]; N], c: usize, f: impl Fn([T; N]) -> [T; K]) -> [T; K] {
        match self.len {
            ..32 => self.sums_by::<T, N, K, 16>(x, c, f),
            _ => self.sums_by::<T, N, K, 32>(x, c, f),
        }
    }
    /// As [`Tile::sums`], in so many lanes.
    #[inline(always)]
    fn sums_by<T: Scalar, const N: usize, const K: usize, const LANES: usize>(
        self,
        x: [&[T]; N],
        c: usize,
        f: impl Fn([T; N]) -> [T; K],
    ) -> [T; K] {
        let mut lanes = [[T::ZERO; LANES]; K];
        for r in 0..self.rows {
            let at = self.start(c) + r * self.step();
            let mut row = x;
            for x in &mut row {
                *x = &x[at..at + self.len];
            }
            lanes::add(&mut lanes, row, &f);
        }
        lanes::total(lanes)
    }
    /// The sum over channel `c` of the deviations from `m`.
    #[inline(always)]
    fn deviations<T: Scalar>(self, x: &[T], c: usize, m: T) -> T {
        let [sum] = self.sums([x], c, |[x]| [x - m]);
        sum
    }
    /// The sum over channel `c` of the squared deviations from `m`.
    #[inline(always)]
    fn squares<T: Scalar>(self, x: &[T], c: usize, m: T) -> T {
        let [sum] = self.sums([x], c, |[x]| [(x - m) * (x - m)]);
        sum
    }
}

// ------------------------------------------------------------------------------------------------------------- moments

/// The mean and the variance of each channel (the divisor is the number of elements): `[2][channels]`. Of nothing both are 0.
pub(crate) fn moments<T: Scalar>(x: &[T], of: Channels, y: &mut [T]) {
    let mut row = 0;
    of.sum(2, y, &|tile, sums| dispatch(MomentsOfTile { tile, x, sums }), &mut |part, y| {
        let (mean, squares) = y.split_at_mut(of.channels);
        let (means, deviations) = part.sums.split_at(part.sums.len() / 2);
        let before = T::from_f64((row * of.inner) as f64);
        let count = T::from_f64((part.rows * of.inner) as f64);
        for (i, c) in part.channels.clone().enumerate() {
            merge([&mut mean[c], &mut squares[c]], [means[i], deviations[i]], before, count);
        }
        if part.channels.end == of.channels {
            row += part.rows;
        }
    });
    let count = T::from_f64(of.count().max(1) as f64);
    y[of.channels..].iter_mut().for_each(|q| *q = *q / count);
}

/// The largest |x| of each channel.
pub(crate) fn largest<T: Scalar>(x: &[T], of: Channels, y: &mut [T]) {
    y.fill(T::ZERO);
    for (i, x) in x.chunks_exact(of.inner.max(1)).enumerate() {
        let y = &mut y[i % of.channels];
        for &x in x {
            let size = if x < T::ZERO { -x } else { x };
            *y = if size > *y || size.is_nan() { size } else { *y };
        }
    }
}

/// Merges the mean and the sum of squared deviations of m more elements into those of n elements.
#[inline(always)]
fn merge<T: Scalar>(all: [&mut T; 2], more: [T; 2], n: T, m: T) {
    let share = m / (n + m);
    let difference = more[0] - *all[0];
    *all[0] += difference * share;
    // In this order, so that n = 0 gives 0 even where the square is beyond the type.
    *all[1] += more[1] + difference * (difference * (n * share));
}

struct MomentsOfTile<'a, T> {
    tile: Tile,
    x: &'a [T],
    sums: &'a mut [T],
}
impl<T: Scalar> LoopKernel for MomentsOfTile<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        let MomentsOfTile { tile, x, sums } = self;
        let (means, squares) = sums.split_at_mut(tile.width);
        let (means, squares) = (&mut means[tile.place..][..tile.channels], &mut squares[tile.place..][..tile.channels]);
        let before = T::from_f64((tile.before * tile.of.inner + tile.rows * tile.from) as f64);
        let count = T::from_f64((tile.rows * tile.len) as f64);
        if tile.of.inner == 1 {
            return columns(tile, x, means, squares, before, count);
        }
        for c in 0..tile.channels {
            // From the deviations from the first element: the mean of equal numbers is exact.
            let first = x[tile.start(c)];
            let mut m = first + tile.deviations(x, c, first) / count;
            let mut q = tile.squares(x, c, m);
            if is_outlier(first, m, q, count) {
                m += tile.deviations(x, c, m) / count;
                q = tile.squares(x, c, m);
            }
            merge([&mut means[c], &mut squares[c]], [m, q], before, count);
        }
    }
}

/// The moments of channels of one inner element: a loop over rows adds to all channels.
#[inline(always)]
fn columns<T: Scalar>(tile: Tile, x: &[T], means: &mut [T], squares: &mut [T], before: T, count: T) {
    const WIDTH: usize = 64;
    let row = |r: usize, from: usize, n: usize| &x[tile.start(from) + r * tile.step()..][..n];
    for (i, (means, squares)) in means.chunks_mut(WIDTH).zip(squares.chunks_mut(WIDTH)).enumerate() {
        let n = means.len();
        let (mut mean, mut square) = ([T::ZERO; WIDTH], [T::ZERO; WIDTH]);
        let (mean, square) = (&mut mean[..n], &mut square[..n]);
        // From the deviations from the first row, as above.
        let first = row(0, i * WIDTH, n);
        for r in 1..tile.rows {
            let row = mean.iter_mut().zip(row(r, i * WIDTH, n)).zip(first);
            row.for_each(|((m, &x), &first)| *m += x - first);
        }
        mean.iter_mut().zip(first).for_each(|(m, &first)| *m = first + *m / count);
        let add_squares = |mean: &[T], square: &mut [T]| {
            for r in 0..tile.rows {
                let row = square.iter_mut().zip(mean).zip(row(r, i * WIDTH, n));
                row.for_each(|((q, &m), &x)| *q += (x - m) * (x - m));
            }
        };
        add_squares(mean, square);
        if (0..n).any(|c| is_outlier(first[c], mean[c], square[c], count)) {
            let mut sums = [T::ZERO; WIDTH];
            for r in 0..tile.rows {
                let row = sums.iter_mut().zip(&*mean).zip(row(r, i * WIDTH, n));
                row.for_each(|((s, &m), &x)| *s += x - m);
            }
            mean.iter_mut().zip(sums).for_each(|(m, sum)| *m += sum / count);
            square.fill(T::ZERO);
            add_squares(mean, square);
        }
        for (c, (m, q)) in means.iter_mut().zip(squares).enumerate() {
            merge([m, q], [mean[c], square[c]], before, count);
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------- sums

/// The sums over each channel of g and of g (x - mean): `[2][channels]`.
pub(crate) fn sums<T: Scalar>(g: &[T], x: &[T], mean: &[T], of: Channels, y: &mut [T]) {
    of.sum(2, y, &|tile, sums| dispatch(SumsOfTile { tile, g, x, mean, sums }), &mut |part, y| {
        let halves = part.sums.chunks_exact(part.sums.len() / 2);
        for (y, sums) in y.chunks_exact_mut(of.channels).zip(halves) {
            y[part.channels.clone()].iter_mut().zip(sums).for_each(|(y, &s)| *y += s);
        }
    });
}

struct SumsOfTile<'a, T> {
    tile: Tile,
    g: &'a [T],
    x: &'a [T],
    mean: &'a [T],
    sums: &'a mut [T],
}
impl<T: Scalar> LoopKernel for SumsOfTile<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        let SumsOfTile { tile, g, x, mean, sums } = self;
        let (plain, along) = sums.split_at_mut(tile.width);
        let (plain, along) = (&mut plain[tile.place..][..tile.channels], &mut along[tile.place..][..tile.channels]);
        let mean = &mean[tile.channel..][..tile.channels];
        if tile.of.inner == 1 {
            for r in 0..tile.rows {
                let at = tile.start(0) + r * tile.step();
                let (g, x) = (&g[at..][..tile.channels], &x[at..][..tile.channels]);
                for c in 0..tile.channels {
                    plain[c] += g[c];
                    along[c] += g[c] * (x[c] - mean[c]);
                }
            }
            return;
        }
        for (c, &m) in mean.iter().enumerate() {
            let [a, b] = tile.sums([g, x], c, |[g, x]| [g, g * (x - m)]);
            plain[c] += a;
            along[c] += b;
        }
    }
}

// -------------------------------------------------------------------------------------------------------------- affine

/// `(x - m) s + b` with constants of channels, `[m, s, b][channels]` in a table, where x and y are the part of the arrays that begins at
/// element `start`.
pub(crate) fn affine<T: Scalar>(x: &[T], table: &[T], inner: usize, start: usize, y: &mut [T]) {
    if y.is_empty() {
        return;
    }
    parallel::parts(y, 2 * GRAIN, &|first, y| {
        dispatch(Affine { x: &x[first..][..y.len()], table, inner, start: start + first, y });
    });
}

struct Affine<'a, T> {
    x: &'a [T],
    table: &'a [T],
    inner: usize,
    start: usize,
    y: &'a mut [T],
}
impl<T: Scalar> LoopKernel for Affine<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        let Affine { mut x, table, inner, start, mut y } = self;
        let channels = table.len() / 3;
        let (means, table) = table.split_at(channels);
        let (scales, shifts) = table.split_at(channels);
        let mut c = start / inner % channels;
        if inner == 1 {
            while !y.is_empty() {
                let n = y.len().min(channels - c);
                let (m, s, b) = (&means[c..][..n], &scales[c..][..n], &shifts[c..][..n]);
                let (part, rest) = y.split_at_mut(n);
                for i in 0..n {
                    part[i] = (x[i] - m[i]) * s[i] + b[i];
                }
                (x, y, c) = (&x[n..], rest, 0);
            }
            return;
        }
        let mut n = inner - start % inner;
        while !y.is_empty() {
            n = n.min(y.len());
            let (m, s, b) = (means[c], scales[c], shifts[c]);
            let (part, rest) = y.split_at_mut(n);
            for (y, &x) in part.iter_mut().zip(x) {
                *y = (x - m) * s + b;
            }
            (x, y) = (&x[n..], rest);
            c += 1;
            if c == channels {
                c = 0;
            }
            n = inner;
        }
    }
}
