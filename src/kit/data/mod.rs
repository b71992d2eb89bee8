//! Data sets, readers for files, and batches for the training loop.
//!
//! | what | where |
//! |---|---|
//! | examples in memory, or as your code makes them | [`Examples`], [`Dataset`], [`Subset`] |
//! | the embedded digits; MNIST and Fashion-MNIST | [`digits()`], [`mnist()`] |
//! | files of numbers | [`Csv`], [`Idx`] |
//! | preparation | [`Examples::split`], [`Examples::split_stratified`], [`Normalization`], [`one_hot`] |
//! | weights of rare classes | [`class_counts`], [`median_frequency_weights`] |
//! | batches: shuffled or drawn by weights, augmented, prepared on another thread | [`Loader`], [`WeightedSampler`], [`Augment`] |
//!
//! All randomness is seeded, and depends only on the seed and the epoch: a run that is resumed sees the same batches.

mod augment;
mod balance;
mod csv;
mod dataset;
mod digits;
mod error;
mod gzip;
mod idx;
mod loader;
mod mnist;
mod normalize;
mod order;
mod sampler;

pub use augment::Augment;
pub use balance::{class_counts, median_frequency_weights};
pub use csv::{Column, Csv};
pub use dataset::{Dataset, Examples, Subset, Target, one_hot, split_rows, split_rows_stratified};
pub use digits::{Digits, digits};
pub use error::DataError;
pub use idx::Idx;
pub use loader::{Epoch, Loader};
pub use mnist::{FASHION_MNIST_CLASSES, mnist, mnist_at_most};
pub use normalize::Normalization;
pub use sampler::WeightedSampler;
