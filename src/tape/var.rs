//! What does a user hold? A [`Var`]: a copyable handle on a node of a tape.

use crate::array::error::ShapeError;
use crate::array::scalar::Scalar;
use crate::array::shape::{Shape, Sizes};
use crate::tape::Tape;
use crate::tape::node::NodeId;
use crate::tape::op::erase::Listed;
use crate::tape::record::List;
use ndarray::{ArrayD, ArrayViewD, IxDyn};
use std::cell::Ref;
use std::fmt;

/// A value on a tape: 16 bytes, `Copy`, passed by value or by reference alike.
///
/// Operations are methods and operators; each appends a node to the tape. They panic, with the caller's line, where shapes do not
/// fit; [`Tape::try_apply`] is the door that returns an error instead.
///
#[doc = include_str!("var.md")]
#[derive(Clone, Copy)]
pub struct Var<'t, T: Scalar = f32> {
    pub(crate) tape: &'t Tape<T>,
    pub(crate) id: NodeId,
}

impl<'t, T: Scalar> Var<'t, T> {
    pub(crate) fn at(tape: &'t Tape<T>, id: NodeId) -> Self {
        Var { tape, id }
    }
    /// The tape it lies on.
    pub fn tape(self) -> &'t Tape<T> {
        self.tape
    }
    /// Its place in the tape's list ([`Tape::nodes`]).
    pub fn node(self) -> usize {
        self.id as usize
    }
    /// The sizes of its axes.
    pub fn shape(self) -> Shape {
        self.tape.read().layout(self.id).shape().clone()
    }
    /// The number of its axes.
    pub fn ndim(self) -> usize {
        self.tape.read().layout(self.id).shape().len()
    }
    /// The number of its elements.
    pub fn numel(self) -> usize {
        self.tape.read().layout(self.id).numel()
    }
    /// The size of one axis; negative axes count from the end.
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn size(self, axis: isize) -> usize {
        let shape = self.shape();
        shape[self.axis("size", axis)]
    }
    /// Whether a gradient can flow from here to a leaf or parameter.
    pub fn is_tracked(self) -> bool {
        self.tape.read().nodes[self.id as usize].tracked
    }

    /// The value of a one-element array.
    ///
    /// Ops that wait for their values to be read are computed now. So read a loss after [`Tape::backward`](crate::Tape::backward), not
    /// before: then it is computed in one pass with what the sweep reads.
    ///
    /// # Panics
    /// If it has more or fewer elements.
    #[track_caller]
    pub fn item(self) -> T {
        let list = self.tape.read();
        let view = list.view(self.id);
        let n = view.layout.numel();
        if n != 1 {
            let shape = view.shape();
            panic!(
                "item: an array of shape {shape} is not one number\n  at {}\n  hint: reduce it first, or use `to_array()`",
                std::panic::Location::caller()
            );
        }
        view.data[view.offset]
    }
    /// A copy as an ndarray array.
    ///
    /// # Panics
    /// If there are more elements than memory holds: a view may have any number of them.
    #[track_caller]
    pub fn to_array(self) -> ArrayD<T> {
        ArrayD::from_shape_vec(IxDyn(&self.shape()), self.elements("to_array")).expect("as many elements as the shape says")
    }
    /// A copy of the elements, in row-major order.
    ///
    /// # Panics
    /// If there are more than memory holds.
    #[track_caller]
    pub fn to_vec(self) -> Vec<T> {
        self.elements("to_vec")
    }
    #[track_caller]
    pub(crate) fn elements(self, op: &'static str) -> Vec<T> {
        let elements = self.tape.read().view(self.id).to_list();
        match elements {
            Ok(elements) => elements,
            Err(e) => refuse(e, op, [self.shape()]),
        }
    }
    /// Refuses for an op what no array can be, before anything is made for it.
    #[track_caller]
    pub(crate) fn check_size(self, op: &'static str, shape: &Shape) {
        if let Err(e) = shape.check_size() {
            refuse(e, op, [self.shape()]);
        }
    }
    /// What an op asks of memory, or a refusal.
    #[track_caller]
    pub(crate) fn or_refuse<V>(self, op: &'static str, had: Result<V, ShapeError>) -> V {
        match had {
            Ok(v) => v,
            Err(e) => refuse(e, op, [self.shape()]),
        }
    }
    /// The value without a copy (views that are not contiguous are laid out once first). While the result lives the tape can be read
    /// but not written.
    ///
    /// ```
    /// let tape = wengert::Tape::<f32>::new();
    /// let x = tape.leaf([[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(x.value().view()[[1, 0]], 3.0);
    /// ```
    ///
    /// # Panics
    /// If there are more elements than memory holds.
    #[track_caller]
    pub fn value(self) -> Value<'t, T> {
        if !self.tape.read().layout(self.id).is_contiguous() {
            self.check_size("value", &self.shape());
        }
        let x = self.contiguous();
        Value { list: self.tape.read(), id: x.id }
    }

    /// A number on the same tape.
    #[track_caller]
    pub fn number(self, c: f64) -> Self {
        self.tape.number(T::from_f64(c))
    }
    /// Ones of the same shape, without a gradient.
    #[track_caller]
    pub fn ones_like(self) -> Self {
        self.number(1.0).broadcast_to_shape(self.shape())
    }
    /// Zeros of the same shape, without a gradient.
    #[track_caller]
    pub fn zeros_like(self) -> Self {
        self.number(0.0).broadcast_to_shape(self.shape())
    }

    /// Records a built-in op of this and other inputs.
    #[track_caller]
    pub(crate) fn record<O: Listed>(self, op: O) -> Self {
        self.tape.listed(op, [self])
    }
    #[track_caller]
    pub(crate) fn record2<O: Listed>(self, op: O, other: Self) -> Self {
        self.tape.listed(op, [self, other])
    }
    #[track_caller]
    pub(crate) fn record3<O: Listed>(self, op: O, second: Self, third: Self) -> Self {
        self.tape.listed(op, [self, second, third])
    }
    /// Both operands as views of the shape that they broadcast to.
    #[track_caller]
    pub(crate) fn broadcast_with(self, other: Self, op: &'static str) -> (Self, Self) {
        let list = self.tape.read();
        if !std::ptr::eq(self.tape, other.tape) || list.nodes[self.id as usize].layout == list.nodes[other.id as usize].layout {
            return (self, other); // what is wrong with Vars of two tapes is said when the op is recorded
        }
        let (a, b) = (list.layout(self.id).shape().clone(), list.layout(other.id).shape().clone());
        drop(list);
        match a.broadcast(&b) {
            Some(shape) => (self.broadcast_to_shape(shape.clone()), other.broadcast_to_shape(shape)),
            None => {
                let axis = (1..=a.len().min(b.len())).find(|&i| {
                    let (m, n) = (a[a.len() - i], b[b.len() - i]);
                    m != n && m != 1 && n != 1
                });
                let i = axis.expect("shapes that do not broadcast differ somewhere");
                let (m, n) = (a[a.len() - i], b[b.len() - i]);
                let e = ShapeError::new(format!("the shapes do not broadcast: axis -{i} has {m} and {n}"))
                    .hint("sizes are compared from the last axis; they must be equal, or one of them 1 (see `unsqueeze`)");
                refuse(e, op, [a, b])
            }
        }
    }
    /// Whether this is a number and `axis` one that PyTorch lets a number have.
    pub(crate) fn is_number_axis(self, axis: isize) -> bool {
        self.ndim() == 0 && [0, -1].contains(&axis)
    }
    /// A shape as a caller writes it; refuses negative sizes.
    #[track_caller]
    pub(crate) fn shape_of(self, op: &'static str, sizes: impl Sizes) -> Shape {
        match sizes_to_shape(&sizes.to_sizes()) {
            Ok(shape) => shape,
            Err(e) => refuse(e, op, [self.shape()]),
        }
    }
    /// Resolves an axis for a method.
    #[track_caller]
    pub(crate) fn axis(self, op: &'static str, axis: isize) -> usize {
        let shape = self.shape();
        match shape.axis(axis) {
            Ok(a) => a,
            Err(e) => refuse(e, op, [shape]),
        }
    }
}

/// A shape of these sizes, if none is negative.
pub(crate) fn sizes_to_shape(sizes: &[isize]) -> Result<Shape, ShapeError> {
    match sizes.iter().find(|&&n| n < 0) {
        Some(n) => Err(ShapeError::new(format!("{sizes:?} is no shape: size {n} is negative"))
            .hint("only `reshape`, `expand` and `unflatten` take -1")),
        None => Ok(sizes.iter().map(|&n| n as usize).collect()),
    }
}

/// Panics with an error that a method found before it recorded anything.
#[track_caller]
pub(crate) fn refuse<const N: usize>(e: ShapeError, op: &'static str, shapes: [Shape; N]) -> ! {
    panic!("{}", e.of(op, shapes, std::panic::Location::caller()))
}

/// A borrowed value; see [`Var::value`].
pub struct Value<'t, T: Scalar> {
    list: Ref<'t, List<T>>,
    id: NodeId,
}

impl<T: Scalar> Value<'_, T> {
    /// The elements, in row-major order.
    pub fn as_slice(&self) -> &[T] {
        self.list.view(self.id).as_slice().expect("made contiguous")
    }
    /// The array.
    pub fn view(&self) -> ArrayViewD<'_, T> {
        ArrayViewD::from_shape(IxDyn(self.list.layout(self.id).shape()), self.as_slice()).expect("as many as the shape says")
    }
}

/// The node's line of the tape.
impl<T: Scalar> fmt::Debug for Var<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tape.describe(self.id, f)
    }
}

/// The value, as ndarray prints it; of a view that memory does not hold, its line of the tape.
impl<T: Scalar> fmt::Display for Var<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let elements = self.tape.read().view(self.id).to_list();
        match elements.ok().and_then(|elements| ArrayD::from_shape_vec(IxDyn(&self.shape()), elements).ok()) {
            Some(array) => fmt::Display::fmt(&array, f),
            None => fmt::Debug::fmt(self, f),
        }
    }
}

/// What a method takes as its second operand: a `Var`, by value or reference, or a plain number.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no operand for a `Var` of `{T}`",
    note = "a tape has one number type, `f32` or `f64`: operands are `Var`s of the same type, or plain numbers of it (`0.5` is either)",
    note = "an array comes onto the tape by `tape.constant(..)`"
)]
pub trait Operand<'t, T: Scalar> {
    /// As a `Var` of the given tape.
    fn to_var(self, tape: &'t Tape<T>) -> Var<'t, T>;
    /// The sizes of its axes: what a method checks before it records anything, if only a number.
    fn shape(&self) -> Shape;
}

impl<'t, T: Scalar> Operand<'t, T> for Var<'t, T> {
    fn to_var(self, _: &'t Tape<T>) -> Var<'t, T> {
        self
    }
    fn shape(&self) -> Shape {
        Var::shape(*self)
    }
}
impl<'t, T: Scalar> Operand<'t, T> for &Var<'t, T> {
    fn to_var(self, _: &'t Tape<T>) -> Var<'t, T> {
        *self
    }
    fn shape(&self) -> Shape {
        Var::shape(**self)
    }
}
impl<'t, T: Scalar> Operand<'t, T> for T {
    #[track_caller]
    fn to_var(self, tape: &'t Tape<T>) -> Var<'t, T> {
        tape.number(self)
    }
    fn shape(&self) -> Shape {
        Shape::scalar()
    }
}
