//! Data sets, and batches of them.

mod augment;
mod dataset;
mod loader;
mod mnist;
mod normalize;
mod sampler;
