//! The network below a detector: what turns images into maps of features.

use super::pyramid::FeaturePyramidNetwork;
use crate::nn::{Forward, Module, Part, Sequential, Visitor};
use crate::refusal::require;
use crate::{Scalar, SliceInfo, Var, named_scope};
use rand::Rng;

/// A network that turns images `[n, 3, height, width]` into maps `[n, out_channels, .., ..]`, from the largest to the smallest.
pub trait Backbone<T: Scalar = f32>: Module<T> {
    /// The maps.
    fn maps<'t>(&self, images: Var<'t, T>) -> Vec<Var<'t, T>>;
    /// The channels of each map.
    fn out_channels(&self) -> usize;
}

/// A [`Backbone`] of one map: any network of one output. Its parameters keep the names that they have in the network.
pub struct SingleMap<F> {
    network: F,
    out_channels: usize,
}

impl<F> SingleMap<F> {
    /// A network whose output has so many channels.
    pub fn new(network: F, out_channels: usize) -> Self {
        SingleMap { network, out_channels }
    }
}

impl<T: Scalar, F: Forward<T>> Module<T> for SingleMap<F> {
    fn visit(&self, v: &mut Visitor<'_, T>) {
        self.network.visit(v);
    }
}

impl<T: Scalar, F: Forward<T>> Backbone<T> for SingleMap<F> {
    #[track_caller]
    fn maps<'t>(&self, images: Var<'t, T>) -> Vec<Var<'t, T>> {
        vec![self.network.forward(images)]
    }
    fn out_channels(&self) -> usize {
        self.out_channels
    }
}

/// A [`Backbone`] of several maps: some layers of a [`Sequential`] (`body`), joined by a [`FeaturePyramidNetwork`] (`fpn`).
///
/// ```
/// use wengert::nn::{MobileNetV2, Module};
/// use wengert::vision::detection::{Backbone, Frozen, Pyramid};
/// let rng = &mut wengert::init::seeded(1);
/// // `io::load_into(file, &network)` here loads torchvision's weights.
/// let network = MobileNetV2::<f32>::new(1000, rng);
/// network.eval(); // and `Frozen` keeps it so
/// let backbone = Pyramid::new(network.features, &[(6, 32), (13, 96)], 64, rng); // maps of strides 8 and 16
/// let tape = wengert::Tape::new();
/// let maps = tape.no_grad(|| Frozen(backbone).maps(tape.full([1, 3, 64, 64], 0.5)));
/// assert_eq!((maps[0].shape(), maps[1].shape()), ([1, 64, 8, 8].into(), [1, 64, 4, 4].into()));
/// ```
pub struct Pyramid<T: Scalar = f32> {
    /// The layers.
    pub body: Sequential<T>,
    /// The indices of the layers whose output is a map.
    places: Vec<usize>,
    /// What joins the maps.
    pub fpn: FeaturePyramidNetwork<T>,
    extra_level: bool,
}

impl<T: Scalar> Pyramid<T> {
    /// The maps after these layers (index in the sequence, channels), each half as high and wide as the one before. What comes after the last of them is not computed.
    ///
    /// # Panics
    /// If there are none, their indices do not rise or are out of range, or weights of these sizes are too large for memory.
    #[track_caller]
    pub fn new(body: Sequential<T>, maps: &[(usize, usize)], out_channels: usize, rng: &mut impl Rng) -> Self {
        let (places, channels): (Vec<usize>, Vec<usize>) = maps.iter().copied().unzip();
        let rise = places.is_sorted_by(|a, b| a < b) && places.last().is_some_and(|&last| last < body.len());
        let message = || format!("Pyramid: maps after the layers {places:?} of {}", body.len());
        require(rise, message, "give indices of layers from 0 on, in rising order");
        Pyramid { body, fpn: FeaturePyramidNetwork::new(&channels, out_channels, rng), places, extra_level: false }
    }
    /// With one more map: every second pixel of the last one, along both axes. Torchvision's `LastLevelMaxPool`. Its anchors find large objects;
    /// regions are not read from it (see [`MultiScaleRoiAlign::maps`](crate::vision::MultiScaleRoiAlign)).
    pub fn extra_level(mut self) -> Self {
        self.extra_level = true;
        self
    }
}

impl<T: Scalar> Module<T> for Pyramid<T> {
    fn visit(&self, v: &mut Visitor<'_, T>) {
        v.module("body", &self.body).module("fpn", &self.fpn);
    }
}

impl<T: Scalar> Backbone<T> for Pyramid<T> {
    #[track_caller]
    fn maps<'t>(&self, images: Var<'t, T>) -> Vec<Var<'t, T>> {
        let (mut x, mut maps) = (images, Vec::new());
        let last = self.places.last().copied().unwrap_or(0);
        for (i, layer) in self.body.iter().enumerate().take(last + 1) {
            x = named_scope(&format!("body.{i} ({})", layer.describe()), || layer.forward(x));
            if self.places.contains(&i) {
                maps.push(x);
            }
        }
        named_scope("fpn", || {
            let mut maps = self.fpn.forward(&maps);
            if self.extra_level {
                let second = || SliceInfo::from(..).step(2);
                maps.extend(maps.last().map(|map| map.slice(&[SliceInfo::from(..), SliceInfo::from(..), second(), second()])));
            }
            maps
        })
    }
    fn out_channels(&self) -> usize {
        self.fpn.out_channels()
    }
}

/// A module whose mode [`Module::train`] and [`Module::eval`] do not change any more: call `eval` before, and it stays in evaluation mode. For
/// pretrained networks, whose batch norms shall keep their statistics where a batch holds few images.
pub struct Frozen<M>(pub M);

impl<T: Scalar, M: Module<T>> Module<T> for Frozen<M> {
    fn visit(&self, v: &mut Visitor<'_, T>) {
        self.0.visit(&mut Visitor::new(&mut |name, part| match part {
            Part::Param(p) => drop(v.param(name, p)),
            Part::Buffer(b) => drop(v.buffer(name, b)),
            Part::Generator(g) => drop(v.generator(name, g)),
            _ => {}
        }));
    }
}

impl<T: Scalar, M: Forward<T>> Forward<T> for Frozen<M> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        self.0.forward(x)
    }
}

impl<T: Scalar, M: Backbone<T>> Backbone<T> for Frozen<M> {
    #[track_caller]
    fn maps<'t>(&self, images: Var<'t, T>) -> Vec<Var<'t, T>> {
        self.0.maps(images)
    }
    fn out_channels(&self) -> usize {
        self.0.out_channels()
    }
}
