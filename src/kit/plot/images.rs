//! Filters and feature maps as grids of small grey images.

use super::{GREY, Picture, TITLE, picture, share, text, width_of};
use crate::io::png::png;
use crate::refusal::require;
use crate::{Scalar, Source};
use plotters::prelude::Text;
use plotters::style::text_anchor::HPos;

/// The largest number of small images that is drawn.
const MOST: usize = 256;

/// The weights `[filters, channels, height, width]` of a convolution: a small image for each filter and channel, numbered from 0 (`3.1` is
/// filter 3, channel 1). Grey is 0; black and white are the negative and positive largest absolute weight of all. Infinite weights are
/// black or white too, and NaN is red. Only the first 256 images are drawn.
///
/// ```
/// let weight = wengert::Param::<f32>::new("conv.weight", [[[[0.0, 1.0], [-1.0, 0.0]]], [[[1.0, 1.0], [-1.0, -1.0]]]]);
/// wengert::plot::filters("first layer", weight.to_array());
/// ```
///
/// # Panics
/// If the weights have another shape, there are none, or an image has more than 512 pixels on a side.
#[track_caller]
pub fn filters<T: Scalar>(title: &str, weights: impl Source<T>) -> Picture {
    let (shape, values) = read(weights);
    let message = || format!("filters: weights have a shape [filters, channels, height, width], not {shape:?}");
    require(shape.len() == 4, message, "those of a layer of images, such as `Conv2d::weight`");
    let [filters, channels, height, width] = [0, 1, 2, 3].map(|axis| shape[axis]);
    check_size("filters", &shape);
    let most = values.iter().filter(|v| v.is_finite()).fold(0.0f64, |m, v| m.max(v.abs()));
    let grey = |_: &[f64]| move |v: f64| if most > 0.0 { 0.5 + 0.5 * (v / most) } else { 0.5 };
    let columns = if (2..=16).contains(&channels) { Some(channels * (12 / channels).max(1)) } else { None }; // whole filters a row
    let name = |i: usize| if channels == 1 { i.to_string() } else { format!("{}.{}", i / channels, i % channels) };
    let scale = match most {
        0.0 | 1e-3..1e6 => format!("black {:.3}, grey 0, white {most:.3}", -most),
        _ => format!("black {:.3e}, grey 0, white {most:.3e}", -most),
    };
    grid(title, [filters * channels, height, width], columns, &scale, &values, name, grey)
}

/// The output of a layer for one image, `[channels, height, width]` (or with a first axis of size 1): a small image for each channel,
/// numbered from 0. Black is its smallest and white its largest finite value; infinities are black or white too, and NaN is red. Only the
/// first 256 are drawn.
///
/// ```
/// use wengert::{Conv2dOptions, Tape};
/// let tape = Tape::<f32>::new();
/// let (image, kernel) = (tape.constant([[[[0.0, 1.0, 1.0], [0.0, 1.0, 1.0], [0.0, 0.0, 1.0]]]]), tape.constant([[[[-1.0, 1.0]]]]));
/// let maps = image.conv2d(kernel, None, Conv2dOptions::default());
/// wengert::plot::feature_maps("edges", maps.value().view());
/// ```
///
/// # Panics
/// If the maps have another shape, there are none, or one has more than 512 pixels on a side.
#[track_caller]
pub fn feature_maps<T: Scalar>(title: &str, maps: impl Source<T>) -> Picture {
    let (shape, values) = read(maps);
    let message = || format!("feature_maps: maps have a shape [channels, height, width], not {shape:?}");
    let fits = matches!(shape[..], [_, _, _] | [1, _, _, _]);
    require(fits, message, "take one image of a batch: `maps.slice(at![0])`");
    let [channels, height, width] = [3, 2, 1].map(|last| shape[shape.len() - last]);
    check_size("feature_maps", &shape);
    let grey = |map: &[f64]| {
        let finite = || map.iter().copied().filter(|v| v.is_finite());
        let (low, high) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
        move |v: f64| if high > low { share(v, low, high) } else { 0.5 }
    };
    let scale = "each from its smallest value (black) to its largest (white)";
    grid(title, [channels, height, width], None, scale, &values, |i| i.to_string(), grey)
}

fn read<T: Scalar>(source: impl Source<T>) -> (Vec<usize>, Vec<f64>) {
    source.visit(|shape, values| (shape.to_vec(), values.iter().map(|v| v.to_f64()).collect()))
}

#[track_caller]
fn check_size(name: &str, shape: &[usize]) {
    let [.., height, width] = *shape else { unreachable!("three axes at least") };
    require(shape.iter().all(|&n| n > 0), || format!("{name}: there is nothing to draw in {shape:?}"), "an image has pixels");
    let message = || format!("{name}: {height} x {width} is more than the 512 x 512 pixels that are drawn for each");
    require(height.max(width) <= 512, message, "draw a part of it");
}

/// Draws the grid. For each image, `grey` makes a function from its values to grey levels from 0 to 1.
fn grid<G: Fn(f64) -> f64>(
    title: &str,
    [count, height, width]: [usize; 3],
    columns: Option<usize>,
    scale: &str,
    values: &[f64],
    name: impl Fn(usize) -> String,
    grey: impl Fn(&[f64]) -> G,
) -> Picture {
    const GAP: usize = 8;
    const NAME: usize = 16;
    let drawn = count.min(MOST);
    // Each pixel becomes a square of whole pixels. An image has about 56 pixels on a side, or more if there are few images.
    let side = if drawn <= 16 { 84 } else { 56 };
    let zoom = (side / height.max(width)).max(1);
    let (w, h) = (width * zoom, height * zoom);
    let step = (w + GAP).max(name(drawn - 1).len() * 7 + GAP);
    let wide = (900 / step).max(1);
    let columns = columns.unwrap_or_else(|| ((drawn as f64 * 1.6).sqrt().ceil() as usize).min(wide)).min(drawn);
    let rows = drawn.div_ceil(columns);
    let [sheet_w, sheet_h] = [columns * step - GAP, rows * (h + NAME + GAP) - GAP];

    let mut sheet = vec![255u8; sheet_w * sheet_h * 3];
    let corner = |i: usize| (i % columns * step + (step - GAP - w) / 2, i / columns * (h + NAME + GAP));
    for (i, image) in values.chunks_exact(height * width).take(drawn).enumerate() {
        let (grey, (left, top)) = (grey(image), corner(i));
        for (y, x) in (0..h).flat_map(|y| (0..w).map(move |x| (y, x))) {
            let v = image[y / zoom * width + x / zoom];
            let level = (grey(v).clamp(0.0, 1.0) * 255.0).round() as u8; // infinities are black and white
            let at = ((top + y) * sheet_w + left + x) * 3;
            sheet[at..at + 3].copy_from_slice(&if v.is_nan() { [220, 40, 40] } else { [level; 3] });
        }
    }
    let scale = if drawn < count { format!("{scale}; the first {drawn} of {count}") } else { scale.to_string() };
    let top = TITLE as usize + 22;
    let total = (sheet_w as i32 + 40).max(width_of(title, 20) + 40).max(width_of(&scale, 14) + 40);
    let left = (total as usize - sheet_w) / 2;
    let mut picture = picture(title, [total, (top + sheet_h + 14) as i32], |area| {
        area.draw(&Text::new(scale, (total / 2, TITLE + 4), text(14, GREY, HPos::Center)))?;
        for i in 0..drawn {
            let (x, y) = corner(i);
            let at = ((left + x + w / 2) as i32, (top + y + h + NAME / 2 + 2) as i32);
            area.draw(&Text::new(name(i), at, text(12, GREY, HPos::Center)))?;
        }
        Ok(())
    });
    // One image for the whole grid, below the names: thousands of squares would make a file of megabytes.
    let data = base64(&png([sheet_h, sheet_w], 3, &sheet));
    let image = format!(
        r#"<image x="{left}" y="{top}" width="{sheet_w}" height="{sheet_h}" style="image-rendering:pixelated" href="data:image/png;base64,{data}"/>"#
    );
    let after = picture.svg.find("<text").expect("a title");
    picture.svg.insert_str(after, &(image + "\n"));
    picture
}

/// Base64 (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = (0..3).fold(0u32, |bits, i| bits << 8 | u32::from(three.get(i).copied().unwrap_or(0)));
        for i in 0..4 {
            text.push(if i <= three.len() { char::from(DIGITS[(bits >> (18 - 6 * i) & 63) as usize]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_the_standard() {
        let words = ["", "f", "fo", "foo", "foob", "fooba", "foobar"].map(|w| base64(w.as_bytes()));
        assert_eq!(words, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"]);
    }
}
