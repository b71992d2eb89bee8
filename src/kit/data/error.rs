//! The errors of readers of data files.

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
    /// A file does not exist.
    #[error("{} is missing\n  hint: {hint}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// Where to get it.
        hint: String,
    },
    /// One of several files was refused.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: Box<DataError>,
    },
    /// There is no row.
    #[error("the data holds no row")]
    Empty,
    /// A row has too few or too many columns.
    #[error("line {line}: {found} columns where {expected} are needed{}", hint_line(hint))]
    Columns {
        /// The line.
        line: usize,
        /// The expected number of columns.
        expected: usize,
        /// The number of columns in this row.
        found: usize,
        /// A hint; empty if there is none.
        hint: String,
    },
    /// A field is not an integer of the allowed range.
    #[error("line {line}, column {column}: {text:?} is not a whole number from 0 to {max}{}", hint_line(hint))]
    Number {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
        /// The field.
        text: String,
        /// The largest number that is allowed.
        max: u32,
        /// A hint; empty if there is none.
        hint: String,
    },
    /// A field is not a finite number.
    #[error("line {line}, column {column}: {text:?} is not a finite number{}", hint_line(hint))]
    NotFinite {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
        /// The field.
        text: String,
        /// A hint; empty if there is none.
        hint: String,
    },
    /// The header has no such column.
    #[error("no column is called {name:?}; the header has {header:?}{}", hint_line(hint))]
    NoColumn {
        /// The name that was asked for.
        name: String,
        /// The names in the header.
        header: Vec<String>,
        /// A hint; empty if there is none.
        hint: String,
    },
    /// The text is UTF-16: it begins with the byte order mark of UTF-16.
    #[error(
        "the text is UTF-16 (it begins with the bytes {found:02x?})\n  hint: save it as \"CSV UTF-8\", or run `iconv -f UTF-16 -t UTF-8`"
    )]
    Utf16 {
        /// The first bytes.
        found: [u8; 2],
    },
    /// The first line, as spreadsheets write it (`sep=;`), names another separator than the options do.
    #[error("line 1 says that {found:?} separates the columns, not {expected:?}\n  hint: `.separator({})`", byte(*found))]
    Separator {
        /// The separator that the line names.
        found: char,
        /// The separator in the options.
        expected: char,
    },
    /// A line is much longer than a row can be.
    #[error("line {line}: longer than {limit} bytes")]
    LongLine {
        /// The line.
        line: usize,
        /// The number of bytes that is allowed.
        limit: usize,
    },
    /// The quotes around a field are wrong.
    #[error("line {line}, column {column}: {reason}")]
    Quotes {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// There are too many blank lines.
    #[error("more than {limit} blank lines")]
    BlankLines {
        /// The number of blank lines that is allowed.
        limit: usize,
    },
    /// There are too many bytes.
    #[error("more than {limit} bytes")]
    TooLong {
        /// The number of bytes that is allowed, counted after decompression.
        limit: u64,
    },
    /// There are too many rows.
    #[error("more than {limit} rows")]
    TooManyRows {
        /// The number of rows that is allowed.
        limit: usize,
    },
    /// There are too many numbers.
    #[error("more than {limit} numbers")]
    TooManyNumbers {
        /// The number of numbers that is allowed, including labels.
        limit: usize,
    },
    /// There is not enough memory for the numbers.
    #[error("no memory for {count} numbers")]
    NoRoom {
        /// The number of numbers.
        count: usize,
    },
    /// The file does not begin like an IDX file: two zeros, a known type, the number of axes.
    #[error("it begins with the bytes {found:02x?}, which no IDX file does")]
    Magic {
        /// The first bytes.
        found: [u8; 4],
    },
    /// The header of an IDX file announces more bytes than are allowed.
    #[error("its header gives the sizes {sizes:?}: more than {limit} bytes")]
    Huge {
        /// The sizes of its axes.
        sizes: Vec<u32>,
        /// The number of bytes that is allowed.
        limit: u64,
    },
    /// An IDX file ends too early.
    #[error("it is cut short: {found} bytes where {needed} are needed")]
    Truncated {
        /// The number of bytes that the header announces.
        needed: u64,
        /// The number of bytes in the file.
        found: u64,
    },
    /// There are bytes after the end of an IDX file.
    #[error("bytes follow the {length} bytes that its header announces")]
    Trailing {
        /// The number of bytes that it should have.
        length: u64,
    },
    /// An IDX file holds another kind of array than is needed.
    #[error("it holds {found}, where {expected} are needed")]
    Content {
        /// What it holds.
        found: String,
        /// What is needed.
        expected: &'static str,
    },
}

/// The same text as `Display`, since `unwrap` and a `main` that returns an error show `Debug`.
impl fmt::Debug for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A hint on a line of its own, if there is one.
fn hint_line(hint: &str) -> String {
    if hint.is_empty() { String::new() } else { format!("\n  hint: {hint}") }
}

/// The character as a byte literal: `b';'`.
pub(super) fn byte(c: char) -> String {
    format!("b{c:?}")
}
