//! Runs all parts of a folder, and counts.

use super::{detect, hog, map, rl, segment, sift};
use std::io::{self, Write};
use std::path::Path;

/// What came out of one part.
#[derive(Debug, Default)]
pub struct Part {
    pub agree: usize,
    /// What differs, and how.
    pub differ: Vec<String>,
    /// What this library cannot do, and why.
    pub unsupported: Vec<String>,
    /// What a reader wants to see beside the counts, such as scores.
    pub notes: Vec<String>,
}

impl Part {
    /// Counts one comparison.
    pub fn check(&mut self, result: Result<(), String>) {
        match result {
            Ok(()) => self.agree += 1,
            Err(why) => self.differ.push(why),
        }
    }

    fn total(&self) -> usize {
        self.agree + self.differ.len() + self.unsupported.len()
    }

    fn add(&mut self, mut other: Part) {
        self.agree += other.agree;
        self.differ.append(&mut other.differ);
        self.unsupported.append(&mut other.unsupported);
        self.notes.append(&mut other.notes);
    }
}

/// Runs one part: the files in this folder.
type Run = fn(&Path) -> Result<Part, String>;

/// The parts: name, the file that shows that a folder has it, and what runs it.
const PARTS: [(&str, &str, Run); 6] = [
    ("hog", "hog/index.json", hog::run),
    ("sift", "sift/index.json", sift::run),
    ("detect", "detect/index.json", detect::run),
    ("map", "detect/map.json", map::run),
    ("segment", "segment/index.json", segment::run),
    ("rl", "rl/index.json", rl::run),
];

/// Runs one part by its name.
pub fn part(name: &str, dir: &Path) -> Result<Part, String> {
    let (_, index, run) = PARTS.iter().find(|p| p.0 == name).expect("a name of PARTS");
    run(dir.join(index).parent().expect("a folder"))
}

/// Runs all parts that the folder has, prints a line for each, and the sum.
pub fn suite(dir: &Path, out: &mut impl Write) -> Result<Part, String> {
    let mut sum = Part::default();
    for (name, index, _) in PARTS {
        if dir.join(index).is_file() {
            let part = part(name, dir)?;
            report(out, name, &part).map_err(|why| why.to_string())?;
            sum.add(part);
        }
    }
    if sum.total() == 0 {
        return Err(format!("{}: nothing to compare: it has none of {}", dir.display(), PARTS.map(|p| p.1).join(", ")));
    }
    writeln!(out, "{} agree, {} differ, {} unsupported of {}", sum.agree, sum.differ.len(), sum.unsupported.len(), sum.total())
        .map_err(|why| why.to_string())?;
    Ok(sum)
}

fn report(out: &mut impl Write, name: &str, part: &Part) -> io::Result<()> {
    writeln!(out, "{name}: {} of {} agree", part.agree, part.total())?;
    for note in &part.notes {
        writeln!(out, "  {note}")?;
    }
    for why in &part.differ {
        writeln!(out, "  differs: {why}")?;
    }
    for why in &part.unsupported {
        writeln!(out, "  unsupported: {why}")?;
    }
    Ok(())
}
