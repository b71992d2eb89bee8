//! Checkpoints: a training run on disk, which resumes as if it had never stopped.

use super::safetensors::{load_with, save_with};
use super::{FormatError, IoError, State, StateError};
use std::collections::BTreeSet;
use std::path::Path;

/// The metadata key that marks a file as a checkpoint and lists its parts.
const MARK: &str = "wengert.checkpoint";
/// The part that holds the position at which the run resumes.
const POSITION: &str = "position";

/// All that a run needs to resume: named parts, and the epoch and batch that come next. It is one safetensors file, written atomically: it
/// is complete whenever the process is killed.
///
/// A run that saves all of its parts resumes with the same bits as one that was never stopped. The parts are the parameters and buffers
/// ([`Module::state`](crate::nn::Module::state)), random generators such as those of dropout
/// ([`Module::generators`](crate::nn::Module::generators)), and the states of optimizer and scheduler. Batches need no part: a
/// [`Loader`](crate::data::Loader) computes those of any epoch and batch from its seed. The checkpoint does not hold which parameters are
/// frozen, nor the training and evaluation modes: set them as before.
///
/// ```
/// use wengert::data::{Examples, Loader, digits};
/// use wengert::io::Checkpoint;
/// use wengert::nn::{Dropout, Flatten, Forward, Linear, Module, Sequential};
/// use wengert::optim::{Adam, Optimizer, Scheduler, StepLr};
/// use wengert::{Tape, init::seeded};
///
/// # let path = std::env::temp_dir().join(format!("wengert-doc-{}.checkpoint.safetensors", std::process::id()));
/// # fn run(path: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
/// let rng = &mut seeded(1);
/// let model: Sequential = Sequential::new().push(Flatten).push(Dropout::new(0.2, rng)).push(Linear::new(64, 10, rng));
/// let (named, params) = (model.named_parameters(), model.parameters());
/// let mut optimizer = Adam::new(1e-3);
/// let mut scheduler = Scheduler::new(&mut optimizer, StepLr::new(1));
/// let loader = Loader::new(Examples::from(digits()).first(100), 32).shuffle(7);
/// let (mut tape, mut first) = (Tape::new(), (0, 0));
/// if path.exists() {
///     let checkpoint = Checkpoint::load(path)?;
///     model.load_state(&checkpoint.part("model")?)?;
///     model.load_generators(&checkpoint.part("generators")?)?;
///     scheduler.load_state(&checkpoint.part("scheduler")?)?;
///     optimizer.load_state(&named, &checkpoint.part("optimizer")?)?;
///     first = (checkpoint.epoch(), checkpoint.batch());
/// }
/// for epoch in first.0..2 {
///     for batch in loader.epoch_from(epoch, if epoch == first.0 { first.1 } else { 0 }) {
///         let loss = model.forward(tape.constant(&batch.x)).cross_entropy(&batch.y);
///         let grads = tape.backward(loss);
///         tape.reset();
///         optimizer.step(&params, &grads);
///         tape.recycle(grads);
///     }
///     scheduler.step(&mut optimizer);
///     Checkpoint::at(epoch + 1, 0)
///         .with("model", model.state())
///         .with("generators", model.generators())
///         .with("optimizer", optimizer.state(&named))
///         .with("scheduler", scheduler.state())
///         .save(path)?;
/// }
/// # Ok(())
/// # }
/// # run(&path).unwrap();
/// # run(&path).unwrap();
/// # assert_eq!(Checkpoint::load(&path).unwrap().epoch(), 2);
/// # std::fs::remove_file(path).unwrap();
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    epoch: u64,
    batch: usize,
    parts: BTreeSet<String>,
    state: State,
}

impl Checkpoint {
    /// A checkpoint without parts, for a run that continues with this batch of this epoch, both counted from 0.
    pub fn at(epoch: u64, batch: usize) -> Checkpoint {
        Checkpoint { epoch, batch, parts: BTreeSet::new(), state: State::new() }
    }
    /// Adds a named part: the state of anything that has one.
    ///
    /// # Panics
    /// If the name is empty, contains a dot or a comma, is `position`, or is already used.
    #[track_caller]
    pub fn with(mut self, name: &str, part: State) -> Checkpoint {
        assert!(
            !name.is_empty() && name != POSITION && !name.contains(['.', ',']),
            "Checkpoint::with: no part can be called {name:?}\n  at {}\n  hint: a name without dots and commas, such as \"model\"",
            std::panic::Location::caller()
        );
        assert!(
            self.parts.insert(name.into()),
            "Checkpoint::with: there is a part {name:?} already\n  at {}\n  hint: give each part a name of its own",
            std::panic::Location::caller()
        );
        self.state.insert_part(name, part);
        self
    }
    /// The epoch with which the run continues.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }
    /// The batch of that epoch with which the run continues.
    pub fn batch(&self) -> usize {
        self.batch
    }
    /// The names of the parts.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().map(String::as_str)
    }
    /// The part with this name.
    ///
    /// # Errors
    /// If there is none. (A part may be empty.)
    pub fn part(&self, name: &str) -> Result<State, StateError> {
        match self.parts.contains(name) {
            true => Ok(self.state.part(name)),
            false => Err(StateError::Missing { name: name.into() }),
        }
    }
    /// Writes the checkpoint, atomically.
    ///
    /// # Errors
    /// If the system refuses; the previous checkpoint is then unchanged.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), IoError> {
        let mut state = self.state.clone();
        let position = [("epoch", self.epoch), ("batch", self.batch as u64)];
        state.insert_part(POSITION, State::from_iter(position));
        let parts: Vec<_> = self.parts().collect();
        save_with(path, &state, &[(MARK, &parts.join(","))])
    }
    /// Reads a checkpoint.
    ///
    /// # Errors
    /// If the system refuses, or the file is damaged or not a checkpoint.
    pub fn load(path: impl AsRef<Path>) -> Result<Checkpoint, IoError> {
        let path = path.as_ref();
        let (state, remarks) = load_with(path)?;
        let wrong = |source| IoError::Format { path: path.into(), source };
        let parts = remarks.get(MARK).ok_or_else(|| wrong(FormatError::NoCheckpoint))?;
        let parts: BTreeSet<String> = parts.split(',').filter(|p| !p.is_empty()).map(String::from).collect();
        let position = state.part(POSITION);
        let number = |name: &str| position.whole(name).map_err(|e| wrong(FormatError::Header { reason: format!("{POSITION}: {e}") }));
        let (epoch, batch) = (number("epoch")?, number("batch")?);
        let mut checkpoint = Checkpoint::at(epoch, usize::try_from(batch).unwrap_or(usize::MAX));
        for (name, values) in state.iter() {
            match name.split_once('.') {
                Some((POSITION, _)) => {}
                Some((part, _)) if parts.contains(part) => checkpoint.state.insert(name, values.clone()),
                _ => return Err(wrong(FormatError::Header { reason: format!("`{name}` does not belong to a part") })),
            }
        }
        checkpoint.parts = parts;
        Ok(checkpoint)
    }
}
