//! Data sets, and batches of them.

mod augment;
mod balance;
mod csv;
mod dataset;
mod digits;
mod error;
mod idx;
mod loader;
mod mnist;
mod normalize;
mod sampler;
