//! The region proposal network: which boxes may hold an object, of whatever class?

use super::images::ImageList;
use super::sampler::BalancedPositiveNegativeSampler;
use super::target::BoxTarget;
use crate::nn::{Conv2d, Forward, Generator, Module, Relu, Sequential, Visitor};
use crate::refusal::require;
use crate::vision::nms::by_score;
use crate::vision::overlap::all_pairs;
use crate::vision::{AnchorGenerator, BoxCoder, Matcher, batched_nms, remove_small_boxes};
use crate::{Reduction, Scalar, SmoothL1Options, Var, concat, init};
use ndarray::{Array2, ArrayView2, ArrayView3, Axis};
use rand::{Rng, RngExt};

/// A 3x3 convolution with relu (`conv.0.0`), and from it, for each anchor at each place, whether it holds an object (`cls_logits`) and
/// how it lies in the anchor (`bbox_pred`).
pub struct RpnHead<T: Scalar = f32> {
    conv: Sequential<T>,
    cls_logits: Conv2d<T>,
    bbox_pred: Conv2d<T>,
}

impl<T: Scalar> RpnHead<T> {
    /// A head for maps of so many channels. Weights are normally distributed with standard deviation 0.01, biases are 0.
    ///
    /// # Panics
    /// If weights of these sizes are too large for memory.
    #[track_caller]
    pub fn new(in_channels: usize, num_anchors: usize, rng: &mut impl Rng) -> Self {
        let first = Sequential::new().push(conv(in_channels, in_channels, 3, rng)).push(Relu);
        RpnHead {
            conv: Sequential::new().push(first),
            cls_logits: conv(in_channels, num_anchors, 1, rng),
            bbox_pred: conv(in_channels, num_anchors.saturating_mul(4), 1, rng),
        }
    }
    /// For each map `[n, c, h, w]`: logits `[n, a, h, w]`, and codes of boxes `[n, 4 a, h, w]`.
    #[track_caller]
    pub fn forward<'t>(&self, maps: &[Var<'t, T>]) -> Vec<[Var<'t, T>; 2]> {
        let of_map = |map: &Var<'t, T>| {
            let x = self.conv.forward(*map);
            [self.cls_logits.forward(x), self.bbox_pred.forward(x)]
        };
        maps.iter().map(of_map).collect()
    }
}

/// A convolution that keeps height and width, with the initial values of a [`RpnHead`].
#[track_caller]
fn conv<T: Scalar>(from: usize, to: usize, kernel: usize, rng: &mut impl Rng) -> Conv2d<T> {
    let conv = Conv2d::new(from, to, kernel, rng).padding(kernel / 2);
    conv.weight.set(init::normal::<T, _>((to, from, kernel, kernel), 0.0, 0.01, rng));
    conv.bias.iter().for_each(|b| b.with_mut(|b| b.fill(T::ZERO)));
    conv
}

impl<T: Scalar> Module<T> for RpnHead<T> {
    fn visit(&self, v: &mut Visitor<'_, T>) {
        v.module("conv", &self.conv).module("cls_logits", &self.cls_logits).module("bbox_pred", &self.bbox_pred);
    }
}

/// Boxes that may hold an object, from the likeliest on.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposals<T: Scalar = f32> {
    /// `[n, 4]`
    pub boxes: Array2<T>,
    /// How likely they hold one.
    pub scores: Vec<T>,
}

/// Which of the boxes become [`Proposals`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProposalFilter {
    /// So many of each map are looked at.
    pub pre_nms_top_n: usize,
    /// So many of an image are kept.
    pub post_nms_top_n: usize,
    /// The IoU above which the less likely of two boxes of a map goes.
    pub nms_thresh: f64,
    /// The least probability.
    pub score_thresh: f64,
    /// The least length of a side, in pixels.
    pub min_size: f64,
}

impl ProposalFilter {
    /// torchvision's options, with so many boxes before suppression and after it.
    pub fn new(pre_nms_top_n: usize, post_nms_top_n: usize) -> Self {
        ProposalFilter { pre_nms_top_n, post_nms_top_n, nms_thresh: 0.7, score_thresh: 0.0, min_size: 1e-3 }
    }
    /// The proposals of each image, from boxes `[images, anchors, 4]`, logits `[images, anchors]`, the sizes `[height, width]` of the images, and how many
    /// anchors each map has. Boxes are cut at the edges of their image. A box with a NaN is no proposal.
    ///
    /// # Panics
    /// If the numbers of images or anchors differ.
    #[track_caller]
    pub fn filter<T: Scalar>(
        &self,
        boxes: ArrayView3<'_, T>,
        logits: ArrayView2<'_, T>,
        sizes: &[[usize; 2]],
        anchors_per_level: &[usize],
    ) -> Vec<Proposals<T>> {
        let (images, anchors) = logits.dim();
        let fits = boxes.shape() == [images, anchors, 4] && sizes.len() == images && anchors_per_level.iter().sum::<usize>() == anchors;
        let message = || format!("ProposalFilter: boxes {:?}, logits {:?}, {} sizes", boxes.shape(), logits.shape(), sizes.len());
        require(
            fits,
            message,
            "boxes are [images, anchors, 4], logits [images, anchors], and the anchors of all maps are those of an image",
        );
        let of_image = |image: usize| {
            let logits = logits.row(image).to_vec();
            let (mut chosen, mut levels, mut first) = (Vec::new(), Vec::new(), 0);
            for (level, &count) in anchors_per_level.iter().enumerate() {
                let mut best = by_score(&logits, (first..first + count).collect());
                best.truncate(self.pre_nms_top_n);
                levels.resize(levels.len() + best.len(), level);
                chosen.append(&mut best);
                first += count;
            }
            let boxes = clipped(boxes.index_axis(Axis(0), image).select(Axis(0), &chosen), sizes[image]);
            let scores: Vec<T> = chosen.iter().map(|&i| T::from_f64(1.0 / (1.0 + (-logits[i].to_f64()).exp()))).collect();
            let likely = |i: &usize| scores[*i] >= T::from_f64(self.score_thresh);
            let large: Vec<usize> = remove_small_boxes(&boxes, self.min_size).into_iter().filter(likely).collect();
            let of_large: Vec<T> = large.iter().map(|&i| scores[i]).collect();
            let levels: Vec<usize> = large.iter().map(|&i| levels[i]).collect();
            let mut keep = batched_nms(boxes.select(Axis(0), &large), of_large, &levels, self.nms_thresh);
            keep.truncate(self.post_nms_top_n);
            let keep: Vec<usize> = keep.into_iter().map(|i| large[i]).collect();
            Proposals { boxes: boxes.select(Axis(0), &keep), scores: keep.iter().map(|&i| scores[i]).collect() }
        };
        (0..images).map(of_image).collect()
    }
}

/// Boxes cut at the edges of their image.
pub(super) fn clipped<T: Scalar>(mut boxes: Array2<T>, [height, width]: [usize; 2]) -> Array2<T> {
    for mut row in boxes.rows_mut() {
        for (i, x) in row.iter_mut().enumerate() {
            let most = T::from_f64(if i % 2 == 0 { width } else { height } as f64);
            *x = if *x < T::ZERO {
                T::ZERO
            } else if *x > most {
                most
            } else {
                *x
            }; // NaN stays
        }
    }
    boxes
}

/// The options of a [`RegionProposalNetwork`]; torchvision's defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RpnOptions {
    /// An anchor with this IoU is an object.
    pub fg_iou_thresh: f64,
    /// An anchor below this IoU is background.
    pub bg_iou_thresh: f64,
    /// Which anchors are learned from.
    pub sampler: BalancedPositiveNegativeSampler,
    /// Which boxes are proposals in training.
    pub train: ProposalFilter,
    /// Which boxes are proposals afterwards.
    pub test: ProposalFilter,
}

impl Default for RpnOptions {
    fn default() -> Self {
        RpnOptions {
            fg_iou_thresh: 0.7,
            bg_iou_thresh: 0.3,
            sampler: BalancedPositiveNegativeSampler { batch_size_per_image: 256, positive_fraction: 0.5 },
            train: ProposalFilter::new(2000, 2000),
            test: ProposalFilter::new(1000, 1000),
        }
    }
}

/// What a [`RegionProposalNetwork`] says of each anchor.
#[derive(Clone)]
pub struct RpnOutput<'t, T: Scalar = f32> {
    /// Logits of being an object: `[images, anchors]`.
    pub objectness: Var<'t, T>,
    /// Codes of boxes relative to the anchors: `[images, anchors, 4]`.
    pub deltas: Var<'t, T>,
    /// The anchors, which are the same for all images: `[anchors, 4]`.
    pub anchors: Array2<T>,
    /// How many anchors each map has.
    pub anchors_per_level: Vec<usize>,
}

/// Finds boxes that may hold an object. Torchvision's `RegionProposalNetwork`.
///
/// Source: S. Ren, K. He, R. Girshick, J. Sun, "Faster R-CNN: towards real-time object detection with region proposal networks" (2015).
pub struct RegionProposalNetwork<T: Scalar = f32> {
    /// What is computed from each map.
    pub head: RpnHead<T>,
    /// The anchors of each map.
    pub anchors: AnchorGenerator,
    /// Thresholds and numbers.
    pub options: RpnOptions,
    generator: Generator,
}

/// Boxes of anchors: their codes have weights of 1.
fn anchor_coder() -> BoxCoder {
    BoxCoder::new([1.0; 4])
}

impl<T: Scalar> RegionProposalNetwork<T> {
    /// A network for maps of so many channels.
    ///
    /// # Panics
    /// If the maps differ in how many anchors they have at a place, or weights of these sizes are too large for memory.
    #[track_caller]
    pub fn new(in_channels: usize, anchors: AnchorGenerator, options: RpnOptions, rng: &mut impl Rng) -> Self {
        let counts = anchors.num_anchors_per_location();
        let message = || format!("RegionProposalNetwork: maps with {counts:?} anchors at a place");
        require(counts.first().is_some_and(|n| counts.iter().all(|m| m == n)), message, "all maps have as many: one head reads them all");
        let head = RpnHead::new(in_channels, counts[0], rng);
        RegionProposalNetwork { head, anchors, options, generator: Generator::new(rng.random()) }
    }
    /// What is said of each anchor.
    ///
    /// # Panics
    /// If there are not as many maps as lists of anchors, or one has no pixels.
    #[track_caller]
    pub fn forward<'t>(&self, maps: &[Var<'t, T>], images: &ImageList<'t, T>) -> RpnOutput<'t, T> {
        let sizes: Vec<[usize; 2]> = maps.iter().map(|m| [m.size(-2), m.size(-1)]).collect();
        let anchors = self.anchors.grid_anchors([images.batch.size(-2), images.batch.size(-1)], &sizes);
        // For each image row by row of the map, and at each place all of its anchors.
        let flat = |x: Var<'t, T>, numbers: isize| {
            let [n, c, h, w] = [0, 1, 2, 3].map(|axis| x.size(axis) as isize);
            x.reshape([n, c / numbers, numbers, h, w]).permute(&[0, 3, 4, 1, 2]).reshape([n, h * w * c / numbers, numbers])
        };
        let outputs = self.head.forward(maps);
        let objectness: Vec<Var<'t, T>> = outputs.iter().map(|[logits, _]| flat(*logits, 1)).collect();
        let deltas: Vec<Var<'t, T>> = outputs.iter().map(|[_, deltas]| flat(*deltas, 4)).collect();
        RpnOutput {
            anchors_per_level: objectness.iter().map(|x| x.size(1)).collect(),
            objectness: concat(&objectness, 1).squeeze(-1),
            deltas: concat(&deltas, 1),
            anchors,
        }
    }
    /// The proposals of each image; with fewer of them after training than in it. They carry no gradient.
    #[track_caller]
    pub fn proposals(&self, output: &RpnOutput<'_, T>, sizes: &[[usize; 2]], training: bool) -> Vec<Proposals<T>> {
        let (tape, shape) = (output.deltas.tape(), output.deltas.shape());
        let [n, a] = [shape[0], shape[1]];
        let boxes = tape.no_grad(|| {
            let anchors = tape.constant(&output.anchors).broadcast_to([n, a, 4]).reshape([n * a, 4].map(|n| n as isize));
            anchor_coder().decode(output.deltas.reshape([n * a, 4].map(|n| n as isize)), anchors).to_array()
        });
        let boxes = boxes.into_shape_with_order([n, a, 4]).expect("as many as there were codes");
        let logits = output.objectness.to_array().into_dimensionality().expect("two axes");
        let filter = if training { self.options.train } else { self.options.test };
        filter.filter(boxes.view(), logits.view(), sizes, &output.anchors_per_level)
    }
    /// The losses, as [`rpn_loss`], of anchors that are matched with the objects of each image. The targets must have been checked.
    #[track_caller]
    pub(super) fn losses<'t>(&self, output: &RpnOutput<'t, T>, targets: &[BoxTarget<T>]) -> [Var<'t, T>; 2] {
        let tape = output.deltas.tape();
        let RpnOptions { fg_iou_thresh, bg_iou_thresh, sampler, .. } = self.options;
        let matcher = Matcher { high: fg_iou_thresh, low: bg_iou_thresh, allow_low_quality_matches: true };
        let (count, rng) = (output.anchors.nrows(), &mut self.generator.draw());
        let (mut all, mut objects, mut anchors) = ([Vec::new(), Vec::new()], Vec::new(), Vec::new());
        for (image, target) in targets.iter().enumerate() {
            let matches = matcher.matches(all_pairs(&target.boxes, &output.anchors));
            let chosen = sampler.sample_matches(&matches, rng);
            for &i in &chosen[0] {
                objects.extend(target.boxes.row(matches[i].object().expect("matched")).iter().copied());
                anchors.push(i);
            }
            all.iter_mut().zip(chosen).for_each(|(all, chosen)| all.extend(chosen.into_iter().map(|i| image * count + i)));
        }
        let shape = [anchors.len() as isize, 4];
        let anchors = tape.constant(output.anchors.select(Axis(0), &anchors));
        let codes = tape.no_grad(|| anchor_coder().encode(tape.constant(objects).reshape(shape), anchors));
        rpn_loss(output.objectness.flatten(0, 1), output.deltas.flatten(0, 1), &all[0], &all[1], codes)
    }
}

/// The losses of a region proposal network, from the logits `[n]` and the codes `[n, 4]` of anchors: the mean binary cross-entropy of the anchors that are
/// sampled, `positive` and `negative` ones, and the smooth L1 loss (beta 1/9) of the positive ones' codes, whose targets have shape `[positive, 4]`, divided by the number of all
/// that are sampled. Both are 0 if none are.
///
/// # Panics
/// If the shapes do not fit, or an index is out of range.
#[track_caller]
pub fn rpn_loss<'t, T: Scalar>(
    objectness: Var<'t, T>,
    deltas: Var<'t, T>,
    positive: &[usize],
    negative: &[usize],
    regression_targets: Var<'t, T>,
) -> [Var<'t, T>; 2] {
    let sampled: Vec<usize> = positive.iter().chain(negative).copied().collect();
    let count = objectness.number(sampled.len().max(1) as f64);
    let mut labels = vec![T::ONE; positive.len()];
    labels.resize(sampled.len(), T::ZERO);
    let labels = objectness.tape().constant(labels);
    let entropy = crate::BceWithLogitsOptions { reduction: Reduction::Sum, ..Default::default() };
    let smooth = SmoothL1Options { beta: 1.0 / 9.0, reduction: Reduction::Sum };
    [
        objectness.index_select(0, sampled).bce_with_logits_with(labels, entropy) / count,
        deltas.index_select(0, positive).smooth_l1_loss_with(regression_targets, smooth) / count,
    ]
}

impl<T: Scalar> Module<T> for RegionProposalNetwork<T> {
    fn visit(&self, v: &mut Visitor<'_, T>) {
        v.module("head", &self.head).generator("sampler", &self.generator);
    }
}
