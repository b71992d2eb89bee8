//! Converts between the bytes of files and numbers. Each type in a file is widened to one that [`Values`] can hold.

use super::Values;
use ndarray::{ArrayD, IxDyn, ShapeBuilder};

/// The types of numbers in files.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Bool,
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F16,
    Bf16,
    F32,
    F64,
}

/// The order of bytes and elements in a file.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Order {
    pub big_endian: bool,
    /// If true, the first axis changes fastest.
    pub fortran: bool,
}

impl Number {
    /// The number of bytes of one number.
    pub fn size(self) -> usize {
        match self {
            Number::Bool | Number::U8 | Number::I8 => 1,
            Number::U16 | Number::I16 | Number::F16 | Number::Bf16 => 2,
            Number::U32 | Number::I32 | Number::F32 => 4,
            Number::U64 | Number::I64 | Number::F64 => 8,
        }
    }
    /// The array; `None` if the number of bytes does not fit the shape, or no array can have this shape.
    pub fn array(self, bytes: &[u8], shape: &[usize], order: Order) -> Option<Values> {
        let big = order.big_endian;
        Some(match self {
            Number::Bool => laid_out(each(bytes, big, |b: [u8; 1]| u64::from(b[0] != 0)), shape, order)?.into(),
            Number::U8 => laid_out(each(bytes, big, |b| u64::from(u8::from_le_bytes(b))), shape, order)?.into(),
            Number::U16 => laid_out(each(bytes, big, |b| u64::from(u16::from_le_bytes(b))), shape, order)?.into(),
            Number::U32 => laid_out(each(bytes, big, |b| u64::from(u32::from_le_bytes(b))), shape, order)?.into(),
            Number::U64 => laid_out(each(bytes, big, u64::from_le_bytes), shape, order)?.into(),
            Number::I8 => laid_out(each(bytes, big, |b| i64::from(i8::from_le_bytes(b))), shape, order)?.into(),
            Number::I16 => laid_out(each(bytes, big, |b| i64::from(i16::from_le_bytes(b))), shape, order)?.into(),
            Number::I32 => laid_out(each(bytes, big, |b| i64::from(i32::from_le_bytes(b))), shape, order)?.into(),
            Number::I64 => laid_out(each(bytes, big, i64::from_le_bytes), shape, order)?.into(),
            Number::F16 => laid_out(each(bytes, big, |b| half(u16::from_le_bytes(b))), shape, order)?.into(),
            Number::Bf16 => laid_out(each(bytes, big, |b| brain(u16::from_le_bytes(b))), shape, order)?.into(),
            Number::F32 => laid_out(each(bytes, big, f32::from_le_bytes), shape, order)?.into(),
            Number::F64 => laid_out(each(bytes, big, f64::from_le_bytes), shape, order)?.into(),
        })
    }
}

fn each<const N: usize, X>(bytes: &[u8], big_endian: bool, from_little_endian: impl Fn([u8; N]) -> X) -> Vec<X> {
    let number = |&(mut b): &[u8; N]| {
        if big_endian {
            b.reverse();
        }
        from_little_endian(b)
    };
    bytes.as_chunks().0.iter().map(number).collect()
}

fn laid_out<X: Clone>(numbers: Vec<X>, shape: &[usize], order: Order) -> Option<ArrayD<X>> {
    let mut array = ArrayD::from_shape_vec(IxDyn(shape).set_f(order.fortran), numbers).ok()?;
    if order.fortran {
        array = array.as_standard_layout().into_owned();
    }
    Some(array)
}

/// The bytes of an array, in row-major order and little endian.
pub(super) fn bytes(values: &Values) -> Vec<u8> {
    fn all<X: Clone, const N: usize>(a: &ArrayD<X>, to_bytes: impl Fn(&X) -> [u8; N]) -> Vec<u8> {
        match a.as_slice() {
            Some(a) => a.iter().flat_map(to_bytes).collect(),
            None => a.iter().flat_map(to_bytes).collect(), // in logical order, whatever the strides
        }
    }
    match values {
        Values::F32(a) => all(a, |x| x.to_le_bytes()),
        Values::F64(a) => all(a, |x| x.to_le_bytes()),
        Values::I64(a) => all(a, |x| x.to_le_bytes()),
        Values::U64(a) => all(a, |x| x.to_le_bytes()),
    }
}

/// A number in the IEEE 754 format binary16: 1 bit for the sign, 5 for the exponent, 10 for the fraction. An `f32` can hold all of them.
fn half(bits: u16) -> f32 {
    let (exponent, fraction) = (u32::from(bits >> 10 & 31), u32::from(bits & 1023));
    let size = match exponent {
        0 => fraction as f32 / (1u32 << 24) as f32,
        31 => f32::from_bits(0xff << 23 | fraction << 13),
        _ => f32::from_bits((exponent + 127 - 15) << 23 | fraction << 13),
    };
    if bits >> 15 == 1 { -size } else { size }
}

/// A bfloat16 number: the upper half of an `f32`.
fn brain(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_that_do_not_fit() {
        for shape in [&[3][..], &[1], &[], &[0], &[0, usize::MAX, 2], &[usize::MAX, usize::MAX]] {
            assert_eq!(Number::F32.array(&[0; 8], shape, Order::default()), None, "{shape:?}");
        }
        assert!(Number::F32.array(&[], &[0, 3], Order::default()).is_some());
    }
}
