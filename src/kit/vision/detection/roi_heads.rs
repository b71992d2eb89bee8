//! The second half of a detector: what is in a proposal, and where exactly?

use super::rpn::clipped;
use super::sampler::BalancedPositiveNegativeSampler;
use super::target::{BoxPredictions, BoxTarget};
use crate::nn::{Forward, Generator, Linear, Module, Visitor};
use crate::refusal::require;
use crate::vision::overlap::all_pairs;
use crate::vision::{BoxCoder, Matcher, MultiScaleRoiAlign, batched_nms, remove_small_boxes};
use crate::{CrossEntropyOptions, Reduction, Scalar, SmoothL1Options, Source, Tape, Var};
use ndarray::{Array2, ArrayView3, Axis, concatenate};
use rand::{Rng, RngExt};

/// Two layers with relu, `fc6` and `fc7`, on flattened regions.
pub struct TwoMlpHead<T: Scalar = f32> {
    fc6: Linear<T>,
    fc7: Linear<T>,
}

impl<T: Scalar> TwoMlpHead<T> {
    /// Layers of `representation_size` outputs.
    ///
    /// # Panics
    /// If weights of these sizes are too large for memory.
    #[track_caller]
    pub fn new(in_features: usize, representation_size: usize, rng: &mut impl Rng) -> Self {
        TwoMlpHead {
            fc6: Linear::new(in_features, representation_size, rng),
            fc7: Linear::new(representation_size, representation_size, rng),
        }
    }
}

impl<T: Scalar> Module<T> for TwoMlpHead<T> {
    fn visit(&self, v: &mut Visitor<'_, T>) {
        v.module("fc6", &self.fc6).module("fc7", &self.fc7);
    }
}

impl<T: Scalar> Forward<T> for TwoMlpHead<T> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        self.fc7.forward(self.fc6.forward(x.flatten(1, -1)).relu()).relu()
    }
}

/// Logits of the classes (`cls_score`), and codes of a box for each class (`bbox_pred`).
pub struct FastRcnnPredictor<T: Scalar = f32> {
    cls_score: Linear<T>,
    bbox_pred: Linear<T>,
}

impl<T: Scalar> FastRcnnPredictor<T> {
    /// Layers for so many classes, the background among them.
    ///
    /// # Panics
    /// If weights of these sizes are too large for memory.
    #[track_caller]
    pub fn new(in_features: usize, num_classes: usize, rng: &mut impl Rng) -> Self {
        FastRcnnPredictor {
            cls_score: Linear::new(in_features, num_classes, rng),
            bbox_pred: Linear::new(in_features, num_classes.saturating_mul(4), rng),
        }
    }
    /// Logits `[n, classes]` and codes `[n, 4 classes]`.
    #[track_caller]
    pub fn forward<'t>(&self, x: Var<'t, T>) -> [Var<'t, T>; 2] {
        [self.cls_score.forward(x), self.bbox_pred.forward(x)]
    }
}

impl<T: Scalar> Module<T> for FastRcnnPredictor<T> {
    fn visit(&self, v: &mut Visitor<'_, T>) {
        v.module("cls_score", &self.cls_score).module("bbox_pred", &self.bbox_pred);
    }
}

/// The options of [`RoiHeads`]; torchvision's defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RoiHeadsOptions {
    /// A proposal with this IoU holds the object.
    pub fg_iou_thresh: f64,
    /// A proposal below this IoU is background.
    pub bg_iou_thresh: f64,
    /// Which proposals are learned from.
    pub sampler: BalancedPositiveNegativeSampler,
    /// How boxes are coded relative to proposals.
    pub coder: BoxCoder,
    /// The least probability of a detection.
    pub score_thresh: f64,
    /// The IoU above which the less likely of two detections of a class goes.
    pub nms_thresh: f64,
    /// The most detections of an image.
    pub detections_per_img: usize,
}

impl Default for RoiHeadsOptions {
    fn default() -> Self {
        RoiHeadsOptions {
            fg_iou_thresh: 0.5,
            bg_iou_thresh: 0.5,
            sampler: BalancedPositiveNegativeSampler { batch_size_per_image: 512, positive_fraction: 0.25 },
            coder: BoxCoder::new([10.0, 10.0, 5.0, 5.0]),
            score_thresh: 0.05,
            nms_thresh: 0.5,
            detections_per_img: 100,
        }
    }
}

impl RoiHeadsOptions {
    /// The detections of each image, from logits `[k, classes]` and codes `[k, 4 classes]` of its proposals, in the order of the images, and the
    /// sizes `[height, width]` of these. Class 0 is the background.
    ///
    /// # Panics
    /// If the numbers do not fit.
    #[track_caller]
    pub fn postprocess<T: Scalar>(
        &self,
        class_logits: Var<'_, T>,
        box_regression: Var<'_, T>,
        proposals: &[Array2<T>],
        sizes: &[[usize; 2]],
    ) -> Vec<BoxPredictions<T>> {
        let (tape, shape) = (class_logits.tape(), class_logits.shape());
        let count: usize = proposals.iter().map(|p| p.nrows()).sum();
        let fits =
            shape.len() == 2 && shape[0] == count && box_regression.shape() == [count, 4 * shape[1]] && sizes.len() == proposals.len();
        let message = || format!("postprocess: logits {shape}, codes {}, {count} proposals", box_regression.shape());
        require(fits, message, "logits are [proposals, classes], codes [proposals, 4 classes], and each image has its size");
        let classes = shape[1];
        let (boxes, scores) = tape.no_grad(|| {
            let all: Vec<_> = proposals.iter().map(|p| p.view()).collect();
            let all =
                if all.is_empty() { Array2::from_elem([0, 4], T::ZERO) } else { concatenate(Axis(0), &all).expect("four columns each") };
            let boxes = self.coder.decode(box_regression, tape.constant(&all));
            (boxes.to_array(), class_logits.softmax(-1).to_array())
        });
        let boxes = boxes.into_shape_with_order([count, classes, 4]).expect("a box for each class");
        let mut first = 0;
        let of_image = |(proposals, &size): (&Array2<T>, &[usize; 2])| {
            let rows = first..first + proposals.nrows();
            first = rows.end;
            let likely = |&(i, class): &(usize, usize)| scores[[i, class]] > T::from_f64(self.score_thresh);
            let found: Vec<(usize, usize)> = rows.flat_map(|i| (1..classes).map(move |class| (i, class))).filter(likely).collect();
            self.best(boxes.view(), &found, size, |(i, class)| scores[[i, class]])
        };
        proposals.iter().zip(sizes).map(of_image).collect()
    }
    /// Of boxes (proposal, class), those that stay after suppression.
    fn best<T: Scalar>(
        &self,
        boxes: ArrayView3<'_, T>,
        found: &[(usize, usize)],
        size: [usize; 2],
        score: impl Fn((usize, usize)) -> T,
    ) -> BoxPredictions<T> {
        /// The least length of a side, as in torchvision.
        const MIN_SIZE: f64 = 1e-2;
        let corners = found.iter().flat_map(|&(i, class)| (0..4).map(move |k| boxes[[i, class, k]])).collect();
        let boxes = clipped(Array2::from_shape_vec([found.len(), 4], corners).expect("four each"), size);
        let large = remove_small_boxes(&boxes, MIN_SIZE);
        let scores: Vec<T> = large.iter().map(|&i| score(found[i])).collect();
        let labels: Vec<usize> = large.iter().map(|&i| found[i].1).collect();
        let mut keep = batched_nms(boxes.select(Axis(0), &large), &scores, &labels, self.nms_thresh);
        keep.truncate(self.detections_per_img);
        BoxPredictions {
            boxes: boxes.select(Axis(0), &keep.iter().map(|&i| large[i]).collect::<Vec<_>>()),
            labels: keep.iter().map(|&i| labels[i]).collect(),
            scores: keep.iter().map(|&i| scores[i]).collect(),
        }
    }
}

/// Proposals that are learned from.
pub(super) struct Samples<T: Scalar> {
    /// `[k, 5]`, with the numbers of the images.
    pub rois: Array2<T>,
    /// Their classes; 0 is the background.
    pub labels: Vec<usize>,
    /// `[k, 4]`: the codes of the objects; for the background they say nothing.
    pub codes: Array2<T>,
}

/// Reads the regions of proposals from the maps and classifies them. Torchvision's `RoIHeads`.
///
/// Source: R. Girshick, "Fast R-CNN" (2015).
pub struct RoiHeads<T: Scalar = f32> {
    /// How regions are read.
    pub box_roi_pool: MultiScaleRoiAlign,
    /// What is computed from a region.
    pub box_head: TwoMlpHead<T>,
    /// What is predicted from that.
    pub box_predictor: FastRcnnPredictor<T>,
    /// Thresholds and numbers.
    pub options: RoiHeadsOptions,
    generator: Generator,
}

impl<T: Scalar> RoiHeads<T> {
    /// Heads for maps of so many channels, and so many classes, the background among them.
    ///
    /// # Panics
    /// If weights of these sizes are too large for memory.
    #[track_caller]
    pub fn new(
        in_channels: usize,
        representation_size: usize,
        num_classes: usize,
        box_roi_pool: MultiScaleRoiAlign,
        options: RoiHeadsOptions,
        rng: &mut impl Rng,
    ) -> Self {
        let [rows, columns] = box_roi_pool.output_size;
        RoiHeads {
            box_head: TwoMlpHead::new(in_channels.saturating_mul(rows).saturating_mul(columns), representation_size, rng),
            box_predictor: FastRcnnPredictor::new(representation_size, num_classes, rng),
            box_roi_pool,
            options,
            generator: Generator::new(rng.random()),
        }
    }
    /// Logits `[k, classes]` and codes `[k, 4 classes]` of regions `[k, 5]` (see [`roi_align`](crate::vision::roi_align)) of an image of size `[height, width]`, as large as the
    /// batch is padded to.
    #[track_caller]
    pub fn forward<'t>(&self, maps: &[Var<'t, T>], rois: impl Source<T>, image: [usize; 2]) -> [Var<'t, T>; 2] {
        let regions = self.box_roi_pool.forward(maps, rois, image);
        self.box_predictor.forward(self.box_head.forward(regions))
    }
    /// A sample of the proposals and the objects of each image, with what they shall be. The targets must have been checked.
    #[track_caller]
    pub(super) fn samples(&self, tape: &Tape<T>, proposals: &[Array2<T>], targets: &[BoxTarget<T>]) -> Samples<T> {
        let RoiHeadsOptions { fg_iou_thresh, bg_iou_thresh, sampler, coder, .. } = self.options;
        let matcher = Matcher { high: fg_iou_thresh, low: bg_iou_thresh, allow_low_quality_matches: false };
        let rng = &mut self.generator.draw();
        let (mut rois, mut labels, mut objects) = (Vec::new(), Vec::new(), Vec::new());
        for (image, (proposals, target)) in proposals.iter().zip(targets).enumerate() {
            let boxes = concatenate(Axis(0), &[proposals.view(), target.boxes.view()]).expect("four columns each");
            let matches = matcher.matches(all_pairs(&target.boxes, &boxes));
            let chosen = sampler.sample_matches(&matches, rng);
            for i in chosen.into_iter().flatten() {
                let (own, object) = (boxes.row(i), matches[i].object());
                rois.push(T::from_f64(image as f64));
                rois.extend(own.iter().copied());
                labels.push(object.map_or(0, |o| target.labels[o]));
                objects.extend(object.map_or(own, |o| target.boxes.row(o)).iter().copied());
            }
        }
        let count = labels.len();
        let rois = Array2::from_shape_vec([count, 5], rois).expect("five each");
        let codes = tape.no_grad(|| {
            let objects = tape.constant(objects).reshape([count as isize, 4]);
            coder.encode(objects, tape.constant(&rois).narrow(1, 1, 4)).to_vec()
        });
        Samples { rois, labels, codes: Array2::from_shape_vec([count, 4], codes).expect("four each") }
    }
}

/// The losses of classified regions, from logits `[n, classes]`, codes `[n, 4 classes]`, the classes and the codes `[n, 4]` that they shall have: the mean
/// cross-entropy, and the smooth L1 loss (beta 1/9) of the codes of the right class, summed over the regions that are not background and divided by n. Both
/// are 0 if there are none.
///
/// # Panics
/// If the shapes do not fit, or a label is no class.
#[track_caller]
pub fn fastrcnn_loss<'t, T: Scalar>(
    class_logits: Var<'t, T>,
    box_regression: Var<'t, T>,
    labels: &[usize],
    regression_targets: Var<'t, T>,
) -> [Var<'t, T>; 2] {
    let (logits, codes, targets) = (class_logits.shape(), box_regression.shape(), regression_targets.shape());
    let n = labels.len();
    let fits = logits.len() == 2 && logits[0] == n && codes == [n, 4 * logits[1]] && targets == [n, 4];
    let message = || format!("fastrcnn_loss: logits {logits}, codes {codes}, {n} labels, targets {targets}");
    require(fits, message, "logits are [n, classes], codes [n, 4 classes], targets [n, 4]");
    let classes = logits[1];
    let (count, reduction) = (class_logits.number(n.max(1) as f64), Reduction::Sum);
    let entropy = class_logits.cross_entropy_with(labels, CrossEntropyOptions { reduction, ..Default::default() }) / count;
    let objects: Vec<usize> = (0..n).filter(|&i| labels[i] > 0).collect();
    let own: Vec<usize> = objects.iter().map(|&i| i * classes + labels[i]).collect();
    let codes = box_regression.reshape([(n * classes) as isize, 4]).index_select(0, own);
    let smooth = SmoothL1Options { beta: 1.0 / 9.0, reduction };
    [entropy, codes.smooth_l1_loss_with(regression_targets.index_select(0, objects), smooth) / count]
}

impl<T: Scalar> Module<T> for RoiHeads<T> {
    fn visit(&self, v: &mut Visitor<'_, T>) {
        v.module("box_head", &self.box_head).module("box_predictor", &self.box_predictor).generator("sampler", &self.generator);
    }
}
