//! Convolutions of one, two and three dimensions: the three derivatives of one trilinear form.
//!
//! `<y, conv(x, w)>` is linear in x, in w and in y. Its derivatives are the output, the gradient by x (which is the transposed convolution)
//! and the gradient by w. Each is an op here, and the rule of each records the other two, to any order.

mod options;

use crate::array::error::ShapeError;
use crate::array::scalar::Scalar;
use crate::array::shape::Shape;
use crate::array::view::View;
use crate::kernels::conv::{self, Axis, Geometry};
use crate::tape::op::{Cotangents, Op, Vjp};
use crate::tape::var::{Operand, Var, refuse};

pub(crate) use options::LARGEST;
pub use options::{
    Conv1dOptions, Conv2dOptions, Conv3dOptions, ConvOptions, ConvTranspose1dOptions, ConvTranspose2dOptions, ConvTranspose3dOptions,
    ConvTransposeOptions, Padding,
};

// ------------------------------------------------------------------------------------------------------- the three legs

/// What the three ops share: all sizes, and the number of spatial axes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Form {
    sizes: Geometry,
    rank: usize,
}

impl Form {
    fn shape(&self, rows: usize, channels: usize, size: fn(&Axis) -> usize) -> Shape {
        [rows, channels].into_iter().chain(self.sizes.axes[3 - self.rank..].iter().map(size)).collect()
    }
    fn x(&self) -> Shape {
        self.shape(self.sizes.batch, self.sizes.groups * self.sizes.channels, |a| a.input)
    }
    fn w(&self) -> Shape {
        self.shape(self.sizes.groups * self.sizes.filters, self.sizes.channels, |a| a.kernel)
    }
    fn y(&self) -> Shape {
        self.shape(self.sizes.batch, self.sizes.groups * self.sizes.filters, |a| a.output)
    }
    fn name(&self, names: [&'static str; 3]) -> &'static str {
        names[self.rank - 1]
    }
    /// Checks that the sizes of all three arrays can be computed.
    fn checked(sizes: Geometry, rank: usize) -> Result<Form, ShapeError> {
        let form = Form { sizes, rank };
        [form.x(), form.w(), form.y()].iter().try_for_each(Shape::check_size)?;
        Ok(form)
    }
}

fn check_shapes(found: [&Shape; 2], needed: [Shape; 2], result: Shape) -> Result<Shape, ShapeError> {
    match found == [&needed[0], &needed[1]] {
        true => Ok(result),
        false => Err(ShapeError::new(format!("needs {} and {}", needed[0], needed[1])).hint("the arrays are those of one convolution")),
    }
}

/// The convolution of x and w, plus a bias if there is one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ConvOutput(Form);

impl<T: Scalar> Op<T> for ConvOutput {
    fn name(&self) -> &'static str {
        self.0.name(CONV)
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        check_shapes([x[0], x[1]], [self.0.x(), self.0.w()], self.0.y())
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        let bias = x.get(2).map(|b| b.to_slice());
        conv::output(&self.0.sizes, &x[0].to_slice(), &x[1].to_slice(), bias.as_deref(), y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        let (g, x, w) = (cx.g.contiguous(), cx.x(0), cx.x(1));
        cx.each(|i| match i {
            0 => g.record2(ConvInputGrad(self.0), w),
            1 => x.record2(ConvWeightGrad(self.0), g),
            _ => g.sum_axes(&[0, 2, 3, 4][..1 + self.0.rank], false),
        })
    }
}

/// The gradient by x, from the gradient of the output and w: the transposed convolution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ConvInputGrad(Form);

impl<T: Scalar> Op<T> for ConvInputGrad {
    fn name(&self) -> &'static str {
        self.0.name(CONV_TRANSPOSE)
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        check_shapes([x[0], x[1]], [self.0.y(), self.0.w()], self.0.x())
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        conv::input_grad(&self.0.sizes, &x[0].to_slice(), &x[1].to_slice(), y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        let (x, y, w) = (cx.g.contiguous(), cx.x(0), cx.x(1));
        cx.each(|i| if i == 0 { x.record2(ConvOutput(self.0), w) } else { x.record2(ConvWeightGrad(self.0), y) })
    }
}

/// The gradient by w, from x and the gradient of the output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ConvWeightGrad(Form);

impl<T: Scalar> Op<T> for ConvWeightGrad {
    fn name(&self) -> &'static str {
        self.0.name(["conv1d_weight_grad", "conv2d_weight_grad", "conv3d_weight_grad"])
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        check_shapes([x[0], x[1]], [self.0.x(), self.0.y()], self.0.w())
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        conv::weight_grad(&self.0.sizes, &x[0].to_slice(), &x[1].to_slice(), y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        let (w, x, y) = (cx.g.contiguous(), cx.x(0), cx.x(1));
        cx.each(|i| if i == 0 { y.record2(ConvInputGrad(self.0), w) } else { x.record2(ConvOutput(self.0), w) })
    }
}

// ------------------------------------------------------------------------------------------------------------- methods

const CONV: [&str; 3] = ["conv1d", "conv2d", "conv3d"];
const CONV_TRANSPOSE: [&str; 3] = ["conv_transpose1d", "conv_transpose2d", "conv_transpose3d"];

/// Refuses and names the shapes of all operands.
#[track_caller]
fn refuse_all<'t, T: Scalar>(e: ShapeError, op: &'static str, x: Var<'t, T>, w: Var<'t, T>, bias: Option<Var<'t, T>>) -> ! {
    match bias {
        Some(b) => refuse(e, op, [x.shape(), w.shape(), b.shape()]),
        None => refuse(e, op, [x.shape(), w.shape()]),
    }
}

/// Checks the number of axes of the input of a convolution of `N` dimensions, and returns its shape with a batch axis.
pub(crate) fn as_batch<const N: usize>(x: &Shape) -> Result<Shape, ShapeError> {
    match x.len() {
        n if n == N + 2 => Ok(x.clone()),
        n if n == N + 1 => Ok(x.insert(0, 1)),
        n => Err(ShapeError::new(format!("the input has {n} axes, {} are needed: [batch, channels, ..]", N + 2))
            .hint(format!("or {}, [channels, ..], without a batch; `unsqueeze` adds an axis", N + 1))),
    }
}

fn check_weight<const N: usize>(w: &Shape) -> Result<(), ShapeError> {
    match w.len() == N + 2 {
        true => Ok(()),
        false => Err(ShapeError::new(format!("the weight has {} axes, {} are needed", w.len(), N + 2))
            .hint("a convolution's weight is [filters, channels / groups, kernel..]")),
    }
}

fn check_bias(bias: Option<&Shape>, filters: usize) -> Result<(), ShapeError> {
    match bias.is_none_or(|b| *b == [filters]) {
        true => Ok(()),
        false => Err(ShapeError::new(format!("the bias must be [{filters}], a number for each output channel"))
            .hint("the weight says how many there are; `None` is no bias")),
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    #[track_caller]
    fn conv<const N: usize>(self, w: Var<'t, T>, bias: Option<Var<'t, T>>, options: ConvOptions<N>) -> Self {
        let (x, w_shape) = (self.shape(), w.shape());
        let form = as_batch::<N>(&x).and_then(|x| {
            check_weight::<N>(&w_shape)?;
            check_bias(bias.map(Var::shape).as_ref(), w_shape[0])?;
            Form::checked(options.geometry(&x, &w_shape)?, N)
        });
        let form = match form {
            Ok(form) => form,
            Err(e) => refuse_all(e, CONV[N - 1], self, w, bias),
        };
        let (batch, w) = (self.reshape_to(form.x()).contiguous(), w.contiguous());
        let y = match bias {
            Some(b) => batch.record3(ConvOutput(form), w, b),
            None => batch.record2(ConvOutput(form), w),
        };
        if x.len() == N + 1 { y.squeeze(0) } else { y }
    }

    #[track_caller]
    fn conv_transpose<const N: usize>(self, w: Var<'t, T>, bias: Option<Var<'t, T>>, options: ConvTransposeOptions<N>) -> Self {
        let (x, w_shape) = (self.shape(), w.shape());
        let form = as_batch::<N>(&x).and_then(|x| {
            check_weight::<N>(&w_shape)?;
            check_bias(bias.map(Var::shape).as_ref(), w_shape[1].saturating_mul(options.groups))?;
            Form::checked(options.geometry(&x, &w_shape)?, N)
        });
        let form = match form {
            Ok(form) => form,
            Err(e) => refuse_all(e, CONV_TRANSPOSE[N - 1], self, w, bias),
        };
        let mut y = self.reshape_to(form.y()).contiguous().record2(ConvInputGrad(form), w.contiguous());
        if let Some(b) = bias {
            let ones = [1; N];
            y += b.reshape_to(b.shape().iter().copied().chain(ones).collect());
        }
        if x.len() == N + 1 { y.squeeze(0) } else { y }
    }

    /// The convolution (in signal processing: cross-correlation) of `[batch, channels, length]` or `[channels, length]` with the weight
    /// `[filters, channels / groups, kernel]`, plus a bias `[filters]`; see [`Var::conv2d`]. Shape: `[batch, filters, positions]` or
    /// `[filters, positions]`.
    ///
    /// ```
    /// use wengert::{Conv1dOptions, Tape};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 2.0, 4.0], [3.0, 5.0, 9.0]]);
    /// let differences = tape.leaf([[[-1.0, 1.0]], [[-1.0, 1.0]]]);
    /// let each = Conv1dOptions { groups: 2, ..Default::default() }; // one filter for each channel
    /// assert_eq!(x.conv1d(differences, None, each).to_vec(), [1.0, 2.0, 2.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// As [`Var::conv2d`].
    #[track_caller]
    pub fn conv1d(self, weight: impl Operand<'t, T>, bias: impl Into<Option<Self>>, options: Conv1dOptions) -> Self {
        self.conv(weight.to_var(self.tape), bias.into(), options)
    }
    /// The convolution (in signal processing: cross-correlation) of `[batch, channels, height, width]` or `[channels, height, width]` with
    /// the weight `[filters, channels / groups, height, width]`, plus a bias `[filters]` or `None`:
    ///
    /// ```text
    /// y[n, f, o] = bias[f] + sum over c and k of  w[f, c, k] x[n, c, o * stride + k * dilation - padding]
    /// ```
    ///
    /// where o and k are pairs of indices. Shape: `[batch, filters, rows, columns]`, or without the batch; each axis has `(input + 2
    /// padding - dilation (kernel - 1) - 1) / stride + 1` elements. Derivatives: by x, the transposed convolution of g and w; by w, the sum
    /// of products of x and g; by the bias, the sum of g over batch and positions.
    ///
    /// ```
    /// use wengert::{Conv2dOptions, Padding, Tape};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]); // one channel, 2 x 3
    /// let w = tape.leaf([1.0, 0.0, 0.0, 1.0]).reshape(&[1, 1, 2, 2]);
    /// assert_eq!(x.conv2d(w, None, Conv2dOptions::default()).to_vec(), [6.0, 8.0]);
    /// let same = Conv2dOptions { padding: Padding::Same, ..Default::default() };
    /// assert_eq!(x.conv2d(w, tape.leaf([0.5]), same).shape(), [1, 2, 3]);
    /// let wide = Conv2dOptions { stride: [2, 2], padding: 1.into(), ..Default::default() }; // or `[1, 1].into()`
    /// assert_eq!(x.conv2d(w, None, wide).shape(), [1, 2, 2]);
    /// ```
    ///
    /// # Rounding
    /// Kernels of six taps or more along two axes, up to 16 x 16, with stride 1 between 16 channels or more are computed by Winograd's algorithm where that is faster: it
    /// needs about a quarter of the multiplications, by F(4 x 4, 3 x 3) or, for 4 x 4 and 7 x 7 taps, F(4 x 4, 4 x 4). In f32 the largest
    /// error is then about 2e-6 or 4e-6 of the largest element (7e-7 by the definition), and a NaN or an infinity reaches all of each 4 x 4
    /// tile of outputs that depends on it.
    ///
    /// # Panics
    /// If the numbers of axes or channels do not fit, channels cannot be divided into groups, the kernel is larger than the padded input,
    /// stride, dilation or groups are 0, or [`Padding::Same`] is used with a stride.
    #[track_caller]
    pub fn conv2d(self, weight: impl Operand<'t, T>, bias: impl Into<Option<Self>>, options: Conv2dOptions) -> Self {
        self.conv(weight.to_var(self.tape), bias.into(), options)
    }
    /// The convolution of `[batch, channels, depth, height, width]` or `[channels, depth, height, width]` with the weight `[filters,
    /// channels / groups, depth, height, width]`, plus a bias `[filters]`; see [`Var::conv2d`]. Shape: `[batch, filters, planes, rows,
    /// columns]`, or without the batch.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]).unsqueeze(0);
    /// let w = tape.leaf([1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 10.0]).reshape(&[1, 1, 2, 2, 2]);
    /// let y = x.conv3d(w, None, Default::default());
    /// assert_eq!(y.item(), 81.0);
    /// assert_eq!(tape.grad(y, &[w])[0].unwrap().to_vec(), x.to_vec());
    /// ```
    ///
    /// # Panics
    /// As [`Var::conv2d`].
    #[track_caller]
    pub fn conv3d(self, weight: impl Operand<'t, T>, bias: impl Into<Option<Self>>, options: Conv3dOptions) -> Self {
        self.conv(weight.to_var(self.tape), bias.into(), options)
    }

    /// The transposed convolution of `[batch, channels, length]` or `[channels, length]` with the weight `[channels, filters / groups,
    /// kernel]`, plus a bias `[filters]`; see [`Var::conv_transpose2d`]. Shape: `[batch, filters, positions]` or `[filters, positions]`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (x, w) = (tape.leaf([[1.0, 10.0]]), tape.leaf([[[1.0, 2.0, 3.0]]]));
    /// let y = x.conv_transpose1d(w, None, Default::default());
    /// assert_eq!(y.to_vec(), [1.0, 12.0, 23.0, 30.0]); // both elements reach the middle
    /// assert_eq!(tape.grad(y, &[x])[0].unwrap().to_vec(), [6.0, 6.0]);
    /// ```
    ///
    /// # Panics
    /// As [`Var::conv_transpose2d`].
    #[track_caller]
    pub fn conv_transpose1d(self, weight: impl Operand<'t, T>, bias: impl Into<Option<Self>>, options: ConvTranspose1dOptions) -> Self {
        self.conv_transpose(weight.to_var(self.tape), bias.into(), options)
    }
    /// The transposed convolution of `[batch, channels, height, width]` or `[channels, height, width]` with the weight `[channels, filters
    /// / groups, height, width]`, plus a bias `[filters]` or `None`. Each element of the input spreads the kernel over the output, as the
    /// gradient of [`Var::conv2d`] by its input does.
    ///
    /// ```text
    /// y[n, f, i * stride + k * dilation - padding]  +=  w[c, f, k] x[n, c, i]          for all c, i and k
    /// ```
    ///
    /// Shape: `[batch, filters, rows, columns]`, or without the batch; each axis has
    /// `(input - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1` elements. Derivatives: by x, the convolution of g and w;
    /// by w, the sum of products of x and g; by the bias, the sum of g over batch and positions.
    ///
    /// ```
    /// use wengert::{ConvTranspose2dOptions, Tape};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf([[[1.0, 2.0]]]);
    /// let w = tape.leaf([1.0, 10.0]).reshape(&[1, 1, 1, 2]);
    /// let double = ConvTranspose2dOptions { stride: [1, 2], ..Default::default() };
    /// assert_eq!(x.conv_transpose2d(w, None, double).to_vec(), [1.0, 10.0, 2.0, 20.0]);
    /// ```
    ///
    /// # Panics
    /// If the numbers of axes or channels do not fit, channels cannot be divided into groups, stride, dilation or groups are 0,
    /// `output_padding` is not smaller than stride or dilation, or padding leaves nothing.
    #[track_caller]
    pub fn conv_transpose2d(self, weight: impl Operand<'t, T>, bias: impl Into<Option<Self>>, options: ConvTranspose2dOptions) -> Self {
        self.conv_transpose(weight.to_var(self.tape), bias.into(), options)
    }
    /// The transposed convolution of `[batch, channels, depth, height, width]` or `[channels, depth, height, width]` with the weight
    /// `[channels, filters / groups, depth, height, width]`, plus a bias `[filters]`; see [`Var::conv_transpose2d`]. Shape: `[batch,
    /// filters, planes, rows, columns]`, or without the batch.
    ///
    /// ```
    /// use wengert::{ConvTranspose3dOptions, Tape};
    /// let tape = Tape::<f64>::new();
    /// let (x, w) = (tape.leaf([[[[2.0]]]]), tape.leaf([1.0, 3.0]).reshape(&[1, 1, 1, 1, 2]));
    /// let longer = ConvTranspose3dOptions { stride: [1, 1, 2], output_padding: [0, 0, 1], ..Default::default() };
    /// assert_eq!(x.conv_transpose3d(w, tape.leaf([0.5]), longer).to_vec(), [2.5, 6.5, 0.5]);
    /// ```
    ///
    /// # Panics
    /// As [`Var::conv_transpose2d`].
    #[track_caller]
    pub fn conv_transpose3d(self, weight: impl Operand<'t, T>, bias: impl Into<Option<Self>>, options: ConvTranspose3dOptions) -> Self {
        self.conv_transpose(weight.to_var(self.tape), bias.into(), options)
    }
}

#[cfg(test)]
mod rows;
