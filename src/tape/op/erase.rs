//! How is an op's type forgotten? At the door, where it is recorded, so that all behind the door is compiled once for each number type and not
//! once for each op.
//!
//! An op without attributes is a type of size 0: one static table, made by the compiler, says all of it ([`Fixed`]). The others lie on the
//! tape, in [`AttributedOps`], and are looked at through [`Attributed`] on their way there.

use crate::array::buffers::anywhere;
use crate::array::scalar::Scalar;
use crate::tape::op::Op;
use crate::tape::recall::OpKey;
use std::any::{Any, TypeId};
use std::ops::Deref;
use std::sync::Arc;

/// An op without attributes.
pub(crate) struct Fixed<T: Scalar> {
    pub op: &'static dyn Op<T>,
    /// The same op, if it has a short way for numbers.
    pub number: Option<&'static dyn NumberOp<T>>,
}

impl<T: Scalar> Fixed<T> {
    /// Its identity. No two ops share a table. (One op may have several equal ones, which count as different.)
    pub fn key(&'static self) -> OpKey {
        std::ptr::from_ref(self) as OpKey
    }
}

/// An elementwise op that has a short way for single numbers, too.
///
/// Its implementations are generic over the formulas of [`ops`](crate::ops): the same formula gives the value here and in arrays, and the same
/// slope is used here and in the op's rule, so that the two cannot differ.
pub(crate) trait NumberOp<T: Scalar>: Op<T> {
    /// The value, with the bits of `forward`. An op of fewer than three inputs finds them first.
    fn value(&self, a: T, b: T, c: T) -> T;
    /// For an op of one input (`a`) or two, their cotangents from the cotangent g of the output y, with the bits of `vjp`.
    ///
    /// Scalars, not `[T; 2]`: they travel in registers, where an array is written in parts and read whole (`src/ops/README.md` has the cost).
    fn cotangents(&self, g: T, a: T, b: T, y: T) -> (T, T) {
        let _ = (g, a, b, y);
        unreachable!("an op of three inputs has no short way back")
    }
}

/// An op with attributes, on its way onto the tape.
pub(crate) trait Attributed<T: Scalar> {
    /// Whether another op is the same.
    fn is(&self, other: &dyn Op<T>) -> bool;
    /// Takes it out, to be kept.
    fn share(&mut self) -> Arc<dyn Op<T>>;
}

impl<T: Scalar, O: Op<T> + PartialEq> Attributed<T> for Option<O> {
    fn is(&self, other: &dyn Op<T>) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref::<O>().is_some_and(|other| self.as_ref() == Some(other))
    }
    fn share(&mut self) -> Arc<dyn Op<T>> {
        Arc::new(self.take().expect("an op is put onto the tape once"))
    }
}

/// An op that is to be recorded.
pub(crate) enum Given<'a, T: Scalar> {
    Fixed(&'static Fixed<T>),
    New(&'a mut dyn Attributed<T>),
    /// One that is on the tape already, and its serial number.
    Again(Arc<dyn Op<T>>, OpKey),
}

impl<T: Scalar> Given<'_, T> {
    /// The name, for an error.
    #[cold]
    pub fn name(self) -> &'static str {
        match self {
            Given::Fixed(fixed) => fixed.op.name(),
            Given::New(op) => op.share().name(),
            Given::Again(op, _) => op.name(),
        }
    }
}

/// The table of an op without attributes; `None` of one that has some.
pub(crate) trait Erase<T: Scalar>: Op<T> + Sized {
    const FIXED: Option<&'static Fixed<T>> =
        if size_of::<Self>() == 0 { Some(&Fixed { op: anywhere::<Self>(), number: None }) } else { None };
}
impl<T: Scalar, O: Op<T>> Erase<T> for O {}

/// The same for ops that have a short way for numbers.
pub(crate) trait EraseNumber<T: Scalar>: NumberOp<T> + Sized {
    const FIXED_NUMBER: Option<&'static Fixed<T>> =
        if size_of::<Self>() == 0 { Some(&Fixed { op: anywhere::<Self>(), number: Some(anywhere::<Self>()) }) } else { None };
}
impl<T: Scalar, O: NumberOp<T>> EraseNumber<T> for O {}

/// An op that stands in the list of [`ops`](crate::ops). Methods of `Var` record listed ops only, so that one that was forgotten does not compile;
/// and under test, one without sample rows does not compile either.
///
/// The functions are not generic, so that the op's kernels and rules are compiled in this crate, once, with its optimisation, and not again
/// in every crate that uses them.
pub(crate) trait Listed: Sized + Op<f32> + Op<f64> + PartialEq + Tested {
    /// Its table, if it has no attributes.
    fn fixed_f32() -> &'static Fixed<f32>;
    fn fixed_f64() -> &'static Fixed<f64>;
    /// Itself, if it has some.
    fn attributed_f32(op: &mut Option<Self>) -> &mut dyn Attributed<f32>;
    fn attributed_f64(op: &mut Option<Self>) -> &mut dyn Attributed<f64>;
}

/// Under test, listed ops must have sample rows.
#[cfg(test)]
pub(crate) trait Tested: crate::ops::Sampled {}
#[cfg(test)]
impl<O: crate::ops::Sampled> Tested for O {}
#[cfg(not(test))]
pub(crate) trait Tested {}
#[cfg(not(test))]
impl<O> Tested for O {}

/// The one of two things, for `f32` and for `f64`, that is for `T`: known when it is compiled.
#[inline(always)]
fn of_type<T: Scalar, V: Copy + 'static>(of_f32: impl Any, of_f64: impl Any) -> V {
    let both: [&dyn Any; 2] = [&of_f32, &of_f64];
    *both[usize::from(TypeId::of::<T>() == TypeId::of::<f64>())].downcast_ref().expect("T is f32 or f64")
}

/// The table of a listed op without attributes.
#[inline(always)]
pub(crate) fn listed<T: Scalar, O: Listed>() -> &'static Fixed<T> {
    of_type::<T, _>(O::fixed_f32(), O::fixed_f64())
}

/// A listed op with attributes.
#[inline(always)]
pub(crate) fn attributed<T: Scalar, O: Listed>(op: &mut Option<O>) -> &mut dyn Attributed<T> {
    type As<T, O> = fn(&mut Option<O>) -> &mut dyn Attributed<T>;
    let of_f32: As<f32, O> = O::attributed_f32;
    let of_f64: As<f64, O> = O::attributed_f64;
    of_type::<T, As<T, O>>(of_f32, of_f64)(op)
}

/// Which op a node is.
pub(crate) enum OpRef<T: Scalar> {
    Fixed(&'static Fixed<T>),
    /// The same, of a node that has taken the short way of numbers: it and its inputs are elements of the arena.
    Number(&'static Fixed<T>),
    /// An op with attributes, by its index in [`AttributedOps`].
    Attributed(u32),
}

impl<T: Scalar> Clone for OpRef<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T: Scalar> Copy for OpRef<T> {}

/// An op whose rule is run: it outlives a borrow of the tape.
pub(crate) enum Rule<T: Scalar> {
    Fixed(&'static dyn Op<T>),
    Shared(Arc<dyn Op<T>>),
}

impl<T: Scalar> Deref for Rule<T> {
    type Target = dyn Op<T>;
    #[inline]
    fn deref(&self) -> &dyn Op<T> {
        match self {
            Rule::Fixed(op) => *op,
            Rule::Shared(op) => &**op,
        }
    }
}

/// Ops with attributes, one entry for each such node in the order of recording.
///
/// The list is rewound by a cursor and not cleared: a step that records the same ops as the last one finds its entries already there
/// and allocates nothing.
pub(crate) struct AttributedOps<T: Scalar> {
    entries: Vec<(Arc<dyn Op<T>>, OpKey)>,
    pub len: usize,
    serial: u64,
}

impl<T: Scalar> AttributedOps<T> {
    pub fn new() -> AttributedOps<T> {
        AttributedOps { entries: Vec::new(), len: 0, serial: 0 }
    }
    pub fn get(&self, index: u32) -> &(Arc<dyn Op<T>>, OpKey) {
        &self.entries[index as usize]
    }
    /// Puts an op at the cursor (the caller moves the cursor on), and tells its key: a serial number that is never used again, with the top bit
    /// set, which no address has.
    pub fn put(&mut self, op: &mut dyn Attributed<T>) -> (Arc<dyn Op<T>>, OpKey) {
        if let Some(old) = self.entries.get(self.len).filter(|(old, _)| op.is(&**old)) {
            return old.clone();
        }
        self.serial += 1;
        self.put_shared(op.share(), self.serial | 1 << 63)
    }
    /// The same for an op that was in the table before.
    pub fn put_shared(&mut self, op: Arc<dyn Op<T>>, key: OpKey) -> (Arc<dyn Op<T>>, OpKey) {
        match self.entries.get_mut(self.len) {
            Some(old) if old.1 == key => {}
            Some(old) => *old = (op.clone(), key),
            None => self.entries.push((op.clone(), key)),
        }
        (op, key)
    }
}
