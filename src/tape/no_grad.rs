//! Which nodes carry no gradient? Two things are asked of a node, and two switches of the list answer for the nodes that are made now:
//!
//! | | means | is set |
//! |---|---|---|
//! | a node is `tracked` | it leads to a leaf or parameter: [`Tape::backward`](crate::Tape::backward) goes there | at a leaf, and from input to output, unless one of the switches is on |
//! | a node is `cut` | no gradient passes, nor does that of [`Tape::grad`](crate::Tape::grad) | where `no_grad` is on |
//! | `no_grad` is on | new nodes are cut and untracked | in [`Tape::no_grad`], but for the rules that run in it |
//! | `untracked` is on | new nodes are untracked | in a sweep whose nodes are thrown away, and in rules under `no_grad` |

use crate::array::scalar::Scalar;
use crate::tape::Tape;
use crate::tape::node::{At, NodeId};
use crate::tape::op::erase::Rule;
use crate::tape::record::List;

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
        let _restore = self.cut();
        f()
    }
    /// Whether operations carry a gradient now: false inside [`Tape::no_grad`]. (`torch.is_grad_enabled`.)
    ///
    /// ```
    /// let tape = wengert::Tape::<f32>::new();
    /// assert!(tape.is_grad_enabled() && !tape.no_grad(|| tape.is_grad_enabled()));
    /// ```
    pub fn is_grad_enabled(&self) -> bool {
        !self.read().no_grad.get()
    }
    /// [`Tape::no_grad`] until the result is dropped.
    pub(crate) fn cut(&self) -> Restore<'_, T> {
        Restore { tape: self, no_grad: self.read().no_grad.replace(true) }
    }
}

/// Puts the switch back when it is dropped.
pub(crate) struct Restore<'t, T: Scalar> {
    tape: &'t Tape<T>,
    no_grad: bool,
}

impl<T: Scalar> Drop for Restore<'_, T> {
    fn drop(&mut self) {
        // A shared borrow suffices, since the closure may have returned a borrowed value.
        if let Ok(list) = self.tape.list.try_borrow() {
            list.no_grad.set(self.no_grad);
        }
    }
}

/// What holds for nodes that are made now.
#[derive(Clone, Copy)]
pub(super) struct Recording {
    /// The location that they take, if not their caller's.
    at: Option<At>,
    no_grad: bool,
    untracked: bool,
}

impl<T: Scalar> List<T> {
    pub(super) fn recording(&self) -> Recording {
        Recording { at: self.at, no_grad: self.no_grad.get(), untracked: self.untracked.get() }
    }
    pub(super) fn restore(&mut self, to: Recording) {
        self.at = to.at;
        self.no_grad.set(to.no_grad);
        self.untracked.set(to.untracked);
    }
    /// The rule of a node, which is run next. Its nodes take the location of that node. They are not cut before it ends, not even under `no_grad`: it
    /// may sweep over them.
    #[inline]
    pub(super) fn enter_rule(&mut self, id: NodeId) -> Rule<T> {
        self.at = Some(self.nodes[id as usize].at);
        if self.no_grad.replace(false) {
            self.untracked.set(true);
        }
        self.rule(id)
    }
    /// It has run. Nodes from `first` on are its own.
    #[inline]
    pub(super) fn leave_rule(&mut self, outer: Recording, first: NodeId) {
        self.restore(outer);
        if outer.no_grad {
            self.nodes[first as usize..].iter_mut().for_each(|node| node.cut = true);
        }
    }
}
