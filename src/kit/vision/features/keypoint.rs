//! What is a place in an image that can be found again?

use crate::refusal::require;

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

/// Those with the largest response, if there are too many, in the order in which they are.
pub(super) fn strongest(keypoints: Vec<Keypoint>, most: Option<usize>) -> Vec<Keypoint> {
    let most = most.unwrap_or(usize::MAX);
    if keypoints.len() <= most {
        return keypoints;
    }
    let mut order: Vec<usize> = (0..keypoints.len()).collect();
    order.sort_by(|a, b| keypoints[*b].response.total_cmp(&keypoints[*a].response));
    order.truncate(most);
    order.sort_unstable();
    order.into_iter().map(|i| keypoints[i]).collect()
}

/// Refuses keypoints that no detector finds.
#[track_caller]
pub(super) fn check(name: &str, keypoints: &[Keypoint]) {
    let odd = |k: &&Keypoint| ![k.x, k.y, k.size, k.angle].iter().all(|v| v.is_finite()) || k.size <= 0.0;
    if let Some(k) = keypoints.iter().find(odd) {
        require(false, || format!("{name}: {k:?}"), "keypoints have finite places and sizes above 0");
    }
}
