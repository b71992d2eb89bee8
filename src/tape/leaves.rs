//! Which leaves does a gradient flow to?

use crate::array::scalar::Scalar;
use crate::tape::node::NodeId;
use crate::tape::param::{Param, put_param};

/// Tracked leaves and the parameters they stand for.
///
/// Rewound by a cursor and not cleared: a parameter that is used again in the next step is not counted anew.
pub(crate) struct Leaves<T: Scalar> {
    entries: Vec<(NodeId, Option<Param<T>>)>,
    pub len: usize,
}

impl<T: Scalar> Leaves<T> {
    pub fn new() -> Leaves<T> {
        Leaves { entries: Vec::new(), len: 0 }
    }
    pub fn get(&self) -> &[(NodeId, Option<Param<T>>)] {
        &self.entries[..self.len]
    }
    /// The leaf that stands for a parameter.
    pub fn find(&self, param: &Param<T>) -> Option<NodeId> {
        self.get().iter().find(|(_, p)| p.as_ref().is_some_and(|p| p.is(param))).map(|&(id, _)| id)
    }
    pub fn push(&mut self, id: NodeId, param: Option<&Param<T>>) {
        match self.entries.get_mut(self.len) {
            Some((old, p)) => {
                *old = id;
                put_param(p, param);
            }
            None => self.entries.push((id, param.cloned())),
        }
        self.len += 1;
    }
}
