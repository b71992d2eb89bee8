//! Detectors: images without objects, of several sizes, targets that cannot be learned, names, resumed runs, threads.

use crate::kit::helpers::{on_threads, refusal};
use ndarray::{Array2, Array3, array};
use wengert::nn::{BatchNorm2d, Conv2d, Forward, Module, Relu, Sequential};
use wengert::optim::Adam;
use wengert::prelude::*;
use wengert::vision::AnchorGenerator;
use wengert::vision::detection::*;
use wengert::{Param, init};

/// A detector of two classes with two small maps, of strides 4 and 8.
fn detector(seed: u64) -> FasterRcnn {
    let rng = &mut init::seeded(seed);
    let mut body = Sequential::new();
    for (from, to, stride) in [(3, 8, 4), (8, 12, 2)] {
        let conv = Conv2d::new(from, to, 3, rng).stride(stride).padding(1);
        body = body.push(Sequential::new().push(conv).push(BatchNorm2d::new(to)).push(Relu));
    }
    let mut options = FasterRcnnOptions { representation_size: 16, ..FasterRcnnOptions::default() };
    options.anchors = AnchorGenerator::new(vec![vec![8.0], vec![16.0]], vec![0.5, 1.0]);
    options.rpn.train = ProposalFilter::new(60, 30);
    options.roi_heads.sampler.batch_size_per_image = 16;
    FasterRcnn::new(Pyramid::new(body, &[(0, 8), (1, 12)], 8, rng), 3, options, rng)
}

fn images() -> [Array3<f32>; 3] {
    [(40, 56), (64, 32), (33, 47)]
        .map(|(h, w)| Array3::from_shape_fn((3, h, w), |(c, y, x)| ((c * 91 + y * 7 + x * 3) as f32 * 0.618).fract() - 0.5))
}

fn targets() -> [BoxTarget; 3] {
    let boxes = array![[4.0, 5.0, 20.0, 30.0], [10.0, 2.0, 25.0, 12.0]];
    [BoxTarget { boxes: boxes.clone(), labels: vec![1, 2] }, BoxTarget::none(), BoxTarget { boxes, labels: vec![2, 2] }]
}

/// A step of training; gives the losses.
fn step(model: &FasterRcnn, optimizer: &mut Adam, images: &[Array3<f32>], targets: &[BoxTarget]) -> [f32; 4] {
    let tape = Tape::new();
    let losses = model.losses(&ImageList::pad(&tape, images, 16), targets).unwrap();
    let grads = tape.backward(losses.total());
    optimizer.step(&model.parameters(), &grads);
    [losses.objectness, losses.rpn_box_reg, losses.classifier, losses.box_reg].map(|loss| loss.item())
}

fn bits(model: &FasterRcnn) -> Vec<u32> {
    let params = model.parameters();
    params.iter().flat_map(|p| p.to_array()).map(f32::to_bits).collect()
}

#[test]
fn names_are_torchvisions() {
    let names: Vec<String> = detector(1).named_parameters().into_iter().map(|(name, _)| name).collect();
    for name in [
        "backbone.body.0.0.weight",
        "backbone.fpn.inner_blocks.0.0.weight",
        "backbone.fpn.layer_blocks.1.0.bias",
        "rpn.head.conv.0.0.weight",
        "rpn.head.cls_logits.bias",
        "rpn.head.bbox_pred.weight",
        "roi_heads.box_head.fc6.weight",
        "roi_heads.box_head.fc7.bias",
        "roi_heads.box_predictor.cls_score.weight",
        "roi_heads.box_predictor.bbox_pred.bias",
    ] {
        assert!(names.iter().any(|n| n == name), "{name} is not among {names:?}");
    }
}

/// Images of different sizes, some or all without objects: losses are finite, every parameter has a gradient that is finite, and predictions lie in their image.
#[test]
fn images_without_objects_are_learned_from() {
    for targets in [targets(), [BoxTarget::none(), BoxTarget::none(), BoxTarget::none()]] {
        let (model, mut optimizer) = (detector(2), Adam::new(1e-3));
        let before = bits(&model);
        for _ in 0..3 {
            let losses = step(&model, &mut optimizer, &images(), &targets);
            assert!(losses.iter().all(|x| x.is_finite()), "{losses:?}");
            let empty = targets.iter().all(|t| t.labels.is_empty());
            assert_eq!(empty, losses[1] == 0.0 && losses[3] == 0.0, "{losses:?}");
        }
        let after = bits(&model);
        assert!(before != after && after.iter().all(|b| f32::from_bits(*b).is_finite()));
        let tape = Tape::new();
        for (found, [h, w]) in model.detect(&ImageList::pad(&tape, &images(), 16)).iter().zip([[40.0, 56.0], [64.0, 32.0], [33.0, 47.0]]) {
            assert!(found.scores.is_sorted_by(|a, b| a >= b) && found.labels.iter().all(|&l| l == 1 || l == 2));
            for b in found.boxes.rows() {
                assert!(0.0 <= b[0] && b[0] < b[2] && b[2] <= w && 0.0 <= b[1] && b[1] < b[3] && b[3] <= h, "{b}");
            }
        }
    }
}

/// Nothing proposed, nothing to be learned from: still no panic, and no NaN.
#[test]
fn no_proposals() {
    let mut model = detector(3);
    model.rpn.options.train.min_size = 1e9;
    model.rpn.options.test.min_size = 1e9;
    let losses = step(&model, &mut Adam::new(1e-3), &images(), &[BoxTarget::none(), BoxTarget::none(), BoxTarget::none()]);
    assert!(losses[0] > 0.0 && losses[1..] == [0.0; 3], "{losses:?}");
    let tape = Tape::new();
    assert!(model.detect(&ImageList::pad(&tape, &images(), 16)).iter().all(|found| found.labels.is_empty()));
}

#[test]
fn few_steps_find_one_object() {
    let (model, mut optimizer) = (detector(4), Adam::new(5e-3));
    let mut image = Array3::from_elem((3, 48, 48), -0.5);
    image.slice_mut(ndarray::s![.., 12..28, 16..36]).fill(1.0);
    let target = BoxTarget { boxes: array![[16.0, 12.0, 36.0, 28.0]], labels: vec![2] };
    for _ in 0..60 {
        step(&model, &mut optimizer, std::slice::from_ref(&image), std::slice::from_ref(&target));
    }
    model.eval();
    let tape = Tape::new();
    let found = model.detect(&ImageList::pad(&tape, &[image], 16)).swap_remove(0);
    assert_eq!(found.labels[0], 2, "{found:?}");
    let near = found.boxes.row(0).iter().zip(target.boxes.row(0)).all(|(a, b)| (a - b).abs() < 4.0);
    assert!(near && found.scores[0] > 0.5, "{found:?}");
    let mut precision = wengert::vision::coco::MeanAveragePrecision::new();
    precision.update(&found.to_coco(), &target.to_coco());
    assert!(precision.compute().ap50 > 1.0 - 1e-12);
}

#[test]
fn the_same_bits_on_any_number_of_threads() {
    let run = || {
        let (model, mut optimizer) = (detector(5), Adam::new(1e-3));
        step(&model, &mut optimizer, &images(), &targets());
        step(&model, &mut optimizer, &images(), &targets());
        bits(&model)
    };
    let one = on_threads(1, run);
    assert!([2, 3, 8].into_iter().all(|threads| on_threads(threads, run) == one));
}

/// The generators of the samplers are part of the state of a run.
#[test]
fn a_resumed_run_draws_the_same_anchors() {
    let (a, b) = (detector(6), detector(7));
    let mut optimizer = Adam::new(1e-3);
    step(&a, &mut optimizer, &images(), &targets());
    b.load_state(&a.state()).unwrap();
    b.load_generators(&a.generators()).unwrap();
    let [x, y] = [&a, &b].map(|model| step(model, &mut Adam::new(1e-3), &images(), &targets()));
    assert_eq!(x, y);
}

#[test]
fn targets_that_cannot_be_learned_are_errors() {
    let (model, tape) = (detector(8), Tape::new());
    let images = ImageList::pad(&tape, &images(), 16);
    let wrong = |boxes: Array2<f32>, labels: Vec<usize>| {
        let nodes = tape.stats();
        let error = model.losses(&images, &[BoxTarget::none(), BoxTarget { boxes, labels }, BoxTarget::none()]).unwrap_err();
        assert_eq!(format!("{nodes:?}"), format!("{:?}", tape.stats()), "nothing was computed");
        error.to_string()
    };
    let text = wrong(array![[1.0, 1.0, 5.0, 5.0], [1.0, 1.0, 5.0, 5.0]], vec![2, 3]);
    assert!(text.contains("image 1, box 1: class 3 is not from 1 to 2"), "{text}");
    let text = wrong(array![[1.0, 1.0, 5.0, 5.0]], vec![0]);
    assert!(text.contains("image 1, box 0: class 0"), "{text}");
    let text = wrong(array![[1.0, f32::NAN, 5.0, 5.0]], vec![1]);
    assert!(text.contains("image 1, box 0: [1.0, NaN, 5.0, 5.0] are not four finite numbers"), "{text}");
    let text = wrong(array![[1.0, 1.0, 1.0, 5.0]], vec![1]);
    assert!(text.contains("image 1, box 0: [1.0, 1.0, 1.0, 5.0] has no area"), "{text}");
    let text = wrong(array![[1.0, 1.0, 2.0, 5.0]], vec![]);
    assert!(text.contains("image 1: boxes of shape [1, 4] with 0 labels"), "{text}");
    let text = wrong(array![[1.0, 1.0, 2.0]], vec![1]);
    assert!(text.contains("image 1: boxes of shape [1, 3]"), "{text}");
    for outside in [array![[5000.0, 5000.0, 6000.0, 6000.0]], array![[-9.0, 1.0, 0.0, 5.0]], array![[-3e38, -3e38, 3e38, 3e38]]] {
        let text = wrong(outside, vec![1]);
        assert!(text.contains("image 1, box 0") && text.contains("lies outside of the image"), "{text}");
    }
    let error = model.losses(&images, &[BoxTarget::none()]).unwrap_err();
    assert_eq!(error, TargetError::Count { images: 3, targets: 1 });
}

/// A network of one map, in f64, with any other module as its head's input.
#[test]
fn a_backbone_of_one_map() {
    let rng = &mut init::seeded(9);
    let network = Sequential::<f64>::new().push(Conv2d::new(3, 8, 3, rng).stride(8).padding(1)).push(Relu);
    let options = FasterRcnnOptions {
        anchors: AnchorGenerator::new(vec![vec![8.0, 16.0]], vec![1.0]),
        representation_size: 8,
        ..FasterRcnnOptions::default()
    };
    let model = FasterRcnn::<f64>::new(SingleMap::new(network, 8), 2, options, rng);
    let tape = Tape::new();
    let images = ImageList::new(tape.full([2, 3, 32, 48], 0.25));
    let targets = [BoxTarget { boxes: array![[2.0, 3.0, 20.0, 22.0]], labels: vec![1] }, BoxTarget::none()];
    let losses = model.losses(&images, &targets).unwrap();
    let grads = tape.backward(losses.total());
    assert!(model.parameters().iter().all(|p| grads.get(p).is_some_and(|g| g.iter().all(|g| g.is_finite()))));
    assert_eq!(model.detect(&images).len(), 2);
}

/// The default options are those of five maps, of which the last finds large objects and is not read from.
#[test]
fn default_options_fit_a_pyramid_with_an_extra_level() {
    let rng = &mut init::seeded(4);
    let mut body = Sequential::<f32>::new();
    for (from, to) in [(3, 4), (4, 6), (6, 8), (8, 8), (8, 8)] {
        body = body.push(Conv2d::new(from, to, 3, rng).stride(2).padding(1));
    }
    let pyramid = Pyramid::new(body, &[(1, 6), (2, 8), (3, 8), (4, 8)], 8, rng).extra_level();
    let tape = Tape::new();
    let images = ImageList::new(tape.full([1, 3, 128, 96], 0.5));
    let maps = pyramid.maps(images.batch);
    assert_eq!(maps.iter().map(|m| m.size(-2)).collect::<Vec<_>>(), [32, 16, 8, 4, 2]);
    assert_eq!(maps[4].to_array()[[0, 5, 1, 1]], maps[3].to_array()[[0, 5, 2, 2]]);
    let options = FasterRcnnOptions { representation_size: 8, ..Default::default() };
    let model = FasterRcnn::new(pyramid, 3, options, rng);
    let target = BoxTarget { boxes: array![[2.0, 3.0, 90.0, 100.0]], labels: vec![2] };
    let losses = model.losses(&images, &[target]).unwrap();
    let grads = tape.backward(losses.total());
    assert!(model.parameters().iter().all(|p| grads.get(p).is_some_and(|g| g.iter().all(|g| g.is_finite()))));
    assert_eq!(model.detect(&images).len(), 1);
}

/// What is frozen keeps its mode, parameters, buffers and names.
#[test]
fn frozen_modules_keep_their_mode() {
    let norm = BatchNorm2d::<f32>::new(2);
    norm.eval();
    let names = |m: &dyn Module| m.state().iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>();
    let before = names(&norm);
    let frozen = Frozen(norm);
    frozen.train();
    assert_eq!(names(&frozen), before);
    let outer = Sequential::new().push(frozen);
    outer.train();
    assert_eq!(outer.named_parameters()[0].0, "0.weight");
    let mean = outer.named_buffers()[0].1.to_array();
    outer.forward(Tape::new().full([2, 2, 3, 3], 5.0));
    assert_eq!(outer.named_buffers()[0].1.to_array(), mean, "its statistics stay");
    let pair: Vec<Param> = outer.parameters();
    assert_eq!(pair.len(), 2);
}

#[test]
fn refusals() {
    let rng = &mut init::seeded(1);
    let tape = Tape::<f32>::new();
    let model = detector(1);
    let small = ImageList::new(tape.full([1, 1, 64, 64], 0.0));
    let conv = || Sequential::<f32>::new().push(Conv2d::new(3, 4, 3, &mut init::seeded(1)));
    type Case<'a> = (Box<dyn FnOnce() + 'a>, &'a str);
    let cases: Vec<Case<'_>> = vec![
        (Box::new(|| ignore(ImageList::pad(&tape, &[] as &[Array3<f32>], 32))), "ImageList::pad: no images"),
        (
            Box::new(|| ignore(ImageList::pad(&tape, &[Array3::<f32>::zeros((3, 4, 4)), Array3::zeros((1, 4, 4))], 32))),
            "image 1 has shape [1, 4, 4]",
        ),
        (Box::new(|| ignore(ImageList::new(tape.full([3, 4, 4], 0.0)))), "a batch has a shape [images, channels, height, width]"),
        (Box::new(|| ignore(model.losses(&small, &[BoxTarget::none()]))), "conv2d"),
        (Box::new(|| ignore(Pyramid::new(conv(), &[(1, 4)], 4, rng))), "Pyramid: maps after the layers [1] of 1"),
        (Box::new(|| ignore(FeaturePyramidNetwork::<f32>::new(&[], 4, &mut init::seeded(1)))), "FeaturePyramidNetwork: no maps"),
        (
            Box::new(|| ignore(FasterRcnn::new(SingleMap::new(conv(), 4), 1, Default::default(), &mut init::seeded(1)))),
            "FasterRcnn: 1 classes",
        ),
        (
            Box::new(|| {
                let sampler = BalancedPositiveNegativeSampler { batch_size_per_image: 4, positive_fraction: f64::NAN };
                ignore(sampler.sample(vec![], vec![], &mut init::seeded(1)));
            }),
            "a fraction of NaN",
        ),
    ];
    for (f, what) in cases {
        let text = refusal(f);
        assert!(text.contains(what) && text.contains("tests/kit/vision/detection.rs:") && text.contains("hint: "), "{what}: {text}");
    }
}

fn ignore<R>(_: R) {}
