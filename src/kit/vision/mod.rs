//! Images, features, boxes and detectors.

pub mod image;
pub mod coco;
