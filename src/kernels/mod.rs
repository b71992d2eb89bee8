//! How are ops computed? By loops on slices and views: kernels neither record nor differentiate.
#![allow(unsafe_code)]

pub(crate) mod channels;
pub(crate) mod conv;
pub(crate) mod correlate;
pub(crate) mod elementwise;
pub(crate) mod fold;
pub(crate) mod gemm;
mod lanes;
pub(crate) mod linalg;
pub(crate) mod norm;
pub(crate) mod parallel;
pub(crate) mod pool;
pub(crate) mod reduce;
mod registers;
pub(crate) mod resample;
pub(crate) mod scan;
pub(crate) mod scratch;
pub(crate) mod softmax;
pub(crate) mod sort;
pub(crate) mod sparse;
pub(crate) mod strided;
pub(crate) mod svd;
pub(crate) mod unit;
pub(crate) mod update;
