//! Compares Adagrad with PyTorch's.

use crate::kit::helpers::{follows_pytorch, large_is_as_small};
use wengert::optim::{Adagrad, AdagradOptions};

#[test]
fn defaults_follow_pytorch() {
    follows_pytorch(
        Adagrad::new(0.01),
        [
            [0.49000000000264843, -1.240000000000697, 1.9900000000004285, 0.0199999999994975],
            [0.4829786044929916, -1.2329774144410313, 1.9829302753257132, 0.027053503111962016],
            [0.47727107559424664, -1.2272677114434372, 1.9771584971833107, 0.032804022065066926],
            [0.42572310389073004, -1.1755984139068418, 1.9240844091320282, 0.08541101288185254],
        ],
    );
}
#[test]
fn options_follow_pytorch() {
    follows_pytorch(
        Adagrad::with(AdagradOptions { lr: 0.3, lr_decay: 0.1, weight_decay: 0.05, initial_accumulator_value: 0.2, eps: 1e-3 }),
        [
            [0.2996187128895741, -0.9627336644115541, 1.7050589013731705, 0.30255316545102817],
            [0.1881203204717904, -0.8222665120968701, 1.5149776377174042, 0.47878818772525833],
            [0.12243431648928593, -0.7346336678171889, 1.3724342821384008, 0.6077294623980583],
            [0.0016279324348524794, -0.4487318049633299, 0.5391416776599323, 1.3732908968591198],
        ],
    );
}
#[test]
fn large_parameters_change_as_small_ones() {
    large_is_as_small(|| Adagrad::new(0.1));
}
#[test]
#[should_panic(expected = "lr_decay must be at least 0, not -1.0")]
fn the_decay_is_a_number() {
    Adagrad::<f32>::with(AdagradOptions { lr_decay: -1.0, ..Default::default() });
}
#[test]
#[should_panic(expected = "initial_accumulator_value must be at least 0, not NaN")]
fn the_accumulator_starts_from_a_sum_of_squares() {
    Adagrad::<f32>::with(AdagradOptions { initial_accumulator_value: f64::NAN, ..Default::default() });
}
