//! Images, features, boxes and detectors.

pub mod coco;
pub mod image;
