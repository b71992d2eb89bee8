//! Well-known networks.

mod book;
mod mlp;
mod mobilenet;
mod resnet;
mod segnet;

pub use book::{DeepConvNet, SimpleConvNet};
pub use mlp::Mlp;
pub use mobilenet::{InvertedResidual, MobileNetV2};
pub use resnet::{BasicBlock, ResNet};
pub use segnet::SegNet;

use crate::nn::{Conv2d, Module};
use crate::{Conv2dOptions, Scalar, init};
use rand::Rng;

/// A convolution without a bias that keeps the size of the image, or divides it by the stride.
#[track_caller]
fn conv<T: Scalar>(from: usize, to: usize, kernel: usize, stride: usize, groups: usize, rng: &mut impl Rng) -> Conv2d<T> {
    let options = Conv2dOptions { stride: [stride; 2], padding: (kernel / 2).into(), groups, ..Default::default() };
    Conv2d::with(from, to, [kernel; 2], options, rng).without_bias()
}

/// Sets the weights of convolutions to torchvision's initial values: normally distributed with variance 2 / fan out.
fn kaiming<T: Scalar>(net: &dyn Module<T>, rng: &mut impl Rng) {
    for p in net.parameters() {
        if p.shape().len() > 2 {
            p.set(init::he_normal_fan_out::<T, _>(&p.shape()[..], rng));
        }
    }
}
