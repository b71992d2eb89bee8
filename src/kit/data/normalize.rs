//! Brings inputs to mean 0 and standard deviation 1, by the values of the training part for all parts alike.

use crate::Scalar;
use crate::io::{State, StateError};
use crate::refusal::require;
use ndarray::{Array1, ArrayD, Axis};

/// Mean and standard deviation of each channel or feature (axis 1): `(x - mean) / std`.
///
/// ```
/// use wengert::data::Normalization;
/// use wengert::ndarray::array;
/// let mut train = array![[1.0f32, 10.0], [3.0, 30.0]].into_dyn();
/// let mut test = array![[2.0f32, 40.0]].into_dyn();
/// let normalization = Normalization::fit(&train); // the test part must not take part in this
/// normalization.apply(&mut train);
/// normalization.apply(&mut test);
/// assert_eq!((train, test), (array![[-1.0, -1.0], [1.0, 1.0]].into_dyn(), array![[0.0, 2.0]].into_dyn()));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Normalization {
    mean: Vec<f64>,
    std: Vec<f64>,
}

impl Normalization {
    /// These means and standard deviations, one for each channel.
    ///
    /// # Panics
    /// If their numbers differ, one is not finite, or a standard deviation is not above 0.
    #[track_caller]
    pub fn new(mean: impl Into<Vec<f64>>, std: impl Into<Vec<f64>>) -> Self {
        let (mean, std) = (mean.into(), std.into());
        let fine = mean.len() == std.len() && mean.iter().all(|m| m.is_finite()) && std.iter().all(|s| *s > 0.0 && s.is_finite());
        let needed = "needs as many means as standard deviations, all finite and the latter above 0";
        let message = || format!("Normalization::new: {needed}, not {mean:?} and {std:?}");
        require(fine, message, "for a constant feature use a standard deviation of 1");
        Normalization { mean, std }
    }
    /// Means and standard deviations of an array `[batch, channels, ..]` or `[batch, features]`, over all axes but the second (with the
    /// number of elements as the divisor). A constant channel gets standard deviation 1, so it is only centred.
    ///
    /// # Panics
    /// If there are fewer than two axes, no elements, or elements that are not finite.
    #[track_caller]
    pub fn fit<T: Scalar>(x: &ArrayD<T>) -> Self {
        let message = || format!("Normalization::fit: needs elements of shape [batch, channels, ..], not {:?}", x.shape());
        require(x.ndim() >= 2 && !x.is_empty(), message, "examples are the first axis, and features or channels the second");
        let (mut means, mut stds) = (Vec::new(), Vec::new());
        for (channel, x) in x.axis_iter(Axis(1)).enumerate() {
            let message = || format!("Normalization::fit: channel {channel} holds infinities or NaN");
            require(x.iter().all(|x| x.to_f64().is_finite()), message, "remove those examples");
            let (mut mean, mut std) = mean_and_std(&x, 1.0);
            if !(1e-140..1e140).contains(&std) && x.iter().any(|y| Some(y) != x.first()) {
                // The squares overflow or vanish in f64: compute relative to the largest number.
                let size = x.iter().fold(0.0, |most: f64, x| most.max(x.to_f64().abs()));
                (mean, std) = mean_and_std(&x, size);
                (mean, std) = (mean * size, std * size);
            }
            means.push(mean);
            stds.push(if std == 0.0 { 1.0 } else { std });
        }
        Normalization { mean: means, std: stds }
    }
    /// The means.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }
    /// The standard deviations.
    pub fn std(&self) -> &[f64] {
        &self.std
    }
    /// Normalizes in place.
    ///
    /// # Panics
    /// If axis 1 has another size.
    #[track_caller]
    pub fn apply<T: Scalar>(&self, x: &mut ArrayD<T>) {
        self.channels(x, "apply", |x, mean, std| {
            let distance = x - mean;
            if distance.is_finite() { distance / std } else { x / std - mean / std }
        });
    }
    /// Undoes the normalization, for pictures: `x std + mean`.
    ///
    /// # Panics
    /// If axis 1 has another size.
    #[track_caller]
    pub fn invert<T: Scalar>(&self, x: &mut ArrayD<T>) {
        self.channels(x, "invert", |x, mean, std| x * std + mean);
    }
    #[track_caller]
    fn channels<T: Scalar>(&self, x: &mut ArrayD<T>, name: &str, f: fn(f64, f64, f64) -> f64) {
        let message = || format!("Normalization::{name}: shape {:?}, but {} channels were fitted", x.shape(), self.mean.len());
        require(x.ndim() >= 2 && x.len_of(Axis(1)) == self.mean.len(), message, "channels or features are axis 1");
        for (i, mut x) in x.axis_iter_mut(Axis(1)).enumerate() {
            // In f64: as f32 a mean may be off by a large part of the spread, or not be finite.
            x.mapv_inplace(|x| T::from_f64(f(x.to_f64(), self.mean[i], self.std[i])));
        }
    }
    /// To save next to the weights, which are useless without it.
    pub fn state(&self) -> State {
        let array = |x: &[f64]| Array1::from(x.to_vec()).into_dyn();
        State::from_iter([("mean", array(&self.mean)), ("std", array(&self.std))])
    }
    /// Made from such a state.
    ///
    /// # Errors
    /// If a part is missing, the numbers of means and standard deviations differ, or their values are not allowed.
    pub fn from_state(state: &State) -> Result<Normalization, StateError> {
        let missing = |name: &str| StateError::Missing { name: name.into() };
        let channels = state.get("mean").ok_or_else(|| missing("mean"))?.shape().first().copied().unwrap_or(0);
        let [mean, std] = ["mean", "std"].map(|name| state.array::<f64>(name, &[channels]).map(|a| a.into_raw_vec_and_offset().0));
        let (mean, std) = (mean?, std?);
        let unfit = |name: &str, expected| StateError::Type { name: name.into(), found: "not such numbers".into(), expected };
        if !mean.iter().all(|m| m.is_finite()) {
            return Err(unfit("mean", "finite numbers"));
        }
        if !std.iter().all(|s| s.is_finite() && *s > 0.0) {
            return Err(unfit("std", "finite numbers above 0"));
        }
        Ok(Normalization { mean, std })
    }
}

/// Mean and standard deviation of numbers, each divided by `size`.
fn mean_and_std<T: Scalar>(x: &ndarray::ArrayViewD<'_, T>, size: f64) -> (f64, f64) {
    // Relative to the first element: for equal elements the mean is then exact and the spread 0.
    let at = |x: &T| x.to_f64() / size;
    let (n, first) = (x.len() as f64, x.iter().next().map_or(0.0, at));
    let mean = first + x.iter().map(|x| at(x) - first).sum::<f64>() / n;
    let std = (x.iter().map(|x| (at(x) - mean).powi(2)).sum::<f64>() / n).sqrt();
    (mean, std)
}
