//! The sample rows of `trig.rs`.

use super::*;
use crate::ops::samples::*;
use std::f64::consts::{FRAC_2_PI, FRAC_PI_2, FRAC_PI_4, LN_2};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

rows! {
    Sin: Sin, -2.0, 2.0, |x| x.sin(), [
        (0.0, 0.0, 1.0), (INF, NAN, NAN), (-INF, NAN, NAN), (NAN, NAN, NAN),
        // Beyond the bound of the vectorised function: 2^26, in f32 and f64.
        (67_108_864.0, 67_108_864_f64.sin(), 67_108_864_f64.cos()),
    ];
    Cos: Cos, -2.0, 2.0, |x| x.cos(), [
        (0.0, 1.0, 0.0), (INF, NAN, NAN), (-INF, NAN, NAN), (NAN, NAN, NAN),
        (67_108_864.0, 67_108_864_f64.cos(), -67_108_864_f64.sin()),
    ];
    Tan: Tan, -1.2, 1.2, |x| x.tan(), [
        (0.0, 0.0, 1.0), (-0.75, -0.75_f64.tan(), 1.0 + 0.75_f64.tan().powi(2)), (INF, NAN, NAN), (-INF, NAN, NAN), (NAN, NAN, NAN),
        (67_108_864.0, 67_108_864_f64.tan(), 1.0 + 67_108_864_f64.tan().powi(2)),
    ];
    Asin: Asin, -0.9, 0.9, |x| x.asin(), [
        (0.0, 0.0, 1.0), (1.0, FRAC_PI_2, INF), (-1.0, -FRAC_PI_2, INF), (0.75, 0.75_f64.asin(), 0.4375_f64.sqrt().recip()),
        (1.5, NAN, NAN), (-INF, NAN, NAN), (NAN, NAN, NAN),
    ];
    Acos: Acos, -0.9, 0.9, |x| x.acos(), [
        (0.0, FRAC_PI_2, -1.0), (1.0, 0.0, -INF), (-1.0, PI, -INF), (0.75, 0.75_f64.acos(), -0.4375_f64.sqrt().recip()),
        (1.5, NAN, NAN), (-INF, NAN, NAN), (NAN, NAN, NAN),
    ];
    Atan: Atan, -2.0, 2.0, |x| x.atan(), [
        (0.0, 0.0, 1.0), (1.0, FRAC_PI_4, 0.5), (-1.0, -FRAC_PI_4, 0.5), (INF, FRAC_PI_2, 0.0), (-INF, -FRAC_PI_2, 0.0),
        (1e30, FRAC_PI_2, 0.0), (NAN, NAN, NAN),
    ];
    Sinc: Sinc, -2.0, 2.0, |x| x.sinc(), [
        (0.0, 1.0, 0.0), (-0.0, 1.0, 0.0), (0.5, FRAC_2_PI, -2.0 * FRAC_2_PI), (1.0, 0.0, -1.0), (-2.0, 0.0, -0.5), (1e-30, 1.0, 0.0),
        (INF, NAN, NAN), (-INF, NAN, NAN), (NAN, NAN, NAN), (67_108_864.0, 0.0, 1.0 / 67_108_864.0),
    ];
    Sinh: Sinh, -2.0, 2.0, |x| x.sinh(), [
        (0.0, 0.0, 1.0), (LN_2, 0.75, 1.25), (1e4, INF, INF), (-1e4, -INF, INF), (INF, INF, INF), (-INF, -INF, INF), (NAN, NAN, NAN),
    ];
    Cosh: Cosh, -2.0, 2.0, |x| x.cosh(), [
        (0.0, 1.0, 0.0), (LN_2, 1.25, 0.75), (1e4, INF, INF), (-1e4, INF, -INF), (INF, INF, INF), (-INF, INF, -INF), (NAN, NAN, NAN),
    ];
    Asinh: Asinh, -2.0, 2.0, |x| x.asinh(), [
        (0.0, 0.0, 1.0), (0.75, LN_2, 0.8), (-0.75, -LN_2, 0.8), (1e30, 1e30_f64.asinh(), 0.0), (INF, INF, 0.0), (-INF, -INF, 0.0),
        (NAN, NAN, NAN),
    ];
    Acosh: Acosh, 1.2, 3.0, |x| x.acosh(), [
        (1.0, 0.0, INF), (1.25, LN_2, 4.0 / 3.0), (1e30, 1e30_f64.acosh(), 0.0), (INF, INF, 0.0), (0.5, NAN, NAN), (-INF, NAN, NAN),
        (NAN, NAN, NAN),
    ];
    Atanh: Atanh, -0.9, 0.9, |x| x.atanh(), [
        (0.0, 0.0, 1.0), (0.5, 0.5 * 3.0_f64.ln(), 4.0 / 3.0), (1.0, INF, INF), (-1.0, -INF, INF), (2.0, NAN, -1.0 / 3.0),
        (NAN, NAN, NAN),
    ];
}

impl Sampled for Atan2 {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        let mut rows = binary(Atan2, [-2.0, 2.0], [-2.0, 2.0], |a, b| a.atan2(b));
        rows.extend(points2(
            |a, b| a.atan2(b),
            &[
                (1.0, 1.0, FRAC_PI_4, 0.5, -0.5),
                (1.0, -1.0, 3.0 * FRAC_PI_4, -0.5, -0.5),
                (-1.0, -1.0, -3.0 * FRAC_PI_4, -0.5, 0.5),
                (-1.0, 1.0, -FRAC_PI_4, 0.5, 0.5),
                (2.0, 0.0, FRAC_PI_2, 0.0, -0.5),
                (0.0, 2.0, 0.0, 0.5, 0.0),
                // The side from which zero is approached.
                (0.0, -2.0, PI, -0.5, 0.0),
                (-0.0, -2.0, -PI, -0.5, 0.0),
                (0.0, 0.0, 0.0, 0.0, 0.0),
                (0.0, -0.0, PI, 0.0, 0.0),
                (INF, 1.0, FRAC_PI_2, 0.0, NAN),
                (1.0, -INF, PI, NAN, 0.0),
                (NAN, 1.0, NAN, NAN, NAN),
            ],
        ));
        // The squares of the coordinates vanish or overflow in f32.
        rows.extend(points2(
            |a, b| a.atan2(b) * a.number(1e-6),
            &[(1e-30, 1e-30, FRAC_PI_4 * 1e-6, 5e23, -5e23), (-1e30, 1e30, -FRAC_PI_4 * 1e-6, 0.0, 0.0)],
        ));
        rows.push(equals([positive(&[7]), positive(&[7])], |v| v[0].atan2(v[1]), |v| (v[0] / v[1]).atan()));
        rows.push(refuses([any(&[2]), any(&[3])], |v| v[0].atan2(v[1]), &["atan2 of [2] and [3]", "hint: "]));
        rows
    }
}
