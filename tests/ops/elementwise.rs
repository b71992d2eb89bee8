//! Elementwise ops: values and derivatives at special places.

use std::f64::consts::{PI, SQRT_2};
use wengert::{Tape, Var};

const INF: f64 = f64::INFINITY;

/// Phi keeps its relative accuracy where it is small.
#[test]
fn the_tail_of_gelu() {
    let y = Tape::<f64>::new().leaf(-10.0).gelu().item();
    assert!((y / -7.619_853_024_160_527e-23 - 1.0).abs() < 1e-14, "{y:e}");
}
/// Numbers on both sides, by value and by reference.
#[test]
#[allow(clippy::eq_op, clippy::op_ref)] // x - x and references are what is tested
fn operators_take_numbers_and_references() {
    let (t, u) = (Tape::<f64>::new(), Tape::<f32>::new());
    let (x, y) = (t.leaf(4.0), u.leaf(4.0));
    assert_eq!([2.0 + x, 2.0 - x, 2.0 * x, 2.0 / x].map(Var::item), [6.0, -2.0, 8.0, 0.5]);
    assert_eq!([x + 2.0, x - 2.0, x * 2.0, x / 2.0].map(Var::item), [6.0, 2.0, 8.0, 2.0]);
    assert_eq!([2.0 + &y, 2.0 - &y, 2.0 * &y, 2.0 / &y].map(Var::item), [6.0, -2.0, 8.0, 0.5]);
    assert_eq!([&y + &y, &y - y, y * &y, &y / 2.0, -&y].map(Var::item), [8.0, 0.0, 16.0, 2.0, -4.0]);
}
/// No gradient flows to an x that was not chosen, not even an infinite cotangent times 0. For example, the square root of a relu is 0
/// below 0, and so is its derivative.
#[test]
fn what_is_not_chosen_gets_nothing_of_an_infinite_cotangent() {
    let tape = Tape::<f64>::new();
    for x in [tape.leaf([-1.0, -4.0]), tape.leaf(-1.0)] {
        let zeros = [x.relu(), x.clamp(0.0, INF), x.threshold(0.0, 0.0), x.hardtanh(0.0, 9.0), x.maximum(0.0), -(-x).minimum(0.0)];
        for y in zeros {
            let gradient = tape.grad(y.sqrt().sum(), &[x])[0].map_or(vec![0.0], |g| g.to_vec());
            assert!(gradient.iter().all(|&g| g == 0.0), "{gradient:?}");
            if y.is_tracked() {
                let swept = tape.backward(y.sqrt().sum());
                assert!(swept.wrt(x).is_none_or(|g| g.iter().all(|&g| g == 0.0)));
            }
        }
    }
}
#[test]
fn fractions_and_whole_quotients() {
    let tape = Tape::<f64>::new();
    let (a, b) = (tape.leaf([1.0, -1.0, 7.5, -7.5]), tape.leaf([0.1, 0.1, 2.0, 2.0]));
    // A tenth in binary is a little more than a tenth.
    assert_eq!(a.div_floor(b).to_vec(), [9.0, -10.0, 3.0, -4.0]);
    assert_eq!(a.div_trunc(b).to_vec(), [10.0, -10.0, 3.0, -3.0]);
    let frac = a.frac();
    assert_eq!(frac.to_vec(), [0.0, 0.0, 0.5, -0.5]);
    assert_eq!(tape.grad(frac, &[a])[0].unwrap().to_vec(), [1.0; 4]);
}
#[test]
fn bounds_may_be_arrays_or_absent() {
    let tape = Tape::<f64>::new();
    let (x, low, high) = (tape.leaf([-2.0, 0.5, 2.0, 0.0, -1.0]), tape.leaf(-1.0), tape.leaf([1.0, 1.0, 1.0, -3.0, 1.0]));
    let y = x.clamp_within(low, high);
    assert_eq!(y.to_vec(), [-1.0, 0.5, 1.0, -3.0, -1.0]);
    let grads: Vec<_> = tape.grad(y, &[x, low, high]).into_iter().map(|g| g.unwrap().to_vec()).collect();
    assert_eq!(grads, [vec![0.0, 1.0, 0.0, 0.0, 0.5], vec![1.5], vec![0.0, 0.0, 1.0, 1.0, 0.0]]);
    assert_eq!(x.clamp_within(low, None).to_vec(), [-1.0, 0.5, 2.0, 0.0, -1.0]);
    assert_eq!(x.clamp_within(None, high).to_vec(), [-2.0, 0.5, 1.0, -3.0, -1.0]);
    assert_eq!(x.clamp_within(None, None).to_vec(), x.to_vec());
}
/// Equivalent formulas: they would show a slip that value and slope have in common.
#[test]
fn constants_are_what_they_should_be() {
    let tape = Tape::<f64>::new();
    assert!((tape.leaf(2.0).sqrt().item() - SQRT_2).abs() < 1e-15);
    assert!((tape.leaf(1.0).erf().item() - 0.842_700_792_949_714_9).abs() < 1e-15);
    // The far tail keeps its relative accuracy.
    assert!((tape.leaf(10.0).erfc().item() / 2.088_487_583_762_545e-45 - 1.0).abs() < 1e-14);
}
/// 1 - t^2/6 + t^4/120 - .., t = pi x: the derivatives at 0 are known. Near 0 none of them jumps or loses its digits.
#[test]
fn sinc_is_smooth_at_and_near_zero() {
    let tape = Tape::<f64>::new();
    let derivatives = |at: f64| {
        let x = tape.leaf(at);
        let mut y = x.sinc();
        [0; 4].map(|_| {
            y = tape.grad(y, &[x])[0].unwrap();
            y.item()
        })
    };
    let close = |a: f64, b: f64, tolerance: f64| assert!((a - b).abs() <= tolerance * b.abs(), "{a:e} and {b:e}");
    let [first, second, third, fourth] = derivatives(0.0);
    assert_eq!([first, third], [0.0; 2]);
    close(second, -PI.powi(2) / 3.0, 1e-15);
    close(fourth, PI.powi(4) / 5.0, 1e-15);
    for x in [1e-300, 1e-160, 1e-10, 1e-5, 1e-3] {
        let [first, second, ..] = derivatives(x);
        let square = (PI * x).powi(2);
        close(first, PI * PI * x * (-1.0 / 3.0 + square / 30.0 - square * square / 840.0), 1e-15);
        close(second, PI * PI * (-1.0 / 3.0 + square / 10.0 - square * square / 168.0), 1e-15);
    }
    // Where the two formulas meet.
    let edge = 1.0 / PI;
    for (a, b) in derivatives(edge - 1e-15).into_iter().zip(derivatives(edge + 1e-15)) {
        close(a, b, 1e-12);
    }
}

/// Identities: they would show a slip that value and slope have in common.
#[test]
fn inverses_undo_to_second_order() {
    let tape = Tape::<f64>::new();
    let undone: [fn(Var<f64>) -> Var<f64>; 6] =
        [|x| x.sin().asin(), |x| x.cos().acos(), |x| x.tan().atan(), |x| x.sinh().asinh(), |x| x.cosh().acosh(), |x| x.tanh().atanh()];
    for f in undone {
        let (at, x) = (0.7, tape.leaf(0.7));
        let y = f(x);
        let first = tape.grad(y, &[x])[0].unwrap();
        let second = tape.grad(first, &[x])[0].unwrap();
        assert!((y.item() - at).abs() < 1e-14 && (first.item() - 1.0).abs() < 1e-14 && second.item().abs() < 1e-13);
    }
}

/// At the end of a domain the slope is infinite, and so is the second derivative: not NaN, and with the right sign.
#[test]
fn second_derivatives_at_the_ends_are_infinite() {
    let tape = Tape::<f64>::new();
    let second = |at: f64, f: fn(Var<f64>) -> Var<f64>| {
        let x = tape.leaf(at);
        let first = tape.grad(f(x), &[x])[0].unwrap();
        tape.grad(first, &[x])[0].unwrap().item()
    };
    assert_eq!([1.0, -1.0].map(|x| second(x, |x| x.asin())), [INF, -INF]);
    assert_eq!([1.0, -1.0].map(|x| second(x, |x| x.acos())), [-INF, INF]);
    assert_eq!([1.0, -1.0].map(|x| second(x, |x| x.atanh())), [INF, -INF]);
    assert_eq!(second(1.0, |x| x.acosh()), -INF);
}
