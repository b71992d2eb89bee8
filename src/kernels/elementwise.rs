//! How are elementwise ops computed? One loop over contiguous slices, compiled for each instruction set; operands that are strided or
//! broadcast are first copied, a few hundred elements at a time, into a stack buffer that stays in the first-level cache.

use crate::array::scalar::{Known, Scalar};
use crate::array::simd::{Kernel, Libm, LoopKernel, OfNumbers, Simd, dispatch, dispatch_numbers};
use crate::array::view::View;
use crate::kernels::parallel;
use crate::kernels::strided::{Nest, gather};

/// The cost of one element of an elementwise op.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// A few instructions: computing it again costs less than keeping it in memory.
    Cheap,
    /// An exponential or the like.
    Expensive,
}

impl Cost {
    /// Elements from which a thread of its own pays.
    const fn grain(self) -> usize {
        match self {
            Cost::Cheap => 32 * 1024,
            Cost::Expensive => 8 * 1024,
        }
    }
}

/// A function of `N` numbers.
pub(crate) trait Elementwise<T, const N: usize>: Copy + Sync {
    /// The cost of an element.
    const COST: Cost = Cost::Cheap;
    /// Inputs beyond this size are computed by the standard library's functions (see [`Simd::LIBM`]).
    const BOUND: f64 = f64::INFINITY;
    /// Whether the function is made of correctly rounded operations only, so that every instruction set gives the same bits.
    const EXACT: bool = false;
    /// The function. Must be `#[inline(always)]`, so that the loop around it is vectorised.
    fn at<S: Simd>(self, x: [T; N]) -> T;
}

/// Elements of a strided operand that are copied at a time. For small arrays fewer, since clearing a large buffer would take longer than the
/// computation.
const CHUNK: usize = 512;
const SMALL_CHUNK: usize = 32;

struct Loop<'a, T, F, const N: usize> {
    f: F,
    /// As long as `y`.
    x: [&'a [T]; N],
    y: &'a mut [T],
}

// There is one such loop for each function, number type and instruction set, about a thousand: hence index loops and no iterator chains,
// which are five times the code to compile.
impl<T: Scalar, F: Elementwise<T, N>, const N: usize> Kernel for Loop<'_, T, F, N> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Loop { f, x, y } = self;
        let n = y.len();
        if const { F::BOUND < f64::INFINITY } && any_beyond(&x, T::from_f64(F::BOUND)) {
            // Element by element, so that the bits of one do not depend on its neighbours.
            let mut i = 0;
            while i < n {
                // SAFETY: i is below the length of all slices.
                unsafe { *y.get_unchecked_mut(i) = bounded::<S, T, F, N>(f, pick(&x, i)) };
                i += 1;
            }
            return;
        }
        let mut i = 0;
        while i < n {
            // SAFETY: i is below the length of all slices.
            unsafe { *y.get_unchecked_mut(i) = f.at::<S>(pick(&x, i)) };
            i += 1;
        }
    }
}

/// Element `i` of each. (With a check of bounds, though it never fails, the last up to 64 elements are computed one by one.)
///
/// # Safety
/// Every slice must have more than `i` elements.
#[inline(always)]
unsafe fn pick<T: Scalar, const N: usize>(x: &[&[T]; N], i: usize) -> [T; N] {
    let mut at = [T::ZERO; N];
    let mut k = 0;
    while k < N {
        // SAFETY: the caller's.
        at[k] = unsafe { *x[k].get_unchecked(i) };
        k += 1;
    }
    at
}

/// The function at one place: beyond its bound, by the standard library's functions.
#[inline(always)]
fn bounded<S: Simd, T: Scalar, F: Elementwise<T, N>, const N: usize>(f: F, x: [T; N]) -> T {
    match beyond(&x, T::from_f64(F::BOUND)) {
        true => f.at::<Libm>(x),
        false => f.at::<S>(x),
    }
}
#[inline(always)]
fn any_beyond<T: Scalar>(x: &[&[T]], bound: T) -> bool {
    x.iter().any(|x| beyond(x, bound))
}
/// Whether a finite element is larger than the bound.
#[inline(always)]
fn beyond<T: Scalar>(x: &[T], bound: T) -> bool {
    let large = |x: T| (x > bound || x < -bound) && x < T::INFINITY && x > -T::INFINITY;
    x.iter().fold(false, |any, &x| any | large(x))
}

/// A function of the first `N` of three numbers.
#[derive(Clone, Copy)]
struct Number<F, const N: usize>(F);

impl<T: Scalar, F: Elementwise<T, N>, const N: usize> OfNumbers<T> for Number<F, N> {
    #[inline(always)]
    fn run<S: Simd>(self, a: T, b: T, c: T) -> T {
        let mut x = [a; N];
        if N > 1 {
            x[1] = b;
        }
        if N > 2 {
            x[2] = c;
        }
        if const { F::BOUND < f64::INFINITY } {
            return bounded::<S, T, F, N>(self.0, x);
        }
        self.0.at::<S>(x)
    }
}

/// `f` of one, two or three numbers (the others are not read), with the same bits as in an array.
#[inline(always)]
pub(crate) fn number<T: Scalar, F: Elementwise<T, N>, const N: usize>(f: F, a: T, b: T, c: T) -> T {
    const { assert!(1 <= N && N <= 3) };
    match F::EXACT {
        true => Number(f).run::<Libm>(a, b, c),
        false => dispatch_numbers(Number(f), a, b, c),
    }
}

/// `y = f(x..)` over arrays of one shape, the output contiguous.
#[inline(always)]
pub(crate) fn apply<T: Scalar, F: Elementwise<T, N>, const N: usize>(f: F, x: [View<'_, T>; N], y: &mut [T]) {
    let grain = F::COST.grain();
    match in_order(&x, y.len()) {
        // Small arrays, and what is computed in blocks.
        Some(x) if y.len() < 2 * grain => slices(f, x, y),
        _ => walk(&f, grain, x, y),
    }
}

/// The elements of the operands, if those of each lie in order.
fn in_order<'a, T: Scalar, const N: usize>(x: &[View<'a, T>; N], len: usize) -> Option<[&'a [T]; N]> {
    let mut slices: [&[T]; N] = [&[]; N];
    for (slice, x) in slices.iter_mut().zip(x) {
        if !x.layout.is_contiguous() {
            return None;
        }
        *slice = &x.data[x.offset..x.offset + len];
    }
    Some(slices)
}

/// The first `len` elements of each.
fn shorten<T>(x: &mut [&[T]], len: usize) {
    for x in x {
        *x = &x[..len];
    }
}

/// `y = f(x..)` over slices of one length.
pub(crate) fn slices<T: Scalar, F: Elementwise<T, N>, const N: usize>(f: F, mut x: [&[T]; N], y: &mut [T]) {
    shorten(&mut x, y.len());
    dispatch(Loop { f, x, y });
}

/// A function over slices of one length, as a trait object, so that the code that walks over arrays is compiled once. (Not `dyn Fn`, whose
/// table has functions that are never called.)
pub(crate) trait Run<T, const N: usize>: Sync {
    fn run(&self, x: [&[T]; N], y: &mut [T]);
}
impl<T: Scalar, F: Elementwise<T, N>, const N: usize> Run<T, N> for F {
    fn run(&self, x: [&[T]; N], y: &mut [T]) {
        slices(*self, x, y);
    }
}

/// Calls `f` with slices of the operands; those that are strided are copied first.
#[inline(never)]
fn walk<T: Scalar, const N: usize>(f: &dyn Run<T, N>, grain: usize, x: [View<'_, T>; N], y: &mut [T]) {
    if let Some(slices) = in_order(&x, y.len()) {
        return parallel::parts(y, grain, &|first, y| f.run(slices.map(|x| &x[first..][..y.len()]), y));
    }
    if y.is_empty() {
        return;
    }
    let nest = Nest::new(x[0].shape(), x.map(|x| x.strides()), |_| true);
    let start = x.map(|x| x.offset as isize);
    let data = x.map(|x| x.data);
    let each = grain.div_ceil(nest.row) * nest.row;
    parallel::parts(y, each, &|first, y| match y.len() {
        ..=SMALL_CHUNK => strided_rows::<T, N, SMALL_CHUNK>(f, data, &nest, start, first / nest.row, y),
        _ => strided_rows::<T, N, CHUNK>(f, data, &nest, start, first / nest.row, y),
    });
}

/// Some rows of the output, of operands of which some are strided.
fn strided_rows<T: Scalar, const N: usize, const CHUNK: usize>(
    f: &dyn Run<T, N>,
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
                // A repeated number is copied only once a row.
                if nest.step[k] != 1 && (nest.step[k] != 0 || c == 0) {
                    gather(data[k], at[k] + (c * CHUNK) as isize * nest.step[k], nest.step[k], &mut buffers[k][..n]);
                }
            }
            let x = std::array::from_fn(|k| match nest.step[k] {
                1 => &data[k][at[k] as usize + c * CHUNK..][..n],
                _ => &buffers[k][..n],
            });
            f.run(x, y);
        }
    });
}

/// `x += y`
struct AddInPlace<'a, T> {
    x: &'a mut [T],
    y: &'a [T],
}

impl<T: Scalar> LoopKernel for AddInPlace<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        self.x.iter_mut().zip(self.y).for_each(|(x, &y)| *x += y);
    }
}

/// `x += y`, for generic code: the functions that it calls are compiled in this crate.
pub(crate) fn add_in_place<T: Scalar>(x: &mut [T], y: &[T]) {
    fn add<T: Scalar>(x: &mut [T], y: &[T]) {
        parallel::parts(x, Cost::Cheap.grain(), &|first, x| dispatch(AddInPlace { y: &y[first..][..x.len()], x }));
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
