//! Where do large values lie? Each in a slot. The slot of a value that is not computed yet says which node computes it. It is filled in when the
//! value is read, through a shared borrow.
//!
//! Slots are changed through [`Slots::write`] only. It first turns values that were filled in into buffers like any other, and
//! releases their inputs. So no code finds a slot that is filled in and still counts as a reader of its inputs.

use crate::array::buffers::Buffer;
use crate::tape::node::{NodeId, Place};
use smallvec::SmallVec;
use std::cell::{Cell, OnceCell, RefCell};
use std::sync::Arc;

/// Elements from which an op waits.
const LARGE: usize = 16 * 1024;

/// What a tape knows of the nodes that wait.
pub(crate) struct Waiting {
    /// Elements from which an op waits.
    pub large: usize,
    /// The ids of sums that wait. Some may be computed by now, or be other nodes after a sweep: whoever reads them drops those.
    pub sums: RefCell<Vec<NodeId>>,
    /// The work list of a run, kept for the next one.
    pub work: RefCell<Vec<NodeId>>,
}

impl Waiting {
    pub fn new() -> Waiting {
        Waiting { large: LARGE, sums: RefCell::new(Vec::new()), work: RefCell::new(Vec::new()) }
    }
    pub fn clear(&mut self) {
        self.sums.get_mut().clear();
    }
}

/// Proof that the values which are read next are computed. Only [`waiting`](super::waiting) makes one, after it has computed what was outstanding,
/// and values are read with one only.
#[derive(Clone, Copy)]
pub(crate) struct Settled(());

impl Settled {
    /// For `waiting` alone.
    pub(super) const fn claim() -> Settled {
        Settled(())
    }
}

/// What a slot holds.
pub(crate) enum Held<T> {
    Nothing,
    Buffer(Buffer<T>),
    Shared(Arc<Buffer<T>>),
    Later(Later<T>),
}

/// A value that is not computed yet.
pub(crate) struct Later<T> {
    /// The node that computes it.
    node: NodeId,
    /// What it is computed from; of fewer than three inputs the rest is [`Place::NONE`].
    inputs: [Place; 3],
    value: OnceCell<Buffer<T>>,
    /// It was computed before, and thrown away.
    computed_before: Cell<bool>,
}

pub(crate) struct Slot<T> {
    pub held: Held<T>,
    /// How many nodes need this slot: that whose value it is, views of it, and nodes that wait and will be computed from it.
    pub readers: u32,
}

pub(crate) struct Slots<T> {
    slots: Vec<Slot<T>>,
    /// Those that were filled in since the last [`Slots::write`], what is read before what reads it.
    filled: RefCell<Vec<u32>>,
}

impl<T> Slots<T> {
    pub fn new() -> Slots<T> {
        Slots { slots: Vec::new(), filled: RefCell::new(Vec::new()) }
    }
    pub fn len(&self) -> usize {
        self.slots.len()
    }
    /// The elements of a slot, which were computed.
    pub fn data(&self, slot: u32) -> &[T] {
        match &self.slots[slot as usize].held {
            Held::Buffer(b) => b,
            Held::Shared(b) => b,
            Held::Later(later) => later.value.get().expect("settled before it is read"),
            Held::Nothing => panic!("a value was read after its buffer went back to the pool (a bug of the sweep)"),
        }
    }

    fn later(&self, place: Place) -> Option<&Later<T>> {
        match &self.slots.get(place.slot as usize)?.held {
            Held::Later(later) => Some(later),
            _ => None,
        }
    }
    /// The node that has still to compute the value of this place.
    #[inline]
    pub fn outstanding(&self, place: Place) -> Option<NodeId> {
        self.later(place).filter(|later| later.value.get().is_none()).map(|later| later.node)
    }
    /// Notes that the value of an outstanding place is computed now; gives whether it was before.
    pub fn mark_computed(&self, place: Place) -> bool {
        self.later(place).is_none_or(|later| later.computed_before.replace(true))
    }
    /// Fills in an outstanding value.
    pub fn fill(&self, place: Place, buffer: Buffer<T>) {
        let later = self.later(place).expect("only an outstanding value is filled in");
        assert!(later.value.set(buffer).is_ok(), "filled in once");
        self.filled.borrow_mut().push(place.slot);
    }

    /// The slots, to be changed. `give` takes buffers that nothing needs any longer.
    #[inline]
    pub fn write(&mut self, give: impl FnMut(Buffer<T>)) -> &mut Vec<Slot<T>> {
        if !self.filled.get_mut().is_empty() {
            self.put_in_order(give);
        }
        &mut self.slots
    }
    #[cold]
    fn put_in_order(&mut self, mut give: impl FnMut(Buffer<T>)) {
        let Slots { slots, filled } = self;
        for slot in filled.get_mut().drain(..) {
            let slot = &mut slots[slot as usize];
            let Held::Later(later) = std::mem::replace(&mut slot.held, Held::Nothing) else { unreachable!("filled in") };
            slot.held = Held::Buffer(later.value.into_inner().expect("filled in"));
            release(slots, &later.inputs, &mut give);
        }
    }
    /// Puts in the value of a node that is computed later, from these places, of which it is a reader until then.
    pub fn defer(&mut self, node: NodeId, inputs: [Place; 3], give: impl FnMut(Buffer<T>)) -> u32 {
        let slots = self.write(give);
        for input in inputs.iter().filter(|input| !input.in_arena()) {
            slots[input.slot as usize].readers += 1;
        }
        slots.push(Slot {
            held: Held::Later(Later { node, inputs, value: OnceCell::new(), computed_before: Cell::new(false) }),
            readers: 1,
        });
        slots.len() as u32 - 1
    }
    /// Drops one reader of a place; the last one gives the buffer back.
    pub fn release(&mut self, place: Place, mut give: impl FnMut(Buffer<T>)) {
        let slots = self.write(&mut give);
        release(slots, &[place], &mut give);
    }
    /// Drops all slots from `len` on.
    pub fn truncate(&mut self, len: usize, mut give: impl FnMut(Buffer<T>)) {
        let slots = self.write(&mut give);
        while slots.len() > len {
            match slots.pop().expect("longer than that").held {
                Held::Buffer(buffer) => give(buffer),
                Held::Later(later) => release(slots, &later.inputs, &mut give),
                Held::Shared(_) | Held::Nothing => {}
            }
        }
    }
}

/// Drops a reader of each place. Where none is left, its buffer is given back; a value that was never computed needs its inputs no longer.
fn release<T>(slots: &mut [Slot<T>], places: &[Place], give: &mut dyn FnMut(Buffer<T>)) {
    let mut places: SmallVec<[Place; 16]> = SmallVec::from_slice(places);
    while let Some(place) = places.pop() {
        if place.in_arena() {
            continue;
        }
        let slot = &mut slots[place.slot as usize];
        slot.readers -= 1;
        if slot.readers > 0 {
            continue;
        }
        match std::mem::replace(&mut slot.held, Held::Nothing) {
            Held::Buffer(buffer) => give(buffer),
            Held::Later(later) => places.extend(later.inputs),
            Held::Shared(_) | Held::Nothing => {}
        }
    }
}
