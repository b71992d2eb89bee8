//! Resizing: interpolation, by a sparse matrix along each axis. `grid_sample.rs` reads at arbitrary positions. Its sample rows run with those of
//! [`AxisMap`](crate::ops::sparse::AxisMap), which `interpolate` records.

use crate::array::error::ShapeError;
use crate::array::scalar::{Num, Real, Scalar};
use crate::array::shape::{Shape, Small};
use crate::array::simd::Libm;
use crate::kernels::sparse::SparseRows;
use crate::tape::var::{Var, refuse};

// --------------------------------------------------------------------------------------------------------- interpolate

/// How to interpolate between the elements of an array.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum InterpolateMode {
    /// The element at floor(i n / m).
    #[default]
    Nearest,
    /// The element whose centre is nearest.
    NearestExact,
    /// Linear along each axis: PyTorch's `linear`, `bilinear` and `trilinear`.
    Linear,
    /// Cubic, through four elements along each of two axes (Keys' cubic with a = -3/4).
    Bicubic,
    /// The average over the part of the array that a new element covers: [`Var::adaptive_avg_pool2d`].
    Area,
}

/// The new size of an array, and how to interpolate. Either `size` or `scale_factor` must be given.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct InterpolateOptions<'a> {
    /// The new sizes of the axes after (batch, channels): one for all, or one for each.
    pub size: Option<&'a [usize]>,
    /// The factors of these sizes: one for all, or one for each. The new sizes are rounded down.
    pub scale_factor: Option<&'a [f64]>,
    /// How to interpolate between the elements.
    pub mode: InterpolateMode,
    /// If true, the centres of the first and last elements keep their positions; otherwise their outer edges do.
    pub align_corners: bool,
    /// If true, `scale_factor` decides the new sizes only, and positions are computed from the sizes, not from the factor.
    pub recompute_scale_factor: bool,
}

/// How the size of one axis changes.
struct Resize {
    from: usize,
    to: usize,
    /// The step from one element of the result to the next, in elements of the array.
    step: f64,
    /// The factor, if positions are computed from it.
    factor: Option<f64>,
}

impl InterpolateOptions<'_> {
    /// The change of each axis.
    fn resize(&self, x: &Shape) -> Result<Small<Resize>, ShapeError> {
        use InterpolateMode::{Bicubic, Linear};
        if !(3..=5).contains(&x.len()) {
            return Err(
                ShapeError::new(format!("an array of 3 to 5 axes is needed, not shape {x}")).hint("the first two are batch and channels")
            );
        }
        if let Some(axis) = (1..x.len()).find(|&a| x[a] == 0) {
            return Err(ShapeError::new(format!("axis {axis} has size 0")).hint("only the batch may be empty"));
        }
        if self.mode == Bicubic && x.len() != 4 {
            return Err(
                ShapeError::new(format!("`Bicubic` needs an array of 4 axes, not shape {x}")).hint("`Linear` works along 1 to 3 axes")
            );
        }
        if self.align_corners && !matches!(self.mode, Linear | Bicubic) {
            return Err(
                ShapeError::new(format!("align_corners has no meaning for {:?}", self.mode)).hint("it is for `Linear` and `Bicubic`")
            );
        }
        let given = match (self.size, self.scale_factor) {
            (Some(size), None) if self.recompute_scale_factor => {
                return Err(
                    ShapeError::new(format!("recompute_scale_factor has no meaning with size {size:?}")).hint("give a scale_factor")
                );
            }
            (Some(size), None) => size.len(),
            (None, Some(scale)) => scale.len(),
            (a, b) => {
                return Err(ShapeError::new(format!("size is {a:?} and scale_factor {b:?}")).hint("give one of them"));
            }
        };
        if given != 1 && given != x.len() - 2 {
            return Err(ShapeError::new(format!("{given} sizes or factors for the {} axes after (batch, channels)", x.len() - 2))
                .hint("give one for all, or one for each"));
        }
        let axis = |a: usize| {
            let (from, i) = (x[a + 2], if given == 1 { 0 } else { a });
            let scale = self.scale_factor.map(|s| s[i]);
            let to = self.size.map_or_else(|| (from as f64 * scale.unwrap_or(1.0)) as usize, |s| s[i]);
            if to == 0 || scale.is_some_and(|s| !(s.is_finite() && s > 0.0)) {
                let e = format!("axis {} of size {from} would get size {to}", a + 2)
                    + &scale.map_or(String::new(), |s| format!(" by factor {s}"));
                return Err(ShapeError::new(e).hint("sizes and factors must be positive, and no size rounded down to 0"));
            }
            let step = match scale {
                _ if self.align_corners => (from - 1) as f64 / (to - 1).max(1) as f64,
                Some(s) if !self.recompute_scale_factor => 1.0 / s,
                _ => from as f64 / to as f64,
            };
            Ok(Resize { from, to, step, factor: scale.filter(|_| !self.recompute_scale_factor) })
        };
        (0..x.len() - 2).map(axis).collect()
    }
    /// For each element of the result along an axis, the elements that it is made of, with weights; `rank` is the number of axes that are
    /// resized.
    fn rows(&self, r: &Resize, rank: usize) -> Result<SparseRows, ShapeError> {
        let each = match self.mode {
            InterpolateMode::Linear => 2,
            InterpolateMode::Bicubic => 4,
            _ => 1,
        };
        let mut rows = SparseRows::with_room(r.to, each)?;
        let last = r.from - 1;
        // The position among the elements of the array.
        let at = |i: usize| if self.align_corners { r.step * i as f64 } else { r.step * (i as f64 + 0.5) - 0.5 };
        for i in 0..r.to {
            match self.mode {
                // PyTorch looks only at the sizes if an image keeps its size or doubles it.
                InterpolateMode::Nearest if rank == 2 && r.to == r.from => rows.push([(i, 1.0)]),
                InterpolateMode::Nearest if rank == 2 && r.to == 2 * r.from => rows.push([(i / 2, 1.0)]),
                InterpolateMode::Nearest => rows.push([(r.nearest(2 * i), 1.0)]),
                InterpolateMode::NearestExact => rows.push([(r.nearest(2 * i + 1), 1.0)]),
                // The size stays, so nothing changes, whatever the factor is.
                InterpolateMode::Linear if r.to == r.from => rows.push([(i, 1.0)]),
                InterpolateMode::Linear => {
                    let at = at(i).max(0.0);
                    let left = (at as usize).min(last);
                    let t = (at - left as f64).min(1.0);
                    rows.push([(left, 1.0 - t), ((left + 1).min(last), t)]);
                }
                InterpolateMode::Bicubic => {
                    let at = at(i);
                    let weights = cubic(Num::<f64, Libm>::new(at - at.floor())).map(|w| w.0);
                    // Beyond the edge, the element at the edge is repeated.
                    rows.push((0..4).map(|k| ((at.floor() + k as f64 - 1.0).clamp(0.0, last as f64) as usize, weights[k])));
                }
                InterpolateMode::Area => unreachable!("an average pool"),
            }
        }
        Ok(rows)
    }
}

impl Resize {
    /// The element in which a position of the result lies; `halves` is the position in half elements of the result. From sizes, it is
    /// computed in integers, since a rounded step could be one element off where the position is whole. From a factor, it is computed in
    /// floating point and rounded to single precision, as in PyTorch: that restores positions that are whole except for the rounding of the
    /// factor. Large positions, for which single precision has no fraction, are not rounded.
    fn nearest(&self, halves: usize) -> usize {
        let at = match self.factor {
            None => (halves as u128 * self.from as u128 / (2 * self.to as u128)) as usize,
            Some(factor) => {
                const WHOLE: f64 = (1 << 23) as f64;
                let at = halves as f64 * 0.5 / factor;
                if at < WHOLE { at as f32 as usize } else { at as usize }
            }
        };
        at.min(self.from - 1)
    }
}

/// The weights of the elements at -1, 0, 1 and 2 for position t between 0 and 1 (R. Keys, "Cubic convolution interpolation for digital
/// image processing", 1981).
pub(crate) fn cubic<R: Real>(t: R) -> [R; 4] {
    let (a, one) = (t.lit(-0.75), t.lit(1.0));
    // |x| <= 1, and 1 <= |x| <= 2
    let near = |x: R| ((a + t.lit(2.0)) * x - (a + t.lit(3.0))) * x * x + one;
    let far = |x: R| ((a * x - t.lit(5.0) * a) * x + t.lit(8.0) * a) * x - t.lit(4.0) * a;
    [far(t + one), near(t), near(one - t), far(t.lit(2.0) - t)]
}

impl<'t, T: Scalar> Var<'t, T> {
    /// Resizes the last 1 to 3 axes of an array (batch, channels, ..) and interpolates its values. Linear in the array. Derivative: each
    /// cotangent, with the same weights, goes to the elements that its element was made of. Shapes: `[batch, channels, ..]` to
    /// `[batch, channels, new sizes]`. PyTorch: `F.interpolate`.
    ///
    /// ```
    /// use wengert::{InterpolateMode, InterpolateOptions, Tape};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf([[[0.0, 4.0]]]);
    /// let twice = InterpolateOptions { scale_factor: Some(&[2.0]), ..Default::default() };
    /// assert_eq!(x.interpolate(twice).to_vec(), [0.0, 0.0, 4.0, 4.0]);
    /// let y = x.interpolate(InterpolateOptions { mode: InterpolateMode::Linear, ..twice });
    /// assert_eq!(y.to_vec(), [0.0, 1.0, 3.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// If the array has another number of axes (for `Bicubic`: not 4), if an axis other than the batch is empty, if not exactly one of size
    /// and factor is given, if a new size would be 0, or if `align_corners` or `recompute_scale_factor` is given where it has no meaning.
    #[track_caller]
    pub fn interpolate(self, options: InterpolateOptions<'_>) -> Self {
        let shape = self.shape();
        let axes = match options.resize(&shape) {
            Ok(axes) => axes,
            Err(e) => refuse(e, "interpolate", [shape]),
        };
        if options.mode == InterpolateMode::Area {
            return match axes[..] {
                [ref a] => self.adaptive_avg_pool1d([a.to]),
                [ref a, ref b] => self.adaptive_avg_pool2d([a.to, b.to]),
                _ => self.adaptive_avg_pool3d([axes[0].to, axes[1].to, axes[2].to]),
            };
        }
        let to: Shape = shape[..2].iter().copied().chain(axes.iter().map(|a| a.to)).collect();
        self.check_size("interpolate", &to);
        // An empty result needs no lists as long as the caller's sizes.
        if to.numel() == 0 {
            return self.reshape_to(to);
        }
        let mut y = self;
        // A loop: a closure would hide the caller's line.
        for (a, resize) in axes.iter().enumerate() {
            let rows = self.or_refuse("interpolate", options.rows(resize, axes.len()));
            y = y.axis_map(a + 2, rows);
        }
        y
    }
}

#[cfg(test)]
pub(crate) mod rows {
    use super::*;
    use crate::ops::samples::*;
    use crate::ops::sparse::empty;

    const NAN: f64 = f64::NAN;

    fn to(size: &[usize], mode: InterpolateMode) -> InterpolateOptions<'_> {
        InterpolateOptions { size: Some(size), mode, ..Default::default() }
    }
    fn by(scale: &[f64], mode: InterpolateMode) -> InterpolateOptions<'_> {
        InterpolateOptions { scale_factor: Some(scale), mode, ..Default::default() }
    }
    fn aligned(options: InterpolateOptions<'_>) -> InterpolateOptions<'_> {
        InterpolateOptions { align_corners: true, ..options }
    }

    /// The rows of a function without an op of its own.
    pub(crate) fn rows<T: Scalar>() -> Vec<Row<T>> {
        use InterpolateMode::*;
        vec![
            // Large enough for several threads, which divide rows and columns.
            equals(
                [any(&[50, 1, 700])],
                |v| v[0].interpolate(to(&[1400], Nearest)),
                |v| v[0].index_select(2, (0..1400).map(|i| i / 2).collect::<Vec<usize>>()),
            ),
            equals(
                [any(&[4, 1, 300, 100])],
                |v| v[0].interpolate(to(&[200, 100], Nearest)),
                |v| v[0].index_select(2, (0..200).map(|i| i * 3 / 2).collect::<Vec<usize>>()),
            ),
            // Interpolation
            grad([any(&[2, 3, 4])], |v| v[0].interpolate(to(&[7], Nearest)).exp()),
            grad([any(&[1, 2, 4, 3])], |v| v[0].interpolate(to(&[2, 5], NearestExact)).exp()),
            grad([any(&[2, 1, 4])], |v| v[0].interpolate(to(&[3], Linear)).exp()),
            grad([any(&[2, 1, 4, 3])], |v| v[0].interpolate(by(&[1.7, 0.7], Linear)).exp()),
            grad([any(&[1, 1, 3, 2, 2])], |v| v[0].interpolate(aligned(to(&[2, 5, 1], Linear))).exp()),
            grad([any(&[1, 2, 4, 3])], |v| v[0].interpolate(to(&[5], Bicubic)).exp()),
            grad([any(&[1, 1, 3, 4])], |v| v[0].transpose(-1, -2).interpolate(aligned(to(&[2, 4], Bicubic))).exp()),
            grad([any(&[1, 2, 5, 3])], |v| v[0].interpolate(to(&[3, 4], Linear)).exp() + v[0].interpolate(by(&[0.7, 1.4], Area)).exp()),
            grad([any(&[0, 2, 4])], |v| v[0].interpolate(to(&[7], Linear)).record(empty()).exp()),
            equals(
                [any(&[1, 2, 2, 3, 2])],
                |v| v[0].interpolate(to(&[4, 3, 3], Area)) + v[0].interpolate(to(&[4, 3, 3], Nearest)),
                |v| v[0].adaptive_avg_pool3d([4, 3, 3]) + v[0].interpolate(to(&[4, 3, 3], Nearest)),
            ),
            equals(
                [any(&[1, 2, 5])],
                |v| v[0].interpolate(to(&[3], Area)) + v[0].interpolate(to(&[3], Linear)),
                |v| v[0].adaptive_avg_pool1d([3]) + v[0].interpolate(to(&[3], Linear)),
            ),
            value(
                [of(&[1, 1, 4], [1.0, 2.0, 4.0, 8.0])],
                |v| v[0].interpolate(by(&[1.5], Nearest)),
                &[1.0, 1.0, 2.0, 4.0, 4.0, 8.0],
                [&[2.0, 1.0, 2.0, 1.0]],
            ),
            value(
                [of(&[1, 1, 4], [1.0, 2.0, 4.0, 8.0])],
                |v| v[0].interpolate(by(&[0.5], NearestExact)),
                &[2.0, 8.0],
                [&[0.0, 1.0, 0.0, 1.0]],
            ),
            value([of(&[1, 1, 2], [0.0, 4.0])], |v| v[0].interpolate(to(&[4], Linear)), &[0.0, 1.0, 3.0, 4.0], [&[2.0, 2.0]]),
            value([of(&[1, 1, 2], [0.0, 3.0])], |v| v[0].interpolate(aligned(to(&[4], Linear))), &[0.0, 1.0, 2.0, 3.0], [&[2.0; 2]]),
            // The factor 1.1 keeps 4 elements. If the step is computed from the sizes, nothing changes.
            value(
                [of(&[1, 1, 1, 4], [0.0, 1.0, 2.0, 3.0])],
                |v| {
                    let again = InterpolateOptions { recompute_scale_factor: true, ..by(&[1.1], Bicubic) };
                    v[0].interpolate(again) + v[0].interpolate(by(&[1.0, 1.1], Nearest)) + v[0].interpolate(to(&[1, 2], Nearest)).sum()
                },
                &[2.0, 4.0, 6.0, 8.0],
                [&[6.0, 2.0, 6.0, 2.0]],
            ),
            value(
                [of(&[1, 1, 3], [1.0, NAN, 5.0])],
                |v| v[0].interpolate(to(&[3], Linear)) + v[0].interpolate(to(&[1], Nearest)),
                &[2.0, NAN, 6.0],
                [&[4.0, 1.0, 1.0]],
            ),
            refuses([any(&[2, 3])], |v| v[0].interpolate(to(&[2], Nearest)), &["interpolate of [2, 3]", "3 to 5 axes", "hint: "]),
            refuses([any(&[2, 3, 0])], |v| v[0].interpolate(to(&[2], Nearest)), &["interpolate of [2, 3, 0]: axis 2 has size 0"]),
            refuses([any(&[2, 3, 4])], |v| v[0].interpolate(to(&[2], Bicubic)), &["`Bicubic` needs an array of 4 axes", "hint: "]),
            refuses([any(&[2, 3, 4])], |v| v[0].interpolate(aligned(to(&[2], Nearest))), &["align_corners", "Nearest", "hint: "]),
            refuses([any(&[2, 3, 4])], |v| v[0].interpolate(to(&[2, 2], Linear)), &["2 sizes or factors for the 1 axes", "hint: "]),
            refuses([any(&[2, 3, 4])], |v| v[0].interpolate(to(&[0], Linear)), &["axis 2 of size 4 would get size 0", "hint: "]),
            refuses([any(&[2, 3, 4])], |v| v[0].interpolate(by(&[-1.0], Linear)), &["size 0 by factor -1", "hint: "]),
            refuses([any(&[2, 3, 4])], |v| v[0].interpolate(by(&[NAN], Linear)), &["size 0 by factor NaN", "hint: "]),
            refuses([any(&[2, 3, 4])], |v| v[0].interpolate(Default::default()), &["size is None and scale_factor None", "hint: "]),
            refuses(
                [any(&[2, 3, 4])],
                |v| v[0].interpolate(InterpolateOptions { recompute_scale_factor: true, ..to(&[2], Linear) }),
                &["recompute_scale_factor has no meaning with size [2]", "hint: "],
            ),
        ]
    }

    /// Positions that single precision cannot hold.
    #[test]
    fn a_factor_finds_the_last_of_many_elements() {
        let n = (1 << 24) + 2;
        for (factor, m) in [(1.0, n), (2.0, 2 * n), (0.5, n / 2)] {
            let axis = Resize { from: n, to: m, step: 1.0 / factor, factor: Some(factor) };
            for i in (m - 9..m).chain((1 << 22) - 9..(1 << 22) + 9) {
                assert_eq!(axis.nearest(2 * i), (i as f64 / factor) as usize, "{i} by {factor}");
            }
        }
    }
}
