//! Images, features, boxes and detectors.

mod boxes;
mod coco;
mod detection;
mod draw;
mod features;
#[cfg(feature = "image")]
mod files;
mod filters;
mod hog;
mod hog_uses;
mod homography;
mod resize;

use ndarray::{Array, Dimension};
use safetensors::{Dtype, SafeTensors};
use std::path::Path;

/// An array of a file of reference values beside this one, as `f64`.
fn reference<D: Dimension>(file: &str, name: &str) -> Array<f64, D> {
    let bytes = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("kit/vision").join(file)).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let tensor = file.tensor(name).unwrap();
    let values = match tensor.dtype() {
        Dtype::F64 => tensor.data().as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
        _ => tensor.data().iter().map(|&b| f64::from(b)).collect(),
    };
    Array::from_shape_vec(tensor.shape(), values).unwrap().into_dimensionality().unwrap()
}
