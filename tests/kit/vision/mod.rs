//! Images, features, boxes and detectors.

mod coco;
