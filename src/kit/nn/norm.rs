//! Normalization layers, which bring their inputs to mean 0 and variance 1.

use super::{Forward, Mode, Module, Visitor};
use crate::refusal::{elements, require};
use crate::{NormOptions, Param, RunningStats, Scalar, Sizes, Var};
use ndarray::{ArrayD, IxDyn};

/// A weight and a bias for each channel or element, with initial values 1 and 0.
#[derive(Debug)]
struct Affine<T: Scalar> {
    weight: Param<T>,
    bias: Param<T>,
}

impl<T: Scalar> Affine<T> {
    #[track_caller]
    fn new(layer: &str, shape: &[usize]) -> Self {
        elements::<T>(layer, shape);
        let filled = |name: &str, x| Param::new(name, ArrayD::from_elem(IxDyn(shape), x));
        Affine { weight: filled("weight", T::ONE), bias: filled("bias", T::ZERO) }
    }
    fn options<'t>(affine: &Option<Self>, x: Var<'t, T>, eps: f64) -> NormOptions<'t, T> {
        let of = |p: fn(&Self) -> &Param<T>| affine.as_ref().map(|a| x.tape().param(p(a)));
        NormOptions { weight: of(|a| &a.weight), bias: of(|a| &a.bias), eps }
    }
    fn show(affine: &Option<Self>, v: &mut Visitor<'_, T>) {
        if let Some(Affine { weight, bias }) = affine {
            v.param("weight", weight).param("bias", bias);
        }
    }
}

#[track_caller]
fn check_eps(layer: &str, eps: f64) {
    let message = || format!("{layer}: eps must be at least 0 and finite, not {eps}");
    require(eps >= 0.0 && eps.is_finite(), message, "it is added to the variance; 1e-5 is usual");
}

/// Batch normalization of channels (axis 1): PyTorch's `BatchNorm1d` and `BatchNorm2d`, which differ only in the inputs they are meant for.
///
/// In training, each channel is brought to mean 0 and variance 1 over the batch, and the running means and variances take over a tenth
/// (`momentum`) of those of the batch. In evaluation the running ones are used instead. Then each channel is multiplied by its weight, and
/// its bias is added.
///
/// ```
/// use wengert::nn::{BatchNorm2d, Module};
/// let norm = BatchNorm2d::<f32>::new(16);
/// norm.eval();
/// assert_eq!(norm.named_buffers()[0].0, "running_mean");
/// ```
///
/// Source: S. Ioffe, C. Szegedy, "Batch normalization" (2015).
#[derive(Debug)]
pub struct BatchNorm<T: Scalar = f32> {
    affine: Option<Affine<T>>,
    stats: RunningStats<T>,
    eps: f64,
    mode: Mode,
}

/// Batch normalization of rows `[batch, features]` or sequences `[batch, channels, length]`.
pub type BatchNorm1d<T = f32> = BatchNorm<T>;
/// Batch normalization of images `[batch, channels, height, width]`. It is the same type as [`BatchNorm1d`].
pub type BatchNorm2d<T = f32> = BatchNorm<T>;

impl<T: Scalar> BatchNorm<T> {
    /// A layer for `num_features` channels, with momentum 0.1 and eps 1e-5.
    ///
    /// # Panics
    /// If arrays of this size are too large for memory.
    #[track_caller]
    pub fn new(num_features: usize) -> Self {
        BatchNorm::with(num_features, 1e-5, 0.1)
    }
    /// A layer with another `eps`, which is added to the variance, and another `momentum`, the share of the batch in the running
    /// statistics.
    ///
    /// # Panics
    /// If arrays of this size are too large for memory, `eps` is negative or not finite, or `momentum` is not between 0 and 1.
    #[track_caller]
    pub fn with(num_features: usize, eps: f64, momentum: f64) -> Self {
        check_eps("BatchNorm", eps);
        let message = || format!("BatchNorm: momentum must be from 0 to 1, not {momentum}");
        require((0.0..=1.0).contains(&momentum), message, "it is the share that each step takes of the batch's statistics; 0.1 is usual");
        let affine = Affine::new("BatchNorm: num_features", &[num_features]);
        let stats = RunningStats::with_momentum(num_features, momentum);
        BatchNorm { affine: Some(affine), stats, eps, mode: Mode::default() }
    }
    /// The same layer without weights and biases.
    pub fn without_affine(self) -> Self {
        BatchNorm { affine: None, ..self }
    }
    /// The running means and variances.
    pub fn stats(&self) -> &RunningStats<T> {
        &self.stats
    }
    /// The weights. A weight of 0 makes a residual block start as the identity.
    pub fn weight(&self) -> Option<&Param<T>> {
        self.affine.as_ref().map(|a| &a.weight)
    }
    /// The biases.
    pub fn bias(&self) -> Option<&Param<T>> {
        self.affine.as_ref().map(|a| &a.bias)
    }
}

impl<T: Scalar> Forward<T> for BatchNorm<T> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let options = Affine::options(&self.affine, x, self.eps);
        if self.mode.trains_on(x.tape(), "BatchNorm") {
            x.batch_norm_train(&self.stats, options)
        } else {
            x.batch_norm(&self.stats, options)
        }
    }
}

impl<T: Scalar> Module<T> for BatchNorm<T> {
    fn visit(&self, v: &mut Visitor<'_, T>) {
        Affine::show(&self.affine, v);
        v.buffer("running_mean", &self.stats.mean).buffer("running_var", &self.stats.var).mode(&self.mode);
    }
    fn describe(&self) -> String {
        format!("batch norm of {} channels", self.stats.mean.shape().numel())
    }
}

/// Layer normalization over the last axes, given by their sizes: PyTorch's `LayerNorm`.
///
/// Source: J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer normalization" (2016).
#[derive(Debug)]
pub struct LayerNorm<T: Scalar = f32> {
    affine: Option<Affine<T>>,
    sizes: Vec<usize>,
    eps: f64,
}

impl<T: Scalar> LayerNorm<T> {
    /// A layer over last axes of these sizes, with eps 1e-5.
    ///
    /// # Panics
    /// If weights of these sizes are too large for memory.
    #[track_caller]
    pub fn new(normalized_shape: impl Sizes) -> Self {
        let sizes = normalized_shape.to_sizes();
        let message = || format!("LayerNorm: normalized_shape {sizes:?} is no shape");
        require(sizes.iter().all(|n| *n >= 0), message, "sizes are at least 0");
        let sizes: Vec<usize> = sizes.iter().map(|n| *n as usize).collect();
        LayerNorm { affine: Some(Affine::new("LayerNorm: normalized_shape", &sizes)), sizes, eps: 1e-5 }
    }
    /// The same layer with another `eps`, which is added to the variance.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[track_caller]
    pub fn with_eps(self, eps: f64) -> Self {
        check_eps("LayerNorm", eps);
        LayerNorm { eps, ..self }
    }
    /// The same layer without weights and biases.
    pub fn without_affine(self) -> Self {
        LayerNorm { affine: None, ..self }
    }
    /// The weights, unless the layer is without.
    pub fn weight(&self) -> Option<&Param<T>> {
        self.affine.as_ref().map(|a| &a.weight)
    }
    /// The biases, unless the layer is without.
    pub fn bias(&self) -> Option<&Param<T>> {
        self.affine.as_ref().map(|a| &a.bias)
    }
}

impl<T: Scalar> Forward<T> for LayerNorm<T> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        x.layer_norm(&self.sizes, Affine::options(&self.affine, x, self.eps))
    }
}

impl<T: Scalar> Module<T> for LayerNorm<T> {
    fn visit(&self, v: &mut Visitor<'_, T>) {
        Affine::show(&self.affine, v);
    }
    fn describe(&self) -> String {
        format!("layer norm of {:?}", self.sizes)
    }
}

/// Group normalization of groups of channels (axis 1) in each row: PyTorch's `GroupNorm`.
///
/// Source: Y. Wu, K. He, "Group normalization" (2018).
#[derive(Debug)]
pub struct GroupNorm<T: Scalar = f32> {
    affine: Option<Affine<T>>,
    groups: usize,
    eps: f64,
}

impl<T: Scalar> GroupNorm<T> {
    /// A layer for `num_channels` channels in `num_groups` groups, with eps 1e-5.
    ///
    /// # Panics
    /// If the groups do not divide the channels, or arrays of this size are too large for memory.
    #[track_caller]
    pub fn new(num_groups: usize, num_channels: usize) -> Self {
        let message = || format!("GroupNorm: {num_channels} channels do not fall into {num_groups} groups");
        let fits = num_groups > 0 && num_channels.is_multiple_of(num_groups);
        require(fits, message, "the order is (num_groups, num_channels)");
        GroupNorm { affine: Some(Affine::new("GroupNorm: num_channels", &[num_channels])), groups: num_groups, eps: 1e-5 }
    }
    /// The same layer with another `eps`, which is added to the variance.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[track_caller]
    pub fn with_eps(self, eps: f64) -> Self {
        check_eps("GroupNorm", eps);
        GroupNorm { eps, ..self }
    }
    /// The same layer without weights and biases.
    pub fn without_affine(self) -> Self {
        GroupNorm { affine: None, ..self }
    }
    /// The weights, unless the layer is without.
    pub fn weight(&self) -> Option<&Param<T>> {
        self.affine.as_ref().map(|a| &a.weight)
    }
    /// The biases, unless the layer is without.
    pub fn bias(&self) -> Option<&Param<T>> {
        self.affine.as_ref().map(|a| &a.bias)
    }
}

impl<T: Scalar> Forward<T> for GroupNorm<T> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        x.group_norm(self.groups, Affine::options(&self.affine, x, self.eps))
    }
}

impl<T: Scalar> Module<T> for GroupNorm<T> {
    fn visit(&self, v: &mut Visitor<'_, T>) {
        Affine::show(&self.affine, v);
    }
    fn describe(&self) -> String {
        format!("group norm of {} groups", self.groups)
    }
}
