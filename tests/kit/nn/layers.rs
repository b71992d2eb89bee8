//! Compares layers with PyTorch 2.15: values and gradients in f64, in training and in evaluation. Also tests what layers refuse.

use crate::kit::helpers::{filled, x};
use ndarray::{ArrayD, IxDyn};
use wengert::nn::*;
use wengert::{Conv1dOptions, Conv2dOptions, ConvTranspose2dOptions, Tape, Var, init};

fn words() -> ArrayD<f64> {
    ndarray::array![[0.0, 1.0, 4.0], [4.0, 2.0, 0.0]].into_dyn()
}

/// The k-th parameter of the module holds 0.4 sin(0.7 i + k) + 0.1. Compares, in training and then in evaluation, the sum of the output
/// times cos(0.3 i), and the sums of the gradients of that number by x and by each parameter times cos(0.9 i), with PyTorch's.
#[track_caller]
fn follows_pytorch(module: &dyn Forward<f64>, x: ArrayD<f64>, names: &[&str], expected: [&[f64]; 2]) {
    let named = module.named_parameters();
    assert_eq!(named.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), names);
    for (k, (_, p)) in named.iter().enumerate() {
        p.set(filled(p.shape(), |i| (i * 0.7 + k as f64).sin() * 0.4 + 0.1));
    }
    for (training, expected) in [true, false].into_iter().zip(expected) {
        module.set_training(training);
        let tape = Tape::new();
        let input = tape.leaf(&x);
        let y = module.forward(input);
        let loss = (y * tape.constant(filled(&y.shape(), |i| (i * 0.3).cos()))).sum();
        let weighted = |g: Var<'_, f64>| (g * tape.constant(filled(&g.shape(), |i| (i * 0.9).cos()))).sum().item();
        let by: Vec<Var<'_, f64>> = [input].into_iter().chain(named.iter().map(|(_, p)| tape.param(p))).collect();
        let found: Vec<f64> = [loss.item()].into_iter().chain(tape.grad(loss, &by).into_iter().flatten().map(weighted)).collect();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-11 * (1.0 + expected.abs()), "training {training}: {found} but PyTorch has {expected}");
        }
    }
}

#[test]
fn linear() {
    let rng = &mut init::seeded(1);
    let module = Linear::new(3, 4, rng);
    follows_pytorch(
        &module,
        x(&[5, 3]),
        &["weight", "bias"],
        [
            &[-0.3828785328998434, 0.6825399139318487, 1.4410389310603762, -0.045410095106863224],
            &[-0.3828785328998434, 0.6825399139318487, 1.4410389310603762, -0.045410095106863224],
        ],
    );
}
#[test]
fn linear_without_bias() {
    let rng = &mut init::seeded(1);
    let module = Linear::new(3, 4, rng).without_bias();
    follows_pytorch(
        &module,
        x(&[2, 5, 3]),
        &["weight"],
        [&[-1.8064197247793907, 0.7254840799487536, 2.6146044158610566], &[-1.8064197247793907, 0.7254840799487536, 2.6146044158610566]],
    );
}
#[test]
fn conv1d_of_groups() {
    let rng = &mut init::seeded(1);
    let module = Conv1d::with(2, 4, [3], Conv1dOptions { stride: [2], padding: 1.into(), groups: 2, ..Default::default() }, rng);
    follows_pytorch(
        &module,
        x(&[2, 2, 7]),
        &["weight", "bias"],
        [
            &[3.051694626222746, -0.2695967739724653, 11.076529434890961, 13.083683862811096],
            &[3.051694626222746, -0.2695967739724653, 11.076529434890961, 13.083683862811096],
        ],
    );
}
#[test]
fn conv2d_with_stride() {
    let rng = &mut init::seeded(1);
    let module = Conv2d::with(2, 3, [3, 2], Conv2dOptions { stride: [2, 1], padding: 1.into(), ..Default::default() }, rng).without_bias();
    follows_pytorch(
        &module,
        x(&[2, 2, 5, 4]),
        &["weight"],
        [&[-3.723413261216573, 0.1115294784926012, 16.779226311766898], &[-3.723413261216573, 0.1115294784926012, 16.779226311766898]],
    );
}
#[test]
fn conv_transpose2d_of_groups() {
    let rng = &mut init::seeded(1);
    let module = ConvTranspose2d::with(
        4,
        6,
        [3, 3],
        ConvTranspose2dOptions { stride: [2, 2], padding: [1, 1], output_padding: [1, 1], groups: 2, ..Default::default() },
        rng,
    );
    follows_pytorch(
        &module,
        x(&[2, 4, 3, 3]),
        &["weight", "bias"],
        [
            &[0.28035684882891854, -1.5322405005935398, 3.1302300142355266, -0.5323947013460826],
            &[0.28035684882891854, -1.5322405005935398, 3.1302300142355266, -0.5323947013460826],
        ],
    );
}
#[test]
fn batch_norm_of_rows() {
    let module = BatchNorm1d::new(3);
    follows_pytorch(
        &module,
        x(&[5, 3]),
        &["weight", "bias"],
        [
            &[1.1081261127130861, 0.4123096432338881, 3.0946727206648377, -0.6680906062544887],
            &[0.32524860589589044, 0.009776508491833535, 1.9955801501551498, -0.6680906062544887],
        ],
    );
}
#[test]
fn batch_norm_of_images() {
    let module = BatchNorm2d::with(3, 1e-3, 0.3);
    follows_pytorch(
        &module,
        x(&[2, 3, 3, 2]),
        &["weight", "bias"],
        [
            &[1.2193066901947207, -0.35154656346422364, 0.2803598381216377, 7.5644948033726],
            &[1.7954780847321172, -0.2661658406753552, 6.798709963036055, 7.5644948033726],
        ],
    );
}
#[test]
fn layer_norm() {
    let module = LayerNorm::new([3, 2]);
    assert!(module.weight().unwrap().is(&module.parameters()[0]) && module.bias().unwrap().is(&module.parameters()[1]));
    follows_pytorch(
        &module,
        x(&[4, 3, 2]),
        &["weight", "bias"],
        [
            &[1.556414986946721, 0.2502226601595351, -7.245243676901035, -0.15250768489411515],
            &[1.556414986946721, 0.2502226601595351, -7.245243676901035, -0.15250768489411515],
        ],
    );
}
#[test]
fn group_norm() {
    let module = GroupNorm::new(2, 4);
    assert!(module.weight().unwrap().is(&module.parameters()[0]) && module.bias().unwrap().is(&module.parameters()[1]));
    follows_pytorch(
        &module,
        x(&[3, 4, 2, 2]),
        &["weight", "bias"],
        [
            &[7.578295480755136, 0.9668778256285162, -0.6020364658872825, 8.159383925305326],
            &[7.578295480755136, 0.9668778256285162, -0.6020364658872825, 8.159383925305326],
        ],
    );
}
#[test]
fn embedding() {
    let rng = &mut init::seeded(1);
    let module = Embedding::new(5, 3, rng).with_padding(1);
    follows_pytorch(
        &module,
        words(),
        &["weight"],
        [&[1.1559662934686605, -2.9013106724346067], &[1.1559662934686605, -2.9013106724346067]],
    );
}
#[test]
fn basic_block_with_downsample() {
    let rng = &mut init::seeded(1);
    let module = BasicBlock::new(2, 3, 2, rng);
    follows_pytorch(
        &module,
        x(&[2, 2, 6, 6]),
        &[
            "conv1.weight",
            "bn1.weight",
            "bn1.bias",
            "conv2.weight",
            "bn2.weight",
            "bn2.bias",
            "downsample.0.weight",
            "downsample.1.weight",
            "downsample.1.bias",
        ],
        [
            &[
                0.7934018593577759,
                0.6999306499718615,
                -0.09578906340249416,
                0.03986870093900513,
                -0.05207088626118188,
                -0.12740063846421656,
                -0.10352796966604147,
                -1.692509022815201,
                0.5824663252707369,
                -1.9073933568854544,
                -1.692509022815201,
            ],
            &[
                -0.9296405682705318,
                -0.050030148631848334,
                -0.1656799666363577,
                -0.07980092055976813,
                -0.29495192190394387,
                0.23712966718985679,
                0.25696098235508336,
                -3.986192859731665,
                -0.25600859890450645,
                -0.9812141180827738,
                -3.986192859731665,
            ],
        ],
    );
}
#[test]
fn basic_block() {
    let rng = &mut init::seeded(1);
    let module = BasicBlock::new(2, 2, 1, rng);
    follows_pytorch(
        &module,
        x(&[2, 2, 4, 4]),
        &["conv1.weight", "bn1.weight", "bn1.bias", "conv2.weight", "bn2.weight", "bn2.bias"],
        [
            &[
                4.327331808486692,
                -1.1223221527368372,
                -0.27745059431469166,
                0.12789716587235705,
                -0.13329869270840933,
                0.621834221216857,
                3.0386995942997967,
                6.065753609546515,
            ],
            &[
                2.0288601639894948,
                -3.4813903843372973,
                -0.6431565765286851,
                -1.1472607285741927,
                -1.228446850939225,
                -1.8927687105492261,
                4.817278522211904,
                5.058418903767571,
            ],
        ],
    );
}
#[test]
fn inverted_residual() {
    let rng = &mut init::seeded(1);
    let module = InvertedResidual::new(2, 2, 1, 3, rng);
    follows_pytorch(
        &module,
        x(&[2, 2, 4, 4]),
        &[
            "conv.0.0.weight",
            "conv.0.1.weight",
            "conv.0.1.bias",
            "conv.1.0.weight",
            "conv.1.1.weight",
            "conv.1.1.bias",
            "conv.2.weight",
            "conv.3.weight",
            "conv.3.bias",
        ],
        [
            &[
                12.390067472606006,
                -1.8686652308604916,
                1.2835097571171075,
                0.47332254609347707,
                -0.48816023445593826,
                -1.6150296691248993,
                1.0456618707654175,
                -1.4162868820009378,
                2.0454834650557383,
                3.1384851948158285,
                0.9404436691098341,
            ],
            &[
                10.545965695047089,
                1.1298003370227816,
                -0.007106228184565366,
                0.021427650967815435,
                -0.0030439085376885756,
                -0.01509458130690023,
                -0.006859311002937006,
                -0.27451884163338053,
                -0.44485048360689705,
                0.3468819650645511,
                0.9404436691098341,
            ],
        ],
    );
}
#[test]
fn a_sequence_with_pools() {
    let rng = &mut init::seeded(1);
    let module = Sequential::new()
        .push(Conv2d::new(1, 2, [3, 3], rng))
        .push(MaxPool2d::new([2, 2]))
        .push(Gelu)
        .push(AvgPool2d::new([2, 2]))
        .push(Flatten)
        .push(Linear::new(8, 3, rng))
        .push(Softmax(-1));
    follows_pytorch(
        &module,
        x(&[2, 1, 10, 10]),
        &["0.weight", "0.bias", "5.weight", "5.bias"],
        [
            &[
                1.2934899279676038,
                0.0037410650752538748,
                0.29056045212691584,
                -0.08673823946334412,
                0.1527842843874452,
                0.15493495118733636,
            ],
            &[
                1.2934899279676038,
                0.0037410650752538748,
                0.29056045212691584,
                -0.08673823946334412,
                0.1527842843874452,
                0.15493495118733636,
            ],
        ],
    );
}

#[test]
fn running_statistics_are_pytorchs() {
    // torch.nn.BatchNorm1d(2) after two batches
    let norm = BatchNorm1d::<f64>::new(2);
    let tape = Tape::new();
    for batch in [[[1.0, 10.0], [3.0, 50.0]], [[0.0, -2.0], [8.0, 4.0]]] {
        let _ = norm.forward(tape.constant(batch));
    }
    let buffers = norm.named_buffers();
    let expected = [("running_mean", [0.58, 2.8]), ("running_var", [4.19, 74.61])];
    for ((name, buffer), (expected_name, expected)) in buffers.iter().zip(expected) {
        assert_eq!(name, expected_name);
        for (found, expected) in buffer.to_array().iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{name}: {found} {expected}");
        }
    }
    norm.eval();
    let before = norm.state();
    let _ = norm.forward(tape.constant([[5.0, 5.0], [7.0, 7.0]]));
    assert_eq!(norm.state(), before, "evaluation leaves the statistics alone");
}

#[test]
fn dropout_keeps_the_mean_and_depends_on_seed_and_call() {
    let new = || Dropout::<f64>::new(0.3, &mut init::seeded(5));
    let tape = Tape::new();
    let ones = tape.leaf(ArrayD::from_elem(IxDyn(&[100, 100]), 1.0));
    let (a, b) = (new(), new());
    let first = a.forward(ones);
    let dropped = first.to_vec().iter().filter(|&&y| y == 0.0).count();
    assert!((2800..3200).contains(&dropped), "{dropped}");
    assert!(first.to_vec().iter().all(|&y| y == 0.0 || (y - 1.0 / 0.7).abs() < 1e-15));
    assert_eq!(first.to_vec(), b.forward(ones).to_vec());
    let second = a.forward(ones).to_vec();
    assert_ne!(first.to_vec(), second);
    assert_eq!(tape.grad(first.sum(), &[ones])[0].unwrap().to_vec(), first.to_vec(), "the gradient takes the same way");
    // A generator continues from its saved state.
    let fresh = Dropout::<f64>::new(0.3, &mut init::seeded(6));
    fresh.load_generators(&b.generators()).unwrap();
    assert_eq!(fresh.forward(ones).to_vec(), second);
    a.eval();
    assert_eq!(a.forward(ones).to_vec(), ones.to_vec());
}
#[test]
fn dropout_of_all_and_of_none() {
    let rng = &mut init::seeded(1);
    let tape = Tape::<f32>::new();
    let x = tape.constant([1.0, -2.0, 3.0]);
    assert_eq!(Dropout::new(1.0, rng).forward(x).to_vec(), [0.0; 3]);
    // A number that is left out becomes 0 whatever it was, and so does its gradient.
    let wild = tape.leaf([f32::INFINITY, f32::NAN, -f32::INFINITY]);
    let y = Dropout::new(1.0, rng).forward(wild);
    let wilder = tape.constant([f32::INFINITY, f32::NAN, 1.0]);
    let gradient = tape.grad_with(y, wilder, &[wild])[0].unwrap();
    assert_eq!((y.to_vec(), gradient.to_vec()), (vec![0.0; 3], vec![0.0; 3]));
    assert_eq!(Dropout::new(0.0, rng).forward(x).to_vec(), [1.0, -2.0, 3.0]);
    let empty = tape.constant(ArrayD::<f32>::zeros(IxDyn(&[0, 3])));
    assert_eq!(Dropout::new(0.5, rng).forward(empty).shape(), [0, 3]);
}
#[test]
#[should_panic(expected = "Dropout: the probability must be from 0 to 1, not 1.5")]
fn dropout_needs_a_probability() {
    Dropout::<f32>::new(1.5, &mut init::seeded(1));
}
#[test]
#[should_panic(expected = "Conv: 2 groups do not divide 3 input and 4 output channels")]
fn groups_divide_channels() {
    Conv2d::<f32>::with(3, 4, [1, 1], Conv2dOptions { groups: 2, ..Default::default() }, &mut init::seeded(1));
}
#[test]
#[should_panic(expected = "GroupNorm: 4 channels do not fall into 3 groups")]
fn group_norm_needs_equal_groups() {
    GroupNorm::<f32>::new(3, 4);
}
#[test]
#[should_panic(expected = "Embedding: padding_idx 5 is not one of 5 words")]
fn the_padding_is_a_word() {
    let _ = Embedding::<f32>::new(5, 2, &mut init::seeded(1)).with_padding(5);
}
#[test]
fn probabilities_that_cannot_be() {
    for p in [-0.5, 1.5, f64::NAN] {
        let panic = std::panic::catch_unwind(|| Mlp::new(&[2, 3, 1]).dropout(p)).expect_err("must panic");
        assert!(panic.downcast_ref::<String>().unwrap().starts_with("Mlp: the probability of dropout must be from 0 to 1, not "));
    }
}

#[test]
fn activations_are_the_methods_of_the_same_name() {
    let tape = Tape::<f64>::new();
    let x = tape.constant([-1.5, 0.25, 7.0]);
    let pairs = [
        (Identity, x),
        (Relu, x.relu()),
        (Relu6, x.relu6()),
        (LeakyRelu(0.1), x.leaky_relu(0.1)),
        (Elu(0.5), x.elu(0.5)),
        (Gelu, x.gelu()),
        (Silu, x.silu()),
        (Hardswish, x.hardswish()),
        (Sigmoid, x.sigmoid()),
        (Tanh, x.tanh()),
        (Softplus, x.softplus()),
        (Softmax(0), x.softmax(0)),
        (LogSoftmax(-1), x.log_softmax(-1)),
    ];
    for (activation, expected) in pairs {
        assert_eq!(activation.forward(x).to_vec(), expected.to_vec(), "{activation:?}");
    }
}

/// Weight decay and momentum change parameters with gradient 0, but not the padding row.
#[test]
fn a_padding_row_stays_with_every_optimizer() {
    use wengert::Param;
    use wengert::optim::*;
    let decay = SgdOptions { lr: 0.1, momentum: 0.9, weight_decay: 0.5, ..Default::default() };
    type Make = fn() -> Box<dyn Optimizer<f64>>;
    let optimizers: [Make; 6] = [
        || Box::new(Sgd::with(SgdOptions { lr: 0.1, weight_decay: 0.5, ..Default::default() })),
        || Box::new(Sgd::with(SgdOptions { lr: 0.1, momentum: 0.9, weight_decay: 0.5, ..Default::default() })),
        || Box::new(Adam::with(AdamOptions { weight_decay: 0.5, amsgrad: true, ..Default::default() })),
        || Box::new(Adam::with(AdamOptions { weight_decay: 0.5, ..AdamOptions::adamw(0.1) })),
        || Box::new(Adagrad::with(AdagradOptions { weight_decay: 0.5, ..Default::default() })),
        || Box::new(RmsProp::with(RmsPropOptions { weight_decay: 0.5, momentum: 0.5, centered: true, ..Default::default() })),
    ];
    let rows = |w: &Param<f64>| w.with(|w| w.chunks(2).map(<[f64]>::to_vec).collect::<Vec<_>>());
    for (i, make) in optimizers.into_iter().enumerate() {
        for set in [false, true] {
            let words = Embedding::<f64>::new(4, 2, &mut init::seeded(1)).with_padding(1);
            if set {
                let mut state = words.state();
                state.insert("weight", ndarray::array![[1.0, 2.0], [1.0, 1.0], [5.0, 6.0], [7.0, 8.0]].into_dyn());
                words.load_state(&state).unwrap(); // a row that is not 0
            }
            let (before, mut optimizer, mut tape) = (rows(&words.weight), make(), Tape::new());
            for _ in 0..5 {
                let grads = tape.backward(words.lookup(&tape, [1, 0, 2, 1]).square().sum());
                tape.reset();
                optimizer.step(&words.parameters(), &grads);
            }
            let after = rows(&words.weight);
            assert_eq!(after[1], before[1], "optimizer {i}");
            // The other rows are trained. So is the one that was not looked up: it decays.
            assert!([0, 2, 3].iter().all(|&row| after[row] != before[row]), "optimizer {i}");
        }
    }
    // The row has momentum from before it became the padding.
    let (mut words, mut optimizer) = (Embedding::<f64>::new(3, 2, &mut init::seeded(2)), Sgd::with(decay));
    let step = |words: &Embedding<f64>, optimizer: &mut Sgd<f64>| {
        let tape = Tape::new();
        let grads = tape.backward(words.lookup(&tape, [0, 1]).square().sum());
        optimizer.step(&words.parameters(), &grads);
    };
    step(&words, &mut optimizer);
    words.padding_idx = Some(0);
    let before = rows(&words.weight);
    step(&words, &mut optimizer);
    assert_eq!(rows(&words.weight)[0], before[0]);
    // The same with L-BFGS.
    let mut lbfgs = Lbfgs::<f64>::new(0.5);
    lbfgs.step(&words.parameters(), || {
        let tape = Tape::new();
        let loss = (words.lookup(&tape, [0, 1, 2]) - 1.0).square().sum();
        let grads = tape.backward(loss);
        (loss.item(), grads)
    });
    assert!(rows(&words.weight)[0] == before[0] && rows(&words.weight)[1] != before[1]);
}
/// Elements that a user freezes after the padding was set stay frozen after lookups. A new padding row is frozen from then on.
#[test]
fn what_is_frozen_beside_the_padding() {
    let mut words = Embedding::<f64>::new(6, 2, &mut init::seeded(3)).with_padding(1);
    let tape = Tape::new();
    let after = |words: &Embedding<f64>| {
        assert_eq!(words.lookup(&tape, [0, 1]).shape(), [2, 2]);
        words.weight.frozen_elements()
    };
    assert_eq!(after(&words), 2..4);
    for range in [0..8, 0..0, 2..12] {
        words.weight.freeze_elements(range.clone());
        assert_eq!([after(&words), after(&words)], [range.clone(), range]);
    }
    words.padding_idx = Some(0); // in addition to the frozen elements
    assert_eq!(after(&words), 0..12);
    words.weight.freeze_elements(0..2);
    words.padding_idx = Some(4);
    assert_eq!(after(&words), 8..10); // replaces the last one
    words.padding_idx = Some(3);
    assert_eq!(after(&words), 6..8);
    words.padding_idx = None;
    assert_eq!(after(&words), 6..8);
    words.weight = wengert::Param::new("other", ndarray::Array2::zeros((6, 2)));
    words.padding_idx = Some(3);
    assert_eq!(after(&words), 6..8); // another table is frozen too
}
#[test]
fn sizes_that_no_layer_can_have_are_refused() {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    let refused = |says: &str, make: &dyn Fn()| {
        let text = catch_unwind(AssertUnwindSafe(make)).expect_err(says).downcast::<String>().unwrap();
        assert!(text.starts_with(says) && text.contains("\n  at tests/kit/nn/layers.rs:") && text.contains("\n  hint: "), "{text}");
    };
    let rng = || init::seeded(1);
    for n in [1 << 32, 1 << 40, isize::MAX as usize, usize::MAX] {
        refused("Linear: weights [out_features, in_features]: an array of shape [", &|| drop(Linear::<f32>::new(n, n, &mut rng())));
        refused("Linear: ", &|| drop(Linear::<f64>::new(1, n, &mut rng())));
        refused("Embedding: a table", &|| drop(Embedding::<f32>::new(n, 2, &mut rng())));
        refused("Conv1d: weights", &|| drop(Conv1d::<f32>::new(2, n, [3], &mut rng())));
        refused("Conv2d: weights", &|| drop(Conv2d::<f32>::new(1, 2, [n, n], &mut rng())));
        refused("ConvTranspose2d: weights", &|| drop(ConvTranspose2d::<f32>::new(n, 1, [3, 3], &mut rng())));
        refused("BatchNorm: num_features", &|| drop(BatchNorm2d::<f32>::new(n)));
        refused("LayerNorm: normalized_shape", &|| drop(LayerNorm::<f32>::new([2, n])));
        refused("GroupNorm: num_channels", &|| drop(GroupNorm::<f32>::new(1, n)));
        refused("Linear: weights", &|| drop(Mlp::new(&[n, n, 2]).build::<f32>(&mut rng())));
        refused("ResNet: n blocks", &|| drop(ResNet::<f32>::small(1, 2, n, &mut rng())));
        refused("Conv2d: weights", &|| drop(ResNet::<f32>::small(n, 2, 1, &mut rng())));
        refused("Conv2d: weights", &|| drop(BasicBlock::<f32>::new(n, n, 2, &mut rng())));
        refused("InvertedResidual: ", &|| drop(InvertedResidual::<f32>::new(n, 2, 1, usize::MAX, &mut rng())));
        refused("Linear: weights", &|| drop(MobileNetV2::<f32>::new(n, &mut rng())));
    }
    for eps in [f64::NAN, f64::INFINITY, -1e-5] {
        refused("BatchNorm: eps must be", &|| drop(BatchNorm1d::<f32>::with(2, eps, 0.1)));
        refused("BatchNorm: momentum must be", &|| drop(BatchNorm1d::<f32>::with(2, 1e-5, eps)));
        refused("LayerNorm: eps must be", &|| drop(LayerNorm::<f32>::new([2]).with_eps(eps)));
        refused("GroupNorm: eps must be", &|| drop(GroupNorm::<f32>::new(1, 2).with_eps(eps)));
        refused("Dropout: the probability must be", &|| drop(Dropout::<f32>::new(eps, &mut rng())));
        refused("Mlp: the probability of dropout must be", &|| drop(Mlp::new(&[2, 2]).dropout(eps)));
    }
}
