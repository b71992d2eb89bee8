//! Data sets in memory: rows, splits and subsets.

use ndarray::{Array, Array2, array};
use std::sync::Arc;
use wengert::data::{Dataset, Examples, Subset, one_hot, split_rows_stratified};

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
