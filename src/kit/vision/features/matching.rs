//! Which keypoints of two images show the same? Those with the nearest descriptors, if no other is nearly as near.

use crate::Tape;
use crate::refusal::require;
use ndarray::{Array2, ArrayView2, Axis, s};

/// When the nearest descriptor counts as a match.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MatchOptions {
    /// The distance to the nearest must be less than this part of that to the second nearest (D. G. Lowe's test); default 0.75. From 1 on, nothing
    /// is asked.
    pub max_ratio: f64,
    /// The nearest must have this one as its nearest, too; default true.
    pub cross_check: bool,
}

impl Default for MatchOptions {
    fn default() -> Self {
        MatchOptions { max_ratio: 0.75, cross_check: true }
    }
}

/// Two descriptors that fit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Match {
    /// The row among the first descriptors.
    pub first: usize,
    /// The row among the second descriptors.
    pub second: usize,
    /// Their Euclidean distance.
    pub distance: f64,
}

/// Rows whose distances are computed at a time.
const BLOCK: usize = 512;

/// For each row of `a` the nearest row of `b` by Euclidean distance, if it passes the tests; of equally near ones the first. All distances are
/// computed, in f64; a descriptor with a number that is not finite matches nothing. With fewer than two rows in `b` the test of the ratio has nothing to compare with, and nothing matches. Shapes: `[m, n]` and
/// `[k, n]`.
///
/// ```
/// use wengert::ndarray::array;
/// use wengert::vision::features::{MatchOptions, match_descriptors};
/// let a = array![[0.0, 1.0], [5.0, 5.0]];
/// let b = array![[9.0, 9.0], [0.0, 1.1], [5.0, 5.1], [5.0, 4.9]];
/// let matches = match_descriptors(a.view(), b.view(), MatchOptions::default());
/// assert_eq!(matches.len(), 1); // the second has two that are equally near
/// assert_eq!((matches[0].first, matches[0].second), (0, 1));
/// ```
///
/// # Panics
/// If the rows have different lengths.
#[track_caller]
pub fn match_descriptors(a: ArrayView2<f32>, b: ArrayView2<f32>, options: MatchOptions) -> Vec<Match> {
    require(
        a.ncols() == b.ncols(),
        || format!("match_descriptors: descriptors of {} and of {} numbers", a.ncols(), b.ncols()),
        "both images need descriptors of one kind",
    );
    let ratio = (options.max_ratio < 1.0).then_some(options.max_ratio);
    if b.nrows() < if ratio.is_some() { 2 } else { 1 } || a.nrows() == 0 {
        return Vec::new();
    }
    let squares = |x: &Array2<f64>| x.map_axis(Axis(1), |row| row.dot(&row));
    let [a, b] = [a, b].map(|x| x.mapv(f64::from));
    let (squares_a, squares_b) = (squares(&a), squares(&b));
    // For each row of `a` the nearest of `b` with its squared distance, and the second; for each row of `b` the nearest of `a`.
    let mut nearest = Vec::with_capacity(a.nrows());
    let mut back = vec![(f64::INFINITY, usize::MAX); b.nrows()];
    let mut tape = Tape::<f64>::new();
    for first in (0..a.nrows()).step_by(BLOCK) {
        tape.reset();
        let rows = a.slice(s![first..a.nrows().min(first + BLOCK), ..]);
        let products = tape.constant(rows).matmul(tape.constant(b.view()).t());
        for (i, products) in (first..).zip(products.value().as_slice().chunks_exact(b.nrows())) {
            let (mut best, mut second) = ((f64::INFINITY, 0), f64::INFINITY);
            for (j, (product, back)) in products.iter().zip(&mut back).enumerate() {
                let d = squares_a[i] + squares_b[j] - 2.0 * product;
                let d = if d < 0.0 { 0.0 } else { d }; // (not by `max`, which would make 0 of NaN)
                if d < best.0 {
                    (best, second) = ((d, j), best.0);
                } else if d < second {
                    second = d;
                }
                if d < back.0 {
                    *back = (d, i);
                }
            }
            nearest.push((best, second));
        }
    }
    let passes = |(first, ((d, second), next)): (usize, ((f64, usize), f64))| {
        let distance = d.sqrt();
        let distinct = ratio.is_none_or(|ratio| distance < ratio * next.sqrt());
        let mutual = !options.cross_check || back[second].1 == first;
        (d.is_finite() && distinct && mutual).then_some(Match { first, second, distance })
    };
    nearest.into_iter().enumerate().filter_map(passes).collect()
}
