//! What happens if there is not enough memory? Lists whose length a caller chooses are allocated here, and a failure is an error. Op, shapes and
//! line are added to it, as to an error of shapes, and it becomes a panic that can be caught. (Where the standard library's lists grow, a
//! failure ends the process. So it does where a system promises memory that it does not have.)

use crate::array::error::{LACK, ShapeError};

/// The error that `len` elements of `each` bytes cannot be allocated.
#[cold]
pub(crate) fn lack(len: usize, each: usize) -> ShapeError {
    let bytes = len as f64 * each as f64;
    let size = match bytes / f64::from(1 << 20) {
        mebi if mebi < 1024.0 => format!("{mebi:.1} MiB"),
        mebi => format!("{:.1} GiB", mebi / 1024.0),
    };
    ShapeError::new(format!("{LACK}: {size} for {len} elements cannot be had"))
        .hint("compute in smaller parts (of a batch, say), let go of what is not needed, or check the sizes that were asked for")
}

/// An empty list with room for `len` entries.
pub(crate) fn room<V>(len: usize) -> Result<Vec<V>, ShapeError> {
    let mut list = Vec::new();
    match list.try_reserve_exact(len) {
        Ok(()) => Ok(list),
        Err(_) => Err(lack(len, size_of::<V>())),
    }
}

/// A list of `len` equal entries.
pub(crate) fn filled<V: Clone>(len: usize, entry: V) -> Result<Vec<V>, ShapeError> {
    let mut list = room(len)?;
    list.resize(len, entry);
    Ok(list)
}

/// A list of the entries of an iterator.
pub(crate) fn list<V>(entries: impl ExactSizeIterator<Item = V>) -> Result<Vec<V>, ShapeError> {
    let mut list = room(entries.len())?;
    list.extend(entries);
    Ok(list)
}

/// That the system would give `len` entries of the size of `V` now. Nothing is kept: for where many lists, none of them longer, are made
/// on the way to a result, so that a size far beyond memory is refused before the first.
pub(crate) fn suffices<V>(len: usize) -> Result<(), ShapeError> {
    room::<V>(len).map(drop)
}

/// The value, or a panic with the error's text. A kernel knows no line, so the tape, which runs it, turns the panic into an error again and adds
/// op, shapes and line.
#[track_caller]
pub(crate) fn or_panic<V>(had: Result<V, ShapeError>) -> V {
    had.unwrap_or_else(|e| panic!("{e}"))
}
