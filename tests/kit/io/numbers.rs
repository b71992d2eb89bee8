//! The types of numbers in files: each is widened to one that [`Values`] can hold.

use ndarray::{ArrayD, IxDyn, array};
use wengert::io::{Values, npy, safetensors};

/// The array of a NumPy file with numbers of this type.
fn read(kind: &str, fortran: &str, shape: &str, numbers: &[u8]) -> Values {
    let header = format!("{{'descr': '{kind}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
    let file = [b"\x93NUMPY\x01\0", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), numbers].concat();
    npy::from_bytes(&file).unwrap()
}

#[test]
fn half_precision() {
    let all: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
    let Values::F32(numbers) = read("<f2", "False", "(65536,)", &all) else { panic!("f32") };
    let half = |bits: u16| numbers[usize::from(bits)];
    let cases = [(0x0000, 0.0), (0x3c00, 1.0), (0xc000, -2.0), (0x7bff, 65504.0), (0x0400, 6.103_515_6e-5), (0x0001, 5.960_464_5e-8)];
    for (bits, x) in cases {
        assert_eq!(half(bits), x, "{bits:#06x}");
    }
    assert_eq!((half(0x7c00), half(0xfc00)), (f32::INFINITY, f32::NEG_INFINITY));
    assert!(half(0x7e00).is_nan() && half(0x8000).is_sign_negative());
    // Finite numbers increase with their bits, and the exponent gives the distance between neighbours.
    for bits in 0..0x7bffu16 {
        let exponent = (bits >> 10).max(1) as i32;
        assert_eq!(half(bits + 1) - half(bits), 2f32.powi(exponent - 25), "{bits:#06x}");
    }
}
#[test]
fn brain_floating_point() {
    let header = r#"{"x":{"dtype":"BF16","shape":[3],"data_offsets":[0,6]}}"#;
    let numbers: Vec<u8> = [0x3f80u16, 0xc040, 0x7f80].iter().flat_map(|x| x.to_le_bytes()).collect();
    let file = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &numbers].concat();
    let (state, _) = safetensors::from_bytes(&file).unwrap();
    assert_eq!(state.get("x"), Some(&array![1.0, -3.0, f32::INFINITY].into_dyn().into()));
}
#[test]
fn each_type_with_its_bytes() {
    let one = |kind: &str, bytes: &[u8]| read(kind, "False", "(1,)", bytes);
    let whole = |x: i64| Values::from(ArrayD::from_elem(IxDyn(&[1]), x));
    let unsigned = |x: u64| Values::from(ArrayD::from_elem(IxDyn(&[1]), x));
    assert_eq!(one("|b1", &[7]), unsigned(1));
    assert_eq!(one("|u1", &[200]), unsigned(200));
    assert_eq!(one("|i1", &[200]), whole(-56));
    assert_eq!(one("<u2", &[1, 255]), unsigned(0xff01));
    assert_eq!(one("<i2", &[254, 255]), whole(-2));
    assert_eq!(one("<u4", &[1, 0, 0, 128]), unsigned(0x8000_0001));
    assert_eq!(one("<i4", &[255; 4]), whole(-1));
    assert_eq!(one("<u8", &[255; 8]), unsigned(u64::MAX));
    assert_eq!(one("<i8", &[255; 8]), whole(-1));
    assert_eq!(one("<f4", &1.5f32.to_le_bytes()), array![1.5f32].into_dyn().into());
    assert_eq!(one("<f8", &1.5f64.to_le_bytes()), array![1.5f64].into_dyn().into());
}
#[test]
fn orders() {
    let bytes: Vec<u8> = [1u16, 2, 3, 4, 5, 6].iter().flat_map(|x| x.to_be_bytes()).collect();
    let Values::U64(a) = read(">u2", "True", "(2, 3)", &bytes) else { panic!("whole numbers") };
    assert_eq!(a, array![[1, 3, 5], [2, 4, 6]].into_dyn());
    assert!(a.is_standard_layout());
}
