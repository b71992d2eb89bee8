//! Formulas made of other ops.

use wengert::{Tape, Var};

#[test]
fn scaled_sums() {
    let tape = Tape::<f64>::new();
    let (x, a, b) = (tape.leaf([1.0, 2.0]), tape.leaf([[3.0], [4.0]]), tape.leaf([5.0, -6.0]));
    let check = |y: Var<f64>, values: [f64; 4], dx: [f64; 2], da: Option<[f64; 2]>, db: [f64; 2]| {
        assert_eq!(y.to_vec(), values);
        let grads: Vec<_> = tape.grad(y, &[x, a, b]).into_iter().map(|g| g.map(|g| g.to_vec())).collect();
        assert_eq!(grads, [Some(dx.to_vec()), da.map(|g| g.to_vec()), Some(db.to_vec())]);
    };
    check((x + a * 0.0).add_scaled(b, 0.5), [3.5, -1.0, 3.5, -1.0], [2.0, 2.0], Some([0.0, 0.0]), [1.0, 1.0]);
    check((x + a * 0.0).sub_scaled(b, 0.5), [-1.5, 5.0, -1.5, 5.0], [2.0, 2.0], Some([0.0, 0.0]), [-1.0, -1.0]);
    check(x.addcmul(a, b, 2.0), [31.0, -34.0, 41.0, -46.0], [2.0, 2.0], Some([-2.0, -2.0]), [14.0, 14.0]);
    check(x.addcdiv(a, b, 15.0), [10.0, -5.5, 13.0, -8.0], [2.0, 2.0], Some([0.5, 0.5]), [-105.0 / 25.0, -105.0 / 36.0]);
    check(x.addcmul(a, b, 1.0), [16.0, -16.0, 21.0, -22.0], [2.0, 2.0], Some([-1.0, -1.0]), [7.0, 7.0]);
}

#[test]
fn lerp_reaches_both_ends() {
    let tape = Tape::<f64>::new();
    let (a, b, w) = (tape.leaf([1e16, 2.0, 0.0]), tape.leaf(1.0), tape.leaf([1.0, 0.0, 1.5]));
    let y = a.lerp(b, w);
    assert_eq!(y.to_vec(), [1.0, 2.0, 1.5]);
    let grads: Vec<_> = tape.grad(y, &[a, b, w]).into_iter().map(|g| g.unwrap().to_vec()).collect();
    assert_eq!(grads, [vec![0.0, 1.0, -0.5], vec![2.5], vec![1.0 - 1e16, -1.0, 1.0]]);
}
