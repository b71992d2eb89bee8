//! Event files for TensorBoard: what their records hold.

use crate::kit::helpers::Directory;
use wengert::tensorboard::EventWriter;

/// The checksum of RFC 3720, appendix B.4, bit by bit, in the form in which records hold it.
fn masked_crc(bytes: &[u8]) -> [u8; 4] {
    let shift = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
    let crc = !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| shift(crc)));
    crc.rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// The payloads of a file's records; checks lengths and checksums.
fn records(events: &EventWriter) -> Vec<Vec<u8>> {
    let (file, mut found) = (std::fs::read(events.path()).unwrap(), Vec::new());
    let mut file = &file[..];
    while !file.is_empty() {
        let n = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
        assert_eq!(file[8..12], masked_crc(&file[..8]));
        assert_eq!(file[12 + n..16 + n], masked_crc(&file[12..12 + n]));
        found.push(file[12..12 + n].to_vec());
        file = &file[16 + n..];
    }
    found
}

#[test]
fn all_that_was_written_is_in_the_file_at_once() {
    let folder = Directory::new("tensorboard-written");
    let mut events = EventWriter::create(folder.file("run 1")).unwrap();
    assert_eq!(records(&events).len(), 1);
    assert!(records(&events)[0].ends_with(b"brain.Event:2"));
    events.scalar("a", 1, 0.5).unwrap();
    events.histogram("b", 2, [1.0f32, 2.0]).unwrap();
    events.image("c", 3, ndarray::Array3::<f64>::zeros((4, 2, 2))).unwrap();
    assert_eq!(records(&events).len(), 4); // and `events` is not dropped yet
    let name = events.path().file_name().unwrap().to_str().unwrap();
    let (seconds, host) = name.strip_prefix("events.out.tfevents.").unwrap().split_once('.').unwrap();
    assert!(seconds.parse::<u64>().unwrap() > 1_700_000_000 && !host.is_empty());
    // A second writer gets another file, whatever the clock says.
    let paths: std::collections::BTreeSet<_> =
        (0..3).map(|_| EventWriter::create(folder.file("run 1")).unwrap().path().to_path_buf()).collect();
    assert!(paths.len() == 3 && !paths.contains(events.path()));
}

/// TensorBoard forgets the steps from that of a `START` on: see `EventAccumulator._CheckForRestartAndMaybePurge`.
#[test]
fn a_run_that_goes_on_says_at_which_step() {
    let folder = Directory::new("tensorboard-resume");
    let first = EventWriter::create(folder.path()).unwrap();
    let mut events = EventWriter::resume(folder.path(), 300).unwrap();
    events.scalar("a", 300, 0.5).unwrap();
    assert_ne!(first.path(), events.path());
    let read = records(&events);
    assert_eq!(read.len(), 3);
    // Field 1: the time, eight bytes. Field 2: the step, a varint. Field 3: the version. Field 7: a message whose field 1 is 1.
    assert!(read.iter().all(|event| event[0] == 0x09 && event[9..12] == [0x10, 0xac, 0x02]));
    assert_eq!(read[0][12..], *b"\x1a\x0dbrain.Event:2");
    assert_eq!(read[1][12..], [0x3a, 0x02, 0x08, 0x01]);
    // From the first step on: nothing is left of the earlier run.
    let read = records(&EventWriter::resume(folder.path(), 0).unwrap());
    assert_eq!(read[1][9..], [0x3a, 0x02, 0x08, 0x01]);
}
#[test]
fn what_is_not_finite_is_counted() {
    let folder = Directory::new("tensorboard-not-finite");
    let mut events = EventWriter::create(folder.path()).unwrap();
    events.histogram("w", 1, [1.0f32, 2.0]).unwrap();
    events.histogram("w", 2, [1.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY]).unwrap();
    let read = records(&events);
    assert_eq!(read.len(), 4);
    // The same record, but for its time.
    events.scalar("w/not_finite", 2, 3.0).unwrap();
    assert_eq!(read[3][9..], records(&events)[4][9..]);
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
    let folder = Directory::new("tensorboard-channels");
    let _ = EventWriter::create(folder.path()).unwrap().image("x", 1, [[[0.0f32; 3]; 3]; 2]);
}
#[test]
#[should_panic(expected = r#"image: "x" has 0 x 3 pixels"#)]
fn images_have_pixels() {
    let folder = Directory::new("tensorboard-pixels");
    let _ = EventWriter::create(folder.path()).unwrap().image("x", 1, ndarray::Array2::<f32>::zeros((0, 3)));
}
