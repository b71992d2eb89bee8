//! COCO's measure on small examples and at its edges, and its files with what is wrong with them. `tests/vision/map.rs` has the numbers of pycocotools.

use crate::kit::helpers::{Directory, refusal};
use wengert::ndarray::{Array2, array};
use wengert::vision::coco::{Detections, ImageDetection, Instances, MeanAveragePrecision, Objects, Summary, from_corners, write_results};

const A: [f64; 4] = [10.0, 10.0, 50.0, 50.0];
const B: [f64; 4] = [200.0, 10.0, 50.0, 50.0];
const NOWHERE: [f64; 4] = [400.0, 400.0, 20.0, 20.0];

fn found(boxes: &[[f64; 4]], scores: &[f64]) -> Detections {
    Detections { boxes: boxes.to_vec(), scores: scores.to_vec(), labels: vec![1; boxes.len()] }
}
fn objects(boxes: &[[f64; 4]]) -> Objects {
    Objects { boxes: boxes.to_vec(), labels: vec![1; boxes.len()], ..Objects::default() }
}
fn summary(images: &[(Detections, Objects)]) -> Summary {
    let mut map = MeanAveragePrecision::new();
    images.iter().for_each(|(d, o)| map.update(d, o));
    assert_eq!(map.images(), images.len());
    map.compute()
}
fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-12
}

#[test]
fn nothing_is_averaged_without_objects() {
    for images in [vec![], vec![(Detections::default(), Objects::default())], vec![(found(&[A], &[0.9]), Objects::default())]] {
        assert!(summary(&images).numbers().iter().all(|(_, x)| *x == -1.0));
    }
    let s = summary(&[(Detections::default(), objects(&[A]))]);
    assert_eq!((s.ap, s.ar100, s.ap_small, s.ap_medium, s.by_category[&1]), (0.0, 0.0, -1.0, 0.0, 0.0));
}
#[test]
fn precision_over_recall() {
    // Right, wrong, right: precisions 1 and 2/3 at recalls 1/2 and 1, so 51 times 1 and 50 times 2/3.
    let s = summary(&[(found(&[A, NOWHERE, B], &[0.9, 0.8, 0.7]), objects(&[A, B]))]);
    assert!(near(s.ap, (51.0 + 50.0 * 2.0 / 3.0) / 101.0), "{s}");
    assert_eq!((s.ar1, s.ar10), (0.5, 1.0));
    // The second detection of an object that was found is a false alarm.
    let s = summary(&[(found(&[A, A, B], &[0.9, 0.8, 0.7]), objects(&[A, B]))]);
    assert!(near(s.ap, (51.0 + 50.0 * 2.0 / 3.0) / 101.0), "{s}");
}
#[test]
fn only_the_order_of_scores_counts() {
    let boxes = [NOWHERE, A, B];
    let a = summary(&[(found(&boxes, &[1.0, 2.0, 0.0]), objects(&[A, B]))]);
    let b = summary(&[(found(&boxes, &[-5.0, 1e300, -1e300]), objects(&[A, B]))]);
    assert_eq!(a, b);
    // Equal scores stay in the order of the images: a false alarm comes first, or last.
    let (right, wrong) = ((found(&[A], &[0.5]), objects(&[A])), (found(&[A], &[0.5]), Objects::default()));
    assert!(near(summary(&[right.clone(), wrong.clone()]).ap, 1.0));
    assert!(near(summary(&[wrong, right]).ap, 0.5));
}
#[test]
fn crowds_and_areas_do_not_count() {
    // Both detections lie in the crowd, and are neither right nor wrong.
    let crowd = Objects { crowd: vec![false, true], ..objects(&[A, [150.0, 0.0, 200.0, 200.0]]) };
    let s = summary(&[(found(&[B, [260.0, 60.0, 30.0, 30.0], A], &[0.9, 0.8, 0.7]), crowd)]);
    assert!(near(s.ap, 1.0), "{s}");
    // A small outline in a box of medium size.
    let small = Objects { areas: vec![900.0], ..objects(&[A]) };
    let s = summary(&[(found(&[A], &[0.9]), small)]);
    assert!(near(s.ap_small, 1.0) && s.ap_medium == -1.0, "{s}");
}
#[test]
fn a_hundred_detections_count() {
    let mut boxes = vec![NOWHERE; 100];
    boxes.push(A);
    let scores: Vec<f64> = (0..101).map(|i| 1.0 - i as f64 / 200.0).collect();
    assert_eq!(summary(&[(found(&boxes, &scores), objects(&[A]))]).ap, 0.0);
    boxes.swap_remove(0); // now A is the first
    let s = summary(&[(found(&boxes, &scores[1..]), objects(&[A]))]);
    assert!(near(s.ap, 1.0) && s.ar1 == 1.0, "{s}");
}
#[test]
fn boxes_without_area_overlap_nothing() {
    let flat = [10.0, 10.0, 0.0, 50.0];
    let s = summary(&[(found(&[flat, [1e308, 1e308, 1e308, 1e308]], &[0.9, 0.8]), objects(&[flat]))]);
    assert_eq!((s.ap, s.ap_small), (0.0, 0.0));
}
#[test]
fn corners() {
    assert_eq!(from_corners(array![[1.0f32, 2.0, 4.5, 2.0]].view()), [[1.0, 2.0, 3.5, 0.0]]);
    assert!(from_corners(Array2::<f64>::zeros((0, 4)).view()).is_empty());
}
#[test]
fn what_is_refused_is_not_added() {
    let nan = f64::NAN;
    let mut map = MeanAveragePrecision::new();
    map.update(&Detections::default(), &objects(&[A]));
    let none = Detections::default();
    for (detections, objects, message) in [
        (found(&[A], &[]), objects(&[]), "Detections: image 1 has 1 boxes, 0 scores and 1 labels"),
        (found(&[A], &[nan]), objects(&[]), "MeanAveragePrecision: score 0 of image 1 is NaN"),
        (found(&[A], &[f64::INFINITY]), objects(&[]), "MeanAveragePrecision: score 0 of image 1 is inf"),
        (
            found(&[A, [0.0, 0.0, nan, 1.0]], &[1.0, 1.0]),
            objects(&[]),
            "MeanAveragePrecision: detected box 1 of image 1 is [0.0, 0.0, NaN, 1.0]",
        ),
        (none.clone(), objects(&[[5.0, 5.0, -1.0, 2.0]]), "MeanAveragePrecision: object's box 0 of image 1 is [5.0, 5.0, -1.0, 2.0]"),
        (none.clone(), Objects { areas: vec![-1.0], ..objects(&[A]) }, "MeanAveragePrecision: area 0 of image 1 is -1"),
        (
            none,
            Objects { crowd: vec![true, true], ..objects(&[A]) },
            "Objects: image 1 has 1 boxes, 1 labels, 0 areas and 2 marks of crowds",
        ),
    ] {
        let text = refusal(|| map.update(&detections, &objects));
        assert!(text.starts_with(message) && text.contains("kit/vision/coco.rs:") && text.contains("hint: "), "{text}");
    }
    assert_eq!((map.images(), map.compute().ap), (1, 0.0));
    map.reset();
    assert_eq!((map.images(), map.compute().ap), (0, -1.0));
}
#[test]
fn a_table() {
    let mut d = found(&[A, NOWHERE, B], &[0.9, 0.8, 0.7]);
    d.labels[2] = 4;
    let table = "\
average precision      all 1.0000 IoU 0.5 1.0000    0.75 1.0000
  by area            small      -  medium 1.0000   large      -
average recall           1 1.0000      10 1.0000     100 1.0000
  by area            small      -  medium 1.0000   large      -
  by label          1: 1.0000  4: -";
    assert_eq!(summary(&[(d, objects(&[A]))]).to_string(), table);
}

const FILE: &str = r#"{
  "info": {"year": 2026}, "licenses": [],
  "images": [{"id": 20, "file_name": "b.png", "width": 300, "height": 200, "license": 1}, {"id": 3, "file_name": "a.png", "width": 300, "height": 200}],
  "categories": [{"id": 1, "name": "cat", "supercategory": "animal"}, {"id": 90, "name": "brush"}],
  "annotations": [
    {"id": 0, "image_id": 20, "category_id": 1, "bbox": [10, 10, 50, 50], "area": 900.5, "iscrowd": 0, "segmentation": [[10, 10, 60, 10, 60, 60]]},
    {"id": 7, "image_id": 20, "category_id": 1, "bbox": [100, 0, 150.5, 100], "area": 15050, "iscrowd": 1, "segmentation": {"counts": [1, 2], "size": [200, 300]}},
    {"id": 8, "image_id": 3, "category_id": 1, "bbox": [0, 0, 40, 40]}]}"#;

#[test]
fn a_file_of_annotations() {
    let dir = Directory::new("coco-files");
    let path = dir.file("instances.json");
    std::fs::write(&path, FILE).unwrap();
    let instances = Instances::read(&path).unwrap();
    assert_eq!((instances.images[0].file_name.as_str(), instances.images[0].width, instances.images[1].id), ("b.png", 300, 3));
    assert_eq!((instances.categories[1].id, instances.categories[1].name.as_str()), (90, "brush"));
    assert_eq!((instances.annotations[1].iscrowd, instances.annotations[1].bbox), (true, [100.0, 0.0, 150.5, 100.0]));
    assert_eq!(instances.annotations[2].area, None);
    let objects = instances.objects();
    assert_eq!((&objects[&20].areas[..], &objects[&20].crowd[..]), (&[900.5, 15050.0][..], &[false, true][..]));
    assert_eq!((&objects[&3].areas[..], objects.len()), (&[1600.0][..], 2));

    // Detections of both images: written, read and measured.
    let in_b = Detections { boxes: vec![A, [110.0, 10.0, 20.0, 20.0]], scores: vec![0.75, 0.9], labels: vec![1, 1] };
    let in_a = Detections { boxes: vec![[0.0, 0.0, 40.0, 36.0]], scores: vec![0.1 + 0.2], labels: vec![1] };
    let all = [in_b.of_image(20), in_a.of_image(3)].concat();
    let results = dir.file("results.json");
    write_results(&results, &all).unwrap();
    assert_eq!(instances.read_results(&results).unwrap(), all);
    let summary = instances.evaluate(&all).unwrap();
    assert!(near(summary.ap50, 1.0) && near(summary.ap, (9.0 + 51.0 / 101.0) / 10.0), "{summary}"); // 36/40 = 0.9 is below 0.95
    assert_eq!((summary.by_category[&1], summary.by_category[&90]), (summary.ap, -1.0));
}
#[test]
fn files_say_what_is_wrong() {
    let dir = Directory::new("coco-wrong");
    let path = dir.file("instances.json");
    let changed = |from: &str, to: &str| {
        assert!(FILE.contains(from), "{from}");
        std::fs::write(&path, FILE.replacen(from, to, 1)).unwrap();
        Instances::read(&path).unwrap_err().to_string()
    };
    for (from, to, message) in [
        (r#""id": 7, "image_id""#, r#""image_id""#, "missing field `id` at line 7 column "),
        (r#""id": 7, "image_id""#, r#""id": 8, "image_id""#, "annotations[2].id is 8, which another entry has too"),
        (r#""id": 3,"#, r#""id": 20,"#, "images[1].id is 20, which another entry has too"),
        (r#""id": 90"#, r#""id": 1"#, "categories[1].id is 1, which another entry has too"),
        (r#""image_id": 3"#, r#""image_id": 4"#, "annotations[2].image_id is 4, which is no image's id"),
        (r#""category_id": 1"#, r#""category_id": 2"#, "annotations[0].category_id is 2, which is no category's id"),
        ("[10, 10, 50, 50]", "[10, 10, -50, 50]", "annotations[0].bbox is [10.0, 10.0, -50.0, 50.0], whose width or height is negative"),
        ("[10, 10, 50, 50]", "[10, 10, 50]", "invalid length 3, expected an array of length 4 at line 6"),
        ("[10, 10, 50, 50]", "[10, 10, 50, NaN]", "expected value at line 6"),
        ("[10, 10, 50, 50]", "[10, 10, 50, 1e999]", "number out of range at line 6"),
        (r#""area": 900.5"#, r#""area": -1"#, "annotations[0].area is -1.0, which is negative"),
        (r#""iscrowd": 1"#, r#""iscrowd": 2"#, "iscrowd is 2, which is not 0 or 1 at line 7"),
        (r#""width": 300"#, r#""width": -300"#, "invalid value: integer `-300`, expected usize at line 3"),
        (r#""categories""#, r#""classes""#, "missing field `categories`"),
        ("40, 40]}]}", "40, 40]}", "EOF while parsing"),
    ] {
        let text = changed(from, to);
        assert!(text.contains("instances.json") && text.contains(message), "{text}\n  in place of {message}");
    }
    let missing = Instances::read(dir.file("none.json")).unwrap_err().to_string();
    assert!(missing.starts_with("cannot read ") && missing.contains("none.json"), "{missing}");
}
#[test]
fn results_say_what_is_wrong() {
    let instances = Instances::parse(FILE).unwrap();
    let dir = Directory::new("coco-results");
    let path = dir.file("results.json");
    let good = ImageDetection { image_id: 3, category_id: 1, bbox: A, score: 0.5 };
    for (bad, message) in [
        (ImageDetection { image_id: 4, ..good.clone() }, "detections[1].image_id is 4, which is no image's id"),
        (ImageDetection { category_id: 2, ..good.clone() }, "detections[1].category_id is 2, which is no category's id"),
        (ImageDetection { score: f64::NAN, ..good.clone() }, "detections[1].score is NaN, which is not finite"),
        (
            ImageDetection { bbox: [0.0, f64::INFINITY, 1.0, 1.0], ..good.clone() },
            "detections[1].bbox is [0.0, inf, 1.0, 1.0], which is not finite",
        ),
    ] {
        let text = instances.evaluate(&[good.clone(), bad.clone()]).unwrap_err().to_string();
        assert!(text.contains(message), "{text}");
        match write_results(&path, &[good.clone(), bad]) {
            Ok(()) => assert!(instances.read_results(&path).unwrap_err().to_string().contains(message)),
            Err(e) => assert!(e.to_string().contains("results.json") && e.to_string().contains(message), "{e}"),
        }
    }
}
