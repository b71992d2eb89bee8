//! The training kit, compiled as a crate of its own against the public API of `wengert`.

pub use wengert::*;

#[path = "../../../src/data/mod.rs"]
pub mod data;
#[path = "../../../src/init.rs"]
pub mod init;
#[path = "../../../src/io/mod.rs"]
pub mod io;
#[path = "../../../src/metrics.rs"]
pub mod metrics;
#[path = "../../../src/nn/mod.rs"]
pub mod nn;
#[path = "../../../src/optim/mod.rs"]
pub mod optim;
#[path = "../../../src/progress.rs"]
pub mod progress;
#[path = "../../../src/plot/mod.rs"]
pub mod plot;
#[path = "../../../src/refusal.rs"]
mod refusal;
#[path = "../../../src/show.rs"]
mod show;
#[path = "../../../src/tensorboard/mod.rs"]
pub mod tensorboard;
#[path = "../../../src/train/mod.rs"]
pub mod train;
