//! Ops, where sample rows do not reach: large arrays, special places, refusals, and what is recorded.

mod attributes;
mod batch_norm;
mod compose;
mod einsum;
mod elementwise;
mod extent;
mod grid_sample;
mod linalg;
mod norm;
mod pixels;
mod powers;
mod resample;
mod sort;
mod zero_cotangents;
