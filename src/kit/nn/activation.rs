//! Activation functions as modules.

use super::{Forward, Module, Visitor};
use crate::{Scalar, Var};

/// An activation function as a module without parameters. It calls the `Var` method with the same name. All variants can be written without
/// the enum's name: `nn::Relu`.
///
/// ```
/// use wengert::nn::{self, Forward};
/// let tape = wengert::Tape::<f32>::new();
/// assert_eq!(nn::Relu.forward(tape.constant([-1.0, 2.0])).to_vec(), [0.0, 2.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Activation {
    /// x as it is.
    Identity,
    /// max(x, 0)
    Relu,
    /// min(max(x, 0), 6)
    Relu6,
    /// x where x > 0, else this factor times x.
    LeakyRelu(f64),
    /// x where x > 0, else alpha (e^x - 1).
    Elu(f64),
    /// x Φ(x), where Φ is the normal distribution function.
    Gelu,
    /// x sigmoid(x)
    Silu,
    /// x relu6(x + 3) / 6
    Hardswish,
    /// 1 / (1 + e^-x)
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// ln(1 + e^x)
    Softplus,
    /// e^x / sum of e^x over this axis.
    Softmax(isize),
    /// The logarithm of the softmax over this axis.
    LogSoftmax(isize),
}

impl<T: Scalar> Forward<T> for Activation {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        match *self {
            Activation::Identity => x,
            Activation::Relu => x.relu(),
            Activation::Relu6 => x.relu6(),
            Activation::LeakyRelu(slope) => x.leaky_relu(slope),
            Activation::Elu(alpha) => x.elu(alpha),
            Activation::Gelu => x.gelu(),
            Activation::Silu => x.silu(),
            Activation::Hardswish => x.hardswish(),
            Activation::Sigmoid => x.sigmoid(),
            Activation::Tanh => x.tanh(),
            Activation::Softplus => x.softplus(),
            Activation::Softmax(axis) => x.softmax(axis),
            Activation::LogSoftmax(axis) => x.log_softmax(axis),
        }
    }
}

impl<T: Scalar> Module<T> for Activation {
    fn visit(&self, _: &mut Visitor<'_, T>) {}
    fn describe(&self) -> String {
        format!("{self:?}").to_lowercase()
    }
}
