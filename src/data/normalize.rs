//! How are inputs brought to mean 0 and spread 1? By what the training part says, for all parts alike.

use crate::Scalar;
use crate::io::{State, StateError};
use ndarray::{Array1, ArrayD, Axis};
use std::panic::Location;

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
    /// If there are not as many of both, or a standard deviation is not above 0.
    #[track_caller]
    pub fn new(mean: impl Into<Vec<f64>>, std: impl Into<Vec<f64>>) -> Self {
        let (mean, std) = (mean.into(), std.into());
        let fine = mean.len() == std.len() && mean.iter().all(|m| m.is_finite()) && std.iter().all(|s| *s > 0.0 && s.is_finite());
        assert!(
            fine,
            "Normalization::new: needs as many means as standard deviations, all finite and the latter above 0, not {mean:?} and {std:?}\n  at {}",
            Location::caller()
        );
        Normalization { mean, std }
    }
    /// Those of an array `[batch, channels, ..]` or `[batch, features]`, over all other axes than the second (dividing by their number).
    /// A channel that is the same everywhere is only centred.
    ///
    /// # Panics
    /// If there are fewer than two axes, no elements, or elements that are not finite.
    #[track_caller]
    pub fn fit<T: Scalar>(x: &ArrayD<T>) -> Self {
        let at = Location::caller();
        assert!(
            x.ndim() >= 2 && !x.is_empty(),
            "Normalization::fit: needs elements of shape [batch, channels, ..], not {:?}\n  at {at}",
            x.shape()
        );
        let (mean, std) = x
            .axis_iter(Axis(1))
            .enumerate()
            .map(|(channel, x)| {
                // From the first element on: of equal elements the mean is then exact and the spread 0.
                let (n, first) = (x.len() as f64, x.iter().next().map_or(0.0, |x| x.to_f64()));
                let mean = first + x.iter().map(|x| x.to_f64() - first).sum::<f64>() / n;
                let std = (x.iter().map(|x| (x.to_f64() - mean).powi(2)).sum::<f64>() / n).sqrt();
                assert!(
                    std.is_finite(),
                    "Normalization::fit: channel {channel} holds infinities or NaN\n  at {at}\n  hint: remove those examples"
                );
                (mean, if std == 0.0 { 1.0 } else { std })
            })
            .unzip();
        Normalization { mean, std }
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
        self.channels(x, "apply", |x, mean, std| (x - mean) / std);
    }
    /// Takes it back, for pictures: `x std + mean`.
    ///
    /// # Panics
    /// If axis 1 has another size.
    #[track_caller]
    pub fn invert<T: Scalar>(&self, x: &mut ArrayD<T>) {
        self.channels(x, "invert", |x, mean, std| x * std + mean);
    }
    #[track_caller]
    fn channels<T: Scalar>(&self, x: &mut ArrayD<T>, name: &str, f: impl Fn(T, T, T) -> T) {
        assert!(
            x.ndim() >= 2 && x.len_of(Axis(1)) == self.mean.len(),
            "Normalization::{name}: shape {:?}, but {} channels were fitted\n  at {}\n  hint: channels or features are axis 1",
            x.shape(),
            self.mean.len(),
            Location::caller()
        );
        for (i, mut x) in x.axis_iter_mut(Axis(1)).enumerate() {
            let (mean, std) = (T::from_f64(self.mean[i]), T::from_f64(self.std[i]));
            x.mapv_inplace(|x| f(x, mean, std));
        }
    }
    /// To be kept beside the weights, which make no sense without it.
    pub fn state(&self) -> State {
        let array = |x: &[f64]| Array1::from(x.to_vec()).into_dyn();
        State::from_iter([("mean", array(&self.mean)), ("std", array(&self.std))])
    }
    /// From such a state.
    ///
    /// # Errors
    /// If a part is missing, or they are not as many numbers, or not such as can be.
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

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array, array};

    #[test]
    fn each_channel_of_images() {
        let mut x =
            Array::from_shape_fn((4, 2, 3, 5), |(n, c, h, w)| (c * 100) as f64 + ((n * 7 + h * 3 + w) % 11) as f64 * (c + 1) as f64)
                .into_dyn();
        let before = x.clone();
        let normalization = Normalization::fit(&x);
        normalization.apply(&mut x);
        for x in x.axis_iter(Axis(1)) {
            let mean = x.mean().unwrap();
            assert!(mean.abs() < 1e-13 && (x.mapv(|x| x * x).mean().unwrap() - 1.0).abs() < 1e-12);
        }
        normalization.invert(&mut x);
        assert!(x.iter().zip(&before).all(|(x, y)| (x - y).abs() < 1e-11));
    }
    #[test]
    fn a_constant_feature_is_centred() {
        let mut x = array![[0.1f32, 1.0], [0.1, 2.0], [0.1, 3.0]].into_dyn();
        let normalization = Normalization::fit(&x);
        assert_eq!(normalization.std()[0], 1.0);
        normalization.apply(&mut x);
        assert_eq!(x.index_axis(Axis(1), 0), array![0.0, 0.0, 0.0].into_dyn());
    }
    #[test]
    fn a_constant_feature_of_many_examples() {
        let mut x = ArrayD::from_elem(vec![200_000, 1], 0.1);
        let normalization = Normalization::fit(&x);
        assert_eq!((normalization.mean(), normalization.std()), (&[0.1][..], &[1.0][..]));
        normalization.apply(&mut x);
        assert!(x.iter().all(|x| *x == 0.0));
    }
    #[test]
    fn kept_in_a_state() {
        let normalization = Normalization::new([0.5, 0.25], [1.0, 2.0]);
        assert_eq!(Normalization::from_state(&normalization.state()), Ok(normalization.clone()));
        assert_eq!(Normalization::from_state(&State::new()).unwrap_err().to_string(), "`mean` is missing");
        let mut state = normalization.state();
        state.insert("std", array![1.0, -2.0].into_dyn());
        assert!(matches!(Normalization::from_state(&state), Err(StateError::Type { name, .. }) if name == "std"));
        state.insert("std", array![1.0].into_dyn());
        assert!(matches!(Normalization::from_state(&state), Err(StateError::Shape { .. })));
        let scalar = State::from_iter([("mean", 1.0), ("std", 1.0)]);
        assert!(Normalization::from_state(&scalar).is_err());
    }
    #[test]
    #[should_panic(expected = "Normalization::apply: shape [1, 3], but 2 channels were fitted")]
    fn other_channels() {
        Normalization::new([0.0, 0.0], [1.0, 1.0]).apply(&mut array![[1.0, 2.0, 3.0]].into_dyn());
    }
    #[test]
    #[should_panic(expected = "channel 1 holds infinities or NaN")]
    fn not_a_number() {
        Normalization::fit(&array![[1.0, f64::NAN]].into_dyn());
    }
    #[test]
    #[should_panic(expected = "needs elements of shape [batch, channels, ..], not [0, 3]")]
    fn nothing_to_fit() {
        Normalization::fit(&ArrayD::<f32>::zeros(vec![0, 3]));
    }
    #[test]
    #[should_panic(expected = "not [0.0] and [0.0]")]
    fn a_spread_of_nothing() {
        Normalization::new([0.0], [0.0]);
    }
}
