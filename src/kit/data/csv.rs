//! Reads tables of numbers: CSV as described by RFC 4180 and as written by spreadsheets. Each line is a row; one column is the label. This
//! is our own parser because a damaged file must be refused, with line and column, and within limits: the `csv` crate takes text after a
//! closing quote, and a quote that is never closed, as part of a number.

mod advice;

use super::gzip::unzipped;
use super::{DataError, Examples};
use crate::Scalar;
use crate::refusal::require;
use ndarray::{ArrayD, IxDyn};
use std::fs::File;
use std::io::{BufRead, Read};
use std::path::Path;

/// The largest table that is read. A damaged or compressed file cannot fill the memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The bytes in a row, with its separators, quotes and line ends.
    pub row: usize,
    /// The number of rows, and of blank lines.
    pub rows: usize,
    /// The number of header rows, which come first and do not count as rows.
    pub titles: usize,
    /// The number of bytes in all, after decompression.
    pub bytes: u64,
}

const LIMITS: Limits = Limits { row: 1 << 20, rows: 1 << 24, titles: 0, bytes: u64::MAX };
const MOST_NUMBERS: usize = 1 << 28;

/// A row of a table.
#[derive(Default)]
pub(super) struct Row {
    /// The number of its first line, counted from 1.
    pub line: usize,
    /// The number of bytes in its lines so far.
    bytes: usize,
    /// The text of all fields, without quotes and separators.
    text: Vec<u8>,
    /// The end of each field in `text`.
    ends: Vec<usize>,
}

impl Row {
    pub fn fields(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len()).map(|i| &self.text[if i == 0 { 0 } else { self.ends[i - 1] }..self.ends[i]])
    }
    /// Refuses a row with another number of columns.
    pub fn expect_columns(&self, expected: usize) -> Result<(), DataError> {
        match self.ends.len() {
            found if found == expected => Ok(()),
            found => Err(DataError::Columns { line: self.line, expected, found, hint: String::new() }),
        }
    }
    /// The integer from 0 to `max` in this field, which may be written as `1.0`; `index` counts from 0.
    pub fn whole(&self, index: usize, field: &[u8], max: u32) -> Result<u32, DataError> {
        let by_point = || parsed(field).filter(|x: &f64| x.fract() == 0.0 && (0.0..=f64::from(max)).contains(x)).map(|x| x as u32);
        let number = parsed(field).filter(|x| *x <= max).or_else(by_point);
        number.ok_or_else(|| DataError::Number { line: self.line, column: index + 1, text: text(field), max, hint: String::new() })
    }
    /// The number in this field. It must be finite in type T: 1e39 is too large for f32.
    pub fn finite<T: Scalar>(&self, index: usize, field: &[u8]) -> Result<T, DataError> {
        // An f32 is parsed directly, since parsing as f64 would round twice.
        let number = if size_of::<T>() == 4 { parsed::<f32>(field).map(f64::from) } else { parsed(field) };
        number.filter(|x| x.is_finite()).map(T::from_f64).ok_or_else(|| DataError::NotFinite {
            line: self.line,
            column: index + 1,
            text: text(field),
            hint: String::new(),
        })
    }
    fn begin(&mut self, line: usize) {
        self.line = line;
        self.bytes = 0;
        self.text.clear();
        self.ends.clear();
    }
    fn end_field(&mut self) {
        self.ends.push(self.text.len());
    }
    /// Where the current field begins.
    fn start(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }
}

fn parsed<X: std::str::FromStr>(field: &[u8]) -> Option<X> {
    std::str::from_utf8(field).ok()?.trim().parse().ok()
}
fn text(field: &[u8]) -> String {
    String::from_utf8_lossy(field).into_owned()
}

/// The state of the reader within a field.
#[derive(Clone, Copy, PartialEq)]
enum At {
    /// Outside of quotes.
    Plain,
    /// Between quotes; they began in this line and column.
    Quoted(usize, usize),
    /// After a quote in a quoted field. It ends the field, unless a second quote follows: then both stand for one quote.
    Quote(usize, usize),
}

/// Calls `see` with each row that is not blank. The data may be gzipped. A byte order mark is skipped, and so is a first line `sep=;`, by
/// which spreadsheets name the separator, if it names this one. A field in quotes may contain separators, line ends, and doubled quotes.
pub(super) fn rows(
    reader: impl Read,
    separator: u8,
    limits: Limits,
    mut see: impl FnMut(&Row) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let mut reader = unzipped(reader)?.take(limits.bytes.saturating_add(1));
    let (mut line, mut row, mut at) = (Vec::new(), Row::default(), At::Plain);
    let (mut rows, mut blank) = (0, 0);
    for number in 1.. {
        line.clear();
        let begun = if at == At::Plain { 0 } else { row.bytes };
        let room = limits.row.saturating_sub(begun) as u64;
        let end = reader.by_ref().take(room.saturating_add(1)).read_until(b'\n', &mut line)? == 0;
        if let (1, [found @ (0xff | 0xfe), other @ (0xff | 0xfe), ..]) = (number, &line[..])
            && found != other
        {
            return Err(DataError::Utf16 { found: [*found, *other] });
        }
        if reader.limit() == 0 {
            return Err(DataError::TooLong { limit: limits.bytes });
        }
        if line.len() as u64 > room {
            return Err(DataError::LongLine { line: if at == At::Plain { number } else { row.line }, limit: limits.row });
        }
        if let (At::Quoted(line, column), true) = (at, end) {
            return Err(DataError::Quotes { line, column, reason: "the quote that begins here is never closed" });
        }
        if end {
            return Ok(());
        }
        let mut bytes = &line[..];
        if number == 1 {
            bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
            match bytes.strip_prefix(b"sep=").map(without_end) {
                Some([found]) if *found == separator => continue,
                Some([found]) if found.is_ascii() => {
                    return Err(DataError::Separator { found: char::from(*found), expected: char::from(separator) });
                }
                _ => {}
            }
        }
        if at == At::Plain {
            // If tabs are separators, a line of tabs is a row of empty fields.
            if bytes.trim_ascii().is_empty() && !bytes.contains(&separator) {
                blank += 1;
                if blank > limits.rows {
                    return Err(DataError::BlankLines { limit: limits.rows });
                }
                continue;
            }
            if rows == limits.rows.saturating_add(limits.titles) {
                return Err(DataError::TooManyRows { limit: limits.rows });
            }
            rows += 1;
            row.begin(number);
        }
        row.bytes += line.len();
        at = read_line(bytes, separator, at, &mut row, number)?;
        if at == At::Plain {
            see(&row)?;
        }
    }
    Ok(())
}

/// A line without its line end.
fn without_end(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\n").map_or(line, |text| text.strip_suffix(b"\r").unwrap_or(text))
}

/// Adds a line (with its end) to a row. Quotes may be open before and after it.
fn read_line(line: &[u8], separator: u8, mut at: At, row: &mut Row, number: usize) -> Result<At, DataError> {
    let text = without_end(line);
    if at == At::Plain && !text.contains(&b'"') {
        // Most tables have no quotes.
        for field in text.split(|b| *b == separator) {
            row.text.extend_from_slice(field);
            row.end_field();
        }
        return Ok(at);
    }
    for &b in text {
        at = match at {
            At::Plain if b == separator => {
                row.end_field();
                At::Plain
            }
            // A quote begins a quoted field if only spaces come before it.
            At::Plain if b == b'"' && row.text[row.start()..].iter().all(|b| *b == b' ') => {
                row.text.truncate(row.start());
                At::Quoted(number, row.ends.len() + 1)
            }
            At::Quoted(line, column) if b == b'"' => At::Quote(line, column),
            At::Quote(line, column) if b == b'"' => {
                row.text.push(b);
                At::Quoted(line, column)
            }
            At::Quote(..) if b == separator => {
                row.end_field();
                At::Plain
            }
            At::Quote(..) if b == b' ' => at,
            At::Quote(line, column) => {
                return Err(DataError::Quotes { line, column, reason: "text follows the closing quote" });
            }
            At::Plain | At::Quoted(..) => {
                row.text.push(b);
                at
            }
        };
    }
    Ok(match at {
        At::Quoted(..) => {
            row.text.extend(&line[text.len()..]); // the line end belongs to the field
            at
        }
        At::Plain | At::Quote(..) => {
            row.end_field();
            At::Plain
        }
    })
}

/// The column that holds the label (or the target).
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Column {
    /// The first one.
    First,
    /// The last one.
    #[default]
    Last,
    /// The column with this index, counted from 0.
    At(usize),
    /// The first column with this name in the header, without spaces around it. Without a header no column has a name.
    Named(String),
}

impl From<usize> for Column {
    fn from(at: usize) -> Column {
        Column::At(at)
    }
}
impl From<&str> for Column {
    fn from(name: &str) -> Column {
        Column::Named(name.into())
    }
}

/// Reads tables of numbers, also as spreadsheets write them: with a byte order mark, with fields in quotes (which may contain separators,
/// line ends and doubled quotes), with either line end, with `1.0` for the label 1. Gzipped data is recognized by its content. Blank lines
/// are skipped.
///
/// ```
/// use wengert::data::Csv;
/// let text = "length,width,kind\n5.1,3.5,0\n6.2,2.9,1\n";
/// let flowers = Csv::new().header(true).label("kind").read::<f32>(text.as_bytes())?;
/// assert_eq!((flowers.x.shape(), flowers.y), (&[2, 2][..], vec![0, 1]));
/// # Ok::<(), wengert::data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Csv {
    header: bool,
    label: Column,
    separator: u8,
    decimal: u8,
    limits: Limits,
    /// The largest number of numbers.
    numbers: usize,
}

impl Default for Csv {
    fn default() -> Self {
        Csv { header: false, label: Column::Last, separator: b',', decimal: b'.', limits: LIMITS, numbers: MOST_NUMBERS }
    }
}

impl Csv {
    /// No header, the label in the last column, commas as separators, and decimal points.
    pub fn new() -> Csv {
        Csv::default()
    }
    /// If true, the first line names the columns.
    pub fn header(mut self, header: bool) -> Csv {
        self.header = header;
        self.limits.titles = usize::from(header);
        self
    }
    /// The column of the label: an index from 0, a name, or a [`Column`].
    pub fn label(mut self, column: impl Into<Column>) -> Csv {
        self.label = column.into();
        self
    }
    /// The separator of columns, such as `b';'` or `b'\t'`.
    ///
    /// # Panics
    /// If it can be part of a number or of a quote, or ends a line.
    #[track_caller]
    pub fn separator(mut self, separator: u8) -> Csv {
        let fits = separator.is_ascii() && !separator.is_ascii_alphanumeric() && !b"+-.\"\r\n\0".contains(&separator);
        let message = || format!("Csv::separator: columns cannot be separated by {:?}", char::from(separator));
        require(fits, message, "b',', b';' and b'\\t' are usual");
        self.separator = separator;
        self
    }
    /// The character before the decimals of numbers, in features and labels: `b'.'` (the default), or `b','` as written by spreadsheets in
    /// most languages other than English. With `b','` the columns need another separator. The other of the two is then no part of a number:
    /// `1.234,5` is refused.
    ///
    /// ```
    /// use wengert::data::Csv;
    /// let table = Csv::new().separator(b';').decimal(b',').read::<f64>("0,5;-1,25;1\n".as_bytes())?;
    /// assert_eq!((table.x[[0, 0]], table.x[[0, 1]], table.y[0]), (0.5, -1.25, 1));
    /// # Ok::<(), wengert::data::DataError>(())
    /// ```
    ///
    /// # Panics
    /// If it is neither of these. Reading panics if it equals the separator.
    #[track_caller]
    pub fn decimal(mut self, decimal: u8) -> Csv {
        let message = || format!("Csv::decimal: {:?} does not stand before decimals", char::from(decimal));
        require(b".,".contains(&decimal), message, "b'.' or b','");
        self.decimal = decimal;
        self
    }
    /// The largest number of rows, and of blank lines; more are an error. The header does not count. 2^24 by default. Apart from this
    /// limit, more than 2^28 numbers are an error.
    pub fn max_rows(mut self, rows: usize) -> Csv {
        self.limits.rows = rows;
        self
    }
    /// The largest number of bytes, counted after decompression; more are an error. By default there is no limit except those for the
    /// number of rows and their length.
    pub fn max_bytes(mut self, bytes: u64) -> Csv {
        self.limits.bytes = bytes;
        self
    }
    /// Reads a table whose labels are integers from 0. Returns the inputs `[rows, columns - 1]` and the class of each row.
    ///
    /// # Errors
    /// A [`DataError`] with line and column, in these cases: a row has another number of columns than the first one; a field is not a
    /// finite number, or a label is not an integer; quotes are never closed, or stand in the middle of a field; there is no row; a row is
    /// larger than 1 MiB; there are more than 2^24 rows or blank lines (see [`Csv::max_rows`]), or more than 2^28 numbers, including
    /// labels; the text is UTF-16; a first line `sep=;` names another separator.
    ///
    /// # Panics
    /// If the decimal character equals the separator.
    #[track_caller]
    pub fn read<T: Scalar>(&self, reader: impl Read) -> Result<Examples<T>, DataError> {
        self.check();
        let mut labels = Vec::new();
        let x = self.read_table(reader, |row, i, field| {
            labels.push(row.whole(i, field, u32::MAX)? as usize);
            Ok(())
        })?;
        Ok(Examples { x, y: labels })
    }
    /// Reads a table whose targets are numbers. Returns the inputs `[rows, columns - 1]` and the targets `[rows, 1]`.
    ///
    /// # Errors
    /// As [`Csv::read`].
    ///
    /// # Panics
    /// If the decimal character equals the separator.
    #[track_caller]
    pub fn read_targets<T: Scalar>(&self, reader: impl Read) -> Result<Examples<T, ArrayD<T>>, DataError> {
        self.check();
        let mut targets = Vec::new();
        let x = self.read_table(reader, |row, i, field| {
            targets.push(row.finite::<T>(i, field)?);
            Ok(())
        })?;
        let y = ArrayD::from_shape_vec(IxDyn(&[targets.len(), 1]), targets).expect("one a row");
        Ok(Examples { x, y })
    }
    /// [`Csv::read`], from a file.
    ///
    /// # Errors
    /// As [`Csv::read`]; the error names the file.
    ///
    /// # Panics
    /// If the decimal character equals the separator.
    #[track_caller]
    pub fn load<T: Scalar>(&self, path: impl AsRef<Path>) -> Result<Examples<T>, DataError> {
        self.check(); // here, since a panic in a closure would name its own line
        let path = path.as_ref();
        let read = File::open(path).map_err(DataError::from).and_then(|file| self.read(file));
        read.map_err(|e| DataError::File { path: path.into(), source: e.into() })
    }
    /// [`Csv::read_targets`], from a file.
    ///
    /// # Errors
    /// As [`Csv::read`]; the error names the file.
    ///
    /// # Panics
    /// If the decimal character equals the separator.
    #[track_caller]
    pub fn load_targets<T: Scalar>(&self, path: impl AsRef<Path>) -> Result<Examples<T, ArrayD<T>>, DataError> {
        self.check(); // here, since a panic in a closure would name its own line
        let path = path.as_ref();
        let read = File::open(path).map_err(DataError::from).and_then(|file| self.read_targets(file));
        read.map_err(|e| DataError::File { path: path.into(), source: e.into() })
    }
    /// Refuses a comma as both separator and decimal character.
    #[track_caller]
    fn check(&self) {
        let message = || format!("Csv: {:?} is both the separator of columns and the decimal character", char::from(self.separator));
        require(self.separator != self.decimal, message, "tables with decimal commas usually have `.separator(b';')`");
    }
    fn read_table<T: Scalar>(
        &self,
        reader: impl Read,
        mut label: impl FnMut(&Row, usize, &[u8]) -> Result<(), DataError>,
    ) -> Result<ArrayD<T>, DataError> {
        let (mut numbers, mut count, mut pointed) = (Vec::new(), 0, Vec::new());
        let (mut header, mut first, mut layout) = (None, None, None);
        let mut read = |row: &Row, header: Option<&[String]>| -> Result<(), DataError> {
            let (columns, label_at) = match layout {
                Some(layout) => layout,
                None => {
                    let columns = header.map_or(row.ends.len(), <[String]>::len);
                    *layout.insert((columns, self.label_of(columns, row.line, header)?))
                }
            };
            row.expect_columns(columns)?;
            if numbers.len() + columns > self.numbers {
                return Err(DataError::TooManyNumbers { limit: self.numbers });
            }
            for (i, field) in row.fields().enumerate() {
                let field = self.with_point(field, &mut pointed);
                if i == label_at {
                    label(row, i, field)?;
                } else {
                    numbers.push(row.finite::<T>(i, field)?);
                }
            }
            count += 1;
            Ok(())
        };
        rows(reader, self.separator, self.limits, |row| {
            if self.header && header.is_none() {
                header = Some(row.fields().map(|f| text(f.trim_ascii())).collect::<Vec<_>>());
                return Ok(());
            }
            let untitled = !self.header && *first.get_or_insert(row.line) == row.line;
            read(row, header.as_deref()).map_err(|error| self.advised(error, row, header.as_deref(), untitled))
        })?;
        let (columns, _) = layout.ok_or(DataError::Empty)?;
        Ok(ArrayD::from_shape_vec(IxDyn(&[count, columns - 1]), numbers).expect("each row was counted"))
    }
    /// The number with a decimal point. If commas stand before decimals, a point becomes a comma, which is no part of a number.
    fn with_point<'f>(&self, field: &'f [u8], room: &'f mut Vec<u8>) -> &'f [u8] {
        if self.decimal == b'.' {
            return field;
        }
        room.clear();
        room.extend(field.iter().map(|b| match b {
            b',' => b'.',
            b'.' => b',',
            _ => *b,
        }));
        room
    }
    /// The index of the label's column.
    fn label_of(&self, columns: usize, line: usize, header: Option<&[String]>) -> Result<usize, DataError> {
        match &self.label {
            Column::First => Ok(0),
            Column::Last => Ok(columns - 1),
            Column::At(i) if *i < columns => Ok(*i),
            Column::At(i) => Err(DataError::Columns { line, expected: i.saturating_add(1), found: columns, hint: String::new() }),
            Column::Named(name) => {
                let header = header.unwrap_or_default();
                let missing = || DataError::NoColumn { name: name.clone(), header: header.into(), hint: String::new() };
                header.iter().position(|h| h == name).ok_or_else(missing)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    fn refused(csv: Csv, text: &str) -> String {
        csv.read::<f64>(text.as_bytes()).expect_err("must be refused").to_string()
    }

    #[test]
    fn nothing_and_too_much() {
        assert_eq!(refused(Csv::new(), " \n"), "the data holds no row");
        assert_eq!(refused(Csv::new().header(true), "a,b\n"), "the data holds no row");
        assert!(matches!(Csv::new().read::<f32>(io::repeat(b'1')), Err(DataError::LongLine { line: 1, .. })));
        assert_eq!(LIMITS.rows, 1 << 24); // also the limit on blank lines
        let limits = Limits { row: 10, rows: 2, titles: 0, bytes: 100 };
        let read = |text: &str| rows(text.as_bytes(), b',', limits, |_| Ok(()));
        assert!(matches!(read("1\n2\n3"), Err(DataError::TooManyRows { limit: 2 })));
        assert!(read("1\n\n2\n\n").is_ok());
        assert!(matches!(read("1\n\n2\n\n \n"), Err(DataError::BlankLines { limit: 2 })));
        assert!(matches!(read("\"123\n456\n789\"\n"), Err(DataError::LongLine { line: 1, limit: 10 })));
        assert!(matches!(read("\n12345678901\n"), Err(DataError::LongLine { line: 2, limit: 10 })));
        // Everything in a row counts: separators, quotes, line ends.
        assert!(read("\"1\n2\",,,\n\"\"\"\"\n1\n").is_err_and(|e| matches!(e, DataError::TooManyRows { limit: 2 })));
        assert!(matches!(read("1\n\"\n\",,,,\"\n\"\n"), Err(DataError::LongLine { line: 2, limit: 10 })));
        for line in [&b"\",,,,,\"\n"[..], b"\",\"\n"] {
            let text = [&b"\""[..], &line.repeat(30)].concat();
            let read = rows(&text[..], b',', Limits { row: 100, rows: 2, bytes: 1 << 20, titles: 0 }, |_| Ok(()));
            assert!(matches!(read, Err(DataError::LongLine { line: 1, limit: 100 })));
        }
    }
    #[test]
    fn the_limit_of_all_numbers_is_named() {
        let csv = Csv { numbers: 6, ..Csv::new() };
        assert!(csv.read::<f32>("1,2,0\n1,2,0\n".as_bytes()).is_ok());
        assert_eq!(refused(csv, "1,2,0\n1,2,0\n1,2,0\n1,2,0\n"), "more than 6 numbers");
    }
}
