//! Are variances, norms and normalizations right near the ends of a type? Values, gradients and second derivatives of f32 arrays between 1e-38
//! and 1e38 are compared with those of the same numbers in f64, wherever f32 can represent them; those of f64 arrays up to 1e300 with those of
//! the same numbers in another unit.

use ndarray::ArrayD;
use wengert::{AttentionOptions, LocalResponseNormOptions, NormOptions, NormalizeOptions, RmsNormOptions, RunningStats, Scalar, Tape, Var};

type Function<T> = for<'t> fn(Var<'t, T>) -> Var<'t, T>;

/// A function of arrays of shape [2, 3, 4], and its degree: f(c x) = c^degree f(x), if it has one.
struct Case<T: Scalar> {
    name: &'static str,
    f: Function<T>,
    degree: Option<i32>,
}

fn plain<'t, T: Scalar>(eps: f64) -> NormOptions<'t, T> {
    NormOptions { eps, ..Default::default() }
}
fn halves<T: Scalar>(x: Var<'_, T>) -> [Var<'_, T>; 2] {
    [0, 2].map(|from| x.narrow(2, from, 2))
}

fn cases<T: Scalar>() -> Vec<Case<T>> {
    let case = |name, degree: i32, f: Function<T>| Case { name, f, degree: Some(degree) };
    let fixed = |name, f: Function<T>| Case { name, f, degree: None };
    vec![
        case("std of rows", 1, |x| x.std(-1, 1.0, false)),
        case("std of columns", 1, |x| x.std([0, 1], 0.0, true)),
        case("std of all", 1, |x| x.std(.., 1.0, false)),
        case("std of strided", 1, |x| x.permute(&[2, 0, 1]).std([0, 2], 1.0, false)),
        case("norm 2", 1, |x| x.vector_norm(2.0, -1, false)),
        case("norm 2 of columns", 1, |x| x.vector_norm(2.0, 0, true)),
        case("norm 2 of all", 1, |x| x.vector_norm(2.0, .., false)),
        case("norm 1", 1, |x| x.vector_norm(1.0, 1, false)),
        case("norm 3", 1, |x| x.vector_norm(3.0, [0, 2], false)),
        case("norm 4", 1, |x| x.vector_norm(4.0, -1, false)),
        case("norm 20", 1, |x| x.vector_norm(20.0, -1, false)),
        case("norm 1.5", 1, |x| x.vector_norm(1.5, -1, false)),
        case("norm 0.5", 1, |x| x.vector_norm(0.5, -1, false)),
        case("norm -1", 1, |x| x.vector_norm(-1.0, -1, false)),
        case("norm -3", 1, |x| x.vector_norm(-3.0, -1, false)),
        case("norm inf", 1, |x| x.vector_norm(f64::INFINITY, -1, false)),
        case("normalize", 0, |x| x.normalize_with(-1, NormalizeOptions { p: 2.0, eps: 0.0 })),
        case("normalize 3", 0, |x| x.normalize_with([0, 1], NormalizeOptions { p: 3.0, eps: 0.0 })),
        case("cosine_similarity", 0, |x| {
            let [a, b] = halves(x);
            a.cosine_similarity_with(b, -1, 0.0)
        }),
        case("cdist", 1, |x| {
            let [a, b] = halves(x);
            a.cdist(b, 2.0)
        }),
        case("cdist 3", 1, |x| {
            let [a, b] = halves(x);
            a.cdist(b, 3.0)
        }),
        case("pairwise_distance", 1, |x| {
            let [a, b] = halves(x);
            a.pairwise_distance(b, 2.0, 0.0)
        }),
        case("hypot", 1, |x| {
            let [a, b] = halves(x);
            a.hypot(b)
        }),
        case("nuclear_norm", 1, |x| x.nuclear_norm()),
        case("standardize", 0, |x| x.standardize(-1, 0.0)),
        case("standardize of columns", 0, |x| x.standardize([0, 1], 0.0)),
        fixed("standardize with eps", |x| x.standardize([0, 2], 1e-5)),
        fixed("layer_norm", |x| x.layer_norm([3, 4], plain(1e-5))),
        case("layer_norm without eps", 0, |x| x.layer_norm([4], plain(0.0))),
        fixed("group_norm", |x| x.group_norm(3, plain(1e-5))),
        fixed("instance_norm", |x| x.instance_norm(plain(1e-5))),
        fixed("batch_norm", |x| x.batch_norm_train(None, plain(1e-5))),
        case("batch_norm without eps", 0, |x| x.batch_norm_train(None, plain(0.0))),
        case("batch_norm of columns", 0, |x| x.reshape([8, 3]).batch_norm_train(None, plain(0.0))),
        fixed("rms_norm", |x| x.rms_norm([4], RmsNormOptions { eps: Some(1e-6), weight: None })),
        case("rms_norm without eps", 0, |x| x.rms_norm([3, 4], RmsNormOptions { eps: Some(0.0), weight: None })),
        fixed("local_response_norm", |x| x.local_response_norm(2, LocalResponseNormOptions::default())),
        fixed("local_response_norm, large alpha", |x| x.local_response_norm(3, LocalResponseNormOptions { alpha: 0.5, beta: 0.5, k: 2.0 })),
    ]
}

/// Numbers of both signs, all different, with sizes between 0.3 and 1.
fn numbers(scale: f64) -> ArrayD<f64> {
    let mut k = 0.0;
    ArrayD::from_shape_simple_fn(vec![2, 3, 4], || {
        k += 1.0;
        let x: f64 = 0.3 + 0.7 * (k * 0.618_033_988_749_895_f64).fract();
        scale * if (k as usize * 7) % 5 < 2 { -x } else { x }
    })
}

/// The sum of all elements, each times a number of its own.
fn weighted<T: Scalar>(v: Var<'_, T>) -> Var<'_, T> {
    let weights: Vec<T> = (0..v.numel()).map(|i| T::from_f64(((i * 7 + 3) % 5) as f64 * 0.5 - 0.75)).collect();
    (v * v.tape().constant(ArrayD::from_shape_vec(v.shape().to_vec(), weights).unwrap())).sum()
}

/// Value, gradient and second derivative.
fn orders<T: Scalar>(f: Function<T>, x: &ArrayD<f64>) -> [Vec<f64>; 3] {
    let tape = Tape::<T>::new();
    let x = tape.leaf(x.mapv(T::from_f64));
    let y = f(x);
    let gradient = tape.grad(weighted(y), &[x])[0].expect("depends on x");
    let second = tape.grad(weighted(gradient), &[x])[0];
    let read = |v: Var<'_, T>| v.to_vec().into_iter().map(T::to_f64).collect();
    [read(y), read(gradient), second.map_or(vec![0.0; 24], read)]
}

fn close(found: &[f64], expected: &[f64], tolerance: f64) -> bool {
    let size = expected.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
    found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= tolerance * size)
}

#[test]
fn in_f32_from_1e_minus_38_to_1e38() {
    let mut wrong = Vec::new();
    for (narrow, wide) in cases::<f32>().iter().zip(cases::<f64>()) {
        for scale in [3e-38, 1e-30, 1e-20, 1e-12, 1.0, 1e10, 1e15, 1e20, 1e30, 1e38] {
            let x = numbers(scale).mapv(|x| f64::from(x as f32));
            let (found, expected) = (orders(narrow.f, &x), orders(wide.f, &x));
            for k in 0..3 {
                let size = expected[k].iter().fold(0.0, |m: f64, x| m.max(x.abs()));
                // Beyond what f32 holds, or so near its end that terms of it are; then nothing is known of the derivatives either.
                if size > if k == 0 { 3e38 } else { 3e36 } {
                    break;
                }
                let below = expected[k].iter().zip(&found[k]).all(|(a, b)| (a - b).abs() < 1e-43);
                if !below && !close(&found[k], &expected[k], 3e-4) {
                    wrong.push(format!("{} at {scale:e}, order {k}: {:?}, not {:?}", narrow.name, found[k], expected[k]));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn in_f64_to_1e300() {
    let mut wrong = Vec::new();
    for case in cases::<f64>() {
        let Some(degree) = case.degree else { continue };
        let plain = orders(case.f, &numbers(1.0));
        for exponent in [-996, -600, 600, 996] {
            let unit = 2_f64.powi(exponent); // which rounds nothing
            let found = orders(case.f, &numbers(1.0).mapv(|x| x * unit));
            for k in 0..3 {
                let power = (degree - k as i32) * exponent;
                if power.abs() > 1000 {
                    continue;
                }
                let expected: Vec<f64> = plain[k].iter().map(|y| y * 2_f64.powi(power)).collect();
                if !close(&found[k], &expected, 1e-11) {
                    wrong.push(format!("{} at 2^{exponent}, order {k}: {:?}, not {expected:?}", case.name, found[k]));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn variances_overflow_no_earlier_than_their_value() {
    let tape = Tape::<f32>::new();
    // The sum of squares is 4e38 times 1000 and more, the variance is not.
    let x: Vec<f32> = (0..4000).map(|i| if i % 2 == 0 { 1e19 } else { -1e19 }).collect();
    for (shape, axis) in [([1, 4000], 1), ([4000, 1], 0)] {
        let v = tape.leaf(x.clone()).reshape(shape).var(axis, 0.0, false).item();
        assert!((v / 1e38 - 1.0).abs() < 1e-6, "{v}");
    }
    // One row far out does not change the bits of another.
    let x = tape.leaf([[0.1_f32, 0.7, 0.4], [1e25, 3e25, 2e25], [1e-30, 3e-30, 2e-30]]);
    let both = [x.std(1, 1.0, false).to_vec(), x.vector_norm(2.0, 1, false).to_vec(), x.vector_norm(3.0, 1, false).to_vec()];
    let row = x.narrow(0, 0, 1);
    let alone = [row.std(1, 1.0, false).item(), row.vector_norm(2.0, 1, false).item(), row.vector_norm(3.0, 1, false).item()];
    for (both, alone) in both.iter().zip(alone) {
        assert_eq!(both[0].to_bits(), alone.to_bits());
    }
    assert!((both[0][1] / 1e25 - 1.0).abs() < 1e-6 && (both[0][2] / 1e-30 - 1.0).abs() < 1e-6, "{both:?}");
    // What is infinite or no number stays so.
    let x = tape.leaf([[1.0_f32, f32::INFINITY], [f32::NAN, 1.0]]);
    assert_eq!(x.vector_norm(2.0, 1, false).to_vec()[0], f32::INFINITY);
    assert!(x.std(1, 1.0, false).to_vec().iter().all(|s| s.is_nan()) && x.vector_norm(2.0, 1, false).to_vec()[1].is_nan());
}

#[test]
fn running_statistics_of_large_numbers() {
    let tape = Tape::<f32>::new();
    let stats = RunningStats::with_momentum(3, 1.0);
    // Squares beyond f32, ordinary numbers, and a variance that f32 does not hold.
    let x = tape.leaf([[1e19_f32, 1.0, 1e30], [3e19, 3.0, 3e30]]);
    let y = x.batch_norm_train(&stats, plain(0.0)).to_vec();
    assert!(y.iter().zip([-1.0, -1.0, -1.0, 1.0, 1.0, 1.0]).all(|(y, e): (&f32, f32)| (y - e).abs() < 1e-6), "{y:?}");
    let close = |p: &wengert::Param<f32>, e: [f32; 3]| p.to_array().iter().zip(e).all(|(a, b)| *a == b || (a / b - 1.0).abs() < 1e-6);
    assert!(close(&stats.mean, [2e19, 2.0, 2e30]) && close(&stats.var, [2e38, 2.0, f32::INFINITY]), "{stats:?}");
}

/// The mean of equal numbers is one of them, to the bit, so that nothing is left for the root of eps to enlarge.
fn equal_numbers_are_zero<T: Scalar>() {
    for x in [100.1, 1000.1, -0.1, 1e-3, 33_333_333.3, 1e30, 1.0 / 3.0, 7e-20] {
        for n in [2, 3, 12, 17, 100, 1000, 4096] {
            let tape = Tape::<T>::new();
            let of = |shape: &[usize]| tape.leaf(ArrayD::from_elem(shape, T::from_f64(x)));
            let eps = 1e-5;
            let all = [
                of(&[n]).var(.., 1.0, false),
                of(&[n]).std(.., 0.0, false),
                of(&[3, n]).var(1, 1.0, false),
                of(&[n, 3]).std(0, 1.0, false),
                of(&[2, n, 3]).var([0, 1], 0.0, false),
                of(&[n, 2, 3]).permute(&[2, 0, 1]).std([1, 2], 0.0, false),
                of(&[n]).standardize(0, eps),
                of(&[n, 3]).standardize(0, eps),
                of(&[3, n]).t().standardize(0, eps),
                of(&[2, n, 3]).standardize([0, 2], eps),
                of(&[3, n]).layer_norm([n], plain(eps)),
                of(&[2, 4, n]).group_norm(2, plain(eps)),
                of(&[2, 3, n]).instance_norm(plain(eps)),
                of(&[n, 1]).batch_norm_train(None, plain(eps)),
                of(&[n, 70]).batch_norm_train(None, plain(eps)),
                of(&[3, 2, n]).batch_norm_train(None, plain(eps)),
                of(&[n, 2, 3]).batch_norm_train(None, plain(eps)),
            ];
            for (i, y) in all.into_iter().enumerate() {
                assert!(y.to_vec().iter().all(|&y| y == T::ZERO), "case {i} of {n} times {x} in {}: {:?}", T::NAME, y.to_vec()[0]);
            }
            let v = of(&[3, n]);
            let g = tape.grad((v.var(1, 1.0, false) + v.std(1, 1.0, false)).sum(), &[v])[0].unwrap();
            assert!(g.to_vec().iter().all(|&g| g == T::ZERO), "gradients of {n} times {x}");
        }
    }
}

#[test]
fn equal_numbers_are_zero_in_f32() {
    equal_numbers_are_zero::<f32>();
}
#[test]
fn equal_numbers_are_zero_in_f64() {
    equal_numbers_are_zero::<f64>();
}

#[test]
fn logits_of_any_size() {
    let tape = Tape::<f32>::new();
    for size in [1e4_f32, 1e10, 1e20, 1e30, 1e38] {
        for size in [size, -size] {
            // Two that are equal and one far below, where f32 has no digit for the logarithm of 2 beside them.
            let x = tape.leaf([[size, size, size - 0.9 * size.abs()]]);
            let loss = x.cross_entropy(&[0_i64][..]);
            let parts = [
                loss.item() - std::f32::consts::LN_2,
                x.log_softmax(1).to_vec()[1] + std::f32::consts::LN_2,
                x.softmax(1).to_vec()[0] - 0.5,
                tape.grad(loss, &[x])[0].unwrap().to_vec()[0] + 0.5,
                tape.grad(x.logsumexp(1, false), &[x])[0].unwrap().to_vec()[1] - 0.5,
                tape.grad(x.logcumsumexp(1).narrow(1, 2, 1), &[x])[0].unwrap().to_vec()[1] - 0.5,
                (x.logsumexp(1, false).item() - size) / size.abs(),
            ];
            assert!(parts.iter().all(|p| p.abs() < 1e-4), "{size:e}: {parts:?}");
        }
    }
}

/// -inf says that an element is not there: what is there has derivatives of any order, and what is not has 0.
#[test]
fn elements_at_minus_infinity_are_not_there() {
    type Masked = for<'t> fn(Var<'t, f64>) -> Var<'t, f64>;
    const ABSENT: f64 = f64::NEG_INFINITY;
    let shares: [(&str, Masked); 6] = [
        ("softmax", |x| x.softmax(1)),
        ("log_softmax", |x| x.log_softmax(1).narrow(1, 0, 1)),
        ("logsumexp", |x| x.logsumexp(1, false)),
        ("logcumsumexp", |x| x.logcumsumexp(1).narrow(1, 0, 2)),
        ("cross_entropy", |x| x.cross_entropy(&[0_i64][..])),
        ("attention", |x| {
            let (q, v) = (x.tape().constant([[0.3], [0.7]]), x.tape().constant([[1.0], [3.0], [-2.0]]));
            q.scaled_dot_product_attention(v, v, AttentionOptions { bias: Some(x), ..Default::default() })
        }),
    ];
    for (name, f) in shares {
        let tape = Tape::<f64>::new();
        let (full, part) = (tape.leaf([[0.2, -0.4, ABSENT]]), tape.leaf([[0.2, -0.4]]));
        let alone = if name == "attention" { part } else { f(part) };
        let mut orders = [f(full), alone].map(Some);
        for order in 1..4 {
            let full_gradient = orders[0].and_then(|y| tape.grad(y.square().sum(), &[full])[0]);
            let found = full_gradient.map_or(vec![0.0; 3], |g| g.to_vec());
            assert!(found.iter().all(|g| g.is_finite()) && found[2] == 0.0, "{name}, order {order}: {found:?}");
            if name != "attention" {
                let part_gradient = orders[1].and_then(|y| tape.grad(y.square().sum(), &[part])[0]);
                let expected = part_gradient.map_or(vec![0.0; 2], |g| g.to_vec());
                assert!(close(&found[..2], &expected, 1e-12), "{name}, order {order}: {found:?}, not {expected:?}");
                orders[1] = part_gradient;
            }
            orders[0] = full_gradient;
        }
    }
}

/// Activations are straight lines at the ends of a type: their second derivatives are 0 there, also of a cotangent by which x is multiplied.
#[test]
fn activations_are_straight_at_the_ends_of_a_type() {
    fn ends<T: Scalar>(largest: f64) {
        let all: [(&str, Function<T>, [f64; 2]); 14] = [
            ("silu", |x| x.silu(), [0.0, 1.0]),
            ("gelu", |x| x.gelu(), [0.0, 1.0]),
            ("gelu_tanh", |x| x.gelu_tanh(), [0.0, 1.0]),
            ("mish", |x| x.mish(), [0.0, 1.0]),
            ("softplus", |x| x.softplus(), [0.0, 1.0]),
            ("elu", |x| x.elu(1.0), [0.0, 1.0]),
            ("logsigmoid", |x| x.logsigmoid(), [1.0, 0.0]),
            ("hardswish", |x| x.hardswish(), [0.0, 1.0]),
            ("tanhshrink", |x| x.tanhshrink(), [1.0, 1.0]),
            ("softsign", |x| x.softsign(), [0.0, 0.0]),
            ("tanh", |x| x.tanh(), [0.0, 0.0]),
            ("sigmoid", |x| x.sigmoid(), [0.0, 0.0]),
            ("erf", |x| x.erf(), [0.0, 0.0]),
            ("relu", |x| x.relu(), [0.0, 1.0]),
        ];
        for (name, f, slopes) in all {
            for (slope, sign) in slopes.into_iter().zip([-1.0, 1.0]) {
                for x in [1e-8 * largest, 0.3 * largest, largest] {
                    let tape = Tape::<T>::new();
                    let x = tape.leaf(T::from_f64(sign * x));
                    let first = tape.grad_with(f(x), tape.constant(T::from_f64(4.0)), &[x])[0].expect("reached");
                    let second = tape.grad(first, &[x])[0].map_or(0.0, |g| g.item().to_f64());
                    let found = (first.item().to_f64(), second);
                    // (Of softsign both are beneath the type's smallest numbers, or near them.)
                    let near = |a: f64, b: f64| (a - b).abs() < 1e-30;
                    assert!(
                        near(found.0, 4.0 * slope) && near(found.1, 0.0),
                        "{name} in {} at {:e}: {found:?}",
                        T::NAME,
                        x.item().to_f64()
                    );
                }
            }
        }
    }
    ends::<f32>(3.4e38);
    ends::<f64>(1.7e308);
}
