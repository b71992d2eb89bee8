//! Which detection of an image finds which object.

/// The number of thresholds of the overlap: 0.5, 0.55, .., 0.95.
pub(super) const THRESHOLDS: usize = 10;

/// The thresholds as NumPy's `linspace(0.5, 0.95, 10)` rounds them: boxes on whole pixels often overlap by just such a share.
pub(super) fn thresholds() -> [f64; THRESHOLDS] {
    let step = (0.95 - 0.5) / (THRESHOLDS - 1) as f64;
    std::array::from_fn(|i| if i == THRESHOLDS - 1 { 0.95 } else { i as f64 * step + 0.5 })
}

/// An object of one category.
#[derive(Clone, Copy, Debug)]
pub(super) struct Object {
    pub bbox: [f64; 4],
    pub area: f64,
    pub crowd: bool,
}

/// A detection of one category.
#[derive(Clone, Copy, Debug)]
pub(super) struct Detection {
    pub bbox: [f64; 4],
    pub score: f64,
}

/// What a detection counts as, at one threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Verdict {
    /// It found an object.
    Right,
    /// It found none, or one that another detection had found.
    Wrong,
    /// It found an object that does not count, or it found none and its own area does not count.
    Ignored,
}

/// The objects and the detections of one category in one image, with their overlaps.
#[derive(Debug)]
pub(super) struct Pair<'a> {
    objects: &'a [Object],
    detections: &'a [Detection],
    /// A row for each detection, a column for each object.
    overlaps: Vec<f64>,
}

impl<'a> Pair<'a> {
    /// The detections are in the order of their scores, largest first.
    pub fn new(objects: &'a [Object], detections: &'a [Detection]) -> Pair<'a> {
        let overlaps = detections.iter().flat_map(|d| objects.iter().map(move |o| overlap(d.bbox, o))).collect();
        Pair { objects, detections, overlaps }
    }

    /// The number of objects that count: those with an area in this range which are no crowd.
    pub fn objects(&self, areas: [f64; 2]) -> usize {
        self.objects.iter().filter(|o| counts(o, areas)).count()
    }

    /// The verdict on each detection at each threshold. In the order of their scores, each takes the object that it overlaps most and that
    /// no other took, if the overlap is at least the threshold. Objects that count come first; crowds can be taken by many.
    pub fn verdicts(&self, areas: [f64; 2]) -> Vec<[Verdict; THRESHOLDS]> {
        let (counting, others): (Vec<usize>, Vec<usize>) = (0..self.objects.len()).partition(|&o| counts(&self.objects[o], areas));
        let mut verdicts = vec![[Verdict::Wrong; THRESHOLDS]; self.detections.len()];
        for (t, threshold) in thresholds().into_iter().enumerate() {
            let mut taken = vec![false; self.objects.len()];
            for (d, detection) in self.detections.iter().enumerate() {
                let overlaps = &self.overlaps[d * self.objects.len()..][..self.objects.len()];
                let best = |among: &[usize]| {
                    let free = among.iter().copied().filter(|&o| !taken[o] || self.objects[o].crowd);
                    // The last one of equal overlaps.
                    free.filter(|&o| overlaps[o] >= threshold).max_by(|&a, &b| overlaps[a].total_cmp(&overlaps[b]))
                };
                verdicts[d][t] = if let Some(o) = best(&counting) {
                    taken[o] = true;
                    Verdict::Right
                } else if let Some(o) = best(&others) {
                    taken[o] = true;
                    Verdict::Ignored
                } else if within(detection.bbox[2] * detection.bbox[3], areas) {
                    Verdict::Wrong
                } else {
                    Verdict::Ignored
                };
            }
        }
        verdicts
    }
}

/// Both ends belong to a range.
fn within(area: f64, [least, most]: [f64; 2]) -> bool {
    least <= area && area <= most
}

fn counts(object: &Object, areas: [f64; 2]) -> bool {
    !object.crowd && within(object.area, areas)
}

/// Intersection over union; over the area of the detection alone if the object is a crowd.
fn overlap([x, y, w, h]: [f64; 4], object: &Object) -> f64 {
    let [ox, oy, ow, oh] = object.bbox;
    let width = (x + w).min(ox + ow) - x.max(ox);
    let height = (y + h).min(oy + oh) - y.max(oy);
    if width <= 0.0 || height <= 0.0 {
        return 0.0;
    }
    let common = width * height;
    common / if object.crowd { w * h } else { w * h + ow * oh - common }
}
