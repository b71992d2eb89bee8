//! What is one step of each workload? The benches time these steps, and `tests/workloads` holds them against PyTorch.

mod networks;
mod random;

use networks::{DeepConv, Network, ResNet, SimpleConv};
use random::Random;
use wengert::optim::{Adam, Optimizer, Sgd};
use wengert::{Grads, Param, Scalar, Tape, Var};

/// The workloads, each with its size: how many links a chain has, how many elements an array, how many samples a batch.
pub const WORKLOADS: [(&str, usize); 11] = [
    ("scalar_chain", 1000),
    ("xor_mlp", 4),
    ("hvp", 32),
    ("mlp", 128),
    ("mlp_adam", 128),
    ("elementwise_f32", 1_000_000),
    ("elementwise_f64", 1_000_000),
    ("simple_conv", 100),
    ("deep_conv", 100),
    ("resnet20", 32),
    ("resnet18", 16),
];

/// A step that can be taken again and again: a loss, what it is differentiated by, and how that is updated.
pub struct Workload<T: Scalar> {
    pub params: Vec<Param<T>>,
    pub tape: Tape<T>,
    loss: Box<Loss<T>>,
    optimizer: Option<Box<dyn Optimizer<T>>>,
}

type Loss<T> = dyn for<'t> FnMut(&'t Tape<T>) -> Var<'t, T>;

impl<T: Scalar> Workload<T> {
    /// The workload of this name, at its start. Networks train by SGD of rate 0.01 (`mlp_adam`: Adam of rate 0.001).
    ///
    /// # Panics
    /// If there is no workload of this name.
    pub fn new(name: &str, size: usize) -> Workload<T> {
        match name {
            "scalar_chain" => scalar_chain(size),
            "xor_mlp" => xor_mlp(size),
            "hvp" => hvp(size),
            "mlp" => mlp(size, &[784, 256, 128, 10], Sgd::new(0.01)),
            "mlp_adam" => mlp(size, &[784, 256, 128, 10], Adam::new(1e-3)),
            "elementwise_f32" | "elementwise_f64" => elementwise(size),
            "simple_conv" => images(SimpleConv::new, [size, 1, 28, 28]),
            "deep_conv" => images(DeepConv::new, [size, 1, 28, 28]),
            "resnet20" => resnet(size, &[16, 32, 64], 3),
            "resnet18" => resnet(size, &[64, 128, 256, 512], 2),
            _ => panic!("no workload {name}"),
        }
    }

    fn of(params: Vec<Param<T>>, loss: impl for<'t> FnMut(&'t Tape<T>) -> Var<'t, T> + 'static) -> Self {
        Workload { params, tape: Tape::new(), loss: Box::new(loss), optimizer: None }
    }

    fn trained_by(self, optimizer: impl Optimizer<T> + 'static) -> Self {
        Workload { optimizer: Some(Box::new(optimizer)), ..self }
    }

    /// Forward, backward, update. `see` is shown the loss and the gradients before the update.
    pub fn step(&mut self, see: impl FnOnce(T, &Grads<T>)) {
        let loss = (self.loss)(&self.tape);
        let grads = self.tape.backward(loss);
        // After the sweep, as a value that is only reported: so the loss and what the sweep reads are computed in one pass.
        let value = loss.item();
        self.tape.reset();
        see(value, &grads);
        if let Some(optimizer) = &mut self.optimizer {
            optimizer.step(&self.params, &grads);
        }
        self.tape.recycle(grads);
    }
}

/// `size` times `y = tanh(y * x + x)`.
fn scalar_chain<T: Scalar>(size: usize) -> Workload<T> {
    let x = Param::new("x", T::from_f64(0.5));
    Workload::of(vec![x.clone()], move |tape| {
        let x = tape.param(&x);
        (0..size).fold(x, |y, _| (y * x + x).tanh())
    })
}

/// 2-8-1, tanh, the four pairs of bits (and again from the first, in a larger batch), mean binary cross entropy with logits.
fn xor_mlp<T: Scalar>(size: usize) -> Workload<T> {
    let layers = Random::new(1).layers(&[2, 8, 1]);
    let bit = |b: usize| T::from_f64((b % 2) as f64);
    let xs: Vec<[T; 2]> = (0..size).map(|i| [bit(i / 2), bit(i)]).collect();
    let ts: Vec<[T; 1]> = (0..size).map(|i| [bit(i / 2 + i)]).collect();
    let [xs, ts] = [ndarray::Array2::from(xs).into_dyn(), ndarray::Array2::from(ts).into_dyn()].map(|a| Param::new("", a));
    let step = Workload::of(params(&layers), move |tape| {
        let h = layers[0].of(tape, data(tape, &xs)).tanh();
        layers[1].of(tape, h).bce_with_logits(data(tape, &ts))
    });
    step.trained_by(Sgd::new(0.01))
}

/// The product of a fixed vector with the gradient of a 64-64-10 tanh network's mean cross entropy: its own gradient is the Hessian
/// times that vector.
fn hvp<T: Scalar>(size: usize) -> Workload<T> {
    let mut random = Random::new(2);
    let layers = random.layers(&[64, 64, 10]);
    let directions = params(&layers).iter().map(|p| random.normal(p.shape())).collect::<Vec<_>>();
    let (x, t) = (random.normal(&[size, 64]), random.classes(size));
    Workload::of(params(&layers), move |tape| {
        let h = layers[0].of(tape, data(tape, &x)).tanh();
        let loss = layers[1].of(tape, h).cross_entropy(&t);
        let params = [&layers[0].w, &layers[0].b, &layers[1].w, &layers[1].b].map(|p| tape.param(p));
        let gradient = tape.grad(loss, &params);
        let along = gradient.iter().zip(&directions).map(|(g, v)| (g.expect("used") * data(tape, v)).sum());
        along.sum::<Var<'_, T>>()
    })
}

/// Fully connected layers of these sizes, relu between them, mean cross entropy of `size` samples.
pub fn mlp<T: Scalar>(size: usize, sizes: &[usize], optimizer: impl Optimizer<T> + 'static) -> Workload<T> {
    let mut random = Random::new(3);
    let layers = random.layers(sizes);
    let (x, t) = (random.normal(&[size, sizes[0]]), random.classes(size));
    let step = Workload::of(params(&layers), move |tape| {
        let (last, hidden) = layers.split_last().expect("there are layers");
        let h = hidden.iter().fold(data(tape, &x), |h, layer| layer.of(tape, h).relu());
        last.of(tape, h).cross_entropy(&t)
    });
    step.trained_by(optimizer)
}

/// sum(sigmoid(x) * tanh(x) + exp(-x * x)).
fn elementwise<T: Scalar>(size: usize) -> Workload<T> {
    let x = Random::new(4).normal(&[size]);
    Workload::of(vec![x.clone()], move |tape| {
        let x = tape.param(&x);
        (x.sigmoid() * x.tanh() + (-x * x).exp()).sum()
    })
}

/// A residual network on images of 3x32x32.
pub fn resnet<T: Scalar>(size: usize, widths: &[usize], depth: usize) -> Workload<T> {
    images(|r| ResNet::new(r, widths, depth), [size, 3, 32, 32])
}

/// A convolutional network on a batch of images of this shape, mean cross entropy.
fn images<T: Scalar, N: Network<T> + 'static>(new: impl FnOnce(&mut Random) -> N, shape: [usize; 4]) -> Workload<T> {
    let mut random = Random::new(5);
    let mut network = new(&mut random);
    let (x, t) = (random.normal(&shape), random.classes(shape[0]));
    let step = Workload::of(network.params(), move |tape| network.logits(tape, data(tape, &x)).cross_entropy(&t));
    step.trained_by(Sgd::new(0.01))
}

/// An array that lies outside the tape, on it without a copy and without a gradient.
fn data<'t, T: Scalar>(tape: &'t Tape<T>, array: &Param<T>) -> Var<'t, T> {
    tape.no_grad(|| tape.param(array))
}

/// A fully connected layer.
struct Layer<T: Scalar> {
    w: Param<T>,
    b: Param<T>,
}

fn params<T: Scalar>(layers: &[Layer<T>]) -> Vec<Param<T>> {
    layers.iter().flat_map(|l| [l.w.clone(), l.b.clone()]).collect()
}

impl<T: Scalar> Layer<T> {
    fn of<'t>(&self, tape: &'t Tape<T>, x: Var<'t, T>) -> Var<'t, T> {
        x.linear(tape.param(&self.w), tape.param(&self.b))
    }
}
