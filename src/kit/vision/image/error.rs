//! The errors of image files.

use crate::io::IoError;
use std::fmt;
use std::path::PathBuf;

/// Why an image was not read or not written.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The system refused to read or write the file.
    #[error(transparent)]
    Io(#[from] IoError),
    /// The content of a file was refused.
    #[error("cannot use {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: Box<ImageError>,
    },
    /// It has another format.
    #[error(
        "it begins as none of PNG, JPEG and binary PNM (P5, P6) files do\n  hint: convert it, such as by `magick picture.webp picture.png`"
    )]
    Unknown,
    /// It is damaged, or uses a rare part of its format.
    #[error("as a {format} image it is damaged, cut short or of a rare kind: {reason}")]
    Damaged {
        /// The format.
        format: &'static str,
        /// What the decoder says.
        reason: String,
    },
    /// Its header promises no pixels.
    #[error("its header says {width} x {height} pixels, which are none")]
    Empty {
        /// The width in the header.
        width: u64,
        /// The height in the header.
        height: u64,
    },
    /// Its header promises more pixels than are read, or than so few bytes can hold.
    #[error("its header says {width} x {height} pixels: at most {most} are read from {bytes} bytes")]
    TooLarge {
        /// The width in the header.
        width: u64,
        /// The height in the header.
        height: u64,
        /// The largest number of pixels.
        most: u64,
        /// The size of the file.
        bytes: usize,
    },
    /// There is no memory for its pixels.
    #[error("there is no memory for its {width} x {height} pixels")]
    NoMemory {
        /// The width in the header.
        width: u64,
        /// The height in the header.
        height: u64,
    },
    /// The name of a file to be written does not tell the format.
    #[error("{} does not end in .png, .jpg, .jpeg, .pgm, .ppm or .pnm, so its format is not known", path.display())]
    Ending {
        /// The file.
        path: PathBuf,
    },
    /// A format cannot hold this image.
    #[error("{} cannot hold an image of shape {shape:?} (channels, height, width): {reason}", path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// Channels, height and width.
        shape: [usize; 3],
        /// What the format holds.
        reason: &'static str,
    },
}

/// The same text as `Display`, since `unwrap` and a `main` that returns an error show `Debug`.
impl fmt::Debug for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
