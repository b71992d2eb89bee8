//! When is a large elementwise op computed? Not when it is recorded, but when its value is first read: together with all that it is
//! computed from and that is still outstanding, block by block, so that what lies in between stays in the first-level cache.
//!
//! A chain of elementwise ops over large arrays waits for memory: each op alone reads its inputs and writes its output there and back
//! again. Here a block of each output is computed from blocks that were computed a moment ago. An output goes to memory only if it was
//! asked for, or if it took long to compute and a gradient may need it again (most often the rules do: y of `exp`). The others are
//! thrown away, and computed once more should they be asked for later; the second time they are kept.
//!
//! The same in a sweep: the cotangents along a chain are never written, only the one at its end.
//!
//! A sum of all elements of an array that waits, waits too. Whoever computes the array first adds it up on the way. If that is a sweep
//! from the sum down, one run computes value and gradient, and nothing that the sweep has passed is kept.
//!
//! Nothing of this changes a value: ops are pure, every element is computed by the same instructions, and sums are added up in the
//! same order.

use crate::array::error::ShapeError;
use crate::array::layout::Layout;
use crate::array::scalar::Scalar;
use crate::array::shape::Shape;
use crate::array::simd::prefetch;
use crate::array::view::View;
use crate::kernels::parallel;
use crate::kernels::reduce::{self, Accumulator, PIECE, combine, part_len};
use crate::tape::node::NodeId;
use crate::tape::op::{Cost, Op};
use crate::tape::recall::LayoutId;
use crate::tape::record::{Inner, told};
use smallvec::SmallVec;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Elements from which an op is deferred: smaller arrays stay in the caches by themselves.
pub(crate) const LARGE: usize = 16 * 1024;
/// Bytes of a block: the few that a step touches, and those that wait for a later step, fit in a first-level cache.
const BLOCK_BYTES: usize = 4 * 1024;
/// Elements of the longest block.
const BLOCK: usize = BLOCK_BYTES / size_of::<f32>();
const _: () = assert!(PIECE.is_multiple_of(BLOCK));
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
    /// An array that the op reads as a whole.
    Table(View<'a, T>),
}

/// One op of a run.
struct Step<'a, T> {
    op: &'a dyn Op<T>,
    whole: &'a Shape,
    inputs: SmallVec<[Input<'a, T>; 3]>,
    output: Output,
}

/// Where the output of a step goes.
#[derive(Clone, Copy)]
enum Output {
    /// An array, or a block that is thrown away.
    Cell(usize),
    /// A sum, by its number.
    Sum(usize),
}

/// What is known of a node before its run.
struct Planned {
    id: NodeId,
    /// Of a sum, the divisor.
    divisor: Option<f64>,
    kept: bool,
    /// The last step that reads it.
    last_use: usize,
    cell: usize,
}

type Plan = SmallVec<[Planned; 32]>;

impl<T: Scalar> Inner<T> {
    /// Whether an op of this output can wait: it is large and elementwise, and its inputs lie as its output does, or are numbers or
    /// tables; or it adds up what waits.
    pub fn can_wait(&self, op: &dyn Op<T>, inputs: &[NodeId], layout: LayoutId) -> bool {
        let len = self.layouts.get(layout).numel();
        if let (1, &[x]) = (len, inputs) {
            // (What is large and waits is not itself a sum.)
            let waits = |x| self.layout(x).numel() >= LARGE && self.is_whole(x) && self.store.later(self.nodes[x as usize].place).is_some();
            return self.store.has_buffers() && waits(x) && op.total(self.layout(x).shape()).is_some();
        }
        if len < LARGE || op.elementwise().is_none() || !(1..=3).contains(&inputs.len()) {
            return false;
        }
        inputs.iter().enumerate().all(|(k, &i)| {
            let node = &self.nodes[i as usize];
            if op.is_table(k) {
                return self.store.later(node.place).is_none();
            }
            if self.is_one_number(i) {
                // A sum that waits belongs to another run, which comes first.
                self.settle(std::iter::once(i));
                return true;
            }
            node.layout == layout && (self.store.later(node.place).is_none() || self.is_whole(i))
        })
    }
    /// Whether a node sees all elements of an array in their order.
    fn is_whole(&self, id: NodeId) -> bool {
        let (node, layout) = (&self.nodes[id as usize], self.layout(id));
        let producer = self.store.later(node.place);
        layout.is_contiguous() && node.place.offset == 0 && producer.is_none_or(|p| self.layout(p).numel() == layout.numel())
    }
    /// Whether all elements of a node are the same one in memory.
    fn is_one_number(&self, id: NodeId) -> bool {
        self.layout(id).strides().iter().all(|&s| s == 0)
    }
    /// Of a sum that can wait, the divisor.
    fn divisor(&self, id: NodeId) -> Option<f64> {
        match *self.inputs(id) {
            [x] if self.layout(id).numel() == 1 => self.op(id).total(self.layout(x).shape()),
            _ => None,
        }
    }
    /// Over how many elements a waiting node is computed.
    fn run_len(&self, id: NodeId) -> usize {
        let over = if self.divisor(id).is_some() { self.inputs(id)[0] } else { id };
        self.layout(over).numel()
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
        let len = self.run_len(targets[0]);
        // Targets of different lengths take a run each.
        let (targets, others): (SmallVec<[NodeId; 8]>, SmallVec<[NodeId; 8]>) = targets.into_iter().partition(|&t| self.run_len(t) == len);
        let mut plan = self.outstanding(&targets);
        let steps = self.schedule(&mut plan);
        let (kept, sums) = (|| plan.iter().filter(|p| p.kept), || plan.iter().filter_map(|p| Some((p.id, p.divisor?))));
        let part = part_len(len);
        let buffer = |id: NodeId, len: usize| {
            let lack = |e: ShapeError| panic!("{}", self.refusal_of(e.about(self.layout(id).shape()), id));
            self.store.buffer(len).unwrap_or_else(lack)
        };
        let mut arrays: SmallVec<[_; 8]> = kept().map(|p| buffer(p.id, len)).collect();
        let mut parts: SmallVec<[_; 2]> = sums().map(|(id, _)| buffer(id, len.div_ceil(part))).collect();
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
        for (p, buffer) in kept().zip(arrays) {
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
            let divisor = self.divisor(id);
            let dear = self.op(id).elementwise() == Some(Cost::Dear) && node.tracked && !node.swept;
            let again = self.store.seen(node.place);
            let kept = divisor.is_none() && (dear || again || targets.contains(&id));
            plan.push(Planned { id, divisor, kept, last_use: 0, cell: 0 });
        }
        self.waiting.replace(heap.into_vec());
        plan.reverse();
        self.add_sums(&mut plan);
        plan
    }
    /// Puts in the sums of what is computed anyway.
    fn add_sums(&self, plan: &mut Plan) {
        let mut sums = self.totals.borrow_mut();
        // Most were computed since; some ids belong to other nodes after a sweep.
        sums.retain(|&id| {
            let node = self.nodes.get(id as usize);
            node.is_some_and(|node| self.store.later(node.place) == Some(id)) && self.divisor(id).is_some()
        });
        for &id in sums.iter() {
            let input = self.nodes[self.inputs(id)[0] as usize].place;
            let computed = self.store.later(input).is_some_and(|x| plan.binary_search_by_key(&x, |p| p.id).is_ok());
            if let (true, Err(at)) = (computed, plan.binary_search_by_key(&id, |p| p.id)) {
                plan.insert(at, Planned { id, divisor: self.divisor(id), kept: false, last_use: 0, cell: 0 });
            }
        }
    }

    /// Decides in which cell each output lies: first those that are kept, then the registers; sums are counted apart.
    fn schedule<'a>(&'a self, plan: &mut Plan) -> SmallVec<[Step<'a, T>; 32]> {
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
            if !plan[k].kept && plan[k].divisor.is_none() {
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
        let (mut arrays, mut sums) = (0, 0);
        for p in plan.iter_mut() {
            if p.divisor.is_some() {
                p.cell = sums;
                sums += 1;
            } else if p.kept {
                p.cell = arrays;
                arrays += 1;
            } else {
                p.cell += kept;
            }
        }
        let input = |p: &Planned, k: usize| {
            let i = self.inputs(p.id)[k];
            let node = &self.nodes[i as usize];
            if self.op(p.id).is_table(k) {
                let data = self.store.reader().data(node.place);
                return Input::Table(View { data, offset: node.place.offset as usize, layout: self.layout(i) });
            }
            let data = || &self.store.reader().data(node.place)[node.place.offset as usize..];
            match self.store.later(node.place) {
                Some(producer) => Input::Cell(plan[position(plan, producer)].cell),
                None if self.is_one_number(i) => Input::Number(data()[0]),
                None => Input::Slice(data()),
            }
        };
        let step = |p: &Planned| Step {
            op: self.op(p.id),
            whole: self.layout(p.id).shape(),
            inputs: (0..self.inputs(p.id).len()).map(|k| input(p, k)).collect(),
            output: if p.divisor.is_some() { Output::Sum(p.cell) } else { Output::Cell(p.cell) },
        };
        plan.iter().map(step).collect()
    }
}

/// A block, on a line of the cache, and no two of them at the same place of a page: a cache has room for few of these.
#[repr(C, align(64))]
struct Register<T> {
    block: [T; BLOCK],
    apart: [T; 16],
}

impl<T: Scalar> Register<T> {
    const ZERO: Self = Register { block: [T::ZERO; BLOCK], apart: [T::ZERO; 16] };
}

/// A part of the arrays over which a run goes.
struct Piece<'a, T> {
    start: usize,
    len: usize,
    /// Elements of a part of a sum.
    part: usize,
    /// Of each output that is kept, its elements.
    arrays: SmallVec<[&'a mut [T]; 8]>,
    /// Of each sum, the sums of its parts.
    parts: SmallVec<[&'a mut [T]; 2]>,
}

impl<T: Scalar> Piece<'_, T> {
    /// Runs the steps over it, on several threads if that pays.
    ///
    /// If a step panics, `culprit` says which.
    fn run(self, steps: &[Step<'_, T>], culprit: &AtomicUsize) {
        let Piece { start, len, part, arrays, parts } = self;
        if len < 2 * part.max(GRAIN) {
            return Piece { start, len, part, arrays, parts }.run_blocks(steps, culprit);
        }
        let half = (len / 2).next_multiple_of(part);
        let (a, b) = arrays.into_iter().map(|x| x.split_at_mut(half)).unzip();
        let (p, q) = parts.into_iter().map(|x| x.split_at_mut(half / part)).unzip();
        let left = Piece { start, len: half, part, arrays: a, parts: p };
        let right = Piece { start: start + half, len: len - half, part, arrays: b, parts: q };
        parallel::join(|| left.run(steps, culprit), || right.run(steps, culprit));
    }

    fn run_blocks(mut self, steps: &[Step<'_, T>], culprit: &AtomicUsize) {
        let Piece { start, len, part, .. } = self;
        let block = (BLOCK_BYTES / size_of::<T>()).min(len);
        let mut registers = [Register::<T>::ZERO; REGISTERS];
        let (mut numbers, mut filled) = ([Register::<T>::ZERO; 3], [None; 3]);
        let mut sums: SmallVec<[_; 2]> = self.parts.iter().map(|_| Accumulator::new(reduce::Sum)).collect();
        let mut sources: SmallVec<[&[T]; 16]> = SmallVec::new();
        for input in steps.iter().flat_map(|step| &step.inputs) {
            if let Input::Slice(x) = *input {
                let x = &x[start..start + len];
                if !sources.iter().any(|s| s.as_ptr() == x.as_ptr()) {
                    sources.push(x);
                }
            }
        }
        let whole = Layout::contiguous([block].into());
        let rest = Layout::contiguous([len % block].into());
        for from in (0..len).step_by(block) {
            let n = block.min(len - from);
            let row = if n == block { &whole } else { &rest };
            let mut cells: SmallVec<[&mut [T]; 24]> = SmallVec::new();
            let mut ahead: SmallVec<[&[T]; 16]> = sources.iter().map(|x| &x[from + n..(from + n + block).min(len)]).collect();
            for a in &mut self.arrays {
                let (now, next) = a[from..].split_at_mut(n);
                cells.push(now);
                ahead.push(&next[..block.min(next.len())]);
            }
            cells.extend(registers.iter_mut().map(|r| &mut r.block[..n]));
            for (k, step) in steps.iter().enumerate() {
                // The next block's memory, an array with each step: blocks are as long as the stretches that the processor recognises by
                // itself, so that it would begin anew with each.
                if let Some(next) = ahead.get(k) {
                    prefetch(next);
                }
                for (x, (number, filled)) in step.inputs.iter().zip(numbers.iter_mut().zip(&mut filled)) {
                    // Most often the number of the step before.
                    if let Input::Number(x) = *x
                        && *filled != Some(x.to_f64().to_bits())
                    {
                        number.block.fill(x);
                        *filled = Some(x.to_f64().to_bits());
                    }
                }
                // Taken out, so that the others can be read; the sums are not among them.
                let y = match step.output {
                    Output::Cell(cell) => std::mem::take(&mut cells[cell]),
                    Output::Sum(_) => &mut [],
                };
                let view = |k: usize| {
                    let data = match step.inputs[k] {
                        Input::Slice(x) => &x[start + from..][..n],
                        Input::Cell(cell) => &*cells[cell],
                        Input::Number(_) => &numbers[k].block[..n],
                        Input::Table(table) => return table,
                    };
                    View { data, offset: 0, layout: row }
                };
                let running = Running { step: k, culprit };
                match (step.output, step.inputs.len()) {
                    (Output::Sum(k), _) => {
                        sums[k].feed(view(0).data);
                        if from + n == len || (from + n).is_multiple_of(part) {
                            self.parts[k][from / part] = sums[k].take();
                        }
                    }
                    (_, 1) => step.op.forward_part(step.whole, start + from, &[view(0)], y),
                    (_, 2) => step.op.forward_part(step.whole, start + from, &[view(0), view(1)], y),
                    _ => step.op.forward_part(step.whole, start + from, &[view(0), view(1), view(2)], y),
                }
                std::mem::forget(running);
                if let Output::Cell(cell) = step.output {
                    cells[cell] = y;
                }
            }
        }
    }
}

/// Says which step ran when it is dropped: only a panic drops it, so that it costs nothing.
struct Running<'a> {
    step: usize,
    culprit: &'a AtomicUsize,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.culprit.store(self.step, Ordering::Relaxed);
    }
}
