//! What is there to learn from? Small data sets for examples and tests, and readers for files.

mod digits;

pub use digits::{DataError, Digits, digits};
