//! Reading images at arbitrary positions: grid_sample.
//!
//! Each element that is read is a weighted sum of a few elements of the image, called taps. The indices of the taps are constants; their
//! weights are formulas of the position, which carry the derivative by the grid. The sum is linear in the weights and in the image.
//! Together with a cotangent it makes a trilinear form whose three partial derivatives are the rules of one another.
//! weights and image: its three partial derivatives are one another's rules.

use crate::array::error::ShapeError;
use crate::array::memory::{list, suffices};
use crate::array::scalar::Scalar;
use crate::array::shape::{Shape, Small};
use crate::array::view::View;
use crate::kernels::resample::{TapSizes, tap_scatter, tap_sum, tap_weights};
use crate::ops::indices::Indices;
use crate::ops::join::stack;
use crate::ops::resample::cubic;
use crate::tape::op::{Cotangents, Op, Vjp};
use crate::tape::var::{Var, refuse};

// ---------------------------------------------------------------------------------------------------------------- taps

/// The arrays of the form: the sum over n, c, o, k of `output[n, c, o] * weights[n, o, k] * image[n, c, index[n, o, k]]`.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Leg {
    Output,
    Weights,
    Image,
}

/// The derivative of the form by one of its arrays, computed from the other two. A negative index is no tap.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Taps {
    by: Leg,
    index: Indices,
    /// The number of elements in a plane of the image.
    size: usize,
}

impl Taps {
    /// The arrays that it takes, in this order.
    fn inputs(&self) -> [Leg; 2] {
        match self.by {
            Leg::Output => [Leg::Weights, Leg::Image],
            Leg::Weights => [Leg::Output, Leg::Image],
            Leg::Image => [Leg::Output, Leg::Weights],
        }
    }
    /// The shape of a leg.
    fn leg(&self, leg: Leg, channels: usize) -> Shape {
        let [batch, outputs] = [self.index.shape()[0], self.index.shape()[1]];
        match leg {
            Leg::Output => [batch, channels, outputs].into(),
            Leg::Weights => self.index.shape().clone(),
            Leg::Image => [batch, channels, self.size].into(),
        }
    }
    /// The number of channels of inputs with these shapes.
    fn channels(&self, x: [&Shape; 2]) -> usize {
        let i = usize::from(self.by == Leg::Output);
        x[i].get(1).copied().unwrap_or(0)
    }
}

impl<T: Scalar> Op<T> for Taps {
    fn name(&self) -> &'static str {
        match self.by {
            Leg::Output => "tap_sum",
            Leg::Weights => "tap_weights",
            Leg::Image => "tap_scatter",
        }
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        let channels = self.channels([x[0], x[1]]);
        for (x, leg) in x.iter().zip(self.inputs()) {
            if **x != self.leg(leg, channels) {
                let e = ShapeError::new(format!("{leg:?} needs shape {}, not {x}", self.leg(leg, channels)));
                return Err(e.hint("see `grid_sample`"));
            }
        }
        Ok(self.leg(self.by, channels))
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        let sizes = TapSizes {
            channels: self.channels([x[0].shape(), x[1].shape()]),
            size: self.size,
            outputs: self.index.shape()[1],
            taps: self.index.shape()[2],
        };
        let run = match self.by {
            Leg::Output => tap_sum,
            Leg::Weights => tap_weights,
            Leg::Image => tap_scatter,
        };
        run(&sizes, self.index.values(), &x[0].to_slice(), &x[1].to_slice(), y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|i| {
            let by = Taps { by: self.inputs()[i], ..self.clone() };
            // The cotangent stands for the array that this op computes.
            let of = by.inputs().map(|leg| if leg == self.by { cx.g } else { cx.x(1 - i) });
            of[0].record2(by, of[1])
        })
    }
}

// --------------------------------------------------------------------------------------------------------- grid_sample

/// How to interpolate between the elements of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum GridSampleMode {
    /// Linear along each axis. For volumes PyTorch uses this name too.
    #[default]
    Bilinear,
    /// The nearest element; halfway between two, the one with the even index.
    Nearest,
    /// Cubic, through four elements along each axis.
    Bicubic,
}

/// What lies beyond the edges of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum GridSamplePadding {
    /// Zeros.
    #[default]
    Zeros,
    /// The elements at the border.
    Border,
    /// The image, mirrored at its borders.
    Reflection,
}

/// How [`Var::grid_sample`] reads an image.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GridSampleOptions {
    /// How to interpolate between the elements.
    pub mode: GridSampleMode,
    /// What lies beyond the edges.
    pub padding_mode: GridSamplePadding,
    /// If true, -1 and 1 are the centres of the first and last elements; otherwise their outer edges.
    pub align_corners: bool,
}

/// Where position `at` on an axis of size `n` lies after padding, and the derivative of that by `at`.
fn inside(padding: GridSamplePadding, align_corners: bool, at: f64, n: usize) -> (f64, f64) {
    let last = (n - 1) as f64;
    let (at, slope) = match padding {
        GridSamplePadding::Zeros => return (at, 1.0),
        GridSamplePadding::Border => (at, 1.0),
        GridSamplePadding::Reflection => {
            let (low, span) = if align_corners { (0.0, last) } else { (-0.5, n as f64) };
            let (far, sign) = if at < low { (low - at, -1.0) } else { (at - low, 1.0) };
            let (times, rest) = ((far / span).floor(), far % span);
            match times % 2.0 {
                _ if span == 0.0 => (0.0, 0.0),
                0.0 => (rest + low, sign),
                _ => (span - rest + low, -sign),
            }
        }
    };
    // At the border itself the derivative is 0, as in PyTorch.
    if at <= 0.0 {
        (0.0, 0.0)
    } else if at >= last {
        (last, 0.0)
    } else {
        (at, slope)
    }
}

/// The taps along one axis.
struct AxisTaps<'t, T: Scalar> {
    /// The number of taps for each output.
    count: usize,
    /// Their indices; negative beyond the edges.
    index: Vec<i64>,
    /// Their weights: (batch, outputs, count).
    weights: Var<'t, T>,
}

/// Constants with the shape of an array.
#[track_caller]
fn constant<'t, T: Scalar>(like: Var<'t, T>, values: impl ExactSizeIterator<Item = f64>) -> Var<'t, T> {
    let values = like.or_refuse("grid_sample", list(values.map(T::from_f64)));
    like.tape().constant(values).reshape_to(like.shape())
}

impl GridSampleOptions {
    /// The taps along an axis of size `n` for positions in -1..=1: (batch, outputs).
    #[track_caller]
    fn taps<'t, T: Scalar>(&self, position: Var<'t, T>, n: usize) -> AxisTaps<'t, T> {
        let number = |x: f64| position.number(x);
        // Positions in units of elements, in f64: in f32 the products of large finite positions overflow.
        let last = (n - 1) as f64;
        let found = |x: T| {
            let x = x.to_f64();
            let at = if self.align_corners { (x + 1.0) / 2.0 * last } else { ((x + 1.0) * n as f64 - 1.0) / 2.0 };
            if x.is_finite() { at.clamp(-f64::MAX, f64::MAX) } else { at }
        };
        // A cubic's position may lie outside; each of its taps is moved inside instead.
        let cubic_mode = self.mode == GridSampleMode::Bicubic;
        let fold = |x: f64| if cubic_mode { (x, 1.0) } else { inside(self.padding_mode, self.align_corners, x, n) };
        // The positions after padding, and their slopes.
        let folded = position.or_refuse("grid_sample", list(position.to_vec().into_iter().map(|x| fold(found(x)))));
        let (count, start): (usize, fn(f64) -> f64) = match self.mode {
            GridSampleMode::Nearest => (1, f64::round_ties_even),
            GridSampleMode::Bilinear => (2, f64::floor),
            GridSampleMode::Bicubic => (4, |x| x.floor() - 1.0),
        };
        let tap = |x: f64, k: usize| {
            let i = start(x) + k as f64;
            let i = if cubic_mode { inside(self.padding_mode, self.align_corners, i, n).0 } else { i };
            match i {
                // The position is not finite. Any tap will do: the weights are NaN, and so is the result.
                _ if !x.is_finite() => 0,
                _ if i < 0.0 || i >= n as f64 => -1,
                _ => i as i64,
            }
        };
        let index = list((0..folded.len() * count).map(|i| tap(folded[i / count].0, i % count)));
        let index = position.or_refuse("grid_sample", index);
        let weights = match self.mode {
            GridSampleMode::Nearest => {
                constant(position, folded.iter().map(|(x, _)| if x.is_finite() { 1.0 } else { f64::NAN })).unsqueeze(-1)
            }
            _ => {
                // How far the position lies between the first tap (for cubics the second) and the next. `position - position.detach()` is
                // 0: it only contributes the derivative.
                let across = 0.5 * if self.align_corners { last } else { n as f64 };
                let slopes = constant(position, folded.iter().map(|(_, slope)| slope * across));
                let between = constant(position, folded.iter().map(|(x, _)| x - x.floor()));
                let t = (position - position.detach()) * slopes + between;
                if cubic_mode { stack(&cubic(t), -1) } else { stack(&[number(1.0) - t, t], -1) }
            }
        };
        AxisTaps { count, index, weights }
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// Reads an image (batch, channels, height, width) at the positions of a grid (batch, rows, columns, 2). The result has shape (batch,
    /// channels, rows, columns). A position (x, y) lies between -1 and 1 inside the image; `padding_mode` decides what is read outside.
    /// With one more axis, reads volumes (batch, channels, depth, height, width) at grids (.., 3) of (x, y, z). Derivative: by the image,
    /// each cotangent goes to the elements that were read, times their weights; by the grid, the slope of what is read.
    ///
    /// A position that is not finite gives NaN.
    ///
    /// ```
    /// use wengert::Tape;
    /// let tape = Tape::<f64>::new();
    /// let image = tape.leaf([[1.0, 3.0]]).reshape(&[1, 1, 1, 2]);
    /// let grid = tape.leaf([[0.0, 0.0], [0.5, 0.0]]).reshape(&[1, 1, 2, 2]);
    /// assert_eq!(image.grid_sample(grid, Default::default()).to_vec(), [2.0, 3.0]);
    /// ```
    ///
    /// # Panics
    /// If image and grid do not both have 4 or both 5 axes or differ in the batch, if the last axis of the grid does not have one
    /// coordinate for each spatial axis of the image, or if a spatial axis has size 0.
    #[track_caller]
    pub fn grid_sample(self, grid: Var<'t, T>, options: GridSampleOptions) -> Self {
        let (x, g) = (self.shape(), grid.shape());
        let rank = x.len().saturating_sub(2);
        let wrong = if !(4..=5).contains(&x.len()) || g.len() != x.len() {
            Some(("image and grid need 4 axes each, or 5", "they are (batch, channels, height, width) and (batch, rows, columns, 2)"))
        } else if x[0] != g[0] {
            Some(("image and grid differ in the batch", "one grid is read from each image"))
        } else if g[rank + 1] != rank {
            Some(("the grid's last axis needs a coordinate for each of the image's axes after the channels", "x (along the width) first"))
        } else if x[2..].contains(&0) {
            Some(("there are no elements to read", "only batch, channels and grid may be empty"))
        } else {
            None
        };
        if let Some((what, hint)) = wrong {
            refuse(ShapeError::new(what).hint(hint), "grid_sample", [x, g]);
        }
        let (batch, channels, size) = (x[0], x[1], x[2..].iter().product::<usize>());
        let outputs: usize = g[1..=rank].iter().product();
        // The lists of indices and weights are allocated with checks. What is far beyond memory is refused here, before anything is
        // computed.
        let each: usize = match options.mode {
            GridSampleMode::Nearest => 1,
            GridSampleMode::Bilinear => 2,
            GridSampleMode::Bicubic => 4,
        };
        self.or_refuse("grid_sample", suffices::<[f64; 6]>((batch * outputs).saturating_mul(each.pow(rank as u32))));
        let mut all: Option<AxisTaps<'t, T>> = None;
        for axis in 0..rank {
            // The last axis of the image is the first coordinate.
            let position = grid.narrow(-1, rank - 1 - axis, 1).reshape_to([batch, outputs].into());
            let taps = options.taps(position, x[axis + 2]);
            all = Some(match all {
                None => taps,
                Some(outer) => {
                    let (m, n) = (outer.count, taps.count);
                    let index = |i: usize| {
                        let (at, j, k) = (i / (m * n), i / n % m, i % n);
                        let (a, b) = (outer.index[at * m + j], taps.index[at * n + k]);
                        if a < 0 || b < 0 { -1 } else { a * x[axis + 2] as i64 + b }
                    };
                    AxisTaps {
                        count: m * n,
                        index: self.or_refuse("grid_sample", list((0..batch * outputs * m * n).map(index))),
                        weights: (outer.weights.unsqueeze(-1) * taps.weights.unsqueeze(-2)).reshape_to([batch, outputs, m * n].into()),
                    }
                }
            });
        }
        let all = all.expect("an image has axes");
        let index = Indices::new(&[batch, outputs, all.count], all.index);
        let image = self.reshape_to([batch, channels, size].into());
        let shape: Small<usize> = x[..2].iter().chain(&g[1..=rank]).copied().collect();
        all.weights.record2(Taps { by: Leg::Output, index, size }, image).reshape_to(shape.into())
    }
}

#[cfg(test)]
mod rows {
    use super::*;
    use crate::ops::samples::*;
    use GridSampleMode::*;
    use GridSamplePadding::*;

    const NAN: f64 = f64::NAN;
    const MODES: [GridSampleMode; 3] = [Bilinear, Nearest, Bicubic];
    const PADDINGS: [GridSamplePadding; 3] = [Zeros, Border, Reflection];

    /// Positions inside, near the edges and outside, but none where a slope changes.
    fn positions(shape: &[usize]) -> Input {
        let n: usize = shape.iter().product();
        of(shape, (0..n).map(|i| ((i * 37 % 41) as f64 / 41.0 - 0.5) * 3.1 + 0.013).collect::<Vec<_>>())
    }

    impl Sampled for Taps {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let op = |by| Taps { by, index: Indices::new(&[2, 3, 2], [0, 3, 1, 1, -1, 2, 3, -1, -1, -1, 2, 0]), size: 4 };
            let mut all = vec![
                grad([any(&[2, 3, 2]), any(&[2, 2, 4])], move |v| v[0].record2(op(Leg::Output), v[1]).exp()),
                grad([any(&[2, 2, 3]), any(&[2, 2, 4])], move |v| v[0].record2(op(Leg::Weights), v[1]).exp()),
                grad([any(&[2, 2, 3]), any(&[2, 3, 2])], move |v| v[0].record2(op(Leg::Image), v[1]).exp()),
                grad([any(&[2, 3, 2]), any(&[2, 0, 4])], move |v| v[0].record2(op(Leg::Output), v[1]).exp()),
                // The form, differentiated by each of its arrays.
                equals(
                    [any(&[2, 1, 3]), any(&[2, 3, 2]), any(&[2, 1, 4])],
                    move |v| (v[1].record2(op(Leg::Output), v[2]) * v[0]).sum(),
                    move |v| (v[0].record2(op(Leg::Weights), v[2]) * v[1]).sum(),
                ),
                equals(
                    [any(&[2, 1, 3]), any(&[2, 3, 2]), any(&[2, 1, 4])],
                    move |v| (v[1].record2(op(Leg::Output), v[2]) * v[0]).sum(),
                    move |v| (v[0].record2(op(Leg::Image), v[1]) * v[2]).sum(),
                ),
                refuses(
                    [any(&[2, 3, 2]), any(&[2, 2, 3])],
                    move |v| v[0].record2(op(Leg::Output), v[1]),
                    &["tap_sum of", "Image needs shape"],
                ),
                refuses([any(&[2, 3]), any(&[2, 2, 4])], move |v| v[0].record2(op(Leg::Weights), v[1]), &["tap_weights of [2, 3]"]),
            ];
            for mode in MODES {
                for padding_mode in PADDINGS {
                    for align_corners in [false, true] {
                        let options = GridSampleOptions { mode, padding_mode, align_corners };
                        let inputs = [any(&[2, 2, 3, 4]), positions(&[2, 2, 5, 2])];
                        all.push(grad(inputs, move |v| v[0].grid_sample(v[1], options).exp()));
                    }
                }
            }
            all.extend([
                grad([any(&[1, 2, 2, 3, 2]), positions(&[1, 2, 1, 3, 3])], |v| v[0].grid_sample(v[1], Default::default()).exp()),
                grad([any(&[1, 1, 2, 1, 2]), positions(&[1, 1, 1, 2, 3])], |v| {
                    v[0].grid_sample(v[1], GridSampleOptions { mode: Bicubic, padding_mode: Reflection, align_corners: true }).exp()
                }),
                grad([any(&[1, 2, 3, 3]), any(&[1, 0, 2, 2])], |v| v[0].grid_sample(v[1], Default::default()).exp()),
                grad([any(&[1, 1, 4, 4]), positions(&[1, 2, 2, 2])], |v| {
                    v[0].transpose(-1, -2).grid_sample(v[1].transpose(1, 2), Default::default()) * v[0].narrow(2, 0, 2).narrow(3, 1, 2)
                }),
                // On several threads.
                equals(
                    [any(&[2, 4, 20, 20]), positions(&[2, 40, 40, 2])],
                    |v| v[0].grid_sample(v[1], Default::default()),
                    |v| {
                        let one = |i| v[0].narrow(0, i, 1).grid_sample(v[1].narrow(0, i, 1), Default::default());
                        crate::concat(&[one(0), one(1)], 0)
                    },
                ),
                // Halfway between elements, on an element, half outside, outside, and NaN.
                value(
                    [of(&[1, 1, 1, 2], [1.0, 3.0]), of(&[1, 1, 5, 2], [0.0, 0.0, 0.5, 0.0, 1.0, 0.0, 7.0, 0.0, NAN, 0.0])],
                    |v| v[0].grid_sample(v[1], Default::default()),
                    &[2.0, 3.0, 1.5, 0.0, NAN],
                    [&[NAN, 2.0], &[2.0, -1.0, -3.0, -1.5, -3.0, -0.75, 0.0, 0.0, 0.0, NAN]],
                ),
                // Halves go to the even index. At the border the derivative is 0.
                value(
                    [of(&[1, 1, 1, 4], [1.0, 2.0, 4.0, 8.0]), of(&[1, 1, 3, 2], [-0.5, 0.0, 0.0, 0.0, 0.5, 0.0])],
                    |v| {
                        v[0].grid_sample(v[1], GridSampleOptions { mode: Nearest, ..Default::default() })
                            + v[1].narrow(3, 1, 1).reshape([1, 1, 1, 3])
                    },
                    &[1.0, 4.0, 4.0],
                    [&[1.0, 0.0, 2.0, 0.0], &[0.0, 1.0, 0.0, 1.0, 0.0, 1.0]],
                ),
                value(
                    [of(&[1, 1, 1, 3], [1.0, 2.0, 4.0]), of(&[1, 1, 3, 2], [-1.0, 0.0, 1.0, 0.0, -1.5, 0.0])],
                    |v| v[0].grid_sample(v[1], GridSampleOptions { padding_mode: Border, align_corners: true, ..Default::default() }),
                    &[1.0, 4.0, 1.0],
                    [&[2.0, 0.0, 1.0], &[0.0; 6]],
                ),
                value(
                    [of(&[1, 1, 1, 3], [1.0, 2.0, 4.0]), of(&[1, 1, 2, 2], [1.25, 0.0, -1.75, 0.0])],
                    |v| v[0].grid_sample(v[1], GridSampleOptions { padding_mode: Reflection, align_corners: true, ..Default::default() }),
                    &[3.5, 1.75],
                    [&[0.25, 1.0, 0.75], &[-2.0, 0.0, -1.0, 0.0]],
                ),
                refuses(
                    [any(&[1, 2, 3]), any(&[1, 2, 1])],
                    |v| v[0].grid_sample(v[1], Default::default()),
                    &["grid_sample of [1, 2, 3] and", "4 axes", "hint: "],
                ),
                refuses(
                    [any(&[1, 2, 3, 3]), any(&[2, 2, 2, 2])],
                    |v| v[0].grid_sample(v[1], Default::default()),
                    &["grid_sample of [1, 2, 3, 3] and [2, 2, 2, 2]: image and grid differ in the batch", "hint: "],
                ),
                refuses(
                    [any(&[1, 2, 3, 3]), any(&[1, 2, 2, 3])],
                    |v| v[0].grid_sample(v[1], Default::default()),
                    &["a coordinate for each", "hint: "],
                ),
                refuses(
                    [any(&[1, 2, 0, 3]), any(&[1, 2, 2, 2])],
                    |v| v[0].grid_sample(v[1], Default::default()),
                    &["no elements to read", "hint: "],
                ),
            ]);
            all
        }
    }
}
