//! Images, features, boxes and detectors.

pub mod features;
mod filters;
pub mod hog;
pub mod image;

pub use filters::{
    default_sigma, from_laplacian_pyramid, gaussian_blur, gaussian_kernel1d, gaussian_pyramid, laplacian_pyramid, pyr_down, pyr_up,
};
