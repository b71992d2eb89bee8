//! When a large elementwise op is computed: not when it is recorded, but when its value is first read. Until then it waits. Then it is computed
//! together with all its inputs that wait too, block by block, so that intermediate results stay in the first-level cache.
//!
//! A chain of elementwise ops over large arrays is bound by memory: computed one by one, each op reads its inputs from there and writes its
//! output there. In a run over blocks, an output goes to memory only if it was asked for, or if it is expensive and a gradient may need it (the
//! rule of `exp` reads y). The others are thrown away. One that is asked for later is computed once more, and then stored.
//!
//! The same holds in a sweep: the cotangents along a chain are never written, but for the one at its end.
//!
//! A sum of all elements of a waiting array waits too, and is added up when the array is computed. If that is in a sweep from the sum down,
//! one run computes value and gradient, and no intermediate value of the chain is kept.
//!
//! None of this changes a value: ops are pure, every element is computed by the same instructions, and sums are added up in the
//! same order. [`Tape::fast_ways`](crate::Tape::fast_ways) turns it off, and the tests compare. Here is decided what waits and what
//! is computed together; [`slots`](super::slots) holds the values, and [`run`] computes them.

mod run;

use crate::array::buffers::Buffer;
use crate::array::error::{ShapeError, told};
use crate::array::scalar::Scalar;
use crate::array::view::View;
use crate::kernels::elementwise::Cost;
use crate::kernels::reduce::{self, combine, part_len};
use crate::tape::node::{NodeId, Place};
use crate::tape::op::{Fused, Op};
use crate::tape::recall::LayoutId;
use crate::tape::record::List;
use crate::tape::slots::Settled;
use run::{Input, Output, Piece, REGISTERS, Step};
use smallvec::SmallVec;
use std::collections::BinaryHeap;
use std::sync::atomic::AtomicUsize;

/// What is known of a node before its run.
struct Planned {
    id: NodeId,
    /// The divisor of a sum; `None` of an array.
    divisor: Option<f64>,
    /// Whether its output goes to memory.
    stored: bool,
    /// The last step that reads it.
    last_use: usize,
    cell: usize,
}

type Plan = SmallVec<[Planned; 32]>;

impl<T: Scalar> List<T> {
    /// Whether an op of this output can wait: it is large and elementwise, and its inputs lie as its output does, or are numbers or
    /// tables; or it is the sum of an array that waits.
    pub fn can_wait(&self, op: &dyn Op<T>, inputs: &[NodeId], layout: LayoutId) -> bool {
        let len = self.layouts.get(layout).numel();
        if let (1, &[x]) = (len, inputs) {
            // (What waits has at least two elements or is a sum, so x is no sum.)
            let array_waits = || self.layout(x).numel() >= self.waiting.large && self.is_whole(x) && self.waits(x);
            return self.store.has_buffers() && array_waits() && op.fused().is_some_and(|op| op.total(self.layout(x).shape()).is_some());
        }
        if len < self.waiting.large || !(1..=3).contains(&inputs.len()) {
            return false;
        }
        let Some(op) = op.fused().filter(|op| op.elementwise().is_some()) else { return false };
        inputs.iter().enumerate().all(|(k, &i)| {
            let node = &self.nodes[i as usize];
            if op.is_table(k) {
                return !self.waits(i);
            }
            if self.is_one_number(i) {
                // If it is a sum that waits, the run that it belongs to comes first.
                self.settle(std::iter::once(i));
                return true;
            }
            node.layout == layout && (!self.waits(i) || self.is_whole(i))
        })
    }
    /// A place for the value of the next node, which waits.
    pub fn wait(&mut self, inputs: &[NodeId], layout: LayoutId) -> Place {
        let id = self.nodes.len() as NodeId;
        if self.layouts.get(layout).numel() == 1 {
            self.waiting.sums.get_mut().push(id);
        }
        let mut places = [Place::NONE; 3];
        places.iter_mut().zip(inputs).for_each(|(place, &i)| *place = self.nodes[i as usize].place);
        self.store.defer(id, places)
    }
    /// Whether a node sees all elements of an array in their order.
    fn is_whole(&self, id: NodeId) -> bool {
        let (node, layout) = (&self.nodes[id as usize], self.layout(id));
        let producer = self.store.slots.outstanding(node.place);
        layout.is_contiguous() && node.place.offset == 0 && producer.is_none_or(|p| self.layout(p).numel() == layout.numel())
    }
    /// Whether all elements of a node are the same one in memory.
    fn is_one_number(&self, id: NodeId) -> bool {
        self.layout(id).strides().iter().all(|&s| s == 0)
    }
    /// The divisor of a node that is a sum which can wait.
    fn divisor(&self, id: NodeId) -> Option<f64> {
        match *self.inputs(id) {
            [x] if self.layout(id).numel() == 1 => self.op(id).fused()?.total(self.layout(x).shape()),
            _ => None,
        }
    }
    /// How a waiting node is computed.
    fn fused(&self, id: NodeId) -> &dyn Fused<T> {
        self.op(id).fused().expect("only such ops wait")
    }
    /// Whether the value of a node is still to be computed.
    pub fn waits(&self, id: NodeId) -> bool {
        self.store.slots.outstanding(self.nodes[id as usize].place).is_some()
    }
    /// Over how many elements a waiting node is computed.
    fn run_len(&self, id: NodeId) -> usize {
        let over = if self.divisor(id).is_some() { self.inputs(id)[0] } else { id };
        self.layout(over).numel()
    }

    /// Computes the values of these nodes that are still outstanding.
    #[inline]
    pub fn settle(&self, ids: impl Iterator<Item = NodeId>) -> Settled {
        // Nothing waits in a graph of small arrays.
        if self.store.has_buffers() {
            self.settle_buffers(ids);
        }
        Settled::claim()
    }
    fn settle_buffers(&self, ids: impl Iterator<Item = NodeId>) {
        let targets: SmallVec<[NodeId; 16]> = ids.filter_map(|i| self.store.slots.outstanding(self.nodes[i as usize].place)).collect();
        if !targets.is_empty() {
            self.compute(targets);
        }
    }

    #[inline(never)]
    fn compute(&self, targets: SmallVec<[NodeId; 16]>) {
        let len = self.run_len(targets[0]);
        // Targets of different lengths take a run each.
        let (targets, others): (SmallVec<[NodeId; 16]>, SmallVec<[NodeId; 16]>) =
            targets.into_iter().partition(|&t| self.run_len(t) == len);
        let mut plan = self.plan_run(&targets);
        let steps = self.schedule(&mut plan);
        let (stored, sums) = (|| plan.iter().filter(|p| p.stored), || plan.iter().filter_map(|p| Some((p.id, p.divisor?))));
        let part = part_len(len);
        let buffer = |id: NodeId, len: usize| {
            let lack = |e: ShapeError| panic!("{}", self.refusal_of(e.about(self.layout(id).shape()), id));
            self.store.buffer(len).unwrap_or_else(lack)
        };
        let mut arrays: SmallVec<[Buffer<T>; 8]> = stored().map(|p| buffer(p.id, len)).collect();
        let mut parts: SmallVec<[Buffer<T>; 8]> = sums().map(|(id, _)| buffer(id, len.div_ceil(part))).collect();
        let whole = Piece {
            start: 0,
            len,
            part,
            arrays: arrays.iter_mut().map(|b| &mut b[..]).collect(),
            parts: parts.iter_mut().map(|b| &mut b[..]).collect(),
        };
        let culprit = AtomicUsize::new(0);
        if let Err(e) = told("forward", || whole.run(&steps, &culprit)) {
            panic!("{}", self.refusal_of(e, plan[culprit.into_inner()].id));
        }
        for (p, buffer) in stored().zip(arrays) {
            self.store.fill(self.nodes[p.id as usize].place, buffer);
        }
        for ((id, divisor), parts) in sums().zip(parts) {
            let mut total = buffer(id, 1);
            total[0] = combine(&parts, reduce::Sum) / T::from_f64(divisor);
            self.store.give(parts);
            self.store.fill(self.nodes[id as usize].place, total);
        }
        if !others.is_empty() {
            self.settle(others.into_iter());
        }
    }

    /// The targets and all that they wait for, in the order of recording.
    fn plan_run(&self, targets: &[NodeId]) -> Plan {
        let mut heap = BinaryHeap::from(self.waiting.work.take());
        heap.extend(targets);
        let mut plan = Plan::new();
        while let Some(id) = heap.pop() {
            if plan.last().is_some_and(|p: &Planned| p.id == id) {
                continue;
            }
            heap.extend(self.inputs(id).iter().filter_map(|&i| self.store.slots.outstanding(self.nodes[i as usize].place)));
            let node = &self.nodes[id as usize];
            let divisor = self.divisor(id);
            let cost = self.op(id).fused().and_then(|op| op.elementwise());
            let expensive = cost == Some(Cost::Expensive) && node.tracked && !node.swept;
            let again = self.store.slots.mark_computed(node.place);
            let stored = divisor.is_none() && (expensive || again || targets.contains(&id));
            plan.push(Planned { id, divisor, stored, last_use: 0, cell: 0 });
        }
        self.waiting.work.replace(heap.into_vec());
        plan.reverse();
        self.add_sums(&mut plan);
        plan
    }
    /// Puts in the sums of what is computed anyway.
    fn add_sums(&self, plan: &mut Plan) {
        let mut sums = self.waiting.sums.borrow_mut();
        // Most were computed since; some ids belong to other nodes after a sweep.
        sums.retain(|&id| {
            let node = self.nodes.get(id as usize);
            node.is_some_and(|node| self.store.slots.outstanding(node.place) == Some(id)) && self.divisor(id).is_some()
        });
        for &id in sums.iter() {
            let input = self.nodes[self.inputs(id)[0] as usize].place;
            let computed = self.store.slots.outstanding(input).is_some_and(|x| plan.binary_search_by_key(&x, |p| p.id).is_ok());
            if let (true, Err(at)) = (computed, plan.binary_search_by_key(&id, |p| p.id)) {
                plan.insert(at, Planned { id, divisor: self.divisor(id), stored: false, last_use: 0, cell: 0 });
            }
        }
    }

    /// Decides in which cell each output lies: first those that go to memory, then the registers; sums are counted apart.
    fn schedule<'a>(&'a self, plan: &mut Plan) -> SmallVec<[Step<'a, T>; 32]> {
        let position = |plan: &Plan, id: NodeId| plan.binary_search_by_key(&id, |p| p.id).expect("its inputs are outstanding too");
        for k in 0..plan.len() {
            for &i in self.inputs(plan[k].id) {
                if let Some(producer) = self.store.slots.outstanding(self.nodes[i as usize].place) {
                    let at = position(plan, producer);
                    plan[at].last_use = k;
                }
            }
        }
        // A register is free again after the last use of its output. Where none is free, the output goes to memory.
        let mut free: u32 = (1 << REGISTERS) - 1;
        let take = |free: &mut u32| {
            let register = free.trailing_zeros();
            (*free != 0).then(|| {
                *free &= *free - 1;
                register as usize
            })
        };
        for k in 0..plan.len() {
            if !plan[k].stored && plan[k].divisor.is_none() {
                match take(&mut free) {
                    Some(register) => plan[k].cell = register,
                    None => plan[k].stored = true,
                }
            }
            for &i in self.inputs(plan[k].id) {
                if let Some(producer) = self.store.slots.outstanding(self.nodes[i as usize].place) {
                    let at = &plan[position(plan, producer)];
                    if at.last_use == k && !at.stored {
                        free |= 1 << at.cell;
                    }
                }
            }
        }
        let stored = plan.iter().filter(|p| p.stored).count();
        let (mut arrays, mut sums) = (0, 0);
        for p in plan.iter_mut() {
            if p.divisor.is_some() {
                p.cell = sums;
                sums += 1;
            } else if p.stored {
                p.cell = arrays;
                arrays += 1;
            } else {
                p.cell += stored;
            }
        }
        let input = |p: &Planned, k: usize| {
            let i = self.inputs(p.id)[k];
            let node = &self.nodes[i as usize];
            if self.fused(p.id).is_table(k) {
                let data = self.store.arrays(Settled::claim()).data(node.place);
                return Input::Table(View { data, offset: node.place.offset as usize, layout: self.layout(i) });
            }
            let data = || &self.store.arrays(Settled::claim()).data(node.place)[node.place.offset as usize..];
            match self.store.slots.outstanding(node.place) {
                Some(producer) => Input::Cell(plan[position(plan, producer)].cell),
                None if self.is_one_number(i) => Input::Number(data()[0]),
                None => Input::Slice(data()),
            }
        };
        let step = |p: &Planned| Step {
            op: self.fused(p.id),
            whole: self.layout(p.id).shape(),
            inputs: (0..self.inputs(p.id).len()).map(|k| input(p, k)).collect(),
            output: if p.divisor.is_some() { Output::Sum(p.cell) } else { Output::Cell(p.cell) },
        };
        plan.iter().map(step).collect()
    }
}
