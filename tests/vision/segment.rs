//! Mean intersection over union, unpooling and the loss of images, beside PyTorch.

use super::suite::Part;
use std::path::Path;

pub fn run(_: &Path) -> Result<Part, String> {
    Ok(Part::default())
}
