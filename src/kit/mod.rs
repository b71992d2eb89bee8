//! The tools for training: checks, data, files, layers, optimizers, loops. They use only the public API.

pub(crate) mod check;
pub mod data;
pub mod init;
pub mod io;
pub mod metrics;
pub mod nn;
pub mod optim;
#[cfg(feature = "plot")]
pub mod plot;
pub mod prelude;
#[cfg(feature = "progress")]
pub mod progress;
pub(crate) mod refusal;
#[cfg(feature = "rl")]
pub mod rl;
pub(crate) mod show;
pub mod tensorboard;
pub mod train;
#[cfg(feature = "vision")]
pub mod vision;
