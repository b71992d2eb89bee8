//! Environments beside gymnasium's, and the parts of a deep Q-network.

use super::suite::Part;
use std::path::Path;

pub fn run(_: &Path) -> Result<Part, String> {
    Ok(Part::default())
}
