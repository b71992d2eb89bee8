//! Augmentation: small random changes of images, which differ from epoch to epoch.

use crate::Scalar;
use crate::refusal::{elements, require};
use ndarray::ArrayD;
use rand::{Rng, RngExt};

/// Random changes of images `[batch, .., height, width]`: each is cut (by a shift or a crop), then perhaps flipped.
///
/// The changes of an image depend on the seed, the epoch and the place of the image in the epoch, but not on the batch size.
///
/// ```
/// use wengert::data::Augment;
/// use wengert::ndarray::ArrayD;
/// let augment = Augment::new(7).shift(2).flip();
/// let images = ArrayD::<f32>::ones(vec![4, 1, 8, 8]);
/// assert_eq!(augment.apply(&images, 0, 0).shape(), images.shape());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Augment {
    seed: u64,
    padding: usize,
    size: Option<[usize; 2]>,
    flip: bool,
    fill: f64,
}

impl Augment {
    /// Changes nothing yet.
    pub fn new(seed: u64) -> Augment {
        Augment { seed, padding: 0, size: None, flip: false, fill: 0.0 }
    }
    /// Shifts each image by up to `pixels` in both directions, with equal probability for each distance. It is an [`Augment::crop`] to the
    /// image's own size, and replaces an earlier crop.
    pub fn shift(mut self, pixels: usize) -> Augment {
        (self.padding, self.size) = (pixels, None);
        self
    }
    /// Pads by `padding` pixels on each side and cuts out a random part of this size. Replaces an earlier [`Augment::shift`].
    pub fn crop(mut self, height: usize, width: usize, padding: usize) -> Augment {
        (self.padding, self.size) = (padding, Some([height, width]));
        self
    }
    /// Mirrors each image (left becomes right) with probability one half.
    pub fn flip(mut self) -> Augment {
        self.flip = true;
        self
    }
    /// The value of pixels from outside the image; 0 by default, which is the mean of normalized images.
    ///
    /// # Panics
    /// If it is not finite.
    #[track_caller]
    pub fn fill(mut self, value: f64) -> Augment {
        require(value.is_finite(), || format!("augment: a fill of {value}"), "a finite number, such as the mean of the images");
        self.fill = value;
        self
    }
    /// Changes images; `place` is the place of the first one in the epoch.
    ///
    /// # Panics
    /// If there are fewer than three axes, the part is larger than the padded image, or images of that size are too large for memory.
    #[track_caller]
    pub fn apply<T: Scalar>(&self, images: &ArrayD<T>, epoch: u64, place: usize) -> ArrayD<T> {
        let message = || format!("augment: images have axes [batch, .., height, width], not {:?}", images.shape());
        require(images.ndim() >= 3, message, "give a gray image an axis for its one channel");
        let (n, [height, width]) = (images.shape()[0], [2, 1].map(|last| images.shape()[images.ndim() - last]));
        let [part_height, part_width] = self.size.unwrap_or([height, width]);
        let padded = |size: usize| self.padding.checked_mul(2).and_then(|both| both.checked_add(size));
        let room = |size: usize, part: usize| padded(size).and_then(|size| size.checked_sub(part));
        let rooms = [room(height, part_height), room(width, part_width)];
        let message = || {
            let sizes =
                format!("a part of {part_height} x {part_width} pixels of images of {height} x {width}, padded by {}", self.padding);
            format!("augment: {sizes}{}", if padded(height.max(width)).is_none() { ": their size overflows" } else { "" })
        };
        require(rooms.iter().all(Option::is_some), message, "make the part smaller or the padding larger");
        let room = rooms.map(|room| room.unwrap_or(0));
        let mut shape = images.shape().to_vec();
        let axes = shape.len();
        shape[axes - 2..].copy_from_slice(&[part_height, part_width]);
        elements::<T>("augment: changed images", &shape);
        let fill = T::from_f64(self.fill);
        let message = || format!("augment: a fill of {} is not finite as {}", self.fill, T::NAME);
        require(fill.to_f64().is_finite(), message, "a number such as the images hold");
        let mut changed = ArrayD::from_elem(shape, fill);
        if images.is_empty() || changed.is_empty() {
            return changed;
        }
        let images = images.as_standard_layout();
        let to = changed.as_slice_mut().expect("new arrays lie in order").chunks_exact_mut(part_height * part_width);
        let from = images.as_slice().expect("made so").chunks_exact(height * width);
        let planes = from.len() / n;
        let mut change = None;
        for (i, (to, from)) in to.zip(from).enumerate() {
            if i % planes == 0 {
                change = Some(self.draw(room, epoch, place + i / planes)); // once for all channels of an image
            }
            let (offset, flip) = change.expect("drawn for the first plane");
            self.plane(to, from, [part_height, part_width], [height, width], offset, flip);
        }
        changed
    }
    /// Where the part begins in the padded image, and true if it is mirrored.
    fn draw(&self, room: [usize; 2], epoch: u64, place: usize) -> ([usize; 2], bool) {
        let mut rng = super::order::generator(self.seed, epoch, place as u64);
        (room.map(|room| up_to(&mut rng, room)), self.flip && rng.random::<bool>())
    }
    fn plane<T: Scalar>(&self, to: &mut [T], from: &[T], part: [usize; 2], size: [usize; 2], offset: [usize; 2], flip: bool) {
        // Pixel j of the part is pixel j + offset - padding of the image, where that is inside the image.
        let inside = |axis: usize| {
            let start = self.padding.saturating_sub(offset[axis]).min(part[axis]);
            let end = (size[axis] + self.padding).saturating_sub(offset[axis]).min(part[axis]); // the sum was checked
            start..end.max(start)
        };
        let (rows, columns) = (inside(0), inside(1));
        for row in rows {
            let to = &mut to[row * part[1]..][..part[1]];
            let start = (row + offset[0] - self.padding) * size[1];
            if !columns.is_empty() {
                let first = start + columns.start + offset[1] - self.padding;
                to[columns.clone()].copy_from_slice(&from[first..][..columns.len()]);
            }
            if flip {
                to.reverse();
            }
        }
    }
}

/// A random integer from 0 to `most`. It draws a u64, so the result is the same on 32-bit machines.
fn up_to(rng: &mut impl Rng, most: usize) -> usize {
    rng.random_range(0..=most as u64) as usize
}
