//! What does TensorBoard show? Event files with scalars, histograms and images.
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
//! Each record goes to the file by one write, without a buffer in between: of a run that is killed, all but perhaps the last record can be
//! read. What a failed write (of a full disk, say) left of a record is cut off before the next one.
//!
//! # How it was checked
//!
//! `python tests/tensorboard/check.py` reads `tests/tensorboard/events.out.tfevents.1700000000.host` through the `tensorboard` package
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
use crate::{Scalar, Source};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use wire::{Message, framed};

/// Buckets of a histogram.
const BUCKETS: usize = 30;

/// Writes an event file.
#[derive(Debug)]
pub struct EventWriter {
    file: File,
    path: PathBuf,
    /// The length of all records that are whole.
    whole: u64,
    /// Whether a part of a record may come after them.
    torn: bool,
}

impl EventWriter {
    /// Begins a new file `events.out.tfevents.SECONDS.HOST` in this folder (a folder for each run), which is made if it is not there.
    ///
    /// # Errors
    /// If the folder or the file cannot be made.
    pub fn create(folder: impl AsRef<Path>) -> io::Result<EventWriter> {
        let folder = folder.as_ref();
        std::fs::create_dir_all(folder)?;
        let base = format!("events.out.tfevents.{:.0}.{}", now().floor(), host());
        for run in 0.. {
            let name = if run == 0 { base.clone() } else { format!("{base}.{run}") }; // two of one second are two files
            let path = folder.join(name);
            match OpenOptions::new().append(true).create_new(true).open(&path) {
                Ok(mut file) => {
                    let first = version(now());
                    file.write_all(&first)?;
                    return Ok(EventWriter { file, path, whole: first.len() as u64, torn: false });
                }
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(e),
            }
        }
        unreachable!("some number is free")
    }
    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }
    /// A number at a step, as a point of the curve `tag` (`loss/training` and `loss/test` come into one group). It is kept as `f32`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn scalar(&mut self, tag: &str, step: u64, value: f64) -> io::Result<()> {
        self.write(step, scalar(tag, value))
    }
    /// How numbers are spread at a step, in 30 buckets of equal width; numbers that are not finite are left out.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn histogram<T: Scalar>(&mut self, tag: &str, step: u64, values: impl Source<T>) -> io::Result<()> {
        self.write(step, histogram(tag, values))
    }
    /// An image at a step: `[height, width]`, or `[channels, height, width]` with 1 channel (grey), 3 (red, green, blue) or 4 (and opacity).
    /// Values from 0 (black) to 1; what is beyond is cut off, and NaN is 0.
    ///
    /// # Errors
    /// If it cannot be written.
    ///
    /// # Panics
    /// If it has another shape, no pixels, or more than 2^28.
    #[track_caller]
    pub fn image<T: Scalar>(&mut self, tag: &str, step: u64, image: impl Source<T>) -> io::Result<()> {
        let image = picture(tag, image);
        self.write(step, image)
    }
    fn write(&mut self, step: u64, value: Message) -> io::Result<()> {
        let record = event(now(), step, value);
        if self.torn {
            self.file.set_len(self.whole)?; // readers stop at a part of a record, and would not see what comes after it
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

/// The name of this machine, if the system tells it in a file.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name: String = name.trim().chars().map(|c| if c.is_ascii_alphanumeric() || "-.".contains(c) { c } else { '_' }).collect();
    if name.is_empty() { "localhost".into() } else { name }
}

/// The first record of a file: an `Event` with its `file_version`.
fn version(time: f64) -> Vec<u8> {
    framed(Message::new().double(1, time).bytes(3, b"brain.Event:2"))
}

/// An `Event` with the `Summary` of one `Value`.
fn event(time: f64, step: u64, value: Message) -> Vec<u8> {
    framed(Message::new().double(1, time).whole(2, step).message(5, Message::new().message(1, value)))
}

/// A `Summary.Value` with `simple_value`.
fn scalar(tag: &str, value: f64) -> Message {
    Message::new().bytes(1, tag.as_bytes()).float(2, value as f32)
}

/// A `Summary.Value` with `histo`.
fn histogram<T: Scalar>(tag: &str, values: impl Source<T>) -> Message {
    let values: Vec<f64> = values.visit(|_, values| values.iter().map(|v| v.to_f64()).filter(|v| v.is_finite()).collect());
    let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
    let (low, high) = if values.is_empty() { (0.0, 0.0) } else { (low, high) };
    let buckets = if high > low { BUCKETS } else { 1 };
    let width = high / buckets as f64 - low / buckets as f64;
    let mut counts = vec![0.0; buckets];
    for v in &values {
        // Of equal numbers the width is 0 and the quotient not a number, which becomes bucket 0.
        counts[(((v - low) / width) as usize).min(buckets - 1)] += 1.0;
    }
    let limits: Vec<f64> = (1..=buckets).map(|i| if i == buckets { high } else { low + width * i as f64 }).collect();
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

/// A `Summary.Value` with `image`.
#[track_caller]
fn picture<T: Scalar>(tag: &str, image: impl Source<T>) -> Message {
    let (shape, values) = image.visit(|shape, values| (shape.to_vec(), values.iter().map(|v| v.to_f64()).collect::<Vec<_>>()));
    let (channels, height, width) = match shape[..] {
        [height, width] => (1, height, width),
        [channels @ (1 | 3 | 4), height, width] => (channels, height, width),
        _ => panic!("image: {tag:?} has shape {shape:?}\n  hint: [height, width], or [channels, height, width] with 1, 3 or 4 channels"),
    };
    let size = height * width;
    assert!((1..=1 << 28).contains(&size), "image: {tag:?} has {height} x {width} pixels");
    // Channels come last in the file; `as u8` makes 0 of NaN.
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

    /// The payloads of a file's records, whose lengths and checksums must be right.
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
    fn the_bytes_of_a_fixed_file() {
        let time = |i: u32| 1.7e9 + f64::from(i) / 4.0;
        let spread: Vec<f64> = vec![-1.0, -0.5, 0.0, 0.0, 0.25, 0.5, 2.0, 5.0, f64::NAN, f64::INFINITY];
        let file = [
            version(time(0)),
            event(time(1), 0, scalar("loss", 2.5)),
            event(time(2), 1, scalar("loss", 0.125)),
            event(time(3), 300, scalar("loss", f64::NAN)),
            event(time(4), 2, histogram("weights/ä", spread)),
            event(time(5), 3, histogram("equal", [7.0f32; 4])),
            event(time(6), 4, histogram("nothing", Vec::<f32>::new())),
            event(time(7), 5, picture("grey", [[0.0, 0.2, 0.4], [0.6, 0.8, 1.0]])),
            event(time(8), 6, picture("colour", [[[1.0f32, 0.0]], [[0.5, f32::NAN]], [[-3.0, 7.0]]])),
        ];
        let (found, expected) = (file.concat(), &include_bytes!("../../tests/tensorboard/events.out.tfevents.1700000000.host")[..]);
        if found != expected {
            let path = std::env::temp_dir().join("events.out.tfevents.1700000000.host");
            std::fs::write(&path, found).unwrap();
            panic!(
                "other bytes than the file's; they are in {}: check them by tests/tensorboard/check.py (a new release of flate2 may pack the \
                 two images otherwise, which is harmless if that finds their pixels: replace the file)",
                path.display()
            );
        }
        assert_eq!(records(expected).len(), 9);
    }
    #[test]
    fn all_that_was_written_is_in_the_file_at_once() {
        let folder = Directory::new("tensorboard-written");
        let mut events = EventWriter::create(folder.file("run 1")).unwrap();
        let read = |events: &EventWriter| records(&std::fs::read(events.path()).unwrap());
        assert_eq!(read(&events).len(), 1);
        assert!(read(&events)[0].ends_with(b"brain.Event:2"));
        events.scalar("a", 1, 0.5).unwrap();
        events.histogram("b", 2, [1.0f32, 2.0]).unwrap();
        events.image("c", 3, ndarray::Array3::<f64>::zeros((4, 2, 2))).unwrap();
        assert_eq!(read(&events).len(), 4); // and `events` is not dropped yet
        let name = events.path().file_name().unwrap().to_str().unwrap();
        let (seconds, host) = name.strip_prefix("events.out.tfevents.").unwrap().split_once('.').unwrap();
        assert!(seconds.parse::<u64>().unwrap() > 1_700_000_000 && !host.is_empty());
        // A second writer takes another file, whatever the clock says.
        let paths: std::collections::BTreeSet<_> =
            (0..3).map(|_| EventWriter::create(folder.file("run 1")).unwrap().path().to_path_buf()).collect();
        assert!(paths.len() == 3 && !paths.contains(events.path()));
    }
    #[test]
    fn a_failed_write_spoils_nothing() {
        let folder = Directory::new("tensorboard-failed");
        let mut events = EventWriter::create(folder.path()).unwrap();
        events.scalar("a", 1, 0.5).unwrap();
        // A file that cannot be written, and a part of a record in it, as a disk leaves it that became full.
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
    #[test]
    fn a_file_where_a_folder_should_be_is_an_error() {
        let folder = Directory::new("tensorboard-file");
        std::fs::write(folder.file("file"), "").unwrap();
        assert!(EventWriter::create(folder.file("file")).is_err());
    }
    #[test]
    #[should_panic(expected = r#"image: "x" has shape [2, 3, 3]"#)]
    fn images_have_one_three_or_four_channels() {
        picture("x", [[[0.0f32; 3]; 3]; 2]);
    }
    #[test]
    #[should_panic(expected = r#"image: "x" has 0 x 3 pixels"#)]
    fn images_have_pixels() {
        picture("x", ndarray::Array2::<f32>::zeros((0, 3)));
    }
}
