//! The tests that need an allocator of their own: it counts what a step allocates, and has little to give to extreme arguments.

mod allocations;
mod allocator;
mod extremes;
mod extremes_kit;
mod harness;
mod random;
mod sources;
