//! Compares gradient descent with PyTorch's.

use crate::kit::helpers::{follows_pytorch, large_is_as_small};
use wengert::optim::{Sgd, SgdOptions};

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
