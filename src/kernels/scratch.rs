//! Where do kernels keep temporary values? In memory that each thread keeps, so that nothing is allocated once every thread has run the
//! largest kernel.

use crate::array::memory::{filled, lack, or_panic};
use crate::array::simd::Element;
use std::cell::RefCell;

/// A line of the cache.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Line([u64; 8]);

thread_local! {
    static KEPT: RefCell<Vec<Vec<Line>>> = const { RefCell::new(Vec::new()) };
}

/// Calls `f` with room for `len` numbers, of arbitrary values, aligned to a line of the cache.
///
/// The memory returns to the thread when `f` does: other tasks that run on this thread meanwhile take pieces of their own.
pub(crate) fn with<T: Element, R>(len: usize, f: impl FnOnce(&mut [T]) -> R) -> R {
    // SAFETY: `Element` is f32 or f64.
    unsafe { room(len, f) }
}

/// As [`with`], for places in arrays.
pub(crate) fn tables<R>(len: usize, f: impl FnOnce(&mut [u32]) -> R) -> R {
    // SAFETY: any bits are a whole number.
    unsafe { room(len, f) }
}

/// # Safety
/// Any bits must be a value of `N`.
unsafe fn room<N, R>(len: usize, f: impl FnOnce(&mut [N]) -> R) -> R {
    let mut lines = lend(len, size_of::<N>());
    // SAFETY: the lines are initialised, long enough and aligned, any bits are a value, and the borrow of `lines` lasts as long as the
    // slice.
    let room = unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast::<N>(), len) };
    let result = f(room);
    give_back(lines);
    result
}

/// A piece that holds `len` values of `size` bytes each. (Not a part of [`room`], which is compiled once for each caller.)
fn lend(len: usize, size: usize) -> Vec<Line> {
    // A size that wrapped here would be a slice that is longer than its memory.
    let bytes = len.checked_mul(size);
    let count = or_panic(bytes.ok_or_else(|| lack(len, size))).div_ceil(size_of::<Line>());
    let mut lines = KEPT.with(|kept| take(&mut kept.borrow_mut(), count));
    if lines.len() < count {
        // A little more, so that tasks whose shares differ by one can use each other's pieces.
        let more = count.next_multiple_of((count.next_power_of_two() / 8).max(1));
        drop(std::mem::take(&mut lines)); // the old piece first: both need not be held at once
        lines = or_panic(filled(more, Line([0; 8])));
    }
    lines
}

fn give_back(lines: Vec<Line>) {
    KEPT.with(|kept| kept.borrow_mut().push(lines));
}

/// The smallest piece that is large enough, or else the largest, which will be replaced.
fn take(kept: &mut Vec<Vec<Line>>, count: usize) -> Vec<Line> {
    let wanted = |piece: &Vec<Line>| if piece.len() >= count { (0, piece.len()) } else { (1, usize::MAX - piece.len()) };
    let best = (0..kept.len()).min_by_key(|&i| wanted(&kept[i]));
    best.map(|i| kept.swap_remove(i)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::with;

    #[test]
    fn room_that_cannot_be_had_is_a_panic_and_no_short_slice() {
        for len in [usize::MAX, usize::MAX / 8 + 2, 1 << 60, 1 << 47] {
            let panic = std::panic::catch_unwind(|| with::<f64, _>(len, |room| room.len())).expect_err("refused");
            let said = panic.downcast_ref::<String>().expect("a text");
            assert!(said.starts_with("not enough memory"), "{said}");
        }
    }

    #[test]
    fn nested_pieces_are_apart_and_found_again() {
        let pass = || {
            with::<f32, _>(100, |a| {
                a.fill(1.0);
                let inner = with::<f64, _>(7, |b| {
                    b.fill(2.0);
                    b.as_ptr().addr()
                });
                assert!(a.iter().all(|x| *x == 1.0));
                (a.as_ptr().addr(), inner)
            })
        };
        let (first, second) = (pass(), pass());
        assert_eq!(first, second);
        assert!(first.0 != first.1 && first.0.is_multiple_of(64) && first.1.is_multiple_of(64));
    }
}
