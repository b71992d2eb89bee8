//! Networks that are known by name.

mod book;
mod mlp;
mod mobilenet;
mod resnet;

pub use book::{DeepConvNet, SimpleConvNet};
pub use mlp::Mlp;
pub use mobilenet::{InvertedResidual, MobileNetV2};
pub use resnet::{BasicBlock, ResNet};

use crate::nn::Module;
use crate::{Scalar, init};
use rand::Rng;

/// Weights of convolutions begin normally distributed with variance 2 / fan out, as torchvision's do.
fn kaiming<T: Scalar>(net: &dyn Module<T>, rng: &mut impl Rng) {
    for p in net.parameters() {
        if let [outputs, _, field @ ..] = &p.shape()[..]
            && !field.is_empty()
        {
            let fan_out = outputs * field.iter().product::<usize>();
            p.set(init::normal::<T, _>(&p.shape()[..], 0.0, (2.0 / fan_out as f64).sqrt(), rng));
        }
    }
}
