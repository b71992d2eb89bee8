//! COCO's twelve numbers, and their table.

use std::collections::BTreeMap;
use std::fmt;

/// COCO's twelve numbers, and the average precision of each category.
///
/// A number is -1 where there is nothing to be averaged: no object that counts. `ap`, `ap_small`, `ap_medium`, `ap_large` and all recalls are means over ten
/// thresholds of the overlap (0.5, 0.55, .., 0.95). An object is small if its area is at most 32², medium from there to 96², and large from there on.
/// Recalls by area, and all precisions, are those of the 100 detections with the largest scores in each image and category.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Average precision: the mean over categories, thresholds, and 101 values of the recall.
    pub ap: f64,
    /// Average precision at the threshold 0.5.
    pub ap50: f64,
    /// Average precision at the threshold 0.75.
    pub ap75: f64,
    /// Average precision for small objects.
    pub ap_small: f64,
    /// Average precision for objects of medium size.
    pub ap_medium: f64,
    /// Average precision for large objects.
    pub ap_large: f64,
    /// Average recall: the mean over categories and thresholds, with one detection for each image and category.
    pub ar1: f64,
    /// Average recall with 10 detections for each image and category.
    pub ar10: f64,
    /// Average recall with 100 detections for each image and category.
    pub ar100: f64,
    /// Average recall for small objects.
    pub ar_small: f64,
    /// Average recall for objects of medium size.
    pub ar_medium: f64,
    /// Average recall for large objects.
    pub ar_large: f64,
    /// Average precision of each label that occurred.
    pub by_category: BTreeMap<usize, f64>,
}

impl Summary {
    /// The twelve numbers by COCO's names, in COCO's order.
    pub fn numbers(&self) -> [(&'static str, f64); 12] {
        [
            ("AP", self.ap),
            ("AP50", self.ap50),
            ("AP75", self.ap75),
            ("AP_small", self.ap_small),
            ("AP_medium", self.ap_medium),
            ("AP_large", self.ap_large),
            ("AR1", self.ar1),
            ("AR10", self.ar10),
            ("AR100", self.ar100),
            ("AR_small", self.ar_small),
            ("AR_medium", self.ar_medium),
            ("AR_large", self.ar_large),
        ]
    }
}

/// A table: precision and recall, by overlap, number of detections and area. A dash stands where there is nothing to be averaged.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, cells: &[(&str, f64)]| {
            let cell = |&(what, x): &(&str, f64)| match x {
                -1.0 => format!("{what:>8}      -"),
                _ => format!("{what:>8} {x:.4}"),
            };
            writeln!(f, "{name:<18}{}", cells.iter().map(cell).collect::<String>())
        };
        line("average precision", &[("all", self.ap), ("IoU 0.5", self.ap50), ("0.75", self.ap75)])?;
        line("  by area", &[("small", self.ap_small), ("medium", self.ap_medium), ("large", self.ap_large)])?;
        line("average recall", &[("1", self.ar1), ("10", self.ar10), ("100", self.ar100)])?;
        line("  by area", &[("small", self.ar_small), ("medium", self.ar_medium), ("large", self.ar_large)])?;
        write!(f, "{:<18}", "  by label")?;
        for (label, ap) in &self.by_category {
            match ap {
                -1.0 => write!(f, "  {label}: -")?,
                _ => write!(f, "  {label}: {ap:.4}")?,
            }
        }
        Ok(())
    }
}
