//! Where do the values of nodes lie? Small arrays in one growable arena, large ones in buffers of their own, which are used again.

use crate::array::buffers::{Buffer, Pool};
use crate::array::error::ShapeError;
use crate::array::memory::lack;
use crate::array::scalar::Scalar;
use crate::array::shape::MOST;
use crate::tape::node::{At, NodeId, Place};
use crate::tape::slots::{Held, Settled, Slot, Slots};
use smallvec::SmallVec;
use std::cell::{Cell, RefCell};
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

/// Arrays in the arena begin below this number.
const IN_ARENA: usize = u32::MAX as usize;

/// A point to which a [`Store`] can be rewound.
#[derive(Clone, Copy)]
pub(crate) struct StoreMark {
    arena: usize,
    slots: usize,
}

/// Read access to the arrays of a store.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a, T> {
    arena: &'a [T],
    slots: &'a Slots<T>,
}

impl<'a, T: Scalar> Reader<'a, T> {
    /// The elements among which a place lies.
    pub fn data(self, place: Place) -> &'a [T] {
        if place.in_arena() { self.arena } else { self.slots.data(place.slot) }
    }
}

/// The arrays of one tape.
pub(crate) struct Store<T> {
    /// Kept at the greatest length it has had, so that new arrays need not be zeroed; `used` of it is taken.
    arena: Vec<T>,
    used: usize,
    pub slots: Slots<T>,
    pool: Pooled<T>,
}

/// Buffers that are free, and how much memory the others take.
struct Pooled<T> {
    pool: RefCell<Pool<T>>,
    slot_bytes: Cell<usize>,
    peak: Cell<usize>,
}

impl<T: Scalar> Pooled<T> {
    fn count(&self, len: usize) {
        self.slot_bytes.update(|bytes| bytes + len * size_of::<T>());
    }
    fn discount(&self, len: usize) {
        self.slot_bytes.update(|bytes| bytes - len * size_of::<T>());
    }
    /// Takes back a buffer that was in a slot.
    fn reclaim(&self, buffer: Buffer<T>) {
        self.discount(buffer.len());
        self.pool.borrow_mut().give(buffer);
    }
}

impl<T: Scalar> Store<T> {
    pub fn new() -> Store<T> {
        let pool = Pooled { pool: RefCell::new(Pool::new()), slot_bytes: Cell::new(0), peak: Cell::new(0) };
        Store { arena: Vec::new(), used: 0, slots: Slots::new(), pool }
    }

    /// One element in the arena.
    #[inline]
    pub fn element(&self, place: Place) -> T {
        self.arena[place.offset as usize]
    }
    /// The same, to be changed.
    #[inline]
    pub fn element_mut(&mut self, place: Place) -> &mut T {
        &mut self.arena[place.offset as usize]
    }

    /// Whether anything lies outside the arena.
    #[inline]
    pub fn has_buffers(&self) -> bool {
        self.slots.len() > 0
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
        Place { slot: Place::ARENA, offset }
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

    /// Makes a fresh array of `len` elements by `fill`, which finds old contents in it.
    pub fn build(&mut self, len: usize, fill: impl FnOnce(&mut [T])) -> Result<Place, ShapeError> {
        self.build_from(len, |_, y| fill(y))
    }
    /// The same, from older arrays that are settled.
    pub fn compute(&mut self, len: usize, _: Settled, fill: impl FnOnce(Reader<'_, T>, &mut [T])) -> Result<Place, ShapeError> {
        self.build_from(len, fill)
    }
    fn build_from(&mut self, len: usize, fill: impl FnOnce(Reader<'_, T>, &mut [T])) -> Result<Place, ShapeError> {
        if len > SMALL {
            let mut buffer = self.buffer(len)?;
            fill(Reader { arena: &self.arena, slots: &self.slots }, &mut buffer);
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
        let (old, new) = self.arena.split_at_mut(offset);
        fill(Reader { arena: old, slots: &self.slots }, &mut new[..len]);
        self.used += len; // not if `fill` panics
        Ok(Place { slot: Place::ARENA, offset: offset as u32 })
    }

    /// Read access to the arrays that are settled.
    pub fn reader(&self, _: Settled) -> Reader<'_, T> {
        Reader { arena: &self.arena, slots: &self.slots }
    }

    fn own(&mut self, buffer: Buffer<T>) -> Place {
        self.count(buffer.len());
        self.push_slot(Held::Own(buffer))
    }
    fn push_slot(&mut self, held: Held<T>) -> Place {
        let slots = self.slots();
        slots.push(Slot { held, readers: 1 });
        Place { slot: slots.len() as u32 - 1, offset: 0 }
    }
    fn slots(&mut self) -> &mut Vec<Slot<T>> {
        self.slots.write(|buffer| self.pool.reclaim(buffer))
    }
    fn count(&self, len: usize) {
        self.pool.count(len);
        self.note_peak();
    }
    fn note_peak(&self) {
        self.pool.peak.set(self.pool.peak.get().max(self.live_bytes()));
    }

    /// A buffer of `len` elements from the pool.
    pub fn buffer(&self, len: usize) -> Result<Buffer<T>, ShapeError> {
        self.pool.pool.borrow_mut().take(len)
    }
    /// Puts a buffer into the pool.
    pub fn give(&self, buffer: Buffer<T>) {
        self.pool.pool.borrow_mut().give(buffer);
    }

    /// A place for the value of a node that is computed later, from these places.
    pub fn defer(&mut self, node: NodeId, inputs: SmallVec<[Place; 3]>) -> Place {
        Place { slot: self.slots.defer(node, inputs, |buffer| self.pool.reclaim(buffer)), offset: 0 }
    }
    /// Fills in such a value.
    pub fn fill(&self, place: Place, buffer: Buffer<T>) {
        self.count(buffer.len());
        self.slots.fill(place, buffer);
    }

    /// Shares a parameter's array without a copy.
    pub fn share(&mut self, buffer: Arc<Buffer<T>>) -> Place {
        debug_assert!(buffer.len() <= MOST, "checked where the line is known");
        self.push_slot(Held::Shared(buffer))
    }

    /// Adds a reader to this place.
    pub fn retain(&mut self, place: Place) {
        if !place.in_arena() {
            self.slots()[place.slot as usize].readers += 1;
        }
    }
    /// Drops a reader of this place; the last one gives the buffer back.
    pub fn release(&mut self, place: Place) {
        if !place.in_arena() {
            self.slots.release(place, |buffer| self.pool.reclaim(buffer));
        }
    }

    /// Adds in place: the elements that `add` may write, and those that it reads.
    pub fn add_in_place(&mut self, to: Place, from: Place, settled: Settled, add: impl FnOnce(&mut [T], &[T])) -> bool {
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
        let slot = &mut self.slots()[to.slot as usize];
        if slot.readers != 1 || !matches!(slot.held, Held::Own(_)) || from.slot == to.slot {
            return false;
        }
        let Held::Own(mut buffer) = std::mem::replace(&mut slot.held, Held::Nothing) else { unreachable!() };
        add(&mut buffer[to.offset as usize..], &self.reader(settled).data(from)[from.offset as usize..]);
        self.slots()[to.slot as usize].held = Held::Own(buffer);
        true
    }

    /// Takes a whole large buffer out, where only one node reads it.
    pub fn take(&mut self, place: Place, len: usize) -> Option<Buffer<T>> {
        if place.in_arena() || place.offset != 0 {
            return None;
        }
        let slot = &mut self.slots()[place.slot as usize];
        match &slot.held {
            Held::Own(b) if slot.readers == 1 && b.len() == len => {}
            _ => return None,
        }
        let Held::Own(buffer) = std::mem::replace(&mut slot.held, Held::Nothing) else { unreachable!() };
        self.pool.discount(len);
        Some(buffer)
    }

    pub fn mark(&self) -> StoreMark {
        StoreMark { arena: self.used, slots: self.slots.len() }
    }

    /// Forgets everything made since the mark.
    pub fn rewind(&mut self, mark: StoreMark) {
        self.note_peak();
        self.used = mark.arena;
        self.slots.truncate(mark.slots, |buffer| self.pool.reclaim(buffer));
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.rewind(StoreMark { arena: 0, slots: 0 });
    }

    fn live_bytes(&self) -> usize {
        self.pool.slot_bytes.get() + self.used * size_of::<T>()
    }
    /// Counters, on a tape of so many nodes.
    pub fn stats(&self, nodes: usize) -> Stats {
        let live = self.live_bytes();
        let pool = self.pool.pool.borrow();
        Stats { nodes, live_bytes: live, peak_bytes: self.pool.peak.get().max(live), pool_hits: pool.hits, pool_misses: pool.misses }
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
        let place = store.build(5000, |y| y.fill(1.0)).unwrap();
        store.rewind(mark);
        store.build(5100, |y| assert_eq!(y[0], 1.0, "recycled, not zeroed")).unwrap();
        let stats = store.stats(0);
        assert_eq!((stats.pool_hits, stats.pool_misses), (1, 1));
        assert!(!place.in_arena() && stats.peak_bytes >= 20_000);
    }

    #[test]
    fn an_arena_that_is_full_is_an_error_that_names_the_line() {
        let at = std::panic::Location::caller();
        let full = || Store::<f32> { used: IN_ARENA, ..Store::new() };
        let said = full().build(2, |_| unreachable!("there is no place")).map(|_| ()).expect_err("full").to_string();
        assert!(said.contains("2^32 numbers") && said.contains("hint: call `reset`"), "{said}");
        let panic = std::panic::catch_unwind(|| full().push_number(1.0, at)).expect_err("full");
        let said = panic.downcast_ref::<String>().expect("a text");
        assert!(said.starts_with("tape: small arrays") && said.contains("store.rs") && said.contains("hint: "), "{said}");
    }
}
