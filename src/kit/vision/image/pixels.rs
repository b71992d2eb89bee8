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

/// Refuses an image whose header says no pixels, more than are read, more than the file can hold where a byte packs at most `per_byte` of them, or
/// more than there is memory for, where reading takes `memory` bytes for each. Nothing was allocated before.
pub(super) fn check_size(file: &[u8], width: u64, height: u64, per_byte: u64, memory: usize) -> Result<(), ImageError> {
    if width == 0 || height == 0 {
        return Err(ImageError::Empty { width, height });
    }
    let most = MOST_PIXELS.min(file.len() as u64 * per_byte);
    match width.checked_mul(height).filter(|&n| n <= most) {
        None => Err(ImageError::TooLarge { width, height, most, bytes: file.len() }),
        Some(n) if has_room::<u8>((n as usize).saturating_mul(memory)) => Ok(()),
        Some(_) => Err(ImageError::NoMemory { width, height }),
    }
}

/// What an image takes in memory, for each pixel, after its file was decoded: the bytes of up to 4 channels, an array of them, and one with other channels.
pub(super) const CONVERTED: usize = 3 * 4;
