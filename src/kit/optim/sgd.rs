//! Stochastic gradient descent, with momentum.

use super::bounds::MOST;
use super::{FirstOrder, Memory, PENALTY, RATE, Rule, check, not_negative};
use crate::{Grads, Param, Scalar, UpdateRule};

/// The options of [`Sgd`], with PyTorch's names and defaults.
///
/// ```
/// use wengert::optim::{Sgd, SgdOptions};
/// let optimizer: Sgd = Sgd::with(SgdOptions { lr: 0.1, momentum: 0.9, nesterov: true, ..Default::default() });
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SgdOptions {
    /// The learning rate; default 0.001.
    pub lr: f64,
    /// The share of the last step's direction that is kept; default 0.
    pub momentum: f64,
    /// The share of the gradient that is left out of the direction; default 0.
    pub dampening: f64,
    /// The weight of the penalty `|w|^2 / 2`, which is added to the loss; default 0.
    pub weight_decay: f64,
    /// If true, uses Nesterov momentum, which looks one step ahead; default false.
    pub nesterov: bool,
}

impl Default for SgdOptions {
    fn default() -> Self {
        SgdOptions { lr: 1e-3, momentum: 0.0, dampening: 0.0, weight_decay: 0.0, nesterov: false }
    }
}

/// Stochastic gradient descent.
///
/// ```text
/// g = gradient + weight_decay w
/// b = g in a parameter's first step, then momentum b + (1 - dampening) g        (without momentum, b = g)
/// w = w - lr b, or with nesterov w - lr (g + momentum b)
/// ```
///
/// Sources: B. T. Polyak, "Some methods of speeding up the convergence of iteration methods" (1964), for momentum; I. Sutskever,
/// J. Martens, G. Dahl, G. Hinton, "On the importance of initialization and momentum in deep learning" (2013), for Nesterov's form.
pub type Sgd<T = f32> = FirstOrder<SgdOptions, T>;

impl Rule for SgdOptions {
    fn check(&self) {
        let SgdOptions { lr, momentum, dampening, weight_decay, nesterov } = *self;
        not_negative("optimizer", "lr", lr, RATE);
        not_negative("optimizer", "momentum", momentum, "0.9 is usual; 0 is without momentum");
        check("optimizer", dampening.abs() <= MOST, "dampening must be a finite number, also as f32", dampening, "0 is usual");
        not_negative("optimizer", "weight_decay", weight_decay, PENALTY);
        let fits = !nesterov || (momentum > 0.0 && dampening == 0.0);
        check(
            "optimizer",
            fits,
            "nesterov needs momentum above 0 and dampening 0",
            (momentum, dampening),
            "momentum 0.9 and dampening 0 are usual with it",
        );
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
        if self.momentum > 0.0 { vec![("momentum_buffer", 0.0)] } else { Vec::new() }
    }
    fn step<T: Scalar>(&self, param: &Param<T>, grads: &Grads<T>, memory: &mut Memory<T>) {
        let [lr, decay, momentum] = [self.lr, self.weight_decay, self.momentum].map(T::from_f64);
        let [b] = &mut memory.arrays[..] else {
            return param.update_by(grads, Plain { lr, decay }, []);
        };
        let (keep, share) = if memory.steps == 1 { (T::ZERO, T::ONE) } else { (momentum, T::from_f64(1.0 - self.dampening)) };
        if self.nesterov {
            param.update_by(grads, Nesterov { lr, decay, keep, share, momentum }, [b]);
        } else {
            param.update_by(grads, Momentum { lr, decay, keep, share }, [b]);
        }
    }
}

/// A step without momentum.
#[derive(Clone, Copy)]
struct Plain<T> {
    lr: T,
    decay: T,
}

impl<T: Scalar> UpdateRule<T, 0> for Plain<T> {
    #[inline(always)]
    fn at(self, w: T, g: T, _: [T; 0]) -> (T, [T; 0]) {
        (w - self.lr * (g + self.decay * w), [])
    }
}

/// A step along b. `keep` is the share of b that is kept, `share` the factor of g.
#[derive(Clone, Copy)]
struct Momentum<T> {
    lr: T,
    decay: T,
    keep: T,
    share: T,
}

impl<T: Scalar> UpdateRule<T, 1> for Momentum<T> {
    #[inline(always)]
    fn at(self, w: T, g: T, [b]: [T; 1]) -> (T, [T; 1]) {
        let b = self.keep * b + self.share * (g + self.decay * w);
        (w - self.lr * b, [b])
    }
}

/// The same with Nesterov momentum.
#[derive(Clone, Copy)]
struct Nesterov<T> {
    lr: T,
    decay: T,
    keep: T,
    share: T,
    momentum: T,
}

impl<T: Scalar> UpdateRule<T, 1> for Nesterov<T> {
    #[inline(always)]
    fn at(self, w: T, g: T, [b]: [T; 1]) -> (T, [T; 1]) {
        let g = g + self.decay * w;
        let b = self.keep * b + self.share * g;
        (w - self.lr * (g + self.momentum * b), [b])
    }
}

#[cfg(test)]
mod tests {
    use super::super::first_order_tests::{follows_pytorch, large_is_as_small};
    use super::*;

    #[test]
    fn plain_descent_follows_pytorch() {
        follows_pytorch(
            Sgd::new(0.1),
            [
                [0.4622417438109627, -1.106532236239527, 1.7666146836547143, 0.2090049999583335],
                [0.4265120665377783, -0.9906555034504274, 1.5344101469971931, 0.3902807151463574],
                [0.39281943635796285, -0.8964041255879226, 1.3023313171584088, 0.5587724137546973],
                [0.07971543863147612, -0.44674609200773796, -1.0160809984507264, 2.933448879519062],
            ],
        );
    }
    #[test]
    fn weight_decay_follows_pytorch() {
        follows_pytorch(
            Sgd::with(SgdOptions { lr: 0.1, weight_decay: 0.05, ..Default::default() }),
            [
                [0.4597417438109627, -1.1002822362395268, 1.7566146836547143, 0.2089549999583335],
                [0.4218521487119305, -0.9800870586692619, 1.5156452283176192, 0.38918990283556587],
                [0.38632445893803263, -0.8828729417749406, 1.275990164904529, 0.5558032884486844],
                [0.07069304327950966, -0.43024660649748453, -1.0026499362181067, 2.812760493513547],
            ],
        );
    }
    #[test]
    fn momentum_follows_pytorch() {
        follows_pytorch(
            Sgd::with(SgdOptions { lr: 0.05, momentum: 0.9, ..Default::default() }),
            [
                [0.48112087190548136, -1.1782661181197633, 1.8833073418273572, 0.10950249997916675],
                [0.4457497745054611, -1.0489186889505142, 1.661991032186289, 0.29387909547864766],
                [0.396513914851398, -0.8799855038076143, 1.3467602196436081, 0.5472677050147792],
                [-0.07442279531347575, -0.5585122863693572, -0.5967565956261313, 4.053106892906772],
            ],
        );
    }
    #[test]
    fn dampening_follows_pytorch() {
        follows_pytorch(
            Sgd::with(SgdOptions { lr: 0.05, momentum: 0.8, dampening: 0.25, weight_decay: 0.1, ..Default::default() }),
            [
                [0.47862087190548136, -1.1720161181197635, 1.8733073418273571, 0.10945249997916676],
                [0.4459882985256774, -1.0570943933933017, 1.6777262175677286, 0.25972398236573185],
                [0.4051532923662112, -0.9212295475028404, 1.4279323454784336, 0.4454852702491426],
                [-0.05583610258891071, -0.34706711611941987, -1.2840918787337283, 3.779877129904705],
            ],
        );
    }
    #[test]
    fn nesterov_follows_pytorch() {
        follows_pytorch(
            Sgd::with(SgdOptions { lr: 0.05, momentum: 0.9, nesterov: true, weight_decay: 0.01, ..Default::default() }),
            [
                [0.4636546566204146, -1.1125181244275506, 1.7763839494719786, 0.19904524996041684],
                [0.41370211483841784, -0.9416897557825076, 1.4587523885007398, 0.45241553119569483],
                [0.3533866050601067, -0.759144980135182, 1.0563450152819387, 0.7547552208384277],
                [-0.04294101241569495, -0.5022848247035983, -0.8444300028059657, 3.873009237632268],
            ],
        );
    }
    #[test]
    fn large_parameters_change_as_small_ones() {
        large_is_as_small(|| Sgd::new(0.1));
        large_is_as_small(|| Sgd::with(SgdOptions { lr: 0.1, momentum: 0.9, ..Default::default() }));
    }
    #[test]
    #[should_panic(expected = "nesterov needs momentum above 0 and dampening 0, not (0.0, 0.0)")]
    fn nesterov_needs_momentum() {
        Sgd::<f32>::with(SgdOptions { nesterov: true, ..Default::default() });
    }
    #[test]
    #[should_panic(expected = "lr must be at least 0, not NaN")]
    fn the_learning_rate_is_a_number() {
        Sgd::<f32>::new(f64::NAN);
    }
}
