//! Histograms of oriented gradients, beside scikit-image.

use super::format::{Arrays, close, json, list};
use super::suite::Part;
use ndarray::{ArrayD, IxDyn};
use serde_json::Value;
use std::path::Path;
use wengert::Tape;
use wengert::vision::hog::{BlockNorm, HogOptions, hog, hog_histogram};

pub fn run(dir: &Path) -> Result<Part, String> {
    let mut part = Part::default();
    let index = json(&dir.join("index.json"))?;
    for image in index.as_array().ok_or("hog/index.json: a list of images is expected")? {
        let name = image["file"].as_str().ok_or("hog/index.json: an image without a file")?;
        let arrays = Arrays::read(&dir.join(name))?;
        let pixels = arrays.f64("image")? / 255.0;
        part.check(cells(name, &arrays, &pixels));
        for (k, case) in image["cases"].as_array().into_iter().flatten().enumerate() {
            features(&mut part, &format!("{name} {k} {case}"), &arrays, k, case, &pixels)?;
        }
    }
    Ok(part)
}

/// The histograms before blocks, of the default options.
fn cells(name: &str, arrays: &Arrays, pixels: &ArrayD<f64>) -> Result<(), String> {
    let tape = Tape::new();
    let got = hog_histogram(tape.constant(pixels), &HogOptions::default());
    close(format!("{name} histogram"), &got.to_array(), &arrays.f64("histogram_9_8x8")?, 1e-6, 0.0)
}

fn features(part: &mut Part, what: &str, arrays: &Arrays, k: usize, case: &Value, pixels: &ArrayD<f64>) -> Result<(), String> {
    let options = options(case).ok_or_else(|| format!("{what}: unknown options"))?;
    let tape = Tape::new();
    let image = tape.leaf(pixels);
    let features = hog(image, &options);
    let shape: Vec<usize> = list(&case["shape"]).iter().map(|&n| n as usize).collect();
    let of_shape = |x: ArrayD<f64>| x.into_shape_with_order(IxDyn(&shape)).map_err(|why| format!("{what}: {why}"));
    part.check(close(what, &features.to_array(), &of_shape(arrays.f64(&format!("{k}.feature"))?)?, 1e-6, 0.0));
    if case["gradient"] == true {
        let cotangent = of_shape(arrays.f64(&format!("{k}.cotangent"))?)?;
        let grads = tape.backward((features * tape.constant(cotangent)).sum());
        let got = grads.wrt(image).ok_or("no gradient")?.to_owned();
        let expected = arrays.f64(&format!("{k}.image_grad"))?;
        // Relative to the largest, since elements are sums that cancel.
        let largest = expected.iter().fold(0.0f64, |m, x| m.max(x.abs()));
        part.check(close(format!("{what}, gradient"), &got, &expected, 1e-9 * largest, 1e-9));
    }
    Ok(())
}

fn options(case: &Value) -> Option<HogOptions> {
    let pair = |name| <[f64; 2]>::try_from(list(&case[name])).ok().map(|p| p.map(|n| n as usize));
    Some(HogOptions {
        orientations: case["orientations"].as_u64()? as usize,
        pixels_per_cell: pair("cell")?,
        cells_per_block: pair("block")?,
        block_norm: match case["norm"].as_str()? {
            "L1" => BlockNorm::L1,
            "L1-sqrt" => BlockNorm::L1Sqrt,
            "L2" => BlockNorm::L2,
            "L2-Hys" => BlockNorm::L2Hys,
            _ => return None,
        },
        transform_sqrt: case["transform_sqrt"].as_bool()?,
        channel_axis: None,
    })
}
