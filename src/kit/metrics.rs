//! Metrics: accuracy, top-k accuracy, the confusion matrix with intersection over union, and running means.
//!
//! Classes are numbered from 0. Scores (logits or probabilities, with one row for each sample and one column for each class) are a [`Var`]
//! or an array. The class with the largest score is the prediction. As in PyTorch, it is the first of several largest ones, and NaN counts
//! as larger than all numbers.
//!
//! ```
//! use wengert::metrics::{ConfusionMatrix, accuracy, predictions, top_k_accuracy};
//! use wengert::ndarray::array;
//!
//! let logits = array![[2.0, 1.0, 0.0], [0.5, 0.1, 0.4], [0.0, 3.0, 1.0], [1.0, 2.0, 3.0]];
//! let labels = [0, 2, 1, 2];
//! assert_eq!(accuracy(&logits, &labels), 0.75);
//! assert_eq!(top_k_accuracy(&logits, &labels, 2), 1.0);
//!
//! let mut confusion = ConfusionMatrix::new(3);
//! confusion.update(&predictions(&logits), &labels); // once for each batch
//! assert_eq!((confusion.count(2, 0), confusion.recall(2)), (1, 0.5));
//! ```

use crate::refusal::{elements, require};
use crate::{Indices, Scalar, Var};
use ndarray::{Array2, ArrayBase, ArrayView2, Data, Dimension};
use std::cmp::Ordering;
use std::fmt;

/// A source of scores: a [`Var`], or an ndarray array or view.
pub trait Scores<T: Scalar> {
    /// Calls `f` with the shape and the elements in row-major order.
    fn read<R>(&self, f: impl FnOnce(&[usize], &[T]) -> R) -> R;
}

impl<T: Scalar> Scores<T> for Var<'_, T> {
    fn read<R>(&self, f: impl FnOnce(&[usize], &[T]) -> R) -> R {
        f(&self.shape(), self.value().as_slice())
    }
}
impl<T: Scalar, S: Data<Elem = T>, D: Dimension> Scores<T> for ArrayBase<S, D> {
    fn read<R>(&self, f: impl FnOnce(&[usize], &[T]) -> R) -> R {
        match self.as_slice() {
            Some(values) => f(self.shape(), values),
            None => f(self.shape(), &self.iter().copied().collect::<Vec<T>>()),
        }
    }
}
impl<T: Scalar, X: Scores<T> + ?Sized> Scores<T> for &X {
    fn read<R>(&self, f: impl FnOnce(&[usize], &[T]) -> R) -> R {
        (**self).read(f)
    }
}

/// Compares by size; NaN is larger than all numbers.
fn order<T: Scalar>(a: T, b: T) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// The numbers of rows and of classes.
#[track_caller]
fn rows_and_classes(name: &str, shape: &[usize]) -> (usize, usize) {
    let message = || format!("{name}: scores have a shape [samples, classes], not {shape:?}");
    require(shape.len() == 2 && shape[1] > 0, message, "use `reshape` to get one row for each sample and one column for each class");
    (shape[0], shape[1])
}

#[track_caller]
fn check_labels(name: &str, labels: &[usize], classes: usize) {
    if let Some(at) = labels.iter().position(|&l| l >= classes) {
        let message = || format!("{name}: label {} of sample {at} is not one of {classes} classes", labels[at]);
        require(false, message, "classes are numbered from 0");
    }
}

#[track_caller]
fn check_lengths(name: &str, what: &str, found: usize, labels: usize) {
    let message = || format!("{name}: {found} {what}, but {labels} labels");
    require(found == labels, message, "give one label for each sample of the batch");
}

/// The class with the largest score, for each row of `[n, classes]`.
///
/// # Panics
/// If the scores are not such a matrix.
#[track_caller]
pub fn predictions<T: Scalar>(scores: impl Scores<T>) -> Vec<usize> {
    // The values are copied, so that panics come from here: in a closure the caller's line would be lost.
    let (shape, values) = scores.read(|shape, values| (shape.to_vec(), values.to_vec()));
    let (_, classes) = rows_and_classes("predictions", &shape);
    let largest = |row: &[T]| (1..classes).fold(0, |best, i| if order(row[i], row[best]).is_gt() { i } else { best });
    values.chunks_exact(classes).map(largest).collect()
}

/// The share of rows of `[n, classes]` in which the label has the largest score; NaN if there are no rows.
///
/// # Panics
/// If the scores are not such a matrix, the number of labels differs, or a label is not a class.
#[track_caller]
pub fn accuracy<T: Scalar>(scores: impl Scores<T>, labels: &[usize]) -> f64 {
    among_the_best("accuracy", scores, labels, 1)
}

/// The share of rows of `[n, classes]` in which the label is among the `k` classes with the largest scores; NaN if there are no rows.
///
/// # Panics
/// If the scores are not such a matrix, the number of labels differs, a label is not a class, or `k` is 0 or above the number of classes.
#[track_caller]
pub fn top_k_accuracy<T: Scalar>(scores: impl Scores<T>, labels: &[usize], k: usize) -> f64 {
    among_the_best("top_k_accuracy", scores, labels, k)
}

#[track_caller]
fn among_the_best<T: Scalar>(name: &str, scores: impl Scores<T>, labels: &[usize], k: usize) -> f64 {
    // Copied for the same reason as in `predictions`.
    let (shape, values) = scores.read(|shape, values| (shape.to_vec(), values.to_vec()));
    let (rows, classes) = rows_and_classes(name, &shape);
    let message = || format!("{name}: k is {k}, which is not from 1 to {classes}, the number of classes");
    require((1..=classes).contains(&k), message, "5 is usual where there are many classes");
    check_lengths(name, "rows of scores", rows, labels.len());
    check_labels(name, labels, classes);
    let right = values.chunks_exact(classes).zip(labels).filter(|&(row, &label)| {
        let better = |(i, &score): (usize, &T)| match order(score, row[label]) {
            Ordering::Greater => true,
            Ordering::Equal => i < label,
            Ordering::Less => false,
        };
        row.iter().enumerate().filter(|&x| better(x)).count() < k
    });
    right.count() as f64 / rows as f64
}

/// Counts how often each class was predicted for each class, over any number of batches.
///
/// Precision, recall, F1 and intersection over union of a class are quotients of these counts. They are NaN where that is 0/0: the class was
/// never predicted, or never occurred. `{}` shows counts and quotients as a table.
///
/// ```
/// use wengert::metrics::ConfusionMatrix;
/// let mut confusion = ConfusionMatrix::with_names(["cat", "dog"]);
/// confusion.update(&[0, 0, 1], &[0, 1, 1]);
/// confusion.update(&[1], &[1]);
/// println!("{confusion}");
/// //      | cat dog | precision  recall      F1
/// // -----+---------+--------------------------
/// //  cat |   1   . |    0.5000  1.0000  0.6667
/// //  dog |   1   2 |    1.0000  0.6667  0.8000
/// //
/// // rows: true classes, columns: predicted ones; accuracy 0.7500 of 4
/// assert_eq!(confusion.accuracy(), 0.75);
/// ```
///
/// Of images whose pixels have a class each (segmentation), the samples are the pixels:
///
/// ```
/// use wengert::metrics::ConfusionMatrix;
/// let tape = wengert::Tape::<f32>::new();
/// let scores = tape.constant([[2.0, 0.0], [1.0, 3.0]]).reshape([1, 2, 1, 2]); // [images, classes, height, width]
/// let mut confusion = ConfusionMatrix::new(2).ignoring(255);
/// confusion.update_arrays(scores.argmax(1, false), &wengert::ndarray::array![[[0u8, 255]]]);
/// assert_eq!((confusion.total(), confusion.mean_iou()), (1, 1.0));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ConfusionMatrix {
    names: Vec<String>,
    /// Samples with this label do not count.
    ignored: Option<i64>,
    /// A row for each true class, a column for each predicted one.
    counts: Array2<u64>,
}

impl ConfusionMatrix {
    /// An empty matrix for this many classes, whose names are their numbers.
    ///
    /// # Panics
    /// If there are no classes, or too many for a matrix in memory.
    #[track_caller]
    pub fn new(classes: usize) -> ConfusionMatrix {
        elements::<u64>("ConfusionMatrix: [classes, classes]", &[classes, classes]);
        ConfusionMatrix::with_names((0..classes).map(|c| c.to_string()))
    }
    /// An empty matrix for classes with these names.
    ///
    /// # Panics
    /// If there are no classes.
    #[track_caller]
    pub fn with_names<N: Into<String>>(names: impl IntoIterator<Item = N>) -> ConfusionMatrix {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        require(!names.is_empty(), || "ConfusionMatrix: at least one class is needed", "give the number of classes, or their names");
        elements::<u64>("ConfusionMatrix: [classes, classes]", &[names.len(), names.len()]);
        ConfusionMatrix { counts: Array2::zeros((names.len(), names.len())), names, ignored: None }
    }
    /// The same matrix, in which samples with this label do not count. It need not be a class.
    pub fn ignoring(self, label: i64) -> ConfusionMatrix {
        ConfusionMatrix { ignored: Some(label), ..self }
    }
    /// Counts a batch of predictions (see [`predictions`]) and labels. If it panics, nothing is counted.
    ///
    /// # Panics
    /// If the lengths differ, or a prediction or label is not a class.
    #[track_caller]
    pub fn update(&mut self, predicted: &[usize], labels: &[usize]) {
        let ignored = self.ignored.and_then(|i| usize::try_from(i).ok());
        self.add("ConfusionMatrix::update", predicted, labels, ignored);
    }
    /// The same for predictions and labels in arrays of one shape, such as the classes of all pixels of images: those that
    /// [`Var::argmax`](crate::Var::argmax) gives, or ndarray's arrays of whole numbers.
    ///
    /// # Panics
    /// If the shapes differ, or a prediction or label is not a class.
    #[track_caller]
    pub fn update_arrays(&mut self, predicted: impl Into<Indices>, labels: impl Into<Indices>) {
        let (predicted, labels) = (predicted.into(), labels.into());
        let message =
            || format!("ConfusionMatrix::update_arrays: predictions {} and labels {} differ in shape", predicted.shape(), labels.shape());
        require(
            predicted.shape() == labels.shape(),
            message,
            "scores [images, classes, height, width] give predictions by `argmax(1, false)`",
        );
        self.add("ConfusionMatrix::update_arrays", predicted.values(), labels.values(), self.ignored);
    }
    #[track_caller]
    fn add<I: Copy + PartialEq + fmt::Display + TryInto<usize>>(&mut self, name: &str, predicted: &[I], labels: &[I], ignored: Option<I>) {
        check_lengths(name, "predictions", predicted.len(), labels.len());
        let classes = self.classes();
        let class = |x: I| x.try_into().ok().filter(|&c| c < classes);
        let counted = |&(_, (_, l)): &(usize, (&I, &I))| Some(*l) != ignored;
        let pairs = || predicted.iter().zip(labels).enumerate().filter(counted);
        if let Some((at, (p, l))) = pairs().find(|(_, (p, l))| class(**p).is_none() || class(**l).is_none()) {
            let (what, which) = if class(*l).is_none() { ("label", l) } else { ("prediction", p) };
            let message = || format!("{name}: {what} {which} of sample {at} is not one of {classes} classes");
            require(false, message, "classes are numbered from 0; `ignoring` names a label that does not count");
        }
        for (_, (&p, &l)) in pairs() {
            if let (Some(p), Some(l)) = (class(p), class(l)) {
                self.counts[[l, p]] += 1;
            }
        }
    }
    /// Sets all counts to 0.
    pub fn reset(&mut self) {
        self.counts.fill(0);
    }
    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.names.len()
    }
    /// The names of the classes.
    pub fn names(&self) -> &[String] {
        &self.names
    }
    /// All counts: a row for each true class, a column for each predicted one.
    pub fn counts(&self) -> ArrayView2<'_, u64> {
        self.counts.view()
    }
    /// How often class `predicted` was predicted for samples of class `label`.
    ///
    /// # Panics
    /// If one of them is not a class.
    #[track_caller]
    pub fn count(&self, label: usize, predicted: usize) -> u64 {
        for class in [label, predicted] {
            let classes = self.classes();
            let message = || format!("ConfusionMatrix: {class} is not one of {classes} classes");
            require(class < classes, message, "classes are numbered from 0");
        }
        self.counts[[label, predicted]]
    }
    /// The number of samples.
    pub fn total(&self) -> u64 {
        self.counts.sum()
    }
    /// The share of samples that were predicted correctly; NaN without samples.
    pub fn accuracy(&self) -> f64 {
        self.counts.diag().sum() as f64 / self.total() as f64
    }
    /// The share of samples predicted as `class` that are of this class: TP / (TP + FP).
    ///
    /// # Panics
    /// If it is not a class.
    #[track_caller]
    pub fn precision(&self, class: usize) -> f64 {
        self.count(class, class) as f64 / self.counts.column(class).sum() as f64
    }
    /// The share of samples of `class` that were predicted as such: TP / (TP + FN).
    ///
    /// # Panics
    /// If it is not a class.
    #[track_caller]
    pub fn recall(&self, class: usize) -> f64 {
        self.count(class, class) as f64 / self.counts.row(class).sum() as f64
    }
    /// The harmonic mean of precision and recall: 2 TP / (2 TP + FP + FN).
    ///
    /// # Panics
    /// If it is not a class.
    #[track_caller]
    pub fn f1(&self, class: usize) -> f64 {
        2.0 * self.count(class, class) as f64 / (self.counts.column(class).sum() + self.counts.row(class).sum()) as f64
    }
    /// Intersection over union (Jaccard index): TP / (TP + FP + FN). NaN if the class was never predicted and never occurred.
    ///
    /// # Panics
    /// If it is not a class.
    #[track_caller]
    pub fn iou(&self, class: usize) -> f64 {
        let right = self.count(class, class);
        right as f64 / (self.counts.column(class).sum() + self.counts.row(class).sum() - right) as f64
    }
    /// The mean of [`iou`](ConfusionMatrix::iou) over the classes that were predicted or occurred; NaN if there are none. The usual number for
    /// segmentation (mIoU).
    pub fn mean_iou(&self) -> f64 {
        mean_of_numbers((0..self.classes()).map(|c| self.iou(c)))
    }
    /// The mean of [`iou`](ConfusionMatrix::iou) over all classes, of which those that were never predicted and never occurred count as 0. Some
    /// packages take this mean; it says less, since it depends on classes that are not there.
    pub fn mean_iou_of_all(&self) -> f64 {
        (0..self.classes()).map(|c| self.iou(c)).filter(|x| !x.is_nan()).sum::<f64>() / self.classes() as f64
    }
    /// The mean of the [`recall`](ConfusionMatrix::recall) over the classes that occurred; NaN if there are none. Also called balanced accuracy.
    pub fn mean_class_accuracy(&self) -> f64 {
        mean_of_numbers((0..self.classes()).map(|c| self.recall(c)))
    }
}

/// The mean of those that are not NaN.
fn mean_of_numbers(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = values.filter(|x| !x.is_nan()).fold((0.0, 0), |(sum, n), x| (sum + x, n + 1));
    sum / f64::from(n)
}

impl fmt::Display for ConfusionMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let longest = self.names.iter().map(|n| n.chars().count()).max().unwrap_or(0);
        let digits = self.counts.iter().max().map_or(1, |n| n.to_string().len());
        let (head, cell) = (longest.max(4), longest.max(digits).max(3) + 1);
        let quotient = |q: f64| if q.is_nan() { "-".to_string() } else { format!("{q:.4}") };
        let names: String = self.names.iter().map(|n| format!("{n:>cell$}")).collect();
        writeln!(f, "{:>head$} |{names} | precision  recall      F1", "")?;
        writeln!(f, "{}+{}+{}", "-".repeat(head + 1), "-".repeat(cell * self.classes() + 1), "-".repeat(26))?;
        for (class, name) in self.names.iter().enumerate() {
            let counts = self.counts.row(class);
            let counts: String = counts.iter().map(|&n| format!("{:>cell$}", if n == 0 { ".".into() } else { n.to_string() })).collect();
            let [p, r, f1] = [self.precision(class), self.recall(class), self.f1(class)].map(quotient);
            writeln!(f, "{name:>head$} |{counts} |{p:>10}{r:>8}{f1:>8}")?;
        }
        let accuracy = quotient(self.accuracy());
        write!(f, "\nrows: true classes, columns: predicted ones; accuracy {accuracy} of {}", self.total())
    }
}

/// The weighted mean of values, such as the losses and metrics of batches. The weights are the numbers of samples, so a smaller last batch
/// counts less.
///
/// ```
/// let mut loss = wengert::metrics::Mean::new();
/// loss.add(0.5, 32);
/// loss.add(2.0, 16);
/// assert_eq!((loss.value(), loss.count()), (1.0, 48));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mean {
    sum: f64,
    /// `count` as a floating-point number, which does not saturate.
    weight: f64,
    count: usize,
}

impl Mean {
    /// The mean of no values yet.
    pub fn new() -> Mean {
        Mean::default()
    }
    /// Adds a value that is itself the mean of `samples` samples.
    pub fn add(&mut self, value: f64, samples: usize) {
        // A value for no samples (0/0) must not spoil the others.
        if samples > 0 {
            self.sum += value * samples as f64;
            self.weight += samples as f64;
            self.count = self.count.saturating_add(samples);
        }
    }
    /// The mean; NaN if there are no values.
    pub fn value(&self) -> f64 {
        self.sum / self.weight
    }
    /// The number of samples.
    pub fn count(&self) -> usize {
        self.count
    }
    /// Forgets all values.
    pub fn reset(&mut self) {
        *self = Mean::new();
    }
}

/// The exponential moving average, for a smooth curve of a noisy loss.
///
/// ```text
/// m = beta m + (1 - beta) x, from m = 0;   average = m / (1 - beta^n) after n values
/// ```
///
/// The division makes it a true (weighted) mean from the first value on, as in Adam.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MovingAverage {
    beta: f64,
    sum: f64,
    /// The sum of all weights: 1 - beta^n.
    weight: f64,
}

impl MovingAverage {
    /// An average in which each new value keeps the share `beta` of the previous average. It averages over about 1 / (1 - beta) values.
    ///
    /// # Panics
    /// If `beta` is not in [0, 1).
    #[track_caller]
    pub fn new(beta: f64) -> MovingAverage {
        let message = || format!("MovingAverage: beta must be at least 0 and below 1, not {beta}");
        require((0.0..1.0).contains(&beta), message, "0.9 averages over about 10 values");
        MovingAverage { beta, sum: 0.0, weight: 0.0 }
    }
    /// Adds a value and returns the new average.
    pub fn add(&mut self, value: f64) -> f64 {
        self.sum = self.beta * self.sum + (1.0 - self.beta) * value;
        self.weight = self.beta * self.weight + (1.0 - self.beta);
        self.value()
    }
    /// The average; NaN if there are no values.
    pub fn value(&self) -> f64 {
        self.sum / self.weight
    }
}
