//! Joining arrays: concat and stack.

use crate::array::error::ShapeError;
use crate::array::scalar::Scalar;
use crate::array::shape::Shape;
use crate::array::view::View;
use crate::kernels::strided::scatter;
use crate::tape::op::erase::{Given, attributed};
use crate::tape::op::{Cotangents, Op, Vjp};
use crate::tape::var::{Var, refuse};
use smallvec::SmallVec;

/// Puts arrays one after another along an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Concat(usize);

impl<T: Scalar> Op<T> for Concat {
    fn name(&self) -> &'static str {
        "concat"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        let axis = self.0;
        for (i, s) in x.iter().enumerate() {
            let fits = s.len() == x[0].len() && (0..s.len()).all(|a| a == axis || s[a] == x[0][a]);
            if !fits {
                let how = if s.len() == x[0].len() { format!("along another axis than {axis}") } else { "in the number of axes".into() };
                return Err(ShapeError::new(format!("input {i} has shape {s}, which differs from {} {how}", x[0]))
                    .hint("all sizes but that of the joined axis must be equal"));
            }
        }
        Ok(x[0].with(axis, x.iter().fold(0, |sum, s| sum.saturating_add(s[axis]))))
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        let total: usize = x.iter().map(|x| x.shape()[self.0]).sum();
        let strides = x[0].shape().with(self.0, total).strides();
        let mut at = 0;
        for x in x {
            scatter(*x, y, at as isize * strides[self.0], &strides);
            at += x.shape()[self.0];
        }
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        let mut at = 0;
        let mut starts: SmallVec<[(usize, usize); 16]> = SmallVec::new();
        for i in 0..cx.inputs.len() {
            let len = cx.x(i).shape()[self.0];
            starts.push((at, len));
            at += len;
        }
        cx.each(|i| cx.g.narrow(self.0 as isize, starts[i].0, starts[i].1))
    }
}

/// Joins arrays along an existing axis: PyTorch's `cat`. Derivative: each array gets its part of the cotangent. Shapes: `[m, n]` and
/// `[m, k]` along axis 1 to `[m, n + k]`. As in PyTorch, arrays of shape `[0]` can be joined with any others.
///
/// ```
/// let tape = wengert::Tape::<f64>::new();
/// let (a, b) = (tape.leaf([[1.0], [2.0]]), tape.leaf([[3.0, 4.0], [5.0, 6.0]]));
/// assert_eq!(wengert::concat(&[a, b], -1).to_vec(), [1.0, 3.0, 4.0, 2.0, 5.0, 6.0]);
/// ```
///
/// # Panics
/// If there are no arrays, there is no such axis, or their shapes differ along another axis.
#[track_caller]
pub fn concat<'t, T: Scalar>(xs: &[Var<'t, T>], axis: isize) -> Var<'t, T> {
    let Some(first) = xs.first() else {
        refuse(ShapeError::new("nothing to join").hint("give at least one array"), "concat", []);
    };
    // An array of shape `[0]` is skipped, unless all have one axis.
    let lists = xs.iter().all(|x| x.ndim() == 1);
    let parts: SmallVec<[Var<'t, T>; 16]> = xs.iter().copied().filter(|x| lists || x.shape() != [0]).collect();
    let axis = parts[0].axis("concat", axis);
    first.tape.given(Given::New(attributed(&mut Some(Concat(axis)))), &parts)
}

/// Joins arrays of one shape along a new axis, which gets this position in the result; negative positions count from its end. Derivative:
/// each array gets its part of the cotangent. Shapes: k arrays `[m, n]` along axis 1 to `[m, k, n]`.
///
/// ```
/// let tape = wengert::Tape::<f64>::new();
/// let (a, b) = (tape.leaf([1.0, 2.0]), tape.leaf([3.0, 4.0]));
/// assert_eq!(wengert::stack(&[a, b], 0).to_vec(), [1.0, 2.0, 3.0, 4.0]);
/// assert_eq!(wengert::stack(&[a, b], -1).to_vec(), [1.0, 3.0, 2.0, 4.0]);
/// ```
///
/// # Panics
/// If there are no arrays, their shapes differ, or the position is out of range.
#[track_caller]
pub fn stack<'t, T: Scalar>(xs: &[Var<'t, T>], axis: isize) -> Var<'t, T> {
    let Some(first) = xs.first() else {
        refuse(ShapeError::new("nothing to join").hint("give at least one array"), "stack", []);
    };
    let shape = first.shape();
    if let Some((i, x)) = xs.iter().enumerate().find(|(_, x)| x.shape() != shape) {
        let e = ShapeError::new(format!("input {i} has shape {}, the first has {shape}", x.shape()));
        refuse(e.hint("all must have one shape; to join along an axis they have, use `concat`"), "stack", [shape, x.shape()]);
    }
    let mut rows: SmallVec<[Var<'t, T>; 16]> = SmallVec::with_capacity(xs.len());
    // A loop: a closure would hide the caller's line.
    for x in xs {
        rows.push(x.unsqueeze(axis));
    }
    concat(&rows, axis)
}

#[cfg(test)]
mod rows {
    use super::*;
    use crate::ops::samples::*;

    impl Sampled for Concat {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            vec![
                grad([any(&[2, 3]), any(&[4, 3])], |v| concat(v, 0).exp()),
                grad([any(&[2, 3]), any(&[2, 0]), any(&[2, 1])], |v| concat(v, -1).exp()),
                grad([any(&[3, 2]), any(&[2, 3])], |v| concat(&[v[0].t(), v[1], v[1], v[0].t()], 0).exp()),
                grad([any(&[3]), any(&[3])], |v| stack(&[v[0], v[1], v[0] * v[1], v[1], v[0]], 1).exp()),
                grad([any(&[]), any(&[])], |v| stack(v, 0).exp()),
                grad([any(&[3])], |v| concat(v, 0).exp()),
                value(
                    [of(&[1, 2], [1.0, 2.0]), of(&[1, 2], [3.0, 4.0])],
                    |v| concat(&[v[0], v[1], v[0]], 1),
                    &[1.0, 2.0, 3.0, 4.0, 1.0, 2.0],
                    [&[2.0, 2.0], &[1.0, 1.0]],
                ),
                equals(
                    [any(&[2, 3]), any(&[2, 3])],
                    |v| stack(v, 0).square(),
                    |v| concat(&[v[0].reshape([1, 2, 3]), v[1].reshape([1, 2, 3])], 0).square(),
                ),
                equals(
                    [any(&[3]), any(&[4])],
                    |v| concat(v, 0).exp(),
                    |v| v[0].pad(&[(0, 4)], 0.0).exp() + v[1].pad(&[(3, 0)], 0.0).exp() - v[0].number(1.0),
                ),
                grad([any(&[0]), any(&[2, 3])], |v| concat(&[v[1], v[0], v[1]], -1).exp()),
                grad([any(&[0]), any(&[0])], |v| concat(v, 0).exp()),
                equals([any(&[0]), any(&[2, 3])], |v| concat(&[v[1], v[0], v[1]], 1).exp(), |v| concat(&[v[1], v[1]], -1).exp()),
                refuses([any(&[4, 0]), any(&[2, 3])], |v| concat(v, 1), &["concat of [4, 0] and [2, 3]", "input 1", "hint: "]),
                refuses([any(&[2, 3]), any(&[4, 0])], |v| concat(v, 1), &["concat of [2, 3] and [4, 0]", "hint: "]),
                refuses([any(&[]), any(&[])], |v| concat(v, 0), &["concat of []", "axis 0", "hint: "]),
                refuses([any(&[2, 3]), any(&[2, 4])], |v| concat(v, 0), &["concat of [2, 3] and [2, 4]", "input 1", "hint: "]),
                refuses([any(&[2, 3]), any(&[3])], |v| concat(v, 0), &["concat of [2, 3] and [3]", "hint: "]),
                refuses([any(&[2, 3])], |v| concat(v, 2), &["concat of [2, 3]", "axis 2", "hint: "]),
                refuses([any(&[2]), any(&[3])], |v| stack(v, 0), &["stack of [2] and [3]", "input 1", "hint: "]),
                refuses([], |v| concat(v, 0), &["concat", "nothing to join", "hint: "]),
                refuses([], |v| stack(v, 0), &["stack", "nothing to join", "hint: "]),
            ]
        }
    }
}
