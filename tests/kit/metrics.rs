//! Metrics, compared with PyTorch and scikit-learn, and what they refuse.

use ndarray::{Array2, array};
use wengert::Tape;
use wengert::metrics::{ConfusionMatrix, Mean, MovingAverage, accuracy, predictions, top_k_accuracy};

#[test]
fn accuracy_of_vars_views_and_both_types() {
    let logits = array![[1.0f32, 2.0, 0.0], [3.0, 0.0, 0.0], [0.0, 0.0, 1.0]];
    let labels = [1, 1, 2];
    let tape = Tape::new();
    assert_eq!(accuracy(tape.constant(&logits), &labels), 2.0 / 3.0);
    assert_eq!(accuracy(logits.view(), &labels), 2.0 / 3.0);
    assert_eq!(accuracy(logits.t().as_standard_layout().t(), &labels), 2.0 / 3.0); // not in row-major order
    assert_eq!(accuracy(logits.mapv(f64::from).into_dyn(), &labels), 2.0 / 3.0);
    assert_eq!(predictions(&logits), [1, 0, 2]);
}
#[test]
fn means_of_more_samples_than_can_be_counted() {
    let mut mean = Mean::new();
    [2.0, 4.0, 3.0].iter().for_each(|x| mean.add(*x, usize::MAX));
    assert_eq!((mean.value(), mean.count()), (3.0, usize::MAX));
}
#[test]
fn top_k_counts_ranks() {
    let logits = array![[0.1, 0.4, 0.3, 0.2], [0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4]];
    let found = [1, 2, 3, 4].map(|k| top_k_accuracy(&logits, &[3, 3, 3], k));
    assert_eq!(found, [1.0 / 3.0, 1.0 / 3.0, 2.0 / 3.0, 1.0]);
}
#[test]
fn ties_and_nan_as_in_pytorch() {
    let nan = f64::NAN;
    // torch.tensor(..).argmax(1) -> 0, 1, 2, 0, 1
    let logits =
        array![[1.0, 1.0, 1.0], [0.0, 2.0, 2.0], [5.0, f64::INFINITY, nan], [nan, nan, 9.0], [f64::NEG_INFINITY, -1.0, f64::NEG_INFINITY]];
    assert_eq!(predictions(&logits), [0, 1, 2, 0, 1]);
    for labels in [[0, 1, 2, 0, 1], [1, 2, 1, 1, 0], [2, 0, 0, 2, 2]] {
        let right = predictions(&logits).iter().zip(labels).filter(|(p, l)| **p == *l).count();
        assert_eq!(accuracy(&logits, &labels), right as f64 / 5.0);
    }
}
#[test]
fn nothing_has_no_accuracy() {
    let none = Array2::<f32>::zeros((0, 3));
    assert!(accuracy(&none, &[]).is_nan());
    assert!(predictions(&none).is_empty());
    assert!(ConfusionMatrix::new(2).accuracy().is_nan());
    assert!(Mean::new().value().is_nan());
    assert!(MovingAverage::new(0.9).value().is_nan());
}
#[test]
fn confusion_over_batches() {
    let mut m = ConfusionMatrix::new(3);
    m.update(&[0, 1, 2, 2], &[0, 1, 1, 2]);
    m.update(&[], &[]);
    m.update(&[0], &[2]);
    assert_eq!(m.counts(), array![[1, 0, 0], [0, 1, 1], [1, 0, 1]]);
    assert_eq!((m.total(), m.accuracy()), (5, 0.6));
    // sklearn.metrics.precision_recall_fscore_support([0, 1, 1, 2, 2], [0, 1, 2, 2, 0])
    assert_eq!([0, 1, 2].map(|c| m.precision(c)), [0.5, 1.0, 0.5]);
    assert_eq!([0, 1, 2].map(|c| m.recall(c)), [1.0, 0.5, 0.5]);
    assert_eq!([0, 1, 2].map(|c| m.f1(c)), [2.0 / 3.0, 2.0 / 3.0, 0.5]);
    m.reset();
    assert_eq!((m.total(), m.classes()), (0, 3));
}
#[test]
fn intersection_over_union() {
    let mut m = ConfusionMatrix::new(4).ignoring(255);
    // Class 2 was predicted and never occurred, class 3 neither.
    m.update(&[0, 1, 1, 2, 9], &[0, 0, 1, 1, 255]);
    assert_eq!([0, 1, 2].map(|c| m.iou(c)), [0.5, 1.0 / 3.0, 0.0]);
    assert!(m.iou(3).is_nan());
    assert_eq!((m.mean_iou(), m.mean_iou_of_all()), ((0.5 + 1.0 / 3.0) / 3.0, (0.5 + 1.0 / 3.0) / 4.0));
    assert_eq!((m.mean_class_accuracy(), m.total()), (0.5, 4));
    let empty = ConfusionMatrix::new(2);
    assert!(empty.mean_iou().is_nan() && empty.mean_class_accuracy().is_nan() && empty.mean_iou_of_all() == 0.0);
}
#[test]
fn images_of_classes() {
    let tape = Tape::new();
    let scores = tape.constant([[0.0f64, 1.0, 9.0, 0.0], [5.0, 0.0, 0.0, 1.0]]).reshape([1, 2, 2, 2]);
    let mut m = ConfusionMatrix::new(2).ignoring(-1);
    m.update_arrays(scores.argmax(1, false), &array![[[1i64, 0], [1, -1]]]);
    m.update_arrays(&array![[1u8]], &array![[1u8]]);
    m.update_arrays([[7, -9]], [[-1, -1]]); // what is predicted there does not matter
    assert_eq!(m.counts(), array![[1, 0], [1, 2]]);
    for (predicted, labels, message) in [
        (vec![0, 1], vec![0], "ConfusionMatrix::update_arrays: predictions [2] and labels [1] differ in shape"),
        (vec![0, 1], vec![0, -2], "ConfusionMatrix::update_arrays: label -2 of sample 1 is not one of 2 classes"),
        (vec![0, 2], vec![0, 1], "ConfusionMatrix::update_arrays: prediction 2 of sample 1 is not one of 2 classes"),
    ] {
        let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| m.update_arrays(predicted, labels))).unwrap_err();
        assert!(refused.downcast_ref::<String>().unwrap().starts_with(message));
        assert_eq!(m.total(), 4);
    }
}
#[test]
fn confusion_as_a_table() {
    let mut m = ConfusionMatrix::with_names(["cat", "dog", "horse"]);
    m.update(&[0, 0, 1, 1], &[0, 1, 1, 1]);
    let table = "\
     |   cat   dog horse | precision  recall      F1
------+-------------------+--------------------------
  cat |     1     .     . |    0.5000  1.0000  0.6667
  dog |     1     2     . |    1.0000  0.6667  0.8000
horse |     .     .     . |         -       -       -

rows: true classes, columns: predicted ones; accuracy 0.7500 of 4";
    assert_eq!(m.to_string().trim_start_matches(' '), table.trim_start_matches(' '));
}
#[test]
fn means() {
    let mut mean = Mean::new();
    mean.add(1.0, 3);
    mean.add(f64::NAN, 0);
    mean.add(5.0, 1);
    assert_eq!((mean.value(), mean.count()), (2.0, 4));
    mean.add(f64::NAN, 1);
    assert!(mean.value().is_nan()); // a loss that is not a number stays visible
    mean.reset();
    assert_eq!(mean, Mean::new());
    let mut average = MovingAverage::new(0.5);
    assert_eq!(average.add(4.0), 4.0);
    assert_eq!(average.add(1.0), 2.0); // (4 / 4 + 1 / 2) / (1 / 4 + 1 / 2)
}
#[test]
#[should_panic(expected = "accuracy: 2 rows of scores, but 3 labels")]
fn lengths_must_fit() {
    accuracy(array![[1.0], [2.0]], &[0, 0, 0]);
}
#[test]
#[should_panic(expected = "accuracy: label 2 of sample 1 is not one of 2 classes")]
fn labels_must_be_classes() {
    accuracy(array![[1.0, 0.0], [2.0, 0.0]], &[0, 2]);
}
#[test]
#[should_panic(expected = "accuracy: scores have a shape [samples, classes], not [4]")]
fn scores_must_be_a_matrix() {
    accuracy(array![1.0, 0.0, 2.0, 0.0], &[0, 1]);
}
#[test]
#[should_panic(expected = "top_k_accuracy: k is 3, which is not from 1 to 2")]
fn k_is_at_most_the_number_of_classes() {
    top_k_accuracy(array![[1.0, 0.0]], &[0], 3);
}
#[test]
#[should_panic(expected = "ConfusionMatrix: 2 is not one of 2 classes")]
fn quotients_are_of_classes() {
    ConfusionMatrix::new(2).f1(2);
}
#[test]
fn a_refused_batch_is_not_counted() {
    let mut m = ConfusionMatrix::new(2);
    for (predicted, labels, message) in [
        (vec![0, 1], vec![0], "ConfusionMatrix::update: 2 predictions, but 1 labels"),
        (vec![0, 1], vec![0, 2], "ConfusionMatrix::update: label 2 of sample 1 is not one of 2 classes"),
        (vec![0, 7], vec![0, 1], "ConfusionMatrix::update: prediction 7 of sample 1 is not one of 2 classes"),
    ] {
        let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| m.update(&predicted, &labels))).unwrap_err();
        assert!(refused.downcast_ref::<String>().unwrap().starts_with(message));
        assert_eq!(m.total(), 0);
    }
}
