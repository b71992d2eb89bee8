//! How is it computed? Plain loops on slices and views: no kernel records or differentiates.
#![allow(unsafe_code)]

pub(crate) mod channels;
pub(crate) mod conv;
pub(crate) mod elementwise;
pub(crate) mod fold;
pub(crate) mod gemm;
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
pub(crate) mod strided;
pub(crate) mod svd;
pub(crate) mod unit;
pub(crate) mod update;
