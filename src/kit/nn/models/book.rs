//! The convolutional networks of the book "Deep Learning from Scratch".

use crate::nn::{Conv2d, Dropout, Forward, Linear, MaxPool2d, Module, Visitor};
use crate::{Conv2dOptions, Scalar, Var, init};
use rand::Rng;

/// The book's SimpleConvNet for images `[batch, 1, 28, 28]`: 30 filters of 5x5, relu, pooling, 100 units, 10 classes.
///
/// Initial weights are normally distributed (He et al.), biases are 0.
///
/// Source: K. Saitoh, "Deep Learning from Scratch", chapter 7.5.
#[derive(Debug)]
pub struct SimpleConvNet<T: Scalar = f32> {
    conv1: Conv2d<T>,
    fc1: Linear<T>,
    fc2: Linear<T>,
}

impl<T: Scalar> SimpleConvNet<T> {
    /// The network with its initial weights.
    pub fn new(rng: &mut impl Rng) -> Self {
        let net =
            SimpleConvNet { conv1: Conv2d::new(1, 30, 5, rng), fc1: Linear::new(30 * 12 * 12, 100, rng), fc2: Linear::new(100, 10, rng) };
        begin(&net, rng);
        net
    }
    /// The first layer, for a look at its filters.
    pub fn conv1(&self) -> &Conv2d<T> {
        &self.conv1
    }
}

impl<T: Scalar> Forward<T> for SimpleConvNet<T> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let x = MaxPool2d::new(2).forward(self.conv1.forward(x).relu());
        self.fc2.forward(self.fc1.forward(x.flatten(1, -1)).relu())
    }
}

impl<T: Scalar> Module<T> for SimpleConvNet<T> {
    fn visit(&self, v: &mut Visitor<'_, T>) {
        v.module("conv1", &self.conv1).module("fc1", &self.fc1).module("fc2", &self.fc2);
    }
}

/// The book's DeepConvNet for images `[batch, 1, 28, 28]`: six convolutions of 3x3 with 16, 16, 32, 32, 64 and 64 filters, pooling after
/// each pair, 50 units and 10 classes, with dropout of one half after both.
///
/// Initial weights are normally distributed (He et al.), biases are 0.
///
/// Source: K. Saitoh, "Deep Learning from Scratch", chapter 8.1.
#[derive(Debug)]
pub struct DeepConvNet<T: Scalar = f32> {
    convs: Vec<Conv2d<T>>,
    fc1: Linear<T>,
    fc2: Linear<T>,
    dropout: [Dropout<T>; 2],
}

impl<T: Scalar> DeepConvNet<T> {
    /// The network with its initial weights.
    pub fn new(rng: &mut impl Rng) -> Self {
        // The number of channels before and after, and the padding.
        let layers = [(1, 16, 1), (16, 16, 1), (16, 32, 1), (32, 32, 2), (32, 64, 1), (64, 64, 1)];
        let conv = |(from, to, zeros): (usize, usize, usize)| {
            Conv2d::with(from, to, [3, 3], Conv2dOptions { padding: zeros.into(), ..Default::default() }, rng)
        };
        let net = DeepConvNet {
            convs: layers.map(conv).into(),
            fc1: Linear::new(64 * 4 * 4, 50, rng),
            fc2: Linear::new(50, 10, rng),
            dropout: [Dropout::new(0.5, rng), Dropout::new(0.5, rng)],
        };
        begin(&net, rng);
        net
    }
    /// The convolutions, for a look at their filters and outputs.
    pub fn convs(&self) -> &[Conv2d<T>] {
        &self.convs
    }
}

impl<T: Scalar> Forward<T> for DeepConvNet<T> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let mut x = x;
        for pair in self.convs.chunks(2) {
            x = pair[1].forward(pair[0].forward(x).relu()).relu();
            x = MaxPool2d::new(2).forward(x);
        }
        let x = self.dropout[0].forward(self.fc1.forward(x.flatten(1, -1)).relu());
        self.dropout[1].forward(self.fc2.forward(x))
    }
}

impl<T: Scalar> Module<T> for DeepConvNet<T> {
    fn visit(&self, v: &mut Visitor<'_, T>) {
        v.module("convs", &self.convs).module("fc1", &self.fc1).module("fc2", &self.fc2);
        v.module("dropout1", &self.dropout[0]).module("dropout2", &self.dropout[1]);
    }
}

/// The book's initial values: weights by He et al., biases 0.
fn begin<T: Scalar>(net: &dyn Module<T>, rng: &mut impl Rng) {
    for p in net.parameters() {
        match p.shape().len() {
            1 => p.with_mut(|b| b.fill(T::ZERO)),
            _ => p.set(init::he_normal::<T, _>(&p.shape()[..], rng)),
        }
    }
}
