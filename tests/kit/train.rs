//! Tests of each callback, and that `Fit` does the same as the plain loop.

use crate::kit::helpers::Directory;
use ndarray::Array2;
use std::cell::RefCell;
use wengert::data::{Examples, Loader};
use wengert::init::seeded;
use wengert::io::{Checkpoint, IoError, State};
use wengert::metrics::{Mean, accuracy};
use wengert::nn::{BatchNorm1d, Dropout, Forward, Linear, Mode, Module, Sequential, Visitor};
use wengert::optim::{Adam, Goal, ReduceLrOnPlateau, ReduceLrOnPlateauOptions, Scheduler, Sgd, StepLr};
use wengert::tensorboard::EventWriter;
use wengert::train::*;
use wengert::{Grads, Param, Tape, Var, io};

/// Points in a plane, inside a circle or outside. With 50 examples, batches of 16 leave a partial one of 2.
fn circle(n: usize) -> Examples {
    let x = Array2::from_shape_fn((n, 2), |(i, axis)| ((i * [7, 13][axis] + 3) % 20) as f32 / 10.0 - 1.0);
    let y = x.rows().into_iter().map(|p| usize::from(p.dot(&p) < 0.6)).collect();
    Examples::new(x, y)
}
/// A network with modes, a buffer and a random generator.
fn network() -> Sequential {
    let rng = &mut seeded(3);
    Sequential::new()
        .push(Linear::new(2, 16, rng))
        .push(BatchNorm1d::new(16))
        .push(wengert::nn::Tanh)
        .push(Dropout::new(0.2, rng))
        .push(Linear::new(16, 2, rng))
}
fn loader() -> Loader<Examples> {
    Loader::new(circle(50), 16).shuffle(9)
}
/// Its output is its single weight, for each example. Tests set the weight, so the loss of each epoch is known.
struct Constant(Param<f64>, Mode);
impl Constant {
    fn new() -> Constant {
        Constant(Param::new("w", [0.0]), Mode::default())
    }
}
impl Forward<f64> for Constant {
    fn forward<'t>(&self, x: Var<'t, f64>) -> Var<'t, f64> {
        x * 0.0 + x.tape().param(&self.0)
    }
}
impl Module<f64> for Constant {
    fn visit(&self, v: &mut Visitor<'_, f64>) {
        v.param("w", &self.0).mode(&self.1);
    }
}
/// After each epoch the weight becomes the next number.
struct Script<'a>(&'a Constant, Vec<f64>);
impl Callback<f64> for Script<'_> {
    fn epoch(&mut self, run: &mut Run<'_, f64>) -> Result<(), IoError> {
        if let Some(next) = self.1.get(run.epoch as usize + 1) {
            self.0.0.set([*next]);
        }
        Ok(())
    }
}
/// A run over epochs with these losses.
fn scripted<'a>(model: &'a Constant, optimizer: &'a mut Sgd<f64>, losses: &[f64]) -> Fit<'a, f64, Vec<usize>> {
    model.0.set([losses[0]]);
    // Detached, so that the gradient of the loss does not change the weight.
    Fit::with_loss(model, optimizer, |y, _: &Vec<usize>| y.detach().mean() + y.sum() * 0.0).epochs(losses.len() as u64)
}
fn one_batch() -> Loader<Examples<f64>> {
    Loader::new(Examples::new(Array2::zeros((3, 1)), vec![0; 3]), 4)
}

#[test]
fn fit_is_the_loop_to_the_bits() {
    let (by_hand, by_fit) = (network(), network());
    let loader = loader();
    let (mut optimizer, mut tape, params) = (Adam::new(0.01), Tape::new(), by_hand.parameters());
    let mut losses = Vec::new();
    for epoch in 0..4 {
        let mut sum = 0.0;
        for batch in loader.epoch(epoch) {
            let loss = by_hand.forward(tape.constant(&batch.x)).cross_entropy(&batch.y);
            let grads = tape.backward(loss);
            sum += f64::from(loss.item()) * batch.len() as f64;
            tape.reset();
            optimizer.step(&params, &grads);
            tape.recycle(grads);
        }
        losses.push(sum / 50.0);
    }
    let mut optimizer = Adam::new(0.01);
    let history = Fit::new(&by_fit, &mut optimizer).epochs(4).validate(&circle(20)).run(&loader).unwrap();
    assert_eq!(history.get("loss").unwrap(), losses);
    assert_eq!(by_fit.state(), by_hand.state()); // validation in between changed nothing
    assert_eq!(by_fit.generators(), by_hand.generators());
    assert!(losses[3] < losses[0]);
    assert_eq!(history.names().collect::<Vec<_>>(), ["loss", "accuracy", "val_loss", "val_accuracy", "lr", "seconds"]);
    assert_eq!(history.epochs(), 4);
}

#[test]
fn held_back_numbers_are_those_of_evaluation() {
    let (model, test) = (network(), circle(600)); // three parts of 256, 256 and 88
    let mut optimizer = Adam::new(0.01);
    let history = Fit::new(&model, &mut optimizer).epochs(2).validate(&test).run(&loader()).unwrap();
    let (tape, mut loss, mut share) = (Tape::new(), Mean::new(), Mean::new());
    for rows in (0..600).collect::<Vec<_>>().chunks(256) {
        let part = test.select(rows);
        let logits = model.forward(tape.constant(&part.x)); // the model is left in evaluation
        share.add(accuracy(logits, &part.y), part.len());
        loss.add(logits.cross_entropy(&part.y).item().into(), part.len());
    }
    assert_eq!((history.last("val_loss"), history.last("val_accuracy")), (Some(loss.value()), Some(share.value())));
}

#[test]
fn modes_are_those_of_training_and_of_evaluation() {
    struct Watched<'a>(&'a RefCell<Vec<bool>>, &'a Constant);
    impl Callback<f64> for Watched<'_> {
        fn batch(&mut self, _: &mut Run<'_, f64>) -> Result<(), IoError> {
            self.0.borrow_mut().push(self.1.1.is_training());
            Ok(())
        }
        fn epoch(&mut self, _: &mut Run<'_, f64>) -> Result<(), IoError> {
            self.0.borrow_mut().push(self.1.1.is_training());
            Ok(())
        }
    }
    let (model, seen, mut optimizer) = (Constant::new(), RefCell::default(), Sgd::new(0.1));
    scripted(&model, &mut optimizer, &[1.0, 1.0]).callback(Watched(&seen, &model)).run(&one_batch()).unwrap();
    assert_eq!(seen.into_inner(), [true, false, true, false]);
    assert!(!model.1.is_training());
}

#[test]
fn early_stopping_restores_the_best_weights() {
    let run = |losses: &[f64], patience| {
        let (model, mut optimizer) = (Constant::new(), Sgd::new(0.1));
        let fit = scripted(&model, &mut optimizer, losses).callback(EarlyStopping::new(patience)).callback(Script(&model, losses.to_vec()));
        let history = fit.run(&one_batch()).unwrap();
        (history.epochs(), model.0.to_array()[0])
    };
    assert_eq!(run(&[5.0, 3.0, 4.0, 2.0, 2.0, 2.5, 1.0], 2), (6, 2.0)); // stops before it sees 1
    assert_eq!(run(&[5.0, 3.0, 4.0, 2.0, 2.0, 2.5, 1.0], 3), (7, 1.0));
    assert_eq!(run(&[1.0, 2.0, 3.0], 9), (3, 1.0)); // also at the end of a whole run
    assert_eq!(run(&[5.0, f64::NAN, f64::NAN, 1.0], 2), (3, 5.0)); // NaN is not better
    assert_eq!(run(&[f64::NAN, 3.0, 4.0], 2), (3, 3.0)); // and never the best
}

#[test]
fn early_stopping_by_a_metric_that_should_rise() {
    let (model, mut optimizer, values) = (Constant::new(), Sgd::new(0.1), [0.5, 0.75, 0.625, 0.625]);
    let fit = scripted(&model, &mut optimizer, &values).metric("score", |y, _: &Vec<usize>| y.mean().item());
    let fit = fit.callback(EarlyStopping::new(1).monitor("score", Goal::Max)).callback(Script(&model, values.to_vec()));
    let history = fit.run(&one_batch()).unwrap();
    assert_eq!((history.epochs(), history.best("score", Goal::Max), model.0.to_array()[0]), (3, Some((1, 0.75)), 0.75));
}

#[test]
fn unknown_numbers_are_named() {
    let stopping = || EarlyStopping::new(1).monitor("val_acc", Goal::Max);
    let run = || {
        let (model, mut optimizer) = (Constant::new(), Sgd::new(0.1));
        let _ = scripted(&model, &mut optimizer, &[1.0]).callback(stopping()).run(&one_batch());
    };
    let text = std::panic::catch_unwind(run).expect_err("must be refused").downcast::<String>().unwrap();
    // The line of `monitor`, not that of `run`.
    let at = format!("tests/kit/train.rs:{}:", line!() - 7);
    assert!(text.starts_with(&format!("monitor: the history has no \"val_acc\"\n  at {at}")), "{text}");
    assert!(text.contains("\n  hint: it has [\"loss\", \"lr\", \"seconds\"]"), "{text}");
}

#[test]
fn the_best_checkpoint_is_kept() {
    let (folder, model, mut optimizer) = (Directory::new("fit-best"), Constant::new(), Sgd::new(0.1));
    let (path, losses) = (folder.file("best.safetensors"), [3.0, 1.0, 2.0]);
    let fit = scripted(&model, &mut optimizer, &losses).callback(BestCheckpoint::new(&path)).callback(Script(&model, losses.to_vec()));
    fit.run(&one_batch()).unwrap();
    assert_eq!(model.0.to_array()[0], 2.0);
    io::load_into(&path, &model).unwrap();
    assert_eq!(model.0.to_array()[0], 1.0);
}

#[test]
fn what_cannot_be_written_is_an_error() {
    let folder = Directory::new("fit-errors");
    let missing = folder.file("missing/file");
    let run = |callback: &dyn Fn() -> Box<dyn Callback<f64>>| {
        let (model, mut optimizer, epochs) = (Constant::new(), Sgd::new(0.1), RefCell::new(0));
        struct Count<'a>(&'a RefCell<usize>, Box<dyn Callback<f64>>);
        impl Callback<f64> for Count<'_> {
            fn epoch(&mut self, run: &mut Run<'_, f64>) -> Result<(), IoError> {
                *self.0.borrow_mut() += 1;
                self.1.epoch(run)
            }
        }
        let error = scripted(&model, &mut optimizer, &[1.0, 1.0]).callback(Count(&epochs, callback())).run(&one_batch()).unwrap_err();
        (matches!(error, IoError::Write { .. }), epochs.into_inner())
    };
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    assert_eq!(run(&|| Box::new(BestCheckpoint::new(&missing))), (true, 1)); // it ends the run at once
    assert_eq!(run(&|| Box::new(CsvLog::new(&missing))), (true, 1));
    assert_eq!(run(&|| Box::new(LogLine::to(Full))), (true, 1));
}

#[test]
fn schedules_by_epoch_and_by_batch() {
    let rates = |per_batch: bool| {
        let (model, loader, mut optimizer) = (network(), loader(), Sgd::new(0.8)); // 4 batches an epoch
        let scheduler = Scheduler::new(&mut optimizer, StepLr { step_size: 1, gamma: 0.5 });
        let fit = Fit::new(&model, &mut optimizer).epochs(2);
        let fit = if per_batch { fit.callback(PerBatch(scheduler)) } else { fit.callback(PerEpoch(scheduler)) };
        (fit.run(&loader).unwrap().get("lr").unwrap().to_vec(), optimizer.lr())
    };
    assert_eq!(rates(false), (vec![0.8, 0.4], 0.2));
    assert_eq!(rates(true), (vec![0.1, 0.00625], 0.003125)); // of the epoch's last batch, and of the next one
}

#[test]
fn a_plateau_reduces_the_rate() {
    let (model, mut optimizer, losses) = (Constant::new(), Sgd::new(0.1), [2.0, 1.0, 1.0, 1.0]);
    let schedule = ReduceLrOnPlateau::new(ReduceLrOnPlateauOptions { factor: 0.5, patience: 1, ..Default::default() });
    let fit = scripted(&model, &mut optimizer, &losses).callback(OnPlateau::new(schedule).monitor("loss"));
    fit.callback(Script(&model, losses.to_vec())).run(&one_batch()).unwrap();
    assert_eq!(optimizer.lr(), 0.05);
}

#[test]
fn lines_and_tables() {
    let (folder, model, mut optimizer, mut lines) = (Directory::new("fit-reports"), Constant::new(), Sgd::new(0.001), Vec::new());
    let (csv, losses) = (folder.file("log.csv"), [0.5, 0.25]);
    let test = Examples::new(Array2::<f64>::zeros((2, 1)), vec![0; 2]);
    let fit = scripted(&model, &mut optimizer, &losses).metric("a, \"b\"", |_, y: &Vec<usize>| y.len() as f64).validate(&test);
    let fit = fit.callback(LogLine::to(&mut lines)).callback(CsvLog::new(&csv)).callback(Script(&model, losses.to_vec()));
    let history = fit.run(&one_batch()).unwrap();
    let lines = String::from_utf8(lines).unwrap();
    let second = lines.lines().nth(1).unwrap();
    assert!(second.starts_with("epoch 2/2  loss 0.2500  a, \"b\" 3.0000  val_loss 0.2500  val_a, \"b\" 2.0000  lr 0.001  "), "{second}");
    assert!(second.ends_with(" s") && lines.lines().count() == 2);
    let table = std::fs::read_to_string(csv).unwrap();
    let seconds = history.get("seconds").unwrap();
    let expected = format!(
        "epoch,loss,\"a, \"\"b\"\"\",val_loss,\"val_a, \"\"b\"\"\",lr,seconds\n1,0.5,3,0.5,2,0.001,{}\n2,0.25,3,0.25,2,0.001,{}\n",
        seconds[0], seconds[1]
    );
    assert_eq!(table, expected);
}

#[test]
fn a_table_of_a_resumed_run_goes_on_counting() {
    let (folder, model, loader, mut optimizer) = (Directory::new("fit-resumed-table"), network(), loader(), Sgd::new(0.1));
    let csv = folder.file("log.csv");
    Fit::new(&model, &mut optimizer).epochs(4).resume_at(2).callback(CsvLog::new(&csv)).run(&loader).unwrap();
    let table = std::fs::read_to_string(csv).unwrap();
    let epochs: Vec<&str> = table.lines().map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(epochs, ["epoch", "3", "4"]);
}

#[test]
fn points_for_tensorboard() {
    let (folder, model, mut optimizer) = (Directory::new("fit-tensorboard"), Constant::new(), Sgd::new(0.1));
    let events = EventWriter::create(folder.path()).unwrap();
    let path = events.path().to_path_buf();
    let test = Examples::new(Array2::<f64>::zeros((2, 1)), vec![0; 2]);
    scripted(&model, &mut optimizer, &[1.0]).validate(&test).callback(TensorBoardLog::new(events)).run(&one_batch()).unwrap();
    let bytes = std::fs::read(path).unwrap();
    for tag in ["loss/train", "loss/val", "lr", "seconds"] {
        assert_eq!(bytes.windows(tag.len()).filter(|w| *w == tag.as_bytes()).count(), 1, "{tag}");
    }
}

#[cfg(feature = "progress")]
#[test]
fn a_bar_changes_nothing() {
    let run = |bar: bool| {
        let (model, mut optimizer) = (network(), Adam::new(0.01));
        let fit = Fit::new(&model, &mut optimizer).epochs(2);
        let fit = if bar { fit.callback(Bar::new()) } else { fit };
        fit.run(&loader()).unwrap();
        model.state()
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn gradients_can_be_changed_and_a_run_stopped_in_an_epoch() {
    struct NoGradients;
    impl Callback for NoGradients {
        fn gradients(&mut self, grads: &mut Grads) {
            grads.slices_mut().for_each(|(_, g)| g.fill(0.0));
        }
        fn batch(&mut self, run: &mut Run<'_>) -> Result<(), IoError> {
            assert_eq!((run.batches, run.samples), (4, [16, 16, 16, 2][run.batch]));
            run.stop = (run.epoch, run.batch) == (1, 2);
            Ok(())
        }
    }
    let (model, mut optimizer) = (network(), Sgd::new(0.5));
    let before: Vec<_> = model.parameters().iter().map(Param::to_array).collect();
    let history = Fit::new(&model, &mut optimizer).epochs(5).callback(NoGradients).run(&loader()).unwrap();
    assert_eq!(history.epochs(), 1);
    assert_eq!(model.parameters().iter().map(Param::to_array).collect::<Vec<_>>(), before);
}

#[test]
fn no_epochs() {
    let (model, mut optimizer) = (Constant::new(), Sgd::new(0.1));
    let history = scripted(&model, &mut optimizer, &[1.0]).epochs(0).run(&one_batch()).unwrap();
    assert_eq!((history.epochs(), history.last("loss"), history.best("loss", Goal::Min)), (0, None, None));
}

#[test]
fn a_run_goes_on_at_an_epoch_to_the_same_bits() {
    let train = |model: &Sequential, optimizer: &mut Adam, first: u64, end: u64| {
        Fit::new(model, optimizer).epochs(end).resume_at(first).run(&loader()).unwrap()
    };
    let (whole, mut optimizer) = (network(), Adam::new(0.01));
    let history = train(&whole, &mut optimizer, 0, 4);
    let (part, mut optimizer) = (network(), Adam::new(0.01));
    train(&part, &mut optimizer, 0, 2);
    let kept = (part.state(), part.generators(), optimizer.state(&part.named_parameters()));

    let (resumed, mut optimizer) = (network(), Adam::new(0.01));
    resumed.load_state(&kept.0).unwrap();
    resumed.load_generators(&kept.1).unwrap();
    optimizer.load_state(&resumed.named_parameters(), &kept.2).unwrap();
    let rest = train(&resumed, &mut optimizer, 2, 4);
    assert!(resumed.state() == whole.state());
    assert_eq!(rest.get("loss").unwrap(), &history.get("loss").unwrap()[2..]);
}

#[test]
fn an_error_ends_a_run_in_order() {
    /// Fails at the second batch, and records the calls.
    #[derive(Default)]
    struct Refuses(Vec<&'static str>);
    impl Callback<f64> for Refuses {
        fn batch(&mut self, _: &mut Run<'_, f64>) -> Result<(), IoError> {
            self.0.push("batch");
            match self.0.len() {
                1 => Ok(()),
                _ => Err(IoError::Write { path: "first".into(), source: std::io::ErrorKind::StorageFull.into() }),
            }
        }
        fn end(&mut self, run: &mut Run<'_, f64>) -> Result<(), IoError> {
            assert_eq!(run.history.epochs(), 0);
            self.0.push("end");
            Err(IoError::Write { path: "second".into(), source: std::io::ErrorKind::StorageFull.into() })
        }
    }
    let (model, mut optimizer, mut one, mut other) = (Constant::new(), Sgd::new(0.1), Refuses::default(), Refuses::default());
    let loader = Loader::new(Examples::new(Array2::zeros((6, 1)), vec![0; 6]), 3);
    let fit = scripted(&model, &mut optimizer, &[1.0]).callback(&mut one).callback(&mut other);
    let error = fit.run(&loader).unwrap_err();
    assert!(matches!(&error, IoError::Write { path, .. } if path.as_os_str() == "first"), "{error}");
    assert_eq!((one.0, other.0), (vec!["batch", "batch", "end"], vec!["batch", "end"]));
    assert!(!model.1.is_training());
}

#[test]
fn names_of_the_history_are_taken() {
    for name in ["loss", "lr", "seconds", "epoch", "val_loss", "val_accuracy"] {
        let (model, mut optimizer) = (Constant::new(), Sgd::new(0.1));
        let fit = std::panic::AssertUnwindSafe(scripted(&model, &mut optimizer, &[1.0]));
        let panic = std::panic::catch_unwind(|| drop({ fit }.0.metric(name, |_, _| 0.0))).expect_err(name);
        assert!(panic.downcast_ref::<String>().unwrap().starts_with(&format!("metric: the history has other numbers called {name:?}")));
    }
}

#[test]
fn small_rates_and_losses_are_shown() {
    let (model, mut optimizer, mut lines) = (Constant::new(), Sgd::new(2.5e-7), Vec::new());
    scripted(&model, &mut optimizer, &[0.0000125]).callback(LogLine::to(&mut lines)).run(&one_batch()).unwrap();
    let line = String::from_utf8(lines).unwrap();
    assert!(line.starts_with("epoch 1/1  loss 1.250e-5  lr 2.5e-7  "), "{line}");
}

/// A model that does not show one of its two layers.
struct Forgetful(Linear, Linear);
impl Forward for Forgetful {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.1.forward(self.0.forward(x))
    }
}
impl Module for Forgetful {
    fn visit(&self, v: &mut Visitor<'_>) {
        v.module("first", &self.0);
    }
}

#[test]
#[should_panic(expected = "parameter weight of shape [2, 3] has a gradient, but is no part of the model")]
fn a_layer_that_is_not_shown_is_refused() {
    let rng = &mut seeded(1);
    let model = Forgetful(Linear::new(2, 3, rng), Linear::new(3, 2, rng));
    let _ = Fit::new(&model, &mut Adam::new(0.01)).run(&loader());
}
#[test]
#[should_panic(expected = "Fit::run: there is nothing to train: all 6 parameters of the model are frozen\n  at tests/kit/train.rs:")]
fn a_frozen_model_is_not_trained() {
    let model = network();
    model.freeze();
    let _ = Fit::new(&model, &mut Adam::new(0.01)).run(&loader());
}
#[test]
fn labels_that_are_no_classes_are_named() {
    let with_label = |label: usize| {
        let mut examples = circle(20);
        examples.y[3] = label;
        examples
    };
    let refused = |train: Examples, test: Examples| {
        let panic = std::panic::catch_unwind(|| {
            let _ = Fit::new(&network(), &mut Adam::new(0.01)).validate(&test).run(&Loader::new(train, 10));
        });
        *panic.expect_err("must be refused").downcast::<String>().unwrap()
    };
    for (text, when) in [(refused(with_label(2), circle(5)), "training"), (refused(circle(5), with_label(2)), "validation")] {
        let message = "label 2 (at position 3 of the batch) is not one of the 2 classes of the model";
        assert!(text.starts_with(&format!("Fit::run: in {when}, {message}\n  at tests/kit/train.rs:")), "{text}");
        assert!(text.contains("\n  hint: labels count from 0"), "{text}");
    }
}
#[test]
#[should_panic(expected = "Fit::run: the loader has no batches")]
fn a_run_needs_batches() {
    let _ = Fit::new(&network(), &mut Adam::new(0.01)).run(&Loader::new(circle(3), 4).drop_last());
}
#[test]
#[should_panic(expected = "Fit::run: there is no example to validate on")]
fn a_run_validates_on_examples() {
    let (train, test) = circle(4).split(0.1, 1); // 0.4 is rounded to none
    let _ = Fit::new(&network(), &mut Adam::new(0.01)).validate(&test).run(&Loader::new(train, 2));
}

/// Returns the states, the losses and the learning rate of a run that is stopped after some epochs (or never) and started again.
fn kept(folder: &Directory, stops: &[u64]) -> (State, State, State, Vec<f64>, f64) {
    let path = folder.file(&format!("run {stops:?}.safetensors"));
    let test = circle(30);
    let mut losses = Vec::new();
    for end in stops.iter().copied().chain([12]) {
        // Everything is made anew, as in a program that is started again.
        let (model, mut optimizer) = (network(), Adam::new(0.05));
        let plateau = ReduceLrOnPlateau::new(ReduceLrOnPlateauOptions { patience: 1, factor: 0.5, ..Default::default() });
        let mut keeper = RunCheckpoint::new(&path)
            .with("scheduler", PerEpoch(Scheduler::new(&mut optimizer, StepLr { step_size: 3, gamma: 0.7 })))
            .with("plateau", OnPlateau::new(plateau))
            .with("early_stopping", EarlyStopping::new(6))
            .with("best", BestCheckpoint::new(folder.file("best.safetensors")));
        let first = keeper.resume(&model, &mut optimizer).unwrap();
        assert_eq!(first, losses.len() as u64);
        let fit = Fit::new(&model, &mut optimizer).epochs(end).resume_at(first).validate(&test);
        let history = fit.callback(&mut keeper).run(&loader()).unwrap();
        losses.extend(history.get("loss").unwrap_or_default());
        if end == 12 {
            return (model.state(), model.generators(), optimizer.state(&model.named_parameters()), losses, optimizer.lr());
        }
    }
    unreachable!("the last end is 12")
}
#[test]
fn a_run_keeps_itself_and_goes_on_to_the_same_bits() {
    let folder = Directory::new("fit-run");
    let never_stopped = kept(&folder, &[]);
    for stops in [&[5][..], &[1, 2, 7], &[3, 3, 11]] {
        assert!(kept(&folder, stops) == never_stopped, "{stops:?}");
    }
    assert!(never_stopped.4 < 0.05); // the schedules were at work
}
/// A saved state of early stopping needs the weights of its best epoch, and they must fit the model.
#[test]
fn weights_that_early_stopping_cannot_give_back() {
    let load = |stopping: &mut EarlyStopping, state: &State| Callback::<f64>::load_state(stopping, state).map_err(|e| e.to_string());
    let mut state = State::new();
    state.insert("waited", 1u64);
    assert_eq!(load(&mut EarlyStopping::new(2), &state), Ok(())); // no epoch was the best one yet
    state.insert("best", 0.5);
    assert_eq!(load(&mut EarlyStopping::new(2), &state), Err("`weights` is missing".into()));
    state.insert("weights.x", ndarray::arr1(&[1.0, 2.0]).into_dyn());
    let mut stopping = EarlyStopping::new(2);
    assert_eq!(load(&mut stopping, &state), Ok(()));
    let (model, mut optimizer) = (Constant::new(), Sgd::new(0.1));
    let error = scripted(&model, &mut optimizer, &[1.0]).epochs(0).callback(stopping).run(&one_batch()).unwrap_err().to_string();
    assert!(error.starts_with("the state of EarlyStopping does not fit: "), "{error}");
    assert_eq!(model.0.to_array()[0], 1.0); // as `scripted` set it
    let without: State = state.iter().filter(|(name, _)| *name != "best").map(|(name, values)| (name, values.clone())).collect();
    assert_eq!(load(&mut EarlyStopping::new(2), &without), Err("`weights.x` is not part of what is loaded into".into()));
}
/// A run that was stopped early stays as it ended, with the best weights, however often it is started again.
#[test]
fn a_run_that_was_stopped_early_is_done() {
    let (folder, losses) = (Directory::new("fit-run-done"), [5.0, 3.0, 4.0, 3.5, 1.0, 0.5]);
    let run = || {
        let (model, mut optimizer) = (Constant::new(), Sgd::new(0.1));
        let mut keeper = RunCheckpoint::new(folder.file("run")).with("stopping", EarlyStopping::new(2));
        model.0.set([losses[0]]);
        let first = keeper.resume(&model, &mut optimizer).unwrap();
        let fit = Fit::with_loss(&model, &mut optimizer, |y, _: &Vec<usize>| y.detach().mean() + y.sum() * 0.0).epochs(6).resume_at(first);
        let history = fit.callback(keeper).callback(Script(&model, losses.to_vec())).run(&one_batch()).unwrap();
        (first, history.epochs(), model.0.to_array()[0])
    };
    assert_eq!([run(), run(), run()], [(0, 4, 3.0), (6, 0, 3.0), (6, 0, 3.0)]);
}
#[test]
fn a_kept_run_that_begins_at_another_epoch_is_refused() {
    let folder = Directory::new("fit-run-begin");
    let path = folder.file("run.safetensors");
    // Trains up to epoch 4 with a new checkpoint callback, with or without `resume`, and from the given epoch.
    let run = |resume: bool, first: Option<u64>| {
        let (model, mut optimizer) = (network(), Adam::new(0.05));
        let mut keeper = RunCheckpoint::new(&path);
        let next = if resume { keeper.resume(&model, &mut optimizer).unwrap() } else { 0 };
        let fit = Fit::new(&model, &mut optimizer).epochs(4).resume_at(first.unwrap_or(next));
        fit.callback(keeper).run(&loader()).map(|history| history.epochs()).map_err(|e| e.to_string())
    };
    let error = run(true, Some(2)).unwrap_err();
    assert!(error.contains("run.safetensors goes on with epoch 0, but `Fit` is at epoch 2\n  hint: "), "{error}");
    assert!(!path.exists());
    assert_eq!(run(true, Some(0)), Ok(4));
    let before = std::fs::read(&path).unwrap();
    let error = run(true, Some(0)).unwrap_err();
    assert!(error.starts_with("RunCheckpoint: the run that is kept in ") && error.contains("`.resume_at(first)`"), "{error}");
    assert!(error.contains("run.safetensors goes on with epoch 4, but `Fit` is at epoch 0\n  hint: "), "{error}");
    let error = run(false, None).unwrap_err();
    assert!(error.contains("run.safetensors is there already, and was not resumed: it would be written over\n  hint: "), "{error}");
    assert!(std::fs::read(&path).unwrap() == before); // neither has touched it
    assert_eq!(run(true, None), Ok(0));
    std::fs::remove_file(&path).unwrap();
    assert_eq!(run(false, Some(3)), Ok(1)); // nothing is there: any epoch will do
}
/// A checkpoint callback that is passed by reference continues where its last run ended.
#[test]
fn a_keeper_serves_one_run_after_the_other() {
    let folder = Directory::new("fit-run-lent");
    let (model, mut optimizer) = (network(), Adam::new(0.05));
    let mut keeper = RunCheckpoint::new(folder.file("run.safetensors"));
    Fit::new(&model, &mut optimizer).epochs(2).callback(&mut keeper).run(&loader()).unwrap();
    Fit::new(&model, &mut optimizer).epochs(3).resume_at(2).callback(&mut keeper).run(&loader()).unwrap();
    let error = Fit::new(&model, &mut optimizer).epochs(3).callback(&mut keeper).run(&loader()).unwrap_err();
    assert!(matches!(error, IoError::Resume { begun: 0, next: Some(3), .. }), "{error}");
}
#[test]
fn a_kept_run_needs_a_folder() {
    let folder = Directory::new("fit-run-folder");
    let path = folder.file("none").join("run.safetensors");
    let error = RunCheckpoint::new(&path).resume(&network(), &mut Adam::new(0.05)).unwrap_err();
    assert!(matches!(&error, IoError::Write { path: p, .. } if *p == path), "{error}");
    let error = error.to_string();
    assert!(error.contains("there is no folder ") && error.contains("\n  hint: make it first"), "{error}");
    assert!(!folder.file("none").exists());
    assert_eq!(RunCheckpoint::new("a-file-that-is-not-there").resume(&network(), &mut Adam::new(0.05)).unwrap(), 0);
}
#[test]
fn what_does_not_fit_a_kept_run_is_named() {
    let folder = Directory::new("fit-run-unfit");
    let path = folder.file("run.safetensors");
    let (model, mut optimizer) = (network(), Adam::new(0.05));
    let scheduler = |optimizer: &mut Adam| PerEpoch(Scheduler::new(optimizer, StepLr::new(3)));
    let keeper = RunCheckpoint::new(&path).with("scheduler", scheduler(&mut optimizer));
    Fit::new(&model, &mut optimizer).epochs(2).callback(keeper).run(&loader()).unwrap();
    let refused = |mut keeper: RunCheckpoint<'_>| keeper.resume(&network(), &mut Adam::new(0.05)).unwrap_err().to_string();
    let error = refused(RunCheckpoint::new(&path));
    assert!(error.ends_with("run.safetensors does not fit: `scheduler` is not part of what is loaded into"), "{error}");
    let two = RunCheckpoint::new(&path).with("scheduler", scheduler(&mut Adam::new(0.1))).with("stopping", EarlyStopping::new(2));
    assert!(refused(two).ends_with("`stopping` is missing"));
    let other = RunCheckpoint::new(&path).with("scheduler", EarlyStopping::new(2));
    assert!(refused(other).contains("`base_lrs` is not part of what is loaded into"));
    // The optimizer comes last; what was loaded before it is unchanged.
    let (model, mut other) = (network(), Sgd::new(0.05));
    let before = (model.state(), model.generators());
    let mut schedule = PerEpoch(Scheduler::new(&mut other, StepLr::new(3)));
    let (state, rate) = (schedule.0.state(), other.lr());
    let mut keeper = RunCheckpoint::new(&path).with("scheduler", &mut schedule);
    assert!(keeper.resume(&model, &mut other).unwrap_err().to_string().contains("run.safetensors does not fit"));
    drop(keeper);
    assert!((model.state(), model.generators()) == before && schedule.0.state() == state && other.lr() == rate);
    let kept = Checkpoint::load(&path).unwrap();
    let within = kept.parts().fold(Checkpoint::at(1, 3), |all, name| all.with(name, kept.part(name).unwrap()));
    within.save(&path).unwrap();
    let error = refused(RunCheckpoint::new(&path).with("scheduler", scheduler(&mut Adam::new(0.05))));
    assert!(error.ends_with("`position.batch` is 3, where 0, since runs continue at the beginning of an epoch, is needed"), "{error}");
    std::fs::write(&path, "no checkpoint").unwrap();
    assert!(refused(RunCheckpoint::new(&path)).contains("run.safetensors"));
    for name in ["", "a.b", "a,b", "model", "position"] {
        let made = std::panic::catch_unwind(|| drop(RunCheckpoint::<f32>::new("x").with(name, EarlyStopping::new(2))));
        let text = made.expect_err(name).downcast::<String>().unwrap();
        assert!(text.starts_with(&format!("RunCheckpoint::with: no part can be called {name:?}\n  at tests/kit/train.rs:")), "{text}");
    }
}
