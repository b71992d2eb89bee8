//! How arguments and tensors are written down. The format stands in `tests/conformance/FORMAT.md`.

use serde_json::Value as Json;

/// An argument. `X` is what stands for a tensor: its key in the file, or, when a case runs, the tensor itself.
#[derive(Clone, Debug)]
pub enum Value<X> {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(String),
    Tensor(X),
    Slice([Option<i64>; 3]),
    Ellipsis,
    List(Vec<Value<X>>),
    /// Something that is none of these, as it was written.
    Other(String),
}

impl<X> Value<X> {
    /// The same argument with other tensors.
    pub fn map<Y>(&self, f: &mut impl FnMut(&X) -> Value<Y>) -> Value<Y> {
        match self {
            Value::None => Value::None,
            Value::Bool(b) => Value::Bool(*b),
            Value::Int(i) => Value::Int(*i),
            Value::Float(x) => Value::Float(*x),
            Value::Str(s) => Value::Str(s.clone()),
            Value::Tensor(x) => f(x),
            Value::Slice(s) => Value::Slice(*s),
            Value::Ellipsis => Value::Ellipsis,
            Value::List(list) => Value::List(list.iter().map(|v| v.map(f)).collect()),
            Value::Other(s) => Value::Other(s.clone()),
        }
    }

    /// An argument as JSON writes it; `object` reads the objects that the format does not know.
    pub fn of(json: &Json, object: &mut impl FnMut(&Json) -> Value<X>) -> Value<X> {
        match json {
            Json::Null => Value::None,
            Json::Bool(b) => Value::Bool(*b),
            Json::Number(n) => n.as_i64().map_or_else(|| Value::Float(n.as_f64().unwrap_or(f64::NAN)), Value::Int),
            Json::String(s) => Value::Str(s.clone()),
            Json::Array(list) => Value::List(list.iter().map(|v| Value::of(v, object)).collect()),
            Json::Object(fields) => match fields.iter().next() {
                Some((key, Json::Array(parts))) if key == "slice" && parts.len() == 3 => Value::Slice([0, 1, 2].map(|i| parts[i].as_i64())),
                Some((key, Json::Bool(true))) if key == "ellipsis" => Value::Ellipsis,
                Some((key, Json::String(x))) if key == "float" && x.parse::<f64>().is_ok() => Value::Float(x.parse().expect("just parsed")),
                _ => object(json),
            },
        }
    }
}

/// A tensor of the file.
#[derive(Clone, Debug)]
pub struct Tensor {
    pub shape: Vec<usize>,
    pub values: Values,
}

#[derive(Clone, Debug)]
pub enum Values {
    Float(Vec<f64>),
    Int(Vec<i64>),
    Bool(Vec<bool>),
}
