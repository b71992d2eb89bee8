//! How is the error function computed?
//!
//! erf x up to 1 is an odd polynomial. Above, erfc x = e^(-x²) w P(3/4 - w) with w = 6 / (x + 3):
//! what remains of erfc without the exponential is nearly proportional to w, and the substitution
//! maps all of x >= 1/2 onto an interval short enough for one polynomial P. Both are minimax fits
//! (Remez exchange at 50 digits), P in relative error over 1/2 <= x <= 28. The square of x is taken
//! in two parts, as its rounding alone would cost x² units of the result.

use super::exp::{exp_unscaled, scale};
use super::{Simd, fma, select, two_prod};

/// (erf a for a <= 1, erfc a for a >= 1/2). The other range of each is meaningless.
#[inline(always)]
fn erf_erfc<S: Simd>(a: f64) -> (f64, f64) {
    let z = a * a;
    let erf = fma::<S>(
        a,
        poly!(S, z;
            0.1283791670955126,
            -0.3761263890318375,
            0.11283791670954882,
            -0.026866170645077354,
            0.005223977624823082,
            -0.0008548326981102935,
            0.00012055331120659253,
            -1.4925595464503203e-05,
            1.64610033553185e-06,
            -1.6350340025097507e-07,
            1.4659938581073956e-08,
            -1.1373402892741707e-09,
            5.957986205598386e-11,
        ),
        a,
    );
    // erfc is below the smallest subnormal from 27.3 on.
    let a = select(a > 28.0, 28.0, a);
    // w falls short by the factor 1 + rest: without it t would be too coarse.
    let d = a + 3.0;
    let d_low = a - (d - 3.0);
    let w = 6.0 / d;
    let (wd, wd_low) = two_prod::<S>(w, d);
    let rest = (((6.0 - wd) - wd_low) - w * d_low) * (1.0 / 6.0);
    let t = fma::<S>(-w, rest, 0.75 - w);
    // The first two steps by Horner's rule, which rounds less than Estrin's scheme.
    let q = poly!(S, t;
        0.06633266173113007,
        -0.03461756707276274,
        0.014389721648750948,
        -0.0042084443616347885,
        0.00047867189056391267,
        0.00025678484161468867,
        -0.00013793367781575697,
        4.928074877981724e-06,
        1.8430439011976052e-05,
        -4.402161839809377e-06,
        -2.339115336402236e-06,
        1.0720333370745628e-06,
        3.374813151540471e-07,
        -2.3181296167334217e-07,
        -6.36974283061112e-08,
        4.912595040409222e-08,
        1.7049141476004384e-08,
        -8.230987394001528e-09,
        -4.8216120588304216e-09,
        -2.0475016630497808e-10,
        1.903351268792594e-10,
    );
    let p = fma::<S>(t, fma::<S>(t, q, -0.10659143179651885), 0.1476061836440915);
    let (square, square_tail) = two_prod::<S>(a, a);
    // e^rest is that factor.
    let (e, power) = exp_unscaled::<S>(-square, rest - square_tail);
    let p = w * p;
    (erf, scale(fma::<S>(p, e, p), power))
}

/// erf x, the polynomial up to 1 and 1 - erfc |x| above. At most 1.09 ULP, 1.34 without FMA.
#[inline(always)]
pub fn erf<S: Simd>(x: f64) -> f64 {
    let a = x.abs();
    let (small, c) = erf_erfc::<S>(a);
    select(a < 1.0, small, 1.0 - c).copysign(x)
}

/// erfc x = 1 - erf x, itself the smaller of the two from 1/2 on, so that it keeps its relative
/// accuracy down to where it underflows (x = 27.2). At most 2.69 ULP, 2.95 without FMA.
#[inline(always)]
pub fn erfc<S: Simd>(x: f64) -> f64 {
    let a = x.abs();
    let (small, c) = erf_erfc::<S>(a);
    let small = 1.0 - small.copysign(x);
    let large = select(x < 0.0, 2.0 - c, c);
    select(a < 0.5, small, large)
}
