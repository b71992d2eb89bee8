//! The embedded digits, and other files of their format.

use std::io;
use wengert::data::{DataError, Digits, Examples, digits};

/// The file that is embedded in the crate.
const FILE: &[u8] = include_bytes!("../../../data/digits.csv.gz");

/// A row of zeros with one field replaced.
fn row(at: usize, field: &str) -> String {
    let mut fields = vec!["0"; 65];
    fields[at] = field;
    fields.join(",") + "\n"
}

fn refused(file: impl AsRef<[u8]>) -> String {
    Digits::read(file.as_ref()).expect_err("must be refused").to_string()
}

#[test]
fn the_embedded_file() {
    let digits = digits();
    assert_eq!((digits.images.dim(), digits.len()), ((1797, 64), 1797));
    assert!(digits.images.iter().all(|x| (0.0..=1.0).contains(x)));
    assert_eq!(digits.images.row(0).to_vec()[..8], [0.0, 0.0, 5.0, 13.0, 9.0, 1.0, 0.0, 0.0].map(|x: f32| x / 16.0));
    assert_eq!(digits.labels[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let mut counts = [0; 10];
    digits.labels.iter().for_each(|&l| counts[l] += 1);
    assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]); // as UCI publishes them
}
#[test]
fn the_split_holds_a_fifth_back() {
    let digits = digits();
    let (train, test) = digits.split();
    assert_eq!((train.len(), test.len(), train.images.nrows(), test.images.nrows()), (1437, 360, 1437, 360));
    assert_eq!((test.images.row(1), test.labels[1]), (digits.images.row(5), digits.labels[5]));
    assert_eq!((train.images.row(4), train.labels[4]), (digits.images.row(6), digits.labels[6]));
    for digit in 0..10 {
        assert!(test.labels.iter().filter(|&&l| l == digit).count() >= 25, "{digit}");
    }
}
#[test]
fn as_examples() {
    let examples = Examples::from(digits());
    assert_eq!((examples.x.shape(), examples.y.len()), (&[1797, 1, 8, 8][..], 1797));
    assert_eq!(examples.x[[0, 0, 1, 4]], digits().images[[0, 12]]);
}
#[test]
fn reads_plain_text_and_skips_blank_lines() {
    let digits = Digits::read((row(3, " 16 ") + "\r\n\n" + row(64, "7").trim_end()).as_bytes()).unwrap();
    assert_eq!((digits.images[[0, 3]], digits.labels), (1.0, vec![0, 7]));
}
#[test]
fn empty_files() {
    assert_eq!(refused(""), "the data holds no row");
    assert_eq!(refused("\n \n"), "the data holds no row");
}
#[test]
fn truncated_and_damaged_gzip() {
    for n in [2, 9, 20, 1000, FILE.len() - 1] {
        assert!(matches!(Digits::read(&FILE[..n]), Err(DataError::Io(_))), "{n}");
    }
    let mut damaged = FILE.to_vec();
    let n = damaged.len();
    damaged[n - 6] ^= 1; // a bit of the checksum
    assert!(refused(damaged).starts_with("cannot read the data: "));
}
#[test]
fn bad_numbers() {
    let text = row(0, "0") + &row(4, "4x");
    assert_eq!(refused(text), r#"line 2, column 5: "4x" is not a whole number from 0 to 16"#);
    for bad in ["", "-1", "17", "1.5", "99999999999999999999", "NaN", "\u{fe}"] {
        assert!(matches!(Digits::read(row(9, bad).as_bytes()), Err(DataError::Number { line: 1, column: 10, .. })), "{bad}");
    }
    assert_eq!(refused(row(64, "10")), r#"line 1, column 65: "10" is not a whole number from 0 to 9"#);
    let mut bytes = row(0, "0").into_bytes();
    bytes[0] = 0xff;
    assert!(matches!(Digits::read(&*bytes), Err(DataError::Number { column: 1, .. })));
}
#[test]
fn wrong_number_of_columns() {
    assert_eq!(refused("1,2,3\n"), "line 1: 3 columns where 65 are needed");
    assert_eq!(refused(row(64, "1,1")), "line 1: 66 columns where 65 are needed");
}
#[test]
fn endless_lines_are_not_read() {
    assert_eq!(refused("1".repeat(5000)), "line 1: longer than 1024 bytes");
    assert!(matches!(Digits::read(io::repeat(b',')), Err(DataError::LongLine { line: 1, .. })));
}
