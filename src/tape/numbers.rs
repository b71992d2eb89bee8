//! How graphs of numbers are computed: by a short way past shapes, views and rules. (A chain of 3,000 numbers took 344 us without it, and takes
//! 48 us; `src/ops/README.md` has the steps.)
//!
//! A node takes the short way if its op has one ([`NumberOp`](super::op::erase::NumberOp)) and its inputs are single elements of the arena:
//! [`Tape::numbers`]. A sweep that throws its nodes away takes it back over such nodes: [`List::pass_numbers`]. A reader may skip this file: no bit
//! depends on it. [`Tape::fast_ways`] turns it off, and the tests compare.

use crate::array::scalar::Scalar;
use crate::tape::Tape;
use crate::tape::node::{At, NO_COTANGENT, NONE, NodeId, UNWANTED};
use crate::tape::op::erase::{Fixed, NumberOp, OpRef};
use crate::tape::owner::Discarded;
use crate::tape::recall::NUMBER_LAYOUT;
use crate::tape::record::{List, Node, node};
use crate::tape::var::Var;
use std::panic::Location;

impl<T: Scalar> Tape<T> {
    /// Records an op without attributes by the short way, if it and its inputs have one.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn numbers<'t, const N: usize>(&'t self, op: &'static Fixed<T>, inputs: [Var<'t, T>; N]) -> Option<Var<'t, T>> {
        self.short_way(op, op.number?, inputs)
    }
    #[inline]
    #[track_caller]
    fn short_way<'t, const N: usize>(
        &'t self,
        op: &'static Fixed<T>,
        number: &dyn NumberOp<T>,
        inputs: [Var<'t, T>; N],
    ) -> Option<Var<'t, T>> {
        let mut list = self.try_write()?;
        // A plain loop: the adaptors of arrays are not always inlined.
        let (mut ids, mut x, mut tracked) = ([NONE; 3], [T::ZERO; 3], false);
        for k in 0..N {
            if !std::ptr::eq(inputs[k].tape, self) {
                return None;
            }
            let node = &list.nodes[inputs[k].id as usize];
            if node.layout != list.short || !node.place.in_arena() {
                return None;
            }
            ids[k] = inputs[k].id;
            x[k] = list.store.element(node.place);
            tracked |= node.tracked;
        }
        let at = list.at.unwrap_or(Location::caller());
        list.ready(at);
        // The value is stored at once: held across a call it would go to the stack first, and the next node would wait for it (8 cycles).
        let place = list.store.push_number(number.value(x[0], x[1], x[2]), at);
        let (cut, live) = (list.no_grad.get(), list.is_live());
        let y = Node { inputs: ids, arity: N as u32, tracked: tracked && live, cut, ..node(OpRef::Number(op), NUMBER_LAYOUT, place, at) };
        Some(Var::at(self, list.append(y)))
    }
}

impl<T: Scalar> List<T> {
    /// The value of a node that has the short way.
    #[inline(always)]
    fn number(&self, id: NodeId) -> Option<T> {
        let node = &self.nodes[id as usize];
        (node.layout == self.short && node.place.in_arena()).then(|| self.store.element(node.place))
    }
    /// A number that a sweep has computed: nothing else reads its node, and one entry of the sweep is it.
    #[inline(always)]
    fn cotangent(&mut self, x: T, at: At) -> NodeId {
        self.ready(at);
        let place = self.store.push_number(x, at);
        self.append(Node { adds: true, holds: 1, ..node(OpRef::Fixed(Fixed::COTANGENT), NUMBER_LAYOUT, place, at) })
    }
    /// The sum of a cotangent and a number as a new node: others may read the cotangent, so it is not changed.
    #[cold]
    #[inline(never)]
    fn add_apart(&mut self, owner: &Discarded, old: NodeId, x: T, at: At) -> (NodeId, T) {
        let view = self.view(old);
        let sum = view.data[view.offset] + x;
        let c = self.cotangent(sum, at);
        owner.let_go(self, old, c);
        (c, sum)
    }

    /// Walks down from entry `i` (excluded) of a sweep that visits all nodes and throws its own away, as far as the short way leads. Gives the entry
    /// below which there is more to do.
    #[inline(never)]
    pub(super) fn pass_numbers(&mut self, owner: &Discarded, entries: &mut [NodeId], mut i: usize) -> usize {
        // The last cotangent that was made, and its value: most often it is the next one read, and then comes from a register.
        let mut last = (NONE, T::ZERO);
        while i > 0 {
            let id = i - 1;
            let g = entries[id];
            let node = &self.nodes[id];
            if g < UNWANTED && node.arity > 0 && !node.cut {
                let (arity, inputs, at) = (node.arity as usize, node.inputs, node.at);
                let (OpRef::Number(&Fixed { number: Some(op), .. }), 1 | 2) = (node.op, arity) else { return i };
                let y = self.store.element(node.place);
                let known = if g == last.0 { Some(last.1) } else { self.number(g) };
                let Some(g) = known else { return i };
                let [a, b] = [0, arity - 1].map(|k| self.store.element(self.nodes[inputs[k] as usize].place));
                let (ga, gb) = op.cotangents(g, a, b, y);
                for k in 0..arity {
                    let (x, gx) = if k == 0 { (inputs[0], ga) } else { (inputs[1], gb) };
                    let old = entries[x as usize];
                    if old == NO_COTANGENT {
                        last = (self.cotangent(gx, at), gx);
                        entries[x as usize] = last.0;
                    } else if old < UNWANTED && owner.made(old) && self.nodes[old as usize].adds {
                        *self.store.element_mut(self.nodes[old as usize].place) += gx;
                        last = if old == last.0 { (NONE, gx) } else { last };
                    } else if old != UNWANTED {
                        last = self.add_apart(owner, old, gx, at);
                        entries[x as usize] = last.0;
                    }
                }
            }
            i = id;
        }
        0
    }
}
