//! The errors of writing, reading and loading files.

use super::StateError;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why a file was not written, not read, or not used.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum IoError {
    /// The system refused to read the file.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The system refused to write the file. A file that existed before is unchanged.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The file is damaged, or has another format.
    #[error("cannot use {}: {source}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: FormatError,
    },
    /// The file can be read, but does not fit what it is loaded into.
    #[error("{} does not fit: {source}", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        source: StateError,
    },
    /// A checkpoint file exists, and the run begins at another epoch than the one that comes next in it.
    #[error("{}", resume(path, *begun, *next))]
    Resume {
        /// The file.
        path: PathBuf,
        /// The epoch at which the run begins.
        begun: u64,
        /// The epoch that comes next in the saved run; `None` if the file was not resumed.
        next: Option<u64>,
    },
}

/// The same text as `Display`, since `unwrap` and a `main` that returns an error show `Debug`.
impl fmt::Debug for IoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What is wrong with the start of a run, and what to do.
fn resume(path: &Path, begun: u64, next: Option<u64>) -> String {
    let file = path.display();
    match next {
        Some(next) => format!(
            "RunCheckpoint: the run that is kept in {file} goes on with epoch {next}, but `Fit` is at epoch {begun}\n  hint: give `Fit` what \
             `resume` gave: `let first = keeper.resume(&model, &mut optimizer)?`, then `.resume_at(first)`; for a run from the start, use \
             another file or delete this one before `resume`"
        ),
        None => format!(
            "RunCheckpoint: {file} is there already, and was not resumed: it would be written over\n  hint: `let first = \
             keeper.resume(&model, &mut optimizer)?`, then `.resume_at(first)`; for a run from the start, delete the file or use another one"
        ),
    }
}

/// What is wrong with the bytes of a file.
#[derive(Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The file does not begin like a file of this format.
    #[error("it does not begin as {format} files do")]
    Magic {
        /// The format.
        format: &'static str,
    },
    /// The file was written by `torch.save`.
    #[error(
        "it was written by `torch.save`, whose files only Python reads\n  hint: in Python, \
         `safetensors.torch.save_file(torch.load(path, weights_only=True), \"model.safetensors\")`"
    )]
    Pickle,
    /// The file ends too early.
    #[error("it is cut short: {found} bytes where at least {needed} are needed")]
    Truncated {
        /// The number of bytes that it must have.
        needed: u64,
        /// The number of bytes that it has.
        found: u64,
    },
    /// There are bytes after the end.
    #[error("{extra} bytes follow its end")]
    Trailing {
        /// Their number.
        extra: u64,
    },
    /// The header is wrong.
    #[error("its header is wrong: {reason}")]
    Header {
        /// The reason.
        reason: String,
    },
    /// The file holds numbers of a type that is not supported.
    #[error("`{name}` holds numbers of type {found}, which is not read (known: floating point of 16 to 64 bits, whole numbers, booleans)")]
    Type {
        /// The array.
        name: String,
        /// The type.
        found: String,
    },
    /// The file holds arrays, but is not a training checkpoint.
    #[error("it is not a training checkpoint (`io::load` reads plain arrays)")]
    NoCheckpoint,
}

/// The same text as `Display`, since `unwrap` and a `main` that returns an error show `Debug`.
impl fmt::Debug for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads a whole file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, IoError> {
    std::fs::read(path).map_err(|source| IoError::Read { path: path.into(), source })
}

/// Adds the path to an error.
pub(super) fn of_file<X>(path: &Path, result: Result<X, FormatError>) -> Result<X, IoError> {
    result.map_err(|source| IoError::Format { path: path.into(), source })
}
