//! A progress bar over batches, with loss, metric, samples per second and the time left. (Feature `progress`, on by default.)
//!
//! It is drawn on standard error if that is a terminal. Otherwise it is silent, so that logs and pipes stay clean.
//!
//! ```
//! use wengert::progress::Progress;
//! let mut bar = Progress::new("epoch 1", 100);
//! for batch in 0..100 {
//!     let (samples, loss, accuracy) = (32, 1.0 / (1 + batch) as f64, 0.9); // of one training step
//!     bar.step(samples, &[("loss", loss), ("accuracy", accuracy)]);
//! }
//! bar.finish();
//! // epoch 1 [===============>              ]  52/100  loss 0.0192  accuracy 0.9000  12,345 samples/s  3s left
//! ```

use crate::show::{grouped, short};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// A progress bar over the batches of an epoch (or over anything else). It is cleared on drop.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    start: Instant,
    samples: usize,
}

impl Progress {
    /// A bar with this name over this many batches.
    pub fn new(name: impl Into<String>, batches: usize) -> Progress {
        // Checked here, because environment variables can override the library's own check.
        let terminal = std::io::stderr().is_terminal();
        Progress::on(if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() }, name.into(), batches)
    }
    fn on(target: ProgressDrawTarget, name: String, batches: usize) -> Progress {
        let style = ProgressStyle::with_template("{prefix} [{bar:30}] {pos:>4}/{len}  {msg}  {eta} left").expect("a valid template");
        let bar = ProgressBar::with_draw_target(Some(batches as u64), target).with_style(style.progress_chars("=> ")).with_prefix(name);
        Progress { bar, start: Instant::now(), samples: 0 }
    }
    /// True if the bar is drawn.
    pub fn is_visible(&self) -> bool {
        !self.bar.is_hidden()
    }
    /// Advances by a batch with this many samples, and shows these numbers.
    pub fn step(&mut self, samples: usize, numbers: &[(&str, f64)]) {
        self.samples = self.samples.saturating_add(samples);
        if self.is_visible() {
            self.bar.set_message(line(numbers, self.samples, self.start.elapsed()));
        }
        self.bar.inc(1);
    }
    /// Samples per second since the bar was made.
    pub fn rate(&self) -> f64 {
        self.samples as f64 / self.start.elapsed().as_secs_f64()
    }
    /// Prints a line on standard output, above the bar if there is one.
    pub fn println(&self, line: impl AsRef<str>) {
        self.bar.suspend(|| println!("{}", line.as_ref()));
    }
    /// Clears the bar.
    pub fn finish(self) {}
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// `loss 0.1234  accuracy 0.9000  12,345 samples/s`
fn line(numbers: &[(&str, f64)], samples: usize, time: Duration) -> String {
    let mut line: String = numbers.iter().map(|(name, x)| format!("{name} {}  ", short(*x))).collect();
    let rate = samples as f64 / time.as_secs_f64().max(1e-9);
    if rate < 9.95 {
        line += &format!("{rate:.1} samples/s"); // for slow rates, tenths matter
        return line;
    }
    line + &grouped(rate.round_ties_even() as usize) + " samples/s"
}

#[cfg(test)]
mod tests {
    use super::*;
    use indicatif::TermLike;
    use std::io;
    use std::sync::{Arc, Mutex};

    /// A terminal that remembers all that was written.
    #[derive(Clone, Debug, Default)]
    struct Paper(Arc<Mutex<String>>);

    impl TermLike for Paper {
        fn width(&self) -> u16 {
            120
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, s: &str) -> io::Result<()> {
            self.write_str(s)
        }
        fn write_str(&self, s: &str) -> io::Result<()> {
            self.0.lock().unwrap().push_str(s);
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            self.write_str("<clear>")
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_bar_shows_its_numbers_and_goes_away() {
        let paper = Paper::default();
        let mut bar = Progress::on(ProgressDrawTarget::term_like(Box::new(paper.clone())), "epoch 2".into(), 4);
        assert!(bar.is_visible());
        bar.step(32, &[("loss", 0.25), ("accuracy", 0.5)]);
        bar.step(32, &[("loss", 0.125), ("accuracy", 0.75)]);
        let text = paper.0.lock().unwrap().clone();
        assert!(text.contains("epoch 2 [=======> ") && text.contains("   1/4  loss 0.2500  accuracy 0.5000  "), "{text}");
        assert!(text.contains(" samples/s  ") && text.contains("s left"), "{text}");
        bar.finish();
        assert!(paper.0.lock().unwrap().ends_with("<clear>"));
    }
    #[test]
    fn without_a_terminal_it_only_counts() {
        // Tests may run with standard error captured, or from a terminal. In both cases the bar must agree.
        let mut bar = Progress::new("test", 2);
        assert!(bar.is_visible() <= std::io::stderr().is_terminal());
        let mut hidden = Progress::on(ProgressDrawTarget::hidden(), "test".into(), 2);
        assert!(!hidden.is_visible());
        for bar in [&mut bar, &mut hidden] {
            bar.step(10, &[]);
            bar.step(6, &[]);
            assert_eq!((bar.bar.position(), bar.samples), (2, 16));
            assert!(bar.rate() > 0.0);
        }
    }
    #[test]
    fn numbers_in_a_line() {
        let line = |loss, samples, seconds| line(&[("loss", loss)], samples, Duration::from_secs_f64(seconds));
        assert_eq!(line(0.61803, 12_345_678, 10.0), "loss 0.6180  1,234,568 samples/s");
        assert_eq!(line(0.0, 3, 2.0), "loss 0.0000  1.5 samples/s");
        assert_eq!(line(0.00012346, 99, 1.0), "loss 1.235e-4  99 samples/s");
        assert_eq!(line(123_456.0, 999, 1.0), "loss 1.235e5  999 samples/s");
        assert_eq!(line(f64::NAN, 0, 0.0), "loss NaN  0.0 samples/s");
        assert_eq!(line(f64::NEG_INFINITY, 1000, 1.0), "loss -inf  1,000 samples/s");
    }
}
