//! What if memory does not suffice? Lists whose length a caller chooses are asked for here: what cannot be had is refused as a shape is,
//! by a panic that names op, shapes and line and that can be caught. (Where the standard library's lists grow, it ends the process.)

use crate::error::ShapeError;

/// What the text of every such refusal says.
pub(crate) const LACK: &str = "not enough memory";

/// That so many elements of so many bytes cannot be had.
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

/// A list of `len` times the same.
pub(crate) fn filled<V: Clone>(len: usize, entry: V) -> Result<Vec<V>, ShapeError> {
    let mut list = room(len)?;
    list.resize(len, entry);
    Ok(list)
}

/// What an iterator of known length gives.
pub(crate) fn list<V>(entries: impl ExactSizeIterator<Item = V>) -> Result<Vec<V>, ShapeError> {
    let mut list = room(entries.len())?;
    list.extend(entries);
    Ok(list)
}

/// That there is memory for `len` entries of the size of `V`, where many lists are made on the way to a result.
pub(crate) fn suffices<V>(len: usize) -> Result<(), ShapeError> {
    room::<V>(len).map(drop)
}

/// What was asked for inside a kernel, or a panic: the tape adds op, shapes and line to its text.
#[track_caller]
pub(crate) fn or_panic<V>(had: Result<V, ShapeError>) -> V {
    had.unwrap_or_else(|e| panic!("{e}"))
}
