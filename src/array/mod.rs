//! What is an array? Numbers, shapes, and where the elements lie.

pub(crate) mod attribute;
pub(crate) mod buffers;
pub(crate) mod error;
pub(crate) mod functions;
pub(crate) mod layout;
pub(crate) mod memory;
pub mod scalar;
pub(crate) mod scope;
pub(crate) mod shape;
pub mod simd;
pub mod source;
pub mod vecmath;
pub(crate) mod view;
pub(crate) mod warning;
