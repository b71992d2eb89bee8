//! Images, features, boxes and detectors.
