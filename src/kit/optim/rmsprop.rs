//! RMSProp.

use super::bounds::{self, Room};
use super::{FirstOrder, Memory, PENALTY, RATE, Rule, check, not_negative};
use crate::{Grads, Param, Scalar, UpdateRule};

/// The options of [`RmsProp`], with PyTorch's names and defaults.
///
/// ```
/// use wengert::optim::{RmsProp, RmsPropOptions};
/// let optimizer: RmsProp = RmsProp::with(RmsPropOptions { lr: 1e-3, momentum: 0.9, centered: true, ..Default::default() });
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsPropOptions {
    /// The learning rate; default 0.01.
    pub lr: f64,
    /// The share that the running mean of g^2 keeps in each step; default 0.99.
    pub alpha: f64,
    /// Keeps the denominator from 0; default 1e-8. The smallest value in effect is the square root of the type's smallest normal number
    /// (about 1e-19 in `f32` and 1.5e-154 in `f64`).
    pub eps: f64,
    /// The weight of the penalty `|w|^2 / 2`, which is added to the loss; default 0.
    pub weight_decay: f64,
    /// The share of the last step's direction that is kept; default 0.
    pub momentum: f64,
    /// If true, divides by the running standard deviation of g instead of the root of the mean square; default false.
    pub centered: bool,
}

impl Default for RmsPropOptions {
    fn default() -> Self {
        RmsPropOptions { lr: 1e-2, alpha: 0.99, eps: 1e-8, weight_decay: 0.0, momentum: 0.0, centered: false }
    }
}

/// RMSProp: each element's gradient is divided by the root of the running mean of its square.
///
/// ```text
/// g = gradient + weight_decay w
/// v = alpha v + (1 - alpha) g^2
/// m = alpha m + (1 - alpha) g           (centered; else m = 0)
/// d = g / (sqrt(v - m^2) + eps)
/// b = momentum b + d                    (without momentum, b = d)
/// w = w - lr b
/// ```
///
/// v - m^2 is taken as at least v times the type's epsilon, which is what rounding leaves of it when all gradients are equal. With 0 or
/// less, a step would be as large as `1 / eps`, or NaN. A gradient whose square overflows is replaced, in both m and v, by the largest
/// whose square does not.
///
/// Sources: T. Tieleman, G. Hinton, "Lecture 6.5: RMSProp" (Coursera: Neural networks for machine learning, 2012); A. Graves, "Generating
/// sequences with recurrent neural networks" (2013), for the centered form.
pub type RmsProp<T = f32> = FirstOrder<RmsPropOptions, T>;

impl Rule for RmsPropOptions {
    fn check(&self) {
        let RmsPropOptions { lr, alpha, eps, weight_decay, momentum, .. } = *self;
        not_negative("optimizer", "lr", lr, RATE);
        check("optimizer", (0.0..=1.0).contains(&alpha), "alpha must be from 0 to 1", alpha, "0.99 is usual");
        not_negative("optimizer", "eps", eps, "1e-8 is usual: it keeps a denominator from 0");
        not_negative("optimizer", "weight_decay", weight_decay, PENALTY);
        not_negative("optimizer", "momentum", momentum, "0.9 is usual; 0 is without momentum");
    }
    fn lr(&self) -> f64 {
        self.lr
    }
    fn set_lr(&mut self, lr: f64) {
        self.lr = lr;
    }
    fn momentum(&self) -> Option<f64> {
        (self.momentum > 0.0).then_some(self.momentum)
    }
    fn set_momentum(&mut self, momentum: f64) {
        self.momentum = momentum;
    }
    fn arrays(&self) -> Vec<(&'static str, f64)> {
        let mut names = vec![("square_avg", 0.0)];
        names.extend(self.centered.then_some(("grad_avg", 0.0)));
        names.extend((self.momentum > 0.0).then_some(("momentum_buffer", 0.0)));
        names
    }
    fn takes_element(&self, array: &str, x: f64) -> bool {
        array != "square_avg" || x >= 0.0 || x.is_nan() // NaN if training has diverged
    }
    fn step<T: Scalar>(&self, param: &Param<T>, grads: &Grads<T>, memory: &mut Memory<T>) {
        let numbers = [self.lr, self.alpha, 1.0 - self.alpha, self.weight_decay, self.momentum];
        let [lr, keep, fresh, decay, momentum] = numbers.map(T::from_f64);
        let share = 1.0 - self.alpha.powi(i32::try_from(memory.steps).unwrap_or(i32::MAX));
        let room = Room::for_share(if self.centered { 8.0 * share } else { share }); // m^2 must not overflow either
        let step = Step { lr, keep, fresh, eps: bounds::eps(self.eps), epsilon: bounds::epsilon(), decay, momentum, room };
        match &mut memory.arrays[..] {
            [v] => param.update_by(grads, step, [v]),
            [v, m] if self.centered => param.update_by(grads, Centered(step), [v, m]),
            [v, b] => param.update_by(grads, step, [v, b]),
            [v, m, b] => param.update_by(grads, Centered(step), [v, m, b]),
            _ => unreachable!("as many arrays as it named"),
        }
    }
}

/// The numbers of one step.
#[derive(Clone, Copy)]
struct Step<T> {
    lr: T,
    /// alpha, 1 - alpha.
    keep: T,
    fresh: T,
    eps: T,
    /// The machine epsilon of the type.
    epsilon: T,
    decay: T,
    momentum: T,
    room: Room<T>,
}

impl<T: Scalar> Step<T> {
    /// g with the penalty.
    #[inline(always)]
    fn gradient(self, g: T, w: T) -> T {
        self.room.cut(g + self.decay * w)
    }
    /// d, computed from the mean square or the variance.
    #[inline(always)]
    fn direction(self, g: T, square: T) -> T {
        g / (square.sqrt() + self.eps)
    }
    /// v - m^2, but at least what rounding leaves of it when all gradients were equal.
    #[inline(always)]
    fn variance(self, v: T, m: T) -> T {
        let (variance, least) = (v - m * m, v * self.epsilon);
        if variance < least { least } else { variance }
    }
    /// The new v. Multiplied in PyTorch's order, in which the product overflows no earlier than v.
    #[inline(always)]
    fn mean_square(self, g: T, v: T) -> T {
        self.room.square(self.keep * v + self.fresh * g * g)
    }
}

impl<T: Scalar> UpdateRule<T, 1> for Step<T> {
    #[inline(always)]
    fn at(self, w: T, g: T, [v]: [T; 1]) -> (T, [T; 1]) {
        let g = self.gradient(g, w);
        let v = self.mean_square(g, v);
        (w - self.lr * self.direction(g, v), [v])
    }
}

/// With momentum.
impl<T: Scalar> UpdateRule<T, 2> for Step<T> {
    #[inline(always)]
    fn at(self, w: T, g: T, [v, b]: [T; 2]) -> (T, [T; 2]) {
        let g = self.gradient(g, w);
        let v = self.mean_square(g, v);
        let b = self.momentum * b + self.direction(g, v);
        (w - self.lr * b, [v, b])
    }
}

/// The centered form.
#[derive(Clone, Copy)]
struct Centered<T>(Step<T>);

impl<T: Scalar> UpdateRule<T, 2> for Centered<T> {
    #[inline(always)]
    fn at(self, w: T, g: T, [v, m]: [T; 2]) -> (T, [T; 2]) {
        let g = self.0.gradient(g, w);
        let (v, m) = (self.0.mean_square(g, v), m + self.0.fresh * (g - m));
        (w - self.0.lr * self.0.direction(g, self.0.variance(v, m)), [v, m])
    }
}

/// With momentum.
impl<T: Scalar> UpdateRule<T, 3> for Centered<T> {
    #[inline(always)]
    fn at(self, w: T, g: T, [v, m, b]: [T; 3]) -> (T, [T; 3]) {
        let g = self.0.gradient(g, w);
        let (v, m) = (self.0.mean_square(g, v), m + self.0.fresh * (g - m));
        let b = self.0.momentum * b + self.0.direction(g, self.0.variance(v, m));
        (w - self.0.lr * b, [v, m, b])
    }
}

#[cfg(test)]
mod tests {
    use super::super::first_order_tests::{follows_pytorch, large_is_as_small};
    use super::*;

    #[test]
    fn defaults_follow_pytorch() {
        follows_pytorch(
            RmsProp::new(0.01),
            [
                [0.40000002648426697, -1.1500000069702065, 1.9000000042847596, 0.10999999497500082],
                [0.3350328293876888, -1.0843755112894846, 1.8292200663299656, 0.1791614747850317],
                [0.2856251559002792, -1.0333466594640284, 1.7713043837710882, 0.2350173494422517],
                [0.024405593529508805, -0.6624949803811623, 1.2278266488202048, 0.741385198151969],
            ],
        );
    }
    #[test]
    fn options_follow_pytorch() {
        follows_pytorch(
            RmsProp::with(RmsPropOptions { lr: 0.02, alpha: 0.9, eps: 1e-3, weight_decay: 0.1, ..Default::default() }),
            [
                [0.4372187588014116, -1.1868824189568303, 1.936833279584466, 0.07314516229508712],
                [0.3938135191291597, -1.1429816949442135, 1.8910885202437373, 0.11822534806065015],
                [0.35875914233860884, -1.1072018136292183, 1.8528197129582287, 0.15562777643332634],
                [0.06812429842586551, -0.7606262450447857, 1.4314361550625403, 0.5576162104850414],
            ],
        );
    }
    #[test]
    fn momentum_follows_pytorch() {
        follows_pytorch(
            RmsProp::with(RmsPropOptions { lr: 0.02, alpha: 0.9, momentum: 0.5, ..Default::default() }),
            [
                [0.43675445209348673, -1.1867544481906738, 1.9367544476535843, 0.07324555219836773],
                [0.3613981624753902, -1.1112369631522836, 1.8592946327410684, 0.1500732975119254],
                [0.2899720867139076, -1.038970439921031, 1.7822131847325196, 0.2256691906782717],
                [-0.0004705272983184203, -0.5039444164049438, 0.9028902169446165, 1.0496883657851863],
            ],
        );
    }
    #[test]
    fn the_centered_form_follows_pytorch() {
        follows_pytorch(
            RmsProp::with(RmsPropOptions { lr: 0.02, alpha: 0.9, eps: 1e-3, centered: true, ..Default::default() }),
            [
                [0.43391672254079006, -1.1834878677748037, 1.9334284144158775, 0.07655518674278415],
                [0.385801841308859, -1.1349406658356398, 1.8825562723184972, 0.12667705061192408],
                [0.3450801241075135, -1.0934894504308366, 1.8376676844498188, 0.1704999482041092],
                [0.016591399982765473, -0.6072830399696619, 1.0422844621141611, 0.9110187373718381],
            ],
        );
    }
    #[test]
    fn both_follow_pytorch() {
        follows_pytorch(
            RmsProp::with(RmsPropOptions { lr: 0.02, alpha: 0.9, eps: 1e-3, centered: true, momentum: 0.8, weight_decay: 0.05 }),
            [
                [0.43388079211688196, -1.1834814310324013, 1.9334245131517491, 0.07655515877327837],
                [0.3329145507385573, -1.0816729111789467, 1.8293206885611653, 0.17987821513587177],
                [0.21487330505146124, -0.9611591245628671, 1.7012496377740673, 0.305555741844137],
                [0.01632785136574394, -0.37530923699547786, -1.136858291861644, 3.2809197491635658],
            ],
        );
    }
    #[test]
    fn large_parameters_change_as_small_ones() {
        large_is_as_small(|| RmsProp::new(0.1));
        large_is_as_small(|| RmsProp::with(RmsPropOptions { centered: true, momentum: 0.9, eps: 0.1, ..Default::default() }));
    }
    #[test]
    #[should_panic(expected = "alpha must be from 0 to 1, not 1.5")]
    fn alpha_is_a_share() {
        RmsProp::<f32>::with(RmsPropOptions { alpha: 1.5, ..Default::default() });
    }
}
