//! The workloads that are timed, held against PyTorch and against themselves at other numbers of threads.

#[path = "../../benches/workloads/models/mod.rs"]
mod models;
mod pytorch;
mod threads;
