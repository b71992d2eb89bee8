//! How are the means and variances of groups computed, without losing digits to a large offset, an outlier or the ends of the type?

use super::formulas::{Deviation, DeviationFrom, Magnitude, ScaledDeviation, ScaledSquare, SquaredDeviation};
use super::group::GroupMean;
use super::{GRAIN, Standard, first_elements, spread, together, view};
use crate::array::layout::{Axes, Layout};
use crate::array::scalar::Scalar;
use crate::array::simd::dispatch;
use crate::array::view::View;
use crate::kernels::elementwise::{Elementwise, apply};
use crate::kernels::fold::{fold, group};
use crate::kernels::parallel;
use crate::kernels::reduce;
use crate::kernels::scratch;
use crate::kernels::strided::copy;
use crate::kernels::unit::{by_type, is_safe, unit};

/// Whether the first element of a group of n is so far from the others that a mean from the deviations from it has lost digits. Within four
/// standard deviations, as all but one in 16,000 normal numbers are, the loss is no larger than rounding.
#[inline(always)]
pub(crate) fn is_outlier<T: Scalar>(first: T, mean: T, squares: T, n: T) -> bool {
    let distance = first - mean;
    distance * distance * n > T::from_f64(16.0) * squares
}

/// Whether the first element of any group is an outlier.
fn has_outlier<T: Scalar>(x: View<'_, T>, axes: Axes, mean: &[T], squares: &[T]) -> bool {
    let count = axes.count(x.shape());
    // One squared deviation is at most the sum of all.
    if count <= 16 {
        return false;
    }
    let n = T::from_f64(count as f64);
    scratch::with(mean.len(), |first| {
        copy(View { layout: &first_elements(&x, axes)[1], ..x }, first);
        first.iter().zip(mean).zip(squares).any(|((&first, &mean), &squares)| is_outlier(first, mean, squares, n))
    })
}

/// Corrects means by the mean deviation from them, so that no digits are lost where the first element of a group is an outlier.
fn refine<T: Scalar>(x: View<'_, T>, axes: Axes, mean: &mut [T]) {
    let n = T::from_f64(axes.count(x.shape()) as f64);
    scratch::with(mean.len(), |sums| {
        fold(Deviation, [x, view(mean, &spread(&x, axes))], axes, reduce::Sum, sums);
        mean.iter_mut().zip(sums).for_each(|(mean, sum)| *mean += *sum / n);
    });
}

/// The means over axes, from the deviations from the first element of each group: the mean of equal numbers is exact, and a large common offset
/// costs no digits.
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
    let [all, each] = first_elements(&x, axes);
    fold(Deviation, [x, View { layout: &all, ..x }], axes, reduce::Sum, mean);
    scratch::with(mean.len(), |first| {
        copy(View { layout: &each, ..x }, first);
        mean.iter_mut().zip(first).for_each(|(mean, first)| *mean = *first + *mean / n);
    });
}

/// A group whose squares are not within the type, in a unit of its own.
struct FarGroup<'a, T> {
    x: View<'a, T>,
    axes: Axes,
    unit: T,
}

impl<'a, T: Scalar> FarGroup<'a, T> {
    /// In the unit in which the largest element is near 1, or `least` is, if that is larger.
    fn new(x: View<'a, T>, axes: Axes, least: f64) -> Self {
        let largest = FarGroup { x, axes, unit: T::ONE }.fold(Magnitude, reduce::Max);
        FarGroup { x, axes, unit: unit(if largest.to_f64() < least { T::from_f64(least) } else { largest }) }
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
    /// The sum of the squared deviations from m, all in the unit.
    fn squares(&self, m: T) -> T {
        self.fold(ScaledSquare(ScaledDeviation(self.unit, m)), reduce::Sum)
    }
}

/// The deviations from the means over axes.
pub(crate) fn center<T: Scalar>(x: View<'_, T>, axes: Axes, y: &mut [T]) {
    if y.is_empty() {
        return;
    }
    let layout = spread(&x, axes);
    let groups = y.len() / axes.count(x.shape());
    scratch::with(groups, |mean| {
        means(x, axes, mean);
        refine(x, axes, mean);
        for (i, mean) in mean.iter_mut().enumerate().filter(|(_, mean)| !mean.to_f64().is_finite()) {
            // The sum is beyond the type; the mean may be within it.
            let (offset, layout) = group(&x, axes, i);
            let far = FarGroup::new(View { offset, layout: &layout, ..x }, axes, 0.0);
            *mean = far.mean() / far.unit;
        }
        apply(Deviation, [x, view(mean, &layout)], y);
    });
}

/// The sum over axes of the squared deviations from their mean, over a divisor; or the root of that.
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

impl Standard {
    /// The means, the sums of the squared deviations from them (without `center`, of the squares), and the units of those sums: 1 where mean square
    /// plus eps is within the type.
    pub(super) fn moments<T: Scalar>(self, x: View<'_, T>, mean: &mut [T], squares: &mut [T], unit: &mut [T]) {
        let (axes, count) = (self.axes, self.axes.count(x.shape()));
        if self.center {
            means(x, axes, mean)
        } else {
            mean.fill(T::ZERO)
        }
        let layout = spread(&x, axes);
        fold(SquaredDeviation, [x, view(mean, &layout)], axes, reduce::Sum, squares);
        if self.center && has_outlier(x, axes, mean, squares) {
            // Twice: with very many elements, the first time leaves a thousandth of the error.
            (0..2).for_each(|_| refine(x, axes, mean));
            fold(SquaredDeviation, [x, view(mean, &layout)], axes, reduce::Sum, squares);
        }
        unit.fill(T::ONE);
        let (n, eps) = (T::from_f64(count as f64), T::from_f64(self.eps));
        let safe = |squares: T| is_safe(squares / n + eps);
        if count == 0 || squares.iter().all(|&q| safe(q)) {
            return;
        }
        scratch::with(squares.len(), |largest| {
            fold(Magnitude, [x], axes, reduce::Max, largest);
            self.far_moments(x, largest, &safe, [mean, squares, unit]);
        });
    }

    /// The moments of the groups whose sums of squares are not safe, in units of their own.
    fn far_moments<T: Scalar>(self, x: View<'_, T>, largest: &[T], safe: &dyn Fn(T) -> bool, [mean, squares, unit]: [&mut [T]; 3]) {
        let axes = self.axes;
        for (i, &largest) in largest.iter().enumerate() {
            // The least difference between numbers of this size.
            let spacing = largest * T::from_f64(by_type::<T, _>(f64::from(f32::EPSILON), f64::EPSILON));
            // A unit changes nothing for zeros, for equal numbers (the square of any deviation would be more than 0), and for what is not finite.
            let equal = squares[i] == T::ZERO && is_safe(spacing * spacing);
            if safe(squares[i]) || largest == T::ZERO || equal || !largest.to_f64().is_finite() {
                continue;
            }
            let (offset, layout) = group(&x, axes, i);
            let far = FarGroup::new(View { offset, layout: &layout, ..x }, axes, self.eps.sqrt());
            let m = if self.center { far.mean() } else { T::ZERO };
            (mean[i], squares[i], unit[i]) = (m / far.unit, far.squares(m), far.unit);
        }
    }
}
