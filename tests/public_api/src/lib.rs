//! The training kit, compiled as a crate of its own against the public API of `wengert`.

pub use wengert::*;

#[path = "../../../src/kit/data/mod.rs"]
pub mod data;
#[path = "../../../src/kit/init.rs"]
pub mod init;
#[path = "../../../src/kit/io/mod.rs"]
pub mod io;
#[path = "../../../src/kit/metrics.rs"]
pub mod metrics;
#[path = "../../../src/kit/nn/mod.rs"]
pub mod nn;
#[path = "../../../src/kit/optim/mod.rs"]
pub mod optim;
#[path = "../../../src/kit/prelude.rs"]
pub mod prelude;
#[path = "../../../src/kit/progress.rs"]
pub mod progress;
#[path = "../../../src/kit/plot/mod.rs"]
pub mod plot;
#[path = "../../../src/kit/refusal.rs"]
mod refusal;
#[path = "../../../src/kit/rl/mod.rs"]
pub mod rl;
#[path = "../../../src/kit/show.rs"]
mod show;
#[path = "../../../src/kit/tensorboard/mod.rs"]
pub mod tensorboard;
#[path = "../../../src/kit/train/mod.rs"]
pub mod train;
#[path = "../../../src/kit/vision/mod.rs"]
pub mod vision;
