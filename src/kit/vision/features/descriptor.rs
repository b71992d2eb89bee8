//! SIFT's directions and descriptors: histograms of gradients around a keypoint, at its scale.

use super::gradient::{Gradients, bell};
use super::scale_space::Blurred;
use std::f32::consts::TAU;

/// The bins of the histogram of directions.
const DIRECTIONS: usize = 36;
/// A direction counts if its peak is at least this part of the highest.
const PEAK: f32 = 0.8;
/// A descriptor has 4 x 4 cells, and in each a histogram of 8 directions.
const CELLS: usize = 4;
const BINS: usize = 8;
/// The length of a descriptor.
pub(super) const LENGTH: usize = CELLS * CELLS * BINS;
/// The side of a cell, in units of sigma.
const CELL: f32 = 3.0;
/// No element of a descriptor is a larger part of its norm than this, so that a single strong edge does not outweigh all else.
const CLIP: f32 = 0.2;
/// The norm of a descriptor: its elements are whole numbers, and nearly always below 255.
const NORM: f32 = 512.0;

/// A circle of a blurred image.
pub(super) struct Circle<'a> {
    pub image: &'a Blurred<'a>,
    pub height: usize,
    pub width: usize,
    /// The pixel in its middle.
    pub row: isize,
    pub column: isize,
    /// The blur of the keypoint in pixels.
    pub sigma: f32,
}

impl Circle<'_> {
    /// The rows within a distance of the middle, by how far they are below it, that have neighbors in the image.
    fn rows(&self, radius: isize) -> std::ops::RangeInclusive<isize> {
        (1 - self.row).max(-radius)..=(self.height as isize - 2 - self.row).min(radius)
    }
    /// The gradients of the columns `from..=to` of a row, both relative to the middle, as far as they have neighbors in the image. Returns the first column.
    fn gradients(&self, row: isize, from: isize, to: isize, gradients: &mut Gradients) -> isize {
        let from = from.max(1 - self.column);
        let to = to.min(self.width as isize - 2 - self.column);
        let len = (to - from + 1).max(0) as usize;
        if len > 0 {
            gradients.read(self.image, (self.row + row) as usize, (self.column + from) as usize, len);
        } else {
            gradients.clear();
        }
        from
    }

    /// The main directions of the gradients, in degrees.
    pub fn directions(&self, gradients: &mut Gradients) -> Vec<f32> {
        let sigma = 1.5 * self.sigma;
        let radius = (3.0 * sigma).round() as isize;
        let weights = bell(radius, sigma);
        let mut histogram = [0.0; DIRECTIONS];
        for row in self.rows(radius) {
            let first = self.gradients(row, -radius, radius, gradients);
            let weight = weights[(row + radius) as usize];
            for (i, (magnitude, turn)) in gradients.magnitudes.iter().zip(&gradients.turns).enumerate() {
                let bin = (turn * DIRECTIONS as f32 + 0.5) as usize % DIRECTIONS;
                histogram[bin] += magnitude * weight * weights[(first + radius) as usize + i];
            }
        }
        let at = |i: usize, by: usize| histogram[(i + DIRECTIONS + by - 2) % DIRECTIONS];
        let smooth: Vec<f32> =
            (0..DIRECTIONS).map(|i| (at(i, 0) + at(i, 4) + 4.0 * (at(i, 1) + at(i, 3)) + 6.0 * at(i, 2)) / 16.0).collect();
        let least = PEAK * smooth.iter().fold(0.0, |most: f32, h| most.max(*h));
        let peak = |i: usize| {
            let [before, here, after] = [DIRECTIONS - 1, 0, 1].map(|by| smooth[(i + by) % DIRECTIONS]);
            // The vertex of the parabola through the three.
            let vertex = || i as f32 + 0.5 * (before - after) / (before - 2.0 * here + after);
            (here >= least && here > before && here > after).then(|| (vertex() * 360.0 / DIRECTIONS as f32).rem_euclid(360.0))
        };
        (0..DIRECTIONS).filter_map(peak).collect()
    }

    /// The descriptor for a direction in degrees, of any number of turns.
    pub fn describe(&self, angle: f32, (gradients, votes): &mut (Gradients, Votes), to: &mut [f32]) {
        let angle = angle.rem_euclid(360.0);
        let mut histogram = [0.0f32; ROOM];
        let cell = CELL * self.sigma;
        // Half of the diagonal of the cells with half a cell around them, whose pixels vote too.
        let radius = (cell * (CELLS as f32 + 1.0) * 0.5 * std::f32::consts::SQRT_2).round();
        let radius = radius.min((self.height as f32).hypot(self.width as f32)) as isize;
        let weights = bell(radius, cell * CELLS as f32 * 0.5);
        let (sin, cos) = (angle / 360.0 * TAU).sin_cos();
        let (sin, cos) = (sin / cell, cos / cell);
        let reach = (CELLS as f32 + 1.0) * 0.5;
        for row in self.rows(radius) {
            let i = row as f32;
            // Where |j cos + i sin| and |i cos - j sin| are less than the reach.
            let (a, b) = (within(cos, i * sin, reach), within(-sin, i * cos, reach));
            let [from, to] = [a[0].max(b[0]).max(-(radius as f32)), a[1].min(b[1]).min(radius as f32)];
            if from > to {
                continue;
            }
            let first = self.gradients(row, from.ceil() as isize, to.floor() as isize, gradients);
            if gradients.magnitudes.is_empty() {
                continue; // the circle lies beside the image here
            }
            let line = Line {
                first: first as i32,
                weight: weights[(row + radius) as usize],
                x: [cos, i * sin + reach],
                y: [-sin, i * cos + reach],
                turn: angle / 360.0,
            };
            votes.resize(gradients.magnitudes.len());
            let weights = &weights[(first + radius) as usize..];
            line.votes(weights, &mut gradients.magnitudes, &mut gradients.turns, &mut votes.x, &mut votes.y, &mut votes.bins);
            votes.cast(gradients, &mut histogram);
        }
        for (i, to) in to.chunks_exact_mut(BINS).enumerate() {
            let cell = &histogram[(i / CELLS + 1) * ROW + (i % CELLS + 1) * DEPTH..][..DEPTH];
            to.copy_from_slice(&cell[..BINS]);
            // Directions wrap around.
            to[0] += cell[BINS];
            to[1] += cell[BINS + 1];
        }
        let norm = |v: &[f32]| v.iter().map(|x| x * x).sum::<f32>().sqrt();
        let most = CLIP * norm(to);
        to.iter_mut().for_each(|x| *x = x.min(most));
        let scale = NORM / norm(to).max(1e-20);
        to.iter_mut().for_each(|x| *x = (*x * scale).round().min(255.0));
    }
}

/// A histogram has a cell around each side, into which votes beyond the edges go, and in each cell two directions more, which are added to the
/// first. Rows and the whole have room up to the next power of two: 6 cells of 10, and 6 rows.
const DEPTH: usize = BINS + 2;
const ROW: usize = 64;
const ROOM: usize = 512;

/// Some neighboring pixels of a row: the first column, the row's weight, the cells' column and row as linear functions of a column, and the
/// descriptor's direction.
struct Line {
    first: i32,
    weight: f32,
    x: [f32; 2],
    y: [f32; 2],
    turn: f32,
}

/// From here on to twice as far f32 holds whole numbers only: adding it rounds, and the lower bits of the sum are the whole number. (A conversion to
/// integers, which saturates, is not vectorized.)
const WHOLE: f32 = 8_388_608.0;

/// The largest whole number that is not above x, for x from 0 to 2^22.
#[inline(always)]
fn floor(x: f32) -> f32 {
    let near = (x + WHOLE) - WHOLE;
    if near > x { near - 1.0 } else { near }
}

impl Line {
    /// The bin of each pixel, and how far it is from it in columns, rows and directions; the latter in place of the gradients' directions, as what
    /// the pixels count is in place of their magnitudes. (A loop without branches; not inlined, as [`Gradients::read`]'s.)
    #[inline(never)]
    fn votes(&self, weights: &[f32], magnitudes: &mut [f32], turns: &mut [f32], dx: &mut [f32], dy: &mut [f32], bins: &mut [u32]) {
        let n = magnitudes.len();
        let (weights, turns, dx, dy, bins) = (&weights[..n], &mut turns[..n], &mut dx[..n], &mut dy[..n], &mut bins[..n]);
        // From 0 to CELLS + 1, where whole numbers are the middles of cells, those around the edges too.
        let most = CELLS as f32 + 1.0 - 1e-3;
        for k in 0..n {
            let j = (self.first + k as i32) as f32;
            let x = (j * self.x[0] + self.x[1]).max(0.0).min(most);
            let y = (j * self.y[0] + self.y[1]).max(0.0).min(most);
            let z = (self.turn - turns[k]) * BINS as f32;
            let z = if z < 0.0 { z + BINS as f32 } else { z };
            let [x0, y0, z0] = [x, y, z].map(floor);
            (dx[k], dy[k], turns[k]) = (x - x0, y - y0, z - z0);
            magnitudes[k] *= self.weight * weights[k];
            bins[k] = (y0 * ROW as f32 + x0 * DEPTH as f32 + z0 + WHOLE).to_bits() % ROOM as u32;
        }
    }
}

/// The bins of some pixels, and how far they are from them.
#[derive(Default)]
pub(super) struct Votes {
    bins: Vec<u32>,
    x: Vec<f32>,
    y: Vec<f32>,
}

impl Votes {
    fn resize(&mut self, n: usize) {
        self.bins.resize(n, 0);
        self.x.resize(n, 0.0);
        self.y.resize(n, 0.0);
    }
    /// Divides each vote between the bins beside it.
    fn cast(&self, gradients: &Gradients, histogram: &mut [f32; ROOM]) {
        let pixels = self.bins.iter().zip(&self.x).zip(&self.y).zip(&gradients.magnitudes).zip(&gradients.turns);
        for ((((bin, dx), dy), vote), dz) in pixels {
            let below = vote * dy;
            for (vote, offset) in [(vote - below, 0), (below, ROW)] {
                let right = vote * dx;
                for (vote, offset) in [(vote - right, offset), (right, offset + DEPTH)] {
                    let (at, next) = (*bin as usize + offset, vote * dz);
                    // (All bins lie below `ROOM`; so the compiler sees it.)
                    histogram[at % ROOM] += vote - next;
                    histogram[(at + 1) % ROOM] += next;
                }
            }
        }
    }
}

/// The j with |slope j + shift| <= reach.
fn within(slope: f32, shift: f32, reach: f32) -> [f32; 2] {
    if slope.abs() < 1e-9 {
        return if shift.abs() <= reach { [f32::NEG_INFINITY, f32::INFINITY] } else { [1.0, 0.0] };
    }
    let [a, b] = [(-reach - shift) / slope, (reach - shift) / slope];
    [a.min(b), a.max(b)]
}
