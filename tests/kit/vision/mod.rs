//! Images, features, boxes and detectors.

mod coco;
mod draw;
mod features;
#[cfg(feature = "image")]
mod files;
mod filters;
mod homography;

use std::panic::{AssertUnwindSafe, catch_unwind};

/// The message of a call that must panic.
fn refusal<R>(call: impl FnOnce() -> R) -> String {
    let Err(panic) = catch_unwind(AssertUnwindSafe(call)) else { panic!("must be refused") };
    *panic.downcast::<String>().expect("a message")
}
