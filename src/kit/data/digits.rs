//! 1,797 handwritten digits of 8x8 pixels, embedded.

use super::csv::{Limits, rows};
use super::{DataError, Examples};
use ndarray::{Array2, Axis, IxDyn};
use std::io::Read;

/// The file, gzipped CSV; see `data/README.md` for where it comes from.
static FILE: &[u8] = include_bytes!("../../../data/digits.csv.gz");

const PIXELS: usize = 64;
/// The brightest pixel in the file.
const BRIGHTEST: u32 = 16;
const CLASSES: u32 = 10;
/// A row is at most 64 numbers of two digits, a label and commas. A line that is much longer is not read to its end. More rows are refused,
/// since a gzipped file can grow to a thousand times its size.
const LIMITS: Limits = Limits { row: 1024, rows: 1 << 20, titles: 0, bytes: u64::MAX };

/// Handwritten digits of 8x8 pixels, and their labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Digits {
    /// One image for each row: 64 pixels in row-major order, from 0 (paper) to 1 (ink).
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
    /// Reads such a file: CSV without a header, gzipped or not, with 64 pixels from 0 to 16 and then the digit in each row. Lines of more
    /// than 1,024 bytes and more than 2^20 rows are refused.
    ///
    /// # Errors
    /// A [`DataError`] that names the line and column of what is wrong.
    pub fn read(reader: impl Read) -> Result<Digits, DataError> {
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        rows(reader, b',', LIMITS, |row| {
            row.expect_columns(PIXELS + 1)?;
            for (i, field) in row.fields().enumerate() {
                if i < PIXELS {
                    pixels.push(row.whole(i, field, BRIGHTEST)? as f32 / BRIGHTEST as f32);
                } else {
                    labels.push(row.whole(i, field, CLASSES - 1)? as usize);
                }
            }
            Ok(())
        })?;
        if labels.is_empty() {
            return Err(DataError::Empty);
        }
        let images = Array2::from_shape_vec((labels.len(), PIXELS), pixels).expect("64 pixels for each label");
        Ok(Digits { images, labels })
    }
    /// The number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }
    /// True if there are no images.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
    /// Splits the images into a part for training and a fifth to hold back, always the same: rows 0, 5, 10, .. (counted from 0) are held
    /// back.
    ///
    /// The writers take turns in the rows, so both parts contain all digits about equally. They also share writers: the accuracy on the
    /// held-back part is that for known writers.
    pub fn split(&self) -> (Digits, Digits) {
        let held_back = |i: &usize| i.is_multiple_of(5);
        let part = |rows: Vec<usize>| Digits {
            images: self.images.select(Axis(0), &rows),
            labels: rows.iter().map(|&i| self.labels[i]).collect(),
        };
        (part((0..self.len()).filter(|i| !held_back(i)).collect()), part((0..self.len()).filter(held_back).collect()))
    }
}

impl From<Digits> for Examples {
    /// As images `[n, 1, 8, 8]` with their labels.
    fn from(digits: Digits) -> Examples {
        let n = digits.len();
        let x = digits.images.into_shape_with_order(IxDyn(&[n, 1, 8, 8])).expect("8 x 8 pixels each");
        Examples { x, y: digits.labels }
    }
}
