//! How is a node recorded? Its op is asked for the output's shape, its output is computed, and one line is appended to the list.

use crate::array::error::{ShapeError, told};
use crate::array::layout::Layout;
use crate::array::memory::lack;
use crate::array::scalar::Scalar;
use crate::array::view::View;
use crate::tape::grads::Grads;
use crate::tape::leaves::Leaves;
use crate::tape::node::{At, NONE, NodeId, Place};
use crate::tape::op::erase::{AttributedOps, Given, OpRef, Rule};
use crate::tape::op::{Cotangents, Op};
use crate::tape::recall::{LayoutId, Layouts, NUMBER_LAYOUT, OpKey, Placement, Placements, Question};
use crate::tape::slots::{Settled, Waiting};
use crate::tape::store::{Store, StoreMark};
use smallvec::SmallVec;
use std::cell::Cell;

/// As many nodes as a tape has places for.
const MOST_NODES: usize = NONE as usize - 1;

#[cold]
fn too_many(at: At) -> ! {
    let e = ShapeError::new("it holds 2^32 nodes, as many as a tape has places for").hint("call `reset` after each step");
    panic!("{}", e.of("tape", [], at))
}

/// One line of the list (64 bytes).
#[derive(Clone, Copy)]
pub(crate) struct Node<T: Scalar> {
    pub op: OpRef<T>,
    /// Up to three inputs; of more, `inputs[0]` is where they begin in [`List::many`].
    pub inputs: [NodeId; 3],
    pub layout: LayoutId,
    pub place: Place,
    pub at: At,
    pub arity: u32,
    /// A gradient can flow from here to a leaf or parameter.
    pub tracked: bool,
    /// Recorded under `no_grad`: no gradient flows through.
    pub cut: bool,
    /// A sweep that throws its nodes away made this node to add up cotangents in it: nothing else reads it.
    pub adds: bool,
    /// A sweep whose nodes are thrown away has run its rule, and does not read its value again.
    pub swept: bool,
    /// How many entries of a running sweep this node is the cotangent of.
    pub holds: u32,
}

// A cache line: a sweep reads one for each node, and a field more would make it two.
const _: () = assert!(size_of::<Node<f32>>() == 64 && size_of::<Node<f64>>() == 64);

/// A list and all that belongs to it.
pub(crate) struct List<T: Scalar> {
    pub nodes: Vec<Node<T>>,
    /// Inputs of nodes that have more than three.
    many: Vec<NodeId>,
    pub layouts: Layouts,
    placements: Placements,
    pub attributed: AttributedOps<T>,
    pub store: Store<T>,
    pub leaves: Leaves<T>,
    /// How often the tape was reset.
    pub generation: u64,
    /// Nodes that are made now are cut: see [`no_grad`](super::no_grad).
    pub no_grad: Cell<bool>,
    /// Nodes that are made now are not tracked.
    pub untracked: Cell<bool>,
    /// The layout whose nodes take the short way of [`numbers`](super::numbers): that of a number, or none.
    pub short: LayoutId,
    /// The location that nodes take while a rule runs: that of the node it differentiates.
    pub at: Option<At>,
    /// Cotangents returned by rules of many inputs, until the sweep collects them.
    spilled: Vec<NodeId>,
    /// Work lists of sweeps, kept for the next one.
    pub scratch: Vec<Vec<NodeId>>,
    /// Empty gradient stores, kept for the next sweep.
    pub spare_grads: Vec<Grads<T>>,
    pub waiting: Waiting,
}

/// A point to which a tape can be rewound.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    nodes: usize,
    many: usize,
    ops: usize,
    leaves: usize,
    store: StoreMark,
}

impl<T: Scalar> List<T> {
    pub fn new() -> List<T> {
        List {
            nodes: Vec::new(),
            many: Vec::new(),
            layouts: Layouts::new(),
            placements: Placements::new(),
            attributed: AttributedOps::new(),
            store: Store::new(),
            leaves: Leaves::new(),
            generation: 0,
            no_grad: Cell::new(false),
            untracked: Cell::new(false),
            short: NUMBER_LAYOUT,
            at: None,
            spilled: Vec::new(),
            scratch: Vec::new(),
            spare_grads: Vec::new(),
            waiting: Waiting::new(),
        }
    }

    /// Drops a reader of this node's value; the last one gives its buffer back.
    pub fn release(&mut self, id: NodeId) {
        self.store.release(self.nodes[id as usize].place);
    }

    /// Empties the list and keeps its memory.
    pub fn clear(&mut self) {
        self.nodes.clear();
        self.many.clear();
        self.attributed.len = 0;
        self.leaves.len = 0;
        self.store.clear();
        self.generation += 1;
        // A rule that panicked may have left these.
        self.spilled.clear();
        self.untracked.set(false);
        self.at = None;
        self.no_grad.set(false);
        self.waiting.clear();
        // A program of ever new shapes must not grow for ever.
        if self.layouts.len() > 1 << 16 {
            self.layouts = Layouts::new();
            self.placements = Placements::new();
        }
    }

    pub fn inputs(&self, id: NodeId) -> &[NodeId] {
        let node = &self.nodes[id as usize];
        match node.arity as usize {
            n @ 0..=3 => &node.inputs[..n],
            n => &self.many[node.inputs[0] as usize..][..n],
        }
    }
    pub fn layout(&self, id: NodeId) -> &Layout {
        self.layouts.get(self.nodes[id as usize].layout)
    }
    pub fn view(&self, id: NodeId) -> View<'_, T> {
        let settled = self.settle(std::iter::once(id));
        let node = &self.nodes[id as usize];
        let layout = self.layouts.get(node.layout);
        View { data: self.store.arrays(settled).data(node.place), offset: node.place.offset as usize, layout }
    }
    pub fn op(&self, id: NodeId) -> &dyn Op<T> {
        match self.nodes[id as usize].op {
            OpRef::Fixed(fixed) | OpRef::Number(fixed) => fixed.op,
            OpRef::Attributed(i) => &*self.attributed.get(i).0,
        }
    }
    /// An op that outlives this borrow.
    #[inline]
    pub fn rule(&self, id: NodeId) -> Rule<T> {
        match self.nodes[id as usize].op {
            OpRef::Fixed(fixed) | OpRef::Number(fixed) => Rule::Fixed(fixed.op),
            OpRef::Attributed(i) => Rule::Shared(self.attributed.get(i).0.clone()),
        }
    }

    /// Whether gradients can flow through nodes that are made now.
    #[inline(always)]
    pub fn is_live(&self) -> bool {
        !self.no_grad.get() && !self.untracked.get()
    }

    /// Records an op. (Inlined, so that nothing is asked about an op without attributes: 26 instructions a node.)
    #[inline(always)]
    pub fn record(&mut self, op: Given<'_, T>, inputs: &[NodeId], at: At) -> Result<NodeId, ShapeError> {
        let (op, key) = match op {
            Given::Fixed(fixed) => return self.push(OpRef::Fixed(fixed), fixed.op, fixed.key(), inputs, at),
            Given::New(op) => self.attributed.put(op),
            Given::Again(op, key) => self.attributed.put_shared(op, key),
        };
        let id = self.push(OpRef::Attributed(self.attributed.len as u32), &*op, key, inputs, at)?;
        self.attributed.len += 1;
        Ok(id)
    }

    fn push(&mut self, r: OpRef<T>, op: &dyn Op<T>, key: OpKey, inputs: &[NodeId], at: At) -> Result<NodeId, ShapeError> {
        let at = self.at.unwrap_or(at);
        self.ready(at);
        let placement = match self.placement(op, key, inputs) {
            Ok(p) => p,
            Err(e) => return Err(self.refusal(e, op, inputs, at)),
        };
        let tracked = self.is_live() && inputs.iter().any(|&i| self.nodes[i as usize].tracked);
        let place = match placement.alias {
            Some(by) => {
                let place = self.nodes[inputs[0] as usize].place.moved(by);
                self.store.retain(place);
                place
            }
            None if self.can_wait(op, inputs, placement.layout) => self.wait(inputs, placement.layout),
            None => {
                let settled = self.settle(inputs.iter().copied());
                match self.forward(op, inputs, settled, placement.layout) {
                    Ok(place) => place,
                    Err(e) => return Err(self.refusal(e, op, inputs, at)),
                }
            }
        };
        let mut ids = [NONE; 3];
        if inputs.len() <= 3 {
            ids[..inputs.len()].copy_from_slice(inputs);
        } else {
            ids[0] = self.many.len() as NodeId;
            self.many.extend_from_slice(inputs);
        }
        let arity = inputs.len() as u32;
        Ok(self.append(Node { inputs: ids, arity, tracked, cut: self.no_grad.get(), ..node(r, placement.layout, place, at) }))
    }

    /// Room for more nodes, or a panic that can be caught. There is never room for more than a tape has places for.
    #[cold]
    #[inline(never)]
    fn make_room(&mut self, at: At) {
        let more = self.nodes.len().max(64).min(MOST_NODES - self.nodes.len());
        if more == 0 {
            too_many(at);
        }
        if self.nodes.try_reserve_exact(more).is_err() {
            panic!("{}", lack(self.nodes.len() + more, size_of::<Node<T>>()).of("tape", [], at));
        }
    }

    /// Makes room for a node, or panics: before anything of the node is made, so that no value is stored for a node that never comes.
    #[inline(always)]
    pub(super) fn ready(&mut self, at: At) {
        if self.nodes.len() == self.nodes.capacity() {
            self.make_room(at);
        }
    }

    /// The caller has called [`List::ready`].
    #[inline(always)]
    pub(super) fn append(&mut self, node: Node<T>) -> NodeId {
        let id = self.nodes.len();
        self.nodes.push(node);
        id as NodeId
    }

    fn placement(&mut self, op: &dyn Op<T>, key: OpKey, inputs: &[NodeId]) -> Result<Placement, ShapeError> {
        if inputs.len() > 3 {
            return self.ask(op, inputs);
        }
        let layout = |k: usize| inputs.get(k).map_or(NONE, |&i| self.nodes[i as usize].layout) as u64;
        let question = Question { op: key, first: layout(0) | layout(1) << 32, last: layout(2) };
        if let Some(known) = self.placements.find(&question) {
            return Ok(known);
        }
        let placement = self.ask(op, inputs)?;
        self.placements.insert(question, placement);
        Ok(placement)
    }

    fn forward(&mut self, op: &dyn Op<T>, inputs: &[NodeId], settled: Settled, layout: LayoutId) -> Result<Place, ShapeError> {
        let List { store, nodes, layouts, .. } = self;
        let run = || {
            let place = store.compute(layouts.get(layout).numel(), settled, |arrays, y| {
                let view = |i: NodeId| {
                    let node = &nodes[i as usize];
                    View { data: arrays.data(node.place), offset: node.place.offset as usize, layout: layouts.get(node.layout) }
                };
                match *inputs {
                    [a] => op.forward(&[view(a)], y),
                    [a, b] => op.forward(&[view(a), view(b)], y),
                    [a, b, c] => op.forward(&[view(a), view(b), view(c)], y),
                    _ => op.forward(&inputs.iter().map(|&i| view(i)).collect::<SmallVec<[View<'_, T>; 16]>>(), y),
                }
            });
            place.map_err(|e| e.about(layouts.get(layout).shape()))
        };
        told("forward", run)?
    }

    pub fn mark(&self) -> Mark {
        Mark { nodes: self.nodes.len(), many: self.many.len(), ops: self.attributed.len, leaves: self.leaves.len, store: self.store.mark() }
    }

    pub fn rewind(&mut self, to: Mark) {
        self.nodes.truncate(to.nodes);
        self.many.truncate(to.many);
        self.attributed.len = to.ops;
        self.leaves.len = to.leaves;
        self.store.rewind(to.store);
    }

    /// Keeps the cotangents that a rule of more than three inputs returns, and tells where they begin.
    pub fn spill(&mut self, ids: &[NodeId]) -> u32 {
        let start = self.spilled.len() as u32;
        self.spilled.extend_from_slice(ids);
        start
    }

    /// The cotangents that a rule returned, one for each input; padded with `NONE` to three.
    #[inline]
    pub fn collect(&mut self, returned: Cotangents<'_, T>) -> SmallVec<[NodeId; 16]> {
        match returned.unpack() {
            (few, NONE) => SmallVec::from_slice(&few),
            (_, start) => self.spilled.drain(start as usize..).collect(),
        }
    }
}

/// A node, as yet without inputs and without a gradient.
#[inline(always)]
pub(super) fn node<T: Scalar>(op: OpRef<T>, layout: LayoutId, place: Place, at: At) -> Node<T> {
    Node { op, inputs: [NONE; 3], layout, place, at, arity: 0, tracked: false, cut: false, adds: false, swept: false, holds: 0 }
}
