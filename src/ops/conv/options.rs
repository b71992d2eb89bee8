//! The options of convolutions, and the sizes that follow from them.

use crate::array::error::ShapeError;
use crate::kernels::conv::{Axis, Geometry};

/// How a convolution of `N` dimensions moves over its input. Names and defaults are PyTorch's.
///
/// ```
/// use wengert::{Conv2dOptions, Padding};
/// let halve = Conv2dOptions { stride: [2, 2], padding: Padding::Zeros([1, 1]), ..Default::default() };
/// assert_eq!(halve.groups, 1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConvOptions<const N: usize> {
    /// The distance between neighbouring outputs, counted in input elements; 1 by default.
    pub stride: [usize; N],
    /// What surrounds the input; nothing by default.
    pub padding: Padding<N>,
    /// The distance between neighbouring elements of the kernel, counted in input elements; 1 by default.
    pub dilation: [usize; N],
    /// The number of groups that the channels are divided into; each has its own filters. 1 by default.
    pub groups: usize,
}

/// The options of [`Var::conv1d`](crate::Var::conv1d).
pub type Conv1dOptions = ConvOptions<1>;
/// The options of [`Var::conv2d`](crate::Var::conv2d).
pub type Conv2dOptions = ConvOptions<2>;
/// The options of [`Var::conv3d`](crate::Var::conv3d).
pub type Conv3dOptions = ConvOptions<3>;

impl<const N: usize> Default for ConvOptions<N> {
    fn default() -> Self {
        ConvOptions { stride: [1; N], padding: Padding::Valid, dilation: [1; N], groups: 1 }
    }
}

/// What surrounds the input of a convolution.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Padding<const N: usize> {
    /// Nothing: the kernel stays inside.
    #[default]
    Valid,
    /// As many zeros as make the output as large as the input. If that number is odd, there is one more after than before.
    Same,
    /// This many zeros on either side of each axis.
    Zeros([usize; N]),
}

/// The same number of zeros on every side.
impl<const N: usize> From<usize> for Padding<N> {
    fn from(zeros: usize) -> Self {
        Padding::Zeros([zeros; N])
    }
}
impl<const N: usize> From<[usize; N]> for Padding<N> {
    fn from(zeros: [usize; N]) -> Self {
        Padding::Zeros(zeros)
    }
}

/// How a transposed convolution of `N` dimensions spreads its input. Names and defaults are PyTorch's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConvTransposeOptions<const N: usize> {
    /// The distance between neighbouring inputs, counted in output elements; 1 by default.
    pub stride: [usize; N],
    /// The number of elements cut off from the output on either side of each axis; 0 by default.
    pub padding: [usize; N],
    /// The number of elements added to the output after each axis; 0 by default. A convolution with a stride maps several input sizes to
    /// the same output size; this chooses one of them.
    pub output_padding: [usize; N],
    /// The distance between neighbouring elements of the kernel, counted in output elements; 1 by default.
    pub dilation: [usize; N],
    /// The number of groups that the channels are divided into; 1 by default.
    pub groups: usize,
}

/// The options of [`Var::conv_transpose1d`](crate::Var::conv_transpose1d).
pub type ConvTranspose1dOptions = ConvTransposeOptions<1>;
/// The options of [`Var::conv_transpose2d`](crate::Var::conv_transpose2d).
pub type ConvTranspose2dOptions = ConvTransposeOptions<2>;
/// The options of [`Var::conv_transpose3d`](crate::Var::conv_transpose3d).
pub type ConvTranspose3dOptions = ConvTransposeOptions<3>;

impl<const N: usize> Default for ConvTransposeOptions<N> {
    fn default() -> Self {
        ConvTransposeOptions { stride: [1; N], padding: [0; N], output_padding: [0; N], dilation: [1; N], groups: 1 }
    }
}

/// The largest stride, dilation, padding or window. Products of two such numbers with the size of an array do not overflow.
pub(crate) const LARGEST: usize = 1 << 24;

/// Checks that stride, dilation and groups are at least 1 and that none is too large.
fn sensible<const N: usize>(stride: [usize; N], dilation: [usize; N], padding: [usize; N], groups: usize) -> Result<(), ShapeError> {
    let named = [("stride", stride), ("dilation", dilation), ("padding", padding)];
    if let Some((name, values)) = named.into_iter().find(|(_, values)| values.iter().any(|&n| n > LARGEST)) {
        return Err(ShapeError::new(format!("{name} is {values:?}")).hint(format!("at most {LARGEST} is possible")));
    }
    let zero = |name: &str| Err(ShapeError::new(format!("{name} must be at least 1")).hint(format!("the default {name} is 1")));
    match () {
        _ if stride.contains(&0) => zero("stride"),
        _ if dilation.contains(&0) => zero("dilation"),
        _ if groups == 0 => zero("groups"),
        _ => Ok(()),
    }
}

fn empty(axis: usize) -> ShapeError {
    ShapeError::new(format!("spatial axis {axis} of input or kernel is empty")).hint("only the batch, and channels, may be empty")
}

impl<const N: usize> ConvOptions<N> {
    /// The spatial axes, for input and kernel of these sizes.
    pub(crate) fn axes(&self, input: &[usize], kernel: &[usize]) -> Result<[Axis; 3], ShapeError> {
        let zeros = if let Padding::Zeros(zeros) = self.padding { zeros } else { [0; N] };
        sensible(self.stride, self.dilation, zeros, self.groups)?;
        if self.padding == Padding::Same && self.stride != [1; N] {
            return Err(ShapeError::new(format!("Padding::Same with stride {:?}", self.stride))
                .hint("\"same\" is defined for stride 1; give the numbers of zeros with Padding::Zeros"));
        }
        let mut axes = [Axis::NONE; 3];
        for i in 0..N {
            let (input, kernel, stride, dilation) = (input[i], kernel[i], self.stride[i], self.dilation[i]);
            if input == 0 || kernel == 0 {
                return Err(empty(i));
            }
            let reach = dilation.saturating_mul(kernel - 1);
            let (before, all) = match self.padding {
                Padding::Valid => (0, 0),
                Padding::Same => (reach / 2, reach),
                Padding::Zeros(zeros) => (zeros[i], 2 * zeros[i]),
            };
            // Input and kernel may be views of any size, which are refused later, as a whole.
            let padded = input.saturating_add(all);
            let Some(span) = padded.checked_sub(reach.saturating_add(1)) else {
                let e = format!(
                    "along spatial axis {i} the kernel reaches over {}, the padded input has only {padded}",
                    reach.saturating_add(1)
                );
                return Err(ShapeError::new(e).hint("pad the input, or take a smaller kernel or dilation"));
            };
            axes[3 - N + i] = Axis { input, kernel, output: span / stride + 1, stride, dilation, before };
        }
        Ok(axes)
    }
    /// The whole geometry, for a batch x and weights w.
    pub(super) fn geometry(&self, x: &[usize], w: &[usize]) -> Result<Geometry, ShapeError> {
        let axes = self.axes(&x[2..], &w[2..])?;
        let groups = self.groups;
        if w[0] == 0 || !w[0].is_multiple_of(groups) {
            return Err(ShapeError::new(format!("the {} filters do not fall into groups = {groups}", w[0]))
                .hint("the weight is [filters, channels / groups, kernel..]"));
        }
        if x[1] != w[1] * groups {
            return Err(ShapeError::new(format!(
                "the input has {} channels, the weight expects {} in each of groups = {groups}",
                x[1], w[1]
            ))
            .hint("the input is [batch, channels, ..], the weight [filters, channels / groups, kernel..]"));
        }
        Ok(Geometry { batch: x[0], groups, channels: w[1], filters: w[0] / groups, axes })
    }
}

impl<const N: usize> ConvTransposeOptions<N> {
    /// The geometry of the convolution whose output is `y` (here the input) and whose input is the result.
    pub(super) fn geometry(&self, y: &[usize], w: &[usize]) -> Result<Geometry, ShapeError> {
        let groups = self.groups;
        sensible(self.stride, self.dilation, self.padding, groups)?;
        let mut axes = [Axis::NONE; 3];
        for i in 0..N {
            let (output, kernel, stride, dilation) = (y[2 + i], w[2 + i], self.stride[i], self.dilation[i]);
            let (before, more) = (self.padding[i], self.output_padding[i]);
            if output == 0 || kernel == 0 {
                return Err(empty(i));
            }
            if more >= stride.max(dilation) {
                let e = format!("output_padding {more} of spatial axis {i} with stride {stride} and dilation {dilation}");
                return Err(ShapeError::new(e).hint("output_padding must be smaller than stride or dilation"));
            }
            let full = (output - 1).saturating_mul(stride).saturating_add(dilation.saturating_mul(kernel - 1)).saturating_add(1 + more);
            let input = full.saturating_sub(2 * before);
            if input == 0 {
                return Err(ShapeError::new(format!(
                    "nothing is left along spatial axis {i}: of {full} elements, padding cuts off {before} twice"
                ))
                .hint("the padding of a transposed convolution makes its output smaller"));
            }
            axes[3 - N + i] = Axis { input, kernel, output, stride, dilation, before };
        }
        if w[0] == 0 || !w[0].is_multiple_of(groups) {
            return Err(ShapeError::new(format!("the {} channels of the weight do not fall into groups = {groups}", w[0]))
                .hint("the weight is [channels, filters / groups, kernel..]"));
        }
        if y[1] != w[0] {
            return Err(ShapeError::new(format!("the input has {} channels, the weight expects {}", y[1], w[0])).hint(
                "the input is [batch, channels, ..], the weight of a transposed convolution [channels, filters / groups, kernel..]",
            ));
        }
        Ok(Geometry { batch: y[0], groups, channels: w[1], filters: w[0] / groups, axes })
    }
}
