//! How are elementwise ops computed? One loop over contiguous slices, compiled for each instruction set; operands that are strided or
//! broadcast are first copied, a few hundred elements at a time, into a stack buffer that stays in the first-level cache.

use crate::array::scalar::{Known, Scalar};
use crate::array::simd::{Kernel, Libm, Simd, dispatch};
use crate::array::view::View;
use crate::kernels::parallel;
use crate::kernels::strided::{Nest, gather};

/// Elements of a cheap function from which a thread of its own pays.
const GRAIN: usize = 32 * 1024;

/// A function of `N` numbers.
pub(crate) trait Elementwise<T, const N: usize>: Copy + Sync {
    /// Elements from which a thread of its own pays: about 32k for a pass bound by memory, 8k where exp or tanh is computed.
    const GRAIN: usize = GRAIN;
    /// Inputs beyond this size are computed by the standard library's functions (see [`Simd::LIBM`]).
    const BOUND: f64 = f64::INFINITY;
    /// Whether the function is made of correctly rounded operations only, so that every instruction set gives the same bits.
    const EXACT: bool = false;
    /// The function. Must be `#[inline(always)]`, so that the loop around it is vectorised.
    fn at<S: Simd>(self, x: [T; N]) -> T;
}

/// Elements of a strided operand that are copied at a time; small arrays are spared the clearing of a large buffer.
const CHUNK: usize = 512;
const SMALL_CHUNK: usize = 32;

struct Loop<'a, T, F, const N: usize> {
    f: F,
    x: [&'a [T]; N],
    y: &'a mut [T],
}

impl<T: Scalar, F: Elementwise<T, N>, const N: usize> Kernel for Loop<'_, T, F, N> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let n = self.y.len();
        let x = shorten(self.x, n);
        if F::BOUND < f64::INFINITY && x.iter().any(|x| beyond(x, T::from_f64(F::BOUND))) {
            // Element by element, so that the bits of one do not depend on its neighbours.
            for (i, y) in self.y.iter_mut().enumerate() {
                // SAFETY: i is below n.
                let x = unsafe { pick(&x, i) };
                *y = if beyond(&x, T::from_f64(F::BOUND)) { self.f.at::<Libm>(x) } else { self.f.at::<S>(x) };
            }
            return;
        }
        for (i, y) in self.y.iter_mut().enumerate() {
            // SAFETY: i is below n.
            *y = self.f.at::<S>(unsafe { pick(&x, i) });
        }
    }
}

/// The first `n` elements of each. (Here and in [`pick`] plain loops: `map` on arrays is a lot of code in each of its instances.)
#[inline(always)]
fn shorten<T, const N: usize>(mut x: [&[T]; N], n: usize) -> [&[T]; N] {
    for x in &mut x {
        *x = &x[..n];
    }
    x
}

/// Element `i` of each. A check of bounds, though it never fails, costs the loop its last 64 elements: they are left to a scalar rest.
///
/// # Safety
/// Every slice must have more than `i` elements.
#[inline(always)]
unsafe fn pick<T: Scalar, const N: usize>(x: &[&[T]; N], i: usize) -> [T; N] {
    let mut at = [T::ZERO; N];
    for k in 0..N {
        // SAFETY: the caller's.
        at[k] = unsafe { *x[k].get_unchecked(i) };
    }
    at
}

struct One<T, F, const N: usize> {
    f: F,
    x: [T; N],
}

impl<T: Scalar, F: Elementwise<T, N>, const N: usize> Kernel for One<T, F, N> {
    type Out = T;
    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> T {
        if F::BOUND < f64::INFINITY && beyond(&self.x, T::from_f64(F::BOUND)) {
            return self.f.at::<Libm>(self.x);
        }
        self.f.at::<S>(self.x)
    }
}

/// As [`One`], of one or two numbers, which travel in registers, where arrays go through memory.
struct Few<T, F, const N: usize> {
    f: F,
    a: T,
    b: T,
}

impl<T: Scalar, F: Elementwise<T, N>, const N: usize> Kernel for Few<T, F, N> {
    type Out = T;
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> T {
        let mut x = [self.a; N];
        if N == 2 {
            x[1] = self.b;
        }
        One { f: self.f, x }.run(simd)
    }
}

/// Whether a finite element is larger than the bound.
#[inline(always)]
fn beyond<T: Scalar>(x: &[T], bound: T) -> bool {
    let large = |x: T| (x > bound || x < -bound) && x < T::INFINITY && x > -T::INFINITY;
    x.iter().fold(false, |any, &x| any | large(x))
}

/// `f` of one number each: the bits that it gives in an array, where they could differ by the same instructions.
#[inline(always)]
pub(crate) fn one<T: Scalar, F: Elementwise<T, N>, const N: usize>(f: F, x: [T; N]) -> T {
    match N {
        _ if F::EXACT => f.at::<Libm>(x),
        1 | 2 => dispatch(Few { f, a: x[0], b: x[N - 1] }),
        _ => dispatch(One { f, x }),
    }
}

/// `y = f(x..)` over arrays of one shape, the output contiguous.
#[inline(always)]
pub(crate) fn apply<T: Scalar, F: Elementwise<T, N>, const N: usize>(f: F, x: [View<'_, T>; N], y: &mut [T]) {
    if let [y] = y {
        let mut at = [T::ZERO; N];
        for k in 0..N {
            at[k] = x[k].data[x[k].offset];
        }
        *y = one(f, at);
        return;
    }
    apply_many(f, x, y);
}

/// `y = f(x..)` over slices of one length.
pub(crate) fn slices<T: Scalar, F: Elementwise<T, N>, const N: usize>(f: F, x: [&[T]; N], y: &mut [T]) {
    dispatch(Loop { f, x, y });
}

/// The loop of one function for the instruction set of this machine, its type forgotten: what walks over arrays is compiled once.
type Run<'f, T, const N: usize> = &'f (dyn Fn([&[T]; N], &mut [T]) + Sync);

fn apply_many<T: Scalar, F: Elementwise<T, N>, const N: usize>(f: F, x: [View<'_, T>; N], y: &mut [T]) {
    if y.len() < 2 * F::GRAIN && x.iter().all(|x| x.layout.is_contiguous()) {
        // Straight to the loop: what is computed in blocks comes by here once a block.
        let mut s: [&[T]; N] = [&[]; N];
        for k in 0..N {
            s[k] = &x[k].data[x[k].offset..x[k].offset + y.len()];
        }
        return slices(f, s, y);
    }
    walk(&|x, y| slices(f, x, y), F::GRAIN, x, y);
}

/// Calls `run` with slices of the operands that lie in order.
#[inline(never)]
fn walk<T: Scalar, const N: usize>(run: Run<'_, T, N>, grain: usize, x: [View<'_, T>; N], y: &mut [T]) {
    if x.iter().all(|x| x.layout.is_contiguous()) {
        let slices = x.map(|x| &x.data[x.offset..x.offset + y.len()]);
        return parallel::parts(y, grain, &|first, y| run(slices.map(|x| &x[first..][..y.len()]), y));
    }
    if y.is_empty() {
        return;
    }
    let nest = Nest::new(x[0].shape(), x.map(|x| x.strides()), |_| true);
    let start = x.map(|x| x.offset as isize);
    let data = x.map(|x| x.data);
    let each = grain.div_ceil(nest.row) * nest.row;
    parallel::parts(y, each, &|first, y| match y.len() {
        ..=SMALL_CHUNK => strided_rows::<T, N, SMALL_CHUNK>(run, data, &nest, start, first / nest.row, y),
        _ => strided_rows::<T, N, CHUNK>(run, data, &nest, start, first / nest.row, y),
    });
}

/// Some rows of the output, of operands of which some are strided.
fn strided_rows<T: Scalar, const N: usize, const CHUNK: usize>(
    run: Run<'_, T, N>,
    data: [&[T]; N],
    nest: &Nest<N>,
    start: [isize; N],
    first: usize,
    y: &mut [T],
) {
    let mut buffers = [[T::ZERO; CHUNK]; N];
    let mut done = 0;
    nest.each(first..first + y.len() / nest.row, start, |at| {
        let row = &mut y[done..done + nest.row];
        done += nest.row;
        for (c, y) in row.chunks_mut(CHUNK).enumerate() {
            let n = y.len();
            for k in 0..N {
                // A repeated number has to be laid out only once a row.
                if nest.step[k] != 1 && (nest.step[k] != 0 || c == 0) {
                    gather(data[k], at[k] + (c * CHUNK) as isize * nest.step[k], nest.step[k], &mut buffers[k][..n]);
                }
            }
            let x = std::array::from_fn(|k| match nest.step[k] {
                1 => &data[k][at[k] as usize + c * CHUNK..][..n],
                _ => &buffers[k][..n],
            });
            run(x, y);
        }
    });
}

/// `x += y`
struct AddInPlace<'a, T> {
    x: &'a mut [T],
    y: &'a [T],
}

impl<T: Scalar> Kernel for AddInPlace<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        self.x.iter_mut().zip(self.y).for_each(|(x, &y)| *x += y);
    }
}

/// `x += y`, for code that is generic: what it calls is compiled in this crate.
pub(crate) fn add_in_place<T: Scalar>(x: &mut [T], y: &[T]) {
    fn add<T: Scalar>(x: &mut [T], y: &[T]) {
        parallel::parts(x, GRAIN, &|first, x| dispatch(AddInPlace { y: &y[first..][..x.len()], x }));
    }
    fn add_f32(x: &mut [f32], y: &[f32]) {
        add(x, y);
    }
    fn add_f64(x: &mut [f64], y: &[f64]) {
        add(x, y);
    }
    match (T::known_mut(x), T::known(y)) {
        (Known::F32(x), Known::F32(y)) => add_f32(x, y),
        (Known::F64(x), Known::F64(y)) => add_f64(x, y),
        _ => unreachable!("both are of one type"),
    }
}
