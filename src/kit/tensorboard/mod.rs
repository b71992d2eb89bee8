//! Event files for TensorBoard: scalars, histograms and images.
//!
//! ```
//! # let folder = std::env::temp_dir().join(format!("wengert-tensorboard-{}", std::process::id()));
//! use wengert::tensorboard::EventWriter;
//! let mut events = EventWriter::create(&folder)?; // then `tensorboard --logdir FOLDER`
//! for step in 0..3 {
//!     events.scalar("loss/training", step, 1.0 / (1 + step) as f64)?;
//! }
//! events.histogram("weights", 3, [0.5f32, -0.25, 0.125])?;
//! events.image("ramp", 3, [[0.0f32, 0.5, 1.0]])?;
//! # std::fs::remove_dir_all(folder)?;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! A run that continues after a break writes a new file into the same folder. [`EventWriter::resume`] tells TensorBoard the step at which
//! it continues. If the earlier run had already written later steps, they are then not shown twice.
//!
//! Each record is written to the file by a single call, without a buffer. If a run is killed, all records except perhaps the last can be
//! read. If a write fails (because the disk is full, for instance), the part that it left is cut off before the next record.
//!
//! # How it was checked
//!
//! `python src/kit/tensorboard/check.py` reads `src/kit/tensorboard/events.out.tfevents.1700000000.host` through the `tensorboard` package
//! (2.21), whole and cut short, and compares all numbers and pixels. It printed
//!
//! ```text
//! scalars: loss 2.5 at 0, 0.125 at 1, nan at 300; histogram: 8 numbers in 30 buckets; images: 2 x 3 grey, 1 x 2 colour
//! cut anywhere: no error, and all records that are whole
//! ```
//!
//! A unit test holds the writer to the bytes of that file.
//!
//! Sources: `event.proto` and `summary.proto` of TensorBoard; "TFRecords format details" of TensorFlow; "Protocol Buffers: Encoding"; RFC
//! 3720, appendix B.4, for the checksum.

mod wire;

use crate::io::png::png;
use crate::refusal::require;
use crate::{Scalar, Source};
use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use wire::{Message, framed};

/// The number of buckets in a histogram.
const BUCKETS: usize = 30;

/// Writes an event file.
#[derive(Debug)]
pub struct EventWriter {
    file: File,
    path: PathBuf,
    /// The length of all complete records.
    whole: u64,
    /// True if a part of a record may follow them.
    torn: bool,
}

impl EventWriter {
    /// Creates a new file `events.out.tfevents.SECONDS.HOST` in this folder, which is created if it does not exist. Use one folder for each
    /// run.
    ///
    /// # Errors
    /// If the folder or the file cannot be created.
    pub fn create(folder: impl AsRef<Path>) -> io::Result<EventWriter> {
        EventWriter::begin(folder.as_ref(), |time| version(time, 0))
    }
    /// Creates a new file next to those of a run that stopped and now continues at this step. What the earlier files contain of this step
    /// and later ones is no longer shown. (PyTorch's `SummaryWriter(log_dir, purge_step=step)`.)
    ///
    /// ```
    /// # let folder = std::env::temp_dir().join(format!("wengert-tensorboard-resume-{}", std::process::id()));
    /// use wengert::tensorboard::EventWriter;
    /// let mut events = EventWriter::create(&folder)?;
    /// (0..5).try_for_each(|step| events.scalar("loss", step, 1.0))?;
    /// // Killed here; the checkpoint is that of step 3.
    /// let mut events = EventWriter::resume(&folder, 3)?;
    /// (3..9).try_for_each(|step| events.scalar("loss", step, 0.5))?;
    /// # std::fs::remove_dir_all(folder)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the folder or the file cannot be created.
    pub fn resume(folder: impl AsRef<Path>, step: u64) -> io::Result<EventWriter> {
        EventWriter::begin(folder.as_ref(), |time| [version(time, step), start(time, step)].concat())
    }
    /// A new file with these first records.
    fn begin(folder: &Path, first: impl Fn(f64) -> Vec<u8>) -> io::Result<EventWriter> {
        std::fs::create_dir_all(folder)?;
        let base = format!("events.out.tfevents.{:.0}.{}", now().floor(), host());
        for run in 0.. {
            let name = if run == 0 { base.clone() } else { format!("{base}.{run}") }; // two writers in the same second get two files
            let path = folder.join(name);
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(mut file) => {
                    let first = first(now());
                    file.write_all(&first)?;
                    return Ok(EventWriter { file, path, whole: first.len() as u64, torn: false });
                }
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(e),
            }
        }
        unreachable!("some number is free")
    }
    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }
    /// Writes a number at a step, as a point of the curve `tag` (`loss/training` and `loss/test` are shown in one group). It is stored as
    /// `f32`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn scalar(&mut self, tag: &str, step: u64, value: f64) -> io::Result<()> {
        self.write(step, scalar(tag, value))
    }
    /// Writes the distribution of numbers at a step, in 30 buckets of equal width (fewer if there are not enough floating-point numbers
    /// between the smallest and the largest). Numbers that are not finite are left out; if there are any, their count is a point of the
    /// curve `TAG/not_finite`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn histogram<T: Scalar>(&mut self, tag: &str, step: u64, values: impl Source<T>) -> io::Result<()> {
        let values: Vec<f64> = values.visit(|_, values| values.iter().map(|v| v.to_f64()).collect());
        let (finite, others): (Vec<f64>, Vec<f64>) = values.into_iter().partition(|v| v.is_finite());
        self.write(step, histogram(tag, &finite))?;
        if others.is_empty() { Ok(()) } else { self.scalar(&format!("{tag}/not_finite"), step, others.len() as f64) }
    }
    /// Writes an image at a step: `[height, width]`, or `[channels, height, width]` with 1 channel (grey), 3 (red, green, blue) or 4 (and
    /// opacity). Values are from 0 (black) to 1; others are clamped, and NaN becomes 0.
    ///
    /// # Errors
    /// If it cannot be written.
    ///
    /// # Panics
    /// If the image has another shape, no pixels, or more than 2^28.
    #[track_caller]
    pub fn image<T: Scalar>(&mut self, tag: &str, step: u64, image: impl Source<T>) -> io::Result<()> {
        let image = picture(tag, image);
        self.write(step, image)
    }
    fn write(&mut self, step: u64, value: Message) -> io::Result<()> {
        let record = event(now(), step, value);
        if self.torn {
            // Readers stop at a partial record, and would not see what follows. (On Windows, a file that is open only for appending cannot
            // be truncated.)
            self.file.set_len(self.whole)?;
            self.file.seek(SeekFrom::Start(self.whole))?;
        }
        self.torn = true;
        self.file.write_all(&record)?;
        (self.whole, self.torn) = (self.whole + record.len() as u64, false);
        Ok(())
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}

/// The name of this machine, if the system provides it in a file.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name: String = name.trim().chars().map(|c| if c.is_ascii_alphanumeric() || "-.".contains(c) { c } else { '_' }).collect();
    if name.is_empty() { "localhost".into() } else { name }
}

/// The first record of a file: an `Event` with its `file_version`.
fn version(time: f64, step: u64) -> Vec<u8> {
    framed(event_at(time, step).bytes(3, b"brain.Event:2"))
}

/// An `Event` with a `SessionLog` of status `START`, which says that a run continues.
fn start(time: f64, step: u64) -> Vec<u8> {
    framed(event_at(time, step).message(7, Message::new().whole(1, 1)))
}

/// The beginning of an `Event`. A step of 0 is the default and is not written.
fn event_at(time: f64, step: u64) -> Message {
    let event = Message::new().double(1, time);
    if step == 0 { event } else { event.whole(2, step) }
}

/// An `Event` with the `Summary` of one `Value`.
fn event(time: f64, step: u64, value: Message) -> Vec<u8> {
    framed(Message::new().double(1, time).whole(2, step).message(5, Message::new().message(1, value)))
}

/// A `Summary.Value` with `simple_value`.
fn scalar(tag: &str, value: f64) -> Message {
    Message::new().bytes(1, tag.as_bytes()).float(2, value as f32)
}

/// A `Summary.Value` with `histo`, for finite numbers.
fn histogram(tag: &str, values: &[f64]) -> Message {
    let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
    let (low, high) = if values.is_empty() { (0.0, 0.0) } else { (low, high) };
    let limits = limits(low, high);
    let mut counts = vec![0.0; limits.len()];
    for v in values {
        counts[limits.partition_point(|limit| limit <= v).min(limits.len() - 1)] += 1.0;
    }
    let spread = Message::new()
        .double(1, low)
        .double(2, high)
        .double(3, values.len() as f64)
        .double(4, values.iter().sum())
        .double(5, values.iter().map(|v| v * v).sum())
        .doubles(6, &limits)
        .doubles(7, &counts);
    Message::new().bytes(1, tag.as_bytes()).message(5, spread)
}

/// The upper ends of the buckets, in ascending order. There are fewer than 30 if a bucket would be narrower than the spacing of
/// floating-point numbers.
fn limits(low: f64, high: f64) -> Vec<f64> {
    let width = high / BUCKETS as f64 - low / BUCKETS as f64; // a difference that cannot overflow
    let mut limits: Vec<f64> = Vec::with_capacity(BUCKETS);
    let limit = |i: usize| match width * i as f64 {
        distance if distance.is_finite() => low + distance,
        _ => high - width * (BUCKETS - i) as f64,
    };
    for limit in (1..BUCKETS).map(limit) {
        if limit > limits.last().copied().unwrap_or(low) && limit < high {
            limits.push(limit);
        }
    }
    limits.push(high);
    limits
}

/// A `Summary.Value` with `image`.
#[track_caller]
fn picture<T: Scalar>(tag: &str, image: impl Source<T>) -> Message {
    let (shape, values) = image.visit(|shape, values| (shape.to_vec(), values.iter().map(|v| v.to_f64()).collect::<Vec<_>>()));
    let (channels, height, width) = match shape[..] {
        [height, width] => (1, height, width),
        [channels @ (1 | 3 | 4), height, width] => (channels, height, width),
        _ => (0, 0, 0),
    };
    let message = || format!("image: {tag:?} has shape {shape:?}");
    require(channels > 0, message, "[height, width], or [channels, height, width] with 1, 3 or 4 channels");
    let size = height * width;
    let message = || format!("image: {tag:?} has {height} x {width} pixels");
    require((1..=1 << 28).contains(&size), message, "from one pixel to 2^28");
    // In the file, channels are the last axis. `as u8` turns NaN into 0.
    let byte = |i: usize| (values[i % channels * size + i / channels].clamp(0.0, 1.0) * 255.0).round() as u8;
    let file = png([height, width], channels, &(0..size * channels).map(byte).collect::<Vec<_>>());
    let image = Message::new().whole(1, height as u64).whole(2, width as u64).whole(3, channels as u64).bytes(4, &file);
    Message::new().bytes(1, tag.as_bytes()).message(4, image)
}

#[cfg(test)]
mod tests {
    use super::wire::{crc32c, masked};
    use super::*;
    use crate::io::testing::Directory;

    /// The payloads of a file's records; checks lengths and checksums.
    fn records(mut file: &[u8]) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        while !file.is_empty() {
            let n = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
            assert_eq!(file[8..12], masked(crc32c(&file[..8])).to_le_bytes());
            assert_eq!(file[12 + n..16 + n], masked(crc32c(&file[12..12 + n])).to_le_bytes());
            found.push(file[12..12 + n].to_vec());
            file = &file[16 + n..];
        }
        found
    }

    #[test]
    fn a_record_that_was_cut_short_is_taken_back() {
        let folder = Directory::new("tensorboard-torn");
        let mut events = EventWriter::create(folder.path()).unwrap();
        events.scalar("loss", 1, 0.5).unwrap();
        let whole = std::fs::read(events.path()).unwrap();
        // As if the disk was full for a while.
        events.file.write_all(&whole[..whole.len() / 2]).unwrap();
        events.torn = true;
        events.scalar("loss", 2, 0.25).unwrap();
        events.scalar("loss", 3, 0.125).unwrap();
        let file = std::fs::read(events.path()).unwrap();
        assert_eq!(file[..whole.len()], whole);
        assert_eq!(records(&file).len(), 4);
    }

    #[test]
    fn the_bytes_of_a_fixed_file() {
        let time = |i: u32| 1.7e9 + f64::from(i) / 4.0;
        let spread = [-1.0, -0.5, 0.0, 0.0, 0.25, 0.5, 2.0, 5.0];
        let file = [
            version(time(0), 0),
            event(time(1), 0, scalar("loss", 2.5)),
            event(time(2), 1, scalar("loss", 0.125)),
            event(time(3), 300, scalar("loss", f64::NAN)),
            event(time(4), 2, histogram("weights/ä", &spread)),
            event(time(5), 3, histogram("equal", &[7.0; 4])),
            event(time(6), 4, histogram("nothing", &[])),
            event(time(7), 5, picture("grey", [[0.0, 0.2, 0.4], [0.6, 0.8, 1.0]])),
            event(time(8), 6, picture("colour", [[[1.0f32, 0.0]], [[0.5, f32::NAN]], [[-3.0, 7.0]]])),
        ];
        let (found, expected) = (file.concat(), &include_bytes!("events.out.tfevents.1700000000.host")[..]);
        if found != expected {
            let path = std::env::temp_dir().join("events.out.tfevents.1700000000.host");
            std::fs::write(&path, found).unwrap();
            panic!(
                "other bytes than the file's; they are in {}: check them by src/kit/tensorboard/check.py (a new release of flate2 may pack the \
                 two images otherwise, which is harmless if that finds their pixels: replace the file)",
                path.display()
            );
        }
        assert_eq!(records(expected).len(), 9);
    }
    #[test]
    fn ends_of_buckets_rise() {
        let next = f64::next_up;
        let cases: [&[f64]; 12] = [
            &[1.0, next(1.0), next(next(1.0))],
            &[1.0, next(1.0)],
            &[-1.0, next(-1.0)],
            &[0.0, f64::from_bits(1)],
            &[-f64::from_bits(3), f64::from_bits(4)],
            &[f64::MIN, f64::MAX, 0.0, f64::MAX / 2.0],
            &[f64::MAX, f64::MAX],
            &[1e300, 1e300 + 1e285, 1.7e308],
            &[-1e-320, 1e-320, 0.0],
            &[3.0],
            &[1.0, 1.0 + 1e-15, 1.0 + 7e-15],
            &[0.0, 1.0, 29.5, 30.0],
        ];
        for values in cases {
            let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
            let limits = limits(low, high);
            assert!(limits.windows(2).all(|pair| pair[0] < pair[1]), "{values:?}: {limits:?}");
            assert!((limits[0] > low || low == high) && limits.last() == Some(&high) && limits.iter().all(|l| l.is_finite()), "{values:?}");
            assert!(limits.len() <= BUCKETS);
            histogram("x", values); // does not panic
        }
        assert_eq!(limits(1.0, next(next(1.0))), [next(1.0), next(next(1.0))]);
        assert!(limits(f64::MIN, f64::MAX).len() >= BUCKETS - 1);
        assert_eq!(limits(0.0, 30.0), (1..=30).map(f64::from).collect::<Vec<_>>());
    }
    #[test]
    fn a_failed_write_spoils_nothing() {
        let folder = Directory::new("tensorboard-failed");
        let mut events = EventWriter::create(folder.path()).unwrap();
        events.scalar("a", 1, 0.5).unwrap();
        // A file that cannot be written, with a partial record, as a full disk leaves it.
        let unwritable = File::open(events.path()).unwrap();
        let good = std::mem::replace(&mut events.file, unwritable);
        assert!(events.scalar("a", 2, 0.25).is_err());
        let mut end = OpenOptions::new().append(true).open(events.path()).unwrap();
        end.write_all(&event(0.0, 2, scalar("a", 0.25))[..20]).unwrap();
        assert!(events.scalar("a", 3, 0.25).is_err());
        events.file = good;
        events.scalar("a", 4, 0.125).unwrap();
        events.scalar("a", 5, 0.0).unwrap();
        assert_eq!(records(&std::fs::read(events.path()).unwrap()).len(), 4);
    }
}
