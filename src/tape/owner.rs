//! Who owns the cotangents of a sweep. Those of [`Tape::grad`](crate::Tape::grad) stay on the tape ([`Kept`]). Those of
//! [`Tape::backward`](crate::Tape::backward) are thrown away at its end, and large buffers as soon as nothing needs them ([`Discarded`]).
//!
//! Two counts decide when a sweep that throws its nodes away can reuse memory:
//!
//! * A node's `holds` counts the entries of the work list that name it. While a rule has just returned it, it counts one more. At zero the rest of
//!   the sweep does not read the node, and its buffer is released. (On a tape of small arrays alone there is nothing to release, and the count is
//!   not lowered.)
//! * A buffer's `readers` (in [`Slots`](crate::tape::slots::Slots)) counts the nodes that lie in it, views included. The last release gives it back
//!   to the pool, and a buffer is added to in place only while it has one reader.
//!
//! Small arrays have no buffer and need no counts. They are added to in place only if the node `adds`: then a sweep made it to add up
//! cotangents, and no rule has seen it yet.

use crate::array::buffers::Buffer;
use crate::array::error::ShapeError;
use crate::array::scalar::Scalar;
use crate::kernels::elementwise::add_in_place;
use crate::kernels::strided::lay_out;
use crate::tape::Tape;
use crate::tape::node::{NO_COTANGENT, NONE, NodeId};
use crate::tape::record::{List, Mark};
use crate::tape::store::SMALL;

/// What a sweep tells the owner of its cotangents. The defaults keep everything.
pub(super) trait Owner<T: Scalar> {
    /// An entry of the work list becomes this cotangent.
    fn hold(&mut self, _: &mut List<T>, _c: NodeId) {}
    /// The rule of node `id` has returned these. They are held until [`Owner::finish`], since one may be returned for several inputs: it must not
    /// be added to in place for one of them before the others have it.
    fn receive(&mut self, _: &mut List<T>, _id: NodeId, _returned: &[NodeId]) {}
    /// Adds `c` to the cotangent `old` in place, if `old` may change.
    fn add_in_place(&mut self, _: &mut List<T>, _old: NodeId, _c: NodeId) -> bool {
        false
    }
    /// An entry that was `old` (or had no cotangent yet) becomes `new`. Nodes from `first` on were made by the rule that ran last.
    fn replace(&mut self, _: &mut List<T>, _old: NodeId, _new: NodeId, _first: NodeId) {}
    /// All that a rule returned for the cotangent `g` is in the entries.
    fn finish(&mut self, _: &mut List<T>, _g: NodeId, _returned: &[NodeId], _first: NodeId) {}
    /// The sweep is over, perhaps by a panic.
    fn end(&mut self, _: &mut List<T>) {}
    /// Walks down from entry `i` (excluded) by the short way of numbers, as far as it goes. Gives the entry below which rules have to be run.
    fn pass_numbers(&mut self, _: &Tape<T>, _entries: &mut [NodeId], i: usize) -> usize {
        i
    }
}

/// Cotangents stay on the tape, unless a rule panics.
pub(super) struct Kept {
    /// Where the sweep began.
    mark: Mark,
}

impl Kept {
    pub fn new<T: Scalar>(list: &List<T>) -> Kept {
        Kept { mark: list.mark() }
    }
}

impl<T: Scalar> Owner<T> for Kept {
    fn end(&mut self, list: &mut List<T>) {
        if std::thread::panicking() {
            list.rewind(self.mark);
        }
    }
}

/// Cotangents are thrown away.
pub(super) struct Discarded {
    /// The point to which the tape is rewound.
    mark: Mark,
    /// Nodes from here on were made by the sweep. Only these are counted: an older node may be a cotangent of a sweep around this one, whose rule
    /// runs this one.
    first_made: NodeId,
    /// Whether nodes were tracked before, outside of it.
    outer_untracked: bool,
}

impl Discarded {
    pub fn new<T: Scalar>(list: &mut List<T>) -> Discarded {
        let outer_untracked = list.untracked.replace(true);
        Discarded { mark: list.mark(), first_made: list.nodes.len() as NodeId, outer_untracked }
    }
    /// An entry stops naming c. Nodes from `first` on, which the running rule has made, are released by `finish`: a node may be returned
    /// for two inputs.
    pub fn let_go<T: Scalar>(&self, list: &mut List<T>, c: NodeId, first: NodeId) {
        if !self.made(c) {
            return;
        }
        let node = &mut list.nodes[c as usize];
        node.holds -= 1;
        if node.holds == 0 && c < first {
            list.release(c);
        }
    }
    /// Whether a node was made by the sweep.
    pub fn made(&self, id: NodeId) -> bool {
        id >= self.first_made
    }
    /// The values of a large cotangent: its own buffer where nothing else needs it, else a copy. `None` if it is small.
    pub fn take<T: Scalar>(&self, list: &mut List<T>, c: NodeId) -> Option<Buffer<T>> {
        let node = list.nodes[c as usize];
        let layout = list.layout(c);
        let len = layout.numel();
        if len <= SMALL {
            return None;
        }
        let whole = c >= self.first_made && node.holds == 1 && layout.is_contiguous();
        if whole && let Some(buffer) = list.store.take(node.place, len) {
            return Some(buffer);
        }
        let lack = |e: ShapeError| panic!("{}", e.of("backward", [list.layout(c).shape().clone()], node.at));
        let mut buffer = list.store.buffer(len).unwrap_or_else(lack);
        lay_out(list.view(c), &mut buffer);
        Some(buffer)
    }
}

impl<T: Scalar> Owner<T> for Discarded {
    #[inline]
    fn hold(&mut self, list: &mut List<T>, c: NodeId) {
        if self.made(c) {
            list.nodes[c as usize].holds += 1;
        }
    }
    #[inline]
    fn receive(&mut self, list: &mut List<T>, id: NodeId, returned: &[NodeId]) {
        // Nothing in this sweep reads its value again. If it waits, whoever else reads it computes it once more, and then it is stored.
        list.nodes[id as usize].swept = true;
        for c in given(returned) {
            self.hold(list, c);
            let node = &mut list.nodes[c as usize];
            // A rule that runs a sweep of its own may return a sum of that sweep for two inputs, or beside a view of it.
            node.adds = false;
        }
    }
    fn add_in_place(&mut self, list: &mut List<T>, old: NodeId, c: NodeId) -> bool {
        let (a, b) = (&list.nodes[old as usize], &list.nodes[c as usize]);
        if a.holds != 1 || old < self.first_made {
            return false;
        }
        let (to, from, adds) = (a.place, b.place, a.adds);
        let waits = list.waits(old) || list.waits(c);
        if waits || !adds && to.in_arena() {
            return false;
        }
        let settled = list.settle([old, c].into_iter());
        let (la, lb) = (list.layout(old), list.layout(c));
        let len = la.numel();
        let plain = la.is_contiguous() && lb.is_contiguous();
        plain && list.store.add_in_place(to, from, settled, |x, y| add_in_place(&mut x[..len], &y[..len]))
    }
    #[inline]
    fn replace(&mut self, list: &mut List<T>, old: NodeId, new: NodeId, first: NodeId) {
        self.hold(list, new);
        if old != NO_COTANGENT {
            list.nodes[new as usize].adds = true; // a sum
            self.let_go(list, old, first);
        }
    }
    fn finish(&mut self, list: &mut List<T>, g: NodeId, returned: &[NodeId], first: NodeId) {
        given(returned).filter(|&c| self.made(c)).for_each(|c| list.nodes[c as usize].holds -= 1);
        // Small arrays have no buffer of their own to give back.
        if list.store.has_buffers() {
            for n in first..list.nodes.len() as NodeId {
                if list.nodes[n as usize].holds == 0 {
                    list.release(n);
                }
            }
            self.let_go(list, g, first);
        }
    }
    fn end(&mut self, list: &mut List<T>) {
        list.rewind(self.mark);
        list.untracked.set(self.outer_untracked);
    }
    fn pass_numbers(&mut self, tape: &Tape<T>, entries: &mut [NodeId], i: usize) -> usize {
        // A sweep that throws its nodes away visits all nodes: its lowest is 0, so entry i is that of node i.
        tape.write().pass_numbers(self, entries, i)
    }
}

fn given(returned: &[NodeId]) -> impl Iterator<Item = NodeId> + '_ {
    returned.iter().copied().filter(|&c| c != NONE)
}
