//! Reads the cases: arguments from JSON, tensors from safetensors. The format is written down in `tests/conformance/FORMAT.md`.

use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::{fs, io};

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

/// One call of one op, and what PyTorch computed for it.
#[derive(Deserialize)]
pub struct Case {
    pub id: String,
    args: Vec<Json>,
    kwargs: BTreeMap<String, Json>,
    /// The inputs that gradients are taken of.
    pub diff: Vec<String>,
    pub outs: Vec<usize>,
    pub diff_outs: Vec<usize>,
    pub second_order: bool,
    pub jvp: bool,
}

impl Case {
    pub fn args(&self) -> Vec<Value<String>> {
        self.args.iter().map(argument).collect()
    }
    pub fn kwargs(&self) -> BTreeMap<String, Value<String>> {
        self.kwargs.iter().map(|(name, v)| (name.clone(), argument(v))).collect()
    }
}

fn argument(json: &Json) -> Value<String> {
    Value::of(json, &mut |object| match object.get("t").and_then(Json::as_str) {
        Some(key) => Value::Tensor(key.to_string()),
        None => Value::Other(object.to_string()),
    })
}

/// All cases of one op.
#[derive(Deserialize)]
pub struct OpCases {
    pub op: String,
    pub cases: Vec<Case>,
    #[serde(skip)]
    tensors: HashMap<String, Tensor>,
}

impl OpCases {
    pub fn tensor(&self, case: &Case, key: &str) -> Option<&Tensor> {
        self.tensors.get(&format!("{}/{key}", case.id))
    }

    fn read(json: &Path) -> io::Result<OpCases> {
        let bad = |e: &dyn std::fmt::Display| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {e}", json.display()));
        let mut op: OpCases = serde_json::from_slice(&fs::read(json)?).map_err(|e| bad(&e))?;
        let bytes = fs::read(json.with_extension("safetensors")).map_err(|e| bad(&e))?;
        for (name, view) in SafeTensors::deserialize(&bytes).map_err(|e| bad(&e))?.iter() {
            let data = view.data();
            let values = match view.dtype() {
                Dtype::F64 => Values::Float(numbers(data, f64::from_le_bytes)),
                Dtype::I64 => Values::Int(numbers(data, i64::from_le_bytes)),
                Dtype::I32 => Values::Int(numbers(data, i32::from_le_bytes).into_iter().map(i64::from).collect()),
                Dtype::U8 | Dtype::BOOL => Values::Bool(data.iter().map(|&b| b != 0).collect()),
                other => return Err(bad(&format!("{name} is of type {other:?}, which the format does not have"))),
            };
            op.tensors.insert(name.to_string(), Tensor { shape: view.shape().to_vec(), values });
        }
        Ok(op)
    }
}

fn numbers<N, const BYTES: usize>(data: &[u8], of: impl Fn([u8; BYTES]) -> N) -> Vec<N> {
    data.as_chunks::<BYTES>().0.iter().map(|&b| of(b)).collect()
}

/// The ops of a folder, by name. `dir` holds the files, or a folder `cases` that does.
pub fn read(dir: &Path) -> io::Result<Vec<OpCases>> {
    let inner = dir.join("cases");
    let dir = if inner.is_dir() { &inner } else { dir };
    let entries = fs::read_dir(dir).map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", dir.display())))?;
    let mut paths: Vec<PathBuf> = entries.map(|e| e.map(|e| e.path())).collect::<io::Result<_>>()?;
    paths.retain(|p| p.extension().is_some_and(|e| e == "json") && p.file_name().is_some_and(|name| name != "errors.json"));
    paths.sort();
    paths.iter().map(|p| OpCases::read(p)).collect()
}
