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
    for at in 0..60 {
        to[at] = [rng.random_range(0.0..200.0), rng.random_range(0.0..150.0)];
    }
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
    let nan = RansacOptions { threshold: f64::NAN, ..Default::default() };
    assert!(matches!(find_homography(&square, &square, nan), Err(HomographyError::NoConsensus { .. })));
}

#[test]
fn maps() {
    let back = H.inverse().unwrap();
    let [x, y] = back.apply(H.apply([30.0, 40.0]));
    assert_abs_diff_eq!(x, 30.0, epsilon = 1e-10);
    assert_abs_diff_eq!(y, 40.0, epsilon = 1e-10);
    assert_eq!(Homography([[1.0, 2.0, 0.0], [2.0, 4.0, 0.0], [0.0, 0.0, 1.0]]).inverse(), None);
}
