//! A cotangent of exactly 0 stays 0 through functions whose value or slope is infinite or NaN, in derivatives of every order: what a mask
//! leaves out contributes nothing.

use wengert::{Binary, Real, Scalar, Tape, Unary, Var, jvp};

/// The highest order of derivatives.
const ORDER: usize = 4;
const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

type Function<T> = for<'t> fn(Var<'t, T>) -> Var<'t, T>;

/// A square root as a user writes it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Root;
impl Unary for Root {
    const NAME: &'static str = "root";
    const GRAD_NAME: &'static str = "root_grad";
    fn f<R: Real>(self, x: R) -> R {
        x.sqrt()
    }
    fn df<R: Real>(self, x: R, _: R) -> R {
        x.lit(0.5) / x.sqrt()
    }
}

/// A quotient as a user writes it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Ratio;
impl Binary for Ratio {
    const NAME: &'static str = "ratio";
    const GRAD_NAME: &'static str = "ratio_grad";
    fn f<R: Real>(self, a: R, b: R) -> R {
        a / b
    }
    fn da<R: Real>(self, _: R, b: R) -> R {
        b.lit(1.0) / b
    }
    fn db<R: Real>(self, a: R, b: R) -> R {
        -a / (b * b)
    }
}

/// Functions of one number: a name, points at which value, slope or a further derivative is infinite or NaN, and a number at which all is
/// well.
fn functions<T: Scalar>() -> Vec<(&'static str, Vec<f64>, f64, Function<T>)> {
    fn c<T: Scalar>(x: f64) -> T {
        T::from_f64(x)
    }
    vec![
        ("sqrt", vec![0.0, -0.0, -1.0, NAN], 2.0, |x| x.sqrt()),
        ("rsqrt", vec![0.0, -1.0], 2.0, |x| x.rsqrt()),
        ("recip", vec![0.0, -0.0, NAN], 2.0, |x| x.recip()),
        ("ln", vec![0.0, -1.0, NAN], 2.0, |x| x.ln()),
        ("log1p", vec![-1.0, -2.0], 2.0, |x| x.log1p()),
        ("log2", vec![0.0], 2.0, |x| x.log2()),
        ("log10", vec![0.0], 2.0, |x| x.log10()),
        ("logit", vec![0.0, 1.0, 2.0], 0.25, |x| x.logit(None)),
        ("powf 1/2", vec![0.0, -1.0], 2.0, |x| x.powf(0.5)),
        ("powf 1/3", vec![0.0], 2.0, |x| x.powf(1.0 / 3.0)),
        ("powf -3/2", vec![0.0, INF], 2.0, |x| x.powf(-1.5)),
        ("powi -1", vec![0.0, -0.0], 2.0, |x| x.powi(-1)),
        ("powi 3", vec![INF, NAN], 2.0, |x| x.powi(3)),
        ("pow by 1/2", vec![0.0, -1.0], 2.0, |x| x.pow(c::<T>(0.5))),
        ("pow by itself", vec![0.0, -0.5, INF], 2.0, |x| x.pow(x)),
        ("asin", vec![1.0, -1.0, 2.0], 0.5, |x| x.asin()),
        ("acos", vec![1.0, -1.0, 2.0], 0.5, |x| x.acos()),
        ("acosh", vec![1.0, 0.0], 2.0, |x| x.acosh()),
        ("atanh", vec![1.0, -1.0, 2.0], 0.5, |x| x.atanh()),
        ("exp", vec![1e3, INF, NAN], 0.5, |x| x.exp()),
        ("exp2", vec![1e4], 0.5, |x| x.exp2()),
        ("expm1", vec![1e3], 0.5, |x| x.expm1()),
        ("sinh", vec![1e3], 0.5, |x| x.sinh()),
        ("cosh", vec![1e3, INF], 0.5, |x| x.cosh()),
        ("tan", vec![INF], 0.5, |x| x.tan()),
        ("sigmoid", vec![NAN], 0.5, |x| x.sigmoid()),
        ("tanh", vec![NAN], 0.5, |x| x.tanh()),
        ("square", vec![INF, NAN], 0.5, |x| x.square()),
        ("hypot", vec![0.0, INF, NAN], 0.5, |x| x.hypot(x)),
        ("atan2", vec![0.0, INF], 0.5, |x| x.atan2(x * x)),
        ("xlogy", vec![0.0, -1.0], 0.5, |x| x.xlogy(x)),
        ("logaddexp", vec![INF, -INF], 0.5, |x| x.logaddexp(x.square())),
        ("fmod", vec![INF, 0.0], 0.75, |x| x.fmod(x.square())),
        ("remainder", vec![INF, 0.0], 0.75, |x| x.remainder(x.square())),
        ("1 / x", vec![0.0, -0.0, NAN], 2.0, |x| x.ones_like() / x),
        ("x / x^2", vec![0.0, INF], 2.0, |x| x / (x * x)),
        ("x ln x", vec![0.0, -1.0], 2.0, |x| x * x.ln()),
        ("x e^x", vec![1e3, -INF], 0.5, |x| x * x.exp()),
        ("the root of a square", vec![0.0], 2.0, |x| (x * x).sqrt()),
        ("sqrt(x) / ln(1 + x)", vec![0.0, -1.0], 2.0, |x| x.sqrt() / x.log1p()),
        ("a root of one's own", vec![0.0, -1.0], 2.0, |x| x.map(Root)),
        ("a quotient of one's own", vec![0.0], 2.0, |x| x.zip(Ratio, x.square())),
        ("the norm of order 1/2", vec![0.0, INF, NAN], 2.0, |x| x.unsqueeze(-1).vector_norm(0.5, -1, false)),
        ("the norm of order 2", vec![0.0, INF, NAN], 2.0, |x| x.unsqueeze(-1).vector_norm(2.0, -1, false)),
        ("the norm of order 3", vec![0.0, INF, NAN], 2.0, |x| x.unsqueeze(-1).vector_norm(3.0, -1, false)),
        ("the norm of infinite order", vec![0.0, INF, NAN], 2.0, |x| x.unsqueeze(-1).vector_norm(INF, -1, false)),
    ]
}

/// The derivatives of order 1, 2 .. of the sum of all elements, each of the sum of the one before it.
fn derivatives<'t, T: Scalar>(y: Var<'t, T>, x: Var<'t, T>) -> Vec<Vec<f64>> {
    let mut root = Some(y.sum());
    let one = |_| {
        let gradient = root.and_then(|root| x.tape().grad(root, &[x])[0]);
        root = gradient.map(Var::sum);
        gradient.map_or(vec![0.0; x.numel()], |g| g.to_vec().into_iter().map(Scalar::to_f64).collect())
    };
    (0..ORDER).map(one).collect()
}

/// With the short way of numbers and without, with waiting ops and without.
fn tapes<T: Scalar>() -> [Tape<T>; 3] {
    [Tape::new(), Tape::new().fast_ways(false, usize::MAX), Tape::new().fast_ways(true, 2)]
}

/// A masked element has derivatives of 0, and the others those that they have without a mask.
fn what_a_mask_leaves_out_contributes_nothing<T: Scalar>() {
    let mut wrong = Vec::new();
    for (name, points, good, f) in functions::<T>() {
        for point in points {
            for tape in tapes::<T>() {
                let alone = tape.leaf([T::from_f64(good)]);
                let expected = derivatives(f(alone), alone);
                // Some derivative is not 0, or nothing would be tested.
                assert!(expected.iter().flatten().all(|d| d.is_finite()) && expected[0][0] != 0.0, "{name}: {expected:?}");
                let number = tape.leaf(T::from_f64(point));
                let masked = tape.constant(T::ZERO).where_cond(f(number), T::ZERO);
                let several = tape.leaf([point, good, point].map(T::from_f64));
                let mask = tape.constant([T::ZERO, T::ONE, T::ZERO]);
                let some = mask.where_cond(f(several), T::ZERO);
                let (of_number, of_several) = (derivatives(masked, number), derivatives(some, several));
                for k in 0..ORDER {
                    let expected = expected[k][0];
                    let close = |d: f64| (d - expected).abs() <= 1e-5 * expected.abs();
                    if of_number[k] != [0.0] || of_several[k][0] != 0.0 || of_several[k][2] != 0.0 || !close(of_several[k][1]) {
                        wrong.push(format!(
                            "{name} at {point} in {}, order {}: {:?}, {:?}, expected 0 and {expected}",
                            T::NAME,
                            k + 1,
                            of_number[k],
                            of_several[k]
                        ));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_a_mask_leaves_out_contributes_nothing_in_f32() {
    what_a_mask_leaves_out_contributes_nothing::<f32>();
}
#[test]
fn what_a_mask_leaves_out_contributes_nothing_in_f64() {
    what_a_mask_leaves_out_contributes_nothing::<f64>();
}

/// Both sweeps, where the mask comes from x itself, and the array is large enough to be computed later and in blocks.
#[test]
fn large_arrays_keep_the_rule() {
    let tape = Tape::<f32>::new();
    let values: Vec<f32> = (0..40_000).map(|i| (i % 5) as f32 - 1.0).collect();
    let x = tape.leaf(values.clone());
    let y = x.gt(0.0).where_cond(x * x.ln() + x.sqrt() / x, 0.0).sum();
    let expected = |x: f32| if x > 0.0 { x.ln() + 1.0 - 0.5 / (x * x.sqrt()) } else { 0.0 };
    let close = |g: &[f32]| g.iter().zip(&values).all(|(g, &x)| (g - expected(x)).abs() <= 1e-5);
    assert!(close(&tape.grad(y, &[x])[0].unwrap().to_vec()));
    assert!(close(tape.backward(y).wrt(x).unwrap().as_slice().unwrap()));
}

/// The directional derivative has the same rule.
#[test]
fn tangents_keep_the_rule() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf([0.0, 4.0]);
    let (_, tangent) = jvp(|x| x.gt(0.0).where_cond(x.sqrt(), 0.0), x, tape.constant([1.0, 1.0]));
    assert_eq!(tangent.to_vec(), [0.0, 0.25]);
    // A direction of 0 stays 0.
    let (_, tangent) = jvp(|x| x.sqrt(), x, tape.constant([0.0, 1.0]));
    assert_eq!(tangent.to_vec(), [0.0, 0.25]);
    let second = jvp(|x| jvp(|x| x.gt(0.0).where_cond(x.sqrt(), 0.0), x, x.ones_like()).1, x, tape.constant([1.0, 1.0])).1;
    assert_eq!(second.to_vec(), [0.0, -1.0 / 32.0]);
}

/// The cotangent is 0 for other reasons than a mask.
#[test]
fn factors_of_zero_and_closed_rectifiers_count() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(0.0);
    let zeros: [Var<'_, f64>; 4] =
        [x.sqrt() * 0.0, (x.sqrt() - 1.0).relu(), x.ln().clamp(-1.0, 1.0), x.ln().maximum(-1.0) + x.recip().minimum(1.0)];
    for y in zeros {
        assert_eq!(derivatives(y, x), vec![[0.0]; ORDER]);
    }
}

/// Functions of rows: a masked row has derivatives of 0, though its value is NaN or infinite.
#[test]
fn masked_rows_contribute_nothing() {
    let cases: [(&str, [f64; 2], Function<f64>); 7] = [
        ("softmax of nothing", [-INF, -INF], |x| x.softmax(-1)),
        ("log_softmax of nothing", [-INF, -INF], |x| x.log_softmax(-1)),
        ("logsumexp with NaN", [NAN, 1.0], |x| x.logsumexp(-1, true)),
        ("std with infinity", [INF, 1.0], |x| x.std(-1, 1.0, true)),
        ("std of too few", [1.0, 2.0], |x| x.std(-1, 2.0, true)),
        ("var of too few", [1.0, 2.0], |x| x.var(-1, 2.0, true)),
        ("amax with NaN", [NAN, 1.0], |x| x.amax(-1, true)),
    ];
    for (name, row, f) in cases {
        let tape = Tape::<f64>::new();
        let x = tape.leaf([row, [0.5, 2.0]]);
        let y = tape.constant([[0.0], [0.0]]).where_cond(f(x), 0.0);
        for (k, d) in derivatives(y * y.ones_like(), x).into_iter().enumerate() {
            assert_eq!(d, [0.0; 4], "{name}, order {}", k + 1);
        }
    }
}

/// The rule is about a cotangent of 0 alone: infinite slopes stay infinite, an infinite cotangent times a slope of 0 is NaN, and so is 0
/// times infinity within a sum of products.
#[test]
fn infinities_that_matter_stay() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf([0.0, 4.0]);
    let slope = |y: Var<'_, f64>| derivatives(y, x)[0].clone();
    assert_eq!(slope(x.sqrt()), [INF, 0.25]);
    assert!(slope((x * x).sqrt())[0].is_nan());
    // The price of the rule, which the page on kinks names: x has the derivative 1.
    assert_eq!(slope(x.sqrt() * x.sqrt())[0], 0.0);
    assert!(slope(x * x.ln())[0] == -INF);
    let (w, a) = (tape.constant([[0.0], [1.0]]), tape.leaf([[INF, 1.0]]));
    let inner = a.matmul(w); // 0 inf + 1
    let b = tape.leaf([[0.0], [1.0]]);
    let product = tape.constant([[0.0]]).where_cond(a.matmul(b), 0.0);
    assert!(inner.item().is_nan() && derivatives(product, b)[0][0].is_nan());
}
