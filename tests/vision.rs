//! Do features, detection, segmentation and control agree with the packages that made the values in `tests/vision/cases`?

mod detect;
mod format;
mod hog;
mod map;
mod rl;
mod segment;
mod sift;
mod suite;

use std::path::Path;
use suite::suite;

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/vision/cases");

/// All comparisons of a part agree, and there are as many as there were.
fn agrees(name: &str, count: usize) {
    let part = suite::part(name, Path::new(CASES)).expect("the files are there");
    assert!(part.differ.is_empty(), "{name}:\n{}", part.differ.join("\n"));
    assert!(part.unsupported.is_empty(), "{name}:\n{}", part.unsupported.join("\n"));
    assert_eq!(part.agree, count, "{name}: comparisons that agree");
}

#[test]
fn hog() {
    agrees("hog", 30);
}

#[test]
fn sift() {
    agrees("sift", 15);
}

#[test]
fn detect() {
    agrees("detect", 0);
}

#[test]
fn map() {
    agrees("map", 0);
}

#[test]
fn segment() {
    agrees("segment", 0);
}

#[test]
fn rl() {
    agrees("rl", 0);
}

/// A folder without any of the parts is an error.
#[test]
fn nothing_to_compare() {
    let why = suite(&Path::new(CASES).join("hog"), &mut Vec::new()).unwrap_err();
    assert!(why.contains("nothing to compare") && why.contains("detect/map.json"), "{why}");
}
