//! Gradients and options at and beyond the ends of a number type.

use std::panic::catch_unwind;
use wengert::optim::*;
use wengert::{Grads, Param, Scalar, Tape};

/// The path of a parameter that begins at 0 and has these gradients, one after another.
fn course<T: Scalar>(mut optimizer: impl Optimizer<T>, gradients: &[f64]) -> Vec<f64> {
    let (w, mut tape) = (Param::<T>::new("w", [T::ZERO]), Tape::new());
    let mut places = Vec::new();
    for g in gradients {
        let grads = tape.backward((tape.param(&w) * T::from_f64(*g)).sum());
        tape.reset();
        optimizer.step(std::slice::from_ref(&w), &grads);
        tape.recycle(grads);
        places.push(w.with(|w| w[0].to_f64()));
    }
    places
}

fn rms(momentum: f64, centered: bool, alpha: f64) -> RmsPropOptions {
    RmsPropOptions { lr: 0.1, momentum, centered, alpha, ..Default::default() }
}

/// The path in `f32` equals that in `f64`, where no square overflows.
fn is_that_of_f64<R: Rule>(rule: R, gradients: &[f64]) {
    let (narrow, wide) = (course(FirstOrder::<R, f32>::with(rule.clone()), gradients), course(FirstOrder::<R, f64>::with(rule), gradients));
    for (t, (n, w)) in narrow.iter().zip(&wide).enumerate() {
        assert!((n - w).abs() <= 2e-4 * (0.1 + w.abs()), "gradients {:?}, step {}: {n}, right {w}", &gradients[..2], t + 1);
    }
}

#[test]
fn one_large_gradient_makes_one_step_and_training_goes_on() {
    for first in [1e10, -3e18, 1e20, 5e20, -1e25, 1e30, -1e38, 3.4e38] {
        let gradients = [&[first][..], &[1.0; 60]].concat();
        is_that_of_f64(AdamOptions { lr: 0.1, ..Default::default() }, &gradients);
        is_that_of_f64(AdamOptions { lr: 0.1, amsgrad: true, ..Default::default() }, &gradients);
        is_that_of_f64(AdamOptions { lr: 0.1, betas: (0.8, 0.9), ..Default::default() }, &gradients);
        is_that_of_f64(AdamOptions::adamw(0.1), &gradients);
        is_that_of_f64(AdagradOptions { lr: 0.1, ..Default::default() }, &gradients);
        is_that_of_f64(rms(0.0, false, 0.99), &gradients);
        is_that_of_f64(rms(0.5, false, 0.9), &gradients);
        is_that_of_f64(rms(0.0, true, 0.99), &gradients);
        // In f64 too, beyond the roots of its range.
        let scaled: Vec<f64> = gradients.iter().map(|g| g * 1e200 / first.abs()).collect();
        let [far, near] = [scaled, vec![first.signum()]].map(|g| course(Adam::<f64>::new(0.1), &g)[0]);
        assert!((far - near).abs() < 1e-7, "{far} {near}");
    }
    // A large gradient late in the run, and one among ordinary gradients.
    let late = [&[1.0; 300][..], &[1e20], &[-1.0; 60]].concat();
    is_that_of_f64(AdamOptions { lr: 0.1, ..Default::default() }, &late);
    is_that_of_f64(rms(0.0, false, 0.99), &late);
}
#[test]
fn gradients_that_stay_large_make_steps_of_the_rate() {
    for g in [1e19, 1e20, 1e30, 3e38] {
        for places in [
            course(Adam::<f32>::new(0.1), &[g; 2000]),
            course(FirstOrder::<_, f32>::with(AdamOptions { lr: 0.1, amsgrad: true, ..Default::default() }), &[g; 2000]),
            course(FirstOrder::<_, f32>::with(rms(0.0, false, 0.9)), &[g; 2000])[60..].to_vec(),
        ] {
            for pair in places.windows(2) {
                let step = (pair[1] - pair[0]).abs();
                assert!((0.05..0.15).contains(&step), "gradient {g:e}: {step}");
            }
        }
        let places = course(Adagrad::<f32>::new(0.1), &[g; 100]);
        assert!(places.windows(2).all(|p| p[1] < p[0] && p[1] - p[0] > -0.1001), "{g:e}");
    }
}
#[test]
fn infinite_gradients_are_not_hidden() {
    for g in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
        assert!(course(Adam::<f32>::new(0.1), &[g])[0].is_nan());
        assert!(course(Adagrad::<f64>::new(0.1), &[g])[0].is_nan());
        assert!(course(RmsProp::<f32>::with(rms(0.9, true, 0.9)), &[g])[0].is_nan());
    }
}
#[test]
fn an_eps_below_the_type_is_no_zero() {
    for eps in [0.0, 1e-50, 1e-40, 1e-30, 1e-300] {
        for g in [0.0, 1e-45, 1e-40, 1e-30, 1e-25, 1e-21, 1e-20] {
            for places in [
                course(FirstOrder::<_, f32>::with(AdamOptions { lr: 0.1, eps, ..Default::default() }), &[g; 20]),
                course(FirstOrder::<_, f32>::with(AdagradOptions { lr: 0.1, eps, ..Default::default() }), &[g; 20]),
                course(FirstOrder::<_, f32>::with(RmsPropOptions { eps, ..rms(0.0, false, 0.99) }), &[g; 20]),
            ] {
                let mut last = 0.0;
                for place in places {
                    // The first step of RMSProp is 1 / sqrt(1 - alpha) times the rate.
                    assert!((-1.01..=0.0).contains(&(place - last)), "eps {eps:e}, gradient {g:e}: {}", place - last);
                    last = place;
                }
            }
        }
        // Ordinary gradients are not affected.
        assert!((course(FirstOrder::<_, f32>::with(AdamOptions { lr: 0.1, eps, ..Default::default() }), &[1e-3])[0] + 0.1).abs() < 1e-6);
    }
}
#[test]
fn a_centred_mean_of_equal_gradients_is_a_number() {
    for (g, alpha) in [(-1.5616858, 0.9), (0.1, 0.9), (1e18, 0.99), (1e-15, 0.5), (3.3, 0.0), (1e30, 0.9)] {
        for momentum in [0.0, 0.9] {
            let narrow = course(FirstOrder::<_, f32>::with(rms(momentum, true, alpha)), &[g; 400]);
            let wide = course(FirstOrder::<_, f64>::with(rms(momentum, true, alpha)), &[g; 400]);
            assert!(narrow.iter().chain(&wide).all(|w| w.is_finite()), "{g} {alpha} {momentum}");
            // A step is never as large as 1 / eps: for equal gradients the variance is only a rounding error.
            for (places, epsilon) in [(narrow, f64::from(f32::EPSILON)), (wide, f64::EPSILON)] {
                let most = 0.1 / epsilon.sqrt() / (1.0 - momentum);
                let steps = places.windows(2).map(|pair| (pair[1] - pair[0]).abs());
                assert!(steps.fold(places[0].abs(), f64::max) <= 1.01 * most, "{g} {alpha} {momentum}");
            }
        }
    }
}
#[test]
fn options_are_finite_in_either_type() {
    let refused = |who: &str, name: &str, make: fn(f64)| {
        for x in [f64::NAN, f64::INFINITY, -1.0, 1e300] {
            let text = catch_unwind(|| make(x)).expect_err(name).downcast::<String>().unwrap();
            assert!(text.starts_with(&format!("{who}: {name} must be ")) && text.contains(&format!("{x:?}")), "{text}");
            assert!(!text.contains("documentation"), "{text}"); // a reference to the documentation is no advice
            assert!(text.contains("\n  at tests/kit/optim/bounds.rs:") && text.contains("\n  hint: "), "{text}");
        }
    };
    refused("optimizer", "lr", |x| drop(Sgd::<f32>::new(x)));
    refused("optimizer", "lr", |x| Sgd::<f32>::new(0.1).set_lr(x));
    refused("optimizer", "momentum", |x| drop(Sgd::<f32>::with(SgdOptions { momentum: x, ..Default::default() })));
    refused("optimizer", "weight_decay", |x| drop(Adam::<f32>::with(AdamOptions { weight_decay: x, ..Default::default() })));
    refused("optimizer", "eps", |x| drop(Adam::<f32>::with(AdamOptions { eps: x, ..Default::default() })));
    refused("optimizer", "betas", |x| drop(Adam::<f32>::with(AdamOptions { betas: (x, 0.5), ..Default::default() })));
    refused("optimizer", "initial_accumulator_value", |x| {
        drop(Adagrad::<f32>::with(AdagradOptions { initial_accumulator_value: x, ..Default::default() }));
    });
    refused("optimizer", "alpha", |x| drop(RmsProp::<f32>::with(RmsPropOptions { alpha: x, ..Default::default() })));
    refused("optimizer", "tolerance_grad", |x| drop(Lbfgs::<f32>::with(LbfgsOptions { tolerance_grad: x, ..Default::default() })));
    refused("ExponentialLr", "gamma", |x| drop(Scheduler::new(&mut Sgd::<f32>::new(0.1), ExponentialLr::new(x))));
    refused("OneCycleLr", "max_lr", |x| drop(Scheduler::new(&mut Adam::<f32>::new(0.1), OneCycleLr::new(x, 9))));
    refused("OneCycleLr", "div_factor", |x| {
        drop(Scheduler::new(&mut Adam::<f32>::new(0.1), OneCycleLr { div_factor: x, ..OneCycleLr::new(0.1, 9) }));
    });
    refused("ReduceLrOnPlateau", "threshold", |x| {
        let _ = ReduceLrOnPlateau::new(ReduceLrOnPlateauOptions { threshold: Threshold::Absolute(x), ..Default::default() });
    });
    refused("CosineAnnealingLr", "eta_min", |x| {
        drop(Scheduler::new(&mut Sgd::<f32>::new(0.1), CosineAnnealingLr { t_max: 3, eta_min: x }));
    });
}
#[test]
fn what_is_cut_cannot_be_negative() {
    let refused = |name: &str, cut: fn(f64)| {
        for x in [f64::NAN, -1.0] {
            let text = catch_unwind(|| cut(x)).expect_err(name).downcast::<String>().unwrap();
            let expected = format!("{name} must be at least 0, not {x:?}\n  at tests/kit/optim/bounds.rs:");
            assert!(text.starts_with(&expected) && text.contains("\n  hint: 1.0 is usual"), "{text}");
        }
    };
    refused("clip_grad_norm: max_norm", |x| _ = clip_grad_norm(&mut Grads::<f32>::default(), x));
    refused("clip_grad_value: clip_value", |x| clip_grad_value(&mut Grads::<f32>::default(), x));
}
