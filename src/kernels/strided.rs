//! How are the elements of strided arrays visited? Neighbouring axes are merged where that is possible in all arrays, the last one is the row,
//! and an odometer counts over the others.

use crate::array::buffers::zeros;
use crate::array::error::ShapeError;
use crate::array::memory::{or_panic, room};
use crate::array::scalar::{Known, Scalar};
use crate::array::shape::Small;
use crate::array::view::View;
use crate::kernels::parallel;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::ops::Range;

/// An axis: its size, and its stride in each array.
#[derive(Clone, Copy)]
struct Axis<const N: usize> {
    size: usize,
    steps: [isize; N],
}

/// Nested loops over `N` arrays of one shape.
pub(crate) struct Nest<const N: usize> {
    /// The axes, outermost first, without the row.
    outer: SmallVec<[Axis<N>; 6]>,
    /// The length of a row, and the step within it.
    pub row: usize,
    pub step: [isize; N],
}

impl<const N: usize> Nest<N> {
    /// Loops over the axes for which `keep` holds.
    #[inline]
    pub fn new(shape: &[usize], strides: [&[isize]; N], keep: impl Fn(usize) -> bool) -> Self {
        Self::over(shape, strides, &keep)
    }
    /// (Compiled once for a number of arrays, not again for each `keep`.)
    fn over(shape: &[usize], strides: [&[isize]; N], keep: &dyn Fn(usize) -> bool) -> Self {
        let mut axes: SmallVec<[Axis<N>; 6]> = SmallVec::new();
        for (a, &size) in shape.iter().enumerate() {
            if size == 1 || !keep(a) {
                continue;
            }
            let mut axis = Axis { size, steps: [0; N] };
            for (step, strides) in axis.steps.iter_mut().zip(&strides) {
                *step = strides[a];
            }
            match axes.last_mut() {
                Some(outer) if (0..N).all(|k| outer.steps[k] == axis.steps[k] * size as isize) => {
                    axis.size *= outer.size;
                    *outer = axis;
                }
                _ => axes.push(axis),
            }
        }
        let Axis { size: row, steps: step } = axes.pop().unwrap_or(Axis { size: 1, steps: [0; N] });
        Nest { outer: axes, row, step }
    }
    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.outer.iter().map(|axis| axis.size).product()
    }
    /// Whether there is one row and no axis around it.
    pub fn is_row(&self) -> bool {
        self.outer.is_empty()
    }
    /// Calls `f` with the place in each array where each of the rows begins.
    #[inline]
    pub fn each(&self, rows: Range<usize>, start: [isize; N], mut f: impl FnMut([isize; N])) {
        let mut odometer = Odometer::new(&self.outer, rows.start, start);
        for _ in rows {
            f(odometer.at);
            odometer.advance();
        }
    }
}

/// The beginning of a row: its index along each outer axis, and its place in each array.
struct Odometer<'a, const N: usize> {
    outer: &'a [Axis<N>],
    index: Small<usize>,
    at: [isize; N],
}

impl<'a, const N: usize> Odometer<'a, N> {
    /// At row `row` of arrays that begin at `at`.
    fn new(outer: &'a [Axis<N>], row: usize, mut at: [isize; N]) -> Self {
        let mut index: Small<usize> = SmallVec::from_elem(0, outer.len());
        let mut rest = row;
        for (i, axis) in index.iter_mut().zip(outer).rev() {
            if axis.size > 0 {
                *i = rest % axis.size;
                rest /= axis.size;
            }
            for (at, step) in at.iter_mut().zip(&axis.steps) {
                *at += *i as isize * step;
            }
        }
        Odometer { outer, index, at }
    }
    /// Moves to the next row.
    #[inline]
    fn advance(&mut self) {
        for (i, axis) in self.index.iter_mut().zip(self.outer).rev() {
            *i += 1;
            for k in 0..N {
                self.at[k] += axis.steps[k];
            }
            if *i < axis.size {
                return;
            }
            for k in 0..N {
                self.at[k] -= axis.size as isize * axis.steps[k];
            }
            *i = 0;
        }
    }
}

/// Copies a view's elements into logical order.
pub(crate) fn copy<T: Scalar>(x: View<'_, T>, y: &mut [T]) {
    if let Some(x) = x.as_slice() {
        return y.copy_from_slice(x);
    }
    if y.is_empty() {
        return;
    }
    let nest = Nest::new(x.shape(), [x.strides()], |_| true);
    // (A small array fits into the first-level cache.)
    if nest.step[0] != 1
        && y.len() >= 4096
        && let Some(along) = nest.outer.iter().position(|axis| axis.steps[0] == 1)
    {
        return transpose(x.data, x.offset, &nest, along, y);
    }
    let mut rows = y.chunks_exact_mut(nest.row);
    nest.each(0..nest.rows(), [x.offset as isize], |[at]| {
        gather(x.data, at, nest.step[0], rows.next().expect("as many rows as the shape says"));
    });
}

/// Copies rows whose elements lie apart, where neighbors lie along the outer axis `along`: in tiles, each of which reads and writes whole lines of the
/// cache, and on several threads.
fn transpose<T: Scalar>(data: &[T], offset: usize, nest: &Nest<1>, along: usize, y: &mut [T]) {
    /// Elements from which a thread of its own pays.
    const GRAIN: usize = 32 * 1024;
    /// Rows and columns of a tile.
    const TILE: usize = 16;
    // How far neighbors along each axis lie apart in `y`.
    let mut axes: SmallVec<[Axis<2>; 6]> = SmallVec::new();
    let mut apart = nest.row;
    for axis in nest.outer.iter().rev() {
        axes.insert(0, Axis { size: axis.size, steps: [axis.steps[0], apart as isize] });
        apart *= axis.size;
    }
    let unit = y.len() / axes[0].size;
    parallel::parts(y, GRAIN.div_ceil(unit) * unit, &|first, y| {
        let mut axes = axes.clone();
        axes[0].size = y.len() / unit;
        let start = offset as isize + (first / unit) as isize * axes[0].steps[0];
        let Axis { size, steps: [_, apart] } = axes.remove(along);
        let count = axes.iter().map(|axis| axis.size).product();
        let mut odometer = Odometer::new(&axes, 0, [start, 0]);
        for _ in 0..count {
            let ([from, to], apart) = (odometer.at.map(|at| at as usize), apart as usize);
            for i in (0..size).step_by(TILE) {
                for j in (0..nest.row).step_by(TILE) {
                    for i in i..size.min(i + TILE) {
                        let row = &mut y[to + i * apart..][j..nest.row.min(j + TILE)];
                        gather(data, (from + i) as isize + j as isize * nest.step[0], nest.step[0], row);
                    }
                }
            }
            odometer.advance();
        }
    });
}

/// Copies a row of any step.
#[inline]
pub(crate) fn gather<T: Scalar>(data: &[T], at: isize, step: isize, row: &mut [T]) {
    match step {
        1 => row.copy_from_slice(&data[at as usize..][..row.len()]),
        0 => row.fill(data[at as usize]),
        _ => {
            for (i, y) in row.iter_mut().enumerate() {
                *y = data[(at + i as isize * step) as usize];
            }
        }
    }
}

/// Copies `x` to the places of `y` from `offset` on, `strides` apart: the inverse of a strided read.
pub(crate) fn scatter<T: Scalar>(x: View<'_, T>, y: &mut [T], offset: isize, strides: &[isize]) {
    if x.shape().numel() == 0 {
        return;
    }
    let nest = Nest::new(x.shape(), [x.strides(), strides], |_| true);
    let [dx, dy] = nest.step;
    nest.each(0..nest.rows(), [x.offset as isize, offset], |[from, to]| {
        if (dx, dy) == (1, 1) {
            return y[to as usize..][..nest.row].copy_from_slice(&x.data[from as usize..][..nest.row]);
        }
        for i in 0..nest.row as isize {
            y[(to + i * dy) as usize] = x.data[(from + i * dx) as usize];
        }
    });
}

/// As [`copy`], for generic code: the functions that it calls are compiled in this crate.
pub(crate) fn lay_out<T: Scalar>(x: View<'_, T>, y: &mut [T]) {
    fn lay_out_f32(x: View<'_, f32>, y: &mut [f32]) {
        copy(x, y);
    }
    fn lay_out_f64(x: View<'_, f64>, y: &mut [f64]) {
        copy(x, y);
    }
    let View { data, offset, layout } = x;
    match (T::known(data), T::known_mut(y)) {
        (Known::F32(data), Known::F32(y)) => lay_out_f32(View { data, offset, layout }, y),
        (Known::F64(data), Known::F64(y)) => lay_out_f64(View { data, offset, layout }, y),
        _ => unreachable!("both are of one type"),
    }
}

impl<'a, T: Scalar> View<'a, T> {
    /// The elements in logical order, copied if they lie in another one.
    pub fn to_slice(&self) -> Cow<'a, [T]> {
        match self.as_slice() {
            Some(s) => Cow::Borrowed(s),
            None => {
                let mut out = or_panic(zeros(self.shape().numel()));
                lay_out(*self, &mut out);
                Cow::Owned(out)
            }
        }
    }
    /// A copy of the elements in logical order, if there can be one.
    pub(crate) fn to_list(self) -> Result<Vec<T>, ShapeError> {
        self.shape().check_size()?;
        if let Some(s) = self.as_slice() {
            let mut out = room(s.len()).map_err(|e| e.about(self.shape()))?;
            out.extend_from_slice(s);
            return Ok(out);
        }
        let mut out = zeros(self.shape().numel()).map_err(|e| e.about(self.shape()))?;
        lay_out(self, &mut out);
        Ok(out)
    }
}
