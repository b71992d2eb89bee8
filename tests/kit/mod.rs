//! The training kit, which stands on the public API alone.

mod data;
mod helpers;
mod init;
mod io;
mod metrics;
mod nn;
mod optim;
