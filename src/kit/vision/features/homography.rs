//! Maps of one plane to another: homographies, from pairs of points of which some may be wrong.

use crate::init::seeded;
use crate::optim::{Lbfgs, LbfgsOptions};
use crate::{Param, Tape, Var, stack};
use ndarray::{Array1, Array2, arr2};
use rand::RngExt;
use std::f64::consts::SQRT_2;

/// A point: column and row.
pub type Point = [f64; 2];

/// A map of one plane to another that keeps lines straight: (x, y, 1) goes to a multiple of (u, v, 1).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Homography(
    /// The matrix, by rows. All multiples of it are the same map.
    pub [[f64; 3]; 3],
);

/// Why there is no homography.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum HomographyError {
    /// The two lists differ in length.
    #[error("{from} points on one side and {to} on the other: give them in pairs")]
    Unpaired {
        /// Points in the first list.
        from: usize,
        /// Points in the second list.
        to: usize,
    },
    /// There are fewer than four pairs.
    #[error("a homography needs 4 pairs of points, and there are {0}")]
    TooFew(usize),
    /// A coordinate is infinite or NaN, or beyond 1e100.
    #[error("pair {0} has a coordinate that is not finite, or is huge")]
    NotFinite(usize),
    /// The points lie on a line, or on one point, or all but one of them do.
    #[error("the points do not determine a homography: among them must be four of which no three lie on a line, in either image")]
    Degenerate,
    /// An option of [`find_homography`] is not usable.
    #[error("RansacOptions: {name} is {value}; {hint}")]
    BadOption {
        /// The option.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What it may be.
        hint: &'static str,
    },
    /// No sample of pairs gave a homography that four pairs agree with.
    #[error("no homography was found in {trials} trials: fewer than 4 of {pairs} pairs agree with one")]
    NoConsensus {
        /// Samples that were tried.
        trials: usize,
        /// Pairs that were given.
        pairs: usize,
    },
}

impl Homography {
    /// Where a point goes. A point of the horizon goes to infinity, and has no finite place.
    ///
    /// ```
    /// use wengert::vision::features::Homography;
    /// let shift = Homography([[1.0, 0.0, 5.0], [0.0, 1.0, -2.0], [0.0, 0.0, 1.0]]);
    /// assert_eq!(shift.apply([1.0, 1.0]), [6.0, -1.0]);
    /// assert_eq!(shift.inverse().unwrap().apply([6.0, -1.0]), [1.0, 1.0]);
    /// ```
    pub fn apply(&self, [x, y]: Point) -> Point {
        let [u, v, w] = self.0.map(|row| row[0] * x + row[1] * y + row[2]);
        [u / w, v / w]
    }
    /// The map back, unless this one flattens the plane.
    pub fn inverse(&self) -> Option<Homography> {
        let m = self.0;
        let adjugate = adjugate(m);
        let determinant: f64 = (0..3).map(|i| m[0][i] * adjugate[i][0]).sum();
        let inverse = adjugate.map(|row| row.map(|a| a / determinant));
        inverse.iter().flatten().all(|a| a.is_finite()).then_some(Homography(inverse))
    }
    /// The same map, with a last element of 1, or if that is impossible with a norm of 1.
    fn scaled(self) -> Homography {
        let norm = self.0.iter().flatten().map(|a| a * a).sum::<f64>().sqrt();
        let by = if self.0[2][2].abs() > 1e-9 * norm { self.0[2][2] } else { norm };
        Homography(self.0.map(|row| row.map(|a| a / by)))
    }
}

fn product(a: [[f64; 3]; 3], b: [[f64; 3]; 3]) -> [[f64; 3]; 3] {
    a.map(|row| [0, 1, 2].map(|j| (0..3).map(|k| row[k] * b[k][j]).sum()))
}

fn adjugate(m: [[f64; 3]; 3]) -> [[f64; 3]; 3] {
    let minor = |r: usize, c: usize| {
        let ([r0, r1], [c0, c1]) = ([(r + 1) % 3, (r + 2) % 3], [(c + 1) % 3, (c + 2) % 3]);
        m[r0][c0] * m[r1][c1] - m[r0][c1] * m[r1][c0]
    };
    [0, 1, 2].map(|i| [0, 1, 2].map(|j| minor(j, i)))
}

/// Checks the pairs.
fn check(from: &[Point], to: &[Point]) -> Result<(), HomographyError> {
    if from.len() != to.len() {
        return Err(HomographyError::Unpaired { from: from.len(), to: to.len() });
    }
    if from.len() < 4 {
        return Err(HomographyError::TooFew(from.len()));
    }
    let odd = |p: &Point| !p.iter().all(|c| c.abs() <= 1e100);
    match (0..from.len()).find(|i| odd(&from[*i]) || odd(&to[*i])) {
        Some(at) => Err(HomographyError::NotFinite(at)),
        None => Ok(()),
    }
}

/// The points, moved to a mean of 0 and scaled to a mean distance from it of the root of 2, and the matrix that does so (R. Hartley, "In
/// defense of the eight-point algorithm", 1997). `None` if all of them are one point.
fn normalized(points: &[Point]) -> Option<(Vec<Point>, [[f64; 3]; 3])> {
    let n = points.len() as f64;
    let mean = [0, 1].map(|i| points.iter().map(|p| p[i] / n).sum::<f64>());
    let spread = points.iter().map(|p| (p[0] - mean[0]).hypot(p[1] - mean[1]) / n).sum::<f64>();
    let largest = points.iter().flatten().fold(0.0, |most: f64, c| most.max(c.abs()));
    (spread > 1e-12 * largest).then(|| {
        let s = SQRT_2 / spread;
        let moved = points.iter().map(|p| [(p[0] - mean[0]) * s, (p[1] - mean[1]) * s]).collect();
        (moved, [[s, 0.0, -s * mean[0]], [0.0, s, -s * mean[1]], [0.0, 0.0, 1.0]])
    })
}

/// The homography of normalized points in the original ones.
fn restored(h: [[f64; 3]; 3], from: [[f64; 3]; 3], to: [[f64; 3]; 3]) -> Homography {
    Homography(product(product(adjugate(to), h), from)).scaled()
}

/// The homography that fits pairs of points best in the algebraic sense: the normalized direct linear transformation (R. Hartley,
/// A. Zisserman, "Multiple view geometry", 2003, algorithm 4.2). Four pairs determine it; of more, all count equally.
///
/// ```
/// use wengert::vision::features::{Homography, homography_dlt};
/// let h = Homography([[1.1, 0.2, 3.0], [-0.1, 0.9, 5.0], [1e-3, 2e-3, 1.0]]);
/// let from = [[0.0, 0.0], [100.0, 0.0], [0.0, 80.0], [90.0, 70.0], [30.0, 20.0]];
/// let found = homography_dlt(&from, &from.map(|p| h.apply(p)))?;
/// assert!((found.0[2][1] - 2e-3).abs() < 1e-12);
/// # Ok::<(), wengert::vision::features::HomographyError>(())
/// ```
///
/// # Errors
/// If there are fewer than four pairs, a number is not finite, or the points do not determine a homography.
pub fn homography_dlt(from: &[Point], to: &[Point]) -> Result<Homography, HomographyError> {
    check(from, to)?;
    let (Some((a, from)), Some((b, to))) = (normalized(from), normalized(to)) else { return Err(HomographyError::Degenerate) };
    // Two equations for each pair. The solution is the direction in which their squares' sum grows least.
    let mut squares = Array2::<f64>::zeros((9, 9));
    for ([x, y], [u, v]) in a.iter().zip(&b) {
        let rows = [[*x, *y, 1.0, 0.0, 0.0, 0.0, -u * x, -u * y, -u], [0.0, 0.0, 0.0, *x, *y, 1.0, -v * x, -v * y, -v]];
        for row in rows {
            for (at, sum) in squares.indexed_iter_mut() {
                *sum += row[at.0] * row[at.1];
            }
        }
    }
    // Inverse iteration: the matrix may be singular, so its smallest eigenvalue is raised a little.
    let trace = squares.diag().sum();
    let tape = Tape::new();
    let raised = &squares + Array2::<f64>::eye(9) * (1e-13 * trace);
    let inverse = tape.constant(raised).inv().to_array().into_dimensionality::<ndarray::Ix2>().expect("9 x 9");
    // Until it settles: with wrong pairs the second smallest eigenvalue may be nearly as small, and each step leaves their ratio of the error.
    let smallest = |mut v: Array1<f64>, but: Option<&Array1<f64>>| {
        for _ in 0..10_000 {
            let next = inverse.dot(&v);
            let next = but.map_or(next.clone(), |but| &next - &(but * but.dot(&next)));
            let next = &next / next.dot(&next).sqrt();
            let moved = &next - &v;
            v = next;
            if moved.dot(&moved) < 1e-30 {
                break;
            }
        }
        v
    };
    let start = Array1::from_shape_fn(9, |i| 1.0 / (i as f64 + 1.5));
    let solution = smallest(start.clone(), None);
    let other = smallest(start, Some(&solution));
    let second = other.dot(&squares.dot(&other));
    let h = [0, 1, 2].map(|i| [0, 1, 2].map(|j| solution[3 * i + j]));
    let found = restored(h, from, to);
    let flat = found.inverse().is_none() || !found.0.iter().flatten().all(|a| a.is_finite());
    if second <= 1e-10 * trace || flat { Err(HomographyError::Degenerate) } else { Ok(found) }
}

/// Makes the sum of squared distances in both images least: from where points go to where they should, and back (the symmetric transfer
/// error), by L-BFGS on a tape. Distances in an image count in units of its points' spread, so that both images count alike. Begins at a
/// homography that is nearly right.
///
/// # Errors
/// As [`homography_dlt`], or if `h` has no inverse.
pub fn refine_homography(h: &Homography, from: &[Point], to: &[Point]) -> Result<Homography, HomographyError> {
    check(from, to)?;
    let (Some((a, from)), Some((b, to))) = (normalized(from), normalized(to)) else { return Err(HomographyError::Degenerate) };
    let inverse = |m: [[f64; 3]; 3]| Homography(m).inverse().map(|h| h.0).ok_or(HomographyError::Degenerate);
    let start = Homography(product(product(to, h.0), inverse(from)?)).scaled();
    inverse(start.0)?;
    let columns = |points: &[Point]| Array2::from_shape_fn((3, points.len()), |(i, j)| if i == 2 { 1.0 } else { points[j][i] });
    let (a, b) = (columns(&a), columns(&b));
    let (param, mut tape) = (Param::new("homography", arr2(&start.0)), Tape::new());
    let loss_of = |tape: &Tape<f64>| {
        let (h, a, b) = (tape.param(&param), tape.constant(&a), tape.constant(&b));
        let there = mapped(h, a) - b.narrow(0, 0, 2);
        let back = mapped(h.inv(), b) - a.narrow(0, 0, 2);
        let loss = there.square().sum() + back.square().sum();
        (loss.item(), tape.backward(loss))
    };
    let options = LbfgsOptions { strong_wolfe: true, max_iter: 100, tolerance_grad: 1e-12, tolerance_change: 1e-15, ..Default::default() };
    // (A step to where the loss is not finite is never accepted.)
    Lbfgs::with(options).step(std::slice::from_ref(&param), || {
        tape.reset();
        loss_of(&tape)
    });
    let values = param.to_array();
    let refined = restored([0, 1, 2].map(|i| [0, 1, 2].map(|j| values[[i, j]])), from, to);
    let usable = refined.0.iter().flatten().all(|a| a.is_finite()) && refined.inverse().is_some();
    Ok(if usable { refined } else { h.scaled() })
}

/// Where columns (x, y, 1) go: `[3, n]` to `[2, n]`.
fn mapped<'t>(h: Var<'t, f64>, points: Var<'t, f64>) -> Var<'t, f64> {
    let images = h.matmul(points);
    let rows = [0, 1].map(|i| images.narrow(0, i, 1) / images.narrow(0, 2, 1));
    stack(&rows.map(|r| r.squeeze(0)), 0)
}

/// How [`find_homography`] looks for the pairs that are right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RansacOptions {
    /// The largest distance in pixels from where a point goes to where it should, above 0; default 3.
    pub threshold: f64,
    /// With this probability a sample without a wrong pair is found; default 0.999. With 1, all samples are drawn.
    pub confidence: f64,
    /// The largest number of samples; default 2000.
    pub max_trials: usize,
    /// What the samples are drawn from; default 0.
    pub seed: u64,
}

impl Default for RansacOptions {
    fn default() -> Self {
        RansacOptions { threshold: 3.0, confidence: 0.999, max_trials: 2000, seed: 0 }
    }
}

/// What [`find_homography`] found.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundHomography {
    /// The map.
    pub homography: Homography,
    /// For each pair, whether it agrees with the map.
    pub inliers: Vec<bool>,
    /// Samples that were tried.
    pub trials: usize,
}

impl FoundHomography {
    /// How many pairs agree.
    pub fn count(&self) -> usize {
        self.inliers.iter().filter(|i| **i).count()
    }
}

/// The homography with which most pairs of points agree, though many may be wrong. Samples of four pairs are drawn; each that is not
/// degenerate gives a homography, and the one is kept from which all pairs lie least far, where a distance counts no more than the threshold
/// (RANSAC by M. A. Fischler and R. C. Bolles, 1981, with the cost of P. H. S. Torr and A. Zisserman's MSAC, 2000). The more pairs agree, the
/// fewer samples are needed. The result is then fitted to all that agree: by [`homography_dlt`] and [`refine_homography`].
///
/// ```
/// use wengert::vision::features::{RansacOptions, find_homography};
/// let from: Vec<_> = (0..20).map(|i| [(i % 5 * 20) as f64, (i / 5 * 30) as f64]).collect();
/// let mut to: Vec<_> = from.iter().map(|[x, y]| [0.5 * x + 10.0, 0.5 * y]).collect();
/// to[3] = [90.0, 90.0]; // wrong
/// let found = find_homography(&from, &to, RansacOptions::default())?;
/// assert_eq!((found.count(), found.inliers[3]), (19, false));
/// assert!((found.homography.0[0][2] - 10.0).abs() < 1e-6);
/// # Ok::<(), wengert::vision::features::HomographyError>(())
/// ```
///
/// # Errors
/// If there are fewer than four pairs, a number is not finite, fewer than four pairs agree with any homography, or an option is out of its
/// range.
pub fn find_homography(from: &[Point], to: &[Point], options: RansacOptions) -> Result<FoundHomography, HomographyError> {
    check(from, to)?;
    let (Some((a, by_a)), Some((b, by_b))) = (normalized(from), normalized(to)) else { return Err(HomographyError::Degenerate) };
    let RansacOptions { threshold, confidence, max_trials, seed } = options;
    let bad = |name, value, hint| Err(HomographyError::BadOption { name, value, hint });
    if !(threshold > 0.0 && threshold.is_finite()) {
        return bad("threshold", threshold, "it is a distance above 0, in pixels");
    }
    if !(0.0..=1.0).contains(&confidence) {
        return bad("confidence", confidence, "it is a probability");
    }
    let n = from.len();
    let limit = threshold * threshold;
    // The squared distance from where each point goes to where it should. (NaN, a point at infinity, counts as far.)
    let errors = |h: Homography| {
        from.iter().zip(to).map(move |(p, q)| {
            let [x, y] = h.apply(*p);
            (x - q[0]).powi(2) + (y - q[1]).powi(2)
        })
    };
    let agree = |h: Homography| errors(h).map(|e| e <= limit).collect::<Vec<bool>>();
    let mut rng = seeded(seed);
    let (mut best, mut trials, mut needed) = (None, 0, max_trials);
    let mut least = f64::INFINITY;
    while trials < needed {
        trials += 1;
        let mut sample = [0; 4];
        for k in 0..4 {
            sample[k] = rng.random_range(0..n as u64) as usize;
            while sample[..k].contains(&sample[k]) {
                sample[k] = rng.random_range(0..n as u64) as usize;
            }
        }
        let Some(h) = of_four(sample.map(|i| a[i]), sample.map(|i| b[i])) else { continue };
        let h = restored(h, by_a, by_b);
        let cost: f64 = errors(h).map(|e| if e <= limit { e } else { limit }).sum();
        if cost < least {
            least = cost;
            let share = errors(h).filter(|e| *e <= limit).count() as f64 / n as f64;
            // (`ln_1p`, because the chance of a clean sample may be below the precision of 1.)
            let wanted = (1.0 - confidence).ln() / (-share.powi(4)).ln_1p();
            needed = if wanted.is_nan() { needed } else { max_trials.min(wanted.ceil().max(1.0) as usize) };
            best = Some(h);
        }
    }
    let none = HomographyError::NoConsensus { trials, pairs: n };
    let Some(homography) = best else { return Err(none) };
    let mut found = FoundHomography { homography, inliers: agree(homography), trials };
    if found.count() < 4 {
        return Err(none);
    }
    // Fitted to what agrees, until that stays the same.
    for _ in 0..10 {
        let of = |points: &[Point]| points.iter().zip(&found.inliers).filter(|(_, i)| **i).map(|(p, _)| *p).collect::<Vec<_>>();
        let (from, to) = (of(from), of(to));
        let Ok(fitted) = homography_dlt(&from, &to).and_then(|h| refine_homography(&h, &from, &to)) else { break };
        let next = FoundHomography { homography: fitted, inliers: agree(fitted), trials };
        if next.count() < found.count() {
            break;
        }
        let settled = next.inliers == found.inliers;
        found = next;
        if settled {
            break;
        }
    }
    Ok(found)
}

/// The homography of four pairs: of both sides, the one that makes their points (1, 0, 0), (0, 1, 0), (0, 0, 1) and (1, 1, 1). `None` if three
/// of a side are nearly on a line, or only some of the triangles are turned over, which no view of a plane does.
fn of_four(from: [Point; 4], to: [Point; 4]) -> Option<[[f64; 3]; 3]> {
    let area = |p: [Point; 4], [i, j, k]: [usize; 3]| (p[j][0] - p[i][0]) * (p[k][1] - p[i][1]) - (p[j][1] - p[i][1]) * (p[k][0] - p[i][0]);
    let areas = [[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]].map(|t| (area(from, t), area(to, t)));
    let turned = areas.iter().filter(|(a, b)| a * b < 0.0).count();
    if areas.iter().any(|(a, b)| a.abs().min(b.abs()) < 1e-3) || ![0, 4].contains(&turned) {
        return None;
    }
    let frame = |p: [Point; 4]| {
        let columns = [[p[0][0], p[1][0], p[2][0]], [p[0][1], p[1][1], p[2][1]], [1.0; 3]];
        let weights = adjugate(columns).map(|row| row[0] * p[3][0] + row[1] * p[3][1] + row[2]);
        columns.map(|row| [0, 1, 2].map(|i| row[i] * weights[i]))
    };
    Some(product(frame(to), adjugate(frame(from))))
}
