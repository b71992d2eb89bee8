//! Which nodes carry no gradient? Those that are recorded in [`Tape::no_grad`], and those of a sweep that throws its nodes away.

use crate::array::scalar::Scalar;
use crate::tape::Tape;
use crate::tape::var::Var;

impl<T: Scalar> Tape<T> {
    /// Runs a closure whose operations carry no gradient.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf(3.0);
    /// let y = x * tape.no_grad(|| x * x); // the square counts as a constant
    /// assert_eq!(tape.backward(y).wrt(x).unwrap().first(), Some(&9.0));
    /// ```
    pub fn no_grad<R>(&self, f: impl FnOnce() -> R) -> R {
        let _restore = self.recording(true, self.read().truncating.get());
        f()
    }
    /// Sets what holds for nodes that are recorded, until the result is dropped.
    fn recording(&self, no_grad: bool, truncating: bool) -> Restore<'_, T> {
        let list = self.read();
        Restore { tape: self, no_grad: list.no_grad.replace(no_grad), truncating: list.truncating.replace(truncating) }
    }
    /// Writes a formula that is swept at once, also under [`Tape::no_grad`]: its nodes are not cut off from one another, and not tracked there.
    pub(super) fn uncut<'t>(&'t self, formula: &dyn Fn() -> Var<'t, T>) -> Var<'t, T> {
        if !self.read().no_grad.get() {
            return formula();
        }
        let _restore = self.recording(false, true);
        formula()
    }
}

/// Puts back, when it is dropped, what holds for nodes that are recorded.
struct Restore<'t, T: Scalar> {
    tape: &'t Tape<T>,
    no_grad: bool,
    truncating: bool,
}

impl<T: Scalar> Drop for Restore<'_, T> {
    fn drop(&mut self) {
        // A shared borrow suffices, since the closure may have returned a borrowed value.
        if let Ok(list) = self.tape.list.try_borrow() {
            list.no_grad.set(self.no_grad);
            list.truncating.set(self.truncating);
        }
    }
}
