//! Windows side by side that are two columns wide (2, 2 x 2, 2 x 2 x 2), with which most networks halve their images.
//!
//! An element lies in one window or none, so that gradients are written in one pass and not added up. Even and odd columns are taken apart
//! in registers, where the compiler's own vectorisation gives up on the stores: with 24 columns the gradient took 3 ns an element, this takes 0.2.

use super::windows::{Planes, Window};
use crate::array::scalar::Scalar;
use crate::array::simd::{Kernel, Simd, Vector};

/// Planes under such windows.
pub(super) struct Pairs<'a> {
    planes: &'a Planes,
    /// Planes and rows of a window.
    size: [usize; 2],
    /// How far its rows, one to four, are from its first one in a plane of inputs.
    rows: [usize; 4],
    count: usize,
}

impl Window {
    /// The size of the windows, if they lie side by side and wholly within the axis.
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
        let few = matches!(size, [1 | 2, 1 | 2]) && tile(2)? == 2;
        let row = |r: usize| (r / size[1] * height + r % size[1]) * width;
        few.then(|| Pairs { planes, size, rows: [row(0), row(1), row(2), row(3)], count: size[0] * size[1] })
    }
    /// How many elements a window has.
    pub fn count(&self) -> usize {
        2 * self.count
    }
    /// Whether every element lies in a window.
    fn cover(&self) -> bool {
        let Planes { input, output, .. } = self.planes;
        *input == [output[0] * self.size[0], output[1] * self.size[1], output[2] * 2]
    }
    fn rows(&self) -> &[usize] {
        &self.rows[..self.count]
    }
    /// Where a row of outputs begins, and the first of its windows.
    #[inline(always)]
    fn at(&self, plane: usize, line: usize) -> (usize, usize) {
        let ([_, height, width], [_, heights, columns]) = (self.planes.input, self.planes.output);
        ((plane * heights + line) * columns, (plane * self.size[0] * height + line * self.size[1]) * width)
    }
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
    fn run<S: Simd>(self, _: S) {
        let Max { pairs, x, y } = self;
        let ([depths, heights, columns], lanes) = (pairs.planes.output, T::Vector::<S>::LANES);
        let (n, m) = (pairs.planes.input_len(), pairs.planes.output_len());
        for (i, y) in y.chunks_mut(m).enumerate() {
            let x = &x[i * n..][..n];
            for a in 0..depths {
                for b in 0..heights {
                    let (to, from) = pairs.at(a, b);
                    let mut c = 0;
                    while c < columns {
                        let (to, from, len) = (to + c, from + 2 * c, lanes.min(columns - c));
                        c += lanes;
                        let mut best = T::Vector::<S>::splat(-T::INFINITY);
                        for &row in pairs.rows() {
                            let (even, odd) = read::<T, S>(&x[from + row..][..2 * len]);
                            best = Vector::select(best.is_topped(even), even, best);
                            best = Vector::select(best.is_topped(odd), odd, best);
                        }
                        best.write(&mut y[to..][..len]);
                    }
                }
            }
        }
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
        match self.pairs.count {
            1 => self.rows::<S, 1>(),
            2 => self.rows::<S, 2>(),
            _ => self.rows::<S, 4>(),
        }
    }
}

impl<T: Scalar> Place<'_, T> {
    #[inline(always)]
    fn rows<S: Simd, const ROWS: usize>(self) {
        let Place { pairs, g, x, y } = self;
        let ([depths, heights, columns], lanes) = (pairs.planes.output, T::Vector::<S>::LANES);
        let (n, m, zero) = (pairs.planes.input_len(), pairs.planes.output_len(), T::Vector::<S>::zero());
        if !pairs.cover() {
            y.fill(T::ZERO);
        }
        let rows = pairs.rows;
        for (i, y) in y.chunks_mut(n).enumerate() {
            let (x, g) = (&x[i * n..][..n], &g[i * m..][..m]);
            for a in 0..depths {
                for b in 0..heights {
                    let (to, from) = pairs.at(a, b);
                    let mut c = 0;
                    while c < columns {
                        let (to, from, len) = (to + c, from + 2 * c, lanes.min(columns - c));
                        c += lanes;
                        // Which elements are larger than all before them. The last of those is the one; if there is none, the first element is.
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
            }
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
    fn run<S: Simd>(self, _: S) {
        let Sum { pairs, factor, x, y } = self;
        let ([depths, heights, columns], lanes) = (pairs.planes.output, T::Vector::<S>::LANES);
        let factor = T::Vector::<S>::splat(factor);
        let (n, m) = (pairs.planes.input_len(), pairs.planes.output_len());
        for (i, y) in y.chunks_mut(m).enumerate() {
            let x = &x[i * n..][..n];
            for a in 0..depths {
                for b in 0..heights {
                    let (to, from) = pairs.at(a, b);
                    let mut c = 0;
                    while c < columns {
                        let (to, from, len) = (to + c, from + 2 * c, lanes.min(columns - c));
                        c += lanes;
                        let mut sum = T::Vector::<S>::zero();
                        for &row in pairs.rows() {
                            let (even, odd) = read::<T, S>(&x[from + row..][..2 * len]);
                            sum = sum.add(even).add(odd);
                        }
                        sum.mul(factor).write(&mut y[to..][..len]);
                    }
                }
            }
        }
    }
}

/// The elements of `g`, times a number, all over their windows.
pub(super) struct Spread<'a, T> {
    pub pairs: &'a Pairs<'a>,
    pub factor: T,
    pub g: &'a [T],
    pub y: &'a mut [T],
}

impl<T: Scalar> Kernel for Spread<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Spread { pairs, factor, g, y } = self;
        let ([depths, heights, columns], lanes) = (pairs.planes.output, T::Vector::<S>::LANES);
        let factor = T::Vector::<S>::splat(factor);
        if !pairs.cover() {
            y.fill(T::ZERO);
        }
        let (n, m) = (pairs.planes.input_len(), pairs.planes.output_len());
        for (i, y) in y.chunks_mut(n).enumerate() {
            let g = &g[i * m..][..m];
            for a in 0..depths {
                for b in 0..heights {
                    let (to, from) = pairs.at(a, b);
                    let mut c = 0;
                    while c < columns {
                        let (to, from, len) = (to + c, from + 2 * c, lanes.min(columns - c));
                        c += lanes;
                        let g = T::Vector::<S>::read(&g[to..][..len]).mul(factor);
                        for &row in pairs.rows() {
                            write::<T, S>(g, g, &mut y[from + row..][..2 * len]);
                        }
                    }
                }
            }
        }
    }
}
