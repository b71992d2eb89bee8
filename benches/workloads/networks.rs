//! The convolutional networks, each with the layers and the start that PyTorch gives them.

use crate::{Layer, Random, params};
use wengert::{Conv2d, MaxPoolOptions, NormOptions, Padding, Param, RunningStats, Tape, Var};

/// Layers, and what one does with them.
pub trait Network {
    fn logits<'t>(&mut self, tape: &'t Tape<f32>, x: Var<'t, f32>) -> Var<'t, f32>;
    fn params(&self) -> Vec<Param<f32>>;
}

struct Conv {
    w: Param<f32>,
    b: Option<Param<f32>>,
    options: Conv2d,
}

impl Conv {
    fn new(random: &mut Random, channels: [usize; 2], kernel: usize, options: Conv2d, bias: bool) -> Conv {
        let [from, to] = channels;
        let bound = 1.0 / ((from * kernel * kernel) as f64).sqrt();
        let draw = |r: &mut Random| bound * (2.0 * r.unit() - 1.0);
        let w = random.array(&[to, from, kernel, kernel], draw);
        Conv { w, b: bias.then(|| random.array(&[to], draw)), options }
    }
    fn of<'t>(&self, tape: &'t Tape<f32>, x: Var<'t, f32>) -> Var<'t, f32> {
        x.conv2d(tape.param(&self.w), self.b.as_ref().map(|b| tape.param(b)), self.options)
    }
    fn params(&self) -> impl Iterator<Item = Param<f32>> {
        [Some(self.w.clone()), self.b.clone()].into_iter().flatten()
    }
}

fn halve(x: Var<'_, f32>) -> Var<'_, f32> {
    x.max_pool2d([2, 2], MaxPoolOptions::default())
}

fn flat(x: Var<'_, f32>) -> Var<'_, f32> {
    x.reshape(&[x.size(0) as isize, -1])
}

// --------------------------------------------------------------------------------------------------- the book's networks

/// SimpleConvNet: one convolution, then 4320-100-10.
pub struct SimpleConv {
    conv: Conv,
    layers: Vec<Layer>,
}

impl SimpleConv {
    pub fn new(random: &mut Random) -> Self {
        SimpleConv { conv: Conv::new(random, [1, 30], 5, Conv2d::default(), true), layers: random.layers(&[30 * 12 * 12, 100, 10]) }
    }
}

impl Network for SimpleConv {
    fn logits<'t>(&mut self, tape: &'t Tape<f32>, x: Var<'t, f32>) -> Var<'t, f32> {
        let h = flat(halve(self.conv.of(tape, x).relu()));
        self.layers[1].of(tape, self.layers[0].of(tape, h).relu())
    }
    fn params(&self) -> Vec<Param<f32>> {
        self.conv.params().chain(params(&self.layers)).collect()
    }
}

/// DeepConvNet, without dropout: three times two convolutions, then 1024-50-10.
pub struct DeepConv {
    convs: Vec<Conv>,
    layers: Vec<Layer>,
}

impl DeepConv {
    pub fn new(random: &mut Random) -> Self {
        let shapes = [([1, 16], 1), ([16, 16], 1), ([16, 32], 1), ([32, 32], 2), ([32, 64], 1), ([64, 64], 1)];
        let conv =
            |(channels, pad)| Conv::new(random, channels, 3, Conv2d { padding: Padding::Zeros([pad; 2]), ..Default::default() }, true);
        let convs = shapes.map(conv).into();
        DeepConv { convs, layers: random.layers(&[64 * 4 * 4, 50, 10]) }
    }
}

impl Network for DeepConv {
    fn logits<'t>(&mut self, tape: &'t Tape<f32>, x: Var<'t, f32>) -> Var<'t, f32> {
        let pairs = self.convs.chunks(2);
        let h = pairs.fold(x, |x, pair| halve(pair[1].of(tape, pair[0].of(tape, x).relu()).relu()));
        self.layers[1].of(tape, self.layers[0].of(tape, flat(h)).relu())
    }
    fn params(&self) -> Vec<Param<f32>> {
        self.convs.iter().flat_map(Conv::params).chain(params(&self.layers)).collect()
    }
}

// ----------------------------------------------------------------------------------------------------- residual networks

/// A convolution without bias and the normalization of its channels.
struct ConvNorm {
    conv: Conv,
    weight: Param<f32>,
    bias: Param<f32>,
    stats: RunningStats<f32>,
}

impl ConvNorm {
    fn new(random: &mut Random, channels: [usize; 2], kernel: usize, stride: usize) -> ConvNorm {
        let options = Conv2d { stride: [stride; 2], padding: Padding::Zeros([kernel / 2; 2]), ..Default::default() };
        let n = channels[1];
        ConvNorm {
            conv: Conv::new(random, channels, kernel, options, false),
            weight: Param::new("", vec![1.0; n]),
            bias: Param::new("", vec![0.0; n]),
            stats: RunningStats::new(n),
        }
    }
    fn of<'t>(&mut self, tape: &'t Tape<f32>, x: Var<'t, f32>) -> Var<'t, f32> {
        let y = self.conv.of(tape, x);
        let options = NormOptions { weight: Some(tape.param(&self.weight)), bias: Some(tape.param(&self.bias)), ..Default::default() };
        y.batch_norm_train(&mut self.stats, options)
    }
    fn params(&self) -> impl Iterator<Item = Param<f32>> {
        self.conv.params().chain([self.weight.clone(), self.bias.clone()])
    }
}

struct Block {
    first: ConvNorm,
    second: ConvNorm,
    shortcut: Option<ConvNorm>,
}

/// A residual network of blocks of two convolutions; each width but the first halves the image.
pub struct ResNet {
    stem: ConvNorm,
    blocks: Vec<Block>,
    head: Vec<Layer>,
}

impl ResNet {
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

impl Network for ResNet {
    fn logits<'t>(&mut self, tape: &'t Tape<f32>, x: Var<'t, f32>) -> Var<'t, f32> {
        let mut x = self.stem.of(tape, x).relu();
        for block in &mut self.blocks {
            let y = block.first.of(tape, x).relu();
            let y = block.second.of(tape, y);
            let skip = block.shortcut.as_mut().map_or(x, |s| s.of(tape, x));
            x = (y + skip).relu();
        }
        self.head[0].of(tape, flat(x.adaptive_avg_pool2d([1, 1])))
    }
    fn params(&self) -> Vec<Param<f32>> {
        let block =
            |b: &Block| b.first.params().chain(b.second.params()).chain(b.shortcut.iter().flat_map(ConvNorm::params)).collect::<Vec<_>>();
        self.stem.params().chain(self.blocks.iter().flat_map(block)).chain(params(&self.head)).collect()
    }
}
