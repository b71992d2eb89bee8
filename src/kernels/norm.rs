//! How are groups of elements brought to mean 0 and variance 1, and how does the gradient come back?
//!
//! Where each group lies together (layer, group and instance norm), a group at a time, which stays in the cache. Elsewhere the
//! groups' means and deviations are computed first, into small arrays, and one elementwise pass follows.

use crate::array::layout::{Axes, Layout};
use crate::array::scalar::Scalar;
use crate::array::shape::Strides;
use crate::array::simd::{Kernel, Simd, dispatch};
use crate::array::view::View;
use crate::kernels::elementwise::{Elementwise, apply};
use crate::kernels::fold::{fold, group};
use crate::kernels::parallel;
use crate::kernels::reduce::{self, halved, reduce};
use crate::kernels::scratch;
use crate::kernels::strided::copy;
use crate::kernels::unit::{is_safe, unit};

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

/// `x - m`
#[derive(Clone, Copy)]
struct Deviation;
impl<T: Scalar> Elementwise<T, 2> for Deviation {
    #[inline(always)]
    fn at<S: Simd>(self, [x, m]: [T; 2]) -> T {
        x - m
    }
}

/// `x - m` for one m.
#[derive(Clone, Copy)]
struct DeviationFrom<T>(T);
impl<T: Scalar> Elementwise<T, 1> for DeviationFrom<T> {
    #[inline(always)]
    fn at<S: Simd>(self, [x]: [T; 1]) -> T {
        x - self.0
    }
}

/// `x u - m`
#[derive(Clone, Copy)]
struct ScaledDeviation<T>(T, T);
impl<T: Scalar> Elementwise<T, 1> for ScaledDeviation<T> {
    #[inline(always)]
    fn at<S: Simd>(self, [x]: [T; 1]) -> T {
        x * self.0 - self.1
    }
}

/// `(x - m)^2`
#[derive(Clone, Copy)]
struct SquaredDeviation;
impl<T: Scalar> Elementwise<T, 2> for SquaredDeviation {
    #[inline(always)]
    fn at<S: Simd>(self, [x, m]: [T; 2]) -> T {
        (x - m) * (x - m)
    }
}

/// `(x u - m)^2`
#[derive(Clone, Copy)]
struct ScaledSquare<T>(ScaledDeviation<T>);
impl<T: Scalar> Elementwise<T, 1> for ScaledSquare<T> {
    #[inline(always)]
    fn at<S: Simd>(self, x: [T; 1]) -> T {
        let d = self.0.at::<S>(x);
        d * d
    }
}

/// `|x|`
#[derive(Clone, Copy)]
struct Size;
impl<T: Scalar> Elementwise<T, 1> for Size {
    #[inline(always)]
    fn at<S: Simd>(self, [x]: [T; 1]) -> T {
        if x < T::ZERO { -x } else { x }
    }
}

/// `g (x - m) r`
#[derive(Clone, Copy)]
struct Along;
impl<T: Scalar> Elementwise<T, 4> for Along {
    #[inline(always)]
    fn at<S: Simd>(self, [g, x, m, r]: [T; 4]) -> T {
        g * ((x - m) * r)
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

/// `r (g - a - (x - m) r q)`. (In this order: the square of r may be beyond the type.)
#[derive(Clone, Copy)]
struct Pull;
impl<T: Scalar> Elementwise<T, 6> for Pull {
    #[inline(always)]
    fn at<S: Simd>(self, [g, x, m, r, a, q]: [T; 6]) -> T {
        r * (g - a - (x - m) * r * q)
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

/// What the first element of each group is seen as under the shape of all; and the groups' alone.
fn firsts(x: &View<'_, impl Scalar>, axes: Axes) -> [Layout; 2] {
    let strides: Strides = (0..x.shape().len()).map(|a| if axes.has(a) { 0 } else { x.strides()[a] }).collect();
    [Layout::new(x.shape().clone(), strides.clone()), Layout::new(axes.reduce(x.shape(), true), strides)]
}

/// Whether the first element of a group of n is far from most, so that the mean has lost digits if it was found from the distances from that
/// element: those are as large as it is. Within four standard deviations, as all but one in 16,000 normal numbers are, that matters no more
/// than rounding.
#[inline(always)]
pub(crate) fn is_outlier<T: Scalar>(first: T, mean: T, squares: T, n: T) -> bool {
    let distance = first - mean;
    distance * distance * n > T::from_f64(16.0) * squares
}

/// Whether the first element of any group is an outlier.
fn has_outlier<T: Scalar>(x: View<'_, T>, axes: Axes, mean: &[T], squares: &[T]) -> bool {
    let count = axes.count(x.shape());
    // The square of one distance is no more than the sum of all.
    if count <= 16 {
        return false;
    }
    let n = T::from_f64(count as f64);
    scratch::with(mean.len(), |first| {
        copy(View { layout: &firsts(&x, axes)[1], ..x }, first);
        first.iter().zip(mean).zip(squares).any(|((&first, &mean), &squares)| is_outlier(first, mean, squares, n))
    })
}

/// Means again, from the distances from what they were: no digits are lost where the first element of a group is an outlier.
fn settle<T: Scalar>(x: View<'_, T>, axes: Axes, mean: &mut [T]) {
    let n = T::from_f64(axes.count(x.shape()) as f64);
    scratch::with(mean.len(), |sums| {
        fold(Deviation, [x, view(mean, &spread(&x, axes))], axes, reduce::Sum, sums);
        mean.iter_mut().zip(sums).for_each(|(mean, sum)| *mean += *sum / n);
    });
}

/// The means over axes. Sums begin at the first element of each group: numbers that are equal are their mean, to the bit, and a large common
/// offset costs no digits.
fn means<T: Scalar>(x: View<'_, T>, axes: Axes, mean: &mut [T]) {
    let count = axes.count(x.shape());
    if count == 0 {
        return mean.fill(T::NAN);
    }
    let n = T::from_f64(count as f64);
    if let (Some(x), 1) = (x.as_slice(), mean.len()) {
        fold(DeviationFrom(x[0]), [view(x, &Layout::contiguous([x.len()].into()))], Axes::all(1), reduce::Sum, mean);
        mean[0] = x[0] + mean[0] / n;
        return;
    }
    if together(&[x], axes).is_some() {
        let x = &x.data[x.offset..][..count * mean.len()];
        return parallel::parts(mean, GRAIN.div_ceil(count), &|first, mean| {
            let groups = x[first * count..].chunks_exact(count);
            mean.iter_mut().zip(groups).for_each(|(mean, x)| *mean = dispatch(GroupMean(x)));
        });
    }
    let [all, each] = firsts(&x, axes);
    fold(Deviation, [x, View { layout: &all, ..x }], axes, reduce::Sum, mean);
    scratch::with(mean.len(), |first| {
        copy(View { layout: &each, ..x }, first);
        mean.iter_mut().zip(first).for_each(|(mean, first)| *mean = *first + *mean / n);
    });
}

/// A group of elements that are near an end of the type, in a unit of their own.
struct Far<'a, T> {
    x: View<'a, T>,
    axes: Axes,
    /// The unit in which the largest is near 1, or `least` is, if that is larger.
    unit: T,
}

impl<'a, T: Scalar> Far<'a, T> {
    fn new(x: View<'a, T>, axes: Axes, least: f64) -> Self {
        let largest = Far { x, axes, unit: T::ONE }.fold(Size, reduce::Max);
        Far { x, axes, unit: unit(if largest.to_f64() < least { T::from_f64(least) } else { largest }) }
    }
    fn fold<F: Elementwise<T, 1>, R: reduce::Reducer<T>>(&self, f: F, r: R) -> T {
        let mut y = [T::ZERO];
        fold(f, [self.x], self.axes, r, &mut y);
        y[0]
    }
    /// The mean, in the unit.
    fn mean(&self) -> T {
        let n = T::from_f64(self.axes.count(self.x.shape()) as f64);
        let from = |m: T| m + self.fold(ScaledDeviation(self.unit, m), reduce::Sum) / n;
        // Twice, since the first element may be an outlier.
        from(from(self.x.data[self.x.offset] * self.unit))
    }
    /// The sum of the squared distances from m, all in the unit.
    fn squares(&self, m: T) -> T {
        self.fold(ScaledSquare(ScaledDeviation(self.unit, m)), reduce::Sum)
    }
}

/// The distances from the means over axes.
pub(crate) fn center<T: Scalar>(x: View<'_, T>, axes: Axes, y: &mut [T]) {
    if y.is_empty() {
        return;
    }
    let layout = spread(&x, axes);
    let groups = y.len() / axes.count(x.shape());
    scratch::with(groups, |mean| {
        means(x, axes, mean);
        settle(x, axes, mean);
        for (i, mean) in mean.iter_mut().enumerate().filter(|(_, mean)| !mean.to_f64().is_finite()) {
            // The sum is beyond the type, which the mean need not be.
            let (offset, layout) = group(&x, axes, i);
            let far = Far::new(View { offset, layout: &layout, ..x }, axes, 0.0);
            *mean = far.mean() / far.unit;
        }
        apply(Deviation, [x, view(mean, &layout)], y);
    });
}

/// The sum over axes of the squared distances from their mean, over a divisor; or the root of that.
pub(crate) fn variance<T: Scalar>(x: View<'_, T>, axes: Axes, divisor: f64, root: bool, y: &mut [T]) {
    let standard = Standard { axes, eps: 0.0, center: true };
    scratch::with(2 * y.len(), |room| {
        let (mean, unit) = room.split_at_mut(y.len());
        standard.moments(x, mean, y, unit);
        let divisor = T::from_f64(divisor);
        for (y, &mut u) in y.iter_mut().zip(unit) {
            let v = *y / divisor;
            *y = if root { v.sqrt() / u } else { v / u / u };
        }
    });
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
    /// The means, the sums of the squared distances from them (from 0, without `center`), and the units of those sums: 1, where mean square and
    /// eps together are within the type.
    fn moments<T: Scalar>(self, x: View<'_, T>, mean: &mut [T], squares: &mut [T], unit: &mut [T]) {
        let (axes, count) = (self.axes, self.axes.count(x.shape()));
        if self.center {
            means(x, axes, mean)
        } else {
            mean.fill(T::ZERO)
        }
        let layout = spread(&x, axes);
        fold(SquaredDeviation, [x, view(mean, &layout)], axes, reduce::Sum, squares);
        if self.center && has_outlier(x, axes, mean, squares) {
            // Twice, since of very many elements the first time leaves a thousandth of the error.
            (0..2).for_each(|_| settle(x, axes, mean));
            fold(SquaredDeviation, [x, view(mean, &layout)], axes, reduce::Sum, squares);
        }
        unit.fill(T::ONE);
        let (n, eps) = (T::from_f64(count as f64), T::from_f64(self.eps));
        let safe = |squares: T| is_safe(squares / n + eps);
        if count == 0 || squares.iter().all(|&q| safe(q)) {
            return;
        }
        scratch::with(squares.len(), |largest| {
            fold(Size, [x], axes, reduce::Max, largest);
            self.far_moments(x, largest, &safe, [mean, squares, unit]);
        });
    }

    /// The moments of the groups of which the sum of squares is not safe, in units of their own.
    fn far_moments<T: Scalar>(self, x: View<'_, T>, largest: &[T], safe: &dyn Fn(T) -> bool, [mean, squares, unit]: [&mut [T]; 3]) {
        let axes = self.axes;
        for (i, &largest) in largest.iter().enumerate() {
            // The least distance between numbers of this size.
            let step = largest * T::from_f64(if size_of::<T>() == size_of::<f32>() { f64::from(f32::EPSILON) } else { f64::EPSILON });
            // Zeros, equal numbers (any distance would be seen in the squares), and what is not finite: a unit changes nothing.
            let equal = squares[i] == T::ZERO && is_safe(step * step);
            if safe(squares[i]) || largest == T::ZERO || equal || !largest.to_f64().is_finite() {
                continue;
            }
            let (offset, layout) = group(&x, axes, i);
            let far = Far::new(View { offset, layout: &layout, ..x }, axes, self.eps.sqrt());
            let m = if self.center { far.mean() } else { T::ZERO };
            (mean[i], squares[i], unit[i]) = (m / far.unit, far.squares(m), far.unit);
        }
    }

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
            fold(Along, [g, x, view(mean, &layout), view(scale, &layout)], self.axes, reduce::Sum, q);
            q.iter_mut().for_each(|q| *q = *q / n);
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
    halved(&mut acc)
}

#[inline(always)]
fn pick<T: Scalar, const N: usize>(x: &[&[T]; N], i: usize) -> [T; N] {
    let mut at = [T::ZERO; N];
    for k in 0..N {
        at[k] = x[k][i];
    }
    at
}

/// `1 / sqrt(variance + eps)`, of a variance in the unit u.
#[inline(always)]
fn reciprocal<T: Scalar>(variance: T, eps: T, u: T) -> T {
    u / (variance + eps * u * u).sqrt()
}

/// The sum of the distances from `m`.
#[inline(always)]
fn distances<T: Scalar>(x: &[T], m: T) -> T {
    sum([x], |[x]| x - m)
}

/// The sum of their squares.
#[inline(always)]
fn squares<T: Scalar>(x: &[T], m: T) -> T {
    sum([x], |[x]| (x - m) * (x - m))
}

/// The mean of a group, summed from its first element on.
#[inline(always)]
fn mean_of<T: Scalar>(x: &[T]) -> T {
    x[0] + distances(x, x[0]) / T::from_f64(x.len() as f64)
}

struct GroupMean<'a, T>(&'a [T]);
impl<T: Scalar> Kernel for GroupMean<'_, T> {
    type Out = T;
    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> T {
        mean_of(self.0)
    }
}

impl Standard {
    /// Mean and reciprocal standard deviation of a group.
    #[inline(always)]
    fn of_group<T: Scalar>(self, x: &[T]) -> (T, T) {
        let n = T::from_f64(x.len() as f64);
        let mut mean = if self.center { mean_of(x) } else { T::ZERO };
        let mut deviations = squares(x, mean);
        if self.center && is_outlier(x[0], mean, deviations, n) {
            // Twice, as above.
            for _ in 0..2 {
                mean += distances(x, mean) / n;
            }
            deviations = squares(x, mean);
        }
        let variance = deviations / n + T::from_f64(self.eps);
        if is_safe(variance) { (mean, T::ONE / variance.sqrt()) } else { self.of_far_group(x) }
    }
    /// The same for a group whose squares are beyond the type.
    #[cold]
    #[inline(never)]
    fn of_far_group<T: Scalar>(self, x: &[T]) -> (T, T) {
        let all = Layout::contiguous([x.len()].into());
        let (mut mean, mut scale) = ([T::ZERO], [T::ZERO]);
        Standard { axes: Axes::all(1), ..self }.stats(view(x, &all), &mut mean, &mut scale);
        (mean[0], scale[0])
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
        self.forward();
    }
}
// (Bodies that know nothing of instruction sets are methods of their own, here and below: they are made once for a number type, and inlined
// into the code for each set.)
impl<T: Scalar> Group<'_, T> {
    #[inline(always)]
    fn forward(self) {
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
        self.backward();
    }
}
impl<T: Scalar> GroupBack<'_, T> {
    #[inline(always)]
    fn backward(self) {
        let (g, x) = (self.g, self.x);
        let n = T::from_f64(x.len() as f64);
        let (mean, scale) = self.of.of_group(x);
        let a = if self.of.center { sum([g], |[g]| g) / n } else { T::ZERO };
        let q = sum([g, x], |[g, x]| g * ((x - mean) * scale)) / n;
        for ((y, &g), &x) in self.y.iter_mut().zip(g).zip(x) {
            *y = scale * (g - a - (x - mean) * scale * q);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{NormOptions, Tape, Var};

    /// An outlier first, and numbers around 0 behind it.
    fn outlier(n: usize, first: f32, size: f32) -> Vec<f32> {
        let noise = (0..n).map(|i| ((i * 7919 + 13) % 1013) as f32 / 506.0 - 1.0);
        let mut x: Vec<f32> = noise.map(|x| x * size).collect();
        x[0] = first;
        x
    }

    /// What finds means and variances, each by its own way: groups that lie together, one of all, columns, and channels with one and with several
    /// elements inside. The array is n x k, and every column holds the same numbers; each result is the first column's.
    fn ways<'t>(x: &'t [f32], tape: &'t Tape<f32>) -> Vec<(&'static str, Vec<f32>)> {
        let (n, k) = (x.len(), 3);
        let column = tape.leaf(x.to_vec());
        let columns = column.unsqueeze(1).broadcast_to(&[n, k]).contiguous();
        let rows = columns.t().contiguous();
        let options = NormOptions { eps: 0.0, ..Default::default() };
        let first_row = |v: Var<'t, f32>| v.narrow(0, 0, 1).to_vec();
        let gradient = |v: Var<'t, f32>| tape.grad(v.var(.., 0.0, false), &[v])[0].expect("reached").to_vec();
        vec![
            ("layer norm", first_row(rows.standardize(1, 0.0))),
            ("one group", column.standardize(0, 0.0).to_vec()),
            ("columns", first_row(columns.standardize(0, 0.0).t().contiguous())),
            ("batch norm of columns", first_row(columns.batch_norm_train(None, options).t().contiguous())),
            ("batch norm", rows.unsqueeze(0).batch_norm_train(None, options).to_vec()[..n].to_vec()),
            ("variance", vec![column.var(0, 0.0, false).item()]),
            ("variance of rows", rows.var(1, 0.0, false).to_vec()[..1].to_vec()),
            ("variance of columns", columns.var(0, 0.0, false).to_vec()[..1].to_vec()),
            ("gradient of the variance", gradient(column)),
        ]
    }

    #[test]
    fn a_first_element_that_is_an_outlier_costs_no_digits() {
        for (n, first, size) in [(1024, 1e4, 1.7), (1024, -1e6, 1.0), (1 << 16, 1e7, 0.0)] {
            let x = outlier(n, first, size);
            let exact: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
            let mean = exact.iter().sum::<f64>() / n as f64;
            let variance = exact.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64;
            for (way, found) in ways(&x, &Tape::new()) {
                // Deviations beside the first one: the deviation by which all are divided has the rounding of a sum of squares, as variances do.
                let deviations = found.len() == n;
                // Each addition to the first one rounds by half a unit in its last place: all n of a column do, else those of a lane.
                let rounding = 6e-8 / if way.ends_with("columns") { 1.0 } else { 32.0 };
                for (i, &y) in found.iter().enumerate() {
                    let (found, right, bound) = match deviations {
                        true => (f64::from(y) / f64::from(found[0]), (exact[i] - mean) / (exact[0] - mean), rounding),
                        false => (f64::from(y), variance, 1e-4 * variance),
                    };
                    assert!((found - right).abs() <= bound + 1e-5 * right.abs(), "{way} of {n}, {first}: {found} at {i}, not {right}");
                }
            }
        }
    }

    #[test]
    fn equal_numbers_have_variance_0_to_the_bit() {
        for x in [0.1, 1e4 + 0.3, 1e30, -3e38] {
            for (way, found) in ways(&[x; 3001], &Tape::new()).into_iter().filter(|(way, _)| way.contains("variance")) {
                assert!(found.iter().all(|&y| y == 0.0), "{way} of {x}: {found:?}");
            }
        }
    }

    #[test]
    fn outliers_give_the_same_bits_at_any_number_of_threads() {
        let bits = || {
            let x = outlier(100_000, 1e7, 1.0);
            let all = ways(&x, &Tape::new()).into_iter().flat_map(|(_, y)| y);
            all.map(f32::to_bits).collect::<Vec<u32>>()
        };
        let at = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads").install(bits);
        let one = at(1);
        assert!(one == at(2) && one == at(3));
    }

    #[test]
    fn groups_of_zeros_and_groups_at_the_ends_of_the_type_have_their_deviations() {
        // Zeros, equal numbers, equal ones whose squares vanish, squares beyond both ends, distances that are small beside the numbers, what is
        // not finite.
        const ABOVE: f32 = f32::from_bits(1e-15_f32.to_bits() + 2);
        const KINDS: [[f32; 2]; 8] =
            [[0.0; 2], [3.0; 2], [1e-30; 2], [1e-30, 3e-30], [-2e30, 2e30], [1e-15, ABOVE], [f32::NAN, 0.0], [f32::INFINITY, 0.0]];
        let n = 8 * 1000;
        let tape = Tape::<f32>::new();
        let x = tape.leaf((0..n).flat_map(|i| KINDS[i % 8]).collect::<Vec<f32>>()).reshape_to([n, 2].into());
        let small = (ABOVE - 1e-15) / 2.0;
        let right = [0.0, 0.0, 0.0, 1e-30, 2e30, small, f32::NAN, f32::NAN];
        for (way, y) in [("rows", x.std(1, 0.0, false)), ("columns", x.t().contiguous().std(0, 0.0, false))] {
            for (i, y) in y.to_vec().into_iter().enumerate() {
                let right = right[i % 8];
                let near = y == right || (y / right - 1.0).abs() < 1e-6 || y.is_nan() && right.is_nan();
                assert!(near, "{way}: {y}, not {right}, of {:?}", KINDS[i % 8]);
            }
        }
    }
}
