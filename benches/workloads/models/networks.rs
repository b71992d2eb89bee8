//! The convolutional networks, each with the layers and the start that PyTorch gives them.

use super::random::Random;
use super::{Layer, params};
use wengert::{Conv2dOptions, MaxPoolOptions, NormOptions, Padding, Param, RunningStats, Scalar, Tape, Var};

/// Layers, and what one does with them.
pub trait Network<T: Scalar> {
    fn logits<'t>(&mut self, tape: &'t Tape<T>, x: Var<'t, T>) -> Var<'t, T>;
    fn params(&self) -> Vec<Param<T>>;
}

struct Conv<T: Scalar> {
    w: Param<T>,
    b: Option<Param<T>>,
    options: Conv2dOptions,
}

impl<T: Scalar> Conv<T> {
    fn new(random: &mut Random, channels: [usize; 2], kernel: usize, options: Conv2dOptions, bias: bool) -> Conv<T> {
        let [from, to] = channels;
        let fan_in = from * kernel * kernel;
        let w = random.weights(&[to, from, kernel, kernel], fan_in);
        Conv { w, b: bias.then(|| random.weights(&[to], fan_in)), options }
    }
    fn of<'t>(&self, tape: &'t Tape<T>, x: Var<'t, T>) -> Var<'t, T> {
        x.conv2d(tape.param(&self.w), self.b.as_ref().map(|b| tape.param(b)), self.options)
    }
    fn params(&self) -> impl Iterator<Item = Param<T>> {
        [Some(self.w.clone()), self.b.clone()].into_iter().flatten()
    }
}

fn halve<T: Scalar>(x: Var<'_, T>) -> Var<'_, T> {
    x.max_pool2d([2, 2], MaxPoolOptions::default())
}

fn flat<T: Scalar>(x: Var<'_, T>) -> Var<'_, T> {
    x.reshape([x.size(0) as isize, -1])
}

// --------------------------------------------------------------------------------------------------- the book's networks

/// SimpleConvNet: one convolution, then 4320-100-10.
pub struct SimpleConv<T: Scalar> {
    conv: Conv<T>,
    layers: Vec<Layer<T>>,
}

impl<T: Scalar> SimpleConv<T> {
    pub fn new(random: &mut Random) -> Self {
        SimpleConv { conv: Conv::new(random, [1, 30], 5, Conv2dOptions::default(), true), layers: random.layers(&[30 * 12 * 12, 100, 10]) }
    }
}

impl<T: Scalar> Network<T> for SimpleConv<T> {
    fn logits<'t>(&mut self, tape: &'t Tape<T>, x: Var<'t, T>) -> Var<'t, T> {
        let h = flat(halve(self.conv.of(tape, x).relu()));
        self.layers[1].of(tape, self.layers[0].of(tape, h).relu())
    }
    fn params(&self) -> Vec<Param<T>> {
        self.conv.params().chain(params(&self.layers)).collect()
    }
}

/// DeepConvNet, without dropout: three times two convolutions, then 1024-50-10.
pub struct DeepConv<T: Scalar> {
    convs: Vec<Conv<T>>,
    layers: Vec<Layer<T>>,
}

impl<T: Scalar> DeepConv<T> {
    pub fn new(random: &mut Random) -> Self {
        let shapes = [([1, 16], 1), ([16, 16], 1), ([16, 32], 1), ([32, 32], 2), ([32, 64], 1), ([64, 64], 1)];
        let conv = |(channels, pad)| {
            Conv::new(random, channels, 3, Conv2dOptions { padding: Padding::Zeros([pad; 2]), ..Default::default() }, true)
        };
        let convs = shapes.map(conv).into();
        DeepConv { convs, layers: random.layers(&[64 * 4 * 4, 50, 10]) }
    }
}

impl<T: Scalar> Network<T> for DeepConv<T> {
    fn logits<'t>(&mut self, tape: &'t Tape<T>, x: Var<'t, T>) -> Var<'t, T> {
        let pairs = self.convs.chunks(2);
        let h = pairs.fold(x, |x, pair| halve(pair[1].of(tape, pair[0].of(tape, x).relu()).relu()));
        self.layers[1].of(tape, self.layers[0].of(tape, flat(h)).relu())
    }
    fn params(&self) -> Vec<Param<T>> {
        self.convs.iter().flat_map(Conv::params).chain(params(&self.layers)).collect()
    }
}

// ----------------------------------------------------------------------------------------------------- residual networks

/// A convolution without bias and the normalization of its channels.
struct ConvNorm<T: Scalar> {
    conv: Conv<T>,
    weight: Param<T>,
    bias: Param<T>,
    stats: RunningStats<T>,
}

impl<T: Scalar> ConvNorm<T> {
    fn new(random: &mut Random, channels: [usize; 2], kernel: usize, stride: usize) -> ConvNorm<T> {
        let options = Conv2dOptions { stride: [stride; 2], padding: Padding::Zeros([kernel / 2; 2]), ..Default::default() };
        let n = channels[1];
        ConvNorm {
            conv: Conv::new(random, channels, kernel, options, false),
            weight: Param::new("", vec![T::ONE; n]),
            bias: Param::new("", vec![T::ZERO; n]),
            stats: RunningStats::new(n),
        }
    }
    fn of<'t>(&mut self, tape: &'t Tape<T>, x: Var<'t, T>) -> Var<'t, T> {
        let y = self.conv.of(tape, x);
        let options = NormOptions { weight: Some(tape.param(&self.weight)), bias: Some(tape.param(&self.bias)), ..Default::default() };
        y.batch_norm_train(&self.stats, options)
    }
    fn params(&self) -> impl Iterator<Item = Param<T>> {
        self.conv.params().chain([self.weight.clone(), self.bias.clone()])
    }
}

struct Block<T: Scalar> {
    first: ConvNorm<T>,
    second: ConvNorm<T>,
    shortcut: Option<ConvNorm<T>>,
}

/// A residual network of blocks of two convolutions; each width but the first halves the image.
pub struct ResNet<T: Scalar> {
    stem: ConvNorm<T>,
    blocks: Vec<Block<T>>,
    head: Vec<Layer<T>>,
}

impl<T: Scalar> ResNet<T> {
    pub fn new(random: &mut Random, widths: &[usize], depth: usize) -> Self {
        let stem = ConvNorm::new(random, [3, widths[0]], 3, 1);
        let (mut blocks, mut from) = (Vec::new(), widths[0]);
        for (k, &to) in widths.iter().enumerate() {
            for i in 0..depth {
                let stride = if k > 0 && i == 0 { 2 } else { 1 };
                blocks.push(Block {
                    first: ConvNorm::new(random, [from, to], 3, stride),
                    second: ConvNorm::new(random, [to, to], 3, 1),
                    shortcut: (stride != 1 || from != to).then(|| ConvNorm::new(random, [from, to], 1, stride)),
                });
                from = to;
            }
        }
        ResNet { stem, blocks, head: random.layers(&[from, 10]) }
    }
}

impl<T: Scalar> Network<T> for ResNet<T> {
    fn logits<'t>(&mut self, tape: &'t Tape<T>, x: Var<'t, T>) -> Var<'t, T> {
        let mut x = self.stem.of(tape, x).relu();
        for block in &mut self.blocks {
            let y = block.first.of(tape, x).relu();
            let y = block.second.of(tape, y);
            let skip = block.shortcut.as_mut().map_or(x, |s| s.of(tape, x));
            x = (y + skip).relu();
        }
        self.head[0].of(tape, flat(x.adaptive_avg_pool2d([1, 1])))
    }
    fn params(&self) -> Vec<Param<T>> {
        let block = |b: &Block<T>| {
            b.first.params().chain(b.second.params()).chain(b.shortcut.iter().flat_map(ConvNorm::params)).collect::<Vec<_>>()
        };
        self.stem.params().chain(self.blocks.iter().flat_map(block)).chain(params(&self.head)).collect()
    }
}
