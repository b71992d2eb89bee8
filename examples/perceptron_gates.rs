//! From one perceptron to a network of three layers, with the numbers of the first chapters of "Deep Learning from Scratch" (K. Saitoh).
//!
//! `cargo run --release --example perceptron_gates`

use std::process::ExitCode;
use wengert::optim::Adam;
use wengert::{Param, Tape, Var, init};

const INPUTS: [[f64; 2]; 4] = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];

/// A perceptron: 1 where `w . x + b > 0`, else 0.
#[derive(Clone, Copy)]
struct Gate {
    name: &'static str,
    w: [f64; 2],
    b: f64,
}

const AND: Gate = Gate { name: "AND", w: [0.5, 0.5], b: -0.7 };
const NAND: Gate = Gate { name: "NAND", w: [-0.5, -0.5], b: 0.7 };
const OR: Gate = Gate { name: "OR", w: [0.5, 0.5], b: -0.2 };

impl Gate {
    /// One answer for each row of `x`.
    fn answer<'t>(self, x: Var<'t, f64>) -> Var<'t, f64> {
        step(x.matmul(x.tape().constant(self.w)) + self.b)
    }
}

/// 1 where x > 0, else 0.
fn step(x: Var<'_, f64>) -> Var<'_, f64> {
    x.gt(0.0)
}

fn identity(x: Var<'_, f64>) -> Var<'_, f64> {
    x
}

/// XOR of gates: two in a first layer, one in a second.
fn xor(x: Var<'_, f64>) -> Var<'_, f64> {
    let first = [NAND.answer(x), OR.answer(x)];
    AND.answer(wengert::stack(&first, -1))
}

/// Layers of weights [out, in] and biases, tanh between them.
struct Network {
    params: Vec<Param<f64>>,
}

impl Network {
    fn new(sizes: &[usize], seed: u64) -> Network {
        let rng = &mut init::seeded(seed);
        let mut params = Vec::new();
        for n in sizes.windows(2) {
            params.push(Param::new("weight", init::xavier_uniform((n[1], n[0]), rng)));
            params.push(Param::new("bias", vec![0.0; n[1]]));
        }
        Network { params }
    }
    fn logits<'t>(&self, mut x: Var<'t, f64>) -> Var<'t, f64> {
        for (i, layer) in self.params.chunks_exact(2).enumerate() {
            let x_in = if i == 0 { x } else { x.tanh() };
            x = x_in.linear(x.tape().param(&layer[0]), x.tape().param(&layer[1]));
        }
        x
    }
    /// Trains on the four rows; gives the most rows that were right at once, at any time.
    fn train(&self, targets: [f64; 4], steps: usize) -> usize {
        let (mut optimizer, mut tape) = (Adam::new(0.05), Tape::new());
        let mut best = 0;
        for _ in 0..steps {
            let logits = self.logits(tape.constant(INPUTS)).reshape([4]);
            best = best.max(right(&step(logits).to_vec(), &targets));
            let loss = logits.bce_with_logits(tape.constant(targets));
            let grads = tape.backward(loss);
            tape.reset();
            optimizer.step(&self.params, &grads);
            tape.recycle(grads);
        }
        best
    }
}

fn right(answers: &[f64], targets: &[f64]) -> usize {
    answers.iter().zip(targets).filter(|(a, t)| a == t).count()
}

/// The most right answers of ten trainings from different beginnings.
fn best_of_ten(sizes: &[usize], targets: [f64; 4]) -> usize {
    (0..10).map(|seed| Network::new(sizes, seed).train(targets, 500)).max().unwrap_or(0)
}

/// The network of three layers with the book's weights (here [in, out]), sigmoid in the hidden layers.
fn three_layers<'t>(x: Var<'t, f64>) -> Var<'t, f64> {
    let tape = x.tape();
    let a1 = x.matmul(tape.constant([[0.1, 0.3, 0.5], [0.2, 0.4, 0.6]])) + tape.constant([0.1, 0.2, 0.3]);
    let a2 = a1.sigmoid().matmul(tape.constant([[0.1, 0.4], [0.2, 0.5], [0.3, 0.6]])) + tape.constant([0.1, 0.2]);
    let a3 = a2.sigmoid().matmul(tape.constant([[0.1, 0.3], [0.2, 0.4]])) + tape.constant([0.1, 0.2]);
    identity(a3)
}

fn list(values: &[f64], digits: usize) -> String {
    format!("[{}]", values.iter().map(|v| format!("{v:.digits$}")).collect::<Vec<_>>().join(", "))
}

fn main() -> ExitCode {
    let tape = Tape::<f64>::new();
    let x = tape.constant(INPUTS);

    println!("1. A perceptron answers 1 where w . x + b > 0. The weights decide which gate it is.\n");
    let (and, nand, or) = (AND.answer(x).to_vec(), NAND.answer(x).to_vec(), OR.answer(x).to_vec());
    for gate in [AND, NAND, OR] {
        println!("   {:<4}  w = {:?}, b = {}", gate.name, gate.w, gate.b);
    }
    let xored = xor(x).to_vec();
    println!("\n   x1 x2 | AND NAND OR | XOR = AND(NAND, OR), two layers");
    println!("   ------+-------------+--------------------------------");
    for (i, [a, b]) in INPUTS.iter().enumerate() {
        println!("    {a}  {b} |  {}    {}   {} |  {}", and[i], nand[i], or[i], xored[i]);
    }
    let mut ok = and == [0.0, 0.0, 0.0, 1.0] && nand == [1.0, 1.0, 1.0, 0.0] && or == [0.0, 1.0, 1.0, 1.0];
    ok &= xored == [0.0, 1.0, 1.0, 0.0];

    println!("\n2. Can the weights be learned? The most rows right at once, in ten trainings from random weights:\n");
    let (and, xor) = ([0.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0]);
    let learned = [best_of_ten(&[2, 1], and), best_of_ten(&[2, 1], xor), best_of_ten(&[2, 4, 1], xor)];
    println!("   one perceptron, AND   {} of 4", learned[0]);
    println!("   one perceptron, XOR   {} of 4   (no straight line parts the ones from the zeros)", learned[1]);
    println!("   two layers, XOR       {} of 4", learned[2]);
    ok &= learned == [4, 3, 4];

    println!("\n3. Activation functions\n");
    let z = tape.constant([-1.0, 0.0, 1.0, 2.0]);
    println!("   x         {}", list(&z.to_vec(), 4));
    println!("   step      {}", list(&step(z).to_vec(), 4));
    println!("   sigmoid   {}", list(&z.sigmoid().to_vec(), 4));
    println!("   relu      {}", list(&z.relu().to_vec(), 4));
    println!("   identity  {}", list(&identity(z).to_vec(), 4));
    let a = tape.constant([0.3, 2.9, 4.0]);
    let p = a.softmax(-1);
    println!("   softmax   of {} is {}, whose sum is {}", list(&a.to_vec(), 1), list(&p.to_vec(), 8), p.sum().item());
    ok &= (p.sum().item() - 1.0).abs() < 1e-15;

    println!("\n4. The network of three layers with the book's weights\n");
    for (input, expected) in [([1.0, 0.5], "[0.31682708, 0.69627909]"), ([2.0, 3.0], "[0.32882937, 0.72300564]")] {
        let y = list(&three_layers(tape.constant(input)).to_vec(), 8);
        println!("   x = {input:?}   y = {y}");
        ok &= y == expected;
    }
    if !ok {
        eprintln!("\nperceptron_gates: these are not the numbers of the book");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
