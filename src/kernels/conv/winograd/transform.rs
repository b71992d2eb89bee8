//! Which transformations do F(4 x 4, 3 x 3) and F(4 x 4, 4 x 4) take? To the values of polynomials at a few points, and back: for three taps
//! the six points 0, p, -p, q, -q and infinity, for four taps the seven r, -r, s, -s, t, -t and infinity.
//!
//! In one dimension four outputs of a filter of three taps come from six inputs, `y = A' [(G w) * (B' x)]`. Two dimensions are the same
//! along columns and then along rows. The matrices follow from the points a: a row of `A` is `1 a a^2 a^3`, one of `G` is `1 a a^2`
//! (and `a^3` for four taps) over the product of the distances to the other points, and one of `B'` are the coefficients of the polynomial
//! that vanishes at the others. A factor may go from a row of `G` to that of `B'`: with four taps that is a. Since the points come in pairs,
//! even and odd powers are computed once for both.

#![allow(clippy::needless_range_loop)] // rows and columns by index; iterators would need closures, which are not certain to be inlined

use crate::array::scalar::Scalar;
use crate::array::simd::{Element, Simd, Vector};

/// The points of the pairs for three taps, and their squares. In f32, of 64 to 256 channels of random numbers, the largest error is 1e-6 of the largest
/// result with these, 2e-6 with 1/2 and 3/2, and 4.5e-6 with 1 and 2 or 1 and 1/2.
const P: f64 = std::f64::consts::FRAC_1_SQRT_2;
const Q: f64 = std::f64::consts::SQRT_2;
const P2: f64 = 0.5;
const Q2: f64 = 2.0;
/// The points of the pairs for four taps; they and their squares are exact. In f32, of 64 channels of random numbers, errors have twice the
/// size of those with three taps.
const TRIPLE: [f64; 3] = [0.25, 0.875, 1.75];

type Of<S, T> = <T as Element>::Vector<S>;

#[inline(always)]
fn c<S: Simd, T: Scalar>(x: f64) -> Of<S, T> {
    Vector::splat(T::from_f64(x))
}
#[inline(always)]
fn minus<S: Simd, T: Scalar>(a: Of<S, T>, b: Of<S, T>) -> Of<S, T> {
    b.mul_add(c::<S, T>(-1.0), a)
}
/// `even + factor * odd` and `even - factor * odd`.
#[inline(always)]
fn pair<S: Simd, T: Scalar>(even: Of<S, T>, odd: Of<S, T>, factor: f64) -> (Of<S, T>, Of<S, T>) {
    (odd.mul_add(c::<S, T>(factor), even), odd.mul_add(c::<S, T>(-factor), even))
}
/// The reciprocal of the product of the distances of a point from the others, from the squares of the points of its pair and of the other pair.
const fn over(square: f64, other: f64) -> f64 {
    1.0 / (2.0 * square * (square - other))
}

/// What [`over`] is for three pairs, without the factor a, which is left to `B'`.
const OVER: [f64; 3] = [over_triple(0), over_triple(1), over_triple(2)];
const fn over_triple(pair: usize) -> f64 {
    let [a, b, c] = [square(pair), square(pair + 1), square(pair + 2)];
    1.0 / (2.0 * (a - b) * (a - c))
}
/// The square of a point of the triple, counted round.
const fn square(pair: usize) -> f64 {
    TRIPLE[pair % 3] * TRIPLE[pair % 3]
}

/// The polynomial of four coefficients at the seven points of four taps, with a factor for each pair.
#[inline(always)]
fn values<S: Simd, T: Scalar>(w: [Of<S, T>; 4], factors: [f64; 3]) -> [Of<S, T>; 7] {
    let mut out = [w[3]; 7];
    for i in 0..3 {
        let (one, a2) = (c::<S, T>(factors[i]), c::<S, T>(factors[i] * square(i)));
        let (even, odd) = (w[2].mul_add(a2, w[0].mul(one)), w[3].mul_add(a2, w[1].mul(one)));
        (out[2 * i], out[2 * i + 1]) = pair::<S, T>(even, odd, TRIPLE[i]);
    }
    out
}
/// The transpose of [`values`].
#[inline(always)]
fn coefficients<S: Simd, T: Scalar>(m: [Of<S, T>; 7], factors: [f64; 3]) -> [Of<S, T>; 4] {
    let mut out = [c::<S, T>(0.0), c::<S, T>(0.0), c::<S, T>(0.0), m[6]];
    for i in 0..3 {
        let parts = [m[2 * i].add(m[2 * i + 1]), minus::<S, T>(m[2 * i], m[2 * i + 1])];
        let mut power = factors[i];
        for k in 0..4 {
            out[k] = parts[k % 2].mul_add(c::<S, T>(power), out[k]);
            power *= TRIPLE[i];
        }
    }
    out
}

/// One of the matrices, which takes `A` numbers to `B`. (A trait and no closure, so that it is inlined into the code for each instruction set.)
pub trait Matrix<const A: usize, const B: usize>: Copy {
    fn times<S: Simd, T: Scalar>(self, x: [Of<S, T>; A]) -> [Of<S, T>; B];
}

/// `B'`: the elements of the source that a tile depends on, at as many points.
#[derive(Clone, Copy)]
pub struct SourceToPoints;
impl Matrix<6, 6> for SourceToPoints {
    #[inline(always)]
    fn times<S: Simd, T: Scalar>(self, d: [Of<S, T>; 6]) -> [Of<S, T>; 6] {
        let (p2, q2, both, sum) = (c::<S, T>(-P2), c::<S, T>(-Q2), c::<S, T>(P2 * Q2), c::<S, T>(-P2 - Q2));
        let (p, minus_p) = pair::<S, T>(d[2].mul_add(q2, d[4]), d[1].mul_add(q2, d[3]), P);
        let (q, minus_q) = pair::<S, T>(d[2].mul_add(p2, d[4]), d[1].mul_add(p2, d[3]), Q);
        let (zero, infinity) = (d[2].mul_add(sum, d[0].mul_add(both, d[4])), d[3].mul_add(sum, d[1].mul_add(both, d[5])));
        [zero, p, minus_p, q, minus_q, infinity]
    }
}
impl Matrix<7, 7> for SourceToPoints {
    #[inline(always)]
    fn times<S: Simd, T: Scalar>(self, d: [Of<S, T>; 7]) -> [Of<S, T>; 7] {
        let [a, b, e] = [square(0), square(1), square(2)];
        let infinity = d[4].mul_add(c::<S, T>(-a - b - e), d[6]);
        let infinity = d[2].mul_add(c::<S, T>(a * b + b * e + e * a), infinity);
        let mut out = [d[0].mul_add(c::<S, T>(-a * b * e), infinity); 7];
        for i in 0..3 {
            let [b, e] = [square(i + 1), square(i + 2)];
            let (sum, both) = (c::<S, T>(-b - e), c::<S, T>(b * e));
            let (even, odd) = (d[0].mul_add(both, d[2].mul_add(sum, d[4])), d[1].mul_add(both, d[3].mul_add(sum, d[5])));
            (out[2 * i], out[2 * i + 1]) = pair::<S, T>(even, odd, 1.0 / TRIPLE[i]);
        }
        out
    }
}

/// `G`: three taps at six points, or four at seven.
#[derive(Clone, Copy)]
pub struct WeightToPoints;
impl Matrix<3, 6> for WeightToPoints {
    #[inline(always)]
    fn times<S: Simd, T: Scalar>(self, w: [Of<S, T>; 3]) -> [Of<S, T>; 6] {
        let (of_p, of_q) = (over(P2, Q2), over(Q2, P2));
        let (p0, p2, q0, q2) = (c::<S, T>(of_p), c::<S, T>(P2 * of_p), c::<S, T>(of_q), c::<S, T>(Q2 * of_q));
        let (p, minus_p) = pair::<S, T>(w[2].mul_add(p2, w[0].mul(p0)), w[1], P * of_p);
        let (q, minus_q) = pair::<S, T>(w[2].mul_add(q2, w[0].mul(q0)), w[1], Q * of_q);
        [w[0].mul(c::<S, T>(1.0 / (P2 * Q2))), p, minus_p, q, minus_q, w[2]]
    }
}
impl Matrix<4, 7> for WeightToPoints {
    #[inline(always)]
    fn times<S: Simd, T: Scalar>(self, w: [Of<S, T>; 4]) -> [Of<S, T>; 7] {
        values::<S, T>(w, OVER)
    }
}

/// `A'`: four elements of the target from their points.
#[derive(Clone, Copy)]
pub struct TargetFromPoints;
impl Matrix<6, 4> for TargetFromPoints {
    #[inline(always)]
    fn times<S: Simd, T: Scalar>(self, m: [Of<S, T>; 6]) -> [Of<S, T>; 4] {
        let (p, q) = ((m[1].add(m[2]), minus::<S, T>(m[1], m[2])), (m[3].add(m[4]), minus::<S, T>(m[3], m[4])));
        [
            m[0].add(p.0).add(q.0),
            q.1.mul_add(c::<S, T>(Q), p.1.mul(c::<S, T>(P))),
            q.0.mul_add(c::<S, T>(Q2), p.0.mul(c::<S, T>(P2))),
            q.1.mul_add(c::<S, T>(Q2 * Q), p.1.mul_add(c::<S, T>(P2 * P), m[5])),
        ]
    }
}
impl Matrix<7, 4> for TargetFromPoints {
    #[inline(always)]
    fn times<S: Simd, T: Scalar>(self, m: [Of<S, T>; 7]) -> [Of<S, T>; 4] {
        coefficients::<S, T>(m, [1.0; 3])
    }
}

/// `A`: four elements of the target's gradient at the points.
#[derive(Clone, Copy)]
pub struct TargetToPoints;
impl Matrix<4, 6> for TargetToPoints {
    #[inline(always)]
    fn times<S: Simd, T: Scalar>(self, y: [Of<S, T>; 4]) -> [Of<S, T>; 6] {
        let (p2, q2) = (c::<S, T>(P2), c::<S, T>(Q2));
        let (p, minus_p) = pair::<S, T>(y[2].mul_add(p2, y[0]), y[3].mul_add(p2, y[1]), P);
        let (q, minus_q) = pair::<S, T>(y[2].mul_add(q2, y[0]), y[3].mul_add(q2, y[1]), Q);
        [y[0], p, minus_p, q, minus_q, y[3]]
    }
}
impl Matrix<4, 7> for TargetToPoints {
    #[inline(always)]
    fn times<S: Simd, T: Scalar>(self, y: [Of<S, T>; 4]) -> [Of<S, T>; 7] {
        values::<S, T>(y, [1.0; 3])
    }
}

/// `G'`: the gradients of the taps from their points.
#[derive(Clone, Copy)]
pub struct WeightFromPoints;
impl Matrix<6, 3> for WeightFromPoints {
    #[inline(always)]
    fn times<S: Simd, T: Scalar>(self, m: [Of<S, T>; 6]) -> [Of<S, T>; 3] {
        let (of_p, of_q) = (over(P2, Q2), over(Q2, P2));
        let (p, q) = ((m[1].add(m[2]), minus::<S, T>(m[1], m[2])), (m[3].add(m[4]), minus::<S, T>(m[3], m[4])));
        [
            m[0].mul_add(c::<S, T>(1.0 / (P2 * Q2)), q.0.mul_add(c::<S, T>(of_q), p.0.mul(c::<S, T>(of_p)))),
            q.1.mul_add(c::<S, T>(Q * of_q), p.1.mul(c::<S, T>(P * of_p))),
            q.0.mul_add(c::<S, T>(Q2 * of_q), p.0.mul_add(c::<S, T>(P2 * of_p), m[5])),
        ]
    }
}
impl Matrix<7, 4> for WeightFromPoints {
    #[inline(always)]
    fn times<S: Simd, T: Scalar>(self, m: [Of<S, T>; 7]) -> [Of<S, T>; 4] {
        coefficients::<S, T>(m, OVER)
    }
}

/// `m x m'`: the matrix times the columns, and then times the rows.
#[inline(always)]
fn both<S: Simd, T: Scalar, const A: usize, const B: usize>(m: impl Matrix<A, B>, x: [[Of<S, T>; A]; A]) -> [[Of<S, T>; B]; B] {
    let (mut half, mut out) = ([[Of::<S, T>::zero(); A]; B], [[Of::<S, T>::zero(); B]; B]);
    for j in 0..A {
        let mut column = [Of::<S, T>::zero(); A];
        for i in 0..A {
            column[i] = x[i][j];
        }
        let column = m.times::<S, T>(column);
        for i in 0..B {
            half[i][j] = column[i];
        }
    }
    for i in 0..B {
        out[i] = m.times::<S, T>(half[i]);
    }
    out
}

/// The places of `A` x `A` vectors.
pub type Grid<T, const A: usize> = [[*const T; A]; A];

/// The places of `A` x `A` vectors that are `step` apart.
#[inline(always)]
pub fn places<T, const A: usize>(from: *const T, step: usize) -> Grid<T, A> {
    let mut at = [[from; A]; A];
    for i in 0..A {
        for j in 0..A {
            at[i][j] = from.wrapping_add(step * (i * A + j));
        }
    }
    at
}

/// The vectors at the places of a grid, each moved by `shift`.
///
/// # Safety
/// The vectors must be there.
#[inline(always)]
unsafe fn load<S: Simd, T: Scalar, const A: usize>(from: &Grid<T, A>, shift: usize) -> [[Of<S, T>; A]; A] {
    let mut x = [[Of::<S, T>::zero(); A]; A];
    for i in 0..A {
        for j in 0..A {
            // SAFETY: the caller's.
            x[i][j] = unsafe { Vector::load(from[i][j].wrapping_add(shift)) };
        }
    }
    x
}

/// Takes `A` x `A` vectors to `N` x `N` points, each `step` after the one before.
///
/// # Safety
/// The vectors must be there, and there must be room for the points.
#[inline(always)]
pub unsafe fn to_points<S: Simd, T: Scalar, const A: usize, const N: usize>(
    m: impl Matrix<A, N>,
    from: &Grid<T, A>,
    shift: usize,
    to: *mut T,
    step: usize,
) {
    // SAFETY: the caller's.
    let x = both::<S, T, A, N>(m, unsafe { load::<S, T, A>(from, shift) });
    for i in 0..N {
        for j in 0..N {
            // SAFETY: the caller's.
            unsafe { x[i][j].store(to.wrapping_add(step * (i * N + j))) };
        }
    }
}

/// Takes `N` x `N` points, each `step` after the one before, to `B` x `B` vectors.
///
/// # Safety
/// The points must be there, and the places may be written.
#[inline(always)]
pub unsafe fn from_points<S: Simd, T: Scalar, const N: usize, const B: usize>(
    m: impl Matrix<N, B>,
    from: *const T,
    step: usize,
    to: &Grid<T, B>,
    shift: usize,
) {
    // SAFETY: the caller's.
    let y = both::<S, T, N, B>(m, unsafe { load::<S, T, N>(&places(from, step), 0) });
    for i in 0..B {
        for j in 0..B {
            // SAFETY: the caller's.
            unsafe { y[i][j].store(to[i][j].wrapping_add(shift).cast_mut()) };
        }
    }
}
