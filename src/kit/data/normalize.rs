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
    fn numbers_near_the_ends_of_the_type() {
        for size in [1e-300, 1e-160, 1e-20, 1.0, 1e30, 1e160, 1e300, 8e307] {
            let x = array![[-1.0, 5.0], [1.0, 5.0], [0.5, 5.0], [-0.5, 5.0]].mapv(|x: f64| x * (size / 5.0)).into_dyn();
            let normalization = Normalization::fit(&x);
            let std = 0.625f64.sqrt();
            assert!((normalization.std()[0] / (std * size / 5.0) - 1.0).abs() < 1e-12, "{size:e}: {normalization:?}");
            assert_eq!(normalization.std()[1], 1.0);
            let mut y = x.clone();
            normalization.apply(&mut y);
            for (found, right) in y.index_axis(Axis(1), 0).iter().zip([-1.0, 1.0, 0.5, -0.5]) {
                assert!((found - right / std).abs() < 1e-12, "{size:e}: {y:?}");
            }
            assert!(y.index_axis(Axis(1), 1).iter().all(|y| *y == 0.0));
            normalization.invert(&mut y);
            assert!(y.index_axis(Axis(1), 0).iter().zip(x.index_axis(Axis(1), 0)).all(|(y, x)| (y / size - x / size).abs() < 1e-12));
        }
        for size in [1e-44, 1e-38, 1e-20, 1e20, 3e38] {
            let x = array![[-1.0f32], [1.0]].mapv(|x| x * size).into_dyn();
            let (mut y, normalization) = (x.clone(), Normalization::fit(&x));
            normalization.apply(&mut y);
            assert_eq!(y, array![[-1.0], [1.0]].into_dyn(), "{size:e}");
            normalization.invert(&mut y);
            assert_eq!(y, x, "{size:e}");
        }
        // As far apart as numbers can be.
        let x = array![[f64::MIN], [f64::MAX]].into_dyn();
        let normalization = Normalization::fit(&x);
        assert!((normalization.std()[0] / f64::MAX - 1.0).abs() < 1e-12, "{normalization:?}");
    }
    #[test]
    fn a_mean_that_is_no_number_of_f32() {
        let x = array![[16_777_216f32], [16_777_218.0], [16_777_220.0], [16_777_222.0]].into_dyn();
        let (mut y, normalization) = (x.clone(), Normalization::fit(&x));
        assert_eq!(normalization.mean(), [16_777_219.0]); // between two numbers of f32
        normalization.apply(&mut y);
        for (y, right) in y.iter().zip([-3.0, -1.0, 1.0, 3.0]) {
            assert!((f64::from(*y) - right / 5f64.sqrt()).abs() < 1e-7, "{y} instead of {right} / sqrt(5)");
        }
        normalization.invert(&mut y);
        assert_eq!(y, x);
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
