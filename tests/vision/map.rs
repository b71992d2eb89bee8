//! Mean average precision, beside pycocotools.

use super::suite::Part;
use std::path::Path;

pub fn run(_: &Path) -> Result<Part, String> {
    Ok(Part::default())
}
