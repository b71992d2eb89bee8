//! Keypoints, descriptors and matches of made images.

use crate::kit::helpers::{on_threads, refusal};
use ndarray::{Array2, s};
use wengert::vision::features::{Keypoint, MatchOptions, Sift, Surf, match_descriptors};

/// Soft blobs of several sizes.
fn blobs(height: usize, width: usize) -> Array2<u8> {
    Array2::from_shape_fn((height, width), |(y, x)| {
        let blob = |k: u32| {
            let [a, b] = [k * 7919 % 1013, k * 3571 % 997].map(|v| v as f32 / 1000.0);
            let (size, sign) = (1.5 + (k % 4) as f32, if k.is_multiple_of(2) { 70.0 } else { -70.0 });
            let (dy, dx) = (y as f32 - a * height as f32, x as f32 - b * width as f32);
            sign * (-(dx * dx + 1.5 * dy * dy + 0.7 * dx * dy) / (2.0 * size * size)).exp()
        };
        (128.0 + (1..90).map(blob).sum::<f32>()).clamp(0.0, 255.0) as u8
    })
}

type Found = (Vec<Keypoint>, Array2<f32>);

fn both() -> [fn(&Array2<u8>) -> Found; 2] {
    [|x| Sift::new().detect_and_compute(x.view()), |x| Surf::new().detect_and_compute(x.view())]
}

/// A quarter turn moves the keypoints, and leaves the descriptors nearly as they are.
#[test]
fn a_turned_image_matches() {
    let image = blobs(90, 120);
    let turned = image.t().slice(s![.., ..;-1]).to_owned(); // clockwise: row y goes to column height - 1 - y
    for (find, name) in both().into_iter().zip(["sift", "surf"]) {
        let (a, b) = (find(&image), find(&turned));
        let matches = match_descriptors(a.1.view(), b.1.view(), MatchOptions::default());
        assert!(matches.len() >= 10 && matches.len() * 10 >= a.0.len() * 7, "{name}: {} of {}", matches.len(), a.0.len());
        let right = matches.iter().filter(|m| {
            let (p, q) = (a.0[m.first], b.0[m.second]);
            let turn = (q.angle - p.angle - 90.0).rem_euclid(360.0);
            (89.0 - p.y - q.x).hypot(p.x - q.y) < 1.0 && turn.min(360.0 - turn) < 10.0 && (p.size / q.size - 1.0).abs() < 0.1
        });
        // A few blobs look like others.
        assert!(right.count() * 100 >= matches.len() * 95, "{name}");
    }
}

/// A bright disk has a keypoint in its middle, of its size.
#[test]
fn a_disk_is_found() {
    for (x0, y0, radius) in [(40.0, 35.0, 5.0), (50.25, 44.5, 8.0), (47.0, 50.0, 12.0)] {
        // Five by five points in each pixel, so that the disk lies between pixels, too.
        let light = |y: usize, x: usize| {
            let inside = |i: usize| {
                let (dy, dx) = ((i / 5) as f32 / 5.0 - 0.4, (i % 5) as f32 / 5.0 - 0.4);
                (x as f32 + dx - x0).hypot(y as f32 + dy - y0) < radius
            };
            (0..25).filter(|i| inside(*i)).count() as f32 / 25.0
        };
        let image = Array2::from_shape_fn((96, 96), |(y, x)| (40.0 + 160.0 * light(y, x)).round() as u8);
        // (The filters of SURF for the largest do not fit beside the edges.)
        for find in both().into_iter().take(if radius < 10.0 { 2 } else { 1 }) {
            let (keypoints, _) = find(&image);
            let middle = keypoints.iter().find(|k| (k.x - x0).hypot(k.y - y0) < 0.3);
            assert!(middle.is_some(), "{x0} {y0} {radius}: {keypoints:?}");
        }
        // The Laplacian of a disk is largest for sigma = radius / sqrt(2).
        let sizes: Vec<f32> =
            Sift::new().detect(image.view()).iter().filter(|k| (k.x - x0).hypot(k.y - y0) < 0.3).map(|k| k.size).collect();
        assert!(sizes.iter().any(|s| (s / (radius * 2f32.sqrt()) - 1.0).abs() < 0.25), "{radius}: {sizes:?}");
    }
}

#[test]
fn images_without_keypoints() {
    for (height, width) in [(0, 0), (0, 9), (9, 0), (1, 1), (1, 500), (5, 5), (6, 6), (7, 40), (33, 64)] {
        for find in both() {
            let (keypoints, descriptors) = find(&Array2::from_elem((height, width), 77));
            assert!(keypoints.is_empty() && descriptors.nrows() == 0, "{height} x {width}");
            // And with something in them they do not panic.
            let (keypoints, descriptors) = find(&Array2::from_shape_fn((height, width), |(y, x)| (y * 37 + x * x * 11) as u8));
            assert!(descriptors.iter().all(|d| d.is_finite()) && descriptors.nrows() == keypoints.len());
        }
    }
    let (keypoints, _) = Sift::new().contrast_threshold(0.0).detect_and_compute(Array2::from_elem((40, 40), 9).view());
    assert!(keypoints.is_empty());
    assert!(Surf::new().threshold(0.0).detect(Array2::zeros((80, 80)).view()).is_empty());
}

/// The bits do not depend on the number of threads.
#[test]
fn threads() {
    let image = blobs(120, 150);
    for find in both() {
        let one = on_threads(1, || find(&image));
        assert!(one.0.len() > 20);
        assert!([2, 3, 8, 32].into_iter().all(|threads| on_threads(threads, || find(&image)) == one));
    }
}

/// Descriptors of given keypoints are those that were found with them; keypoints may lie anywhere.
#[test]
fn computed_for_given_keypoints() {
    let image = blobs(90, 100);
    let odd = |k: Keypoint| {
        let place = |x, y, size, octave| Keypoint { x, y, size, octave, ..k };
        vec![place(-500.0, 3.0, 4.0, 0), place(0.0, 0.0, 1e30, 90), place(1e30, 1e30, 5.0, -7), place(50.0, 50.0, 1e-30, 0), k]
    };
    let sift = Sift::new();
    let (keypoints, descriptors) = sift.detect_and_compute(image.view());
    assert_eq!(sift.compute(image.view(), &keypoints), descriptors);
    assert!(descriptors.iter().all(|d| d.fract() == 0.0 && (0.0..=255.0).contains(d)));
    let given = sift.compute(image.view(), &odd(keypoints[0]));
    assert!(given.iter().all(|d| d.is_finite()) && given.row(0).sum() == 0.0);
    assert_eq!(given.row(4), descriptors.row(0));
    assert_eq!(sift.compute(Array2::zeros((0, 0)).view(), &keypoints).sum(), 0.0);

    let surf = Surf::new();
    let (keypoints, descriptors) = surf.detect_and_compute(image.view());
    assert_eq!(surf.compute(image.view(), &keypoints), descriptors);
    assert!(descriptors.rows().into_iter().all(|d| (d.dot(&d) - 1.0).abs() < 1e-5));
    let given = surf.compute(image.view(), &odd(keypoints[0]));
    assert!(given.iter().all(|d| d.is_finite()) && given.row(0).sum() == 0.0);

    let nan = Keypoint { x: f32::NAN, ..keypoints[0] };
    for text in [
        refusal(|| drop(Sift::new().compute(blobs(30, 30).view(), &[nan]))),
        refusal(|| drop(Surf::new().compute(blobs(30, 30).view(), &[Keypoint { size: 0.0, ..keypoints[0] }]))),
        refusal(|| _ = Sift::new().octave_layers(0)),
        refusal(|| _ = Sift::new().sigma(f64::NAN)),
        refusal(|| _ = Surf::new().layers(2)),
    ] {
        assert!(text.contains("features.rs") && text.contains("hint: "), "{text}");
    }
}

#[test]
fn options() {
    let image = blobs(90, 100);
    for (all, some) in [
        (Sift::new().detect(image.view()), Sift::new().features(5).detect_and_compute(image.view())),
        (Surf::new().detect(image.view()), Surf::new().features(5).detect_and_compute(image.view())),
    ] {
        assert_eq!((some.0.len(), some.1.nrows()), (5, 5));
        let least = some.0.iter().map(|k| k.response).fold(f32::INFINITY, f32::min);
        assert!(all.iter().filter(|k| k.response > least).count() <= 5 && some.0.iter().all(|k| all.contains(k)));
    }
    let all = Sift::new().detect(image.view()).len();
    assert!(Sift::new().contrast_threshold(0.1).detect(image.view()).len() < all);
    assert!(Sift::new().edge_threshold(2.0).detect(image.view()).len() < all);
    for sift in [Sift::new().octave_layers(1), Sift::new().octave_layers(5), Sift::new().sigma(0.5), Sift::new().sigma(4.0)] {
        assert!(!sift.detect_and_compute(image.view()).0.is_empty(), "{sift:?}");
    }
}

#[test]
fn matches() {
    let rows = |values: &[f32]| Array2::from_shape_vec((values.len(), 1), values.to_vec()).unwrap();
    let (a, b) = (rows(&[0.0, 10.0, 10.5, 30.0]), rows(&[10.1, 0.2, 29.0, 31.0, 50.0]));
    let found = |options| match_descriptors(a.view(), b.view(), options).iter().map(|m| (m.first, m.second)).collect::<Vec<_>>();
    assert_eq!(found(MatchOptions::default()), [(0, 1), (1, 0)]); // 10.5 is not 10.1's nearest; 30 has two
    assert_eq!(found(MatchOptions { cross_check: false, ..Default::default() }), [(0, 1), (1, 0), (2, 0)]);
    assert_eq!(found(MatchOptions { max_ratio: 1.0, ..Default::default() }), [(0, 1), (1, 0), (3, 2)]);
    // Equal rows, one row, none, and more than a block.
    let same = rows(&[1.0, 1.0]);
    assert!(match_descriptors(same.view(), same.view(), MatchOptions::default()).is_empty());
    assert!(match_descriptors(a.view(), rows(&[1.0]).view(), MatchOptions::default()).is_empty());
    assert_eq!(match_descriptors(a.view(), rows(&[1.0]).view(), MatchOptions { max_ratio: 2.0, cross_check: true }).len(), 1);
    assert!(match_descriptors(a.view(), Array2::zeros((0, 1)).view(), MatchOptions { max_ratio: 2.0, cross_check: true }).is_empty());
    let many = Array2::from_shape_fn((1300, 3), |(i, j)| (i * (j + 3) % 1301) as f32);
    let all = match_descriptors(many.view(), many.view(), MatchOptions::default());
    assert!(all.len() == 1300 && all.iter().all(|m| m.first == m.second && m.distance == 0.0));
    let text = refusal(|| drop(match_descriptors(Array2::zeros((2, 3)).view(), Array2::zeros((2, 4)).view(), MatchOptions::default())));
    assert!(text.contains("descriptors of 3 and of 4 numbers") && text.contains("features.rs"), "{text}");
}

/// A descriptor that is not finite matches nothing, and takes nothing from the others.
#[test]
fn descriptors_that_are_not_finite_match_nothing() {
    for odd in [f32::NAN, f32::INFINITY] {
        let a = ndarray::array![[0.0, 1.0], [5.0, 5.0], [odd, 1.0]];
        let b = ndarray::array![[odd, odd], [0.0, 1.1], [5.0, 5.2]];
        let matches = match_descriptors(a.view(), b.view(), MatchOptions::default());
        assert_eq!(matches.iter().map(|m| (m.first, m.second)).collect::<Vec<_>>(), [(0, 1), (1, 2)], "{odd}");
    }
}

/// Whole turns more or less describe the same.
#[test]
fn angles_of_any_number_of_turns() {
    let image = blobs(60, 70);
    type Described<'a> = (Vec<Keypoint>, &'a dyn Fn(&[Keypoint]) -> Array2<f32>);
    let all: [Described<'_>; 2] = [
        (Sift::new().detect(image.view()), &|k| Sift::new().compute(image.view(), k)),
        (Surf::new().detect(image.view()), &|k| Surf::new().compute(image.view(), k)),
    ];
    for (keypoints, compute) in all {
        assert!(keypoints.len() > 3);
        // (Quarters, which f32 holds exactly at any number of turns.)
        let turned = |angle: f32| compute(&keypoints.iter().map(|k| Keypoint { angle, ..*k }).collect::<Vec<_>>());
        for angle in [0.0, 90.0, 270.0] {
            for turns in [-720.0, -360.0, 360.0, 3600.0] {
                let (a, b) = (turned(angle), turned(angle + turns));
                let most = a.iter().zip(&b).fold(0.0, |most: f32, (a, b)| most.max((a - b).abs()));
                assert!(most <= if a.ncols() == 128 { 0.0 } else { 1e-2 }, "{angle} and {turns} more: {most}");
            }
        }
    }
}
