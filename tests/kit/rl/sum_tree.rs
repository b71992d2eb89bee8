//! The tree of sums beside plain sums.

use super::{fits, refuses};
use rand::RngExt;
use wengert::init::seeded;
use wengert::rl::SumTree;

#[test]
fn sums_and_places_as_of_a_list() {
    let mut rng = seeded(1);
    for len in [1, 2, 3, 7, 64, 100] {
        let (mut tree, mut weights) = (SumTree::new(len), vec![0.0; len]);
        assert_eq!((tree.len(), tree.total(), tree.find(0.0)), (len, 0.0, 0));
        for _ in 0..500 {
            let (i, weight) = (rng.random_range(0..len), f64::from(rng.random_range(0..4u32)));
            tree.set(i, weight);
            weights[i] = weight;
            let total = weights.iter().sum::<f64>();
            assert_eq!((tree.total(), tree.get(i)), (total, weight));
            let sum = rng.random::<f64>() * total;
            let mut before = 0.0;
            let first = weights.iter().position(|w| {
                before += w;
                before > sum
            });
            assert_eq!(Some(tree.find(sum)).filter(|_| total > 0.0), first, "{sum} of {weights:?}");
        }
    }
}

/// A sum that rounding pushes to the end, or beyond, still finds something that has a weight.
#[test]
fn what_has_no_weight_is_never_found() {
    let mut tree = SumTree::new(5);
    tree.set(1, 0.1);
    tree.set(3, 0.2);
    assert_eq!([-1.0, 0.0, 0.1, tree.total(), 9.0, f64::INFINITY].map(|sum| tree.find(sum)), [1, 1, 3, 3, 3, 3]);
    tree.set(3, 0.0);
    assert_eq!([0.0, tree.total(), 9.0].map(|sum| tree.find(sum)), [1; 3]);
    tree.set(1, 1e308);
    tree.set(0, 1e-308);
    assert_eq!(tree.find(5e307), 1);
}

#[test]
fn draws_by_weights() {
    let weights: Vec<f64> = (0..37).map(|i| f64::from(i * 7 % 11)).collect();
    let mut tree = SumTree::new(weights.len());
    weights.iter().enumerate().for_each(|(i, w)| tree.set(i, *w));
    let (mut rng, mut counts) = (seeded(2), vec![0; weights.len()]);
    for _ in 0..50_000 {
        counts[tree.find(rng.random::<f64>() * tree.total())] += 1;
    }
    let (counts, weights): (Vec<u32>, Vec<f64>) = counts.iter().zip(&weights).filter(|(count, w)| **w > 0.0 || **count > 0).unzip();
    fits(&counts, &weights);
}

#[test]
fn what_is_refused() {
    refuses("SumTree: a tree of 0 weights", || drop(SumTree::new(0)));
    refuses("SumTree: an array of shape", || drop(SumTree::new(usize::MAX)));
    refuses("SumTree: there is no weight 3", || assert_eq!(SumTree::new(3).get(3), 0.0));
    for weight in [f64::NAN, -1.0, f64::INFINITY] {
        refuses("is not a finite number that is at least 0", || SumTree::new(3).set(1, weight));
    }
}
