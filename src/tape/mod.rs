//! What can be recorded, and by whom? A [`Tape`] is a Wengert list: nodes in the order of their computation, so that each one's inputs
//! lie before it. This file is what users call; [`record`](crate::tape::record) holds the list.

pub(crate) mod deferred;
pub(crate) mod grad;
pub(crate) mod grads;
pub(crate) mod node;
pub(crate) mod op;
mod own;
pub(crate) mod param;
pub(crate) mod recall;
pub(crate) mod record;
pub(crate) mod store;
mod sweep;
pub(crate) mod var;

use crate::array::error::ShapeError;
use crate::array::layout::check_rank;
use crate::array::scalar::Scalar;
use crate::array::shape::{MOST, Shape};
use crate::array::source::Source;
use crate::tape::grads::Grads;
use crate::tape::node::{At, NONE, NodeId};
use crate::tape::op::{Erase, Listed, Op, erase, erase_listed};
use crate::tape::param::Param;
use crate::tape::record::{Inner, Leaf, describe, told_by};
use crate::tape::store::{SMALL, Stats};
use crate::tape::var::Var;
use smallvec::SmallVec;
use std::any::Any;
use std::cell::{RefCell, RefMut};
use std::fmt;
use std::panic::{Location, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

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
/// # Limits
/// An array that is computed has fewer than 2^32 elements, and so have the inputs of what computes it; views
/// ([`Var::broadcast_to`] and the like) may have more. What is larger, or larger than memory, is refused by a panic that names op, shapes and
/// line, and the tape goes on working.
///
/// So is an op of one's own that panics. A large elementwise op may be computed only when its value is first read: then it is the reading
/// that panics, with the line where the op was recorded. Its node stays on the tape, and whoever reads it again gets the same panic.
///
/// A `Var` cannot outlive a reset:
/// ```compile_fail
/// let mut tape = wengert::Tape::<f64>::new();
/// let x = tape.leaf(1.0);
/// tape.reset();
/// println!("{}", x.item());
/// ```
pub struct Tape<T: Scalar = f32> {
    /// Tells tapes apart, also one that was made where another one lay before.
    serial: u64,
    inner: RefCell<Inner<T>>,
}

/// One line of a tape: see [`Tape::nodes`].
#[derive(Clone, Debug, PartialEq)]
pub struct NodeInfo {
    /// The name of the op; `leaf`, `constant` or `param` of a value that was put in.
    pub op: &'static str,
    /// The places in the list of what it was computed from.
    pub inputs: Vec<usize>,
    /// The shape of the result.
    pub shape: Shape,
}

static SERIAL: AtomicU64 = AtomicU64::new(0);

impl<T: Scalar> Default for Tape<T> {
    fn default() -> Self {
        Tape::new()
    }
}

impl<T: Scalar> Tape<T> {
    /// An empty tape.
    pub fn new() -> Tape<T> {
        Tape { serial: SERIAL.fetch_add(1, Ordering::Relaxed), inner: RefCell::new(Inner::new()) }
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
            check_leaf(kind, shape, values.len(), at); // before anything is stored
            let mut inner = self.write();
            let place = match values {
                [x] => inner.store.push_number(*x, at),
                _ => match inner.store.build(values.len(), |_, y| y.copy_from_slice(values)) {
                    Ok(place) => place,
                    Err(e) => {
                        drop(inner);
                        panic!("{}", e.of(kind.0, [shape.into()], at));
                    }
                },
            };
            let id = inner.leaf(kind, shape, place, tracked, at);
            if inner.nodes[id as usize].tracked {
                inner.leaves.push(id, None);
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
        let place = inner.store.push_number(x, at);
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

    /// A parameter's current value. Large ones are shared without a copy; using one twice in a step gives the same `Var`. Frozen ones
    /// ([`Param::freeze`]) are constants.
    ///
    /// # Panics
    /// If a closure of [`Param::with_mut`] holds the parameter on this thread.
    #[track_caller]
    pub fn param(&self, param: &Param<T>) -> Var<'_, T> {
        let at = Location::caller();
        param.check_readable();
        let mut inner = self.write();
        let frozen = param.is_frozen();
        if !frozen && let Some(id) = inner.leaves.find(param) {
            return Var::at(self, id);
        }
        let count = param.shape().numel();
        check_leaf(&Leaf("param"), param.shape(), count, at);
        let place = match count {
            n if n <= SMALL => inner.store.build(n, |_, y| param.copy_to(y)),
            _ => Ok(inner.store.share(param.shared())),
        };
        let place = place.unwrap_or_else(|e| panic!("{}", e.of("param", [param.shape().clone()], at)));
        let id = inner.leaf(&Leaf("param"), param.shape(), place, !frozen, at);
        if inner.nodes[id as usize].tracked {
            inner.leaves.push(id, Some(param));
        }
        Var::at(self, id)
    }

    /// Records any op, built-in or the user's own, on `Var`s of this tape.
    ///
    /// The tape remembers ops with attributes from one step to the next and, where the new one equals (`==`) the one recorded at the same
    /// place before, keeps the old one: equality must mean the same result.
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
        match self.try_record(op, inputs, &erase_listed()) {
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
        let id = inner.record_numbers(op, inputs.map(|v| v.id), Location::caller(), erase)?;
        Ok(Var::at(self, id))
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
        let inner = self.read();
        let _restore = Restore { tape: self, no_grad: inner.no_grad.replace(true), truncating: inner.truncating.get() };
        drop(inner);
        f()
    }
    /// Writes a formula that is swept at once, also under [`Tape::no_grad`]: its nodes are not cut off from one another, and not tracked there.
    pub(crate) fn uncut<R>(&self, f: impl FnOnce() -> R) -> R {
        let inner = self.read();
        if !inner.no_grad.get() {
            drop(inner);
            return f();
        }
        let _restore = Restore { tape: self, no_grad: inner.no_grad.replace(false), truncating: inner.truncating.replace(true) };
        drop(inner);
        f()
    }

    /// Empties the tape and keeps its memory for the next step. No `Var` can be alive: the borrow checker sees to that.
    pub fn reset(&mut self) {
        let inner = self.inner.get_mut();
        inner.clear();
    }

    /// Takes the arrays of a gradient store back, for the next sweep.
    pub fn recycle(&self, mut grads: Grads<T>) {
        let mut inner = self.write();
        grads.clear(|buffer| inner.store.give(buffer));
        inner.spare_grads.push(grads);
    }

    /// Nodes, bytes and pool counters.
    pub fn stats(&self) -> Stats {
        let inner = self.read();
        inner.store.stats(inner.nodes.len())
    }

    /// What was recorded so far, in order.
    ///
    /// ```
    /// let tape = wengert::Tape::<f32>::new();
    /// let y = tape.leaf([1.0, 2.0]).exp().sum();
    /// let ops: Vec<&str> = tape.nodes().iter().map(|n| n.op).collect();
    /// assert_eq!(ops, ["leaf", "exp", "sum"]);
    /// assert_eq!(tape.nodes()[y.node()].inputs, [1]);
    /// ```
    pub fn nodes(&self) -> Vec<NodeInfo> {
        let inner = self.read();
        let info = |id: NodeId| NodeInfo {
            op: inner.op(id).name(),
            inputs: inner.inputs(id).iter().map(|&i| i as usize).collect(),
            shape: inner.layout(id).shape().clone(),
        };
        (0..inner.nodes.len() as NodeId).map(info).collect()
    }

    /// Which tape this is, and how often it was reset: what handles must agree on to speak of the same step.
    pub(crate) fn step(&self) -> (u64, u64) {
        (self.serial, self.read().generation)
    }
    /// Goes on with a panic, whose text says op, shapes and line of the node `running` from here on, if one is.
    #[cold]
    pub(crate) fn rethrow(&self, panic: Box<dyn Any + Send>, running: NodeId) -> ! {
        if running == NONE {
            resume_unwind(panic);
        }
        let e = told_by(panic, "vjp");
        let e = self.read().refusal_of(e, running);
        panic!("{e}")
    }
    pub(crate) fn next_id(&self) -> NodeId {
        self.read().nodes.len() as NodeId
    }
    pub(crate) fn spill(&self, ids: &[NodeId]) -> u32 {
        self.write().spill(ids)
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
        if let Ok(inner) = self.tape.inner.try_borrow() {
            inner.no_grad.set(self.no_grad);
            inner.truncating.set(self.truncating);
        }
    }
}

/// Refuses a leaf of too many axes or elements, or of another number of elements than its shape says.
#[inline]
fn check_leaf(kind: &Leaf, shape: &[usize], count: usize, at: At) {
    // Cheap first: small leaves are made in every step.
    let counted = shape.iter().fold(1usize, |product, &n| product.saturating_mul(n));
    if shape.len() > 64 || counted != count || count > MOST || count == 0 {
        check_odd_leaf(kind, shape, count, at);
    }
}
#[cold]
fn check_odd_leaf(kind: &Leaf, shape: &[usize], count: usize, at: At) {
    let shape = Shape::from(shape);
    let counted = || match shape.numel() == count {
        true => Ok(()),
        false => Err(ShapeError::new(format!("{count} values do not fill shape {shape}")).hint("give as many as the shape says")),
    };
    if let Err(e) = check_rank(&shape).and_then(|()| shape.check_size()).and_then(|()| counted()) {
        panic!("{}", e.of(kind.0, [shape], at));
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
