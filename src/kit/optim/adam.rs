//! Adam and AdamW.

use super::bounds::{self, Room};
use super::{FirstOrder, Memory, PENALTY, RATE, Rule, check, not_negative};
use crate::{Grads, Param, Scalar, UpdateRule};

/// The options of [`Adam`], with PyTorch's names and defaults.
///
/// ```
/// use wengert::optim::{Adam, AdamOptions};
/// let adam: Adam = Adam::with(AdamOptions { lr: 0.01, amsgrad: true, ..Default::default() });
/// let adamw: Adam = Adam::with(AdamOptions { weight_decay: 0.1, ..AdamOptions::adamw(1e-3) });
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamOptions {
    /// The learning rate; default 0.001.
    pub lr: f64,
    /// The shares that the running means of g and g^2 keep in each step; default (0.9, 0.999).
    pub betas: (f64, f64),
    /// Keeps the denominator from 0; default 1e-8. The smallest value in effect is the square root of the type's smallest normal number
    /// (about 1e-19 in `f32` and 1.5e-154 in `f64`).
    pub eps: f64,
    /// The weight of the penalty `|w|^2 / 2`; default 0.
    pub weight_decay: f64,
    /// If true, weight decay shrinks the weights directly and does not change the gradient, which is AdamW; default false.
    pub decoupled_weight_decay: bool,
    /// If true, divides by the largest running mean of g^2 so far instead of the current one; default false.
    pub amsgrad: bool,
}

impl Default for AdamOptions {
    fn default() -> Self {
        AdamOptions { lr: 1e-3, betas: (0.9, 0.999), eps: 1e-8, weight_decay: 0.0, decoupled_weight_decay: false, amsgrad: false }
    }
}

impl AdamOptions {
    /// The defaults of PyTorch's AdamW: a `weight_decay` of 0.01, which shrinks the weights directly.
    pub fn adamw(lr: f64) -> Self {
        AdamOptions { lr, weight_decay: 0.01, decoupled_weight_decay: true, ..Default::default() }
    }
}

/// Adam: each element has its own step size, computed from the running means of its gradient and of its square.
///
/// ```text
/// g = gradient + weight_decay w            (AdamW: g = gradient, w = (1 - lr weight_decay) w)
/// m = beta1 m + (1 - beta1) g
/// v = beta2 v + (1 - beta2) g^2
/// w = w - lr m' / (sqrt(v') + eps)   with m' = m / (1 - beta1^t), v' = v / (1 - beta2^t)
/// ```
///
/// A gradient whose square overflows (in `f32` from about 6e20 on in the first step, later from 2e19) is replaced, in both m and v, by the
/// largest whose square does not. Its step still has the right size.
///
/// t counts the steps in which this parameter had a gradient. With amsgrad, v' is computed from the largest v so far. [`Adam::adamw`] is
/// AdamW.
///
/// Sources: D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization" (2015); I. Loshchilov, F. Hutter, "Decoupled weight decay
/// regularization" (2019), for AdamW; S. J. Reddi, S. Kale, S. Kumar, "On the convergence of Adam and beyond" (2018), for amsgrad.
pub type Adam<T = f32> = FirstOrder<AdamOptions, T>;

impl<T: Scalar> Adam<T> {
    /// AdamW with this learning rate and PyTorch's defaults: a `weight_decay` of 0.01, which shrinks the weights directly.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[track_caller]
    pub fn adamw(lr: f64) -> Self {
        Adam::with(AdamOptions::adamw(lr))
    }
}

impl Rule for AdamOptions {
    fn check(&self) {
        let AdamOptions { lr, betas, eps, weight_decay, .. } = *self;
        not_negative("optimizer", "lr", lr, RATE);
        check(
            "optimizer",
            (0.0..1.0).contains(&betas.0) && (0.0..1.0).contains(&betas.1),
            "betas must be at least 0 and below 1",
            betas,
            "(0.9, 0.999) is usual",
        );
        not_negative("optimizer", "eps", eps, "1e-8 is usual: it keeps a denominator from 0");
        not_negative("optimizer", "weight_decay", weight_decay, PENALTY);
    }
    fn lr(&self) -> f64 {
        self.lr
    }
    fn set_lr(&mut self, lr: f64) {
        self.lr = lr;
    }
    fn momentum(&self) -> Option<f64> {
        Some(self.betas.0)
    }
    fn takes_momentum(&self, beta1: f64) -> bool {
        (0.0..1.0).contains(&beta1)
    }
    fn set_momentum(&mut self, beta1: f64) {
        self.betas.0 = beta1;
    }
    fn arrays(&self) -> Vec<(&'static str, f64)> {
        let names = ["exp_avg", "exp_avg_sq", "max_exp_avg_sq"];
        names[..if self.amsgrad { 3 } else { 2 }].iter().map(|&name| (name, 0.0)).collect()
    }
    fn takes_element(&self, array: &str, x: f64) -> bool {
        array == "exp_avg" || x >= 0.0 || x.is_nan() // NaN if training has diverged
    }
    fn step<T: Scalar>(&self, param: &Param<T>, grads: &Grads<T>, memory: &mut Memory<T>) {
        let step = Step::new(self, memory.steps);
        match &mut memory.arrays[..] {
            [m, v, largest] => param.update_by(grads, step, [m, v, largest]),
            [m, v] => param.update_by(grads, step, [m, v]),
            _ => unreachable!("as many arrays as it named"),
        }
    }
}

/// The numbers of one step.
#[derive(Clone, Copy)]
struct Step<T> {
    /// The factor of w before the step, and the factor of w in what is added to g.
    shrink: T,
    decay: T,
    /// 1 - beta1, beta2, 1 - beta2.
    fresh_m: T,
    keep_v: T,
    fresh_v: T,
    /// lr / (1 - beta1^t), 1 / sqrt(1 - beta2^t), eps.
    size: T,
    scale: T,
    eps: T,
    room: Room<T>,
}

impl<T: Scalar> Step<T> {
    fn new(o: &AdamOptions, t: u64) -> Self {
        let t = i32::try_from(t).unwrap_or(i32::MAX);
        let (b1, b2) = o.betas;
        let (shrink, decay) = if o.decoupled_weight_decay { (1.0 - o.lr * o.weight_decay, 0.0) } else { (1.0, o.weight_decay) };
        let (size, scale) = ((o.lr / (1.0 - b1.powi(t))).min(bounds::MOST), 1.0 / (1.0 - b2.powi(t)).sqrt());
        let room = Room::for_share(1.0 - b2.powi(t));
        let [shrink, decay, fresh_m, keep_v, fresh_v, size, scale] = [shrink, decay, 1.0 - b1, b2, 1.0 - b2, size, scale].map(T::from_f64);
        Step { shrink, decay, fresh_m, keep_v, fresh_v, size, scale, eps: bounds::eps(o.eps), room }
    }
}

impl<T: Scalar> Step<T> {
    /// The w before the step (already shrunk), and the new m and v.
    #[inline(always)]
    fn means(self, w: T, g: T, m: T, v: T) -> (T, T, T) {
        let w = w * self.shrink;
        let g = self.room.cut(g + self.decay * w);
        let m = m + self.fresh_m * (g - m);
        // Multiplied in PyTorch's order, in which the product overflows no earlier than v.
        let v = self.room.square(self.keep_v * v + self.fresh_v * g * g);
        (w, m, v)
    }
}

impl<T: Scalar> UpdateRule<T, 2> for Step<T> {
    #[inline(always)]
    fn at(self, w: T, g: T, [m, v]: [T; 2]) -> (T, [T; 2]) {
        let (w, m, v) = self.means(w, g, m, v);
        (w - self.size * m / (v.sqrt() * self.scale + self.eps), [m, v])
    }
}

/// The same with amsgrad.
impl<T: Scalar> UpdateRule<T, 3> for Step<T> {
    #[inline(always)]
    fn at(self, w: T, g: T, [m, v, largest]: [T; 3]) -> (T, [T; 3]) {
        let (w, m, v) = self.means(w, g, m, v);
        let largest = if largest > v { largest } else { v };
        (w - self.size * m / (largest.sqrt() * self.scale + self.eps), [m, v, largest])
    }
}

#[cfg(test)]
mod tests {
    use super::super::first_order_tests::{follows_pytorch, large_is_as_small};
    use super::*;

    #[test]
    fn defaults_follow_pytorch() {
        follows_pytorch(
            Adam::new(0.05),
            [
                [0.4500000013242137, -1.2000000003485103, 1.950000000214238, 0.05999999974875003],
                [0.40013178628937274, -1.1501217808370325, 1.9000022737679165, 0.10996425016855477],
                [0.35051981099428514, -1.1004580802900645, 1.850007622834494, 0.15987057235156305],
                [-0.12510294343626724, -0.4121675966156292, 1.000571621097675, 0.9866756326245704],
            ],
        );
    }
    #[test]
    fn options_follow_pytorch() {
        follows_pytorch(
            Adam::with(AdamOptions { lr: 0.05, betas: (0.8, 0.95), eps: 1e-3, weight_decay: 0.1, ..Default::default() }),
            [
                [0.45011666363600855, -1.2000320373655617, 1.950019725008423, 0.05997487500313537],
                [0.40044180544734514, -1.1502380719985175, 1.900047191957159, 0.10988687099447113],
                [0.35116028383724696, -1.1007467456543365, 1.8500863573843302, 0.15969718450885215],
                [-0.046710077452626036, -0.4499742720464627, 1.0044428068667703, 0.9728777571669482],
            ],
        );
    }
    #[test]
    fn adamw_follows_pytorch() {
        follows_pytorch(
            Adam::with(AdamOptions { lr: 0.05, weight_decay: 0.1, decoupled_weight_decay: true, ..Default::default() }),
            [
                [0.44750000132421364, -1.1937500003485102, 1.940000000214238, 0.05994999974875003],
                [0.39540340093762183, -1.1379232159400288, 1.8803026679266663, 0.10961453912492619],
                [0.34384224496858423, -1.08262641818069, 1.8209072542771931, 0.1589731405866187],
                [-0.11832477487871822, -0.361717044809314, 0.8561393977986869, 0.94073568168102],
            ],
        );
    }
    #[test]
    fn amsgrad_follows_pytorch() {
        follows_pytorch(
            Adam::with(AdamOptions { lr: 0.1, betas: (0.7, 0.8), weight_decay: 0.01, amsgrad: true, ..Default::default() }),
            [
                [0.40000000261381485, -1.150000000691, 1.9000000004248354, 0.10999999949747481],
                [0.30086497713318217, -1.0507310184849805, 1.8000114758763215, 0.20981009098203832],
                [0.20379872843896993, -0.9528318683127062, 1.7000349021638161, 0.3093318800444727],
                [0.010195726556892527, -0.38603671909382914, 0.03508604077036867, 1.9345149787585472],
            ],
        );
    }
    #[test]
    fn defaults_of_adamw_follow_pytorch() {
        follows_pytorch(
            Adam::adamw(0.05),
            [
                [0.4497500013242137, -1.1993750003485104, 1.949000000214238, 0.05999499974875003],
                [0.3996578104851911, -1.1488990596019324, 1.898027814067766, 0.10992925656446939],
                [0.34984874831973634, -1.098666407624609, 1.8470842285976548, 0.15978064934655656],
                [-0.12443879706838937, -0.40674072215783236, 0.98541980915793, 0.9819541705811173],
            ],
        );
    }
    #[test]
    fn adamw_with_amsgrad_follows_pytorch() {
        follows_pytorch(
            Adam::with(AdamOptions { betas: (0.7, 0.8), weight_decay: 0.2, amsgrad: true, ..AdamOptions::adamw(0.1) }),
            [
                [0.3900000026484273, -1.1250000006970207, 1.860000000428476, 0.10979999949750008],
                [0.28320531201004745, -1.0035230594435791, 1.7228128756119223, 0.2074168919394524],
                [0.18100403548459024, -0.8864307374906093, 1.588378739856358, 0.3028032869881493],
                [0.006433747437577511, -0.3481329960402671, -0.25176415231953786, 1.6077753845015645],
            ],
        );
    }
    #[test]
    fn large_parameters_change_as_small_ones() {
        large_is_as_small(|| Adam::new(0.1));
        large_is_as_small(|| Adam::with(AdamOptions { amsgrad: true, ..AdamOptions::adamw(0.1) }));
    }
    #[test]
    #[should_panic(expected = "betas must be at least 0 and below 1, not (0.9, 1.0)")]
    fn betas_are_below_one() {
        Adam::<f32>::with(AdamOptions { betas: (0.9, 1.0), ..Default::default() });
    }
}
