//! Gradients of images as magnitudes and directions, a row at a time.

use super::scale_space::Blurred;

/// The gradients of some neighboring pixels of a row.
#[derive(Default)]
pub(super) struct Gradients {
    pub magnitudes: Vec<f32>,
    /// Their directions in turns, from 0 (along the row) over 1/4 (down the column) to 1.
    pub turns: Vec<f32>,
}

impl Gradients {
    /// Those of no pixels.
    pub fn clear(&mut self) {
        self.magnitudes.clear();
        self.turns.clear();
    }
    /// Those of `len` pixels from column `x` on: central differences, without the half. Their neighbors must lie in the image.
    pub fn read(&mut self, image: &Blurred, y: usize, x: usize, len: usize) {
        self.magnitudes.resize(len, 0.0);
        self.turns.resize(len, 0.0);
        let [above, below] = [y - 1, y + 1].map(|y| image.row(y, x, len));
        let [before, after] = [x - 1, x + 1].map(|x| image.row(y, x, len));
        polar(above, below, before, after, &mut self.magnitudes, &mut self.turns);
    }
}

/// Magnitudes and directions of the differences. (Apart and not inlined, so that the compiler knows that no two of the slices overlap, without which
/// it does not vectorize.)
#[inline(never)]
fn polar(above: &[f32], below: &[f32], before: &[f32], after: &[f32], magnitudes: &mut [f32], turns: &mut [f32]) {
    let n = magnitudes.len();
    let (above, below, before, after, turns) = (&above[..n], &below[..n], &before[..n], &after[..n], &mut turns[..n]);
    for i in 0..n {
        let (dx, dy) = (after[i] - before[i], below[i] - above[i]);
        magnitudes[i] = (dx * dx + dy * dy).sqrt();
        turns[i] = direction(dx, dy);
    }
}

/// The direction of a vector in turns, from 0 to 1, to 3e-5; 0 for the zero vector. (A polynomial without branches, which the compiler vectorizes.)
#[inline(always)]
fn direction(x: f32, y: f32) -> f32 {
    // arctan(t) / t in t^2, in turns, for t from 0 to 1. It was fitted to the values of OpenCV's `phase`: directions near the edge of a bin fall into the
    // same bin.
    const SERIES: [f32; 4] = [0.159_121_18, -0.051_854_02, 0.024_761_11, -0.007_054_79];
    let (width, height) = (x.abs(), y.abs());
    let steep = height > width;
    let (low, high) = if steep { (width, height) } else { (height, width) };
    let t = low / (high + f32::MIN_POSITIVE);
    let s = t * t;
    let turn = (((SERIES[3] * s + SERIES[2]) * s + SERIES[1]) * s + SERIES[0]) * t;
    let turn = if steep { 0.25 - turn } else { turn };
    let turn = if x < 0.0 { 0.5 - turn } else { turn };
    if y < 0.0 { 1.0 - turn } else { turn }
}

/// `exp(-i^2 / (2 sigma^2))` for i from `-radius` to `radius`.
pub(super) fn bell(radius: isize, sigma: f32) -> Vec<f32> {
    (-radius..=radius).map(|i| (-0.5 * (i * i) as f32 / (sigma * sigma)).exp()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions() {
        for i in 0..1000 {
            let turn = i as f32 / 1000.0;
            let (y, x) = (turn * std::f32::consts::TAU).sin_cos();
            let found = direction(3.0 * x, 3.0 * y);
            assert!((found - turn).abs() < 3e-5 || (found - turn).abs() > 1.0 - 3e-5, "{turn}: {found}");
        }
        assert_eq!([direction(0.0, 0.0), direction(0.0, 2.0), direction(-1.0, 0.0), direction(0.0, -1.0)], [0.0, 0.25, 0.5, 0.75]);
    }
}
