//! The sample rows of `rectifier.rs`.

use super::*;
use crate::ops::samples::*;

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

impl Sampled for Relu {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        let mut rows = unary(Relu, -2.0, 2.0, |x| x.relu());
        rows.extend(points(
            |x| x.relu(),
            &[(0.0, 0.0, 0.0), (-0.0, 0.0, 0.0), (2.5, 2.5, 1.0), (-1.0, 0.0, 0.0), (INF, INF, 1.0), (-INF, 0.0, 0.0)],
        ));
        // PyTorch stops the gradient where x <= 0, which is false for a NaN.
        rows.extend(points(|x| x.relu(), &[(NAN, NAN, 1.0)]));
        rows
    }
}

impl Sampled for LeakyRelu {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        let mut rows = unary(LeakyRelu { slope: Attribute(0.25) }, -2.0, 2.0, |x| x.leaky_relu(0.25));
        rows.extend(points(
            |x| x.leaky_relu(0.25),
            &[(0.0, 0.0, 0.25), (2.0, 2.0, 1.0), (-2.0, -0.5, 0.25), (INF, INF, 1.0), (-INF, -INF, 0.25), (NAN, NAN, 0.25)],
        ));
        rows
    }
}

impl Sampled for Elu {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        let mut rows = unary(Elu::new(1.5, 1.0, 1.0), -2.0, 2.0, |x| x.elu(1.5));
        rows.extend(points(
            |x| x.elu(1.5),
            &[
                (0.0, 0.0, 1.5),
                (2.0, 2.0, 1.0),
                (-std::f64::consts::LN_2, -0.75, 0.75),
                (1e4, 1e4, 1.0),
                (-1e4, -1.5, 0.0),
                (INF, INF, 1.0),
                (-INF, -1.5, 0.0),
                (NAN, NAN, 1.0),
            ],
        ));
        rows.extend(unary(Elu::new(0.5, 1.0, 2.0), -2.0, 2.0, |x| x.celu(0.5)));
        rows.extend(points(
            |x| x.celu(0.5),
            &[(0.0, 0.0, 1.0), (1.5, 1.5, 1.0), (-0.5 * std::f64::consts::LN_2, -0.25, 0.5), (-INF, -0.5, 0.0)],
        ));
        rows.extend(one(-2.0, 2.0, |x| x.selu()));
        rows.extend(points(|x| x.selu(), &[(0.0, 0.0, 1.758_099_340_847_376_6), (2.0, 2.101_401_974_710_961, 1.050_700_987_355_480_5)]));
        rows.push(equals(
            [of(&[3], [0.0, -0.0, 0.0])],
            |v| v[0].elu(1.5),
            |v| v[0] * v[0].number(1.5), // at the kink, value and slope are the exponential's; the second derivative is 0
        ));
        // Far above the kink the other branch overflows; no derivative of it may leak.
        rows.push(equals([of(&[3], [100.0, 800.0, 5.0])], |v| v[0].elu(1.5).square(), |v| v[0].square()));
        rows.push(refuses([any(&[2])], |v| v[0].celu(0.0), &["celu of [2]", "alpha is 0", "hint: "]));
        rows
    }
}

impl Sampled for Hardtanh {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        let mut rows = unary(Hardtanh { low: Attribute(-1.01), high: Attribute(0.77) }, -2.0, 2.0, |x| x.hardtanh(-1.01, 0.77));
        rows.extend(points(
            |x| x.hardtanh(-1.01, 0.77),
            &[(-1.5, -1.01, 0.0), (0.0, 0.0, 1.0), (0.5, 0.5, 1.0), (INF, 0.77, 0.0), (-INF, -1.01, 0.0), (NAN, NAN, 0.0)],
        ));
        rows.extend(points(|x| x.hardtanh(-1.0, 1.0), &[(-1.0, -1.0, 0.0), (1.0, 1.0, 0.0), (0.5, 0.5, 1.0)]));
        rows.extend(points(|x| x.hardtanh(0.0, 0.0), &[(-1.0, 0.0, 0.0), (0.0, 0.0, 0.0), (1.0, 0.0, 0.0)]));
        rows.extend(points(|x| x.relu6(), &[(-1.0, 0.0, 0.0), (0.0, 0.0, 0.0), (3.0, 3.0, 1.0), (6.0, 6.0, 0.0), (7.0, 6.0, 0.0)]));
        rows.push(refuses([any(&[2])], |v| v[0].hardtanh(1.0, 0.0), &["hardtanh of [2]", "low = 1 > high = 0", "hint: "]));
        rows
    }
}

impl Sampled for Hardsigmoid {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        let mut rows = unary(Hardsigmoid, -2.0, 2.0, |x| x.hardsigmoid());
        rows.extend(points(
            |x| x.hardsigmoid(),
            &[
                (0.0, 0.5, 1.0 / 6.0),
                (-3.0, 0.0, 0.0),
                (3.0, 1.0, 0.0),
                (1.5, 0.75, 1.0 / 6.0),
                (INF, 1.0, 0.0),
                (-INF, 0.0, 0.0),
                (NAN, NAN, 0.0),
            ],
        ));
        rows.extend(one(-5.0, 5.0, |x| x.hardsigmoid()));
        rows
    }
}

impl Sampled for Hardswish {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        let mut rows = unary(Hardswish, -2.0, 2.0, |x| x.hardswish());
        rows.extend(points(
            |x| x.hardswish(),
            &[
                (0.0, 0.0, 0.5),
                (-3.0, 0.0, 0.0),
                (3.0, 3.0, 1.0),
                (1.5, 1.125, 1.0),
                (5.0, 5.0, 1.0),
                (-5.0, 0.0, 0.0),
                (INF, INF, 1.0),
                (-INF, NAN, 0.0),
                (NAN, NAN, 1.0),
            ],
        ));
        rows.extend(one(-5.0, 5.0, |x| x.hardswish()));
        rows
    }
}

impl Sampled for Hardshrink {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        let mut rows = unary(Hardshrink { lambda: Attribute(0.53) }, -2.0, 2.0, |x| x.hardshrink(0.53));
        rows.extend(points(
            |x| x.hardshrink(0.53),
            &[(0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (-1.0, -1.0, 1.0), (-0.25, 0.0, 0.0), (INF, INF, 1.0), (-INF, -INF, 1.0), (NAN, NAN, 0.0)],
        ));
        rows.extend(points(|x| x.hardshrink(0.5), &[(0.5, 0.0, 0.0), (-0.5, 0.0, 0.0)]));
        rows.extend(points(|x| x.hardshrink(-1.0), &[(0.0, 0.0, 1.0), (0.5, 0.5, 1.0)]));
        rows
    }
}

impl Sampled for Softshrink {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        let mut rows = unary(Softshrink { lambda: Attribute(0.53) }, -2.0, 2.0, |x| x.softshrink(0.53));
        rows.extend(points(
            |x| x.softshrink(0.53),
            &[
                (0.0, 0.0, 0.0),
                (1.53, 1.0, 1.0),
                (-1.53, -1.0, 1.0),
                (-0.25, 0.0, 0.0),
                (INF, INF, 1.0),
                (-INF, -INF, 1.0),
                (NAN, NAN, 0.0),
            ],
        ));
        rows.extend(points(|x| x.softshrink(0.5), &[(0.5, 0.0, 0.0), (-0.5, 0.0, 0.0), (0.75, 0.25, 1.0)]));
        rows.push(refuses([any(&[2])], |v| v[0].softshrink(-1.0), &["softshrink of [2]", "lambda = -1 is negative", "hint: "]));
        rows
    }
}

impl Sampled for Threshold {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        let mut rows = unary(Threshold { threshold: Attribute(0.53), value: Attribute(-3.0) }, -2.0, 2.0, |x| x.threshold(0.53, -3.0));
        rows.extend(points(
            |x| x.threshold(0.53, -3.0),
            &[(0.0, -3.0, 0.0), (1.0, 1.0, 1.0), (INF, INF, 1.0), (-INF, -3.0, 0.0), (NAN, NAN, 1.0)],
        ));
        rows.extend(points(|x| x.threshold(0.5, 20.0), &[(0.5, 20.0, 0.0), (0.75, 0.75, 1.0)]));
        rows
    }
}

impl Sampled for Prelu {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        let w = |shape: &[usize]| within(0.1, 0.4, shape);
        vec![
            grad([any(&[]), w(&[])], |v| v[0].prelu(v[1])),
            grad([any(&[]), w(&[1])], |v| v[0].prelu(v[1])),
            grad([any(&[37]), w(&[1])], |v| v[0].prelu(v[1])),
            grad([any(&[5]), w(&[])], |v| v[0].prelu(v[1])),
            grad([any(&[3, 4]), w(&[4])], |v| v[0].prelu(v[1])),
            grad([any(&[2, 3, 4, 2]), w(&[3])], |v| v[0].prelu(v[1])),
            grad([any(&[3, 2]), w(&[3])], |v| v[0].t().prelu(v[1])),
            grad([any(&[0, 3]), w(&[3])], |v| v[0].prelu(v[1])),
            grad([any(&[2, 0]), w(&[0])], |v| v[0].prelu(v[1])),
            grad([any(&[1])], |v| v[0].prelu(v[0])),
            equals([any(&[2, 3]), w(&[])], |v| v[0].prelu(v[1]), |v| v[0].relu() - v[1] * (-v[0]).relu()),
            value(
                [of(&[5], [0.0, -2.0, 3.0, INF, NAN]), of(&[], [0.25])],
                |v| v[0].prelu(v[1]),
                &[0.0, -0.5, 3.0, INF, NAN],
                [&[0.25, 0.25, 1.0, 1.0, 0.25], &[NAN]],
            ),
            refuses([any(&[]), w(&[2])], |v| v[0].prelu(v[1]), &["prelu of [] and [2]", "hint: "]),
            refuses([any(&[5]), w(&[5])], |v| v[0].prelu(v[1]), &["prelu of [5] and [5]", "5 weights for 1 channels", "hint: "]),
            refuses(
                [any(&[2, 8, 3]), w(&[9])],
                |v| v[0].prelu(v[1]),
                &["prelu of [2, 8, 3] and [9]", "9 weights for 8 channels", "hint: "],
            ),
            refuses([any(&[2, 8, 3]), w(&[2, 4])], |v| v[0].prelu(v[1]), &["prelu of [2, 8, 3] and [2, 4]", "several axes", "hint: "]),
        ]
    }
}
