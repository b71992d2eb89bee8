//! Pooling layers, and the layer that turns images into rows.

use super::{Module, Visitor};
use crate::{AvgPoolOptions, MaxPoolOptions, Scalar, Var};

/// The largest number in each window of an image: PyTorch's `MaxPool2d`. By default windows lie side by side.
///
/// ```
/// use wengert::nn::{MaxPool2d, Module};
/// let tape = wengert::Tape::<f32>::new();
/// let y = MaxPool2d::new([2, 2]).forward(tape.constant([[[1.0, 2.0], [3.0, 4.0]]]));
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
    /// Windows of this size, side by side.
    pub fn new(kernel_size: [usize; 2]) -> Self {
        MaxPool2d { kernel_size, options: MaxPoolOptions::default() }
    }
}

impl<T: Scalar> Module<T> for MaxPool2d {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        x.max_pool2d(self.kernel_size, self.options)
    }
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
}

impl<T: Scalar> Module<T> for MaxPool1d {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        x.max_pool1d([self.kernel_size], self.options)
    }
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
    /// Windows of this size, side by side.
    pub fn new(kernel_size: [usize; 2]) -> Self {
        AvgPool2d { kernel_size, options: AvgPoolOptions::default() }
    }
}

impl<T: Scalar> Module<T> for AvgPool2d {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        x.avg_pool2d(self.kernel_size, self.options)
    }
    fn visit(&self, _: &mut Visitor<'_, T>) {}
}

/// The average of each of `[rows, columns]` windows, which divide the image: PyTorch's `AdaptiveAvgPool2d`.
#[derive(Clone, Copy, Debug)]
pub struct AdaptiveAvgPool2d(
    /// The number of windows down and across.
    pub [usize; 2],
);

impl<T: Scalar> Module<T> for AdaptiveAvgPool2d {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        x.adaptive_avg_pool2d(self.0)
    }
    fn visit(&self, _: &mut Visitor<'_, T>) {}
}

/// Turns each sample into a row: `[batch, ..]` becomes `[batch, numbers]`. PyTorch's `Flatten`.
#[derive(Clone, Copy, Debug)]
pub struct Flatten;

impl<T: Scalar> Module<T> for Flatten {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        x.flatten(1, -1)
    }
    fn visit(&self, _: &mut Visitor<'_, T>) {}
}
