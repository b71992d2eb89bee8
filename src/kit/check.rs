//! Checks gradients: [`check_grads`] compares what a tape computes with finite differences, to any order.

use crate::refusal::require;
use crate::{Tape, Var};
use ndarray::{ArrayD, Dimension, IxDyn};
use std::fmt;

/// The step of [`numerical_gradient`] in the book "Deep Learning from Scratch".
pub const BOOK_STEP: f64 = 1e-4;

/// The gradient of `f` at `x` by central differences, one element at a time:
///
/// ```text
/// df/dx_i  ~  (f(x + h e_i) - f(x - h e_i)) / 2h          the error shrinks with h^2
/// ```
///
/// The book has a function with the same name; there `h` is 1e-4, here [`BOOK_STEP`]. It calls `f` twice for each element. [`check_grads`]
/// is faster for large inputs, since it compares a few random directions, and it finds the gradient itself.
///
/// ```
/// use ndarray::array;
/// let f = |x: &ndarray::ArrayD<f64>| x.iter().map(|v| v * v).sum();
/// let g = wengert::numerical_gradient(f, &array![3.0, 4.0].into_dyn(), wengert::BOOK_STEP);
/// assert!((g[0] - 6.0).abs() < 1e-9 && (g[1] - 8.0).abs() < 1e-9);
/// ```
#[must_use]
pub fn numerical_gradient(f: impl Fn(&ArrayD<f64>) -> f64, x: &ArrayD<f64>, h: f64) -> ArrayD<f64> {
    let mut at = x.clone();
    let mut gradient = ArrayD::zeros(x.raw_dim());
    for (i, g) in gradient.indexed_iter_mut() {
        at[&i] = x[&i] + h;
        let above = f(&at);
        at[&i] = x[&i] - h;
        *g = (above - f(&at)) / (2.0 * h);
        at[&i] = x[&i];
    }
    gradient
}

/// How [`check_grads`] compares.
///
/// ```
/// let strict = wengert::Options { order: 3, rtol: 1e-7, ..Default::default() };
/// assert_eq!(strict.directions, 2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// The number of derivatives to check: 1 checks f', 2 (the default) f' and f'', and so on.
    pub order: usize,
    /// The step h of the differences, relative to max(1, |x|) of each element; 1e-4 by default. Differences with steps h and h/2 are
    /// combined (Richardson), so that the error is proportional to h^4. A number that does not agree is compared again with steps up to 16
    /// times as wide, since the rounding errors of f are divided by the step. Two neighbouring steps must then agree with it, the narrower
    /// one within four times the tolerance. Kinks and the edge of the domain must be further away than the widest step.
    pub eps: f64,
    /// The relative tolerance; 1e-6 by default.
    pub rtol: f64,
    /// The absolute tolerance; 1e-8 by default.
    pub atol: f64,
    /// The number of random directions for each order; 2 by default.
    pub directions: usize,
    /// The seed of the directions; 0 by default.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options { order: 2, eps: 1e-4, rtol: 1e-6, atol: 1e-8, directions: 2, seed: 0 }
    }
}

/// The product with the Jacobian that was compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Reverse mode: u^T J, computed by one sweep.
    Vjp,
    /// Forward mode: J v, computed by a second sweep over the first.
    Jvp,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mode::Vjp => "vjp",
            Mode::Jvp => "jvp",
        })
    }
}

/// What [`check_grads`] compared, if all of it was within tolerance.
#[must_use]
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The number of orders that were checked.
    pub order: usize,
    /// The number of inputs.
    pub inputs: usize,
    /// The number of elements in all inputs together.
    pub elements: usize,
    /// The number of values that were compared.
    pub compared: usize,
    /// The largest |computed - numerical| among them.
    pub largest_error: f64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "gradients of {} inputs ({} elements) agree to order {}: {} numbers compared, largest error {:.2e}",
            self.inputs, self.elements, self.order, self.compared, self.largest_error
        )
    }
}

/// The worst element of a derivative that [`check_grads`] found to be wrong.
#[must_use]
#[derive(Clone, PartialEq)]
pub struct Mismatch {
    /// The order of the wrong derivative: 1 for f', 2 for f''.
    pub order: usize,
    /// The product that showed it.
    pub mode: Mode,
    /// The index of the input by which it was differentiated. For orders k > 1 the inputs of f are followed by k - 1 cotangents.
    pub input: usize,
    /// The number of inputs of f: from this index on, `input` is a cotangent.
    pub inputs: usize,
    /// The element of that input.
    pub index: Vec<usize>,
    /// The element of the output, in forward mode.
    pub output: Option<Vec<usize>>,
    /// The derivative that the tape computed.
    pub computed: f64,
    /// The derivative from differences.
    pub numerical: f64,
    /// |computed - numerical|
    pub error: f64,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "derivative of order {} ({}) differs by {:.3e} at ", self.order, self.mode, self.error)?;
        match self.input.checked_sub(self.inputs) {
            None => write!(f, "element {:?} of input {}", self.index, self.input)?,
            Some(k) => write!(f, "element {:?} of the cotangent of order {}", self.index, k + 1)?,
        }
        if let Some(output) = &self.output {
            write!(f, ", output element {output:?}")?;
        }
        write!(f, ": computed {:.9e}, numerical {:.9e}", self.computed, self.numerical)
    }
}

/// The same text as `Display`, since `unwrap` shows `Debug`.
impl fmt::Debug for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Mismatch {}

/// Compares the derivatives of `f` that a tape computes, in f64, with finite differences along random directions.
///
/// Let J be the Jacobian of f at the inputs x, u a random cotangent (1 for a single number), and v a random direction. For order 1 it
/// checks
///
/// ```text
/// reverse   <J^T u, v>   against   <u, D>         D = (f(x + h v) - f(x - h v)) / 2h, extrapolated from h and h/2
/// forward   J v          against   D              J v is the derivative of J^T u by u, applied to v
/// ```
///
/// Order 2 checks the same for `(x, u) -> <J^T u, w>` with a random w, which contains all second derivatives, and so on. If f does not
/// depend on an input, the gradient is `None` and the numerical derivative must be zero. f must be smooth near x: at a kink closer than the
/// step the differences are wrong, not the gradient.
///
/// ```
/// use ndarray::array;
/// use wengert::{Options, check_grads};
/// let x = array![[0.3, -1.2], [2.0, 0.7]].into_dyn();
/// let w = array![0.5, -0.4].into_dyn();
/// let report = check_grads(|v| v[0].matmul(v[1]).tanh(), &[x.clone(), w], Options::default()).unwrap();
/// assert_eq!(report.elements, 6);
///
/// // A gradient that is cut off does not pass:
/// let wrong = check_grads(|v| v[0] * v[0].detach(), &[x], Options::default()).unwrap_err();
/// assert!(wrong.to_string().starts_with("derivative of order 1 (vjp)"));
/// ```
///
/// # Errors
/// If a comparison, with every step, is off by more than `atol + rtol * |derivative|`, or is NaN. The error names the worst element, found
/// by differences of one element at a time.
///
/// # Panics
/// If the options allow no comparison: `order` or `directions` is 0, a tolerance is negative or not finite, or `eps` is not positive and
/// finite.
#[track_caller]
pub fn check_grads(
    f: impl for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>,
    inputs: &[ArrayD<f64>],
    options: Options,
) -> Result<Report, Mismatch> {
    let Options { order, eps, rtol, atol, directions, .. } = options;
    let is_size = |x: f64| x.is_finite() && x >= 0.0;
    let fits = [
        ("order", order > 0, order as f64),
        ("directions", directions > 0, directions as f64),
        ("eps", is_size(eps) && eps > 0.0, eps),
        ("rtol", is_size(rtol), rtol),
        ("atol", is_size(atol), atol),
    ];
    for (name, fits, x) in fits {
        require(fits, || format!("check_grads: with {name} = {x} nothing is compared"), "see `Options::default()`: 2, 2, 1e-4, 1e-6, 1e-8");
    }
    let mut check = Check {
        options,
        inputs: inputs.len(),
        random: Random(options.seed),
        tape: Tape::new(),
        report: Report {
            order: options.order,
            inputs: inputs.len(),
            elements: inputs.iter().map(ArrayD::len).sum(),
            compared: 0,
            largest_error: 0.0,
        },
    };
    check.orders(&f, inputs, 1)?;
    Ok(check.report)
}

type Function<'a> = &'a dyn for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>;
type Arrays = Vec<ArrayD<f64>>;

struct Check {
    options: Options,
    inputs: usize,
    random: Random,
    tape: Tape<f64>,
    report: Report,
}

impl Check {
    fn orders(&mut self, f: Function<'_>, x: &[ArrayD<f64>], order: usize) -> Result<(), Mismatch> {
        if order > self.options.order {
            return Ok(());
        }
        let shape = self.value(f, x).raw_dim();
        for _ in 0..self.options.directions {
            // For a single number, so that a mismatch shows the derivative itself.
            let u = if shape.size() == 1 { ArrayD::ones(shape.clone()) } else { self.random.array(shape.slice()) };
            let v: Arrays = x.iter().map(|x| self.random.array(x.shape()) * x.mapv(|x| x.abs().max(1.0))).collect();
            let vjp = dot(&self.vjp(f, x, &u), &v);
            if !self.agrees(f, x, &v, &[vjp], &|numerical| vec![(&u * numerical).sum()]) {
                return Err(self.worst_vjp(f, x, &u, order));
            }
            let jvp = self.jvp(f, x, &v, shape.slice());
            let jvp: Vec<f64> = jvp.into_iter().collect();
            if !self.agrees(f, x, &v, &jvp, &|numerical| numerical.iter().copied().collect()) {
                return Err(self.worst_jvp(f, x, shape.slice(), order));
            }
        }
        let mut next = x.to_vec();
        next.push(self.random.array(shape.slice()));
        let w: Arrays = x.iter().map(|x| self.random.array(x.shape())).collect();
        let n = x.len();
        // (x, u) -> <J^T u, w>
        self.orders(&|xu| projected_vjp(f, &xu[..n], xu[n], &w), &next, order + 1)
    }

    /// True if each computed number agrees with what `of` makes of the differences along v. Counts the comparisons.
    /// Rounding errors of f are divided by the step. If f computes with large numbers that cancel, differences with the smallest step are
    /// therefore inaccurate, and wider steps are tried. Two neighbouring steps must then agree: a single one may agree with a wrong
    /// derivative by chance, where its rounding or series error is as large as the error of the derivative. The narrower step may be off by
    /// four times the tolerance, since its rounding errors are about twice as large, and vary.
    fn agrees(
        &mut self,
        f: Function<'_>,
        x: &[ArrayD<f64>],
        v: &[ArrayD<f64>],
        computed: &[f64],
        of: &dyn Fn(&ArrayD<f64>) -> Vec<f64>,
    ) -> bool {
        let Options { atol, rtol, eps, .. } = self.options;
        // The indices that do not agree yet, each with its error at the previous step.
        let mut open: Vec<(usize, f64)> = (0..computed.len()).map(|i| (i, 0.0)).collect();
        self.report.compared += open.len();
        for wider in [1.0, 2.0, 4.0, 8.0, 16.0] {
            let numerical = of(&self.difference(f, x, v, wider * eps));
            open.retain_mut(|(i, before)| {
                let (computed, numerical) = (computed[*i], numerical[*i]);
                let error = (computed - numerical).abs();
                let allowed = atol + rtol * computed.abs().max(numerical.abs());
                let agrees = error <= allowed && *before <= 4.0 * allowed;
                *before = error;
                if agrees {
                    self.report.largest_error = self.report.largest_error.max(error);
                }
                !agrees // also where the error is NaN
            });
            if open.is_empty() {
                return true;
            }
        }
        false
    }

    fn value(&mut self, f: Function<'_>, x: &[ArrayD<f64>]) -> ArrayD<f64> {
        self.tape.reset();
        let tape = &self.tape;
        f(&leaves(tape, x)).to_array()
    }

    /// The derivative of f along v, from two central differences with steps h and h/2.
    fn difference(&mut self, f: Function<'_>, x: &[ArrayD<f64>], v: &[ArrayD<f64>], h: f64) -> ArrayD<f64> {
        let mut central = |h: f64| {
            let moved = |h: f64| -> Arrays { x.iter().zip(v).map(|(x, v)| x + &(v * h)).collect() };
            (self.value(f, &moved(h)) - self.value(f, &moved(-h))) / (2.0 * h)
        };
        (central(h / 2.0) * 4.0 - central(h)) / 3.0
    }

    /// J^T u: one array for each input.
    fn vjp(&mut self, f: Function<'_>, x: &[ArrayD<f64>], u: &ArrayD<f64>) -> Arrays {
        self.tape.reset();
        let tape = &self.tape;
        let vars = leaves(tape, x);
        let grads = tape.grad_with(f(&vars), tape.constant(u), &vars);
        x.iter().zip(grads).map(|(x, g)| g.map_or_else(|| ArrayD::zeros(x.raw_dim()), |g| g.to_array())).collect()
    }

    /// J v: J^T u is linear in u, and its derivative by u, applied to v, is J v.
    fn jvp(&mut self, f: Function<'_>, x: &[ArrayD<f64>], v: &[ArrayD<f64>], shape: &[usize]) -> ArrayD<f64> {
        self.tape.reset();
        let tape = &self.tape;
        let vars = leaves(tape, x);
        let y = f(&vars);
        let u = tape.leaf(ArrayD::<f64>::zeros(shape));
        let mut jv = ArrayD::zeros(shape);
        for (g, v) in tape.grad_with(y, u, &vars).into_iter().zip(v) {
            if let Some(g) = g
                && let Some(part) = tape.grad_with(g, tape.constant(v), &[u])[0]
            {
                jv += &part.to_array();
            }
        }
        jv
    }

    /// The element in which J^T u differs most from differences.
    fn worst_vjp(&mut self, f: Function<'_>, x: &[ArrayD<f64>], u: &ArrayD<f64>, order: usize) -> Mismatch {
        let computed = self.vjp(f, x, u);
        let (inputs, h) = (self.inputs, self.options.eps);
        let worst = each_unit(x).map(|(input, index, unit)| {
            let numerical = (u * &self.difference(f, x, &unit, h)).sum();
            let computed = computed[input][&index];
            (input, index, None, computed, numerical)
        });
        Self::worst(worst, order, inputs, Mode::Vjp)
    }

    /// The pair of elements in which J differs most from differences.
    fn worst_jvp(&mut self, f: Function<'_>, x: &[ArrayD<f64>], shape: &[usize], order: usize) -> Mismatch {
        let (inputs, h) = (self.inputs, self.options.eps);
        let worst = each_unit(x).flat_map(|(input, index, unit)| {
            let (computed, numerical) = (self.jvp(f, x, &unit, shape), self.difference(f, x, &unit, h));
            let pairs: Vec<_> =
                computed.indexed_iter().map(|(at, &c)| (input, index.clone(), Some(at.slice().to_vec()), c, numerical[&at])).collect();
            pairs
        });
        Self::worst(worst, order, inputs, Mode::Jvp)
    }

    fn worst(
        elements: impl Iterator<Item = (usize, IxDyn, Option<Vec<usize>>, f64, f64)>,
        order: usize,
        inputs: usize,
        mode: Mode,
    ) -> Mismatch {
        let all = elements.map(|(input, index, output, computed, numerical)| Mismatch {
            order,
            mode,
            input,
            inputs,
            index: index.slice().to_vec(),
            output,
            computed,
            numerical,
            error: (computed - numerical).abs(),
        });
        // `total_cmp` puts NaN, which is worst of all, last.
        all.max_by(|a, b| a.error.total_cmp(&b.error)).expect("without elements there is nothing that can differ")
    }
}

/// `<J^T u, w>`; 0 where f depends on none of x.
fn projected_vjp<'t>(f: Function<'_>, x: &[Var<'t, f64>], u: Var<'t, f64>, w: &[ArrayD<f64>]) -> Var<'t, f64> {
    let tape = u.tape();
    let grads = tape.grad_with(f(x), u, x);
    let parts = grads.into_iter().zip(w).filter_map(|(g, w)| g.map(|g| (g * tape.constant(w)).sum()));
    parts.reduce(|a, b| a + b).unwrap_or_else(|| tape.constant(0.0))
}

fn leaves<'t>(tape: &'t Tape<f64>, x: &[ArrayD<f64>]) -> Vec<Var<'t, f64>> {
    x.iter().map(|x| tape.leaf(x)).collect()
}

fn dot(a: &[ArrayD<f64>], b: &[ArrayD<f64>]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a * b).sum()).sum()
}

/// For each element of each input, the direction that moves it alone.
fn each_unit(x: &[ArrayD<f64>]) -> impl Iterator<Item = (usize, IxDyn, Arrays)> + '_ {
    x.iter().enumerate().flat_map(move |(input, array)| {
        ndarray::indices(array.raw_dim()).into_iter().map(move |index| {
            let mut unit: Arrays = x.iter().map(|x| ArrayD::zeros(x.raw_dim())).collect();
            unit[input][&index] = 1.0;
            (input, index, unit)
        })
    })
}

/// SplitMix64 (Steele, Lea and Flood, 2014): short, and good enough to choose directions.
struct Random(u64);

impl Random {
    /// Uniform in [-1, 1].
    fn number(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
    fn array(&mut self, shape: &[usize]) -> ArrayD<f64> {
        ArrayD::from_shape_simple_fn(shape, || self.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn one_wide_step_that_agrees_by_chance_is_not_enough() {
        // For x^5, in the direction 1, differences with step h give 5 x^4 - h^4 / 4.
        let (x, v, h) = ([array![1.0].into_dyn()], [array![1.0].into_dyn()], 2e-2);
        let options = Options { eps: h, ..Options::default() };
        let report = Report { order: 1, inputs: 1, elements: 1, compared: 0, largest_error: 0.0 };
        let mut check = Check { options, inputs: 1, random: Random(0), tape: Tape::new(), report };
        let mut agrees = |computed: f64| check.agrees(&|v| v[0].powi(5), &x, &v, &[computed], &|d| vec![d[0]]);
        assert!(agrees(5.0));
        for wider in [8.0f64, 16.0] {
            let wrong = 5.0 - (wider * h).powi(4) / 4.0;
            assert!(!agrees(wrong), "{wrong} instead of 5 agrees with a step {wider} times as wide");
        }
    }
}
