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

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array, Axis};
    use std::collections::BTreeSet;

    /// Images of 2 channels whose pixels show where they come from: 1 + 100 image + 50 channel + 10 row + column.
    fn images(n: usize) -> ArrayD<f64> {
        Array::from_shape_fn((n, 2, 3, 4), |(i, c, y, x)| (1 + 100 * i + 50 * c + 10 * y + x) as f64).into_dyn()
    }
    fn flipped(images: &ArrayD<f64>) -> ArrayD<f64> {
        images.slice_each_axis(|axis| ndarray::Slice::new(0, None, if axis.axis == Axis(3) { -1 } else { 1 })).to_owned()
    }
    /// How far an image was shifted, found from its pixels, which must all agree.
    fn moved(image: ndarray::ArrayViewD<'_, f64>, i: usize, flip: bool) -> Option<(isize, isize)> {
        let [_, height, width] = image.shape() else { panic!() };
        let mut shift = None;
        for ((c, y, x), v) in image.indexed_iter().map(|(at, v)| ((at[0], at[1], at[2]), *v)).filter(|(_, v)| *v != 0.0) {
            let source = v as usize - 1 - 100 * i - 50 * c;
            let x = if flip { width - 1 - x } else { x };
            let found = (y as isize - (source / 10) as isize, x as isize - (source % 10) as isize);
            if *shift.get_or_insert(found) != found {
                return None;
            }
        }
        assert_eq!(*height, 3);
        shift
    }

    #[test]
    fn shifts_reach_every_distance() {
        let n = 500;
        let changed = Augment::new(1).shift(1).apply(&images(n), 0, 0);
        let all: BTreeSet<_> = changed.outer_iter().enumerate().map(|(i, x)| moved(x, i, false).unwrap()).collect();
        assert_eq!(all, (-1..=1).flat_map(|y| (-1..=1).map(move |x| (y, x))).collect());
        // As many pixels were filled in as were shifted out.
        for (i, x) in changed.outer_iter().enumerate() {
            let (dy, dx) = moved(x.view(), i, false).unwrap();
            assert_eq!(x.iter().filter(|v| **v != 0.0).count() as isize, 2 * (3 - dy.abs()) * (4 - dx.abs()));
        }
    }
    #[test]
    fn about_half_are_flipped() {
        let (n, all) = (1000, images(1000));
        let changed = Augment::new(2).flip().apply(&all, 0, 0);
        let mirrored = flipped(&all);
        let flips = (0..n).filter(|i| changed.index_axis(Axis(0), *i) == mirrored.index_axis(Axis(0), *i)).count();
        let kept = (0..n).filter(|i| changed.index_axis(Axis(0), *i) == all.index_axis(Axis(0), *i)).count();
        assert_eq!(flips + kept, n);
        assert!((420..=580).contains(&flips), "{flips}"); // 5 standard deviations
    }
    #[test]
    fn shifts_and_flips_together() {
        let changed = Augment::new(3).shift(2).flip().apply(&images(50), 4, 0);
        for (i, x) in changed.outer_iter().enumerate() {
            assert!(moved(x.view(), i, false).is_some() || moved(x, i, true).is_some());
        }
    }
    #[test]
    fn crops_with_padding() {
        let one = Array::from_elem((200, 2, 2), 1f32).into_dyn();
        let cropped = Augment::new(4).crop(3, 1, 1).fill(-1.0).apply(&one, 0, 0);
        assert_eq!(cropped.shape(), [200, 3, 1]);
        // 3 of 4 padded rows remain, so one of them is padding, above or below. A column is padding in every other image.
        for x in cropped.outer_iter() {
            let inside = x.iter().filter(|v| **v == 1.0).count();
            assert!(inside == 2 || inside == 0, "{x:?}");
            assert!(x.iter().all(|v| v.abs() == 1.0));
        }
        let exact = Augment::new(4).crop(2, 2, 0).apply(&one, 0, 0);
        assert_eq!(exact, one);
        let padded = Augment::new(4).crop(6, 6, 2).apply(&one, 0, 0);
        assert_eq!(padded.sum(), 800.0);
    }
    #[test]
    fn shifts_beyond_the_image() {
        let changed = Augment::new(5).shift(9).apply(&images(100), 0, 0);
        assert!(changed.outer_iter().any(|x| x.iter().all(|v| *v == 0.0)));
    }
    #[test]
    fn sizes_whose_sums_are_no_numbers() {
        use std::panic::{AssertUnwindSafe, catch_unwind};
        let refused = |augment: &Augment, says: &str| {
            let panic = catch_unwind(AssertUnwindSafe(|| augment.apply(&images(2), 0, 0))).expect_err(says);
            let text = panic.downcast::<String>().unwrap();
            assert!(text.starts_with(says) && text.contains("\n  at src/kit/data/augment.rs:") && text.contains("\n  hint: "), "{text}");
        };
        for padding in [usize::MAX, usize::MAX / 2 + 2, usize::MAX / 2, usize::MAX / 2 - 1] {
            refused(&Augment::new(1).shift(padding), "augment: a part of 3 x 4 pixels of images of 3 x 4, padded by ");
            refused(&Augment::new(1).crop(2, 2, padding), "augment: a part of 2 x 2 pixels");
        }
        // The largest possible shift: the whole image is shifted out.
        let changed = Augment::new(1).shift(usize::MAX / 2 - 2).apply(&images(2), 0, 0);
        assert!(changed.shape() == [2, 2, 3, 4] && changed.iter().all(|x| *x == 0.0));
        refused(
            &Augment::new(1).crop(1 << 40, 1 << 20, 1 << 60),
            "augment: changed images: an array of shape [2, 2, 1099511627776, 1048576]",
        );
        refused(&Augment::new(1).crop(usize::MAX, 1, 3), "augment: a part of 18446744073709551615 x 1 pixels");
        for fill in [f64::NAN, f64::INFINITY] {
            assert!(catch_unwind(|| Augment::new(1).fill(fill)).is_err());
        }
        assert!(catch_unwind(|| Augment::new(1).fill(1e300).apply(&images(2).mapv(|x| x as f32), 0, 0)).is_err());
    }
    #[test]
    fn chance_depends_on_seed_epoch_and_place() {
        let all = images(20);
        let augment = Augment::new(6).shift(1).flip();
        let changed = augment.apply(&all, 3, 0);
        assert_eq!(augment.apply(&all, 3, 0), changed);
        assert_ne!(augment.apply(&all, 4, 0), changed);
        assert_ne!(Augment::new(7).shift(1).flip().apply(&all, 3, 0), changed);
        let rest = all.select(Axis(0), &(12..20).collect::<Vec<_>>());
        assert_eq!(augment.apply(&rest, 3, 12), changed.select(Axis(0), &(12..20).collect::<Vec<_>>()));
    }
    #[test]
    fn nothing_to_change() {
        assert_eq!(Augment::new(0).apply(&images(2), 0, 0), images(2));
        assert_eq!(Augment::new(0).shift(1).apply(&images(0), 0, 0).shape(), [0, 2, 3, 4]);
    }
    #[test]
    #[should_panic(expected = "augment: images have axes [batch, .., height, width], not [2, 3]")]
    fn rows_are_no_images() {
        Augment::new(0).flip().apply(&ArrayD::<f32>::zeros(vec![2, 3]), 0, 0);
    }
    #[test]
    #[should_panic(expected = "augment: a part of 9 x 4 pixels of images of 3 x 4, padded by 1")]
    fn parts_larger_than_the_image() {
        Augment::new(0).crop(9, 4, 1).apply(&images(1), 0, 0);
    }
}
