//! Convolution layers.

use super::{Module, Visitor};
use crate::refusal::{elements, require};
use crate::{ConvOptions, ConvTranspose2dOptions, Param, Scalar, Var, init};
use ndarray::IxDyn;
use rand::Rng;

/// A convolution of `N` dimensions; see [`Conv1d`] and [`Conv2d`].
#[derive(Debug)]
pub struct Conv<const N: usize, T: Scalar = f32> {
    /// `[out_channels, in_channels / groups, kernel..]`
    pub weight: Param<T>,
    /// `[out_channels]`
    pub bias: Option<Param<T>>,
    /// How the kernel moves over the input.
    pub options: ConvOptions<N>,
}

/// The convolution of sequences `[batch, channels, length]`: PyTorch's `Conv1d`.
pub type Conv1d<T = f32> = Conv<1, T>;

/// The convolution of images `[batch, channels, height, width]`: PyTorch's `Conv2d`.
///
/// Initial weights and biases are uniform between ±1/sqrt(in_channels / groups · kernel), as in PyTorch.
///
/// ```
/// use wengert::nn::{Conv2d, Module};
/// use wengert::{Conv2dOptions, Tape, init};
/// let halve = Conv2dOptions { stride: [2, 2], padding: 1.into(), ..Default::default() };
/// let layer = Conv2d::<f32>::with(3, 16, [3, 3], halve, &mut init::seeded(1)).without_bias();
/// let tape = Tape::new();
/// let images = tape.constant(&vec![0.5; 2 * 3 * 32 * 32]).reshape(&[2, 3, 32, 32]);
/// assert_eq!(layer.forward(images).shape(), [2, 16, 16, 16]);
/// ```
pub type Conv2d<T = f32> = Conv<2, T>;

impl<const N: usize, T: Scalar> Conv<N, T> {
    /// A layer with stride 1 and no padding.
    ///
    /// # Panics
    /// If weights of these sizes are too large for memory.
    #[track_caller]
    pub fn new(in_channels: usize, out_channels: usize, kernel_size: [usize; N], rng: &mut impl Rng) -> Self {
        Conv::with(in_channels, out_channels, kernel_size, ConvOptions::default(), rng)
    }
    /// A layer with all options.
    ///
    /// # Panics
    /// If the groups do not divide the channels, or weights of these sizes are too large for memory.
    #[track_caller]
    pub fn with(in_channels: usize, out_channels: usize, kernel_size: [usize; N], options: ConvOptions<N>, rng: &mut impl Rng) -> Self {
        let layer = ["Conv1d", "Conv2d"].get(N.wrapping_sub(1)).unwrap_or(&"Conv");
        check_groups("Conv", in_channels, out_channels, options.groups);
        let (weight, bias) = start(layer, [out_channels, in_channels / options.groups], kernel_size, out_channels, rng);
        Conv { weight, bias: Some(bias), options }
    }
    /// The same layer without a bias.
    pub fn without_bias(self) -> Self {
        Conv { bias: None, ..self }
    }
    fn show(&self, v: &mut Visitor<'_, T>) {
        v.param("weight", &self.weight).param("bias", &self.bias);
    }
    fn bias<'t>(&self, x: Var<'t, T>) -> Option<Var<'t, T>> {
        self.bias.as_ref().map(|b| x.tape().param(b))
    }
}

impl<T: Scalar> Module<T> for Conv<1, T> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        x.conv1d(x.tape().param(&self.weight), self.bias(x), self.options)
    }
    fn visit(&self, v: &mut Visitor<'_, T>) {
        self.show(v);
    }
}

impl<T: Scalar> Module<T> for Conv<2, T> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        x.conv2d(x.tape().param(&self.weight), self.bias(x), self.options)
    }
    fn visit(&self, v: &mut Visitor<'_, T>) {
        self.show(v);
    }
}

/// The transposed convolution of images: PyTorch's `ConvTranspose2d`. It enlarges what [`Conv2d`] makes smaller.
#[derive(Debug)]
pub struct ConvTranspose2d<T: Scalar = f32> {
    /// `[in_channels, out_channels / groups, height, width]`
    pub weight: Param<T>,
    /// `[out_channels]`
    pub bias: Option<Param<T>>,
    /// How the layer spreads its input.
    pub options: ConvTranspose2dOptions,
}

impl<T: Scalar> ConvTranspose2d<T> {
    /// A layer with stride 1.
    ///
    /// # Panics
    /// If weights of these sizes are too large for memory.
    #[track_caller]
    pub fn new(in_channels: usize, out_channels: usize, kernel_size: [usize; 2], rng: &mut impl Rng) -> Self {
        ConvTranspose2d::with(in_channels, out_channels, kernel_size, ConvTranspose2dOptions::default(), rng)
    }
    /// A layer with all options.
    ///
    /// # Panics
    /// If the groups do not divide the channels, or weights of these sizes are too large for memory.
    #[track_caller]
    pub fn with(
        in_channels: usize,
        out_channels: usize,
        kernel_size: [usize; 2],
        options: ConvTranspose2dOptions,
        rng: &mut impl Rng,
    ) -> Self {
        check_groups("ConvTranspose2d", in_channels, out_channels, options.groups);
        let (weight, bias) = start("ConvTranspose2d", [in_channels, out_channels / options.groups], kernel_size, out_channels, rng);
        ConvTranspose2d { weight, bias: Some(bias), options }
    }
    /// The same layer without a bias.
    pub fn without_bias(self) -> Self {
        ConvTranspose2d { bias: None, ..self }
    }
}

impl<T: Scalar> Module<T> for ConvTranspose2d<T> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        x.conv_transpose2d(x.tape().param(&self.weight), self.bias.as_ref().map(|b| x.tape().param(b)), self.options)
    }
    fn visit(&self, v: &mut Visitor<'_, T>) {
        v.param("weight", &self.weight).param("bias", &self.bias);
    }
}

#[track_caller]
fn check_groups(layer: &str, in_channels: usize, out_channels: usize, groups: usize) {
    let message = || format!("{layer}: {groups} groups do not divide {in_channels} input and {out_channels} output channels");
    let fits = groups > 0 && in_channels.is_multiple_of(groups) && out_channels.is_multiple_of(groups);
    require(fits, message, "both must be multiples of `groups`");
}

/// Weights `[outer, inner, kernel..]` and biases, with PyTorch's initial values.
#[track_caller]
fn start<const N: usize, T: Scalar>(
    layer: &str,
    [outer, inner]: [usize; 2],
    kernel_size: [usize; N],
    out_channels: usize,
    rng: &mut impl Rng,
) -> (Param<T>, Param<T>) {
    let shape: Vec<usize> = [outer, inner].into_iter().chain(kernel_size).collect();
    elements::<T>(&format!("{layer}: weights"), &shape);
    elements::<T>(&format!("{layer}: biases"), &[out_channels]);
    let a = init::pytorch_bound(shape[1..].iter().copied().fold(1, usize::saturating_mul));
    let weight = Param::new("weight", init::uniform(IxDyn(&shape), -a, a, rng));
    (weight, Param::new("bias", init::uniform(out_channels, -a, a, rng)))
}
