//! What may happen when extreme arguments are thrown at a method? A right value, or a refusal that helps; never a bare index error, an
//! overflow, an abort, a hang or a gigabyte.

use super::draw::V;
use crate::harness::wrong;

/// Tests print what failed, and fail at their end.
#[derive(Default)]
pub struct Failures(Vec<String>);

impl Failures {
    pub fn panic_if_any(self) {
        let shown: Vec<&str> = self.0.iter().take(40).map(String::as_str).collect();
        assert!(shown.is_empty(), "{} failures, of which the first:\n- {}", self.0.len(), shown.join("\n- "));
    }

    /// Runs a case. What it gives is a message where its value is not right, and a refusal is judged by its text.
    pub fn case(&mut self, name: &str, run: impl FnMut() -> Result<(), String>) {
        self.0.extend(wrong(name, is_no_help, run));
    }
}

/// What is missing in the text of a refusal: op (and shapes), why, the caller's line, a hint.
fn is_no_help(text: &str) -> Option<&'static str> {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let bare =
        ["attempt to", "out of bounds", "out of range for slice", "unwrap()", "panicked", "assertion", "capacity overflow", "ndarray"];
    let op = first.split([' ', ':']).next().unwrap_or("");
    match () {
        _ if bare.iter().any(|bare| text.contains(bare)) => Some("a bare error"),
        _ if op.is_empty() || !first.contains(": ") => Some("no op is named"),
        _ if !first.starts_with(&format!("{op}:")) && !first.starts_with(&format!("{op} of [")) && !op.contains("::") => {
            Some("no shapes are named")
        }
        _ if !rest.contains("  at tests/extremes/") => Some("no line of the caller is named"),
        _ if !text.contains("\n  hint: ") => Some("no hint"),
        _ => None,
    }
}

/// That an array is one: as many elements as its shape says, and finite ones if that can be expected.
pub fn consistent(y: V<'_>, finite: bool) -> Result<(), String> {
    let shape = y.shape();
    let count = shape.iter().fold(1u128, |product, &n| product.saturating_mul(n as u128));
    if y.numel() as u128 != count {
        return Err(format!("{} elements of shape {shape}", y.numel()));
    }
    if count > 1 << 20 {
        return Ok(()); // large views, or what is too large to look through each time
    }
    let values = y.to_vec();
    match values.iter().find(|x| finite && !x.is_finite()) {
        _ if values.len() as u128 != count => Err(format!("{} values of shape {shape}", values.len())),
        Some(x) => Err(format!("{x} in a result of shape {shape} from ordinary numbers")),
        None => Ok(()),
    }
}
