//! Formats of image files: from bytes to pixels and back.

use super::pixels::{CONVERTED, Pixels, check_size};
use super::{ImageError, pnm};
use crate::io::png::png;
use std::io::Cursor;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Reads a file of any of the formats.
pub(super) fn read(file: &[u8]) -> Result<Pixels, ImageError> {
    let pixels = match file {
        [0x89, b'P', b'N', b'G', ..] => read_png(file),
        [0xff, 0xd8, 0xff, ..] => read_jpeg(file),
        [b'P', b'5' | b'6', ..] => pnm::read(file),
        _ => Err(ImageError::Unknown),
    }?;
    assert_eq!(pixels.data.len(), pixels.height * pixels.width * pixels.channels, "decoders give all pixels");
    Ok(pixels)
}

/// Palettes become colors, a transparent color becomes an alpha channel; of 16 bits the upper 8 are kept.
fn read_png(file: &[u8]) -> Result<Pixels, ImageError> {
    let damaged = |why: png::DecodingError| ImageError::Damaged { format: "PNG", reason: why.to_string() };
    let mut decoder = png::Decoder::new(Cursor::new(file));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let info = decoder.read_header_info().map_err(damaged)?;
    // Deflate packs at most 1,032 bytes in one, each of up to 8 pixels.
    check_size(file, info.width.into(), info.height.into(), 1032 * 8, CONVERTED)?;
    let mut reader = decoder.read_info().map_err(damaged)?;
    let mut data = vec![0; reader.output_buffer_size().expect("the size was checked")];
    let info = reader.next_frame(&mut data).map_err(damaged)?;
    reader.finish().map_err(damaged)?;
    data.truncate(info.buffer_size());
    Ok(Pixels { width: info.width as usize, height: info.height as usize, channels: info.color_type.samples(), data })
}

fn read_jpeg(file: &[u8]) -> Result<Pixels, ImageError> {
    let damaged = |why: zune_jpeg::errors::DecodeErrors| ImageError::Damaged { format: "JPEG", reason: why.to_string() };
    // A header of JPEG holds at most 65,535; how many pixels are read is checked below.
    let options = DecoderOptions::default().set_max_width(0xffff).set_max_height(0xffff).set_strict_mode(true);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(file), options);
    decoder.decode_headers().map_err(damaged)?;
    let info = decoder.info().expect("the header was read");
    // A block of 64 pixels takes a bit at least. A progressive image needs memory for coefficients too: 2 bytes each, of up to 4 channels.
    check_size(file, info.width.into(), info.height.into(), 8 * 64, CONVERTED + 4 * 2)?;
    let channels = if info.components == 1 { 1 } else { 3 };
    decoder.set_options(options.jpeg_set_out_colorspace(if channels == 1 { ColorSpace::Luma } else { ColorSpace::RGB }));
    let data = decoder.decode().map_err(damaged)?;
    Ok(Pixels { width: info.width.into(), height: info.height.into(), channels, data })
}

/// The formats that are written.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Format {
    Png,
    Jpeg,
    Pnm,
}

impl Format {
    /// What of shape and channels this format cannot hold.
    pub(super) fn unfit(self, [channels, height, width]: [usize; 3]) -> Option<&'static str> {
        match self {
            _ if height.min(width) == 0 => Some("it has no pixels"),
            Format::Png if !matches!(channels, 1 | 3 | 4) => {
                Some("PNG images are written with 1 (gray), 3 (color) or 4 (alpha too) channels")
            }
            Format::Png if height.max(width) >= 1 << 31 => Some("a PNG image has less than 2^31 pixels on a side"),
            Format::Jpeg if !matches!(channels, 1 | 3) => Some("JPEG images are written with 1 (gray) or 3 (color) channels"),
            Format::Jpeg if height.max(width) > 0xffff => Some("a JPEG image has at most 65,535 pixels on a side"),
            Format::Pnm if !matches!(channels, 1 | 3) => Some("PNM images have 1 (gray) or 3 (color) channels"),
            _ => None,
        }
    }

    /// The bytes of a file; the format can hold the image.
    pub(super) fn write(self, image: &Pixels) -> Vec<u8> {
        match self {
            Format::Png => png([image.height, image.width], image.channels, &image.data),
            Format::Pnm => pnm::write(image),
            Format::Jpeg => {
                let kind = if image.channels == 1 { jpeg_encoder::ColorType::Luma } else { jpeg_encoder::ColorType::Rgb };
                let (mut file, [width, height]) = (Vec::new(), [image.width, image.height].map(|n| n as u16)); // checked by `unfit`
                jpeg_encoder::Encoder::new(&mut file, JPEG_QUALITY).encode(&image.data, width, height, kind).expect("a Vec takes all");
                file
            }
        }
    }
}

/// That of torchvision's `write_jpeg`.
const JPEG_QUALITY: u8 = 75;
