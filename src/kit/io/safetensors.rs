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

#[cfg(test)]
mod tests {
    use super::super::testing::Directory;
    use super::*;
    use ndarray::{ArrayD, IxDyn, array};

    fn example() -> State {
        let mut state = State::new();
        state.insert("features.0.weight", array![[1.0f32, -2.5], [f32::INFINITY, 4.0]].reversed_axes().into_dyn());
        state.insert("double", array![0.1f64, -0.0].into_dyn());
        state.insert("num_batches_tracked", ArrayD::from_elem(IxDyn(&[]), -3i64));
        state.insert("generator", array![7u64, u64::MAX].into_dyn());
        state.insert("empty", ArrayD::<f32>::zeros(IxDyn(&[0, 3])));
        state
    }
    /// A file with this header and this many bytes of numbers.
    fn file(header: &str, numbers: usize) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &vec![0; numbers]].concat()
    }
    fn refused(header: &str, numbers: usize) -> String {
        from_bytes(&file(header, numbers)).expect_err("must be refused").to_string()
    }

    #[test]
    fn there_and_back() {
        let dir = Directory::new("safetensors");
        let path = dir.file("a.safetensors");
        save(&path, &example()).unwrap();
        let (state, metadata) = load_with(&path).unwrap();
        assert_eq!((state, metadata), (example(), [("format".into(), "pt".into())].into()));
        save_with(&path, &State::new(), &[]).unwrap();
        assert_eq!(load_with(&path).unwrap(), (State::new(), Metadata::new()));
        assert_eq!(dir.names(), ["a.safetensors"]);
    }
    #[test]
    fn not_a_number_keeps_its_bits() {
        let nan = f32::from_bits(0x7fc0_1234);
        let state = State::from_iter([("nan", array![nan].into_dyn())]);
        let (read, _) = from_bytes(&to_bytes(&state, &[]).unwrap()).unwrap();
        let Some(Values::F32(a)) = read.get("nan") else { panic!("f32") };
        assert_eq!(a[0].to_bits(), nan.to_bits());
    }
    #[test]
    fn cut_short_at_every_byte() {
        let whole = to_bytes(&example(), &[("format", "pt")]).unwrap();
        from_bytes(&whole).unwrap();
        for n in 0..whole.len() {
            match from_bytes(&whole[..n]) {
                Err(FormatError::Truncated { needed, found }) => assert!(needed > found && found == n as u64, "{n}"),
                Err(FormatError::Header { .. }) => {}
                other => panic!("{n}: {other:?}"),
            }
        }
        let longer = [&whole[..], &[0]].concat();
        assert!(matches!(from_bytes(&longer), Err(FormatError::Header { .. })));
    }
    #[test]
    fn every_changed_byte_of_the_header_is_refused_or_read() {
        let whole = to_bytes(&example(), &[]).unwrap();
        let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
        for at in 0..header {
            for flip in [1, 16, 128] {
                let mut changed = whole.clone();
                changed[at] ^= flip;
                let _ = from_bytes(&changed); // no panic, no large allocation
            }
        }
    }
    #[test]
    fn other_formats_and_huge_headers() {
        assert_eq!(from_bytes(b"\x93NUMPY\x01\x00\x76\x00"), Err(FormatError::Magic { format: "safetensors" }));
        assert_eq!(from_bytes(b"PK\x03\x04 a zip file of torch.save"), Err(FormatError::Pickle));
        assert_eq!(from_bytes(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P"), Err(FormatError::Pickle));
        let huge = [&u64::MAX.to_le_bytes()[..], b"{}"].concat();
        assert_eq!(from_bytes(&huge), Err(FormatError::Truncated { needed: u64::MAX, found: 10 }));
        let large = [&(1u64 << 40).to_le_bytes()[..], b"{}"].concat();
        assert_eq!(from_bytes(&large), Err(FormatError::Truncated { needed: (1 << 40) + 8, found: 10 }));
    }
    #[test]
    fn headers_that_lie() {
        for (header, numbers) in [
            (r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, 4),
            (r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, 8),
            (r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[8,4]}}"#, 8),
            (r#"{"a":{"dtype":"F32","shape":[4611686018427387904,8],"data_offsets":[0,4]}}"#, 4),
            (r#"{"a":{"dtype":"F32","shape":[0,9223372036854775807,4],"data_offsets":[0,0]}}"#, 0),
            (r#"{"a":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}"#, 4),
            (r#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, 4),
            (r#"{"a":{"dtype":"F77","shape":[1],"data_offsets":[0,4]}}"#, 4),
            (r#"{"a":1}"#, 0),
            (r#"{"a""#, 0),
            ("{", 0),
        ] {
            assert!(refused(header, numbers).starts_with("its header is wrong: "), "{header}");
        }
        let complex = refused(r#"{"z":{"dtype":"C64","shape":[1],"data_offsets":[0,8]}}"#, 8);
        assert!(complex.starts_with("`z` holds numbers of type C64, which is not read"), "{complex}");
    }
    #[test]
    fn half_precision_is_read() {
        let header = r#"{"h":{"dtype":"F16","shape":[1],"data_offsets":[0,2]},"b":{"dtype":"BF16","shape":[1],"data_offsets":[2,4]}}"#;
        let mut bytes = file(header, 0);
        bytes.extend([0x00, 0xbe, 0x80, 0x3f]); // -1.5 and 1
        let (state, _) = from_bytes(&bytes).unwrap();
        assert_eq!(
            (state.get("h").unwrap(), state.get("b").unwrap()),
            (&array![-1.5f32].into_dyn().into(), &array![1f32].into_dyn().into())
        );
    }
    /// The bytes that `safetensors.torch.save_file` writes for a `state_dict` in which one table has two names (cloned, as it demands).
    #[test]
    fn tied_weights_of_a_state_dict() {
        use crate::nn::{Embedding, Module, Visitor};
        use crate::{Param, Var};
        struct Words(Embedding, Param);
        impl Module for Words {
            fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
                self.0.forward(x).matmul(x.tape().param(&self.1).t())
            }
            fn visit(&self, v: &mut Visitor<'_>) {
                v.module("embed", &self.0).param("head.weight", &self.1);
            }
        }
        let header = r#"{"__metadata__":{"format":"pt"},"embed.weight":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"head.weight":{"dtype":"F32","shape":[1,2],"data_offsets":[8,16]}}"#;
        let numbers = [1.5f32, -2.0, 1.5, -2.0].map(f32::to_le_bytes).concat();
        let bytes = [file(header, 0), numbers].concat();
        let embed = Embedding::new(1, 2, &mut crate::init::seeded(1));
        let words = Words(Embedding { weight: embed.weight.clone(), padding_idx: None }, embed.weight);
        words.load_state(&from_bytes(&bytes).unwrap().0).unwrap();
        assert_eq!(words.1.to_array(), array![[1.5, -2.0]].into_dyn());
        // The saved file has both names again.
        assert_eq!(from_bytes(&to_bytes(&words.state(), &[]).unwrap()).unwrap().0, from_bytes(&bytes).unwrap().0);
    }
    #[test]
    fn a_name_that_the_format_keeps() {
        let state = State::from_iter([("__metadata__", 1u64)]);
        assert!(matches!(to_bytes(&state, &[]), Err(FormatError::Header { .. })));
    }
    #[test]
    fn errors_name_the_file() {
        let dir = Directory::new("safetensors-errors");
        let path = dir.file("weights");
        assert!(load(&path).unwrap_err().to_string().contains("weights: "));
        std::fs::write(&path, "no safetensors").unwrap();
        let error = load(&path).unwrap_err().to_string();
        assert!(error.ends_with("weights: it does not begin as safetensors files do"), "{error}");
    }
}
