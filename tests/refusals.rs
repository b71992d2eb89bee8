//! Is what PyTorch refuses refused here too? Each call of `tests/conformance/errors.json` that this library can express must panic with a
//! text that names the op and what is wrong; none may give a result.

use crate::conformance::call::{Call, Input, Out, Unsupported};
use crate::conformance::format::{Tensor, Value, Values};
use crate::conformance::{ops, panics};
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use wengert::{Shape, Tape};

/// How many of the calls can be expressed, at least. (The others lack a type here: integer and complex arrays, arrays of two number types in one
/// call, results written to given arrays, negative unsigned numbers.)
const EXPRESSIBLE: usize = 163;

#[derive(Deserialize)]
struct Refusal {
    op: String,
    args: Vec<Json>,
    kwargs: BTreeMap<String, Json>,
    torch_error: String,
}

/// What came of a call.
enum Outcome {
    CannotBeExpressed(String),
    Refused(String),
    /// With outputs of these shapes.
    Accepted(Vec<Shape>),
}

impl Refusal {
    fn outcome(&self) -> Outcome {
        let (tape, mut types) = (Tape::<f64>::new(), BTreeSet::new());
        let mut argument = |json: &Json| Value::of(json, &mut |object| self.tensor(object, &mut types));
        let args: Vec<Value<Tensor>> = self.args.iter().map(&mut argument).collect();
        let kwargs: Vec<(String, Value<Tensor>)> = self.kwargs.iter().map(|(name, v)| (name.clone(), argument(v))).collect();
        if types.len() > 1 {
            return Outcome::CannotBeExpressed(format!("arrays of types {types:?} on one tape, which the compiler refuses"));
        }
        let answer = panics::caught(|| {
            let mut on_tape = |tensor: &Tensor| Value::Tensor(Input::new(&tape, tensor, true));
            let args = args.iter().map(|v| v.map(&mut on_tape)).collect();
            let kwargs = kwargs.iter().map(|(name, v)| (name.clone(), v.map(&mut on_tape))).collect();
            ops::call(&self.op, &Call::new(&tape, args, kwargs)).map(|outs| outs.0.iter().map(shape).collect())
        });
        match answer {
            Err(message) => Outcome::Refused(message),
            Ok(Ok(shapes)) => Outcome::Accepted(shapes),
            Ok(Err(Unsupported::Because(reason))) => Outcome::CannotBeExpressed(reason),
            Ok(Err(Unsupported::Op)) => Outcome::CannotBeExpressed("no such op".into()),
        }
    }

    /// A sample of the shape and type that are given.
    fn tensor(&self, object: &Json, types: &mut BTreeSet<String>) -> Value<Tensor> {
        let (Some(shape), Some(dtype)) = (object["shape"].as_array(), object["dtype"].as_str()) else {
            return Value::Other(object.to_string());
        };
        let shape: Vec<usize> = shape.iter().map(|n| n.as_u64().expect("a size") as usize).collect();
        let numel: usize = shape.iter().product();
        let values = match dtype {
            "float32" | "float64" => {
                types.insert(dtype.to_string());
                Values::Float((1..=numel).map(|i| i as f64 / 8.0).collect())
            }
            "int64" | "int32" => Values::Int(vec![self.index(); numel]),
            "bool" => Values::Bool(vec![false; numel]),
            other => return Value::Other(format!("an array of type {other}")),
        };
        Value::Tensor(Tensor { shape, values })
    }

    /// The index that the message finds out of bounds.
    fn index(&self) -> i64 {
        let rest = self.torch_error.strip_prefix("index ");
        rest.and_then(|rest| rest.split(' ').next()).and_then(|number| number.parse().ok()).unwrap_or(0)
    }

    fn describe(&self) -> String {
        format!("{} {} {}", self.op, Json::from(self.args.clone()), Json::from_iter(self.kwargs.clone()))
    }
}

fn shape(out: &Out<'_, f64>) -> Shape {
    match out {
        Out::Var(y) => y.shape(),
        Out::Ints(i) => i.shape().clone(),
    }
}

/// Whether a message begins with the op's name, `conv1d of [2, 3]: ..` or `at: ..`, and says where the call stands.
fn names_op_and_place(message: &str) -> bool {
    let name = message.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(0);
    name > 0 && (message[name..].starts_with(" of [") || message[name..].starts_with(": ")) && message.contains("\n  at ")
}

#[test]
fn what_pytorch_refuses_is_refused() {
    let text = include_str!("conformance/errors.json");
    let calls: Vec<Refusal> = serde_json::from_str(text).expect("a list of calls");
    let (mut refused, mut inexpressible, mut accepted, mut unclear) = (0, Vec::new(), Vec::new(), Vec::new());
    for call in &calls {
        match call.outcome() {
            Outcome::CannotBeExpressed(reason) => inexpressible.push(format!("{}: {reason}", call.describe())),
            Outcome::Accepted(shapes) => accepted.push(format!("{} gave {shapes:?} ({})", call.describe(), call.torch_error)),
            Outcome::Refused(message) if !names_op_and_place(&message) => unclear.push(format!("{}: {message}", call.describe())),
            Outcome::Refused(_) => refused += 1,
        }
    }
    println!("cannot be expressed:\n{}\n", inexpressible.join("\n"));
    println!("of {} calls, {} cannot be expressed", calls.len(), inexpressible.len());
    println!("{refused} are refused, {} without naming the op, {} are wrongly accepted", unclear.len(), accepted.len());
    assert_eq!(accepted, Vec::<String>::new(), "wrongly accepted");
    assert_eq!(unclear, Vec::<String>::new(), "refused without naming the op");
    assert!(refused >= EXPRESSIBLE, "{refused} calls can be expressed where {EXPRESSIBLE} could");
    assert_eq!(refused + inexpressible.len(), calls.len());
}
