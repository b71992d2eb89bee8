//! Images, features, boxes and detectors.

pub mod image;
