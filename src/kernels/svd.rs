//! How are singular values found? By one-sided Jacobi rotations, which make the columns orthogonal, pair by pair: short, and accurate also for
//! small singular values. (M. R. Hestenes, "Inversion of matrices by biorthogonalization and related results", 1958.)

use crate::array::scalar::Scalar;
use crate::kernels::linalg::two_rows;
use crate::kernels::scratch;
use crate::kernels::unit::unit;

/// The largest number of sweeps over all pairs: about six suffice, unless there are NaNs.
const SWEEPS: usize = 40;

/// Calls `f` with `U S` and `V` of the singular value decomposition `U S V^T` of a row-major matrix of m rows and n <= m columns, both
/// column-major, and with the singular values, unordered.
pub(crate) fn svd<T: Scalar, R>(x: &[T], m: usize, n: usize, f: impl FnOnce(&[f64], &[f64], &[f64]) -> R) -> R {
    scratch::with(n * m + n * n + n, |room: &mut [f64]| {
        let (w, rest) = room.split_at_mut(n * m);
        let (v, s) = rest.split_at_mut(n * n);
        // In a unit near the largest element, so that products of columns are within the type.
        let unit = unit(x.iter().fold(0.0, |largest: f64, x| largest.max(x.to_f64().abs())));
        for i in 0..m {
            for j in 0..n {
                w[j * m + i] = x[i * n + j].to_f64() * unit;
            }
        }
        decompose(w, v, s, (m, n));
        w.iter_mut().chain(&mut *s).for_each(|x| *x /= unit);
        f(w, v, s)
    })
}

/// Rotates pairs of the columns `w` until all are orthogonal, and applies the same rotations to the identity `v`.
fn decompose(w: &mut [f64], v: &mut [f64], s: &mut [f64], (m, n): (usize, usize)) {
    v.fill(0.0);
    (0..n).for_each(|j| v[j * n + j] = 1.0);
    for _ in 0..SWEEPS {
        let mut turned = false;
        for q in 1..n {
            for p in 0..q {
                let (a, b) = two_rows(w, m, p, q);
                let (aa, bb, ab) = (dot(a, a), dot(b, b), dot(a, b));
                if ab.abs() <= f64::EPSILON * aa.sqrt() * bb.sqrt() {
                    continue;
                }
                turned = true;
                let zeta = (bb - aa) / (2.0 * ab);
                let t = zeta.signum() / (zeta.abs() + (1.0 + zeta * zeta).sqrt());
                let c = 1.0 / (1.0 + t * t).sqrt();
                rotate(a, b, c, c * t);
                let (a, b) = two_rows(v, n, p, q);
                rotate(a, b, c, c * t);
            }
        }
        if !turned {
            break;
        }
    }
    for j in 0..n {
        let column = &w[j * m..][..m];
        s[j] = dot(column, column).sqrt();
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Rotates two columns.
fn rotate(a: &mut [f64], b: &mut [f64], c: f64, s: f64) {
    for (a, b) in a.iter_mut().zip(b) {
        (*a, *b) = (c * *a - s * *b, s * *a + c * *b);
    }
}

/// The sum of the singular values.
pub(crate) fn nuclear_norm<T: Scalar>(x: &[T], m: usize, n: usize) -> T {
    T::from_f64(svd(x, m, n, |_, _, s| s.iter().fold(0.0, |sum, s| sum + s)))
}

/// `U V^T`, without the parts of singular values that are 0 up to the rounding of the largest (the bound is that of NumPy's `matrix_rank`).
/// Computed in `f64` for both types.
pub(crate) fn polar<T: Scalar>(x: &[T], m: usize, n: usize, y: &mut [T]) {
    svd(x, m, n, |w, v, s| {
        let least = s.iter().fold(0.0, |largest: f64, &s| largest.max(s)) * m as f64 * f64::EPSILON;
        for i in 0..m {
            for k in 0..n {
                let terms = (0..n).filter(|&j| s[j].is_nan() || s[j] > least).map(|j| w[j * m + i] / s[j] * v[j * n + k]);
                y[i * n + k] = T::from_f64(terms.fold(0.0, |sum, term| sum + term));
            }
        }
    });
}
