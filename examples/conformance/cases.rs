//! Reads the cases of a folder: calls from JSON, tensors from safetensors.

use crate::format::{Tensor, Value, Values};
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::{fs, io};

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
                Dtype::F32 => Values::Float(numbers(data, f32::from_le_bytes).into_iter().map(f64::from).collect()),
                Dtype::I64 => Values::Int(numbers(data, i64::from_le_bytes)),
                Dtype::I32 => Values::Int(numbers(data, i32::from_le_bytes).into_iter().map(i64::from).collect()),
                Dtype::U8 | Dtype::BOOL => Values::Bool(data.iter().map(|&b| b != 0).collect()),
                _ => continue, // the call that needs it finds it missing
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
