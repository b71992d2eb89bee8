//! Derivatives of functions, as in JAX: they take closures over `Var`s and return closures over `Var`s, which can be differentiated again.

use crate::array::error::ShapeError;
use crate::array::memory::{filled, room};
use crate::array::scalar::Scalar;
use crate::array::shape::Shape;
use crate::array::source::Source;
use crate::ops::join::stack;
use crate::tape::Tape;
use crate::tape::var::{Var, refuse};
use std::panic::Location;

impl<'t, T: Scalar> Var<'t, T> {
    /// The gradient, or zeros with the shape of `x` where there is none: a function that does not depend on x has derivative 0.
    fn or_zeros(gradient: Option<Self>, x: Self) -> Self {
        gradient.unwrap_or_else(|| x.zeros_like())
    }
}

/// Refuses a direction whose shape is not that of x.
#[track_caller]
fn check_direction<T: Scalar>(op: &'static str, x: Var<'_, T>, v: Var<'_, T>) {
    if x.shape() != v.shape() {
        let e = ShapeError::new(format!("x has shape {}, but the direction has {}", x.shape(), v.shape()));
        refuse(e.hint("give one number for each of x"), op, [x.shape(), v.shape()]);
    }
}

/// The derivative of a function of one array whose value is a number: `x -> df/dx`, again a function of `Var`s. Shape: that of x.
///
/// ```
/// use wengert::{Tape, Var, grad};
/// let tape = Tape::<f64>::new();
/// let x = tape.leaf(2.0);
/// let second = grad(grad(|x: Var<f64>| x * x * x));
/// assert_eq!(second(x).item(), 12.0);
/// ```
///
/// The returned function panics if the value has more than one element: see [`jacobian`].
#[track_caller]
pub fn grad<'t, T: Scalar>(f: impl Fn(Var<'t, T>) -> Var<'t, T>) -> impl Fn(Var<'t, T>) -> Var<'t, T> {
    let both = value_and_grad(f);
    move |x| both(x).1
}

/// As [`grad`], but with the value: `x -> (f(x), df/dx)`. (PyTorch's `torch.func.grad_and_value` returns them in the other order.)
///
/// ```
/// use wengert::{Tape, Var, value_and_grad};
/// let tape = Tape::<f64>::new();
/// let (y, dy) = value_and_grad(|x: Var<f64>| (x * x).sum())(tape.leaf([3.0, 4.0]));
/// assert_eq!((y.item(), dy.to_vec()), (25.0, vec![6.0, 8.0]));
/// ```
///
/// The returned function panics if the value has more than one element.
#[track_caller]
pub fn value_and_grad<'t, T: Scalar>(f: impl Fn(Var<'t, T>) -> Var<'t, T>) -> impl Fn(Var<'t, T>) -> (Var<'t, T>, Var<'t, T>) {
    // The location is read here: inside the closure it would not be the caller's.
    let at = Location::caller();
    move |x| {
        let y = f(x);
        if y.numel() != 1 {
            let e = ShapeError::new(format!("the function's value must be a number, but its shape is {}", y.shape()));
            panic!("{}", e.hint("see `jacobian`").of("grad", [x.shape()], at));
        }
        (y, Var::or_zeros(x.tape().grad(y, &[x])[0], x))
    }
}

/// The value at x, and the vector-Jacobian product there: `u -> u^T J`. Shapes: u that of f(x), the product that of x.
///
/// ```
/// use wengert::{Tape, vjp};
/// let tape = Tape::<f64>::new();
/// let x = tape.leaf([1.0, 2.0]);
/// let (y, pull) = vjp(|x| x * x, x);
/// assert_eq!(y.to_vec(), [1.0, 4.0]);
/// assert_eq!(pull(tape.constant([1.0, 10.0])).to_vec(), [2.0, 40.0]);
/// ```
///
/// The returned function panics if u and f(x) differ in shape.
#[track_caller]
pub fn vjp<'t, T: Scalar>(f: impl FnOnce(Var<'t, T>) -> Var<'t, T>, x: Var<'t, T>) -> (Var<'t, T>, impl Fn(Var<'t, T>) -> Var<'t, T>) {
    let (y, at) = (f(x), Location::caller());
    let pull = move |u: Var<'t, T>| {
        if u.shape() != y.shape() {
            let e = ShapeError::new(format!("the vector has shape {}, the function's value {}", u.shape(), y.shape()));
            panic!("{}", e.hint("give one number for each of the value").of("vjp", [x.shape()], at));
        }
        Var::or_zeros(x.tape().grad_with(y, u, &[x])[0], x)
    };
    (y, pull)
}

/// The value at x and the Jacobian-vector product there, the directional derivative `J v`. Shapes: v that of x, the product that of f(x).
///
/// A vector-Jacobian product is linear in its vector u. Its derivative by u, in the direction v, is `J v`: reverse rules alone give
/// forward-mode derivatives (J. Townsend, "A new trick for calculating Jacobian vector products", 2017).
///
/// ```
/// use wengert::{Tape, jvp};
/// let tape = Tape::<f64>::new();
/// let (y, dy) = jvp(|x| x.sin(), tape.leaf([0.0, 1.0]), tape.constant([1.0, 0.5]));
/// assert_eq!(y.to_vec(), [0.0, 1f64.sin()]);
/// assert_eq!(dy.to_vec(), [1.0, 0.5 * 1f64.cos()]);
/// ```
///
/// # Panics
/// If v and x differ in shape.
#[track_caller]
pub fn jvp<'t, T: Scalar>(f: impl FnOnce(Var<'t, T>) -> Var<'t, T>, x: Var<'t, T>, v: Var<'t, T>) -> (Var<'t, T>, Var<'t, T>) {
    check_direction("jvp", x, v);
    let y = f(x);
    // Any u will do: the product is linear in u, so its derivative does not depend on u.
    let u = y.zeros_like();
    let tangent = x.tape().grad_with(y, u, &[x])[0].and_then(|pulled| x.tape().grad_with(pulled, v, &[u])[0]);
    (y, Var::or_zeros(tangent, y))
}

/// All partial derivatives of a function of one array. Shape: that of f(x) followed by that of x. (PyTorch's `torch.func.jacrev`.)
///
/// It takes one reverse sweep for each element of f(x).
///
/// ```
/// use wengert::{Tape, jacobian};
/// let tape = Tape::<f64>::new();
/// let x = tape.leaf([1.0, 2.0, 3.0]);
/// let j = jacobian(|x| x * x, x);
/// assert_eq!(j.to_vec(), [2.0, 0.0, 0.0, 0.0, 4.0, 0.0, 0.0, 0.0, 6.0]);
/// ```
///
/// # Panics
/// If the result would have more elements than an array can have.
#[track_caller]
pub fn jacobian<'t, T: Scalar>(f: impl FnOnce(Var<'t, T>) -> Var<'t, T>, x: Var<'t, T>) -> Var<'t, T> {
    let y = f(x);
    let (rows, n) = (y.shape(), y.numel());
    let shape: Shape = rows.iter().chain(x.shape().iter()).copied().collect();
    x.check_size("jacobian", &shape);
    if shape.numel() == 0 {
        return x.number(0.0).broadcast_to(&shape);
    }
    let mut unit = x.or_refuse("jacobian", filled(n, T::ZERO));
    let mut gradients = x.or_refuse("jacobian", room(n));
    // A loop: a closure would hide the caller's line.
    for i in 0..n {
        unit[i] = T::ONE;
        let u = x.tape().constant(&unit).reshape_to(rows.clone());
        unit[i] = T::ZERO;
        gradients.push(Var::or_zeros(x.tape().grad_with(y, u, &[x])[0], x));
    }
    stack(&gradients, 0).reshape_to(shape)
}

/// All second derivatives of a function of one array whose value is a number. Shape: that of x twice.
///
/// ```
/// use wengert::{Tape, hessian};
/// let tape = Tape::<f64>::new();
/// let x = tape.leaf([1.0, 2.0]);
/// let h = hessian(|x| (x * x * x).sum(), x);
/// assert_eq!(h.to_vec(), [6.0, 0.0, 0.0, 12.0]);
/// ```
///
/// # Panics
/// As [`jacobian`], and if the function's value is not a number.
#[track_caller]
pub fn hessian<'t, T: Scalar>(f: impl Fn(Var<'t, T>) -> Var<'t, T>, x: Var<'t, T>) -> Var<'t, T> {
    jacobian(grad(f), x)
}

/// The Hessian of a function whose value is a number, times a vector. The Hessian itself is not computed: this is the gradient of `<grad
/// f(x), v>`. Shape: that of x.
///
/// ```
/// use wengert::{Tape, hvp};
/// let tape = Tape::<f64>::new();
/// let x = tape.leaf([1.0, 2.0]);
/// let hv = hvp(|x| (x * x * x).sum(), x, tape.constant([1.0, -1.0]));
/// assert_eq!(hv.to_vec(), [6.0, -12.0]);
/// ```
///
/// # Panics
/// If v and x differ in shape, or the function's value is not a number.
#[track_caller]
pub fn hvp<'t, T: Scalar>(f: impl Fn(Var<'t, T>) -> Var<'t, T>, x: Var<'t, T>, v: Var<'t, T>) -> Var<'t, T> {
    check_direction("hvp", x, v);
    let gradient = grad(f)(x);
    Var::or_zeros(x.tape().grad_with(gradient, v, &[x])[0], x)
}

/// Value and gradient of a function at a plain array, computed on a tape of its own. Shape of the gradient: that of x.
///
/// ```
/// let (y, g) = wengert::value_and_grad_of(|x| (x * x).sum(), [1.0, 2.0]);
/// assert_eq!((y, g.as_slice().unwrap()), (5.0, &[2.0, 4.0][..]));
/// ```
///
/// # Panics
/// If the function's value is not a number.
pub fn value_and_grad_of<T: Scalar>(f: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T>, x: impl Source<T>) -> (T, ndarray::ArrayD<T>) {
    let tape = Tape::new();
    let x = tape.leaf(x);
    let (y, g) = value_and_grad(&f)(x);
    (y.item(), g.to_array())
}
