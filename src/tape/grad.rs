//! How does a user ask for gradients? By a sweep whose nodes are thrown away ([`Tape::backward`]), or by one whose nodes are kept
//! ([`Tape::grad`]), so that they can be differentiated again.

use crate::array::error::ShapeError;
use crate::array::scalar::Scalar;
use crate::kernels::strided::lay_out;
use crate::tape::Tape;
use crate::tape::grads::Grads;
use crate::tape::node::{NO_COTANGENT, UNWANTED};
use crate::tape::owner::{Discarded, Kept};
use crate::tape::sweep::Sweep;
use crate::tape::var::{Var, refuse};
use ndarray::ArrayViewD;
use std::panic::Location;

impl<T: Scalar> Tape<T> {
    /// The gradient of a scalar with respect to every parameter and tracked leaf, by one reverse sweep.
    ///
    /// Nodes made on the way are thrown away: use [`Tape::grad`] for gradients that are to be differentiated again, or for those
    /// of intermediate values.
    ///
    /// ```
    /// use wengert::{Param, Tape};
    /// let (w, tape) = (Param::<f64>::new("w", [2.0, 3.0]), Tape::new());
    /// let x = tape.leaf([4.0, 5.0]);
    /// let grads = tape.backward((tape.param(&w) * x).sum());
    /// assert_eq!(grads.slice(&w), Some(&[4.0, 5.0][..]));
    /// assert_eq!(grads.wrt(x).unwrap().as_slice(), Some(&[2.0, 3.0][..]));
    /// ```
    ///
    /// # Panics
    /// If `loss` has more than one element, belongs to another tape, or depends on no parameter and no tracked leaf.
    #[track_caller]
    pub fn backward<'t>(&'t self, loss: Var<'t, T>) -> Grads<T> {
        let shape = loss.shape();
        if shape.numel() != 1 {
            let e = ShapeError::new(format!("the loss must be a number, but its shape is {shape}"));
            refuse(e.hint("reduce it with `.sum()` or `.mean()`, or give its cotangent to `backward_with`"), "backward", []);
        }
        self.backward_sweep("backward", loss, None)
    }

    /// As [`Tape::backward`], for an output of any shape whose cotangent is given.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([1.0, 2.0]);
    /// let grads = tape.backward_with(x * x, tape.constant([1.0, 10.0]));
    /// assert_eq!(grads.wrt(x).unwrap().as_slice(), Some(&[2.0, 40.0][..]));
    /// ```
    ///
    /// # Panics
    /// If the shapes of `y` and `cotangent` differ, or as [`Tape::backward`] does.
    #[track_caller]
    pub fn backward_with<'t>(&'t self, y: Var<'t, T>, cotangent: Var<'t, T>) -> Grads<T> {
        check_seed("backward_with", y, cotangent);
        self.check_tape("backward_with", cotangent);
        self.backward_sweep("backward_with", y, Some(cotangent))
    }

    #[track_caller]
    fn backward_sweep<'t>(&'t self, op: &'static str, y: Var<'t, T>, cotangent: Option<Var<'t, T>>) -> Grads<T> {
        self.check_tape(op, y);
        let mut list = self.write();
        if !list.nodes[y.id as usize].tracked {
            drop(list);
            let e = ShapeError::new("the output depends on no parameter and no tracked leaf, so there is no gradient");
            refuse(e.hint("make inputs with `tape.leaf(..)` or `tape.param(..)`, outside `no_grad`"), op, []);
        }
        let owner = Discarded::new(&mut list);
        drop(list);
        let mut sweep = Sweep::new(self, 0, y.id, owner);
        sweep.mark_tracked();
        let seed = cotangent.unwrap_or_else(|| y.ones_like());
        sweep.run(y.id, seed.id);
        let mut grads = self.write().spare_grads.pop().unwrap_or_default();
        grads.belongs_to(self.step());
        let mut list = self.write();
        let wanted = list.leaves.get().iter().filter(|leaf| leaf.id <= y.id).map(|leaf| sweep.entries[leaf.id as usize]);
        // The loss is settled with them: where it still waits, one run computes it and its gradient.
        list.settle(wanted.filter(|&c| c < UNWANTED).chain([y.id]));
        for k in 0..list.leaves.len {
            let id = list.leaves.get()[k].id;
            if id > y.id || sweep.entries[id as usize] >= UNWANTED {
                continue;
            }
            let cotangent = sweep.entries[id as usize];
            let large = sweep.owner.take(&mut list, cotangent);
            let (leaf, shape) = (&list.leaves.get()[k], list.layout(id).shape());
            match large {
                Some(buffer) => grads.add_large(leaf, shape, buffer),
                None => grads.add_small(leaf, shape, |y| lay_out(list.view(cotangent), y)),
            }
        }
        drop(list);
        grads
    }

    /// The gradients of a scalar `y` (or of the sum of its elements) with respect to any values it was computed from, as `Var`s that
    /// can be differentiated again. `None` where `y` does not depend on one.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf(2.0);
    /// let y = x * x * x;
    /// let dy = tape.grad(y, &[x])[0].unwrap(); // 3 x^2
    /// let d2y = tape.grad(dy, &[x])[0].unwrap(); // 6 x
    /// assert_eq!((dy.item(), d2y.item()), (12.0, 12.0));
    /// ```
    ///
    /// # Panics
    /// If a `Var` belongs to another tape.
    #[track_caller]
    pub fn grad<'t>(&'t self, y: Var<'t, T>, xs: &[Var<'t, T>]) -> Vec<Option<Var<'t, T>>> {
        self.check_all("grad", y, xs);
        self.grad_checked(y, y.ones_like(), xs)
    }

    /// As [`Tape::grad`], for an output whose cotangent is given: the vector-Jacobian product.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([1.0, 2.0]);
    /// let dx = tape.grad_with(x * x, tape.constant([1.0, 10.0]), &[x])[0].unwrap();
    /// assert_eq!(dx.to_vec(), [2.0, 40.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes of `y` and `cotangent` differ, or a `Var` belongs to another tape.
    #[track_caller]
    pub fn grad_with<'t>(&'t self, y: Var<'t, T>, cotangent: Var<'t, T>, xs: &[Var<'t, T>]) -> Vec<Option<Var<'t, T>>> {
        check_seed("grad_with", y, cotangent);
        self.check_tape("grad_with", cotangent);
        self.check_all("grad_with", y, xs);
        self.grad_checked(y, cotangent, xs)
    }

    #[track_caller]
    fn grad_checked<'t>(&'t self, y: Var<'t, T>, cotangent: Var<'t, T>, xs: &[Var<'t, T>]) -> Vec<Option<Var<'t, T>>> {
        let Some(floor) = xs.iter().map(|x| x.id).min() else { return Vec::new() };
        let kept = Kept::new(&self.read());
        let mut sweep = Sweep::new(self, floor, y.id, kept);
        for x in xs.iter().filter(|x| x.id <= y.id) {
            sweep.entries[(x.id - floor) as usize] = NO_COTANGENT;
        }
        sweep.mark_dependents();
        sweep.run(y.id, cotangent.id);
        let found = |x: &Var<'t, T>| sweep.entries.get((x.id - floor) as usize).copied().filter(|&c| c < UNWANTED);
        xs.iter().map(|x| found(x).map(|id| Var::at(self, id))).collect()
    }

    #[track_caller]
    fn check_all(&self, op: &'static str, y: Var<'_, T>, xs: &[Var<'_, T>]) {
        self.check_tape(op, y);
        for x in xs {
            self.check_tape(op, *x);
        }
    }

    #[track_caller]
    fn check_tape(&self, op: &'static str, v: Var<'_, T>) {
        if !std::ptr::eq(v.tape, self) {
            refuse(ShapeError::new("a Var of another tape").hint("call the method of the tape on which it was computed"), op, []);
        }
    }
}

impl<T: Scalar> Grads<T> {
    /// The gradient of a tracked leaf; `None` if the loss does not depend on it.
    ///
    /// # Panics
    /// If the Var is not a leaf but was computed (a leaf that was reshaped is another Var), is of another tape, or of a later step than the
    /// gradients.
    #[track_caller]
    pub fn wrt(&self, leaf: Var<'_, T>) -> Option<ArrayViewD<'_, T>> {
        assert!(
            leaf.tape.step() == self.step(),
            "wrt: the Var is of another tape than the gradients, or was made after a reset\n  at {}\n  hint: ask before `reset`, or use a `Param`, \
             whose gradient outlives the step (`Grads::get`)",
            Location::caller()
        );
        assert!(
            leaf.tape.read().inputs(leaf.id).is_empty(),
            "wrt: only leaves have gradients here, and this Var was computed, by `{}`\n  at {}\n  hint: ask for the leaf it was made from, or \
             by `tape.grad(loss, &[v])`, which gives the gradient by any Var",
            leaf.tape.read().op(leaf.id).name(),
            Location::caller()
        );
        self.of_leaf(leaf.id)
    }
}

#[track_caller]
fn check_seed<T: Scalar>(op: &'static str, y: Var<'_, T>, cotangent: Var<'_, T>) {
    if y.shape() != cotangent.shape() {
        let message = format!("the cotangent has shape {}, but the output has {}", cotangent.shape(), y.shape());
        refuse(ShapeError::new(message).hint("a cotangent has the shape of the output"), op, []);
    }
}
