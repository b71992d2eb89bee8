//! What does a tape show of itself? Its nodes, one by one, and its counters.

use crate::array::scalar::Scalar;
use crate::array::shape::Shape;
use crate::tape::Tape;
use crate::tape::node::NodeId;
use std::fmt;
use std::panic::Location;

/// Counters of a tape's memory; see [`Tape::stats`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Nodes on the tape.
    pub nodes: usize,
    /// Bytes of values that the tape holds now.
    pub live_bytes: usize,
    /// The most that `live_bytes` has been.
    pub peak_bytes: usize,
    /// Large buffers that were taken from the free lists.
    pub pool_hits: usize,
    /// Large buffers that had to be allocated.
    pub pool_misses: usize,
}

/// One line of a tape: see [`Tape::nodes`].
#[derive(Clone, Debug, PartialEq)]
pub struct NodeInfo {
    /// The name of the op; `leaf`, `constant` or `param` of a value that was put in.
    pub op: &'static str,
    /// The places in the list of what it was computed from.
    pub inputs: Vec<usize>,
    /// The shape of the result.
    pub shape: Shape,
    /// Whether the value is not computed yet: a large elementwise op (or the sum of one) waits until it is first read, and is then computed in
    /// one pass with its neighbours.
    pub waits: bool,
    /// The line that recorded it.
    pub at: &'static Location<'static>,
}

/// Op, shape and line: `ln [2, 3], recorded at src/main.rs:12`.
impl fmt::Display for NodeInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}, recorded at {}:{}", self.op, self.shape, self.at.file(), self.at.line())
    }
}

impl<T: Scalar> Tape<T> {
    /// Nodes, bytes and pool counters.
    ///
    /// ```
    /// let mut tape = wengert::Tape::<f32>::new();
    /// tape.leaf([1.0, 2.0]).exp();
    /// assert_eq!(tape.stats().nodes, 2);
    /// tape.reset();
    /// assert_eq!(tape.stats().nodes, 0);
    /// ```
    pub fn stats(&self) -> Stats {
        let list = self.read();
        let (pool_hits, pool_misses) = list.store.hits_and_misses();
        let (live_bytes, peak_bytes) = (list.store.live_bytes(), list.store.peak_bytes());
        Stats { nodes: list.nodes.len(), live_bytes, peak_bytes, pool_hits, pool_misses }
    }

    /// What was recorded so far, in order.
    ///
    /// ```
    /// let tape = wengert::Tape::<f32>::new();
    /// let y = tape.leaf([1.0, 2.0]).exp().sum();
    /// let ops: Vec<&str> = tape.nodes().iter().map(|n| n.op).collect();
    /// assert_eq!(ops, ["leaf", "exp", "sum"]);
    /// assert_eq!(tape.nodes()[y.node()].inputs, [1]);
    /// ```
    pub fn nodes(&self) -> Vec<NodeInfo> {
        (0..self.next_id()).map(|id| self.info(id)).collect()
    }
    fn info(&self, id: NodeId) -> NodeInfo {
        let list = self.read();
        NodeInfo {
            op: list.op(id).name(),
            inputs: list.inputs(id).iter().map(|&i| i as usize).collect(),
            shape: list.layout(id).shape().clone(),
            waits: list.waits(id),
            at: list.nodes[id as usize].at,
        }
    }

    /// Where to look when a loss is NaN: the value on the tape in which NaN was first made, or the infinity that it was made of; of a tape without
    /// NaN the first infinity; `None` if all values are finite. Infinities that were put in by [`Tape::constant`] do not count: masks have them. It
    /// reads every value, so that whatever waits is computed.
    ///
    /// ```
    /// let tape = wengert::Tape::<f32>::new();
    /// let x = tape.leaf([1.0, 0.0, 4.0]);
    /// let y = (x.log() * 0.0).sum();
    /// assert!(y.item().is_nan());
    /// let first = tape.first_not_finite().unwrap();
    /// assert_eq!((first.op, first.inputs), ("ln", vec![x.node()])); // ln 0 = -inf
    /// ```
    pub fn first_not_finite(&self) -> Option<NodeInfo> {
        let list = self.read();
        let has = |id: NodeId, odd: fn(T) -> bool| list.view(id).iter().any(odd);
        let nan: fn(T) -> bool = |x| x.is_nan();
        let infinite: fn(T) -> bool = |x| !x.is_nan() && !x.to_f64().is_finite();
        // The value in which those of one kind begin, from one that has them.
        let begin = |mut id: NodeId, odd: fn(T) -> bool| {
            while let Some(&x) = list.inputs(id).iter().find(|&&x| has(x, odd)) {
                id = x;
            }
            id
        };
        let is_constant = |id: NodeId| list.op(id).name() == "constant";
        let mut all = 0..list.nodes.len() as NodeId;
        let first = match all.clone().find(|&id| has(id, nan)) {
            // NaN is often made of an infinity, as 0 times infinity is: then that is the place to look.
            Some(id) => Some(begin(id, infinite)).filter(|&x| x != id && !is_constant(x)).or(Some(id)),
            None => all.find(|&id| has(id, infinite) && !is_constant(begin(id, infinite))),
        };
        first.map(|id| self.info(id))
    }

    /// Writes the line of a node.
    pub(crate) fn describe(&self, id: NodeId, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = &self.read();
        let inputs: Vec<String> = list.inputs(id).iter().map(|i| format!("%{i}")).collect();
        let node = &list.nodes[id as usize];
        let line = format!("%{id} = {}({})", list.op(id).name(), inputs.join(", "));
        let kind = format!("{} {}", T::NAME, list.layout(id).shape());
        let waits = if list.waits(id) { " (waits)" } else { "" };
        write!(f, "{line:<36} {kind:<18} {}:{}{waits}", node.at.file(), node.at.line())
    }
}

/// One readable line a node: id, op, inputs, type and shape, the caller's file and line.
impl<T: Scalar> fmt::Display for Tape<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for id in 0..self.next_id() {
            self.describe(id, f)?;
            writeln!(f)?;
        }
        Ok(())
    }
}

impl<T: Scalar> fmt::Debug for Tape<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use crate::Tape;

    #[test]
    fn nodes_that_wait_are_shown_as_such_until_they_are_read() {
        let waiting = |tape: &Tape<f32>| tape.nodes().iter().filter(|n| n.waits).map(|n| n.op).collect::<Vec<_>>();
        let lines = |tape: &Tape<f32>| tape.to_string().lines().filter(|line| line.ends_with(" (waits)")).count();
        for (waits_from, expected) in [(usize::MAX, vec![]), (1000, vec!["exp", "neg", "sum"]), (1001, vec![])] {
            let tape = Tape::new().fast_ways(true, waits_from);
            let x = tape.leaf(vec![0.0; 1000]);
            let y = -x.exp();
            let total = y.sum();
            assert_eq!(waiting(&tape), expected);
            assert_eq!(lines(&tape), expected.len());
            assert_eq!(y.to_vec()[999], -1.0);
            // The sum was added up on the way. What `exp` gave is kept, since a gradient may need it.
            assert_eq!(waiting(&tape), [""; 0]);
            assert_eq!(total.item(), -1000.0);
        }
    }
}
