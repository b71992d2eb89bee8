//! Mistakes that would silently spoil a training run: each is refused or spoken of, with the line and the remedy.

use crate::kit::helpers::refusal;
use ndarray::array;
use std::sync::{Mutex, Once};
use std::thread::ThreadId;
use wengert::data::{Examples, Loader};
use wengert::nn::{BatchNorm1d, Dropout, Forward, Function, Linear, Mlp, Module, Relu, Residual, Sequential};
use wengert::optim::{Adam, Lbfgs, Optimizer, Sgd};
use wengert::train::{ClipNorm, ClipValue, Fit, StopAtNan};
use wengert::{Grads, Param, Tape, Var, init, named_scope, parts, set_warning_hook};

const HERE: &str = "\n  at tests/kit/traps.rs:";

/// The text of the panic of `f`, which names a line of this file and gives a hint.
fn refused(f: impl FnOnce()) -> String {
    let text = refusal(f);
    assert!(text.contains(HERE) && text.contains("\n  hint: "), "{text}");
    text
}

/// The warnings that `f` gives on this thread.
fn warnings(f: impl FnOnce()) -> Vec<String> {
    static HOOK: Once = Once::new();
    static GIVEN: Mutex<Vec<(ThreadId, String)>> = Mutex::new(Vec::new());
    HOOK.call_once(|| set_warning_hook(|text| GIVEN.lock().unwrap().push((std::thread::current().id(), text.into()))));
    f();
    let mine = std::thread::current().id();
    let given: Vec<String> = GIVEN.lock().unwrap().extract_if(.., |(thread, _)| *thread == mine).map(|(_, text)| text).collect();
    given.iter().for_each(|text| assert!(text.contains("\n  at tests/kit/") && text.contains("\n  hint: "), "{text}"));
    given
}

// ------------------------------------------------------------------------------------------------------------ the tape

#[test]
fn a_loop_without_reset_is_refused_in_its_second_step() {
    for n in [1, 3, 5000] {
        let (p, tape) = (Param::<f64>::new("p", vec![1.0; n]), Tape::new());
        let mut optimizer = Sgd::new(0.1);
        let mut steps = 0;
        let text = refused(|| {
            for _ in 0..3 {
                let grads = tape.backward(tape.param(&p).square().sum());
                optimizer.step([&p], &grads);
                steps += 1;
            }
        });
        assert_eq!(steps, 1);
        assert!(text.starts_with(&format!("param of [{n}]: parameter p was changed since this tape recorded it")), "{text}");
        assert!(text.contains("call `tape.reset()` after `tape.backward(loss)`"), "{text}");
    }
    // The parameter of a model is named by its path, and every way to change it counts.
    let model = Mlp::new(&[2, 3, 1]).build::<f32>(&mut init::seeded(1));
    let p = &model.parameters()[2];
    let changes: [&dyn Fn(); 3] = [&|| p.set([[1.0; 3]]), &|| p.with_mut(|p| p[0] = 2.0), &|| model.load_state(&model.state()).unwrap()];
    for change in changes {
        let tape = Tape::new();
        model.forward(tape.constant([1.0, 2.0]));
        change();
        let text = refused(|| drop(model.forward(tape.constant([1.0, 2.0])).to_vec()));
        assert!(text.contains("was changed since this tape recorded it"), "{text}");
        // What is not tracked is recorded anew.
        tape.no_grad(|| model.forward(tape.constant([1.0, 2.0])));
        model.freeze();
        model.forward(tape.constant([1.0, 2.0]));
        model.unfreeze();
    }
}

#[test]
fn a_step_that_finds_no_gradient_is_refused() {
    let (a, b) = (Param::<f64>::new("a", [1.0]), Param::<f64>::new("b", [1.0]));
    let tape = Tape::new();
    let grads = tape.backward(tape.param(&a).square().sum());
    let text = refused(|| Sgd::new(0.1).step([&b], &grads));
    assert!(text.starts_with("step: none of the 1 parameters has a gradient\n"), "{text}");
    let text = refused(|| Sgd::new(0.1).step([], &grads));
    assert!(text.starts_with("step: there are no parameters\n"), "{text}");
    let mut boxed: Box<dyn Optimizer<f64>> = Box::new(Adam::new(0.1));
    refusal(|| boxed.step(std::slice::from_ref(&b), &grads));
    let text =
        refused(|| assert_eq!(Lbfgs::new(0.1).step(std::slice::from_ref(&b), || (0.0, tape.backward(tape.param(&a).square().sum()))), 0.0));
    assert!(text.starts_with("step: none of the 1 parameters"), "{text}");
    // One of two suffices; frozen ones need none; and of nothing nothing is asked.
    Sgd::new(0.1).step([&a, &b], &grads);
    b.freeze();
    Sgd::new(0.1).step([&b], &grads);
    Sgd::<f64>::new(0.1).step([], &Grads::default());
    assert_eq!((a.with(|a| a[0]), b.with(|b| b[0])), (0.8, 1.0));
}

#[test]
fn a_second_step_by_the_same_gradients_is_spoken_of_once() {
    let (a, b) = (Param::<f64>::new("a", [1.0]), Param::<f64>::new("b", [1.0]));
    let mut tape = Tape::new();
    let mut optimizer = Sgd::new(0.1);
    let given = warnings(|| {
        let grads = tape.backward((tape.param(&a) * tape.param(&b)).sum());
        tape.reset();
        // Two groups of parameters share one backward pass; and two optimizers may.
        optimizer.step([&a], &grads);
        optimizer.step([&b], &grads);
        Sgd::new(0.0).step([&a], &grads);
        tape.recycle(grads);
        let grads = tape.backward(tape.param(&a).sum());
        optimizer.step([&a], &grads);
    });
    assert!(given.is_empty(), "{given:?}");
    let given = warnings(|| {
        tape.reset();
        let grads = tape.backward(tape.param(&a).sum());
        for _ in 0..3 {
            optimizer.step([&a], &grads);
        }
    });
    let [text] = &given[..] else { panic!("{given:?}") };
    assert!(text.starts_with("step: parameter a was updated by these gradients before\n"), "{text}");
}

#[test]
fn a_sum_that_is_not_begun_anew_is_spoken_of_once() {
    let (w, mut tape) = (Param::<f64>::new("w", [1.0]), Tape::new());
    let (mut sum, mut optimizer) = (Grads::default(), Sgd::new(0.1));
    let mut pass = |sum: &mut Grads<f64>| {
        let grads = tape.backward(tape.param(&w).sum());
        tape.reset();
        sum.accumulate(&grads);
        tape.recycle(grads);
    };
    let given = warnings(|| {
        pass(&mut sum);
        pass(&mut sum);
        optimizer.step([&w], &sum);
        sum = Grads::default();
        pass(&mut sum);
        optimizer.step([&w], &sum);
    });
    assert!(given.is_empty(), "{given:?}");
    let given = warnings(|| {
        pass(&mut sum);
        pass(&mut sum);
    });
    let [text] = &given[..] else { panic!("{given:?}") };
    assert!(text.starts_with("accumulate: parameter w was changed between the backward passes"), "{text}");
    assert!(sum.pass() > 0 && Grads::<f64>::default().pass() == 0);
}

#[test]
fn a_parameter_that_is_listed_twice_is_updated_once() {
    let (w, tape) = (Param::<f64>::new("w", [1.0]), Tape::new());
    let grads = tape.backward(tape.param(&w).sum());
    let mut optimizer = Sgd::new(0.1);
    assert!(warnings(|| optimizer.step([&w, &w.clone()], &grads)).is_empty());
    assert_eq!(w.with(|w| w[0]), 0.9);
}

#[test]
fn the_place_where_nan_began() {
    let first = |f: &dyn Fn(&Tape)| {
        let tape = Tape::new();
        f(&tape);
        tape.first_not_finite().map(|node| node.op)
    };
    let mask = |tape: &Tape| drop((tape.leaf([1.0, 2.0]) + tape.constant([0.0, f32::NEG_INFINITY])).softmax(0).to_vec());
    assert_eq!(first(&mask), None, "a mask is no mistake");
    assert_eq!(first(&|tape| drop(tape.full([2, 2], f64::NEG_INFINITY).exp().to_vec())), None);
    assert_eq!(first(&|tape| drop((tape.full(2, f64::NEG_INFINITY) + tape.leaf([1.0, 2.0])).softmax(0).to_vec())), Some("softmax"));
    assert_eq!(first(&|tape| drop((tape.leaf([0.0, 1.0]).ln() * 0.0).sum().to_vec())), Some("ln"));
    assert_eq!(first(&|tape| drop(tape.leaf([-1.0, 1.0]).sqrt().sum().to_vec())), Some("sqrt"));
    assert_eq!(first(&|tape| drop(tape.constant([f32::NAN]).sqrt().to_vec())), Some("constant"));
    assert_eq!(first(&|tape| drop((tape.leaf([200.0]).exp() + 1.0).to_vec())), Some("exp"));
    assert_eq!(first(&|tape| drop(tape.leaf([1.0]).exp().to_vec())), None);
}

// --------------------------------------------------------------------------------------------------------------- modes

#[test]
fn predictions_in_training_mode_are_spoken_of_once_a_layer() {
    let rng = &mut init::seeded(1);
    let model: Sequential = Sequential::new().push(BatchNorm1d::new(2)).push(Dropout::new(0.5, rng));
    let tape = Tape::new();
    let x = tape.constant([[1.0, 2.0], [3.0, 5.0]]);
    let given = warnings(|| {
        model.forward(x); // a training step
        model.eval();
        tape.no_grad(|| model.forward(x));
        model.train();
    });
    assert!(given.is_empty(), "{given:?}");
    let given = warnings(|| {
        for _ in 0..3 {
            tape.no_grad(|| model.forward(x));
        }
    });
    let [text] = &given[..] else { panic!("{given:?}") }; // not one for each layer
    assert!(text.starts_with("BatchNorm is in training mode, but no gradient is recorded\n"), "{text}");
    assert!(text.contains("call `model.eval()`"), "{text}");
    // `predict` sets the mode itself, and gives it back.
    let again: Sequential = Sequential::new().push(Dropout::new(0.5, rng));
    assert!(warnings(|| assert_eq!(again.predict([3.0, 4.0]).as_slice(), Some(&[3.0, 4.0][..]))).is_empty());
    assert!(again.forward(tape.constant([1.0; 64])).to_vec().contains(&0.0), "in training mode as before");
}

#[test]
fn predictions_do_not_disturb_other_threads() {
    let model: Sequential = Sequential::new().push(Dropout::new(0.5, &mut init::seeded(1)));
    let (predicting, trained) = (std::sync::Barrier::new(2), std::sync::Barrier::new(2));
    std::thread::scope(|s| {
        s.spawn(|| {
            let slow = Function::new(|x: Var| {
                predicting.wait();
                trained.wait();
                model.forward(x)
            });
            assert_eq!(slow.predict([1.0; 64]).as_slice(), Some(&[1.0; 64][..]));
        });
        predicting.wait();
        let tape = Tape::new();
        assert!(model.forward(tape.constant([1.0; 64])).to_vec().contains(&0.0), "this thread trains");
        trained.wait();
    });
    // Through a reference, and of a part.
    let part: &dyn Forward = model.get(0).unwrap();
    assert_eq!((&part).predict([3.0]).as_slice(), Some(&[3.0][..]));
}

// ----------------------------------------------------------------------------------------------------------- Fit

fn examples() -> Examples {
    Examples::new(array![[0.0f32, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], vec![0, 1, 1, 0])
}

/// Gives NaN from its third call on.
fn spoiled() -> Sequential {
    let calls = std::sync::atomic::AtomicUsize::new(0);
    Sequential::new().push(Linear::new(2, 2, &mut init::seeded(1))).push(Function::new(move |x: Var| {
        match calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 | 1 => x,
            _ => (x * 0.0).ln() * 0.0,
        }
    }))
}

#[test]
fn a_loss_that_is_not_a_number_is_spoken_of_once_with_its_source() {
    let (model, loader) = (spoiled(), Loader::new(examples(), 2));
    let mut optimizer = Sgd::new(0.1);
    let given = warnings(|| drop(Fit::new(&model, &mut optimizer).epochs(3).run(&loader).unwrap()));
    let [text] = &given[..] else { panic!("{given:?}") };
    let expected = "Fit::run: the loss of epoch 1, batch 0 is not a number: the first value that is not finite is that of ln [2, 2], recorded at tests/kit/traps.rs:";
    assert!(text.starts_with(expected), "{text}");
    // The run can be ended there.
    let model = spoiled();
    let mut batches = 0;
    let fit = Fit::with_loss(&model, &mut optimizer, |y: Var<'_>, _: &Vec<usize>| y.square().sum())
        .epochs(3)
        .callback(StopAtNan)
        .callback(Count(&mut batches));
    assert_eq!(warnings(|| drop(fit.run(&loader).unwrap())).len(), 1);
    assert_eq!(batches, 3);
}

/// Counts batches.
struct Count<'a>(&'a mut usize);
impl wengert::train::Callback for Count<'_> {
    fn batch(&mut self, _: &mut wengert::train::Run<'_>) -> Result<(), wengert::io::IoError> {
        *self.0 += 1;
        Ok(())
    }
}

#[test]
fn clipping_is_a_callback() {
    // Gradients of a linear function are the inputs: (3, 4) for both weights.
    let data = Examples::new(array![[3.0f32, 4.0]], array![[0.0f32]].into_dyn());
    let run = |norm: Option<f64>, value: Option<f64>| {
        let model: Sequential = Sequential::new().push(Linear::new(2, 1, &mut init::seeded(1)).without_bias());
        model.parameters()[0].set([[0.0, 0.0]]);
        let mut optimizer = Sgd::new(1.0);
        let mut fit = Fit::with_loss(&model, &mut optimizer, |y: Var<'_>, _: &ndarray::ArrayD<f32>| y.sum());
        if let Some(norm) = norm {
            fit = fit.callback(ClipNorm(norm));
        }
        if let Some(value) = value {
            fit = fit.callback(ClipValue(value));
        }
        fit.run(&Loader::new(data.clone(), 1)).unwrap();
        model.parameters()[0].with(|w| [w[0], w[1]])
    };
    assert_eq!(run(None, None), [-3.0, -4.0]);
    let [a, b] = run(Some(1.0), None);
    assert!((a + 0.6).abs() < 1e-5 && (b + 0.8).abs() < 1e-5);
    assert_eq!(run(None, Some(3.5)), [-3.0, -3.5]);
}

// -------------------------------------------------------------------------------------------------- errors name the layer

struct Net {
    body: Sequential,
    head: Linear,
}
impl Module for Net {
    parts!(body, head);
}
impl Forward for Net {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.head.forward(self.body.forward(x))
    }
}

struct Shared {
    embed: Sequential,
    head: Sequential,
}
impl Module for Shared {
    parts!(embed, head);
}

#[test]
fn an_error_in_a_model_names_the_layer_and_the_line_of_the_user() {
    let rng = &mut init::seeded(1);
    let model = Mlp::new(&[4, 8, 2]).build::<f32>(rng);
    let tape = Tape::new();
    let x = || tape.constant([[1.0; 3]]);
    let text = refused(|| drop(model.forward(x()).to_vec()));
    assert!(text.starts_with("linear of [1, 3] and [8, 4] and [8]: "), "{text}");
    assert!(text.contains("\n  in layer 0 (linear 4 to 8)\n  at tests/kit/traps.rs:"), "{text}");
    // The second layer; nested; of a trait object; without parameters; with a wrong number of axes.
    let wrong: Sequential = Sequential::new().push(Linear::new(3, 8, rng)).push(Relu).push(Linear::new(9, 2, rng));
    let text = refused(|| drop(wrong.forward(x()).to_vec()));
    assert!(text.contains("\n  in layer 2 (linear 9 to 2)\n"), "{text}");
    let outer: Sequential = Sequential::new().named("features", wrong);
    let text = refused(|| drop(outer.forward(x()).to_vec()));
    assert!(text.contains("\n  in layer features.2 (linear 9 to 2)\n"), "{text}");
    let boxed: Box<dyn Forward> = Box::new(outer);
    let text = refused(|| drop(boxed.forward(x()).to_vec()));
    assert!(text.contains("\n  in layer features.2 (linear 9 to 2)\n"), "{text}");
    let pooled: Sequential = Sequential::new().push(Relu).push(wengert::nn::MaxPool2d::new(2).padding(1)).push(Relu);
    let text = refused(|| drop(pooled.forward(x()).to_vec()));
    assert!(text.contains("\n  in layer 1 (MaxPool2d)\n"), "{text}");
    let residual: Sequential = Sequential::new().push(Residual(Linear::new(3, 2, rng)));
    let text = refused(|| drop(residual.forward(x()).to_vec()));
    assert!(text.contains("\n  in layer 0 (residual linear 3 to 2)\n"), "{text}");
    // A model of one's own: its parameters know where they stand once they were listed.
    let net = Net { body: Sequential::new().push(Linear::new(3, 8, rng)), head: Linear::new(9, 2, rng) };
    net.parameters();
    let text = refused(|| drop(net.forward(x()).to_vec()));
    assert!(text.contains("\n  in layer head\n  at tests/kit/traps.rs:"), "{text}");
    let net = Net { body: Sequential::new().push(Relu).push(Linear::new(4, 8, rng)), head: Linear::new(8, 2, rng) };
    net.parameters();
    net.body.parameters(); // a part of it alone does not shorten the names
    let text = refused(|| drop(net.forward(x()).to_vec()));
    assert!(text.contains("\n  in layer body.1 (linear 4 to 8)\n"), "{text}");
    // Also of a frozen layer, and of a prediction.
    net.body.freeze();
    let text = refused(|| drop(net.forward(x()).to_vec()));
    assert!(text.contains("\n  in layer body.1 (linear 4 to 8)\n"), "{text}");
    let wrong = Net { body: Sequential::new().push(Relu), head: Linear::new(8, 2, rng) };
    wrong.parameters();
    let text = refused(|| drop(wrong.predict([[1.0; 3]])));
    assert!(text.contains("\n  in layer head\n"), "{text}");
    // A scope that was named knows better than a weight that two layers share.
    let shared = Linear::<f32>::new(3, 2, rng);
    let twice = Shared { embed: Sequential::new().push(Linear::new(3, 2, rng)), head: Sequential::new().push(shared) };
    twice.parameters();
    let text = refused(|| drop(named_scope("decoder", || twice.head.forward(tape.constant([[1.0; 2]]))).to_vec()));
    assert!(text.contains("\n  in layer decoder.0 (linear 3 to 2)\n"), "{text}");
    let text = refused(|| drop(twice.embed.predict([[1.0; 2]])));
    assert!(text.contains("\n  in layer embed.0 (linear 3 to 2)\n"), "{text}");
    let text = refused(|| drop(Linear::<f32>::new(3, 2, rng).summary(&[1, 2])));
    assert!(text.starts_with("linear of [1, 2]"), "{text}");
    // A description may hold brackets.
    let wrong: Sequential = Sequential::new().push(wengert::nn::Softmax(5));
    let text = refused(|| drop(wrong.forward(x()).to_vec()));
    assert!(text.contains("\n  in layer 0 (softmax(5))\n"), "{text}");
    // No scope is left open by all these panics.
    let text = refused(|| drop(x().reshape([2, 2]).to_vec()));
    assert!(!text.contains("in layer"), "{text}");
    let text = refused(|| drop(named_scope("mine", || x().reshape([2, 2])).to_vec()));
    assert!(text.contains("\n  in layer mine\n"), "{text}");
}

#[test]
fn a_model_of_any_signature_is_trained_by_an_objective() {
    struct Difference {
        a: Param,
        b: Param,
    }
    impl Module for Difference {
        parts!(a, b);
    }
    let model = Difference { a: Param::new("a", [3.0]), b: Param::new("b", [1.0]) };
    let mut optimizer = Sgd::new(0.1);
    let fit = Fit::with_objective(&model, &mut optimizer, |tape, batch: &Examples| {
        let share = batch.y.len() as f32 / 2.0;
        (tape.param(&model.a) - tape.param(&model.b)).square().sum() * share
    });
    let data = examples();
    let history = fit.epochs(2).validate(&data).run(&Loader::new(data.clone(), 2)).unwrap();
    // Each step takes 0.4 of the difference: 2, 1.2, 0.72, 0.432, 0.2592.
    let near = |name: &str, expected: f64| assert!((history.last(name).unwrap() - expected).abs() < 1e-5, "{name} {history:?}");
    near("loss", (0.72f64.powi(2) + 0.432f64.powi(2)) / 2.0);
    near("val_loss", 0.2592f64.powi(2) * 2.0);
    assert!((model.a.with(|a| a[0]) + model.b.with(|b| b[0]) - 4.0).abs() < 1e-6);
    let fit = Fit::with_objective(&model, &mut optimizer, |tape, _: &Examples| tape.param(&model.a).sum());
    let text = refused(|| drop(fit.metric("accuracy", |_, _| 0.0)));
    assert!(text.starts_with("metric: a run with an objective of the whole batch has no output"), "{text}");
}

#[test]
fn an_error_in_fit_names_the_layer_and_the_line_of_the_run() {
    let rng = &mut init::seeded(1);
    let (model, loader) = (Mlp::new(&[3, 8, 2]).build::<f32>(rng), Loader::new(examples(), 2));
    let mut optimizer = Sgd::new(0.1);
    let line = line!() + 1;
    let text = refused(|| drop(Fit::new(&model, &mut optimizer).run(&loader)));
    assert!(text.contains("\n  in layer 0 (linear 3 to 8)\n"), "{text}");
    assert!(text.contains(&format!("{HERE}{line}:")), "{text}");
    // One layer alone, and a loss that does not fit.
    let one = Linear::new(3, 2, rng);
    let text = refused(|| drop(Fit::new(&one, &mut optimizer).run(&loader)));
    assert!(text.starts_with("linear of [2, 3]") || text.starts_with("linear of [2, 2]"), "{text}");
    let model = Mlp::new(&[2, 3]).build::<f32>(rng);
    let fit = Fit::with_loss(&model, &mut optimizer, |y: Var<'_>, _: &Vec<usize>| y.reshape([5, 1]).sum());
    let text = refused(|| drop(fit.run(&loader)));
    assert!(text.starts_with("reshape of [2, 3]"), "{text}");
    // Of a callback.
    let model = Mlp::new(&[2, 2]).build::<f32>(rng);
    let text = refused(|| drop(Fit::new(&model, &mut optimizer).callback(ClipNorm(-1.0)).run(&loader)));
    assert!(text.starts_with("clip_grad_norm: max_norm must be at least 0"), "{text}");
    // In validation.
    let model = Mlp::new(&[2, 2]).build::<f32>(rng);
    let other = Examples::new(array![[0.0f32, 0.0, 1.0]], vec![0]);
    let text = refused(|| drop(Fit::new(&model, &mut optimizer).validate(&other).run(&loader)));
    assert!(text.starts_with("linear of [1, 3]") && text.contains("\n  in layer 0 (linear 2 to 2)\n"), "{text}");
}

#[test]
fn a_batch_of_nan_changes_no_parameter_and_is_named() {
    let data = Examples::new(array![[f32::NAN, 0.0], [0.0, 1.0]], vec![0, 1]);
    let model = Mlp::new(&[2, 2]).build::<f32>(&mut init::seeded(1));
    let mut optimizer = Sgd::new(0.1);
    let mut history = None;
    let given = warnings(|| history = Some(Fit::new(&model, &mut optimizer).epochs(2).run(&Loader::new(data, 1)).unwrap()));
    let [text] = &given[..] else { panic!("{given:?}") };
    assert!(text.contains("is not a number: an input or target of shape [1, 2] is not a number\n"), "{text}");
    assert!(history.unwrap().last("loss").unwrap().is_nan(), "the mean says so too");
    assert!(model.parameters().iter().all(|p| p.with(|p| p.iter().all(|x| x.is_finite()))));
}

#[test]
fn a_file_that_cannot_be_written_is_found_before_anything_is_trained() {
    use wengert::optim::Goal;
    use wengert::train::{BestCheckpoint, Callback, CsvLog, RunCheckpoint};
    let (model, loader) = (Mlp::new(&[2, 2]).build::<f32>(&mut init::seeded(1)), Loader::new(examples(), 2));
    let before = model.state();
    let path = std::env::temp_dir().join(format!("wengert-no-such-folder-{}", std::process::id())).join("file");
    let callbacks: [Box<dyn Callback>; 3] = [
        Box::new(BestCheckpoint::new(&path).monitor("loss", Goal::Min)),
        Box::new(CsvLog::new(&path)),
        Box::new(RunCheckpoint::new(&path).with("best", BestCheckpoint::new(&path))),
    ];
    for mut callback in callbacks {
        let mut optimizer = Sgd::new(0.1);
        let error = Fit::new(&model, &mut optimizer).callback(&mut *callback).run(&loader).unwrap_err().to_string();
        assert!(error.contains("there is no folder") && error.contains("\n  hint: "), "{error}");
        assert!(model.state() == before, "nothing was trained");
    }
}

#[test]
fn states_that_do_not_fit_say_what_was_probably_meant() {
    let model = Mlp::new(&[2, 3, 1]).build::<f32>(&mut init::seeded(1));
    // Under a prefix: a part of a checkpoint, or PyTorch's `DataParallel`.
    let mut whole = wengert::io::State::new();
    whole.insert_part("module", model.state());
    let text = model.load_state(&whole).unwrap_err().to_string();
    assert!(text.ends_with("\n  hint: the names in it begin with `module.`: load `state.part(\"module\")`"), "{text}");
    model.load_state(&whole.part("module")).unwrap();
    // Of another optimizer.
    let named = model.named_parameters();
    let adam: Adam = Adam::new(0.1);
    let (mut sgd, tape) = (Sgd::new(0.1), Tape::new());
    let grads = tape.backward(model.forward(tape.constant([1.0, 2.0])).sum());
    let mut used: Adam = adam;
    used.step(&model.parameters(), &grads);
    let text = sgd.load_state(&named, &used.state(&named)).unwrap_err().to_string();
    assert!(text.contains("\n  hint: was it saved by another kind of optimizer"), "{text}");
    // Otherwise nothing is guessed.
    let text = model.load_state(&Mlp::new(&[2, 4, 5, 1]).build::<f32>(&mut init::seeded(1)).state()).unwrap_err().to_string();
    assert!(!text.contains("hint"), "{text}");
}
