//! The global allocator: it counts, and may have no more than so much to give.
#![allow(unsafe_code)] // a global allocator is unsafe to write

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

const LITTLE: usize = 1 << 16;

struct Limited;

static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);
static LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);

thread_local! {
    /// Where this thread's allocations are counted; nowhere, unless a test says so.
    static COUNTER: Cell<Option<&'static AtomicUsize>> = const { Cell::new(None) };
}

/// Counts this thread's allocations from now on.
pub fn count_here(counter: &'static AtomicUsize) {
    COUNTER.set(Some(counter));
}

/// What all of the program may hold from now on.
pub fn limit(bytes: usize) {
    LIMIT.store(bytes, Ordering::Relaxed);
}

/// From now on, the most that is held is sought anew.
pub fn forget_most() {
    MOST.store(HELD.load(Ordering::Relaxed), Ordering::Relaxed);
}

pub fn most() -> usize {
    MOST.load(Ordering::Relaxed)
}

/// Counts `size` more bytes, if they are to be had. (A little is: what takes too much in small pieces is found by its peak.)
fn take(size: usize) -> bool {
    // A thread that is ending has no thread-local values any more.
    if let Ok(Some(counter)) = COUNTER.try_with(Cell::get) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
    let held = HELD.fetch_add(size, Ordering::Relaxed).saturating_add(size);
    if held > LIMIT.load(Ordering::Relaxed) && size > LITTLE {
        HELD.fetch_sub(size, Ordering::Relaxed);
        return false;
    }
    MOST.fetch_max(held, Ordering::Relaxed);
    true
}

// SAFETY: every call is passed on to the system's allocator, or answered as if memory did not suffice.
unsafe impl GlobalAlloc for Limited {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        if take(layout.size()) { unsafe { System.alloc(layout) } } else { std::ptr::null_mut() }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        if take(layout.size()) { unsafe { System.alloc_zeroed(layout) } } else { std::ptr::null_mut() }
    }
    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !take(size) {
            return std::ptr::null_mut();
        }
        // SAFETY: as the caller promises.
        let new = unsafe { System.realloc(old, layout, size) };
        HELD.fetch_sub(if new.is_null() { size } else { layout.size() }, Ordering::Relaxed);
        new
    }
    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(old, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Limited = Limited;
