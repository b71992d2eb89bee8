//! The training kit, which stands on the public API alone.

mod helpers;
mod nn;
mod optim;
