//! Would a fault be seen? Each kind is planted in a copy of an op's cases, in a folder of its own, and the program must find it and fail.

use super::cases::{self, Case};
use super::compare::Allowed;
use super::compute::{STAGES, Stage, compute};
use super::format::{Tensor, Values};
use super::suite::{Options, Totals, suite};
use clap::Parser;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/conformance/cases");

/// Several outputs, whole numbers, many inputs, options, masks, second derivatives of several inputs.
const OPS: [&str; 6] = ["F.conv1d", "sort", "F.batch_norm", "addmm", "linalg.slogdet", "where"];

/// A folder that is removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name = format!("wengert-planted-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("a new folder");
        Folder(path)
    }
    fn run(&self, more: &[&str]) -> Result<Totals, String> {
        let options = ["conformance", self.0.to_str().expect("a plain path")];
        suite(&Options::parse_from(options.iter().chain(more)), &mut std::io::sink())
    }
    /// What a run of all says; it must fail.
    fn must_fail(&self, what: &str) -> String {
        match self.run(&[]) {
            Err(why) => why,
            Ok(totals) => {
                assert!(!totals.success(), "{what}: not found");
                assert!(!totals.differences.is_empty(), "{what}: found and not shown");
                totals.differences.join("\n")
            }
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// An array of the file.
#[derive(Clone)]
struct Array {
    dtype: Dtype,
    shape: Vec<usize>,
    data: Vec<u8>,
}

impl Array {
    fn view(&self) -> TensorView<'_> {
        TensorView::new(self.dtype, self.shape.clone(), &self.data).expect("as many bytes as the shape says")
    }
    fn floats(&self) -> Vec<f64> {
        if self.dtype == Dtype::F64 { self.data.as_chunks().0.iter().map(|&b| f64::from_le_bytes(b)).collect() } else { Vec::new() }
    }
    fn set(&mut self, i: usize, x: f64) {
        self.data.as_chunks_mut().0[i] = x.to_le_bytes();
    }
}

/// The cases of one op, to be spoilt.
#[derive(Clone)]
struct Copy {
    op: String,
    json: Json,
    arrays: BTreeMap<String, Array>,
}

impl Copy {
    fn of(op: &str) -> Copy {
        let file = |extension: &str| fs::read(Path::new(CASES).join(format!("{op}.{extension}"))).expect("the op has cases");
        let bytes = file("safetensors");
        let tensors = SafeTensors::deserialize(&bytes).expect("a safetensors file");
        let array = |v: &TensorView<'_>| Array { dtype: v.dtype(), shape: v.shape().to_vec(), data: v.data().to_vec() };
        let arrays = tensors.iter().map(|(key, view)| (key.to_string(), array(&view))).collect();
        Copy { op: op.into(), json: serde_json::from_slice(&file("json")).expect("JSON"), arrays }
    }
    fn write(&self, folder: &Folder) {
        let views = self.arrays.iter().map(|(key, a)| (key, a.view()));
        let bytes = safetensors::serialize(views, None).expect("arrays can be written");
        fs::write(folder.0.join(format!("{}.safetensors", self.op)), bytes).expect("the folder can be written");
        fs::write(folder.0.join(format!("{}.json", self.op)), self.json.to_string()).expect("the folder can be written");
    }
    /// What a run of this alone says; it must fail.
    fn must_fail(&self, what: &str) -> String {
        let folder = Folder::new();
        self.write(&folder);
        folder.must_fail(what)
    }
    /// The one case of an id.
    fn only(&self, id: &str) -> Copy {
        let cases: Vec<&Json> = self.json["cases"].as_array().expect("a list").iter().filter(|case| case["id"] == id).collect();
        let arrays = self.arrays.iter().filter(|(key, _)| split(key).0 == id).map(|(key, a)| (key.clone(), a.clone())).collect();
        Copy { op: self.op.clone(), json: json!({"op": self.op, "torch": "", "cases": cases}), arrays }
    }
    /// Asserts that a run of one case, changed, fails and names it.
    fn planted(&self, id: &str, what: &str, change: impl FnOnce(&mut Copy)) {
        let mut copy = self.only(id);
        change(&mut copy);
        let (what, said) = (format!("{} {id}: {what}", self.op), copy.must_fail(what));
        assert!(said.contains(id), "{what}: it is only said that {said}");
    }
    fn ids(&self) -> Vec<String> {
        self.json["cases"].as_array().expect("a list").iter().map(|case| case["id"].as_str().expect("an id").to_string()).collect()
    }
    /// The inputs that a case is differentiated by.
    fn diff(&self, id: &str) -> Vec<String> {
        let case = self.json["cases"].as_array().expect("a list").iter().find(|case| case["id"] == id).expect("a case of that id");
        serde_json::from_value(case["diff"].clone()).expect("a list of keys")
    }
    /// Whether an array is there, and not of zeros alone.
    fn has(&self, key: &str) -> bool {
        self.arrays.get(key).is_some_and(|a| a.floats().iter().any(|&x| x != 0.0))
    }
}

fn split(key: &str) -> (&str, &str) {
    key.rsplit_once('/').expect("id and name")
}

/// Whether an array is compared with ours.
fn is_compared(name: &str) -> bool {
    ["out", "grad.", "gg.", "jvp"].iter().any(|prefix| name.starts_with(prefix))
}

/// The place of the largest of some numbers.
fn largest(values: &[f64]) -> Option<usize> {
    (0..values.len()).max_by(|&a, &b| values[a].abs().total_cmp(&values[b].abs()))
}

#[test]
fn a_copy_as_it_is_agrees() {
    let folder = Folder::new();
    OPS.iter().for_each(|op| Copy::of(op).write(&folder));
    let totals = folder.run(&[]).expect("there are cases");
    assert!(totals.success() && totals.cases[0] >= 4 * OPS.len(), "{:?} {}", totals.cases, totals.differences.join("\n"));
}

#[test]
fn a_lost_array_is_missed() {
    let mut lost = 0;
    for op in OPS {
        let whole = Copy::of(op);
        for key in whole.arrays.keys() {
            let (id, name) = split(key);
            // An absent derivative is zero. A direction tells nothing about a gradient that does not depend on the inputs (that by a bias).
            let derivative = name.starts_with("grad.") || name.starts_with("gg.");
            if derivative && !whole.has(key) || name.strip_prefix("v.").is_some_and(|x| !whole.has(&format!("{id}/gg.{x}"))) {
                continue;
            }
            whole.planted(id, &format!("{name} lost"), |copy| drop(copy.arrays.remove(key)));
            lost += 1;
        }
        for id in whole.ids() {
            whole.planted(&id, "all arrays lost", |copy| copy.arrays.retain(|key, _| split(key).0 != id));
        }
    }
    assert!(lost > 200, "only {lost} arrays");
}

#[test]
fn second_derivatives_lost_with_their_directions_are_missed() {
    let whole = Copy::of("F.conv1d");
    let mut lost = 0;
    for id in whole.ids() {
        for x in whole.diff(&id) {
            let pair = [format!("{id}/v.{x}"), format!("{id}/gg.{x}")];
            if pair.iter().all(|key| whole.has(key)) {
                whole.planted(&id, &format!("v.{x} and gg.{x} lost"), |copy| copy.arrays.retain(|key, _| !pair.contains(key)));
                lost += 1;
            }
        }
    }
    assert!(lost > 3, "only {lost} pairs");
}

#[test]
fn an_array_that_nothing_names_is_seen() {
    for op in OPS {
        let whole = Copy::of(op);
        let id = &whole.ids()[0];
        for name in ["in9", "out7", "ct7", "grad.in9", "jvp7", "something"] {
            whole.planted(id, &format!("{name} besides"), |copy| {
                let array = copy.arrays[&format!("{id}/out0")].clone();
                copy.arrays.insert(format!("{id}/{name}"), array);
            });
        }
    }
}

#[test]
fn a_wrong_number_is_seen() {
    let mut wrong = 0;
    for op in OPS {
        let whole = Copy::of(op);
        for (key, array) in &whole.arrays {
            let ((id, name), values) = (split(key), array.floats());
            let Some(at) = largest(&values).filter(|_| is_compared(name)) else { continue };
            let x = values[at];
            for other in [x * (1.0 + 1e-3), x * (1.0 - 1e-5), x + 1e-4, -x, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                if other != x {
                    let what = format!("{name} has {other} instead of {x}");
                    whole.planted(id, &what, |copy| copy.arrays.get_mut(key).expect("a key").set(at, other));
                    wrong += 1;
                }
            }
        }
    }
    assert!(wrong > 500, "only {wrong} numbers");
}

#[test]
fn a_number_where_ours_is_not_one_is_seen() {
    // The logarithm of -1 is NaN, and that of 0 infinite.
    let whole = Copy::of("log");
    let id = whole.ids().into_iter().find(|id| !whole.arrays[&format!("{id}/in0")].data.is_empty()).expect("a case of numbers");
    for x in [-1.0, 0.0] {
        whole.planted(&id, &format!("the logarithm of {x}"), |copy| copy.arrays.get_mut(&format!("{id}/in0")).expect("a key").set(0, x));
    }
}

#[test]
fn a_wrong_whole_number_is_seen() {
    let whole = Copy::of("sort");
    for id in whole.ids() {
        let key = format!("{id}/out1");
        if whole.arrays[&key].data.is_empty() {
            continue;
        }
        whole.planted(&id, "an index off by one", |copy| copy.arrays.get_mut(&key).expect("a key").data[0] ^= 1);
    }
}

#[test]
fn wrong_shapes_and_types_are_seen() {
    for op in OPS {
        let whole = Copy::of(op);
        for (key, array) in &whole.arrays {
            let (id, name) = split(key);
            if name.starts_with("in") {
                continue; // of another shape, an input may give the same
            }
            let flat = array.shape.iter().product();
            for shape in [vec![flat], [&array.shape[..], &[1]].concat(), [&[1], &array.shape[..]].concat()] {
                if shape != array.shape {
                    whole.planted(id, &format!("{name} of shape {shape:?}"), |copy| copy.arrays.get_mut(key).expect("a key").shape = shape);
                }
            }
            if array.dtype == Dtype::F64 && flat > 0 {
                for dtype in [Dtype::I64, Dtype::U64] {
                    let mut copy = whole.clone();
                    copy.arrays.get_mut(key).expect("a key").dtype = dtype;
                    copy.must_fail(&format!("{op} {key} of type {dtype:?}"));
                }
                let narrow = array.floats().iter().flat_map(|&x| (x as f32).to_le_bytes()).collect();
                let mut copy = whole.clone();
                copy.arrays.insert(key.clone(), Array { dtype: Dtype::F32, shape: array.shape.clone(), data: narrow });
                copy.must_fail(&format!("{op} {key} of type F32"));
            }
        }
    }
}

#[test]
fn a_spoilt_call_is_seen() {
    for op in OPS {
        let whole = Copy::of(op);
        let fields: Vec<String> = whole.json["cases"][0].as_object().expect("a case").keys().cloned().collect();
        for id in &whole.ids() {
            let one = whole.only(id);
            for field in &fields {
                let mut copy = one.clone();
                copy.json["cases"][0].as_object_mut().expect("a case").remove(field);
                copy.must_fail(&format!("{op} {id} without the field {field}"));
            }
            let case = &one.json["cases"][0];
            for list in ["diff", "diff_outs", "outs"] {
                if case[list].as_array().is_some_and(|list| !list.is_empty()) {
                    one.planted(id, &format!("{list} shortened"), |copy| {
                        drop(copy.json["cases"][0][list].as_array_mut().expect("a list").pop())
                    });
                }
            }
            for flag in ["second_order", "jvp"] {
                one.planted(id, &format!("{flag} turned"), |copy| {
                    let flag = &mut copy.json["cases"][0][flag];
                    *flag = json!(!flag.as_bool().expect("true or false"));
                });
            }
            one.planted(id, "an argument of no kind", |copy| copy.json["cases"][0]["args"][0] = json!({"tensor": "in0"}));
        }
        for (what, change) in [
            ("two cases of one id", (|json: &mut Json| json["cases"][1]["id"] = json["cases"][0]["id"].clone()) as fn(&mut Json)),
            ("no case", |json| json["cases"] = json!([])),
            ("no list of cases", |json| drop(json.as_object_mut().expect("fields").remove("cases"))),
            ("another name", |json| json["op"] = json!("another")),
            ("a field that is not known", |json| json["cases"][0]["complexity"] = json!(1)),
        ] {
            let mut copy = whole.clone();
            change(&mut copy.json);
            copy.must_fail(&format!("{op}: {what}"));
        }
    }
}

#[test]
fn spoilt_files_are_seen() {
    let op = "addmm";
    let text = Copy::of(op).json.to_string();
    let spoilt = |what: &str, change: &dyn Fn(&Path)| {
        let folder = Folder::new();
        // Another op stands beside it, and agrees.
        [op, "sort"].iter().for_each(|op| Copy::of(op).write(&folder));
        change(&folder.0);
        let said = folder.must_fail(what);
        assert!(said.contains(op), "{what}: it is only said that {said}");
        let totals = folder.run(&["--only", "sort"]).expect("the other op has cases");
        assert!(totals.success(), "{what}: {:?}", totals.differences);
    };
    let write = |path: PathBuf, bytes: &[u8]| fs::write(path, bytes).expect("the folder can be written");
    let remove = |path: PathBuf| fs::remove_file(path).expect("the file is there");
    spoilt("no JSON", &|dir| remove(dir.join("addmm.json")));
    spoilt("no arrays", &|dir| remove(dir.join("addmm.safetensors")));
    spoilt("JSON cut short", &|dir| write(dir.join("addmm.json"), &text.as_bytes()[..text.len() / 2]));
    spoilt("empty JSON", &|dir| write(dir.join("addmm.json"), b""));
    spoilt("empty arrays", &|dir| write(dir.join("addmm.safetensors"), b""));
    spoilt("arrays cut short", &|dir| {
        let bytes = fs::read(dir.join("addmm.safetensors")).expect("the file is there");
        write(dir.join("addmm.safetensors"), &bytes[..bytes.len() - 8]);
    });
}

#[test]
fn nothing_to_run_is_a_failure() {
    let folder = Folder::new();
    assert!(folder.must_fail("an empty folder").contains("no cases"));
    fs::create_dir(folder.0.join("cases")).expect("a new folder");
    assert!(folder.must_fail("a folder of an empty folder").contains("no cases"));
    fs::remove_dir(folder.0.join("cases")).expect("an empty folder");
    Copy::of("sort").write(&folder);
    assert!(folder.run(&["--only", "sort,sorted"]).is_err_and(|why| why.contains("`sorted`")));
    assert!(folder.run(&["--only", ""]).is_err());
    fs::write(folder.0.join("contradictions.json"), "[{}]").expect("the folder can be written");
    assert!(folder.must_fail("a list of contradictions of no form").contains("contradictions.json"));
    let gone = Folder(folder.0.join("gone"));
    assert!(gone.must_fail("no folder").contains("gone"));
}

#[test]
fn an_op_that_is_not_known_is_a_failure() {
    let mut copy = Copy::of("sort");
    (copy.op, copy.json["op"]) = ("sorted".into(), json!("sorted"));
    let folder = Folder::new();
    copy.write(&folder);
    let totals = folder.run(&[]).expect("there are cases");
    assert!(!totals.success() && totals.cases[..2] == [0, 0] && totals.cases[2] > 0, "{:?}", totals.cases);
    // Beside an op that agrees, it is unsupported.
    Copy::of("where").write(&folder);
    assert!(folder.run(&[]).expect("there are cases").success());
}

#[test]
fn a_deleted_case_leaves_arrays_that_are_named() {
    for op in OPS {
        let mut copy = Copy::of(op);
        let id = copy.ids().remove(0);
        drop(copy.json["cases"].as_array_mut().expect("a list").remove(0));
        let folder = Folder::new();
        copy.write(&folder);
        for more in [&[][..], &["--json"]] {
            let options = ["conformance", folder.0.to_str().expect("a plain path")];
            let mut printed = Vec::new();
            let totals = suite(&Options::parse_from(options.iter().chain(more)), &mut printed).expect("there are cases");
            assert_eq!(totals.strays, [format!("{op} {id}")]);
            let said = String::from_utf8(printed).expect("text");
            let expected = if more.is_empty() { format!("NOT COMPARED: arrays of no case: {id}\n") } else { json!([id]).to_string() };
            assert!(said.contains(&expected), "{op}: {said}");
        }
    }
}

#[test]
fn only_pytorchs_own_wrong_numbers_are_excused() {
    for (op, excused) in [("logcumsumexp", ["base.1", "base.4"]), ("linalg.cholesky", ["base.0", "base.13"])] {
        let whole = Copy::of(op);
        let folder = Folder::new();
        whole.write(&folder);
        assert_eq!(folder.run(&[]).map(|totals| (totals.success(), totals.cases[2])), Ok((true, 2)));
        // The same numbers under another id, as in another set, are excused by their formula.
        let mut renamed = whole.clone();
        renamed.json["cases"]
            .as_array_mut()
            .expect("a list")
            .iter_mut()
            .for_each(|case| case["id"] = json!(format!("x{}", case["id"].as_str().unwrap())));
        renamed.arrays = renamed.arrays.into_iter().map(|(key, a)| (format!("x{key}"), a)).collect();
        renamed.write(&folder);
        assert_eq!(folder.run(&[]).map(|totals| (totals.success(), totals.cases[2])), Ok((true, 2)));
        for id in whole.ids() {
            for name in ["jvp0", "grad.in0", "out0"] {
                let key = format!("{id}/{name}");
                let values = whole.arrays[&key].floats();
                let Some(at) = largest(&values) else { continue };
                for factor in [1.0 + 1e-3, 1.0 + 1e-6] {
                    whole.planted(&id, &format!("{name} off by {factor}"), |copy| {
                        copy.arrays.get_mut(&key).unwrap().set(at, values[at] * factor)
                    });
                }
            }
            if excused.contains(&&id[..]) {
                // Where the right tangent stands, the list is out of date.
                whole.planted(&id, "the right tangent", |copy| {
                    let (case, key) = (case(op, &id), format!("{id}/jvp0"));
                    let right = compute::<f64>(op, &case, &case.arrays, &[Stage::Jvp]).unwrap().remove(0).unwrap();
                    let Some(Some(Tensor { values: Values::Float(right), .. })) = right.first() else { panic!("a tangent") };
                    right.iter().enumerate().for_each(|(i, &x)| copy.arrays.get_mut(&key).unwrap().set(i, x));
                });
            }
        }
    }
}

fn case(op: &str, id: &str) -> Case {
    let ops = cases::read(Path::new(CASES)).expect("the cases can be read");
    ops[op].as_ref().expect("the op has cases").cases.iter().find(|case| case.id == id).expect("there is such a case").clone()
}

#[test]
fn what_leaves_the_range_of_f32_must_leave_it_in_f32() {
    let whole = Copy::of("addmm");
    let id = whole.ids().into_iter().find(|id| !whole.arrays[&format!("{id}/out0")].data.is_empty()).expect("a case of numbers");
    let case = case("addmm", &id);
    let of = |x: f64| {
        let mut array = case.arrays["out0"].clone();
        if let Values::Float(values) = &mut array.values {
            values[0] = x;
        }
        vec![Some(array)]
    };
    for sign in [1.0, -1.0] {
        let wide = of(sign * 1e39);
        let agrees = |x: f64| Allowed::of(&case, Stage::Value, &wide, &[]).compare(&case, Stage::Value, &of(x), &wide).is_ok();
        assert!(agrees(sign * f64::INFINITY) && agrees(sign * f64::from(f32::MAX)));
        for x in [-sign * f64::INFINITY, -sign * f64::from(f32::MAX), sign, 0.0, sign * 1e38, f64::NAN] {
            assert!(!agrees(x), "{x} instead of {}", sign * 1e39);
        }
    }
}

/// In f32: an error of 1e-4 in the largest element of any array that is compared.
#[test]
fn a_small_error_in_f32_is_seen() {
    let (mut seen, mut planted) = ([0; 4], [0; 4]);
    let ops = cases::read(Path::new(CASES)).expect("the cases can be read");
    for (name, op) in &ops {
        for case in &op.as_ref().expect("the op has cases").cases {
            let stages: Vec<Stage> = STAGES.into_iter().filter(|stage| stage.applies(case)).collect();
            let given = compute::<f64>(name, case, &case.arrays, &stages).expect("the call can be expressed");
            for (&stage, given) in stages.iter().zip(given) {
                let given = given.expect("no panic");
                for at in 0..given.len() {
                    let mut wrong = given.clone();
                    let Some(Tensor { values: Values::Float(values), .. }) = &mut wrong[at] else { continue };
                    let Some(i) = largest(values).filter(|&i| values[i] != 0.0) else { continue };
                    values[i] *= 1.0 + 1e-4;
                    planted[stage as usize] += 1;
                    seen[stage as usize] +=
                        usize::from(Allowed::of(case, stage, &given, &[]).compare(case, stage, &wrong, &given).is_err());
                }
            }
        }
    }
    println!("of errors of 1e-4 in value, gradient, second-order gradient and tangent, {seen:?} of {planted:?} are seen");
    // What is not seen is smaller than the terms it was made of by a factor of 100 and more.
    for ((seen, planted), percent) in seen.into_iter().zip(planted).zip([99, 97, 88, 96]) {
        assert!(planted > 400 && 100 * seen >= percent * planted, "{seen} of {planted}");
    }
}
