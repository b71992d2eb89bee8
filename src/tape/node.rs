//! How is a node named, where was it made, and where does its value lie?

use std::panic::Location;

/// The index of a node in the list.
pub(crate) type NodeId = u32;
/// No node.
pub(crate) const NONE: NodeId = u32::MAX;

/// In the work list of a sweep: a target, or a node that depends on one, that no cotangent has reached yet.
pub(super) const NO_COTANGENT: NodeId = NONE;
/// It depends on no target. (What is below this number is a cotangent.)
pub(super) const UNWANTED: NodeId = NONE - 1;

/// Where in the user's source a node was made.
pub(crate) type At = &'static Location<'static>;

/// Where a node's elements are: in the arena, or in a slot; and at which element they begin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub slot: u32,
    pub offset: u32,
}

impl Place {
    /// The slot of all that lies in the arena.
    pub const ARENA: u32 = u32::MAX;
    /// Where there is no value to point to. (As for small arrays, nobody counts who reads it.)
    pub const NONE: Place = Place { slot: Place::ARENA, offset: 0 };

    #[inline(always)]
    pub fn in_arena(self) -> bool {
        self.slot == Place::ARENA
    }
    /// The same buffer, seen from another element, which lies in it.
    pub fn moved(self, by: isize) -> Place {
        Place { offset: (self.offset as isize + by) as u32, ..self }
    }
}
