//! Extreme arguments at every public method: a right value, or a refusal that names op, shapes, the caller's line and a hint.

mod draw;
mod failures;
mod known;
mod methods;
mod own_ops;

use crate::{harness::alone, sources};
use draw::Draw;
use failures::{Failures, consistent};
use methods::{METHODS, Method};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use wengert::Tape;

/// One call, its value, and its gradient by all arrays.
fn call(method: Method, d: &mut Draw<'_>) -> Result<(), String> {
    let results = method(d);
    for y in results {
        consistent(y, d.tame)?;
        let gradients = d.tape.grad(y, &d.leaves);
        for (x, g) in d.leaves.iter().zip(gradients) {
            match g {
                Some(g) if g.shape() != x.shape() => return Err(format!("a gradient of shape {} for {}", g.shape(), x.shape())),
                Some(g) => consistent(g, d.tame)?,
                None => {}
            }
        }
        if y.is_tracked() && y.numel() < 1 << 20 {
            drop(d.tape.backward(y.sum()));
        }
    }
    Ok(())
}

#[test]
fn one_extreme_argument_at_a_time() {
    let _alone = alone();
    let mut failures = Failures::default();
    for &(name, method) in METHODS {
        let mut argument = 0;
        loop {
            let (mut extreme, mut arguments) = (0, 0);
            loop {
                let mut met = false;
                // Known beforehand, so that the name says what is thrown also of what does not come back.
                failures.case(&format!("{name}: argument {argument}, extreme {extreme}"), || {
                    let tape = Tape::new();
                    let mut d = Draw::one(&tape, argument, extreme);
                    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| call(method, &mut d)));
                    (met, arguments) = (d.met, arguments.max(d.drawn()));
                    match result {
                        Ok(right) => right.map_err(|e| format!("({}): {e}", d.said)),
                        Err(panic) => std::panic::resume_unwind(panic),
                    }
                });
                if !met {
                    break;
                }
                extreme += 1;
            }
            argument += 1;
            if argument >= arguments {
                break;
            }
        }
    }
    failures.panic_if_any();
}

#[test]
fn any_combination_of_arguments() {
    let _alone = alone();
    let mut failures = Failures::default();
    // (EXTREMES_SEEDS=1000 looks further.)
    let seeds = std::env::var("EXTREMES_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(24);
    for (k, &(name, method)) in METHODS.iter().enumerate() {
        for seed in 0..seeds {
            failures.case(&format!("{name}: seed {seed}"), || {
                let tape = Tape::new();
                call(method, &mut Draw::any(&tape, seed + 1_000_000 * k as u64 + 1))
            });
        }
    }
    failures.panic_if_any();
}

/// The names of the public functions of a file: of `impl` blocks whose first line has such an end, or outside of all blocks.
fn public_functions(file: &Path, block: Option<&str>) -> BTreeSet<String> {
    let text = std::fs::read_to_string(file).expect("a file of the crate");
    let (mut inside, mut names) = (block.is_none(), BTreeSet::new());
    let indent = if block.is_some() { "    pub fn " } else { "pub fn " };
    for line in text.lines() {
        if line.starts_with("impl") && block.is_some() {
            inside = block.is_some_and(|end| line.ends_with(end)) && !line.contains(" for ");
        } else if line == "}" && block.is_some() {
            inside = false;
        } else if let (true, Some(rest)) = (inside, line.strip_prefix(indent)) {
            let name = rest.split(|c: char| c != '_' && !c.is_ascii_alphanumeric()).next().expect("a name");
            names.insert(name.to_string());
        }
    }
    names
}

fn files() -> Vec<PathBuf> {
    let src = sources::src();
    let mut files = sources::files(&src.join("ops"));
    files.extend(sources::files(&src.join("tape")));
    files
}

/// The manual is the documentation: each method of `Var` and `Tape`, and each free function, shows itself at work, or says where it does.
#[test]
fn every_public_method_has_an_example() {
    let mut without = Vec::new();
    for file in files() {
        let text = std::fs::read_to_string(&file).expect("a file of the crate");
        let (mut inside, mut example, mut hidden) = (None, false, false);
        for line in text.lines() {
            let code = line.trim_start();
            if line.starts_with("impl") {
                inside = Some((line.ends_with(" Var<'t, T> {") || line.ends_with(" Tape<T> {")) && !line.contains(" for "));
            } else if line == "}" {
                inside = None;
            }
            let name = code.strip_prefix("pub fn ").filter(|_| inside.unwrap_or(line.starts_with("pub fn ")));
            if let Some(name) = name.filter(|_| !example && !hidden) {
                without.push(name.split(['(', '<']).next().expect("a name").to_string());
            }
            hidden = code.starts_with("#[doc(hidden)]") || hidden && code.starts_with("#[");
            let shows = code.contains("```") || code.contains("(Example: ");
            example = code.starts_with("///") && (example || shows) || code.starts_with("#[") && example;
        }
    }
    assert!(without.is_empty(), "{} without an example: {without:?}", without.len());
}

/// A method that is missing in the list would not be tried.
#[test]
fn every_public_method_is_tried() {
    let files = files();
    let all = |block: Option<&'static str>| files.iter().flat_map(move |f| public_functions(f, block)).collect::<BTreeSet<_>>();
    let mut there = all(Some(" Var<'t, T> {"));
    there.extend(all(Some(" Tape<T> {")).into_iter().map(|name| format!("Tape::{name}")));
    there.extend(all(None).into_iter().map(|name| format!("{name}()")));
    let tried: BTreeSet<String> = METHODS.iter().map(|(name, _)| name.split(", ").next().expect("a name").to_string()).collect();
    let missing: Vec<&String> = there.difference(&tried).collect();
    let unknown: Vec<&String> = tried.difference(&there).collect();
    assert!(there.len() > 250 && missing.is_empty() && unknown.is_empty(), "not tried: {missing:?}; not there: {unknown:?}");
    // And the index on the page of `Var` links to each.
    let index = include_str!("../../src/tape/var.md");
    let is_linked = |name: &String| index.contains(&format!("[`{name}`](Var::{name})"));
    let unlinked: Vec<String> = all(Some(" Var<'t, T> {")).into_iter().filter(|name| !is_linked(name)).collect();
    assert!(unlinked.is_empty(), "not in src/tape/var.md: {unlinked:?}");
    // And the options of each.
    let table = include_str!("methods.rs");
    for file in &files {
        let text = std::fs::read_to_string(file).expect("a file of the crate");
        for line in text.lines().filter_map(|line| line.strip_prefix("pub struct ")) {
            let name = line.split(['<', ' ']).next().expect("a name");
            assert!(!name.ends_with("Options") || table.contains(&format!("{name} {{")), "options that are not tried: {name}");
        }
    }
}
