//! Where are the elements of arrays? In 64-byte aligned buffers, which are reused.
//!
//! Fresh memory is expensive: the kernel hands it out page by page and zeroes each. A training step asks for the same sizes again and
//! again, so a buffer goes back to a free list of its size class and is handed out from there, its old contents still in it.
#![allow(unsafe_code)]

use crate::array::error::ShapeError;
use crate::array::memory::{lack, or_panic};
use crate::array::scalar::Scalar;
use crate::array::shape::MOST;
use std::alloc::{Layout as Memory, alloc_zeroed, dealloc};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// A reference to a value of a type of size zero, which needs no memory.
///
/// For constants only: the compiler refuses one of a type that has no values.
///
/// # Panics
/// If the type has a size.
pub(crate) const fn anywhere<O: 'static>() -> &'static O {
    assert!(size_of::<O>() == 0);
    // SAFETY: the pointer is aligned and not null, and a value without size is read from no memory. (Whoever makes a constant of a reference to
    // a type without values is refused by the compiler, which checks constants.)
    unsafe { NonNull::dangling().as_ref() }
}

/// A cache line, and the width of the widest vector register.
const ALIGN: usize = 64;

/// A 64-byte aligned array of numbers.
pub(crate) struct Buffer<T> {
    data: NonNull<T>,
    len: usize,
    capacity: usize,
}

// SAFETY: a buffer owns its elements, which are plain numbers.
unsafe impl<T: Scalar> Send for Buffer<T> {}
// SAFETY: a shared buffer is only read.
unsafe impl<T: Scalar> Sync for Buffer<T> {}

impl<T> Buffer<T> {
    fn memory(capacity: usize) -> Option<Memory> {
        Memory::from_size_align(capacity.checked_mul(size_of::<T>())?, ALIGN).ok()
    }
}

impl<T: Scalar> Buffer<T> {
    /// `len` zeros with room for `capacity` (at least one).
    fn zeros(len: usize, capacity: usize) -> Result<Buffer<T>, ShapeError> {
        let capacity = capacity.max(1);
        // SAFETY: the size is not 0; all bits zero is 0.0 in f32 and f64.
        let data = Self::memory(capacity).and_then(|memory| NonNull::new(unsafe { alloc_zeroed(memory) }));
        data.map(|data| Buffer { data: data.cast(), len, capacity }).ok_or_else(|| lack(len, size_of::<T>())) // what was asked for, not what would be taken
    }
    /// A copy of a slice.
    ///
    /// # Panics
    /// If memory does not suffice.
    #[track_caller]
    pub fn copied(from: &[T]) -> Buffer<T> {
        let mut b = or_panic(Buffer::zeros(from.len(), from.len()));
        b.copy_from_slice(from);
        b
    }
}

impl<T> Drop for Buffer<T> {
    fn drop(&mut self) {
        // SAFETY: allocated in `zeros` with the same layout.
        unsafe { dealloc(self.data.as_ptr() as *mut u8, Self::memory(self.capacity).expect("it was allocated")) }
    }
}
impl<T> Deref for Buffer<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        // SAFETY: `len <= capacity` initialised elements.
        unsafe { std::slice::from_raw_parts(self.data.as_ptr(), self.len) }
    }
}
impl<T> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above, and the borrow is unique.
        unsafe { std::slice::from_raw_parts_mut(self.data.as_ptr(), self.len) }
    }
}

/// `len` zeros as a list. The system hands large pieces out zeroed: nothing is written twice.
pub(crate) fn zeros<T: Scalar>(len: usize) -> Result<Vec<T>, ShapeError> {
    if len == 0 {
        return Ok(Vec::new());
    }
    // SAFETY: the size is not 0; all bits zero is 0.0 in f32 and f64.
    let data = Memory::array::<T>(len).ok().and_then(|memory| NonNull::new(unsafe { alloc_zeroed(memory) }));
    let data = data.ok_or_else(|| lack(len, size_of::<T>()))?;
    // SAFETY: allocated as an array of `len` numbers, all initialised.
    Ok(unsafe { Vec::from_raw_parts(data.cast().as_ptr(), len, len) })
}

/// Size classes are powers of two with three steps between, so at most a quarter of a buffer is slack. Gives class and capacity.
fn size_class(len: usize) -> (usize, usize) {
    let len = len.max(16);
    let top = (len - 1).ilog2() as usize;
    let quarter = 1 << (top - 2);
    let steps = len.div_ceil(quarter); // 5 to 8
    (top * 4 + steps - 5, steps * quarter)
}

/// Free lists of buffers by size class.
pub(crate) struct Pool<T> {
    free: Vec<Vec<Buffer<T>>>,
    /// Buffers that were taken from the free lists.
    pub hits: usize,
    /// Buffers that had to be allocated.
    pub misses: usize,
    /// Bytes of buffers that hold a value now: what takes and returns one for that counts here.
    pub used_bytes: usize,
}

impl<T: Scalar> Pool<T> {
    pub fn new() -> Pool<T> {
        Pool { free: Vec::new(), hits: 0, misses: 0, used_bytes: 0 }
    }
    /// A buffer of `len` elements with arbitrary (but initialised) contents.
    pub fn take(&mut self, len: usize) -> Result<Buffer<T>, ShapeError> {
        debug_assert!(len <= MOST, "checked where op and line are known");
        let (class, capacity) = size_class(len);
        if let Some(mut buffer) = self.free.get_mut(class).and_then(Vec::pop) {
            debug_assert!(buffer.capacity >= len);
            buffer.len = len;
            self.hits += 1;
            return Ok(buffer);
        }
        self.misses += 1;
        Buffer::zeros(len, capacity)
    }
    /// Takes a buffer back that held a value.
    pub fn reclaim(&mut self, buffer: Buffer<T>) {
        self.used_bytes -= buffer.len * size_of::<T>();
        self.give(buffer);
    }
    /// Takes a buffer back.
    pub fn give(&mut self, buffer: Buffer<T>) {
        let (class, capacity) = size_class(buffer.capacity);
        if capacity != buffer.capacity {
            return; // not one of ours: a parameter's own array
        }
        if self.free.len() <= class {
            self.free.resize_with(class + 1, Vec::new);
        }
        self.free[class].push(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_classes_hold_what_was_asked_and_are_stable() {
        for len in (1..5000).chain([1 << 20, (1 << 20) + 1, 123_456_789]) {
            let (class, capacity) = size_class(len);
            assert!(capacity >= len && (len < 64 || capacity <= len + len / 4 + 1), "{len} -> {capacity}");
            assert_eq!(size_class(capacity), (class, capacity), "{len}");
        }
        let classes: Vec<_> = (16..3000).map(size_class).collect();
        assert!(classes.windows(2).all(|w| (w[0].0 == w[1].0) == (w[0].1 == w[1].1) && w[0].0 <= w[1].0));
    }

    #[test]
    fn what_cannot_be_had_is_an_error() {
        for len in [1 << 46, usize::MAX / 8, usize::MAX] {
            let said = [Buffer::<f64>::zeros(len, len).err(), zeros::<f64>(len).err()].map(|e| e.expect("too large").to_string());
            assert!(
                said.iter().all(|text| text.contains("not enough memory") && text.contains("GiB") && text.contains("hint: ")),
                "{said:?}"
            );
        }
        // The text names what was asked for, not the size class.
        let len = (1 << 46) + 1;
        let said = Buffer::<f64>::zeros(len, size_class(len).1).err().expect("too large").to_string();
        assert!(said.contains(&format!("for {len} elements")), "{said}");
        assert_eq!(zeros::<f32>(3).unwrap(), [0.0; 3]);
    }

    #[test]
    fn buffers_are_aligned() {
        assert!((1..50).all(|n| (Buffer::<f64>::zeros(n, n).unwrap().as_ptr() as usize).is_multiple_of(64)));
    }
}
