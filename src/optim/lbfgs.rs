//! How does L-BFGS find its direction? From its last steps and what they did to the gradient.

use super::first_order::{check_count, check_names};
use super::line_search::{Place, strong_wolfe};
use super::reader::{Reader, shaped};
use super::{Rates, check};
use crate::io::{State, StateError, Values};
use crate::{Grads, Param, Scalar};
use std::collections::VecDeque;

/// The options of [`Lbfgs`], by PyTorch's names and with its defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LbfgsOptions {
    /// The length of a step (with a line search: of the one that is tried first); default 1.
    pub lr: f64,
    /// The most iterations of one step; default 20.
    pub max_iter: usize,
    /// The most evaluations of one step; default 5/4 of `max_iter`.
    pub max_eval: Option<usize>,
    /// Ends where no element of the gradient is larger; default 1e-7.
    pub tolerance_grad: f64,
    /// Ends where loss or parameters change by less; default 1e-9.
    pub tolerance_change: f64,
    /// How many steps are remembered; default 100.
    pub history_size: usize,
    /// Searches along each direction for a place that fulfils the strong Wolfe conditions; default no. (PyTorch's
    /// `line_search_fn="strong_wolfe"`.)
    pub strong_wolfe: bool,
}

impl Default for LbfgsOptions {
    fn default() -> Self {
        LbfgsOptions {
            lr: 1.0,
            max_iter: 20,
            max_eval: None,
            tolerance_grad: 1e-7,
            tolerance_change: 1e-9,
            history_size: 100,
            strong_wolfe: false,
        }
    }
}

/// L-BFGS: a quasi-Newton method, for losses without chance (whole data sets, fits of curves). One step makes several iterations, so it
/// must be able to compute loss and gradients anew.
///
/// ```
/// use wengert::optim::{Lbfgs, LbfgsOptions};
/// use wengert::{Param, Tape};
/// let x = Param::<f64>::new("x", [-1.0, 2.0]);
/// let mut optimizer = Lbfgs::with(LbfgsOptions { strong_wolfe: true, max_iter: 100, ..Default::default() });
/// let mut tape = Tape::new();
/// optimizer.step(&[x.clone()], || {
///     tape.reset();
///     let x = tape.param(&x);
///     let (a, b) = (x.narrow(0, 0, 1), x.narrow(0, 1, 1));
///     let loss = ((b - a.square()).square() * 100.0 + (1.0 - a).square()).sum(); // Rosenbrock's valley
///     let grads = tape.backward(loss);
///     (loss.item(), grads)
/// });
/// assert!(x.to_array().iter().all(|x| (x - 1.0).abs() < 1e-5));
/// ```
///
/// Directions, losses and what is remembered are in `f64`, also for parameters in `f32`.
///
/// Source: J. Nocedal, S. J. Wright, "Numerical optimization" (2006), algorithms 7.4 and 7.5; the order of computation is that of
/// `torch.optim.LBFGS`.
#[derive(Debug)]
pub struct Lbfgs<T: Scalar = f32> {
    options: LbfgsOptions,
    params: Vec<Param<T>>,
    memory: Memory,
}

/// What is known from the last iterations. All vectors hold all parameters, one after the other.
#[derive(Clone, Debug, Default)]
struct Memory {
    iterations: u64,
    /// The last direction, and how far it was gone.
    direction: Vec<f64>,
    t: f64,
    grad: Vec<f64>,
    pairs: VecDeque<Pair>,
    /// The curvature that is assumed at first, inverse.
    scale: f64,
}

/// A step, and how it changed the gradient.
#[derive(Clone, Debug)]
struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    /// 1 / (step . change)
    ro: f64,
}

impl<T: Scalar> Lbfgs<T> {
    /// With this learning rate, and the defaults otherwise.
    ///
    /// # Panics
    /// If it is negative or not a number.
    #[track_caller]
    pub fn new(lr: f64) -> Self {
        Lbfgs::with(LbfgsOptions { lr, ..Default::default() })
    }
    /// With all options.
    ///
    /// # Panics
    /// If an option makes no sense.
    #[track_caller]
    pub fn with(options: LbfgsOptions) -> Self {
        let LbfgsOptions { lr, max_iter, tolerance_grad, tolerance_change, history_size, .. } = options;
        check(lr >= 0.0, "lr must be at least 0", lr);
        check(max_iter > 0, "max_iter must be at least 1", max_iter);
        check(options.max_eval != Some(0), "max_eval must be at least 1", options.max_eval);
        check(tolerance_grad >= 0.0, "tolerance_grad must be at least 0", tolerance_grad);
        check(tolerance_change >= 0.0, "tolerance_change must be at least 0", tolerance_change);
        check(history_size > 0, "history_size must be at least 1", history_size);
        Lbfgs { options, params: Vec::new(), memory: Memory::default() }
    }
    /// The options.
    pub fn options(&self) -> &LbfgsOptions {
        &self.options
    }
    /// Up to `max_iter` iterations. `closure` computes loss and gradients at the parameters as they are then; frozen parameters and those
    /// without a gradient stay as they are. Gives the loss before the step.
    ///
    /// # Panics
    /// If the parameters are others than those of the last step.
    #[track_caller]
    pub fn step(&mut self, params: &[Param<T>], mut closure: impl FnMut() -> (T, Grads<T>)) -> T {
        let known = self.params.is_empty() || (params.len() == self.params.len() && params.iter().zip(&self.params).all(|(p, q)| p.is(q)));
        assert!(known, "Lbfgs: the parameters are others than in the last step, or in another order\n  hint: make another optimizer");
        self.params = params.to_vec();
        let LbfgsOptions { lr, max_iter, max_eval, tolerance_grad, tolerance_change, history_size, .. } = self.options;
        let max_eval = max_eval.unwrap_or(max_iter * 5 / 4);
        let mut evaluate = || {
            let (loss, grads) = closure();
            (loss, flat_grad(params, &grads))
        };

        let (first_loss, mut grad) = evaluate();
        let mut loss = first_loss.to_f64();
        let mut evaluations = 1;
        if largest(&grad) <= tolerance_grad {
            return first_loss;
        }
        for iteration in 1..=max_iter {
            let m = &mut self.memory;
            m.iterations += 1;
            if m.iterations == 1 {
                m.direction = grad.iter().map(|g| -g).collect();
                m.scale = 1.0;
            } else {
                m.remember(&grad, history_size);
                m.direction = m.direction_for(&grad);
            }
            m.grad.clone_from(&grad);
            let last_loss = loss;
            m.t = if m.iterations == 1 { (1.0 / grad.iter().map(|g| g.abs()).sum::<f64>()).min(1.0) * lr } else { lr };
            let slope = dot(&grad, &m.direction);
            if slope > -tolerance_change {
                break;
            }

            let here: Vec<Vec<T>> = params.iter().map(|p| p.with(<[T]>::to_vec)).collect();
            if self.options.strong_wolfe {
                let direction = &m.direction;
                let at = |t| {
                    go(params, &here, direction, t);
                    let (loss, grad) = evaluate();
                    let slope = dot(&grad, direction);
                    Place { t, loss: loss.to_f64(), grad, slope }
                };
                let start = Place { t: 0.0, loss, grad, slope };
                let most = max_eval.saturating_sub(evaluations);
                let (place, asked) = strong_wolfe(at, start, m.t, largest(direction), tolerance_change, most);
                evaluations += asked;
                (m.t, loss, grad) = (place.t, place.loss, place.grad);
                go(params, &here, direction, m.t);
            } else {
                go(params, &here, &m.direction, m.t);
                if iteration < max_iter {
                    let (new_loss, new_grad) = evaluate();
                    (loss, grad) = (new_loss.to_f64(), new_grad);
                    evaluations += 1;
                }
            }

            let moved = largest(&m.direction) * m.t;
            let done = largest(&grad) <= tolerance_grad || moved <= tolerance_change || (loss - last_loss).abs() < tolerance_change;
            if evaluations >= max_eval || done {
                break;
            }
        }
        first_loss
    }
    /// What it remembers, by the names of the parameters: the last direction and gradient, and the remembered steps with the changes of the
    /// gradient; and its learning rate.
    ///
    /// # Panics
    /// If it has changed parameters that are not among these, or two have one name.
    #[track_caller]
    pub fn state(&self, params: &[(String, Param<T>)]) -> State {
        let m = &self.memory;
        check_names(params, self.params.iter());
        let mut state = State::new();
        state.insert("param_groups.0.lr", self.options.lr);
        state.insert("n_iter", m.iterations);
        state.insert("history", m.pairs.len() as u64);
        state.insert("t", m.t);
        state.insert("H_diag", m.scale);
        for (i, pair) in m.pairs.iter().enumerate() {
            state.insert(format!("ro.{i}"), pair.ro);
        }
        let mut from = 0;
        for param in self.params.iter().filter(|_| m.iterations > 0) {
            let name = params.iter().find(|(_, p)| p.is(param)).map_or("", |(name, _)| name);
            let part = from..from + param.shape().numel();
            from = part.end;
            let mut insert = |what: String, all: &[f64]| {
                state.insert(format!("{name}.{what}"), Values::of(shaped(param.shape(), &all[part.clone()])));
            };
            insert("d".into(), &m.direction);
            insert("prev_flat_grad".into(), &m.grad);
            for (i, pair) in m.pairs.iter().enumerate() {
                insert(format!("old_stps.{i}"), &pair.step);
                insert(format!("old_dirs.{i}"), &pair.change);
            }
        }
        state
    }
    /// Goes on from such a state: the next steps give the same bits as if there had been no break. The parameters must be those of the next
    /// step, in that order.
    ///
    /// # Errors
    /// If entries are missing or not known, or shapes, types or ranges are wrong: all is listed, and nothing is changed.
    pub fn load_state(&mut self, params: &[(String, Param<T>)], state: &State) -> Result<(), StateError> {
        let mut reader = Reader::new(state);
        let lr = reader.number("param_groups.0.lr".into(), "a number that is at least 0", |lr| lr >= 0.0);
        let [iterations, history] = ["n_iter", "history"].map(|name| reader.whole(name.into()));
        let [t, scale] = ["t", "H_diag"].map(|name| reader.number(name.into(), "a number", |x| !x.is_nan()));
        // A count that is too large asks for names that are not there; more than all there are need not be asked for.
        let history = history.min(state.len() as u64);
        let zero = || Vec::new();
        let mut m = Memory { iterations, direction: zero(), t, grad: zero(), pairs: VecDeque::new(), scale };
        for i in 0..history {
            let ro = reader.number(format!("ro.{i}"), "a number", |x| !x.is_nan());
            m.pairs.push_back(Pair { step: zero(), change: zero(), ro });
        }
        for (name, param) in params.iter().filter(|_| iterations > 0) {
            let mut read = |what: String, all: &mut Vec<f64>| all.extend(reader.array::<f64>(format!("{name}.{what}"), param.shape()));
            read("d".into(), &mut m.direction);
            read("prev_flat_grad".into(), &mut m.grad);
            for (i, pair) in m.pairs.iter_mut().enumerate() {
                read(format!("old_stps.{i}"), &mut pair.step);
                read(format!("old_dirs.{i}"), &mut pair.change);
            }
        }
        reader.finish()?;
        self.options.lr = lr;
        self.memory = m;
        self.params = if iterations > 0 { params.iter().map(|(_, p)| p.clone()).collect() } else { Vec::new() };
        Ok(())
    }
}

impl<T: Scalar> Rates for Lbfgs<T> {
    fn lrs(&self) -> Vec<f64> {
        vec![self.options.lr]
    }
    fn set_lrs(&mut self, lrs: &[f64]) {
        check_count("set_lrs", lrs.len(), 1);
        check(lrs[0] >= 0.0, "lr must be at least 0", lrs[0]);
        self.options.lr = lrs[0];
    }
    fn momentums(&self) -> Vec<Option<f64>> {
        vec![None]
    }
    fn set_momentums(&mut self, _: &[f64]) {
        panic!("set_momentums: L-BFGS works without momentum\n  hint: make the schedule with `cycle_momentum: false`");
    }
}

impl Memory {
    /// Notes what the last step did to the gradient, if the loss is convex along it.
    fn remember(&mut self, grad: &[f64], history_size: usize) {
        let change: Vec<f64> = grad.iter().zip(&self.grad).map(|(new, old)| new - old).collect();
        let step: Vec<f64> = self.direction.iter().map(|d| d * self.t).collect();
        let curvature = dot(&change, &step);
        if curvature > 1e-10 {
            if self.pairs.len() == history_size {
                self.pairs.pop_front();
            }
            self.scale = curvature / dot(&change, &change);
            self.pairs.push_back(Pair { step, change, ro: 1.0 / curvature });
        }
    }
    /// Minus the gradient, times the inverse Hessian that fits the remembered steps (the two-loop recursion).
    fn direction_for(&self, grad: &[f64]) -> Vec<f64> {
        let mut q: Vec<f64> = grad.iter().map(|g| -g).collect();
        let mut shares = vec![0.0; self.pairs.len()];
        for (pair, share) in self.pairs.iter().zip(&mut shares).rev() {
            *share = dot(&pair.step, &q) * pair.ro;
            add(&mut q, -*share, &pair.change);
        }
        q.iter_mut().for_each(|q| *q *= self.scale);
        for (pair, share) in self.pairs.iter().zip(&shares) {
            let back = dot(&pair.change, &q) * pair.ro;
            add(&mut q, share - back, &pair.step);
        }
        q
    }
}

/// All gradients, one after the other; zeros where a parameter is frozen or has none.
fn flat_grad<T: Scalar>(params: &[Param<T>], grads: &Grads<T>) -> Vec<f64> {
    let mut flat = Vec::with_capacity(params.iter().map(|p| p.shape().numel()).sum());
    for param in params {
        match grads.slice(param).filter(|_| !param.is_frozen()) {
            Some(g) => flat.extend(g.iter().map(|g| g.to_f64())),
            None => flat.resize(flat.len() + param.shape().numel(), 0.0),
        }
    }
    flat
}

/// Sets the parameters to `from + t direction`.
fn go<T: Scalar>(params: &[Param<T>], from: &[Vec<T>], direction: &[f64], t: f64) {
    let mut direction = direction.iter();
    for (param, from) in params.iter().zip(from) {
        let moved = |(w, (x, d)): (&mut T, (&T, &f64))| *w = T::from_f64(x.to_f64() + t * d);
        param.with_mut(|w| w.iter_mut().zip(from.iter().zip(direction.by_ref())).for_each(moved));
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(a: &mut [f64], factor: f64, b: &[f64]) {
    a.iter_mut().zip(b).for_each(|(a, b)| *a += factor * b);
}

fn largest(a: &[f64]) -> f64 {
    a.iter().fold(0.0, |most, x| most.max(x.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tape;

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

    /// Twenty steps; parameters, the loss before the step and the number of evaluations after steps 1, 2, 3 and 20.
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
    #[test]
    #[should_panic(expected = "the parameters are others than in the last step")]
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
}
