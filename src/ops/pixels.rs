//! Turns channels into pixels, and back.

use crate::array::error::ShapeError;
use crate::array::scalar::Scalar;
use crate::array::shape::Shape;
use crate::tape::var::{Var, refuse};

impl<'t, T: Scalar> Var<'t, T> {
    /// Turns channels into pixels: each r^2 channels give an image in which every r by r square has one element of each. Derivative: the
    /// inverse, [`Var::pixel_unshuffle`]. Shapes: `[.., c r^2, h, w]` to `[.., c, h r, w r]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[[1.0, 2.0]], [[3.0, 4.0]], [[5.0, 6.0]], [[7.0, 8.0]]]); // four channels
    /// let y = x.pixel_shuffle(2);
    /// assert_eq!(y.shape(), [1, 2, 4]);
    /// assert_eq!(y.to_vec(), [1.0, 3.0, 2.0, 4.0, 5.0, 7.0, 6.0, 8.0]);
    /// ```
    ///
    /// # Panics
    /// If there are fewer than 3 axes, the factor is 0, or its square does not divide the channels.
    #[track_caller]
    pub fn pixel_shuffle(self, upscale_factor: usize) -> Self {
        let (shape, r) = (self.shape(), upscale_factor);
        let (lead, [c, h, w]) = match image(&shape) {
            Ok(parts) if r > 0 && r.checked_mul(r).is_some_and(|square| parts.1[0].is_multiple_of(square)) => parts,
            Ok(_) => {
                let e = ShapeError::new(format!("the square of upscale_factor {r} does not divide the channels of shape {shape}"));
                refuse(e.hint("the axes are (.., channels, height, width)"), "pixel_shuffle", [shape])
            }
            Err(e) => refuse(e, "pixel_shuffle", [shape]),
        };
        let y = self.reshape_to([lead, c / (r * r), r, r, h, w].into()).permute(&[0, 1, 4, 2, 5, 3]);
        y.reshape_to(shape[..shape.len() - 3].iter().copied().chain([c / (r * r), h * r, w * r]).collect())
    }
    /// Turns pixels into channels: the elements at one place of every r by r square become a channel. Derivative: the inverse,
    /// [`Var::pixel_shuffle`]. Shapes: `[.., c, h r, w r]` to `[.., c r^2, h, w]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]]);
    /// let y = x.pixel_unshuffle(2);
    /// assert_eq!(y.shape(), [4, 1, 2]);
    /// assert_eq!(y.to_vec(), [1.0, 3.0, 2.0, 4.0, 5.0, 7.0, 6.0, 8.0]);
    /// ```
    ///
    /// # Panics
    /// If there are fewer than 3 axes, the factor is 0, or it does not divide height and width.
    #[track_caller]
    pub fn pixel_unshuffle(self, downscale_factor: usize) -> Self {
        let (shape, r) = (self.shape(), downscale_factor);
        let (lead, [c, h, w]) = match image(&shape) {
            Ok(parts) if r > 0 && parts.1[1].is_multiple_of(r) && parts.1[2].is_multiple_of(r) => parts,
            Ok(_) => {
                let e = ShapeError::new(format!("downscale_factor {r} does not divide height and width of shape {shape}"));
                refuse(e.hint("the axes are (.., channels, height, width)"), "pixel_unshuffle", [shape])
            }
            Err(e) => refuse(e, "pixel_unshuffle", [shape]),
        };
        let y = self.reshape_to([lead, c, h / r, r, w / r, r].into()).permute(&[0, 1, 3, 5, 2, 4]);
        y.reshape_to(shape[..shape.len() - 3].iter().copied().chain([c * r * r, h / r, w / r]).collect())
    }
}

/// The number of images, and (channels, height, width) of each.
fn image(shape: &Shape) -> Result<(usize, [usize; 3]), ShapeError> {
    match shape[..] {
        [ref lead @ .., c, h, w] => Ok((lead.iter().product(), [c, h, w])),
        _ => Err(ShapeError::new(format!("an array of at least 3 axes is needed, not shape {shape}"))
            .hint("they are (.., channels, height, width)")),
    }
}
