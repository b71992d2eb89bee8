//! Binary PNM images: P5 (gray) and P6 (color), of 8 or 16 bits. Source: the pages `pgm` and `ppm` of Netpbm.

use super::ImageError;
use super::pixels::{CONVERTED, Pixels, check_size};

/// Reads a file that begins with `P5` or `P6`. Values are scaled from the file's largest value to 255, and rounded.
pub(super) fn read(file: &[u8]) -> Result<Pixels, ImageError> {
    let channels = if file.starts_with(b"P6") { 3 } else { 1 };
    let mut rest = &file[2..];
    let mut number = |name: &str| header_number(&mut rest).ok_or_else(|| damaged(format!("the header has no {name}")));
    let (width, height, largest) = (number("width")?, number("height")?, number("largest value")?);
    if !(1..=0xffff).contains(&largest) {
        return Err(damaged(format!("the largest value is {largest}, which is not from 1 to 65535")));
    }
    check_size(file, width, height, 1, CONVERTED)?;
    let (width, height) = (width as usize, height as usize);
    // One byte of space ends the header.
    let body = rest.split_at_checked(1).filter(|(space, _)| space[0].is_ascii_whitespace()).map_or(&[][..], |(_, body)| body);
    let size = if largest < 256 { 1 } else { 2 };
    let needed = width * height * channels * size;
    if body.len() < needed {
        return Err(damaged(format!("{} bytes of pixels where {needed} are needed", body.len())));
    }
    let scaled = |v: u64| ((v.min(largest) * 255 + largest / 2) / largest) as u8;
    let data = match size {
        1 => body[..needed].iter().map(|&v| scaled(v.into())).collect(),
        _ => body[..needed].as_chunks().0.iter().map(|&two| scaled(u16::from_be_bytes(two).into())).collect(),
    };
    Ok(Pixels { width, height, channels, data })
}

/// The bytes of a file: of 1 channel P5, of 3 channels P6.
pub(super) fn write(image: &Pixels) -> Vec<u8> {
    let kind = if image.channels == 1 { 5 } else { 6 };
    let header = format!("P{kind}\n{} {}\n255\n", image.width, image.height);
    [header.as_bytes(), &image.data].concat()
}

/// The next number, after space and comments.
fn header_number(rest: &mut &[u8]) -> Option<u64> {
    loop {
        *rest = rest.trim_ascii_start();
        if !rest.starts_with(b"#") {
            break;
        }
        *rest = &rest[rest.iter().position(|&b| b == b'\n')?..];
    }
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    let number = std::str::from_utf8(&rest[..digits]).ok()?.parse().ok();
    *rest = &rest[digits..];
    number
}

fn damaged(reason: String) -> ImageError {
    ImageError::Damaged { format: "PNM", reason }
}
