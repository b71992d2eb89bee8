//! What is a network made of? Modules: layers with their parameters, under PyTorch's names and with its defaults.

mod generator;
mod module;

pub use generator::Generator;
pub use module::{Mode, Module, Part, Visitor};
