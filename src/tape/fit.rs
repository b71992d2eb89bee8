//! Does an op fit? Here its answers about shapes are checked, and errors get op, shapes and line.

use crate::array::error::{ShapeError, told, told_by};
use crate::array::layout::{Layout, check_rank};
use crate::array::scalar::Scalar;
use crate::array::shape::{Shape, Strides};
use crate::tape::Tape;
use crate::tape::node::{At, NONE, NodeId};
use crate::tape::op::{Fused, Op};
use crate::tape::param::Param;
use crate::tape::recall::Placement;
use crate::tape::record::List;
use crate::tape::var::Var;
use smallvec::SmallVec;
use std::any::Any;
use std::ops::Range;
use std::panic::resume_unwind;

impl<T: Scalar> Tape<T> {
    /// Goes on with a panic, whose text says op, shapes and line of the node `running` from here on, if one is.
    #[cold]
    pub(crate) fn rethrow(&self, panic: Box<dyn Any + Send>, running: NodeId) -> ! {
        if running == NONE {
            resume_unwind(panic);
        }
        let e = told_by(panic, "vjp");
        let e = self.read().refusal_of(e, running);
        panic!("{e}")
    }
    /// The error of an input that lies on another tape.
    #[cold]
    pub(super) fn foreign(op: &'static str, inputs: &[Var<'_, T>], at: At) -> ShapeError {
        let shapes: Vec<Shape> = inputs.iter().map(|v| v.shape()).collect();
        ShapeError::new("a Var of another tape").hint("bring its value over with `tape.constant(&x.to_array())`").of(op, shapes, at)
    }
}

impl<T: Scalar> List<T> {
    /// The one place where it is decided whether an op fits: shapes, sizes, and what a view may see. (Asked once for each op and layouts of
    /// up to three inputs: then the answer is kept.)
    #[cold]
    pub(super) fn ask(&mut self, op: &dyn Op<T>, inputs: &[NodeId]) -> Result<Placement, ShapeError> {
        let shape = told("shape", || op.shape(&inputs.iter().map(|&i| self.layout(i).shape()).collect::<SmallVec<[&Shape; 8]>>()))??;
        check_rank(&shape)?;
        shape.check_count()?;
        let alias = match inputs.first() {
            Some(&i) => told("alias", || op.alias(self.layout(i), &shape))?.map(|alias| (self.layout(i), alias)),
            None => None,
        };
        let (layout, alias) = match alias {
            Some((x, (strides, by))) => (view_within(x, shape, strides, by)?, Some(by)),
            None => {
                // What is not a view is computed, from all of its inputs.
                shape.check_size()?;
                inputs.iter().try_for_each(|&i| self.layout(i).shape().check_size())?;
                if let Some(fused) = op.fused().filter(|fused| fused.elementwise().is_some()) {
                    self.check_elementwise(fused, inputs, &shape)?;
                }
                (Layout::contiguous(shape), None)
            }
        };
        Ok(Placement { layout: self.layouts.intern(layout), alias })
    }

    /// That inputs of an elementwise op have its output's shape. What is computed in parts would read beyond them, or leave some out.
    fn check_elementwise(&self, op: &dyn Fused<T>, inputs: &[NodeId], shape: &Shape) -> Result<(), ShapeError> {
        for (k, &i) in inputs.iter().enumerate() {
            let x = self.layout(i).shape();
            if x != shape && !op.is_table(k) {
                return Err(ShapeError::new(format!("an elementwise op whose input {k} has shape {x} gives shape {shape}"))
                    .hint("`elementwise` is for ops whose inputs, beside tables, have the output's shape: broadcast them first"));
            }
        }
        Ok(())
    }

    /// Refuses a cotangent `c`, which the rule of node `id` returned, whose shape is not that of its input `x`.
    #[inline(always)]
    pub fn check_cotangent(&self, id: NodeId, x: NodeId, c: NodeId) {
        if self.nodes[c as usize].layout != self.nodes[x as usize].layout {
            self.check_shapes(id, x, c);
        }
    }
    #[cold]
    fn check_shapes(&self, id: NodeId, x: NodeId, c: NodeId) {
        let (op, have, want) = (self.op(id).name(), self.layout(c).shape(), self.layout(x).shape());
        if have != want {
            let e = ShapeError::new(format!("the rule of {op} returned a cotangent of shape {have} for an input of shape {want}"));
            panic!("{}", self.refusal_of(e.hint("a cotangent has the shape of its input; `sum_to` undoes a broadcast"), id));
        }
    }

    /// What is said where an op cannot be computed.
    #[cold]
    pub(super) fn refusal(&self, e: ShapeError, op: &dyn Op<T>, inputs: &[NodeId], at: At) -> ShapeError {
        let e = e.of(op.name(), inputs.iter().map(|&i| self.layout(i).shape().clone()), at);
        match inputs.iter().find_map(|&i| self.param_of(i)) {
            Some(param) => e.with_param(&param.path()),
            None => e,
        }
    }
    /// The parameter that a node is, or a view of.
    fn param_of(&self, mut id: NodeId) -> Option<&Param<T>> {
        while let [x] = *self.inputs(id)
            && self.op(id).alias(self.layout(x), self.layout(id).shape()).is_some()
        {
            id = x;
        }
        self.leaves.param(id)
    }
    /// The same for a node that is computed later, or whose rule is run.
    #[cold]
    pub fn refusal_of(&self, e: ShapeError, id: NodeId) -> ShapeError {
        self.refusal(e, self.op(id), self.inputs(id), self.nodes[id as usize].at)
    }
}

/// The layout of a view, which must not see elements outside of the span from the first to the last that its input sees.
fn view_within(x: &Layout, shape: Shape, strides: Strides, by: isize) -> Result<Layout, ShapeError> {
    if strides.len() != shape.len() {
        return Err(ShapeError::new(format!("its `alias` gave strides {strides:?} for a view of shape {shape}"))
            .hint("a view has one stride for each of its axes"));
    }
    let (layout, whole, by) = (Layout::new(shape, strides), x.reach(), by as i128);
    let seen = layout.reach();
    // (Also an empty view begins somewhere in its input.)
    if by.saturating_add(seen.start) < whole.start || by.saturating_add(seen.end) > whole.end {
        let span = |r: &Range<i128>| if r.is_empty() { "none".into() } else { format!("{} to {}", r.start, r.end - 1) };
        let sees = match seen.is_empty() {
            true => format!("begins at element {by}"),
            false => format!("sees elements {}", span(&(by.saturating_add(seen.start)..by.saturating_add(seen.end)))),
        };
        return Err(ShapeError::new(format!("its `alias` {sees}, the input has {}", span(&whole)))
            .hint("strides and the distance to the first element are counted in elements of the input, from its first"));
    }
    Ok(layout)
}
