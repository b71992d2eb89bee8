//! Mean intersection over union, unpooling and the loss of images, beside PyTorch.

use super::format::{Arrays, close, json, list};
use super::suite::Part;
use ndarray::{ArrayD, arr1};
use serde_json::Value;
use std::path::Path;
use wengert::metrics::ConfusionMatrix;
use wengert::{CrossEntropyOptions, Indices, MaxPoolOptions, MaxUnpoolOptions, Reduction, Tape, Var};

/// For sums in another order than PyTorch's; counts and quotients of them are equal.
const RELATIVE: f64 = 1e-12;

pub fn run(dir: &Path) -> Result<Part, String> {
    let mut part = Part::default();
    let arrays = Arrays::read(&dir.join("cases.safetensors"))?;
    for case in json(&dir.join("index.json"))?.as_array().ok_or("index.json is not a list")? {
        let of = Case { arrays: &arrays, options: case, number: case["case"].as_u64().ok_or("a case without a number")? };
        match case["op"].as_str() {
            Some("miou") => miou(&mut part, &of)?,
            Some("max_unpool2d") => max_unpool2d(&mut part, &of)?,
            Some("cross_entropy_2d") => cross_entropy_2d(&mut part, &of)?,
            other => part.unsupported.push(format!("case {}: op {other:?}", of.number)),
        }
    }
    Ok(part)
}

struct Case<'a> {
    arrays: &'a Arrays,
    options: &'a Value,
    number: u64,
}

impl Case<'_> {
    fn name(&self, array: &str) -> String {
        format!("{}.{array}", self.number)
    }
    fn array(&self, name: &str) -> Result<ArrayD<f64>, String> {
        self.arrays.f64(&self.name(name))
    }
    fn indices(&self, name: &str) -> Result<Indices, String> {
        let array = self.array(name)?;
        Ok(Indices::new(array.shape(), array.iter().map(|x| *x as i64)))
    }
    /// Two numbers, or one for both axes.
    fn pair(&self, option: &str) -> Result<Option<[usize; 2]>, String> {
        match list(&self.options[option])[..] {
            [] => Ok(None),
            [n] => Ok(Some([n as usize; 2])),
            [a, b] => Ok(Some([a as usize, b as usize])),
            _ => Err(format!("case {}: {option} has more than two numbers", self.number)),
        }
    }
    fn compare(&self, part: &mut Part, what: &str, got: &ArrayD<f64>) -> Result<(), String> {
        part.check(close(format!("case {}: {what}", self.number), got, &self.array(what)?, 0.0, RELATIVE));
        Ok(())
    }
}

fn miou(part: &mut Part, of: &Case) -> Result<(), String> {
    let classes = of.options["classes"].as_u64().ok_or("no number of classes")? as usize;
    let mut matrix = ConfusionMatrix::new(classes);
    if let Some(label) = of.options["ignore_index"].as_i64() {
        matrix = matrix.ignoring(label);
    }
    matrix.update_arrays(of.indices("predicted")?, of.indices("target")?);
    of.compare(part, "confusion", &matrix.counts().mapv(|n| n as f64).into_dyn())?;
    let number = |x: &Value| x.as_f64().unwrap_or(f64::NAN);
    let ious = of.options["iou"].as_array().ok_or("iou is not a list")?;
    let numbers = [
        ("miou_over_present", matrix.mean_iou()),
        ("miou_absent_as_zero", matrix.mean_iou_of_all()),
        ("pixel_accuracy", matrix.accuracy()),
        ("mean_class_accuracy", matrix.mean_class_accuracy()),
    ];
    let numbers = numbers.map(|(name, got)| (name.to_string(), got, number(&of.options[name])));
    let each = ious.iter().enumerate().map(|(c, x)| (format!("iou of class {c}"), matrix.iou(c), number(x)));
    for (name, got, expected) in each.chain(numbers) {
        part.check(close(format!("case {}: {name}", of.number), &arr1(&[got]).into_dyn(), &arr1(&[expected]).into_dyn(), 1e-15, 0.0));
    }
    Ok(())
}

fn max_unpool2d(part: &mut Part, of: &Case) -> Result<(), String> {
    let kernel = of.pair("kernel")?.ok_or("no kernel")?;
    let (stride, padding) = (of.pair("stride")?, of.pair("padding")?.unwrap_or([0; 2]));
    let tape = Tape::<f64>::new();
    let x = tape.leaf(&of.array("input")?);
    let (pooled, indices) = x.max_pool2d_with_indices(kernel, MaxPoolOptions { stride, padding, ..Default::default() });
    of.compare(part, "pooled", &pooled.to_array())?;
    let found = ArrayD::from_shape_vec(&indices.shape()[..], indices.values().iter().map(|i| *i as f64).collect());
    of.compare(part, "indices", &found.map_err(|why| why.to_string())?)?;
    gradient(part, of, pooled, x, "pooled_cotangent", "pooled_input_grad")?;
    if of.options["unpool"].as_bool() == Some(true) {
        // From the pooled array alone, and through the pool.
        let options = MaxUnpoolOptions { stride, padding, output_size: of.pair("output_size")? };
        let leaf = tape.leaf(&of.array("pooled")?);
        let unpooled = leaf.max_unpool2d(&indices, kernel, options);
        of.compare(part, "unpooled", &unpooled.to_array())?;
        gradient(part, of, unpooled, leaf, "unpooled_cotangent", "unpooled_pooled_grad")?;
        gradient(part, of, pooled.max_unpool2d(&indices, kernel, options), x, "unpooled_cotangent", "unpooled_input_grad")?;
    }
    Ok(())
}

fn cross_entropy_2d(part: &mut Part, of: &Case) -> Result<(), String> {
    let tape = Tape::<f64>::new();
    let logits = tape.leaf(&of.array("logits")?);
    let weight = match of.options["weighted"].as_bool() {
        Some(true) => Some(tape.constant(&of.array("weight")?)),
        _ => None,
    };
    let mut options = CrossEntropyOptions { weight, ..Default::default() };
    if let Some(label) = of.options["ignore_index"].as_i64() {
        options.ignore_index = label;
    }
    options.reduction = match of.options["reduction"].as_str() {
        Some("mean") | None => Reduction::Mean,
        Some("sum") => Reduction::Sum,
        Some("none") => Reduction::None,
        Some(other) => return Err(format!("case {}: reduction {other}", of.number)),
    };
    let loss = logits.cross_entropy_with(of.indices("target")?, options);
    // A single number is written as an array of one.
    of.compare(part, "loss", &loss.flatten(0, -1).to_array())?;
    of.compare(part, "logits_grad", &tape.backward(loss.sum()).wrt(logits).ok_or("no gradient")?.to_owned())
}

/// Compares the gradient of sum(value * cotangent).
fn gradient(part: &mut Part, of: &Case, value: Var<'_, f64>, x: Var<'_, f64>, cotangent: &str, name: &str) -> Result<(), String> {
    let sum = (value * value.tape().constant(&of.array(cotangent)?)).sum();
    of.compare(part, name, &value.tape().backward(sum).wrt(x).ok_or("no gradient")?.to_owned())
}
