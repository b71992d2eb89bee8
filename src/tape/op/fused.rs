//! How is an op computed together with its neighbours? What an op hands out for that, beside [`Op`].

use crate::array::scalar::Scalar;
use crate::array::shape::Shape;
use crate::array::view::View;
use crate::kernels::elementwise::Cost;
use crate::tape::op::Op;

/// How an op is computed together with its neighbours, block by block, so that what lies between them is never written to memory.
///
/// Large arrays only are computed so, and later: when one of the values is first read. The methods change no result, and must give the bits that
/// [`Op::forward`] gives.
///
/// ```
/// use wengert::{Cost, Cotangents, Fused, Op, Scalar, Shape, ShapeError, View, Vjp};
///
/// /// y = 2 x, elementwise.
/// #[derive(Debug, PartialEq)]
/// struct Twice;
///
/// impl<T: Scalar> Op<T> for Twice {
///     fn name(&self) -> &'static str {
///         "twice"
///     }
///     fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
///         Ok(x[0].clone())
///     }
///     fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
///         for (y, x) in y.iter_mut().zip(x[0].iter()) {
///             *y = x + x;
///         }
///     }
///     fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
///         cx.each(|_| cx.g + cx.g)
///     }
///     fn fused(&self) -> Option<&dyn Fused<T>> {
///         Some(self)
///     }
/// }
///
/// impl<T: Scalar> Fused<T> for Twice {
///     fn elementwise(&self) -> Option<Cost> {
///         Some(Cost::Cheap)
///     }
/// }
///
/// let tape = wengert::Tape::<f32>::new();
/// let x = tape.leaf(vec![1.0; 100_000]);
/// let y = tape.apply(Twice, &[tape.apply(Twice, &[x])]);
/// assert!(tape.nodes()[y.node()].waits);
/// assert_eq!(y.to_vec()[0], 4.0); // now both are computed, in one pass
/// ```
pub trait Fused<T: Scalar>: Op<T> {
    /// What an element costs, if each element of the output is a function of the elements of the inputs at the same place.
    ///
    /// Such an op is computed in parts: its `forward` (or [`Fused::forward_part`]) must take any part of the arrays, seen as one axis, and a
    /// `y` of another length than the output's shape says: that of the part.
    fn elementwise(&self) -> Option<Cost> {
        None
    }

    /// The divisor, if the output is the sum of all elements of the one input over a divisor.
    fn total(&self, x: &Shape) -> Option<f64> {
        let _ = x;
        None
    }

    /// For elementwise ops, whether input `i` is a table: every part of the output reads all of it, as a row of constants with one for
    /// each channel is read. All other inputs have the output's shape. An op that has a table must write [`Fused::forward_part`].
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
}
