//! The sample rows of `binary.rs`.

use super::*;
use crate::ops::samples::*;

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

impl Sampled for Pow {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        let mut rows = binary(Pow, [0.3, 2.5], [-2.0, 2.0], |a, b| a.pow(b));
        rows.extend(points2(
            |a, b| a.pow(b),
            &[
                (2.0, 3.0, 8.0, 12.0, 8.0 * std::f64::consts::LN_2),
                (0.0, 2.0, 0.0, 0.0, 0.0),
                (0.0, 1.0, 0.0, 1.0, 0.0),
                (0.0, 0.0, 1.0, 0.0, 0.0),
                (0.0, 0.5, 0.0, INF, 0.0),
                (0.0, -1.0, INF, -INF, -INF),
                (-2.0, 2.0, 4.0, -4.0, NAN),
                (-2.0, 0.0, 1.0, 0.0, NAN),
                (-2.0, 0.5, NAN, NAN, NAN),
                (1.0, INF, 1.0, INF, 0.0),
                (INF, 2.0, INF, INF, INF),
                (NAN, 0.0, 1.0, 0.0, NAN),
                (NAN, 1.0, NAN, 1.0, NAN),
            ],
        ));
        rows.push(equals([positive(&[7]), any(&[7])], |v| v[0].pow(v[1]), |v| (v[1] * v[0].ln()).exp()));
        rows.push(refuses([any(&[2]), any(&[3])], |v| v[0].pow(v[1]), &["pow of [2] and [3]", "hint: "]));
        rows
    }
}

impl Sampled for Hypot {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        let mut rows = binary(Hypot, [-2.0, 2.0], [-2.0, 2.0], |a, b| a.hypot(b));
        rows.extend(points2(
            |a, b| a.hypot(b),
            &[
                (3.0, 4.0, 5.0, 0.6, 0.8),
                (-5.0, 12.0, 13.0, -5.0 / 13.0, 12.0 / 13.0),
                (0.0, -2.0, 2.0, 0.0, -1.0),
                (0.0, 0.0, 0.0, 0.0, 0.0),
                (-0.0, 0.0, 0.0, 0.0, 0.0),
                // The squares of these overflow or vanish in f32.
                (3e30, 4e30, 5e30, 0.6, 0.8),
                (3e-30, 4e-30, 5e-30, 0.6, 0.8),
                (INF, 1.0, INF, NAN, 0.0),
                (NAN, -INF, INF, NAN, NAN),
                (NAN, 1.0, NAN, NAN, NAN),
            ],
        ));
        rows.push(equals([any(&[7]), any(&[7])], |v| v[0].hypot(v[1]), |v| (v[0].square() + v[1].square()).sqrt()));
        rows.push(refuses([any(&[2]), any(&[3])], |v| v[0].hypot(v[1]), &["hypot of [2] and [3]", "hint: "]));
        rows
    }
}

impl Sampled for Xlogy {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        let mut rows = binary(Xlogy, [0.3, 2.5], [0.3, 2.5], |a, b| a.xlogy(b));
        rows.extend(points2(
            |a, b| a.xlogy(b),
            &[
                (3.0, 2.0, 3.0 * std::f64::consts::LN_2, std::f64::consts::LN_2, 1.5),
                (0.0, 2.0, 0.0, std::f64::consts::LN_2, 0.0),
                (0.0, 0.0, 0.0, 0.0, NAN),
                (0.0, -1.0, 0.0, 0.0, 0.0),
                (0.0, INF, 0.0, INF, 0.0),
                (0.0, NAN, NAN, NAN, NAN),
                (1.0, 0.0, -INF, -INF, INF),
                (2.0, -1.0, NAN, NAN, -2.0),
                (NAN, 1.0, NAN, 0.0, NAN),
            ],
        ));
        rows.push(equals([any(&[7]), positive(&[7])], |v| v[0].xlogy(v[1]), |v| v[0] * v[1].ln()));
        rows.push(refuses([any(&[2]), any(&[3])], |v| v[0].xlogy(v[1]), &["xlogy of [2] and [3]", "hint: "]));
        rows
    }
}

impl Sampled for LogAddExp {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        let mut rows = binary(LogAddExp, [-2.0, 2.0], [-2.0, 2.0], |a, b| a.logaddexp(b));
        rows.extend(points2(
            |a, b| a.logaddexp(b),
            &[
                (0.0, 0.0, std::f64::consts::LN_2, 0.5, 0.5),
                (1e4, 1e4, 1e4 + std::f64::consts::LN_2, 0.5, 0.5),
                (1e4, -1e4, 1e4, 1.0, 0.0),
                (-1e4, 0.0, 0.0, 0.0, 1.0),
                (INF, 1.0, INF, 1.0, 0.0),
                (-INF, 1.0, 1.0, 0.0, 1.0),
                (INF, -INF, INF, 1.0, 0.0),
                (INF, INF, INF, NAN, NAN),
                (-INF, -INF, -INF, NAN, NAN),
                (NAN, 1.0, NAN, NAN, NAN),
            ],
        ));
        rows.push(equals([any(&[7]), any(&[7])], |v| v[0].logaddexp(v[1]), |v| (v[0].exp() + v[1].exp()).ln()));
        // Two equal numbers.
        rows.push(equals(
            [any(&[3])],
            |v| v[0].logaddexp(v[0].detach()),
            |v| (v[0] - v[0].detach()).softplus_with(1.0, INF) + v[0].detach(),
        ));
        rows.push(refuses([any(&[2]), any(&[3])], |v| v[0].logaddexp(v[1]), &["logaddexp of [2] and [3]", "hint: "]));
        rows
    }
}

impl Sampled for Maximum {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        let mut rows = binary(Maximum, [-2.0, 2.0], [-2.0, 2.0], |a, b| a.maximum(b));
        rows.extend(points2(
            |a, b| a.maximum(b),
            &[
                (1.0, 2.0, 2.0, 0.0, 1.0),
                (2.0, -1.0, 2.0, 1.0, 0.0),
                (3.0, 3.0, 3.0, 0.5, 0.5),
                (0.0, -0.0, 0.0, 0.5, 0.5),
                (INF, INF, INF, 0.5, 0.5),
                (-INF, 1.0, 1.0, 0.0, 1.0),
                (NAN, 1.0, NAN, 1.0, 1.0),
                (1.0, NAN, NAN, 1.0, 1.0),
            ],
        ));
        rows.push(refuses([any(&[2]), any(&[3])], |v| v[0].maximum(v[1]), &["maximum of [2] and [3]", "hint: "]));
        rows
    }
}

impl Sampled for Minimum {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        let mut rows = binary(Minimum, [-2.0, 2.0], [-2.0, 2.0], |a, b| a.minimum(b));
        rows.extend(points2(
            |a, b| a.minimum(b),
            &[
                (1.0, 2.0, 1.0, 1.0, 0.0),
                (2.0, -1.0, -1.0, 0.0, 1.0),
                (3.0, 3.0, 3.0, 0.5, 0.5),
                (INF, 1.0, 1.0, 0.0, 1.0),
                (NAN, 1.0, NAN, 1.0, 1.0),
                (1.0, NAN, NAN, 1.0, 1.0),
            ],
        ));
        rows.push(refuses([any(&[2]), any(&[3])], |v| v[0].minimum(v[1]), &["minimum of [2] and [3]", "hint: "]));
        rows
    }
}

impl Sampled for Compare {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        let a = || of(&[5], [1.0, 2.0, 2.0, NAN, INF]);
        let b = || of(&[5], [2.0, 2.0, 1.0, NAN, INF]);
        vec![
            constant([a(), b()], |v| v[0].gt(v[1]), &[0.0, 0.0, 1.0, 0.0, 0.0]),
            constant([a(), b()], |v| v[0].ge(v[1]), &[0.0, 1.0, 1.0, 0.0, 1.0]),
            constant([a(), b()], |v| v[0].lt(v[1]), &[1.0, 0.0, 0.0, 0.0, 0.0]),
            constant([a(), b()], |v| v[0].le(v[1]), &[1.0, 1.0, 0.0, 0.0, 1.0]),
            constant([a(), b()], |v| v[0].equal(v[1]), &[0.0, 1.0, 0.0, 0.0, 1.0]),
            constant([a(), b()], |v| v[0].not_equal(v[1]), &[1.0, 0.0, 1.0, 1.0, 0.0]),
            constant([of(&[2, 1], [1.0, 2.0]), of(&[2], [1.0, 2.0])], |v| v[0].equal(v[1]), &[1.0, 0.0, 0.0, 1.0]),
            constant([of(&[], [0.0]), of(&[], [-0.0])], |v| v[0].equal(v[1]), &[1.0]),
            // A mask is a constant factor.
            grad([any(&[3, 5]), any(&[5])], |v| v[0] * v[0].gt(v[1])),
            refuses([any(&[2]), any(&[3])], |v| v[0].gt(v[1]), &["gt of [2] and [3]", "hint: "]),
            refuses([any(&[2]), any(&[3])], |v| v[0].equal(v[1]), &["equal of [2] and [3]", "hint: "]),
        ]
    }
}
