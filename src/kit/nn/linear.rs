//! The fully connected layer.

use super::{Forward, Module, Visitor};
use crate::refusal::elements;
use crate::{Param, Scalar, Var, init};
use rand::Rng;

/// `y = x W^T + b`: PyTorch's `Linear`. x has shape `[.., in_features]`, y `[.., out_features]`.
///
/// Initial weights and biases are uniform between ±1/sqrt(in_features), as in PyTorch. For other initial values, set them:
///
/// ```
/// use wengert::nn::{Forward, Linear};
/// use wengert::{Tape, init};
/// let mut rng = init::seeded(1);
/// let layer = Linear::<f32>::new(3, 2, &mut rng);
/// layer.weight.set(init::he_normal((2, 3), &mut rng));
/// let tape = Tape::new();
/// assert_eq!(layer.forward(tape.constant([[1.0, 2.0, 3.0]])).shape(), [1, 2]);
/// ```
#[derive(Debug)]
pub struct Linear<T: Scalar = f32> {
    /// `[out_features, in_features]`
    pub weight: Param<T>,
    /// `[out_features]`
    pub bias: Option<Param<T>>,
}

impl<T: Scalar> Linear<T> {
    /// A layer with `in_features` inputs and `out_features` outputs.
    ///
    /// # Panics
    /// If weights of these sizes are too large for memory.
    #[track_caller]
    pub fn new(in_features: usize, out_features: usize, rng: &mut impl Rng) -> Self {
        elements::<T>("Linear: weights [out_features, in_features]", &[out_features, in_features]);
        elements::<T>("Linear: biases [out_features]", &[out_features]);
        let a = init::pytorch_bound(in_features);
        Linear {
            weight: Param::new("weight", init::uniform((out_features, in_features), -a, a, rng)),
            bias: Some(Param::new("bias", init::uniform(out_features, -a, a, rng))),
        }
    }
    /// The same layer without a bias.
    pub fn without_bias(self) -> Self {
        Linear { bias: None, ..self }
    }
}

impl<T: Scalar> Forward<T> for Linear<T> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let weight = x.tape().param(&self.weight);
        match &self.bias {
            Some(bias) => x.linear(weight, x.tape().param(bias)),
            None => x.matmul(weight.t()),
        }
    }
}

impl<T: Scalar> Module<T> for Linear<T> {
    fn visit(&self, v: &mut Visitor<'_, T>) {
        v.param("weight", &self.weight).param("bias", &self.bias);
    }
    fn describe(&self) -> String {
        let shape = self.weight.shape();
        format!("linear {} to {}", shape[1], shape[0])
    }
}
