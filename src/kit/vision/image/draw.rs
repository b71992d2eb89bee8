//! Draws lines, polygons and boxes on images of bytes.

use super::color::luma;
use crate::init::seeded;
use crate::refusal::{elements, require};
use ndarray::Array3;
use rand::RngExt;
use std::ops::Range;

/// Draws a straight line between two positions `[x, y]`, ends included, of so many pixels width. What lies outside of the image is not
/// drawn. On an image of 3 channels in this color (red, green, blue), on one of 1 channel in its brightness ([`to_gray`](super::to_gray)).
///
/// ```
/// use wengert::ndarray::{Array3, arr3};
/// let mut image = Array3::<u8>::zeros((1, 3, 5));
/// wengert::vision::image::draw_line(&mut image, [0.0, 0.0], [4.0, 2.0], [9, 9, 9], 1);
/// assert_eq!(image, arr3(&[[[9, 0, 0, 0, 0], [0, 9, 9, 0, 0], [0, 0, 0, 9, 9]]]));
/// ```
///
/// # Panics
/// If a position is not finite, the width is 0, or the image has neither 1 nor 3 channels.
#[track_caller]
pub fn draw_line(image: &mut Array3<u8>, from: [f64; 2], to: [f64; 2], color: [u8; 3], width: usize) {
    check("draw_line", image, &[from, to], width);
    line(image, from, to, color, width);
}

/// Draws the outline of a polygon: lines from each corner `[x, y]` to the next, and from the last to the first; as [`draw_line`]. Without
/// corners nothing is drawn, with one a dot.
///
/// # Panics
/// As [`draw_line`].
#[track_caller]
pub fn draw_polygon(image: &mut Array3<u8>, corners: &[[f64; 2]], color: [u8; 3], width: usize) {
    check("draw_polygon", image, corners, width);
    polygon(image, corners, color, width);
}

/// Draws the outlines of boxes `[x1, y1, x2, y2]`, each in its color; the colors begin again if there are more boxes. As [`draw_line`].
/// torchvision: `draw_bounding_boxes`.
///
/// # Panics
/// As [`draw_line`], and if there are boxes but no colors.
#[track_caller]
pub fn draw_bounding_boxes(image: &mut Array3<u8>, boxes: &[[f64; 4]], colors: &[[u8; 3]], width: usize) {
    let corners = |&[x1, y1, x2, y2]: &[f64; 4]| [[x1, y1], [x2, y1], [x2, y2], [x1, y2]];
    let all: Vec<_> = boxes.iter().map(corners).collect();
    check("draw_bounding_boxes", image, all.as_flattened(), width);
    require(
        boxes.is_empty() || !colors.is_empty(),
        || format!("draw_bounding_boxes: {} boxes, but no colors", boxes.len()),
        "`&distinct_colors(boxes.len(), 1)`, or one for all: `&[[255, 0, 0]]`",
    );
    for (corners, &color) in all.iter().zip(colors.iter().cycle()) {
        polygon(image, corners, color, width);
    }
}

/// So many bright colors that are easily told apart, always the same for a seed: hues at steps of the golden ratio, from a random one on.
///
/// # Panics
/// If there is no memory for so many.
#[track_caller]
pub fn distinct_colors(count: usize, seed: u64) -> Vec<[u8; 3]> {
    elements::<[u8; 3]>("distinct_colors", &[count]);
    let golden = 0.618_033_988_749_894_9;
    let first: f64 = seeded(seed).random();
    // Neighbors differ in brightness too: three levels, in turn.
    let color = |i: usize| hue((first + golden * i as f64).fract(), [1.0, 0.75, 0.9][i % 3]);
    (0..count).map(color).collect()
}

/// The color of a hue from 0 (red) over 1/3 (green) and 2/3 (blue) to 1 (red again), a little whitened.
fn hue(hue: f64, value: f64) -> [u8; 3] {
    [0.0, 4.0, 2.0].map(|shift| {
        let x = ((6.0 * hue + shift) % 6.0 - 3.0).abs() - 1.0;
        (255.0 * value * (0.15 + 0.85 * x.clamp(0.0, 1.0))).round() as u8
    })
}

#[track_caller]
fn check(name: &str, image: &Array3<u8>, points: &[[f64; 2]], width: usize) {
    let channels = image.dim().0;
    let message = || format!("{name}: an image has a shape [1 or 3, height, width], not {:?}", image.shape());
    require(matches!(channels, 1 | 3), message, "`to_rgb` makes three channels");
    let bad = points.iter().find(|p| !p.iter().all(|v| v.is_finite()));
    require(bad.is_none(), || format!("{name}: [{}, {}] is no position", bad.unwrap()[0], bad.unwrap()[1]), "leave out what is not finite");
    require(width > 0, || format!("{name}: the width is 0"), "1 is the thinnest line");
}

fn polygon(image: &mut Array3<u8>, corners: &[[f64; 2]], color: [u8; 3], width: usize) {
    for (i, &corner) in corners.iter().enumerate() {
        line(image, corner, corners[(i + 1) % corners.len()], color, width);
    }
}

fn line(image: &mut Array3<u8>, from: [f64; 2], to: [f64; 2], color: [u8; 3], width: usize) {
    let (channels, height, columns) = image.dim();
    let color = if channels == 1 { [luma(color); 3] } else { color };
    // A square of so many pixels is set around each pixel of the line; after the first, only the row and the column that it adds. A square wider
    // than twice the image looks the same, so the width is cut there, and what lies that far outside is left out.
    let width = width.min(2 * height.max(columns) + 1);
    let reach = width as f64;
    let Some([from, to]) = clip(from, to, [columns as f64 + reach, height as f64 + reach], -1.0 - reach) else { return };
    let [from, to] = [from, to].map(|p| p.map(|v| v.round() as i64));
    let within = |range: Range<i64>, size: usize| range.start.clamp(0, size as i64) as usize..range.end.clamp(0, size as i64) as usize;
    let square = |at: i64| at - (width as i64 - 1) / 2..at - (width as i64 - 1) / 2 + width as i64;
    // Of a square, what lies ahead if the one before was a pixel behind.
    let ahead =
        |at: i64, before: i64| if at > before { square(at).end - 1..square(at).end } else { square(at).start..square(at).start + 1 };
    let mut fill = |ys: Range<i64>, xs: Range<i64>| {
        for (y, x) in within(ys, height).flat_map(|y| within(xs.clone(), columns).map(move |x| (y, x))) {
            (0..channels).for_each(|c| image[[c, y, x]] = color[c]);
        }
    };
    fill(square(from[1]), square(from[0]));
    let mut before = from;
    for [x, y] in pixels_between(from, to) {
        if x != before[0] {
            fill(square(y), ahead(x, before[0]));
        }
        if y != before[1] {
            fill(ahead(y, before[1]), square(x));
        }
        before = [x, y];
    }
}

/// The part of a line within `low <= x, y` and `x <= high[0], y <= high[1]`: one bound after the other.
fn clip(mut from: [f64; 2], mut to: [f64; 2], high: [f64; 2], low: f64) -> Option<[[f64; 2]; 2]> {
    for (axis, bound, sign) in [(0, low, -1.0), (1, low, -1.0), (0, high[0], 1.0), (1, high[1], 1.0)] {
        let beyond = |p: [f64; 2]| sign * p[axis] > sign * bound;
        // Halves, since the difference of two large numbers may not be finite.
        let t = (bound / 2.0 - from[axis] / 2.0) / (to[axis] / 2.0 - from[axis] / 2.0);
        let mut cut = [0, 1].map(|a| if from[a] == to[a] { from[a] } else { from[a] * (1.0 - t) + to[a] * t });
        cut[axis] = bound;
        match (beyond(from), beyond(to)) {
            (true, true) => return None,
            (true, false) => from = cut,
            (false, true) => to = cut,
            (false, false) => {}
        }
    }
    Some([from, to])
}

/// The pixels of a line, both ends included. Source: J. E. Bresenham, "Algorithm for computer control of a digital plotter" (1965).
pub(crate) fn pixels_between([x0, y0]: [i64; 2], [x1, y1]: [i64; 2]) -> impl Iterator<Item = [i64; 2]> {
    let (dx, dy) = ((x1 - x0).abs(), (y1 - y0).abs());
    let steep = dy > dx;
    let (long, short) = if steep { (dy, dx) } else { (dx, dy) };
    let (sx, sy) = (if x1 > x0 { 1 } else { -1 }, if y1 > y0 { 1 } else { -1 });
    let (mut x, mut y, mut error) = (x0, y0, 2 * short - long);
    (0..=long).map(move |_| {
        let here = [x, y];
        while error >= 0 && long > 0 {
            if steep {
                x += sx
            } else {
                y += sy
            }
            error -= 2 * long;
        }
        if steep {
            y += sy
        } else {
            x += sx
        }
        error += 2 * short;
        here
    })
}
