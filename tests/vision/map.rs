//! Mean average precision, beside pycocotools.

use super::format::{json, list};
use super::suite::Part;
use serde_json::Value;
use std::path::Path;
use wengert::vision::coco::{Detections, MeanAveragePrecision, Objects};

pub fn run(dir: &Path) -> Result<Part, String> {
    let mut part = Part::default();
    let sets = json(&dir.join("map.json"))?;
    for (i, set) in sets.as_array().ok_or("map.json is not a list")?.iter().enumerate() {
        let summary = evaluate(set)?.compute();
        let found: Vec<(String, f64)> = summary.numbers().map(|(name, x)| (name.into(), x)).into();
        compare(&mut part, &format!("set {i}"), &found, &set["expected"])?;
        // A category that never occurs has no entry.
        let categories = set["categories"].as_array().ok_or("categories are not a list")?.iter().filter_map(Value::as_u64);
        let found: Vec<(String, f64)> =
            categories.map(|c| (c.to_string(), summary.by_category.get(&(c as usize)).copied().unwrap_or(-1.0))).collect();
        compare(&mut part, &format!("set {i}, category"), &found, &set["ap_by_category"])?;
    }
    Ok(part)
}

/// Each number within the rounding of a mean.
fn compare(part: &mut Part, of: &str, found: &[(String, f64)], expected: &Value) -> Result<(), String> {
    let expected = expected.as_object().ok_or(format!("{of}: no expected numbers"))?;
    if expected.len() != found.len() {
        return Err(format!("{of}: {} numbers are expected, {} were found", expected.len(), found.len()));
    }
    for (name, x) in found {
        let wanted = expected.get(name).and_then(Value::as_f64).ok_or(format!("{of}: no number {name} is expected"))?;
        part.check(if (x - wanted).abs() <= 1e-14 { Ok(()) } else { Err(format!("{of}: {name} is {x} in place of {wanted}")) });
    }
    Ok(())
}

/// All images in the order of their ids, as pycocotools goes through them.
fn evaluate(set: &Value) -> Result<MeanAveragePrecision, String> {
    let items = |key: &str| set[key].as_array().ok_or(format!("{key} is not a list"));
    let mut ids: Vec<u64> = items("images")?.iter().filter_map(|image| image["id"].as_u64()).collect();
    ids.sort_unstable();
    let mut map = MeanAveragePrecision::new();
    for id in ids {
        let of_image = |key: &str| Ok::<_, String>(items(key)?.iter().filter(move |o| o["image_id"].as_u64() == Some(id)));
        let (mut objects, mut detections) = (Objects::default(), Detections::default());
        for o in of_image("ground_truth")? {
            objects.boxes.push(bbox(o)?);
            objects.labels.push(number(o, "category_id")? as usize);
            objects.areas.push(number(o, "area")?);
            objects.crowd.push(number(o, "iscrowd")? != 0.0);
        }
        for d in of_image("detections")? {
            detections.boxes.push(bbox(d)?);
            detections.labels.push(number(d, "category_id")? as usize);
            detections.scores.push(number(d, "score")?);
        }
        map.update(&detections, &objects);
    }
    Ok(map)
}

fn number(of: &Value, key: &str) -> Result<f64, String> {
    of[key].as_f64().ok_or(format!("{key} is not a number"))
}

fn bbox(of: &Value) -> Result<[f64; 4], String> {
    list(&of["bbox"]).try_into().map_err(|_| "bbox has not four numbers".into())
}
