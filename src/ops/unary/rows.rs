//! The sample rows of `unary.rs`.

use super::*;
use crate::ops::samples::*;
use std::f64::consts::{LN_2, LN_10};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

rows! {
    Abs: Abs, -2.0, 2.0, |x| x.abs(), [
        (0.0, 0.0, 0.0), (-0.0, 0.0, 0.0), (-3.5, 3.5, -1.0), (2.0, 2.0, 1.0), (INF, INF, 1.0), (-INF, INF, -1.0), (NAN, NAN, 0.0),
    ];
    Exp: Exp, -2.0, 2.0, |x| x.exp(), [
        (0.0, 1.0, 1.0), (-0.0, 1.0, 1.0), (LN_2, 2.0, 2.0), (-INF, 0.0, 0.0), (INF, INF, INF), (1e4, INF, INF), (-1e4, 0.0, 0.0),
        (NAN, NAN, NAN),
    ];
    Exp2: Exp2, -2.0, 2.0, |x| x.exp2(), [
        (0.0, 1.0, LN_2), (3.0, 8.0, 8.0 * LN_2), (-1.0, 0.5, 0.5 * LN_2), (-INF, 0.0, 0.0), (INF, INF, INF), (1e4, INF, INF),
        (-1e4, 0.0, 0.0), (NAN, NAN, NAN),
    ];
    Expm1: Expm1, -2.0, 2.0, |x| x.expm1(), [
        (0.0, 0.0, 1.0), (-INF, -1.0, 0.0), (INF, INF, INF), (-1e4, -1.0, 0.0), (1e4, INF, INF), (NAN, NAN, NAN),
    ];
    Ln: Ln, 0.3, 2.5, |x| x.ln(), [
        (1.0, 0.0, 1.0), (2.0, LN_2, 0.5), (0.0, -INF, INF), (INF, INF, 0.0), (-1.0, NAN, -1.0), (NAN, NAN, NAN),
    ];
    Log1p: Log1p, -0.7, 2.0, |x| x.log1p(), [
        (0.0, 0.0, 1.0), (1.0, LN_2, 0.5), (-1.0, -INF, INF), (INF, INF, 0.0), (-3.0, NAN, -0.5), (NAN, NAN, NAN),
    ];
    Log2: Log2, 0.3, 2.5, |x| x.log2(), [
        (1.0, 0.0, 1.0 / LN_2), (8.0, 3.0, 0.125 / LN_2), (0.0, -INF, INF), (INF, INF, 0.0), (-1.0, NAN, -1.0 / LN_2), (NAN, NAN, NAN),
    ];
    Log10: Log10, 0.3, 2.5, |x| x.log10(), [
        (1.0, 0.0, 1.0 / LN_10), (1000.0, 3.0, 1e-3 / LN_10), (0.0, -INF, INF), (INF, INF, 0.0), (-1.0, NAN, -1.0 / LN_10),
        (NAN, NAN, NAN),
    ];
    Sqrt: Sqrt, 0.3, 2.5, |x| x.sqrt(), [
        (0.0, 0.0, INF), (4.0, 2.0, 0.25), (2.25, 1.5, 1.0 / 3.0), (INF, INF, 0.0), (-1.0, NAN, NAN), (NAN, NAN, NAN),
    ];
    Rsqrt: Rsqrt, 0.3, 2.5, |x| x.rsqrt(), [
        (4.0, 0.5, -0.0625), (1.0, 1.0, -0.5), (0.0, INF, -INF), (INF, 0.0, 0.0), (-1.0, NAN, NAN), (NAN, NAN, NAN),
    ];
    Recip: Recip, 0.3, 2.5, |x| x.recip(), [
        (2.0, 0.5, -0.25), (-4.0, -0.25, -0.0625), (0.0, INF, -INF), (-0.0, -INF, -INF), (INF, 0.0, 0.0), (-INF, 0.0, 0.0),
        (NAN, NAN, NAN),
    ];
    Square: Square, -2.0, 2.0, |x| x.square(), [
        (0.0, 0.0, 0.0), (-3.0, 9.0, -6.0), (INF, INF, INF), (-INF, INF, -INF), (NAN, NAN, NAN),
    ];
    Erf: Erf, -2.0, 2.0, |x| x.erf(), [
        (0.0, 0.0, std::f64::consts::FRAC_2_SQRT_PI), (INF, 1.0, 0.0), (-INF, -1.0, 0.0), (1e3, 1.0, 0.0), (NAN, NAN, NAN),
    ];
    Erfc: Erfc, -2.0, 2.0, |x| x.erfc(), [
        (0.0, 1.0, -std::f64::consts::FRAC_2_SQRT_PI), (INF, 0.0, 0.0), (-INF, 2.0, 0.0), (1e3, 0.0, 0.0), (NAN, NAN, NAN),
    ];
}

impl Sampled for Logit {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        let mut rows = unary(Logit { eps: None }, 0.1, 0.9, |x| x.logit(None));
        rows.extend(unary(Logit { eps: Some(Attribute(0.21)) }, -0.1, 1.1, |x| x.logit(Some(0.21))));
        rows.push(equals([within(0.1, 0.9, &[7])], |v| v[0].logit(None).sigmoid(), |v| v[0]));
        rows.extend(points(
            |x| x.logit(None),
            &[
                (0.5, 0.0, 4.0),
                (0.25, -3.0_f64.ln(), 16.0 / 3.0),
                (0.0, -INF, INF),
                (1.0, INF, INF),
                (-0.5, NAN, NAN),
                (1.5, NAN, NAN),
                (NAN, NAN, NAN),
            ],
        ));
        rows.extend(points(
            |x| x.logit(Some(0.25)),
            &[
                (0.5, 0.0, 4.0),
                (0.25, -3.0_f64.ln(), 16.0 / 3.0),
                (0.75, 3.0_f64.ln(), 16.0 / 3.0),
                (0.125, -3.0_f64.ln(), 0.0),
                (1.0, 3.0_f64.ln(), 0.0),
                (-INF, -3.0_f64.ln(), 0.0),
                (NAN, NAN, 0.0),
            ],
        ));
        // Bounds in reverse order, with PyTorch's result.
        rows.extend(points(
            |x| x.logit(Some(0.75)),
            &[(0.5, 3.0_f64.ln(), 0.0), (0.25, 3.0_f64.ln(), 0.0), (0.75, -3.0_f64.ln(), 0.0), (1.0, -3.0_f64.ln(), 0.0)],
        ));
        rows.extend(points(|x| x.logit(Some(0.0)), &[(0.0, -INF, INF), (2.0, INF, 0.0), (-2.0, -INF, 0.0)]));
        rows
    }
}

impl Sampled for Powf {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        let mut rows = unary(Powf { p: Attribute(2.5) }, 0.3, 2.5, |x| x.powf(2.5));
        rows.extend(unary(Powf { p: Attribute(-1.5) }, 0.3, 2.5, |x| x.powf(-1.5)));
        rows.extend(unary(Powf { p: Attribute(3.0) }, -2.0, 2.0, |x| x.powi(3)));
        rows.extend(points(|x| x.powf(0.0), &[(0.0, 1.0, 0.0), (-2.0, 1.0, 0.0), (INF, 1.0, 0.0)]));
        rows.extend(points(|x| x.powf(1.0), &[(0.0, 0.0, 1.0), (-2.0, -2.0, 1.0)]));
        rows.extend(points(|x| x.powf(0.5), &[(0.0, 0.0, INF), (4.0, 2.0, 0.25), (-1.0, NAN, NAN)]));
        rows.extend(points(|x| x.powi(3), &[(0.0, 0.0, 0.0), (-2.0, -8.0, 12.0), (-INF, -INF, INF)]));
        rows.extend(points(|x| x.powi(-1), &[(2.0, 0.5, -0.25), (-2.0, -0.5, -0.25), (0.0, INF, -INF)]));
        rows.push(equals([any(&[5])], |v| v[0].powf(2.0), |v| v[0] * v[0]));
        rows.push(equals([positive(&[5])], |v| v[0].powf(0.5), |v| v[0].sqrt()));
        rows
    }
}
