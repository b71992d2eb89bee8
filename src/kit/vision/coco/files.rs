//! COCO's files: annotations of images (`instances_*.json`), and lists of what a detector found.

use super::{Detections, MeanAveragePrecision, Objects, Summary};
use crate::io::{IoError, write_atomic};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};

/// An image of a data set.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
pub struct Image {
    /// Its number.
    pub id: u64,
    /// The name of its file; empty if the data set does not say.
    #[serde(default)]
    pub file_name: String,
    /// Its width in pixels; 0 if the data set does not say.
    #[serde(default)]
    pub width: usize,
    /// Its height in pixels; 0 if the data set does not say.
    #[serde(default)]
    pub height: usize,
}

/// A category of objects.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
pub struct Category {
    /// Its number. COCO's 80 categories have numbers up to 90.
    pub id: usize,
    /// Its name; empty if the data set does not say.
    #[serde(default)]
    pub name: String,
}

/// An object in an image.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
pub struct Annotation {
    /// Its number.
    pub id: u64,
    /// The image.
    pub image_id: u64,
    /// The category.
    pub category_id: usize,
    /// `[x, y, width, height]`, in pixels.
    pub bbox: [f64; 4],
    /// The area of its outline; `None` if the data set does not say.
    pub area: Option<f64>,
    /// Whether the box holds a crowd that nobody counted.
    #[serde(default, deserialize_with = "flag")]
    pub iscrowd: bool,
}

/// A detection, with the number of its image: an entry of a result file.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct ImageDetection {
    /// The image.
    pub image_id: u64,
    /// The category.
    pub category_id: usize,
    /// `[x, y, width, height]`, in pixels.
    pub bbox: [f64; 4],
    /// The larger, the surer.
    pub score: f64,
}

/// The annotations of a data set: COCO's `instances_*.json`. Outlines, licences and other entries are not kept.
///
/// ```
/// use wengert::vision::coco::Instances;
/// let instances = Instances::parse(
///     r#"{"images": [{"id": 7, "file_name": "7.jpg", "width": 64, "height": 48}],
///         "categories": [{"id": 3, "name": "car"}],
///         "annotations": [{"id": 1, "image_id": 7, "category_id": 3, "bbox": [10, 10, 20, 15], "area": 300, "iscrowd": 0}]}"#,
/// )?;
/// let objects = &instances.objects()[&7];
/// assert_eq!((&objects.boxes[..], &objects.labels[..]), (&[[10.0, 10.0, 20.0, 15.0]][..], &[3][..]));
/// # Ok::<(), wengert::vision::coco::CocoError>(())
/// ```
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
pub struct Instances {
    /// The images.
    pub images: Vec<Image>,
    /// The categories.
    pub categories: Vec<Category>,
    /// The objects in all images; none in a file that lacks them, as COCO's lists of test images do.
    #[serde(default)]
    pub annotations: Vec<Annotation>,
}

/// Why a file of COCO's form was not read, written or used.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum CocoError {
    /// The system refused to read or write the file.
    #[error(transparent)]
    Io(#[from] IoError),
    /// It is not JSON, or a field is missing or has another type.
    #[error("cannot use {}: {source}", place(path))]
    Json {
        /// The file; `None` for a text in memory.
        path: Option<PathBuf>,
        /// What is wrong, and where.
        source: serde_json::Error,
    },
    /// A field has a value that is impossible.
    #[error("cannot use {}: {list}[{index}].{field} is {value}, {problem}", place(path))]
    Field {
        /// The file; `None` for what is in memory.
        path: Option<PathBuf>,
        /// The list with the entry: `images`, `categories`, `annotations` or `detections`.
        list: &'static str,
        /// The place of the entry in the list.
        index: usize,
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// The same text as `Display`, since `unwrap` and a `main` that returns an error show `Debug`.
impl fmt::Debug for CocoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl CocoError {
    /// The same error, of this file.
    fn of_file(self, file: &Path) -> CocoError {
        let path = Some(file.to_owned());
        match self {
            CocoError::Io(source) => CocoError::Io(source),
            CocoError::Json { source, .. } => CocoError::Json { path, source },
            CocoError::Field { list, index, field, value, problem, .. } => CocoError::Field { path, list, index, field, value, problem },
        }
    }
}

fn place(path: &Option<PathBuf>) -> String {
    path.as_ref().map_or("COCO's lists".into(), |p| p.display().to_string())
}

/// 0 or 1, or a boolean.
fn flag<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    use serde::de::Error;
    match serde_json::Value::deserialize(from)? {
        serde_json::Value::Bool(b) => Ok(b),
        serde_json::Value::Number(n) if n.as_u64().is_some_and(|n| n < 2) => Ok(n.as_u64() == Some(1)),
        other => Err(D::Error::custom(format!("iscrowd is {other}, which is not 0 or 1"))),
    }
}

/// An entry of a list.
#[derive(Clone, Copy)]
struct Entry {
    list: &'static str,
    index: usize,
}

impl Entry {
    /// An error unless the value of the field is possible.
    fn require(self, possible: bool, field: &'static str, value: impl fmt::Debug, problem: &'static str) -> Result<(), CocoError> {
        if possible {
            return Ok(());
        }
        Err(CocoError::Field { path: None, list: self.list, index: self.index, field, value: format!("{value:?}"), problem })
    }

    fn check_box(self, bbox: [f64; 4]) -> Result<(), CocoError> {
        self.require(bbox.iter().all(|x| x.is_finite()), "bbox", bbox, "which is not finite")?;
        self.require(bbox[2] >= 0.0 && bbox[3] >= 0.0, "bbox", bbox, "whose width or height is negative: it is x, y, width, height")
    }
}

impl Instances {
    /// Reads a file of annotations.
    ///
    /// # Errors
    /// If it cannot be read, is not JSON of this form, has an id twice, names an image or category that it does not have, or a width, height or area
    /// is negative.
    pub fn read(path: impl AsRef<Path>) -> Result<Instances, CocoError> {
        let path = path.as_ref();
        Instances::parse(&read(path)?).map_err(|e| e.of_file(path))
    }

    /// The annotations in a text, as [`read`](Instances::read) takes them from a file.
    ///
    /// # Errors
    /// Those of [`read`](Instances::read).
    pub fn parse(text: impl AsRef<[u8]>) -> Result<Instances, CocoError> {
        let instances: Instances = parse(text.as_ref())?;
        instances.check()?;
        Ok(instances)
    }

    /// An error if an id occurs twice, an annotation names an image or category that is not there, or a width, height or area is negative or not
    /// finite. Files are checked when they are read; this is for lists that a program has made.
    ///
    /// # Errors
    /// The first of these errors.
    pub fn check(&self) -> Result<(), CocoError> {
        let images = unique("images", self.images.iter().map(|i| i.id))?;
        let categories = unique("categories", self.categories.iter().map(|c| c.id))?;
        unique("annotations", self.annotations.iter().map(|a| a.id))?;
        for (index, a) in self.annotations.iter().enumerate() {
            let entry = Entry { list: "annotations", index };
            entry.require(images.contains(&a.image_id), "image_id", a.image_id, "which is no image's id")?;
            entry.require(categories.contains(&a.category_id), "category_id", a.category_id, "which is no category's id")?;
            entry.check_box(a.bbox)?;
            if let Some(area) = a.area {
                entry.require(area.is_finite() && area >= 0.0, "area", area, "which is negative or not finite")?;
            }
        }
        Ok(())
    }

    /// The objects of each image, by the image's id; also for images without any.
    pub fn objects(&self) -> BTreeMap<u64, Objects> {
        let mut objects: BTreeMap<u64, Objects> = self.images.iter().map(|i| (i.id, Objects::default())).collect();
        for a in &self.annotations {
            let o = objects.entry(a.image_id).or_default();
            o.boxes.push(a.bbox);
            o.labels.push(a.category_id);
            o.areas.push(a.area.unwrap_or(a.bbox[2] * a.bbox[3]));
            o.crowd.push(a.iscrowd);
        }
        objects
    }

    /// COCO's measure of these detections, over all images in the order of their ids. Categories without objects are in it too, with -1.
    ///
    /// # Errors
    /// If a detection names an image or category that is not there, its score is not finite, or its box is impossible; or those of
    /// [`check`](Instances::check).
    pub fn evaluate(&self, detections: &[ImageDetection]) -> Result<Summary, CocoError> {
        self.check()?;
        self.check_detections(detections)?;
        let mut found: BTreeMap<u64, Detections> = BTreeMap::new();
        for d in detections {
            let of_image = found.entry(d.image_id).or_default();
            of_image.boxes.push(d.bbox);
            of_image.scores.push(d.score);
            of_image.labels.push(d.category_id);
        }
        let mut map = MeanAveragePrecision::new();
        for (id, objects) in self.objects() {
            map.update(&found.remove(&id).unwrap_or_default(), &objects);
        }
        let mut summary = map.compute();
        for c in &self.categories {
            summary.by_category.entry(c.id).or_insert(-1.0);
        }
        Ok(summary)
    }

    /// Reads a result file: a list of detections in these images.
    ///
    /// # Errors
    /// If it cannot be read, is not JSON of this form, or holds an image or category that is not one of these, or a score or box that is impossible.
    pub fn read_results(&self, path: impl AsRef<Path>) -> Result<Vec<ImageDetection>, CocoError> {
        let path = path.as_ref();
        let detections: Vec<ImageDetection> = parse(&read(path)?).map_err(|e| e.of_file(path))?;
        self.check_detections(&detections).map_err(|e| e.of_file(path))?;
        Ok(detections)
    }

    fn check_detections(&self, detections: &[ImageDetection]) -> Result<(), CocoError> {
        let images: HashSet<u64> = self.images.iter().map(|i| i.id).collect();
        let categories: HashSet<usize> = self.categories.iter().map(|c| c.id).collect();
        for (index, d) in detections.iter().enumerate() {
            let entry = Entry { list: "detections", index };
            entry.require(images.contains(&d.image_id), "image_id", d.image_id, "which is no image's id")?;
            entry.require(categories.contains(&d.category_id), "category_id", d.category_id, "which is no category's id")?;
        }
        check_values(detections)
    }
}

impl Detections {
    /// The same detections as entries of a result file.
    ///
    /// # Panics
    /// If there are not as many scores and labels as boxes.
    #[track_caller]
    pub fn of_image(&self, image_id: u64) -> Vec<ImageDetection> {
        self.check_lengths(&format!("image {image_id}"));
        let entry = |i: usize| ImageDetection { image_id, category_id: self.labels[i], bbox: self.boxes[i], score: self.scores[i] };
        (0..self.boxes.len()).map(entry).collect()
    }
}

/// Writes a result file, which COCO's own programs read too. The file is written atomically.
///
/// # Errors
/// If a score or box is impossible (nothing is written then), or the system refuses.
pub fn write_results(path: impl AsRef<Path>, detections: &[ImageDetection]) -> Result<(), CocoError> {
    let path = path.as_ref();
    check_values(detections).map_err(|e| e.of_file(path))?;
    let text = serde_json::to_vec(detections).map_err(|source| CocoError::Json { path: Some(path.to_owned()), source })?;
    Ok(write_atomic(path, &text)?)
}

fn check_values(detections: &[ImageDetection]) -> Result<(), CocoError> {
    for (index, d) in detections.iter().enumerate() {
        let entry = Entry { list: "detections", index };
        entry.check_box(d.bbox)?;
        entry.require(d.score.is_finite(), "score", d.score, "which is not finite")?;
    }
    Ok(())
}

/// The ids of a list, which may occur only once.
fn unique<I: Copy + Eq + std::hash::Hash + fmt::Debug>(list: &'static str, ids: impl Iterator<Item = I>) -> Result<HashSet<I>, CocoError> {
    let mut seen = HashSet::new();
    for (index, id) in ids.enumerate() {
        Entry { list, index }.require(seen.insert(id), "id", id, "which another entry has too")?;
    }
    Ok(seen)
}

fn read(path: &Path) -> Result<Vec<u8>, CocoError> {
    Ok(std::fs::read(path).map_err(|source| IoError::Read { path: path.to_owned(), source })?)
}

fn parse<X: serde::de::DeserializeOwned>(text: &[u8]) -> Result<X, CocoError> {
    serde_json::from_slice(text).map_err(|source| CocoError::Json { path: None, source })
}
