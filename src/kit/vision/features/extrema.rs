//! Where are the extrema of SIFT's scale space? The differences of neighboring blurred images are compared with their neighbors in place and
//! scale; a quadratic function through them gives the place between pixels. Weak extrema and those along edges are left out.

use super::quadratic::Quadratic;
use super::scale_space::{BORDER, Octave};
use rayon::prelude::*;

/// What an extremum must have to be kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Thresholds {
    /// The least absolute value, for pixels from 0 to 255.
    pub contrast: f32,
    /// The largest ratio of the two principal curvatures.
    pub edge: f32,
}

/// An extremum of an octave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Extremum {
    /// The nearest layer and pixel.
    pub layer: usize,
    pub row: usize,
    pub column: usize,
    /// How far from them it lies: in columns, rows and layers.
    pub offset: [f32; 3],
    /// The absolute value.
    pub value: f32,
}

/// Rows that are looked through at a time.
const ROWS: usize = 32;
/// How often the quadratic function is moved to a neighboring pixel.
const STEPS: usize = 5;

/// The extrema of an octave by layer, row and column.
pub(super) fn extrema(octave: &Octave, keep: Thresholds) -> Vec<Extremum> {
    let rows: Vec<usize> = (BORDER..octave.height - BORDER).step_by(ROWS).collect();
    let found = |first: &usize| in_rows(octave, *first, ROWS.min(octave.height - BORDER - first), keep);
    let mut all: Vec<Extremum> = rows.par_iter().flat_map_iter(found).collect();
    // Several pixels may lead to one extremum.
    all.sort_by_key(|e| (e.layer, e.row, e.column));
    all.dedup_by_key(|e| (e.layer, e.row, e.column));
    all
}

/// The extrema of these rows.
fn in_rows(octave: &Octave, first: usize, rows: usize, keep: Thresholds) -> Vec<Extremum> {
    let (width, layers) = (octave.width, octave.blurred.len() - 1);
    // The differences, with a row above and below.
    let height = rows + 2;
    let mut differences = vec![0.0; layers * height * width];
    for (i, to) in differences.chunks_exact_mut(width).enumerate() {
        let (layer, y) = (i / height, first - 1 + i % height);
        let [low, high] = [layer, layer + 1].map(|layer| octave.blurred[layer].row(y, 0, width));
        for ((to, low), high) in to.iter_mut().zip(low).zip(high) {
            *to = high - low;
        }
    }
    let row = |layer: usize, y: usize| &differences[(layer * height + y) * width..][..width];
    // Half of what is kept: the quadratic function may be larger than its pixel.
    let least = 0.5 * keep.contrast;
    let (mut found, mut marks) = (Vec::new(), vec![0; width - 2 * BORDER]);
    for layer in 1..layers - 1 {
        for y in 1..=rows {
            let near = |layer: usize, y: usize, x: usize| &row(layer, y)[BORDER - 1 + x..][..width - 2 * BORDER];
            let beside = [
                near(layer, y, 0),
                near(layer, y, 2),
                near(layer, y - 1, 1),
                near(layer, y + 1, 1),
                near(layer - 1, y, 1),
                near(layer + 1, y, 1),
            ];
            mark(near(layer, y, 1), beside, least, &mut marks);
            for (x, _) in marks.iter().enumerate().filter(|(_, mark)| **mark > 0) {
                let x = x + BORDER;
                let value = row(layer, y)[x];
                let around = (layer - 1..=layer + 1).flat_map(|l| (y - 1..=y + 1).flat_map(move |y| &row(l, y)[x - 1..=x + 1]));
                let topped = if value > 0.0 { around.into_iter().any(|a| *a > value) } else { around.into_iter().any(|a| *a < value) };
                if !topped {
                    found.extend(refined(octave, layer, first - 1 + y, x, keep));
                }
            }
        }
    }
    found
}

/// Marks the values whose six nearest neighbors are not above them, or not below. (A loop without branches, which the compiler vectorizes: few
/// pixels are left for the other twenty.)
fn mark(values: &[f32], beside: [&[f32]; 6], least: f32, marks: &mut [u8]) {
    let n = marks.len();
    let (values, beside) = (&values[..n], beside.map(|b| &b[..n]));
    let larger = |a: f32, b: f32| if a > b { a } else { b };
    let smaller = |a: f32, b: f32| if a < b { a } else { b };
    for (x, mark) in marks.iter_mut().enumerate() {
        let [a, b, c, d, e, f] = [beside[0][x], beside[1][x], beside[2][x], beside[3][x], beside[4][x], beside[5][x]];
        let top = larger(larger(larger(a, b), larger(c, d)), larger(larger(e, f), least));
        let bottom = smaller(smaller(smaller(a, b), smaller(c, d)), smaller(smaller(e, f), -least));
        *mark = u8::from(values[x] >= top) | u8::from(values[x] <= bottom);
    }
}

/// The extremum near a pixel of a layer, if it is to be kept.
fn refined(octave: &Octave, mut layer: usize, mut y: usize, mut x: usize, keep: Thresholds) -> Option<Extremum> {
    for _ in 0..STEPS {
        let at = |layer: usize, y: usize, x: usize| octave.blurred[layer + 1].at(y, x) - octave.blurred[layer].at(y, x);
        let value = at(layer, y, x);
        let quadratic = Quadratic::new(|l, i, j| at(layer + l - 1, y + i - 1, x + j - 1));
        let offset = quadratic.vertex()?;
        if offset.iter().all(|o| o.abs() < 0.5) {
            let Quadratic { slope, second: [[xx, xy, _], [_, yy, _], _] } = quadratic;
            let value = (value + 0.5 * (slope[0] * offset[0] + slope[1] * offset[1] + slope[2] * offset[2])).abs();
            let (trace, determinant) = (xx + yy, xx * yy - xy * xy);
            let on_edge = determinant <= 0.0 || trace * trace * keep.edge >= (keep.edge + 1.0).powi(2) * determinant;
            return (value >= keep.contrast && !on_edge).then_some(Extremum { layer, row: y, column: x, offset, value });
        }
        // Whole steps; one that leaves the octave ends the search, however large it is.
        let moved = |at: usize, by: f32, range: std::ops::Range<usize>| {
            let to = at as f32 + by.round();
            (to >= range.start as f32 && to < range.end as f32).then_some(to as usize)
        };
        x = moved(x, offset[0], BORDER..octave.width - BORDER)?;
        y = moved(y, offset[1], BORDER..octave.height - BORDER)?;
        layer = moved(layer, offset[2], 1..octave.blurred.len() - 2)?;
    }
    None
}
