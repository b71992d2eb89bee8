//! How is a node named, and where was it made?

use std::panic::Location;

/// The place of a node in the list.
pub(crate) type NodeId = u32;
/// No node.
pub(crate) const NONE: NodeId = u32::MAX;

/// In the work list of a sweep: the node is on a path from the root to a target, and has no cotangent yet.
pub(super) const WAITING: NodeId = NONE;
/// No path leads from it to a target. (What is below this number is a cotangent.)
pub(super) const OFF_PATH: NodeId = NONE - 1;

/// Where in the user's source a node was made.
pub(crate) type At = &'static Location<'static>;
