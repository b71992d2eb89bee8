//! Errors of data files.

use wengert::data::DataError;

#[test]
fn debug_is_the_sentence() {
    let inner = DataError::Missing { path: "a".into(), hint: "get it".into() };
    let error = DataError::File { path: "b".into(), source: inner.into() };
    assert_eq!(format!("{error:?}"), "b: a is missing\n  hint: get it");
}
