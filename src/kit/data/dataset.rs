//! Data sets: examples, which are inputs and their targets.

use super::order;
use crate::refusal::{elements, has_room, require};
use crate::{Indices, Scalar};
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
    /// The type of a batch's targets: class numbers (`Vec<usize>`, or [`Indices`] of several axes) or an array of numbers ([`ArrayD`]).
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
/// Class numbers of several axes, such as those of pixels: `[examples, height, width]`.
impl Target for Indices {
    fn count(&self) -> usize {
        self.shape().first().copied().unwrap_or(0)
    }
    fn of(&self, rows: &[usize]) -> Self {
        let mut shape = self.shape().to_vec();
        require(!shape.is_empty(), || "Indices: a single number is not a target of any example", "the first axis is the batch");
        shape[0] = rows.len();
        let one: usize = shape[1..].iter().product();
        Indices::new(&shape, rows.iter().flat_map(|row| &self.values()[row * one..(row + 1) * one]).copied())
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
