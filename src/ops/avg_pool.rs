//! Average pooling, and pooling by p-norms, which is made of averages.

use crate::array::error::ShapeError;
use crate::array::scalar::Scalar;
use crate::array::shape::Shape;
use crate::array::view::View;
use crate::kernels::pool::{self as kernel, Divisor};
use crate::ops::pool::{MaxPool, MaxPoolOptions, PoolWindows, expect_shape};
use crate::tape::op::{Cotangents, Op, Vjp};
use crate::tape::var::{Var, refuse};

// ------------------------------------------------------------------------------------------------------------- average

/// The average over each window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct AvgPool {
    windows: PoolWindows,
    divisor: Divisor,
}

/// Divides each element among the elements of its window, in an array with these sizes along the pooled axes: the adjoint of [`AvgPool`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct AvgSpread {
    pool: AvgPool,
    input: [usize; 3],
}

const AVG_POOL: [&str; 3] = ["avg_pool1d", "avg_pool2d", "avg_pool3d"];
const ADAPTIVE_AVG_POOL: [&str; 3] = ["adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d"];

impl<T: Scalar> Op<T> for AvgPool {
    fn name(&self) -> &'static str {
        self.windows.name(AVG_POOL, ADAPTIVE_AVG_POOL)
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        let shape = self.windows.shape(x[0])?;
        if self.divisor == Divisor::Fixed(0.0) {
            return Err(ShapeError::new("divisor_override is 0").hint("`None` divides by the number of elements"));
        }
        Ok(shape)
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        kernel::average(&self.windows.planes(x[0].shape()), self.divisor, &x[0].to_slice(), y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        let x = cx.x(0).shape();
        let input = self.windows.full(x[x.len() - self.windows.rank..].iter().copied());
        cx.each(|_| cx.g.record(AvgSpread { pool: *self, input }))
    }
}

impl<T: Scalar> Op<T> for AvgSpread {
    fn name(&self) -> &'static str {
        "avg_pool_spread"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        let windows = &self.pool.windows;
        let beside = x[0].len().saturating_sub(windows.rank);
        let shape = x[0][..beside].iter().chain(&self.input[3 - windows.rank..]).copied().collect();
        expect_shape(x[0], &windows.shape(&shape)?)?;
        Ok(shape)
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        kernel::spread(&self.pool.windows.planes(&self.input), self.pool.divisor, &x[0].to_slice(), y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|_| cx.g.record(self.pool))
    }
}

/// How the windows of an average lie, and what their sums are divided by. By default they lie side by side, without padding, and the
/// divisor is their size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AvgPoolOptions<const N: usize> {
    /// The step from one window to the next; `None` is the kernel's size.
    pub stride: Option<[usize; N]>,
    /// The number of zeros before and after each axis.
    pub padding: [usize; N],
    /// If true, the last window may reach beyond the end.
    pub ceil_mode: bool,
    /// If true, the padding counts towards the number of elements.
    pub count_include_pad: bool,
    /// Divides each sum by this instead of the number of elements.
    pub divisor_override: Option<i64>,
}

impl<const N: usize> Default for AvgPoolOptions<N> {
    fn default() -> Self {
        AvgPoolOptions { stride: None, padding: [0; N], ceil_mode: false, count_include_pad: true, divisor_override: None }
    }
}

impl<const N: usize> AvgPoolOptions<N> {
    fn pool(&self, kernel_size: [usize; N]) -> AvgPool {
        let windows = MaxPoolOptions { stride: self.stride, padding: self.padding, ceil_mode: self.ceil_mode, ..Default::default() }
            .windows(kernel_size);
        let divisor = match self.divisor_override {
            Some(d) => Divisor::Fixed(d as f64),
            None if self.count_include_pad => Divisor::Padded,
            None => Divisor::Inside,
        };
        AvgPool { windows, divisor }
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The average over each window of an array (batch, channels, length) or (channels, length). Derivative: the cotangent of each window,
    /// divided among its elements. [`Var::max_pool1d`] says how many windows there are. Shapes: `[.., channels, n]` to `[.., channels,
    /// windows]`.
    ///
    /// ```
    /// use wengert::{AvgPoolOptions, Tape};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 2.0, 3.0, 6.0]]);
    /// let padded = AvgPoolOptions { padding: [1], ..Default::default() };
    /// assert_eq!(x.avg_pool1d([2], padded).to_vec(), [0.5, 2.5, 3.0]);
    /// let inside = AvgPoolOptions { count_include_pad: false, ..padded };
    /// assert_eq!(x.avg_pool1d([2], inside).to_vec(), [1.0, 2.5, 6.0]);
    /// ```
    ///
    /// # Panics
    /// As [`Var::max_pool1d`], and if `divisor_override` is 0.
    #[track_caller]
    pub fn avg_pool1d(self, kernel_size: [usize; 1], options: AvgPoolOptions<1>) -> Self {
        self.record(options.pool(kernel_size))
    }
    /// As [`Var::avg_pool1d`], over arrays (batch, channels, height, width) or (channels, height, width). Shapes: `[.., channels, h, w]` to
    /// `[.., channels, rows, columns]` of windows.
    ///
    /// ```
    /// use wengert::{AvgPoolOptions, Tape};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 2.0, 5.0], [4.0, 3.0, 0.0]]).unsqueeze(0);
    /// let y = x.avg_pool2d([2, 2], AvgPoolOptions { stride: Some([1, 1]), ..Default::default() });
    /// assert_eq!(y.to_vec(), [2.5, 2.5]);
    /// assert_eq!(tape.grad(y, &[x])[0].unwrap().to_vec(), [0.25, 0.5, 0.25, 0.25, 0.5, 0.25]);
    /// ```
    ///
    /// # Panics
    /// As [`Var::avg_pool1d`].
    #[track_caller]
    pub fn avg_pool2d(self, kernel_size: [usize; 2], options: AvgPoolOptions<2>) -> Self {
        self.record(options.pool(kernel_size))
    }
    /// As [`Var::avg_pool1d`], over arrays (batch, channels, depth, height, width) or (channels, depth, height, width). Shapes: `[..,
    /// channels, d, h, w]` to `[.., channels, planes, rows, columns]` of windows.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]).unsqueeze(0);
    /// let y = x.avg_pool3d([1, 2, 2], Default::default());
    /// assert_eq!(y.shape(), [1, 2, 1, 1]);
    /// assert_eq!(y.to_vec(), [2.5, 6.5]);
    /// ```
    ///
    /// # Panics
    /// As [`Var::avg_pool1d`].
    #[track_caller]
    pub fn avg_pool3d(self, kernel_size: [usize; 3], options: AvgPoolOptions<3>) -> Self {
        self.record(options.pool(kernel_size))
    }
    /// The average over each of `output_size` windows, which divide the axis among them: see [`Var::adaptive_max_pool1d`]. `None` leaves
    /// the axis as it is. Derivative: as [`Var::avg_pool1d`]. Shapes: `[.., channels, n]` to `[.., channels, output_size]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 2.0, 6.0, 4.0, 8.0]]);
    /// assert_eq!(x.adaptive_avg_pool1d([2]).to_vec(), [3.0, 6.0]); // both windows contain the 6
    /// ```
    ///
    /// # Panics
    /// As [`Var::adaptive_max_pool1d`].
    #[track_caller]
    pub fn adaptive_avg_pool1d(self, output_size: [impl Into<Option<usize>>; 1]) -> Self {
        self.record(AvgPool { windows: PoolWindows::adaptive(output_size), divisor: Divisor::Inside })
    }
    /// As [`Var::adaptive_avg_pool1d`], over arrays (batch, channels, height, width) or (channels, height, width). Shapes: `[.., channels,
    /// h, w]` to `[.., channels, rows, columns]`, the two of `output_size`.
    ///
    /// ```
    /// use wengert::Tape;
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 2.0, 6.0], [4.0, 3.0, 2.0]]).unsqueeze(0);
    /// assert_eq!(x.adaptive_avg_pool2d([1, 1]).to_vec(), [3.0]);
    /// assert_eq!(x.adaptive_avg_pool2d([None, Some(1)]).to_vec(), [3.0, 3.0]);
    /// ```
    ///
    /// # Panics
    /// As [`Var::adaptive_max_pool1d`].
    #[track_caller]
    pub fn adaptive_avg_pool2d(self, output_size: [impl Into<Option<usize>>; 2]) -> Self {
        self.record(AvgPool { windows: PoolWindows::adaptive(output_size), divisor: Divisor::Inside })
    }
    /// As [`Var::adaptive_avg_pool1d`], over arrays (batch, channels, depth, height, width) or (channels, depth, height, width). Shapes:
    /// `[.., channels, d, h, w]` to `[.., channels, planes, rows, columns]`, the three of `output_size`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]).unsqueeze(0);
    /// assert_eq!(x.adaptive_avg_pool3d([1, 1, 2]).to_vec(), [4.0, 5.0]);
    /// ```
    ///
    /// # Panics
    /// As [`Var::adaptive_max_pool1d`].
    #[track_caller]
    pub fn adaptive_avg_pool3d(self, output_size: [impl Into<Option<usize>>; 3]) -> Self {
        self.record(AvgPool { windows: PoolWindows::adaptive(output_size), divisor: Divisor::Inside })
    }
}

// --------------------------------------------------------------------------------------------------------------- norms

/// How the windows of a norm lie. By default they lie side by side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LpPoolOptions<const N: usize> {
    /// The step from one window to the next; `None` is the kernel's size.
    pub stride: Option<[usize; N]>,
    /// If true, the last window may reach beyond the end. Its missing elements then count as if their powers had the average of the
    /// others'.
    pub ceil_mode: bool,
}

impl<const N: usize> Default for LpPoolOptions<N> {
    fn default() -> Self {
        LpPoolOptions { stride: None, ceil_mode: false }
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    #[track_caller]
    fn lp_pool<const N: usize>(self, p: f64, kernel_size: [usize; N], options: LpPoolOptions<N>) -> Self {
        let LpPoolOptions { stride, ceil_mode } = options;
        let max = MaxPool(MaxPoolOptions { stride, ceil_mode, ..Default::default() }.windows(kernel_size));
        if p == 0.0 {
            refuse(ShapeError::new("norm_type is 0").hint("a norm has a power other than 0"), LP_POOL[N - 1], [self.shape()]);
        } else if p == f64::INFINITY {
            return self.abs().record(max);
        } else if p == f64::NEG_INFINITY {
            return -(-self.abs()).record(max);
        }
        let average = self.powf(p).record(AvgPoolOptions { stride, ceil_mode, ..Default::default() }.pool(kernel_size));
        (average * self.number(kernel_size.iter().map(|&n| n as f64).product())).powf(1.0 / p)
    }
    /// The p-norm of each window of an array (batch, channels, length) or (channels, length): the p-th root of the sum of x^p. As in
    /// PyTorch, no absolute values are taken. For p = inf and -inf it is the largest and the smallest |x|. Derivative: (x / y)^(p - 1)
    /// times the cotangent. [`Var::max_pool1d`] says how many windows there are. Shapes: `[.., channels, n]` to `[.., channels, windows]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[3.0, -4.0, 6.0, 8.0]]);
    /// assert_eq!(x.lp_pool1d(1.0, [2], Default::default()).to_vec(), [-1.0, 14.0]);
    /// assert_eq!(x.lp_pool1d(f64::INFINITY, [2], Default::default()).to_vec(), [4.0, 8.0]);
    /// ```
    ///
    /// # Panics
    /// As [`Var::max_pool1d`], and if p is 0.
    #[track_caller]
    pub fn lp_pool1d(self, norm_type: f64, kernel_size: [usize; 1], options: LpPoolOptions<1>) -> Self {
        self.lp_pool(norm_type, kernel_size, options)
    }
    /// As [`Var::lp_pool1d`], over arrays (batch, channels, height, width) or (channels, height, width). Shapes: those of
    /// [`Var::avg_pool2d`].
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 1.0], [1.0, 5.0]]).unsqueeze(0);
    /// let y = x.lp_pool2d(2.0, [2, 2], Default::default());
    /// assert!((y.item() - 28_f64.sqrt()).abs() < 1e-14);
    /// ```
    ///
    /// # Panics
    /// As [`Var::lp_pool1d`].
    #[track_caller]
    pub fn lp_pool2d(self, norm_type: f64, kernel_size: [usize; 2], options: LpPoolOptions<2>) -> Self {
        self.lp_pool(norm_type, kernel_size, options)
    }
    /// As [`Var::lp_pool1d`], over arrays (batch, channels, depth, height, width) or (channels, depth, height, width). Shapes: those of
    /// [`Var::avg_pool3d`].
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[[1.0, -9.0]], [[-2.0, 4.0]]]).unsqueeze(0);
    /// let y = x.lp_pool3d(f64::NEG_INFINITY, [2, 1, 1], Default::default());
    /// assert_eq!(y.to_vec(), [1.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// As [`Var::lp_pool1d`].
    #[track_caller]
    pub fn lp_pool3d(self, norm_type: f64, kernel_size: [usize; 3], options: LpPoolOptions<3>) -> Self {
        self.lp_pool(norm_type, kernel_size, options)
    }
}

const LP_POOL: [&str; 3] = ["lp_pool1d", "lp_pool2d", "lp_pool3d"];

#[cfg(test)]
mod rows {
    use super::*;
    use crate::at;
    use crate::ops::samples::*;

    const INF: f64 = f64::INFINITY;
    const NAN: f64 = f64::NAN;

    impl Sampled for AvgPool {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let all = AvgPoolOptions { stride: Some([2, 1]), padding: [1, 1], ceil_mode: true, ..Default::default() };
            let inside = AvgPoolOptions { count_include_pad: false, ..all };
            let fixed = AvgPoolOptions { divisor_override: Some(-3), ..all };
            vec![
                grad([any(&[2, 3, 7])], |v| v[0].avg_pool1d([3], Default::default()).exp()),
                grad([any(&[2, 3, 4, 6])], |v| v[0].avg_pool2d([2, 2], Default::default()).exp()),
                grad([any(&[2, 6, 5])], move |v| v[0].avg_pool2d([3, 2], all).exp()),
                grad([any(&[2, 6, 5])], move |v| v[0].avg_pool2d([3, 2], inside).exp()),
                grad([any(&[2, 6, 5])], move |v| v[0].avg_pool2d([3, 2], fixed).exp()),
                grad([any(&[1, 5, 4])], |v| v[0].transpose(-1, -2).avg_pool2d([2, 3], Default::default()).exp()),
                grad([any(&[1, 2, 3, 4, 3])], |v| {
                    v[0].avg_pool3d([2, 3, 2], AvgPoolOptions { stride: Some([1, 1, 1]), padding: [0, 1, 1], ..Default::default() }).exp()
                }),
                grad([any(&[0, 3, 7])], |v| v[0].avg_pool1d([3], Default::default()).exp()),
                grad([any(&[2, 2, 7])], |v| v[0].adaptive_avg_pool1d([3]).exp()),
                grad([any(&[2, 5, 4])], |v| v[0].adaptive_avg_pool2d([Some(7), None]).exp()),
                grad([any(&[1, 3, 4, 5])], |v| v[0].adaptive_avg_pool3d([2, 3, 2]).exp()),
                grad([any(&[2, 2, 3, 4])], |v| v[0].adaptive_avg_pool3d([1, 1, 1]).exp()),
                grad([any(&[2, 2, 3, 4])], |v| v[0].adaptive_avg_pool3d([2, 1, 1]).exp()),
                grad([any(&[0, 2, 3])], |v| v[0].adaptive_avg_pool1d([2]).exp()),
                value([of(&[1, 2], [3.0, 4.0])], |v| v[0].adaptive_avg_pool1d([0]), &[], [&[0.0; 2]]),
                equals([any(&[2, 3, 4, 5])], |v| v[0].adaptive_avg_pool2d([1, 1]), |v| v[0].mean_axes([-2, -1], true)),
                // Long rows, and many planes.
                equals(
                    [any(&[1, 150])],
                    |v| v[0].avg_pool1d([2], AvgPoolOptions { stride: Some([1]), ..Default::default() }),
                    |v| (v[0].narrow(1, 0, 149) + v[0].narrow(1, 1, 149)) * v[0].number(0.5),
                ),
                equals(
                    [any(&[40, 60, 60])],
                    |v| v[0].avg_pool2d([2, 2], Default::default()),
                    |v| {
                        let [a, b] = [0, 1].map(|i: isize| v[0].slice(&at![.., i..; 2, ..; 2]) + v[0].slice(&at![.., i..; 2, 1..; 2]));
                        (a + b) * v[0].number(0.25)
                    },
                ),
                equals([any(&[1, 130])], |v| v[0].adaptive_avg_pool1d([65]), |v| v[0].avg_pool1d([2], Default::default())),
                equals([any(&[1, 130])], |v| v[0].adaptive_avg_pool1d([2]), |v| v[0].avg_pool1d([65], Default::default())),
                // The padding counts as elements; what lies beyond it does not.
                value(
                    [of(&[1, 4], [3.0, 6.0, 9.0, 12.0])],
                    |v| v[0].avg_pool1d([3], AvgPoolOptions { padding: [1], ..Default::default() }),
                    &[3.0, 7.0],
                    [&[1.0 / 3.0; 4]],
                ),
                value(
                    [of(&[1, 5], [3.0, 6.0, 9.0, 12.0, 15.0])],
                    |v| v[0].avg_pool1d([4], AvgPoolOptions { stride: Some([3]), ceil_mode: true, ..Default::default() }),
                    &[7.5, 13.5],
                    [&[0.25, 0.25, 0.25, 0.75, 0.5]],
                ),
                value([of(&[1, 4], [3.0, NAN, 9.0, INF])], |v| v[0].avg_pool1d([2], Default::default()), &[NAN, INF], [&[0.5; 4]]),
                equals(
                    [positive(&[2, 7])],
                    |v| v[0].lp_pool1d(2.0, [3], LpPoolOptions { stride: Some([2]), ceil_mode: false }),
                    |v| {
                        (v[0]
                            .square()
                            .avg_pool1d([3], AvgPoolOptions { divisor_override: Some(1), stride: Some([2]), ..Default::default() }))
                        .sqrt()
                    },
                ),
                grad([positive(&[1, 3, 4])], |v| v[0].lp_pool2d(3.0, [2, 2], LpPoolOptions { ceil_mode: true, ..Default::default() })),
                grad([positive(&[1, 2, 2, 3])], |v| {
                    v[0].lp_pool3d(-1.5, [2, 2, 2], Default::default()) + v[0].avg_pool3d([2, 2, 2], Default::default())
                }),
                refuses(
                    [any(&[4])],
                    |v| v[0].avg_pool1d([2], Default::default()),
                    &["avg_pool1d of [4]: an array of 3 or 2 axes", "hint: "],
                ),
                refuses(
                    [any(&[1, 4, 0])],
                    |v| v[0].avg_pool2d([2, 2], Default::default()),
                    &["avg_pool2d of [1, 4, 0]: axis 2 has size 0"],
                ),
                refuses([any(&[2, 4])], |v| v[0].avg_pool1d([5], Default::default()), &["avg_pool1d of [2, 4]: a window of 5", "size 4"]),
                refuses(
                    [any(&[2, 4])],
                    |v| v[0].avg_pool1d([2], AvgPoolOptions { divisor_override: Some(0), ..Default::default() }),
                    &["avg_pool1d of [2, 4]: divisor_override is 0", "hint: "],
                ),
                refuses(
                    [any(&[2, 4])],
                    |v| v[0].avg_pool1d([3], AvgPoolOptions { padding: [2], ..Default::default() }),
                    &["avg_pool1d of [2, 4]: padding 2", "hint: "],
                ),
                refuses([any(&[4, 4])], |v| v[0].adaptive_avg_pool2d([2, 2]), &["adaptive_avg_pool2d of [4, 4]", "4 or 3 axes"]),
                refuses(
                    [any(&[2, 4])],
                    |v| v[0].lp_pool1d(0.0, [2], Default::default()),
                    &["lp_pool1d of [2, 4]: norm_type is 0", "hint: "],
                ),
            ]
        }
    }

    impl Sampled for AvgSpread {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let options = AvgPoolOptions { stride: Some([2, 1]), padding: [1, 1], ceil_mode: true, ..Default::default() };
            let spread = AvgSpread { pool: options.pool([3, 2]), input: [1, 6, 5] };
            let adaptive = AvgSpread { pool: AvgPool { windows: PoolWindows::adaptive([3]), divisor: Divisor::Inside }, input: [1, 1, 5] };
            let none = AvgSpread { pool: AvgPool { windows: PoolWindows::adaptive([0]), divisor: Divisor::Inside }, input: [1, 1, 5] };
            vec![
                grad([any(&[2, 4, 6])], move |v| v[0].record(spread).exp()),
                grad([any(&[2, 0])], move |v| v[0].record(none).exp()),
                adjoint(any(&[2, 6, 5]), any(&[2, 4, 6]), move |u| u.avg_pool2d([3, 2], options), move |v| v.record(spread)),
                adjoint(any(&[2, 5]), any(&[2, 3]), |u| u.adaptive_avg_pool1d([3]), move |v| v.record(adaptive)),
                refuses([any(&[2, 4])], move |v| v[0].record(adaptive), &["avg_pool_spread of [2, 4]"]),
            ]
        }
    }
}
