//! Data sets: examples, which are inputs and their targets.

use super::order;
use crate::Scalar;
use crate::refusal::{elements, has_room, require};
use ndarray::{Array2, ArrayD, Axis};
use rand::seq::SliceRandom;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Anything that has examples with an index: arrays in memory ([`Examples`]), or examples that your own code reads or makes on demand.
///
/// ```
/// use wengert::data::{Dataset, Examples};
/// use wengert::ndarray::Array2;
///
/// /// Points, and whether they lie in the unit circle.
/// struct Circle(usize);
/// impl Dataset for Circle {
///     type Number = f32;
///     type Target = Vec<usize>;
///     fn len(&self) -> usize {
///         self.0
///     }
///     fn get(&self, rows: &[usize]) -> Examples {
///         let x = Array2::from_shape_fn((rows.len(), 2), |(i, axis)| ((rows[i] * [7, 13][axis]) % 20) as f32 / 10.0 - 1.0);
///         let y = x.rows().into_iter().map(|p| usize::from(p.dot(&p) < 1.0)).collect();
///         Examples { x: x.into_dyn(), y }
///     }
/// }
/// assert_eq!(Circle(100).get(&[0, 30]).y, [0, 1]);
/// ```
pub trait Dataset: Send + Sync {
    /// The type of the inputs: `f32` or `f64`.
    type Number: Scalar;
    /// The type of a batch's targets: class numbers (`Vec<usize>`) or an array of numbers ([`ArrayD`]).
    type Target: Target;
    /// The number of examples.
    fn len(&self) -> usize;
    /// The examples with these indices, in this order; the first axis is the batch.
    fn get(&self, rows: &[usize]) -> Examples<Self::Number, Self::Target>;
    /// True if there are no examples.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The targets of several examples.
pub trait Target: Clone + Send + Sync + 'static {
    /// The number of examples.
    fn count(&self) -> usize;
    /// The targets of these examples, in this order.
    ///
    /// # Panics
    /// If an index is out of range.
    fn of(&self, rows: &[usize]) -> Self;
}

impl Target for Vec<usize> {
    fn count(&self) -> usize {
        self.len()
    }
    fn of(&self, rows: &[usize]) -> Self {
        rows.iter().map(|i| self[*i]).collect()
    }
}
impl<T: Scalar> Target for ArrayD<T> {
    fn count(&self) -> usize {
        self.shape().first().copied().unwrap_or(0) // a single number is not a target of any example
    }
    fn of(&self, rows: &[usize]) -> Self {
        self.select(Axis(0), rows)
    }
}

/// Inputs `x`, whose first axis is the batch, and their targets `y`: class numbers, or an array of numbers for regression. Both a whole
/// data set in memory and a single batch are `Examples`.
///
/// ```
/// use wengert::data::Examples;
/// use wengert::ndarray::array;
/// let all = Examples::new(array![[0f32], [1.0], [2.0], [3.0], [4.0]], vec![0, 0, 1, 1, 1]);
/// let (train, test) = all.split(0.4, 7);
/// assert_eq!((train.len(), test.len()), (3, 2));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Examples<T: Scalar = f32, Y = Vec<usize>> {
    /// The inputs.
    pub x: ArrayD<T>,
    /// Their targets.
    pub y: Y,
}

impl<T: Scalar, Y: Target> Examples<T, Y> {
    /// Inputs and their targets.
    ///
    /// # Panics
    /// If their numbers differ.
    #[track_caller]
    pub fn new<D: ndarray::Dimension>(x: ndarray::Array<T, D>, y: Y) -> Self {
        let x = x.into_dyn();
        let (inputs, targets) = (x.shape().first().copied(), y.count());
        let message = || format!("Examples::new: inputs of shape {:?}, but targets for {targets} examples", x.shape());
        require(inputs == Some(targets), message, "the first axis of both is the batch");
        Examples { x, y }
    }
    /// The number of examples.
    pub fn len(&self) -> usize {
        self.y.count()
    }
    /// True if there are no examples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The examples with these indices, in this order.
    ///
    /// # Panics
    /// If an index is out of range.
    #[track_caller]
    pub fn select(&self, rows: &[usize]) -> Self {
        let beyond = rows.iter().find(|i| **i >= self.len());
        let message = || format!("select: example {} of {}", beyond.unwrap_or(&0), self.len());
        require(beyond.is_none(), message, "examples count from 0");
        Examples { x: self.x.select(Axis(0), rows), y: self.y.of(rows) }
    }
    /// The first `n` examples, or all if there are fewer.
    pub fn first(&self, n: usize) -> Self {
        self.select(&(0..n.min(self.len())).collect::<Vec<_>>())
    }
    /// Splits the examples at random into a part for training and a part that is held back, which has `round(fraction len)` examples. The
    /// seed decides which.
    ///
    /// # Panics
    /// If the fraction is not between 0 and 1.
    #[track_caller]
    pub fn split(&self, held_back: f64, seed: u64) -> (Self, Self) {
        let (train, test) = split_rows(self.len(), held_back, seed);
        (self.select(&train), self.select(&test))
    }
    /// The same numbers as `f32` or `f64`.
    pub fn cast<U: Scalar>(&self) -> Examples<U, Y> {
        Examples { x: self.x.mapv(|x| U::from_f64(x.to_f64())), y: self.y.clone() }
    }
}

impl<T: Scalar> Examples<T> {
    /// As [`Examples::split`], but holds back the same fraction of each class, up to one example: see [`split_rows_stratified`].
    ///
    /// ```
    /// use wengert::data::Examples;
    /// use wengert::ndarray::Array2;
    /// let labels = (0..100).map(|i| usize::from(i >= 90)).collect();
    /// let (train, test) = Examples::new(Array2::<f32>::zeros((100, 1)), labels).split_stratified(0.2, 7);
    /// assert_eq!((train.y.iter().sum::<usize>(), test.y.iter().sum::<usize>()), (8, 2));
    /// ```
    ///
    /// # Panics
    /// If the fraction is not between 0 and 1.
    #[track_caller]
    pub fn split_stratified(&self, held_back: f64, seed: u64) -> (Self, Self) {
        let (train, test) = split_rows_stratified(&self.y, held_back, seed);
        (self.select(&train), self.select(&test))
    }
}

impl<T: Scalar, Y: Target> Dataset for Examples<T, Y> {
    type Number = T;
    type Target = Y;
    fn len(&self) -> usize {
        self.len()
    }
    fn get(&self, rows: &[usize]) -> Examples<T, Y> {
        // Row by row: ndarray's `select` is slow for long rows.
        let mut shape = self.x.shape().to_vec();
        shape[0] = rows.len();
        let mut x = ArrayD::from_elem(shape, T::ZERO);
        for (to, row) in x.outer_iter_mut().zip(rows) {
            let from = self.x.index_axis(Axis(0), *row);
            ndarray::Zip::from(to).and(from).for_each(|to, from| *to = *from);
        }
        Examples { x, y: self.y.of(rows) }
    }
}

/// A shared data set: clones are cheap, since they share the examples.
impl<D: Dataset> Dataset for Arc<D> {
    type Number = D::Number;
    type Target = D::Target;
    fn len(&self) -> usize {
        (**self).len()
    }
    fn get(&self, rows: &[usize]) -> Examples<D::Number, D::Target> {
        (**self).get(rows)
    }
}

/// Some examples of another data set (or of an [`Arc`] of one), in any order.
#[derive(Clone, Debug)]
pub struct Subset<D> {
    data: D,
    rows: Vec<usize>,
}

impl<D: Dataset> Subset<D> {
    /// The examples with these indices.
    ///
    /// # Panics
    /// If an index is out of range.
    #[track_caller]
    pub fn new(data: D, rows: Vec<usize>) -> Self {
        let beyond = rows.iter().find(|i| **i >= data.len());
        let message = || format!("Subset::new: example {} of {}", beyond.unwrap_or(&0), data.len());
        require(beyond.is_none(), message, "examples count from 0");
        Subset { data, rows }
    }
}

impl<D: Dataset> Dataset for Subset<D> {
    type Number = D::Number;
    type Target = D::Target;
    fn len(&self) -> usize {
        self.rows.len()
    }
    fn get(&self, rows: &[usize]) -> Examples<D::Number, D::Target> {
        self.data.get(&rows.iter().map(|i| self.rows[*i]).collect::<Vec<_>>())
    }
}

/// Splits the indices `0..len` at random into two parts, each in ascending order: one for training, and `round(held_back len)` that are
/// held back. The seed decides which.
///
/// # Panics
/// If the fraction is not between 0 and 1, or there is no memory for the indices.
#[track_caller]
pub fn split_rows(len: usize, held_back: f64, seed: u64) -> (Vec<usize>, Vec<usize>) {
    check_fraction("split", held_back);
    require(has_room::<usize>(len), || format!("split: no memory for the indices of {len} examples"), "split a part of them");
    let mut order = order::shuffled(len, seed, 0);
    let mut test = order.split_off(len - (held_back * len as f64).round() as usize);
    order.sort_unstable();
    test.sort_unstable();
    (order, test)
}

/// Splits the indices of labelled examples at random into two parts, each in ascending order: one for training, and `round(held_back n)` of
/// all n that are held back. The same fraction of each class is held back, rounded up or down, so that both parts have nearly the same
/// shares of the classes. As in scikit-learn, the classes with the largest remainders are rounded up; the seed decides between equal
/// remainders. A class with few examples may be in one part only.
///
/// # Panics
/// If the fraction is not between 0 and 1.
#[track_caller]
pub fn split_rows_stratified(labels: &[usize], held_back: f64, seed: u64) -> (Vec<usize>, Vec<usize>) {
    check_fraction("split_stratified", held_back);
    let mut classes: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    // In a random order; the first ones are held back.
    order::shuffled(labels.len(), seed, 0).into_iter().for_each(|i| classes.entry(labels[i]).or_default().push(i));
    let share = |rows: &Vec<usize>| held_back * rows.len() as f64;
    let down: usize = classes.values().map(|rows| share(rows).floor() as usize).sum();
    let mut by_rest: Vec<(usize, f64)> = classes.iter().map(|(class, rows)| (*class, share(rows).fract())).collect();
    by_rest.shuffle(&mut order::generator(seed, 1, u64::MAX)); // otherwise smaller classes would always win among equal remainders
    by_rest.sort_by(|a, b| b.1.total_cmp(&a.1)); // stable
    let up = ((held_back * labels.len() as f64).round() as usize).saturating_sub(down);
    let up: BTreeSet<usize> = by_rest.into_iter().take(up).map(|(class, _)| class).collect();
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for (class, rows) in &classes {
        let (held, rest) = rows.split_at((share(rows).floor() as usize + usize::from(up.contains(class))).min(rows.len()));
        test.extend(held);
        train.extend(rest);
    }
    train.sort_unstable();
    test.sort_unstable();
    (train, test)
}

#[track_caller]
fn check_fraction(who: &str, held_back: f64) {
    let message = || format!("{who}: the fraction held back is from 0 to 1, not {held_back}");
    require((0.0..=1.0).contains(&held_back), message, "0.1 to 0.3 are usual");
}

/// A row for each class number: 1 in its column and 0 elsewhere.
///
/// ```
/// use wengert::{data::one_hot, ndarray::array};
/// assert_eq!(one_hot::<f32>(&[2, 0], 3), array![[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]);
/// ```
///
/// # Panics
/// If a class number is not below `classes`, or an array of this size is too large for memory.
#[track_caller]
pub fn one_hot<T: Scalar>(labels: &[usize], classes: usize) -> Array2<T> {
    elements::<T>("one_hot: [labels, classes]", &[labels.len(), classes]);
    let mut rows = Array2::from_elem((labels.len(), classes), T::ZERO);
    for (i, label) in labels.iter().enumerate() {
        let message = || format!("one_hot: label {label} of example {i} where there are {classes} classes");
        require(*label < classes, message, "labels count from 0");
        rows[[i, *label]] = T::ONE;
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array, array};

    fn counting(n: usize) -> Examples<f64> {
        let x = Array::from_shape_fn((n, 2, 3), |(i, j, k)| (i * 100 + j * 10 + k) as f64);
        Examples::new(x, (0..n).map(|i| i % 3).collect())
    }

    #[test]
    fn rows_in_their_order() {
        let all = counting(5);
        let batch = all.get(&[4, 0, 4]);
        assert_eq!((batch.x.shape(), &batch.y), (&[3, 2, 3][..], &vec![1, 0, 1]));
        assert_eq!((batch.x[[0, 1, 2]], batch.x[[1, 0, 1]]), (412.0, 1.0));
        assert_eq!(batch, all.select(&[4, 0, 4]));
        assert_eq!(all.get(&[]).x.shape(), [0, 2, 3]);
        assert_eq!(all.first(2), all.select(&[0, 1]));
        assert_eq!(all.first(9), all);
    }
    #[test]
    fn real_targets() {
        let all = Examples::new(array![[1.0], [2.0], [3.0]], array![[10.0, 11.0], [20.0, 21.0], [30.0, 31.0]].into_dyn());
        let batch = all.get(&[2, 0]);
        assert_eq!((batch.x, batch.y), (array![[3.0], [1.0]].into_dyn(), array![[30.0, 31.0], [10.0, 11.0]].into_dyn()));
    }
    #[test]
    #[should_panic(expected = "Examples::new: inputs of shape [2, 1], but targets for 0 examples")]
    fn a_number_alone_is_no_target() {
        Examples::new(array![[1.0], [2.0]], ndarray::arr0(3.0).into_dyn());
    }
    #[test]
    fn inputs_that_do_not_lie_in_order() {
        let x = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]].reversed_axes();
        let all = Examples::new(x, vec![0, 1, 2]);
        assert_eq!(all.get(&[1, 2]).x, array![[2.0, 5.0], [3.0, 6.0]].into_dyn());
    }
    #[test]
    fn a_split_takes_each_example_once() {
        let all = counting(10);
        let (train, test) = all.split(0.25, 3);
        assert_eq!((train.len(), test.len()), (7, 3)); // 2.5 is rounded up
        let mut firsts: Vec<f64> = train.x.outer_iter().chain(test.x.outer_iter()).map(|x| x[[0, 0]]).collect();
        firsts.sort_by(f64::total_cmp);
        assert_eq!(firsts, (0..10).map(|i| i as f64 * 100.0).collect::<Vec<_>>());
        assert_eq!(all.split(0.25, 3), (train.clone(), test.clone()));
        assert!((0..5).any(|seed| all.split(0.25, seed).1 != test));
        assert_eq!(all.split(0.0, 1), (all.clone(), all.first(0)));
        assert_eq!(all.split(1.0, 1), (all.first(0), all.clone()));
        assert_eq!(all.first(0).split(0.5, 1).0.len(), 0);
    }
    #[test]
    fn a_stratified_split_keeps_the_shares_of_classes() {
        // 60, 30 and 10 examples of three classes, mixed.
        let labels: Vec<usize> = (0..100).map(|i| [7, 7, 7, 7, 7, 7, 2, 2, 2, 9][i * 7 % 10]).collect();
        for held_back in [0.0, 0.1, 0.25, 0.333, 0.5, 0.99, 1.0] {
            for seed in 0..5 {
                let (train, test) = split_rows_stratified(&labels, held_back, seed);
                assert_eq!(test.len(), (held_back * 100.0).round() as usize);
                let mut all = [train.clone(), test.clone()].concat();
                all.sort_unstable();
                assert_eq!(all, (0..100).collect::<Vec<_>>());
                assert!(train.is_sorted() && test.is_sorted());
                for (class, n) in [(7, 60.0), (2, 30.0), (9, 10.0)] {
                    let held = test.iter().filter(|i| labels[**i] == class).count() as f64;
                    assert!((held - held_back * n).abs() < 1.0, "{held} of {n} for {held_back}");
                }
            }
        }
        let split = |seed| split_rows_stratified(&labels, 0.3, seed);
        assert_eq!(split(1), split(1));
        assert_ne!(split(1), split(2));
        // Classes with one example each: as many classes as examples are held back.
        assert_eq!(split_rows_stratified(&[5, 3, 4, 1], 0.5, 1).1.len(), 2);
        assert_eq!(split_rows_stratified(&[], 0.5, 1), (vec![], vec![]));
        // Each of them about equally often.
        let mut counts = [0; 4];
        (0..2000).for_each(|seed| split_rows_stratified(&[5, 3, 4, 1], 0.5, seed).1.into_iter().for_each(|i| counts[i] += 1));
        assert!(counts.iter().all(|n: &i32| (n - 1000).abs() < 112), "{counts:?}"); // 5 standard deviations
        // As many classes as examples: the time must not grow with their square.
        let many: Vec<usize> = (0..400_000).collect();
        assert_eq!(split_rows_stratified(&many, 0.5, 1).1.len(), 200_000);
        let examples = counting(9); // classes 0, 1, 2 in turn
        let (train, test) = examples.split_stratified(1.0 / 3.0, 4);
        assert_eq!((train.len(), test.len()), (6, 3));
        let mut classes = test.y.clone();
        classes.sort_unstable();
        assert_eq!(classes, [0, 1, 2]);
        // Each example of a class is held back about equally often.
        let mut counts = [0; 100];
        (0..3000).for_each(|seed| split_rows_stratified(&labels, 0.5, seed).1.into_iter().for_each(|i| counts[i] += 1));
        assert!(counts.iter().all(|n: &i32| (n - 1500).abs() < 140), "{counts:?}"); // 5 standard deviations
    }
    #[test]
    fn subsets() {
        let all = Arc::new(counting(5));
        let odd = Subset::new(all.clone(), vec![3, 1]);
        assert_eq!((odd.len(), odd.get(&[1, 0])), (2, all.select(&[1, 3])));
    }
    #[test]
    fn casts() {
        let single = counting(2).cast::<f32>();
        assert_eq!((single.x[[1, 1, 2]], &single.y), (112f32, &vec![0, 1]));
    }
    #[test]
    #[should_panic(expected = "one_hot: label 3 of example 1 where there are 3 classes")]
    fn labels_out_of_range() {
        one_hot::<f32>(&[0, 3], 3);
    }
    #[test]
    #[should_panic(expected = "Examples::new: inputs of shape [2, 1], but targets for 3 examples")]
    fn as_many_targets_as_inputs() {
        Examples::new(array![[1f32], [2.0]], vec![0, 1, 2]);
    }
    #[test]
    #[should_panic(expected = "split_stratified: the fraction held back is from 0 to 1, not 1.5")]
    fn a_stratified_split_holds_back_a_fraction() {
        Examples::new(Array2::<f32>::zeros((2, 1)), vec![0, 1]).split_stratified(1.5, 0);
    }
    #[test]
    #[should_panic(expected = "split: the fraction held back is from 0 to 1, not -0.1")]
    fn fractions() {
        counting(3).split(-0.1, 0);
    }
    #[test]
    #[should_panic(expected = "select: example 3 of 3")]
    fn examples_out_of_range() {
        counting(3).select(&[3]);
    }
    #[test]
    #[should_panic(expected = "Subset::new: example 5 of 5")]
    fn subsets_out_of_range() {
        Subset::new(counting(5), vec![5]);
    }
}
