//! Homographies from pairs of points.

use approx::assert_abs_diff_eq;
use rand::RngExt;
use wengert::init::seeded;
use wengert::vision::features::{Homography, HomographyError, Point, RansacOptions, find_homography, homography_dlt, refine_homography};

const H: Homography = Homography([[0.9, 0.3, 20.0], [-0.2, 1.1, 5.0], [1e-3, -5e-4, 1.0]]);

fn points(n: usize, seed: u64) -> Vec<Point> {
    let mut rng = seeded(seed);
    (0..n).map(|_| [rng.random_range(0.0..200.0), rng.random_range(0.0..150.0)]).collect()
}

fn differ(a: Homography, b: Homography) -> f64 {
    points(50, 99).into_iter().map(|p| (a.apply(p)[0] - b.apply(p)[0]).hypot(a.apply(p)[1] - b.apply(p)[1])).fold(0.0, f64::max)
}

#[test]
fn exact_points_give_the_map_back() {
    for n in [4, 5, 30] {
        let from = points(n, n as u64);
        let to: Vec<_> = from.iter().map(|p| H.apply(*p)).collect();
        let found = homography_dlt(&from, &to).unwrap();
        assert!(differ(found, H) < 1e-8, "{n}: {found:?}");
        assert!(differ(refine_homography(&found, &from, &to).unwrap(), H) < 1e-8);
    }
    // Far from the origin, and at other scales.
    let from: Vec<_> = points(9, 1).iter().map(|[x, y]| [1e6 + 1e-3 * x, y - 1e6]).collect();
    let to: Vec<_> = from.iter().map(|[x, y]| [2.0 * x - y, 1e5 * y]).collect();
    let found = homography_dlt(&from, &to).unwrap();
    for (p, q) in from.iter().zip(&to) {
        let [x, y] = found.apply(*p);
        assert!((x - q[0]).abs() < 1e-5 && ((y - q[1]) / 1e11).abs() < 1e-9, "{x} {y} {q:?}");
    }
}

/// The refined map has no larger symmetric transfer error, and errors near the noise.
#[test]
fn noise_is_averaged() {
    let mut rng = seeded(3);
    let from = points(60, 2);
    let to: Vec<_> = from.iter().map(|p| H.apply(*p).map(|c| c + rng.random_range(-1.0..1.0))).collect();
    let cost = |h: Homography| {
        let back = h.inverse().unwrap();
        let squared = |a: Point, b: Point| (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2);
        from.iter().zip(&to).map(|(p, q)| squared(h.apply(*p), *q) + squared(back.apply(*q), *p)).sum::<f64>()
    };
    let linear = homography_dlt(&from, &to).unwrap();
    let refined = refine_homography(&linear, &from, &to).unwrap();
    assert!(cost(refined) <= cost(linear), "{} {}", cost(refined), cost(linear));
    assert!(differ(refined, H) < 1.5, "{}", differ(refined, H));
}

#[test]
fn wrong_pairs_are_left_out() {
    let mut rng = seeded(5);
    let from = points(100, 4);
    let mut to: Vec<_> = from.iter().map(|p| H.apply(*p)).collect();
    to[..60].fill_with(|| [rng.random_range(0.0..200.0), rng.random_range(0.0..150.0)]);
    let found = find_homography(&from, &to, RansacOptions::default()).unwrap();
    assert!(found.inliers[60..].iter().all(|i| *i) && found.count() <= 43, "{}", found.count());
    assert!(found.trials < 2000, "{}", found.trials);
    assert!(differ(found.homography, H) < 0.5);
    assert_eq!(found, find_homography(&from, &to, RansacOptions::default()).unwrap());
    // A mirrored plane is found as well.
    let mirrored: Vec<_> = to.iter().map(|[x, y]| [-x, *y]).collect();
    assert!(find_homography(&from, &mirrored, RansacOptions::default()).unwrap().count() >= 40);
}

#[test]
fn errors() {
    let square = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
    assert_eq!(homography_dlt(&square[..3], &square[..3]), Err(HomographyError::TooFew(3)));
    assert_eq!(homography_dlt(&square, &square[..3]), Err(HomographyError::Unpaired { from: 4, to: 3 }));
    assert_eq!(homography_dlt(&[[0.0; 2]; 0], &[]), Err(HomographyError::TooFew(0)));
    let mut odd = square;
    odd[2][1] = f64::NAN;
    assert_eq!(homography_dlt(&square, &odd), Err(HomographyError::NotFinite(2)));
    assert_eq!(homography_dlt(&[[1.0, 1.0]; 5], &[[1.0, 1.0]; 5]), Err(HomographyError::Degenerate));
    let line: Vec<Point> = (0..6).map(|i| [f64::from(i), 2.0 * f64::from(i)]).collect();
    assert_eq!(homography_dlt(&line, &line), Err(HomographyError::Degenerate));
    let all_but_one = [[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [3.0, 0.0], [1.0, 1.0]];
    assert_eq!(homography_dlt(&all_but_one, &all_but_one), Err(HomographyError::Degenerate));
    assert!(matches!(find_homography(&line, &line, RansacOptions::default()), Err(HomographyError::NoConsensus { pairs: 6, .. })));
    let none = RansacOptions { max_trials: 0, ..Default::default() };
    assert!(matches!(find_homography(&square, &square, none), Err(HomographyError::NoConsensus { trials: 0, .. })));
}

#[test]
fn maps() {
    let back = H.inverse().unwrap();
    let [x, y] = back.apply(H.apply([30.0, 40.0]));
    assert_abs_diff_eq!(x, 30.0, epsilon = 1e-10);
    assert_abs_diff_eq!(y, 40.0, epsilon = 1e-10);
    assert_eq!(Homography([[1.0, 2.0, 0.0], [2.0, 4.0, 0.0], [0.0, 0.0, 1.0]]).inverse(), None);
}

/// With one right pair in two, but at first a sample that nearly nothing agrees with, of more pairs than the chance of a clean sample has digits.
#[test]
fn many_pairs_need_more_than_one_sample() {
    let mut rng = seeded(7);
    let from: Vec<Point> = (0..100_000).map(|_| [rng.random_range(0.0..4000.0), rng.random_range(0.0..4000.0)]).collect();
    let shift = Homography([[1.0, 0.0, 30.0], [0.0, 1.0, -20.0], [0.0, 0.0, 1.0]]);
    let mut wrong = || [rng.random_range(0.0..4000.0), rng.random_range(0.0..4000.0)];
    let to: Vec<_> = from.iter().enumerate().map(|(i, p)| if i % 2 == 0 { shift.apply(*p) } else { wrong() }).collect();
    for seed in 0..4 {
        let found = find_homography(&from, &to, RansacOptions { seed, ..Default::default() }).unwrap();
        assert!(found.count() >= 50_000 && differ(found.homography, shift) < 0.1, "{seed}: {} of {} trials", found.count(), found.trials);
    }
}

/// The direct linear transformation is the eigenvector of the smallest eigenvalue, also where wrong pairs make the next one nearly as small.
#[test]
fn the_linear_solution_has_settled() {
    // Points that are normalized as they are: a mean of 0, a mean distance of the root of 2.
    let normalized = |points: Vec<Point>| -> Vec<Point> {
        let n = points.len() as f64;
        let mean = [0, 1].map(|i| points.iter().map(|p| p[i]).sum::<f64>() / n);
        let spread = points.iter().map(|p| (p[0] - mean[0]).hypot(p[1] - mean[1])).sum::<f64>() / n;
        points.iter().map(|p| [0, 1].map(|i| (p[i] - mean[i]) * 2f64.sqrt() / spread)).collect()
    };
    for seed in 0..30 {
        let (from, to) = (normalized(points(12, seed)), normalized(points(12, seed + 100)));
        let Ok(Homography(h)) = homography_dlt(&from, &to) else { continue };
        let h: Vec<f64> = h.concat();
        let norm = h.iter().map(|a| a * a).sum::<f64>().sqrt();
        let h: Vec<f64> = h.iter().map(|a| a / norm).collect();
        let mut image = [0.0; 9]; // of h by the matrix of squares
        for ([x, y], [u, v]) in from.iter().zip(&to) {
            for row in [[*x, *y, 1.0, 0.0, 0.0, 0.0, -u * x, -u * y, -u], [0.0, 0.0, 0.0, *x, *y, 1.0, -v * x, -v * y, -v]] {
                let along: f64 = row.iter().zip(&h).map(|(a, b)| a * b).sum();
                image.iter_mut().zip(row).for_each(|(sum, a)| *sum += along * a);
            }
        }
        let value: f64 = image.iter().zip(&h).map(|(a, b)| a * b).sum();
        let rest = image.iter().zip(&h).map(|(a, b)| (a - value * b).powi(2)).sum::<f64>().sqrt();
        assert!(rest < 1e-9, "{seed}: {value} and {rest}");
    }
}

#[test]
fn options_that_are_not_usable_are_errors() {
    let from = points(9, 1);
    let with = |options| find_homography(&from, &from, options).unwrap_err().to_string();
    for threshold in [-3.0, 0.0, f64::NAN, f64::INFINITY] {
        let error = with(RansacOptions { threshold, ..Default::default() });
        assert_eq!(error, format!("RansacOptions: threshold is {threshold}; it is a distance above 0, in pixels"));
    }
    for confidence in [-0.1, 1.1, f64::NAN] {
        let error = with(RansacOptions { confidence, ..Default::default() });
        assert_eq!(error, format!("RansacOptions: confidence is {confidence}; it is a probability"));
    }
    let all = find_homography(&from, &from, RansacOptions { confidence: 1.0, max_trials: 7, ..Default::default() }).unwrap();
    assert_eq!(all.count(), 9);
}
