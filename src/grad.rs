//! How is it differentiated? One sweep from a root back over the tape: each node's rule is run on the tape itself, and the sweep adds
//! up the cotangents that rules return.
//!
//! Cotangents are nodes above the root. [`Tape::backward`] throws them away at its end (and large buffers as soon as nothing holds
//! them); [`Tape::grad`] keeps them, so that they can be differentiated again.
//!
//! # Who owns a cotangent
//! Two counts decide when memory is reused in a sweep that throws its nodes away. A node's `holds` says how many entries of the work list
//! are this node: a rule that returns the cotangent it was given makes it two. When it falls to zero no later step will read the node, and
//! its buffer is released. A buffer's `readers` (in [`Store`](crate::buffers::Store)) says how many nodes, views included, lie in it: only
//! the last release gives it back to the pool, and only a buffer of one reader is added to in place. Small arrays have no buffer and need
//! neither: they are added to in place only if the node is a `sum`, which a sweep has made and no rule has seen yet.

use crate::buffers::{Buffer, SMALL};
use crate::error::ShapeError;
use crate::op::Vjp;
use crate::ops::arith::{Add, Arith};
use crate::param::Grads;
use crate::record::{At, Inner, Mark, NONE, NodeId, OpRef, told_by};
use crate::scalar::Scalar;
use crate::tape::Tape;
use crate::var::Var;
use smallvec::SmallVec;
use std::any::Any;
use std::cell::RefMut;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};

/// In a sweep's work list: no path leads from this node to a target. (`NONE`: on a path, no cotangent yet.)
const OFF_PATH: NodeId = u32::MAX - 1;

/// One walk from a root down.
struct Sweep<'t, T: Scalar> {
    tape: &'t Tape<T>,
    /// The lowest node that is visited.
    floor: NodeId,
    /// For each node from `floor` to the root: its cotangent, `NONE` or `OFF_PATH`.
    cotangents: Vec<NodeId>,
    /// Targets below the floor, and their cotangents.
    outside: [(NodeId, NodeId); 2],
    /// The point to which the tape is rewound at the end; `None` where the sweep's nodes are kept.
    truncate_to: Option<Mark>,
    /// It walks over a formula that a rule has just written, which `no_grad` does not cut.
    formula: bool,
    /// Nodes from here on were made by this sweep.
    first_own: NodeId,
    /// The location that was in force before the sweep.
    outer_at: Option<At>,
    /// The node whose rule runs.
    running: NodeId,
}

impl<'t, T: Scalar> Sweep<'t, T> {
    fn new(tape: &'t Tape<T>, floor: NodeId, root: NodeId) -> Self {
        let mut inner = tape.write();
        let mut cotangents = inner.scratch.pop().unwrap_or_default();
        cotangents.clear();
        cotangents.resize((root + 1).saturating_sub(floor) as usize, OFF_PATH);
        let (first_own, outer_at) = (inner.nodes.len() as NodeId, inner.at);
        drop(inner);
        Sweep { tape, floor, cotangents, outside: [(NONE, NONE); 2], truncate_to: None, formula: false, first_own, outer_at, running: NONE }
    }

    /// The entry of a node, if it is one that the sweep visits.
    #[inline(always)]
    fn entry(&mut self, id: NodeId) -> Option<&mut NodeId> {
        // What lies below the floor wraps round to beyond the root.
        match self.cotangents.get_mut(id.wrapping_sub(self.floor) as usize) {
            Some(c) => (*c != OFF_PATH).then_some(c),
            None => self.outside.iter_mut().find(|(target, _)| *target == id).map(|(_, cotangent)| cotangent),
        }
    }

    /// Marks the nodes through which the targets (already marked) reach the root.
    fn mark_paths(&mut self) {
        let inner = self.tape.read();
        for i in 0..self.cotangents.len() {
            let id = self.floor + i as NodeId;
            if self.cotangents[i] == NONE || inner.nodes[id as usize].cut && !self.formula {
                continue;
            }
            let on_path = inner.inputs(id).iter().any(|&x| match x.checked_sub(self.floor) {
                Some(k) => self.cotangents[k as usize] == NONE,
                None => self.outside.iter().any(|&(target, _)| target == x),
            });
            if on_path {
                self.cotangents[i] = NONE;
            }
        }
    }

    /// Marks the nodes that lead to a tracked leaf.
    fn mark_tracked(&mut self) {
        let inner = self.tape.read();
        for (c, node) in self.cotangents.iter_mut().zip(&inner.nodes[self.floor as usize..]) {
            if node.tracked {
                *c = NONE;
            }
        }
    }

    /// Walks from the root down; the root's cotangent is `seed`.
    fn run(&mut self, root: NodeId, seed: NodeId) {
        match self.entry(root) {
            Some(entry) => *entry = seed,
            None => return,
        }
        self.tape.write().nodes[seed as usize].holds += 1;
        // One for all rules: one for each took 2 % of a small network's step.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.walk())) {
            self.rethrow(panic);
        }
    }

    /// A panic with a text that names no line is told with op, shapes and line of the node whose rule ran.
    #[cold]
    fn rethrow(&self, panic: Box<dyn Any + Send>) -> ! {
        if self.running == NONE {
            resume_unwind(panic);
        }
        let e = told_by(panic, "vjp");
        let e = self.tape.read().refusal_of(e, self.running);
        panic!("{e}")
    }

    fn walk(&mut self) {
        let mut i = self.cotangents.len();
        loop {
            if self.truncate_to.is_some() {
                self.running = NONE;
                i = self.run_numbers(i);
            }
            if i == 0 {
                return;
            }
            i -= 1;
            let g = self.cotangents[i];
            if g < OFF_PATH {
                self.step(self.floor + i as NodeId, g);
            }
        }
    }

    /// Walks down from node `i` (excluded) as long as inputs and outputs are numbers, where nodes are thrown away at the end: rules over
    /// plain numbers, without recording anything. Gives the node below which there is more to do.
    fn run_numbers(&mut self, mut i: usize) -> usize {
        debug_assert_eq!(self.floor, 0);
        let inner = &mut *self.tape.write();
        // The last cotangent that was made, and its value: most often it is the next that is read, sooner than memory has it.
        let mut last = (NONE, T::ZERO);
        while i > 0 {
            let id = i - 1;
            let g = self.cotangents[id];
            let node = &inner.nodes[id];
            if g < OFF_PATH && node.arity > 0 && !node.cut {
                let (arity, inputs, at) = (node.arity as usize, node.inputs, node.at);
                if arity > 2 {
                    return i;
                }
                let known = if g == last.0 { Some(last.1) } else { inner.number(g) };
                let (Some(g), Some(y)) = (known, inner.number(id as NodeId)) else { return i };
                let (Some(a), Some(b)) = (inner.number(inputs[0]), inner.number(inputs[arity - 1])) else { return i };
                let Some((ga, gb)) = inner.op(id as NodeId).number_vjp(g, a, b, y) else { return i };
                for k in 0..arity {
                    let (x, gx) = if k == 0 { (inputs[0], ga) } else { (inputs[1], gb) };
                    let old = self.cotangents[x as usize];
                    if old == NONE {
                        last = (inner.cotangent(gx, at, 1), gx);
                        self.cotangents[x as usize] = last.0;
                    } else if old < OFF_PATH && old >= self.first_own && inner.nodes[old as usize].sum {
                        inner.store.add_to_number(inner.nodes[old as usize].place, gx);
                        last = if old == last.0 { (NONE, gx) } else { last };
                    } else if old != OFF_PATH {
                        let c = inner.cotangent(gx, at, 0);
                        self.hand_out(inner, id as NodeId, x, c, c);
                    }
                }
            }
            i = id;
        }
        0
    }

    /// Runs the rule of one node, whose cotangent is `g`, and hands out what it returns.
    fn step(&mut self, id: NodeId, g: NodeId) {
        let inner = self.tape.write();
        let node = &inner.nodes[id as usize];
        let few = node.inputs;
        match node.arity {
            _ if node.cut && !self.formula => {}
            0 => {}
            1 => self.apply_rule(inner, id, g, &few[..1]),
            2 => self.apply_rule(inner, id, g, &few[..2]),
            3 => self.apply_rule(inner, id, g, &few),
            _ => {
                let many: SmallVec<[NodeId; 16]> = inner.inputs(id).into();
                self.apply_rule(inner, id, g, &many);
            }
        }
    }

    fn apply_rule(&mut self, mut inner: RefMut<'t, Inner<T>>, id: NodeId, g: NodeId, inputs: &[NodeId]) {
        let mut needs = 0u64;
        for (i, &x) in inputs.iter().enumerate() {
            // Beyond 64 inputs the last bit speaks for the rest, which are always computed.
            needs |= u64::from(self.entry(x).is_some()) << i.min(63);
        }
        if needs == 0 {
            return;
        }
        // From here on the rule may have made views of it, which must not change with it.
        inner.nodes[g as usize].sum = false;
        let node = &inner.nodes[id as usize];
        let (op, at) = (node.op, node.at);
        let outer = inner.at.replace(at);
        let first = inner.nodes.len() as NodeId;
        self.running = id;
        let cx = Vjp { tape: self.tape, id, inputs, needs, g: Var::at(self.tape, g) };
        let returned = match op {
            OpRef::Static(op) => {
                drop(inner);
                op.vjp(&cx)
            }
            OpRef::Table(index) => {
                let op = inner.shared_op(index);
                drop(inner);
                op.vjp(&cx)
            }
        };
        let mut inner = self.tape.write();
        inner.at = outer;
        inner.nodes[id as usize].swept |= self.truncate_to.is_some();
        match returned.unpack() {
            (ids, NONE) => self.hand_out_all(&mut inner, id, inputs, &ids, first),
            (_, spilled) => {
                let ids = inner.unspill(spilled);
                self.hand_out_all(&mut inner, id, inputs, &ids, first);
            }
        }
        // Small arrays have no buffer of their own to give back.
        if self.truncate_to.is_some() && inner.store.has_buffers() {
            for n in first..inner.nodes.len() as NodeId {
                if inner.nodes[n as usize].holds == 0 {
                    inner.release(n);
                }
            }
            self.let_go(&mut inner, g, first);
        }
    }

    /// Adds what the rule of node `id` returned to the entries of its inputs.
    fn hand_out_all(&mut self, inner: &mut Inner<T>, id: NodeId, inputs: &[NodeId], returned: &[NodeId], first: NodeId) {
        // One cotangent may be returned for several inputs: it must not be added to in place for one of them before all have it.
        let given = || returned.iter().copied().filter(|&c| c != NONE);
        given().for_each(|c| inner.nodes[c as usize].holds += 1);
        for (&x, &c) in inputs.iter().zip(returned) {
            if c != NONE {
                self.hand_out(inner, id, x, c, first);
            }
        }
        given().for_each(|c| inner.nodes[c as usize].holds -= 1);
    }

    /// Adds the cotangent `c`, which the rule of node `id` returned, to the entry of its input `x`.
    #[inline]
    fn hand_out(&mut self, inner: &mut Inner<T>, id: NodeId, x: NodeId, c: NodeId, first: NodeId) {
        let (have, want) = (inner.nodes[c as usize].layout, inner.nodes[x as usize].layout);
        if have != want {
            inner.check_cotangent(id, x, c);
        }
        let Some(entry) = self.entry(x) else { return };
        let old = *entry;
        if old == NONE {
            *entry = c;
            inner.nodes[c as usize].holds += 1;
            return;
        }
        let new = self.sum(inner, old, c);
        if new != old {
            inner.nodes[new as usize].holds += 1;
            *self.entry(x).expect("found above") = new;
            self.let_go(inner, old, first);
        }
    }

    /// The sum of two cotangents: in place where the first belongs to this sweep alone.
    fn sum(&self, inner: &mut Inner<T>, old: NodeId, new: NodeId) -> NodeId {
        let (a, b) = (&inner.nodes[old as usize], &inner.nodes[new as usize]);
        let own = self.truncate_to.is_some() && a.holds == 1 && old >= self.first_own;
        if own && a.sum && inner.is_number(old) && inner.is_number(new) {
            inner.store.add_to_number(a.place, inner.store.number(b.place));
            return old;
        }
        let (to, from, at, sum) = (a.place, b.place, a.at, a.sum);
        let waits = inner.store.later(to).is_some() || inner.store.later(from).is_some();
        if own && !waits && (sum || !to.in_arena()) {
            inner.put_in_order();
            let (la, lb) = (inner.layout(old), inner.layout(new));
            let len = la.numel();
            let plain = la.is_contiguous() && lb.is_contiguous();
            if plain && inner.store.add_in_place(to, from, |x, y| T::add_in_place(&mut x[..len], &y[..len])) {
                return old;
            }
        }
        let id = inner.record(Arith(Add), &[old, new], at, &T::erase()).expect("both have the input's shape");
        inner.nodes[id as usize].sum = true;
        id
    }

    /// One entry fewer holds this cotangent. What the running rule has made itself (from `first` on) is released by `step`, once.
    fn let_go(&self, inner: &mut Inner<T>, cotangent: NodeId, first: NodeId) {
        let node = &mut inner.nodes[cotangent as usize];
        node.holds -= 1;
        let older = (self.first_own..first).contains(&cotangent);
        if node.holds == 0 && older && self.truncate_to.is_some() {
            inner.release(cotangent);
        }
    }
}

impl<T: Scalar> Inner<T> {
    /// Refuses a cotangent whose shape is not that of the input.
    #[cold]
    fn check_cotangent(&self, id: NodeId, x: NodeId, c: NodeId) {
        let (op, have, want) = (self.op(id).name(), self.layout(c).shape(), self.layout(x).shape());
        if have != want {
            let e = ShapeError::new(format!("the rule of {op} returned a cotangent of shape {have} for an input of shape {want}"));
            panic!("{}", self.refusal_of(e.hint("a cotangent has the shape of its input; `sum_to` undoes a broadcast"), id));
        }
    }

    /// The values of a large cotangent: its own buffer where nothing else needs it, else a copy.
    fn take(&mut self, id: NodeId, first_own: NodeId) -> Option<Buffer<T>> {
        let node = self.nodes[id as usize];
        let layout = self.layout(id);
        let len = layout.numel();
        if len <= SMALL {
            return None;
        }
        let whole = id >= first_own && node.holds == 1 && layout.is_contiguous();
        if whole && let Some(buffer) = self.store.take(node.place, len) {
            return Some(buffer);
        }
        let lack = |e: ShapeError| panic!("{}", e.of("backward", [self.layout(id).shape().clone()], node.at));
        let mut buffer = self.store.buffer(len).unwrap_or_else(lack);
        T::lay_out(self.view(id), &mut buffer);
        Some(buffer)
    }
}

impl<T: Scalar> Drop for Sweep<'_, T> {
    /// Also when a rule panics: the tape works on (and a sweep that truncates leaves nothing behind).
    fn drop(&mut self) {
        let mut inner = self.tape.write();
        // Later sweeps over cotangents that are kept count for themselves.
        let kept = if self.truncate_to.is_some() { self.first_own } else { OFF_PATH };
        let outside = self.outside.iter().map(|&(_, cotangent)| cotangent);
        for c in self.cotangents.iter().copied().chain(outside).filter(|&c| c < kept) {
            let holds = &mut inner.nodes[c as usize].holds;
            *holds = holds.saturating_sub(1);
        }
        inner.scratch.push(std::mem::take(&mut self.cotangents));
        inner.at = self.outer_at;
        if let Some(mark) = self.truncate_to {
            inner.rewind(mark);
            inner.truncating = false;
        }
    }
}

impl<T: Scalar> Tape<T> {
    /// The gradient of a scalar with respect to every parameter and tracked leaf, by one reverse sweep.
    ///
    /// Nodes made on the way are thrown away: use [`Tape::grad`] for gradients that are to be differentiated again, or for those
    /// of intermediate values.
    ///
    /// # Panics
    /// If `loss` has more than one element, belongs to another tape, or depends on no parameter and no tracked leaf.
    #[track_caller]
    pub fn backward<'t>(&'t self, loss: Var<'t, T>) -> Grads<T> {
        let shape = loss.shape();
        if shape.numel() != 1 {
            refuse(
                "backward",
                format!("the loss must be a number, but its shape is {shape}"),
                "reduce it with `.sum()` or `.mean()`, or give its cotangent to `backward_with`",
            );
        }
        self.backward_sweep("backward", loss, None)
    }

    /// As [`Tape::backward`], for an output of any shape whose cotangent is given.
    ///
    /// # Panics
    /// If the shapes of `y` and `cotangent` differ, or as [`Tape::backward`] does.
    #[track_caller]
    pub fn backward_with<'t>(&'t self, y: Var<'t, T>, cotangent: Var<'t, T>) -> Grads<T> {
        check_cotangent("backward_with", y, cotangent);
        self.check_own("backward_with", cotangent);
        self.backward_sweep("backward_with", y, Some(cotangent))
    }

    #[track_caller]
    fn backward_sweep<'t>(&'t self, op: &str, y: Var<'t, T>, cotangent: Option<Var<'t, T>>) -> Grads<T> {
        self.check_own(op, y);
        let inner = self.write();
        if !inner.nodes[y.id as usize].tracked {
            drop(inner);
            refuse(
                op,
                "the output depends on no parameter and no tracked leaf, so there is no gradient".into(),
                "make inputs with `tape.leaf(..)` or `tape.param(..)`, outside `no_grad`",
            );
        }
        let mark = inner.mark();
        drop(inner);
        let mut sweep = Sweep::new(self, 0, y.id);
        sweep.mark_tracked();
        sweep.truncate_to = Some(mark);
        self.write().truncating = true;
        let seed = cotangent.unwrap_or_else(|| y.ones_like());
        sweep.run(y.id, seed.id);
        let mut grads = self.write().spare_grads.pop().unwrap_or_default();
        grads.belongs_to(self.step());
        let mut inner = self.write();
        let wanted = inner.leaves.get().iter().filter(|(id, _)| *id <= y.id).map(|(id, _)| sweep.cotangents[*id as usize]);
        // The loss with them: a large one that still waits is computed from what its gradient is computed from.
        inner.settle(wanted.filter(|&c| c < OFF_PATH).chain([y.id]));
        inner.put_in_order();
        for k in 0..inner.leaves.len {
            let id = inner.leaves.get()[k].0;
            if id > y.id || sweep.cotangents[id as usize] >= OFF_PATH {
                continue;
            }
            let cotangent = sweep.cotangents[id as usize];
            let large = inner.take(cotangent, sweep.first_own);
            let (param, shape) = (inner.leaves.get()[k].1.as_ref(), inner.layout(id).shape());
            match large {
                Some(buffer) => grads.add_large(id, param, shape, buffer),
                None => grads.add_small(id, param, shape, |y| T::lay_out(inner.view(cotangent), y)),
            }
        }
        drop(inner);
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
    /// # Panics
    /// If the shapes of `y` and `cotangent` differ, or a `Var` belongs to another tape.
    #[track_caller]
    pub fn grad_with<'t>(&'t self, y: Var<'t, T>, cotangent: Var<'t, T>, xs: &[Var<'t, T>]) -> Vec<Option<Var<'t, T>>> {
        check_cotangent("grad_with", y, cotangent);
        self.check_own("grad_with", cotangent);
        self.check_all("grad_with", y, xs);
        self.grad_checked(y, cotangent, xs)
    }

    fn grad_checked<'t>(&'t self, y: Var<'t, T>, cotangent: Var<'t, T>, xs: &[Var<'t, T>]) -> Vec<Option<Var<'t, T>>> {
        let Some(floor) = xs.iter().map(|x| x.id).min() else { return Vec::new() };
        let mut sweep = Sweep::new(self, floor, y.id);
        for x in xs.iter().filter(|x| x.id <= y.id) {
            sweep.cotangents[(x.id - floor) as usize] = NONE;
        }
        sweep.mark_paths();
        sweep.run(y.id, cotangent.id);
        let found = |x: &Var<'t, T>| sweep.cotangents.get((x.id - floor) as usize).copied().filter(|&c| c < OFF_PATH);
        xs.iter().map(|x| found(x).map(|id| Var::at(self, id))).collect()
    }

    /// A sweep inside a rule: from `root` down to `floor`, to two targets that lie below it (`NONE`: not wanted).
    pub(crate) fn sweep_formula(&self, floor: NodeId, root: NodeId, seed: NodeId, targets: [NodeId; 2]) -> [NodeId; 2] {
        let mut sweep = Sweep::new(self, floor, root);
        sweep.outside = targets.map(|t| (t, NONE));
        sweep.formula = true;
        sweep.mark_paths();
        sweep.run(root, seed);
        sweep.outside.map(|(target, cotangent)| if target == NONE { NONE } else { cotangent })
    }

    #[track_caller]
    fn check_all(&self, op: &str, y: Var<'_, T>, xs: &[Var<'_, T>]) {
        self.check_own(op, y);
        for x in xs {
            self.check_own(op, *x);
        }
    }

    #[track_caller]
    fn check_own(&self, op: &str, v: Var<'_, T>) {
        if !std::ptr::eq(v.tape, self) {
            refuse(op, "a Var of another tape".into(), "call the method of the tape on which it was computed");
        }
    }
}

#[track_caller]
fn check_cotangent<T: Scalar>(op: &str, y: Var<'_, T>, cotangent: Var<'_, T>) {
    if y.shape() != cotangent.shape() {
        let message = format!("the cotangent has shape {}, but the output has {}", cotangent.shape(), y.shape());
        refuse(op, message, "a cotangent has the shape of the output");
    }
}

#[track_caller]
fn refuse(op: &str, message: String, hint: &str) -> ! {
    panic!("{op}: {message}\n  at {}\n  hint: {hint}", Location::caller());
}
