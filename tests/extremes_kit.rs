//! What do layers, optimizers, loaders and files do with extreme arguments? They give a right value, or refuse by a text that names what was
//! asked for, the caller's line and a hint: no bare index error, no overflow, no abort, no second of waiting, no gigabyte.

#[cfg(feature = "vision")]
mod image;

use crate::harness::{self, alone};
use wengert::data::{
    Augment, Csv, Dataset, Examples, Idx, Loader, Normalization, Subset, WeightedSampler, class_counts, one_hot, split_rows,
};
use wengert::io::{Checkpoint, State, StateError, Values, npy, safetensors};
use wengert::metrics::{ConfusionMatrix, Mean, MovingAverage, top_k_accuracy};
use wengert::ndarray::{Array2, ArrayD, IxDyn, array};
use wengert::nn::{self, Forward, Module};
use wengert::optim::*;
use wengert::tensorboard::EventWriter;
use wengert::train::EarlyStopping;
use wengert::{Conv1dOptions, Conv2dOptions, ConvTranspose2dOptions, Grads, Param, RunningStats, Tape, init};

const SIZES: [usize; 11] =
    [0, 1, 2, (1 << 31) - 1, 1 << 31, 1 << 32, (1 << 32) + 1, 1 << 40, isize::MAX as usize, usize::MAX - 1, usize::MAX];
const NUMBERS: [f64; 22] = [
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    f32::MAX as f64,
    f32::MIN as f64,
    f32::MIN_POSITIVE as f64,
    f64::MAX,
    f64::MIN,
    f64::MIN_POSITIVE,
    5e-324,
    1e-45,
    1e-40,
    1e30,
    -1e30,
    1e39,
    1e300,
    1e-300,
];

/// Runs a case; says what is wrong, if it neither ends well nor is refused as it should be.
fn wrong(what: &str, names: &str, case: &dyn Fn() -> Result<(), String>) -> Option<String> {
    let helps = |text: &str| text.contains(names) && text.contains("\n  at tests/extremes_kit") && text.contains("\n  hint: ");
    harness::wrong(
        what,
        |text| (!helps(text)).then_some("a refusal that is no help"),
        || match case() {
            Err(refusal) if refusal.is_empty() => Err("refused without a word".into()),
            _ => Ok(()), // well, or with a typed error
        },
    )
}

/// A text that its refusals name, and what is done with an argument.
type Case<'a, X> = (&'a str, &'a dyn Fn(X) -> Result<(), String>);

/// All cases of a list, each with all arguments.
fn all<X: Copy + std::fmt::Debug>(arguments: &[X], cases: &[Case<'_, X>]) {
    let found: Vec<String> = cases
        .iter()
        .flat_map(|(names, case)| arguments.iter().filter_map(move |x| wrong(&format!("{names} with {x:?}"), names, &|| case(*x))))
        .collect();
    assert!(found.is_empty(), "{} of {}:\n\n{}", found.len(), cases.len() * arguments.len(), found.join("\n\n"));
}
/// Of pairs of arguments.
fn pairs<X: Copy>(all: &[X]) -> Vec<(X, X)> {
    all.iter().flat_map(|a| all.iter().map(move |b| (*a, *b))).collect()
}
fn rng() -> impl wengert::rand::Rng {
    init::seeded(1)
}
/// What must hold of a value.
fn holds(that: bool) -> Result<(), String> {
    assert!(that, "a wrong value");
    Ok(())
}
/// What may be refused by a typed error.
fn told<X, E: std::fmt::Display>(result: Result<X, E>) -> Result<(), String> {
    result.map(drop).map_err(|e| e.to_string())
}

#[test]
fn layers_of_extreme_sizes() {
    let _alone = alone();
    all(
        &pairs(&SIZES),
        &[
            ("Linear", &|(a, b)| holds(nn::Linear::<f32>::new(a, b, &mut rng()).weight.shape()[..] == [b, a])),
            ("Linear", &|(a, b)| holds(nn::Linear::<f64>::new(a, b, &mut rng()).without_bias().parameter_count() == a * b)),
            ("Embedding", &|(a, b)| holds(nn::Embedding::<f32>::new(a, b, &mut rng()).weight.shape()[..] == [a, b])),
            ("Embedding", &|(a, b)| holds(nn::Embedding::<f32>::new(a, 1, &mut rng()).with_padding(b).padding_idx == Some(b))),
            ("Conv", &|(a, b)| holds(nn::Conv1d::<f32>::new(a, b, [2], &mut rng()).parameter_count() == 2 * a * b + b)),
            ("Conv", &|(a, b)| holds(nn::Conv1d::<f32>::new(1, a, [b], &mut rng()).parameter_count() == a * b + a)),
            ("Conv", &|(a, b)| holds(nn::Conv2d::<f64>::new(a, b, [1, 2], &mut rng()).parameter_count() == 2 * a * b + b)),
            ("Conv", &|(a, b)| holds(nn::Conv2d::<f32>::new(2, 1, [a, b], &mut rng()).parameter_count() == 2 * a * b + 1)),
            ("Conv", &|(a, b)| {
                let options = Conv2dOptions { groups: b, ..Default::default() };
                holds(nn::Conv2d::<f32>::with(a, a, [1, 1], options, &mut rng()).parameter_count() == a * (a / b) + a)
            }),
            ("Conv", &|(a, b)| {
                let options = Conv1dOptions { stride: [a], dilation: [b], ..Default::default() };
                holds(nn::Conv1d::<f32>::with(1, 1, [2], options, &mut rng()).parameter_count() == 3)
            }),
            ("ConvTranspose2d", &|(a, b)| holds(nn::ConvTranspose2d::<f32>::new(a, b, [1, 1], &mut rng()).parameter_count() == a * b + b)),
            ("ConvTranspose2d", &|(a, b)| {
                let options = ConvTranspose2dOptions { groups: b, ..Default::default() };
                holds(nn::ConvTranspose2d::<f32>::with(a, a, [1, 1], options, &mut rng()).parameter_count() == a * (a / b) + a)
            }),
            ("LayerNorm", &|(a, b)| holds(nn::LayerNorm::<f32>::new([a, b]).parameter_count() == 2 * a * b)),
            ("GroupNorm", &|(a, b)| holds(nn::GroupNorm::<f32>::new(a, b).parameter_count() == 2 * b)),
            ("Linear", &|(a, b)| holds(nn::Mlp::new(&[a, 1, b]).build::<f32>(&mut rng()).parameter_count() == a + 1 + b + b)),
            ("summary", &|(a, b)| holds(Forward::<f32>::summary(&nn::Relu, &[a, b]).input[..] == [a, b])),
        ],
    );
    all(
        &SIZES,
        &[
            ("BatchNorm", &|n| holds(nn::BatchNorm1d::<f32>::new(n).parameter_count() == 2 * n)),
            ("BatchNorm", &|n| holds(nn::BatchNorm2d::<f64>::new(n).without_affine().parameter_count() == 0)),
            ("LayerNorm", &|n| holds(nn::LayerNorm::<f32>::new([n; 3]).parameter_count() == 2 * n * n * n)),
            ("ResNet", &|n| holds(nn::ResNet::<f32>::small(1, 1, n, &mut rng()).parameter_count() > 0)),
            ("Conv", &|n| holds(nn::ResNet::<f32>::small(n, 1, 1, &mut rng()).parameter_count() > 0)),
            ("Linear", &|n| holds(nn::ResNet::<f32>::small(1, n, 1, &mut rng()).parameter_count() > 0)),
            ("Conv", &|n| holds(nn::SegNet::<f32>::with_channels(n, &[1], 1, 1, &mut rng()).parameter_count() > 0)),
            ("", &|n| holds(nn::SegNet::<f32>::with_channels(1, &[n], 1, 1, &mut rng()).parameter_count() > 0)),
            ("", &|n| holds(nn::SegNet::<f32>::with_channels(1, &[1], n, 1, &mut rng()).parameter_count() > 0)),
            ("Conv", &|n| holds(nn::SegNet::<f32>::with_channels(1, &[1], 1, n, &mut rng()).parameter_count() > 0)),
            ("", &|n| holds(nn::BasicBlock::<f32>::new(n, n, 1, &mut rng()).parameter_count() == 18 * n * n + 4 * n)),
            ("", &|n| holds(nn::InvertedResidual::<f32>::new(n, n, n, n, &mut rng()).named_parameters().len() >= 6)),
            ("", &|n| holds(nn::InvertedResidual::<f32>::new(2, 2, 1, n, &mut rng()).named_parameters().len() >= 6)),
            ("", &|n| holds(nn::MaxPool2d::new([n, n]).kernel_size == [n, n])),
            ("embedding", &|n| {
                let tape = Tape::new();
                holds(nn::Embedding::<f32>::new(2, 3, &mut rng()).lookup(&tape, [n, 0]).shape()[..] == [2, 3] && n < 2)
            }),
            ("generator", &|n| {
                let generator = nn::Generator::new(n as u64);
                generator.set_state([n as u64, u64::MAX]);
                generator.draw();
                holds(generator.state() == [n as u64, 0])
            }),
            ("EarlyStopping", &|n| {
                EarlyStopping::new(n);
                Ok(())
            }),
        ],
    );
}
#[test]
fn layers_of_extreme_numbers() {
    let _alone = alone();
    let x = || Param::<f32>::new("x", [[1.0, 2.0], [3.0, 5.0]]);
    let runs = |model: &dyn Forward<f32>| {
        let tape = Tape::new();
        holds(model.forward(tape.param(&x())).shape()[..] == [2, 2])
    };
    all(
        &NUMBERS,
        &[
            ("Dropout", &|p| runs(&nn::Dropout::new(p, &mut rng()))),
            ("Mlp", &|p| runs(&nn::Mlp::new(&[2, 3, 2]).dropout(p).build(&mut rng()))),
            ("BatchNorm", &|eps| runs(&nn::BatchNorm1d::with(2, eps, 0.1))),
            ("BatchNorm", &|momentum| runs(&nn::BatchNorm1d::with(2, 1e-5, momentum))),
            ("LayerNorm", &|eps| runs(&nn::LayerNorm::new([2]).with_eps(eps))),
            ("GroupNorm", &|eps| runs(&nn::GroupNorm::new(1, 2).with_eps(eps))),
            ("", &|word| {
                let (tape, words) = (Tape::new(), nn::Embedding::<f32>::new(2, 3, &mut rng()));
                let y = words.forward(tape.constant([word as f32]));
                holds(y.to_vec() == words.weight.with(|w| w[word as usize * 3..][..3].to_vec()))
            }),
            ("", &|slope| runs(&nn::LeakyRelu(slope))),
            ("", &|alpha| runs(&nn::Elu(alpha))),
            ("", &|momentum| holds(RunningStats::<f32>::with_momentum(2, momentum).mean.shape()[..] == [2])),
        ],
    );
}

/// Two steps of an optimizer: the parameter is a number afterwards.
fn steps<R: Rule>(rule: R) -> Result<(), String> {
    let (w, tape) = (Param::<f32>::new("w", [1.0, 0.0]), Tape::new());
    let mut optimizer = FirstOrder::<R, f32>::with(rule);
    let grads = tape.backward((tape.param(&w) * tape.constant([0.5, 0.0])).sum());
    (0..2).for_each(|_| optimizer.step([&w], &grads));
    holds(w.with(|w| !w.iter().any(|w| w.is_nan())))
}
#[test]
fn optimizers_of_extreme_numbers() {
    let _alone = alone();
    let sgd = SgdOptions { momentum: 0.5, ..Default::default() };
    let (rms, centered) = (RmsPropOptions::default(), RmsPropOptions { centered: true, momentum: 0.5, ..Default::default() });
    all(
        &NUMBERS,
        &[
            ("lr", &|x| steps(SgdOptions { lr: x.min(1e30), ..sgd })),
            ("momentum", &|x| steps(SgdOptions { momentum: x, lr: 0.0, ..sgd })),
            ("dampening", &|x| steps(SgdOptions { dampening: x, lr: 0.0, ..sgd })),
            ("weight_decay", &|x| steps(SgdOptions { weight_decay: x, lr: 0.0, momentum: 0.0, ..sgd })),
            ("lr", &|x| steps(AdamOptions { lr: x, ..Default::default() })),
            ("betas", &|x| steps(AdamOptions { betas: (x, 0.9), ..Default::default() })),
            ("betas", &|x| steps(AdamOptions { betas: (0.9, x), ..Default::default() })),
            ("eps", &|x| steps(AdamOptions { eps: x, amsgrad: true, ..Default::default() })),
            ("weight_decay", &|x| steps(AdamOptions { weight_decay: x, ..Default::default() })),
            ("lr_decay", &|x| steps(AdagradOptions { lr_decay: x, ..Default::default() })),
            ("initial_accumulator_value", &|x| steps(AdagradOptions { initial_accumulator_value: x, ..Default::default() })),
            ("eps", &|x| steps(AdagradOptions { eps: x, ..Default::default() })),
            ("alpha", &|x| steps(RmsPropOptions { alpha: x, ..rms })),
            ("alpha", &|x| steps(RmsPropOptions { alpha: x, ..centered })),
            ("eps", &|x| steps(RmsPropOptions { eps: x, ..rms })),
            ("weight_decay", &|x| steps(RmsPropOptions { weight_decay: x, ..rms })),
            ("lr", &|x| holds(Lbfgs::<f32>::new(x).options().lr == x)),
            ("tolerance_grad", &|x| holds(Lbfgs::<f32>::with(LbfgsOptions { tolerance_grad: x, ..Default::default() }).lr() == 1.0)),
            ("tolerance_change", &|x| holds(Lbfgs::<f32>::with(LbfgsOptions { tolerance_change: x, ..Default::default() }).lr() == 1.0)),
            ("lr", &|x| {
                let mut optimizer = Sgd::<f32>::new(0.1);
                optimizer.set_lr(x);
                holds(optimizer.lr() == x)
            }),
            ("momentum", &|x| {
                let mut optimizer = Sgd::<f32>::with(sgd);
                optimizer.set_momentums(&[x]);
                holds(optimizer.momentums() == [Some(x)])
            }),
            ("max_norm", &|x| {
                clip_grad_norm(&mut Grads::<f32>::default(), x);
                Ok(())
            }),
            ("clip_value", &|x| {
                clip_grad_value(&mut Grads::<f64>::default(), x);
                Ok(())
            }),
        ],
    );
    all(
        &SIZES,
        &[
            ("max_iter", &|n| holds(Lbfgs::<f32>::with(LbfgsOptions { max_iter: n, ..Default::default() }).lr() == 1.0)),
            ("max_eval", &|n| holds(Lbfgs::<f32>::with(LbfgsOptions { max_eval: Some(n), ..Default::default() }).lr() == 1.0)),
            ("history_size", &|n| {
                let x = Param::<f64>::new("x", [3.0]);
                let mut optimizer = Lbfgs::with(LbfgsOptions { history_size: n, strong_wolfe: true, ..Default::default() });
                optimizer.step(std::slice::from_ref(&x), || {
                    let tape = Tape::new();
                    let loss = (tape.param(&x).square() + tape.param(&x).exp()).sum();
                    (loss.item(), tape.backward(loss))
                });
                holds(x.with(|x| x[0] < 0.0))
            }),
        ],
    );
}

/// The rates of some times: at least 0 and finite, or the state that leads to others is refused.
fn rates(schedule: impl Schedule + 'static) -> Result<(), String> {
    let mut optimizer = Adam::<f32>::new(0.1);
    let mut scheduler = Scheduler::new(&mut optimizer, schedule);
    for time in [0, 1, 2, 1 << 31, u64::MAX - 1, u64::MAX] {
        let mut state = scheduler.state();
        state.insert("last_epoch", time);
        match scheduler.load_state(&state) {
            Ok(()) => scheduler.step(&mut optimizer),
            Err(StateError::Type { name, found, .. }) if name == "base_lrs" && found.contains(&format!("at time {time}")) => continue,
            Err(e) => return Err(e.to_string()),
        }
        holds(optimizer.lr() >= 0.0 && optimizer.lr().is_finite())?;
    }
    Ok(())
}
#[test]
fn schedules_of_extreme_numbers() {
    let _alone = alone();
    let cycle = || OneCycleLr::new(0.1, 10);
    let plateau = ReduceLrOnPlateauOptions { patience: 0, ..Default::default() };
    let falls = |options: ReduceLrOnPlateauOptions, metric: f64| {
        let (mut optimizer, mut plateau) = (Sgd::<f32>::new(0.1), ReduceLrOnPlateau::new(options));
        [metric, 1.0, metric, metric].iter().for_each(|x| {
            plateau.step(*x, &mut optimizer);
        });
        holds((0.0..=0.1).contains(&optimizer.lr()))
    };
    all(
        &NUMBERS,
        &[
            ("rate", &|x| rates(StepLr { step_size: 3, gamma: x })),
            ("rate", &|x| rates(MultiStepLr { milestones: vec![0, u64::MAX], gamma: x })),
            ("rate", &|x| rates(ExponentialLr::new(x))),
            ("eta_min", &|x| rates(CosineAnnealingLr { t_max: 9, eta_min: x })),
            ("eta_min", &|x| rates(CosineAnnealingWarmRestarts { t_0: 9, t_mult: 2, eta_min: x })),
            ("start_factor", &|x| rates(LinearLr { start_factor: x, ..LinearLr::new(5) })),
            ("end_factor", &|x| rates(LinearLr { end_factor: x, ..LinearLr::new(5) })),
            ("max_lr", &|x| rates(OneCycleLr { max_lr: vec![x], ..cycle() })),
            ("pct_start", &|x| rates(OneCycleLr { pct_start: x, ..cycle() })),
            ("pct_start", &|x| rates(OneCycleLr { pct_start: x, three_phase: true, ..cycle() })),
            ("OneCycleLr", &|x| rates(OneCycleLr { div_factor: x, ..cycle() })),
            ("OneCycleLr", &|x| rates(OneCycleLr { final_div_factor: x, ..cycle() })),
            ("momentum", &|x| rates(OneCycleLr { base_momentum: x, ..cycle() })),
            ("momentum", &|x| rates(OneCycleLr { max_momentum: x, ..cycle() })),
            ("the schedule gives the rate", &|x| rates(move |_| x)),
            ("factor", &|x| falls(ReduceLrOnPlateauOptions { factor: x, ..plateau }, 2.0)),
            ("threshold", &|x| falls(ReduceLrOnPlateauOptions { threshold: Threshold::Relative(x), ..plateau }, 2.0)),
            ("threshold", &|x| falls(ReduceLrOnPlateauOptions { threshold: Threshold::Absolute(x), goal: Goal::Max, ..plateau }, 2.0)),
            ("min_lr", &|x| falls(ReduceLrOnPlateauOptions { min_lr: x, ..plateau }, 2.0)),
            ("eps", &|x| falls(ReduceLrOnPlateauOptions { eps: x, ..plateau }, 2.0)),
            ("", &|x| falls(plateau, x)),
        ],
    );
    all(
        &SIZES,
        &[
            ("step_size", &|n| rates(StepLr { step_size: n as u64, gamma: 0.5 })),
            ("MultiStepLr", &|n| rates(MultiStepLr { milestones: vec![n as u64; 3], gamma: 0.5 })),
            ("t_max", &|n| rates(CosineAnnealingLr::new(n as u64))),
            ("t_0", &|n| rates(CosineAnnealingWarmRestarts { t_0: n as u64, t_mult: 3, eta_min: 0.0 })),
            ("t_mult", &|n| rates(CosineAnnealingWarmRestarts { t_0: 2, t_mult: n as u64, eta_min: 0.0 })),
            ("total_iters", &|n| rates(LinearLr::new(n as u64))),
            ("total_steps", &|n| rates(OneCycleLr::new(0.1, n as u64))),
            ("milestone", &|n| rates(SequentialLr::new(StepLr::new(3)).then(n as u64, ExponentialLr::new(0.5)))),
            ("", &|n| falls(ReduceLrOnPlateauOptions { patience: n as u64, cooldown: n as u64, ..plateau }, 2.0)),
        ],
    );
}

/// A data set of any number of examples.
struct Endless(usize);
impl Dataset for Endless {
    type Number = f32;
    type Target = Vec<usize>;
    fn len(&self) -> usize {
        self.0
    }
    fn get(&self, rows: &[usize]) -> Examples {
        Examples::new(Array2::zeros((rows.len(), 1)), rows.to_vec())
    }
}
fn few() -> Examples {
    Examples::new(array![[0f32], [1.0], [2.0]], vec![0, 1, 0])
}
#[test]
fn data_of_extreme_sizes() {
    let _alone = alone();
    all(
        &SIZES,
        &[
            ("Loader", &|n| holds(Loader::new(few(), n).shuffle(n as u64).epoch(n as u64).map(|b| b.len()).sum::<usize>() == 3)),
            ("Loader", &|n| holds(Loader::new(few(), 2).drop_last().prefetch(n).epoch_from(u64::MAX, n).count() <= 1)),
            ("Loader", &|n| {
                let first = Loader::new(Endless(n), 2).prefetch(n).epoch(0).next();
                holds(first.is_none_or(|b| b.y[0] == 0))
            }),
            ("Loader", &|n| {
                let loader = Loader::new(Endless(n.min(100)), 2).shuffle(1);
                holds(loader.epoch(0).count() == n.min(100).div_ceil(2))
            }),
            ("Subset", &|n| holds(Subset::new(few(), vec![n]).len() == 1)),
            ("select", &|n| holds(few().select(&[n]).len() == 1)),
            ("", &|n| holds(few().first(n).len() == n.min(3))),
            ("one_hot", &|n| holds(one_hot::<f32>(&[0], n).shape() == [1, n])),
            ("one_hot", &|n| holds(one_hot::<f64>(&[n], 2)[[0, n]] == 1.0)),
            ("one_hot", &|n| holds(one_hot::<f32>(&[], n).shape() == [0, n])),
            ("WeightedSampler", &|n| holds(WeightedSampler::new(&[1.0], n.min(1 << 33), 0).samples() == n)),
            ("WeightedSampler", &|n| holds(WeightedSampler::new(&[1.0, 2.0], n, 0).without_replacement().rows(0).len() == n)),
            ("", &|n| holds(Augment::new(n as u64).flip().apply(&images(), n as u64, n.min(9)).shape() == images().shape())),
            ("augment", &|n| holds(Augment::new(1).shift(n).apply(&images(), 0, 0).shape() == images().shape())),
            ("Csv", &|n| told(Csv::new().label(n).max_rows(n).max_bytes(n as u64).read::<f32>("1,2\n3,4\n".as_bytes()))),
            ("ConfusionMatrix", &|n| holds(ConfusionMatrix::new(n).classes() == n)),
            ("class_counts", &|n| holds(class_counts([[0, 0]], n, None)[[0, 0]] == 2)),
            ("k is", &|n| holds(top_k_accuracy(array![[1.0, 2.0]], &[1], n) == 1.0)),
            ("", &|n| {
                let mut mean = Mean::new();
                [1.0, 1.0].iter().for_each(|x| mean.add(*x, n));
                holds(n == 0 || mean.value() == 1.0)
            }),
        ],
    );
    all(
        &pairs(&SIZES),
        &[
            ("augment", &|(a, b)| {
                let part = Augment::new(1).crop(a, 1, b).apply(&images(), 0, 0);
                holds(part.shape() == [2, 1, a, 1])
            }),
            ("augment", &|(a, b)| holds(Augment::new(1).crop(a, b, 1).apply(&images(), 0, 0).shape() == [2, 1, a, b])),
            ("", &|(a, b)| {
                let header = [&[0, 0, 8, 2][..], &(a as u32).to_be_bytes(), &(b as u32).to_be_bytes()].concat();
                told(Idx::read(&*header)).and_then(|()| told(Idx::read_at_most(&*header, u64::MAX)))
            }),
        ],
    );
}
fn images() -> ArrayD<f32> {
    ArrayD::ones(IxDyn(&[2, 1, 3, 3]))
}
#[test]
fn data_of_extreme_numbers() {
    let _alone = alone();
    let bytes: Vec<u8> = (0..=255).collect();
    all(
        &NUMBERS,
        &[
            ("split", &|x| holds(split_rows(4, x, 1).1.len() == (4.0 * x).round() as usize)),
            ("split", &|x| holds(few().split_stratified(x, 1).1.len() == (3.0 * x).round() as usize)),
            ("augment", &|x| holds(Augment::new(1).shift(1).fill(x).apply(&images(), 0, 0).iter().all(|x| x.is_finite()))),
            ("Normalization", &|x| holds(Normalization::new([x], [1.0]).mean() == [x])),
            ("Normalization", &|x| holds(Normalization::new([0.0], [x]).std() == [x])),
            ("Normalization", &|x| {
                let mut values = array![[x], [1.0], [x]].into_dyn();
                Normalization::fit(&values).apply(&mut values);
                holds(values.iter().all(|x| x.abs() <= 1.5))
            }),
            ("Normalization", &|x| {
                let mut values = array![[x as f32], [0.0]].into_dyn();
                Normalization::fit(&values).apply(&mut values);
                holds(values.iter().all(|x| x.abs() <= 1.01))
            }),
            ("WeightedSampler", &|x| holds(WeightedSampler::new(&[x, x], 3, 0).rows(0).len() == 3)),
            ("WeightedSampler", &|x| holds(WeightedSampler::new(&[1.0, x], 1, 0).without_replacement().rows(0).len() == 1)),
            ("MovingAverage", &|x| holds(MovingAverage::new(x).add(2.0) == 2.0)),
        ],
    );
    all(
        &bytes,
        &[
            ("Csv::separator", &|b| {
                let text = [&b"1"[..], &[b], b"2\n"].concat();
                let read = Csv::new().separator(b).read::<f32>(&*text).map_err(|e| e.to_string())?;
                holds(read.x[[0, 0]] == 1.0 && read.y == [2])
            }),
            ("Csv", &|b| {
                let read = Csv::new().decimal(b).read::<f32>("1.5,2\n".as_bytes()).map_err(|e| e.to_string())?;
                holds(read.x[[0, 0]] == 1.5 && read.y == [2])
            }),
        ],
    );
}

#[test]
fn first_values_of_extreme_arguments() {
    let _alone = alone();
    all(
        &pairs(&SIZES),
        &[
            ("uniform", &|(a, b)| holds(init::uniform::<f32, _>((a, b), 0.0, 1.0, &mut rng()).dim() == (a, b))),
            ("normal", &|(a, b)| holds(init::normal::<f64, _>((a, b), 0.0, 1.0, &mut rng()).dim() == (a, b))),
            ("", &|(a, b)| holds(init::xavier_uniform::<f32, _>((a, b), &mut rng()).dim() == (a, b))),
            ("", &|(a, b)| holds(init::xavier_normal::<f32, _>((a, b, a), &mut rng()).dim() == (a, b, a))),
            ("", &|(a, b)| holds(init::he_uniform::<f32, _>((a, b, 2, 2), &mut rng()).dim() == (a, b, 2, 2))),
            ("", &|(a, b)| holds(init::he_normal::<f32, _>(&[a, b][..], &mut rng()).shape() == [a, b])),
            ("", &|(a, b)| holds(init::he_normal_fan_out::<f32, _>((a, b), &mut rng()).iter().all(|x| x.is_finite()))),
            ("orthogonal", &|(a, b)| holds(init::orthogonal::<f32, _>((a, b), 1.0, &mut rng()).dim() == (a, b))),
            ("constant", &|(a, b)| holds(init::constant::<f32, _>((a, b), 1.0).dim() == (a, b))),
            ("constant", &|(a, b)| holds(init::zeros::<f64, _>((b, a)).dim() == (b, a))),
        ],
    );
    all(
        &pairs(&NUMBERS),
        &[
            ("uniform", &|(a, b)| holds(init::uniform::<f64, _>(3, a, b, &mut rng()).iter().all(|x| x.is_finite()))),
            ("normal", &|(a, b)| holds(!init::normal::<f64, _>(3, a, b, &mut rng()).iter().any(|x| x.is_nan()))),
            ("orthogonal", &|(a, _)| holds(!init::orthogonal::<f64, _>((2, 2), a, &mut rng()).iter().any(|x| x.is_nan()))),
            ("", &|(a, _)| holds(init::constant::<f64, _>(1, a).iter().all(|x| x.to_bits() == a.to_bits()))),
        ],
    );
    all(&SIZES, &[("", &|n| holds((0.0..=1.0).contains(&init::pytorch_bound(n))))]);
}

#[test]
fn files_of_extreme_sizes_and_numbers() {
    let _alone = alone();
    let folder = std::env::temp_dir().join(format!("wengert-extremes-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    all(
        &pairs(&SIZES),
        &[
            ("", &|(a, b)| {
                let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({a}, {b}), }}\n");
                told(npy::from_bytes(&[b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes()].concat()))
            }),
            ("", &|(a, b)| {
                let header = format!(r#"{{"w":{{"dtype":"F32","shape":[{a},{b}],"data_offsets":[0,{a}]}}}}"#);
                told(safetensors::from_bytes(&[&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat()))
            }),
            ("", &|(a, b)| {
                let path = folder.join("checkpoint");
                Checkpoint::at(a as u64, b).save(&path).map_err(|e| e.to_string())?;
                let read = Checkpoint::load(&path).map_err(|e| e.to_string())?;
                holds((read.epoch(), read.batch()) == (a as u64, b))
            }),
            ("", &|(a, b)| {
                let mut events = EventWriter::resume(&folder, a as u64).map_err(|e| e.to_string())?;
                told(events.scalar("a", b as u64, a as f64))
            }),
        ],
    );
    all(
        &pairs(&NUMBERS),
        &[
            ("", &|(a, b)| {
                let mut events = EventWriter::create(&folder).map_err(|e| e.to_string())?;
                told(events.scalar("a", 1, a))?;
                told(events.histogram("b", 1, [a, b, a]))?;
                told(events.image("c", 1, [[a, b]]))
            }),
            ("", &|(a, b)| {
                let state = State::from_iter([("a", a), ("b", b)]);
                let (read, _) =
                    safetensors::from_bytes(&safetensors::to_bytes(&state, &[]).map_err(|e| e.to_string())?).map_err(|e| e.to_string())?;
                holds(read.number("a").unwrap().to_bits() == a.to_bits() && read.number("b").unwrap().to_bits() == b.to_bits())
            }),
            ("", &|(a, b)| {
                let Ok(Values::F64(read)) = npy::from_bytes(&npy::to_bytes(&array![a, b].into_dyn().into())) else { return holds(false) };
                holds(read[0].to_bits() == a.to_bits() && read[1].to_bits() == b.to_bits())
            }),
        ],
    );
    std::fs::remove_dir_all(folder).unwrap();
}

#[cfg(feature = "plot")]
#[test]
fn pictures_of_extreme_numbers() {
    let _alone = alone();
    use wengert::plot::{Curves, Regions, feature_maps, filters};
    all(
        &pairs(&NUMBERS),
        &[
            ("", &|(a, b)| holds(Curves::new("t", "x", "y").points("s", &[(a, b), (b, a), (0.0, 1.0)]).draw().svg().ends_with("</svg>\n"))),
            ("", &|(a, b)| holds(Curves::new("t", "x", "y").series("s", &[a, b]).log_scale().draw().svg().contains("<svg"))),
            ("Regions", &|(a, b)| {
                let points = array![[a, b], [b, a]];
                let drawn = Regions::new("t", points.view(), &[0, 1]).draw(|x| x.mapv(|x| x.min(b)).into_dyn());
                holds(drawn.svg().contains("<svg"))
            }),
            ("Regions", &|(a, b)| {
                let points = array![[0.0, 1.0]];
                let drawn = Regions::new("t", points.view(), &[0]).ranges(a..b, a..b).draw(|x| x.clone().into_dyn());
                holds(drawn.svg().contains("<svg"))
            }),
            ("filters", &|(a, b)| holds(filters("t", array![[[[a, b]]]]).svg().contains("<svg"))),
            ("feature_maps", &|(a, b)| holds(feature_maps("t", array![[[a, b]]]).svg().contains("<svg"))),
        ],
    );
    all(
        &SIZES,
        &[
            ("Curves::size", &|n| {
                holds(Curves::new("t", "x", "y").series("s", &[1.0]).size(n as u32, n as u32).draw().svg().contains("<svg"))
            }),
            ("Regions", &|n| {
                let points = array![[0.0, 1.0]];
                holds(Regions::new("t", points.view(), &[n]).draw(|x| x.clone().into_dyn()).svg().contains("<svg"))
            }),
        ],
    );
}
#[cfg(feature = "rl")]
#[test]
fn reinforcement_learning() {
    use wengert::rl::*;
    let _alone = alone();
    let memory = |a: usize, b: usize| ReplayMemory::<u8>::new(a, &[b]);
    all(
        &pairs(&SIZES),
        &[
            ("ReplayMemory", &|(a, b)| holds(memory(a, b).stacked().capacity() == a)),
            ("", &|(a, b)| holds(memory(a, b).prioritized(PriorityOptions::default()).is_empty())),
            ("Linear", &|(a, b)| holds(DuelingHead::<f32>::new(a, 1, b, &mut rng()).parameter_count() > 0)),
        ],
    );
    all(
        &SIZES,
        &[
            ("SumTree", &|n| holds(SumTree::new(n).len() == n)),
            ("FrameStack", &|n| holds(FrameStack::new(Catch::new(), n).reset(1).len() == 7056 * n)),
            ("Epsilon", &|n| holds(Epsilon::linear(1.0, 0.0, n as u64).at(0) == 1.0)),
            ("Episode", &|n| holds(Episode::new(Some(n as u64)).steps() == 0)),
        ],
    );
    all(
        &NUMBERS,
        &[
            ("Epsilon", &|x| holds((0.0..=1.0).contains(&Epsilon::exponential(x, x, 1.0).at(5)))),
            ("Epsilon", &|x| holds((0.0..=1.0).contains(&Epsilon::exponential(1.0, 0.0, x).at(5)))),
            ("SumTree", &|x| {
                let mut tree = SumTree::new(3);
                tree.set(1, x);
                holds(x == 0.0 || tree.find(tree.total()) == 1)
            }),
            ("CartPole", &|x| holds(CartPole::new().set_state([x; 4]).len() == 4)),
            ("Acrobot", &|x| {
                let mut env = Acrobot::new();
                env.set_state([x; 4]);
                env.step(0);
                Ok(())
            }),
            ("soft_update", &|x| {
                soft_update(&nn::Linear::<f32>::new(1, 1, &mut rng()), &nn::Linear::new(1, 1, &mut rng()), x);
                Ok(())
            }),
        ],
    );
}
