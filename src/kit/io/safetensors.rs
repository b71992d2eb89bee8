//! safetensors files: named arrays, in the format of the Python ecosystem.
//!
//! A file holds 8 bytes with the length of a header, the header (JSON with type, shape and place of each array) and the numbers. Format:
//! <https://huggingface.co/docs/safetensors>. The names are those of the [`State`], so a file of PyTorch's `state_dict` loads into a module
//! of the same structure, and vice versa.

use super::error::{of_file, read};
use super::numbers::{self, Number, Order};
use super::{FormatError, IoError, State, Values, write_atomic};
use ::safetensors::tensor::{SafeTensorError, View};
use ::safetensors::{Dtype, SafeTensors};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

/// The metadata in the header of a file, such as `format`: `pt`.
pub type Metadata = BTreeMap<String, String>;

/// Writes a state, atomically, with the metadata `format: pt` that PyTorch's users expect.
///
/// # Errors
/// If the system refuses, or an entry is called `__metadata__`, the name that the format uses for metadata. A file that existed before is
/// then unchanged.
///
/// ```
/// use wengert::{io, ndarray::array};
/// # let path = std::env::temp_dir().join(format!("wengert-doc-{}.safetensors", std::process::id()));
/// let mut state = io::State::new();
/// state.insert("fc.weight", array![[1.0f32, 2.0]].into_dyn());
/// io::save(&path, &state)?;
/// assert_eq!(io::load(&path)?, state);
/// # std::fs::remove_file(path).unwrap();
/// # Ok::<(), io::IoError>(())
/// ```
pub fn save(path: impl AsRef<Path>, state: &State) -> Result<(), IoError> {
    save_with(path, state, &[("format", "pt")])
}

/// Writes a state and metadata of your own, atomically. With two or more metadata entries, their order in the file may vary.
///
/// # Errors
/// As [`save`]; a file that existed before is then unchanged.
pub fn save_with(path: impl AsRef<Path>, state: &State, metadata: &[(&str, &str)]) -> Result<(), IoError> {
    let path = path.as_ref();
    write_atomic(path, &of_file(path, to_bytes(state, metadata))?)
}

/// Reads a file. `f32` and `f64` keep their type, `f16` and `bf16` become `f32`, integers and booleans become 64-bit integers.
///
/// # Errors
/// If the system refuses, or the file is damaged or holds numbers of another type (8-bit floating point, complex).
pub fn load(path: impl AsRef<Path>) -> Result<State, IoError> {
    Ok(load_with(path)?.0)
}

/// Reads a file and its metadata.
///
/// # Errors
/// As [`load`].
pub fn load_with(path: impl AsRef<Path>) -> Result<(State, Metadata), IoError> {
    let path = path.as_ref();
    of_file(path, from_bytes(&read(path)?))
}

/// The bytes of such a file.
///
/// # Errors
/// If an entry is called `__metadata__`, or the header would be longer than the format allows (100 MB).
pub fn to_bytes(state: &State, metadata: &[(&str, &str)]) -> Result<Vec<u8>, FormatError> {
    if state.get("__metadata__").is_some() {
        return Err(FormatError::Header { reason: "an array is called `__metadata__`, the name that the format uses for metadata".into() });
    }
    // `None` for no metadata: for an empty list without arrays, the library would write an invalid header.
    let metadata = (!metadata.is_empty()).then(|| metadata.iter().map(|&(k, v)| (k.into(), v.into())).collect());
    ::safetensors::serialize(state.iter().map(|(name, values)| (name, Encoded(values))), metadata).map_err(format_error)
}

/// Reads such bytes.
///
/// # Errors
/// If they are damaged, or hold numbers of a type that is not supported. Sizes are checked against the length before memory is allocated.
pub fn from_bytes(bytes: &[u8]) -> Result<(State, Metadata), FormatError> {
    let length = bytes.len() as u64;
    let Some((header, rest)) = bytes.split_first_chunk() else {
        return Err(FormatError::Truncated { needed: 8, found: length });
    };
    let header = u64::from_le_bytes(*header);
    if [&b"PK\x03\x04"[..], b"\x80\x02"].iter().any(|pickle| bytes.starts_with(pickle)) && rest.first() != Some(&b'{') {
        return Err(FormatError::Pickle);
    }
    // Without `{` after the first 8 bytes this is another format, and these bytes are not a length.
    if rest.first().is_some_and(|b| *b != b'{') {
        return Err(FormatError::Magic { format: "safetensors" });
    }
    if header > rest.len() as u64 {
        return Err(FormatError::Truncated { needed: header.saturating_add(8), found: length });
    }
    let (header, described) = SafeTensors::read_metadata(bytes).map_err(|e| match e {
        SafeTensorError::MetadataIncompleteBuffer => FormatError::Header {
            reason: format!("it describes more or fewer bytes than the {} that follow it", rest.len() as u64 - header),
        },
        e => format_error(e),
    })?;
    let numbers = &rest[header..];
    let mut state = State::new();
    for (name, info) in described.tensors() {
        let unknown = || FormatError::Type { name: name.clone(), found: format!("{:?}", info.dtype) };
        let number = number(info.dtype).ok_or_else(unknown)?;
        let values = number.array(&numbers[info.data_offsets.0..info.data_offsets.1], &info.shape, Order::default());
        let values = values.ok_or_else(|| FormatError::Header { reason: format!("`{name}` cannot have shape {:?}", info.shape) })?;
        state.insert(name, values);
    }
    let metadata = described.metadata().iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
    Ok((state, metadata))
}

fn number(dtype: Dtype) -> Option<Number> {
    Some(match dtype {
        Dtype::BOOL => Number::Bool,
        Dtype::U8 => Number::U8,
        Dtype::I8 => Number::I8,
        Dtype::U16 => Number::U16,
        Dtype::I16 => Number::I16,
        Dtype::U32 => Number::U32,
        Dtype::I32 => Number::I32,
        Dtype::U64 => Number::U64,
        Dtype::I64 => Number::I64,
        Dtype::F16 => Number::F16,
        Dtype::BF16 => Number::Bf16,
        Dtype::F32 => Number::F32,
        Dtype::F64 => Number::F64,
        _ => return None,
    })
}

fn format_error(e: SafeTensorError) -> FormatError {
    FormatError::Header { reason: e.to_string() }
}

/// An array that is converted to bytes when it is written, one array at a time.
struct Encoded<'a>(&'a Values);

impl View for Encoded<'_> {
    fn dtype(&self) -> Dtype {
        match self.0 {
            Values::F32(_) => Dtype::F32,
            Values::F64(_) => Dtype::F64,
            Values::I64(_) => Dtype::I64,
            Values::U64(_) => Dtype::U64,
        }
    }
    fn shape(&self) -> &[usize] {
        self.0.shape()
    }
    fn data(&self) -> Cow<'_, [u8]> {
        numbers::bytes(self.0).into()
    }
    fn data_len(&self) -> usize {
        self.shape().iter().product::<usize>() * self.dtype().bitsize() / 8
    }
}
