//! How is the error function computed?
//!
//! erf x up to 1 is an odd polynomial. Above, erfc x = e^(-x²) w P(3/4 - w) with w = 6 / (x + 3):
//! what remains of erfc without the exponential is nearly proportional to w, and the substitution
//! maps all of x >= 1/2 onto an interval short enough for one polynomial P. Both are minimax fits
//! (Remez exchange at 50 digits), P in relative error over 1/2 <= x <= 11. The square of x is taken
//! in two parts, as its rounding alone would cost x² units of the result.

use super::exp::{exp_unscaled, scale};
use super::{Simd, fma, select, two_prod};

/// (erf a for a <= 1, erfc a for a >= 1/2). The other range of each is meaningless.
#[inline(always)]
fn erf_erfc<S: Simd>(a: f32) -> (f32, f32) {
    let z = a * a;
    let erf = fma::<S>(
        a,
        poly!(S, z;
            0.12837917,
            -0.37612626,
            0.112835996,
            -0.026854401,
            0.005189444,
            -0.00080199464,
            7.88586e-05,
        ),
        a,
    );
    // erfc is below the smallest subnormal from 10.1 on.
    let a = select(a > 11.0, 11.0, a);
    // w falls short by the factor 1 + rest: without it t would be too coarse.
    let d = a + 3.0;
    let d_low = a - (d - 3.0);
    let w = 6.0 / d;
    let (wd, wd_low) = two_prod::<S>(w, d);
    let rest = (((6.0 - wd) - wd_low) - w * d_low) * (1.0 / 6.0);
    let t = fma::<S>(-w, rest, 0.75 - w);
    // The first two steps by Horner's rule, which rounds less than Estrin's scheme.
    let q = poly!(S, t;
        0.06633267,
        -0.034617797,
        0.01438938,
        -0.004205212,
        0.0004865422,
        0.0002482821,
        -0.00018347603,
        -4.7478756e-05,
    );
    let p = fma::<S>(t, fma::<S>(t, q, -0.106591426), 0.14760618);
    let (square, square_tail) = two_prod::<S>(a, a);
    // e^rest is that factor.
    let (e, power) = exp_unscaled::<S>(-square, rest - square_tail);
    let p = w * p;
    (erf, scale(fma::<S>(p, e, p), power))
}

/// erf x, the polynomial up to 1 and 1 - erfc |x| above. At most 1.13 ULP, 1.40 without FMA.
#[inline(always)]
pub fn erf<S: Simd>(x: f32) -> f32 {
    let a = x.abs();
    let (small, c) = erf_erfc::<S>(a);
    select(a < 1.0, small, 1.0 - c).copysign(x)
}

/// erfc x = 1 - erf x, itself the smaller of the two from 1/2 on, so that it keeps its relative
/// accuracy down to where it underflows (x = 10.05). At most 2.83 ULP, 3.16 without FMA.
#[inline(always)]
pub fn erfc<S: Simd>(x: f32) -> f32 {
    let a = x.abs();
    let (small, c) = erf_erfc::<S>(a);
    let small = 1.0 - small.copysign(x);
    let large = select(x < 0.0, 2.0 - c, c);
    select(a < 0.5, small, large)
}
