//! Pooling: windows that slide over the last 1, 2 or 3 axes, or divide them, and the maximum over each window. The average is in
//! `avg_pool.rs`, the inverse in `unpool.rs`.
//!
//! Arrays are (batch, channels, ..) or, without a batch, (channels, ..). All ranks share one implementation: pools over fewer than 3 axes
//! are pools over 3 axes whose first axes have size 1.

use crate::array::error::ShapeError;
use crate::array::memory::filled;
use crate::array::scalar::Scalar;
use crate::array::shape::{Shape, Small};
use crate::array::view::View;
use crate::kernels::pool::{self as kernel, Planes, Window};
use crate::ops::conv::LARGEST;
use crate::ops::indices::Indices;
use crate::tape::op::{Cotangents, Op, Vjp};
use crate::tape::var::Var;

// ------------------------------------------------------------------------------------------------------------- windows

/// The windows of a pool along each of its axes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PoolWindows {
    axes: [Window; 3],
    /// The number of axes that are pooled: the last `rank` of `axes`.
    pub rank: usize,
}

impl PoolWindows {
    fn new<const N: usize>(along: impl Fn(usize) -> Window) -> PoolWindows {
        let mut axes = [Window::NONE; 3];
        (0..N).for_each(|a| axes[3 - N + a] = along(a));
        PoolWindows { axes, rank: N }
    }
    /// Windows that divide each axis, so that the output has these sizes.
    pub fn adaptive<const N: usize>(output_size: [impl Into<Option<usize>>; N]) -> PoolWindows {
        let sizes = output_size.map(Into::into);
        PoolWindows::new::<N>(|a| Window::Adaptive(sizes[a]))
    }
    /// The name of this pool, chosen from the names of pools that slide and of pools that adapt.
    pub fn name(&self, sliding: [&'static str; 3], adaptive: [&'static str; 3]) -> &'static str {
        let names = if matches!(self.axes[2], Window::Adaptive(_)) { adaptive } else { sliding };
        names[self.rank - 1]
    }
    /// The sizes of three axes, from those of the last `rank`.
    pub fn full(&self, last: impl Iterator<Item = usize>) -> [usize; 3] {
        let mut sizes = [1; 3];
        sizes[3 - self.rank..].iter_mut().zip(last).for_each(|(s, n)| *s = n);
        sizes
    }
    /// The number of windows along an axis of size `n`.
    fn count(window: Window, axis: usize, n: usize) -> Result<usize, ShapeError> {
        let (kernel, stride, padding, dilation, ceil) = match window {
            Window::Adaptive(m) => return Ok(m.unwrap_or(n)),
            Window::Sliding { kernel, stride, padding, dilation, ceil } => (kernel, stride, padding, dilation, ceil),
        };
        for (what, size) in [("kernel_size", kernel), ("stride", stride), ("dilation", dilation)] {
            if size == 0 {
                return Err(ShapeError::new(format!("{what} is 0 along spatial axis {axis}")).hint("it must be at least 1"));
            }
        }
        let covered = (kernel - 1).saturating_mul(dilation).saturating_add(1);
        if padding > covered / 2 {
            let e = format!("padding {padding} along spatial axis {axis} is more than half of the {covered} positions that a window spans");
            return Err(ShapeError::new(e).hint("a window could lie in the padding alone"));
        }
        // The room for a window to slide: what the window leaves of the axis, and with `ceil` a part beyond it. The padding is at most half
        // of `covered`, so the difference does not underflow.
        let beyond = if ceil { stride - 1 } else { 0 };
        let Some(room) = (n + padding).saturating_add(beyond).checked_sub(covered - padding) else {
            let e = format!("a window of {covered} positions does not fit spatial axis {axis} of size {n} with padding {padding}");
            return Err(ShapeError::new(e).hint("the output would be empty: take a smaller kernel or dilation"));
        };
        // The kernels look for windows in the padding position by position.
        if padding > LARGEST {
            let e = format!("padding is {padding} along spatial axis {axis}");
            return Err(ShapeError::new(e).hint(format!("at most {LARGEST} is possible")));
        }
        let last = room / stride;
        // The last window must begin in the array, or in the padding before it.
        Ok(if ceil && last * stride >= n + padding { last } else { last + 1 })
    }
    /// The same windows, `m` of them along an axis of size `n`, but with sizes cut down to the padded axis. Products of sizes and positions
    /// then do not overflow, whatever numbers the caller gave.
    fn within(window: Window, n: usize, m: usize) -> Window {
        let Window::Sliding { kernel, stride, padding, dilation, ceil } = window else { return window };
        let whole = n + 2 * padding;
        let dilation = dilation.min(whole + 1);
        let kernel = kernel.min(whole / dilation + 1);
        // A single window over the whole axis is a plain fold of each row; as a sliding window, each element would need an entry in a
        // table.
        if m == 1 && dilation == 1 && padding == 0 && kernel >= n {
            return Window::NONE;
        }
        Window::Sliding { kernel, stride: stride.min(whole + 1), padding, dilation, ceil }
    }
    /// The shape of the output.
    pub fn shape(&self, x: &Shape) -> Result<Shape, ShapeError> {
        let (r, n) = (self.rank, x.len());
        if n != r + 1 && n != r + 2 {
            return Err(ShapeError::new(format!("an array of {} or {} axes is needed, not shape {x}", r + 2, r + 1))
                .hint("the axes are (batch, channels, ..) or, without a batch, (channels, ..)"));
        }
        // The batch may be empty; for adaptive pools the channels may be, too.
        let first = if matches!(self.axes[2], Window::Adaptive(_)) { n - r } else { n - r - 1 };
        if let Some(axis) = (first..n).find(|&a| x[a] == 0) {
            return Err(ShapeError::new(format!("axis {axis} has size 0")).hint("only the batch may be empty"));
        }
        let mut y: Small<usize> = x[..n - r].into();
        for a in 0..r {
            y.push(PoolWindows::count(self.axes[3 - r + a], a, x[n - r + a])?);
        }
        Ok(y.into())
    }
    /// The sizes for the kernels. The shape must be one that [`PoolWindows::shape`] has accepted.
    pub fn planes(&self, x: &[usize]) -> Planes {
        let mut input = self.full(x[x.len() - self.rank..].iter().copied());
        let output = [0, 1, 2].map(|a| PoolWindows::count(self.axes[a], a, input[a]).expect("the shape was checked"));
        let windows = [0, 1, 2].map(|a| PoolWindows::within(self.axes[a], input[a], output[a]));
        // Merge the axes that a single window covers as a whole.
        let all = |a: usize| output[a] == 1 && matches!(windows[a], Window::Adaptive(_));
        for a in [1, 0] {
            if all(a) && all(2) && input[a + 1..2].iter().all(|&n| n == 1) {
                (input[2], input[a]) = (input[2] * input[a], 1);
            }
        }
        Planes { windows, input, output }
    }
}

// ------------------------------------------------------------------------------------------------------------- maximum

/// The largest element of each window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct MaxPool(pub PoolWindows);

/// From inputs v and x: the elements of v at the places of the largest elements in the windows of x. The derivative of [`MaxPool`] in the
/// direction v.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct MaxPick(PoolWindows);

/// From inputs g and x: adds each element of g to zeros, at the place of the largest element in its window of x. The adjoint of
/// [`MaxPick`].
///
/// These places are computed again. That takes no longer than reading stored indices, and needs no memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct MaxPlace(PoolWindows);

const MAX_POOL: [&str; 3] = ["max_pool1d", "max_pool2d", "max_pool3d"];
const ADAPTIVE_MAX_POOL: [&str; 3] = ["adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d"];

impl<T: Scalar> Op<T> for MaxPool {
    fn name(&self) -> &'static str {
        self.0.name(MAX_POOL, ADAPTIVE_MAX_POOL)
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        self.0.shape(x[0])
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        kernel::max(&self.0.planes(x[0].shape()), &x[0].to_slice(), y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|_| cx.g.record2(MaxPlace(self.0), cx.x(0)))
    }
}

impl<T: Scalar> Op<T> for MaxPick {
    fn name(&self) -> &'static str {
        "max_pool_pick"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        expect_shape(x[0], x[1])?;
        self.0.shape(x[1])
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        kernel::pick(&self.0.planes(x[1].shape()), &x[0].to_slice(), &x[1].to_slice(), y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|i| (i == 0).then(|| cx.g.record2(MaxPlace(self.0), cx.x(1))))
    }
}

impl<T: Scalar> Op<T> for MaxPlace {
    fn name(&self) -> &'static str {
        "max_pool_place"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        expect_shape(x[0], &self.0.shape(x[1])?)?;
        Ok(x[1].clone())
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        kernel::place(&self.0.planes(x[1].shape()), &x[0].to_slice(), &x[1].to_slice(), y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|i| (i == 0).then(|| cx.g.record2(MaxPick(self.0), cx.x(1))))
    }
}

pub(crate) fn expect_shape(found: &Shape, expected: &Shape) -> Result<(), ShapeError> {
    match found == expected {
        true => Ok(()),
        false => Err(ShapeError::new(format!("shape {found} is not {expected}")).hint("give arrays of the pool's own shapes")),
    }
}

/// How the windows of a maximum lie. By default they lie side by side, without padding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MaxPoolOptions<const N: usize> {
    /// The step from one window to the next; `None` is the kernel's size.
    pub stride: Option<[usize; N]>,
    /// The number of positions with -inf before and after each axis.
    pub padding: [usize; N],
    /// The step from one element of a window to the next.
    pub dilation: [usize; N],
    /// If true, the last window may reach beyond the end.
    pub ceil_mode: bool,
}

impl<const N: usize> Default for MaxPoolOptions<N> {
    fn default() -> Self {
        MaxPoolOptions { stride: None, padding: [0; N], dilation: [1; N], ceil_mode: false }
    }
}

impl<const N: usize> MaxPoolOptions<N> {
    pub(crate) fn windows(&self, kernel_size: [usize; N]) -> PoolWindows {
        PoolWindows::new::<N>(|a| Window::Sliding {
            kernel: kernel_size[a],
            stride: self.stride.unwrap_or(kernel_size)[a],
            padding: self.padding[a],
            dilation: self.dilation[a],
            ceil: self.ceil_mode,
        })
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The largest element of each window, and its index in its plane: (depth, height and) width, counted in row-major order.
    #[track_caller]
    fn max_pool_with_indices(self, windows: PoolWindows) -> (Self, Indices) {
        let y = self.record(MaxPool(windows));
        let mut indices = self.or_refuse(Op::<T>::name(&MaxPool(windows)), filled(y.numel(), 0));
        kernel::indices(&windows.planes(&self.shape()), self.value().as_slice(), &mut indices);
        (y, Indices::new(&y.shape(), indices))
    }
    /// The largest element of each window of an array (batch, channels, length) or (channels, length). If a window contains a NaN, the
    /// result is NaN. Derivative: the cotangent goes to the first of the largest elements, or to the last of several NaN. Shapes:
    /// `[.., channels, n]` to `[.., channels, m]`, where m is the number of windows.
    ///
    /// Along each axis of size n there are floor((n + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1 windows. With `ceil_mode`
    /// the quotient is rounded up, but no window begins beyond the array.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 3.0, 3.0, 5.0, 4.0, 2.0, 9.0]]); // the last one fills no window
    /// let y = x.max_pool1d([3], Default::default());
    /// assert_eq!(y.to_vec(), [3.0, 5.0]);
    /// assert_eq!(tape.grad(y, &[x])[0].unwrap().to_vec(), [0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If the array has another number of axes, if an axis other than the batch is empty, if the kernel's size, stride or dilation is 0, if
    /// the padding is more than half of what a window spans, or if no window fits.
    #[track_caller]
    pub fn max_pool1d(self, kernel_size: [usize; 1], options: MaxPoolOptions<1>) -> Self {
        self.record(MaxPool(options.windows(kernel_size)))
    }
    /// As [`Var::max_pool1d`], over arrays (batch, channels, height, width) or (channels, height, width). Shapes: `[.., channels, h, w]` to
    /// `[.., channels, windows down, windows across]`.
    ///
    /// ```
    /// use wengert::{MaxPoolOptions, Tape};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 2.0, 5.0], [4.0, 3.0, 0.0]]).unsqueeze(0);
    /// let y = x.max_pool2d([2, 2], MaxPoolOptions { stride: Some([1, 1]), ..Default::default() });
    /// assert_eq!(y.to_vec(), [4.0, 5.0]);
    /// ```
    ///
    /// # Panics
    /// As [`Var::max_pool1d`].
    #[track_caller]
    pub fn max_pool2d(self, kernel_size: [usize; 2], options: MaxPoolOptions<2>) -> Self {
        self.record(MaxPool(options.windows(kernel_size)))
    }
    /// As [`Var::max_pool1d`], over arrays (batch, channels, depth, height, width) or (channels, depth, height, width). Shapes:
    /// `[.., channels, d, h, w]` to the same with the numbers of windows.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[[[1.0, 2.0], [3.0, 4.0]], [[8.0, 7.0], [6.0, 5.0]]]]);
    /// let y = x.max_pool3d([2, 1, 2], Default::default());
    /// assert_eq!(y.shape(), [1, 1, 2, 1]);
    /// assert_eq!(y.to_vec(), [8.0, 6.0]);
    /// ```
    ///
    /// # Panics
    /// As [`Var::max_pool1d`].
    #[track_caller]
    pub fn max_pool3d(self, kernel_size: [usize; 3], options: MaxPoolOptions<3>) -> Self {
        self.record(MaxPool(options.windows(kernel_size)))
    }
    /// [`Var::max_pool1d`], and the index where each element was found. [`Var::max_unpool1d`] takes these indices. Shapes: those of
    /// [`Var::max_pool1d`]; the indices have that of the result. PyTorch: `return_indices=True`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[5.0, 1.0, 2.0, 4.0]]);
    /// let (y, at) = x.max_pool1d_with_indices([2], Default::default());
    /// assert_eq!((y.to_vec(), at.values()), (vec![5.0, 4.0], &[0, 3][..]));
    /// ```
    ///
    /// # Panics
    /// As [`Var::max_pool1d`].
    #[track_caller]
    pub fn max_pool1d_with_indices(self, kernel_size: [usize; 1], options: MaxPoolOptions<1>) -> (Self, Indices) {
        self.max_pool_with_indices(options.windows(kernel_size))
    }
    /// [`Var::max_pool2d`], and the index where each element was found: row * width + column. [`Var::max_unpool2d`] takes these indices.
    /// Shapes: those of [`Var::max_pool2d`]; the indices have that of the result.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[[0.0, 0.0, 3.0], [0.0, 9.0, 0.0]]]);
    /// let (y, at) = x.max_pool2d_with_indices([2, 3], Default::default());
    /// assert_eq!((y.to_vec(), at.values()), (vec![9.0], &[4][..])); // 1 * 3 + 1
    /// ```
    ///
    /// # Panics
    /// As [`Var::max_pool1d`].
    #[track_caller]
    pub fn max_pool2d_with_indices(self, kernel_size: [usize; 2], options: MaxPoolOptions<2>) -> (Self, Indices) {
        self.max_pool_with_indices(options.windows(kernel_size))
    }
    /// [`Var::max_pool3d`], and the index where each element was found: (plane * height + row) * width + column. [`Var::max_unpool3d`]
    /// takes these indices. Shapes: those of [`Var::max_pool3d`]; the indices have that of the result.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[[[1.0, 8.0]], [[9.0, 4.0]]]]);
    /// let (y, at) = x.max_pool3d_with_indices([2, 1, 1], Default::default());
    /// assert_eq!((y.to_vec(), at.values()), (vec![9.0, 8.0], &[2, 1][..]));
    /// ```
    ///
    /// # Panics
    /// As [`Var::max_pool1d`].
    #[track_caller]
    pub fn max_pool3d_with_indices(self, kernel_size: [usize; 3], options: MaxPoolOptions<3>) -> (Self, Indices) {
        self.max_pool_with_indices(options.windows(kernel_size))
    }
    /// The largest element of each of `output_size` windows, which divide the length of an array (batch, channels, length) or (channels,
    /// length): window i of m reaches from floor(i n / m) to ceil((i + 1) n / m). `None` leaves the axis as it is. Derivative: as
    /// [`Var::max_pool1d`]. Shapes: `[.., channels, n]` to `[.., channels, m]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 2.0, 9.0, 3.0, 4.0]]);
    /// assert_eq!(x.adaptive_max_pool1d([2]).to_vec(), [9.0, 9.0]); // elements 0 to 2 and 2 to 4
    /// ```
    ///
    /// # Panics
    /// If the array has another number of axes, or an axis that is divided has size 0.
    #[track_caller]
    pub fn adaptive_max_pool1d(self, output_size: [impl Into<Option<usize>>; 1]) -> Self {
        self.record(MaxPool(PoolWindows::adaptive(output_size)))
    }
    /// As [`Var::adaptive_max_pool1d`], over arrays (batch, channels, height, width) or (channels, height, width). Shapes:
    /// `[.., channels, h, w]` to `[.., channels, output_size]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[[1.0, 5.0], [4.0, 2.0]]]);
    /// assert_eq!(x.adaptive_max_pool2d([Some(1), None]).to_vec(), [4.0, 5.0]);
    /// ```
    ///
    /// # Panics
    /// As [`Var::adaptive_max_pool1d`].
    #[track_caller]
    pub fn adaptive_max_pool2d(self, output_size: [impl Into<Option<usize>>; 2]) -> Self {
        self.record(MaxPool(PoolWindows::adaptive(output_size)))
    }
    /// As [`Var::adaptive_max_pool1d`], over arrays (batch, channels, depth, height, width) or (channels, depth, height, width). Shapes:
    /// `[.., channels, d, h, w]` to `[.., channels, output_size]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[[[1.0, 2.0], [3.0, 4.0]], [[8.0, 7.0], [6.0, 5.0]]]]);
    /// assert_eq!(x.adaptive_max_pool3d([2, 2, 1]).to_vec(), [2.0, 4.0, 8.0, 6.0]);
    /// ```
    ///
    /// # Panics
    /// As [`Var::adaptive_max_pool1d`].
    #[track_caller]
    pub fn adaptive_max_pool3d(self, output_size: [impl Into<Option<usize>>; 3]) -> Self {
        self.record(MaxPool(PoolWindows::adaptive(output_size)))
    }
    /// [`Var::adaptive_max_pool1d`], and the index where each element was found. Shapes: those of [`Var::adaptive_max_pool1d`]; the indices
    /// have that of the result.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (y, at) = tape.leaf([[7.0, 2.0, 3.0, 8.0]]).adaptive_max_pool1d_with_indices([2]);
    /// assert_eq!((y.to_vec(), at.values()), (vec![7.0, 8.0], &[0, 3][..]));
    /// ```
    ///
    /// # Panics
    /// As [`Var::adaptive_max_pool1d`].
    #[track_caller]
    pub fn adaptive_max_pool1d_with_indices(self, output_size: [impl Into<Option<usize>>; 1]) -> (Self, Indices) {
        self.max_pool_with_indices(PoolWindows::adaptive(output_size))
    }
    /// [`Var::adaptive_max_pool2d`], and the index where each element was found: row * width + column. Shapes: those of
    /// [`Var::adaptive_max_pool2d`]; the indices have that of the result.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (y, at) = tape.leaf([[[1.0, 2.0], [4.0, 3.0]]]).adaptive_max_pool2d_with_indices([2, 1]);
    /// assert_eq!((y.to_vec(), at.values()), (vec![2.0, 4.0], &[1, 2][..]));
    /// ```
    ///
    /// # Panics
    /// As [`Var::adaptive_max_pool1d`].
    #[track_caller]
    pub fn adaptive_max_pool2d_with_indices(self, output_size: [impl Into<Option<usize>>; 2]) -> (Self, Indices) {
        self.max_pool_with_indices(PoolWindows::adaptive(output_size))
    }
    /// [`Var::adaptive_max_pool3d`], and the index where each element was found: (plane * height + row) * width + column. Shapes: those of
    /// [`Var::adaptive_max_pool3d`]; the indices have that of the result.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (y, at) = tape.leaf([[[[1.0, 2.0]], [[0.0, 4.0]]]]).adaptive_max_pool3d_with_indices([1, 1, 2]);
    /// assert_eq!((y.to_vec(), at.values()), (vec![1.0, 4.0], &[0, 3][..]));
    /// ```
    ///
    /// # Panics
    /// As [`Var::adaptive_max_pool1d`].
    #[track_caller]
    pub fn adaptive_max_pool3d_with_indices(self, output_size: [impl Into<Option<usize>>; 3]) -> (Self, Indices) {
        self.max_pool_with_indices(PoolWindows::adaptive(output_size))
    }
}

#[cfg(test)]
mod rows;
