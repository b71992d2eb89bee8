//! What do other engines get wrong, on smooth and valid input? One small test a kind, with the right value.
//!
//! Each engine is named with the version that was measured (reverse mode unless said otherwise, on a CPU) and gives the number behind its
//! name, without an error. The right values are by hand, from the definition; where no more is said, central differences agree to second
//! order.
//!
//! | section | engines that fail there |
//! |---|---|
//! | views | MindSpore, candle, Paddle |
//! | order | nnabla |
//! | products with a zero | TensorFlow, nnabla, Dr.Jit, Paddle, MindSpore, autograd, burn, PyTorch |
//! | powers | CppAD, ADOL-C, Dr.Jit, candle, PyTorch, JAX, TensorFlow, MLX, nnabla |
//! | ends of the type | burn, candle, Paddle, PyTorch, MindSpore |
//! | places written twice, or written over | PyTorch, candle, nnabla, Warp, Taichi |
//! | several uses of one array | candle |
//! | arguments that are forgotten | Paddle, MLX, Warp, candle |
//! | pools and convolutions | burn, candle |
//! | second order | MindSpore, candle, PyTorch |
//! | loops | Warp |
//! | maxima | Taichi |
//!
//! Kinds that cannot be said here: complex numbers (Paddle, MLX, autograd, MindSpore), least squares (Paddle), rotary embeddings (candle),
//! products into an array by index (Paddle), `cholesky_inverse` (PyTorch). Kinks and ties, where engines differ by convention, are no
//! faults and have a table in the crate's documentation.

use approx::{assert_abs_diff_eq, assert_relative_eq};
use ndarray::{ArrayD, array};
use wengert::{
    AttentionOptions, AvgPoolOptions, Conv1dOptions, ConvTranspose1dOptions, GaussianNllOptions, Indices, InterpolateOptions,
    MaxPoolOptions, MaxUnpoolOptions, NormOptions, Options, Padding, Reduction, RmsNormOptions, RunningStats, Scalar, Tape,
    TriangularOptions, Var, at, check_grads, grad, hessian, jvp, pick,
};

/// The sum of an array's elements, each times a number of its own.
fn weighted<'t>(y: Var<'t, f64>, weights: &[f64]) -> Var<'t, f64> {
    (y.reshape([-1]) * y.tape().constant(weights)).sum()
}

/// The gradients of a number by all inputs.
fn gradients<T: Scalar>(f: impl for<'t> Fn(&[Var<'t, T>]) -> Var<'t, T>, inputs: &[ArrayD<T>]) -> Vec<Vec<T>> {
    let tape = Tape::new();
    let x: Vec<_> = inputs.iter().map(|x| tape.leaf(x)).collect();
    tape.grad(f(&x), &x).into_iter().map(|g| g.map_or_else(Vec::new, Var::to_vec)).collect()
}

/// Asserts that differences agree to second order.
#[track_caller]
fn differences_agree(f: impl for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>, inputs: &[ArrayD<f64>]) {
    let _ = check_grads(f, inputs, Options::default()).unwrap();
}

/// Asserts that a number has these gradients by its inputs, and that differences agree with them to second order.
#[track_caller]
fn right(f: impl for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>, inputs: &[ArrayD<f64>], expected: &[&[f64]]) {
    let found = gradients(&f, inputs);
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert_relative_eq!(&found[..], *expected, max_relative = 1e-12, epsilon = 1e-14);
    }
    differences_agree(f, inputs);
}

// ------------------------------------------------------------------------------------------------------------------ views

/// MindSpore 2.10.0: x\[::-1\] and slices of other negative steps have the gradient 0 everywhere.
#[test]
fn reversed_slices() {
    let x = [array![1.0, 2.0, 3.0, 4.0, 5.0].into_dyn()];
    right(|x| weighted(x[0].slice(&at![..; -1]), &[1.0, 10.0, 100.0, 1e3, 1e4]), &x, &[&[1e4, 1e3, 100.0, 10.0, 1.0]]);
    // Python's x[4:0:-2]: elements 4 and 2.
    right(|x| weighted(x[0].slice(&at![1..5; -2]), &[1.0, 10.0]), &x, &[&[0.0, 0.0, 10.0, 0.0, 1.0]]);
}

/// MindSpore 2.10.0 (eager): x\[\[-1, 0\]\] gives nothing to the last element.
#[test]
fn indices_from_the_end() {
    let x = [array![1.0, 2.0, 3.0].into_dyn()];
    let last_and_first = || Indices::new(&[2], [-1, 0]);
    right(|x| weighted(x[0].index(&pick![last_and_first()]), &[1.0, 10.0]), &x, &[&[10.0, 0.0, 1.0]]);
    right(|x| weighted(x[0].slice(&at![-2..]), &[1.0, 10.0]), &x, &[&[0.0, 1.0, 10.0]]);
}

/// Paddle 3.3.1 (`unfold`, `as_strided`): an element that lies in several windows gets the cotangent of one. candle 0.11.1 refuses.
#[test]
fn windows_that_overlap() {
    // Windows (0, 1), (1, 2), (2, 3).
    let x = array![1.0, 2.0, 3.0, 4.0].into_dyn();
    right(|x| weighted(x[0].unfold(0, 2, 1), &[1.0, 10.0, 100.0, 1e3, 1e4, 1e5]), &[x], &[&[1.0, 110.0, 11e3, 1e5]]);
}

/// candle 0.11.1 (`unfold` of an axis that is not the last): the cotangents as they come, 1 2 3 4 5 6 7 8.
#[test]
fn windows_along_another_axis() {
    let x = ArrayD::from_shape_fn(vec![4, 2], |i| (2 * i[0] + i[1]) as f64);
    let weights: Vec<f64> = (1..=8).map(f64::from).collect();
    right(|x| weighted(x[0].unfold(0, 2, 2), &weights), &[x], &[&[1.0, 3.0, 2.0, 4.0, 5.0, 7.0, 6.0, 8.0]]);
}

/// candle 0.11.1: the second product of a batch of transposed views by one matrix is \[4, 7\], \[5, 8\], \[6, 9\], of values of the first.
#[test]
fn transposed_views_in_a_batch() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(array![[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], [[7.0, 8.0, 9.0], [10.0, 11.0, 12.0]]]);
    let identity = tape.leaf([[1.0, 0.0], [0.0, 1.0]]);
    let y = x.transpose(1, 2).matmul(identity);
    assert_eq!(y.to_vec(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0, 7.0, 10.0, 8.0, 11.0, 9.0, 12.0]);
    assert_eq!(x.transpose(1, 2).linear(identity, tape.constant([0.0, 0.0])).to_vec(), y.to_vec());
    let inputs = [x.to_array(), array![[0.5, -1.0], [2.0, 0.25]].into_dyn()];
    differences_agree(|v| v[0].transpose(1, 2).matmul(v[1]).square(), &inputs);
}

// ------------------------------------------------------------------------------------------------------------------ order

/// nnabla 1.39.0: the permutation is applied where its inverse belongs, which shows where the two differ: at a cycle of three.
#[test]
fn a_sort_that_is_not_its_own_inverse() {
    // Sorted: elements 1, 2, 0.
    let x = [array![3.0, 1.0, 2.0].into_dyn()];
    right(|x| weighted(x[0].sort(0, false).0, &[1.0, 10.0, 100.0]), &x, &[&[100.0, 1.0, 10.0]]);
    right(|x| weighted(x[0].sort(0, true).0, &[1.0, 10.0, 100.0]), &x, &[&[1.0, 100.0, 10.0]]);
    right(|x| weighted(x[0].topk(2, 0, true).0, &[1.0, 10.0]), &x, &[&[1.0, 0.0, 10.0]]);
}

// --------------------------------------------------------------------------------------------------- products with a zero

/// nnabla 1.39.0, Dr.Jit 1.5.0: 0 0 0 with one zero. Paddle 3.3.1, autograd 1.9.0: NaN.
#[test]
fn products_with_a_zero() {
    right(|x| x[0].prod(), &[array![0.0, 2.0, 3.0].into_dyn()], &[&[6.0, 0.0, 0.0]]);
    right(|x| x[0].prod(), &[array![0.0, 0.0, 3.0].into_dyn()], &[&[0.0, 0.0, 0.0]]);
    right(|x| x[0].prod_axes(1, false).sum(), &[array![[2.0, 0.0], [4.0, 5.0]].into_dyn()], &[&[0.0, 2.0, 5.0, 4.0]]);
}

/// TensorFlow 2.21.0: 1 0 0. MindSpore 2.10.0: 1 NaN 0.
#[test]
fn cumulative_products_with_a_zero() {
    // x0 + x0 x1 + x0 x1 x2
    right(|x| x[0].cumprod(0).sum(), &[array![2.0, 0.0, 3.0].into_dyn()], &[&[1.0, 8.0, 0.0]]);
}

/// PyTorch 2.15.0, MindSpore 2.10.0, Paddle 3.3.1: 0 at every exactly singular matrix. burn 0.22.1: 0 from 4 x 4 on. nnabla 1.39.0: NaN.
/// Right are the cofactors.
#[test]
fn determinants_of_singular_matrices() {
    right(|x| x[0].det(), &[array![[1.0, 2.0], [2.0, 4.0]].into_dyn()], &[&[4.0, -2.0, -2.0, 1.0]]);
    let matrix = array![[1.0, 2.0, 3.0, 0.0], [2.0, 4.0, 6.0, 0.0], [0.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]];
    #[rustfmt::skip]
    right(|x| x[0].det(), &[matrix.into_dyn()], &[&[
        -2.0, -2.0, 2.0, 0.0,
        1.0, 1.0, -1.0, 0.0,
        0.0, 0.0, 0.0, 0.0,
        0.0, 0.0, 0.0, 0.0,
    ]]);
}

/// PyTorch 2.15.0: NaN.
#[test]
fn the_determinant_of_zeros_to_second_order() {
    let tape = Tape::<f64>::new();
    // ad - bc, as a function of (a, b, c, d)
    let second = hessian(|x| x.reshape([2, 2]).det(), tape.leaf([0.0; 4]));
    #[rustfmt::skip]
    assert_eq!(second.to_vec(), [
        0.0, 0.0, 0.0, 1.0,
        0.0, 0.0, -1.0, 0.0,
        0.0, -1.0, 0.0, 0.0,
        1.0, 0.0, 0.0, 0.0,
    ]);
}

// ----------------------------------------------------------------------------------------------------------------- powers

/// CppAD 20250000.2, ADOL-C 2.7.2: x^1.0 has the derivative 0 at 0, in CppAD x^2.0 the second derivative 0. JAX 0.10.2, TensorFlow 2.21.0,
/// MLX 0.32.4, nnabla 1.39.0: the second of x^1.0, and x^0.0 (all but TensorFlow), give NaN.
#[test]
fn whole_powers_at_zero() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(0.0);
    for (power, first, second) in [(0.0, 0.0, 0.0), (1.0, 1.0, 0.0), (2.0, 0.0, 2.0), (3.0, 0.0, 0.0)] {
        let slope = grad(|x| x.powf(power));
        assert_eq!(slope(x).item(), first, "of x^{power}");
        assert_eq!(grad(slope)(x).item(), second, "of x^{power}, second order");
    }
}

/// Dr.Jit 1.5.0: value and gradients are NaN where the exponent is not known beforehand, though it is whole. candle 0.11.1: NaN for arrays
/// of exponents.
#[test]
fn whole_powers_of_negative_numbers() {
    let tape = Tape::<f64>::new();
    let (x, y) = (tape.leaf([-2.0, -2.0, -3.0]), tape.constant([3.0, 2.0, -1.0]));
    let z = x.pow(y);
    assert_relative_eq!(&z.to_vec()[..], &[-8.0, 4.0, -1.0 / 3.0][..], max_relative = 1e-15);
    assert_relative_eq!(&tape.grad(z.sum(), &[x])[0].unwrap().to_vec()[..], &[12.0, -4.0, -1.0 / 9.0][..], max_relative = 1e-15);
}

/// PyTorch 2.15.0 and JAX 0.10.2: the slope at 1e-9 is 0, which is a cancellation; PyTorch: the second derivative at 0 is NaN.
#[test]
fn sinc_near_zero() {
    // sin(pi x) / (pi x) = 1 - pi^2 x^2 / 6 + ..
    let curvature = -std::f64::consts::PI.powi(2) / 3.0;
    let tape = Tape::<f64>::new();
    for x in [0.0, 1e-9, -1e-9, 1e-7, 1e-5] {
        let x = tape.leaf(x);
        let slope = grad(Var::sinc);
        assert_relative_eq!(slope(x).item(), curvature * x.item(), max_relative = 1e-9);
        assert_relative_eq!(grad(slope)(x).item(), curvature, max_relative = 1e-9);
    }
}

// ------------------------------------------------------------------------------------------------------- ends of the type

/// burn 0.22.1 (`elu`, `celu`, `selu`) and candle 0.11.1 (`mish`, `selu`): in f32 the gradient is NaN from 89 on, where exp(x) overflows.
/// MindSpore 2.10.0: that of `selu` at -1 is -0.117.
#[test]
fn exponentials_that_overflow() {
    let (scale, alpha) = (1.050_700_987_355_480_5, 1.673_263_242_354_377_2);
    right(|x| x[0].selu().sum(), &[array![-1.0].into_dyn()], &[&[scale * alpha * (-1.0_f64).exp()]]);
    for x in [88.0, 89.0, 100.0, 1e10, 1e30] {
        let slope = |f: fn(Var<'_, f32>) -> Var<'_, f32>| gradients(|v| f(v[0]).sum(), &[array![x].into_dyn()])[0][0];
        assert_eq!((slope(|x| x.elu(1.0)), slope(|x| x.celu(1.0)), slope(|x| x.selu())), (1.0, 1.0, 1.050_701), "at {x}");
        assert_eq!((slope(|x| x.mish()), slope(|x| x.silu()), slope(|x| x.softplus())), (1.0, 1.0, 1.0), "at {x}");
    }
    for x in [709.0, 710.0, 1e5, 1e300] {
        let slope = |f: fn(Var<'_, f64>) -> Var<'_, f64>| gradients(|v| f(v[0]).sum(), &[array![x].into_dyn()])[0][0];
        assert_eq!(
            (slope(|x| x.elu(1.0)), slope(|x| x.celu(1.0)), slope(|x| x.selu()), slope(|x| x.mish())),
            (1.0, 1.0, scale, 1.0),
            "at {x}"
        );
    }
}

/// Paddle 3.3.1 (`softmax`, `log_softmax`, `cross_entropy`): values as if no logit were further than 64 below the largest, beside
/// gradients of the true ones.
#[test]
fn logits_far_below_the_largest() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf([[-100.0, 0.0]]);
    assert_eq!(x.log_softmax(1).to_vec(), [-100.0, 0.0]);
    assert_relative_eq!(x.softmax(1).to_vec()[0], (-100.0_f64).exp(), max_relative = 1e-14);
    let loss = x.cross_entropy(Indices::new(&[1], [0]));
    assert_eq!(loss.item(), 100.0);
    assert_eq!(tape.grad(loss, &[x])[0].unwrap().to_vec(), [-1.0, 1.0]);
}

/// candle 0.11.1: `binary_cross_entropy_with_logit` is NaN at a logit of 40.
#[test]
fn logits_that_are_sure() {
    // softplus(-x) = log(1 + e^-x), with the slope -1 / (1 + e^x)
    right(|x| x[0].bce_with_logits(x[0].ones_like()), &[array![40.0].into_dyn()], &[&[-1.0 / (1.0 + 40.0_f64.exp())]]);
    let tape = Tape::<f64>::new();
    for (logit, loss) in [(40.0, (-40.0_f64).exp()), (1000.0, 0.0), (-1000.0, 1000.0)] {
        assert_relative_eq!(tape.leaf([logit]).bce_with_logits(tape.constant([1.0])).item(), loss, max_relative = 1e-14);
    }
}

/// PyTorch 2.15.0, forward mode: 1.8e-22, 8.5e-05, 3 (1e-13 is added to the sum of exponentials relative to the last). Its reverse mode is
/// right.
#[test]
fn cumulative_sums_of_growing_exponentials_forward() {
    let tape = Tape::<f64>::new();
    let (_, tangent) = jvp(|x| x.logcumsumexp(0), tape.leaf([-40.0, 0.0, 40.0]), tape.leaf([1.0, 2.0, 3.0]));
    // Each sum is all but its last term.
    assert_relative_eq!(&tangent.to_vec()[..], &[1.0, 2.0, 3.0][..], max_relative = 1e-15);
}

// --------------------------------------------------------------------------------------- places written twice, or written over

/// candle 0.11.1 (`scatter`): the array written to gets the gradient also where it was written over. Warp 1.19.0: so does a vector of which
/// a component is assigned.
#[test]
fn places_written_over() {
    let index = || Indices::new(&[3], [2, 0, 1]);
    let inputs = [array![1.0, 2.0, 3.0].into_dyn(), array![4.0, 5.0, 6.0].into_dyn()];
    right(|x| weighted(x[0].scatter(0, index(), x[1]), &[1.0, 10.0, 100.0]), &inputs, &[&[0.0; 3], &[100.0, 1.0, 10.0]]);
    let one = [array![1.0, 2.0, 3.0].into_dyn(), array![7.0].into_dyn()];
    let second = || Indices::new(&[1], [1]);
    right(|x| weighted(x[0].index_copy(0, second(), x[1]), &[1.0, 10.0, 100.0]), &one, &[&[1.0, 0.0, 100.0], &[10.0]]);
    let filled = [array![1.0, 2.0, 3.0].into_dyn(), ndarray::arr0(7.0).into_dyn()];
    right(|x| weighted(x[0].index_fill(0, second(), x[1]), &[1.0, 10.0, 100.0]), &filled, &[&[1.0, 0.0, 100.0], &[10.0]]);
}

/// PyTorch 2.15.0 (`scatter`, `index_copy`, `put`), candle 0.11.1 (`scatter`): of several values for one place the last stands, and all get
/// the gradient, 2 2 3. PyTorch's own forward mode says otherwise.
#[test]
fn places_written_twice() {
    let index = || Indices::new(&[3], [1, 1, 2]);
    let inputs = [array![1.0, 2.0, 3.0].into_dyn(), array![4.0, 5.0, 6.0].into_dyn()];
    let expected: [&[f64]; 2] = [&[1.0, 0.0, 0.0], &[0.0, 2.0, 3.0]];
    right(|x| weighted(x[0].scatter(0, index(), x[1]), &[1.0, 2.0, 3.0]), &inputs, &expected);
    right(|x| weighted(x[0].index_copy(0, index(), x[1]), &[1.0, 2.0, 3.0]), &inputs, &expected);
    let tape = Tape::<f64>::new();
    let (x, values) = (tape.leaf([0.0; 3]), tape.leaf([4.0, 5.0, 6.0]));
    let (_, tangent) = jvp(|values| x.scatter(0, index(), values), values, tape.leaf([1.0, 10.0, 100.0]));
    assert_eq!(tangent.to_vec(), [0.0, 10.0, 100.0]);
}

/// candle 0.11.1 (`scatter_add`): the array added to gets 0. nnabla 1.39.0 (`scatter_nd(add=True)`): the same, and of two values for one
/// place one gets nothing.
#[test]
fn sums_into_an_array() {
    let index = || Indices::new(&[3], [2, 0, 2]);
    let inputs = [array![1.0, 2.0, 3.0].into_dyn(), array![4.0, 5.0, 6.0].into_dyn()];
    let expected: [&[f64]; 2] = [&[1.0, 10.0, 100.0], &[100.0, 1.0, 100.0]];
    right(|x| weighted(x[0].scatter_add(0, index(), x[1]), &[1.0, 10.0, 100.0]), &inputs, &expected);
    right(|x| weighted(x[0].index_add(0, index(), x[1], 1.0), &[1.0, 10.0, 100.0]), &inputs, &expected);
}

/// PyTorch 2.15.0 (`max_unpool1d`, `2d`, `3d`): where overlapping pools give an index twice, the last value stands, and both get the
/// gradient. Its own forward mode says otherwise.
#[test]
fn unpooling_to_one_place_twice() {
    let options = MaxUnpoolOptions { stride: Some([1]), output_size: Some([4]), ..MaxUnpoolOptions::default() };
    // The maxima of (1, 5), (5, 2), (2, 3): element 1 twice, then element 3.
    let index = || Indices::new(&[1, 1, 3], [1, 1, 3]);
    let x = array![[[5.0, 6.0, 3.0]]].into_dyn();
    assert_eq!(Tape::new().leaf(&x).max_unpool1d(index(), [2], options).to_vec(), [0.0, 6.0, 0.0, 3.0]);
    right(|x| weighted(x[0].max_unpool1d(index(), [2], options), &[1.0, 10.0, 100.0, 1000.0]), &[x], &[&[0.0, 10.0, 1000.0]]);
}

/// Taichi 1.7.4: in an inner loop with t = a; a = f(a); .. g(t), the derivative of g is taken at the new a.
#[test]
fn values_written_over_in_a_loop() {
    // t is x, then 2x: the sum of t^3 has the slope 3 x^2 + 3 (2x)^2 2.
    let x = 0.6;
    right(
        |x| {
            let (mut a, mut sum) = (x[0], x[0] * 0.0);
            for _ in 0..2 {
                let t = a;
                a *= 2.0;
                sum += t.powi(3);
            }
            sum.sum()
        },
        &[array![x].into_dyn()],
        &[&[27.0 * x * x]],
    );
}

// ------------------------------------------------------------------------------------------------- several uses of one array

/// candle 0.11.1 (`upsample_nearest1d`, `2d`): the gradient replaces what the input has from other uses: 4 each, if it comes last.
#[test]
fn an_array_used_twice() {
    let x = [array![[[[1.0, 2.0], [3.0, 4.0]]]].into_dyn()];
    let expected = [6.0, 8.0, 10.0, 12.0];
    let twice = InterpolateOptions { size: Some(&[4, 4]), ..InterpolateOptions::default() };
    right(|x| x[0].interpolate(twice).sum() + x[0].square().sum(), &x, &[&expected]);
    right(|x| x[0].square().sum() + x[0].interpolate(twice).sum(), &x, &[&expected]);
}

/// candle 0.11.1 (`LayerNorm` with a bias, `RmsNorm`, `softmax_last_dim`, `rope`): no gradient, in silence, so that of x + f(x) only x is
/// seen: 1 0 0, and none by the weight.
#[test]
fn a_skip_connection() {
    let inputs = [array![[1.0, 2.0, 4.0]].into_dyn(), array![1.0, 2.0, 3.0].into_dyn(), array![0.0, 0.0, 0.0].into_dyn()];
    let first = |x: &[f64]| {
        let mean = x.iter().sum::<f64>() / 3.0;
        let deviation = (x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 3.0 + 1e-5).sqrt();
        x[0] + (x[0] - mean) / deviation
    };
    // By the definition: differences of four orders of the function above, and the normalized first element.
    let (x, h) = ([1.0, 2.0, 4.0], 1e-3);
    let slope = |k: usize| {
        let at = |h: f64| first(&[0, 1, 2].map(|i| if i == k { x[i] + h } else { x[i] }));
        (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h)
    };
    let found = gradients(|x| skip(x).slice(&at![0, 0]), &inputs);
    assert_abs_diff_eq!(&found[0][..], &[slope(0), slope(1), slope(2)][..], epsilon = 1e-9);
    assert_abs_diff_eq!(&found[1][..], &[first(&x) - 1.0, 0.0, 0.0][..], epsilon = 1e-12);
    assert_eq!(found[2], [1.0, 0.0, 0.0]);
    differences_agree(skip, &inputs);
}

/// x + f(x), by x, the weight and the bias of f.
fn skip<'t>(x: &[Var<'t, f64>]) -> Var<'t, f64> {
    x[0] + x[0].layer_norm([3], NormOptions { weight: Some(x[1]), bias: Some(x[2]), eps: 1e-5 })
}

// ------------------------------------------------------------------------------------------- arguments that are forgotten

/// MLX 0.32.4 (`divmod`, reverse and forward) and Warp 1.19.0 (`mod`): 0 by the divisor, in MLX by both.
#[test]
fn remainders_by_the_divisor() {
    // 7 - 3 * 2 with the quotient held, and 8.5 - (-2) (-4)
    right(|x| x[0].fmod(x[1]).sum(), &[array![7.0, 8.5].into_dyn(), array![2.25, -4.0].into_dyn()], &[&[1.0, 1.0], &[-3.0, 2.0]]);
    // The quotient rounded down: 3 and -3.
    right(|x| x[0].remainder(x[1]).sum(), &[array![7.0, 8.5].into_dyn(), array![2.25, -4.0].into_dyn()], &[&[1.0, 1.0], &[-3.0, 3.0]]);
    // Warp: 0.
    right(|x| x[0].frac().sum(), &[array![1.25, -2.75].into_dyn()], &[&[1.0, 1.0]]);
}

/// Paddle 3.3.1 (`lerp`): no gradient by the weight.
#[test]
fn a_mixture_by_its_weight() {
    let inputs = [array![1.0, 2.0].into_dyn(), array![4.0, 8.0].into_dyn(), array![0.25, 0.5].into_dyn()];
    right(|x| x[0].lerp(x[1], x[2]).sum(), &inputs, &[&[0.75, 0.5], &[0.25, 0.5], &[3.0, 6.0]]);
}

/// Paddle 3.3.1 (`gaussian_nll_loss`): no gradient by the variance.
#[test]
fn a_likelihood_by_the_variance() {
    // (log v + (x - t)^2 / v) / 2
    let inputs = [array![1.0].into_dyn(), array![4.0].into_dyn(), array![2.0].into_dyn()];
    let options = GaussianNllOptions { reduction: Reduction::Sum, ..GaussianNllOptions::default() };
    right(|x| x[0].gaussian_nll_loss_with(x[1], x[2], options), &inputs, &[&[-1.5], &[1.5], &[0.5 * (0.5 - 9.0 / 4.0)]]);
}

/// Paddle 3.3.1 (`clip` by arrays): no gradient by the bounds.
#[test]
fn bounds_that_are_arrays() {
    let inputs = [array![-2.0, 0.5, 3.0].into_dyn(), array![-1.0, 0.0, 0.0].into_dyn(), array![1.0, 1.0, 2.0].into_dyn()];
    let expected: [&[f64]; 3] = [&[0.0, 10.0, 0.0], &[1.0, 0.0, 0.0], &[0.0, 0.0, 100.0]];
    right(|x| weighted(x[0].clamp_within(x[1], x[2]), &[1.0, 10.0, 100.0]), &inputs, &expected);
}

/// Paddle 3.3.1 (`diag_embed`): no gradient.
#[test]
fn a_diagonal_put_into_a_matrix() {
    let x = array![5.0, 6.0].into_dyn();
    #[rustfmt::skip]
    right(|x| weighted(x[0].diag_embed(1, -2, -1), &[
        0.0, 1.0, 0.0,
        0.0, 0.0, 10.0,
        0.0, 0.0, 0.0,
    ]), &[x], &[&[1.0, 10.0]]);
}

/// Paddle 3.3.1 (`triangular_solve`): where only the matrix wants a gradient, numbers that change from call to call; with a diagonal of
/// ones, gradients of elements that are not read.
#[test]
fn a_triangular_solve_by_the_matrix_alone() {
    let matrix = [array![[2.0, 9.0], [3.0, 4.0]].into_dyn()];
    // x0 = 2 / a, x1 = (8 - c x0) / d, at a = 2, c = 3, d = 4: x = 1, 5/4; b is not differentiated by.
    let lower = TriangularOptions { upper: false, left: true, unitriangular: false };
    right(
        |x| weighted(x[0].solve_triangular(x[0].tape().constant([[2.0], [8.0]]), lower), &[1.0, 10.0]),
        &matrix,
        &[&[3.25, 0.0, -2.5, -3.125]],
    );
    // x0 = 2, x1 = 8 - 2 c: the diagonal and the upper triangle are not read.
    let ones = TriangularOptions { unitriangular: true, ..lower };
    right(
        |x| weighted(x[0].solve_triangular(x[0].tape().constant([[2.0], [8.0]]), ones), &[1.0, 10.0]),
        &matrix,
        &[&[0.0, 0.0, -20.0, 0.0]],
    );
}

/// candle 0.11.1: `RmsNorm` and `softmax_last_dim` give no gradient by input or weight. (Here by differences alone.)
#[test]
fn normalizations_by_all_they_have() {
    let inputs = [array![[1.0, 2.0, 4.0], [0.5, -1.0, 3.0]].into_dyn(), array![1.0, 2.0, 3.0].into_dyn()];
    differences_agree(|x| x[0].rms_norm([3], RmsNormOptions { weight: Some(x[1]), eps: None }), &inputs);
    differences_agree(|x| x[0].softmax(-1) * x[1], &inputs);
    let found = gradients(|x| weighted(x[0].softmax(0), &[1.0, 0.0]), &[array![0.0, 0.0].into_dyn()]);
    assert_eq!(found, [[0.25, -0.25]]); // p (1 - p)
}

// ------------------------------------------------------------------------------------------------- pools and convolutions

/// candle 0.11.1 (`max_pool2d`): the gradient times the share of maxima in the window: 1/4 for one of four, 1 for each of four equal ones.
#[test]
fn maxima_of_windows() {
    let pool = MaxPoolOptions::default();
    right(|x| x[0].max_pool2d([2, 2], pool).sum(), &[array![[[1.0, 2.0], [3.0, 4.0]]].into_dyn()], &[&[0.0, 0.0, 0.0, 1.0]]);
    let equal = gradients(|x: &[Var<'_, f64>]| x[0].max_pool2d([2, 2], pool).sum(), &[ArrayD::ones(vec![1, 2, 2])]);
    assert_eq!(equal[0].iter().sum::<f64>(), 1.0);
}

/// candle 0.11.1 (`avg_pool2d`): 1/4 also in the row and the column that no window reads.
#[test]
fn windows_that_leave_a_rest() {
    let x = [ArrayD::from_shape_fn(vec![1, 3, 3], |i| (3 * i[1] + i[2]) as f64)];
    #[rustfmt::skip]
    right(|x| x[0].avg_pool2d([2, 2], AvgPoolOptions::default()).sum(), &x, &[&[
        0.25, 0.25, 0.0,
        0.25, 0.25, 0.0,
        0.0, 0.0, 0.0,
    ]]);
    #[rustfmt::skip]
    right(|x| x[0].max_pool2d([2, 2], MaxPoolOptions::default()).sum(), &x, &[&[
        0.0, 0.0, 0.0,
        0.0, 1.0, 0.0,
        0.0, 0.0, 0.0,
    ]]);
}

/// burn 0.22.1 (`conv1d` in groups, by the weight, where the stride leaves positions over): \[1, 2\], \[3, 1\], \[4, 5\], \[6, 4\]; and
/// \[4, 6\], \[8, 14\], \[24, 26\], \[28, 34\].
#[test]
fn grouped_convolutions_that_leave_a_rest() {
    let options = Conv1dOptions { stride: [2], groups: 2, ..Conv1dOptions::default() };
    let by_weight = |x: ArrayD<f64>, weight: ArrayD<f64>| {
        differences_agree(|v| v[0].conv1d(v[1], None, options).square(), &[x.clone(), weight.clone()]);
        gradients(|v| v[0].conv1d(v[1], None, options).sum(), &[x, weight]).remove(1)
    };
    // Each output is a sum over two elements, once: the first two of its group's channel.
    let x = array![[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]].into_dyn();
    assert_eq!(by_weight(x, ArrayD::ones(vec![4, 1, 2])), [1.0, 2.0, 1.0, 2.0, 4.0, 5.0, 4.0, 5.0]);
    // Elements 0 and 2, 1 and 3 of each channel.
    let x = ArrayD::from_shape_fn(vec![1, 4, 5], |i| (1 + 5 * i[1] + i[2]) as f64);
    assert_eq!(by_weight(x, ArrayD::ones(vec![2, 2, 2])), [4.0, 6.0, 14.0, 16.0, 24.0, 26.0, 34.0, 36.0]);
}

/// candle 0.11.1 (`conv1d`, batch of two, two output channels): by the kernel \[310, 394\], \[742, 946\]; by the second input \[106, 294,
/// 208\].
#[test]
fn convolutions_of_a_batch() {
    let inputs = [array![[[1.0, 2.0, 3.0]], [[4.0, 5.0, 6.0]]].into_dyn(), array![[[1.0, 2.0]], [[3.0, 4.0]]].into_dyn()];
    let expected: [&[f64]; 2] = [&[76.0, 232.0, 176.0, 220.0, 580.0, 380.0], &[324.0, 412.0, 740.0, 940.0]];
    right(|x| x[0].conv1d(x[1], None, Conv1dOptions::default()).square().sum(), &inputs, &expected);
}

/// candle 0.11.1 (`conv_transpose1d`, batch of two, two input channels): the second is \[39, 95, 109, 66\], \[61, 143, 165, 96\].
#[test]
fn transposed_convolutions_of_a_batch() {
    let x = ArrayD::from_shape_fn(vec![2, 2, 3], |i| (1 + 6 * i[0] + 3 * i[1] + i[2]) as f64);
    let kernel = ArrayD::from_shape_fn(vec![2, 2, 2], |i| (1 + 4 * i[0] + 2 * i[1] + i[2]) as f64);
    let tape = Tape::<f64>::new();
    let y = tape.leaf(&x).conv_transpose1d(tape.leaf(&kernel), None, ConvTranspose1dOptions::default());
    assert_eq!(y.narrow(0, 1, 1).to_vec(), [57.0, 137.0, 151.0, 90.0, 91.0, 209.0, 231.0, 132.0]);
    differences_agree(|v| v[0].conv_transpose1d(v[1], None, ConvTranspose1dOptions::default()), &[x, kernel]);
}

/// candle 0.11.1 (`conv1d`): other numbers than by the kernel's contiguous copy.
#[test]
fn convolutions_by_a_transposed_kernel() {
    let x = ArrayD::from_shape_fn(vec![2, 3, 6], |i| (i[0] * 18 + i[1] * 6 + i[2]) as f64 * 0.25 - 3.0);
    let kernel = ArrayD::from_shape_fn(vec![3, 3, 2], |i| (i[0] * 6 + i[1] * 2 + i[2]) as f64 * 0.5 - 2.0);
    let options = Conv1dOptions { padding: Padding::Same, ..Conv1dOptions::default() };
    let tape = Tape::<f64>::new();
    let (x, kernel) = (tape.leaf(&x), tape.leaf(&kernel));
    let view = kernel.transpose(0, 1);
    let copy = tape.leaf(view.to_array());
    let (by_view, by_copy) = (x.conv1d(view, None, options), x.conv1d(copy, None, options));
    assert_eq!(by_view.to_vec(), by_copy.to_vec());
    let found = [(by_view, view), (by_copy, copy)]
        .map(|(y, k)| tape.grad(y.square().sum(), &[x, k]).into_iter().flatten().map(Var::to_vec).collect::<Vec<_>>());
    assert_eq!(found[0], found[1]);
}

// ----------------------------------------------------------------------------------------------------------- second order

/// MindSpore 2.10.0 (eager): 0, or without the products of different elements, for sum(x)^2, mean(x)^2, var, std, norm, logsumexp,
/// max(x)^2.
#[test]
fn hessians_of_squared_sums() {
    let x = [1.0, 3.0, 2.0];
    let tape = Tape::<f64>::new();
    let same = |i: usize, k: usize| f64::from(u8::from(i == k));
    let check = |name: &str, f: fn(Var<'_, f64>) -> Var<'_, f64>, expected: &dyn Fn(usize, usize) -> f64| {
        let expected: Vec<f64> = (0..9).map(|at| expected(at / 3, at % 3)).collect();
        let found = hessian(f, tape.leaf(x)).to_vec();
        assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() <= 1e-12), "{name}: {found:?} where {expected:?} is right");
    };
    check("sum squared", |x| x.sum().square(), &|_, _| 2.0);
    check("mean squared", |x| x.mean().square(), &|_, _| 2.0 / 9.0);
    check("variance", |x| x.var(0, 1.0, false), &|i, k| same(i, k) - 1.0 / 3.0);
    // d = x - 2 = (-1, 1, 0), of which the standard deviation is 1: (2/2 (1 - 1/3 ..) - d d / 2 ..) / 2 of the root's chain rule
    let d = [-1.0, 1.0, 0.0];
    check("standard deviation", |x| x.std(0, 1.0, false), &|i, k| 0.5 * (same(i, k) - 1.0 / 3.0) - 0.25 * d[i] * d[k]);
    let length = 14.0_f64.sqrt();
    check("norm", |x| x.vector_norm(2.0, 0, false), &|i, k| (same(i, k) - x[i] * x[k] / 14.0) / length);
    let total: f64 = x.iter().map(|x| x.exp()).sum();
    let p = x.map(|x| x.exp() / total);
    check("logsumexp", |x| x.logsumexp(0, false), &|i, k| p[i] * (same(i, k) - p[k]));
    check("maximum squared", |x| x.amax(0, false).square(), &|i, k| 2.0 * same(i, 1) * same(k, 1));
}

/// candle 0.11.1: the gradient of a gradient goes one way only: 2.8 for x^3, 1.7647 for sin(x^2), none for exp(2x).
#[test]
fn second_derivatives_of_chains() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(0.7);
    let second = |f: fn(Var<'_, f64>) -> Var<'_, f64>| hessian(f, x).item();
    assert_relative_eq!(second(|x| x * x * x), 4.2, max_relative = 1e-14);
    assert_relative_eq!(second(|x| (x * x).sin()), 2.0 * 0.49_f64.cos() - 1.96 * 0.49_f64.sin(), max_relative = 1e-14);
    assert_relative_eq!(second(|x| (x * 2.0).exp()), 4.0 * 1.4_f64.exp(), max_relative = 1e-14);
}

/// PyTorch 2.15.0 raises: `hardsigmoid` (anywhere), `batch_norm` in evaluation with a bias and no weight, attention without a mask.
#[test]
fn second_order_where_others_have_none() {
    let x = array![[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5]].into_dyn();
    let tape = Tape::<f64>::new();
    assert_eq!(hessian(|x| x.hardsigmoid().sum(), tape.leaf([0.5, -4.0])).to_vec(), [0.0; 4]);
    let stats = RunningStats::new(2);
    let bias = array![0.5, -0.5].into_dyn();
    differences_agree(|v| v[0].batch_norm(&stats, NormOptions { weight: None, bias: Some(v[1]), eps: 1e-5 }).square(), &[x.clone(), bias]);
    let (keys, values) = (x.mapv(|x| 0.5 - x), x.mapv(f64::sin));
    differences_agree(|v| v[0].scaled_dot_product_attention(v[1], v[2], AttentionOptions::default()), &[x, keys, values]);
}

// ------------------------------------------------------------------------------------------------------------------ loops

/// Warp 1.19.0: the derivative of loops of more than 16 steps, of a length not constant, with `while` or `break`, is that of other
/// numbers (1.999 for 0.4307).
#[test]
fn long_loops() {
    // The logistic map and, beside it, its derivative by the chain rule.
    let (mut x, mut slope) = (0.3_f64, 1.0);
    for _ in 0..20 {
        (x, slope) = (3.2 * x * (1.0 - x), slope * 3.2 * (1.0 - 2.0 * x));
    }
    right(
        |v| {
            let mut x = v[0];
            for _ in 0..20 {
                x = x * 3.2 * (1.0 - x);
            }
            x.sum()
        },
        &[array![0.3].into_dyn()],
        &[&[slope]],
    );
    // Until it exceeds 10: 6 steps from 1, so that x is 1.5^6 x + .. and the slope by the summand 1 + 1.5 + .. + 1.5^5.
    right(
        |v| {
            let mut x = v[0];
            while x.sum().item() < 10.0 {
                x = x * 1.5 + v[1];
            }
            x.sum()
        },
        &[array![1.0].into_dyn(), array![0.1].into_dyn()],
        &[&[1.5_f64.powi(6)], &[(1.5_f64.powi(6) - 1.0) / 0.5]],
    );
}

// ----------------------------------------------------------------------------------------------------------------- maxima

/// Taichi 1.7.4 (`atomic_max`, `atomic_min`): 1 for all, also for elements below the maximum.
#[test]
fn elements_below_the_maximum() {
    let x = [array![[1.0, 3.0, 2.0], [6.0, 4.0, 5.0]].into_dyn()];
    right(|x| weighted(x[0].amax(1, false), &[1.0, 10.0]), &x, &[&[0.0, 1.0, 0.0, 10.0, 0.0, 0.0]]);
    right(|x| weighted(x[0].amin(1, false), &[1.0, 10.0]), &x, &[&[1.0, 0.0, 0.0, 0.0, 10.0, 0.0]]);
    right(|x| x[0].max(), &x, &[&[0.0, 0.0, 0.0, 1.0, 0.0, 0.0]]);
}
