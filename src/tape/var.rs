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
/// Operations are methods and operators; each appends a node to the tape. They panic, with the caller's line, where shapes do not fit or
/// the operands lie on two tapes; [`Tape::try_apply`] is the door that returns an error instead.
///
/// The operators `+`, `-`, `*` and `/` take a `Var`, a reference to one, or a number on either side, and broadcast as in NumPy: sizes are
/// compared from the last axis on, and an axis of size 1 is repeated. Derivatives of a + b: 1 and 1; of a - b: 1 and -1; of a b: b and a;
/// of a / b: 1/b and -a/b^2. An operand that was repeated gets the sum over its repeats. `y += x` and its kin give the name y a new value; nothing is
/// changed in place.
///
/// ```
/// let tape = wengert::Tape::<f64>::new();
/// let (a, b) = (tape.leaf([[1.0], [2.0]]), tape.leaf([10.0, 20.0]));
/// let y = 2.0 * a * b - 1.0; // shapes [2, 1] and [2] to [2, 2]
/// assert_eq!(y.to_vec(), [19.0, 39.0, 39.0, 79.0]);
/// assert_eq!(tape.grad(y, &[a])[0].unwrap().to_vec(), [60.0, 60.0]);
/// ```
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
    ///
    /// ```
    /// use wengert::{Tape, Var};
    /// fn weighted<'t>(x: Var<'t, f64>) -> Var<'t, f64> {
    ///     x * x.tape().constant([0.5, 2.0])
    /// }
    /// assert_eq!(weighted(Tape::new().leaf([4.0, 1.0])).to_vec(), [2.0, 2.0]);
    /// ```
    pub fn tape(self) -> &'t Tape<T> {
        self.tape
    }
    /// Its place in the tape's list ([`Tape::nodes`]).
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (x, y) = (tape.leaf(1.0), tape.leaf(2.0));
    /// let quotient = x / y;
    /// assert_eq!(tape.nodes()[quotient.node()].inputs, [x.node(), y.node()]);
    /// ```
    pub fn node(self) -> usize {
        self.id as usize
    }
    /// The sizes of its axes; a number has none.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// assert_eq!(tape.leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).shape(), [2, 3]);
    /// assert!(tape.leaf(1.0).shape().is_empty());
    /// ```
    pub fn shape(self) -> Shape {
        self.tape.read().layout(self.id).shape().clone()
    }
    /// The number of its axes; 0 for a number.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!((x.ndim(), x.sum_axes(0, false).ndim(), x.sum().ndim()), (2, 1, 0));
    /// ```
    pub fn ndim(self) -> usize {
        self.tape.read().layout(self.id).shape().len()
    }
    /// The number of its elements, the product of its sizes; 1 for a number.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([1.0, 2.0]);
    /// assert_eq!((x.numel(), x.broadcast_to(&[1000, 2]).numel(), x.sum().numel()), (2, 2000, 1));
    /// ```
    pub fn numel(self) -> usize {
        self.tape.read().layout(self.id).numel()
    }
    /// The size of one axis; negative axes count from the end.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    /// assert_eq!((x.size(0), x.size(-1)), (2, 3));
    /// ```
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn size(self, axis: isize) -> usize {
        let shape = self.shape();
        shape[self.axis("size", axis)]
    }
    /// Whether it was computed from a leaf or parameter, so that [`Tape::backward`] goes there. (PyTorch's `requires_grad`. But the result
    /// of an op without a derivative, such as a comparison, is tracked too; no gradient flows through it.)
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (x, c) = (tape.leaf(1.0), tape.constant(2.0));
    /// assert!((x * c).is_tracked() && !(c * c).is_tracked());
    /// assert!(!x.detach().is_tracked() && !tape.no_grad(|| x * c).is_tracked());
    /// ```
    pub fn is_tracked(self) -> bool {
        self.tape.read().nodes[self.id as usize].tracked
    }

    /// The value of a one-element array of any shape, such as `[]` or `[1, 1]`.
    ///
    /// Ops that wait for their values to be read are computed now. So read a loss after [`Tape::backward`](crate::Tape::backward), not
    /// before: then it is computed in one pass with what the sweep reads.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([3.0, 4.0]);
    /// let loss = (x * x).sum();
    /// let grads = tape.backward(loss);
    /// assert_eq!(loss.item(), 25.0);
    /// assert_eq!(grads.wrt(x).unwrap().as_slice().unwrap(), [6.0, 8.0]);
    /// ```
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
    /// A copy as an ndarray array of the same shape.
    ///
    /// ```
    /// use wengert::{Tape, ndarray::Axis};
    /// let tape = Tape::<f64>::new();
    /// let rows = tape.leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).to_array();
    /// assert_eq!(rows.mean_axis(Axis(0)).unwrap().as_slice().unwrap(), [2.5, 3.5, 4.5]);
    /// ```
    ///
    /// # Panics
    /// If there are more elements than memory holds: a view may have any number of them.
    #[track_caller]
    pub fn to_array(self) -> ArrayD<T> {
        ArrayD::from_shape_vec(IxDyn(&self.shape()), self.elements("to_array")).expect("as many elements as the shape says")
    }
    /// A copy of the elements, in row-major order. Those of a view are in the order of the view.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    /// assert_eq!(x.t().to_vec(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    /// ```
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

    /// A number on the same tape, without a gradient. Shape: `[]`. In functions over any [`Scalar`], where `x * 0.5` does not compile, it
    /// stands for the literal.
    ///
    /// ```
    /// use wengert::{Scalar, Tape, Var};
    /// fn half<'t, T: Scalar>(x: Var<'t, T>) -> Var<'t, T> {
    ///     x * x.number(0.5)
    /// }
    /// assert_eq!(half(Tape::<f32>::new().leaf([3.0, -1.0])).to_vec(), [1.5, -0.5]);
    /// ```
    #[track_caller]
    pub fn number(self, c: f64) -> Self {
        self.tape.number(T::from_f64(c))
    }
    /// Ones of the same shape, without a gradient. They take the memory of a single number.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[3.0, 4.0]]);
    /// let dy = tape.grad_with(x * x, x.ones_like(), &[x])[0].unwrap();
    /// assert_eq!(dy.to_vec(), [6.0, 8.0]);
    /// ```
    #[track_caller]
    pub fn ones_like(self) -> Self {
        self.number(1.0).broadcast_to_shape(self.shape())
    }
    /// Zeros of the same shape, without a gradient. They take the memory of a single number.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([3.0, -4.0]);
    /// assert_eq!(x.gt(0.0).where_cond(x, x.zeros_like()).to_vec(), [3.0, 0.0]);
    /// ```
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
        shape_of(op, sizes, || [self.shape()])
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

/// A shape as a caller writes it; refuses negative sizes, for an op on arrays of these shapes.
#[track_caller]
pub(crate) fn shape_of<const N: usize>(op: &'static str, sizes: impl Sizes, shapes: impl FnOnce() -> [Shape; N]) -> Shape {
    let sizes = sizes.to_sizes();
    if let Some(n) = sizes.iter().find(|&&n| n < 0) {
        let e = ShapeError::new(format!("{sizes:?} is no shape: size {n} is negative"));
        refuse(e.hint("only `reshape`, `expand` and `unflatten` take -1"), op, shapes());
    }
    sizes.iter().map(|&n| n as usize).collect()
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
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(x.transpose(0, 1).value().as_slice(), [1.0, 3.0, 2.0, 4.0]);
    /// ```
    pub fn as_slice(&self) -> &[T] {
        self.list.view(self.id).as_slice().expect("made contiguous")
    }
    /// The array, of the `Var`'s shape.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(x.value().view().diag().sum(), 5.0);
    /// ```
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
