//! How are groups of elements brought to mean 0 and variance 1, and how does the gradient come back?
//!
//! Where each group lies together (layer, group and instance norm), a group at a time, which stays in the cache. Elsewhere the
//! groups' means and deviations are computed first, into small arrays, and one elementwise pass follows.

use crate::kernels::elementwise::{Elementwise, apply};
use crate::kernels::fold::fold;
use crate::kernels::parallel;
use crate::kernels::reduce::{self, reduce};
use crate::kernels::scratch;
use crate::kernels::simd::{Kernel, Simd, dispatch};
use crate::layout::{Axes, Layout};
use crate::op::View;
use crate::scalar::Scalar;

/// Which elements are brought together to mean 0 and variance 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Standard {
    /// The axes over which mean and variance are taken.
    pub axes: Axes,
    /// Added to the variance.
    pub eps: f64,
    /// Whether the mean is subtracted; without, the mean square takes the place of the variance.
    pub center: bool,
}

/// Elements from which a thread of its own pays.
const GRAIN: usize = 16 * 1024;

/// `(x - m)^2`
#[derive(Clone, Copy)]
struct SquaredDeviation;
impl<T: Scalar> Elementwise<T, 2> for SquaredDeviation {
    #[inline(always)]
    fn at<S: Simd>(self, [x, m]: [T; 2]) -> T {
        (x - m) * (x - m)
    }
}

/// `g (x - m)`
#[derive(Clone, Copy)]
struct Along;
impl<T: Scalar> Elementwise<T, 3> for Along {
    #[inline(always)]
    fn at<S: Simd>(self, [g, x, m]: [T; 3]) -> T {
        g * (x - m)
    }
}

/// `(x - m) r`
#[derive(Clone, Copy)]
struct Scale;
impl<T: Scalar> Elementwise<T, 3> for Scale {
    #[inline(always)]
    fn at<S: Simd>(self, [x, m, r]: [T; 3]) -> T {
        (x - m) * r
    }
}

/// `r (g - a - (x - m) q)`
#[derive(Clone, Copy)]
struct Pull;
impl<T: Scalar> Elementwise<T, 6> for Pull {
    #[inline(always)]
    fn at<S: Simd>(self, [g, x, m, r, a, q]: [T; 6]) -> T {
        r * (g - a - (x - m) * q)
    }
}

/// How numbers of groups are seen under the shape of what they are numbers of.
fn spread(x: &View<'_, impl Scalar>, axes: Axes) -> Layout {
    let kept = Layout::contiguous(axes.reduce(x.shape(), true));
    Layout::new(x.shape().clone(), kept.broadcast_strides(x.shape()))
}

fn view<'a, T>(data: &'a [T], layout: &'a Layout) -> View<'a, T> {
    View { data, offset: 0, layout }
}

/// The mean over axes, and the sum of the squared distances from it.
pub(crate) fn moments<T: Scalar>(x: View<'_, T>, axes: Axes, mean: &mut [T], squares: &mut [T]) {
    let n = T::from_f64(axes.count(x.shape()) as f64);
    reduce(x, axes, mean, reduce::Sum);
    mean.iter_mut().for_each(|m| *m = *m / n);
    let layout = spread(&x, axes);
    fold(SquaredDeviation, [x, view(mean, &layout)], axes, reduce::Sum, squares);
}

/// The sum over axes of the squared distances from their mean.
pub(crate) fn squared_deviations<T: Scalar>(x: View<'_, T>, axes: Axes, y: &mut [T]) {
    scratch::with(y.len(), |mean| moments(x, axes, mean, y));
}

/// The number of elements in a group, if every group lies together in each of the arrays.
fn together<T: Scalar>(x: &[View<'_, T>], axes: Axes) -> Option<usize> {
    let rank = x[0].shape().len();
    let mut inner = rank;
    while inner > 0 && axes.has(inner - 1) {
        inner -= 1;
    }
    let trailing = (0..inner).all(|a| !axes.has(a) || x[0].shape()[a] == 1);
    (trailing && x.iter().all(|x| x.layout.is_contiguous())).then(|| axes.count(x[0].shape()))
}

impl Standard {
    /// Means and reciprocal standard deviations.
    fn stats<T: Scalar>(self, x: View<'_, T>, mean: &mut [T], scale: &mut [T]) {
        let n = T::from_f64(self.axes.count(x.shape()) as f64);
        if self.center {
            moments(x, self.axes, mean, scale);
        } else {
            mean.fill(T::ZERO);
            fold(SquaredDeviation, [x, view(mean, &spread(&x, self.axes))], self.axes, reduce::Sum, scale);
        }
        scale.iter_mut().for_each(|s| *s = T::ONE / (*s / n + T::from_f64(self.eps)).sqrt());
    }

    /// `y = (x - mean) / sqrt(variance + eps)`.
    pub fn forward<T: Scalar>(self, x: View<'_, T>, y: &mut [T]) {
        if y.is_empty() {
            return;
        }
        if let Some(n) = together(&[x], self.axes) {
            let x = &x.data[x.offset..][..y.len()];
            return parallel::parts(y, GRAIN.div_ceil(n) * n, &|first, y| {
                for (x, y) in x[first..].chunks_exact(n).zip(y.chunks_exact_mut(n)) {
                    dispatch(Group { of: self, x, y });
                }
            });
        }
        let (groups, layout) = (y.len() / self.axes.count(x.shape()), spread(&x, self.axes));
        scratch::with(2 * groups, |room| {
            let (mean, scale) = room.split_at_mut(groups);
            self.stats(x, mean, scale);
            apply(Scale, [x, view(mean, &layout), view(scale, &layout)], y);
        });
    }

    /// The gradient: `r (g - mean(g) - s mean(g s))`, where `s = (x - mean) r` and r is the reciprocal standard deviation.
    pub fn backward<T: Scalar>(self, g: View<'_, T>, x: View<'_, T>, y: &mut [T]) {
        if y.is_empty() {
            return;
        }
        if let Some(n) = together(&[g, x], self.axes) {
            let (g, x) = (&g.data[g.offset..][..y.len()], &x.data[x.offset..][..y.len()]);
            return parallel::parts(y, GRAIN.div_ceil(n) * n, &|first, y| {
                let groups = g[first..].chunks_exact(n).zip(x[first..].chunks_exact(n));
                for ((g, x), y) in groups.zip(y.chunks_exact_mut(n)) {
                    dispatch(GroupBack { of: self, g, x, y });
                }
            });
        }
        let (n, layout) = (self.axes.count(x.shape()), spread(&x, self.axes));
        let (groups, n) = (y.len() / n, T::from_f64(n as f64));
        scratch::with(4 * groups, |room| {
            let (stats, sums) = room.split_at_mut(2 * groups);
            let ((mean, scale), (a, q)) = (stats.split_at_mut(groups), sums.split_at_mut(groups));
            self.stats(x, mean, scale);
            a.fill(T::ZERO);
            if self.center {
                reduce(g, self.axes, a, reduce::Sum);
                a.iter_mut().for_each(|a| *a = *a / n);
            }
            fold(Along, [g, x, view(mean, &layout)], self.axes, reduce::Sum, q);
            q.iter_mut().zip(&*scale).for_each(|(q, &r)| *q = *q / n * r * r);
            apply(Pull, [g, x, view(mean, &layout), view(scale, &layout), view(a, &layout), view(q, &layout)], y);
        });
    }
}

/// Independent accumulators, so that additions do not wait for each other.
const LANES: usize = 32;

/// The sum of `f` of the elements of slices of one length. (Plain loops over parts of a known length: they are vectorised.)
#[inline(always)]
fn sum<T: Scalar, const N: usize>(x: [&[T]; N], f: impl Fn([T; N]) -> T) -> T {
    let mut acc = [T::ZERO; LANES];
    let n = x[0].len();
    let mut from = 0;
    while from < n {
        let mut part = x;
        for part in &mut part {
            *part = &part[from..n.min(from + LANES)];
        }
        if from + LANES <= n {
            for (lane, acc) in acc.iter_mut().enumerate() {
                *acc += f(pick(&part, lane));
            }
        } else {
            for (lane, acc) in acc.iter_mut().enumerate().take(n - from) {
                *acc += f(pick(&part, lane));
            }
        }
        from += LANES;
    }
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            acc[i] += acc[i + half];
        }
        half /= 2;
    }
    acc[0]
}

#[inline(always)]
fn pick<T: Scalar, const N: usize>(x: &[&[T]; N], i: usize) -> [T; N] {
    let mut at = [T::ZERO; N];
    for k in 0..N {
        at[k] = x[k][i];
    }
    at
}

impl Standard {
    /// Mean and reciprocal standard deviation of a group.
    #[inline(always)]
    fn of_group<T: Scalar>(self, x: &[T]) -> (T, T) {
        let n = T::from_f64(x.len() as f64);
        let mean = if self.center { sum([x], |[x]| x) / n } else { T::ZERO };
        let squares = sum([x], |[x]| (x - mean) * (x - mean));
        (mean, T::ONE / (squares / n + T::from_f64(self.eps)).sqrt())
    }
}

struct Group<'a, T> {
    of: Standard,
    x: &'a [T],
    y: &'a mut [T],
}
impl<T: Scalar> Kernel for Group<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let (mean, scale) = self.of.of_group(self.x);
        for (y, &x) in self.y.iter_mut().zip(self.x) {
            *y = (x - mean) * scale;
        }
    }
}

struct GroupBack<'a, T> {
    of: Standard,
    g: &'a [T],
    x: &'a [T],
    y: &'a mut [T],
}
impl<T: Scalar> Kernel for GroupBack<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let (g, x) = (self.g, self.x);
        let n = T::from_f64(x.len() as f64);
        let (mean, scale) = self.of.of_group(x);
        let a = if self.of.center { sum([g], |[g]| g) / n } else { T::ZERO };
        let q = sum([g, x], |[g, x]| g * (x - mean)) / n * scale * scale;
        for ((y, &g), &x) in self.y.iter_mut().zip(g).zip(x) {
            *y = scale * (g - a - (x - mean) * q);
        }
    }
}
