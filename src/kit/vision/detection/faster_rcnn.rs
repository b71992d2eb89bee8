//! Faster R-CNN.

use super::backbone::Backbone;
use super::images::ImageList;
use super::roi_heads::{RoiHeads, RoiHeadsOptions, fastrcnn_loss};
use super::rpn::{RegionProposalNetwork, RpnOptions, RpnOutput};
use super::target::{BoxPredictions, BoxTarget, TargetError, check_targets};
use crate::nn::{Evaluation, Module, Visitor};
use crate::refusal::require;
use crate::vision::{AnchorGenerator, MultiScaleRoiAlign};
use crate::{Scalar, Var, named_scope};
use ndarray::{Array2, Axis, concatenate};
use rand::Rng;

/// The options of a [`FasterRcnn`]; torchvision's defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct FasterRcnnOptions {
    /// The anchors: a list of sizes for each map of the backbone. By default there are five ([`Pyramid::extra_level`](super::Pyramid::extra_level)).
    pub anchors: AnchorGenerator,
    /// How proposals are found.
    pub rpn: RpnOptions,
    /// How regions are read.
    pub box_roi_pool: MultiScaleRoiAlign,
    /// The width of the layers that see a region.
    pub representation_size: usize,
    /// How regions are classified.
    pub roi_heads: RoiHeadsOptions,
}

impl Default for FasterRcnnOptions {
    fn default() -> Self {
        FasterRcnnOptions {
            anchors: AnchorGenerator::new([32.0, 64.0, 128.0, 256.0, 512.0].map(|size| vec![size]).into(), vec![0.5, 1.0, 2.0]),
            rpn: RpnOptions::default(),
            box_roi_pool: MultiScaleRoiAlign { maps: Some(4), ..MultiScaleRoiAlign::new([7, 7], Some(2)) },
            representation_size: 1024,
            roi_heads: RoiHeadsOptions::default(),
        }
    }
}

/// The four losses of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Losses<'t, T: Scalar = f32> {
    /// Is an anchor an object?
    pub objectness: Var<'t, T>,
    /// Where is the object, relative to the anchor?
    pub rpn_box_reg: Var<'t, T>,
    /// Of which class is a proposal?
    pub classifier: Var<'t, T>,
    /// Where is the object, relative to the proposal?
    pub box_reg: Var<'t, T>,
}

impl<'t, T: Scalar> Losses<'t, T> {
    /// Their sum, which is trained.
    #[track_caller]
    pub fn total(&self) -> Var<'t, T> {
        self.objectness + self.rpn_box_reg + self.classifier + self.box_reg
    }
}

/// A detector in two stages: the region proposal network finds boxes that may hold an object, then each is read from the maps and classified. Torchvision's
/// `FasterRCNN`, with its names of parameters; images are normalized and padded by the caller ([`ImageList::pad`]). See [the module](super) for an example.
///
/// Source: S. Ren, K. He, R. Girshick, J. Sun, "Faster R-CNN: towards real-time object detection with region proposal networks" (2015).
pub struct FasterRcnn<T: Scalar = f32> {
    /// What turns images into maps.
    pub backbone: Box<dyn Backbone<T>>,
    /// What finds proposals.
    pub rpn: RegionProposalNetwork<T>,
    /// What classifies them.
    pub roi_heads: RoiHeads<T>,
    num_classes: usize,
}

impl<T: Scalar> FasterRcnn<T> {
    /// A detector of `num_classes - 1` classes; class 0 is the background.
    ///
    /// # Panics
    /// If there are fewer than 2 classes, the maps differ in how many anchors they have at a place, or weights of these sizes are too large for memory.
    #[track_caller]
    pub fn new(backbone: impl Backbone<T> + 'static, num_classes: usize, options: FasterRcnnOptions, rng: &mut impl Rng) -> Self {
        require(num_classes > 1, || format!("FasterRcnn: {num_classes} classes"), "the background is one, so there are two at least");
        let FasterRcnnOptions { anchors, rpn, box_roi_pool, representation_size, roi_heads } = options;
        let channels = backbone.out_channels();
        FasterRcnn {
            backbone: Box::new(backbone),
            rpn: RegionProposalNetwork::new(channels, anchors, rpn, rng),
            roi_heads: RoiHeads::new(channels, representation_size, num_classes, box_roi_pool, roi_heads, rng),
            num_classes,
        }
    }
    /// The losses of images with known objects. Anchors and proposals that are learned from are drawn by generators of the model, so a run with the same
    /// seed gives the same bits. Images without objects are learned from too.
    ///
    /// # Errors
    /// If the targets do not fit the images, or a box has no area, is not finite, lies outside of its image, or has a class that the detector does not have. Nothing is computed then.
    ///
    /// # Panics
    /// If the images do not fit the backbone, or are smaller than its strides.
    #[track_caller]
    pub fn losses<'t>(&self, images: &ImageList<'t, T>, targets: &[BoxTarget<T>]) -> Result<Losses<'t, T>, TargetError> {
        check_targets(&images.sizes, targets, self.num_classes)?;
        let (maps, output) = self.anchored(images);
        let proposals = self.rpn.proposals(&output, &images.sizes, true);
        let [objectness, rpn_box_reg] = self.rpn.losses(&output, targets);
        let proposals: Vec<Array2<T>> = proposals.into_iter().map(|p| p.boxes).collect();
        let samples = self.roi_heads.samples(images.batch.tape(), &proposals, targets);
        let [logits, codes] = named_scope("roi_heads", || self.roi_heads.forward(&maps, &samples.rois, padded(images)));
        let targets = images.batch.tape().constant(&samples.codes);
        let [classifier, box_reg] = fastrcnn_loss(logits, codes, &samples.labels, targets);
        Ok(Losses { objectness, rpn_box_reg, classifier, box_reg })
    }
    /// The maps, and what is said of each anchor.
    #[track_caller]
    fn anchored<'t>(&self, images: &ImageList<'t, T>) -> (Vec<Var<'t, T>>, RpnOutput<'t, T>) {
        let maps = named_scope("backbone", || self.backbone.maps(images.batch));
        let output = named_scope("rpn", || self.rpn.forward(&maps, images));
        (maps, output)
    }
    /// What is found in each image, in evaluation mode and without a gradient; the mode of the parts is not changed.
    ///
    /// # Panics
    /// If the images do not fit the backbone, or are smaller than its strides.
    #[track_caller]
    pub fn detect(&self, images: &ImageList<'_, T>) -> Vec<BoxPredictions<T>> {
        let _as_before = Evaluation::begin();
        let found = || {
            let (maps, output) = self.anchored(images);
            let proposals = self.rpn.proposals(&output, &images.sizes, false);
            let proposals: Vec<Array2<T>> = proposals.into_iter().map(|p| p.boxes).collect();
            let [logits, codes] = named_scope("roi_heads", || self.roi_heads.forward(&maps, regions(&proposals), padded(images)));
            self.roi_heads.options.postprocess(logits, codes, &proposals, &images.sizes)
        };
        // A scope, so that an error names the caller's line.
        named_scope("", || images.batch.tape().no_grad(found))
    }
}

/// How large the batch is padded to.
fn padded<T: Scalar>(images: &ImageList<'_, T>) -> [usize; 2] {
    [images.batch.size(-2), images.batch.size(-1)]
}

/// Boxes of several images with the numbers of these: `[k, 5]`.
fn regions<T: Scalar>(boxes: &[Array2<T>]) -> Array2<T> {
    let numbered = |(image, boxes): (usize, &Array2<T>)| {
        let number = Array2::from_elem([boxes.nrows(), 1], T::from_f64(image as f64));
        concatenate(Axis(1), &[number.view(), boxes.view()]).expect("as many rows")
    };
    let all: Vec<Array2<T>> = boxes.iter().enumerate().map(numbered).collect();
    let views: Vec<_> = all.iter().map(|rois| rois.view()).collect();
    if views.is_empty() { Array2::from_elem([0, 5], T::ZERO) } else { concatenate(Axis(0), &views).expect("five columns each") }
}

impl<T: Scalar> Module<T> for FasterRcnn<T> {
    fn visit(&self, v: &mut Visitor<'_, T>) {
        v.module("backbone", &*self.backbone).module("rpn", &self.rpn).module("roi_heads", &self.roi_heads);
    }
}
