//! What does a sweep mean? From a root back over the list each node's rule is run, in `Var` operations on the same tape, and what the rules
//! return is added up. Inputs lie before their nodes: so when the walk, from high ids to low, reaches a node, all that reads it has been visited,
//! and its cotangent is complete. Nodes that rules record lie behind the root, and are not visited.
//!
//! [`owner`](super::owner) tells who owns the cotangents, [`no_grad`](super::no_grad) what rules record; [`grad`](super::grad) has what users call.

use crate::array::scalar::Scalar;
use crate::tape::Tape;
use crate::tape::no_grad::Recording;
use crate::tape::node::{NO_COTANGENT, NONE, NodeId, UNWANTED};
use crate::tape::op::Vjp;
use crate::tape::owner::Owner;
use crate::tape::record::List;
use crate::tape::var::Var;
use smallvec::SmallVec;
use std::cell::RefMut;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// One walk from a root down.
pub(super) struct Sweep<'t, T: Scalar, O: Owner<T>> {
    tape: &'t Tape<T>,
    /// The lowest node that is visited.
    floor: NodeId,
    /// The work list: for each node from `floor` to the root its cotangent, [`NO_COTANGENT`] or [`UNWANTED`].
    pub entries: Vec<NodeId>,
    /// Two more targets, below the floor (`NONE`: no target), and their entries: the inputs of a formula that a rule has written.
    pub below: [(NodeId, NodeId); 2],
    /// The owner of the cotangents.
    pub owner: O,
    /// The node whose rule runs.
    running: NodeId,
    /// What held for nodes that were recorded before the sweep.
    outer: Recording,
}

impl<'t, T: Scalar, O: Owner<T>> Sweep<'t, T, O> {
    #[track_caller]
    pub fn new(tape: &'t Tape<T>, floor: NodeId, root: NodeId, owner: O) -> Self {
        let mut list = tape.write();
        let mut entries = list.scratch.pop().unwrap_or_default();
        entries.clear();
        entries.resize((root + 1).saturating_sub(floor) as usize, UNWANTED);
        Sweep { tape, floor, entries, below: [(NONE, NONE); 2], owner, running: NONE, outer: list.recording() }
    }
    /// The entry of a node, unless it is unwanted. (Ids below the floor wrap round to beyond the root.)
    #[inline(always)]
    fn entry(&mut self, id: NodeId) -> Option<&mut NodeId> {
        match self.entries.get_mut(id.wrapping_sub(self.floor) as usize) {
            Some(entry) => (*entry != UNWANTED).then_some(entry),
            None => self.below.iter_mut().find(|(target, _)| *target == id).map(|(_, entry)| entry),
        }
    }
    /// Marks the nodes that depend on a target (these are marked already).
    pub fn mark_dependents(&mut self) {
        let list = self.tape.read();
        for id in self.floor..self.floor + self.entries.len() as NodeId {
            if !list.nodes[id as usize].cut && list.inputs(id).iter().any(|&x| self.entry(x).is_some()) {
                self.entries[(id - self.floor) as usize] = NO_COTANGENT;
            }
        }
    }
    /// Marks the nodes that lead to a tracked leaf. (What was recorded under `no_grad` is not tracked.)
    pub fn mark_tracked(&mut self) {
        for (entry, node) in self.entries.iter_mut().zip(&self.tape.read().nodes[self.floor as usize..]) {
            if node.tracked {
                *entry = NO_COTANGENT;
            }
        }
    }
    /// Walks from the root down; the root's cotangent is `seed`.
    pub fn run(&mut self, root: NodeId, seed: NodeId) {
        let Some(entry) = self.entry(root) else { return };
        *entry = seed;
        self.owner.hold(&mut self.tape.write(), seed);
        // One catch for all rules: one for each took 2 % of a small network's step.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.walk())) {
            self.tape.rethrow(panic, self.running);
        }
    }
    fn walk(&mut self) {
        let mut i = self.entries.len();
        loop {
            self.running = NONE;
            i = self.owner.pass_numbers(self.tape, &mut self.entries, i);
            if i == 0 {
                return;
            }
            i -= 1;
            if self.entries[i] < UNWANTED {
                self.run_rule(self.floor + i as NodeId, self.entries[i]);
            }
        }
    }
    /// Runs the rule of one node, whose cotangent is `g`, and adds what it returns to the entries of the node's inputs.
    fn run_rule(&mut self, id: NodeId, g: NodeId) {
        let mut list = self.tape.write();
        let node = list.nodes[id as usize];
        let many: SmallVec<[NodeId; 16]>;
        let inputs = match node.inputs.get(..node.arity as usize) {
            Some(few) => few,
            None => {
                many = list.inputs(id).into();
                &many
            }
        };
        // Bit 63 stands for input 63 and all behind it. (Inputs from 64 on always count as wanted: `Vjp::needs`.)
        let needs = inputs.iter().enumerate().fold(0, |all, (i, &x)| all | u64::from(self.entry(x).is_some()) << i.min(63));
        if needs == 0 || node.cut {
            return;
        }
        // Nodes from here on are made by the rule.
        let first = list.nodes.len() as NodeId;
        // The rule may record views of g, so from now on nothing is added to g in place. (Views of a large array count as its readers.)
        list.nodes[g as usize].adds = false;
        self.running = id;
        let op = list.enter_rule(id);
        drop(list);
        let returned = op.vjp(&Vjp { tape: self.tape, id, inputs, needs, g: Var::at(self.tape, g) });
        let mut list = self.tape.write();
        list.leave_rule(self.outer, first);
        let returned = list.collect(returned);
        self.owner.receive(&mut list, id, &returned);
        for (&x, &c) in inputs.iter().zip(&returned).filter(|&(_, &c)| c != NONE) {
            list = self.add(list, id, x, c, first);
        }
        self.owner.finish(&mut list, g, &returned, first);
    }
    /// Adds the cotangent `c`, which the rule of node `id` returned, to the entry of its input `x`.
    fn add(&mut self, mut list: RefMut<'t, List<T>>, id: NodeId, x: NodeId, c: NodeId, first: NodeId) -> RefMut<'t, List<T>> {
        list.check_cotangent(id, x, c);
        let Some(&mut old) = self.entry(x) else { return list };
        let mut new = c;
        if old != NO_COTANGENT {
            if self.owner.add_in_place(&mut list, old, c) {
                return list;
            }
            let at = list.nodes[old as usize].at;
            let outer = list.at.replace(at);
            drop(list);
            new = (Var::at(self.tape, old) + Var::at(self.tape, c)).id;
            list = self.tape.write();
            list.at = outer;
        }
        *self.entry(x).expect("found above") = new;
        self.owner.replace(&mut list, old, new, first);
        list
    }
}

impl<T: Scalar, O: Owner<T>> Drop for Sweep<'_, T, O> {
    /// Also when a rule panics: the tape works on.
    fn drop(&mut self) {
        // (A rule may have left a value borrowed.)
        if let Some(mut list) = self.tape.try_write() {
            list.restore(self.outer);
            self.owner.end(&mut list);
            list.scratch.push(std::mem::take(&mut self.entries));
        }
    }
}
