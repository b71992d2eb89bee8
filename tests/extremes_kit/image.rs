//! Images, drawing and histograms of gradients.

use super::{Case, NUMBERS, SIZES, all, holds, pairs, told};
use crate::harness::alone;
use wengert::Tape;
use wengert::ndarray::{Array2, Array3};
use wengert::nn::{self, Module};
use wengert::vision::detection::{FastRcnnPredictor, FeaturePyramidNetwork, RpnHead, TwoMlpHead};
use wengert::vision::hog::{HogOptions, hog, hog_image};
use wengert::vision::image::{
    ResizeOptions, box_sums, distinct_colors, draw_bounding_boxes, draw_line, draw_polygon, integral_image, resize, to_u8,
};
use wengert::vision::{
    AnchorGenerator, RoiAlignOptions, gaussian_blur, gaussian_kernel1d, gaussian_pyramid, nms, ps_roi_align, ps_roi_pool, pyr_up,
    roi_align, roi_pool,
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
fn filters_and_regions_of_extreme_sizes() {
    let _alone = alone();
    let rois = [[0.0f32, 1.0, 2.0, 7.0, 8.0]];
    fn map(x: wengert::Var<'_>) -> wengert::Var<'_> {
        x.unsqueeze(0).unsqueeze(0)
    }
    all(
        &pairs(&SIZES),
        &[
            ("gaussian_blur", &|(a, b)| holds(made(|x| gaussian_blur(x, [a, b], [1.0; 2])) == [8, 9])),
            ("pyr_up", &|(a, b)| holds(made(|x| pyr_up(x, [a, b])) == [a, b])),
            ("roi_align", &|(a, b)| holds(made(|x| roi_align(map(x), rois, [a, b], Default::default())) == [1, 1, a, b])),
            ("roi_pool", &|(a, b)| holds(made(|x| roi_pool(map(x), rois, [a, b], 1.0)) == [1, 1, a, b])),
            ("ps_roi_align", &|(a, b)| holds(made(|x| ps_roi_align(map(x), rois, [a, b], 1.0, None)) == [1, 1, a, b])),
            ("ps_roi_pool", &|(a, b)| holds(made(|x| ps_roi_pool(map(x), rois, [a, b], 1.0)) == [1, 1, a, b])),
            ("AnchorGenerator", &|(a, b)| {
                let anchors = AnchorGenerator::new(vec![vec![8.0]], vec![1.0]).grid_anchors::<f32>([a, b], &[[2, 3]]);
                holds(anchors.dim() == (6, 4))
            }),
            ("AnchorGenerator", &|(a, b)| {
                let anchors = AnchorGenerator::new(vec![vec![8.0]], vec![1.0]).grid_anchors::<f32>([20, 30], &[[a, b]]);
                holds(anchors.dim() == (a * b, 4))
            }),
            ("Conv2d", &|(a, b)| {
                let fpn = FeaturePyramidNetwork::<f32>::new(&[a], b, &mut super::rng());
                holds(fpn.out_channels() == b)
            }),
            ("Conv2d", &|(a, b)| holds(RpnHead::<f32>::new(a, b, &mut super::rng()).parameter_count() == 9 * a * a + a + 5 * (a * b + b))),
            ("Linear", &|(a, b)| holds(TwoMlpHead::<f32>::new(a, b, &mut super::rng()).parameter_count() == a * b + b * b + 2 * b)),
            ("Linear", &|(a, b)| holds(FastRcnnPredictor::<f32>::new(a, b, &mut super::rng()).parameter_count() == 5 * (a * b + b))),
            ("", &|(a, b)| holds(nn::SegNet::<f32>::with_channels(a, &[b], 3, 2, &mut super::rng()).parameter_count() > 0)),
        ],
    );
    all(
        &SIZES,
        &[
            ("gaussian_kernel1d", &|n| holds(gaussian_kernel1d(n, 1.0).len() == n)),
            ("roi_align", &|n| {
                let options = RoiAlignOptions { sampling_ratio: Some(n), ..Default::default() };
                holds(made(|x| roi_align(map(x), rois, [2, 2], options)) == [1, 1, 2, 2])
            }),
            ("pyr_down", &|n| holds(gaussian_pyramid(Tape::<f32>::new().zeros([3, 3]), n).len() == n + 1)),
        ],
    );
}

#[test]
fn regions_and_boxes_of_extreme_numbers() {
    let _alone = alone();
    let map = |tape: &Tape<f64>, roi: [f64; 5]| {
        let map = tape.full([1, 4, 5, 6], 1.0);
        let sums = [roi_align(map, [roi], [2, 2], Default::default()), roi_pool(map, [roi], [2, 2], 1.0)];
        holds(sums.iter().all(|y| y.to_vec().iter().all(|y| (-1e-9..1.0 + 1e-9).contains(y))))
    };
    let corners = |what: &str, f: &dyn Fn(f64, f64) -> Result<(), String>| all(&pairs(&NUMBERS), &[(what, &|(a, b)| f(a, b))]);
    corners("roi_align", &|a, b| map(&Tape::new(), [0.0, a, 1.0, b, 3.0]));
    corners("roi_align", &|a, b| map(&Tape::new(), [a, 1.0, b, 4.0, 3.0]));
    corners("", &|a, b| holds((1..=2).contains(&nms([[a, a, b, b], [0.0, 1.0, a, b]], [a, b], b).len())));
    corners("gaussian_kernel1d", &|a, _| holds((gaussian_kernel1d(5, a).iter().sum::<f64>() - 1.0).abs() < 1e-9));
    corners("AnchorGenerator", &|a, b| {
        let anchors = AnchorGenerator::new(vec![vec![a]], vec![b]).cell_anchors::<f32>();
        holds(anchors[0].iter().all(|x| x.is_finite()))
    });
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
