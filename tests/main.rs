//! The tests that need nothing but the public API, in one program: each program links the whole crate. `cargo test --test main engine::`
//! runs those of `engine.rs`.

mod classics;
mod conformance;
mod deferred;
mod engine;
mod errors;
mod fuzz;
mod kinks;
mod kit;
mod ops;
mod other_engines;
mod properties;
mod random;
mod range;
mod refusals;
mod resume;
#[cfg(all(feature = "vision", feature = "rl"))]
mod vision;
mod workloads;
