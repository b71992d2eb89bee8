//! What is a place in an image that can be found again?

/// A place in an image that can be found again in another one, with its scale and direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Keypoint {
    /// Its column; the center of the first pixel is 0.
    pub x: f32,
    /// Its row; the center of the first pixel is 0.
    pub y: f32,
    /// The diameter of what it shows, in pixels.
    pub size: f32,
    /// Its direction in degrees, from 0 to 360: 0 is along a row, 90 down a column.
    pub angle: f32,
    /// How distinct it is.
    pub response: f32,
    /// The octave of the scale space in which it was found; each has half the resolution of the one before, 0 that of the image.
    pub octave: i32,
}
