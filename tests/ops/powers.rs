//! Powers: derivatives of any order, also at 0.

use wengert::{Scalar, Tape, Var};

/// n (n - 1) .. (n - k + 1) x^(n - k), the derivative of order k of x^n, for whole n.
fn falling(x: f64, n: i32, k: i32) -> f64 {
    let factor: i32 = (0..k).map(|i| n - i).product();
    if factor == 0 { 0.0 } else { f64::from(factor) * x.powi(n - k) }
}

fn whole_powers_are_right_to_any_order<T: Scalar>() {
    type Power<T> = for<'t> fn(Var<'t, T>, i32) -> Var<'t, T>;
    let ways: [(&str, Power<T>); 4] = [
        ("powi", |x, n| x.powi(n)),
        ("powf", |x, n| x.powf(n.into())),
        ("pow of a number", |x, n| x.pow(T::from_f64(n.into()))),
        ("pow of an array", |x, n| x.pow(x.tape().leaf(vec![T::from_f64(n.into()); x.numel()]))),
    ];
    let xs = [0.0, -0.0, 1.0, -1.0, -2.0, 0.5, 1e-6, -1e-9];
    for (way, power) in ways {
        for n in 0..6 {
            let tape = Tape::<T>::new();
            let x = tape.leaf(xs.map(T::from_f64));
            let mut y = Some(power(x, n));
            for k in 0..8 {
                for (i, &at) in xs.iter().enumerate() {
                    let (found, expected) = (y.map_or(0.0, |y| y.to_vec()[i].to_f64()), falling(at, n, k));
                    let close = (found - expected).abs() <= 1e-5 * expected.abs() + 1e-30;
                    assert!(close, "{way}, x = {at}, n = {n}, order {k}: {found}, not {expected}");
                }
                y = y.and_then(|y| tape.grad(y, &[x])[0]);
            }
        }
    }
}

#[test]
fn whole_powers_are_right_to_any_order_in_f32() {
    whole_powers_are_right_to_any_order::<f32>();
}
#[test]
fn whole_powers_are_right_to_any_order_in_f64() {
    whole_powers_are_right_to_any_order::<f64>();
}

#[test]
fn a_polynomial_of_powers_at_0() {
    let tape = Tape::<f64>::new();
    for at in [0.0, -1.5, 2.0] {
        let (x, exponents) = (tape.leaf(at), tape.leaf([0.0, 1.0, 2.0, 3.0, 4.0]));
        let mut y = x.pow(exponents).sum();
        for k in 0..=4 {
            let expected: f64 = (0..5).map(|n| falling(at, n, k)).sum();
            assert_eq!(y.item(), expected, "order {k} at {at}");
            y = tape.grad(y, &[x])[0].expect("depends on x");
        }
    }
    // By both arguments, also where negative powers of the base are beyond the type.
    let (x, exponent) = (tape.leaf([1e-3, -1e-27, 1e-300]), tape.leaf([0.0; 3]));
    let mixed = tape.grad(tape.grad(x.pow(exponent).sum(), &[x])[0].unwrap().sum(), &[exponent])[0].unwrap();
    for (found, expected) in mixed.to_vec().into_iter().zip([1e3, -1e27, 1e300]) {
        assert!((found / expected - 1.0_f64).abs() < 1e-12, "{found}, not {expected}");
    }
    // By the exponents: 0^b is constant for b > 0, and its derivative at b = 0 is 0 by convention.
    let (x, exponents) = (tape.leaf(0.0), tape.leaf([0.0, 1.0, 2.5]));
    let first = tape.grad(x.pow(exponents).sum(), &[exponents])[0].unwrap();
    let second = tape.grad(first.sum(), &[exponents])[0].unwrap();
    assert_eq!((first.to_vec(), second.to_vec()), (vec![0.0; 3], vec![0.0; 3]));
}
