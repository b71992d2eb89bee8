//! Differential fuzzing: random graphs, run by the library and by a plain evaluation beside it (`kinds.rs` says what is asked of them).
//!
//! Seeds are fixed here. `cargo run --release --example fuzz -- --seconds S --seed N` runs new ones.

mod graph;
mod kinds;
mod numbers;
mod reference;

use kinds::{Checked, Kind, check};

/// Runs seeds, and reports the first few that fail together.
fn seeds(kind: Kind, count: u64, threads: impl Fn(u64) -> usize) {
    let results: Vec<(u64, Result<Checked, String>)> = (0..count).map(|seed| (seed, check(kind, seed, threads(seed)))).collect();
    let ops: usize = results.iter().flat_map(|(_, result)| result).map(|checked| checked.ops).sum();
    let beyond = results.iter().flat_map(|(_, result)| result).filter(|checked| checked.beyond_f32).count();
    println!("{}: {count} graphs of {ops} ops, {beyond} of them beyond f32", kind.name());
    // Too many would mean that f32 is not tested.
    assert!(beyond as u64 * 20 <= count, "{beyond} of {count} graphs leave the range of f32");
    let wrong = results.into_iter().filter_map(|(seed, result)| Some(format!("seed {seed}: {}", result.err()?)));
    let mut wrong: Vec<String> = wrong.collect();
    wrong.sort_by_key(String::len); // the simplest first
    let first = wrong[..wrong.len().min(3)].join("\n");
    assert!(wrong.is_empty(), "{} of {count} graphs ({}) are wrong:\n{first}", wrong.len(), kind.name());
}

#[test]
fn smooth_graphs_agree_with_differences_and_f32_with_f64() {
    seeds(Kind::Smooth, 400, |_| 2);
}

#[test]
fn graphs_of_special_values_agree_with_plain_evaluation() {
    seeds(Kind::Special, 600, |_| 2);
}

#[test]
fn graphs_of_numbers_agree_with_a_plain_reverse_sweep() {
    seeds(Kind::Numbers, 2000, |_| 1);
}

#[test]
fn large_graphs_have_the_same_bits_at_any_number_of_threads() {
    seeds(Kind::Large, 36, |seed| [2, 3, 5, 8, 16, 33][seed as usize % 6]);
}

/// Two graphs that differences of one step and f32 cannot judge. In one the rounding of the differences, divided by their step, is larger
/// than the tolerance, and a product of 16 numbers of f32 is wrong in its first digit, because one factor is the logarithm of 1 - 1e-7. In
/// the other the derivative of a product of 66 numbers is 3e61, which f32 does not have.
#[test]
fn what_is_not_exact_is_not_taken_for_wrong() {
    let [steep, wide] = [5_018_192, 5_021_877].map(|seed| check(Kind::Smooth, seed, 1).unwrap_or_else(|e| panic!("seed {seed}: {e}")));
    assert!(steep.beyond_f32 && wide.beyond_f32);
}
