//! Sorting, and the places of extremes.

use wengert::Tape;

#[test]
fn positions_of_extremes_and_orders() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf([[1.0, 3.0, 3.0], [2.0, f64::NAN, 5.0]]);
    assert_eq!(x.argmax(1, false).values(), [1, 1]);
    assert_eq!(x.argmax(-2, false).values(), [1, 1, 1]);
    assert_eq!(x.argmin(1, true).values(), [0, 1]);
    assert_eq!(x.argmin(1, true).shape()[..], [2, 1]);
    assert_eq!(x.argsort(1, false).values(), [0, 1, 2, 0, 2, 1]);
    assert_eq!(x.argsort(0, true).values(), [1, 1, 1, 0, 0, 0]);
    assert_eq!(x.sort(1, true).1.values(), [1, 2, 0, 1, 2, 0]);
    assert_eq!(x.topk(2, 1, true).1.values(), [1, 2, 1, 2]);
    let number = tape.leaf(2.0);
    let (y, at) = number.sort(0, false);
    assert_eq!((y.shape().len(), at.shape().len()), (0, 0));
    assert_eq!(number.argmax(-1, true).shape().len(), 0);
}

#[test]
fn many_lines_are_sorted_alike_in_parts() {
    let tape = Tape::<f64>::new();
    let values: Vec<f64> = (0..40_000).map(|i| f64::from((i * 7919) % 1009)).collect();
    let x = tape.constant(values).reshape([100, 20, 20]);
    for axis in 0..3 {
        let (y, from) = x.sort(axis, false);
        let lines = y.transpose(axis, -1).to_vec();
        assert!(lines.chunks(20).all(|line| axis == 0 || line.is_sorted()));
        assert!(axis != 0 || lines.chunks(100).all(|line| line.is_sorted()));
        assert_eq!(x.gather(axis, &from).to_vec(), y.to_vec());
    }
}
