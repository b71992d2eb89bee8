//! Lines, polygons, boxes, colors and conversions of images.

use crate::kit::helpers::refusal;
use ndarray::{Array3, arr3, array, s};
use std::collections::HashSet;
use wengert::vision::image::{
    distinct_colors, draw_bounding_boxes, draw_line, draw_polygon, rgb_to_grayscale, to_float, to_gray, to_rgb, to_u8,
};
use wengert::{Options, check_grads};

fn empty(h: usize, w: usize) -> Array3<u8> {
    Array3::zeros((1, h, w))
}

fn set(image: &Array3<u8>) -> usize {
    image.iter().filter(|&&v| v > 0).count()
}

#[test]
fn boxes_in_their_colors() {
    let mut image = Array3::zeros((3, 5, 6));
    draw_bounding_boxes(&mut image, &[[1.0, 1.0, 4.0, 3.0], [0.0, 0.0, 0.0, 0.0]], &[[1, 2, 3], [4, 5, 6]], 1);
    let expected = array![[4, 0, 0, 0, 0, 0], [0, 1, 1, 1, 1, 0], [0, 1, 0, 0, 1, 0], [0, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0]];
    assert_eq!(image.slice(s![0, .., ..]), expected);
    assert_eq!(image.slice(s![2, .., ..]), expected.mapv(|v| if v == 0 { 0 } else { v + 2 }));
    // Corners in the other order make the same box.
    let mut again = Array3::zeros((3, 5, 6));
    draw_bounding_boxes(&mut again, &[[4.0, 3.0, 1.0, 1.0], [0.0; 4]], &[[1, 2, 3], [4, 5, 6]], 1);
    assert_eq!(image, again);
    // No boxes, and a gray image, in brightness.
    draw_bounding_boxes(&mut again, &[], &[], 1);
    assert_eq!(image, again);
    let mut gray = empty(5, 6);
    draw_bounding_boxes(&mut gray, &[[1.0, 1.0, 4.0, 3.0]], &[[255, 0, 0]], 1);
    assert_eq!((set(&gray), gray[[0, 1, 1]]), (10, 76));
}

#[test]
fn wide_lines_and_polygons() {
    let mut image = empty(7, 7);
    draw_line(&mut image, [1.0, 3.0], [5.0, 3.0], [255; 3], 3);
    assert_eq!(set(&image), 3 * 7);
    let mut image = empty(7, 7);
    draw_polygon(&mut image, &[[0.0, 0.0], [6.0, 0.0], [6.0, 6.0]], [255; 3], 1);
    assert_eq!(set(&image), 18);
    assert!((0..7).all(|i| image[[0, i, i]] == 255 && image[[0, 0, i]] == 255 && image[[0, i, 6]] == 255));
    let mut dot = empty(7, 7);
    draw_polygon(&mut dot, &[], [255; 3], 1);
    draw_polygon(&mut dot, &[[2.4, 2.6]], [255; 3], 1);
    assert_eq!((set(&dot), dot[[0, 3, 2]]), (1, 255));
}

/// A wide line is a square at each of its pixels.
#[test]
fn wide_lines_are_squares() {
    let ends = [[3.0, 4.0], [14.0, 6.0], [5.0, 15.0], [15.0, 15.0], [3.0, 9.0], [-3.0, 20.0]];
    for (from, to) in ends.iter().flat_map(|a| ends.iter().map(move |b| (*a, *b))) {
        let mut thin = empty(40, 40);
        let moved = |p: [f64; 2]| p.map(|v| v + 10.0);
        draw_line(&mut thin, moved(from), moved(to), [255; 3], 1);
        for width in [2, 3, 6] {
            let mut wide = empty(18, 17);
            draw_line(&mut wide, from, to, [255; 3], width);
            let near = |y: usize, x: usize| {
                let [low, high] = [width / 2, (width - 1) / 2]; // pixels of the line that are up to so many behind or ahead
                (y + 10 - low..=y + 10 + high).any(|y| (x + 10 - low..=x + 10 + high).any(|x| thin[[0, y, x]] > 0))
            };
            let expected = Array3::from_shape_fn((1, 18, 17), |(_, y, x)| if near(y, x) { 255 } else { 0 });
            assert_eq!(wide, expected, "{from:?} to {to:?}, {width} wide");
        }
    }
    // Squares wider than the image, at each of many pixels, take no longer than the pixels they add.
    draw_line(&mut empty(2000, 2000), [0.0, 0.0], [1999.0, 1500.0], [255; 3], usize::MAX);
}

/// A line may begin and end anywhere; its part inside is drawn, and nothing takes long.
#[test]
fn lines_that_leave_the_image() {
    let line = |from, to, width| {
        let mut image = empty(9, 9);
        draw_line(&mut image, from, to, [255; 3], width);
        image
    };
    assert_eq!(set(&line([-1e300, 4.0], [1e300, 4.0], 1)), 9);
    assert_eq!(set(&line([-1e12, -1e12], [1e12, 1e12], 1)), 9);
    line([f64::MIN, f64::MIN], [f64::MAX, f64::MAX], 1); // which pixels is beyond rounding
    assert_eq!(set(&line([-50.0, 4.0], [-2.0, 4.0], 1)), 0);
    assert_eq!(set(&line([4.0, 4.0], [4.0, 4.0], usize::MAX)), 81);
    assert_eq!(set(&line([1e9, 0.0], [1e9, 5.0], 1)), 0);
    draw_line(&mut empty(0, 5), [0.0, 0.0], [4.0, 4.0], [255; 3], 2);
}

#[test]
fn colors_differ() {
    let colors = distinct_colors(60, 7);
    assert_eq!(colors, distinct_colors(60, 7));
    assert_ne!(colors, distinct_colors(60, 8));
    assert_eq!(colors.iter().collect::<HashSet<_>>().len(), 60);
    assert_eq!(distinct_colors(5, 7), colors[..5]);
    let distance = |a: [u8; 3], b: [u8; 3]| (0..3).map(|i| a[i].abs_diff(b[i]) as u32).sum::<u32>();
    let nearest = (1..10).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| distance(colors[i], colors[j])).min().unwrap();
    assert!(nearest > 60, "{nearest}");
}

#[test]
fn conversions() {
    let bytes = Array3::from_shape_vec((1, 16, 16), (0..=255u8).collect()).unwrap();
    assert_eq!(to_u8(&to_float::<f32, _, _>(&bytes)), bytes);
    assert_eq!(to_u8(&to_float::<f64, _, _>(&bytes)), bytes);
    let edges = [-0.1, 1.1, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.5];
    assert_eq!(to_u8(&ndarray::arr1(&edges)).to_vec(), [0, 255, 0, 255, 0, 128]);
    let white = Array3::from_elem((4, 2, 2), 255u8);
    assert_eq!(to_gray(&white), Array3::from_elem((1, 2, 2), 255));
    assert_eq!(to_rgb(&arr3(&[[[7u8]], [[9]]])), arr3(&[[[7]], [[7]], [[7]]]));
    let x = Array3::from_shape_fn((3, 2, 4), |(c, y, x)| 0.1 * c as f64 + 0.3 * y as f64 - 0.2 * x as f64).into_dyn();
    check_grads(|x| rgb_to_grayscale(x[0]).square().sum(), &[x], Options::default()).map(drop).unwrap();
}

#[test]
fn refusals() {
    let text = refusal(|| draw_line(&mut empty(2, 2), [f64::NAN, 0.0], [0.0, 0.0], [0; 3], 1));
    assert!(text.contains("draw_line: [NaN, 0] is no position") && text.contains("draw.rs:"), "{text}");
    let text = refusal(|| draw_line(&mut Array3::zeros((2, 2, 2)), [0.0, 0.0], [0.0, 0.0], [0; 3], 1));
    assert!(text.contains("[1 or 3, height, width], not [2, 2, 2]"), "{text}");
    let text = refusal(|| draw_polygon(&mut empty(2, 2), &[], [0; 3], 0));
    assert!(text.contains("draw_polygon: the width is 0"), "{text}");
    let text = refusal(|| draw_bounding_boxes(&mut empty(2, 2), &[[0.0; 4]], &[], 1));
    assert!(text.contains("1 boxes, but no colors"), "{text}");
    let text = refusal(|| to_gray(&Array3::<u8>::zeros((5, 2, 2))));
    assert!(text.contains("to_gray: an image has a shape [channels, height, width] with 1 to 4 channels"), "{text}");
    let text = refusal(|| {
        let tape = wengert::Tape::<f32>::new();
        rgb_to_grayscale(tape.constant([[1.0]]));
    });
    assert!(text.contains("rgb_to_grayscale: a shape [.., 3, height, width] is needed, not [1, 1]"), "{text}");
}
