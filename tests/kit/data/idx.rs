//! IDX files of every type, and damaged ones.

use crate::kit::helpers::gzipped;
use ndarray::array;
use wengert::data::{DataError, Idx};

fn file(kind: u8, sizes: &[u32], numbers: &[u8]) -> Vec<u8> {
    let header = [0, 0, kind, sizes.len() as u8];
    header.into_iter().chain(sizes.iter().flat_map(|n| n.to_be_bytes())).chain(numbers.iter().copied()).collect()
}

#[test]
fn every_type() {
    let read = |kind, numbers: &[u8]| Idx::read(&*file(kind, &[2], numbers)).unwrap();
    assert_eq!(read(0x08, &[0, 255]), Idx::U8(array![0, 255].into_dyn()));
    assert_eq!(read(0x09, &[1, 255]), Idx::I8(array![1, -1].into_dyn()));
    assert_eq!(read(0x0b, &[1, 0, 255, 254]), Idx::I16(array![256, -2].into_dyn()));
    assert_eq!(read(0x0c, &[0, 1, 0, 0, 255, 255, 255, 255]), Idx::I32(array![65536, -1].into_dyn()));
    let floats: Vec<u8> = [1.5f32, -0.25].iter().flat_map(|x| x.to_be_bytes()).collect();
    assert_eq!(read(0x0d, &floats), Idx::F32(array![1.5, -0.25].into_dyn()));
    let doubles: Vec<u8> = [1.5f64, -0.25].iter().flat_map(|x| x.to_be_bytes()).collect();
    assert_eq!(read(0x0e, &doubles), Idx::F64(array![1.5, -0.25].into_dyn()));
    assert_eq!(read(0x0b, &[1, 0, 255, 254]).to_array::<f64>(), array![256.0, -2.0].into_dyn());
}
#[test]
fn plain_and_gzipped() {
    let plain = file(8, &[2, 1, 3], &[1, 2, 3, 4, 5, 6]);
    let array = Idx::U8(array![[[1, 2, 3]], [[4, 5, 6]]].into_dyn());
    assert_eq!((Idx::read(&*plain).unwrap(), Idx::read(&*gzipped(&plain)).unwrap()), (array.clone(), array));
    assert_eq!(Idx::read(&*file(8, &[], &[9])).unwrap().shape(), [0usize; 0]);
    assert_eq!(Idx::read(&*file(8, &[0, 28, 28], &[])).unwrap().shape(), [0, 28, 28]);
}
#[test]
fn cut_short_at_every_byte() {
    let plain = file(0x0b, &[2, 2], &[1, 2, 3, 4, 5, 6, 7, 8]);
    for n in 0..plain.len() {
        let Err(DataError::Truncated { needed, found }) = Idx::read(&plain[..n]) else { panic!("{n}") };
        assert!(found == n as u64 && needed > found && needed <= plain.len() as u64, "{n}: {needed}");
    }
    let zipped = gzipped(&plain);
    for n in 2..zipped.len() {
        assert!(matches!(Idx::read(&zipped[..n]), Err(DataError::Io(_))), "{n}");
    }
}
#[test]
fn bytes_after_the_end() {
    let long = file(8, &[2], &[1, 2, 3]);
    assert!(matches!(Idx::read(&*long), Err(DataError::Trailing { length: 10 })));
    assert!(matches!(Idx::read(&*gzipped(&long)), Err(DataError::Trailing { length: 10 })));
    let after = [&gzipped(&file(8, &[1], &[1]))[..], b"x"].concat();
    assert!(matches!(Idx::read(&*after), Err(DataError::Io(_))));
}
#[test]
fn other_formats() {
    for start in [[1, 0, 8, 1], [0, 1, 8, 1], [0, 0, 0x0a, 1], [0, 0, 0x0f, 1], *b"\x93NUM"] {
        assert!(matches!(Idx::read(&start[..]), Err(DataError::Magic { found }) if found == start), "{start:?}");
    }
}
#[test]
fn huge_headers() {
    for sizes in [&[u32::MAX, u32::MAX, u32::MAX][..], &[1 << 31, 2], &[0, u32::MAX, u32::MAX], &[u32::MAX; 255]] {
        assert!(matches!(Idx::read(&*file(8, sizes, &[1])), Err(DataError::Huge { limit: 0x8000_0000, .. })), "{sizes:?}");
    }
    for (limit, fits) in [(6, true), (5, false), (u64::MAX, true)] {
        let zipped = gzipped(&file(8, &[2, 3], &[0; 6]));
        assert_eq!(Idx::read_at_most(&*zipped, limit).is_ok(), fits, "{limit}");
    }
    assert!(matches!(Idx::read_at_most(&*file(8, &[u32::MAX; 3], &[1]), u64::MAX), Err(DataError::Huge { limit: u64::MAX, .. })));
    // A size within the limit, but without the bytes: no memory is allocated for it.
    assert!(matches!(Idx::read(&*file(0x0e, &[1 << 28], &[1])), Err(DataError::Truncated { found: 9, .. })));
}
