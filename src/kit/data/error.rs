//! Why is a data file refused?

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a data file was refused. Lines and columns count from 1.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The reader failed, or the compressed data is damaged or cut short.
    #[error("cannot read the data: {0}")]
    Io(#[from] io::Error),
    /// A file is not there.
    #[error("{} is missing\n  hint: {hint}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// Where to get it.
        hint: String,
    },
    /// One of several files is refused.
    #[error("{}: {source}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: Box<DataError>,
    },
    /// There is no row.
    #[error("the data holds no row")]
    Empty,
    /// A row has too few or too many columns.
    #[error("line {line}: {found} columns where {expected} are needed{}", hint_line(hint))]
    Columns {
        /// Where.
        line: usize,
        /// The columns of a row.
        expected: usize,
        /// The columns of this one.
        found: usize,
        /// What may help; empty if nothing is known.
        hint: String,
    },
    /// What stands in a column is not a whole number of the range.
    #[error("line {line}, column {column}: {text:?} is not a whole number from 0 to {max}{}", hint_line(hint))]
    Number {
        /// Where.
        line: usize,
        /// Where in the line.
        column: usize,
        /// What stands there.
        text: String,
        /// The largest number that may.
        max: u32,
        /// What may help; empty if nothing is known.
        hint: String,
    },
    /// What stands in a column is not a finite number.
    #[error("line {line}, column {column}: {text:?} is not a finite number{}", hint_line(hint))]
    NotFinite {
        /// Where.
        line: usize,
        /// Where in the line.
        column: usize,
        /// What stands there.
        text: String,
        /// What may help; empty if nothing is known.
        hint: String,
    },
    /// The header has no such column.
    #[error("no column is called {name:?}; the header has {header:?}{}", hint_line(hint))]
    NoColumn {
        /// The name that was asked for.
        name: String,
        /// The names that there are.
        header: Vec<String>,
        /// What may help; empty if nothing is known.
        hint: String,
    },
    /// The text is UTF-16: it begins with a byte order mark of that.
    #[error(
        "the text is UTF-16 (it begins with the bytes {found:02x?})\n  hint: save it as \"CSV UTF-8\", or run `iconv -f UTF-16 -t UTF-8`"
    )]
    Utf16 {
        /// Its first bytes.
        found: [u8; 2],
    },
    /// The first line, as spreadsheets write it (`sep=;`), names another separator than the one that is asked for.
    #[error("line 1 says that {found:?} separates the columns, not {expected:?}\n  hint: `.separator({})`", byte(*found))]
    Separator {
        /// The separator that the line names.
        found: char,
        /// The one that is asked for.
        expected: char,
    },
    /// A line is much longer than a row can be.
    #[error("line {line}: longer than {limit} bytes")]
    LongLine {
        /// Where.
        line: usize,
        /// The bytes that are allowed.
        limit: usize,
    },
    /// Quotes around a field are not as they should be.
    #[error("line {line}, column {column}: {reason}")]
    Quotes {
        /// Where.
        line: usize,
        /// Where in the line.
        column: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// There are more blank lines than are passed over.
    #[error("more than {limit} blank lines")]
    BlankLines {
        /// The blank lines that are allowed.
        limit: usize,
    },
    /// There are more bytes than are read.
    #[error("more than {limit} bytes")]
    TooLong {
        /// The bytes that are allowed, those of compressed data after it was unpacked.
        limit: u64,
    },
    /// There are more rows than are read.
    #[error("more than {limit} rows")]
    TooManyRows {
        /// The rows that are allowed.
        limit: usize,
    },
    /// There are more numbers than are read.
    #[error("more than {limit} numbers")]
    TooManyNumbers {
        /// The numbers that are allowed, labels among them.
        limit: usize,
    },
    /// There is no memory for what it holds.
    #[error("no memory for {count} numbers")]
    NoRoom {
        /// How many it holds.
        count: usize,
    },
    /// It does not begin as an IDX file does: two zeros, a known type, the number of axes.
    #[error("it begins with the bytes {found:02x?}, which no IDX file does")]
    Magic {
        /// Its first bytes.
        found: [u8; 4],
    },
    /// The header of an IDX file tells of more than is read.
    #[error("its header tells of the sizes {sizes:?}: more than {limit} bytes")]
    Huge {
        /// The sizes of its axes.
        sizes: Vec<u32>,
        /// The bytes that are allowed.
        limit: u64,
    },
    /// An IDX file ends too early.
    #[error("it is cut short: {found} bytes where {needed} are needed")]
    Truncated {
        /// The bytes that it must have.
        needed: u64,
        /// The bytes that it has.
        found: u64,
    },
    /// An IDX file goes on after its end.
    #[error("it goes on after the {length} bytes that its header tells of")]
    Trailing {
        /// The bytes that it should have.
        length: u64,
    },
    /// An IDX file holds another array than the one that is needed.
    #[error("it holds {found}, where {expected} are needed")]
    Content {
        /// What it holds.
        found: String,
        /// What is needed.
        expected: &'static str,
    },
}

/// The same sentence, since that is what `unwrap`, and `main` if it ends with an error, show.
impl fmt::Debug for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A hint in a line of its own, if there is one.
fn hint_line(hint: &str) -> String {
    if hint.is_empty() { String::new() } else { format!("\n  hint: {hint}") }
}

/// This character as a byte is written in code: `b';'`.
pub(super) fn byte(c: char) -> String {
    format!("b{c:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_is_the_sentence() {
        let inner = DataError::Missing { path: "a".into(), hint: "get it".into() };
        let error = DataError::File { path: "b".into(), source: inner.into() };
        assert_eq!(format!("{error:?}"), "b: a is missing\n  hint: get it");
    }
}
