//! Errors of files print sentences with hints.

use wengert::io::{FormatError, IoError, StateError};

/// `main` and `unwrap` print the message with its hint.
#[test]
fn debug_is_the_sentence() {
    let inner = StateError::Missing { name: "w".into() };
    assert_eq!(format!("{inner:?}"), "`w` is missing");
    assert_eq!(format!("{:?}", IoError::State { path: "a".into(), source: inner }), "a does not fit: `w` is missing");
    assert!(format!("{:?}", FormatError::Pickle).contains("\n  hint: in Python"));
}
