//! What is an op? The trait that built-in and user ops implement alike, and what its methods are given.

use crate::buffers::zeros;
use crate::error::ShapeError;
use crate::layout::{Layout, Shape, Strides};
use crate::memory::{or_panic, room};
use crate::record::{NONE, NodeId};
use crate::scalar::Scalar;
use crate::tape::Tape;
use crate::var::Var;
use std::any::Any;
use std::borrow::Cow;
use std::fmt::Debug;
use std::marker::PhantomData;

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

/// An input of [`Op::forward`]: elements, and the layout in which they lie.
#[derive(Clone, Copy, Debug)]
pub struct View<'a, T> {
    pub(crate) data: &'a [T],
    pub(crate) offset: usize,
    pub(crate) layout: &'a Layout,
}

impl<'a, T: Scalar> View<'a, T> {
    /// The sizes of the axes.
    pub fn shape(&self) -> &'a Shape {
        self.layout.shape()
    }
    /// Steps along the axes, in elements.
    pub fn strides(&self) -> &'a [isize] {
        self.layout.strides()
    }
    /// The elements in logical order, where they lie that way.
    pub fn as_slice(&self) -> Option<&'a [T]> {
        self.layout.is_contiguous().then(|| &self.data[self.offset..self.offset + self.shape().numel()])
    }
    /// The elements in logical order, copied where they lie differently.
    pub fn to_slice(&self) -> Cow<'a, [T]> {
        match self.as_slice() {
            Some(s) => Cow::Borrowed(s),
            None => {
                let mut out = or_panic(zeros(self.shape().numel()));
                T::lay_out(*self, &mut out);
                Cow::Owned(out)
            }
        }
    }
    /// A copy of the elements in logical order, if there can be one.
    pub(crate) fn to_list(self) -> Result<Vec<T>, ShapeError> {
        self.shape().check_size()?;
        if let Some(s) = self.as_slice() {
            let mut out = room(s.len()).map_err(|e| e.about(self.shape()))?;
            out.extend_from_slice(s);
            return Ok(out);
        }
        let mut out = zeros(self.shape().numel()).map_err(|e| e.about(self.shape()))?;
        T::lay_out(self, &mut out);
        Ok(out)
    }
    /// The elements in logical order.
    pub fn iter(&self) -> impl Iterator<Item = T> + 'a {
        let (view, shape) = (*self, self.shape());
        (0..shape.numel()).map(move |mut i| {
            let mut at = view.offset as isize;
            for axis in (0..shape.len()).rev() {
                at += (i % shape[axis]) as isize * view.strides()[axis];
                i /= shape[axis];
            }
            view.data[at as usize]
        })
    }
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
    /// The cotangents of some inputs, through a formula that was just written on the tape: `mark` is [`Vjp::mark`] from before it,
    /// `out` its result and `seed` the cotangent of that. Inputs count as independent; the walk stops below the mark.
    pub(crate) fn through(&self, mark: NodeId, out: Var<'t, T>, seed: Var<'t, T>, inputs: [usize; 2]) -> [Option<Var<'t, T>>; 2] {
        let wanted = inputs.map(|i| if self.needs(i) { self.inputs[i] } else { NONE });
        self.tape.sweep_formula(mark, out.id, seed.id, wanted).map(|id| (id != NONE).then(|| Var::at(self.tape, id)))
    }
    /// The id that the next recorded node will have.
    pub(crate) fn mark(&self) -> NodeId {
        self.tape.next_id()
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
