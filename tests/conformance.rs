//! Do values, gradients, second-order gradients and tangents agree with PyTorch's? All cases of `tests/conformance/`, in f64 and in f32.

#[path = "../examples/conformance/call.rs"]
mod call;
#[path = "../examples/conformance/cases.rs"]
mod cases;
#[path = "../examples/conformance/format.rs"]
mod format;
#[path = "../examples/conformance/ops/mod.rs"]
mod ops;
#[path = "../examples/conformance/panics.rs"]
mod panics;
#[path = "../examples/conformance/run.rs"]
mod run;

use run::STAGES;
use std::path::Path;
use wengert::Scalar;

/// How many cases must agree at least in value, gradient, second-order gradient and tangent, and of how many.
const AGREE: [(usize, usize); 4] = [(855, 855), (855, 855), (508, 508), (846, 850)];

fn all_agree<T: Scalar>() {
    let ops = cases::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance")).expect("the cases can be read");
    let (mut agree, mut all, mut different) = ([0; 4], [0; 4], Vec::new());
    for op in &ops {
        for case in &op.cases {
            let report = run::run::<T>(op, case, &STAGES);
            for stage in STAGES.into_iter().filter(|s| s.applies(case)) {
                agree[stage as usize] += usize::from(report.agrees(stage));
                all[stage as usize] += 1;
            }
            let remarks = report.remarks().into_iter().map(|remark| format!("{} {} {remark}", op.op, case.id));
            if report.unsupported() { remarks.for_each(|remark| println!("{remark}")) } else { different.extend(remarks) }
        }
    }
    assert!(different.is_empty(), "{}: {} comparisons differ:\n{}", T::NAME, different.len(), different.join("\n"));
    for (stage, (least, of)) in STAGES.into_iter().zip(AGREE) {
        let (agree, all) = (agree[stage as usize], all[stage as usize]);
        println!("{}: {agree} of {all} agree in {}", T::NAME, stage.name());
        assert!(agree >= least && all == of, "{}: {agree} of {all} agree in {} where {least} of {of} did", T::NAME, stage.name());
    }
}

#[test]
fn in_f64() {
    all_agree::<f64>();
}

#[test]
fn in_f32() {
    all_agree::<f32>();
}
