//! Images, drawing and histograms of gradients.

use super::{Case, NUMBERS, SIZES, all, holds, pairs, told};
use crate::harness::alone;
use wengert::Tape;
use wengert::ndarray::{Array2, Array3};
use wengert::vision::hog::{HogOptions, hog, hog_image};
use wengert::vision::image::{
    ResizeOptions, box_sums, distinct_colors, draw_bounding_boxes, draw_line, draw_polygon, integral_image, resize, to_u8,
};

fn gray() -> Array3<u8> {
    Array3::zeros((1, 8, 9))
}

/// The shape of what is made of an image of 8 x 9 pixels.
fn made(f: impl for<'t> FnOnce(wengert::Var<'t>) -> wengert::Var<'t>) -> Vec<usize> {
    let tape = Tape::new();
    f(tape.constant(Array2::from_elem((8, 9), 0.5f32))).shape().to_vec()
}

#[test]
fn images_of_extreme_sizes() {
    let _alone = alone();
    all(
        &pairs(&SIZES),
        &[
            ("resize", &|(a, b)| holds(made(|x| resize(x, [a, b], ResizeOptions::default())) == [a, b])),
            ("resize", &|(a, b)| {
                let plain = ResizeOptions { antialias: false, ..Default::default() };
                holds(made(|x| resize(x, [a, b], plain)) == [a, b])
            }),
            ("box_sums", &|(a, b)| holds(made(|x| box_sums(integral_image(x), &[[0, 0, a, b]])) == [1])),
            ("hog", &|(a, b)| {
                let options = HogOptions { pixels_per_cell: [a, b], cells_per_block: [1, 1], ..Default::default() };
                holds(made(|x| hog(x, &options)).len() == 5)
            }),
            ("hog", &|(a, b)| {
                let options = HogOptions { pixels_per_cell: [1, 1], cells_per_block: [a, b], ..Default::default() };
                holds(made(|x| hog(x, &options)).len() == 5)
            }),
            ("hog_image", &|(a, b)| holds(hog_image(&Array3::<f32>::zeros((1, 2, 1)), [a, b]).dim() == (a, 2 * b))),
        ],
    );
    all(
        &SIZES,
        &[
            ("hog", &|n| {
                let options = HogOptions { orientations: n, cells_per_block: [1, 1], ..Default::default() };
                holds(made(|x| hog(x, &options)) == [1, 1, 1, 1, n])
            }),
            ("hog", &|n| {
                let options = HogOptions { channel_axis: Some(n as isize), cells_per_block: [1, 1], ..Default::default() };
                holds(made(|x| hog(x.unsqueeze(0), &options)).len() == 5)
            }),
            ("distinct_colors", &|n| holds(distinct_colors(n, n as u64).len() == n)),
            ("draw_line", &|n| {
                let mut image = gray();
                draw_line(&mut image, [3.0, 3.0], [4.0, 3.0], [255; 3], n);
                holds(image[[0, 3, 3]] == 255)
            }),
        ],
    );
}

#[test]
fn drawing_of_extreme_numbers() {
    let _alone = alone();
    let cases: [Case<'_, (f64, f64)>; 4] = [
        ("draw_line", &|(a, b)| {
            draw_line(&mut gray(), [a, b], [b, a], [9; 3], 3);
            Ok(())
        }),
        ("draw_polygon", &|(a, b)| {
            draw_polygon(&mut gray(), &[[a, b], [1.0, 2.0], [b, b]], [9; 3], 1);
            Ok(())
        }),
        ("draw_bounding_boxes", &|(a, b)| {
            draw_bounding_boxes(&mut gray(), &[[a, a, b, b]], &[[9; 3]], 2);
            Ok(())
        }),
        ("", &|(a, b)| holds(to_u8(&wengert::ndarray::arr1(&[a, b])).len() == 2)),
    ];
    all(&pairs(&NUMBERS), &cases);
}

#[cfg(feature = "image")]
#[test]
fn image_files_of_extreme_sizes() {
    use wengert::vision::image::{ImageReadMode, decode_image};
    let _alone = alone();
    all(
        &pairs(&SIZES),
        &[
            ("", &|(a, b)| told(decode_image(format!("P5 {a} {b} 255\n").as_bytes(), ImageReadMode::Rgb))),
            ("", &|(a, b)| told(decode_image(format!("P6 1 1 {a}\n{b}").as_bytes(), ImageReadMode::Gray))),
        ],
    );
}
