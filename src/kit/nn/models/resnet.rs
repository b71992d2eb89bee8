//! Residual networks.

use super::{conv, kaiming};
use crate::nn::{BatchNorm2d, Conv2d, Forward, Linear, MaxPool2d, Module, Sequential, Visitor};
use crate::refusal::elements;
use crate::{Conv2dOptions, MaxPoolOptions, Scalar, Var};
use rand::Rng;

/// Two 3x3 convolutions with batch normalization, and a shortcut around them: `relu(inner(x) + shortcut(x))`. torchvision's `BasicBlock`.
pub struct BasicBlock<T: Scalar = f32> {
    conv1: Conv2d<T>,
    bn1: BatchNorm2d<T>,
    conv2: Conv2d<T>,
    bn2: BatchNorm2d<T>,
    /// The shortcut, if channels or sizes of x and the output differ.
    downsample: Option<Sequential<T>>,
    skip: bool,
}

impl<T: Scalar> BasicBlock<T> {
    /// A block between these numbers of channels; a stride of 2 halves the image. The shortcut is x itself or, where shapes differ, a 1x1
    /// convolution with batch normalization.
    ///
    /// # Panics
    /// If weights of these sizes are too large for memory.
    #[track_caller]
    pub fn new(in_channels: usize, out_channels: usize, stride: usize, rng: &mut impl Rng) -> Self {
        let fits = stride == 1 && in_channels == out_channels;
        BasicBlock {
            conv1: conv(in_channels, out_channels, 3, stride, 1, rng),
            bn1: BatchNorm2d::new(out_channels),
            conv2: conv(out_channels, out_channels, 3, 1, 1, rng),
            bn2: BatchNorm2d::new(out_channels),
            downsample: match fits {
                true => None, // not a closure, which would name its own line in a panic
                false => {
                    Some(Sequential::new().push(conv(in_channels, out_channels, 1, stride, 1, rng)).push(BatchNorm2d::new(out_channels)))
                }
            },
            skip: true,
        }
    }
    /// The same block without the shortcut: two plain layers.
    pub fn without_skip(self) -> Self {
        BasicBlock { downsample: None, skip: false, ..self }
    }
}

impl<T: Scalar> Forward<T> for BasicBlock<T> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let y = self.bn1.forward(self.conv1.forward(x)).relu();
        let y = self.bn2.forward(self.conv2.forward(y));
        if self.skip { (y + self.downsample.forward(x)).relu() } else { y.relu() }
    }
}

impl<T: Scalar> Module<T> for BasicBlock<T> {
    fn visit(&self, v: &mut Visitor<'_, T>) {
        v.module("conv1", &self.conv1).module("bn1", &self.bn1).module("conv2", &self.conv2).module("bn2", &self.bn2);
        v.module("downsample", &self.downsample);
    }
}

/// A residual network of [`BasicBlock`]s, with torchvision's names. Initial weights of convolutions are normally distributed by their fan
/// out (He et al.).
///
/// ```
/// use wengert::nn::{Module, ResNet};
/// let model = ResNet::<f32>::resnet18(1000, &mut wengert::init::seeded(1));
/// assert_eq!(model.parameter_count(), 11_689_512);
/// assert!(model.named_parameters().iter().any(|(name, _)| name == "layer2.0.downsample.0.weight"));
/// ```
///
/// Source: K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition" (2015).
pub struct ResNet<T: Scalar = f32> {
    conv1: Conv2d<T>,
    bn1: BatchNorm2d<T>,
    /// Follows the first convolution in networks for large images.
    maxpool: Option<MaxPool2d>,
    layers: Vec<Vec<BasicBlock<T>>>,
    /// The last layer, which may be replaced by one for other classes.
    pub fc: Linear<T>,
}

impl<T: Scalar> ResNet<T> {
    /// ResNet-18 for photographs `[batch, 3, height, width]` (ImageNet: 224x224), like torchvision's.
    ///
    /// # Panics
    /// If weights of these sizes are too large for memory.
    #[track_caller]
    pub fn resnet18(num_classes: usize, rng: &mut impl Rng) -> Self {
        let options = Conv2dOptions { stride: [2, 2], padding: 3.into(), ..Default::default() };
        let stem = Conv2d::with(3, 64, [7, 7], options, rng).without_bias();
        let pool = MaxPoolOptions { stride: Some([2, 2]), padding: [1, 1], ..Default::default() };
        let maxpool = Some(MaxPool2d { kernel_size: [3, 3], options: pool });
        ResNet::build(stem, maxpool, &[64, 128, 256, 512], 2, num_classes, rng)
    }
    /// ResNet-20 for small images `[batch, in_channels, height, width]` (CIFAR: 32x32).
    ///
    /// # Panics
    /// If weights of these sizes are too large for memory.
    #[track_caller]
    pub fn resnet20(in_channels: usize, num_classes: usize, rng: &mut impl Rng) -> Self {
        ResNet::small(in_channels, num_classes, 3, rng)
    }
    /// A network of 6n + 2 layers for small images, with n blocks each of 16, 32 and 64 channels: section 4.2 of the paper. n = 3 is
    /// ResNet-20. Where shapes differ, the shortcut is a 1x1 convolution.
    ///
    /// # Panics
    /// If weights of these sizes are too large for memory.
    #[track_caller]
    pub fn small(in_channels: usize, num_classes: usize, n: usize, rng: &mut impl Rng) -> Self {
        // The number of weights in three blocks, one of each width.
        elements::<[T; 18 * (16 * 16 + 32 * 32 + 64 * 64)]>("ResNet: n blocks of each width", &[n]);
        let stem = conv(in_channels, 16, 3, 1, 1, rng);
        ResNet::build(stem, None, &[16, 32, 64], n, num_classes, rng)
    }
    #[track_caller]
    fn build(
        conv1: Conv2d<T>,
        maxpool: Option<MaxPool2d>,
        widths: &[usize],
        blocks: usize,
        num_classes: usize,
        rng: &mut impl Rng,
    ) -> Self {
        let mut from = widths[0];
        let mut layers = Vec::new();
        for (k, &to) in widths.iter().enumerate() {
            let mut layer = Vec::new();
            for i in 0..blocks {
                let stride = if k > 0 && i == 0 { 2 } else { 1 };
                layer.push(BasicBlock::new(from, to, stride, rng));
                from = to;
            }
            layers.push(layer);
        }
        let net = ResNet { conv1, bn1: BatchNorm2d::new(widths[0]), maxpool, layers, fc: Linear::new(from, num_classes, rng) };
        kaiming(&net, rng);
        net
    }
    /// The same network without the shortcuts around its blocks, for comparison.
    pub fn without_skips(self) -> Self {
        let layers = self.layers.into_iter().map(|layer| layer.into_iter().map(BasicBlock::without_skip).collect()).collect();
        ResNet { layers, ..self }
    }
    /// The input of the last layer: `[batch, features]`.
    #[track_caller]
    pub fn embed<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let x = self.bn1.forward(self.conv1.forward(x)).relu();
        let x = self.layers.forward(self.maxpool.forward(x));
        x.adaptive_avg_pool2d([1, 1]).flatten(1, -1)
    }
}

impl<T: Scalar> Forward<T> for ResNet<T> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        self.fc.forward(self.embed(x))
    }
}

impl<T: Scalar> Module<T> for ResNet<T> {
    fn visit(&self, v: &mut Visitor<'_, T>) {
        v.module("conv1", &self.conv1).module("bn1", &self.bn1);
        for (i, layer) in self.layers.iter().enumerate() {
            v.module(&format!("layer{}", i + 1), layer);
        }
        v.module("fc", &self.fc);
    }
}
