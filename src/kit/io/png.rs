//! Writes PNG images, without filters.

use flate2::{Compression, Crc, write::ZlibEncoder};
use std::io::Write;

/// A PNG file of 8-bit pixels in row-major order: 1 channel is grey, 3 are red, green and blue, and a 4th is opacity.
///
/// Source: "Portable Network Graphics (PNG) Specification" (W3C), section 5 on chunks.
pub(crate) fn png([height, width]: [usize; 2], channels: usize, pixels: &[u8]) -> Vec<u8> {
    let colour_type = match channels {
        1 => 0,
        3 => 2,
        4 => 6,
        _ => unreachable!("callers check the channels"),
    };
    assert_eq!(pixels.len(), height * width * channels, "callers check the size");
    let side = |n: usize| u32::try_from(n).ok().filter(|&n| n > 0 && n < 1 << 31).expect("callers check the sides").to_be_bytes();
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let header = [&side(width)[..], &side(height), &[8, colour_type, 0, 0, 0]].concat();
    chunk(&mut file, b"IHDR", &header);
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
    for row in pixels.chunks_exact(width * channels) {
        packed.write_all(&[0]).and_then(|()| packed.write_all(row)).expect("a Vec takes all"); // 0: no filter
    }
    chunk(&mut file, b"IDAT", &packed.finish().expect("a Vec takes all"));
    chunk(&mut file, b"IEND", &[]);
    file
}

fn chunk(file: &mut Vec<u8>, name: &[u8; 4], data: &[u8]) {
    let mut crc = Crc::new();
    crc.update(name);
    crc.update(data);
    file.extend(u32::try_from(data.len()).expect("below 4 GiB").to_be_bytes());
    file.extend(name);
    file.extend(data);
    file.extend(crc.sum().to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn chunks_and_pixels() {
        let file = png([2, 3], 1, &[0, 50, 100, 150, 200, 250]);
        assert_eq!(&file[..8], b"\x89PNG\r\n\x1a\n");
        // The header of a 3x2 grey image; its checksum is that of Python's zlib.crc32.
        assert_eq!(&file[8..33], b"\0\0\0\x0dIHDR\0\0\0\x03\0\0\0\x02\x08\0\0\0\0\xb8\x1f\x39\xc6");
        assert_eq!(&file[file.len() - 12..], b"\0\0\0\0IEND\xae\x42\x60\x82");
        let length = u32::from_be_bytes(file[33..37].try_into().unwrap()) as usize;
        let mut rows = Vec::new();
        flate2::read::ZlibDecoder::new(&file[41..41 + length]).read_to_end(&mut rows).unwrap();
        assert_eq!(rows, [0, 0, 50, 100, 0, 150, 200, 250]);
        assert_eq!(png([1, 1], 3, &[1, 2, 3])[25], 2);
        assert_eq!(png([1, 1], 4, &[1, 2, 3, 4])[25], 6);
    }
}
