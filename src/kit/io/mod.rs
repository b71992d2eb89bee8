//! Saving and loading: named arrays in memory ([`State`]) and in files.
//!
//! [`save`] and [`load`] write and read safetensors files, and [`load_into`] sets the parameters of a module from one. A [`Checkpoint`]
//! holds a whole training run. [`npy`] is numpy's format for a single array. All files are written atomically ([`write_atomic`]). All that
//! is read is checked; damage is reported as a typed error.

mod atomic;
mod checkpoint;
mod error;
pub mod npy;
mod numbers;
pub(crate) mod png;
pub mod safetensors;
mod state;

pub use self::safetensors::{load, save};
pub use atomic::write_atomic;
pub use checkpoint::Checkpoint;
pub use error::{FormatError, IoError};
pub use state::{State, StateError, Values};

use crate::Scalar;
use crate::nn::Module;
use std::path::Path;

/// Sets the parameters and buffers of a module from a safetensors file. If anything does not fit, nothing is changed.
///
/// # Errors
/// If the file is missing or damaged, or its names and shapes are not those of the module. The error lists all that differ.
pub fn load_into<T: Scalar>(path: impl AsRef<Path>, module: &(impl Module<T> + ?Sized)) -> Result<(), IoError> {
    let path = path.as_ref();
    module.load_state(&load(path)?).map_err(|source| IoError::State { path: path.into(), source })
}

#[cfg(test)]
pub(crate) mod testing;
