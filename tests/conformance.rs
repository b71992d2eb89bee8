//! Do values, gradients, second-order gradients and tangents agree with PyTorch's? All cases of `tests/conformance/`, in f64 and in f32.
//! And would it be seen if they did not? Faults of every kind are planted in a copy, and must be found.

pub mod call;
mod cases;
mod compare;
mod compute;
mod contradictions;
pub mod format;
pub mod ops;
pub mod panics;
mod planted;
mod run;
mod suite;

use clap::Parser;
use compute::STAGES;
use suite::{Options, Totals, suite};

/// How many cases must agree at least in value, gradient, second-order gradient and tangent.
const AGREE: [usize; 4] = [851, 851, 508, 842];

/// In how many PyTorch's own tangent is wrong, as `tests/conformance/contradictions.json` says.
const CONTRADICTIONS: [usize; 4] = [0, 0, 0, 4];

fn run_all(arguments: &[&str]) -> Totals {
    let options = Options::parse_from(["conformance"].iter().chain(arguments));
    suite(&options, &mut std::io::sink()).expect("there are cases")
}

fn all_agree(dtype: &str) {
    let totals = run_all(&["--dtype", dtype]);
    assert!(totals.success(), "{dtype}: {} comparisons differ:\n{}", totals.differences.len(), totals.differences.join("\n"));
    println!("{}", totals.unsupported.join("\n"));
    assert!(totals.strays.is_empty(), "arrays are compared with nothing: {:?}", totals.strays);
    assert!(totals.unsupported.iter().all(|reason| reason.contains("contradict each other")), "a call cannot be expressed any more");
    for ((stage, least), excused) in STAGES.into_iter().zip(AGREE).zip(CONTRADICTIONS) {
        let (agree, all) = totals.stages[stage as usize];
        println!("{dtype}: {agree} of {all} agree in {}", stage.name());
        assert!(agree >= least && agree + excused == all, "{dtype}: {agree} of {all} agree in {}", stage.name());
    }
}

#[test]
fn in_f64() {
    all_agree("f64");
}

#[test]
fn in_f32() {
    all_agree("f32");
}
