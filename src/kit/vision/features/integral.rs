//! Integral images: the sum of any upright rectangle of pixels from four numbers, also of one that ends within pixels. (Of bytes, exact and
//! without a tape; [`integral_image`](crate::vision::image::integral_image) is the differentiable one.)

use crate::refusal::elements;
use ndarray::ArrayView2;

/// The sums of all pixels above and left of each corner. (Exact: whole numbers below 2^53.)
pub(super) struct Integral {
    height: usize,
    width: usize,
    sums: Vec<f64>,
}

impl Integral {
    /// Refuses an image that is too large.
    #[track_caller]
    pub fn new(image: ArrayView2<u8>) -> Integral {
        let (height, width) = image.dim();
        let mut sums = vec![0.0; elements::<f64>("Surf: the integral image", &[height, width].map(|n| n.saturating_add(1)))];
        for (y, row) in image.rows().into_iter().enumerate() {
            let (above, here) = sums[y * (width + 1)..][..2 * (width + 1)].split_at_mut(width + 1);
            let mut total = 0.0;
            for (x, pixel) in row.iter().enumerate() {
                total += f64::from(*pixel);
                here[x + 1] = above[x + 1] + total;
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
        (s[bottom + right] - s[bottom + left] - s[top + right] + s[top + left]) as f32
    }
    /// The integral up to a place between corners: of pixels that are cut by its edges, a part counts.
    #[inline(always)]
    fn up_to(&self, y: f32, x: f32) -> f64 {
        let (y, x) = (y.clamp(0.0, self.height as f32), x.clamp(0.0, self.width as f32));
        let (row, column) = (y as usize, x as usize);
        let (dy, dx) = (f64::from(y - row as f32), f64::from(x - column as f32));
        let (below, right) = ((row + 1).min(self.height), (column + 1).min(self.width));
        let at = |row: usize, column: usize| self.sums[row * (self.width + 1) + column];
        let between = |row: usize| at(row, column) + dx * (at(row, right) - at(row, column));
        let above = between(row);
        above + dy * (between(below) - above)
    }
    /// The responses of two Haar wavelets around a point, the center of the first pixel being 0: the right half less the left half, and the lower
    /// half less the upper half, of a square that reaches `half` pixels to each side.
    #[inline(always)]
    pub fn haar(&self, y: f32, x: f32, half: f32) -> [f32; 2] {
        let rows = [y + 0.5 - half, y + 0.5, y + 0.5 + half];
        let columns = [x + 0.5 - half, x + 0.5, x + 0.5 + half];
        let [above, middle, below] = rows.map(|y| columns.map(|x| self.up_to(y, x)));
        let strip = |top: [f64; 3], bottom: [f64; 3], left: usize, right: usize| bottom[right] - bottom[left] - top[right] + top[left];
        let right = strip(above, below, 1, 2) - strip(above, below, 0, 1);
        let down = strip(middle, below, 0, 2) - strip(above, middle, 0, 2);
        [right as f32, down as f32]
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

    #[test]
    fn parts_of_pixels() {
        let image = Integral::new(array![[1, 2, 3], [4, 5, 6]].view());
        assert_eq!(image.haar(0.5, 0.5, 1.0), [2.0, 6.0]);
        assert_eq!(image.haar(0.0, 0.0, 0.5), [0.0, 0.0]);
        assert_eq!(image.haar(0.5, 1.0, 0.5), [0.0, 1.5]);
        assert_eq!(image.haar(-9.0, 0.0, 2.0), [0.0, 0.0]);
    }
}
