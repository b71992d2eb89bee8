//! Decides which learning rates hold after a scheduler and an optimizer were loaded, in either order.
//!
//! A new scheduler sets the rates of time 0. If the optimizer was loaded before that, its own rates are the right ones once the scheduler
//! is loaded too. If only the scheduler is loaded, the rates of its time are right. When one of the two is loaded it cannot reach the
//! other, so they share this place.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Where a [`Scheduler`](super::Scheduler) leaves rates for the optimizer's next step. If the state of the optimizer or of the scheduler is
/// loaded before that step, they are discarded. [`FirstOrder`](super::FirstOrder) and [`Lbfgs`](super::Lbfgs) have one.
#[derive(Clone, Debug, Default)]
pub struct Handover(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// True if there is anything in the place. If not, a step need not lock it.
    used: AtomicBool,
    /// The number of the optimizer's parameter groups beyond the first.
    more_groups: AtomicUsize,
    place: Mutex<Place>,
}

#[derive(Debug, Default)]
struct Place {
    /// True if the optimizer has the rates of a state that was loaded.
    loaded: bool,
    left: Option<Numbers>,
}

/// The rate of each group, and the momentum of all groups if the schedule changes it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Numbers {
    pub lrs: Vec<f64>,
    pub momentum: Option<f64>,
}

impl Handover {
    /// Calls `f` unless the place is empty.
    fn if_used<R>(&self, f: impl FnOnce(&mut Place) -> R) -> Option<R> {
        self.0.used.load(Ordering::Acquire).then(|| self.with(f))
    }
    fn with<R>(&self, f: impl FnOnce(&mut Place) -> R) -> R {
        let mut place = self.0.place.lock().unwrap_or_else(PoisonError::into_inner);
        let result = f(&mut place);
        self.0.used.store(place.loaded || place.left.is_some(), Ordering::Release);
        result
    }
    /// Counts another parameter group of the optimizer.
    pub(super) fn add_group(&self) {
        self.0.more_groups.fetch_add(1, Ordering::Relaxed);
    }
    /// The number of the optimizer's parameter groups.
    pub(super) fn groups(&self) -> usize {
        self.0.more_groups.load(Ordering::Relaxed) + 1
    }
    /// True if the optimizer has the rates of a loaded state, and since then no step was made and no rate was set.
    pub(super) fn is_loaded(&self) -> bool {
        self.if_used(|place| place.loaded).unwrap_or(false)
    }
    /// To be called after the optimizer was loaded: discards what was left.
    pub(super) fn loaded(&self) {
        self.with(|place| *place = Place { loaded: true, left: None });
    }
    /// To be called after rates were set directly: these hold.
    pub(super) fn set(&self) {
        self.if_used(|place| *place = Place::default());
    }
    /// Leaves numbers for the next step; `None` removes what was left.
    pub(super) fn leave(&self, numbers: Option<Numbers>) {
        self.with(|place| place.left = numbers);
    }
    /// What was left, if anything.
    pub(super) fn left(&self) -> Option<Numbers> {
        self.if_used(|place| place.left.clone()).flatten()
    }
    /// To be called at the beginning of a step: takes what was left.
    pub(super) fn take(&self) -> Option<Numbers> {
        self.if_used(|place| std::mem::take(place).left).flatten()
    }
}
