//! Why can a file not be written, read, or used?

use super::StateError;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why a file was not written or not read.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum IoError {
    /// The system refused to read it.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The system refused to write it. A file that was there before is as it was.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is damaged, or of another format.
    #[error("cannot use {}: {source}", path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: FormatError,
    },
    /// It is whole, but does not fit what it is loaded into.
    #[error("{} does not fit: {source}", path.display())]
    State {
        /// Which file.
        path: PathBuf,
        /// What does not fit.
        source: StateError,
    },
    /// A run that keeps itself there begins at an epoch that does not follow.
    #[error("{}", resume(path, *begun, *next))]
    Resume {
        /// Which file.
        path: PathBuf,
        /// The epoch at which the run begins.
        begun: u64,
        /// The epoch that comes next in the kept run; `None` if the file was never resumed.
        next: Option<u64>,
    },
}

/// The same sentence, since that is what `unwrap`, and `main` if it ends with an error, show.
impl fmt::Debug for IoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What is wrong with the begin of a run, and what to do.
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
    /// It does not begin as a file of this format does.
    #[error("it does not begin as {format} files do")]
    Magic {
        /// The format.
        format: &'static str,
    },
    /// It was written by `torch.save`.
    #[error(
        "it was written by `torch.save`, whose files only Python reads\n  hint: in Python, \
         `safetensors.torch.save_file(torch.load(path, weights_only=True), \"model.safetensors\")`"
    )]
    Pickle,
    /// It ends too early.
    #[error("it is cut short: {found} bytes where at least {needed} are needed")]
    Truncated {
        /// The bytes that it must have.
        needed: u64,
        /// The bytes that it has.
        found: u64,
    },
    /// It goes on after its end.
    #[error("{extra} bytes follow its end")]
    Trailing {
        /// How many.
        extra: u64,
    },
    /// Its header makes no sense.
    #[error("its header makes no sense: {reason}")]
    Header {
        /// Why.
        reason: String,
    },
    /// It holds numbers of a type that is not read.
    #[error("`{name}` holds numbers of type {found}, which is not read (known: floating point of 16 to 64 bits, whole numbers, booleans)")]
    Type {
        /// The array.
        name: String,
        /// The type.
        found: String,
    },
    /// It holds arrays, but is no training checkpoint.
    #[error("it is no training checkpoint (plain arrays are read by `io::load`)")]
    NoCheckpoint,
}

/// The same sentence, since that is what `unwrap`, and `main` if it ends with an error, show.
impl fmt::Debug for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads a whole file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, IoError> {
    std::fs::read(path).map_err(|source| IoError::Read { path: path.into(), source })
}

/// Says of which file an error is.
pub(super) fn of_file<X>(path: &Path, result: Result<X, FormatError>) -> Result<X, IoError> {
    result.map_err(|source| IoError::Format { path: path.into(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `main` and `unwrap` print is the sentence, with its hint.
    #[test]
    fn debug_is_the_sentence() {
        let inner = StateError::Missing { name: "w".into() };
        assert_eq!(format!("{inner:?}"), "`w` is missing");
        assert_eq!(format!("{:?}", IoError::State { path: "a".into(), source: inner }), "a does not fit: `w` is missing");
        assert!(format!("{:?}", FormatError::Pickle).contains("\n  hint: in Python"));
    }
}
