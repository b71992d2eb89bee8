//! How does a value come onto a tape? As a leaf: a node without inputs.

use crate::array::error::ShapeError;
use crate::array::layout::check_rank;
use crate::array::scalar::Scalar;
use crate::array::shape::{MOST, Shape};
use crate::array::source::Source;
use crate::array::view::View;
use crate::tape::Tape;
use crate::tape::node::{At, NodeId, Place};
use crate::tape::op::erase::{Fixed, OpRef};
use crate::tape::op::{Cotangents, Op, Vjp};
use crate::tape::param::Param;
use crate::tape::record::{List, Node, node};
use crate::tape::store::SMALL;
use crate::tape::var::Var;
use std::panic::Location;

impl<T: Scalar> Tape<T> {
    #[track_caller]
    fn new_leaf(&self, kind: &'static Fixed<T>, values: impl Source<T>, tracked: bool) -> Var<'_, T> {
        let at = Location::caller();
        let id = values.visit(|shape, values| {
            check_leaf(kind.op.name(), shape, values.len(), at); // before anything is stored
            let mut list = self.write_at(at);
            list.ready(at);
            let place = match values {
                [x] => list.store.push_number(*x, at),
                _ => match list.store.build(values.len(), |y| y.copy_from_slice(values)) {
                    Ok(place) => place,
                    Err(e) => {
                        drop(list);
                        panic!("{}", e.of(kind.op.name(), [shape.into()], at));
                    }
                },
            };
            let id = list.leaf(kind, shape, place, tracked, at);
            if list.nodes[id as usize].tracked {
                list.leaves.push(id, None, 0, true);
            }
            id
        });
        Var::at(self, id)
    }

    /// A number, without a gradient.
    #[track_caller]
    pub(crate) fn number(&self, x: T) -> Var<'_, T> {
        let at = Location::caller();
        let mut list = self.write();
        list.ready(at);
        let place = list.store.push_number(x, at);
        let id = list.leaf(Fixed::CONSTANT, &[], place, false, at);
        drop(list);
        Var::at(self, id)
    }

    /// A value whose gradient may be asked for: an ndarray array or view, a slice, a `Vec`, a fixed-size array or a number.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf(wengert::ndarray::array![[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(tape.grad(x.square().sum(), &[x])[0].unwrap().to_vec(), [2.0, 4.0, 6.0, 8.0]);
    /// ```
    ///
    /// # Panics
    /// If the array has more than 64 axes or 2^32 - 2 elements, or there is not enough memory.
    #[track_caller]
    pub fn leaf(&self, values: impl Source<T>) -> Var<'_, T> {
        self.new_leaf(Fixed::LEAF, values, true)
    }

    /// A value that [`Tape::backward`] does not differentiate: data, targets, masks.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (x, c) = (tape.leaf([1.0, 2.0]), tape.constant([3.0, 4.0]));
    /// assert!(!c.is_tracked() && (x * c).is_tracked());
    /// ```
    ///
    /// # Panics
    /// If the array has more than 64 axes or 2^32 - 2 elements, or there is not enough memory.
    #[track_caller]
    pub fn constant(&self, values: impl Source<T>) -> Var<'_, T> {
        self.new_leaf(Fixed::CONSTANT, values, false)
    }

    /// A parameter's current value. Large ones are shared without a copy; using one twice in a step gives the same `Var`. Frozen ones
    /// ([`Param::freeze`]) are constants, and each call records their value anew, as under [`Tape::no_grad`].
    ///
    /// ```
    /// use wengert::{Param, Tape};
    /// let (w, mut tape) = (Param::<f64>::new("w", [1.0, 2.0]), Tape::new());
    /// assert_eq!(tape.param(&w).node(), tape.param(&w).node());
    /// tape.reset();
    /// w.set([3.0, 4.0]);
    /// assert_eq!(tape.param(&w).to_vec(), [3.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// If the parameter was changed since this tape recorded it: values on a tape never change, so it would be used with its old value. A loop that
    /// forgets [`Tape::reset`] would never learn. Also if a closure of [`Param::with_mut`] holds the parameter on this thread.
    #[track_caller]
    pub fn param(&self, param: &Param<T>) -> Var<'_, T> {
        let at = Location::caller();
        param.check_readable();
        let mut list = self.write();
        let frozen = param.is_frozen();
        if !frozen
            && !list.no_grad.get()
            && let Some(leaf) = list.leaves.find(param)
        {
            if leaf.version != param.version() {
                drop(list);
                refuse_stale(param, at);
            }
            return Var::at(self, leaf.id);
        }
        list.ready(at);
        let count = param.shape().numel();
        check_leaf("param", param.shape(), count, at);
        let mut version = 0;
        let place = match count {
            n if n <= SMALL => list.store.build(n, |y| version = param.copy_to(y)),
            _ => {
                let (values, of) = param.shared_version();
                version = of;
                Ok(list.store.share(values))
            }
        };
        let place = place.unwrap_or_else(|e| panic!("{}", e.of("param", [param.shape().clone()], at)));
        let id = list.leaf(Fixed::PARAM, param.shape(), place, !frozen, at);
        let tracked = list.nodes[id as usize].tracked;
        list.leaves.push(id, Some(param), version, tracked);
        Var::at(self, id)
    }
}

impl<T: Scalar> List<T> {
    /// Records a node without inputs. The caller has called [`List::ready`].
    fn leaf(&mut self, kind: &'static Fixed<T>, shape: &[usize], place: Place, tracked: bool, at: At) -> NodeId {
        let layout = self.layouts.contiguous(shape);
        let tracked = tracked && self.is_live();
        let at = self.at.unwrap_or(at);
        self.append(Node { tracked, ..node(OpRef::Fixed(kind), layout, place, at) })
    }
}

/// Refuses a parameter that is not as it was recorded.
#[cold]
#[inline(never)]
fn refuse_stale<T: Scalar>(param: &Param<T>, at: At) -> ! {
    let e = ShapeError::new(format!("parameter {} was changed since this tape recorded it, and a tape keeps the old value", param.path()));
    let e = e.hint("call `tape.reset()` after `tape.backward(loss)`, before the parameters are changed");
    panic!("{}", e.of("param", [param.shape().clone()], at));
}

/// Refuses a leaf of too many axes or elements, or of another number of elements than its shape says.
#[inline]
fn check_leaf(kind: &'static str, shape: &[usize], count: usize, at: At) {
    // Cheap first: small leaves are made in every step.
    let counted = shape.iter().fold(1usize, |product, &n| product.saturating_mul(n));
    if shape.len() > 64 || counted != count || count > MOST || count == 0 {
        check_odd_leaf(kind, shape, count, at);
    }
}
#[cold]
fn check_odd_leaf(kind: &'static str, shape: &[usize], count: usize, at: At) {
    let shape = Shape::from(shape);
    let counted = || match shape.numel() == count {
        true => Ok(()),
        false => Err(ShapeError::new(format!("{count} values do not fill shape {shape}")).hint("give as many as the shape says")),
    };
    if let Err(e) = check_rank(&shape).and_then(|()| shape.check_size()).and_then(|()| counted()) {
        panic!("{}", e.of(kind, [shape], at));
    }
}

/// The op of a node without inputs; its name says what it stands for.
#[derive(Debug)]
struct Leaf(&'static str);

impl<T: Scalar> Fixed<T> {
    pub const LEAF: &'static Fixed<T> = &Fixed { op: &Leaf("leaf"), number: None };
    pub const CONSTANT: &'static Fixed<T> = &Fixed { op: &Leaf("constant"), number: None };
    pub const PARAM: &'static Fixed<T> = &Fixed { op: &Leaf("param"), number: None };
    pub const COTANGENT: &'static Fixed<T> = &Fixed { op: &Leaf("cotangent"), number: None };
}

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
