//! A callback that saves all that a run needs after each epoch, so that the run can be killed at any time.

use super::{Callback, Run, find_folder};
use crate::io::{Checkpoint, IoError, StateError};
use crate::nn::Module;
use crate::optim::Optimizer;
use crate::refusal::require;
use crate::{Grads, Scalar};
use std::path::PathBuf;

/// Writes a [`Checkpoint`] after each epoch: model, random generators, optimizer, the callbacks that were given to it, and the epoch that
/// comes next. If the same code resumes the run with the same options, frozen parameters and data, it ends with the same bits as one that
/// was never stopped. A run that a callback has ended, such as [`EarlyStopping`](super::EarlyStopping), is finished: no epoch comes next.
///
/// The callbacks (schedules, early stopping) are called by this one, before it writes. A run that begins at another epoch than
/// [`RunCheckpoint::resume`] returned is ended by an error before it trains anything. So is a run that would overwrite a file that was never
/// resumed. There is an example in the documentation of the [module](super).
pub struct RunCheckpoint<'a, T: Scalar = f32> {
    path: PathBuf,
    callbacks: Vec<(String, Box<dyn Callback<T> + 'a>)>,
    /// The epoch that comes next in the saved run, once `resume` or the run itself has set it.
    next: Option<u64>,
}

impl<'a, T: Scalar> RunCheckpoint<'a, T> {
    /// Saves to this file, atomically.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        RunCheckpoint { path: path.into(), callbacks: Vec::new(), next: None }
    }
    /// Calls this callback too, and saves its state under this name. It may be a schedule ([`PerEpoch`](super::PerEpoch),
    /// [`PerBatch`](super::PerBatch), [`OnPlateau`](super::OnPlateau)), [`EarlyStopping`](super::EarlyStopping),
    /// [`BestCheckpoint`](super::BestCheckpoint), or one of your own with a [`Callback::state`].
    ///
    /// # Panics
    /// If the name is empty, contains a dot or a comma, or is that of another part: `model`, `generators`, `optimizer`, `position`.
    #[track_caller]
    pub fn with(mut self, name: impl Into<String>, callback: impl Callback<T> + 'a) -> Self {
        let name = name.into();
        let taken = OWN.contains(&&*name) || self.callbacks.iter().any(|(other, _)| *other == name);
        let fits = !name.is_empty() && !name.contains(['.', ',']) && !taken;
        require(fits, || format!("RunCheckpoint::with: no part can be called {name:?}"), "a name of its own, such as \"scheduler\"");
        self.callbacks.push((name, Box::new(callback)));
        self
    }
    /// Loads the file, if it exists, into model, optimizer and callbacks. Returns the epoch that comes next, for
    /// [`Fit::resume_at`](super::Fit::resume_at), or 0 if there is no file.
    ///
    /// # Errors
    /// If the file cannot be read, is damaged, or a part of it does not fit; everything is then unchanged. Also if the folder of the file
    /// does not exist.
    pub fn resume(&mut self, model: &dyn Module<T>, optimizer: &mut dyn Optimizer<T>) -> Result<u64, IoError> {
        let there = self.path.try_exists().map_err(|source| IoError::Read { path: self.path.clone(), source })?;
        if !there {
            find_folder(&self.path)?;
            self.next = Some(0);
            return Ok(0);
        }
        let checkpoint = Checkpoint::load(&self.path)?;
        let before = self.all(0, model, optimizer);
        self.load(&checkpoint, model, optimizer).map_err(|source| {
            // Their own state fits, and there already is an error to report.
            let _ = self.load(&before, model, optimizer);
            IoError::State { path: self.path.clone(), source }
        })?;
        self.next = Some(checkpoint.epoch());
        Ok(checkpoint.epoch())
    }
    /// Refuses a run at another epoch than the next one of the saved run, and a file that existed before and was not resumed.
    fn check(&mut self, epoch: u64) -> Result<(), IoError> {
        let unseen = self.next.is_none() && self.path.try_exists().map_err(|source| IoError::Read { path: self.path.clone(), source })?;
        if unseen || self.next.is_some_and(|next| next != epoch) {
            return Err(IoError::Resume { path: self.path.clone(), begun: epoch, next: self.next });
        }
        self.next = Some(epoch);
        Ok(())
    }
    /// Everything that is saved before this epoch.
    fn all(&self, epoch: u64, model: &dyn Module<T>, optimizer: &dyn Optimizer<T>) -> Checkpoint {
        let checkpoint = Checkpoint::at(epoch, 0)
            .with("model", model.state())
            .with("generators", model.generators())
            .with("optimizer", optimizer.state(&model.named_parameters()));
        self.callbacks.iter().fold(checkpoint, |all, (name, callback)| all.with(name, callback.state()))
    }
    fn load(&mut self, checkpoint: &Checkpoint, model: &dyn Module<T>, optimizer: &mut dyn Optimizer<T>) -> Result<(), StateError> {
        let known = |part: &&str| OWN.contains(part) || self.callbacks.iter().any(|(name, _)| name == part);
        let unknown = checkpoint.parts().filter(|part| !known(part));
        StateError::all(unknown.map(|name| StateError::Unexpected { name: name.into() }).collect())?;
        // It was written by hand, in the middle of an epoch, which would be trained again from its beginning.
        if checkpoint.batch() != 0 {
            let (name, found) = ("position.batch".into(), checkpoint.batch().to_string());
            return Err(StateError::Type { name, found, expected: "0, since runs continue at the beginning of an epoch," });
        }
        model.load_state(&checkpoint.part("model")?)?;
        model.load_generators(&checkpoint.part("generators")?)?;
        for (name, callback) in &mut self.callbacks {
            callback.load_state(&checkpoint.part(name)?)?;
        }
        optimizer.load_state(&model.named_parameters(), &checkpoint.part("optimizer")?)
    }
}

/// The parts that are always there.
const OWN: [&str; 4] = ["model", "generators", "optimizer", "position"];

impl<T: Scalar> Callback<T> for RunCheckpoint<'_, T> {
    fn begin(&mut self, run: &mut Run<'_, T>) -> Result<(), IoError> {
        find_folder(&self.path)?;
        self.check(run.epoch)?;
        self.callbacks.iter_mut().try_for_each(|(_, callback)| callback.begin(run))
    }
    fn gradients(&mut self, grads: &mut Grads<T>) {
        self.callbacks.iter_mut().for_each(|(_, callback)| callback.gradients(grads));
    }
    fn batch(&mut self, run: &mut Run<'_, T>) -> Result<(), IoError> {
        self.check(run.epoch)?;
        self.callbacks.iter_mut().try_for_each(|(_, callback)| callback.batch(run))
    }
    fn epoch(&mut self, run: &mut Run<'_, T>) -> Result<(), IoError> {
        self.check(run.epoch)?;
        self.callbacks.iter_mut().try_for_each(|(_, callback)| callback.epoch(run))?;
        // A run that a callback has ended is finished: if it is started again, it trains no further.
        let next = if run.stop { run.epochs } else { run.epoch + 1 };
        self.all(next, run.model, run.optimizer).save(&self.path)?;
        self.next = Some(next);
        Ok(())
    }
    fn end(&mut self, run: &mut Run<'_, T>) -> Result<(), IoError> {
        // All callbacks are called, also after an error.
        self.callbacks.iter_mut().map(|(_, callback)| callback.end(run)).fold(Ok(()), Result::and)
    }
}
