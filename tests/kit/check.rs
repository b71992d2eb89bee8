//! The check of gradients: it finds wrong rules, and passes right ones.

use ndarray::array;
use wengert::{Cotangents, Mode, Op, Options, Shape, ShapeError, Var, View, Vjp, check_grads};

/// x^2 with a rule that is right, but hides its own dependence on x.
#[derive(Debug, PartialEq)]
struct Once;

impl Op<f64> for Once {
    fn name(&self) -> &'static str {
        "once"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(x[0].clone())
    }
    fn forward(&self, x: &[View<'_, f64>], y: &mut [f64]) {
        y.iter_mut().zip(x[0].iter()).for_each(|(y, x)| *y = x * x);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, f64>) -> Cotangents<'t, f64> {
        cx.each(|_| cx.g * cx.x(0).detach() * 2.0)
    }
}

#[test]
fn options_by_which_nothing_is_compared_are_refused() {
    let x = [ndarray::arr1(&[1.0, 2.0]).into_dyn()];
    let good = Options::default();
    let bad = [
        Options { directions: 0, ..good },
        Options { order: 0, ..good },
        Options { rtol: f64::INFINITY, ..good },
        Options { atol: f64::NAN, ..good },
        Options { rtol: -1.0, ..good },
        Options { eps: f64::NAN, ..good },
        Options { eps: 0.0, ..good },
    ];
    for options in bad {
        let check = || check_grads(|v| v[0] * v[0].detach(), &x, options);
        let text = *std::panic::catch_unwind(check).expect_err("refused").downcast::<String>().unwrap();
        assert!(
            text.starts_with("check_grads: with ") && text.contains("\n  at tests/kit/check.rs:") && text.contains("\n  hint: "),
            "{text}"
        );
    }
}

#[test]
fn a_rule_that_is_right_only_once_fails_in_second_order() {
    let x = [array![0.5, -1.5].into_dyn()];
    let first = Options { order: 1, ..Options::default() };
    assert!(check_grads(|v| v[0].tape().apply(Once, v), &x, first).is_ok());
    let wrong = check_grads(|v| v[0].tape().apply(Once, v), &x, Options::default()).unwrap_err();
    assert_eq!((wrong.order, wrong.mode, wrong.input), (2, Mode::Vjp, 0));
    assert_eq!((wrong.computed, &wrong.output), (0.0, &None));
    assert!(wrong.error > 1e-2 && wrong.to_string().contains("of input 0: computed 0.0"), "{wrong}");
}

#[test]
fn the_worst_element_is_named() {
    let x = [array![1.0, 2.0].into_dyn(), array![[0.5, 0.7, 0.9], [1.1, 1.3, 1.5]].into_dyn()];
    let mask = array![[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]];
    let wrong = check_grads(
        |v| {
            let hidden = v[1].tape().constant(&mask).where_cond(v[1].detach(), v[1]);
            v[0].sum() * hidden.square().sum()
        },
        &x,
        Options::default(),
    );
    let wrong = wrong.unwrap_err();
    assert_eq!((wrong.order, wrong.input, &wrong.index[..]), (1, 1, &[1, 2][..]));
    assert!((wrong.numerical - 9.0).abs() < 1e-6 && wrong.computed == 0.0, "{wrong}");
}

/// x^2 with a gradient that is too large by a millionth.
#[derive(Debug, PartialEq)]
struct Off;

impl Op<f64> for Off {
    fn name(&self) -> &'static str {
        "off"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(x[0].clone())
    }
    fn forward(&self, x: &[View<'_, f64>], y: &mut [f64]) {
        y.iter_mut().zip(x[0].iter()).for_each(|(y, x)| *y = x * x);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, f64>) -> Cotangents<'t, f64> {
        cx.each(|_| cx.g * cx.x(0) * 2.00001)
    }
}

#[test]
fn differences_that_are_mostly_rounding_are_widened() {
    let x = [array![0.5, -1.5].into_dyn()];
    // Adding and subtracting 1e5 rounds by up to 1.5e-11. Divided by a step of 1e-5 that exceeds the tolerance, divided by 1.6e-4 it
    // does not.
    fn noisy(y: Var<'_, f64>) -> Var<'_, f64> {
        y + 1e5 - 1e5
    }
    let options = Options { order: 1, eps: 1e-5, ..Options::default() };
    let report = check_grads(|v| noisy(v[0].sin()), &x, options).unwrap();
    assert!(report.largest_error <= 1e-8 + 1e-6 * 2.0, "{report}");
    for eps in [1e-5, 1e-4, 1e-3] {
        let wrong = check_grads(|v| noisy(v[0].tape().apply(Off, v)), &x, Options { eps, ..options }).unwrap_err();
        assert!(wrong.error > 2e-6, "{wrong}");
    }
}

#[test]
fn no_gradient_counts_as_zero_and_nan_as_wrong() {
    let x = [array![1.0, 2.0].into_dyn(), array![3.0].into_dyn()];
    let report = check_grads(|v| v[0].exp(), &x, Options { order: 3, ..Options::default() }).unwrap();
    assert!(report.to_string().starts_with("gradients of 2 inputs (3 elements) agree to order 3"), "{report}");
    assert!(check_grads(|v| v[0].tape().constant(2.0), &x, Options::default()).is_ok());
    let wrong = check_grads(|v| (v[0] - 1.5).sqrt(), &x, Options::default()).unwrap_err();
    assert!(wrong.error.is_nan());
    assert_eq!(wrong.index, [0]);
}
