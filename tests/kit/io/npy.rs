//! NumPy files: there and back, what NumPy writes, and every way to be damaged.

use crate::kit::helpers::Directory;
use ndarray::{ArrayD, IxDyn, array};
use wengert::io::npy::{from_bytes, load, save, to_bytes};
use wengert::io::{FormatError, Values};

const MAGIC: &[u8] = b"\x93NUMPY";

/// A file of version 1 with this header.
fn file(header: &str, numbers: &[u8]) -> Vec<u8> {
    [MAGIC, &[1, 0], &(header.len() as u16).to_le_bytes(), header.as_bytes(), numbers].concat()
}
fn with(kind: &str, shape: &str, numbers: &[u8]) -> Result<Values, FormatError> {
    from_bytes(&file(&format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n"), numbers))
}

#[test]
fn there_and_back() {
    let dir = Directory::new("npy");
    let arrays: [Values; 7] = [
        array![[1.0f32, -2.5], [f32::INFINITY, 4.0]].reversed_axes().into_dyn().into(),
        array![0.1f64, -0.0].into_dyn().into(),
        array![[[-3i64]]].into_dyn().into(),
        array![7u64, u64::MAX].into_dyn().into(),
        ArrayD::<f32>::zeros(IxDyn(&[0, 3])).into(),
        1.5f64.into(),
        ArrayD::<f64>::zeros(IxDyn(&[1; 40])).into(),
    ];
    for array in arrays {
        save(dir.file("a.npy"), array.clone()).unwrap();
        assert_eq!(load(dir.file("a.npy")).unwrap(), array);
        let bytes = to_bytes(&array);
        let numbers = array.shape().iter().product::<usize>() * if matches!(array, Values::F32(_)) { 4 } else { 8 };
        assert_eq!((bytes.len() - numbers) % 64, 0);
    }
    assert_eq!(dir.names(), ["a.npy"]);
}
#[test]
fn what_numpy_writes() {
    // numpy.save of numpy.array([[1, 2, 3], [4, 5, 6]], dtype='>i2', order='F')
    let header = "{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3), }                                                        \n";
    let bytes = file(header, &[0, 1, 0, 4, 0, 2, 0, 5, 0, 3, 0, 6]);
    assert_eq!(from_bytes(&bytes), Ok(array![[1i64, 2, 3], [4, 5, 6]].into_dyn().into()));
    assert_eq!(with("|b1", "(2,)", &[1, 0]), Ok(array![1u64, 0].into_dyn().into()));
    assert_eq!(with("<f2", "(1,)", &[0, 0x3c]), Ok(array![1f32].into_dyn().into()));
    assert_eq!(with("|u1", "()", &[9]), Ok(ArrayD::from_elem(IxDyn(&[]), 9u64).into()));
    assert_eq!(with("<i4", "(1L, 2L)", &[1, 0, 0, 0, 255, 255, 255, 255]), Ok(array![[1i64, -1]].into_dyn().into()));
}
#[test]
fn the_order_of_the_machine() {
    let one = 1.5f32.to_ne_bytes();
    for kind in ["=f4", "f4"] {
        assert_eq!(with(kind, "(1,)", &one), Ok(array![1.5f32].into_dyn().into()), "{kind}");
    }
    for kind in ["=i8", "i8"] {
        assert_eq!(with(kind, "(1,)", &(-7i64).to_ne_bytes()), Ok(array![-7i64].into_dyn().into()), "{kind}");
    }
    for kind in ["=u1", "|u1", "<u1", ">u1", "u1"] {
        assert_eq!(with(kind, "(1,)", &[9]), Ok(array![9u64].into_dyn().into()), "{kind}");
    }
    assert_eq!(with("=b1", "(1,)", &[1]), Ok(array![1u64].into_dyn().into()));
    assert_eq!(with("=f2", "(1,)", &0x3c00u16.to_ne_bytes()), Ok(array![1f32].into_dyn().into()));
}
#[test]
fn longer_headers_of_versions_2_and_3() {
    let header = b"{\"shape\": (2), \"descr\": \"|i1\", \"fortran_order\": False}";
    for version in [2, 3] {
        let bytes = [MAGIC, &[version, 0], &(header.len() as u32).to_le_bytes(), header, &[1, 255]].concat();
        assert_eq!(from_bytes(&bytes), Ok(array![1i64, -1].into_dyn().into()));
    }
    // Version 2 is used if the header does not fit into version 1.
    let long: Values = ArrayD::<f32>::zeros(IxDyn(&[1; 40_000])).into();
    let bytes = to_bytes(&long);
    assert_eq!((bytes[6], from_bytes(&bytes)), (2, Ok(long)));
}
#[test]
fn cut_short_at_every_byte() {
    let whole = to_bytes(&array![[1.0f32, 2.0]].into_dyn().into());
    for n in 0..whole.len() {
        let Err(FormatError::Truncated { needed, found }) = from_bytes(&whole[..n]) else { panic!("{n}") };
        assert!(needed > found && found == n as u64 && needed <= whole.len() as u64, "{n}");
    }
    assert_eq!(from_bytes(&[&whole[..], &[0]].concat()), Err(FormatError::Trailing { extra: 1 }));
}
#[test]
fn every_changed_byte_is_refused_or_read() {
    let whole = to_bytes(&array![[1.0f32, 2.0]].into_dyn().into());
    for at in 0..whole.len() {
        for flip in 1..=255 {
            let mut changed = whole.clone();
            changed[at] ^= flip;
            let _ = from_bytes(&changed); // no panic, no large allocation
        }
    }
}
#[test]
fn other_formats_versions_and_types() {
    assert_eq!(from_bytes(b"PK\x03\x04"), Err(FormatError::Magic { format: "npy" }));
    assert!(matches!(from_bytes(b"\x93NUMPY\x04\x00\x00\x00"), Err(FormatError::Header { .. })));
    for kind in ["|O", "<U4", "<c8", "<f16", "|f4", "=f3", "", "f", "=", "=|f4", "\u{e9}f4"] {
        assert!(matches!(with(kind, "(1,)", &[0; 4]), Err(FormatError::Type { found, .. }) if found == kind), "{kind}");
    }
}
#[test]
fn headers_that_make_no_sense() {
    let fine = "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }";
    assert!(from_bytes(&file(fine, &[0; 4])).is_ok());
    for (a, b) in [
        ("False", "false"),
        ("(1,)", "(1,"),
        ("(1,)", "1"),
        ("(1,)", "(-1,)"),
        ("(1,)", "(1 1)"),
        ("(1,)", "(99999999999999999999999,)"),
        ("'<f4'", "[('a', '<f4')]"),
        ("'descr': '<f4', ", ""),
        ("'descr'", "'other'"),
        ("'descr'", "'shape'"),
        ("'fortran_order': False", "'fortran_order': False, 'fortran_order': False"),
        ("}", "} x"),
        ("}", ""),
        ("{", ""),
    ] {
        let error = from_bytes(&file(&fine.replace(a, b), &[0; 4])).unwrap_err();
        assert!(matches!(error, FormatError::Header { .. }), "{a} {b}: {error}");
    }
    let mut bytes = file(fine, &[0; 4]);
    bytes[20] = 0xff; // not UTF-8
    assert!(matches!(from_bytes(&bytes), Err(FormatError::Header { .. })));
}
#[test]
fn huge_sizes() {
    let most = usize::MAX;
    assert!(matches!(with("<f4", "(1000000000000,)", &[0; 4]), Err(FormatError::Truncated { .. })));
    for shape in [format!("({most}, {most})"), format!("(0, {most}, {most})"), format!("({most}, 2, 0)")] {
        assert!(matches!(with("<f4", &shape, &[]), Err(FormatError::Header { .. })), "{shape}");
    }
    let huge = [MAGIC, &[2, 0], &u32::MAX.to_le_bytes(), b"{"].concat();
    assert!(matches!(from_bytes(&huge), Err(FormatError::Truncated { found: 13, .. })));
}
