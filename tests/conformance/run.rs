//! Does a case agree? Its value, gradient, second-order gradient and tangent, each compared with PyTorch's.

use super::cases::{Arrays, Case};
use super::compare::{Allowed, STEP, with_file};
use super::compute::{Given, Stage, compute};
use super::contradictions::{Contradictions, Judgement};
use super::format::Values;
use wengert::Scalar;

/// What came of a comparison.
#[derive(Clone, PartialEq)]
pub enum Verdict {
    Agrees,
    /// And how.
    Differs(String),
    /// And why.
    Unsupported(String),
}

/// What came of a case: of each stage that was compared.
pub struct Report(pub Vec<(Stage, Verdict)>);

impl Report {
    pub fn agrees(&self, stage: Stage) -> bool {
        self.0.contains(&(stage, Verdict::Agrees))
    }
    pub fn differs(&self) -> bool {
        self.0.iter().any(|(_, verdict)| matches!(verdict, Verdict::Differs(_)))
    }
    pub fn unsupported(&self) -> bool {
        !self.differs() && self.0.iter().any(|(_, verdict)| matches!(verdict, Verdict::Unsupported(_)))
    }
    /// What is said of stages that do not agree, each reason once: `"value differs: .."`.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        for (i, (stage, verdict)) in self.0.iter().enumerate() {
            let (what, why) = match verdict {
                Verdict::Agrees => continue,
                Verdict::Differs(why) => ("differs", why),
                Verdict::Unsupported(why) => ("unsupported", why),
            };
            if i == 0 || self.0[i - 1].1 != *verdict {
                remarks.push(format!("{} {what}: {why}", stage.name()));
            }
        }
        remarks
    }
}

/// Runs a case and compares the stages that are wanted and that it has. In another type than f64, a stage agrees if it does in f64, and if
/// the type gives the same up to its rounding.
pub fn run<T: Scalar>(op: &str, case: &Case, wanted: &[Stage], expected: &Contradictions) -> Report {
    let stages: Vec<Stage> = wanted.iter().copied().filter(|s| s.applies(case)).collect();
    let all = |verdict: Verdict| Report(stages.iter().map(|&s| (s, verdict.clone())).collect());
    if !case.faults.is_empty() {
        return all(Verdict::Differs(case.faults.join("; ")));
    }
    let given = match compute::<f64>(op, case, &case.arrays, &stages) {
        Ok(given) => given,
        Err(reason) => return all(Verdict::Unsupported(reason)),
    };
    let narrow = if T::NAME == "f64" { vec![Ok(()); stages.len()] } else { beside_f64::<T>(op, case, &stages) };
    let verdict = |((&stage, given), narrow): ((&Stage, &Given), &Result<(), String>)| {
        let wide = match given {
            Err(message) => Verdict::Differs(message.clone()),
            Ok(given) => {
                let compared = with_file(case, stage, given);
                match (expected.judge(op, case, stage, given, &compared), compared) {
                    (Some(Judgement::Excused(why)), _) => Verdict::Unsupported(why),
                    (Some(Judgement::Wrong(why)), _) | (None, Err(why)) => Verdict::Differs(why),
                    (None, Ok(())) => Verdict::Agrees,
                }
            }
        };
        match (wide, narrow) {
            (Verdict::Differs(why), _) => (stage, Verdict::Differs(why)),
            (_, Err(why)) => (stage, Verdict::Differs(why.clone())),
            (wide, Ok(())) => (stage, wide),
        }
    };
    Report(stages.iter().zip(&given).zip(&narrow).map(verdict).collect())
}

/// Compares each stage in the type T with f64, on inputs rounded to T.
fn beside_f64<T: Scalar>(op: &str, case: &Case, stages: &[Stage]) -> Vec<Result<(), String>> {
    let rounded = changed(&case.arrays, |x| T::from_f64(x).to_f64());
    let compute_wide = |arrays: &Arrays| compute::<f64>(op, case, arrays, stages).expect("the call can be expressed");
    let wide = compute_wide(&rounded);
    let narrow = compute::<T>(op, case, &rounded, stages).expect("the call can be expressed");
    let near: Vec<Vec<Given>> = (0..6)
        .map(|seed| {
            let mut sign = signs(seed);
            compute_wide(&changed(&rounded, |x| x * (1.0 + STEP * sign())))
        })
        .collect();
    let compare = |(at, &stage): (usize, &Stage)| {
        let (narrow, wide) = (narrow[at].as_ref().map_err(Clone::clone)?, wide[at].as_ref().map_err(Clone::clone)?);
        let near: Vec<_> = near.iter().filter_map(|near| near[at].as_ref().ok()).collect();
        Allowed::of(case, stage, wide, &near).compare(case, stage, narrow, wide)
    };
    stages.iter().enumerate().map(compare).collect()
}

/// Arrays of other numbers.
fn changed(arrays: &Arrays, mut f: impl FnMut(f64) -> f64) -> Arrays {
    let mut arrays = arrays.clone();
    for array in arrays.values_mut() {
        if let Values::Float(values) = &mut array.values {
            values.iter_mut().for_each(|x| *x = f(*x));
        }
    }
    arrays
}

/// Signs at random, the same for a seed: the upper bit of a linear congruential generator (Knuth's MMIX).
fn signs(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        if state >> 63 == 0 { 1.0 } else { -1.0 }
    }
}
