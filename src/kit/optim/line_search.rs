//! A line search for the strong Wolfe conditions, step by step that of `torch.optim.LBFGS`. It differs in one point: where loss or slope
//! are not finite, the way is blocked, and the search goes back.
//!
//! Source: J. Nocedal, S. J. Wright, "Numerical optimization" (2006), algorithms 3.5 and 3.6.

/// The loss must fall by at least this share of what the slope promises (Armijo's condition).
const FALL: f64 = 1e-4;
/// The slope must fall to at most this share of the initial one (the curvature condition).
const FLATTER: f64 = 0.9;

/// A place on the line: the distance, the loss there, the gradient, and the slope along the line.
#[derive(Clone)]
pub(super) struct Place {
    pub t: f64,
    pub loss: f64,
    pub grad: Vec<f64>,
    pub slope: f64,
}

/// Goes from `start` (at t = 0) to a place that fulfils both conditions, or to the best one that at most `most` further steps find. `first`
/// is tried first; `reach` is the largest element of the direction. Also returns the number of calls of `evaluate`.
pub(super) fn strong_wolfe(
    mut evaluate: impl FnMut(f64) -> Place,
    start: Place,
    first: f64,
    reach: f64,
    tolerance_change: f64,
    most: usize,
) -> (Place, usize) {
    let (start_loss, start_slope) = (start.loss, start.slope);
    let mut evaluate = |t| {
        let place = evaluate(t);
        let blocked = !(place.loss.is_finite() && place.slope.is_finite() && place.grad.iter().all(|g| g.is_finite()));
        // Higher than everything else, so that no comparison accepts it.
        if blocked { Place { loss: f64::INFINITY, slope: f64::INFINITY, ..place } } else { place }
    };
    let too_high = |p: &Place| p.loss > start_loss + FALL * p.t * start_slope;
    let flat = |p: &Place| p.slope.abs() <= -FLATTER * start_slope;
    let mut place = evaluate(first);
    let (mut steps, mut evaluations) = (0, 1);

    // Extend the step until two places enclose an acceptable one.
    let mut previous = start.clone();
    let mut bracket = loop {
        if steps == most {
            break [start, place]; // PyTorch's choice too
        }
        if too_high(&place) || (steps > 1 && place.loss >= previous.loss) {
            break [previous, place];
        }
        if flat(&place) {
            return (place, evaluations);
        }
        if place.slope >= 0.0 {
            break [previous, place];
        }
        let bounds = (place.t + 0.01 * (place.t - previous.t), place.t * 10.0);
        let next = evaluate(cubic_minimum(&previous, &place, bounds));
        previous = std::mem::replace(&mut place, next);
        (steps, evaluations) = (steps + 1, evaluations + 1);
    };

    // Shrink the bracket around it.
    let lower_of = |b: &[Place; 2]| if b[0].loss <= b[1].loss { 0 } else { 1 };
    let mut low = lower_of(&bracket);
    let mut slow = false;
    while steps < most {
        let (from, to) = (bracket[0].t.min(bracket[1].t), bracket[0].t.max(bracket[1].t));
        if (to - from) * reach < tolerance_change {
            break;
        }
        let [a, b] = &bracket;
        let mut t = cubic_minimum(a, b, (from, to));
        // If the minimum is outside, or near an end for the second time in a row, move it inside by a tenth of the length.
        let margin = 0.1 * (to - from);
        if (to - t).min(t - from) < margin {
            if slow || t >= to || t <= from {
                t = if (t - to).abs() < (t - from).abs() { to - margin } else { from + margin };
                slow = false;
            } else {
                slow = true;
            }
        } else {
            slow = false;
        }
        let place = evaluate(t);
        (steps, evaluations) = (steps + 1, evaluations + 1);
        let high = 1 - low;
        if too_high(&place) || place.loss >= bracket[low].loss {
            bracket[high] = place;
            low = lower_of(&bracket);
            continue;
        }
        if flat(&place) {
            return (place, evaluations);
        }
        if place.slope * (bracket[high].t - bracket[low].t) >= 0.0 {
            bracket.swap(0, 1); // the low end becomes the high one
            bracket[low] = place;
        } else {
            bracket[low] = place;
        }
    }
    let [a, b] = bracket;
    (if low == 0 { a } else { b }, evaluations)
}

/// The place within the bounds where the cubic polynomial through both places, with their slopes, is lowest; the middle if it has no
/// minimum.
fn cubic_minimum(a: &Place, b: &Place, (from, to): (f64, f64)) -> f64 {
    let d1 = a.slope + b.slope - 3.0 * (a.loss - b.loss) / (a.t - b.t);
    let mut square = d1 * d1 - a.slope * b.slope;
    let mut size = 1.0;
    if !square.is_finite() {
        // If the squares overflow, relative to the largest number.
        size = d1.abs().max(a.slope.abs()).max(b.slope.abs());
        square = (d1 / size).powi(2) - a.slope / size * (b.slope / size);
    }
    if square.is_nan() || square < 0.0 {
        return (from + to) / 2.0;
    }
    let d2 = square.sqrt() * size;
    let (left, right) = if a.t <= b.t { (a, b) } else { (b, a) };
    let t = right.t - (right.t - left.t) * ((right.slope + d2 - d1) / (right.slope - left.slope + 2.0 * d2));
    t.max(from).min(to)
}
