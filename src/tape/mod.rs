//! What can be recorded, and by whom? A [`Tape`] is a Wengert list: nodes in the order of their computation, so that each one's inputs
//! lie before it. This file is what users call; [`record`](crate::tape::record) holds the list.

mod fit;
mod formula;
pub(crate) mod grad;
pub(crate) mod grads;
mod leaf;
pub(crate) mod leaves;
pub(crate) mod listing;
mod no_grad;
pub(crate) mod node;
pub(crate) mod numbers;
pub(crate) mod op;
mod owner;
pub(crate) mod param;
pub(crate) mod recall;
pub(crate) mod record;
pub(crate) mod slots;
pub(crate) mod store;
mod sweep;
pub(crate) mod var;
pub(crate) mod waiting;

use crate::array::error::ShapeError;
use crate::array::memory::or_panic;
use crate::array::scalar::Scalar;
use crate::array::simd::known_level;
use crate::tape::grads::Grads;
use crate::tape::node::{At, NONE, NodeId};
use crate::tape::op::Op;
use crate::tape::op::erase::{Erase, Fixed, Given, Listed, OpRef, attributed, listed};
use crate::tape::recall::{LayoutId, NUMBER_LAYOUT};
use crate::tape::record::List;
use crate::tape::var::Var;
use smallvec::SmallVec;
use std::cell::{RefCell, RefMut};
use std::panic::Location;
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
pub struct Tape<T: Scalar = f32> {
    /// Tells tapes apart, also one that was made where another one lay before.
    serial: u64,
    list: RefCell<List<T>>,
}

static SERIAL: AtomicU64 = AtomicU64::new(0);

impl<T: Scalar> Default for Tape<T> {
    fn default() -> Self {
        Tape::new()
    }
}

impl<T: Scalar> Tape<T> {
    /// An empty tape. (Example: [`Tape`].)
    pub fn new() -> Tape<T> {
        let _ = known_level(); // the short way of numbers does not ask
        Tape { serial: SERIAL.fetch_add(1, Ordering::Relaxed), list: RefCell::new(List::new()) }
    }

    /// Turns the short way of numbers on or off, and says from how many elements on, at least 2, an elementwise op waits until it is read
    /// (`usize::MAX`: none does). Neither changes a bit: this is for the tests that show it.
    #[doc(hidden)]
    pub fn fast_ways(mut self, numbers: bool, waits_from: usize) -> Tape<T> {
        let list = self.list.get_mut();
        list.short = if numbers { NUMBER_LAYOUT } else { LayoutId::MAX };
        list.waiting.large = waits_from.max(2); // an array of one element that waits is a sum
        self
    }

    pub(crate) fn read(&self) -> std::cell::Ref<'_, List<T>> {
        self.list.borrow()
    }
    pub(crate) fn try_write(&self) -> Option<RefMut<'_, List<T>>> {
        self.list.try_borrow_mut().ok()
    }
    #[track_caller]
    pub(crate) fn write(&self) -> RefMut<'_, List<T>> {
        self.write_at(Location::caller())
    }
    /// The same in a closure, which does not know its caller.
    pub(crate) fn write_at(&self, at: At) -> RefMut<'_, List<T>> {
        match self.list.try_borrow_mut() {
            Ok(list) => list,
            Err(_) => panic!(
                "the tape cannot record while a borrowed value (`Var::value`) is alive\n  at {at}\n  hint: drop it first, or use `to_array()`"
            ),
        }
    }

    /// Records any op, built-in or the user's own, on `Var`s of this tape. (Example: [`Op`].)
    ///
    /// The tape remembers ops with attributes from one step to the next and, where the new one equals (`==`) the one recorded at the same
    /// place before, keeps the old one: equality must mean the same result. (A derived `==` takes a number 0 for -0.)
    ///
    /// # Panics
    /// With the text of the [`ShapeError`] that [`Tape::try_apply`] returns.
    #[track_caller]
    pub fn apply<'t, O: Op<T> + PartialEq>(&'t self, op: O, inputs: &[Var<'t, T>]) -> Var<'t, T> {
        or_panic(self.try_apply(op, inputs))
    }

    /// Records an op, or says why it does not fit; nothing is changed then, and the tape goes on working. (Example: [`Op`].)
    #[track_caller]
    pub fn try_apply<'t, O: Op<T> + PartialEq>(&'t self, op: O, inputs: &[Var<'t, T>]) -> Result<Var<'t, T>, ShapeError> {
        if const { size_of::<O>() == 0 } {
            return self.try_given(Given::Fixed(O::FIXED.expect("it has no attributes")), inputs);
        }
        self.try_given(Given::New(&mut Some(op)), inputs)
    }

    /// Records a built-in op.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn listed<'t, O: Listed, const N: usize>(&'t self, op: O, inputs: [Var<'t, T>; N]) -> Var<'t, T> {
        if const { size_of::<O>() == 0 } {
            return self.fixed(listed::<T, O>(), inputs);
        }
        self.given(Given::New(attributed(&mut Some(op))), &inputs)
    }

    /// Records an op without attributes, by the short way of numbers if it leads there.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn fixed<'t, const N: usize>(&'t self, op: &'static Fixed<T>, inputs: [Var<'t, T>; N]) -> Var<'t, T> {
        match self.numbers(op, inputs) {
            Some(y) => y,
            None => self.fixed_array(op, inputs),
        }
    }
    /// The same where it is known not to lead there. (Out of line: only the slow path is here.)
    #[inline(never)]
    #[track_caller]
    pub(crate) fn fixed_array<'t, const N: usize>(&'t self, op: &'static Fixed<T>, inputs: [Var<'t, T>; N]) -> Var<'t, T> {
        or_panic(self.try_given(Given::Fixed(op), &inputs))
    }

    #[track_caller]
    pub(crate) fn given<'t>(&'t self, op: Given<'_, T>, inputs: &[Var<'t, T>]) -> Var<'t, T> {
        or_panic(self.try_given(op, inputs))
    }

    /// Records the same op as a node's, of other inputs.
    #[track_caller]
    pub(crate) fn again<'t, const N: usize>(&'t self, id: NodeId, inputs: [Var<'t, T>; N]) -> Var<'t, T> {
        let list = self.read();
        match list.nodes[id as usize].op {
            OpRef::Fixed(op) | OpRef::Number(op) => {
                drop(list);
                self.fixed(op, inputs)
            }
            OpRef::Attributed(i) => {
                let (op, key) = list.attributed.get(i).clone();
                drop(list);
                self.given(Given::Again(op, key), &inputs)
            }
        }
    }

    /// The door through which all ops come that are more than a number.
    #[inline(always)]
    #[track_caller]
    fn try_given<'t>(&'t self, op: Given<'_, T>, inputs: &[Var<'t, T>]) -> Result<Var<'t, T>, ShapeError> {
        let at = Location::caller();
        if !inputs.iter().all(|v| std::ptr::eq(v.tape, self)) {
            return Err(Self::foreign(op.name(), inputs, at));
        }
        if inputs.len() > 3 {
            let ids: SmallVec<[NodeId; 16]> = inputs.iter().map(|v| v.id).collect();
            return self.write().record(op, &ids, at).map(|id| Var::at(self, id));
        }
        let mut ids = [NONE; 3];
        ids.iter_mut().zip(inputs).for_each(|(id, v)| *id = v.id);
        self.write().record(op, &ids[..inputs.len()], at).map(|id| Var::at(self, id))
    }

    /// Empties the tape and keeps its memory for the next step. No `Var` can be alive: the borrow checker sees to that.
    ///
    /// ```compile_fail
    /// let mut tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf(1.0);
    /// tape.reset();
    /// println!("{}", x.item());
    /// ```
    pub fn reset(&mut self) {
        let list = self.list.get_mut();
        list.clear();
    }

    /// Takes the arrays of a gradient store back, for the next sweep. (Example: the [front page](crate).)
    #[track_caller]
    pub fn recycle(&self, mut grads: Grads<T>) {
        let mut list = self.write();
        grads.clear(|buffer| list.store.give(buffer));
        // A step has one or two.
        if list.spare_grads.len() < 4 {
            list.spare_grads.push(grads);
        }
    }

    /// Which tape this is, and how often it was reset: what handles must agree on to speak of the same step.
    pub(crate) fn step(&self) -> (u64, u64) {
        (self.serial, self.read().generation)
    }
    pub(crate) fn next_id(&self) -> NodeId {
        self.read().nodes.len() as NodeId
    }
}
