//! Reads and writes image files.

use super::codec::{self, Format};
use super::pixels::Pixels;
use super::{ImageError, to_gray, to_rgb};
use crate::io::{IoError, write_atomic};
use ndarray::{Array3, ArrayView3, Axis, concatenate, s};
use std::path::Path;

/// Which channels an image gets, whatever its file has. The names are torchvision's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ImageReadMode {
    /// Those of the file: 1 (gray), 2 (gray and alpha), 3 (color), 4 (color and alpha).
    #[default]
    Unchanged,
    /// 1: gray. Color is weighted as by [`to_gray`]; alpha is dropped.
    Gray,
    /// 2: gray and alpha, which is 255 (opaque) if the file has none.
    GrayAlpha,
    /// 3: red, green, blue. Gray is repeated; alpha is dropped.
    Rgb,
    /// 4: color and alpha, which is 255 (opaque) if the file has none.
    RgbAlpha,
}

/// Reads an image with the channels of its file: [`read_image_with`] in the mode [`ImageReadMode::Unchanged`].
///
/// ```
/// use wengert::ndarray::Array3;
/// use wengert::vision::image::{read_image, write_image};
/// # let path = std::env::temp_dir().join(format!("wengert-image-{}.png", std::process::id()));
/// let image = Array3::from_shape_fn((3, 4, 5), |(c, y, x)| (c * 100 + y * 10 + x) as u8);
/// write_image(&path, &image)?;
/// assert_eq!(read_image(&path)?, image);
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`read_image_with`].
pub fn read_image(path: impl AsRef<Path>) -> Result<Array3<u8>, ImageError> {
    read_image_with(path, ImageReadMode::Unchanged)
}

/// Reads a PNG, JPEG or binary PNM image (the first bytes tell which) as `[channels, height, width]`. torchvision: `read_image`.
///
/// Palettes become colors. Of 16 bits in a PNG the upper 8 are kept; PNM values are scaled from the largest value of the file to 255 and rounded.
/// A rotation in EXIF data and color profiles are ignored, as in torchvision.
///
/// # Errors
/// If the file cannot be read, is damaged or of another format, or says that it has more than 2^28 pixels.
pub fn read_image_with(path: impl AsRef<Path>, mode: ImageReadMode) -> Result<Array3<u8>, ImageError> {
    let path = path.as_ref();
    let bytes = std::fs::read(path).map_err(|source| IoError::Read { path: path.into(), source })?;
    decode_image(&bytes, mode).map_err(|why| ImageError::File { path: path.into(), source: Box::new(why) })
}

/// The same for the bytes of a file, such as an embedded one. torchvision: `decode_image`.
///
/// ```
/// use wengert::vision::image::{ImageReadMode, decode_image};
/// let gray = decode_image(b"P5 2 1 255 \x07\x63", ImageReadMode::Unchanged)?;
/// assert_eq!((gray.dim(), gray.as_slice().unwrap()), ((1, 1, 2), &[7, 0x63][..]));
/// assert!(decode_image(b"GIF89a", ImageReadMode::Rgb).is_err());
/// # Ok::<(), wengert::vision::image::ImageError>(())
/// ```
///
/// # Errors
/// As [`read_image_with`].
pub fn decode_image(file: &[u8], mode: ImageReadMode) -> Result<Array3<u8>, ImageError> {
    let Pixels { width, height, channels, data } = codec::read(file)?;
    let pixels = ArrayView3::from_shape((height, width, channels), &data).expect("as many as there are pixels");
    let image = pixels.permuted_axes([2, 0, 1]).as_standard_layout().into_owned();
    let with_alpha = |color: Array3<u8>| {
        let alpha = match channels {
            2 | 4 => image.slice(s![channels - 1.., .., ..]).to_owned(),
            _ => Array3::from_elem((1, height, width), 255),
        };
        concatenate(Axis(0), &[color.view(), alpha.view()]).expect("of one size")
    };
    Ok(match mode {
        ImageReadMode::Unchanged => image,
        ImageReadMode::Gray => to_gray(&image),
        ImageReadMode::GrayAlpha => with_alpha(to_gray(&image)),
        ImageReadMode::Rgb => to_rgb(&image),
        ImageReadMode::RgbAlpha => with_alpha(to_rgb(&image)),
    })
}

/// Writes an image `[channels, height, width]`, atomically. The ending of the name tells the format: `.png`, `.jpg` or `.jpeg` (quality 75),
/// `.pgm`, `.ppm` or `.pnm`. PNG takes 1, 3 or 4 channels, JPEG and `.pnm` 1 or 3, `.pgm` 1, `.ppm` 3.
///
/// # Errors
/// If the ending is another one, the format cannot hold the image, or the system refuses.
pub fn write_image(path: impl AsRef<Path>, image: &Array3<u8>) -> Result<(), ImageError> {
    let path = path.as_ref();
    let ending = path.extension().map(|e| e.to_ascii_lowercase());
    let (format, only) = match ending.as_ref().and_then(|e| e.to_str()) {
        Some("png") => (Format::Png, None),
        Some("jpg" | "jpeg") => (Format::Jpeg, None),
        Some("pgm") => (Format::Pnm, Some((1, "a .pgm file is gray, of 1 channel"))),
        Some("ppm") => (Format::Pnm, Some((3, "a .ppm file is in color, of 3 channels"))),
        Some("pnm") => (Format::Pnm, None),
        _ => return Err(ImageError::Ending { path: path.into() }),
    };
    let (channels, height, width) = image.dim();
    let shape = [channels, height, width];
    let reason = format.unfit(shape).or(only.filter(|o| o.0 != channels).map(|o| o.1));
    if let Some(reason) = reason {
        return Err(ImageError::Unfit { path: path.into(), shape, reason });
    }
    let data = image.view().permuted_axes([1, 2, 0]).iter().copied().collect();
    Ok(write_atomic(path, &format.write(&Pixels { width, height, channels, data }))?)
}
