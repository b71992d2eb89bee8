//! Batch normalization: brings the channels of a batch to mean 0 and variance 1.
//!
//! It is made of three ops that are closed under differentiation: moments of channels, sums over channels, and `(x - mean) scale + shift`
//! with one mean, scale and shift for each channel. The last op is elementwise apart from these constants, so it is computed in one pass
//! with the ops after it (a residual sum, relu). The gradient by x is made of two such ops, which also run in one pass. In all, the forward
//! pass reads x twice, and the backward pass reads g and x twice.

use crate::array::error::ShapeError;
use crate::array::layout::Axes;
use crate::array::memory::filled;
use crate::array::scalar::Scalar;
use crate::array::shape::Shape;
use crate::array::view::View;
use crate::kernels::channels::{self, Channels};
use crate::kernels::elementwise::Cost;
use crate::kernels::unit::{is_moderate, unit};
use crate::ops::join::concat;
use crate::ops::map::same_shape;
use crate::ops::norm::NormOptions;
use crate::tape::op::{Cotangents, Fused, Op, Vjp};
use crate::tape::param::Param;
use crate::tape::var::{Var, refuse};

/// The size of axis 1, if there is such an axis.
fn channels_of(shape: &Shape) -> Result<usize, ShapeError> {
    let missing = || ShapeError::new("an axis of channels is needed").hint("shapes are [rows, channels, ..]");
    shape.get(1).copied().ok_or_else(missing)
}

fn check_shape(found: &Shape, what: &str, wanted: [usize; 2]) -> Result<(), ShapeError> {
    match *found == wanted {
        true => Ok(()),
        false => Err(ShapeError::new(format!("{what} must have shape {wanted:?}, not {found}")).hint("channels are axis 1")),
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// Row `i`, as an array of one row.
    #[track_caller]
    fn row(self, i: usize) -> Self {
        self.narrow(0, i, 1)
    }
    /// A row of n equal numbers.
    #[track_caller]
    pub(crate) fn constants(self, x: f64, n: usize) -> Self {
        self.number(x).broadcast_to_shape([1, n].into())
    }
}

// ------------------------------------------------------------------------------------------------------------- moments

/// Mean and variance of each channel (axis 1), as two rows; the divisor is the number of elements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ChannelMoments;

impl<T: Scalar> Op<T> for ChannelMoments {
    fn name(&self) -> &'static str {
        "channel_moments"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok([2, channels_of(x[0])?].into())
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        channels::moments(&x[0].to_slice(), Channels::of(x[0].shape()), y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        let x = cx.x(0);
        cx.each(|_| {
            let n = x.number(Channels::of(&x.shape()).count().max(1) as f64);
            let g = cx.g / n;
            x.channel_affine([cx.y().row(0), g.row(1) + g.row(1), g.row(0)])
        })
    }
}

// -------------------------------------------------------------------------------------------------------------- affine

/// `(x - mean) scale + shift`. Inputs are x and a table with the rows mean, scale and shift, which have one number for each channel (axis 1
/// of x).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ChannelAffine;

impl<T: Scalar> Op<T> for ChannelAffine {
    fn name(&self) -> &'static str {
        "channel_affine"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        check_shape(x[1], "the table", [3, channels_of(x[0])?])?;
        Ok(x[0].clone())
    }
    fn fused(&self) -> Option<&dyn Fused<T>> {
        Some(self)
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        let inner = Channels::of(x[0].shape()).inner;
        channels::affine(&x[0].to_slice(), &x[1].to_slice(), inner, 0, y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        let (x, table, g) = (cx.x(0), cx.x(1), cx.g.contiguous());
        cx.each(|i| {
            let (mean, scale) = (table.row(0), table.row(1));
            if i == 0 {
                let none = g.constants(0.0, scale.size(1));
                return g.channel_affine([none, scale, none]);
            }
            let sums = g.record3(ChannelSums, x, mean);
            let sum = sums.row(0);
            concat(&[-(sum * scale), sums.row(1), sum], 0)
        })
    }
}

impl<T: Scalar> Fused<T> for ChannelAffine {
    fn elementwise(&self) -> Option<Cost> {
        Some(Cost::Cheap)
    }
    fn is_table(&self, i: usize) -> bool {
        i == 1
    }
    fn forward_part(&self, whole: &Shape, start: usize, x: &[View<'_, T>], y: &mut [T]) {
        let inner = Channels::of(whole).inner;
        channels::affine(&x[0].to_slice(), &x[1].to_slice(), inner, start, y);
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// `(self - mean) scale + shift`. Each of the three is a row with one number for each index of axis 1.
    #[track_caller]
    pub(crate) fn channel_affine(self, mean_scale_shift: [Self; 3]) -> Self {
        self.contiguous().record2(ChannelAffine, concat(&mean_scale_shift, 0))
    }
}

// ---------------------------------------------------------------------------------------------------------------- sums

/// Two rows: the sum over each channel of g, and that of `g (x - mean)`. Inputs are g, x and a row of means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ChannelSums;

impl<T: Scalar> Op<T> for ChannelSums {
    fn name(&self) -> &'static str {
        "channel_sums"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        let n = channels_of(&same_shape(&x[..2])?)?;
        check_shape(x[2], "the means", [1, n])?;
        Ok([2, n].into())
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        channels::sums(&x[0].to_slice(), &x[1].to_slice(), &x[2].to_slice(), Channels::of(x[0].shape()), y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        let (g, x, mean) = (cx.x(0), cx.x(1), cx.x(2));
        let (of_sum, of_along) = (cx.g.row(0), cx.g.row(1));
        cx.each(|i| match i {
            0 => x.channel_affine([mean, of_along, of_sum]),
            1 => {
                let none = g.constants(0.0, mean.size(1));
                g.channel_affine([none, of_along, none])
            }
            _ => -(of_along * cx.y().row(0)),
        })
    }
}

// -------------------------------------------------------------------------------------------------- batch normalization

/// Running means and variances of channels, kept from step to step. [`Var::batch_norm_train`] collects them and [`Var::batch_norm`] uses
/// them.
///
/// ```
/// use wengert::{NormOptions, RunningStats, Tape};
/// let tape = Tape::<f64>::new();
/// let x = tape.leaf([[1.0, 10.0], [3.0, 50.0]]);
/// let stats = RunningStats::with_momentum(2, 1.0);
/// let y = x.batch_norm_train(&stats, NormOptions { eps: 0.0, ..Default::default() });
/// assert_eq!(y.to_vec(), [-1.0, -1.0, 1.0, 1.0]);
/// assert_eq!([stats.mean, stats.var].map(|p| p.to_array().into_raw_vec_and_offset().0), [[2.0, 30.0], [2.0, 800.0]]);
/// ```
#[derive(Clone, Debug)]
pub struct RunningStats<T: Scalar = f32> {
    /// The mean of each channel: a frozen parameter, which gets no gradient.
    pub mean: Param<T>,
    /// The unbiased variance of each channel; also frozen.
    pub var: Param<T>,
    /// The share of a new batch: new = (1 - momentum) old + momentum batch.
    pub momentum: f64,
}

impl<T: Scalar> RunningStats<T> {
    /// Mean 0, variance 1 and momentum 0.1.
    ///
    /// ```
    /// let stats = wengert::RunningStats::<f64>::new(2);
    /// assert_eq!(stats.mean.to_array().as_slice().unwrap(), [0.0, 0.0]);
    /// assert_eq!((stats.var.to_array().as_slice().unwrap(), stats.momentum), (&[1.0, 1.0][..], 0.1));
    /// ```
    ///
    /// # Panics
    /// If there are more channels than memory holds.
    #[track_caller]
    pub fn new(channels: usize) -> Self {
        RunningStats::with_momentum(channels, 0.1)
    }
    /// Mean 0, variance 1 and the given momentum.
    ///
    /// ```
    /// use wengert::{RunningStats, Tape};
    /// let (tape, stats) = (Tape::<f64>::new(), RunningStats::with_momentum(1, 0.25));
    /// tape.leaf([[1.0], [3.0]]).batch_norm_train(&stats, Default::default());
    /// assert_eq!(stats.mean.to_array().as_slice().unwrap(), [0.75 * 0.0 + 0.25 * 2.0]);
    /// ```
    ///
    /// # Panics
    /// If there are more channels than memory holds.
    #[track_caller]
    pub fn with_momentum(channels: usize, momentum: f64) -> Self {
        let shape = Shape::from([channels]);
        let numbers = |x: T| shape.check_size().and_then(|()| filled(channels, x));
        let (zeros, ones) = match numbers(T::ZERO).and_then(|zeros| Ok((zeros, numbers(T::ONE)?))) {
            Ok(both) => both,
            Err(e) => refuse(e, "RunningStats", [shape]),
        };
        let of = |name: &str, numbers: Vec<T>| {
            let p = Param::new(name, numbers);
            p.freeze();
            p
        };
        RunningStats { mean: of("running_mean", zeros), var: of("running_var", ones), momentum }
    }
    /// Moves mean and variance towards those of a batch. The rows of `moments` are the means and the variances (with divisor n) of n
    /// numbers in each channel. The numbers of channel c were multiplied by `unit(c)` before the moments were taken.
    fn update(&self, moments: Var<'_, T>, unit: &dyn Fn(usize) -> T, n: usize) {
        let moments = moments.value();
        let (means, variances) = moments.as_slice().split_at(self.mean.shape().numel());
        let unbiased = T::from_f64(n as f64 / (n as f64 - 1.0));
        // A share of 0 gives 0, even for NaN: the product would be NaN.
        let share = |share: f64, x: T| if share == 0.0 { T::ZERO } else { T::from_f64(share) * x };
        let towards = |running: &Param<T>, new: &dyn Fn(usize) -> T| {
            running.with_mut(|running| {
                let each = running.iter_mut().enumerate();
                each.for_each(|(c, running)| *running = share(1.0 - self.momentum, *running) + share(self.momentum, new(c)));
            });
        };
        towards(&self.mean, &|c| means[c] / unit(c));
        towards(&self.var, &|c| variances[c] * unbiased / unit(c) / unit(c));
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// Batch normalization in training: brings every channel (axis 1) to mean 0 and variance 1 over all other axes, then multiplies by the
    /// weight and adds the bias: (x - mean) / sqrt(var + eps) weight + bias. `stats`, unless `None`, are moved towards the means and
    /// variances of the batch. Derivatives: by x, that of [`Var::standardize`] times the weight; by the weight, the sum of g (x - mean) /
    /// sqrt(var + eps) over each channel; by the bias, the sum of g. Shape: that of x, `[rows, channels, ..]`. In PyTorch:
    /// `F.batch_norm(.., training=True)`. (S. Ioffe and C. Szegedy, "Batch normalization", 2015.)
    ///
    /// ```
    /// use wengert::{NormOptions, Tape};
    /// let tape = Tape::<f64>::new();
    /// let (x, weight, bias) = (tape.leaf([[1.0, 10.0], [3.0, 50.0]]), tape.leaf([2.0, 1.0]), tape.leaf([0.0, 5.0]));
    /// let y = x.batch_norm_train(None, NormOptions { weight: Some(weight), bias: Some(bias), eps: 0.0 });
    /// assert_eq!(y.to_vec(), [-2.0, 4.0, 2.0, 6.0]);
    /// assert_eq!(tape.grad(y, &[bias])[0].unwrap().to_vec(), [2.0, 2.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no axis 1, weight, bias or statistics do not have one number for each channel, or a channel has only one element and so
    /// no variance.
    #[track_caller]
    pub fn batch_norm_train<'s>(self, stats: impl Into<Option<&'s RunningStats<T>>>, options: NormOptions<'t, T>) -> Self {
        let name = "batch_norm";
        let (channels, n) = (self.channels(name, &options), self.all_but_channels().count(&self.shape()));
        self.several(n, name);
        let stats = stats.into();
        if let Some(stats) = &stats {
            self.fits(stats, channels);
        }
        let x = self.contiguous();
        let moments = x.record(ChannelMoments);
        let learn = |moments, unit: &dyn Fn(usize) -> T| {
            if let Some(stats) = stats
                && n > 0
            {
                stats.update(moments, unit, n);
            }
        };
        let Some(units) = x.units_beyond(moments, options.eps) else {
            learn(moments, &|_| T::ONE);
            return x.normalize_by(moments.row(0), moments.row(1), &options);
        };
        // Multiply each channel by its unit, so that no square overflows or vanishes; eps is multiplied by the square of the unit.
        let row = |v: Vec<T>| self.tape.constant(v).reshape_to([1, channels].into());
        let eps = row(units.iter().map(|u| T::from_f64(options.eps * u.to_f64() * u.to_f64())).collect());
        let none = self.constants(0.0, channels);
        let x = x.channel_affine([none, row(units.clone()), none]);
        let moments = x.record(ChannelMoments);
        learn(moments, &|c| units[c]);
        x.normalize_in(moments.row(0), moments.row(1) + eps, &options)
    }
    /// The power of two to multiply each channel by so that its squares neither overflow nor vanish; 1 for most channels. `None` if it is 1
    /// for all. `moments` are those of this array.
    fn units_beyond(self, moments: Self, eps: f64) -> Option<Vec<T>> {
        let moments = moments.value();
        let (means, variances) = moments.as_slice().split_at(moments.as_slice().len() / 2);
        let fine = |c: usize| is_moderate(variances[c] + T::from_f64(eps)) && means[c].to_f64().is_finite();
        if (0..means.len()).all(fine) {
            return None;
        }
        let x = self.value();
        let mut units = vec![T::ZERO; means.len()];
        channels::largest(x.as_slice(), Channels::of(&self.shape()), &mut units);
        let least = T::from_f64(eps.sqrt());
        units.iter_mut().enumerate().for_each(|(c, u)| *u = if fine(c) { T::ONE } else { unit(if *u < least { least } else { *u }) });
        Some(units).filter(|units| units.iter().any(|&u| u != T::ONE))
    }
    /// Batch normalization in evaluation: (x - mean) / sqrt(var + eps) for every channel (axis 1) with the collected statistics, then times
    /// the weight plus the bias. The statistics are constants. Derivatives: by x, weight / sqrt(var + eps); by weight and bias, as
    /// [`Var::batch_norm_train`]. Shape: that of x, `[rows, channels, ..]`. In PyTorch: `F.batch_norm(.., training=False)`.
    ///
    /// ```
    /// use wengert::{NormOptions, RunningStats, Tape};
    /// let (tape, stats) = (Tape::<f64>::new(), RunningStats::new(1));
    /// stats.mean.set([5.0]);
    /// stats.var.set([4.0]);
    /// let x = tape.leaf([[6.0], [9.0]]);
    /// let y = x.batch_norm(&stats, NormOptions { eps: 0.0, ..Default::default() });
    /// assert_eq!(y.to_vec(), [0.5, 2.0]);
    /// assert_eq!(tape.grad(y, &[x])[0].unwrap().to_vec(), [0.5, 0.5]);
    /// ```
    ///
    /// # Panics
    /// If there is no axis 1, or weight, bias or statistics do not have one number for each channel.
    #[track_caller]
    pub fn batch_norm(self, stats: &RunningStats<T>, options: NormOptions<'t, T>) -> Self {
        let n = self.channels("batch_norm", &options);
        self.fits(stats, n);
        let (mean, var) = self.tape.no_grad(|| (self.tape.param(&stats.mean), self.tape.param(&stats.var)));
        // Not in a closure, which would hide the caller's line.
        self.normalize_by(mean.reshape_to([1, n].into()), var.reshape_to([1, n].into()), &options)
    }
    /// `(self - mean) / sqrt(variance + eps) weight + bias`
    #[track_caller]
    fn normalize_by(self, mean: Self, variance: Self, options: &NormOptions<'t, T>) -> Self {
        self.normalize_in(mean, variance + self.number(options.eps), options)
    }
    /// `(self - mean) / sqrt(variance) weight + bias`, where eps has already been added to the variance.
    #[track_caller]
    fn normalize_in(self, mean: Self, variance: Self, options: &NormOptions<'t, T>) -> Self {
        let of_channels = |v: Self| v.reshape_to(mean.shape());
        let scale = variance.rsqrt();
        let scale = options.weight.map_or(scale, |w| scale * of_channels(w));
        let shift = options.bias.map_or_else(|| self.constants(0.0, mean.size(1)), of_channels);
        self.channel_affine([mean, scale, shift])
    }
    /// All axes but that of the channels.
    fn all_but_channels(self) -> Axes {
        Axes::of((0..self.ndim()).filter(|&a| a != 1))
    }
    #[track_caller]
    fn fits(self, stats: &RunningStats<T>, channels: usize) {
        let [means, variances] = [&stats.mean, &stats.var].map(|p| p.shape().numel());
        if means != channels || variances != channels {
            let e = ShapeError::new(format!("{channels} channels need as many means and variances, not {means} and {variances}"))
                .hint("`RunningStats::new` takes the number of channels, the size of axis 1");
            refuse(e, "batch_norm", [self.shape()]);
        }
    }
}

#[cfg(test)]
mod rows {
    use super::*;
    use crate::ops::samples::*;
    use crate::stack;

    const NAN: f64 = f64::NAN;

    /// Channels with one, few, many and no elements.
    const SHAPES: [&[usize]; 6] = [&[4, 3], &[3, 2, 5], &[2, 3, 4, 4], &[2, 2, 37], &[1, 2, 3], &[0, 2, 3]];

    fn others<T: Scalar>(x: Var<'_, T>) -> Axes {
        x.all_but_channels()
    }
    /// One number for each channel, with a shape that broadcasts to x.
    fn beside<'t, T: Scalar>(row: Var<'t, T>, x: Var<'t, T>) -> Var<'t, T> {
        row.reshape_to((0..x.ndim()).map(|a| if a == 1 { x.size(1) } else { 1 }).collect())
    }
    fn moments<T: Scalar>(x: Var<'_, T>) -> Var<'_, T> {
        stack(&[x.mean_axes(others(x), false), x.var(others(x), 0.0, false)], 0)
    }
    fn affine<'t, T: Scalar>(x: Var<'t, T>, table: Var<'t, T>) -> Var<'t, T> {
        let row = |i| beside(table.row(i), x);
        (x - row(0)) * row(1) + row(2)
    }
    fn sums<'t, T: Scalar>(g: Var<'t, T>, x: Var<'t, T>, mean: Var<'t, T>) -> Var<'t, T> {
        let along = g * (x - beside(mean, x));
        stack(&[g.sum_axes(others(x), false), along.sum_axes(others(x), false)], 0)
    }
    fn batch_norm<'t, T: Scalar>(x: Var<'t, T>, eps: f64) -> Var<'t, T> {
        let x = x - x.mean_axes(others(x), true);
        x / (x.square().mean_axes(others(x), true) + x.number(eps)).sqrt()
    }
    fn options<'t, T: Scalar>(weight: Option<Var<'t, T>>, bias: Option<Var<'t, T>>, eps: f64) -> NormOptions<'t, T> {
        NormOptions { weight, bias, eps }
    }
    fn plain<'t, T: Scalar>(eps: f64) -> NormOptions<'t, T> {
        options(None, None, eps)
    }

    impl Sampled for ChannelMoments {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows: Vec<Row<T>> =
                SHAPES[..5].iter().map(|shape| equals([any(shape)], |v| v[0].record(ChannelMoments), |v| moments(v[0]))).collect();
            rows.extend([
                grad([any(&[3, 2, 2])], |v| v[0].record(ChannelMoments).square()),
                equals([any(&[2, 3, 4])], |v| v[0].permute(&[2, 1, 0]).record(ChannelMoments), |v| moments(v[0].permute(&[2, 1, 0]))),
                // A large offset costs no digits.
                value(
                    [of(&[2, 1, 2], [65536.0, 65537.0, 65538.0, 65539.0])],
                    |v| v[0].record(ChannelMoments),
                    &[65537.5, 1.25],
                    [&[-0.5, 0.0, 0.5, 1.0]],
                ),
                value(
                    [of(&[2, 2], [NAN, 2.0, 1.0, 4.0])],
                    |v| v[0].record(ChannelMoments),
                    &[NAN, 3.0, NAN, 1.0],
                    [&[NAN, -0.5, NAN, 1.5]],
                ),
                value([of(&[0, 1], [])], |v| v[0].record(ChannelMoments), &[0.0, 0.0], [&[]]),
                refuses([any(&[3])], |v| v[0].record(ChannelMoments), &["channel_moments of [3]", "axis of channels", "hint: "]),
                equals(
                    [any(&[4, 2, 3]), any(&[2]), any(&[2])],
                    |v| v[0].batch_norm_train(None, options(Some(v[1]), Some(v[2]), 0.2)),
                    |v| batch_norm(v[0], 0.2) * v[1].unsqueeze(-1) + v[2].unsqueeze(-1),
                ),
                grad([any(&[4, 3])], |v| v[0].batch_norm_train(&RunningStats::new(3), plain(0.1))),
                grad([any(&[0, 2])], |v| v[0].batch_norm_train(&RunningStats::new(2), plain(0.1))),
                grad([any(&[0, 2]), any(&[2]), any(&[2])], |v| v[0].batch_norm_train(None, options(Some(v[1]), Some(v[2]), 0.1))),
                refuses([any(&[3])], |v| v[0].batch_norm_train(None, plain(0.1)), &["batch_norm of [3]", "axis of channels", "hint: "]),
                refuses([any(&[1, 3])], |v| v[0].batch_norm_train(None, plain(0.1)), &["batch_norm of [1, 3]", "one number", "hint: "]),
                refuses([any(&[2, 3])], |v| v[0].batch_norm_train(&RunningStats::new(2), plain(0.1)), &["3 channels", "hint: "]),
                refuses(
                    [any(&[2, 3]), any(&[2])],
                    |v| v[0].batch_norm_train(None, options(Some(v[1]), Some(v[1]), 0.1)),
                    &["[2, 3] and [2]", "3 channels"],
                ),
                equals(
                    [any(&[3, 2, 2]), any(&[2])],
                    |v| v[0].permute(&[2, 1, 0]).batch_norm_train(None, options(Some(v[1]), None, 0.2)),
                    |v| batch_norm(v[0].permute(&[2, 1, 0]), 0.2) * v[1].unsqueeze(-1),
                ),
                equals(
                    [any(&[5, 2]), any(&[2])],
                    |v| v[0].batch_norm_train(None, options(None, Some(v[1]), 0.2)),
                    |v| batch_norm(v[0], 0.2) + v[1],
                ),
            ]);
            rows
        }
    }

    impl Sampled for ChannelAffine {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let table = |shape: &[usize]| any(&[3, shape[1]]);
            let mut rows: Vec<Row<T>> = SHAPES
                .iter()
                .map(|shape| equals([any(shape), table(shape)], |v| v[0].record2(ChannelAffine, v[1]), |v| affine(v[0], v[1])))
                .collect();
            rows.extend([
                grad([any(&[3, 2, 2]), any(&[3, 2])], |v| v[0].record2(ChannelAffine, v[1]).square()),
                equals(
                    [any(&[2, 3, 4]), any(&[3, 3])],
                    |v| v[0].permute(&[2, 1, 0]).record2(ChannelAffine, v[1].t()),
                    |v| affine(v[0].permute(&[2, 1, 0]), v[1].t()),
                ),
                refuses(
                    [any(&[3]), any(&[3])],
                    |v| v[0].record2(ChannelAffine, v[1]),
                    &["channel_affine of", "axis of channels", "hint: "],
                ),
                refuses([any(&[2, 3]), any(&[2, 3])], |v| v[0].record2(ChannelAffine, v[1]), &["shape [3, 3], not [2, 3]"]),
            ]);
            let stats = || {
                let stats = RunningStats::<T>::new(2);
                stats.mean.set([T::from_f64(0.5), T::from_f64(-1.0)]);
                stats.var.set([T::ONE, T::from_f64(0.25)]);
                stats
            };
            rows.extend([
                grad([any(&[4, 2, 3]), any(&[2]), any(&[2])], move |v| v[0].batch_norm(&stats(), options(Some(v[1]), Some(v[2]), 0.2))),
                value(
                    [of(&[2, 2], [0.5, 0.0, 1.5, -2.0])],
                    move |v| v[0].batch_norm(&stats(), plain(0.0)),
                    &[0.0, 2.0, 1.0, -2.0],
                    [&[1.0, 2.0, 1.0, 2.0]],
                ),
                refuses([any(&[2, 3])], move |v| v[0].batch_norm(&stats(), plain(0.0)), &["batch_norm of [2, 3]", "not 2 and 2", "hint: "]),
            ]);
            rows
        }
    }

    impl Sampled for ChannelSums {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mean = |shape: &[usize]| any(&[1, shape[1]]);
            let mut rows: Vec<Row<T>> = SHAPES
                .iter()
                .map(|shape| {
                    equals([any(shape), any(shape), mean(shape)], |v| v[0].record3(ChannelSums, v[1], v[2]), |v| sums(v[0], v[1], v[2]))
                })
                .collect();
            rows.extend([
                grad([any(&[3, 2, 2]), any(&[1, 2])], |v| v[0].record3(ChannelSums, v[0], v[1]).square()),
                refuses(
                    [any(&[2, 3]), any(&[2, 3]), any(&[3])],
                    |v| v[0].record3(ChannelSums, v[1], v[2]),
                    &["channel_sums of", "shape [1, 3], not [3]"],
                ),
                refuses([any(&[2, 3]), any(&[3, 2]), any(&[1, 3])], |v| v[0].record3(ChannelSums, v[1], v[2]), &["one shape", "hint: "]),
            ]);
            rows
        }
    }
}
