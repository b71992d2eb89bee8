//! Reports of a run: a line, a row of a CSV file, points in TensorBoard, a progress bar.

use super::{Callback, History, Run, find_folder};
use crate::Scalar;
use crate::io::{IoError, write_atomic};
use crate::show::short;
use crate::tensorboard::EventWriter;
use std::io::{self, Write};
use std::path::PathBuf;

/// Writes a line for each epoch, such as `epoch  3/10  loss 0.1234  accuracy 0.9615  lr 0.001  1.2 s`.
#[derive(Debug)]
pub struct LogLine<W = io::Stdout>(W);

impl LogLine {
    /// Writes to standard output.
    pub fn stdout() -> LogLine {
        LogLine(io::stdout())
    }
}

impl<W: Write> LogLine<W> {
    /// Writes to a file, or to anything else.
    pub fn to(writer: W) -> LogLine<W> {
        LogLine(writer)
    }
}

impl<T: Scalar, W: Write> Callback<T> for LogLine<W> {
    fn epoch(&mut self, run: &mut Run<'_, T>) -> Result<(), IoError> {
        let width = run.epochs.to_string().len();
        let mut line = format!("epoch {:>width$}/{}", run.epoch + 1, run.epochs);
        for name in run.history.names() {
            let x = run.history.last(name).expect("each name has numbers");
            line += &match name {
                "seconds" => format!("  {x:.1} s"),
                "lr" => format!("  lr {}", rate(x)),
                _ => format!("  {name} {}", short(x)),
            };
        }
        writeln!(self.0, "{line}").and_then(|()| self.0.flush()).map_err(|e| cannot_write("the log", e))
    }
}

/// A learning rate: three digits, without trailing zeros.
fn rate(x: f64) -> String {
    let rounded: f64 = format!("{x:.2e}").parse().unwrap_or(x);
    if rounded >= 1e-4 || rounded == 0.0 { rounded.to_string() } else { format!("{rounded:e}") }
}

fn cannot_write(path: impl Into<PathBuf>, source: io::Error) -> IoError {
    IoError::Write { path: path.into(), source }
}

/// Writes the history as a CSV file with a header: `epoch,loss,accuracy,..`. The file is rewritten after each epoch, atomically. Epochs
/// count from 1. A run that is [resumed](super::Fit::resume_at) at epoch `first` writes only its own epochs, from `first + 1` on.
#[derive(Debug)]
pub struct CsvLog(PathBuf);

impl CsvLog {
    /// Writes to this file.
    pub fn new(path: impl Into<PathBuf>) -> CsvLog {
        CsvLog(path.into())
    }
}

impl<T: Scalar> Callback<T> for CsvLog {
    fn begin(&mut self, _: &mut Run<'_, T>) -> Result<(), IoError> {
        find_folder(&self.0)
    }
    fn epoch(&mut self, run: &mut Run<'_, T>) -> Result<(), IoError> {
        let before = (run.epoch + 1).saturating_sub(run.history.epochs() as u64);
        write_atomic(&self.0, csv(&run.history, before).as_bytes())
    }
}

/// The history of a run as CSV; `before` is the number of epochs before it.
fn csv(history: &History, before: u64) -> String {
    let quoted = |name: &str| if name.contains([',', '"', '\n']) { format!("\"{}\"", name.replace('"', "\"\"")) } else { name.into() };
    let mut text = format!("epoch,{}\n", history.names().map(quoted).collect::<Vec<_>>().join(","));
    for epoch in 0..history.epochs() {
        let numbers = history.names().map(|name| history.get(name).expect("a name of its own")[epoch].to_string());
        text += &format!("{},{}\n", before + epoch as u64 + 1, numbers.collect::<Vec<_>>().join(","));
    }
    text
}

/// Writes the numbers of each epoch for TensorBoard, with the epoch (from 1) as step.
#[derive(Debug)]
pub struct TensorBoardLog(EventWriter);

impl TensorBoardLog {
    /// Writes to this file. If the run is [resumed](super::Fit::resume_at) at epoch `first`, use `EventWriter::resume(folder, first + 1)`.
    pub fn new(events: EventWriter) -> TensorBoardLog {
        TensorBoardLog(events)
    }
}

impl<T: Scalar> Callback<T> for TensorBoardLog {
    fn epoch(&mut self, run: &mut Run<'_, T>) -> Result<(), IoError> {
        for name in run.history.names() {
            // TensorBoard shows `loss/train` and `loss/val` in one group.
            let tag = match name {
                "lr" | "seconds" => name.to_string(),
                _ => name.strip_prefix("val_").map_or_else(|| format!("{name}/train"), |name| format!("{name}/val")),
            };
            let x = run.history.last(name).expect("each name has numbers");
            self.0.scalar(&tag, run.epoch + 1, x).map_err(|e| cannot_write(self.0.path(), e))?;
        }
        Ok(())
    }
}

/// A progress bar over the batches of each epoch, on standard error; silent if that is not a terminal. Add it before a [`LogLine`], so that
/// it is cleared when the line is written. (Feature `progress`.)
#[cfg(feature = "progress")]
#[derive(Debug, Default)]
pub struct Bar(Option<crate::progress::Progress>);

#[cfg(feature = "progress")]
impl Bar {
    /// A bar.
    pub fn new() -> Bar {
        Bar::default()
    }
}

#[cfg(feature = "progress")]
impl<T: Scalar> Callback<T> for Bar {
    fn batch(&mut self, run: &mut Run<'_, T>) -> Result<(), IoError> {
        if run.batch == 0 {
            self.0 = Some(crate::progress::Progress::new(format!("epoch {}/{}", run.epoch + 1, run.epochs), run.batches));
        }
        if let Some(bar) = &mut self.0 {
            let mut numbers = vec![("loss", run.loss)];
            numbers.extend(run.metric.as_ref().map(|(name, x)| (name.as_str(), *x)));
            bar.step(run.samples, &numbers);
        }
        Ok(())
    }
    fn epoch(&mut self, _: &mut Run<'_, T>) -> Result<(), IoError> {
        self.0 = None;
        Ok(())
    }
}
