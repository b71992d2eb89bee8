//! Where do the values of nodes lie? Small arrays in one growable arena, large ones in buffers of their own, which are used again.

use crate::array::buffers::{Buffer, Pool};
use crate::array::error::ShapeError;
use crate::array::memory::lack;
use crate::array::scalar::Scalar;
use crate::array::shape::MOST;
use crate::tape::node::{At, NodeId};
use smallvec::SmallVec;
use std::cell::{Cell, OnceCell, RefCell};
use std::sync::Arc;

/// Arrays of up to this many elements live in the arena.
pub(crate) const SMALL: usize = 1024;

/// Counters of a tape's memory; see [`Tape::stats`](crate::Tape::stats).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Nodes on the tape.
    pub nodes: usize,
    /// Bytes of values that the tape holds now.
    pub live_bytes: usize,
    /// The most that `live_bytes` has been.
    pub peak_bytes: usize,
    /// Large buffers that were taken from the free lists.
    pub pool_hits: usize,
    /// Large buffers that had to be allocated.
    pub pool_misses: usize,
}

/// What a slot holds.
enum Held<T> {
    Nothing,
    Own(Buffer<T>),
    Shared(Arc<Buffer<T>>),
    Later(Later<T>),
}

/// The value of an op that waits (see [`deferred`](crate::tape::deferred)); it is filled in through shared borrows.
struct Later<T> {
    /// The node that computes it.
    node: NodeId,
    value: OnceCell<Buffer<T>>,
    /// Whether it was computed before, and thrown away.
    seen: Cell<bool>,
}

struct Slot<T> {
    held: Held<T>,
    /// How many nodes (views included) read this slot.
    readers: u32,
}

/// Where a node's elements are: in the arena, or in a slot; and at which element they begin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    slot: u32,
    pub offset: u32,
}

const ARENA: u32 = u32::MAX;
/// Arrays in the arena begin below this number.
const IN_ARENA: usize = u32::MAX as usize;

impl Place {
    pub fn in_arena(self) -> bool {
        self.slot == ARENA
    }
    /// The same buffer, seen from another element, which lies in it.
    pub fn moved(self, by: isize) -> Place {
        Place { offset: (self.offset as isize + by) as u32, ..self }
    }
}

impl Place {
    /// Whether it is in a buffer that was made before the mark.
    pub fn is_before(self, mark: Mark) -> bool {
        !self.in_arena() && (self.slot as usize) < mark.slots
    }
}

/// A point to which a [`Store`] can be rewound.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    arena: usize,
    slots: usize,
}

/// Read access to the arrays of a store.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a, T> {
    arena: &'a [T],
    slots: &'a [Slot<T>],
}

impl<'a, T: Scalar> Reader<'a, T> {
    /// The elements among which a place lies.
    pub fn data(self, place: Place) -> &'a [T] {
        if place.in_arena() {
            return self.arena;
        }
        match &self.slots[place.slot as usize].held {
            Held::Own(b) => b,
            Held::Shared(b) => b,
            Held::Later(later) => later.value.get().expect("settled before it is read"),
            Held::Nothing => panic!("a value was read after its buffer went back to the pool (a bug of the sweep)"),
        }
    }
}

/// The arrays of one tape.
pub(crate) struct Store<T> {
    /// Kept at the greatest length it has had, so that new arrays need not be zeroed; `used` of it is taken.
    arena: Vec<T>,
    used: usize,
    slots: Vec<Slot<T>>,
    pool: RefCell<Pool<T>>,
    slot_bytes: Cell<usize>,
    peak: Cell<usize>,
    /// Slots that were filled in since they were last put in order.
    filled: RefCell<Vec<u32>>,
}

impl<T: Scalar> Store<T> {
    pub fn new() -> Store<T> {
        let pool = RefCell::new(Pool::new());
        let filled = RefCell::new(Vec::new());
        Store { arena: Vec::new(), used: 0, slots: Vec::new(), pool, slot_bytes: Cell::new(0), peak: Cell::new(0), filled }
    }

    /// One element in the arena.
    #[inline]
    pub fn number(&self, place: Place) -> T {
        self.arena[place.offset as usize]
    }

    /// Whether anything lies outside the arena.
    #[inline]
    pub fn has_buffers(&self) -> bool {
        !self.slots.is_empty()
    }

    /// Adds to one element of the arena.
    #[inline]
    pub fn add_to_number(&mut self, to: Place, x: T) {
        self.arena[to.offset as usize] += x;
    }

    /// Puts one element into the arena.
    #[inline]
    pub fn push_number(&mut self, x: T, at: At) -> Place {
        let offset = self.used as u32;
        match self.arena.get_mut(self.used) {
            Some(place) => *place = x,
            None => self.lengthen(x, at),
        }
        self.used += 1;
        Place { slot: ARENA, offset }
    }
    /// (The arena is never longer than there are places in it.)
    #[cold]
    #[inline(never)]
    fn lengthen(&mut self, x: T, at: At) {
        if self.used >= IN_ARENA {
            panic!("{}", arena_is_full().of("tape", [], at));
        }
        if self.arena.try_reserve(1).is_err() {
            panic!("{}", lack(self.used + 1, size_of::<T>()).of("tape", [], at));
        }
        self.arena.push(x);
    }

    /// Makes a fresh array of `len` elements by `fill`, which may read all older ones and finds old contents in its own.
    pub fn build(&mut self, len: usize, fill: impl FnOnce(Reader<'_, T>, &mut [T])) -> Result<Place, ShapeError> {
        if len > SMALL {
            let mut buffer = self.buffer(len)?;
            fill(self.reader(), &mut buffer);
            return Ok(self.own(buffer));
        }
        let offset = self.used;
        if offset + len > self.arena.len() {
            if offset + len > IN_ARENA {
                return Err(arena_is_full());
            }
            let more = offset + len - self.arena.len();
            self.arena.try_reserve(more).map_err(|_| lack(offset + len, size_of::<T>()))?;
            self.arena.resize(offset + len, T::ZERO);
        }
        self.used += len;
        let (old, new) = self.arena.split_at_mut(offset);
        fill(Reader { arena: old, slots: &self.slots }, &mut new[..len]);
        Ok(Place { slot: ARENA, offset: offset as u32 })
    }

    /// Read access to every array.
    pub fn reader(&self) -> Reader<'_, T> {
        Reader { arena: &self.arena, slots: &self.slots }
    }

    fn own(&mut self, buffer: Buffer<T>) -> Place {
        self.count(buffer.len());
        self.push_slot(Held::Own(buffer))
    }
    fn push_slot(&mut self, held: Held<T>) -> Place {
        self.slots.push(Slot { held, readers: 1 });
        Place { slot: self.slots.len() as u32 - 1, offset: 0 }
    }
    fn count(&self, len: usize) {
        self.slot_bytes.update(|bytes| bytes + len * size_of::<T>());
        self.peak.set(self.peak.get().max(self.live_bytes()));
    }
    fn discount(&self, len: usize) {
        self.slot_bytes.update(|bytes| bytes - len * size_of::<T>());
    }

    /// A buffer of `len` elements from the pool.
    pub fn buffer(&self, len: usize) -> Result<Buffer<T>, ShapeError> {
        self.pool.borrow_mut().take(len)
    }
    /// Puts a buffer into the pool.
    pub fn give(&self, buffer: Buffer<T>) {
        self.pool.borrow_mut().give(buffer);
    }

    /// A place for the value of a node that waits.
    pub fn defer(&mut self, node: NodeId) -> Place {
        self.push_slot(Held::Later(Later { node, value: OnceCell::new(), seen: Cell::new(false) }))
    }
    /// The node that has still to compute the value of this place.
    pub fn later(&self, place: Place) -> Option<NodeId> {
        if place.in_arena() {
            return None;
        }
        match &self.slots[place.slot as usize].held {
            Held::Later(later) if later.value.get().is_none() => Some(later.node),
            _ => None,
        }
    }
    /// Whether a waiting node's value was computed before and thrown away; from now on it was.
    pub fn seen(&self, place: Place) -> bool {
        match &self.slots[place.slot as usize].held {
            Held::Later(later) => later.seen.replace(true),
            _ => true,
        }
    }
    /// The value of a waiting node.
    pub fn fill(&self, place: Place, buffer: Buffer<T>) {
        let Held::Later(later) = &self.slots[place.slot as usize].held else { unreachable!("only what waits is filled in") };
        self.count(buffer.len());
        assert!(later.value.set(buffer).is_ok(), "filled in once");
        self.filled.borrow_mut().push(place.slot);
    }
    /// Whether nothing was filled in since.
    #[inline]
    pub fn is_in_order(&self) -> bool {
        self.filled.borrow().is_empty()
    }
    /// Slots that were filled in become ones like any other; tells their nodes, which no longer need their inputs.
    pub fn put_in_order(&mut self) -> SmallVec<[NodeId; 8]> {
        let Store { slots, filled, .. } = self;
        let own = |slot: u32| {
            let slot = &mut slots[slot as usize];
            let Held::Later(later) = std::mem::replace(&mut slot.held, Held::Nothing) else { unreachable!("only what waits is filled in") };
            slot.held = Held::Own(later.value.into_inner().expect("filled in"));
            later.node
        };
        filled.get_mut().drain(..).map(own).collect()
    }
    /// The nodes that were recorded after the mark and still wait.
    pub fn waiting_since(&self, mark: Mark) -> impl Iterator<Item = NodeId> + '_ {
        self.slots[mark.slots..].iter().filter_map(|slot| match &slot.held {
            Held::Later(later) => Some(later.node),
            _ => None,
        })
    }

    /// Shares a parameter's array without a copy.
    pub fn share(&mut self, buffer: Arc<Buffer<T>>) -> Place {
        debug_assert!(buffer.len() <= MOST, "checked where the line is known");
        self.push_slot(Held::Shared(buffer))
    }

    /// One more node reads this place.
    pub fn retain(&mut self, place: Place) {
        if !place.in_arena() {
            self.slots[place.slot as usize].readers += 1;
        }
    }

    /// One node fewer reads this place; the last one gives the buffer back. Tells the node that has waited in vain, if one has: its
    /// inputs have a reader fewer too.
    pub fn release(&mut self, place: Place) -> Option<NodeId> {
        if place.in_arena() {
            return None;
        }
        let slot = &mut self.slots[place.slot as usize];
        slot.readers -= 1;
        if slot.readers > 0 {
            return None;
        }
        match std::mem::replace(&mut slot.held, Held::Nothing) {
            Held::Later(later) => Some(later.node),
            held => {
                self.reclaim(held);
                None
            }
        }
    }
    fn reclaim(&mut self, held: Held<T>) {
        if let Held::Own(buffer) = held {
            self.discount(buffer.len());
            self.give(buffer);
        }
    }

    /// Adds in place: the elements that `add` may write, and those that it reads.
    pub fn add_in_place(&mut self, to: Place, from: Place, add: impl FnOnce(&mut [T], &[T])) -> bool {
        if to.in_arena() {
            // Cotangents are appended, so the later of the two lies above the earlier one.
            let (low, high) = (to.offset.min(from.offset), to.offset.max(from.offset));
            if !from.in_arena() || low == high {
                return false;
            }
            let (a, b) = self.arena.split_at_mut(high as usize);
            if to.offset < from.offset {
                add(&mut a[low as usize..], b)
            } else {
                add(b, &a[low as usize..])
            }
            return true;
        }
        let slot = &mut self.slots[to.slot as usize];
        if slot.readers != 1 || !matches!(slot.held, Held::Own(_)) || from.slot == to.slot {
            return false;
        }
        let Held::Own(mut buffer) = std::mem::replace(&mut slot.held, Held::Nothing) else { unreachable!() };
        add(&mut buffer[to.offset as usize..], &self.reader().data(from)[from.offset as usize..]);
        self.slots[to.slot as usize].held = Held::Own(buffer);
        true
    }

    /// Takes a whole large buffer out, where only one node reads it.
    pub fn take(&mut self, place: Place, len: usize) -> Option<Buffer<T>> {
        if place.in_arena() || place.offset != 0 {
            return None;
        }
        let slot = &mut self.slots[place.slot as usize];
        match &slot.held {
            Held::Own(b) if slot.readers == 1 && b.len() == len => {}
            _ => return None,
        }
        let Held::Own(buffer) = std::mem::replace(&mut slot.held, Held::Nothing) else { unreachable!() };
        self.discount(len);
        Some(buffer)
    }

    pub fn mark(&self) -> Mark {
        Mark { arena: self.used, slots: self.slots.len() }
    }

    /// Forgets everything made since the mark.
    pub fn rewind(&mut self, mark: Mark) {
        self.peak.set(self.peak.get().max(self.live_bytes()));
        self.used = mark.arena;
        while self.slots.len() > mark.slots {
            let slot = self.slots.pop().expect("longer than the mark");
            self.reclaim(slot.held);
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.rewind(Mark { arena: 0, slots: 0 });
    }

    fn live_bytes(&self) -> usize {
        self.slot_bytes.get() + self.used * size_of::<T>()
    }
    /// Counters, on a tape of so many nodes.
    pub fn stats(&self, nodes: usize) -> Stats {
        let live = self.live_bytes();
        let pool = self.pool.borrow();
        Stats { nodes, live_bytes: live, peak_bytes: self.peak.get().max(live), pool_hits: pool.hits, pool_misses: pool.misses }
    }
}

#[cold]
fn arena_is_full() -> ShapeError {
    ShapeError::new("small arrays hold 2^32 numbers, as many as a tape has places for").hint("call `reset` after each step")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_from_the_pool() {
        let mut store = Store::<f32>::new();
        let mark = store.mark();
        let place = store.build(5000, |_, y| y.fill(1.0)).unwrap();
        store.rewind(mark);
        store.build(5100, |_, y| assert_eq!(y[0], 1.0, "recycled, not zeroed")).unwrap();
        let stats = store.stats(0);
        assert_eq!((stats.pool_hits, stats.pool_misses), (1, 1));
        assert!(!place.in_arena() && stats.peak_bytes >= 20_000);
    }

    #[test]
    fn an_arena_that_is_full_is_an_error_that_names_the_line() {
        let at = std::panic::Location::caller();
        let full = || Store::<f32> { used: IN_ARENA, ..Store::new() };
        let said = full().build(2, |_, _| unreachable!("there is no place")).map(|_| ()).expect_err("full").to_string();
        assert!(said.contains("2^32 numbers") && said.contains("hint: call `reset`"), "{said}");
        let panic = std::panic::catch_unwind(|| full().push_number(1.0, at)).expect_err("full");
        let said = panic.downcast_ref::<String>().expect("a text");
        assert!(said.starts_with("tape: small arrays") && said.contains("store.rs") && said.contains("hint: "), "{said}");
    }
}
