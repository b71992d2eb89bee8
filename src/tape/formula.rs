//! How does a rule differentiate a formula? It writes the formula on the tape, and sweeps over it at once.

use crate::array::scalar::Scalar;
use crate::tape::Tape;
use crate::tape::node::{NO_COTANGENT, NONE, NodeId};
use crate::tape::op::Vjp;
use crate::tape::owner::Kept;
use crate::tape::sweep::Sweep;
use crate::tape::var::Var;

impl<'t, T: Scalar> Vjp<'t, '_, T> {
    /// The cotangents of two inputs through a formula, which is written on the tape: `seed` is the cotangent of its result. Inputs count as
    /// independent, since the walk stops where the formula begins. (If both are one node, as for `relu`, all flows to the first.)
    pub(crate) fn through(&self, inputs: [usize; 2], seed: Var<'t, T>, formula: &dyn Fn() -> Var<'t, T>) -> [Option<Var<'t, T>>; 2] {
        let wanted = inputs.map(|i| if self.needs(i) { self.inputs[i] } else { NONE });
        let begin = self.tape.next_id();
        let out = formula();
        self.tape.sweep_formula(begin, out.id, seed.id, wanted).map(|id| (id != NONE).then(|| Var::at(self.tape, id)))
    }
}

impl<T: Scalar> Tape<T> {
    /// Sweeps from `root` down to `floor`, to two targets that lie below it (`NONE`: not wanted).
    fn sweep_formula(&self, floor: NodeId, root: NodeId, seed: NodeId, targets: [NodeId; 2]) -> [NodeId; 2] {
        let kept = Kept::new(&self.read());
        let mut sweep = Sweep::new(self, floor, root, kept);
        sweep.below = targets.map(|target| (target, NO_COTANGENT));
        sweep.mark_dependents();
        sweep.run(root, seed);
        sweep.below.map(|(_, cotangent)| cotangent) // or NO_COTANGENT, which is NONE
    }
}
