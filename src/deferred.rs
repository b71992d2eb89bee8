//! When is a large elementwise op computed? Not when it is recorded, but when its value is first read: together with all that it is
//! computed from and that is still outstanding, block by block, so that what lies in between stays in the first-level cache.
//!
//! A chain of elementwise ops over large arrays waits for memory: each op alone reads its inputs and writes its output there and back
//! again. Here a block of each output is computed from blocks that were computed a moment ago. An output goes to memory only if it was
//! asked for, or if it took long to compute and a gradient may need it again (most often the rules do: y of `exp`). The others are
//! thrown away, and computed once more should they be asked for later; the second time they are kept.
//!
//! The same in a sweep: the cotangents along a chain are never written, only the one at its end. Nothing of this changes a value: ops
//! are pure, and every element is computed by the same instructions.

use crate::layout::Layout;
use crate::op::{Cost, Op, View};
use crate::recall::LayoutId;
use crate::record::{Inner, NodeId};
use crate::scalar::Scalar;
use smallvec::SmallVec;
use std::collections::BinaryHeap;

/// Elements from which an op is deferred: smaller arrays stay in the caches by themselves.
pub(crate) const LARGE: usize = 16 * 1024;
/// Elements of a block: the three or four that a step touches fit in a first-level cache (measured: 512 is slower by a third).
const BLOCK: usize = 1024;
/// Blocks of outputs that are not kept.
const REGISTERS: usize = 10;
/// Elements from which a thread of its own pays.
const GRAIN: usize = 64 * 1024;

/// An input of a step.
#[derive(Clone, Copy)]
enum Input<'a, T> {
    /// Elements in memory.
    Slice(&'a [T]),
    /// The output of an earlier step.
    Cell(usize),
    /// One number for all elements.
    Number(T),
}

/// One op of a run.
struct Step<'a, T> {
    op: &'a dyn Op<T>,
    inputs: SmallVec<[Input<'a, T>; 3]>,
    cell: usize,
}

/// What is known of a node before its run.
struct Planned {
    id: NodeId,
    kept: bool,
    /// The last step that reads it.
    last_use: usize,
    cell: usize,
}

type Plan = SmallVec<[Planned; 16]>;

impl<T: Scalar> Inner<T> {
    /// Whether an op of this output can wait: it is large and elementwise, and its inputs lie as its output does or are numbers.
    pub fn can_wait(&self, op: &dyn Op<T>, inputs: &[NodeId], layout: LayoutId) -> bool {
        let len = self.layouts.get(layout).numel();
        if len < LARGE || op.elementwise().is_none() || !(1..=3).contains(&inputs.len()) {
            return false;
        }
        inputs.iter().all(|&i| {
            let node = &self.nodes[i as usize];
            match self.store.later(node.place) {
                Some(producer) => node.layout == layout && node.place.offset == 0 && self.layout(producer).numel() == len,
                None if node.place.in_arena() => self.layouts.get(node.layout).strides().iter().all(|&s| s == 0),
                None => node.layout == layout,
            }
        })
    }

    /// Computes the values of these nodes that are still outstanding.
    #[inline]
    pub fn settle(&self, ids: impl Iterator<Item = NodeId>) {
        // Small graphs are all overhead, and nothing of theirs waits.
        if self.store.has_buffers() {
            self.settle_buffers(ids);
        }
    }
    fn settle_buffers(&self, ids: impl Iterator<Item = NodeId>) {
        let targets: SmallVec<[NodeId; 8]> = ids.filter_map(|i| self.store.later(self.nodes[i as usize].place)).collect();
        if !targets.is_empty() {
            self.compute(targets);
        }
    }

    #[inline(never)]
    fn compute(&self, targets: SmallVec<[NodeId; 8]>) {
        let len = self.layout(targets[0]).numel();
        // Targets of different lengths take a run each.
        let (targets, others): (SmallVec<[NodeId; 8]>, SmallVec<[NodeId; 8]>) =
            targets.into_iter().partition(|&t| self.layout(t).numel() == len);
        let mut plan = self.outstanding(&targets);
        let mut outs: SmallVec<[_; 8]> = SmallVec::new();
        let steps = self.schedule(&mut plan);
        for _ in plan.iter().filter(|p| p.kept) {
            outs.push(self.store.buffer(len));
        }
        run(&steps, outs.iter_mut().map(|b| &mut b[..]).collect(), 0);
        for (p, buffer) in plan.iter().filter(|p| p.kept).zip(outs) {
            self.store.fill(self.nodes[p.id as usize].place, buffer);
        }
        if !others.is_empty() {
            self.settle(others.into_iter());
        }
    }

    /// The targets and all that they wait for, in the order of recording.
    fn outstanding(&self, targets: &[NodeId]) -> Plan {
        let mut heap = BinaryHeap::from(self.waiting.take());
        heap.extend(targets);
        let mut plan = Plan::new();
        while let Some(id) = heap.pop() {
            if plan.last().is_some_and(|p: &Planned| p.id == id) {
                continue;
            }
            heap.extend(self.inputs(id).iter().filter_map(|&i| self.store.later(self.nodes[i as usize].place)));
            let node = &self.nodes[id as usize];
            let dear = self.op(id).elementwise() == Some(Cost::Dear) && node.tracked;
            let again = self.store.seen(node.place);
            plan.push(Planned { id, kept: dear || again || targets.contains(&id), last_use: 0, cell: 0 });
        }
        self.waiting.replace(heap.into_vec());
        plan.reverse();
        plan
    }

    /// Decides in which cell each output lies: first those that are kept, then the registers.
    fn schedule<'a>(&'a self, plan: &mut Plan) -> SmallVec<[Step<'a, T>; 16]> {
        let position = |plan: &Plan, id: NodeId| plan.binary_search_by_key(&id, |p| p.id).expect("its inputs are outstanding too");
        for k in 0..plan.len() {
            for &i in self.inputs(plan[k].id) {
                if let Some(producer) = self.store.later(self.nodes[i as usize].place) {
                    let at = position(plan, producer);
                    plan[at].last_use = k;
                }
            }
        }
        // Registers by number, free again after the last use; where none is left, the output is kept.
        let mut free: u32 = (1 << REGISTERS) - 1;
        let take = |free: &mut u32| {
            let register = free.trailing_zeros();
            (*free != 0).then(|| {
                *free &= *free - 1;
                register as usize
            })
        };
        for k in 0..plan.len() {
            if !plan[k].kept {
                match take(&mut free) {
                    Some(register) => plan[k].cell = register,
                    None => plan[k].kept = true,
                }
            }
            for &i in self.inputs(plan[k].id) {
                if let Some(producer) = self.store.later(self.nodes[i as usize].place) {
                    let at = &plan[position(plan, producer)];
                    if at.last_use == k && !at.kept {
                        free |= 1 << at.cell;
                    }
                }
            }
        }
        let kept = plan.iter().filter(|p| p.kept).count();
        let mut next = 0;
        for p in plan.iter_mut() {
            if p.kept {
                p.cell = next;
                next += 1;
            } else {
                p.cell += kept;
            }
        }
        let input = |i: NodeId| {
            let node = &self.nodes[i as usize];
            match self.store.later(node.place) {
                Some(producer) => Input::Cell(plan[position(plan, producer)].cell),
                None if node.place.in_arena() => Input::Number(self.store.number(node.place)),
                None => Input::Slice(&self.store.reader().data(node.place)[node.place.offset as usize..]),
            }
        };
        let step = |p: &Planned| Step { op: self.op(p.id), inputs: self.inputs(p.id).iter().map(|&i| input(i)).collect(), cell: p.cell };
        plan.iter().map(step).collect()
    }
}

/// Runs the steps over a part of the arrays that begins at `start`, of which `outs` are the outputs that are kept.
fn run<T: Scalar>(steps: &[Step<'_, T>], mut outs: SmallVec<[&mut [T]; 8]>, start: usize) {
    let len = outs[0].len();
    if len >= 2 * GRAIN {
        let half = (len / 2).next_multiple_of(BLOCK);
        let (left, right) = outs.into_iter().map(|o| o.split_at_mut(half)).unzip();
        rayon::join(|| run(steps, left, start), || run(steps, right, start + half));
        return;
    }
    let mut registers = [[T::ZERO; BLOCK]; REGISTERS];
    let (mut numbers, mut filled) = ([[T::ZERO; BLOCK]; 3], [None; 3]);
    let whole = Layout::contiguous([BLOCK.min(len)].into());
    let rest = Layout::contiguous([len % BLOCK].into());
    for from in (0..len).step_by(BLOCK) {
        let n = BLOCK.min(len - from);
        let row = if n == BLOCK.min(len) { &whole } else { &rest };
        let mut cells: SmallVec<[&mut [T]; 24]> = SmallVec::new();
        cells.extend(outs.iter_mut().map(|o| &mut o[from..from + n]));
        cells.extend(registers.iter_mut().map(|r| &mut r[..n]));
        for step in steps {
            let y = std::mem::take(&mut cells[step.cell]);
            for (x, (number, filled)) in step.inputs.iter().zip(numbers.iter_mut().zip(&mut filled)) {
                // Most often the number of the step before.
                if let Input::Number(x) = *x
                    && *filled != Some(x.to_f64().to_bits())
                {
                    number.fill(x);
                    *filled = Some(x.to_f64().to_bits());
                }
            }
            let view = |k: usize| {
                let data = match step.inputs[k] {
                    Input::Slice(x) => &x[start + from..][..n],
                    Input::Cell(cell) => &*cells[cell],
                    Input::Number(_) => &numbers[k][..n],
                };
                View { data, offset: 0, layout: row }
            };
            match step.inputs.len() {
                1 => step.op.forward(&[view(0)], y),
                2 => step.op.forward(&[view(0), view(1)], y),
                _ => step.op.forward(&[view(0), view(1), view(2)], y),
            }
            cells[step.cell] = y;
        }
    }
}
