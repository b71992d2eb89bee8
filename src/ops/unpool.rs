//! The inverse of max pooling, as far as there is one: puts elements back where they were found, into zeros.

use crate::array::error::ShapeError;
use crate::array::scalar::Scalar;
use crate::array::shape::{Shape, Small};
use crate::array::view::View;
use crate::kernels::scratch;
use crate::ops::indices::Indices;
use crate::ops::pool::expect_shape;
use crate::tape::op::{Cotangents, Op, Vjp};
use crate::tape::var::{Var, refuse};

/// Puts each element of a plane at its index in a plane of zeros. If an index occurs twice, the last element stays.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MaxUnpool {
    index: Indices,
    /// The sizes of the planes of the output.
    plane: Small<usize>,
}

/// The elements of planes at these indices; 0 where a later element has the same index. The derivative of [`MaxUnpool`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MaxUnpoolGrad(MaxUnpool);

impl MaxUnpool {
    /// The shape of the large array.
    fn large(&self) -> Shape {
        let small = self.index.shape();
        small[..small.len() - self.plane.len()].iter().chain(&self.plane).copied().collect()
    }
    /// The number of elements in a plane of the small array, and of the large one.
    fn planes(&self) -> (usize, usize) {
        let small = self.index.shape();
        (small[small.len() - self.plane.len()..].iter().product(), self.plane.iter().product())
    }
}

impl<T: Scalar> Op<T> for MaxUnpool {
    fn name(&self) -> &'static str {
        ["max_unpool1d", "max_unpool2d", "max_unpool3d"][self.plane.len() - 1]
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        if x[0] != self.index.shape() {
            return Err(ShapeError::new(format!("shape {} differs from {} of the indices", x[0], self.index.shape()))
                .hint("give the indices that the pool returned"));
        }
        self.index.check(Shape::from(&self.plane[..]).numel(), "index")?;
        Ok(self.large())
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        y.fill(T::ZERO);
        let (x, (m, n)) = (x[0].to_slice(), self.planes());
        for (i, &at) in self.index.values().iter().enumerate() {
            y[i / m * n + at as usize] = x[i];
        }
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|_| cx.g.record(MaxUnpoolGrad(self.clone())))
    }
}

impl<T: Scalar> Op<T> for MaxUnpoolGrad {
    fn name(&self) -> &'static str {
        "max_unpool_grad"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        expect_shape(x[0], &self.0.large())?;
        Ok(self.0.index.shape().clone())
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        let (x, (m, n)) = (x[0].to_slice(), self.0.planes());
        // Without elements, no table is needed, which would be as long as the caller's sizes.
        if y.is_empty() {
            return;
        }
        scratch::tables(n, |last| {
            let planes = x.chunks_exact(n).zip(self.0.index.values().chunks_exact(m));
            for ((x, index), y) in planes.zip(y.chunks_exact_mut(m)) {
                // For each place, the last element that was put there. Elements that were overwritten have no part in the result.
                (0..).zip(index).for_each(|(i, &at)| last[at as usize] = i);
                for ((i, &at), y) in (0..).zip(index).zip(y) {
                    *y = if last[at as usize] == i { x[at as usize] } else { T::ZERO };
                }
            }
        });
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|_| cx.g.record(self.0.clone()))
    }
}

/// The options of the pool that is undone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MaxUnpoolOptions<const N: usize> {
    /// The stride of the pool; `None` is the kernel's size.
    pub stride: Option<[usize; N]>,
    /// The padding of the pool.
    pub padding: [usize; N],
    /// The sizes of the array that was pooled; `None` is (size - 1) stride + kernel_size - 2 padding.
    pub output_size: Option<[usize; N]>,
}

impl<const N: usize> Default for MaxUnpoolOptions<N> {
    fn default() -> Self {
        MaxUnpoolOptions { stride: None, padding: [0; N], output_size: None }
    }
}

impl<const N: usize> MaxUnpoolOptions<N> {
    /// The sizes of the planes of the output.
    fn plane(&self, x: &Shape, kernel_size: [usize; N]) -> Result<Small<usize>, ShapeError> {
        if x.len() != N + 1 && x.len() != N + 2 {
            return Err(ShapeError::new(format!("an array of {} or {} axes is needed, not shape {x}", N + 2, N + 1))
                .hint("the axes are (batch, channels, ..) or, without a batch, (channels, ..)"));
        }
        if let Some(axis) = (x.len() - N - 1..x.len()).find(|&a| x[a] == 0) {
            return Err(ShapeError::new(format!("axis {axis} has size 0")).hint("only the batch may be empty"));
        }
        let stride = self.stride.unwrap_or(kernel_size);
        let size = |a: usize| {
            if stride[a] == 0 {
                return Err(ShapeError::new(format!("stride is 0 along spatial axis {a}")).hint("it must be at least 1"));
            }
            // Sizes of arrays, and products of two, are far below the limit of an i128.
            let [n, stride, kernel, padding] = [x[x.len() - N + a], stride[a], kernel_size[a], self.padding[a]].map(|n| n as i128);
            let natural = (n - 1).saturating_mul(stride) + kernel - 2 * padding;
            let size = self.output_size.map_or(natural, |sizes| sizes[a] as i128);
            if (size - natural).abs() >= stride || size < 0 {
                let e =
                    format!("output size {size} along spatial axis {a} does not lie between {} and {}", natural - stride, natural + stride);
                return Err(
                    ShapeError::new(e).hint("give the size of the array that was pooled, and the pool's kernel, stride and padding")
                );
            }
            Ok(usize::try_from(size).unwrap_or(usize::MAX)) // no array has this size: the whole shape is refused later
        };
        (0..N).map(size).collect()
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    #[track_caller]
    fn max_unpool<const N: usize>(
        self,
        op: &'static str,
        indices: impl Into<Indices>,
        kernel_size: [usize; N],
        options: MaxUnpoolOptions<N>,
    ) -> Self {
        match options.plane(&self.shape(), kernel_size) {
            Ok(plane) => self.record(MaxUnpool { index: indices.into(), plane }),
            Err(e) => refuse(e, op, [self.shape()]),
        }
    }
    /// Puts the elements of an array (batch, channels, length) or (channels, length) into planes of zeros, where `indices`, the second
    /// result of [`Var::max_pool1d_with_indices`], say that they were. Derivative: the elements of the cotangent at these places. Shapes:
    /// `[.., channels, n]` and the same of indices, to `[.., channels, output_size]`.
    ///
    /// An index may occur twice in a plane if the windows of the pool overlapped. Then the last element stays, and it alone gets the
    /// cotangent of the place. PyTorch's gradient goes to all of them, which contradicts its own forward mode.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[5.0, 4.0]]);
    /// let y = x.max_unpool1d([[0, 3]], [2], Default::default());
    /// assert_eq!(y.to_vec(), [5.0, 0.0, 0.0, 4.0]);
    /// assert_eq!(tape.grad(y.square(), &[x])[0].unwrap().to_vec(), [10.0, 8.0]);
    /// ```
    ///
    /// # Panics
    /// If the array has another number of axes, an axis other than the batch is empty, its shape is not that of the indices, an index is
    /// out of range, the stride is 0, or the pool of an array of that output size would not have this many windows.
    #[track_caller]
    pub fn max_unpool1d(self, indices: impl Into<Indices>, kernel_size: [usize; 1], options: MaxUnpoolOptions<1>) -> Self {
        self.max_unpool("max_unpool1d", indices, kernel_size, options)
    }
    /// As [`Var::max_unpool1d`], over arrays (batch, channels, height, width) or (channels, height, width). Shapes: `[.., channels, h, w]`
    /// and the same of indices, to `[.., channels, output_size]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 2.0], [4.0, 3.0]]).unsqueeze(0);
    /// let (y, indices) = x.max_pool2d_with_indices([2, 2], Default::default());
    /// assert_eq!(y.max_unpool2d(indices, [2, 2], Default::default()).to_vec(), [0.0, 0.0, 4.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// As [`Var::max_unpool1d`].
    #[track_caller]
    pub fn max_unpool2d(self, indices: impl Into<Indices>, kernel_size: [usize; 2], options: MaxUnpoolOptions<2>) -> Self {
        self.max_unpool("max_unpool2d", indices, kernel_size, options)
    }
    /// As [`Var::max_unpool1d`], over arrays (batch, channels, depth, height, width) or (channels, depth, height, width). Shapes:
    /// `[.., channels, d, h, w]` and the same of indices, to `[.., channels, output_size]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[[[1.0, 8.0]], [[9.0, 4.0]]]]);
    /// let (y, indices) = x.max_pool3d_with_indices([2, 1, 1], Default::default());
    /// assert_eq!(y.max_unpool3d(indices, [2, 1, 1], Default::default()).to_vec(), [0.0, 8.0, 9.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// As [`Var::max_unpool1d`].
    #[track_caller]
    pub fn max_unpool3d(self, indices: impl Into<Indices>, kernel_size: [usize; 3], options: MaxUnpoolOptions<3>) -> Self {
        self.max_unpool("max_unpool3d", indices, kernel_size, options)
    }
}

#[cfg(test)]
mod rows {
    use super::*;
    use crate::ops::pool::MaxPoolOptions;
    use crate::ops::samples::*;

    impl Sampled for MaxUnpool {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let sized = |output_size| MaxUnpoolOptions { output_size: Some(output_size), ..Default::default() };
            vec![
                grad([any(&[1, 2, 2])], |v| v[0].max_unpool1d(Indices::new(&[1, 2, 2], [1, 3, 2, 0]), [2], Default::default()).exp()),
                grad([any(&[2, 2])], move |v| v[0].max_unpool1d([[1, 4], [0, 3]], [2], sized([5])).exp()),
                grad([any(&[2, 2, 2])], |v| {
                    let options = MaxUnpoolOptions { stride: Some([2, 1]), padding: [1, 0], output_size: Some([3, 3]) };
                    v[0].transpose(-1, -2).max_unpool2d(Indices::new(&[2, 2, 2], [1, 3, 2, 0, 8, 7, 6, 5]), [3, 2], options).exp()
                }),
                grad([any(&[1, 1, 1, 2])], |v| v[0].max_unpool3d(Indices::new(&[1, 1, 1, 2], [5, 2]), [2, 2, 1], Default::default()).exp()),
                grad([any(&[0, 1, 2])], |v| v[0].max_unpool1d(Indices::new(&[0, 1, 2], [0; 0]), [2], Default::default()).exp()),
                grad([any(&[1, 2, 4, 6])], |v| {
                    let (y, indices) = v[0].max_pool2d_with_indices([2, 3], Default::default());
                    y.max_unpool2d(indices, [2, 3], Default::default()) * v[0]
                }),
                // The same index three times: the last element stays, and the cotangent of the place is its own.
                value(
                    [of(&[1, 3], [1.0, 2.0, 3.0])],
                    |v| v[0].max_unpool1d([[4, 4, 4]], [2], Default::default()),
                    &[0.0, 0.0, 0.0, 0.0, 3.0, 0.0],
                    [&[0.0, 0.0, 1.0]],
                ),
                grad([any(&[1, 3])], |v| v[0].max_unpool1d([[4, 4, 4]], [2], Default::default()).exp()),
                grad([any(&[2, 2, 2])], |v| {
                    let options = MaxUnpoolOptions { stride: Some([1, 1]), ..Default::default() };
                    v[0].max_unpool2d(Indices::new(&[2, 2, 2], [4, 4, 4, 8, 0, 4, 0, 4]), [2, 2], options).exp()
                }),
                // The indices that an overlapping pool returns.
                value(
                    [of(&[1, 3], [1.0, 5.0, 2.0])],
                    |v| {
                        let options = MaxPoolOptions { stride: Some([1]), ..Default::default() };
                        let (y, indices) = v[0].max_pool1d_with_indices([2], options);
                        y.max_unpool1d(indices, [2], MaxUnpoolOptions { stride: Some([1]), ..Default::default() })
                    },
                    &[0.0, 5.0, 0.0],
                    [&[0.0, 1.0, 0.0]],
                ),
                refuses([any(&[2])], |v| v[0].max_unpool1d([0, 1], [2], Default::default()), &["max_unpool1d of [2]: an array of 3 or 2"]),
                refuses(
                    [any(&[1, 2])],
                    |v| v[0].max_unpool1d([[0, 4]], [2], Default::default()),
                    &["max_unpool1d of [1, 2]", "index 4 (at position 1)", "hint: "],
                ),
                refuses([any(&[1, 2])], |v| v[0].max_unpool1d([[0, -1]], [2], Default::default()), &["max_unpool1d of [1, 2]", "index -1"]),
                refuses(
                    [any(&[1, 2])],
                    |v| v[0].max_unpool1d([[0], [1]], [2], Default::default()),
                    &["max_unpool1d of [1, 2]", "[2, 1] of the indices", "hint: "],
                ),
                refuses(
                    [any(&[1, 2])],
                    move |v| v[0].max_unpool1d([[0, 1]], [2], sized([6])),
                    &["max_unpool1d of [1, 2]: output size 6", "between 2 and 6", "hint: "],
                ),
                refuses(
                    [any(&[1, 2])],
                    |v| v[0].max_unpool1d([[0, 1]], [2], MaxUnpoolOptions { stride: Some([0]), ..Default::default() }),
                    &["max_unpool1d of [1, 2]: stride is 0", "hint: "],
                ),
                refuses(
                    [any(&[1, 2]), of(&[1, 2], [0.5, 1.0])],
                    |v| v[0].max_unpool1d(v[1], [2], Default::default()),
                    &["max_unpool1d of [1, 2]: indices must be whole numbers", "hint: "],
                ),
            ]
        }
    }

    impl Sampled for MaxUnpoolGrad {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let op = || MaxUnpool { index: [[4, 1], [0, 2]].into(), plane: Small::from_slice(&[5]) };
            let twice = || MaxUnpool { index: [[4, 1, 4], [0, 0, 0]].into(), plane: Small::from_slice(&[5]) };
            vec![
                grad([any(&[2, 5])], move |v| v[0].record(MaxUnpoolGrad(op())).exp()),
                adjoint(any(&[2, 5]), any(&[2, 2]), move |u| u.record(MaxUnpoolGrad(op())), move |v| v.record(op())),
                adjoint(any(&[2, 5]), any(&[2, 3]), move |u| u.record(MaxUnpoolGrad(twice())), move |v| v.record(twice())),
                refuses([any(&[2, 4])], move |v| v[0].record(MaxUnpoolGrad(op())), &["max_unpool_grad of [2, 4]"]),
            ]
        }
    }
}
