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
