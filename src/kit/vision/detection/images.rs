//! Images of different sizes as one batch.

use crate::refusal::{elements, require};
use crate::{Scalar, Source, Tape, Var};

/// A batch of images, and how large each is without what was added to it. Torchvision's `ImageList`.
#[derive(Clone)]
pub struct ImageList<'t, T: Scalar = f32> {
    /// `[images, channels, height, width]`
    pub batch: Var<'t, T>,
    /// Height and width of each image.
    pub sizes: Vec<[usize; 2]>,
}

impl<'t, T: Scalar> ImageList<'t, T> {
    /// Images of one size, `[images, channels, height, width]`.
    ///
    /// # Panics
    /// If the array does not have four axes.
    #[track_caller]
    pub fn new(batch: Var<'t, T>) -> Self {
        let shape = batch.shape();
        let message = || format!("ImageList: a batch has a shape [images, channels, height, width], not {shape}");
        require(shape.len() == 4, message, "one image is a batch of one: `unsqueeze(0)`");
        ImageList { batch, sizes: vec![[shape[2], shape[3]]; shape[0]] }
    }
    /// Images `[channels, height, width]` of any sizes. Zeros are added below and to the right, so that all are as large as the largest, rounded up to a multiple
    /// of `divisor`: the largest stride of the network, such as 32. (So normalize first: then 0 is the mean color.)
    ///
    /// ```
    /// use wengert::{Tape, ndarray::Array3, vision::detection::ImageList};
    /// let tape = Tape::<f32>::new();
    /// let images = ImageList::pad(&tape, &[Array3::ones((3, 50, 20)), Array3::ones((3, 10, 70))], 32);
    /// assert_eq!(images.batch.shape(), [2, 3, 64, 96]);
    /// assert_eq!(images.sizes, [[50, 20], [10, 70]]);
    /// ```
    ///
    /// # Panics
    /// If there are no images, one does not have three axes or differs in its channels, `divisor` is 0, or there is no memory for them.
    #[track_caller]
    pub fn pad(tape: &'t Tape<T>, images: &[impl Source<T>], divisor: usize) -> Self {
        require(!images.is_empty() && divisor > 0, || "ImageList::pad: no images, or a divisor of 0", "a batch has an image at least");
        let shapes: Vec<Vec<usize>> = images.iter().map(|image| image.visit(|shape, _| shape.to_vec())).collect();
        let wrong = shapes.iter().position(|shape| shape.len() != 3 || shape[0] != shapes[0][0]);
        let message = || format!("ImageList::pad: image {} has shape {:?}", wrong.unwrap_or(0), shapes[wrong.unwrap_or(0)]);
        require(wrong.is_none(), message, "an image is [channels, height, width], with as many channels as the others");
        let channels = shapes[0][0];
        let largest = [1, 2].map(|axis| {
            let most = shapes.iter().map(|shape| shape[axis]).max().unwrap_or(0);
            most.div_ceil(divisor).saturating_mul(divisor)
        });
        let [height, width] = largest;
        let mut batch = vec![T::ZERO; elements::<T>("ImageList::pad", &[images.len(), channels, height, width])];
        for ((image, shape), plane) in images.iter().zip(&shapes).zip(batch.chunks_exact_mut((channels * height * width).max(1))) {
            let [h, w] = [shape[1], shape[2]];
            image.visit(|_, pixels| {
                for (i, row) in pixels.chunks_exact(w.max(1)).enumerate() {
                    plane[(i / h * height + i % h) * width..][..w].copy_from_slice(row);
                }
            });
        }
        let shape = [images.len(), channels, height, width].map(|n| n as isize);
        ImageList { batch: tape.constant(batch).reshape(shape), sizes: shapes.iter().map(|s| [s[1], s[2]]).collect() }
    }
}
