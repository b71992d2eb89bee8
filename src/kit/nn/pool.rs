//! Pooling layers, and the layer that turns images into rows.

use super::{Forward, Module, Visitor};
use crate::{AvgPoolOptions, MaxPoolOptions, PerAxis, Scalar, Var};

/// The largest number in each window of an image: PyTorch's `MaxPool2d`. By default windows lie side by side.
///
/// ```
/// use wengert::nn::{Forward, MaxPool2d};
/// let tape = wengert::Tape::<f32>::new();
/// let y = MaxPool2d::new(2).forward(tape.constant([[[1.0, 2.0], [3.0, 4.0]]]));
/// assert_eq!(y.to_vec(), [4.0]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MaxPool2d {
    /// The size of a window.
    pub kernel_size: [usize; 2],
    /// How the windows lie.
    pub options: MaxPoolOptions<2>,
}

impl MaxPool2d {
    /// Windows of this size (`2` or `[2, 3]`), side by side.
    pub fn new(kernel_size: impl PerAxis<2>) -> Self {
        MaxPool2d { kernel_size: kernel_size.per_axis(), options: MaxPoolOptions::default() }
    }
    /// The same layer with this distance between neighbouring windows.
    pub fn stride(mut self, stride: impl PerAxis<2>) -> Self {
        self.options.stride = Some(stride.per_axis());
        self
    }
    /// The same layer with this padding on every side.
    pub fn padding(mut self, padding: impl PerAxis<2>) -> Self {
        self.options.padding = padding.per_axis();
        self
    }
}

impl<T: Scalar> Forward<T> for MaxPool2d {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        x.max_pool2d(self.kernel_size, self.options)
    }
}

impl<T: Scalar> Module<T> for MaxPool2d {
    fn visit(&self, _: &mut Visitor<'_, T>) {}
}

/// The largest number in each window of a sequence: PyTorch's `MaxPool1d`.
#[derive(Clone, Copy, Debug)]
pub struct MaxPool1d {
    /// The size of a window.
    pub kernel_size: usize,
    /// How the windows lie.
    pub options: MaxPoolOptions<1>,
}

impl MaxPool1d {
    /// Windows of this size, side by side.
    pub fn new(kernel_size: usize) -> Self {
        MaxPool1d { kernel_size, options: MaxPoolOptions::default() }
    }
    /// The same layer with this distance between neighbouring windows.
    pub fn stride(mut self, stride: usize) -> Self {
        self.options.stride = Some([stride]);
        self
    }
    /// The same layer with this padding on both sides.
    pub fn padding(mut self, padding: usize) -> Self {
        self.options.padding = [padding];
        self
    }
}

impl<T: Scalar> Forward<T> for MaxPool1d {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        x.max_pool1d([self.kernel_size], self.options)
    }
}

impl<T: Scalar> Module<T> for MaxPool1d {
    fn visit(&self, _: &mut Visitor<'_, T>) {}
}

/// The average of each window of an image: PyTorch's `AvgPool2d`.
#[derive(Clone, Copy, Debug)]
pub struct AvgPool2d {
    /// The size of a window.
    pub kernel_size: [usize; 2],
    /// How the windows lie.
    pub options: AvgPoolOptions<2>,
}

impl AvgPool2d {
    /// Windows of this size (`2` or `[2, 3]`), side by side.
    pub fn new(kernel_size: impl PerAxis<2>) -> Self {
        AvgPool2d { kernel_size: kernel_size.per_axis(), options: AvgPoolOptions::default() }
    }
    /// The same layer with this distance between neighbouring windows.
    pub fn stride(mut self, stride: impl PerAxis<2>) -> Self {
        self.options.stride = Some(stride.per_axis());
        self
    }
    /// The same layer with this padding on every side.
    pub fn padding(mut self, padding: impl PerAxis<2>) -> Self {
        self.options.padding = padding.per_axis();
        self
    }
}

impl<T: Scalar> Forward<T> for AvgPool2d {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        x.avg_pool2d(self.kernel_size, self.options)
    }
}

impl<T: Scalar> Module<T> for AvgPool2d {
    fn visit(&self, _: &mut Visitor<'_, T>) {}
}

/// The average of each of `[rows, columns]` windows, which divide the image: PyTorch's `AdaptiveAvgPool2d`.
#[derive(Clone, Copy, Debug)]
pub struct AdaptiveAvgPool2d(
    /// The number of windows down and across.
    pub [usize; 2],
);

impl<T: Scalar> Forward<T> for AdaptiveAvgPool2d {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        x.adaptive_avg_pool2d(self.0)
    }
}

impl<T: Scalar> Module<T> for AdaptiveAvgPool2d {
    fn visit(&self, _: &mut Visitor<'_, T>) {}
}

/// Turns each sample into a row: `[batch, ..]` becomes `[batch, numbers]`. PyTorch's `Flatten`.
#[derive(Clone, Copy, Debug)]
pub struct Flatten;

impl<T: Scalar> Forward<T> for Flatten {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        x.flatten(1, -1)
    }
}

impl<T: Scalar> Module<T> for Flatten {
    fn visit(&self, _: &mut Visitor<'_, T>) {}
}
