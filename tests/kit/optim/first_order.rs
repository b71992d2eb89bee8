//! Tests of what optimizers share.

use wengert::io::State;
use wengert::optim::*;
use wengert::{Grads, Param, Tape};

/// Memory follows a parameter that comes at another position. A parameter without a gradient does not change.
#[test]
fn state_belongs_to_the_parameter() {
    let new = || [Param::<f64>::new("a", [1.0]), Param::<f64>::new("b", [2.0, 3.0])];
    let run = |[a, b]: &[Param<f64>; 2], swap: bool| {
        let mut optimizer = Adam::new(0.1);
        let mut tape = Tape::new();
        for step in 0..6 {
            let mut loss = tape.param(b).square().sum();
            if step != 3 {
                loss += tape.param(a).square().sum();
            }
            let grads = tape.backward(loss);
            tape.reset();
            let before = a.to_array();
            let order = if swap && step % 2 == 1 { [b.clone(), a.clone()] } else { [a.clone(), b.clone()] };
            optimizer.step(&order, &grads);
            assert_eq!(a.to_array() == before, step == 3);
        }
    };
    let (straight, swapped) = (new(), new());
    run(&straight, false);
    run(&swapped, true);
    for (p, q) in straight.iter().zip(&swapped) {
        assert_eq!(p.to_array(), q.to_array());
    }
}

#[test]
fn the_learning_rate_can_follow_a_schedule() {
    let w = Param::<f64>::new("w", [1.0]);
    let (mut optimizer, mut tape) = (Sgd::new(0.5), Tape::new());
    for lr in [0.5, 0.25] {
        optimizer.set_lr(lr);
        assert_eq!(optimizer.options().lr, lr);
        let loss = tape.param(&w).sum();
        let grads = tape.backward(loss);
        tape.reset();
        optimizer.step(std::slice::from_ref(&w), &grads);
    }
    assert_eq!(w.to_array().as_slice(), Some(&[0.25][..]));
}

/// The problem of [`follows_pytorch`] with two parameters, of which the first is in a group.
struct Pair {
    a: Param<f64>,
    b: Param<f64>,
    tape: Tape<f64>,
}

impl Pair {
    fn new() -> Self {
        Pair { a: Param::new("a", [0.5, -1.25]), b: Param::new("b", [2.0, 0.01]), tape: Tape::new() }
    }
    fn step(&mut self, optimizer: &mut dyn Optimizer<f64>) {
        let loss = |w: &Param<f64>, c: [f64; 2]| {
            let w = self.tape.param(w);
            ((w - self.tape.constant(c)).square() * 0.5).sum() + w.sin().sum()
        };
        let grads = self.tape.backward(loss(&self.a, [1.0, 0.5]) + loss(&self.b, [-0.75, 3.0]));
        self.tape.reset();
        optimizer.step(&[self.a.clone(), self.b.clone()], &grads);
        self.tape.recycle(grads);
    }
    fn values(&self) -> Vec<f64> {
        [&self.a, &self.b].iter().flat_map(|p| p.to_array()).collect()
    }
    fn named(&self) -> Vec<(String, Param<f64>)> {
        vec![("net.a".into(), self.a.clone()), ("net.b".into(), self.b.clone())]
    }
}

fn groups_follow_pytorch<R: Rule>(default: R, group: R, expected: [[f64; 4]; 4]) {
    let mut pair = Pair::new();
    let mut optimizer = FirstOrder::with(default).group([&pair.a], group);
    let mut expected = [1, 2, 3, 20].iter().zip(expected);
    for step in 1..=20 {
        pair.step(&mut optimizer);
        if [1, 2, 3, 20].contains(&step) {
            let (_, expected) = expected.next().unwrap();
            for (w, e) in pair.values().iter().zip(expected) {
                assert!((w - e).abs() < 1e-12, "step {step}: {w} but PyTorch has {e}");
            }
        }
    }
}

#[test]
fn groups_of_sgd_follow_pytorch() {
    groups_follow_pytorch(
        SgdOptions { lr: 0.1, ..Default::default() },
        SgdOptions { lr: 0.01, momentum: 0.9, weight_decay: 0.1, ..Default::default() },
        [
            [0.4957241743810963, -1.2344032236239526, 1.7666146836547143, 0.2090049999583335],
            [0.4876267206721522, -1.2050885345398292, 1.5344101469971931, 0.3902807151463574],
            [0.4761406454126651, -1.1640254441899271, 1.3023313171584088, 0.5587724137546973],
            [0.08791960215145117, -0.21415644392354852, -1.0160809984507264, 2.933448879519062],
        ],
    );
}

#[test]
fn groups_of_adam_follow_pytorch() {
    groups_follow_pytorch(
        AdamOptions { lr: 0.05, ..Default::default() },
        AdamOptions { lr: 0.2, betas: (0.5, 0.9), amsgrad: true, ..Default::default() },
        [
            [0.30000000529685467, -1.0500000013940414, 1.950000000214238, 0.05999999974875003],
            [0.11444465473348045, -0.8609484095011054, 1.9000022737679165, 0.10996425016855477],
            [-0.02667807685650972, -0.6924225014234451, 1.850007622834494, 0.15987057235156305],
            [-0.00026521591668167335, -0.41518914142472385, 1.000571621097675, 0.9866756326245704],
        ],
    );
}

#[test]
#[should_panic(expected = "parameter w is already in a group")]
fn a_parameter_is_in_one_group() {
    let w = Param::new("w", [1.0]);
    let _ = Sgd::<f32>::new(0.1).group([&w], SgdOptions::default()).group([&w], SgdOptions::default());
}

#[test]
#[should_panic(expected = "set_lrs: 1 numbers for 2 parameter groups")]
fn there_is_a_rate_for_each_group() {
    Sgd::<f32>::new(0.1).group([], SgdOptions::default()).set_lrs(&[0.1]);
}

#[test]
#[should_panic(expected = "momentum must stay above 0, not 0.0")]
fn momentum_does_not_end() {
    Sgd::<f32>::with(SgdOptions { momentum: 0.9, ..Default::default() }).set_momentums(&[0.0]);
}

/// Saves after four steps, loads into fresh objects, and continues: the result is the same as without the break.
fn resumes<R: Rule>(options: R) {
    let make = |pair: &Pair| {
        let mut other = options.clone();
        other.set_lr(0.01);
        FirstOrder::<R, f64>::with(options.clone()).group([&pair.a], other)
    };
    let mut straight = Pair::new();
    let mut optimizer = make(&straight);
    straight.b.freeze(); // has no steps yet when it is saved
    (0..4).for_each(|_| straight.step(&mut optimizer));
    optimizer.set_lrs(&[0.03, 0.2]);
    let state = optimizer.state(&straight.named());

    let mut resumed = Pair::new();
    let mut fresh = make(&resumed);
    resumed.a.set(straight.a.to_array());
    fresh.load_state(&resumed.named(), &state).unwrap();
    assert_eq!(fresh.state(&resumed.named()), state);
    straight.b.unfreeze();
    for _ in 0..5 {
        straight.step(&mut optimizer);
        resumed.step(&mut fresh);
        assert_eq!(straight.values(), resumed.values());
    }
    assert_eq!(optimizer.state(&straight.named()), fresh.state(&resumed.named()));
}

#[test]
fn a_run_goes_on_from_a_state_with_the_same_bits() {
    resumes(SgdOptions::default());
    resumes(SgdOptions { momentum: 0.9, dampening: 0.5, ..Default::default() });
    resumes(AdamOptions::default());
    resumes(AdamOptions { amsgrad: true, ..AdamOptions::adamw(0.1) });
    resumes(AdagradOptions { lr_decay: 0.1, initial_accumulator_value: 0.5, ..Default::default() });
    resumes(RmsPropOptions::default());
    resumes(RmsPropOptions { centered: true, momentum: 0.9, ..Default::default() });
}

#[test]
fn states_have_the_names_of_pytorch() {
    let mut pair = Pair::new();
    let mut optimizer = Adam::new(0.1);
    pair.step(&mut optimizer);
    let state = optimizer.state(&pair.named()[..]);
    let names: Vec<_> = state.iter().map(|(name, _)| name).collect();
    let of = |p: &str| ["exp_avg", "exp_avg_sq", "step"].map(|what| format!("net.{p}.{what}"));
    let groups = ["param_groups.0.lr", "param_groups.0.momentum"].map(String::from);
    assert_eq!(names, [of("a").to_vec(), of("b").to_vec(), groups.to_vec()].concat());
    assert_eq!(state.whole("net.a.step"), Ok(1));
    let m = state.array::<f64>("net.b.exp_avg", &[2]).unwrap();
    assert!((m[[0]] - 0.1 * (2.75 + 2f64.cos())).abs() < 1e-15);
}

#[test]
fn states_that_do_not_fit_change_nothing() {
    let mut pair = Pair::new();
    let mut optimizer = Adam::new(0.1);
    pair.step(&mut optimizer);
    let before = optimizer.state(&pair.named());
    let mut other: State = before.iter().filter(|(name, _)| *name != "net.a.exp_avg").map(|(n, v)| (n, v.clone())).collect();
    other.insert("net.b.exp_avg", 1.0);
    other.insert("net.b.step", 2.5);
    other.insert("param_groups.0.lr", f64::NAN);
    other.insert("param_groups.0.momentum", 1.0);
    other.insert("net.c.step", 1u64);
    let error = optimizer.load_state(&pair.named(), &other).unwrap_err().to_string();
    for part in [
        "`net.a.exp_avg` is missing",
        "`net.b.step` is float64",
        "`param_groups.0.lr` is NaN",
        "`param_groups.0.momentum` is 1",
        "`net.c.step` is not part",
    ] {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(optimizer.state(&pair.named()), before);
    let error = Sgd::<f64>::new(0.1).load_state(&pair.named(), &before).unwrap_err().to_string();
    assert!(error.contains("`net.a.exp_avg` is not part") && error.contains("`param_groups.0.momentum` is not part"), "{error}");
    // Without momentum a step needs other arrays.
    let mut optimizer = Sgd::<f64>::with(SgdOptions { momentum: 0.9, ..Default::default() });
    pair.step(&mut optimizer);
    let before = optimizer.state(&pair.named());
    let mut other = before.clone();
    other.insert("param_groups.0.momentum", 0.0);
    let error = optimizer.load_state(&pair.named(), &other).unwrap_err().to_string();
    assert!(error.contains("`param_groups.0.momentum` is 0"), "{error}");
    assert_eq!(optimizer.state(&pair.named()), before);
}

/// Squares are not negative, and no momentum is beyond the range of options.
#[test]
fn states_with_negative_squares_are_refused() {
    fn refuses<R: Rule>(rule: R, name: &str) {
        let mut pair = Pair::new();
        let mut optimizer = FirstOrder::<R, f64>::with(rule);
        pair.step(&mut optimizer);
        let before = optimizer.state(&pair.named());
        let with = |x: f64| {
            let (mut state, mut values) = (before.clone(), pair.a.to_array());
            values.fill(x);
            state.insert(name, values);
            state
        };
        let error = optimizer.load_state(&pair.named(), &with(-0.5)).unwrap_err().to_string();
        assert!(error.starts_with(&format!("`{name}` is -0.5 in places")), "{error}");
        assert_eq!(optimizer.state(&pair.named()), before);
        optimizer.load_state(&pair.named(), &with(f64::NAN)).unwrap(); // training may have diverged
    }
    let adam = AdamOptions { amsgrad: true, ..Default::default() };
    refuses(adam, "net.a.exp_avg_sq");
    refuses(adam, "net.a.max_exp_avg_sq");
    refuses(AdagradOptions::default(), "net.a.sum");
    refuses(RmsPropOptions { centered: true, momentum: 0.5, ..Default::default() }, "net.a.square_avg");
    let mut optimizer = Sgd::<f64>::with(SgdOptions { momentum: 0.9, ..Default::default() });
    let mut state = Optimizer::state(&optimizer, &[]);
    state.insert("param_groups.0.momentum", 1e300);
    assert!(Optimizer::load_state(&mut optimizer, &[], &state).is_err());
}

/// A parameter that joins a group later steps by the rule of that group. If the arrays differ, it steps like one that was there from the
/// beginning.
#[test]
fn a_group_that_is_made_later() {
    let momentum = SgdOptions { lr: 0.1, momentum: 0.9, ..Default::default() };
    for (first, then) in [(SgdOptions::default(), momentum), (momentum, SgdOptions::default())] {
        let mut pair = Pair::new();
        let mut optimizer = Sgd::with(first);
        pair.step(&mut optimizer);
        let mut optimizer = optimizer.group([&pair.a], then);
        let mut other = Pair { a: Param::new("a", pair.a.to_array()), b: Param::new("b", pair.b.to_array()), ..Pair::new() };
        let mut fresh = Sgd::with(first).group([&other.a], then);
        for _ in 0..3 {
            pair.step(&mut optimizer);
            other.step(&mut fresh);
            assert_eq!(pair.a.to_array(), other.a.to_array());
        }
        let state = optimizer.state(&pair.named());
        fresh.load_state(&other.named(), &state).unwrap();
        assert_eq!(state.whole("net.a.step"), Ok(3));
        assert_eq!(state.whole("net.b.step"), Ok(4));
    }
    // Arrays that the new options remember too are kept.
    let mut pair = Pair::new();
    let mut optimizer = Adam::new(0.1);
    pair.step(&mut optimizer);
    let optimizer = optimizer.group([&pair.a], AdamOptions { lr: 0.2, ..Default::default() });
    assert_eq!(optimizer.state(&pair.named()).whole("net.a.step"), Ok(1));
}

#[test]
fn refused_rates_and_momentums_change_nothing() {
    let momentum = SgdOptions { lr: 0.1, momentum: 0.9, ..Default::default() };
    let mut optimizer = Sgd::<f32>::with(momentum).group([], momentum);
    let mut refused = |set: &dyn Fn(&mut Sgd)| {
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| set(&mut optimizer))).is_err());
        assert_eq!((optimizer.lrs(), optimizer.momentums()), (vec![0.1; 2], vec![Some(0.9); 2]));
    };
    refused(&|o| o.set_lrs(&[0.5, -1.0]));
    refused(&|o| o.set_lrs(&[0.5, f64::NAN]));
    refused(&|o| o.set_momentums(&[0.5, 0.0]));
    refused(&|o| o.set_momentums(&[0.5, -1.0]));
}

#[test]
#[should_panic(expected = "the optimizer has changed [\"b\"], which are not among the 1 named parameters")]
fn a_state_leaves_nothing_out() {
    let mut pair = Pair::new();
    let mut optimizer = Adam::new(0.1);
    pair.step(&mut optimizer);
    optimizer.state(&pair.named()[..1]);
}

#[test]
#[should_panic(expected = "two parameters are called w")]
fn names_are_different() {
    let w = || ("w".to_string(), Param::new("w", [1.0]));
    Optimizer::<f32>::state(&Adam::new(0.1), &[w(), w()]);
}

#[test]
fn frozen_parameters_are_left_as_they_are() {
    let w = Param::<f64>::new("w", [1.0]);
    let tape = Tape::new();
    let grads = tape.backward(tape.param(&w).sum());
    w.freeze(); // after its gradient was found
    Sgd::new(0.5).step([&w], &grads);
    assert_eq!(w.to_array()[[0]], 1.0);
}

/// A step inside a closure that reads the parameter is refused, with the line of that step, not with one inside the optimizer.
#[test]
fn a_step_that_is_refused_names_its_line() {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    let (p, mut tape) = (Param::<f64>::new("p", [1.0]), Tape::new());
    let mut grads = || {
        let grads = tape.backward(tape.param(&p).sum());
        tape.reset();
        grads
    };
    let refused = |step: &mut dyn FnMut(&Grads<f64>), grads: Grads<f64>| {
        let panic = catch_unwind(AssertUnwindSafe(|| p.with(|_| step(&grads)))).expect_err("must be refused");
        let text = *panic.downcast::<String>().unwrap();
        assert!(text.starts_with("parameter p is used inside a closure that holds it\n  at tests/kit/optim/first_order.rs:"), "{text}");
    };
    let momentum = SgdOptions { lr: 0.1, momentum: 0.9, ..Default::default() };
    refused(&mut |g| Sgd::new(0.1).step([&p], g), grads());
    refused(&mut |g| Sgd::with(momentum).step([&p], g), grads());
    refused(&mut |g| Sgd::with(SgdOptions { nesterov: true, ..momentum }).step([&p], g), grads());
    refused(&mut |g| Adam::new(0.1).step([&p], g), grads());
    refused(&mut |g| Adam::with(AdamOptions { amsgrad: true, ..Default::default() }).step([&p], g), grads());
    refused(&mut |g| Adagrad::new(0.1).step([&p], g), grads());
    refused(&mut |g| RmsProp::new(0.1).step([&p], g), grads());
    refused(&mut |g| RmsProp::with(RmsPropOptions { centered: true, momentum: 0.9, ..Default::default() }).step([&p], g), grads());
    refused(&mut |g| Optimizer::step(&mut Sgd::new(0.1), std::slice::from_ref(&p), g), grads());
    let mut again = Some(grads());
    refused(
        &mut |_| {
            Lbfgs::new(0.1).step(std::slice::from_ref(&p), || (1.0, again.take().expect("one evaluation comes first")));
        },
        grads(),
    );
}
