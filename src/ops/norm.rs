//! Normalizations: bring the elements of a layer, a group of channels or a channel to mean 0 and variance 1. Batch normalization is in
//! `batch_norm.rs`.

use crate::array::error::ShapeError;
use crate::array::layout::Axes;
use crate::array::scalar::Scalar;
use crate::array::shape::{Shape, Sizes, Small};
use crate::array::view::View;
use crate::kernels::norm::Standard;
use crate::kernels::unit::{is_moderate, unit};
use crate::ops::map::same_shape;
use crate::ops::reduction::AxisList;
use crate::tape::op::{Cotangents, Op, Vjp};
use crate::tape::var::{Var, refuse};

// ---------------------------------------------------------------------------------------------------------- standardize

/// `(x - mean) / sqrt(variance + eps)` over axes; without `center`, `x / sqrt(mean(x^2) + eps)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Standardize(Standard);

/// `r (g - mean(g) - s mean(g s))` from g and x, where r is the reciprocal standard deviation and `s = (x - mean) r` the standardized x:
/// the gradient of [`Standardize`]. As a linear map of g it is symmetric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct StandardizeGrad(Standard);

impl<T: Scalar> Op<T> for Standardize {
    fn name(&self) -> &'static str {
        "standardize"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(x[0].clone())
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        self.0.forward(x[0], y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|_| cx.g.record2(StandardizeGrad(self.0), cx.x(0)))
    }
}

impl<T: Scalar> Op<T> for StandardizeGrad {
    fn name(&self) -> &'static str {
        "standardize_grad"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        same_shape(x)
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        self.0.backward(x[0], x[1], y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        let (h, g, x) = (cx.g, cx.x(0), cx.x(1));
        let Standard { axes, center, .. } = self.0;
        cx.each(|i| {
            if i == 0 {
                return h.record2(*self, x);
            }
            // <h, y> = r ((h, g) - n mean(h) mean(g) - (h, s) (g, s) / n) in each group. It is differentiated by r, with dr/dx = -r^2 s /
            // n, and by s.
            let sum = |v: Var<'t, T>| v.sum_axes(axes, true);
            let n = x.number(axes.count(&x.shape()) as f64);
            let (s, r) = (x.record(Standardize(self.0)), x.record(Reciprocal(self.0)));
            let (hs, gs) = (sum(h * s), sum(g * s));
            let mut whole = sum(h * g) - hs * gs / n;
            if center {
                whole -= sum(h) * sum(g) / n;
            }
            let by_s = (h * gs + g * hs).record2(*self, x);
            -(s * (r * (r * whole)) + r * by_s) / n
        })
    }
}

/// `1 / sqrt(variance + eps)` over axes, which stay with size 1. Without `center`, the mean square replaces the variance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Reciprocal(Standard);

impl<T: Scalar> Op<T> for Reciprocal {
    fn name(&self) -> &'static str {
        "reciprocal_deviation"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(self.0.axes.reduce(x[0], true))
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        self.0.scales(x[0], y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        // dr/dx = -r^2 s / n. No formula contains the variance itself, which may overflow or vanish where r does not.
        let (x, r) = (cx.x(0), cx.y());
        cx.each(|_| -(x.record(Standardize(self.0)) * (cx.g * r * r)) / x.number(self.0.axes.count(&x.shape()) as f64))
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// Brings the elements over axes to mean 0 and variance 1: (x - mean) / sqrt(variance + eps), where the divisor of the variance is the
    /// number of elements. With s for the result and r for 1 / sqrt(variance + eps), the derivative takes a cotangent g to r (g - mean(g) -
    /// s mean(g s)). The normalizations below are made of this. Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let y = tape.leaf([[1.0, 3.0], [5.0, 9.0]]).standardize(-1, 0.0);
    /// assert_eq!(y.to_vec(), [-1.0, 1.0, -1.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, one is named twice, or eps is NaN.
    #[track_caller]
    pub fn standardize(self, axes: impl AxisList, eps: f64) -> Self {
        let axes = self.axes("standardize", axes);
        self.check_eps("standardize", eps);
        self.record(Standardize(Standard { axes, eps, center: true }))
    }
}

// ------------------------------------------------------------------------------------------------------- normalizations

/// What follows a normalization: y = x weight + bias. By default there is neither, and 1e-5 is added to the variance.
#[derive(Clone, Copy, Debug)]
pub struct NormOptions<'t, T: Scalar> {
    /// One factor for each channel; for [`Var::layer_norm`], one for each element of the normalized shape.
    pub weight: Option<Var<'t, T>>,
    /// One summand for each channel or element, like the weight.
    pub bias: Option<Var<'t, T>>,
    /// Added to the variance, so that its root is not 0.
    pub eps: f64,
}
impl<T: Scalar> Default for NormOptions<'_, T> {
    fn default() -> Self {
        NormOptions { weight: None, bias: None, eps: 1e-5 }
    }
}

/// The options of [`Var::rms_norm`]. By default there is no weight, and the machine epsilon of the number type is added to the mean square.
#[derive(Clone, Copy, Debug, Default)]
pub struct RmsNormOptions<'t, T: Scalar> {
    /// One factor for each element of the normalized shape.
    pub weight: Option<Var<'t, T>>,
    /// Added to the mean square; `None` is the machine epsilon.
    pub eps: Option<f64>,
}

/// The options of [`Var::local_response_norm`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LocalResponseNormOptions {
    /// The factor of the mean square.
    pub alpha: f64,
    /// The exponent of the divisor.
    pub beta: f64,
    /// Added to the mean square.
    pub k: f64,
}
impl Default for LocalResponseNormOptions {
    fn default() -> Self {
        LocalResponseNormOptions { alpha: 1e-4, beta: 0.75, k: 1.0 }
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// Refuses an eps that is NaN.
    #[track_caller]
    pub(crate) fn check_eps(self, op: &'static str, eps: f64) {
        if eps.is_nan() {
            let e = ShapeError::new("eps is not a number").hint("a small number that is above 0, such as the default");
            refuse(e, op, [self.shape()]);
        }
    }
    /// The number of channels (axis 1). Refuses arrays without axis 1, a weight or bias of another size, and an eps that is NaN.
    #[track_caller]
    pub(crate) fn channels(self, op: &'static str, options: &NormOptions<'t, T>) -> usize {
        let shape = self.shape();
        self.check_eps(op, options.eps);
        if shape.len() < 2 {
            let e = ShapeError::new("an axis of channels is needed").hint("shapes are [rows, channels, ..]");
            refuse(e, op, [shape]);
        }
        for v in [options.weight, options.bias].into_iter().flatten() {
            if v.shape() != [shape[1]] {
                let e = ShapeError::new(format!("{} channels need as many weights and biases, not shape {}", shape[1], v.shape()));
                refuse(e.hint("one for each channel, which are axis 1"), op, [shape, v.shape()]);
            }
        }
        shape[1]
    }
    /// Refuses the normalization of a single number: its variance is 0, whatever the number.
    #[track_caller]
    pub(crate) fn several(self, n: usize, op: &'static str) {
        if n == 1 {
            let e = ShapeError::new("one number has no variance").hint("give more rows or positions, or use `layer_norm`");
            refuse(e, op, [self.shape()]);
        }
    }
    /// `self * weight + bias`, with one weight and one bias for each channel (axis 1).
    #[track_caller]
    fn affine(self, weight: Option<Self>, bias: Option<Self>) -> Self {
        if weight.is_none() && bias.is_none() {
            return self;
        }
        let n = self.size(1);
        let row = |v: Option<Self>, default: f64| v.map_or(self.constants(default, n), |v| v.reshape_to([1, n].into()));
        self.channel_affine([self.constants(0.0, n), row(weight, 1.0), row(bias, 0.0)])
    }
    /// Instance normalization: brings every channel (axis 1) of every row (axis 0) to mean 0 and variance 1, then multiplies by the weight
    /// and adds the bias. (D. Ulyanov et al., "Instance normalization", 2016.) Derivative by x: as [`Var::standardize`], times the weight.
    /// Shapes: `[rows, channels, ..]` to the same; weight and bias `[channels]`.
    ///
    /// ```
    /// use wengert::{NormOptions, Tape};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf([[[1.0, 3.0], [5.0, 9.0]]]); // one row, two channels
    /// let options = NormOptions { weight: Some(tape.leaf([2.0, 1.0])), bias: None, eps: 0.0 };
    /// assert_eq!(x.instance_norm(options).to_vec(), [-2.0, 2.0, -1.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no axis 1, weight or bias do not have one number for each channel, a channel has a single element, or eps is NaN.
    #[track_caller]
    pub fn instance_norm(self, options: NormOptions<'t, T>) -> Self {
        let name = "instance_norm";
        self.channels(name, &options);
        let axes = Axes::of(2..self.ndim());
        self.several(axes.count(&self.shape()), name);
        self.standardize(axes, options.eps).affine(options.weight, options.bias)
    }
    /// Group normalization: brings groups of channels (axis 1) of every row to mean 0 and variance 1, then multiplies every channel by its
    /// weight and adds its bias. The groups have equal sizes. (Y. Wu and K. He, "Group normalization", 2018.) Derivative by x: as
    /// [`Var::standardize`], times the weight. Shapes: `[rows, channels, ..]` to the same; weight and bias `[channels]`.
    ///
    /// ```
    /// use wengert::{NormOptions, Tape};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 3.0, 10.0, 30.0]]); // one row, four channels
    /// let options = NormOptions { weight: None, bias: Some(tape.leaf([0.0, 0.0, 0.0, 5.0])), eps: 0.0 };
    /// assert_eq!(x.group_norm(2, options).to_vec(), [-1.0, 1.0, -1.0, 6.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no axis 1, the groups do not divide the channels, weight or bias do not have one number for each channel, a group is
    /// empty, eps is NaN, or there is only one row and a group has a single element.
    #[track_caller]
    pub fn group_norm(self, groups: usize, options: NormOptions<'t, T>) -> Self {
        let name = "group_norm";
        let (n, shape) = (self.channels(name, &options), self.shape());
        if groups == 0 || !n.is_multiple_of(groups) {
            let e = ShapeError::new(format!("{n} channels do not fall into {groups} groups")).hint("the size of axis 1 must be a multiple");
            refuse(e, name, [shape]);
        }
        let rest: usize = shape[2..].iter().product();
        let each = n / groups * rest;
        if each == 0 {
            let e = ShapeError::new("a group of no numbers has no variance");
            refuse(e.hint("channels and the axes after them must not be empty"), name, [shape]);
        }
        self.several(each * shape[0], name);
        let y = self.reshape_to([shape[0] * groups, each].into()).standardize(1, options.eps);
        y.reshape_to(shape).affine(options.weight, options.bias)
    }
    /// Layer normalization: brings the last axes together to mean 0 and variance 1, then multiplies by a weight and adds a bias. `sizes`
    /// are the sizes of these axes, and the shape of weight and bias. (J. L. Ba et al., "Layer normalization", 2016.) Derivative by x: as
    /// [`Var::standardize`], times the weight. Shapes: `[.., sizes]` to the same; weight and bias `[sizes]`.
    ///
    /// ```
    /// use wengert::{NormOptions, Tape};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf([[0.0, 2.0], [5.0, 9.0]]);
    /// let options = NormOptions { weight: None, bias: Some(tape.leaf([10.0, 20.0])), eps: 0.0 };
    /// assert_eq!(x.layer_norm(&[2], options).to_vec(), [9.0, 21.0, 9.0, 21.0]);
    /// ```
    ///
    /// # Panics
    /// If the sizes are not those of the last axes, weight or bias has another shape, or eps is NaN.
    #[track_caller]
    pub fn layer_norm(self, sizes: impl Sizes, options: NormOptions<'t, T>) -> Self {
        let axes = self.last_axes("layer_norm", &self.shape_of("layer_norm", sizes), [options.weight, options.bias]);
        self.check_eps("layer_norm", options.eps);
        self.standardize(axes, options.eps).affine_of_last(axes, options.weight, options.bias)
    }
    /// Root-mean-square normalization: x / sqrt(mean(x^2) + eps) over the last axes, whose sizes are `sizes`, then times a weight of that
    /// shape. Unlike [`Var::layer_norm`], it subtracts no mean. (B. Zhang and R. Sennrich, "Root mean square layer normalization", 2019.)
    /// With s for the quotient and r for 1 / sqrt(mean(x^2) + eps), the derivative takes a cotangent g of s to r (g - s mean(g s)). Shapes:
    /// `[.., sizes]` to the same; weight `[sizes]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[0.0, 4.0, 0.0, 0.0], [3.0, -3.0, 3.0, 3.0]]);
    /// let y = x.rms_norm(&[4], Default::default());
    /// assert_eq!(y.to_vec(), [0.0, 2.0, 0.0, 0.0, 1.0, -1.0, 1.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If the sizes are not those of the last axes, the weight has another shape, or eps is NaN.
    #[track_caller]
    pub fn rms_norm(self, sizes: impl Sizes, options: RmsNormOptions<'t, T>) -> Self {
        let axes = self.last_axes("rms_norm", &self.shape_of("rms_norm", sizes), [options.weight, None]);
        self.check_eps("rms_norm", options.eps.unwrap_or(0.0));
        let epsilon = if size_of::<T>() == 4 { f64::from(f32::EPSILON) } else { f64::EPSILON };
        let standard = Standard { axes, eps: options.eps.unwrap_or(epsilon), center: false };
        self.record(Standardize(standard)).affine_of_last(axes, options.weight, None)
    }
    /// `self * weight + bias`, with one weight and one bias for each index of the last axes.
    #[track_caller]
    fn affine_of_last(self, axes: Axes, weight: Option<Self>, bias: Option<Self>) -> Self {
        let (shape, n) = (self.shape(), axes.count(&self.shape()));
        let rows = (0..shape.len()).filter(|&a| !axes.has(a)).map(|a| shape[a]).product();
        self.reshape_to([rows, n].into()).affine(weight, bias).reshape_to(shape)
    }
    #[track_caller]
    fn last_axes(self, op: &'static str, sizes: &[usize], weights: [Option<Self>; 2]) -> Axes {
        let shape = self.shape();
        if sizes.is_empty() || !shape.ends_with(sizes) {
            let e = ShapeError::new(format!("{sizes:?} are not the sizes of the last axes of shape {shape}"))
                .hint("name the sizes of one or more axes at the end");
            refuse(e, op, [shape]);
        }
        for w in weights.into_iter().flatten() {
            if w.shape() != *sizes {
                let e = ShapeError::new(format!("weight and bias must have the normalized shape {sizes:?}, not {}", w.shape()));
                refuse(e.hint("one number for each place of the named axes"), op, [shape, w.shape()]);
            }
        }
        Axes::of(shape.len() - sizes.len()..shape.len())
    }
    /// Local response normalization: divides every element by (k + alpha m)^beta, where m is the mean square over the `size` channels (on
    /// axis 1) around its own. Channels before the first and after the last count as 0. (A. Krizhevsky et al., "ImageNet classification
    /// with deep convolutional neural networks", 2012.) Derivative: that of this formula. Shapes: `[rows, channels, ..]` to the same.
    ///
    /// ```
    /// use wengert::{LocalResponseNormOptions, Tape};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf([[[1.0], [1.0], [1.0]]]); // one row, three channels
    /// let options = LocalResponseNormOptions { alpha: 2.0, beta: 1.0, k: 2.0 };
    /// let y = x.local_response_norm(2, options); // each channel with the one before
    /// assert!((y - tape.constant([[[1.0 / 3.0], [0.25], [0.25]]])).abs().max().item() < 1e-15);
    /// ```
    ///
    /// # Panics
    /// If there are fewer than three axes, the size is 0, or an option is NaN.
    #[track_caller]
    pub fn local_response_norm(self, size: usize, options: LocalResponseNormOptions) -> Self {
        let (name, shape) = ("local_response_norm", self.shape());
        if shape.len() < 3 || size == 0 {
            let e = ShapeError::new(format!("at least three axes and one channel are needed, not shape {shape} and size {size}"))
                .hint("shapes are [rows, channels, ..]");
            refuse(e, name, [shape]);
        }
        let LocalResponseNormOptions { alpha, beta, k } = options;
        if [alpha, beta, k].iter().any(|x| x.is_nan()) {
            let e = ShapeError::new(format!("an option is not a number: alpha {alpha}, beta {beta}, k {k}"));
            refuse(e.hint("the defaults are 1e-4, 0.75 and 1"), name, [shape]);
        }
        // Channels that do not exist need no pass over memory, however large `size` is.
        let (before, after) = ((size / 2).min(shape[1]), ((size - 1) / 2).min(shape[1]));
        let borders: Small<(usize, usize)> = (0..shape.len()).map(|a| if a == 1 { (before, after) } else { (0, 0) }).collect();
        let squares = self.square().pad(&borders, 0.0);
        // A few neighbours are added one by one; many are summed over windows, in a single op.
        const FEW: usize = 64;
        let near = if before + after < FEW {
            let mut sum = squares.narrow(1, 0, shape[1]);
            // A loop: a closure would hide the caller's line.
            for i in 1..=before + after {
                sum += squares.narrow(1, i, shape[1]);
            }
            sum
        } else {
            squares.unfold(1, before + after + 1, 1).sum_axes(-1, false)
        };
        let base = near * self.number(alpha / size as f64) + self.number(k);
        if base.value().as_slice().iter().all(|&base| is_moderate(base)) {
            return self / base.powf(beta);
        }
        // Some squares overflow or vanish. Compute again: each window in the unit of its largest element, and k in the square of that unit.
        let windows = self.pad(&borders, 0.0).unfold(1, before + after + 1, 1);
        let units: Vec<T> = windows.abs().amax(-1, false).to_vec().into_iter().map(unit).collect();
        let constant = |f: &dyn Fn(f64) -> f64| {
            let values: Vec<T> = units.iter().map(|u| T::from_f64(f(u.to_f64()))).collect();
            self.tape.constant(values).reshape_to(shape.clone())
        };
        let in_units = constant(&|u| u);
        let near = (windows * in_units.unsqueeze(-1)).square().sum_axes(-1, false);
        let base = near * self.number(alpha / size as f64) + constant(&|u| k * u * u);
        self * in_units / base.powf(beta) * constant(&|u| u.powf(2.0 * beta - 1.0))
    }
}

#[cfg(test)]
mod rows {
    use super::*;
    use crate::ops::samples::*;

    const NAN: f64 = f64::NAN;

    fn of_axes<T: Scalar>(x: Var<'_, T>, axes: impl AxisList, eps: f64, center: bool) -> Var<'_, T> {
        let axes = x.axes("standardize", axes);
        x.record(Standardize(Standard { axes, eps, center }))
    }
    /// The same, in several steps.
    fn formula<'t, T: Scalar>(x: Var<'t, T>, axes: &[isize], eps: f64, center: bool) -> Var<'t, T> {
        let x = if center { x - x.mean_axes(axes, true) } else { x };
        x / (x.square().mean_axes(axes, true) + x.number(eps)).sqrt()
    }
    fn affine<'t, T: Scalar>(weight: Var<'t, T>, bias: Var<'t, T>, eps: f64) -> NormOptions<'t, T> {
        NormOptions { weight: Some(weight), bias: Some(bias), eps }
    }
    fn plain<'t, T: Scalar>(eps: f64) -> NormOptions<'t, T> {
        NormOptions { eps, ..Default::default() }
    }

    impl Sampled for Standardize {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = Vec::new();
            for center in [true, false] {
                rows.extend([
                    grad([any(&[7])], move |v| of_axes(v[0], 0, 0.1, center)),
                    grad([any(&[40])], move |v| of_axes(v[0], 0, 0.1, center)),
                    equals([any(&[3, 5])], move |v| of_axes(v[0], 1, 0.1, center), move |v| formula(v[0], &[1], 0.1, center)),
                    equals([any(&[5, 3])], move |v| of_axes(v[0], 0, 0.1, center), move |v| formula(v[0], &[0], 0.1, center)),
                    equals([any(&[3, 2, 4])], move |v| of_axes(v[0], [0, 2], 0.1, center), move |v| formula(v[0], &[0, 2], 0.1, center)),
                    equals([any(&[2, 3, 2, 2])], move |v| of_axes(v[0], [1, 3], 0.5, center), move |v| formula(v[0], &[1, 3], 0.5, center)),
                    equals(
                        [any(&[2, 3, 4])],
                        move |v| of_axes(v[0].permute(&[2, 0, 1]), [0, -1], 0.5, center),
                        move |v| formula(v[0].permute(&[2, 0, 1]), &[0, 2], 0.5, center),
                    ),
                    equals(
                        [any(&[4])],
                        move |v| of_axes(v[0].broadcast_to([3, 4]), 1, 0.5, center),
                        move |v| formula(v[0].broadcast_to([3, 4]), &[1], 0.5, center),
                    ),
                    equals([any(&[5])], move |v| of_axes(v[0], 0, 0.5, center) * v[0], move |v| formula(v[0], &[0], 0.5, center) * v[0]),
                    grad([any(&[])], move |v| of_axes(v[0], 0, 0.5, center)),
                    grad([any(&[3, 1])], move |v| of_axes(v[0], 1, 0.5, center)),
                    grad([any(&[0, 3])], move |v| of_axes(v[0], 1, 0.5, center)),
                    grad([any(&[3, 0])], move |v| of_axes(v[0], 1, 0.5, center)),
                ]);
            }
            let batch = || [any(&[4, 2, 3]), any(&[2]), any(&[2])];
            rows.extend([
                value([of(&[2], [1.0, 3.0])], |v| v[0].standardize(0, 0.0), &[-1.0, 1.0], [&[0.0, 0.0]]),
                value([of(&[2], [1.0, NAN])], |v| v[0].standardize(0, 0.0), &[NAN, NAN], [&[NAN, NAN]]),
                value([of(&[2], [0.0, 0.0])], |v| v[0].standardize(0, -1.0), &[NAN, NAN], [&[NAN, NAN]]),
                refuses([any(&[2])], |v| v[0].standardize(0, NAN), &["standardize of [2]", "eps is not a number", "hint: "]),
                refuses([any(&[2, 3])], |v| v[0].standardize(2, 0.0), &["standardize of [2, 3]", "axis 2 is out of range", "hint: "]),
                equals(
                    batch(),
                    |v| v[0].instance_norm(affine(v[1], v[2], 0.2)),
                    |v| formula(v[0], &[2], 0.2, true) * v[1].unsqueeze(-1) + v[2].unsqueeze(-1),
                ),
                refuses([any(&[2, 3, 1])], |v| v[0].instance_norm(plain(0.1)), &["instance_norm of [2, 3, 1]", "one number", "hint: "]),
                equals(
                    [any(&[2, 6, 2]), any(&[6]), any(&[6])],
                    |v| v[0].group_norm(3, affine(v[1], v[2], 0.2)),
                    |v| {
                        let y = formula(v[0].reshape([2, 3, 4]), &[2], 0.2, true).reshape([2, 6, 2]);
                        y * v[1].unsqueeze(-1) + v[2].unsqueeze(-1)
                    },
                ),
                grad([any(&[0, 2])], |v| v[0].group_norm(1, plain(0.1))),
                refuses([any(&[1])], |v| v[0].group_norm(1, plain(0.1)), &["group_norm of [1]", "axis of channels", "hint: "]),
                refuses([any(&[2, 7, 4])], |v| v[0].group_norm(2, plain(0.1)), &["group_norm of [2, 7, 4]", "2 groups", "hint: "]),
                refuses([any(&[1, 0, 2])], |v| v[0].group_norm(1, plain(0.1)), &["group_norm of [1, 0, 2]", "no numbers"]),
                refuses([any(&[1, 2, 0])], |v| v[0].group_norm(1, plain(0.1)), &["group_norm of [1, 2, 0]", "no numbers"]),
                equals(
                    [any(&[2, 2, 3]), any(&[2, 3]), any(&[2, 3])],
                    |v| v[0].layer_norm([2, 3], affine(v[1], v[2], 0.2)),
                    |v| formula(v[0], &[1, 2], 0.2, true) * v[1] + v[2],
                ),
                refuses([any(&[2, 3])], |v| v[0].layer_norm([2], plain(0.1)), &["layer_norm of [2, 3]", "[2] are not", "hint: "]),
                refuses([any(&[2, 3])], |v| v[0].layer_norm((), plain(0.1)), &["layer_norm of [2, 3]", "[] are not", "hint: "]),
                refuses(
                    [any(&[2, 3]), any(&[2])],
                    |v| v[0].layer_norm([3], affine(v[1], v[1], 0.1)),
                    &["[2, 3] and [2]", "shape [3], not [2]"],
                ),
                equals(
                    [any(&[2, 3]), any(&[3])],
                    |v| v[0].rms_norm([3], RmsNormOptions { weight: Some(v[1]), eps: Some(0.3) }),
                    |v| formula(v[0], &[1], 0.3, false) * v[1],
                ),
                value([of(&[2], [1.0, 7.0])], |v| v[0].rms_norm([2], RmsNormOptions::default()), &[0.2, 1.4], [&[0.168, -0.024]]),
                refuses([any(&[2, 3])], |v| v[0].rms_norm([2, 2], RmsNormOptions::default()), &["rms_norm of [2, 3]", "[2, 2] are not"]),
            ]);
            rows.extend(composed([
                grad([any(&[2, 4, 2])], |v| v[0].local_response_norm(3, LocalResponseNormOptions { alpha: 0.5, ..Default::default() })),
                // The means are taken over channel -1 (which counts as 0) and 0, and over 0 and 1.
                value(
                    [of(&[1, 2, 1], [2.0, 4.0])],
                    |v| v[0].local_response_norm(2, LocalResponseNormOptions { alpha: 1.0, beta: 1.0, k: 0.0 }),
                    &[1.0, 0.4],
                    [&[-0.58, -0.06]],
                ),
                grad([any(&[0, 1, 2])], |v| v[0].local_response_norm(1, LocalResponseNormOptions::default())),
                refuses(
                    [any(&[2, 3])],
                    |v| v[0].local_response_norm(1, LocalResponseNormOptions::default()),
                    &["[2, 3]", "three axes", "hint: "],
                ),
            ]));
            rows
        }
    }

    impl Sampled for Reciprocal {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let op = |x: Var<'_, T>, axes: &[isize], eps: f64, center: bool| {
                let axes = x.axes("reciprocal_deviation", axes);
                Reciprocal(Standard { axes, eps, center })
            };
            let mut rows = Vec::new();
            for center in [true, false] {
                rows.extend([
                    grad([any(&[7])], move |v| v[0].record(op(v[0], &[0], 0.1, center))),
                    grad([any(&[3, 5])], move |v| v[0].record(op(v[0], &[0], 0.1, center))),
                    grad([any(&[2, 3, 4])], move |v| v[0].permute(&[1, 0, 2]).record(op(v[0], &[0, 2], 0.1, center))),
                    grad([any(&[0, 3])], move |v| v[0].record(op(v[0], &[1], 0.1, center))),
                    equals(
                        [any(&[3, 4])],
                        move |v| v[0].record(op(v[0], &[1], 0.1, center)),
                        move |v| {
                            let square = if center { v[0].var(1, 0.0, true) } else { v[0].square().mean_axes(1, true) };
                            (square + v[0].number(0.1)).rsqrt()
                        },
                    ),
                ]);
            }
            rows
        }
    }

    impl Sampled for StandardizeGrad {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = Vec::new();
            for center in [true, false] {
                let op = move |axes: &[usize]| StandardizeGrad(Standard { axes: Axes::of(axes.iter().copied()), eps: 0.3, center });
                rows.extend([
                    grad([any(&[3, 5]), any(&[3, 5])], move |v| v[0].record2(op(&[1]), v[1])),
                    grad([any(&[5, 3]), any(&[5, 3])], move |v| v[0].record2(op(&[0]), v[1])),
                    grad([any(&[2, 3, 2]), any(&[2, 3, 2])], move |v| v[0].record2(op(&[0, 2]), v[1])),
                    grad([any(&[5])], move |v| v[0].record2(op(&[0]), v[0])),
                    grad([any(&[3, 2]), any(&[2, 3])], move |v| v[0].t().record2(op(&[1]), v[1])),
                    grad([any(&[0, 2])], move |v| v[0].record2(op(&[0]), v[0])),
                    equals(
                        [any(&[3, 5]), any(&[3, 5])],
                        move |v| v[0].record2(op(&[1]), v[1]),
                        move |v| {
                            let (g, x) = (v[0], v[1]);
                            let s = formula(x, &[1], 0.3, center);
                            let spread = if center { x - x.mean_axes(1, true) } else { x };
                            let r = (spread.square().mean_axes(1, true) + x.number(0.3)).rsqrt();
                            let g = if center { g - g.mean_axes(1, true) } else { g };
                            r * (g - s * (g * s).mean_axes(1, true))
                        },
                    ),
                    refuses([any(&[2, 3]), any(&[3])], move |v| v[0].record2(op(&[0]), v[1]), &["one shape", "hint: "]),
                ]);
            }
            rows
        }
    }
}
