//! Which leaves does a gradient flow to?

use crate::array::scalar::Scalar;
use crate::tape::node::NodeId;
use crate::tape::param::Param;

/// A leaf that is tracked or stands for a parameter.
#[derive(Clone)]
pub(crate) struct Leaf<T: Scalar> {
    pub id: NodeId,
    /// The parameter that it stands for.
    pub param: Option<Param<T>>,
    /// How often that had been changed when its value was recorded.
    pub version: u64,
    /// A gradient flows to it. The others (frozen parameters, and those under `no_grad`) are here for errors to name.
    pub tracked: bool,
}

impl<T: Scalar> Leaf<T> {
    /// Puts another leaf where most often one of the same parameter lies already.
    pub fn put(&mut self, id: NodeId, param: Option<&Param<T>>, version: u64, tracked: bool) {
        let same = match (&self.param, param) {
            (Some(old), Some(new)) => old.is(new),
            (None, None) => true,
            _ => false,
        };
        if !same {
            self.param = param.cloned();
        }
        (self.id, self.version, self.tracked) = (id, version, tracked);
    }
}

/// Leaves, and the parameters they stand for.
///
/// Rewound by a cursor and not cleared: a parameter that is used again in the next step is not counted anew.
pub(crate) struct Leaves<T: Scalar> {
    entries: Vec<Leaf<T>>,
    pub len: usize,
}

impl<T: Scalar> Leaves<T> {
    pub fn new() -> Leaves<T> {
        Leaves { entries: Vec::new(), len: 0 }
    }
    pub fn get(&self) -> &[Leaf<T>] {
        &self.entries[..self.len]
    }
    /// The tracked leaf that stands for a parameter.
    pub fn find(&self, param: &Param<T>) -> Option<&Leaf<T>> {
        self.get().iter().find(|leaf| leaf.tracked && leaf.param.as_ref().is_some_and(|p| p.is(param)))
    }
    /// The parameter that a leaf stands for.
    pub fn param(&self, id: NodeId) -> Option<&Param<T>> {
        self.get().iter().find(|leaf| leaf.id == id).and_then(|leaf| leaf.param.as_ref())
    }
    pub fn push(&mut self, id: NodeId, param: Option<&Param<T>>, version: u64, tracked: bool) {
        match self.entries.get_mut(self.len) {
            Some(leaf) => leaf.put(id, param, version, tracked),
            None => self.entries.push(Leaf { id, param: param.cloned(), version, tracked }),
        }
        self.len += 1;
    }
}
