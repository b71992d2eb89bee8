//! What is an op? The trait that built-in and user ops implement alike, and what its methods are given.

use crate::array::error::ShapeError;
use crate::array::layout::Layout;
use crate::array::scalar::Scalar;
use crate::array::shape::{Shape, Strides};
use crate::array::view::View;
use crate::tape::Tape;
use crate::tape::node::{NONE, NodeId};
use crate::tape::var::Var;
use std::any::{Any, TypeId};
use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

/// All that the engine knows about one primitive.
///
/// An op is a value: its fields are its attributes (axes, a slope, indices). It is recorded with the `Var`s it was applied to.
///
/// A panic in `shape`, `alias`, `forward`, `forward_part` or `vjp` is told with the op's name, the shapes of its inputs and the line where it
/// was recorded. The other methods are asked at each node or number, where that would cost more than the answer: what they panic with
/// goes through as it is.
///
/// # An op of your own
/// ```
/// use wengert::{Cotangents, Op, Scalar, Shape, ShapeError, Tape, View, Vjp};
///
/// /// y = x^3, elementwise; dy/dx = 3 x^2.
/// #[derive(Debug, PartialEq)]
/// struct Cube;
///
/// impl<T: Scalar> Op<T> for Cube {
///     fn name(&self) -> &'static str {
///         "cube"
///     }
///     fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
///         Ok(x[0].clone())
///     }
///     fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
///         for (y, x) in y.iter_mut().zip(x[0].iter()) {
///             *y = x * x * x;
///         }
///     }
///     fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
///         let x = cx.x(0);
///         cx.each(|_| cx.g * x * x * T::from_f64(3.0))
///     }
/// }
///
/// let tape = Tape::<f64>::new();
/// let x = tape.leaf(2.0);
/// let y = tape.apply(Cube, &[x]);
/// let dy = tape.grad(y, &[x])[0].unwrap();
/// let d2y = tape.grad(dy, &[x])[0].unwrap();
/// assert_eq!((y.item(), dy.item(), d2y.item()), (8.0, 12.0, 12.0));
/// ```
pub trait Op<T: Scalar>: Any + Debug + Send + Sync {
    /// The name in errors and in a tape's listing.
    fn name(&self) -> &'static str;

    /// The output's shape. Every shape error is made here, before any arithmetic; the engine adds name, shapes and the caller's line.
    /// The answer must depend on the op and the shapes alone: it is kept for the next node of the same op and layouts.
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError>;

    /// For an op that only looks at its first input differently (a transpose, a slice): the output's strides and the distance from
    /// the input's first element to the output's, both counted in elements. Then no array is made and `forward` is not called. A view that sees
    /// elements outside the span from the input's first to its last element in memory is refused.
    fn alias(&self, x: &Layout, y: &Shape) -> Option<(Strides, isize)> {
        let _ = (x, y);
        None
    }

    /// For elementwise ops without attributes (types of size 0), the output for inputs of one element each: graphs of numbers are recorded by it,
    /// past slices and layouts. It must give the bits that `forward` gives. An op of fewer than three inputs finds them first.
    fn number(&self, x: [T; 3]) -> Option<T> {
        let _ = x;
        None
    }

    /// For elementwise ops of one input (`a`) or two, the reverse rule over plain numbers: the cotangents of inputs of one element each,
    /// from the cotangent g of the output y. `None` if there is no such rule. A sweep whose nodes are thrown away runs it instead of
    /// [`Op::vjp`] and must get the same bits: write both from one formula over [`Real`](crate::Real).
    ///
    /// (Numbers and no arrays: they travel in registers, where an array is written in parts, read whole, and waited for.)
    fn number_vjp(&self, g: T, a: T, b: T, y: T) -> Option<(T, T)> {
        let _ = (g, a, b, y);
        None
    }

    /// Whether each element of the output is a function of the elements of the inputs at the same place, and how dear a function. Such an
    /// op may be computed later, and in parts: its `forward` (or [`Op::forward_part`]) must take any part of the arrays, seen as one axis, and a
    /// `y` of another length than the output's shape says: that of the part.
    fn elementwise(&self) -> Option<Cost> {
        None
    }

    /// For an op whose output is the sum of all elements of its one input, over a divisor: the divisor. Such a sum may be computed later,
    /// together with the elementwise ops that its input waits for, and must have the bits that `forward` gives.
    fn total(&self, x: &Shape) -> Option<f64> {
        let _ = x;
        None
    }

    /// For elementwise ops, whether input `i` is a table: read as a whole by every part of the output, as constants of which there is one for
    /// each channel are. All other inputs have the output's shape. An op that has a table must write [`Op::forward_part`].
    fn is_table(&self, i: usize) -> bool {
        let _ = i;
        false
    }

    /// For elementwise ops with a table: `forward` of the part that begins at element `start` of an output of shape `whole`. (Without a
    /// table a part is computed as the whole is.)
    fn forward_part(&self, whole: &Shape, start: usize, x: &[View<'_, T>], y: &mut [T]) {
        let _ = (whole, start);
        self.forward(x, y);
    }

    /// Computes the output into `y`, which is contiguous and holds arbitrary numbers. Pure, so that it can be replayed.
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]);

    /// The reverse rule: from the cotangent `cx.g` of the output, the cotangent of each input, in `Var` operations, so that it can
    /// be differentiated again. It returns them; the sweep alone adds them up.
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T>;
}

/// What an element of an elementwise op costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// A few instructions: computing it again costs less than keeping it in memory.
    Cheap,
    /// A function of the library: an exponential or the like.
    Dear,
}

/// What a reverse rule sees: the node it differentiates, and the cotangent `g` of its output.
pub struct Vjp<'t, 'a, T: Scalar> {
    pub(crate) tape: &'t Tape<T>,
    pub(crate) id: NodeId,
    pub(crate) inputs: &'a [NodeId],
    pub(crate) needs: u64,
    /// The cotangent of the output; it has the output's shape.
    pub g: Var<'t, T>,
}

impl<'t, T: Scalar> Vjp<'t, '_, T> {
    /// Input `i`.
    pub fn x(&self, i: usize) -> Var<'t, T> {
        Var::at(self.tape, self.inputs[i])
    }
    /// The output.
    pub fn y(&self) -> Var<'t, T> {
        Var::at(self.tape, self.id)
    }
    /// Whether anyone asks for the cotangent of input `i`. (Beyond 64 inputs the answer is always yes.)
    pub fn needs(&self, i: usize) -> bool {
        i >= 64 || self.needs >> i & 1 == 1
    }
    /// Cotangents from a closure that is called for each input that needs one; `None` means zero.
    pub fn each<C: Into<Option<Var<'t, T>>>>(&self, mut cotangent: impl FnMut(usize) -> C) -> Cotangents<'t, T> {
        if self.inputs.len() > 3 {
            return self.each_of_many(&mut |i| self.own(cotangent(i).into()));
        }
        // A loop over the bits that are set, so that the closure is compiled into one place.
        let (mut ids, mut left) = ([NONE; 4], self.needs);
        while left != 0 {
            let i = left.trailing_zeros() as usize;
            left &= left - 1;
            ids[i & 3] = self.own(cotangent(i).into());
        }
        Cotangents::pack(ids)
    }
    /// The id of a cotangent, which must lie on the tape of the node.
    #[inline(always)]
    fn own(&self, cotangent: Option<Var<'t, T>>) -> NodeId {
        cotangent.map_or(NONE, |v| {
            assert!(std::ptr::eq(v.tape, self.tape), "a rule returned a cotangent of another tape");
            v.id
        })
    }
    fn each_of_many(&self, of: &mut dyn FnMut(usize) -> NodeId) -> Cotangents<'t, T> {
        let all: smallvec::SmallVec<[NodeId; 16]> = (0..self.inputs.len()).map(|i| if self.needs(i) { of(i) } else { NONE }).collect();
        Cotangents::pack([NONE, NONE, NONE, self.tape.spill(&all)])
    }
    /// The cotangents of two inputs through a formula, which is written on the tape, also under `no_grad`: `seed` is the cotangent of its
    /// result. Inputs count as independent: the walk stops where the formula begins.
    pub(crate) fn through(&self, inputs: [usize; 2], seed: Var<'t, T>, formula: impl FnOnce() -> Var<'t, T>) -> [Option<Var<'t, T>>; 2] {
        let wanted = inputs.map(|i| if self.needs(i) { self.inputs[i] } else { NONE });
        let begin = self.tape.next_id();
        let out = self.tape.uncut(formula);
        self.tape.sweep_formula(begin, out.id, seed.id, wanted).map(|id| (id != NONE).then(|| Var::at(self.tape, id)))
    }
}

/// The cotangents that a rule returns, one for each input or none.
///
/// Packed into two words, which travel in registers: three node ids, and where the ids of an op of more inputs begin in the tape's
/// side list.
#[must_use]
pub struct Cotangents<'t, T: Scalar> {
    low: u64,
    high: u64,
    var: PhantomData<Var<'t, T>>,
}

impl<'t, T: Scalar> Cotangents<'t, T> {
    /// No cotangents at all: the op's derivative is zero everywhere.
    pub fn none() -> Self {
        Cotangents::pack([NONE; 4])
    }
    #[inline(always)]
    fn pack(ids: [NodeId; 4]) -> Self {
        let [a, b, c, spilled] = ids.map(u64::from);
        Cotangents { low: a | b << 32, high: c | spilled << 32, var: PhantomData }
    }
    /// The ids, and the beginning of the side list (or `NONE`).
    #[inline(always)]
    pub(crate) fn unpack(&self) -> ([NodeId; 3], u32) {
        ([self.low as u32, (self.low >> 32) as u32, self.high as u32], (self.high >> 32) as u32)
    }
}

/// The two ways to forget an op's type. Two functions rather than one that returns an enum: a reference comes back in registers, and
/// graphs of numbers are all overhead.
pub struct Erase<T: 'static, O: 'static> {
    /// For ops without attributes.
    pub to_static: fn(O) -> &'static dyn Op<T>,
    /// For ops with attributes.
    pub to_shared: fn(O) -> Arc<dyn Op<T>>,
}

/// A box of a type without size allocates nothing, so that leaking it leaks nothing: it is the way to a static reference.
pub(crate) fn to_static<T: Scalar, O: Op<T>>(op: O) -> &'static dyn Op<T> {
    assert!(size_of::<O>() == 0);
    Box::leak(Box::new(op))
}
pub(crate) fn to_shared<T: Scalar, O: Op<T>>(op: O) -> Arc<dyn Op<T>> {
    Arc::new(op)
}

/// Forgets the type of any op; its code is compiled in the crate that says so.
pub(crate) fn erase<T: Scalar, O: Op<T>>() -> Erase<T, O> {
    Erase { to_static, to_shared }
}

/// An op that stands in the list of [`ops`](crate::ops). Methods of `Var` record listed ops only, so that one that was forgotten does not compile;
/// and under test, one without sample rows does not compile either.
///
/// The functions behind its methods are not generic, so that the op's kernels and rules are compiled in this crate, once, with its optimisation, and not again
/// in every crate that uses them.
pub trait Listed: Sized + Op<f32> + Op<f64> + PartialEq + Tested {
    /// Forgets its type, for `f32`.
    fn erase_f32() -> Erase<f32, Self>;
    /// Forgets its type, for `f64`.
    fn erase_f64() -> Erase<f64, Self>;
}

/// Under test, listed ops must have sample rows.
#[cfg(test)]
pub trait Tested: crate::ops::Sampled {}
#[cfg(test)]
impl<O: crate::ops::Sampled> Tested for O {}
#[cfg(not(test))]
pub trait Tested {}
#[cfg(not(test))]
impl<O> Tested for O {}

/// Forgets the type of a listed op.
#[inline(always)]
pub(crate) fn erase_listed<T: Scalar, O: Listed>() -> Erase<T, O> {
    // Known when it is compiled: one of the two is of type T.
    let (f32s, f64s) = (O::erase_f32(), O::erase_f64());
    let all: [&dyn Any; 2] = [&f32s, &f64s];
    let known = all[usize::from(TypeId::of::<T>() == TypeId::of::<f64>())];
    let &Erase { to_static, to_shared } = known.downcast_ref().expect("T is f32 or f64");
    Erase { to_static, to_shared }
}
