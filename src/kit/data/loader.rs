//! Batches for the training loop: shuffled in each epoch, augmented, and prepared on another thread.

use super::{Augment, Dataset, Examples, WeightedSampler, order};
use crate::refusal::{has_room, require};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

/// Batches of a data set, epoch by epoch.
///
/// Order and augmentation depend only on the seeds and the epoch. A run that stopped after batch `b` of epoch `e` continues with
/// [`Loader::epoch_from`]`(e, b + 1)` as if it had never stopped ([`Checkpoint`](crate::io::Checkpoint)). While the loop works, a thread
/// prepares the next batches ([`Loader::prefetch`]); this does not change them.
///
/// ```
/// use wengert::Tape;
/// use wengert::data::{Augment, Examples, Loader, digits};
/// let (train, _) = digits().split();
/// let loader = Loader::new(Examples::from(train), 64).shuffle(7).augment(Augment::new(7).shift(1));
/// let mut tape = Tape::new();
/// for epoch in 0..2 {
///     for batch in loader.epoch(epoch) {
///         let x = tape.constant(&batch.x); // [64, 1, 8, 8]; the last batch has 29 images
///         assert_eq!(x.shape()[0], batch.y.len());
///         tape.reset();
///     }
/// }
/// ```
pub struct Loader<D> {
    source: Arc<Batches<D>>,
    prefetch: usize,
}

type Batch<D> = Examples<<D as Dataset>::Number, <D as Dataset>::Target>;

/// How to make the batches, on any thread.
struct Batches<D> {
    data: Arc<D>,
    batch: usize,
    order: Order,
    augment: Option<Augment>,
    drop_last: bool,
}

/// The order of the examples.
#[derive(Clone)]
enum Order {
    AsTheyAre,
    Shuffled(u64),
    Drawn(Arc<WeightedSampler>),
}

impl<D: Dataset> Batches<D> {
    /// The number of examples in an epoch.
    fn len(&self) -> usize {
        match &self.order {
            Order::Drawn(sampler) => sampler.samples(),
            _ => self.data.len(),
        }
    }
}

impl<D: Dataset + 'static> Loader<D> {
    /// Batches of `batch` examples, in the order of the data set; the last one of an epoch may be smaller. To use the data set elsewhere
    /// too, pass an [`Arc`] of it.
    ///
    /// # Panics
    /// If `batch` is 0.
    #[track_caller]
    pub fn new(data: D, batch: usize) -> Self {
        require(batch > 0, || "Loader::new: batches of 0 examples", "32 to 128 are usual");
        let source = Batches { data: Arc::new(data), batch, order: Order::AsTheyAre, augment: None, drop_last: false };
        Loader { source: Arc::new(source), prefetch: 2 }
    }
    fn with(mut self, change: impl FnOnce(&mut Batches<D>)) -> Self {
        let Batches { data, batch, order, augment, drop_last } = &*self.source;
        let mut source =
            Batches { data: data.clone(), batch: *batch, order: order.clone(), augment: augment.clone(), drop_last: *drop_last };
        change(&mut source);
        self.source = Arc::new(source);
        self
    }
    /// Shuffles the examples in each epoch, by this seed.
    ///
    /// # Panics
    /// If a sampler was given, which chooses its own order.
    #[track_caller]
    pub fn shuffle(self, seed: u64) -> Self {
        let drawn = matches!(self.source.order, Order::Drawn(_));
        require(
            !drawn,
            || "Loader::shuffle: the examples are drawn by a sampler",
            "leave out one of the two; a sampler has a seed of its own",
        );
        self.with(|s| s.order = Order::Shuffled(seed))
    }
    /// Draws examples by weights instead of taking each of them once. The sampler decides how many make an epoch.
    ///
    /// # Panics
    /// If the numbers of weights and examples differ, or the examples are shuffled.
    #[track_caller]
    pub fn sampler(self, sampler: WeightedSampler) -> Self {
        let (weights, examples) = (sampler.len(), self.source.data.len());
        let message = || format!("Loader::sampler: {weights} weights for {examples} examples");
        require(weights == examples, message, "give each example of the data set a weight");
        let shuffled = matches!(self.source.order, Order::Shuffled(_));
        require(!shuffled, || "Loader::sampler: the examples are shuffled", "leave out one of the two; a sampler has a seed of its own");
        self.with(|s| s.order = Order::Drawn(Arc::new(sampler)))
    }
    /// Changes the inputs at random.
    pub fn augment(self, augment: Augment) -> Self {
        self.with(|s| s.augment = Some(augment))
    }
    /// Leaves out the last batch if it is not full.
    pub fn drop_last(self) -> Self {
        self.with(|s| s.drop_last = true)
    }
    /// The number of batches that are prepared ahead, on a thread that lives as long as the epoch: 2 by default, at most 1,024. With 0
    /// there is no thread; each batch is prepared when it is asked for.
    pub fn prefetch(mut self, batches: usize) -> Self {
        self.prefetch = batches;
        self
    }
    /// The data set.
    pub fn data(&self) -> &D {
        &self.source.data
    }
    /// The number of batches in an epoch.
    pub fn len(&self) -> usize {
        let (n, batch) = (self.source.len(), self.source.batch);
        if self.source.drop_last { n / batch } else { n.div_ceil(batch) }
    }
    /// True if there are no batches.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The batches of an epoch.
    ///
    /// # Panics
    /// If there is no memory for the order of the examples, or for the indices of those in a batch.
    #[track_caller]
    pub fn epoch(&self, epoch: u64) -> Epoch<D> {
        self.epoch_from(epoch, 0)
    }
    /// The batches of an epoch, beginning with this one (counted from 0), for a run that is resumed. From [`Loader::len`] on there are
    /// none.
    ///
    /// # Panics
    /// If there is no memory for the order of the examples, or for the indices of those in a batch.
    #[track_caller]
    pub fn epoch_from(&self, epoch: u64, batch: usize) -> Epoch<D> {
        let (n, listed) = (self.source.len(), !matches!(self.source.order, Order::AsTheyAre));
        let message = || format!("Loader: no memory for the order of {n} examples");
        require(!listed || has_room::<usize>(n), message, "without `shuffle` no order is needed");
        let rows = n.min(self.source.batch);
        let message = || format!("Loader: no memory for the indices of the {rows} examples in a batch");
        require(listed || has_room::<usize>(rows), message, "make the batches smaller");
        let last = self.len();
        let mut plan = Plan { source: self.source.clone(), order: None, epoch, next: batch.min(last), last };
        let left = plan.last - plan.next;
        let batches = match self.prefetch.min(left).min(MOST_AHEAD) {
            0 => Way::Here(plan),
            ahead => Way::Thread(Worker::start(move || plan.batch(), ahead)),
        };
        Epoch { batches, left }
    }
}

/// The channel allocates room for this many batches.
const MOST_AHEAD: usize = 1024;

/// The rest of an epoch.
struct Plan<D> {
    source: Arc<Batches<D>>,
    /// Made with the first batch, so that the thread does it; `None` if the examples keep their order.
    order: Option<Vec<usize>>,
    epoch: u64,
    next: usize,
    last: usize,
}

impl<D: Dataset> Plan<D> {
    fn batch(&mut self) -> Option<Batch<D>> {
        if self.next == self.last {
            return None;
        }
        let (source, n) = (&*self.source, self.source.len());
        let start = self.next * source.batch;
        let end = n.min(start.saturating_add(source.batch));
        self.next += 1;
        let order = match &source.order {
            Order::AsTheyAre => None,
            Order::Shuffled(seed) => Some(self.order.get_or_insert_with(|| order::shuffled(n, *seed, self.epoch))),
            Order::Drawn(sampler) => Some(self.order.get_or_insert_with(|| sampler.rows(self.epoch))),
        };
        let mut batch = match order {
            Some(order) => source.data.get(&order[start..end]),
            None => source.data.get(&(start..end).collect::<Vec<_>>()),
        };
        if let Some(augment) = &source.augment {
            batch.x = augment.apply(&batch.x, self.epoch, start);
        }
        Some(batch)
    }
}

/// The batches of an epoch, in order. If it is dropped early, the thread that prepares batches ends.
///
/// # Panics
/// If the data set panics on the other thread, `next` panics with the same payload.
pub struct Epoch<D: Dataset> {
    batches: Way<D>,
    left: usize,
}

enum Way<D: Dataset> {
    Here(Plan<D>),
    Thread(Worker<Batch<D>>),
}

impl<D: Dataset> Iterator for Epoch<D> {
    type Item = Batch<D>;
    fn next(&mut self) -> Option<Self::Item> {
        let batch = match &mut self.batches {
            Way::Here(plan) => plan.batch(),
            Way::Thread(worker) => worker.next(),
        };
        self.left = self.left.saturating_sub(1);
        batch
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}
impl<D: Dataset> ExactSizeIterator for Epoch<D> {}

/// A thread and the batches it sends.
struct Worker<B> {
    batches: Option<Receiver<B>>,
    thread: Option<JoinHandle<()>>,
}

impl<B: Send + 'static> Worker<B> {
    fn start(mut next: impl FnMut() -> Option<B> + Send + 'static, ahead: usize) -> Self {
        // The thread holds one batch itself, the channel the others.
        let (send, receive) = sync_channel(ahead - 1);
        let thread = thread::spawn(move || {
            while let Some(batch) = next() {
                if send.send(batch).is_err() {
                    return; // the receiver is gone
                }
            }
        });
        Worker { batches: Some(receive), thread: Some(thread) }
    }
}

impl<B> Worker<B> {
    fn next(&mut self) -> Option<B> {
        match self.batches.as_ref()?.recv() {
            Ok(batch) => Some(batch),
            Err(_) => {
                // The thread has ended: at the end of the epoch, or by a panic.
                self.batches = None;
                if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
                    resume_unwind(panic);
                }
                None
            }
        }
    }
}

impl<B> Drop for Worker<B> {
    fn drop(&mut self) {
        self.batches = None; // first, so that a thread that waits for room in the channel ends
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // ignores a panic in a batch that nobody asked for
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

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
            assert!(text.starts_with(&format!("Loader: no memory for the order of {n} examples\n  at src/kit/data/loader.rs:")), "{text}");
        }
        for batch in [usize::MAX, 1 << 61] {
            let loader = Loader::new(Endless(usize::MAX), batch);
            let panic = catch_unwind(AssertUnwindSafe(|| loader.epoch(0))).err().expect("must be refused");
            let text = panic.downcast::<String>().unwrap();
            assert!(
                text.starts_with(&format!("Loader: no memory for the indices of the {batch} examples in a batch\n  at src/")),
                "{text}"
            );
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
}
