//! MobileNetV2.

use super::{conv, kaiming};
use crate::nn::{BatchNorm2d, Conv2d, Dropout, Forward, Linear, Module, Relu6, Sequential, Visitor};
use crate::refusal::require;
use crate::{Scalar, Var, init};
use rand::Rng;

/// A 1x1 convolution that widens, a 3x3 convolution on each channel alone, and a 1x1 convolution that narrows. If the shape stays the same,
/// the input is added to the result.
pub struct InvertedResidual<T: Scalar = f32> {
    conv: Sequential<T>,
    skip: bool,
}

impl<T: Scalar> InvertedResidual<T> {
    /// A block between these numbers of channels. In between, there are `expand_ratio` times as many.
    ///
    /// # Panics
    /// If weights of these sizes are too large for memory.
    #[track_caller]
    pub fn new(in_channels: usize, out_channels: usize, stride: usize, expand_ratio: usize, rng: &mut impl Rng) -> Self {
        let product = in_channels.checked_mul(expand_ratio);
        let message = || format!("InvertedResidual: {in_channels} channels times {expand_ratio} are too many");
        require(product.is_some(), message, "the expansion is a small factor, such as 6");
        let hidden = product.unwrap_or(0);
        let mut conv = Sequential::new();
        if expand_ratio != 1 {
            conv = conv.push(conv_norm(in_channels, hidden, 1, 1, 1, rng).push(Relu6));
        }
        conv = conv
            .push(conv_norm(hidden, hidden, 3, stride, hidden, rng).push(Relu6))
            .push(Conv2d::new(hidden, out_channels, [1, 1], rng).without_bias())
            .push(BatchNorm2d::new(out_channels));
        InvertedResidual { conv, skip: stride == 1 && in_channels == out_channels }
    }
}

impl<T: Scalar> Forward<T> for InvertedResidual<T> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let y = self.conv.forward(x);
        if self.skip { x + y } else { y }
    }
}

impl<T: Scalar> Module<T> for InvertedResidual<T> {
    fn visit(&self, v: &mut Visitor<'_, T>) {
        v.module("conv", &self.conv);
    }
}

/// MobileNetV2 for photographs `[batch, 3, height, width]` (ImageNet: 224x224). It has torchvision's names, so its weights can be loaded by
/// [`io::load_into`](crate::io::load_into).
///
/// ```
/// use wengert::nn::{MobileNetV2, Module};
/// let model = MobileNetV2::<f32>::new(1000, &mut wengert::init::seeded(1));
/// assert_eq!(model.parameter_count(), 3_504_872);
/// ```
///
/// Source: M. Sandler, A. Howard, M. Zhu, A. Zhmoginov, L.-C. Chen, "MobileNetV2: inverted residuals and linear bottlenecks" (2018).
pub struct MobileNetV2<T: Scalar = f32> {
    /// 19 blocks: a convolution, 17 [`InvertedResidual`]s, a convolution to 1,280 channels.
    pub features: Sequential<T>,
    /// Dropout and the last layer.
    pub classifier: Sequential<T>,
}

impl<T: Scalar> MobileNetV2<T> {
    /// The network with its initial weights.
    ///
    /// # Panics
    /// If weights for this many classes are too large for memory.
    #[track_caller]
    pub fn new(num_classes: usize, rng: &mut impl Rng) -> Self {
        // Table 2 of the paper: expansion, channels, repetitions, stride of the first block.
        let settings = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)];
        let mut features = Sequential::new().push(conv_norm(3, 32, 3, 2, 1, rng).push(Relu6));
        let mut from = 32;
        for (expand_ratio, to, repetitions, stride) in settings {
            for i in 0..repetitions {
                features = features.push(InvertedResidual::new(from, to, if i == 0 { stride } else { 1 }, expand_ratio, rng));
                from = to;
            }
        }
        features = features.push(conv_norm(from, 1280, 1, 1, 1, rng).push(Relu6));
        let head = Linear::new(1280, num_classes, rng);
        head.weight.set(init::normal::<T, _>((num_classes, 1280), 0.0, 0.01, rng));
        head.bias.iter().for_each(|b| b.with_mut(|b| b.fill(T::ZERO)));
        let net = MobileNetV2 { features, classifier: Sequential::new().push(Dropout::new(0.2, rng)).push(head) };
        kaiming(&net.features, rng);
        net
    }
    /// The input of the last layer: `[batch, 1280]`.
    #[track_caller]
    pub fn embed<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        self.features.forward(x).adaptive_avg_pool2d([1, 1]).flatten(1, -1)
    }
}

impl<T: Scalar> Forward<T> for MobileNetV2<T> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        self.classifier.forward(self.embed(x))
    }
}

impl<T: Scalar> Module<T> for MobileNetV2<T> {
    fn visit(&self, v: &mut Visitor<'_, T>) {
        v.module("features", &self.features).module("classifier", &self.classifier);
    }
}

/// A convolution without a bias, then batch normalization. It keeps the size of the image, or divides it by the stride.
#[track_caller]
fn conv_norm<T: Scalar>(from: usize, to: usize, kernel: usize, stride: usize, groups: usize, rng: &mut impl Rng) -> Sequential<T> {
    Sequential::new().push(conv(from, to, kernel, stride, groups, rng)).push(BatchNorm2d::new(to))
}
