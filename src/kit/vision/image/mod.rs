//! Images: files, conversions, sizes, sums, drawing.
//!
//! An image of bytes is an array `[channels, height, width]`, as in PyTorch: 1 channel is gray, 3 are red, green and blue. Positions are
//! `[x, y]` in pixels, to the right and down; the centre of the first pixel is `[0, 0]`. ([`box_sums`], and the
//! boxes of [`vision`](crate::vision), count edges: `x2 = width` is the right edge.) Functions on [`Var`](crate::Var) have derivatives.
//!
//! | to .. | use |
//! |---|---|
//! | read and write PNG, JPEG and PNM (feature `image`) | `read_image`, `decode_image`, `write_image` |
//! | convert bytes | [`to_float`], [`to_u8`], [`to_gray`], [`to_rgb`] |
//! | turn color to gray, with a derivative | [`rgb_to_grayscale`] |
//! | resize, with a derivative | [`resize`] |
//! | sum over boxes, with a derivative | [`integral_image`], [`box_sums`] |
//! | draw | [`draw_bounding_boxes`], [`draw_line`], [`draw_polygon`], [`distinct_colors`] |
//!
//! ```
//! use wengert::ndarray::Array3;
//! use wengert::vision::image::{distinct_colors, draw_bounding_boxes, to_float};
//!
//! let mut image = Array3::<u8>::zeros((3, 20, 30));
//! draw_bounding_boxes(&mut image, &[[2.0, 3.0, 20.0, 15.0], [8.0, 8.0, 28.0, 18.0]], &distinct_colors(2, 1), 2);
//! let tape = wengert::Tape::<f32>::new();
//! assert_eq!(&*tape.constant(to_float::<f32, _, _>(&image)).shape(), [3, 20, 30]);
//! ```

#[cfg(feature = "image")]
mod codec;
mod color;
mod draw;
#[cfg(feature = "image")]
mod error;
#[cfg(feature = "image")]
mod file;
mod integral;
#[cfg(feature = "image")]
mod pixels;
#[cfg(feature = "image")]
mod pnm;
mod resize;

pub use color::{rgb_to_grayscale, to_float, to_gray, to_rgb, to_u8};
pub(crate) use draw::pixels_between;
pub use draw::{distinct_colors, draw_bounding_boxes, draw_line, draw_polygon};
#[cfg(feature = "image")]
pub use error::ImageError;
#[cfg(feature = "image")]
pub use file::{ImageReadMode, decode_image, read_image, read_image_with, write_image};
pub use integral::{box_sums, integral_image};
pub use resize::{ResizeOptions, resize};
