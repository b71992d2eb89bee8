//! Which rates hold after schedule and optimizer were loaded, in whatever order?
//!
//! A scheduler sets the rates of time 0 when it is made. If the optimizer was loaded before that, its rates are the right ones as soon as the
//! schedule is loaded too; if the schedule is all that is loaded, those of the schedule's time are. Neither of the two can reach the other when
//! it is loaded, so they share this place.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The place in which a [`Scheduler`](super::Scheduler) leaves rates that hold from the optimizer's next step on, unless the optimizer's own
/// state or the schedule's is loaded before that. [`FirstOrder`](super::FirstOrder) and [`Lbfgs`](super::Lbfgs) have one.
#[derive(Clone, Debug, Default)]
pub struct Handover(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Whether there is anything to know: a step need not lock what is empty.
    used: AtomicBool,
    /// The optimizer's parameter groups, beyond the first.
    more_groups: AtomicUsize,
    place: Mutex<Place>,
}

#[derive(Debug, Default)]
struct Place {
    /// The optimizer has the rates of a state that was loaded.
    loaded: bool,
    left: Option<Numbers>,
}

/// The rate of each group, and the momentum of all, if the schedule changes it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Numbers {
    pub lrs: Vec<f64>,
    pub momentum: Option<f64>,
}

impl Handover {
    /// `None` of an empty place, which is not changed.
    fn if_used<R>(&self, f: impl FnOnce(&mut Place) -> R) -> Option<R> {
        self.0.used.load(Ordering::Acquire).then(|| self.with(f))
    }
    fn with<R>(&self, f: impl FnOnce(&mut Place) -> R) -> R {
        let mut place = self.0.place.lock().unwrap_or_else(PoisonError::into_inner);
        let result = f(&mut place);
        self.0.used.store(place.loaded || place.left.is_some(), Ordering::Release);
        result
    }
    /// The optimizer has another parameter group.
    pub(super) fn add_group(&self) {
        self.0.more_groups.fetch_add(1, Ordering::Relaxed);
    }
    /// How many parameter groups the optimizer has.
    pub(super) fn groups(&self) -> usize {
        self.0.more_groups.load(Ordering::Relaxed) + 1
    }
    /// Whether the optimizer has the rates of a state that was loaded, and since then no step was made and no rate set by a call.
    pub(super) fn is_loaded(&self) -> bool {
        self.if_used(|place| place.loaded).unwrap_or(false)
    }
    /// The optimizer was loaded: nothing that was left holds any more.
    pub(super) fn loaded(&self) {
        self.with(|place| *place = Place { loaded: true, left: None });
    }
    /// The optimizer was given rates by a call: these hold.
    pub(super) fn set(&self) {
        self.if_used(|place| *place = Place::default());
    }
    /// Leaves numbers for the next step, or takes back what was left.
    pub(super) fn leave(&self, numbers: Option<Numbers>) {
        self.with(|place| place.left = numbers);
    }
    /// What is left.
    pub(super) fn left(&self) -> Option<Numbers> {
        self.if_used(|place| place.left.clone()).flatten()
    }
    /// A step begins: takes what is left.
    pub(super) fn take(&self) -> Option<Numbers> {
        self.if_used(|place| std::mem::take(place).left).flatten()
    }
}
