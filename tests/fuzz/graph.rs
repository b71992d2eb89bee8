//! Random graphs of arrays, as data: drawn with values or shapes at hand, so that only steps are taken that make sense.

use super::reference::{self, Map, Zip, broadcast, entries};
use ndarray::ArrayD;
use std::fmt;
use wengert::{Indices, Scalar, Tape, Var, concat, einsum, stack};

pub type Axis = usize;

/// One op, and the nodes to which it is applied: inputs of the graph come first, then steps.
#[derive(Clone, Debug)]
pub enum Step {
    Map(Map, usize),
    Zip(Zip, usize, usize),
    Sum(usize, Vec<Axis>, bool),
    Mean(usize, Vec<Axis>, bool),
    Max(usize, Vec<Axis>, bool),
    LogSumExp(usize, Vec<Axis>, bool),
    Softmax(usize, Axis),
    LogSoftmax(usize, Axis),
    MatMul(usize, usize),
    /// `...ij,...kj->...ki`
    Einsum(usize, usize),
    Permute(usize, Vec<Axis>),
    Reshape(usize, Vec<usize>),
    /// Start, end and step of each axis.
    Slice(usize, Vec<(isize, isize, isize)>),
    Pad(usize, Vec<(usize, usize)>, f64),
    BroadcastTo(usize, Vec<usize>),
    Concat(Vec<usize>, Axis),
    Stack(Vec<usize>, Axis),
    IndexSelect(usize, Axis, Vec<usize>),
    Prod(usize, Vec<Axis>, bool),
    CumSum(usize, Axis),
    CumProd(usize, Axis),
    LogCumSumExp(usize, Axis),
    Sort(usize, Axis, bool),
    Flip(usize, Axis),
    Roll(usize, Axis, isize),
    /// The upper or lower triangle of the last two axes, up to a diagonal.
    Triangle(usize, bool, isize),
    /// A diagonal of the last two axes.
    Diagonal(usize, isize),
    /// Windows: axis, size, step.
    Unfold(usize, Axis, usize, usize),
}

impl Step {
    /// Whether each element is computed from one of each operand, so that it is exact by itself.
    pub fn is_elementwise(&self) -> bool {
        !matches!(
            self,
            Step::Sum(..)
                | Step::Mean(..)
                | Step::Prod(..)
                | Step::CumSum(..)
                | Step::CumProd(..)
                | Step::LogSumExp(..)
                | Step::LogCumSumExp(..)
                | Step::Zip(Zip::LogAddExp, ..)
                | Step::Softmax(..)
                | Step::LogSoftmax(..)
                | Step::MatMul(..)
                | Step::Einsum(..)
        )
    }
    /// Whether the sign of a 0 is part of the value.
    pub fn signs_zero(&self) -> bool {
        use Map::*;
        match self {
            Step::Map(f, _) => matches!(f, Neg | Abs | Sqrt | Recip | Square | Cube | Sin | Tanh | Expm1 | Log1p | Double),
            Step::Zip(f, ..) => matches!(f, Zip::Add | Zip::Sub | Zip::Mul | Zip::Div),
            Step::Max(..) | Step::Sort(..) => false,
            _ => self.is_elementwise(),
        }
    }

    /// The largest finite number that takes part in a sum.
    pub fn largest_term(&self, values: &[ArrayD<f64>]) -> f64 {
        let largest = |a: usize| values[a].iter().filter(|x| x.is_finite()).fold(0.0, |m: f64, x| m.max(x.abs()));
        match *self {
            Step::MatMul(a, b) | Step::Einsum(a, b) => 20.0 * largest(a) * largest(b),
            Step::Sum(a, ..) | Step::Mean(a, ..) | Step::CumSum(a, _) => 20.0 * largest(a),
            Step::LogSumExp(a, ..) | Step::LogCumSumExp(a, _) | Step::LogSoftmax(a, _) => largest(a).max(1.0),
            Step::Map(Map::HardSigmoid | Map::HardSwish, _) => 1.0,
            Step::Zip(Zip::LogAddExp, a, b) => largest(a).max(largest(b)).max(1.0),
            Step::Softmax(..) => 1.0,
            _ => 0.0,
        }
    }

    fn var<'t, T: Scalar>(&self, x: &[Var<'t, T>]) -> Var<'t, T> {
        let signed = |axes: &[Axis]| axes.iter().map(|&a| a as isize).collect::<Vec<_>>();
        let all = |nodes: &[usize]| nodes.iter().map(|&a| x[a]).collect::<Vec<_>>();
        match self {
            Step::Map(f, a) => f.var(x[*a]),
            Step::Zip(f, a, b) => f.var(x[*a], x[*b]),
            Step::Sum(a, axes, keepdim) => x[*a].sum_axes(&signed(axes)[..], *keepdim),
            Step::Mean(a, axes, keepdim) => x[*a].mean_axes(&signed(axes)[..], *keepdim),
            Step::Max(a, axes, keepdim) => x[*a].amax(&signed(axes)[..], *keepdim),
            Step::LogSumExp(a, axes, keepdim) => x[*a].logsumexp(&signed(axes)[..], *keepdim),
            Step::Softmax(a, axis) => x[*a].softmax(*axis as isize),
            Step::LogSoftmax(a, axis) => x[*a].log_softmax(*axis as isize),
            Step::MatMul(a, b) => x[*a].matmul(x[*b]),
            Step::Einsum(a, b) => einsum("...ij,...kj->...ki", &[x[*a], x[*b]]),
            Step::Permute(a, axes) => x[*a].permute(&signed(axes)),
            Step::Reshape(a, shape) => x[*a].reshape(signed(shape)),
            Step::Slice(a, runs) => x[*a].slice(&entries(runs)),
            Step::Pad(a, borders, fill) => x[*a].pad(borders, *fill),
            Step::BroadcastTo(a, shape) => x[*a].broadcast_to(shape),
            Step::Concat(nodes, axis) => concat(&all(nodes), *axis as isize),
            Step::Stack(nodes, axis) => stack(&all(nodes), *axis as isize),
            Step::Prod(a, axes, keepdim) => x[*a].prod_axes(&signed(axes)[..], *keepdim),
            Step::CumSum(a, axis) => x[*a].cumsum(*axis as isize),
            Step::CumProd(a, axis) => x[*a].cumprod(*axis as isize),
            Step::LogCumSumExp(a, axis) => x[*a].logcumsumexp(*axis as isize),
            Step::Sort(a, axis, descending) => x[*a].sort(*axis as isize, *descending).0,
            Step::Flip(a, axis) => x[*a].flip(*axis as isize),
            Step::Roll(a, axis, by) => x[*a].roll(&[*by], &[*axis as isize]),
            Step::Triangle(a, true, diagonal) => x[*a].triu(*diagonal),
            Step::Triangle(a, false, diagonal) => x[*a].tril(*diagonal),
            Step::Diagonal(a, offset) => x[*a].diagonal(*offset, -2, -1),
            Step::Unfold(a, axis, size, step) => x[*a].unfold(*axis as isize, *size, *step),
            Step::IndexSelect(a, axis, index) => {
                x[*a].index_select(*axis as isize, Indices::new(&[index.len()], index.iter().map(|&i| i as i64)))
            }
        }
    }
}

/// What numbers a graph is about.
#[derive(Clone, Copy, PartialEq)]
pub enum Numbers {
    /// Moderate ones, away from kinks.
    Smooth,
    /// Any, with NaN, infinities, zeros of both signs, huge and tiny ones among them.
    Special,
    /// Moderate ones, in arrays of up to 100,000, which kernels divide among threads.
    Large,
}

pub struct Graph {
    pub inputs: Vec<ArrayD<f64>>,
    pub steps: Vec<Step>,
    /// The shape of every node.
    shapes: Vec<Vec<usize>>,
    /// The value of every node by the plain evaluation, which is too slow for large ones: these have none.
    values: Vec<ArrayD<f64>>,
}

impl Graph {
    pub fn random(seed: u64, kind: Numbers) -> Graph {
        let mut random = Random(seed.wrapping_mul(0x2545_F491_4F6C_DD1D) ^ kind as u64);
        let sizes = if kind == Numbers::Large { random.sizes() } else { [0; 3] };
        let inputs: Vec<ArrayD<f64>> = (0..if kind == Numbers::Large { 4 } else { 1 + random.below(3) })
            .map(|_| {
                let shape = if kind == Numbers::Large { random.large_shape(sizes) } else { random.shape() };
                ArrayD::from_shape_simple_fn(shape, || if kind == Numbers::Special { random.special() } else { random.number() * 2.0 })
            })
            .collect();
        let shapes = inputs.iter().map(|x| x.shape().to_vec()).collect();
        let mut graph = Graph { values: inputs.clone(), inputs, steps: Vec::new(), shapes };
        // The shapes of large nodes are asked of the library.
        let tape = Tape::<f32>::new();
        let mut nodes: Vec<_> = graph.inputs.iter().map(|x| tape.constant(x.mapv(|x| x as f32))).collect();
        let length = 5 + random.below(26);
        for _ in 0..40 * length {
            if graph.steps.len() == length {
                break;
            }
            // Of large arrays a quarter are products, which are divided in the most ways.
            let product = kind == Numbers::Large && random.below(4) == 0;
            let Some(step) = graph.propose(&mut random, product) else { continue };
            if kind == Numbers::Large {
                let (numel, work) = graph.size(&step);
                if numel <= 200_000 && work <= 20_000_000 {
                    nodes.push(step.var(&nodes));
                    graph.shapes.push(nodes[nodes.len() - 1].shape().to_vec());
                    graph.steps.push(step);
                }
                continue;
            }
            // Where a product overflows on its way depends on the order of its factors.
            let fits = if kind == Numbers::Special { !matches!(step, Step::Prod(..)) } else { graph.is_smooth(&step) };
            if fits {
                let value = reference::value(&step, &|a| graph.values[a].clone());
                let fits = value.len() <= 150 && value.ndim() <= 5;
                if fits && (kind == Numbers::Special || value.iter().all(|x| x.abs() < 30.0)) {
                    graph.steps.push(step);
                    graph.shapes.push(value.shape().to_vec());
                    graph.values.push(value);
                }
            }
        }
        graph
    }

    /// How many elements a step has at most, and how many multiplications it takes.
    fn size(&self, step: &Step) -> (usize, usize) {
        let numel = |a: usize| self.shapes[a].iter().product::<usize>();
        let together = |a: &[usize], b: &[usize]| broadcast(a, b).expect("made to broadcast").iter().product::<usize>();
        let elements = match step {
            Step::Zip(_, a, b) => together(&self.shapes[*a], &self.shapes[*b]),
            Step::MatMul(a, b) | Step::Einsum(a, b) => {
                let ((outer, last), (batch, inner)) =
                    (self.shapes[*a].split_at(self.shapes[*a].len() - 2), self.shapes[*b].split_at(self.shapes[*b].len() - 2));
                let rows = if matches!(step, Step::MatMul(..)) { inner[1] } else { inner[0] };
                let numel = together(outer, batch) * last[0] * rows;
                return (numel, numel * last[1]);
            }
            Step::Unfold(a, axis, size, step) => {
                let n = self.shapes[*a][*axis];
                numel(*a) / n * ((n - size) / step + 1) * size
            }
            Step::Stack(all, _) | Step::Concat(all, _) => all.iter().map(|&a| numel(a)).sum(),
            Step::BroadcastTo(_, to) => to.iter().product(),
            Step::Pad(a, borders, _) => self.shapes[*a].iter().zip(borders).map(|(n, (low, high))| n + low + high).product(),
            Step::IndexSelect(a, axis, index) => numel(*a) / self.shapes[*a][*axis] * index.len(),
            Step::Map(_, a)
            | Step::Sum(a, ..)
            | Step::Mean(a, ..)
            | Step::Max(a, ..)
            | Step::LogSumExp(a, ..)
            | Step::Softmax(a, _)
            | Step::LogSoftmax(a, _)
            | Step::Permute(a, _)
            | Step::Reshape(a, _)
            | Step::Slice(a, _)
            | Step::Prod(a, ..)
            | Step::CumSum(a, _)
            | Step::CumProd(a, _)
            | Step::LogCumSumExp(a, _)
            | Step::Sort(a, ..)
            | Step::Flip(a, _)
            | Step::Roll(a, ..)
            | Step::Triangle(a, ..)
            | Step::Diagonal(a, _) => numel(*a),
        };
        (elements, elements)
    }

    fn is_smooth(&self, step: &Step) -> bool {
        match step {
            Step::Map(f, a) => self.values[*a].iter().all(|&x| f.smooth(x)),
            Step::Zip(f, a, b) => {
                let (a, b) = (&self.values[*a], &self.values[*b]);
                let shape = broadcast(a.shape(), b.shape()).expect("made to broadcast");
                let (a, b) = (a.broadcast(&shape[..]).expect("broadcasts"), b.broadcast(&shape[..]).expect("broadcasts"));
                a.iter().zip(b).all(|(&a, &b)| f.smooth(a, b))
            }
            // The largest element must remain the largest.
            Step::Max(a, axes, _) => {
                let a = &self.values[*a];
                let mut all: Vec<f64> = a.iter().copied().collect();
                all.sort_by(f64::total_cmp);
                axes.len() == a.ndim() && all.windows(2).all(|w| w[1] - w[0] > 0.01)
            }
            Step::Sort(a, axis, _) => self.values[*a].lanes(ndarray::Axis(*axis)).into_iter().all(|lane| {
                let mut lane = lane.to_vec();
                lane.sort_by(f64::total_cmp);
                lane.windows(2).all(|w| w[1] - w[0] > 0.01)
            }),
            _ => true,
        }
    }

    /// Some op on some nodes, or a matrix product of some, if it fits them.
    fn propose(&self, r: &mut Random, product: bool) -> Option<Step> {
        let count = self.shapes.len();
        // Late nodes more often, so that graphs become deep.
        let node = |r: &mut Random| if r.below(3) > 0 { count - 1 - r.below(count.min(3)) } else { r.below(count) };
        let a = node(r);
        let shape = self.shapes[a].clone();
        let rank = shape.len();
        let b = if r.below(5) == 0 { a } else { node(r) };
        let fits = |b: usize| broadcast(&shape, &self.shapes[b]).is_some();
        let some_axes = |r: &mut Random| (0..rank).filter(|_| r.below(2) == 0).collect::<Vec<Axis>>();
        Some(match if product { 14 } else { r.below(28) } {
            0..=5 => Step::Map(Map::ALL[r.below(Map::ALL.len())], a),
            6..=9 => {
                // Any two nodes that broadcast.
                let b = (0..8).map(|k| if k == 0 { b } else { node(r) }).find(|&b| fits(b))?;
                Step::Zip(Zip::ALL[r.below(Zip::ALL.len())], a, b)
            }
            10 => Step::Sum(a, some_axes(r), r.below(2) == 0),
            11 => Step::Mean(a, some_axes(r), r.below(2) == 0),
            12 => {
                let axes = if r.below(2) == 0 { (0..rank).collect() } else { some_axes(r) };
                let empty = axes.iter().any(|&i| shape[i] == 0);
                let keepdim = r.below(2) == 0;
                match r.below(2) {
                    _ if empty => return None,
                    0 => Step::Max(a, axes, keepdim),
                    _ => Step::LogSumExp(a, axes, keepdim),
                }
            }
            13 if rank > 0 => match r.below(2) {
                0 => Step::Softmax(a, r.below(rank)),
                _ => Step::LogSoftmax(a, r.below(rank)),
            },
            14 | 15 if rank >= 2 => {
                let pick = |k: usize| if k == 0 { b } else { k - 1 };
                let is = |b: usize, inner: usize| {
                    let other = &self.shapes[b];
                    other.len() >= 2
                        && other[other.len() - inner] == shape[rank - 1]
                        && broadcast(&other[..other.len() - 2], &shape[..rank - 2]).is_some()
                };
                let inner = 1 + r.below(2);
                let b = (0..=count).map(pick).find(|&b| is(b, inner))?;
                if inner == 2 { Step::MatMul(a, b) } else { Step::Einsum(a, b) }
            }
            16 => {
                let mut axes: Vec<Axis> = (0..rank).collect();
                (1..rank).for_each(|i| axes.swap(i, r.below(i + 1)));
                Step::Permute(a, axes)
            }
            17 => {
                // Neighbours merged, or an axis of size 1 put in.
                let mut shape = shape;
                match r.below(3) {
                    0 => shape = vec![shape.iter().product()],
                    1 => shape.insert(r.below(rank + 1), 1),
                    _ if rank >= 2 => {
                        let i = r.below(rank - 1);
                        shape[i] *= shape[i + 1];
                        shape.remove(i + 1);
                    }
                    _ => return None,
                }
                Step::Reshape(a, shape)
            }
            18 => {
                let run = |&n: &usize| {
                    let step = [1, 1, 2, 3, -1, -2][r.below(6)];
                    let (start, end) = if r.below(3) == 0 || n == 0 { (0, n) } else { (r.below(n), n - r.below(2).min(n)) };
                    (start as isize, end.max(start) as isize, step)
                };
                Step::Slice(a, shape.iter().map(run).collect())
            }
            19 if rank > 0 => Step::Pad(a, shape.iter().map(|_| (r.below(2), r.below(2))).collect(), [0.0, 0.5, -1.0][r.below(3)]),
            20 => {
                let mut to: Vec<usize> = shape.iter().map(|&n| if n == 1 && r.below(2) == 0 { 1 + r.below(3) } else { n }).collect();
                if r.below(2) == 0 {
                    to.insert(0, 1 + r.below(3));
                }
                Step::BroadcastTo(a, to)
            }
            21 if rank > 0 => {
                let axis = r.below(rank);
                match r.below(3) {
                    0 if shape[axis] > 0 => Step::IndexSelect(a, axis, (0..1 + r.below(4)).map(|_| r.below(shape[axis])).collect()),
                    1 => Step::Stack(if self.shapes[b] == shape { vec![a, b, a] } else { vec![a, a] }, axis),
                    _ => {
                        let beside = |b: usize| {
                            let other = &self.shapes[b];
                            other.len() == rank && (0..rank).all(|i| i == axis || other[i] == shape[i])
                        };
                        let b = (0..4).map(|k| if k == 0 { b } else { node(r) }).find(|&b| beside(b))?;
                        Step::Concat(vec![a, b], axis)
                    }
                }
            }
            22 | 23 if rank > 0 => {
                let axis = r.below(rank);
                match r.below(6) {
                    0 => Step::CumSum(a, axis),
                    1 => Step::CumProd(a, axis),
                    2 => Step::LogCumSumExp(a, axis),
                    3 => Step::Sort(a, axis, r.below(2) == 0),
                    4 => Step::Flip(a, axis),
                    _ => Step::Roll(a, axis, r.below(9) as isize - 4),
                }
            }
            24 => Step::Prod(a, some_axes(r), r.below(2) == 0),
            25 | 26 if rank >= 2 => match r.below(2) {
                0 => Step::Triangle(a, r.below(2) == 0, r.below(5) as isize - 2),
                _ => Step::Diagonal(a, r.below(5) as isize - 2),
            },
            27 if rank > 0 => {
                let axis = r.below(rank);
                if shape[axis] == 0 {
                    return None;
                }
                Step::Unfold(a, axis, 1 + r.below(shape[axis]), 1 + r.below(3))
            }
            _ => return None,
        })
    }

    /// The graph, on a tape.
    pub fn nodes<'t, T: Scalar>(&self, x: &[Var<'t, T>]) -> Vec<Var<'t, T>> {
        let mut nodes = x.to_vec();
        for step in &self.steps {
            nodes.push(step.var(&nodes));
        }
        nodes
    }
}

/// A number of a graph: the last nodes, each element times a number of its own, summed.
pub fn output<'t, T: Scalar>(nodes: &[Var<'t, T>]) -> Var<'t, T> {
    let weighted = |v: &Var<'t, T>| {
        let weights: Vec<T> = (0..v.numel()).map(|i| T::from_f64(((i * 7 + 3) % 5) as f64 * 0.25 - 0.6)).collect();
        let shape: Vec<isize> = v.shape().iter().map(|&n| n as isize).collect();
        (*v * v.tape().constant(weights).reshape(&shape)).sum()
    };
    let last = &nodes[nodes.len().saturating_sub(3)..];
    last.iter().map(weighted).reduce(|a, b| a + b).expect("a graph has nodes")
}

/// A listing, for failures.
impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, x) in self.inputs.iter().enumerate() {
            let more = if x.len() > 40 { " .." } else { "" };
            writeln!(f, "  {i}: {:?} {:?}{more}", x.shape(), x.iter().take(40).collect::<Vec<_>>())?;
        }
        for (i, step) in self.steps.iter().enumerate() {
            writeln!(f, "  {}: {:?} -> {:?}", i + self.inputs.len(), step, self.shapes[i + self.inputs.len()])?;
        }
        Ok(())
    }
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
    /// One of `0..n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
    /// Evenly from [-1, 1], and the same in f32.
    pub fn number(&mut self) -> f64 {
        f64::from((self.next() >> 11) as f32 / (1u64 << 52) as f32 - 1.0)
    }
    /// A number, often one that is special.
    pub fn special(&mut self) -> f64 {
        const SPECIAL: [f64; 16] = [
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            0.0,
            -0.0,
            1.0,
            -1.0,
            0.5,
            1e300,
            -1e300,
            1e-300,
            -1e-310,
            1e10,
            -88.0,
            710.0,
            0.0,
        ];
        if self.below(6) == 0 { SPECIAL[self.below(16)] } else { self.number() * 3.0 }
    }
    /// Three sizes, small, middle and large, of which the axes of a large graph's inputs are made, so that they broadcast and multiply.
    fn sizes(&mut self) -> [usize; 3] {
        [[1, 2, 3, 7, 10], [16, 20, 33, 64, 101], [256, 784, 1000, 4099, 40_000]].map(|sizes| sizes[self.below(5)])
    }
    /// Two of some sizes, or one or three; at most 100,000 elements.
    fn large_shape(&mut self, sizes: [usize; 3]) -> Vec<usize> {
        let rank = [1, 2, 2, 2, 3][self.below(5)];
        let mut shape: Vec<usize> = (0..rank).map(|_| sizes[self.below(3)]).collect();
        while shape.iter().product::<usize>() > 100_000 {
            shape.remove(0);
        }
        shape
    }
    /// Up to four axes, at most 40 elements; sometimes none.
    fn shape(&mut self) -> Vec<usize> {
        const SIZES: [usize; 10] = [1, 1, 2, 3, 3, 5, 7, 2, 4, 0];
        loop {
            let sizes = if self.below(4) == 0 { 10 } else { 9 };
            let shape: Vec<usize> = (0..self.below(5)).map(|_| SIZES[self.below(sizes)]).collect();
            if shape.iter().product::<usize>() <= 40 {
                return shape;
            }
        }
    }
}
