//! What each op computes, in plain Rust: elementwise functions with their slopes, and ops on ndarray arrays.

use super::graph::{Axis, Step};
use ndarray::{ArrayD, Axis as Along, Dimension, IxDyn, Slice};
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, LN_2, LN_10};
use wengert::{Scalar, SliceInfo, Var};

/// Functions of one number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Map {
    Neg,
    Abs,
    Exp,
    Expm1,
    Ln,
    Log1p,
    Sqrt,
    Rsqrt,
    Recip,
    Square,
    Cube,
    Sin,
    Cos,
    Tanh,
    Sigmoid,
    Relu,
    LeakyRelu,
    Softplus,
    Clamp,
    Double,
    Less,
    Exp2,
    Log2,
    Log10,
    Sinh,
    Cosh,
    Tan,
    Asin,
    Acos,
    Atan,
    Asinh,
    Acosh,
    Atanh,
    Erf,
    Erfc,
    LogSigmoid,
    Silu,
    Mish,
    Softsign,
    Gelu,
    Elu,
    Selu,
    HardSwish,
    HardSigmoid,
    HardShrink,
    SoftShrink,
    Floor,
    Round,
    Frac,
    Sign,
    PowHalf,
}

impl Map {
    /// Those whose slopes are compared at infinities and NaN too: the first of all, up to `Less`.
    pub const CORE: &[Map] = Map::ALL.split_at(21).0;
    pub const ALL: &[Map] = &[
        Map::Neg,
        Map::Abs,
        Map::Exp,
        Map::Expm1,
        Map::Ln,
        Map::Log1p,
        Map::Sqrt,
        Map::Rsqrt,
        Map::Recip,
        Map::Square,
        Map::Cube,
        Map::Sin,
        Map::Cos,
        Map::Tanh,
        Map::Sigmoid,
        Map::Relu,
        Map::LeakyRelu,
        Map::Softplus,
        Map::Clamp,
        Map::Double,
        Map::Less,
        Map::Exp2,
        Map::Log2,
        Map::Log10,
        Map::Sinh,
        Map::Cosh,
        Map::Tan,
        Map::Asin,
        Map::Acos,
        Map::Atan,
        Map::Asinh,
        Map::Acosh,
        Map::Atanh,
        Map::Erf,
        Map::Erfc,
        Map::LogSigmoid,
        Map::Silu,
        Map::Mish,
        Map::Softsign,
        Map::Gelu,
        Map::Elu,
        Map::Selu,
        Map::HardSwish,
        Map::HardSigmoid,
        Map::HardShrink,
        Map::SoftShrink,
        Map::Floor,
        Map::Round,
        Map::Frac,
        Map::Sign,
        Map::PowHalf,
    ];
    pub fn var<T: Scalar>(self, x: Var<'_, T>) -> Var<'_, T> {
        match self {
            Map::Neg => -x,
            Map::Abs => x.abs(),
            Map::Exp => x.exp(),
            Map::Expm1 => x.expm1(),
            Map::Ln => x.ln(),
            Map::Log1p => x.log1p(),
            Map::Sqrt => x.sqrt(),
            Map::Rsqrt => x.rsqrt(),
            Map::Recip => x.recip(),
            Map::Square => x.square(),
            Map::Cube => x.powi(3),
            Map::Sin => x.sin(),
            Map::Cos => x.cos(),
            Map::Tanh => x.tanh(),
            Map::Sigmoid => x.sigmoid(),
            Map::Relu => x.relu(),
            Map::LeakyRelu => x.leaky_relu(0.1),
            Map::Softplus => x.softplus(),
            Map::Clamp => x.clamp(-0.75, 1.25),
            Map::Double => x + x,
            Map::Less => x - T::from_f64(0.5),
            Map::Exp2 => x.exp2(),
            Map::Log2 => x.log2(),
            Map::Log10 => x.log10(),
            Map::Sinh => x.sinh(),
            Map::Cosh => x.cosh(),
            Map::Tan => x.tan(),
            Map::Asin => x.asin(),
            Map::Acos => x.acos(),
            Map::Atan => x.atan(),
            Map::Asinh => x.asinh(),
            Map::Acosh => x.acosh(),
            Map::Atanh => x.atanh(),
            Map::Erf => x.erf(),
            Map::Erfc => x.erfc(),
            Map::LogSigmoid => x.logsigmoid(),
            Map::Silu => x.silu(),
            Map::Mish => x.mish(),
            Map::Softsign => x.softsign(),
            Map::Gelu => x.gelu(),
            Map::Elu => x.elu(1.5),
            Map::Selu => x.selu(),
            Map::HardSwish => x.hardswish(),
            Map::HardSigmoid => x.hardsigmoid(),
            Map::HardShrink => x.hardshrink(0.5),
            Map::SoftShrink => x.softshrink(0.5),
            Map::Floor => x.floor(),
            Map::Round => x.round(),
            Map::Frac => x.frac(),
            Map::Sign => x.sign(),
            Map::PowHalf => x.powf(2.5),
        }
    }
    /// The value and the slope, at kinks as PyTorch has it.
    pub fn value(self, x: f64) -> (f64, f64) {
        let sigmoid = |x: f64| if x >= 0.0 { 1.0 / (1.0 + (-x).exp()) } else { x.exp() / (1.0 + x.exp()) };
        let step = |low: f64, high: f64, x: f64| if x > 0.0 { high } else { low };
        match self {
            Map::Neg => (-x, -1.0),
            Map::Abs => (x.abs(), if x > 0.0 { 1.0 } else { step(0.0, -1.0, -x) }),
            Map::Exp => (x.exp(), x.exp()),
            Map::Expm1 => (x.exp_m1(), x.exp_m1() + 1.0),
            Map::Ln => (x.ln(), 1.0 / x),
            Map::Log1p => (x.ln_1p(), 1.0 / (1.0 + x)),
            Map::Sqrt => (x.sqrt(), 0.5 / x.sqrt()),
            Map::Rsqrt => (1.0 / x.sqrt(), -0.5 / x.sqrt() / x),
            Map::Recip => (1.0 / x, -(1.0 / x) * (1.0 / x)),
            Map::Square => (x * x, 2.0 * x),
            Map::Cube => (x.powi(3), 3.0 * x * x),
            Map::Sin => (x.sin(), x.cos()),
            Map::Cos => (x.cos(), -x.sin()),
            Map::Tanh => (x.tanh(), 1.0 - x.tanh() * x.tanh()),
            Map::Sigmoid => (sigmoid(x), sigmoid(x) * (1.0 - sigmoid(x))),
            // NaN is not less than 0, and stays.
            Map::Relu => (if x <= 0.0 { 0.0 } else { x }, if x <= 0.0 { 0.0 } else { 1.0 }),
            Map::LeakyRelu => (if x > 0.0 { x } else { 0.1 * x }, step(0.1, 1.0, x)),
            Map::Softplus => (if x > 20.0 { x } else { x.exp().ln_1p() }, if x > 20.0 { 1.0 } else { sigmoid(x) }),
            Map::Clamp => (if x.is_nan() { x } else { x.clamp(-0.75, 1.25) }, f64::from(u8::from(-0.75 < x && x < 1.25))),
            Map::Double => (x + x, 2.0),
            Map::Less => (x - 0.5, 1.0),
            Map::Exp2 => (x.exp2(), x.exp2() * LN_2),
            Map::Log2 => (x.log2(), 1.0 / (x * LN_2)),
            Map::Log10 => (x.log10(), 1.0 / (x * LN_10)),
            Map::Sinh => (x.sinh(), x.cosh()),
            Map::Cosh => (x.cosh(), x.sinh()),
            Map::Tan => (x.tan(), 1.0 + x.tan() * x.tan()),
            Map::Asin => (x.asin(), 1.0 / (1.0 - x * x).sqrt()),
            Map::Acos => (x.acos(), -1.0 / (1.0 - x * x).sqrt()),
            Map::Atan => (x.atan(), 1.0 / (1.0 + x * x)),
            Map::Asinh => (libm::asinh(x), 1.0 / (1.0 + x * x).sqrt()),
            Map::Acosh => (if x < 1.0 { f64::NAN } else { libm::acosh(x) }, 1.0 / (x * x - 1.0).sqrt()),
            Map::Atanh => (libm::atanh(x), 1.0 / (1.0 - x * x)),
            Map::Erf => (libm::erf(x), FRAC_2_SQRT_PI * (-x * x).exp()),
            Map::Erfc => (libm::erfc(x), -FRAC_2_SQRT_PI * (-x * x).exp()),
            Map::LogSigmoid => (if x < -30.0 { x } else { -(-x).exp().ln_1p() }, 1.0 - sigmoid(x)),
            Map::Silu => (x * sigmoid(x), sigmoid(x) * (1.0 + x * (1.0 - sigmoid(x)))),
            Map::Mish => {
                let t = if x > 20.0 { 1.0 } else { x.exp().ln_1p().tanh() };
                (x * t, t + x * (1.0 - t * t) * sigmoid(x))
            }
            Map::Softsign => (if x.is_infinite() { f64::NAN } else { x / (1.0 + x.abs()) }, 1.0 / (1.0 + x.abs()).powi(2)),
            Map::Gelu => {
                let cdf = 0.5 * libm::erfc(-x * FRAC_1_SQRT_2);
                (x * cdf, cdf + x * (-0.5 * x * x).exp() * 0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2)
            }
            Map::Elu => (if x > 0.0 { x } else { 1.5 * x.exp_m1() }, if x > 0.0 { 1.0 } else { 1.5 * x.exp() }),
            Map::Selu => {
                const ALPHA: f64 = 1.673_263_242_354_377_2;
                const SCALE: f64 = 1.050_700_987_355_480_5;
                (SCALE * if x > 0.0 { x } else { ALPHA * x.exp_m1() }, SCALE * if x > 0.0 { 1.0 } else { ALPHA * x.exp() })
            }
            Map::HardSwish => match x {
                x if x <= -3.0 => (x * 0.0, 0.0), // -inf times 0 is NaN, for PyTorch too
                x if x >= 3.0 => (x, 1.0),
                _ => (x * (x + 3.0) / 6.0, x / 3.0 + 0.5),
            },
            Map::HardSigmoid => match x {
                x if x <= -3.0 => (0.0, 0.0),
                x if x >= 3.0 => (1.0, 0.0),
                _ => (x / 6.0 + 0.5, 1.0 / 6.0),
            },
            Map::HardShrink => {
                if (-0.5..=0.5).contains(&x) {
                    (0.0, 0.0)
                } else {
                    (x, 1.0)
                }
            }
            Map::SoftShrink => match x {
                x if x > 0.5 => (x - 0.5, 1.0),
                x if x < -0.5 => (x + 0.5, 1.0),
                x if x.is_nan() => (x, 0.0),
                _ => (0.0, 0.0),
            },
            Map::Floor => (x.floor(), 0.0),
            Map::Round => (x.round_ties_even(), 0.0),
            Map::Frac => (x - x.trunc(), 1.0),
            Map::Sign => (if x > 0.0 { 1.0 } else { step(0.0, -1.0, -x) }, 0.0),
            Map::PowHalf => (x.powf(2.5), 2.5 * x.powf(1.5)),
        }
    }
    /// Whether differences of a small step are good here: no kink, edge or steep slope is near.
    pub fn smooth(self, x: f64) -> bool {
        match self {
            Map::Ln | Map::Sqrt | Map::Rsqrt | Map::Log2 | Map::Log10 | Map::PowHalf => x > 0.2,
            Map::Asin | Map::Acos | Map::Atanh => x.abs() < 0.7,
            Map::Acosh => x > 1.3,
            Map::Tan => x.abs() < 10.0 && x.cos().abs() > 0.4,
            Map::Sinh | Map::Cosh | Map::Exp2 => x.abs() < 2.0,
            Map::Elu | Map::Selu | Map::Softsign | Map::Sign => x.abs() > 0.01,
            Map::HardSwish | Map::HardSigmoid => (x.abs() - 3.0).abs() > 0.01,
            Map::HardShrink | Map::SoftShrink => (x.abs() - 0.5).abs() > 0.01,
            Map::Floor | Map::Frac => (x - x.round()).abs() > 0.01,
            Map::Round => (x - x.floor() - 0.5).abs() > 0.01,
            Map::Silu | Map::Mish | Map::Gelu | Map::Erf | Map::Erfc | Map::LogSigmoid => x.abs() < 5.0,
            Map::Log1p => x > -0.8,
            Map::Recip => x.abs() > 0.3,
            Map::Abs | Map::Relu | Map::LeakyRelu => x.abs() > 0.01,
            Map::Clamp => (x + 0.75).abs() > 0.01 && (x - 1.25).abs() > 0.01,
            Map::Exp | Map::Expm1 => x < 2.0,
            Map::Sin | Map::Cos | Map::Softplus => x.abs() < 10.0,
            _ => true,
        }
    }
}

/// Functions of two numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Zip {
    Add,
    Sub,
    Mul,
    Div,
    Maximum,
    Minimum,
    Where,
    Hypot,
    Atan2,
    LogAddExp,
    Xlogy,
    Pow,
}

impl Zip {
    /// Those whose slopes are compared at infinities and NaN too.
    pub const CORE: &[Zip] = &[Zip::Add, Zip::Sub, Zip::Mul, Zip::Div, Zip::Maximum, Zip::Minimum, Zip::Where];
    pub const ALL: &[Zip] = &[
        Zip::Add,
        Zip::Sub,
        Zip::Mul,
        Zip::Div,
        Zip::Maximum,
        Zip::Minimum,
        Zip::Where,
        Zip::Add,
        Zip::Mul,
        Zip::Hypot,
        Zip::Atan2,
        Zip::LogAddExp,
        Zip::Xlogy,
        Zip::Pow,
    ];
    pub fn var<'t, T: Scalar>(self, a: Var<'t, T>, b: Var<'t, T>) -> Var<'t, T> {
        match self {
            Zip::Add => a + b,
            Zip::Sub => a - b,
            Zip::Mul => a * b,
            Zip::Div => a / b,
            Zip::Maximum => a.maximum(b),
            Zip::Minimum => a.minimum(b),
            Zip::Where => a.gt(b).where_cond(a, b),
            Zip::Hypot => a.hypot(b),
            Zip::Atan2 => a.atan2(b),
            Zip::LogAddExp => a.logaddexp(b),
            Zip::Xlogy => a.xlogy(b),
            Zip::Pow => a.pow(b),
        }
    }
    /// The value and both slopes.
    pub fn value(self, a: f64, b: f64) -> (f64, f64, f64) {
        // Of equal numbers, half each; beside NaN, which is neither more nor less, PyTorch's masks give all to both.
        let share = |first: bool| if a == b { (0.5, 0.5) } else { (f64::from(u8::from(first)), f64::from(u8::from(!first && a != b))) };
        match self {
            Zip::Add => (a + b, 1.0, 1.0),
            Zip::Sub => (a - b, 1.0, -1.0),
            Zip::Mul => (a * b, b, a),
            Zip::Div => (a / b, 1.0 / b, -(a / b) / b),
            Zip::Maximum if a.is_nan() || b.is_nan() => (f64::NAN, 1.0, 1.0),
            Zip::Minimum if a.is_nan() || b.is_nan() => (f64::NAN, 1.0, 1.0),
            Zip::Maximum => (if a > b { a } else { b }, share(a > b).0, share(a > b).1),
            Zip::Minimum => (if a < b { a } else { b }, share(a < b).0, share(a < b).1),
            Zip::Where if a > b => (a, 1.0, 0.0),
            Zip::Where => (b, 0.0, 1.0),
            Zip::Hypot => (a.hypot(b), a / a.hypot(b), b / a.hypot(b)),
            Zip::Atan2 => (a.atan2(b), b / (a * a + b * b), -a / (a * a + b * b)),
            Zip::LogAddExp if a == b => (a + LN_2, 0.5, 0.5),
            Zip::LogAddExp => {
                let (high, low) = (a.max(b), a.min(b));
                let value = if a.is_nan() || b.is_nan() { f64::NAN } else { high + (low - high).exp().ln_1p() };
                (value, (a - value).exp(), (b - value).exp())
            }
            Zip::Xlogy if a == 0.0 && !b.is_nan() => (0.0, b.ln(), 0.0),
            Zip::Xlogy => (a * b.ln(), b.ln(), a / b),
            Zip::Pow => (a.powf(b), b * a.powf(b - 1.0), a.powf(b) * a.ln()),
        }
    }
    pub fn smooth(self, a: f64, b: f64) -> bool {
        match self {
            Zip::Div => b.abs() > 0.3,
            Zip::Hypot | Zip::Atan2 => a * a + b * b > 0.3 && (b > 0.0 || a.abs() > 0.1),
            Zip::LogAddExp => (a - b).abs() < 10.0,
            Zip::Xlogy => a.abs() > 0.01 && b > 0.2,
            Zip::Pow => a > 0.2 && b.abs() < 3.0,
            // Where both are one node, equal numbers move together.
            Zip::Maximum | Zip::Minimum | Zip::Where => (a - b).abs() > 0.01,
            _ => true,
        }
    }
}

/// The elements of `x`, each repeated as broadcasting to `shape` does.
fn spread(x: &ArrayD<f64>, shape: &[usize]) -> ArrayD<f64> {
    x.broadcast(IxDyn(shape)).expect("broadcasts").to_owned()
}

/// The shape to which two shapes broadcast.
pub fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let n = a.len().max(b.len());
    let size = |s: &[usize], i: usize| if i + s.len() < n { 1 } else { s[i + s.len() - n] };
    let one = |i: usize| match (size(a, i), size(b, i)) {
        (x, y) if x == y => Some(x),
        (1, y) => Some(y),
        (x, 1) => Some(x),
        _ => None,
    };
    (0..n).map(one).collect()
}

/// Each row along an axis, replaced by a function of it.
fn along(x: &ArrayD<f64>, axis: Axis, f: impl Fn(&[f64]) -> Vec<f64>) -> ArrayD<f64> {
    let mut y = x.clone();
    for mut lane in y.lanes_mut(Along(axis)) {
        let new = f(&lane.to_vec());
        lane.iter_mut().zip(new).for_each(|(y, x)| *y = x);
    }
    y
}

/// Axes reduced to one element each by a function of all their elements.
fn reduce(x: &ArrayD<f64>, axes: &[Axis], keepdim: bool, f: impl Fn(&[f64]) -> f64) -> ArrayD<f64> {
    let kept: Vec<Axis> = (0..x.ndim()).filter(|a| !axes.contains(a)).collect();
    let order: Vec<Axis> = kept.iter().chain(axes).copied().collect();
    let outer: Vec<usize> = kept.iter().map(|&a| x.shape()[a]).collect();
    let count: usize = axes.iter().map(|&a| x.shape()[a]).product();
    let all: Vec<f64> = x.view().permuted_axes(IxDyn(&order)).iter().copied().collect();
    let rows: usize = outer.iter().product();
    let y: Vec<f64> = (0..rows).map(|r| f(&all[r * count..][..count])).collect();
    let shape = (0..x.ndim()).filter(|a| keepdim || !axes.contains(a)).map(|a| if axes.contains(&a) { 1 } else { x.shape()[a] });
    ArrayD::from_shape_vec(shape.collect::<Vec<_>>(), y).expect("as many as rows")
}

fn logsumexp(row: &[f64]) -> f64 {
    let m = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if row.iter().any(|x| x.is_nan()) {
        f64::NAN
    } else if m.is_infinite() {
        m
    } else {
        m + row.iter().map(|x| (x - m).exp()).sum::<f64>().ln()
    }
}

/// A function of the first element, of the first two, and so on.
fn prefixes(row: &[f64], f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    (1..=row.len()).map(|n| f(&row[..n])).collect()
}

/// The value of a step.
pub fn value(step: &Step, x: &dyn Fn(usize) -> ArrayD<f64>) -> ArrayD<f64> {
    match step {
        Step::Map(f, a) => x(*a).mapv(|x| f.value(x).0),
        Step::Zip(f, a, b) => {
            let (a, b) = (x(*a), x(*b));
            let shape = broadcast(a.shape(), b.shape()).expect("made to broadcast");
            let (a, b) = (spread(&a, &shape), spread(&b, &shape));
            ndarray::Zip::from(&a).and(&b).map_collect(|&a, &b| f.value(a, b).0)
        }
        Step::Sum(a, axes, keepdim) => reduce(&x(*a), axes, *keepdim, |row| row.iter().sum()),
        Step::Mean(a, axes, keepdim) => reduce(&x(*a), axes, *keepdim, |row| row.iter().sum::<f64>() / row.len() as f64),
        Step::Max(a, axes, keepdim) => {
            let larger = |m: f64, &x: &f64| if x > m || x.is_nan() { x } else { m };
            reduce(&x(*a), axes, *keepdim, |row| row.iter().fold(f64::NEG_INFINITY, larger))
        }
        Step::LogSumExp(a, axes, keepdim) => reduce(&x(*a), axes, *keepdim, logsumexp),
        Step::Softmax(a, axis) => along(&x(*a), *axis, |row| {
            let m = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let e: Vec<f64> = row.iter().map(|x| (x - m).exp()).collect();
            let sum: f64 = e.iter().sum();
            e.into_iter().map(|e| e / sum).collect()
        }),
        Step::LogSoftmax(a, axis) => along(&x(*a), *axis, |row| {
            let m = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = row.iter().map(|x| (x - m).exp()).sum();
            row.iter().map(|x| x - m - sum.ln()).collect()
        }),
        Step::MatMul(a, b) => matmul(&x(*a), &x(*b)),
        Step::Permute(a, axes) => x(*a).permuted_axes(IxDyn(axes)).as_standard_layout().into_owned(),
        Step::Reshape(a, shape) => {
            let all: Vec<f64> = x(*a).iter().copied().collect();
            ArrayD::from_shape_vec(shape.clone(), all).expect("as many elements")
        }
        Step::Slice(a, runs) => {
            let mut y = x(*a);
            for (axis, &(start, end, step)) in runs.iter().enumerate() {
                y.slice_axis_inplace(Along(axis), Slice::new(start, Some(end), step));
            }
            y.as_standard_layout().into_owned()
        }
        Step::Pad(a, borders, fill) => {
            let a = x(*a);
            let shape: Vec<usize> = a.shape().iter().zip(borders).map(|(n, (low, high))| n + low + high).collect();
            let mut y = ArrayD::from_elem(shape, *fill);
            for (at, &v) in a.indexed_iter() {
                let place: Vec<usize> = at.slice().iter().zip(borders).map(|(i, (low, _))| i + low).collect();
                y[&place[..]] = v;
            }
            y
        }
        Step::BroadcastTo(a, shape) => spread(&x(*a), shape),
        Step::Concat(all, axis) => {
            let arrays: Vec<_> = all.iter().map(|&a| x(a)).collect();
            let views: Vec<_> = arrays.iter().map(|a| a.view()).collect();
            ndarray::concatenate(Along(*axis), &views).expect("made to fit")
        }
        Step::Stack(all, axis) => {
            let arrays: Vec<_> = all.iter().map(|&a| x(a)).collect();
            let views: Vec<_> = arrays.iter().map(|a| a.view()).collect();
            ndarray::stack(Along(*axis), &views).expect("made to fit")
        }
        Step::IndexSelect(a, axis, index) => x(*a).select(Along(*axis), index),
        Step::Prod(a, axes, keepdim) => reduce(&x(*a), axes, *keepdim, |row| row.iter().product()),
        Step::CumSum(a, axis) => along(&x(*a), *axis, |row| prefixes(row, |row| row.iter().sum())),
        Step::CumProd(a, axis) => along(&x(*a), *axis, |row| prefixes(row, |row| row.iter().product())),
        Step::LogCumSumExp(a, axis) => along(&x(*a), *axis, |row| prefixes(row, logsumexp)),
        Step::Sort(a, axis, descending) => along(&x(*a), *axis, |row| {
            let mut row = row.to_vec();
            // NaN is the largest.
            row.sort_by(|a, b| a.partial_cmp(b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan())));
            if *descending {
                row.reverse();
            }
            row
        }),
        Step::Flip(a, axis) => {
            let mut y = x(*a);
            y.invert_axis(Along(*axis));
            y.as_standard_layout().into_owned()
        }
        Step::Roll(a, axis, by) => along(&x(*a), *axis, |row| {
            let n = row.len() as isize;
            (0..n).map(|i| row[(i - by).rem_euclid(n) as usize]).collect()
        }),
        Step::Triangle(a, upper, diagonal) => {
            let mut y = x(*a);
            let n = y.ndim();
            for (at, y) in y.indexed_iter_mut() {
                let right = at[n - 1] as isize - at[n - 2] as isize;
                if if *upper { right < *diagonal } else { right > *diagonal } {
                    *y = 0.0;
                }
            }
            y
        }
        Step::Diagonal(a, offset) => {
            let a = x(*a);
            let n = a.ndim();
            let (rows, cols) = (a.shape()[n - 2] as isize, a.shape()[n - 1] as isize);
            let len = (rows + offset.min(&0)).min(cols - offset.max(&0)).max(0) as usize;
            let shape: Vec<usize> = a.shape()[..n - 2].iter().copied().chain([len]).collect();
            ArrayD::from_shape_fn(shape, |at| {
                let at = at.slice();
                let i = at[at.len() - 1] as isize;
                let place = [(i - offset.min(&0)) as usize, (i + offset.max(&0)) as usize];
                a[&at[..at.len() - 1].iter().copied().chain(place).collect::<Vec<_>>()[..]]
            })
        }
        Step::Unfold(a, axis, size, step) => {
            let a = x(*a);
            let mut shape = a.shape().to_vec();
            shape[*axis] = (shape[*axis] - size) / step + 1;
            shape.push(*size);
            ArrayD::from_shape_fn(shape, |at| {
                let mut at = at.slice().to_vec();
                let within = at.pop().expect("the window's axis");
                at[*axis] = at[*axis] * step + within;
                a[&at[..]]
            })
        }
        // sum over j of a[.., i, j] b[.., k, j], at [.., k, i]
        Step::Einsum(a, b) => matmul(&x(*b), &swap(&x(*a))),
    }
}

/// The last two axes exchanged.
fn swap(x: &ArrayD<f64>) -> ArrayD<f64> {
    let mut y = x.clone();
    let n = y.ndim();
    y.swap_axes(n - 2, n - 1);
    y
}

/// NumPy's matmul, of two arrays of at least two axes.
fn matmul(a: &ArrayD<f64>, b: &ArrayD<f64>) -> ArrayD<f64> {
    let (m, k, n) = (a.shape()[a.ndim() - 2], a.shape()[a.ndim() - 1], b.shape()[b.ndim() - 1]);
    let batch = broadcast(&a.shape()[..a.ndim() - 2], &b.shape()[..b.ndim() - 2]).expect("made to broadcast");
    let with = |last: [usize; 2]| batch.iter().copied().chain(last).collect::<Vec<_>>();
    let (a, b) = (spread(a, &with([m, k])), spread(b, &with([k, n])));
    ArrayD::from_shape_fn(with([m, n]), |at| {
        let at = at.slice();
        let (batch, i, j) = (&at[..at.len() - 2], at[at.len() - 2], at[at.len() - 1]);
        let index = |i: usize, j: usize| batch.iter().copied().chain([i, j]).collect::<Vec<_>>();
        (0..k).map(|p| a[&index(i, p)[..]] * b[&index(p, j)[..]]).sum()
    })
}

/// The entries of a slice, for the library.
pub fn entries(runs: &[(isize, isize, isize)]) -> Vec<SliceInfo> {
    runs.iter().map(|&(start, end, step)| SliceInfo::from(start..end).step(step)).collect()
}
