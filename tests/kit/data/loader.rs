//! Batches: their order, the thread that prepares them, and where an epoch goes on.

use ndarray::Array;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use wengert::data::{Augment, Dataset, Epoch, Examples, Loader, WeightedSampler};

fn counting(n: usize) -> Examples<f64> {
    Examples::new(Array::from_shape_fn((n, 1, 2, 2), |(i, _, y, x)| (1 + i * 4 + y * 2 + x) as f64), (0..n).collect())
}
fn labels<D: Dataset<Target = Vec<usize>>>(epoch: Epoch<D>) -> Vec<Vec<usize>> {
    epoch.map(|b| b.y).collect()
}

#[test]
fn batches_in_order_and_the_last_partial_one() {
    let loader = Loader::new(counting(7), 3);
    assert_eq!((loader.len(), labels(loader.epoch(0))), (3, vec![vec![0, 1, 2], vec![3, 4, 5], vec![6]]));
    assert_eq!(loader.epoch(0).nth(2).unwrap(), counting(7).select(&[6]));
    let full = Loader::new(counting(7), 3).drop_last();
    assert_eq!((full.len(), labels(full.epoch(0))), (2, vec![vec![0, 1, 2], vec![3, 4, 5]]));
    assert_eq!(Loader::new(counting(6), 3).len(), 2);
    let large = Loader::new(counting(2), 3);
    assert_eq!((large.len(), labels(large.epoch(0))), (1, vec![vec![0, 1]]));
}
#[test]
fn examples_are_drawn_by_weights_and_resumed_at_any_batch() {
    let weights: Vec<f64> = (0..23).map(|i| if i < 3 { 10.0 } else { 1.0 }).collect();
    for sampler in [WeightedSampler::new(&weights, 41, 3), WeightedSampler::new(&weights, 20, 3).without_replacement()] {
        let loader = Loader::new(counting(23), 6).sampler(sampler.clone()).augment(Augment::new(6).shift(1));
        assert_eq!(loader.len(), sampler.samples().div_ceil(6));
        let whole: Vec<_> = loader.epoch(2).collect();
        assert_eq!(whole.iter().flat_map(|b| b.y.clone()).collect::<Vec<_>>(), sampler.rows(2));
        for b in 0..=loader.len() {
            assert_eq!(loader.epoch_from(2, b).collect::<Vec<_>>(), whole[b..]);
        }
        assert_ne!(labels(loader.epoch(0)), labels(loader.epoch(1)));
        assert_eq!(Loader::new(counting(23), 6).sampler(sampler.clone()).drop_last().len(), sampler.samples() / 6);
    }
}
#[test]
#[should_panic(expected = "Loader::sampler: 2 weights for 3 examples")]
fn each_example_has_a_weight() {
    let _ = Loader::new(counting(3), 1).sampler(WeightedSampler::new(&[1.0, 1.0], 3, 1));
}
#[test]
#[should_panic(expected = "Loader::sampler: the examples are shuffled")]
fn shuffled_examples_are_not_drawn() {
    let _ = Loader::new(counting(2), 1).shuffle(1).sampler(WeightedSampler::new(&[1.0, 1.0], 3, 1));
}
#[test]
#[should_panic(expected = "Loader::shuffle: the examples are drawn by a sampler")]
fn drawn_examples_are_not_shuffled() {
    let _ = Loader::new(counting(2), 1).sampler(WeightedSampler::new(&[1.0, 1.0], 3, 1)).shuffle(1);
}
/// More examples than memory has addresses: in their own order they need no list; shuffling them is refused.
#[test]
fn endless_data_sets() {
    struct Endless(usize);
    impl Dataset for Endless {
        type Number = f64;
        type Target = Vec<usize>;
        fn len(&self) -> usize {
            self.0
        }
        fn get(&self, rows: &[usize]) -> Examples<f64> {
            Examples::new(ndarray::Array2::zeros((rows.len(), 1)), rows.to_vec())
        }
    }
    for n in [1 << 40, usize::MAX] {
        let loader = Loader::new(Endless(n), 3).prefetch(usize::MAX);
        assert_eq!(loader.epoch(0).nth(1).unwrap().y, [3, 4, 5]);
        let last = loader.epoch_from(0, loader.len() - 1).next().unwrap().y;
        assert_eq!((last.len(), last.last()), ((n - 1) % 3 + 1, Some(&(n - 1))));
        let loader = Loader::new(Endless(n), 3).shuffle(1);
        let panic = catch_unwind(AssertUnwindSafe(|| loader.epoch(0))).err().expect("must be refused");
        let text = panic.downcast::<String>().unwrap();
        assert!(text.starts_with(&format!("Loader: no memory for the order of {n} examples\n  at tests/kit/data/loader.rs:")), "{text}");
    }
    for batch in [usize::MAX, 1 << 61] {
        let loader = Loader::new(Endless(usize::MAX), batch);
        let panic = catch_unwind(AssertUnwindSafe(|| loader.epoch(0))).err().expect("must be refused");
        let text = panic.downcast::<String>().unwrap();
        assert!(text.starts_with(&format!("Loader: no memory for the indices of the {batch} examples in a batch\n  at tests/")), "{text}");
    }
    for batch in [usize::MAX, usize::MAX - 1, 1 << 63] {
        assert_eq!(labels(Loader::new(counting(3), batch).epoch(0)), [[0, 1, 2]]);
    }
}
#[test]
fn no_examples_no_batches() {
    let loader = Loader::new(counting(0), 3).shuffle(1);
    assert!(loader.is_empty() && loader.epoch(0).next().is_none());
    let loader = Loader::new(counting(2), 3).drop_last();
    assert!(loader.is_empty() && loader.epoch(0).next().is_none());
}
#[test]
fn each_epoch_has_its_order() {
    let loader = Loader::new(counting(20), 6).shuffle(4);
    let first = labels(loader.epoch(0));
    assert_eq!(first, labels(loader.epoch(0)));
    assert_ne!(first, labels(loader.epoch(1)));
    let mut all = first.concat();
    all.sort_unstable();
    assert_eq!(all, (0..20).collect::<Vec<_>>());
}
#[test]
fn the_thread_changes_nothing() {
    let data = Arc::new(counting(50));
    let loader = |ahead| Loader::new(data.clone(), 8).shuffle(5).augment(Augment::new(6).shift(1).flip()).prefetch(ahead);
    let without: Vec<_> = loader(0).epoch(3).collect();
    for ahead in [1, 2, 5, 100] {
        assert_eq!(loader(ahead).epoch(3).collect::<Vec<_>>(), without, "{ahead}");
    }
}
#[test]
fn an_epoch_is_resumed_at_any_batch() {
    let loader = Loader::new(counting(23), 5).shuffle(5).augment(Augment::new(6).shift(1).flip());
    let whole: Vec<_> = loader.epoch(2).collect();
    for b in 0..=5 {
        let rest = loader.epoch_from(2, b);
        assert_eq!(rest.len(), 5 - b);
        assert_eq!(rest.collect::<Vec<_>>(), whole[b..]);
    }
    assert!(loader.epoch_from(2, 99).next().is_none());
}
#[test]
fn augmentation_does_not_depend_on_the_size_of_batches() {
    let loader = |batch| Loader::new(counting(12), batch).augment(Augment::new(6).shift(1));
    let all = |batch| loader(batch).epoch(1).flat_map(|b| b.x.into_raw_vec_and_offset().0).collect::<Vec<_>>();
    assert_eq!(all(5), all(12));
}
#[test]
fn the_length_is_known() {
    let mut epoch = Loader::new(counting(7), 3).epoch(0);
    for left in [3, 2, 1] {
        assert_eq!(epoch.len(), left);
        epoch.next();
    }
    assert!(epoch.len() == 0 && epoch.next().is_none() && epoch.next().is_none());
}

/// Counts the calls, and panics for one example.
struct Watched {
    asked: AtomicUsize,
    refuses: usize,
}
impl Dataset for Watched {
    type Number = f64;
    type Target = Vec<usize>;
    fn len(&self) -> usize {
        1000
    }
    fn get(&self, rows: &[usize]) -> Examples<f64> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        assert!(!rows.contains(&self.refuses), "example {} cannot be read", self.refuses);
        counting(1000).select(rows)
    }
}
fn watched(refuses: usize) -> Arc<Watched> {
    Arc::new(Watched { asked: 0.into(), refuses })
}

#[test]
fn the_thread_stays_ahead_by_so_much() {
    let data = watched(usize::MAX);
    let mut epoch = Loader::new(data.clone(), 1).prefetch(3).epoch(0);
    for taken in 1..20 {
        epoch.next().unwrap();
        // The batches taken, those in the channel, and the one that the thread holds.
        assert!(data.asked.load(Ordering::SeqCst) <= taken + 3);
        let start = Instant::now();
        while data.asked.load(Ordering::SeqCst) < taken + 3 {
            assert!(start.elapsed() < Duration::from_secs(60), "the thread does not stay ahead by 3");
            thread::yield_now();
        }
    }
    // The channel is never larger than the number of batches.
    assert_eq!(Loader::new(counting(2), 1).prefetch(usize::MAX).epoch(0).count(), 2);
}
#[test]
fn dropped_in_the_middle_of_an_epoch() {
    let data = watched(usize::MAX);
    let loader = Loader::new(data.clone(), 1);
    for taken in [0, 1, 5] {
        let mut epoch = loader.epoch(0);
        epoch.by_ref().take(taken).for_each(drop);
        drop(epoch);
        let asked = data.asked.swap(0, Ordering::SeqCst);
        assert!(asked <= taken + 3, "{asked}");
    }
    drop(loader);
    assert_eq!(Arc::strong_count(&data), 1); // the threads have ended
}
#[test]
fn a_panic_of_the_data_set_reaches_the_caller() {
    for ahead in [0, 1, 4] {
        let mut epoch = Loader::new(watched(3), 2).prefetch(ahead).epoch(0);
        assert_eq!(epoch.next().unwrap().y, [0, 1]);
        let panic = catch_unwind(AssertUnwindSafe(|| epoch.next())).expect_err("must panic");
        assert_eq!(panic.downcast_ref::<String>().unwrap(), "example 3 cannot be read");
    }
    // Nobody asks for the batch that cannot be made: it neither panics nor hangs.
    let mut epoch = Loader::new(watched(3), 2).epoch(0);
    epoch.next();
}
#[test]
#[should_panic(expected = "Loader::new: batches of 0 examples")]
fn batches_have_examples() {
    Loader::new(counting(3), 0);
}
