//! How does a rule differentiate a formula? It writes the formula on the tape, and sweeps over it at once.

use crate::array::scalar::Scalar;
use crate::tape::node::{NO_COTANGENT, NONE};
use crate::tape::op::Vjp;
use crate::tape::owner::Kept;
use crate::tape::sweep::Sweep;
use crate::tape::var::Var;

impl<'t, T: Scalar> Vjp<'t, '_, T> {
    /// The cotangents of two inputs through a formula, which is written on the tape: `seed` is the cotangent of its result. Inputs count as
    /// independent, since the walk stops where the formula begins. (If both are one node, as for `relu`, all flows to the first.)
    pub(crate) fn through(&self, inputs: [usize; 2], seed: Var<'t, T>, formula: &dyn Fn() -> Var<'t, T>) -> [Option<Var<'t, T>>; 2] {
        let tape = self.tape;
        let begin = tape.next_id();
        let out = formula();
        let kept = Kept::new(&tape.read());
        let mut sweep = Sweep::new(tape, begin, out.id, kept);
        sweep.below = inputs.map(|i| (if self.needs(i) { self.inputs[i] } else { NONE }, NO_COTANGENT));
        sweep.mark_dependents();
        sweep.run(out.id, seed.id);
        sweep.below.map(|(_, c)| (c != NO_COTANGENT).then(|| Var::at(tape, c)))
    }
}
