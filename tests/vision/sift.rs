//! SIFT beside OpenCV, and SURF beside mahotas.

use super::format::{Arrays, json};
use super::suite::Part;
use ndarray::{Array2, ArrayView1};
use serde_json::Value;
use std::path::Path;
use wengert::vision::features::{Homography, Keypoint, MatchOptions, Sift, Surf, match_descriptors};

pub fn run(dir: &Path) -> Result<Part, String> {
    let (mut part, index) = (Part::default(), json(&dir.join("index.json"))?);
    let items = |name: &str| index[name].as_array().cloned().ok_or(format!("index.json: no list {name}"));
    for image in items("images")? {
        let name = image["image"].as_str().unwrap_or("?");
        let arrays = Arrays::read(&dir.join(image["file"].as_str().ok_or("index.json: an image without a file")?))?;
        let keypoints = Sift::new().detect(pixels(&arrays, "image")?.view());
        // OpenCV's default, on which the scores rest; its places lie 1/4 pixel too far right and down.
        let (near, count) = near(&keypoints, &arrays.with_axes("cv.keypoints")?);
        part.notes.push(format!("{name}: {} keypoints; {near} of OpenCV's {count} are among them", keypoints.len()));
        part.check(match near * 10 >= count * 9 {
            true => Ok(()),
            false => Err(format!("{name}: only {near} of OpenCV's {count} keypoints are found")),
        });
    }
    for pair in items("pairs")? {
        compare(&mut part, dir, &pair)?;
    }
    Ok(part)
}

fn pixels(arrays: &Arrays, name: &str) -> Result<Array2<u8>, String> {
    Ok(arrays.with_axes::<ndarray::Ix2>(name)?.mapv(|x| x as u8))
}

/// How many of OpenCV's keypoints (x, y, size, angle) have one of ours within a pixel, 10 degrees and a fifth of the size.
fn near(ours: &[Keypoint], theirs: &Array2<f64>) -> (usize, usize) {
    let fits = |k: &Keypoint, cv: ArrayView1<f64>| {
        let [x, y, size, angle] = [k.x, k.y, k.size, k.angle].map(f64::from);
        let turn = (angle - cv[3]).rem_euclid(360.0);
        (x - cv[0]).hypot(y - cv[1]) <= 1.0 && turn.min(360.0 - turn) <= 10.0 && (size / cv[2] - 1.0).abs() <= 0.2
    };
    (theirs.rows().into_iter().filter(|cv| ours.iter().any(|k| fits(k, *cv))).count(), theirs.nrows())
}

/// Matches, and how many of them are right.
#[derive(Clone, Copy)]
struct Score {
    matches: usize,
    correct: usize,
}

impl Score {
    fn share(self) -> f64 {
        if self.matches == 0 { 0.0 } else { self.correct as f64 / self.matches as f64 }
    }
    fn of(a: &(Vec<Keypoint>, Array2<f32>), b: &(Vec<Keypoint>, Array2<f32>), h: Homography) -> Score {
        let matches = match_descriptors(a.1.view(), b.1.view(), MatchOptions::default());
        let right = |first: usize, second: usize| {
            let (a, b) = (a.0[first], b.0[second]);
            let [x, y] = h.apply([a.x.into(), a.y.into()]);
            (x - f64::from(b.x)).hypot(y - f64::from(b.y)) <= 3.0
        };
        Score { matches: matches.len(), correct: matches.iter().filter(|m| right(m.first, m.second)).count() }
    }
    fn stored(value: &Value) -> Result<Score, String> {
        let number = |name: &str| value[name].as_u64().map(|n| n as usize).ok_or(format!("index.json: a score without {name}"));
        Ok(Score { matches: number("matches")?, correct: number("correct")? })
    }
}

fn compare(part: &mut Part, dir: &Path, pair: &Value) -> Result<(), String> {
    let arrays = Arrays::read(&dir.join(pair["file"].as_str().ok_or("index.json: a pair without a file")?))?;
    let (a, b) = (pixels(&arrays, "a")?, pixels(&arrays, "b")?);
    let h = arrays.f64("h")?.into_raw_vec_and_offset().0;
    let h = Homography(std::array::from_fn(|i| std::array::from_fn(|j| h[3 * i + j])));
    let [sift, surf] = [
        Score::of(&Sift::new().detect_and_compute(a.view()), &Sift::new().detect_and_compute(b.view()), h),
        Score::of(&Surf::new().detect_and_compute(a.view()), &Surf::new().detect_and_compute(b.view()), h),
    ];
    let name = format!("{} {}", pair["image"].as_str().unwrap_or("?"), pair["kind"].as_str().unwrap_or("?"));
    let said = |score: Score| format!("{}/{} = {:.3}", score.correct, score.matches, score.share());
    let mut note = format!("{name}: sift {}, surf {}", said(sift), said(surf));
    for column in ["opencv_sift", "opencv_sift_precise", "skimage_sift", "mahotas_surf"] {
        note += &format!(", {column} {}", said(Score::stored(&pair["scores"][column])?));
    }
    part.notes.push(note);
    let [opencv, mahotas] = [Score::stored(&pair["scores"]["opencv_sift"])?, Score::stored(&pair["scores"]["mahotas_surf"])?];
    let mut claim = |holds: bool, what: &str, ours: Score, theirs: Score| {
        part.check(if holds { Ok(()) } else { Err(format!("{name}: {what}: {} beside {}", said(ours), said(theirs))) });
    };
    claim(sift.correct as f64 >= 0.95 * opencv.correct as f64, "sift's correct matches", sift, opencv);
    claim(sift.share() >= opencv.share(), "sift's share", sift, opencv);
    claim(surf.correct > mahotas.correct, "surf's correct matches", surf, mahotas);
    claim(surf.share() >= mahotas.share(), "surf's share", surf, mahotas);
    if ["rotation", "scale"].contains(&pair["kind"].as_str().unwrap_or("")) {
        claim(surf.share() >= 0.9, "surf's share", surf, mahotas);
    }
    Ok(())
}
