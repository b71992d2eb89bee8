//! L-BFGS: the same numbers as PyTorch's, and states from which it goes on.

use wengert::optim::{Lbfgs, LbfgsOptions};
use wengert::{Param, Scalar, Tape, Var};

struct Problem {
    x: Param<f64>,
    b: Param<f64>,
    tape: Tape<f64>,
    evaluations: usize,
}
impl Problem {
    fn new() -> Self {
        Problem { x: Param::new("x", [-1.2, 1.0, 0.5]), b: Param::new("b", [0.3]), tape: Tape::new(), evaluations: 0 }
    }
    fn step(&mut self, optimizer: &mut Lbfgs<f64>) -> f64 {
        let Problem { x, b, tape, evaluations } = self;
        optimizer.step(&[x.clone(), b.clone()], || {
            *evaluations += 1;
            tape.reset();
            let (x, b) = (tape.param(x), tape.param(b));
            let (head, tail) = (x.narrow(0, 0, 2), x.narrow(0, 1, 2));
            let valley = ((tail - head.square()).square() * 3.0).sum() + (1.0 - x).square().sum();
            let loss = valley + (b * x.narrow(0, 0, 1) - 2.0).square().sum() + b.cosh().sum();
            let grads = tape.backward(loss);
            (loss.item(), grads)
        })
    }
    fn named(&self) -> Vec<(String, Param<f64>)> {
        [&self.x, &self.b].map(|p| (p.name().to_string(), p.clone())).into()
    }
}

/// Twenty steps. Compares the parameters, the loss before the step and the number of evaluations after steps 1, 2, 3 and 20.
fn follows_pytorch(options: LbfgsOptions, expected: [[f64; 6]; 4]) {
    let (mut problem, mut optimizer) = (Problem::new(), Lbfgs::with(options));
    let mut expected = [1, 2, 3, 20].iter().zip(expected);
    for step in 1..=20 {
        let loss = problem.step(&mut optimizer);
        if [1, 2, 3, 20].contains(&step) {
            let found =
                [&problem.x, &problem.b].into_iter().flat_map(|p| p.to_array().into_iter()).chain([loss, problem.evaluations as f64]);
            let (_, expected) = expected.next().unwrap();
            for (found, e) in found.zip(expected) {
                assert!((found - e).abs() < 1e-12, "step {step}: {found} but PyTorch has {e}");
            }
        }
    }
}

#[test]
fn defaults_follow_pytorch() {
    follows_pytorch(
        LbfgsOptions { lr: 0.5, ..Default::default() },
        [
            [-0.862951309310629, 0.8819369159936941, 0.8333229214743303, -1.246530358548673, 13.035738514128862, 20.0],
            [-0.8629634344184406, 0.8819823856686263, 0.8334151005393722, -1.2464991428293808, 6.315283035502792, 24.0],
            [-0.8629634344184406, 0.8819823856686263, 0.8334151005393722, -1.2464991428293808, 6.315283017636858, 25.0],
            [-0.8629634344184406, 0.8819823856686263, 0.8334151005393722, -1.2464991428293808, 6.315283017636858, 42.0],
        ],
    );
}
#[test]
fn single_iterations_follow_pytorch() {
    follows_pytorch(
        LbfgsOptions { lr: 0.1, max_iter: 1, ..Default::default() },
        [
            [-1.1523086661494697, 0.9868134560781944, 0.5156982665735781, 0.276576144345914, 13.035738514128862, 1.0],
            [-1.1211196862119264, 0.9666877787798961, 0.5334084063262634, 0.24838621616764942, 12.260441476378091, 2.0],
            [-1.0902327753221486, 0.9533184514577239, 0.5509334296389132, 0.2080150492398839, 11.67567516263338, 3.0],
            [-0.9254177848598694, 0.9140416631960231, 0.8203862063098997, -0.9537410426559387, 6.537692908787119, 20.0],
        ],
    );
}
#[test]
fn a_short_history_follows_pytorch() {
    follows_pytorch(
        LbfgsOptions { lr: 0.3, max_iter: 3, history_size: 2, ..Default::default() },
        [
            [-0.9822081634276717, 0.9028775057259629, 0.5940924830151632, 0.15239672199500864, 13.035738514128862, 3.0],
            [-0.8582545194291946, 0.8309797699099145, 0.6738462353350068, -0.12568691955649883, 9.894252340236648, 6.0],
            [-0.8211626265413458, 0.7966932533468415, 0.7302836947689888, -0.6405780254320691, 8.203670684541818, 9.0],
            [-0.8629643994111352, 0.8819892530660077, 0.8334219520774485, -1.2465054253438475, 6.315283017742567, 55.0],
        ],
    );
}
#[test]
fn the_line_search_follows_pytorch() {
    follows_pytorch(
        LbfgsOptions { strong_wolfe: true, max_iter: 2, ..Default::default() },
        [
            [-0.7230866614946969, 0.8681345607819438, 0.6569826657357811, 0.06576144345914026, 13.035738514128862, 2.0],
            [-0.655438808171364, 0.7024746503209095, 0.7370662376269057, -0.11764455794644879, 8.684399572727992, 4.0],
            [-0.5807142032735481, 0.6707514927883388, 0.7250645733880977, -0.359414208979845, 8.003969910746829, 6.0],
            [-0.8629713558835774, 0.8819969302392217, 0.8334375965926571, -1.2464966290230046, 6.315283017652341, 32.0],
        ],
    );
}
#[test]
fn few_evaluations_follow_pytorch() {
    follows_pytorch(
        LbfgsOptions { strong_wolfe: true, max_iter: 4, max_eval: Some(3), history_size: 2, lr: 1.0, ..Default::default() },
        [
            [-0.655438808171364, 0.7024746503209095, 0.7370662376269057, -0.11764455794644879, 13.035738514128862, 3.0],
            [-0.6745069177618446, 0.5826074208274005, 0.56766291499197, -1.104054022767829, 8.003969910746829, 6.0],
            [-0.7027121127624054, 0.7011326108772868, 0.5275605727869587, -1.1838073099296622, 6.620001123303489, 9.0],
            [-0.8629675186154587, 0.8819928755904971, 0.8334373130963275, -1.246516458342924, 6.315283018282653, 46.0],
        ],
    );
}
#[test]
fn a_search_without_evaluations_follows_pytorch() {
    follows_pytorch(
        LbfgsOptions { strong_wolfe: true, max_iter: 1, lr: 20.0, ..Default::default() },
        [
            [-1.2, 1.0, 0.5, 0.3, 13.035738514128862, 2.0],
            [-1.2, 1.0, 0.5, 0.3, 13.035738514128862, 4.0],
            [-1.2, 1.0, 0.5, 0.3, 13.035738514128862, 6.0],
            [-1.2, 1.0, 0.5, 0.3, 13.035738514128862, 40.0],
        ],
    );
}
#[test]
fn tolerances_follow_pytorch() {
    follows_pytorch(
        LbfgsOptions { max_iter: 50, tolerance_grad: 0.5, tolerance_change: 1e-3, lr: 0.2, ..Default::default() },
        [
            [-0.8643752776004662, 0.8715964009459664, 0.8059304353002907, -1.11198295620649, 13.035738514128862, 15.0],
            [-0.8643752776004662, 0.8715964009459664, 0.8059304353002907, -1.11198295620649, 6.346737928730777, 16.0],
            [-0.8643752776004662, 0.8715964009459664, 0.8059304353002907, -1.11198295620649, 6.346737928730777, 17.0],
            [-0.8643752776004662, 0.8715964009459664, 0.8059304353002907, -1.11198295620649, 6.346737928730777, 34.0],
        ],
    );
}
#[test]
fn goes_on_from_a_state_with_the_same_bits() {
    let options = LbfgsOptions { max_iter: 2, history_size: 3, strong_wolfe: true, ..Default::default() };
    let (mut straight, mut optimizer) = (Problem::new(), Lbfgs::with(options));
    (0..4).for_each(|_| _ = straight.step(&mut optimizer));
    let resumed = Problem { x: Param::new("x", straight.x.to_array()), b: Param::new("b", straight.b.to_array()), ..Problem::new() };
    let state = optimizer.state(&straight.named());
    let mut fresh = Lbfgs::with(LbfgsOptions { lr: 0.5, ..options });
    fresh.load_state(&resumed.named(), &state).unwrap();
    assert_eq!(fresh.state(&resumed.named()), state);
    let mut resumed = resumed;
    for _ in 0..5 {
        assert_eq!(straight.step(&mut optimizer).to_bits(), resumed.step(&mut fresh).to_bits());
    }
    assert_eq!(straight.x.to_array(), resumed.x.to_array());
}
#[test]
fn states_that_do_not_fit_change_nothing() {
    let (mut problem, mut optimizer) = (Problem::new(), Lbfgs::new(0.1));
    problem.step(&mut optimizer);
    let before = optimizer.state(&problem.named());
    let mut other = before.clone();
    other.insert("history", u64::MAX);
    other.insert("x.d", 1.0);
    other.insert("y", 1.0);
    let error = optimizer.load_state(&problem.named(), &other).unwrap_err().to_string();
    assert!(["`x.d` has shape [] where [3] is needed", "`y` is not part", "is missing"].iter().all(|e| error.contains(e)), "{error}");
    assert_eq!(optimizer.state(&problem.named()), before);
}
#[test]
fn frozen_parameters_stay() {
    let (mut problem, mut optimizer) = (Problem::new(), Lbfgs::new(0.1));
    problem.b.freeze();
    problem.step(&mut optimizer);
    assert_eq!(problem.b.to_array()[[0]], 0.3);
    assert_ne!(problem.x.to_array()[[0]], -1.2);
}
/// Neither the remembered steps nor the line search move parameters that are frozen later. The others continue as with a new optimizer.
#[test]
fn parameters_that_are_frozen_later_stay() {
    for strong_wolfe in [false, true] {
        let options = LbfgsOptions { lr: 0.3, max_iter: 4, strong_wolfe, ..Default::default() };
        let (mut problem, mut optimizer) = (Problem::new(), Lbfgs::with(options));
        problem.step(&mut optimizer);
        let [x, b] = [&problem.x, &problem.b].map(Param::to_array);
        let mut other = Problem { x: Param::new("x", x), b: Param::new("b", b.clone()), ..Problem::new() };
        problem.b.freeze();
        other.b.freeze();
        let mut fresh = Lbfgs::with(options);
        for _ in 0..3 {
            assert_eq!(problem.step(&mut optimizer), other.step(&mut fresh));
        }
        assert_eq!(problem.b.to_array(), b);
        assert_eq!(problem.x.to_array(), other.x.to_array());
        // A state includes what was frozen.
        let mut resumed = Lbfgs::with(options);
        resumed.load_state(&problem.named(), &optimizer.state(&problem.named())).unwrap();
        problem.b.unfreeze();
        let moved = [&problem.x, &problem.b].map(Param::to_array);
        problem.step(&mut optimizer);
        let straight = [&problem.x, &problem.b].map(Param::to_array);
        problem.x.set(moved[0].clone());
        problem.b.set(moved[1].clone());
        problem.step(&mut resumed);
        assert_eq!([&problem.x, &problem.b].map(Param::to_array), straight);
        assert_ne!(straight[1], b);
    }
}
#[test]
fn what_is_not_a_number_is_not_small() {
    for strong_wolfe in [false, true] {
        let (mut problem, mut optimizer) = (Problem::new(), Lbfgs::with(LbfgsOptions { strong_wolfe, ..Default::default() }));
        problem.b.set(ndarray::arr1(&[f64::NAN]).into_dyn());
        let x = problem.x.to_array();
        // The loss shows it; no parameter becomes NaN.
        assert!(problem.step(&mut optimizer).is_nan());
        assert_eq!((problem.x.to_array(), problem.evaluations), (x, 1));
    }
}
#[test]
fn many_iterations_are_a_number() {
    let (mut problem, mut optimizer) = (Problem::new(), Lbfgs::with(LbfgsOptions { max_iter: usize::MAX, lr: 0.5, ..Default::default() }));
    problem.step(&mut optimizer);
    assert!(problem.evaluations > 20);
}
#[test]
#[should_panic(expected = "the parameters, or their order, have changed")]
fn parameters_stay_the_same() {
    let mut optimizer = Lbfgs::new(0.1);
    Problem::new().step(&mut optimizer);
    Problem::new().step(&mut optimizer);
}
#[test]
#[should_panic(expected = "history_size must be at least 1, not 0")]
fn options_make_sense() {
    Lbfgs::<f32>::with(LbfgsOptions { history_size: 0, ..Default::default() });
}

/// Minimizes a function of one number by steps with the line search; returns where it ends.
fn least<T: Scalar>(from: f64, options: LbfgsOptions, f: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T>) -> f64 {
    let (x, mut tape) = (Param::<T>::new("x", [T::from_f64(from)]), Tape::new());
    let mut optimizer = Lbfgs::with(options);
    for _ in 0..3 {
        optimizer.step(std::slice::from_ref(&x), || {
            tape.reset();
            let loss = f(tape.param(&x)).sum();
            let grads = tape.backward(loss);
            (loss.item(), grads)
        });
    }
    x.with(|x| x[0].to_f64())
}
#[test]
fn a_line_search_stays_where_the_function_is() {
    let options = LbfgsOptions { strong_wolfe: true, max_iter: 50, ..Default::default() };
    for from in [0.5, 3.0, 0.1, 0.01, 40.0] {
        for lr in [1.0, 10.0, 1000.0] {
            let options = LbfgsOptions { lr, ..options };
            let near = |found: f64, right: f64, what: &str| {
                assert!((found - right).abs() < 1e-4 * right.abs().max(1.0), "{what} from {from} with rate {lr}: {found}");
            };
            near(least::<f64>(from, options, |x| x * 10.0 - x.ln()), 0.1, "10 x - ln x"); // NaN beyond 0, infinite at 0
            near(least::<f32>(from, options, |x| x * 10.0 - x.ln()), 0.1, "10 x - ln x in f32");
            near(least::<f64>(from, options, |x| x - x.sqrt()), 0.25, "x - sqrt x"); // the slope is infinite at 0
            near(least::<f64>(from, options, |x| x + x.recip() + x.ln() * 0.0), 1.0, "x + 1/x, NaN below 0");
        }
    }
}
#[test]
fn what_is_not_finite_at_the_start_stays() {
    let options = LbfgsOptions { strong_wolfe: true, ..Default::default() };
    assert_eq!(least::<f64>(-1.0, options, |x| x.ln()), -1.0);
    assert_eq!(least::<f64>(0.0, LbfgsOptions::default(), |x| x.sqrt()), 0.0);
}
#[test]
fn gradients_whose_squares_are_beyond_the_type() {
    for strong_wolfe in [false, true] {
        for scale in [1e120, 1e200, 1e290] {
            let options = LbfgsOptions { strong_wolfe, max_iter: 100, max_eval: Some(200), ..Default::default() };
            let found = least::<f64>(-4.0, options, |x| (x - 1.0).square() * scale + (x - 1.0).square().square() * scale);
            assert!((found - 1.0).abs() < 1e-6, "{strong_wolfe} {scale:e}: {found}");
        }
    }
}
#[test]
fn states_of_infinities_are_refused() {
    let (mut problem, mut optimizer) = (Problem::new(), Lbfgs::new(1.0));
    problem.step(&mut optimizer);
    let before = optimizer.state(&problem.named());
    for name in ["t", "H_diag", "ro.0", "param_groups.0.lr"] {
        for x in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
            let mut state = before.clone();
            state.insert(name, x);
            let error = optimizer.load_state(&problem.named(), &state).unwrap_err().to_string();
            assert!(error.contains(&format!("`{name}` is {x}")), "{error}");
        }
    }
    assert_eq!(optimizer.state(&problem.named()), before);
}
#[test]
fn frozen_elements_stay() {
    for strong_wolfe in [false, true] {
        let (w, mut tape) = (Param::<f64>::new("w", [1.0, -0.0, 2.5, 5.0]), Tape::new());
        let mut optimizer = Lbfgs::with(LbfgsOptions { strong_wolfe, lr: 0.5, ..Default::default() });
        let mut step = || {
            optimizer.step(std::slice::from_ref(&w), || {
                tape.reset();
                let x = tape.param(&w);
                let loss = (x - 3.0).square().square().sum() + (x.narrow(0, 0, 1) * x.narrow(0, 2, 1)).square().sum();
                let grads = tape.backward(loss);
                (loss.item(), grads)
            })
        };
        w.freeze_elements(0..2);
        step();
        let after = w.with(<[f64]>::to_vec);
        assert_eq!((after[0], after[1].to_bits()), (1.0, (-0.0f64).to_bits()));
        assert!(after[2] != 2.5 && after[3] < 5.0, "{after:?}");
        // Other elements are frozen from now on. The memory would still move them.
        w.freeze_elements(2..4);
        step();
        let last = w.with(<[f64]>::to_vec);
        assert_eq!(last[2..], after[2..]);
        assert!(last[0] != 1.0 && last[1] != 0.0, "{last:?}");
    }
}
#[test]
fn a_state_with_more_history_than_is_kept() {
    let (mut problem, mut optimizer) = (Problem::new(), Lbfgs::new(0.3));
    problem.step(&mut optimizer);
    let state = optimizer.state(&problem.named());
    assert!(state.whole("history").unwrap() > 3);
    let mut short = Lbfgs::with(LbfgsOptions { lr: 0.3, history_size: 2, max_iter: 3, ..Default::default() });
    short.load_state(&problem.named(), &state).unwrap();
    problem.x.set(ndarray::arr1(&[-1.2, 1.0, 0.5])); // far from the end, so that there is something to remember
    problem.step(&mut short);
    assert_eq!(short.state(&problem.named()).whole("history").unwrap(), 2);
}
