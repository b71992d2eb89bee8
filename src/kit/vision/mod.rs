//! Images, features, boxes and detectors.

pub mod hog;
pub mod image;
