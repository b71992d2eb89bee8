//! What is recorded? A [`Tape`] is a Wengert list: nodes in the order of their computation, so that each one's inputs lie before it.

use crate::buffers::{Mark as StoreMark, Place, Stats, Store};
use crate::error::ShapeError;
use crate::layout::{Layout, Shape};
use crate::op::{Cotangents, Op, View, Vjp};
use crate::ops::{Erase, Listed, erase};
use crate::param::{Grads, Param};
use crate::recall::{LayoutId, Layouts, NUMBER, OpKey, OpTable, Placement, Placements, Question, type_key};
use crate::scalar::Scalar;
use crate::var::{Source, Var};
use smallvec::SmallVec;
use std::cell::{Cell, RefCell, RefMut};
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

pub(crate) type NodeId = u32;
/// No node.
pub(crate) const NONE: NodeId = u32::MAX;

/// Where in the user's source a node was made.
pub(crate) type At = &'static Location<'static>;

/// Which op a node is.
///
/// Ops without attributes are types of size zero: one static reference says it all. The others lie in the tape's [`OpTable`].
#[derive(Clone, Copy)]
pub(crate) enum OpRef<T: Scalar> {
    Static(&'static dyn Op<T>),
    Table(u32),
}

/// One line of the list (64 bytes).
#[derive(Clone, Copy)]
pub(crate) struct Node<T: Scalar> {
    pub op: OpRef<T>,
    /// Up to three inputs; of more, `inputs[0]` is where they begin in [`Inner::many`].
    pub inputs: [NodeId; 3],
    pub layout: LayoutId,
    pub place: Place,
    pub at: At,
    pub arity: u16,
    /// A gradient can flow from here to a leaf or parameter.
    pub tracked: bool,
    /// Recorded under `no_grad`: no gradient flows through.
    pub cut: bool,
    /// Whether a sweep made this node to add up cotangents, so that nothing else reads it.
    pub sum: bool,
    /// How many cotangent entries of a running sweep are this node.
    pub holds: u32,
}

pub(crate) struct Inner<T: Scalar> {
    pub nodes: Vec<Node<T>>,
    /// Inputs of nodes that have more than three.
    many: Vec<NodeId>,
    pub layouts: Layouts,
    placements: Placements,
    table: OpTable<T>,
    pub store: Store<T>,
    /// Tracked leaves and the parameters they stand for.
    pub leaves: Vec<(NodeId, Option<Param<T>>)>,
    /// Nodes that are made now carry no gradient at all (`no_grad`).
    pub no_grad: Cell<bool>,
    /// A sweep runs whose nodes are thrown away at its end.
    pub truncating: bool,
    /// The location that nodes take while a rule runs: that of the node it differentiates.
    pub at: Option<At>,
    /// Cotangents returned by rules of many inputs, until the sweep collects them.
    spilled: Vec<NodeId>,
    /// Work lists of sweeps, kept for the next one.
    pub scratch: Vec<Vec<NodeId>>,
    /// Empty gradient stores, kept for the next sweep.
    pub spare_grads: Vec<Grads<T>>,
}

/// A point to which a tape can be rewound.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    nodes: usize,
    many: usize,
    table: usize,
    leaves: usize,
    store: StoreMark,
}

impl<T: Scalar> Inner<T> {
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
        let node = &self.nodes[id as usize];
        let layout = self.layouts.get(node.layout);
        View { data: self.store.reader().data(node.place), offset: node.place.offset as usize, layout }
    }
    pub fn op(&self, id: NodeId) -> &dyn Op<T> {
        match self.nodes[id as usize].op {
            OpRef::Static(op) => op,
            OpRef::Table(i) => &**self.table.get(i),
        }
    }
    /// A handle on an op that outlives this borrow.
    pub fn shared_op(&self, index: u32) -> Arc<dyn Op<T>> {
        self.table.get(index).clone()
    }

    /// Records an op, whose type `erase` forgets.
    pub fn record<O: Op<T> + PartialEq>(&mut self, op: O, inputs: &[NodeId], at: At, erase: &Erase<T, O>) -> Result<NodeId, ShapeError> {
        if size_of::<O>() == 0 {
            let op = (erase.to_static)(op);
            return self.push(OpRef::Static(op), op, type_key::<O>(), inputs, at);
        }
        let (op, serial) = self.table.put(op, erase);
        let id = self.push(OpRef::Table(self.table.len as u32), &*op, serial, inputs, at)?;
        self.table.len += 1;
        Ok(id)
    }

    /// Whether a node is one number in the arena.
    #[inline(always)]
    pub fn is_number(&self, id: NodeId) -> bool {
        let node = &self.nodes[id as usize];
        node.layout == NUMBER && node.place.in_arena()
    }

    /// The value of such a node.
    #[inline(always)]
    pub fn number(&self, id: NodeId) -> Option<T> {
        let node = &self.nodes[id as usize];
        self.is_number(id).then(|| self.store.number(node.place))
    }

    /// A number that a sweep has computed, whose node nothing else reads; `holds` entries of the sweep are it.
    #[inline(always)]
    pub fn cotangent(&mut self, x: T, at: At, holds: u32) -> NodeId {
        let place = self.store.push_number(x);
        self.append(Node { sum: true, holds, ..leaf_node(&Leaf("cotangent"), NUMBER, place, at) })
    }

    fn push(&mut self, r: OpRef<T>, op: &dyn Op<T>, key: OpKey, inputs: &[NodeId], at: At) -> Result<NodeId, ShapeError> {
        let at = self.at.unwrap_or(at);
        let placement = match self.placement(op, key, inputs) {
            Ok(p) => p,
            Err(e) => return Err(e.of(op.name(), inputs.iter().map(|&i| self.layout(i).shape().clone()), at)),
        };
        let live = !self.no_grad.get() && !self.truncating;
        let tracked = live && inputs.iter().any(|&i| self.nodes[i as usize].tracked);
        let place = match placement.alias {
            Some(by) => {
                let place = self.nodes[inputs[0] as usize].place.moved(by);
                self.store.retain(place);
                place
            }
            None => self.forward(op, inputs, placement.layout),
        };
        let mut ids = [NONE; 3];
        if inputs.len() <= 3 {
            ids[..inputs.len()].copy_from_slice(inputs);
        } else {
            ids[0] = self.many.len() as NodeId;
            self.many.extend_from_slice(inputs);
        }
        let arity = u16::try_from(inputs.len()).expect("an op has at most 65535 inputs");
        Ok(self.append(Node {
            op: r,
            inputs: ids,
            layout: placement.layout,
            place,
            at,
            arity,
            tracked,
            cut: self.no_grad.get(),
            sum: false,
            holds: 0,
        }))
    }

    #[inline(always)]
    fn append(&mut self, node: Node<T>) -> NodeId {
        let id = self.nodes.len();
        assert!(id < NONE as usize - 1, "the tape holds 2^32 nodes: call reset()");
        self.nodes.push(node);
        id as NodeId
    }

    fn placement(&mut self, op: &dyn Op<T>, key: OpKey, inputs: &[NodeId]) -> Result<Placement, ShapeError> {
        if inputs.len() > 3 {
            return self.ask(op, inputs);
        }
        let layout = |k: usize| inputs.get(k).map_or(NONE, |&i| self.nodes[i as usize].layout) as u64;
        let question = Question { op: key, first: layout(0) | layout(1) << 32, last: layout(2) };
        match self.placements.slot(&question) {
            Some((known, placement)) if *known == question => Ok(*placement),
            _ => {
                let placement = self.ask(op, inputs)?;
                *self.placements.slot(&question) = Some((question, placement));
                Ok(placement)
            }
        }
    }

    #[cold]
    fn ask(&mut self, op: &dyn Op<T>, inputs: &[NodeId]) -> Result<Placement, ShapeError> {
        let shape = op.shape(&inputs.iter().map(|&i| self.layout(i).shape()).collect::<SmallVec<[&Shape; 8]>>())?;
        if shape.len() > 64 {
            return Err(ShapeError::new(format!("an array of {} axes; at most 64 are possible", shape.len())));
        }
        let alias = inputs.first().and_then(|&i| op.alias(self.layout(i), &shape));
        let (layout, alias) = match alias {
            Some((strides, by)) => (Layout::new(shape, strides), Some(by)),
            None => (Layout::contiguous(shape), None),
        };
        Ok(Placement { layout: self.layouts.intern(layout), alias })
    }

    fn forward(&mut self, op: &dyn Op<T>, inputs: &[NodeId], layout: LayoutId) -> Place {
        let Inner { store, nodes, layouts, .. } = self;
        store.build(layouts.get(layout).numel(), |arrays, y| {
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
        })
    }

    fn leaf(&mut self, op: &'static dyn Op<T>, shape: &[usize], place: Place, tracked: bool, at: At) -> NodeId {
        let layout = self.layouts.contiguous(shape);
        let tracked = tracked && !self.no_grad.get() && !self.truncating;
        self.append(Node { tracked, ..leaf_node(op, layout, place, self.at.unwrap_or(at)) })
    }

    pub fn mark(&self) -> Mark {
        Mark { nodes: self.nodes.len(), many: self.many.len(), table: self.table.len, leaves: self.leaves.len(), store: self.store.mark() }
    }

    pub fn rewind(&mut self, to: Mark) {
        self.nodes.truncate(to.nodes);
        self.many.truncate(to.many);
        self.table.len = to.table;
        self.leaves.truncate(to.leaves);
        self.store.rewind(to.store);
    }

    /// The cotangents that a rule of more than three inputs returned.
    pub fn unspill(&mut self, start: u32) -> SmallVec<[NodeId; 16]> {
        self.spilled.drain(start as usize..).collect()
    }
}

/// A node without inputs and without a gradient.
#[inline(always)]
fn leaf_node<T: Scalar>(op: &'static dyn Op<T>, layout: LayoutId, place: Place, at: At) -> Node<T> {
    Node { op: OpRef::Static(op), inputs: [NONE; 3], layout, place, at, arity: 0, tracked: false, cut: false, sum: false, holds: 0 }
}

/// The op of a node without inputs; its name says what it stands for.
#[derive(Debug)]
struct Leaf(&'static str);

impl<T: Scalar> Op<T> for Leaf {
    fn name(&self) -> &'static str {
        self.0
    }
    fn shape(&self, _: &[&Shape]) -> Result<Shape, ShapeError> {
        Err(ShapeError::new("a leaf is not computed"))
    }
    fn forward(&self, _: &[View<'_, T>], _: &mut [T]) {}
    fn vjp<'t>(&self, _: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        Cotangents::none()
    }
}

/// A list of the operations that were computed, on which gradients are found.
///
/// Values go in as leaves ([`Tape::leaf`], [`Tape::constant`], [`Tape::param`]), operations on [`Var`]s append nodes, and
/// [`Tape::backward`] and [`Tape::grad`] walk back over them. A tape belongs to one thread at a time. [`Tape::reset`] empties it and
/// keeps its memory, so that a training loop allocates nothing after its first step.
///
/// ```
/// let tape = wengert::Tape::<f64>::new();
/// let x = tape.leaf([1.0, 2.0]);
/// let y = (x * x).sum();
/// assert_eq!(tape.backward(y).wrt(x).unwrap().as_slice(), Some(&[2.0, 4.0][..]));
/// ```
///
/// A `Var` cannot outlive a reset:
/// ```compile_fail
/// let mut tape = wengert::Tape::<f64>::new();
/// let x = tape.leaf(1.0);
/// tape.reset();
/// println!("{}", x.item());
/// ```
pub struct Tape<T: Scalar = f32> {
    inner: RefCell<Inner<T>>,
}

impl<T: Scalar> Default for Tape<T> {
    fn default() -> Self {
        Tape::new()
    }
}

impl<T: Scalar> Tape<T> {
    /// An empty tape.
    pub fn new() -> Tape<T> {
        Tape {
            inner: RefCell::new(Inner {
                nodes: Vec::new(),
                many: Vec::new(),
                layouts: Layouts::new(),
                placements: Placements::new(),
                table: OpTable::new(),
                store: Store::new(),
                leaves: Vec::new(),
                no_grad: Cell::new(false),
                truncating: false,
                at: None,
                spilled: Vec::new(),
                scratch: Vec::new(),
                spare_grads: Vec::new(),
            }),
        }
    }

    pub(crate) fn read(&self) -> std::cell::Ref<'_, Inner<T>> {
        self.inner.borrow()
    }
    #[track_caller]
    pub(crate) fn write(&self) -> RefMut<'_, Inner<T>> {
        match self.inner.try_borrow_mut() {
            Ok(inner) => inner,
            Err(_) => panic!(
                "the tape cannot record while a borrowed value (`Var::value`) is alive\n  at {}\n  hint: drop it first, or use `to_array()`",
                Location::caller()
            ),
        }
    }

    #[track_caller]
    fn new_leaf(&self, kind: &'static Leaf, values: impl Source<T>, tracked: bool) -> Var<'_, T> {
        let at = Location::caller();
        let id = values.visit(|shape, values| {
            let mut inner = self.write();
            let place = match values {
                [x] => inner.store.push_number(*x),
                _ => inner.store.build(values.len(), |_, y| y.copy_from_slice(values)),
            };
            let id = inner.leaf(kind, shape, place, tracked, at);
            if inner.nodes[id as usize].tracked {
                inner.leaves.push((id, None));
            }
            id
        });
        Var::at(self, id)
    }

    /// A number, without a gradient.
    #[track_caller]
    pub(crate) fn number(&self, x: T) -> Var<'_, T> {
        let at = Location::caller();
        let mut inner = self.write();
        let place = inner.store.push_number(x);
        let id = inner.leaf(&Leaf("constant"), &[], place, false, at);
        drop(inner);
        Var::at(self, id)
    }

    /// A value whose gradient may be asked for: an ndarray array or view, a slice, a `Vec`, a fixed-size array or a number.
    #[track_caller]
    pub fn leaf(&self, values: impl Source<T>) -> Var<'_, T> {
        self.new_leaf(&Leaf("leaf"), values, true)
    }

    /// A value that [`Tape::backward`] does not differentiate: data, targets, masks.
    #[track_caller]
    pub fn constant(&self, values: impl Source<T>) -> Var<'_, T> {
        self.new_leaf(&Leaf("constant"), values, false)
    }

    /// A parameter's current value. Large ones are shared without a copy; using one twice in a step gives the same `Var`.
    #[track_caller]
    pub fn param(&self, param: &Param<T>) -> Var<'_, T> {
        let at = Location::caller();
        let mut inner = self.write();
        let known = inner.leaves.iter().find(|(_, p)| p.as_ref().is_some_and(|p| p.is(param)));
        if let Some(&(id, _)) = known {
            return Var::at(self, id);
        }
        let place = match param.shape().numel() {
            n if n <= crate::buffers::SMALL => inner.store.build(n, |_, y| param.with(|values| y.copy_from_slice(values))),
            _ => inner.store.share(param.shared()),
        };
        let id = inner.leaf(&Leaf("param"), param.shape(), place, true, at);
        if inner.nodes[id as usize].tracked {
            inner.leaves.push((id, Some(param.clone())));
        }
        Var::at(self, id)
    }

    /// Records any op, built-in or the user's own, on `Var`s of this tape.
    ///
    /// # Panics
    /// With the text of the [`ShapeError`] that [`Tape::try_apply`] returns.
    #[track_caller]
    pub fn apply<'t, O: Op<T> + PartialEq>(&'t self, op: O, inputs: &[Var<'t, T>]) -> Var<'t, T> {
        match self.try_apply(op, inputs) {
            Ok(y) => y,
            Err(e) => panic!("{e}"),
        }
    }

    /// Records an op, or says why it does not fit; nothing is changed then, and the tape goes on working.
    #[track_caller]
    pub fn try_apply<'t, O: Op<T> + PartialEq>(&'t self, op: O, inputs: &[Var<'t, T>]) -> Result<Var<'t, T>, ShapeError> {
        self.try_record(op, inputs, &erase())
    }

    #[track_caller]
    fn try_record<'t, O: Op<T> + PartialEq>(&'t self, op: O, inputs: &[Var<'t, T>], erase: &Erase<T, O>) -> Result<Var<'t, T>, ShapeError> {
        let at = Location::caller();
        let mut few = [NONE; 3];
        if !self.owns(inputs) {
            return Err(foreign(op.name(), inputs, at));
        }
        let many: SmallVec<[NodeId; 16]>;
        let ids = match inputs.len() {
            n @ 0..=3 => {
                for k in 0..n {
                    few[k] = inputs[k].id;
                }
                &few[..n]
            }
            _ => {
                many = ids(inputs);
                &many[..]
            }
        };
        let mut inner = self.write();
        let id = inner.record(op, ids, at, erase);
        drop(inner);
        id.map(|id| Var::at(self, id))
    }

    fn owns(&self, inputs: &[Var<'_, T>]) -> bool {
        inputs.iter().all(|v| std::ptr::eq(v.tape, self))
    }

    /// Records a built-in op of any number of inputs.
    #[track_caller]
    pub(crate) fn listed<'t, O: Op<T> + PartialEq + Listed>(&'t self, op: O, inputs: &[Var<'t, T>]) -> Var<'t, T> {
        match self.try_record(op, inputs, &T::erase()) {
            Ok(y) => y,
            Err(e) => panic!("{e}"),
        }
    }

    /// Records an op of `N <= 3` inputs for the methods of `Var` and the rules, with a short way for numbers.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn op<'t, O: Op<T> + PartialEq, const N: usize>(
        &'t self,
        op: O,
        inputs: [Var<'t, T>; N],
        erase: &Erase<T, O>,
    ) -> Var<'t, T> {
        match self.number_op(op, inputs, erase) {
            Ok(y) => y,
            Err(op) => match self.try_record(op, &inputs, erase) {
                Ok(y) => y,
                Err(e) => panic!("{e}"),
            },
        }
    }

    /// Records an elementwise op without attributes if its inputs are numbers of this tape, or gives it back: the path of graphs of
    /// numbers, which are all overhead.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn number_op<'t, O: Op<T>, const N: usize>(
        &'t self,
        op: O,
        inputs: [Var<'t, T>; N],
        erase: &Erase<T, O>,
    ) -> Result<Var<'t, T>, O> {
        if size_of::<O>() != 0 || !inputs.iter().all(|v| std::ptr::eq(v.tape, self)) {
            return Err(op);
        }
        let Ok(mut inner) = self.inner.try_borrow_mut() else { return Err(op) };
        // A plain loop: the array adaptors are not always inlined, and a call costs more than the node.
        let (mut ids, mut values, mut tracked) = ([NONE; 3], [T::ZERO; 3], false);
        for k in 0..N {
            let node = &inner.nodes[inputs[k].id as usize];
            if node.layout != NUMBER || !node.place.in_arena() {
                return Err(op);
            }
            ids[k] = inputs[k].id;
            values[k] = inner.store.number(node.place);
            tracked |= node.tracked;
        }
        let Some(y) = op.number(values) else { return Err(op) };
        let op = (erase.to_static)(op);
        let place = inner.store.push_number(y);
        let node = Node {
            op: OpRef::Static(op),
            inputs: ids,
            layout: NUMBER,
            place,
            at: inner.at.unwrap_or(Location::caller()),
            arity: N as u16,
            tracked: tracked && !inner.no_grad.get() && !inner.truncating,
            cut: inner.no_grad.get(),
            sum: false,
            holds: 0,
        };
        Ok(Var::at(self, inner.append(node)))
    }

    /// Runs a closure whose operations carry no gradient.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf(3.0);
    /// let y = x * tape.no_grad(|| x * x); // the square counts as a constant
    /// assert_eq!(tape.backward(y).wrt(x).unwrap().first(), Some(&9.0));
    /// ```
    pub fn no_grad<R>(&self, f: impl FnOnce() -> R) -> R {
        struct Restore<'t, T: Scalar>(&'t Tape<T>, bool);
        impl<T: Scalar> Drop for Restore<'_, T> {
            fn drop(&mut self) {
                // A shared borrow suffices, since the closure may have returned a borrowed value.
                if let Ok(inner) = self.0.inner.try_borrow() {
                    inner.no_grad.set(self.1);
                }
            }
        }
        let _restore = Restore(self, self.read().no_grad.replace(true));
        f()
    }

    /// Empties the tape and keeps its memory for the next step. No `Var` can be alive: the borrow checker sees to that.
    pub fn reset(&mut self) {
        let inner = self.inner.get_mut();
        inner.nodes.clear();
        inner.many.clear();
        inner.table.len = 0;
        inner.leaves.clear();
        inner.store.clear();
        // A rule that panicked may have left these.
        inner.spilled.clear();
        (inner.truncating, inner.at) = (false, None);
        inner.no_grad.set(false);
        // A program of ever new shapes must not grow for ever.
        if inner.layouts.len() > 1 << 16 {
            inner.layouts = Layouts::new();
            inner.placements = Placements::new();
        }
    }

    /// Takes the arrays of a gradient store back, for the next sweep.
    pub fn recycle(&self, mut grads: Grads<T>) {
        let mut inner = self.write();
        for buffer in grads.drain() {
            inner.store.pool.give(buffer);
        }
        inner.spare_grads.push(grads);
    }

    /// Nodes, bytes and pool counters.
    pub fn stats(&self) -> Stats {
        let inner = self.read();
        Stats { nodes: inner.nodes.len(), ..inner.store.stats() }
    }

    pub(crate) fn next_id(&self) -> NodeId {
        self.read().nodes.len() as NodeId
    }
    pub(crate) fn spill(&self, ids: &[NodeId]) -> u32 {
        let mut inner = self.write();
        let start = inner.spilled.len() as u32;
        inner.spilled.extend_from_slice(ids);
        start
    }
}

fn ids<T: Scalar>(vars: &[Var<'_, T>]) -> SmallVec<[NodeId; 16]> {
    vars.iter().map(|v| v.id).collect()
}

#[cold]
fn foreign<T: Scalar>(op: &'static str, inputs: &[Var<'_, T>], at: At) -> ShapeError {
    let shapes: Vec<Shape> = inputs.iter().map(|v| v.shape()).collect();
    ShapeError::new("a Var of another tape").hint("bring its value over with `tape.constant(&x.to_array())`").of(op, shapes, at)
}

/// One line of the listing.
pub(crate) fn describe<T: Scalar>(inner: &Inner<T>, id: NodeId, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let inputs: Vec<String> = inner.inputs(id).iter().map(|i| format!("%{i}")).collect();
    let node = &inner.nodes[id as usize];
    let line = format!("%{id} = {}({})", inner.op(id).name(), inputs.join(", "));
    let kind = format!("{} {}", T::NAME, inner.layout(id).shape());
    write!(f, "{line:<36} {kind:<18} {}:{}", node.at.file(), node.at.line())
}

/// One readable line a node: id, op, inputs, type and shape, the caller's file and line.
impl<T: Scalar> fmt::Display for Tape<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.read();
        for id in 0..inner.nodes.len() {
            describe(&inner, id as NodeId, f)?;
            writeln!(f)?;
        }
        Ok(())
    }
}

impl<T: Scalar> fmt::Debug for Tape<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
