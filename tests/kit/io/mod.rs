//! Files: arrays, states and checkpoints.

mod checkpoint;
mod error;
mod modules;
mod npy;
mod safetensors;
