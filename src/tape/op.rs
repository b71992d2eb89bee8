//! What is an op? The trait that built-in and user ops implement alike, and what its methods are given.

pub(crate) mod erase;
mod fused;

use crate::array::error::ShapeError;
use crate::array::layout::Layout;
use crate::array::scalar::Scalar;
use crate::array::shape::{Shape, Strides};
use crate::array::view::View;
use crate::tape::Tape;
use crate::tape::node::{NONE, NodeId};
use crate::tape::var::Var;
use smallvec::SmallVec;
use std::any::Any;
use std::fmt::Debug;
use std::marker::PhantomData;

pub use fused::Fused;

/// All that the engine knows about one primitive.
///
/// An op is a value: its fields are its attributes (axes, a slope, indices). It is recorded with the `Var`s it was applied to.
///
/// Four methods make an op: its name, its output's shape, its value and its derivative.
///
/// A panic in `shape`, `alias`, `forward`, `forward_part` or `vjp` becomes an error with the op's name, the shapes of its inputs and the line where
/// it was recorded. The other methods are asked at each node, where that would cost more than the answer: a panic of theirs goes through as it is. So
/// does one in a [`Unary`](crate::Unary) or [`Binary`](crate::Binary) that is applied to single numbers.
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
/// assert_eq!(tape.try_apply(Cube, &[x]).unwrap().item(), 8.0); // what `shape` refuses is an error here, and a panic of `apply`
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

    /// Computes the output into `y`, which is contiguous and holds arbitrary numbers. Pure, so that it can be replayed.
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]);

    /// The reverse rule: from the cotangent `cx.g` of the output, the cotangent of each input, in `Var` operations, so that it can
    /// be differentiated again. It returns them; the sweep alone adds them up. It may use [`Tape::grad`] on what it records.
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T>;

    /// For an op that can be computed together with others: how ([`Fused`]). Without it an op is right, and computed on its own.
    fn fused(&self) -> Option<&dyn Fused<T>> {
        None
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
        self.each_input(&mut cotangent)
    }
    /// (Apart, so that it is compiled once and not for each of a few hundred rules.)
    #[inline(never)]
    fn each_input(&self, cotangent: &mut dyn EachInput<'t, T>) -> Cotangents<'t, T> {
        let mut id = |i| if self.needs(i) { self.id_of(cotangent.of(i)) } else { NONE };
        match self.inputs.len() {
            n @ ..=3 => {
                let mut ids = [NONE; 4];
                (0..n).for_each(|i| ids[i] = id(i));
                Cotangents::pack(ids)
            }
            n => {
                let all: SmallVec<[NodeId; 16]> = (0..n).map(id).collect();
                Cotangents::pack([NONE, NONE, NONE, self.tape.write().spill(&all)])
            }
        }
    }
    /// The id of a cotangent, which must lie on the tape of the node.
    fn id_of(&self, cotangent: Option<Var<'t, T>>) -> NodeId {
        cotangent.map_or(NONE, |v| {
            assert!(std::ptr::eq(v.tape, self.tape), "a rule returned a cotangent of another tape");
            v.id
        })
    }
}

/// What gives the cotangent of each input: a closure, without its type. (A trait of our own: the table of a `dyn FnMut` has functions that
/// nobody calls.)
trait EachInput<'t, T: Scalar> {
    fn of(&mut self, i: usize) -> Option<Var<'t, T>>;
}
impl<'t, T: Scalar, C: Into<Option<Var<'t, T>>>, F: FnMut(usize) -> C> EachInput<'t, T> for F {
    fn of(&mut self, i: usize) -> Option<Var<'t, T>> {
        self(i).into()
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
