//! A training loop: [`Fit`], as an alternative to writing the loop yourself.
//!
//! The plain loop is just as short, and can do everything that this one does:
//!
//! ```
//! # use wengert::{Tape, data::{Examples, Loader}, nn::{Forward, Mlp, Module}, optim::{Adam, Optimizer}};
//! # let model = Mlp::new(&[2, 8, 2]).build::<f32>(&mut wengert::init::seeded(1));
//! # let data = Examples::new(wengert::ndarray::array![[0f32, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], vec![0, 1, 1, 0]);
//! # let loader = Loader::new(data, 2).shuffle(1);
//! let (mut optimizer, mut tape, params) = (Adam::new(0.05), Tape::new(), model.parameters());
//! for epoch in 0..10 {
//!     for batch in loader.epoch(epoch) {
//!         let loss = model.forward(tape.constant(&batch.x)).cross_entropy(&batch.y);
//!         let grads = tape.backward(loss);
//!         tape.reset();
//!         optimizer.step(&params, &grads);
//!         tape.recycle(grads);
//!     }
//! }
//! ```
//!
//! [`Fit`] gives the same bits (but leaves out the step of a batch whose loss is not a number), and takes [callbacks](Callback): [`EarlyStopping`], [`BestCheckpoint`], clipping ([`ClipNorm`], [`ClipValue`]),
//! schedules ([`PerEpoch`], [`PerBatch`], [`OnPlateau`]), [`StopAtNan`], and reports ([`LogLine`], [`CsvLog`], [`TensorBoardLog`], and a progress
//! bar `Bar`).
//!
//! ```
//! # use wengert::{data::{Examples, Loader}, nn::Mlp, optim::Adam};
//! use wengert::train::{EarlyStopping, Fit};
//! # let model = Mlp::new(&[2, 8, 2]).build::<f32>(&mut wengert::init::seeded(1));
//! # let data = Examples::new(wengert::ndarray::array![[0f32, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], vec![0, 1, 1, 0]);
//! # let (test, loader) = (data.clone(), Loader::new(data, 2).shuffle(1));
//! # let mut optimizer = Adam::new(0.05);
//! let history = Fit::new(&model, &mut optimizer).epochs(10).validate(&test).callback(EarlyStopping::new(3)).run(&loader)?;
//! println!("{:?}", history.get("val_accuracy"));
//! # Ok::<(), wengert::io::IoError>(())
//! ```
//!
//! [`Fit::new`] classifies, [`Fit::with_loss`] takes any loss of an output, and [`Fit::with_objective`] any function of a batch, for networks with other inputs and
//! outputs.
//!
//! A run that may be killed can save itself: [`RunCheckpoint`] writes model, optimizer, schedules and epoch after each epoch. The same
//! program, started again, continues from there with the same bits.
//!
//! ```
//! # use wengert::{data::{Examples, Loader}, nn::Mlp, optim::{Adam, Scheduler, StepLr}};
//! use wengert::train::{EarlyStopping, Fit, PerEpoch, RunCheckpoint};
//! # let data = Examples::new(wengert::ndarray::array![[0f32, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], vec![0, 1, 1, 0]);
//! # let loader = Loader::new(data, 2).shuffle(1);
//! # let path = std::env::temp_dir().join(format!("wengert-doc-{}.run.safetensors", std::process::id()));
//! # fn run(path: &std::path::Path, loader: &Loader<Examples>) -> Result<usize, Box<dyn std::error::Error>> {
//! let model = Mlp::new(&[2, 8, 2]).dropout(0.1).build::<f32>(&mut wengert::init::seeded(1));
//! let mut optimizer = Adam::new(0.05);
//! let mut keeper = RunCheckpoint::new(path)
//!     .with("scheduler", PerEpoch(Scheduler::new(&mut optimizer, StepLr::new(3))))
//!     .with("early_stopping", EarlyStopping::new(5));
//! let first = keeper.resume(&model, &mut optimizer)?; // 0 where there is no file yet
//! let history = Fit::new(&model, &mut optimizer).epochs(10).resume_at(first).callback(keeper).run(loader)?;
//! # Ok(history.epochs())
//! # }
//! # assert!(run(&path, &loader).unwrap() > 0);
//! # assert_eq!(run(&path, &loader).unwrap(), 0);
//! # std::fs::remove_file(path).unwrap();
//! ```
//!
//! Other parts can be saved by hand, in a [`Checkpoint`](crate::io::Checkpoint). A callback that is passed by reference (`&mut
//! PerEpoch(..)`) can be read after the run: `schedule.0.state()`.

mod callbacks;
mod checkpoint;
mod history;
mod reports;

pub use callbacks::{BestCheckpoint, ClipNorm, ClipValue, EarlyStopping, OnPlateau, PerBatch, PerEpoch, StopAtNan};
pub use checkpoint::RunCheckpoint;
pub use history::History;
#[cfg(feature = "progress")]
pub use reports::Bar;
pub use reports::{CsvLog, LogLine, TensorBoardLog};

use crate::data::{Dataset, Examples, Loader, Target};
use crate::io::{IoError, State, StateError};
use crate::metrics::{Mean, accuracy};
use crate::nn::{Forward, Module};
use crate::optim::Optimizer;
use crate::refusal::require;
use crate::{Grads, Param, Scalar, Tape, Var, emit_warning, named_scope, scope_line};
use std::io;
use std::panic::Location;
use std::path::Path;
use std::time::Instant;

/// Is called at certain points of a run. All methods do nothing by default; an error ends the run.
///
/// ```
/// use wengert::io::IoError;
/// use wengert::train::{Callback, Run};
///
/// /// Ends the run once a batch has a loss below this one.
/// struct Below(f64);
/// impl Callback for Below {
///     fn batch(&mut self, run: &mut Run<'_>) -> Result<(), IoError> {
///         run.stop |= run.loss < self.0;
///         Ok(())
///     }
/// }
/// ```
pub trait Callback<T: Scalar = f32> {
    /// Is called before the first epoch, whose number is `run.epoch`: what would fail after an epoch, such as a file in a folder that does not exist, is
    /// refused before anything is trained.
    ///
    /// # Errors
    /// Defined by the callback.
    fn begin(&mut self, _run: &mut Run<'_, T>) -> Result<(), IoError> {
        Ok(())
    }
    /// Is called with the gradients of a batch, before the optimizer's step: here they can be clipped (see
    /// [`crate::optim::clip_grad_norm`]).
    fn gradients(&mut self, _grads: &mut Grads<T>) {}
    /// Is called after the optimizer's step for a batch.
    ///
    /// # Errors
    /// Defined by the callback.
    fn batch(&mut self, _run: &mut Run<'_, T>) -> Result<(), IoError> {
        Ok(())
    }
    /// Is called after an epoch and its validation; its numbers are the last ones of the history.
    ///
    /// # Errors
    /// Defined by the callback.
    fn epoch(&mut self, _run: &mut Run<'_, T>) -> Result<(), IoError> {
        Ok(())
    }
    /// Is called after the last epoch, also if the run was stopped or ended by an error.
    ///
    /// # Errors
    /// Defined by the callback.
    fn end(&mut self, _run: &mut Run<'_, T>) -> Result<(), IoError> {
        Ok(())
    }
    /// What the callback remembers from one epoch to the next, for a [`RunCheckpoint`]; empty by default.
    fn state(&self) -> State {
        State::new()
    }
    /// Continues from such a state.
    ///
    /// # Errors
    /// If it does not fit; nothing is changed then.
    fn load_state(&mut self, state: &State) -> Result<(), StateError> {
        StateError::all(state.iter().map(|(name, _)| StateError::Unexpected { name: name.into() }).collect())
    }
}

/// A callback that is passed by reference can be read after the run, to save the state of a schedule for instance.
impl<T: Scalar, C: Callback<T> + ?Sized> Callback<T> for &mut C {
    fn begin(&mut self, run: &mut Run<'_, T>) -> Result<(), IoError> {
        (**self).begin(run)
    }
    fn gradients(&mut self, grads: &mut Grads<T>) {
        (**self).gradients(grads);
    }
    fn batch(&mut self, run: &mut Run<'_, T>) -> Result<(), IoError> {
        (**self).batch(run)
    }
    fn epoch(&mut self, run: &mut Run<'_, T>) -> Result<(), IoError> {
        (**self).epoch(run)
    }
    fn end(&mut self, run: &mut Run<'_, T>) -> Result<(), IoError> {
        (**self).end(run)
    }
    fn state(&self) -> State {
        (**self).state()
    }
    fn load_state(&mut self, state: &State) -> Result<(), StateError> {
        (**self).load_state(state)
    }
}

/// The position and the numbers of a run, for callbacks.
pub struct Run<'r, T: Scalar = f32> {
    /// The model.
    pub model: &'r dyn Module<T>,
    /// The optimizer, whose learning rate may be set.
    pub optimizer: &'r mut dyn Optimizer<T>,
    /// The epoch, counted from 0.
    pub epoch: u64,
    /// The number of epochs.
    pub epochs: u64,
    /// The batch of this epoch, counted from 0.
    pub batch: usize,
    /// The number of batches in an epoch.
    pub batches: usize,
    /// The number of examples in this batch.
    pub samples: usize,
    /// The loss of this batch.
    pub loss: f64,
    /// The name and the value of the metric for this batch, if there is one.
    pub metric: Option<(String, f64)>,
    /// The numbers of the finished epochs.
    pub history: History,
    /// Set this to end the run: after this batch, without the epoch's callbacks, or after this epoch.
    pub stop: bool,
    /// A loss that is not a number was spoken of.
    warned: bool,
}

/// A function from an output and its targets to the loss.
type Loss<'a, T, Y> = Box<dyn for<'t> Fn(Var<'t, T>, &Y) -> Var<'t, T> + 'a>;
/// A function from a batch to the loss.
type OfBatch<'a, T, Y> = Box<dyn for<'t> Fn(&'t Tape<T>, &Examples<T, Y>) -> Var<'t, T> + 'a>;
/// A function from an output and its targets to a number, the mean over the batch.
type Metric<'a, T, Y> = Box<dyn for<'t> Fn(Var<'t, T>, &Y) -> f64 + 'a>;

/// A training run: a model, its optimizer, a loss, and options. See the [module](self).
///
/// In each epoch, all parts of the model are in training mode ([`Module::train`]), even if they were in evaluation mode before. During
/// validation and after the run they are in evaluation mode ([`Module::eval`]).
#[must_use = "nothing is trained before `run`"]
pub struct Fit<'a, T: Scalar, Y> {
    model: &'a dyn Module<T>,
    optimizer: &'a mut dyn Optimizer<T>,
    measures: Measures<'a, T, Y>,
    callbacks: Vec<Box<dyn Callback<T> + 'a>>,
    epochs: u64,
    first: u64,
}

impl<'a, T: Scalar> Fit<'a, T, Vec<usize>> {
    /// A run for classification: the model gives logits `[n, classes]`, targets are class numbers, the loss is cross entropy, and accuracy
    /// is measured.
    pub fn new(model: &'a dyn Forward<T>, optimizer: &'a mut dyn Optimizer<T>) -> Self {
        let mut fit = Fit::with_loss(model, optimizer, |logits, labels: &Vec<usize>| logits.cross_entropy(labels))
            .metric("accuracy", |logits, labels| accuracy(logits, labels));
        fit.measures.wrong = |logits, labels| {
            // The loss refuses other shapes.
            let &[_, classes] = logits else { return None };
            let at = labels.iter().position(|&label| label >= classes)?;
            Some(format!("label {} (at position {at} of the batch) is not one of the {classes} classes of the model", labels[at]))
        };
        fit
    }
}

impl<'a, T: Scalar, Y: Target> Fit<'a, T, Y> {
    /// A run with a loss of your own: a function of the model's output and the targets of a batch, which returns a number (the mean over
    /// the batch).
    ///
    /// ```
    /// # use wengert::{data::{Examples, Loader}, nn::Linear, optim::Sgd, train::Fit};
    /// use wengert::ndarray::{ArrayD, array};
    /// # let model = Linear::<f32>::new(1, 1, &mut wengert::init::seeded(1));
    /// # let mut optimizer = Sgd::new(0.1);
    /// let data = Examples::new(array![[0f32], [1.0], [2.0]], array![[1f32], [3.0], [5.0]].into_dyn());
    /// let history = Fit::with_loss(&model, &mut optimizer, |y, t: &ArrayD<f32>| y.mse_loss(y.tape().constant(t)))
    ///     .epochs(200)
    ///     .run(&Loader::new(data, 3))?;
    /// assert!(history.last("loss").unwrap() < 1e-3);
    /// # Ok::<(), wengert::io::IoError>(())
    /// ```
    pub fn with_loss(
        model: &'a dyn Forward<T>,
        optimizer: &'a mut dyn Optimizer<T>,
        loss: impl for<'t> Fn(Var<'t, T>, &Y) -> Var<'t, T> + 'a,
    ) -> Self {
        Fit::of(model, optimizer, Objective::OfOutput(model, Box::new(loss)))
    }
    /// A run of a network of any signature: the objective is computed from a batch as a whole.
    ///
    /// ```
    /// use wengert::data::{Examples, Loader};
    /// use wengert::nn::Linear;
    /// use wengert::optim::Adam;
    /// use wengert::prelude::*;
    /// use wengert::train::Fit;
    ///
    /// struct Autoencoder {
    ///     encoder: Linear,
    ///     decoder: Linear,
    /// }
    /// impl Module for Autoencoder {
    ///     parts!(encoder, decoder);
    /// }
    /// let rng = &mut wengert::init::seeded(1);
    /// let model = Autoencoder { encoder: Linear::new(3, 1, rng), decoder: Linear::new(1, 3, rng) };
    /// let x = wengert::ndarray::Array2::from_shape_fn((32, 3), |(i, j)| (i as f32 / 16.0 - 1.0) * (j as f32 + 1.0));
    /// let mut optimizer = Adam::new(0.05);
    /// let history = Fit::with_objective(&model, &mut optimizer, |tape, batch: &Examples| {
    ///     let x = tape.constant(&batch.x);
    ///     let code = model.encoder.forward(x).tanh();
    ///     model.decoder.forward(code).mse_loss(x) + code.abs().mean() * 0.001
    /// })
    /// .epochs(100)
    /// .run(&Loader::new(Examples::new(x, vec![0; 32]), 8))?;
    /// assert!(history.last("loss").unwrap() < 0.1);
    /// # Ok::<(), wengert::io::IoError>(())
    /// ```
    pub fn with_objective(
        model: &'a dyn Module<T>,
        optimizer: &'a mut dyn Optimizer<T>,
        objective: impl for<'t> Fn(&'t Tape<T>, &Examples<T, Y>) -> Var<'t, T> + 'a,
    ) -> Self {
        Fit::of(model, optimizer, Objective::OfBatch(Box::new(objective)))
    }
    fn of(model: &'a dyn Module<T>, optimizer: &'a mut dyn Optimizer<T>, objective: Objective<'a, T, Y>) -> Self {
        let measures = Measures { objective, metric: None, validation: None, wrong: |_, _| None };
        Fit { model, optimizer, measures, callbacks: Vec::new(), epochs: 1, first: 0 }
    }
    /// Sets how often all examples are seen; 1 by default.
    pub fn epochs(mut self, epochs: u64) -> Self {
        self.epochs = epochs;
        self
    }
    /// Continues with this epoch (from 0) of a run whose model, optimizer and schedule were loaded from a
    /// [`Checkpoint`](crate::io::Checkpoint). The history begins with this epoch. Callbacks start afresh, except those that a
    /// [`RunCheckpoint`] saves: otherwise [`BestCheckpoint`] and [`EarlyStopping`] do not know what was best before. A [`CsvLog`] continues
    /// to count epochs but writes a new file, so give it another path. For TensorBoard see
    /// [`EventWriter::resume`](crate::tensorboard::EventWriter::resume).
    pub fn resume_at(mut self, epoch: u64) -> Self {
        self.first = epoch;
        self
    }
    /// Sets the metric, which is measured in addition to the loss: its name, and a function that returns the mean over a batch.
    ///
    /// # Panics
    /// If the history has other numbers with this name: `loss`, `lr`, `seconds`, `epoch`, `val_` and so on. If the run was made by
    /// [`Fit::with_objective`], which knows no output.
    #[track_caller]
    pub fn metric(mut self, name: impl Into<String>, metric: impl for<'t> Fn(Var<'t, T>, &Y) -> f64 + 'a) -> Self {
        let name = name.into();
        let taken = ["loss", "lr", "seconds", "epoch"].contains(&&*name) || name.starts_with("val_");
        require(!taken, || format!("metric: the history has other numbers called {name:?}"), "a name such as \"accuracy\"");
        let has_output = matches!(self.measures.objective, Objective::OfOutput(..));
        require(has_output, || "metric: a run with an objective of the whole batch has no output to measure", "measure it in a callback");
        self.measures.metric = Some((name, Box::new(metric)));
        self
    }
    /// Sets held-back examples. Loss and metric for them are computed after each epoch, as `val_loss` and so on.
    pub fn validate(mut self, examples: &'a dyn Dataset<Number = T, Target = Y>) -> Self {
        self.measures.validation = Some(examples);
        self
    }
    /// Adds a callback. Callbacks are called in the order in which they were added.
    pub fn callback(mut self, callback: impl Callback<T> + 'a) -> Self {
        self.callbacks.push(Box::new(callback));
        self
    }
    /// Trains the model. Afterwards it is in evaluation mode, also after an error. A batch whose loss is not a number changes no parameter, and is warned of once.
    ///
    /// # Errors
    /// The first error of a callback, such as a file that cannot be written. It ends the run, but [`Callback::end`] is still called for all
    /// callbacks.
    ///
    /// # Panics
    /// If model, loss, metric or a callback panic, because shapes do not fit, a label is not a class, or the history lacks a number that is watched. If the
    /// loss depends on no parameter. If all parameters are frozen when an epoch
    /// begins. If the loader has no batches, or there are no examples for validation. If a parameter has a gradient but is not shown by
    /// [`Module::visit`]: it would never be trained.
    #[track_caller]
    pub fn run<D: Dataset<Number = T, Target = Y> + 'static>(self, loader: &Loader<D>) -> Result<History, IoError> {
        let Fit { model, optimizer, measures, mut callbacks, epochs, first } = self;
        let (batches, history) = (loader.len(), History::default());
        let message = || "Fit::run: the loader has no batches";
        require(batches > 0, message, "is the data set empty, or smaller than a batch with `drop_last`?");
        require(
            measures.validation.is_none_or(|examples| !examples.is_empty()),
            || "Fit::run: there is no example to validate on",
            "a small part of few examples is rounded to none: hold back more, or leave out `validate`",
        );
        let mut run = Run {
            model,
            optimizer,
            epoch: 0,
            epochs,
            batch: 0,
            batches,
            samples: 0,
            loss: f64::NAN,
            metric: None,
            history,
            stop: false,
            warned: false,
        };
        // What layers, losses and callbacks of this crate refuse names the line of the run.
        let trained = named_scope("", || measures.train(first, &mut run, &mut callbacks, loader));
        model.eval();
        // All callbacks are called: they finish files, and give back the best weights.
        named_scope("", || callbacks.iter_mut().map(|c| c.end(&mut run)).fold(trained, Result::and))?;
        Ok(run.history)
    }
}

/// Says, once in a run, that a loss is not a number, and which value of the step was the first that is not finite.
#[cold]
fn warn_of_nan<T: Scalar>(tape: &Tape<T>, epoch: u64, batch: usize, at: &Location<'_>) {
    let first = match tape.first_not_finite() {
        Some(node) if node.op == "constant" => format!(": an input or target of shape {} is not a number", node.shape),
        Some(node) => format!(": the first value that is not finite is that of {node}"),
        None => String::new(),
    };
    emit_warning(&format!(
        "Fit::run: the loss of epoch {epoch}, batch {batch} is not a number{first}\n  at {at}\n  hint: its step, and those of others like it, are left out; look at the data, \
         reduce the learning rate, or clip gradients (`ClipNorm`); `StopAtNan` ends the run there"
    ));
}

/// Refuses a model that does not show all of its parameters, which would silently not be trained.
#[track_caller]
fn all_are_shown<T: Scalar>(grads: &mut Grads<T>, params: &[Param<T>]) {
    for (p, _) in grads.slices_mut() {
        let shown = params.iter().any(|q| q.is(p));
        let message = || format!("Fit::run: parameter {} of shape {} has a gradient, but is no part of the model", p.path(), p.shape());
        require(shown, message, "name it in `parts!`, or the module that it belongs to");
    }
}

/// What a run minimizes.
enum Objective<'a, T: Scalar, Y> {
    /// A loss of the model's output.
    OfOutput(&'a dyn Forward<T>, Loss<'a, T, Y>),
    /// A function of the batch.
    OfBatch(OfBatch<'a, T, Y>),
}

/// The loss and the metric of a run, and the examples for validation.
struct Measures<'a, T: Scalar, Y> {
    objective: Objective<'a, T, Y>,
    metric: Option<(String, Metric<'a, T, Y>)>,
    validation: Option<&'a dyn Dataset<Number = T, Target = Y>>,
    /// For a known loss: what is wrong with the targets for an output of this shape.
    wrong: fn(&[usize], &Y) -> Option<String>,
}

impl<'a, T: Scalar, Y: Target> Measures<'a, T, Y> {
    /// Trains from the first epoch on.
    #[track_caller]
    fn train<D: Dataset<Number = T, Target = Y> + 'static>(
        &self,
        first: u64,
        run: &mut Run<'_, T>,
        callbacks: &mut [Box<dyn Callback<T> + 'a>],
        loader: &Loader<D>,
    ) -> Result<(), IoError> {
        let model = run.model;
        let (params, mut tape, at) = (model.parameters(), Tape::new(), scope_line(Location::caller()));
        run.epoch = first;
        callbacks.iter_mut().try_for_each(|c| c.begin(run))?;
        for epoch in first..run.epochs {
            let (start, mut losses, mut metrics) = (Instant::now(), Mean::new(), Mean::new());
            let mut lr = run.optimizer.lr();
            run.epoch = epoch;
            run.batch = 0;
            require(
                params.iter().any(|p| !p.is_frozen()),
                || format!("Fit::run: there is nothing to train: all {} parameters of the model are frozen", params.len()),
                "`unfreeze` the model or a part of it; a model of your own names its parts by `parts!`",
            );
            model.train();
            for (i, batch) in loader.epoch(epoch).enumerate() {
                (run.batch, run.samples) = (i, batch.len());
                let (value, output) = self.evaluate("training", &tape, &batch, at);
                let mut grads = tape.backward(value);
                if i == 0 {
                    all_are_shown(&mut grads, &params);
                }
                run.loss = value.item().to_f64();
                run.metric = self.metric(output, &batch.y);
                if run.loss.is_nan() && !run.warned {
                    run.warned = true;
                    warn_of_nan(&tape, epoch, i, at);
                }
                tape.reset();
                callbacks.iter_mut().for_each(|c| c.gradients(&mut grads));
                lr = run.optimizer.lr(); // callbacks set the rate of the next batch
                // Gradients of NaN would make all parameters NaN.
                if !run.loss.is_nan() {
                    run.optimizer.step(&params, &grads);
                }
                tape.recycle(grads);
                losses.add(run.loss, run.samples);
                metrics.add(run.metric.as_ref().map_or(0.0, |m| m.1), run.samples);
                callbacks.iter_mut().try_for_each(|c| c.batch(run))?;
                if run.stop {
                    return Ok(());
                }
            }
            model.eval();
            let name = self.metric.as_ref().map(|(name, _)| name.as_str());
            let mut numbers = vec![("loss".to_string(), losses.value())];
            numbers.extend(name.map(|name| (name.to_string(), metrics.value())));
            if let Some(examples) = self.validation {
                let (loss, metric) = self.validate(&mut tape, examples);
                numbers.push(("val_loss".to_string(), loss));
                numbers.extend(name.map(|name| (format!("val_{name}"), metric)));
            }
            numbers.push(("lr".to_string(), lr));
            numbers.push(("seconds".to_string(), start.elapsed().as_secs_f64()));
            run.history.push(numbers);
            callbacks.iter_mut().try_for_each(|c| c.epoch(run))?;
            if run.stop {
                return Ok(());
            }
        }
        Ok(())
    }
    /// The loss of a batch, and the output that it is of.
    fn evaluate<'t>(&self, when: &str, tape: &'t Tape<T>, batch: &Examples<T, Y>, at: &Location<'_>) -> (Var<'t, T>, Option<Var<'t, T>>) {
        match &self.objective {
            Objective::OfOutput(model, loss) => {
                let output = model.forward(tape.constant(&batch.x));
                self.check(when, output, &batch.y, at);
                (loss(output, &batch.y), Some(output))
            }
            Objective::OfBatch(objective) => (objective(tape, batch), None),
        }
    }
    fn metric(&self, output: Option<Var<'_, T>>, y: &Y) -> Option<(String, f64)> {
        self.metric.as_ref().zip(output).map(|((name, f), output)| (name.clone(), f(output, y)))
    }
    /// Refuses targets that the loss would refuse, but with the line of the run.
    fn check(&self, when: &str, output: Var<'_, T>, y: &Y, at: &Location<'_>) {
        if let Some(wrong) = (self.wrong)(&output.shape(), y) {
            panic!(
                "Fit::run: in {when}, {wrong}\n  at {at}\n  hint: labels count from 0, and the last layer has as many outputs as there are classes"
            );
        }
    }
    /// Loss and metric for held-back examples.
    #[track_caller]
    fn validate(&self, tape: &mut Tape<T>, examples: &dyn Dataset<Number = T, Target = Y>) -> (f64, f64) {
        let (mut losses, mut metrics) = (Mean::new(), Mean::new());
        let at = scope_line(Location::caller()); // a closure would name its own line
        for start in (0..examples.len()).step_by(AT_ONCE) {
            let rows: Vec<usize> = (start..examples.len().min(start.saturating_add(AT_ONCE))).collect();
            let batch = examples.get(&rows);
            let evaluate = || {
                let (loss, output) = self.evaluate("validation", tape, &batch, at);
                losses.add(loss.item().to_f64(), rows.len());
                metrics.add(self.metric(output, &batch.y).map_or(0.0, |m| m.1), rows.len());
            };
            tape.no_grad(evaluate);
            tape.reset();
        }
        (losses.value(), metrics.value())
    }
}

/// Refuses a path into a folder that does not exist.
fn find_folder(path: &Path) -> Result<(), IoError> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) else { return Ok(()) };
    let reason = format!("there is no folder {}\n  hint: make it first, with `std::fs::create_dir_all`", folder.display());
    Err(IoError::Write { path: path.into(), source: io::Error::new(io::ErrorKind::NotFound, reason) })
}

/// The number of held-back examples that are evaluated at once.
const AT_ONCE: usize = 256;
