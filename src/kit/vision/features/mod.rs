//! Local features of gray images: places that can be found again in another image of the same thing, and vectors that describe them.
//!
//! [`Sift`] is invariant to rotation and scale, and the most reliable; [`Surf`] is faster. [`match_descriptors`] finds the pairs, and [`find_homography`] the map from one
//! plane to the other that most of them agree on.

mod descriptor;
mod extrema;
mod gradient;
mod homography;
mod integral;
mod keypoint;
mod matching;
mod quadratic;
mod scale_space;
mod sift;
mod surf;

pub use homography::{
    FoundHomography, Homography, HomographyError, Point, RansacOptions, find_homography, homography_dlt, refine_homography,
};
pub use keypoint::Keypoint;
pub use matching::{Match, MatchOptions, match_descriptors};
pub use sift::Sift;
pub use surf::Surf;
