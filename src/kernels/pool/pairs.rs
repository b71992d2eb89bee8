//! How are windows pooled that lie side by side and are two columns wide (2, 2 x 2, 2 x 2 x 2)? Most networks halve their images with them.
//!
//! Each element lies in at most one window, so gradients are written in one pass and not added up. Even and odd columns are separated in
//! registers, because the compiler does not vectorise the stores by itself: with 24 columns the gradient took 3 ns an element, this takes 0.2.

use super::windows::{Planes, Window};
use crate::array::scalar::Scalar;
use crate::array::simd::{Kernel, Simd, Vector};

/// Planes with such windows.
pub(super) struct Pairs<'a> {
    planes: &'a Planes,
    /// The planes and rows of a window.
    size: [usize; 2],
    /// The number of its rows, 1 to 4, and their distances from the first one in the inputs.
    rows: usize,
    distances: [usize; 4],
}

impl Window {
    /// The size of the windows, if they lie side by side and within the axis.
    fn tile(self, n: usize, m: usize) -> Option<usize> {
        let (size, tiles) = match self {
            Window::Sliding { kernel, stride, padding, dilation, .. } => {
                (kernel, stride == kernel && padding == 0 && (dilation == 1 || kernel == 1))
            }
            Window::Adaptive(_) => (n / m.max(1), m > 0 && n.is_multiple_of(m)),
        };
        (tiles && size * m <= n).then_some(size)
    }
}

impl<'a> Pairs<'a> {
    pub fn of(planes: &'a Planes) -> Option<Self> {
        let tile = |a: usize| planes.windows[a].tile(planes.input[a], planes.output[a]);
        let (size, [_, height, width]) = ([tile(0)?, tile(1)?], planes.input);
        let fits = matches!(size, [1 | 2, 1 | 2]) && tile(2)? == 2;
        let row = |r: usize| (r / size[1] * height + r % size[1]) * width;
        fits.then(|| Pairs { planes, size, rows: size[0] * size[1], distances: [row(0), row(1), row(2), row(3)] })
    }
    /// The number of elements of a window.
    pub fn count(&self) -> usize {
        2 * self.rows
    }
    /// Zeros the planes of `y`, unless every element lies in a window and will be written.
    fn clear<T: Scalar>(&self, y: &mut [T]) {
        let Planes { input, output, .. } = self.planes;
        if *input != [output[0] * self.size[0], output[1] * self.size[1], output[2] * 2] {
            y.fill(T::ZERO);
        }
    }
    /// Calls `kernel` with all windows of `count` planes, at most one vector at a time.
    #[inline(always)]
    fn each<S: Simd, T: Scalar>(&self, count: usize, kernel: &mut impl Windows) {
        let Planes { input: [_, height, width], output: [depths, heights, columns], .. } = *self.planes;
        let (n, m, lanes) = (self.planes.input_len(), self.planes.output_len(), T::Vector::<S>::LANES);
        for i in 0..count {
            for a in 0..depths {
                for b in 0..heights {
                    let from = i * n + (a * self.size[0] * height + b * self.size[1]) * width;
                    let to = i * m + (a * heights + b) * columns;
                    let mut c = 0;
                    while c < columns {
                        kernel.windows::<S>(from + 2 * c, to + c, lanes.min(columns - c));
                        c += lanes;
                    }
                }
            }
        }
    }
}

/// What a kernel does with neighbouring windows.
trait Windows {
    /// Handles `len` windows, at most one vector: the first one begins at `from` in the inputs, and its output is at `to`. Must be
    /// `#[inline(always)]`.
    fn windows<S: Simd>(&mut self, from: usize, to: usize, len: usize);
}

/// The even and the odd columns of `x`, at most two vectors of numbers.
#[inline(always)]
fn read<T: Scalar, S: Simd>(x: &[T]) -> (T::Vector<S>, T::Vector<S>) {
    let (first, second) = x.split_at(x.len().min(T::Vector::<S>::LANES));
    let second = if second.is_empty() { T::Vector::<S>::zero() } else { T::Vector::<S>::read(second) };
    T::Vector::<S>::read(first).deinterleave(second)
}

/// Writes the even and the odd columns of `y`.
#[inline(always)]
fn write<T: Scalar, S: Simd>(even: T::Vector<S>, odd: T::Vector<S>, y: &mut [T]) {
    let (first, second) = y.split_at_mut(y.len().min(T::Vector::<S>::LANES));
    let (a, b) = even.interleave(odd);
    a.write(first);
    // (A masked store of nothing is slow.)
    if !second.is_empty() {
        b.write(second);
    }
}

/// The largest number of each window.
pub(super) struct Max<'a, T> {
    pub pairs: &'a Pairs<'a>,
    pub x: &'a [T],
    pub y: &'a mut [T],
}

impl<T: Scalar> Kernel for Max<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(mut self, _: S) {
        self.pairs.each::<S, T>(self.y.len() / self.pairs.planes.output_len(), &mut self);
    }
}

impl<T: Scalar> Windows for Max<'_, T> {
    #[inline(always)]
    fn windows<S: Simd>(&mut self, from: usize, to: usize, len: usize) {
        let mut best = T::Vector::<S>::splat(-T::INFINITY);
        for &row in &self.pairs.distances[..self.pairs.rows] {
            let (even, odd) = read::<T, S>(&self.x[from + row..][..2 * len]);
            best = Vector::select(best.is_topped(even), even, best);
            best = Vector::select(best.is_topped(odd), odd, best);
        }
        best.write(&mut self.y[to..][..len]);
    }
}

/// The elements of `g` where the largest of the windows of `x` lie, zeros elsewhere.
pub(super) struct Place<'a, T> {
    pub pairs: &'a Pairs<'a>,
    pub g: &'a [T],
    pub x: &'a [T],
    pub y: &'a mut [T],
}

impl<T: Scalar> Kernel for Place<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        self.pairs.clear(self.y);
        let (pairs, count) = (self.pairs, self.y.len() / self.pairs.planes.input_len());
        match pairs.rows {
            1 => pairs.each::<S, T>(count, &mut PlaceRows::<T, 1>(self)),
            2 => pairs.each::<S, T>(count, &mut PlaceRows::<T, 2>(self)),
            _ => pairs.each::<S, T>(count, &mut PlaceRows::<T, 4>(self)),
        }
    }
}

/// [`Place`], for windows of `ROWS` rows.
struct PlaceRows<'a, T, const ROWS: usize>(Place<'a, T>);

impl<T: Scalar, const ROWS: usize> Windows for PlaceRows<'_, T, ROWS> {
    #[inline(always)]
    fn windows<S: Simd>(&mut self, from: usize, to: usize, len: usize) {
        let Place { pairs, g, x, y } = &mut self.0;
        let (rows, zero) = (pairs.distances, T::Vector::<S>::zero());
        // Which elements are larger than all before them. The last of those is the largest; if there is none, the first element is.
        let mut best = T::Vector::<S>::splat(-T::INFINITY);
        let mut topped = [[best.is_topped(best); 2]; ROWS];
        for r in 0..ROWS {
            let (even, odd) = read::<T, S>(&x[from + rows[r]..][..2 * len]);
            topped[r][0] = best.is_topped(even);
            best = Vector::select(topped[r][0], even, best);
            topped[r][1] = best.is_topped(odd);
            best = Vector::select(topped[r][1], odd, best);
        }
        let mut left = T::Vector::<S>::read(&g[to..][..len]);
        for r in (0..ROWS).rev() {
            let [first, second] = topped[r];
            let odd = Vector::select(second, left, zero);
            left = Vector::select(second, zero, left);
            let even = if r == 0 { left } else { Vector::select(first, left, zero) };
            left = Vector::select(first, zero, left);
            write::<T, S>(even, odd, &mut y[from + rows[r]..][..2 * len]);
        }
    }
}

/// The sum of each window, times a number.
pub(super) struct Sum<'a, T> {
    pub pairs: &'a Pairs<'a>,
    pub factor: T,
    pub x: &'a [T],
    pub y: &'a mut [T],
}

impl<T: Scalar> Kernel for Sum<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(mut self, _: S) {
        self.pairs.each::<S, T>(self.y.len() / self.pairs.planes.output_len(), &mut self);
    }
}

impl<T: Scalar> Windows for Sum<'_, T> {
    #[inline(always)]
    fn windows<S: Simd>(&mut self, from: usize, to: usize, len: usize) {
        let mut sum = T::Vector::<S>::zero();
        for &row in &self.pairs.distances[..self.pairs.rows] {
            let (even, odd) = read::<T, S>(&self.x[from + row..][..2 * len]);
            sum = sum.add(even).add(odd);
        }
        sum.mul(T::Vector::<S>::splat(self.factor)).write(&mut self.y[to..][..len]);
    }
}

/// The elements of `g`, times a number, at all places of their windows.
pub(super) struct Spread<'a, T> {
    pub pairs: &'a Pairs<'a>,
    pub factor: T,
    pub g: &'a [T],
    pub y: &'a mut [T],
}

impl<T: Scalar> Kernel for Spread<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(mut self, _: S) {
        self.pairs.clear(self.y);
        self.pairs.each::<S, T>(self.y.len() / self.pairs.planes.input_len(), &mut self);
    }
}

impl<T: Scalar> Windows for Spread<'_, T> {
    #[inline(always)]
    fn windows<S: Simd>(&mut self, from: usize, to: usize, len: usize) {
        let g = T::Vector::<S>::read(&self.g[to..][..len]).mul(T::Vector::<S>::splat(self.factor));
        for &row in &self.pairs.distances[..self.pairs.rows] {
            write::<T, S>(g, g, &mut self.y[from + row..][..2 * len]);
        }
    }
}
