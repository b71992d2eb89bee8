//! Boxes, regions, anchors, losses, and what a detector does after its network, beside torchvision.

use super::format::{Arrays, close, json, list};
use super::suite::Part;
use ndarray::{Array2, Array3, ArrayD, Axis, IxDyn, concatenate, s};
use serde_json::Value;
use std::path::Path;
use wengert::vision::detection::{ProposalFilter, RoiHeadsOptions, fastrcnn_loss, rpn_loss};
use wengert::vision::{
    AnchorGenerator, BoxCoder, FocalLossOptions, Match, Matcher, MultiScaleRoiAlign, RoiAlignOptions, batched_nms, box_iou,
    clip_boxes_to_image, complete_box_iou, complete_box_iou_loss, distance_box_iou, distance_box_iou_loss, generalized_box_iou,
    generalized_box_iou_loss, nms, ps_roi_align, ps_roi_pool, remove_small_boxes, roi_align, roi_pool, sigmoid_focal_loss,
};
use wengert::{Reduction, Tape, Var, concat};

/// What values and gradients may differ by, relative and absolute: the rounding of f64.
const NEAR: f64 = 1e-9;
/// The same of what was computed in f32.
const SINGLE: f64 = 1e-5;

pub fn run(dir: &Path) -> Result<Part, String> {
    let (index, arrays) = (json(&dir.join("index.json"))?, Arrays::read(&dir.join("cases.safetensors"))?);
    let cases = index.as_array().or_else(|| index["cases"].as_array()).ok_or("index.json holds no list of cases")?;
    let mut part = Part::default();
    for case in cases {
        let number = case["case"].as_u64().ok_or("a case without a number")?;
        let case = Case { op: case["op"].as_str().unwrap_or_default(), options: &case["options"], number, arrays: &arrays };
        match case.compare() {
            Err(why) if why == UNKNOWN => part.unsupported.push(format!("{number}: there is no {}", case.op)),
            Err(why) => part.differ.push(why),
            Ok(results) => results.into_iter().for_each(|result| part.check(result)),
        }
    }
    Ok(part)
}

const UNKNOWN: &str = "unknown op";

/// One case, and the file that holds its arrays.
struct Case<'a> {
    op: &'a str,
    options: &'a Value,
    number: u64,
    arrays: &'a Arrays,
}

type Results = Result<Vec<Result<(), String>>, String>;
type PairMeasure = for<'t> fn(Var<'t, f64>, Var<'t, f64>) -> Var<'t, f64>;
type PairLoss = for<'t> fn(Var<'t, f64>, Var<'t, f64>, Reduction) -> Var<'t, f64>;

impl Case<'_> {
    fn compare(&self) -> Results {
        match self.op {
            "nms" | "batched_nms" => self.nms(),
            "box_iou" => self.measure(box_iou),
            "generalized_box_iou" => self.measure(generalized_box_iou),
            "distance_box_iou" => self.measure(distance_box_iou),
            "complete_box_iou" => self.measure(complete_box_iou),
            "generalized_box_iou_loss" => self.loss(generalized_box_iou_loss),
            "distance_box_iou_loss" => self.loss(distance_box_iou_loss),
            "complete_box_iou_loss" => self.loss(complete_box_iou_loss),
            "sigmoid_focal_loss" => self.focal(),
            "roi_align" | "roi_pool" | "ps_roi_align" | "ps_roi_pool" => self.regions(),
            "multiscale_roi_align" => self.pyramid(),
            "anchors" => self.anchors(),
            "box_coder" => self.coder(),
            "clip_boxes_to_image" => self.clip(),
            "matcher" => self.matcher(),
            "fastrcnn_loss" => self.fastrcnn_loss(),
            "rpn_loss" => self.rpn_loss(),
            "rpn_filter_proposals" => self.filter_proposals(),
            "roi_heads_postprocess" => self.postprocess(),
            _ => Err(UNKNOWN.into()),
        }
    }

    // ------------------------------------------------------------------------------------------------------- arrays

    fn array(&self, name: &str) -> Result<ArrayD<f64>, String> {
        self.arrays.f64(&format!("{}.{name}", self.number))
    }
    fn integers(&self, name: &str) -> Result<Vec<i64>, String> {
        self.arrays.integers(&format!("{}.{name}", self.number))
    }
    fn indices(&self, name: &str) -> Result<Vec<usize>, String> {
        Ok(self.integers(name)?.into_iter().map(|i| i as usize).collect())
    }
    fn number(&self, name: &str) -> Result<f64, String> {
        self.options[name].as_f64().ok_or_else(|| format!("case {}: no number {name}", self.number))
    }
    fn sizes(&self, name: &str) -> Vec<usize> {
        list(&self.options[name]).into_iter().map(|x| x as usize).collect()
    }
    fn pair(&self, name: &str) -> Result<[usize; 2], String> {
        match self.sizes(name)[..] {
            [n] => Ok([n, n]),
            [m, n] => Ok([m, n]),
            _ => Err(format!("case {}: {name} is not one number or two", self.number)),
        }
    }
    fn reduction(&self) -> Reduction {
        match self.options["reduction"].as_str() {
            Some("mean") => Reduction::Mean,
            Some("sum") => Reduction::Sum,
            _ => Reduction::None,
        }
    }
    fn sampling_ratio(&self) -> Option<usize> {
        self.options["sampling_ratio"].as_i64().filter(|n| *n > 0).map(|n| n as usize)
    }
    /// Compares an array with one of the file, which may have lost its axes of size 1.
    fn near(&self, name: &str, got: &ArrayD<f64>, tolerance: f64) -> Result<(), String> {
        let expected = self.array(name)?;
        let what = format!("{} {} {name}", self.number, self.op);
        let got = if got.len() == 1 && expected.len() == 1 {
            got.to_shape(expected.shape()).expect("one number").into_owned()
        } else {
            got.clone()
        };
        close(what, &got, &expected, tolerance, tolerance)
    }
    fn same(&self, name: &str, got: Vec<i64>) -> Result<(), String> {
        let expected = self.integers(name)?;
        let at = got.iter().zip(&expected).position(|(a, b)| a != b);
        let what =
            || format!("{} {} {name}: {} numbers in place of {}, different at {at:?}", self.number, self.op, got.len(), expected.len());
        (got == expected).then_some(()).ok_or_else(what)
    }
    /// Compares a value, and the gradient of its sum with the cotangent, or of its sum.
    fn value_and_grad<'t>(&self, y: Var<'t, f64>, grads: &[(&str, Var<'t, f64>)]) -> Results {
        let mut results = vec![self.near("value", &y.to_array(), NEAR)];
        let tape = y.tape();
        let cotangent = match self.array("cotangent") {
            Ok(cotangent) => tape.constant(cotangent),
            Err(_) => y.ones_like(),
        };
        for &(name, x) in grads {
            let grad = tape.grad_with(y, cotangent, &[x])[0].map_or(ArrayD::zeros(IxDyn(&x.shape())), |g| g.to_array());
            results.push(self.near(name, &grad, NEAR));
        }
        Ok(results)
    }

    // ---------------------------------------------------------------------------------------------------------- ops

    fn nms(&self) -> Results {
        let (boxes, scores, threshold) = (self.array("boxes")?, self.array("scores")?, self.number("iou_threshold")?);
        let keep = match self.op {
            "nms" => nms(&boxes, &scores, threshold),
            _ => batched_nms(&boxes, &scores, &self.indices("idxs")?, threshold),
        };
        Ok(vec![self.same("keep", keep.into_iter().map(|i| i as i64).collect())])
    }
    fn measure(&self, f: PairMeasure) -> Results {
        let tape = Tape::new();
        let (a, b) = (tape.leaf(self.array("boxes1")?), tape.leaf(self.array("boxes2")?));
        self.value_and_grad(f(a, b), &[("boxes1_grad", a)])
    }
    fn loss(&self, f: PairLoss) -> Results {
        let tape = Tape::new();
        let (a, b) = (tape.leaf(self.array("boxes1")?), tape.leaf(self.array("boxes2")?));
        self.value_and_grad(f(a, b, self.reduction()), &[("boxes1_grad", a)])
    }
    fn focal(&self) -> Results {
        let tape = Tape::new();
        let (logits, targets) = (tape.leaf(self.array("logits")?), tape.constant(self.array("targets")?));
        let alpha = Some(self.number("alpha")?).filter(|a| *a >= 0.0);
        let options = FocalLossOptions { alpha, gamma: self.number("gamma")?, reduction: self.reduction() };
        self.value_and_grad(sigmoid_focal_loss(logits, targets, options), &[("logits_grad", logits)])
    }
    fn regions(&self) -> Results {
        let tape = Tape::new();
        let (input, rois, output) = (tape.leaf(self.array("input")?), self.array("rois")?, self.pair("output")?);
        let (spatial_scale, sampling_ratio) = (self.number("spatial_scale")?, self.sampling_ratio());
        let y = match self.op {
            "roi_align" => {
                let aligned = self.options["aligned"].as_bool().unwrap_or(false);
                roi_align(input, &rois, output, RoiAlignOptions { spatial_scale, sampling_ratio, aligned })
            }
            "roi_pool" => roi_pool(input, &rois, output, spatial_scale),
            "ps_roi_align" => ps_roi_align(input, &rois, output, spatial_scale, sampling_ratio),
            _ => ps_roi_pool(input, &rois, output, spatial_scale),
        };
        let (mut value, cotangent, input_grad) = (self.array("value")?, self.array("cotangent")?, self.array("input_grad")?);
        let gradient = self.value_and_grad(y, &[("input_grad", input)])?.pop().ok_or("there is a gradient")?;
        // The value is linear in the map, so <value, cotangent> is <map, gradient>. In torchvision's ps_roi_pool it is not where a region reaches the
        // map's last row or column: its backward counts these pixels, and its forward does not. There our gradient has to fulfil the identity.
        let (a, b) = ((&value * &cotangent).sum(), (&input.to_array() * &input_grad).sum());
        let gradient = if self.op == "ps_roi_pool" && (a - b).abs() > NEAR * a.abs().max(1.0) {
            let own = tape.grad_with(y, tape.constant(&cotangent), &[input])[0].ok_or("there is a gradient")?;
            let own = (&input.to_array() * &own.to_array()).sum();
            let why = || format!("{} {} <map, gradient> is {own} and <value, cotangent> {a}", self.number, self.op);
            ((own - a).abs() <= NEAR * a.abs().max(1.0)).then_some(()).ok_or_else(why)
        } else {
            gradient
        };
        if self.op == "ps_roi_align" && sampling_ratio.is_none() {
            // A bin without samples: torchvision gives 0/0 here, and 0 in roi_align. We give 0 in both.
            value.mapv_inplace(|x| if x.is_nan() { 0.0 } else { x });
        }
        Ok(vec![close(format!("{} {} value", self.number, self.op), &y.to_array(), &value, NEAR, NEAR), gradient])
    }
    fn pyramid(&self) -> Results {
        let tape = Tape::new();
        let scales = list(&self.options["scales"]);
        let maps = (0..scales.len()).map(|i| Ok(tape.leaf(self.array(&format!("feat{i}"))?))).collect::<Result<Vec<_>, String>>()?;
        let boxes = self.array("rois")?;
        // All belong to one image, whose number is not in the file.
        let columns = boxes.shape().get(1).copied().unwrap_or(0);
        let numbers = ArrayD::zeros(IxDyn(&[boxes.shape()[0], 5 - columns.min(5)]));
        let rois = concatenate(Axis(1), &[numbers.view(), boxes.view()]).map_err(|why| why.to_string())?;
        let pooler = MultiScaleRoiAlign {
            canonical_scale: self.number("canonical_scale")?,
            canonical_level: self.number("canonical_level")? as i32,
            ..MultiScaleRoiAlign::new(self.pair("output")?, self.sampling_ratio())
        };
        let levels = pooler.levels(&rois, &scales).into_iter().map(|i| i as i64).collect();
        let found = MultiScaleRoiAlign::scales(&maps, self.pair("image")?);
        Ok(vec![
            (found == scales).then_some(()).ok_or_else(|| format!("{}: scales {found:?} in place of {scales:?}", self.number)),
            self.same("levels", levels),
            self.near("value", &pooler.forward(&maps, &rois, self.pair("image")?).to_array(), NEAR),
        ])
    }
    fn anchors(&self) -> Results {
        let lists = |name: &str| -> Vec<Vec<f64>> { self.options[name].as_array().into_iter().flatten().map(list).collect() };
        let generator = AnchorGenerator { sizes: lists("sizes"), aspect_ratios: lists("ratios") };
        let maps: Vec<[usize; 2]> = lists("maps").iter().map(|m| [m[0] as usize, m[1] as usize]).collect();
        let cells = generator.cell_anchors::<f64>();
        let mut results: Vec<_> =
            cells.iter().enumerate().map(|(i, cell)| self.near(&format!("cell{i}"), &cell.clone().into_dyn(), 0.0)).collect();
        results.push(self.near("anchors", &generator.grid_anchors::<f64>(self.pair("image")?, &maps).into_dyn(), 0.0));
        Ok(results)
    }
    fn coder(&self) -> Results {
        let tape = Tape::new();
        let weights = list(&self.options["weights"]).try_into().map_err(|_| "four weights are needed")?;
        let coder = BoxCoder { weights, bbox_xform_clip: self.number("bbox_xform_clip")? };
        let array = |name: &str| Ok::<_, String>(tape.constant(self.array(name)?));
        let (reference, proposals, codes) = (array("reference")?, array("proposals")?, array("codes")?);
        let encoded = coder.encode(reference, proposals);
        let decoded = coder.decode(codes, proposals).to_array();
        let expected = self.array("decoded")?;
        let decoded = decoded.to_shape(expected.shape()).map_err(|why| why.to_string())?.to_owned();
        Ok(vec![
            self.near("encoded", &encoded.to_array(), NEAR),
            self.near("decoded", &decoded, NEAR),
            self.near("round_trip", &coder.decode(encoded, proposals).to_array(), NEAR),
        ])
    }
    fn clip(&self) -> Results {
        let tape = Tape::new();
        let boxes = self.array("boxes")?;
        let clipped = clip_boxes_to_image(tape.constant(&boxes), self.pair("size")?).to_array();
        let mut results = vec![self.near("value", &clipped, 0.0)];
        let names = self.arrays.names();
        let prefix = format!("{}.keep_min_size_", self.number);
        for size in names.iter().filter_map(|name| name.strip_prefix(&prefix)) {
            let min_size = size.parse().map_err(|_| format!("{prefix}{size}: no number"))?;
            let keep = remove_small_boxes(&boxes, min_size).into_iter().map(|i| i as i64).collect();
            results.push(self.same(&format!("keep_min_size_{size}"), keep));
        }
        Ok(results)
    }
    fn matcher(&self) -> Results {
        let allow_low_quality_matches = self.options["allow_low_quality_matches"].as_bool().unwrap_or(false);
        let matcher = Matcher { high: self.number("high")?, low: self.number("low")?, allow_low_quality_matches };
        Ok(vec![self.same("value", matcher.matches(self.array("iou")?).into_iter().map(number_of).collect())])
    }
}

// ------------------------------------------------------------------------------------------------------------ detector

impl Case<'_> {
    /// Two losses of one network: their values, and the gradients of their sum.
    fn losses(&self, values: [Var<'_, f64>; 2], names: [&str; 2], inputs: &[(&str, Var<'_, f64>)]) -> Results {
        // torchvision gives some of the values in f32.
        let mut results: Vec<_> = values.iter().zip(names).map(|(y, name)| self.near(name, &y.to_array(), SINGLE)).collect();
        let (tape, sum) = (values[0].tape(), values[0] + values[1]);
        for &(name, x) in inputs {
            let grad = tape.grad(sum, &[x])[0].map_or(ArrayD::zeros(IxDyn(&x.shape())), |g| g.to_array());
            results.push(self.near(name, &grad, NEAR));
        }
        Ok(results)
    }
    fn fastrcnn_loss(&self) -> Results {
        let tape = Tape::new();
        let (logits, codes) = (tape.leaf(self.array("class_logits")?), tape.leaf(self.array("box_regression")?));
        let losses = fastrcnn_loss(logits, codes, &self.indices("labels")?, tape.constant(self.array("regression_targets")?));
        let inputs = [("class_logits_grad", logits), ("box_regression_grad", codes)];
        self.losses(losses, ["loss_classifier", "loss_box_reg"], &inputs)
    }
    fn rpn_loss(&self) -> Results {
        let tape = Tape::new();
        let (objectness, deltas) = (tape.leaf(self.array("objectness")?), tape.leaf(self.array("pred_bbox_deltas")?));
        let matcher = Matcher { high: self.number("fg_iou")?, low: self.number("bg_iou")?, allow_low_quality_matches: true };
        let (anchors, mut first, mut labels, mut targets) = (tape.constant(self.array("anchors")?), 0, Vec::new(), Vec::new());
        for (image, count) in self.sizes("anchors").into_iter().enumerate() {
            let (own, objects) = (anchors.narrow(0, first, count), self.array(&format!("gt{image}"))?);
            let matches = matcher.matches(box_iou(tape.constant(&objects), own).to_array());
            // As in torchvision, what is matched with no object has the code of the first one.
            let rows: Vec<usize> = matches.iter().map(|m| m.object().unwrap_or(0)).collect();
            targets.push(BoxCoder::new([1.0; 4]).encode(tape.constant(objects.select(Axis(0), &rows)), own));
            labels.extend(matches.into_iter().map(label_of));
            first += count;
        }
        let targets = concat(&targets, 0);
        let those = |label: i64| (0..labels.len()).filter(|&i| labels[i] == label).collect::<Vec<usize>>();
        let (positive, negative) = (those(1), those(0));
        let losses = rpn_loss(objectness.flatten(0, 1), deltas, &positive, &negative, targets.index_select(0, &positive));
        let mut results = vec![self.same("labels", labels), self.near("regression_targets", &targets.to_array(), NEAR)];
        let inputs = [("objectness_grad", objectness), ("pred_bbox_deltas_grad", deltas)];
        results.extend(self.losses(losses, ["loss_objectness", "loss_rpn_box_reg"], &inputs)?);
        Ok(results)
    }
    fn image_sizes(&self) -> Vec<[usize; 2]> {
        let sizes = self.options["sizes"].as_array().into_iter().flatten().map(list);
        sizes.map(|s| [s[0] as usize, s[1] as usize]).collect()
    }
    fn filter_proposals(&self) -> Results {
        let filter = ProposalFilter {
            pre_nms_top_n: self.number("pre_nms_top_n")? as usize,
            post_nms_top_n: self.number("post_nms_top_n")? as usize,
            nms_thresh: self.number("nms")?,
            score_thresh: self.number("score_thresh")?,
            min_size: self.number("min_size")?,
        };
        let boxes: Array3<f64> = self.array("proposals")?.into_dimensionality().map_err(|why| why.to_string())?;
        let logits = self.array("objectness")?;
        let logits = logits.to_shape([boxes.shape()[0], boxes.shape()[1]]).map_err(|why| why.to_string())?;
        let found = filter.filter(boxes.view(), logits.view(), &self.image_sizes(), &self.sizes("anchors_per_level"));
        let both = found.into_iter().enumerate().flat_map(|(image, p)| {
            let scores = ArrayD::from_shape_vec(IxDyn(&[p.scores.len()]), p.scores).expect("one axis");
            [self.near(&format!("boxes{image}"), &p.boxes.into_dyn(), NEAR), self.near(&format!("scores{image}"), &scores, NEAR)]
        });
        Ok(both.collect())
    }
    fn postprocess(&self) -> Results {
        let tape = Tape::new();
        let weights = list(&self.options["weights"]).try_into().map_err(|_| "four weights are needed")?;
        let options = RoiHeadsOptions {
            coder: BoxCoder::new(weights),
            score_thresh: self.number("score_thresh")?,
            nms_thresh: self.number("nms")?,
            detections_per_img: self.number("detections_per_img")? as usize,
            ..RoiHeadsOptions::default()
        };
        let all: Array2<f64> = self.array("proposals")?.into_dimensionality().map_err(|why| why.to_string())?;
        let mut first = 0;
        let of_image = |count: usize| {
            first += count;
            all.slice(s![first - count..first, ..]).to_owned()
        };
        let proposals: Vec<Array2<f64>> = self.sizes("images").into_iter().map(of_image).collect();
        let (logits, codes) = (tape.constant(self.array("class_logits")?), tape.constant(self.array("box_regression")?));
        let mut results = Vec::new();
        for (image, p) in options.postprocess(logits, codes, &proposals, &self.image_sizes()).into_iter().enumerate() {
            let scores = ArrayD::from_shape_vec(IxDyn(&[p.scores.len()]), p.scores).expect("one axis");
            results.push(self.near(&format!("boxes{image}"), &p.boxes.into_dyn(), NEAR));
            results.push(self.near(&format!("scores{image}"), &scores, NEAR));
            results.push(self.same(&format!("labels{image}"), p.labels.into_iter().map(|l| l as i64).collect()));
        }
        Ok(results)
    }
}

/// A match as torchvision writes it.
fn number_of(m: Match) -> i64 {
    match m {
        Match::BelowLow => -1,
        Match::BetweenThresholds => -2,
        Match::Object(i) => i as i64,
    }
}

/// The label of an anchor, as torchvision writes it.
fn label_of(m: Match) -> i64 {
    match m {
        Match::BelowLow => 0,
        Match::BetweenThresholds => -1,
        Match::Object(_) => 1,
    }
}
