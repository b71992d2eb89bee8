//! Safetensors files: there and back, and every way to be damaged.

use crate::kit::helpers::Directory;
use ndarray::{ArrayD, IxDyn, array};
use wengert::io::safetensors::{Metadata, from_bytes, load, load_with, save, save_with, to_bytes};
use wengert::io::{FormatError, State, Values};

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
    assert_eq!((state.get("h").unwrap(), state.get("b").unwrap()), (&array![-1.5f32].into_dyn().into(), &array![1f32].into_dyn().into()));
}
/// The bytes that `safetensors.torch.save_file` writes for a `state_dict` in which one table has two names (cloned, as it demands).
#[test]
fn tied_weights_of_a_state_dict() {
    use wengert::nn::{Embedding, Forward, Module, Visitor};
    use wengert::{Param, Var};
    struct Words(Embedding, Param);
    impl Forward for Words {
        fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
            self.0.forward(x).matmul(x.tape().param(&self.1).t())
        }
    }
    impl Module for Words {
        fn visit(&self, v: &mut Visitor<'_>) {
            v.module("embed", &self.0).param("head.weight", &self.1);
        }
    }
    let header = r#"{"__metadata__":{"format":"pt"},"embed.weight":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"head.weight":{"dtype":"F32","shape":[1,2],"data_offsets":[8,16]}}"#;
    let numbers = [1.5f32, -2.0, 1.5, -2.0].map(f32::to_le_bytes).concat();
    let bytes = [file(header, 0), numbers].concat();
    let embed = Embedding::new(1, 2, &mut wengert::init::seeded(1));
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
