//! 1,797 handwritten digits of 8x8 pixels, embedded.

use flate2::bufread::MultiGzDecoder;
use ndarray::{Array2, Axis};
use std::io::{self, BufRead, BufReader, Read};

/// The file, gzipped CSV; see `data/README.md` for where it comes from.
static FILE: &[u8] = include_bytes!("../../data/digits.csv.gz");

const PIXELS: usize = 64;
/// The brightest pixel in the file.
const BRIGHTEST: u32 = 16;
const CLASSES: u32 = 10;
/// A row is at most 64 numbers of two places, a label and commas; what is much longer is no such row and is not read to its end.
const LONGEST_LINE: usize = 1024;
/// More rows than this are refused (a gzipped file can be a thousand times larger than it looks).
const MOST_ROWS: usize = 1 << 20;

/// Why a data file was refused. Lines and columns count from 1.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The reader failed, or the compressed data is damaged or cut short.
    #[error("cannot read the data: {0}")]
    Io(#[from] io::Error),
    /// There is no row.
    #[error("the data holds no row")]
    Empty,
    /// A row has too few or too many columns.
    #[error("line {line}: {found} columns where {expected} are needed")]
    Columns {
        /// Where.
        line: usize,
        /// The columns of a row.
        expected: usize,
        /// The columns of this one.
        found: usize,
    },
    /// What stands in a column is not a whole number of the range.
    #[error("line {line}, column {column}: {text:?} is not a whole number from 0 to {max}")]
    Number {
        /// Where.
        line: usize,
        /// Where in the line.
        column: usize,
        /// What stands there.
        text: String,
        /// The largest number that may.
        max: u32,
    },
    /// A line is much longer than a row can be.
    #[error("line {line}: longer than {limit} bytes")]
    LongLine {
        /// Where.
        line: usize,
        /// The bytes that are allowed.
        limit: usize,
    },
    /// There are more rows than are read.
    #[error("more than {limit} rows")]
    TooManyRows {
        /// The rows that are allowed.
        limit: usize,
    },
}

/// Handwritten digits of 8x8 pixels, and which digit each one is.
#[derive(Clone, Debug, PartialEq)]
pub struct Digits {
    /// One image a row, 64 pixels row by row, scaled to 0 (paper) .. 1 (ink).
    pub images: Array2<f32>,
    /// The digit of each image, 0..=9.
    pub labels: Vec<usize>,
}

/// The embedded digits: 1,797 images, the test set of "Optical Recognition of Handwritten Digits" (E. Alpaydin, C. Kaynak, UCI Machine
/// Learning Repository, 1998).
///
/// ```
/// let digits = wengert::data::digits();
/// assert_eq!(digits.images.dim(), (1797, 64));
/// let (train, test) = digits.split();
/// assert_eq!((train.len(), test.len()), (1437, 360));
/// ```
pub fn digits() -> Digits {
    Digits::read(FILE).expect("the embedded file is tested")
}

impl Digits {
    /// Reads such a file: CSV without a header, gzipped or not; in each row 64 pixels from 0 to 16, then the digit. Sizes are found by
    /// reading, none is believed; lines of more than 1,024 bytes and more than 2^20 rows are refused.
    ///
    /// # Errors
    /// A [`DataError`] that says in which line and column the file is not as it should be.
    pub fn read(reader: impl Read) -> Result<Digits, DataError> {
        let mut reader = BufReader::new(reader);
        if reader.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
            return parse(BufReader::new(MultiGzDecoder::new(reader)));
        }
        parse(reader)
    }
    /// The number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
    /// A part to train on and a fifth to hold back, always the same: rows 0, 5, 10, .. (counted from 0) are held back.
    ///
    /// The rows come from many writers in turn, so that both parts know all digits about equally; they also share writers, so that the
    /// held-back accuracy is that for known writers.
    pub fn split(&self) -> (Digits, Digits) {
        let held_back = |i: &usize| i.is_multiple_of(5);
        let part = |rows: Vec<usize>| Digits {
            images: self.images.select(Axis(0), &rows),
            labels: rows.iter().map(|&i| self.labels[i]).collect(),
        };
        (part((0..self.len()).filter(|i| !held_back(i)).collect()), part((0..self.len()).filter(held_back).collect()))
    }
}

fn parse(mut reader: impl BufRead) -> Result<Digits, DataError> {
    let (mut pixels, mut labels, mut text) = (Vec::new(), Vec::new(), Vec::new());
    for line in 1.. {
        text.clear();
        let limit = LONGEST_LINE;
        if reader.by_ref().take(limit as u64 + 1).read_until(b'\n', &mut text)? == 0 {
            break;
        }
        if text.len() > limit {
            return Err(DataError::LongLine { line, limit });
        }
        let row = text.trim_ascii();
        if row.is_empty() {
            continue;
        }
        if labels.len() == MOST_ROWS {
            return Err(DataError::TooManyRows { limit: MOST_ROWS });
        }
        let found = row.split(|&b| b == b',').count();
        if found != PIXELS + 1 {
            return Err(DataError::Columns { line, expected: PIXELS + 1, found });
        }
        for (i, field) in row.split(|&b| b == b',').enumerate() {
            let max = if i < PIXELS { BRIGHTEST } else { CLASSES - 1 };
            let Some(x) = std::str::from_utf8(field).ok().and_then(|s| s.trim().parse().ok()).filter(|&x: &u32| x <= max) else {
                return Err(DataError::Number { line, column: i + 1, text: String::from_utf8_lossy(field).into_owned(), max });
            };
            if i < PIXELS {
                pixels.push(x as f32 / BRIGHTEST as f32);
            } else {
                labels.push(x as usize);
            }
        }
    }
    if labels.is_empty() {
        return Err(DataError::Empty);
    }
    let images = Array2::from_shape_vec((labels.len(), PIXELS), pixels).expect("64 pixels for each label");
    Ok(Digits { images, labels })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row of zeros with one field replaced.
    fn row(at: usize, field: &str) -> String {
        let mut fields = vec!["0"; PIXELS + 1];
        fields[at] = field;
        fields.join(",") + "\n"
    }
    fn refused(file: impl AsRef<[u8]>) -> String {
        Digits::read(file.as_ref()).expect_err("must be refused").to_string()
    }

    #[test]
    fn the_embedded_file() {
        let digits = digits();
        assert_eq!((digits.images.dim(), digits.len()), ((1797, 64), 1797));
        assert!(digits.images.iter().all(|x| (0.0..=1.0).contains(x)));
        assert_eq!(digits.images.row(0).to_vec()[..8], [0.0, 0.0, 5.0, 13.0, 9.0, 1.0, 0.0, 0.0].map(|x: f32| x / 16.0));
        assert_eq!(digits.labels[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        let mut counts = [0; 10];
        digits.labels.iter().for_each(|&l| counts[l] += 1);
        assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]); // as UCI publishes them
    }
    #[test]
    fn the_split_holds_a_fifth_back() {
        let digits = digits();
        let (train, test) = digits.split();
        assert_eq!((train.len(), test.len(), train.images.nrows(), test.images.nrows()), (1437, 360, 1437, 360));
        assert_eq!((test.images.row(1), test.labels[1]), (digits.images.row(5), digits.labels[5]));
        assert_eq!((train.images.row(4), train.labels[4]), (digits.images.row(6), digits.labels[6]));
        for digit in 0..10 {
            assert!(test.labels.iter().filter(|&&l| l == digit).count() >= 25, "{digit}");
        }
    }
    #[test]
    fn reads_plain_text_and_skips_blank_lines() {
        let digits = Digits::read((row(3, " 16 ") + "\r\n\n" + row(64, "7").trim_end()).as_bytes()).unwrap();
        assert_eq!((digits.images[[0, 3]], digits.labels), (1.0, vec![0, 7]));
    }
    #[test]
    fn empty_files() {
        assert_eq!(refused(""), "the data holds no row");
        assert_eq!(refused("\n \n"), "the data holds no row");
    }
    #[test]
    fn truncated_and_damaged_gzip() {
        for n in [2, 9, 20, 1000, FILE.len() - 1] {
            assert!(matches!(Digits::read(&FILE[..n]), Err(DataError::Io(_))), "{n}");
        }
        let mut damaged = FILE.to_vec();
        let n = damaged.len();
        damaged[n - 6] ^= 1; // a bit of the checksum
        assert!(refused(damaged).starts_with("cannot read the data: "));
    }
    #[test]
    fn bad_numbers() {
        let text = row(0, "0") + &row(4, "4x");
        assert_eq!(refused(text), r#"line 2, column 5: "4x" is not a whole number from 0 to 16"#);
        for bad in ["", "-1", "17", "1.5", "99999999999999999999", "NaN", "\u{fe}"] {
            assert!(matches!(Digits::read(row(9, bad).as_bytes()), Err(DataError::Number { line: 1, column: 10, .. })), "{bad}");
        }
        assert_eq!(refused(row(64, "10")), r#"line 1, column 65: "10" is not a whole number from 0 to 9"#);
        let mut bytes = row(0, "0").into_bytes();
        bytes[0] = 0xff;
        assert!(matches!(Digits::read(&*bytes), Err(DataError::Number { column: 1, .. })));
    }
    #[test]
    fn wrong_number_of_columns() {
        assert_eq!(refused("1,2,3\n"), "line 1: 3 columns where 65 are needed");
        assert_eq!(refused(row(64, "1,1")), "line 1: 66 columns where 65 are needed");
    }
    #[test]
    fn endless_lines_are_not_read() {
        assert_eq!(refused("1".repeat(5000)), "line 1: longer than 1024 bytes");
        assert!(matches!(Digits::read(io::repeat(b',')), Err(DataError::LongLine { line: 1, .. })));
    }
}
