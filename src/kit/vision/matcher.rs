//! Which object does an anchor or a proposal belong to?

use crate::refusal::require;
use crate::{Scalar, Source};

/// What an anchor or a proposal is matched with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Match {
    /// With no object: it is background. (Torchvision's -1.)
    BelowLow,
    /// Neither with an object, nor clearly with none: it is left out of the training. (Torchvision's -2.)
    BetweenThresholds,
    /// With the object of this number.
    Object(usize),
}

impl Match {
    /// The object's number, if there is one.
    pub fn object(self) -> Option<usize> {
        if let Match::Object(i) = self { Some(i) } else { None }
    }
}

/// Matches each anchor or proposal with the object that it overlaps most. Torchvision's `Matcher`.
///
/// ```
/// use wengert::vision::{Match, Matcher};
/// // The IoU of two objects (rows) with four anchors.
/// let iou = [[0.9, 0.35, 0.1, 0.0], [0.0, 0.2, 0.2, 0.0]];
/// let matcher = Matcher { high: 0.7, low: 0.3, allow_low_quality_matches: false };
/// assert_eq!(matcher.matches(iou), [Match::Object(0), Match::BetweenThresholds, Match::BelowLow, Match::BelowLow]);
/// // The second object's best anchors overlap it by 0.2 only. They are matched with the object that they overlap most.
/// let matcher = Matcher { allow_low_quality_matches: true, ..matcher };
/// assert_eq!(matcher.matches(iou), [Match::Object(0), Match::Object(0), Match::Object(1), Match::BelowLow]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Matcher {
    /// From this IoU on it is a match.
    pub high: f64,
    /// Below this IoU it is background.
    pub low: f64,
    /// If true, the anchors that overlap some object most (all of several equal ones) are matched too, however low their IoU is, with the object that they
    /// themselves overlap most. (That may be another one, so an object may still be without an anchor.)
    pub allow_low_quality_matches: bool,
}

impl Matcher {
    /// The matches of anchors, from the IoU of objects and anchors `[objects, anchors]`. Of several objects with the same IoU the first counts. Without
    /// objects all anchors are background. An object that no anchor overlaps at all gets none. (In torchvision all
    /// anchors are matched then, each with the object that it overlaps most.) A NaN, as of two empty boxes, counts as 0.
    ///
    /// # Panics
    /// If it is not such a matrix, or `low` is above `high`.
    #[track_caller]
    pub fn matches<T: Scalar>(&self, iou: impl Source<T>) -> Vec<Match> {
        require(self.low <= self.high, || format!("Matcher: low is {}, above high, {}", self.low, self.high), "0.3 and 0.7 are usual");
        let (shape, iou) = iou.visit(|shape, iou| (shape.to_vec(), iou.to_vec()));
        let message = || format!("Matcher: the IoU has a shape [objects, anchors], not {shape:?}");
        require(shape.len() == 2, message, "without objects it is [0, anchors]");
        let (anchors, low, high) = (shape[1], T::from_f64(self.low), T::from_f64(self.high));
        // The best object of each anchor.
        let mut best = vec![(T::ZERO, 0); anchors];
        for (object, row) in iou.chunks_exact(anchors.max(1)).enumerate() {
            for (best, &iou) in best.iter_mut().zip(row) {
                if iou > best.0 {
                    *best = (iou, object);
                }
            }
        }
        let match_of = |&(iou, object): &(T, usize)| match () {
            _ if shape[0] == 0 || iou < low => Match::BelowLow,
            _ if iou < high => Match::BetweenThresholds,
            _ => Match::Object(object),
        };
        let mut matches: Vec<Match> = best.iter().map(match_of).collect();
        if self.allow_low_quality_matches {
            for row in iou.chunks_exact(anchors.max(1)) {
                let most = row.iter().fold(T::ZERO, |most, &iou| if iou > most { iou } else { most });
                for (i, _) in row.iter().enumerate().filter(|(_, iou)| most > T::ZERO && **iou == most) {
                    matches[i] = Match::Object(best[i].1);
                }
            }
        }
        matches
    }
}
