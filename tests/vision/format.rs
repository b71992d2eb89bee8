//! Reads a folder of `FORMAT.md`'s form: arrays from safetensors, options and scalars from JSON.

use ndarray::{Array, ArrayD, Dimension, IxDyn};
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

/// The arrays of one file.
pub struct Arrays {
    file: PathBuf,
    bytes: Vec<u8>,
}

impl Arrays {
    pub fn read(file: &Path) -> Result<Arrays, String> {
        let bytes = fs::read(file).map_err(|why| format!("{}: {why}", file.display()))?;
        SafeTensors::deserialize(&bytes).map_err(|why| format!("{}: {why}", file.display()))?;
        Ok(Arrays { file: file.to_owned(), bytes })
    }

    fn tensors(&self) -> SafeTensors<'_> {
        SafeTensors::deserialize(&self.bytes).expect("it was read before")
    }

    pub fn names(&self) -> Vec<String> {
        self.tensors().names().into_iter().map(|n| n.to_string()).collect()
    }

    /// An array of any type as `f64`; all the files' whole numbers are below 2^53.
    pub fn f64(&self, name: &str) -> Result<ArrayD<f64>, String> {
        self.array(name)
    }

    /// An array of whole numbers, flat.
    pub fn integers(&self, name: &str) -> Result<Vec<i64>, String> {
        Ok(self.array(name)?.iter().map(|x| *x as i64).collect())
    }

    /// An array of any type as `f64`, with so many axes.
    pub fn with_axes<D: Dimension>(&self, name: &str) -> Result<Array<f64, D>, String> {
        let array = self.array(name)?;
        let shape = array.shape().to_vec();
        array.into_dimensionality().map_err(|_| format!("{}: {name} has shape {shape:?}", self.file.display()))
    }

    fn array(&self, name: &str) -> Result<ArrayD<f64>, String> {
        let tensors = self.tensors();
        let t = tensors.tensor(name).map_err(|_| format!("{}: there is no {name}", self.file.display()))?;
        let values = match t.dtype() {
            Dtype::F64 => numbers(t.data(), f64::from_le_bytes),
            Dtype::F32 => numbers(t.data(), |b| f32::from_le_bytes(b).into()),
            Dtype::I64 => numbers(t.data(), |b| i64::from_le_bytes(b) as f64),
            Dtype::I32 => numbers(t.data(), |b| i32::from_le_bytes(b).into()),
            Dtype::U8 | Dtype::BOOL => numbers(t.data(), |[b]| b.into()),
            other => return Err(format!("{}: {name} is of type {other:?}", self.file.display())),
        };
        ArrayD::from_shape_vec(IxDyn(t.shape()), values).map_err(|why| format!("{}: {name}: {why}", self.file.display()))
    }
}

fn numbers<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    bytes.as_chunks().0.iter().map(|b| number(*b)).collect()
}

/// A JSON file.
pub fn json(file: &Path) -> Result<Value, String> {
    let text = fs::read(file).map_err(|why| format!("{}: {why}", file.display()))?;
    serde_json::from_slice(&text).map_err(|why| format!("{}: {why}", file.display()))
}

/// The numbers of a JSON list, or of one number.
pub fn list(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(list).collect(),
        _ => value.as_f64().into_iter().collect(),
    }
}

/// Are the shapes equal, and the values within `absolute + relative |expected|`? NaN equals NaN.
pub fn close(what: impl Display, got: &ArrayD<f64>, expected: &ArrayD<f64>, absolute: f64, relative: f64) -> Result<(), String> {
    if got.shape() != expected.shape() {
        return Err(format!("{what}: the shape is {:?} in place of {:?}", got.shape(), expected.shape()));
    }
    let same = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= absolute + relative * b.abs();
    match got.iter().zip(expected).position(|(a, b)| !same(*a, *b)) {
        None => Ok(()),
        Some(i) => {
            let (a, b) = (got.iter().nth(i).expect("an element"), expected.iter().nth(i).expect("an element"));
            Err(format!("{what}: element {i} of shape {:?} is {a:e} in place of {b:e}", got.shape()))
        }
    }
}
