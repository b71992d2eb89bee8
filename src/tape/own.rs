//! Who owns the cotangents of a sweep? Those of [`Tape::grad`](crate::Tape::grad) stay on the tape ([`Kept`]); those of
//! [`Tape::backward`](crate::Tape::backward) are thrown away at its end, and large buffers as soon as nothing needs them ([`Thrown`]).
//!
//! Two counts decide when memory is used again by a sweep that throws its nodes away. A node's `holds` says how many entries of its work list
//! are this node, and one more while it lies among what a rule has just returned: a rule that returns the cotangent it was given makes it two. When it falls to zero no later step will read the node, and its buffer is released. A buffer's
//! `readers` (in [`Store`](crate::tape::store::Store)) says how many nodes, views included, lie in it: only the last release gives it back to
//! the pool, and only a buffer of one reader is added to in place. Small arrays have no buffer and need neither: they are added to in place only
//! if the node is a `sum`, which a sweep has made and no rule has seen yet.

use crate::array::buffers::Buffer;
use crate::array::error::ShapeError;
use crate::array::scalar::Scalar;
use crate::kernels::elementwise::add_in_place;
use crate::kernels::strided::lay_out;
use crate::tape::Tape;
use crate::tape::node::{At, NONE, NodeId, OFF_PATH, WAITING};
use crate::tape::record::{Inner, Mark};
use crate::tape::store::SMALL;

/// What a sweep tells the owner of its cotangents.
pub(super) trait Own<T: Scalar> {
    /// An entry of the work list is this cotangent from now on.
    fn hold(&mut self, _: &mut Inner<T>, _c: NodeId) {}
    /// The rule of node `id` has returned these, which are held until [`Own::finish`]: one may stand there for several inputs, and must not be
    /// added to in place for one of them before all have it.
    fn receive(&mut self, _: &mut Inner<T>, _id: NodeId, _returned: &[NodeId]) {}
    /// Adds `c` to the cotangent `old`, if that may change.
    fn add_in_place(&mut self, _: &mut Inner<T>, _old: NodeId, _c: NodeId) -> bool {
        false
    }
    /// An entry that was `old` (or waited) is `new` from now on. What is from `first` on was made by the rule that ran last.
    fn replace(&mut self, _: &mut Inner<T>, _old: NodeId, _new: NodeId, _first: NodeId) {}
    /// All that a rule has returned, for the cotangent `g`, is where it belongs.
    fn finish(&mut self, _: &mut Inner<T>, _g: NodeId, _returned: &[NodeId], _first: NodeId) {}
    /// The sweep is over, perhaps by a panic.
    fn end(&mut self, _: &mut Inner<T>, _entries: &[NodeId]) {}
    /// Walks down from entry `i` (excluded) by the short way of numbers, as far as that leads; gives the entry below which there is more to do.
    fn pass_numbers(&mut self, _: &Tape<T>, _entries: &mut [NodeId], i: usize) -> usize {
        i
    }
}

/// They stay on the tape.
pub(super) struct Kept;
impl<T: Scalar> Own<T> for Kept {}

/// They are thrown away.
pub(super) struct Thrown {
    /// The point to which the tape is rewound.
    mark: Mark,
    /// Nodes from here on were made by the sweep.
    first_own: NodeId,
}

impl Thrown {
    pub fn new<T: Scalar>(inner: &mut Inner<T>) -> Thrown {
        inner.truncating.set(true);
        Thrown { mark: inner.mark(), first_own: inner.nodes.len() as NodeId }
    }
    /// An entry fewer is this cotangent. (What the running rule has made itself, from `first` on, is released by `finish`.)
    fn let_go<T: Scalar>(&self, inner: &mut Inner<T>, c: NodeId, first: NodeId) {
        let node = &mut inner.nodes[c as usize];
        node.holds -= 1;
        if node.holds == 0 && (self.first_own..first).contains(&c) {
            inner.release(c);
        }
    }
    /// The sum of a cotangent that others may read, and that may be an element of an array, and a number.
    #[cold]
    #[inline(never)]
    fn number_of_its_own<T: Scalar>(&self, inner: &mut Inner<T>, old: NodeId, x: T, at: At) -> (NodeId, T) {
        let sum = inner.element(old) + x;
        let c = inner.cotangent(sum, at, 1);
        self.let_go(inner, old, c);
        (c, sum)
    }
    /// The values of a large cotangent: its own buffer where nothing else needs it, else a copy. `None` if it is small.
    pub fn take<T: Scalar>(&self, inner: &mut Inner<T>, c: NodeId) -> Option<Buffer<T>> {
        let node = inner.nodes[c as usize];
        let layout = inner.layout(c);
        let len = layout.numel();
        if len <= SMALL {
            return None;
        }
        let whole = c >= self.first_own && node.holds == 1 && layout.is_contiguous();
        if whole && let Some(buffer) = inner.store.take(node.place, len) {
            return Some(buffer);
        }
        let lack = |e: ShapeError| panic!("{}", e.of("backward", [inner.layout(c).shape().clone()], node.at));
        let mut buffer = inner.store.buffer(len).unwrap_or_else(lack);
        lay_out(inner.view(c), &mut buffer);
        Some(buffer)
    }
}

impl<T: Scalar> Own<T> for Thrown {
    #[inline]
    fn hold(&mut self, inner: &mut Inner<T>, c: NodeId) {
        inner.nodes[c as usize].holds += 1;
    }
    #[inline]
    fn receive(&mut self, inner: &mut Inner<T>, id: NodeId, returned: &[NodeId]) {
        // No rule will read its value again, most likely: a deferred op need not keep it. (A later sweep over the same nodes computes it again.)
        inner.nodes[id as usize].swept = true;
        for c in given(returned) {
            let node = &mut inner.nodes[c as usize];
            node.holds += 1;
            // A rule that sweeps itself may return a sum twice, or a view of it beside it.
            node.sum = false;
        }
    }
    fn add_in_place(&mut self, inner: &mut Inner<T>, old: NodeId, c: NodeId) -> bool {
        let (a, b) = (&inner.nodes[old as usize], &inner.nodes[c as usize]);
        if a.holds != 1 || old < self.first_own {
            return false;
        }
        let (to, from, sum) = (a.place, b.place, a.sum);
        if sum && inner.is_number(old) && inner.is_number(c) {
            let x = inner.store.number(from);
            inner.store.add_to_number(to, x);
            return true;
        }
        let waits = inner.store.later(to).is_some() || inner.store.later(from).is_some();
        if waits || !sum && to.in_arena() {
            return false;
        }
        inner.put_in_order();
        let (la, lb) = (inner.layout(old), inner.layout(c));
        let len = la.numel();
        let plain = la.is_contiguous() && lb.is_contiguous();
        plain && inner.store.add_in_place(to, from, |x, y| add_in_place(&mut x[..len], &y[..len]))
    }
    #[inline]
    fn replace(&mut self, inner: &mut Inner<T>, old: NodeId, new: NodeId, first: NodeId) {
        inner.nodes[new as usize].holds += 1;
        if old != WAITING {
            self.let_go(inner, old, first);
        }
    }
    fn finish(&mut self, inner: &mut Inner<T>, g: NodeId, returned: &[NodeId], first: NodeId) {
        given(returned).for_each(|c| inner.nodes[c as usize].holds -= 1);
        // Small arrays have no buffer of their own to give back.
        if inner.store.has_buffers() {
            for n in first..inner.nodes.len() as NodeId {
                if inner.nodes[n as usize].holds == 0 {
                    inner.release(n);
                }
            }
            self.let_go(inner, g, first);
        }
    }
    fn end(&mut self, inner: &mut Inner<T>, entries: &[NodeId]) {
        // What was there before the sweep counts for later ones.
        for &c in entries.iter().filter(|&&c| c < self.first_own) {
            let holds = &mut inner.nodes[c as usize].holds;
            *holds = holds.saturating_sub(1);
        }
        inner.rewind(self.mark);
        inner.truncating.set(false);
    }
    #[inline(never)]
    fn pass_numbers(&mut self, tape: &Tape<T>, entries: &mut [NodeId], mut i: usize) -> usize {
        // A sweep that throws its nodes away visits all of them: entry i is that of node i.
        let inner = &mut *tape.write();
        // The last cotangent that was made, and its value: most often it is the next that is read, sooner than memory has it.
        let mut last = (NONE, T::ZERO);
        while i > 0 {
            let id = i - 1;
            let g = entries[id];
            let node = &inner.nodes[id];
            if g < OFF_PATH && node.arity > 0 && !node.cut {
                let (arity, inputs, at) = (node.arity as usize, node.inputs, node.at);
                if arity > 2 {
                    return i;
                }
                let known = if g == last.0 { Some(last.1) } else { inner.number(g) };
                let (Some(g), Some(y)) = (known, inner.number(id as NodeId)) else { return i };
                let (Some(a), Some(b)) = (inner.number(inputs[0]), inner.number(inputs[arity - 1])) else { return i };
                let Some((ga, gb)) = inner.op(id as NodeId).number_vjp(g, a, b, y) else { return i };
                for k in 0..arity {
                    let (x, gx) = if k == 0 { (inputs[0], ga) } else { (inputs[1], gb) };
                    let old = entries[x as usize];
                    if old == WAITING {
                        last = (inner.cotangent(gx, at, 1), gx);
                        entries[x as usize] = last.0;
                    } else if old < OFF_PATH && old >= self.first_own && inner.nodes[old as usize].sum {
                        inner.store.add_to_number(inner.nodes[old as usize].place, gx);
                        last = if old == last.0 { (NONE, gx) } else { last };
                    } else if old != OFF_PATH {
                        last = self.number_of_its_own(inner, old, gx, at);
                        entries[x as usize] = last.0;
                    }
                }
            }
            i = id;
        }
        0
    }
}

fn given(returned: &[NodeId]) -> impl Iterator<Item = NodeId> + '_ {
    returned.iter().copied().filter(|&c| c != NONE)
}
