//! Weights of classes from the labels of images.

use wengert::Indices;
use wengert::data::{Dataset, Examples, class_counts, median_frequency_weights};
use wengert::ndarray::{Array2, ArrayD, array};

#[test]
fn counts_of_each_image() {
    let labels = array![[[0u8, 1], [1, 255]], [[2, 2], [2, 2]]];
    assert_eq!(class_counts(&labels, 4, Some(255)), array![[1, 2, 0, 0], [0, 0, 4, 0]]);
    assert_eq!(class_counts(Indices::new(&[0, 3, 3], [0; 0]), 2, None), Array2::<u64>::zeros((0, 2)));
}
#[test]
#[should_panic(expected = "class_counts: label 255 of image 0 is not one of 4 classes\n  at tests/kit/data/balance.rs")]
fn labels_are_classes() {
    class_counts([[0, 255], [1, 1]], 4, None);
}
#[test]
fn median_over_frequency() {
    // The median of three is the middle one; the class that does not occur has none.
    let weights: Vec<f32> = median_frequency_weights(array![[6, 3, 1, 0]].view());
    assert_eq!(weights, [0.5, 1.0, 3.0, 1.0]);
    // Of two, it is the mean.
    let weights: Vec<f64> = median_frequency_weights(array![[3, 1], [4, 0]].view());
    let frequencies = [7.0 / 8.0, 1.0 / 4.0];
    let median = (frequencies[0] + frequencies[1]) / 2.0;
    assert_eq!(weights, frequencies.map(|f| median / f));
    assert_eq!(median_frequency_weights::<f64>(Array2::zeros((0, 2)).view()), [1.0, 1.0]);
}
#[test]
#[should_panic(expected = "Indices: a single number is not a target of any example\n  at ")]
fn a_single_number_has_no_examples() {
    wengert::data::Target::of(&Indices::new(&[], [3]), &[]);
}
#[test]
fn examples_of_pixels() {
    let y = Indices::new(&[3, 1, 2], [0, 1, 2, 3, 4, 5]);
    let examples = Examples::new(ArrayD::<f32>::zeros(vec![3, 1, 1, 2]), y);
    assert_eq!(examples.get(&[2, 0, 2]).y, Indices::new(&[3, 1, 2], [4, 5, 0, 1, 4, 5]));
    assert_eq!((examples.len(), examples.first(1).y.shape().to_vec()), (3, vec![1, 1, 2]));
}
