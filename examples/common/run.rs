//! How an example with files runs: on all threads, and what goes wrong is said and ends it with 2.

use std::error::Error;
use std::process::ExitCode;

/// Runs it inside rayon's pool: from outside each split of work costs two context switches.
pub fn on_all_threads(name: &str, run: impl FnOnce() -> Result<ExitCode, Box<dyn Error>> + Send) -> ExitCode {
    let pool = rayon::ThreadPoolBuilder::new().build().expect("threads");
    pool.install(|| run().map_err(|e| e.to_string())).unwrap_or_else(|e| {
        eprintln!("{name}: {e}");
        ExitCode::from(2)
    })
}
