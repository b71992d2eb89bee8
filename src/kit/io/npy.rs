//! npy files, numpy's format for a single array.
//!
//! A file holds the magic string, a version, the length of a header, the header (a Python dictionary with type, order and shape) and the
//! numbers. The format, versions 1 to 3, is described under `numpy.lib.format` in numpy's documentation.

use super::error::{of_file, read};
use super::numbers::{self, Number, Order};
use super::{FormatError, IoError, Values, write_atomic};
use std::path::Path;

const MAGIC: &[u8] = b"\x93NUMPY";

/// Writes an array, atomically. `numpy.load` reads it.
///
/// # Errors
/// If the system refuses; a file that existed before is then unchanged.
///
/// ```
/// use wengert::{io::npy, ndarray::array};
/// # let path = std::env::temp_dir().join(format!("wengert-doc-{}.npy", std::process::id()));
/// npy::save(&path, array![[1.0f32, 2.0, 3.0]].into_dyn())?;
/// assert_eq!(npy::load(&path)?.to_array::<f64>(), array![[1.0, 2.0, 3.0]].into_dyn());
/// # std::fs::remove_file(path).unwrap();
/// # Ok::<(), wengert::io::IoError>(())
/// ```
pub fn save(path: impl AsRef<Path>, array: impl Into<Values>) -> Result<(), IoError> {
    write_atomic(path, &to_bytes(&array.into()))
}

/// Reads an array in C or Fortran order and any byte order, including the machine's own (`=f4`). `f32` and `f64` keep their type, `f16`
/// becomes `f32`, integers and booleans become 64-bit integers.
///
/// # Errors
/// If the system refuses, or the file is damaged or holds something else (objects, text, complex numbers, records).
pub fn load(path: impl AsRef<Path>) -> Result<Values, IoError> {
    let path = path.as_ref();
    of_file(path, from_bytes(&read(path)?))
}

/// The bytes of such a file, in version 1, or in version 2 if the header is long.
pub fn to_bytes(array: &Values) -> Vec<u8> {
    let kind = match array {
        Values::F32(_) => "<f4",
        Values::F64(_) => "<f8",
        Values::I64(_) => "<i8",
        Values::U64(_) => "<u8",
    };
    let shape: String = array.shape().iter().map(|n| format!("{n},")).collect();
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}");
    // The numbers begin at a multiple of 64 bytes, for readers that map the file into memory.
    let start = |length_bytes: usize, header: &str| (MAGIC.len() + 2 + length_bytes + header.len() + 1).next_multiple_of(64);
    let (version, length_bytes) = if start(2, &header) - MAGIC.len() - 4 <= usize::from(u16::MAX) { (1, 2) } else { (2, 4) };
    let length = start(length_bytes, &header) - MAGIC.len() - 2 - length_bytes;
    header.push_str(&" ".repeat(length - header.len() - 1));
    header.push('\n');
    let length = (length as u32).to_le_bytes();
    [MAGIC, &[version, 0], &length[..length_bytes], header.as_bytes(), &numbers::bytes(array)].concat()
}

/// Reads such bytes.
///
/// # Errors
/// If they are damaged, or hold something else. Sizes are checked against the length before memory is allocated.
pub fn from_bytes(bytes: &[u8]) -> Result<Values, FormatError> {
    let cut_short = |needed: usize| FormatError::Truncated { needed: needed as u64, found: bytes.len() as u64 };
    if !bytes.starts_with(&MAGIC[..MAGIC.len().min(bytes.len())]) {
        return Err(FormatError::Magic { format: "npy" });
    }
    let start = MAGIC.len() + 2;
    let version = *bytes.get(MAGIC.len()..start).ok_or_else(|| cut_short(start))?.first_chunk::<2>().expect("two bytes");
    let length_bytes = match version {
        [1, 0] => 2,
        [2 | 3, 0] => 4,
        [major, minor] => return Err(FormatError::Header { reason: format!("version {major}.{minor} is not known") }),
    };
    let mut length = [0; 4];
    let start = start + length_bytes;
    length[..length_bytes].copy_from_slice(bytes.get(start - length_bytes..start).ok_or_else(|| cut_short(start))?);
    let end = start.saturating_add(u32::from_le_bytes(length) as usize);
    let header = std::str::from_utf8(bytes.get(start..end).ok_or_else(|| cut_short(end))?);
    let header = header.ok().and_then(Header::parse);
    let Some(Header { kind, fortran, shape }) = header else {
        return Err(FormatError::Header {
            reason: "it is not a dictionary of descr (one type, no records), fortran_order and shape".into(),
        });
    };
    let Some((number, big_endian)) = number(&kind) else {
        return Err(FormatError::Type { name: "array".into(), found: kind });
    };
    let size = shape.iter().try_fold(number.size(), |size, n| size.checked_mul(*n));
    let numbers = &bytes[end..];
    match size {
        Some(size) if size < numbers.len() => return Err(FormatError::Trailing { extra: (numbers.len() - size) as u64 }),
        Some(size) if size > numbers.len() => return Err(cut_short(end.saturating_add(size))),
        _ => {}
    }
    let array = number.array(numbers, &shape, Order { big_endian, fortran });
    array.ok_or_else(|| FormatError::Header { reason: format!("no array can have shape {shape:?}") })
}

/// The type of numbers such as `<f4`, and true if it is big endian. Without a byte order (`f4`) it is the machine's own, as with `=`.
fn number(kind: &str) -> Option<(Number, bool)> {
    let (order, kind) = match kind.starts_with(|c: char| c.is_ascii_alphabetic()) {
        true => ("=", kind),
        false => kind.split_at_checked(1)?,
    };
    let number = match kind {
        "b1" => Number::Bool,
        "u1" => Number::U8,
        "i1" => Number::I8,
        "u2" => Number::U16,
        "i2" => Number::I16,
        "u4" => Number::U32,
        "i4" => Number::I32,
        "u8" => Number::U64,
        "i8" => Number::I64,
        "f2" => Number::F16,
        "f4" => Number::F32,
        "f8" => Number::F64,
        _ => return None,
    };
    match order {
        "<" => Some((number, false)),
        ">" => Some((number, true)),
        "=" => Some((number, cfg!(target_endian = "big"))),
        "|" if number.size() == 1 => Some((number, false)),
        _ => None,
    }
}

struct Header {
    kind: String,
    fortran: bool,
    shape: Vec<usize>,
}

impl Header {
    /// Reads the dictionary: three keys, each once, in any order.
    fn parse(text: &str) -> Option<Header> {
        let mut text = Text(text);
        let (mut kind, mut fortran, mut shape) = (None, None, None);
        text.expect("{")?;
        while text.expect("}").is_none() {
            let key = text.quoted()?;
            text.expect(":")?;
            let twice = match key {
                "descr" => kind.replace(text.quoted()?.to_string()).is_some(),
                "fortran_order" => {
                    fortran.replace(text.expect("False").map(|()| false).or_else(|| text.expect("True").map(|()| true))?).is_some()
                }
                "shape" => shape.replace(text.shape()?).is_some(),
                _ => return None,
            };
            if twice {
                return None;
            }
            if text.expect(",").is_none() {
                text.expect("}")?;
                break;
            }
        }
        text.0.trim().is_empty().then_some(Header { kind: kind?, fortran: fortran?, shape: shape? })
    }
}

/// The rest of a header.
struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    fn expect(&mut self, token: &str) -> Option<()> {
        self.0 = self.0.trim_start().strip_prefix(token)?;
        Some(())
    }
    fn quoted(&mut self) -> Option<&'a str> {
        let text = self.0.trim_start();
        let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let (inside, rest) = text[1..].split_once(quote)?;
        self.0 = rest;
        Some(inside)
    }
    /// A tuple of sizes; Python 2 wrote `(3L, 4L)`.
    fn shape(&mut self) -> Option<Vec<usize>> {
        self.expect("(")?;
        let mut shape = Vec::new();
        while self.expect(")").is_none() {
            let text = self.0.trim_start();
            let digits = text.find(|c: char| !c.is_ascii_digit())?;
            shape.push(text[..digits].parse().ok()?);
            self.0 = &text[digits..];
            let _ = self.expect("L");
            if self.expect(",").is_none() {
                self.expect(")")?;
                break;
            }
        }
        Some(shape)
    }
}
