//! What does a sweep find? Gradients by parameter and by leaf, and how they change the parameters.

use crate::array::buffers::Buffer;
use crate::array::scalar::Scalar;
use crate::array::shape::Shape;
use crate::array::warning::emit_warning;
use crate::kernels::update::{UpdateRule, update};
use crate::tape::leaves::Leaf;
use crate::tape::node::{NONE, NodeId};
use crate::tape::param::Param;
use crate::tape::store::SMALL;
use ndarray::{ArrayViewD, IxDyn};
use std::fmt;
use std::ops::Range;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};

struct Entry<T: Scalar> {
    leaf: Leaf<T>,
    shape: Shape,
    values: Values<T>,
}

impl<T: Scalar> Entry<T> {
    fn is_of(&self, param: &Param<T>) -> bool {
        self.leaf.param.as_ref().is_some_and(|p| p.is(param))
    }
}

/// Where a gradient lies.
enum Values<T> {
    /// Among the small ones.
    Small(Range<usize>),
    Large(Buffer<T>),
}

/// Gradients by parameter and by leaf: what [`Tape::backward`](crate::Tape::backward) returns. It outlives a reset of the tape;
/// [`Tape::recycle`](crate::Tape::recycle) gives its memory back.
pub struct Grads<T: Scalar = f32> {
    /// Of a recycled store they are kept beyond `len`, so that a step that repeats the last one finds its parameters there.
    entries: Vec<Entry<T>>,
    len: usize,
    /// Small gradients, one after the other.
    small: Vec<T>,
    /// The tape and the step of which the leaves are.
    step: (u64, u64),
    /// Which backward pass of the program they come from, counted from 1.
    pass: u64,
    /// A mistake of [`Grads::accumulate`] was spoken of.
    warned: bool,
}

/// How many backward passes there were.
static PASSES: AtomicU64 = AtomicU64::new(0);

impl<T: Scalar> Default for Grads<T> {
    fn default() -> Self {
        Grads { entries: Vec::new(), len: 0, small: Vec::new(), step: (u64::MAX, 0), pass: 0, warned: false }
    }
}

impl<T: Scalar> Grads<T> {
    /// Forgets what it holds, and gives the large arrays back.
    pub(crate) fn clear(&mut self, mut give: impl FnMut(Buffer<T>)) {
        for e in &mut self.entries[..self.len] {
            if let Values::Large(buffer) = std::mem::replace(&mut e.values, Values::Small(0..0)) {
                give(buffer);
            }
        }
        self.len = 0;
        self.small.clear();
    }
    /// Says which tape and which step its leaves are of.
    pub(crate) fn belongs_to(&mut self, step: (u64, u64)) {
        self.step = step;
        self.pass = PASSES.fetch_add(1, Ordering::Relaxed) + 1;
        self.warned = false;
    }
    pub(crate) fn add_small(&mut self, leaf: &Leaf<T>, shape: &Shape, lay_out: impl FnOnce(&mut [T])) {
        let start = self.small.len();
        self.small.resize(start + shape.numel(), T::ZERO);
        lay_out(&mut self.small[start..]);
        self.add(leaf, shape, Values::Small(start..self.small.len()));
    }
    pub(crate) fn add_large(&mut self, leaf: &Leaf<T>, shape: &Shape, values: Buffer<T>) {
        self.add(leaf, shape, Values::Large(values));
    }
    fn add(&mut self, leaf: &Leaf<T>, shape: &Shape, values: Values<T>) {
        match self.entries.get_mut(self.len) {
            Some(e) => {
                e.leaf.put(leaf.id, leaf.param.as_ref(), leaf.version, true);
                if e.shape != *shape {
                    e.shape = shape.clone();
                }
                e.values = values;
            }
            None => self.entries.push(Entry { leaf: leaf.clone(), shape: shape.clone(), values }),
        }
        self.len += 1;
    }
    pub(super) fn step(&self) -> (u64, u64) {
        self.step
    }
    /// The gradient of a leaf.
    pub(super) fn of_leaf(&self, leaf: NodeId) -> Option<ArrayViewD<'_, T>> {
        self.entries().iter().find(|e| e.leaf.id == leaf).map(|e| self.view(e))
    }
    fn entries(&self) -> &[Entry<T>] {
        &self.entries[..self.len]
    }
    fn entry(&self, param: &Param<T>) -> Option<&Entry<T>> {
        self.entries().iter().find(|e| e.is_of(param))
    }
    fn values<'a>(&'a self, entry: &'a Entry<T>) -> &'a [T] {
        match &entry.values {
            Values::Small(range) => &self.small[range.clone()],
            Values::Large(buffer) => buffer,
        }
    }
    fn view<'a>(&'a self, entry: &'a Entry<T>) -> ArrayViewD<'a, T> {
        ArrayViewD::from_shape(IxDyn(&entry.shape), self.values(entry)).expect("as many values as the shape says")
    }
    /// The gradient of a parameter; `None` if the loss does not depend on it.
    pub fn get(&self, param: &Param<T>) -> Option<ArrayViewD<'_, T>> {
        self.entry(param).map(|e| self.view(e))
    }
    /// The gradient of a parameter, in row-major order.
    pub fn slice(&self, param: &Param<T>) -> Option<&[T]> {
        self.entry(param).map(|e| self.values(e))
    }
    /// All gradients of parameters, for a change in place (clipping, scaling).
    pub fn slices_mut(&mut self) -> impl Iterator<Item = (&Param<T>, &mut [T])> {
        // Small gradients lie in the order of their entries: each takes its part off the rest.
        let mut small = &mut self.small[..];
        self.entries[..self.len].iter_mut().filter_map(move |e| {
            let values = match &mut e.values {
                Values::Small(range) => {
                    let (part, rest) = std::mem::take(&mut small).split_at_mut(range.len());
                    small = rest;
                    part
                }
                Values::Large(buffer) => &mut buffer[..],
            };
            e.leaf.param.as_ref().map(|p| (p, values))
        })
    }
    /// Adds the gradients that others hold of parameters, so that one update serves several backward passes: batches that are too large for
    /// the memory, taken in parts. For the gradient of the mean loss, multiply the mean loss of each part by its share of the examples: with
    /// parts of equal size, divide it by their number. (Or divide the *sum* of each part's losses by the number of all examples.) Where the last
    /// part is smaller, a division by the number of parts would give its examples too much weight.
    ///
    /// ```
    /// use wengert::optim::Sgd;
    /// use wengert::{Grads, Param, Tape};
    /// let (w, mut tape) = (Param::<f64>::new("w", [1.0]), Tape::new());
    /// let mut sum = Grads::default();
    /// let batch = [1.0, 2.0, 3.0, 6.0];
    /// for part in batch.chunks(3) {
    ///     let share = part.len() as f64 / batch.len() as f64;
    ///     let loss = (tape.param(&w) * tape.constant(part)).mean() * share;
    ///     let grads = tape.backward(loss);
    ///     tape.reset();
    ///     sum.accumulate(&grads);
    ///     tape.recycle(grads);
    /// }
    /// assert_eq!(sum.slice(&w), Some(&[3.0][..]));
    /// Sgd::new(0.1).step([&w], &sum);
    /// ```
    ///
    /// If a parameter was changed between the passes whose gradients are added, it warns once: a sum of an earlier step was not begun anew.
    #[track_caller]
    pub fn accumulate(&mut self, other: &Grads<T>) {
        self.pass = self.pass.max(other.pass);
        for e in other.entries() {
            let (Some(param), more) = (&e.leaf.param, other.values(e)) else { continue };
            let known = self.entries[..self.len].iter_mut().find(|e| e.is_of(param));
            match known {
                Some(known) => {
                    if known.leaf.version != e.leaf.version && !std::mem::replace(&mut self.warned, true) {
                        warn_of_sum(param, Location::caller());
                    }
                    let sum = match &mut known.values {
                        Values::Small(range) => &mut self.small[range.clone()],
                        Values::Large(buffer) => &mut buffer[..],
                    };
                    sum.iter_mut().zip(more).for_each(|(sum, &more)| *sum += more);
                }
                None => {
                    let leaf = Leaf { id: NONE, ..e.leaf.clone() }; // no leaf of this store's step
                    match more.len() > SMALL {
                        true => self.add_large(&leaf, &e.shape, Buffer::copied(more)),
                        false => self.add_small(&leaf, &e.shape, |sum| sum.copy_from_slice(more)),
                    }
                }
            }
        }
    }
    /// Which backward pass they come from, of all that the program has made, counted from 1; of accumulated ones the last. 0 if there was none.
    pub fn pass(&self) -> u64 {
        self.pass
    }
    /// The number of gradients.
    pub fn len(&self) -> usize {
        self.len
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

#[cold]
fn warn_of_sum<T: Scalar>(param: &Param<T>, at: &Location<'_>) {
    emit_warning(&format!(
        "accumulate: parameter {} was changed between the backward passes whose gradients are added\n  at {at}\n  hint: begin each step with an \
         empty sum, `Grads::default()`",
        param.path()
    ));
}

impl<T: Scalar> fmt::Debug for Grads<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |e: &Entry<T>| e.leaf.param.as_ref().map_or(format!("%{}", e.leaf.id), |p| p.path().to_string());
        f.debug_map().entries(self.entries().iter().map(|e| (name(e), &e.shape))).finish()
    }
}

impl<T: Scalar> Param<T> {
    /// Changes its elements by their gradient, but for those of [`Param::freeze_elements`]; does nothing where `grads` holds none.
    ///
    /// # Panics
    /// As [`Param::with_mut`].
    #[track_caller]
    pub fn update(&self, grads: &Grads<T>, f: impl FnOnce(&mut [T], &[T])) {
        let (Some(g), kept) = (grads.slice(self), self.frozen_elements()) else { return };
        if kept.is_empty() {
            return self.with_mut(|w| f(w, g));
        }
        self.check_free(true, Location::caller()); // before its own closure would wait for what is aside
        let mut aside = self.aside();
        self.with_mut(|w| {
            aside.clear();
            aside.extend_from_slice(&w[kept.clone()]);
            f(w, g);
            w[kept].copy_from_slice(&aside);
        });
    }
    /// Changes its elements by their gradient and by `N` numbers that are remembered for each, as `rule` says: one vectorised pass, on all
    /// threads where that pays. Does nothing where `grads` holds no gradient of it. It is locked meanwhile, as in [`Param::with_mut`]: no
    /// other task of the same rayon pool may use the parameter during its update.
    ///
    /// ```
    /// use wengert::{Grads, Param, Tape, UpdateRule};
    ///
    /// /// The sign of the gradient decides alone.
    /// #[derive(Clone, Copy)]
    /// struct SignDescent(f64);
    /// impl UpdateRule<f64, 0> for SignDescent {
    ///     #[inline(always)]
    ///     fn at(self, w: f64, g: f64, _: [f64; 0]) -> (f64, [f64; 0]) {
    ///         (w - self.0 * g.signum(), [])
    ///     }
    /// }
    ///
    /// let (w, tape) = (Param::<f64>::new("w", [3.0, -2.0]), Tape::new());
    /// let grads = tape.backward(tape.param(&w).square().sum());
    /// w.update_by(&grads, SignDescent(0.5), []);
    /// assert_eq!(w.to_array().as_slice().unwrap(), [2.5, -1.5]);
    /// ```
    ///
    /// # Panics
    /// If a slice of `state` has not as many elements as the parameter, or as [`Param::with_mut`].
    #[track_caller]
    pub fn update_by<const N: usize>(&self, grads: &Grads<T>, rule: impl UpdateRule<T, N>, state: [&mut [T]; N]) {
        let n = self.shape().numel();
        for s in &state {
            assert!(
                s.len() == n,
                "update_by: parameter {} has {n} elements, but {} are remembered\n  at {}\n  hint: resize the memory to `param.shape().numel()`",
                self.path(),
                s.len(),
                Location::caller()
            );
        }
        let (Some(g), kept) = (grads.slice(self), self.frozen_elements()) else { return };
        if kept.is_empty() {
            return self.with_mut(|w| update(rule, w, g, state));
        }
        // What comes before the elements that are kept, and what comes after them.
        let (mut before, mut after) = (std::array::from_fn(|_| Default::default()), std::array::from_fn(|_| Default::default()));
        for ((s, before), after) in state.into_iter().zip(&mut before).zip(&mut after) {
            let (start, end) = s.split_at_mut(kept.end);
            (*before, *after) = (&mut start[..kept.start], end);
        }
        self.with_mut(|w| {
            let (start, end) = w.split_at_mut(kept.end);
            update(rule, &mut start[..kept.start], &g[..kept.start], before);
            update(rule, end, &g[kept.end..], after);
        });
    }
}
