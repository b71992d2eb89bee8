//! The pixels of an image file, and how many there may be.

use super::ImageError;
use crate::refusal::has_room;

/// Pixels in row-major order, the channels of each side by side.
pub(super) struct Pixels {
    pub width: usize,
    pub height: usize,
    pub channels: usize,
    pub data: Vec<u8>,
}

/// Larger images are refused: of 4 channels they take 1 GiB.
const MOST_PIXELS: u64 = 1 << 28;
/// No format packs more pixels in a byte: PNG 1,032 bytes (the most that Deflate can) of 8 pixels each, JPEG 8 blocks of 64.
const MOST_PER_BYTE: u64 = 1032 * 8;

/// Refuses an image whose header says no pixels, more than are read, or more than the file can hold, before memory is taken for them.
pub(super) fn check_size(file: &[u8], width: u64, height: u64) -> Result<(), ImageError> {
    if width == 0 || height == 0 {
        return Err(ImageError::Empty { width, height });
    }
    let most = MOST_PIXELS.min(file.len() as u64 * MOST_PER_BYTE);
    let pixels = width.checked_mul(height).filter(|&n| n <= most);
    match pixels {
        Some(n) if has_room::<[u8; 4]>(n as usize) => Ok(()),
        _ => Err(ImageError::TooLarge { width, height, most, bytes: file.len() }),
    }
}
