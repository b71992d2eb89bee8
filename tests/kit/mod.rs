//! The training kit, which stands on the public API alone: layers, optimizers, data, files, loops.

mod check;
mod data;
mod helpers;
mod init;
mod io;
mod metrics;
mod nn;
mod optim;
#[cfg(feature = "plot")]
mod plot;
#[cfg(feature = "rl")]
mod rl;
mod tensorboard;
mod train;
mod traps;
#[cfg(feature = "vision")]
mod vision;
