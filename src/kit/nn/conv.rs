//! Convolution layers.

use super::{Forward, Module, Visitor};
use crate::refusal::{elements, require};
use crate::{ConvOptions, ConvTranspose2dOptions, Padding, Param, PerAxis, Scalar, Var, init};
use ndarray::{Axis, IxDyn, Slice};
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
/// use wengert::nn::{Conv2d, Forward};
/// use wengert::{Conv2dOptions, Tape, init};
/// let rng = &mut init::seeded(1);
/// let layer = Conv2d::<f32>::new(3, 16, 3, rng).stride(2).padding(1).without_bias();
/// let tape = Tape::new();
/// assert_eq!(layer.forward(tape.full([2, 3, 32, 32], 0.5)).shape(), [2, 16, 16, 16]);
/// // The same with the struct of all options, which the functions on `Var` take too:
/// let halve = Conv2dOptions { stride: [2, 2], padding: 1.into(), ..Default::default() };
/// let same = Conv2d::<f32>::with(3, 16, 3, halve, rng).without_bias();
/// assert_eq!(same.options, layer.options);
/// ```
pub type Conv2d<T = f32> = Conv<2, T>;

impl<const N: usize, T: Scalar> Conv<N, T> {
    /// A layer with stride 1 and no padding. The kernel's size is `[3, 5]`, or `3` for all axes.
    ///
    /// # Panics
    /// If weights of these sizes are too large for memory.
    #[track_caller]
    pub fn new(in_channels: usize, out_channels: usize, kernel_size: impl PerAxis<N>, rng: &mut impl Rng) -> Self {
        Conv::with(in_channels, out_channels, kernel_size, ConvOptions::default(), rng)
    }
    /// A layer with all options.
    ///
    /// # Panics
    /// If the groups do not divide the channels, or weights of these sizes are too large for memory.
    #[track_caller]
    pub fn with(
        in_channels: usize,
        out_channels: usize,
        kernel_size: impl PerAxis<N>,
        options: ConvOptions<N>,
        rng: &mut impl Rng,
    ) -> Self {
        let layer = ["Conv1d", "Conv2d"].get(N.wrapping_sub(1)).unwrap_or(&"Conv");
        check_groups("Conv", in_channels, out_channels, options.groups);
        let (weight, bias) = start(layer, [out_channels, in_channels / options.groups], kernel_size.per_axis(), out_channels, rng);
        Conv { weight, bias: Some(bias), options }
    }
    /// The same layer without a bias.
    pub fn without_bias(self) -> Self {
        Conv { bias: None, ..self }
    }
    /// The same layer with this distance between neighbouring outputs.
    pub fn stride(mut self, stride: impl PerAxis<N>) -> Self {
        self.options.stride = stride.per_axis();
        self
    }
    /// The same layer with this padding: a number of zeros on every side, one for each axis, or [`Padding::Same`](crate::Padding::Same).
    pub fn padding(mut self, padding: impl Into<Padding<N>>) -> Self {
        self.options.padding = padding.into();
        self
    }
    /// The same layer with this distance between neighbouring elements of the kernel.
    pub fn dilation(mut self, dilation: impl PerAxis<N>) -> Self {
        self.options.dilation = dilation.per_axis();
        self
    }
    /// The same layer with channels that fall into groups, each with filters of its own. The weights become those of the first channels, and they and the
    /// biases are multiplied by sqrt(groups), so that their distribution is the one that PyTorch begins with. For a new layer, whose parameters nobody else holds:
    /// the weight is another [`Param`] then.
    ///
    /// ```
    /// use wengert::nn::Conv2d;
    /// let depthwise = Conv2d::<f32>::new(8, 8, 3, &mut wengert::init::seeded(1)).padding(1).groups(8);
    /// assert_eq!(&**depthwise.weight.shape(), &[8, 1, 3, 3]);
    /// ```
    ///
    /// # Panics
    /// If the layer has groups already, or they do not divide the channels.
    #[track_caller]
    pub fn groups(mut self, groups: usize) -> Self {
        let (shape, before) = (self.weight.shape().clone(), self.options.groups);
        require(before == 1, || format!("Conv: the layer has {before} groups already"), "say it once");
        check_groups("Conv", shape[1], shape[0], groups);
        let weight = self.weight.to_array();
        let first = weight.slice_axis(Axis(1), Slice::from(..shape[1] / groups));
        let scale = T::from_f64((groups as f64).sqrt());
        self.weight = Param::new("weight", first.mapv(|w| w * scale));
        if let Some(bias) = &self.bias {
            bias.with_mut(|bias| bias.iter_mut().for_each(|b| *b *= scale));
        }
        self.options.groups = groups;
        self
    }
    fn show(&self, v: &mut Visitor<'_, T>) {
        v.param("weight", &self.weight).param("bias", &self.bias);
    }
    fn text(&self) -> String {
        let shape = self.weight.shape();
        format!("conv{N}d {} to {}", shape[1] * self.options.groups, shape[0])
    }
    fn bias<'t>(&self, x: Var<'t, T>) -> Option<Var<'t, T>> {
        self.bias.as_ref().map(|b| x.tape().param(b))
    }
}

impl<T: Scalar> Forward<T> for Conv<1, T> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        x.conv1d(x.tape().param(&self.weight), self.bias(x), self.options)
    }
}

impl<T: Scalar> Module<T> for Conv<1, T> {
    fn visit(&self, v: &mut Visitor<'_, T>) {
        self.show(v);
    }
    fn describe(&self) -> String {
        self.text()
    }
}

impl<T: Scalar> Forward<T> for Conv<2, T> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        x.conv2d(x.tape().param(&self.weight), self.bias(x), self.options)
    }
}

impl<T: Scalar> Module<T> for Conv<2, T> {
    fn visit(&self, v: &mut Visitor<'_, T>) {
        self.show(v);
    }
    fn describe(&self) -> String {
        self.text()
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
    pub fn new(in_channels: usize, out_channels: usize, kernel_size: impl PerAxis<2>, rng: &mut impl Rng) -> Self {
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
        kernel_size: impl PerAxis<2>,
        options: ConvTranspose2dOptions,
        rng: &mut impl Rng,
    ) -> Self {
        check_groups("ConvTranspose2d", in_channels, out_channels, options.groups);
        let (weight, bias) =
            start("ConvTranspose2d", [in_channels, out_channels / options.groups], kernel_size.per_axis(), out_channels, rng);
        ConvTranspose2d { weight, bias: Some(bias), options }
    }
    /// The same layer without a bias.
    pub fn without_bias(self) -> Self {
        ConvTranspose2d { bias: None, ..self }
    }
    /// The same layer with this distance between neighbouring inputs, counted in elements of the output.
    pub fn stride(mut self, stride: impl PerAxis<2>) -> Self {
        self.options.stride = stride.per_axis();
        self
    }
    /// The same layer with an output that loses this many elements on every side.
    pub fn padding(mut self, padding: impl PerAxis<2>) -> Self {
        self.options.padding = padding.per_axis();
        self
    }
    /// The same layer with an output that has this many elements more after each axis.
    pub fn output_padding(mut self, output_padding: impl PerAxis<2>) -> Self {
        self.options.output_padding = output_padding.per_axis();
        self
    }
}

impl<T: Scalar> Forward<T> for ConvTranspose2d<T> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        x.conv_transpose2d(x.tape().param(&self.weight), self.bias.as_ref().map(|b| x.tape().param(b)), self.options)
    }
}

impl<T: Scalar> Module<T> for ConvTranspose2d<T> {
    fn visit(&self, v: &mut Visitor<'_, T>) {
        v.param("weight", &self.weight).param("bias", &self.bias);
    }
    fn describe(&self) -> String {
        let shape = self.weight.shape();
        format!("conv_transpose2d {} to {}", shape[0], shape[1] * self.options.groups)
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
