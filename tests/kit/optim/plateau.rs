//! When do metrics stand still, so that the learning rate falls?

use wengert::optim::{Goal, ReduceLrOnPlateau, ReduceLrOnPlateauOptions, Sgd, Threshold};

/// The rate after these metrics, with patience 2 and a factor of 0.1.
fn rate(goal: Goal, threshold: Threshold, metrics: &[f64]) -> f64 {
    let mut optimizer = Sgd::<f32>::new(1.0);
    let options = ReduceLrOnPlateauOptions { goal, threshold, patience: 2, eps: 0.0, ..Default::default() };
    let mut plateau = ReduceLrOnPlateau::new(options);
    for x in metrics {
        plateau.step(*x, &mut optimizer);
    }
    optimizer.lr()
}
#[test]
fn negative_numbers_and_zero_stand_still_as_others_do() {
    for threshold in [Threshold::Relative(1e-4), Threshold::Absolute(1e-4), Threshold::Relative(0.0), Threshold::Absolute(0.0)] {
        for goal in [Goal::Min, Goal::Max] {
            for x in [1.0, -1.0, 0.0, -0.0, -1e-300, 5e300, -5e300, f64::MIN, f64::MAX] {
                let found = rate(goal, threshold, &[x; 8]);
                assert!((found - 0.01).abs() < 1e-15, "{goal:?} {threshold:?} {x}: {found}");
            }
        }
    }
}
#[test]
fn a_relative_threshold_is_a_share_of_the_size() {
    let is_better = |goal, best: f64, next: f64| {
        let mut plateau =
            ReduceLrOnPlateau::new(ReduceLrOnPlateauOptions { goal, threshold: Threshold::Relative(0.1), ..Default::default() });
        plateau.step(best, &mut Sgd::<f32>::new(1.0));
        plateau.step(next, &mut Sgd::<f32>::new(1.0));
        plateau.state().whole("num_bad_epochs") == Ok(0)
    };
    for (best, less, hardly_less, hardly_more, more) in [(2.0, 1.79, 1.81, 2.19, 2.21), (-2.0, -2.21, -2.19, -1.81, -1.79)] {
        assert!(is_better(Goal::Min, best, less) && !is_better(Goal::Min, best, hardly_less));
        assert!(is_better(Goal::Max, best, more) && !is_better(Goal::Max, best, hardly_more));
    }
    assert!(is_better(Goal::Min, 0.0, -1e-300) && !is_better(Goal::Min, 0.0, 0.0) && !is_better(Goal::Min, 0.0, 1e-300));
    assert!(is_better(Goal::Max, 0.0, 1e-300) && !is_better(Goal::Max, 0.0, -1e-300));
    // From a negative loss past 0 to a positive one, and back.
    assert!(is_better(Goal::Min, 0.5, -0.5) && !is_better(Goal::Min, -0.5, 0.5));
}
#[test]
fn what_is_no_finite_number() {
    for goal in [Goal::Min, Goal::Max] {
        assert!(rate(goal, Threshold::Relative(1e-4), &[f64::NAN; 3]) < 1.0);
    }
    assert!(rate(Goal::Min, Threshold::Relative(1e-4), &[f64::INFINITY; 3]) < 1.0);
    assert_eq!(rate(Goal::Min, Threshold::Relative(1e-4), &[f64::INFINITY, 3.0, 2.0, 1.0]), 1.0);
}
#[test]
fn counters_of_any_state_go_on() {
    let mut plateau = ReduceLrOnPlateau::new(ReduceLrOnPlateauOptions::default());
    let mut state = plateau.state();
    state.insert("num_bad_epochs", u64::MAX);
    plateau.load_state(&state).unwrap();
    assert!(plateau.step(f64::NAN, &mut Sgd::<f32>::new(1.0)));
}
