//! COCO's measure of detectors (mean average precision), and its files.
//!
//! ```
//! use wengert::vision::coco::{Detections, MeanAveragePrecision, Objects};
//!
//! let mut map = MeanAveragePrecision::new();
//! // Once for each image: what was found, and what is there. Boxes are [x, y, width, height].
//! map.update(
//!     &Detections { boxes: vec![[10.0, 10.0, 20.0, 22.0], [0.0, 0.0, 5.0, 5.0]], scores: vec![0.9, 0.4], labels: vec![1, 1] },
//!     &Objects { boxes: vec![[10.0, 10.0, 20.0, 20.0]], labels: vec![1], ..Objects::default() },
//! );
//! let summary = map.compute();
//! assert!((summary.ap50 - 1.0).abs() < 1e-12);
//! assert!((summary.ap - 0.9).abs() < 1e-12); // the overlap is 20/22, which is below the last of ten thresholds, 0.95
//! assert_eq!(summary.ap_large, -1.0); // no object is large
//! println!("{summary}");
//! ```

mod files;
mod map;
mod matching;
mod summary;

pub use files::{Annotation, Category, CocoError, Image, ImageDetection, Instances, write_results};
pub use map::{Detections, MeanAveragePrecision, Objects, from_corners};
pub use summary::Summary;
