//! Reads IDX files, the format of MNIST and Fashion-MNIST.
//!
//! The format: two zero bytes, one byte for the type, one for the number of axes; the size of each axis (4 bytes, big endian); the numbers
//! in row-major order, big endian. Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits" (1998), section on
//! file formats.

use super::DataError;
use super::gzip::unzipped;
use crate::Scalar;
use ndarray::{ArrayD, IxDyn};
use std::io::Read;

/// The default limit for the bytes of all numbers. A gzipped file can grow to a thousand times its size.
const LIMIT: u64 = 1 << 31;

/// The array of an IDX file, in the type of the file.
#[derive(Clone, Debug, PartialEq)]
pub enum Idx {
    /// Type 0x08.
    U8(ArrayD<u8>),
    /// Type 0x09.
    I8(ArrayD<i8>),
    /// Type 0x0b.
    I16(ArrayD<i16>),
    /// Type 0x0c.
    I32(ArrayD<i32>),
    /// Type 0x0d.
    F32(ArrayD<f32>),
    /// Type 0x0e.
    F64(ArrayD<f64>),
}

impl Idx {
    /// Reads a file, gzipped or not. The sizes in its header are checked, and memory is allocated as the bytes arrive.
    ///
    /// # Errors
    /// A [`DataError`] if the format is another one, the file is cut short or has bytes after its end, the sizes are above 2 GiB, or the
    /// compression is damaged.
    ///
    /// ```
    /// use wengert::data::Idx;
    /// let file = [0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 3, 7, 8, 9]; // bytes, 2 axes: 1 x 3
    /// let array = Idx::read(&file[..])?.to_array::<f32>();
    /// assert_eq!((array.shape(), array[[0, 2]]), (&[1, 3][..], 9.0));
    /// # Ok::<(), wengert::data::DataError>(())
    /// ```
    pub fn read(reader: impl Read) -> Result<Idx, DataError> {
        Idx::read_at_most(reader, LIMIT)
    }
    /// Reads a file with at most this many bytes of numbers, instead of 2 GiB. Use less for files of others, where a small file may grow to
    /// 2 GiB, and more for larger data sets.
    ///
    /// # Errors
    /// As [`Idx::read`].
    pub fn read_at_most(reader: impl Read, bytes: u64) -> Result<Idx, DataError> {
        let limit = bytes;
        let mut reader = Counted { reader: unzipped(reader)?, count: 0 };
        let magic: [u8; 4] = reader.array()?;
        let [0, 0, kind, axes] = magic else { return Err(DataError::Magic { found: magic }) };
        let size = match kind {
            0x08 | 0x09 => 1,
            0x0b => 2,
            0x0c | 0x0d => 4,
            0x0e => 8,
            _ => return Err(DataError::Magic { found: magic }),
        };
        let sizes = (0..axes).map(|_| Ok(u32::from_be_bytes(reader.array()?))).collect::<Result<Vec<_>, DataError>>()?;
        // Empty axes are left out, so that the other sizes are checked too.
        let bytes = sizes.iter().filter(|n| **n > 0).try_fold(size, |bytes: u64, n| bytes.checked_mul((*n).into()));
        // Never more than an array can hold.
        if bytes.is_none_or(|bytes| bytes > limit.min(isize::MAX as u64)) {
            return Err(DataError::Huge { sizes, limit });
        }
        let bytes = reader.last(size * sizes.iter().map(|n| u64::from(*n)).product::<u64>())?;
        let shape: Vec<usize> = sizes.iter().map(|n| *n as usize).collect();
        Ok(match kind {
            0x08 => Idx::U8(laid_out(bytes, &shape)),
            0x09 => Idx::I8(laid_out(each(&bytes, i8::from_be_bytes), &shape)),
            0x0b => Idx::I16(laid_out(each(&bytes, i16::from_be_bytes), &shape)),
            0x0c => Idx::I32(laid_out(each(&bytes, i32::from_be_bytes), &shape)),
            0x0d => Idx::F32(laid_out(each(&bytes, f32::from_be_bytes), &shape)),
            _ => Idx::F64(laid_out(each(&bytes, f64::from_be_bytes), &shape)),
        })
    }
    /// The sizes of the axes.
    pub fn shape(&self) -> &[usize] {
        match self {
            Idx::U8(a) => a.shape(),
            Idx::I8(a) => a.shape(),
            Idx::I16(a) => a.shape(),
            Idx::I32(a) => a.shape(),
            Idx::F32(a) => a.shape(),
            Idx::F64(a) => a.shape(),
        }
    }
    /// The type of the numbers, by PyTorch's name.
    pub fn type_name(&self) -> &'static str {
        match self {
            Idx::U8(_) => "uint8",
            Idx::I8(_) => "int8",
            Idx::I16(_) => "int16",
            Idx::I32(_) => "int32",
            Idx::F32(_) => "float32",
            Idx::F64(_) => "float64",
        }
    }
    /// The numbers, rounded to this type.
    pub fn to_array<T: Scalar>(&self) -> ArrayD<T> {
        match self {
            Idx::U8(a) => a.mapv(|x| T::from_f64(x.into())),
            Idx::I8(a) => a.mapv(|x| T::from_f64(x.into())),
            Idx::I16(a) => a.mapv(|x| T::from_f64(x.into())),
            Idx::I32(a) => a.mapv(|x| T::from_f64(x.into())),
            Idx::F32(a) => a.mapv(|x| T::from_f64(x.into())),
            Idx::F64(a) => a.mapv(T::from_f64),
        }
    }
}

fn each<const N: usize, X>(bytes: &[u8], number: impl Fn([u8; N]) -> X) -> Vec<X> {
    bytes.as_chunks().0.iter().map(|b| number(*b)).collect()
}
fn laid_out<X>(numbers: Vec<X>, shape: &[usize]) -> ArrayD<X> {
    ArrayD::from_shape_vec(IxDyn(shape), numbers).expect("the sizes were checked")
}

/// A reader that counts the bytes it has read.
struct Counted<R> {
    reader: R,
    count: u64,
}

impl<R: Read> Counted<R> {
    /// Reads this many bytes; memory is allocated as they arrive.
    fn bytes(&mut self, n: u64) -> Result<Vec<u8>, DataError> {
        let mut bytes = Vec::new();
        let found = self.reader.by_ref().take(n).read_to_end(&mut bytes)? as u64;
        self.count += found;
        if found < n {
            return Err(DataError::Truncated { needed: self.count - found + n, found: self.count });
        }
        Ok(bytes)
    }
    fn array<const N: usize>(&mut self) -> Result<[u8; N], DataError> {
        Ok(self.bytes(N as u64)?.try_into().expect("as many as asked for"))
    }
    /// Reads this many bytes and checks that nothing follows. Reading on also makes the decompressor verify its checksum.
    fn last(&mut self, n: u64) -> Result<Vec<u8>, DataError> {
        let bytes = self.bytes(n)?;
        match self.reader.read(&mut [0])? {
            0 => Ok(bytes),
            _ => Err(DataError::Trailing { length: self.count }),
        }
    }
}
