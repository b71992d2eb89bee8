//! Indexing with several entries at once: ranges, new axes, arrays of indices and masks, as in PyTorch's `x[1, :, None, [0, 2], mask]`.

use crate::array::error::ShapeError;
use crate::array::memory::filled;
use crate::array::scalar::Scalar;
use crate::array::shape::{Shape, Small};
use crate::ops::indices::{Index, Indices, Mask};
use crate::ops::slice::{Run, Slice, SliceInfo};
use crate::tape::op::Op;
use crate::tape::var::{Var, refuse};
use ndarray::{ArrayBase, Data, Dimension};

/// One entry of [`Var::index`]: see [`pick!`](crate::pick).
#[derive(Clone, Debug)]
pub enum Pick {
    /// A range of an axis, or a single index, which removes the axis.
    Part(SliceInfo),
    /// A new axis of size 1.
    NewAxis,
    /// As many whole axes as the other entries leave over.
    Ellipsis,
    /// The elements of an axis at these indices; negative ones count from its end.
    Indices(Indices),
    /// The elements where the mask is true. It covers as many axes as it has.
    Mask(Mask),
}

impl From<SliceInfo> for Pick {
    fn from(part: SliceInfo) -> Pick {
        Pick::Part(part)
    }
}
impl From<isize> for Pick {
    fn from(i: isize) -> Pick {
        Pick::Part(i.into())
    }
}
impl From<std::ops::Range<isize>> for Pick {
    fn from(r: std::ops::Range<isize>) -> Pick {
        Pick::Part(r.into())
    }
}
impl From<std::ops::RangeFrom<isize>> for Pick {
    fn from(r: std::ops::RangeFrom<isize>) -> Pick {
        Pick::Part(r.into())
    }
}
impl From<std::ops::RangeTo<isize>> for Pick {
    fn from(r: std::ops::RangeTo<isize>) -> Pick {
        Pick::Part(r.into())
    }
}
impl From<std::ops::RangeFull> for Pick {
    fn from(r: std::ops::RangeFull) -> Pick {
        Pick::Part(r.into())
    }
}
impl From<Indices> for Pick {
    fn from(i: Indices) -> Pick {
        Pick::Indices(i)
    }
}
impl From<&Indices> for Pick {
    fn from(i: &Indices) -> Pick {
        Pick::Indices(i.clone())
    }
}
impl<I: Index> From<Vec<I>> for Pick {
    fn from(v: Vec<I>) -> Pick {
        Pick::Indices(v.into())
    }
}
impl<I: Index, const N: usize> From<[I; N]> for Pick {
    fn from(v: [I; N]) -> Pick {
        Pick::Indices(v.into())
    }
}
impl<I: Index, const N: usize, const M: usize> From<[[I; N]; M]> for Pick {
    fn from(v: [[I; N]; M]) -> Pick {
        Pick::Indices(v.into())
    }
}
impl<I: Index, S: Data<Elem = I>, D: Dimension> From<&ArrayBase<S, D>> for Pick {
    fn from(v: &ArrayBase<S, D>) -> Pick {
        Pick::Indices(v.into())
    }
}
impl From<Mask> for Pick {
    fn from(mask: Mask) -> Pick {
        Pick::Mask(mask)
    }
}
impl From<&Mask> for Pick {
    fn from(mask: &Mask) -> Pick {
        Pick::Mask(mask.clone())
    }
}
impl<const N: usize> From<[bool; N]> for Pick {
    fn from(v: [bool; N]) -> Pick {
        Pick::Mask(v.into())
    }
}

/// The argument of [`Var::index`]. It takes everything that [`at!`](crate::at) takes, and [`Pick::NewAxis`], [`Pick::Ellipsis`], arrays of
/// indices and [`Mask`](crate::Mask)s.
///
/// ```
/// use wengert::{Mask, Pick, Tape, pick};
/// let tape = Tape::<f64>::new();
/// let x = tape.leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
/// assert_eq!(x.index(&pick![.., [2, 0, 0]]).to_vec(), [3.0, 1.0, 1.0, 6.0, 4.0, 4.0]);
/// assert_eq!(x.index(&pick![[0, 1], [2, 0]]).to_vec(), [3.0, 4.0]);
/// assert_eq!(x.index(&pick![Mask::from(x.gt(3.5))]).to_vec(), [4.0, 5.0, 6.0]);
/// assert_eq!(x.index(&pick![Pick::Ellipsis, Pick::NewAxis, ..; 2]).shape(), [2, 1, 2]);
/// ```
#[macro_export]
macro_rules! pick {
    (@list [$($done:expr,)*] $entry:expr; $step:expr $(, $($rest:tt)*)?) => {
        $crate::pick!(@list [$($done,)* $crate::Pick::from($crate::SliceInfo::from($entry).step($step)),] $($($rest)*)?)
    };
    (@list [$($done:expr,)*] $entry:expr $(, $($rest:tt)*)?) => {
        $crate::pick!(@list [$($done,)* $crate::Pick::from($entry),] $($($rest)*)?)
    };
    (@list [$($done:expr,)*]) => { [$($done),*] };
    ($($all:tt)+) => { $crate::pick!(@list [] $($all)+) };
}

/// What a list of entries amounts to: a view (runs along the axes of the array, then a reshape to `view`), and lists of indices for some of
/// the axes of the view.
struct Plan {
    runs: Small<Run>,
    view: Small<usize>,
    lists: Vec<(usize, Indices)>,
}

impl Plan {
    fn new(shape: &Shape, picks: &[Pick]) -> Result<Plan, ShapeError> {
        let axes_of = |pick: &Pick| match pick {
            Pick::NewAxis | Pick::Ellipsis => 0,
            Pick::Part(_) | Pick::Indices(_) => 1,
            Pick::Mask(mask) => mask.shape.len(),
        };
        let named: usize = picks.iter().map(axes_of).sum();
        let Some(rest) = shape.len().checked_sub(named) else {
            return Err(ShapeError::new(format!("{named} axes are indexed, but shape {shape} has {}", shape.len()))
                .hint("an entry names one axis, a mask as many as it has"));
        };
        let mut ellipses = picks.iter().filter(|pick| matches!(pick, Pick::Ellipsis));
        let implied = match (ellipses.next(), ellipses.next()) {
            (_, Some(_)) => return Err(ShapeError::new("there are two ellipses").hint("only one can stand for the axes that are left")),
            (Some(_), None) => 0,
            (None, None) => rest,
        };
        let mut plan = Plan { runs: Small::new(), view: Small::new(), lists: Vec::new() };
        for pick in picks {
            plan.push(pick, shape, rest)?;
        }
        plan.whole(shape, implied);
        Ok(plan)
    }
    /// Takes the next axes of the array whole.
    fn whole(&mut self, shape: &Shape, axes: usize) {
        for _ in 0..axes {
            let len = shape[self.runs.len()];
            self.runs.push(Run { start: 0, step: 1, len });
            self.view.push(len);
        }
    }
    fn list(&mut self, shape: &Shape, index: Indices) {
        self.lists.push((self.view.len(), index));
        self.whole(shape, 1);
    }
    fn push(&mut self, pick: &Pick, shape: &Shape, rest: usize) -> Result<(), ShapeError> {
        let axis = self.runs.len();
        match pick {
            Pick::Part(part) => {
                let run = part.run(axis, shape[axis])?;
                self.runs.push(run);
                if !part.index {
                    self.view.push(run.len);
                }
            }
            Pick::NewAxis => self.view.push(1),
            Pick::Ellipsis => self.whole(shape, rest),
            Pick::Indices(index) => {
                let index = index.counted_from_end(shape[axis])?;
                // A single number is an index like any other, as in PyTorch.
                if index.shape().is_empty() {
                    return self.push(&Pick::Part(SliceInfo::from(index.values()[0] as isize)), shape, rest);
                }
                self.list(shape, index);
            }
            Pick::Mask(mask) if mask.shape.is_empty() => {
                self.lists.push((self.view.len(), Indices::from(vec![0_i64; usize::from(mask.values[0])])));
                self.view.push(1);
            }
            Pick::Mask(mask) => {
                let of = Shape::from(&shape[axis..axis + mask.shape.len()]);
                if mask.shape != of {
                    return Err(ShapeError::new(format!("a mask of shape {} on axes of shape {of}, from axis {axis}", mask.shape))
                        .hint("a mask has the sizes of the axes that it stands for"));
                }
                mask.indices().for_each(|index| self.list(shape, index));
            }
        }
        Ok(())
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// Indexing as in PyTorch, with any of the entries of [`pick!`](crate::pick); axes that are not named stay whole.
    ///
    /// Arrays of indices are broadcast to one shape and applied together. If the indexed axes lie side by side, the axes of that shape
    /// replace them; otherwise these axes come first. Without arrays and masks the result is a view. Derivative: each cotangent is added at
    /// the place its element came from.
    ///
    /// ```
    /// use wengert::{Tape, pick};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    /// let y = x.index(&pick![-1, [0, -1, 0]]); // x[-1, [0, -1, 0]] in PyTorch
    /// assert_eq!(y.to_vec(), [4.0, 6.0, 4.0]);
    /// assert_eq!(tape.grad(y, &[x])[0].unwrap().to_vec(), [0.0, 0.0, 0.0, 2.0, 0.0, 1.0]);
    /// assert_eq!(x.reshape(&[1, 2, 1, 3]).index(&pick![.., [0, 1, 1], .., [2, 0, 0]]).shape(), [3, 1, 1]); // not side by side
    /// ```
    ///
    /// # Panics
    /// If there are more entries than axes, an index is out of range, index arrays do not broadcast, or the shape of a mask differs from
    /// the sizes of its axes.
    #[track_caller]
    pub fn index(self, picks: &[Pick]) -> Self {
        let shape = self.shape();
        let Plan { runs, view, lists } = match Plan::new(&shape, picks) {
            Ok(plan) => plan,
            Err(e) => refuse(e, "index", [shape]),
        };
        let slice = Slice(runs);
        if let Err(e) = Op::<T>::shape(&slice, &[&shape]) {
            refuse(e, "index", [shape]);
        }
        let x = self.record(slice).reshape_to(view.into());
        let Some(&(first, ref index)) = lists.first() else { return x };
        let mut common = index.shape().clone();
        for (_, index) in &lists {
            let Some(both) = common.broadcast(index.shape()) else {
                let e = ShapeError::new(format!("index arrays of shapes {common} and {} do not broadcast", index.shape()));
                refuse(e.hint("sizes are compared from the last axis; they must be equal, or one of them 1"), "index", [shape]);
            };
            common = both;
        }
        let side_by_side = lists.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0);
        let (x, at) = if side_by_side { (x, first) } else { (x.in_front(lists.iter().map(|&(axis, _)| axis)), 0) };
        // Merge the indexed axes into one, and compute the index of each place along it.
        let full = x.shape();
        let end = at + lists.len();
        let around = |middle: &[usize]| full[..at].iter().chain(middle).chain(&full[end..]).copied().collect::<Shape>();
        self.check_size("index", &around(&common));
        let mut flat = self.or_refuse("index", common.check_size().and_then(|()| filled(common.numel(), 0)));
        for (k, (_, index)) in lists.iter().enumerate() {
            let n = full[at + k] as i64;
            let index = self.or_refuse("index", index.broadcast_to(&common));
            flat.iter_mut().zip(index.values()).for_each(|(flat, i)| *flat = *flat * n + i);
        }
        let merged = around(&[full[at..end].iter().product()]);
        x.reshape_to(merged).index_select(at as isize, flat).reshape_to(around(&common))
    }
    /// Moves some axes, in the given order, in front of the others.
    #[track_caller]
    fn in_front(self, axes: impl Iterator<Item = usize> + Clone) -> Self {
        let others = (0..self.ndim()).filter(|a| axes.clone().all(|b| *a != b));
        let order: Small<isize> = axes.clone().chain(others).map(|a| a as isize).collect();
        self.permute(&order)
    }
    /// The elements where a mask is true, in row-major order; array and mask broadcast. Derivative: each cotangent goes to the place its
    /// element came from. Shapes: any to `[count]`, where `count` is the number of elements that are taken.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([3.0, -1.0, 2.0]);
    /// let y = x.masked_select(x.gt(0.0));
    /// assert_eq!(y.to_vec(), [3.0, 2.0]);
    /// assert_eq!(tape.grad(y, &[x])[0].unwrap().to_vec(), [1.0, 0.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn masked_select(self, mask: impl Into<Mask>) -> Self {
        let (shape, mask) = (self.shape(), mask.into());
        let Some(both) = shape.broadcast(&mask.shape) else {
            let e = ShapeError::new(format!("a mask of shape {} does not broadcast", mask.shape));
            refuse(e.hint("sizes are compared from the last axis; they must be equal, or one of them 1"), "masked_select", [shape]);
        };
        let positions = self.or_refuse("masked_select", mask.broadcast_to(&both)).positions();
        self.broadcast_to_shape(both.clone()).reshape_to([both.numel()].into()).index_select(0, positions)
    }
}

#[cfg(test)]
pub(crate) mod rows {
    use super::*;
    use crate::ops::samples::*;
    use Pick::{Ellipsis, NewAxis};

    /// Indexing is made of slices and `index_select`; its rows run with those of `index_select`.
    pub(crate) fn indexing<T: Scalar>() -> Vec<Row<T>> {
        let x = || any(&[3, 4, 5]);
        vec![
            grad([x()], |v| v[0].index(&pick![[2, 0, 2]]).exp()),
            grad([x()], |v| v[0].index(&pick![.., .., [0, -2]]).exp()),
            grad([x()], |v| v[0].index(&pick![.., [[0, 1], [3, 3]]]).exp()),
            grad([x()], |v| v[0].index(&pick![[0, 1], 1..; 2, [4, 0]]).exp()),
            grad([x()], |v| v[0].index(&pick![1, NewAxis, [3, 0, 0], Ellipsis]).exp()),
            grad([x()], |v| v[0].index(&pick![Ellipsis, [[1], [0]], [0, 2, 4]]).exp()),
            grad([x()], |v| v[0].permute(&[2, 0, 1]).index(&pick![[0, 1], .., [2, 2]]).exp()),
            grad([x()], |v| v[0].index(&pick![[true, false, true], [0, 1]]).exp()),
            grad([x()], |v| v[0].index(&pick![.., Vec::<i64>::new()]).exp()),
            grad([x()], |v| v[0].index(&pick![Mask::new(&[], [true]), 0, [1, 1]]).exp()),
            grad([any(&[5])], |v| v[0].index(&pick![[1, 1, 2]]) * v[0].index(&pick![[0, 1, 2]])),
            grad([x()], |v| v[0].index(&pick![Mask::from(v[0].gt(v[0].zeros_like())), NewAxis]).exp()),
            equals([x()], |v| v[0].index(&pick![0, .., [1, 3]]).exp(), |v| v[0].slice(&crate::at![0, .., 1..4; 2]).exp()),
            equals([x()], |v| v[0].index(&pick![[0, 0], .., 3]).exp(), |v| stack_of(v[0]).exp()),
            value(
                [of(&[2, 2], [1.0, 2.0, 3.0, 4.0])],
                |v| v[0].index(&pick![[1, 0, 1], [0, 0, 0]]),
                &[3.0, 1.0, 3.0],
                [&[1.0, 0.0, 2.0, 0.0]],
            ),
            refuses([x()], |v| v[0].index(&pick![0, 0, 0, [0]]), &["index of [3, 4, 5]", "4 axes are indexed, but shape [3, 4, 5] has 3"]),
            refuses([x()], |v| v[0].index(&pick![[0, -4]]), &["index of [3, 4, 5]", "index -4 (at position 1)", "hint: "]),
            refuses([x()], |v| v[0].index(&pick![3]), &["index of [3, 4, 5]", "index 3", "hint: "]),
            refuses([x()], |v| v[0].index(&pick![[0, 1], [0, 1, 2]]), &["index of [3, 4, 5]", "[2] and [3] do not broadcast", "hint: "]),
            refuses([x()], |v| v[0].index(&pick![[true, false]]), &["index of [3, 4, 5]", "mask of shape [2]", "[3]", "hint: "]),
            refuses([x()], |v| v[0].index(&pick![Ellipsis, 0, Ellipsis]), &["index of [3, 4, 5]", "two ellipses", "hint: "]),
            grad([any(&[3, 4])], |v| v[0].masked_select(v[0].gt(v[0].zeros_like())).exp()),
            grad([any(&[3, 4])], |v| v[0].t().masked_select([true, false, true]).exp()),
            grad([any(&[3])], |v| v[0].masked_select(Mask::new(&[2, 1], [true, false])).exp()),
            grad([any(&[3])], |v| v[0].masked_select([false; 3]).exp()),
            refuses([any(&[3])], |v| v[0].masked_select([true, false]), &["masked_select of [3]", "mask of shape [2]", "hint: "]),
        ]
    }

    fn stack_of<T: Scalar>(x: Var<'_, T>) -> Var<'_, T> {
        let row = x.slice(&crate::at![0, .., 3]);
        crate::stack(&[row, row], 0)
    }
}
