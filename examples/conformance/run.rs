//! Runs one case: value, gradient, second-order gradient and tangent, each compared with PyTorch's.

use crate::call::{Call, Input, Out, Unsupported};
use crate::cases::{Case, OpCases};
use crate::format::{Tensor, Value, Values};
use crate::ops;
use crate::panics::caught;
use std::collections::BTreeMap;
use wengert::{Scalar, Tape, Var};

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Value,
    Grad,
    Second,
    Jvp,
}

pub const STAGES: [Stage; 4] = [Stage::Value, Stage::Grad, Stage::Second, Stage::Jvp];

impl Stage {
    pub fn name(self) -> &'static str {
        ["value", "grad", "second", "jvp"][self as usize]
    }
    /// Whether a case has such numbers.
    pub fn applies(self, case: &Case) -> bool {
        match self {
            Stage::Value => true,
            Stage::Grad => !case.diff.is_empty() && !case.diff_outs.is_empty(),
            Stage::Second => case.second_order,
            Stage::Jvp => case.jvp,
        }
    }
    fn tolerance<T: Scalar>(self) -> Tolerance {
        match (T::NAME, self) {
            ("f32", _) => Tolerance { absolute: 1e-4, relative: 1e-3 },
            (_, Stage::Second) => Tolerance { absolute: 1e-8, relative: 1e-6 },
            _ => Tolerance { absolute: 1e-9, relative: 1e-7 },
        }
    }
}

/// What came of a comparison.
#[derive(Clone, PartialEq)]
pub enum Verdict {
    Agrees,
    /// And how.
    Differs(String),
    /// And why.
    Unsupported(String),
}

impl From<Result<(), String>> for Verdict {
    fn from(result: Result<(), String>) -> Self {
        result.map_or_else(Verdict::Differs, |()| Verdict::Agrees)
    }
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

/// Runs a case and compares the stages that are wanted and that it has.
pub fn run<T: Scalar>(op: &OpCases, case: &Case, wanted: &[Stage]) -> Report {
    let stages: Vec<Stage> = wanted.iter().copied().filter(|s| s.applies(case)).collect();
    let all = |verdict: Verdict| Report(stages.iter().map(|&s| (s, verdict.clone())).collect());
    let tape = Tape::<T>::new();
    let inputs = Inputs { op, case, tape: &tape, vars: BTreeMap::new() };
    let (inputs, outs) = match caught(|| inputs.call()) {
        Err(message) => return all(Verdict::Differs(message)),
        Ok(Err(reason)) => return all(Verdict::Unsupported(reason)),
        Ok(Ok(called)) => called,
    };
    let mut run = Run { inputs, outs, cotangents: Vec::new(), grads: Vec::new() };
    // Later stages differentiate the gradients, so that these are computed even when they are not compared.
    let grads = if Stage::Grad.applies(case) && stages != [Stage::Value] { caught(|| run.differentiate()) } else { Ok(()) };
    let verdict = |stage: Stage| match stage {
        Stage::Value => caught(|| run.value()).flatten().into(),
        Stage::Grad => grads.clone().and_then(|()| caught(|| run.grad()).flatten()).into(),
        Stage::Second => grads.clone().and_then(|()| caught(|| run.second()).flatten()).into(),
        Stage::Jvp => match grads.clone().and_then(|()| caught(|| run.jvp()).flatten()) {
            Err(_) if let Ok(Some(why)) = caught(|| contradiction(&run)) => Verdict::Unsupported(why),
            result => result.into(),
        },
    };
    Report(stages.iter().map(|&s| (s, verdict(s))).collect())
}

/// Tangents here are transposed gradients, so that <cotangent, tangent> = <gradient, direction>. In a few places (a Cholesky factor along an
/// asymmetric direction) PyTorch's own two numbers differ: then no library can have both its gradient and its tangent. That is said only
/// where our tangent fits PyTorch's gradient.
fn contradiction<T: Scalar>(run: &Run<'_, '_, T>) -> Option<String> {
    let case = run.inputs.case;
    let values = |key: String| match run.wanted(&key).map(|tensor| &tensor.values) {
        Some(Values::Float(values)) => values.clone(),
        _ => Vec::new(),
    };
    let tangents = run.tangents().into_iter().map(|t| t.map_or_else(Vec::new, floats));
    let (ours, _) = inner(case.diff_outs.iter().map(|j| values(format!("ct{j}"))).zip(tangents));
    let (by_tangent, size) = inner(case.diff_outs.iter().map(|j| (values(format!("ct{j}")), values(format!("jvp{j}")))));
    let (by_gradient, other) = inner(case.diff.iter().map(|key| (values(format!("grad.{key}")), values(format!("u.{key}")))));
    let fits =
        |x: f64, precision: f64| (x - by_gradient).abs() <= precision * (1.0 + size.max(other)) || (x.is_nan() && by_gradient.is_nan());
    let precise = if T::NAME == "f32" { 1e-4 } else { 1e-10 };
    (fits(ours, precise) && !fits(by_tangent, 1e-10)).then(|| {
        let both = format!("<cotangent, tangent> = {by_tangent}, <gradient, direction> = {by_gradient}");
        format!("PyTorch's tangent and gradient contradict each other, {both}; ours fits the gradient")
    })
}

/// The sum of the products of pairs of numbers, and that of their sizes (as far as they are numbers).
fn inner(pairs: impl Iterator<Item = (Vec<f64>, Vec<f64>)>) -> (f64, f64) {
    let products = pairs.flat_map(|(a, b)| a.into_iter().zip(b).map(|(a, b)| a * b));
    products.fold((0.0, 0.0), |(sum, size), x| (sum + x, if x.is_finite() { size + x.abs() } else { size }))
}

/// The tensors of a case on a tape.
struct Inputs<'a, 't, T: Scalar> {
    op: &'a OpCases,
    case: &'a Case,
    tape: &'t Tape<T>,
    /// Those that gradients are taken of.
    vars: BTreeMap<String, Var<'t, T>>,
}

impl<'a, 't, T: Scalar> Inputs<'a, 't, T> {
    fn call(mut self) -> Result<(Self, Vec<Out<'t, T>>), String> {
        let case = self.case;
        let args = case.args().iter().map(|v| v.map(&mut |key| self.input(key))).collect();
        let kwargs = case.kwargs().iter().map(|(name, v)| (name.clone(), v.map(&mut |key| self.input(key)))).collect();
        match ops::call(&self.op.op, &Call::new(self.tape, args, kwargs)) {
            Ok(outs) => Ok((self, outs.0)),
            Err(Unsupported::Because(reason)) => Err(reason),
            Err(Unsupported::Op) => Err(format!("no `{}`", self.op.op)),
        }
    }

    fn input(&mut self, key: &str) -> Value<Input<'t, T>> {
        let Some(tensor) = self.op.tensor(self.case, key) else {
            return Value::Other(format!("{key}, which the file lacks or has in another type of number"));
        };
        if let Some(x) = self.vars.get(key) {
            return Value::Tensor(Input::Var(*x));
        }
        let input = Input::new(self.tape, tensor, self.case.diff.iter().any(|d| d == key));
        if let Input::Var(x) = input {
            self.vars.insert(key.to_string(), x);
        }
        Value::Tensor(input)
    }
}

/// A case that has been called.
struct Run<'a, 't, T: Scalar> {
    inputs: Inputs<'a, 't, T>,
    outs: Vec<Out<'t, T>>,
    /// Of the differentiable outputs.
    cotangents: Vec<Var<'t, T>>,
    /// Of the differentiable inputs.
    grads: Vec<Option<Var<'t, T>>>,
}

impl<'t, T: Scalar> Run<'_, 't, T> {
    fn diff(&self) -> &[String] {
        &self.inputs.case.diff
    }
    fn wanted(&self, key: &str) -> Option<&Tensor> {
        self.inputs.op.tensor(self.inputs.case, key)
    }
    /// A tensor of the file that is a leaf of ours: a cotangent or a direction.
    fn leaf(&self, key: &str) -> Option<Var<'t, T>> {
        match Input::new(self.inputs.tape, self.wanted(key)?, true) {
            Input::Var(x) => Some(x),
            _ => None,
        }
    }
    fn xs(&self) -> Vec<Var<'t, T>> {
        self.diff().iter().map(|key| *self.inputs.vars.get(key).unwrap_or_else(|| panic!("the call does not use {key}"))).collect()
    }

    fn value(&self) -> Result<(), String> {
        let wanted = &self.inputs.case.outs;
        if self.outs.len() != wanted.len() {
            return Err(format!("{} outputs instead of {}", self.outs.len(), wanted.len()));
        }
        for (out, j) in self.outs.iter().zip(wanted) {
            let key = format!("out{j}");
            let want = self.wanted(&key).ok_or_else(|| format!("no {key} in the file"))?;
            compare_out(out, want, Stage::Value.tolerance::<T>()).map_err(|e| format!("{key}: {e}"))?;
        }
        Ok(())
    }

    /// The gradients of the sum of <out, cotangent>.
    fn differentiate(&mut self) {
        let (mut terms, tape) = (Vec::new(), self.inputs.tape);
        for &j in &self.inputs.case.diff_outs {
            let at = self.inputs.case.outs.iter().position(|&out| out == j);
            let Some(Out::Var(y)) = at.and_then(|at| self.outs.get(at)) else { panic!("output {j} is not a differentiable array") };
            let cotangent = self.leaf(&format!("ct{j}")).unwrap_or_else(|| panic!("no ct{j} in the file"));
            self.cotangents.push(cotangent);
            terms.push((*y, cotangent));
        }
        self.grads = match terms[..] {
            [(y, cotangent)] => tape.grad_with(y, cotangent, &self.xs()),
            _ => {
                let inner = terms.iter().map(|&(y, cotangent)| (y * cotangent).sum());
                tape.grad(inner.reduce(|a, b| a + b).expect("at least one output"), &self.xs())
            }
        };
    }

    fn grad(&self) -> Result<(), String> {
        self.compare_all("grad.", &self.grads, Stage::Grad)
    }

    /// The sum of <gradient, direction> over the gradients that have a direction.
    fn along(&self, prefix: &str) -> Option<Var<'t, T>> {
        let terms = self.diff().iter().zip(&self.grads).filter_map(|(key, g)| Some(((*g)? * self.leaf(&format!("{prefix}{key}"))?).sum()));
        terms.reduce(|a, b| a + b)
    }

    fn second(&self) -> Result<(), String> {
        let xs = self.xs();
        let gradients = self.along("v.").map_or_else(|| vec![None; xs.len()], |h| self.inputs.tape.grad(h, &xs));
        self.compare_all("gg.", &gradients, Stage::Second)
    }

    /// A gradient is linear in the cotangents, so that the derivative of <gradient, u> with respect to these is the tangent.
    fn tangents(&self) -> Vec<Option<Var<'t, T>>> {
        let unreached = || vec![None; self.cotangents.len()];
        self.along("u.").map_or_else(unreached, |h| self.inputs.tape.grad(h, &self.cotangents))
    }

    fn jvp(&self) -> Result<(), String> {
        for (tangent, j) in self.tangents().into_iter().zip(&self.inputs.case.diff_outs) {
            let key = format!("jvp{j}");
            compare(tangent, self.wanted(&key), Stage::Jvp.tolerance::<T>()).map_err(|e| format!("{key}: {e}"))?;
        }
        Ok(())
    }

    fn compare_all(&self, prefix: &str, have: &[Option<Var<'t, T>>], stage: Stage) -> Result<(), String> {
        for (key, have) in self.diff().iter().zip(have) {
            let key = format!("{prefix}{key}");
            compare(*have, self.wanted(&key), stage.tolerance::<T>()).map_err(|e| format!("{key}: {e}"))?;
        }
        Ok(())
    }
}

struct Tolerance {
    absolute: f64,
    relative: f64,
}

const EXACT: Tolerance = Tolerance { absolute: 0.0, relative: 0.0 };

impl Tolerance {
    fn allows(&self, have: f64, want: f64) -> bool {
        have == want || (have.is_nan() && want.is_nan()) || (have - want).abs() <= self.absolute + self.relative * want.abs()
    }
}

fn compare_out<T: Scalar>(out: &Out<'_, T>, want: &Tensor, tolerance: Tolerance) -> Result<(), String> {
    match (out, &want.values) {
        (Out::Var(y), Values::Float(want_values)) => compare_values(&y.shape(), &floats(*y), &want.shape, want_values, tolerance),
        (Out::Var(y), Values::Bool(mask)) => {
            let mask: Vec<f64> = mask.iter().map(|&b| f64::from(u8::from(b))).collect();
            compare_values(&y.shape(), &floats(*y), &want.shape, &mask, EXACT)
        }
        (Out::Ints(i), Values::Int(want_values)) => {
            let to_floats = |values: &[i64]| values.iter().map(|&i| i as f64).collect::<Vec<_>>();
            compare_values(i.shape(), &to_floats(i.values()), &want.shape, &to_floats(want_values), EXACT)
        }
        (Out::Var(_), Values::Int(_)) => Err("floating-point numbers instead of whole ones".into()),
        (Out::Ints(_), _) => Err("whole numbers instead of floating-point ones or booleans".into()),
    }
}

/// Derivatives: what is absent is zero.
fn compare<T: Scalar>(have: Option<Var<'_, T>>, want: Option<&Tensor>, tolerance: Tolerance) -> Result<(), String> {
    match (have, want) {
        (None, None) => Ok(()),
        (None, Some(want)) => match &want.values {
            Values::Float(values) => compare_values(&want.shape, &vec![0.0; values.len()], &want.shape, values, tolerance),
            _ => Err("not floating-point numbers in the file".into()),
        },
        (Some(y), None) => compare_values(&y.shape(), &floats(y), &y.shape(), &vec![0.0; y.numel()], tolerance),
        (Some(y), Some(want)) => compare_out(&Out::Var(y), want, tolerance),
    }
}

fn floats<T: Scalar>(y: Var<'_, T>) -> Vec<f64> {
    y.to_vec().into_iter().map(|x| x.to_f64()).collect()
}

fn compare_values(shape: &[usize], have: &[f64], want_shape: &[usize], want: &[f64], tolerance: Tolerance) -> Result<(), String> {
    if shape != want_shape {
        return Err(format!("shape {shape:?} instead of {want_shape:?}"));
    }
    let wrong: Vec<usize> = (0..want.len()).filter(|&i| !tolerance.allows(have[i], want[i])).collect();
    match wrong.first() {
        None => Ok(()),
        Some(&i) => Err(format!("element {i} is {} instead of {} ({} of {} differ)", have[i], want[i], wrong.len(), want.len())),
    }
}
