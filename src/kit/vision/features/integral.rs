//! Integral images: the sum of any upright rectangle of pixels from four numbers.

use ndarray::ArrayView2;

/// The sums of all pixels above and left of each corner. They wrap around at 2^32, and so do their differences: the sums of rectangles are right as
/// long as they are below that.
pub(super) struct Integral {
    height: usize,
    width: usize,
    sums: Vec<u32>,
}

impl Integral {
    pub fn new(image: ArrayView2<u8>) -> Integral {
        let (height, width) = image.dim();
        let mut sums = vec![0u32; (height + 1) * (width + 1)];
        for (y, row) in image.rows().into_iter().enumerate() {
            let (above, here) = sums[y * (width + 1)..][..2 * (width + 1)].split_at_mut(width + 1);
            let mut total = 0u32;
            for (x, pixel) in row.iter().enumerate() {
                total = total.wrapping_add(u32::from(*pixel));
                here[x + 1] = above[x + 1].wrapping_add(total);
            }
        }
        Integral { height, width, sums }
    }
    /// The sum of `height` rows and `width` columns from a place on; only the part in the image counts.
    #[inline(always)]
    pub fn sum(&self, y: isize, x: isize, height: isize, width: isize) -> f32 {
        let row = |y: isize| y.clamp(0, self.height as isize) as usize * (self.width + 1);
        let column = |x: isize| x.clamp(0, self.width as isize) as usize;
        let (top, bottom, left, right) = (row(y), row(y + height), column(x), column(x + width));
        let s = &self.sums;
        s[bottom + right].wrapping_sub(s[bottom + left]).wrapping_sub(s[top + right]).wrapping_add(s[top + left]) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn rectangles() {
        let image = Integral::new(array![[1, 2, 3], [4, 5, 6]].view());
        assert_eq!(image.sum(0, 0, 2, 3), 21.0);
        assert_eq!((image.sum(1, 1, 1, 2), image.sum(-3, 2, 9, 9), image.sum(5, 5, 1, 1)), (11.0, 9.0, 0.0));
    }
}
