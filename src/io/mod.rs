//! How is a model kept? Named arrays in memory ([`State`]) and in files.

mod state;

pub use state::{State, StateError, Values};
