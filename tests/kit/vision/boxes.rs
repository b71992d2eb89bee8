//! Boxes, suppression, regions: derivatives, special cases, refusals, threads.

use crate::kit::helpers::{on_threads, refusal};
use ndarray::{Array1, Array2, ArrayD, IxDyn, array};
use rand::RngExt;
use wengert::vision::*;
use wengert::{Options, Reduction, Tape, Var, check_grads, init};

/// Boxes in general position: no two of their coordinates are equal.
fn boxes(n: usize, seed: u64) -> Array2<f64> {
    let rng = &mut init::seeded(seed);
    let mut all = Array2::zeros((n, 4));
    for mut row in all.rows_mut() {
        let [x, y, w, h] = [0.0..20.0, 0.0..20.0, 2.0..15.0, 2.0..15.0].map(|range| rng.random_range(range));
        row.assign(&array![x, y, x + w, y + h]);
    }
    all
}

fn differentiable(inputs: &[ArrayD<f64>], f: impl for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>) {
    if let Err(e) = check_grads(f, inputs, Options::default()) {
        panic!("{e}");
    }
}

#[test]
fn overlaps_have_derivatives_in_both_arguments() {
    let [a, b] = [boxes(3, 1).into_dyn(), boxes(2, 2).into_dyn()];
    differentiable(&[a.clone(), b.clone()], |v| box_iou(v[0], v[1]));
    differentiable(&[a.clone(), b.clone()], |v| generalized_box_iou(v[0], v[1]));
    differentiable(&[a, b], |v| distance_box_iou(v[0], v[1]));
    let [a, b] = [boxes(4, 3).into_dyn(), boxes(4, 4).into_dyn()];
    differentiable(&[a.clone(), b.clone()], |v| generalized_box_iou_loss(v[0], v[1], Reduction::None));
    differentiable(&[a.clone(), b.clone()], |v| distance_box_iou_loss(v[0], v[1], Reduction::Mean));
    // The weight of the complete IoU is a constant in the derivative, so differences would disagree; its value is torchvision's.
    let tape = Tape::new();
    let (x, y) = (tape.leaf(&a), tape.leaf(&b));
    let grads = tape.grad(complete_box_iou_loss(x, y, Reduction::Sum), &[x, y]);
    assert!(grads.iter().all(|g| g.unwrap().to_vec().iter().all(|g| g.is_finite())));
}

#[test]
fn formats_codes_and_the_focal_loss_have_derivatives() {
    let [a, b] = [boxes(4, 5).into_dyn(), boxes(4, 6).into_dyn()];
    let coder = BoxCoder::new([10.0, 10.0, 5.0, 5.0]);
    differentiable(&[a.clone(), b.clone()], |v| coder.encode(v[0], v[1]));
    differentiable(&[(&a - 10.0) / 10.0, b.clone()], |v| coder.decode(v[0], v[1]));
    differentiable(std::slice::from_ref(&a), |v| box_convert(v[0], BoxFormat::Xyxy, BoxFormat::Cxcywh) * box_area(v[0]).unsqueeze(-1));
    differentiable(std::slice::from_ref(&a), |v| clip_boxes_to_image(v[0], [17, 11]));
    let targets = a.mapv(|x| if x > 15.0 { 1.0 } else { 0.0 });
    for alpha in [None, Some(0.25)] {
        for gamma in [0.0, 1.5, 2.0] {
            let options = FocalLossOptions { alpha, gamma, reduction: Reduction::Mean };
            differentiable(&[(&a - 12.0) / 5.0], |v| sigmoid_focal_loss(v[0], v[0].tape().constant(&targets), options));
        }
    }
}

#[test]
fn regions_have_derivatives() {
    let map = ArrayD::from_shape_fn(IxDyn(&[2, 8, 5, 6]), |i| ((i[0] * 240 + i[1] * 30 + i[2] * 6 + i[3]) as f64 * 0.618).fract());
    let rois = array![[0.0, 0.3, 0.4, 4.1, 3.9], [1.0, -3.0, 2.0, 9.0, 11.0], [1.0, 4.0, 3.0, 2.0, 1.0], [0.0, 90.0, 90.0, 99.0, 99.0]];
    for aligned in [false, true] {
        for sampling_ratio in [None, Some(1), Some(3)] {
            let options = RoiAlignOptions { spatial_scale: 0.9, sampling_ratio, aligned };
            differentiable(std::slice::from_ref(&map), |v| roi_align(v[0], &rois, [2, 3], options).square());
        }
    }
    differentiable(std::slice::from_ref(&map), |v| ps_roi_align(v[0], &rois, [2, 2], 1.0, None).square());
    differentiable(std::slice::from_ref(&map), |v| ps_roi_pool(v[0], &rois, [2, 2], 1.0).square());
    differentiable(&[map], |v| roi_pool(v[0], &rois, [2, 3], 1.0).square());
}

/// A map that is a linear function is read exactly, at the centers of the bins.
#[test]
fn a_linear_map_is_read_exactly() {
    let tape = Tape::new();
    let map = tape.constant(ArrayD::from_shape_fn(IxDyn(&[1, 1, 9, 9]), |i| 3.0 * i[2] as f64 - i[3] as f64));
    let options = RoiAlignOptions { aligned: true, ..Default::default() };
    let y = roi_align(map, [[0.0, 1.0, 2.0, 7.0, 8.0]], [3, 3], options).to_array();
    for (i, j) in [(0, 0), (1, 2), (2, 1)] {
        let [row, column] = [2.0 + 2.0 * (i as f64 + 0.5) - 0.5, 1.0 + 2.0 * (j as f64 + 0.5) - 0.5];
        assert!((y[[0, 0, i, j]] - (3.0 * row - column)).abs() < 1e-12, "{y}");
    }
}

#[test]
fn nothing_is_fine() {
    let tape = Tape::<f32>::new();
    let (none, five) = (Array2::<f32>::zeros((0, 4)), Array2::<f32>::zeros((0, 5)));
    assert!(nms(&none, Array1::zeros(0), 0.5).is_empty() && batched_nms(&none, Array1::zeros(0), &[], 0.5).is_empty());
    assert_eq!(box_iou(tape.leaf(&none), tape.leaf([[0.0, 0.0, 1.0, 1.0]])).shape(), [0, 1]);
    assert_eq!(generalized_box_iou_loss(tape.leaf(&none), tape.leaf(&none), Reduction::Sum).item(), 0.0);
    for loss in [generalized_box_iou_loss, distance_box_iou_loss, complete_box_iou_loss] {
        let boxes = tape.leaf(&none);
        let mean = loss(boxes, tape.leaf(&none), Reduction::Mean);
        assert_eq!((mean.item(), tape.grad(mean, &[boxes])[0].map_or(0.0, |g| g.sum().item())), (0.0, 0.0)); // NaN would spoil a step
    }
    let map = tape.leaf(ArrayD::ones(IxDyn(&[1, 4, 3, 3])));
    for y in [
        roi_align(map, &five, [7, 7], Default::default()).sum(),
        roi_pool(map, &five, [7, 7], 1.0).sum(),
        ps_roi_pool(map, &five, [2, 2], 1.0).sum(),
        MultiScaleRoiAlign::new([7, 7], Some(2)).forward(&[map], &five, [12, 12]).sum(),
    ] {
        assert_eq!((y.item(), tape.grad(y, &[map])[0].map_or(0.0, |g| g.sum().item())), (0.0, 0.0));
    }
    let matcher = Matcher { high: 0.7, low: 0.3, allow_low_quality_matches: true };
    assert_eq!(matcher.matches(Array2::<f32>::zeros((0, 3))), [Match::BelowLow; 3]);
    assert!(matcher.matches(Array2::<f32>::zeros((3, 0))).is_empty());
    // An object that nothing overlaps is matched with nothing.
    assert_eq!(matcher.matches([[0.0, 0.8], [0.0, 0.0]]), [Match::BelowLow, Match::Object(0)]);
}

/// Regions far larger than memory could sample are read where the map is.
#[test]
fn huge_regions() {
    let tape = Tape::<f64>::new();
    let map = tape.leaf(ArrayD::ones(IxDyn(&[1, 1, 3, 3])));
    for corner in [1e6, 1e12, 1e300, f64::MAX] {
        let y = roi_align(map, [[0.0, -corner, -corner, corner, corner]], [1, 1], Default::default()).item();
        // Four samples for each pixel's length lie on the map, and as many between its first pixel and the edge: (3 + 1)^2 of (2 corner)^2.
        let expected = 16.0 / (2.0 * corner).powi(2);
        assert!((y - expected).abs() <= 0.6 * expected, "{corner}: {y}");
        assert_eq!(roi_pool(map, [[0.0, -corner, -corner, corner, corner]], [1, 1], 1.0).item(), 1.0, "{corner}");
    }
    // Regions that would read more than memory holds are refused.
    let tape = Tape::<f32>::new();
    let map = tape.full([1, 1, 4000, 4000], 1.0);
    let rois = Array2::from_shape_fn((1000, 5), |(_, j)| if j > 2 { 4000.0 } else { 0.0 });
    let text = refusal(|| roi_align(map, &rois, [1, 1], Default::default()).shape());
    assert!(text.contains("roi_align: there is no memory for 16000000000 weights of pixels, of 1000 regions"), "{text}");
    assert_eq!(roi_align(map, &rois, [1, 1], RoiAlignOptions { sampling_ratio: Some(2), ..Default::default() }).shape(), [1000, 1, 1, 1]);
}

/// Whether a bin has one more row is decided in the precision of the arrays, as in torchvision, whose numbers these are (0.29.2): 7 bins of regions
/// of so many rows of a map whose pixels are the numbers of their rows.
#[test]
fn bins_are_rounded_in_the_precision_of_the_map() {
    let tape = Tape::<f32>::new();
    let map = tape.constant(ArrayD::from_shape_fn(IxDyn(&[1, 1, 60, 2]), |i| i[2] as f32));
    for (height, last) in [(28.0, 27.0), (29.0, 28.0), (57.0, 57.0), (58.0, 57.0)] {
        let y = roi_pool(map, [[0.0, 0.0, 0.0, 1.0, height - 1.0]], [7, 1], 1.0).to_vec();
        assert_eq!(y[6], last, "{height} rows");
    }
}

/// An overlap in f32 is compared with the threshold itself and not with its nearest neighbor in f32, as in torchvision.
#[test]
fn thresholds_are_not_rounded() {
    for (threshold, kept) in [(0.1, 1), (0.2, 1), (0.3, 1), (0.4, 1), (0.5, 2), (0.6, 1), (0.7, 2), (0.8, 1), (0.9, 2)] {
        let boxes = [[0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 10.0, 10.0 * threshold as f32]];
        assert_eq!(nms(boxes, [0.9f32, 0.8], threshold).len(), kept, "{threshold}");
        assert_eq!(batched_nms(boxes, [0.9f32, 0.8], &[3, 3], threshold).len(), kept, "{threshold}");
    }
}

/// What suppression keeps is what a plain loop keeps, on any number of threads, also with ties, empty boxes and NaN.
#[test]
fn suppression() {
    let rng = &mut init::seeded(7);
    for n in [1, 2, 17, 300, 1500] {
        let mut all = boxes(n, n as u64).mapv(|x| (x * 2.0).round());
        let mut scores = Array1::from_shape_simple_fn(n, || f64::from(rng.random_range(0..40)));
        if n > 20 {
            all[[3, 1]] = f64::NAN;
            scores[5] = f64::NAN;
            all.row_mut(7).fill(3.0);
        }
        let expected = plainly(&all, &scores, 0.4);
        for threads in [1, 3, 8] {
            assert_eq!(on_threads(threads, || nms(&all, &scores, 0.4)), expected, "{n} boxes on {threads} threads");
        }
    }
}

fn plainly(boxes: &Array2<f64>, scores: &Array1<f64>, threshold: f64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    let rank = |i: &usize| if scores[*i].is_nan() { f64::INFINITY } else { scores[*i] };
    order.sort_by(|a, b| rank(b).total_cmp(&rank(a)));
    let area = |i: usize| (boxes[[i, 2]] - boxes[[i, 0]]) * (boxes[[i, 3]] - boxes[[i, 1]]);
    let mut kept: Vec<usize> = Vec::new();
    for i in order {
        let overlaps = |&j: &usize| {
            let side = |k: usize| (boxes[[i, k + 2]].min(boxes[[j, k + 2]]) - boxes[[i, k]].max(boxes[[j, k]])).max(0.0);
            let intersection = side(0) * side(1);
            intersection / (area(i) + area(j) - intersection) > threshold
        };
        if !kept.iter().any(overlaps) {
            kept.push(i);
        }
    }
    kept
}

/// The same bits on any number of threads, forwards and backwards.
#[test]
fn regions_on_threads() {
    let run = || {
        let tape = Tape::<f32>::new();
        let map = tape.leaf(ArrayD::from_shape_fn(IxDyn(&[2, 70, 40, 40]), |i| ((i[1] * 1600 + i[2] * 40 + i[3]) as f32 * 0.618).fract()));
        let rois = Array2::from_shape_fn((60, 5), |(i, j)| match j {
            0 => (i % 2) as f32,
            1 | 2 => (i * 7 % 23) as f32,
            _ => (i * 7 % 23 + i % 19) as f32,
        });
        let all = [
            roi_align(map, &rois, [7, 7], Default::default()),
            roi_pool(map, &rois, [7, 7], 1.0),
            ps_roi_align(map, &rois, [7, 5], 1.0, None),
            ps_roi_pool(map, &rois, [5, 7], 1.0),
        ];
        all.map(|y| (y.to_vec(), tape.grad(y.square(), &[map])[0].unwrap().to_vec()))
    };
    let one = on_threads(1, run);
    for threads in [2, 3, 8, 32] {
        assert!(one == on_threads(threads, run), "{threads} threads");
    }
}

/// The maps of a small image may have the same scale: it is rounded to a power of two.
#[test]
fn maps_of_small_images() {
    let tape = Tape::<f64>::new();
    let maps = [10, 5, 3, 2].map(|n| tape.full([1, 1, n, n], n as f64));
    assert_eq!(MultiScaleRoiAlign::scales(&maps, [40, 40]), [0.25, 0.125, 0.0625, 0.0625]);
    let rois = [[0.0, 0.0, 0.0, 40.0, 40.0], [0.0, 0.0, 0.0, 9.0, 9.0]];
    let pooler = MultiScaleRoiAlign { canonical_scale: 10.0, canonical_level: 3, ..MultiScaleRoiAlign::new([1, 1], Some(1)) };
    assert_eq!(pooler.forward(&maps, rois, [40, 40]).to_vec(), [3.0, 10.0]);
    // Only the first maps are read.
    let two = MultiScaleRoiAlign { maps: Some(2), ..pooler };
    assert_eq!(two.forward(&maps, rois, [40, 40]).to_vec(), [5.0, 10.0]);
}

#[test]
fn refusals() {
    let tape = Tape::<f64>::new();
    let (map, three) = (tape.leaf(ArrayD::ones(IxDyn(&[1, 4, 3, 3]))), tape.leaf([[0.0; 3]]));
    let four = tape.leaf([[0.0, 0.0, 1.0, 1.0]]);
    let rois = [[0.0, 0.0, 0.0, 1.0, 1.0]];
    type Case<'a> = (Box<dyn Fn() + 'a>, &'a str);
    let cases: Vec<Case<'_>> = vec![
        (Box::new(|| ignore(box_area(three))), "box_area: boxes have a shape [.., 4], not [1, 3]"),
        (Box::new(|| ignore(box_iou(three, four))), "box_iou: two lists of boxes have shapes [n, 4] and [m, 4]"),
        (Box::new(|| ignore(distance_box_iou_loss(four, three, Reduction::Sum))), "have one shape [.., 4]"),
        (Box::new(|| ignore(nms([[0.0; 4]; 2], [0.5], 0.5))), "nms: scores of shape [1] for 2 boxes"),
        (Box::new(|| ignore(nms([0.0; 4], [0.5], 0.5))), "nms: boxes have a shape [n, 4], not [4]"),
        (Box::new(|| ignore(batched_nms([[0.0; 4]], [0.5], &[], 0.5))), "batched_nms: 0 numbers of classes for 1 boxes"),
        (Box::new(|| ignore(roi_align(four, rois, [7, 7], Default::default()))), "a map has a shape [images, channels, height, width]"),
        (Box::new(|| ignore(roi_align(map, [[0.0; 4]], [7, 7], Default::default()))), "regions have a shape [k, 5], not [1, 4]"),
        (Box::new(|| ignore(roi_align(map, [[1.0; 5]], [7, 7], Default::default()))), "region 0 is [1.0, 1.0, 1.0, 1.0, 1.0], of 1 images"),
        (Box::new(|| ignore(roi_pool(map, [[0.0, f64::NAN, 0.0, 1.0, 1.0]], [7, 7], 1.0))), "region 0 is [0.0, NaN"),
        (Box::new(|| ignore(roi_align(map, rois, [7, 0], Default::default()))), "regions of [7, 0] bins"),
        (Box::new(|| ignore(roi_align(map, rois, [usize::MAX, 2], Default::default()))), "too large"),
        (Box::new(|| ignore(ps_roi_align(map, rois, [1, 1], 1.0, Some(0)))), "a sampling_ratio of 0"),
        (Box::new(|| ignore(ps_roi_pool(map, rois, [3, 1], 1.0))), "4 channels for [3, 1] bins"),
        (Box::new(|| ignore(MultiScaleRoiAlign::scales(&[map, tape.zeros([1, 4, 1, 1])], [12, 12]))), "each map has half the height"),
        (Box::new(|| ignore(MultiScaleRoiAlign::new([7, 7], None).levels(rois, &[0.25, 0.5]))), "maps of the scales [0.25, 0.5]"),
        (Box::new(|| ignore(box_convert(three, BoxFormat::Xywh, BoxFormat::Xywh))), "box_convert: boxes have a shape [.., 4], not [1, 3]"),
        (Box::new(|| ignore(AnchorGenerator::new(vec![vec![8.0]], vec![1e-300]))), "is no size or ratio"),
        (
            Box::new(|| ignore(AnchorGenerator::new(vec![vec![3e38]], vec![1e30]).cell_anchors::<f32>())),
            "an anchor of the sizes [3e38] and the ratios [1e30] is not finite",
        ),
        (Box::new(|| ignore(AnchorGenerator::new(vec![vec![0.0]], vec![1.0]))), "0 is no size or ratio"),
        (
            Box::new(|| ignore(AnchorGenerator::new(vec![vec![8.0]], vec![1.0]).grid_anchors::<f32>([4, 4], &[[0, 1]]))),
            "a map of size [0, 1] of an image of size [4, 4]",
        ),
        (
            Box::new(|| ignore(AnchorGenerator::new(vec![vec![8.0]], vec![1.0]).grid_anchors::<f32>([4, 4], &[[1 << 20; 2]; 1]))),
            "too large",
        ),
        (Box::new(|| ignore(BoxCoder::new([1.0; 4]).decode(three, four))), "BoxCoder::decode: codes [n, 4 k]"),
        (Box::new(|| ignore(Matcher { high: 0.2, low: 0.3, allow_low_quality_matches: false }.matches([[0.5]]))), "low is 0.3, above high"),
    ];
    for (f, what) in cases {
        let text = refusal(f);
        assert!(text.contains(what) && text.contains("tests/kit/vision/boxes.rs:") && text.contains("hint: "), "{what}: {text}");
    }
}

fn ignore<R>(_: R) {}
