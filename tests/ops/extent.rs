//! Splitting along an axis.

use wengert::{Tape, Var};

#[test]
fn parts_are_as_many_as_pytorch_makes() {
    let tape = Tape::<f32>::new();
    let sizes = |parts: Vec<Var<'_, f32>>| parts.iter().map(|p| p.size(0)).collect::<Vec<_>>();
    let x = tape.constant([1.0; 10]);
    assert_eq!(sizes(x.chunk(4, 0)), [3, 3, 3, 1]);
    assert_eq!(sizes(x.chunk(6, 0)), [2; 5]);
    assert_eq!(sizes(x.chunk(20, 0)), [1; 10]);
    assert_eq!(sizes(x.split(4, 0)), [4, 4, 2]);
    let none = tape.constant([0.0; 0]);
    assert_eq!(sizes(none.chunk(3, 0)), [0; 3]);
    assert_eq!(sizes(none.split(2, 0)), [0]);
    assert_eq!(sizes(none.split(0, 0)), [0]);
}
