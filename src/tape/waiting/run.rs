//! How are ops that waited computed? Step by step on one block after another, so that what lies between the steps stays in the first-level cache.

use crate::array::layout::Layout;
use crate::array::scalar::Scalar;
use crate::array::shape::Shape;
use crate::array::simd::prefetch;
use crate::array::view::View;
use crate::kernels::parallel;
use crate::kernels::reduce::{self, Accumulator, PIECE};
use crate::tape::op::Fused;
use smallvec::SmallVec;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of a block: the few that a step touches, and those that wait for a later step, fit in a first-level cache.
const BLOCK_BYTES: usize = 4 * 1024;
/// Elements of the longest block.
const BLOCK: usize = BLOCK_BYTES / size_of::<f32>();
const _: () = assert!(PIECE.is_multiple_of(BLOCK));
/// Blocks for outputs that do not go to memory.
pub(super) const REGISTERS: usize = 10;
/// Elements from which a thread of its own pays.
const GRAIN: usize = 64 * 1024;

/// An input of a step.
#[derive(Clone, Copy)]
pub(super) enum Input<'a, T> {
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
pub(super) struct Step<'a, T> {
    pub op: &'a dyn Fused<T>,
    pub whole: &'a Shape,
    pub inputs: SmallVec<[Input<'a, T>; 3]>,
    pub output: Output,
}

/// Where the output of a step goes.
#[derive(Clone, Copy)]
pub(super) enum Output {
    /// An array, or a block that is thrown away.
    Cell(usize),
    /// A sum, by its index among the sums.
    Sum(usize),
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

/// What is written to.
type Slices<'a, T> = SmallVec<[&'a mut [T]; 24]>;

/// A part of the arrays over which a run goes.
pub(super) struct Piece<'a, T> {
    pub start: usize,
    pub len: usize,
    /// Elements of a part of a sum.
    pub part: usize,
    /// The elements of each output that goes to memory.
    pub arrays: Slices<'a, T>,
    /// The sums of the parts of each sum.
    pub parts: Slices<'a, T>,
}

impl<T: Scalar> Piece<'_, T> {
    /// Runs the steps over it, on several threads if that pays.
    ///
    /// If a step panics, `culprit` is its index.
    pub fn run(self, steps: &[Step<'_, T>], culprit: &AtomicUsize) {
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
            let mut cells: Slices<'_, T> = SmallVec::new();
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
