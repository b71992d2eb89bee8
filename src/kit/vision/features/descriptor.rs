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
            *gradients = Gradients::default();
        }
        from
    }

    /// The main directions of the gradients, in degrees.
    pub fn directions(&self, gradients: &mut Gradients) -> Vec<f32> {
        let sigma = 1.5 * self.sigma;
        let radius = (3.0 * sigma).round() as isize;
        let weights = bell(radius as usize, sigma);
        let mut histogram = [0.0; DIRECTIONS];
        for row in self.rows(radius) {
            let first = self.gradients(row, -radius, radius, gradients);
            let weight = weights[row.unsigned_abs()];
            for (i, (magnitude, turn)) in gradients.magnitudes.iter().zip(&gradients.turns).enumerate() {
                let bin = (turn * DIRECTIONS as f32 + 0.5) as usize % DIRECTIONS;
                histogram[bin] += magnitude * weight * weights[(first + i as isize).unsigned_abs()];
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

    /// The descriptor for a direction in degrees.
    pub fn describe(&self, angle: f32, gradients: &mut Gradients, to: &mut [f32]) {
        // With a bin around each side, into which votes beyond the edges go; directions wrap around by one bin.
        const SIDE: usize = CELLS + 2;
        const DEPTH: usize = BINS + 1;
        let mut histogram = [0.0f32; SIDE * SIDE * DEPTH];
        let cell = CELL * self.sigma;
        // Half of the diagonal of the cells with half a cell around them, whose pixels vote too.
        let radius = (cell * (CELLS as f32 + 1.0) * 0.5 * std::f32::consts::SQRT_2).round();
        let radius = radius.min((self.height as f32).hypot(self.width as f32)) as isize;
        let weights = bell(radius as usize, cell * CELLS as f32 * 0.5);
        let (turn, (sin, cos)) = (angle / 360.0, (angle / 360.0 * TAU).sin_cos());
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
            let weight = weights[row.unsigned_abs()];
            for (k, (magnitude, direction)) in gradients.magnitudes.iter().zip(&gradients.turns).enumerate() {
                let column = first + k as isize;
                let j = column as f32;
                // From -1 to CELLS, where whole numbers are the middles of cells.
                let x = (j * cos + i * sin + reach - 1.0).clamp(-1.0, CELLS as f32 - 1e-3) + 1.0;
                let y = (i * cos - j * sin + reach - 1.0).clamp(-1.0, CELLS as f32 - 1e-3) + 1.0;
                let z = (turn - direction) * BINS as f32;
                let z = if z < 0.0 { z + BINS as f32 } else { z };
                let (x0, y0, z0) = (x as usize, y as usize, (z as usize).min(BINS - 1));
                let (dx, dy, dz) = (x - x0 as f32, y - y0 as f32, z - z0 as f32);
                let vote = magnitude * weight * weights[column.unsigned_abs()];
                let (below, above) = (vote * dy, vote * (1.0 - dy));
                for (row, vote) in [(y0, above), (y0 + 1, below)] {
                    let (right, left) = (vote * dx, vote * (1.0 - dx));
                    for (column, vote) in [(x0, left), (x0 + 1, right)] {
                        let bin = &mut histogram[(row * SIDE + column) * DEPTH + z0..][..2];
                        bin[0] += vote * (1.0 - dz);
                        bin[1] += vote * dz;
                    }
                }
            }
        }
        for (i, to) in to.chunks_exact_mut(BINS).enumerate() {
            let cell = &histogram[((i / CELLS + 1) * SIDE + i % CELLS + 1) * DEPTH..][..DEPTH];
            to.copy_from_slice(&cell[..BINS]);
            to[0] += cell[BINS];
        }
        let norm = |v: &[f32]| v.iter().map(|x| x * x).sum::<f32>().sqrt();
        let most = CLIP * norm(to);
        to.iter_mut().for_each(|x| *x = x.min(most));
        let scale = NORM / norm(to).max(f32::MIN_POSITIVE);
        to.iter_mut().for_each(|x| *x = (*x * scale).round().min(255.0));
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
