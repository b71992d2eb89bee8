//! How often are examples drawn by their weights?

use wengert::data::WeightedSampler;

/// How often each example was drawn in this many epochs.
fn counts(sampler: &WeightedSampler, epochs: u64) -> Vec<f64> {
    let mut counts = vec![0.0; sampler.len()];
    (0..epochs).flat_map(|epoch| sampler.rows(epoch)).for_each(|i| counts[i] += 1.0);
    counts
}
/// Within five standard deviations of the expected number of draws.
fn near(found: f64, draws: f64, probability: f64) {
    let spread = (draws * probability * (1.0 - probability)).sqrt();
    assert!((found - draws * probability).abs() <= 5.0 * spread, "{found} of {draws}, right {}", draws * probability);
}

#[test]
fn with_replacement_by_their_weights() {
    let weights = [0.0, 1.0, 3.0, 0.0, 4.0, 0.0];
    for scale in [1.0, 1e-300, 1e-320, 1e300, 2e307] {
        let sampler = WeightedSampler::new(&weights.map(|w| w * scale), 100, 3);
        let found = counts(&sampler, 100);
        for (found, w) in found.iter().zip(weights) {
            near(*found, 10_000.0, w / 8.0);
        }
    }
    assert_eq!(WeightedSampler::new(&[0.0, 5.0, 0.0], 20, 1).rows(7), [1; 20]);
    // More draws than there are examples.
    assert_eq!(WeightedSampler::new(&[1.0], 1000, 1).rows(0), [0; 1000]);
}
#[test]
fn without_replacement_each_draw_is_by_the_weights_that_are_left() {
    let weights = [1.0, 2.0, 0.0, 5.0];
    let sampler = WeightedSampler::new(&weights, 2, 9).without_replacement();
    let mut pairs = std::collections::BTreeMap::new();
    let epochs = 20_000;
    for epoch in 0..epochs {
        let rows = sampler.rows(epoch);
        assert_eq!(rows.len(), 2);
        *pairs.entry((rows[0], rows[1])).or_insert(0.0) += 1.0;
    }
    for (i, j) in [(0, 1), (0, 3), (1, 0), (1, 3), (3, 0), (3, 1)] {
        let right = weights[i] / 8.0 * weights[j] / (8.0 - weights[i]);
        near(pairs[&(i, j)], epochs as f64, right);
    }
    assert_eq!(pairs.len(), 6);
    let mut all = WeightedSampler::new(&[1e-320, 1e300, 1.0], 3, 9).without_replacement().rows(1);
    all.sort_unstable();
    assert_eq!(all, [0, 1, 2]);
}
#[test]
fn small_weights_are_drawn_in_no_order() {
    let mut weights = [2.3e-308; 1001];
    weights[1000] = 1.0;
    let sampler = WeightedSampler::new(&weights, 1001, 5).without_replacement();
    for epoch in 0..20 {
        let rows = sampler.rows(epoch);
        assert_eq!(rows[0], 1000);
        assert!(!rows[991..].is_sorted(), "epoch {epoch}: the last ones are {:?}", &rows[991..]);
    }
}
#[test]
fn by_seed_and_epoch_alone() {
    let sampler = |seed| WeightedSampler::new(&[1.0; 50], 50, seed);
    for make in [|s: WeightedSampler| s, WeightedSampler::without_replacement] {
        assert_eq!(make(sampler(1)).rows(3), make(sampler(1)).rows(3));
        assert_ne!(make(sampler(1)).rows(3), make(sampler(1)).rows(4));
        assert_ne!(make(sampler(1)).rows(3), make(sampler(2)).rows(3));
    }
}
#[test]
fn balanced_classes() {
    let labels: Vec<usize> = (0..1000).map(|i| if i < 900 { 4 } else { i % 2 }).collect();
    let counts = counts(&WeightedSampler::balanced(&labels, 5), 10);
    for class in [0, 1, 4] {
        near(labels.iter().zip(&counts).filter(|(l, _)| **l == class).map(|(_, n)| n).sum(), 10_000.0, 1.0 / 3.0);
    }
}
#[test]
fn weights_that_make_no_sense() {
    let refused = |says: &str, make: fn()| {
        let text = std::panic::catch_unwind(make).expect_err(says).downcast::<String>().unwrap();
        assert!(text.starts_with(says) && text.contains("\n  at tests/kit/data/sampler.rs:") && text.contains("\n  hint: "), "{text}");
    };
    refused("WeightedSampler: weight NaN of example 1", || drop(WeightedSampler::new(&[1.0, f64::NAN], 1, 0)));
    refused("WeightedSampler: weight -1 of example 0", || drop(WeightedSampler::new(&[-1.0], 1, 0)));
    refused("WeightedSampler: weight inf of example 0", || drop(WeightedSampler::new(&[f64::INFINITY], 1, 0)));
    refused("WeightedSampler: none of 2 weights is above 0", || drop(WeightedSampler::new(&[0.0; 2], 1, 0)));
    refused("WeightedSampler: none of 0 weights is above 0", || drop(WeightedSampler::balanced(&[], 0)));
    refused("WeightedSampler: 0 samples an epoch", || drop(WeightedSampler::new(&[1.0], 0, 0)));
    refused("WeightedSampler: no memory for the indices of", || drop(WeightedSampler::new(&[1.0], usize::MAX, 0)));
    refused("WeightedSampler: 2 samples without replacement, but 1 weights above 0", || {
        drop(WeightedSampler::new(&[1.0, 0.0], 2, 0).without_replacement());
    });
}
