//! How do the elements of an array lie in memory, and which shapes and axes can there be?

use crate::array::error::ShapeError;
use crate::array::shape::{MOST, Shape, Strides};
use smallvec::smallvec;
use std::ops::Range;

/// What is refused of shapes.
impl Shape {
    /// That an array of this shape can be looked at: its elements can be counted.
    pub(crate) fn check_count(&self) -> Result<(), ShapeError> {
        match self.checked_numel() {
            Some(_) => Ok(()),
            None => Err(ShapeError::new(format!("an array of shape {self} has more elements than memory has addresses"))
                .hint("check the sizes that were asked for")),
        }
    }
    /// That an array of this shape can be computed. Views may have more elements: they are not in memory.
    pub(crate) fn check_size(&self) -> Result<(), ShapeError> {
        self.check_count()?;
        match self.numel() {
            0..=MOST => Ok(()),
            n => Err(ShapeError::new(format!("an array of shape {self} has {n} elements, more than the {MOST} that can be computed"))
                .hint("compute it in parts, or check the sizes that were asked for; only views may have more elements")),
        }
    }
    /// Resolves an axis that may count from the end, as NumPy does.
    pub fn axis(&self, axis: isize) -> Result<usize, ShapeError> {
        let rank = self.len() as isize;
        if axis < -rank || axis >= rank {
            let hint = match rank {
                0 => "a number has no axes".to_string(),
                _ => format!("axes of a {rank}-dimensional array run from {} to {}", -rank, rank - 1),
            };
            return Err(ShapeError::new(format!("axis {axis} is out of range for shape {self}")).hint(hint));
        }
        Ok(if axis < 0 { axis + rank } else { axis } as usize)
    }
}

/// A shape with the strides at which its elements lie in a buffer.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Layout {
    shape: Shape,
    strides: Strides,
    len: usize,
    contiguous: bool,
}

impl Layout {
    /// The layout of a fresh array.
    pub fn contiguous(shape: Shape) -> Layout {
        Layout { strides: shape.strides(), len: shape.numel(), shape, contiguous: true }
    }
    /// A layout with strides of its own.
    pub fn new(shape: Shape, strides: Strides) -> Layout {
        assert_eq!(shape.len(), strides.len(), "one stride an axis");
        let natural = shape.strides();
        // The stride of an axis of size 1 is never used.
        let len = shape.numel();
        let contiguous = len == 0 || (0..shape.len()).all(|i| shape[i] == 1 || strides[i] == natural[i]);
        let strides = if contiguous { natural } else { strides };
        Layout { shape, strides, len, contiguous }
    }
    /// The sizes of the axes.
    #[inline]
    pub fn shape(&self) -> &Shape {
        &self.shape
    }
    /// The number of elements.
    #[inline]
    pub fn numel(&self) -> usize {
        self.len
    }
    /// Steps along the axes, in elements.
    #[inline]
    pub fn strides(&self) -> &[isize] {
        &self.strides
    }
    /// Whether the elements lie one after the other in logical order.
    #[inline]
    pub fn is_contiguous(&self) -> bool {
        self.contiguous
    }
    /// The range of its elements in memory, counted from the first. (In 128 bits, which the strides of any view fit.)
    pub(crate) fn reach(&self) -> Range<i128> {
        if self.len == 0 {
            return 0..0;
        }
        let (mut low, mut high) = (0i128, 0i128);
        for (&n, &stride) in self.shape.iter().zip(&self.strides) {
            let far = (n as i128 - 1).saturating_mul(stride as i128);
            (low, high) = (low.saturating_add(far.min(0)), high.saturating_add(far.max(0)));
        }
        low..high.saturating_add(1)
    }
    /// The strides under which this array is seen as the shape it broadcasts to.
    pub fn broadcast_strides(&self, to: &Shape) -> Strides {
        let skip = to.len() - self.shape.len();
        (0..to.len()).map(|i| if i < skip || self.shape[i - skip] != to[i] { 0 } else { self.strides[i - skip] }).collect()
    }
    /// The strides under which this array is seen as another shape of as many elements, or `None` where that takes a copy.
    pub fn reshape_strides(&self, to: &Shape) -> Option<Strides> {
        if self.contiguous {
            return Some(to.strides());
        }
        // Group the old axes into maximal runs that are contiguous among themselves; each new axis must fall inside one run.
        let mut strides: Strides = smallvec![0; to.len()];
        let mut new = to.len();
        let mut old = self.shape.len();
        while old > 0 {
            old -= 1;
            let (mut size, step) = (self.shape[old], self.strides[old]);
            if size == 1 {
                continue;
            }
            while old > 0 && (self.shape[old - 1] == 1 || self.strides[old - 1] == step * size as isize) {
                old -= 1;
                size *= self.shape[old];
            }
            let mut filled = 1;
            while filled < size {
                if new == 0 {
                    return None;
                }
                new -= 1;
                strides[new] = step * filled as isize;
                filled *= to[new];
            }
            if filled != size {
                return None;
            }
        }
        Some(strides)
    }
}

/// That there can be an array of this shape: [`Axes`] has a bit for each of 64 axes.
#[inline]
pub(crate) fn check_rank(shape: &[usize]) -> Result<(), ShapeError> {
    match shape.len() {
        0..=64 => Ok(()),
        n => Err(ShapeError::new(format!("an array of {n} axes")).hint("at most 64 are possible")),
    }
}

/// A set of axes as bits (arrays have at most 64 axes).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Axes(u64);

impl Axes {
    /// Resolves a list of axes; an axis named twice is an error.
    pub fn new(shape: &Shape, axes: &[isize]) -> Result<Axes, ShapeError> {
        let mut bits = 0u64;
        for &a in axes {
            let bit = 1u64 << shape.axis(a)?;
            if bits & bit != 0 {
                return Err(ShapeError::new(format!("axis {a} is named twice in {axes:?} for shape {shape}"))
                    .hint("name each axis once; -1 is the last"));
            }
            bits |= bit;
        }
        Ok(Axes(bits))
    }
    /// The set of these axes.
    pub fn of(axes: impl IntoIterator<Item = usize>) -> Axes {
        Axes(axes.into_iter().fold(0, |bits, a| bits | 1 << a))
    }
    /// Every axis of an array of this rank.
    pub fn all(rank: usize) -> Axes {
        Axes(if rank == 64 { u64::MAX } else { (1 << rank) - 1 })
    }
    /// Whether the axis belongs to the set.
    #[inline]
    pub fn has(self, axis: usize) -> bool {
        self.0 >> axis & 1 == 1
    }
    /// The shape that is left when these axes are reduced.
    pub fn reduce(self, shape: &Shape, keepdim: bool) -> Shape {
        let kept = (0..shape.len()).filter(|&i| keepdim || !self.has(i));
        kept.map(|i| if self.has(i) { 1 } else { shape[i] }).collect()
    }
    /// How many elements are reduced into one.
    pub fn count(self, shape: &Shape) -> usize {
        (0..shape.len()).filter(|&i| self.has(i)).map(|i| shape[i]).product()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcasting_compares_from_the_last_axis() {
        let s = |d: &[usize]| Shape::from(d);
        assert_eq!(s(&[2, 1, 4]).broadcast(&s(&[3, 1])), Some(s(&[2, 3, 4])));
        assert_eq!(s(&[]).broadcast(&s(&[3])), Some(s(&[3])));
        assert_eq!(s(&[0, 1]).broadcast(&s(&[1, 5])), Some(s(&[0, 5])));
        assert_eq!(s(&[2]).broadcast(&s(&[3])), None);
        assert_eq!(s(&[0]).broadcast(&s(&[2])), None);
    }

    #[test]
    fn sizes_are_counted_without_wrapping() {
        let s = |d: &[usize]| Shape::from(d);
        assert_eq!([s(&[1 << 40, 1 << 40]).numel(), s(&[3, 0x5555_5555_5555_5556]).numel()], [usize::MAX; 2]);
        assert_eq!([s(&[0, 1 << 40, 1 << 40]).numel(), s(&[1 << 40, 1 << 40, 0]).numel(), s(&[]).numel()], [0, 0, 1]);
        assert!(s(&[1 << 31, 1 << 31]).check_count().is_ok() && s(&[1 << 32, 1 << 31]).check_count().is_err());
        assert!(s(&[0, 1 << 40, 1 << 40]).check_count().is_err());
        assert!(s(&[MOST]).check_size().is_ok() && s(&[MOST + 1]).check_size().is_err() && s(&[0, MOST + 1]).check_size().is_ok());
    }

    #[test]
    fn a_layout_reaches_from_its_first_element_both_ways() {
        let reach = |shape: &[usize], strides: &[isize]| Layout::new(shape.into(), strides.into()).reach();
        assert_eq!(reach(&[2, 3], &[3, 1]), 0..6);
        assert_eq!(reach(&[2, 3], &[-3, 1]), -3..3);
        assert_eq!(reach(&[1 << 40], &[0]), 0..1);
        assert_eq!(reach(&[0, 3], &[1, 1]), 0..0);
        assert_eq!(reach(&[], &[]), 0..1);
        assert_eq!(reach(&[3, 2], &[isize::MIN, 1]), 2 * isize::MIN as i128..2);
    }

    #[test]
    fn reshape_of_a_transposed_array_is_a_view_only_where_axes_stay_together() {
        let t = Layout::new([4, 3].into(), smallvec![1, 4]);
        assert_eq!(t.reshape_strides(&[12].into()), None);
        assert_eq!(t.reshape_strides(&[2, 2, 3].into()).unwrap()[..], [2, 1, 4]);
        assert_eq!(t.reshape_strides(&[4, 1, 3].into()).unwrap()[0], 1);
        let row = Layout::new([5, 4].into(), smallvec![0, 1]);
        assert_eq!(row.reshape_strides(&[20].into()), None);
        assert_eq!(row.reshape_strides(&[5, 2, 2].into()).unwrap()[..], [0, 2, 1]);
    }

    #[test]
    fn axes_count_from_the_end_and_are_checked() {
        let s = Shape::from([2, 3]);
        assert_eq!(s.axis(-1).unwrap(), 1);
        assert!(s.axis(2).unwrap_err().to_string().contains("axis 2 is out of range for shape [2, 3]"));
        assert!(Axes::new(&s, &[0, -2]).unwrap_err().to_string().contains("named twice"));
    }
}
