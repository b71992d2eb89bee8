//! How is the maximum found over windows that slide by a few columns and may overlap (3 x 3 with a stride of 2, for example)?
//!
//! A plane is copied with -inf in place of its padding, and columns that leave the same remainder by the stride are put side by side: then the
//! same element of the windows of neighbouring outputs is one load. -inf is never larger than the maximum so far, so no place in the padding is
//! chosen.

use super::windows::{Planes, Window};
use crate::array::scalar::Scalar;
use crate::array::simd::{Kernel, MAX_LANES, Simd, Vector, dispatch};
use crate::kernels::scratch;

/// The largest stride for which a plane is copied.
const STRIDES: usize = 8;
/// Copies of up to this many elements are always made.
const SMALL: usize = 1 << 16;
/// The largest number of elements of a window: their indices are exact in f32.
const MOST: usize = 1 << 24;

/// Planes with such windows.
pub(super) struct Slides<'a> {
    planes: &'a Planes,
    kernel: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
    /// The length of a row of the copy for each remainder by the stride, and the largest number of elements of a window.
    width: usize,
    most: usize,
}

impl<'a> Slides<'a> {
    pub fn of(planes: &'a Planes) -> Option<Self> {
        let Window::Sliding { kernel, stride, padding, dilation, .. } = planes.windows[2] else { return None };
        let ([.., n], [.., m]) = (planes.input, planes.output);
        let stride = if m == 1 { 1 } else { stride };
        // Whole vectors of outputs, and what their last window reaches; and all of a row.
        let width = (m.next_multiple_of(MAX_LANES) + (kernel - 1) * dilation / stride).max((n + padding).saturating_sub(1) / stride + 1);
        let most = kernel.saturating_mul(planes.longest(0)).saturating_mul(planes.longest(1));
        let laid = (planes.input[0] * planes.input[1]).saturating_mul(stride.saturating_mul(width));
        // With a wide padding or a large window, most of the work would be in the padding. (Places are kept in 32 bits.)
        let few = |len: usize| len <= SMALL.max(8 * planes.input_len());
        let fits = u32::try_from(laid).is_ok() && few(laid) && few(most);
        (stride <= STRIDES && most <= MOST && fits).then_some(Slides { planes, kernel, stride, padding, dilation, width, most })
    }
    /// The largest number of each window.
    pub fn max<T: Scalar>(&self, x: &[T], y: &mut [T]) {
        self.each(x, y, self.planes.output_len(), |x, y, room, tables| {
            dispatch(Slide::<_, false> { slides: self, x, g: &[], y, room, tables })
        });
    }
    /// The elements of `g`, added to zeros where the largest of the windows lie.
    pub fn place<T: Scalar>(&self, g: &[T], x: &[T], y: &mut [T]) {
        let mut g = g.chunks(self.planes.output_len());
        self.each(x, y, self.planes.input_len(), |x, y, room, tables| {
            let g = g.next().expect("as many planes as of x");
            dispatch(Slide::<_, true> { slides: self, x, g, y, room, tables });
        });
    }
    /// Calls `f` with each plane of x and y, room for the copy of a plane, and room for the places of the elements of a window.
    fn each<T: Scalar>(&self, x: &[T], y: &mut [T], len: usize, mut f: impl FnMut(&[T], &mut [T], &mut [T], &mut [u32])) {
        let rows = self.planes.input[0] * self.planes.input[1];
        scratch::with(rows * self.stride * self.width, |room| {
            scratch::tables(2 * self.most, |tables| {
                for (x, y) in x.chunks(self.planes.input_len()).zip(y.chunks_mut(len)) {
                    f(x, y, room, tables);
                }
            });
        });
    }
    /// The place of column `at` of a padded row in the copy of the row.
    #[inline(always)]
    fn column(&self, at: usize) -> usize {
        at % self.stride * self.width + at / self.stride
    }
    /// Copies a plane.
    #[inline(always)]
    fn lay_out<S: Simd, T: Scalar>(&self, x: &[T], room: &mut [T]) {
        let (n, lanes) = (self.planes.input[2], T::Vector::<S>::LANES);
        room.fill(-T::INFINITY);
        for (x, to) in x.chunks_exact(n).zip(room.chunks_exact_mut(self.stride * self.width)) {
            if self.stride > 2 {
                self.lay_out_row(x, to);
                continue;
            }
            if self.stride == 1 {
                let to = &mut to[self.padding..][..n];
                for at in (0..n).step_by(lanes) {
                    T::Vector::<S>::read(&x[at..]).write(&mut to[at..]);
                }
                continue;
            }
            let (even, odd) = (self.column(self.padding), self.column(self.padding + 1));
            for at in (0..n).step_by(2 * lanes) {
                let x = &x[at..n.min(at + 2 * lanes)];
                let (first, second) = x.split_at(x.len().min(lanes));
                let (a, b) = T::Vector::<S>::read(first).deinterleave(T::Vector::<S>::read(second));
                a.write(&mut to[even + at / 2..][..x.len().div_ceil(2)]);
                b.write(&mut to[odd + at / 2..][..x.len() / 2]);
            }
        }
    }
}

impl Slides<'_> {
    /// Copies a row, for any stride.
    fn lay_out_row<T: Scalar>(&self, x: &[T], to: &mut [T]) {
        for k in 0..self.stride.min(x.len()) {
            let to = &mut to[self.column(self.padding + k)..];
            for (to, x) in to.iter_mut().zip(x[k..].iter().step_by(self.stride)) {
                *to = *x;
            }
        }
    }
    /// Finds the places of the elements of the window of a row's first output, in the copy of the plane and in x. Returns their number.
    fn window(&self, row: usize, laid: &mut [u32], places: &mut [u32]) -> usize {
        let ([_, lines, n], [_, heights, _]) = (self.planes.input, self.planes.output);
        let mut count = 0;
        for i in self.planes.span(0, row / heights) {
            for j in self.planes.span(1, row % heights) {
                let line = i * lines + j;
                for k in 0..self.kernel {
                    laid[count] = (line * self.stride * self.width + self.column(k * self.dilation)) as u32;
                    // It may lie before the row.
                    places[count] = (line * n + k * self.dilation).wrapping_sub(self.padding) as u32;
                    count += 1;
                }
            }
        }
        count
    }
    /// Adds the elements of `g` for neighbouring outputs, from output `first` of a row on, at the largest elements of their windows, whose indices
    /// in the window are `numbers`.
    #[inline(always)]
    fn add<T: Scalar>(&self, g: &[T], numbers: &[T], places: &[u32], (row, first): (usize, usize), y: &mut [T]) {
        for (c, (at, g)) in numbers.iter().zip(g).enumerate() {
            let place = match *at < T::ZERO {
                // Nothing is larger than -inf: the first element is the largest.
                true => self.planes.first(row, first + c),
                false => Some((places[at.to_f64() as usize] as usize + (first + c) * self.stride) as u32 as usize),
            };
            if let Some(place) = place {
                y[place] += *g;
            }
        }
    }
}

/// One plane: with `PLACE` the gradient, else the maximum.
struct Slide<'a, T, const PLACE: bool> {
    slides: &'a Slides<'a>,
    x: &'a [T],
    g: &'a [T],
    y: &'a mut [T],
    room: &'a mut [T],
    tables: &'a mut [u32],
}

impl<T: Scalar, const PLACE: bool> Kernel for Slide<'_, T, PLACE> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Slide { slides, x, g, y, room, tables } = self;
        let ([depths, heights, m], lanes) = (slides.planes.output, T::Vector::<S>::LANES);
        slides.lay_out::<S, T>(x, room);
        if PLACE {
            y.fill(T::ZERO);
        }
        let (laid, places) = tables.split_at_mut(slides.most);
        for row in 0..depths * heights {
            let count = slides.window(row, laid, places);
            for first in (0..m).step_by(lanes) {
                let (mut best, mut at) = (T::Vector::<S>::splat(-T::INFINITY), T::Vector::<S>::splat(-T::ONE));
                let (mut number, one) = (T::Vector::<S>::zero(), T::Vector::<S>::splat(T::ONE));
                for &laid in &laid[..count] {
                    let next = T::Vector::<S>::read(&room[laid as usize + first..]);
                    let topped = best.is_topped(next);
                    best = Vector::select(topped, next, best);
                    if PLACE {
                        at = Vector::select(topped, number, at);
                        number = number.add(one);
                    }
                }
                let len = lanes.min(m - first);
                if PLACE {
                    let mut numbers = [T::ZERO; MAX_LANES];
                    at.write(&mut numbers);
                    slides.add(&g[row * m + first..], &numbers[..len], places, (row, first), y);
                } else {
                    best.write(&mut y[row * m + first..][..len]);
                }
            }
        }
    }
}
