//! Patches of images: laid out as columns, and added up again where they came from.

use crate::array::error::ShapeError;
use crate::array::scalar::Scalar;
use crate::array::shape::Shape;
use crate::array::view::View;
use crate::kernels::conv::{self, Axis, Geometry};
use crate::kernels::parallel;
use crate::ops::conv::{ConvOptions, as_batch};
use crate::tape::op::{Cotangents, Op, Vjp};
use crate::tape::var::{Var, refuse};

/// From this number of elements on, a thread of its own pays off.
const GRAIN: usize = 32 * 1024;

/// The patches of `[batch, channels, ..]` as columns: `[batch, channels * taps, positions]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Im2col(Geometry, usize);

/// Adds up columns where they came from: the adjoint of [`Im2col`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Col2im(Geometry, usize);

fn images(g: &Geometry, rank: usize) -> Shape {
    [g.batch, g.channels].into_iter().chain(g.axes[3 - rank..].iter().map(|a| a.input)).collect()
}
fn columns(g: &Geometry) -> Shape {
    [g.batch, g.depth(), g.output()].into()
}

/// Runs `f` for each image of a batch; the result for an image has `size` elements.
fn each_image<T: Scalar>(size: usize, y: &mut [T], f: impl Fn(usize, &mut [T]) + Sync) {
    if !y.is_empty() {
        parallel::parts(y, size * GRAIN.div_ceil(size), &|first, y| {
            y.chunks_exact_mut(size).enumerate().for_each(|(i, y)| f(first / size + i, y));
        });
    }
}

impl<T: Scalar> Op<T> for Im2col {
    fn name(&self) -> &'static str {
        "im2col"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        match *x[0] == images(&self.0, self.1) {
            true => Ok(columns(&self.0)),
            false => Err(ShapeError::new(format!("needs {}", images(&self.0, self.1))).hint("images are [batch, channels, ..]")),
        }
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        let (g, x) = (&self.0, x[0].to_slice());
        let size = g.channels * g.input();
        each_image(g.depth() * g.output(), y, |n, y| conv::im2col(g, &x[n * size..][..size], y));
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|_| cx.g.contiguous().record(Col2im(self.0, self.1)))
    }
}

impl<T: Scalar> Op<T> for Col2im {
    fn name(&self) -> &'static str {
        "col2im"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        match *x[0] == columns(&self.0) {
            true => Ok(images(&self.0, self.1)),
            false => Err(ShapeError::new(format!("needs {}", columns(&self.0))).hint("columns are [batch, channels * taps, positions]")),
        }
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        let (g, x) = (&self.0, x[0].to_slice());
        let size = g.depth() * g.output();
        each_image(g.channels * g.input(), y, |n, y| conv::col2im(g, &x[n * size..][..size], y));
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|_| cx.g.contiguous().record(Im2col(self.0, self.1)))
    }
}

/// The geometry of images and their patches. Each channel counts on its own.
fn patches(batch: usize, channels: usize, axes: Result<[Axis; 3], ShapeError>, groups: usize) -> Result<Geometry, ShapeError> {
    if groups != 1 {
        return Err(ShapeError::new(format!("groups = {groups}")).hint("patches hold all channels; leave groups at 1"));
    }
    Ok(Geometry { batch, groups, channels, filters: 1, axes: axes? })
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The patch of `[batch, channels, ..]` (or `[channels, ..]`) that each output of a convolution with this kernel sees, as a column:
    /// `[batch, channels * kernel elements, outputs]`. This is PyTorch's `F.unfold`, in one, two or three dimensions. Derivative:
    /// [`Var::col2im`].
    ///
    /// A convolution is a matrix product with these columns:
    /// ```
    /// use wengert::{Conv2dOptions, Tape};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]);
    /// let w = tape.leaf([1.0, 0.5, 0.25, 0.125]).reshape(&[1, 1, 2, 2]);
    /// let y = w.reshape(&[1, 4]).matmul(x.im2col([2, 2], Conv2dOptions::default()));
    /// assert_eq!(y.to_vec(), x.conv2d(w, None, Conv2dOptions::default()).to_vec());
    /// ```
    ///
    /// # Panics
    /// Where the convolution would panic, or if `groups` is not 1.
    #[track_caller]
    pub fn im2col<const N: usize>(self, kernel: [usize; N], options: ConvOptions<N>) -> Self {
        let shape = self.shape();
        let geometry = as_batch::<N>(&shape).and_then(|x| {
            let g = patches(x[0], x[1], options.axes(&x[2..], &kernel), options.groups)?;
            columns(&g).check_size()?;
            Ok(g)
        });
        let g = match geometry {
            Ok(g) => g,
            Err(e) => refuse(e, "im2col", [shape]),
        };
        let y = self.reshape_to(images(&g, N)).contiguous().record(Im2col(g, N));
        if shape.len() == N + 1 { y.squeeze(0) } else { y }
    }
    /// Adds up columns `[batch, channels * kernel elements, outputs]` (or without the batch) where they lie in images of this size:
    /// `[batch, channels, ..size]`. This is PyTorch's `F.fold`. It is the adjoint of [`Var::im2col`], not its inverse: where patches
    /// overlap, they are added. Derivative: [`Var::im2col`]. Shapes: `[.., channels * kernel elements, outputs]` to
    /// `[.., channels, ..size]`.
    ///
    /// ```
    /// use wengert::{Conv1dOptions, Tape};
    /// let tape = Tape::<f64>::new();
    /// let columns = tape.leaf([[1.0, 2.0], [3.0, 4.0]]); // the patches (1, 3) and (2, 4)
    /// assert_eq!(columns.col2im([3], [2], Conv1dOptions::default()).to_vec(), [1.0, 5.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// If the number of columns is not that of the outputs, or their height is not a multiple of the kernel's elements; and as
    /// [`Var::im2col`].
    #[track_caller]
    pub fn col2im<const N: usize>(self, size: [usize; N], kernel: [usize; N], options: ConvOptions<N>) -> Self {
        let shape = self.shape();
        let geometry = || {
            let [.., height, count] = shape[..] else {
                return Err(ShapeError::new("columns have two axes").hint("[batch, channels * kernel elements, outputs]"));
            };
            if shape.len() > 3 {
                return Err(ShapeError::new(format!("columns and batch have three axes, not {}", shape.len()))
                    .hint("[batch, channels * kernel elements, outputs]"));
            }
            let g = patches(if shape.len() == 3 { shape[0] } else { 1 }, 1, options.axes(&size, &kernel), options.groups)?;
            if !height.is_multiple_of(g.taps()) {
                let e = ShapeError::new(format!(
                    "the height {height} of the columns is not a multiple of the {} elements of {kernel:?}",
                    g.taps()
                ));
                return Err(e.hint("columns hold the kernel's elements for one channel after the other"));
            }
            if count != g.output() {
                let e =
                    ShapeError::new(format!("there are {count} columns, but {} positions of kernel {kernel:?} in {size:?}", g.output()));
                return Err(e.hint("kernel and options must be those of the im2col that made the columns"));
            }
            let g = Geometry { channels: height / g.taps(), ..g };
            images(&g, N).check_size()?;
            Ok(g)
        };
        let g = match geometry() {
            Ok(g) => g,
            Err(e) => refuse(e, "col2im", [shape]),
        };
        let y = self.reshape_to(columns(&g)).contiguous().record(Col2im(g, N));
        if shape.len() == 2 { y.squeeze(0) } else { y }
    }
}

#[cfg(test)]
mod rows {
    use super::*;
    use crate::ops::conv::{Conv1dOptions, Conv2dOptions, Conv3dOptions, Padding};
    use crate::ops::samples::*;

    fn odd() -> Conv2dOptions {
        Conv2dOptions { stride: [2, 1], padding: Padding::Zeros([1, 2]), dilation: [1, 2], groups: 1 }
    }

    impl Sampled for Im2col {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            vec![
                grad([any(&[2, 3, 5])], |v| v[0].im2col([3], Conv1dOptions::default())),
                grad([any(&[2, 3, 4, 5])], |v| v[0].im2col([2, 3], Conv2dOptions::default()).exp()),
                grad([any(&[2, 3, 4, 5])], |v| v[0].im2col([2, 3], odd()).exp()),
                grad([any(&[3, 4, 5])], |v| v[0].im2col([2, 2], Conv2dOptions { padding: Padding::Same, ..Default::default() }).exp()),
                grad([any(&[2, 2, 3, 2, 4])], |v| v[0].im2col([2, 1, 3], Conv3dOptions::default()).exp()),
                grad([any(&[0, 3, 4, 5])], |v| v[0].im2col([2, 3], Conv2dOptions::default())),
                grad([any(&[2, 0, 4, 5])], |v| v[0].im2col([2, 3], Conv2dOptions::default())),
                grad([any(&[5, 4, 3])], |v| v[0].transpose(0, 2).im2col([2, 3], Conv2dOptions::default()).exp()),
                value(
                    [of(&[1, 4], [1.0, 2.0, 3.0, 4.0])],
                    |v| v[0].im2col([2], Conv1dOptions { stride: [2], padding: Padding::Zeros([1]), ..Default::default() }),
                    &[0.0, 2.0, 4.0, 1.0, 3.0, 0.0],
                    [&[1.0, 1.0, 1.0, 1.0]],
                ),
                adjoint(any(&[2, 3, 4, 5]), any(&[2, 18, 15]), |u| u.im2col([2, 3], odd()), |v| v.col2im([4, 5], [2, 3], odd())),
                refuses([any(&[3, 4])], |v| v[0].im2col([2, 2], Conv2dOptions::default()), &["im2col of [3, 4]", "2 axes", "hint: "]),
                refuses(
                    [any(&[3, 4, 4])],
                    |v| v[0].im2col([2, 5], Conv2dOptions::default()),
                    &["im2col of [3, 4, 4]", "reaches over 5", "hint: "],
                ),
                refuses(
                    [any(&[2, 4, 4])],
                    |v| v[0].im2col([2, 2], Conv2dOptions { groups: 2, ..Default::default() }),
                    &["groups = 2", "hint: "],
                ),
            ]
        }
    }

    impl Sampled for Col2im {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            vec![
                grad([any(&[2, 12, 12])], |v| v[0].col2im([4, 5], [2, 2], Conv2dOptions::default()).exp()),
                grad([any(&[18, 15])], |v| v[0].col2im([4, 5], [2, 3], odd()).exp()),
                grad([any(&[3, 6])], |v| v[0].t().col2im([4], [2], Conv1dOptions::default()).exp()),
                grad([any(&[0, 12, 12])], |v| v[0].col2im([4, 5], [2, 2], Conv2dOptions::default())),
                value(
                    [of(&[2, 2], [1.0, 2.0, 3.0, 4.0])],
                    |v| v[0].col2im([3], [2], Conv1dOptions::default()),
                    &[1.0, 5.0, 4.0],
                    [&[1.0; 4]],
                ),
                refuses(
                    [any(&[2, 11, 12])],
                    |v| v[0].col2im([4, 5], [2, 2], Conv2dOptions::default()),
                    &["col2im of [2, 11, 12]", "11", "hint: "],
                ),
                refuses(
                    [any(&[2, 12, 11])],
                    |v| v[0].col2im([4, 5], [2, 2], Conv2dOptions::default()),
                    &["col2im of [2, 12, 11]", "11 columns"],
                ),
                refuses([any(&[12])], |v| v[0].col2im([4, 5], [2, 2], Conv2dOptions::default()), &["col2im of [12]", "hint: "]),
            ]
        }
    }
}
