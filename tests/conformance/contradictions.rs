//! Where does PyTorch contradict itself? The places that are known, as a list beside the cases, and the check that a place on it is one.
//!
//! A listed derivative is excused only if all of this holds; else it differs:
//! * the file's numbers are those of the known fault, computed here by its formula (so that no other number is excused),
//! * ours fits PyTorch's other derivative, tangent or gradient: <cotangent, tangent> = <gradient, direction>,
//! * ours fits differences of our own outputs.

use super::cases::{Arrays, Case, floats};
use super::compute::{Stage, compute};
use super::format::{Tensor, Value, Values};
use serde::Deserialize;
use std::path::Path;
use wengert::ndarray::{ArrayD, IxDyn};
use wengert::{Tape, TriangularOptions, Var};

/// The places that are expected.
pub struct Contradictions(Vec<Place>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    op: String,
    /// A case, which must then contradict; or `*`: any may.
    id: String,
    derivative: Derivative,
    fault: Fault,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Derivative {
    Grad,
    Jvp,
}

/// What PyTorch 2.15 does wrong.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Fault {
    /// `logcumsumexp`, tangent: 1e-13 is added to sums of exponentials relative to the largest of the whole axis, so that what lies 30
    /// below it has no tangent. Its gradient is right.
    EpsilonInDivisor,
    /// `linalg.cholesky`, tangent: the direction is taken as it is, but for its upper half, which is dropped after two divisions by the
    /// factor; the gradient is the transpose of that along the symmetric part of the direction. Along symmetric ones they agree.
    DirectionNotSymmetric,
    /// `max_unpool`, gradient: where an index occurs twice, the last value stands, but all get the cotangent.
    CotangentToAllWriters,
}

/// The list of the project's own cases, which is that of all folders without one.
const OWN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/conformance/contradictions.json");

impl Contradictions {
    /// The list beside the cases of a folder.
    pub fn of(dir: &Path) -> Result<Contradictions, String> {
        let beside = dir.join("contradictions.json");
        let path = if beside.is_file() { &beside } else { Path::new(OWN) };
        let failed = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
        let text = std::fs::read(path).map_err(|e| failed(&e))?;
        serde_json::from_slice(&text).map(Contradictions).map_err(|e| failed(&e))
    }

    /// What is to be said of a stage that was compared with the file: `None` if the comparison stands.
    pub fn judge(&self, op: &str, case: &Case, stage: Stage, given: &[Option<Tensor>], compared: &Result<(), String>) -> Option<Judgement> {
        let derivative = match stage {
            Stage::Grad => Derivative::Grad,
            Stage::Jvp => Derivative::Jvp,
            Stage::Value | Stage::Second => return None,
        };
        let listed =
            |any: bool| self.0.iter().find(|p| p.op == op && p.derivative == derivative && p.id == if any { "*" } else { &case.id });
        let place = listed(false).or_else(|| listed(true))?;
        match compared {
            Ok(()) if place.id == "*" => None,
            Ok(()) => Some(Judgement::Wrong("listed as a contradiction of PyTorch's, which it is not".into())),
            Err(e) => Some(match place.evidence(op, case, given) {
                Ok(why) => Judgement::Excused(why),
                Err(why) => Judgement::Wrong(format!("{e}\nlisted as a contradiction of PyTorch's, but {why}")),
            }),
        }
    }
}

/// What the list says of a stage.
pub enum Judgement {
    /// PyTorch contradicts itself, and how.
    Excused(String),
    Wrong(String),
}

impl Place {
    /// How PyTorch contradicts itself, or why the place is not excused.
    fn evidence(&self, op: &str, case: &Case, given: &[Option<Tensor>]) -> Result<String, String> {
        let theirs = case.floats(if self.derivative == Derivative::Jvp { "jvp0" } else { "grad.in0" });
        let ours = given.first().and_then(Option::as_ref).map_or(&[][..], floats);
        let fault = self.fault.numbers(case)?;
        let same = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-9 + 1e-7 * b.abs();
        if fault.len() != theirs.len() || !fault.iter().zip(theirs).all(same) {
            return Err("the file's numbers are not those of the known fault".into());
        }
        let (cotangent, direction) = (case.floats("ct0"), case.floats("u.in0"));
        let (tangent, gradient) = (inner(cotangent, case.floats("jvp0")), inner(case.floats("grad.in0"), direction));
        let (ours_along, other) = match self.derivative {
            Derivative::Jvp => (inner(cotangent, ours), gradient),
            Derivative::Grad => (inner(ours, direction), tangent),
        };
        if (ours_along - other).abs() > 1e-9 * (1.0 + other.abs()) {
            return Err(format!("ours does not fit PyTorch's other derivative: {ours_along} is not {other}"));
        }
        let differences = match self.derivative {
            Derivative::Jvp => difference(op, case, &self.fault.meant(case, direction))?,
            Derivative::Grad => {
                let along = |i: usize| {
                    let unit: Vec<f64> = (0..direction.len()).map(|k| f64::from(u8::from(k == i))).collect();
                    difference(op, case, &unit).map(|column| inner(cotangent, &column))
                };
                (0..direction.len()).map(along).collect::<Result<_, _>>()?
            }
        };
        if !close(&differences, ours, 1e-6) {
            return Err("ours does not fit differences of our own outputs".into());
        }
        let (right, wrong) = if self.derivative == Derivative::Jvp { ("gradient", "tangent") } else { ("tangent", "gradient") };
        let both = format!("<cotangent, tangent> = {tangent}, <gradient, direction> = {gradient}");
        Ok(format!(
            "PyTorch's tangent and gradient contradict each other, {both}; ours fits its {right} and differences, its {wrong} does not"
        ))
    }
}

impl Fault {
    /// The numbers that PyTorch gives.
    fn numbers(self, case: &Case) -> Result<Vec<f64>, String> {
        let tape = Tape::<f64>::new();
        let leaf = |key: &str| {
            let tensor = case.arrays.get(key).ok_or_else(|| format!("there is no {key}"))?;
            let array = ArrayD::from_shape_vec(IxDyn(&tensor.shape), floats(tensor).to_vec());
            array.map(|array| tape.constant(array)).map_err(|_| format!("{key} is not of floating-point numbers"))
        };
        let (args, mut kwargs) = (case.args(), case.kwargs());
        match self {
            Fault::EpsilonInDivisor => {
                let (x, u) = (leaf("in0")?, leaf("u.in0")?);
                let Some(Value::Int(axis)) = args.get(1).cloned().or_else(|| kwargs.remove("dim")) else {
                    return Err("the axis is not known".into());
                };
                let axis = axis as isize;
                if x.ndim() == 0 || x.numel() == 0 {
                    return Err("there is nothing to sum".into());
                }
                let terms = (x - x.amax(axis, true)).exp();
                Ok(((terms * u).cumsum(axis) / (terms.cumsum(axis) + 1e-13)).to_vec())
            }
            Fault::DirectionNotSymmetric => {
                let (a, u) = (leaf("in0")?, leaf("u.in0")?);
                let upper = matches!(kwargs.remove("upper"), Some(Value::Bool(true)));
                let lower = TriangularOptions { upper: false, left: true, unitriangular: false };
                let l = a.cholesky(false);
                // dL = L tril(L^-1 dA L^-T), with half of the diagonal
                let inside = mt(l.solve_triangular(mt(l.solve_triangular(u, lower)), lower));
                let half = (inside.tril(0) + inside.tril(-1)) * 0.5;
                let tangent = l.matmul(half);
                Ok(if upper { mt(tangent).to_vec() } else { tangent.to_vec() })
            }
            Fault::CotangentToAllWriters => {
                let (Some(Tensor { shape, values: Values::Int(indices) }), cotangent) = (case.arrays.get("in1"), leaf("ct0")?) else {
                    return Err("there are no indices".into());
                };
                // Indices count within the last one, two or three axes: as many as the planes have that the input shares with the output.
                let planes = case.arrays["in0"].shape.iter().zip(cotangent.shape().iter()).take_while(|(a, b)| a == b).count();
                let outer: usize = shape[..planes.min(shape.len())].iter().product();
                let (inner, plane) = (indices.len() / outer.max(1), cotangent.numel() / outer.max(1));
                let cotangent = cotangent.to_vec();
                let at = |(k, &i): (usize, &i64)| cotangent.get(k / inner * plane + i as usize).copied();
                indices.iter().enumerate().map(at).collect::<Option<_>>().ok_or_else(|| "an index lies outside".into())
            }
        }
    }

    /// The direction along which the function, which may read one triangle only, has the tangent that its gradient says.
    fn meant(self, case: &Case, direction: &[f64]) -> Vec<f64> {
        let Fault::DirectionNotSymmetric = self else { return direction.to_vec() };
        let n = case.arrays["in0"].shape.last().copied().unwrap_or(0).max(1);
        let transposed = |k: usize| direction[k - k % (n * n) + k % n * n + k % (n * n) / n];
        (0..direction.len()).map(|k| 0.5 * (direction[k] + transposed(k))).collect()
    }
}

/// The transpose of the last two axes.
fn mt(x: Var<'_, f64>) -> Var<'_, f64> {
    x.transpose(-2, -1)
}

/// The derivative of our first output along a direction of the first input, by differences of two steps.
fn difference(op: &str, case: &Case, direction: &[f64]) -> Result<Vec<f64>, String> {
    let at = |h: f64| -> Result<Vec<f64>, String> {
        let mut arrays: Arrays = case.arrays.clone();
        let Some(Values::Float(x)) = arrays.get_mut("in0").map(|x| &mut x.values) else { return Err("there is no in0".into()) };
        x.iter_mut().zip(direction).for_each(|(x, u)| *x += h * u);
        let given = compute::<f64>(op, case, &arrays, &[Stage::Value])?.remove(0)?;
        Ok(given.first().and_then(Option::as_ref).map_or(&[][..], floats).to_vec())
    };
    let central = |h: f64| -> Result<Vec<f64>, String> { Ok(at(h)?.iter().zip(at(-h)?).map(|(a, b)| (a - b) / (2.0 * h)).collect()) };
    let (coarse, fine) = (central(1e-3)?, central(5e-4)?);
    Ok(coarse.iter().zip(fine).map(|(coarse, fine)| (4.0 * fine - coarse) / 3.0).collect())
}

/// Whether arrays agree, relative to the largest element.
fn close(a: &[f64], b: &[f64], tolerance: f64) -> bool {
    let size = b.iter().fold(1.0_f64, |m, x| m.max(x.abs()));
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance * size)
}

fn inner(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
