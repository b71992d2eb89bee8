//! Arrays that are made from sizes and numbers alone. All are constants; for a value that is differentiated, give their array to [`Tape::leaf`].

use crate::array::error::ShapeError;
use crate::array::memory::room;
use crate::array::scalar::Scalar;
use crate::array::shape::{MOST, Shape, Sizes};
use crate::tape::Tape;
use crate::tape::var::{Var, refuse, shape_of};
use rand::{Rng, RngExt};

/// Draws from the normal distribution of mean 0 and standard deviation 1.
///
/// ```
/// let (mut normal, mut rng) = (wengert::StandardNormal::default(), wengert::init::seeded(1));
/// let mean = (0..10_000).map(|_| normal.draw(&mut rng)).sum::<f64>() / 10_000.0;
/// assert!(mean.abs() < 0.05);
/// ```
///
/// Source: G. E. P. Box, M. E. Muller, "A note on the generation of random normal deviates" (1958).
#[derive(Clone, Debug, Default)]
pub struct StandardNormal {
    /// Each draw makes two numbers.
    second: Option<f64>,
}

impl StandardNormal {
    /// The next number.
    pub fn draw(&mut self, rng: &mut impl Rng) -> f64 {
        self.second.take().unwrap_or_else(|| {
            let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt(); // a number in (0, 1], whose logarithm is finite
            let (sin, cos) = (std::f64::consts::TAU * rng.random::<f64>()).sin_cos();
            self.second = Some(radius * sin);
            radius * cos
        })
    }
}

impl<T: Scalar> Tape<T> {
    /// An array of this shape, all of whose elements are `value`; a view of one number.
    ///
    /// ```
    /// let tape = wengert::Tape::<f32>::new();
    /// assert_eq!(tape.full([2, 2], 0.5).to_vec(), [0.5; 4]);
    /// ```
    ///
    /// # Panics
    /// If a size is negative, or there are more elements than can be counted.
    #[track_caller]
    pub fn full(&self, shape: impl Sizes, value: f64) -> Var<'_, T> {
        self.repeated("full", shape, value)
    }
    /// Zeros of this shape: [`Tape::full`] of 0.
    ///
    /// ```
    /// assert_eq!(wengert::Tape::<f32>::new().zeros([1, 3]).shape(), [1, 3]);
    /// ```
    ///
    /// # Panics
    /// If a size is negative, or there are more elements than can be counted.
    #[track_caller]
    pub fn zeros(&self, shape: impl Sizes) -> Var<'_, T> {
        self.repeated("zeros", shape, 0.0)
    }
    /// Ones of this shape: [`Tape::full`] of 1.
    ///
    /// ```
    /// assert_eq!(wengert::Tape::<f32>::new().ones(2).to_vec(), [1.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If a size is negative, or there are more elements than can be counted.
    #[track_caller]
    pub fn ones(&self, shape: impl Sizes) -> Var<'_, T> {
        self.repeated("ones", shape, 1.0)
    }
    /// The identity matrix `[n, n]`.
    ///
    /// ```
    /// assert_eq!(wengert::Tape::<f32>::new().eye(2).to_vec(), [1.0, 0.0, 0.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If it is too large for memory.
    #[track_caller]
    pub fn eye(&self, n: usize) -> Var<'_, T> {
        self.filled("eye", [n, n].into(), |i| if i / n == i % n { 1.0 } else { 0.0 })
    }
    /// Numbers from `start` on, `step` apart, up to but without `end`: start + i step for i = 0, 1, .., ceil((end - start) / step) - 1. None if
    /// `end` lies on the other side.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// assert_eq!(tape.arange(0.0, 3.0, 1.0).to_vec(), [0.0, 1.0, 2.0]);
    /// assert_eq!(tape.arange(1.0, 0.0, -0.5).to_vec(), [1.0, 0.5]);
    /// ```
    ///
    /// # Panics
    /// If the step is 0, a number is not finite, or there are too many for memory.
    #[track_caller]
    pub fn arange(&self, start: f64, end: f64, step: f64) -> Var<'_, T> {
        let count = ((end - start) / step).ceil().max(0.0);
        if !(start.is_finite() && end.is_finite() && step.is_finite()) || step == 0.0 || count > MOST as f64 {
            let e = ShapeError::new(format!("there is no list of numbers from {start} to {end} by steps of {step}"));
            refuse(e.hint("the order is (start, end, step); a step leads from start towards end"), "arange", []);
        }
        self.filled("arange", [count as usize].into(), |i| start + i as f64 * step)
    }
    /// `count` numbers from `start` to `end`, both included, at equal distances. One number alone is `start`.
    ///
    /// ```
    /// assert_eq!(wengert::Tape::<f64>::new().linspace(0.0, 1.0, 5).to_vec(), [0.0, 0.25, 0.5, 0.75, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If a bound or their distance is not finite, or there are too many for memory.
    #[track_caller]
    pub fn linspace(&self, start: f64, end: f64, count: usize) -> Var<'_, T> {
        let step = (end - start) / (count.max(2) - 1) as f64;
        if !(start.is_finite() && end.is_finite() && step.is_finite()) {
            let e = ShapeError::new(format!("there are no numbers at equal distances from {start} to {end}"));
            refuse(e.hint("both bounds and their distance must be finite"), "linspace", []);
        }
        // From the nearer bound, as PyTorch does: so the last is `end` itself, and a range around 0 is symmetric.
        self.filled("linspace", [count].into(), |i| {
            if i < count.div_ceil(2) { start + i as f64 * step } else { end - (count - 1 - i) as f64 * step }
        })
    }
    /// Random numbers of this shape, uniform from 0 to 1 (without 1). They are drawn in `f64`, so that both number types begin alike.
    ///
    /// ```
    /// let tape = wengert::Tape::<f32>::new();
    /// let x = tape.rand([2, 3], &mut wengert::init::seeded(1));
    /// assert!(x.shape() == [2, 3] && x.to_vec().iter().all(|x| (0.0..1.0).contains(x)));
    /// ```
    ///
    /// # Panics
    /// If a size is negative, or there is not enough memory.
    #[track_caller]
    pub fn rand(&self, shape: impl Sizes, rng: &mut impl Rng) -> Var<'_, T> {
        let shape = shape_of("rand", shape, || []);
        // In `f32` numbers just below 1 would be rounded to it: they become the largest below.
        let below = |u: f64| if T::from_f64(u) < T::ONE { u } else { 1.0 - f64::from(f32::EPSILON) / 2.0 };
        self.filled("rand", shape, |_| below(rng.random::<f64>()))
    }
    /// Random numbers of this shape, normally distributed with mean 0 and standard deviation 1 ([`StandardNormal`]). They are drawn in `f64`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f32>::new();
    /// let noise = tape.randn([100, 100], &mut wengert::init::seeded(1));
    /// assert!(noise.mean().item().abs() < 0.05);
    /// ```
    ///
    /// # Panics
    /// If a size is negative, or there is not enough memory.
    #[track_caller]
    pub fn randn(&self, shape: impl Sizes, rng: &mut impl Rng) -> Var<'_, T> {
        let (shape, mut normal) = (shape_of("randn", shape, || []), StandardNormal::default());
        self.filled("randn", shape, |_| normal.draw(rng))
    }

    #[track_caller]
    fn repeated(&self, op: &'static str, shape: impl Sizes, value: f64) -> Var<'_, T> {
        let shape = shape_of(op, shape, || []);
        self.number(T::from_f64(value)).broadcast_to_shape(shape)
    }
    #[track_caller]
    fn filled(&self, op: &'static str, shape: Shape, mut element: impl FnMut(usize) -> f64) -> Var<'_, T> {
        let values = shape.check_size().and_then(|()| room(shape.numel()));
        let mut values: Vec<T> = match values {
            Ok(values) => values,
            Err(e) => refuse(e, op, [shape]),
        };
        values.extend((0..shape.numel()).map(|i| T::from_f64(element(i))));
        self.constant(values).reshape_to(shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn ranges_by_pytorch() {
        let tape = Tape::<f64>::new();
        assert_eq!(tape.arange(1.0, 2.5, 0.5).to_vec(), [1.0, 1.5, 2.0]);
        assert_eq!(tape.arange(5.0, 1.0, 1.0).to_vec(), [0.0; 0]);
        let third = 2.0 / 3.0 - 1.0; // both halves alike
        assert_eq!(tape.linspace(-1.0, 1.0, 4).to_vec(), [-1.0, third, -third, 1.0]);
        assert_eq!(tape.linspace(3.0, 9.0, 1).to_vec(), [3.0]);
        assert_eq!(tape.linspace(3.0, 9.0, 0).to_vec(), [0.0; 0]);
        assert_eq!(tape.eye(0).shape(), [0, 0]);
        assert_eq!((tape.zeros(()).to_vec(), tape.ones([0, 2]).numel()), (vec![0.0], 0));
        assert!(!tape.full([2, 3], 7.0).is_tracked());
    }

    #[test]
    fn what_is_no_array_is_refused() {
        let tape = Tape::<f32>::new();
        let rng = || <rand::rngs::Xoshiro256PlusPlus as rand::SeedableRng>::seed_from_u64(1);
        let refused = |f: &dyn Fn(), begin: &str| {
            let text = *catch_unwind(AssertUnwindSafe(f)).expect_err("must be refused").downcast::<String>().unwrap();
            assert!(text.starts_with(begin) && text.contains("\n  at src/ops/create.rs") && text.contains("\n  hint: "), "{text}");
        };
        refused(&|| drop(tape.zeros([2, -1]).to_vec()), "zeros: [2, -1] is no shape: size -1 is negative");
        refused(&|| drop(tape.arange(0.0, 1.0, 0.0).to_vec()), "arange: there is no list of numbers from 0 to 1 by steps of 0");
        refused(&|| drop(tape.arange(0.0, f64::INFINITY, 1.0).to_vec()), "arange: there is no list");
        refused(&|| drop(tape.linspace(f64::NAN, 1.0, 3).to_vec()), "linspace: there are no numbers");
        refused(&|| drop(tape.rand([usize::MAX / 2, 4], &mut rng()).to_vec()), "rand of [9223372036854775807, 4]: ");
        refused(&|| drop(tape.eye(1 << 20).to_vec()), "eye of [1048576, 1048576]: ");
    }
}
