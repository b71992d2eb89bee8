//! Initial values of parameters: random arrays by the usual recipes, with seeds.
//!
//! Each function takes a shape and a generator of the [`rand`] crate, and returns an ndarray array for [`Param::new`](crate::Param::new).
//! The numbers are drawn in `f64` and rounded, so that `f32` and `f64` networks begin with the same values. The *fans* of a weight are
//! counted as in PyTorch: for `[out, in, ..]` the fan in is `in` and the fan out is `out`, each times the product of the axes that follow.
//!
//! ```
//! use wengert::{Param, init};
//! let mut rng = init::seeded(7);
//! let w = Param::<f32>::new("w", init::he_normal((128, 784), &mut rng));
//! let b = Param::<f32>::new("b", init::uniform(128, -0.01, 0.01, &mut rng));
//! assert_eq!((&**w.shape(), &**b.shape()), (&[128, 784][..], &[128][..]));
//! ```

use crate::refusal::{elements, require};
use crate::{Scalar, StandardNormal};
use ndarray::{Array, Dimension, IntoDimension};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, RngExt, SeedableRng};

/// A small, fast generator (xoshiro256++). Its numbers depend only on the seed, and are the same on every machine.
pub fn seeded(seed: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(seed)
}

/// A generator that depends on several numbers (a seed, an epoch, a place); changing any of them changes all that it draws.
pub(crate) fn seeded_by<const N: usize>(numbers: [u64; N]) -> Xoshiro256PlusPlus {
    seeded(numbers.into_iter().fold(0, |seed, number| mixed(seed.wrapping_add(number))))
}

/// A one-to-one map that spreads a number over all 64 bits. Source: the finalizer of SplitMix64 (G. Steele, D. Lea, C. Flood, "Fast
/// splittable pseudorandom number generators", 2014).
fn mixed(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Uniform numbers between `low` and `high`.
///
/// # Panics
/// If the bounds are not finite, or an array of this shape is too large for memory.
#[track_caller]
pub fn uniform<T: Scalar, S: IntoDimension>(shape: S, low: f64, high: f64, rng: &mut impl Rng) -> Array<T, S::Dim> {
    let range = || format!("uniform: there is no uniform distribution between {low} and {high}");
    require((high - low).is_finite(), range, "both bounds and their distance must be finite");
    filled("uniform", shape.into_dimension(), || T::from_f64(low + (high - low) * rng.random::<f64>()))
}

/// Normally distributed numbers ([`StandardNormal`]).
///
/// # Panics
/// If mean or standard deviation is not finite, the latter is negative, or an array of this shape is too large for memory.
#[track_caller]
pub fn normal<T: Scalar, S: IntoDimension>(shape: S, mean: f64, std: f64, rng: &mut impl Rng) -> Array<T, S::Dim> {
    let spread = || format!("normal: there is no distribution with mean {mean} and standard deviation {std}");
    require(mean.is_finite() && std.is_finite() && std >= 0.0, spread, "both must be finite, and the latter at least 0");
    let mut standard = StandardNormal::default();
    filled("normal", shape.into_dimension(), || T::from_f64(mean + std * standard.draw(rng)))
}

/// Uniform between -a and a with a = sqrt(6 / (fan in + fan out)): for tanh and sigmoid.
///
/// Source: X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010).
///
/// # Panics
/// If the shape has fewer than two axes, or an array of this shape is too large for memory.
#[track_caller]
pub fn xavier_uniform<T: Scalar, S: IntoDimension>(shape: S, rng: &mut impl Rng) -> Array<T, S::Dim> {
    let shape = shape.into_dimension();
    let (fan_in, fan_out) = fans("xavier_uniform", shape.slice());
    let a = (6.0 / (fan_in + fan_out).max(1.0)).sqrt();
    uniform(shape, -a, a, rng)
}

/// Normal with standard deviation sqrt(2 / (fan in + fan out)): for tanh and sigmoid. Source: as [`xavier_uniform`].
///
/// # Panics
/// If the shape has fewer than two axes, or an array of this shape is too large for memory.
#[track_caller]
pub fn xavier_normal<T: Scalar, S: IntoDimension>(shape: S, rng: &mut impl Rng) -> Array<T, S::Dim> {
    let shape = shape.into_dimension();
    let (fan_in, fan_out) = fans("xavier_normal", shape.slice());
    normal(shape, 0.0, (2.0 / (fan_in + fan_out).max(1.0)).sqrt(), rng)
}

/// Uniform between -a and a with a = sqrt(6 / fan in): for relu. Source: as [`he_normal`].
///
/// # Panics
/// If the shape has fewer than two axes, or an array of this shape is too large for memory.
#[track_caller]
pub fn he_uniform<T: Scalar, S: IntoDimension>(shape: S, rng: &mut impl Rng) -> Array<T, S::Dim> {
    let shape = shape.into_dimension();
    let a = (6.0 / fans("he_uniform", shape.slice()).0.max(1.0)).sqrt();
    uniform(shape, -a, a, rng)
}

/// Normal with standard deviation sqrt(2 / fan in): for relu. PyTorch calls it `kaiming_normal_`.
///
/// Source: K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers" (2015).
///
/// # Panics
/// If the shape has fewer than two axes, or an array of this shape is too large for memory.
#[track_caller]
pub fn he_normal<T: Scalar, S: IntoDimension>(shape: S, rng: &mut impl Rng) -> Array<T, S::Dim> {
    let shape = shape.into_dimension();
    let std = (2.0 / fans("he_normal", shape.slice()).0.max(1.0)).sqrt();
    normal(shape, 0.0, std, rng)
}

/// Normal with standard deviation sqrt(2 / fan out): for convolutions with relu, to keep the size of the gradient from layer to layer.
/// PyTorch's `kaiming_normal_` with `mode="fan_out"`. Source: as [`he_normal`].
///
/// # Panics
/// If the shape has fewer than two axes, or an array of this shape is too large for memory.
#[track_caller]
pub fn he_normal_fan_out<T: Scalar, S: IntoDimension>(shape: S, rng: &mut impl Rng) -> Array<T, S::Dim> {
    let shape = shape.into_dimension();
    let std = (2.0 / fans("he_normal_fan_out", shape.slice()).1.max(1.0)).sqrt();
    normal(shape, 0.0, std, rng)
}

/// Weights whose rows are orthogonal and of length `gain` (or whose columns are, if there are fewer of these). A shape `[out, in, ..]`
/// counts as a matrix with `out` rows. Signals neither grow nor shrink.
///
/// Source: A. M. Saxe, J. L. McClelland, S. Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear neural
/// networks" (2014).
///
/// # Panics
/// If the shape has fewer than two axes, or an array of this shape is too large for memory.
#[track_caller]
pub fn orthogonal<T: Scalar, S: IntoDimension>(shape: S, gain: f64, rng: &mut impl Rng) -> Array<T, S::Dim> {
    let shape = shape.into_dimension();
    fans("orthogonal", shape.slice());
    require(gain.is_finite(), || format!("orthogonal: the gain {gain} is not finite"), "1 keeps lengths");
    elements::<[f64; 2]>("orthogonal", shape.slice()); // the vectors and the array
    let rows = shape[0];
    let columns = shape.slice()[1..].iter().product::<usize>();
    let (count, length) = (rows.min(columns), rows.max(columns));
    let mut vectors: Vec<Vec<f64>> = Vec::with_capacity(count);
    while vectors.len() < count {
        let mut v = normal::<f64, _>(length, 0.0, 1.0, rng).into_raw_vec_and_offset().0;
        // The Gram-Schmidt method, applied twice: after one pass, rounding errors of the size of what was subtracted remain.
        for u in vectors.iter().chain(&vectors) {
            let along: f64 = u.iter().zip(&v).map(|(u, v)| u * v).sum();
            v.iter_mut().zip(u).for_each(|(v, u)| *v -= along * u);
        }
        let norm = v.iter().map(|x| x * x).sum::<f64>().sqrt();
        v.iter_mut().for_each(|x| *x /= norm);
        vectors.push(v);
    }
    let at = |i: usize| {
        let (row, column) = (i / columns, i % columns);
        if rows <= columns { vectors[row][column] } else { vectors[column][row] }
    };
    let mut i = 0..rows * columns;
    filled("orthogonal", shape, || T::from_f64(gain * at(i.next().expect("as many as the shape says"))))
}

/// Equal numbers.
///
/// # Panics
/// If an array of this shape is too large for memory.
#[track_caller]
pub fn constant<T: Scalar, S: IntoDimension>(shape: S, value: f64) -> Array<T, S::Dim> {
    filled("constant", shape.into_dimension(), || T::from_f64(value))
}

/// Zeros, the usual initial values of biases.
///
/// # Panics
/// If an array of this shape is too large for memory.
#[track_caller]
pub fn zeros<T: Scalar, S: IntoDimension>(shape: S) -> Array<T, S::Dim> {
    constant(shape, 0.0)
}

/// The bound of the uniform distribution from which PyTorch's layers take their initial values: 1 / sqrt(fan in).
pub fn pytorch_bound(fan_in: usize) -> f64 {
    1.0 / (fan_in.max(1) as f64).sqrt()
}

/// An array of this shape, filled element by element.
#[track_caller]
fn filled<T: Scalar, D: Dimension>(name: &str, shape: D, mut element: impl FnMut() -> T) -> Array<T, D> {
    let n = elements::<T>(name, shape.slice());
    let mut values = Vec::with_capacity(n);
    values.extend((0..n).map(|_| element()));
    Array::from_shape_vec(shape, values).expect("as many as the shape says")
}

/// Fan in and fan out.
#[track_caller]
fn fans(name: &str, shape: &[usize]) -> (f64, f64) {
    let message = || format!("{name}: a weight has a shape [out, in, ..], not {shape:?}");
    require(shape.len() >= 2, message, "for a bias use `uniform`, or zeros");
    let (outputs, inputs, field) = (shape[0], shape[1], &shape[2..]);
    let field = field.iter().map(|n| *n as f64).product::<f64>();
    (inputs as f64 * field, outputs as f64 * field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn convolution_weights_count_their_field() {
        assert_eq!(fans("", &[8, 3, 5, 5]), (75.0, 200.0));
    }
}
