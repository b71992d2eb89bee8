//! Boxes, regions, anchors, losses, and what a detector does after its network, beside torchvision.

use super::suite::Part;
use std::path::Path;

pub fn run(_: &Path) -> Result<Part, String> {
    Ok(Part::default())
}
