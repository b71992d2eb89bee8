//! Where do the values of nodes lie? Small arrays in one growable arena, large ones in buffers of their own, which are used again.

use crate::array::buffers::{Buffer, Pool};
use crate::array::error::ShapeError;
use crate::array::memory::lack;
use crate::array::scalar::Scalar;
use crate::array::shape::MOST;
use crate::tape::node::{At, NodeId, Place};
use crate::tape::slots::{Held, Settled, Slot, Slots};
use std::cell::{Cell, RefCell};
use std::sync::Arc;

/// Arrays of up to this many elements live in the arena.
pub(crate) const SMALL: usize = 1024;

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
pub(crate) struct Arrays<'a, T> {
    arena: &'a [T],
    slots: &'a Slots<T>,
}

impl<'a, T: Scalar> Arrays<'a, T> {
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
    pool: RefCell<Pool<T>>,
    peak_bytes: Cell<usize>,
}

impl<T: Scalar> Store<T> {
    pub fn new() -> Store<T> {
        Store { arena: Vec::new(), used: 0, slots: Slots::new(), pool: RefCell::new(Pool::new()), peak_bytes: Cell::new(0) }
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
            None => self.push_beyond(x, at),
        }
        self.used += 1;
        Place { slot: Place::ARENA, offset }
    }
    #[cold]
    #[inline(never)]
    fn push_beyond(&mut self, x: T, at: At) {
        self.lengthen(1).unwrap_or_else(|e| panic!("{}", e.of("tape", [], at)));
        self.arena[self.used] = x;
    }

    /// Makes a fresh array of `len` elements by `fill`, which finds old contents in it.
    pub fn build(&mut self, len: usize, fill: impl FnOnce(&mut [T])) -> Result<Place, ShapeError> {
        self.build_from(len, |_, y| fill(y))
    }
    /// The same, from older arrays that are settled.
    pub fn compute(&mut self, len: usize, _: Settled, fill: impl FnOnce(Arrays<'_, T>, &mut [T])) -> Result<Place, ShapeError> {
        self.build_from(len, fill)
    }
    fn build_from(&mut self, len: usize, fill: impl FnOnce(Arrays<'_, T>, &mut [T])) -> Result<Place, ShapeError> {
        if len > SMALL {
            let mut buffer = self.buffer(len)?;
            fill(Arrays { arena: &self.arena, slots: &self.slots }, &mut buffer);
            return Ok(self.put(buffer));
        }
        let offset = self.used;
        if offset + len > self.arena.len() {
            self.lengthen(len)?;
        }
        let (old, new) = self.arena.split_at_mut(offset);
        fill(Arrays { arena: old, slots: &self.slots }, &mut new[..len]);
        self.used += len; // not if `fill` panics
        Ok(Place { slot: Place::ARENA, offset: offset as u32 })
    }

    /// Makes room for `len` more elements in the arena. (It is never longer than there are places in it.)
    #[cold]
    fn lengthen(&mut self, len: usize) -> Result<(), ShapeError> {
        let len = self.used + len;
        if len > IN_ARENA {
            return Err(
                ShapeError::new("small arrays hold 2^32 numbers, as many as a tape has places for").hint("call `reset` after each step")
            );
        }
        self.arena.try_reserve(len - self.arena.len()).map_err(|_| lack(len, size_of::<T>()))?;
        self.arena.resize(len, T::ZERO);
        Ok(())
    }

    /// Read access to the arrays that are settled.
    pub fn arrays(&self, _: Settled) -> Arrays<'_, T> {
        Arrays { arena: &self.arena, slots: &self.slots }
    }

    fn put(&mut self, buffer: Buffer<T>) -> Place {
        self.count(buffer.len());
        self.push_slot(Held::Buffer(buffer))
    }
    fn push_slot(&mut self, held: Held<T>) -> Place {
        let slots = self.slots();
        slots.push(Slot { held, readers: 1 });
        Place { slot: slots.len() as u32 - 1, offset: 0 }
    }
    fn slots(&mut self) -> &mut Vec<Slot<T>> {
        self.slots.write(|buffer| self.pool.get_mut().reclaim(buffer))
    }
    fn count(&self, len: usize) {
        self.pool.borrow_mut().used_bytes += len * size_of::<T>();
        self.peak_bytes.set(self.peak_bytes());
    }

    /// A buffer of `len` elements from the pool.
    pub fn buffer(&self, len: usize) -> Result<Buffer<T>, ShapeError> {
        self.pool.borrow_mut().take(len)
    }
    /// Puts a buffer into the pool.
    pub fn give(&self, buffer: Buffer<T>) {
        self.pool.borrow_mut().give(buffer);
    }

    /// A place for the value of a node that is computed later, from these places.
    pub fn defer(&mut self, node: NodeId, inputs: [Place; 3]) -> Place {
        Place { slot: self.slots.defer(node, inputs, |buffer| self.pool.get_mut().reclaim(buffer)), offset: 0 }
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
            self.slots.release(place, |buffer| self.pool.get_mut().reclaim(buffer));
        }
    }

    /// Adds in place: the elements that `add` may write, and those that it reads.
    pub fn add_in_place(&mut self, to: Place, from: Place, settled: Settled, add: impl FnOnce(&mut [T], &[T])) -> bool {
        if to.in_arena() {
            // The two do not overlap: `to` is an array that a sweep made, and no view of it was made. `from` may be the older of the two.
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
        if slot.readers != 1 || !matches!(slot.held, Held::Buffer(_)) || from.slot == to.slot {
            return false;
        }
        let Held::Buffer(mut buffer) = std::mem::replace(&mut slot.held, Held::Nothing) else { unreachable!() };
        add(&mut buffer[to.offset as usize..], &self.arrays(settled).data(from)[from.offset as usize..]);
        self.slots()[to.slot as usize].held = Held::Buffer(buffer);
        true
    }

    /// Takes a whole large buffer out, where only one node reads it.
    pub fn take(&mut self, place: Place, len: usize) -> Option<Buffer<T>> {
        if place.in_arena() || place.offset != 0 {
            return None;
        }
        let slot = &mut self.slots()[place.slot as usize];
        match &slot.held {
            Held::Buffer(b) if slot.readers == 1 && b.len() == len => {}
            _ => return None,
        }
        let Held::Buffer(buffer) = std::mem::replace(&mut slot.held, Held::Nothing) else { unreachable!() };
        self.pool.get_mut().used_bytes -= len * size_of::<T>();
        Some(buffer)
    }

    pub fn mark(&self) -> StoreMark {
        StoreMark { arena: self.used, slots: self.slots.len() }
    }

    /// Forgets everything made since the mark.
    pub fn rewind(&mut self, mark: StoreMark) {
        self.peak_bytes.set(self.peak_bytes());
        self.used = mark.arena;
        self.slots.truncate(mark.slots, |buffer| self.pool.get_mut().reclaim(buffer));
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.rewind(StoreMark { arena: 0, slots: 0 });
    }

    /// Bytes of values that are held now.
    pub fn live_bytes(&self) -> usize {
        self.pool.borrow().used_bytes + self.used * size_of::<T>()
    }
    /// The most that they have been.
    pub fn peak_bytes(&self) -> usize {
        self.peak_bytes.get().max(self.live_bytes())
    }
    /// How many buffers were taken from the free lists, and how many were allocated.
    pub fn hits_and_misses(&self) -> (usize, usize) {
        let pool = self.pool.borrow();
        (pool.hits, pool.misses)
    }
}

#[cfg(test)]
mod tests;
