//! What does this library give for a case? Outputs, gradients, second-order gradients and tangents, as plain numbers.

use super::call::{Call, Input, Out, Unsupported};
use super::cases::{Arrays, Case};
use super::format::{Tensor, Value, Values};
use super::ops;
use super::panics::caught;
use std::collections::BTreeMap;
use wengert::{Scalar, Tape, Var};

/// What is computed, and then compared.
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
    /// The keys of a case's arrays that are compared.
    pub fn keys(self, case: &Case) -> Vec<String> {
        let named = |prefix: &str, keys: &[String]| keys.iter().map(|key| format!("{prefix}{key}")).collect();
        let numbered = |prefix: &str, numbers: &[usize]| numbers.iter().map(|j| format!("{prefix}{j}")).collect();
        match self {
            Stage::Value => numbered("out", &case.outs),
            Stage::Grad => named("grad.", &case.diff),
            Stage::Second => named("gg.", &case.diff),
            Stage::Jvp => numbered("jvp", &case.diff_outs),
        }
    }
}

/// What a stage gives: an array for each of its keys, `None` where a derivative does not exist and so is zero; or what the panic said.
pub type Given = Result<Vec<Option<Tensor>>, String>;

/// Runs a case on arrays that may be others than its own (rounded, say), and computes some stages. `Err` if the call cannot be expressed.
pub fn compute<T: Scalar>(op: &str, case: &Case, arrays: &Arrays, stages: &[Stage]) -> Result<Vec<Given>, String> {
    let tape = Tape::<T>::new();
    let inputs = Inputs { op, case, arrays, tape: &tape, vars: BTreeMap::new() };
    let (inputs, outs) = match caught(|| inputs.call()) {
        Err(message) => return Ok(vec![Err(message); stages.len()]),
        Ok(called) => called?,
    };
    let mut run = Run { inputs, outs, cotangents: Vec::new(), grads: Vec::new() };
    // Later stages differentiate the gradients.
    let grads = if Stage::Grad.applies(case) && stages != [Stage::Value] { caught(|| run.differentiate()) } else { Ok(()) };
    let given = |stage: &Stage| match stage {
        Stage::Value => caught(|| run.outs.iter().map(|out| Some(plain(out))).collect()),
        Stage::Grad => grads.clone().and_then(|()| caught(|| derivatives(&run.grads))),
        Stage::Second => grads.clone().and_then(|()| caught(|| run.second()).flatten()),
        Stage::Jvp => grads.clone().and_then(|()| caught(|| derivatives(&run.tangents()))),
    };
    Ok(stages.iter().map(given).collect())
}

/// The arrays of a case on a tape.
struct Inputs<'a, 't, T: Scalar> {
    op: &'a str,
    case: &'a Case,
    arrays: &'a Arrays,
    tape: &'t Tape<T>,
    /// Those that gradients are taken of.
    vars: BTreeMap<String, Var<'t, T>>,
}

impl<'t, T: Scalar> Inputs<'_, 't, T> {
    fn call(mut self) -> Result<(Self, Vec<Out<'t, T>>), String> {
        let case = self.case;
        if case.is_complex() {
            return Err("complex arrays".into());
        }
        let args = case.args().iter().map(|v| v.map(&mut |key| self.input(key))).collect();
        let kwargs = case.kwargs().iter().map(|(name, v)| (name.clone(), v.map(&mut |key| self.input(key)))).collect();
        match ops::call(self.op, &Call::new(self.tape, args, kwargs)) {
            Ok(outs) => Ok((self, outs.0)),
            Err(Unsupported::Because(reason)) => Err(reason),
            Err(Unsupported::Op) => Err(format!("no `{}`", self.op)),
        }
    }

    fn input(&mut self, key: &str) -> Value<Input<'t, T>> {
        if let Some(x) = self.vars.get(key) {
            return Value::Tensor(Input::Var(*x));
        }
        let input = Input::new(self.tape, &self.arrays[key], self.case.diff.iter().any(|d| d == key));
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
    /// An array that is a leaf of ours: a cotangent or a direction.
    fn leaf(&self, key: &str) -> Option<Var<'t, T>> {
        match Input::new(self.inputs.tape, self.inputs.arrays.get(key)?, true) {
            Input::Var(x) => Some(x),
            _ => None,
        }
    }
    fn xs(&self) -> Vec<Var<'t, T>> {
        self.diff().iter().map(|key| *self.inputs.vars.get(key).unwrap_or_else(|| panic!("the call does not use {key}"))).collect()
    }

    /// The gradients of the sum of <out, cotangent>.
    fn differentiate(&mut self) {
        let (mut terms, tape) = (Vec::new(), self.inputs.tape);
        for &j in &self.inputs.case.diff_outs {
            let at = self.inputs.case.outs.iter().position(|&out| out == j);
            let Some(Out::Var(y)) = at.and_then(|at| self.outs.get(at)) else { panic!("output {j} is not a differentiable array") };
            let cotangent = self.leaf(&format!("ct{j}")).unwrap_or_else(|| panic!("no ct{j} in the file"));
            assert_eq!(y.shape(), cotangent.shape(), "output {j} and its cotangent differ in shape");
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

    /// The sum of <gradient, direction> over the gradients that have a direction.
    fn along(&self, prefix: &str) -> Option<Var<'t, T>> {
        let terms = self.diff().iter().zip(&self.grads).filter_map(|(key, g)| Some(((*g)? * self.leaf(&format!("{prefix}{key}"))?).sum()));
        terms.reduce(|a, b| a + b)
    }

    fn second(&self) -> Given {
        let (xs, tape) = (self.xs(), self.inputs.tape);
        // There is a direction for each gradient that depends on the inputs, so that one without must not.
        for (key, g) in self.diff().iter().zip(&self.grads) {
            if let Some(g) = g
                && !self.inputs.arrays.contains_key(&format!("v.{key}"))
                && tape.grad(g.square().sum(), &xs).into_iter().flatten().any(|gg| gg.to_vec().iter().any(|&x| x != T::ZERO))
            {
                return Err(format!("no v.{key} in the file, though the gradient by {key} depends on the inputs"));
            }
        }
        Ok(derivatives(&self.along("v.").map_or_else(|| vec![None; xs.len()], |h| tape.grad(h, &xs))))
    }

    /// A gradient is linear in the cotangents, so that the derivative of <gradient, u> with respect to these is the tangent.
    fn tangents(&self) -> Vec<Option<Var<'t, T>>> {
        let unreached = || vec![None; self.cotangents.len()];
        self.along("u.").map_or_else(unreached, |h| self.inputs.tape.grad(h, &self.cotangents))
    }
}

fn derivatives<T: Scalar>(found: &[Option<Var<'_, T>>]) -> Vec<Option<Tensor>> {
    found.iter().map(|y| y.map(|y| plain(&Out::Var(y)))).collect()
}

fn plain<T: Scalar>(out: &Out<'_, T>) -> Tensor {
    match out {
        Out::Var(y) => Tensor { shape: y.shape().to_vec(), values: Values::Float(y.to_vec().into_iter().map(T::to_f64).collect()) },
        Out::Ints(i) => Tensor { shape: i.shape().to_vec(), values: Values::Int(i.values().to_vec()) },
    }
}
