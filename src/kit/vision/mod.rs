//! Images, features, boxes and detectors.
//!
//! Boxes are x1, y1, x2, y2 in pixels, regions (`rois`) have the number of their image before them. The functions have the names that they have in
//! `torchvision.ops`. What has a derivative takes and gives [`Var`](crate::Var)s; what chooses (suppression, matching) takes arrays.

mod anchors;
mod box_coder;
mod boxes;
pub mod coco;
pub mod detection;
pub mod features;
mod filters;
mod focal;
pub mod hog;
pub mod image;
mod iou;
mod matcher;
mod multi_scale;
mod nms;
pub(crate) mod overlap;
mod roi_align;
mod roi_pool;

pub use anchors::AnchorGenerator;
pub use box_coder::BoxCoder;
pub use boxes::{BoxFormat, box_area, box_convert, clip_boxes_to_image, remove_small_boxes};
pub use filters::{
    default_sigma, from_laplacian_pyramid, gaussian_blur, gaussian_kernel1d, gaussian_pyramid, laplacian_pyramid, pyr_down, pyr_up,
};
pub use focal::{FocalLossOptions, sigmoid_focal_loss};
pub use iou::{
    box_iou, complete_box_iou, complete_box_iou_loss, distance_box_iou, distance_box_iou_loss, generalized_box_iou,
    generalized_box_iou_loss,
};
pub use matcher::{Match, Matcher};
pub use multi_scale::MultiScaleRoiAlign;
pub use nms::{batched_nms, nms};
pub use roi_align::{RoiAlignOptions, ps_roi_align, ps_roi_pool, roi_align};
pub use roi_pool::roi_pool;
