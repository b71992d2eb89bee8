//! Files: arrays, states and checkpoints.

mod atomic;
mod checkpoint;
mod error;
mod modules;
mod npy;
mod numbers;
mod safetensors;
