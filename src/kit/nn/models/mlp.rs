//! The multilayer perceptron.

use crate::Scalar;
use crate::nn::{Activation, BatchNorm1d, Dropout, Linear, Sequential};
use crate::refusal::require;
use rand::Rng;

/// Builds a multilayer perceptron: fully connected layers with an activation function between them.
///
/// ```
/// use wengert::nn::{Mlp, Module, Tanh};
/// let model = Mlp::new(&[784, 100, 10]).activation(Tanh).dropout(0.2).build::<f32>(&mut wengert::init::seeded(1));
/// assert_eq!(model.parameter_count(), 784 * 100 + 100 + 100 * 10 + 10);
/// ```
#[derive(Clone, Debug)]
pub struct Mlp {
    sizes: Vec<usize>,
    activation: Activation,
    dropout: f64,
    batch_norm: bool,
}

impl Mlp {
    /// Layers between vectors of these sizes, from input to output, with relu between them.
    ///
    /// # Panics
    /// If there are fewer than two sizes.
    #[track_caller]
    pub fn new(sizes: &[usize]) -> Mlp {
        let message = || format!("Mlp: at least the sizes of input and output are needed, not {sizes:?}");
        require(sizes.len() >= 2, message, "&[784, 100, 10] has one hidden layer");
        Mlp { sizes: sizes.into(), activation: Activation::Relu, dropout: 0.0, batch_norm: false }
    }
    /// Uses another activation function between the layers.
    pub fn activation(self, activation: Activation) -> Mlp {
        Mlp { activation, ..self }
    }
    /// Adds batch normalization before each activation.
    pub fn batch_norm(self) -> Mlp {
        Mlp { batch_norm: true, ..self }
    }
    /// Adds dropout with this probability after each activation.
    ///
    /// # Panics
    /// If the probability is not between 0 and 1.
    #[track_caller]
    pub fn dropout(self, p: f64) -> Mlp {
        let message = || format!("Mlp: the probability of dropout must be from 0 to 1, not {p}");
        require((0.0..=1.0).contains(&p), message, "0.2 to 0.5 are usual");
        Mlp { dropout: p, ..self }
    }
    /// The network with its initial weights.
    ///
    /// # Panics
    /// If weights of these sizes are too large for memory.
    #[track_caller]
    pub fn build<T: Scalar>(&self, rng: &mut impl Rng) -> Sequential<T> {
        let mut model = Sequential::new();
        for (i, size) in self.sizes.windows(2).enumerate() {
            model = model.push(Linear::new(size[0], size[1], rng));
            if i + 2 == self.sizes.len() {
                break; // no activation after the last layer
            }
            if self.batch_norm {
                model = model.push(BatchNorm1d::new(size[1]));
            }
            model = model.push(self.activation);
            if self.dropout > 0.0 {
                model = model.push(Dropout::new(self.dropout, rng));
            }
        }
        model
    }
}
