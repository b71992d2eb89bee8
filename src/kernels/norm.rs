//! How are groups of elements brought to mean 0 and variance 1, and how is the gradient computed?
//!
//! Where the elements of each group lie together (layer, group and instance norm), one group at a time, which stays in the cache. Elsewhere the
//! means and deviations of all groups are computed first, into small arrays, and one elementwise pass follows.

mod formulas;
mod group;
mod moments;
#[cfg(test)]
mod tests;

use crate::array::layout::{Axes, Layout};
use crate::array::scalar::Scalar;
use crate::array::shape::Strides;
use crate::array::simd::dispatch;
use crate::array::view::View;
use crate::kernels::elementwise::apply;
use crate::kernels::fold::fold;
use crate::kernels::parallel;
use crate::kernels::reduce::{self, reduce};
use crate::kernels::scratch;
use formulas::{InputGrad, Standardized, WeightedDeviation};
use group::{Group, GroupBack};
pub(crate) use moments::{center, is_outlier, variance};

/// How groups are brought to mean 0 and variance 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Standard {
    /// The axes over which mean and variance are taken.
    pub axes: Axes,
    /// Added to the variance.
    pub eps: f64,
    /// Whether the mean is subtracted. If not, the mean square takes the place of the variance.
    pub center: bool,
}

/// Elements from which a thread of its own pays.
const GRAIN: usize = 16 * 1024;

/// The layout of one number for each group, broadcast to the shape of all elements.
fn spread(x: &View<'_, impl Scalar>, axes: Axes) -> Layout {
    let kept = Layout::contiguous(axes.reduce(x.shape(), true));
    Layout::new(x.shape().clone(), kept.broadcast_strides(x.shape()))
}

/// All of an array.
fn view<'a, T>(data: &'a [T], layout: &'a Layout) -> View<'a, T> {
    View { data, offset: 0, layout }
}

/// The layouts of the first elements of all groups: broadcast to the shape of all elements, and alone.
fn first_elements(x: &View<'_, impl Scalar>, axes: Axes) -> [Layout; 2] {
    let strides: Strides = (0..x.shape().len()).map(|a| if axes.has(a) { 0 } else { x.strides()[a] }).collect();
    [Layout::new(x.shape().clone(), strides.clone()), Layout::new(axes.reduce(x.shape(), true), strides)]
}

/// The number of elements of a group, if the elements of each group lie together in each of the arrays.
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
        let (n, eps) = (T::from_f64(self.axes.count(x.shape()) as f64), T::from_f64(self.eps));
        scratch::with(mean.len(), |unit| {
            self.moments(x, mean, scale, unit);
            scale.iter_mut().zip(unit).for_each(|(s, u)| *s = reciprocal(*s / n, eps, *u));
        });
    }

    /// `1 / sqrt(variance + eps)`.
    pub fn scales<T: Scalar>(self, x: View<'_, T>, y: &mut [T]) {
        scratch::with(y.len(), |mean| self.stats(x, mean, y));
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
            apply(Standardized, [x, view(mean, &layout), view(scale, &layout)], y);
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
            fold(WeightedDeviation, [g, x, view(mean, &layout), view(scale, &layout)], self.axes, reduce::Sum, q);
            q.iter_mut().for_each(|q| *q = *q / n);
            apply(InputGrad, [g, x, view(mean, &layout), view(scale, &layout), view(a, &layout), view(q, &layout)], y);
        });
    }
}

/// `1 / sqrt(variance + eps)`, of a variance in the unit u.
#[inline(always)]
fn reciprocal<T: Scalar>(variance: T, eps: T, u: T) -> T {
    u / (variance + eps * u * u).sqrt()
}
