//! Panics of layers, optimizers and loaders: the message, the caller's line, and a hint. Also checks the sizes of arrays.

use crate::scope_line;
use std::fmt::Display;
use std::panic::Location;

/// Panics unless the condition holds.
#[track_caller]
pub(crate) fn require<M: Display>(holds: bool, message: impl FnOnce() -> M, hint: &str) {
    if !holds {
        panic!("{}\n  at {}\n  hint: {hint}", message(), scope_line(Location::caller()));
    }
}

/// The number of elements of an array of this shape, which is about to be made. Panics if offsets into it would not fit, or if there is not
/// enough memory: otherwise the program would abort later, or panic without naming `what`.
#[track_caller]
pub(crate) fn elements<T>(what: &str, shape: &[usize]) -> usize {
    // The other sizes of an empty array are checked too.
    let filled = shape.iter().filter(|n| **n > 0).try_fold(1, |n: usize, size| n.checked_mul(*size));
    let most = u32::MAX as usize - 1; // as many as an array on a tape may have
    require(
        filled.is_some_and(|n| n <= most),
        || format!("{what}: an array of shape {shape:?} is too large: an array has fewer than 2^32 elements"),
        "are the sizes in the right order, and none of them an offset or a product?",
    );
    let n = shape.iter().product();
    require(
        has_room::<T>(n),
        || format!("{what}: there is no memory for an array of shape {shape:?}: {} bytes", n as u128 * size_of::<T>() as u128),
        "make it smaller, or work in parts",
    );
    n
}

/// True if there is memory for this many elements. For less than 1 MiB it is not checked.
pub(crate) fn has_room<T>(n: usize) -> bool {
    n.saturating_mul(size_of::<T>()) < 1 << 20 || Vec::<T>::new().try_reserve_exact(n).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::catch_unwind;

    fn refused(f: impl FnOnce() -> usize + std::panic::UnwindSafe) -> String {
        *catch_unwind(f).expect_err("must be refused").downcast::<String>().unwrap()
    }

    #[test]
    fn sizes_of_arrays() {
        assert_eq!((elements::<f32>("a", &[]), elements::<f32>("a", &[2, 3]), elements::<f32>("a", &[0, 1 << 31])), (1, 6, 0));
        for shape in
            [&[usize::MAX][..], &[usize::MAX, 2], &[1 << 32], &[1 << 16, 1 << 16], &[0, 1 << 31, 1 << 31], &[3, 0x5555_5555_5555_5556]]
        {
            let text = refused(|| elements::<f32>("Linear", shape));
            assert!(text.starts_with(&format!("Linear: an array of shape {shape:?} is too large")), "{text}");
            assert!(text.contains("\n  at src/kit/refusal.rs:") && text.contains("\n  hint: "), "{text}");
        }
        // Fewer than 2^32 elements, but with 2^30 bytes each.
        let text = refused(|| elements::<[u8; 1 << 30]>("table", &[u32::MAX as usize - 1]));
        assert!(
            text.starts_with("table: there is no memory for an array of shape [4294967294]: 4611686016279904256 bytes\n  at "),
            "{text}"
        );
    }
}
