//! The feature pyramid network.

use crate::nn::{Conv2d, Forward, Module, Sequential, Visitor};
use crate::refusal::require;
use crate::{InterpolateOptions, Scalar, Var, init};
use rand::Rng;

/// Maps of different channels and sizes as maps of the same number of channels, of which each has what the smaller ones know: a 1x1 convolution of each map
/// (`inner_blocks`), plus the next smaller result enlarged to its size, then a 3x3 convolution (`layer_blocks`). Names and initial values are torchvision's.
///
/// ```
/// use wengert::vision::detection::FeaturePyramidNetwork;
/// let fpn = FeaturePyramidNetwork::<f32>::new(&[16, 32], 8, &mut wengert::init::seeded(1));
/// let tape = wengert::Tape::new();
/// let maps = fpn.forward(&[tape.full([1, 16, 9, 10], 1.0), tape.full([1, 32, 5, 5], 1.0)]);
/// assert_eq!((maps[0].shape(), maps[1].shape()), ([1, 8, 9, 10].into(), [1, 8, 5, 5].into()));
/// ```
///
/// Source: T.-Y. Lin et al., "Feature pyramid networks for object detection" (2017).
pub struct FeaturePyramidNetwork<T: Scalar = f32> {
    inner_blocks: Vec<Sequential<T>>,
    layer_blocks: Vec<Sequential<T>>,
    out_channels: usize,
}

impl<T: Scalar> FeaturePyramidNetwork<T> {
    /// For maps with these channels, from the largest to the smallest.
    ///
    /// # Panics
    /// If there are none, or weights of these sizes are too large for memory.
    #[track_caller]
    pub fn new(in_channels: &[usize], out_channels: usize, rng: &mut impl Rng) -> Self {
        require(!in_channels.is_empty(), || "FeaturePyramidNetwork: no maps", "give the channels of each");
        let (mut inner_blocks, mut layer_blocks) = (Vec::new(), Vec::new());
        for &from in in_channels {
            inner_blocks.push(block(from, out_channels, 1, rng));
        }
        for _ in in_channels {
            layer_blocks.push(block(out_channels, out_channels, 3, rng));
        }
        FeaturePyramidNetwork { inner_blocks, layer_blocks, out_channels }
    }
    /// The channels of all results.
    pub fn out_channels(&self) -> usize {
        self.out_channels
    }
    /// The results, one for each map, of its height and width.
    ///
    /// # Panics
    /// If there are not as many maps as there were channels, or their shapes do not fit.
    #[track_caller]
    pub fn forward<'t>(&self, maps: &[Var<'t, T>]) -> Vec<Var<'t, T>> {
        let message = || format!("FeaturePyramidNetwork: {} maps for {}", maps.len(), self.inner_blocks.len());
        require(maps.len() == self.inner_blocks.len(), message, "from the largest to the smallest");
        let mut results = Vec::new();
        let mut above: Option<Var<'t, T>> = None;
        for ((&map, inner), layer) in maps.iter().zip(&self.inner_blocks).zip(&self.layer_blocks).rev() {
            let mut x = inner.forward(map);
            if let Some(above) = above {
                let size = [x.size(-2), x.size(-1)];
                x += above.interpolate(InterpolateOptions { size: Some(&size), ..Default::default() });
            }
            above = Some(x);
            results.push(layer.forward(x));
        }
        results.reverse();
        results
    }
}

/// A convolution that keeps height and width. Its weights are uniform with the variance 1 / fan in.
#[track_caller]
fn block<T: Scalar>(from: usize, to: usize, kernel: usize, rng: &mut impl Rng) -> Sequential<T> {
    let conv = Conv2d::new(from, to, kernel, rng).padding(kernel / 2);
    let bound = (3.0 / (from * kernel * kernel).max(1) as f64).sqrt();
    conv.weight.set(init::uniform::<T, _>((to, from, kernel, kernel), -bound, bound, rng));
    conv.bias.iter().for_each(|b| b.with_mut(|b| b.fill(T::ZERO)));
    Sequential::new().push(conv)
}

impl<T: Scalar> Module<T> for FeaturePyramidNetwork<T> {
    fn visit(&self, v: &mut Visitor<'_, T>) {
        v.module("inner_blocks", &self.inner_blocks).module("layer_blocks", &self.layer_blocks);
    }
}
