//! What does a folder hold? Calls from JSON, arrays from safetensors, and all that is wrong with either.
//!
//! Nothing is read kindly: an array that a case needs and that is not there, one that no case names, a wrong shape or type, a field that
//! is not known are faults, since whatever is read kindly is compared with nothing.

use super::format::{Tensor, Value, Values};
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

/// The arrays of a case, by their keys.
pub type Arrays = BTreeMap<String, Tensor>;

/// One call of one op, and what PyTorch computed for it.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
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
    /// Inputs and outputs whose last axis is real and imaginary part.
    #[serde(default)]
    complex: Vec<String>,
    #[serde(default)]
    complex_outs: Vec<usize>,
    #[serde(skip)]
    pub arrays: Arrays,
    /// What is wrong with its arrays.
    #[serde(skip)]
    pub faults: Vec<String>,
}

impl Case {
    pub fn args(&self) -> Vec<Value<String>> {
        self.args.iter().map(argument).collect()
    }
    pub fn kwargs(&self) -> BTreeMap<String, Value<String>> {
        self.kwargs.iter().map(|(name, v)| (name.clone(), argument(v))).collect()
    }
    pub fn is_complex(&self) -> bool {
        !self.complex.is_empty() || !self.complex_outs.is_empty()
    }
    /// The numbers of an array; none if it is absent or of whole numbers.
    pub fn floats(&self, key: &str) -> &[f64] {
        self.arrays.get(key).map_or(&[], floats)
    }

    /// Compares the arrays with what the call says.
    fn inspect(&mut self) {
        let mut faults = Vec::new();
        let mut named = BTreeSet::new();
        let (args, kwargs) = (self.args(), self.kwargs());
        for value in args.iter().chain(kwargs.values()) {
            each(value, &mut |part| match part {
                Value::Tensor(key) => drop(named.insert(key.clone())),
                Value::Other(text) => faults.push(format!("an argument that is none of the format's: {text}")),
                _ => {}
            });
        }
        faults.extend(
            self.diff.iter().filter(|key| !named.contains(*key)).map(|key| format!("{key} is to be differentiated by, but is no argument")),
        );
        faults.extend(
            self.diff_outs.iter().filter(|j| !self.outs.contains(j)).map(|j| format!("output {j} has a cotangent, but is not listed")),
        );
        if self.outs.is_empty() {
            faults.push("no output".into());
        }
        let outs = self.outs.iter().map(|j| format!("out{j}"));
        let mut needed: Vec<String> = named.iter().cloned().chain(outs).collect();
        let mut allowed = Vec::new();
        // Derivatives are of floating-point numbers, and have the shape of what they are derivatives of, or of what they go along.
        let mut like = |key: String, of: String, must: bool| {
            match (self.arrays.get(&key), self.arrays.get(&of)) {
                (Some(a), Some(b)) if a.shape != b.shape => {
                    faults.push(format!("{key} of shape {:?}, {of} of shape {:?}", a.shape, b.shape))
                }
                (Some(a), _) if !matches!(a.values, Values::Float(_)) => faults.push(format!("{key} is not of floating-point numbers")),
                (_, Some(b)) if !matches!(b.values, Values::Float(_)) => faults.push(format!("{of} is not of floating-point numbers")),
                _ => {}
            }
            if must { needed.push(key) } else { allowed.push(key) }
        };
        for j in &self.diff_outs {
            like(format!("ct{j}"), format!("out{j}"), true);
            if self.jvp {
                like(format!("jvp{j}"), format!("out{j}"), true);
            }
        }
        for key in &self.diff {
            like(format!("grad.{key}"), key.clone(), false);
            if self.second_order {
                like(format!("v.{key}"), key.clone(), false);
                like(format!("gg.{key}"), key.clone(), false);
            }
            if self.jvp {
                like(format!("u.{key}"), key.clone(), true);
            }
        }
        if self.second_order && !self.diff.iter().any(|key| self.arrays.contains_key(&format!("v.{key}"))) {
            faults.push("second derivatives without a direction: no v.inK".into());
        }
        faults.extend(needed.iter().filter(|key| !self.arrays.contains_key(*key)).map(|key| format!("no {key} in the file")));
        let known = |key: &String| needed.contains(key) || allowed.contains(key);
        faults.extend(self.arrays.keys().filter(|key| !known(key)).map(|key| format!("{key} in the file, which the case does not name")));
        self.faults = faults;
    }
}

/// The floating-point numbers of an array; none if it has whole ones or booleans.
pub fn floats(tensor: &Tensor) -> &[f64] {
    if let Values::Float(values) = &tensor.values { values } else { &[] }
}

/// Shows `f` an argument and, if it is a list, those within.
fn each(value: &Value<String>, f: &mut impl FnMut(&Value<String>)) {
    f(value);
    if let Value::List(list) = value {
        list.iter().for_each(|v| each(v, f));
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
#[serde(deny_unknown_fields)]
pub struct OpCases {
    pub op: String,
    #[serde(rename = "torch")]
    _torch: String,
    pub cases: Vec<Case>,
    /// Ids that arrays bear, but no case does. Nothing is compared with them.
    #[serde(skip)]
    pub strays: BTreeSet<String>,
}

impl OpCases {
    fn read(stem: &Path) -> Result<OpCases, String> {
        let name = stem.file_name().expect("a file's name").to_string_lossy();
        let file = |extension: &str| {
            // Not `with_extension`: an op's name has points of its own.
            let path = stem.with_file_name(format!("{name}.{extension}"));
            fs::read(&path).map_err(|e| format!("{name}.{extension}: {e}"))
        };
        let bad = |extension: &str, e: &dyn Display| format!("{name}.{extension}: {e}");
        let mut op: OpCases = serde_json::from_slice(&file("json")?).map_err(|e| bad("json", &e))?;
        let bytes = file("safetensors")?;
        if op.op != name {
            return Err(bad("json", &format!("the cases of `{}` under another name", op.op)));
        }
        let ids: BTreeSet<&String> = op.cases.iter().map(|case| &case.id).collect();
        if ids.len() < op.cases.len() || ids.is_empty() {
            return Err(bad("json", if ids.is_empty() { &"no case" } else { &"two cases of one id" }));
        }
        let mut arrays: BTreeMap<String, Arrays> = BTreeMap::new();
        for (key, view) in SafeTensors::deserialize(&bytes).map_err(|e| bad("safetensors", &e))?.iter() {
            let data = view.data();
            let values = match view.dtype() {
                Dtype::F64 => Values::Float(numbers(data, f64::from_le_bytes)),
                Dtype::I64 => Values::Int(numbers(data, i64::from_le_bytes)),
                Dtype::I32 => Values::Int(numbers(data, i32::from_le_bytes).into_iter().map(i64::from).collect()),
                Dtype::U8 => Values::Bool(data.iter().map(|&b| b != 0).collect()),
                other => return Err(bad("safetensors", &format!("{key} is of type {other:?}"))),
            };
            let (id, key) = key.rsplit_once('/').ok_or_else(|| bad("safetensors", &format!("{key} has no id")))?;
            arrays.entry(id.into()).or_default().insert(key.into(), Tensor { shape: view.shape().to_vec(), values });
        }
        for case in &mut op.cases {
            case.arrays = arrays.remove(&case.id).unwrap_or_default();
            case.inspect();
        }
        op.strays = arrays.into_keys().collect();
        Ok(op)
    }
}

fn numbers<N, const BYTES: usize>(data: &[u8], of: impl Fn([u8; BYTES]) -> N) -> Vec<N> {
    data.as_chunks::<BYTES>().0.iter().map(|&b| of(b)).collect()
}

/// The ops of a folder, by name: the cases of each, or why they cannot be read. `dir` holds the files, or a folder `cases` that does.
///
/// # Errors
/// Where the folder cannot be read or holds no cases.
pub fn read(dir: &Path) -> Result<BTreeMap<String, Result<OpCases, String>>, String> {
    let inner = dir.join("cases");
    let dir = if inner.is_dir() { &inner } else { dir };
    let failed = |e: &dyn Display| format!("{}: {e}", dir.display());
    let mut stems: BTreeMap<String, PathBuf> = BTreeMap::new();
    for entry in fs::read_dir(dir).map_err(|e| failed(&e))? {
        let path = entry.map_err(|e| failed(&e))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // One of the two files is enough: the other is then missed.
        if let Some(op) = name.strip_suffix(".json").or_else(|| name.strip_suffix(".safetensors"))
            && !BESIDE.contains(&name.as_str())
        {
            stems.insert(op.into(), path.with_file_name(op));
        }
    }
    if stems.is_empty() {
        return Err(failed(&"no cases"));
    }
    Ok(stems.into_iter().map(|(op, stem)| (op, OpCases::read(&stem))).collect())
}

/// Files that may lie beside the cases.
const BESIDE: [&str; 2] = ["errors.json", "contradictions.json"];
