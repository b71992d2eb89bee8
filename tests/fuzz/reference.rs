//! What each op computes, in plain Rust: elementwise functions with their slopes, and ops on ndarray arrays.

use crate::graph::{Axis, Step};
use ndarray::{ArrayD, Axis as Along, Dimension, IxDyn, Slice};
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
}

impl Map {
    pub const ALL: [Map; 21] = [
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
            Map::Relu => (if x <= 0.0 { 0.0 } else { x }, step(0.0, 1.0, x)),
            Map::LeakyRelu => (if x > 0.0 { x } else { 0.1 * x }, step(0.1, 1.0, x)),
            Map::Softplus => (if x > 20.0 { x } else { x.exp().ln_1p() }, if x > 20.0 { 1.0 } else { sigmoid(x) }),
            Map::Clamp => (if x.is_nan() { x } else { x.clamp(-0.75, 1.25) }, f64::from(u8::from((-0.75..=1.25).contains(&x)))),
            Map::Double => (x + x, 2.0),
            Map::Less => (x - 0.5, 1.0),
        }
    }
    /// Whether differences of a small step are good here: no kink, edge or steep slope is near.
    pub fn smooth(self, x: f64) -> bool {
        match self {
            Map::Ln | Map::Sqrt | Map::Rsqrt => x > 0.2,
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
}

impl Zip {
    pub const ALL: [Zip; 7] = [Zip::Add, Zip::Sub, Zip::Mul, Zip::Div, Zip::Maximum, Zip::Minimum, Zip::Where];
    pub fn var<'t, T: Scalar>(self, a: Var<'t, T>, b: Var<'t, T>) -> Var<'t, T> {
        match self {
            Zip::Add => a + b,
            Zip::Sub => a - b,
            Zip::Mul => a * b,
            Zip::Div => a / b,
            Zip::Maximum => a.maximum(b),
            Zip::Minimum => a.minimum(b),
            Zip::Where => a.gt(b).where_cond(a, b),
        }
    }
    /// The value and both slopes.
    pub fn value(self, a: f64, b: f64) -> (f64, f64, f64) {
        // Of equal numbers, half each; of NaN, which is neither more nor less, PyTorch's masks give nothing to either.
        let share = |first: bool| if a == b { (0.5, 0.5) } else { (f64::from(u8::from(first)), f64::from(u8::from(!first && a != b))) };
        match self {
            Zip::Add => (a + b, 1.0, 1.0),
            Zip::Sub => (a - b, 1.0, -1.0),
            Zip::Mul => (a * b, b, a),
            Zip::Div => (a / b, 1.0 / b, -(a / b) / b),
            Zip::Maximum if a.is_nan() || b.is_nan() => (f64::NAN, 0.0, 0.0),
            Zip::Minimum if a.is_nan() || b.is_nan() => (f64::NAN, 0.0, 0.0),
            Zip::Maximum => (if a > b { a } else { b }, share(a > b).0, share(a > b).1),
            Zip::Minimum => (if a < b { a } else { b }, share(a < b).0, share(a < b).1),
            Zip::Where if a > b => (a, 1.0, 0.0),
            Zip::Where => (b, 0.0, 1.0),
        }
    }
    pub fn smooth(self, a: f64, b: f64) -> bool {
        match self {
            Zip::Div => b.abs() > 0.3,
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
        Step::LogSumExp(a, axes, keepdim) => reduce(&x(*a), axes, *keepdim, |row| {
            let m = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            if row.iter().any(|x| x.is_nan()) {
                f64::NAN
            } else if m.is_infinite() {
                m
            } else {
                m + row.iter().map(|x| (x - m).exp()).sum::<f64>().ln()
            }
        }),
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
