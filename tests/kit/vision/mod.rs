//! Images, features, boxes and detectors.

mod boxes;
mod coco;
mod detection;
mod features;
mod filters;
mod homography;

/// The text of a panic.
fn refused(f: impl FnOnce() + std::panic::UnwindSafe) -> String {
    *std::panic::catch_unwind(f).expect_err("must be refused").downcast::<String>().expect("a text")
}
