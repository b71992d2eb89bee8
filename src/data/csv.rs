//! How are tables of numbers read? One row a line, columns separated by commas, one of them the label.

use super::gzip::unzipped;
use super::{DataError, Examples};
use crate::Scalar;
use ndarray::{ArrayD, IxDyn};
use std::fs::File;
use std::io::{BufRead, Read};
use std::path::Path;

/// What a table may be at most, so that a damaged or compressed file cannot fill the memory.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub line: usize,
    pub rows: usize,
}

const LIMITS: Limits = Limits { line: 1 << 20, rows: 1 << 24 };
const MOST_NUMBERS: usize = 1 << 28;

/// A line of a table.
pub(super) struct Row<'a> {
    /// Its number, from 1.
    pub line: usize,
    text: &'a [u8],
    separator: u8,
}

impl Row<'_> {
    pub fn fields(&self) -> impl Iterator<Item = &[u8]> {
        self.text.split(|b| *b == self.separator)
    }
    /// Refuses a row of other columns than these.
    pub fn expect_columns(&self, expected: usize) -> Result<(), DataError> {
        match self.fields().count() {
            found if found == expected => Ok(()),
            found => Err(DataError::Columns { line: self.line, expected, found }),
        }
    }
    /// The whole number from 0 to `max` in this field; `index` counts from 0.
    pub fn whole(&self, index: usize, field: &[u8], max: u32) -> Result<u32, DataError> {
        parsed(field).filter(|x| *x <= max).ok_or_else(|| DataError::Number { line: self.line, column: index + 1, text: text(field), max })
    }
    /// The number in this field, which must be finite as a T: 1e39 is too large for f32.
    pub fn finite<T: Scalar>(&self, index: usize, field: &[u8]) -> Result<T, DataError> {
        let number = parsed(field).map(T::from_f64).filter(|x| x.to_f64().is_finite());
        number.ok_or_else(|| DataError::NotFinite { line: self.line, column: index + 1, text: text(field) })
    }
}

fn parsed<X: std::str::FromStr>(field: &[u8]) -> Option<X> {
    std::str::from_utf8(field).ok()?.trim().parse().ok()
}
fn text(field: &[u8]) -> String {
    String::from_utf8_lossy(field).into_owned()
}

/// Shows each line that is not blank to `see`. Plain or gzipped.
pub(super) fn rows(
    reader: impl Read,
    separator: u8,
    limits: Limits,
    mut see: impl FnMut(Row<'_>) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let (mut reader, mut line_text, mut rows) = (unzipped(reader)?, Vec::new(), 0);
    for line in 1.. {
        line_text.clear();
        if reader.by_ref().take(limits.line as u64 + 1).read_until(b'\n', &mut line_text)? == 0 {
            break;
        }
        if line_text.len() > limits.line {
            return Err(DataError::LongLine { line, limit: limits.line });
        }
        let text = line_text.strip_suffix(b"\n").unwrap_or(&line_text);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if text.trim_ascii().is_empty() {
            continue;
        }
        if rows == limits.rows {
            return Err(DataError::TooManyRows { limit: limits.rows });
        }
        rows += 1;
        see(Row { line, text, separator })?;
    }
    Ok(())
}

/// Which column holds the label (or the target).
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Column {
    /// The first one.
    First,
    /// The last one.
    #[default]
    Last,
    /// This one, counted from 0.
    At(usize),
    /// The one that the header calls so.
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

/// Reads tables of numbers. Gzipped ones are told by their content; blank lines are skipped; fields are not quoted.
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
}

impl Default for Csv {
    fn default() -> Self {
        Csv { header: false, label: Column::Last, separator: b',' }
    }
}

impl Csv {
    /// Without a header, the label last, separated by commas.
    pub fn new() -> Csv {
        Csv::default()
    }
    /// Whether the first line names the columns.
    pub fn header(mut self, header: bool) -> Csv {
        self.header = header;
        self
    }
    /// The column of the label: a place from 0, a name, or a [`Column`].
    pub fn label(mut self, column: impl Into<Column>) -> Csv {
        self.label = column.into();
        self
    }
    /// What stands between two columns, such as `b';'` or `b'\t'`.
    pub fn separator(mut self, separator: u8) -> Csv {
        self.separator = separator;
        self
    }
    /// Reads a table whose labels are whole numbers from 0: the inputs `[rows, columns - 1]` and the class of each.
    ///
    /// # Errors
    /// A [`DataError`] with line and column: another number of columns than in the first row, what is not a finite number (or as a label
    /// not a whole one), no row at all, lines above 1 MiB, more than 2^24 rows or
    /// 2^28 numbers.
    pub fn read<T: Scalar>(&self, reader: impl Read) -> Result<Examples<T>, DataError> {
        let mut labels = Vec::new();
        let x = self.table(reader, |row, i, field| {
            labels.push(row.whole(i, field, u32::MAX)? as usize);
            Ok(())
        })?;
        Ok(Examples { x, y: labels })
    }
    /// Reads a table whose targets are numbers: the inputs `[rows, columns - 1]` and the targets `[rows, 1]`.
    ///
    /// # Errors
    /// As [`Csv::read`].
    pub fn read_targets<T: Scalar>(&self, reader: impl Read) -> Result<Examples<T, ArrayD<T>>, DataError> {
        let mut targets = Vec::new();
        let x = self.table(reader, |row, i, field| {
            targets.push(row.finite::<T>(i, field)?);
            Ok(())
        })?;
        let y = ArrayD::from_shape_vec(IxDyn(&[targets.len(), 1]), targets).expect("one a row");
        Ok(Examples { x, y })
    }
    /// [`Csv::read`] of a file.
    ///
    /// # Errors
    /// As [`Csv::read`]; the file is named.
    pub fn load<T: Scalar>(&self, path: impl AsRef<Path>) -> Result<Examples<T>, DataError> {
        let path = path.as_ref();
        let read = File::open(path).map_err(DataError::from).and_then(|file| self.read(file));
        read.map_err(|e| DataError::File { path: path.into(), source: e.into() })
    }
    /// [`Csv::read_targets`] of a file.
    ///
    /// # Errors
    /// As [`Csv::read`]; the file is named.
    pub fn load_targets<T: Scalar>(&self, path: impl AsRef<Path>) -> Result<Examples<T, ArrayD<T>>, DataError> {
        let path = path.as_ref();
        let read = File::open(path).map_err(DataError::from).and_then(|file| self.read_targets(file));
        read.map_err(|e| DataError::File { path: path.into(), source: e.into() })
    }
    fn table<T: Scalar>(
        &self,
        reader: impl Read,
        mut label: impl FnMut(&Row<'_>, usize, &[u8]) -> Result<(), DataError>,
    ) -> Result<ArrayD<T>, DataError> {
        let (mut numbers, mut count) = (Vec::new(), 0);
        let (mut header, mut layout) = (None, None);
        rows(reader, self.separator, LIMITS, |row| {
            if self.header && header.is_none() {
                header = Some(row.fields().map(|f| text(f.trim_ascii())).collect::<Vec<_>>());
                return Ok(());
            }
            let (columns, label_at) = match layout {
                Some(layout) => layout,
                None => {
                    let columns = header.as_ref().map_or_else(|| row.fields().count(), Vec::len);
                    *layout.insert((columns, self.label_of(columns, row.line, header.as_deref())?))
                }
            };
            row.expect_columns(columns)?;
            if numbers.len() + columns > MOST_NUMBERS {
                return Err(DataError::TooManyRows { limit: count });
            }
            for (i, field) in row.fields().enumerate() {
                if i == label_at {
                    label(&row, i, field)?;
                } else {
                    numbers.push(row.finite::<T>(i, field)?);
                }
            }
            count += 1;
            Ok(())
        })?;
        let (columns, _) = layout.ok_or(DataError::Empty)?;
        Ok(ArrayD::from_shape_vec(IxDyn(&[count, columns - 1]), numbers).expect("each row was counted"))
    }
    /// Where the label stands.
    fn label_of(&self, columns: usize, line: usize, header: Option<&[String]>) -> Result<usize, DataError> {
        match &self.label {
            Column::First => Ok(0),
            Column::Last => Ok(columns - 1),
            Column::At(i) if *i < columns => Ok(*i),
            Column::At(i) => Err(DataError::Columns { line, expected: i + 1, found: columns }),
            Column::Named(name) => {
                let header = header.unwrap_or_default();
                let missing = || DataError::NoColumn { name: name.clone(), header: header.into() };
                header.iter().position(|h| h == name).ok_or_else(missing)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use std::io::{self, Write};

    const TABLE: &str = "1,2.5,0\n-3e2,0.125,4\n";

    fn refused(csv: Csv, text: &str) -> String {
        csv.read::<f64>(text.as_bytes()).expect_err("must be refused").to_string()
    }

    #[test]
    fn label_last_first_and_by_name() {
        let last = Csv::new().read::<f64>(TABLE.as_bytes()).unwrap();
        assert_eq!(last, Examples { x: array![[1.0, 2.5], [-300.0, 0.125]].into_dyn(), y: vec![0, 4] });
        let first = Csv::new().label(Column::First).read::<f32>("7,1\n8,2".as_bytes()).unwrap();
        assert_eq!((first.x, first.y), (array![[1f32], [2.0]].into_dyn(), vec![7, 8]));
        let text = "\n a ; kind; b\r\n1;2; 3 \r\n\r\n";
        let named = Csv::new().header(true).label("kind").separator(b';').read::<f32>(text.as_bytes()).unwrap();
        assert_eq!((named.x, named.y), (array![[1f32, 3.0]].into_dyn(), vec![2]));
        assert_eq!(Csv::new().label(1).read::<f32>("1,2,3".as_bytes()).unwrap().y, [2]);
    }
    #[test]
    fn real_targets() {
        let read = Csv::new().read_targets::<f64>("1,2,0.5\n3,4,-1.5\n".as_bytes()).unwrap();
        assert_eq!((read.x, read.y), (array![[1.0, 2.0], [3.0, 4.0]].into_dyn(), array![[0.5], [-1.5]].into_dyn()));
    }
    #[test]
    fn gzipped_tables() {
        let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        zipped.write_all(TABLE.as_bytes()).unwrap();
        let zipped = zipped.finish().unwrap();
        assert_eq!(Csv::new().read::<f64>(&*zipped).unwrap(), Csv::new().read(TABLE.as_bytes()).unwrap());
        for n in 2..zipped.len() {
            assert!(matches!(Csv::new().read::<f64>(&zipped[..n]), Err(DataError::Io(_))), "{n}");
        }
    }
    #[test]
    fn errors_name_line_and_column() {
        assert_eq!(refused(Csv::new(), "1,2,0\n\n1,x,0\n"), r#"line 3, column 2: "x" is not a finite number"#);
        assert_eq!(refused(Csv::new(), "1,2,0\n1,2,1.5\n"), r#"line 2, column 3: "1.5" is not a whole number from 0 to 4294967295"#);
        assert_eq!(refused(Csv::new(), "1,2,0\n1,2,0,4\n"), "line 2: 4 columns where 3 are needed");
        assert_eq!(refused(Csv::new().label(3), "1,2,0\n"), "line 1: 3 columns where 4 are needed");
        assert_eq!(refused(Csv::new().header(true), "a,b\n1,2,0\n"), "line 2: 3 columns where 2 are needed");
        assert_eq!(refused(Csv::new().header(true).label("c"), "a,b\n1,2\n"), r#"no column is called "c"; the header has ["a", "b"]"#);
        for bad in ["", "NaN", "inf", "1e999", "0x10", "1 2"] {
            assert!(
                matches!(Csv::new().read::<f64>(format!("{bad},0").as_bytes()), Err(DataError::NotFinite { line: 1, column: 1, .. })),
                "{bad}"
            );
        }
        // Finite, but not in this type.
        assert!(Csv::new().read::<f64>("1e39,0".as_bytes()).is_ok());
        assert!(matches!(Csv::new().read::<f32>("1e39,0".as_bytes()), Err(DataError::NotFinite { line: 1, column: 1, .. })));
        assert!(matches!(Csv::new().read_targets::<f32>("0,-1e39".as_bytes()), Err(DataError::NotFinite { line: 1, column: 2, .. })));
        assert_eq!(refused(Csv::new(), "a,b\n1,2\n"), r#"line 1, column 1: "a" is not a finite number"#);
    }
    #[test]
    fn nothing_and_too_much() {
        assert_eq!(refused(Csv::new(), " \n"), "the data holds no row");
        assert_eq!(refused(Csv::new().header(true), "a,b\n"), "the data holds no row");
        assert!(matches!(Csv::new().read::<f32>(io::repeat(b'1')), Err(DataError::LongLine { line: 1, .. })));
        let limits = Limits { line: 10, rows: 2 };
        assert!(matches!(rows("1\n2\n3".as_bytes(), b',', limits, |_| Ok(())), Err(DataError::TooManyRows { limit: 2 })));
    }
    #[test]
    fn a_missing_file_is_named() {
        let error = Csv::new().load::<f32>("no/such/table.csv").unwrap_err().to_string();
        assert!(error.starts_with("no/such/table.csv: cannot read the data: "), "{error}");
        assert_eq!(Csv::new().load_targets::<f32>("no/such/table.csv").unwrap_err().to_string(), error);
    }
    #[test]
    fn a_table_of_labels_alone() {
        let read = Csv::new().read::<f32>("3\n1\n".as_bytes()).unwrap();
        assert_eq!((read.x.shape(), read.y), (&[2, 0][..], vec![3, 1]));
    }
}
