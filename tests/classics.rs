//! The classics of the first five chapters of "Deep Learning from Scratch" (K. Saitoh), with the book's numbers.

use approx::{assert_abs_diff_eq, assert_relative_eq};
use ndarray::{Array2, ArrayD, array};
use rand::seq::SliceRandom;
use wengert::optim::{Adam, Sgd};
use wengert::{BOOK_STEP, Param, Tape, Var, data, init, numerical_gradient, stack};

const INPUTS: [[f64; 2]; 4] = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
const XOR: [f64; 4] = [0.0, 1.0, 1.0, 0.0];

// ---------------------------------------------------------------------------------------------------------- perceptrons

/// 1 where `w . x + b > 0`, for each row of `x`.
fn perceptron<'t>(x: Var<'t, f64>, w: [f64; 2], b: f64) -> Var<'t, f64> {
    (x.matmul(x.tape().constant(w)) + b).gt(0.0)
}
fn and(x: Var<'_, f64>) -> Var<'_, f64> {
    perceptron(x, [0.5, 0.5], -0.7)
}
fn nand(x: Var<'_, f64>) -> Var<'_, f64> {
    perceptron(x, [-0.5, -0.5], 0.7)
}
fn or(x: Var<'_, f64>) -> Var<'_, f64> {
    perceptron(x, [0.5, 0.5], -0.2)
}

#[test]
fn gates() {
    let tape = Tape::<f64>::new();
    let x = tape.constant(INPUTS);
    assert_eq!(and(x).to_vec(), [0.0, 0.0, 0.0, 1.0]);
    assert_eq!(nand(x).to_vec(), [1.0, 1.0, 1.0, 0.0]);
    assert_eq!(or(x).to_vec(), [0.0, 1.0, 1.0, 1.0]);
}

#[test]
fn two_layers_of_gates_are_xor() {
    let tape = Tape::<f64>::new();
    let x = tape.constant(INPUTS);
    assert_eq!(and(stack(&[nand(x), or(x)], -1)).to_vec(), XOR);
}

/// The most rows that are right at once while layers of these sizes (tanh between them) are trained.
fn most_right(sizes: &[usize], targets: [f64; 4], seed: u64) -> usize {
    let rng = &mut init::seeded(seed);
    let mut params = Vec::new();
    for n in sizes.windows(2) {
        params.push(Param::<f64>::new("w", init::xavier_uniform((n[1], n[0]), rng)));
        params.push(Param::<f64>::new("b", init::uniform(n[1], -0.5, 0.5, rng)));
    }
    let (mut optimizer, mut tape, mut most) = (Adam::new(0.05), Tape::new(), 0);
    for _ in 0..400 {
        let mut x = tape.constant(INPUTS);
        for (i, layer) in params.chunks(2).enumerate() {
            x = if i == 0 { x } else { x.tanh() };
            x = x.linear(tape.param(&layer[0]), tape.param(&layer[1]));
        }
        let x = x.reshape([4]);
        most = most.max(x.gt(0.0).to_vec().iter().zip(targets).filter(|(y, t)| *y == t).count());
        let loss = x.bce_with_logits(tape.constant(targets));
        let grads = tape.backward(loss);
        tape.reset();
        optimizer.step(&params, &grads);
        tape.recycle(grads);
    }
    most
}

#[test]
fn one_perceptron_learns_and_but_not_xor() {
    assert_eq!(most_right(&[2, 1], [0.0, 0.0, 0.0, 1.0], 0), 4);
    assert_eq!((0..8).map(|seed| most_right(&[2, 1], XOR, seed)).max(), Some(3));
}

#[test]
fn two_layers_learn_xor() {
    assert_eq!(most_right(&[2, 4, 1], XOR, 0), 4);
}

// ----------------------------------------------------------------------------------------------------- forward passes

#[test]
fn activations() {
    let tape = Tape::<f64>::new();
    let x = tape.constant([-1.0, 1.0, 2.0]);
    assert_eq!(x.gt(0.0).to_vec(), [0.0, 1.0, 1.0]);
    assert_eq!(x.relu().to_vec(), [0.0, 1.0, 2.0]);
    assert_abs_diff_eq!(x.sigmoid().to_array(), array![0.26894142, 0.73105858, 0.88079708].into_dyn(), epsilon = 5e-9);
}

#[test]
fn softmax_sums_to_one() {
    let tape = Tape::<f64>::new();
    let y = tape.constant([0.3, 2.9, 4.0]).softmax(-1);
    assert_abs_diff_eq!(y.to_array(), array![0.01821127, 0.24519181, 0.73659691].into_dyn(), epsilon = 5e-9);
    assert_abs_diff_eq!(y.sum().item(), 1.0, epsilon = 1e-15);
    // Large inputs do not overflow.
    let y = tape.constant([1010.0, 1000.0, 990.0]).softmax(-1);
    assert_abs_diff_eq!(y.to_array(), array![9.99954600e-1, 4.53978686e-5, 2.06106005e-9].into_dyn(), epsilon = 5e-10);
}

#[test]
fn network_of_three_layers() {
    let tape = Tape::<f64>::new();
    let run = |x: [f64; 2]| {
        let a1 = tape.constant(x).matmul(tape.constant([[0.1, 0.3, 0.5], [0.2, 0.4, 0.6]])) + tape.constant([0.1, 0.2, 0.3]);
        let a2 = a1.sigmoid().matmul(tape.constant([[0.1, 0.4], [0.2, 0.5], [0.3, 0.6]])) + tape.constant([0.1, 0.2]);
        (a2.sigmoid().matmul(tape.constant([[0.1, 0.3], [0.2, 0.4]])) + tape.constant([0.1, 0.2])).to_array()
    };
    assert_abs_diff_eq!(run([1.0, 0.5]), array![0.31682708, 0.69627909].into_dyn(), epsilon = 5e-9);
    assert_abs_diff_eq!(run([2.0, 3.0]), array![0.32882937, 0.72300564].into_dyn(), epsilon = 5e-9);
}

// ------------------------------------------------------------------------------------------------------------- losses

/// The book's answers for a picture of a 2: one that says 2, one that says 7.
const SAYS_2: [f64; 10] = [0.1, 0.05, 0.6, 0.0, 0.05, 0.1, 0.0, 0.1, 0.0, 0.0];
const SAYS_7: [f64; 10] = [0.1, 0.05, 0.1, 0.0, 0.05, 0.1, 0.0, 0.6, 0.0, 0.0];
const TWO: [f64; 10] = [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];

/// `-sum t ln(y + 1e-7)`
fn cross_entropy<'t>(y: Var<'t, f64>, t: Var<'t, f64>) -> Var<'t, f64> {
    -(t * (y + 1e-7).ln()).sum()
}

#[test]
fn half_the_sum_of_squares() {
    let tape = Tape::<f64>::new();
    let error = |y: [f64; 10]| ((tape.constant(y) - tape.constant(TWO)).square().sum() * 0.5).item();
    assert_abs_diff_eq!(error(SAYS_2), 0.0975, epsilon = 1e-15);
    assert_abs_diff_eq!(error(SAYS_7), 0.5975, epsilon = 1e-15);
}

#[test]
fn cross_entropy_with_delta() {
    let tape = Tape::<f64>::new();
    let error = |y: [f64; 10]| cross_entropy(tape.constant(y), tape.constant(TWO)).item();
    assert_abs_diff_eq!(error(SAYS_2), 0.510825457, epsilon = 5e-10);
    assert_abs_diff_eq!(error(SAYS_7), 2.302584092, epsilon = 1e-9);
    // Delta keeps the error of a certain and wrong answer finite.
    assert_abs_diff_eq!(error([0.0; 10]), 1e7f64.ln(), epsilon = 1e-12);
}

#[test]
fn cross_entropy_of_a_mini_batch_is_the_mean() {
    let digits = data::digits();
    let mut rows: Vec<usize> = (0..digits.len()).collect();
    rows.shuffle(&mut init::seeded(0));
    let rows = &rows[..10];
    assert!(rows.windows(2).any(|r| r[0] > r[1]) && rows.iter().all(|&r| r < 1797));

    let images = Array2::from_shape_fn((10, 64), |(i, j)| f64::from(digits.images[[rows[i], j]]));
    let labels: Vec<usize> = rows.iter().map(|&r| digits.labels[r]).collect();
    let tape = Tape::<f64>::new();
    let w = tape.leaf(init::xavier_uniform((10, 64), &mut init::seeded(1)));
    let logits = tape.constant(&images).matmul(w.t());
    let fused = logits.cross_entropy(&labels);
    // By label, and by one-hot rows, as the book has both.
    let y = logits.softmax(-1);
    let by_label = -(0..10).map(|i| y.to_array()[[i, labels[i]]].ln()).sum::<f64>() / 10.0;
    let one_hot = Array2::from_shape_fn((10, 10), |(i, j)| if labels[i] == j { 1.0 } else { 0.0 });
    assert_abs_diff_eq!(fused.item(), by_label, epsilon = 1e-14);
    assert_abs_diff_eq!((cross_entropy(y, tape.constant(&one_hot)) / 10.0).item(), by_label, epsilon = 2e-5); // delta
    assert_abs_diff_eq!(logits.cross_entropy_probs(tape.constant(&one_hot)).item(), by_label, epsilon = 1e-14);
}

// ---------------------------------------------------------------------------------------------------------- gradients

#[test]
fn numerical_gradient_of_the_book() {
    let f = |x: &ArrayD<f64>| x.iter().map(|x| x * x).sum(); // x0^2 + x1^2
    for (x, expected) in [([3.0, 4.0], [6.0, 8.0]), ([0.0, 2.0], [0.0, 4.0]), ([3.0, 0.0], [6.0, 0.0])] {
        let x = array![x[0], x[1]].into_dyn();
        assert_abs_diff_eq!(numerical_gradient(f, &x, BOOK_STEP), array![expected[0], expected[1]].into_dyn(), epsilon = 1e-9);
        let tape = Tape::<f64>::new();
        let v = tape.leaf(&x);
        assert_eq!(tape.backward(v.square().sum()).wrt(v).unwrap().as_slice(), Some(&expected[..]));
    }
}

/// The book's check of a two-layer network: every gradient of backpropagation against the numerical one.
#[test]
fn backpropagation_agrees_with_numerical_gradients() {
    let digits = data::digits();
    let images = Array2::from_shape_fn((3, 64), |(i, j)| f64::from(digits.images[[i, j]]));
    let sizes: [&[usize]; 4] = [&[16, 64], &[16], &[10, 16], &[10]];
    let mut rng = init::seeded(5);
    let params = sizes.map(|shape| init::normal(shape, 0.0, 0.1, &mut rng));
    fn loss<'t>(images: &Array2<f64>, labels: &[usize], p: [Var<'t, f64>; 4]) -> Var<'t, f64> {
        let x = p[0].tape().constant(images);
        x.linear(p[0], p[1]).sigmoid().linear(p[2], p[3]).cross_entropy(labels)
    }
    let tape = Tape::<f64>::new();
    let leaves = params.each_ref().map(|p| tape.leaf(p));
    let grads = tape.backward(loss(&images, &digits.labels[..3], leaves));
    for (i, leaf) in leaves.iter().enumerate() {
        let f = |value: &ArrayD<f64>| {
            let tape = Tape::<f64>::new();
            let at = std::array::from_fn(|j| tape.leaf(if i == j { value } else { &params[j] }));
            loss(&images, &digits.labels[..3], at).item()
        };
        let numerical = numerical_gradient(f, &params[i], BOOK_STEP);
        assert_abs_diff_eq!(grads.wrt(*leaf).unwrap().to_owned(), numerical, epsilon = 1e-8);
    }
}

#[test]
fn gradient_descent_of_the_book() {
    let x = Param::<f64>::new("x", [-3.0, 4.0]);
    let (mut optimizer, mut tape) = (Sgd::new(0.1), Tape::new());
    for _ in 0..100 {
        let loss = tape.param(&x).square().sum();
        let grads = tape.backward(loss);
        tape.reset();
        optimizer.step(std::slice::from_ref(&x), &grads);
        tape.recycle(grads);
    }
    assert_relative_eq!(x.to_array(), array![-6.11110793e-10, 8.14814391e-10].into_dyn(), max_relative = 1e-8);
}

#[test]
fn descent_with_a_rate_too_large_or_too_small() {
    for (lr, large, expected) in [(10.0, true, 1e12), (1e-10, false, 0.0)] {
        let x = Param::<f64>::new("x", [-3.0, 4.0]);
        for _ in 0..100 {
            let tape = Tape::new();
            let grads = tape.backward(tape.param(&x).square().sum());
            drop(tape);
            x.update(&grads, |x, g| x.iter_mut().zip(g).for_each(|(x, g)| *x -= lr * g));
        }
        let x = x.to_array();
        if large {
            assert!(x.iter().all(|x| x.abs() > expected));
        } else {
            assert_abs_diff_eq!(x, array![-2.99999994, 3.99999992].into_dyn(), epsilon = 5e-9);
        }
    }
}

// ------------------------------------------------------------------------------------------------------ backward nodes

/// Gradients of `f` of these arrays, for the cotangent `g` of its output.
fn vjp<const N: usize>(f: impl for<'t> Fn([Var<'t, f64>; N]) -> Var<'t, f64>, x: [&ArrayD<f64>; N], g: &ArrayD<f64>) -> [ArrayD<f64>; N] {
    let tape = Tape::<f64>::new();
    let x = x.map(|x| tape.leaf(x));
    let grads = tape.backward_with(f(x), tape.constant(g));
    x.map(|x| grads.wrt(x).expect("the output depends on every input").to_owned())
}
fn random(shape: &[usize], seed: u64) -> ArrayD<f64> {
    init::normal(shape, 0.0, 1.0, &mut init::seeded(seed))
}

#[test]
fn apples() {
    let tape = Tape::<f64>::new();
    let (price, number, tax) = (tape.leaf(100.0), tape.leaf(2.0), tape.leaf(1.1));
    let total = price * number * tax;
    assert_abs_diff_eq!(total.item(), 220.0, epsilon = 1e-12);
    let grads = tape.backward(total);
    let d = |x| grads.wrt(x).unwrap()[[]];
    assert_abs_diff_eq!(d(price), 2.2, epsilon = 1e-12);
    assert_abs_diff_eq!(d(number), 110.0, epsilon = 1e-12);
    assert_abs_diff_eq!(d(tax), 200.0, epsilon = 1e-12);
}

#[test]
fn apples_and_oranges() {
    let tape = Tape::<f64>::new();
    let x @ [apple, apples, orange, oranges, tax] = [100.0, 2.0, 150.0, 3.0, 1.1].map(|x: f64| tape.leaf(x));
    let total = (apple * apples + orange * oranges) * tax;
    assert_abs_diff_eq!(total.item(), 715.0, epsilon = 1e-12);
    let grads = tape.backward(total);
    for (x, expected) in x.into_iter().zip([2.2, 110.0, 3.3, 165.0, 650.0]) {
        assert_abs_diff_eq!(grads.wrt(x).unwrap()[[]], expected, epsilon = 1e-12);
    }
}

#[test]
fn add_and_multiply_nodes() {
    let (x, y, g) = (random(&[3, 4], 1), random(&[3, 4], 2), random(&[3, 4], 3));
    assert_eq!(vjp(|[x, y]| x + y, [&x, &y], &g), [g.clone(), g.clone()]);
    assert_eq!(vjp(|[x, y]| x * y, [&x, &y], &g), [&g * &y, &g * &x]);
}

#[test]
fn relu_node() {
    let (x, g) = (array![[1.0, -0.5], [-2.0, 3.0]].into_dyn(), random(&[2, 2], 1));
    let mask = array![[1.0, 0.0], [0.0, 1.0]].into_dyn();
    assert_eq!(vjp(|[x]| x.relu(), [&x], &g), [&g * &mask]);
}

#[test]
fn sigmoid_node() {
    let (x, g) = (random(&[3, 4], 1), random(&[3, 4], 2));
    let y = x.mapv(|x| 1.0 / (1.0 + (-x).exp()));
    let [gx] = vjp(|[x]| x.sigmoid(), [&x], &g);
    assert_abs_diff_eq!(gx, &g * &y * y.mapv(|y| 1.0 - y), epsilon = 1e-15);
}

#[test]
fn affine_node_of_a_batch() {
    let (x, w, b, g) = (random(&[5, 3], 1), random(&[3, 4], 2), random(&[4], 3), random(&[5, 4], 4));
    let [gx, gw, gb] = vjp(|[x, w, b]| x.matmul(w) + b, [&x, &w, &b], &g);
    let two = |a: &ArrayD<f64>| a.clone().into_dimensionality::<ndarray::Ix2>().unwrap();
    assert_abs_diff_eq!(gx, two(&g).dot(&two(&w).t()).into_dyn(), epsilon = 1e-14);
    assert_abs_diff_eq!(gw, two(&x).t().dot(&two(&g)).into_dyn(), epsilon = 1e-14);
    assert_abs_diff_eq!(gb, g.sum_axis(ndarray::Axis(0)), epsilon = 1e-14);
    // The fused node, whose weight lies the other way round, gives the same.
    let wt = w.t().to_owned();
    let [fx, fw, fb] = vjp(|[x, w, b]| x.linear(w, b), [&x, &wt, &b], &g);
    assert_abs_diff_eq!(fx, gx, epsilon = 1e-14);
    assert_abs_diff_eq!(fw.t().to_owned(), gw, epsilon = 1e-14);
    assert_abs_diff_eq!(fb, gb, epsilon = 1e-14);
}

#[test]
fn softmax_with_loss_node() {
    let (x, labels) = (random(&[4, 3], 1), [2usize, 0, 1, 2]);
    let t = Array2::from_shape_fn((4, 3), |(i, j)| if labels[i] == j { 1.0 } else { 0.0 });
    let mut y = x.mapv(f64::exp);
    for mut row in y.rows_mut() {
        let sum = row.sum();
        row /= sum;
    }
    let expected = (&y - &t) / 4.0; // (y - t) / batch
    let one = ndarray::arr0(1.0).into_dyn();
    let [by_label] = vjp(|[x]| x.cross_entropy(labels), [&x], &one);
    assert_abs_diff_eq!(by_label, expected, epsilon = 1e-15);
    let [by_rows] = vjp(|[x]| x.cross_entropy_probs(x.tape().constant(&t)), [&x], &one);
    assert_abs_diff_eq!(by_rows, expected, epsilon = 1e-15);
    let [composed] = vjp(|[x]| -(x.tape().constant(&t) * x.softmax(-1).ln()).sum() / 4.0, [&x], &one);
    assert_abs_diff_eq!(composed, expected, epsilon = 1e-15);
}
