//! In which part of a program does an op run? Names that errors say, and the line of whoever called that part.

use std::cell::RefCell;
use std::panic::Location;

type At = &'static Location<'static>;

/// The scopes that this thread is in, from the outermost on.
struct Scopes {
    /// Their names, one after the other. (One text that is cut again: nothing is allocated after the first step.)
    names: String,
    /// Where each name begins, and the line that entered the scope.
    open: Vec<(usize, At)>,
}

thread_local! {
    static SCOPES: RefCell<Scopes> = const { RefCell::new(Scopes { names: String::new(), open: Vec::new() }) };
}

/// Leaves the innermost scope when it is dropped, also by a panic.
struct Inside;

impl Drop for Inside {
    fn drop(&mut self) {
        SCOPES.with_borrow_mut(|scopes| {
            if let Some((start, _)) = scopes.open.pop() {
                scopes.names.truncate(start);
            }
        });
    }
}

fn enter(name: &str, at: At) -> Inside {
    SCOPES.with_borrow_mut(|scopes| {
        scopes.open.push((scopes.names.len(), at));
        scopes.names.push_str(name);
    });
    Inside
}

/// Runs a part of a program, a layer for instance, under a name: an error of an op in it says `in layer name`. Scopes inside scopes are joined
/// by dots. What stands in brackets after a name describes the innermost scope: `"2 (linear 8 to 2)"`. Without a name (`""`) only the line counts:
/// an op that is recorded by a layer of this crate names the line that entered the scope.
///
/// [`Sequential`](crate::nn::Sequential) does this for the modules in it. (JAX's `jax.named_scope`.)
///
/// ```
/// use wengert::{Tape, named_scope};
/// let tape = Tape::<f32>::new();
/// let x = tape.leaf([1.0, 2.0, 3.0]);
/// let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
///     named_scope("encoder", || named_scope("0 (a reshape)", || x.reshape([2, 2])));
/// }));
/// let text = *failed.unwrap_err().downcast::<String>().unwrap();
/// assert!(text.contains("\n  in layer encoder.0 (a reshape)\n  at "), "{text}");
/// ```
#[track_caller]
pub fn named_scope<R>(name: &str, f: impl FnOnce() -> R) -> R {
    let _inside = enter(name, Location::caller());
    f()
}

/// Where an error happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layer {
    /// The names of the scopes, joined by dots.
    pub path: String,
    /// What describes the innermost one; perhaps empty.
    pub description: String,
}

/// The scopes that this thread is in; none if none has a name.
pub(crate) fn layer() -> Option<Layer> {
    SCOPES.with_borrow(|scopes| {
        let ends = scopes.open.iter().skip(1).map(|(start, _)| *start).chain([scopes.names.len()]);
        let mut layer = Layer::default();
        for name in scopes.open.iter().zip(ends).map(|((start, _), end)| &scopes.names[*start..end]).filter(|name| !name.is_empty()) {
            let (name, description) =
                name.split_once(" (").map_or((name, ""), |(name, text)| (name, text.strip_suffix(')').unwrap_or(text)));
            if !layer.path.is_empty() {
                layer.path.push('.');
            }
            layer.path.push_str(name);
            layer.description = description.into();
        }
        (!layer.path.is_empty()).then_some(layer)
    })
}

/// The line that an error names: this one, unless it is of a layer of this crate; then that of the innermost scope that was entered elsewhere.
#[doc(hidden)] // for the training kit, which stands on the public API
pub fn scope_line(at: At) -> At {
    if !is_ours(at) {
        return at;
    }
    SCOPES.with_borrow(|scopes| scopes.open.iter().rev().map(|(_, at)| *at).find(|at| !is_ours(at)).unwrap_or(at))
}

/// Whether a line belongs to the training kit of this crate.
fn is_ours(at: At) -> bool {
    let root = &file!()[..file!().len() - "array/scope.rs".len()];
    at.file().strip_prefix(root).is_some_and(|file| file.starts_with("kit"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_end_with_their_closures_also_by_a_panic() {
        assert!(layer().is_none());
        named_scope("a (first)", || {
            let _ = std::panic::catch_unwind(|| named_scope("b", || panic!("left")));
            named_scope("", || {
                let here = layer().unwrap();
                assert_eq!((&*here.path, &*here.description), ("a", "first"));
            });
            named_scope("c", || {
                let here = layer().unwrap();
                assert_eq!((&*here.path, &*here.description), ("a.c", ""));
            });
        });
        assert!(layer().is_none());
    }

    #[test]
    fn lines_of_others_stay() {
        let at = Location::caller();
        assert_eq!(named_scope("a", || scope_line(at)), at);
    }
}
