//! What is said about a likely mistake that is no error? Once, to whoever listens.

use std::sync::{Arc, RwLock};

type Hook = Arc<dyn Fn(&str) + Send + Sync>;

static HOOK: RwLock<Option<Hook>> = RwLock::new(None);

/// Sets what is done with warnings of this crate in place of writing them to standard error. There are few, and each is given once by whatever it is
/// about: an optimizer that steps twice by the same gradients, a sum of gradients that was not begun anew, a loss in [`Fit`](crate::train::Fit) that is not a number, a model that is asked
/// for predictions in training mode. The text has the form of an error's: what, `at` the line, and a `hint` for the remedy.
///
/// ```
/// wengert::set_warning_hook(|text| eprintln!("my program: {text}"));
/// wengert::set_warning_hook(|_| ()); // silence
/// ```
pub fn set_warning_hook(hook: impl Fn(&str) + Send + Sync + 'static) {
    *HOOK.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(Arc::new(hook));
}

/// Gives a warning: to the hook of [`set_warning_hook`], else to standard error.
pub fn emit_warning(text: &str) {
    // Not while it is locked: a hook may set another.
    let hook = HOOK.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
    match hook {
        Some(hook) => hook(text),
        None => eprintln!("warning: {text}"),
    }
}
