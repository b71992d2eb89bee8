//! Detectors: networks that find objects in images, as boxes with classes.
//!
//! [`FasterRcnn`] is one, made of a [`Backbone`] (a network that gives one map of features or several), a [`RegionProposalNetwork`], which finds regions
//! that may hold an object, and [`RoiHeads`], which say what it is and correct its box. Parameters have torchvision's names. Class 0 is the background.
//!
//! ```
//! use wengert::nn::{BatchNorm2d, Conv2d, Module, Relu, Sequential};
//! use wengert::optim::Adam;
//! use wengert::vision::AnchorGenerator;
//! use wengert::vision::detection::{BoxTarget, FasterRcnn, FasterRcnnOptions, ImageList, SingleMap};
//! use wengert::{Tape, init, ndarray::{Array3, array}};
//!
//! let rng = &mut init::seeded(1);
//! let network = Sequential::new().push(Conv2d::new(3, 16, 3, rng).stride(8).padding(1)).push(BatchNorm2d::new(16)).push(Relu);
//! let anchors = AnchorGenerator::new(vec![vec![16.0, 32.0]], vec![1.0]);
//! let options = FasterRcnnOptions { anchors, representation_size: 32, ..FasterRcnnOptions::default() };
//! let model = FasterRcnn::<f32>::new(SingleMap::new(network, 16), 2, options, rng); // background and one class
//!
//! // Images may differ in size, and need not hold an object.
//! let images = [Array3::zeros((3, 64, 64)), Array3::ones((3, 48, 64))];
//! let targets = [BoxTarget { boxes: array![[8.0, 8.0, 30.0, 40.0]], labels: vec![1] }, BoxTarget::none()];
//! let (mut tape, mut optimizer) = (Tape::new(), Adam::new(1e-3));
//! let losses = model.losses(&ImageList::pad(&tape, &images, 8), &targets)?;
//! let grads = tape.backward(losses.total());
//! tape.reset();
//! optimizer.step(&model.parameters(), &grads);
//!
//! let found = model.detect(&ImageList::pad(&tape, &images, 8));
//! assert_eq!(found.len(), 2);
//! assert_eq!(found[0].boxes.ncols(), 4);
//! # Ok::<(), wengert::vision::detection::TargetError>(())
//! ```

mod backbone;
mod faster_rcnn;
mod images;
mod pyramid;
mod roi_heads;
mod rpn;
mod sampler;
mod target;

pub use backbone::{Backbone, Frozen, Pyramid, SingleMap};
pub use faster_rcnn::{FasterRcnn, FasterRcnnOptions, Losses};
pub use images::ImageList;
pub use pyramid::FeaturePyramidNetwork;
pub use roi_heads::{FastRcnnPredictor, RoiHeads, RoiHeadsOptions, TwoMlpHead, fastrcnn_loss};
pub use rpn::{ProposalFilter, Proposals, RegionProposalNetwork, RpnHead, RpnOptions, RpnOutput, rpn_loss};
pub use sampler::BalancedPositiveNegativeSampler;
pub use target::{BoxPredictions, BoxTarget, TargetError};
